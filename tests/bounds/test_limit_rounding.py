"""The bound over all codebooks against its formula in balls, at its own multipliers and potentials.

    sum_i pi_i a_i - lam . D - log c(y),   pi = p / sum p,

is above the bound for every y, and for y at the maximum of c it is no more than the tolerance above it. Floats are
rationals; squares, 1 / P(S) and 1 / p_i are formed from these; c is evaluated in balls.
"""

import numpy as np
import pytest
from flint import arb, ctx
from helpers.exact import BITS, Exact, nearest_float, rational

import mfrd
from mfrd.bounds.kinked import Kinked
from mfrd.bounds.supremum import bound_over, codeword_mass

TOL = 1e-8  # bits, that branch and bound may lose


def covariance(rng, k):
    root = rng.normal(size=(k, k))
    return root @ root.T + 0.1 * np.eye(k)


def random_problem(seed, measures=0):
    """(source, fidelities, multipliers, potentials), far from any solution; measures: how many have a matrix."""
    rng = np.random.default_rng(seed)
    k, n = 2 if measures > 1 else int(rng.integers(1, 4)), int(rng.integers(2, 9))
    x = rng.normal(size=(n, k)) * 10.0 ** rng.integers(-3, 4) + rng.choice([0.0, 1.0, 1e4])
    p = rng.dirichlet(np.full(n, 0.3 if measures == 0 else 2.0))
    p[rng.random(n) < 0.1] = 0.0
    source = mfrd.Source(x, p / p.sum())
    spread = source.covariance.trace() + 1e-3 * np.ptp(x) ** 2
    on = np.flatnonzero(rng.random(n) < 0.6)
    on = on if len(on) and source.p[on].sum() > 0 else np.arange(n)
    budgets = [mfrd.Fidelity(spread * rng.uniform(0.05, 0.9))]
    if rng.random() < 0.7:
        per = ("joint", "subset", "letter")[rng.integers(3)]
        budgets.append(mfrd.Fidelity(spread * rng.uniform(0.05, 0.9), on=on, per=per, name="core"))
    balls = [mfrd.mahalanobis(covariance(rng, k)) for _ in range(measures)]
    budgets += [mfrd.Fidelity(0.5 * spread, distortion=ball, name=str(g)) for g, ball in enumerate(balls)]
    rows = mfrd.Problem(source, source.points, budgets).rows
    lam = rng.exponential(k / spread, len(rows)) * 10.0 ** rng.uniform(-1, 1 if measures < 2 else 0)
    a = rng.normal(size=n) * 10.0 ** rng.integers(-1, 2) + rng.choice([0.0, 0.0, 1e6])
    return source, budgets, lam, a


def form(x, y, metric):
    """(x_i - y_j)' M (x_i - y_j) in rationals, a list of lists."""
    points, words, M = ([[rational(v) for v in row] for row in each] for each in (x, y, metric))
    rows = [[[s - t for s, t in zip(point, word)] for word in words] for point in points]
    k = range(len(M))
    return [[sum((e[a] * M[a][b] * e[b] for a in k for b in k), rational(0)) for e in row] for row in rows]


def formula(source, fidelities, lam, a, y):
    """The least of the formula over codewords y, a ball in bits."""
    problem = mfrd.Problem(source, y, fidelities)
    exact = Exact(problem)
    exact.d = [form(source.x, y, metric) for metric in problem.metrics]
    return exact.dual(lam, a)


def maxima(source, fidelities, lam, a):
    """The three highest codewords that an ascent of c from many starts finds, (3, k)."""
    mass = codeword_mass(mfrd.Problem(source, source.points, fidelities), lam, a - a[source.p.argmax()])
    low, high = source.x.min(axis=0), source.x.max(axis=0)
    starts = np.vstack([source.x, np.random.default_rng(0).uniform(low, high, (60, len(low)))])
    tops = mass.ascend(starts)
    return tops[np.argsort(-mass(tops))[:3]]


@pytest.mark.parametrize("measures, tol", [(0, TOL), (1, TOL), (3, 1e-4)])
def test_the_bound_is_below_its_formula_in_balls_and_near_it(measures, tol):
    for seed in range(25 if measures == 0 else 12):
        source, fidelities, lam, a = random_problem(seed, measures)
        bound = mfrd.lower_bound_all_codebooks(source, fidelities, lam, a, tol=tol)
        with ctx.workprec(BITS):
            ball = formula(source, fidelities, lam, a, maxima(source, fidelities, lam, a))
            assert arb(rational(bound)) < ball, seed  # with no allowance
        size = abs(a - a[source.p.argmax()]).max() + lam @ mfrd.Problem(source, source.points, fidelities).rows.D + 1
        assert nearest_float(ball) - bound < 1.5 * tol + 1e-11 * size, seed


def test_a_bound_that_loses_nothing_else_is_below_its_formula():
    """A supremum searched to the last digit has no room but that for rounding."""
    for seed in range(40):
        source, fidelities, lam, a = random_problem(seed)
        lam = lam * (seed % 3 > 0)  # without prices c is constant
        bound = mfrd.lower_bound_all_codebooks(source, fidelities, lam, a, tol=1e-16, max_boxes=500)
        with ctx.workprec(BITS):
            assert arb(rational(bound)) < formula(source, fidelities, lam, a, maxima(source, fidelities, lam, a)), seed


