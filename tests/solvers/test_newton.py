"""Newton's method: closed forms, the other solvers, invariants, and thousands of random problems."""

import subprocess
import sys

import numpy as np
import pytest
from helpers.cases import four_modes, gaussian_problem, random_problem, trimodal_source
from helpers.random_problems import problems
from hypothesis import HealthCheck, Phase, given, settings
from scipy.optimize import linprog

import mfrd
from mfrd.solvers import active_set

ROBUST = dict(
    deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck), derandomize=True, database=None
)


def newton(problem, **options):
    return mfrd.solve(problem, "newton", **options)


def overshoot(solution):
    """The largest relative violation of a budget."""
    p = solution.problem
    return max((solution.distortions[f.name] - f.D) / max(f.D, 1e-12 * p.scale[0]) for f in p.fidelities)


def joint_shortfall(problem):
    """min over encoders of the largest excess over a budget, in typical distortions, by one linear program."""
    w, g = problem.rows.weights, problem.rows.measure
    n, m, R = problem.n, problem.m, len(w)
    cost = np.array([(w[r] * problem.source.p)[:, None] * problem.distortion(g[r]) for r in range(R)])
    unit = problem.scale[g] * (w @ problem.source.p)
    A = np.column_stack([cost.reshape(R, -1) / unit[:, None], -np.ones(R)])
    rows = np.kron(np.eye(n), np.ones(m))
    answer = linprog(
        np.append(np.zeros(n * m), 1.0),
        A_ub=A,
        b_ub=problem.rows.D / unit,
        A_eq=np.column_stack([rows, np.zeros(n)]),
        b_eq=np.ones(n),
        bounds=[(0, None)] * (n * m) + [(None, None)],
    )
    return answer.fun


@pytest.mark.parametrize("part", range(2))  # two workers
def test_every_problem_ends_certified_or_in_the_right_error(part):
    seen = {"optimal": 0, "infeasible": 0}

    @settings(max_examples=1000, **ROBUST)
    @given(problems(scales=[(-6, 0), (0, 6)][part]))
    def survive(problem):
        try:
            solution = newton(problem, tol=1e-7)
        except mfrd.InfeasibleFidelity:
            seen["infeasible"] += 1
            assert (problem.rows.D < problem.row_least).any() or joint_shortfall(problem) > -1e-7
            return
        seen["optimal"] += 1
        assert -1e-12 <= solution.gap <= 1e-7
        assert overshoot(solution) <= 1e-12

    survive()
    assert seen["optimal"] > 500 and seen["infeasible"] > 10


def test_newton_and_clarabel_agree_within_their_gaps():
    seen = {"compared": 0, "refused by both": 0, "Clarabel gave up": 0}

    @settings(max_examples=25, **ROBUST)
    @given(problems(most=12, scales=(-1, 1)))
    def agree(problem):
        try:
            ours = newton(problem)
        except mfrd.InfeasibleFidelity:
            with pytest.raises(mfrd.InfeasibleFidelity):
                mfrd.solve(problem, "clarabel", tol=1e-5)
            seen["refused by both"] += 1
            return
        try:
            theirs = mfrd.solve(problem, "clarabel", tol=1e-5)
        except mfrd.NotCertified:  # Clarabel may give up; Newton may not
            seen["Clarabel gave up"] += 1
            return
        assert ours.lower_bound <= theirs.rate + 1e-12 and theirs.lower_bound <= ours.rate + 1e-12
        seen["compared"] += 1

    agree()
    assert seen["compared"] >= 20, seen


