"""Priced distortion: the cost s_ij = sum_r lam_r w_ri d_r(x_i, y_j) at given prices, on free codewords.

Every measure is quadratic, d_g = (x - y)' M_g (x - y), so that with theta_gi = sum of lam_r w_ri over
the rows r of measure g, and W_i = sum_g theta_gi M_g,
    s_ij = x_i' W_i x_i  -  2 x_i' W_i y_j  +  sum_g theta_gi y_j' M_g y_j :
one matrix product for all pairs, and the codeword of least cost to letters that it serves by shares Q_ij is
    y_j = (sum_i p_i Q_ij W_i)^-1 sum_i p_i Q_ij W_i x_i,  the priced centroid.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from ..problems.fidelity import Fidelity
from ..problems.problem import at_the_mean
from ..problems.source import Source

NO_BITS = 800.0  # nats that a codeword of the least probability does not cost
UNPRICED = 1e-12  # of the dearest letter's price per unit of mass: below, a price is the rounding of none
TINY = np.finfo(float).tiny  # added to a price that may be zero before it divides


def matrices(metrics: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """sum_g theta_jg M_g of metrics (G, k, k) and prices (m, G), (m, k, k)."""
    return np.einsum("jg,gab->jab", theta, metrics)


def minimisers(metrics: np.ndarray, theta: np.ndarray, pull: np.ndarray) -> np.ndarray:
    """(sum_g theta_jg M_g)^-1 pull_j of prices (m, G) and pulls (m, k), (m, k)."""
    A = matrices(metrics, theta) + TINY * np.eye(pull.shape[1])
    return pull / A[:, 0] if pull.shape[1] == 1 else np.linalg.solve(A, pull[..., None])[..., 0]


def frame(metrics: np.ndarray, slopes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(L, T), (k, k) each, with u = L' y and y = T u such that sum_g max_i theta_gi M_g is the unit matrix in u.

    metrics: (G, k, k); slopes: theta, (G, n). A codeword that moves by one in u is a width of c away.
    """
    dearest = slopes.max(axis=1, initial=0.0)
    L = np.linalg.cholesky(matrices(metrics, dearest[None])[0] + TINY * np.eye(metrics.shape[-1]))
    return L, np.linalg.inv(L).T


def best(metrics: np.ndarray, sums: tuple, dearest: float) -> np.ndarray:
    """The priced centroids of cells, (m, k); the plain mean of a cell without price, zero of one without letters.

    sums: of each cell sum p theta (m, G), sum p W x (m, k), mass (m,), sum p x (m, k); dearest: max theta.
    """
    theta, pull, mass, first = sums
    y = first / np.where(mass > 0, mass, 1)[:, None]
    priced = theta.sum(axis=1) > TINY + UNPRICED * dearest * mass
    y[priced] = minimisers(metrics, theta[priced], pull[priced])
    return y


def centroids(metrics: np.ndarray, theta: np.ndarray, x: np.ndarray, share: np.ndarray) -> np.ndarray:
    """argmin_y sum_i share_ji s_i(y) of letters x (n, k) at prices theta (G, n) and shares p_i Q_ij, (m, n): (m, k)."""
    pull = np.einsum("gn,gab,nb->na", theta, metrics, x)  # W_i x_i
    return best(metrics, (share @ theta.T, share @ pull, share.sum(axis=1), share @ x), theta.max(initial=0.0))


