"""Ordinary picture formats against mfrd.compress, at equal quality inside and outside a region: results/rivals.json.

A rival writes two bare files, each at the least level that meets its target: the whole picture at the outer fidelity,
as it is or with the region filled smoothly from its border, whichever is smaller (for AVIF by its quick encoder), and
the region alone at the inner one. Every picture, ours too, is measured after clipping and rounding to eight bits. Ours
with one price is the control: the same codec, the same bytes, no region. Needs the extra `rivals`.

    python benchmarks/rivals.py            all pictures
    python benchmarks/rivals.py camera     some, kept beside the others that results/rivals.json holds
"""

import os

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import io
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import matplotlib
import numpy as np
import pillow_heif
import pywt.data
import skimage.data
import sklearn
from PIL import Image
from scipy.sparse import coo_array, csr_array
from scipy.sparse.linalg import spsolve

import mfrd
from mfrd.coding import networks, pictures

RESULTS = Path(__file__).resolve().parents[1] / "results/rivals.json"
INSIDE, OUTSIDE = 40.0, 30.0  # dB below 255
NEAR = 2  # levels below the one that bisection finds, in case the quality is not monotone
SITE = {module: Path(module.__file__).parent for module in (skimage, sklearn, matplotlib)}


def grey(picture: np.ndarray | Path) -> np.ndarray:
    opened = Image.open(picture) if isinstance(picture, Path) else Image.fromarray(picture)
    return np.asarray(opened.convert("L"))


# picture, (top, bottom, left, right) of what matters in it; nobody looked at the last two before they were coded
PICTURES: dict[str, tuple[Callable[[], np.ndarray], tuple[int, int, int, int]]] = {
    "camera": (skimage.data.camera, (64, 208, 160, 336)),
    "astronaut": (lambda: grey(skimage.data.astronaut()), (40, 200, 160, 304)),
    "coins": (lambda: skimage.data.coins()[:296], (40, 120, 40, 160)),
    "moon": (skimage.data.moon, (120, 280, 160, 320)),
    "page": (lambda: skimage.data.page()[:184], (40, 104, 80, 240)),
    "text": (lambda: skimage.data.text()[:168], (40, 104, 80, 240)),
    "ascent": (pywt.data.ascent, (235, 420, 140, 215)),
    "aero": (pywt.data.aero, (110, 240, 125, 300)),
    "chelsea": (lambda: grey(skimage.data.chelsea()), (70, 180, 120, 350)),
    "clock": (lambda: grey(SITE[skimage] / "data/clock_motion.png"), (80, 220, 130, 290)),
    "grace_hopper": (lambda: grey(SITE[matplotlib] / "mpl-data/sample_data/grace_hopper.jpg"), (60, 270, 160, 350)),
    "china": (lambda: grey(SITE[sklearn] / "datasets/images/china.jpg"), (60, 300, 40, 360)),
}


# --- rivals ---------------------------------------------------------------------------------------


def by_pillow(kind: str, **options: object) -> Callable[[np.ndarray, float], bytes]:
    def encode(picture: np.ndarray, level: float) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, kind, quality=int(level), **options)
        return stream.getvalue()

    return encode


