"""The bound of parallel sources that share one price."""

import itertools

import numpy as np
import pytest
from flint import arb, fmpq
from scipy.special import entr

import mfrd
from mfrd.coding import water_filling


def test_the_bound_of_parallel_gaussians_is_reverse_water_filling():
    letters = mfrd.grid(-6, 6, 241)
    variances, D = np.array([4.0, 1.0, 0.04]), 0.15
    sources = [mfrd.bumps(letters * np.sqrt(v), [1], [0], [np.sqrt(v)]) for v in variances]
    water = (3 * D - 0.04) / 2  # the third subband lies under the water
    bound = water_filling.parallel_bound(sources, [1, 1, 1], D)
    expected = np.log2(variances[:2] / water).sum() / 2 / 3
    assert bound.lower_bound == pytest.approx(expected, abs=2e-3) and bound.lower_bound <= bound.scalar_bound
    assert bound.price == pytest.approx(1 / (2 * water * np.log(2)), rel=0.02)


@pytest.mark.parametrize("price", [0.3, 2.0, 9.0])
def test_the_scalar_dual_is_the_least_over_all_partitions(price):
    """H + w D of every partition of seven letters, nats, by its definition."""
    rng = np.random.default_rng(0)
    source = mfrd.Source(np.sort(rng.normal(size=7)), rng.dirichlet(np.ones(7)))
    x, p, every = source.x[:, 0], source.p, []
    for cells in map(np.array, itertools.product(range(4), repeat=7)):  # as good as any: more cells cost more here
        mass = np.bincount(cells, p, 4)
        mean = np.bincount(cells, p * x, 4) / np.where(mass > 0, mass, 1)
        every.append(entr(mass).sum() + price * p @ (x - mean[cells]) ** 2)
    assert water_filling.scalar_dual(source, price) == pytest.approx(min(every) / np.log(2), abs=1e-12)


def test_a_sum_of_bounds_is_rounded_down():
    """Against balls: shares are those of counts, and the charge is price D / log 2."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        counts, bounds = rng.integers(1, 1000, 20), rng.normal(size=20) * 10.0 ** rng.integers(-3, 4, 20)
        price, D = 10.0 ** rng.uniform(-3, 3, 2)
        found = water_filling.weighted_down(counts / counts.sum(), bounds, price * D / np.log(2))
        gain = sum(fmpq(int(n), int(counts.sum())) * fmpq(*float(g).as_integer_ratio()) for n, g in zip(counts, bounds))
        truth = arb(gain) - arb(price) * arb(D) / arb(2).log()
        assert arb(found) < truth and truth - arb(found) < arb(1e-14 * float(abs(bounds).sum() + price * D))
