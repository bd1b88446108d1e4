"""What codes that know the contexts of a file must cost: below the file, below scalar codes, above nothing."""

import numpy as np
import pytest

import mfrd
from mfrd.coding import signals
from mfrd.coding.context_bound import context_bound, in_contexts
from mfrd.coding.water_filling import histogram, parallel_bound


@pytest.fixture(scope="module")
def coded():
    """White noise with a region, its file, and what its contexts hold."""
    x = np.random.default_rng(0).normal(size=6000)
    data = mfrd.compress(x, np.arange(6000) < 2000, inside=0.3, outside=0.6)
    return x, data, in_contexts(x, signals.opened(data))


def test_errors_in_steps_are_those_of_the_samples_at_the_two_prices(coded):
    x, data, held_by = coded
    values, classes, D = held_by.values, held_by.classes, held_by.D
    held = signals.opened(data)
    assert len(values) == len(classes) == held.layout.blocks * held.layout.K
    error = mfrd.decompress(data) - x
    steps = signals.table_of_steps(held.layout.base)[[signals.SHARES, 0]]
    inside = np.arange(6000) < 2000
    weighted = ((error[inside] / steps[0]) ** 2).sum() + ((error[~inside] / steps[1]) ** 2).sum()
    assert D * len(values) == pytest.approx(weighted, rel=0.01)  # but for blocks on the border and beyond the end


def test_no_code_of_the_contexts_is_as_short_as_the_bound_and_scalar_ones_are_longer(coded):
    x, data, held = coded
    values, classes, D = held.values, held.classes, held.D
    bound = context_bound(x, data, fine=6)
    assert bound.contexts == len(np.unique(classes)) and bound.D == D
    gaussian = (2000 * np.log2(1 / 0.3) + 4000 * np.log2(1 / 0.6)) / 8  # Shannon: log2(std / rms) bits a sample
    assert gaussian < bound.bytes < 1.03 * gaussian and bound.bytes < bound.scalar_bytes < bound.payload
    assert bound.parallel.rate == pytest.approx(bound.parallel.lower_bound, rel=0.02)
    together = histogram(np.concatenate([values, -values]), 1 / 6)
    alone = parallel_bound([together], [1], D, price=1 / signals.PRICE)
    assert alone.lower_bound > 1.05 * bound.parallel.lower_bound  # what the contexts say is worth bits


def test_another_signal_and_a_perfect_file_are_refused(coded):
    x, data, _ = coded
    with pytest.raises(ValueError, match=r"shape \(5999,\); expected that of the file, 6000 samples"):
        context_bound(x[1:], data)
    with pytest.raises(ValueError, match="price is -1.0; expected positive bits"):
        parallel_bound([histogram(x, 1.0)], [1], 1.0, price=-1.0)
    with pytest.raises(ValueError, match="no error"):
        context_bound(np.zeros(50), mfrd.compress(np.zeros(50), np.zeros(50, bool), inside=1.0, outside=1.0))
