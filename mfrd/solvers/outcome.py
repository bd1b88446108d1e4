"""How an answer ended and what it cost: one vocabulary for solutions, limits, refinements and quantisers."""

from dataclasses import dataclass
from enum import StrEnum


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
        member = str.__new__(cls, word)
        member._value_ = word
        member.message = message
        return member


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
