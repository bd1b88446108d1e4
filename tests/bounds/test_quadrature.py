"""The integrals of the bounds on densities, by an independent quadrature at many digits."""

import mpmath
import numpy as np
import pytest

import mfrd
from mfrd.bounds import absolute
from mfrd.bounds import density as module

Density = mfrd.Density
BUDGETS = mfrd.Fidelity(0.4), mfrd.Fidelity(0.02, on=[(-0.5, 0.5)], name="core")


def integral(f, points):
    return mpmath.quad(f, [mpmath.mpf(x) for x in points])


def within(f, w, coded, at, points):
    """(E[d], E[-log z], E exp(-w (x - at)^2) / z) over an interval, by mpmath."""
    masses = lambda x: [mpmath.mpf(float(q)) * mpmath.exp(-w * (x - float(y)) ** 2) for y, q in zip(coded.y, coded.q)]
    spent = lambda x: sum(m * (x - float(y)) ** 2 for y, m in zip(coded.y, masses(x))) / sum(masses(x))
    return (
        integral(lambda x: f(x) * spent(x), points),
        -integral(lambda x: f(x) * mpmath.log(sum(masses(x))), points),
        integral(lambda x: f(x) * mpmath.exp(-w * (x - at) ** 2) / sum(masses(x)), points),
    )


def evaluated(question, coded, encodes):
    """(tables, remainders) on the panels of an encoder or a bound."""
    panels = question.fine(coded, encodes=encodes)
    return question.tables(coded, module.nodes(panels, module.NODES)), question.remainders(coded, panels)


@pytest.mark.parametrize("seed", range(10))
def test_the_integrals_are_those_of_an_independent_quadrature(seed):
    """Rate and distortion of a random encoder, and the bound's c at one y, by mpmath at 20 digits."""
    rng = np.random.default_rng(seed)
    parts = [Density.normal(rng.normal(), 0.8), Density.laplace(rng.normal(), 0.6), Density.logistic(0, 0.3)]
    density = Density.mixture([(0.3, parts[0]), (0.7, parts[1 + seed % 2])])
    density = density.truncated(-2 - rng.random(), 2.5)
    question = module.Question.of(density, BUDGETS, 1e-6)
    coded = module.Coded(np.sort(rng.uniform(-2, 2, 4)), rng.dirichlet(np.ones(4)), rng.uniform(0.3, 2, 2))
    tables, errors = evaluated(question, coded, encodes=True)
    (E, wrong), (gain, off) = question.by_region(tables, errors), question.gain(tables, errors)
    mpmath.mp.dps, at, slopes = 20, float(coded.y[2]) + 0.1, question.slopes(coded.lam)
    f = lambda x: sum(
        mpmath.mpf(p.weight) * mpmath.exp(-reference(p.law, (x - p.law.loc) / p.law.scale)) / p.law.scale
        for p in density.parts
    )
    ends = zip(question.edges, question.edges[1:])
    cuts = [[a, *(c for c in np.arange(-30, 30, 2.0) if a < c < b), b] for a, b in ends]
    found = [within(f, mpmath.mpf(float(w)), coded, at, points) for w, points in zip(slopes, cuts)]
    assert all(abs(mine - d) <= error + 1e-13 for mine, error, (d, _, _) in zip(E, wrong, found))
    assert abs(sum(g for _, g, _ in found) - gain) <= off + 1e-12
    tables, errors = evaluated(question, coded, encodes=False)
    c = float((tables.mass * np.exp(-tables.log_z - tables.w * (tables.x - at) ** 2)).sum())
    assert abs(sum(m for _, _, m in found) - c) <= errors[0].sum() + 1e-12
    assert max(off, wrong.max(), errors[0].sum()) < 1e-8


def reference(law, t):
    """-log of the standard density, in mpmath."""
    name = type(law).__name__
    if name == "Normal":
        return t**2 / 2 + mpmath.log(2 * mpmath.pi) / 2
    if name == "Laplace":
        return abs(t) + mpmath.log(2)
    return abs(t) + 2 * mpmath.log(1 + mpmath.exp(-abs(t)))


def test_the_integrals_under_absolute_error_are_those_of_an_independent_quadrature():
    y, w, b = np.array([-1.1, -0.3, 0.0, 0.3, 1.1]), 2.0, 0.8
    q = np.array([0.1, 0.25, 0.3, 0.25, 0.1])
    rate, spent = absolute.measured(b, y, q, w, module.gauss(absolute.NODES))
    mpmath.mp.dps = 25
    f = lambda x: mpmath.exp(-x / b) / b
    masses = lambda x: [float(m) * mpmath.exp(-w * abs(x - float(v))) for v, m in zip(y, q)]
    mean = lambda x: sum(m * abs(x - float(v)) for v, m in zip(y, masses(x))) / sum(masses(x))
    edges = [0, 0.3, 1.1, *np.arange(2.0, absolute.REACH * b, 1.5), absolute.REACH * b]
    E = integral(lambda x: f(x) * mean(x), edges)
    gain = -integral(lambda x: f(x) * mpmath.log(sum(masses(x))), edges) - w * E
    tail = float(mpmath.exp(-absolute.REACH))
    assert 0 <= spent - (E + tail * (absolute.REACH * b - 1.1 + b)) < 1e-10
    assert 0 <= rate - (gain - tail * np.log(0.1)) < 1e-9
