"""Sums without rounding: pairs of floats, and rationals."""

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


def exact_sum(terms: list[float]) -> Fraction:
    """The sum of finite floats, exactly: what fsum rounds is taken off until nothing is left."""
    terms, parts = terms.copy(), []
    while part := math.fsum(terms):
        parts.append(part.as_integer_ratio())  # the denominators are powers of two
        terms.append(-part)
    common = max((below for _, below in parts), default=1)
    return Fraction(sum(above * (common // below) for above, below in parts), common)


def exact_dot(x: np.ndarray, y: np.ndarray) -> Fraction:
    """sum_i x_i y_i of finite floats, (n,) each, exactly."""
    with np.errstate(over="ignore", invalid="ignore"):
        product, rest = two_product(x, y)
        size = abs(product)
        pairs = (size > 1e-270) & (size < 1e290) & (np.maximum(abs(x), abs(y)) < 1e290)
    others = ~pairs & (x != 0) & (y != 0)
    total = exact_sum(product[pairs].tolist() + rest[pairs].tolist())
    return sum((Fraction(a) * Fraction(b) for a, b in zip(x[others].tolist(), y[others].tolist())), total)


def up(value: Fraction) -> float:
    """The least float that is not below a number."""
    try:
        nearest = float(value)
    except OverflowError:
        return math.inf if value > 0 else -np.finfo(float).max
    return nearest if nearest >= value else math.nextafter(nearest, math.inf)
