"""What notebook 9 sets beside mfrd.compress: files of blocks without memory, the bound of their model, and JPEG."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ..coding import transform
from ..coding.arrays import pack
from ..coding.water_filling import ParallelBound, histogram, parallel_bound

GREY = 255  # the peak of a picture


@dataclass(frozen=True, eq=False)
class Blocks:
    """A file of blocks at two fidelities, and the certified bound of its model.

    Attributes
    ----------
    file : Coded
        .data, .bytes, .side_bytes, .steps (outside, inside).
    bounds : dict
        Of the blocks "out" and "in", in bits a sample.
    mask : array like the signal
        The samples of the blocks in the subset; `inside` are these blocks, (blocks,).
    decoded : array like the signal
        From the bytes alone.
    """

    file: transform.Coded
    bounds: dict[str, ParallelBound]
    inside: np.ndarray
    mask: np.ndarray
    decoded: np.ndarray
    side: int

    @property
    def prices(self) -> dict[str, float]:
        """Bits per unit of distortion: on all samples, and on those of the subset besides."""
        of_all = self.bounds["out"].price
        return {"global": of_all, "subset": self.bounds["in"].price - of_all}

    def least(self, what: str = "lower_bound") -> float:
        """The bytes of a bound of both groups: "lower_bound" of all codes of the model, or "scalar_bound"."""
        share = self.inside.mean()
        bits = share * getattr(self.bounds["in"], what) + (1 - share) * getattr(self.bounds["out"], what)
        return self.mask.size / 8 * bits

    def everywhere(self, signal: np.ndarray) -> transform.Coded:
        """The same codec at the inner fidelity everywhere."""
        return transform.encode(signal, self.inside, (self.file.steps[1],) * 2, side=self.side)

    def summary(self) -> dict[str, Any]:
        """What results/ keeps of it."""
        groups = {
            name: {
                "lower_bound_bits": b.lower_bound,
                "scalar_bound_bits": b.scalar_bound,
                "reached_bits": b.rate,
                "price_bits": b.price,
            }
            for name, b in self.bounds.items()
        }
        return {
            "bytes": self.file.bytes,
            "bits_a_sample": 8 * self.file.bytes / self.mask.size,
            "side_bytes": self.file.side_bytes,
            "lower_bound_bytes": self.least(),
            "scalar_bound_bytes": self.least("scalar_bound"),
            "steps": {"out": self.file.steps[0], "in": self.file.steps[1]},
            "prices_bits": self.prices,
            "groups": groups,
            "share_inside": self.inside.mean(),
            "blocks": len(self.inside),
        }


def in_blocks(signal: np.ndarray, mask: np.ndarray, D_in: float, D_out: float, side: int, fine: int) -> Blocks:
    """Code a signal in blocks, those that touch the mask with squared error D_in a sample, the others with D_out.

    fine: bins of the model's histograms to a step.
    """
    split = mask.reshape((-1, side) if mask.ndim == 1 else (len(mask) // side, side, -1, side))
    inside = split.any(axis=tuple(range(1, split.ndim, 2))).ravel()
    coefficients = transform.to_blocks(signal, side)
    groups = {"out": (coefficients[~inside], D_out), "in": (coefficients[inside], D_in)}
    steps = {name: transform.tune(x, D) for name, (x, D) in groups.items()}
    bounds = {
        name: parallel_bound([histogram(band, steps[name] / fine) for band in x.T], [len(x)] * x.shape[1], D)
        for name, (x, D) in groups.items()
    }
    file = transform.encode(signal, inside, (steps["out"], steps["in"]), side=side)
    touched = transform.spread_blocks(inside, signal.shape, side)
    return Blocks(file, bounds, inside, touched, transform.decode(file.data), side)


def energies(signal: np.ndarray, blocks: Blocks) -> dict[str, np.ndarray]:
    """Mean squared coefficient of each frequency, of the blocks "out" and "in"."""
    squared = transform.to_blocks(signal, blocks.side) ** 2
    return {"out": squared[~blocks.inside].mean(axis=0), "in": squared[blocks.inside].mean(axis=0)}


def of_differences(integers: np.ndarray) -> dict[int, int]:
    """Bytes of integers without loss, as their differences of each order through the range coder."""
    return {order: len(pack([np.diff(integers, n=order, prepend=[0] * order)])) for order in (1, 2, 3)}


def rms(error: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Root mean square of an error inside and outside a mask."""
    return {name: np.sqrt(np.mean(error[own] ** 2)) for name, own in (("inside", mask), ("outside", ~mask))}


