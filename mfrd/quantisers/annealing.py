"""Deterministic annealing: from the rate-distortion optimum to a deterministic encoder.

At temperature tau minimise, at fixed prices,
    E[s] + H(Y) - tau H(Y|X),      with  s_ij = sum_r lam_r w_ri d_r(x_i, y_j):
tau = 1 is the rate-distortion Lagrangian E[s] + I(X;Y), tau = 0 the entropy-constrained quantiser's
E[s] + H(Y). Each step alternates
    Q_ij ~ q_j^(1/tau) exp(-s_ij / tau),   q_j = sum_i p_i Q_ij,   y_j = the priced centroid,
none of which raises the objective.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from ..solvers.encoder import Encoder
from ..solvers.solution import Solution
from .descent import lloyd
from .priced import Budgets, Priced
from .quantiser import reached

TEMPERATURES = tuple(np.round(np.geomspace(1.0, 0.02, 24), 6)) + (0.0,)
DEAD = 1e-9  # a codeword of less mass is dropped


@dataclass(frozen=True, eq=False)
class AnnealingStep:
    """One temperature of the path: .tau, .encoder, .distortions by fidelity name.

    .rate = I(X;Y), .output_entropy = H(Y), .conditional_entropy = H(Y|X), in bits.
    """

    tau: float
    encoder: Encoder
    distortions: dict

    @property
    def rate(self):
        return self.encoder.rate

    @property
    def output_entropy(self):
        return self.encoder.output_entropy

    @property
    def conditional_entropy(self):
        return self.encoder.conditional_entropy


def anneal(solution, temperatures=TEMPERATURES, *, max_iter=200, tol=1e-9):
    """The path from a rate-distortion optimum to a deterministic encoder, prices held.

    H(Y|X) falls to 0 and I(X;Y) meets H(Y); since the prices are held, the distortions drift, and
    mfrd.ecvq searches the prices that bring them back to their budgets. Letters that are the same point
    share a row of Q, at the mean of their prices.

    solution: Solution with squared-error or Mahalanobis fidelities: its encoder is the start, its
    multipliers are the prices; temperatures: falling numbers from at most 1 to 0, which ends with
    entropy-constrained Lloyd; max_iter: rounds at each, at least 1; tol: a temperature is done once no q_j
    moves by more. -> tuple of AnnealingStep, one a temperature.

    Raises ValueError where temperatures do not fall within [0, 1], max_iter is less than 1, the solution has no
    encoder, or a measure is not quadratic, and TypeError where solution is no Solution.
    Source: Rose (1998), deterministic annealing for quantisation.
    """
    if not isinstance(solution, Solution):
        raise TypeError(f"solution is {type(solution).__name__}; expected mfrd.Solution, as .solution of a limit is")
    if not max_iter >= 1:
        raise ValueError(f"max_iter is {max_iter}; expected at least 1 round a temperature")
    temperatures = np.asarray(temperatures, float)
    in_range = temperatures.ndim == 1 and len(temperatures) and 0 <= temperatures[-1] <= temperatures[0] <= 1
    if not in_range or not (np.diff(temperatures) < 0).all():
        raise ValueError(f"temperatures are {temperatures}; expected falling numbers within [0, 1], as (1, 0.3, 0)")
    if solution.encoder is None:
        raise ValueError(f"the solution is {solution.status}; expected one with an encoder: raise its budgets")
    budgets = Budgets(solution.problem.source, solution.problem.fidelities)
    priced = Priced(budgets, solution.multipliers)
    source, encoder = budgets.source, solution.encoder
    used = encoder.output_pmf > DEAD
    y, q = encoder.y[used] - source.mean, encoder.output_pmf[used]
    steps = []
    for tau, moved, Q in path(priced, y, q / q.sum(), temperatures, max_iter, tol):
        points = (moved + source.mean).reshape((len(moved),) + source.points.shape[1:])
        now = Encoder(source, points, Q[budgets.letter])
        distortions = {f.name: float(max(reached(f, now), default=0.0)) for f in budgets.rows.fidelities}
        steps.append(AnnealingStep(float(tau), now, distortions))
    return tuple(steps)


def path(priced, y, q, temperatures, max_iter=200, tol=1e-9):
    """Yields (tau, y, Q) for each temperature, codewords in centred coordinates."""
    for tau in temperatures:
        if tau == 0:
            column = lloyd(priced, y, q)
            yield tau, column.y, np.eye(len(column.y))[column.cells]
            return
        for _ in range(max_iter):
            logits = (np.log(q) - priced.costs(y)) / tau
            Q = softmax(logits, axis=1)
            mass = priced.p @ Q
            alive = mass > DEAD
            if not alive.all():
                Q, q = softmax(logits[:, alive], axis=1), q[alive]  # from the logits: all of a row may have died
                mass = priced.p @ Q
            moved, q = abs(mass - q).max(), mass / mass.sum()
            y = priced.soft_codewords(Q)
            if moved <= tol:
                break
        yield tau, y, Q
