"""The codec: a deterministic encoder, or a trellis, becomes bytes and back, through a range coder."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain

import numpy as np

from ..problems.fidelity import Fidelity
from ..problems.resolution import allowed
from ..problems.source import Source
from ..problems.values import as_points, plain
from ..quantisers.cells import labels
from ..quantisers.trellis import Trellis
from ..quantisers.trellis_design import SHARES
from ..solvers.encoder import Encoder
from .check import Check, spent
from .compact import APART, BRIEF, CompactReader, CompactWriter, counts_of
from .container import FRAME, MOST_CODEWORDS, PRECISION, CorruptStream, Reader
from .gaps import Gaps
from .nearest import nearest_letter
from .precision import spare, written
from .trellis_stream import MAGIC, Paths, TrellisReader, TrellisWriter

OUTSIDE = ("escape", "refuse", "clip")


class Codec:
    """Samples to bytes and back for a deterministic encoder or a trellis.

    A sample is coded as the letter in whose bin it falls, on a source of samples that were binned, and else as its
    nearest letter (squared error; the lower one where two are as near, in each coordinate of a grid), so samples off
    the alphabet are welcome. One outside the range of the design escapes, that is, is carried apart. The model is the
    output pmf in counts out of 2^24, to 2 % each: N samples cost about -sum_t log2 P(codeword of sample t) bits.
    Codewords are written as coarsely as the budgets of the encoder allow, and exactly where it has none. A trellis
    codes samples as they are, at the weights of these letters, frame by frame. A codec can be pickled.

    Parameters
    ----------
    encoder : Encoder or Trellis
        An Encoder has one codeword a letter.
    outside : str, optional
        What becomes of a sample outside the range of the design, which ends half a spacing beyond its letters, or where
        its samples did, or in a gap of it, far from every letter and further from its codeword than any letter of that
        codeword, both beyond what the budgets allow everywhere: "escape" (each coordinate in steps that keep the
        squared error at the least that the budgets allow anywhere, or exactly where the encoder has no budgets),
        "refuse", or "clip", as the nearest letter. The streams of a trellis carry no escapes: samples beyond its
        letters and codewords by more than its budgets allow are clipped, with a warning that "clip" leaves out, or
        refused.

    Attributes
    ----------
    codebook : (m, k)
        The codewords in use, as they are decoded.
    counts : (m,)
        The model, counts out of 2^24; of a trellis, out of 2^16 in each superset.
    header : bytes
        What a decoder must know once: streams without it are read by `Codec.from_header(header)`.

    Raises
    ------
    ValueError
        Where the encoder randomises a letter, sends letters that are the same point to different codewords, or uses
        more than 2^20 of them, or `outside` is none of these.
    TypeError
        Where it is neither.

    References
    ----------
    Range coding: Martin (1979), through the library constriction, Bamler (2022).

    Examples
    --------
    >>> import numpy as np, mfrd
    >>> source = mfrd.bumps(mfrd.grid(-3, 3, 50), [1], [0], [1])
    >>> codec = mfrd.Codec(mfrd.ecsq(source, 0.1).deterministic())
    >>> samples = np.random.default_rng(0).normal(size=10_000)
    >>> data = codec.encode(samples)
    >>> decoded = codec.decode(data)[:, 0]
    >>> len(data) / len(samples) < 0.3, bool(np.mean((samples - decoded) ** 2) < 0.12)
    (True, True)
    """

    def __init__(self, encoder: Encoder | Trellis, *, outside: str = "escape") -> None:
        if outside not in OUTSIDE:
            raise ValueError(f"outside is {outside!r}; expected one of {', '.join(OUTSIDE)}")
        self.encoder: Encoder | Trellis | None = encoder
        self.outside = outside
        self.nearest: Callable[[np.ndarray], np.ndarray]
        if isinstance(encoder, Trellis):
            self.nearest = paths = Paths(encoder)
            self.codebook, self.counts = paths.layout.codebook, paths.layout.counts
            self.header = TrellisWriter(paths.layout).start()
            most, x = 2 * np.sqrt(allowed(encoder.source, encoder.line.rows).min()), encoder.source.x
            self.low = np.minimum(self.codebook.min(axis=0), x.min(axis=0)) - most
            self.high = np.maximum(self.codebook.max(axis=0), x.max(axis=0)) + most
            self.gaps: Gaps | None = None
            return
        used, of_letter = np.unique(labels(encoder), return_inverse=True)
        if len(used) > MOST_CODEWORDS:
            raise ValueError(f"{len(used)} codewords are in use; expected at most 2^20")
        self.known, order = written(encoder, of_letter.astype(np.int64), used)
        self.used, of_letter = used[order], np.argsort(order)[of_letter]
        self._take(self.known.piece)
        source, x = encoder.source, encoder.source.x
        self.nearest = nearest_letter(x, of_letter.astype(np.int32), source.p, source.binning)
        self.low, self.high = reach(encoder)
        self.gaps = Gaps(source, self.codebook, of_letter, spare(encoder))
        torn = np.flatnonzero(self.nearest(x) != of_letter)
        if len(torn):
            first, i = np.flatnonzero((x == x[torn[0]]).all(axis=1))[0], torn[0]
            said = f"letters {first} and {i} are the same point {x[i]}, coded as different codewords; expected one"
            raise ValueError(f"{said}, as samples cannot tell them apart: merge them, or give both the same budget")

    def _take(self, header: bytes) -> None:
        """Take over the codebook and the model of a header, by which this codec decodes."""
        self.header, self.codebook = header, self.known.codebook
        self.counts = counts_of(self.known.levels)
        self.decode = partial(Codec.decode, header=header)  # type: ignore[method-assign]
        self.decode_stream = partial(Codec.decode_stream, header=header)  # type: ignore[method-assign]

    @classmethod
    def from_header(cls, header: bytes) -> "Codec":
        """The codec that decodes the streams which `codec.encode(samples, header=False)` writes, from `codec.header`.

        Parameters
        ----------
        header : bytes

        Returns
        -------
        Codec
            One that decodes, and has no encoder.

        Raises
        ------
        CorruptStream
            Where the bytes are no header.
        """
        codec = cls.__new__(cls)
        reader = CompactReader([header])
        if reader.buffer or any(len(piece) for piece in reader.pieces):
            raise CorruptStream(f"bytes follow the header at byte {reader.offset}; expected none")
        codec.encoder, codec.outside, codec.known = None, "refuse", reader.parsed
        codec._take(bytes(header))
        return codec

    def cells(self, samples: np.ndarray) -> np.ndarray:
        """The codeword index of each sample, (N,) int32; of one that escapes, that of the letter it is nearest to.

        Parameters
        ----------
        samples : (N, k), or (N,) in one dimension

        Raises
        ------
        ValueError
            Where the samples have another dimension or are not finite.
        """
        return self.nearest(self.points(samples))

    def escapes(self, samples: np.ndarray) -> np.ndarray:
        """Which samples lie outside the range of the design, or in a gap of it, (N,) flags.

        Parameters
        ----------
        samples : (N, k), or (N,) in one dimension

        Raises
        ------
        ValueError
            Where the samples have another dimension or are not finite.
        """
        points = self.points(samples)
        return self._beyond(points, None if self.gaps is None else self.nearest(points))

    def _beyond(self, points: np.ndarray, cells: np.ndarray | None) -> np.ndarray:
        """Which samples (N, k) lie outside the range, or, coded as cells (N,), in a gap, (N,) flags."""
        outside = (points < self.low).any(axis=1) | (points > self.high).any(axis=1)
        return outside if self.gaps is None or cells is None else outside | self.gaps.hold(points, cells)

    def points(self, samples: np.ndarray) -> np.ndarray:
        """Samples as (N, k), checked.

        Parameters
        ----------
        samples : (N, k), or (N,) in one dimension

        Raises
        ------
        ValueError
            Where the samples have another dimension or are not finite, or the codec is one that decodes alone.
        """
        if self.encoder is None:
            raise ValueError("this codec was made from a header and decodes alone; expected one made from an encoder")
        k, samples = self.codebook.shape[1], plain(samples, "samples")
        if samples.size == 0 and samples.ndim <= 2:
            return np.zeros((0, k))
        points = as_points(samples, "samples")
        if points.shape[1] != k:
            raise ValueError(f"samples have shape {samples.shape}; expected (N, {k}){' or (N,)' * (k == 1)}")
        return points

    def cross_entropy(self, samples: np.ndarray) -> float:
        """-(1/N) sum_t log2 P(codeword of sample t) under the model, bits a sample; 0 for no samples.

        Parameters
        ----------
        samples : (N, k), or (N,) in one dimension

        Raises
        ------
        ValueError
            Where the samples have another dimension or are not finite.
        """
        frequency = np.bincount(self.cells(samples), minlength=len(self.counts))
        precision = SHARES if isinstance(self.encoder, Trellis) else PRECISION
        return float(frequency @ (precision - np.log2(self.counts)) / max(frequency.sum(), 1))

    def encode(self, samples: np.ndarray, *, header: bool = True) -> bytes:
        """One stream of bytes for samples; there may be none.

        Parameters
        ----------
        samples : (N, k), or (N,) in one dimension
        header : bool, optional
            Whether the stream begins with `header`, or refers to one that was sent apart.

        Raises
        ------
        ValueError
            Where the samples have another dimension or are not finite, or lie outside the range of the design and are
            to be refused.
        """
        return b"".join(self.encode_stream([samples], header=header))

    def encode_stream(
        self, chunks: Iterable[np.ndarray], *, header: bool = True, frame: int = FRAME, flush: bool = False
    ) -> Iterator[bytes]:
        """Yields the pieces of a stream for an iterable of sample arrays of any lengths.

        The header comes first, each frame once it is full, the last one when the samples end; one frame is in memory.

        Parameters
        ----------
        chunks : iterable of (N_i, k), or of (N_i,) in one dimension
            One array is [samples].
        header : bool, optional
            As `encode`.
        frame : int, optional
            Samples at which a frame is full, at most 2^20.
        flush : bool, optional
            Whether each array is sent at once, as frames of its own.

        Raises
        ------
        ValueError
            Where the samples have another dimension or are not finite, or lie outside the range of the design and are
            to be refused, frame is no such number, or a trellis is to be coded without its header.
        """
        if not isinstance(frame, (int, np.integer)) or not 1 <= frame <= FRAME:
            raise ValueError(f"frame is {frame!r}; expected a whole number of samples from 1 to {FRAME}")
        writer = self._writer(header)
        held: list[np.ndarray] = []
        room, frame = int(frame), int(frame)
        yield writer.start()
        for chunk in (plain(chunk, "samples") for chunk in chunks):
            if chunk.ndim == 0:
                said = f"samples are {chunk}, one number; expected (N, k) or (N,)"
                raise ValueError(f"{said}, in a stream a list of such arrays")
            while len(chunk):  # in slices that fill a frame, so that a large one is never copied whole
                if not room:  # only now, since the last frame says that it is
                    yield writer.coded(self, held, False)
                    held, room = [], frame
                held.append(self.points(chunk[:room]))
                chunk, room = chunk[room:], room - len(held[-1])
            if flush and held:
                yield writer.coded(self, held, False)
                held, room = [], frame
        yield writer.coded(self, held, True)

    def check(self, samples: np.ndarray, fidelities: Fidelity | Sequence[Fidelity] | None = None) -> Check:
        """What coding samples takes and what it keeps of its budgets, measured on what its bytes decode to.

            E_r = (1/N) sum_t w_r(x_t) d_r(x_t, decoded y_t),   bits = 8 bytes / N.

        Parameters
        ----------
        samples : (N, k), or (N,) in one dimension
        fidelities : Fidelity or several, optional
            Budgets stated on the letters of the source that was designed for, or on those that a design cut finer;
            None are those that the encoder was made for. A sample counts where its letter does: on a source of
            samples that was cut at the edges of a region, where it lies in the region; of intervals or a function,
            where it lies itself.

        Returns
        -------
        Check

        Raises
        ------
        ValueError
            As `encode`, and where there are no budgets, or one by a matrix.
        """
        points = self.points(samples)
        given = getattr(self.encoder, "fidelities", ()) if fidelities is None else fidelities
        wanted = (given,) if isinstance(given, Fidelity) else tuple(given)
        if not wanted:
            raise ValueError("the encoder was made for no budgets; expected fidelities to measure the samples by")
        data, source = self.encode(samples), self.encoder.source  # type: ignore[union-attr]
        decoded = Codec.decode(data)
        spends = spent(source, wanted, points, decoded, lambda stated: letters_of(stated)(points))
        return Check(len(decoded), len(data), int(self.escapes(points).sum()), spends, {f.name: f.D for f in wanted})

    def _writer(self, header: bool) -> "Writes":
        """What writes the pieces of one stream."""
        self.points(np.zeros((0, self.codebook.shape[1])))  # a codec from a header refuses
        if not isinstance(self.nearest, Paths):
            return Compact(self.known, self.counts, apart=not header)
        if not header:
            raise ValueError("the streams of a trellis hold their header; expected header=True")
        return OfTrellis(self.nearest.layout)

    @staticmethod
    def decode(data: bytes, header: bytes | None = None) -> np.ndarray:
        """The reproduction points of a stream, (N, k) float64.

        Call it on the class for any stream with its header, of this version or an earlier one, and on a codec for
        those without.

        Parameters
        ----------
        data : bytes
            As encode returned them; model and codebook are inside.
        header : bytes, optional
            Of a stream without: `codec.header`, which a codec knows to be its own.

        Raises
        ------
        CorruptStream
            Where they are cut short, altered, foreign or followed by others.
        TypeError
            Where data is not bytes.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data is {type(data).__name__}; expected bytes")
        found = [*reader_of([data], header).points()]
        return found[0] if len(found) == 1 else np.concatenate(found)

    @staticmethod
    def decode_stream(pieces: Iterable[bytes], header: bytes | None = None) -> Iterator[np.ndarray]:
        """Yields (N_i, k) arrays from an iterable of pieces of bytes.

        A frame is yielded once its check holds. No samples at all yield one array (0, k).

        Parameters
        ----------
        pieces : iterable of bytes
            The stream, cut anywhere.
        header : bytes, optional
            As `decode`.

        Raises
        ------
        CorruptStream
            Where the stream breaks, after the frames before the break.
        TypeError
            Where a piece is not bytes.
        """
        yield from reader_of(pieces, header).points()


