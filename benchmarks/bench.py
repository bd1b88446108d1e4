"""Newton against Clarabel, Blahut-Arimoto and the floor, side by side in one run.

    make bench        prints a table and writes results/bench.json; about five minutes on two cores, one thread

Every speed is a ratio to Newton's time in the same run: machines differ, ratios less so. The gaps are certified.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import json
import resource
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.linalg.blas import dsyrk

import mfrd
from mfrd.problems.units import NATS_PER_BIT
from mfrd.report import outputs
from mfrd.solvers.blahut import fixed_point
from mfrd.solvers.certificate import dual_encoder
from mfrd.solvers.choice import encoder_and_dual
from mfrd.solvers.interior_point import BOLD, centre, interior_point
from mfrd.solvers.outcome import Proposal, decade
from mfrd.solvers.saddle import Saddle
from mfrd.solvers.solution import Solution

ROOT = Path(__file__).resolve().parents[1]
BLAHUT_SECONDS = 40.0  # after which Blahut-Arimoto is stopped and its ratio is a lower bound
GAP = 1e-9  # bits, what Newton is asked for on P1 to P4


def sources():
    """The report's sources by name."""
    x, g = mfrd.grid(-8, 8, 100), mfrd.grid(-8, 8, 40, 2)
    return {
        "gaussian_1d": mfrd.bumps(mfrd.grid(-3, 3, 50), [1], [0], [1]),
        "refine_1d": mfrd.bumps(x, [0.25] * 3, [-5, -1, 2.5], [0.3, 0.6, 0.4], 0.015625),
        "refine_2d": mfrd.bumps(g, [1] * 4, [[-4, -4], [4, -4], [-4, 4], [4, 4]], [1] * 4, 0.1),
    }


def budgets(source, D, D_core):
    """A global budget and one on the core of a source, |x| < 1 on the line and < 2 in the plane."""
    k = source.x.shape[1]
    return [mfrd.Fidelity(D), mfrd.Fidelity(D_core, on=np.linalg.norm(source.x, axis=1) < k, name="core")]


def small_problems():
    """P1 to P3b of the comparison."""
    s = sources()
    line, plane = mfrd.grid(-8, 8, 64), mfrd.grid(-8, 8, 6, 2)
    return {
        "P1": mfrd.Problem(s["gaussian_1d"], mfrd.grid(-3, 3, 8), [mfrd.Fidelity(0.6)]),
        "P2": mfrd.Problem(s["refine_1d"], line, budgets(s["refine_1d"], 0.6, 0.6)),
        "P2b": mfrd.Problem(s["refine_1d"], line, budgets(s["refine_1d"], 0.6, 0.02)),
        "P3": mfrd.Problem(s["refine_2d"], plane, budgets(s["refine_2d"], 8, 1)),
        "P3b": mfrd.Problem(s["refine_2d"], plane, budgets(s["refine_2d"], 4, 0.1)),
    }


def large_problem(name):
    """P4, P5 or P6."""
    if name == "P4":
        source = mfrd.bumps(mfrd.grid(-4, 4, 2000), [1], [0], [1])
        return mfrd.Problem(source, mfrd.grid(-4, 4, 500), [mfrd.Fidelity(0.05)])
    side = {"P5": 60, "P6": 100}[name]
    points = mfrd.grid(-3, 3, side, 2)
    return mfrd.Problem(mfrd.bumps(points, [1], [[0, 0]], [1]), points, [mfrd.Fidelity(0.5)])


def timed(run, repeats=1):
    """(least seconds, last answer) of a function of no argument: what else the machine did is not its cost."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = run()
        seconds.append(time.perf_counter() - start)
    return min(seconds), answer


def violation(solution):
    """The largest share by which a budget is exceeded, 0 where none is."""
    return max(0.0, *(solution.distortions[f.name] / f.D - 1 for f in solution.problem.fidelities))


def solved(problem, solver, repeats, tol):
    """(seconds, solution) of solving afresh: nothing that an earlier call computed is kept."""
    return timed(lambda: mfrd.solve(replace(problem), solver, tol=tol), repeats)


def blahut(problem, newton):
    """(seconds, reached) of Blahut-Arimoto to the same gap, stopped after about BLAHUT_SECONDS.

    Textbook bisection on the slope where one budget binds; where two do, each slope is bisected in turn, the other
    held, until the certificate closes. Which budgets bind is told: a favour.
    """
    binding = [f for f in problem.fidelities if newton.prices[f.name] > 1e-9]
    alone = mfrd.Problem(problem.source, problem.codebook, binding)
    start = time.perf_counter()
    if len(binding) > 1:
        return cyclic_bisection(alone, start)
    updates = 1000
    while time.perf_counter() - start < BLAHUT_SECONDS / 3:
        began = time.perf_counter()
        try:
            mfrd.blahut_arimoto(replace(alone), tol=GAP, max_iterations=updates)
            seconds = time.perf_counter() - began
            run = lambda: mfrd.blahut_arimoto(replace(alone), tol=GAP, max_iterations=updates)  # noqa: B023, called at once
            return (timed(run, 10)[0] if seconds < 1 else seconds), True
        except mfrd.NotCertified:
            updates *= 4
    return time.perf_counter() - began, False


def cyclic_bisection(problem, start):
    """Blahut-Arimoto for several budgets: (seconds, whether the certified gap came below GAP)."""
    lam, width = 1 / problem.units, 8.0
    while time.perf_counter() - start < BLAHUT_SECONDS:
        for r in range(len(lam)):
            low, high = np.log(lam[r]) - np.log(width), np.log(lam[r]) + np.log(width)
            for _ in range(12):
                lam[r] = np.exp((low + high) / 2)
                q, _ = fixed_point(problem.source.p, problem.exponents(lam), 1.0, GAP * NATS_PER_BIT / 4, 10**6)
                spent = problem.mean_excess(dual_encoder(problem, lam, q)[0])[r]
                low, high = (np.log(lam[r]), high) if spent > problem.excess_budgets[r] else (low, np.log(lam[r]))
        width = 1 + 0.5 * (width - 1)
        if Solution(problem, *encoder_and_dual(problem, Proposal(lam, q))).gap <= GAP:
            return time.perf_counter() - start, True
    return time.perf_counter() - start, False


def compare():
    """P1 to P3b: Newton's milliseconds, gap and violation; the others' time as multiples of Newton's."""
    rows = {}
    for name, problem in small_problems().items():
        seconds, newton = solved(problem, "newton", 50, GAP)
        repeats = 10 if problem.n < 100 else 3 if problem.n < 1000 else 1
        conic_seconds, conic = solved(problem, "clarabel", repeats, 1e-6)
        blahut_seconds, reached = blahut(problem, newton)
        rows[name] = {
            "newton_ms": 1e3 * seconds,
            "gap_bits": newton.gap,
            "violation": violation(newton),
            "clarabel_ratio": conic_seconds / seconds,
            "clarabel_gap_bits": conic.gap,
            "blahut_ratio": blahut_seconds / seconds,
            "blahut_reached_the_gap": reached,
            "rate_difference_bits": abs(newton.rate - conic.rate),
        }
        say(name, rows[name])
    return rows


