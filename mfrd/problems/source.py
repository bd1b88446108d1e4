"""The source: points x_i in R^k with probabilities p_i, given or measured."""

from dataclasses import dataclass

import numpy as np

from . import samples as measured


def as_points(values, what):
    """A finite float array (n, k) from (n,) or (n, k); `what` names it in the error."""
    points = measured.real_array(values, what, "(n,) or (n, k)")
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or 0 in points.shape:
        raise ValueError(f"{what} has shape {np.shape(values)}; expected (n,) or (n, k) with n, k >= 1")
    if not np.isfinite(points).all():
        row = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise ValueError(f"{what} holds {points[row]} in row {row}; expected finite numbers: drop or mend that row")
    return points


@dataclass(frozen=True, eq=False)
class Source:
    """A discrete memoryless source, P(X = x_i) = p_i.

    points: (n,) or (n, k), kept as given; pmf: (n,), non-negative, sums to one within 1e-9 and is
    then normalised to it. Letters of probability zero are allowed. From measured samples:
    `Source.from_samples`; from a file of samples: `Source.from_file`.

    .x: the points as (n, k); .p: the pmf; .mean: E X, (k,); .covariance: (k, k).

    >>> import mfrd
    >>> coin = mfrd.Source([-1.0, 1.0], [0.25, 0.75])
    >>> coin.mean, coin.covariance
    (array([0.5]), array([[0.75]]))

    Raises ValueError where a value is no real number, not finite or negative, a point too large to square, or the
    shapes disagree; the message names the row.
    """

    points: np.ndarray
    pmf: np.ndarray

    def __post_init__(self):
        x = as_points(self.points, "points")
        with np.errstate(over="ignore"):
            far = np.flatnonzero(~np.isfinite((4 * x**2).sum(axis=1)))  # |x_i - y|^2 of points on both sides of 0
        if len(far):
            raise ValueError(
                f"points holds {x[far[0]]} in row {far[0]}; expected points whose squared distances are finite: "
                "measure them in a larger unit"
            )
        p = measured.real_array(self.pmf, "pmf", "(n,)")
        if p.shape != (len(x),):
            raise ValueError(f"pmf has shape {p.shape}; expected ({len(x)},), one probability a source point")
        if not np.isfinite(p).all():
            raise ValueError(f"pmf holds {p[~np.isfinite(p)][0]}; expected finite numbers: mend it")
        if p.min() < 0:
            raise ValueError(
                f"pmf holds {p.min():g} at index {p.argmin()}; expected numbers >= 0: mend it, or drop that letter"
            )
        if abs(p.sum() - 1) > 1e-9:
            raise ValueError(f"pmf sums to {p.sum():.10g}; expected 1 (within 1e-9): divide it by its sum")
        object.__setattr__(self, "points", np.array(self.points, float))
        object.__setattr__(self, "pmf", p / p.sum())

    @classmethod
    def from_samples(cls, samples, bins=None):
        """The source of measured samples: letters with their relative frequencies.

            x_i = the mean of the samples in bin i,   p_i = their number / N,   empty bins dropped.

        samples: (N,) or (N, k). bins: None, a number of equal bins, ascending edges, a rule of
        numpy.histogram_bin_edges ("auto", "fd", "sturges", ...), or a list of k of these, one an axis. None keeps
        samples of at most 256 distinct values as they are, exactly, and else cuts one dimension by "auto".
        -> Source; points (n,) from (N,), (n, k) from (N, k), in ascending order.

        A bin's letter is its mean and not its centre, so what binning adds is known: where Y depends on X through
        its bin, E|X - Y|^2 = E|x_i - Y|^2 + v, with v = E|X - x_i|^2 = the variance of the samples minus that
        of the source, at most a quarter of the squared bin width an axis. D on the source is D + v on the samples.

        >>> import mfrd
        >>> source = mfrd.Source.from_samples([0.0, 0.2, 1.0, 1.0], bins=2)
        >>> source.points, source.pmf
        (array([0.1, 1. ]), array([0.5, 0.5]))

        Raises ValueError where samples are empty, not finite or of another shape, lie outside given edges, or take
        more than 256 values in two dimensions or more and no bins are given.
        Source: the law of total variance.
        """
        x = as_points(samples, "samples")
        points, pmf = measured.letters(x, bins)
        return cls(points[:, 0] if np.ndim(samples) == 1 else points, pmf)

    @classmethod
    def from_file(cls, path, *, columns=None, bins=None):
        """The source of the samples in a file, one sample a row.

        path: .csv (parted by commas, a first row without numbers is its header), .npy (N,) or (N, k), or .npz;
        columns: a name or number from 0, or a list of them; of an .npz the names of its arrays; None takes all;
        bins: as `from_samples`. -> Source

            source = mfrd.Source.from_file("voltages.csv", columns="mV", bins=200)

        A file of letters and probabilities is `mfrd.Source(*numpy.loadtxt("pmf.csv", delimiter=",").T)`.

        Raises FileNotFoundError where there is no such file, and ValueError for another suffix, an unknown column, a
        cell that is no finite number (with its column and line), and as `from_samples`.
        """
        return cls.from_samples(measured.read(path, columns), bins)

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

    def __repr__(self):
        n, k = self.x.shape
        return f"Source({n} letters in R^{k}, mean {np.round(self.mean, 6)}, variance {np.trace(self.covariance):.6g})"


def grid(low, high, n, dimension=1):
    """Evenly spaced points of [low, high]^dimension, n to a side, both ends included.

    -> (n,) for one dimension, (n^dimension, dimension) otherwise, the last coordinate fastest.

    Raises ValueError where n or dimension is no whole number or less than one.
    """
    if not all(isinstance(count, (int, np.integer)) and count >= 1 for count in (n, dimension)):
        raise ValueError(
            f"n is {n!r} and dimension {dimension!r}; expected whole numbers, at least one point and one axis"
        )
    side = np.linspace(low, high, n)
    if dimension == 1:
        return side
    return np.stack(np.meshgrid(*[side] * dimension, indexing="ij"), -1).reshape(-1, dimension)


def bumps(points, weights, means, stds, floor=0.0):
    """Source with p(x) proportional to floor + sum_b weight_b exp(-|x - mean_b|^2 / 2 std_b^2).

    points: (n,) or (n, k); weights, stds: (b,); means: (b,) or (b, k); floor: constant >= 0.
    The bumps are not normalised one by one; the sum over the grid is. -> Source

    Raises ValueError where shapes disagree, or the density is negative somewhere or zero on every point.
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
    if density.min() < 0 or not 0 < density.sum() < np.inf:
        raise ValueError(
            f"the density ranges from {density.min():g} to {density.max():g}; expected numbers >= 0, some of them "
            "positive: place a bump or a floor on the points"
        )
    return Source(points, density / density.sum())
