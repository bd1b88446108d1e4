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

from ..problems.binning import LETTERS, between
from ..problems.fidelity import Fidelity
from ..problems.resolution import resolved
from ..problems.source import Source
from ..problems.units import NATS_PER_BIT
from ..solvers.encoder import Encoder
from ..solvers.outcome import Stats, Status
from .cells import from_labels
from .closing import Runs, among, closed
from .partition import Cells, measured
from .quantiser import Quantiser

PROVEN = (
    "least rate of any time-shared scalar quantiser, deterministic or randomised, at this "
    "distortion: dynamic program over contiguous cells, exact up to rounding"
)


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


NARROW = "uniform cells as narrow as the budget asks: more letters than the dynamic program takes"
NEAR = 1e-7  # bits above the least that time-shared neighbours may be, where letters are many
WORTH = 1e-4  # bits that time-sharing gains from which cells to deploy alone are sought
BESIDE = 3  # letters on both sides of an edge of the neighbours where cells may end then, where letters are many
WARM = 1_000  # letters up to which the search of slopes needs no start


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
        self.source, self.x, self.mass = source, x, mass
        self.fine, self.coarse = self.vertex(np.arange(len(x) + 1)), self.vertex(np.array([0, len(x)]))

    @cached_property
    def cells(self) -> Cells:
        """The costs of cells."""
        return Cells(self.x - self.mass @ self.x, self.mass, self.mass)

    def vertex(self, edges: np.ndarray) -> Vertex:
        """The vertex of a partition given by its edges, (m + 1,)."""
        (D, H), inner = measured(self.x, self.mass, self.mass, edges), edges[1:-1]
        rate = float(H / NATS_PER_BIT) if len(inner) else 0.0
        return Vertex(self.source, D, rate, between(self.x[inner - 1], self.x[inner]))

    def near(self, D: float) -> float:
        """About the slope at distortion D: that of the hull of at most WARM means of letters in turn."""
        starts = np.arange(0, len(self.x), -(-len(self.x) // WARM))
        mass = np.add.reduceat(self.mass, starts)
        x = np.add.reduceat(self.mass * self.x, starts) / mass
        few = Hull(Source(x, mass))
        lost = float(self.mass @ self.x**2 - mass @ x**2)
        fine, coarse, _ = few.around(min(max(D - lost, D / 2), 0.99 * few.coarse.distortion))
        return (coarse.distortion - fine.distortion) / (fine.rate - coarse.rate)

    def at(self, slopes: np.ndarray) -> list[Vertex]:
        """For each slope mu, squared units of x a bit, the vertex of least D + mu H."""
        return [self.vertex(edges) for edges in self.cells.best(slopes / NATS_PER_BIT)]

    def below(self, chords: list[tuple[Vertex, Vertex]]) -> list[Vertex | None]:
        """For each chord (fine, coarse) the vertex furthest below it, or None where it is an edge."""
        slopes = [(coarse.distortion - fine.distortion) / (fine.rate - coarse.rate) for fine, coarse in chords]
        found: list[Vertex | None] = []
        for (fine, _), mu, vertex in zip(chords, slopes, self.at(np.array(slopes))):
            level = fine.distortion + mu * fine.rate
            found.append(vertex if level - vertex.distortion - mu * vertex.rate > 1e-12 * level else None)
        return found

    def around(self, D: float) -> tuple[Vertex, Vertex, int]:
        """The neighbours on the hull of which the first has at most distortion D, the second more; programs solved.

        Many letters have more vertices than floats can tell apart: two are taken for neighbours where the lower bound
        of the slope between them, min (D' + mu H') - mu H, leaves their mixture NEAR bits or less.
        """
        fine, coarse, solved = self.fine, self.coarse, 0
        slopes = self.near(D) * np.array((0.99, 1.01)) if len(self.x) > WARM else np.zeros(0)
        while True:
            chord = (coarse.distortion - fine.distortion) / (fine.rate - coarse.rate)
            found = self.at(np.append(slopes, chord))
            solved += len(slopes) + 1
            level = fine.distortion + chord * fine.rate
            gain = level - found[-1].distortion - chord * found[-1].rate
            if gain <= 1e-12 * level or len(self.x) > WARM and gain <= NEAR * chord:
                return fine, coarse, solved
            below = [v for v in found if v.distortion <= D] + [fine]
            above = [v for v in found if v.distortion > D] + [coarse]
            fine, coarse = max(below, key=lambda v: v.distortion), min(above, key=lambda v: v.distortion)
            slopes = slopes[:0]

    def alone(self, D: float, fine: Vertex, coarse: Vertex) -> Vertex:
        """Cells of distortion at most D, of less H than the finer neighbour, or that one where none is found."""
        lost = fine.rate - coarse.rate
        if lost * (D - fine.distortion) < WORTH * (coarse.distortion - fine.distortion):
            return fine
        n, price = len(self.x), lost * NATS_PER_BIT / (coarse.distortion - fine.distortion)
        edges = [np.searchsorted(self.x, vertex.thresholds, "right") for vertex in (fine, coarse)]
        near = [np.clip(e[:, None] + np.arange(-BESIDE, BESIDE + 1), 0, n).ravel() for e in edges]
        runs = Runs(self.x, self.mass, self.mass, np.zeros(n, int), np.array([D]), np.full(n, np.inf))
        found = closed(runs, np.array([price]), fine.rate * NATS_PER_BIT, nodes=among(n, near))
        vertex = fine if found is None else self.vertex(found[0])
        return vertex if vertex.distortion <= D and vertex.rate < fine.rate else fine


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
        Budget >= 0, squared units of x. On a source of samples it is one on the samples: bins that were not given are
        cut as finely as it asks, at D = 0 into the values themselves, and the quantiser is one of that source.
    bound : float or object with `.lower_bound`, optional
        What `.lower_bound` reports, bits: the result of mfrd.limit, say.

    Returns
    -------
    Quantiser
        One or two parts, neighbours on the hull (beyond 1,000 letters to 1e-7 bits), status "exact"; rate 0 from the
        variance upwards, H(X) at D = 0. `.deterministic()` is the best found of contiguous cells, which the prices of
        these parts bound: usually within 0.01 bits of the rate.

    Raises
    ------
    ValueError
        Where the source has more than one dimension, or D is negative or not finite.
    InfeasibleFidelity
        Where the source has bins that were given, and D is below what they add.

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
    began = perf_counter()
    source, fidelities = resolved(source, (Fidelity(D),))
    hull, left = Hull(source), fidelities[0].D - float(source.p @ source.within)  # what the bins do not spend
    fine, coarse, programs = hull.fine, hull.coarse, 0
    status, proven = Status.EXACT, PROVEN
    if left >= coarse.distortion:
        fine = coarse
    elif left == 0:
        coarse = fine
    elif source.within.any() and len(source.p) > LETTERS:
        coarse, status, proven = fine, Status.FOUND, NARROW
    else:
        fine, coarse, programs = hull.around(left)
    share = 0.0 if fine is coarse else (left - fine.distortion) / (coarse.distortion - fine.distortion)
    alone = fine if fine is coarse else hull.alone(left, fine, coarse)
    parts = tuple((w, vertex.encoder) for w, vertex in ((1 - share, fine), (share, coarse)) if w > 0)
    stats = Stats(programs, perf_counter() - began, backend="dynamic program")
    return Quantiser(source, fidelities, parts, alone.encoder, proven, bound, status, stats)
