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

from ..problems.fidelity import Fidelity
from ..problems.source import Source
from ..solvers.encoder import Encoder
from ..solvers.outcome import Stats, Status
from .annealing import TEMPERATURES, path
from .cells import from_labels, snap
from .descent import Column, descend
from .priced import Budgets, Priced
from .quantiser import Quantiser, cheapest_alone, time_share
from .scalar import Cells

BEST_FOUND = "best found: multi-start search, an upper bound that only the lower bound judges"
STARTS = ("columns", "cells", "anneal", "random")
GAIN = 1e-9  # nats a round must gain to count
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
        Squared error or Mahalanobis, any form.
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
        At most R + 1 parts for R budget rows, status "found"; every budget met to rounding. Y_t is a function of the
        point: letters that are the same point share a codeword, whatever their budgets.

    Raises
    ------
    ValueError
        For unknown starts, a convex result without an encoder, and measures that are not quadratic.

    References
    ----------
    Chou, Lookabaugh and Gray (1989).
    """
    began, starts = perf_counter(), (starts,) if isinstance(starts, str) else tuple(starts)
    if not starts or any(s not in STARTS for s in starts):
        raise ValueError(f"starts are {starts!r}; expected some of {', '.join(STARTS)}")
    search = ColumnSearch(Budgets(source, fidelities), starts, restarts, np.random.default_rng(rng), convex)
    weights, rows = search.run(rounds, patience), search.budgets.rows
    parts = tuple((float(w), search.encoder(column)) for w, column in zip(weights, search.columns) if w > 0)
    safe = search.encoder(search.columns[cheapest_alone(search.rates, search.E, rows.D, rows.names)])
    stats = Stats(search.rounds, perf_counter() - began, search.attempts, "column search")
    return Quantiser(source, rows.fidelities, parts, safe, BEST_FOUND, bound, Status.FOUND, stats)


class ColumnSearch:
    """The columns found, and the rounds of prices and starts that find more.

    .columns: list of Column; .rates (T,) nats and .E (T, R) of them; .rounds of prices; .attempts: starts tried.
    """

    def __init__(
        self, budgets: Budgets, starts: Sequence[str], restarts: int, rng: np.random.Generator, convex: Any
    ) -> None:
        self.budgets, self.starts, self.restarts, self.rng = budgets, starts, restarts, rng
        self.codebook, self.convex_prices, self.rounds, self.attempts = None, [], 0, 0
        if convex is not None:
            if getattr(convex, "encoder", None) is None:
                raise ValueError(
                    f"convex is {convex!r}; expected a Solution with an encoder, or a result of mfrd.limit: "
                    "raise the budgets of an infeasible one"
                )
            if np.shape(getattr(convex, "multipliers", None)) == budgets.rows.D.shape:
                self.convex_prices = [convex.multipliers]
            used = convex.encoder.output_pmf > 1e-6
            q = convex.encoder.output_pmf[used]
            self.codebook = convex.encoder.y[used] - budgets.source.mean, q / q.sum()
        flat, n = Priced(budgets, np.ones(len(budgets.rows))), len(budgets.x)
        # every letter its own codeword meets all budgets; one codeword costs nothing
        ends = np.unique(budgets.x, axis=0, return_inverse=True)[1].ravel(), np.zeros(n, int)
        self.columns = [Column(budgets, cells, flat.codewords(cells, cells.max() + 1)) for cells in ends]

    @property
    def rates(self) -> np.ndarray:
        return np.array([column.rate for column in self.columns])

    @property
    def E(self) -> np.ndarray:
        return np.array([column.E for column in self.columns])

    def run(self, rounds: int, patience: int) -> np.ndarray:
        """The shares of the columns once `patience` rounds of prices lower the rate no further."""
        for prices in (*self.convex_prices, *np.outer((0.5, 1.0, 2.0), self.guess())):
            self.explore(prices)
        (weights, prices), idle = self.share(), 0
        rate = weights @ self.rates
        for _ in range(rounds):
            self.explore(prices)
            weights, prices = self.share()
            lower = weights @ self.rates
            idle = 0 if lower < rate - GAIN else idle + 1
            rate = min(rate, lower)
            if idle >= patience:
                break
        return weights

    def guess(self) -> np.ndarray:
        """Prices of high resolution, -dR/dD_r = P(S_r) k / (2 D_r) nats, before any are known, (R,)."""
        mass = (self.budgets.rows.weights > 0) @ self.budgets.p
        least = 1e-6 * self.columns[1].E + 1e-300
        return mass * self.budgets.x.shape[1] / (2 * np.maximum(self.budgets.rows.D, least))

    def share(self) -> tuple[np.ndarray, np.ndarray]:
        """The shares of the columns, (T,), and the prices of the budgets, (R,), at the least time-shared rate."""
        return time_share(self.rates, self.E, self.budgets.rows.D, self.budgets.rows.names)

    def explore(self, prices: np.ndarray) -> None:
        """Add the columns that the starts reach at these prices."""
        key = lambda column: (round(column.rate, 12), *np.round(column.E, 12))
        priced, known = Priced(self.budgets, self.budgets.pin(prices)), set(map(key, self.columns))
        self.rounds += 1
        for column in self.found(priced):
            self.attempts += 1
            if key(column) not in known:
                known.add(key(column))
                self.columns.append(column)

    def found(self, priced: Priced) -> Iterator[Column]:
        """Yields the column that each start reaches."""
        for kind in self.starts:
            if kind == "columns":
                for column in sorted(self.columns, key=lambda c: c.value(priced.multipliers))[:KEEP]:
                    yield descend(priced, column.y, column.q, exchange=True)
            elif kind == "cells" and self.budgets.x.shape[1] == len(self.budgets.metrics) == 1:
                yield self.contiguous(priced)
            elif kind == "anneal":
                if self.codebook is not None:
                    yield descend(priced, *self.codebook)
                    yield self.annealed(priced, *self.codebook)
                for _ in range((self.restarts + 1) // 2):
                    yield self.annealed(priced, *self.random())
            elif kind == "random":
                for _ in range(self.restarts):
                    yield descend(priced, *self.random())
                    yield descend(priced, *self.shaken(priced))

    def random(self) -> tuple[np.ndarray, np.ndarray]:
        """Random letters as codewords, of random number, equally likely: y (m, k), q (m,)."""
        p = self.budgets.p
        most = min(int((p > 0).sum()), 64)
        m = int(np.exp(self.rng.uniform(np.log(min(2, most)), np.log(most + 1))))
        m = min(max(m, 1), most)
        return self.budgets.x[self.rng.choice(len(p), m, replace=False, p=p)], np.full(m, 1 / m)

    def shaken(self, priced: Priced) -> tuple[np.ndarray, np.ndarray]:
        """The best column at these prices with a few codewords moved to random letters: y (m, k), q (m,)."""
        best = min(self.columns, key=lambda c: c.value(priced.multipliers))
        kept = self.rng.random(len(best.q)) < 0.8
        fresh = self.rng.choice(len(priced.p), 1 + np.count_nonzero(~kept), p=priced.p)
        y = np.vstack([best.y[kept], self.budgets.x[fresh]])
        return y, np.append(best.q[kept], np.full(len(fresh), 1 / len(y)))

    def annealed(self, priced: Priced, y: np.ndarray, q: np.ndarray) -> Column:
        """The column that annealing from codewords y of masses q ends at."""
        *_, (_, y, Q) = path(priced, y, q, TEMPERATURES, max_iter=30, tol=1e-5)
        return descend(priced, y, np.maximum(priced.p @ Q, 1e-12))

    def contiguous(self, priced: Priced) -> Column:
        """The contiguous cells of least H + lam . E, then Lloyd, which may leave contiguity."""
        order = np.argsort(self.budgets.x[:, 0], kind="stable")
        weight = (priced.p * priced.theta[0] * self.budgets.metrics[0, 0, 0])[order]
        (edges,) = Cells(self.budgets.x[order, 0], priced.p[order], weight).best([1.0])
        cells = np.empty(len(order), int)
        cells[order] = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
        return descend(priced, priced.codewords(cells, len(edges) - 1), np.bincount(cells, priced.p))

    def encoder(self, column: Column) -> Encoder:
        """The encoder of a column on the source as it was given."""
        source, letter = self.budgets.source, self.budgets.letter
        y = snap(source.x, column.cells[letter], column.y + source.mean, self.budgets.exact[letter])
        return from_labels(source, column.cells[letter], y)
