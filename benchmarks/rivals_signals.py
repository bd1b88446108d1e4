"""Bytes of recorded signals at equal squared error: mfrd.compress against tools that anyone has.

A rival is a uniform quantiser whose indices, or their first or second differences, go through zlib, bz2, lzma, FLAC
or pcodec, or it is SZ3 or zfp on the samples; each is turned to just meet the error, and the smallest counts. Of two
fidelities a rival does the cheaper of two things: the tighter one everywhere, or two files, of the samples inside and
of those outside. The control is our own codec at one error everywhere, which takes as many bytes as two errors.

    python benchmarks/rivals_signals.py            writes results/rivals_signals.json
"""

import bz2
import io
import json
import lzma
import time
import zlib
from collections.abc import Callable
from functools import partial

import imagecodecs
import numpy as np
import pysz
import soundfile
from recordings import RECORDINGS

import mfrd
from mfrd.report.outputs import root

ONE = [  # signal, share of the variance
    ("PPG", 0.01), ("PPG", 0.001), ("speech", 0.01), ("speech", 0.001), ("ECG", 0.01), ("ECG", 0.001),
    ("seismogram KW1", 0.01), ("seismogram KW1", 0.001), ("seismogram RJOB, z", 0.01), ("seismogram RJOB, z", 0.001),
    ("seismogram RJOB", 0.01), ("temperatures", 0.01), ("temperatures", 0.001),
]  # fmt: skip
TWO = [("PPG", 0.01), ("speech", 0.01), ("ECG", 0.01), ("seismogram KW1", 0.01), ("seismogram RJOB", 0.01)]
TIGHTER, FIFTH, BLOCK = 10.0, 0.2, 64  # of squared errors; of blocks, the most energetic; samples of a block
STEPS, BOUNDS = 60, 48  # of a bisection; bounds that are tried


def narrow(whole: np.ndarray) -> np.ndarray:
    """Whole numbers in the smallest type that holds them."""
    return whole.astype(np.min_scalar_type(-max(1, int(np.abs(whole).max(initial=0)))))


def flac(whole: np.ndarray) -> int:
    """Bytes of FLAC at the fewest bits of a sample, or more than any other where 24 do not hold them."""
    most = int(np.abs(whole).max(initial=0))
    if most >= 1 << 23:
        return 1 << 62
    kind, shift = ("PCM_16", 16) if most < 1 << 15 else ("PCM_24", 8)
    file = io.BytesIO()
    soundfile.write(file, (whole << shift).astype(np.int32), 48_000, format="FLAC", subtype=kind, compression_level=1.0)
    return len(file.getvalue())


ENTROPY: dict[str, Callable[[np.ndarray], int]] = {
    "zlib": lambda whole: len(zlib.compress(narrow(whole).tobytes(), 9)),
    "bz2": lambda whole: len(bz2.compress(narrow(whole).tobytes(), 9)),
    "lzma": lambda whole: len(lzma.compress(narrow(whole).tobytes(), preset=9 | lzma.PRESET_EXTREME)),
    "pcodec": lambda whole: len(imagecodecs.pcodec_encode(whole.astype(np.int32), level=12)),
    "FLAC": flac,
}


def met(quality: Callable[[float], float], low: float, high: float, target: float) -> float:
    """The largest bound in low .. high at which a squared error, which rises with it, is at most target."""
    for _ in range(STEPS):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if quality(middle) <= target else (low, middle)
    return low


def uniform(x: np.ndarray, target: float) -> dict[str, int]:
    """Bytes by entropy coder and order of differences, of one channel after the other."""
    error = lambda step: float(np.mean((np.rint(x / step) * step - x) ** 2))
    step = met(error, np.sqrt(target) / 10, np.sqrt(target) * 100, target)
    found = {}
    for order in range(3):
        channels = [
            np.diff(np.rint(channel / step).astype(np.int64), order, prepend=0 if not order else np.zeros(order, int))
            if order
            else np.rint(channel / step).astype(np.int64)
            for channel in x.T
        ]
        joined = np.concatenate(channels)
        for name, size in ENTROPY.items():
            found[f"{name} of {('indices', 'differences', 'second differences')[order]}"] = size(joined)
    return found


def sz3(x: np.ndarray, bound: float, algorithm: str) -> tuple[int, np.ndarray]:
    """(bytes, what is decoded) of SZ3 at a bound of the largest error, by one of its predictors."""
    config = pysz.szConfig(x.shape)
    config.errorBoundMode, config.absErrorBound = pysz.szErrorBoundMode.ABS, float(bound)
    config.cmprAlgo = getattr(pysz.szAlgorithm, algorithm)
    data, _ = pysz.sz.compress(x, config)
    return len(data), np.asarray(pysz.sz.decompress(data, x.dtype.type, x.shape)[0]).reshape(x.shape)


def zfp(x: np.ndarray, bound: float) -> tuple[int, np.ndarray]:
    """(bytes, what is decoded) of zfp at a bound of the largest error."""
    data = imagecodecs.zfp_encode(x, level=bound, mode="a")
    return len(data), imagecodecs.zfp_decode(data).reshape(x.shape)


