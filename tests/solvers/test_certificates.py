"""Certificates, judged exactly: what a bound says holds of the problem as given, and so do budgets and refusals."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb
from helpers.exact import Exact, Shortfall, exceeded, faults, judge, nearest_float, rational
from helpers.hard_problems import hard_problems
from scipy.optimize import linprog

import mfrd
from mfrd.solvers import feasibility

SOLVERS = ("newton", "clarabel")
BITS = 1 / arb(2).log()


def h(t):
    """The binary entropy of a float, a ball in bits."""
    t = arb(t)
    return -(t * t.log() + (1 - t) * (1 - t).log()) * BITS


def shifted(c, slack):
    """A coin at Hamming distortion and budget `slack`, both plus c: (problem, its rate as a ball)."""
    problem = mfrd.Problem(
        mfrd.Source([0, 1], [0.75, 0.25]), [0, 1], mfrd.Fidelity(c + slack, distortion=1 - np.eye(2) + c)
    )
    return problem, h(0.25) - h(c + slack - c)


def two_measures(d1, D1, d2, D2, p=(1.0,)):
    budgets = [mfrd.Fidelity(D1, distortion=d1, name="first"), mfrd.Fidelity(D2, distortion=d2, name="second")]
    return mfrd.Problem(mfrd.Source(np.arange(len(p)), p), np.arange(np.shape(d1)[1]), budgets)


# --- the checker itself ----------------------------------------------------------------------


def test_the_dual_formula_has_its_closed_form_at_the_optimum():
    problem, rate = shifted(0.0, 0.125)
    lam = np.log(7.0)  # ln((1 - D) / D)
    q = np.array([0.75 - 0.125, 0.25 - 0.125]) / 0.75  # p = (1 - D) q + D (1 - q)
    a = -np.log([q[0] + q[1] / 7, q[0] / 7 + q[1]])
    ball = Exact(problem).dual([lam], a)
    assert abs(nearest_float(ball - rate)) < 1e-15 and ball.rad() < arb(1e-100)


def test_what_is_large_cancels_in_rationals():
    problem = mfrd.Problem(
        mfrd.Source(np.arange(4), [0.25] * 4), [0.0], mfrd.Fidelity(1e6, distortion=np.full((4, 1), 1e6))
    )
    assert Exact(problem).dual([1e10], np.full(4, 1e16)).upper() == 0


def test_subsets_and_letters_are_divided_by_their_probability_in_rationals():
    source = mfrd.Source([0.0, 1.0, 2.0], [0.1, 0.2, 0.7])
    on = [True, True, False]
    problem = mfrd.Problem(
        source,
        [0.0, 1.0],
        [mfrd.Fidelity(0.1, on=on, per="subset"), mfrd.Fidelity(2, per="letter", name="own", on=[1, 2])],
    )
    exact = Exact(problem)
    total = sum(map(rational, source.pmf))
    p = [rational(value) / total for value in source.pmf]
    assert exact.rows[0].v == {0: p[0] / (p[0] + p[1]), 1: p[1] / (p[0] + p[1])}
    assert [row.v for row in exact.rows[1:]] == [{1: 1}, {2: 1}]
    assert exact.slack == [rational(0.1), 2, 1]


@pytest.mark.parametrize("seed", range(40))
def test_the_rational_simplex_agrees_with_a_linear_program_in_floats(seed):
    rng = np.random.default_rng(seed)
    n, m, G = rng.integers(1, 6), rng.integers(1, 6), rng.integers(2, 4)
    d, p = rng.random((G, n, m)), rng.dirichlet(np.ones(n))
    D = np.array([rng.uniform(0.8, 1.6) * (p @ each.min(axis=1)) for each in d])
    problem = mfrd.Problem(
        mfrd.Source(np.arange(n), p),
        np.arange(m),
        [mfrd.Fidelity(b, distortion=each, name=f"{k}") for k, (b, each) in enumerate(zip(D, d))],
    )
    exact, units = Exact(problem), [rational(0.5 + k) for k in range(G)]
    program = Shortfall(exact, range(G), units, exact.all_pairs)
    cost, rows = (p[:, None] * d).reshape(G, -1), np.kron(np.eye(n), np.ones(m))
    direct = linprog(
        np.append(np.zeros(n * m), 1.0),
        A_ub=np.column_stack([cost, -(0.5 + np.arange(G))]),
        b_ub=D,
        A_eq=np.column_stack([rows, np.zeros(n)]),
        b_eq=np.ones(n),
        bounds=[(0, None)] * (n * m) + [(None, None)],
    )
    assert nearest_float(program.excess) == pytest.approx(direct.fun, abs=1e-9)
    Q = program.encoder()
    assert all(sum(row) == 1 and min(row) >= 0 for row in Q)
    assert max((E - b) / u for E, b, u in zip(exact.spent(Q), exact.D, units)) == program.excess
    assert (exact.verdict == "infeasible") == (program.excess > 0) and (exact.interior is None) == (program.excess > 0)
    others = linprog(cost[0], A_ub=cost[1:], b_ub=D[1:], A_eq=rows, b_eq=np.ones(n))
    least = exact.least(0)
    assert (least is None) == (not others.success)
    assert least is None or nearest_float(least) == pytest.approx(others.fun, abs=1e-9)


def test_the_checker_s_own_encoder_keeps_the_budgets_at_nearly_the_least_rate():
    """Its rate is within 1e-5 bits of a dual value nine times in ten, so that `above` sees what is false by more."""
    near = []
    for _, problem in hard_problems(7, 60):
        exact = Exact(problem)
        if exact.verdict != "feasible":
            assert exact.witness is None
            continue
        try:
            solution = mfrd.solve(problem, "newton")
        except (mfrd.NotCertified, mfrd.InfeasibleFidelity):
            continue
        proven = exact.dual(solution.multipliers, solution.potentials)
        assert not exact.witness < proven
        near.append(nearest_float(exact.witness - proven.max(arb(0))))
    assert len(near) > 30 and np.quantile(near, 0.9) < 1e-5


def test_every_fault_is_seen():
    problem, rate = shifted(0.0, 0.125)
    solution, exact = mfrd.solve(problem, "newton"), Exact(problem)
    told = lambda **values: SimpleNamespace(  # what a wrong answer would say
        **{
            "lower_bound": solution.lower_bound - 1e-9,
            "encoder": solution.encoder,
            "multipliers": solution.multipliers,
            "potentials": solution.potentials,
            **values,
        }
    )
    assert faults(exact, told()) == {}
    too_high = faults(exact, told(lower_bound=nearest_float(rate) + 1e-6))
    assert too_high["false"] == pytest.approx(1e-6, rel=1e-2) and 0 < too_high["above"] < 1.01e-6
    assert "false" in faults(exact, told(multipliers=solution.multipliers * (1 + 1e-3)))
    Q = solution.encoder.Q + 1e-9 * np.array([[-1, 1], [1, -1]])
    assert faults(exact, told(encoder=SimpleNamespace(Q=Q)))["over"] == {"global": pytest.approx(1e-9, rel=0.1)}
    below = mfrd.Problem(problem.source, [0, 1], mfrd.Fidelity(1e6, distortion=1 - np.eye(2) + 1e6 + 1e-7))
    assert "answered" in faults(Exact(below), told(lower_bound=0.0))


def test_a_refusal_of_what_is_feasible_and_an_exception_are_faults(monkeypatch):
    problem, _ = shifted(0.0, 0.125)

    def raising(error):
        def solve(*_, **__):
            raise error

        return solve

    monkeypatch.setattr(mfrd, "solve", raising(mfrd.InfeasibleFidelity("no", "global", 1.0, 2.0)))
    assert judge(problem).faults == {"refused": "no"}
    assert judge(problem.with_budget("global", 0.0)).faults == {"refused": "no"}
    monkeypatch.setattr(mfrd, "solve", raising(TypeError("x is None")))
    assert judge(problem).faults == {"crash": "TypeError: x is None"}
    monkeypatch.setattr(mfrd, "solve", raising(mfrd.NotCertified("no")))
    assert judge(problem).outcome == "not certified"


@pytest.mark.parametrize("ulps, verdict", [(1, "feasible"), (0, "feasible"), (-6, "edge"), (-7, "infeasible")])
def test_a_budget_within_rounding_of_its_least_is_on_the_edge(ulps, verdict):
    D = 1e6 + ulps * np.spacing(1e6)
    problem = mfrd.Problem(mfrd.Source([0, 1], [0.5, 0.5]), [0, 1], mfrd.Fidelity(D, distortion=1e6 + 1.0 - np.eye(2)))
    exact = Exact(problem)
    assert exact.verdict == verdict  # n + 4 = 6
    if verdict in ("feasible", "edge"):
        spends = lambda excess: exceeded(exact, np.eye(2) * (1 - 2 * excess) + excess)
        allowed = max(ulps, 0) + 4
        assert not spends((allowed - 0.5) * np.spacing(1e6)) and spends((allowed + 0.5) * np.spacing(1e6))


# --- what has gone wrong before --------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("c, slack", [(0.0, 5e-6), (1e6, 5e-6), (1e7, 9e-5), (1e8, 5e-4)])
def test_an_offset_of_distortion_and_budget_changes_nothing(c, slack, solver):
    problem, rate = shifted(c, slack)
    assert judge(problem, solver).faults == {}
    solution = mfrd.solve(problem, solver)
    assert solution.lower_bound <= rate < solution.rate + 1e-12 and solution.gap <= 1e-6


def test_potentials_that_cancel_an_offset_prove_nothing():
    problem = mfrd.Problem(
        mfrd.Source(np.arange(4), [0.25] * 4), [0.0], mfrd.Fidelity(1e6, distortion=np.full((4, 1), 1e6))
    )
    assert mfrd.lower_bound(problem, [1e10], np.full(4, 1e16)) <= 0


ONE_OUTLIER = mfrd.Problem(mfrd.Source([0, 1, 1e3], [0.5, 0.499, 0.001]), [0, 1], mfrd.Fidelity(998.0010000089819))
OFFSET_SUBSET = mfrd.Problem(
    mfrd.Source([0, 1], [0.24, 0.76]),
    [0, 1, 2],
    mfrd.Fidelity(1e6, on=[0], per="subset", distortion=[[1e6, 1e6 + 0.5, 1e6 + 0.2], [1, 2, 3]]),
)
LAST_CODEWORD = two_measures([[1001, 1000, 1000.000000002]], 1000.0000000020001, [[0, 1, 0]], 0)
HIDDEN_ROOM = two_measures([[8388609.125, 8388608.25, 8388608.5]], 8388608.5, [[7, 8, 7]], 7)
BOTH_EDGES = two_measures(
    [[0, 0, 1e10], [0, 1, 2e6]],
    0.712106076584675,
    [
        [127183.22207542343, 238300.69555842836, 0.53024219320558941],
        [863183739.95269096, 0.026542375811811181, 0.72694262119754383],
    ],
    36615.295696883346,
    p=[0.28789392341532516, 0.712106076584675],
)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "problem, rate",
    [(OFFSET_SUBSET, 0.0), (ONE_OUTLIER, 0.99999975), (LAST_CODEWORD, 0.0), (HIDDEN_ROOM, 0.0), (BOTH_EDGES, None)],
    ids=["offset-subset", "one-outlier", "last-codeword", "hidden-room", "both-edges"],
)
def test_a_feasible_problem_is_answered_without_a_fault(problem, rate, solver):
    exact, judgement = Exact(problem), judge(problem, solver)
    assert exact.verdict == "feasible"
    assert judgement.outcome == "optimal" and judgement.faults == {}
    if rate is not None:
        assert mfrd.solve(problem, solver).rate == pytest.approx(rate, abs=1e-8)
    if problem is LAST_CODEWORD or problem is HIDDEN_ROOM:
        assert mfrd.solve(problem, solver).encoder.Q[0, 2] == 1


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "problem",
    [
        mfrd.Problem(mfrd.Source([0], [1]), [0], mfrd.Fidelity(1 - 9e-12, distortion=[[1]])),
        two_measures([[1, 1e-6, 0]], 0.5, [[0, 1e-3, 1e16]], 1e-4),
    ],
    ids=["nine-in-1e12", "huge-entry"],
)
def test_what_is_out_of_reach_is_refused(problem, solver):
    assert Exact(problem).verdict == "infeasible"
    with pytest.raises(mfrd.InfeasibleFidelity):
        mfrd.solve(problem, solver)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_price_at_a_tiny_budget_is_the_slope(solver):
    """R(D) = H(p) - h(D) - D log2(m - 1) at small D (Shannon 1959), so -R'(D) = log2((1 - D) / D) + log2(m - 1)."""
    problem = mfrd.Problem(
        mfrd.Source([0, 1, 2], [0.2, 0.3, 0.5]), [0, 1, 2], mfrd.Fidelity(1e-12, distortion=mfrd.hamming)
    )
    assert mfrd.solve(problem, solver).prices["global"] == pytest.approx(np.log2(2 * (1 - 1e-12) / 1e-12), rel=1e-2)


