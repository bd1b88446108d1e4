"""Files of signals: targets met on what comes back from the bytes, gaps as gaps, damage refused."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter

import mfrd
from mfrd.coding import corrections, signals
from mfrd.coding.bits import Sink, Tap
from mfrd.coding.container import CorruptStream

CLOSE = 0.05  # decibels below a target


def walk(N, seed=0, scale=1.0):
    return scale * np.cumsum(np.random.default_rng(seed).normal(size=N))


def resonance(N, seed=0):
    """An autoregression of two poles, (N,): a spectrum with a peak."""
    return lfilter([1], [1, -1.6, 0.8], np.random.default_rng(seed).normal(size=N))


def stretch(N, start, stop):
    mask = np.zeros(N, bool)
    mask[start:stop] = True
    return mask


def rms(error, mask):
    return float(np.sqrt(np.mean(error[mask] ** 2)))


def test_the_transform_is_orthonormal_and_its_own_inverse():
    x = walk(1024)
    for K in (16, 64, 256):
        C = signals.lapped(x, K)
        assert (C**2).sum() == pytest.approx((x**2).sum(), rel=1e-12)
        assert signals.unlapped(C) == pytest.approx(x, abs=1e-10)
    pure = np.cos(np.pi / 64 * 20.5 * (np.arange(1024) + 0.5 - 32))  # a frequency of the transform
    C = signals.lapped(pure, 64)
    assert (C[3:-3, 18:23] ** 2).sum() > 0.99 * (C[3:-3] ** 2).sum()


def test_shares_of_a_mask_are_those_of_the_windows():
    mask = np.zeros(320, bool)
    mask[64:256] = True
    assert signals.shares(mask, 64).tolist() == [2, 14, 16, 14, 2]  # of sixteen: an eighth of the window lies beyond
    assert signals.shares(~mask, 64).tolist()[2] == 0
    assert set(signals.shares(np.ones(320, bool), 64).tolist()) >= {16}
    one = np.arange(320) == 130
    assert signals.shares(one, 64).tolist() == [0, 1, 1, 0, 0]  # a sample alone counts, and so does one that is missing
    assert signals.shares(~one, 64).tolist()[1:3] == [15, 15]


def test_two_prices_make_the_step_of_a_block():
    steps = signals.table_of_steps((signals.step_code(0.25), signals.step_code(2.0)))
    assert steps[[0, 16]].tolist() == [2.0, 0.25]
    assert 1 / steps[8] ** 2 == pytest.approx((1 / 0.25**2 + 1 / 2.0**2) / 2, rel=1e-12)
    for step in (1e-9, 0.3, 7.0, 3e11):
        assert step * (1 - 2**-8) <= signals.base_step(signals.step_code(step)) <= step


@pytest.mark.parametrize("make", [walk, resonance])
def test_both_targets_are_met_from_the_bytes_alone_and_hardly_exceeded(make):
    x, mask = make(6001), stretch(6001, 2000, 2900)
    data = mfrd.compress(x, mask, inside=0.1, outside=0.5)
    error = mfrd.decompress(data) - x
    for target, at in ((0.1, mask), (0.5, ~mask)):
        assert target * 10 ** (-2 * CLOSE / 20) < rms(error, at) <= target  # a short signal: CLOSE of longer ones
    assert data == mfrd.compress(x, mask, inside=0.1, outside=0.5)


def test_a_region_costs_less_than_its_quality_everywhere_and_more_than_none():
    x, mask = resonance(6000), stretch(6000, 1000, 1600)
    sizes = [len(mfrd.compress(x, at, inside=0.2, outside=1.0)) for at in (mask & False, mask, mask | True)]
    assert sizes[0] < sizes[1] < sizes[0] + 0.2 * (sizes[2] - sizes[0])


def test_drift_and_beats_cost_less_for_what_both_sides_know_of_them(monkeypatch):
    rng, N = np.random.default_rng(3), 12_000
    x, mask, pulse = (
        0.02 * np.cumsum(rng.normal(size=N)),
        np.zeros(N, bool),
        np.hanning(40) * np.sin(0.45 * np.arange(40)),
    )
    for start in np.cumsum(rng.integers(200, 260, N // 200)):
        if start + 40 <= N:
            x[start : start + 40] += rng.uniform(6, 9) * pulse
            mask[start : start + 40] = True
    size = lambda: len(mfrd.compress(x, mask, inside=0.02, outside=0.06))
    known, turn = size(), signals.Expected.turn
    monkeypatch.setattr(signals.Expected, "turn", lambda self, a, side, b, c: turn(self, a, 0 * side, b, c))
    assert known < 0.93 * size()  # one slow mean for both sides
    monkeypatch.setattr(signals.Expected, "turn", turn)
    monkeypatch.setattr(signals, "link_gain", lambda q: 0.0)
    assert known < 0.97 * size()  # the lowest frequency not told from block to block


def test_bytes_of_white_noise_stay_near_its_rate():
    x = np.random.default_rng(1).normal(size=20_000)
    data = mfrd.compress(x, np.zeros(20_000, bool), inside=0.25, outside=0.25)
    assert 8 * len(data) / 20_000 < np.log2(1 / 0.25) + 0.2  # a scalar quantiser with entropy coding: 0.25


def test_smooth_signals_cost_next_to_nothing_and_short_ones_little():
    hour = np.arange(8760)
    year = 15 + 8 * np.sin(2 * np.pi * hour / 8760) + 4 * np.sin(2 * np.pi * hour / 24)
    assert len(mfrd.compress(year, np.zeros(8760, bool), inside=0.5, outside=0.5)) < 100
    for x in (np.zeros(5), np.array([3.0]), np.full(100, 1e9), np.r_[np.zeros(1000), 1.0, np.zeros(1000)]):
        data = mfrd.compress(x, np.ones(len(x), bool), inside=1e-2, outside=1e-2)
        assert len(data) < 40
        assert rms(mfrd.decompress(data) - x, slice(None)) <= 1e-2


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_units_do_not_matter(scale):
    x, mask = walk(2000), stretch(2000, 500, 700)
    power = 2.0 ** np.rint(np.log2(scale))
    data = mfrd.compress(power * x, mask, inside=0.1 * power, outside=power)
    same = mfrd.compress(x, mask, inside=0.1, outside=1.0)
    assert abs(len(data) - len(same)) <= 4
    assert mfrd.decompress(data) / power == pytest.approx(mfrd.decompress(same), abs=1e-9)


def test_channels_share_a_file_and_gaps_come_back_as_gaps():
    x = np.stack([walk(3000), resonance(3000), np.full(3000, 5.0)], axis=1)
    x[100:300, 0] = x[7, 1] = np.nan
    gaps, mask = np.isnan(x), stretch(3000, 1000, 1500)
    for region in (mask, np.stack([mask, ~mask, mask & False], axis=1)):
        found = mfrd.decompress(mfrd.compress(x, region, inside=0.2, outside=0.6))
        each = np.broadcast_to(region.reshape(3000, -1), x.shape)
        assert (np.isnan(found) == gaps).all()
        for target, at in ((0.2, each & ~gaps), (0.6, ~each & ~gaps)):
            assert rms(found - x, at) <= target
    alone = mfrd.decompress(mfrd.compress(x[:, 0], mask, inside=0.2, outside=0.6))
    assert alone.shape == (3000,) and (np.isnan(alone) == gaps[:, 0]).all()


@pytest.mark.parametrize("most", [0.25, 0.7, 5.0])
def test_a_largest_error_holds_for_every_sample_inside(most):
    x, mask = walk(4000), stretch(4000, 1000, 2000)
    data = mfrd.compress(x, mask, inside=0.25, outside=1.0, inside_max=most)
    error = mfrd.decompress(data) - x
    assert np.abs(error[mask]).max() <= most
    assert rms(error, mask) <= 0.25 and rms(error, ~mask) <= 1.0
    assert (data[:2] == corrections.MAGIC) == (most < 2)
    if most > 2:
        assert data == mfrd.compress(x, mask, inside=0.25, outside=1.0)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 400), st.integers(1, 3), st.floats(-3, 3), st.integers(0, 10**6))
def test_whatever_the_signal_its_targets_are_met(N, channels, decades, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_t(2, size=(16 * channels + N, channels)) * 10**decades + rng.normal() * 100
    mask = rng.random(len(x)) < rng.random()
    targets = 10**decades * rng.uniform(0.05, 1.0, 2)
    error = mfrd.decompress(mfrd.compress(x, mask, inside=targets[0], outside=targets[1])) - x
    for target, at in zip(targets, (mask, ~mask)):
        assert not at.any() or rms(error, at) <= target


def test_a_largest_error_needs_no_finer_file_than_can_be_coded():
    x, mask = walk(300), stretch(300, 100, 200)

    def encode(factor, coarsest=1.0):
        if factor < coarsest:
            raise ValueError("finer than can be coded")
        return mfrd.compress(x, mask, inside=0.25, outside=1.0)

    data = corrections.bounded(encode, mfrd.decompress, x, mask, 0.3, False)
    assert data[:2] == corrections.MAGIC and np.abs(mfrd.decompress(data) - x)[mask].max() <= 0.3
    with pytest.raises(ValueError, match="finer than can be coded"):
        corrections.bounded(lambda factor: encode(factor, 2.0), mfrd.decompress, x, mask, 0.3, False)


def test_magnitudes_beyond_32_bits_come_back():
    x, mask = walk(500), stretch(500, 0, 100)
    spiked = x + 1e11 * (np.arange(500) == 250)
    for signal, inside, outside in ((x, 1.0, 1e-10), (x, 1e-11, 1e-11), (spiked, 0.1, 0.5)):
        error = mfrd.decompress(mfrd.compress(signal, mask, inside=inside, outside=outside)) - signal
        assert rms(error, mask) <= inside and rms(error, ~mask) <= outside


def test_codes_of_orders_beyond_an_int32_come_back():
    values = np.array([2**36 + 12345, 3, 2**33 - 1])
    for order in (5, 31, 32, 40):
        orders, sink = np.full(3, order, np.int32), Sink()
        sink.golomb(values, orders)
        assert (Tap(sink.data()).golomb(orders) == values).all()


def test_altered_and_cut_bytes_are_refused():
    x = walk(300)
    plain = mfrd.compress(x, stretch(300, 50, 90), inside=0.1, outside=0.5)
    for data in (plain, mfrd.compress(x, stretch(300, 50, 90), inside=0.1, outside=0.5, inside_max=0.2)):
        for at in range(len(data)):
            spoilt = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
            with pytest.raises(CorruptStream):
                mfrd.decompress(spoilt)
            with pytest.raises(CorruptStream):
                mfrd.decompress(data[:at])


@pytest.mark.parametrize(
    "change, error, said",
    [
        ({"inside": 0.0}, ValueError, "inside is 0.0; expected a root mean square error > 0"),
        ({"inside_max": -1.0}, ValueError, "inside_max is -1.0; expected a largest error > 0"),
        ({"mask": np.zeros(9, bool)}, ValueError, r"\(10,\) and a mask of shape \(9,\); expected"),
        ({"mask": np.zeros(10)}, TypeError, "mask is of float64; expected booleans"),
        ({"signal": np.full(10, np.nan)}, ValueError, "10 of 10 samples are not finite"),
        ({"signal": np.r_[np.inf, np.zeros(9)]}, ValueError, "1 of 10 samples are not finite"),
        ({"signal": np.zeros(10) + 1j}, ValueError, "complex"),
        ({"inside": "0.1"}, ValueError, "inside is '0.1'; expected a root mean square error > 0"),
        ({"outside": np.array([0.1, 0.2])}, ValueError, r"outside is array\(\[0.1, 0.2\]\); expected a root"),
        ({"inside": 40, "outside": 30, "peak": "255"}, ValueError, "peak is '255'; expected a positive number"),
        ({"inside": 400, "outside": 30, "peak": 255}, ValueError, "inside is 400; expected decibels below the peak"),
        ({"outside": 1e199}, ValueError, "scale the signal"),
        ({"outside": 1e-201}, ValueError, "scale the signal"),
        ({"signal": np.full(10, 1e35)}, ValueError, "samples up to 1e.35; expected .* scale the signal"),
        ({"signal": np.full(10, 1e20)}, ValueError, "asked of samples up to 1e.20; expected .* take out an offset"),
        ({"signal": np.arange(10) + 1e15}, ValueError, "take out an offset"),
        ({"mask": np.ones(10, bool), "signal": np.arange(10.0), "inside_max": 1e-20}, ValueError, "1e-20 is asked"),
    ],
)
def test_what_cannot_be_coded_is_refused_by_name(change, error, said):
    given = {"signal": np.zeros(10), "mask": np.zeros(10, bool), "inside": 1.0, "outside": 1.0} | change
    with pytest.raises(error, match=said):
        mfrd.compress(given.pop("signal"), given.pop("mask"), **given)


def test_a_million_samples_take_seconds():
    x = resonance(140_000)
    start = time.process_time()
    data = mfrd.compress(x, stretch(len(x), 50_000, 90_000), inside=0.3, outside=0.6)
    assert time.process_time() - start < 6  # about two on a machine that does nothing else
    assert len(data) < 0.25 * len(x)
    mfrd.decompress(data)
    assert time.process_time() - start < 8


def test_a_mask_of_like_runs_costs_next_to_nothing():
    """Runs of one length take a bit each; others come back as they were."""
    rng = np.random.default_rng(0)
    like = np.arange(100 * 480) % 480 < 43
    assert len(signals.runs(like)) < 100 / 8 * 2 + 12
    for mask in (like, rng.random(500) < 0.5, np.arange(9) < 4, np.ones(3, bool), np.repeat(rng.random(40) < 0.5, 97)):
        fields = signals.Bytes(signals.runs(mask))
        assert np.array_equal(signals.from_runs(fields, len(mask)), mask)
        assert fields.at == len(fields.data)
