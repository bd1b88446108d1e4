"""Refinement: encoder, codebook step, merging, in turn.

Each round solves the convex program on the current codebook, moves the codewords against the
gradient of the distortion they carry, and merges those that carry nothing or coincide. A move or a
merge that would leave a budget out of reach is shortened or refused, so every codebook on the
way is feasible.
"""

from dataclasses import dataclass, replace

import numpy as np

from .distortion import metric, squared_error
from .encoder import Encoder
from .feasibility import interior
from .fidelity import InfeasibleFidelity
from .solution import Solution
from .solver import solve

STEPS = ("centroid", "priced")


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


def refine(
    problem, *, step="centroid", eta=0.5, merge_mass=1e-3, merge_distance=1e-3,
    max_iter=20, tol=1e-5, solver="auto",
):
    """Refine the codebook of a problem by alternating minimisation.

    Each round: Q = argmin I(X;Y) on the codebook; y_j <- y_j + 2 eta (target_j - y_j); merge.
    step="centroid": target_j = E[X | Y = j], the report's gradient step, a whole step at eta = 1/2;
    step="priced": the stationary point of the Lagrangian, the mean of X under p_i Q_ij w_i with
    w_i = sum_r lam_r w_ri (a matrix w_i for Mahalanobis), which is the centroid where one global
    budget binds alone. Codewords with q_j < merge_mass, or with |y_j - y_k|^2 < merge_distance of a
    heavier one, are merged into the nearest that stays.

    problem: Problem with squared-error or Mahalanobis fidelities; merge_mass: a probability;
    merge_distance: squared units of x; max_iter: rounds; tol: converged once a round merges nothing
    and moves no codeword that is in use by more than tol standard deviations of X.
    -> Refinement: .solution (re-solved after the last merge, feasible), .codebook, .history (the
    initial codebook first), .converged.

    Raises ValueError for options out of range, a measure without a gradient; otherwise as `solve`.
    Source: Blahut (1972) for the encoder, Lloyd (1982) for the alternation, with prices as weights.
    """
    k = problem.source.x.shape[1]
    check_options(problem, step, eta, max_iter)
    still = tol * np.sqrt(np.trace(problem.source.covariance))
    solution = solve(problem, solver)
    history, converged = [record(solution)], False
    for _ in range(max_iter):
        moved = move(solution, targets(solution, step, k), 2 * eta)
        used = solution.encoder.output_pmf >= merge_mass
        shift = abs(moved.codebook - solution.problem.codebook)[used].max()
        carried = Encoder(problem.source, moved.codebook, solution.encoder.Q)
        merged = feasible_merge(moved, merge(carried, merge_mass, merge_distance))
        converged = bool(shift <= still and merged.m == solution.problem.m)
        solution = solve(merged, solver)
        history.append(record(solution))
        if converged:
            break
    return Refinement(solution, tuple(history), converged)


def check_options(problem, step, eta, max_iter):
    """Raise ValueError where an option of refine is out of range or a measure has no gradient here."""
    if step not in STEPS:
        raise ValueError(f"step is {step!r}; expected one of {', '.join(STEPS)}")
    if not 0 < eta <= 0.5:
        raise ValueError(f"eta is {eta}; expected 0 < eta <= 1/2, where 1/2 is the whole step")
    if max_iter < 1:
        raise ValueError(f"max_iter is {max_iter}; expected at least one round")
    for f in problem.fidelities:
        if metric(f.distortion, problem.source.x.shape[1]) is None:
            raise ValueError(
                f"{f.name}: refine moves codewords for squared_error and mahalanobis; "
                "solve this measure on a fixed codebook"
            )


def record(solution):
    """The history entry of a solution."""
    e = solution.encoder
    return Step(
        solution.problem.codebook, e.rate, e.output_entropy, e.conditional_entropy,
        solution.distortions, solution.problem.m,
    )


def targets(solution, step, k):
    """Where each codeword would go, (m, k); one that carries no mass stays."""
    problem, Q = solution.problem, solution.encoder.Q
    p, x = problem.source.p, problem.source.x
    mass = p @ Q
    centroids = (Q.T * p) @ x / np.where(mass > 0, mass, 1)[:, None]
    y = np.where(mass[:, None] > 0, centroids, problem.y)
    if step == "centroid":
        return y
    slopes = problem.slopes(solution.multipliers)  # w_i of each measure, (G, n)
    metrics = [metric(d, k) for d in problem.measures]
    weights = sum(np.multiply.outer(w, M) for w, M in zip(slopes, metrics))  # (n, k, k)
    A = np.einsum("i,ij,iab->jab", p, Q, weights)
    b = np.einsum("i,ij,iab,ib->ja", p, Q, weights, x)
    priced = np.trace(A, axis1=1, axis2=2) > 1e-9 * mass * np.trace(weights.max(axis=0))
    y[priced] = np.linalg.solve(A[priced], b[priced][..., None])[..., 0]
    return y


def move(solution, target, fraction):
    """The problem with its codewords moved that fraction of the way, halved until it is feasible."""
    problem = solution.problem
    direction = (target - problem.y).reshape(problem.codebook.shape)
    while fraction > 1e-6:
        moved = replace(problem, codebook=problem.codebook + fraction * direction)
        if reachable(moved):
            return moved
        fraction /= 2
    return problem


def merge(encoder, mass, distance):
    """The encoder with light and redundant codewords merged, their columns of Q added.

    Heaviest first, codeword j stays if q_j >= mass and no codeword that stays lies within
    |y_j - y_k|^2 < distance; the others go to the nearest that stays. The heaviest always does.
    -> Encoder on the codewords that stay, in their original order.
    """
    q, d = encoder.output_pmf, squared_error(encoder.y, encoder.y)
    kept = []
    for j in np.argsort(-q, kind="stable"):
        if not kept or (q[j] >= mass and d[j, kept].min() >= distance):
            kept.append(j)
    kept = np.sort(kept)
    heir = d[:, kept].argmin(axis=1)
    heir[kept] = np.arange(len(kept))  # duplicates: each that stays is its own heir
    return Encoder(encoder.source, encoder.codebook[kept], encoder.Q @ np.eye(len(kept))[heir])


def feasible_merge(problem, merged):
    """`problem` on the merged codebook, or unmerged where that codebook cannot meet the budgets."""
    candidate = replace(problem, codebook=merged.codebook)
    return candidate if reachable(candidate) else problem


def reachable(problem):
    """Whether some encoder meets all budgets."""
    try:
        interior(problem)
    except InfeasibleFidelity:
        return False
    return True
