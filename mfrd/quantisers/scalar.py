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

import numpy as np
from scipy.special import entr

from ..problems.fidelity import Fidelity
from ..problems.source import Source
from ..problems.units import NATS_PER_BIT
from .quantiser import Quantiser, between, from_labels

BATCH = 64  # slopes that one pass of the dynamic program shares

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

    def __init__(self, x, mass, weight):
        n = len(x)
        self.spread = np.zeros((n + 1, n))
        self.surprise = np.zeros((n + 1, n))
        P, W, mean, S = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
        for b in range(1, n + 1):  # every cell a .. b-2 takes in letter b-1 (Welford 1962)
            i, a = b - 1, slice(0, b)
            grown = W[a] + weight[i]
            share = np.divide(weight[i], grown, out=np.ones(b), where=grown > 0)
            step = x[i] - mean[a]
            S[a] += W[a] * share * step**2
            mean[a] += share * step
            mean[i] = x[i]
            W[a] = grown
            P[a] += mass[i]
            self.spread[b, :b] = S[a]
            self.surprise[b, :b] = entr(P[a])

    def best(self, slopes):
        """The cells of least D + mu H for each slope mu: a list of edges (m + 1,), from 0 to n."""
        found = []
        for start in range(0, len(slopes), BATCH):
            mu = np.asarray(slopes[start : start + BATCH], float)[:, None]
            n, rows = len(self.spread) - 1, np.arange(len(mu))
            value, previous = np.zeros((len(mu), n + 1)), np.zeros((len(mu), n + 1), int)
            for b in range(1, n + 1):
                cost = self.surprise[b, :b] * mu
                cost += self.spread[b, :b]
                cost += value[:, :b]
                previous[:, b] = cost.argmin(axis=1)
                value[:, b] = cost[rows, previous[:, b]]
            for back in previous.tolist():
                edges = [n]
                while edges[-1]:
                    edges.append(back[edges[-1]])
                found.append(np.array(edges[::-1]))
        return found

    def measure(self, edges):
        """(D, H in nats) of a partition."""
        a, b = edges[:-1], edges[1:]
        return float(self.spread[b, a].sum()), float(self.surprise[b, a].sum())


@dataclass(frozen=True, eq=False)
class Vertex:
    """One vertex of the hull: .distortion, .rate = H(Y) in bits, .thresholds (m - 1,), .encoder."""

    source: Source
    distortion: float
    rate: float
    thresholds: np.ndarray

    @cached_property
    def encoder(self):
        """The deterministic encoder, cells in ascending order, centroids as codewords."""
        return from_labels(self.source, np.searchsorted(self.thresholds, self.source.x[:, 0]))

    def __repr__(self):
        return f"Vertex(D {self.distortion:.6g}, {self.rate:.6g} bits, {len(self.thresholds) + 1} cells)"


class Hull:
    """The lower convex hull of (D, H) of a 1-D source, found vertex by vertex."""

    def __init__(self, source):
        if source.x.shape[1] != 1:
            raise ValueError(f"the source has dimension {source.x.shape[1]}; expected 1: use mfrd.ecvq")
        positive = source.p > 0
        x, where = np.unique(source.x[positive, 0], return_inverse=True)
        mass = np.bincount(where, source.p[positive])
        self.source, self.x = source, x
        self.cells = Cells(x - mass @ x, mass, mass)

    def ends(self):
        """The vertices of least distortion, every letter its own cell, and of rate zero."""
        n = len(self.x)
        return self.vertex(np.arange(n + 1)), self.vertex(np.array([0, n]))

    def vertex(self, edges):
        D, H = self.cells.measure(edges)
        inner = edges[1:-1]
        thresholds = between(self.x[inner - 1], self.x[inner])
        return Vertex(self.source, D, float(H / NATS_PER_BIT) if len(inner) else 0.0, thresholds)

    def below(self, chords):
        """For each chord (fine, coarse) the vertex furthest below it, or None where it is an edge."""
        slopes = [(coarse.distortion - fine.distortion) / (fine.rate - coarse.rate) for fine, coarse in chords]
        found = []
        for (fine, _), mu, edges in zip(chords, slopes, self.cells.best(np.array(slopes) / NATS_PER_BIT)):
            vertex = self.vertex(edges)
            level = fine.distortion + mu * fine.rate
            gain = level - vertex.distortion - mu * vertex.rate
            found.append(vertex if gain > 1e-12 * level else None)
        return found


def ecsq_hull(source):
    """All vertices of the lower convex hull of (D, H(Y)) over scalar quantisers of a source.

    Vertices are found by bisection of slopes: the chord between two known ones is an edge, or the
    dynamic program at its slope finds the vertex furthest below it. O(n^2) for each.

    source: Source of one dimension; letters of probability zero are left out, equal ones merged.
    -> list of Vertex by ascending distortion, from (0, H(X)) to (variance, 0).

    Raises ValueError where the source has more than one dimension.
    Source: Muresan and Effros (2008) for the dynamic program; Gyorgy and Linder (2002) and the
    argument above for contiguous cells.
    """
    hull = Hull(source)
    fine, coarse = hull.ends()
    if coarse.distortion == 0:
        return [coarse]
    vertices, open_chords = [fine, coarse], [(fine, coarse)]
    while open_chords:
        found = hull.below(open_chords)
        split = [(chord, v) for chord, v in zip(open_chords, found) if v is not None]
        vertices += [v for _, v in split]
        open_chords = [half for (a, b), v in split for half in ((a, v), (v, b))]
    return sorted(vertices, key=lambda v: v.distortion)


def ecsq(source, D, *, bound=None):
    """The least H(Y) of a 1-D quantiser with an ideal entropy coder, time-shared to meet D exactly.

        min sum_t w_t H(Y_t)  s.t.  sum_t w_t E|X - Y_t|^2 <= D,  each Y_t a function of X.

    source: Source of one dimension; D: budget >= 0 in squared units of x; bound: what
    `.lower_bound` reports, the result of mfrd.limit or a number of bits. -> Quantiser of one or
    two parts, neighbours on the hull; rate 0 from the variance upwards, H(X) at D = 0.

    >>> import mfrd
    >>> quantiser = mfrd.ecsq(mfrd.bumps(mfrd.grid(-3, 3, 50), [1], [0], [1]), 0.5)
    >>> round(quantiser.rate, 4), round(quantiser.distortion, 4)
    (0.683, 0.5)
    >>> [(round(weight, 3), len(encoder.codebook)) for weight, encoder in quantiser.parts]
    [(0.312, 3), (0.688, 3)]

    Raises ValueError where the source has more than one dimension or D is negative or not finite.
    Source: see ecsq_hull.
    """
    fidelity = Fidelity(D)
    hull = Hull(source)
    fine, coarse = hull.ends()
    if D >= coarse.distortion:
        fine = coarse
    elif D == 0:
        coarse = fine
    while fine is not coarse:
        vertex = hull.below([(fine, coarse)])[0]
        if vertex is None:
            break
        if vertex.distortion <= D:
            fine = vertex
        else:
            coarse = vertex
    parts: tuple = ((1.0, fine.encoder),)
    if fine is not coarse and fine.distortion < D:
        share = (D - fine.distortion) / (coarse.distortion - fine.distortion)
        parts = ((1 - share, fine.encoder), (share, coarse.encoder))
    return Quantiser(source, (fidelity,), parts, fine.encoder, PROVEN, bound)
