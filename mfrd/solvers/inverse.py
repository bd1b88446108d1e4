"""D(R): the least distortion at a given rate, from both sides.

With the other budgets as given R falls and is convex, and what multipliers prove at one budget they prove at all,
    R(D) >= bound_k - price_k (D - D_k):
no encoder of at most `bits` spends less than where the highest of these tangents falls to them. Just above, an encoder
of at most that rate ends the search.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from ..problems.problem import Problem
from ..problems.values import number, tolerance
from .active_set import Newton
from .choice import certified
from .outcome import TOLERANCE
from .solution import NotCertified, Solution, distortion_bound

STEPS = 100  # of the search
IDLE = 1e-9  # share of a budget that is left where it does not bind
CLOSE = 1e-10  # bits, to which the rate is met where gaps allow


def distortion_at_rate(problem: Problem, name: str, bits: float, *, tol: float = TOLERANCE) -> Solution:
    """D(R): the encoder of least distortion among those of at most a given rate, the other budgets as they are.

        min_Q  E_name  s.t.  I(X;Y) <= bits,  E_k <= D_k for the other fidelities.

    Parameters
    ----------
    problem : Problem
        Its budget of that name says nothing.
    name : str
        The fidelity.
    bits : float
        I(X;Y) at most, >= 0.
    tol : float
        Bits by which the answer's price times the gap in distortion may be off.

    Returns
    -------
    Solution
        Of the problem with the least budget found: .distortions[name] is reached at .rate <= bits, and
        .distortion_bounds[name] is certified: no encoder of at most `bits` within the other budgets spends less.

    Raises
    ------
    InfeasibleFidelity
        Where no encoder meets the other budgets.
    NotCertified
        Where the two ends do not come within tol.
    ValueError
        Where the name is unknown, or bits are no number >= 0, or less than the other budgets need.

    References
    ----------
    Berger (1971), section 2.5; Kelley (1960), tangents of a convex function.

    Examples
    --------
    >>> import mfrd
    >>> letters = mfrd.Source([0.0, 1.0], [0.5, 0.5])
    >>> problem = mfrd.Problem(letters, [0.0, 1.0], mfrd.Fidelity(0.1, distortion=mfrd.hamming))
    >>> found = mfrd.distortion_at_rate(problem, "global", 0.5)  # 1 - h(D) = 0.5
    >>> round(found.distortions["global"], 6), round(found.distortion_bounds["global"], 6)
    (0.110028, 0.110028)
    """
    bits, tol = checked_bits(bits), tolerance(tol)
    least, most = problem.least(name), problem.most(name)

    warm = Newton()

    def evaluate(D: float) -> Solution:
        at = problem.with_budget(name, D)
        if least < D < most:
            with suppress(NotCertified):  # where codewords of the budget before do not serve this one
                return certified(at, [warm], tol)
        return certified(at, [Newton()], tol)

    def proven(answer: Solution) -> tuple[float, float]:
        return answer.certificate, problem.rows.prices(answer.multipliers)[name]

    best, proof = search(evaluate, proven, name, bits, least, max(least, most), tol)
    best = replace(best, problem=spent_of(best.problem, name, best.distortions[name]))
    return replace(best, multipliers=proof.multipliers, potentials=proof.potentials, bits=float(bits))


def spent_of(problem: Problem, name: str, spent: float) -> Problem:
    """The problem whose budget of that name is what was spent, where that is less by more than rounding."""
    return problem.with_budget(name, spent) if spent < (1 - IDLE) * problem.fidelity(name).D else problem


def checked_bits(bits: float) -> float:
    """A rate as a float; a ValueError where it is none."""
    return number(bits, "bits is", "a finite number >= 0, the rate I(X;Y) at most")


def search(
    evaluate: Callable[[float], Any],
    proven: Callable[[Any], tuple[float, float]],
    name: str,
    bits: float,
    least: float,
    most: float,
    tol: float,
    stopped: Callable[[Any], bool] = lambda answer: False,
) -> tuple[Any, Any]:
    """(best, proof): the answer at the least budget with a rate of at most `bits`, and that whose tangent proves so.

    evaluate: the answer at a budget, with .rate, .lower_bound and .prices; proven: the bound that the multipliers of an
    answer prove, below zero too, and their price, bits; least: the least budget that has an answer; most: one from
    which the rate no longer falls; tol: bits that may lie between the two ends, unless an answer is one that was
    `stopped`, which is the last.
    """
    best = evaluate(most)
    at = min(most, best.distortions[name])
    if best.lower_bound > bits:
        said = f"bits is {bits:g}; the other budgets need {best.lower_bound:.10g} whatever that of {name} is"
        raise ValueError(f"{said}: raise bits, or the other budgets")
    if stopped(best):
        return best, best
    edge, bits = evaluate(least), max(bits, best.rate)  # which may be above by no more than its gap
    if edge.rate <= bits:
        return edge, edge
    if stopped(edge):
        return best, best
    proof, bound, price, D = edge, least, np.inf, least + 0.5 * (at - least)
    for _ in range(STEPS):
        answer = evaluate(D)
        height, slope = proven(answer)
        tangent = distortion_bound(D, least, height - bits, slope)
        if tangent > bound:
            proof, bound = answer, tangent
        if answer.rate <= bits:
            best, at = answer, min(D, answer.distortions[name])
        else:
            price = answer.prices[name]
        if stopped(answer):
            return best, proof
        close = max(CLOSE, 4 * (answer.rate - answer.lower_bound))
        if at - bound <= 2 * close / price:
            break
        before, D = D, bound + close / price
        if np.isinf(price):  # no rate above is known yet: on to where a Gaussian's law through this one leads, and some
            law = answer.prices[name] * before * np.log(2)
            D = before * 2.0 ** -min(1.1 * (bits - answer.rate) / law, 4.0) if law > 0 else least + 0.25 * (at - least)
        if not bound < D < at:
            D = least + 0.1 * (at - least) if bound <= least else 0.5 * (bound + at)
        if D in (before, bound, at):
            break
    if at - bound > tol / price:
        raise NotCertified(
            f"{name}: the least distortion at {bits:g} bits lies from {bound:.10g} to {at:.10g}; expected "
            f"an interval worth at most {tol:g} bits: raise tol"
        )
    return best, proof
