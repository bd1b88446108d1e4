"""The solution: an encoder, the dual variables that certify it, and what both say."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..problems.problem import Problem
from ..problems.units import NATS_PER_BIT
from .certificate import lower_bound
from .face import ranges
from .outcome import Stats, Status, binds, decade

ROUNDINGS = 1e-13  # relative, more than those of a sum of prices and of a few operations after it
ZERO = 1e-9  # bits: a lower bound up to this is that of a rate of zero


def distortion_bound(D: float, least: float, short: float, price: float) -> float:
    """D + short / price rounded down, or `least` where that is more: where the tangent at D has reached the rate.

    short: the tangent's height at D less that rate, bits; price: bits per unit distortion; both of few roundings.
    """
    step = short / price if price > 0 else -np.inf
    return max(least * (1 - ROUNDINGS), D + step - ROUNDINGS * (D + abs(step)))


def independent(problem: Problem) -> np.ndarray:
    """The least that each row reaches with Y independent of X, min_j sum_i p_i w_ri d_ij, rounded down, (R,)."""
    rows, n = problem.rows, problem.n
    found = np.full(len(rows), np.inf)
    for block in problem.blocks():
        for g in range(len(rows.measures)):
            of_g = rows.measure == g
            d = np.minimum(problem.distortion(g, block), 1e300)  # no weight on what is forbidden is no weight
            means = (rows.weights[of_g] * problem.source.p) @ d
            found[of_g] = np.minimum(found[of_g], means.min(axis=1))
    return found * (1 - (n + 12) * 2.0**-53)


class NotCertified(RuntimeError):
    """No solver returned an answer whose certified gap is within tolerance; the message has each one's reason."""


