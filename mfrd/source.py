"""The source: points x_i in R^k with probabilities p_i."""

from dataclasses import dataclass

import numpy as np


def as_points(values, what):
    """A finite float array (n, k) from (n,) or (n, k); `what` names it in the error."""
    points = np.asarray(values, float)
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or 0 in points.shape:
        raise ValueError(
            f"{what} has shape {np.shape(values)}; expected (n,) or (n, k) with n, k >= 1"
        )
    if not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise ValueError(
            f"{what} holds {points[row]} in row {row}; expected finite numbers: drop or mend that row"
        )
    return points


@dataclass(frozen=True, eq=False)
class Source:
    """A discrete memoryless source, P(X = x_i) = p_i.

    points: (n,) or (n, k), kept as given; pmf: (n,), non-negative, sums to one within 1e-9 and is
    then normalised to it. Letters of probability zero are allowed.

    .x: the points as (n, k); .p: the pmf; .mean: E X, (k,); .covariance: (k, k).

    Raises ValueError where a value is not finite, negative, or the shapes disagree.
    """

    points: np.ndarray
    pmf: np.ndarray

    def __post_init__(self):
        x = as_points(self.points, "points")
        p = np.asarray(self.pmf, float)
        if p.shape != (len(x),):
            raise ValueError(
                f"pmf has shape {p.shape}; expected ({len(x)},), one probability a source point"
            )
        if not np.isfinite(p).all():
            raise ValueError(f"pmf holds {p[~np.isfinite(p)][0]}; expected finite numbers")
        if p.min() < 0:
            raise ValueError(
                f"pmf holds {p.min():g} at index {p.argmin()}; expected numbers >= 0"
            )
        if abs(p.sum() - 1) > 1e-9:
            raise ValueError(
                f"pmf sums to {p.sum():.10g}; expected 1 (within 1e-9): divide it by its sum"
            )
        object.__setattr__(self, "points", np.array(self.points, float))
        object.__setattr__(self, "pmf", p / p.sum())

    @property
    def x(self):
        return self.points.reshape(len(self.pmf), -1)

    @property
    def p(self):
        return self.pmf

    @property
    def mean(self):
        return self.p @ self.x

    @property
    def covariance(self):
        centred = self.x - self.mean
        return centred.T * self.p @ centred


def grid(low, high, n, dimension=1):
    """Evenly spaced points of [low, high]^dimension, n to a side, both ends included.

    -> (n,) for one dimension, (n^dimension, dimension) otherwise, the last coordinate fastest.
    """
    side = np.linspace(low, high, n)
    if dimension == 1:
        return side
    return np.stack(np.meshgrid(*[side] * dimension, indexing="ij"), -1).reshape(-1, dimension)


def bumps(points, weights, means, stds, floor=0.0):
    """Source with p(x) proportional to floor + sum_b weight_b exp(-|x - mean_b|^2 / 2 std_b^2).

    points: (n,) or (n, k); weights, stds: (b,); means: (b,) or (b, k); floor: constant >= 0.
    The bumps are not normalised one by one; the sum over the grid is. -> Source
    """
    x, centres = as_points(points, "points"), as_points(means, "means")
    stds, weights = np.asarray(stds, float), np.asarray(weights, float)
    if not (len(stds) == len(weights) == len(centres)) or x.shape[1] != centres.shape[1]:
        raise ValueError(
            f"weights {weights.shape}, means {centres.shape}, stds {stds.shape}, points {x.shape}; "
            "expected one weight, mean and std a bump, in the dimension of the points"
        )
    distance = ((x[:, None, :] - centres) ** 2).sum(axis=2)  # (n, b)
    density = floor + np.exp(-0.5 * distance / stds**2) @ weights
    return Source(points, density / density.sum())
