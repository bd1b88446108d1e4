"""The saddle's derivatives against central finite differences, on problems of every kind that it has code for."""

import numpy as np
import pytest
from helpers.cases import mixed_problem

from mfrd.solvers import saddle as saddles
from mfrd.solvers.certificate import log_sum
from mfrd.solvers.interior_point import Attempt, centre, factorise, interior_point, lacking
from mfrd.solvers.saddle import Saddle

# measures and forms of the budgets, how many codewords are chosen, and whether one budget lies on its least value
KINDS = {
    "one measure": (["squared joint"], None, False),
    "one measure, three rows": (["squared joint", "squared subset", "squared joint"], None, False),
    "three measures": (["squared joint", "absolute subset", "matrix joint"], None, False),
    "many letters": (["squared joint", "squared letter"], None, False),
    "many letters of two measures": (["absolute letter", "matrix joint", "squared letter"], None, False),
    "few codewords of many": (["squared joint", "absolute subset"], 5, False),
    "one pinned": (["squared joint", "matrix joint", "squared subset"], None, True),
}


@pytest.fixture(autouse=True)
def letters_are_many(monkeypatch):
    """Budgets of some ten letters are kept sparse, one budget of them is not; as many prices are eliminated first."""
    monkeypatch.setattr(saddles, "MANY", 1000)
    monkeypatch.setattr(saddles, "ALONE", 5)


def whole(V):
    """V, (R, R), of what a saddle keeps of it."""
    order = np.argsort(np.append(V.alone, V.shared))
    return np.block([[np.diag(V.diagonal), V.cross], [V.cross.T, V.rest]])[np.ix_(order, order)]


def point_of(kind, seed):
    """(problem, chosen codewords, saddle, random q and lam) of a kind."""
    rng = np.random.default_rng([seed, *kind.encode()])
    budgets, few, edge = KINDS[kind]
    problem = mixed_problem(rng, budgets, edge=edge)
    columns = np.arange(problem.m) if few is None else rng.choice(problem.m, few, replace=False)
    saddle = Saddle(problem, columns)
    assert problem.edges.pinned.any() == edge and saddle.R == len(problem.rows) - edge
    q, lam = rng.dirichlet(np.ones(len(columns))) + 0.05, rng.uniform(0.2, 2, saddle.R)
    return problem, columns, saddle, q, lam


def differences(f, x):
    """Central differences of f at x, the last axis that of x."""
    steps = 1e-5 * np.diag(np.maximum(x, 0.1))
    return np.stack([(f(x + h) - f(x - h)) / (2 * h.max()) for h in steps], axis=-1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_the_saddle_function(kind, seed):
    problem, columns, saddle, q, lam = point_of(kind, seed)

    def value(q, lam):  # from the problem itself, not from what the saddle holds
        s = problem.exponents(saddle.multipliers(problem, lam), columns)
        spent = (lam / saddle.unit) @ problem.excess_budgets[saddle.free]
        return -problem.source.p @ log_sum(np.log(q) - s, axis=1) + q.sum() - 1 - spent

    at = saddle.at(q, lam)
    assert saddle.dual(at) == pytest.approx(value(q, lam) - q.sum() + 1 - np.log(at.c.max()), abs=1e-10)
    assert 1 - at.c == pytest.approx(differences(lambda q: value(q, lam), q), rel=1e-6, abs=1e-8)
    assert at.E - saddle.D == pytest.approx(differences(lambda lam: value(q, lam), lam), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_the_hessian_is_that_of_the_gradients(kind, seed):
    *_, saddle, q, lam = point_of(kind, seed)
    H, B, V = saddle.hessian(saddle.at(q, lam))
    H = np.tril(H) + np.tril(H, -1).T  # the lower triangle is what is promised
    close = lambda found, wanted: np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8)
    close(H, -differences(lambda q: saddle.at(q, lam).c, q))
    close(B, -differences(lambda lam: saddle.at(q, lam).c, lam))
    close(B.T, differences(lambda q: saddle.at(q, lam).E, q))
    close(whole(V), -differences(lambda lam: saddle.at(q, lam).E, lam))


def test_kinds_reach_every_branch():
    rows = {kind: point_of(kind, 0)[2] for kind in KINDS}
    kept = {isinstance(g.wp, np.ndarray) for g in rows["many letters of two measures"].measures}
    assert kept == {True, False}  # dense and sparse
    assert len(rows["three measures"].measures) == 3 and rows["one measure"].one_zero
    assert rows["one pinned"].base is not None and rows["few codewords of many"].m == 5
    both = rows["many letters of two measures"]  # the letters that both have are alone in one of them
    assert len(both.alone) >= 5 and len(both.shared) > 1 and not len(rows["three measures"].alone)


@pytest.mark.parametrize("damping", [0.0, 10.0])
@pytest.mark.parametrize("kind", ["many letters", "many letters of two measures"])
def test_prices_eliminated_first_take_the_same_step(kind, damping, monkeypatch):
    problem, columns, saddle, q, lam = point_of(kind, 0)
    monkeypatch.setattr(saddles, "ALONE", 10**9)
    plain, steps = Saddle(problem, columns), []
    assert len(saddle.alone) and not len(plain.alone)
    room = np.append(np.ones(len(q)), abs(saddle.D))
    x, y = np.concatenate([q, lam]), room * np.random.default_rng(0).uniform(0.1, 0.9, len(room))
    for each in (saddle, plain):
        at = each.at(q, lam)
        solve = factorise(each, at, x, y, lacking(y, at, each.D), Attempt(damping=damping))
        steps.append(np.concatenate(solve(0.1 - x * y)))
    assert steps[0] == pytest.approx(steps[1], rel=1e-9, abs=1e-11)


def test_a_point_stands_when_another_is_evaluated():
    *_, saddle, q, lam = point_of("three measures", 0)
    first = saddle.at(q, lam)
    parts = lambda at: [*saddle.hessian(at)[:2], whole(saddle.hessian(at)[2])]
    before = [part.copy() for part in parts(first)]
    other = saddle.at(q[::-1].copy(), 2 * lam)
    saddle.hessian(other)
    assert all(np.array_equal(a, b) for a, b in zip(before, parts(first)))
    again = saddle.at(q, lam, out=other)  # in the memory of a point that is given up
    assert again.block is other.block and np.array_equal(again.c, first.c) and np.array_equal(again.E, first.E)


def test_a_restriction_is_the_saddle_without_the_other_codewords():
    *_, saddle, q, lam = point_of("three measures", 1)
    keep = np.arange(saddle.m) % 3 > 0
    few, whole = saddle.restricted(keep).at(q[keep], lam), saddle.at(np.where(keep, q, 0.0), lam)
    assert few.c == pytest.approx(whole.c[keep]) and few.E == pytest.approx(whole.E)
    assert few.largest_shares == pytest.approx(whole.largest_shares[keep])


@pytest.mark.parametrize("kind", KINDS)
def test_the_interior_point_ends_where_the_gradients_say(kind):
    *_, saddle, _, _ = point_of(kind, 0)
    point = interior_point(saddle, centre(saddle), 1e-10)
    assert point.converged(1e-10) and point.steps > 3
    at = saddle.at(point.q, point.lam)  # what it says of the last point it saw is what that point says
    assert np.array_equal(at.c, point.at.c) and np.array_equal(at.E, point.at.E)
    assert at.c.max() <= 1 + 1e-9 and abs(point.q @ (1 - at.c)) <= 1e-9  # complementary slackness
    assert (at.E <= saddle.D + 1e-9).all() and abs(point.lam @ (saddle.D - at.E)) <= 1e-9
