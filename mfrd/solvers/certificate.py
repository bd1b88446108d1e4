"""Certificates: what follows from dual variables alone, in plain NumPy.

Weak duality (Blahut 1972; Chiang and Boyd 2004). For ANY multipliers lam >= 0 and ANY potentials
a in R^n, every encoder that meets the budgets has
    I(X;Y) >= V = sum_i pi_i a_i - lam . D - max_j log sum_i pi_i exp(a_i - s_ij)   (nats),
with s_ij = sum_r lam_r w_ri d_ij and pi = p / sum p. Nothing about the solver that proposed lam and a is trusted, and
nothing about floats: `lower_bound` is V rounded down by a proven bound on its own rounding.

With excesses e = d - min_j d, offsets o_i = sum_r lam_r w_ri min_j d, b_i = a_i - o_i + constant and
slack_r = D_r - sum_i pi_i w_ri min_j d,
    V = sum_i pi_i b_i - lam . slack - max_j log sum_i pi_i exp(b_i - t_ij),   t_ij = sum_r lam_r w_ri e_ij.
The constant is the offset of the likeliest letter: V has it not, and what all letters share costs no digits. The
parts are bounded one by one, u = 2^-53, K fidelities (standard model, Higham 2002, chapters 2 to 4):
    e      is one subtraction of floats: within u e, and 0 exactly where it is 0;
    t      w is a quotient of sums that fsum rounds once, so theta = lam w is within 5 u; at most K of these are
           added, multiplied by e, and added over at most K measures, and y = v - t rounds by u (|v| + t): slopes times
           1 - (2 K + 12) u make t too small for all of these, so that c_j is too large;
    b      is summed in pairs of floats (Dekker 1971): within 16 (K + 1) u^2 of the sizes that cancel, then u |b|;
    slack  is formed in integers and rounded up once (problem.py);
    v      = log p + b, with log within 4 u: 10 u (|log p| + |b|) covers it and its share of y;
    c_j    = exp(most) S, S >= 1 a sum of n terms e^-x, x rounded by u x, and u x e^-x <= u / e; exp within 4 u:
           (2 n + 24) u;
    gain   sum_i p_i b_i within (n + 8) u sum_i p_i |b_i|; pi against p: nu = |sum p - 1|, once there and once as
           log sum p.
The last sums lose 8 u of their sizes. A pair of infinite distortion, of a letter of positive probability that its row
weighs, has t_ij = inf: an encoder within finite budgets has Q_ij = 0 there, and in
    I + lam . E - sum_i pi_i a_i = sum_ij pi_i Q_ij log(Q_ij / (q_j exp(a_i - s_ij))) >= -log sum_j q_j c_j
the sums run over pairs that it may use, c_j too. Overflow gives -inf, never what is no number.
"""

import math
from collections.abc import Iterator

import numpy as np

from ..problems.problem import ALL, Columns, Problem
from ..problems.rounding import two_product, two_sum
from ..problems.units import NATS_PER_BIT
from ..problems.values import real_array

U = 2.0**-53  # half a unit in the last place of one


def log_sum(log_terms: np.ndarray, axis: int) -> np.ndarray:
    """log sum exp along an axis, exact at -inf and free of overflow; ~4 times faster than SciPy's."""
    top = log_terms.max(axis=axis, keepdims=True)
    top[~np.isfinite(top)] = 0.0
    with np.errstate(divide="ignore"):
        return np.log(np.exp(log_terms - top).sum(axis=axis)) + top.squeeze(axis)


def potentials(problem: Problem, multipliers: np.ndarray, output_pmf: np.ndarray, columns: Columns = ALL) -> np.ndarray:
    """a_i = -log z_i = -log sum_j q_j exp(-s_ij), the best potentials for given prices and q, (n,)."""
    return as_they_are(problem, multipliers, excess_potentials(problem, multipliers, output_pmf, columns))


def excess_potentials(
    problem: Problem, multipliers: np.ndarray, output_pmf: np.ndarray, columns: Columns = ALL
) -> np.ndarray:
    """The same for excesses, b_i = -log sum_j q_j exp(-t_ij), (n,)."""
    return -log_sum(log_weights(problem, multipliers, output_pmf, columns), axis=1)


def log_weights(problem: Problem, multipliers: np.ndarray, output_pmf: np.ndarray, columns: Columns) -> np.ndarray:
    """log q_j - s_ij on the chosen codewords, (n, columns)."""
    with np.errstate(divide="ignore"):
        return np.log(output_pmf) - problem.exponents(multipliers, columns)


