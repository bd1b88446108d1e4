"""A backend that raises, returns nothing or lies is no answer: the next is asked, and nothing of it stays behind."""

import logging

import numpy as np
import pytest
from helpers.cases import core_problem

import mfrd
from mfrd.solvers import active_set, choice, conic
from mfrd.solvers.outcome import Proposal

PROBLEM = core_problem()
RATE = mfrd.solve(PROBLEM, "newton").rate
HONEST = conic.DualProgram.solve


class Panic(BaseException):
    """What a Rust solver raises where it aborts: not an Exception."""


@pytest.fixture
def unlicensed(monkeypatch):
    """Clarabel is the first backend, its announcement made."""
    monkeypatch.setattr(conic, "mosek_licence", lambda: "no licence here")
    choice.announce_fallback()


def lines(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "mfrd"]


def changed(change):
    """DualProgram.solve with its honest answer (multipliers, potentials, q) passed through `change`."""

    def solve(self, problem, backend, **options):
        honest = HONEST(self, problem, backend, **options)
        told = change(honest.multipliers.copy(), honest.potentials.copy(), honest.q.copy())
        return None if told is None else Proposal(told[0], told[2], told[1])

    return solve


def assert_certified(solution, backend):
    assert solution.solver == backend and abs(solution.gap) <= choice.TOLERANCE
    assert solution.rate == pytest.approx(RATE, abs=2e-6)
    for f in solution.problem.fidelities:
        assert solution.distortions[f.name] <= f.D * (1 + 1e-9)


