"""A lower bound on what any cells cost, contiguous or not, time-shared or randomised: the dual of their choice.

Cells C, with codewords y, that cover each letter once have entropies h(P) = -P log P of their masses, and spend
E_r = sum_{i in C} p_i w_ri (x_i - y)^2 of budgets D_r. For potentials u (n,) and prices lam (R,), with
    kappa = max over cells of  (sum_{i in C} u_i - lam . E(C) - h(P(C))) / P(C),
every time-sharing of such cells has    H >= sum u - lam . D - kappa,    for sum_C P(C) = 1.
At one y the maximum is exact: h is concave, so the best cell is of the letters of largest
(u_i - p_i theta_i (x_i - y)^2) / p_i, theta_i = lam . w_i, whose number alone is sought. Codewords are a fine grid: the
best codeword of a cell lies half a step or less from it, which costs sum_{i in C} p_i theta_i (step / 2)^2 at most,
or on an end of what largest errors allow, which are codewords of the grid too.
Source: column generation for set partitioning, Barnhart et al. (1998); the box of potentials, Marsten et al. (1975).
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csc_array, hstack, identity, vstack
from scipy.special import entr

ROUNDING = 1e-9  # nats of kappa by which float64 may err, of numbers below 1e5


@dataclass(frozen=True, eq=False)
class Cells:
    """Letters x, p (n,), weights w (R, n), budgets D (R,), largest errors radius (n,); codewords (Y,), their step."""

    x: np.ndarray
    p: np.ndarray
    w: np.ndarray
    D: np.ndarray
    radius: np.ndarray
    codewords: np.ndarray
    step: float

    @classmethod
    def of(cls, x, p, w, D, radius=np.inf, fine=2):
        """The letters, with `fine` codewords a letter."""
        radius = np.broadcast_to(radius, x.shape)
        near = np.isfinite(radius)
        line = np.linspace(x.min(), x.max(), fine * (len(x) - 1) + 1)
        ends = (x[near] - radius[near], x[near] + radius[near])
        return cls(x, p, w, D, radius, np.unique(np.concatenate([line, *ends])), line[1] - line[0])

    def dearest(self, u, lam):
        """(kappa, by how much sum u exceeds lam . E + h at most (Y,), the letters where it does)."""
        theta, far = self.p * (lam @ self.w), (self.x - self.codewords[:, None]) ** 2
        value = u - theta * (far - (self.step / 2) ** 2)
        value[(far > self.radius**2 * (1 + 1e-12)) & (far > 0)] = -1e6
        order = np.argsort(-value / self.p, axis=1)
        mass = np.cumsum(self.p[order], axis=1)
        excess = np.cumsum(np.take_along_axis(value, order, 1), axis=1) - entr(np.minimum(mass, 1.0))
        most = excess.argmax(axis=1)
        cells = [np.sort(row[: m + 1]) for row, m in zip(order, most)]
        return float((excess / mass).max()) + ROUNDING, excess[np.arange(len(most)), most], cells

    def bound(self, u, lam):
        """Nats that no time-sharing of any cells goes below."""
        return float(u.sum() - lam @ self.D - self.dearest(u, lam)[0])

    def spent(self, cell, y):
        """What a cell spends of each budget, (R,)."""
        return (self.w[:, cell] * self.p[cell]) @ (self.x[cell] - y) ** 2


def contiguous(cells, lam):
    """(potentials u (n,) that no contiguous cell exceeds at prices lam, what the best of them spend (R,))."""
    x, p, n = cells.x, cells.p, len(cells.x)
    theta = p * (lam @ cells.w)
    total = [np.append(0.0, np.cumsum(part)) for part in (theta, theta * x, theta * x**2, p)]
    cost, y = np.full((n + 1, n + 1), np.inf), np.zeros((n + 1, n + 1))
    for a in range(n):
        zero, one, two, mass = (part[a + 1 :] - part[a] for part in total)
        low = np.maximum.accumulate(x[a:] - cells.radius[a:])
        high = np.minimum.accumulate(x[a:] + cells.radius[a:])
        y[a, a + 1 :] = c = np.clip(one / zero, low, np.maximum(low, high))
        cost[a, a + 1 :] = np.where(low <= high, two - 2 * c * one + c**2 * zero + entr(np.minimum(mass, 1.0)), np.inf)
    before, after, back = np.zeros(n + 1), np.zeros(n + 1), np.zeros(n + 1, int)
    for b in range(1, n + 1):
        back[b] = (before[:b] + cost[:b, b]).argmin()
        before[b] = before[back[b]] + cost[back[b], b]
    for a in range(n - 1, -1, -1):
        after[a] = (cost[a, a + 1 :] + after[a + 1 :]).min()
    spent, b = np.zeros(len(cells.D)), n
    while b:
        spent += cells.spent(np.arange(back[b], b), y[back[b], b])
        b = back[b]
    return (np.diff(before) - np.diff(after)) / 2, spent


def highest(cells, enough, rounds=60):
    """The largest bound found, nats: at most `rounds` linear programs, or until it is enough."""
    n, R = len(cells.x), len(cells.D)
    lam, best, u = ((cells.w > 0) @ cells.p) / (2 * cells.D), -np.inf, np.zeros(n)
    for t in range(25):  # prices at which contiguous cells cost most
        v, spent = contiguous(cells, lam)
        if (value := v.sum() - lam @ cells.D) > best:
            best, u, prices = value, v, lam
        lam = lam * np.clip(spent / cells.D, 0.3, 3.0) ** (0.5 / (1 + t / 8))
    lam, box = prices, 0.3
    best = cells.bound(u, lam)
    columns, h, known = [], [], set()

    def add(cell, at):
        theta = cells.p[cell] * (at @ cells.w[:, cell])
        y = theta @ cells.x[cell] / theta.sum()
        y = np.clip(y, (cells.x - cells.radius)[cell].max(), (cells.x + cells.radius)[cell].min())
        if (key := (cell.tobytes(), round(float(y), 6))) not in known:
            known.add(key)
            column = np.zeros(n + R)
            column[cell], column[n:] = 1.0, cells.spent(cell, y) / cells.D
            columns.append(csc_array(column[:, None]))
            h.append(float(entr(cells.p[cell].sum())))

    for a in range(n):
        for size in (*range(1, 14), *range(14, 60, 6)):
            if a + size <= n:
                add(np.arange(a, a + size), lam)
    one = vstack([identity(n), csc_array((R, n))])
    for _ in range(rounds):
        if best >= enough:
            break
        table, price = hstack(columns).tocsc(), np.array(h)
        near = price - table.T @ np.append(u, -lam * cells.D) <= (2 * box + 0.5) * (table[:n].T @ cells.p)
        table, price = hstack([table[:, near], one, -one]).tocsc(), price[near]
        price = np.concatenate([price, u + box * cells.p, box * cells.p - u])
        found = linprog(price, table[n:], np.ones(R), table[:n], np.ones(n), method="highs-ds")
        v, now = found.eqlin.marginals, -found.ineqlin.marginals / cells.D
        kappa, excess, dearest = cells.dearest(v, now)
        for i in np.argsort(-excess)[:200]:
            if excess[i] > 1e-10:
                add(dearest[i], now)
        value = v.sum() - now @ cells.D - kappa
        if value > best:
            best, u, lam = value, v, now
        else:
            box = max(0.8 * box, 1e-3)
    return best
