"""The list of verdicts, what a test of a claim returns, and how numbers are written in it."""

from enum import StrEnum
from typing import NamedTuple

import numpy as np

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Verdict(StrEnum):
    """What can come of a claim. Each member is its words, and carries what they mean as `.message`."""

    message: str

    TRUE = "true as stated", "the claim's own words pass their test at the report's settings"
    IDLE = "true, but idle at the published settings", "it passes, but a budget that cannot bind has no part in it"
    CONDITION = "true under a condition", "it passes where the condition beside it holds, and not elsewhere"
    UNLIKE = ("unlike things compared", "what it compares differs otherwise too; the fair comparison stands beside it")
    FALSE = "false", "it does not pass"
    NOT_EXAMINED = "not examined", "no result here bears on it; the reason stands beside it"

    def __new__(cls, words: str, message: str) -> "Verdict":
        """The member of these words."""
        member = str.__new__(cls, words)
        member._value_ = words
        member.message = message
        return member


class Judgement(NamedTuple):
    """A verdict, the measured values in words, and what stands beside it ("" for nothing).

    Beside a verdict stands its condition, the fair comparison, a reason or a remark.
    """

    verdict: Verdict
    measured: str
    beside: str = ""


def judge(measured: str, beside: str = "", **outcomes: bool | str) -> Judgement:
    """The first of the outcomes (names of verdicts in lower case) that is given as true, else false.

    An outcome given as words, the condition or the fair comparison, is true unless empty, and its words stand beside the verdict.

    >>> judge("2 of 3", true=False, condition="x > 0").verdict.value
    'true under a condition'
    """
    for name, found in outcomes.items():
        if found:
            return Judgement(Verdict[name.upper()], measured, found if isinstance(found, str) else beside)
    return Judgement(Verdict.FALSE, measured, beside)


def fixed(value: float, digits: int) -> str:
    """A number with that many decimals and a true minus sign; no minus before zero."""
    text = f"{value:.{digits}f}"
    return f"−{text[1:]}" if text[0] == "-" and float(text) else text.lstrip("-")


def percent(share: float, digits: int = 0) -> str:
    """A share in per cent."""
    return f"{fixed(100 * share, digits)} %"


def power(value: float) -> str:
    """A magnitude such as 3·10⁻⁸; 0 for zero."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.0e}".split("e")
    power_of_ten = "10" + str(int(exponent)).translate(SUPERSCRIPT)
    return power_of_ten if mantissa == "1" else f"{mantissa}·{power_of_ten}".replace("-", "−")


def ranges(D: np.ndarray, holds: np.ndarray) -> str:
    """The budgets at which something holds, as ranges of a sweep: "0.13 ≤ D ≤ 0.86 or D ≥ 1.07"; "" for none.

    D: budgets in ascending order, shape (N,); holds: shape (N,), bool.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], holds, [False]]).astype(int))).reshape(-1, 2)
    words = []
    for first, beyond in edges:
        low = f"{fixed(D[first], 2)} ≤ " if first > 0 and beyond < len(D) else ""
        if beyond == len(D):
            words.append(f"D ≥ {fixed(D[first], 2)}")
        else:
            words.append(f"{low}D ≤ {fixed(D[beyond - 1], 2)}")
    return " or ".join(words)
