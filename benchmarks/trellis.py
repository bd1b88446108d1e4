"""Trellises in bytes: python benchmarks/trellis.py [table] [doublings] [gains] [speed] [--states S] [--rows R].

--states 8,256 and --rows "A;B" choose what the table has.

table: bits a sample above the certified bound at the distortions measured, in bytes on 10^6 fresh letters with headers
and checks, beside the best of ecsq and ecvq on the same letters. doublings: the same for one row and all numbers of
states. gains: granular gains on a uniform source in decibels, 10^6 samples each. speed: millions of samples a second,
encoded and decoded, by wall time and by processor time. Everything goes to results/trellis.json, which notebook
08_streams reads. Set OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1.
"""

import argparse
import json
import time
from functools import cache
from pathlib import Path

import numpy as np
from scipy.special import ndtr

import mfrd
from mfrd.quantisers.trellis_codes import POLYNOMIALS, TrellisCode
from mfrd.quantisers.trellis_design import STEPS, bound_at

SAMPLES = 1_000_000
DOUBLED = "Gaussian 0.25"  # the row that is designed with every number of states
RESULTS = Path(__file__).resolve().parents[1] / "results" / "trellis.json"


def cases():
    """{name: (source, fidelities, what is to be reached with 256 states, with any)}."""
    line = mfrd.bumps(mfrd.grid(-8, 8, 100), [0.25] * 3, [-5, -1, 2.5], [0.3, 0.6, 0.4], 1 / 64)
    edges = np.linspace(-5, 5, 401)
    masses = np.diff(ndtr(edges))
    normal = mfrd.Source((edges[1:] + edges[:-1]) / 2, masses / masses.sum())
    x = mfrd.grid(-12, 12, 601)
    laplacian = mfrd.Source(x, np.exp(-np.abs(x)) / np.exp(-np.abs(x)).sum())
    variance = float(laplacian.covariance[0, 0])

    def core(source, D, radius):
        return mfrd.Fidelity(D, on=np.abs(source.points) < radius, name="core")

    everywhere = mfrd.Fidelity
    return {
        "trimodal 0.6": (line, [everywhere(0.6)], 0.035, 0.02),
        "trimodal 0.6, core 0.05": (line, [everywhere(0.6), core(line, 0.05, 1)], 0.035, 0.02),
        "trimodal 1.0": (line, [everywhere(1.0)], 0.065, 0.03),
        "trimodal 0.3": (line, [everywhere(0.3)], 0.035, 0.03),
        "trimodal 0.05": (line, [everywhere(0.05)], 0.048, 0.03),
        "Gaussian 0.5": (normal, [everywhere(0.5)], 0.04, 0.025),
        "Gaussian 0.25": (normal, [everywhere(0.25)], 0.04, 0.025),
        "Gaussian 0.0625": (normal, [everywhere(0.0625)], 0.042, 0.025),
        "Gaussian 0.209, core 0.0177": (normal, [everywhere(0.209), core(normal, 0.0177, 0.5)], 0.055, 0.04),
        "Gaussian 0.262, core 0.0087": (normal, [everywhere(0.262), core(normal, 0.0087, 0.5)], 0.07, 0.05),
        "Laplacian 0.5": (laplacian, [everywhere(0.5 * variance)], 0.03, 0.02),
        "Laplacian 0.1": (laplacian, [everywhere(0.1 * variance)], 0.045, 0.03),
    }


@cache
def designed(name, states):
    """(the quantiser of a row, seconds, processor seconds of its design)."""
    source, fidelities, *_ = cases()[name]
    bound = mfrd.limit(source, fidelities)
    start, busy = time.perf_counter(), time.process_time()
    quantiser = mfrd.trellis(source, fidelities, states, bound=bound)
    return quantiser, time.perf_counter() - start, time.process_time() - busy


def rows_of(stream, fidelities):
    """E, (R,), of a stream whose fidelities have one row each."""
    return np.array([stream.distortions[f.name] for f in fidelities])


