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
from collections.abc import Iterator

import constriction
import numpy as np

from ..problems.binning import between
from ..quantisers.trellis import Trellis
from ..quantisers.trellis_codes import LABELS, TrellisCode
from ..quantisers.trellis_design import SHARES, STEPS
from .container import FRAME, PRECISION, CorruptStream, Reader, Writer, model_of, to_words
from .nearest import Thresholds

MAGIC, VERSION = b"MFRT", 1
PREFIX = struct.Struct("<4sBHH4Hd")
MOST_CODEWORDS = (1 << 16) - 1  # of one label
FAR = 1e30  # a coordinate beyond counts as this, so that costs in single precision stay finite


class Layout:
    """The codewords of a trellis in the order of its stream: label after label.

    .codebook (m, 1); .labels (m,); .counts (m,) out of 2^16 in each superset; .code; .supersets: the codeword of each
    symbol of the two supersets.
    """

    def __init__(self, code: TrellisCode, sizes: np.ndarray, counts: np.ndarray, centre: float, offsets: np.ndarray):
        self.code, self.sizes, self.counts, self.centre, self.offsets = code, sizes, counts, centre, offsets
        self.codebook = (centre + offsets.astype(float))[:, None]
        self.labels = np.repeat(np.arange(LABELS), sizes)
        self.supersets = [np.flatnonzero(self.labels & 1 == parity).astype(np.int32) for parity in (0, 1)]

    def models(self) -> list:
        """The range coder's models of the two supersets, None where one codeword says nothing."""
        return [model_of(self.counts[own] << (PRECISION - SHARES)) for own in self.supersets]

    def words(self, cells: np.ndarray) -> bytes:
        """The words of the range coder for the codewords (N,) of a frame."""
        symbols, L, models = np.empty(len(self.counts), np.int32), lanes(len(cells)), self.models()
        for own in self.supersets:
            symbols[own] = np.arange(len(own))
        symbols, odd = symbols.take(cells), (self.labels & 1 == 1).take(cells)
        rows = [slice(first, first + L) for first in range(0, len(cells), L)]
        return to_words((symbols[row][odd[row] == parity], models[parity]) for row in rows for parity in (0, 1))

    def cells(self, payload: bytes | memoryview, N: int) -> np.ndarray:
        """The codewords (N,) of a frame whose check held; CorruptStream where the words are no output of the coder."""
        coder = constriction.stream.queue.RangeDecoder(np.frombuffer(payload, "<u4").astype(np.uint32))
        found, L, models = np.empty(N, np.int32), lanes(N), self.models()
        state, moves = np.zeros(L, np.int32), self.code.moves[self.labels].astype(np.int32)
        try:
            for first in range(0, N, L):
                row = found[first : first + L]
                parity = state[: len(row)] & 1
                for own, model, at in zip(
                    self.supersets, models, (np.flatnonzero(parity == 0), np.flatnonzero(parity))
                ):
                    row[at] = own[0] if model is None else own.take(coder.decode(model, len(at)))
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

    def words(self, cells: np.ndarray) -> bytes:
        """What the range coder makes of the codewords (N,) of a frame."""
        return self.layout.words(cells)


class TrellisReader(Reader):
    """One stream of a trellis from pieces of bytes cut anywhere: .codebook (m, 1), then .frames(). Raises as Reader."""

    def header(self) -> None:
        """Read prefix and model: .codebook and .model, a Layout."""
        magic, version, h0, h1, *sizes, centre = PREFIX.unpack(prefix := self.take(PREFIX.size, "prefix"))
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
        self.verify(body := self.take(6 * m, "model"), "model")
        counts = np.frombuffer(body, "<u2", m).astype(np.int64) + 1
        offsets = np.frombuffer(body, "<f4", offset=2 * m)
        totals = np.bincount(np.repeat(np.arange(LABELS), sizes) & 1, counts, 2)
        if (totals != 1 << SHARES).any() or not np.isfinite(offsets).all() or not np.isfinite(centre):
            raise CorruptStream(f"counts sum to {totals}; expected 2^{SHARES} in each superset, and finite codewords")
        self.model = Layout(code, np.array(sizes), counts, centre, offsets)
        self.counts, self.codebook = counts, self.model.codebook

    def cells(self, payload: bytes | memoryview, N: int) -> np.ndarray:
        """The codewords of a frame of N samples whose check held, (N,) int32."""
        return self.model.cells(payload, N)


class Paths:
    """The map from samples (N, 1) to the codewords of their cheapest paths, (N,) int32, frame by frame; .layout.

    A sample is coded as it is, with the weights of its nearest letter, of two as near the lower one. Raises ValueError
    where a label has more than 2^16 - 1 codewords.
    """

    def __init__(self, trellis: Trellis) -> None:
        sizes, line = np.bincount(trellis.labels, minlength=LABELS), trellis.line
        if sizes.max() > MOST_CODEWORDS:
            raise ValueError(
                f"a label has {sizes.max()} codewords; expected at most {MOST_CODEWORDS}: raise the budgets"
            )
        offsets = (trellis.codebook - line.centre).astype(np.float32)
        self.layout = Layout(trellis.code, sizes, trellis.counts, line.centre, offsets)
        binning = trellis.source.binning  # a sample has the weights of its bin, where letters are bins
        middles = between(line.x[:-1], line.x[1:]) if binning is None else binning.thresholds[0] - line.centre
        self.pieces = Pieces(middles, trellis.multipliers @ line.slopes, self.layout)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The codewords of samples (N, 1), (N,) int32."""
        x = points[:, 0] - self.layout.centre
        blocks = [self.frame(x[at : at + FRAME]) for at in range(0, len(x), FRAME)]
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int32)

    def frame(self, x: np.ndarray) -> np.ndarray:
        """The codewords of the samples of a frame, about the centre."""
        L = lanes(len(x))
        T = -(-len(x) // L)
        slab, best = np.zeros((T, LABELS, L), np.float32), np.empty((LABELS, len(x)), np.int32)
        padded = np.zeros(T * L, np.float32)
        for label, (costs, own) in enumerate(self.pieces(x)):
            padded[: len(x)], best[label] = costs, own
            slab[:, label] = padded.reshape(T, L)
        slab -= slab.min(axis=1, keepdims=True)
        labels = self.layout.code.search(slab).ravel()[: len(x)]
        return np.take_along_axis(best, labels[None].astype(np.intp), axis=0)[0]


class Pieces:
    """Intervals of the line on which the weights and the best codeword of each label are constant.

    Between neighbouring letters the weights change at `middles`. Where the weight is theta, a label's codeword at x is
        argmin_j  theta y_j^2 - 2 theta y_j x - log2 P_j,
    the lower envelope of straight lines. Called with x (N,), yields for each label (costs (N,), codewords (N,)).
    """

    def __init__(self, middles: np.ndarray, theta: np.ndarray, layout: Layout) -> None:
        y, bits = layout.offsets.astype(float), SHARES - np.log2(layout.counts)
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
        self.thresholds = Thresholds(cuts)
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
        """For each label (costs (N,) relative to one label, codewords (N,)) of samples about the centre, (N,)."""
        x = np.clip(x, -self.far, self.far)
        piece = self.thresholds.below(x)
        for slope, level, best in zip(self.slope, self.level, self.best, strict=True):
            yield slope.take(piece) * x + level.take(piece), best.take(piece)


def envelope(slopes: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Where the lower envelope of the lines slope x + level changes its line, ascending."""
    kept: list[int] = []
    cuts: list[float] = []
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
