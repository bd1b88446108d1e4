"""Distortion measures: functions (n, k), (m, k) -> (n, m) of the price of writing y_j for x_i.

Differences are formed coordinate by coordinate, never as |x|^2 - 2 x.y + |y|^2: the latter
cancels when the points lie far from the origin.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .values import real_array

ASYMMETRY = 1e-10  # of the largest entry of a covariance, up to which it is symmetric but for rounding


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
        if abs(C - C.T).max() > ASYMMETRY * abs(C).max() or smallest <= 0:
            raise ValueError(
                f"covariance has least eigenvalue {smallest:g} and asymmetry "
                f"{abs(C - C.T).max():g}; expected symmetric positive definite: add a small multiple of the identity"
            )
        self.__dict__.update(covariance=C, metric=np.linalg.inv(C))

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """d_ij of points x (n, k) and y (m, k), (n, m)."""
        k = len(self.metric)
        if x.shape[1] != k:
            raise ValueError(f"covariance is {k} x {k}; the points have dimension {x.shape[1]}; expected the same")
        L = np.linalg.cholesky(self.metric)  # |L'(x - y)|^2 = (x - y)' L L' (x - y)
        return squared_error(x @ L, y @ L)


def metric(distortion: Callable | np.ndarray, k: int) -> np.ndarray | None:
    """M, (k, k), of a measure (x - y)' M (x - y) of points in R^k; None where it is not quadratic."""
    if distortion is squared_error:
        return np.eye(k)
    return distortion.metric if isinstance(distortion, mahalanobis) else None
