"""The limit over all codebooks: the least rate of any encoder into R^k, with a codebook that reaches it.

exchange.py searches for both; this is what it is asked and what it answers.
"""

from dataclasses import dataclass

import numpy as np

from ..problems.fidelity import Fidelity
from ..problems.problem import Problem
from ..solvers.solution import Solution
from .exchange import SEEDS, Search
from .supremum import as_codewords


@dataclass(frozen=True, eq=False)
class Limit:
    """The least rate over all codebooks: an encoder that nearly reaches it and a bound that no codebook beats.

    solution: Solution on .codebook, whose certificate knows that codebook alone; lower_bound: bits, over all
    codebooks; multipliers: lam, (R,), nats per unit distortion; potentials: a, (n,), nats: what proves it, where those
    multipliers whose budget is zero stand for infinite ones; status: "optimal" (gap within tolerance), "interrupted" or
    "stalled".

    .rate: I(X;Y) in bits; .gap = rate - lower_bound; .codebook: (m,) or (m, k), as the source's points; .encoder;
    .prices (bits per unit distortion; infinite where the budget is zero and the rate is not) and .distortions by
    fidelity name.
    """

    solution: Solution
    lower_bound: float
    multipliers: np.ndarray
    potentials: np.ndarray
    status: str

    @property
    def encoder(self):
        return self.solution.encoder

    @property
    def codebook(self):
        return self.encoder.codebook

    @property
    def rate(self):
        return self.solution.rate

    @property
    def gap(self):
        return self.rate - self.lower_bound

    @property
    def prices(self):
        problem, proven = self.solution.problem, self.lower_bound > 0  # nothing but zeros prove a bound of zero
        multipliers = self.multipliers if proven else self.solution.multipliers
        endless = (problem.rows.D == 0) & (len(self.codebook) > 1)
        return problem.rows.prices(np.where(endless, np.inf, multipliers))

    @property
    def distortions(self):
        return self.solution.distortions

    def __repr__(self):
        return (
            f"Limit({self.status}, rate {self.rate:.7g} bits, gap {self.gap:.1e}, "
            f"{len(self.codebook)} codewords, prices {self.prices})"
        )


def limit(source, fidelities, *, tol=1e-6, codebook=None, progress=False):
    """The least I(X;Y) over all codebooks in R^k and all encoders within the budgets.

        min over y_1, y_2, ... in R^k of the rate of mfrd.solve, with a lower bound by branch and bound.

    source: Source, in one to three dimensions; fidelities: one or more Fidelity with squared error or Mahalanobis;
    tol: largest certified gap, bits; codebook: (m,) or (m, k) to start from, the source points otherwise; progress:
    show a bar with the gap. A KeyboardInterrupt ends the search and returns what it has, with its true gap and
    status "interrupted". -> Limit

    >>> import mfrd
    >>> best = mfrd.limit(mfrd.bumps(mfrd.grid(-3, 3, 50), [1], [0], [1]), mfrd.Fidelity(0.5))
    >>> round(best.rate, 4), bool(best.gap < 1e-6), len(best.codebook)
    (0.4826, True, 4)

    Raises ValueError where a distortion is not quadratic, the source has more than three dimensions, the codebook has
    another dimension than the source or holds no finite numbers, or tol is not above zero.
    Source: Berger (1971), section 2.5; the exchange of Remez (1934).
    """
    k = source.x.shape[1]
    if k not in SEEDS:
        raise ValueError(f"source has dimension {k}; expected 1, 2 or 3: beyond, use mfrd.refine")
    if not tol > 0:
        raise ValueError(f"tol is {tol!r}; expected a number > 0, the largest certified gap in bits")
    points = np.unique(source.x[source.p > 0], axis=0)
    start = points if codebook is None else np.vstack([as_codewords(codebook, "codebook", k), points])
    _ = Problem(source, points[:1], fidelities).metrics  # refuses measures that are not quadratic
    fidelities = (fidelities,) if isinstance(fidelities, Fidelity) else tuple(fidelities)
    return Limit(*Search(source, fidelities, tol, progress).run(start))
