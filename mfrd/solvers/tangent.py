"""The optimum at given prices: the tangent of R(D), where it touches, and from where to where a budget is useful.

    min_Q  I(X;Y) + sum_k price_k E_k   within the budgets of the other fidelities
is the saddle with prices that stay as they are. Its encoder is the optimum at the budgets that it spends, and the same
multipliers prove so: the answer is the Solution of the problem with these budgets.
"""

import time
from collections.abc import Iterable, Mapping

import numpy as np

from ..problems.problem import Problem
from ..problems.units import NATS_PER_BIT
from ..problems.values import number, tolerance
from .active_set import solve_dual
from .certificate import U, as_they_are
from .choice import tightened
from .encoder import Encoder
from .feasibility import interior, out_of_reach, repair, together
from .outcome import TOLERANCE, Stats
from .solution import NotCertified, Solution


def solve_at_prices(problem: Problem, prices: Mapping[str, float], *, tol: float = TOLERANCE) -> Solution:
    """The encoder of least I(X;Y) plus priced distortion: where R(D) has a given slope.

        min_Q  I(X;Y) + sum_k price_k E_k,   E_k = what fidelity k bounds,

    over the fidelities that `prices` names, whose budgets say nothing, within the budgets of the others.

    Parameters
    ----------
    problem : Problem
    prices : mapping of str to float
        Bits per unit distortion, >= 0, by fidelity name; 0 drops a budget, and is the only one of per="letter".
    tol : float
        Largest certified gap, bits.

    Returns
    -------
    Solution
        Of the problem whose budgets, where priced, are what the encoder spends: .distortions; .rate, .lower_bound and
        .gap at these, so that rate + price D is within .gap of its least; .prices, as given; .ranges, {name: (D-, D+)},
        where R has that slope with the other budgets as they are.

    Raises
    ------
    InfeasibleFidelity
        Where no encoder meets the budgets that are held.
    NotCertified
        Where the gap is above tol.
    ValueError
        Where a name is unknown, a price is negative or not finite, or a fidelity has a price a letter.

    References
    ----------
    Blahut (1972); Berger (1971), section 2.5, the curve by its slope.

    Examples
    --------
    >>> import mfrd
    >>> letters = mfrd.Source([0.0, 1.0], [0.5, 0.5])
    >>> problem = mfrd.Problem(letters, [0.0, 1.0], mfrd.Fidelity(0.1, distortion=mfrd.hamming))
    >>> solution = mfrd.solve_at_prices(problem, {"global": 2.0})  # log2((1 - D) / D) = 2
    >>> round(solution.distortions["global"], 6), round(solution.rate, 6), bool(solution.gap < 1e-9)
    (0.2, 0.278072, True)
    """
    held, start, tol = held_prices(problem, prices), time.perf_counter(), tolerance(tol)
    slack = without(problem, prices)
    interior(slack)
    proposal, _ = solve_dual(slack, held=held)
    support = np.flatnonzero(proposal.q)
    lam, Q, b = tightened(slack, proposal.multipliers, proposal.q[support], support)
    encoder = Encoder(problem.source, problem.codebook, *repair(slack, Q, support))
    spent, asked = problem.rows.largest(encoder.spent(problem.rows)), problem
    for name in prices:
        asked = asked.with_budget(name, spent[name])
    stats = Stats(proposal.iterations, time.perf_counter() - start, 1, "newton")
    answer = Solution(asked, encoder, lam, as_they_are(asked, lam, b, centred=True), stats, given=tuple(prices))
    rounding = 4 * U * sum(encoder.columns.shape) * (1 + answer.rate)
    if not -rounding <= answer.gap <= tol:
        raise NotCertified(
            f"no certified gap within {tol:g} bits at prices {dict(prices)} (newton: certified gap {answer.gap:.2g} "
            "bits); expected one: raise tol, or give distortions of the order of one"
        )
    return answer


def held_prices(problem: Problem, prices: Mapping[str, float]) -> np.ndarray:
    """Prices in nats of the rows that `prices` names, (R,), not a number on others; ValueError where one is none."""
    if not isinstance(prices, Mapping) or not prices:
        raise ValueError(f"prices are {prices!r}; expected a price by fidelity name, as {{'global': 2.0}}")
    held = np.full(len(problem.rows), np.nan)
    for name, price in prices.items():
        letters = problem.fidelity(name).per == "letter"
        price = number(price, f"{name}: price is", "a finite number >= 0, bits per unit distortion")
        if letters and price > 0:
            said = f'{name}: one price of a fidelity per="letter", which has a price a letter'
            raise ValueError(f'{said}; expected 0, or another form: per="joint" or "subset"')
        held[np.array(problem.rows.names) == name] = price * NATS_PER_BIT
    return held


def without(problem: Problem, names: Iterable[str]) -> Problem:
    """The problem with budgets of these fidelities that nothing exceeds."""
    rows, p = problem.rows, problem.source.p
    for name in names:
        most = 0.0
        for r in np.flatnonzero(np.array(rows.names) == name):
            farthest = np.zeros(problem.n)
            for block in problem.blocks():  # what is forbidden is so at any budget
                d = problem.distortion(rows.measure[r], block)
                farthest = np.maximum(farthest, d.max(axis=1, initial=0.0, where=d < np.inf))
            most = max(most, 4 * (rows.weights[r] * p) @ farthest)
        problem = problem.with_budget(name, float(most) or 1.0)
    return problem


def least(problem: Problem, name: str) -> float:
    """The least budget of a fidelity that some encoder keeps, the others as given; raises InfeasibleFidelity."""
    others, own = without(problem, [name]), problem.rows.owner == problem.fidelities.index(problem.fidelity(name))
    interior(others)
    alone = problem.with_budget(name, float(problem.row_least[own].max(initial=0.0)))
    if len(problem.rows.measures) == 1:
        return alone.fidelity(name).D
    raised, names = together(alone, name)
    if names != [name] and together(others)[1]:  # else rounding alone had others raised besides
        raise out_of_reach(others)
    return raised.fidelity(name).D


def most(problem: Problem, name: str) -> float:
    """The budget of a fidelity from which the rate no longer falls, the others as given; raises as solve_at_prices."""
    return solve_at_prices(problem, {name: 0.0}).ranges[name][0]
