"""Sweeps over one budget and over two: the same answers in one process, in several, and on a cluster that loses one."""

import io
import os
import signal

import joblib
import numpy as np
import pytest
import tqdm.std
from helpers.cases import gaussian_problem
from threadpoolctl import threadpool_limits

import mfrd
from mfrd.report.kernels import SETTLED

D = [0.01, *np.linspace(0.07, 1.5, 44)]  # three runs, the first budget infeasible


def two_budgets():
    return gaussian_problem(mfrd.Fidelity(1.0), mfrd.Fidelity(0.02, on=range(24, 26), name="core"))


def content(solution):
    """Everything that was computed, to the last bit."""
    encoder = solution.encoder
    arrays = [solution.multipliers, solution.potentials]
    arrays += [] if encoder is None else [encoder.columns, encoder.support]
    return solution.solver, solution.status, solution.rate, solution.lower_bound, [a.tobytes() for a in arrays]


def contents(curve):
    return [content(solution) for solution in curve]


@pytest.mark.parametrize("solver", ["newton", "clarabel"])
def test_two_processes_give_the_serial_curve(solver):
    serial = mfrd.rd_curve(two_budgets(), "global", D, solver=solver)
    parallel = mfrd.rd_curve(two_budgets(), "global", D, solver=solver, jobs=2)
    assert contents(parallel) == contents(serial)
    assert [s.status for s in parallel] == ["infeasible"] + ["optimal"] * 44
    assert [s.problem.fidelity("global").D for s in parallel] == D
    assert np.isnan(parallel[0].prices["global"]) and not any(np.isnan(s.prices["global"]) for s in parallel[1:])


def test_the_threads_of_the_linear_algebra_change_nothing():
    source = mfrd.bumps(mfrd.grid(-3, 3, 40, 2), [1], [[0, 0]], [1])
    problem = mfrd.Problem(source, mfrd.grid(-3, 3, 10, 2), [mfrd.Fidelity(0.5)])
    curves = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            curves.append(contents(mfrd.rd_curve(problem, "global", [0.4, 0.5], solver="newton")))
    assert curves[0] == curves[1]


def test_a_measure_made_on_the_spot_goes_to_other_processes_and_stays_itself():
    cubic = mfrd.Fidelity(0.5, distortion=lambda x, y: abs(x - y.T) ** 3)
    problem = gaussian_problem(cubic)
    parallel = mfrd.rd_curve(problem, "global", [0.4, 0.5], solver="newton", jobs=2)
    assert contents(parallel) == contents(mfrd.rd_curve(problem, "global", [0.4, 0.5], solver="newton"))
    assert all(s.problem.fidelity("global").distortion is cubic.distortion for s in parallel)
    assert parallel[0].distortions["global"] == pytest.approx(0.4)


def test_a_surface_has_one_row_a_budget_of_the_first_and_one_column_a_budget_of_the_second():
    problem, rows, columns = two_budgets(), [0.3, 0.6, 0.01], [1e-5, *np.linspace(0.0135, 0.03, 21)]
    surface = mfrd.rd_surface(problem, {"global": rows, "core": columns}, solver="newton")
    assert [len(row) for row in surface] == [22, 22, 22]
    for budget, row in zip(rows, surface, strict=True):
        alone = mfrd.rd_curve(problem.with_budget("global", budget), "core", columns, solver="newton")
        assert contents(row) == contents(alone)
        assert [s.problem.fidelity("core").D for s in row] == columns
    assert {s.status for s in surface[2]} == {"infeasible"} and surface[0][0].status == "infeasible"
    rates = np.array([[s.rate for s in row[1:]] for row in surface[:2]])
    assert (np.diff(rates, axis=1) <= 1e-9).all() and (np.diff(rates, axis=0) <= 1e-9).all()
    again = mfrd.rd_surface(problem, {"global": rows, "core": columns}, solver="newton", jobs=2)
    assert [contents(row) for row in again] == [contents(row) for row in surface]


