"""Solving: try the backends in order, certify what they return, name the one that ran."""

import logging
from functools import cache

import numpy as np

from ..problems.fidelity import InfeasibleFidelity
from ..problems.problem import Problem
from . import conic
from .active_set import newton
from .certificate import dual_encoder, lower_bound
from .encoder import Encoder
from .feasibility import interior, on_joint_edge, repair
from .solution import NotCertified, Solution

log = logging.getLogger("mfrd")

SOLVERS = ("auto", "mosek", "clarabel", "newton")
TOLERANCE = 1e-6  # bits, the largest certified gap of an optimal solution
SETTINGS: dict[str, list[dict]] = {  # tried in turn until the gap is certified
    "mosek": [{"mosek_params": {"MSK_DPAR_INTPNT_CO_TOL_REL_GAP": 1e-10}}, {}],
    "clarabel": [
        dict(tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11, max_step_fraction=0.9),
        dict(tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9, static_regularization_constant=1e-10),
        {},
    ],
}


@cache
def announce_fallback():
    """One line, once a process, where MOSEK cannot be used."""
    log.warning("%s; solving with Clarabel.", conic.mosek_licence())


def backends(solver):
    """The backends that `solver` stands for, in the order they are tried, as a list of names.

    Raises ValueError for an unknown solver; it lists the known.
    """
    if solver not in SOLVERS:
        raise ValueError(f"solver is {solver!r}; expected one of {', '.join(SOLVERS)}")
    if solver == "mosek" and conic.mosek_licence():
        conic.recheck_licence()  # it may have come since
    if solver != "auto":
        return [solver]
    if conic.mosek_licence() is None:
        return ["mosek", "clarabel", "newton"]
    announce_fallback()
    return ["clarabel", "newton"]


def solve(problem, solver="auto", *, tol=TOLERANCE):
    """The encoder of least I(X;Y) within the budgets, with a proof of how near the least it is.

        min_Q  I(X;Y) = sum_ij p_i Q_ij log2(Q_ij / q_j),   q_j = sum_i p_i Q_ij,
        s.t.   Q_ij >= 0,  sum_j Q_ij = 1,  sum_i p_i w_ri sum_j Q_ij d(x_i, y_j) <= D_r for each budget row r.

    The weights w_ri say what a budget bounds: with mfrd.Fidelity(D) w_ri = 1, a mean over all letters; with `on`
    only the letters of a subset count. The problem is convex, so its least value is global, and its dual
    variables, the prices lam_r, bound every encoder within the budgets from below, whoever found them.

    problem: Problem; solver: "auto" (MOSEK where installed and licensed, else Clarabel, and Newton where
    neither is certified), "mosek", "clarabel" or "newton" (interior point on the saddle, active set of
    codewords); tol: largest certified gap in bits.
    -> Solution of status "optimal":
        .rate           I(X;Y) in bits, reached by .encoder, which has .Q (n, m) and .output_pmf (m,)
        .lower_bound    bits that no encoder on this codebook within the budgets goes below; .gap = rate - lower_bound
        .prices         by fidelity name, bits that one more unit of its budget saves; 0 where it does not bind
        .distortions    by fidelity name, what was spent of each budget
        .solver         the backend that ran

    >>> import mfrd
    >>> x = mfrd.grid(-3, 3, 50)
    >>> source = mfrd.bumps(x, [1], [0], [1])  # a Gaussian on 50 letters
    >>> budgets = [mfrd.Fidelity(0.5), mfrd.Fidelity(0.05, on=abs(x) < 0.5, name="core")]
    >>> solution = mfrd.solve(mfrd.Problem(source, mfrd.grid(-3, 3, 13), budgets))
    >>> round(solution.rate, 4), bool(solution.gap < 1e-6)
    (0.4929, True)
    >>> {name: round(price, 3) for name, price in solution.prices.items()}
    {'global': 1.443, 'core': 0.516}

    Raises InfeasibleFidelity where no encoder meets the budgets: raise the one it names above its .least, and any
    other that its message names, or add codewords near its letters. NotCertified, with each backend's reason, where no
    gap is within tol: try solver="newton", a larger tol, points and distortions of the order of one or, where budgets
    of several measures are together on the least they reach, those it names. ValueError for an unknown solver, or where
    tol is not above zero.
    Source: Blahut (1972); the dual geometric program of Chiang and Boyd (2004).
    """
    if not (isinstance(tol, (int, float)) and tol > 0):
        raise ValueError(f"tol is {tol!r}; expected a number of bits > 0, such as 1e-6")
    order = backends(solver)
    check(problem, order)
    return certified(problem, order, tol, {})


