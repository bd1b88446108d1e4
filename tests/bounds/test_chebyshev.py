"""Chebyshev series of c on boxes: what they bound, and what the branch and bound on them finds."""

import numpy as np
import pytest
from helpers.cases import four_modes

import mfrd
from mfrd.bounds.chebyshev import DEGREE, Search, Separated, Series, along, quadratic_bound
from mfrd.bounds.supremum import CodewordMass, by_curvature, by_series, codeword_mass, supremum


def random_mass(seed, k, n=40, spread=2.0):
    """A CodewordMass of one matrix with a price of its own for each letter."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(k, k))
    metric = root @ root.T + 0.3 * np.eye(k)
    x, slopes = spread * rng.normal(size=(n, k)), rng.exponential(2.0, (1, n))
    return CodewordMass(x, metric[None], slopes, np.log(rng.dirichlet(np.ones(n))))


def of(mass):
    return Separated.of(mass.metrics, mass.slopes, mass.x, mass.log_weights, mass.origin)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_bound_of_a_series_is_above_its_values_and_of_a_concave_quadratic_it_is_the_maximum(k):
    rng, N = np.random.default_rng(k), 6
    C = rng.normal(size=(50, *[N] * k)) * 0.5 ** np.indices([N] * k).sum(axis=0)
    t = np.cos(np.linspace(0, np.pi, 31))
    values = along(C, [np.cos(np.arange(N) * np.arccos(t)[:, None])[None]] * k).reshape(50, -1)
    bounds = quadratic_bound(C)
    assert (bounds >= values.max(axis=1)).all() and (bounds < abs(C).reshape(50, -1).sum(axis=1) + 1e-9).all()
    bowl = np.zeros((1, *[N] * k))  # sum_a t_a^2 - t_a / 8, k 9 / 8 in a corner, level in the middle
    for e in np.eye(k, dtype=int):
        bowl[(0, *e)], bowl[(0, *2 * e)] = -1 / 8, 0.5
    bowl[(0, *0 * e)] = 0.5 * k
    assert quadratic_bound(bowl)[0] >= 9 / 8 * k
    for top in (np.full(k, 0.3), np.full(k, 1.7)):  # within the box and beyond its corner
        dome = np.zeros((1, *[N] * k))
        for a in range(k):  # -(t_a - top_a)^2 = -(T_2 + 1) / 2 + 2 top_a T_1 - top_a^2
            e = np.eye(k, dtype=int)[a]
            dome[(0, *e)], dome[(0, *2 * e)] = 2 * top[a], -0.5
            dome[(0, *0 * e)] -= 0.5 + top[a] ** 2
        assert quadratic_bound(dome)[0] == pytest.approx(-k * max(0, top[0] - 1) ** 2, abs=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_products_of_the_highest_polynomial_reach_one_in_the_corners(k):
    """T_d(x) T_d(y) is 1 in a corner and small at many nodes: constants of one variable would not hold it."""
    series = Series(DEGREE[k])
    C = np.zeros((1, *[series.N] * k))
    C[(0, *[series.d] * k)] = 1.0
    assert quadratic_bound(C)[0] >= 1.0
    part = [series.part(np.array([0.75]), 0.25)] * k  # a corner's part holds the corner, too
    assert quadratic_bound(along(C, part))[0] >= 1.0


@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_series_is_as_near_c_as_its_remainder_says(k):
    search = Search(of(random_mass(3, k)), 1e-6, 0.0, lambda u: 0.0, 10)
    series = search.series = Series(8)  # of low degree, so that the remainder is not rounding alone
    rng, half = np.random.default_rng(0), np.full(k, 0.5)
    centres = rng.normal(size=(10, k))
    _, rest = search.terms(centres, half)
    C = search.coefficients(centres, half)
    t = rng.uniform(-1, 1, (200, k))
    for j, centre in enumerate(centres):
        u = centre + t * half
        exact = np.exp(-(search.theta * (u[:, None] - search.x) ** 2).sum(axis=2)) @ search.b
        T = [np.cos(np.arange(series.N) * np.arccos(t[:, a])[:, None]) for a in range(k)]
        p = np.array([along(C[[j]], [T[a][None, [i]] for a in range(k)]).item() for i in range(len(t))])
        worst = abs(p - exact).max()
        assert 1e-14 < worst <= rest[j] < 1e6 * worst


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("k, tol", [(1, 1e-9), (2, 1e-6), (3, 1e-3)])
def test_series_and_curvature_agree_where_both_close(seed, k, tol):
    mass = random_mass(seed, k, n=12, spread=1.0)
    new, y, value = by_series(mass, mass.separated, tol, (), 10**6)
    old, z, least = by_curvature(mass, tol, (), 10**6)
    assert value == pytest.approx(least, abs=1e-9) and value <= new <= value + tol + 1e-9
    assert abs(new - old) <= tol + 1e-9 and mass(y[None])[0] == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("k, steep", [(1, 4e6), (2, 4e5), (3, 4e3)])
def test_a_narrow_maximum_between_the_nodes_is_found(k, steep):
    """One letter so dear that its peak is a thousandth of the span wide: no grid and no start is near it."""
    rng = np.random.default_rng(k)
    x = np.vstack([rng.uniform(-1, 1, (30, k)), np.full(k, 0.1234567)])
    slopes = np.append(np.full(30, 0.5), steep)[None]
    mass = CodewordMass(x, np.eye(k)[None], slopes, np.append(np.full(30, np.log(0.5 / 30)), np.log(0.4)))
    there = mass(mass.ascend(x[-1:]))[0]
    low, high = of(mass).box()
    away = of(mass).codewords(np.stack([(low + high) / 2 + 0.3]))
    assert mass(mass.ascend(away))[0] < there - 0.1
    upper = Search(of(mass), 1e-6, mass(mass.ascend(away))[0], lambda u: mass(away)[0], 2000).run()
    assert upper >= there  # the bound sees it, though nothing that climbs does,
    upper, y, value = supremum(mass, 1e-6)
    assert value == pytest.approx(there, abs=1e-9) and upper <= there + 1e-6 + 1e-9  # and then it is climbed to
    assert y == pytest.approx(x[-1], abs=1e-2)


def test_two_matrices_have_coordinates_in_common_and_three_need_not():
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(3, 2, 2))
    metrics = roots @ roots.transpose(0, 2, 1) + 0.2 * np.eye(2)
    x, slopes, weights = rng.normal(size=(9, 2)), rng.exponential(1, (3, 9)), np.log(np.full(9, 1 / 9))
    three, two = CodewordMass(x, metrics, slopes, weights), CodewordMass(x, metrics[:2], slopes[:2], weights)
    assert of(three) is None and of(two) is not None
    u = rng.normal(size=(50, 2))
    above = np.array([of(two).on_grid(list(point[:, None])).item() for point in u])
    assert above == pytest.approx(two(of(two).codewords(u)), abs=1e-9)
    assert (above >= two(of(two).codewords(u)) - 1e-13).all()


def test_a_mass_that_is_one_nearly_everywhere_closes_quickly():
    """On a codebook as fine as this c is flat: branch and bound on curvature alone would need 10^8 boxes."""
    problem = mfrd.Problem(four_modes(1, 1).source, mfrd.grid(-8, 8, 33, 2), [mfrd.Fidelity(4.0)])
    solution = mfrd.solve(problem, "newton")
    mass = codeword_mass(problem, solution.multipliers, solution.potentials)
    boxes = Search(of(mass), 1e-7, supremum(mass, 1e-3)[2], lambda u: -np.inf, 10**6)
    upper = boxes.run()
    assert upper - boxes.best <= 1e-7 + 1e-9 and 10**6 - boxes.boxes < 20_000
