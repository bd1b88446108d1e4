"""The encoder: a stochastic map Q(j | i) from source letters to codewords."""

from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import entr, rel_entr

from ..problems.rows import BudgetRows
from ..problems.source import Source
from ..problems.units import NATS_PER_BIT
from ..problems.values import as_points, real_array

PAIRS = 128  # letters and codewords compared at a time


class Encoder:
    """A conditional pmf Q_ij = P(Y = y_j | X = x_i) on a source and a codebook.

        rate I(X;Y) = sum_ij p_i Q_ij log2(Q_ij / q_j),   q_j = sum_i p_i Q_ij

    Parameters
    ----------
    source : Source
    codebook : (m,) or (m, k) array
    Q : (n, m) array, or (n,) array of int
        Rows sum to one within 1e-9; of a deterministic encoder the index of each letter's codeword will do.
    support : (used,) array of int, optional
        Where only few codewords are used, their indices; Q is then (n, used), which is what is stored.

    Attributes
    ----------
    Q : (n, m) array
        Whole, whatever was stored; output_pmf: q = p Q, (m,); y: the codebook as (m, k).
    rate, output_entropy, conditional_entropy : float
        I(X;Y), H(Y) and H(Y|X), bits.
    fidelities : tuple of Fidelity
        The budgets that it was made for and keeps, where there are any; on samples, what bins add is counted.

    Raises
    ------
    ValueError
        Where shapes disagree, a codeword has no such index, or a row is negative, not finite or does not sum to one.

    References
    ----------
    Shannon (1959).
    """

    def __init__(self, source: Source, codebook: np.ndarray, Q: np.ndarray, support: np.ndarray | None = None) -> None:
        self.source, self.y, self.codebook = source, as_points(codebook, "codebook"), np.array(codebook, float)
        self.fidelities: tuple[Any, ...] = ()
        self.cells = Q if isinstance(Q, np.ndarray) and Q.ndim == 1 and Q.dtype.kind in "iu" else None
        if self.cells is not None:
            if Q.shape != (len(source.p),) or Q.min() < 0 or Q.max() >= len(self.y):
                said = f"Q has shape {Q.shape} and indices from {Q.min()} to {Q.max()}"
                raise ValueError(f"{said}; expected ({len(source.p)},), each from 0 to {len(self.y) - 1}")
            self.support = np.arange(len(self.y))
            return
        support = np.arange(len(self.y)) if support is None else np.asarray(support, int)
        Q = real_array(Q, "Q", "(n, m)")
        if Q.shape != (len(source.p), len(support)):
            raise ValueError(
                f"Q has shape {Q.shape}; expected ({len(source.p)}, {len(support)}), "
                "source letters by codewords: transpose it, or give the codebook that it was made for"
            )
        error = abs(Q.sum(axis=1) - 1).max()
        if not error <= 1e-9 or Q.min() < 0:
            raise ValueError(
                f"Q has least entry {Q.min():g} and a row sum {error:g} away from 1; "
                "expected a conditional pmf in each row: divide each by its sum"
            )
        self.support, self.columns = support, Q

    def keeping(self, fidelities: Sequence[Any]) -> "Encoder":
        """The same encoder, which is known to keep these budgets.

        Parameters
        ----------
        fidelities : sequence of Fidelity

        Returns
        -------
        Encoder
        """
        same = copy(self)
        same.fidelities = tuple(fidelities)
        return same

    @cached_property
    def columns(self) -> np.ndarray:
        """Q of the codewords in `support`, (n, used)."""
        return np.eye(len(self.y))[self.cells]

    @property
    def Q(self) -> np.ndarray:
        """The whole conditional pmf, (n, m); unused codewords have zero columns."""
        if len(self.support) == len(self.codebook):
            return self.columns
        Q = np.zeros((len(self.source.p), len(self.codebook)))
        Q[:, self.support] = self.columns
        return Q

    @property
    def output_pmf(self) -> np.ndarray:
        """q_j = sum_i p_i Q_ij, (m,)."""
        if self.cells is not None:
            q = np.bincount(self.cells, self.source.p, len(self.codebook))
            return q / q.sum()
        q = np.zeros(len(self.codebook))
        q[self.support] = self.source.p @ self.columns
        return q

    @property
    def rate(self) -> float:
        """I(X;Y), bits."""
        if self.cells is not None:
            return self.output_entropy
        q = self.source.p @ self.columns
        used = q > 0  # where p_i Q_ij underflows for every i, the codeword carries nothing
        if np.count_nonzero(used) == 1:
            return 0.0
        terms = rel_entr(self.columns[:, used], q[used])
        return max(0.0, float(self.source.p @ terms.sum(axis=1) / NATS_PER_BIT))  # of one row for all: 0, not -1e-16

    @property
    def output_entropy(self) -> float:
        """H(Y), bits."""
        return max(0.0, float(entr(self.output_pmf).sum() / NATS_PER_BIT))  # one codeword: 0, not -1e-16

    @property
    def conditional_entropy(self) -> float:
        """H(Y|X), bits."""
        if self.cells is not None:
            return 0.0
        return float(self.source.p @ entr(self.columns).sum(axis=1) / NATS_PER_BIT)

    def distortion(self, measure: Callable | np.ndarray) -> np.ndarray:
        """E[d(x_i, Y) | X = x_i] for each letter, (n,); measure as in Fidelity, or an (n, m) matrix.

        Parameters
        ----------
        measure : function (n, k), (m, k) -> (n, m), or that matrix itself

        Returns
        -------
        (n,) array
        """
        y = self.y[self.support]
        if self.cells is not None:
            return pairwise(measure, self.source.x, y, self.cells)
        d = measure(self.source.x, y) if callable(measure) else np.asarray(measure)[:, self.support]
        with np.errstate(invalid="ignore"):  # no share of an infinite distortion is nothing
            return np.where(self.columns > 0, self.columns * d, 0.0).sum(axis=1)

    def mean_distortion(self, measure: Callable | np.ndarray) -> float:
        """E d(X, Y), over letters of positive probability.

        Parameters
        ----------
        measure : function (n, k), (m, k) -> (n, m), or that matrix itself

        Returns
        -------
        float
            In units of the measure; infinite where a pair of infinite distortion occurs.
        """
        seen = self.source.p > 0
        return float(self.source.p[seen] @ self.distortion(measure)[seen])

    def spent(self, rows: BudgetRows) -> np.ndarray:
        """E_r = sum_i p_i w_ri E[d_g(x_i, Y) | X = x_i], what each budget row bounds, (R,).

        Parameters
        ----------
        rows : BudgetRows

        Returns
        -------
        (R,) array
        """
        return rows.means(np.array([self.distortion(measure) for measure in rows.measures]), self.source.p)

    def __repr__(self) -> str:
        n, m = len(self.source.p), len(self.codebook)
        return f"Encoder({n} letters, {m} codewords, I = {self.rate:.6g} bits, H(Y) = {self.output_entropy:.6g} bits)"

    def _repr_html_(self) -> str:
        from .display import figure

        return figure(self)


def pairwise(measure: Callable | np.ndarray, x: np.ndarray, y: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """d(x_i, y[cells_i]) of points x (n, k) and codewords y (m, k), (n,), a block of letters of few cells at a time."""
    if not callable(measure):
        return np.asarray(measure)[np.arange(len(cells)), cells]
    found = np.empty(len(cells))
    order = np.argsort(cells, kind="stable")
    for at in range(0, len(order), PAIRS):
        block = order[at : at + PAIRS]
        used, own = np.unique(cells[block], return_inverse=True)
        found[block] = measure(x[block], y[used])[np.arange(len(block)), own]
    return found
