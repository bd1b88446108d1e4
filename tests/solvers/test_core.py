"""The convex core against closed forms, an independent algorithm, and invariants."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.cases import core_problem, four_modes, gaussian_problem, hamming_problem, random_problem, trimodal_source
from hypothesis import given, settings
from hypothesis import strategies as st

import mfrd
from mfrd.solvers.certificate import log_codeword_masses
from mfrd.solvers.outcome import Stats, Status, decade

BITS = 1e-6


# how near to a closed form each backend comes: its rate in bits, its price relatively
BACKENDS = {"auto": (BITS, 1e-4), "clarabel": (BITS, 1e-4), "newton": (1e-9, 1e-6)}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "pmf, D",
    [
        ([0.5, 0.5], 0.1),
        ([0.5, 0.5], 0.11),
        ([0.7, 0.3], 0.05),
        ([0.8, 0.2], 0.15),
        ([0.9, 0.1], 0.099),
        ([0.8, 0.2], 1e-4),
        (np.full(3, 1 / 3), 0.2),
        (np.full(4, 1 / 4), 0.2),
        (np.full(7, 1 / 7), 0.5),
        (np.full(10, 1 / 10), 0.5),
        (np.full(40, 1 / 40), 0.01),
    ],
)
def test_closed_forms_under_the_probability_of_error(pmf, D, backend):
    problem, rate, price = hamming_problem(pmf, D)
    (bits, relative), solution = BACKENDS[backend], mfrd.solve(problem, backend)
    assert solution.rate == pytest.approx(rate, abs=bits)
    assert solution.prices["global"] == pytest.approx(price, rel=relative)


def test_fine_gaussian_meets_the_shannon_function():
    source = mfrd.bumps(mfrd.grid(-4, 4, 60), [1], [0], [1])
    solution = mfrd.solve(mfrd.Problem(source, mfrd.grid(-4, 4, 41), [mfrd.Fidelity(0.3)]))
    assert solution.rate == pytest.approx(0.5 * np.log2(source.covariance.item() / 0.3), abs=2e-3)


@pytest.mark.parametrize("D", [0.1, 0.6, 1.0])
def test_blahut_arimoto_agrees(D):
    problem = gaussian_problem(mfrd.Fidelity(D))
    conic, blahut = mfrd.solve(problem), mfrd.blahut_arimoto(problem, tol=1e-9)
    assert abs(conic.rate - blahut.rate) <= conic.gap + blahut.gap
    assert conic.prices["global"] == pytest.approx(blahut.prices["global"], rel=1e-3)


def test_blahut_arimoto_answers_where_masses_underflow():
    """The report's trimodal source on 64 even codewords: most of their masses fall below the least float."""
    problem = mfrd.Problem(trimodal_source(), mfrd.grid(-8, 8, 64), [mfrd.Fidelity(0.6)])
    newton, blahut = mfrd.solve(problem, "newton"), mfrd.blahut_arimoto(problem, tol=1e-7)
    assert abs(newton.rate - blahut.rate) <= newton.gap + blahut.gap and blahut.gap <= 1e-7


def test_report_problems_that_defeat_the_primal_forms():
    x = mfrd.grid(-8, 8, 100)
    core = mfrd.Fidelity(0.02, on=abs(x) < 1, name="core")
    codebook = np.sort(np.random.default_rng(0).uniform(-8, 8, 64))
    tight = mfrd.Problem(trimodal_source(), codebook, [mfrd.Fidelity(0.6), core])
    for problem in (tight, four_modes(8, 0.15), four_modes(4, 0.1)):
        solution = mfrd.solve(problem, "clarabel")
        assert solution.gap < BITS and min(solution.prices.values()) > 1e-3
        for f in problem.fidelities:
            assert solution.distortions[f.name] <= f.D * (1 + 1e-12)


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_any_dual_point_is_a_lower_bound(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng)
    rate = mfrd.solve(problem).rate
    for _ in range(20):
        multipliers, potentials = rng.exponential(size=len(problem.rows)), rng.normal(size=problem.n)
        assert mfrd.lower_bound(problem, multipliers, potentials) <= rate + 1e-9


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_bound_counts_potentials_of_letters_with_probability_only(value):
    source, fidelity = mfrd.Source([0, 1, 2], [0.5, 0.5, 0]), mfrd.Fidelity(0.1)
    bounds = (
        lambda a: mfrd.lower_bound(mfrd.Problem(source, [0, 1], fidelity), [1.0], a),
        lambda a: mfrd.lower_bound_all_codebooks(source, fidelity, [1.0], a),
    )
    for bound in bounds:
        assert bound([0.1, 0.2, value]) == bound([0.1, 0.2, 0.0])
        with pytest.raises(ValueError, match="potential of letter 1 is .*; expected a finite number"):
            bound([0.1, value, 0.2])


