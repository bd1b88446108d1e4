"""Units do not matter: from points to bytes, the answers are those of the same points in another unit."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mfrd

N = 20


@cache
def answers(seed, dimension, budgets, unit):
    """{what: (rates, codebook in that unit)} of everything that takes points, on random letters times `unit`."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=N if dimension == 1 else (N, dimension))
    p, words, scale = rng.dirichlet(np.ones(N)), rng.choice(N, 8, replace=False), unit**2
    core = np.isin(np.arange(N), words[:6])  # letters that are codewords, but for a shift
    d = mfrd.squared_error(x.reshape(N, -1), (x[words] + 0.05).reshape(8, -1)).min(axis=1)
    source, D = mfrd.Source(unit * x, p), 1.2 * p @ d + 0.1
    fidelities = [mfrd.Fidelity(D * scale), mfrd.Fidelity(0.02 * scale, on=core, name="core")][:budgets]
    problem = mfrd.Problem(source, unit * (x[words] + 0.05), fidelities)
    solution = mfrd.solve(problem, "newton")
    refined = mfrd.refine(problem, max_iter=3, solver="newton").solution
    limit = mfrd.limit(source, fidelities)
    annealed = mfrd.anneal(solution, (0.5, 0.1, 0.0))[-1].encoder
    lloyd = mfrd.lloyd_max(source, 5)
    priced = mfrd.solve_at_prices(problem, {"global": 1.0 / scale})
    inverse = mfrd.distortion_at_rate(problem, "global", solution.rate + 0.2)
    ecvq = mfrd.ecvq(source, fidelities, restarts=1, rounds=4)
    found = {
        "solve": ([solution.rate, solution.lower_bound], solution.encoder.Q.ravel() * unit),
        "prices": ([priced.rate, priced.distortions["global"] / scale], priced.encoder.output_pmf * unit),
        "inverse": ([inverse.rate, inverse.distortions["global"] / scale], np.zeros(0)),
        "refine": ([refined.rate], refined.problem.codebook),
        "limit": ([limit.rate, limit.lower_bound], limit.codebook[limit.encoder.output_pmf > 0.02]),
        "anneal": ([annealed.rate], annealed.codebook),
        "lloyd_max": ([lloyd.rate], lloyd.codebook),
        "ecvq": ([ecvq.rate], ecvq.deterministic().codebook),
    }
    if dimension == 1:
        ecsq = mfrd.ecsq(source, D * scale)
        found["ecsq"] = [ecsq.rate], ecsq.deterministic().codebook
    codec, samples = mfrd.Codec(ecvq.deterministic()), source.points[rng.choice(N, 300, p=p)]
    coded = codec.encode(samples)
    found["Codec"] = [len(coded)], codec.decode(coded)
    return {what: (np.array(rates), codebook / unit) for what, (rates, codebook) in found.items()}


def apart(one, other):
    """How far the points of two codebooks are from the nearest of the other, at most."""
    d = np.sqrt(mfrd.squared_error(one.reshape(len(one), -1), other.reshape(len(other), -1)))
    return max(d.min(axis=0).max(), d.min(axis=1).max())


CASES = pytest.mark.parametrize("dimension, budgets", [(1, 1), (1, 2), (2, 2)])


@CASES
@given(seed=st.integers(0, 1), power=st.integers(-30, 30))
@settings(max_examples=2, deadline=None, derandomize=True)
def test_a_power_of_two_changes_nothing_to_the_last_bit(dimension, budgets, seed, power):
    one, other = (answers(seed, dimension, budgets, unit) for unit in (1.0, 2.0**power))
    for what, (rates, codebook) in one.items():
        assert np.array_equal(rates, other[what][0]) and np.array_equal(codebook, other[what][1]), what


@CASES
@given(seed=st.integers(0, 1), decade=st.floats(-9, 9))
@settings(max_examples=2, deadline=None, derandomize=True)
def test_another_factor_changes_no_rate_by_more_than_the_gap(dimension, budgets, seed, decade):
    one, other = (answers(seed, dimension, budgets, unit) for unit in (1.0, 10.0**decade))
    for what, (rates, codebook) in one.items():
        if what == "Codec":  # of whichever of ecvq's partitions of one rate
            continue
        assert rates == pytest.approx(other[what][0], abs=1e-6), what
        if what == "limit":  # which leaves a gap, and with it room
            assert apart(codebook, other[what][1]) < 0.05
        elif what != "ecvq":
            assert codebook == pytest.approx(other[what][1], abs=1e-5), what


@pytest.mark.parametrize("unit", [1e-9, 37.3, 10**8.2, 1e9])
def test_a_budget_on_its_least_is_solved_in_any_unit(unit):
    rng = np.random.default_rng(0)
    x, p, words = rng.normal(size=N), rng.dirichlet(np.ones(N)), rng.choice(N, 8, replace=False)
    rates = []
    for u in (1.0, unit):
        problem = mfrd.Problem(mfrd.Source(u * x, p), u * (x[words] + 0.05), mfrd.Fidelity(u**2))
        rates.append(mfrd.solve(problem.with_budget("global", problem.least("global")), "newton").rate)
    assert rates[0] == pytest.approx(rates[1], abs=1e-6)
