"""c(y) over R^k: its derivatives, and a supremum that no grid of seeds shows."""

import numpy as np
import pytest
from helpers.differences import jacobian

from mfrd.bounds.exchange import SEEDS
from mfrd.bounds.supremum import CodewordMass, supremum


def covariance(rng, k):
    root = rng.normal(size=(k, k))
    return root @ root.T + 0.2 * np.eye(k)


def random_mass(seed, k, G, n=12):
    """(rng, a CodewordMass of G measures, some letters without a price in the first)."""
    rng = np.random.default_rng(seed)
    metrics = np.array([covariance(rng, k) for _ in range(G)])
    slopes = rng.exponential(1.0, (G, n)) * (rng.random((G, n)) < 0.8)
    return rng, CodewordMass(rng.normal(size=(n, k)), metrics, slopes, np.log(rng.dirichlet(np.ones(n))))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k, G", [(1, 1), (1, 2), (2, 1), (2, 3), (3, 2)])
def test_derivatives_of_c_and_of_its_logarithm(seed, k, G):
    rng, mass = random_mass(seed, k, G)
    log_c = lambda y: mass(y[None])[0]
    slope = lambda y: 2 * mass.derivatives(y[None], mass(y[None]))[0][0]
    of_c = lambda y: np.exp(log_c(y)) * slope(y)
    for y in rng.normal(size=(3, k)):
        half, turned, paid = (each[0] for each in mass.derivatives(y[None], mass(y[None])))
        gradient, hessian, c = 2 * half, -turned, np.exp(log_c(y))
        assert gradient == pytest.approx(jacobian(log_c, y), rel=1e-6, abs=1e-8)
        assert hessian == pytest.approx(jacobian(slope, y), rel=1e-6, abs=1e-8)
        assert c * gradient == pytest.approx(jacobian(lambda y: np.exp(log_c(y)), y), rel=1e-6, abs=1e-8)
        second = c * (hessian + np.multiply.outer(gradient, gradient))  # of c itself
        assert second == pytest.approx(jacobian(of_c, y), rel=1e-6, abs=1e-8)
        floor = hessian + 2 * mass.curvature  # nowhere below -2 W
        assert np.linalg.eigvalsh(floor)[0] >= -1e-12
        assert (paid >= 0).all() and abs(gradient).max() > 1e-4


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k, G", [(1, 1), (2, 2), (3, 1)])
def test_an_ascent_ends_where_the_gradient_vanishes_and_never_lower(seed, k, G):
    rng, mass = random_mass(seed, k, G)
    start = rng.normal(size=(20, k))
    top = mass.ascend(start)
    assert (mass(top) >= mass(start) - 1e-12).all()
    half, turned, _ = mass.derivatives(top, mass(top))
    assert abs(half).max() < 1e-6
    assert np.linalg.eigvalsh(turned).min() > -1e-6  # maxima, where the start was in general position


def planted(k, scale):
    """(mass, peak): a broad c about the origin, and half a seed's spacing off every seed a narrow peak above it."""
    corners = np.array(np.meshgrid(*[[-1.0, 1.0]] * k)).reshape(k, -1).T
    spacing = 2 / (SEEDS[k] - 1)
    peak = -1 + spacing * (np.array([SEEDS[k] // 3, SEEDS[k] // 4, SEEDS[k] // 5])[:k] + 0.5)
    x = np.vstack([corners, np.zeros(k), peak])
    slopes = np.array([np.append(np.full(len(x) - 1, 0.5), scale / spacing**2)])
    weights = np.append(np.full(len(x) - 1, 0.5 / (len(x) - 1)), 0.5)
    return CodewordMass(x, np.eye(k)[None], slopes, np.log(weights)), peak


@pytest.mark.parametrize("k, scale", [(1, 400.0), (2, 60.0), (3, 30.0)])
def test_a_maximum_between_the_seeds_is_found(k, scale):
    mass, peak = planted(k, scale)
    T, low, high = mass.cube()
    axes = [np.linspace(*ends, SEEDS[k]) for ends in zip(low, high)]
    seeds = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, k) @ T.T
    there = mass(mass.ascend(peak[None]))[0]
    assert mass(seeds).max() < there - 0.05  # none of the seeds sees it,
    from_seeds = mass.ascend(seeds[np.argsort(-mass(seeds))[:50]])
    assert mass(from_seeds).max() < there - 0.05  # and the best of them climb elsewhere
    upper, y, value = supremum(mass, 1e-4, from_seeds)
    assert value == pytest.approx(there, abs=1e-9) and there <= upper <= there + 1e-4 + 1e-9
    assert y == pytest.approx(peak, abs=0.05 * 2 / (SEEDS[k] - 1))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_no_box_is_dropped_that_holds_a_higher_maximum_in_its_corner(k):
    """Between narrow peaks log c falls with all of its curvature: with half of it the corner's box would be dropped."""
    corner = np.ones(k)
    x, heights = np.array([-corner, 0 * corner, corner]), np.array([-0.1, -1.0, 0.0])
    mass = CodewordMass(x, np.eye(k)[None], np.full((1, 3), 20.0), heights)
    started = mass.ascend(x[:2])
    assert abs(started - x[:2]).max() < 1e-6  # both starts are maxima of their own
    upper, y, value = supremum(mass, 1e-6, x[:1])
    assert y == pytest.approx(corner, abs=1e-6) and 0 <= value <= upper <= value + 1e-6 + 1e-9


@pytest.mark.parametrize("k, G", [(1, 1), (2, 2), (3, 1)])
def test_the_curvature_of_one_letter_is_the_least_there_is(k, G):
    rng, mass = random_mass(5, k, G, n=1)
    y = rng.normal(size=(1, k))
    assert mass.derivatives(y, mass(y))[1][0] == pytest.approx(2 * mass.curvature) and mass.curvature.any()


def test_the_box_holds_a_maximiser_that_lies_outside_the_points():
    """Two letters with metrics tilted apart meet where both ellipses reach, below the segment between them."""
    metrics = np.array([[[1.0, 0.99], [0.99, 1.0]], [[1.0, -0.99], [-0.99, 1.0]]])
    mass = CodewordMass(np.array([[-1.0, 0.0], [1.0, 0.0]]), metrics, np.eye(2), np.log([0.5, 0.5]))
    upper, y, value = supremum(mass, 1e-6)
    assert y == pytest.approx(np.array([0, -0.99]), abs=1e-6) and np.exp(value) == pytest.approx(np.exp(-0.0199))
    T, low, high = mass.cube()
    u = np.linalg.solve(T, y)
    assert (low <= u).all() and (u <= high).all() and upper <= value + 1e-6 + 1e-9


def test_letters_without_a_price_and_letters_at_an_infinite_one():
    x, log_weights = np.array([[0.0], [1.0], [1.0], [3.0]]), np.log([0.1, 0.2, 0.3, 0.4])
    free = CodewordMass(x, np.eye(1)[None], np.zeros((1, 4)), log_weights)  # c is one everywhere
    upper, _, value = supremum(free, 1e-6)
    assert value == pytest.approx(0, abs=1e-12) and upper == pytest.approx(0, abs=1e-9)
    exact = CodewordMass(x, np.eye(1)[None], np.full((1, 4), np.inf), log_weights)  # c is p on the points alone
    upper, y, value = supremum(exact, 1e-6)
    assert np.exp(value) == pytest.approx(0.5) and np.exp(upper) == pytest.approx(0.5) and y == [1.0]
    assert exact(np.array([[0.0], [1.0]])).tolist() == [-np.inf, -np.inf]