@pytest.mark.parametrize("status", [1, 3, 4])
def test_a_linear_program_that_ends_without_an_answer_is_named(monkeypatch, status):
    nothing = SimpleNamespace(x=None, fun=None, status=status, message="no x", success=False, ineqlin=None)
    monkeypatch.setattr(feasibility, "linprog", lambda *_, **__: nothing)
    d = np.random.default_rng(0).random((2, 3, 3))
    problem = two_measures(d[0], 0.5, d[1], 0.5, p=[0.2, 0.3, 0.5])
    with pytest.raises(mfrd.NotCertified, match="linear program"):
        mfrd.solve(problem, "clarabel")


# --- many hard problems ----------------------------------------------------------------------


@pytest.mark.parametrize("part", range(10))
def test_hard_problems_are_answered_without_a_fault(part):
    seen = hard(1000 + part, 1000, "newton")
    assert seen["optimal"] > 750 and seen["infeasible"] > 50


@pytest.mark.parametrize("part", range(2))
def test_hard_problems_are_answered_without_a_fault_by_clarabel(part):
    seen = hard(1000 + part, 750, "clarabel")
    assert seen["optimal"] > 450 and seen["infeasible"] > 35


def hard(seed, count, solver):
    """How many of the hard problems of one seed came to each outcome; an AssertionError where any has a fault."""
    seen, found = Counter(), {}
    for index, problem in hard_problems(seed, count):
        judgement = judge(problem, solver)
        seen[judgement.outcome] += 1
        if judgement.faults:
            found[index] = judgement.faults
    assert found == {}
    return seen


