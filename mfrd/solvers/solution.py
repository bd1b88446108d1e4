"""The solution: an encoder, the dual variables that certify it, and what both say."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..problems.problem import Problem
from .certificate import lower_bound
from .outcome import Stats, Status, decade

ZERO = 1e-9  # bits: a lower bound up to this is that of a rate of zero


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

    Attributes
    ----------
    rate, lower_bound, gap : float
        I(X;Y), what no encoder within the budgets goes below, and the difference, bits.
    prices, distortions : dict of float
        By fidelity name, in bits per unit distortion and in units of distortion.
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
        bound = max(0.0, lower_bound(self.problem, self.multipliers, self.potentials))
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

        Infinite where the budget lies on the least reachable value, some encoder exceeds it and the rate is not zero;
        no number where infeasible.
        """
        prices, edges = self.multipliers.copy(), self.problem.edges
        for edge in edges.found if self.encoder is not None else ():
            if edges.left[edge.row] <= 0:
                prices[edge.row] = np.inf if edge.above < np.inf and self.lower_bound > ZERO else 0.0
        return self.problem.rows.prices(prices)

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
