"""Budgets on the least they reach, and the pairs of letter and codeword that they forbid.

Where D_r leaves nothing above sum_i p_i w_ri min_j e_ij, no encoder within the budgets uses a pair of more than the
least excess. Fewer pairs leave less to budgets of other measures, which may come to lie on their least in turn.
No finite price is optimal for such a budget: any at which the forbidden pairs vanish in exp(-s_ij) proves what there is
to prove. A budget barely above its least is treated alike where what it leaves is worth nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

NOTHING = 1e-12  # probability, given its letters, that what is left of a budget moves off the nearest codewords
NEAR = 1e-9  # of a typical distortion: what is left of a budget that may be on its least
VANISHING = 30.0  # nats by which the exponents of forbidden pairs exceed those that the budget itself leaves to them
SPARE = 50.0  # nats: the most that a budget leaves to them
NEGLIGIBLE_PROBABILITY = 1e-15  # the budget of one letter below it costs less than rounding: repair meets it


@dataclass(frozen=True, eq=False)
class Edge:
    """Row `row` on its least: `low`, w e there, of its `letters`, (n,) and boolean (n,).

    above: the least w (e - low) of the pairs it forbids, infinite where there are none; need: nats.
    """

    row: int
    letters: np.ndarray
    low: np.ndarray
    above: float
    need: float


@dataclass(frozen=True, eq=False)
class Edges:
    """The edges in the order found; pinned: which rows, (R,); idle: rows to leave out, (R,).

    forbidden: which pairs, those of infinite distortion among them, boolean (n, m), None where none is; left: what rows
    have above the allowed pairs, (R,).
    """

    found: list[Edge]
    pinned: np.ndarray
    idle: np.ndarray
    forbidden: np.ndarray | None
    left: np.ndarray

    @classmethod
    def of(cls, problem: Any) -> "Edges":
        """Those of a problem."""
        w, g, p, left = problem.rows.weights, problem.rows.measure, problem.source.p, problem.excess_budgets.copy()
        share = (w > 0) @ p
        idle = (share <= NEGLIGIBLE_PROBABILITY) & (np.count_nonzero(w, axis=1) == 1) & (left > 0)
        pinned = np.zeros(len(w), bool)
        found: list[Edge] = []
        rows = np.flatnonzero(((left <= NEAR * problem.units * (w @ p)) | (share == 0)) & ~idle)
        never = problem.never
        forbidden = np.zeros((problem.n, problem.m) if len(rows) else (0, 0), bool) if never is None else never.copy()
        while len(rows):
            before = len(found)
            for r in rows:
                letters = (w[r] > 0) & (p > 0)
                cost = w[r, letters, None] * problem.excess(g[r])[letters]
                cost[forbidden[letters]] = np.inf
                low = cost.min(axis=1)
                left[r] = problem.excess_budgets[r] - p[letters] @ low
                cost -= low[:, None]
                dearer = cost > (ulp := np.spacing(problem.rows.D[r]))  # less may be spent besides
                spends = p[letters, None] * cost  # what pairs spend that are all but as near as the nearest
                worst = spends.max(axis=1, initial=0.0, where=spends <= ulp)
                by_size = worst.argsort()
                few = by_size[worst[by_size].cumsum() <= ulp]  # letters whose pairs spend no more than that together
                dearer[few] &= spends[few] > ulp
                above = cost[dearer].min(initial=np.inf)
                moved = max(left[r] / above, 0.0) / share[r] if above < np.inf else 0.0
                if left[r] >= -problem.rounding[r] and moved <= NOTHING:
                    pinned[r] = True
                    forbidden[letters] |= dearer
                    found.append(Edge(r, letters, low, above, VANISHING - np.log(max(moved, np.exp(-SPARE)))))
            if len(problem.rows.measures) == 1 or len(found) == before:
                break
            rows = np.flatnonzero(~pinned & ~idle)
        return cls(found, pinned, idle, forbidden if found or never is not None else None, left)

    def allow(self, values: np.ndarray, columns: slice | np.ndarray, instead: float) -> np.ndarray:
        """values (n, columns), written to: `instead` on forbidden pairs."""
        if self.forbidden is not None:
            values[self.forbidden[:, columns]] = instead
        return values

    def multipliers(self, problem: Any, lam: np.ndarray, *, bare: bool = False) -> np.ndarray:
        """lam, (R,), with prices for the rows on their least, at which forbidden pairs vanish.

        bare: at which they are just no better than the best allowed pair.
        """
        lam = lam.copy()
        if not self.found:
            return lam
        ahead = np.zeros(problem.n)  # by how much later rows may favour a forbidden pair of a letter
        if len(problem.rows.measures) > 1:
            ahead = np.full(problem.n, np.inf)
            for block in problem.blocks():
                cost = self.allow(problem.exponents(lam, block), block, np.inf)
                ahead = np.minimum(ahead, cost.min(axis=1))
        for edge in reversed(self.found):
            need = ahead[edge.letters].max(initial=0.0) + (0.0 if bare else edge.need)
            lam[edge.row] = need / edge.above
            ahead[edge.letters] += lam[edge.row] * edge.low
        return lam
