"""Entropy-coded trellis quantisation: one codebook for two supersets, chosen between by a finite-state machine.

Codewords in ascending order start with the labels 0 1 2 3 0 1 2 3 ... In a state the labels of one parity may be sent,
its superset, and the label that is sent decides the next state. The index within the superset is entropy coded, so that
    bits = -log2 P(codeword | superset),
and the encoder is the cheapest path through the machine (Viterbi) by the Lagrangian
    sum_t theta(x_t) (x_t - y_t)^2 - log2 P(y_t | superset_t),   theta(x) = sum_r lam_r w_r(x) M_r,
however many budgets there are (Fischer and Wang 1992; Marcellin 1994). trellis_design.py finds codewords and lam.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import entr

from ..bounds.exchange import Limit, limit
from ..problems.fidelity import Fidelity
from ..problems.resolution import resolved
from ..problems.source import Source
from ..problems.units import NATS_PER_BIT
from .trellis_codes import TrellisCode
from .trellis_design import SHARES, Codewords, Design, Line, bound_at


@dataclass(frozen=True, eq=False)
class Trellis:
    """An entropy-coded trellis quantiser, and what it does on 10^6 letters that its design never saw.

        gap = rate - (lower_bound + sum_r mu_r (D_r - E_r)),   mu: multipliers of the Limit in bits,

    where the bracket bounds every encoder of distortions E, as a dual value is linear in the budgets.

    Attributes
    ----------
    source : Source
    fidelities : tuple of Fidelity
        The budgets.
    code : TrellisCode
        The machine.
    codebook : (m,)
        Codewords, ascending within each label.
    labels : (m,) integers
        0 to 3, in ascending order; a codeword's superset is its label modulo 2.
    counts : (m,) integers
        P(codeword | superset) in counts out of 2^16.
    multipliers : (R,)
        lam, bits per unit distortion, one for each budget row.
    rate, rate_error : float
        Bits a sample that the model asks for, and the standard error of this estimate.
    distortions, standard_errors : dict
        By fidelity name, in the unit of its budget, with the standard errors of these estimates; for per="letter" those
        of the letter with the largest.
    row_distortions : (R,)
        E, the distortion of each budget row.
    bound : Limit
        At the budgets.
    states : int
    lower_bound : float
        Bits, that of the Limit.
    gap : float
        Bits a sample above the bound at the distortions measured.
    prices : dict
        Bits per unit of each budget that the encoder pays: the sum of the multipliers of its rows.

    References
    ----------
    Fischer and Wang (1992); Marcellin (1994).
    """

    source: Source
    fidelities: tuple[Fidelity, ...]
    code: TrellisCode
    codebook: np.ndarray
    labels: np.ndarray
    counts: np.ndarray
    multipliers: np.ndarray
    rate: float
    rate_error: float
    distortions: dict[str, float]
    standard_errors: dict[str, float]
    row_distortions: np.ndarray
    bound: Limit

    @property
    def states(self) -> int:
        """Of the machine."""
        return self.code.states

    @property
    def lower_bound(self) -> float:
        """Bits that no encoder within the budgets goes below."""
        return self.bound.lower_bound

    @property
    def gap(self) -> float:
        """Bits a sample above the bound at the distortions measured."""
        return self.rate - bound_at(self.bound, self.row_distortions)

    @property
    def prices(self) -> dict[str, float]:
        """Bits per unit of each budget."""
        return self.line.rows.prices(self.multipliers * NATS_PER_BIT)

    @property
    def parts(self) -> tuple:
        """((1.0, this),): as a Quantiser's, one part with all samples."""
        return ((1.0, self),)

    @cached_property
    def line(self) -> Line:
        """The distinct letters in order, with what each budget row counts of them."""
        return Line(self.source, self.fidelities)

    @property
    def codewords(self) -> Codewords:
        """Codebook, labels and masses, about the source's mean."""
        return Codewords(self.codebook - self.line.centre, self.labels, self.counts / (1 << SHARES))

    def __repr__(self) -> str:
        reached = ", ".join(f"{name} {value:.6g}" for name, value in self.distortions.items())
        size = f"{self.states} states, {len(self.codebook)} codewords"
        return f"Trellis({size}, rate {self.rate:.5g} bits, {reached}; {self.gap:.4f} bits above the bound)"