@pytest.mark.parametrize("measures", [1, 2])
def test_nearly_singular_metrics_are_bounded_in_coordinates_made_exact(measures):
    """Products in floats lose the condition number, up to 1e10 here, and the bound with it."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        k, n, thin = 2 + seed % 2, 8, 10.0 ** -rng.uniform(3, 4.5 - seed % 2)
        along = rng.normal(size=k)
        x = np.outer(rng.normal(size=n), along) + thin * rng.normal(size=(n, k))
        source, C = mfrd.Source(x, rng.dirichlet(np.full(n, 2.0))), np.outer(along, along) + thin**2 * np.eye(k)
        balls = [mfrd.mahalanobis(C), mfrd.mahalanobis(3 * C)][:measures]
        fidelities = [mfrd.Fidelity(0.5, distortion=ball, name=str(g)) for g, ball in enumerate(balls)]
        lam, a = rng.exponential(200.0, measures), rng.normal(size=n)
        mass = codeword_mass(mfrd.Problem(source, source.points, fidelities), lam, a)
        assert mass.separated is not None, seed  # what curvature alone proves takes boxes without end
        bound = mfrd.lower_bound_all_codebooks(source, fidelities, lam, a, tol=TOL)
        with ctx.workprec(BITS):
            ball = formula(source, fidelities, lam, a, maxima(source, fidelities, lam, a))
            assert arb(rational(bound)) < ball, seed
        assert nearest_float(ball) - bound < 5e-8, seed


def test_letters_at_an_infinite_price_are_bounded_on_their_points():
    for seed in range(12):
        source, _, _, a = random_problem(seed)
        a[source.p == 0] = 0.0
        fidelities = [mfrd.Fidelity(0.3), mfrd.Fidelity(0.0, on=[source.p.argmax()], name="exact")]
        bound = mfrd.lower_bound_all_codebooks(source, fidelities, [0.7, np.inf], a, tol=TOL)
        others = np.where(np.arange(len(a)) == source.p.argmax(), -800.0 + a, a)  # the exact letter, as if it were not
        tops = maxima(source, fidelities, np.array([0.7, 0.0]), others) if len(a) > 1 else source.x
        words = np.vstack([source.x[[source.p.argmax()]], tops])
        with ctx.workprec(BITS):  # at this price the exact letter adds to c on its own point alone
            ball = formula(source, fidelities, [0.7, 1e30], a, words)
            assert arb(rational(bound)) < ball, seed
        assert nearest_float(ball) - bound < 1.5 * TOL + 1e-11 * (1 + abs(a - a[source.p.argmax()]).max()), seed


def test_kinks_are_bounded_above_what_balls_say():
    """Squared and absolute error at once, any prices and potentials; between letters c may have steep maxima."""
    inside = 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(2, 9))
        source = mfrd.Source(rng.normal(size=n) + rng.choice([0.0, 100.0]), rng.dirichlet(np.ones(n)))
        near = mfrd.Fidelity(0.2, on=rng.random(n) < 0.7, distortion=mfrd.absolute_error, name="near")
        fidelities, lam = [mfrd.Fidelity(0.3), near], rng.exponential(3.0, 2) * 10.0 ** rng.uniform(-1, 2, 2)
        problem, a = mfrd.Problem(source, source.points, fidelities), rng.normal(size=n)
        mass = Kinked(problem, lam, a)
        tops = mass.peaks()
        best = tops[mass(tops).argmax()]
        inside += best not in source.points
        bound = bound_over(source.p, problem.rows.D, lam, a, mass.supremum(TOL, float(mass(tops).max())))
        exact = Exact(mfrd.Problem(source, tops, fidelities))
        away = [[abs(rational(x) - rational(y)) for y in tops] for x in source.points]
        exact.d = [[[e * e for e in row] for row in away], away]
        with ctx.workprec(BITS):
            ball = exact.dual(lam, a)
            assert arb(rational(bound)) < ball, seed
        assert nearest_float(ball) - bound < 3 * TOL, seed
    assert 3 < inside < 22


def test_kinks_with_letters_at_an_infinite_price_are_bounded_above_what_balls_say():
    for seed in range(15):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(3, 9))
        source, a = mfrd.Source(rng.normal(size=n), rng.dirichlet(np.ones(n))), rng.normal(size=n)
        exact = mfrd.Fidelity(0.0, on=[0, n - 1], distortion=mfrd.absolute_error, name="exact")
        near = mfrd.Fidelity(0.2, on=rng.random(n) < 0.7, distortion=mfrd.absolute_error, name="near")
        fidelities, lam = [mfrd.Fidelity(0.3), near, exact], rng.exponential(3.0, 2)
        problem = mfrd.Problem(source, source.points, fidelities)
        mass = Kinked(problem, np.append(lam, np.inf), a)
        tops = mass.peaks()
        upper = mass.supremum(TOL, float(mass(tops).max()))
        bound = bound_over(source.p, problem.rows.D, np.append(lam, 0.0), a, upper)
        rates = Exact(mfrd.Problem(source, tops, fidelities))
        away = [[abs(rational(x) - rational(y)) for y in tops] for x in source.points]
        rates.d = [[[e * e for e in row] for row in away], away]
        with ctx.workprec(BITS):
            ball = rates.dual(np.append(lam, 1e30), a)
            assert arb(rational(bound)) < ball, seed
        assert nearest_float(ball) - bound < 3 * TOL, seed
