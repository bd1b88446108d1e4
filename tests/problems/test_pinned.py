"""Budgets on the least they reach: which rows, which pairs they forbid, and prices at which these vanish."""

import numpy as np
import pytest

import mfrd
from mfrd.problems.edges import Edges

X, Y = np.array([0.0, 1.0, 2.0, 5.0]), np.array([0.0, 2.0, 4.0])
SOURCE = mfrd.Source(X, np.full(4, 0.25))
LEAST = 0.25 * (0 + 1 + 0 + 1)  # nearest codewords; letter 1 is as near to codeword 0 as to codeword 1


def edges(*fidelities):
    return Edges.of(mfrd.Problem(SOURCE, Y, fidelities))


def test_a_budget_with_room_pins_nothing():
    found = edges(mfrd.Fidelity(LEAST + 0.1))
    assert not found.found and not found.pinned.any() and found.forbidden is None
    assert found.left == pytest.approx([0.1])


def test_a_budget_on_its_least_forbids_every_codeword_but_the_nearest():
    found = edges(mfrd.Fidelity(LEAST))
    assert found.pinned.tolist() == [True]
    assert (~found.forbidden).tolist() == [
        [True, False, False],
        [True, True, False],
        [False, True, False],
        [False, False, True],
    ]


def test_a_budget_on_its_least_says_nothing_of_letters_outside_its_subset():
    found = edges(mfrd.Fidelity(3.0), mfrd.Fidelity(0.25, on=[0, 1], name="pair"))
    assert found.pinned.tolist() == [False, True]
    assert found.forbidden.sum(axis=1).tolist() == [2, 1, 0, 0]


def test_what_one_budget_forbids_may_put_another_on_its_least():
    d = np.array([[0.0, 1.0], [1.0, 0.0]])
    first, second = mfrd.Fidelity(0.0, distortion=d), mfrd.Fidelity(1.0, distortion=1 - d, name="second")
    problem = mfrd.Problem(mfrd.Source([0.0, 1.0], [0.5, 0.5]), [0.0, 1.0], [first, second])
    found = Edges.of(problem)
    assert found.pinned.tolist() == [True, True]  # only letter i to codeword i is left, which spends all of `second`
    assert mfrd.solve(problem, "newton").rate == pytest.approx(1)


def test_at_the_prices_of_an_edge_forbidden_pairs_vanish():
    problem = mfrd.Problem(SOURCE, Y, [mfrd.Fidelity(LEAST), mfrd.Fidelity(2.0, on=[3], name="far")])
    found = Edges.of(problem)
    s = problem.exponents(found.multipliers(problem, np.zeros(2)))
    assert np.exp(-s[found.forbidden]).max() < 1e-12 and s[~found.forbidden] == pytest.approx(0)