def test_complementary_slackness():
    solution = mfrd.solve(gaussian_problem(mfrd.Fidelity(0.6), mfrd.Fidelity(0.6, on=[24, 25], name="loose")))
    assert solution.prices["loose"] < 1e-6 and solution.distortions["loose"] < 0.1
    masses = log_codeword_masses(solution.problem, solution.multipliers, solution.potentials)
    masses -= masses.max()  # potentials are given up to a constant
    assert abs(masses[solution.encoder.output_pmf > 1e-3]).max() < 1e-5


@pytest.mark.parametrize("name", ["global", "core"])
def test_price_is_the_derivative_of_the_rate(name):
    problem = core_problem()
    h = 1e-3 * problem.fidelity(name).D
    below, above = (mfrd.solve(problem.with_budget(name, problem.fidelity(name).D + s * h)).rate for s in (-1, 1))
    assert mfrd.solve(problem).prices[name] == pytest.approx((below - above) / (2 * h), rel=1e-3)


@pytest.mark.parametrize("name", ["every", "some"])
def test_price_of_a_letter_fidelity_is_the_derivative(name):
    per_letter = (
        mfrd.Fidelity(0.2, per="letter", name="every")
        if name == "every"
        else mfrd.Fidelity(0.2, per="letter", on=[3, 20, 30], name="some")
    )
    problem = gaussian_problem(mfrd.Fidelity(0.4), per_letter)
    h = 1e-4
    below, above = (mfrd.solve(problem.with_budget(name, 0.2 + s * h), tol=1e-8).rate for s in (-1, 1))
    assert mfrd.solve(problem).prices[name] == pytest.approx((below - above) / (2 * h), rel=5e-3)


def test_forms_of_one_budget_agree():
    inside = abs(mfrd.grid(-3, 3, 50)) < 1
    probability = gaussian_problem().source.p[inside].sum()
    joint, subset = (
        mfrd.solve(gaussian_problem(f))
        for f in (
            mfrd.Fidelity(0.05, on=inside, name="core"),
            mfrd.Fidelity(0.05 / probability, on=inside, per="subset", name="core"),
        )
    )
    assert joint.rate == pytest.approx(subset.rate, abs=BITS)
    assert joint.prices["core"] == pytest.approx(subset.prices["core"] / probability, rel=1e-4)
    letters = mfrd.solve(gaussian_problem(mfrd.Fidelity(0.2, on=inside, per="letter", name="core")))
    each = letters.encoder.distortion(mfrd.squared_error)[inside]
    assert each.max() <= 0.2 * (1 + 1e-12) and letters.distortions["core"] == pytest.approx(each.max())


@given(st.integers(0, 10**6), st.sampled_from([1e-3, 7.0, 1e5]))
@settings(max_examples=8, deadline=None)
def test_permutation_translation_scale(seed, scale):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, k=2)
    order, codes, shift = rng.permutation(problem.n), rng.permutation(problem.m), rng.normal(size=2) * scale
    masks = [np.flatnonzero(f.mask(problem.n)[order]) for f in problem.fidelities]
    other = mfrd.Problem(
        mfrd.Source(problem.source.x[order] * scale + shift, problem.source.p[order]),
        problem.codebook[codes] * scale + shift,
        [mfrd.Fidelity(f.D * scale**2, on=on, name=f.name) for f, on in zip(problem.fidelities, masks)],
    )
    assert mfrd.solve(other).rate == pytest.approx(mfrd.solve(problem).rate, abs=2 * BITS)