class Budgets:
    """The budget rows of quadratic fidelities on a source, before any codebook is chosen.

    Letters that are the same point are one here, as they are to a quantiser: of mass p_g = sum_{i in g} p_i and
    weight w_rg = sum_{i in g} p_i w_ri / p_g, so that E_r = sum_g p_g w_rg d_r(x_g, y).

    .source, .metrics (G, k, k), .x centred points (n, k), .p (n,) their masses, .letter the index among them of each
    letter of the source; .rows: BudgetRows on these points, less what the bins of samples spend; .exact: (n,), whose
    codeword must be the point itself.

    Raises ValueError where a measure is neither squared error nor Mahalanobis.
    """

    def __init__(self, source: Source, fidelities: Fidelity | Sequence[Fidelity]):
        problem = at_the_mean(source, fidelities)
        self.source, self.metrics = source, problem.metrics
        _, first, which = np.unique(source.x + 0.0, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)  # distinct points in the order in which they occur: without equal ones, that of x
        self.letter, first = np.argsort(order)[which.ravel()], first[order]
        self.x, self.p = source.x[first] - source.mean, np.bincount(self.letter, source.p)
        mass = np.where(self.p[self.letter] > 0, source.p, 1.0)  # letters of probability zero count alike
        share = mass / np.bincount(self.letter, mass)[self.letter]  # p_i / p_g
        w = problem.rows.weights
        merged = np.array([np.bincount(self.letter, share * row) for row in w]).reshape(len(w), len(first))
        left = problem.rows.D - problem.rows.within(source)  # what the bins of samples do not spend
        self.rows = replace(problem.rows, weights=merged, D=left)
        self.exact = ((self.rows.D == 0)[:, None] & (merged > 0) & (self.p > 0)).any(axis=0)

    def pin(self, prices: np.ndarray) -> np.ndarray:
        """The prices, (R,), with those of budgets of zero set so high that no distortion is worth its bits."""
        if not self.exact.any() or len(self.x) < 2:  # a single point is its own codeword at any price
            return prices
        gaps = cKDTree(self.x).query(self.x, k=2)[0]
        scale = np.linalg.eigvalsh(self.metrics)[:, 0][self.rows.measure] * np.min(gaps[:, 1]) ** 2
        least = np.array([w[w > 0].min(initial=1.0) for w in self.rows.weights])
        return np.where(self.rows.D == 0, NO_BITS / np.maximum(scale * least, TINY), prices)

    def distortions(self, cells: np.ndarray, y: np.ndarray) -> np.ndarray:
        """E_r of the quantiser x_i -> y[cells_i] in centred coordinates, (R,)."""
        error = self.x - y[cells]
        return self.rows.means(np.einsum("na,gab,nb->gn", error, self.metrics, error), self.p)


class Priced:
    """The cost of codewords at multipliers lam, (R,) nats per unit distortion, in centred coordinates.

    .theta: (G, n); .pull: W_i x_i, (n, k); .left: (n, k + G), which `lookup` multiplies; .p, .budgets, .multipliers.
    """

    def __init__(self, budgets: Budgets, multipliers: np.ndarray):
        self.budgets, self.multipliers, self.p = budgets, np.asarray(multipliers, float), budgets.p
        self.theta = budgets.rows.slopes(self.multipliers)
        self.pull = np.einsum("gn,gab,nb->na", self.theta, budgets.metrics, budgets.x)
        self.left = np.hstack([-2 * self.pull, self.theta.T])
        self.terms = np.hstack([self.theta.T, self.pull, np.ones((len(self.p), 1)), budgets.x])  # what `sums` adds up

    def costs(self, y: np.ndarray) -> np.ndarray:
        """s_ij without its term in x_i alone, (n, m)."""
        return self.left @ self.lookup(y).T

    def lookup(self, y: np.ndarray) -> np.ndarray:
        """Columns that `left` multiplies to the cost of each codeword, (m, k + G)."""
        return np.hstack([y, np.einsum("ja,gab,jb->jg", y, self.budgets.metrics, y)])

    def codewords(self, cells: np.ndarray, m: int) -> np.ndarray:
        """The priced centroid of each cell of a partition, (m, k)."""
        return self.best(*self.sums(cells, m))

    def best(self, *sums: np.ndarray) -> np.ndarray:
        """The priced centroid of each cell, (m, k), from what `sums` returns of it."""
        return best(self.budgets.metrics, sums, self.theta.max(initial=0.0))

    def sums(self, cells: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of each cell: sum p theta (m, G), sum p W x (m, k), mass (m,), sum p x (m, k)."""
        return self.parted(np.column_stack([np.bincount(cells, self.p * column, m) for column in self.terms.T]))

    def parted(self, total: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Sums of `terms` over cells, (m, G + 2 k + 1), as `sums` returns them."""
        G, k = len(self.theta), self.pull.shape[1]
        return total[:, :G], total[:, G : G + k], total[:, G + k], total[:, G + k + 1 :]

    def soft_codewords(self, Q: np.ndarray) -> np.ndarray:
        """The priced centroids of a randomised encoder Q, (n, m) -> (m, k)."""
        return self.best(*self.parted(Q.T @ (self.p[:, None] * self.terms)))
