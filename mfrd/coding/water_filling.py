"""Parallel sources that share one price: the certified least rate of a sum of budgets.

Independent components c, N_c samples of each out of N, one budget on the whole distortion:
    min sum_c (N_c / N) I(X_c; Y_c)   s.t.   sum_c (N_c / N) E d(X_c, Y_c) <= D.
At a price w the Lagrangian falls apart, so for ANY w >= 0, with any certified lower bounds
    g_c(w) <= min over all encoders and codebooks of I(X_c; Y_c) + w E d(X_c, Y_c),
the rate is at least sum_c (N_c / N) g_c(w) - w D. At the best w each component has the slope -w: reverse water-filling
(Kolmogorov 1956; Cover and Thomas 2006, theorem 10.3.3) for sources that need not be Gaussian.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..bounds.supremum import lower_bound_all_codebooks
from ..problems.fidelity import Fidelity
from ..problems.problem import Problem
from ..problems.source import Source
from ..problems.units import NATS_PER_BIT
from ..problems.values import as_points
from ..quantisers.scalar import Hull
from ..solvers.certificate import U, log_sum
from ..solvers.interior_point import centre, interior_point
from ..solvers.saddle import Saddle

TOLERANCE = 1e-6  # nats, of a component at a given price; what it leaves is certified all the same
APART = 3.0  # widths of exp(-price d^2) from which no codeword serves two letters
PART = 40  # letters at least that are solved together
COARSE, FINE = 1, 3  # codewords to a width of exp(-price d^2): while the price is sought, and for the bound


@dataclass(frozen=True, eq=False)
class ParallelBound:
    """What parallel sources under one budget must cost, and what they reach at a price.

    Attributes
    ----------
    lower_bound : float
        Certified, bits a sample.
    rate, distortion : float
        Reached at this price on the letters as codebook: bits and units a sample.
    price : float
        Bits per unit.
    scalar_bound : float
        Bits a sample that no scalar quantiser with an ideal entropy coder goes below.
    distortions : (components,)
        Of each component, units a sample of it.
    """

    lower_bound: float
    rate: float
    distortion: float
    price: float
    scalar_bound: float
    distortions: np.ndarray


def histogram(samples: np.ndarray, width: float) -> Source:
    """The Source of samples in bins of one width about its multiples: the mean of each bin, and its frequency.

    Parameters
    ----------
    samples : (N,)
    width : float
        Units of the samples.

    Returns
    -------
    Source
    """
    samples = as_points(samples, "samples")[:, 0]
    bins = np.unique(np.rint(samples / width), return_inverse=True)[1]
    mass = np.bincount(bins)
    return Source(np.bincount(bins, samples) / mass, mass / mass.sum())


def at_price(source: Source, price: float, *, fine: int = COARSE) -> tuple[float, float, np.ndarray]:
    """(I, D, potentials (n,)) at the least I(X;Y) + price E|X - Y|^2 on codewords near the letters, all in nats.

    Across a gap of APART widths nothing is shared: the parts are solved by themselves, each with its mass, and what
    little they do share costs a little of the bound and nothing of its truth.
    """
    x, p, width = source.x[:, 0], source.p, 1 / np.sqrt(2 * price)
    cuts = [0]
    for after in 1 + np.flatnonzero(np.diff(x) > APART * width):
        if after - cuts[-1] >= PART:
            cuts.append(int(after))
    parts = [slice(a, b) for a, b in zip(cuts, [*cuts[1:], len(x)])]
    solved = [output_pmf(x[a], p[a], price, near(x[a], width, fine)) for a in parts]
    y, q = map(np.concatenate, zip(*solved))
    d = np.subtract.outer(x, y) ** 2  # (n, m)
    logits = np.log(q) - price * d
    z = log_sum(logits, axis=1)
    spent = p @ (np.exp(logits - z[:, None]) * d).sum(axis=1)
    return float(-(p @ z) - price * spent), float(spent), -z


def output_pmf(x: np.ndarray, p: np.ndarray, price: float, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The codewords of y in use and their masses, of sum that of p, at the optimum of a price on letters x.

    The price is held, so that the saddle has q alone; the budget, of the whole range, has no part in it.
    """
    if len(y) == 1:
        return y, p.sum(keepdims=True)
    problem = Problem(Source(x, p / p.sum()), y, [Fidelity(np.ptp(x) ** 2)])
    saddle = Saddle(problem, np.arange(len(y)), held=np.array([float(price)]))
    q = interior_point(saddle, centre(saddle), TOLERANCE).q
    return y[q > 0], p.sum() * q[q > 0] / q.sum()


