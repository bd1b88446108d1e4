"""Newton's method on codewords, masses and prices: its derivatives, and where it ends."""

import numpy as np
import pytest
from helpers.cases import trimodal_source
from helpers.differences import jacobian

import mfrd
from mfrd.codebooks.stationary import Descent, derivatives, settle, stationary


def rows_and_point(seed, k, n=14, J=4):
    """(problem with rows of three forms and two measures, flags of those that count, q, y, lam) at random."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(k, k))
    ball = mfrd.mahalanobis(root @ root.T + np.eye(k))
    fidelities = [
        mfrd.Fidelity(0.9),
        mfrd.Fidelity(0.7, on=range(6), per="subset", distortion=ball, name="ball"),
        mfrd.Fidelity(0.8, on=[2, 9], per="letter", name="letters"),
        mfrd.Fidelity(0.5, on=range(5, n), name="half"),
    ]
    source = mfrd.Source(rng.normal(size=(n, k)), rng.dirichlet(np.ones(n)))
    problem = mfrd.Problem(source, rng.normal(size=(J, k)), fidelities)
    binds = np.array([True, True, True, False, True])  # joint, subset, two letters, joint
    return problem, binds, rng.dirichlet(np.ones(J)), problem.y, rng.uniform(0.1, 0.6, binds.sum())


def saddle(problem, binds, q, y, lam):
    """-sum_i p_i log z_i + sum_j q_j - lam . D, from the measures themselves."""
    s = np.zeros((problem.n, len(y)))
    for price, r in zip(lam, np.flatnonzero(binds)):
        d = problem.rows.measures[problem.rows.measure[r]](problem.source.x, y)
        s += price * problem.rows.weights[r][:, None] * d
    return -problem.source.p @ np.log(np.exp(-s) @ q) + q.sum() - lam @ problem.rows.D[binds]


@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_derivatives_are_those_of_the_saddle_function(seed, k):
    problem, binds, q, y, lam = rows_and_point(seed, k)
    J = len(q)
    parts = lambda u: (u[:J], u[J : J + J * k].reshape(J, k), u[J + J * k :])
    at = np.concatenate([q, y.ravel(), lam])
    gradient, hessian = derivatives(problem, binds, q, y, lam)
    assert gradient == pytest.approx(jacobian(lambda u: saddle(problem, binds, *parts(u)), at), rel=1e-6, abs=1e-8)
    numeric = jacobian(lambda u: derivatives(problem, binds, *parts(u))[0], at)
    blocks = {"q": slice(0, J), "y": slice(J, J + J * k), "lam": slice(J + J * k, None)}
    for a, rows in blocks.items():
        for b, columns in blocks.items():
            exact, found = numeric[rows, columns], hessian[rows, columns]
            assert abs(exact).max() > 1e-3, (a, b)  # a block of zeros would check nothing
            assert found == pytest.approx(exact, rel=1e-6, abs=1e-7 * abs(exact).max()), (a, b)


def test_newton_ends_on_the_stationary_point():
    """c(y_j) = 1, grad c(y_j) = 0 and E = D of the limit's codebook, from a start a hundredth of a width away."""
    source, core = trimodal_source(), abs(mfrd.grid(-8, 8, 100)) < 1
    best = mfrd.limit(source, [mfrd.Fidelity(0.6), mfrd.Fidelity(0.02, on=core, name="core")], tol=1e-9)
    problem, binds, q = best.solution.problem, np.ones(2, bool), best.encoder.output_pmf
    moved = problem.y + 0.01 * np.array([[1.0], [-1.0]] * 3)
    lam = best.multipliers
    settled = stationary(problem, binds, q, moved, lam)
    assert settled == pytest.approx(problem.y, abs=1e-6)
    again = stationary(problem, binds, q, settled, lam)
    assert again == pytest.approx(settled, abs=1e-11)
    assert abs(moved - settled).max() > 5e-3


def test_newton_says_where_it_leaves_the_neighbourhood():
    problem, binds, q, y, lam = rows_and_point(0, 2)
    assert stationary(problem, binds, q, y, np.append(lam[:3], [0.0, lam[3]]) * 40) is None
    far = mfrd.Problem(mfrd.Source([0.0, 1e120], [0.5, 0.5]), [0.0, 1e120], mfrd.Fidelity(1e239))
    assert stationary(far, np.ones(1, bool), np.array([0.5, 0.5]), far.y, np.array([1e-239])) is None


