"""The Lloyd-Max quantiser: nearest codeword and centroid, in turn, until nothing moves."""

import numpy as np

from ..problems.distortion import squared_error
from ..problems.source import as_points
from ..solvers.encoder import Encoder


def lloyd_max(source, m, *, initial=None, max_iter=1000, tol=1e-12):
    """A quantiser of m codewords at a local minimum of E|X - Y|^2.

    Alternate  j(i) = argmin_j |x_i - y_j|^2  and  y_j = E[X | j(X) = j]; a codeword whose cell is
    empty stays where it is. Ends when no codeword moves by more than tol times the standard
    deviation of X, or after max_iter rounds; the encoder is the nearest codeword of the codebook
    returned.

    source: Source, any dimension; m: number of codewords; initial: (m,) or (m, k), or None for
    m points evenly spaced over the range in one dimension and, in higher dimension, letters each
    farthest from those before it. -> Encoder, deterministic, with H(Y) = I(X;Y).

    Raises ValueError where m is no whole number from 1 to the letters, or the initial codebook has another shape.
    Source: Lloyd (1957, published 1982); Max (1960).
    """
    letters = int((source.p > 0).sum())
    if not isinstance(m, (int, np.integer)) or not 1 <= m <= letters:
        raise ValueError(f"m is {m!r}; expected an integer from 1 to {letters}, the letters of positive probability")
    y = spread_out(source, m) if initial is None else as_points(initial, "initial codebook")
    if y.shape != (m, source.x.shape[1]):
        raise ValueError(
            f"initial codebook has shape {y.shape}; expected ({m}, {source.x.shape[1]}): reshape it, or change m"
        )
    still = tol * np.sqrt(np.trace(source.covariance))
    for _ in range(max_iter):
        cells = np.eye(m)[squared_error(source.x, y).argmin(axis=1)]  # (n, m)
        mass = source.p @ cells
        centroids = (cells.T * source.p) @ source.x / np.where(mass > 0, mass, 1)[:, None]
        moved = np.where(mass[:, None] > 0, centroids, y)
        shift, y = abs(moved - y).max(), moved
        if shift <= still:
            break
    cells = np.eye(m)[squared_error(source.x, y).argmin(axis=1)]
    return Encoder(source, y.reshape((m,) + source.points.shape[1:]), cells)


def spread_out(source, m):
    """m initial codewords, (m, k): evenly spaced in one dimension, else greedily farthest letters."""
    x = source.x[source.p > 0]
    if x.shape[1] == 1:
        return np.linspace(x.min(), x.max(), m)[:, None]
    chosen = [int(squared_error(x, source.mean[None, :]).argmin())]
    distance = squared_error(x, x[chosen])[:, 0]
    while len(chosen) < m:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, squared_error(x, x[chosen[-1:]])[:, 0])
    return x[chosen]
