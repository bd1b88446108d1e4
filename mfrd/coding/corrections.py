"""A largest error on top of a file: the samples that miss it, corrected by whole steps.

With e = x - y the error of a file where the mask is set, samples of |e| > E get y + j s, s = 2 E, j the whole number
nearest e / s, so that at most E is left. The finer the file underneath, the fewer corrections: the factor of its inside
target that makes the whole smallest is sought. The file, numbers little-endian:

    prefix  "mx"; length of the file underneath (of variable length), and it
    places  s (f64); how many corrections (of variable length); distances from one place to the next; j; `coded` each
    check   4 bytes of BLAKE2b over all that
"""

import struct
from collections.abc import Callable
from hashlib import blake2b

import numpy as np

from .arrays import variable_length
from .compact import Bytes, coded, folded, unfolded
from .container import CorruptStream
from .signals import CHECK

MAGIC = b"mx"
FACTORS = (1.0, 0.75, 0.55, 0.4)  # of the target underneath
SAFE = 1 - 1e-9  # of the largest error: what rounding of another machine may add


def bounded(
    encode: Callable[[float], bytes],
    decode: Callable[[bytes], np.ndarray],
    signal: np.ndarray,
    mask: np.ndarray,
    most: float,
    whole: bool,
) -> bytes:
    """The smallest file whose largest error inside is at most `most`, of files encode(factor of the target inside).

    Corrections of whole numbers are whole.
    """
    step = 2.0 * np.floor(most) + 1.0 if whole else 2.0 * most * SAFE
    best = b""
    for factor in FACTORS:
        try:
            under = encode(factor)
        except ValueError:  # finer than can be coded, which nobody asked for but we
            if not best:
                raise
            return best
        error = np.where(mask & ~np.isnan(signal), signal - decode(under), 0.0).ravel()
        at = np.flatnonzero(np.abs(error) > 0.5 * step)
        if not len(at):
            file = under
        else:
            j = np.rint(error[at] / step).astype(np.int64)
            body = MAGIC + variable_length(len(under)) + under + struct.pack("<d", step) + variable_length(len(at))
            body += coded(np.diff(at, prepend=-1) - 1) + coded(folded(j))
            file = body + blake2b(body, digest_size=CHECK).digest()
        if best and len(file) >= len(best):
            return best
        best = file
        if not len(at):
            break
    return best


def corrected(data: bytes, decode: Callable[[bytes], np.ndarray]) -> np.ndarray:
    """The signal of such a file, by what decodes the file underneath; raises CorruptStream where it is damaged."""
    if len(data) < 16 or blake2b(data[:-CHECK], digest_size=CHECK).digest() != data[-CHECK:]:
        raise CorruptStream(f"the check of {len(data)} bytes does not hold: they are cut short or altered")
    fields = Bytes(data[len(MAGIC) : -CHECK])
    found = decode(fields.take(fields.number()))
    step, count = fields.value("<d"), fields.number()
    at, j = np.cumsum(fields.array(count) + 1) - 1, unfolded(fields.array(count))
    fields.end()
    if not np.isfinite(step) or count and at[-1] >= found.size:
        raise CorruptStream(f"corrections by {step} up to place {at[-1]} of {found.size} samples: no such file")
    found.ravel()[at] += j * step
    return found
