"""Sums without rounding, against rationals."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfrd.problems.rounding import exact_dot, exact_sum, two_product, two_sum, up

FLOATS = st.floats(-1e100, 1e100).filter(lambda x: x == 0 or abs(x) > 1e-100)


@given(FLOATS, FLOATS)
def test_a_sum_and_a_product_are_two_floats(x, y):
    for pair, exact in ((two_sum, Fraction(x) + Fraction(y)), (two_product, Fraction(x) * Fraction(y))):
        value, error = pair(np.float64(x), np.float64(y))
        assert Fraction(float(value)) + Fraction(float(error)) == exact


@given(st.lists(st.tuples(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300)), max_size=9))
def test_a_dot_product_is_exact(pairs):
    x, y = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    assert exact_dot(x, y) == sum((Fraction(a) * Fraction(b) for a, b in pairs), Fraction(0))


@given(st.lists(st.floats(-1e300, 1e300), max_size=20))
def test_a_sum_is_exact_whatever_cancels(values):
    assert exact_sum(values) == sum(map(Fraction, values), Fraction(0))
    assert exact_sum([*values, 1e-320, *(-x for x in values)]) == Fraction(1e-320)


@pytest.mark.parametrize(
    "value", [Fraction(1, 3), Fraction(2, 3), Fraction(-1, 3), Fraction(1, 2), Fraction(10) ** 400]
)
def test_rounding_up_is_the_least_float_not_below(value):
    found = up(value)
    assert found == np.inf or Fraction(found) >= value
    assert Fraction(float(np.nextafter(found, -np.inf))) < value
