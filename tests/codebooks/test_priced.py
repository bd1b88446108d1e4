"""Priced distortion: its cost is that of the measures, and no codeword is cheaper than the priced centroid."""

import numpy as np
import pytest
from helpers.differences import jacobian

import mfrd
from mfrd.codebooks.priced import Budgets, Priced, centroids


def priced_problem(seed, k, n=20, repeated=True):
    """(source, fidelities of two measures, multipliers, one of them zero for odd seeds) at random."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(k, k))
    ball = mfrd.mahalanobis(root @ root.T + 0.2 * np.eye(k))
    x = rng.normal(size=(n, k)) + 5
    if repeated:
        x[:3] = x[3:6]
    source = mfrd.Source(x, rng.dirichlet(np.ones(n)))
    fidelities = [mfrd.Fidelity(1.0), mfrd.Fidelity(1.0, on=range(n // 2), distortion=ball, name="ball")]
    return rng, source, fidelities, rng.exponential(2, 2) * [1, seed % 2 == 0]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("k", [1, 2, 3])
def test_cost_is_that_of_the_measures(seed, k):
    rng, source, fidelities, lam = priced_problem(seed, k, repeated=False)
    budgets = Budgets(source, fidelities)
    priced, y = Priced(budgets, lam), rng.normal(size=(5, k))
    s = mfrd.Problem(source, y + source.mean, fidelities).rows.slopes(lam)
    d = [measure(source.x, y + source.mean) for measure in budgets.rows.measures]
    full = sum(theta[:, None] * each for theta, each in zip(s, d))
    apart = full - priced.costs(y)  # the term in x alone
    assert apart == pytest.approx(np.broadcast_to(apart[:, :1], apart.shape), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_priced_centroid_is_stationary_and_least(seed, k):
    rng, source, fidelities, lam = priced_problem(seed, k)
    budgets = Budgets(source, fidelities)
    priced = Priced(budgets, lam)
    Q = rng.dirichlet(np.ones(4), size=len(budgets.p))
    cost = lambda y: budgets.p @ (Q * priced.costs(y)).sum(axis=1)
    y = priced.soft_codewords(Q)
    assert jacobian(cost, y) == pytest.approx(np.zeros((4, k)), abs=1e-7)
    assert all(cost(y) < cost(y + 0.01 * rng.normal(size=y.shape)) for _ in range(20))
    cells = rng.integers(4, size=len(budgets.p))
    assert priced.codewords(cells, 4) == pytest.approx(priced.soft_codewords(np.eye(4)[cells]), abs=1e-12)


def test_the_centroid_of_nothing_and_of_letters_without_price():
    x, metrics = np.array([[0.0], [1.0], [4.0]]), np.eye(1)[None]
    share = np.array([[0.25, 0.25, 0.0], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]])
    assert centroids(metrics, np.array([[0.0, 3.0, 1.0]]), x, share) == pytest.approx(np.array([[1.0], [4.0], [0.0]]))
    assert centroids(metrics, np.array([[0.0, 0.0, 1.0]]), x, share) == pytest.approx(np.array([[0.5], [4.0], [0.0]]))


@pytest.mark.parametrize("k", [1, 2])
def test_equal_points_are_one_letter_with_what_they_weigh(k):
    rng, source, fidelities, _ = priced_problem(2, k)
    budgets = Budgets(source, fidelities)
    assert len(budgets.x) == len(source.x) - 3 and budgets.p.sum() == pytest.approx(1)
    assert budgets.x[budgets.letter] + source.mean == pytest.approx(source.x)
    y, cells = rng.normal(size=(4, k)), rng.integers(4, size=len(budgets.p))
    problem = mfrd.Problem(source, y + source.mean, fidelities)
    Q = np.eye(4)[cells[budgets.letter]]
    expected = [
        (w * problem.source.p) @ (Q * problem.distortion(g)).sum(axis=1)
        for w, g in zip(problem.rows.weights, problem.rows.measure)
    ]
    assert budgets.distortions(cells, y) == pytest.approx(np.array(expected))
