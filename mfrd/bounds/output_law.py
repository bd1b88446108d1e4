"""The output law of least mean potential at given prices: what a bound on the law of samples is minimised over.

    min_q sum_i p_i a_q(x_i),   a_q(x_i) = -log sum_j q_j exp(-w_i |x_i - y_j|^2),   over all laws q on R^k, in nats,
by exchange: solve on a codebook (interior_point.py), climb to the maxima of
    c(y) = sum_i p_i exp(a_i - w_i |x_i - y|^2),
add those above one and drop what nothing needs. log max c is what the codebook misses. Nothing here is proven: what
is, is evaluated afterwards on what this finds.

On a line letters and codewords further than FAR / sqrt(w) from each other do not see each other, so that laws of heavy
tails cost no more than their samples; a spread of thousands of codewords is a band.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from ..problems.distortion import squared_error
from ..solvers.interior_point import BOLD, STEADY, Iterate, interior_point
from ..solvers.saddle import PriceCurvature, Saddle, SaddlePoint

FAR = 6.2  # in units of 1 / sqrt(w): exp(-FAR^2) is 2e-17
SPAN = 10.0  # of the letters that are taken together, in the same unit, unless these are fewer than 64
ROUNDS = 25  # of the exchange
SPACING = 0.9  # codewords of the start, in units of 1 / sqrt(2 w)
STEP = 0.15  # of the places where c is looked at, in the same unit, times k
NEARLY = -0.003  # log c of codewords that stay
CLOSE = 1e-4  # codewords nearer than this are one, in the same unit
FEW = 6000  # such places up to which they are the whole box
BLOCK = 2_000_000  # entries evaluated at once


@dataclass(frozen=True, eq=False)
class Letters:
    """Letters x, (n, k), ascending on a line, with weights p and slopes w, (n,), nats per squared unit.

    p adds up to one, and may be negative where it interpolates.
    """

    x: np.ndarray
    w: np.ndarray
    p: np.ndarray

    @property
    def reach(self) -> float:
        """How far letters see codewords: all of them where some have no slope."""
        least = self.w.min()
        return FAR / np.sqrt(least) if least > 0 else np.inf

    @property
    def width(self) -> float:
        """Over which log c can change by one."""
        return 1 / np.sqrt(2 * self.w.max())

    def tiles(self, y: np.ndarray) -> Iterator[tuple[slice, slice]]:
        """(some codewords of y, the letters that they see): every codeword once, y ascending on a line."""
        yield from tiles(y, self.x, self.reach)

    def potentials(self, y: np.ndarray, q: np.ndarray) -> np.ndarray:
        """a_q, (n,), with all codewords."""
        out, step = np.empty(len(self.x)), max(1, BLOCK // len(y))
        with np.errstate(divide="ignore"):
            log_q = np.log(q)
        for i in range(0, len(out), step):
            s = slice(i, i + step)
            terms = log_q - self.w[s, None] * squared_error(self.x[s], y)
            top = terms.max(axis=1)
            terms -= top[:, None]
            out[s] = -(np.log(np.exp(terms, out=terms).sum(axis=1)) + top)
        return np.maximum(out, 0.0)

    def masses(self, y: np.ndarray, a: np.ndarray) -> np.ndarray:
        """c at y, (m,), ascending on a line, for potentials a, (n,)."""
        c = np.empty(len(y))
        for at, seen in self.tiles(y):
            terms = a[seen] - self.w[seen] * squared_error(y[at], self.x[seen])
            c[at] = np.exp(np.minimum(terms, 600, out=terms), out=terms) @ self.p[seen]
        return c

    def climb(self, y: np.ndarray, a: np.ndarray, steps: int = 2) -> np.ndarray:
        """Places near y, (m, k), where c is nearly largest, by Newton's steps on log c that are cut at its width."""
        k = y.shape[1]
        for _ in range(steps):
            new = np.empty_like(y)
            for at, seen in self.tiles(y):
                x, w, centre = self.x[seen], self.w[seen], y[at].mean(axis=0)
                terms = a[seen] - w * squared_error(y[at], x)
                e = np.exp(np.minimum(terms, 600, out=terms), out=terms) * self.p[seen]
                v, z = x - centre, y[at] - centre
                features = np.column_stack([np.ones(len(x)), w, w[:, None] * v, w**2, w[:, None] ** 2 * v, outer(v, w)])
                S = e @ features
                S /= np.where(S[:, :1] > 0, S[:, :1], 1)
                paid, pull = S[:, 1], S[:, 2 : 2 + k]
                w2, w2v, w2vv = S[:, 2 + k], S[:, 3 + k : 3 + 2 * k], S[:, 3 + 2 * k :].reshape(-1, k, k)
                g = 2 * (pull - paid[:, None] * z)
                cross = w2v[:, :, None] * z[:, None]
                H = 4 * (w2vv - cross - cross.swapaxes(1, 2) + w2[:, None, None] * z[:, :, None] * z[:, None])
                H -= 2 * paid[:, None, None] * np.eye(k) + g[:, :, None] * g[:, None]
                top = np.linalg.eigvalsh(H)[:, -1]
                floor = 0.05 * np.maximum(paid, 1e-300)
                H -= np.maximum(top + floor, 0)[:, None, None] * np.eye(k)
                move = -np.linalg.solve(H, g[..., None])[..., 0]
                new[at] = y[at] + np.clip(move, -0.5 * self.width, 0.5 * self.width)
            y = in_order(new)
        return y

    def places(self) -> np.ndarray:
        """Where c is looked at, ascending on a line: a grid around the letters."""
        k, step = self.x.shape[1], STEP * self.x.shape[1] * self.width
        x = self.x[self.w > 0]
        cells, around = np.unique(np.round(x / step), axis=0), np.arange(-2, 3)
        low, high = cells.min(axis=0), cells.max(axis=0) + 1
        if (high - low).prod() <= FEW:
            return np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), -1).reshape(-1, k) * step
        moves = np.stack(np.meshgrid(*[around] * k, indexing="ij"), -1).reshape(-1, k)
        return np.unique((cells[:, None] + moves).reshape(-1, k), axis=0) * step

    def start(self) -> np.ndarray:
        """Codewords to start from, (m, k): means of letters in cells of SPACING."""
        on = self.p > 0
        cell = np.floor((self.x[on] - self.x.min(axis=0)) / (SPACING * self.width))
        place = np.unique(cell, axis=0, return_inverse=True)[1].reshape(-1)
        return in_order(
            np.column_stack([np.bincount(place, axis) for axis in self.x[on].T]) / np.bincount(place)[:, None]
        )

    def least(self, sharp: float, y: np.ndarray | None = None, q: np.ndarray | None = None) -> tuple:
        """(y, q): the output law of least sum_i p_i a_q(x_i) but for `sharp`, nats, from the law y, q."""
        if y is None:
            y = self.start()
        elif lonely(self, y).any():
            new = self.start()
            y = merged(np.concatenate([y, new[cKDTree(y).query(new)[0] > 0.5 * self.width]]), CLOSE * self.width)
            q = None
        places, k = self.places(), self.x.shape[1]
        neighbours = cKDTree(places).query(places, min(len(places), 3**k))[1].reshape(len(places), -1)
        low = np.exp(-0.15 * k * (STEP * k) ** 2)  # of a place beside a maximum above one
        for _ in range(ROUNDS):
            held = Held.of(self, y)
            point = held.solved(q, 0.1 * sharp)
            q = point.q / point.q.sum()
            a = self.potentials(y, q)
            c, own = self.masses(places, a), self.masses(y, a)
            peaks = (c >= c[neighbours].max(axis=1)) & (c > low)
            found = self.climb(places[peaks], a) if peaks.any() else y[:0]
            heights = self.masses(found, a) if len(found) else np.zeros(0)
            if max(heights.max(initial=0.0), c.max()) <= 1 + sharp:
                break
            alive = (own > 1 + NEARLY) | (q > 10 * abs(1 - own))
            new = found[heights > 1 + 0.1 * sharp]
            if not len(new):
                new = places[[c.argmax()]]
            y, q = joined(y[alive], q[alive], new, CLOSE * self.width)
        return y, q


