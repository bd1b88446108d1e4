"""Entropy-constrained vector quantisation: any dimension, any number of quadratic budgets.

At fixed prices the Lagrangian H(Y) + lam . E has many local minima; each search from a start finds one,
a column (H, E) of the linear program that time-shares the columns to meet the budgets. Its dual
prices are the next lam (Dantzig and Wolfe 1960), until no start finds a column that lowers the rate.
The result is feasible and the best found; only the lower bound beside it is certified.
"""

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from ..codebooks.priced import TINY, Budgets, Priced
from ..problems.binning import LETTERS
from ..problems.distortion import squared_error
from ..problems.fidelity import Fidelity
from ..problems.problem import at_the_mean
from ..problems.resolution import FEW, grouped, resolved
from ..problems.source import Source
from ..solvers.encoder import Encoder
from ..solvers.outcome import Stats, Status
from .annealing import TEMPERATURES, path
from .cells import from_labels, labels, snap
from .closing import NODES, Runs, among, closed
from .descent import Column, descend
from .partition import Cells, Constrained, tolerant
from .quantiser import Quantiser, cheapest_alone, time_share
from .scalar import NARROW, ecsq

ALONE = "a codeword for each point: what a budget of zero on all letters asks for"
BEST_FOUND = "best found: multi-start search, an upper bound that only the lower bound judges"
STARTS = ("columns", "cells", "anneal", "random")
OF_MANY = ("columns", "cells", "random")  # of many letters on a line, where cells leave annealing nothing to find
GAIN = 1e-9  # nats a round must gain to count
MANY = 8  # rows beyond which, on a line, prices are smoothed
CLIMB = 40  # prices tried then, twice
ASCENT = 12  # steps of prices before the gap of single cells is closed
SMOOTH, SMOOTHING = 150, 0.7  # rounds of prices after these, and the share in each of those of the best bound
APART = 1e-3  # nats between the rate and its bound over contiguous cells at which they end
IDLE = 8  # rounds that lower the rate by less than a hundredth of that, after which they end too
STEP = 0.3  # by which a price follows what its row spends beyond its budget, in parts of it, as a logarithm
KEEP = 6  # columns refined again at new prices


def ecvq(
    source: Source,
    fidelities: Fidelity | Sequence[Fidelity],
    *,
    rng: int | np.random.Generator = 0,
    starts: str | Sequence[str] = STARTS,
    restarts: int = 6,
    rounds: int = 40,
    patience: int = 3,
    convex: Any = None,
    bound: Any = None,
) -> Quantiser:
    """The least time-shared H(Y) found over quantisers of any dimension within all budgets.

        min sum_t w_t H(Y_t)  s.t.  sum_t w_t sum_i p_i w_ri d_r(x_i, Y_t(x_i)) <= D_r  for each row r.

    Parameters
    ----------
    source : Source
        n letters in R^k.
    fidelities : Fidelity or sequence of Fidelity
        Squared error or Mahalanobis, any form. On a source of samples they are budgets on the samples: bins that were
        not given are cut as finely as they ask, and the quantiser is one of that source.
    rng : numpy Generator or int, optional
        Generator or seed.
    starts : str or sequence of str, optional
        One or more of "columns" (the best encoders so far, refined at the new prices, single letters moved too),
        "cells" (in one dimension the best contiguous cells at these prices), "anneal" (deterministic annealing) and
        "random" (random letters as codewords, and the best encoder with some of its codewords moved to random letters).
    restarts : int, optional
        Random and annealed starts a round.
    rounds : int, optional
        Price updates at most.
    patience : int, optional
        Rounds without gain before it ends.
    convex : Solution or Limit, optional
        Its codebook and prices start the search too.
    bound : float or object with `.lower_bound`, optional
        What `.lower_bound` reports, bits: the result of mfrd.limit, say.

    Returns
    -------
    Quantiser
        At most R + 1 parts for R budget rows, status "found"; every budget met to rounding. On the line with one budget
        of squared error on all letters, and the default starts, it is that of `ecsq`. Y_t is a function of the
        point: letters that are the same point share a codeword, whatever their budgets.

    Raises
    ------
    ValueError
        For unknown starts, a convex result without an encoder, and measures that are not quadratic.
    InfeasibleFidelity
        Where the source has bins that were given, and a budget is below what they add.

    References
    ----------
    Chou, Lookabaugh and Gray (1989).
    """
    began, kinds = perf_counter(), (starts,) if isinstance(starts, str) else tuple(starts)
    if not kinds or any(kind not in STARTS for kind in kinds):
        raise ValueError(f"starts are {starts!r}; expected some of {', '.join(STARTS)}")
    checked = at_the_mean(source, fidelities)
    given = tuple(checked.fidelities)
    if convex is not None and getattr(convex, "encoder", None) is None:
        said = f"convex is {convex!r}; expected a Solution with an encoder, or a result of mfrd.limit"
        raise ValueError(f"{said}: raise the budgets of an infeasible one")
    if source.x.shape[1] == 1 and kinds == STARTS and len(given) == 1 and everywhere(given[0]):
        return ecsq(source, given[0].D, bound=bound)
    if kinds == STARTS and (few := grouped(source, given)) is not None:
        options: dict[str, Any] = {"rng": rng, "restarts": restarts, "rounds": rounds, "patience": patience}
        return ungrouped(source, given, ecvq(*few, **options, starts=OF_MANY, convex=convex, bound=bound), began)
    source, given = resolved(source, given, FEW)
    exact = all(f.D == 0 for f in given) and any(f.on is None for f in given)
    if exact or source.within.any() and len(source.p) > LETTERS:
        _, cells = np.unique(source.x + 0.0, axis=0, return_inverse=True)
        encoder, stats = from_labels(source, cells.ravel()), Stats(0, perf_counter() - began, 1, "a cell a letter")
        said, status = (ALONE, Status.EXACT) if exact else (NARROW, Status.FOUND)
        return Quantiser(source, given, ((1.0, encoder),), encoder, said, bound, status, stats)
    search = ColumnSearch(Budgets(source, given), kinds, restarts, np.random.default_rng(rng))
    prices = search.follow(convex) if convex is not None else []
    weights = search.run(prices, rounds, patience)
    parts = tuple((float(w), search.encoder(column)) for w, column in zip(weights, search.columns) if w > 0)
    safe = search.encoder(search.columns[cheapest_alone(*search.table())])
    stats = Stats(search.rounds, perf_counter() - began, search.attempts, "column search")
    return Quantiser(source, search.budgets.rows.fidelities, parts, safe, BEST_FOUND, bound, Status.FOUND, stats)


