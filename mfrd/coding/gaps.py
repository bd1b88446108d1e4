"""Gaps of a design: where samples lie far from all that it was made for, though between its ends.

A letter speaks for samples up to r_i = max(spare, REACH times the distance to the letter next to it), a codeword for
those up to e_j = max(spare, the largest distance of its letters). A sample beyond both lies in a gap.
"""

import numpy as np
from scipy.spatial import cKDTree

from ..problems.source import Source
from .nearest import FAR

REACH = 4.0  # spacings beyond a letter: one in a hundred of random spacings is larger than eight times another


class Gaps:
    """The gaps between the letters of a source, of which each has a codeword: y (m, k), of_letter (n,).

    spare: the root of the squared error that the budgets allow everywhere. On a line gaps are intervals, found at once;
    in space samples far from their codeword ask, of a source that was binned those whose bin holds no letter. Bins of
    a line that were given leave none: what lies between two is part of one of them.
    """

    def __init__(self, source: Source, y: np.ndarray, of_letter: np.ndarray, spare: float) -> None:
        self.binning, self.y, self.spare, self.ends = source.binning, y, spare, np.zeros(0)
        self.tree: cKDTree | None = None
        x, cell = source.x, of_letter
        if source.x.shape[1] > 1:
            x, first = np.unique(x + 0.0, axis=0, return_index=True)
            self.error = self.worst(x, cell[first])
            self.tree = cKDTree(x)
            near = self.tree.query(x, k=2)[0][:, 1] if len(x) > 1 else np.zeros(len(x))
            self.reach = np.maximum(spare, REACH * near)
            return
        if self.binning is not None:
            if self.binning.values is None:
                return
            letter = np.searchsorted(self.binning.thresholds[0], self.binning.values)
            x, cell = self.binning.values[:, None], of_letter[letter]
        values, first = np.unique(x[:, 0], return_index=True)
        cell = cell[first]
        if len(values) < 2:
            return
        error, spaces = self.worst(values[:, None], cell), np.diff(values)
        reach = np.maximum(spare, REACH * np.minimum(np.append(spaces, np.inf), np.append(np.inf, spaces)))
        if len(values) == 2:
            reach[:] = spare
        a, b = values[:-1], values[1:]
        middle = a / 2 + b / 2
        if self.binning is not None:
            middle = self.binning.thresholds[0][np.minimum(letter[first][:-1], len(self.binning.thresholds[0]) - 1)]
        left = np.maximum(a + reach[:-1], y[cell[:-1], 0] + error[cell[:-1]])
        right = np.minimum(b - reach[1:], y[cell[1:], 0] - error[cell[1:]])
        left, right = np.minimum(left, middle), np.maximum(right, middle)
        open_ = (cell[:-1] != cell[1:]) & (left < right)
        self.ends = np.column_stack([left, right])[open_].ravel()

    def worst(self, x: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """How far a codeword speaks for samples, (m,)."""
        error = np.full(len(self.y), self.spare)
        np.maximum.at(error, cell, np.sqrt(((x - self.y[cell]) ** 2).sum(axis=1)))
        return error

    def hold(self, points: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """Which samples (N, k), coded as cells (N,), lie in a gap, (N,) flags."""
        found = np.zeros(len(points), bool)
        if self.tree is None:
            if len(self.ends):
                ended, begun = (np.searchsorted(self.ends, points[:, 0], side) for side in ("left", "right"))
                found = (ended % 2 == 1) & (ended == begun)  # behind a first end, and on no second one
            return found
        points = np.clip(points, -FAR, FAR)
        off = ((points - self.y[cells]) ** 2).sum(axis=1) > self.error[cells] ** 2
        if self.binning is not None:
            off &= self.binning.letters(points) < 0
        if off.any():
            asked = np.flatnonzero(off)
            far, letter = self.tree.query(points[asked])
            found[asked] = far > self.reach[letter]
        return found
