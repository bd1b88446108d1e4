"""The container: the bytes of a coded stream, and the checks that make altered ones an error.

All numbers are little-endian:

    prefix  "MFRD", version (u8), dimension k (u16), codewords m (u32), check
    model   counts (m x u32, each >= 1, summing to 2^24), codebook (m k float64, row by row), check
    frame   samples N (u32, 1 .. 2^20), words W (u32, <= N + 2), payload (W x u32), check
    end     N = 0, W = 0, total number of samples (u64), check

A check is 8 bytes of BLAKE2b over the check before it and the bytes it closes, so no piece can be
altered, moved, left out or taken from another stream. Nothing is decoded, and no memory is sized by
a number that was read, before its check holds; only a frame's lengths are used first, and those are
bounded by the format. The check guards against damage, not against a forger: it holds no secret.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

import constriction
import numpy as np

MAGIC, VERSION = b"MFRD", 1
PRECISION = 24  # bits of the model, the fixed point of the range coder
FRAME = 1 << 20  # samples a frame
MOST_CODEWORDS = 1 << 20
PREFIX, LENGTHS, TOTAL = struct.Struct("<4sBHI"), struct.Struct("<II"), struct.Struct("<Q")
CHECK = 8  # bytes


class CorruptStream(ValueError):
    """Bytes that are no whole, unaltered stream of this codec; the message says where and how.

    Raised where pieces are cut short, altered, moved, foreign, or followed by others: a check fails, a number is out
    of range, or words are no output of the range coder.
    """


def checksum(before: bytes, body: bytes | memoryview) -> bytes:
    """The check of a piece that follows the check `before`, 8 bytes."""
    return blake2b(body, digest_size=CHECK, key=before).digest()


# --- the range coder and its models ---------------------------------------------------------------


def integer_counts(pmf: np.ndarray) -> np.ndarray:
    """Counts (m,), each at least 1, summing to 2^24, nearest to pmf by largest remainders."""
    ideal = pmf / pmf.sum() * (1 << PRECISION)
    counts = np.maximum(np.floor(ideal), 1).astype(np.int64)
    short = (1 << PRECISION) - counts.sum()
    if short > 0:
        counts[np.argsort(counts - ideal, kind="stable")[:short]] += 1
    for j in np.argsort(-counts, kind="stable"):
        if short >= 0:
            break
        given = min(-short, counts[j] // 2)  # what the codewords below 1 took, from the largest
        counts[j] -= given
        short += given
    return counts


def model_of(counts: np.ndarray) -> Any:
    """The range coder's model of a pmf counts / 2^24, exactly; None for one symbol or none, which cost nothing.

    The library gives every symbol 1 / 2^24 and shares out the rest, so counts - 1 come out as counts.
    """
    return constriction.stream.model.Categorical(counts - 1.0, perfect=False) if len(counts) > 1 else None


def to_words(arrays: Iterable[tuple[np.ndarray, Any]]) -> bytes:
    """Symbols, (N,) int32, each array with its model, through one range coder: whole words of four bytes."""
    coder = constriction.stream.queue.RangeEncoder()
    for symbols, model in arrays:
        if model is not None:
            coder.encode(symbols, model)
    return coder.get_compressed().astype("<u4").tobytes()


def from_words(payload: bytes | memoryview, runs: Sequence[tuple[int, Any]], *, ended: bool = True) -> list[np.ndarray]:
    """The symbols of words, (N,) int32 for each run of N symbols of one model; CorruptStream where they are no such.

    ended: whether the words must be those that the coder ends with, and not shorter ones.
    """
    coder = constriction.stream.queue.RangeDecoder(np.frombuffer(payload, "<u4").astype(np.uint32))
    try:
        found = [np.zeros(N, np.int32) if model is None else coder.decode(model, N) for N, model in runs]
    except AssertionError as error:  # how the library reports words that no encoder writes
        raise CorruptStream(f"{len(payload)} bytes are no output of the range coder: {error}") from error
    if ended and not coder.maybe_exhausted():
        raise CorruptStream(f"words remain after the {sum(N for N, _ in runs)} symbols of {len(payload)} bytes")
    return found


# --- streams --------------------------------------------------------------------------------------


class Writer:
    """The pieces of one stream in order, each with its check: start, frames, end."""

    def __init__(self, counts: np.ndarray, codebook: np.ndarray) -> None:
        self.counts, self.codebook = counts, codebook
        self.model, self.state, self.total = model_of(counts), b"", 0

    def sealed(self, body: bytes) -> bytes:
        """A piece with its check."""
        self.state = checksum(self.state, body)
        return body + self.state

    def start(self) -> bytes:
        """Prefix and model."""
        prefix = self.sealed(PREFIX.pack(MAGIC, VERSION, *self.codebook.shape[::-1]))
        return prefix + self.sealed(self.counts.astype("<u4").tobytes() + self.codebook.astype("<f8").tobytes())

    def words(self, cells: np.ndarray) -> bytes:
        """What the range coder makes of the cells of a frame."""
        return to_words([(cells, self.model)])

    def frame(self, cells: np.ndarray) -> bytes:
        """A frame of cells: (N,) int32, 1 <= N <= FRAME."""
        words = self.words(cells)
        self.total += len(cells)
        return self.sealed(LENGTHS.pack(len(cells), len(words) // 4) + words)

    def end(self) -> bytes:
        """The end, with the number of samples."""
        return self.sealed(LENGTHS.pack(0, 0) + TOTAL.pack(self.total))


class Reader:
    """One stream from pieces of bytes cut anywhere: .codebook (m, k), then .frames().

    Raises CorruptStream where a check fails, a number is out of range, or bytes lack or remain, and TypeError where a
    piece is not bytes.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces, self.buffer, self.offset, self.state = iter(pieces), memoryview(b""), 0, b""
        self.header()

    def header(self) -> None:
        """Read prefix and model: .counts, .codebook and .model."""
        magic, version, k, m = PREFIX.unpack(prefix := self.take(PREFIX.size, "prefix"))
        if magic != MAGIC:
            raise CorruptStream(f"starts with {magic!r}; expected {MAGIC!r}, a stream of mfrd.Codec")
        self.verify(prefix, "prefix")
        if version != VERSION:
            raise CorruptStream(f"version is {version}; this module reads version {VERSION}")
        if not (1 <= m <= MOST_CODEWORDS and k >= 1):
            raise CorruptStream(f"{m} codewords of dimension {k}; expected 1 to 2^20 and k >= 1")
        self.verify(body := self.take(4 * m + 8 * m * k, "model"), "model")
        self.counts = np.frombuffer(body, "<u4", m).astype(np.int64)
        self.codebook = np.frombuffer(body, "<f8", offset=4 * m).reshape(m, k).astype(float)
        if self.counts.min() < 1 or self.counts.sum() != 1 << PRECISION:
            raise CorruptStream(f"counts sum to {self.counts.sum()}; expected 2^24, each at least 1")
        self.model = model_of(self.counts)

    def points(self) -> Iterator[np.ndarray]:
        """Yields the samples of each frame, (N, k); of no samples one array (0, k)."""
        yield from (self.codebook.take(cells, axis=0) for cells in self.frames())

    def cells(self, payload: bytes | memoryview, N: int) -> np.ndarray:
        """The codeword indices of a frame of N samples whose check held, (N,) int32."""
        return from_words(payload, [(N, self.model)])[0]

    def take(self, size: int, what: str) -> memoryview:
        """The next bytes of the stream."""
        held, length = [self.buffer] if self.buffer else [], len(self.buffer)
        while length < size:
            if (piece := self.piece()) is None:
                said = f"ends at byte {self.offset + length}, inside the {what}"
                raise CorruptStream(f"{said}; expected {size} bytes from byte {self.offset}")
            held.append(piece)
            length += len(piece)
        whole = held[0] if len(held) == 1 else memoryview(b"".join(held))
        self.offset, self.buffer = self.offset + size, whole[size:]
        return whole[:size]

    def piece(self) -> memoryview | None:
        """The next piece; None where there is none."""
        if (piece := next(self.pieces, None)) is None:
            return None
        try:
            return memoryview(piece).cast("B")
        except TypeError:
            raise TypeError(f"a piece is {type(piece).__name__}; expected bytes: pass a list, as [data]") from None

    def verify(self, body: bytes | memoryview, what: str) -> None:
        """Advance the chain of checks over a piece, or raise CorruptStream."""
        self.state = checksum(self.state, body)
        if self.take(CHECK, what) != self.state:
            raise CorruptStream(f"the check of the {what} that ends at byte {self.offset} fails")

    def frames(self) -> Iterator[np.ndarray]:
        """Yields the codeword indices of each frame, (N,) int32, once its check holds; of no samples one array (0,)."""
        total = 0
        while True:
            N, W = LENGTHS.unpack(lengths := self.take(LENGTHS.size, "frame"))
            if N == 0 and W == 0:
                break
            if not 1 <= N <= FRAME or W > (N + 2 if self.model else 0):
                found = f"a frame of {N} samples in {W} words at byte {self.offset}"
                raise CorruptStream(f"{found}; expected 1 to {FRAME} samples and at most a word each")
            payload = self.take(4 * W, "frame")
            self.verify(bytes(lengths) + payload, "frame")
            total += N
            yield self.cells(payload, N)
        self.verify(bytes(lengths) + (count := self.take(TOTAL.size, "end")), "end")
        if TOTAL.unpack(count)[0] != total:
            raise CorruptStream(f"holds {total} samples; its end says {TOTAL.unpack(count)[0]}")
        if self.buffer or any(len(piece) for piece in self.pieces):
            raise CorruptStream(f"bytes follow the end at byte {self.offset}; expected none")
        if not total:
            yield np.zeros(0, np.int32)
