"""The conic backends: the dual geometric program through CVXPY's exponential cone.

    max_{a, lam >= 0}  sum_i p_i a_i - lam . D   s.t.   log sum_i p_i exp(a_i - s_ij) <= 0 for each j
(Chiang and Boyd 2004). The multiplier of codeword j is its output mass q_j, and the encoder is
Q_ij = q_j exp(-s_ij) / z_i. Each log-sum-exp keeps a variable t_j of its own, with one exponential
cone a pair, u_ij >= exp(log p_i + a_i - s_ij - t_j), sum_i u_ij <= 1 and t_j <= 0: of the forms
that benchmarks/forms.py measures, the only one certified to 1e-8 bits on every problem. The budgets
enter the objective alone, so one compilation serves a sweep.
"""

import warnings
from functools import cache
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..problems.problem import Problem
from .certificate import excess_potentials
from .outcome import Proposal, SolverFailed

SETTINGS: dict[str, list[dict]] = {  # tried in turn until the gap is certified
    "mosek": [{"mosek_params": {"MSK_DPAR_INTPNT_CO_TOL_REL_GAP": 1e-10}}, {}],
    "clarabel": [
        dict(tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11, max_step_fraction=0.9),
        dict(tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9, static_regularization_constant=1e-10),
        {},
    ],
}


@cache
def mosek_licence() -> str | None:
    """None where MOSEK is installed and licensed, else the reason why it cannot be used."""
    try:
        import mosek
    except ImportError:
        return "MOSEK is not installed"
    try:
        with mosek.Env() as env:
            env.checkoutlicense(mosek.feature.pton)
    except mosek.Error as error:
        return f"MOSEK is installed without a usable licence ({error.errno})"
    return None


recheck_licence = mosek_licence.cache_clear  # after a failure: a licence may expire between two solves


def returned(what: str, values: object, shape: tuple, least: float = 0.0) -> np.ndarray:
    """`values` that a solver returned, as an array of that shape; `what` names them in the error.

    Raises SolverFailed where there are none, or some are not finite, or below `least`.
    """
    found = np.asarray(np.nan if values is None else values, float)
    if values is None or found.shape != shape:
        raise SolverFailed(f"returned {what} {'None' if values is None else found.shape}; expected shape {shape}")
    if not np.isfinite(found).all() or found.min(initial=np.inf) < least:
        raise SolverFailed(
            f"returned {what} with {found[~(np.isfinite(found) & (found >= least))][0]:g}; "
            f"expected finite numbers{'' if least == -np.inf else f' >= {least:g}'}"
        )
    return found


class Conic:
    """A conic solver as a backend; the compiled program, with the solver's state, outlives certified answers alone."""

    def __init__(self, name: str) -> None:
        self.name, self.attempts = name, len(SETTINGS[name])
        self.forget()

    def forget(self) -> None:
        """Drop the program, whose last answer was none or not certified."""
        self.program: DualProgram | None = None

    def propose(self, problem: Problem, attempt: int = 0) -> Proposal:
        """The dual point by the settings of that attempt; SolverFailed where there is none, or no licence."""
        reason = mosek_licence() if self.name == "mosek" else None
        if reason:
            raise SolverFailed(reason)
        if self.program is None:
            self.program = DualProgram(problem)
        return self.program.solve(problem, self.name, **SETTINGS[self.name][attempt])


class DualProgram:
    """The dual of one problem, compiled once and solved for any budgets on the same rows.

    Letters of probability zero are left out, and so are budgets on the least they reach and the pairs they forbid.
    """

    def __init__(self, problem: Problem) -> None:
        import cvxpy as cp  # a second to import, and not needed by Newton's method

        w, g = problem.rows.weights, problem.rows.measure
        self.letters = np.flatnonzero(problem.source.p > 0)
        self.free = np.flatnonzero(~problem.edges.pinned)
        self.units = problem.units  # solve in prices per typical distortion
        p = problem.source.p[self.letters]
        n, m, R = len(self.letters), problem.m, len(self.free)

        keep = problem.edges.allow(np.ones((problem.n, m), bool), slice(None), False)[self.letters].ravel()
        pair = np.arange(n * m)[keep]
        excess = [problem.excess(h)[self.letters] for h in range(len(problem.rows.measures))]
        rates = [(w[r, self.letters, None] * excess[g[r]]).ravel()[keep] / self.units[r] for r in self.free]
        i, j, k = pair // m, pair % m, np.arange(len(pair))
        self.a, t = cp.Variable(n), cp.Variable(m)
        self.lam, self.budget = cp.Variable(max(R, 1), nonneg=True), cp.Parameter(max(R, 1))
        u = cp.Variable(len(pair))
        of_letter = sp.csr_array((np.ones(len(pair)), (k, i)), (len(pair), n))
        of_codeword = sp.csr_array((np.ones(len(pair)), (k, j)), (len(pair), m))
        exponent = of_letter @ self.a - of_codeword @ t + np.log(p)[i]
        if R:
            exponent = exponent - sp.csr_array(np.column_stack(rates)) @ self.lam
        self.masses = t <= 0  # its multiplier is q
        objective = p @ self.a - self.budget @ self.lam
        cones = cp.ExpCone(exponent, np.ones(len(pair)), u)
        self.program = cp.Problem(cp.Maximize(objective), [cones, of_codeword.T @ u <= 1, self.masses])

    def set_budgets(self, problem: Problem) -> None:
        """Budgets of `problem`, in the units of this program."""
        free = (problem.excess_budgets / self.units)[self.free]
        self.budget.value = free if len(free) else np.ones(1)  # no free budget: an idle price

    def solve(self, problem: Problem, solver: str, **options: Any) -> Proposal:
        """The dual point for the budgets of `problem`.

        Raises SolverFailed where the solver returns none.
        """
        self.set_budgets(problem)
        with warnings.catch_warnings():  # inaccuracy is measured by the certificate, not announced
            warnings.simplefilter("ignore", UserWarning)
            try:
                self.program.solve(solver=solver.upper(), **options)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:  # MOSEK's own Error too; a panic of Clarabel's is no Exception
                recheck_licence()
                raise SolverFailed(f"{type(error).__name__}: {error}") from error
        if self.a.value is None or self.masses.dual_value is None:
            raise SolverFailed(f"ended with status {self.program.status}")
        multipliers = np.zeros(len(problem.rows))
        if len(self.free):
            lam = returned("prices", self.lam.value, (len(self.free),), least=-np.inf)
            multipliers[self.free] = np.maximum(lam, 0) / self.units[self.free]
        multipliers = problem.edges.multipliers(problem, multipliers)
        q = np.maximum(returned("an output pmf", self.masses.dual_value, (problem.m,), least=-np.inf), 0)
        if not q.any():
            raise SolverFailed("returned an output pmf of zeros; expected a positive mass")
        q = q / q.sum()
        potentials = excess_potentials(problem, multipliers, q)
        potentials[self.letters] = returned("potentials", self.a.value, (len(self.letters),), least=-np.inf)
        return Proposal(multipliers, q, potentials, getattr(self.program.solver_stats, "num_iters", 0) or 0)
