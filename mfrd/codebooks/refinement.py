"""Refinement: encoder, codebook step, merging, in turn.

Each round solves the convex program on the current codebook, moves the codewords against the
gradient of the distortion they carry, and merges those that carry nothing or coincide. A move that
would leave a budget out of reach, or raise the rate while nothing merges, is shortened, and a merge that would
leave one out of reach is refused, so every codebook on the way is feasible.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np

from ..problems.distortion import squared_error
from ..problems.fidelity import InfeasibleFidelity
from ..solvers.choice import solve
from ..solvers.encoder import Encoder
from ..solvers.feasibility import interior
from ..solvers.solution import Solution

log = logging.getLogger("mfrd")

STEPS = ("centroid", "priced")
RISE = 1e-8  # bits, what a round may add to the rate by rounding


@dataclass(frozen=True, eq=False)
class Step:
    """One entry of the history: an optimal encoder on one codebook, in bits and units of distortion."""

    codebook: np.ndarray
    rate: float
    output_entropy: float
    conditional_entropy: float
    distortions: dict
    codewords: int


@dataclass(frozen=True, eq=False)
class Refinement:
    """What refine returns: the last solution, how it came about, and whether it had settled."""

    solution: Solution
    history: tuple
    converged: bool

    @property
    def codebook(self):
        return self.solution.problem.codebook

    def __repr__(self):
        how = "converged" if self.converged else "not converged"
        return (
            f"Refinement({how} in {len(self.history) - 1} rounds, rate {self.solution.rate:.7g} bits, "
            f"gap {self.solution.gap:.1e}, {len(self.codebook)} codewords)"
        )


def refine(
    problem, *, step="priced", eta=0.5, merge_mass=1e-3, merge_distance=1e-3, max_iter=20, tol=1e-5, solver="auto"
):
    """Refine the codebook of a problem by alternating minimisation.

    Each round: Q = argmin I(X;Y) on the codebook; y_j <- y_j + 2 eta (target_j - y_j); merge.
    step="priced": target_j is the stationary point of the Lagrangian, the mean of X under p_i Q_ij w_i
    with w_i = sum_r lam_r w_ri (a matrix w_i for Mahalanobis); step="centroid": E[X | Y = j], the
    report's gradient step, the same where one global budget binds alone. Codewords with q_j < merge_mass, or with
    |y_j - y_k|^2 < merge_distance of a heavier one, are merged into the nearest that stays.

    problem: Problem with squared-error or Mahalanobis fidelities; merge_mass: a probability;
    merge_distance: squared units of x; max_iter: rounds; tol: converged once a round merges nothing
    and moves no codeword that is in use by more than tol standard deviations of X.
    -> Refinement: .solution (re-solved after the last merge, feasible), .codebook, .history (the
    initial codebook first), .converged (False where the rounds ran out, or where no part of the step
    lowers the rate any more, as with step="centroid" and a subset budget that binds). Merging may raise the rate; a
    warning is logged where it ends above that of the initial codebook.

    >>> import mfrd
    >>> source = mfrd.bumps(mfrd.grid(-3, 3, 50), [1], [0], [1])
    >>> problem = mfrd.Problem(source, mfrd.grid(-3, 3, 4), mfrd.Fidelity(0.5))
    >>> better = mfrd.refine(problem)
    >>> round(mfrd.solve(problem).rate, 3), round(better.solution.rate, 3), better.codebook.round(2)
    (0.626, 0.496, array([-0.69,  0.69]))

    Raises ValueError for options out of range, a measure without a gradient; otherwise as `solve`.
    Source: Blahut (1972) for the encoder, Lloyd (1982) for the alternation, with prices as weights.
    """
    check_options(problem, step, eta, merge_mass, merge_distance, max_iter)
    still = tol * np.sqrt(np.trace(problem.source.covariance))
    solution = solve(problem, solver)
    history, converged = [record(solution)], False
    while len(history) <= max_iter and not converged:
        target = targets(solution, step)
        shift = abs(2 * eta * (target - solution.problem.y))
        q = solution.encoder.output_pmf
        used = q >= min(merge_mass, q.max())  # the heaviest is in use however light
        following = advance(solution, target, 2 * eta, (merge_mass, merge_distance), solver)
        if following is None:
            break
        converged = bool(shift[used].max() <= still and following.problem.m == solution.problem.m)
        solution = following
        history.append(record(solution))
    if history[-1].rate > history[0].rate + solution.gap + RISE:
        log.warning(
            "refine: merging raised the rate from %.6g to %.6g bits; expected no rise: lower merge_mass or "
            "merge_distance (squared units of x)%s.",
            history[0].rate,
            history[-1].rate,
            "" if step == "priced" else ", or take step='priced'",
        )
    return Refinement(solution, tuple(history), converged)


def advance(solution, target, fraction, thresholds, solver):
    """The solution after codewords move that fraction of the way to their targets and merge.

    The move is halved while it leaves a budget out of reach, or raises the rate without merging
    anything: where a subset budget binds, the unpriced centroid need not be a descent direction.
    -> Solution, or None where no part of the move lowers the rate.
    """
    problem = solution.problem
    direction = (target - problem.y).reshape(problem.codebook.shape)
    while fraction > 1e-3:
        moved = replace(problem, codebook=problem.codebook + fraction * direction)
        if reachable(moved):
            carried = Encoder(problem.source, moved.codebook, solution.encoder.Q)
            following = solve(feasible_merge(moved, carried, *thresholds), solver)
            if following.problem.m < problem.m or following.rate <= solution.rate + solution.gap + RISE:
                return following
        fraction /= 2
    return None


def check_options(problem, step, eta, merge_mass, merge_distance, max_iter):
    """Raise ValueError where an option of refine is out of range or a measure has no gradient here."""
    if step not in STEPS:
        raise ValueError(f"step is {step!r}; expected one of {', '.join(STEPS)}")
    if not 0 < eta <= 0.5:
        raise ValueError(f"eta is {eta}; expected 0 < eta <= 1/2, where 1/2 is the whole step")
    if not 0 <= merge_mass <= 1:
        raise ValueError(f"merge_mass is {merge_mass}; expected 0 to 1, where 0 merges none for its mass")
    if not merge_distance >= 0:
        raise ValueError(f"merge_distance is {merge_distance}; expected >= 0, where 0 merges none for its place")
    if max_iter < 1:
        raise ValueError(f"max_iter is {max_iter}; expected at least one round")
    _ = problem.metrics  # refuses measures without a gradient here


def record(solution):
    """The history entry of a solution."""
    e = solution.encoder
    return Step(
        solution.problem.codebook,
        e.rate,
        e.output_entropy,
        e.conditional_entropy,
        solution.distortions,
        solution.problem.m,
    )


def targets(solution, step):
    """Where each codeword would go, (m, k); one that carries no mass stays."""
    problem, Q = solution.problem, solution.encoder.Q
    p, x = problem.source.p, problem.source.x
    mass = p @ Q
    centroids = (Q.T * p) @ x / np.where(mass > 0, mass, 1)[:, None]
    y = np.where(mass[:, None] > 0, centroids, problem.y)
    if step == "centroid":
        return y
    slopes = problem.rows.slopes(solution.multipliers)  # w_i of each measure, (G, n)
    weights = sum(np.multiply.outer(w, M) for w, M in zip(slopes, problem.metrics))  # (n, k, k)
    A = np.einsum("i,ij,iab->jab", p, Q, weights)
    b = np.einsum("i,ij,iab,ib->ja", p, Q, weights, x)
    priced = np.trace(A, axis1=1, axis2=2) > 1e-9 * mass * np.trace(weights.max(axis=0))
    y[priced] = np.linalg.solve(A[priced], b[priced][..., None])[..., 0]
    return y


def merge(encoder, mass, distance):
    """The encoder with light and redundant codewords merged, their columns of Q added.

    Heaviest first, codeword j stays if q_j >= mass and no codeword that stays lies within
    |y_j - y_k|^2 < distance; the others go to the nearest that stays. The heaviest always does.
    -> Encoder on the codewords that stay, in their original order.

    encoder: Encoder; mass: a probability; distance: squared units of x. Raises nothing: any thresholds do.
    """
    return reassign(encoder, worth_keeping(encoder, mass, distance))


def worth_keeping(encoder, mass, distance):
    """Indices of the codewords that merge keeps, heaviest first."""
    q, d = encoder.output_pmf, squared_error(encoder.y, encoder.y)
    kept = []
    for j in np.argsort(-q, kind="stable"):
        if not kept or (q[j] >= mass and d[j, kept].min() >= distance):
            kept.append(int(j))
    return kept


def reassign(encoder, kept):
    """The encoder on the codewords `kept`; every other one hands its mass to the nearest of them."""
    kept = np.sort(kept)
    heir = squared_error(encoder.y, encoder.y[kept]).argmin(axis=1)
    heir[kept] = np.arange(len(kept))  # of duplicates, each that stays is its own heir
    return Encoder(encoder.source, encoder.codebook[kept], encoder.Q @ np.eye(len(kept))[heir])


def feasible_merge(problem, encoder, mass, distance):
    """`problem` on the merged codebook; where that is out of reach, merged codewords return, heaviest first."""
    kept, q = worth_keeping(encoder, mass, distance), encoder.output_pmf
    removed = [j for j in np.argsort(-q, kind="stable") if j not in kept]
    for back in range(len(removed) + 1):
        codebook = reassign(encoder, kept + removed[:back]).codebook
        merged = replace(problem, codebook=codebook)
        if reachable(merged):
            return merged
    return problem


def reachable(problem):
    """Whether some encoder meets all budgets."""
    try:
        interior(problem)
    except InfeasibleFidelity:
        return False
    return True
