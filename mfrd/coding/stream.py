"""Real streams: what a quantiser costs in bytes, and what it distorts, on samples that were drawn."""

from dataclasses import dataclass

import numpy as np

from ..quantisers.quantiser import Quantiser
from .codec import Codec
from .container import CorruptStream


@dataclass(frozen=True, eq=False)
class Stream:
    """What coding N samples took: .samples N, .bytes of all containers, .distortions by fidelity name.

    .bits: 8 bytes / N, headers, models and checks included; .cross_entropy: bits a sample that the models of the
    parts ask for; both in bits a sample. .distortion: that of the first fidelity.
    """

    samples: int
    bytes: int
    cross_entropy: float
    distortions: dict

    @property
    def bits(self):
        return 8 * self.bytes / self.samples

    @property
    def distortion(self):
        return next(iter(self.distortions.values()))


def draw(source, N, rng):
    """N independent letters of a source, as indices (N,); rng: numpy Generator or integer seed.

    Raises ValueError where N is negative or no integer.
    """
    if not isinstance(N, (int, np.integer)) or N < 0:
        raise ValueError(f"N is {N!r}; expected an integer >= 0, the number of letters to draw")
    return np.random.default_rng(rng).choice(len(source.p), N, p=source.p)


def measure(quantiser, letters):
    """Code samples with a time-shared quantiser, decode the bytes, and count what it cost.

    The first w_1 N samples go to the first part, the next w_2 N to the second, each part one container of
    mfrd.Codec, decoded from its bytes alone:
        bits = 8 sum_t |bytes_t| / N,   E_r = (1/N) sum_n w_r(x_n) d_r(x_n, decoded y_n).

    quantiser: Quantiser; letters: (N,) indices into its source, as `draw` returns. -> Stream; for per="letter" a
    distortion is the largest over the letters.

    Raises ValueError where there are no samples, they are no indices into the source, or mfrd.Codec refuses a part;
    TypeError where quantiser is no Quantiser; CorruptStream where the bytes come back as something else.
    """
    if not isinstance(quantiser, Quantiser):
        raise TypeError(
            f"quantiser is {type(quantiser).__name__}; expected mfrd.Quantiser, "
            "as mfrd.mixture([encoder], fidelities) makes one of an encoder"
        )
    source, letters = quantiser.source, indices(letters, len(quantiser.source.p))
    N, start = len(letters), 0
    ends = np.rint(np.cumsum([weight for weight, _ in quantiser.parts]) * N).astype(int)
    size, asked, total = 0, 0.0, {f.name: 0.0 for f in quantiser.fidelities}
    for (_, encoder), end in zip(quantiser.parts, ends, strict=True):
        codec, piece = Codec(encoder), letters[start:end]
        x = source.x[piece]
        data = codec.encode(x)
        size += len(data)
        asked += codec.cross_entropy(x) * len(piece)
        pairs = counted(codec, piece, x, Codec.decode(data))
        for f in quantiser.fidelities:
            matrix = not callable(f.distortion)
            d = np.asarray(f.distortion)[:, codec.used] if matrix else f.distortion(source.x, codec.codebook)  # (n, m)
            total[f.name] = total[f.name] + f.weights(source.p) @ (pairs * d).sum(axis=1)
        start = end
    distortions = {name: float(np.max(sums, initial=0.0)) / N for name, sums in total.items()}
    return Stream(N, size, asked / N, distortions)


def indices(letters, n):
    """Samples as an array of indices from 0 to n - 1; raises ValueError where they are none."""
    letters = np.asarray(letters)
    if not letters.size:
        raise ValueError("there are no samples; expected at least one letter, as mfrd.draw returns")
    if letters.ndim != 1 or letters.dtype.kind not in "iu" or letters.min() < 0 or letters.max() >= n:
        what = f"range from {letters.min()} to {letters.max()}" if letters.dtype.kind in "iu" else "are no indices"
        raise ValueError(
            f"letters of shape {letters.shape} and type {letters.dtype} {what}; expected (N,) integers "
            f"from 0 to {n - 1}, as mfrd.draw returns: the index of each letter, not its point"
        )
    return letters.astype(np.intp)


def counted(codec, letters, x, decoded):
    """How often each letter was decoded as each codeword, (n, m); raises CorruptStream where some x became another."""
    n, m, cells = len(codec.encoder.source.p), len(codec.codebook), codec.cells(x)
    if not np.array_equal(decoded, codec.codebook.take(cells, axis=0)):
        raise CorruptStream("the decoder returned other codewords than the encoder chose")
    return np.bincount(letters * m + cells, minlength=n * m).reshape(n, m)