def table(results, states, names):
    """Rows of the table: gaps in bits a sample, in bytes on the same fresh letters."""
    for name, (source, fidelities, least, aim) in cases().items():
        if names and name not in names:
            continue
        found = results.setdefault("table", {}).setdefault(name, {"least": least, "aim": aim})
        bound = mfrd.limit(source, fidelities)
        letters = mfrd.draw(source, SAMPLES, 2026)
        found["bound"] = bound.lower_bound
        one = len(fidelities) == 1
        best = mfrd.ecsq(source, fidelities[0].D) if one else mfrd.ecvq(source, fidelities, bound=bound)
        stream = mfrd.measure(best, letters)
        gap = stream.bits - bound_at(bound, rows_of(stream, fidelities))
        found["scalar"] = {"by": "ecsq" if one else "ecvq", "gap": gap, "bits": stream.bits}
        for S in states:
            quantiser, *design = designed(name, S)
            stream = mfrd.measure(quantiser, letters)
            E = rows_of(stream, fidelities)
            off = {f.name: (e - f.D) / quantiser.standard_errors[f.name] for f, e in zip(fidelities, E)}
            found[str(S)] = {
                "gap": stream.bits - bound_at(bound, E),
                "model gap": quantiser.gap,
                "bits": stream.bits,
                "overhead": stream.bits - stream.cross_entropy,
                "distortions": stream.distortions,
                "standard errors over budgets": off,
                "standard errors over budgets when designed": {
                    f.name: (quantiser.distortions[f.name] - f.D) / quantiser.standard_errors[f.name]
                    for f in fidelities
                },
                "seconds of design": design[0],
                "processor seconds of design": design[1],
            }
            kept = ", ".join(f"{n} {v:+.1f} s.e." for n, v in off.items())
            print(
                f"{name:28s} {S:5d} states: bound {bound.lower_bound:.4f}, scalar +{gap:.4f}, "
                f"trellis +{found[str(S)]['gap']:.4f} (to reach {least:g}, {aim:g}), "
                f"overhead {found[str(S)]['overhead']:.4f}, {kept}; "
                f"design {design[0]:.1f} s, {design[1]:.1f} s of processor",
                flush=True,
            )
            save(results)


def granular_gain(code, N=SAMPLES, seed=0):
    """10 log10 (1/12 / (error / 4)) on a uniform source mod 4 with the integers as codewords, decibels."""
    L = -(-N // STEPS)
    x = 4 * np.random.default_rng(seed).random((STEPS, L), np.float32)
    error = 0.0
    for first in range(0, L, 64):
        lanes = x[:, None, first : first + 64]
        away = np.abs(lanes - np.arange(4, dtype=np.float32)[:, None])
        costs = np.minimum(away, 4 - away) ** 2
        labels = code.search(costs)
        error += float(np.take_along_axis(costs, labels[:, None].astype(np.intp), axis=1).sum(dtype=float))
    return 10 * np.log10(1 / 3 / (error / x.size))


def gains(results, states):
    for S in states:
        results.setdefault("gains", {})[str(S)] = gain = granular_gain(TrellisCode.of(S))
        print(f"granular gain {S:5d} states: {gain:.3f} dB", flush=True)
        save(results)


def speed(results, states):
    source = cases()[DOUBLED][0]
    x = source.x[mfrd.draw(source, 1 << 20, 1)]
    for S in states:
        codec = mfrd.Codec(designed(DOUBLED, S)[0])
        found, data = {}, codec.encode(x)
        for what, action in {"encode": lambda: codec.encode(x), "decode": lambda: codec.decode(data)}.items():
            times = []
            for _ in range(3 if S <= 256 else 1):
                start, busy = time.perf_counter(), time.process_time()
                action()
                times.append((time.perf_counter() - start, time.process_time() - busy))
            wall, busy = np.min(times, axis=0).tolist()
            found[what] = {"wall": len(x) / wall / 1e6, "processor": len(x) / busy / 1e6}
        results.setdefault("speed", {})[str(S)] = found
        print(f"{S:5d} states, million samples a second: {found}", flush=True)
        save(results)


def save(results):
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["table", "doublings", "gains", "speed"])
    parser.add_argument("--states", default="8,256,4096")
    parser.add_argument("--rows", default="")
    asked = parser.parse_args()
    chosen = [int(S) for S in asked.states.split(",")]
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if "table" in asked.parts:
        table(results, chosen, [name for name in asked.rows.split(";") if name])
    if "doublings" in asked.parts:
        table(results, sorted(set(POLYNOMIALS) - set(chosen)), [DOUBLED])
    if "gains" in asked.parts:
        gains(results, POLYNOMIALS)
    if "speed" in asked.parts:
        speed(results, POLYNOMIALS)