class Held(Saddle):
    """A saddle whose prices are held: -sum_i p_i log z_i + sum_j q_j - 1, on tiles of letters and codewords."""

    def __init__(self, p: np.ndarray, m: int, tiles: list[tuple[slice, slice, np.ndarray]], high: np.ndarray):
        none = np.empty(0)
        self.p, self.n, self.m, self.R, self.blocks, self.high = p, len(p), m, 0, tiles, high
        self.D, self.share, self.inset, self.measures, self.ceiling = none, none, none, [], np.inf

    @classmethod
    def of(cls, letters: Letters, y: np.ndarray) -> "Held":
        """That of letters on a codebook."""
        x, w, high, blocks = letters.x, letters.w, np.empty(len(letters.x)), []
        for at, seen in tiles(x, y, letters.reach):
            terms = -w[at, None] * squared_error(x[at], y[seen])
            high[at] = terms.max(axis=1)
            terms -= high[at, None]
            blocks.append((at, seen, np.exp(terms, out=terms)))
        return cls(letters.p, len(y), blocks, high)

    def at(self, q: np.ndarray, lam: np.ndarray, out: SaddlePoint | None = None) -> SaddlePoint:
        """The saddle at output masses q, (m,)."""
        z, c = np.empty(self.n), np.zeros(self.m)
        for at, seen, K in self.blocks:
            z[at] = K @ q[seen]
            c[seen] += (self.p[at] / z[at]) @ K
        return SaddlePoint(q, lam, np.empty(0), self.high, z, [], c, np.empty(0))

    def hessian(self, at: SaddlePoint) -> tuple[np.ndarray, np.ndarray, PriceCurvature]:
        """(H (m, m), nothing, nothing)."""
        H, none = np.zeros((self.m, self.m), order="F"), np.empty(0)
        weights = self.p / at.z**2
        for rows, seen, K in self.blocks:
            H[seen, seen] += (K * weights[rows, None]).T @ K
        alone = np.empty(0, int)
        return H, np.empty((self.m, 0)), PriceCurvature(alone, alone, none, np.empty((0, 0)), np.empty((0, 0)))

    def solved(self, q: np.ndarray | None, tol: float) -> Iterate:
        """The optimum but for tol, nats, from q."""
        points = []
        for start, attempt in ((q, BOLD), (None, replace(BOLD, margin=1e-3)), (None, STEADY)):
            masses = np.full(self.m, 1 / self.m) if start is None else np.maximum(start, 1e-3 / self.m)
            points.append(interior_point(self, Iterate(masses / masses.sum(), np.empty(0)), tol, attempt))
            if points[-1].converged(tol):
                return points[-1]
        return min(points, key=lambda point: point.merit)


