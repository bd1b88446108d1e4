"""Stationary codebooks: Newton's method on codewords and masses, with the prices or at given ones.

With J codewords of positive mass and the binding budgets, the optimum over all codebooks is a saddle of
    F - lam . D,   F = -sum_i p_i log z_i + sum_j q_j - 1,   z_i = sum_j q_j exp(-s_i(y_j)),
free in (q, y) and in lam: c(y_j) = 1, grad c(y_j) = 0 and E_r = D_r. `stationary` solves for all three, and its step
from nearby squares the error; `settle` descends F at given prices, from anywhere, with hundreds of codewords: an error
of the prices costs the rate its square.
"""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.blas import dsyrk
from scipy.special import softmax

from ..problems.problem import Problem

STEPS = 8  # each squares the error: what these do not settle was not near
SETTLED = 1e-12  # of the gradient: the step from there ends at rounding
CONDITION = 1e-13  # relative singular values below are those of codewords that may trade mass: no step along them
GAIN = 0.1  # by which a step that descends changes the damping, and one that does not, inversely
FAINT = 1e-10  # mass below which a codeword is dropped
FAR = 1e-14  # share below which a letter does not see a codeword
STRIPS = 16  # of letters, which see neighbouring codewords alone


def stationary(problem: Problem, binds: np.ndarray, q: np.ndarray, y: np.ndarray, lam: np.ndarray) -> np.ndarray | None:
    """Codewords y, (J, k), of the stationary point near (q, y, lam), or None where Newton leaves the neighbourhood.

    None too where the square of a distortion leaves the range of double precision, and the Hessian with it.

    binds: (R,) flags of the rows that bind; q: (J,); y: (J, k); lam: (R,), nats per unit distortion.
    """
    (J, k), lam, size = y.shape, lam[binds], np.inf
    for _ in range(STEPS):
        with np.errstate(over="ignore", invalid="ignore"):
            gradient, hessian = derivatives(problem, binds, q, y, lam)
        last, size = size, abs(gradient).max()
        if not (size < 2 * last and np.isfinite(hessian).all()):
            return None
        unit = 1 / np.sqrt(np.maximum(abs(hessian).max(axis=1), 1e-300))
        step = -unit * np.linalg.lstsq(hessian * np.multiply.outer(unit, unit), unit * gradient, rcond=CONDITION)[0]
        q, y, lam = q + step[:J], y + step[J : J + J * k].reshape(J, k), lam + step[J + J * k :]
        if not (q.min() > 0 and lam.min(initial=1.0) > 0):
            return None
        if size < SETTLED:
            break
    return y


def derivatives(problem: Problem, binds: np.ndarray, q: np.ndarray, y: np.ndarray, lam: np.ndarray) -> tuple:
    """(gradient, Hessian) of the saddle function in (q, y, lam), (J + J k + R,) and its square.

    With t_ij = log q_j - s_ij and Q_ij = exp(t_ij) / z_i, log z_i has the gradient g_i = sum_j Q_ij grad t_ij and the
    Hessian sum_j Q_ij (grad t_ij grad t_ij' + Hess t_ij) - g_i g_i'; t_ij depends on q_j, y_j and lam alone.

    binds: flags of the R rows that count; q: (J,); y: (J, k); lam: (R,), theirs alone.
    """
    rows, p, (J, k), size = problem.rows, problem.source.p, y.shape, q.size + y.size + lam.size
    w, metrics = rows.weights[binds], problem.metrics[rows.measure[binds]]  # (R, n), M_r (R, k, k)
    pull = y - problem.source.x[:, None]  # y_j - x_i, (n, J, k)
    toward = np.einsum("rkl,ijl->rijk", metrics, pull)
    wd = w[:, :, None] * np.einsum("rijk,ijk->rij", toward, pull)  # d s_ij / d lam_r, (R, n, J)
    mixed = 2 * np.einsum("ri,rijk->ijkr", w, toward)  # d^2 s_ij / d y_j d lam_r
    W = np.einsum("r,ri,rkl->ikl", lam, w, metrics)  # half of d^2 s_ij / d y_j^2
    Q = softmax(np.log(q) - np.einsum("r,rij->ij", lam, wd), axis=1)
    T = np.concatenate([np.broadcast_to(1 / q, Q.shape)[..., None], -mixed @ lam, -np.moveaxis(wd, 0, 2)], axis=2)
    pQ = p[:, None] * Q
    blocks = np.einsum("ij,ija,ijb->jab", pQ, T, T)  # (J, 1 + k + R, 1 + k + R)
    blocks[:, 0, 0] = 0  # -1 / q_j^2 of Hess t_ij takes this away
    blocks[:, 1 : 1 + k, 1 : 1 + k] -= 2 * np.einsum("ij,ikl->jkl", pQ, W)
    blocks[:, 1 : 1 + k, 1 + k :] -= (mean_mixed := np.einsum("ij,ijkr->jkr", pQ, mixed))
    blocks[:, 1 + k :, 1 : 1 + k] -= mean_mixed.transpose(0, 2, 1)
    G, hessian = np.zeros((len(p), size)), np.zeros((size, size))
    for j in range(J):
        at = np.r_[j, J + j * k : J + (j + 1) * k, J + J * k : size]
        G[:, at] += Q[:, [j]] * T[:, j]
        hessian[np.ix_(at, at)] -= blocks[j]
    gradient = np.concatenate([np.ones(J), np.zeros(J * k), -rows.D[binds]]) - p @ G
    return gradient, hessian + G.T @ (p[:, None] * G)


