"""Infinite distortion means never: erasures, one-sided errors, and certificates against the formula in rationals."""

import numpy as np
import pytest
from flint import arb, ctx
from helpers.exact import rational
from scipy.special import entr

import mfrd
from mfrd.solvers.feasibility import repair

INF = np.inf
SOLVERS = ["newton", "clarabel", "blahut"]
BIT = mfrd.Source([0.0, 1.0], [0.5, 0.5])


def solved(problem, solver):
    return mfrd.blahut_arimoto(problem) if solver == "blahut" else mfrd.solve(problem, solver)


def h(p):
    """Binary entropy, bits."""
    return (entr(p) + entr(1 - p)) / np.log(2)


def random_problem(seed, budgets=1, n=7, m=6, slack=0.3):
    """Letters, one of no probability, and budgets whose matrices forbid about a third of the pairs, not the last."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(n))
    p[0] = 0.0
    source, found = mfrd.Source(np.arange(n), p / p.sum()), []
    for k in range(budgets):
        d = rng.random((n, m))
        d[:, :-1][rng.random((n, m - 1)) < 0.3] = INF
        d[:, -1] = 1.5
        on = None if k == 0 else rng.random(n) < 0.6
        D = slack * 1.5 + (1 - slack) * 0.5
        options = dict(per="subset" if k else "joint", distortion=d, name=f"budget {k}")
        found.append(mfrd.Fidelity(D, on=on if k == 0 or on[1:].any() else [1], **options))
    return mfrd.Problem(source, np.arange(m), found)


def never(problem):
    """The pairs that budgets forbid, by the definition, (n, m)."""
    barred = np.zeros((problem.n, problem.m), bool)
    for f in problem.fidelities:
        barred |= np.isinf(f.distortion) & (f.mask(problem.n) & (problem.source.p > 0))[:, None]
    return barred


def exact_dual(problem, lam, a):
    """sum_i p_i a_i - lam . D - max_j log sum over allowed i of p_i exp(a_i - s_ij), a ball in bits."""
    barred, p = never(problem), [rational(v) for v in problem.source.p]
    total = sum(p, rational(0))
    p = [v / total for v in p]
    letters = [i for i, v in enumerate(p) if v]
    lam, a = [rational(v) for v in lam], [rational(v) for v in a]
    slope = []
    for f, price in zip(problem.fidelities, lam):
        on = f.mask(problem.n)
        share = sum((p[i] for i in letters if on[i]), rational(0)) if f.per == "subset" else rational(1)
        slope.append([price / share if on[i] else rational(0) for i in range(problem.n)])
    gain = sum((p[i] * a[i] for i in letters), rational(0))
    gain -= sum((v * rational(f.D) for v, f in zip(lam, problem.fidelities)), rational(0))
    with ctx.workprec(200):
        best = arb(0)
        for j in range(problem.m):
            mass = arb(0)
            for i in letters:
                if not barred[i, j]:
                    d = [
                        rational(f.distortion[i, j]) if s[i] else rational(0) for f, s in zip(problem.fidelities, slope)
                    ]
                    mass += arb(p[i]) * arb(a[i] - sum((s[i] * e for s, e in zip(slope, d)), rational(0))).exp()
            best = best.max(mass)
        return (arb(gain) - best.log()) / arb(2).log()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("D", [0.05, 0.3, 0.9])
def test_an_erasure_costs_what_is_not_erased(D, solver):
    d = [[0, INF, 1], [INF, 0, 1]]
    solution = solved(mfrd.Problem(BIT, [0.0, 1.0, 2.0], mfrd.Fidelity(D, distortion=d)), solver)
    assert solution.rate == pytest.approx(1 - D, abs=1e-6) and solution.gap <= 1e-6
    assert solution.lower_bound <= 1 - D + 1e-15
    assert solution.prices["global"] == pytest.approx(1, abs=1e-5)  # bits per erasure
    assert solution.encoder.Q[[0, 1], [1, 0]].tolist() == [0, 0]
    assert solution.distortions["global"] <= D * (1 + 1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("D", [0.01, 0.1, 0.25, 0.4])
def test_a_one_sided_error_has_its_closed_form(D, solver):
    problem = mfrd.Problem(BIT, [0.0, 1.0], mfrd.Fidelity(D, distortion=[[0, INF], [1, 0]]))
    solution = solved(problem, solver)
    assert solution.rate == pytest.approx(h(0.5 + D) - h(2 * D) / 2, abs=1e-6)
    assert solution.gap <= 1e-6
    slope = np.log2((0.5 + D) * (1 - 2 * D) / ((0.5 - D) * 2 * D))  # -dR/dD
    assert solution.prices["global"] == pytest.approx(slope, rel=1e-3)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_ends_of_a_one_sided_error(solver):
    rate = lambda D: solved(mfrd.Problem(BIT, [0.0, 1.0], mfrd.Fidelity(D, distortion=[[0, INF], [1, 0]])), solver).rate
    assert rate(0.0) == pytest.approx(1, abs=1e-9)  # on its least
    assert rate(0.5) == pytest.approx(0, abs=1e-6) and rate(7.0) == pytest.approx(0, abs=1e-6)


def test_never_of_three_forms_and_a_letter_s_own_budget():
    d = np.array([[0, INF], [1, 0]])
    rates = [
        mfrd.solve(mfrd.Problem(BIT, [0, 1], mfrd.Fidelity(D, on=on, per=per, distortion=d)), "newton").rate
        for D, on, per in ((0.1, None, "joint"), (0.1, None, "subset"), (0.2, [1], "letter"), (0.2, None, "letter"))
    ]
    # a budget on letter 1 alone leaves letter 0 free
    free = mfrd.solve(
        mfrd.Problem(BIT, [0, 1], mfrd.Fidelity(0.2, on=[1], per="letter", distortion=[[0, 0], [1, 0]])), "newton"
    )
    assert rates[0] == pytest.approx(rates[1], abs=1e-7) and rates[3] == pytest.approx(rates[0], abs=1e-7)
    assert rates[2] == pytest.approx(free.rate, abs=1e-7) and rates[2] < rates[0] - 0.1


@pytest.mark.parametrize("seed", range(6))
def test_backends_agree_and_use_no_forbidden_pair(seed):
    problem = random_problem(seed)
    barred, rates = never(problem), []
    assert barred.any() and np.array_equal(problem.never, barred)
    for solver in SOLVERS:
        solution = solved(problem, solver)
        rates.append(solution.rate)
        assert solution.gap <= 1e-6 and not solution.encoder.Q[barred].any()
        assert solution.distortions["budget 0"] <= problem.fidelities[0].D * (1 + 1e-12)
    assert np.ptp(rates) < 2e-6
    # a large finite distortion in place of the infinite ones is cheaper, by less and less
    finite = lambda B: mfrd.Fidelity(
        problem.fidelities[0].D, distortion=np.minimum(problem.fidelities[0].distortion, B)
    )
    below = [mfrd.solve(mfrd.Problem(problem.source, problem.codebook, finite(B)), "newton").rate for B in (1e2, 1e8)]
    assert below[0] - 1e-7 <= below[1] <= min(rates) + 1e-7 and below[1] > max(rates) - 1e-5


@pytest.mark.parametrize("seed", range(8))
def test_bounds_are_those_of_the_formula_without_the_forbidden_pairs(seed):
    problem, rng = random_problem(seed, budgets=1 + seed % 2), np.random.default_rng(seed)
    solution = mfrd.solve(problem, "newton")
    duals = [(solution.multipliers, solution.potentials)]
    duals += [(rng.exponential(size=len(problem.rows)), rng.normal(size=problem.n)) for _ in range(3)]
    for lam, a in duals:
        exact = exact_dual(problem, lam, a)
        found = mfrd.lower_bound(problem, lam, a)
        assert arb(found) <= exact.upper() and found == pytest.approx(float(exact), abs=1e-11)
    assert not solution.encoder.Q[never(problem)].any()


def test_two_measures_forbid_together():
    one, two = np.array([[0.0, INF, 1], [0, 0, 1]]), np.array([[INF, 0.0, 2], [0, 0, 2]])
    problem = mfrd.Problem(
        BIT, [0, 1, 2], [mfrd.Fidelity(0.6, distortion=one), mfrd.Fidelity(1.2, distortion=two, name="b")]
    )
    for solver in SOLVERS[:2]:
        solution = mfrd.solve(problem, solver)
        assert solution.encoder.Q[0].tolist() == [0, 0, 1]
        assert solution.distortions["global"] == pytest.approx(2 * solution.distortions["b"] / 4, abs=1e-9)
    with pytest.raises(mfrd.InfeasibleFidelity, match="not all together|b: budget"):
        mfrd.solve(problem.with_budget("b", 0.9), "newton")


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_letter_that_may_go_nowhere_is_infeasible_by_name(solver):
    d = [[0, INF], [INF, INF]]
    with pytest.raises(mfrd.InfeasibleFidelity, match=r"core: letter 1 \(1.0\) has infinite distortion from every"):
        solved(mfrd.Problem(BIT, [0.0, 1.0], mfrd.Fidelity(9.0, distortion=d, name="core")), solver)
    idle = mfrd.Fidelity(9.0, on=[0], distortion=d)  # which says nothing of letter 1
    assert solved(mfrd.Problem(BIT, [0.0, 1.0], idle), solver).rate == pytest.approx(0, abs=1e-6)
    dead = mfrd.Source([0.0, 1.0], [1.0, 0.0])
    assert solved(mfrd.Problem(dead, [0.0, 1.0], mfrd.Fidelity(9.0, distortion=d)), solver).rate == pytest.approx(
        0, abs=1e-6
    )


def test_a_letter_that_two_measures_leave_nowhere_is_infeasible_by_both_names():
    budgets = [
        mfrd.Fidelity(1.0, distortion=[[0, INF], [0, 0]], name="a"),
        mfrd.Fidelity(1.0, distortion=[[INF, 0], [0, 0]], name="b"),
    ]
    with pytest.raises(mfrd.InfeasibleFidelity, match="a, b: letter 0 .* infinite distortion from every") as error:
        mfrd.solve(mfrd.Problem(BIT, [0.0, 1.0], budgets), "newton")
    assert error.value.name == "a" and error.value.least == INF


@pytest.mark.parametrize("solver", SOLVERS)
def test_nothing_times_infinity_is_nothing(solver):
    rng = np.random.default_rng(3)
    source = mfrd.Source(np.arange(5), [0.3, 0.0, 0.2, 0.4, 0.1])
    d = rng.random((5, 4))
    wild = d.copy()
    wild[1], wild[4, :3] = INF, INF  # no probability; outside the subset
    rates = []
    for matrix in (d, wild):
        problem = mfrd.Problem(source, np.arange(4), mfrd.Fidelity(0.3, on=[0, 1, 2, 3], distortion=matrix))
        solution = solved(problem, solver)
        rates.append(solution.rate)
        assert np.isfinite(solution.distortions["subset"]) and solution.gap <= 1e-6
    assert rates[1] == pytest.approx(rates[0], abs=1e-6)


@pytest.mark.parametrize("wrong", [-INF, np.nan, -1.0])
@pytest.mark.parametrize("place", [(0, 1), (2, 0)], ids=["in", "out"])
def test_minus_infinity_and_nan_are_refused_wherever_they_stand(wrong, place):
    d = np.ones((3, 2))
    d[place] = wrong
    source = mfrd.Source([0, 1, 2], [0.5, 0.5, 0.0])
    said = f"distortion of letter {place[0]} and codeword {place[1]} is .*; expected numbers >= 0, infinite for a pair"
    for measure in (d, lambda x, y: d):
        with pytest.raises(ValueError, match=said):
            mfrd.solve(mfrd.Problem(source, [0, 1], mfrd.Fidelity(1.0, on=[0, 1], distortion=measure)), "newton")


def upwards(x, y):
    """Squared error, codewords below the letter forbidden."""
    e = y.T - x
    return np.where(e >= 0, e**2, INF)


def test_a_function_may_forbid_and_the_active_set_keeps_to_it():
    source = mfrd.bumps(mfrd.grid(-3, 3, 60), [1], [0], [1])
    problem = mfrd.Problem(source, mfrd.grid(-3, 3, 237), mfrd.Fidelity(0.2, distortion=upwards))
    solution = mfrd.solve(problem, "newton")
    assert solution.gap <= 1e-6 and not solution.encoder.Q[np.isinf(upwards(source.x, problem.y))].any()
    free = mfrd.solve(mfrd.Problem(source, problem.codebook, mfrd.Fidelity(0.2)), "newton")
    assert solution.rate > free.rate + 0.2
    curve = mfrd.rd_curve(problem, "global", [0.15, 0.2, 0.25], solver="newton")
    slope = (curve[0].rate - curve[2].rate) / 0.1
    assert solution.prices["global"] == pytest.approx(slope, rel=0.02)


def test_other_questions_keep_to_it_too():
    problem = mfrd.Problem(BIT, [0.0, 1.0], mfrd.Fidelity(0.1, distortion=[[0, INF], [1, 0]]))
    solution = mfrd.solve(problem, "newton")
    assert problem.least("global") == 0 and problem.most("global") == pytest.approx(0.5, abs=1e-5)
    at = mfrd.solve_at_prices(problem, {"global": solution.prices["global"]})
    assert at.rate == pytest.approx(solution.rate, abs=1e-5)
    assert mfrd.distortion_at_rate(problem, "global", solution.rate).distortions["global"] == pytest.approx(
        0.1, abs=1e-5
    )


def test_what_an_encoder_spends_counts_no_pair_that_it_does_not_use():
    d = np.array([[0, INF], [1, 0]])
    fidelity = mfrd.Fidelity(0.7, distortion=d)
    encoder = mfrd.Encoder(BIT, [0.0, 1.0], np.eye(2))
    assert encoder.distortion(d).tolist() == [0, 0]
    assert encoder.spent(mfrd.Problem(BIT, [0.0, 1.0], fidelity).rows).tolist() == [0]
    wrong = mfrd.Encoder(BIT, [0.0, 1.0], np.eye(2)[::-1])
    rows = mfrd.Problem(BIT, [0.0, 1.0], [fidelity, mfrd.Fidelity(0.7, on=[1], distortion=d, name="one")]).rows
    assert wrong.spent(rows).tolist() == [INF, 0.5]
    stream = mfrd.measure(mfrd.mixture([encoder], fidelity), np.array([0, 1, 1, 0]))
    assert stream.distortions == {"global": 0.0}


def test_a_letter_whose_every_share_is_forbidden_is_mended():
    problem = mfrd.Problem(BIT, [0.0, 1.0], mfrd.Fidelity(0.1, distortion=[[0, INF], [1, 0]]))
    Q, support = repair(problem, np.array([[1.0], [1.0]]), np.array([1]))
    assert support.tolist() == [0, 1] and Q.tolist() == [[1, 0], [0, 1]]
