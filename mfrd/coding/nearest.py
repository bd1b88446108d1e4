"""The nearest letter: samples to the cells of their letters, by thresholds, tables and a search tree."""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.spatial import cKDTree

from ..problems.binning import Binning, between

BLOCK = 1 << 14  # samples compared at a time, so that they stay in cache
FEW = 12  # thresholds that are compared one by one
SLOTS = 64  # of the table for each letter: fewer than one letter in 128 finds its slot taken
MOST_SLOTS = 1 << 22
FAR = 1e150  # a coordinate beyond counts as this, so that squares stay finite


def nearest_letter(
    x: np.ndarray, cell: np.ndarray, p: np.ndarray, binning: Binning | None = None
) -> Callable[[np.ndarray], np.ndarray]:
    """The map from samples (N, k) to the cell of the letter that stands for them, (N,) int32.

    x: (n, k); cell: (n,); p: (n,); binning: that of a source of samples, whose letters stand for their bins; else, and
    in empty bins, the nearest letter counts. Thresholds in one dimension and where the letters fill a rectangular grid;
    otherwise a table of the letters, and a search tree for samples that are none. Of equal letters the first counts.
    """
    if binning is not None and x.shape[1] == 1:
        return partial(in_blocks, Grid([x[:, 0]], cell, [binning.thresholds[0]]))
    if binning is not None:
        return partial(in_blocks, Binned(binning, x, cell))
    axes = [np.unique(column) for column in x.T]
    sides = [len(axis) for axis in axes]
    if np.prod([float(side) for side in sides]) <= len(x):
        at = [np.searchsorted(axis, column) for axis, column in zip(axes, x.T, strict=True)]
        place, first = np.unique(np.ravel_multi_index(at, sides), return_index=True)
        if len(place) == np.prod(sides):
            return partial(in_blocks, Grid(axes, cell[first]))
    x, first, where = np.unique(x + 0.0, axis=0, return_index=True, return_inverse=True)
    return partial(in_blocks, Scattered(x, cell[first], np.bincount(where.ravel(), p)))


def in_blocks(cells_of: Callable[[np.ndarray], np.ndarray], points: np.ndarray) -> np.ndarray:
    """cells_of(points), (N,) int32, taken a block at a time."""
    found = np.empty(len(points), np.int32)
    for at in range(0, len(points), BLOCK):
        found[at : at + BLOCK] = cells_of(points[at : at + BLOCK])
    return found


class Scattered:
    """Samples to cells where the letters x, (n, k), all different, lie anywhere.

    A sample that is a letter is found in a hash table: its slot is the top bits of
    sum_a odd_a key(x_a) mod 2^64, where key folds the upper half of the bits, all that round numbers
    have, into the lower; equality of all coordinates settles it. Where letters share a slot the most
    probable has it. All other samples ask the tree, which takes either of two letters that are as near.
    Source: multiplicative hashing, Knuth (1973).
    """

    def __init__(self, x: np.ndarray, cell: np.ndarray, p: np.ndarray) -> None:
        n, k = x.shape
        bits = min(int(np.ceil(np.log2(SLOTS * n))), MOST_SLOTS.bit_length() - 1)
        odd = np.random.default_rng(0).integers(2**63, size=k, dtype=np.uint64)
        self.odd, self.shift = odd * np.uint64(2) + np.uint64(1), np.uint64(64 - bits)
        self.tree, self.cells = cKDTree(x), np.append(cell, 0).astype(np.int32)
        self.letters = np.vstack([x, np.full(k, np.nan)])  # letter n, equal to nothing: an empty slot
        self.table, slots = np.full(1 << bits, n, np.int32), self.slot(x)
        for i in np.argsort(p, kind="stable"):
            self.table[slots[i]] = i

    def slot(self, points: np.ndarray) -> np.ndarray:
        """The slot of each point, (N,)."""
        keys = points.view(np.uint64)
        keys = keys ^ (keys >> np.uint64(32))
        return (keys @ self.odd >> self.shift).view(np.int64)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The cells of samples, (N,)."""
        points = points + 0.0  # -0 becomes 0
        letter = self.table.take(self.slot(points))
        others = np.zeros(len(points), bool)
        others[np.flatnonzero(self.letters.take(letter, axis=0) != points) // points.shape[1]] = True
        if others.any():
            letter[others] = self.tree.query(np.clip(points[others], -FAR, FAR))[1]
        return self.cells.take(letter)


class Binned:
    """Samples to cells where letters stand for bins of several dimensions; the nearest letter for an empty bin."""

    def __init__(self, binning: Binning, x: np.ndarray, cell: np.ndarray) -> None:
        self.binning, self.cell, self.tree = binning, cell, cKDTree(x)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The cells of samples, (N,)."""
        letter = self.binning.letters(points)
        if (empty := letter < 0).any():
            letter[empty] = self.tree.query(np.clip(points[empty], -FAR, FAR))[1]
        return self.cell.take(letter)


class Grid:
    """Samples to cells where the letters are all combinations of the axes, the last one fastest.

    An axis is searched at the thresholds given, or its midpoints; in one dimension only where the cell changes.
    """

    def __init__(self, axes: list[np.ndarray], cell: np.ndarray, middles: list[np.ndarray] | None = None) -> None:
        middles = middles or [between(axis[:-1], axis[1:]) for axis in axes]
        if len(axes) == 1:
            changes = np.flatnonzero(cell[1:] != cell[:-1])
            middles, cell = [middles[0][changes]], cell[np.append(changes, len(cell) - 1)]
        self.cell, self.thresholds = cell, [Thresholds(middle) for middle in middles]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The cells of samples, (N,)."""
        place = np.zeros(len(points), np.int32)
        for column, axis in zip(points.T, self.thresholds, strict=True):
            place *= len(axis.at) + 1
            place += axis.below(np.ascontiguousarray(column))
        return self.cell[place]


class Thresholds:
    """Numbers `at`, ascending, and how many of them lie below a sample, as np.searchsorted counts, but faster.

    Few are compared one by one. Else x falls into one of L equal bins; rounding keeps the order, so
    thresholds in lower bins lie below x and those in higher ones do not. With at most one
    threshold a bin, one comparison settles it; where 2^16 bins do not part them, search.
    """

    def __init__(self, at: np.ndarray) -> None:
        self.at, self.bins = at, 0
        for L in 1 << np.arange(5, 17) if len(at) > FEW else ():
            self.scale, self.last = L / (at[-1] - at[0]), L - 1
            bins = self.bin_of(at)
            if np.diff(bins).all():
                self.bins, self.lower = L, np.searchsorted(bins, np.arange(L)).astype(np.int32)
                self.following = np.append(at, np.inf)[self.lower]
                break

    def bin_of(self, x: np.ndarray) -> np.ndarray:
        """The bin of each sample, (N,)."""
        with np.errstate(over="ignore"):  # far samples belong to the last bin
            return np.clip((x - self.at[0]) * self.scale, 0, self.last).astype(np.int32)

    def below(self, x: np.ndarray) -> np.ndarray:
        """How many thresholds lie below each sample, (N,)."""
        if len(self.at) <= FEW:
            return sum((x > threshold for threshold in self.at), np.zeros(len(x), np.uint8))
        if not self.bins:
            return np.searchsorted(self.at, x)
        place = self.bin_of(x)
        return self.lower[place] + (x > self.following[place])