def ungrouped(source: Source, fidelities: Sequence[Fidelity], found: Quantiser, began: float) -> Quantiser:
    """The quantiser of letters on a line that was found for bins of them."""
    letter = np.searchsorted(found.source.binning.thresholds[0], source.x[:, 0])  # type: ignore[union-attr]
    whole = lambda encoder: from_labels(source, labels(encoder)[letter], encoder.y)
    parts, stats = tuple((w, whole(encoder)) for w, encoder in found.parts), found.stats
    stats = Stats(stats.iterations, perf_counter() - began, stats.attempts, stats.backend)
    return Quantiser(source, fidelities, parts, whole(found.safe), found.proven, found.bound, found.status, stats)


def everywhere(fidelity: Fidelity) -> bool:
    """Whether a fidelity is one of squared error on all letters, as ecsq takes it."""
    return fidelity.on is None and fidelity.per != "letter" and fidelity.distortion is squared_error


class ColumnSearch:
    """The columns found, and the rounds of prices and starts that find more.

    .columns: list of Column; .given: codebooks (y, q) to start from; .rounds of prices; .attempts: starts tried.
    """

    def __init__(self, budgets: Budgets, kinds: Sequence[str], restarts: int, rng: np.random.Generator) -> None:
        self.budgets, self.kinds, self.restarts, self.rng = budgets, kinds, restarts, rng
        self.given: list[tuple[np.ndarray, np.ndarray]] = []
        self.rounds, self.attempts = 0, 0
        flat, n = Priced(budgets, np.ones(len(budgets.rows))), len(budgets.x)
        ends = np.arange(n), np.zeros(n, int)  # the one meets all budgets, the other costs nothing
        self.columns = [Column(budgets, cells, flat.codewords(cells, cells.max() + 1)) for cells in ends]

    def follow(self, convex: Any) -> list[np.ndarray]:
        """Start from the codebook of a convex result too; a list of its prices, (R,), where it has one a budget."""
        used = convex.encoder.output_pmf > 1e-6
        q = convex.encoder.output_pmf[used]
        self.given = [(convex.encoder.y[used] - self.budgets.source.mean, q / q.sum())]
        prices = getattr(convex, "multipliers", None)
        return [prices] if np.shape(prices) == self.budgets.rows.D.shape else []

    def run(self, prices: list[np.ndarray], rounds: int, patience: int) -> np.ndarray:
        """The shares of the columns once `patience` rounds of prices lower the rate no further, (T,)."""
        rows, rate, idle = self.budgets.rows, np.inf, -1
        mass, least = (rows.weights > 0) @ self.budgets.p, 1e-6 * self.columns[1].E + 1e-300
        guess = mass * self.budgets.x.shape[1] / (2 * np.maximum(rows.D, least))  # -dR/dD_r at high resolution, nats
        if len(rows) > MANY and "cells" in self.kinds and self.on_a_line:
            return self.smoothed(self.climb(prices[0] if prices else guess))
        for first in (*prices, *np.outer((0.5, 1.0, 2.0), guess)):
            self.explore(first)
        for done in range(rounds + 1):
            weights, found = time_share(*self.table())
            lower = weights @ self.table()[0]
            rate, idle = min(rate, lower), 0 if lower < rate - GAIN else idle + 1
            if idle >= patience or done == rounds:
                break
            self.explore(found)
        return weights

    def smoothed(self, centre: np.ndarray) -> np.ndarray:
        """The shares of the columns, (T,), once neither contiguous cells nor what descends from them lower the rate.

        Prices of many rows swing from one linear program to the next: cells are sought near those of the best bound
            min over cells of H + lam . E, less lam . D   <=   the least rate,
        and a round ends where the two are APART or less (Wentges 1997; of what descends no bound is known: the least
        value found stands in for it).
        """
        most = SMOOTH * 4 * MANY // max(4 * MANY, len(self.budgets.rows))
        for exchange in (False, True):
            bound, reached, idle = -np.inf, np.inf, 0
            for _ in range(most):
                weights, dual = time_share(*self.table())
                rate = weights @ self.table()[0]
                reached, idle = (rate, 0) if rate < reached - APART / 100 else (reached, idle + 1)
                if rate - bound <= APART or exchange and idle >= IDLE:
                    break
                now = self.budgets.pin(SMOOTHING * centre + (1 - SMOOTHING) * dual)
                priced = Priced(self.budgets, now)
                column = self.settled(self.contiguous_cells(priced), priced)
                if exchange:
                    column = descend(priced, column.y, column.q, exchange=True)
                    self.columns.append(column)
                    self.attempts += 1
                self.rounds += 1
                value = column.value(now) - now @ self.budgets.rows.D
                if value > bound:
                    bound, centre = value, now
        return time_share(*self.table())[0]

    @property
    def on_a_line(self) -> bool:
        """Whether contiguous cells are all there is to search: one dimension, one measure."""
        return self.budgets.x.shape[1] == len(self.budgets.metrics) == 1

    def climb(self, prices: np.ndarray) -> np.ndarray:
        """Add contiguous cells at prices that follow what they spend; the prices of the best bound among them, (R,).

        A row that spends too much grows dearer, one that spends too little cheaper: multiplicative weights, whose
        average meets the budgets (Plotkin, Shmoys and Tardos 1995). Then cells that meet all by themselves.
        """
        rows, D = self.budgets.rows, np.maximum(self.budgets.rows.D, TINY)
        now, best, found = prices, -np.inf, prices
        for _ in range(CLIMB):
            priced = Priced(self.budgets, self.budgets.pin(now))
            column = self.settled(self.contiguous_cells(priced), priced)
            value = column.value(priced.multipliers) - priced.multipliers @ rows.D
            best, found = (value, now) if value > best else (best, found)
            now = now * np.exp(STEP * np.clip(column.E / D - 1, -1, 3))
        if not self.close(found):
            self.alone(prices)
        return found

    def radii(self) -> tuple[np.ndarray, np.ndarray]:
        """(which rows count one letter alone, (R,) flags; how near that lets the codeword of each letter be, (n,))."""
        rows, p = self.budgets.rows, self.budgets.p
        single = (np.count_nonzero(rows.weights * (p > 0), axis=1) == 1) & ((rows.weights > 0) @ p > 0)
        radius, ulp = np.full(len(p), np.inf), 2 * np.spacing(abs(self.budgets.source.x).max())
        for r in np.flatnonzero(single):
            i = int(np.argmax(rows.weights[r] * p))
            most = rows.D[r] / (rows.weights[r, i] * p[i] * self.budgets.metrics[0, 0, 0])
            radius[i] = min(radius[i], max(np.sqrt(most) * (1 - 1e-13) - ulp, 0.0))
        return single, radius

    def close(self, prices: np.ndarray) -> bool:
        """Whether the rows are budgets of disjoint runs of letters, or of one each; the best cells alone are added."""
        rows, p = self.budgets.rows, self.budgets.p
        single, radius = self.radii()
        order = np.argsort(self.budgets.x[:, 0], kind="stable")
        counted = (rows.weights[~single] > 0)[:, order] & (p[order] > 0)
        crowded = len(p) > NODES and np.isfinite(radius).any()
        if crowded or (counted.sum(axis=0) > 1).any() or (np.diff(counted, axis=1).sum(axis=1) > 2).any():
            return False
        owner = np.where(counted.any(axis=0), counted.argmax(axis=0) if len(counted) else 0, -1)
        edges = np.flatnonzero(np.diff(owner)) + 1
        first = owner[np.append(0, edges)]
        share = self.budgets.metrics[0, 0, 0] * (rows.weights[~single].sum(axis=0) * p)[order]
        D, priced = (
            np.where(first >= 0, values[~single][first] if len(counted) else 0, none)
            for values, none in ((rows.D, np.inf), (prices, 0.0))
        )
        run = np.repeat(np.arange(len(first)), np.diff(np.concatenate([[0], edges, [len(p)]])))
        runs = Runs(self.budgets.x[order, 0], p[order], share, run, D, radius[order])
        best = self.columns[cheapest_alone(*self.table())]
        known = [np.flatnonzero(np.diff(column.cells[order])) + 1 for column in self.columns[-KEEP:]]
        one = len(D) == 1  # whose price moves no codeword
        nodes = among(len(p), [edges, *known], NODES if one else NODES // 2)
        found = closed(runs, priced, best.rate, nodes=nodes, rounds=CLIMB if one else ASCENT)
        if found is not None:
            cells = np.empty(len(order), int)
            cells[order] = np.repeat(np.arange(len(found[1])), np.diff(found[0]))
            self.columns.append(Column(self.budgets, cells, found[1][:, None]))
            self.attempts += 1
        return True

    def alone(self, prices: np.ndarray) -> None:
        """Add contiguous cells that meet all budgets by themselves, a letter's own budget as a largest error."""
        p, D = self.budgets.p, np.maximum(self.budgets.rows.D, TINY)
        single, radius = self.radii()
        now = np.where(single, 0.0, prices)
        for t in range(CLIMB if not single.all() else 1):
            priced = Priced(self.budgets, self.budgets.pin(now) * ~single)
            order, weight = self.in_order(priced)
            found = tolerant(self.budgets.x[order, 0], p[order], weight, radius[order])
            if found is None:
                break
            edges, y = found
            cells = np.empty(len(order), int)
            cells[order] = np.repeat(np.arange(len(y)), np.diff(edges))
            self.columns.append(column := Column(self.budgets, cells, y[:, None]))
            self.attempts += 1
            over = np.clip(column.E / D, 0.3, 3.0)
            now = now * (over ** (1 / (1 + t / 5)) if t < CLIMB // 2 else np.where(over > 1, 1.1 * over, 1.0))
            if t >= CLIMB // 2 and over.max() <= 1:
                break
        self.descend_alone(radius)

    def descend_alone(self, radius: np.ndarray) -> None:
        """Add what moving edges makes of the best contiguous columns that meet the budgets by themselves."""
        rows, M = self.budgets.rows, self.budgets.metrics[0, 0, 0]
        met = [column for column in self.columns[2:] if (column.E <= rows.D * (1 + 1e-12)).all()]
        order = np.argsort(self.budgets.x[:, 0], kind="stable")
        x, p, w = self.budgets.x[order, 0], self.budgets.p[order], rows.weights[:, order]
        for column in sorted(met, key=lambda column: column.rate)[:KEEP]:
            cells = column.cells[order]
            edges = np.concatenate([[0], np.flatnonzero(np.diff(cells)) + 1, [len(x)]])
            weight = M * p * ((column.E > 0) / np.maximum(rows.D, TINY) @ w)
            found, y = Constrained(x, p, M * p * w, rows.D, weight, radius[order]).descended(edges)
            cells[order] = np.repeat(np.arange(len(y)), np.diff(found))
            self.columns.append(Column(self.budgets, cells, y[:, None]))
            self.attempts += 1

    def settled(self, cells: np.ndarray, priced: Priced) -> Column:
        """The column of cells (n,) with their priced centroids, which is added."""
        column = Column(self.budgets, cells, priced.codewords(cells, cells.max() + 1))
        self.columns.append(column)
        self.attempts += 1
        return column

    def table(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
        """(H (T,) nats, E (T, R), D (R,), names (R,)) of the columns and the budgets."""
        rates, E = np.array([c.rate for c in self.columns]), np.array([c.E for c in self.columns])
        return rates, E, self.budgets.rows.D, self.budgets.rows.names

    def explore(self, prices: np.ndarray) -> None:
        """Add the columns that the starts reach at these prices."""
        rows, far = self.budgets.rows, (self.budgets.x**2).sum(axis=1).max()
        unit = self.columns[1].E + 1e-9 * far * (rows.weights @ self.budgets.p) + TINY  # zero where a row has one point
        key = lambda column: (round(column.rate, 12), *np.round(column.E / unit, 12))
        priced, known = Priced(self.budgets, self.budgets.pin(prices)), set(map(key, self.columns))
        self.rounds += 1
        for exchange, y, q in self.starts(priced):
            self.attempts += 1
            column = descend(priced, y, q, exchange=exchange)
            if key(column) not in known:
                known.add(key(column))
                self.columns.append(column)

    def starts(self, priced: Priced) -> Iterator[tuple[bool, np.ndarray, np.ndarray]]:
        """Yields (whether to move single letters, y (m, k), q (m,)) of each start."""
        value = lambda column: column.value(priced.multipliers)
        for kind in self.kinds:
            if kind == "columns":
                yield from [(True, column.y, column.q) for column in sorted(self.columns, key=value)[:KEEP]]
            elif kind == "cells" and self.on_a_line:
                yield False, *self.contiguous(priced)
            elif kind == "anneal":
                yield from [(False, *start) for start in self.given]
                for y, q in self.given + [self.random() for _ in range((self.restarts + 1) // 2)]:
                    *_, (_, y, Q) = path(priced, y, q, TEMPERATURES, max_iter=30, tol=1e-5)
                    yield False, y, np.maximum(priced.p @ Q, 1e-12)
            elif kind == "random":
                for _ in range(self.restarts):
                    yield False, *self.random()
                    yield False, *self.shaken(min(self.columns, key=value))

    def random(self) -> tuple[np.ndarray, np.ndarray]:
        """Random letters as codewords, of random number, equally likely: y (m, k), q (m,)."""
        p = self.budgets.p
        most = min(int((p > 0).sum()), 64)
        m = int(np.exp(self.rng.uniform(np.log(min(2, most)), np.log(most + 1))))
        m = min(max(m, 1), most)
        return self.budgets.x[self.rng.choice(len(p), m, replace=False, p=p)], np.full(m, 1 / m)

    def shaken(self, column: Column) -> tuple[np.ndarray, np.ndarray]:
        """A column with a few codewords moved to random letters: y (m, k), q (m,)."""
        kept = self.rng.random(len(column.q)) < 0.8
        fresh = self.rng.choice(len(self.budgets.p), 1 + np.count_nonzero(~kept), p=self.budgets.p)
        y = np.vstack([column.y[kept], self.budgets.x[fresh]])
        return y, np.append(column.q[kept], np.full(len(fresh), 1 / len(y)))

    def contiguous(self, priced: Priced) -> tuple[np.ndarray, np.ndarray]:
        """The contiguous cells of least H + lam . E: y (m, 1), q (m,)."""
        cells = self.contiguous_cells(priced)
        return priced.codewords(cells, cells.max() + 1), np.bincount(cells, priced.p)

    def contiguous_cells(self, priced: Priced) -> np.ndarray:
        """The contiguous cells of least H + lam . E, (n,)."""
        order, weight = self.in_order(priced)
        (edges,) = Cells(self.budgets.x[order, 0], priced.p[order], weight).best(np.ones(1))
        cells = np.empty(len(order), int)
        cells[order] = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
        return cells

    def in_order(self, priced: Priced) -> tuple[np.ndarray, np.ndarray]:
        """(the letters in ascending order, (n,); what the squared error of each costs, in that order, (n,) nats)."""
        order = np.argsort(self.budgets.x[:, 0], kind="stable")
        return order, (priced.p * priced.theta[0] * self.budgets.metrics[0, 0, 0])[order]

    def encoder(self, column: Column) -> Encoder:
        """The encoder of a column on the source as it was given."""
        source, cells = self.budgets.source, column.cells[self.budgets.letter]
        y = snap(source.x, cells, column.y + source.mean, self.budgets.exact[self.budgets.letter])
        return from_labels(source, cells, y)