class Descent:
    """F, its gradient and a positive semidefinite Hessian in (log q, y) at prices lam, (R,) nats per unit distortion.

    .unit: the width of c, the unit in which codewords step. Letters and codewords are in order of their first axis.
    """

    def __init__(self, problem: Problem, lam: np.ndarray):
        order = np.argsort(problem.source.x[:, 0], kind="stable")
        self.p, self.x = problem.source.p[order], problem.source.x[order]
        self.W = np.einsum("gn,gab->nab", problem.rows.slopes(lam), problem.metrics)[order]
        self.unit = 1 / np.sqrt(max(np.linalg.eigvalsh(self.W).max(), 1e-300))

    def at(self, q: np.ndarray, y: np.ndarray) -> tuple:
        """(F, shares Q (n, J), pulls W_i (x_i - y_j), (n, J, k))."""
        pull = self.x[:, None] - y
        toward = np.matmul(pull, self.W)
        s = np.einsum("nja,nja->nj", toward, pull)
        low = s.min(axis=1, keepdims=True)
        Q = np.exp(low - s) * q
        z = Q.sum(axis=1)
        return q.sum() - 1 - self.p @ (np.log(z) - low[:, 0]), Q / z[:, None], toward

    def system(self, q: np.ndarray, Q: np.ndarray, toward: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(gradient, (J (1 + k),); the lower triangle of the Hessian, its square), codeword by codeword.

        Of the Hessian's two parts the first, of z, is a Gram matrix. The second, -[[0, grad c'], [grad c, Hess c]] of
        each codeword times its mass, vanishes but for -Hess c at a maximum of c; what is negative of it is left out.
        """
        (n, J, k), p = toward.shape, self.p
        G = np.concatenate([Q[..., None], 2 * self.unit * Q[..., None] * toward], axis=2).reshape(n, -1)
        mean, pQ = p @ G, p[:, None] * Q
        B = np.zeros((J, 1 + k, 1 + k))
        B[:, 1:, 0] = B[:, 0, 1:] = -mean.reshape(J, 1 + k)[:, 1:]
        for a, b in np.ndindex(k, k):
            second = 4 * np.einsum("nj,nj,nj->j", pQ, toward[..., a], toward[..., b]) - 2 * (self.W[:, a, b] @ pQ)
            B[:, 1 + a, 1 + b] = -(self.unit**2) * second
        value, vectors = np.linalg.eigh(B)
        B = (vectors * np.maximum(value, 0)[:, None]) @ vectors.transpose(0, 2, 1)
        H, root, width = np.zeros((J * (1 + k),) * 2, order="F"), np.sqrt(p)[:, None], max(32, -(-n // STRIPS))
        for i in range(0, n, width):
            seen = np.flatnonzero((Q[i : i + width] > FAR).any(axis=0))
            near = slice(seen[0] * (1 + k), (seen[-1] + 1) * (1 + k))
            strip = root[i : i + width] * G[i : i + width, near]
            H[near, near] += dsyrk(1.0, strip.T, lower=1)
        blocks = np.arange(J)[:, None] * (1 + k) + np.arange(1 + k)  # (J, 1 + k)
        H[blocks[:, :, None], blocks[:, None]] += B
        gradient = -mean
        gradient[:: 1 + k] += q
        return gradient, H


def settle(
    problem: Problem, lam: np.ndarray, q: np.ndarray, y: np.ndarray, tol: float, steps: int = 16
) -> tuple[np.ndarray, np.ndarray, float]:
    """(q, y, F) further down F at the prices lam, by damped Newton steps (Levenberg 1944) that never ascend.

    Codewords whose mass vanishes are dropped. q: (J,); y: (J, k); lam: (R,), nats per unit distortion; tol: nats, the
    expected gain below which it stops; steps: at most.
    """
    descent, order, k = Descent(problem, lam), np.argsort(y[:, 0], kind="stable"), y.shape[1]
    q, y, damping, fresh = q[order], y[order], 1e-3, True
    F, *shares = descent.at(q, y)
    for _ in range(steps):
        if fresh:
            gradient, hessian = descent.system(q, *shares)
        step = downhill(gradient, hessian, damping * np.repeat(q, 1 + k)).reshape(-1, 1 + k)
        grow, move = step[:, 0], step[:, 1:]
        length = np.sqrt((move**2).sum(axis=1))
        q_on = q * np.where(grow > -0.8, 1 + grow, 0.2 * np.exp(np.clip(grow + 0.8, -3, 0)))
        y_on = y + descent.unit * move * (0.5 / np.maximum(length, 0.5))[:, None]
        F_on, *shares_on = descent.at(q_on, y_on)
        fresh = F_on <= F
        damping *= GAIN if fresh else 1 / GAIN
        if not fresh:
            continue
        F, q, y, shares = F_on, q_on, y_on, shares_on
        if (faint := q < FAINT).any():
            q, y = q[~faint], y[~faint]
            F, *shares = descent.at(q, y)
        if -gradient @ step.ravel() < tol:
            break
    return q, y, F


def downhill(gradient: np.ndarray, hessian: np.ndarray, damping: np.ndarray) -> np.ndarray:
    """-(hessian + diag(damping))^-1 gradient, damped tenfold more until the matrix is positive definite."""
    while True:
        damped = hessian.copy(order="F")
        damped[np.diag_indices(len(damped))] += damping + 1e-16
        try:
            return -cho_solve(cho_factor(damped, lower=True, overwrite_a=True), gradient)
        except LinAlgError:
            damping = 10 * damping + 1e-15
