"""Entropy-constrained vector quantisation: any dimension, any number of quadratic budgets.

At fixed prices the Lagrangian H(Y) + lam . E has many local minima; each search from a start finds one,
a column (H, E) of the linear program that time-shares the columns to meet the budgets. Its dual
prices are the next lam (Dantzig and Wolfe 1960), until no start finds a column that lowers the rate.
The result is feasible and the best found; only the lower bound beside it is certified.
"""

import numpy as np

from .annealing import TEMPERATURES, path
from .descent import Column, descend, snap
from .priced import Budgets, Priced
from .quantiser import Quantiser, from_labels, time_share
from .scalar import Cells

BEST_FOUND = "best found: multi-start search, an upper bound that only the lower bound judges"
STARTS = ("columns", "cells", "anneal", "random")
GAIN = 1e-9  # nats a round must gain to count
KEEP = 6  # columns refined again at new prices


def ecvq(source, fidelities, *, rng=0, starts=STARTS, restarts=6, rounds=40, patience=3, convex=None, bound=None):
    """The least time-shared H(Y) found over quantisers of any dimension within all budgets.

        min sum_t w_t H(Y_t)  s.t.  sum_t w_t sum_i p_i w_ri d_r(x_i, Y_t(x_i)) <= D_r  for each row r.

    source: Source; fidelities: one or more Fidelity with squared error or Mahalanobis, any form;
    rng: numpy Generator or integer seed; starts: one or more of "columns" (the best encoders so far, refined
    at the new prices, single letters moved too), "cells" (in one dimension the best contiguous cells at these prices),
    "anneal" (deterministic annealing) and "random" (random letters as codewords, and the best encoder
    with some of its codewords moved to random letters); restarts: random and annealed starts a
    round; rounds: price updates at most; patience: rounds without gain before it ends; convex: a
    Solution or a result of mfrd.limit, whose codebook and prices start the search too; bound: what
    `.lower_bound` reports, a result of mfrd.limit or a number of bits.
    -> Quantiser, at most R + 1 parts for R budget rows; every budget met to rounding. Y_t is a function of the
    point: letters that are the same point share a codeword, whatever their budgets.

    Raises ValueError for unknown starts, a convex result without an encoder, and measures that are not quadratic.
    Source: Chou, Lookabaugh and Gray (1989).
    """
    starts = (starts,) if isinstance(starts, str) else tuple(starts)
    if not starts or any(s not in STARTS for s in starts):
        raise ValueError(f"starts are {starts!r}; expected some of {', '.join(STARTS)}")
    search = Search(Budgets(source, fidelities), starts, restarts, np.random.default_rng(rng), convex)
    weights = search.run(rounds, patience)
    parts = tuple((float(w), search.encoder(column)) for w, column in zip(weights, search.columns) if w > 0)
    return Quantiser(source, search.budgets.rows.fidelities, parts, search.encoder(search.safest()), BEST_FOUND, bound)


