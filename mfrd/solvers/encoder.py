"""The encoder: a stochastic map Q(j | i) from source letters to codewords."""

import numpy as np
from scipy.special import entr, rel_entr

from ..problems.rows import BudgetRows
from ..problems.source import as_points
from ..problems.units import NATS_PER_BIT


class Encoder:
    """A conditional pmf Q_ij = P(Y = y_j | X = x_i) on a source and a codebook.

    source: Source; codebook: (m,) or (m, k); Q: (n, m), rows sum to one within 1e-9. Where only
    few codewords are used, `support` lists their indices and Q is (n, len(support)): what is
    stored; `.Q` is always (n, m).

    .rate = I(X;Y) = sum_ij p_i Q_ij log2(Q_ij / q_j), .output_entropy = H(Y),
    .conditional_entropy = H(Y|X), all in bits; .output_pmf: q = p Q, (m,).

    Raises ValueError where shapes disagree, or a row is negative, not finite or does not sum to one.
    Source: Shannon (1959).
    """

    def __init__(self, source, codebook, Q, support=None):
        y = as_points(codebook, "codebook")
        support = np.arange(len(y)) if support is None else np.asarray(support, int)
        Q = np.asarray(Q, float)
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
        self.source, self.codebook = source, np.array(codebook, float)
        self.support, self.columns = support, Q

    @property
    def y(self):
        """The codebook as (m, k)."""
        return self.codebook.reshape(len(self.codebook), -1)

    @property
    def Q(self):
        """The whole conditional pmf, (n, m); unused codewords have zero columns."""
        if len(self.support) == len(self.codebook):
            return self.columns
        Q = np.zeros((len(self.source.p), len(self.codebook)))
        Q[:, self.support] = self.columns
        return Q

    @property
    def output_pmf(self):
        q = np.zeros(len(self.codebook))
        q[self.support] = self.source.p @ self.columns  # q_j = sum_i p_i Q_ij
        return q

    @property
    def rate(self):
        q = self.source.p @ self.columns
        used = q > 0  # where p_i Q_ij underflows for every i, the codeword carries nothing
        terms = rel_entr(self.columns[:, used], q[used])
        return float(self.source.p @ terms.sum(axis=1) / NATS_PER_BIT)

    @property
    def output_entropy(self):
        return max(0.0, float(entr(self.output_pmf).sum() / NATS_PER_BIT))  # one codeword: 0, not -1e-16

    @property
    def conditional_entropy(self):
        return float(self.source.p @ entr(self.columns).sum(axis=1) / NATS_PER_BIT)

    def distortion(self, measure):
        """E[d(x_i, Y) | X = x_i] for each letter, (n,); measure as in Fidelity, or an (n, m) matrix."""
        if callable(measure):
            d = measure(self.source.x, self.y[self.support])
        else:
            d = np.asarray(measure)[:, self.support]
        return (self.columns * d).sum(axis=1)

    def spent(self, rows: BudgetRows) -> np.ndarray:
        """E_r = sum_i p_i w_ri E[d_g(x_i, Y) | X = x_i], what each budget row bounds, (R,)."""
        return rows.means(np.array([self.distortion(measure) for measure in rows.measures]), self.source.p)

    def __repr__(self):
        n, m = len(self.source.p), len(self.codebook)
        return f"Encoder({n} letters, {m} codewords, I = {self.rate:.6g} bits, H(Y) = {self.output_entropy:.6g} bits)"

    def _repr_html_(self):
        from .display import figure

        return figure(self)
