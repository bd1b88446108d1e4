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

import constriction
import numpy as np

from .codec import integer_counts
from .container import CorruptStream, model_of

LENGTHS = struct.Struct("<II")
MOST_VALUES = 1 << 20


def pack(arrays):
    """The bytes of a list of integer arrays.

    arrays: one-dimensional integer arrays, of any lengths, their values within 2^20 of each other. -> bytes

    Raises ValueError where an array is not one-dimensional and integer, or its values span too much.
    """
    coder, numbers = constriction.stream.queue.RangeEncoder(), [len(arrays)]
    for values in arrays:
        values = np.asarray(values)
        if values.ndim != 1 or values.dtype.kind not in "iu":
            raise ValueError(f"an array has shape {values.shape} of {values.dtype}; expected (N,) integers")
        low = int(values.min()) if len(values) else 0
        if len(values) and int(values.max()) - low >= MOST_VALUES:
            raise ValueError(f"values span {int(values.max()) - low}; expected less than {MOST_VALUES}")
        counts = np.bincount(values - low)
        numbers += [len(counts), 2 * low if low >= 0 else -2 * low - 1, *counts.tolist()]
        model, symbols = model_and_symbols(counts)
        if model is not None:
            coder.encode(symbols[values - low], model)
    words = coder.get_compressed().astype("<u4").tobytes()
    histograms = zlib.compress(b"".join(map(variable_length, numbers)), 9)
    return LENGTHS.pack(len(histograms), len(words) // 4) + histograms + words


def unpack(data):
    """The arrays of `pack`, int64, from its bytes alone.

    Raises CorruptStream where the bytes are not such a list.
    """
    if (
        len(data) < LENGTHS.size
        or len(data) != LENGTHS.size + LENGTHS.unpack_from(data)[0] + 4 * LENGTHS.unpack_from(data)[1]
    ):
        raise CorruptStream(f"{len(data)} bytes are not the length that their start tells")
    size, _ = LENGTHS.unpack_from(data)
    try:
        numbers = integers(zlib.decompress(data[LENGTHS.size : LENGTHS.size + size]))
    except zlib.error as error:
        raise CorruptStream(f"the histograms do not inflate: {error}") from error
    words = np.frombuffer(data, "<u4", offset=LENGTHS.size + size).astype(np.uint32)
    decoder, arrays = constriction.stream.queue.RangeDecoder(words), []
    for _ in range(next(numbers)):
        values, folded = next(numbers), next(numbers)
        counts = np.array([next(numbers) for _ in range(values)], np.int64)
        low = folded // 2 if folded % 2 == 0 else -(folded + 1) // 2
        model, _ = model_and_symbols(counts)
        used, total = np.flatnonzero(counts), int(counts.sum())
        symbols = np.zeros(total, np.int64) if model is None else decoder.decode(model, total)
        arrays.append(low + used[symbols] if total else np.zeros(0, np.int64))
    return arrays


def bits_of(arrays):
    """sum over arrays of N times the empirical entropy: what their payload must take at least, bits."""
    total = 0.0
    for values in arrays:
        counts = np.unique(values, return_counts=True)[1]
        total += float(counts @ np.log2(counts.sum() / counts)) if len(values) else 0.0
    return total


def model_and_symbols(counts):
    """(the range coder's model of the values that occur, the symbol of each value); the model of one value is None."""
    used = np.flatnonzero(counts)
    symbols = np.zeros(len(counts), np.int32)
    symbols[used] = np.arange(len(used))
    if len(used) < 2:
        return None, symbols
    return model_of(integer_counts(counts[used] / counts.sum())), symbols


def variable_length(number):
    """A non-negative integer as bytes of seven bits, the low ones first, the high bit set on all but the last."""
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def integers(data):
    """Yields the variable-length integers of bytes; CorruptStream where they end too soon."""
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
    raise CorruptStream("the histograms end before the arrays do")
