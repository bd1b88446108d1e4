"""Nothing that enters becomes silently something else: it is read rightly, or refused by name, at every door."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import mfrd
from mfrd.coding import arrays, transform, water_filling
from mfrd.problems.values import number, real_array

SOURCE = mfrd.Source([0.0, 1.0, 3.0], [0.25, 0.25, 0.5])
ENCODER = mfrd.Encoder(SOURCE, [0.0, 1.0, 3.0], np.eye(3))
CODEC = mfrd.Codec(ENCODER)
PROBLEM = mfrd.Problem(SOURCE, [0.0, 1.0, 3.0], mfrd.Fidelity(0.5))
TWO = mfrd.Problem(SOURCE, [0.0, 1.0, 3.0], [mfrd.Fidelity(0.5), mfrd.Fidelity(0.5, on=[0], name="core")])

# every door by which three numbers come in
DOORS = {
    "points": lambda v: mfrd.Source(v, [0.25, 0.25, 0.5]),
    "pmf": lambda v: mfrd.Source([0, 1, 2], v),
    "samples": mfrd.Source.from_samples,
    "codebook": lambda v: mfrd.Problem(SOURCE, v, mfrd.Fidelity(0.5)),
    "codebook of an encoder": lambda v: mfrd.Encoder(SOURCE, v, np.eye(3)),
    "initial codebook": lambda v: mfrd.lloyd_max(SOURCE, 3, initial=v),
    "distortion": lambda v: mfrd.Fidelity(0.5, distortion=v).distortion,
    "symbol": mfrd.erasure,
    "weights": lambda v: mfrd.bumps([0, 1, 3], v, [0, 1, 3], [1, 1, 1]),
    "stds": lambda v: mfrd.bumps([0, 1, 3], [1, 1, 1], [0, 1, 3], v),
    "potentials": lambda v: mfrd.lower_bound(PROBLEM, [1.0], v),
    "encode": CODEC.encode,
    "encode_stream": lambda v: b"".join(CODEC.encode_stream([v])),
    "cells": CODEC.cells,
    "a width's bins": lambda v: water_filling.histogram(v, 0.5),
    "a signal": lambda v: transform.to_blocks(v, 3),
}
NAMES = dict.fromkeys(("encode", "encode_stream", "cells", "a width's bins"), "samples")  # where not the door's own
NAMES |= {"codebook of an encoder": "codebook", "a signal": "the signal", "distortion": "global: distortion"}
# three things that are no real numbers
STRANGERS = {
    "masked": (np.ma.array([0.25, 0.25, 0.5], mask=[False, False, True]), r"1 of 3 entries are masked, .* row 2; .*\."),
    "a masked number in a list": ([0.25, 0.25, np.ma.masked], "1 of 3 entries are masked, the first in row 2"),
    "complex": (np.array([0.25, 0.25, 0.5 + 0j]), "complex"),
    "text": (["0.25", "0.25", "0.5"], "text, such as '0.25': convert it by .astype"),
    "text among numbers": (np.array([0.25, "0.25", 0.5], object), "row 1 holds '0.25', of type str"),
    "None": ([0.25, None, 0.5], "row 1 holds None, of type NoneType"),
    "too long a whole number": (np.array([2**53 + 1, 0, 1]), "9007199254740993, a whole number that float64 does not"),
    "too long a Python number": ([2**80 + 1, 0, 1], "row 0 holds 12089.*, of type int"),
    "a number beyond float64": ([10**400, 0, 1], "row 0 holds a number of 401 digits, of type int"),
    "a ratio beyond float64": ([0, 1, Fraction(10**400, 3)], "row 2 holds Fraction.*, of type Fraction"),
    "named columns": (np.array([(1.0, 2), (2.0, 3)], [("volt", float), ("n", int)]), "named columns volt, n"),
    "ragged": ([[1], [2, 3]], "is no array .*; expected"),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("values, said", STRANGERS.values(), ids=STRANGERS)
def test_what_is_no_real_number_is_refused_by_name_at_every_door(door, values, said):
    with pytest.raises(ValueError, match=said) as refused:
        DOORS[door](values)
    assert str(refused.value).startswith(NAMES.get(door, door))


@pytest.mark.parametrize("missing", [np.array([5, "NaT", 7], "m8[s]"), np.array(["2020", "NaT", "2021"], "M8[Y]")])
@pytest.mark.parametrize("door", ["points", "samples", "codebook", "initial codebook", "encode", "cells"])
def test_a_missing_time_is_refused_as_a_nan_is(door, missing):
    with pytest.raises(ValueError, match=r"holds \[nan\] in row 1; expected finite numbers"):
        DOORS[door](missing)


@pytest.mark.parametrize(
    "values",
    [
        np.ma.array([1.0, 2, 4]),
        np.array([1, 2, 4], "m8[s]"),
        np.array([Decimal("1"), Fraction(2), np.float32(4)], object),
        np.float16([1, 2, 4]),
        np.uint8([1, 2, 4]),
        np.array([1, 2, 4]).astype(">i2"),
        (1, 2.0, np.float64(4)),
    ],
    ids=str,
)
def test_real_numbers_of_any_type_are_read(values):
    assert mfrd.Source.from_samples(values).points.tolist() == [1, 2, 4]


def test_data_frames_are_read_or_refused():
    pandas = pytest.importorskip("pandas")
    assert mfrd.Source.from_samples(pandas.Series([1, 2], dtype="Int64")).points.tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"\[nan\] in row 1|row 1 holds <NA>"):
        mfrd.Source.from_samples(pandas.Series([1, pandas.NA], dtype="Int64"))
    with pytest.raises(ValueError, match="row 0 holds 'a', of type str"):
        mfrd.Source.from_samples(pandas.DataFrame({"x": [1, 2], "name": ["a", "b"]}))


@pytest.mark.parametrize("n", [1, 7, 1000, 100_000])
@pytest.mark.parametrize("kind", [np.float32, np.float64, lambda p: p.astype(np.float32).astype(float).tolist()])
def test_probabilities_sum_to_one_within_their_own_rounding(n, kind):
    p = np.random.default_rng(n).exponential(size=n)
    single = kind is not np.float64
    p = p.astype(np.float32) if single else p
    p = kind(p / p.sum())
    assert mfrd.Source(np.arange(n), p).pmf.sum() == pytest.approx(1, abs=1e-14)
    off = np.asarray(p) * (np.float32(1) + np.float32(2e-4) if single else 1 + 1e-8)
    with pytest.raises(ValueError, match="pmf sums to 1.0.*; expected 1 .within .*: divide it by its sum"):
        mfrd.Source(np.arange(n), off)


@pytest.mark.parametrize("D", [np.float32(0.1), np.array(0.1), np.array(0.1, np.float32), Fraction(1, 10)], ids=repr)
def test_a_budget_is_a_number_of_any_type(D):
    source = mfrd.Source.from_samples(np.arange(30.0))
    assert mfrd.Fidelity(D).D == float(D) and type(mfrd.Fidelity(D).D) is float
    assert mfrd.ecsq(source, D).rate == pytest.approx(mfrd.ecsq(source, 0.1).rate, abs=1e-6)


@pytest.mark.parametrize("D", [np.ma.masked, "0.1", np.array([0.1]), None, 1j, np.nan, -1, np.inf, [0.1]], ids=repr)
def test_what_is_no_budget_is_refused(D):
    with pytest.raises(ValueError, match="core: budget is .*; expected one finite number >= 0"):
        mfrd.Fidelity(D, name="core")


def test_an_open_bound_is_not_reached_and_infinities_pass_where_the_caller_allows_them():
    assert number(0, "x is", "a number", -1) == 0
    with pytest.raises(ValueError, match="x is 0; expected a number > 0"):
        number(0, "x is", "a number > 0", open=True)
    assert np.isinf(real_array([[0, np.inf]], "d", "(n, m)")).sum() == 1


@pytest.mark.parametrize("tol", [np.float32(1e-6), np.array(1e-6), np.float64(1e-6)], ids=repr)
def test_a_tolerance_is_a_number_of_any_type(tol):
    assert mfrd.solve(PROBLEM, "newton", tol=tol).gap <= 1e-6
    assert mfrd.rd_curve(PROBLEM, "global", [0.5], solver="newton", tol=tol)[0].gap <= 1e-6


@pytest.mark.parametrize("tol", [-1, 0, np.nan, "1e-6", None, np.float32(-1), [1e-6]], ids=repr)
@pytest.mark.parametrize(
    "asked",
    [
        lambda tol: mfrd.solve(PROBLEM, "newton", tol=tol),
        lambda tol: mfrd.rd_curve(PROBLEM, "global", [0.5], solver="newton", tol=tol),
        lambda tol: mfrd.rd_surface(TWO, {"global": [0.5], "core": [0.5]}, solver="newton", tol=tol),
        lambda tol: mfrd.blahut_arimoto(PROBLEM, tol=tol),
    ],
)
def test_what_is_no_tolerance_is_refused(asked, tol):
    with pytest.raises(ValueError, match="tol is .*; expected a number of bits > 0, such as 1e-6"):
        asked(tol)


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1.0, 1e10, 1e30])
def test_a_covariance_is_symmetric_relative_to_its_own_size(scale):
    C = np.array([[2.0, 0.5], [0.5, 1.0]])
    nearly = C + [[0, 1e-12], [0, 0]]
    assert mfrd.mahalanobis(scale * nearly).metric == pytest.approx(np.linalg.inv(C) / scale, rel=1e-9)
    for wrong in ([[1, 0.9], [0, 1]], [[1, 0.1 + 1e-6], [0.1, 1]], [[1, 2], [2, 1]]):
        with pytest.raises(ValueError, match="expected symmetric positive definite"):
            mfrd.mahalanobis(scale * np.array(wrong))


def test_a_mask_and_letters_that_are_masked_are_refused():
    with pytest.raises(ValueError, match="core: on: 1 of 3 entries are masked"):
        mfrd.Fidelity(0.1, on=np.ma.array([True, False, True], mask=[0, 0, 1]), name="core")
    quantiser = mfrd.mixture([ENCODER], [mfrd.Fidelity(0.5)])
    with pytest.raises(ValueError, match="letters: 1 of 3 entries are masked"):
        mfrd.measure(quantiser, np.ma.array([0, 1, 2], mask=[0, 0, 1]))
    with pytest.raises(ValueError, match="an array: 1 of 3 entries are masked"):
        arrays.pack([np.ma.array([0, 1, 2], mask=[0, 0, 1])])
    with pytest.raises(ValueError, match="covariance: 1 of 4 entries are masked"):
        mfrd.mahalanobis(np.ma.array(np.eye(2), mask=[[1, 0], [0, 0]]))


def test_a_mask_of_samples_is_told_from_one_of_letters():
    samples = np.random.default_rng(0).integers(0, 5, 1000)
    for on, said in (
        (np.arange(1000) < 100, r"mask has shape \(1000,\); expected \(5,\), one flag a letter: .*stretch of time"),
        (np.arange(100), r"indices are \[ 0  1  2 \.\.\. 97 98 99\]; expected .*, of letters: not of samples"),
    ):
        with pytest.raises(ValueError, match=f"alarm: {said}"):
            mfrd.Problem(mfrd.Source.from_samples(samples), [0.0], mfrd.Fidelity(1.0, on=on, name="alarm"))


@pytest.mark.parametrize(
    "asked, said",
    [
        (lambda v: mfrd.limit(SOURCE, mfrd.Fidelity(0.5), tol=v), "tol is"),
        (lambda v: mfrd.limit(SOURCE, mfrd.Fidelity(0.5), seconds=v), "seconds is"),
        (lambda v: mfrd.limit_curve(SOURCE, mfrd.Fidelity(0.5), "global", [0.5, v]), "global: budget is"),
        (lambda v: mfrd.solve_at_prices(PROBLEM, {"global": v}), "global: price is"),
        (lambda v: mfrd.uniform_quantiser(SOURCE, v), "step is"),
        (lambda v: mfrd.grid(0, v, 5), "high is"),
    ],
)
@pytest.mark.parametrize("value", [np.ma.masked, "1", 1j, np.nan], ids=repr)
def test_single_numbers_are_refused_by_name_where_they_are_none(asked, said, value):
    with pytest.raises(ValueError, match=f"{said} .*; expected"):
        asked(value)
    asked(np.array(0.5, np.float32))


@pytest.mark.parametrize(
    "spoilt, said", [(lambda d: 1j * d, "complex"), (lambda d: np.ma.masked_greater(d, 0.5), "mask")]
)
def test_what_a_distortion_function_returns_is_checked_as_a_matrix_is(spoilt, said):
    measure = lambda x, y: spoilt(abs(x - y.T))
    problem = mfrd.Problem(mfrd.Source([0, 1], [0.5, 0.5]), [0.0, 1.0], mfrd.Fidelity(0.1, distortion=measure))
    with pytest.raises(ValueError, match=f"global: distortion returned.*{said}"):
        mfrd.solve(problem, "newton")


@pytest.mark.parametrize("tol", [-1.0, float("nan")])
def test_tolerances_that_are_none_are_refused_by_every_search(tol):
    source = mfrd.Source([0.0, 1.0, 3.0], [0.3, 0.3, 0.4])
    problem = mfrd.Problem(source, [0.0, 1.0, 3.0], mfrd.Fidelity(0.2))
    for call in (
        lambda: mfrd.solve_at_prices(problem, {"global": 1.0}, tol=tol),
        lambda: mfrd.distortion_at_rate(problem, "global", 0.5, tol=tol),
        lambda: mfrd.refine(problem, tol=tol),
        lambda: mfrd.lloyd_max(source, 2, tol=tol),
    ):
        with pytest.raises(ValueError, match="tol is"):
            call()


def test_a_rate_in_single_precision_is_that_number():
    source = mfrd.Source([0.0, 1.0], [0.3, 0.7])
    problem = mfrd.Problem(source, [0.0, 1.0], mfrd.Fidelity(0.1, distortion=mfrd.hamming))
    one, other = (mfrd.distortion_at_rate(problem, "global", bits) for bits in (0.5, np.float32(0.5)))
    assert one.distortions == other.distortions


def test_symmetry_does_not_depend_on_the_units_of_the_axes():
    for C in ([[1.0, 0.9], [0.0, 1.0]], [[1e10, 0.9], [0.0, 1e-10]]):
        with pytest.raises(ValueError, match="asymmetry"):
            mfrd.mahalanobis(C)
    assert mfrd.mahalanobis([[1e10, 0.9], [0.9 * (1 + 1e-12), 1e-10]]).covariance.shape == (2, 2)


def test_a_covariance_whose_inverse_is_no_metric_in_floats_is_refused():
    along = np.array([0.44, 0.33, 0.41])
    assert mfrd.mahalanobis(np.outer(along, along) + 1e-8 * np.eye(3)).metric.shape == (3, 3)
    with pytest.raises(ValueError, match="singular but for rounding, of condition 5e"):
        mfrd.mahalanobis(np.outer(along, along) + 1e-12 * np.eye(3))
