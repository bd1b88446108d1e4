"""Measured samples: arrays to letters with their frequencies, and what a letter stands for.

A letter of samples that take many values is the mean of a bin, which holds the samples between two thresholds:
    E|X - y|^2 = E|x_i - y|^2 + within_i   over the samples X of bin i,
so that whatever binning throws away is known, and is part of every distortion.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from .values import real_array

LETTERS = 10_000  # values of one dimension up to which they are letters: their design takes seconds
ROWS = 2_000  # the same in more dimensions, where a design compares letters with codewords
BINS = 1_000  # of one dimension beyond, before any budget is known
CROWD = 0.99  # of the samples in one bin, from which letters say little of them
PARTS = 4_000  # equally likely parts of the samples by which their density is judged


@dataclass(frozen=True, eq=False)
class Binning:
    """What each letter of a source of samples stands for.

    thresholds: k ascending arrays, a sample lying in interval j of an axis where j of them are below it; cells: (n,)
    the numbers of the intervals of each letter, raveled, ascending; scatter: (n, k, k), the mean of (X - x_i)(X - x_i)'
    over the samples of letter i; low, high: (k,), the ends of the design; split: where bins were cut on request, values
    of one axis; values, counts: the distinct samples, where letters may be cut finer; coarse: (source, its letter of
    each of these), where they were.
    """

    thresholds: tuple[np.ndarray, ...]
    cells: np.ndarray
    scatter: np.ndarray
    low: np.ndarray
    high: np.ndarray
    split: tuple[float, ...] = ()
    values: Any = None
    counts: Any = None
    coarse: Any = None

    def letters(self, samples: np.ndarray) -> np.ndarray:
        """The letter of each sample, (N, k) -> (N,); -1 where its bin holds no letter."""
        sides = [len(axis) + 1 for axis in self.thresholds]
        places = [np.searchsorted(axis, column) for axis, column in zip(self.thresholds, samples.T)]
        cell = np.ravel_multi_index(places, sides)
        found = np.minimum(np.searchsorted(self.cells, cell), len(self.cells) - 1)
        return np.where(self.cells[found] == cell, found, -1)

    def straddled(self, mask: np.ndarray) -> np.ndarray:
        """The thresholds between letters of which one is in a subset, (n,) flags, and that were not asked for."""
        if len(self.thresholds) > 1:
            return np.zeros(0)
        spread = self.scatter[:, 0, 0] > 0
        edges = self.thresholds[0][(mask[1:] != mask[:-1]) & (spread[1:] | spread[:-1])]
        asked = np.concatenate([self.split, np.nextafter(self.split, -np.inf)])
        return edges[~np.isin(edges, asked)]


def letters(samples: np.ndarray, bins: Any, split: Any = ()) -> tuple[np.ndarray, np.ndarray, Binning | None]:
    """(letters (n, k), relative frequencies (n,), bins) of samples (N, k), as mfrd.Source.from_samples says."""
    split = tuple(np.atleast_1d(real_array(split, "split", "values of the samples")).ravel().tolist())
    if not np.isfinite(split).all():
        raise ValueError(f"split is {split}; expected finite numbers, in the unit of the samples")
    if samples.shape[1] > 1:
        if split:
            raise ValueError(
                f"split is {split} and the samples have {samples.shape[1]} dimensions; expected no split: "
                "give bins as a list of edges, one an axis"
            )
        return in_space(samples, bins)
    values, counts = distinct(samples[:, 0])
    if bins is None and len(values) <= LETTERS:
        return values[:, None], counts / len(samples), None
    if bins is None:
        starts = companded(values, counts)
        thresholds = between(values[starts - 1], values[starts])
        return on_a_line(values, counts, thresholds, split, None, refined=True)
    edges = axis_edges(samples[:, 0], per_axis(bins, samples)[0], 0)
    return on_a_line(values, counts, np.nextafter(edges[1:-1], -np.inf), split, edges)


def distinct(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the distinct values of samples (N,), ascending; how many samples take each)."""
    ordered = np.sort(column)
    ordered += 0.0  # zero has no sign
    other = ordered[1:] != ordered[:-1]
    if other.all():
        return ordered, np.ones(len(ordered), np.int64)
    starts = np.append(0, np.flatnonzero(other) + 1)
    return ordered[starts], np.diff(starts, append=len(ordered))