def trellis(
    source: Source,
    fidelities: Fidelity | Sequence[Fidelity] | None = None,
    states: int = 64,
    *,
    rate: float | None = None,
    rng: int | np.random.Generator = 0,
    bound: Limit | None = None,
) -> Trellis:
    """An entropy-coded trellis quantiser within all budgets, or of the least distortion found at `rate` bits.

        min E[-log2 P(Y | superset)]  s.t.  E_r = E[w_r(X) d_r(X, Y)] <= D_r  for each row r.

    For points in the plane a product of trellises, a coordinate each, would forgo what one coordinate says of the
    other: 0.17 bits a point on four modes of unequal places, at D = 2 as at D = 4, where mfrd.ecvq is 0.34 and 0.007
    above the bound. It pays at fine distortions alone, and subsets that no coordinate decides would tie it together
    again, so sources of more dimensions are refused.

    Parameters
    ----------
    source : Source
        Of one dimension.
    fidelities : Fidelity or several
        Squared error or Mahalanobis, of any form, budgets above zero. The bins of a source of samples are cut as finely
        as they ask, as ecvq does; samples are coded as they are, so that bins add nothing to what is spent.
    states : int
        A power of two from 4 to 4096: 8 for speed, 256 as a rule, more for the last hundredths of a bit. Each doubling
        halves the speed of the encoder; the decoder's is the same for all.
    rate : float
        Bits a sample, in place of fidelities: squared error on all letters is made least.
    rng : numpy Generator or int
        Generator or seed; the same seed gives the same quantiser.
    bound : Limit
        What mfrd.limit returns for these fidelities, where it is known.

    Returns
    -------
    Trellis
        The best found; only the lower bound beside it is certified.

    Raises
    ------
    ValueError
        Where states is no such power, the source has another dimension, a distortion is not quadratic, both or neither
        of fidelities and rate are given, rate is not between 0 and the bits of exact letters, or bound is one of other
        budgets.
    InfeasibleFidelity
        Where a budget is zero, or below what bins that were given add.

    References
    ----------
    Fischer and Wang (1992); Marcellin (1994).

    Examples
    --------
    >>> import mfrd
    >>> source = mfrd.bumps(mfrd.grid(-4, 4, 200), [1], [0], [1])
    >>> quantiser = mfrd.trellis(source, mfrd.Fidelity(0.25), states=8)
    >>> quantiser.distortions["global"] <= 0.25 + 2 * quantiser.standard_errors["global"], quantiser.gap < 0.09
    (True, True)
    """
    code = TrellisCode.of(states)
    if (fidelities is None) == (rate is None):
        raise ValueError("expected either fidelities, the budgets, or rate=, the bits a sample: one of the two")
    if rate is not None:
        if not 0 < rate < np.inf:
            raise ValueError(f"rate is {rate!r}; expected a number of bits a sample > 0")
        bound = limit_at_rate(source, rate)
        fidelities = bound.solution.problem.fidelities
    fidelities = (fidelities,) if isinstance(fidelities, Fidelity) else tuple(fidelities or ())
    line = Line(source, fidelities)
    if source.within.any():  # bins of samples an eighth of a cell wide, or the budget is refused by name
        source, fidelities = resolved(source, fidelities)
        line = Line(source, fidelities)
    bound = limit(source, fidelities) if bound is None else bound
    if not np.array_equal(bound.solution.problem.rows.D, line.rows.D):
        said = f"bound is one for budgets {bound.solution.problem.rows.D}"
        raise ValueError(f"{said}; expected {line.rows.D}, as mfrd.limit(source, fidelities)")
    design = Design(line, code, bound, rate, np.random.default_rng(rng))
    words, multipliers = design.run()
    R, E, errors = design.judged(words, multipliers)
    if rate is not None:
        fidelities = (Fidelity(float(E[0])),)
        bound = limit(source, fidelities)
    worst = {f.name: np.flatnonzero(line.rows.owner == k) for k, f in enumerate(fidelities)}
    worst = {name: rows[E[rows].argmax()] for name, rows in worst.items()}
    return Trellis(
        source=source,
        fidelities=fidelities,
        code=code,
        codebook=line.centre + words.y,
        labels=words.labels,
        counts=np.rint(words.masses * (1 << SHARES)).astype(np.int64),
        multipliers=multipliers,
        rate=R,
        rate_error=float(errors[-1]),
        distortions={name: float(E[r]) for name, r in worst.items()},
        standard_errors={name: float(errors[r]) for name, r in worst.items()},
        row_distortions=E,
        bound=bound,
    )


def limit_at_rate(source: Source, rate: float) -> Limit:
    """The Limit whose rate is within 0.002 of `rate` bits where there is one, squared error, by secants on log D."""
    variance = float(np.trace(source.covariance))
    if not variance > 0:
        raise ValueError("the source has one letter; expected several, since one costs no bits: give fidelities")
    masses = np.bincount(np.unique(source.x, return_inverse=True)[1].ravel(), source.p)
    entropy = float(entr(masses).sum() / NATS_PER_BIT)
    if rate >= entropy:
        said = f"rate is {rate:g} bits a sample; expected less than {entropy:.6g}, those of every letter exactly"
        raise ValueError(f"{said}: mfrd.ecvq keeps letters exactly")
    u = np.log(variance) - 2 * NATS_PER_BIT * rate
    for _ in range(8):
        found = limit(source, Fidelity(float(np.exp(min(u, np.log(0.999 * variance))))))
        miss = found.rate - rate
        if abs(miss) < 0.002:
            break
        slope = max(found.multipliers[0] * np.exp(u) / NATS_PER_BIT, 0.05)  # -dR / du, bits
        u += miss / slope
    return found
