"""Bad input gets an error that says what, what was expected, and the remedy; odd input works."""

import re

import numpy as np
import pytest
from helpers.cases import entropy, gaussian_problem
from scipy.optimize import linprog

import mfrd
from mfrd.solvers.feasibility import repair

HALF = mfrd.Source([0.0, 1.0], [0.5, 0.5])


@pytest.mark.parametrize(
    "points, pmf, said",
    [
        ([0, 1], [-0.1, 1.1], "-0.1"),
        ([0, 1], [np.nan, 1], "nan"),
        ([0, 1], [0.5, np.inf], "inf"),
        ([0, 1], [0.5, 0.48], "sums to 0.98"),
        ([0, 1, 2], [0.5, 0.5], r"\(2,\)"),
        ([0, np.inf], [0.5, 0.5], "inf"),
        ([], [], r"\(0,\)"),
        (np.zeros((2, 2, 2)), [0.5, 0.5], r"\(2, 2, 2\)"),
        ([0, 1], ["a", "b"], "pmf is no array of numbers"),
        ([0, 1], np.array([0.5, 0.5j]), "pmf is no array of numbers .*complex"),
        (np.array([0, 1j]), [0.5, 0.5], "points is no array of numbers .*complex"),
        ([0, 1e160], [0.5, 0.5], r"1.e\+160.* in row 1"),
    ],
)
def test_bad_source(points, pmf, said):
    with pytest.raises(ValueError, match=said) as error:
        mfrd.Source(points, pmf)
    assert "expected" in str(error.value)


@pytest.mark.parametrize(
    "D, options, said",
    [
        ("a", {}, "'a'"),
        (1 + 2j, {}, r"\(1\+2j\)"),
        (1, {"distortion": [["a"]]}, "distortion is no array of numbers"),
        (-0.1, {}, "-0.1"),
        (np.nan, {}, "nan"),
        (np.inf, {}, "inf"),
        ([1, 2], {}, "one finite number"),
        (1, {"per": "pixel"}, "pixel"),
        (1, {"on": []}, "empty"),
    ],
)
def test_bad_fidelity(D, options, said):
    with pytest.raises(ValueError, match=said) as error:
        mfrd.Fidelity(D, **options)
    assert "expected" in str(error.value)


@pytest.mark.parametrize(
    "codebook, fidelities, said",
    [
        ([], [mfrd.Fidelity(1)], "codebook"),
        ([[0.0, 1.0]], [mfrd.Fidelity(1)], "dimension 2"),
        ([0, np.nan], [mfrd.Fidelity(1)], "nan"),
        ([0.5], [], "fidelities"),
        ([0.5], [mfrd.Fidelity(1), mfrd.Fidelity(2)], "'global'"),
        ([0.5], [mfrd.Fidelity(1, on=[True, False, True])], r"\(3,\)"),
        ([0.5], [mfrd.Fidelity(1, on=[False, False])], "empty"),
        ([0.5], [mfrd.Fidelity(1, on=[5])], "0 to 1"),
        ([0.5], [mfrd.Fidelity(1, distortion=np.ones((3, 1)))], r"\(3, 1\)"),
        ([0.5], 0.5, "fidelities are 0.5"),
        (
            [0.5],
            [mfrd.Fidelity(1, on=[1, 0, 1], name="core")],
            r"core: 3 indices name 2 letters.*on=mask.astype\(bool\)",
        ),
        ([0.5], [mfrd.Fidelity(1, on=[1, -1])], "2 indices name 1 letters"),
        (
            [0.5],
            [mfrd.Fidelity(1, distortion=[[0], [-1]], name="own")],
            "own: distortion of letter 1 and codeword 0 is -1",
        ),
        ([0.5], [mfrd.Fidelity(1, distortion=[[np.nan], [0]])], "letter 0 and codeword 0 is nan.*mend"),
    ],
)
def test_bad_problem(codebook, fidelities, said):
    with pytest.raises(ValueError, match=said) as error:
        mfrd.Problem(HALF, codebook, fidelities)
    assert "expected" in str(error.value)


@pytest.mark.parametrize(
    "distortion, said",
    [
        (lambda x, y: np.ones(3), r"own: distortion returned shape \(3,\); expected \(2, 1\)"),
        (lambda x, y: x - 1 + 0 * y.T, "own: distortion of letter 0 and codeword 0 is -1; expected numbers >= 0"),
        (lambda x, y: -np.sqrt([[0.0], [np.inf]]), "own: distortion of letter 1 and codeword 0 is -inf"),
    ],
)
def test_bad_distortion(distortion, said):
    problem = mfrd.Problem(HALF, [0.5], [mfrd.Fidelity(1, distortion=distortion, name="own")])
    with pytest.raises(ValueError, match=said):
        mfrd.solve(problem)


