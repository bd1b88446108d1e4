"""Integer arrays to bytes and back, each coded with its own histogram as the model.

The model of an array is its exact histogram, so its payload costs N times its empirical entropy, and the histogram
carries the length. Numbers are little-endian:

    lengths  S (u32) bytes of histograms, W (u32) words of payload
    histograms, deflated: number of arrays, then for each: how many values, the least value, and the count of each value
             from the least to the largest, all as variable-length integers of seven bits a byte
    payload  W x u32, all arrays through one range coder
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..problems.values import plain
from .container import CorruptStream, from_words, integer_counts, model_of, to_words

LENGTHS = struct.Struct("<II")
MOST_VALUES = 1 << 20


def pack(arrays: Sequence[np.ndarray]) -> bytes:
    """The bytes of a list of integer arrays.

    Parameters
    ----------
    arrays : sequence of (N,) integer arrays
        Of any lengths, the values of each within 2^20 of each other.

    Returns
    -------
    bytes
        What `unpack` reads: sum_a N_a H_a bits of payload, H_a the empirical entropy, and the histograms.

    Raises
    ------
    ValueError
        Where an array is not one-dimensional and integer, or its values span too much.

    References
    ----------
    Range coding: Martin (1979).
    """
    numbers, runs = [len(arrays)], []
    for values in (plain(given, "an array") for given in arrays):
        if values.ndim != 1 or values.dtype.kind not in "iu":
            raise ValueError(f"an array has shape {values.shape} of {values.dtype}; expected (N,) integers")
        low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
        if high - low >= MOST_VALUES:
            raise ValueError(f"values span {high - low}; expected less than {MOST_VALUES}")
        places = values.astype(np.int64) - low
        counts = np.bincount(places)
        numbers += [len(counts), 2 * low if low >= 0 else -2 * low - 1, *counts.tolist()]
        runs.append(((np.cumsum(counts > 0, dtype=np.int32) - 1)[places], model_from(counts)))
    histograms, words = zlib.compress(b"".join(map(variable_length, numbers)), 9), to_words(runs)
    return LENGTHS.pack(len(histograms), len(words) // 4) + histograms + words


def unpack(data: bytes) -> list[np.ndarray]:
    """The arrays of `pack`, int64, from its bytes alone.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    list of (N,) arrays

    Raises
    ------
    CorruptStream
        Where the bytes are not such a list.

    References
    ----------
    Range coding: Martin (1979).
    """
    size, words = LENGTHS.unpack_from(data) if len(data) >= LENGTHS.size else (len(data), 0)
    if len(data) != LENGTHS.size + size + 4 * words:
        raise CorruptStream(f"{len(data)} bytes are not the length that their start tells")
    try:
        numbers = integers(zlib.decompress(data[LENGTHS.size : LENGTHS.size + size]))
    except zlib.error as error:
        raise CorruptStream(f"the histograms do not inflate: {error}") from error
    lows, histograms = [], []
    for _ in range(next(numbers)):
        values, folded = next(numbers), next(numbers)
        histograms.append(np.array([next(numbers) for _ in range(values)], np.int64))
        lows.append(folded // 2 if folded % 2 == 0 else -(folded + 1) // 2)
    runs = [(int(counts.sum()), model_from(counts)) for counts in histograms]
    symbols = from_words(data[LENGTHS.size + size :], runs)
    return [low + np.flatnonzero(counts)[found] for low, counts, found in zip(lows, histograms, symbols)]


def bits_of(arrays: Iterable[np.ndarray]) -> float:
    """sum over arrays of N times the empirical entropy: what their payload must take at least, bits."""
    histograms = (np.unique(values, return_counts=True)[1] for values in arrays)
    return float(sum(counts @ np.log2(counts.sum() / counts) for counts in histograms))


def model_from(counts: np.ndarray) -> Any:
    """The range coder's model of the values that occur, from the counts of all."""
    return model_of(integer_counts(counts[counts > 0] / counts.sum()))


def variable_length(number: int) -> bytes:
    """A non-negative integer as bytes of seven bits, the low ones first, the high bit set on all but the last."""
    parts = [number >> shift & 0x7F for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes([*(part | 0x80 for part in parts[:-1]), parts[-1]])


def variable_lengths(*numbers: int) -> bytes:
    """Several of them, one after the other."""
    return b"".join(map(variable_length, numbers))


def integers(data: bytes) -> Iterator[int]:
    """Yields the variable-length integers of bytes; CorruptStream where they end too soon."""
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
    raise CorruptStream("the histograms end before the arrays do")
