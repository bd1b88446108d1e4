"""The best m contiguous cells of letters on a line, by dynamic programming.

With cost(a, b), the squared error of the letters a .. b - 1 about their mean,
    E_j(b) = min_a E_{j-1}(a) + cost(a, b).
The cost is a Monge array, cost(a, b) + cost(a', b') <= cost(a, b') + cost(a', b) for a <= a' <= b <= b', so that the
best a does not fall as b grows: the middle b of a range splits the candidates for both halves of it, and a layer takes
O(n log n) (Wu 1991). All middles of one depth are evaluated at once.

The cost is a difference of prefix sums of p, p x and p x^2 about a centre, which cancel where a cell is narrow or
light: each is kept as a pair of floats (Dekker 1971), right to 2^-100 of the whole.
"""

from typing import TypeAlias

import numpy as np

from ..problems.rounding import two_product, two_sum

Pair: TypeAlias = tuple[np.ndarray, np.ndarray]  # a number as the sum of two floats


def best_cells(x: np.ndarray, mass: np.ndarray, m: int) -> np.ndarray:
    """The edges, (m + 1,) from 0 to n, of the m contiguous cells of least sum of mass_i (x_i - mean of cell)^2.

    x: (n,), ascending and distinct; mass: (n,), positive; m: 1 to n.
    """
    n, cost = len(x), Costs(x, mass)
    best, chosen = cost(np.zeros(n + 1, int), np.arange(n + 1)), np.zeros((m, n + 1), np.int32)
    for j in range(1, m):
        last = n - (m - 1 - j)  # each later cell has a letter
        best, chosen[j] = layer(best, cost, j + 1 if last < n else n, last, j)
    edges = [n]
    for j in range(m - 1, -1, -1):
        edges.append(int(chosen[j, edges[-1]]))
    return np.array(edges[::-1])


def layer(before: np.ndarray, cost: "Costs", first: int, last: int, least: int) -> tuple[np.ndarray, np.ndarray]:
    """(E_j(b), (n + 1,), infinite outside first <= b <= last; the best a of each), with a >= least."""
    value, chosen = np.full(len(before), np.inf), np.zeros(len(before), np.int32)
    low, high, a, z = (np.array([end]) for end in (first, last, least, last - 1))  # of b, and of the best a
    while len(low):
        b = (low + high) // 2
        count = np.minimum(z, b - 1) - a + 1
        start = np.cumsum(count) - count
        of = np.repeat(np.arange(len(b)), count)
        tried = np.arange(len(of)) - start[of] + a[of]
        reached = before[tried] + cost(tried, b[of])
        least_of = np.minimum.reduceat(reached, start)
        equal = np.flatnonzero(reached == least_of[of])
        best = tried[equal[np.unique(of[equal], return_index=True)[1]]]
        value[b], chosen[b] = least_of, best
        low, high, a, z = (np.concatenate(ends) for ends in ((low, b + 1), (b - 1, high), (a, best), (best, z)))
        some = low <= high
        low, high, a, z = low[some], high[some], a[some], z[some]
    return value, chosen


class Costs:
    """cost(a, b) of letters on a line, from prefix sums in pairs of floats; in units of the square of .unit."""

    def __init__(self, x: np.ndarray, mass: np.ndarray) -> None:
        unit = np.ldexp(1.0, np.frexp(np.ptp(x))[1]) if len(x) > 1 else 1.0  # a power of two: scaling is exact
        place = two_sum(x / unit, np.full(len(x), -(mass @ x) / mass.sum() / unit))
        weight = mass, np.zeros(len(x))
        moment = product(weight, place)
        self.sums = [prefix(terms) for terms in (weight, moment, product(moment, place))]

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The squared error of letters a .. b - 1 about their mean, of arrays a <= b; zero where a = b."""
        mass, moment, square = (total((high[b], low[b]), (-high[a], -low[a])) for high, low in self.sums)
        empty = mass[0] <= 0
        share = quotient(product(moment, moment), (np.where(empty, 1.0, mass[0]), mass[1]))
        high, low = total(square, (-share[0], -share[1]))
        return np.where(empty, 0.0, np.maximum(high + low, 0.0))


def total(x: Pair, y: Pair) -> Pair:
    """x + y."""
    high, rest = two_sum(x[0], y[0])
    return two_sum(high, rest + (x[1] + y[1]))


def product(x: Pair, y: Pair) -> Pair:
    """x y."""
    high, rest = two_product(x[0], y[0])
    return two_sum(high, rest + (x[0] * y[1] + x[1] * y[0]))


def quotient(x: Pair, y: Pair) -> Pair:
    """x / y."""
    high = x[0] / y[0]
    back, rest = two_product(high, y[0])
    return two_sum(high, ((x[0] - back) - rest + x[1] - high * y[1]) / y[0])


def prefix(terms: Pair) -> Pair:
    """The sums of the first 0, 1, ..., n terms, (n + 1,), by doubling (Hillis and Steele 1986)."""
    high, low = (np.append(0.0, part) for part in terms)
    step = 1
    while step < len(high):
        added = total((high[step:], low[step:]), (high[:-step], low[:-step]))
        high, low = np.append(high[:step], added[0]), np.append(low[:step], added[1])
        step *= 2
    return high, low
