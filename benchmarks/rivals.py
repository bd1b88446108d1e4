"""Ordinary picture formats against mfrd.compress, at equal quality inside and outside a region: results/rivals.json.

A rival writes two bare files, each at the least level that meets its target: the whole picture at the outer fidelity,
as it is or with the region filled smoothly from its border, and the region alone at the inner one; or one file that
meets both targets; whichever is smallest (for AVIF by its quick encoder). Every picture, ours too, is measured after
clipping and rounding to eight bits. Ours with one price is the control: the same codec, the same bytes, no region.
Needs the extra `rivals`.

    python benchmarks/rivals.py                      all pictures
    python benchmarks/rivals.py camera               some, kept beside the others that results/rivals.json holds
    python benchmarks/rivals.py --only ours          ours alone anew, beside the rivals' that are there
    python benchmarks/rivals.py --pairs 40/30        at one pair of qualities

The file holds, by picture: shape, region (top, bottom, left, right); by codec, "ours" or a rival, at 40 dB inside and
30 dB outside: bytes, seconds of the processor, inside_dB, outside_dB; "first" of a rival: what its first file holds,
"whole", "filled", or "alone" where it is its only file; pairs: the same by codec at other qualities, "34/26" dB and so
on; mean_difference, where all are measured: by rival, and against the "best" at each pair, the mean over those pairs
and 40/30 of ln(bytes of ours / bytes of the rival). At equal quality, that is a Bjontegaard difference of rate.
"""

import os

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import argparse
import io
import json
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
Pair = tuple[float, float]  # dB below 255, inside and outside
MAIN: Pair = (40.0, 30.0)
MORE: tuple[Pair, ...] = ((34.0, 26.0), (37.0, 28.0), (42.0, 34.0), (38.0, 36.0))
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
    rival: Rival, picture: np.ndarray, margin: Callable[[np.ndarray], float], quick: bool = False
) -> tuple[bytes, float]:
    """(the shortest file of a picture whose margin is at least zero when it is decoded, its CPU seconds)."""
    files: dict[tuple, tuple[bytes, float, float]] = {}

    def quality(at: int, encode: Callable[[np.ndarray, float], bytes]) -> float:
        if (at, encode) not in files:
            begun = time.process_time()
            data = encode(picture, float(rival.levels[at]))
            files[at, encode] = data, margin(rival.decode(data)), time.process_time() - begun
        return files[at, encode][1]

    low, high = 0, len(rival.levels) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if quality(middle, rival.quick or rival.encode) >= 0 else (middle + 1, high)
    encode = rival.quick if quick and rival.quick else rival.encode
    while quality(low, encode) < 0:
        low += 1
    near = 1 if rival.quick else NEAR
    while low > 0 and max(quality(at, encode) for at in range(max(0, low - near), low)) >= 0:
        low = min(at for at in range(max(0, low - near), low) if quality(at, encode) >= 0)
    good = [each for (_, by), each in files.items() if by is encode and each[1] >= 0]
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


def rectangle(mask: np.ndarray) -> tuple[slice, slice]:
    """The region, a rectangle, as slices."""
    top, bottom, left, right = pictures.rectangle(mask)
    return slice(top, bottom), slice(left, right)


def best_of(rival: Rival, picture: np.ndarray, mask: np.ndarray, smooth: np.ndarray, pair: Pair) -> dict:
    """Bytes, seconds and qualities of the two files of a rival, or of one where that is smaller."""
    region, (inside, outside) = np.ascontiguousarray(picture[rectangle(mask)]), pair
    around = lambda decoded: decibels(decoded, picture, ~mask) - outside
    both = lambda decoded: min(around(decoded), decibels(decoded, picture, mask) - inside)
    firsts = {"whole": (picture, around), "filled": (smooth, around), "alone": (picture, both)}
    tried = {name: least(rival, *first, quick=True) for name, first in firsts.items()}
    second, seconds = least(
        rival, region, lambda decoded: decibels(decoded, region, np.ones(region.shape, bool)) - inside
    )
    sizes = {name: len(first) + (name != "alone") * len(second) for name, (first, _) in tried.items()}
    name = min(sizes, key=lambda each: sizes[each])
    first, begun = least(rival, *firsts[name]) if rival.quick else tried[name]
    decoded = np.array(rival.decode(first), float)
    if name != "alone":
        decoded[mask] = rival.decode(second).ravel()
    return {
        "bytes": len(first) + (name != "alone") * len(second),
        "first": name,
        "seconds": begun + (name != "alone") * seconds,
        "inside_dB": decibels(decoded, picture, mask),
        "outside_dB": decibels(decoded, picture, ~mask),
    }