class Compact(CompactWriter):
    """Frames of a codec: cells, and the samples that escape."""

    def coded(self, codec: Codec, held: list[np.ndarray], last: bool) -> bytes:
        """A frame of the samples held, arrays (N_i, k); raises ValueError for those outside that are to be refused."""
        points = np.concatenate(held) if held else np.zeros((0, codec.codebook.shape[1]))
        cells = codec.nearest(points)
        outside = np.zeros(0, np.int64) if codec.outside == "clip" else np.flatnonzero(codec._beyond(points, cells))
        if len(outside) and codec.outside == "refuse":
            said = f"{len(outside)} of {len(points)} samples lie outside the range of the design or in a gap of it, the"
            said = f"{said} first in row {outside[0]}, {points[outside[0]]}; expected from {codec.low} to {codec.high}:"
            raise ValueError(f'{said} design on them too, or choose outside="escape" or "clip"')
        return self.frame(cells, outside, points[outside], last)


class OfTrellis(TrellisWriter):
    """Frames of a trellis."""

    def coded(self, codec: Codec, held: list[np.ndarray], last: bool) -> bytes:
        """A frame of the samples held, arrays (N_i, 1), and the end after the last."""
        points = np.concatenate(held) if held else np.zeros((0, 1))
        outside = int(codec.escapes(points).sum())
        if outside and codec.outside != "clip":
            said = f"{outside} of {len(points)} samples lie beyond the range of the trellis, which has no escapes;"
            said = f"{said} expected from {codec.low[0]:.6g} to {codec.high[0]:.6g}: design on them, or code by cells"
            if codec.outside == "refuse":
                raise ValueError(said)
            warnings.warn(f'{said}; outside="clip" takes the outermost codewords without a word', stacklevel=5)
        frame = self.frame(codec.nearest(points)) if held else b""
        return frame + self.end() if last else frame


