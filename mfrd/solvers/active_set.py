"""The active set: solve on few codewords, price the rest, add those that violate (Gilmore and Gomory 1961).

At prices lam and potentials a of the optimum on the active codewords, codeword j would lower the rate
if and only if log c_j = log sum_i p_i exp(a_i - s_ij) > 0. Memory is n times the active codewords;
the others are seen a block at a time.
"""

import logging

import numpy as np
from scipy.spatial import cKDTree

from ..problems.problem import Problem
from ..problems.units import NATS_PER_BIT
from .certificate import excess_potentials, log_excess_masses
from .feasibility import interior
from .interior_point import BOLD, STEADY, Attempt, Iterate, centre, interior_point
from .outcome import Proposal
from .saddle import INSET_SHARE, Saddle

log = logging.getLogger("mfrd")

FEW = 128  # codewords up to which all are active
ROUNDS = 60
ATTEMPTS = (  # the first serves nearly always, the second where it does not, the others thin feasible sets
    BOLD,
    STEADY,
    Attempt(nats=0.05, far=np.inf),
    Attempt(nats=0.05, far=np.inf, damping=3.0, steps=300),
    Attempt(nats=0.005, damping=10.0, steps=300),
    Attempt(nats=0.05, damping=10.0, steps=300),
    Attempt(far=np.inf, damping=30.0, steps=300),
    Attempt(damping=100.0, steps=300),
    Attempt(nats=5.0),
)
ONWARD = (  # in turn from the best point so far
    Attempt(lag=0.01, damping=100.0, steps=300),
    Attempt(lag=0.01, damping=1000.0, steps=300),
    Attempt(lag=0.01, far=1.2, damping=100.0, steps=300),
)
MERIT = 2e-10 * NATS_PER_BIT  # nats: what an answer of the interior point and log max c may miss
DEAD = 1e-6  # a codeword is dropped where no letter sends it a larger share


class Newton:
    """The backend of this module; it starts from the answer to the budgets before, unless it is told to forget that."""

    name, attempts = "newton", 1

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Drop the answer before, which was not certified."""
        self.warm: tuple | None = None

    def propose(self, problem: Problem, attempt: int = 0) -> Proposal:
        """The dual point of the optimum."""
        warm, self.warm = self.warm, None  # nothing is left of it where this fails
        proposal, self.warm = solve_dual(problem, warm)
        return proposal


def solve_dual(
    problem: Problem,
    warm: tuple | None = None,
    tol: float = MERIT,
    held: np.ndarray | None = None,
    inset: float = INSET_SHARE,
) -> tuple[Proposal, tuple]:
    """(the dual point of the optimum, warm) by interior point and active set.

    warm: what an earlier call returned for the same problem with other budgets, or None: codewords, their masses and
    prices; tol: nats; held: prices that stay as they are, and inset: share of a budget that is kept free, as in Saddle.
    A method that comes from where budgets are exceeded takes many steps for the last digits of a small inset.
    """
    active = first_codewords(problem) if warm is None else warm[0]
    saddle = Saddle(problem, active, held, inset)
    alone = sufficient(saddle)
    if alone is not None:
        free = np.zeros(saddle.R)
        return Proposal(saddle.multipliers(problem, free), on_codewords(problem.m, active[alone], 1.0)), (active, None)
    whole = len(active) == problem.m
    inner = tol if whole else max(tol, 1e-3)
    point = solve_on(saddle, None if warm is None else warm[1], inner)
    steps = point.steps
    for _ in range(0 if whole else ROUNDS):
        multipliers, q = saddle.multipliers(problem, point.lam), point.q / point.q.sum()
        log_c = price(problem, multipliers, excess_potentials(problem, multipliers, q, active))
        log.debug("%d active codewords, %d steps, log max c %.2e nats", len(active), point.steps, log_c.max())
        new, alive = violators(problem, log_c, active, tol), used(saddle, point)
        if inner == tol and (log_c.max() <= tol or not len(new)):
            break
        inner = max(tol, min(inner, 0.01 * log_c.max()))
        active = np.append(active[alive], new)
        seed = np.append(point.q[alive], np.full(len(new), 1e-3 / max(1, len(new))))
        saddle = Saddle(problem, active, held, inset)
        point = solve_on(saddle, Iterate(seed, point.lam), inner)
        steps += point.steps
    alive, masses, lam = polish(saddle, point, tol)
    q, warm = on_codewords(problem.m, active[alive], masses), (active[alive], Iterate(masses, lam))
    return Proposal(saddle.multipliers(problem, lam), q / q.sum(), iterations=steps), warm


def used(saddle: Saddle, point: Iterate) -> np.ndarray:
    """Which codewords some letter uses with a share above DEAD, boolean (m,)."""
    return (point.at or saddle.at(point.q, point.lam)).largest_shares > DEAD


def polish(saddle: Saddle, point: Iterate, tol: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(which codewords are used, q on these, lam) at the optimum on these alone, or all where the others are needed.

    The saddle point that `point` holds is given up.
    """
    alive = used(saddle, point)
    few = alive & (point.q > point.s) if tol > MERIT and point.converged(tol) else alive  # others are on their way out
    for kept in (alive,) if (few == alive).all() else (few, alive):
        if kept.all() or not kept.any():
            continue
        start = Iterate(point.q[kept], point.lam, point.s[kept], point.t)
        better = interior_point(saddle.restricted(kept), start, tol, BOLD)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # a letter may see none: c is infinite
            c = saddle.at(on_codewords(saddle.m, kept, better.q), better.lam, out=point.at).c
        if better.converged(tol) and c.max() <= np.exp(tol):
            return kept, better.q, better.lam
    return np.ones(saddle.m, bool), point.q, point.lam


