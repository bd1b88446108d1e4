"""Blahut-Arimoto with bisection on the slope: the textbook algorithm, independent of the others.

For one slope lam, alternate between the encoder and its output pmf,
    z_i = sum_j q_j exp(-s_ij),   c_j = sum_i p_i exp(-s_ij) / z_i,   q_j <- q_j c_j,
until log max_j c_j, a bound on what is left to gain, is small. Then bisect on lam.
"""

import time

import numpy as np
from scipy.special import rel_entr

from ..problems.problem import ALL, Problem
from ..problems.units import NATS_PER_BIT
from ..problems.values import tolerance
from .certificate import as_they_are
from .encoder import Encoder
from .outcome import Stats
from .solution import NotCertified, Solution

CHECK = 10  # iterations between two looks at the stopping rule
LEAST = 1e-9  # mass of all codewords at least, where a slope starts from the mixture of two others


def blahut_arimoto(problem: Problem, *, tol: float = 1e-7, max_iterations: int = 1_000_000) -> Solution:
    """The encoder of least I(X;Y) within one budget, by Blahut-Arimoto.

        min_Q I(X;Y) + lam E,  E = sum_ij p_i w_i Q_ij e_ij,  lam bisected until E meets the budget.

    The encoder mixes those of the two bracketing slopes so that it meets the budget with equality.

    Parameters
    ----------
    problem : Problem
        With one budget row.
    tol : float
        Certified gap, bits.
    max_iterations : int
        Updates of q over all slopes.

    Returns
    -------
    Solution
        Solver "blahut-arimoto"; its .stats count updates, and slopes as attempts.

    Raises
    ------
    ValueError
        Where there is more than one budget row.
    InfeasibleFidelity
        Where no encoder meets the budget.
    NotCertified
        Where the updates run out before the gap is within tol.

    References
    ----------
    Blahut (1972), whose theorem 6 is the stopping rule; Arimoto (1972).
    """
    if len(problem.rows) != 1:
        raise ValueError(
            f"Blahut-Arimoto bisects on one slope; found {len(problem.rows)} budget rows, "
            'expected 1: use solver="newton" or "clarabel"'
        )
    start, tol = time.perf_counter(), tolerance(tol)
    problem.check_feasible()
    cost = problem.rows.weights[0][:, None] * problem.excess(0)  # w_i e_ij, (n, m)
    barred = problem.edges.allow(np.zeros(cost.shape), ALL, np.inf)
    p, D, updates, slopes = problem.source.p, problem.excess_budgets[0], 0, 0

    def solution(q: np.ndarray, lam: float, Q: np.ndarray) -> Solution:
        encoder = Encoder(problem.source, problem.codebook, Q)
        priced = problem.exponents(np.array([lam]))
        potentials = as_they_are(problem, np.array([lam]), -np.log(np.exp(-priced) @ q))
        stats = Stats(updates, time.perf_counter() - start, slopes, "blahut-arimoto")
        return Solution(problem, encoder, np.array([lam]), potentials, stats)

    alone = p @ (cost + barred)
    one = np.eye(problem.m)[alone.argmin()]  # all mass on the best single codeword
    if alone.min() <= D:  # it meets the budget: the rate is zero
        return solution(one, 0.0, encoder_at(barred, one, 1.0))
    Q_low = np.tile(one, (problem.n, 1))
    if problem.edges.forbidden is not None:  # it costs bits at any slope, and is all where D is the least
        q, updates = fixed_point(p, barred, 1.0, tol * NATS_PER_BIT / 2, max_iterations)
        slopes, Q_low = 1, encoder_at(barred, q, 1.0)
        if problem.edges.found or p @ (Q_low * cost).sum(axis=1) <= D:
            return solution(q, problem.edges.multipliers(problem, np.zeros(1))[0], Q_low)
    (low, high), Q_high, begin = (0.0, np.inf), None, None
    lam = 1 / problem.scale[0]
    while True:
        priced = lam * cost + barred
        q, used = fixed_point(p, priced, 1.0, tol * NATS_PER_BIT / 4, max_iterations - updates, begin)
        updates, slopes, Q = updates + used, slopes + 1, encoder_at(priced, q, 1.0)
        if p @ (Q * cost).sum(axis=1) > D:
            low, Q_low = lam, Q
        else:
            high, Q_high = lam, Q
        if Q_high is not None:
            both = mixed(p, cost, D, Q_low, Q_high)
            found = solution(q, lam, both)
            if found.gap <= tol:
                return found
            begin = np.maximum(p @ both, LEAST / problem.m)
        middle = 2 * lam if Q_high is None else (low + high) / 2
        if middle in (low, high):
            raise NotCertified(
                f"Blahut-Arimoto: certified gap {found.gap:.2g} bits with the slope known to the "
                f"last digit; expected {tol:g}: raise tol"
            )
        lam = middle
        if Q_high is not None and slopes % 2:  # the slope of the chord is that of all between where R is linear
            lam = np.clip(chord(p, cost, Q_low, Q_high), np.nextafter(low, high), np.nextafter(high, low))


def fixed_point(
    p: np.ndarray, cost: np.ndarray, lam: float, tol: float, max_iterations: int, q: np.ndarray | None = None
) -> tuple[np.ndarray, int]:
    """(q, updates used): q <- q c until log max c <= tol (nats), from the uniform pmf, or from a positive q."""
    A = np.exp(-lam * cost)  # (n, m)
    q = np.full(cost.shape[1], 1 / cost.shape[1]) if q is None else q
    for update in range(max_iterations):
        c = (p / (A @ q)) @ A  # c_j = sum_i p_i A_ij / z_i
        if update % CHECK == 0 and np.log(c.max()) <= tol:
            return q, update
        q = q * c
    raise NotCertified(
        f"Blahut-Arimoto: log max c is {np.log(c.max()) / NATS_PER_BIT:.2g} bits after the last "
        f"of its updates; expected {tol / NATS_PER_BIT:.2g}: raise max_iterations or tol"
    )


def encoder_at(cost: np.ndarray, q: np.ndarray, lam: float) -> np.ndarray:
    """Q_ij = q_j exp(-s_ij) / z_i, (n, m)."""
    Q = q * np.exp(-lam * cost)
    return Q / Q.sum(axis=1, keepdims=True)


def chord(p: np.ndarray, cost: np.ndarray, Q_low: np.ndarray, Q_high: np.ndarray) -> float:
    """The slope of the chord between two encoders, nats per unit distortion."""
    E_low, E_high = (p @ (Q * cost).sum(axis=1) for Q in (Q_low, Q_high))
    used = [(Q, p @ Q > 0) for Q in (Q_low, Q_high)]  # of a mass that underflows nothing is sent
    I_low, I_high = (p @ rel_entr(Q[:, on], (p @ Q)[on]).sum(axis=1) for Q, on in used)
    return float((I_high - I_low) / (E_low - E_high))


def mixed(p: np.ndarray, cost: np.ndarray, D: float, Q_low: np.ndarray, Q_high: np.ndarray) -> np.ndarray:
    """The mixture of an encoder above the budget and one within it that meets it with equality, (n, m)."""
    E_low, E_high = (p @ (Q * cost).sum(axis=1) for Q in (Q_low, Q_high))
    share = min(1.0, (E_low - D) / (E_low - E_high) * (1 + 1e-14))
    return share * Q_high + (1 - share) * Q_low