@dataclass(frozen=True, eq=False)
class Solution:
    """A feasible encoder of a problem with dual variables that bound every other one from below.

        lower_bound <= R <= rate

    Parameters
    ----------
    problem : Problem
    encoder : Encoder or None
        None where the status is "infeasible".
    multipliers : (R,) array
        lam, nats per unit distortion, one a budget row.
    potentials : (n,) array
        a, nats, up to a constant, which changes no bound: that of the likeliest letter for its excesses.
    stats : Stats
        What it cost: .iterations, .seconds, .attempts, .backend.
    status : Status
        "optimal" (gap within tolerance) or "infeasible" (an entry of rd_curve).
    given : tuple of str
        The fidelities whose price was given: their budgets are what the encoder spends.
    bits : float, optional
        The rate at which the least distortion was sought; where it was not, the encoder's own.

    Attributes
    ----------
    rate, lower_bound, gap : float
        I(X;Y), what no encoder within the budgets goes below, and the difference, bits.
    prices, distortions : dict of float
        By fidelity name, in bits per unit distortion and in units of distortion.
    letter_prices : dict of (n,) arrays
        Of each fidelity per="letter", by name: bits per unit of E[d | X = x_i], letter by letter.
    ranges : dict of (float, float)
        By fidelity name, the least and the largest distortion at which R has the slope of that price.
    distortion_bounds : dict of float
        By fidelity name, what no encoder of at most `bits` and within the other budgets goes below.
    binds : dict of bool
        By fidelity name, whether its price can be told from zero: the whole budget is worth more than 1e-6 bits.
    on_edge : tuple of str
        The fidelities whose budget lies below the least this codebook reaches, by no more than rounding.
    solver : str
        Who proposed the dual variables.
    """

    problem: Problem
    encoder: Any  # Encoder, or None
    multipliers: np.ndarray
    potentials: np.ndarray
    stats: Stats = Stats()
    status: Status = Status.OPTIMAL
    given: tuple[str, ...] = ()
    bits: float | None = None

    @property
    def solver(self) -> str:
        """Who proposed the dual variables."""
        return self.stats.backend

    @cached_property
    def rate(self) -> float:
        """I(X;Y) of the encoder in bits; infinite where no encoder meets the budgets."""
        return np.inf if self.encoder is None else self.encoder.rate

    @cached_property
    def lower_bound(self) -> float:
        """The certificate in bits, from the dual variables alone; infinite where infeasible."""
        if self.encoder is None:
            return np.inf
        return max(0.0, self.certificate)

    @cached_property
    def certificate(self) -> float:
        """What .multipliers and .potentials prove, bits, below zero too: a tangent, whose slope bounds other budgets.

        No number where infeasible.
        """
        bound = lower_bound(self.problem, self.multipliers, self.potentials) if self.encoder is not None else np.nan
        return min(bound, self.rate) if self.on_edge else bound  # nothing meets such budgets, so all bounds hold

    @property
    def on_edge(self) -> tuple[str, ...]:
        """The fidelities whose budget is solved as if on its least, since only rounding takes it below."""
        below = self.problem.slack_up < 0
        return tuple(f.name for k, f in enumerate(self.problem.fidelities) if below[self.problem.rows.owner == k].any())

    @property
    def gap(self) -> float:
        """rate - lower_bound in bits; not a number where infeasible."""
        return np.nan if self.encoder is None else self.rate - self.lower_bound

    @cached_property
    def prices(self) -> dict[str, float]:
        """-dR/dD of each fidelity by name, bits per unit distortion; for per="letter", of D on all letters.

        At a kink of R, where its slopes on the two sides differ, one of those between them: `solve_at_prices` says for
        any price where R has that slope. Infinite where the budget lies on the least reachable value, some encoder
        exceeds it and the rate is not zero; no number where infeasible.
        """
        return self.problem.rows.prices(self._row_prices)

    @cached_property
    def letter_prices(self) -> dict[str, np.ndarray]:
        """The price of each letter of every fidelity per="letter", by name, (n,), bits per unit of E[d | X = x_i].

        They sum to the fidelity's price; zero where the letter's budget does not bind or there is none.
        """
        rows, found = self.problem.rows, {}
        for k, f in enumerate(self.problem.fidelities):
            if f.per == "letter":
                own = rows.owner == k
                found[f.name] = np.zeros(self.problem.n)
                found[f.name][rows.weights[own].argmax(axis=1)] = self._row_prices[own] / NATS_PER_BIT
        return found

    @cached_property
    def _row_prices(self) -> np.ndarray:
        """The price of each budget row, (R,), nats per unit of its budget."""
        prices, edges = self.multipliers.copy(), self.problem.edges
        for edge in edges.found if self.encoder is not None else ():
            if edges.left[edge.row] <= 0 and self.problem.rows.names[edge.row] not in self.given:
                prices[edge.row] = np.inf if edge.above < np.inf and self.lower_bound > ZERO else 0.0
        return prices

    @cached_property
    def distortion_bounds(self) -> dict[str, float]:
        """What no encoder of at most .bits spends less of, the other budgets as given, by name.

        The certificate proves R(D') >= certificate - price (D' - D) for every budget D' of that name; at no bits at all
        Y is independent of X.
        """
        problem = self.problem
        bits = self.rate if self.bits is None else max(self.bits, self.rate)
        return {
            f.name: distortion_bound(
                f.D,
                float(
                    (independent(problem) if bits == 0 else problem.row_least)[problem.rows.owner == k].max(initial=0.0)
                ),
                self.certificate - bits,
                problem.rows.prices(self.multipliers)[f.name],
            )
            for k, f in enumerate(problem.fidelities)
        }

    @cached_property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """(D-, D+) of each fidelity by name: where R has the slope of its price, the other budgets as given.

        One point as a rule, an interval where R is straight, without end where the price is zero. At both ends the
        tangent that the certificate proves is reached, by an encoder, to a few gaps and 1e-11 bits.
        """
        return ranges(self)

    @property
    def binds(self) -> dict[str, bool]:
        """Of each fidelity by name, whether its price can be told from zero; False where infeasible."""
        return {f.name: binds(self.prices[f.name], f.D) for f in self.problem.fidelities}

    @cached_property
    def distortions(self) -> dict[str, float]:
        """What each budget bounds, by name; for per="letter" the largest over the letters."""
        if self.encoder is None:
            return {f.name: np.nan for f in self.problem.fidelities}
        return self.problem.rows.largest(self.encoder.spent(self.problem.rows))

    def summary(self) -> dict:
        """What a result file keeps: rate, certificate, entropies (bits), distortions, prices, solver.

        Of the gap the power of ten that it is not above, at least 1e-8: more digits differ from machine to machine.
        """
        if self.encoder is None:
            return {"I_bits": None, "status": str(self.status)}
        return {
            "I_bits": self.rate,
            "lower_bound_bits": self.lower_bound,
            "gap_bits": decade(self.gap),
            "H_Y_bits": self.encoder.output_entropy,
            "H_Y_given_X_bits": self.encoder.conditional_entropy,
            "distortions": self.distortions,
            "prices_bits": self.prices,
            "codewords": len(self.encoder.codebook),
            "solver": self.solver,
            "status": str(self.status),
        }

    def __repr__(self) -> str:
        if self.encoder is None:
            return "Solution(infeasible)"
        return (
            f"Solution({self.status}, rate {self.rate:.7g} bits, gap {self.gap:.1e}, "
            f"prices {self.prices}, {self.solver})"
        )

    def _repr_html_(self) -> str:
        from .display import table

        return table(self)
