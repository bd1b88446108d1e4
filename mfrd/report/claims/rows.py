"""A row of the table of claims, its verdict, and how numbers are written in it."""

from dataclasses import dataclass

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Row:
    """One claim: its key, its text, its section in the report, what the report says, what we measure, the
    tolerance and the verdict; corrects: the key of the claim that this row states correctly, or ""."""

    key: str
    claim: str
    where: str
    says: str
    measured: str
    tolerance: str
    verdict: str
    corrects: str = ""


def judge(everywhere, where=""):
    """The verdict: "holds" if `everywhere`, else "holds where <where>" if that is given, else "does not hold"."""
    if everywhere:
        return "holds"
    return f"holds where {where}" if where else "does not hold"


def fixed(value, digits):
    """A number with that many decimals and a true minus sign; no minus before zero."""
    text = f"{value:.{digits}f}"
    return f"−{text[1:]}" if text[0] == "-" and float(text) else text.lstrip("-")


def power(value):
    """A magnitude such as 3·10⁻⁸; 0 for zero."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.0e}".split("e")
    power_of_ten = "10" + str(int(exponent)).translate(SUPERSCRIPT)
    return power_of_ten if mantissa == "1" else f"{mantissa}·{power_of_ten}".replace("-", "−")
