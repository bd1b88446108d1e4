"""The wavelet of Cohen, Daubechies and Feauveau with 9 and 7 taps, back in integers: the same on every machine.

A line of n samples becomes ceil(n / 2) low and floor(n / 2) high coefficients by four steps of lifting with symmetric
ends (Daubechies and Sweldens 1998), so every size is served; a picture is transformed along both axes, and its low
band again. Scaled so, the functions of synthesis have an energy near one and are not orthogonal; what an error in one
coefficient costs is the energy of its function, inside a mask and outside:
    | sum_c e_c s_c |^2  ~  sum_c e_c^2 E_c,     E_c = sum over the samples of s_c^2.

Analysis, which only an encoder runs, is in floats. Synthesis and energies are sums, products and shifts of 64-bit
integers, so no order of summation and no unit of any processor changes a bit of what is decoded.
"""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array

LIFTING = (-1.586134342059924, -0.052980118572961, 0.882911075530934, 0.443506852043971)  # odd, even, odd, even
SCALE = 1.149604398860241  # of the low band, for functions of energy near one
FRACTION = 24  # bits of a factor: products of coefficients below 2^38 stay within 63 bits
FACTORS = tuple(round(factor * (1 << FRACTION)) for factor in LIFTING)
LOW, HIGH = (round(factor * (1 << FRACTION)) for factor in (1 / SCALE, SCALE))
UNIT = 20  # bits: an energy of 1 along one axis
APART = 16  # coefficients of one level whose functions do not overlap


def lift(even: np.ndarray, odd: np.ndarray, factor: float, onto: str) -> np.ndarray:
    """factor times the sum of the two neighbours along the last axis, of the samples `onto` "odd" or "even"."""
    if onto == "odd":
        right = np.concatenate([even[..., 1:], even[..., -1:]], axis=-1)[..., : odd.shape[-1]]
        return factor * (even[..., : odd.shape[-1]] + right)
    both = np.concatenate([odd[..., :1], odd, odd[..., -1:]], axis=-1)
    return factor * (both[..., : even.shape[-1]] + both[..., 1 : even.shape[-1] + 1])


def rounded(product: np.ndarray) -> np.ndarray:
    """A product with a factor of FRACTION bits, rounded to integers."""
    return (product + (1 << FRACTION - 1)) >> FRACTION


def analyse(line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(low, high) of floats (..., n): (..., ceil(n / 2)) and (..., floor(n / 2))."""
    even, odd = line[..., 0::2].copy(), line[..., 1::2].copy()
    if odd.shape[-1]:
        for at, factor in enumerate(np.array(FACTORS) / (1 << FRACTION)):
            if at % 2:
                even += lift(even, odd, factor, "even")
            else:
                odd += lift(even, odd, factor, "odd")
        even, odd = even * ((1 << FRACTION) / LOW), odd * ((1 << FRACTION) / HIGH)
    return even, odd


def synthesise(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The integers (..., n) of int64 low and high: the inverse of `analyse` up to rounding."""
    line = np.empty(low.shape[:-1] + (low.shape[-1] + high.shape[-1],), np.int64)
    even, odd = low, high
    if high.shape[-1]:
        even, odd = rounded(low * LOW), rounded(high * HIGH)
        for at, factor in reversed(list(enumerate(FACTORS))):
            if at % 2:
                even = even - rounded(lift(even, odd, factor, "even"))
            else:
                odd = odd - rounded(lift(even, odd, factor, "odd"))
    line[..., 0::2], line[..., 1::2] = even, odd
    return line


def levels_of(shape: tuple[int, int]) -> int:
    """How often the low band of a picture is transformed again: until its longer side is below sixteen, at most six."""
    return max(0, min(6, max(shape).bit_length() - 4))


def analyse_picture(picture: np.ndarray) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """(lowest band, [(HL, LH, HH) of each level, the coarsest first]) of floats (H, W): H across columns first."""
    low, bands = np.asarray(picture, float), []
    for _ in range(levels_of(picture.shape)):
        left, right = analyse(low)
        low, below = (part.T for part in analyse(left.T))
        beside, diagonal = (part.T for part in analyse(right.T))
        bands.append((beside, below, diagonal))
    return low, bands[::-1]


def synthesise_level(low: np.ndarray, bands: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """The next lower band, or the picture, of integers: low and (HL, LH, HH) of one level."""
    beside, below, diagonal = bands
    left, right = synthesise(low.T, below.T).T, synthesise(beside.T, diagonal.T).T
    return synthesise(left, right)


def sizes(n: int, levels: int) -> list[int]:
    """Lengths of the low band of n samples after 0, 1, ... levels."""
    found = [n]
    for _ in range(levels):
        found.append((found[-1] + 1) // 2)
    return found


def energies_of_line(n: int, levels: int) -> Iterator[tuple[csr_array, csr_array]]:
    """Yields (low, high) after each level, (coefficients, n): squared functions of synthesis, integers over 2^UNIT."""
    lengths = sizes(n, levels)
    for level in range(1, levels + 1):
        yield tuple(squares(lengths[: level + 1], high) for high in (False, True))


def squares(lengths: list[int], high: bool) -> csr_array:
    """(coefficients, n) integers: the squared functions of one level, low or high; lengths from n to the level's."""
    count = lengths[-2] - lengths[-1] if high else lengths[-1]
    level, n = len(lengths) - 1, lengths[0]
    every = np.arange(min(APART, count))[:, None]
    impulses = np.where(np.arange(count) % APART == every, 1 << UNIT, 0)
    nothing = np.zeros((len(every), lengths[-2] - count), np.int64)
    line = synthesise(nothing, impulses) if high else synthesise(impulses, nothing)
    for longer in lengths[-3::-1]:
        line = synthesise(line, np.zeros((len(every), longer - line.shape[-1]), np.int64))
    last = (count - 1 - every) // APART
    # of the functions of one row, that whose middle is within half of APART coefficients
    nearest = (np.arange(n) - (every << level) + (APART << level - 1)) // (APART << level)
    whose = every + APART * np.clip(nearest, 0, last)
    weight = (line * line) >> UNIT
    at = np.nonzero(weight)
    return csr_array((weight[at], (whose[at], at[1])), shape=(count, n))


def energies(mask: np.ndarray) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Energy inside a mask (H, W) of each function of synthesis, integers over 2^(2 UNIT): laid out as analyse_picture.

    A mask of ones gives the whole energy.
    """
    levels, weight = levels_of(mask.shape), np.asarray(mask, np.int64)
    lowest, bands = weight << 2 * UNIT, []
    for down, across in zip(*(energies_of_line(n, levels) for n in mask.shape)):
        part = {(v, h): (across[h] @ (down[v] @ weight).T).T for v in (0, 1) for h in (0, 1)}
        lowest = part[0, 0]
        bands.append((part[0, 1], part[1, 0], part[1, 1]))
    return lowest, bands[::-1]
