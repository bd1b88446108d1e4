"""The best contiguous cells: costs against rationals, the program against the plain one."""

from fractions import Fraction

import numpy as np
import pytest

from mfrd.codebooks.contiguous import Costs, best_cells


def exact_cost(x, mass, a, b):
    """The squared error of the letters a .. b - 1 about their mean, in rationals."""
    x, mass = [Fraction(v) for v in x[a:b]], [Fraction(v) for v in mass[a:b]]
    mean = sum(m * v for m, v in zip(mass, x)) / sum(mass)
    return sum(m * (v - mean) ** 2 for m, v in zip(mass, x))


@pytest.mark.parametrize("seed", range(6))
def test_costs_are_right_where_sums_of_squares_cancel(seed):
    rng = np.random.default_rng(seed)
    x = np.unique(np.concatenate([rng.normal(size=8) * scale for scale in (1.0, 1e-6, 1e3)]))
    mass = 10.0 ** rng.uniform(-16, 0, len(x))
    mass = mass / mass.sum()
    costs, unit = Costs(x, mass), float(np.ldexp(1.0, np.frexp(np.ptp(x))[1]))
    a, b = np.triu_indices(len(x) + 1, 1)
    for first, last, found in zip(a, b, costs(a, b) * unit**2):
        assert found == pytest.approx(float(exact_cost(x, mass, first, last)), rel=1e-9, abs=1e-29 * unit**2)
    assert (costs(np.arange(5), np.arange(5)) == 0).all()


@pytest.mark.parametrize("n, m", [(1, 1), (7, 7), (60, 1), (60, 2), (60, 9), (61, 59)])
def test_cells_are_those_of_the_plain_program(n, m):
    rng = np.random.default_rng(n + m)
    x, mass = np.unique(rng.normal(size=n)), rng.dirichlet(np.ones(n))
    edges, costs = best_cells(x, mass, m), Costs(x, mass)
    assert edges[0] == 0 and edges[-1] == n and len(edges) == m + 1 and (np.diff(edges) > 0).all()
    whole = costs(*np.triu_indices(n + 1))
    cost = np.full((n + 1, n + 1), np.inf)
    cost[np.triu_indices(n + 1)] = whole
    np.fill_diagonal(cost, np.inf)
    least = cost[0]
    for _ in range(m - 1):
        least = (least[:, None] + cost).min(axis=0)
    assert costs(edges[:-1], edges[1:]).sum() == pytest.approx(least[n], rel=1e-12)
