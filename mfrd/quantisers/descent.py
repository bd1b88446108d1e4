"""Descent at fixed prices: entropy-constrained Lloyd, and the splits, merges and exchanges that it misses.

H(Y) = sum_j -q_j log q_j and the priced distortion are sums over cells, so splitting some cells in two
and merging disjoint pairs of others changes H + lam . E by the sum of what each change does alone:
all that help are made at once.
"""

import numpy as np
from scipy.special import entr

from ..codebooks.priced import Budgets, Priced
from .cells import snap

MOST_MERGED = 200  # pairs are compared up to this many cells
LEAST_GAIN = 1e-12  # nats that a split, a merge or an exchange must gain
LEAST_FALL = 1e-11  # of H + lam . E, by which a round must lower it
TINY = np.finfo(float).tiny


class Column:
    """A deterministic encoder found: .cells (n,), .y (m, k) centred, .rate H(Y) nats, .E (R,)."""

    def __init__(self, budgets: Budgets, cells: np.ndarray, y: np.ndarray) -> None:
        used, self.cells = np.unique(cells, return_inverse=True)
        mean = budgets.source.mean
        y = (y[used] + mean) - mean  # what a codeword is once written where the source lies
        self.y = snap(budgets.x, self.cells, y, budgets.exact)
        self.q = np.bincount(self.cells, budgets.p)
        self.rate, self.E = float(entr(self.q).sum()), budgets.distortions(self.cells, self.y)

    def value(self, multipliers: np.ndarray) -> float:
        """H + lam . E, nats."""
        return self.rate + multipliers @ self.E


def lloyd(priced: Priced, y: np.ndarray, q: np.ndarray, max_iter: int = 300) -> Column:
    """Entropy-constrained Lloyd at fixed prices, from codewords y (m, k) with masses q (m,).

    Alternate  j(i) = argmin_j s_ij - log q_j,  q_j = P(cell j),  y_j = the priced centroid; cells
    that empty are dropped. H + lam . E never rises.
    Source: Chou, Lookabaugh and Gray (1989).
    """
    cells = None
    for _ in range(max_iter):
        cost = priced.costs(y) - np.log(np.maximum(q, TINY))
        chosen = cost.argmin(axis=1)
        if cells is not None and (chosen == cells).all():
            break
        mass = np.bincount(chosen, priced.p, len(y))
        alive = mass > 0
        if not alive.all():  # letters of probability zero follow the codewords that live
            mass, chosen = mass[alive], cost[:, alive].argmin(axis=1)
        cells, q, y = chosen, mass, priced.codewords(chosen, len(mass))
    return Column(priced.budgets, cells, y)


def descend(priced: Priced, y: np.ndarray, q: np.ndarray, *, exchange: bool = False, rounds: int = 30) -> Column:
    """Lloyd, then all splits and merges that lower H + lam . E, in turn until none does.

    exchange: whether single letters are moved too, which is slower and ends lower.
    """
    column = lloyd(priced, y, q)
    for _ in range(rounds):
        cells = merged(priced, split(priced, column.cells))
        cells = exchanged(priced, cells) if exchange else cells
        m = cells.max() + 1
        better = lloyd(priced, priced.codewords(cells, m), np.bincount(cells, priced.p, m))
        value = column.value(priced.multipliers)
        if not better.value(priced.multipliers) < value - LEAST_FALL * max(1.0, abs(value)):
            break
        column = better
    return column


def values(priced: Priced, theta: np.ndarray, pull: np.ndarray, mass: np.ndarray, first: np.ndarray) -> np.ndarray:
    """What each cell adds to H + lam . E at its best codeword, without the terms in x alone, (m,) nats.

    theta, pull, mass, first: the sums of a cell, as priced.sums returns them.
    """
    cost = np.hstack([-2 * pull, theta]) * priced.lookup(priced.best(theta, pull, mass, first))
    return entr(mass) + cost.sum(axis=1)


