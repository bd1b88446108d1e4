"""R(D) of densities, and of what samples come from: python benchmarks/density.py [PART ...], results/density.json.

    make bench                                   all parts: about twenty minutes of processor time
    python benchmarks/density.py densities       the enclosures alone; of samples, bounds, coverage, plane

densities: the enclosed R(D) of each row, its width, what is known of it and the time. bounds: the mean and the 5 %
quantile of the lower bound at 95 % over repetitions, and the time of one. coverage: how often the bound was above the
truth in so many repetitions, for laws that are smooth, discrete, rounded, of heavy tails and with an atom that most
samples do not show. plane: the same of a normal law in the plane. Seconds are those of the processor, one thread.
Repetition r of N samples draws from numpy.random.default_rng([r, N]).
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import json
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np

import mfrd
from mfrd.report import outputs

RESULTS = Path(__file__).resolve().parents[1] / "results" / "density.json"
Density, Fidelity = mfrd.Density, mfrd.Fidelity
TWO = Density.mixture([(0.5, Density.normal(-2, 0.5)), (0.5, Density.normal(1, 1))])
FAR = Density.mixture([(0.5, Density.normal(-50)), (0.5, Density.normal(50))])
NORMAL = Density.normal()
TENTHS = np.arange(-60, 61) / 10


def core(D, per="joint"):
    """A budget on (-0.5, 0.5)."""
    return Fidelity(D, on=[(-0.5, 0.5)], per=per, name="core")


def enclosures():
    """{row: (density, budgets, what is known, in bits, the width to reach)}."""
    rows = {f"normal, D {D:g}": (NORMAL, Fidelity(D), -np.log2(D) / 2, 1e-6) for D in (0.9, 0.5, 0.1, 0.01)}
    absolute = lambda D: Fidelity(D, distortion=mfrd.absolute_error)
    rows |= {f"Laplace, absolute {D:g}": (Density.laplace(), absolute(D), -np.log2(D), 1e-4) for D in (0.5, 0.1)}
    for density in (Density.uniform(), Density.laplace(), Density.exponential()):
        for share in (0.3, 0.05):
            budget = Fidelity(share * density.variance)
            rows[f"{density.name}, {share:g} of the variance"] = density, budget, None, 1e-6
    for D, inside in ((0.3, 0.01), (0.1, 0.002), (0.05, 0.0005)):
        rows[f"two normals, {D:g}, {inside:g} on (-0.5, 0.5)"] = TWO, [Fidelity(D), core(inside)], None, 1e-6
    rows["normal, 0.209, 0.0177 on (-0.5, 0.5)"] = NORMAL, [Fidelity(0.209), core(0.0177)], None, 1e-6
    return rows


def densities():
    """The enclosures, row by row."""
    found = {}
    for name, (density, budgets, known, width) in enclosures().items():
        started = time.process_time()
        limit = mfrd.limit(density, budgets, tol=width)
        row = {
            "lower_bound": round(limit.lower_bound, 9),
            "rate": round(limit.rate, 9),
            "width_bits": float(f"{limit.gap:.1e}"),
            "width_to_reach": width,
            "known": None if known is None else round(float(known), 9),
            "codewords": len(limit.codebook),
            "cpu_seconds": float(f"{time.process_time() - started:.2g}"),
            "status": str(limit.status),
        }
        found[name] = row
        print(f"{name:45} {row['lower_bound']:.7f} .. {row['rate']:.7f}  {row['cpu_seconds']:6} s", flush=True)
    return found


@cache
def discrete(points, p, D):
    """R(D) of letters, bits."""
    return mfrd.limit(mfrd.Source(np.array(points), np.array(p)), Fidelity(D)).rate


@cache
def truth(law, N):
    """Bits that the bound at the law's budgets may not exceed: R(D), or for the Cauchy law Shannon's lower bound."""
    if law in ("normal", "plane"):
        return 1.0 if law == "normal" else 2.0
    if law == "two points":
        return discrete((0.0, 1.0), (0.5, 0.5), 0.05)
    if law == "Cauchy":
        return float(np.log2(4 * np.pi) - np.log2(2 * np.pi * np.e * 0.5) / 2)
    if law == "normal, subset":
        return mfrd.limit(NORMAL, budgets(law)).rate
    if law == "two far normals":
        return mfrd.limit(FAR, budgets(law)).rate
    if law == "t(3)":
        return 1.0115  # of a fine discretisation
    fine = np.arange(-600, 601) / 100 if law == "atom" else TENTHS
    step = fine[1] - fine[0]
    p = np.diff(NORMAL.cdf(np.append(fine - step / 2, fine[-1] + step / 2)))
    p /= p.sum()
    if law == "rounded":
        return discrete(tuple(fine), tuple(p), 0.25)
    return discrete((*fine, 50.0), (*(p * (1 - 1 / N)), 1 / N), 0.25)


def budgets(law):
    """Its fidelities."""
    if law == "normal, subset":
        return [Fidelity(0.209), core(0.0177)]
    return [Fidelity({"two points": 0.05, "Cauchy": 0.5, "t(3)": 0.5, "plane": 0.5}.get(law, 0.25))]


def drawn(law, N, repetition):
    """N independent draws."""
    rng = np.random.default_rng([repetition, N])
    if law == "two points":
        return rng.integers(0, 2, N).astype(float)
    if law == "Cauchy":
        return rng.standard_cauchy(N)
    if law == "t(3)":
        return rng.standard_t(3, N)
    x = rng.standard_normal((N, 2) if law == "plane" else N)
    if law == "two far normals":
        return x + np.where(rng.random(N) < 0.5, -50, 50)
    if law == "atom":
        return np.where(rng.random(N) < 1 / N, 50.0, x)
    return np.round(x, 1) if law == "rounded" else x


def repeated(law, N, repetitions):
    """What the lower bounds of repetitions are."""
    bounds, rates, due, seconds = [], [], [], []
    for r in range(repetitions):
        x, started = drawn(law, N, r), time.process_time()
        found = mfrd.estimate(x, budgets(law))
        seconds.append(time.process_time() - started)
        bounds.append(found.lower_bound)
        rates.append(found.rate)
        due.append(found.due_to_samples)
    row = {
        "samples": N,
        "repetitions": repetitions,
        "truth": round(truth(law, N), 5),
        "mean_lower_bound": round(float(np.mean(bounds)), 5),
        "quantile_5": round(float(np.quantile(bounds, 0.05)), 5),
        "mean_rate": round(float(np.mean(rates)), 5),
        "due_to_samples": round(float(np.mean(due)), 5),
        "misses": int(np.sum(np.array(bounds) > truth(law, N))),
        "cpu_seconds": float(f"{np.median(seconds):.2g}"),
    }
    print(f"{law:18} N {N:8}  {row}", flush=True)
    return row


def bounds():
    """Mean lower bounds."""
    plan = [("normal", 10**6, 5), ("normal, subset", 10**3, 50), ("normal, subset", 10**4, 20)]
    plan += [("normal, subset", 10**5, 10), ("normal, subset", 10**6, 3), ("t(3)", 10**4, 20)]
    plan += [("two far normals", 10**4, 20)]
    limit = mfrd.limit(NORMAL, budgets("normal, subset"))  # the truth that the paper prints
    proof = mfrd.prove(limit, "density/bounds.normal, subset, 1000.truth")
    outputs.write_atomic(
        RESULTS.parent / "proofs" / "density.bounds.normal_subset_1000.truth.json.gz", proof.compressed()
    )
    return {f"{law}, {N}": repeated(law, N, repetitions) for law, N, repetitions in plan}


def coverage():
    """Misses of five laws in 200 repetitions, of the largest samples in fewer."""
    laws = ("normal", "two points", "atom", "rounded", "Cauchy")
    plan = [(law, N, 200) for N in (10**3, 10**4) for law in laws]
    plan += [(law, 10**5, 100) for law in laws[:-1]]  # of Cauchy's a call takes ten seconds
    return {f"{law}, {N}": repeated(law, N, repetitions) for law, N, repetitions in plan}


def plane():
    """Two independent normal coordinates."""
    return {f"plane, {N}": repeated("plane", N, repetitions) for N, repetitions in ((1000, 10), (10**4, 3), (10**5, 1))}


PARTS = {part.__name__: part for part in (densities, bounds, plane, coverage)}


def main(names):
    """Measure parts and write them beside what the file has."""
    unknown = set(names) - set(PARTS)
    if unknown:
        sys.exit(f"{', '.join(sorted(unknown))}: expected some of {', '.join(PARTS)}")
    for name in names or PARTS:
        measured = PARTS[name]()
        found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        outputs.write_atomic(RESULTS, (json.dumps({**found, name: measured}, indent=1) + "\n").encode())


if __name__ == "__main__":
    main(sys.argv[1:])
