"""Stationary codebooks: Newton's method on codewords and masses, with the prices or at given ones.

With J codewords of positive mass and the binding budgets, the optimum over all codebooks is a saddle of
    F - lam . D,   F = -sum_i p_i log z_i + sum_j q_j - 1,   z_i = sum_j q_j exp(-s_i(y_j)),
free in (q, y) and in lam: c(y_j) = 1, grad c(y_j) = 0 and E_r = D_r. `stationary` solves for all three, and its step
from nearby squares the error; `settle` descends the maximum over lam, from anywhere, with hundreds of codewords. Steps
are taken in coordinates in which the width of c is one in every direction (priced.frame).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import block_diag
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dpotrf, dpotrs
from scipy.special import softmax

from ..problems.problem import Problem
from .priced import TINY, frame

STEPS = 8  # each squares the error: what these do not settle was not near
SETTLED = 1e-12  # of the gradient: the step from there ends at rounding
CONDITION = 1e-13  # relative singular values below are those of codewords that may trade mass: no step along them
GAIN = 0.1  # by which a step that descends changes the damping, and one that does not, inversely
FORGOTTEN = 0.3  # by which each step lowers the damping that was too little
FAITHFUL = 0.75  # share of an expected gain, from which the model was right
FAINT = 1e-10  # mass below which a codeword is dropped
FAR = 1e-14  # share below which a letter does not see a codeword
ANSWERS = 4  # corrections of prices to codewords as they are
LEAST_VARIANCE = 1e-9  # of a budget squared, and of itself, added to the variance of what is spent
SMALL = 2e7  # letters times unknowns squared: below, one product is quicker than strips
STRIPS = 16  # of letters, which see neighbouring codewords alone


def stationary(problem: Problem, binds: np.ndarray, q: np.ndarray, y: np.ndarray, lam: np.ndarray) -> np.ndarray | None:
    """Codewords y, (J, k), of the stationary point near (q, y, lam), or None where Newton leaves the neighbourhood.

    None too where the square of a distortion leaves the range of double precision, and the Hessian with it.

    binds: (R,) flags of the rows that bind; q: (J,); y: (J, k); lam: (R,), nats per unit distortion.
    """
    (J, k), (_, T), lam, size = y.shape, frame(problem.metrics, problem.rows.slopes(lam)), lam[binds], np.inf
    turn = block_diag(np.eye(J), *[T] * J, np.eye(len(lam)))
    for _ in range(STEPS):
        with np.errstate(over="ignore", invalid="ignore"):
            gradient, hessian = derivatives(problem, binds, q, y, lam)
            gradient, hessian = turn.T @ gradient, turn.T @ hessian @ turn
        last, size = size, abs(gradient).max()
        if not (size < 2 * last and np.isfinite(hessian).all()):
            return None
        unit = 1 / np.sqrt(np.maximum(abs(hessian).max(axis=1), 1e-300))
        step = -unit * np.linalg.lstsq(hessian * np.multiply.outer(unit, unit), unit * gradient, rcond=CONDITION)[0]
        q, y, lam = q + step[:J], y + step[J : J + J * k].reshape(J, k) @ T.T, lam + step[J + J * k :]
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
    """F, its gradient and a positive semidefinite Hessian in (log q, y), and what budgets spend, at prices lam.

    lam: (R,) nats per unit distortion; free: (R,) flags of the rows whose prices follow. y, and the letters, are in
    coordinates u in which the width of c is one (`to`, `back`), in order of the first of them.
    """

    def __init__(self, problem: Problem, lam: np.ndarray, free: np.ndarray):
        rows = problem.rows
        (self.L, self.T), self.origin = frame(problem.metrics, rows.slopes(lam)), problem.source.x.mean(axis=0)
        x = self.to(problem.source.x)
        order = np.argsort(x[:, 0], kind="stable")
        self.p, self.x, self.metrics = problem.source.p[order], x[order], self.T.T @ problem.metrics @ self.T
        self.w, self.D = rows.weights[free][:, order], rows.D[free]
        self.of = [np.flatnonzero(rows.measure[free] == g) for g in range(len(self.metrics))]  # rows of each measure
        self.held = rows.slopes(np.where(free, 0.0, lam))[:, order]
        self.charge = lam[~free] @ rows.D[~free]

    def to(self, y: np.ndarray) -> np.ndarray:
        """u of y, (m, k)."""
        return (y - self.origin) @ self.L

    def back(self, u: np.ndarray) -> np.ndarray:
        """y of u, (m, k)."""
        return self.origin + u @ self.T.T

    def slopes(self, lam: np.ndarray) -> np.ndarray:
        """theta_gi at the prices lam of the free rows, (G, n)."""
        return self.held + [lam[of_g] @ self.w[of_g] for of_g in self.of]

    def at(self, q: np.ndarray, y: np.ndarray, lam: np.ndarray) -> "Shares":
        """What codewords y of mass q do at the prices lam of the free rows."""
        theta, pull = self.slopes(lam), self.x[:, None] - y
        own = [pull @ M for M in self.metrics]
        d = [np.einsum("nja,nja->nj", each, pull) for each in own]
        s = sum(slope[:, None] * each for slope, each in zip(theta, d))
        low = s.min(axis=1, keepdims=True)
        Q = np.exp(low - s) * q
        z = Q.sum(axis=1)
        Q /= z[:, None]
        F = q.sum() - 1 - self.p @ (np.log(z) - low[:, 0])
        return Shares(F - lam @ self.D - self.charge, theta, Q, own, d, [(Q * each).sum(axis=1) for each in d])

    def spending(self, at: "Shares") -> tuple[np.ndarray, np.ndarray]:
        """(E (R,), V (R, R)) of the free rows: E_r - D_r and -V are derivatives by their prices."""
        wp, R = self.w * self.p, len(self.D)
        E, V = np.empty(R), np.empty((R, R))
        for g, of_g in enumerate(self.of):
            E[of_g] = wp[of_g] @ at.mean[g]
            for h, of_h in enumerate(self.of[: g + 1]):
                covariance = (at.Q * at.d[g] * at.d[h]).sum(axis=1) - at.mean[g] * at.mean[h]
                block = (wp[of_g] * covariance) @ self.w[of_h].T
                V[np.ix_(of_g, of_h)], V[np.ix_(of_h, of_g)] = block, block.T
        V[np.diag_indices(R)] += LEAST_VARIANCE * (V.diagonal() + self.D**2) + TINY
        return E, V

    def coupling(self, at: "Shares", toward: np.ndarray) -> np.ndarray:
        """B, (J (1 + k), R): the derivatives of E by (log q, y); toward: W_i (x_i - y_j), (n, J, k)."""
        n, J, k = toward.shape
        wp, B = self.w * self.p, np.empty((J, 1 + k, len(self.D)))
        for of_g, own, d, mean in zip(self.of, at.own, at.d, at.mean):
            off = at.Q * (d - mean[:, None])
            B[:, 0, of_g] = (wp[of_g] @ off).T
            for a in range(k):
                B[:, 1 + a, of_g] = 2 * (wp[of_g] @ (off * toward[..., a] - at.Q * own[..., a])).T
        return B.reshape(-1, len(self.D))

    def system(self, q: np.ndarray, at: "Shares") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(gradient, (J (1 + k),); the lower triangle of the Hessian, its square; W_i (x_i - y_j), (n, J, k)).

        Codeword by codeword. Of the Hessian's two parts the first, of z, is a Gram matrix. The second,
        -[[0, grad c'], [grad c, Hess c]] of each codeword times its mass, vanishes but for -Hess c at a maximum of c;
        what is negative of it is left out.
        """
        p, Q, toward = self.p, at.Q, sum(slope[:, None, None] * own for slope, own in zip(at.theta, at.own))
        n, J, k = toward.shape
        G = np.empty((n, J, 1 + k))
        G[..., 0] = Q
        np.multiply(2 * Q[..., None], toward, out=G[..., 1:])
        G = G.reshape(n, -1)
        mean, pQ = p @ G, p[:, None] * Q
        B = np.zeros((J, 1 + k, 1 + k))
        B[:, 1:, 0] = B[:, 0, 1:] = -mean.reshape(J, 1 + k)[:, 1:]
        W = np.einsum("gn,gab->nab", at.theta, self.metrics)
        for a, b in np.ndindex(k, k):
            B[:, 1 + a, 1 + b] = 2 * (W[:, a, b] @ pQ) - 4 * (pQ * toward[..., a] * toward[..., b]).sum(axis=0)
        value, vectors = np.linalg.eigh(B)
        B = (vectors * np.maximum(value, 0)[:, None]) @ vectors.transpose(0, 2, 1)
        root = np.sqrt(p)[:, None]
        if n * G.shape[1] ** 2 < SMALL:
            H = dsyrk(1.0, (root * G).T, lower=1)
        else:
            H, width = np.zeros((G.shape[1],) * 2, order="F"), max(32, -(-n // STRIPS))
            for i in range(0, n, width):
                seen = np.flatnonzero((Q[i : i + width] > FAR).any(axis=0))
                near = slice(seen[0] * (1 + k), (seen[-1] + 1) * (1 + k))
                strip = root[i : i + width] * G[i : i + width, near]
                H[near, near] += dsyrk(1.0, strip.T, lower=1)
        blocks = np.arange(J)[:, None] * (1 + k) + np.arange(1 + k)  # (J, 1 + k)
        H[blocks[:, :, None], blocks[:, None]] += B
        gradient = -mean
        gradient[:: 1 + k] += q
        return gradient, H, toward


@dataclass(frozen=True, eq=False)
class Shares:
    """A Descent at codewords y: value F - lam . D, slopes theta (G, n), shares Q (n, J).

    Measure by measure: own, M_g (x_i - y_j), (n, J, k); d, the distortions, (n, J); mean, those of each letter, (n,).
    """

    value: float
    theta: np.ndarray
    Q: np.ndarray
    own: list[np.ndarray]
    d: list[np.ndarray]
    mean: list[np.ndarray]


def settle(
    problem: Problem,
    lam: np.ndarray,
    q: np.ndarray,
    y: np.ndarray,
    tol: float,
    steps: int = 16,
    free: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """(q, y, lam, F - lam . D) further down max F - lam . D over the free prices, by damped Newton steps.

    The steps (Levenberg 1944) never ascend, but for what the quadratic model of that maximum misses; codewords whose
    mass vanishes are dropped. With free prices a step solves [[H, B], [B', -V]] at once: prices that lag behind their
    codewords, each answering the other's last move, may drift apart for ever.

    q: (J,); y: (J, k); lam: (R,), nats per unit distortion; tol: nats, the expected gain below which it stops; steps:
    at most; free: (R,) flags of the rows whose prices follow; None: of none.
    """
    free = np.zeros(len(lam), bool) if free is None else free
    descent, k, (lam, theirs) = Descent(problem, lam, free), y.shape[1], (lam.copy(), lam[free])
    y = descent.to(y)
    order = np.argsort(y[:, 0], kind="stable")
    q, y, damping, fresh = q[order], y[order], 1e-3, True
    failed = 0.0  # damping that was too little, not long ago
    at, theirs, lack, V = answered(descent, q, y, theirs, tol)
    for _ in range(steps):
        if fresh:
            gradient, hessian, toward = descent.system(q, at)
            if len(theirs):
                B = descent.coupling(at, toward)
                share = np.linalg.solve(V, B.T)
                gradient, hessian = gradient + lack @ share, hessian + B @ share
        weight = damping * np.repeat(q, 1 + k)
        step = downhill(gradient, hessian, weight)
        expected = (step @ (weight * step) - gradient @ step) / 2
        if not expected > 0:
            break
        follow = near(theirs + share @ step + np.linalg.solve(V, lack), theirs) if len(theirs) else theirs
        step = step.reshape(-1, 1 + k)
        grow, move = step[:, 0], step[:, 1:]
        length = np.sqrt((move**2).sum(axis=1))
        q_on = q * np.where(grow > -0.8, 1 + grow, 0.2 * np.exp(np.clip(grow + 0.8, -3, 0)))
        y_on = y + move * (0.5 / np.maximum(length, 0.5))[:, None]
        on, follow, lack_on, V_on = answered(descent, q_on, y_on, follow, tol)
        fresh = on.value <= at.value
        fidelity = (at.value - on.value) / expected
        failed = failed if fresh else damping
        less = min(1.0, max(GAIN, np.sqrt(failed / damping)))  # half the way back, in logarithms
        failed *= FORGOTTEN
        damping *= less if fidelity > FAITHFUL else 1.0 if fidelity > 1 - FAITHFUL else 1 / GAIN
        if not fresh:
            continue
        at, q, y, theirs, lack, V = on, q_on, y_on, follow, lack_on, V_on
        if (faint := q < FAINT).any():
            q, y = q[~faint], y[~faint]
            at, theirs, lack, V = answered(descent, q, y, theirs, tol)
        if expected < tol / 2:
            break
    lam[free] = theirs
    return q, descent.back(y), lam, at.value


def answered(descent: Descent, q: np.ndarray, y: np.ndarray, lam: np.ndarray, tol: float) -> tuple:
    """(Shares, lam, E - D, V) once the free prices answer the codewords: the value that they reach, to within tol.

    The last correction is that of the quadratic model, (E - D)' V^-1 (E - D) / 2, which is added to the value.
    """
    for _ in range(ANSWERS):
        at = descent.at(q, y, lam)
        E, V = descent.spending(at)
        change = np.linalg.solve(V, E - descent.D)
        gain = float(change @ (E - descent.D)) / 2
        if gain <= tol:
            break
        lam = near(lam + change, lam)
    return replace(at, value=at.value + gain), lam, E - descent.D, V


def near(lam: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Prices within a factor of three of those before."""
    return np.clip(lam, before / 3, 3 * before)


def downhill(gradient: np.ndarray, hessian: np.ndarray, damping: np.ndarray) -> np.ndarray:
    """-(hessian + diag(damping))^-1 gradient, damped tenfold more until the matrix is positive definite.

    Of the Hessian the lower triangle alone is read.
    """
    while True:
        damped = hessian.copy(order="F")
        damped[np.diag_indices(len(damped))] += damping + 1e-16
        L, failed = dpotrf(damped, lower=1, clean=0, overwrite_a=1)
        if not failed:
            return -dpotrs(L, gradient, lower=1)[0]
        damping = 10 * damping + 1e-15
