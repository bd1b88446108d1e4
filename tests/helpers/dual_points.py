"""Dual points of a primal-dual conic solver for hard problems, recorded once, and replayed as MOSEK's answers.

    PYTHONPATH=tests python -m helpers.dual_points       records them anew in dual_points.json

MOSEK answers where it is licensed; else Clarabel, at MOSEK's tolerances, and its status becomes the one with which
MOSEK says so. A point is what CVXPY leaves in the variables of `DualProgram`: a, lam and the multipliers q.
"""

import json
import warnings
from pathlib import Path

import cvxpy as cp
import numpy as np

import mfrd
from mfrd.solvers import conic

from .hard_problems import hard_problem

PATH = Path(__file__).with_suffix(".json")
SEED, COUNT = 3000, 120
AT_MOSEK_S = dict(tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-8)
# MOSEK's word for how it ended (mosek.solsta), and CVXPY's for that; where a word has no values it leaves none
STATUS = {
    "optimal": cp.OPTIMAL,
    "unknown": cp.SOLVER_ERROR,
    "prim_infeas_cer": cp.INFEASIBLE,
    "dual_infeas_cer": cp.UNBOUNDED,
}


def problem_of(point):
    """The problem that a point was recorded for."""
    return hard_problem(np.random.default_rng([SEED, point["index"]]))


def recorded():
    """The points as [dict]."""
    return json.loads(PATH.read_text())["points"]


def record():
    """Write the points of all problems whose budgets can be met one by one."""
    mosek = conic.mosek_licence() is None
    options = conic.SETTINGS["mosek"][0] if mosek else AT_MOSEK_S
    points = []
    for index in range(COUNT):
        problem = problem_of({"index": index})
        program = conic.DualProgram(problem)
        program.set_budgets(problem)
        try:
            problem.check_feasible()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                program.program.solve("MOSEK" if mosek else "CLARABEL", **options)
            status = {"optimal_inaccurate": cp.SOLVER_ERROR}.get(program.program.status, program.program.status)
        except mfrd.InfeasibleFidelity:
            continue
        except BaseException as error:  # a panic of Clarabel's is no Exception
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            status = cp.SOLVER_ERROR
        word = next(word for word, said in STATUS.items() if said == status)
        values = {"a": program.a.value, "lam": program.lam.value, "q": program.masses.dual_value}
        points.append(
            {"index": index, "status": word, **{k: None if v is None else v.tolist() for k, v in values.items()}}
        )
    by = "MOSEK" if mosek else "Clarabel at MOSEK's tolerances, since MOSEK had no licence"
    PATH.write_text("\n".join([f'{{"by": "{by}", "points": [', ",\n".join(map(json.dumps, points)), "]}", ""]))


def replayed(point, change=None):
    """A cvxpy.Problem.solve that answers with a point, each value through change(name, value) where that is given."""

    def solve(program, *, solver, **options):
        assert solver == "MOSEK"
        status = STATUS[point["status"]]
        if status == cp.SOLVER_ERROR:
            raise cp.SolverError("Solver 'MOSEK' failed. Try another solver, or solve with verbose=True.")
        masses = program.constraints[-1]
        a, lam = (next(v for v in program.objective.variables() if v.is_nonneg() == nonneg) for nonneg in (False, True))
        for name, variable in (("a", a), ("lam", lam), ("q", masses.dual_variables[0])):
            value = None if point[name] is None else np.array(point[name])
            variable.save_value(value if change is None or value is None else change(name, value))

    return solve


if __name__ == "__main__":
    record()
