"""The solution: an encoder, the dual variables that certify it, and what both say."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..problems.problem import Problem
from .certificate import lower_bound
from .encoder import Encoder
from .feasibility import pinned_prices

ROUNDING = 1e-9  # bits, of a lower bound that is zero


class NotCertified(RuntimeError):
    """No solver returned an answer whose certified gap is within tolerance."""


@dataclass(frozen=True, eq=False)
class Solution:
    """A feasible encoder of a problem with dual variables that bound every other one from below.

    problem: Problem; encoder: Encoder, or None where status is "infeasible"; multipliers: lam, (R,),
    nats per unit distortion, one a budget row; potentials: a, (n,), nats; solver: who proposed them;
    status: "optimal" (gap within tolerance) or "infeasible" (an entry of rd_curve).

    .rate = I(X;Y) and .lower_bound <= R <= .rate, .gap between them, in bits; .prices and
    .distortions by fidelity name.
    """

    problem: Problem
    encoder: Encoder | None
    multipliers: np.ndarray
    potentials: np.ndarray
    solver: str
    status: str = "optimal"

    @cached_property
    def rate(self):
        """I(X;Y) of the encoder in bits; infinite where no encoder meets the budgets."""
        return np.inf if self.encoder is None else self.encoder.rate

    @cached_property
    def lower_bound(self):
        """The certificate in bits, from the dual variables alone; infinite where infeasible."""
        if self.encoder is None:
            return np.inf
        return max(0.0, lower_bound(self.problem, self.multipliers, self.potentials))

    @property
    def gap(self):
        """rate - lower_bound in bits; not a number where infeasible."""
        return np.nan if self.encoder is None else self.rate - self.lower_bound

    @cached_property
    def prices(self):
        """-dR/dD of each fidelity by name, bits per unit distortion; for per="letter", of D on all letters.

        Infinite where the budget lies on the least reachable value, some encoder exceeds it and the rate is not zero;
        no number where infeasible.
        """
        prices = self.multipliers
        on_edge = self.problem.excess_budgets <= 0
        if self.encoder is not None and on_edge.any():
            infinite = (pinned_prices(self.problem) > 0) & (self.lower_bound > ROUNDING)
            prices = np.where(on_edge, np.where(infinite, np.inf, 0.0), prices)
        return self.problem.rows.prices(prices)

    @cached_property
    def distortions(self):
        """What each budget bounds, by name; for per="letter" the largest over the letters."""
        if self.encoder is None:
            return {f.name: np.nan for f in self.problem.fidelities}
        return self.problem.rows.largest(self.encoder.spent(self.problem.rows))

    def summary(self):
        """What a result file keeps: rate, certificate, entropies (bits), distortions, prices, solver."""
        if self.encoder is None:
            return {"I_bits": None, "status": self.status}
        return {
            "I_bits": self.rate,
            "lower_bound_bits": self.lower_bound,
            "gap_bits": self.gap,
            "H_Y_bits": self.encoder.output_entropy,
            "H_Y_given_X_bits": self.encoder.conditional_entropy,
            "distortions": self.distortions,
            "prices_bits": self.prices,
            "codewords": len(self.encoder.codebook),
            "solver": self.solver,
            "status": self.status,
        }

    def __repr__(self):
        if self.encoder is None:
            return "Solution(infeasible)"
        return (
            f"Solution({self.status}, rate {self.rate:.7g} bits, gap {self.gap:.1e}, "
            f"prices {self.prices}, {self.solver})"
        )

    def _repr_html_(self):
        from .display import table

        return table(self)
