"""Entropy-constrained scalar quantisation, solved exactly.

Minimise D + mu H(Y) over all maps from letters to codewords. At a minimum with cell masses q_j and
centroids y_j, no letter gains by moving to
    argmin_j (x - y_j)^2 - mu log q_j  =  argmin_j  -2 x y_j + y_j^2 - mu log q_j + x^2,
since coding with the old q costs at least the new entropy. These are straight lines in x, and each
is the lowest on an interval: some minimum has contiguous cells. Hence, for each mu, a dynamic
program over contiguous cells finds the exact minimum, and all its minima over mu >= 0 are the
vertices of the lower convex hull of (D, H). Randomised encoders lie above it too: for a fixed
codebook D is linear in Q and H(Y) concave. Off the hull contiguity may fail for discrete sources
(Gyorgy and Linder 2002); there time-sharing two vertices is better than any single quantiser.
"""

from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np
from scipy.special import entr

from ..problems.fidelity import Fidelity
from ..problems.source import Source
from ..problems.units import NATS_PER_BIT
from ..solvers.encoder import Encoder
from ..solvers.outcome import Stats, Status
from .cells import between, from_labels
from .quantiser import Quantiser

PROVEN = (
    "least rate of any time-shared scalar quantiser, deterministic or randomised, at this "
    "distortion: dynamic program over contiguous cells, exact up to rounding"
)


class Cells:
    """Costs of all contiguous cells of the sorted letters, and the program over them.

    x: (n,) sorted; mass: (n,), the entropy counts it; weight: (n,), the squared error counts it.
    .spread[b, a], .surprise[b, a]: weighted squared error about the centroid and -P log P (nats) of
    the cell of letters a .. b-1. Memory 16 n^2 bytes.
    """

    def __init__(self, x: np.ndarray, mass: np.ndarray, weight: np.ndarray) -> None:
        n = len(x)
        self.spread, self.surprise = np.zeros((2, n + 1, n))
        P, W, mean, S = np.zeros((4, n))
        for i in range(n):  # every cell a .. i-1 takes in letter i (Welford 1962)
            a = slice(0, i + 1)
            grown = W[a] + weight[i]
            share = np.divide(weight[i], grown, out=np.ones(i + 1), where=grown > 0)
            step = x[i] - mean[a]
            S[a] += W[a] * share * step**2
            mean[a] += share * step
            mean[i] = x[i]
            W[a] = grown
            P[a] += mass[i]
            self.spread[i + 1, a], self.surprise[i + 1, a] = S[a], entr(P[a])

    def best(self, slopes: np.ndarray) -> list[np.ndarray]:
        """The cells of least D + mu H for each slope mu: a list of edges (m + 1,), from 0 to n."""
        mu, n = np.asarray(slopes, float)[:, None], len(self.spread) - 1
        value, previous = np.zeros((len(mu), n + 1)), np.zeros((len(mu), n + 1), int)
        for b in range(1, n + 1):
            cost = self.surprise[b, :b] * mu
            cost += self.spread[b, :b]
            cost += value[:, :b]
            previous[:, b] = cost.argmin(axis=1)
            value[:, b] = cost[np.arange(len(mu)), previous[:, b]]
        found = []
        for back in previous.tolist():
            edges = [n]
            while edges[-1]:
                edges.append(back[edges[-1]])
            found.append(np.array(edges[::-1]))
        return found

    def measure(self, edges: np.ndarray) -> tuple[float, float]:
        """(D, H in nats) of a partition."""
        a, b = edges[:-1], edges[1:]
        return float(self.spread[b, a].sum()), float(self.surprise[b, a].sum())


@dataclass(frozen=True, eq=False)
class Vertex:
    """One vertex of the lower convex hull of (D, H(Y)): a deterministic scalar quantiser.

    Attributes
    ----------
    source : Source
        What it quantises.
    distortion : float
        D, squared units of x.
    rate : float
        H(Y), bits.
    thresholds : (m - 1,)
        Cell j holds the letters above threshold j - 1 and up to threshold j, units of x.
    encoder : Encoder
        Cells in ascending order, centroids as codewords.

    References
    ----------
    Muresan and Effros (2008).
    """

    source: Source
    distortion: float
    rate: float
    thresholds: np.ndarray

    @cached_property
    def encoder(self) -> Encoder:
        """The deterministic encoder with these thresholds, each cell at its centroid."""
        return from_labels(self.source, np.searchsorted(self.thresholds, self.source.x[:, 0]))

    def __repr__(self) -> str:
        return f"Vertex(D {self.distortion:.6g}, {self.rate:.6g} bits, {len(self.thresholds) + 1} cells)"


