"""Rows of budgets: what fidelities state, letter by letter, once a source is given.

A fidelity becomes one row (joint, subset) or one row a letter (letter). Row r asks
    sum_i p_i w_ri E[d_g(x_i, Y) | X = x_i] <= D_r,      g = the measure of r,
and at multipliers lam_r >= 0 the rows of one measure act on a letter through one number,
    theta_gi = sum_{r of measure g} lam_r w_ri,   s_ij = sum_g theta_gi d_g(x_i, y_j).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .distortion import metric
from .fidelity import Fidelity
from .source import Source
from .units import NATS_PER_BIT


@dataclass(frozen=True, eq=False)
class BudgetRows:
    """The R rows of K fidelities with G distinct measures on n letters.

    fidelities: (K,); measures: the distinct distortion measures in order of appearance, (G,); weights: w, (R, n);
    owner: the fidelity that states each row, (R,) indices; measure: its measure, (R,) indices; D: its budget, (R,).
    """

    fidelities: tuple[Fidelity, ...]
    measures: tuple
    weights: np.ndarray
    owner: np.ndarray
    measure: np.ndarray
    D: np.ndarray

    @classmethod
    def of(cls, fidelities: Sequence[Fidelity], pmf: np.ndarray) -> "BudgetRows":
        """The rows that `fidelities` state on letters of probability pmf, (n,)."""
        measures: list = []
        measure_of: list[int] = []
        for f in fidelities:
            g = next((g for g, d in enumerate(measures) if same(f.distortion, d)), len(measures))
            measures += [f.distortion] if g == len(measures) else []
            measure_of.append(g)
        weights = [f.weights(pmf) for f in fidelities]
        owner = np.repeat(np.arange(len(weights)), [len(w) for w in weights])
        D = np.array([f.D for f in fidelities])[owner]
        return cls(tuple(fidelities), tuple(measures), np.vstack(weights), owner, np.array(measure_of)[owner], D)

    def __len__(self) -> int:
        return len(self.owner)

    def slopes(self, multipliers: np.ndarray) -> np.ndarray:
        """theta_gi = sum_r lam_r w_ri over the rows of measure g, (G, n)."""
        return np.array([multipliers * (self.measure == g) @ self.weights for g in range(len(self.measures))])

    def means(self, per_letter: np.ndarray, pmf: np.ndarray) -> np.ndarray:
        """sum_i p_i w_ri v_gi of what a letter has by each measure, per_letter (G, n) -> (R,)."""
        if np.isinf(per_letter).any():  # what no row weighs, and what has no probability, counts for nothing
            counts = np.array([(self.weights[self.measure == g] > 0).any(axis=0) for g in range(len(self.measures))])
            finite = np.where(counts & (pmf > 0), per_letter, 0.0)
            infinite = (self.weights > 0) & np.isinf(finite)[self.measure]
            finite[np.isinf(finite)] = 0.0
            return np.where(infinite.any(axis=1), np.inf, (self.weights * finite[self.measure]) @ pmf)
        return (self.weights * per_letter[self.measure]) @ pmf

    def within(self, source: Source) -> np.ndarray:
        """What the bins of a source of samples add to each row, sum_i p_i w_ri tr(M_g scatter_i), (R,).

        Raises ValueError for a measure that is neither squared error nor Mahalanobis.
        """
        if source.binning is None or not source.within.any():
            return np.zeros(len(self))
        added = np.zeros((len(self.measures), len(source.p)))
        for g, measure in enumerate(self.measures):
            M = metric(measure, source.x.shape[1])
            if M is None:
                name = self.names[int(np.argmax(self.measure == g))]
                said = f"{name}: what bins add under this measure is unknown; expected squared_error or mahalanobis"
                raise ValueError(f"{said}, or samples that are letters as they are")
            added[g] = np.einsum("ab,nab->n", M, source.binning.scatter)
        return self.means(added, source.p)

    def by_name(self, values: np.ndarray, merge: Callable[[np.ndarray], float]) -> dict[str, float]:
        """{fidelity name: merge(its rows' values)} of values (R,)."""
        return {f.name: float(merge(values[self.owner == k])) for k, f in enumerate(self.fidelities)}

    def prices(self, multipliers: np.ndarray) -> dict[str, float]:
        """Bits per unit of each fidelity's budget, from multipliers (R,) in nats: the sum over its rows."""
        return self.by_name(multipliers, lambda lam: lam.sum() / NATS_PER_BIT)

    def largest(self, values: np.ndarray) -> dict[str, float]:
        """The largest of each fidelity's values (R,), zero where it has no row."""
        return self.by_name(values, lambda v: v.max(initial=0.0))

    @property
    def names(self) -> list[str]:
        """The name of the fidelity that states each row."""
        return [self.fidelities[k].name for k in self.owner]


def same(measure: Callable | np.ndarray, other: Callable | np.ndarray) -> bool:
    """Whether two measures are one: the same function, or matrices of the same entries."""
    return measure is other or not (callable(measure) or callable(other)) and np.array_equal(measure, other)
