"""The limit over all codebooks, problem by problem: time, gap and peak memory in one table, results/limit.json.

    make bench                            prints the table; about five minutes on two cores, one BLAS thread
    python benchmarks/limit.py NAME ...   these problems alone, their rows anew

Each problem runs in a process of its own, whose peak memory is counted. Seconds are those of the processor, which
what else the machine does changes least; those on the wall stand beside them. `least` is what a release should keep.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import mfrd
from mfrd.report import outputs
from mfrd.solvers.outcome import decade

RESULTS = Path(__file__).resolve().parents[1] / "results" / "limit.json"
CHILD = "--child"
HEAD = f"{'problem':38} {'least':>6} {'cpu s':>7} {'wall s':>7} {'gap':>8} {'words':>5} {'rounds':>6} {'MB':>5}  status"


def plane():
    """The report's source of four modes, 40 x 40 letters of [-8, 8]^2."""
    return mfrd.bumps(mfrd.grid(-8, 8, 40, 2), [1] * 4, [[-4, -4], [4, -4], [-4, 4], [4, 4]], [1] * 4, 0.1)


def line():
    """The report's source of three modes, 100 letters of [-8, 8]."""
    return mfrd.bumps(mfrd.grid(-8, 8, 100), [0.25] * 3, [-5, -1, 2.5], [0.3, 0.6, 0.4], 0.015625)


def drawn():
    """271 letters drawn from N(0, I) in the plane, seed 0."""
    return mfrd.Source(np.random.default_rng(0).normal(size=(271, 2)), np.full(271, 1 / 271))


def gaussian_15():
    """A Gaussian on 15 x 15 letters of [-3, 3]^2."""
    return mfrd.bumps(mfrd.grid(-3, 3, 15, 2), [1], [[0, 0]], [1])


def space():
    """Two Gaussians at (+-1.5, 0, 0), std 0.7, on 12^3 letters of [-3.5, 3.5]^3."""
    return mfrd.bumps(mfrd.grid(-3.5, 3.5, 12, 3), [1, 1], [[-1.5, 0, 0], [1.5, 0, 0]], [0.7, 0.7])


def core(source, D, radius=1.0):
    """A budget of the letters within a radius of the origin."""
    return mfrd.Fidelity(D, on=np.linalg.norm(source.x, axis=1) < radius, name="core")


def halved():
    """The drawn letters at D = 0.5 with those of abs(x) < 0.5 at half of what they spend there."""
    source, on = drawn(), abs(drawn().x[:, 0]) < 0.5
    free = mfrd.limit(source, [mfrd.Fidelity(0.5), mfrd.Fidelity(9.0, on=on, name="core")])
    bound = mfrd.Fidelity(free.distortions["core"] / 2, on=on, name="core")
    return timed(lambda: mfrd.limit(source, [mfrd.Fidelity(0.5), bound]))


def alone(source, *fidelities, tol=1e-6):
    """The measured limit of one problem."""
    return timed(lambda: mfrd.limit(source, fidelities, tol=tol))


def swept(source, D, tol):
    """The measured sweep over the global budget."""
    return timed(lambda: mfrd.limit_curve(source, mfrd.Fidelity(1.0), "global", D, tol=tol))


def timed(run):
    """What a row of the table says of a run."""
    mfrd.limit(mfrd.Source([0.0, 1.0], [0.5, 0.5]), mfrd.Fidelity(0.1))  # imports are no part of it
    begun, cpu = time.perf_counter(), time.process_time()
    found = run()
    limits = [found] if isinstance(found, mfrd.Limit) else list(found)
    return {
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - begun,
        "gap": max(each.gap for each in limits),
        "words": max(len(each.codebook) for each in limits),
        "rounds": sum(each.stats.iterations for each in limits),
        "status": "/".join(sorted({str(each.status) for each in limits})),
    }


LINE, PLANE = "100 letters of [-8, 8], three modes", "40 x 40 letters of [-8, 8]^2, four modes"
DRAWN = "271 letters drawn from N(0, I), seed 0"
PROBLEMS = {  # name: (seconds that a release should keep, source and tolerance, what is measured)
    "line, D = 0.6": (0.012, LINE, lambda: alone(line(), mfrd.Fidelity(0.6))),
    "line, D = 0.6, core 0.05": (0.17, LINE, lambda: alone(line(), mfrd.Fidelity(0.6), core(line(), 0.05))),
    "plane, D = 8, core 0.15": (1.4, PLANE, lambda: alone(plane(), mfrd.Fidelity(8.0), core(plane(), 0.15, 2.0))),
    "plane, D = 4, core 0.1": (1.4, PLANE, lambda: alone(plane(), mfrd.Fidelity(4.0), core(plane(), 0.1, 2.0))),
    "plane, D = 2": (10, PLANE, lambda: alone(plane(), mfrd.Fidelity(2.0))),
    "plane, D = 1": (30, PLANE, lambda: alone(plane(), mfrd.Fidelity(1.0))),
    "plane, D = 0.5": (60, PLANE, lambda: alone(plane(), mfrd.Fidelity(0.5))),
    "plane, D = 0.2": (180, PLANE + ", tol 1e-5", lambda: alone(plane(), mfrd.Fidelity(0.2), tol=1e-5)),
    "Gaussian, D = 0.5": (5, "15 x 15 letters of [-3, 3]^2", lambda: alone(gaussian_15(), mfrd.Fidelity(0.5))),
    "drawn, D = 0.5": (5, DRAWN, lambda: alone(drawn(), mfrd.Fidelity(0.5))),
    "drawn, D = 0.5, abs(x) < 0.5 at half": (5, DRAWN, halved),
    "line, 60 budgets, 1e-3 to 3": (3, LINE, lambda: swept(line(), np.geomspace(1e-3, 3, 60), 1e-6)),
    "plane, 16 budgets, 8 to 0.5": (90, PLANE + ", tol 1e-5", lambda: swept(plane(), np.geomspace(8, 0.5, 16), 1e-5)),
    "space, D = 1.4": (
        120,
        "12^3 letters of [-3.5, 3.5]^3, Gaussians at (+-1.5, 0, 0), std 0.7, tol 1e-5",
        lambda: alone(space(), mfrd.Fidelity(1.4), tol=1e-5),
    ),
}


def main(names):
    """Print the table, a process a problem, and write what was measured beside what the file has."""
    print(HEAD, flush=True)
    rows = json.loads(RESULTS.read_text()) if names and RESULTS.exists() else {}
    for name in names or PROBLEMS:
        child = subprocess.run([sys.executable, __file__, CHILD, name], capture_output=True, text=True, check=True)
        row = json.loads(child.stdout.splitlines()[-1])
        least, source, _ = PROBLEMS[name]
        print(
            f"{name:38} {least:6} {row['cpu']:7.2f} {row['wall']:7.2f} {row['gap']:8.1e} {row['words']:5} "
            f"{row['rounds']:6} {row['peak']:5.0f}  {row['status']}; {source}",
            flush=True,
        )
        rows[name] = {
            "source": source,
            "seconds_to_keep": least,
            "cpu_seconds": float(f"{row['cpu']:.2g}"),
            "wall_seconds": float(f"{row['wall']:.2g}"),
            "gap_bits": decade(row["gap"], -16),
            "codewords": row["words"],
            "rounds": row["rounds"],
            "peak_MiB": round(row["peak"]),
            "status": row["status"],
        }
    outputs.write_atomic(RESULTS, (json.dumps(rows, indent=1) + "\n").encode())


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        measured = PROBLEMS[sys.argv[2]][2]()
        print(json.dumps({**measured, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
    else:
        main(sys.argv[1:])