def test_several_measures_in_one_problem():
    matrix = np.abs(np.subtract.outer(mfrd.grid(-3, 3, 50), mfrd.grid(-3, 3, 8))) ** 3
    fidelities = [
        mfrd.Fidelity(0.5),
        mfrd.Fidelity(0.5, distortion=mfrd.absolute_error, name="absolute"),
        mfrd.Fidelity(0.6, distortion=matrix, name="cubic"),
    ]
    solution = mfrd.solve(gaussian_problem(*fidelities))
    assert solution.gap < BITS
    assert all(solution.distortions[f.name] <= f.D * (1 + 1e-12) for f in fidelities)
    assert solution.rate >= max(mfrd.solve(gaussian_problem(f)).rate for f in fidelities) - BITS


def test_mahalanobis_is_squared_error_in_whitened_coordinates():
    rng = np.random.default_rng(3)
    x, y, C = rng.normal(size=(15, 2)), rng.normal(size=(6, 2)), np.array([[2.0, 0.7], [0.7, 0.5]])
    W = np.linalg.inv(np.linalg.cholesky(C)).T
    p = np.full(15, 1 / 15)
    rates = [
        mfrd.solve(mfrd.Problem(mfrd.Source(a, p), b, [mfrd.Fidelity(4.5, distortion=d)])).rate
        for a, b, d in ((x, y, mfrd.mahalanobis(C)), (x @ W, y @ W, mfrd.squared_error))
    ]
    assert rates[0] == pytest.approx(rates[1], abs=BITS)


def test_curve_is_convex_decreasing_and_marks_the_infeasible():
    problem, budgets = gaussian_problem(), np.linspace(0.03, 1.5, 25)
    curve = mfrd.rd_curve(problem, "global", budgets)
    status = [s.status for s in curve]
    assert len(curve) == 25 and status[0] == "infeasible" and np.isinf(curve[0].rate)
    assert all((s == "infeasible") == (D < problem.row_least[0]) for s, D in zip(status, budgets))
    rates = np.array([s.rate for s in curve if s.status == "optimal"])
    assert (np.diff(rates) <= BITS).all() and (np.diff(rates, 2) >= -3 * BITS).all()
    assert rates[10] == pytest.approx(mfrd.solve(curve[-len(rates) + 10].problem).rate, abs=2 * BITS)


def test_a_sweep_compiles_once(monkeypatch):
    from mfrd.solvers import conic

    compiled = []
    program = conic.DualProgram
    monkeypatch.setattr(conic, "DualProgram", lambda p: compiled.append(p) or program(p))
    mfrd.rd_curve(gaussian_problem(), "global", [0.3, 0.6, 0.9], solver="clarabel")
    assert len(compiled) == 1


@pytest.mark.parametrize("backend", ["clarabel", "newton", "blahut-arimoto"])
def test_a_solution_says_how_it_ended_and_what_it_cost(backend):
    problem = gaussian_problem()
    solution = mfrd.blahut_arimoto(problem) if backend == "blahut-arimoto" else mfrd.solve(problem, backend)
    assert solution.status is Status.OPTIMAL and solution.status == "optimal"
    stats = solution.stats
    assert stats.backend == solution.solver == backend and stats.attempts >= 1
    assert 3 < stats.iterations < 10**6 and 0 < stats.seconds < 60
    slow = replace(solution, stats=replace(stats, seconds=12345.678))
    assert "12345" not in repr(slow) + str(slow.summary()) + slow._repr_html_() and slow.summary() == solution.summary()


def test_an_entry_that_is_out_of_reach_says_so():
    (entry,) = mfrd.rd_curve(gaussian_problem(), "global", [1e-3], solver="newton")
    assert entry.status is Status.INFEASIBLE and entry.summary() == {"I_bits": None, "status": "infeasible"}
    assert entry.stats == Stats(backend="none") and entry.solver == "none"


def test_a_summary_keeps_the_power_of_ten_that_the_gap_lies_below():
    solution = mfrd.solve(gaussian_problem(), "newton")
    assert solution.summary()["gap_bits"] == 1e-8 >= solution.gap
    rough = mfrd.blahut_arimoto(gaussian_problem(), tol=1e-5)
    assert rough.gap <= rough.summary()["gap_bits"] <= max(10 * rough.gap, 1e-8)


@pytest.mark.parametrize(
    "gap, power", [(0.3, 1), (2e-3, 1e-2), (1e-6, 1e-6), (1.01e-6, 1e-5), (9e-7, 1e-6), (-1e-9, 1e-8)]
)
def test_decades(gap, power):
    assert decade(gap) == power
