"""The limit over all codebooks: the exchange that searches for it, and for the bound that no codebook beats.

Exchange (Remez 1934; Gilmore and Gomory 1961): solve on a codebook, find the y with c(y) > 1 (supremum.py), add them,
drop what no letter uses, until branch and bound proves that none is left. Between, codewords that climb to one maximum
of c are one codeword, and Newton's method on codewords, masses and prices makes them exact.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from operator import attrgetter
from time import perf_counter
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from tqdm import tqdm

from ..codebooks.stationary import stationary
from ..problems.fidelity import Fidelity, InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.source import Source
from ..problems.units import NATS_PER_BIT
from ..solvers.active_set import solve_dual
from ..solvers.certificate import dual_encoder, potentials
from ..solvers.encoder import Encoder
from ..solvers.feasibility import repair
from ..solvers.outcome import Stats, Status
from ..solvers.solution import Solution
from .supremum import bound_over, codeword_mass, supremum

log = logging.getLogger("mfrd")

ROUNDS = 60
SEEDS = {1: 200, 2: 24, 3: 10}  # grid points a side from which violating codewords are sought
SAME = 1e-5  # codewords nearer than this, in units of the width of c, have climbed to one maximum
TIDY = (0.1, 0.03, 0.01)  # in units of that width: codewords so near may be one within the tolerance; the first that is
NEAR = 1e-4  # of the source's span: a codeword so near a letter that must be exact is that letter
ROUGH = 1e-4  # bits, to which the first codebook is solved
BINDING = 1e-9  # nats: a row whose budget is worth less does not bind


@dataclass(frozen=True, eq=False)
class Limit:
    """The least rate over all codebooks: an encoder that nearly reaches it and a bound that no codebook beats.

    Attributes
    ----------
    solution : Solution
        On .codebook; its certificate knows that codebook alone.
    lower_bound : float
        Bits, over all codebooks.
    multipliers, potentials : (R,) and (n,) arrays
        lam, nats per unit distortion, and a, nats: what proves the bound by `lower_bound_all_codebooks`, where those
        multipliers whose budget is zero stand for infinite ones.
    status : Status
        "optimal" (gap within tolerance), "interrupted", or "stalled" (the rounds ended with a gap above it).
    stats : Stats
        Rounds and seconds.
    rate, gap : float
        I(X;Y) of the encoder and rate - lower_bound, in bits.
    codebook : (m,) or (m, k) array
        As the source's points.
    encoder : Encoder
    prices : dict
        By fidelity name, bits per unit distortion; infinite where the budget is zero and the rate is not.
    distortions : dict
        By fidelity name, in units of the measure.
    """

    solution: Solution
    lower_bound: float
    multipliers: np.ndarray
    potentials: np.ndarray
    status: Status
    stats: Stats = Stats()

    encoder = property(attrgetter("solution.encoder"))
    codebook = property(attrgetter("solution.encoder.codebook"))
    rate = property(attrgetter("solution.rate"))
    distortions = property(attrgetter("solution.distortions"))

    @property
    def gap(self) -> float:
        """rate - lower_bound, bits."""
        return self.rate - self.lower_bound

    @property
    def prices(self) -> dict[str, float]:
        """Bits per unit distortion of each fidelity, by name."""
        rows, proven = self.solution.problem.rows, self.lower_bound > 0  # nothing but zeros prove a bound of zero
        endless = (rows.D == 0) & (len(self.codebook) > 1)
        return rows.prices(np.where(endless, np.inf, self.multipliers if proven else self.solution.multipliers))

    def __repr__(self) -> str:
        m = len(self.codebook)
        return (
            f"Limit({self.status}, rate {self.rate:.7g} bits, gap {self.gap:.1e}, {m} codewords, prices {self.prices})"
        )


def limit(
    source: Source,
    fidelities: Fidelity | Sequence[Fidelity],
    *,
    tol: float = 1e-6,
    codebook: np.ndarray | None = None,
    progress: bool = False,
) -> Limit:
    """The least I(X;Y) over all codebooks in R^k and all encoders within the budgets.

        min over y_1, y_2, ... in R^k of the rate of mfrd.solve, with a lower bound by branch and bound.

    A KeyboardInterrupt ends the search and returns what it has, with its true gap and status "interrupted". A warning
    with the gap is logged where it ends above tol.

    Parameters
    ----------
    source : Source
        In one to three dimensions.
    fidelities : Fidelity or sequence of Fidelity
        With squared error or Mahalanobis.
    tol : float
        Largest certified gap, bits.
    codebook : (m,) or (m, k) array, optional
        Codewords to start from, beside the source points.
    progress : bool
        Show a bar with the gap.

    Returns
    -------
    Limit

    Raises
    ------
    ValueError
        Where a distortion is not quadratic, the source has more than three dimensions, the codebook has another
        dimension than the source or holds no finite numbers, or tol is not above zero.

    References
    ----------
    Berger (1971), section 2.5; the exchange of Remez (1934).

    Examples
    --------
    >>> import mfrd
    >>> best = mfrd.limit(mfrd.bumps(mfrd.grid(-3, 3, 50), [1], [0], [1]), mfrd.Fidelity(0.5))
    >>> round(best.rate, 4), bool(best.gap < 1e-6), len(best.codebook)
    (0.4826, True, 4)
    """
    if source.x.shape[1] not in SEEDS:
        raise ValueError(f"source has dimension {source.x.shape[1]}; expected 1, 2 or 3: beyond, use mfrd.refine")
    if not tol > 0:
        raise ValueError(f"tol is {tol!r}; expected a number > 0, the largest certified gap in bits")
    problem = Problem(source, source.points if codebook is None else codebook, fidelities)  # type: ignore[arg-type]
    start = np.unique(np.vstack([problem.y, source.x]), axis=0)
    found = Exchange(replace(problem, codebook=source.shaped(start)), tol, progress).run()
    if found.gap > tol:
        text = "limit: %s with a gap of %.1e bits; expected at most tol = %.1e: go on from its codebook, or raise tol."
        log.warning(text, found.status, found.gap, tol)
    return found


class Exchange:
    """The exchange from the codebook of a problem, with the best encoder and the best bound found so far."""

    def __init__(self, problem: Problem, tol: float, progress: bool = False):
        self.problem, self.source, self.tol = problem, problem.source, tol
        self.best: Any = None  # the Point of least rate, after the first round
        self.proof = 0.0, np.zeros(len(problem.rows)), np.zeros(problem.n)  # bound in bits, multipliers, potentials
        exact = (problem.rows.weights[problem.rows.D == 0] > 0).any(axis=0) & (self.source.p > 0)
        self.anchors, self.span = np.unique(self.source.x[exact], axis=0), np.ptp(self.source.x, axis=0).max()
        self.progress = tqdm(total=1, disable=not progress, bar_format="{desc} {elapsed}")

    def run(self) -> Limit:
        """The Limit that the rounds reach."""
        begun, y, rounds, status = perf_counter(), self.problem.y, 0, Status.STALLED
        try:
            with self.progress:
                while rounds < ROUNDS and self.gap > self.tol:
                    y = self.exchange(y, 0.01 * self.tol if rounds else ROUGH)
                    rounds += 1
                if self.gap <= self.tol:
                    self.tidy(self.best)
        except KeyboardInterrupt:
            status, one = Status.INTERRUPTED, 1.0 * (np.arange(self.problem.m) == 0)
            self.best = self.best or Point(self.problem, self.proof[1], one)  # any encoder within the budgets
        if self.gap > self.tol:
            self.prove(self.best)
        if status == Status.STALLED and self.gap <= self.tol:
            status = Status.OPTIMAL
        return Limit(self.best.solution, *self.proof, status, Stats(rounds, perf_counter() - begun, backend="exchange"))

    @property
    def gap(self) -> float:
        """The rate of the best encoder less the best bound, bits."""
        return self.best.solution.rate - self.proof[0] if self.best else np.inf

    def exchange(self, y: np.ndarray, tol: float) -> np.ndarray:
        """One round: solve on y, refine what is used, look for violators; the next codebook (m, k)."""
        try:
            rough = self.solve(y, tol)
        except InfeasibleFidelity:  # what was dropped is needed; the best encoder's codewords meet every budget
            rough = self.solve(np.vstack([self.best.solution.problem.y, y]), tol)
        exact, points = self.anchored(self.refined(rough)), [rough]
        with suppress(InfeasibleFidelity):  # where codewords that climb to one maximum are needed apart
            points.append(self.solve(exact, min(tol, 0.01 * self.tol)))
        best, found, worst = min(((point, *self.violators(point)) for point in points), key=lambda t: t[2] - t[0].dual)
        if worst <= 0.25 * self.tol * NATS_PER_BIT:
            found = self.prove(best)
        line = f"rate {self.best.solution.rate:.9g} bits, bound {self.proof[0]:.9g}, {len(best.y)} codewords"
        log.debug("limit: %s, log max c %.1e", line, worst)
        self.progress.set_description_str(f"{line}, log max c {worst:.1e}")
        return self.anchored(distinct(np.vstack([rough.y, exact, found]), 1e-9 * self.span))

    def anchored(self, y: np.ndarray) -> np.ndarray:
        """The codewords y, (m, k), with the letters of budgets of zero, which bear no near copy, as codewords."""
        return np.vstack([self.anchors, y[cKDTree(self.anchors).query(y)[0] > NEAR * self.span]])

    def solve(self, y: np.ndarray, tol: float) -> "Point":
        """The Point of the optimum on the codebook y, (m, k), remembered if its rate is the least; tol in bits."""
        problem = replace(self.problem, codebook=self.source.shaped(y))
        problem.check_feasible()
        dual, _ = solve_dual(problem, tol=tol * NATS_PER_BIT)
        point = Point(problem, dual.multipliers, dual.q)
        if self.best is None or point.solution.rate < self.best.solution.rate:
            self.best = point
        return point

    def tidy(self, point: "Point") -> None:
        """Keep fewer codewords than the point has, where those near each other are one and the gap stays within tol."""
        for near in TIDY:
            with suppress(InfeasibleFidelity):  # where they are needed apart
                fewer = self.solve(self.anchored(self.settled(point, point.y, near)), 0.01 * self.tol)
                if fewer.solution.rate - self.proof[0] <= self.tol:
                    self.best = fewer
                    return

    def refined(self, point: "Point") -> np.ndarray:
        """The used codewords, one for each maximum of c they climb to, made stationary where Newton succeeds."""
        stay = (point.y[:, None] == self.anchors).all(axis=2).any(axis=1)
        climbed = np.where(stay[:, None], point.y, point.mass.ascend(point.y))
        return self.settled(point, climbed, SAME)

    def settled(self, point: "Point", y: np.ndarray, near: float) -> np.ndarray:
        """The stationary codewords near the means of those of y that are `near` in widths of c, or these means."""
        problem, lam, label = point.problem, point.multipliers, groups(y, near * point.mass.width)
        q = np.bincount(label, point.q)
        merged = np.column_stack([np.bincount(label, point.q * axis) for axis in y.T]) / q[:, None]
        if (problem.excess_budgets <= 0).any():
            return merged
        exact = stationary(problem, lam * problem.rows.D > BINDING, q, merged, lam)
        return merged if exact is None else exact

    def violators(self, point: "Point") -> tuple[np.ndarray, float]:
        """(local maxima of c above one, (m, k), climbed to from a grid and the codewords; largest log c)."""
        mass, (T, low, high) = point.mass, point.mass.cube()
        axes = [np.linspace(*ends, SEEDS[len(low)]) for ends in zip(low, high)]
        seeds = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(low)) @ T.T
        over = mass(seeds) > 0.25 * self.tol * NATS_PER_BIT
        climbed = mass.ascend(np.vstack([seeds[over], point.y]))
        return distinct(climbed, SAME * mass.width), mass(climbed).max()

    def prove(self, point: "Point") -> np.ndarray:
        """Branch and bound: a better bound, and the maximiser of c as a codeword to add, (1, k)."""
        upper, best, _ = supremum(point.mass, 0.1 * self.tol * NATS_PER_BIT, point.y)
        bound = bound_over(self.source.p, point.problem.rows.D, point.multipliers, point.a, upper)
        if bound > self.proof[0]:
            self.proof = bound, point.multipliers, point.a
        return best[None]


class Point:
    """The optimum on one codebook: its used codewords y (m, k) of mass q, its Solution on them, and what proves it.

    a: (n,), potentials; mass: c(y) over R^k; dual: sum_i p_i a_i - lam . D, nats.
    """

    def __init__(self, problem: Problem, multipliers: np.ndarray, output_pmf: np.ndarray):
        used, p, D = np.flatnonzero(output_pmf), problem.source.p, problem.rows.D
        self.problem, self.multipliers, self.q, self.y = problem, multipliers, output_pmf[used], problem.y[used]
        Q, self.a = dual_encoder(problem, multipliers, self.q, used)
        self.mass = codeword_mass(problem, np.where(D == 0, np.inf, multipliers), self.a)
        self.dual = p @ np.where(p > 0, self.a, 0.0) - multipliers @ D
        Q, support = repair(problem, Q, used)
        few = replace(problem, codebook=problem.codebook[support])
        a = potentials(few, multipliers, output_pmf[support])
        self.solution = Solution(few, Encoder(few.source, few.codebook, Q), multipliers, a, Stats(backend="exchange"))


def groups(y: np.ndarray, distance: float) -> np.ndarray:
    """Labels 0, 1, ... of the connected components of points nearer than `distance`, (m,)."""
    pairs = cKDTree(y).query_pairs(distance, output_type="ndarray")
    graph = sp.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (len(y), len(y)))
    return connected_components(graph, directed=False)[1]


def distinct(y: np.ndarray, distance: float) -> np.ndarray:
    """One of each group of points nearer than `distance`."""
    return y[np.unique(groups(y, distance), return_index=True)[1]]
