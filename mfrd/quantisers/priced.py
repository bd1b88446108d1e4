"""Priced distortion: the cost s_ij = sum_r lam_r w_ri d_r(x_i, y_j) at given prices, on free codewords.

Every measure is quadratic, d_g = (x - y)' M_g (x - y), so that with theta_gi = sum of lam_r w_ri over
the rows r of measure g, and W_i = sum_g theta_gi M_g,
    s_ij = x_i' W_i x_i  -  2 x_i' W_i y_j  +  sum_g theta_gi y_j' M_g y_j :
one matrix product for all pairs, and the best codeword of a cell is (sum p_i W_i)^-1 sum p_i W_i x_i.
"""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from ..problems.problem import Problem

NO_BITS = 800.0  # nats that a codeword of the least probability does not cost


class Budgets:
    """The budget rows of quadratic fidelities on a source, before any codebook is chosen.

    Letters that are the same point are one here, as they are to a quantiser: of mass p_g = sum_{i in g} p_i and
    weight w_rg = sum_{i in g} p_i w_ri / p_g, so that E_r = sum_g p_g w_rg d_r(x_g, y).

    .source, .problem (on the mean as its codebook), .metrics (G, k, k), .x centred points (n, k), .p (n,) their
    masses, .letter the index among them of each letter of the source; .rows: BudgetRows on these points.

    Raises ValueError where a measure is neither squared error nor Mahalanobis.
    """

    def __init__(self, source, fidelities):
        self.source = source
        self.problem = Problem(source, source.mean.reshape((1,) + source.points.shape[1:]), fidelities)
        self.metrics = self.problem.metrics
        self.letter, first = same_points(source.x)
        self.x, self.p = source.x[first] - source.mean, np.bincount(self.letter, source.p)
        total, count = self.p[self.letter], np.bincount(self.letter)[self.letter]
        share = np.where(total > 0, source.p / np.where(total > 0, total, 1.0), 1 / count)  # p_i / p_g
        w = self.problem.rows.weights
        merged = np.array([np.bincount(self.letter, share * row) for row in w]).reshape(len(w), len(first))
        self.rows = replace(self.problem.rows, weights=merged)

        zero = (self.rows.D == 0)[:, None] & (self.rows.weights > 0) & (self.p > 0)
        self.exact = zero.any(axis=0)  # letters whose codeword must be the letter itself

    def pin(self, prices):
        """The prices with those of budgets of zero set so high that no distortion is worth its bits."""
        letters = np.unique(self.x, axis=0)
        if not self.exact.any() or len(letters) < 2:  # a single point is its own codeword at any price
            return prices
        gaps = cKDTree(letters).query(letters, k=2)[0]
        scale = np.linalg.eigvalsh(self.metrics)[:, 0][self.rows.measure] * np.min(gaps[:, 1]) ** 2
        least = np.array([w[w > 0].min(initial=1.0) for w in self.rows.weights])
        return np.where(self.rows.D == 0, NO_BITS / np.maximum(scale * least, np.finfo(float).tiny), prices)

    def distortions(self, cells, y):
        """E_r of the quantiser x_i -> y[cells_i] in centred coordinates, (R,)."""
        error = self.x - y[cells]
        d = np.einsum("na,gab,nb->gn", error, self.metrics, error)  # (G, n)
        return self.rows.means(d, self.p)


def same_points(x):
    """(letter, first): the index of each row of x among its distinct rows, (n,), and where each of these is first.

    Distinct rows are in the order in which they occur, so that without equal ones both are 0 .. n - 1.
    """
    _, first, which = np.unique(x + 0.0, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return np.argsort(order)[which.ravel()], first[order]


class Priced:
    """The cost at multipliers lam, (R,) nats per unit distortion; codewords in centred coordinates."""

    def __init__(self, budgets, multipliers):
        x, M = budgets.x, budgets.metrics
        self.budgets, self.multipliers = budgets, np.asarray(multipliers, float)
        self.p = budgets.p
        self.theta = budgets.rows.slopes(self.multipliers)  # (G, n)
        self.pull = np.einsum("gn,gab,nb->na", self.theta, M, x)  # W_i x_i, (n, k)
        self.left = np.hstack([-2 * self.pull, self.theta.T])  # (n, k + G)

    def costs(self, y):
        """s_ij without its term in x_i alone, (n, m)."""
        return self.left @ self.lookup(y).T

    def codewords(self, cells, m):
        """The best codeword of each cell of a partition, (m, k); the plain mean in a cell without price."""
        return self.best(*self.sums(cells, m))

    def sums(self, cells, m):
        """Of each cell: sum p theta (m, G), sum p W x (m, k), mass (m,), sum p x (m, k)."""
        columns = np.hstack([self.theta.T, self.pull, np.ones((len(cells), 1)), self.budgets.x])
        total = np.column_stack([np.bincount(cells, self.p * column, m) for column in columns.T])
        G, k = len(self.theta), self.pull.shape[1]
        return total[:, :G], total[:, G : G + k], total[:, G + k], total[:, G + k + 1 :]

    def soft_codewords(self, Q):
        """The best codewords of a randomised encoder Q, (n, m) -> (m, k)."""
        share = (self.p[:, None] * Q).T
        return self.best(share @ self.theta.T, share @ self.pull, share.sum(axis=1), share @ self.budgets.x)

    def lookup(self, y):
        """Columns that `left` multiplies to the cost of each codeword, (m, k + G)."""
        return np.hstack([y, np.einsum("ja,gab,jb->jg", y, self.budgets.metrics, y)])

    def best(self, theta, pull, mass, first):
        """Solve (sum_g theta_jg M_g) y_j = pull_j where cell j is priced; else E[X | cell]."""
        y = first / np.where(mass > 0, mass, 1)[:, None]
        scale = np.finfo(float).tiny + 1e-12 * abs(self.theta).max() * mass
        priced = theta.sum(axis=1) > scale
        if len(self.budgets.metrics) == 1:  # one measure: the metric cancels
            means = np.linalg.solve(self.budgets.metrics[0], pull[priced].T).T
            y[priced] = means / theta[priced]
        else:
            A = np.einsum("jg,gab->jab", theta[priced], self.budgets.metrics)
            y[priced] = np.linalg.solve(A, pull[priced][..., None])[..., 0]
        return y
