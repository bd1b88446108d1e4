"""Real streams: what a quantiser costs in bytes, and what it distorts, on samples that were drawn."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..problems.rows import BudgetRows
from ..problems.source import Source
from ..problems.values import plain
from ..quantisers.quantiser import Quantiser
from ..quantisers.trellis import Trellis
from .check import spent
from .codec import Codec, letters_of
from .container import CorruptStream


@dataclass(frozen=True, eq=False)
class Stream:
    """What coding N samples took.

        bits = 8 bytes / N.

    Attributes
    ----------
    samples : int
        N.
    bytes : int
        Of all containers: headers, models, checks and payload.
    cross_entropy : float
        What the models of the parts ask for, bits a sample.
    distortions : dict
        What the decoded samples spend, by fidelity name, in the unit of its budget.
    bits : float
        8 bytes / N, bits a sample.
    distortion : float
        That of the first fidelity.

    References
    ----------
    Shannon (1948): no code of the models takes fewer than `cross_entropy` bits a sample.
    """

    samples: int
    bytes: int
    cross_entropy: float
    distortions: dict[str, float]

    @property
    def bits(self) -> float:
        """Bits a sample, everything counted."""
        return 8 * self.bytes / self.samples

    @property
    def distortion(self) -> float:
        """The distortion of the first fidelity, in its unit."""
        return next(iter(self.distortions.values()))


def draw(source: Source, N: int, rng: int | np.random.Generator) -> np.ndarray:
    """N independent letters of a source, as indices (N,).

    Parameters
    ----------
    source : Source
    N : int
        How many, >= 0.
    rng : numpy Generator or int
        Generator or seed.

    Raises
    ------
    ValueError
        Where N is negative or no integer.
    """
    if not isinstance(N, (int, np.integer)) or N < 0:
        raise ValueError(f"N is {N!r}; expected an integer >= 0, the number of letters to draw")
    return np.random.default_rng(rng).choice(len(source.p), N, p=source.p)


def measure(
    quantiser: Quantiser | Trellis, letters: np.ndarray | None = None, *, samples: np.ndarray | None = None
) -> Stream:
    """Code letters or samples with a time-shared quantiser, decode the bytes, and count what it cost.

    The first w_1 N samples go to the first part, the next w_2 N to the second, each part one container of
    mfrd.Codec, decoded from its bytes alone:
        bits = 8 sum_t |bytes_t| / N,   E_r = (1/N) sum_n w_r(x_n) d_r(x_n, decoded y_n).

    Parameters
    ----------
    quantiser : Quantiser or Trellis
        A trellis is one part.
    letters : (N,) integers
        Indices into its source, as `draw` returns. On a source of samples, what the bins of the letters add is counted.
    samples : (N,) or (N, k), in place of letters
        Samples themselves; distortions are measured on them. Those outside the range of the design escape.

    Returns
    -------
    Stream
        For per="letter" a distortion is the largest over the letters.

    Raises
    ------
    ValueError
        Where there are no samples, letters are no indices into the source, both or neither are given, or mfrd.Codec
        refuses a part.
    TypeError
        Where quantiser is neither.
    CorruptStream
        Where the bytes come back as something else.

    References
    ----------
    Time-sharing: Chou, Lookabaugh and Gray (1989); range coding: Martin (1979).
    """
    if not isinstance(quantiser, (Quantiser, Trellis)):
        said = f"quantiser is {type(quantiser).__name__}; expected mfrd.Quantiser"
        raise TypeError(f"{said}, as mfrd.mixture([encoder], fidelities) makes one of an encoder")
    if (letters is None) == (samples is None):
        raise ValueError("expected either letters, indices as mfrd.draw returns, or samples=, values: one of the two")
    if letters is None:
        return of_samples(quantiser, samples)
    source, letters = quantiser.source, indices(letters, len(quantiser.source.p))
    rows, N = BudgetRows.of(quantiser.fidelities, source.p), len(letters)
    size, asked, spends = 0, 0.0, np.zeros((len(rows.measures), len(source.p)))  # of each letter, by each measure
    ends = np.rint(np.cumsum([weight for weight, _ in quantiser.parts]) * N).astype(int)
    for (_, encoder), piece in zip(quantiser.parts, np.split(letters, ends[:-1]), strict=True):
        codec, x = Codec(encoder), source.x[piece]
        data, cells = codec.encode(x), codec.cells(x)
        if not np.array_equal(Codec.decode(data), codec.codebook.take(cells, axis=0)):
            raise CorruptStream("the decoder returned other codewords than the encoder chose")
        size += len(data)
        asked += codec.cross_entropy(x) * len(piece)
        shape = len(source.p), len(codec.codebook)
        pairs = np.bincount(np.ravel_multi_index((piece, cells), shape), minlength=np.prod(shape)).reshape(shape)
        for g, d in enumerate(rows.measures):
            d = d(source.x, codec.codebook) if callable(d) else np.asarray(d)[:, codec.used]  # (n, m)
            spends[g] += np.multiply(pairs, d, out=np.zeros(shape), where=pairs > 0).sum(axis=1)
    drawn = np.bincount(letters, minlength=len(source.p))
    within = rows.within(replace(source, pmf=drawn / N)) if source.within.any() else 0
    return Stream(N, size, asked / N, rows.largest(rows.means(spends, np.ones(len(source.p))) / N + within))


def of_samples(quantiser: Quantiser | Trellis, samples: Any) -> Stream:
    """The Stream of samples (N,) or (N, k), coded part after part, decoded and measured."""
    ends = np.cumsum([weight for weight, _ in quantiser.parts])[:-1]
    samples = plain(samples, "samples")
    if not samples.ndim or not len(samples):
        raise ValueError("there are no samples; expected at least one")
    size, asked, points, decoded = 0, 0.0, [], []
    for (_, encoder), piece in zip(quantiser.parts, np.split(samples, np.rint(ends * len(samples)).astype(int))):
        codec = Codec(encoder)
        data = codec.encode(piece)
        size, asked = size + len(data), asked + codec.cross_entropy(piece) * len(piece)
        points.append(codec.points(piece))
        decoded.append(Codec.decode(data))
    x, y = np.concatenate(points), np.concatenate(decoded)
    found = spent(quantiser.source, quantiser.fidelities, x, y, lambda stated: letters_of(stated)(x))
    return Stream(len(x), size, asked / len(x), found)


def indices(letters: np.ndarray, n: int) -> np.ndarray:
    """Samples as an array of indices from 0 to n - 1, (N,); raises ValueError where they are none."""
    letters = plain(letters, "letters")
    if not letters.size:
        raise ValueError("there are no samples; expected at least one letter, as mfrd.draw returns")
    if letters.ndim != 1 or letters.dtype.kind not in "iu" or letters.min() < 0 or letters.max() >= n:
        what = f"range from {letters.min()} to {letters.max()}" if letters.dtype.kind in "iu" else "are no indices"
        expected = f"(N,) integers from 0 to {n - 1}, as mfrd.draw returns: the index of each letter, not its point"
        raise ValueError(f"letters of shape {letters.shape} and type {letters.dtype} {what}; expected {expected}")
    return letters.astype(np.intp)
