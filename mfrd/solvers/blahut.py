"""Blahut-Arimoto with bisection on the slope: the textbook algorithm, independent of the others.

For one slope lam, alternate between the encoder and its output pmf,
    z_i = sum_j q_j exp(-s_ij),   c_j = sum_i p_i exp(-s_ij) / z_i,   q_j <- q_j c_j,
until log max_j c_j, a bound on what is left to gain, is small. Then bisect on lam.
"""

import numpy as np

from ..problems.units import NATS_PER_BIT
from .certificate import as_they_are
from .encoder import Encoder
from .feasibility import pinned_prices
from .solution import NotCertified, Solution

CHECK = 10  # iterations between two looks at the stopping rule


def blahut_arimoto(problem, *, tol=1e-7, max_iterations=1_000_000):
    """The encoder of least I(X;Y) within one budget, by Blahut-Arimoto.

        min_Q I(X;Y) + lam E,  E = sum_ij p_i w_i Q_ij e_ij,  lam bisected until E meets the budget.

    problem: Problem with one budget row; tol: certified gap, bits; max_iterations: updates of q over
    all slopes. The encoder mixes those of the two bracketing slopes so that it meets the budget with
    equality. -> Solution, solver "blahut-arimoto".

    Raises ValueError where there is more than one budget row, InfeasibleFidelity where no encoder
    meets the budget, NotCertified where the updates run out before the gap is within tol.
    Source: Blahut (1972), Arimoto (1972); stopping rule of Blahut (1972), theorem 6.
    """
    if len(problem.rows) != 1:
        raise ValueError(
            f"Blahut-Arimoto bisects on one slope; found {len(problem.rows)} budget rows, "
            'expected 1: use solver="newton" or "clarabel"'
        )
    problem.check_feasible()
    cost = problem.rows.weights[0][:, None] * problem.excess(0)  # w_i e_ij, (n, m)
    p, D = problem.source.p, problem.excess_budgets[0]
    best = int((p @ cost).argmin())
    if p @ cost[:, best] <= D:  # one codeword meets the budget: the rate is zero
        return _solution(problem, cost, np.eye(problem.m)[best], 0.0)
    if D == 0:  # nearest codewords only: one slope, so steep that the others vanish
        lam = pinned_prices(problem)[0]
        q, _ = fixed_point(p, cost, lam, tol * NATS_PER_BIT / 2, max_iterations)
        return _solution(problem, cost, q, lam)
    return _bisect(problem, cost, best, tol, max_iterations)


def fixed_point(p, cost, lam, tol, max_iterations):
    """(q, updates used): q <- q c until log max c <= tol (nats), from the uniform pmf."""
    A = np.exp(-lam * cost)  # (n, m)
    q = np.full(cost.shape[1], 1 / cost.shape[1])
    for update in range(max_iterations):
        c = (p / (A @ q)) @ A  # c_j = sum_i p_i A_ij / z_i
        if update % CHECK == 0 and np.log(c.max()) <= tol:
            return q, update
        q *= c
    raise NotCertified(
        f"Blahut-Arimoto: log max c is {np.log(c.max()) / NATS_PER_BIT:.2g} bits after the last "
        f"of its updates, at slope {lam:.6g}; expected {tol / NATS_PER_BIT:.2g}: raise max_iterations or tol"
    )


def encoder_at(cost, q, lam):
    """Q_ij = q_j exp(-s_ij) / z_i, (n, m)."""
    Q = q * np.exp(-lam * cost)
    return Q / Q.sum(axis=1, keepdims=True)


def _bisect(problem, cost, best, tol, max_iterations):
    """Halve the bracket [low, high] of slopes until the mixture of its ends is certified."""
    p, D, left = problem.source.p, problem.excess_budgets[0], max_iterations
    low, Q_low = 0.0, np.eye(problem.m)[np.full(problem.n, best)]
    high, Q_high = np.inf, None
    lam = 1 / problem.scale[0]
    while True:
        q, used = fixed_point(p, cost, lam, tol * NATS_PER_BIT / 4, left)
        left -= used
        Q = encoder_at(cost, q, lam)
        if p @ (Q * cost).sum(axis=1) > D:
            low, Q_low = lam, Q
        else:
            high, Q_high = lam, Q
        if Q_high is not None:
            solution = _solution(problem, cost, q, lam, _mix(p, cost, D, Q_low, Q_high))
            if solution.gap <= tol:
                return solution
        middle = 2 * lam if Q_high is None else (low + high) / 2
        if middle in (low, high):
            raise NotCertified(
                f"Blahut-Arimoto: certified gap {solution.gap:.2g} bits with the slope known to the "
                f"last digit; expected {tol:g}: raise tol"
            )
        lam = middle


def _mix(p, cost, D, Q_low, Q_high):
    """The mixture of an encoder above the budget and one within it that meets it with equality."""
    E_low, E_high = (p @ (Q * cost).sum(axis=1) for Q in (Q_low, Q_high))
    share = min(1.0, (E_low - D) / (E_low - E_high) * (1 + 1e-14))
    return share * Q_high + (1 - share) * Q_low


def _solution(problem, cost, q, lam, Q=None):
    """The Solution of output pmf q at slope lam; its encoder unless another is handed over."""
    A = np.exp(-lam * cost)
    Q = encoder_at(cost, q, lam) if Q is None else Q
    encoder = Encoder(problem.source, problem.codebook, Q)
    potentials = as_they_are(problem, np.array([lam]), -np.log(A @ q))
    return Solution(problem, encoder, np.array([lam]), potentials, "blahut-arimoto")
