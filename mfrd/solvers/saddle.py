"""The saddle point of a problem: m + R unknowns instead of n m cones.

    max_{lam >= 0} min_{q >= 0}  -sum_i p_i log z_i + sum_j q_j - 1 - lam . D,
    z_i = sum_j q_j exp(-s_ij),   s_ij = sum_g theta_gi e_g(i, j),   theta_gi = sum_r lam_r w_ri,
convex in q and concave in lam; sum q = 1 comes by itself. With A_ij = exp(-s_ij) / z_i, the encoder
Q_ij = q_j A_ij and its means eb_gi = sum_j Q_ij e_g(i, j), the gradients are
    1 - c_j,  c_j = sum_i p_i A_ij,         and   E_r - D_r,  E_r = sum_i p_i w_ri eb_gi,
and the Hessian is [[H, B], [B', -V]] with
    H = A' diag(p) A,   B_jr = sum_i p_i w_ri A_ij (e_g(i, j) - eb_gi),
    V_rl = sum_i p_i w_ri w_li Cov_Qi(e_g, e_h).
Only the G distinct distortion matrices are stored, however many rows the budgets have. V is diagonal on rows of one
letter each, so that hundreds of them are eliminated before the others. What a point (q, lam) leaves to its Hessian, its
dual value and its encoder is a SaddlePoint; a Saddle holds nothing of it.
"""

from copy import copy
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from scipy.linalg.blas import dsyrk

from ..problems.problem import Problem

INSET_SHARE = 1e-14  # of what each budget leaves, kept free so that rounding leaves the encoder within it
VARIANCE_FLOOR = 1e-14  # of the squared mean: a variance below it is rounding
MANY = 3_000_000  # rows of one measure, squared, times letters: from here on their weights are kept sparse
ALONE = 32  # rows of one letter each from which they are eliminated first


@dataclass(frozen=True, eq=False)
class Measure:
    """One measure of a saddle: rows, w (rows, n) and w p, dense or sparse, and the excesses e (n, m) over its scale.

    shared: which of the saddle's rows that share letters are its own; w_shared: their weights, (shared, n).
    """

    rows: slice
    w: np.ndarray
    wp: np.ndarray
    e: np.ndarray
    shared: slice
    w_shared: np.ndarray


@dataclass(frozen=True, eq=False)
class PriceCurvature:
    """V, (R, R), of which the rows `alone`, of one letter each, have a diagonal.

    diagonal: theirs, (A,); cross: with the other rows, `shared`, (A, R - A); rest: of these, (R - A, R - A).
    """

    alone: np.ndarray
    shared: np.ndarray
    diagonal: np.ndarray
    cross: np.ndarray
    rest: np.ndarray


@dataclass(frozen=True, eq=False)
class SaddlePoint:
    """A saddle at (q, lam): c (m,) and E (R,), its gradients, and what else follows from there.

    block: (1 + G, n, m), A = exp(high_i - s_ij) and after it A e_g of each measure; high: (n,), or 0.0, such that the
    largest of a letter is 1; z: A q, (n,); means: eb_g, (n,), one a measure.
    """

    q: np.ndarray
    lam: np.ndarray
    block: np.ndarray
    high: np.ndarray | float
    z: np.ndarray
    means: list[np.ndarray]
    c: np.ndarray
    E: np.ndarray

    @property
    def largest_shares(self) -> np.ndarray:
        """max_i Q_ij, (m,)."""
        return self.q * (self.block[0] / self.z[:, None]).max(axis=0)