def test_budgets_may_come_one_by_one():
    given = {"global": [0.3, 0.6], "core": [0.015, 0.03]}
    once = mfrd.rd_surface(two_budgets(), {name: iter(D) for name, D in given.items()}, solver="newton")
    whole = mfrd.rd_surface(two_budgets(), given, solver="newton")
    assert [contents(row) for row in once] == [contents(row) for row in whole]


@pytest.mark.parametrize(
    "budgets, said",
    [
        ({"global": [0.5]}, r"1 fidelities \(global\); expected two"),
        ({"global": [0.5], "locale": [0.1]}, "no fidelity is named 'locale'; known: global, core"),
        ({"global": [0.5], "core": [-1]}, "budget is -1"),
        ({"global": 0.5, "core": [0.1]}, "global: budgets are 0.5; expected several"),
    ],
)
def test_a_wrong_surface_is_refused(budgets, said):
    with pytest.raises(ValueError, match=said):
        mfrd.rd_surface(two_budgets(), budgets)


@pytest.mark.parametrize("solver", ["newton", "clarabel"])
def test_budgets_that_cannot_be_met_together_are_marked(solver):
    source = mfrd.Source([0.0, 1.0], [0.5, 0.5])
    near, far = (mfrd.Fidelity(0.4, distortion=d, name=n) for n, d in (("near", np.eye(2)), ("far", 1 - np.eye(2))))
    problem = mfrd.Problem(source, [0.0, 1.0], [near, far])  # each can be zero, their sum is one
    assert [s.status for s in mfrd.rd_curve(problem, "near", [0.5, 0.7], solver=solver)] == ["infeasible", "optimal"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream, shown", [(Terminal(), True), (io.StringIO(), False)])
def test_a_bar_counts_the_budgets_on_a_terminal_only(monkeypatch, stream, shown):
    seconds = iter(range(0, 10**6, 2))
    monkeypatch.setattr(tqdm.std, "time", lambda: next(seconds))  # each look at the clock is two seconds later
    monkeypatch.setattr("sys.stderr", stream)
    mfrd.rd_curve(two_budgets(), "global", D, solver="newton")
    assert ("45/45" in stream.getvalue()) == shown and ("20/45" in stream.getvalue()) == shown
    assert shown or stream.getvalue() == ""


def killer(folder, test_process):
    """Squared error that notes which process receives it; the fourth time outside the tests' process, it kills that."""

    class Measure:
        def __call__(self, x, y):
            return mfrd.squared_error(x, y)

        def __reduce__(self):
            return arrive, ()

    def arrive():
        if os.getpid() != test_process:
            (folder / f"worked.{os.getpid()}").touch()
            log = os.open(folder / "arrivals", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(log, b".")
            if os.fstat(log).st_size == 4:
                (folder / f"killed.{os.getpid()}").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            os.close(log)
        return Measure()

    return Measure()


def test_a_cluster_that_loses_a_worker_gives_the_serial_surface(tmp_path, monkeypatch):
    for name in SETTLED:  # Dask sets some of these for its workers and leaves them set
        monkeypatch.setenv(name, os.environ.get(name, SETTLED[name]))
    from dask.distributed import Client, LocalCluster

    measure = killer(tmp_path, os.getpid())
    problem = gaussian_problem(
        mfrd.Fidelity(1.0, distortion=measure), mfrd.Fidelity(0.02, on=range(24, 26), distortion=measure, name="core")
    )
    budgets = {"global": list(np.linspace(0.3, 1.2, 8)), "core": list(np.linspace(0.005, 0.03, 5))}
    with (
        LocalCluster(n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        surface = mfrd.rd_surface(problem, budgets, solver="newton", jobs=-1)
    worked, killed = ({path.suffix for path in tmp_path.glob(f"{what}.*")} for what in ("worked", "killed"))
    assert len(killed) == 1 and killed < worked
    serial = mfrd.rd_surface(problem, budgets, solver="newton")
    assert [contents(row) for row in surface] == [contents(row) for row in serial]