def test_the_codeword_of_a_bad_distortion_is_named_in_a_codebook_seen_in_blocks(monkeypatch):
    monkeypatch.setattr("mfrd.problems.problem.BLOCK", 2)
    far = mfrd.Fidelity(1, distortion=lambda x, y: np.where(y.T > 6, np.nan, abs(x - y.T)))
    with pytest.raises(ValueError, match="letter 0 and codeword 7 is nan"):
        mfrd.solve(mfrd.Problem(HALF, np.arange(9.0), far))


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: mfrd.Problem([0, 1], [0.5], mfrd.Fidelity(1)), r"source is \[0, 1\]; expected an mfrd.Source"),
        (lambda: mfrd.solve(HALF), "problem is Source.*; expected an mfrd.Problem"),
        (lambda: mfrd.grid(0, 1, 2.5), "n is 2.5 and dimension 1; expected whole numbers"),
        (lambda: mfrd.lloyd_max(HALF, 2.0), "m is 2.0; expected an integer from 1 to 2"),
        (lambda: mfrd.rd_curve(gaussian_problem(), "global", 0.5), "global: budgets are 0.5; expected several"),
    ],
)
def test_what_is_of_another_kind_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()


def test_what_a_caller_does_to_his_arrays_later_changes_nothing():
    mask, d = np.array([True, False]), np.array([[0.0, 1], [1, 0]])
    problem = mfrd.Problem(
        HALF, [0, 1], [mfrd.Fidelity(0.1, distortion=d), mfrd.Fidelity(0.01, on=mask, distortion=d, name="core")]
    )
    rate, asked = mfrd.solve(problem, "newton").rate, problem.with_budget("core", 0.01)
    mask[:], d[:] = True, 0
    assert len(asked.rows.measures) == 1 and mfrd.solve(asked, "newton").rate == rate
    assert asked.fidelity("core").mask(2).tolist() == [True, False]
    assert problem.fidelity("core").distortion is asked.fidelity("core").distortion


def test_unknown_names():
    problem = gaussian_problem()
    with pytest.raises(ValueError, match="'gurobi'.*auto, mosek, clarabel"):
        mfrd.solve(problem, "gurobi")
    with pytest.raises(ValueError, match="'locale'; known: global"):
        mfrd.rd_curve(problem, "locale", [1])


def test_infeasible_names_the_least_reachable_value(monkeypatch):
    from mfrd.solvers import conic

    monkeypatch.setattr(conic, "DualProgram", lambda p: pytest.fail("a solver started"))
    problem = gaussian_problem(mfrd.Fidelity(0.6), mfrd.Fidelity(0.01, on=[24, 25], name="core"))
    with pytest.raises(mfrd.InfeasibleFidelity, match="core: budget 0.01 < 0.013188") as error:
        mfrd.solve(problem)
    assert error.value.least == pytest.approx(problem.row_least[1]) and error.value.name == "core"


def test_joint_infeasibility_of_two_measures():
    a = np.array([[0, 1.0], [0, 1]])
    budgets = lambda D: [mfrd.Fidelity(D, distortion=a, name="a"), mfrd.Fidelity(D, distortion=1 - a, name="b")]
    with pytest.raises(mfrd.InfeasibleFidelity, match="not all together") as error:
        mfrd.solve(mfrd.Problem(HALF, [0, 1], budgets(0.4)))
    assert error.value.least == pytest.approx(0.6)  # the two distortions sum to one
    assert mfrd.solve(mfrd.Problem(HALF, [0, 1], budgets(0.51))).rate < 1e-6


@pytest.mark.parametrize("seed, measures", [(0, 2), (3, 2), (5, 2), (0, 3), (2, 3)])
def test_budgets_out_of_reach_together_are_met_where_those_named_are_raised_as_said(seed, measures):
    d, p = np.random.default_rng(seed).random((measures, 8, 5)), np.full(8, 1 / 8)
    problem = mfrd.Problem(
        mfrd.Source(np.arange(8), p),
        np.arange(5),
        [mfrd.Fidelity(p @ each.min(axis=1) + 0.01, distortion=each, name=f"d{k}") for k, each in enumerate(d)],
    )
    with pytest.raises(mfrd.InfeasibleFidelity, match="not all together; .* raise d") as error:
        mfrd.solve(problem, "clarabel")
    levels = dict(re.findall(r"(d\d) from \S+ above ([\d.]+\d)", str(error.value)))
    assert float(levels[error.value.name]) == pytest.approx(error.value.least, rel=1e-9)
    k = int(error.value.name[1])
    others = np.arange(measures) != k
    direct = linprog(  # over all encoders at once
        (p[:, None] * d[k]).ravel(),
        A_ub=(p[:, None] * d[others]).reshape(-1, 40),
        b_ub=problem.rows.D[others],
        A_eq=np.kron(np.eye(8), np.ones(5)),
        b_eq=np.ones(8),
    )
    assert direct.success == (len(levels) == 1)
    if direct.success:
        assert error.value.least == pytest.approx(direct.fun, abs=1e-9)
    for name, level in levels.items():
        problem = problem.with_budget(name, float(level) * (1 + 1e-6))
    assert mfrd.solve(problem, "newton").gap < 1e-6