def test_any_multipliers_and_potentials_bound_from_below():
    """Numbers that no solver proposed, of any size: never above the formula in balls, and near where none cancel."""
    near = []
    for index, problem in hard_problems(2, 400):
        rng = np.random.default_rng(index)
        lam = rng.random(len(problem.rows)) * 10.0 ** rng.uniform(-6, 10, len(problem.rows))
        lam *= rng.random(len(lam)) < 0.8
        a = rng.normal(size=problem.n) * 10.0 ** rng.uniform(-3, 16)
        with np.errstate(over="ignore", invalid="ignore"):
            kind = rng.integers(3)
            if kind:  # of the size that solvers propose, or such that all that is large cancels in one codeword
                a = problem.offset(lam) + rng.normal(size=problem.n) * (kind == 1)
            if kind == 2:
                a = a + problem.exponents(lam)[:, rng.integers(problem.m)]
        if not np.isfinite(a).all():
            continue
        value, ball = mfrd.lower_bound(problem, lam, a), Exact(problem).dual(lam, a)
        assert not np.isnan(value) and not arb(value) > ball, index
        size = max(1.0, abs(nearest_float(ball)), float(abs(a).max()))
        near.append(nearest_float(ball - arb(value)) / size)
    assert len(near) > 300 and np.quantile(near, 0.9) < 1e-13


