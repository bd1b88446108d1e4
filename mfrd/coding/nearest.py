"""The nearest letter: samples to the cells of their letters, by thresholds, tables and a search tree."""

import numpy as np
from scipy.spatial import cKDTree

from ..quantisers.quantiser import between

BLOCK = 1 << 14  # samples compared at a time, so that they stay in cache
FEW = 12  # thresholds that are compared one by one
SLOTS = 64  # of the table for each letter: fewer than one letter in 128 finds its slot taken
MOST_SLOTS = 1 << 22
FAR = 1e150  # a coordinate beyond counts as this, so that squares stay finite


def nearest_letter(x, cell, p):
    """The map from samples (N, k) to the cell of the nearest letter, (N,) int32.

    x: (n, k); cell: (n,); p: (n,). Thresholds in one dimension and where the letters fill a
    rectangular grid; otherwise a table of the letters, and a search tree for samples that are none.
    Of equal letters the first counts.
    """
    axes = [np.unique(column) for column in x.T]
    sides = [len(axis) for axis in axes]
    if np.prod([float(side) for side in sides]) <= len(x):
        at = [np.searchsorted(axis, column) for axis, column in zip(axes, x.T, strict=True)]
        place, first = np.unique(np.ravel_multi_index(at, sides), return_index=True)
        if len(place) == np.prod(sides):
            return on_grid(axes, cell[first])
    x, first, where = np.unique(x + 0.0, axis=0, return_index=True, return_inverse=True)
    return scattered(x, cell[first], np.bincount(where.ravel(), p))


def scattered(x, cell, p):
    """Samples to cells where the letters, all different, lie anywhere.

    A sample that is a letter is found in a hash table: its slot is the top bits of
    sum_a odd_a key(x_a) mod 2^64, where key folds the upper half of the bits, all that round numbers
    have, into the lower; equality of all coordinates settles it. Where letters share a slot the most
    probable has it. All other samples ask the tree, which takes either of two letters that are as near.
    Source: multiplicative hashing, Knuth (1973).
    """
    n, k = x.shape
    bits = min(int(np.ceil(np.log2(SLOTS * n))), MOST_SLOTS.bit_length() - 1)
    odd = np.random.default_rng(0).integers(2**63, size=k, dtype=np.uint64) * np.uint64(2) + np.uint64(1)

    def slot(points):
        keys = points.view(np.uint64)
        keys = keys ^ (keys >> np.uint64(32))
        return (keys @ odd >> np.uint64(64 - bits)).view(np.int64)

    tree, slots = cKDTree(x), slot(x)
    letters = np.vstack([x, np.full(k, np.nan)])  # letter n, equal to nothing: an empty slot
    cells, table = np.append(cell, 0).astype(np.int32), np.full(1 << bits, n, np.int32)
    for i in np.argsort(p, kind="stable"):
        table[slots[i]] = i

    def search(points):
        found = np.empty(len(points), np.int32)
        for at in range(0, len(points), BLOCK):
            block = points[at : at + BLOCK] + 0.0  # -0 becomes 0
            letter = table.take(slot(block))
            others = np.zeros(len(block), bool)
            others[np.flatnonzero(letters.take(letter, axis=0) != block) // k] = True
            if others.any():
                letter[others] = tree.query(np.clip(block[others], -FAR, FAR))[1]
            found[at : at + BLOCK] = cells.take(letter)
        return found

    return search


def on_grid(axes, cell):
    """Samples to cells where the letters are all combinations of the axes, the last one fastest.

    An axis is searched at its midpoints; in one dimension only at those where the cell changes.
    """
    middles = [between(axis[:-1], axis[1:]) for axis in axes]
    if len(axes) == 1:
        changes = np.flatnonzero(cell[1:] != cell[:-1])
        middles, cell = [middles[0][changes]], cell[np.append(changes, len(cell) - 1)]
    counts = [count_below(middle) for middle in middles]

    def search(points):
        found = np.empty(len(points), np.int32)
        for at in range(0, len(points), BLOCK):
            place = np.zeros(len(points[at : at + BLOCK]), np.int32)
            for column, middle, count in zip(points[at : at + BLOCK].T, middles, counts, strict=True):
                place *= len(middle) + 1
                place += count(np.ascontiguousarray(column))
            found[at : at + BLOCK] = cell[place]
        return found

    return search


def count_below(thresholds):
    """x (N,) -> how many thresholds lie below each, as np.searchsorted counts them, but faster.

    Few are compared one by one. Else x falls into one of L equal bins; rounding keeps the order, so
    thresholds in lower bins lie below x and those in higher ones do not. With at most one
    threshold a bin, one comparison settles it; where 2^16 bins do not part them, search.
    """
    if len(thresholds) <= FEW:
        return lambda x: sum((x > threshold for threshold in thresholds), np.zeros(len(x), np.uint8))
    for bits in range(5, 17):
        found = binned(thresholds, 1 << bits)
        if found is not None:
            return found
    return lambda x: np.searchsorted(thresholds, x)


def binned(thresholds, L):
    """count_below by L bins, or None where a bin holds two thresholds."""
    low, scale = thresholds[0], L / (thresholds[-1] - thresholds[0])

    def bin_of(x):
        with np.errstate(over="ignore"):  # far samples belong to the last bin
            return np.clip((x - low) * scale, 0, L - 1).astype(np.int32)

    bins = bin_of(thresholds)
    if (np.diff(bins) == 0).any():
        return None
    below = np.searchsorted(bins, np.arange(L)).astype(np.int32)
    following = np.append(thresholds, np.inf)[below]

    def look_up(x):
        place = bin_of(x)
        return below[place] + (x > following[place])

    return look_up
