"""The saddle point of a problem: m + R unknowns instead of n m cones.

    max_{lam >= 0} min_{q >= 0}  -sum_i p_i log z_i + sum_j q_j - 1 - lam . D,
    z_i = sum_j q_j exp(-s_ij),   s_ij = sum_g theta_gi e_g(i, j),   theta_gi = sum_r lam_r w_ri,
convex in q and concave in lam; sum q = 1 comes by itself. With A_ij = exp(-s_ij) / z_i, the encoder
Q_ij = q_j A_ij and its means eb_gi = sum_j Q_ij e_g(i, j), the gradients are
    1 - c_j,  c_j = sum_i p_i A_ij,         and   E_r - D_r,  E_r = sum_i p_i w_ri eb_gi,
and the Hessian is [[H, B], [B', -V]] with
    H = A' diag(p) A,   B_jr = sum_i p_i w_ri A_ij (e_g(i, j) - eb_gi),
    V_rl = sum_i p_i w_ri w_li Cov_Qi(e_g, e_h).
Only the G distinct distortion matrices are stored, however many rows the budgets have.
"""

from copy import copy
from types import SimpleNamespace

import numpy as np
import scipy.sparse as sp
from scipy.linalg.blas import dsyrk

INSET = 1e-14  # of each budget, kept free so that rounding leaves the encoder within it
ROUNDING = 1e-14
NEGLIGIBLE = 1e-15  # the budget of one letter less probable than this costs less than rounding: repair meets it
MANY = 16  # rows of one measure from which their weights are kept sparse


class Saddle:
    """The saddle function of `problem` on the codewords `columns`, in normalised units.

    Letters of probability zero are left out. Distortions are excesses over the nearest of the chosen
    codewords, divided by problem.scale; rows on their least reachable value keep the constant price
    that `pinned`, (R,), holds for them. D: (R,) what is left to the chosen codewords, negative where infeasible.
    """

    def __init__(self, problem, columns, pinned):
        w, g = problem.rows.weights, problem.rows.measure
        letters = slice(None) if problem.source.p.min() > 0 else problem.source.p > 0
        share = (w > 0) @ problem.source.p  # the probability of each row's letters
        idle = (share <= NEGLIGIBLE) & (np.count_nonzero(w, axis=1) == 1)
        free = np.flatnonzero((problem.excess_budgets > 0) & ~idle)
        self.free = free[np.argsort(g[free], kind="stable")]  # measure by measure
        self.share = share[self.free]
        self.p, self.root = problem.source.p[letters], np.sqrt(problem.source.p[letters])
        self.unit = problem.units[self.free]
        self.base = None
        if pinned.any():
            self.base = -problem.exponents(pinned, columns)[letters]
        least, self.groups = np.empty(len(self.free)), []
        for h in range(len(problem.rows.measures)):
            rows = slice(*np.searchsorted(g[self.free], [h, h + 1]))
            e = problem.excess(h, columns)[letters]
            nearest = e.min(axis=1)
            e -= nearest[:, None]
            e /= problem.scale[h]
            w_h = w[self.free[rows]][:, letters]
            least[rows] = w_h @ (self.p * nearest)
            if w_h.shape[0] > MANY:
                w_h = sp.csr_array(w_h)
            group = SimpleNamespace(rows=rows, w=w_h, wp=w_h * self.p, e=e, Ae=np.empty_like(e), eb=None)
            if w_h.shape[0]:
                self.groups.append(group)
        self.inset = INSET * problem.rows.D[self.free] / self.unit
        self.D = (problem.excess_budgets[self.free] - least) / self.unit - self.inset
        self.n, self.m, self.R = len(self.p), e.shape[1], len(self.free)
        self.A, self.work = np.empty_like(e), np.empty_like(e)
        self.H = np.empty((self.m, self.m), order="F")
        self.one_zero = len(self.groups) == 1 and self.base is None

    def restricted(self, keep):
        """The same saddle on some of its codewords, boolean (m,), with the excesses as they are."""
        few = copy(self)
        few.base = None if self.base is None else self.base[:, keep]
        few.groups = []
        for g in self.groups:
            e = np.ascontiguousarray(g.e[:, keep])
            few.groups.append(SimpleNamespace(rows=g.rows, w=g.w, wp=g.wp, e=e, Ae=np.empty_like(e), eb=None))
        few.m, few.one_zero = int(keep.sum()), False
        few.A, few.work = np.empty((2, few.n, few.m))
        few.H = np.empty((few.m, few.m), order="F")
        return few

    def multipliers(self, lam, pinned):
        """Prices of all rows in nats per unit distortion, (R,), from those of the free rows."""
        whole = pinned.copy()
        whole[self.free] = lam / self.unit
        return whole

    def exponentials(self, lam):
        """exp(high_i - s_ij) at the prices lam, (n, m), kept in .A; high is such that the largest of a letter is 1."""
        A = self.A
        if not self.groups:
            A.fill(0.0)
        for k, group in enumerate(self.groups):
            theta = -(lam[group.rows] @ group.w)
            if k == 0:
                np.multiply(theta[:, None], group.e, out=A)
            else:
                A += np.multiply(theta[:, None], group.e, out=self.work)
        if self.base is not None:
            A += self.base
        self.high = 0.0
        if not self.one_zero:  # else the nearest codeword has s = 0 already
            self.high = high = A.max(axis=1)
            A -= high[:, None]
        return np.exp(A, out=A)

    def gradient(self, q, lam):
        """(c, E) at (q, lam); keeps exp(-s), z and the means for `hessian`."""
        A = self.exponentials(lam)
        self.z = A @ q
        self.pz = self.p / self.z
        c, E = self.pz @ A, np.empty(self.R)
        for group in self.groups:
            np.multiply(A, group.e, out=group.Ae)
            group.eb = (group.Ae @ q) / self.z
            E[group.rows] = group.wp @ group.eb
        return c, E

    def dual(self, c, lam):
        """-sum_i p_i log z_i - lam . D - log max_j c_j after `gradient`: below every rate, nats."""
        return -(self.p @ (self.high + np.log(self.z))) - lam @ self.D - np.log(c.max())

    def hessian(self, q):
        """(H, B, V) at the point of the last `gradient`; of H the lower triangle alone, until the next call."""
        np.multiply((self.root / self.z)[:, None], self.A, out=self.work)
        H = dsyrk(1.0, self.work.T, c=self.H, lower=1, overwrite_c=1)  # A' diag(p) A
        B, V = [], np.zeros((self.R, self.R), order="F")
        for g in self.groups:
            weights = g.wp / self.z
            B.append(weights @ g.Ae - (weights * g.eb) @ self.A)
            for h in self.groups:
                np.multiply(g.Ae, h.e, out=self.work)
                covariance = (self.work @ q) / self.z - g.eb * h.eb
                if g is h:  # a variance: not below the rounding of the difference
                    covariance = np.maximum(covariance, ROUNDING * g.eb**2)
                block = (g.wp * covariance) @ h.w.T
                V[g.rows, h.rows] = block if isinstance(block, np.ndarray) else block.toarray()
        B = B[0] if len(B) == 1 else np.concatenate([np.empty((0, self.m)), *B])
        return H, B.T, V
