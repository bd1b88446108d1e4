"""Solving: try the backends in order, certify what they propose, name the one that ran.

A backend has a .name, a number of .attempts (its settings, tried in turn), propose(problem, attempt) -> Proposal, and
forget(), called after an answer that is none or is not certified: what it holds serves the next budgets of a sweep.
"""

import logging
import time
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from scipy.optimize import brentq

from ..problems.fidelity import InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.values import tolerance
from . import conic
from .active_set import Newton
from .certificate import U, as_they_are, excess_encoder, log_weights, lower_bound
from .encoder import Encoder
from .feasibility import ULPS, interior, on_joint_edge, overshoot, repair
from .outcome import TOLERANCE, Proposal, SolverFailed, Stats
from .solution import NotCertified, Solution

log = logging.getLogger("mfrd")

OVER = 1e-9  # of a budget that is exceeded, from which its price is raised: less is left to a step to the interior
LOOSE = 0.01  # of a budget that is missed, and nats that a typical distortion costs, from which prices are mended
SHARE = 1e-13  # of what its budget leaves, by which rounding may take an encoder over it
SOLVERS = ("auto", "mosek", "clarabel", "newton")
CONIC_PAIRS = 20_000  # letters times codewords up to which Clarabel answers in 1 to 4 s of one core, where it does


@cache
def announce_fallback() -> None:
    """One line, once a process, where MOSEK cannot be used."""
    log.info("%s; solving with Clarabel.", conic.mosek_licence())


@cache
def announce_size(size: str) -> None:
    """One line, once a process and size, where Clarabel is passed over."""
    said = (
        "%s pairs of letters and codewords are more than the %d that Clarabel answers in seconds; solving with newton."
    )
    log.warning(said, size, CONIC_PAIRS)