class Search:
    """The columns found, and the rounds of prices and starts that find more."""

    def __init__(self, budgets, starts, restarts, rng, convex):
        self.budgets, self.starts, self.restarts, self.rng = budgets, starts, restarts, rng
        self.codebook, self.convex_prices = None, []
        if convex is not None:
            if getattr(convex, "encoder", None) is None:
                raise ValueError(
                    f"convex is {convex!r}; expected a Solution with an encoder, or a result of mfrd.limit: "
                    "raise the budgets of an infeasible one"
                )
            prices = np.shape(getattr(convex, "multipliers", None)) == budgets.rows.D.shape
            self.convex_prices = [convex.multipliers] if prices else []
            q = convex.encoder.output_pmf
            y = convex.encoder.y - budgets.source.mean
            self.codebook = y[q > 1e-6], q[q > 1e-6] / q[q > 1e-6].sum()
        _, identity = np.unique(budgets.x, axis=0, return_inverse=True)
        identity = identity.ravel()
        flat = Priced(budgets, np.ones(len(budgets.rows)))
        self.columns = [  # every letter its own codeword meets all budgets; one codeword costs nothing
            Column(budgets, identity, flat.codewords(identity, identity.max() + 1)),
            Column(budgets, np.zeros(len(budgets.x), int), flat.codewords(np.zeros(len(budgets.x), int), 1)),
        ]

    def run(self, rounds, patience):
        """The shares of the columns once `patience` rounds of prices lower the rate no further."""
        for prices in (*self.convex_prices, *np.outer((0.5, 1.0, 2.0), self.guess())):
            self.explore(prices)
        weights, prices, rate = self.share()
        idle = 0
        for _ in range(rounds):
            self.explore(prices)
            weights, prices, lower = self.share()
            idle = 0 if lower < rate - GAIN else idle + 1
            rate = min(rate, lower)
            if idle >= patience:
                break
        return weights

    def guess(self):
        """Prices of high resolution, -dR/dD_r = P(S_r) k / (2 D_r) nats, before any are known."""
        mass = (self.budgets.rows.weights > 0) @ self.budgets.p
        spread = self.columns[1].E
        return mass * self.budgets.x.shape[1] / (2 * np.maximum(self.budgets.rows.D, 1e-6 * spread + 1e-300))

    def share(self):
        weights, prices = time_share(
            [c.rate for c in self.columns], [c.E for c in self.columns], self.budgets.rows.D, self.budgets.rows.names
        )
        return weights, prices, float(weights @ [c.rate for c in self.columns])

    def explore(self, prices):
        """Add the columns that the starts reach at these prices."""
        priced = Priced(self.budgets, self.budgets.pin(prices))
        known = {(round(c.rate, 12), *np.round(c.E, 12)) for c in self.columns}
        for column in self.found(priced):
            key = (round(column.rate, 12), *np.round(column.E, 12))
            if key not in known:
                known.add(key)
                self.columns.append(column)

    def found(self, priced):
        p, x = self.budgets.p, self.budgets.x
        for kind in self.starts:
            if kind == "columns":
                best = sorted(self.columns, key=lambda c: c.value(priced.multipliers))[:KEEP]
                for column in best:
                    yield descend(priced, column.y, np.bincount(column.cells, p), exchange=True)
            elif kind == "cells" and x.shape[1] == 1 and len(self.budgets.metrics) == 1:
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

    def random(self):
        """Random letters as codewords, of random number, equally likely: (y, q)."""
        p = self.budgets.p
        most = min(int((p > 0).sum()), 64)
        m = int(np.exp(self.rng.uniform(np.log(min(2, most)), np.log(most + 1))))
        m = min(max(m, 1), most)
        letters = self.rng.choice(len(p), m, replace=False, p=p)
        return self.budgets.x[letters], np.full(m, 1 / m)

    def shaken(self, priced):
        """The best column at these prices with a few codewords moved to random letters: (y, q)."""
        best = min(self.columns, key=lambda c: c.value(priced.multipliers))
        q = np.bincount(best.cells, priced.p)
        kept = self.rng.random(len(q)) < 0.8
        fresh = self.rng.choice(len(priced.p), 1 + np.count_nonzero(~kept), p=priced.p)
        y = np.vstack([best.y[kept], self.budgets.x[fresh]])
        return y, np.append(q[kept], np.full(len(fresh), 1 / len(y)))

    def annealed(self, priced, y, q):
        *_, (_, y, Q) = path(priced, y, q, TEMPERATURES, max_iter=30, tol=1e-5)
        return descend(priced, y, np.maximum(priced.p @ Q, 1e-12))

    def contiguous(self, priced):
        """The contiguous cells of least H + lam . E, then Lloyd, which may leave contiguity."""
        order = np.argsort(self.budgets.x[:, 0], kind="stable")
        weight = (priced.p * priced.theta[0] * self.budgets.metrics[0, 0, 0])[order]
        edges = Cells(self.budgets.x[order, 0], priced.p[order], weight).best([1.0])[0]
        cells = np.empty(len(order), int)
        cells[order] = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
        y = priced.codewords(cells, len(edges) - 1)
        return descend(priced, y, np.bincount(cells, priced.p))

    def safest(self):
        """The column of least rate that meets every budget alone."""
        D = self.budgets.rows.D
        safe = [c for c in self.columns if (c.E <= D * (1 + 1e-12)).all()]
        return min(safe, key=lambda c: c.rate)

    def encoder(self, column):
        source, letter = self.budgets.source, self.budgets.letter
        cells = column.cells[letter]
        y = snap(source.x, cells, column.y + source.mean, self.budgets.exact[letter])
        return from_labels(source, cells, y)
