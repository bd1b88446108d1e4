"""The bound of parallel sources that share one price."""

import numpy as np
import pytest

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