def check(problem, order):
    """Raise InfeasibleFidelity where no encoder meets the budgets; Newton's method tells in passing."""
    if not isinstance(problem, Problem):
        raise ValueError(f"problem is {problem!r}; expected an mfrd.Problem of a source, a codebook and fidelities")
    problem.check_feasible()
    if order != ["newton"]:
        interior(problem)


def certified(problem, order, tol, kept):
    """The first answer whose gap is within tol; `kept` is what one budget of a sweep leaves to the next."""
    reasons = []
    for backend in order:
        propose = newton_proposals if backend == "newton" else conic_proposals
        for solution in propose(problem, backend, kept, reasons):
            if -TOLERANCE <= solution.gap <= tol:  # a bound above the rate is rounding, not a certificate
                if backend != order[0]:
                    log.warning("%s; solved with %s.", "; ".join(dict.fromkeys(reasons)), backend)
                return solution
            reasons.append(f"{backend}: certified gap {solution.gap:.2g} bits")
    interior(problem)  # raises where the budgets cannot be met together
    edge = [
        f"{name} from {least:.10g}, the least it reaches with the others as they are, to {enough:.10g}"
        for name, (least, enough) in on_joint_edge(problem).items()
    ]
    remedy = f"raise {' or '.join(edge)}" if edge else "raise tol or use another solver"
    if order == ["mosek"] and conic.mosek_licence():
        remedy = "name its licence in MOSEKLM_LICENSE_FILE, after pip install 'mfrd[mosek]', or use another solver"
    raise NotCertified(f"no certified gap within {tol:g} bits ({'; '.join(dict.fromkeys(reasons))}); {remedy}")


def newton_proposals(problem, backend, kept, reasons):
    """The answer of Newton's method, warm from the budget before; one that is not certified leaves nothing behind."""

    def run():
        multipliers, q, warm = newton(problem, kept.pop(backend, None))
        return _solution(problem, multipliers, None, q, backend), warm

    answer = _attempt(run, backend, reasons)
    if answer is not None:
        solution, kept[backend] = answer
        yield solution
        del kept[backend]


def conic_proposals(problem, backend, kept, reasons):
    """The answers of a conic solver, one for each of its settings; `reasons` collects its failures.

    The compiled program, which keeps the solver's state and settings, outlives certified answers alone.
    """

    def run(options):
        if "dual" not in kept:
            kept["dual"] = conic.DualProgram(problem)
        multipliers, a, q = kept["dual"].solve(problem, backend, **options)
        return _solution(problem, multipliers, a, q, backend)

    for options in SETTINGS[backend]:
        if backend == "mosek" and conic.mosek_licence():
            reasons.append(f"mosek: {conic.mosek_licence()}")
            return
        solution = _attempt(lambda: run(options), backend, reasons)  # noqa: B023, called at once
        if solution is not None:
            yield solution
        kept.pop("dual", None)


def _attempt(run, backend, reasons):
    """What `run()` returns, or None where it raises; the reason is then among `reasons`."""
    try:
        return run()
    except InfeasibleFidelity:
        raise
    except conic.SolverFailed as error:
        reasons.append(f"{backend}: {error}")
    except Exception as error:  # whatever a backend dies of, the next one is asked
        log.debug("%s failed", backend, exc_info=error)
        reasons.append(f"{backend}: {type(error).__name__}: {error}")
    return None


def _solution(problem, multipliers, proposed, q, backend):
    """A feasible encoder and the better of two certificates from the dual variables of a backend.

    Raises SolverFailed where these are no dual variables of `problem`.
    """
    multipliers = conic.returned("multipliers", multipliers, problem.rows.D.shape)
    q = conic.returned("an output pmf", q, (problem.m,))
    support = np.flatnonzero(q)
    Q = best = np.nan
    if len(support):
        with np.errstate(over="ignore", invalid="ignore"):
            Q, best = dual_encoder(problem, multipliers, q[support], support)
    if not (np.isfinite(Q).all() and np.isfinite(best).all()):
        raise conic.SolverFailed("returned multipliers and an output pmf from which no encoder follows")
    Q, support = repair(problem, Q, support)
    encoder = Encoder(problem.source, problem.codebook, Q, support)
    if proposed is not None:
        proposed = conic.returned("potentials", proposed, (problem.n,), least=-np.inf)
        bounds = [lower_bound(problem, multipliers, a) for a in (proposed, best)]
        if bounds[1] <= bounds[0] <= encoder.rate + TOLERANCE:
            best = proposed
    return Solution(problem, encoder, multipliers, best, backend)
