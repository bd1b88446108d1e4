"""Deterministic annealing: from the rate-distortion optimum to a deterministic encoder.

At temperature tau minimise, at fixed prices,
    E[s] + H(Y) - tau H(Y|X),      with  s_ij = sum_r lam_r w_ri d_r(x_i, y_j):
tau = 1 is the rate-distortion Lagrangian E[s] + I(X;Y), tau = 0 the entropy-constrained quantiser's
E[s] + H(Y). Each step alternates
    Q_ij ~ q_j^(1/tau) exp(-s_ij / tau),   q_j = sum_i p_i Q_ij,   y_j = the priced centroid,
none of which raises the objective.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ..codebooks.priced import Budgets, Priced
from ..solvers.encoder import Encoder
from ..solvers.solution import Solution
from .descent import lloyd

TEMPERATURES = (*np.round(np.geomspace(1.0, 0.02, 24), 6), 0.0)
DEAD = 1e-9  # a codeword of less mass is dropped


@dataclass(frozen=True, eq=False)
class AnnealingStep:
    """One temperature of the path from a rate-distortion optimum to a quantiser.

    Attributes
    ----------
    tau : float
        The temperature, from 1 to 0.
    encoder : Encoder
        After the last round at this temperature: Q on the codewords before that round, with the priced centroids that
        follow from it. From an optimum one round is all that tau = 1 takes, since its q does not move.
    distortions : dict
        What is spent, by fidelity name, in the unit of its budget; for per="letter" the largest over the letters.
    rate, output_entropy, conditional_entropy : float
        I(X;Y), H(Y) and H(Y|X) of the encoder, bits.

    References
    ----------
    Rose (1998).
    """

    tau: float
    encoder: Encoder
    distortions: dict[str, float]

    @property
    def rate(self) -> float:
        """I(X;Y), bits."""
        return self.encoder.rate

    @property
    def output_entropy(self) -> float:
        """H(Y), bits."""
        return self.encoder.output_entropy

    @property
    def conditional_entropy(self) -> float:
        """H(Y|X), bits."""
        return self.encoder.conditional_entropy


def anneal(
    solution: Solution, temperatures: Iterable[float] = TEMPERATURES, *, max_iter: int = 200, tol: float = 1e-9
) -> tuple[AnnealingStep, ...]:
    """The path from a rate-distortion optimum to a deterministic encoder, prices held.

        min E[s] + H(Y) - tau H(Y|X)   at each temperature tau,   s_ij = sum_r lam_r w_ri d_r(x_i, y_j).

    H(Y|X) falls to 0 and I(X;Y) meets H(Y); since the prices are held, the distortions drift, and
    mfrd.ecvq searches the prices that bring them back to their budgets. Letters that are the same point
    share a row of Q, at the mean of their prices.

    Parameters
    ----------
    solution : Solution
        With squared-error or Mahalanobis fidelities: its encoder is the start, its multipliers are the prices.
    temperatures : iterable of float, optional
        Falling numbers from at most 1 to 0, which ends with entropy-constrained Lloyd.
    max_iter : int, optional
        Rounds at each temperature, at least 1.
    tol : float, optional
        A temperature is done once no q_j moves by more, whether or not codewords do.

    Returns
    -------
    tuple of AnnealingStep
        One a temperature.

    Raises
    ------
    ValueError
        Where temperatures do not fall within [0, 1], max_iter is less than 1, the solution has no encoder, or a
        measure is not quadratic.
    TypeError
        Where solution is no Solution.

    References
    ----------
    Rose (1998), deterministic annealing for quantisation.
    """
    if not isinstance(solution, Solution):
        raise TypeError(f"solution is {type(solution).__name__}; expected mfrd.Solution, as .solution of a limit is")
    if not max_iter >= 1:
        raise ValueError(f"max_iter is {max_iter}; expected at least 1 round a temperature")
    tau = np.asarray(temperatures, float)
    if tau.ndim != 1 or not len(tau) or not 0 <= tau[-1] <= tau[0] <= 1 or not (np.diff(tau) < 0).all():
        raise ValueError(f"temperatures are {tau}; expected falling numbers within [0, 1], as (1, 0.3, 0)")
    if solution.encoder is None:
        raise ValueError(f"the solution is {solution.status}; expected one with an encoder: raise its budgets")
    source, encoder = solution.problem.source, solution.encoder
    budgets, rows = Budgets(source, solution.problem.fidelities), solution.problem.rows
    used = encoder.output_pmf > DEAD
    start, q, steps = encoder.y[used] - source.mean, encoder.output_pmf[used], []
    for t, y, Q in path(Priced(budgets, solution.multipliers), start, q / q.sum(), tau, max_iter, tol):
        now = Encoder(source, (y + source.mean).reshape((len(y),) + source.points.shape[1:]), Q[budgets.letter])
        steps.append(AnnealingStep(float(t), now, rows.largest(now.spent(rows) + rows.within(source))))
    return tuple(steps)


def path(
    priced: Priced, y: np.ndarray, q: np.ndarray, temperatures: Iterable[float], max_iter: int = 200, tol: float = 1e-9
) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """Yields (tau, y (m, k) centred, Q (n, m)) for each temperature, from codewords y of masses q, (m,)."""
    for tau in temperatures:
        if tau == 0:
            column = lloyd(priced, y, q)
            yield tau, column.y, np.eye(len(column.y))[column.cells]
            return
        for _ in range(max_iter):
            logits = (np.log(q) - priced.costs(y)) / tau
            Q = softmax(logits)
            mass = priced.p @ Q
            if not (alive := mass > DEAD).all():
                Q, q = softmax(logits[:, alive]), q[alive]  # from the logits: all of a row may have died
                mass = priced.p @ Q
            moved, q = abs(mass - q).max(), mass / mass.sum()
            y = priced.soft_codewords(Q)
            if moved <= tol:
                break
        yield tau, y, Q


def softmax(logits: np.ndarray) -> np.ndarray:
    """exp(logits) over its sum in each row, (n, m)."""
    Q = logits - logits.max(axis=1, keepdims=True)
    np.exp(Q, out=Q)
    Q /= Q.sum(axis=1, keepdims=True)
    return Q
