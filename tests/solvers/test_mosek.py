"""MOSEK: the task that our problem becomes, with or without a licence, and what "auto" makes of it."""

import logging

import clarabel
import numpy as np
import pytest
import scipy.sparse as sp
from helpers.cases import core_problem

import mfrd
from mfrd.solvers import choice, conic

mosek = pytest.importorskip("mosek")
PROBLEM = core_problem()
LICENCE = conic.mosek_licence()
EXPONENTIAL = (mosek.domaintype.primal_exp_cone, mosek.domaintype.dual_exp_cone)
# (s0, s1, s2) is in the dual cone, s0 >= -s2 exp(s1/s2 - 1), where (s0, -s2, s2 - s1) is in the primal one
DUAL_TO_PRIMAL = np.array([[1.0, 0, 0], [0, 0, -1], [0, -1, 1]])


@pytest.fixture(scope="module")
def task_file(tmp_path_factory):
    """The task that CVXPY hands to MOSEK for PROBLEM, written by MOSEK itself before it optimises."""
    path = tmp_path_factory.mktemp("mosek") / "task.ptf"
    program = conic.DualProgram(PROBLEM)
    program.set_budgets(PROBLEM)
    try:
        program.program.solve(solver="MOSEK", save_file=str(path))
    except mosek.Error as error:
        assert LICENCE is not None and "license" in str(error.errno)
    return path


@pytest.fixture
def task(task_file):
    with mosek.Env() as env, env.Task() as task:
        task.readdata(str(task_file))
        yield task


def cone_of(task, k):
    """(domain type, variables or rows) of an affine conic constraint."""
    return task.getdomaintype(task.getaccdomain(k)), task.getaccn(k)


def test_task_holds_one_exponential_cone_a_pair(task):
    cones = [cone_of(task, k) for k in range(task.getnumacc())]
    exponential = [n for kind, n in cones if kind in EXPONENTIAL]
    assert len(exponential) == PROBLEM.n * PROBLEM.m and set(exponential) == {3}


def test_task_survives_a_round_trip(task, task_file, tmp_path):
    again = tmp_path / "again.ptf"
    task.writedata(str(again))
    with mosek.Env() as env, env.Task() as copy:
        copy.readdata(str(again))
        for count in ("getnumvar", "getnumcon", "getnumacc", "getnumafe", "getnumanz"):
            assert getattr(copy, count)() == getattr(task, count)()
        assert [copy.getcj(j) for j in range(copy.getnumvar())] == [task.getcj(j) for j in range(task.getnumvar())]


def read_conic_data(task):
    """(sense, c, rows, bounds, F, g, cones) of the task, all that is needed to solve it elsewhere."""
    n, m = task.getnumvar(), task.getnumcon()
    c = np.array([task.getcj(j) for j in range(n)])
    A = sp.lil_matrix((m, n))
    for i in range(m):
        _, sub, val = task.getarow(i)
        A[i, list(sub)] = val
    rows = [task.getconbound(i) for i in range(m)]
    columns = [task.getvarbound(j) for j in range(n)]
    count = task.getnumafe()
    F = sp.lil_matrix((count, n))
    for r in range(count):
        _, sub, val = task.getafefrow(r)
        F[r, list(sub)] = val
    g = np.array([task.getafeg(r) for r in range(count)])
    cones = [
        (*cone_of(task, k), list(task.getaccafeidxlist(k)), np.array(task.getaccb(k))) for k in range(task.getnumacc())
    ]
    return task.getobjsense(), c, sp.csr_matrix(A), rows, columns, sp.csr_matrix(F), g, cones