class Saddle:
    """The saddle function of `problem` on the codewords `columns`, in normalised units.

    Letters of probability zero are left out. Distortions are excesses over the nearest of the chosen
    codewords, divided by problem.scale; rows on the least they reach are left out, and so are the pairs they forbid.
    held: prices, nats per unit distortion, (R,), of rows whose price stays as it is, while their budgets say nothing;
    not a number for the others; None where all are free. inset: share of what each budget leaves that is kept free.
    D: (R,) what is left to the chosen codewords, negative where infeasible. ceiling: nats that the optimum does not
    exceed.
    """

    def __init__(
        self, problem: Problem, columns: np.ndarray, held: np.ndarray | None = None, inset: float = INSET_SHARE
    ) -> None:
        w, g, edges = problem.rows.weights, problem.rows.measure, problem.edges
        letters = slice(None) if problem.source.p.min() > 0 else problem.source.p > 0
        self.held = np.full(len(w), np.nan) if held is None else held
        free = np.flatnonzero(~edges.pinned & ~edges.idle & np.isnan(self.held))
        self.free = free[np.argsort(g[free], kind="stable")]  # measure by measure
        self.share, self.unit = (w[self.free] > 0) @ problem.source.p, problem.units[self.free]
        self.p, self.root = problem.source.p[letters], np.sqrt(problem.source.p[letters])
        self.single_out(w[self.free][:, letters])
        self.base = None  # -inf on forbidden pairs, and what held prices cost
        if edges.forbidden is not None:
            self.base = edges.allow(np.zeros((problem.n, len(columns))), columns, -np.inf)[letters]
        least, self.measures = np.empty(len(self.free)), []
        for h in range(len(problem.rows.measures)):
            rows = slice(*np.searchsorted(g[self.free], [h, h + 1]))
            e = np.ascontiguousarray(problem.excess(h, columns)[letters])
            nearest = (e if self.base is None else e - self.base).min(axis=1)
            e -= nearest[:, None]
            if self.base is not None:
                e[self.base < 0] = 0.0
            e /= problem.scale[h]
            w_h = w[self.free[rows]][:, letters]
            least[rows] = w_h @ (self.p * nearest)
            if len(w_h):
                shared = slice(*np.searchsorted(self.shared, [rows.start, rows.stop]))
                w_shared = w_h[self.shared[shared] - rows.start]
                w_h, w_shared = (sp.csr_array(v) if len(v) * v.size > MANY else v for v in (w_h, w_shared))
                self.measures.append(Measure(rows, w_h, w_h * self.p, e, shared, w_shared))
        if held is not None:
            costs = problem.exponents(np.nan_to_num(held), columns)[letters]
            self.base = (0.0 if self.base is None else self.base) - costs
        left = (problem.excess_budgets[self.free] - least) / self.unit
        self.inset = inset * abs(left)
        self.D = left - self.inset
        self.n, self.m, self.R = len(self.p), e.shape[1], len(self.free)
        self.ceiling = np.log(min(self.n, self.m)) if held is None else np.inf
        self.scratch = np.empty((self.n, self.m))  # written before it is read, whatever it holds
        self.one_zero = len(self.measures) == 1 and self.base is None  # each letter has a codeword of s = 0

    def single_out(self, w: np.ndarray) -> None:
        """Set the rows `alone`, each of one letter that no other of them has, and `shared`, the others.

        w: (R, n), weights; letter, own: (A,), the letters of the rows alone and their weights.
        """
        one = np.flatnonzero((w > 0).sum(axis=1) == 1)
        letter, first = np.unique(w[one].argmax(axis=1), return_index=True)
        letter, self.alone = (letter, one[first]) if len(first) >= ALONE else (letter[:0], one[:0])
        order = np.argsort(self.alone)
        self.alone, self.letter = self.alone[order], letter[order]
        self.own, self.shared = w[self.alone, self.letter], np.setdiff1d(np.arange(len(w)), self.alone)

    def restricted(self, keep: np.ndarray) -> "Saddle":
        """The same saddle on some of its codewords, boolean (m,), with the excesses as they are."""
        few = copy(self)
        few.base = None if self.base is None else self.base[:, keep]
        few.measures = [replace(g, e=np.ascontiguousarray(g.e[:, keep])) for g in self.measures]
        few.m, few.one_zero = int(keep.sum()), False
        few.scratch = np.empty((few.n, few.m))
        return few

    def multipliers(self, problem: Problem, lam: np.ndarray) -> np.ndarray:
        """Prices of all rows of `problem` in nats per unit distortion, (R,), from those of the free rows."""
        whole = np.nan_to_num(self.held)
        whole[self.free] = lam / self.unit
        return problem.edges.multipliers(problem, whole)

    def exponentials(self, lam: np.ndarray, out: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray | float]:
        """(exp(high_i - s_ij) at the prices lam, (n, m); high), high such that the largest of a letter is 1."""
        A = np.empty((self.n, self.m)) if out is None else out
        if not self.measures:
            A.fill(0.0)
        for k, g in enumerate(self.measures):
            theta = -(lam[g.rows] @ g.w)
            np.multiply(theta[:, None], g.e, out=self.scratch if k else A)
            if k:
                A += self.scratch
        if self.base is not None:
            A += self.base
        high = 0.0
        if not self.one_zero:
            high = A.max(axis=1)
            A -= high[:, None]
        return np.exp(A, out=A), high

    def at(self, q: np.ndarray, lam: np.ndarray, out: SaddlePoint | None = None) -> SaddlePoint:
        """The saddle at output masses q, (m,), and prices lam, (R,), in the memory of `out`, which is then no more."""
        block = np.empty((1 + len(self.measures), self.n, self.m)) if out is None else out.block
        A, high = self.exponentials(lam, block[0])
        z = A @ q
        c, E, means = (self.p / z) @ A, np.empty(self.R), []
        for g, Ae in zip(self.measures, block[1:]):
            np.multiply(A, g.e, out=Ae)
            means.append((Ae @ q) / z)
            E[g.rows] = g.wp @ means[-1]
        return SaddlePoint(q, lam, block, high, z, means, c, E)

    def dual(self, at: SaddlePoint) -> float:
        """-sum_i p_i log z_i - lam . D - log max_j c_j, nats: below every rate."""
        return -(self.p @ (at.high + np.log(at.z))) - at.lam @ self.D - np.log(at.c.max())

    def hessian(self, at: SaddlePoint) -> tuple[np.ndarray, np.ndarray, PriceCurvature]:
        """(H (m, m), of which the lower triangle alone, B (m, R), V)."""
        A, work = at.block[0], np.multiply((self.root / at.z)[:, None], at.block[0], out=self.scratch)
        H = dsyrk(1.0, work.T, lower=1)  # A' diag(p) A
        B, rest = np.empty((self.R, self.m)), np.zeros((len(self.shared),) * 2, order="F")
        diagonal, cross = np.zeros(len(self.alone)), np.zeros((len(self.alone), len(self.shared)))
        for g, Ae, mean in zip(self.measures, at.block[1:], at.means):
            wp_shared = g.w_shared * self.p
            weights = wp_shared / at.z
            B[self.shared[g.shared]] = weights @ Ae - (weights * mean) @ A
            own = slice(*np.searchsorted(self.alone, [g.rows.start, g.rows.stop]))
            letter, wp = self.letter[own], self.own[own] * self.p[self.letter[own]]
            B[self.alone[own]] = (wp / at.z[letter])[:, None] * (Ae[letter] - mean[letter, None] * A[letter])
            for h, other in zip(self.measures, at.means):
                covariance = (np.multiply(Ae, h.e, out=work) @ at.q) / at.z - mean * other
                if g is h:  # a variance: not below the rounding of the difference
                    covariance = np.maximum(covariance, VARIANCE_FLOOR * mean**2)
                    diagonal[own] = wp * covariance[letter] * self.own[own]
                cross[own, h.shared] = dense(h.w_shared[:, letter]).T * (wp * covariance[letter])[:, None]
                rest[g.shared, h.shared] = dense((wp_shared * covariance) @ h.w_shared.T)
        return H, B.T, PriceCurvature(self.alone, self.shared, diagonal, cross, rest)


def dense(M: np.ndarray) -> np.ndarray:
    """A matrix that may be sparse, dense."""
    return M if isinstance(M, np.ndarray) else M.toarray()
