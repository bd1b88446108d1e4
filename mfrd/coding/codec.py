"""The codec: a deterministic encoder, or a trellis, becomes bytes and back, through a range coder."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import numpy as np

from ..problems.values import as_points, plain
from ..quantisers.cells import labels
from ..quantisers.trellis import Trellis
from ..quantisers.trellis_design import SHARES
from ..solvers.encoder import Encoder
from .container import FRAME, MOST_CODEWORDS, PRECISION, Reader, Writer, integer_counts
from .nearest import nearest_letter
from .trellis_stream import MAGIC, Paths, TrellisReader, TrellisWriter


class Codec:
    """Samples to bytes and back for a deterministic encoder or a trellis.

    A sample is coded as its nearest source letter (squared error; the lower one where two are as near, in each
    coordinate of a grid), so samples off the alphabet are welcome and fall into the cell of that letter. The model is
    the output pmf in counts out of 2^24, at least 1 for each codeword that some letter uses, also where its
    probability is zero: N samples cost about -sum_t log2 P(codeword of sample t) bits. A trellis codes samples as they
    are, at the weights of these letters, frame by frame. A codec can be pickled.

    Parameters
    ----------
    encoder : Encoder or Trellis
        An Encoder has one codeword a letter.

    Attributes
    ----------
    codebook : (m, k)
        The codewords in use.
    counts : (m,)
        The model, counts out of 2^24; of a trellis, out of 2^16 in each superset.

    Raises
    ------
    ValueError
        Where the encoder randomises a letter, sends letters that are the same point to different codewords, or uses
        more than 2^20 of them.
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

    def __init__(self, encoder: Encoder | Trellis) -> None:
        self.encoder: Encoder | Trellis = encoder
        self.nearest: Callable[[np.ndarray], np.ndarray]
        if isinstance(encoder, Trellis):
            self.nearest = paths = Paths(encoder)
            self.codebook, self.counts = paths.layout.codebook, paths.layout.counts
            return
        self.used, of_letter = np.unique(labels(encoder), return_inverse=True)
        if len(self.used) > MOST_CODEWORDS:
            raise ValueError(f"{len(self.used)} codewords are in use; expected at most 2^20")
        self.codebook = np.ascontiguousarray(encoder.y[self.used])
        self.counts, x = integer_counts(encoder.output_pmf[self.used]), encoder.source.x
        source = encoder.source
        self.nearest = nearest_letter(x, of_letter.astype(np.int32), source.p, source.binning)
        torn = np.flatnonzero(self.nearest(x) != of_letter)
        if len(torn):
            first, i = np.flatnonzero((x == x[torn[0]]).all(axis=1))[0], torn[0]
            said = f"letters {first} and {i} are the same point {x[i]}, coded as different codewords; expected one"
            raise ValueError(f"{said}, as samples cannot tell them apart: merge them, or give both the same budget")

    def cells(self, samples: np.ndarray) -> np.ndarray:
        """The codeword index of each sample, (N,) int32.

        Parameters
        ----------
        samples : (N, k), or (N,) in one dimension

        Raises
        ------
        ValueError
            Where the samples have another dimension or are not finite.
        """
        return self.nearest(self.points(samples))

    def points(self, samples: np.ndarray) -> np.ndarray:
        """Samples as (N, k), checked.

        Parameters
        ----------
        samples : (N, k), or (N,) in one dimension

        Raises
        ------
        ValueError
            Where the samples have another dimension or are not finite.
        """
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

    def encode(self, samples: np.ndarray) -> bytes:
        """One stream of bytes for samples; there may be none.

        Parameters
        ----------
        samples : (N, k), or (N,) in one dimension

        Raises
        ------
        ValueError
            Where the samples have another dimension or are not finite.
        """
        return b"".join(self.encode_stream([samples]))

    def encode_stream(self, chunks: Iterable[np.ndarray]) -> Iterator[bytes]:
        """Yields the pieces of a stream for an iterable of sample arrays of any lengths.

        The header comes first, each frame once it is full, then the end; one frame of at most 2^20 samples is in
        memory.

        Parameters
        ----------
        chunks : iterable of (N_i, k), or of (N_i,) in one dimension
            One array is [samples].

        Raises
        ------
        ValueError
            Where the samples have another dimension or are not finite.
        """
        writer = Writer(self.counts, self.codebook)
        if isinstance(self.nearest, Paths):
            writer = TrellisWriter(self.nearest.layout)
        held, room = [], FRAME
        yield writer.start()
        for chunk in (plain(given, "samples") for given in chunks):
            if chunk.ndim == 0:
                said = f"samples are {chunk}, one number; expected (N, k) or (N,)"
                raise ValueError(f"{said}, in a stream a list of such arrays")
            while len(chunk):  # in slices that fill a frame, so that a large one is never copied whole
                held.append(self.points(chunk[:room]))
                chunk, room = chunk[room:], room - len(held[-1])
                if not room:
                    yield writer.frame(self.nearest(np.concatenate(held) if len(held) > 1 else held[0]))
                    held, room = [], FRAME
        if room < FRAME:
            yield writer.frame(self.nearest(np.concatenate(held)))
        yield writer.end()

    @staticmethod
    def decode(data: bytes) -> np.ndarray:
        """The reproduction points of a stream, (N, k) float64.

        Call it on the class or on any codec.

        Parameters
        ----------
        data : bytes
            As encode returned them; model and codebook are inside.

        Raises
        ------
        CorruptStream
            Where they are cut short, altered, foreign or followed by others.
        TypeError
            Where data is not bytes.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data is {type(data).__name__}; expected bytes")
        reader = reader_of([data])
        return reader.codebook.take(np.concatenate([*reader.frames()]), axis=0)

    @staticmethod
    def decode_stream(pieces: Iterable[bytes]) -> Iterator[np.ndarray]:
        """Yields (N_i, k) arrays from an iterable of pieces of bytes.

        A frame is yielded once its check holds. No samples at all yield one array (0, k).

        Parameters
        ----------
        pieces : iterable of bytes
            The stream, cut anywhere.

        Raises
        ------
        CorruptStream
            Where the stream breaks, after the frames before the break.
        TypeError
            Where a piece is not bytes.
        """
        reader = reader_of(pieces)
        yield from (reader.codebook.take(cells, axis=0) for cells in reader.frames())


def reader_of(pieces: Iterable[bytes]) -> Reader:
    """The reader of the kind of stream that pieces of bytes begin; what is no bytes is left for it to refuse."""
    rest, first, head = iter(pieces), [], b""
    for piece in rest:
        first.append(piece)
        if not isinstance(piece, (bytes, bytearray, memoryview)):
            break
        head += bytes(memoryview(piece).cast("B")[: len(MAGIC)])
        if len(head) >= len(MAGIC):
            break
    return (TrellisReader if head[: len(MAGIC)] == MAGIC else Reader)(chain(first, rest))
