"""Stationary codebooks: Newton's method on codewords, masses and prices together.

With J codewords of positive mass and the binding budgets, the optimum over all codebooks is a saddle of
    -sum_i p_i log z_i + sum_j q_j - lam . D,   z_i = sum_j q_j exp(-s_i(y_j)),
free in (q, y) and in lam: c(y_j) = 1, grad c(y_j) = 0 and E_r = D_r. Newton's step from nearby squares the error.
"""

import numpy as np


def stationary(mass_of, p, budgets, q, y, lam, steps=8):
    """Codewords y, (J, k), of the stationary point near (q, y, lam), or None where Newton leaves the neighbourhood.

    None too where the square of a distortion leaves the range of double precision, and the Hessian with it.

    mass_of: the `Rows` of the binding budgets; p: (n,); budgets: (R,); q: (J,); y: (J, k); lam: (R,).
    """
    J, k = y.shape
    last = np.inf
    for _ in range(steps):
        with np.errstate(over="ignore", invalid="ignore"):
            gradient, hessian = mass_of.derivatives(p, budgets, q, y, lam)
        size = abs(gradient).max()
        if not (size < 2 * last and np.isfinite(hessian).all()):
            return None
        last = size
        unit = 1 / np.sqrt(np.maximum(abs(hessian).max(axis=1), 1e-300))
        step = -unit * np.linalg.lstsq(hessian * np.multiply.outer(unit, unit), unit * gradient, rcond=1e-13)[0]
        q, y, lam = q + step[:J], y + step[J : J + J * k].reshape(J, k), lam + step[J + J * k :]
        if not (q.min() > 0 and lam.min(initial=1.0) > 0):
            return None
        if size < 1e-12:
            break
    return y


class Rows:
    """The budget rows that bind, as quadratic forms: s_i(y) = sum_r lam_r w_ri (x_i - y)' M_r (x_i - y).

    x: (n, k); w: (R, n); metrics: M_r of each row, (R, k, k).
    """

    def __init__(self, x, w, metrics):
        self.x, self.w, self.metrics = x, w, metrics

    def derivatives(self, p, budgets, q, y, lam):
        """(gradient, Hessian) of the saddle function in (q, y, lam), (J + J k + R,) and its square."""
        n, (J, k), R = len(p), y.shape, len(lam)
        pull = y[None] - self.x[:, None]  # (n, J, k)
        toward = np.einsum("rkl,ijl->rijk", self.metrics, pull)  # M_r (y_j - x_i)
        d = np.einsum("rijk,ijk->rij", toward, pull)
        W = np.einsum("r,ri,rkl->ikl", lam, self.w, self.metrics)
        s = np.einsum("r,ri,rij->ij", lam, self.w, d)
        low = s.min(axis=1)
        A = np.exp(low[:, None] - s)
        A /= (A @ q)[:, None]
        Q = A * q
        ds = 2 * np.einsum("r,ri,rijk->ijk", lam, self.w, toward)  # grad_y s_ij
        wd = self.w[:, :, None] * d  # d s_ij / d lam_r

        J_q, J_y, J_lam = A, -Q[:, :, None] * ds, -np.einsum("ij,rij->ir", Q, wd)  # of log z_i
        G = np.concatenate([J_q, J_y.reshape(n, J * k), J_lam], axis=1)
        gradient = -p @ G
        gradient[:J] += 1
        gradient[J + J * k :] -= budgets
        H = G.T @ (p[:, None] * G)  # minus the second derivatives of z_i over z_i, block by block
        pQ, y_of, lam_of = p[:, None] * Q, slice(J, J + J * k), slice(J + J * k, None)
        H[y_of, y_of] -= self.block(pQ, ds, W)
        mixed = np.zeros((J, J, k))
        mixed[np.arange(J), np.arange(J)] = -np.einsum("ij,ijk->jk", p[:, None] * A, ds)
        H[:J, y_of] -= mixed.reshape(J, J * k)
        H[y_of, :J] -= mixed.reshape(J, J * k).T
        q_lam = -np.einsum("ij,rij->jr", p[:, None] * A, wd)
        H[:J, lam_of] -= q_lam
        H[lam_of, :J] -= q_lam.T
        y_lam = np.einsum("ij,rij,ijk->jkr", pQ, wd, ds) - 2 * np.einsum("ij,ri,rijk->jkr", pQ, self.w, toward)
        H[y_of, lam_of] -= y_lam.reshape(J * k, R)
        H[lam_of, y_of] -= y_lam.reshape(J * k, R).T
        H[lam_of, lam_of] -= np.einsum("ij,rij,lij->rl", pQ, wd, wd)
        return gradient, H

    @staticmethod
    def block(pQ, ds, W):
        """sum_i p_i Q_ij (ds ds' - 2 W_i) on the diagonal of (J k, J k)."""
        J, k = ds.shape[1:]
        whole = np.zeros((J, k, J, k))
        blocks = np.einsum("ij,ijk,ijl->jkl", pQ, ds, ds) - 2 * np.einsum("ij,ikl->jkl", pQ, W)
        whole[np.arange(J), :, np.arange(J)] = blocks
        return whole.reshape(J * k, J * k)