def solve_with_clarabel(sense, c, A, rows, columns, F, g, cones):
    """Optimal value of the task's data by Clarabel, called directly: no CVXPY in between."""
    n = len(c)
    sign = 1 if sense == mosek.objsense.minimize else -1
    blocks, right, kinds = [], [], []

    def bounded(matrix, bounds):
        for i, (key, low, high) in enumerate(bounds):
            row = matrix[i]
            if key == mosek.boundkey.fx:
                yield "zero", row, high
            if key in (mosek.boundkey.up, mosek.boundkey.ra):
                yield "less", row, high
            if key in (mosek.boundkey.lo, mosek.boundkey.ra):
                yield "less", -row, -low

    linear = [*bounded(A, rows), *bounded(sp.identity(n, format="csr"), columns)]
    for name, cone in (("zero", clarabel.ZeroConeT), ("less", clarabel.NonnegativeConeT)):
        chosen = [(row, b) for kind, row, b in linear if kind == name]
        if chosen:
            blocks.append(sp.vstack([row for row, _ in chosen]))
            right.extend(b for _, b in chosen)
            kinds.append(cone(len(chosen)))
    simple = {
        mosek.domaintype.rzero: clarabel.ZeroConeT,
        mosek.domaintype.rplus: clarabel.NonnegativeConeT,
        mosek.domaintype.rminus: clarabel.NonnegativeConeT,
    }
    for kind, size, index, b in cones:
        if kind in simple:
            sign_of_rows = -1 if kind == mosek.domaintype.rminus else 1
            blocks.append(-sign_of_rows * F[index])
            right.extend(sign_of_rows * (g[index] - b))
            kinds.append(simple[kind](size))
        elif kind in EXPONENTIAL:  # MOSEK: x0 >= x1 exp(x2 / x1); Clarabel has the order reversed
            M = np.eye(3) if kind == mosek.domaintype.primal_exp_cone else DUAL_TO_PRIMAL
            M = M[::-1]
            blocks.append(-sp.csr_matrix(M) @ F[index])
            right.extend(M @ (g[index] - b))
            kinds.append(clarabel.ExponentialConeT())
        else:
            raise ValueError(f"a cone of type {kind}; expected linear and exponential ones")
    G = sp.csc_matrix(sp.vstack(blocks))
    options = clarabel.DefaultSettings()
    options.verbose, options.max_step_fraction = False, 0.9
    options.tol_gap_abs = options.tol_gap_rel = options.tol_feas = 1e-10
    P = sp.csc_matrix((n, n))
    solution = clarabel.DefaultSolver(P, sign * c, G, np.array(right), kinds, options).solve()
    return sign * solution.obj_val


def test_clarabel_solves_the_task_to_the_same_optimum(task):
    value = abs(solve_with_clarabel(*read_conic_data(task))) / np.log(2)
    solution = mfrd.solve(PROBLEM, "clarabel")
    assert value == pytest.approx(solution.rate, abs=1e-6)


def test_auto_falls_back_with_one_line(monkeypatch, caplog):
    monkeypatch.setattr(conic, "mosek_licence", lambda: "MOSEK is installed without a usable licence")
    choice.announce_fallback.cache_clear()
    with caplog.at_level(logging.INFO, logger="mfrd"):
        first, second = mfrd.solve(PROBLEM), mfrd.solve(PROBLEM)
    assert first.solver == second.solver == "clarabel"
    assert {r.levelname for r in caplog.records} == {"INFO"}  # no red box on the first cell of every notebook
    assert [r.getMessage() for r in caplog.records] == [
        "MOSEK is installed without a usable licence; solving with Clarabel."
    ]


def test_auto_tries_the_next_backend_when_mosek_fails(monkeypatch):
    def refuse(self, problem, backend, **options):
        if backend == "mosek":
            raise conic.SolverFailed("refused")
        return solve(self, problem, backend, **options)

    solve = conic.DualProgram.solve
    monkeypatch.setattr(conic, "mosek_licence", lambda: None)
    monkeypatch.setattr(conic.DualProgram, "solve", refuse)
    assert mfrd.solve(PROBLEM).solver == "clarabel"
    with pytest.raises(mfrd.NotCertified, match="mosek: refused"):
        mfrd.solve(PROBLEM, "mosek")


@pytest.mark.skipif(LICENCE is None, reason="MOSEK is licensed here")
def test_mosek_without_a_licence_says_so():
    with pytest.raises(mfrd.NotCertified, match="licence.*; name its licence in MOSEKLM_LICENSE_FILE"):
        mfrd.solve(PROBLEM, "mosek")


@pytest.mark.skipif(LICENCE is not None, reason=f"{LICENCE}")
@pytest.mark.parametrize("budget", [0.3, 0.8, 3.0])
def test_mosek_agrees_with_clarabel(budget):
    problem = PROBLEM.with_budget("global", budget)
    ours, other = mfrd.solve(problem, "mosek"), mfrd.solve(problem, "clarabel")
    assert ours.solver == "mosek" and mfrd.solve(problem).solver == "mosek"
    assert abs(ours.rate - other.rate) <= ours.gap + other.gap
