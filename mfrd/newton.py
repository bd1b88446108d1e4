"""Primal-dual interior point on the saddle of a problem, after Mehrotra (1992).

The optimum of saddle.py has slacks s_j = 1 - c_j >= 0 with q_j s_j = 0 and t_r = D_r - E_r >= 0 with
lam_r t_r = 0. With x = (q, lam) and y = (s, t), a step solves the linearised system
    [ H + diag(s/q)        B           ] [dq  ]   [ b_q + r_q / q         ]
    [     -B'       V + diag(rho t/lam)] [dlam] = [ b_t + rho r_t / lam   ],   dy = (r - y dx) / x,
where r is what the products x y lack and b what the slacks do: one m x m Cholesky a step, then one
of the R x R Schur complement.

E_r falls like exp(-lam_r), so far from the budget (E_r against D_r - t_r beyond a factor of two) its equation is
log E_r = log(D_r - t_r): the same root, and Newton's step then neither crawls from above nor overshoots from below.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

STEPS, DAMPED_STEPS = 100, 300
BOUNDARY = 0.99  # share of the way to the boundary that a step may go
LAG = 0.1  # products x y are not driven below this share of what the slacks still lack
FLOOR = 1e-17  # nor below this
FAR = 2.0  # factor from which the equation of a budget is logarithmic


@dataclass(frozen=True, eq=False)
class Iterate:
    """A point of the interior-point method: q (m,), s (m,), lam (R,), t (R,), all positive.

    merit: what (q, lam) miss of the optimum, about, in nats: |log max c| + lam |D - E| and the largest
    share by which a budget is exceeded, times the probability of its letters; steps: how many Newton steps it took; infeasible: whether the
    dual function rose above log min(n, m), which no rate does.
    """

    q: np.ndarray
    s: np.ndarray
    lam: np.ndarray
    t: np.ndarray
    merit: float = np.inf
    steps: int = 0
    infeasible: bool = False


def centre(saddle, q=None, lam=None, nats=0.5):
    """A starting iterate: uniform q and prices of `nats` a budget, unless given."""
    q = np.full(saddle.m, 1 / saddle.m) if q is None else q
    if lam is None:
        share = np.empty(saddle.R)
        for group in saddle.groups:
            share[group.rows] = group.w @ saddle.p
        lam = nats * share / np.maximum(saddle.D, 0.02 * share)
    c, E = saddle.gradient(q, lam)
    return Iterate(q, np.maximum(1 - c, 0.1), lam, np.maximum(saddle.D - E, 0.1 * abs(saddle.D)))


@np.errstate(divide="ignore", over="ignore", invalid="ignore")  # steps too long are infinite here and cut there
def interior_point(saddle, start, tol, far=FAR, damping=0.0):
    """The best Iterate found from `start`; its merit is <= tol (nats) where the method converged.

    far: factor between E_r and its budget from which their logarithms are matched; damping: adds to the
    curvature V_rr this share of what keeps a price from growing tenfold at once (Levenberg 1944).
    """
    D, m, R = saddle.D, saddle.m, saddle.R
    x, y = np.concatenate([start.q, start.lam]), np.concatenate([start.s, start.t])
    c, E = saddle.gradient(x[:m], x[m:])
    best = start
    for step in range(DAMPED_STEPS if damping else STEPS):
        q, lam = x[:m], x[m:]
        lack = y - np.concatenate([1 - c, D - E])
        over = (saddle.share * (E - D - saddle.inset) / D).max(initial=0.0)
        merit = abs(np.log(c.max())) + lam @ abs(D - E) + over
        if merit < best.merit:
            best = Iterate(q, y[:m], lam, y[m:], float(merit), step)
        if merit <= tol and over == 0:
            break
        if step % 8 == 7 and saddle.dual(c, lam) > np.log(min(saddle.n, m)) + 1e-6:
            return replace(best, infeasible=True)
        mu = x @ y / len(x)
        short = x @ abs(lack) / len(x)
        solve = factorise(saddle, x, y, lack, E, far, damping)
        if solve is None:
            break
        dx, dy = solve(-x * y)
        a = longest(x, dx, y, dy)
        ahead = (x + a * dx) @ (y + a * dy) / len(x)
        target = mu * max((ahead / mu) ** 3, min(1.0, LAG * short / mu), FLOOR / mu)
        dx, dy = solve(target - x * y - dx * dy)
        a = min(1.0, BOUNDARY * longest(x, dx, y, dy))
        x, y, c, E = advance(saddle, x, y, dx, dy, a, 2 * x @ abs(lack) + len(x) * mu + 1e-10)
    return best


def factorise(saddle, x, y, lack, E, far, damping):
    """The solver r -> (dx, dy) of the linearised system at (x, y), or None where it is singular."""
    m = saddle.m
    H, B, V = saddle.hessian(x[:m])
    ratio = y / x
    H.flat[:: m + 1] += ratio[:m] + 1e-15
    L = cholesky(H)
    if L is None:
        return None
    rho, b = np.ones(len(x)), lack.copy()
    room = saddle.D - y[m:]
    quotient = E / room
    log_quotient = np.log(quotient)
    away = (room > 1e-3 * saddle.D) & (E > 1e-250) & (abs(log_quotient) > np.log(far))
    if away.any():
        rho[m:][away], b[m:][away] = quotient[away], (E * log_quotient)[away]
    if saddle.R:
        HB = dpotrs(L, B, lower=1)[0]
        S = V + B.T @ HB
        S.flat[:: saddle.R + 1] += rho[m:] * ratio[m:] + damping * abs(b[m:]) / (1 + x[m:])
        unit = 1 / np.sqrt(S.diagonal())  # rows far from their budget are smaller by orders of magnitude
        T = cholesky(S * np.multiply.outer(unit, unit))
        if T is None:
            return None

    def solve(r):
        rhs = b + rho * r / x
        dq, dlam = dpotrs(L, rhs[:m], lower=1)[0], np.empty(0)
        if saddle.R:
            dlam = unit * dpotrs(T, unit * (rhs[m:] + B.T @ dq), lower=1)[0]
            dq = dq - HB @ dlam
        dx = np.concatenate([dq, dlam])
        return dx, (r - y * dx) / x

    return solve


def cholesky(M):
    """The lower factor of M, its diagonal raised by rounding's worth until there is one, else None."""
    largest = M.diagonal().max()
    for raised in (0.0, 1e-15, 1e-13, 1e-11, 1e-9):
        if raised:
            M.flat[:: len(M) + 1] += raised * largest
        L, failed = dpotrf(M, lower=1, clean=0)
        if not failed:
            return L
    return None


def longest(x, dx, y, dy):
    """The largest step a <= 1 / BOUNDARY at which x + a dx and y + a dy are not negative."""
    return 1 / max(-(dx / x).min(), -(dy / y).min(), BOUNDARY)


def advance(saddle, x, y, dx, dy, a, allowed):
    """The point a step a ahead, or less while its slacks lack more than `allowed`."""
    m = saddle.m
    for _ in range(8):
        x1, y1 = x + a * dx, y + a * dy
        c, E = saddle.gradient(x1[:m], x1[m:])
        if np.maximum(x, x1) @ abs(y1 - np.concatenate([1 - c, saddle.D - E])) <= allowed:
            break
        a *= 0.3
    return x1, y1, c, E
