"""What codes that know the contexts of a file must cost: below the file, below scalar codes, above nothing."""

import numpy as np
import pytest

import mfrd
from mfrd.coding import pictures, signals
from mfrd.coding.context_bound import context_bound, in_contexts, in_contexts_of_picture
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


@pytest.fixture(scope="module")
def pictured():
    """A picture of edges and noise with a region, and its file."""
    y, x = np.mgrid[:64, :80]
    picture = 120 + 60 * ((x - 40) ** 2 + (y - 30) ** 2 < 400) + np.random.default_rng(1).normal(0, 8, (64, 80))
    mask = np.zeros(picture.shape, bool)
    mask[20:44, 30:60] = True
    return picture, mask, mfrd.compress(picture, mask, inside=2.0, outside=6.0)


def test_errors_of_coefficients_are_nearly_those_of_the_picture_before_the_filter(pictured):
    picture, mask, data = pictured
    held = in_contexts_of_picture(picture, data)
    head, tap = pictures.opened(data)
    walked = pictures.walk(pictures.Decoder(tap), head.steps(), pictures.model())
    error = np.ldexp(walked.astype(float), head.unit) + head.middle - picture
    base = np.ldexp(np.array([pictures.base_step(code) for code in head.codes], float), head.unit)
    weighted = ((error[mask] / base[0]) ** 2).sum() + ((error[~mask] / base[1]) ** 2).sum()
    assert held.D * len(held.values) == pytest.approx(weighted, rel=0.05)  # the wavelet is not quite orthogonal
    lowest = len(pictures.analyse_picture(picture)[0].ravel())
    assert len(held.values) == picture.size - lowest


def test_what_the_contexts_of_a_picture_say_is_worth_bits(pictured):
    picture, _, data = pictured
    bound = mfrd.context_bound(picture, data, fine=8)
    assert 0 < bound.bytes < bound.scalar_bytes < bound.payload < len(data)
    held = in_contexts_of_picture(picture, data)
    alone = parallel_bound([histogram(held.values, 1 / 8)], [1], held.D, price=1 / pictures.PRICE)
    assert alone.lower_bound > 1.05 * bound.parallel.lower_bound


def test_a_picture_of_another_shape_and_a_constant_one_are_refused(pictured):
    picture, _, data = pictured
    with pytest.raises(ValueError, match=r"shape \(80, 64\); expected that of the file, \(64, 80\)"):
        context_bound(picture.T, data)
    flat = np.full((9, 9), 3.0)
    with pytest.raises(ValueError, match="its picture is constant"):
        context_bound(flat, mfrd.compress(flat, flat > 0, inside=1.0, outside=1.0))


def test_what_is_not_the_file_s_is_refused_by_name(coded):
    x, data, _ = coded
    for fine in (0, "a", True, 1.5):
        with pytest.raises(ValueError, match="fine is .*; expected how many bins"):
            context_bound(x, data, fine=fine)
    for spoilt in (np.where(x > 2, np.nan, x), np.where(x > 2, np.inf, x)):
        with pytest.raises(ValueError, match="expected NaN in the 0 gaps of the file"):
            context_bound(spoilt, data)
    picture = np.add.outer(np.arange(60.0), np.arange(50.0))
    file = mfrd.compress(picture, picture > 50, inside=0.3, outside=1.0)
    with pytest.raises(ValueError, match="pixels are not finite"):
        context_bound(np.where(picture > 90, np.nan, picture), file)
    with pytest.raises(ValueError, match="holds corrections"):
        context_bound(x, mfrd.compress(x, x > 0, inside=0.3, outside=1.0, inside_max=0.35))