@pytest.mark.parametrize("solver", ["newton", "clarabel"])
@pytest.mark.parametrize("per, D, rate", [("joint", 2 / 3, np.log2(3) - 2 / 3), ("letter", 1, 2 / 3)])
def test_a_budget_on_the_least_that_an_edge_leaves_to_it_is_on_its_edge(solver, per, D, rate):
    """Per letter, one letter reaches 1 at the least by itself, another because of the first budget."""
    d = np.array([[[0, 0, 0], [0, 0, 0], [1, 0, 1]], [[1, 2, 1], [2, 2, 0], [1, 1, 0]]])
    problem = mfrd.Problem(
        mfrd.Source([0, 1, 2], np.full(3, 1 / 3)),
        [0, 1, 2],
        [mfrd.Fidelity(0, distortion=d[0]), mfrd.Fidelity(D, distortion=d[1], per=per, name="b")],
    )
    solution = mfrd.solve(problem, solver)
    assert solution.rate == pytest.approx(rate, abs=1e-8) and solution.gap < 1e-8
    assert solution.prices == {"global": np.inf, "b": np.inf}
    assert solution.distortions["b"] <= D + 4 * np.spacing(D)


@pytest.mark.parametrize("solver", ["newton", "clarabel"])
@pytest.mark.parametrize(
    "pmf, codebook, fidelities, rate",
    [
        ([0.5, 0.5], [0.5], [mfrd.Fidelity(0.25)], 0),
        ([0.5, 0.5], [0.5, 5], [mfrd.Fidelity(0.25)], 0),  # on the edge, exceeded by others, at no rate
        ([1], [0], [mfrd.Fidelity(0)], 0),
        ([1], [0, 1], [mfrd.Fidelity(0)], 0),
        ([0.3, 0.3, 0.4], [0, 2], [mfrd.Fidelity(0.5), mfrd.Fidelity(0.3, on=[1], name="mid")], 0.4297971),
        ([0.5, 0.5, 0], [0, 1], [mfrd.Fidelity(0.1), mfrd.Fidelity(0, on=[2], name="never")], 0.5310044),
        (
            [0.5, 0.5, 0],
            [0, 1, 2],
            [mfrd.Fidelity(0.1), mfrd.Fidelity(0, on=[2], distortion=mfrd.absolute_error, name="never")],
            0.5310044,
        ),
    ],
)
def test_a_budget_on_its_edge_that_costs_nothing_has_price_zero(solver, pmf, codebook, fidelities, rate):
    solution = mfrd.solve(mfrd.Problem(mfrd.Source(np.arange(len(pmf)), pmf), codebook, fidelities), solver)
    assert solution.rate == pytest.approx(rate, abs=1e-6)
    assert solution.prices[fidelities[-1].name] == 0
    assert (solution.prices["global"] > 0) == (rate > 0) and solution.prices["global"] < np.inf


def test_zero_probability_letters_change_nothing():
    base = gaussian_problem()
    x = np.append(base.source.x[:, 0], [1.7, 50.0])
    source = mfrd.Source(x, np.append(base.source.p, [0, 0]))
    for per in ("joint", "subset", "letter"):
        D = 1.0 if per == "letter" else 0.6
        with_zeros = mfrd.solve(mfrd.Problem(source, base.codebook, [mfrd.Fidelity(D, per=per)]))
        without = mfrd.solve(mfrd.Problem(base.source, base.codebook, [mfrd.Fidelity(D, per=per)]))
        assert with_zeros.rate == pytest.approx(without.rate, abs=1e-6)


def test_duplicate_codewords_change_nothing():
    problem = gaussian_problem()
    doubled = mfrd.Problem(problem.source, np.repeat(problem.codebook, 3), problem.fidelities)
    assert mfrd.solve(doubled).rate == pytest.approx(mfrd.solve(problem).rate, abs=1e-6)


def test_loose_budget_has_rate_zero():
    solution = mfrd.solve(gaussian_problem(mfrd.Fidelity(100.0)))
    assert solution.rate < 1e-9 and solution.prices["global"] < 1e-6


def test_one_codeword():
    solution = mfrd.solve(mfrd.Problem(HALF, [0.5], [mfrd.Fidelity(0.25)]))
    assert solution.rate == 0 and solution.encoder.Q.shape == (2, 1)


