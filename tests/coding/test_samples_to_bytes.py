"""From samples to bytes: every budget holds on the decoded samples, whatever the samples are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mfrd
from mfrd.coding.check import EXCESS
from mfrd.coding.gaps import Gaps
from mfrd.quantisers.cells import from_labels


def coded(samples, encoder):
    return mfrd.Codec.decode(mfrd.Codec(encoder).encode(samples))


def kinds(rng, N):
    """Kin of recorded signals: heavy tails, integers, decimals, ties, an offset, single precision."""
    t = np.arange(N)
    return {
        "seismogram": rng.standard_t(1.5, N) * 100,
        "counts": np.rint(rng.standard_t(3, N) * 400),
        "temperatures": np.round(15 + 8 * np.sin(t / 55) + rng.normal(size=N), 1),
        "rain": np.round(np.maximum(rng.normal(-1, 2, N), 0) ** 2, 1),
        "dioxide": np.round(315 + 0.01 * t + 3 * np.sin(t / 8), 2),
        "speech": np.rint(rng.laplace(size=N) * 900) / 32768,
        "pulse": (512 + 100 * np.sin(t / 20) ** 3 + rng.normal(size=N)).astype(np.float32),
        "offset": 1e6 + rng.normal(size=N) * 1e-3,
    }


NAMES = list(kinds(np.random.default_rng(0), 1))


@pytest.mark.parametrize("name, N", [*((name, 900) for name in NAMES), ("seismogram", 12_000), ("dioxide", 12_000)])
def test_a_budget_on_samples_holds_on_what_is_decoded_and_zero_gives_them_back(name, N):
    samples = kinds(np.random.default_rng(1), N)[name]
    source = mfrd.Source.from_samples(samples)
    for share in (0.1, 0.001):
        D = share * samples.var(dtype=float)
        quantiser = mfrd.ecsq(source, D)
        report = mfrd.Codec(quantiser.deterministic()).check(samples)
        assert 0.3 * D < report.distortions["global"] <= D and report.kept["global"] and report.escapes == 0
        assert quantiser.distortion == pytest.approx(D, rel=1e-9)
        measured = np.mean((coded(samples, quantiser.deterministic())[:, 0] - samples) ** 2)
        assert report.distortions["global"] == pytest.approx(measured, rel=1e-9)
    assert (coded(samples, mfrd.ecsq(source, 0.0).deterministic())[:, 0] == samples).all()


@pytest.mark.parametrize("name", ["seismogram", "counts", "pulse"])
def test_a_budget_on_a_region_holds_on_the_samples_of_that_region(name):
    samples = kinds(np.random.default_rng(2), 15_000)[name].astype(float)
    low, high = np.quantile(samples, [0.35, 0.6])
    source = mfrd.Source.from_samples(samples, split=(low, high))
    scale = np.var(samples[(samples > low) & (samples < high)])
    core = mfrd.Fidelity(0.01 * scale, on=(source.points > low) & (source.points < high), per="subset", name="core")
    budgets = [mfrd.Fidelity(0.3 * samples.var()), core]
    encoder = mfrd.ecvq(source, budgets, starts="cells", rounds=4).deterministic()
    error = (coded(samples, encoder)[:, 0] - samples) ** 2
    report = mfrd.Codec(encoder).check(samples, budgets)
    assert report.kept == {"global": True, "core": True} == mfrd.Codec(encoder).check(samples).kept
    inside = (samples > low) & (samples < high)
    assert (
        report.distortions["core"] == pytest.approx(error[inside].mean(), rel=1e-9) and error[inside].mean() <= core.D
    )
    assert report.distortions["global"] == pytest.approx(error.mean(), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_samples_any_budgets_any_region(data):
    """Bytes, decoding, measured distortion within every budget: integers, heavy tails, ties, single precision."""
    seed, N = data.draw(st.integers(0, 10**6)), data.draw(st.integers(1, 700))
    rng = np.random.default_rng(seed)
    samples = kinds(rng, N)[data.draw(st.sampled_from(NAMES))].astype(data.draw(st.sampled_from([float, np.float32])))
    bins = data.draw(st.sampled_from([None, None, 30, "auto"]))
    edges = np.sort(rng.choice(np.append(samples, samples.astype(float).mean()), 2))
    source = mfrd.Source.from_samples(samples, bins, split=edges)
    inside = lambda x: (x >= edges[0]) & (x <= edges[1])
    D = source.p @ source.within + samples.var(dtype=float) * 10.0 ** rng.uniform(-4, 0.3)
    budgets = [mfrd.Fidelity(D * data.draw(st.sampled_from([1.0, 1.0, 0.0])) if bins is None else D)]
    if inside(source.points).any():
        form = data.draw(st.sampled_from(["joint", "subset", "letter"]))
        added = source.within[inside(source.points)].max()
        tight = added + 0.3 * D * 10.0 ** rng.uniform(-3, 0)
        budgets.append(mfrd.Fidelity(tight, on=inside(source.points), per=form, name="core"))
    few = {} if len(budgets) == 1 else {"starts": "cells", "rounds": 2, "patience": 1}
    quantiser = mfrd.ecvq(source, budgets, **few)
    codec = mfrd.Codec(quantiser.deterministic())
    error = (mfrd.Codec.decode(codec.encode(samples))[:, 0] - samples.astype(float)) ** 2
    assert error.mean() <= budgets[0].D * (1 + 1e-9)
    if len(budgets) == 2 and budgets[1].per != "letter":
        among = N if budgets[1].per == "joint" else inside(samples).sum()
        assert error[inside(samples)].sum() / among <= budgets[1].D * (1 + 1e-9)
    assert all(codec.check(samples, budgets).kept.values()) and not codec.check(samples).escapes


@pytest.mark.parametrize("k", [2, 3])
def test_samples_of_several_axes(k):
    rng = np.random.default_rng(k)
    samples = np.rint(rng.standard_t(3, size=(3000, k)) @ rng.normal(size=(k, k)) * 4)
    few = samples[:1500]
    for x, bins in ((few, None), (samples, 16)):
        source = mfrd.Source.from_samples(x, bins)
        budget = mfrd.Fidelity(source.p @ source.within + 0.1 * x.var(axis=0).sum())
        quantiser = mfrd.mixture([mfrd.uniform_quantiser(source, s) for s in (0.01, 4.0, 8.0)], budget)
        report = mfrd.Codec(quantiser.deterministic()).check(x)
        assert report.kept["global"] and report.distortions["global"] == pytest.approx(
            ((coded(x, quantiser.deterministic()) - x) ** 2).sum(axis=1).mean()
        )
    assert (coded(few, mfrd.ecvq(mfrd.Source.from_samples(few), mfrd.Fidelity(0.0)).deterministic()) == few).all()


def test_a_check_says_what_was_broken_and_counts_what_escaped():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=4000)
    codec = mfrd.Codec(mfrd.ecsq(mfrd.Source.from_samples(samples), 0.05).deterministic())
    loud = codec.check(30 * samples)
    outside = (30 * samples < codec.low) | (30 * samples > codec.high)
    assert loud.escapes == np.count_nonzero(outside) > 3000
    assert 0 <= samples.min() - codec.low[0] < np.sqrt(0.05) and 0 <= codec.high[0] - samples.max() < np.sqrt(0.05)
    assert loud.kept["global"] and loud.bits == 8 * loud.bytes / 4000
    spends = codec.check(samples).distortions["global"]
    for D, kept in ((spends, True), (spends * (1 - EXCESS / 2), True), (spends * (1 - 3 * EXCESS), False)):
        assert codec.check(samples, mfrd.Fidelity(D)).kept == {"global": kept}
    tight = codec.check(samples, mfrd.Fidelity(0.01))
    assert tight.kept == {"global": False} and "global 0.0" in repr(tight) and "EXCEEDED" in repr(tight)
    assert "EXCEEDED" not in repr(loud)
    with pytest.raises(ValueError, match="was made for no budgets; expected fidelities"):
        mfrd.Codec(mfrd.lloyd_max(mfrd.Source.from_samples(samples[:50]), 3)).check(samples)
    matrix = mfrd.Fidelity(1.0, distortion=np.ones((4000, len(codec.codebook))))
    with pytest.raises(ValueError, match="a matrix says nothing of samples"):
        codec.check(samples, matrix)


def two_lumps(rng, N, k=1):
    return rng.normal(size=(N, k)) * 0.3 + 10 * rng.choice([-1, 1], N)[:, None]


@pytest.mark.parametrize("k", [1, 2])
def test_a_sample_in_a_gap_of_the_design_escapes_is_refused_or_is_clipped_by_choice(k):
    rng = np.random.default_rng(k)
    lumps = two_lumps(rng, 1500, k)
    source = mfrd.Source.from_samples(lumps)
    encoder = mfrd.mixture([mfrd.uniform_quantiser(source, 0.4)], mfrd.Fidelity(0.05)).deterministic()
    between = rng.uniform(-7, 7, (40, k))
    codec = mfrd.Codec(encoder)
    report = codec.check(np.vstack([lumps, between]))
    assert report.escapes == 40 and report.kept["global"] and not codec.check(lumps).escapes
    error = ((coded(between, encoder) - between) ** 2).sum(axis=1)
    assert error.max() <= 0.05
    clipped = mfrd.Codec.decode(mfrd.Codec(encoder, outside="clip").encode(between))
    assert ((clipped - between) ** 2).sum(axis=1).min() > 1
    with pytest.raises(ValueError, match="40 of 40 samples lie outside the range of the design or in a gap of it"):
        mfrd.Codec(encoder, outside="refuse").encode(between)
    assert codec.escapes(two_lumps(rng, 20_000, k)).mean() < 0.01 * k  # what the design might have seen


def test_a_design_without_gaps_has_none_for_samples_off_its_letters():
    source = mfrd.Source(mfrd.grid(-2, 2, 41), np.full(41, 1 / 41))
    for encoder in (mfrd.uniform_quantiser(source, 0.5), mfrd.uniform_quantiser(source, 0.01)):
        assert not mfrd.Codec(encoder).escapes(np.linspace(-2, 2, 4001)).any()


def test_gaps_end_where_codewords_or_budgets_reach():
    """Letters -1.1, -1, 0, 8: codewords -1.05, 0 and 8, gaps where both the letter and the codeword are far."""
    source = mfrd.Source([-1.1, -1.0, 0.0, 8.0], [0.25] * 4)
    encoder = from_labels(source, np.array([0, 0, 1, 2]))
    assert mfrd.Codec(encoder).gaps.ends == pytest.approx([-0.6, -0.5])  # -1 + 4 x 0.1 to the threshold; 0 + 4 x 1 = 4
    loose = mfrd.Codec(encoder.keeping([mfrd.Fidelity(0.25 * 0.3**2 * 4)]))
    assert loose.gaps.ends == pytest.approx([-0.6, -0.5])
    wide = mfrd.Codec(encoder.keeping([mfrd.Fidelity(1.0)]))  # within 1 of every letter
    assert not len(wide.gaps.ends)
    skew = mfrd.Source([-3.0, -1.1, -1.0, 5.0, 5.1], [0.1, 0.2, 0.3, 0.2, 0.2])  # one codeword, -1.2, 1.8 from a letter
    gaps = Gaps(skew, np.array([[-1.2], [5.0]]), np.array([0, 0, 0, 1, 1]), 0.0)
    assert gaps.ends == pytest.approx([0.6, 4.6]) and Gaps(skew, skew.x, np.arange(5), 9.0).ends.size == 0


def test_regions_of_values_are_intervals_or_functions_for_a_design_and_a_check():
    samples = np.random.default_rng(0).normal(size=600)
    source = mfrd.Source.from_samples(samples)
    mask, few = abs(source.points) < 0.5, {"starts": "cells", "rounds": 2, "patience": 1}
    regions = [mask, [(-0.5, 0.5)], lambda x: abs(x[:, 0]) < 0.5]
    D = mfrd.Fidelity(0.1)
    found = [mfrd.ecvq(source, [D, mfrd.Fidelity(0.01, on=on, per="subset", name="core")], **few) for on in regions]
    assert found[0].rate == found[1].rate == found[2].rate
    codec = mfrd.Codec(found[0].deterministic())
    error = (codec.decode(codec.encode(samples))[:, 0] - samples) ** 2
    for on in regions[1:]:
        spent = codec.check(samples, mfrd.Fidelity(0.01, on=on, per="subset", name="core")).distortions["core"]
        assert spent == pytest.approx(error[abs(samples) < 0.5].mean())
    assert codec.check(samples, mfrd.Fidelity(1, on=[(50, 60)], name="none")).distortions["none"] == 0
    plane = mfrd.Source(np.zeros((1, 2)), [1.0])
    for on, message in (([(0, 1)], "intervals and points have 2 dim"), (lambda x: x > 0, "returns bool of shape")):
        with pytest.raises(ValueError, match=message):
            mfrd.ecvq(plane, mfrd.Fidelity(1.0, on=on))


def test_a_time_shared_quantiser_is_measured_on_samples():
    samples = np.random.default_rng(0).laplace(size=30_000)
    source = mfrd.Source.from_samples(samples)
    quantiser = mfrd.ecsq(source, 0.1)
    found = mfrd.measure(quantiser, samples=samples)
    assert found.samples == 30_000 and found.distortion == pytest.approx(0.1, rel=0.02)
    headers = sum(len(mfrd.Codec(encoder).header) for _, encoder in quantiser.parts)
    assert found.bits - 8 * headers / 30_000 == pytest.approx(quantiser.rate, rel=0.02)
    drawn = mfrd.measure(quantiser, mfrd.draw(quantiser.source, 30_000, 1))
    assert drawn.distortion == pytest.approx(0.1, rel=0.05)
    for wrong in ({}, {"letters": [0], "samples": samples}):
        with pytest.raises(ValueError, match="either letters, indices as mfrd.draw returns, or samples="):
            mfrd.measure(quantiser, **wrong)
    with pytest.raises(ValueError, match="no samples"):
        mfrd.measure(quantiser, samples=[])


def test_a_budget_may_be_a_number_of_single_precision_or_an_array_without_axes():
    source = mfrd.Source.from_samples(np.arange(100.0))
    found = [mfrd.ecsq(source, D) for D in (np.float32(0.1), np.array(0.1), 0.1)]
    assert found[1].rate == found[2].rate == pytest.approx(found[0].rate, rel=1e-6)


def test_a_trellis_takes_samples_by_their_bins_and_says_what_lies_beyond_it():
    samples = np.random.default_rng(0).laplace(size=40_000)
    source = mfrd.Source.from_samples(samples, split=(-0.3, 0.3))
    core = mfrd.Fidelity(0.004, on=abs(source.points) < 0.3, per="subset", name="core")
    trellis = mfrd.trellis(source, [mfrd.Fidelity(0.1), core], states=8)
    report = mfrd.Codec(trellis, outside="clip").check(samples, [mfrd.Fidelity(0.1), core])
    for name, spent in report.distortions.items():
        assert spent <= report.budgets[name] * 1.03, (name, spent)  # the design's letters are another draw
    assert trellis.source.within.max() < 0.1 / 16
    loud = 30 * samples
    with pytest.warns(UserWarning, match="samples lie beyond the range of the trellis, which has no escapes"):
        clipped = mfrd.Codec(trellis).encode(loud)
    assert mfrd.Codec(trellis, outside="clip").encode(loud) == clipped
    report = mfrd.Codec(trellis, outside="clip").check(loud)
    codec = mfrd.Codec(trellis)
    assert report.escapes == np.count_nonzero((loud < codec.low) | (loud > codec.high)) > 1000
    with pytest.raises(ValueError, match="lie beyond the range of the trellis"):
        mfrd.Codec(trellis, outside="refuse").encode(loud)
    given = mfrd.Source.from_samples(samples, bins=8)
    with pytest.raises(mfrd.InfeasibleFidelity, match="what the bins of the samples add by themselves"):
        mfrd.trellis(given, mfrd.Fidelity(0.05), states=8)