def between(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Thresholds t with lower <= t < upper: the midpoints, also between neighbouring floats."""
    middle = lower / 2 + upper / 2
    return np.where((lower <= middle) & (middle < upper), middle, lower)


def companded(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Where about BINS bins of least variance inside begin, indices of values (n,) without the first.

    Their density is proportional to the cube root of that of the samples (Panter and Dite 1951).
    """
    total = np.cumsum(counts)
    ends = np.unique(np.searchsorted(total, np.linspace(0, total[-1], PARTS + 1)[1:]))
    x, mass = np.append(values[0], values[ends]), np.diff(np.append(0, total[ends]))
    steps = np.append(0, np.cumsum(np.cbrt(mass * np.diff(x) ** 2)))
    starts = np.searchsorted(values, np.interp(np.linspace(0, steps[-1], BINS + 1)[1:-1], steps, x), "right")
    return np.unique(starts[(starts > 0) & (starts < len(values))])


def on_a_line(
    values: np.ndarray, counts: np.ndarray, thresholds: np.ndarray, split: tuple, edges: Any, *, refined: bool = False
) -> tuple[np.ndarray, np.ndarray, Binning]:
    """Letters, frequencies and Binning of distinct values (n,) cut at thresholds and at each value of split.

    A value of split is a letter of its own where samples take it, so that a region may hold it or not.
    """
    cuts = np.unique(np.concatenate([thresholds, split, np.nextafter(split, -np.inf)]))
    starts, last = np.unique(np.searchsorted(values, cuts, "right"), return_index=True)
    kept = (starts > 0) & (starts < len(values))
    asked = {int(np.searchsorted(values, at, "right")): at for at in (*split, *np.nextafter(split, -np.inf))}
    starts, cuts = starts[kept], np.array([asked.get(int(s), cuts[i]) for s, i in zip(starts[kept], last[kept])])
    return gathered(values, counts, starts, cuts, split, edges, refined=refined)


def gathered(
    values: np.ndarray,
    counts: np.ndarray,
    starts: np.ndarray,
    thresholds: np.ndarray,
    split: tuple,
    edges: Any,
    *,
    refined: bool,
) -> tuple[np.ndarray, np.ndarray, Binning]:
    """Letters, frequencies and Binning of distinct values (n,) whose bins begin at 0 and at starts."""
    starts = np.append(0, starts)
    sizes = np.diff(np.append(starts, len(values)))
    mass = np.add.reduceat(counts, starts)
    first = values[starts]
    near = values - np.repeat(first, sizes)  # about the first of its bin, so that nothing cancels
    near *= counts
    means = first + np.add.reduceat(near, starts) / mass
    means = np.clip(means, first, values[starts + sizes - 1])
    np.subtract(values, np.repeat(means, sizes), out=near)
    near *= near
    near *= counts
    scatter = np.add.reduceat(near, starts) / mass
    ends = values[[0, -1]] if edges is None else edges[[0, -1]]
    held = (values, counts) if refined else (None, None)
    binning = Binning(
        (np.asarray(thresholds, float),),
        np.arange(len(means)),
        scatter[:, None, None],
        ends[:1],
        ends[1:],
        split,
        *held,
    )
    return means[:, None], mass / mass.sum(), binning


def in_space(samples: np.ndarray, bins: Any) -> tuple[np.ndarray, np.ndarray, Binning | None]:
    """Letters, frequencies and Binning of samples (N, k) of several dimensions."""
    if bins is None:
        values, counts = np.unique(samples + 0.0, axis=0, return_counts=True)
        if len(values) <= ROWS:
            return values, counts / len(samples), None
        raise ValueError(
            f"the samples take {len(values)} distinct values in {samples.shape[1]} dimensions; expected at most "
            f"{ROWS}, or bins: say how many for each axis, such as bins=24"
        )
    edges = [axis_edges(*given, axis) for axis, given in enumerate(zip(samples.T, per_axis(bins, samples)))]
    thresholds = tuple(np.nextafter(e[1:-1], -np.inf) for e in edges)
    places = [np.searchsorted(axis, column) for axis, column in zip(thresholds, samples.T)]
    cells, which, counts = np.unique(
        np.ravel_multi_index(places, [len(axis) + 1 for axis in thresholds]), return_inverse=True, return_counts=True
    )
    mean = lambda column: np.bincount(which, column) / counts
    x = np.column_stack([mean(column) for column in samples.T])
    off = samples - x[which]
    scatter = np.stack([np.stack([mean(a * b) for b in off.T], -1) for a in off.T], -2)
    low, high = (np.array([e[side] for e in edges]) for side in (0, -1))
    return x, counts / len(samples), Binning(thresholds, cells, scatter, low, high)


def extents(binning: Binning) -> np.ndarray:
    """How far the samples of each bin lie apart, (n,), of one dimension."""
    values = binning.values
    starts = np.append(0, np.searchsorted(values, binning.thresholds[0], "right"))
    return values[np.append(starts[1:], len(values)) - 1] - values[starts]


def finer(binning: Binning, widths: np.ndarray) -> tuple[np.ndarray, np.ndarray, Binning, np.ndarray]:
    """Letters, frequencies, Binning and the letter that each was part of, with bins at most widths (n,) wide."""
    values, counts = binning.values, binning.counts
    of = np.searchsorted(binning.thresholds[0], values)  # the letter of each value
    first = values[np.searchsorted(of, np.arange(len(widths)))]
    h = widths[of]
    part = np.floor(np.divide(values - first[of], h, out=np.arange(len(values), dtype=float), where=h > 0))
    starts = np.flatnonzero((np.diff(of) != 0) | (np.diff(part) != 0)) + 1
    thresholds, edge = between(values[starts - 1], values[starts]), of[starts] != of[starts - 1]
    thresholds[edge] = binning.thresholds[0][of[starts[edge]] - 1]
    x, p, cut = gathered(values, counts, starts, thresholds, binning.split, None, refined=True)
    return x, p, cut, of[np.append(0, starts)]


def per_axis(bins: Any, samples: np.ndarray) -> list:
    """What each of the k axes is cut by: a number of bins, a rule's name, or edges."""
    k = samples.shape[1]
    if isinstance(bins, (str, int, np.integer)):
        return [bins] * k
    given = list(bins) if np.iterable(bins) else []
    if k == 1 and len(given) > 1 and np.ndim(given[0]) == 0:
        return [given]
    if len(given) != k:
        raise ValueError(
            f"bins is {bins!r}; expected a number of bins, a rule of numpy.histogram_bin_edges or edges"
            + (f", one for all axes or a list of {k}, one an axis" if k > 1 else "")
        )
    return given


def axis_edges(column: np.ndarray, rule: Any, axis: int) -> np.ndarray:
    """Ascending edges of the bins of one axis, first and last at or beyond the samples."""
    if isinstance(rule, (int, np.integer)) and rule < 1:
        raise ValueError(f"bins is {rule} on axis {axis}; expected at least one bin")
    try:
        edges = np.histogram_bin_edges(column, rule)
    except (ValueError, TypeError, MemoryError) as error:
        raise ValueError(
            f"bins {rule!r} do not cut axis {axis} ({error}); "
            "expected a number such as bins=100, ascending edges, or a rule such as 'auto'"
        ) from None
    if np.isnan(edges).any():
        raise ValueError(f"bins {rule!r} do not cut axis {axis} (an edge is nan); expected ascending edges: mend it")
    outside = int(np.count_nonzero((column < edges[0]) | (column > edges[-1])))
    if outside:
        raise ValueError(
            f"{outside} of {len(column)} samples lie outside the edges {edges[0]:g} to {edges[-1]:g} of axis {axis}; "
            f"expected all inside: widen the edges to {column.min():g} and {column.max():g}, or drop these samples"
        )
    return edges


def warn_of_a_crowd(pmf: np.ndarray, binning: Binning | None) -> None:
    """Warn where one of several bins holds nearly all samples and these differ, as where a few lie far off."""
    if binning is None or len(pmf) < 2 or pmf.max() < CROWD or not binning.scatter[pmf.argmax()].any():
        return
    warnings.warn(
        f"one of {len(pmf)} bins holds {pmf.max():.2%} of the samples, which differ; expected bins that tell them "
        "apart: give more, or their edges, or leave out the samples far off",
        stacklevel=3,
    )