@pytest.mark.parametrize("factor", [1.0, 1 + 1e-4, 1.001, 1.01])
def test_budgets_at_the_edge_of_what_is_reachable(factor):
    problem = gaussian_problem(mfrd.Fidelity(1.0), mfrd.Fidelity(1.0, on=[20, 24, 25], name="core"))
    for f, least in zip(problem.fidelities, problem.row_least):
        problem = problem.with_budget(f.name, least * factor)
    solution = mfrd.solve(problem)
    assert solution.gap < 1e-6
    assert all(solution.distortions[f.name] <= f.D * (1 + 1e-12) for f in problem.fidelities)


@pytest.mark.parametrize("solver", ["clarabel", "newton"])
@pytest.mark.parametrize("ulps", [-1, 0, 1])
def test_on_the_edge_a_codeword_farther_by_less_than_the_budget_s_rounding_may_serve_a_rare_letter(solver, ulps):
    """The middle letter, of mass 0.002, is an ulp nearer to one codeword: sent to either, it takes no bits."""
    source, y = mfrd.Source([-1.1, 0.0, 1.1], [0.499, 0.002, 0.499]), [-1.0, np.nextafter(1.0, 2.0)]
    D = mfrd.Problem(source, y, [mfrd.Fidelity(1.0)]).least("global")
    D += ulps * np.spacing(D)
    solution = mfrd.solve(mfrd.Problem(source, y, [mfrd.Fidelity(D)]), solver)
    assert solution.rate == pytest.approx(0.998, abs=1e-9) and solution.gap < 1e-6
    assert solution.distortions["global"] <= D + 4 * np.spacing(D)


def test_lossless_is_the_entropy():
    problem = gaussian_problem(mfrd.Fidelity(0.0))
    lossless = mfrd.solve(mfrd.Problem(problem.source, problem.source.x, [mfrd.Fidelity(0.0)]))
    assert lossless.rate == pytest.approx(entropy(problem.source.p), abs=1e-6)
    assert lossless.prices["global"] == np.inf


def test_encoder_rejects_what_is_no_conditional_pmf():
    for Q in ([[0.5, 0.4], [0.5, 0.5]], [[1.5, -0.5], [0.5, 0.5]], [[1.0], [1.0]]):
        with pytest.raises(ValueError, match="expected"):
            mfrd.Encoder(HALF, [0, 1], Q)


def test_not_certified_gives_the_reasons():
    with pytest.raises(mfrd.NotCertified, match="clarabel: certified gap"):
        mfrd.solve(gaussian_problem(), "clarabel", tol=1e-18)


@pytest.mark.parametrize("tol", [0, -1e-9, np.nan, "small"])
def test_a_tolerance_that_nothing_meets_is_refused(tol):
    with pytest.raises(ValueError, match=f"tol is {tol!r}; expected a number of bits > 0"):
        mfrd.solve(gaussian_problem(), tol=tol)


@pytest.mark.parametrize("solver", ["clarabel", "newton"])
@pytest.mark.parametrize("factor", [1.0, 1.5, 1e6])
def test_a_codeword_that_keeps_the_budgets_alone_is_sent_in_no_bits(solver, factor):
    source, codebook = mfrd.bumps(mfrd.grid(-3, 3, 50), [1.0], [0.0], [1.0]), np.linspace(-2, 2, 7)
    alone = source.p @ (source.points - codebook[3]) ** 2
    budgets = [mfrd.Fidelity(factor * alone), mfrd.Fidelity(9.0, on=[0, 49], per="letter", name="ends")]
    solution = mfrd.solve(mfrd.Problem(source, codebook, budgets), solver)
    assert solution.rate == solution.lower_bound == 0
    assert solution.prices == {"global": 0.0, "ends": 0.0}
    assert solution.distortions["global"] == pytest.approx(alone, rel=1e-12)


def test_a_broken_budget_moves_the_letters_that_it_weighs():
    """Letters of tiny probability that share a budget are moved at hardly any cost, the others stay as they are."""
    source = mfrd.Source([0.0, 1.0, 5.0, 6.0], [0.5, 0.5 - 2e-9, 1e-9, 1e-9])
    rare = mfrd.Fidelity(0.1, on=[2, 3], per="subset", name="rare")
    problem = mfrd.Problem(source, [0.0, 1.0, 5.0, 6.0], [mfrd.Fidelity(0.3), rare])
    Q = np.array([[0.8, 0.2, 0, 0], [0.2, 0.8, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]])
    repaired, support = repair(problem, Q, np.arange(4))
    assert support.tolist() == [0, 1, 2, 3] and (repaired[:2] == Q[:2]).all()
    spent = mfrd.Encoder(source, problem.codebook, repaired).spent(problem.rows)
    assert (spent <= problem.rows.D * (1 + 1e-12)).all() and spent[1] == pytest.approx(0.1)
