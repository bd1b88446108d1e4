"""What users hand in, checked once: samples, points, probabilities, matrices and single numbers, as float64.

Nothing becomes silently something else. Refused by name, with what to do: masked entries, missing times (NaT), complex
numbers, text, objects that are no real numbers, tables with named columns, and whole numbers that float64 cannot hold.
Times are taken as counts of their own unit.
"""

import math
import warnings
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

EXACT = 2**53  # whole numbers up to it are float64s


def plain(values: Any, what: str) -> np.ndarray:
    """`values` as an array of whatever type they are; a ValueError with `what` they are where some are masked."""
    if np.ma.isMaskedArray(values) or isinstance(values, (list, tuple)) and any(map(np.ma.isMaskedArray, values)):
        with warnings.catch_warnings(action="ignore"):  # NumPy's own, that a masked number in a list becomes NaN
            flags = np.ma.getmaskarray(np.ma.array(values))
        if flags.any():
            row = f", the first in row {np.argwhere(flags)[0][0]}" if flags.ndim else ""
            raise ValueError(
                f"{what}: {flags.sum()} of {flags.size} entries are masked{row}; expected none: drop them, as "
                ".compressed() does, or fill them, as .filled(value) does"
            )
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} is no array ({error}); expected rows of one length") from None


def real_array(values: Any, what: str, expected: str) -> np.ndarray:
    """`values` as a float array; a ValueError with `what` they are and the shape `expected` where some are no reals.

    Infinities and NaN pass, and NaT as NaN: where they may stand is the caller's to say.
    """
    given = plain(values, what)
    reason = unreal(given)
    if reason:
        raise ValueError(f"{what} is no array of numbers ({reason}); expected real numbers, {expected}")
    if given.dtype.kind in "mM":
        counts = given.astype(np.int64)
        held = np.where(np.isnat(given), np.nan, counts)
        check_exact(counts[~np.isnat(given)], what)
        return held
    if given.dtype.kind in "iu":
        check_exact(given, what)
    return np.asarray(given, float)


def unreal(given: np.ndarray) -> str | None:
    """Why an array holds what is no real number; None where it holds none."""
    kind = given.dtype.kind
    if kind == "c":
        return "it is complex: take .real, or real and imaginary parts as two columns"
    if kind in "US":
        return f"it holds text, such as {''.join(map(str, given.ravel()[:1]))!r}: convert it by .astype(float)"
    if kind == "V":
        return f"it has named columns {', '.join(given.dtype.names or ())}: choose one by its name"
    if kind == "O":
        for place, item in np.ndenumerate(given):
            if not fits(item):
                row = f"row {place[0]}" if place else "it"
                return f"{row} holds {shortened(item)}, of type {type(item).__name__}"
    return None


def fits(item: Any) -> bool:
    """Whether an object is a real number that float64 holds, whole numbers exactly, others rounded."""
    try:
        return isinstance(item, (Real, Decimal)) and (float(item) == item or not isinstance(item, int))
    except (OverflowError, ValueError):  # a ratio beyond the largest float; a signalling NaN
        return False


def shortened(item: Any) -> str:
    """What an object is called in an error, in a line."""
    if isinstance(item, int) and abs(item) >= 10**40:
        return f"a number of {int(math.log10(abs(item))) + 1} digits"
    said = repr(item)
    return said if len(said) <= 60 else f"{said[:57]}..."


def check_exact(whole: np.ndarray, what: str) -> None:
    """Raise ValueError where float64 does not hold some of an array of whole numbers."""
    if not whole.size or -EXACT <= int(whole.min()) and int(whole.max()) <= EXACT:
        return
    lost = next((int(i) for i in whole.flat if int(float(i)) != int(i)), None)
    if lost is not None:
        raise ValueError(
            f"{what} holds {lost}, a whole number that float64 does not hold; expected at most 2^53 in size: "
            "subtract the first, or count in a larger unit"
        )


def as_points(values: Any, what: str) -> np.ndarray:
    """A finite float array (n, k) from (n,) or (n, k); `what` names it in the error."""
    points = real_array(values, what, "(n,) or (n, k)")
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or 0 in points.shape:
        raise ValueError(f"{what} has shape {np.shape(values)}; expected (n,) or (n, k) with n, k >= 1")
    if not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise ValueError(f"{what} holds {points[row]} in row {row}; expected finite numbers: drop or mend that row")
    return points


def probabilities(values: Any, n: int) -> np.ndarray:
    """A pmf (n,), >= 0, that sums to one within 1e-9, or within their rounding where all are numbers of float32.

    Numbers of machine precision u that were divided by their own sum miss one by about sqrt(n) u.
    """
    p = real_array(values, "pmf", "(n,)")
    if p.shape != (n,):
        raise ValueError(f"pmf has shape {p.shape}; expected ({n},), one probability a source point")
    if not np.isfinite(p).all():
        raise ValueError(f"pmf holds {p[~np.isfinite(p)][0]}; expected finite numbers: mend it")
    if p.min() < 0:
        raise ValueError(
            f"pmf holds {p.min():g} at index {p.argmin()}; expected numbers >= 0: mend it, or drop that letter"
        )
    single = (p.astype(np.float32) == p).all()
    within = (8 + np.sqrt(n)) * np.finfo(np.float32).eps if single else 1e-9
    if abs(p.sum() - 1) > within:
        raise ValueError(f"pmf sums to {p.sum():.10g}; expected 1 (within {within:.2g}): divide it by its sum")
    return p


def number(value: Any, what: str, expected: str, least: float = 0.0, *, open: bool = False) -> float:
    """`value` as a float, >= least (> least where open) and finite; a ValueError that names `what` where it is not.

    Numbers of NumPy and arrays without axes are numbers; what is masked, complex or text is none.
    """
    held = value.item() if isinstance(value, (np.ndarray, np.generic)) and np.ndim(value) == 0 else value
    fits = isinstance(held, (Real, Decimal)) and not np.ma.is_masked(value)
    found = float(held) if fits else np.nan
    if not (found > least if open else found >= least) or found == np.inf:
        raise ValueError(f"{what} {value!r}; expected {expected}")
    return found


def tolerance(tol: Any) -> float:
    """A tolerance in bits, > 0, as a float; a ValueError where it is none."""
    return number(tol, "tol is", "a number of bits > 0, such as 1e-6", open=True)