def decibels(found: np.ndarray, picture: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Decibels below the peak of grey pictures, of the error inside a mask, outside, and in the whole."""
    wheres = {"inside": mask, "outside": ~mask, "whole": np.ones(mask.shape, bool)}
    return {name: 10 * np.log10(GREY**2 / np.mean((found - picture)[own] ** 2)) for name, own in wheres.items()}


def squared(psnr: float) -> float:
    """The squared error of decibels below the peak of grey pictures."""
    return GREY**2 / 10 ** (psnr / 10)


def grey_levels(picture: np.ndarray) -> np.ndarray:
    """A picture in whole grey levels, as it is shown and measured."""
    return np.clip(np.rint(picture), 0, GREY)


def jpeg_within(picture: np.ndarray, size: int) -> tuple[int, int, np.ndarray]:
    """(quality, bytes, decoded) of the finest JPEG of at most `size` bytes, with Huffman tables of its own.

    The coarsest where none is so small.
    """

    def coded(quality: int) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(picture.astype(np.uint8)).save(stream, "JPEG", quality=quality, optimize=True)
        return stream.getvalue()

    quality = max((q for q in range(1, 96) if len(coded(q)) <= size), default=1)
    data = coded(quality)
    return quality, len(data), np.asarray(Image.open(io.BytesIO(data)), float)


def against_rivals(bench: dict[str, Any]) -> dict[str, Any]:
    """What results/rivals.json says of ours against its rivals, each by picture.

    "share_of_best", bytes of ours over those of the best rival, "best"; "pairs", {"34/26": shares} at all pairs of
    qualities; "mean_difference", the mean over the pairs of ln(share); "one_price_less_inside_dB".
    """
    rows, main = bench["pictures"], "{:g}/{:g}".format(bench["inside_dB"], bench["outside_dB"])
    at = {name: {main: row, **row["pairs"]} for name, row in rows.items()}
    pairs = ["{:g}/{:g}".format(*pair) for pair in bench["pairs"]]
    least = lambda row: min(bench["rivals"], key=lambda each: row[each]["bytes"])
    share = lambda row: row["ours"]["bytes"] / row[least(row)]["bytes"]
    shares = {pair: {name: share(found[pair]) for name, found in at.items()} for pair in pairs}
    return {
        "share_of_best": shares[main],
        "best": {name: least(row) for name, row in rows.items()},
        "one_price_less_inside_dB": {
            name: row["ours"]["inside_dB"] - row["ours"]["one_price"]["inside_dB"] for name, row in rows.items()
        },
        "pairs": shares,
        "mean_difference": {name: np.mean([np.log(shares[pair][name]) for pair in pairs]) for name in rows},
    }


def missed(bench: dict[str, Any]) -> list[str]:
    """The pictures of results/rivals.json of which a file, ours or a rival's, misses a quality of some pair."""
    sides = ("inside_dB", "outside_dB")

    def short(row: dict[str, Any], targets: Iterable[float]) -> bool:
        both = list(zip(sides, targets))
        return any(row[each][side] < target for each in ("ours", *bench["rivals"]) for side, target in both)

    main = tuple(bench[side] for side in sides)
    at = lambda row: [(row, main), *((found, map(float, pair.split("/"))) for pair, found in row["pairs"].items())]
    return [name for name, row in bench["pictures"].items() if any(short(*each) for each in at(row))]
