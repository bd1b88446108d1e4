"""Measures by name, and problems stated by a distortion matrix alone."""

import numpy as np
import pytest
from helpers.cases import entropy

import mfrd
from mfrd.problems import distortion

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(4, 3))


def test_erasure_tells_a_letter_or_nothing():
    """R = (1 - D) log2 m of m equally likely letters, told with probability 1 - D (Cover and Thomas 2006, ex. 10.7)."""
    source = mfrd.Source([0.0, 1.0, 2.0], np.full(3, 1 / 3))
    measure = mfrd.erasure(9.0)
    assert measure(source.x, np.array([[0.0], [2.0], [9.0]])).tolist() == [
        [0, np.inf, 1],
        [np.inf, np.inf, 1],
        [np.inf, 0, 1],
    ]
    solution = mfrd.solve(mfrd.Problem(source, [0, 1, 2, 9], mfrd.Fidelity(0.4, distortion=measure)), "newton")
    assert solution.rate == pytest.approx(0.6 * np.log2(3), abs=1e-9)
    plane = mfrd.erasure([7.0, 7.0])
    assert plane(np.zeros((1, 2)), np.array([[0.0, 0.0], [7.0, 7.0], [7.0, 0.0]])).tolist() == [[0, 1, np.inf]]


def test_a_coordinate_is_measured_alone():
    assert mfrd.coordinate(1)(X, Y) == pytest.approx((X[:, [1]] - Y[:, 1]) ** 2)
    assert mfrd.coordinate(2, mfrd.absolute_error)(X, Y) == pytest.approx(abs(X[:, [2]] - Y[:, 2]))
    summed = sum(mfrd.coordinate(a)(X, Y) for a in range(3))
    assert summed == pytest.approx(mfrd.squared_error(X, Y))