def first_codewords(problem: Problem) -> np.ndarray:
    """Codewords to start from, spread over the codebook, that meet the budgets by themselves."""
    if problem.m <= FEW:
        return np.arange(problem.m)
    order, count = np.argsort(np.arange(problem.m) * 0.6180339887498949 % 1, kind="stable"), FEW  # prefixes are spread
    if problem.edges.forbidden is not None or len(problem.rows.measures) > 1:
        return np.union1d(order[:count], interior(problem)[1])
    while count < problem.m and Saddle(problem, order[:count]).D.min() <= 0:
        count *= 2
    return np.sort(order[:count])


def sufficient(saddle: Saddle) -> int | None:
    """The index of a codeword that meets all budgets by itself, so that the rate is zero, or None."""
    meets = np.ones(saddle.m, bool)
    if saddle.base is not None:
        meets &= saddle.base.min(axis=0) == 0
    for g in saddle.measures:
        meets &= (g.wp @ g.e <= (saddle.D + saddle.inset)[g.rows, None]).all(axis=0)
    return int(meets.argmax()) if meets.any() else None


def solve_on(saddle: Saddle, warm: Iterate | None, tol: float) -> Iterate:
    """The optimum on the codewords of `saddle`, from a warm iterate where there is one."""
    if warm is not None and len(warm.q) == saddle.m and len(warm.lam) == saddle.R:
        start = Iterate(np.maximum(warm.q, 1e-3 / saddle.m), warm.lam)
        point = interior_point(saddle, start, tol, BOLD)
        if point.converged(tol):
            return point
    points = []
    for attempt in ATTEMPTS:
        points.append(interior_point(saddle, centre(saddle, attempt), tol, attempt))
        if points[-1].converged(tol) or points[-1].infeasible:
            return points[-1]
    best = min(points, key=lambda point: point.merit)
    for attempt in ONWARD:
        point = interior_point(saddle, best, tol, attempt)
        if point.converged(tol):
            return point
        best = min(best, point, key=lambda point: point.merit)
    return best


def price(problem: Problem, multipliers: np.ndarray, b: np.ndarray) -> np.ndarray:
    """log c_j of every codeword, (m,), a block at a time, from potentials for excesses, (n,)."""
    return np.concatenate([log_excess_masses(problem, multipliers, b, block) for block in problem.blocks()])


def violators(problem: Problem, log_c: np.ndarray, active: np.ndarray, tol: float) -> np.ndarray:
    """The worst codeword with log c_j > 0 of each active codeword's neighbourhood."""
    over = np.setdiff1d(np.flatnonzero(log_c > tol / 4), active)
    region = cKDTree(problem.y[active]).query(problem.y[over])[1]
    order = np.lexsort((-log_c[over], region))
    first = np.unique(region[order], return_index=True)[1]
    return over[order[first]]


def on_codewords(m: int, chosen: np.ndarray | int, masses: np.ndarray | float) -> np.ndarray:
    """The masses of the chosen codewords among m, zero for the others, (m,)."""
    q = np.zeros(m)
    q[chosen] = masses
    return q