class Hull:
    """The lower convex hull of (D, H) of a 1-D source, found vertex by vertex.

    .fine, .coarse: its ends, the vertices of least distortion, every letter its own cell, and of rate zero.
    """

    def __init__(self, source: Source) -> None:
        if source.x.shape[1] != 1:
            raise ValueError(f"the source has dimension {source.x.shape[1]}; expected 1: use mfrd.ecvq")
        positive = source.p > 0
        x, where = np.unique(source.x[positive, 0], return_inverse=True)
        mass = np.bincount(where, source.p[positive])
        self.source, self.x, self.cells = source, x, Cells(x - mass @ x, mass, mass)
        self.fine, self.coarse = self.vertex(np.arange(len(x) + 1)), self.vertex(np.array([0, len(x)]))

    def vertex(self, edges: np.ndarray) -> Vertex:
        """The vertex of a partition given by its edges, (m + 1,)."""
        (D, H), inner = self.cells.measure(edges), edges[1:-1]
        rate = float(H / NATS_PER_BIT) if len(inner) else 0.0
        return Vertex(self.source, D, rate, between(self.x[inner - 1], self.x[inner]))

    def below(self, chords: list[tuple[Vertex, Vertex]]) -> list[Vertex | None]:
        """For each chord (fine, coarse) the vertex furthest below it, or None where it is an edge."""
        slopes = [(coarse.distortion - fine.distortion) / (fine.rate - coarse.rate) for fine, coarse in chords]
        found: list[Vertex | None] = []
        for (fine, _), mu, edges in zip(chords, slopes, self.cells.best(np.array(slopes) / NATS_PER_BIT)):
            vertex, level = self.vertex(edges), fine.distortion + mu * fine.rate
            found.append(vertex if level - vertex.distortion - mu * vertex.rate > 1e-12 * level else None)
        return found


def ecsq_hull(source: Source) -> list[Vertex]:
    """All vertices of the lower convex hull of (D, H(Y)) over scalar quantisers of a source.

        min D + mu H(Y) over all maps from letters to codewords, for every mu >= 0.

    Vertices are found by bisection of slopes: the chord between two known ones is an edge, or the
    dynamic program at its slope finds the vertex furthest below it. O(n^2) for each.

    Parameters
    ----------
    source : Source
        One dimension; letters of probability zero are left out, equal ones merged.

    Returns
    -------
    list of Vertex
        By ascending distortion, from (0, H(X)) to (variance, 0).

    Raises
    ------
    ValueError
        Where the source has more than one dimension.

    References
    ----------
    Muresan and Effros (2008) for the dynamic program; Gyorgy and Linder (2002) for contiguous cells.
    """
    hull = Hull(source)
    if hull.coarse.distortion == 0:
        return [hull.coarse]
    vertices, chords = [hull.fine, hull.coarse], [(hull.fine, hull.coarse)]
    while chords:
        split = [(a, b, v) for (a, b), v in zip(chords, hull.below(chords)) if v is not None]
        vertices += [v for *_, v in split]
        chords = [half for a, b, v in split for half in ((a, v), (v, b))]
    return sorted(vertices, key=lambda v: v.distortion)


def ecsq(source: Source, D: float, *, bound: Any = None) -> Quantiser:
    """The least H(Y) of a 1-D quantiser with an ideal entropy coder, time-shared to meet D exactly.

        min sum_t w_t H(Y_t)  s.t.  sum_t w_t E|X - Y_t|^2 <= D,  each Y_t a function of X.

    Parameters
    ----------
    source : Source
        One dimension.
    D : float
        Budget >= 0, squared units of x.
    bound : float or object with `.lower_bound`, optional
        What `.lower_bound` reports, bits: the result of mfrd.limit, say.

    Returns
    -------
    Quantiser
        One or two parts, neighbours on the hull, status "exact"; rate 0 from the variance upwards, H(X) at D = 0.

    Raises
    ------
    ValueError
        Where the source has more than one dimension, or D is negative or not finite.

    References
    ----------
    As for ecsq_hull.

    Examples
    --------
    >>> import mfrd
    >>> quantiser = mfrd.ecsq(mfrd.bumps(mfrd.grid(-3, 3, 50), [1], [0], [1]), 0.5)
    >>> round(quantiser.rate, 4), round(quantiser.distortion, 4)
    (0.683, 0.5)
    >>> [(round(weight, 3), len(encoder.codebook)) for weight, encoder in quantiser.parts]
    [(0.312, 3), (0.688, 3)]
    """
    fidelity, began, programs, hull = Fidelity(D), perf_counter(), 0, Hull(source)
    D = fidelity.D
    fine, coarse = hull.fine, hull.coarse
    if D >= coarse.distortion:
        fine = coarse
    elif D == 0:
        coarse = fine
    while fine is not coarse:
        (vertex,), programs = hull.below([(fine, coarse)]), programs + 1
        if vertex is None:
            break
        fine, coarse = (vertex, coarse) if vertex.distortion <= D else (fine, vertex)
    share = 0.0 if fine is coarse else (D - fine.distortion) / (coarse.distortion - fine.distortion)
    parts = tuple((w, vertex.encoder) for w, vertex in ((1 - share, fine), (share, coarse)) if w > 0)
    stats = Stats(programs, perf_counter() - began, backend="dynamic program")
    return Quantiser(source, (fidelity,), parts, fine.encoder, PROVEN, bound, Status.EXACT, stats)
