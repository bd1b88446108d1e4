"""Which conic form: the same problems in three forms, solved by Clarabel, certified alike.

    python benchmarks/forms.py        prints a table and writes results/forms.json

Each form proposes dual variables; the gap is evaluated from them by mfrd.certificate, with the encoder made feasible
in the same way, so that only the form differs. Times are ratios to the form that mfrd uses, in the same run.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import cvxpy as cp
import numpy as np

import mfrd
import mfrd.report.outputs
from mfrd.solvers.certificate import potentials
from mfrd.solvers.choice import encoder_and_dual
from mfrd.solvers.conic import SETTINGS, DualProgram, SolverFailed
from mfrd.solvers.outcome import Proposal, decade
from mfrd.solvers.solution import Solution

ROOT = Path(__file__).resolve().parents[1]
TIGHT = SETTINGS["clarabel"][0]


def problems():
    """The report's hardest fixed-codebook problems that a conic solver can take, by name."""
    x, g = mfrd.grid(-8, 8, 100), mfrd.grid(-8, 8, 40, 2)
    line = mfrd.bumps(x, [0.25] * 3, [-5, -1, 2.5], [0.3, 0.6, 0.4], 0.015625)
    plane = mfrd.bumps(g, [1] * 4, [[-4, -4], [4, -4], [-4, 4], [4, 4]], [1] * 4, 0.1)
    draw = np.sort(np.random.default_rng(0).uniform(-8, 8, 64))
    core = lambda D, on: mfrd.Fidelity(D, on=on, name="core")
    yield (
        "gaussian_1d, D 0.6",
        mfrd.Problem(mfrd.bumps(mfrd.grid(-3, 3, 50), [1], [0], [1]), mfrd.grid(-3, 3, 8), [mfrd.Fidelity(0.6)]),
    )
    for name, codebook in (("64 even", mfrd.grid(-8, 8, 64)), ("64 random", draw)):
        yield f"refine_1d, {name}, D' 0.02", mfrd.Problem(line, codebook, [mfrd.Fidelity(0.6), core(0.02, abs(x) < 1)])
    for D, inner in ((8, 0.15), (4, 0.1)):
        yield (
            f"refine_2d, D {D}, D' {inner}",
            mfrd.Problem(plane, mfrd.grid(-8, 8, 6, 2), [mfrd.Fidelity(D), core(inner, np.hypot(*g.T) < 2)]),
        )


def scaled(problem):
    """(costs [(n, m)], budgets (R,), units (R,)) of the rows in units of a typical distortion."""
    w, g = problem.rows.weights, problem.rows.measure
    units = problem.scale[g]
    costs = [w[r][:, None] * problem.excess(g[r]) / units[r] for r in range(len(w))]
    return costs, problem.excess_budgets / units, units


def primal(problem):
    """Joint pmf J = p Q with the output pmf as a variable: one relative-entropy cone a pair."""
    costs, budgets, units = scaled(problem)
    J, q, p = cp.Variable((problem.n, problem.m)), cp.Variable(problem.m), problem.source.p
    product = p[:, None] @ cp.reshape(q, (1, problem.m), order="C")
    rows = [cp.sum(cp.multiply(C, J)) <= D for C, D in zip(costs, budgets)]
    cp.Problem(
        cp.Minimize(cp.sum(cp.rel_entr(J, product))), [*rows, cp.sum(J, axis=1) == p, cp.sum(J, axis=0) == q]
    ).solve(solver="CLARABEL", **TIGHT)
    if q.value is None:
        raise cp.SolverError("no answer")
    return np.maximum([float(r.dual_value) for r in rows], 0) / units, None, np.maximum(q.value, 0)


def dual_exponentials(problem):
    """The dual with sum_i p_i u_ij <= 1, u_ij >= exp(a_i - s_ij): no variable t_j."""
    costs, budgets, units = scaled(problem)
    n, m, p = problem.n, problem.m, problem.source.p
    a, lam, u = cp.Variable(n), cp.Variable(len(units), nonneg=True), cp.Variable((n, m))
    exponent = cp.reshape(a, (n, 1), order="C") @ np.ones((1, m)) - sum(lam[r] * C for r, C in enumerate(costs))
    masses = p @ u <= 1
    cp.Problem(cp.Maximize(p @ a - budgets @ lam), [masses, cp.ExpCone(exponent, np.ones((n, m)), u)]).solve(
        solver="CLARABEL", **TIGHT
    )
    if a.value is None:
        raise cp.SolverError("no answer")
    return np.maximum(lam.value, 0) / units, a.value, np.maximum(masses.dual_value, 0)


def dual_log_sum_exp(problem):
    """The form mfrd uses: the dual with a variable t_j a codeword (conic.DualProgram)."""
    answer = DualProgram(problem).solve(problem, "clarabel", **TIGHT)
    return answer.multipliers, answer.potentials, answer.q


FORMS = {"dual, log-sum-exp": dual_log_sum_exp, "dual, exponentials": dual_exponentials, "primal, joint pmf": primal}


def measure(problem, form):
    """(certified gap in bits or None where the solver failed, seconds)."""
    start = time.perf_counter()
    try:
        multipliers, a, q = form(problem)
    except (SolverFailed, cp.SolverError):
        return None, time.perf_counter() - start
    seconds = time.perf_counter() - start
    q = q / q.sum()
    a = potentials(problem, multipliers, q[q > 0], np.flatnonzero(q)) if a is None else a
    return Solution(problem, *encoder_and_dual(problem, Proposal(multipliers, q, a))).gap, seconds


def main():
    """Measure every form on every problem; print the table and write results/forms.json."""
    warnings.simplefilter("ignore")
    results = {}
    for name, problem in problems():
        reference, results[name] = None, {}
        for label, form in FORMS.items():
            gap, seconds = measure(problem, form)
            reference = reference or seconds
            results[name][label] = {
                "gap_bits": None if gap is None else decade(gap, -16),
                "time_ratio": round(seconds / reference, 2),
            }
            shown = "failed " if gap is None else f"{gap:7.0e}"
            print(f"{name:28s} {label:20s} gap {shown} bits   {seconds / reference:5.2f} x the time", file=sys.stderr)
    mfrd.report.outputs.write_atomic(ROOT / "results" / "forms.json", (json.dumps(results, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
