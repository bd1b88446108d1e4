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
from hashlib import blake2b

import constriction
import numpy as np

MAGIC, VERSION = b"MFRD", 1
PRECISION = 24  # bits of the model, the fixed point of the range coder
FRAME = 1 << 20  # samples a frame
MOST_CODEWORDS = 1 << 20
PREFIX, LENGTHS, TOTAL = struct.Struct("<4sBHI"), struct.Struct("<II"), struct.Struct("<Q")
CHECK = 8  # bytes


class CorruptStream(ValueError):
    """Bytes that are no whole, unaltered stream of this codec; the message says where and how."""


def check(before, body):
    """The check of a piece that follows the check `before`, 8 bytes."""
    return blake2b(body, digest_size=CHECK, key=before).digest()


def model_of(counts):
    """The range coder's model of a pmf counts / 2^24, exactly; None for one codeword, which costs nothing.

    The library gives every symbol 1 / 2^24 and shares out the rest, so counts - 1 come out as counts.
    """
    if len(counts) == 1:
        return None
    return constriction.stream.model.Categorical(counts - 1.0, perfect=False)


class Writer:
    """The pieces of one stream in order, each with its check."""

    def __init__(self, counts, codebook):
        self.counts, self.codebook = counts, codebook
        self.model, self.state, self.total = model_of(counts), b"", 0

    def sealed(self, body):
        self.state = check(self.state, body)
        return body + self.state

    def start(self):
        m, k = self.codebook.shape
        prefix = self.sealed(PREFIX.pack(MAGIC, VERSION, k, m))
        body = self.counts.astype("<u4").tobytes() + self.codebook.astype("<f8").tobytes()
        return prefix + self.sealed(body)

    def frame(self, cells):
        """cells: (N,) int32, 1 <= N <= FRAME."""
        words = np.zeros(0, np.uint32)
        if self.model is not None:
            coder = constriction.stream.queue.RangeEncoder()
            coder.encode(cells, self.model)
            words = coder.get_compressed()
        self.total += len(cells)
        return self.sealed(LENGTHS.pack(len(cells), len(words)) + words.astype("<u4").tobytes())

    def end(self):
        return self.sealed(LENGTHS.pack(0, 0) + TOTAL.pack(self.total))


class Reader:
    """One stream from pieces of bytes cut anywhere: .codebook (m, k), then .frames().

    Raises CorruptStream where a check fails, a number is out of range, or bytes lack or remain, and TypeError where a
    piece is not bytes.
    """

    def __init__(self, pieces):
        self.pieces, self.buffer, self.at = iter(pieces), memoryview(b""), 0
        self.offset, self.state = 0, b""
        magic, version, k, m = PREFIX.unpack(self.take(PREFIX.size, "prefix"))
        if magic != MAGIC:
            raise CorruptStream(f"starts with {magic!r}; expected {MAGIC!r}, a stream of mfrd.Codec")
        self.verify(PREFIX.pack(magic, version, k, m), "prefix")
        if version != VERSION:
            raise CorruptStream(f"version is {version}; this module reads version {VERSION}")
        if not (1 <= m <= MOST_CODEWORDS and k >= 1):
            raise CorruptStream(f"{m} codewords of dimension {k}; expected 1 to 2^20 and k >= 1")
        body = bytes(self.take(4 * m + 8 * m * k, "model"))
        self.verify(body, "model")
        self.counts = np.frombuffer(body, "<u4", m).astype(np.int64)
        self.codebook = np.frombuffer(body, "<f8", offset=4 * m).reshape(m, k).astype(float)
        if self.counts.min() < 1 or self.counts.sum() != 1 << PRECISION:
            raise CorruptStream(f"counts sum to {self.counts.sum()}; expected 2^24, each at least 1")

    def take(self, size, what):
        """The next bytes of the stream."""
        while len(self.buffer) - self.at < size:
            piece = next(self.pieces, None)
            if piece is None:
                raise CorruptStream(
                    f"ends at byte {self.offset + len(self.buffer) - self.at}, inside the {what}; "
                    f"expected {size} bytes from byte {self.offset}"
                )
            try:
                piece = memoryview(piece).cast("B")
            except TypeError:
                raise TypeError(
                    f"a piece is {type(piece).__name__}; expected bytes: pass a list of pieces, [data] if there is one"
                ) from None
            rest = self.buffer[self.at :]
            self.buffer = memoryview(b"".join((rest, piece))) if len(rest) else piece
            self.at = 0
        taken = self.buffer[self.at : self.at + size]
        self.at += size
        self.offset += size
        return taken

    def verify(self, body, what):
        """Advance the chain of checks over a piece, or raise CorruptStream."""
        expected = check(self.state, body)
        if bytes(self.take(CHECK, what)) != expected:
            raise CorruptStream(f"the check of the {what} that ends at byte {self.offset} fails")
        self.state = expected

    def frames(self):
        """Yields the codeword indices of each frame, (N,) int32, once its check holds."""
        model, total = model_of(self.counts), 0
        while True:
            lengths = bytes(self.take(LENGTHS.size, "frame"))
            N, W = LENGTHS.unpack(lengths)
            if N == 0 and W == 0:
                break
            if not 1 <= N <= FRAME or W > (N + 2 if model else 0):
                raise CorruptStream(
                    f"a frame of {N} samples in {W} words at byte {self.offset}; "
                    f"expected 1 to {FRAME} samples and at most a word each"
                )
            payload = self.take(4 * W, "frame")
            self.verify(lengths + bytes(payload), "frame")
            total += N
            yield unpack(payload, N, model)
        count = bytes(self.take(TOTAL.size, "end"))
        self.verify(lengths + count, "end")
        if TOTAL.unpack(count)[0] != total:
            raise CorruptStream(f"holds {total} samples; its end says {TOTAL.unpack(count)[0]}")
        if len(self.buffer) > self.at or any(len(piece) for piece in self.pieces):
            raise CorruptStream(f"bytes follow the end at byte {self.offset}; expected none")


def unpack(payload, N, model):
    """The N codeword indices of a frame whose check held."""
    if model is None:
        return np.zeros(N, np.int32)
    words = np.frombuffer(payload, "<u4").astype(np.uint32)
    decoder = constriction.stream.queue.RangeDecoder(words)
    try:
        cells = decoder.decode(model, N)
    except AssertionError as error:  # how the library reports words that no encoder writes
        raise CorruptStream(f"a frame of {N} samples is no output of the range coder: {error}") from error
    if not decoder.maybe_exhausted():
        raise CorruptStream(f"words remain after the {N} samples of a frame")
    return cells
