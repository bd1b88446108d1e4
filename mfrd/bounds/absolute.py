"""The Laplace density under absolute error: the one law on the line whose R(D) under that error is a closed form.

    R(D) = log(b / D), D < b, for exp(-|x - mean| / b) / (2 b)       (Berger 1971, section 4.3.2.2)
is Shannon's lower bound h(X) - log(2 e D), reached where X = Y + noise of density exp(-|n| / D) / (2 D): Y has an atom
of mass (D / b)^2 at the mean and is else Laplace of scale b. The encoder here has the atom and cells of that law,
    q_j exp(-|x - y_j| / D') / z(x),
on codewords that lie densely where f is large, and the last codeword beyond a window. Between codewords
    |z(x0 + t) / z(x0) - 1| <= delta = exp(|t| / D') - 1,
so that Gauss's rule has the remainder that density.py states. All is symmetric: the half x > mean is doubled.
"""

from dataclasses import dataclass

import numpy as np

from ..problems.densities import U

NODES, RHO = 16, 3.0  # of Gauss's rule on a panel, and its ellipse
TURN = 0.4  # |t| / D' at most, within an ellipse
REACH = 24.0  # scales from the mean to the end of the window: its complement has the probability 4e-11
BLOCK = 2_000_000  # entries evaluated at once


@dataclass(frozen=True, eq=False)
class LaplaceEncoder:
    """The encoder of a Laplace density of mean zero: codewords y and weights q, (m,), ascending.

    price: 1 / D', nats per unit distortion; reach: the end of its window; rate, nats, and spent, E |X - Y|: at most.
    """

    y: np.ndarray
    q: np.ndarray
    price: float
    reach: float
    rate: float
    spent: float


def laplace_encoder(b: float, D: float, beside: int, rule: tuple[np.ndarray, np.ndarray]) -> LaplaceEncoder:
    """The LaplaceEncoder of scale b with E |X - Y| <= D < b.

    beside: codewords on each side of the mean; rule: nodes and weights of Gauss's rule on (-1, 1).
    """
    side = -3 * b * np.log1p(-np.arange(beside + 1) / (beside + 1))  # density of codewords as f^(1/3)
    y = np.concatenate([-side[:0:-1], side])
    middles = (y[1:] + y[:-1]) / 2
    below = np.where(middles < 0, np.exp(-abs(middles) / b) / 2, 1 - np.exp(-abs(middles) / b) / 2)
    q = np.diff(below, prepend=0.0, append=1.0) * (1 - (D / b) ** 2)
    q[beside] += (D / b) ** 2
    q /= q.sum()
    prices, goals = [1 / D, 1.02 / D], D * (1 - 1e-9)
    spent = [measured(b, y, q, w, rule)[1] for w in prices]
    for _ in range(30):
        if spent[-1] <= D and spent[-1] >= D * (1 - 1e-6):
            break
        slope = (spent[-1] - spent[-2]) / (prices[-1] - prices[-2])
        prices.append(prices[-1] - (spent[-1] - goals) / slope)
        spent.append(measured(b, y, q, prices[-1], rule)[1])
    rate, used = measured(b, y, q, prices[-1], rule)
    return LaplaceEncoder(y, q, prices[-1], REACH * b, rate if used <= D else np.inf, used)


def measured(
    b: float, y: np.ndarray, q: np.ndarray, w: float, rule: tuple[np.ndarray, np.ndarray]
) -> tuple[float, float]:
    """(the rate at most, nats; E |X - Y| at most) of the encoder q_j exp(-w |x - y_j|) / z(x)."""
    left, right = panels(y[y >= 0], b, w)
    x0, r = (left + right) / 2, (right - left) / 2
    A = r * (RHO + 1 / RHO) / 2
    log_z0, d0, _, _ = tables(y, q, w, x0)
    loss, ceiling = -np.log1p(-np.expm1(w * A)), np.exp(-(x0 - A) / b) / (2 * b)
    M = np.array([ceiling * (abs(log_z0) + loss), ceiling * np.exp(w * A + loss) * (d0 + A)])
    off = 8 * r * M * RHO ** (1 - 2 * NODES) / (RHO - 1) + 2 * r * M / (A - r) * 4 * U * (abs(x0) + r)
    t, v = rule
    x, W = (x0[:, None] + r[:, None] * t).ravel(), (r[:, None] * v).ravel()
    log_z, d, z_error, d_error = tables(y, q, w, x)
    f = W * np.exp(-x / b) / (2 * b)
    f_error = U * (8 * x / b + 24)
    gain, E = -f * log_z, f * d
    wrong = [abs(gain) @ (f_error + (len(x) + 4) * U) + f @ z_error, E @ (f_error + (len(x) + 4) * U) + f @ d_error]
    high, reach = [2 * (s + 1.01 * e) for s, e in zip((gain.sum(), E.sum()), wrong + 1.01 * off.sum(axis=1))], REACH * b
    mass, last = np.exp(-REACH) * (1 + 1e-12), y[-1]  # P(|X| > reach); E[X - reach; X > reach] is b times half of it
    spent = high[1] + mass * (abs(reach - last) + b) * (1 + 1e-12)
    spare = 2 * w * (E.sum() - 1.01 * wrong[1] - 1.01 * off[1].sum())
    return float(high[0] - spare - np.log(q[-1]) * mass + 1e-13 * (abs(high[0]) + spare)), float(spent)


def panels(y: np.ndarray, b: float, w: float) -> tuple[np.ndarray, np.ndarray]:
    """(left, right), (P,) each, of panels from 0 to the end of the window, cut at codewords, short against 1 / w."""
    edges = np.append(y[y < REACH * b], REACH * b)
    longest = TURN / w / ((RHO + 1 / RHO) / 2) * 2 * (1 - 1e-9)
    cuts = [np.linspace(a, c, int(np.ceil((c - a) / longest)) + 1) for a, c in zip(edges, edges[1:])]
    return np.concatenate([cut[:-1] for cut in cuts]), np.concatenate([cut[1:] for cut in cuts])


def tables(y: np.ndarray, q: np.ndarray, w: float, x: np.ndarray) -> tuple[np.ndarray, ...]:
    """(log z, E_Q |x - Y|, a bound on the error of each), (n,)."""
    log_q, m, out, step = np.log(q), len(y), np.empty((4, len(x))), max(1, BLOCK // len(y))
    for i in range(0, len(x), step):
        d = abs(x[i : i + step, None] - y)
        T = w * d - log_q
        least = T.min(axis=1)
        Q = np.exp(least[:, None] - T)
        z = Q.sum(axis=1)
        Q /= z[:, None]
        T += 2 * abs(log_q)
        log_z, mean = np.log(z) - least, (Q * d).sum(axis=1)
        z_error = U * (8 * (Q * T).sum(axis=1) + m + 32 + 8 * abs(log_z) + 8 * abs(least))
        d_error = U * (8 * (Q * d * T).sum(axis=1) + (m + 32) * mean) + mean * z_error
        out[:, i : i + step] = log_z, mean, 1.1 * z_error, 1.1 * d_error
    return tuple(out)
