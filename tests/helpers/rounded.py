"""A lower bound rounded down by a proven bound on its own rounding, in floats: what a certificate may say.

With excesses e = d - min_j d, offsets o_i = sum_r lam_r w_ri min_j d and b_i = a_i - o_i + constant, the dual value is

    sum_i pi_i b_i - lam . slack - max_j log sum_i pi_i exp(b_i - t_ij),   t_ij = sum_r lam_r w_ri e_ij,

pi = p / sum p, slack = D - sum_i pi_i w_ri min_j d. Its parts are bounded one by one, u = 2^-53:

    e       is one subtraction of floats: within u e, and 0 exactly where it is 0;
    theta   = lam w has sums that fsum rounds once, a product and a quotient: within 5 u; at most K of them are added,
            multiplied by e, and added over the measures; y = v - t rounds by u (|v| + t): slopes times 1 - (K + 12) u
            make t too small for all of these, so that c_j is too large;
    b       is summed in pairs of floats (Dekker 1971): within 16 (K + 1) u^2 of the sizes that cancel, then u |b|;
    slack   is formed in integers and rounded up once;
    v       = log p + b, with log within 4 u: 8 u (|log p| + |b|) covers it and its share of y;
    c_j     = exp(most) S, S >= 1 a sum of n terms e^-x, x rounded by u x, and u x e^-x <= u / e; exp within 4 u:
            (2 n + 24) u;
    pi      against p: nu = |sum p - 1|, once in the gain and once as log sum p.
"""

import math
from fractions import Fraction

import numpy as np

U = 2.0**-53


def two_sum(x, y):
    """(s, e): s = fl(x + y) and x + y = s + e exactly (Knuth)."""
    s = x + y
    v = s - x
    return s, (x - (s - v)) + (y - v)


def two_product(x, y):
    """(s, e): s = fl(x y) and x y = s + e exactly (Dekker), of factors below 1e290 and products above 1e-270."""
    s = x * y
    xh, yh = (z * 134217729.0 - (z * 134217729.0 - z) for z in (x, y))
    xl, yl = x - xh, y - yh
    return s, ((xh * yh - s) + xh * yl + xl * yh) + xl * yl


def integer(x):
    """(N, E): the integers with x = N 2^E, of finite floats, as lists."""
    mantissa, exponent = np.frexp(x)
    return (mantissa * 2.0**53).astype(np.int64).tolist(), (exponent - 53).tolist()


def exact_dot(x, y):
    """sum_i x_i y_i as a Fraction."""
    (M, E), (N, F) = integer(x), integer(y)
    least = min((e + f for e, f, m, n in zip(E, F, M, N) if m and n), default=0)
    total = sum(m * n << (e + f - least) for e, f, m, n in zip(E, F, M, N) if m and n)
    return Fraction(total) * Fraction(2) ** least


def up(value):
    """The least float >= a Fraction."""
    try:
        rounded = float(value)
    except OverflowError:
        return math.inf if value > 0 else -1.7976931348623157e308
    return rounded if Fraction(rounded) >= value else float(np.nextafter(rounded, np.inf))


def slack_up(problem):
    """D_r - least_r, (R,), exact and then rounded up; least_r that of the row by itself."""
    p, rows = problem.source.p, problem.rows
    whole = exact_dot(p, np.ones(len(p)))
    out = np.empty(len(rows))
    for k, f in enumerate(problem.fidelities):
        of_k = np.flatnonzero(rows.owner == k)
        if not len(of_k):
            continue
        nearest = problem.nearest[rows.measure[of_k[0]]]
        if f.per == "letter":
            letters = rows.weights[of_k].argmax(axis=1)
            out[of_k] = np.nextafter(f.D - nearest[letters], np.inf)
            continue
        on = f.mask(len(p))
        share = exact_dot(p[on], np.ones(on.sum())) if f.per == "subset" else whole
        out[of_k] = up(Fraction(f.D) - exact_dot(p[on], nearest[on]) / share)
    return out


@np.errstate(all="ignore")
def rounded_down_bound(problem, multipliers, potentials):
    """Bits, not above the dual value of the problem as given at these numbers; -inf where floats overflow."""
    lam, a = np.asarray(multipliers, float), np.asarray(potentials, float)
    live = problem.source.p > 0
    p, n, K = problem.source.p[live], int(live.sum()), len(problem.fidelities)
    a, rows, nearest = a[live], problem.rows, problem.nearest[:, live]
    total = math.fsum(p)
    total_low = math.fsum([*p, -total])
    nu = abs(total - 1) + abs(total_low)
    # b = a - sum_r lam_r w_ri nearest_i, less that of the likeliest letter: a constant, which changes nothing
    high, low, size, slopes = a.copy(), np.zeros(n), abs(a), np.zeros(nearest.shape)
    for k, f in enumerate(problem.fidelities):
        of_k = np.flatnonzero(rows.owner == k)
        if not len(of_k):
            continue
        g, on = rows.measure[of_k[0]], f.mask(len(live))[live]
        if f.per == "letter":
            price, share, share_low = lam[of_k], p[on], 0.0
        else:
            price, share = lam[of_k[0]], 1.0
            share_low = 0.0
            if f.per == "subset":
                share = math.fsum(p[on])
                share_low = math.fsum([*p[on], -share])
        if f.per == "joint":
            theta, theta_low = price, 0.0
        else:  # theta = price total / share
            theta = price * total / share
            (x, x_low), (y, y_low) = two_product(price, total), two_product(theta, share)
            theta_low = ((x - y) + (x_low - y_low) + price * total_low - theta * share_low) / share
        slopes[g, on] += theta
        s, e = two_product(theta, nearest[g, on])
        high[on], rest = two_sum(high[on], -s)
        low[on] += rest - e - theta_low * nearest[g, on]
        size[on] += s
    top = int(p.argmax())
    high, rest = two_sum(high, -high[top])
    low = low + rest - low[top]
    b = high + low
    wrong = 2 * U * abs(b) + 16 * (K + 1) * U**2 * (size + size[top]) + 1e-290
    gain = p @ (b - wrong) - ((n + 8) * U + 2 * nu) * (p @ (abs(b) + wrong)) - 2 * nu
    slack = slack_up(problem)
    charge = lam @ slack + (len(lam) + 4) * U * (lam @ abs(slack))
    slopes *= 1 - (K + 12) * U
    log_p = np.log(p)
    v = log_p + b + wrong + 8 * U * (abs(log_p) + abs(b))
    worst = -np.inf
    for block in problem.blocks():
        t = sum(slope[:, None] * problem.excess(g, block)[live] for g, slope in enumerate(slopes))
        y = v[:, None] - t
        most = np.maximum(y.max(axis=0), -1e300)
        log_c = most + np.log(np.exp(y - most).sum(axis=0))
        worst = max(worst, float((log_c + 8 * U * (abs(most) + abs(log_c)) + (2 * n + 24) * U).max()))
    nats = gain - charge - worst
    nats -= 8 * U * (abs(gain) + abs(charge) + abs(worst))
    bits = nats / math.log(2)
    bits -= 4 * U * abs(bits)
    return float(bits) if np.isfinite(bits) else -math.inf
