"""The second version of the container: small headers, headers apart, frames of any size, samples that escape.

    header  "MFRD", 2 (u8), L, body (L bytes), check
    or      "m", where the header was sent before, or nothing, before a brief frame: the only one, of at most 256 bytes,
            without escapes
    frame   4 N + 2 (some samples escape) + 1 (it is the last), B, B bytes of the range coder, and where some escape
            E and E bytes of escapes, check
    brief   128 + 64 (N > 63) + N mod 64, N div 64 where N > 63, what the range coder wrote, to the end of the stream
            but for 2 bytes of check

Numbers are variable-length integers of seven bits a byte. A check is 4 bytes of BLAKE2b over the check before it and
the bytes it closes, the first frame's over that of the header; that of the last frame closes the stream. Where the
header was sent before, 2 bytes of the check of a frame of at most 256 bytes are sent. The body of a header is

    k, m, how codewords are written and their exponent (i8), exponent of the step of escapes (i8), then
    codewords, ascending in their first coordinate, and counts, each a coded array of integers (`coded`)

or, of few codewords, the least integer of each axis and the side of the box (`coded`), the least and the largest count,
and one state that tells the set of codewords, in an order of its own, and their counts (points.py).

Codewords are n 2^e or n / 10^e for integers n, exactly, or float64s. Counts out of 2^24 stand as sixteenths of octaves.
Escapes are their number, their places in the frame, and integers n for values n 2^e, or float64s.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from math import isqrt
from typing import Any

import numpy as np

from .arrays import variable_length
from .container import FRAME, MAGIC, MOST_CODEWORDS, PRECISION, CorruptStream, Reader, from_words, model_of, to_words
from .points import MOST, State, halved, integers_of, of_integers, placed, state_of

VERSION, APART, CHECK = 2, b"m", 4
SHORT, SHORT_CHECK = 256, 2  # bytes of a frame up to which so many of its check are sent, header apart
BRIEF, MORE = 128, 64  # in the first byte of a stream that is one brief frame; where its N takes more bytes
FEW = 4_096  # samples of such a frame up to which the shortest end is sought
FLOATS, BINARY, DECIMAL = range(3)  # how codewords are written
AS_SET = 4  # added to that where they are told as a set
EXACT = -128  # in place of the exponent of a step: values are float64s
OCTAVE = 16  # steps of a count in an octave: a count is off by 2 % at most, the rate by 0.0001 bits
MANTISSAS = [isqrt(isqrt(isqrt(isqrt(1 << 30 * OCTAVE + j)))) for j in range(OCTAVE)]  # 2^(30 + j / 16), in integers
MOST_BITS = 62  # of an integer of a coded array


# --- integers -------------------------------------------------------------------------------------


def coded(values: np.ndarray) -> bytes:
    """Non-negative integers (N,) in exponential Golomb code of the best order, which is the first byte.

    v is written as the binary digits of v + 2^q behind as many zeros as it has digits beyond q + 1 (Teuhola 1978).
    """
    values = np.asarray(values, np.int64)
    lengths = [2 * digits(values + (1 << q)) - q - 1 for q in range(48)] if len(values) else [np.zeros(0, np.int64)]
    q = int(np.argmin([length.sum() for length in lengths]))
    ends = np.cumsum(lengths[q])
    bits, shifted = np.zeros(int(ends[-1]) if len(ends) else 0, np.uint8), values + (1 << q)
    for place in range(MOST_BITS + 1):  # digit `place` from the right
        held = np.flatnonzero(shifted >> place)
        if not len(held):
            break
        bits[ends[held] - 1 - place] = shifted[held] >> place & 1
    return bytes([q]) + np.packbits(bits).tobytes()


def digits(values: np.ndarray) -> np.ndarray:
    """The binary digits of positive integers (N,) below 2^62."""
    large = values >> 31
    low = np.frexp(np.where(large > 0, 1, values).astype(float))[1]
    return np.where(large > 0, 31 + np.frexp(large.astype(float))[1], low)


def folded(values: np.ndarray) -> np.ndarray:
    """Signed integers as non-negative ones, 0, -1, 1, -2, ... as 0, 1, 2, 3, ..."""
    return np.where(values < 0, -2 * values - 1, 2 * values)


def unfolded(values: np.ndarray) -> np.ndarray:
    """Signed integers from `folded`."""
    return np.where(values & 1, -(values + 1) // 2, values // 2)


class Bytes:
    """A cursor over the bytes of a piece whose check held; CorruptStream where they end too soon or remain."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if self.at + size > len(self.data):
            raise CorruptStream(f"a piece of {len(self.data)} bytes ends inside a field of {size}")
        self.at += size
        return self.data[self.at - size : self.at]

    def value(self, layout: str) -> Any:
        """The next number of a struct layout."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def number(self) -> int:
        """The next variable-length integer."""
        return variable(lambda: self.take(1)[0])

    def array(self, N: int) -> np.ndarray:
        """N integers as `coded` wrote them, (N,) int64."""
        q = self.take(1)[0]
        if N > 8 * (len(self.data) - self.at) or q >= 48:
            raise CorruptStream(f"{N} integers of order {q} do not fit {len(self.data) - self.at} bytes")
        bits = np.unpackbits(np.frombuffer(self.data, np.uint8, offset=self.at))
        ones, found, at, i = np.flatnonzero(bits).tolist(), [], 0, 0
        line = bits.tobytes().translate(DIGITS).decode()
        for _ in range(N):
            while i < len(ones) and ones[i] < at:
                i += 1
            size = q + 1 + ones[i] - at if i < len(ones) else MOST_BITS + 1
            end = ones[i] + size if i < len(ones) else 0
            if size > MOST_BITS or end > len(bits):
                raise CorruptStream(f"an integer ends outside the {len(bits)} bits of its array")
            found.append(int(line[ones[i] : end], 2) - (1 << q))
            at = end
        self.at += -(-at // 8)
        return np.array(found, np.int64)

    def end(self) -> None:
        """Raise where bytes remain."""
        if self.at < len(self.data):
            raise CorruptStream(f"{len(self.data) - self.at} bytes remain of a piece of {len(self.data)}")


DIGITS = bytes([48, 49, *range(2, 256)])  # bits as text


def variable(byte: Callable[[], int]) -> int:
    """A variable-length integer from a supplier of bytes; CorruptStream beyond 62 bits."""
    number = shift = 0
    while True:
        part = byte()
        number |= (part & 0x7F) << shift
        if part < 0x80:
            return number
        shift += 7
        if shift > 56:
            raise CorruptStream("a number has more than 62 bits")


def shuffled(values: np.ndarray) -> bytes:
    """float64s (N,) as deflated bytes, those of one significance together."""
    return zlib.compress(np.ascontiguousarray(values, "<f8").view(np.uint8).reshape(-1, 8).T.tobytes(), 9)


def unshuffled(data: bytes, N: int) -> np.ndarray:
    """float64s (N,) from `shuffled`."""
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(data, 8 * N + 1)
    except zlib.error as error:
        raise CorruptStream(f"float64s do not inflate: {error}") from error
    if len(raw) != 8 * N or inflate.unused_data or not inflate.eof and N:
        raise CorruptStream(f"{len(raw)} bytes inflated; expected {8 * N}")
    return np.frombuffer(np.frombuffer(raw, np.uint8).reshape(8, N).T.tobytes(), "<f8").astype(float)


# --- header ---------------------------------------------------------------------------------------


def octaves(pmf: np.ndarray) -> np.ndarray:
    """How many sixteenths of an octave each probability lies above 2^-24, (m,) integers >= 0."""
    with np.errstate(divide="ignore"):
        return np.clip(np.rint(OCTAVE * (PRECISION + np.log2(pmf))), 0, OCTAVE * PRECISION).astype(np.int64)


def counts_of(levels: np.ndarray) -> np.ndarray:
    """Counts (m,), each at least 1 and 2^24 together, in proportion to 2^(levels / 16), in integers alone."""
    weights = [MANTISSAS[level % OCTAVE] << (level // OCTAVE) for level in levels.tolist()]
    total, rest = sum(weights), (1 << PRECISION) - len(weights)
    counts = np.array([1 + rest * weight // total for weight in weights], np.int64)
    counts[int(np.argmax(counts))] += (1 << PRECISION) - counts.sum()
    return counts


@dataclass(frozen=True, eq=False)
class Header:
    """What a decoder must know: codebook (m, k), levels (m,) of its counts, step of escapes, 0 for exact ones."""

    codebook: np.ndarray
    levels: np.ndarray
    kind: int
    exponent: int
    escape: int

    @property
    def piece(self) -> bytes:
        """Its bytes, with their check."""
        m, k = self.codebook.shape
        parts = [variable_length(k), variable_length(m), struct.pack("<Bbb", self.kind, self.exponent, self.escape)]
        if self.kind >= AS_SET:
            whole: Any = multiples(self.codebook, self.kind - AS_SET, self.exponent)
            low, least = whole.min(axis=0), int(self.levels.min())
            side, most = np.ptp(whole, axis=0) + 1, int(self.levels.max()) - least
            symbols = halved(whole - low, side)[1] + of_integers(self.levels - least, most)
            parts += [coded(folded(low)), coded(side - 1), variable_length(least), variable_length(most)]
            return self.closed(b"".join(parts) + state_of(symbols))
        if self.kind == FLOATS:
            floats = shuffled(self.codebook.T.ravel())
            parts += [variable_length(len(floats)), floats]
        else:
            whole = multiples(self.codebook, self.kind, self.exponent)
            parts += [coded(folded(whole[:1].ravel())), coded(np.diff(whole[:, 0]))]
            parts += [coded(folded(column[1:] - column[0])) for column in whole.T[1:]]
        parts += [coded(folded(np.diff(self.levels, prepend=0)))]
        return self.closed(b"".join(parts))

    @staticmethod
    def closed(body: bytes) -> bytes:
        """The bytes of a body, with what stands before it and its check."""
        start = MAGIC + bytes([VERSION]) + variable_length(len(body)) + body
        return start + check(b"", start)

    @classmethod
    def parsed(cls, data: bytes) -> "Header":
        """The header of a body whose check held; CorruptStream where it is none."""
        body = Bytes(data)
        k, m = body.number(), body.number()
        kind, exponent, escape = struct.unpack("<Bbb", body.take(3))
        ways = (FLOATS, BINARY, DECIMAL, *((BINARY + AS_SET, DECIMAL + AS_SET) if m * k <= MOST else ()))
        if not (1 <= m <= MOST_CODEWORDS and 1 <= k <= 0xFFFF and kind in ways):
            raise CorruptStream(f"{m} codewords of dimension {k}, written in way {kind}; expected 1 to 2^20, k >= 1")
        if kind >= AS_SET:
            low, side = unfolded(body.array(k)), body.array(k) + 1
            least, most = body.number(), body.number()
            if max(least, most) > OCTAVE * PRECISION or (abs(low) > 1 << 53).any() or side.max() > 1 << 54:
                raise CorruptStream("codewords or counts are out of range")
            state = State(body.take(len(data) - body.at))
            codebook = values(low + placed(state, m, side), kind - AS_SET, exponent)
            levels = least + integers_of(state, m, most)
            state.end()
        elif kind == FLOATS:
            size = body.number()
            codebook = unshuffled(body.take(size), m * k).reshape(k, m).T
        else:
            first = unfolded(body.array(k))
            whole = np.empty((m, k), np.int64)
            whole[:, 0] = first[0] + np.append(0, np.cumsum(body.array(m - 1)))
            for axis in range(1, k):
                whole[:, axis] = first[axis] + np.append(0, unfolded(body.array(m - 1)))
            codebook = values(whole, kind, exponent)
        if kind < AS_SET:
            levels = np.cumsum(unfolded(body.array(m)))
        body.end()
        if not np.isfinite(codebook).all() or levels.min() < 0 or levels.max() > OCTAVE * PRECISION:
            raise CorruptStream("codewords or counts are out of range")
        return cls(np.ascontiguousarray(codebook), levels, kind, exponent, escape)


def check(before: bytes, body: bytes | memoryview) -> bytes:
    """The check of a piece that follows the check `before`, 4 bytes."""
    return blake2b(body, digest_size=CHECK, key=before).digest()


def values(whole: np.ndarray, kind: int, exponent: int) -> np.ndarray:
    """The numbers that integers stand for: n 2^e, or n / 10^e, each rounded once."""
    return np.ldexp(whole.astype(float), exponent) if kind == BINARY else whole / 10.0**exponent


def multiples(x: np.ndarray, kind: int, exponent: int) -> np.ndarray | None:
    """The integers nearest to numbers x in units of 2^e or 10^-e; None where they are too large to be exact."""
    with np.errstate(over="ignore"):  # too large, as is said below
        scaled = np.ldexp(x, -exponent) if kind == BINARY else x * 10.0**exponent
    return None if not (np.abs(scaled) < 2.0**52).all() else np.rint(scaled).astype(np.int64)


# --- streams --------------------------------------------------------------------------------------


def trimmed(words: bytes) -> bytes:
    """Words of the range coder, the high bytes first, without up to three zeros at their end."""
    data = np.frombuffer(words, "<u4").astype(">u4").tobytes()
    return data[: max(len(data.rstrip(b"\0")), len(data) - 3)]


def whole(data: bytes) -> bytes:
    """The words that were `trimmed`."""
    return np.frombuffer(data + bytes(-len(data) % 4), ">u4").astype("<u4").tobytes()


def sent(body: bytes | memoryview, apart: bool) -> int:
    """How many bytes of its check follow a body, where the header was sent apart or not."""
    return SHORT_CHECK if apart and len(body) <= SHORT else CHECK


def brief(N: int) -> bytes:
    """The number of samples of a stream that is one brief frame."""
    return bytes([BRIEF + N]) if N < MORE else bytes([BRIEF + MORE + N % MORE]) + variable_length(N // MORE)


def shortest(data: bytes, cells: np.ndarray, model: Any) -> bytes:
    """The fewest first bytes of `trimmed` words, the last perhaps one more, that are still read as cells (N,)."""
    for cut in range(min(3, len(data) - 1), 0, -1):
        for more in (0, 1):
            try:
                found = (int.from_bytes(data[:-cut], "big") + more).to_bytes(len(data) - cut, "big")
                if np.array_equal(from_words(whole(found), [(len(cells), model)], ended=False)[0], cells):
                    return found
            except (CorruptStream, OverflowError):
                continue
    return data


class CompactWriter:
    """The pieces of one stream in order, each with its check: start, frames, of which one is the last."""

    def __init__(self, header: Header, counts: np.ndarray, apart: bool) -> None:
        self.header, self.model = header, model_of(counts)
        self.piece, self.apart, self.begun = header.piece, apart, not apart
        self.state = self.piece[-CHECK:]

    def start(self) -> bytes:
        """The header, or nothing where it was sent before: the first frame says how the stream begins."""
        return b"" if self.apart else self.piece

    def frame(self, cells: np.ndarray, places: np.ndarray, escaped: np.ndarray, last: bool) -> bytes:
        """A frame of cells (N,) int32, of which the samples at places (E,) are those of escaped (E, k)."""
        words = trimmed(to_words([(cells, self.model)])) if len(cells) else b""
        if self.apart and words and len(cells) <= FEW:
            words = shortest(words, cells, self.model)
        first, self.begun = b"" if self.begun else APART, True
        if first and last and not len(places) and len(words) <= SHORT - 4:
            body = brief(len(cells)) + words
            return body + check(self.state, body)[:SHORT_CHECK]
        body = variable_length(4 * len(cells) + 2 * (len(places) > 0) + last) + variable_length(len(words)) + words
        if len(places):
            data = self.escapes(places, escaped)
            body += variable_length(len(data)) + data
        self.state = check(self.state, body)
        return first + body + self.state[: sent(body, self.apart)]

    def escapes(self, places: np.ndarray, samples: np.ndarray) -> bytes:
        """Samples (E, k) at places (E,) of a frame."""
        steps = None if self.header.escape == EXACT else multiples(samples, BINARY, self.header.escape)
        start = variable_length(2 * len(places) + (steps is not None)) + coded(np.diff(places, prepend=-1) - 1)
        if steps is None:
            return start + shuffled(samples.T.ravel())
        return start + b"".join(coded(folded(np.diff(axis, prepend=0))) for axis in steps.T)


class CompactReader(Reader):
    """One stream of the second version from pieces of bytes cut anywhere: .codebook (m, k), then .points().

    given: the header where it was sent apart. Raises as Reader.
    """

    def __init__(self, pieces: Iterable[bytes], given: bytes | None = None) -> None:
        self.given, self.apart, self.brief = given, False, 0
        super().__init__(pieces)

    def header(self) -> None:
        """Read the header, or find the one that was given: .codebook and .model."""
        start = bytes(self.take(len(APART), "prefix"))
        self.brief = start[0] if start[0] >= BRIEF else 0
        if start == APART or self.brief:
            if self.given is None:
                said = f"starts with {start!r}: the stream has no header; expected it apart"
                raise CorruptStream(f"{said}: Codec.from_header(header).decode")
            self.state, self.apart = bytes(self.given[-CHECK:]), True
            self.read_header(CompactReader([self.given], b""))
            return
        self.buffer, self.offset = memoryview(start + bytes(self.buffer)), 0
        start = bytes(self.take(len(MAGIC) + 1, "prefix"))
        if start != MAGIC + bytes([VERSION]):
            raise CorruptStream(f"starts with {start!r}; expected {MAGIC!r} and version {VERSION}")
        size, start = self.number(start, "header")
        body = bytes(self.take(size, "header"))
        self.verify(start + body, "header")
        self.parsed = Header.parsed(body)
        self.read_header(self)

    def read_header(self, other: "CompactReader") -> None:
        """Take over what a reader found in its header."""
        self.parsed = other.parsed
        self.codebook, self.counts = self.parsed.codebook, counts_of(self.parsed.levels)
        self.model = model_of(self.counts)

    def number(self, before: bytes, what: str) -> tuple[int, bytes]:
        """The next variable-length integer, and the bytes before it with its own."""
        read = bytearray(before)

        def byte() -> int:
            read.append(self.take(1, what)[0])
            return read[-1]

        return variable(byte), bytes(read)

    def verify(self, body: bytes | memoryview, what: str) -> None:
        """Advance the chain of checks over a piece, or raise CorruptStream."""
        self.state, size = check(self.state, body), sent(body, self.apart)
        if self.take(size, what) != self.state[:size]:
            other = ", or the stream belongs to another header" if self.apart else ""
            raise CorruptStream(f"the check of the {what} that ends at byte {self.offset} fails{other}")

    def points(self) -> Iterator[np.ndarray]:
        """Yields the samples of each frame, (N, k), once its check holds; of no samples one array (0, k)."""
        if self.brief:
            yield self.codebook.take(self.only(), axis=0)
            return
        k, last, total = self.codebook.shape[1], 0, 0
        while not last:
            head, body = self.number(b"", "frame")
            N, escapes, last = head >> 2, head >> 1 & 1, head & 1
            size, body = self.number(body, "frame")
            most = 4 * (N + 2) if self.model else 0
            if N > FRAME or size > most or not N and not last or escapes and not N:
                found = f"a frame of {N} samples in {size} bytes at byte {self.offset}"
                raise CorruptStream(f"{found}; expected 1 to {FRAME} samples and at most a word each")
            body += (words := bytes(self.take(size, "frame")))
            data = b""
            if escapes:
                more, body = self.number(body, "frame")
                if more > 10 * N * (k + 1) + 64:
                    raise CorruptStream(f"escapes of {more} bytes at byte {self.offset} in a frame of {N} samples")
                body += (data := bytes(self.take(more, "frame")))
            self.verify(body, "frame")
            if N or not total:
                cells = (
                    from_words(whole(words), [(N, self.model)], ended=not self.apart)[0] if N else np.zeros(0, np.int32)
                )
                x = self.codebook.take(cells, axis=0)
                yield self.replaced(x, data) if escapes else x
            total += N
        if self.buffer or any(len(piece) for piece in self.pieces):
            raise CorruptStream(f"bytes follow the end at byte {self.offset}; expected none")

    def only(self) -> np.ndarray:
        """The cells of the one frame of a brief stream, (N,) int32."""
        N, body = self.brief % MORE, bytes([self.brief])
        if self.brief & MORE:
            more, body = self.number(body, "frame")
            N += MORE * more
        rest = bytes(self.buffer[: SHORT + 1])
        while len(rest) <= SHORT and (piece := self.piece()) is not None:
            rest += bytes(piece[: SHORT + 1])
        self.buffer, size = memoryview(rest), len(rest) - SHORT_CHECK
        if not 0 <= size <= min(SHORT - 4, 4 * (N + 2) if N and self.model else 0) or N > FRAME:
            found = f"one frame of {N} samples in {size} bytes follows byte {self.offset}"
            raise CorruptStream(f"{found}; expected at most {FRAME} samples, {SHORT - 4} bytes, and a word a sample")
        words = bytes(self.take(size, "frame"))
        self.verify(body + words, "frame")
        return from_words(whole(words), [(N, self.model)], ended=False)[0] if N else np.zeros(0, np.int32)

    def replaced(self, x: np.ndarray, data: bytes) -> np.ndarray:
        """The samples of a frame, (N, k), with those that escaped in their places."""
        body = Bytes(data)
        number = body.number()
        E, quantised = number >> 1, number & 1
        if not 1 <= E <= len(x):
            raise CorruptStream(f"{E} samples of {len(x)} escape; expected 1 or more")
        places = np.cumsum(body.array(E) + 1) - 1
        if places[-1] >= len(x):
            raise CorruptStream(f"a sample escapes at {places[-1]} in a frame of {len(x)}")
        if quantised:
            steps = np.column_stack([np.cumsum(unfolded(body.array(E))) for _ in range(x.shape[1])])
            body.end()
            x[places] = values(steps, BINARY, self.parsed.escape)
        else:
            x[places] = unshuffled(body.take(len(data) - body.at), E * x.shape[1]).reshape(x.shape[1], E).T
        return x
