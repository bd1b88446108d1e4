"""Parallel sources that share one price: the certified least rate of a sum of budgets.

Independent components c, N_c samples of each out of N, one budget on the whole distortion:
    min sum_c (N_c / N) I(X_c; Y_c)   s.t.   sum_c (N_c / N) E d(X_c, Y_c) <= D.
At a price w the Lagrangian falls apart, so for ANY w >= 0, with any certified lower bounds
    g_c(w) <= min over all encoders and codebooks of I(X_c; Y_c) + w E d(X_c, Y_c),
the rate is at least sum_c (N_c / N) g_c(w) - w D. At the best w each component has the slope -w: reverse water-filling
(Kolmogorov 1956; Cover and Thomas 2006, theorem 10.3.3) for sources that need not be Gaussian.
"""

from dataclasses import dataclass

import numpy as np

from ..bounds.supremum import lower_bound_all_codebooks
from ..problems.fidelity import Fidelity
from ..problems.problem import Problem
from ..problems.source import Source
from ..problems.units import NATS_PER_BIT
from ..quantisers.scalar import Hull
from ..solvers.certificate import log_sum
from ..solvers.interior_point import centre, interior_point
from ..solvers.saddle import Saddle

TOLERANCE = 1e-6  # nats, of a component at a given price; what it leaves is certified all the same
APART = 3.0  # widths of exp(-price d^2) from which no codeword serves two letters
PART = 40  # letters at least that are solved together
COARSE, FINE = 1, 3  # codewords to a width of exp(-price d^2): while the price is sought, and for the bound


@dataclass(frozen=True, eq=False)
class ParallelBound:
    """.lower_bound: certified bits a sample; .rate: bits reached at this price on the letters as codebook;
    .distortion: what it spends; .price: bits per unit; .scalar_bound: bits a sample that no scalar quantiser with an
    ideal entropy coder goes below; .rates, .distortions: of each component, bits and units a sample of it.
    """

    lower_bound: float
    rate: float
    distortion: float
    price: float
    scalar_bound: float
    rates: np.ndarray
    distortions: np.ndarray


@dataclass(frozen=True, eq=False)
class Priced:
    """One source at one price: .rate and .distortion of the best encoder on its letters, .potentials (n,) nats."""

    rate: float
    distortion: float
    potentials: np.ndarray


def histogram(samples, width):
    """The Source of samples in bins of that width about its multiples: the mean of each bin, and its frequency."""
    samples = np.asarray(samples, float)
    _, bins = np.unique(np.rint(samples / width), return_inverse=True)
    mass = np.bincount(bins)
    return Source(np.bincount(bins, samples) / mass, mass / mass.sum())


def at_price(source, price, *, fine=COARSE):
    """The least I(X;Y) + price E|X - Y|^2 on codewords near the letters; price in nats per unit. -> Priced

    Across a gap of APART widths nothing is shared: the parts are solved by themselves, each with its mass, and what
    little they do share costs a little of the bound and nothing of its truth.
    """
    x, p, width = source.x[:, 0], source.p, 1 / np.sqrt(2 * price)
    cuts = [0]
    for after in 1 + np.flatnonzero(np.diff(x) > APART * width):
        if after - cuts[-1] >= PART:
            cuts.append(int(after))
    parts = [(x[a:b], p[a:b]) for a, b in zip(cuts, [*cuts[1:], len(x)])]
    solved = [(part.sum(), *output_pmf(at, part / part.sum(), price, near(at, width, fine))) for at, part in parts]
    y = np.concatenate([codewords for _, codewords, _ in solved])
    q = np.concatenate([mass * share for mass, _, share in solved])
    d = np.subtract.outer(x, y) ** 2  # (n, m)
    logits = np.log(q) - price * d
    z = log_sum(logits, axis=1)
    spent = p @ (np.exp(logits - z[:, None]) * d).sum(axis=1)
    return Priced(float(-(p @ z) - price * spent), float(spent), -z)


def output_pmf(x, p, price, y):
    """(the codewords of y in use, their masses) at the optimum of a price.

    Letters that are no codewords have a least distortion; the budget is put on it, so that its price is held and the
    saddle has q alone.
    """
    if len(y) == 1:
        return y, np.ones(1)
    source = Source(x, p)
    problem = Problem(source, y, [Fidelity(p @ (np.subtract.outer(x, y) ** 2).min(axis=1))])
    saddle = Saddle(problem, np.arange(len(y)), np.array([float(price)]))
    q = interior_point(saddle, centre(saddle), TOLERANCE).q
    return y[q > 0], q[q > 0] / q.sum()


def near(x, width, fine):
    """Codewords: the sorted letters x, and between two that are nearer than APART widths `fine` more to a width."""
    gaps = np.diff(x) / width
    inner = [np.linspace(a, b, 1 + int(np.ceil(gap * fine)))[1:-1] for a, b, gap in zip(x, x[1:], gaps) if gap < APART]
    return np.sort(np.concatenate([x, *inner]))


def parallel_bound(sources, counts, D, *, rounds=12, tol=1e-2):
    """A certified lower bound on the rate of parallel one-dimensional sources under one budget.

    sources: Source of one dimension each; counts: samples of each; D: squared error a sample, > 0, on their mean;
    rounds: price updates at most; tol: relative distance of the distortion from D at which they stop: the bound
    holds at any price, and is best at the right one. -> ParallelBound, in bits a sample of the whole

    Raises ValueError where D is not positive.
    """
    if not D > 0:
        raise ValueError(f"D is {D}; expected a positive squared error a sample")
    share = np.asarray(counts, float) / np.sum(counts)
    ends, price = [0.0, np.inf], 0.5 / D
    for _ in range(rounds):
        found = [at_price(source, price) for source in sources]
        spent = float(share @ [each.distortion for each in found])
        if abs(spent - D) <= tol * D:
            break
        ends[int(spent <= D)] = price
        step = price * spent / D  # at high rate the product of price and distortion is constant
        price = step if ends[0] < step < ends[1] else np.sqrt(ends[0] * ends[1])
    found = [at_price(source, price, fine=FINE) for source in sources]  # the bound holds at any price
    rates, spent = (np.array([getattr(each, name) for each in found]) for name in ("rate", "distortion"))
    free = [Fidelity(0.0)]  # its price counts, its budget charges nothing: the bound is g_c(w)
    dual = [lower_bound_all_codebooks(s, free, [price], each.potentials, tol=1e-4) for s, each in zip(sources, found)]
    scalar = [scalar_dual(source, price) for source in sources]
    bits = lambda dual: max(0.0, float(share @ dual) - price * D / NATS_PER_BIT)
    return ParallelBound(
        bits(dual),
        float(share @ rates / NATS_PER_BIT),
        float(share @ spent),
        price / NATS_PER_BIT,
        bits(scalar),
        rates / NATS_PER_BIT,
        spent,
    )


def scalar_dual(source, price):
    """The least H(Y) + price E|X - Y|^2 of scalar quantisers, bits: exact, by dynamic program."""
    hull = Hull(source)
    D, H = hull.cells.measure(hull.cells.best([1 / price])[0])
    return (H + price * D) / NATS_PER_BIT
