"""Streams of trellis quantisers: samples to the cheapest paths, paths to bytes, and bytes back to samples.

The container is that of mfrd.Codec (container.py), with a prefix and a model of its own. All numbers are little-endian:

    prefix  "MFRT", version (u8), parity polynomials h0, h1 (u16), codewords of each label 0 .. 3 (4 x u16),
            centre (f64), check
    model   counts - 1 (m x u16, summing to 2^16 - codewords in each superset), codebook less the centre (m x f32), both
            label after label, check
    frame   samples N (u32, 1 .. 2^20), words W (u32, <= N + 2), payload (W x u32), check
    end     N = 0, W = 0, total number of samples (u64), check

A frame of N samples is L = ceil(N / 4096) lanes, sample i being step floor(i / L) of lane i mod L; each lane starts in
state 0. The range coder takes the indices step by step, those of the lanes in superset 0 before those in superset 1, so
that a decoder, which knows the states of all lanes, reads a step in two calls.
"""

import struct
from collections.abc import Iterable, Iterator

import constriction
import numpy as np

from ..problems.source import as_points
from ..quantisers.quantiser import between
from ..quantisers.trellis import Trellis
from ..quantisers.trellis_codes import LABELS, TrellisCode
from ..quantisers.trellis_design import SHARES, STEPS, Line
from .codec import frames, slices
from .container import FRAME, LENGTHS, PRECISION, TOTAL, CorruptStream, Reader, Writer, model_of
from .nearest import count_below
from .stream import Stream, indices

MAGIC, VERSION = b"MFRT", 1
PREFIX = struct.Struct("<4sBHH4Hd")
MOST_CODEWORDS = (1 << 16) - 1  # of one label
FAR = 1e30  # a coordinate beyond counts as this, so that costs in single precision stay finite


class Layout:
    """The codewords of a trellis in the order of its stream: label after label.

    .codebook (m,); .labels (m,); .counts (m,) out of 2^16 in each superset; .code; .supersets: the codeword of each
    symbol of the two supersets, and .symbols (m,) the inverse; .models of the range coder, None for one codeword.
    """

    def __init__(self, code: TrellisCode, sizes: np.ndarray, counts: np.ndarray, centre: float, offsets: np.ndarray):
        self.code, self.sizes, self.counts, self.centre, self.offsets = code, sizes, counts, centre, offsets
        self.codebook = centre + offsets.astype(float)
        self.labels = np.repeat(np.arange(LABELS), sizes)
        self.supersets = [np.flatnonzero(self.labels & 1 == parity).astype(np.int32) for parity in (0, 1)]
        self.symbols = np.empty(len(counts), np.int32)
        for own in self.supersets:
            self.symbols[own] = np.arange(len(own))
        self.models = [model_of(counts[own] << (PRECISION - SHARES)) for own in self.supersets]

    def words(self, cells: np.ndarray) -> np.ndarray:
        """The words of the range coder for the codewords (N,) of a frame."""
        coder, L = constriction.stream.queue.RangeEncoder(), lanes(len(cells))
        symbols, odd = self.symbols.take(cells), (self.labels & 1).astype(bool).take(cells)
        for first in range(0, len(cells), L):
            row, of1 = symbols[first : first + L], odd[first : first + L]
            for model, chosen in zip(self.models, (~of1, of1), strict=True):
                if model is not None:
                    coder.encode(row[chosen], model)
        return coder.get_compressed()

    def cells(self, words: np.ndarray, N: int) -> np.ndarray:
        """The codewords (N,) of a frame whose check held; CorruptStream where the words are no output of the coder."""
        coder, L = constriction.stream.queue.RangeDecoder(words), lanes(N)
        found, state = np.empty(N, np.int32), np.zeros(L, np.int32)
        moves = self.code.moves[self.labels].astype(np.int32)
        (even, odd), (model0, model1) = self.supersets, self.models
        only0, only1 = even[0], odd[0]
        try:
            for first in range(0, N, L):
                row = found[first : first + L]
                parity = state[: len(row)] & 1
                at0, at1 = np.flatnonzero(parity == 0), np.flatnonzero(parity)
                row[at0] = only0 if model0 is None else even.take(coder.decode(model0, len(at0)))
                row[at1] = only1 if model1 is None else odd.take(coder.decode(model1, len(at1)))
                state = (state[: len(row)] >> 1) ^ moves.take(row)
        except AssertionError as error:  # how the library reports words that no encoder writes
            raise CorruptStream(f"a frame of {N} samples is no output of the range coder: {error}") from error
        if not coder.maybe_exhausted():
            raise CorruptStream(f"words remain after the {N} samples of a frame")
        return found