def tiles(one: np.ndarray, other: np.ndarray, reach: float) -> Iterator[tuple[slice, slice]]:
    """(some of `one`, those of `other` within reach): all of `one` once; both ascending where they lie on a line."""
    n, step = len(one), max(1, BLOCK // len(other))
    if one.shape[1] > 1 or np.ptp(other) <= 4 * reach:
        yield from ((slice(i, i + step), slice(0, len(other))) for i in range(0, n, step))
        return
    a, b, i = one[:, 0], other[:, 0], 0
    while i < n:
        j = int(np.searchsorted(a, a[i] + SPAN / FAR * reach, "right"))
        j = min(max(j, i + 64), i + 4096, n)
        low, high = np.searchsorted(b, [a[i] - reach, a[j - 1] + reach])
        first = np.searchsorted(b, a[i])
        yield slice(i, j), slice(max(0, min(low, first - 1)), min(len(b), max(high, first + 1)))
        i = j


def outer(v: np.ndarray, w: np.ndarray) -> np.ndarray:
    """w^2 v v', (n, k^2)."""
    return (w[:, None, None] ** 2 * v[:, :, None] * v[:, None]).reshape(len(v), -1)


def in_order(y: np.ndarray) -> np.ndarray:
    """Codewords, ascending on a line."""
    return np.sort(y, axis=0) if y.shape[1] == 1 else y


def merged(y: np.ndarray, distance: float) -> np.ndarray:
    """Codewords (m, k), one of those in a cell of that width, ascending on a line."""
    return y[np.unique(np.round(y / distance), axis=0, return_index=True)[1]]


def joined(y: np.ndarray, q: np.ndarray, new: np.ndarray, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """(y, q) with new codewords of little mass, one of those in a cell of that width."""
    every, masses = np.concatenate([y, new]), np.append(q, np.full(len(new), 1e-3 / (len(y) + len(new))))
    first = np.unique(np.round(every / distance), axis=0, return_index=True)[1]
    return every[first], masses[first] / masses[first].sum()


def lonely(letters: Letters, y: np.ndarray) -> np.ndarray:
    """Which letters lie more than 3 / sqrt(w) from every codeword, (n,)."""
    return cKDTree(y).query(letters.x)[0] * np.sqrt(letters.w) > 3
