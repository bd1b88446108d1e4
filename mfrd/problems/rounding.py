"""Sums without rounding: pairs of floats, and integers."""

import math
from fractions import Fraction

import numpy as np


def two_sum(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(s, e): s = x + y rounded and x + y = s + e exactly (Knuth 1969)."""
    s = x + y
    v = s - x
    return s, (x - (s - v)) + (y - v)


def two_product(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(s, e): s = x y rounded and x y = s + e exactly (Dekker 1971), of factors below 1e290, products above 1e-270."""
    s = x * y
    xh, yh = (z * 134217729.0 - (z * 134217729.0 - z) for z in (x, y))
    xl, yl = x - xh, y - yh
    return s, ((xh * yh - s) + xh * yl + xl * yh) + xl * yl


def exact_dot(x: np.ndarray, y: np.ndarray) -> Fraction:
    """sum_i x_i y_i of finite floats, (n,) each, exactly."""
    (M, E), (N, F) = (integers(z) for z in (x, y))
    terms = [(m * n, e + f) for m, e, n, f in zip(M, E, N, F) if m and n]
    least = min((power for _, power in terms), default=0)
    return Fraction(sum(term << (power - least) for term, power in terms)) * Fraction(2) ** least


def integers(x: np.ndarray) -> tuple[list[int], list[int]]:
    """(N, E): x = N 2^E, of finite floats."""
    mantissa, exponent = np.frexp(np.asarray(x, float))
    return (mantissa * 2.0**53).astype(np.int64).tolist(), (exponent - 53).tolist()


def up(value: Fraction) -> float:
    """The least float that is not below a number."""
    try:
        nearest = float(value)
    except OverflowError:
        return math.inf if value > 0 else -np.finfo(float).max
    return nearest if nearest >= value else math.nextafter(nearest, math.inf)
