"""The codec: a deterministic encoder becomes bytes and back, through a range coder."""

import numpy as np

from ..problems.source import as_points
from ..quantisers.quantiser import labels
from .container import FRAME, MOST_CODEWORDS, PRECISION, Reader, Writer
from .nearest import nearest_letter


class Codec:
    """Samples to bytes and back for a deterministic encoder.

    encoder: Encoder whose letters each have one codeword. A sample is coded as its nearest source
    letter (squared error; the lower one where two are as near, in each coordinate of a grid), so
    samples off the alphabet are welcome and fall into the cell of that letter. The model is the
    output pmf in counts out of 2^24, at least 1 for each codeword that some letter uses, also where
    its probability is zero.

    .encode(samples) -> bytes; .decode(data) -> (N, k), which needs the bytes alone: call it on the
    class or on any codec. .encode_stream and .decode_stream do the same piece by piece, with one
    frame of at most 2^20 samples in memory. .cells(samples) -> (N,) indices into .codebook (m, k).

    >>> import numpy as np, mfrd
    >>> source = mfrd.bumps(mfrd.grid(-3, 3, 50), [1], [0], [1])
    >>> codec = mfrd.Codec(mfrd.ecsq(source, 0.1).deterministic())
    >>> samples = np.random.default_rng(0).normal(size=10_000)
    >>> data = codec.encode(samples)
    >>> decoded = codec.decode(data)[:, 0]
    >>> len(data) / len(samples) < 0.3, bool(np.mean((samples - decoded) ** 2) < 0.12)
    (True, True)

    Raises ValueError where the encoder randomises a letter, sends letters that are the same point to different
    codewords, or uses more than 2^20 of them, and TypeError where it is no Encoder.
    Source: range coding, Martin (1979), through the library constriction, Bamler (2022).
    """

    def __init__(self, encoder):
        used, of_letter = np.unique(labels(encoder), return_inverse=True)
        if len(used) > MOST_CODEWORDS:
            raise ValueError(f"{len(used)} codewords are in use; expected at most 2^20")
        self.encoder, self.codebook = encoder, np.ascontiguousarray(encoder.y[used])
        self.counts = integer_counts(encoder.output_pmf[used])
        source = encoder.source
        self.nearest, self.used = nearest_letter(source.x, of_letter.astype(np.int32), source.p), used
        torn = np.flatnonzero(self.nearest(source.x) != of_letter)
        if len(torn):
            i = int(torn[0])
            first = int(np.flatnonzero((source.x == source.x[i]).all(axis=1))[0])
            raise ValueError(
                f"letters {first} and {i} are the same point {source.x[i]}, coded as different codewords; expected "
                "one, since samples cannot tell them apart: merge them, or give both the same budget"
            )

    def cells(self, samples):
        """The codeword index of each sample, (N,) int32.

        Raises ValueError where the samples have another dimension or are not finite.
        """
        k, samples = self.codebook.shape[1], np.asarray(samples, float)
        if samples.size == 0 and samples.ndim <= 2:
            return np.zeros(0, np.int32)
        points = as_points(samples, "samples")
        if points.shape[1] != k:
            raise ValueError(f"samples have shape {samples.shape}; expected (N, {k}){' or (N,)' * (k == 1)}")
        return self.nearest(points)

    def cross_entropy(self, samples):
        """-(1/N) sum_t log2 P(codeword of sample t) under the model, bits a sample; 0 for no samples."""
        frequency = np.bincount(self.cells(samples), minlength=len(self.counts))
        return float(frequency @ (PRECISION - np.log2(self.counts)) / max(frequency.sum(), 1))

    def encode(self, samples):
        """One stream of bytes for samples (N, k), or (N,) in one dimension; N may be zero.

        Raises ValueError where the samples have another dimension or are not finite.
        """
        return b"".join(self.encode_stream([samples]))

    def encode_stream(self, chunks):
        """Yields the pieces of a stream for an iterable of sample arrays of any lengths.

        The header comes first, each frame once it is full, then the end. One array is [samples]. Raises as encode.
        """
        writer = Writer(self.counts, self.codebook)
        yield writer.start()
        for cells in frames(self.cells(block) for chunk in chunks for block in slices(chunk)):
            yield writer.frame(cells)
        yield writer.end()

    @staticmethod
    def decode(data):
        """The reproduction points of a stream, (N, k) float64.

        data: bytes as encode returned them; model and codebook are inside.
        Raises CorruptStream where they are cut short, altered, foreign or followed by others, and
        TypeError where data is not bytes.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data is {type(data).__name__}; expected bytes")
        reader = Reader([data])
        cells = np.concatenate([np.zeros(0, np.int32), *reader.frames()])
        return reader.codebook.take(cells, axis=0)

    @staticmethod
    def decode_stream(pieces):
        """Yields (N_i, k) arrays from an iterable of pieces of bytes, cut anywhere.

        A frame is yielded once its check holds; where the stream breaks later, CorruptStream follows
        the frames before the break. No samples at all yield one array (0, k). Raises as decode, TypeError where a
        piece is not bytes.
        """
        reader = Reader(pieces)
        empty = True
        for cells in reader.frames():
            yield reader.codebook.take(cells, axis=0)
            empty = False
        if empty:
            yield reader.codebook[:0]


def slices(chunk):
    """A chunk in slices of at most one frame, so that a large one is never copied whole."""
    chunk = np.asarray(chunk)
    if chunk.ndim == 0:
        raise ValueError(f"samples are {chunk}, one number; expected (N, k) or (N,), in a stream a list of such arrays")
    return (chunk[at : at + FRAME] for at in range(0, max(len(chunk), 1), FRAME))


def frames(arrays):
    """Regroup arrays of codeword indices into frames of FRAME each, the last one shorter."""
    held, size = [], 0
    for cells in arrays:
        while size + len(cells) >= FRAME:
            cut = FRAME - size
            yield np.concatenate([*held, cells[:cut]]) if held else cells[:cut]
            held, size, cells = [], 0, cells[cut:]
        if len(cells):
            held.append(cells)
            size += len(cells)
    if size:
        yield np.concatenate(held)


def integer_counts(pmf):
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
