"""Samples to letters: what bins throw away is known, edges of regions cut them, budgets refine them."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mfrd
from mfrd.problems.binning import BINS, LETTERS, distinct
from mfrd.problems.resolution import resolved

MANY = np.random.default_rng(3).standard_t(3, 30_000)


def inside(samples, source):
    """The letter of each sample, by the bins."""
    return source.binning.letters(samples.reshape(len(samples), -1))


@pytest.mark.parametrize("split", [(), (-0.5, 0.25, 0.5)])
def test_letters_are_means_of_their_bins_and_within_is_their_variance(split):
    source = mfrd.Source.from_samples(MANY, split=split)
    letter = inside(MANY, source)
    assert letter.min() == 0 and 0.7 * BINS < len(source.p) <= BINS + 3
    mean = np.bincount(letter, MANY) / np.bincount(letter)
    assert source.points == pytest.approx(mean, abs=1e-12)
    assert source.within == pytest.approx(
        np.bincount(letter, (MANY - mean[letter]) ** 2) / np.bincount(letter), abs=1e-12
    )
    assert source.p @ source.within == pytest.approx(MANY.var() - source.covariance.item(), rel=1e-9)
    assert source.p @ source.within < 2e-4 * MANY.var()  # heavy tails and all: equal bins would add 100 times that


def test_bins_end_where_they_are_asked_to_and_such_a_value_is_a_letter_of_its_own():
    samples = np.round(np.concatenate([MANY, MANY * 1.7]), 4)
    source = mfrd.Source.from_samples(samples, split=[-0.5, 0.5])
    letter = inside(samples, source)
    for region in (lambda x: abs(x) < 0.5, lambda x: abs(x) <= 0.5, lambda x: x > 0.5):
        assert (region(source.points)[letter] == region(samples)).all()
    given = mfrd.Source.from_samples(samples, bins=20, split=0.123)
    assert ((given.points < 0.123)[inside(samples, given)] == (samples < 0.123)).all()


def test_a_subset_that_ends_between_bins_warns_and_one_that_ends_where_they_were_cut_does_not():
    core = lambda source: mfrd.Fidelity(0.01, on=abs(source.points) < 0.5, name="core")
    rough, cut = mfrd.Source.from_samples(MANY), mfrd.Source.from_samples(MANY, split=(-0.5, 0.5))
    with pytest.warns(UserWarning, match=r"core: the subset ends between two bins of samples, at -0.5.*split=edges"):
        resolved(rough, [core(rough)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        resolved(cut, [core(cut)])
        few = mfrd.Source.from_samples(np.round(MANY, 1))
        resolved(few, [core(few)])


def test_bins_follow_the_budget_region_by_region():
    source = mfrd.Source.from_samples(MANY, split=(-0.5, 0.5))
    core = abs(source.points) < 0.5
    coarse, _ = resolved(source, [mfrd.Fidelity(0.1)])
    budgets = [mfrd.Fidelity(0.1), mfrd.Fidelity(1e-6, on=core, per="subset", name="core")]
    fine, carried = resolved(source, budgets)
    assert len(coarse.p) < len(fine.p) and carried[1].D == 1e-6
    letter, mask = inside(MANY, fine), carried[1].mask(len(fine.p))
    assert (mask[letter] == (abs(MANY) < 0.5)).all()
    assert fine.p[mask] @ fine.within[mask] / fine.p[mask].sum() < 1e-6 / 20
    assert np.diff(fine.points)[~mask[1:]].mean() > 10 * np.diff(fine.points)[mask[1:]].mean()
    exact, _ = resolved(source, [mfrd.Fidelity(0.0, on=core, per="subset", name="core")])
    assert not exact.within[abs(exact.points) < 0.5].any() and exact.within.any()


def test_given_bins_stay_and_a_budget_below_what_they_add_is_refused_by_name():
    source = mfrd.Source.from_samples(MANY, bins=30)
    floor = source.p @ source.within
    remedy = "global: .* what the bins of the samples add by themselves; raise D, or give more bins, or none"
    for design in (mfrd.ecsq, lambda s, D: mfrd.ecvq(s, mfrd.Fidelity(D), starts="cells", rounds=2)):
        with pytest.raises(mfrd.InfeasibleFidelity, match=remedy) as caught:
            design(source, 0.9 * floor)
        assert caught.value.least == pytest.approx(floor)
        found = design(source, 2 * floor)
        assert found.source is source and floor < found.distortion <= 2 * floor * (1 + 1e-12)
    with pytest.raises(mfrd.InfeasibleFidelity, match=remedy):
        mfrd.mixture(mfrd.lloyd_max(source, 4), mfrd.Fidelity(0.9 * floor))
    with pytest.raises(ValueError, match="what bins add under this measure is unknown; expected squared_error"):
        mfrd.mixture(mfrd.lloyd_max(source, 4), mfrd.Fidelity(9.0, distortion=mfrd.absolute_error))


def test_bins_in_the_plane_count_under_a_metric_too():
    plane = np.random.default_rng(0).normal(size=(4000, 2)) @ [[1, 0.4], [0, 0.5]]
    source = mfrd.Source.from_samples(plane, bins=12)
    letter = inside(plane, source)
    assert letter.min() >= 0 and (inside(plane * [1, -1], source) == -1).any()
    error = plane - source.points[letter]
    assert source.p @ source.within == pytest.approx((error**2).sum(axis=1).mean())
    C = np.array([[2.0, 0.5], [0.5, 1.0]])
    quantiser = mfrd.mixture(mfrd.lloyd_max(source, 9), mfrd.Fidelity(9.0, distortion=mfrd.mahalanobis(C)))
    off = (
        plane
        - quantiser.safe.y[quantiser.safe.cells if quantiser.safe.cells is not None else quantiser.safe.Q.argmax(1)][
            letter
        ]
    )
    assert quantiser.distortion == pytest.approx(np.einsum("na,ab,nb->n", off, np.linalg.inv(C), off).mean())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=200))
def test_distinct_values_are_numpy_s(samples):
    values, counts = distinct(np.array(samples))
    wanted = np.unique(np.array(samples), return_counts=True)
    assert (values == wanted[0]).all() and (counts == wanted[1]).all()


def test_a_mask_of_samples_is_refused_with_what_serves_it():
    source = mfrd.Source.from_samples(np.repeat(np.arange(LETTERS), 5))
    mask = np.zeros(5 * LETTERS, bool)
    with pytest.raises(ValueError, match="a subset is stated on the values that samples take; a stretch of time"):
        mfrd.ecvq(source, mfrd.Fidelity(1.0, on=~mask))