def bounded(x: np.ndarray, target: float) -> dict[str, int]:
    """Bytes of codecs of floats that are told a bound of the largest error; squared errors are no monotone of it."""
    plane = np.ascontiguousarray(x.squeeze().astype(np.float32))
    codecs = {f"SZ3 {name}": partial(sz3, algorithm=name) for name in ("INTERP", "INTERP_LORENZO", "LORENZO_REG")}
    found = {}
    for name, codec in (codecs | {"zfp": zfp}).items():
        tried = [codec(plane, bound=bound) for bound in np.sqrt(target) * np.geomspace(0.8, 12, BOUNDS)]
        met = [size for size, y in tried if np.mean((y.astype(float).reshape(x.shape) - x) ** 2) <= target]
        found[name] = min(met, default=1 << 62)
    return found


def ordinary(x: np.ndarray, target: float) -> tuple[str, int, dict[str, int]]:
    """(name, bytes, all) of the smallest rival of a signal (N, channels) at a squared error."""
    found = uniform(x, target) | bounded(x, target)
    best = min(found, key=found.__getitem__)
    return best, found[best], found


def energetic(x: np.ndarray) -> np.ndarray:
    """The mask (N,) of the fifth of blocks with most energy about their own mean."""
    blocks = x[: len(x) // BLOCK * BLOCK].reshape(-1, BLOCK, x.shape[1])
    energy = blocks.var(axis=1).sum(axis=1)
    held = np.zeros(len(blocks), bool)
    held[np.argsort(-energy, kind="stable")[: int(np.ceil(FIFTH * len(blocks)))]] = True
    mask = np.repeat(held, BLOCK)
    return np.concatenate([mask, np.zeros(len(x) - len(mask), bool)])


def ours(x: np.ndarray, mask: np.ndarray, inside: float, outside: float) -> dict:
    """Bytes, seconds and errors of our file."""
    start = time.perf_counter()
    data = mfrd.compress(x, mask, inside=inside, outside=outside)
    middle = time.perf_counter()
    off = mfrd.decompress(data) - x
    rms = lambda at: float(np.sqrt(np.mean(off[at] ** 2))) if at.any() else None
    return {
        "bytes": len(data), "encode_s": middle - start, "decode_s": time.perf_counter() - middle,
        "inside": rms(mask), "outside": rms(~mask),
    }  # fmt: skip


def one_price(name: str, share: float) -> dict:
    """A row: one error everywhere."""
    x = RECORDINGS[name]()
    x = x if x.ndim == 2 else x[:, None]
    target = share * float(x.var(axis=0).mean())
    start = time.perf_counter()
    best, size, every = ordinary(x, target)
    seconds = time.perf_counter() - start
    held = ours(x, np.zeros(x.shape, bool), np.sqrt(target), np.sqrt(target))
    return {
        "signal": name, "samples": len(x), "channels": x.shape[1], "share": share, "rms": float(np.sqrt(target)),
        "ours": held, "best": best, "best_bytes": size, "rivals_s": seconds, "rivals": every,
        "ratio": held["bytes"] / size,
    }  # fmt: skip


def two_prices(name: str, share: float) -> dict:
    """A row: the most energetic fifth ten times tighter, with its rivals and the control."""
    x = RECORDINGS[name]()
    x = x if x.ndim == 2 else x[:, None]
    outside = share * float(x.var(axis=0).mean())
    inside = outside / TIGHTER
    mask = np.repeat(energetic(x)[:, None], x.shape[1], axis=1)
    best, size, _ = ordinary(x, inside)
    apart = ordinary(x[mask[:, 0]], inside)[1] + ordinary(x[~mask[:, 0]], outside)[1]
    held = ours(x, mask, np.sqrt(inside), np.sqrt(outside))
    nothing, low, high = np.zeros(x.shape, bool), inside, outside
    for _ in range(9):  # one error everywhere that takes as many bytes
        middle = np.sqrt(low * high)
        control = mfrd.compress(x, nothing, inside=np.sqrt(middle), outside=np.sqrt(middle))
        low, high = (middle, high) if len(control) > held["bytes"] else (low, middle)
    off = mfrd.decompress(control) - x
    return {
        "signal": name, "samples": len(x), "channels": x.shape[1], "inside_rms": float(np.sqrt(inside)),
        "outside_rms": float(np.sqrt(outside)), "ours": held, "everywhere": best, "everywhere_bytes": size,
        "two_files_bytes": apart, "ratio": held["bytes"] / min(size, apart),
        "control": {
            "bytes": len(control), "inside": float(np.sqrt(np.mean(off[mask] ** 2))),
            "outside": float(np.sqrt(np.mean(off[~mask] ** 2))),
        },
    }  # fmt: skip


def main() -> None:
    """Measure, print and write."""
    found = {"one": [], "two": []}
    for name, share in ONE:
        row = one_price(name, share)
        found["one"].append(row)
        print(f"{name}, {share:g}: {row['ours']['bytes']} against {row['best_bytes']} ({row['best']})", flush=True)
    for name, share in TWO:
        row = two_prices(name, share)
        found["two"].append(row)
        said = f"{row['everywhere_bytes']} everywhere ({row['everywhere']}), {row['two_files_bytes']} in two files"
        print(f"{name}, two fidelities: {row['ours']['bytes']} against {said}", flush=True)
    (root() / "results/rivals_signals.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
