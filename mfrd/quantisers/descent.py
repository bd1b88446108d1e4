"""Descent at fixed prices: entropy-constrained Lloyd, and the splits, merges and exchanges that it misses.

H(Y) = sum_j -q_j log q_j and the priced distortion are sums over cells, so splitting some cells in two
and merging disjoint pairs of others changes H + lam . E by the sum of what each change does alone:
all that help are made at once.
"""

import numpy as np
from scipy.special import entr

MOST_MERGED = 200  # pairs are compared up to this many cells


class Column:
    """A deterministic encoder found: .cells (n,), .y (m, k) centred, .rate H(Y) nats, .E (R,)."""

    def __init__(self, budgets, cells, y):
        used, self.cells = np.unique(cells, return_inverse=True)
        self.y = snap(budgets.x, self.cells, y[used], budgets.exact)
        self.rate = float(entr(np.bincount(self.cells, budgets.p)).sum())
        self.E = budgets.distortions(self.cells, self.y)

    def value(self, multipliers):
        """H + lam . E, nats."""
        return self.rate + multipliers @ self.E


def snap(x, cells, y, exact):
    """Codewords, (m, k), with those that must be exact put on their letter.

    A cell that is one point has it as its codeword; so has a cell with one point among the letters of
    `exact`, (n,) flags, whose budget is zero: there the priced centroid only tends to it.
    """
    for counted in (np.ones(len(x), bool), exact):
        low, high = np.full_like(y, np.inf), np.full_like(y, -np.inf)
        np.minimum.at(low, cells[counted], x[counted])
        np.maximum.at(high, cells[counted], x[counted])
        y = np.where((low == high).all(axis=1)[:, None], low, y)
    return y


def lloyd(priced, y, q, max_iter=300):
    """Entropy-constrained Lloyd at fixed prices, from codewords y (m, k) with masses q (m,).

    Alternate  j(i) = argmin_j s_ij - log q_j,  q_j = P(cell j),  y_j = the priced centroid; cells
    that empty are dropped. H + lam . E never rises. -> Column
    Source: Chou, Lookabaugh and Gray (1989).
    """
    cells = None
    for _ in range(max_iter):
        cost = priced.costs(y)
        cost -= np.log(np.maximum(q, np.finfo(float).tiny))
        chosen = cost.argmin(axis=1)
        if cells is not None and (chosen == cells).all():
            break
        mass = np.bincount(chosen, priced.p, len(y))
        alive = mass > 0
        if not alive.all():  # letters of probability zero follow the codewords that live
            y, mass = y[alive], mass[alive]
            chosen = (cost[:, alive]).argmin(axis=1)
        cells, q = chosen, mass
        y = priced.codewords(cells, len(y))
    return Column(priced.budgets, cells, y)


def descend(priced, y, q, *, exchange=False, rounds=30):
    """Lloyd, then all splits and merges that lower H + lam . E, in turn until none does. -> Column

    exchange: whether single letters are moved too, which is slower and ends lower.
    """
    column = lloyd(priced, y, q)
    value = column.value(priced.multipliers)
    for _ in range(rounds):
        cells = merged(priced, split(priced, column.cells))
        if exchange:
            cells = exchanged(priced, cells)
        m = cells.max() + 1
        better = lloyd(priced, priced.codewords(cells, m), np.bincount(cells, priced.p, m))
        lower = better.value(priced.multipliers)
        if not lower < value - 1e-11 * max(1.0, abs(value)):
            break
        column, value = better, lower
    return column