def lanes(N: int) -> int:
    """The lanes of a frame of N samples."""
    return -(-N // STEPS)


class TrellisWriter(Writer):
    """The pieces of one stream of a trellis in order, each with its check."""

    def __init__(self, layout: Layout) -> None:
        self.layout, self.state, self.total = layout, b"", 0

    def start(self) -> bytes:
        """Prefix and model."""
        layout = self.layout
        head = PREFIX.pack(MAGIC, VERSION, layout.code.h0, layout.code.h1, *layout.sizes.tolist(), layout.centre)
        prefix = self.sealed(head)
        return prefix + self.sealed(
            (layout.counts - 1).astype("<u2").tobytes() + layout.offsets.astype("<f4").tobytes()
        )

    def frame(self, cells: np.ndarray) -> bytes:
        """A frame of codewords: (N,), 1 <= N <= FRAME."""
        words = self.layout.words(cells)
        self.total += len(cells)
        return self.sealed(LENGTHS.pack(len(cells), len(words)) + words.astype("<u4").tobytes())


class TrellisReader(Reader):
    """One stream of a trellis from pieces of bytes cut anywhere: .layout, then .frames().

    Raises CorruptStream where a check fails, a number is out of range, or bytes lack or remain, and TypeError where a
    piece is not bytes.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces, self.buffer, self.at = iter(pieces), memoryview(b""), 0
        self.offset, self.state = 0, b""
        prefix = bytes(self.take(PREFIX.size, "prefix"))
        magic, version, h0, h1, *sizes, centre = PREFIX.unpack(prefix)
        if magic != MAGIC:
            raise CorruptStream(f"starts with {magic!r}; expected {MAGIC!r}, a stream of a trellis")
        self.verify(prefix, "prefix")
        if version != VERSION:
            raise CorruptStream(f"version is {version}; this module reads version {VERSION}")
        try:
            code = TrellisCode(h0, h1)
        except ValueError as error:
            raise CorruptStream(str(error)) from None
        m = sum(sizes)
        body = bytes(self.take(6 * m, "model"))
        self.verify(body, "model")
        counts = np.frombuffer(body, "<u2", m).astype(np.int64) + 1
        offsets = np.frombuffer(body, "<f4", offset=2 * m)
        parity = np.repeat(np.arange(LABELS), sizes) & 1
        totals = np.bincount(parity, counts, 2)
        if (totals != 1 << SHARES).any() or not np.isfinite(offsets).all() or not np.isfinite(centre):
            raise CorruptStream(f"counts sum to {totals}; expected 2^{SHARES} in each superset, and finite codewords")
        self.layout = Layout(code, np.array(sizes), counts, centre, offsets)

    def frames(self) -> Iterator[np.ndarray]:
        """Yields the reproduction points of each frame, (N, 1), once its check holds."""
        total = 0
        while True:
            lengths = bytes(self.take(LENGTHS.size, "frame"))
            N, W = LENGTHS.unpack(lengths)
            if N == 0 and W == 0:
                break
            if not 1 <= N <= FRAME or W > N + 2:
                raise CorruptStream(
                    f"a frame of {N} samples in {W} words at byte {self.offset}; "
                    f"expected 1 to {FRAME} samples and at most a word each"
                )
            payload = bytes(self.take(4 * W, "frame"))
            self.verify(lengths + payload, "frame")
            total += N
            cells = self.layout.cells(np.frombuffer(payload, "<u4").astype(np.uint32), N)
            yield self.layout.codebook.take(cells)[:, None]
        count = bytes(self.take(TOTAL.size, "end"))
        self.verify(lengths + count, "end")
        if TOTAL.unpack(count)[0] != total:
            raise CorruptStream(f"holds {total} samples; its end says {TOTAL.unpack(count)[0]}")
        if len(self.buffer) > self.at or any(len(piece) for piece in self.pieces):
            raise CorruptStream(f"bytes follow the end at byte {self.offset}; expected none")


class TrellisCodec:
    """Samples to bytes and back for a trellis: what mfrd.Codec does with a mfrd.Trellis.

    A sample is coded as it is, with the weights of its nearest letter, of two as near the lower one.

    Parameters
    ----------
    trellis : Trellis

    Raises
    ------
    ValueError
        Where a label has more than 2^16 - 1 codewords.
    TypeError
        Where it is no Trellis.

    References
    ----------
    Viterbi (1967); range coding: Martin (1979), through the library constriction, Bamler (2022).
    """

    def __init__(self, trellis: Trellis) -> None:
        if not isinstance(trellis, Trellis):
            raise TypeError(f"trellis is {type(trellis).__name__}; expected mfrd.Trellis, as mfrd.trellis returns")
        sizes = np.bincount(trellis.labels, minlength=LABELS)
        if sizes.max() > MOST_CODEWORDS:
            raise ValueError(f"a label has {sizes.max()} codewords; expected at most {MOST_CODEWORDS}")
        self.trellis, line = trellis, trellis.line
        offsets = (trellis.codebook - line.centre).astype(np.float32)
        self.layout = Layout(trellis.code, sizes, trellis.counts, line.centre, offsets)
        self.pieces = Pieces(line, trellis.multipliers @ line.slopes, self.layout)

    def cells(self, samples: np.ndarray) -> np.ndarray:
        """The codewords, (N,) indices into .layout.codebook, of the cheapest paths of one frame of samples.

        Parameters
        ----------
        samples : (N,) or (N, 1)
            At most 2^20.

        Raises
        ------
        ValueError
            Where the samples have another dimension or are not finite.
        """
        x = self.points(samples)
        if not len(x):
            return np.zeros(0, np.int32)
        L = lanes(len(x))
        T = -(-len(x) // L)
        slab, best = np.zeros((T, LABELS, L), np.float32), np.empty((LABELS, len(x)), np.int32)
        padded = np.zeros(T * L, np.float32)
        for label, (costs, own) in enumerate(self.pieces(x)):
            padded[: len(x)], best[label] = costs, own
            slab[:, label] = padded.reshape(T, L)
        slab -= slab.min(axis=1, keepdims=True)
        labels = self.trellis.code.search(slab).ravel()[: len(x)]
        return np.take_along_axis(best, labels[None].astype(np.intp), axis=0)[0]

    def points(self, samples: np.ndarray) -> np.ndarray:
        """Samples as (N,) about the centre; raises as cells."""
        samples = np.asarray(samples)
        if samples.size == 0 and samples.ndim <= 2:
            return np.zeros(0)
        points = as_points(samples, "samples")
        if points.shape[1] != 1:
            raise ValueError(f"samples have shape {samples.shape}; expected (N, 1) or (N,)")
        return points[:, 0] - self.layout.centre

    def encode(self, samples: np.ndarray) -> bytes:
        """One stream of bytes for samples (N,) or (N, 1); N may be zero. Raises as cells."""
        return b"".join(self.encode_stream([samples]))

    def encode_stream(self, chunks: Iterable[np.ndarray]) -> Iterator[bytes]:
        """Yields the pieces of a stream for an iterable of sample arrays of any lengths: header, frames, end."""
        writer = TrellisWriter(self.layout)
        yield writer.start()
        for samples in frames(self.points(block) for chunk in chunks for block in slices(chunk)):
            yield writer.frame(self.cells(samples + self.layout.centre))
        yield writer.end()

    @staticmethod
    def decode(data: bytes) -> np.ndarray:
        """The reproduction points of a stream, (N, 1) float64.

        Raises
        ------
        CorruptStream
            Where bytes are cut short, altered, foreign or followed by others.
        TypeError
            Where data is not bytes.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data is {type(data).__name__}; expected bytes")
        return np.concatenate([np.zeros((0, 1)), *TrellisReader([data]).frames()])

    @staticmethod
    def decode_stream(pieces: Iterable[bytes]) -> Iterator[np.ndarray]:
        """Yields (N_i, 1) arrays from pieces of bytes cut anywhere, of no samples one (0, 1). Raises as decode."""
        empty = True
        for points in TrellisReader(pieces).frames():
            yield points
            empty = False
        if empty:
            yield np.zeros((0, 1))


class Pieces:
    """Intervals of the line on which the weights and the best codeword of each label are constant.

    Between neighbouring letters the weights change midway. Where the weight is theta, a label's codeword at x is
        argmin_j  theta y_j^2 - 2 theta y_j x - log2 P_j,
    the lower envelope of straight lines. Called with x (N,), yields for each label (costs (N,), codewords (N,)).
    """

    def __init__(self, line: Line, theta: np.ndarray, layout: Layout) -> None:
        y, bits = layout.offsets.astype(float), SHARES - np.log2(layout.counts)
        middles = between(line.x[:-1], line.x[1:])
        changes = np.flatnonzero(np.diff(theta))
        ends = np.concatenate([[-np.inf], middles[changes], [np.inf]])
        weights = theta[np.append(changes, len(theta) - 1)]
        cuts = [ends[1:-1]]
        for weight, low, high in zip(weights, ends[:-1], ends[1:], strict=True):
            for label in range(LABELS):
                own = layout.labels == label
                found = envelope(-2 * weight * y[own], weight * y[own] ** 2 + bits[own])
                cuts.append(found[(found > low) & (found < high)])
        cuts = np.unique(np.concatenate(cuts))
        self.piece = count_below(cuts)
        inside = np.concatenate([cuts[:1] - 1, (cuts[1:] + cuts[:-1]) / 2, cuts[-1:] + 1]) if len(cuts) else np.zeros(1)
        weight = weights[np.searchsorted(ends[1:-1], inside)]  # (pieces,)
        self.best = np.zeros((LABELS, len(inside)), np.int32)
        self.slope, self.level = np.zeros((2, LABELS, len(inside)))
        for label in range(LABELS):
            own = np.flatnonzero(layout.labels == label)
            if not len(own):
                self.level[label] = np.inf
                continue
            costs = weight[:, None] * (y[own] ** 2 - 2 * y[own] * inside[:, None]) + bits[own]
            j = own[costs.argmin(axis=1)]
            self.best[label], self.slope[label], self.level[label] = j, -2 * weight * y[j], weight * y[j] ** 2 + bits[j]
        reference = np.where(
            np.isfinite(self.level[0]), 0, 1
        )  # costs are relative to one label, so that they stay small
        at = np.arange(len(inside))
        self.slope = self.slope - self.slope[reference, at]
        self.level = self.level - self.level[reference, at]
        self.far = FAR / max(np.abs(self.slope).max(), 1.0)

    def __call__(self, x: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        x = np.clip(x, -self.far, self.far)
        piece = self.piece(x)
        for slope, level, best in zip(self.slope, self.level, self.best, strict=True):
            yield slope.take(piece) * x + level.take(piece), best.take(piece)


def envelope(slopes: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Where the lower envelope of the lines slope x + level changes its line, ascending."""
    kept, cuts = [], []
    for i in np.lexsort((levels, -slopes)):  # to the right the least slope is lowest
        if kept and slopes[kept[-1]] == slopes[i]:
            continue
        while kept:
            cut = (levels[i] - levels[kept[-1]]) / (slopes[kept[-1]] - slopes[i])
            if not cuts or cut > cuts[-1]:
                cuts.append(cut)
                break
            kept.pop()
            cuts.pop()
        kept.append(i)
    return np.array(cuts)


def measure(trellis: Trellis, letters: np.ndarray) -> Stream:
    """Code letters with a trellis, decode the bytes, and count what it cost.

    Parameters
    ----------
    trellis : Trellis
    letters : (N,) integers
        Indices into its source, as `draw` returns.

    Returns
    -------
    Stream
        For per="letter" a distortion is the largest over the letters.

    Raises
    ------
    ValueError
        Where there are no samples or they are no indices into the source.
    CorruptStream
        Where the bytes come back as something else.
    """
    source, line = trellis.source, trellis.line
    letters = indices(letters, len(source.p))
    codec, x = TrellisCodec(trellis), source.x[letters, 0]
    data = codec.encode(x)
    decoded = TrellisCodec.decode(data)[:, 0]
    cells = np.concatenate([codec.cells(block) for block in slices(x)])
    if not np.array_equal(decoded, codec.layout.codebook.take(cells)):
        raise CorruptStream("the decoder returned other codewords than the encoder chose")
    spent = np.bincount(line.letter[letters], (x - decoded) ** 2, len(line.x)) / len(x)
    asked = float((SHARES - np.log2(codec.layout.counts)).take(cells).mean())
    return Stream(len(x), len(data), asked, line.rows.largest(line.slopes @ spent))
