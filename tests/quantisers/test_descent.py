"""Descent at fixed prices: what a cell is worth at its best codeword."""

import numpy as np
import pytest
from helpers.differences import jacobian
from scipy.special import entr

import mfrd
from mfrd.codebooks.priced import Budgets, Priced
from mfrd.quantisers.descent import values


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_cell_is_worth_its_cost_at_the_priced_centroid_where_that_is_stationary(seed, k):
    rng, n, m = np.random.default_rng(seed), 24, 5
    root = rng.normal(size=(k, k))
    ball = mfrd.mahalanobis(root @ root.T + 0.2 * np.eye(k))
    source = mfrd.Source(rng.normal(size=(n, k)), rng.dirichlet(np.ones(n)))
    half = mfrd.Fidelity(1.0, on=range(n // 2), distortion=ball, name="ball")
    priced = Priced(Budgets(source, [mfrd.Fidelity(1.0), half]), rng.exponential(2, 2))
    cells = np.append(np.arange(m), rng.integers(m, size=n - m))
    sums, mass = priced.sums(cells, m), np.bincount(cells, priced.p)

    def share(y):
        """entr(q_j) + sum of p_i s_i(y_j) over cell j without the term in x alone, (m,)."""
        cost = (np.eye(m)[cells] * priced.costs(y)).sum(axis=1)
        return entr(mass) + np.bincount(cells, priced.p * cost, m)

    y = priced.codewords(cells, m)
    assert values(priced, *sums) == pytest.approx(share(y), abs=1e-10)
    assert jacobian(lambda y: share(y).sum(), y) == pytest.approx(np.zeros((m, k)), abs=1e-7)
    gradient = jacobian(lambda y: share(y).sum(), y + 0.1)  # away from there it is not
    assert abs(gradient).min() > 1e-4