def split(priced, cells):
    """The partition with each cell cut in two where that lowers its share of H + lam . E, (n,).

    The cut starts across the principal axis of the cell and settles by Lloyd inside it.
    """
    m, x, p = cells.max() + 1, priced.budgets.x, priced.p
    _, _, mass, first = priced.sums(cells, m)
    centred = x - (first / np.where(mass > 0, mass, 1)[:, None])[cells]
    products = (centred[:, :, None] * centred[:, None, :]).reshape(len(x), -1)
    spread = np.column_stack([np.bincount(cells, p * column, m) for column in products.T])
    axis = np.linalg.eigh(spread.reshape(m, x.shape[1], -1))[1][:, :, -1]  # (m, k)
    upper = (centred * axis[cells]).sum(axis=1) > 0
    for _ in range(8):
        halves = 2 * cells + upper
        q = np.bincount(halves, p, 2 * m)
        table = priced.lookup(priced.codewords(halves, 2 * m))
        with np.errstate(divide="ignore"):
            bits = -np.log(q)
        low, high = ((priced.left * table[2 * cells + side]).sum(axis=1) + bits[2 * cells + side] for side in (0, 1))
        moved = high < low
        if (moved == upper).all():
            break
        upper = moved
    halves = 2 * cells + upper
    gain = cell_values(priced, cells, m) - cell_values(priced, halves, 2 * m).reshape(m, 2).sum(axis=1)
    chosen = gain > 1e-12
    return np.unique(np.where(chosen[cells], halves, 2 * cells), return_inverse=True)[1]


def cell_values(priced, cells, m):
    """Each cell's share of H + lam . E at its best codeword, without the terms in x alone, (m,)."""
    y = priced.codewords(cells, m)
    cost = (priced.left * priced.lookup(y)[cells]).sum(axis=1)
    return entr(np.bincount(cells, priced.p, m)) + np.bincount(cells, priced.p * cost, m)


def merged(priced, cells):
    """The partition with disjoint pairs of cells merged, best first, where that lowers H + lam . E, (n,)."""
    m = cells.max() + 1
    if not 2 <= m <= MOST_MERGED:
        return cells
    theta, pull, mass, _ = priced.sums(cells, m)
    alone = values(priced, theta, pull, mass)
    j, k = np.triu_indices(m, 1)
    together = values(priced, theta[j] + theta[k], pull[j] + pull[k], mass[j] + mass[k])
    gain = alone[j] + alone[k] - together
    heir, free = np.arange(m), np.ones(m, bool)
    for pair in np.argsort(-gain, kind="stable")[: np.count_nonzero(gain > 1e-12)]:
        a, b = j[pair], k[pair]
        if free[a] and free[b]:
            heir[b], free[a], free[b] = a, False, False
    return np.unique(heir[cells], return_inverse=True)[1]


def exchanged(priced, cells):
    """The partition with letters moved to their second-best cell, best first, where that lowers H + lam . E, (n,).

    A move changes both cells, their codewords and masses included, which Lloyd counts only afterwards;
    each cell takes part in one move at most, so that gains add.
    Source: Hartigan (1975), for squared error without the entropy.
    """
    m, n = cells.max() + 1, np.arange(len(cells))
    if m < 2:
        return cells
    theta, pull, mass, _ = priced.sums(cells, m)
    cost = priced.costs(priced.codewords(cells, m)) - np.log(np.maximum(mass, np.finfo(float).tiny))
    cost[n, cells] = np.inf
    other = cost.argmin(axis=1)
    own = [priced.p[:, None] * priced.theta.T, priced.p[:, None] * priced.pull, priced.p]
    left = values(priced, *(total[cells] - part for total, part in zip((theta, pull, mass), own)))
    joined = values(priced, *(total[other] + part for total, part in zip((theta, pull, mass), own)))
    alone = values(priced, theta, pull, mass)
    gain = np.where(np.bincount(cells)[cells] > 1, alone[cells] + alone[other] - left - joined, 0)
    moved, free = cells.copy(), np.ones(m, bool)
    for i in np.argsort(-gain, kind="stable")[: np.count_nonzero(gain > 1e-12)]:
        if free[cells[i]] and free[other[i]]:
            moved[i], free[cells[i]], free[other[i]] = other[i], False, False
    return moved


def values(priced, theta, pull, mass):
    """entr(q) - b' A^-1 b for cells of price A = sum_g theta_g M_g and pull b: H + lam . E without x alone."""
    A = np.einsum("jg,gab->jab", theta, priced.budgets.metrics)
    ridge = np.finfo(float).tiny + 1e-14 * abs(priced.theta).max() * priced.p.max()
    A = A + ridge * np.eye(A.shape[1])
    return entr(mass) - (pull * np.linalg.solve(A, pull[..., None])[..., 0]).sum(axis=1)
