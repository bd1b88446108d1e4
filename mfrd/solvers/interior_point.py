"""Primal-dual interior point on the saddle of a problem, after Mehrotra (1992).

The optimum of saddle.py has slacks s_j = 1 - c_j >= 0 with q_j s_j = 0 and t_r = D_r - E_r >= 0 with
lam_r t_r = 0. With x = (q, lam) and y = (s, t), a step solves the linearised system
    [ H + diag(s/q)        B           ] [dq  ]   [ b_q + r_q / q         ]
    [     -B'       V + diag(rho t/lam)] [dlam] = [ b_t + rho r_t / lam   ],   dy = (r - y dx) / x,
where r is what the products x y lack and b what the slacks do: one m x m Cholesky a step, then one
of the R x R Schur complement.

Rows of one letter each have a diagonal V: their dlam = (rhs + B' dq - cross dlam') / diagonal goes into the equations
of the others first, which adds B diag^-1 B' to H, so that a thousand of them cost little more than none.

E_r falls like exp(-lam_r), so far from the budget (E_r against D_r - t_r beyond a factor of two) its equation is
log E_r = log(D_r - t_r): the same root, and Newton's step then neither crawls from above nor overshoots from below.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.linalg.blas import dsyrk, dtrsv
from scipy.linalg.lapack import dpotrf, dpotrs

from .saddle import Saddle, SaddlePoint

MARGIN = 0.01  # share of the way to the boundary that a step leaves while the products x y are large
FLOOR = 1e-17  # products x y are not driven below this
QUADRATIC = 1e-8  # products and lacks, on average, from which steps converge quadratically
IDLE = 4  # steps without a better merit after which a point that misses a budget by its last digits alone stays
LEAST = 0.1  # slack of a start, of 1 and of the budget


@dataclass(frozen=True)
class Attempt:
    """How the interior point is to go about it.

    nats: prices of the start, times their budgets; updates: of the uniform q by Blahut (1972), q <- q c, before the
    first step, each of which costs little, and five spare two or three steps; lag: products x y are not driven below
    this share of what the slacks still lack; margin: share of the way to the boundary that a step leaves at the end;
    far: factor between E_r and its budget from which their logarithms are matched; damping: adds to the curvature
    V_rr this share of what keeps a price from growing tenfold at once (Levenberg 1944); steps: at most.
    """

    nats: float = 0.5
    updates: int = 0
    lag: float = 0.1
    margin: float = MARGIN
    far: float = 2.0
    damping: float = 0.0
    steps: int = 100


BOLD = Attempt(updates=5, lag=0.001, margin=1e-8, steps=30)
STEADY = Attempt()


@dataclass(frozen=True, eq=False)
class Iterate:
    """A point of the interior-point method: q (m,), lam (R,), s (m,), t (R,), all positive.

    s, t: the slacks, or None for those that q and lam leave, where these are not too small to move;
    merit: what (q, lam) miss of the optimum, in nats: |log max c| + |sum q - 1| + lam |D - E|, which bounds the gap
    between the rate at (q, lam) and the dual function since sum q c = 1 and log c >= 1 - 1/c, plus over, the largest
    share by which a budget is exceeded times the probability of its letters; steps: how many Newton steps it took;
    infeasible: whether the dual function rose above log min(n, m), which no rate does; at: the saddle there, where it
    is the last point that the method saw.
    """

    q: np.ndarray
    lam: np.ndarray
    s: Any = None
    t: Any = None
    merit: float = np.inf
    over: float = np.inf
    steps: int = 0
    infeasible: bool = False
    at: SaddlePoint | None = None

    def converged(self, tol: float) -> bool:
        """Whether the merit is within tol (nats) and every budget is met."""
        return self.merit <= tol and self.over == 0


def centre(saddle: Saddle, attempt: Attempt = STEADY) -> Iterate:
    """The starting iterate of an attempt."""
    share = np.empty(saddle.R)
    for g in saddle.measures:
        share[g.rows] = g.w @ saddle.p
    lam = attempt.nats * share / np.maximum(saddle.D, 0.02 * share)
    q = np.full(saddle.m, 1 / saddle.m)
    if attempt.updates:
        A, _ = saddle.exponentials(lam)
        for _ in range(attempt.updates):
            q = q * ((saddle.p / (A @ q)) @ A)
        q = np.maximum(q, 1e-3 / saddle.m)
    return Iterate(q, lam)


@np.errstate(divide="ignore", over="ignore", invalid="ignore")  # steps too long are infinite here and cut there
def interior_point(saddle: Saddle, start: Iterate, tol: float, attempt: Attempt = STEADY) -> Iterate:
    """The best Iterate found from `start` as `attempt` says; it has `converged(tol)` where the method did."""
    D, m = saddle.D, saddle.m
    N, weight = m + saddle.R, saddle.share / D
    x, at = np.concatenate([start.q, start.lam]), saddle.at(start.q, start.lam)
    s = np.maximum(1 - at.c, LEAST) if start.s is None else start.s
    t = np.maximum(D - at.E, LEAST * abs(D)) if start.t is None else start.t
    y, infeasible = np.concatenate([s, t]), False
    lack, best = lacking(y, at, D), (np.inf, x, y, np.inf, 0)
    for step in range(attempt.steps):
        excess = at.E - D
        over = float((weight * (excess - saddle.inset)).max(initial=0.0))
        merit = float(abs(np.log(at.c.max())) + abs(at.q.sum() - 1) + at.lam @ abs(excess)) + over
        if merit < best[0]:
            best = merit, x, y, over, step
        if merit <= tol and over == 0 or best[0] <= tol and step - best[4] >= IDLE:
            break
        if step % 8 == 7 and saddle.dual(at) > saddle.ceiling + 1e-6:
            infeasible = True
            break
        xy = x * y
        mu, short = float(xy.sum()) / N, float(x @ abs(lack)) / N
        solve = factorise(saddle, at, x, y, lack, attempt)
        if solve is None:
            break
        target = max(min(mu, attempt.lag * short), FLOOR)
        if max(mu, short) > QUADRATIC:  # nearer, a plain step does as well
            dx, dy = solve(-xy)
            a = min(longest(x, dx, y, dy), 1 / (1 - MARGIN))
            ahead = float((x + a * dx) @ (y + a * dy)) / N
            target, xy = max(mu * (ahead / mu) ** 3, target), xy + dx * dy
        dx, dy = solve(target - xy)
        a = min(1.0, (1 - min(MARGIN, mu + attempt.margin)) * longest(x, dx, y, dy))
        for shorter in a * 0.3 ** np.arange(8):  # until the slacks lack little enough
            x1, y1 = x + shorter * dx, y + shorter * dy
            at = saddle.at(x1[:m], x1[m:], out=at)
            lack = lacking(y1, at, D)
            if np.maximum(x, x1) @ abs(lack) <= N * (2 * short + mu) + 1e-10:
                break
        x, y = x1, y1
    last = at if x is best[1] else None
    merit, x, y, over, step = best
    return Iterate(x[:m], x[m:], y[:m], y[m:], merit, over, step, infeasible, last)


def lacking(y: np.ndarray, at: SaddlePoint, D: np.ndarray) -> np.ndarray:
    """y less the slacks that c and E leave, (m + R,)."""
    return y - np.concatenate([1 - at.c, D - at.E])


def factorise(
    saddle: Saddle, at: SaddlePoint, x: np.ndarray, y: np.ndarray, lack: np.ndarray, attempt: Attempt
) -> Callable | None:
    """The solver r -> (dx, dy) of the linearised system at (x, y), or None where it is singular."""
    m, ratio = saddle.m, y / x
    rho, b = 1.0, lack
    E, room = at.E, saddle.D - y[m:]
    log_quotient = np.log(E / room)
    away = abs(log_quotient) > np.log(attempt.far)
    if np.count_nonzero(away):
        away &= (room > 1e-3 * saddle.D) & (E > 1e-250)
        rho, b = np.ones(len(x)), lack.copy()
        rho[m:][away], b[m:][away] = (E / room)[away], (E * log_quotient)[away]
    stiff = (rho * ratio)[m:] + (attempt.damping * abs(b[m:]) / (1 + x[m:]) if attempt.damping else 0.0)
    factors = cholesky(saddle, at, ratio[:m] + 1e-15, stiff)
    if factors is None:
        return None
    L, own, B, V, d = factors
    alone, shared, R = V.alone, V.shared, len(V.shared)
    if R:
        HB = dpotrs(L, B, lower=1)[0]
        S = V.rest + B.T @ HB
        diagonal_of(S)[:] += stiff[shared]
        T, failed = dpotrf(S, lower=1, clean=0)
        if failed:
            return None
    rho_x = rho / x

    def solve(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rhs = b + rho_x * r
        of_q, of_lam = rhs[:m], rhs[m:]
        if len(alone):
            first = of_lam[alone] / d
            of_q, of_lam = of_q - own @ first, of_lam[shared] - first @ V.cross
        dq = dtrsv(L, dtrsv(L, of_q, lower=1), lower=1, trans=1, overwrite_x=1)  # quicker than dpotrs
        dlam = np.empty(0)
        if R:
            dlam = dpotrs(T, of_lam + B.T @ dq, lower=1)[0]
            dq -= HB @ dlam
        dx = np.concatenate([dq, dlam])
        if len(alone):
            dx = np.concatenate([dq, np.empty(saddle.R)])
            dx[m + shared], dx[m + alone] = dlam, first + (dq @ own - V.cross @ dlam) / d
        return dx, (r - y * dx) / x

    return solve


def cholesky(saddle: Saddle, at: SaddlePoint, diagonal: np.ndarray, stiff: np.ndarray) -> tuple | None:
    """(L, own, B, V, d) without the rows alone: the lower factor of H + diag(diagonal), or None where there is none.

    own: B of these rows, (m, A), and d: V + stiff of theirs, (A,); B (m, R - A) and V of the others, what those add
    included. H is raised by rounding's worth until it has a factor.
    """
    for raised in (0.0, 1e-15, 1e-13, 1e-11, 1e-9):
        H, B, V = saddle.hessian(at)
        own, d = B[:, :0], stiff[:0]
        if len(V.alone):
            own, d = B.T[V.alone].T, V.diagonal + stiff[V.alone]
            H += dsyrk(1.0, own / np.sqrt(d), lower=1)
            share = V.cross / d[:, None]
            B, V = B.T[V.shared].T - own @ share, replace(V, rest=V.rest - V.cross.T @ share)
        of_H = diagonal_of(H)
        of_H += diagonal + raised * of_H.max() if raised else diagonal
        L, failed = dpotrf(H, lower=1, clean=0, overwrite_a=1)
        if not failed:
            return L, own, B, V, d
    return None


def diagonal_of(M: np.ndarray) -> np.ndarray:
    """The diagonal of a contiguous square matrix, to write to."""
    return M.reshape(-1, order="A")[:: len(M) + 1]


def longest(x: np.ndarray, dx: np.ndarray, y: np.ndarray, dy: np.ndarray) -> float:
    """The largest step at which x + a dx and y + a dy are not negative, infinite where none of them falls."""
    fastest = max(-(dx / x).min(), -(dy / y).min())
    return 1 / fastest if fastest > 0 else np.inf
