"""Bad input gets an error that says what, what was expected, and the remedy; odd input works."""

import numpy as np
import pytest
from cases import entropy, gaussian_problem

import mfrd

HALF = mfrd.Source([0.0, 1.0], [0.5, 0.5])


@pytest.mark.parametrize("points, pmf, said", [
    ([0, 1], [-0.1, 1.1], "-0.1"),
    ([0, 1], [np.nan, 1], "nan"),
    ([0, 1], [0.5, np.inf], "inf"),
    ([0, 1], [0.5, 0.48], "sums to 0.98"),
    ([0, 1, 2], [0.5, 0.5], r"\(2,\)"),
    ([0, np.inf], [0.5, 0.5], "inf"),
    ([], [], r"\(0,\)"),
    (np.zeros((2, 2, 2)), [0.5, 0.5], r"\(2, 2, 2\)"),
])
def test_bad_source(points, pmf, said):
    with pytest.raises(ValueError, match=said) as error:
        mfrd.Source(points, pmf)
    assert "expected" in str(error.value)


@pytest.mark.parametrize("D, options, said", [
    (-0.1, {}, "-0.1"), (np.nan, {}, "nan"), (np.inf, {}, "inf"), ([1, 2], {}, "one finite number"),
    (1, {"per": "pixel"}, "pixel"), (1, {"on": []}, "empty"),
])
def test_bad_fidelity(D, options, said):
    with pytest.raises(ValueError, match=said) as error:
        mfrd.Fidelity(D, **options)
    assert "expected" in str(error.value)


@pytest.mark.parametrize("codebook, fidelities, said", [
    ([], [mfrd.Fidelity(1)], "codebook"),
    ([[0.0, 1.0]], [mfrd.Fidelity(1)], "dimension 2"),
    ([0, np.nan], [mfrd.Fidelity(1)], "nan"),
    ([0.5], [], "fidelities"),
    ([0.5], [mfrd.Fidelity(1), mfrd.Fidelity(2)], "'global'"),
    ([0.5], [mfrd.Fidelity(1, on=[True, False, True])], r"\(3,\)"),
    ([0.5], [mfrd.Fidelity(1, on=[False, False])], "empty"),
    ([0.5], [mfrd.Fidelity(1, on=[5])], "0 to 1"),
    ([0.5], [mfrd.Fidelity(1, distortion=np.ones((3, 1)))], r"\(3, 1\)"),
])
def test_bad_problem(codebook, fidelities, said):
    with pytest.raises(ValueError, match=said) as error:
        mfrd.Problem(HALF, codebook, fidelities)
    assert "expected" in str(error.value)


@pytest.mark.parametrize("distortion", [np.array([[-1.0], [0]]), np.array([[np.nan], [0]]), lambda x, y: np.ones(3)])
def test_bad_distortion(distortion):
    with pytest.raises(ValueError, match="expected"):
        mfrd.solve(mfrd.Problem(HALF, [0.5], [mfrd.Fidelity(1, distortion=distortion)]))


def test_unknown_names():
    problem = gaussian_problem()
    with pytest.raises(ValueError, match="'gurobi'.*auto, mosek, clarabel"):
        mfrd.solve(problem, "gurobi")
    with pytest.raises(ValueError, match="'locale'; known: global"):
        mfrd.rd_curve(problem, "locale", [1])


def test_infeasible_names_the_least_reachable_value(monkeypatch):
    from mfrd import conic

    monkeypatch.setattr(conic, "DualProgram", lambda p: pytest.fail("a solver started"))
    problem = gaussian_problem(mfrd.Fidelity(0.6), mfrd.Fidelity(0.01, on=[24, 25], name="core"))
    with pytest.raises(mfrd.InfeasibleFidelity, match="core: budget 0.01 < 0.013188") as error:
        mfrd.solve(problem)
    assert error.value.least == pytest.approx(problem.least[1]) and error.value.name == "core"


def test_joint_infeasibility_of_two_measures():
    a = np.array([[0, 1.0], [0, 1]])
    budgets = lambda D: [mfrd.Fidelity(D, distortion=a, name="a"), mfrd.Fidelity(D, distortion=1 - a, name="b")]
    with pytest.raises(mfrd.InfeasibleFidelity, match="not all together") as error:
        mfrd.solve(mfrd.Problem(HALF, [0, 1], budgets(0.4)))
    assert error.value.least == pytest.approx(0.5)
    assert mfrd.solve(mfrd.Problem(HALF, [0, 1], budgets(0.51))).rate < 1e-6


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
    for f, least in zip(problem.fidelities, problem.least):
        problem = problem.with_budget(f.name, least * factor)
    solution = mfrd.solve(problem)
    assert solution.gap < 1e-6
    assert all(solution.distortions[f.name] <= f.D * (1 + 1e-12) for f in problem.fidelities)


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