def as_they_are(problem: Problem, multipliers: np.ndarray, b: np.ndarray, *, centred: bool = False) -> np.ndarray:
    """Potentials for distortions as they are, b + sum_r lam_r w_ri min_j d, from those for excesses, b (n,).

    Rounded down: a letter of tiny probability with a budget of its own has a huge offset. Rounded up, its term of c_j
    would explode; rounded down, the bound loses p_i times the rounding, which is nothing. centred: less the offset of
    the likeliest letter, which changes no bound.
    """
    offset, low, _, _ = offsets(problem, multipliers)
    if centred:
        likeliest = problem.source.p.argmax()
        offset, rest = two_sum(offset, -offset[likeliest])
        low = low + (rest - low[likeliest])
    high, rest = two_sum(b, offset)
    a, rest = two_sum(high, rest + low)
    return np.where(rest < 0, np.nextafter(a, -np.inf), a)


def offsets(problem: Problem, multipliers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(high, low, size, slopes): o_i = sum_r lam_r w_ri min_j d = high + low, (n,) each, but for 16 K u^2 size.

    slopes: theta_gi = sum_r lam_r w_ri over the rows of measure g, (G, n). Letters of probability zero have none.
    """
    p, rows, nearest = problem.source.p, problem.rows, problem.nearest
    (high, low, size), slopes = np.zeros((3, problem.n)), np.zeros(nearest.shape)
    total, total_low = pair_sum(p)
    for k, f in enumerate(problem.fidelities):
        of_k = np.flatnonzero(rows.owner == k)
        if not len(of_k):
            continue
        lam, g, on = multipliers[of_k], rows.measure[of_k[0]], f.mask(problem.n) & (p > 0)
        theta, theta_low = lam, 0.0
        if f.per != "joint":  # theta = lam total / share
            share, share_low = pair_sum(p[on]) if f.per == "subset" else (p[on], 0.0)
            theta = lam * total / share
            (x, x_low), (y, y_low) = two_product(lam, total), two_product(theta, share)
            theta_low = ((x - y) + (x_low - y_low) + lam * total_low - theta * share_low) / share
        o, o_low = two_product(theta, nearest[g, on])
        high[on], rest = two_sum(high[on], o)
        low[on] += rest + (o_low + theta_low * nearest[g, on])
        size[on] += o + 1e-290 * nearest[g, on]  # theta may be subnormal
        slopes[g, on] += theta
    return high, low, size, slopes


def pair_sum(x: np.ndarray) -> tuple[float, float]:
    """(s, e): the sum of x, (n,), is s + e but for u^2 of its size."""
    terms = x.tolist()
    s = math.fsum(terms)
    return s, math.fsum([*terms, -s])


def dual_encoder(
    problem: Problem, multipliers: np.ndarray, output_pmf: np.ndarray, columns: Columns = ALL
) -> tuple[np.ndarray, np.ndarray]:
    """(Q, a): Q_ij = q_j exp(-s_ij) / z_i on the chosen codewords, (n, columns), and the potentials, (n,)."""
    Q, b = excess_encoder(problem, multipliers, output_pmf, columns)
    return Q, as_they_are(problem, multipliers, b)


def excess_encoder(
    problem: Problem, multipliers: np.ndarray, output_pmf: np.ndarray, columns: Columns = ALL
) -> tuple[np.ndarray, np.ndarray]:
    """(Q, b): the same with the potentials for excesses."""
    log_Q = log_weights(problem, multipliers, output_pmf, columns)
    log_z = log_sum(log_Q, axis=1)
    Q = np.exp(log_Q - log_z[:, None])
    return Q / Q.sum(axis=1, keepdims=True), -log_z


def log_codeword_masses(
    problem: Problem, multipliers: np.ndarray, potentials: np.ndarray, columns: Columns = ALL
) -> np.ndarray:
    """log c_j = log sum_i p_i exp(a_i - s_ij) on the chosen codewords; optimal prices have c_j <= 1."""
    return log_excess_masses(problem, multipliers, potentials - problem.offset(multipliers), columns)


def log_excess_masses(problem: Problem, multipliers: np.ndarray, b: np.ndarray, columns: Columns) -> np.ndarray:
    """The same from potentials for excesses, b (n,), which may be small where log p + a would lose log p."""
    with np.errstate(divide="ignore"):
        log_terms = (np.log(problem.source.p) + b)[:, None]
    return log_sum(log_terms - problem.exponents(multipliers, columns), axis=0)


def lower_bound(problem: Problem, multipliers: np.ndarray, potentials: np.ndarray) -> float:
    """A lower bound in bits on I(X;Y) of every encoder that meets the budgets of `problem`.

        sum_i p_i a_i - lam . D - max_j log sum_i p_i exp(a_i - s_ij), over log 2.

    Valid for any such numbers, so also for those of an interrupted solve: never above that value of the problem as
    given, in exact arithmetic, with probabilities p_i / sum p. The module's text has the proof.

    Parameters
    ----------
    problem : Problem
    multipliers : (R,) array
        lam >= 0, nats per unit distortion, one a budget row.
    potentials : (n,) array
        a, nats, up to a constant; those of letters of probability zero have no say.

    Returns
    -------
    float
        Bits; -inf where floats overflow.

    Raises
    ------
    ValueError
        Where shapes disagree, a multiplier is negative or not finite, or a potential that counts is not.

    References
    ----------
    Blahut (1972); Chiang and Boyd (2004) for the dual with several budgets; Dekker (1971) for pairs of floats.
    """
    lam, a = dual_point(problem, multipliers, potentials)
    p, live, K = problem.source.p, problem.source.p > 0, len(problem.fidelities)
    with np.errstate(all="ignore"):
        offset, low, size, slopes = offsets(problem, lam)
        high, rest = two_sum(a, -offset)
        low, likeliest = rest - low, p.argmax()
        size = abs(a) + size
        high, rest = two_sum(high, -high[likeliest])
        low = low + (rest - low[likeliest])
        b = high + low
        wrong = 2 * U * abs(b) + 16 * (K + 1) * U**2 * (size + size[likeliest]) + 1e-290
        gain = gain_down(p[live], b[live], wrong[live], lam, problem.slack_up)
        log_p = np.log(p)
        v = log_p + b + wrong + 10 * U * (abs(log_p) + abs(b))
        v[~live] = -np.inf
        slopes *= 1 - (2 * K + 12) * U
        worst = max_up(v[:, None] - problem.priced(slopes, block) for block in problem.blocks())
        bits = (gain - worst - 8 * U * (abs(gain) + abs(worst))) / NATS_PER_BIT
        bits -= 4 * U * abs(bits)
    return float(bits) if np.isfinite(bits) else -np.inf


def gain_down(p: np.ndarray, b: np.ndarray, wrong: np.ndarray | float, lam: np.ndarray, slack: np.ndarray) -> float:
    """sum_i pi_i b_i - lam . slack - log sum p, pi = p / sum p, rounded down, nats: a number that is not above it.

    p: (n,), positive, of sum one but for rounding; b: (n,), each within `wrong` of what is meant; slack: (R,), not
    below what is meant. What remains of V is log sum_i p_i exp(b_i - t_ij), with p as it is, rounded up.
    """
    total, low = pair_sum(p)
    nu = abs(total - 1) + abs(low)
    gain = p @ (b - wrong) - ((len(p) + 8) * U + 2 * nu) * (p @ (abs(b) + wrong)) - 2 * nu
    charge = lam @ slack + (len(lam) + 4) * U * (lam @ abs(slack))
    return gain - charge - 4 * U * (abs(gain) + abs(charge))


def max_up(blocks: Iterator[np.ndarray]) -> float:
    """max_j log sum_i exp(y_ij) over blocks of y, (n, columns) each, rounded up; y is overwritten."""
    worst = -np.inf
    for y in blocks:
        top = y.max(axis=0)
        most = np.maximum(top, -1e300)
        y -= most
        log_c = most + np.log(np.exp(y, out=y).sum(axis=0))
        # forbidden to all letters, a codeword has no mass
        up = np.where(np.isneginf(top), -np.inf, log_c + 8 * U * (abs(most) + abs(log_c)) + (2 * len(y) + 24) * U)
        worst = np.maximum(worst, up.max())  # what is no number stays so
    return worst


def dual_point(problem: Problem, multipliers: np.ndarray, potentials: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(lam, a) as arrays, checked against the rows and letters of `problem`; a ValueError says what is off.

    Potentials of letters of probability zero have no say: they are zero.
    """
    lam, a = real_array(multipliers, "multipliers", "(R,)"), real_array(potentials, "potentials", "(n,)")
    wanted = problem.rows.D.shape, (problem.n,)
    if (lam.shape, a.shape) != wanted:
        raise ValueError(f"multipliers {lam.shape} and potentials {a.shape}; expected {wanted[0]} and {wanted[1]}")
    if not (np.isfinite(lam).all() and (lam >= 0).all()):
        raise ValueError(f"multipliers are {lam}; expected finite numbers >= 0")
    a = np.where(problem.source.p > 0, a, 0.0)
    if not np.isfinite(a).all():
        i = int(np.flatnonzero(~np.isfinite(a))[0])
        raise ValueError(f"potential of letter {i} is {a[i]:g}; expected a finite number, since it has probability")
    return lam, a
