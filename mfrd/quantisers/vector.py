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

from ..codebooks.priced import Budgets, Priced
from ..problems.binning import LETTERS
from ..problems.distortion import squared_error
from ..problems.fidelity import Fidelity
from ..problems.problem import Problem
from ..problems.resolution import resolved
from ..problems.source import Source
from ..solvers.encoder import Encoder
from ..solvers.outcome import Stats, Status
from .annealing import TEMPERATURES, path
from .cells import from_labels, snap
from .descent import Column, descend
from .partition import Cells
from .quantiser import Quantiser, cheapest_alone, time_share
from .scalar import NARROW, ecsq

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
        At most R + 1 parts for R budget rows, status "found"; every budget met to rounding. Y_t is a function of the
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
    checked = Problem(source, source.shaped(source.mean[None]), fidelities)  # type: ignore[arg-type]
    given = tuple(checked.fidelities)
    if convex is not None and getattr(convex, "encoder", None) is None:
        said = f"convex is {convex!r}; expected a Solution with an encoder, or a result of mfrd.limit"
        raise ValueError(f"{said}: raise the budgets of an infeasible one")
    if source.x.shape[1] == 1 and kinds == STARTS and len(given) == 1 and everywhere(given[0]):
        return ecsq(source, given[0].D, bound=bound)
    source, given = resolved(source, given)
    exact = all(f.D == 0 for f in given) and any(f.on is None for f in given)
    if exact or source.within.any() and len(source.p) > LETTERS:
        return apart(source, given, bound, began)
    search = ColumnSearch(Budgets(source, given), kinds, restarts, np.random.default_rng(rng))
    prices = search.follow(convex) if convex is not None else []
    weights = search.run(prices, rounds, patience)
    parts = tuple((float(w), search.encoder(column)) for w, column in zip(weights, search.columns) if w > 0)
    safe = search.encoder(search.columns[cheapest_alone(*search.table())])
    stats = Stats(search.rounds, perf_counter() - began, search.attempts, "column search")
    return Quantiser(source, search.budgets.rows.fidelities, parts, safe, BEST_FOUND, bound, Status.FOUND, stats)


def everywhere(fidelity: Fidelity) -> bool:
    """Whether a fidelity is one of squared error on all letters, as ecsq takes it."""
    return fidelity.on is None and fidelity.per != "letter" and fidelity.distortion is squared_error


def apart(source: Source, fidelities: tuple[Fidelity, ...], bound: Any, began: float) -> Quantiser:
    """The quantiser with each letter of a source of samples in a cell of its own, as narrow as the budgets ask."""
    encoder, stats = from_labels(source, np.arange(len(source.p))), Stats(0, perf_counter() - began, 1, "uniform cells")
    return Quantiser(source, fidelities, ((1.0, encoder),), encoder, NARROW, bound, Status.FOUND, stats)


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

    def table(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
        """(H (T,) nats, E (T, R), D (R,), names (R,)) of the columns and the budgets."""
        rates, E = np.array([c.rate for c in self.columns]), np.array([c.E for c in self.columns])
        return rates, E, self.budgets.rows.D, self.budgets.rows.names

    def explore(self, prices: np.ndarray) -> None:
        """Add the columns that the starts reach at these prices."""
        unit = self.columns[1].E + np.finfo(float).tiny
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
            elif kind == "cells" and self.budgets.x.shape[1] == len(self.budgets.metrics) == 1:
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
        order = np.argsort(self.budgets.x[:, 0], kind="stable")
        weight = (priced.p * priced.theta[0] * self.budgets.metrics[0, 0, 0])[order]
        (edges,) = Cells(self.budgets.x[order, 0], priced.p[order], weight).best([1.0])
        cells = np.empty(len(order), int)
        cells[order] = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
        return priced.codewords(cells, len(edges) - 1), np.bincount(cells, priced.p)

    def encoder(self, column: Column) -> Encoder:
        """The encoder of a column on the source as it was given."""
        source, cells = self.budgets.source, column.cells[self.budgets.letter]
        y = snap(source.x, cells, column.y + source.mean, self.budgets.exact[self.budgets.letter])
        return from_labels(source, cells, y)
