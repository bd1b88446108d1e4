"""The optimal face: all encoders that are optimal at the multipliers of a solution, and what they spend.

At multipliers lam and potentials a of an optimum, an output pmf q is optimal, and Q_ij = q_j A_ij with it, where
    sum_j q_j A_ij = 1 for each letter,   A_ij = exp(a_i - s_ij),   q_j > 0 only where c_j = sum_i p_i A_ij = 1,
and where each budget with a price is spent, each other one kept. What such an encoder spends is linear in q: the
distortions at which R(D) has the slope of a price are the interval between two linear programs. As a rule the columns
of A are independent, the optimum is one point, and so is the interval.
"""

from typing import Any

import numpy as np
from scipy.optimize import linprog

from ..problems.units import NATS_PER_BIT
from .certificate import excess_encoder, log_excess_masses
from .encoder import Encoder

NEAR = 1e-9  # of log c_j: a codeword of as much may carry mass
DEPENDENT = 1e-10  # singular values of A, relative to the largest, below which columns are dependent
FREE = 1e-9  # nats that a budget is worth, up to which it is taken for one without a price
SLACK = 1e-11  # bits, besides a few gaps, by which an end of the interval may miss the optimum


def ranges(solution: Any) -> dict[str, tuple[float, float]]:
    """{fidelity name: (D-, D+)}, the distortions at which the rate has the slope of its price, the others as they are.

    At each end an encoder was evaluated: rate and priced distortion are the optimum's but for a few gaps of `solution`.
    """
    problem, known = solution.problem, solution.distortions
    if solution.encoder is None:
        return {name: (np.nan, np.nan) for name in known}
    optimum, found = Face(solution), {}
    for k, f in enumerate(problem.fidelities):
        rows = problem.rows.owner == k
        least, most = (optimum.turned(rows, known[f.name], sign) for sign in (1.0, -1.0))
        found[f.name] = min(least, known[f.name]), max(most, known[f.name])
    return found


class Face:
    """The optimal face of a solution.

    columns: (J,), codewords that may carry mass; q: (J,), what they carry; trades: (J, d), directions in which masses
    change while sum_j q_j A_ij stays as it is; priced: which rows have a price, boolean (R,).
    """

    def __init__(self, solution: Any) -> None:
        self.solution, problem, lam = solution, solution.problem, solution.multipliers
        b, live = solution.potentials - problem.offset(lam), problem.source.p > 0
        log_c = np.concatenate([log_excess_masses(problem, lam, b, block) for block in problem.blocks()])
        mass = solution.encoder.output_pmf
        self.columns = np.flatnonzero((log_c - log_c.max() > -NEAR) | (mass > NEAR))
        self.q, self.priced = mass[self.columns], lam * problem.units > FREE
        s = problem.exponents(lam, self.columns)
        A = np.exp(-s)
        A /= (A @ self.q)[:, None]
        rows, columns_A = problem.rows, np.sqrt(problem.source.p[live])[:, None] * A[live]
        _, sizes, V = np.linalg.svd(np.linalg.qr(columns_A, mode="r") if len(columns_A) > A.shape[1] else columns_A)
        self.trades = V[int((sizes > DEPENDENT * sizes[0]).sum()) :].T
        per_letter = [
            problem.source.p[:, None] * A * problem.excess(g, self.columns) for g in range(len(rows.measures))
        ]
        spends = np.array([w @ per_letter[g] for w, g in zip(rows.weights, rows.measure)])
        self.spends = spends / problem.units[:, None]  # of each row, per unit of mass, (R, J)

    def turned(self, rows: np.ndarray, known: float, sign: float) -> float:
        """The least (sign 1) or largest (-1) distortion on the face of the fidelity of `rows`, boolean (R,).

        `known` where nothing else is reached; without a price there is no largest.
        """
        problem, d = self.solution.problem, self.trades.shape[1]
        if sign < 0 and not self.priced[rows].any():
            return np.inf
        if not d:
            return known
        # the trades t, and D: now_r + change_r t - D is 0 on the rows of the target with a price, and <= 0 on the
        # others; of other fidelities, change_r t is 0 with a price, and at most what the budget leaves without
        now, change = self.spends @ self.q, self.spends @ self.trades
        left = np.where(
            rows, -now, np.where(self.priced, 0.0, np.maximum(problem.excess_budgets / problem.units - now, 0.0))
        )
        table, masses = np.column_stack([change, -1.0 * rows]), np.column_stack([-self.trades, np.zeros(len(self.q))])
        equal = self.priced
        program = linprog(
            sign * (np.arange(d + 1) == d),
            np.vstack([table[~equal], masses]),
            np.append(left[~equal], self.q),
            table[equal] if equal.any() else None,
            left[equal] if equal.any() else None,
            (None, None),
        )
        if program.status != 0:
            return known
        return self.reached(np.maximum(self.q + self.trades @ program.x[:d], 0.0), rows, known)

    def reached(self, q: np.ndarray, rows: np.ndarray, known: float) -> float:
        """What `rows` spend at masses q, (J,), if that is as good as the optimum; else `known`."""
        solution, used, lam = self.solution, q > 0, self.solution.multipliers
        problem, columns = solution.problem, self.columns[used]
        Q, _ = excess_encoder(problem, lam, q[used] / q.sum(), columns)
        there = Encoder(problem.source, problem.codebook, Q, columns)
        spent, before = there.spent(problem.rows), solution.encoder.spent(problem.rows)
        loss = there.rate - solution.rate + float(lam @ (spent - before)) / NATS_PER_BIT
        return float(spent[rows].max()) if loss <= SLACK + 4 * abs(solution.gap) else known
