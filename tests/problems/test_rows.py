"""What a row of budgets is: weights, owners, slopes, sums by name."""

import numpy as np
import pytest
from scipy.special import rel_entr

import mfrd
from mfrd.problems.rows import BudgetRows, same
from mfrd.problems.units import NATS_PER_BIT

PMF = np.array([0.1, 0.2, 0.3, 0.4])
EVERYWHERE = mfrd.Fidelity(0.5)
PART = mfrd.Fidelity(0.2, on=[1, 3], per="subset", name="part")
EACH = mfrd.Fidelity(0.1, on=[0, 2], per="letter", distortion=mfrd.absolute_error, name="each")
ROWS = BudgetRows.of([EVERYWHERE, PART, EACH], PMF)


def test_each_form_has_its_rows_weights_owner_measure_and_budget():
    assert len(ROWS) == 4 and ROWS.names == ["global", "part", "each", "each"]
    assert ROWS.weights == pytest.approx(
        np.array([[1, 1, 1, 1], [0, 1 / 0.6, 0, 1 / 0.6], [1 / 0.1, 0, 0, 0], [0, 0, 1 / 0.3, 0]])
    )
    assert ROWS.owner.tolist() == [0, 1, 2, 2] and ROWS.measure.tolist() == [0, 0, 1, 1]
    assert ROWS.D.tolist() == [0.5, 0.2, 0.1, 0.1]
    assert ROWS.measures == (mfrd.squared_error, mfrd.absolute_error)


def test_slopes_are_the_priced_weights_of_each_measure():
    lam = np.array([1.0, 2.0, 3.0, 4.0])
    by_hand = np.zeros((2, 4))
    for r in range(len(ROWS)):
        by_hand[ROWS.measure[r]] += lam[r] * ROWS.weights[r]
    assert ROWS.slopes(lam) == pytest.approx(by_hand)
    values = np.random.default_rng(0).random((2, 4))
    assert lam @ ROWS.means(values, PMF) == pytest.approx((PMF * (by_hand * values)).sum())


def test_means_are_what_each_form_bounds():
    squared, absolute = np.random.default_rng(1).random((2, 4))
    means = ROWS.means(np.array([squared, absolute]), PMF)
    assert means == pytest.approx([PMF @ squared, (PMF * squared)[[1, 3]].sum() / 0.6, absolute[0], absolute[2]])
    assert ROWS.largest(means) == pytest.approx({"global": means[0], "part": means[1], "each": max(means[2:])})


def test_prices_are_bits_and_add_over_the_rows_of_a_fidelity():
    assert ROWS.prices(np.array([1.0, 2.0, 3.0, 4.0]) * NATS_PER_BIT) == pytest.approx(
        {"global": 1, "part": 2, "each": 7}
    )
    fair = np.full(2, 0.5)
    assert rel_entr(np.eye(2), fair).sum() / 2 == pytest.approx(NATS_PER_BIT)  # one bit is what a fair coin tells


def test_another_budget_changes_budgets_alone():
    problem = mfrd.Problem(mfrd.Source(np.arange(4.0), PMF), [0.0, 3.0], [EVERYWHERE, PART, EACH])
    before, after = problem.rows, problem.with_budget("part", 0.3).rows
    assert after.D.tolist() == [0.5, 0.3, 0.1, 0.1] and after.names == before.names
    assert np.array_equal(after.weights, before.weights) and after.measures == before.measures


def test_a_letter_budget_on_letters_of_probability_zero_has_no_row_and_spends_nothing():
    rows = BudgetRows.of([mfrd.Fidelity(0.1, on=[0], per="letter")], np.array([0.0, 1.0]))
    assert len(rows) == 0 and rows.largest(np.zeros(0)) == {"subset": 0.0}


def test_measures_are_the_same_where_their_numbers_are():
    d = np.ones((2, 3))
    assert same(d, d.copy()) and same(mfrd.hamming, mfrd.hamming)
    assert not same(d, d + 1) and not same(mfrd.hamming, mfrd.squared_error) and not same(d, mfrd.hamming)