# --- ours -----------------------------------------------------------------------------------------


def ours(picture: np.ndarray, mask: np.ndarray, pair: Pair) -> dict:
    """Bytes, seconds and qualities of mfrd.compress."""
    begun = time.process_time()
    data = mfrd.compress(picture, mask, inside=pair[0], outside=pair[1], peak=255)
    encoded = time.process_time()
    decoded = mfrd.decompress(data)
    seconds = encoded - begun, time.process_time() - encoded
    found = {"bytes": len(data), "seconds": seconds[0], "decode_seconds": seconds[1]}
    return found | {"inside_dB": decibels(decoded, picture, mask), "outside_dB": decibels(decoded, picture, ~mask)}


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


def written(pair: Pair) -> str:
    """A pair of qualities in words, "40/30"."""
    return "{:g}/{:g}".format(*pair)


def measured(name: str, known: dict, who: set[str], pairs: list[Pair]) -> dict:
    """What is known of one picture, with ours or the rivals or both measured anew, at pairs of qualities."""
    load, (top, bottom, left, right) = PICTURES[name]
    picture = np.ascontiguousarray(load(), np.uint8)
    mask = np.zeros(picture.shape, bool)
    mask[top:bottom, left:right] = True
    smooth, at = filled(picture, mask), known.get("pairs", {})
    for pair in pairs:
        said = written(pair)
        found = known if pair == MAIN else at.setdefault(said, {})
        if "ours" in who:
            found["ours"] = ours(picture, mask, pair)
            print(f"{name:13s} {said} ours      {found['ours']['bytes']:6d} bytes", flush=True)
            if pair == MAIN:
                found["ours"]["one_price"] = one_price(picture, mask, found["ours"]["bytes"])
        for rival in [each for each in RIVALS if each in who]:
            found[rival] = best_of(RIVALS[rival], picture, mask, smooth, pair)
            print(f"{name:13s} {said} {rival:9s} {found[rival]['bytes']:6d} bytes", flush=True)
    order = {"shape": picture.shape, "region": [top, bottom, left, right]}
    return order | {each: known[each] for each in ("ours", *RIVALS) if each in known} | {"pairs": at}


def mean_difference(found: dict) -> dict:
    """The mean over all pairs of ln(bytes of ours / bytes of a rival), for each rival and the best at each pair."""
    rows = [found, *found["pairs"].values()]
    if len(rows) == 1 or not all("ours" in row and set(RIVALS) <= set(row) for row in rows):
        return {}
    logs = {rival: [np.log(row["ours"]["bytes"] / row[rival]["bytes"]) for row in rows] for rival in RIVALS}
    best = [max(each) for each in zip(*logs.values())]
    return {name: float(np.mean(each)) for name, each in (logs | {"best": best}).items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pictures", nargs="*", help="all if none is named")
    parser.add_argument("--only", nargs="*", choices=("ours", *RIVALS), help="measured anew, beside what is known")
    by_name = {written(pair): pair for pair in (MAIN, *MORE)}
    parser.add_argument("--pairs", nargs="*", choices=by_name, default=list(by_name), help="of dB inside and outside")
    options = parser.parse_args()
    pairs = [by_name[each] for each in options.pairs]
    pillow_heif.register_heif_opener()
    networks.model()
    for name in options.pictures or PICTURES:
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"pictures": {}}
        found = measured(name, results["pictures"].get(name, {}), set(options.only or ("ours", *RIVALS)), pairs)
        means = mean_difference(found)
        results["pictures"][name] = found | ({"mean_difference": means} if means else {})
        results |= {"inside_dB": MAIN[0], "outside_dB": MAIN[1], "rivals": list(RIVALS), "pairs": [MAIN, *MORE]}
        ordered = {each: results["pictures"][each] for each in PICTURES if each in results["pictures"]}
        RESULTS.write_text(json.dumps(results | {"pictures": ordered}, indent=1) + "\n")
