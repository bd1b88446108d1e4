"""Distortion measures: functions (n, k), (m, k) -> (n, m) of the price of writing y_j for x_i.

Differences are formed coordinate by coordinate, never as |x|^2 - 2 x.y + |y|^2: the latter
cancels when the points lie far from the origin.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .values import real_array

ASYMMETRY = 1e-10  # of two standard deviations, up to which a covariance is symmetric but for rounding


def squared_error(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squared Euclidean distance, d_ij = |x_i - y_j|^2.

    Parameters
    ----------
    x : (n, k) array
    y : (m, k) array

    Returns
    -------
    (n, m) array
        In squared units of x.

    Raises
    ------
    Nothing of its own
        mfrd.Problem checks the shapes.
    """
    d = np.zeros((len(x), len(y)))
    for axis in range(x.shape[1]):
        difference = np.subtract.outer(x[:, axis], y[:, axis])
        difference *= difference
        d += difference
    return d


def absolute_error(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sum of absolute differences, d_ij = sum_a |x_ia - y_ja|.

    Parameters
    ----------
    x : (n, k) array
    y : (m, k) array

    Returns
    -------
    (n, m) array
        In units of x.

    Raises
    ------
    Nothing of its own
        mfrd.Problem checks the shapes.
    """
    return sum(np.abs(np.subtract.outer(x[:, a], y[:, a])) for a in range(x.shape[1]))


def hamming(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Error indicator, d_ij = 1 if x_i != y_j else 0 (any coordinate differs).

    Parameters
    ----------
    x : (n, k) array
    y : (m, k) array

    Returns
    -------
    (n, m) array
        A probability of error once averaged.

    Raises
    ------
    Nothing of its own
        mfrd.Problem checks the shapes.
    """
    return (x[:, None, :] != y[None, :, :]).any(axis=2).astype(float)


@dataclass(frozen=True, eq=False)
class mahalanobis:
    """Mahalanobis distance squared, d_ij = (x_i - y_j)' C^-1 (x_i - y_j).

    The instance is the measure: `mahalanobis(C)(x, y)` has x (n, k), y (m, k) -> (n, m), without unit.

    Parameters
    ----------
    covariance : (k, k) array
        C, symmetric positive definite.

    Raises
    ------
    ValueError
        Where C is not square, symmetric and positive definite, or the points have another dimension.

    References
    ----------
    Mahalanobis (1936).
    """

    covariance: np.ndarray
    metric: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        C = np.atleast_2d(real_array(self.covariance, "covariance", "(k, k)"))
        if C.ndim != 2 or C.shape[0] != C.shape[1] or not np.isfinite(C).all():
            raise ValueError(f"covariance has shape {C.shape}; expected a finite (k, k) matrix, as numpy.cov(x.T)")
        smallest = np.linalg.eigvalsh((C + C.T) / 2)[0]
        sizes = np.sqrt(abs(np.outer(C.diagonal(), C.diagonal())))  # of entries, in the units of their axes
        if (abs(C - C.T) > ASYMMETRY * sizes).any() or smallest <= 0:
            raise ValueError(
                f"covariance has least eigenvalue {smallest:g} and asymmetry "
                f"{abs(C - C.T).max():g}; expected symmetric positive definite: add a small multiple of the identity"
            )
        below = np.tril(np.linalg.inv(C))  # what Cholesky reads
        metric = below + np.tril(below, -1).T
        try:
            np.linalg.cholesky(metric)
        except np.linalg.LinAlgError:
            raise ValueError(
                f"covariance is singular but for rounding, of condition {np.linalg.cond(C):.0e}; expected one whose "
                "inverse is positive definite in floats: add a small multiple of the identity, or drop a coordinate"
            ) from None
        self.__dict__.update(covariance=C, metric=metric)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """d_ij of points x (n, k) and y (m, k), (n, m)."""
        k = len(self.metric)
        if x.shape[1] != k:
            raise ValueError(f"covariance is {k} x {k}; the points have dimension {x.shape[1]}; expected the same")
        L = np.linalg.cholesky(self.metric)  # |L'(x - y)|^2 = (x - y)' L L' (x - y)
        apart, d = [np.subtract.outer(x[:, a], y[:, a]) for a in range(k)], np.zeros((len(x), len(y)))
        for b in range(k):
            along = L[b, b] * apart[b]
            for a in range(b + 1, k):
                along += L[a, b] * apart[a]
            along *= along
            d += along
        return d


@dataclass(frozen=True, eq=False)
class erasure:
    """Erasure: d_ij = 0 if y_j = x_i, 1 if y_j is the symbol of an erasure, infinite otherwise.

    The instance is the measure: a letter is told as it is or not at all. `erasure(e)(x, y)` has x (n, k), y (m, k) ->
    (n, m); once averaged, the probability of an erasure.

    Parameters
    ----------
    symbol : float or (k,) array
        e, the codeword that stands for an erasure, which is no letter.

    Raises
    ------
    ValueError
        Where the symbol is no finite number, or the points have another dimension.

    References
    ----------
    Cover and Thomas (2006), exercise 10.7.

    Examples
    --------
    >>> import mfrd
    >>> coin = mfrd.Source([0.0, 1.0], [0.5, 0.5])
    >>> problem = mfrd.Problem(coin, [0.0, 1.0, -1.0], mfrd.Fidelity(0.3, distortion=mfrd.erasure(-1.0)))
    >>> round(mfrd.solve(problem, "newton").rate, 6)
    0.7
    """

    symbol: Any

    def __post_init__(self) -> None:
        symbol = np.atleast_1d(real_array(self.symbol, "symbol", "a number, or (k,) of them"))
        if symbol.ndim != 1 or not np.isfinite(symbol).all():
            raise ValueError(f"symbol is {self.symbol!r}; expected a finite number, or (k,) of them")
        self.__dict__.update(symbol=symbol)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """d_ij of points x (n, k) and y (m, k), (n, m)."""
        if x.shape[1] != len(self.symbol):
            raise ValueError(f"symbol has dimension {len(self.symbol)}; expected {x.shape[1]}, that of the points")
        told = np.where(hamming(x, y) == 0, 0.0, np.inf)
        return np.where((y == self.symbol).all(axis=1), 1.0, told)

    def __repr__(self) -> str:
        return f"erasure({self.symbol[0] if len(self.symbol) == 1 else self.symbol.tolist()})"


@dataclass(frozen=True, eq=False, repr=False)
class coordinate:
    """A measure on one coordinate alone, d_ij = d(x_ia, y_ja).

    The instance is the measure: `coordinate(a)(x, y)` has x (n, k), y (m, k) -> (n, m).

    Parameters
    ----------
    axis : int
        a, from 0.
    measure : function (n, 1), (m, 1) -> (n, m), optional
        By default squared_error.

    Raises
    ------
    ValueError
        Where the axis is no whole number >= 0, the measure is none, or the points have no such coordinate.

    Examples
    --------
    >>> import numpy as np, mfrd
    >>> mfrd.coordinate(1)(np.array([[0.0, 1.0]]), np.array([[5.0, 3.0]]))
    array([[4.]])
    """

    axis: int
    measure: Callable = squared_error

    def __post_init__(self) -> None:
        if not isinstance(self.axis, (int, np.integer)) or isinstance(self.axis, bool) or self.axis < 0:
            raise ValueError(f"axis is {self.axis!r}; expected a whole number, from 0")
        if not callable(self.measure):
            raise ValueError(f"measure is {self.measure!r}; expected a function such as mfrd.squared_error")

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """d_ij of points x (n, k) and y (m, k), (n, m)."""
        if self.axis >= x.shape[1]:
            raise ValueError(f"axis is {self.axis}; expected below {x.shape[1]}, the dimension of the points")
        chosen = slice(self.axis, self.axis + 1)
        return self.measure(x[:, chosen], y[:, chosen])

    def __repr__(self) -> str:
        return f"coordinate({self.axis}, {called(self.measure)})"


@dataclass(frozen=True, eq=False, repr=False)
class weighted:
    """A weighted sum of measures, d_ij = sum_t w_t d_t(x_i, y_j).

    The instance is the measure. A sum of squared errors, coordinates of it and Mahalanobis is quadratic, so that
    codewords may move under it.

    Parameters
    ----------
    terms : sequence of (float, function (n, k), (m, k) -> (n, m))
        (w_t, d_t), weights > 0.

    Raises
    ------
    ValueError
        Where there is no term, a weight is not positive and finite, or a measure is no function.

    Examples
    --------
    >>> import numpy as np, mfrd
    >>> measure = mfrd.weighted([(1.0, mfrd.coordinate(0)), (0.1, mfrd.coordinate(1))])
    >>> measure(np.array([[0.0, 0.0]]), np.array([[1.0, 2.0]]))
    array([[1.4]])
    """

    terms: Sequence[tuple[float, Callable]]

    def __post_init__(self) -> None:
        terms = tuple((weight, measure) for weight, measure in self.terms)
        if not terms:
            raise ValueError("there are no terms; expected pairs of a weight and a measure")
        for weight, measure in terms:
            if not isinstance(weight, (int, float, np.integer, np.floating)) or not 0 < weight < np.inf:
                raise ValueError(f"weight is {weight!r}; expected a finite number > 0: leave out what does not count")
            if not callable(measure):
                raise ValueError(f"measure is {measure!r}; expected a function such as mfrd.squared_error")
        self.__dict__.update(terms=terms)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """d_ij of points x (n, k) and y (m, k), (n, m)."""
        return sum(weight * measure(x, y) for weight, measure in self.terms)

    def __repr__(self) -> str:
        return " + ".join(f"{weight:g} {called(measure)}" for weight, measure in self.terms)


def called(distortion: Callable | np.ndarray) -> str:
    """What a measure is called in words."""
    if not callable(distortion):
        return f"matrix {distortion.shape[0]} x {distortion.shape[1]}" if distortion.ndim == 2 else "matrix"
    if isinstance(distortion, (erasure, coordinate, weighted)):
        return repr(distortion)
    return getattr(distortion, "__name__", type(distortion).__name__)


def metric(distortion: Callable | np.ndarray, k: int) -> np.ndarray | None:
    """M, (k, k), positive definite, of a measure (x - y)' M (x - y) of points in R^k; None where it has none."""
    M = quadratic(distortion, k)
    if M is None or isinstance(distortion, (coordinate, weighted)) and not np.linalg.eigvalsh(M)[0] > 0:
        return None
    return M


def quadratic(distortion: Callable | np.ndarray, k: int) -> np.ndarray | None:
    """The same, positive semidefinite."""
    if distortion is squared_error:
        return np.eye(k)
    if isinstance(distortion, coordinate) and distortion.axis < k:
        inner = quadratic(distortion.measure, 1)
        return None if inner is None else inner * np.outer(*[np.arange(k) == distortion.axis] * 2)
    if isinstance(distortion, weighted):
        total = np.zeros((k, k))
        for weight, measure in distortion.terms:
            M = quadratic(measure, k)
            if M is None:
                return None
            total = total + weight * M
        return total
    return distortion.metric if isinstance(distortion, mahalanobis) else None
