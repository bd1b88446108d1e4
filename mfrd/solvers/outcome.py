"""How an answer ended and what it cost: one vocabulary for solutions, limits, refinements and quantisers."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, log10

import numpy as np

TOLERANCE = (
    1e-6  # bits, the largest certified gap of an optimal solution, and all that a budget that binds not is worth
)
DECADES = -8  # powers of ten from which gaps are told apart: below, machines differ


class Status(StrEnum):
    """How a search ended. Each member is its word, and carries what it means as `.message`.

    >>> from mfrd.solvers.outcome import Status
    >>> Status.OPTIMAL == "optimal", Status.OPTIMAL.message
    (True, 'the certified gap is within tolerance')
    """

    message: str

    OPTIMAL = "optimal", "the certified gap is within tolerance"
    INFEASIBLE = "infeasible", "no encoder on this codebook meets the budgets"
    INTERRUPTED = "interrupted", "the search was stopped; rate and bound hold, and their gap is what it had reached"
    STALLED = "stalled", "the search gets no further; what it holds is valid, what it sought is not reached"
    CONVERGED = "converged", "a round merged nothing and moved no codeword that is in use"
    EXHAUSTED = "exhausted", "the rounds ran out before a round changed nothing"
    EXACT = "exact", "no quantiser of the kind searched has a lower rate, up to rounding"
    FOUND = "found", "the best of a search that proves nothing; only a lower bound judges it"

    def __new__(cls, word: str, message: str) -> "Status":
        """The member of that word, with its message."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.message = message
        return member


class SolverFailed(RuntimeError):
    """A solver returned no answer, or one that is none."""


@dataclass(frozen=True)
class Stats:
    """What an answer cost.

    iterations: of the method that ran (Newton steps, interior-point iterations, updates or rounds); seconds: of wall
    time, from the call to the answer; attempts: settings, backends or starts that were tried, the last one with
    success; backend: who answered.
    """

    iterations: int = 0
    seconds: float = 0.0
    attempts: int = 1
    backend: str = ""


@dataclass(frozen=True, eq=False)
class Proposal:
    """What a backend proposes: the dual point from which encoder and certificate are made, none of it trusted.

    multipliers: lam, (R,), nats per unit distortion; q: output pmf, (m,); potentials: a for
    excesses, (n,), nats, or None for the best that follow from the others; iterations: what it took.
    """

    multipliers: np.ndarray
    q: np.ndarray
    potentials: np.ndarray | None = None
    iterations: int = 0


def binds(price: float, D: float) -> bool:
    """Whether a budget D at that price, bits per unit distortion, is worth more bits than a certified gap may hide.

    >>> from mfrd.solvers.outcome import binds
    >>> binds(0.5, 0.1), binds(1e-12, 0.1), binds(float("inf"), 0.0)
    (True, False, True)
    """
    return bool(price == np.inf or price * D > TOLERANCE)


def decade(gap: float, least: int = DECADES) -> float:
    """The power of ten that a gap in bits is not above, at least 10^least, which also stands for gaps <= 0.

    >>> from mfrd.solvers.outcome import decade
    >>> decade(3.1e-7), decade(1e-7), decade(2e-11), decade(-1e-16)
    (1e-06, 1e-07, 1e-08, 1e-08)
    """
    return float(f"1e{max(ceil(log10(gap)) if gap > 0 else least, least)}")
