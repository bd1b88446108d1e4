"""The list of verdicts, what a test of a claim finds, and how numbers are written in words."""

import string
from enum import StrEnum
from typing import Any, NamedTuple

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


class Finding(NamedTuple):
    """What a test finds: which verdicts hold, and the numbers that the sentences of the claim's entry name.

    A verdict with a sentence of its own (condition, unlike) needs that sentence; `remark`: whether the remark applies.
    """

    true: bool | np.bool
    numbers: dict[str, Any] = {}
    idle: bool | np.bool = False
    condition: bool | np.bool = True
    unlike: bool | np.bool = False
    remark: bool | np.bool = True


class Judgement(NamedTuple):
    """A verdict, the measured values in words, and what stands beside it ("" for nothing).

    Beside a verdict stands its condition, the fair comparison, a reason or a remark.
    """

    verdict: Verdict
    measured: str
    beside: str = ""


def judge(measured: str, beside: str = "", **outcomes: Any) -> Judgement:
    """The first of the outcomes (names of verdicts in lower case) that is given as true, else false.

    An outcome given as words, the condition or the fair comparison, is true unless empty, and its words stand beside
    the verdict.

    >>> judge("2 of 3", true=False, condition="x > 0").verdict.value
    'true under a condition'
    """
    for name, found in outcomes.items():
        if found:
            return Judgement(Verdict[name.upper()], measured, found if isinstance(found, str) else beside)
    return Judgement(Verdict.FALSE, measured, beside)


def number(value: Any, style: str) -> str:
    """A value in words; style is a format specification, or one of ours.

    ".2f", ".1%": a true minus sign, none before zero; "e": a power of ten; "e-9": the same, not below 10⁻⁹;
    "met|missed": the first word where the value is true.

    >>> number(-0.0312, ".1%"), number(2.9e-8, "e"), number(0, "e"), number(0, "e-9"), number(False, "met|missed")
    ('−3.1 %', '3·10⁻⁸', '0', '10⁻⁹', 'missed')
    """
    if "|" in style:
        return style.split("|")[not value]
    if style.endswith(("f", "%")):
        return format(value, f"z{style}").replace("-", "−").replace("%", " %")
    if not style.startswith("e"):
        return format(value, style)
    value = max(value, float(f"1{style}")) if style != "e" else value
    mantissa, exponent = f"{value:.0e}".split("e")
    power = "10" + str(int(exponent)).translate(SUPERSCRIPT)
    return (power if mantissa == "1" else f"{mantissa}·{power}").replace("-", "−") if value else "0"


class Sentence(string.Formatter):
    """Templates as of str.format, with the styles of `number`: `Sentence().vformat(template, (), values)`."""

    def format_field(self, value: Any, style: str) -> str:
        """One value in words."""
        return number(value, style)


def ranges(D: np.ndarray, holds: np.ndarray) -> str:
    """The budgets at which something holds, as ranges of a sweep: "0.13 ≤ D ≤ 0.86 or D ≥ 1.07"; "" for none.

    D: budgets in ascending order, shape (N,); holds: shape (N,), bool.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], holds, [False]]).astype(int))).reshape(-1, 2)
    words = []
    for first, beyond in edges:
        low = f"{D[first]:.2f} ≤ " if first > 0 else ""
        words.append(f"{low}D ≤ {D[beyond - 1]:.2f}" if beyond < len(D) else f"D ≥ {D[first]:.2f}")
    return " or ".join(words)