def apart(gain: np.ndarray, a: np.ndarray, b: np.ndarray, m: int) -> list[int]:
    """The changes that gain enough, best first, no two of which share one of their cells a and b."""
    free, chosen = np.ones(m, bool), []
    for i in np.argsort(-gain, kind="stable")[: np.count_nonzero(gain > LEAST_GAIN)]:
        if free[a[i]] and free[b[i]]:
            free[[a[i], b[i]]] = False
            chosen.append(i)
    return chosen


def split(priced: Priced, cells: np.ndarray) -> np.ndarray:
    """The partition with each cell cut in two where that lowers its share of H + lam . E, (n,).

    The cut starts across the principal axis of the cell and settles by Lloyd inside it.
    """
    m, x, p = cells.max() + 1, priced.budgets.x, priced.p
    whole = priced.sums(cells, m)
    centred = x - (whole[3] / np.where(whole[2] > 0, whole[2], 1)[:, None])[cells]
    products = (centred[:, :, None] * centred[:, None, :]).reshape(len(x), -1)
    spread = np.column_stack([np.bincount(cells, p * column, m) for column in products.T])
    axis = np.linalg.eigh(spread.reshape(m, x.shape[1], -1))[1][:, :, -1]  # (m, k)
    upper = (centred * axis[cells]).sum(axis=1) > 0
    for _ in range(8):
        halves = 2 * cells + upper
        table = priced.lookup(priced.codewords(halves, 2 * m))
        q = np.bincount(halves, p, 2 * m)
        nats = -np.log(q, out=np.full(2 * m, -np.inf), where=q > 0)
        low, high = ((priced.left * table[half]).sum(axis=1) + nats[half] for half in (2 * cells, 2 * cells + 1))
        if ((high < low) == upper).all():
            break
        upper = high < low
    halves = 2 * cells + upper
    gain = values(priced, *whole) - values(priced, *priced.sums(halves, 2 * m)).reshape(m, 2).sum(axis=1)
    return np.unique(np.where((gain > LEAST_GAIN)[cells], halves, 2 * cells), return_inverse=True)[1]


def merged(priced: Priced, cells: np.ndarray) -> np.ndarray:
    """The partition with disjoint pairs of cells merged, best first, where that lowers H + lam . E, (n,)."""
    m = cells.max() + 1
    if not 2 <= m <= MOST_MERGED:
        return cells
    sums, (a, b), heir = priced.sums(cells, m), np.triu_indices(m, 1), np.arange(m)
    alone = values(priced, *sums)
    chosen = apart(alone[a] + alone[b] - values(priced, *(total[a] + total[b] for total in sums)), a, b, m)
    heir[b[chosen]] = a[chosen]
    return np.unique(heir[cells], return_inverse=True)[1]


def exchanged(priced: Priced, cells: np.ndarray) -> np.ndarray:
    """The partition with letters moved to their second-best cell, best first, where that lowers H + lam . E, (n,).

    A move changes both cells, their codewords and masses included, which Lloyd counts only afterwards;
    each cell takes part in one move at most, so that gains add. No cell is emptied.
    Source: Hartigan (1975), for squared error without the entropy.
    """
    m, n = cells.max() + 1, len(cells)
    if m < 2:
        return cells
    sums, own, moved = priced.sums(cells, m), priced.sums(np.arange(n), n), cells.copy()
    cost = priced.costs(priced.best(*sums)) - np.log(np.maximum(sums[2], TINY))
    cost[np.arange(n), cells] = np.inf
    other, alone = cost.argmin(axis=1), values(priced, *sums)
    left = [total[cells] - part for total, part in zip(sums, own)]
    joined = values(priced, *(total[other] + part for total, part in zip(sums, own)))
    gain = alone[cells] + alone[other] - values(priced, *left) - joined
    chosen = apart(np.where(left[2] > LEAST_GAIN * sums[2][cells], gain, 0), cells, other, m)
    moved[chosen] = other[chosen]
    return moved
