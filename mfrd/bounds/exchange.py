"""The limit over all codebooks: the exchange that searches for it, and for the bound that no codebook beats.

Exchange (Remez 1934; Gilmore and Gomory 1961): solve on a codebook, find the y with c(y) > 1 (supremum.py), add them,
drop what no letter uses, until branch and bound proves that none is left. Between, codewords that climb to one maximum
of c are one codeword, and Newton's method on codewords, masses and prices makes them exact.
"""

import logging
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from operator import attrgetter
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from tqdm import tqdm

from ..codebooks.priced import NO_BITS, TINY, centroids
from ..codebooks.stationary import settle, stationary
from ..problems.densities import Density
from ..problems.distortion import absolute_error, mahalanobis, metric, squared_error
from ..problems.fidelity import Fidelity, InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.source import Source
from ..problems.units import NATS_PER_BIT
from ..problems.values import number
from ..solvers.active_set import solve_dual
from ..solvers.certificate import dual_encoder, log_codeword_masses, potentials
from ..solvers.choice import solve
from ..solvers.encoder import Encoder
from ..solvers.feasibility import repair
from ..solvers.interior_point import Iterate
from ..solvers.inverse import checked_bits, search, spent_of
from ..solvers.outcome import Stats, Status
from ..solvers.solution import Solution, distortion_bound
from ..solvers.tangent import held_prices, solve_at_prices, without
from .density import DensityLimit, density_limit
from .kinked import Kinked
from .supremum import GRID, MAX_BOXES, bound_over, codeword_mass, supremum

log = logging.getLogger("mfrd")

ROUNDS = 60
SEEDS = {1: 200, 2: 24, 3: 10}  # grid points a side from which violating codewords are sought
SAME = 1e-5  # codewords nearer than this, in units of the width of c, have climbed to one maximum
TIDY = (0.1, 0.03, 0.01)  # in units of that width: codewords so near may be one within the tolerance; the first that is
NEAR = 1e-4  # of the source's span: a codeword so near a letter that must be exact is that letter
ROUGH = 1e-4  # bits, to which the first codebook is solved
MANY = 1000  # points from which cells come before pairs
FEW = 64  # codewords that climb to their maxima one by one
CLIMB = 12  # steps of an ascent: what is not at an isolated maximum then is on a ridge
LONELY = 0.6  # widths of c that codewords lie apart at the least where Newton's method on all of them arrives
UNKNOWNS = 200  # codewords, masses and prices that Newton's method moves together
TRIES = 3  # at taking codewords together
FALLS = 0.7  # share of the gap before, below which it falls well
WIDEST = 0.8  # widths of c within which codewords are taken together at most
WORTH = 0.3  # share of the gap that a proof may leave to be worth its time
NARROW = 1e-6  # of the span: maxima of c with kinks nearer than that are one
CLOSE = 0.02  # widths of c from a codeword within which another is not new
APART = 0.1  # widths of c from a codeword within which an old one is not missed
IDLE, FALLEN = 5, 0.99  # rounds after which a search ends whose c is one and whose gap, left by rounding, is this share
GUESS, UPDATES = 400_000, 4  # pairs of letters and codewords, and updates of masses, of a guess where none was proven
GUESSED, FEWEST = 0.02, 10_000_000  # nats that its bound may lose, and boxes times letters it may look at
EVERY = 20_000_000  # pairs up to which all letters and codewords prove where few do not
NEARBY = 0.3  # share of a budget that the codewords of a guess may take at the least
SPENT = 100.0  # times (log n) / price, a budget that says nothing
ROUGH_BOXES = 20_000  # of branch and bound, before the search is over
FAR_APART = 1.5  # logarithm of the quotient of budgets, from which codewords of one are no start for the other
NEARLY = 0.01  # share of the tolerance, less than a proof loses, from which codewords are as good as stationary
INSET = 0.1  # share of a budget, over the bits to which it is solved, that is kept free: it costs half that a dimension
ENOUGH = 100.0  # tolerances that c may exceed one by where the rate alone counts
BINDING = 1e-9  # nats: a row whose budget is worth less does not bind,
SLIGHT = 0.01  # or, where that is more, this share of a typical distortion of its letters, which a rate of zero spends


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
    distortion_bounds : dict
        By fidelity name, what no encoder of that rate goes below, whatever its codebook.
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
    def distortion_bounds(self) -> dict[str, float]:
        """What no encoder of at most .rate bits into any codebook spends less of, the other budgets as given, by name.

        Of a search at a given rate, at those bits.
        """
        rows, bits = self.solution.problem.rows, max(self.rate, self.solution.bits or 0.0)
        prices = rows.prices(self.multipliers)
        return {f.name: distortion_bound(f.D, 0.0, self.lower_bound - bits, prices[f.name]) for f in rows.fidelities}

    @property
    def prices(self) -> dict[str, float]:
        """Bits per unit distortion of each fidelity, by name; as given, where they were."""
        rows, proven = self.solution.problem.rows, self.lower_bound > 0  # nothing but zeros prove a bound of zero
        given = np.isin(rows.names, self.solution.given) & (self.solution.bits is None)
        endless = (rows.D == 0) & (len(self.codebook) > 1) & ~given
        lam = np.where(given | (not proven), self.solution.multipliers, self.multipliers)
        return rows.prices(np.where(endless, np.inf, lam))

    def __repr__(self) -> str:
        m = len(self.codebook)
        return (
            f"Limit({self.status}, rate {self.rate:.7g} bits, gap {self.gap:.1e}, {m} codewords, prices {self.prices})"
        )


