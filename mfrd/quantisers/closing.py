"""The least H of contiguous cells that keep budgets by themselves: the gap of Lagrange's dual, closed by labels.

Letters on a line lie in runs, each with a budget of its own, sum_{i in run} share_i (x_i - y)^2 <= D_run. At prices
lam,
    V(b) = min over a < b of V(a) + C(a, b),   C = H + lam . spent,   and B(a) the same from the right,
are what the letters before b, and from a on, cost at least. A path of cells up to b with entropy h, which has spent d
of the run that it is in, ends no lower than
    h + B(b) - lam (D_run - d) - (lam . D of the runs after it):
it is dropped where that is no less than the best H known, and so is each cell (a, b) with V(a) + C(a, b) + B(b) above
that by lam . D. Of the paths that remain at b those are kept that no other beats in both h and d, one in each of
LABELS parts of d.
Source: the resource-constrained shortest path, Handler and Zang (1980), Beasley and Christofides (1989).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import entr

from .partition import squares

NODES = 1_000  # edges among which cells are sought, those that were asked for aside
PASSES = ((16, 12), (96, 48))  # (labels kept at an edge, cells that end at it)
EXACT = 1e-10  # of a budget that is left, so that rounding exceeds none


@dataclass(frozen=True, eq=False)
class Runs:
    """Sorted letters in runs with a budget each.

    x, mass: (n,); share: (n,), what squared error counts towards the budget of its run; run: (n,) ascending numbers
    of runs; D: (runs,), infinite where there is none; radius: (n,), how near the codeword of each must be.
    """

    x: np.ndarray
    mass: np.ndarray
    share: np.ndarray
    run: np.ndarray
    D: np.ndarray
    radius: np.ndarray


def closed(
    runs: Runs, prices: np.ndarray, known: float, *, nodes: np.ndarray | None = None, rounds: int = 0
) -> tuple[np.ndarray, np.ndarray] | None:
    """(edges (m + 1,), codewords (m,)) of less H than known, nats, within all budgets; None where none was found.

    prices: (runs,), nats per unit, which `rounds` of steps towards what is spent raise the dual of; nodes: ascending
    indices from 0 to n, where cells may end, or all.
    """
    nodes = np.arange(len(runs.x) + 1) if nodes is None else nodes
    graph = Graph(runs, nodes)
    prices = graph.ascended(np.where(np.isfinite(runs.D), prices, 0.0), rounds)
    if prices is None:
        return None
    graph.price(prices, both=True)
    found = None
    for labels, cells in PASSES:
        path = graph.walked(known, labels, cells)
        if path is not None:
            known, found = path[0], path[1]
    return None if found is None else (nodes[found], graph.y[found[:-1], found[1:]] + graph.centre)


class Graph:
    """All cells between nodes, (N, N) arrays over (first, end): .H and, at prices, .y centred, .first, .last, .cost.

    first, last: what a cell spends of the run in which it begins, and of the one in which it ends; .before V, .after B.
    """

    def __init__(self, runs: Runs, nodes: np.ndarray) -> None:
        self.runs, self.nodes, self.centre = runs, nodes, float(runs.mass @ runs.x / runs.mass.sum())
        self.x, n, N = runs.x - self.centre, len(runs.x), len(nodes)
        mass, first = self.between(sums(runs.mass)), self.between(sums(runs.mass * self.x))
        self.plain = np.divide(first, mass, out=np.zeros((N, N)), where=mass > 0)
        self.H = entr(np.maximum(mass, 0))
        self.moments = [sums(runs.share * self.x**power) for power in (0, 1, 2)]
        self.low, self.high = ends(self.x, runs.radius, nodes)
        self.starts = np.searchsorted(runs.run, np.arange(len(runs.D)))  # the first letter of each run
        self.stops = np.append(self.starts[1:], n)
        self.begins, self.ended = runs.run[np.minimum(nodes, n - 1)], runs.run[np.maximum(nodes - 1, 0)]
        self.crosses = self.begins[:, None] < self.ended
        self.legal = (np.arange(N)[:, None] < np.arange(N)) & (self.low <= self.high)
        self.prices = np.zeros(0)
        self.inside = []  # runs that a cell may hold within their budget, with the nodes before and behind
        zero, one, two = (np.diff(total[np.append(self.starts, n)]) for total in self.moments)
        alone = two - np.divide(one**2, zero, out=np.zeros(len(zero)), where=zero > 0)
        for r in range(1, len(runs.D) - 1):
            a, e = np.flatnonzero(nodes < self.starts[r]), np.flatnonzero(nodes > self.stops[r])
            if alone[r] > runs.D[r] or not self.legal[np.ix_(a, e)].any():
                self.legal[np.ix_(a, e)] = False
            else:
                self.inside.append((r, np.ix_(a, e)))

    def between(self, total: np.ndarray) -> np.ndarray:
        """What cells hold of a sum that runs from 0 to n, (N, N)."""
        return total[self.nodes] - total[self.nodes][:, None]

    def spent(self, start: np.ndarray, stop: np.ndarray, y: np.ndarray) -> np.ndarray:
        """What the letters from start to stop spend on codewords y."""
        return np.maximum(squares([total[stop] - total[start] for total in self.moments], y), 0.0)

    def place(self, prices: np.ndarray) -> None:
        """Set the codewords that are best at prices, (runs,), and what the ends of cells spend on them."""
        nodes, theta = self.nodes, prices[self.runs.run] * self.runs.share
        weight = sums(theta)
        W, pull = self.between(weight), self.between(sums(theta * self.x))
        y = np.divide(pull, W, out=self.plain.copy(), where=W > 1e-13 * weight[-1])
        self.y = y = np.minimum(np.maximum(y, self.low), self.high)
        self.first = self.spent(nodes[:, None], np.minimum(nodes, self.stops[self.begins][:, None]), y)
        self.last = self.spent(np.maximum(nodes[:, None], self.starts[self.ended]), nodes, y)

    def price(self, prices: np.ndarray, *, both: bool = False) -> None:
        """Set prices, (runs,), and what follows from them; both: from the right too."""
        if len(prices) > 1 or not len(self.prices):  # one price moves no codeword
            self.place(prices if len(prices) > 1 else np.ones(1))
        cost = np.where(self.crosses, prices[self.begins][:, None] * self.first, 0.0) + prices[self.ended] * self.last
        legal = self.legal.copy()
        for r, at in self.inside:
            inside = self.spent(self.starts[r], self.stops[r], self.y[at])
            legal[at] &= inside <= self.runs.D[r] * (1 - EXACT)
            cost[at] += prices[r] * inside
        self.prices, self.cost = prices, np.where(legal, self.H + cost, np.inf)
        N = len(self.nodes)
        self.before, self.after, self.back = np.zeros(N), np.zeros(N), np.zeros(N, int)
        for b in range(1, N):
            reached = self.before[:b] + self.cost[:b, b]
            self.back[b] = at = reached.argmin()
            self.before[b] = reached[at]
        for a in range(N - 2, -1, -1) if both else ():
            self.after[a] = (self.cost[a, a + 1 :] + self.after[a + 1 :]).min()
        worth = prices * np.where(np.isfinite(self.runs.D), self.runs.D, 0)
        self.ahead = np.append(np.cumsum(worth[::-1])[::-1], 0.0)  # lam . D of the runs from r on

    def ascended(self, prices: np.ndarray, rounds: int) -> np.ndarray | None:
        """The prices of the largest dual seen in rounds of steps, (runs,); None where no cells keep the budgets."""
        best, found, now = -np.inf, prices, prices
        runs = self.runs
        for t in range(rounds):
            self.price(now)
            if not np.isfinite(self.before[-1]):
                return None
            if (dual := self.before[-1] - self.ahead[0]) > best:
                best, found = dual, now
            path = [len(self.nodes) - 1]
            while path[-1]:
                path.append(int(self.back[path[-1]]))
            edges = np.array(path[::-1])
            y = np.repeat(self.y[edges[:-1], edges[1:]], np.diff(self.nodes[edges]))
            E = np.bincount(runs.run, runs.share * (self.x - y) ** 2, len(runs.D))
            ratio = np.divide(E, runs.D, out=np.ones(len(E)), where=(runs.D > 0) & np.isfinite(runs.D))
            now = now * np.clip(ratio, 0.3, 3.0) ** (1 / (1 + t / 5))
        return found

    def walked(self, known: float, labels: int, cells: int) -> tuple[float, np.ndarray] | None:
        """(H, nodes of the path) of the path of least H below known, of `labels` a node and `cells` that end there."""
        N, D, total = len(self.before), self.runs.D, self.ahead[0]
        h, d = np.full((N, labels), np.inf), np.zeros((N, labels))
        back = np.zeros((N, labels, 2), np.int64)
        h[0, 0] = 0.0
        for b in range(1, N):
            least = self.before[:b] + self.cost[:b, b]
            if least.min() + self.after[b] - total >= known:
                continue
            a = np.flatnonzero(least + self.after[b] - total < known)
            if len(a) > cells:
                a = a[np.argpartition(least[a], cells)[:cells]]
            r, cross = self.ended[b], self.crosses[a, b][:, None]
            now = h[a] + self.H[a, b][:, None]
            used = d[a] + self.first[a, b][:, None]
            most = D[self.begins[a]][:, None] * (1 - EXACT)
            spent = np.where(cross, self.last[a, b][:, None], used)
            left = D[r] - spent
            bound = now + self.after[b] - self.ahead[r + 1]
            if self.prices[r] > 0:
                bound = bound - self.prices[r] * left
            good = np.flatnonzero(((used <= most) & (spent <= D[r] * (1 - EXACT)) & (bound < known)).ravel())
            if not len(good):
                continue
            now, spent = now.ravel()[good], spent.ravel()[good]
            if b == N - 1 or self.begins[b] != r:  # a run is over: what it has left is lost
                kept = np.array([now.argmin()])
                spent = np.zeros_like(spent)
            else:
                kept = frontier(now, spent, labels)
            m = len(kept)
            h[b, :m], d[b, :m] = now[kept], spent[kept]
            back[b, :m, 0], back[b, :m, 1] = a[good[kept] // labels], good[kept] % labels
        if not h[-1, 0] < known:
            return None
        path, b, label = [N - 1], N - 1, 0
        while b:
            b, label = back[b, label]
            path.append(int(b))
        return float(h[-1, 0]), np.array(path[::-1])


def among(n: int, wanted: list[np.ndarray], most: int = NODES) -> np.ndarray:
    """Nodes from 0 to n where cells of n letters may end: all up to `most`, else half as many and the wanted."""
    if n <= most:
        return np.arange(n + 1)
    return np.unique(np.concatenate([[0, n], np.arange(0, n, -(-2 * n // most)), *wanted]).astype(np.int64))


def sums(values: np.ndarray) -> np.ndarray:
    """The sums of the values (n,) before each, and of all, (n + 1,)."""
    return np.append(0.0, np.cumsum(values))


def frontier(h: np.ndarray, d: np.ndarray, most: int) -> np.ndarray:
    """The labels that no other beats in both h and d, the least h of each of `most` parts of the range of d."""
    low, high = d.min(), d.max()
    part = np.minimum(((d - low) * (most / (high - low) if high > low else 0.0)).astype(np.int64), most - 1)
    order = np.lexsort((h, part))
    order = order[np.append(True, np.diff(part[order]) > 0)]
    best = np.minimum.accumulate(h[order])
    return order[np.append(True, h[order][1:] < best[:-1])]


def ends(x: np.ndarray, radius: np.ndarray, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the codeword of each cell between nodes may lie, (N, N) both; anywhere below the diagonal."""
    N = len(nodes)
    if not np.isfinite(radius).any():
        return np.full((N, 1), -np.inf), np.full((N, 1), np.inf)
    low = np.maximum.reduceat(x - radius, nodes[:-1])
    high = np.minimum.reduceat(x + radius, nodes[:-1])
    above, below = np.full((N, N), -np.inf), np.full((N, N), np.inf)
    for a in range(N - 1):
        above[a, a + 1 :] = np.maximum.accumulate(low[a:])
        below[a, a + 1 :] = np.minimum.accumulate(high[a:])
    return above, below
