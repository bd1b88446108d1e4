"""Refinement: encoder, codebook step, merging, in turn.

Each round solves the convex program on the current codebook, moves the codewords against the
gradient of the distortion they carry, and merges those that carry nothing or coincide. A move that
would leave a budget out of reach, or raise the rate while nothing merges, is shortened, and a merge that would
leave one out of reach is refused, so every codebook on the way is feasible.
"""

import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from ..problems.distortion import squared_error
from ..problems.fidelity import InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.values import number
from ..solvers.choice import solve
from ..solvers.encoder import Encoder
from ..solvers.feasibility import interior
from ..solvers.outcome import Stats, Status
from ..solvers.solution import Solution
from .priced import centroids

log = logging.getLogger("mfrd")

STEPS = ("centroid", "priced")
RISE = 1e-8  # bits, what a round may add to the rate by rounding
NEAR = 1e-4  # of E|X - EX|^2: the default of merge_distance
MILDER = (1.0, 1e-3, 0.0)  # of the merge thresholds, in turn while merging takes the rate above that of the start
HALVINGS = 10  # of a step, the whole one counted: what a thousandth of it does not lower is at a minimum

RAISED = (
    "refine: merging raised the rate from %.6g to %.6g bits; expected no rise: lower its merge thresholds, or take "
    "step='priced'."
)


@dataclass(frozen=True, eq=False)
class Step:
    """One entry of the history of a refinement: an optimal encoder on one codebook.

    Attributes
    ----------
    codebook : (m,) or (m, k) array
        As the source's points.
    rate, output_entropy, conditional_entropy : float
        I(X;Y), H(Y) and H(Y|X), in bits.
    distortions : dict
        By fidelity name, in units of the measure.
    codewords : int
        m.
    """

    codebook: np.ndarray
    rate: float
    output_entropy: float
    conditional_entropy: float
    distortions: dict[str, float]
    codewords: int


@dataclass(frozen=True, eq=False)
class Refinement:
    """What `refine` returns: the last solution, how it came about, and how it ended.

    Attributes
    ----------
    solution : Solution
        Solved after the last merge, so within all budgets.
    history : tuple of Step
        The initial codebook first, then one entry a round.
    status : Status
        "converged" (a round merged nothing and moved no codeword that is in use), "exhausted" (the rounds ran out
        before that), or "stalled" (no part of the step lowered the rate).
    stats : Stats
        Rounds, seconds, and the backend that answered.
    codebook : (m,) or (m, k) array
        As the source's points.
    converged : bool
        Whether status is "converged".
    """

    solution: Solution
    history: tuple[Step, ...]
    status: Status
    stats: Stats = Stats()

    @property
    def codebook(self) -> np.ndarray:
        """The codebook of the last solution, (m,) or (m, k) as the problem's."""
        return self.solution.problem.codebook

    @property
    def converged(self) -> bool:
        """Whether a round merged nothing and moved no codeword in use."""
        return self.status == Status.CONVERGED

    def __repr__(self) -> str:
        s, how = self.solution, f"{'' if self.converged else 'not '}converged in {len(self.history) - 1} rounds"
        return f"Refinement({how}, rate {s.rate:.7g} bits, gap {s.gap:.1e}, {len(self.codebook)} codewords)"


