"""The Lloyd-Max quantiser: the best contiguous cells on a line, nearest codeword and centroid in turn elsewhere."""

import numpy as np

from ..problems.distortion import squared_error
from ..problems.source import Source
from ..problems.values import as_points, number
from ..solvers.encoder import Encoder
from .contiguous import best_cells


def lloyd_max(
    source: Source,
    m: int,
    *,
    initial: str | np.ndarray | None = None,
    max_iter: int = 1000,
    tol: float = 1e-12,
    starts: int = 8,
    rng: int | np.random.Generator = 0,
) -> Encoder:
    """A quantiser of m codewords with least E|X - Y|^2: the least there is on a line, a local minimum elsewhere.

    On a line, where no initial codebook is given, the m contiguous cells of least error by a dynamic program, in
    O(m n log n) time. Otherwise alternate  j(i) = argmin_j |x_i - y_j|^2  and  y_j = E[X | j(X) = j]; a codeword whose
    cell is empty goes to the letter that costs most.

    Parameters
    ----------
    source : Source
        In any dimension.
    m : int
        Number of codewords; of more than there are distinct letters some are idle.
    initial : "even", or (m,) or (m, k) array, optional
        Codewords to start from; "even": m points evenly spaced over the range, in one dimension. By default the optimum
        in one dimension and, in higher dimension, letters drawn by k-means++.
    max_iter : int
        Rounds at most, from each start.
    tol : float
        The search ends when no codeword moves by more than tol standard deviations of X.
    starts : int
        Draws of k-means++, of which the best end is returned.
    rng : numpy Generator or int
        Generator or seed of these.

    Returns
    -------
    Encoder
        Deterministic, with H(Y) = I(X;Y): the nearest codeword of the codebook returned; on a line in ascending order.

    Raises
    ------
    ValueError
        Where m is no whole number from 1 to the letters, the initial codebook has another shape or is unknown, or there
        is no start.

    References
    ----------
    Lloyd (1957, published 1982); Max (1960). Wu (1991), optimal quantisation by dynamic programming; Arthur and
    Vassilvitskii (2007), k-means++.

    Examples
    --------
    >>> import mfrd
    >>> source = mfrd.Source([0.0, 0.1, 0.2, 5.0, 5.1, 5.2], [1 / 6] * 6)
    >>> mfrd.lloyd_max(source, 2).codebook
    array([0.1, 5.1])
    """
    letters, k = int((source.p > 0).sum()), source.x.shape[1]
    if not isinstance(m, (int, np.integer)) or not 1 <= m <= letters:
        raise ValueError(f"m is {m!r}; expected an integer from 1 to {letters}, the letters of positive probability")
    if not isinstance(starts, (int, np.integer)) or starts < 1:
        raise ValueError(f"starts is {starts!r}; expected a whole number of draws, at least 1")
    tol = number(tol, "tol is", "a number of standard deviations >= 0")
    if initial is None and k == 1:
        return on_a_line(source, m)
    if initial is None:
        generator = np.random.default_rng(rng)
        ends = [alternated(source, drawn(source, m, generator), max_iter, tol) for _ in range(starts)]
        return min(ends, key=lambda end: source.p @ end.distortion(squared_error))
    if isinstance(initial, str):
        if initial != "even" or k != 1:
            raise ValueError(f'initial is {initial!r} in dimension {k}; expected "even" on a line, or a codebook')
        x = source.x[source.p > 0]
        initial = np.linspace(x.min(), x.max(), m)
    y = as_points(initial, "initial codebook")
    if y.shape != (m, k):
        raise ValueError(f"initial codebook has shape {y.shape}; expected ({m}, {k}): reshape it, or change m")
    return alternated(source, y, max_iter, tol)


def on_a_line(source: Source, m: int) -> Encoder:
    """The quantiser of a 1-D source with the least error of all of m codewords."""
    seen = source.p > 0
    x, which = np.unique(source.x[seen, 0] + 0.0, return_inverse=True)
    mass, cells = np.bincount(which, source.p[seen]), min(m, len(x))
    edges = best_cells(x, mass, cells)
    first, of = x[edges[:-1]], np.repeat(np.arange(cells), np.diff(edges))
    y = first + np.bincount(of, mass * (x - first[of])) / np.bincount(of, mass)  # a letter alone is its codeword
    y = np.append(y, np.full(m - cells, y[-1]))
    nearest = squared_error(source.x, y[:, None]).argmin(axis=1)  # for letters of probability zero
    nearest[seen] = of[which]
    return Encoder(source, source.shaped(y[:, None]), np.eye(m)[nearest])


def alternated(source: Source, y: np.ndarray, max_iter: int, tol: float) -> Encoder:
    """Nearest codeword and centroid in turn from codewords y, (m, k), until none moves by tol standard deviations."""
    still, m = tol * np.sqrt(np.trace(source.covariance)), len(y)
    for _ in range(max_iter):
        d = squared_error(source.x, y)
        cells = np.eye(m)[d.argmin(axis=1)]  # Q, (n, m)
        mass = (source.p @ cells)[:, None]
        y, last = np.where(mass > 0, (cells.T * source.p) @ source.x / np.where(mass > 0, mass, 1), y), y
        idle = mass[:, 0] == 0
        if idle.any():
            y = served(source, y, idle)
        if abs(y - last).max() <= still:
            break
    return Encoder(source, source.shaped(y), np.eye(m)[squared_error(source.x, y).argmin(axis=1)])


def served(source: Source, y: np.ndarray, idle: np.ndarray) -> np.ndarray:
    """y, (m, k), with idle codewords, (m,) flags, on the letters that cost most, each after those before it."""
    y, cost = y.copy(), squared_error(source.x, y[~idle]).min(axis=1)
    for j in np.flatnonzero(idle):
        i = int((source.p * cost).argmax())
        if source.p[i] * cost[i] > 0:
            y[j] = source.x[i]
            cost = np.minimum(cost, squared_error(source.x, y[[j]])[:, 0])
    return y


def drawn(source: Source, m: int, rng: np.random.Generator) -> np.ndarray:
    """m letters, (m, k), each drawn with probability p_i times its squared distance to those before it."""
    y, cost = np.empty((0, source.x.shape[1])), np.ones(len(source.p))
    while len(y) < m:
        share = source.p * cost
        if not share.any():  # every letter is a codeword
            return np.vstack([y, np.repeat(y[:1], m - len(y), axis=0)])
        y = np.vstack([y, source.x[[rng.choice(len(share), p=share / share.sum())]]])
        cost = squared_error(source.x, y).min(axis=1)
    return y
