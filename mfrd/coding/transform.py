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
    arrays  of `mfrd.arrays`: run lengths of the map of blocks, shifts, and the indices of each group and subband
    check   8 bytes of BLAKE2b over all that
"""

import struct
from dataclasses import dataclass

import numpy as np
from scipy.fft import dctn, idctn

from ..problems.units import NATS_PER_BIT
from .arrays import bits_of, pack, unpack
from .container import CHECK, CorruptStream, check

MAGIC, VERSION = b"MFRT", 1
PREFIX = struct.Struct("<4sBBH")
ROUNDS = 6  # of indices, histogram and shift in turn


@dataclass(frozen=True, eq=False)
class Coded:
    """A coded signal: .data the bytes of the file, .signal what they decode to, .bytes how many.

    .steps (outside, inside); .side_bytes: prefix, map, histograms, shifts and check; .payload_bits: what the indices
    take by their empirical entropy.
    """

    data: bytes
    signal: np.ndarray
    steps: tuple
    payload_bits: float

    @property
    def bytes(self):
        return len(self.data)

    @property
    def side_bytes(self):
        return self.bytes - int(np.ceil(self.payload_bits / 8))


def to_blocks(signal, side):
    """Cosine coefficients of the blocks of a signal, (blocks, side^dimensions), the blocks row by row.

    Raises ValueError where the signal is not a line or a plane, or a size is no multiple of the side.
    """
    signal = np.asarray(signal, float)
    if signal.ndim not in (1, 2) or any(size % side for size in signal.shape) or not signal.size:
        raise ValueError(f"the signal has shape {signal.shape}; expected one or two sizes that {side} divides")
    cut = [length for size in signal.shape for length in (size // side, side)]
    axes = (0, 1) if signal.ndim == 1 else (0, 2, 1, 3)
    tiles = signal.reshape(cut).transpose(axes).reshape((-1,) + (side,) * signal.ndim)
    return dctn(tiles, axes=range(1, tiles.ndim), norm="ortho").reshape(len(tiles), -1)


def from_blocks(coefficients, shape, side):
    """The signal of such coefficients: the inverse of to_blocks."""
    tiles = coefficients.reshape((-1,) + (side,) * len(shape))
    tiles = idctn(tiles, axes=range(1, tiles.ndim), norm="ortho")
    if len(shape) == 1:
        return tiles.reshape(shape)
    return tiles.reshape(shape[0] // side, shape[1] // side, side, side).transpose(0, 2, 1, 3).reshape(shape)


def spread_blocks(inside, shape, side):
    """The map of blocks (blocks,) as a mask of samples of that shape."""
    tiles = np.asarray(inside, bool).reshape([size // side for size in shape])
    for axis in range(len(shape)):
        tiles = np.repeat(tiles, side, axis=axis)
    return tiles


def step_of(price):
    """The step whose price at high rate is `price` bits per unit squared error: sqrt(6 / (price ln 2))."""
    return float(np.sqrt(6 / (price * NATS_PER_BIT)))


def quantise(x, step):
    """(indices, shift) of one subband at one step, (N,) int64 and an integer 0 .. 127.

    Each round codes x with the codeword of least w (x - y_j)^2 - log q_j, w = 6 / step^2, among the nearest multiple,
    the next towards zero, and zero; q and the shift follow.
    """
    nearest = np.rint(x / step).astype(np.int64)
    if not nearest.any():
        return nearest, 0
    candidates = np.stack([nearest, nearest - np.sign(nearest), np.zeros_like(nearest)])
    indices, shift, w = nearest, 0, 6 / step**2
    low = nearest.min()
    for _ in range(ROUNDS):
        counts = np.bincount(indices - low, minlength=nearest.max() - low + 1)
        nats = -np.log(np.maximum(counts, 0.5) / len(x))
        cost = w * (x - dequantise(candidates, step, shift)) ** 2 + nats[candidates - low]
        indices = np.take_along_axis(candidates, cost.argmin(axis=0)[None], axis=0)[0]
        used = indices != 0
        if not used.any():
            return indices, 0
        inward = np.mean(np.abs(indices[used]) - x[used] * np.sign(indices[used]) / step)
        shift = int(np.clip(np.rint(256 * inward), 0, 127))
    return indices, shift


def dequantise(indices, step, shift):
    """Codewords y_j = (j - sign(j) shift / 256) step."""
    return (indices - np.sign(indices) * (shift / 256)) * step


def group_distortion(coefficients, step):
    """Squared error of a group of blocks at one step, a sample."""
    error = 0.0
    for x in coefficients.T:
        indices, shift = quantise(x, step)
        error += float(((x - dequantise(indices, step, shift)) ** 2).sum())
    return error / coefficients.size


def tune(coefficients, D, *, tol=1e-3):
    """The step at which a group of blocks has squared error D a sample, by bisection.

    coefficients: (blocks, subbands), D: in squared units of the signal. -> step, its distortion at most D and within
    tol of it, relatively, where the search allows.

    Raises ValueError where D is not positive.
    """
    if not D > 0:
        raise ValueError(f"D is {D}; expected a positive squared error a sample")
    low, high = np.sqrt(12 * D) / 8, np.sqrt(12 * D) * 8
    while group_distortion(coefficients, high) <= D and high < 1e3 * np.sqrt(12 * D):
        high *= 4
    while group_distortion(coefficients, low) > D:
        low /= 4
    while high / low > 1 + tol / 4:
        middle = np.sqrt(low * high)
        low, high = (middle, high) if group_distortion(coefficients, middle) <= D else (low, middle)
    return float(low)


def encode(signal, inside, steps, *, side):
    """One self-contained file of a signal with two fidelities.

    signal: (N,) or (H, W); inside: (blocks,) booleans, blocks row by row; steps: (outside, inside), from step_of or
    tune; side: samples of a block along each axis, which divides the sizes. -> Coded

    Raises ValueError where sizes disagree or a step is not positive.
    """
    coefficients, inside = to_blocks(signal, side), np.asarray(inside, bool)
    if inside.shape != (len(coefficients),):
        raise ValueError(f"the map has shape {inside.shape}; expected ({len(coefficients)},), one flag a block")
    if len(steps) != 2 or not min(steps) > 0:
        raise ValueError(f"steps are {steps}; expected two positive numbers, outside and inside")
    indices, shifts = [], []
    for group, step in zip((~inside, inside), steps):
        for x in coefficients[group].T:
            found, shift = quantise(x, step) if len(x) else (np.zeros(0, np.int64), 0)
            indices.append(found)
            shifts.append(shift)
    shape = np.shape(signal)
    prefix = PREFIX.pack(MAGIC, VERSION, len(shape), side) + struct.pack(f"<{len(shape)}I2d", *shape, *steps)
    body = prefix + pack([*runs(inside), np.array(shifts), *indices])
    data = body + check(MAGIC, body)
    return Coded(data, decode(data), tuple(map(float, steps)), bits_of(indices))


def decode(data):
    """The signal of a file, from its bytes alone.

    Raises CorruptStream where they are cut short, altered or foreign.
    """
    body = bytes(data[:-CHECK])
    if len(data) < PREFIX.size + CHECK or body[:4] != MAGIC:
        raise CorruptStream(f"{len(data)} bytes that start with {bytes(data[:4])!r}; expected a file of mfrd.transform")
    if check(MAGIC, body) != bytes(data[-CHECK:]):
        raise CorruptStream(f"the check of a file of {len(data)} bytes fails")
    _, version, dimensions, side = PREFIX.unpack_from(body)
    if version != VERSION or dimensions not in (1, 2):
        raise CorruptStream(f"version {version} in {dimensions} dimensions; this module reads {VERSION} in 1 or 2")
    *shape, outer, inner = struct.unpack_from(f"<{dimensions}I2d", body, PREFIX.size)
    start = PREFIX.size + struct.calcsize(f"<{dimensions}I2d")
    arrays = unpack(body[start:])
    inside, shifts, indices = map_of(arrays[0], arrays[1]), arrays[2], arrays[3:]
    subbands = side**dimensions
    coefficients = np.empty((len(inside), subbands))
    for g, (group, step) in enumerate(zip((~inside, inside), (outer, inner))):
        for k in range(subbands):
            at = g * subbands + k
            coefficients[group, k] = dequantise(indices[at], step, int(shifts[at]))
    return from_blocks(coefficients, tuple(shape), side)


def runs(inside):
    """Lengths of the runs outside and of those inside, in turn, the first outside and perhaps empty: two arrays."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside])))
    lengths = np.diff(np.concatenate([[0], edges, [len(inside)]]))
    return lengths[0::2], lengths[1::2]


def map_of(outside, inside):
    """The booleans whose runs these are."""
    lengths = np.zeros(len(outside) + len(inside), np.int64)
    lengths[0::2], lengths[1::2] = outside, inside
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