def test_a_tangent_below_zero_is_not_lifted_to_zero():
    """Prices that prove less than nothing of R(D) prove no more of D(R) than the least budget, or what is true."""
    spoilt = 0
    for index, problem in hard_problems(5, 150):
        try:
            solution = mfrd.solve(problem, "newton")
        except (mfrd.NotCertified, mfrd.InfeasibleFidelity):
            continue
        factor = 10.0 ** np.random.default_rng(index).uniform(-1, 6)
        wrong = replace(solution, multipliers=factor * (solution.multipliers + 1 / problem.units))
        if solution.on_edge or wrong.certificate >= 0:
            continue
        spoilt += 1
        assert wrong.lower_bound == 0
        for name, bound in wrong.distortion_bounds.items():
            own = np.flatnonzero(np.array(problem.rows.names) == name)
            if solution.rate == 0:  # no bits: one codeword for all letters, or a mixture of such
                exact = Exact(problem)
                alone = [exact.spent(exact.deterministic([j] * problem.n)) for j in range(problem.m)]
                assert rational(bound) <= max(min(spent[r] for spent in alone) for r in own), index
            elif bound > problem.row_least[own].max():
                ball = Exact(problem.with_budget(name, bound)).dual(wrong.multipliers, wrong.potentials)
                assert not arb(solution.rate) > ball, index
    assert spoilt > 50


def test_slack_is_exact_but_for_the_last_rounding_up():
    for index, problem in hard_problems(3, 200):
        exact = Exact(problem)
        for value, truth in zip(problem.slack_up, exact.slack):
            assert rational(value) >= truth, index
            assert rational(np.nextafter(np.nextafter(value, -np.inf), -np.inf)) < truth, index
