"""The Lloyd-Max quantiser: nearest codeword and centroid, in turn, until nothing moves."""

import numpy as np

from ..problems.distortion import squared_error
from ..problems.source import Source, as_points
from ..solvers.encoder import Encoder


def lloyd_max(
    source: Source, m: int, *, initial: np.ndarray | None = None, max_iter: int = 1000, tol: float = 1e-12
) -> Encoder:
    """A quantiser of m codewords at a local minimum of E|X - Y|^2.

    Alternate  j(i) = argmin_j |x_i - y_j|^2  and  y_j = E[X | j(X) = j]; a codeword whose cell is
    empty stays where it is.

    Parameters
    ----------
    source : Source
        In any dimension.
    m : int
        Number of codewords.
    initial : (m,) or (m, k) array, optional
        Codewords to start from; by default m points evenly spaced over the range in one dimension and, in higher
        dimension, letters each farthest from those before it.
    max_iter : int
        Rounds at most.
    tol : float
        The search ends when no codeword moves by more than tol standard deviations of X.

    Returns
    -------
    Encoder
        Deterministic, with H(Y) = I(X;Y): the nearest codeword of the codebook returned.

    Raises
    ------
    ValueError
        Where m is no whole number from 1 to the letters, or the initial codebook has another shape.

    References
    ----------
    Lloyd (1957, published 1982); Max (1960).
    """
    letters, k = int((source.p > 0).sum()), source.x.shape[1]
    if not isinstance(m, (int, np.integer)) or not 1 <= m <= letters:
        raise ValueError(f"m is {m!r}; expected an integer from 1 to {letters}, the letters of positive probability")
    y = spread_out(source, m) if initial is None else as_points(initial, "initial codebook")
    if y.shape != (m, k):
        raise ValueError(f"initial codebook has shape {y.shape}; expected ({m}, {k}): reshape it, or change m")
    nearest = lambda y: np.eye(m)[squared_error(source.x, y).argmin(axis=1)]  # Q, (n, m)
    still = tol * np.sqrt(np.trace(source.covariance))
    for _ in range(max_iter):
        cells = nearest(y)
        mass = (source.p @ cells)[:, None]
        y, last = np.where(mass > 0, (cells.T * source.p) @ source.x / np.where(mass > 0, mass, 1), y), y
        if abs(y - last).max() <= still:
            break
    return Encoder(source, source.shaped(y), nearest(y))


def spread_out(source: Source, m: int) -> np.ndarray:
    """m initial codewords, (m, k): evenly spaced in one dimension, else greedily farthest letters."""
    x = source.x[source.p > 0]
    if x.shape[1] == 1:
        return np.linspace(x.min(), x.max(), m)[:, None]
    chosen = [int(squared_error(x, source.mean[None, :]).argmin())]
    distance = np.full(len(x), np.inf)
    while len(chosen) < m:
        distance = np.minimum(distance, squared_error(x, x[chosen[-1:]])[:, 0])
        chosen.append(int(distance.argmax()))
    return x[chosen]
