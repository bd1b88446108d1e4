"""The supremum of c on the line where absolute error stands beside squared error: both bounds together.

With slopes theta_i of squared and tau_i of absolute error,
    c(y) = sum_i p_i exp(a_i - theta_i (x_i - y)^2 - tau_i |x_i - y|).
Outside the letters c falls. Between neighbouring letters every |x_i - y| is linear in y, so that log c has a second
derivative of at least -2 max theta there: a maximum lies on a letter, where c is evaluated, or inside an interval
without a slope, where supremum.py's bound holds: log c(y*) <= log c(y0) + max theta (y* - y0)^2 for y0 beside it.

Letters of a budget of zero, at an infinite price, add p_i exp(a_i) to c on their own points alone (supremum.py).

Rounding (u = 2^-53). Weights are raised and slopes lowered as in supremum.py; an exponent w_i - s_i is off by
8 u (s_i + |w_i|), log c by the mean of that and (n + 20) u, and mean s <= max w - log c + log n.
"""

import numpy as np

from ..problems.distortion import absolute_error, metric
from ..problems.problem import Problem
from ..solvers.certificate import log_sum
from .chebyshev import UNIT
from .supremum import BLOCK, MAX_BOXES

STEP = 0.05  # widths of c between the points from which its maxima are sought
MOST = 20_000  # of these points
ZOOM = 24  # halvings of a bracket about a maximum, by thirds


class Kinked:
    """log c(y) on the line for letters x (n,), weights log p + a (n,) and slopes theta and tau (n,) of a problem.

    multipliers: (R,) nats per unit distortion, infinite for budgets of zero; exact: the points of their letters, and
    what each adds there.
    """

    def __init__(self, problem: Problem, multipliers: np.ndarray, potentials: np.ndarray):
        rows, p, endless = problem.rows, problem.source.p, multipliers == np.inf
        log_p, a = np.log(p, where=p > 0, out=np.zeros(len(p))), np.where(p > 0, potentials, 0.0)
        weights = log_p + a + 8 * UNIT * (abs(log_p) + abs(a))
        alone = (rows.weights[endless] > 0).any(axis=0) & (p > 0)
        points, which = np.unique(problem.source.x[alone, 0], return_inverse=True)
        self.exact, self.exact_weights = points, np.full(len(points), -np.inf)
        np.logaddexp.at(self.exact_weights, which.reshape(-1), weights[alone])
        seen = (p > 0) & ~alone
        slopes = rows.slopes(np.where(endless, 0.0, multipliers))[:, seen]
        slopes = slopes * (1 - (2 * len(problem.fidelities) + 16) * UNIT)
        self.x, self.theta, self.tau = problem.source.x[seen, 0], np.zeros(seen.sum()), np.zeros(seen.sum())
        for measure, slope in zip(rows.measures, slopes):
            if measure is absolute_error:
                self.tau = self.tau + slope
            else:
                self.theta = self.theta + slope * metric(measure, 1)[0, 0]  # type: ignore[index]
        self.weights, self.heaviest = weights[seen], abs(weights[p > 0]).max()
        self.letters = np.union1d(self.x, points)
        self.width = 1 / max(np.sqrt(self.theta.max(initial=0.0)), self.tau.max(initial=0.0), 1e-300)

    def __call__(self, y: np.ndarray) -> np.ndarray:
        """log c(y), (m,) for y (m,)."""
        values = self.between(y)
        if len(self.exact):
            near = np.minimum(np.searchsorted(self.exact, y), len(self.exact) - 1)
            values = np.where(self.exact[near] == y, np.logaddexp(values, self.exact_weights[near]), values)
        return values

    def between(self, y: np.ndarray) -> np.ndarray:
        """The same without letters at an infinite price, (m,)."""
        width, parts = max(1, BLOCK // max(1, len(self.x))), [np.full(0 if len(self.x) else len(y), -np.inf)]
        for j in range(0, len(y) if len(self.x) else 0, width):
            away = abs(np.subtract.outer(y[j : j + width], self.x))
            parts.append(log_sum(self.weights - (self.theta * away + self.tau) * away, axis=1))
        return np.concatenate(parts)

    def raised(self, value: np.ndarray) -> np.ndarray:
        """Computed values of log c with what rounding can take off them added, (m,)."""
        n = len(self.x) + len(self.exact)
        S = np.where(np.isfinite(value), self.heaviest + abs(value) + np.log(n) + 1, 0.0)
        return value + 16 * UNIT * S + (n + 20) * UNIT

    def peaks(self) -> np.ndarray:
        """Local maxima of c, (m,): on letters, and between them to all digits."""
        low, high = self.letters[[0, -1]]
        count = int(np.clip((high - low) / (STEP * self.width), 2, MOST))
        grid = np.union1d(np.linspace(low, high, count), self.letters)
        value = np.pad(self.between(grid), 1, constant_values=-np.inf)
        top = np.flatnonzero((value[1:-1] >= value[:-2]) & (value[1:-1] >= value[2:]))
        left, right = grid[np.maximum(top - 1, 0)], grid[np.minimum(top + 1, len(grid) - 1)]
        for _ in range(ZOOM):
            third = (right - left) / 3
            rises = self.between(left + third) < self.between(right - third)
            left, right = np.where(rises, left + third, left), np.where(rises, right, right - third)
        inner = (left + right) / 2
        return np.append(np.where(self.between(inner) > self.between(grid[top]), inner, grid[top]), self.exact)

    def supremum(self, tol: float, best: float, max_boxes: int = MAX_BOXES) -> float:
        """An upper bound of log c over the line, within tol of `best`, the largest value known, if boxes suffice."""
        upper, steep = self.raised(self(self.letters)).max(), self.theta.max(initial=0.0) * (1 + 8 * UNIT)
        centres, half, seen = (self.letters[1:] + self.letters[:-1]) / 2, np.diff(self.letters) / 2, 0
        slip = 64 * UNIT * (abs(self.letters[[0, -1]]).max() + self.letters[-1] - self.letters[0])
        while len(centres):
            seen += len(centres)
            bound = self.raised(self.between(centres)) + steep * (half + slip) ** 2
            open_ = (bound > best + tol) & (seen <= max_boxes) & (half > slip)
            upper = max(upper, bound[~open_].max(initial=-np.inf))
            centres, half = centres[open_], half[open_] / 2
            centres, half = np.append(centres - half, centres + half), np.append(half, half)
        return float(upper)