def opened(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"))


def jpeg(picture: np.ndarray, level: float) -> bytes:
    """The shorter of sequential and progressive, with Huffman tables of its own."""
    progressive = (by_pillow("JPEG", optimize=True, progressive=each)(picture, level) for each in (False, True))
    return min(progressive, key=len)


def jpeg_2000(picture: np.ndarray, level: float) -> bytes:
    return imagecodecs.jpeg2k_encode(picture, level=level, codecformat="j2k", reversible=False)


def jpeg_xl(picture: np.ndarray, level: float) -> bytes:
    return imagecodecs.jpegxl_encode(picture, distance=-level, effort=7, usecontainer=False)


AVIF = {"subsampling": "4:0:0", "advanced": {"tune": "psnr"}}
HEIC = {"enc_params": {"preset": "placebo", "tune": "psnr"}}


@dataclass(frozen=True)
class Rival:
    """A format: encode(picture, level), decode(data), its levels, the coarsest first; quick, to begin with."""

    encode: Callable[[np.ndarray, float], bytes]
    decode: Callable[[bytes], np.ndarray]
    levels: np.ndarray
    quick: Callable[[np.ndarray, float], bytes] | None = None


RIVALS = {
    "JPEG": Rival(jpeg, opened, np.arange(1.0, 101)),
    "JPEG 2000": Rival(jpeg_2000, imagecodecs.jpeg2k_decode, np.arange(15, 60, 0.1)),
    "JPEG XL": Rival(jpeg_xl, imagecodecs.jpegxl_decode, -np.arange(0.1, 20, 0.05)[::-1]),
    "AVIF": Rival(by_pillow("AVIF", speed=0, **AVIF), opened, np.arange(1.0, 101), by_pillow("AVIF", speed=8, **AVIF)),
    "HEIC": Rival(by_pillow("HEIF", **HEIC), opened, np.arange(1.0, 101)),
}


def decibels(decoded: np.ndarray, picture: np.ndarray, where: np.ndarray) -> float:
    error = np.clip(np.rint(decoded.astype(float)), 0, 255) - picture
    return float(10 * np.log10(255**2 / max(np.mean(error[where] ** 2), 1e-12)))


def least(
    rival: Rival, picture: np.ndarray, where: np.ndarray, target: float, true: np.ndarray, quick: bool = False
) -> tuple[bytes, float]:
    """(the shortest file whose quality against the true picture is at least the target there, its CPU seconds)."""
    files: dict[tuple, tuple[bytes, float, float]] = {}

    def quality(at: int, encode: Callable[[np.ndarray, float], bytes]) -> float:
        if (at, encode) not in files:
            begun = time.process_time()
            data = encode(picture, float(rival.levels[at]))
            files[at, encode] = data, decibels(rival.decode(data), true, where), time.process_time() - begun
        return files[at, encode][1]

    low, high = 0, len(rival.levels) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if quality(middle, rival.quick or rival.encode) >= target else (middle + 1, high)
    encode = rival.quick if quick and rival.quick else rival.encode
    while quality(low, encode) < target:
        low += 1
    near = 1 if rival.quick else NEAR
    while low > 0 and max(quality(at, encode) for at in range(max(0, low - near), low)) >= target:
        low = min(at for at in range(max(0, low - near), low) if quality(at, encode) >= target)
    good = [each for (_, by), each in files.items() if by is encode and each[1] >= target]
    data, _, seconds = min(good, key=lambda each: len(each[0]))
    return data, seconds


def filled(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture with the mask filled by the harmonic function of its border: nothing there costs much."""
    number = np.full(mask.shape, -1)
    number[mask] = np.arange(mask.sum())
    rows, right = [], np.zeros(mask.sum())
    for y, x in np.argwhere(mask):
        here, around = number[y, x], [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
        around = [(i, j) for i, j in around if 0 <= i < mask.shape[0] and 0 <= j < mask.shape[1]]
        rows.append((here, here, len(around)))
        for at in around:
            if mask[at]:
                rows.append((here, number[at], -1))
            else:
                right[here] += picture[at]
    i, j, v = np.array(rows).T
    found = picture.copy()
    system = csr_array(coo_array((v.astype(float), (i, j))))
    found[mask] = np.clip(np.rint(spsolve(system, right)), 0, 255)
    return found


def two_files(rival: Rival, picture: np.ndarray, mask: np.ndarray, smooth: np.ndarray) -> dict:
    """Bytes, seconds and qualities of the two files of a rival."""
    top, bottom, left, right = pictures.rectangle(mask)
    region = np.ascontiguousarray(picture[top:bottom, left:right])
    firsts = {"whole": picture, "filled": smooth}
    tried = {name: least(rival, first, ~mask, OUTSIDE, picture, quick=True) for name, first in firsts.items()}
    name = min(tried, key=lambda each: len(tried[each][0]))
    first, begun = least(rival, firsts[name], ~mask, OUTSIDE, picture) if rival.quick else tried[name]
    second, seconds = least(rival, region, np.ones(region.shape, bool), INSIDE, region)
    decoded = np.array(rival.decode(first), float)
    decoded[mask] = rival.decode(second).ravel()
    return {
        "bytes": len(first) + len(second),
        "first": name,
        "seconds": begun + seconds,
        "inside_dB": decibels(decoded, picture, mask),
        "outside_dB": decibels(decoded, picture, ~mask),
    }


# --- ours -----------------------------------------------------------------------------------------


def ours(picture: np.ndarray, mask: np.ndarray) -> dict:
    """Bytes, seconds and qualities of mfrd.compress, and of the same codec with one price at no more bytes."""
    begun = time.process_time()
    data = mfrd.compress(picture, mask, inside=INSIDE, outside=OUTSIDE, peak=255)
    encoded = time.process_time()
    decoded = mfrd.decompress(data)
    seconds = encoded - begun, time.process_time() - encoded
    found = {"bytes": len(data), "seconds": seconds[0], "decode_seconds": seconds[1]}
    found |= {"inside_dB": decibels(decoded, picture, mask), "outside_dB": decibels(decoded, picture, ~mask)}
    return found | {"one_price": one_price(picture, mask, len(data))}


def one_price(picture: np.ndarray, mask: np.ndarray, size: int) -> dict:
    """Bytes and qualities of the finest file of one fidelity everywhere that takes at most so many bytes."""
    search = pictures.Search(picture.astype(float), np.ones(mask.shape, bool), np.ones(2), 255)
    low, high, best = 2.0, 8.0, search.trial(np.full(2, 8.0))
    for _ in range(7):
        middle = (low + high) / 2
        trial = search.trial(np.full(2, middle))
        low, high, best = (middle, high, best) if len(trial.data) > size else (low, middle, trial)
    decoded = mfrd.decompress(best.data)
    qualities = {"inside_dB": decibels(decoded, picture, mask), "outside_dB": decibels(decoded, picture, ~mask)}
    return {"bytes": len(best.data), **qualities}


def measured(name: str) -> dict:
    """Ours and all rivals on one picture."""
    load, (top, bottom, left, right) = PICTURES[name]
    picture = np.ascontiguousarray(load(), np.uint8)
    mask = np.zeros(picture.shape, bool)
    mask[top:bottom, left:right] = True
    found = {"shape": picture.shape, "region": [top, bottom, left, right], "ours": ours(picture, mask)}
    print(f"{name:13s} ours      {found['ours']['bytes']:6d} bytes", flush=True)
    smooth = filled(picture, mask)
    for rival, codec in RIVALS.items():
        found[rival] = two_files(codec, picture, mask, smooth)
        print(f"{name:13s} {rival:9s} {found[rival]['bytes']:6d} bytes, {found[rival]['seconds']:.1f} s", flush=True)
    return found


if __name__ == "__main__":
    pillow_heif.register_heif_opener()
    networks.model()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"pictures": {}}
    for name in sys.argv[1:] or PICTURES:
        results["pictures"][name] = measured(name)
        results |= {"inside_dB": INSIDE, "outside_dB": OUTSIDE, "rivals": list(RIVALS)}
        ordered = {each: results["pictures"][each] for each in PICTURES if each in results["pictures"]}
        RESULTS.write_text(json.dumps(results | {"pictures": ordered}, indent=1) + "\n")