def refine(
    problem: Problem,
    *,
    step: str = "priced",
    eta: float = 0.5,
    merge_mass: float = 1e-3,
    merge_distance: float | None = None,
    max_iter: int = 20,
    tol: float = 1e-5,
    solver: str = "auto",
) -> Refinement:
    """Refine the codebook of a problem by alternating minimisation.

    Each round: Q = argmin I(X;Y) on the codebook; y_j <- y_j + 2 eta (target_j - y_j); merge. Codewords with
    q_j < merge_mass, or with |y_j - y_k|^2 < merge_distance of a heavier one, are merged into the nearest that stays.
    With the priced step no round ends above the rate of the initial codebook, for a merge that would is made milder or
    not at all: the codebook returned is never worse than the one given. With the centroid step the iterate is returned
    as it is, and a warning is logged where merging left its rate above that of the initial codebook.

    Parameters
    ----------
    problem : Problem
        With squared-error or Mahalanobis fidelities.
    step : {"priced", "centroid"}
        "priced": target_j is the stationary point of the Lagrangian, the mean of X under p_i Q_ij w_i with
        w_i = sum_r lam_r w_ri (a matrix w_i for Mahalanobis); "centroid": E[X | Y = j], the report's gradient step,
        the same where one global budget binds alone. Where a subset budget binds it need not lower the rate.
    eta : float
        Half the part of the way that a codeword goes, 0 < eta <= 1/2.
    merge_mass : float
        A probability; 0 merges none for its mass.
    merge_distance : float, optional
        Squared units of x; 0 merges none for its place; by default 1e-4 of E|X - EX|^2.
    max_iter : int
        Rounds at most.
    tol : float
        Converged once a round merges nothing and moves no codeword that is in use by more than tol standard
        deviations of X.
    solver : str
        As of `solve`.

    Returns
    -------
    Refinement

    Raises
    ------
    ValueError
        For options out of range and a measure without a gradient; otherwise as `solve`.

    References
    ----------
    Blahut (1972) for the encoder, Lloyd (1982) for the alternation, with prices as weights.

    Examples
    --------
    >>> import mfrd
    >>> source = mfrd.bumps(mfrd.grid(-3, 3, 50), [1], [0], [1])
    >>> problem = mfrd.Problem(source, mfrd.grid(-3, 3, 4), mfrd.Fidelity(0.5))
    >>> better = mfrd.refine(problem)
    >>> round(mfrd.solve(problem).rate, 3), round(better.solution.rate, 3), better.codebook.round(2)
    (0.626, 0.496, array([-0.69,  0.69]))
    """
    spread = float(np.trace(problem.source.covariance))
    merge_distance = NEAR * spread if merge_distance is None else merge_distance
    check_options(problem, step, eta, merge_mass, merge_distance, max_iter)
    tol = number(tol, "tol is", "a number of standard deviations >= 0")
    begun, status, still = perf_counter(), Status.EXHAUSTED, tol * np.sqrt(spread)
    solution = first = solve(problem, solver)
    history: tuple[Step, ...] = (record(solution),)
    most = first.rate if step == "priced" else np.inf
    while len(history) <= max_iter and status == Status.EXHAUSTED:
        direction = 2 * eta * (targets(solution, step) - solution.problem.y)
        q = solution.encoder.output_pmf
        used = q >= min(merge_mass, q.max())  # the heaviest is in use however light
        following = advance(solution, direction, (merge_mass, merge_distance), most, solver)
        if following is None:
            status = Status.STALLED
            break
        if abs(direction[used]).max() <= still and following.problem.m == solution.problem.m:
            status = Status.CONVERGED
        solution = following
        history += (record(solution),)
    if solution.rate > most:  # by the rounding that a round may add
        solution, history = first, (*history[:-1], record(first))
    if solution.rate > first.rate + solution.gap + RISE:
        log.warning(RAISED, first.rate, solution.rate)
    return Refinement(solution, history, status, Stats(len(history) - 1, perf_counter() - begun, 1, solution.solver))


def advance(solution: Solution, direction: np.ndarray, merging: tuple, most: float, solver: str) -> Solution | None:
    """The solution after codewords move by `direction`, (m, k), and merge; None where no part of the move lowers it.

    The move is halved while it leaves a budget out of reach, or raises the rate without merging
    anything: where a subset budget binds, the unpriced centroid need not be a descent direction. Where a merge takes
    the rate above `most`, bits, a milder one is made, or none.
    """
    problem = solution.problem
    for part in 0.5 ** np.arange(HALVINGS):
        moved = replace(problem, codebook=problem.source.shaped(problem.y + part * direction))
        with suppress(InfeasibleFidelity):
            for share in MILDER:
                mass, distance = (share * threshold for threshold in merging)
                tried = feasible_merge(moved, solution.encoder.output_pmf, mass, distance)
                following = solve(tried, solver)
                held = following.rate <= solution.rate + solution.gap + RISE
                if held or tried.m < problem.m and following.rate <= most:
                    return following
                if tried.m == problem.m:
                    break
    return None