def large():
    """P4 to P6, each in a process of its own for its peak memory."""
    rows = {}
    for name, tol in (("P4", 1e-9), ("P5", 1e-8), ("P6", 1e-8)):
        out = subprocess.run([sys.executable, __file__, name, str(tol)], check=True, capture_output=True, text=True)
        rows[name] = json.loads(out.stdout)
        say(name, rows[name])
    return rows


def large_in_this_process(name, tol):
    """One large problem: seconds, certified gap, codewords in use, peak memory."""
    seconds, solution = timed(lambda: mfrd.solve(large_problem(name), "newton", tol=tol))
    return {
        "pairs": solution.problem.n * solution.problem.m,
        "seconds": seconds,
        "gap_bits": solution.gap,
        "violation": violation(solution),
        "codewords_used": len(solution.encoder.support),
        "peak_MiB": peak_MiB(),
    }


def peak_MiB():
    """Peak resident memory of this process; Linux counts from its own start, others from the parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(l for l in status.read_text().splitlines() if l.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def sweep():
    """gaussian_1d, 100 budgets: milliseconds a point and the largest gap."""
    problem = small_problems()["P1"]
    run = lambda: mfrd.rd_curve(replace(problem), "global", np.linspace(0.1, 3, 100), solver="newton")
    seconds, curve = timed(run, 3)
    row = {"ms_a_point": 10 * seconds, "largest_gap_bits": max(s.gap for s in curve)}
    say("sweep of 100", row)
    return row


def limits():
    """The limit over all codebooks of refine_1d and refine_2d with subset budgets that bind."""
    rows = {}
    for name, D, D_core in (
        ("refine_1d", 0.6, 0.05),
        ("refine_1d", 0.6, 0.02),
        ("refine_2d", 8, 0.15),
        ("refine_2d", 4, 0.1),
    ):
        source = sources()[name]
        seconds, limit = timed(lambda: mfrd.limit(source, budgets(source, D, D_core)), 3)
        rows[f"{name}, D {D}, D' {D_core}"] = {
            "seconds": seconds,
            "gap_bits": limit.gap,
            "codewords": len(limit.codebook),
        }
        say(f"limit {name} {D} {D_core}", rows[f"{name}, D {D}, D' {D_core}"])
    return rows


def floors():
    """An iteration of the interior point against its n m exponentials and one m x m product, timed alone."""
    rows = {}
    for n, m in ((2000, 500), (1000, 1000), (500, 500)):
        source = mfrd.bumps(mfrd.grid(-4, 4, n), [1], [0], [1])
        problem = mfrd.Problem(source, mfrd.grid(-4, 4, m), [mfrd.Fidelity(0.5)])
        saddle = Saddle(problem, np.arange(m), np.zeros(1))
        start = centre(saddle, BOLD)
        seconds, point = timed(lambda: interior_point(saddle, start, 1e-10, BOLD), 7)
        s, A = saddle.measures[0].e * 2.0, np.empty((n, m))
        exponentials, _ = timed(lambda: np.exp(np.negative(s, out=A), out=A), 15)
        product, _ = timed(lambda: dsyrk(1.0, A.T, lower=1), 15)
        rows[f"{n} x {m}"] = {
            "iterations": point.steps,
            "iteration_ms": 1e3 * seconds / point.steps,
            "ratio": seconds / point.steps / (exponentials + product),
        }
        say(f"floor {n} x {m}", rows[f"{n} x {m}"])
    return rows


def say(name, row):
    """One line a row on standard error."""
    values = ", ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items())
    print(f"{name:24s} {values}", file=sys.stderr, flush=True)


def rounded(node):
    """The results with three significant digits, gaps as powers of ten: more would be noise."""
    if isinstance(node, dict):
        return {key: decade(value, -16) if key.endswith("gap_bits") else rounded(value) for key, value in node.items()}
    return float(f"{node:.3g}") if isinstance(node, float) else node


def main():
    """Everything, then results/bench.json."""
    results = {"compare": compare(), "sweep": sweep(), "limits": limits(), "floor": floors(), "large": large()}
    text = json.dumps(rounded(results), indent=1) + "\n"
    outputs.write_atomic(ROOT / "results" / "bench.json", text.encode())


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(large_in_this_process(sys.argv[1], float(sys.argv[2]))))
    else:
        main()