def limit(
    source: Source | Density,
    fidelities: Fidelity | Sequence[Fidelity],
    *,
    tol: float = 1e-6,
    codebook: np.ndarray | None = None,
    prices: Mapping[str, float] | None = None,
    rate: float | Mapping[str, float] | None = None,
    seconds: float | None = None,
    progress: bool = False,
) -> Any:
    """The least I(X;Y) over all codebooks in R^k and all encoders within the budgets.

        min over y_1, y_2, ... in R^k of the rate of mfrd.solve, with a lower bound by branch and bound.

    At given prices, the least I(X;Y) + sum price E, as mfrd.solve_at_prices; at a given rate, the least distortion, as
    mfrd.distortion_at_rate: over all codebooks.

    Of a source of samples that were binned it is the limit of the letters: a code for the samples at distortion D takes
    at least that of the letters at (sqrt(D) + sqrt(v))^2, v the mean of source.within.

    A KeyboardInterrupt ends the search and returns what it has, with its true gap and status "interrupted". A warning
    with the gap is logged where it ends above tol.

    Parameters
    ----------
    source : Source or Density
        In one to three dimensions; a density takes fidelities and tol alone.
    fidelities : Fidelity or sequence of Fidelity
        With squared error or Mahalanobis; on the line absolute error, too, alone or beside them.
        Of a density: squared error on intervals, joint or given the subset; or one absolute error on a Laplace law.
    tol : float
        Largest certified gap, bits.
    codebook : (m,) or (m, k) array, optional
        Codewords to start from, beside the source points.
    prices : mapping of str to float, optional
        Bits per unit distortion, by fidelity name: their budgets say nothing, and those of the Limit are what its
        encoder spends. Of per="joint" and per="subset".
    rate : float or {name: float}, optional
        Bits at most, at which the distortion of the fidelity of that name, or the first, is least, its budget saying
        nothing: .distortions[name] is reached, .distortion_bounds[name] is what no codebook beats.
    seconds : float, optional
        Of wall time, after which what was found is returned with its true gap and status "interrupted"; at a given
        rate, an encoder of that rate and what no codebook beats. Kept in a program's main thread, on systems with
        interval timers.
    progress : bool
        Show a bar with the gap.

    Returns
    -------
    Limit, or DensityLimit of a density

    Raises
    ------
    InfeasibleFidelity
        Where a budget on a density is zero, or below what its tails spend.
    ValueError
        Where a density is not proven, its subset no intervals, a budget per letter, or more than tol given with it.
        Where a distortion is not quadratic, the source has more than three dimensions, the codebook has another
        dimension than the source or holds no finite numbers, tol or seconds is not above zero, prices or rate are none,
        or both are given.
    NotCertified
        Where the two ends of the distortion at a rate do not come within tol, though time was left, or the search on a
        density finds no codebook.

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
    if isinstance(source, Density):
        if any(option is not None for option in (codebook, prices, rate, seconds)):
            raise ValueError("codebook, prices, rate and seconds are for a source of letters; expected none of them")
        of_density = density_limit(source, fidelities, tol)
        warned(of_density, tol)
        return of_density
    if seconds is not None:
        seconds = number(seconds, "seconds is", "a number > 0, or None for no limit of time", open=True)
    if prices is not None and rate is not None:
        raise ValueError("prices and rate are both given; expected one of them, or none for the budgets")
    problem = Problem(source, source.points if codebook is None else codebook, fidelities)  # type: ignore[arg-type]
    if rate is not None:
        return at_rate(problem, rate, tol, seconds)
    held = None if prices is None else held_prices(problem, prices)
    if source.x.shape[1] == 1 and all(f.distortion is absolute_error for f in problem.fidelities):
        return on_letters(letters_and(problem, tol), tol, prices)
    few, unit = in_unit(letters_and(problem if prices is None else without(problem, prices), tol))
    kinks = kinked(problem)
    if held is None:
        kind = Beside if kinks else Exchange
        return in_unit_of(problem, searched(kind(few, tol, progress, seconds)), unit)
    asked = held * scales(problem, unit)
    lam = np.minimum(asked, enough(few))
    for r in np.flatnonzero(lam > 0):  # more than (log n) / lam is never spent, and what a budget charges is rounded
        name = few.rows.names[r]
        few = few.with_budget(name, min(few.fidelity(name).D, SPENT * float(np.log(few.n + 1) / lam[r])))
    search = (BesideAtPrices if kinks else AtPrices)(few, lam, tol, progress, seconds)
    found = spending(searched(search), tuple(prices or ()), asked)
    return in_unit_of(problem, found, unit)


def on_letters(problem: Problem, tol: float, prices: Mapping[str, float] | None = None) -> Limit:
    """The Limit under absolute error on the line, whose codewords are letters, within the budgets or at prices.

    c(y) = sum_i p_i exp(a_i - theta_i |x_i - y|) is a sum of exponentials in y between neighbouring letters, so convex,
    and monotone outside: its supremum lies on a letter, and the certificate on the letters is one for all codebooks.
    """
    begun = perf_counter()
    letters = replace(problem, codebook=problem.source.shaped(np.unique(problem.source.x, axis=0)))
    found = solve(letters, "newton", tol=tol) if prices is None else solve_at_prices(letters, prices, tol=tol)
    few = replace(found.problem, codebook=letters.codebook[found.encoder.support])
    solution = replace(found, problem=few, encoder=Encoder(few.source, few.codebook, found.encoder.columns))
    stats = Stats(1, perf_counter() - begun, backend="letters")
    return Limit(solution, found.lower_bound, found.multipliers, found.potentials, Status.OPTIMAL, stats)


def kinked(problem: Problem) -> bool:
    """Whether absolute error stands beside quadratic measures on the line."""
    measures = problem.rows.measures
    one = problem.source.x.shape[1] == 1 and absolute_error in measures
    return one and all(d is absolute_error or metric(d, 1) is not None for d in measures)


def scales(problem: Problem, unit: float) -> np.ndarray:
    """The unit of each row's distortion where points are in `unit`, (R,): its square, or 1 of Mahalanobis."""
    squared = np.array([measure is squared_error for measure in problem.rows.measures])
    return np.where(squared[problem.rows.measure], unit**2, 1.0)


def enough(problem: Problem) -> np.ndarray:
    """Prices, (R,) nats per unit distortion, at which no letter of a row is ever sent to another's codeword.

    I + sum price E only rises with the prices, and beyond these by nothing that floats hold.
    """
    rows, x, most = problem.rows, problem.source.x[problem.source.p > 0], np.full(len(problem.rows), np.inf)
    for g, measure in enumerate(rows.measures):
        M = np.eye(x.shape[1]) if measure is absolute_error else metric(measure, x.shape[1])
        if M is None:
            continue
        apart = np.unique(x, axis=0) @ np.linalg.cholesky(M)
        least = cKDTree(apart).query(apart, k=2)[0][:, 1].min() if len(apart) > 1 else 1.0
        for r in np.flatnonzero(rows.measure == g):
            w = rows.weights[r]
            far = least if measure is absolute_error else least**2
            most[r] = NO_BITS / (max(far, TINY) * w[w > 0].min(initial=np.inf))
    return most