def near(x: np.ndarray, width: float, fine: int) -> np.ndarray:
    """Codewords: the sorted letters x, and between two that are nearer than APART widths `fine` more to a width."""
    gaps = np.diff(x) / width
    inner = [np.linspace(a, b, 1 + int(np.ceil(gap * fine)))[1:-1] for a, b, gap in zip(x, x[1:], gaps) if gap < APART]
    return np.sort(np.concatenate([x, *inner]))


def parallel_bound(
    sources: Sequence[Source],
    counts: Sequence[int],
    D: float,
    *,
    price: float | None = None,
    rounds: int = 12,
    tol: float = 1e-2,
) -> ParallelBound:
    """A certified lower bound on the rate of parallel one-dimensional sources under one budget.

        R >= sum_c (N_c / N) g_c(w) - w D   for any price w >= 0.

    Parameters
    ----------
    sources : sequence of Source
        One dimension each.
    counts : sequence of int
        Samples of each.
    D : float
        Squared error a sample, > 0, on their mean.
    price : float, optional
        Bits per unit of distortion, > 0, where the slope is known; searched for where it is None.
    rounds : int, optional
        Price updates at most.
    tol : float, optional
        Relative distance of the distortion from D at which they stop: the bound holds at any price, and is best at
        the right one.

    Returns
    -------
    ParallelBound
        Bits a sample of the whole.

    Raises
    ------
    ValueError
        Where D or the price is not positive.

    References
    ----------
    Kolmogorov (1956); Cover and Thomas (2006), theorem 10.3.3.
    """
    if not D > 0:
        raise ValueError(f"D is {D}; expected a positive squared error a sample")
    if price is not None and not price > 0:
        raise ValueError(f"price is {price}; expected positive bits per unit of distortion, or None")
    share = np.asarray(counts, float) / np.sum(counts)
    ends, searched = [0.0, np.inf], price is None
    price = 0.5 / D if price is None else price * NATS_PER_BIT
    for _ in range(rounds if searched else 0):
        spent = float(share @ [at_price(source, price)[1] for source in sources])
        if abs(spent - D) <= tol * D:
            break
        ends[int(spent <= D)] = price
        step = price * spent / D  # at high rate the product of price and distortion is constant
        price = step if ends[0] < step < ends[1] else np.sqrt(ends[0] * ends[1])
    nats, spends, potentials = zip(*(at_price(source, price, fine=FINE) for source in sources))
    free = [Fidelity(0.0)]  # its price counts, its budget charges nothing: the bound, at any price, is g_c(w)
    dual = [lower_bound_all_codebooks(s, free, [price], a, tol=1e-4) for s, a in zip(sources, potentials)]
    scalar = [scalar_dual(source, price) for source in sources]
    lower, scalar_bound = (
        max(0.0, weighted_down(share, np.array(g), price * D / NATS_PER_BIT)) for g in (dual, scalar)
    )
    rate, spent = float(share @ nats / NATS_PER_BIT), float(share @ spends)
    return ParallelBound(lower, rate, spent, price / NATS_PER_BIT, scalar_bound, np.array(spends))


def weighted_down(share: np.ndarray, bounds: np.ndarray, charge: float) -> float:
    """sum_c share_c bounds_c - charge, (components,) each, rounded down: shares are quotients, charge two products."""
    gain = share @ bounds
    return float(gain - charge - (len(share) + 12) * U * (share @ abs(bounds) + charge + abs(gain)))


def scalar_dual(source: Source, price: float) -> float:
    """The least H(Y) + price E|X - Y|^2 of scalar quantisers, bits: exact, by dynamic program; price in nats."""
    (vertex,) = Hull(source).at(np.array([NATS_PER_BIT / price]))
    return vertex.rate + price * vertex.distortion / NATS_PER_BIT