def backends(solver: str) -> list[str]:
    """The names of the backends that `solver` stands for, in the order they are tried.

    Parameters
    ----------
    solver : str
        "auto", "mosek", "clarabel" or "newton".

    Returns
    -------
    list of str
        "auto" without a MOSEK licence: "clarabel" and "newton", of which problems of more than 20,000 pairs of letters
        and codewords ask the second alone.

    Raises
    ------
    ValueError
        Where the solver is unknown; the message lists the known.
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


def made(names: Sequence[str]) -> list:
    """Backends of these names, with nothing to remember; Clarabel before another is tried once."""
    order = [Newton() if name == "newton" else conic.Conic(name) for name in names]
    for backend in order[:-1]:
        if backend.name == "clarabel":
            backend.attempts = 1
    return order


def fitting(order: list, problem: Problem) -> list:
    """The backends that `problem` asks, in order: Clarabel with others only where it answers in seconds."""
    few = [backend for backend in order if backend.name != "clarabel"]
    if len(few) in (0, len(order)) or problem.n * problem.m <= CONIC_PAIRS:
        return order
    if few[0] is not order[0]:
        announce_size(f"{problem.n} x {problem.m}")
    return few


def solve(problem: Problem, solver: str = "auto", *, tol: float = TOLERANCE) -> Solution:
    """The encoder of least I(X;Y) within the budgets, with a proof of how near the least it is.

        min_Q  I(X;Y) = sum_ij p_i Q_ij log2(Q_ij / q_j),   q_j = sum_i p_i Q_ij,
        s.t.   Q_ij >= 0,  sum_j Q_ij = 1,  sum_i p_i w_ri sum_j Q_ij d(x_i, y_j) <= D_r for each budget row r.

    The weights w_ri say what a budget bounds: with mfrd.Fidelity(D) w_ri = 1, a mean over all letters; with `on`
    only the letters of a subset count. The problem is convex, so its least value is global, and its dual
    variables, the prices lam_r, bound every encoder within the budgets from below, whoever found them.

    Parameters
    ----------
    problem : Problem
    solver : str
        "auto" (MOSEK where installed and licensed, else Clarabel, once, where it answers in seconds, up to 20,000 pairs
        of letters and codewords; Newton beyond and where the answer is not certified), "mosek", "clarabel" or "newton"
        (interior point on the saddle, active set of codewords).
    tol : float
        Largest certified gap, bits.

    Returns
    -------
    Solution
        Of status "optimal":
        .rate, I(X;Y) in bits, reached by .encoder, which has .Q (n, m) and .output_pmf (m,);
        .lower_bound, bits that no encoder on this codebook within the budgets goes below; .gap = rate - lower_bound;
        .prices, by fidelity name, bits that one more unit of its budget saves; 0 where it does not bind;
        .distortions, by fidelity name, what was spent of each budget;
        .solver, the backend that ran; .stats, what it cost.

    Raises
    ------
    InfeasibleFidelity
        Where no encoder meets the budgets: raise the one it names above its .least, and any other that its message
        names, or add codewords near its letters.
    NotCertified
        Where no gap is within tol, with each backend's reason: try solver="newton", a larger tol, points and
        distortions of the order of one or, where budgets of several measures are together on the least they reach,
        those it names.
    ValueError
        Where the solver is unknown, or tol is not above zero.

    References
    ----------
    Blahut (1972); the dual geometric program of Chiang and Boyd (2004).

    Examples
    --------
    >>> import mfrd
    >>> x = mfrd.grid(-3, 3, 50)
    >>> source = mfrd.bumps(x, [1], [0], [1])  # a Gaussian on 50 letters
    >>> budgets = [mfrd.Fidelity(0.5), mfrd.Fidelity(0.05, on=abs(x) < 0.5, name="core")]
    >>> solution = mfrd.solve(mfrd.Problem(source, mfrd.grid(-3, 3, 13), budgets))
    >>> round(solution.rate, 4), bool(solution.gap < 1e-6)
    (0.4929, True)
    >>> {name: round(price, 3) for name, price in solution.prices.items()}
    {'global': 1.443, 'core': 0.516}
    """
    tol = tolerance(tol)
    order = made(backends(solver))
    if not isinstance(problem, Problem):
        raise ValueError(f"problem is {problem!r}; expected an mfrd.Problem of a source, a codebook and fidelities")
    return certified(problem, order, tol)


def certified(problem: Problem, order: list, tol: float) -> Solution:
    """The first answer of the backends in `order` whose gap is within tol; raises as `solve`."""
    start, tried, order = time.perf_counter(), 0, fitting(order, problem)
    reasons: list[str] = []
    names = [backend.name for backend in order]
    problem.check_feasible()
    if names[0] != "newton":  # which tells in passing
        reachable(problem)
    for backend in order:
        for attempt in range(backend.attempts):
            tried += 1
            try:
                proposal = backend.propose(problem, attempt)
                answer = encoder_and_dual(problem, proposal)
                stats = Stats(proposal.iterations, time.perf_counter() - start, tried, backend.name)
                solution = Solution(problem, *answer, stats)
                rounding = 4 * U * sum(answer[0].columns.shape) * (1 + solution.rate)  # of I(X;Y): no bound is above
                if -rounding <= solution.gap <= tol:
                    if backend is not order[0]:
                        log.warning("%s; solved with %s.", "; ".join(dict.fromkeys(reasons)), backend.name)
                    return solution
                reason = f"certified gap {solution.gap:.2g} bits"
            except InfeasibleFidelity:
                raise
            except SolverFailed as error:
                reason = str(error)
            except Exception as error:  # whatever a backend dies of, the next one is asked
                log.debug("%s failed", backend.name, exc_info=error)
                reason = f"{type(error).__name__}: {error}"
            reasons.append(f"{backend.name}: {reason}")
            backend.forget()
    reachable(problem)
    edge = [
        f"{name} from {least:.10g}, the least it reaches with the others as they are, to {enough:.10g}"
        for name, (least, enough) in on_joint_edge(problem).items()
    ]
    remedy = f"raise {' or '.join(edge)}" if edge else "raise tol or use another solver"
    if names == ["mosek"] and conic.mosek_licence():
        remedy = "name its licence in MOSEKLM_LICENSE_FILE, after pip install 'mfrd[mosek]', or use another solver"
    raise NotCertified(f"no certified gap within {tol:g} bits ({'; '.join(dict.fromkeys(reasons))}); {remedy}")


def reachable(problem: Problem) -> None:
    """Raise InfeasibleFidelity where the budgets cannot be met together, NotCertified where that remains unknown."""
    try:
        interior(problem)
    except SolverFailed as error:
        raise NotCertified(f"{error}; give distortions and budgets of the order of one") from error


def encoder_and_dual(problem: Problem, proposal: Proposal) -> tuple[Encoder, np.ndarray, np.ndarray]:
    """(feasible encoder, multipliers (R,), potentials (n,)) from the dual point of a backend: the better certificate.

    Raises SolverFailed where it is none of `problem`, or the encoder exceeds a budget by more than rounding.
    """
    lam = conic.returned("multipliers", proposal.multipliers, problem.rows.D.shape)
    q = conic.returned("an output pmf", proposal.q, (problem.m,))
    support = np.flatnonzero(q)
    Q = best = np.nan
    if len(support):
        with np.errstate(over="ignore", invalid="ignore"):
            lam, Q, b = tightened(problem, lam, q[support], support)
            best = as_they_are(problem, lam, b, centred=True)
    if not (np.isfinite(Q).all() and np.isfinite(best).all()):
        raise SolverFailed("returned multipliers and an output pmf from which no encoder follows")
    encoder = Encoder(problem.source, problem.codebook, *repair(problem, Q, support))
    if encoder.rate < TOLERANCE:  # where a codeword alone keeps the budgets, nothing need be sent, and costs nothing
        whole, free = np.ones((problem.n, 1)), np.zeros_like(lam)
        for alone in encoder.support[encoder.columns.any(axis=0), None]:
            forbidden = problem.never is not None and problem.never[:, alone].any()
            if not forbidden and (overshoot(problem, whole, alone) <= 0).all():
                constant = Encoder(problem.source, problem.codebook, whole, alone)
                return constant, free, as_they_are(problem, free, np.zeros(problem.n), centred=True)
    over = overshoot(problem, encoder.columns, encoder.support) - (ULPS + 1) * np.spacing(problem.rows.D)
    if len(problem.rows.measures) == 1:  # of several, the others may leave less than the slack
        over -= SHARE * problem.excess_budgets
    if not (over <= 0).all():
        worst = problem.rows.names[np.argmax(over)]
        raise SolverFailed(f"returned a dual point whose encoder exceeds {worst} by {over.max():.2g}")
    if proposal.potentials is not None:
        b = conic.returned("potentials", proposal.potentials, (problem.n,), least=-np.inf)
        proposed = as_they_are(problem, lam, b, centred=True)
        best = max(best, proposed, key=lambda a: lower_bound(problem, lam, a))
    return encoder, lam, best


def tightened(
    problem: Problem, lam: np.ndarray, q: np.ndarray, support: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(lam (R,), Q (n, support), b (n,)): prices at which Q spends what it exceeded by over OVER, or idly missed.

    A budget of 1e-12 of a typical distortion may be missed by a factor at hardly any cost, and its price is then off by
    a factor: so by over LOOSE.
    """
    budget, lam = problem.excess_budgets, lam.copy()
    scale = problem.units * ((problem.rows.weights > 0) @ problem.source.p)
    for rounds in range(4):
        Q, b = excess_encoder(problem, lam, q, support)
        E = problem.mean_excess(Q, support)
        miss = abs(E - budget)
        off = (miss > LOOSE * budget) & (lam * miss < TOLERANCE) & (lam * scale > LOOSE)
        off = (budget > 1e-290) & (off | (lam > 0) & (E - budget > OVER * budget))
        if rounds == 3 or not off.any():
            break
        for r in np.flatnonzero(off):
            missed, low, high = spending(problem, lam, q, support, r), 0.0, lam[r]
            while missed(high) > 0 and high < 1e300:
                low, high = high, 2 * high
            lam[r] = brentq(missed, low, high, xtol=1e-300, rtol=1e-12) if missed(low) > 0 > missed(high) else low
    return lam, Q, b


def spending(problem: Problem, lam: np.ndarray, q: np.ndarray, support: np.ndarray, r: int) -> Callable[[float], float]:
    """The function of the price of row r, the others as in lam, that is log E_r / D_r, zero where E_r is nearly D_r."""
    letters = (problem.rows.weights[r] > 0) & (problem.source.p > 0)
    cost = problem.rows.weights[r, letters, None] * problem.excess(problem.rows.measure[r], support)[letters]
    others = np.where(np.arange(len(lam)) == r, 0.0, lam)
    fixed = log_weights(problem, others, q, support)[letters]
    p, budget = problem.source.p[letters], problem.excess_budgets[r]

    def missed(price: float) -> float:
        log_Q = fixed - price * cost
        Q = np.exp(log_Q - log_Q.max(axis=1, keepdims=True))
        E = p @ ((Q * cost).sum(axis=1) / Q.sum(axis=1))
        found = float(np.log(max(E, 1e-300) / budget))
        return 0.0 if abs(found) < OVER / 4 else found

    return missed