def in_unit(problem: Problem) -> tuple[Problem, float]:
    """(the problem with points in that unit, unit): a power of two near the source's spread, so that scaling is exact.

    What follows then knows no scale.
    """
    spread = float(np.trace(problem.source.covariance))
    if not spread > 0 or any(f.distortion is absolute_error for f in problem.fidelities):
        return problem, 1.0
    unit = float(np.ldexp(1.0, int(np.frexp(spread)[1]) // 2))
    measures: dict[int, Any] = {id(squared_error): (squared_error, unit**2)}
    for f in problem.fidelities:
        if isinstance(f.distortion, mahalanobis) and id(f.distortion) not in measures:
            measures[id(f.distortion)] = mahalanobis(f.distortion.covariance / unit**2), 1.0
    if any(id(f.distortion) not in measures for f in problem.fidelities):
        return problem, 1.0  # of no limit: refused where its matrix is asked for
    scaled = []
    for f in problem.fidelities:
        measure, scale = measures[id(f.distortion)]
        scaled.append(replace(f, D=f.D / scale, distortion=measure))
    source = Source(problem.source.points / unit, problem.source.p)
    source.__dict__.update(pmf=problem.source.p)  # to the last bit, which normalising again may change
    return Problem(source, problem.codebook / unit, scaled), unit


def in_unit_of(problem: Problem, found: Limit, unit: float) -> Limit:
    """A Limit whose points are in `unit`, in those of `problem`, and of its source, which knows its bins."""
    s, scale = found.solution, scales(problem, unit)
    few = replace(problem, codebook=s.problem.codebook * unit)
    for k, f in enumerate(s.problem.fidelities):
        if f.name in s.given:
            few = few.with_budget(f.name, f.D * float(scale[problem.rows.owner == k][0]))
    encoder = Encoder(few.source, few.codebook, s.encoder.columns, s.encoder.support)
    solution = replace(s, problem=few, encoder=encoder, multipliers=s.multipliers / scale)
    return replace(found, solution=solution, multipliers=found.multipliers / scale)


def letters_and(problem: Problem, tol: float) -> Problem:
    """The problem with the source's letters as codewords beside its own, once it is one that the search can answer."""
    source = problem.source
    if source.x.shape[1] not in SEEDS:
        raise ValueError(f"source has dimension {source.x.shape[1]}; expected 1, 2 or 3: beyond, use mfrd.refine")
    number(tol, "tol is", "a number > 0, the largest certified gap in bits", open=True)
    return replace(problem, codebook=source.shaped(np.unique(np.vstack([problem.y, source.x]), axis=0)))


def searched(exchange: "Exchange") -> Limit:
    """The Limit that an exchange reaches, with a warning where its gap is above tolerance."""
    found = exchange.run()
    warned(found, exchange.tol)
    return found


def warned(found: "Limit | DensityLimit", tol: float) -> None:
    """Log a warning where the gap of a limit is above tol, bits."""
    if found.gap > tol:
        text = "limit: %s with a gap of %.1e bits; expected at most tol = %.1e: go on from its codebook, or raise tol."
        log.warning(text, found.status, found.gap, tol)


class Exchange:
    """The exchange from the codebook of a problem, with the best encoder and the best bound found so far."""

    def __init__(self, problem: Problem, tol: float, progress: bool = False, seconds: float | None = None):
        self.problem, self.source, self.tol, self.seconds = problem, problem.source, tol, seconds
        self.best: Any = None  # the Point of least rate, after the first round
        self.proof = 0.0, np.zeros(len(problem.rows)), np.zeros(problem.n)  # bound in bits, multipliers, potentials
        self.last, self.reach = np.inf, 1.0  # the gap of the round before; how far codewords are taken together
        self.unused = problem.y[:0]  # violators of rounds that changed nothing, (m, k)
        self.first, self.boxes = problem.y, MAX_BOXES  # the first codebook; of branch and bound, at a proof
        self.guess: Any = None  # (multipliers, masses) from which the next solve starts
        self.neighbour: Any = None  # (the Limit at a neighbouring budget, multipliers) from which the first starts
        exact = (problem.rows.weights[problem.rows.D == 0] > 0).any(axis=0) & (self.source.p > 0)
        self.anchors, self.span = np.unique(self.source.x[exact], axis=0), np.ptp(self.source.x, axis=0).max()
        self.progress = tqdm(total=1, disable=not progress, bar_format="{desc} {elapsed}")

    def start(self, neighbour: Limit, multipliers: np.ndarray) -> None:
        """Start from the codewords and masses of the Limit at a neighbouring budget, and from multipliers, (R,)."""
        self.neighbour = neighbour, multipliers

    def follow_neighbour(self) -> None:
        """Settle the codewords of a neighbouring budget at this one."""
        neighbour, multipliers = self.neighbour
        q, y = neighbour.encoder.output_pmf, neighbour.encoder.y
        if (self.problem.excess_budgets > 0).all():
            free = self.follow(multipliers)
            q, y, multipliers, _ = settle(self.problem, multipliers, q, y, 0.01 * self.tol, free=free)
        self.first, self.guess = y, (multipliers, q / q.sum())

    def run(self) -> Limit:
        """The Limit that the rounds reach."""
        begun, rounds, status, worst, idle = perf_counter(), 0, Status.STALLED, np.inf, 0
        try:
            with self.progress, time_limit(self.seconds):
                if self.neighbour:
                    self.follow_neighbour()
                y = self.first
                while rounds < ROUNDS and self.gap > self.tol and idle < IDLE:
                    rough = 0.0 if self.guess and not rounds else min(ROUGH, 1e-3 * worst / NATS_PER_BIT)
                    tol, before = max(0.01 * self.tol, rough), self.gap
                    y, worst = self.exchange(y, tol)
                    rounds += 1
                    done = worst <= 0.25 * self.tol * NATS_PER_BIT and self.gap > FALLEN * before
                    idle = idle + 1 if done else 0
                if self.gap > self.tol:
                    self.prove(self.best, self.best.y, 0.0)
                if self.gap <= self.tol:
                    self.tidy(self.best)
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
            with suppress(KeyboardInterrupt):
                self.at_least()
            self.best = self.best or self.fallback()
        if self.gap <= self.tol:
            status = Status.OPTIMAL
        return Limit(self.best.solution, *self.proof, status, Stats(rounds, perf_counter() - begun, backend="exchange"))

    def fallback(self) -> Any:
        """A Point of any encoder within the budgets, before the first round."""
        return Point(self.problem, np.zeros(len(self.problem.rows)), 1.0 * (np.arange(self.problem.m) == 0))

    def at_least(self) -> None:
        """A bound and an encoder where no proof has ended yet, within a fraction of a second."""
        if self.proof[0] > 0:
            return
        if self.best:
            lam, a = self.best.solution.multipliers, self.best.solution.potentials
        else:
            few, lam, q, a = self.guessed()
            with suppress(InfeasibleFidelity):  # where the codewords tried are too few
                self.best = self.as_best(few, lam, q)
        self.proven_at(lam, a)
        if not self.proof[0] > 0 and self.problem.n * self.problem.m <= EVERY:  # too few codewords were tried
            lam = self.at_held(self.gaussian())
            self.proven_at(lam, potentials(self.problem, lam, np.full(self.problem.m, 1 / self.problem.m)))

    def proven_at(self, lam: np.ndarray, a: np.ndarray) -> None:
        """Keep the bound at prices lam, (R,), and potentials a, (n,), from few boxes, where it is the best."""
        bound = bound_over(self.source.p, self.problem.rows.D, lam, a, self.ceiling(lam, a))
        if bound > self.proof[0]:
            self.proof = bound, lam, a

    def gaussian(self) -> np.ndarray:
        """Prices, (R,): of a Gaussian within D in k coordinates, k / (2 D) (Shannon 1959), shared by the budgets."""
        rows = self.problem.rows
        share = (rows.weights > 0) @ self.source.p / len(rows.fidelities)
        return np.where(rows.D > 0, 0.5 * self.source.x.shape[1] * share / np.where(rows.D > 0, rows.D, 1.0), 0.0)

    def guessed(self) -> tuple[Problem, np.ndarray, np.ndarray, np.ndarray]:
        """(the problem on some letters as codewords, prices, masses, potentials): Gaussian prices, and a few updates.

        Masses follow by q <- q c (Blahut 1972); of those prices and parts of them, the ones of the highest bound on
        these codewords.
        """
        problem = self.problem
        step = -(-problem.m * problem.n // GUESS)
        while True:
            some = np.unique(np.vstack([problem.y[::step], self.anchors]), axis=0)
            few = replace(problem, codebook=self.source.shaped(some))
            share = NEARBY if few.n * few.m <= 4 * GUESS else 3 * NEARBY
            if step == 1 or (few.row_least <= share * few.rows.D).all():
                break
            step = -(-step // 2)
        rows, p, small = few.rows, self.source.p, few.n * few.m <= 4 * GUESS
        best = None
        for part in (1.0, 0.5, 0.2) if small else (1.0,):
            lam, q = self.at_held(part * self.gaussian()), np.full(few.m, 1 / few.m)
            for _ in range(UPDATES if small else 2):
                a = potentials(few, lam, q)
                log_c = log_codeword_masses(few, lam, a)
                value, found = p @ np.where(p > 0, a, 0.0) - lam @ rows.D - log_c.max(), (few, lam, q, a)
                if best is None or value > best[0]:
                    best = value, found
                q = q * np.exp(np.minimum(log_c, 30.0))
                q /= q.sum()
        return best[1]  # type: ignore[index]

    def at_held(self, lam: np.ndarray) -> np.ndarray:
        """Prices, (R,), with those that are held as they are: here none."""
        return lam

    def as_best(self, few: Problem, lam: np.ndarray, q: np.ndarray) -> Any:
        """What the search keeps of an encoder at prices lam and masses q, within the budgets."""
        return Point(few, lam, q)

    def ceiling(self, lam: np.ndarray, a: np.ndarray) -> float:
        """An upper bound of log c over R^k from few boxes, nats."""
        mass = codeword_mass(self.problem, np.where(self.problem.rows.D == 0, np.inf, lam), a)
        boxes = max(FEW, FEWEST // self.problem.n)
        return supremum(mass, GUESSED, self.problem.y[:: -(-self.problem.m // FEW)], boxes)[0]

    @property
    def gap(self) -> float:
        """Of the best encoder and the best bound, bits; infinite before the first round."""
        return self.best.solution.rate - self.proof[0] if self.best else np.inf

    def exchange(self, y: np.ndarray, tol: float) -> tuple[np.ndarray, float]:
        """One round: solve on y, settle what is used, look for violators; (the next codebook (m, k), log max c)."""
        try:
            rough = self.solve(y, tol)
        except InfeasibleFidelity:  # what was dropped is needed; the best encoder's codewords meet every budget
            safe = self.source.x if self.best is None else self.best.solution.problem.y
            self.guess = None
            rough = self.solve(np.vstack([safe, y]), tol)
        best, tops, worst = rough, *self.maxima(rough)
        seen = tops
        settled = rough.solution.rate - (rough.dual - worst) / NATS_PER_BIT <= NEARLY * self.tol
        exact = None if settled else self.stationary(rough)
        if exact is not None:
            with suppress(InfeasibleFidelity):  # where codewords that climb to one maximum are needed apart
                point = self.solve(self.anchored(exact), min(tol, 0.01 * self.tol))
                found, height = self.maxima(point)
                if height - point.dual < worst - best.dual:
                    best, tops, worst = point, found, height
        tops = np.vstack([tops, self.prove(best, tops, worst)])
        line = f"rate {self.best.solution.rate:.9g} bits, bound {self.proof[0]:.9g}, {len(best.y)} codewords"
        log.debug("limit: %s, log max c %.1e", line, worst)
        self.progress.set_description_str(f"{line}, gap {self.gap:.1e}")
        if self.gap <= self.tol:
            return best.y, worst
        likely = self.best.solution.rate - (best.dual - worst) / NATS_PER_BIT  # the gap that a proof here would leave
        falls, self.last = likely < FALLS * self.last, min(likely, self.last)
        if exact is not None or (self.problem.rows.D <= 0).any():
            words = [rough.y, self.refined(rough)[1] if exact is None else exact, tops]
            # where prices are not unique on a codebook, what c asks for at some of them gets no mass and excludes them
            self.unused = tops[:0] if falls else np.vstack([self.unused, tops, seen])
            return self.anchored(distinct(np.vstack([*words, self.unused]), 1e-9 * self.span)), worst
        over = tops[best.mass(tops) > 0.1 * worst]
        for _ in range(TRIES):
            q, y, lam, value = self.settled(best, clusters(best, tops, worst, self.reach), over, worst)
            if best.dual >= value:
                self.reach = min(1.0, 1.5 * self.reach)
                break
            self.reach *= 0.5  # what was taken together costs more than the descent gains
        if not falls and len(best.y) <= FEW:  # what was taken together, or left out at these prices, may be needed
            self.reach *= 0.3
            return distinct(np.vstack([y, best.y, over]), 1e-9 * self.span), worst
        if not falls:  # what was left out at these prices may be needed
            known, seen = cKDTree(best.mass.seen(y)), best.mass.seen
            also = [each[known.query(seen(each))[0] > widths] for each, widths in ((best.y, APART), (over, CLOSE))]
            also = np.vstack(also)
            q, y = np.append(q, np.full(len(also), 1e-3 * np.median(q))), np.vstack([y, also])
        self.guess = lam, q / q.sum()
        return y, worst

    def anchored(self, y: np.ndarray) -> np.ndarray:
        """The codewords y, (m, k), with the letters of budgets of zero, which bear no near copy, as codewords."""
        return np.vstack([self.anchors, y[cKDTree(self.anchors).query(y)[0] > NEAR * self.span]])

    def solve(self, y: np.ndarray, tol: float) -> "Point":
        """The Point of the optimum on the codebook y, (m, k), remembered if its rate is the least; tol in bits."""
        problem = replace(self.problem, codebook=self.source.shaped(y))
        problem.check_feasible()
        (multipliers, q), self.guess = self.guess or (None, None), None
        warm = None
        if q is not None and len(q) == len(y) and (problem.excess_budgets > 0).all():
            order = np.argsort(problem.rows.measure, kind="stable")
            least = 1e-6 / problem.excess_budgets
            warm = np.arange(len(y)), Iterate(q, (np.maximum(multipliers, least) * problem.units)[order])
        dual, _ = solve_dual(problem, warm, tol * NATS_PER_BIT, inset=inset(tol))
        point = Point(problem, self.binding(dual.multipliers), dual.q)
        if self.best is None or point.solution.rate < self.best.solution.rate:
            self.best = point
        return point

    def binding(self, lam: np.ndarray) -> np.ndarray:
        """Prices, (R,), without those that their budgets are not worth; one of a matrix of its own costs c its axes."""
        worth = min(BINDING, 1e-3 * self.tol * NATS_PER_BIT)
        return np.where((self.worth(lam) > worth) | (self.problem.rows.D <= 0), lam, 0.0)

    def worth(self, lam: np.ndarray) -> np.ndarray:
        """What budgets are worth at prices lam, (R,) nats; one next to zero has a high price and is worth little."""
        rows = self.problem.rows
        return lam * np.maximum(rows.D, SLIGHT * (rows.weights @ self.source.p) * self.problem.units)

    def tidy(self, point: "Point", moved: bool = False) -> None:
        """Keep fewer codewords than the point has, where those near each other are one and the gap stays within tol.

        Few that are letters still were never moved: first come the maxima of c that they climb to. The only one of a
        rate of zero is where it leaves budgets most room.
        """
        rows, x, p = self.problem.rows, self.source.x, self.source.p
        if len(point.y) == 1 and not point.multipliers.any() and (rows.D > 0).all():
            with suppress(InfeasibleFidelity):  # of several budgets, where it leaves none to one
                alone = self.solve(centroids(self.problem.metrics, rows.slopes(1 / rows.D), x, p[None]), self.tol)
                self.best = alone if alone.solution.rate <= point.solution.rate else point
            return
        unmoved = not moved and len(point.y) <= FEW and bool((cKDTree(x).query(point.y)[0] == 0).all())
        near = (merged(point.q, point.y, groups(point.mass.seen(point.y), radius)) for radius in TIDY)
        for q, y in chain([self.refined(point)] if unmoved else [], near):
            if len(y) == len(point.y):
                continue
            exact = self.stationary_near(point, q, y)
            self.guess = None
            with suppress(InfeasibleFidelity):  # where they are needed apart
                if exact is None and not (self.problem.rows.D <= 0).any():
                    q, exact, lam, _ = self.settled(point, (q, y), y[:0], ENOUGH * self.tol)
                    self.guess = lam, q / q.sum()
                fewer = self.solve(self.anchored(y if exact is None else exact), 0.01 * self.tol)
                if fewer.solution.rate - self.proof[0] <= self.tol:
                    self.best = fewer
                    return self.tidy(fewer, moved=True) if unmoved else None

    def refined(self, point: "Point") -> tuple[np.ndarray, np.ndarray]:
        """(masses, means) of the used codewords, one for each maximum of c they climb to, where that is."""
        stay = (point.y[:, None] == self.anchors).all(axis=2).any(axis=1)
        climbed = np.where(stay[:, None], point.y, point.mass.ascend(point.y, CLIMB))
        return merged(point.q, climbed, groups(point.mass.seen(climbed), SAME))

    def stationary(self, point: "Point") -> np.ndarray | None:
        """Few codewords, one for each maximum of c that the used ones climb to, made stationary; None else."""
        return self.stationary_near(point, *self.refined(point)) if len(point.y) <= FEW else None

    def stationary_near(self, point: "Point", q: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """The stationary codewords near y, (m, k), of mass q, or None where Newton's method fails or is too dear."""
        problem, lam = point.problem, point.multipliers
        binds = self.worth(lam) > BINDING
        crowded = len(cKDTree(point.mass.seen(y)).query_pairs(LONELY)) > 0
        many = len(y) > FEW or y.size + len(y) + binds.sum() > UNKNOWNS
        if crowded or many or (problem.excess_budgets <= 0).any():
            return None
        return stationary(problem, binds, q, y, lam)

    def settled(self, point: "Point", words: tuple, new: np.ndarray, worst: float) -> tuple:
        """(masses, codewords (m, k), prices, value) after a descent from the words (q, y) and new ones."""
        q, y = words
        if len(new):
            new = new[cKDTree(point.mass.seen(y)).query(point.mass.seen(new))[0] > CLOSE]
        faint = np.full(len(new), 1e-3 * np.median(q))
        lam, free = point.multipliers, self.follow(point.multipliers)
        return settle(point.problem, lam, np.append(q, faint), np.vstack([y, new]), 1e-4 * worst, free=free)

    def follow(self, lam: np.ndarray) -> np.ndarray:
        """Which prices follow the codewords of a descent, (R,) flags: those that bind, unless they are many."""
        binds = self.worth(lam) > BINDING
        return binds if binds.sum() <= FEW else binds & False

    def maxima(self, point: "Point") -> tuple[np.ndarray, float]:
        """(local maxima of c, (m, k), climbed to from a grid and from few codewords; the largest log c)."""
        mass = point.mass
        if mass.separated is None:
            T, low, high = mass.cube()
            axes = [np.linspace(*ends, SEEDS[len(low)]) for ends in zip(low, high)]
            seeds = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(low)) @ T.T
            seeds = seeds[mass(seeds) > 0.25 * self.tol * NATS_PER_BIT]
        else:
            seeds = mass.separated.peaks(*GRID[mass.x.shape[1]])
        few = point.y if len(point.y) <= FEW or mass.separated is None else point.y[:0]
        climbed = mass.ascend(np.vstack([seeds, few]), 8 if mass.separated else 30)
        return distinct(climbed, SAME, mass.seen(climbed)), mass(climbed).max()

    def prove(self, point: "Point", tops: np.ndarray, worst: float) -> np.ndarray:
        """A better bound, if there is one, and the maximiser of c as a codeword to add, (1, k), or none.

        tops: (m, k), maxima of c, of which the highest has log c = worst.
        """
        fine = 0.1 * self.tol * NATS_PER_BIT
        near, boxes = worst <= 0.25 * self.tol * NATS_PER_BIT, self.boxes
        likely = self.best.solution.rate - (point.dual - worst) / NATS_PER_BIT
        if likely > max(self.tol, WORTH * self.gap):
            return point.y[:0]
        if point.mass.separated is None and not near:
            boxes = ROUGH_BOXES
        asked = fine if near else max(fine, 0.1 * worst)
        upper, best, value = supremum(point.mass, asked, tops, boxes)
        if upper > value + 2 * asked:  # boxes ran out, or rounding is more than was asked: they will again
            self.boxes = ROUGH_BOXES
        bound = bound_over(self.source.p, point.problem.rows.D, point.multipliers, point.a, upper)
        if bound > self.proof[0]:
            self.proof = bound, point.multipliers, point.a
        return best[None]


def inset(tol: float) -> float:
    """The share of each budget that a solve to within tol, bits, keeps free."""
    return min(INSET * tol, ROUGH)


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
        self.solution = repaired(problem, multipliers, output_pmf, Q)


def solution_at(problem: Problem, multipliers: np.ndarray, output_pmf: np.ndarray) -> Solution:
    """The Solution at multipliers (R,) and masses of codewords (m,), within all budgets, on the codewords it uses."""
    used = np.flatnonzero(output_pmf)
    return repaired(problem, multipliers, output_pmf, dual_encoder(problem, multipliers, output_pmf[used], used)[0])


def repaired(problem: Problem, multipliers: np.ndarray, output_pmf: np.ndarray, Q: np.ndarray) -> Solution:
    """The Solution of an encoder Q on the codewords of positive mass, (n, used), once it is within all budgets."""
    Q, support = repair(problem, Q, np.flatnonzero(output_pmf))
    few = replace(problem, codebook=problem.codebook[support])
    a = potentials(few, multipliers, output_pmf[support])
    return Solution(few, Encoder(few.source, few.codebook, Q), multipliers, a, Stats(backend="exchange"))


@dataclass(frozen=True, eq=False, repr=False)
class Lagrangian(Solution):
    """A Solution at held prices, whose rate counts them: I + sum price (E - D) over the rows of `held`, (R,) nats."""

    held: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @cached_property
    def rate(self) -> float:
        """I(X;Y) and what is spent beyond the budgets at their prices, bits."""
        over = self.encoder.spent(self.problem.rows) - self.problem.rows.D
        return self.encoder.rate + float(np.nan_to_num(self.held) @ over) / NATS_PER_BIT


class AtPrices(Exchange):
    """The exchange where some prices are held, and the budgets of their rows are so large that they say nothing.

    Rates and bounds are those of the Lagrangian, I + sum price (E - D), until `spending` says what was spent.
    """

    def __init__(self, problem: Problem, held: np.ndarray, *options: Any) -> None:
        super().__init__(problem, *options)
        self.held, self.proof = held, (-np.inf, np.nan_to_num(held), np.zeros(problem.n))

    def at_held(self, lam: np.ndarray) -> np.ndarray:
        """Prices, (R,), with those that are held as they are."""
        return np.where(np.isnan(self.held), lam, self.held)

    def solve(self, y: np.ndarray, tol: float) -> "Point":
        """The Point of the optimum on the codebook y, (m, k), remembered if its Lagrangian is least; tol in bits."""
        problem, self.guess = replace(self.problem, codebook=self.source.shaped(y)), None
        problem.check_feasible()
        dual, _ = solve_dual(problem, None, tol * NATS_PER_BIT, self.held, inset(tol))
        point = self.as_best(problem, dual.multipliers, dual.q)
        if self.best is None or point.solution.rate < self.best.solution.rate:
            self.best = point
        return point

    def as_best(self, few: Problem, lam: np.ndarray, q: np.ndarray) -> "Point":
        """The Point at prices lam and masses q, whose rate counts what is spent."""
        point = Point(few, lam, q)
        point.solution = counted(point.solution, self.held)
        return point

    def fallback(self) -> "Point":
        """A Point of any encoder within the budgets that are held to."""
        return self.as_best(
            self.problem, self.at_held(np.zeros(len(self.held))), 1.0 * (np.arange(self.problem.m) == 0)
        )

    def stationary_near(self, point: "Point", q: np.ndarray, y: np.ndarray) -> np.ndarray | None:
        """None: Newton's method on prices too would move those that are held."""
        return None

    def follow(self, lam: np.ndarray) -> np.ndarray:
        """Those that are not held."""
        return super().follow(lam) & np.isnan(self.held)


class Beside(Exchange):
    """The exchange of a problem on the line with absolute error beside a quadratic one."""

    def exchange(self, y: np.ndarray, tol: float) -> tuple[np.ndarray, float]:
        """One round: solve on y, (m, 1), look for violators; (the next codebook, log max c)."""
        found = self.solved(y, min(tol, 0.1 * self.tol))
        if self.best is None or found.rate < self.best.solution.rate:
            self.best = SimpleNamespace(solution=found, y=found.encoder.y)
        mass = self.mass(found.multipliers, found.potentials)
        tops = mass.peaks()
        worst = float(mass(tops).max())
        fine = 0.1 * self.tol * NATS_PER_BIT
        upper = mass.supremum(max(fine, 0.1 * worst), worst)
        bound = bound_over(self.source.p, self.problem.rows.D, found.multipliers, found.potentials, upper)
        if bound > self.proof[0]:
            self.proof = bound, found.multipliers, found.potentials
        line = f"rate {self.best.solution.rate:.9g} bits, bound {self.proof[0]:.9g}, {len(found.encoder.y)} codewords"
        self.progress.set_description_str(f"{line}, gap {self.gap:.1e}")
        words = np.vstack([found.encoder.y, tops[:, None]])
        return self.anchored(distinct(words, NARROW * self.span)), max(worst, 0.0)

    def mass(self, lam: np.ndarray, a: np.ndarray) -> Kinked:
        """c at multipliers lam, (R,), and potentials a, (n,), with infinite prices of budgets of zero."""
        return Kinked(self.problem, np.where(self.problem.rows.D == 0, np.inf, lam), a)

    def solved(self, y: np.ndarray, tol: float) -> Solution:
        """The optimum on the codewords y, (m, 1), on those that are used; tol in bits."""
        found = solve(self.on(y), "newton", tol=tol)
        few = self.on(y[found.encoder.support])
        encoder = Encoder(few.source, few.codebook, found.encoder.columns)
        return Solution(few, encoder, found.multipliers, found.potentials, Stats(backend="exchange"))

    def as_best(self, few: Problem, lam: np.ndarray, q: np.ndarray) -> SimpleNamespace:
        """What the search keeps of an encoder at prices lam and masses q, within the budgets."""
        return SimpleNamespace(solution=solution_at(few, lam, q))

    def ceiling(self, lam: np.ndarray, a: np.ndarray) -> float:
        """An upper bound of log c over the line, nats."""
        mass = self.mass(lam, a)
        return mass.supremum(GUESSED, float(mass(mass.peaks()).max()), max(FEW, FEWEST // self.problem.n))

    def on(self, y: np.ndarray) -> Problem:
        """The problem on the codewords y, (m, 1)."""
        return Problem(self.source, self.source.shaped(y), self.problem.fidelities)

    def prove(self, point: SimpleNamespace, tops: np.ndarray, worst: float) -> np.ndarray:  # type: ignore[override]
        """Nothing: each round has proved what it can."""
        return tops[:0]

    def tidy(self, point: SimpleNamespace) -> None:  # type: ignore[override]
        """Nothing: few codewords are used."""

    def fallback(self) -> SimpleNamespace:
        """An encoder within all budgets, before the first round: each letter on itself."""
        letters, which = np.unique(self.source.x, axis=0, return_inverse=True)
        few, Q = self.on(letters), np.zeros((len(which), len(letters)))
        Q[np.arange(len(which)), which.ravel()] = 1.0
        zero = np.zeros(len(self.problem.rows)), np.zeros(self.problem.n)
        return SimpleNamespace(solution=Solution(few, Encoder(few.source, few.codebook, Q), *zero))


class BesideAtPrices(Beside):
    """The same where some prices are held, and the budgets of their rows are so large that they say nothing."""

    def __init__(self, problem: Problem, held: np.ndarray, *options: Any) -> None:
        super().__init__(problem, *options)
        self.held, self.proof = held, (-np.inf, np.nan_to_num(held), np.zeros(problem.n))

    at_held = AtPrices.at_held

    def solved(self, y: np.ndarray, tol: float) -> Solution:
        """The optimum on the codewords y, (m, 1), on those used, with what is spent in its rate; tol in bits."""
        problem = self.on(y)
        problem.check_feasible()
        dual, _ = solve_dual(problem, None, tol * NATS_PER_BIT, self.held, inset(tol))
        return self.as_best(problem, dual.multipliers, dual.q).solution

    def as_best(self, few: Problem, lam: np.ndarray, q: np.ndarray) -> SimpleNamespace:
        """What the search keeps of an encoder at prices lam and masses q, whose rate counts what is spent."""
        return SimpleNamespace(solution=counted(solution_at(few, lam, q), self.held))

    def fallback(self) -> SimpleNamespace:
        """An encoder within all budgets, before the first round."""
        return SimpleNamespace(solution=counted(super().fallback().solution, self.held))


def counted(s: Solution, held: np.ndarray) -> "Lagrangian":
    """A Solution whose rate counts what is spent at the prices `held`, (R,)."""
    return Lagrangian(s.problem, s.encoder, s.multipliers, s.potentials, s.stats, held=held)


def spending(found: Limit, names: tuple[str, ...], held: np.ndarray) -> Limit:
    """A Limit of AtPrices as that of the budgets which its encoder spends, where the fidelities `names` have prices.

    held: those, (R,) nats, not a number for the others.
    """
    s, rows = found.solution, found.solution.problem.rows
    spent, problem = rows.largest(s.encoder.spent(rows)), s.problem
    for name in names:
        problem = problem.with_budget(name, spent[name])
    lam = np.where(np.isnan(held), s.multipliers, held)
    solution = Solution(problem, s.encoder, lam, s.potentials, s.stats, given=names)
    return replace(found, solution=solution, lower_bound=moved(found, problem.rows.D))


def moved(found: Limit, D: np.ndarray) -> float:
    """The bound that the multipliers of a Limit prove at other budgets, (R,), rounded down, bits."""
    given, lam = found.solution.problem.rows.D, found.multipliers / NATS_PER_BIT
    size = abs(found.lower_bound) + lam @ (D + given)
    return float(found.lower_bound + lam @ (given - D) - 4 * (len(D) + 4) * 2.0**-53 * size)


class Warm:
    """Limits of a problem at one budget after another of a fidelity, each search warm from those near it before."""

    def __init__(self, problem: Problem, name: str, tol: float, progress: bool = False):
        self.problem, self.name, self.tol, self.progress = problem, name, tol, progress
        self.found: list[tuple[float, Limit]] = []  # budgets and their limits, in the unit of the search
        self.alone = absolute_error in problem.rows.measures  # letters serve, or nearly: each search by itself

    def at(self, D: float, seconds: float | None = None) -> Limit:
        """The Limit at the budget D of the fidelity, without a warning where its gap is above tolerance."""
        at = self.problem.with_budget(self.name, D)
        if self.alone:
            words, options = at.codebook, {"seconds": seconds, "progress": self.progress}
            return limit(at.source, at.fidelities, tol=self.tol, codebook=words, **options)  # type: ignore[arg-type]
        few, unit = in_unit(letters_and(at, self.tol))
        exchange = Exchange(few, self.tol, self.progress, seconds)
        apart = lambda each: abs(np.log(each[0] / D)) if each[0] > 0 < D else np.inf
        near = [each for each in sorted(self.found, key=apart)[:2] if apart(each) < FAR_APART]
        if near:
            exchange.start(near[0][1], extrapolated(near, D))
        last = exchange.run()
        self.found.append((D, last))
        return in_unit_of(at, last, unit)


def extrapolated(near: list[tuple[float, Limit]], D: float) -> np.ndarray:
    """Multipliers at a budget D from those at the nearest one or two, (R,): a power of D through them.

    With one, that of Gaussians: as 1 / D.
    """
    at, lam = near[0][0], near[0][1].solution.multipliers
    power = np.ones(len(lam))
    if len(near) > 1 and near[1][0] != at:
        other = near[1][1].solution.multipliers
        both = (other > 0) & (lam > 0)
        power[both] = np.clip(np.log(lam[both] / other[both]) / np.log(near[1][0] / at), -3, 3)
    return lam * (at / D) ** power


def at_rate(problem: Problem, rate: float | Mapping[str, float], tol: float, seconds: float | None) -> Limit:
    """The Limit of least distortion at a rate, of the fidelity that `rate` names or of the first.

    Where time runs out, two of the encoders found share the letters at the rate asked, and the highest tangent proves.
    """
    asked = dict(rate) if isinstance(rate, Mapping) else {problem.fidelities[0].name: rate}
    if len(asked) != 1:
        raise ValueError(f"rate is {rate!r}; expected one number of bits, or one by fidelity name")
    ((name, bits),) = asked.items()
    bits = checked_bits(bits)
    end = None if seconds is None else perf_counter() + seconds
    codewords = letters_and(problem, tol)
    warm, most, answers = Warm(problem, name, 0.05 * tol), without(codewords, [name]).fidelity(name).D, []

    def evaluate(D: float) -> Limit:
        answers.append(warm.at(D, None if end is None else max(end - perf_counter(), 1e-3)))
        return answers[-1]

    def proven(answer: Limit) -> tuple[float, float]:
        return answer.lower_bound, problem.rows.prices(answer.multipliers)[name]

    stopped = lambda answer: answer.status == Status.INTERRUPTED
    best, proof = search(evaluate, proven, name, bits, 0.0, most, tol, stopped)
    if proof.solution.problem.fidelity(name).D == 0:  # at an infinite price, which proves nothing elsewhere
        proof = best
    solution = best.solution
    if stopped(answers[-1]):
        solution = shared([answer.solution for answer in answers], name, bits) or solution
    few = spent_of(solution.problem, name, solution.distortions[name])
    solution, bound = replace(solution, problem=few, bits=bits), moved(proof, few.rows.D)
    found = replace(
        best, solution=solution, lower_bound=bound, multipliers=proof.multipliers, potentials=proof.potentials
    )
    if stopped(answers[-1]):
        found = replace(found, status=Status.INTERRUPTED)
        warned(found, tol)
    return found


def shared(solutions: list[Solution], name: str, bits: float) -> Solution | None:
    """The Solution that two of these share, of least distortion `name` and at most that rate; None where none is lower.

    A letter is sent by the first with probability t, else by the second: rates and distortions are at most, or are,
    the means.
    """
    above, within = ([s for s in solutions if (s.rate > bits) == over] for over in (True, False))
    best = min((s.distortions[name] for s in within), default=np.inf)
    chosen = None
    for a in above:
        for b in within:
            t = (bits - b.rate) / (a.rate - b.rate) * (1 - 1e-12)
            D = t * a.distortions[name] + (1 - t) * b.distortions[name]
            if D < best:
                best, chosen = D, (a, b, t)
    if chosen is None:
        return None
    a, b, t = chosen
    y = np.concatenate([a.encoder.codebook, b.encoder.codebook])
    problem = replace(b.problem, codebook=y).with_budget(name, max(s.problem.fidelity(name).D for s in (a, b)))
    encoder = Encoder(problem.source, y, np.hstack([t * a.encoder.Q, (1 - t) * b.encoder.Q]))
    return Solution(problem, encoder, b.multipliers, b.potentials, b.stats)


def groups(y: np.ndarray, distance: float) -> np.ndarray:
    """Labels 0, 1, ... of the connected components of points nearer than `distance`, (m,).

    Of many, those in one small cell are one first: where thousands have climbed to one maximum, pairs are too many.
    """
    if len(y) > MANY:
        cells = np.floor(y / (0.1 * distance))
        _, first, cell = np.unique(cells, axis=0, return_index=True, return_inverse=True)
        if len(first) < len(y):
            return groups(y[first], distance)[cell.ravel()]
    pairs = cKDTree(y).query_pairs(distance, output_type="ndarray")
    graph = sp.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (len(y), len(y)))
    return connected_components(graph, directed=False)[1]


def distinct(y: np.ndarray, distance: float, seen: np.ndarray | None = None) -> np.ndarray:
    """One of each group of points nearer than `distance`, in the coordinates `seen` if they are given."""
    return y[np.unique(groups(y if seen is None else seen, distance), return_index=True)[1]]


def merged(q: np.ndarray, y: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(masses, means) of the codewords y, (m, k), of mass q, that share a label, (m,)."""
    whole = np.bincount(label, q)
    return whole, np.column_stack([np.bincount(label, q * axis) for axis in y.T]) / whole[:, None]


def clusters(point: Point, tops: np.ndarray, worst: float, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """(masses, means) of a point's codewords, those near one maximum of c, or near each other, together.

    One codeword in place of several within a radius of r widths of c costs at most about (r / 2)^4 / 2 nats, here a
    tenth of what log max c = worst leaves to gain; reach: how much of that radius is used.
    """
    radius, y = reach * min(WIDEST, 2 * (0.2 * max(worst, 0.0)) ** 0.25), point.mass.seen(point.y)
    distance, nearest = cKDTree(point.mass.seen(tops)).query(y)
    label = np.where(distance <= radius, nearest, len(tops) + groups(y, radius / 2))
    return merged(point.q, point.y, np.unique(label, return_inverse=True)[1])


class TimeUp(KeyboardInterrupt):
    """The time given is over."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raise TimeUp in this thread's code after so many seconds, wherever it is between two calls into libraries.

    Only the main thread of a system with interval timers can be interrupted so; elsewhere the time is not kept.
    """
    if seconds is None or threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def up(*_: object) -> None:
        raise TimeUp

    earlier = signal.signal(signal.SIGALRM, up)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)