LIES = {
    "no answer": (lambda lam, a, q: None, "AttributeError"),
    "None for each": (lambda lam, a, q: (None, None, None), r"multipliers None; expected shape \(2,\)"),
    "NaN prices": (lambda lam, a, q: (lam * np.nan, a, q), "multipliers with nan; expected finite numbers >= 0"),
    "NaN potentials": (lambda lam, a, q: (lam, a * np.nan, q), "potentials with nan"),
    "NaN output pmf": (lambda lam, a, q: (lam, a, q * np.nan), "output pmf with nan"),
    "infinite prices": (lambda lam, a, q: (lam + np.inf, a, q), "multipliers with inf"),
    "negative prices": (lambda lam, a, q: (-lam, a, q), "multipliers with -"),
    "negative masses": (lambda lam, a, q: (lam, a, q - 0.5), "output pmf with -"),
    "no mass at all": (lambda lam, a, q: (lam, a, 0 * q), "no encoder follows"),
    "truncated prices": (lambda lam, a, q: (lam[:1], a, q), r"multipliers \(1,\); expected shape \(2,\)"),
    "truncated potentials": (lambda lam, a, q: (lam, a[:-1], q), r"potentials \(49,\); expected shape \(50,\)"),
    "truncated output pmf": (lambda lam, a, q: (lam, a, q[:-1]), r"output pmf \(7,\); expected shape \(8,\)"),
    "prices doubled": (lambda lam, a, q: (2 * lam, a, q), "certified gap"),
    "prices of nothing": (lambda lam, a, q: (0 * lam, a, q), "certified gap"),
    "prices beyond numbers": (lambda lam, a, q: (lam + 1e308, a, q), "no encoder follows|certified gap"),
    "an encoder over its budgets": (lambda lam, a, q: (lam / 3, a, np.roll(q, 3)), "certified gap"),
    "all mass on one codeword": (lambda lam, a, q: (lam, a, np.eye(8)[0]), "certified gap"),
    "a bound lost in rounding": (lambda lam, a, q: (2 * lam, a + np.linspace(1e16, 3e18, 50), q), "certified gap"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_wrong_answer_marked_optimal_goes_to_the_next_backend_with_one_line(lie, unlicensed, monkeypatch, caplog):
    change, reason = LIES[lie]
    monkeypatch.setattr(conic.DualProgram, "solve", changed(change))
    with caplog.at_level(logging.WARNING, logger="mfrd"):
        assert_certified(mfrd.solve(PROBLEM), "newton")
    (line,) = lines(caplog)
    assert line.startswith("clarabel: ") and line.endswith("; solved with newton.")
    with pytest.raises(mfrd.NotCertified, match=f"clarabel: .*({reason})"):
        mfrd.solve(PROBLEM, "clarabel")


def grey_levels(n=256):
    """A picture's grey levels as letters and as codewords, at a mean squared error of 50."""
    x = np.arange(float(n))
    weights = np.exp(-0.5 * ((x - 60) / 15) ** 2) + 0.6 * np.exp(-0.5 * ((x - 190) / 25) ** 2)
    return mfrd.Problem(mfrd.Source(x, weights / weights.sum()), x, mfrd.Fidelity(50.0))


def test_a_problem_too_large_for_the_conic_backend_goes_to_newton_with_one_line(unlicensed, monkeypatch, caplog):
    monkeypatch.setattr(conic.DualProgram, "__init__", lambda self, problem: pytest.fail("compiled"))
    choice.announce_size.cache_clear()
    with caplog.at_level(logging.WARNING, logger="mfrd"):
        first, second = mfrd.solve(grey_levels()), mfrd.solve(grey_levels())
    assert first.solver == second.solver == "newton" and first.rate == pytest.approx(2.4353343, abs=1e-7)
    assert first.stats.attempts == 1
    (line,) = lines(caplog)
    assert line.startswith("256 x 256 pairs of letters and codewords are more than the 20000 ")
    assert line.endswith("solving with newton.")
    assert [backend.name for backend in choice.fitting(choice.made(["clarabel"]), grey_levels())] == ["clarabel"]


def rare_subset():
    x = mfrd.grid(-4, 4, 929)
    rare = mfrd.Fidelity(0.02, on=x > 3, per="subset", name="rare")
    return mfrd.Problem(mfrd.bumps(x, [1], [0], [1]), mfrd.grid(-4, 4, 200), [mfrd.Fidelity(0.3), rare])


def in_the_plane():
    x = mfrd.grid(-3, 3, 14, 2)[:195]
    return mfrd.Problem(mfrd.bumps(x, [1], [[0, 0]], [1]), x, mfrd.Fidelity(0.5))


def absolute():
    source, budget = (
        mfrd.bumps(mfrd.grid(-4, 4, 151), [1], [0], [1]),
        mfrd.Fidelity(0.3, distortion=mfrd.absolute_error),
    )
    return mfrd.Problem(source, mfrd.grid(-4, 4, 200), budget)


@pytest.mark.parametrize("problem", [rare_subset, in_the_plane, absolute])
def test_what_took_the_conic_backend_long_is_answered_at_once_by_default(problem, unlicensed):
    solution = mfrd.solve(problem())
    assert solution.solver == "newton" and solution.stats.attempts == 1 and abs(solution.gap) < 1e-9


def test_the_default_tries_clarabel_once_and_by_name_all_its_settings(unlicensed, monkeypatch):
    tried = []

    def refuse(self, problem, backend, **options):
        tried.append(backend)
        raise conic.SolverFailed("refused")

    monkeypatch.setattr(conic.DualProgram, "solve", refuse)
    assert mfrd.solve(PROBLEM).stats.attempts == 2 and tried == ["clarabel"]
    with pytest.raises(mfrd.NotCertified, match="clarabel: refused"):
        mfrd.solve(PROBLEM, "clarabel")
    assert len(tried) == 1 + len(conic.SETTINGS["clarabel"])


@pytest.mark.parametrize("raised", [ValueError("bad cone"), MemoryError(), ArithmeticError("0/0"), Panic("unwrap")])
def test_a_solver_that_raises_goes_to_the_next_and_alone_raises_its_reason(raised, unlicensed, monkeypatch, caplog):
    import cvxpy as cp

    def die(self, *arguments, **options):
        raise raised

    monkeypatch.setattr(cp.Problem, "solve", die)
    with caplog.at_level(logging.WARNING, logger="mfrd"):
        assert_certified(mfrd.solve(PROBLEM), "newton")
    assert len(lines(caplog)) == 1
    with pytest.raises(mfrd.NotCertified, match=f"clarabel: {type(raised).__name__}: "):
        mfrd.solve(PROBLEM, "clarabel")


def test_an_interruption_is_no_failure_of_the_solver(unlicensed, monkeypatch):
    import cvxpy as cp

    def interrupted(self, *arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(cp.Problem, "solve", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mfrd.solve(PROBLEM)


@pytest.mark.parametrize("status", ["no values", "values of the wrong shape", "not a number"])
def test_what_cvxpy_leaves_in_its_variables_is_checked(status, unlicensed, monkeypatch):
    import cvxpy as cp

    def leave(self, *arguments, **options):
        for variable in self.variables():
            shape = (3,) if status == "values of the wrong shape" else variable.shape
            variable.save_value(None if status == "no values" else np.full(shape, np.nan))
        for constraint in self.constraints:
            constraint.dual_variables[0].save_value(np.full(constraint.shape or (1,), 0.1))

    monkeypatch.setattr(cp.Problem, "solve", leave)
    said = {"no values": "status None", "values of the wrong shape": "expected shape", "not a number": "nan; expected"}
    with pytest.raises(mfrd.NotCertified, match=f"clarabel: .*{said[status]}"):
        mfrd.solve(PROBLEM, "clarabel")
    assert mfrd.solve(PROBLEM).solver == "newton"


@pytest.mark.parametrize(
    "answer",
    [np.linalg.LinAlgError("singular"), Proposal(np.full(2, np.nan), np.full(8, 0.125)), Proposal(np.ones(2), None)],
    ids=["raises", "not a number", "nothing"],
)
def test_newton_that_fails_says_so(answer, monkeypatch):
    def fails(problem, warm=None):
        if isinstance(answer, Exception):
            raise answer
        return answer, None

    monkeypatch.setattr(active_set, "solve_dual", fails)
    with pytest.raises(mfrd.NotCertified, match="newton: (LinAlgError: singular|returned )"):
        mfrd.solve(PROBLEM, "newton")


class Licences:
    """A licence server that grants until told otherwise; Clarabel stands in for MOSEK's answers."""

    def __init__(self, monkeypatch):
        import cvxpy as cp

        mosek = pytest.importorskip("mosek")
        self.error, self.checks, self.solves = None, 0, 0
        solve = cp.Problem.solve
        environment = self

        class Env:
            __enter__ = lambda self: self  # noqa: E731
            __exit__ = lambda self, *exception: None  # noqa: E731

            def checkoutlicense(self, feature):
                environment.checks += 1
                if environment.error:
                    raise environment.error

        def stand_in(program, *, solver, mosek_params=None, **options):
            if solver != "MOSEK":
                return solve(program, solver=solver, **options)
            environment.solves += 1
            if environment.error:
                raise environment.error
            return solve(program, solver="CLARABEL", **SETTINGS)

        SETTINGS = conic.SETTINGS["clarabel"][0]
        self.expired = mosek.Error(mosek.rescode.err_license_expired, "The license has expired.")
        monkeypatch.setattr(mosek, "Env", Env)
        monkeypatch.setattr(cp.Problem, "solve", stand_in)
        conic.mosek_licence.cache_clear()
        choice.announce_fallback.cache_clear()


@pytest.fixture
def licences(monkeypatch):
    yield Licences(monkeypatch)
    monkeypatch.undo()
    conic.mosek_licence.cache_clear()


def test_a_licence_that_expires_between_two_solves_hands_over_to_clarabel(licences, caplog):
    with caplog.at_level(logging.WARNING, logger="mfrd"):
        assert_certified(mfrd.solve(PROBLEM), "mosek")
        assert lines(caplog) == []
        licences.error = licences.expired
        assert_certified(mfrd.solve(PROBLEM), "clarabel")
    (line,) = lines(caplog)
    assert line.startswith("mosek: ") and "expired" in line and line.endswith("solved with clarabel.")
    solves = licences.solves
    assert_certified(mfrd.solve(PROBLEM), "clarabel")
    assert licences.solves == solves, "an expired licence is not tried again"
    with pytest.raises(mfrd.NotCertified, match="mosek: .*without a usable licence.*expired"):
        mfrd.solve(PROBLEM, "mosek")


def test_a_licence_that_expires_within_a_curve_is_tried_once(licences, caplog):
    licences.error, checks = None, licences.checks
    assert mfrd.backends("auto")[0] == "mosek" and licences.checks == checks + 1
    licences.error = licences.expired
    with caplog.at_level(logging.WARNING, logger="mfrd"):
        curve = mfrd.rd_curve(PROBLEM, "global", [0.6, 0.8, 1.0])
    assert [each.solver for each in curve] == ["clarabel"] * 3 and licences.solves == 1
    assert_certified(curve[1], "clarabel")


def test_a_licence_that_comes_back_is_seen_by_who_asks_for_mosek(licences):
    licences.error = licences.expired
    with pytest.raises(mfrd.NotCertified, match="licence"):
        mfrd.solve(PROBLEM, "mosek")
    licences.error = None
    assert_certified(mfrd.solve(PROBLEM, "mosek"), "mosek")


def test_settings_of_an_attempt_that_failed_do_not_reach_the_next(monkeypatch):
    import clarabel

    seen, make = [], clarabel.DefaultSolver

    def spy(P, q, A, b, cones, settings):
        seen.append((settings.tol_gap_abs, settings.max_step_fraction, settings.static_regularization_constant))
        return make(P, q, A, b, cones, settings)

    monkeypatch.setattr(clarabel, "DefaultSolver", spy)
    with pytest.raises(mfrd.NotCertified):
        mfrd.solve(PROBLEM, "clarabel", tol=1e-18)
    default = clarabel.DefaultSettings()
    assert seen == [
        (1e-11, 0.9, default.static_regularization_constant),
        (1e-9, default.max_step_fraction, 1e-10),
        (default.tol_gap_abs, default.max_step_fraction, default.static_regularization_constant),
    ]


@pytest.mark.parametrize("backend", ["clarabel", "newton"])
def test_a_curve_after_a_wrong_answer_is_the_curve_without_it(backend, unlicensed, monkeypatch):
    budgets = [0.5, 0.8, 1.1]
    honest = mfrd.rd_curve(PROBLEM, "global", budgets, solver=backend)
    calls, solve_dual = [], active_set.solve_dual

    def first_is_a_lie(answer):
        calls.append(answer)
        return answer if len(calls) > 1 else [np.nan * values for values in answer]

    def lying_newton(problem, warm=None):
        honest, after = solve_dual(problem, warm)
        told = Proposal(*first_is_a_lie([honest.multipliers, honest.q]))
        return told, after if len(calls) > 1 else ("poison", "poison")

    monkeypatch.setattr(active_set, "solve_dual", lying_newton)
    monkeypatch.setattr(conic.DualProgram, "solve", changed(lambda *answer: first_is_a_lie(answer)))
    if backend == "newton":
        with pytest.raises(mfrd.NotCertified, match="newton: returned multipliers with nan"):
            mfrd.rd_curve(PROBLEM, "global", budgets, solver=backend)
    curve = mfrd.rd_curve(PROBLEM, "global", budgets, solver=backend)
    assert [each.rate for each in curve] == pytest.approx([each.rate for each in honest], abs=2e-6)


def test_a_rejected_warm_start_is_forgotten(monkeypatch):
    backend = active_set.Newton()
    backend.warm = "poison"
    monkeypatch.setattr(
        active_set, "solve_dual", lambda problem, warm: (Proposal(np.full(2, np.nan), np.ones(8)), warm)
    )
    with pytest.raises(mfrd.NotCertified, match="multipliers with nan"):
        choice.certified(PROBLEM, [backend], 1e-6)
    assert backend.warm is None
    monkeypatch.undo()
    assert choice.certified(PROBLEM, [backend], 1e-6).gap <= choice.TOLERANCE and backend.warm is not None
    with pytest.raises(mfrd.NotCertified, match="certified gap"):
        choice.certified(PROBLEM, [backend], 1e-18)  # it was not accepted
    assert backend.warm is None


def test_a_compiled_program_outlives_certified_answers_alone(unlicensed):
    backend = conic.Conic("clarabel")
    assert choice.certified(PROBLEM, [backend], 1e-6).stats.attempts == 1
    program = backend.program
    assert choice.certified(PROBLEM, [backend], 1e-6).solver == "clarabel" and backend.program is program
    with pytest.raises(mfrd.NotCertified):
        choice.certified(PROBLEM, [backend], 1e-18)
    assert backend.program is None