@pytest.mark.parametrize(
    "problem",
    [
        gaussian_problem(),
        four_modes(8, 1),
        four_modes(4, 0.1),
        mfrd.Problem(trimodal_source(), mfrd.grid(-8, 8, 64), [mfrd.Fidelity(0.6)]),
        mfrd.Problem(
            trimodal_source(),
            mfrd.grid(-8, 8, 64),
            [mfrd.Fidelity(0.6), mfrd.Fidelity(0.02, on=abs(mfrd.grid(-8, 8, 100)) < 1)],
        ),
    ],
)
def test_the_reports_problems_to_nine_digits(problem):
    solution = newton(problem)
    assert 0 <= solution.gap + 1e-14 and solution.gap <= 1e-9 and overshoot(solution) <= 1e-12


@pytest.mark.parametrize("seed", range(8))
def test_price_is_the_slope_of_the_rate(seed):
    problem = random_problem(np.random.default_rng(seed), n=20, m=15, subsets=2)
    solution = newton(problem)
    for f in problem.fidelities:
        h = 1e-4 * f.D
        up, down = (newton(problem.with_budget(f.name, f.D + e)).rate for e in (h, -h))
        assert solution.prices[f.name] * f.D == pytest.approx((down - up) / 2e-4, abs=2e-5, rel=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_rate_ignores_order_origin_and_unit(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, n=20, m=15, k=2, subsets=2)
    s, y, f = problem.source, problem.y, problem.fidelities
    rate = newton(problem).rate
    i, j = rng.permutation(problem.n), rng.permutation(problem.m)
    moved = [mfrd.Fidelity(g.D, on=g.mask(problem.n)[i], name=g.name) for g in f]
    permuted = mfrd.Problem(mfrd.Source(s.x[i], s.p[i]), y[j], moved)
    translated = mfrd.Problem(mfrd.Source(s.x + 64.0, s.p), y + 64.0, f)
    c = 10.0 ** rng.uniform(-6, 6)
    scaled = mfrd.Problem(
        mfrd.Source(s.x * c, s.p), y * c, [mfrd.Fidelity(g.D * c**2, on=g.on, name=g.name) for g in f]
    )
    for other in (permuted, translated, scaled):
        assert newton(other).rate == pytest.approx(rate, abs=1e-9)


def test_the_active_set_ends_where_all_codewords_do(monkeypatch):
    source = mfrd.bumps(mfrd.grid(-4, 4, 300), [1, 0.5], [0, 2], [1, 0.3])
    core = mfrd.Fidelity(0.02, on=abs(source.points - 2) < 0.5, per="subset")
    problem = mfrd.Problem(source, mfrd.grid(-4, 4, 700), [mfrd.Fidelity(0.05), core])
    few = newton(problem)
    assert few.encoder.columns.shape[1] < 200  # only what is used is stored
    monkeypatch.setattr(active_set, "FEW", 10**6)
    everything = newton(problem)
    assert few.gap <= 1e-9 and everything.gap <= 1e-9
    assert few.rate == pytest.approx(everything.rate, abs=1e-9)


def test_large_codebooks_need_no_large_matrix():
    import tracemalloc

    source = mfrd.bumps(mfrd.grid(-3, 3, 32, 2), [1], [[0, 0]], [1])
    problem = mfrd.Problem(source, mfrd.grid(-3, 3, 32, 2), [mfrd.Fidelity(0.5)])
    tracemalloc.start()
    solution = newton(problem)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert solution.gap <= 1e-8
    assert peak < 5 * 8 * problem.n * problem.m  # a dense method holds several (n, m) matrices and an (m, m) one


def test_a_sweep_gives_what_each_budget_alone_gives():
    problem = gaussian_problem(mfrd.Fidelity(1.0), mfrd.Fidelity(0.02, on=range(24, 26), name="core"))
    D = [0.01, *np.linspace(0.07, 1.5, 12)]
    curve = mfrd.rd_curve(problem, "global", D, solver="newton")
    assert curve[0].status == "infeasible" and curve[0].rate == np.inf
    for solution, budget in zip(curve[1:], D[1:]):
        assert solution.rate == pytest.approx(newton(problem.with_budget("global", budget)).rate, abs=2e-9)
        assert solution.gap <= 1e-9


def test_rate_zero_and_least_budgets():
    assert newton(gaussian_problem(mfrd.Fidelity(5.0))).rate == pytest.approx(0, abs=1e-12)
    one = mfrd.Problem(trimodal_source(), [0.3], [mfrd.Fidelity(100.0)])
    assert newton(one).rate == pytest.approx(0, abs=1e-12) and newton(one).prices["global"] == 0
    problem = gaussian_problem(mfrd.Fidelity(1.0))
    edge = newton(problem.with_budget("global", np.nextafter(problem.row_least[0], 0)))
    assert edge.on_edge == ("global",)
    assert edge.gap <= 1e-9 and edge.prices["global"] == np.inf
    with pytest.raises(mfrd.InfeasibleFidelity, match="global"):
        newton(problem.with_budget("global", 0.99 * problem.row_least[0]))


def test_solving_does_not_import_a_conic_modeller():
    code = (
        "import sys, mfrd; x = mfrd.grid(-3, 3, 20); s = mfrd.bumps(x, [1], [0], [1]);"
        "mfrd.solve(mfrd.Problem(s, x[::4], mfrd.Fidelity(0.6)), 'newton');"
        "print({'cvxpy', 'pandas', 'joblib'} & {*sys.modules})"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_newton_is_the_last_resort_of_auto():
    assert mfrd.backends("auto")[-1] == "newton"


@pytest.mark.parametrize("D", [0.0612, 0.1, 0.6, 0.95, 3.0])
def test_blahut_arimoto_agrees(D):
    ba, ours = (
        mfrd.blahut_arimoto(gaussian_problem(mfrd.Fidelity(D)), tol=1e-7),
        newton(gaussian_problem(mfrd.Fidelity(D))),
    )
    assert ba.solver == "blahut-arimoto" and -1e-12 <= ba.gap <= 1e-7 and overshoot(ba) <= 1e-12
    assert ba.lower_bound <= ours.rate + 1e-12 and ours.lower_bound <= ba.rate + 1e-12


def test_blahut_arimoto_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="2 budget rows"):
        mfrd.blahut_arimoto(four_modes(8, 1))
    with pytest.raises(mfrd.NotCertified, match="max_iterations"):
        mfrd.blahut_arimoto(gaussian_problem(), max_iterations=5)
    problem = gaussian_problem(mfrd.Fidelity(1.0))
    assert mfrd.blahut_arimoto(problem.with_budget("global", problem.row_least[0])).gap <= 1e-7


def test_budgets_far_below_the_unit_that_contradict_each_other_are_infeasible():
    """One letter must be exact in one measure and nearest in another, on other codewords, at distortions of 1e-9."""
    source = mfrd.Source([6.7e-5, 0.0], [1.0, 0.0])
    other = np.array([[4e-7, 4e-6], [1e-6, 1e-6]])
    problem = mfrd.Problem(
        source, [0.0, 6.7e-5], [mfrd.Fidelity(0.0), mfrd.Fidelity(4.0004e-7, distortion=other, name="other")]
    )
    with pytest.raises(mfrd.InfeasibleFidelity, match="not all together"):
        newton(problem)


def test_a_letter_of_no_weight_and_great_distortion_does_not_defeat_the_feasibility_check():
    source = mfrd.Source([0.0, 1.0, 2.0], [1 - 1e-20, 1e-20, 0.0])
    wide = np.array([[1e-6, 2e-6], [3e14, 4e14], [1.0, 1.0]])
    problem = mfrd.Problem(
        source,
        [0.0, 1.0],
        [
            mfrd.Fidelity(0.0, per="letter", on=[0]),
            mfrd.Fidelity(4e14, per="letter", distortion=wide, name="wide"),
            mfrd.Fidelity(1.9e-6, on=[0], distortion=wide[:, ::-1].copy(), name="reversed"),
        ],
    )
    with pytest.raises(mfrd.InfeasibleFidelity, match="not all together"):
        newton(problem)