def check_options(
    problem: Problem, step: str, eta: float, merge_mass: float, merge_distance: float, max_iter: int
) -> None:
    """Raise ValueError where an option of refine is out of range or a measure has no gradient here."""
    for valid, said in (
        (step in STEPS, f"step is {step!r}; expected one of {', '.join(STEPS)}"),
        (0 < eta <= 0.5, f"eta is {eta}; expected 0 < eta <= 1/2, where 1/2 is the whole step"),
        (0 <= merge_mass <= 1, f"merge_mass is {merge_mass}; expected 0 to 1, where 0 merges none for its mass"),
        (merge_distance >= 0, f"merge_distance is {merge_distance}; expected >= 0, where 0 merges none for its place"),
        (max_iter >= 1, f"max_iter is {max_iter}; expected at least one round"),
    ):
        if not valid:
            raise ValueError(said)
    _ = problem.metrics  # refuses measures without a gradient here


def record(solution: Solution) -> Step:
    """The history entry of a solution."""
    e, problem = solution.encoder, solution.problem
    return Step(problem.codebook, e.rate, e.output_entropy, e.conditional_entropy, solution.distortions, problem.m)


def targets(solution: Solution, step: str) -> np.ndarray:
    """Where each codeword would go, (m, k); one that carries no mass stays."""
    problem, share = solution.problem, (solution.problem.source.p[:, None] * solution.encoder.Q).T
    theta = problem.rows.slopes(solution.multipliers if step == "priced" else np.zeros(len(problem.rows)))
    y = centroids(problem.metrics, theta, problem.source.x, share)
    return np.where(share.sum(axis=1, keepdims=True) > 0, y, problem.y)


def merge(encoder: Encoder, mass: float, distance: float) -> Encoder:
    """The encoder with light and redundant codewords merged, their columns of Q added.

    Heaviest first, codeword j stays if q_j >= mass and no codeword that stays lies within
    |y_j - y_k|^2 < distance; the others go to the nearest that stays. The heaviest always does.

    Parameters
    ----------
    encoder : Encoder
    mass : float
        A probability.
    distance : float
        Squared units of x.

    Returns
    -------
    Encoder
        On the codewords that stay, in their original order.

    Raises
    ------
    Nothing
        Any thresholds do.
    """
    kept = sorted(worth_keeping(encoder.y, encoder.output_pmf, mass, distance))
    heir = squared_error(encoder.y, encoder.y[kept]).argmin(axis=1)
    heir[kept] = np.arange(len(kept))  # of duplicates, each that stays is its own heir
    return Encoder(encoder.source, encoder.codebook[kept], encoder.Q @ np.eye(len(kept))[heir])


def worth_keeping(y: np.ndarray, q: np.ndarray, mass: float, distance: float) -> list[int]:
    """Indices of the codewords y (m, k) of masses q (m,) that merge keeps, heaviest first."""
    d = squared_error(y, y)
    kept: list[int] = []
    for j in np.argsort(-q, kind="stable"):
        if not kept or (q[j] >= mass and d[j, kept].min() >= distance):
            kept.append(int(j))
    return kept


def feasible_merge(problem: Problem, q: np.ndarray, mass: float, distance: float) -> Problem:
    """`problem` with its codewords, of masses q (m,), merged; while out of reach, some return, heaviest first."""
    kept = worth_keeping(problem.y, q, mass, distance)
    removed = [j for j in np.argsort(-q, kind="stable") if j not in kept]
    for back in range(len(removed)):
        merged = replace(problem, codebook=problem.codebook[np.sort(kept + removed[:back])])
        with suppress(InfeasibleFidelity):
            interior(merged)
            return merged
    return problem
