"""A transform codec of mixed fidelity: blocks, subbands, two prices, one self-contained file.

A signal is cut into blocks; an orthonormal cosine transform of each block makes one subband of each frequency, and
squared error in the subbands is squared error in the signal. Blocks in the subset pay lam + lam' for it, the others
lam: with B_g blocks in group g, a coefficient x of each in subband k, the encoder minimises
    sum_g sum_k [ B_g H(Y_gk) + w_g sum |x - y|^2 ],     w = (lam, lam + lam') in nats,
a parallel source that shares its prices (reverse water-filling, with two waters). The codewords of a subband are the
multiples of a step, sqrt(6 / w_g), the one whose slope at high rate is the price, drawn towards zero by a share of it:
    y_j = (j - sign(j) shift / 256) step,
and a coefficient goes to the codeword of least w (x - y_j)^2 - log q_j, with q the histogram that is coded: the encoder
of entropy-constrained quantisation (Chou, Lookabaugh and Gray 1989). The file is

    prefix  "MFRT", version (u8), dimensions (u8), side of a block (u16), sizes (u32 each), two steps (f64)
    arrays  of arrays.py: run lengths of the map of blocks, shifts, and the indices of each group and subband
    check   8 bytes of BLAKE2b over all that
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.fft import dctn, idctn

from ..problems.values import real_array
from .arrays import bits_of, pack, unpack
from .container import CHECK, CorruptStream, checksum

MAGIC, VERSION = b"MFRT", 1
PREFIX = struct.Struct("<4sBBH")
ROUNDS = 6  # of indices, histogram and shift in turn
SHIFTS = 256  # to a step
MOST_SHIFT = 127  # so that a codeword stays within half a step of its multiple


@dataclass(frozen=True, eq=False)
class Coded:
    """A coded signal.

    Attributes
    ----------
    data : bytes
        The file.
    signal : (N,) or (H, W)
        What it decodes to.
    steps : tuple
        (outside, inside), units of the signal.
    payload_bits : float
        What the indices take by their empirical entropy.
    bytes, side_bytes : int
        Of the file, and of all but the payload: prefix, map, histograms, shifts and check.
    """

    data: bytes
    signal: np.ndarray
    steps: tuple[float, ...]
    payload_bits: float

    @property
    def bytes(self) -> int:
        """The size of the file."""
        return len(self.data)

    @property
    def side_bytes(self) -> int:
        """What is not payload: prefix, map, histograms, shifts and check."""
        return self.bytes - int(np.ceil(self.payload_bits / 8))


def to_blocks(signal: np.ndarray, side: int) -> np.ndarray:
    """Cosine coefficients of the blocks of a signal, the blocks row by row; an orthonormal transform.

    Parameters
    ----------
    signal : (N,) or (H, W)
    side : int
        Samples of a block along each axis.

    Returns
    -------
    (blocks, side^dimensions) array
        Units of the signal.

    Raises
    ------
    ValueError
        Where the signal is not a line or a plane, or a size is no multiple of the side.

    References
    ----------
    Ahmed, Natarajan and Rao (1974).
    """
    signal = real_array(signal, "the signal", "one or two axes")
    d = signal.ndim
    if d not in (1, 2) or any(size % side for size in signal.shape) or not signal.size:
        raise ValueError(f"the signal has shape {signal.shape}; expected one or two sizes that {side} divides")
    cut = [length for size in signal.shape for length in (size // side, side)]
    tiles = signal.reshape(cut).transpose(np.arange(2 * d).reshape(d, 2).T.ravel()).reshape((-1,) + (side,) * d)
    return dctn(tiles, axes=range(1, d + 1), norm="ortho").reshape(len(tiles), -1)


def from_blocks(coefficients: np.ndarray, shape: tuple[int, ...], side: int) -> np.ndarray:
    """The signal, of that shape, of coefficients (blocks, side^dimensions): the inverse of to_blocks."""
    d = len(shape)
    tiles = idctn(coefficients.reshape((-1,) + (side,) * d), axes=range(1, d + 1), norm="ortho")
    tiles = tiles.reshape([size // side for size in shape] + [side] * d)
    return tiles.transpose(np.arange(2 * d).reshape(2, d).T.ravel()).reshape(shape)


def spread_blocks(inside: np.ndarray, shape: tuple[int, ...], side: int) -> np.ndarray:
    """The map of blocks as a mask of samples.

    Parameters
    ----------
    inside : (blocks,) booleans
        Row by row.
    shape : tuple of int
        Of the signal.
    side : int
        Samples of a block along each axis.

    Returns
    -------
    Booleans of that shape
    """
    tiles = np.asarray(inside, bool).reshape([size // side for size in shape])
    return np.kron(tiles, np.ones((side,) * len(shape), bool))


def quantise(x: np.ndarray, step: float) -> tuple[np.ndarray, int]:
    """(indices, shift) of one subband x, (N,), at one step: (N,) int64 and an integer 0 .. 127.

    Each round codes x with the codeword of least w (x - y_j)^2 - log q_j, w = 6 / step^2, among the nearest multiple,
    the next towards zero, and zero; q and the shift follow.
    """
    nearest = np.rint(x / step).astype(np.int64)
    if not nearest.any():
        return nearest, 0
    candidates = np.stack([nearest, nearest - np.sign(nearest), np.zeros_like(nearest)])
    indices, shift, low, w = nearest, 0, candidates.min(), 6 / step**2
    for _ in range(ROUNDS):
        counts = np.bincount(indices - low, minlength=candidates.max() - low + 1)
        nats = -np.log(np.maximum(counts, 0.5) / len(x))
        cost = w * (x - dequantise(candidates, step, shift)) ** 2 + nats[candidates - low]
        indices = np.take_along_axis(candidates, cost.argmin(axis=0)[None], axis=0)[0]
        used = indices != 0
        if not used.any():
            return indices, 0
        inward = np.mean(np.abs(indices[used]) - x[used] * np.sign(indices[used]) / step)
        shift = int(np.clip(np.rint(SHIFTS * inward), 0, MOST_SHIFT))
    return indices, shift


def dequantise(indices: np.ndarray, step: float, shift: int) -> np.ndarray:
    """Codewords y_j = (j - sign(j) shift / 256) step, (N,)."""
    return (indices - np.sign(indices) * (shift / SHIFTS)) * step


def group_distortion(coefficients: np.ndarray, step: float) -> float:
    """Squared error of a group of blocks (blocks, subbands) at one step, a sample."""
    coded = ((x, *quantise(x, step)) for x in coefficients.T)
    return float(sum(((x - dequantise(j, step, shift)) ** 2).sum() for x, j, shift in coded) / coefficients.size)


def tune(coefficients: np.ndarray, D: float, *, tol: float = 1e-3) -> float:
    """The step at which a group of blocks has squared error D a sample, by bisection.

    Parameters
    ----------
    coefficients : (blocks, subbands) array
        As to_blocks returns them, units of the signal.
    D : float
        Squared units of the signal, > 0.
    tol : float, optional
        How near to D, relatively, the distortion should come.

    Returns
    -------
    float
        The step, in units of the signal: its distortion is at most D and within tol of it where the search allows.

    Raises
    ------
    ValueError
        Where D is not positive.

    References
    ----------
    The start: squared error step^2 / 12 at high rate, Bennett (1948).
    """
    if not D > 0:
        raise ValueError(f"D is {D}; expected a positive squared error a sample")
    low, high, most = (np.sqrt(12 * D) * factor for factor in (1 / 8, 8, 1e3))
    while group_distortion(coefficients, high) <= D and high < most:
        high *= 4
    while group_distortion(coefficients, low) > D:
        low /= 4
    while high / low > 1 + tol / 4:
        middle = np.sqrt(low * high)
        low, high = (middle, high) if group_distortion(coefficients, middle) <= D else (low, middle)
    return float(low)


def encode(signal: np.ndarray, inside: np.ndarray, steps: Sequence[float], *, side: int) -> Coded:
    """One self-contained file of a signal with two fidelities.

        min sum_g sum_k [ B_g H(Y_gk) + w_g sum |x - y|^2 ],   w_g = 6 / step_g^2.

    Parameters
    ----------
    signal : (N,) or (H, W)
    inside : (blocks,) booleans
        The blocks of the subset, row by row.
    steps : (float, float)
        Outside and inside, as tune finds them, units of the signal.
    side : int
        Samples of a block along each axis, which divides the sizes.

    Returns
    -------
    Coded

    Raises
    ------
    ValueError
        Where sizes disagree or a step is not positive.

    References
    ----------
    Chou, Lookabaugh and Gray (1989).
    """
    coefficients, inside = to_blocks(signal, side), np.asarray(inside, bool)
    if inside.shape != (len(coefficients),):
        raise ValueError(f"the map has shape {inside.shape}; expected ({len(coefficients)},), one flag a block")
    if len(steps) != 2 or not min(steps) > 0:
        raise ValueError(f"steps are {steps}; expected two positive numbers, outside and inside")
    groups = zip((~inside, inside), steps)
    indices, shifts = zip(*(quantise(x, step) for group, step in groups for x in coefficients[group].T))
    shape = np.shape(signal)
    prefix = PREFIX.pack(MAGIC, VERSION, len(shape), side) + struct.pack(f"<{len(shape)}I2d", *shape, *steps)
    body = prefix + pack([*runs(inside), np.array(shifts), *indices])
    data = body + checksum(MAGIC, body)
    return Coded(data, decode(data), tuple(map(float, steps)), bits_of(indices))


def decode(data: bytes) -> np.ndarray:
    """The signal of a file, from its bytes alone.

    Parameters
    ----------
    data : bytes
        As encode wrote them.

    Returns
    -------
    (N,) or (H, W) array

    Raises
    ------
    CorruptStream
        Where they are cut short, altered or foreign.

    References
    ----------
    Range coding: Martin (1979).
    """
    body = bytes(data[:-CHECK])
    if len(data) < PREFIX.size + CHECK or body[:4] != MAGIC:
        raise CorruptStream(f"{len(data)} bytes that start with {body[:4]!r}; expected a file of mfrd.coding.transform")
    if checksum(MAGIC, body) != bytes(data[-CHECK:]):
        raise CorruptStream(f"the check of a file of {len(data)} bytes fails")
    _, version, d, side = PREFIX.unpack_from(body)
    if version != VERSION or d not in (1, 2):
        raise CorruptStream(f"version {version} in {d} dimensions; this module reads {VERSION} in 1 or 2")
    sizes = struct.Struct(f"<{d}I2d")
    *shape, outer, inner = sizes.unpack_from(body, PREFIX.size)
    outside, within, shifts, *indices = unpack(body[PREFIX.size + sizes.size :])
    inside, subbands = map_of(outside, within), side**d
    coefficients = np.empty((len(inside), subbands))
    for at, (found, shift) in enumerate(zip(indices, shifts, strict=True)):
        group, step = (~inside, outer) if at < subbands else (inside, inner)
        coefficients[group, at % subbands] = dequantise(found, step, shift)
    return from_blocks(coefficients, tuple(shape), side)


def runs(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of the runs outside and of those inside, in turn, the first outside and perhaps empty."""
    edges = np.flatnonzero(np.diff(inside, prepend=False, append=not inside[-1]))
    lengths = np.diff(edges, prepend=0)
    return lengths[0::2], lengths[1::2]


def map_of(outside: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The booleans, (blocks,), whose runs these are."""
    lengths = np.zeros(len(outside) + len(inside), np.int64)
    lengths[0::2], lengths[1::2] = outside, inside
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