def test_a_weighted_sum_is_one_measure():
    measure = mfrd.weighted([(2.0, mfrd.squared_error), (0.5, mfrd.coordinate(0, mfrd.absolute_error))])
    assert measure(X, Y) == pytest.approx(2 * mfrd.squared_error(X, Y) + 0.5 * abs(X[:, [0]] - Y[:, 0]))
    source = mfrd.Source(X, np.full(6, 1 / 6))
    solution = mfrd.solve(mfrd.Problem(source, Y, mfrd.Fidelity(8.0, distortion=measure)), "newton")
    matrix = mfrd.solve(mfrd.Problem(source, Y, mfrd.Fidelity(8.0, distortion=measure(X, Y))), "newton")
    assert solution.rate == pytest.approx(matrix.rate, abs=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_mahalanobis_knows_no_origin(k):
    """What points far from the origin differ by is exact; their coordinates in another frame are not."""
    rng = np.random.default_rng(k)
    x, y = rng.integers(-64, 64, (6, k)) / 8, rng.integers(-64, 64, (4, k)) / 8
    root = rng.normal(size=(k, k))
    measure, pull = mfrd.mahalanobis(root @ root.T + 0.1 * np.eye(k)), x[:, None] - y
    assert measure(x, y) == pytest.approx(np.einsum("ija,ab,ijb->ij", pull, measure.metric, pull), rel=1e-12)
    assert (measure(x + 2.0**40, y + 2.0**40) == measure(x, y)).all()


def test_quadratic_sums_let_codewords_move_and_others_are_refused_by_name():
    stretched = mfrd.weighted([(1.0, mfrd.coordinate(0)), (4.0, mfrd.coordinate(1))])
    assert distortion.metric(stretched, 2).tolist() == [[1, 0], [0, 4]]
    both = mfrd.weighted([(1.0, mfrd.squared_error), (2.0, mfrd.mahalanobis(np.eye(2) * 2.0))])
    assert distortion.metric(both, 2) == pytest.approx(2 * np.eye(2))
    source = mfrd.Source(RNG.normal(size=(12, 2)), np.full(12, 1 / 12))
    same = mfrd.mahalanobis(np.diag([1.0, 0.25]))
    one, other = (mfrd.limit(source, mfrd.Fidelity(1.0, distortion=d)) for d in (stretched, same))
    assert one.rate == pytest.approx(other.rate, abs=2e-6)
    for flat in (mfrd.coordinate(0), mfrd.weighted([(1.0, mfrd.coordinate(1))]), mfrd.coordinate(0, mfrd.hamming)):
        assert distortion.metric(flat, 2) is None
        with pytest.raises(ValueError, match=r"coordinate\(\d, \w+\) is not quadratic in all coordinates"):
            mfrd.limit(source, mfrd.Fidelity(1.0, distortion=flat))


@pytest.mark.parametrize(
    "measure, said",
    [
        (mfrd.squared_error, "squared_error"),
        (mfrd.mahalanobis([[2.0]]), "mahalanobis"),
        (mfrd.erasure(-1), "erasure(-1.0)"),
        (mfrd.erasure([0, -1]), "erasure([0.0, -1.0])"),
        (mfrd.coordinate(2, mfrd.absolute_error), "coordinate(2, absolute_error)"),
        (mfrd.weighted([(0.5, mfrd.hamming), (2, mfrd.coordinate(0))]), "0.5 hamming + 2 coordinate(0, squared_error)"),
        (np.zeros((3, 2)), "matrix 3 x 2"),
    ],
)
def test_a_fidelity_says_its_measure(measure, said):
    assert repr(mfrd.Fidelity(0.1, distortion=measure)) == f"Fidelity(0.1, {said}, per joint, name 'global')"


@pytest.mark.parametrize(
    "made, said",
    [
        (lambda: mfrd.erasure(np.nan), "symbol is nan"),
        (lambda: mfrd.erasure(0.0)(X, Y), "symbol has dimension 1; expected 3"),
        (lambda: mfrd.coordinate(-1), "axis is -1"),
        (lambda: mfrd.coordinate(True), "axis is True"),
        (lambda: mfrd.coordinate(0, 2.0), "measure is 2.0"),
        (lambda: mfrd.coordinate(3)(X, Y), "axis is 3; expected below 3"),
        (lambda: mfrd.weighted([]), "there are no terms"),
        (lambda: mfrd.weighted([(0.0, mfrd.hamming)]), "weight is 0.0"),
        (lambda: mfrd.weighted([(1.0, np.eye(2))]), "measure is array"),
    ],
)
def test_what_is_no_measure_is_refused(made, said):
    with pytest.raises(ValueError, match=said):
        made()


def test_a_matrix_and_probabilities_are_a_problem():
    """Binary, a third codeword of half the cost: no points are asked for."""
    d = [[0, 1, 0.5], [1, 0, 0.5]]
    problem = mfrd.Problem(mfrd.Source.from_pmf([0.4, 0.6]), None, mfrd.Fidelity(0.1, distortion=d))
    assert problem.codebook.tolist() == [0, 1, 2] and problem.source.points.tolist() == [0, 1]
    solution = mfrd.solve(problem, "newton")
    assert solution.rate == pytest.approx(entropy([0.4, 0.6]) - entropy([0.1, 0.9]), abs=1e-9)
    plane = mfrd.Problem(mfrd.Source(np.zeros((2, 2)), [0.4, 0.6]), None, mfrd.Fidelity(0.1, distortion=d))
    assert mfrd.solve(plane, "newton").rate == pytest.approx(solution.rate, abs=1e-12)
    with pytest.raises(ValueError, match="no distortion is a matrix"):
        mfrd.Problem(mfrd.Source.from_pmf([1.0]), None, mfrd.Fidelity(0.1))
    with pytest.raises(ValueError, match="pmf sums to"):
        mfrd.Source.from_pmf([0.4, 0.4])
    with pytest.raises(ValueError, match="pmf has shape"):
        mfrd.Source.from_pmf([])


def test_the_mean_distortion_of_an_encoder_under_any_measure():
    source = mfrd.Source([0.0, 1.0, 5.0], [0.25, 0.75, 0.0])
    encoder = mfrd.Encoder(source, [0.0, 2.0], [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    assert encoder.mean_distortion(mfrd.squared_error) == pytest.approx(0.75 * (0.5 * 1 + 0.5 * 1))
    assert encoder.mean_distortion(mfrd.hamming) == pytest.approx(0.75)
    assert encoder.mean_distortion([[0, np.inf], [1, 3], [0, np.inf]]) == pytest.approx(0.75 * 2)
    assert encoder.mean_distortion([[0, 1], [1, np.inf], [0, 0]]) == np.inf
