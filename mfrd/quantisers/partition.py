"""Contiguous cells of letters on a line: their costs, and the program that finds the best partition.

    V(b) = min over a < b of  V(a) + spread(a, b) + mu surprise(a, b),       V(0) = 0,

over cells of the letters a .. b-1, with spread the weighted squared error about the centroid and surprise -P log P.
Letters lie in blocks. Of two blocks, the cells that begin in the first and end at b cost at least

    min V(a) + spread(end of the first block, b) + mu min of -P log P at the two ends of the block,

since spread grows with the cell and -P log P is concave in P: a block whose bound exceeds what is known to be reached
is left out, and nothing is lost. Memory is that of n blocks' width, time near it where cells are short.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import entr

WIDTH = 64  # letters a block: pairs of one block fill 32 kB, and fit the cache


class Sums(NamedTuple):
    """Of runs of letters: weight, weighted mean, weighted squared error about it, probability; arrays of one shape."""

    weight: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    mass: np.ndarray

    def at(self, place: object) -> "Sums":
        """The runs at an index of the arrays."""
        return Sums(*(part[place] for part in self))

    def joined(self, other: "Sums") -> "Sums":
        """The sums of runs that take in others, of shapes that broadcast (Chan, Golub and LeVeque 1983)."""
        weight, step = self.weight + other.weight, other.mean - self.mean
        share = np.divide(other.weight, weight, out=np.zeros_like(weight), where=weight > 0)
        spread = self.spread + other.spread + self.weight * share * step**2
        return Sums(weight, self.mean + share * step, spread, self.mass + other.mass)


class Cells:
    """Costs of contiguous cells of sorted letters, and the program over them.

    x: (n,) sorted; mass: (n,), the entropy counts it; weight: (n,), the squared error counts it.
    """

    def __init__(self, x: np.ndarray, mass: np.ndarray, weight: np.ndarray) -> None:
        self.n, blocks = len(x), -(-len(x) // WIDTH)
        pad = (0, blocks * WIDTH - len(x))
        rows = lambda values: np.pad(values, pad, "edge" if values is x else "constant").reshape(blocks, WIDTH)
        self.letters = Sums(rows(weight), rows(x), np.zeros((blocks, WIDTH)), rows(mass))
        self.before, self.after = (
            self.runs(self.letters),
            self.runs(self.letters.at((slice(None), slice(None, None, -1)))),
        )
        self.after = self.after.at((slice(None), slice(None, None, -1)))  # letters t .. WIDTH - 1 of a block
        self.inside = np.full((2, blocks, WIDTH, WIDTH), np.inf)  # spread and surprise of letters a .. b, at [b, a]
        now = self.letters  # the cells a .. b
        for b in range(WIDTH):  # every cell a .. b-1 takes in letter b
            one = self.letters.at((slice(None), slice(b, b + 1)))
            now = Sums(*(np.hstack(pair) for pair in zip(now.joined(one), one))) if b else one
            self.inside[0, :, b, : b + 1], self.inside[1, :, b, : b + 1] = now.spread, entr(now.mass)
        whole = self.before.at((slice(None), -1))
        nothing = Sums(*(np.zeros((blocks, blocks)) for _ in range(4)))
        self.middle = nothing  # [A, C]: the blocks between A and C
        for apart in range(2, blocks):
            A = np.arange(blocks - apart)
            wider = self.middle.at((A, A + apart - 1)).joined(whole.at(A + apart - 1))
            for part, values in zip(self.middle, wider):
                part[A, A + apart] = values

    @staticmethod
    def runs(letters: Sums) -> Sums:
        """The sums of the letters 0 .. t of each block, (blocks, WIDTH)."""
        found = [letters.at((slice(None), 0))]
        for t in range(1, WIDTH):
            found.append(found[-1].joined(letters.at((slice(None), t))))
        return Sums(*(np.column_stack(parts) for parts in zip(*found)))

    def best(self, slopes: np.ndarray) -> list[np.ndarray]:
        """The cells of least spread + mu H for each slope mu: a list of edges (m + 1,), from 0 to n."""
        mu, blocks = np.asarray(slopes, float), len(self.letters.mass)
        value, previous = np.zeros((len(mu), blocks * WIDTH + 1)), np.zeros((len(mu), blocks * WIDTH + 1), int)
        least = np.zeros((len(mu), blocks))  # of the values of a block
        for C in range(blocks):
            far = np.full((len(mu), WIDTH), np.inf), np.zeros((len(mu), WIDTH), int)  # cells that begin in other blocks
            if C:
                least[:, C - 1] = value[:, (C - 1) * WIDTH : C * WIDTH].min(axis=1)
                self.across(C - 1, C, mu, value, far)
            self.along(C, mu, value, previous, far)
            others = np.flatnonzero(
                (self.bounds(C, mu, least) < value[:, None, C * WIDTH + 1 :][..., :WIDTH]).any((0, 2))
            )
            for A in others:
                self.across(int(A), C, mu, value, far)
            if len(others):
                self.along(C, mu, value, previous, far)
        found = []
        for back in previous.tolist():
            edges = [self.n]
            while edges[-1]:
                edges.append(back[edges[-1]])
            found.append(np.array(edges[::-1]))
        return found

    def bounds(self, C: int, mu: np.ndarray, least: np.ndarray) -> np.ndarray:
        """What cells that begin in a block before C - 1 and end in C cost at least, (M, blocks, WIDTH)."""
        A = slice(0, max(C - 1, 0))
        between = self.middle.at((A, slice(C, C + 1))).joined(self.before.at(slice(C, C + 1)))
        longest = between.mass + self.after.mass[A, :1]
        surprise = np.minimum(entr(between.mass), entr(longest))
        return least[:, A, None] + between.spread + mu[:, None, None] * surprise

    def across(self, A: int, C: int, mu: np.ndarray, value: np.ndarray, far: tuple[np.ndarray, np.ndarray]) -> None:
        """Lower `far`, the best cells (costs, beginnings) that end in block C, by those that begin in block A."""
        runs = self.after.at(A).joined(self.middle.at((slice(A, A + 1), C)))
        cells = runs.at(slice(None)).joined(self.before.at((C, slice(None), None)))  # [b, a]
        cost = mu[:, None, None] * entr(cells.mass)
        cost += cells.spread
        cost += value[:, None, A * WIDTH : (A + 1) * WIDTH]
        begin = cost.argmin(axis=2)
        reached = np.take_along_axis(cost, begin[..., None], 2)[..., 0]
        lower = reached < far[0]
        far[0][lower], far[1][lower] = reached[lower], begin[lower] + A * WIDTH

    def along(self, C: int, mu: np.ndarray, value: np.ndarray, previous: np.ndarray, far: tuple) -> None:
        """Fill in the values at the ends within block C, given the best cells that begin in other blocks."""
        first, rows = C * WIDTH, np.arange(len(mu))
        cost = self.inside[0, C] + mu[:, None, None] * np.where(self.inside[1, C] < np.inf, self.inside[1, C], 0)
        for b in range(min(WIDTH, self.n - first)):
            ends = cost[:, b, : b + 1] + value[:, first : first + b + 1]
            begin = ends.argmin(axis=1)
            reached, other = ends[rows, begin], far[0][:, b]
            value[:, first + b + 1] = np.minimum(reached, other)
            previous[:, first + b + 1] = np.where(reached <= other, begin + first, far[1][:, b])
        value[:, self.n + 1 :] = 0


def measured(x: np.ndarray, mass: np.ndarray, weight: np.ndarray, edges: np.ndarray) -> tuple[float, float]:
    """(weighted squared error about the centroids, H in nats) of the partition of sorted letters, (n,), at edges."""
    a, sizes = edges[:-1], np.diff(edges)
    W, P = np.add.reduceat(weight, a), np.add.reduceat(mass, a)
    near = x - np.repeat(x[a], sizes)  # about the first letter of the cell, so that nothing cancels
    step = np.divide(np.add.reduceat(weight * near, a), W, out=np.zeros_like(W), where=W > 0)
    return float(weight @ (near - np.repeat(step, sizes)) ** 2), float(entr(P).sum())


def tolerant(
    x: np.ndarray, mass: np.ndarray, weight: np.ndarray, radius: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """The cells of sorted letters (n,) of least weighted squared error + H with every letter near its codeword.

        |x_i - y_j| <= radius_i   for the letters i of cell j:   y_j in [max (x_i - radius_i), min (x_i + radius_i)],

    which is the centroid or the end next to it. -> (edges (m + 1,), codewords (m,)); None where the costs overflow.
    A cell that holds a letter holds its codeword's interval too, so for each end the cells that may be begin in a run.
    """
    n, start = len(x), 0
    low, high = np.full(n, -np.inf), np.full(n, np.inf)
    W, P, mean, S, first = np.zeros((5, n))
    value, previous, codeword = np.zeros(n + 1), np.zeros(n + 1, int), np.zeros(n + 1)
    for b in range(n):
        a = slice(start, b + 1)  # the cells a .. b take in letter b
        low[a], high[a] = np.maximum(low[a], x[b] - radius[b]), np.minimum(high[a], x[b] + radius[b])
        while low[start] > high[start] and start < b:
            start += 1
        a, mean[b] = slice(start, b + 1), x[b]
        grown = W[a] + weight[b]
        step = x[b] - mean[a]
        share = np.divide(weight[b], grown, out=np.zeros(b + 1 - start), where=grown > 0)
        S[a] += W[a] * share * step**2
        mean[a] += share * step
        W[a], P[a] = grown, P[a] + mass[b]
        first[a] += mass[b] * (x[b] - x[a])
        plain = x[a] + np.divide(first[a], P[a], out=np.zeros(b + 1 - start), where=P[a] > 0)
        y = np.clip(np.where(grown > 0, mean[a], plain), low[a], np.maximum(low[a], high[a]))
        cost = value[a] + S[a] + grown * (y - mean[a]) ** 2 + entr(P[a])
        best = int(cost.argmin())
        value[b + 1], previous[b + 1], codeword[b + 1] = cost[best], start + best, y[best]
    if not np.isfinite(value[n]):
        return None
    edges = [n]
    while edges[-1]:
        edges.append(int(previous[edges[-1]]))
    found = np.array(edges[::-1])
    return found, codeword[found[1:]]


def squares(moments: Sequence[np.ndarray], y: np.ndarray) -> np.ndarray:
    """sum_i w_i (x_i - y)^2 from the moments sum w_i x_i^k, k = 0, 1, 2, of arrays of one shape."""
    zero, one, two = moments
    return two - 2 * y * one + y**2 * zero


class Constrained:
    """Contiguous cells of sorted letters x (n,) within budgets D (R,) of rows p_i w_ri, (R, n), by moving their edges.

    mass: (n,); weight: (n,), by which centroids are taken; radius: (n,), how near each letter's codeword must be.
    """

    def __init__(
        self, x: np.ndarray, mass: np.ndarray, rows: np.ndarray, D: np.ndarray, weight: np.ndarray, radius: np.ndarray
    ) -> None:
        self.x, self.D, self.radius = x, D, radius
        sums = lambda values: np.pad(np.cumsum(values, axis=-1), [(0, 0)] * (values.ndim - 1) + [(1, 0)])
        self.moments = [sums(rows * x**power) for power in (0, 1, 2)]  # (R, n + 1)
        self.mass, self.first = sums(mass), sums(mass * x)
        self.weight, self.pull = sums(weight), sums(weight * x)

    def cells(self, a: np.ndarray, b: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(codewords, what each row spends (R, cells)) of the cells of letters a .. b-1; empty cells spend nothing."""
        W, P = self.weight[b] - self.weight[a], self.mass[b] - self.mass[a]
        plain = np.divide(self.first[b] - self.first[a], P, out=np.zeros(len(P)), where=P > 0)
        y = np.divide(self.pull[b] - self.pull[a], W, out=plain, where=W > 1e-12 * self.weight[-1])
        y = np.minimum(np.maximum(y, low), high)
        return y, np.maximum(squares([moment[:, b] - moment[:, a] for moment in self.moments], y), 0)

    def bounds(self, a: int, b: int, forward: bool) -> tuple[np.ndarray, np.ndarray]:
        """Where codewords of the cells a .. e-1 (forward) or e .. b-1 may lie, for each e from a to b."""
        low, high = self.x[a:b] - self.radius[a:b], self.x[a:b] + self.radius[a:b]
        if forward:
            return np.append(-np.inf, np.maximum.accumulate(low)), np.append(np.inf, np.minimum.accumulate(high))
        back = np.maximum.accumulate(low[::-1])[::-1], np.minimum.accumulate(high[::-1])[::-1]
        return np.append(back[0], -np.inf), np.append(back[1], np.inf)

    def descended(self, edges: np.ndarray, rounds: int = 20) -> tuple[np.ndarray, np.ndarray]:
        """(edges, codewords) of cells of less H that keep the budgets, each edge moved in turn; an edge may vanish."""
        for _ in range(rounds):
            moved, j = False, 1
            while j < len(edges) - 1:
                a, b = int(edges[j - 1]), int(edges[j + 1])
                e = np.arange(a, b + 1)
                spent = self.total(edges)
                left, right = self.bounds(a, b, True), self.bounds(a, b, False)
                now = self.cells(np.full(len(e), a), e, *left)[1] + self.cells(e, np.full(len(e), b), *right)[1]
                H = entr(self.mass[e] - self.mass[a]) + entr(self.mass[b] - self.mass[e])
                at = int(edges[j]) - a
                kept = ((spent - now[:, [at]])[:, :] + now <= self.D[:, None] * (1 - 1e-12)).all(axis=0)
                kept &= (left[0] <= left[1]) & (right[0] <= right[1])
                best = int(np.where(kept, H, np.inf).argmin())
                if kept.any() and H[best] < H[at] - 1e-12:
                    moved = True
                    edges = (
                        np.delete(edges, j) if e[best] in (a, b) else np.append(edges[:j], [e[best], *edges[j + 1 :]])
                    )
                else:
                    j += 1
            if not moved:
                break
        low, high = self.ends(edges)
        return edges, self.cells(edges[:-1], edges[1:], low, high)[0]

    def ends(self, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the codeword of each cell may lie, (m,) both."""
        starts = edges[:-1]
        low, high = np.maximum.reduceat(self.x - self.radius, starts), np.minimum.reduceat(self.x + self.radius, starts)
        return low, np.maximum(low, high)

    def total(self, edges: np.ndarray) -> np.ndarray:
        """What each row spends, (R, 1)."""
        return self.cells(edges[:-1], edges[1:], *self.ends(edges))[1].sum(axis=1, keepdims=True)
