"""Stationary codebooks: Newton's method on codewords, masses and prices together.

With J codewords of positive mass and the binding budgets, the optimum over all codebooks is a saddle of
    -sum_i p_i log z_i + sum_j q_j - lam . D,   z_i = sum_j q_j exp(-s_i(y_j)),
free in (q, y) and in lam: c(y_j) = 1, grad c(y_j) = 0 and E_r = D_r. Newton's step from nearby squares the error.
"""

import numpy as np
from scipy.special import softmax

from ..problems.problem import Problem

STEPS = 8  # each squares the error: what these do not settle was not near
SETTLED = 1e-12  # of the gradient: the step from there ends at rounding
CONDITION = 1e-13  # relative singular values below are those of codewords that may trade mass: no step along them


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
