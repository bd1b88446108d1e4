"""The optimum at given prices, D(R), and useful budgets: closed forms, other ways to the same, invariants."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.cases import core_problem, entropy, gaussian_problem, hamming_problem, mixed_problem, random_problem
from scipy.optimize import brentq, linprog

import mfrd
from mfrd.solvers import face, inverse, tangent

LOW, HIGH = 0.3, 0.7


def newton(problem):
    return mfrd.solve(problem, "newton")


def binary(p=LOW, D=0.05):
    return hamming_problem([p, 1 - p], D)[0]


# --- at given prices -------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.5, LOW, 0.1])
@pytest.mark.parametrize("price", [1e-3, 0.7, 2.0, 8.0, 40.0])
def test_a_price_of_two_letters_is_the_slope_of_h(p, price):
    """R = h(p) - h(D) has the slope -log2((1 - D) / D) up to D = p, where it ends in a kink."""
    answer = mfrd.solve_at_prices(binary(p), {"global": price})
    D = min(1 / (1 + 2.0**price), p)
    assert answer.distortions["global"] == pytest.approx(D, rel=1e-7, abs=1e-11)
    assert answer.rate == pytest.approx(entropy([p, 1 - p]) - entropy([D, 1 - D]), abs=1e-9)
    assert answer.prices == {"global": price} and abs(answer.gap) < 1e-9 and answer.given == ("global",)
    assert answer.ranges["global"] == pytest.approx((D, D), rel=1e-7, abs=1e-11)


def test_prices_give_back_the_encoder_that_has_them():
    held = newton(core_problem())
    assert min(held.prices.values()) > 0.1
    for names in (("global", "core"), ("global",), ("core",)):  # the others keep their budgets
        answer = mfrd.solve_at_prices(held.problem, {name: held.prices[name] for name in names})
        assert answer.rate == pytest.approx(held.rate, abs=1e-8) and abs(answer.gap) < 1e-9
        for name in held.prices:
            assert answer.distortions[name] == pytest.approx(held.distortions[name], rel=1e-6)
            assert answer.prices[name] == pytest.approx(held.prices[name], rel=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_no_encoder_at_other_budgets_lies_below_the_tangent(seed):
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, n=10, m=6)
    prices = {f.name: float(rng.exponential() / problem.least(f.name)) for f in problem.fidelities}
    answer = mfrd.solve_at_prices(problem, prices)
    height = lambda s: s.rate + sum(prices[name] * s.distortions[name] for name in prices)
    assert abs(answer.gap) < 1e-8
    for _ in range(5):
        other = problem
        for name, D in answer.distortions.items():
            other = other.with_budget(name, D * rng.uniform(0.7, 1.5))
        try:
            found = newton(other)
        except mfrd.InfeasibleFidelity:
            continue
        assert height(found) >= height(answer) - 1e-9
    again = newton(answer.problem)
    assert again.rate == pytest.approx(answer.rate, abs=1e-8)


def test_several_measures_and_a_large_codebook():
    rng = np.random.default_rng(4)
    problem = mixed_problem(rng, ["squared joint", "absolute subset"], n=40, m=200)
    answer = mfrd.solve_at_prices(problem, {"budget 0": 1.5, "budget 1": 0.5})
    assert abs(answer.gap) < 1e-8 and newton(answer.problem).rate == pytest.approx(answer.rate, abs=1e-7)


def test_a_rate_straight_over_an_interval_is_told_with_both_ends():
    """A pair of letters, for which R is 1 - h(D), and a third codeword that serves both at 0.3 and no bits.

    R is the lower hull of the two: a straight line from the point of the curve whose tangent goes through (0.3, 0).
    """
    d = np.array([[0.0, 1.0, 0.3], [1.0, 0.0, 0.3]])
    problem = mfrd.Problem(mfrd.Source([0, 1], [0.5, 0.5]), np.arange(3), mfrd.Fidelity(0.1, distortion=d))
    line = lambda D: (1 - entropy([D, 1 - D])) / (0.3 - D) - np.log2((1 - D) / D)
    low = brentq(line, 1e-6, 0.2)
    price = np.log2((1 - low) / low)
    answer = mfrd.solve_at_prices(problem, {"global": price})
    assert answer.ranges["global"] == pytest.approx((low, 0.3), abs=1e-6)
    for D in np.linspace(low, 0.3, 5)[1:-1]:
        inside = newton(problem.with_budget("global", D))
        assert inside.prices["global"] == pytest.approx(price, rel=1e-6)
        assert inside.ranges["global"] == pytest.approx((low, 0.3), abs=1e-5)
    steeper = mfrd.solve_at_prices(problem, {"global": 1.01 * price})
    assert steeper.ranges["global"][1] < low and np.ptp(steeper.ranges["global"]) == 0


def test_erasure_is_one_straight_line_and_forbidden_pairs_stay_forbidden():
    """R = 1 - D bits of a fair coin whose letters are never taken for each other."""
    d = np.array([[0, np.inf, 1], [np.inf, 0, 1]])
    problem = mfrd.Problem(mfrd.Source([0, 1], [0.5, 0.5]), np.arange(3), mfrd.Fidelity(0.3, distortion=d))
    assert newton(problem).ranges["global"] == pytest.approx((0, 1), abs=1e-9)
    assert mfrd.solve_at_prices(problem, {"global": 1.0}).ranges["global"] == pytest.approx((0, 1), abs=1e-9)
    assert mfrd.solve_at_prices(problem, {"global": 0.9}).ranges["global"] == pytest.approx((1, 1))
    assert mfrd.solve_at_prices(problem, {"global": 1.1}).ranges["global"] == pytest.approx((0, 0), abs=1e-12)
    assert (problem.least("global"), problem.most("global")) == pytest.approx((0, 1))
    found = mfrd.distortion_at_rate(problem, "global", 0.7)
    assert found.distortions["global"] == pytest.approx(0.3, abs=1e-9)
    assert found.distortion_bounds["global"] <= 0.3
    assert (found.encoder.Q[np.isinf(d)] == 0).all()


def test_an_end_of_a_range_that_no_optimal_encoder_reaches_is_not_told(monkeypatch):
    assert np.ptp(newton(gaussian_problem(m=40)).ranges["global"]) < 1e-6  # codewords that are nearly dependent
    solution = newton(core_problem())
    monkeypatch.setattr(face, "DEPENDENT", 1.1)  # any trade of masses, also one that letters see
    assert {name: np.ptp(ends) for name, ends in replace(solution).ranges.items()} == {"global": 0, "core": 0}


def test_at_a_kink_the_price_is_one_of_those_between_its_sides():
    """At D = p the slope of h(p) - h(D) jumps to zero: any price in between is a right one, and R has it there."""
    edge = newton(binary(LOW, LOW))
    assert 0 <= edge.prices["global"] <= np.log2(HIGH / LOW) + 1e-9 and edge.rate == 0
    for price in (0.1, 1.0, 1.2):  # log2(HIGH / LOW) is 1.22
        assert mfrd.solve_at_prices(binary(), {"global": price}).ranges["global"] == pytest.approx((LOW, LOW))


def test_bad_prices_are_refused():
    each = mfrd.Fidelity(0.3, per="letter", name="each")
    for prices, said in (
        ({}, "prices are {}"),
        (2.0, "prices are 2.0"),
        ({"global": -1.0}, "global: price is -1.0"),
        ({"global": np.inf}, "global: price is inf"),
        ({"core": 1.0}, "no fidelity is named 'core'"),
    ):
        with pytest.raises(ValueError, match=said):
            mfrd.solve_at_prices(gaussian_problem(), prices)
    with pytest.raises(ValueError, match="has a price a letter"):
        mfrd.solve_at_prices(gaussian_problem(each), {"each": 1.0})
    with pytest.raises(mfrd.InfeasibleFidelity, match="core"):
        mfrd.solve_at_prices(core_problem().with_budget("core", 1e-6), {"global": 1.0})
    with pytest.raises(mfrd.NotCertified, match="newton: certified gap"):
        mfrd.solve_at_prices(gaussian_problem(), {"global": 2.0}, tol=1e-300)


# --- the least and the largest useful budget --------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_budgets_are_useful_from_the_least_to_the_most(seed):
    problem = random_problem(np.random.default_rng(seed), n=10, m=6)
    for f in problem.fidelities:
        least, most = problem.least(f.name), problem.most(f.name)
        assert least < most
        newton(problem.with_budget(f.name, least))
        with pytest.raises(mfrd.InfeasibleFidelity):
            newton(problem.with_budget(f.name, least * (1 - 1e-6)))
        above, below = (newton(problem.with_budget(f.name, factor * most)) for factor in (1.001, 0.98))
        assert above.prices[f.name] < 1e-6 < 1e-4 < below.prices[f.name] and below.rate > above.rate


def test_the_largest_useful_budget_of_one_measure_is_that_of_the_best_codeword():
    problem = gaussian_problem(m=13)
    d = mfrd.squared_error(problem.source.x, problem.y)
    assert problem.most("global") == pytest.approx((problem.source.p @ d).min(), rel=1e-12)
    edge = newton(problem.with_budget("global", problem.most("global")))
    assert edge.rate < 1e-12
    each = replace(problem, fidelities=[mfrd.Fidelity(0.3, per="letter")])
    # over randomised single outputs, the least largest mean distortion of a letter: a linear program
    n, m = d.shape
    program = linprog(
        np.eye(m + 1)[m], np.column_stack([d, -np.ones(n)]), np.zeros(n), [[1.0] * m + [0.0]], [1.0], (0, None)
    )
    assert each.most("global") == pytest.approx(program.fun, rel=1e-6)
    assert each.least("global") == pytest.approx(d.min(axis=1).max(), rel=1e-12)


def test_the_least_of_a_budget_counts_the_others_of_another_measure():
    rng = np.random.default_rng(0)
    problem = mixed_problem(rng, ["squared joint", "matrix joint"], n=12, m=5)
    tight = problem.with_budget("budget 0", problem.least("budget 0"))
    assert tight.least("budget 1") > problem.least("budget 1") + 1e-3  # nearest codewords are taken by the first
    newton(tight.with_budget("budget 1", tight.least("budget 1") * (1 + 1e-9)))
    with pytest.raises(mfrd.InfeasibleFidelity):
        newton(tight.with_budget("budget 1", tight.least("budget 1") * (1 - 1e-4)))
    with pytest.raises(mfrd.InfeasibleFidelity, match="budget 0"):
        problem.with_budget("budget 0", 0.0).least("budget 1")


@pytest.mark.parametrize("D", [1.0, 1.2, 50.0])
def test_a_budget_above_the_variance_costs_no_bits_and_not_less(D):
    for m in (1, 2, 13, 40):
        for solver in ("newton", "clarabel"):
            solution = mfrd.solve(gaussian_problem(mfrd.Fidelity(D), m=2 * m + 1), solver)
            assert 0 <= solution.rate < 1e-6 and solution.lower_bound == 0 <= solution.gap
    one_row_for_all = mfrd.Encoder(mfrd.Source(np.arange(9), np.full(9, 1 / 9)), [0.0, 1, 2], [[0.3, 0.6, 0.1]] * 9)
    assert one_row_for_all.rate == 0


# --- D(R) ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.5, LOW, 0.1])
@pytest.mark.parametrize("share", [0.0, 1e-4, 0.1, 0.5, 0.9, 1.0, 1.5])
def test_the_least_distortion_of_two_letters_at_a_rate(p, share):
    H = entropy([p, 1 - p])
    bits = share * H
    found = mfrd.distortion_at_rate(binary(p), "global", bits)
    D = (
        0.0
        if share >= 1
        else p
        if share == 0
        else brentq(lambda D: H - entropy([D, 1 - D]) - bits, 1e-18, p, xtol=1e-18, rtol=1e-15)
    )
    reached, bound = found.distortions["global"], found.distortion_bounds["global"]
    assert found.rate <= bits + 1e-15 and abs(found.gap) < 1e-6
    assert bound <= D * (1 + 1e-12) + 1e-300 and D * (1 - 1e-12) <= reached  # on both sides of what is true
    assert reached == pytest.approx(D, rel=1e-6, abs=1e-9) and bound == pytest.approx(D, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", ["global", "core"])
@pytest.mark.parametrize("bits", [0.72, 0.9, 2.0])
def test_d_of_r_is_the_inverse_of_r_of_d(name, bits):
    """The other budget is held; the rate at that distortion is found again by bisection on solve."""
    problem = replace(core_problem(), codebook=mfrd.grid(-3, 3, 13)).with_budget("core", 0.01)
    problem = problem.with_budget("global", 0.4)
    found = mfrd.distortion_at_rate(problem, name, bits)
    reached, bound = found.distortions[name], found.distortion_bounds[name]
    assert found.rate <= bits and bound <= reached and reached - bound < 1e-6
    if reached > problem.least(name) * (1 + 1e-9):
        rate = lambda D: newton(problem.with_budget(name, D)).rate - bits
        D = brentq(rate, problem.least(name) * (1 + 1e-9), problem.most(name), xtol=1e-9)
        assert reached == pytest.approx(D, rel=1e-6)
    else:
        assert newton(problem.with_budget(name, problem.least(name))).rate <= bits
    for other in {"global", "core"} - {name}:
        assert found.distortions[other] <= problem.fidelity(other).D * (1 + 1e-9)


def test_d_of_r_of_a_budget_a_letter():
    problem = gaussian_problem(mfrd.Fidelity(0.3, per="letter", name="each"), m=13)
    found = mfrd.distortion_at_rate(problem, "each", 0.9)
    assert newton(problem.with_budget("each", found.distortions["each"])).rate == pytest.approx(0.9, abs=1e-8)


def test_a_rate_that_the_other_budgets_do_not_allow_is_refused_with_what_they_need():
    held = newton(core_problem().with_budget("core", 100.0))
    with pytest.raises(ValueError, match=f"bits is 0.1; the other budgets need {held.rate:.6f}"[:-2]):
        mfrd.distortion_at_rate(core_problem(), "core", 0.1)
    for bits in (-1.0, np.nan, np.inf, "1"):
        with pytest.raises(ValueError, match="bits is"):
            mfrd.distortion_at_rate(core_problem(), "core", bits)
    with pytest.raises(ValueError, match="no fidelity is named 'rim'"):
        mfrd.distortion_at_rate(core_problem(), "rim", 1.0)


def test_a_search_that_does_not_close_raises(monkeypatch):
    monkeypatch.setattr(inverse, "STEPS", 1)
    with pytest.raises(mfrd.NotCertified, match="global: the least distortion at 0.5 bits lies from"):
        mfrd.distortion_at_rate(binary(), "global", 0.5)


@pytest.mark.parametrize("share", [0.01, 1.0])
def test_the_bound_on_distortions_is_one_whoever_solved(share):
    """Of any Solution: what .rate bits cannot go below, from its certificate alone."""
    solution = mfrd.solve(binary(), "clarabel", tol=1e-5)
    loose = replace(solution, multipliers=solution.multipliers * (1 + share))
    H = entropy([LOW, HIGH])
    D = brentq(lambda D: H - entropy([D, 1 - D]) - solution.rate, 1e-9, LOW)
    assert loose.distortion_bounds["global"] <= D + 1e-15 and solution.distortion_bounds["global"] <= D + 1e-15
    assert solution.distortion_bounds["global"] == pytest.approx(D, rel=1e-5)


# --- prices of letters ------------------------------------------------------------------------------


def test_each_letter_of_a_budget_a_letter_has_its_price():
    """-dR / dD_i by finite differences, a budget for each letter apart."""
    source = mfrd.Source(np.arange(4.0), [0.1, 0.2, 0.3, 0.4])
    each = mfrd.Problem(source, [0.0, 1.2, 2.4, 3.6], mfrd.Fidelity(0.6, on=[0, 1, 3], per="letter", name="each"))
    solution = newton(each)
    prices = solution.letter_prices["each"]
    assert prices.shape == (4,) and prices[2] == 0 and prices.sum() == pytest.approx(solution.prices["each"])
    apart = [mfrd.Fidelity(0.6, on=[i], per="letter", name=f"letter {i}") for i in (0, 1, 3)]
    for i in (0, 1, 3):
        up, down = (
            newton(mfrd.Problem(source, each.codebook, apart).with_budget(f"letter {i}", 0.6 + step)).rate
            for step in (1e-4, -1e-4)
        )
        assert prices[i] == pytest.approx((down - up) / 2e-4, rel=1e-3, abs=1e-6)
    assert newton(gaussian_problem()).letter_prices == {}
    assert tangent.held_prices(each, {"each": 0.0}).tolist() == [0.0, 0.0, 0.0]