Writes = Compact | OfTrellis


def reach(encoder: Encoder) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the design, (k,) both: half a spacing beyond its letters, and no further than its budgets allow."""
    if encoder.source.binning is not None:
        return encoder.source.binning.low, encoder.source.binning.high
    axes = [np.unique(column) for column in encoder.source.x.T]
    most = spare(encoder) or np.inf
    low = [axis[0] - min(most, (axis[1] - axis[0]) / 2 if len(axis) > 1 else 0.0) for axis in axes]
    high = [axis[-1] + min(most, (axis[-1] - axis[-2]) / 2 if len(axis) > 1 else 0.0) for axis in axes]
    return np.array(low), np.array(high)


def letters_of(source: Source) -> Callable[[np.ndarray], np.ndarray]:
    """The map from samples (N, k) to the letter of a source that stands for each, (N,) int32."""
    return nearest_letter(source.x, np.arange(len(source.p), dtype=np.int32), source.p, source.binning)


def reader_of(pieces: Iterable[bytes], header: bytes | None = None) -> Reader:
    """The reader of the kind of stream that pieces of bytes begin; what is no bytes is left for it to refuse."""
    rest, first, head = iter(pieces), [], b""
    for piece in rest:
        first.append(piece)
        if not isinstance(piece, (bytes, bytearray, memoryview)):
            break
        head += bytes(memoryview(piece).cast("B")[: len(MAGIC) + 1])
        if len(head) > len(MAGIC):
            break
    whole = chain(first, rest)
    if (
        head[: len(APART)] == APART
        or head[:1] >= bytes([BRIEF])
        or head[: len(MAGIC)] == b"MFRD"
        and head[len(MAGIC) : len(MAGIC) + 1] == b"\x02"
    ):
        return CompactReader(whole, header)
    return (TrellisReader if head[: len(MAGIC)] == MAGIC else Reader)(whole)