@pytest.mark.parametrize("k", [1, 2])
def test_the_descent_has_the_derivatives_of_its_function(k):
    """At an optimum nothing of the Hessian is left out; elsewhere the gradient alone is exact."""
    source = mfrd.bumps(mfrd.grid(-3, 3, 30 if k == 1 else 8, k), [1], [[0.0] * k], [1])
    fidelities = [mfrd.Fidelity(0.8), mfrd.Fidelity(0.3, on=abs(source.x[:, 0]) < 1, name="core")]
    best = mfrd.limit(source, fidelities, tol=1e-9)
    problem, q, y = best.solution.problem, best.encoder.output_pmf, best.encoder.y
    descent, none = Descent(problem, best.multipliers, np.zeros(2, bool)), np.zeros(0)
    u = descent.to(y)
    assert descent.back(u) == pytest.approx(y, abs=1e-12)
    steps = lambda v: (q * (1 + v.reshape(len(q), -1)[:, 0]), u + v.reshape(len(q), -1)[:, 1:])
    F = lambda v: descent.at(*steps(v), none).value

    def gradient(v):
        q_on, _ = steps(v)
        slope = descent.system(q_on, descent.at(*steps(v), none))[0].reshape(len(q), -1)
        return np.column_stack([slope[:, 0] * q / q_on, slope[:, 1:]]).ravel()

    v = 0.1 * np.random.default_rng(k).normal(size=y.size + len(q))
    assert gradient(v) == pytest.approx(jacobian(F, v), rel=1e-5, abs=1e-8) and abs(gradient(v)).max() > 1e-3
    _, hessian, _ = descent.system(q, descent.at(q, u, none))
    exact = np.tril(jacobian(gradient, 0 * v))
    assert np.tril(hessian) == pytest.approx(exact, abs=1e-5 * abs(exact).max())


@pytest.mark.parametrize("k", [1, 2, 3])
def test_what_budgets_spend_has_its_derivatives(k):
    """E - D and -V by the free prices, B by (log q, y), for rows of three forms and two measures."""
    problem, binds, q, y, lam = rows_and_point(5, k)
    whole = np.full(len(binds), 0.2)
    whole[binds] = lam
    free = binds.copy()
    free[2] = False
    descent, lam, J = Descent(problem, whole, free), whole[free], len(q)
    u = descent.to(y)
    at = descent.at(q, u, lam)
    E, V = descent.spending(at)
    value = lambda lam: descent.at(q, u, lam).value
    spent = lambda q, u, lam: descent.spending(descent.at(q, u, lam))[0]
    s = problem.exponents(whole) + problem.offset(whole)[:, None]  # of distortions as they are
    exact = -problem.source.p @ np.log(np.exp(-s) @ q) + q.sum() - 1 - whole @ problem.rows.D
    assert at.value == pytest.approx(exact, abs=1e-12)
    assert E - descent.D == pytest.approx(jacobian(value, lam), rel=1e-6, abs=1e-8)
    assert -V == pytest.approx(jacobian(lambda lam: spent(q, u, lam), lam), rel=1e-5, abs=1e-7)
    toward = descent.system(q, at)[2]
    moved = lambda v: spent(q * np.exp(v.reshape(J, -1)[:, 0]), u + v.reshape(J, -1)[:, 1:], lam)
    B = descent.coupling(at, toward)
    assert B.T == pytest.approx(jacobian(moved, np.zeros(J * (1 + k))), rel=1e-5, abs=1e-7) and abs(B).min() > 1e-9


def test_prices_that_follow_end_at_the_budget_and_those_that_lag_do_not():
    source = mfrd.bumps(mfrd.grid(-3, 3, 60), [1], [0], [1])
    best = mfrd.limit(source, mfrd.Fidelity(0.3), tol=1e-9)
    problem, q, y = best.solution.problem, best.encoder.output_pmf, best.encoder.y
    start, free = 0.9 * best.multipliers, np.array([True])
    *_, lam, value = settle(problem, start, q, y, 1e-15, steps=30, free=free)
    assert lam == pytest.approx(best.multipliers, rel=1e-5)
    assert value == pytest.approx(best.rate * np.log(2), abs=1e-8)
    *_, held, lower = settle(problem, start, q, y, 1e-15, steps=30)
    assert held == start and lower < value - 1e-3


def test_a_descent_never_ascends_and_ends_where_the_optimum_is():
    source = mfrd.bumps(mfrd.grid(-3, 3, 60), [1], [0], [1])
    best = mfrd.limit(source, mfrd.Fidelity(0.3), tol=1e-9)
    lam, least = best.multipliers, best.lower_bound * np.log(2)
    q, y, levels = np.full(9, 1 / 9), np.linspace(-2.5, 2.5, 9)[:, None], []
    for _ in range(12):
        q, y, _, F = settle(best.solution.problem, lam, q, y, 0.0, steps=4)
        levels.append(F)
    assert (np.diff(levels) <= 1e-15).all() and levels[-1] == pytest.approx(least, abs=1e-6)
    assert levels[0] > least and q.sum() == pytest.approx(1, abs=1e-4)
