"""The source: points x_i in R^k with probabilities p_i, given or measured."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import samples as measured
from .binning import Binning, letters, warn_of_a_crowd
from .values import as_points, number, probabilities, real_array

LEAST_SQUARE = np.finfo(float).tiny / np.finfo(float).eps  # of a spread: its shares are floats with all digits


@dataclass(frozen=True, eq=False)
class Source:
    """A discrete memoryless source, P(X = x_i) = p_i.

    From measured samples: `Source.from_samples`; from a file of samples: `Source.from_file`.

    Parameters
    ----------
    points : (n,) or (n, k) array
        Kept as given.
    pmf : (n,) array
        Non-negative, sums to one within 1e-9, or within its own rounding where it is of float32, and is then
        normalised to it. Zeros are allowed.
    names : sequence of str, optional
        What the letters are called, (n,), distinct: pictures write them, and `mask` takes them.
    binning : Binning, optional
        What `from_samples` keeps of the samples: each letter's bin, and how they spread inside it.

    Attributes
    ----------
    x : (n, k) array
        The points; p: the pmf.
    within : (n,) array
        E|X - x_i|^2 over the samples in the bin of each letter, zero where letters are what they are.
    mean, covariance : (k,) and (k, k) arrays
        E X and Cov X.

    Raises
    ------
    ValueError
        Where a value is no real number, not finite or negative, a point too large to square, a spread too small
        to, or the shapes disagree; the message names the row.

    Examples
    --------
    >>> import mfrd
    >>> coin = mfrd.Source([-1.0, 1.0], [0.25, 0.75])
    >>> coin.mean, coin.covariance
    (array([0.5]), array([[0.75]]))
    >>> weather = mfrd.Source([0, 1, 2], [0.6, 0.3, 0.1], names=["sun", "rain", "snow"])
    >>> mfrd.Fidelity(0.01, on=weather.mask("snow"), distortion=mfrd.hamming, name="snow")
    Fidelity(0.01, hamming, per joint, on 1 letters, name 'snow')
    """

    points: np.ndarray
    pmf: np.ndarray
    _: KW_ONLY
    names: Sequence[str] | None = None
    binning: Binning | None = None

    def __post_init__(self) -> None:
        x = as_points(self.points, "points")
        with np.errstate(over="ignore"):
            far = np.flatnonzero(~np.isfinite((4 * x**2).sum(axis=1)))  # |x_i - y|^2 of points on both sides of 0
        if len(far):
            raise ValueError(
                f"points holds {x[far[0]]} in row {far[0]}; expected points whose squared distances are finite: "
                "measure them in a larger unit"
            )
        spread = np.ptp(x, axis=0).max()
        if 0 < spread and spread**2 < LEAST_SQUARE:
            raise ValueError(
                f"points spread over {spread:.3g}, whose square is {spread**2:.3g}; expected a square of at least "
                f"{LEAST_SQUARE:.2g}, below which squared distances lose digits: measure them in a smaller unit"
            )
        p = probabilities(self.pmf, len(x))
        if self.names is not None:
            names = tuple(self.names)
            if len(names) != len(x) or len(set(names)) < len(names) or not all(isinstance(name, str) for name in names):
                said = f"names are {len(names)}, {len(set(names))} of them distinct"
                raise ValueError(f"{said}; expected {len(x)} distinct strings, one a letter")
            self.__dict__.update(names=names)
        self.__dict__.update(points=np.array(self.points, float), pmf=p / p.sum())

    @classmethod
    def from_pmf(cls, pmf: np.ndarray) -> "Source":
        """The source of n letters of which nothing but their probabilities is known: they are numbered from 0.

        With a distortion matrix, that is a whole problem: `mfrd.Problem(mfrd.Source.from_pmf(p), None, fidelity)`.

        Parameters
        ----------
        pmf : (n,) array

        Returns
        -------
        Source

        Raises
        ------
        ValueError
            As Source.

        Examples
        --------
        >>> import mfrd
        >>> coin = mfrd.Source.from_pmf([0.5, 0.5])
        >>> problem = mfrd.Problem(coin, None, mfrd.Fidelity(0.1, distortion=[[0, 1], [1, 0]]))
        >>> round(mfrd.solve(problem, "newton").rate, 4)
        0.531
        """
        return cls(np.arange(max(1, np.size(pmf))), pmf)

    @classmethod
    def from_samples(cls, samples: np.ndarray, bins: Any = None, *, split: Any = ()) -> "Source":
        """The source of measured samples: letters with their relative frequencies.

            x_i = the mean of the samples in bin i,   p_i = their number / N,   empty bins dropped.

        A bin's letter is its mean and not its centre, so what binning adds is known: where Y depends on X through
        its bin, E|X - Y|^2 = E|x_i - Y|^2 + within_i. Budgets are budgets on the samples: the quantisers made from
        the source count `within` towards them, cut the bins finer where a budget asks for it, and give the samples
        back exactly at D = 0. What `limit` and `solve` answer is about the letters, at the budgets as given: a code
        for the samples at distortion D takes at least the limit of the letters at (sqrt(D) + sqrt(v))^2, with v the
        mean of `within`.

        Parameters
        ----------
        samples : (N,) or (N, k) array
        bins : optional
            A number of equal bins, ascending edges, a rule of numpy.histogram_bin_edges ("auto", "fd", "sturges", ...),
            or a list of k of these, one an axis: these stay as they are, and a budget below what they add is refused.
            None keeps samples of at most 10,000 distinct values (2,000 in more dimensions) as they are, exactly, and
            else cuts one dimension into about 1,000 bins of least variance, which designs cut finer.
        split : float or sequence of float, optional
            Values of one dimension at which bins end, so that none straddles the edge of a region: a sample that is
            such a value is a letter of its own.

        Returns
        -------
        Source
            Points (n,) from (N,), (n, k) from (N, k), in ascending order.

        Raises
        ------
        ValueError
            Where samples are empty, not finite or of another shape, lie outside given edges, or take more than 2,000
            values in two dimensions or more and no bins are given.

        References
        ----------
        The law of total variance; Panter and Dite (1951) for the widths of the bins.

        Examples
        --------
        >>> import mfrd
        >>> source = mfrd.Source.from_samples([0.0, 0.2, 1.0, 1.0], bins=2)
        >>> source.points, source.pmf, source.within
        (array([0.1, 1. ]), array([0.5, 0.5]), array([0.01, 0.  ]))
        """
        points, pmf, binning = letters(as_points(samples, "samples"), bins, split)
        warn_of_a_crowd(pmf, binning)
        return cls(points[:, 0] if np.ndim(samples) == 1 else points, pmf, binning=binning)

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        columns: Any = None,
        bins: Any = None,
        split: Any = (),
        header: bool | None = None,
        na: str = "raise",
    ) -> "Source":
        """The source of the samples in a file, one sample a row.

            source = mfrd.Source.from_file("voltages.csv", columns="mV", bins=200)

        A file of letters and probabilities is `mfrd.Source(*numpy.loadtxt("pmf.csv", delimiter=",").T)`.

        Parameters
        ----------
        path : str or Path
            Text: .csv, .tsv or .txt, or one of these and .gz, in UTF-8 or with a byte order mark; columns parted by
            commas, semicolons (then also with decimal commas), tabs or blanks; lines that begin with # or % are
            comments; a row of units may stand below the titles. Arrays: .npy (N,), (N, k) or with named fields, .npz;
            sound: .wav, in the units of its integers.
        columns : optional
            A title or number from 0, or a list of them; of an .npz the names of its arrays, of a .wav its channels;
            None takes all. Columns that are not taken may hold times, units or text.
        bins, split : optional
            As `from_samples`.
        header : bool, optional
            Whether the first row of a text is titles. None tells: it is where it holds text, or where its first cell
            alone is empty.
        na : str
            What becomes of rows that miss a value among the columns taken (an empty cell, NA, nan, -; in one column a
            blank line too): "raise", or "drop".

        Returns
        -------
        Source

        Raises
        ------
        FileNotFoundError
            Where there is no such file.
        ValueError
            For another suffix, an unknown column, a cell that is no finite number (with its column and line), a first
            row that may be titles or a sample, and as `from_samples`.
        """
        return cls.from_samples(measured.read(path, columns, header=header, na=na), bins, split=split)

    def mask(self, *names: str) -> np.ndarray:
        """The letters of these names, as what `Fidelity(on=...)` takes.

        Parameters
        ----------
        *names : str

        Returns
        -------
        (n,) array of bool

        Raises
        ------
        ValueError
            Where the source has no such name.
        """
        unknown = sorted(set(names) - set(self.names or ()))
        if unknown:
            known = ", ".join(self.names) if self.names else "none, give it names="
            raise ValueError(f"no letter is named {', '.join(unknown)}; known: {known}")
        return np.isin(self.names, names)

    @property
    def x(self) -> np.ndarray:
        """The points, (n, k)."""
        return self.points.reshape(len(self.pmf), -1)

    @property
    def p(self) -> np.ndarray:
        """The pmf, (n,)."""
        return self.pmf

    @property
    def within(self) -> np.ndarray:
        """E|X - x_i|^2 over the samples in the bin of each letter, (n,)."""
        return np.zeros(len(self.p)) if self.binning is None else np.trace(self.binning.scatter, axis1=1, axis2=2)

    @property
    def mean(self) -> np.ndarray:
        """E X, (k,)."""
        return self.p @ self.x

    @property
    def covariance(self) -> np.ndarray:
        """Cov X, (k, k)."""
        centred = self.x - self.mean
        return centred.T * self.p @ centred

    def shaped(self, y: np.ndarray) -> np.ndarray:
        """Points y (m, k) in the form in which the source's own were given: (m,) where these were (n,).

        Parameters
        ----------
        y : (m, k) array

        Returns
        -------
        (m,) or (m, k) array
        """
        return y[:, 0] if self.points.ndim == 1 else y

    def __repr__(self) -> str:
        n, k = self.x.shape
        return f"Source({n} letters in R^{k}, mean {np.round(self.mean, 6)}, variance {np.trace(self.covariance):.6g})"


def grid(low: float, high: float, n: int, dimension: int = 1) -> np.ndarray:
    """Evenly spaced points of [low, high]^dimension, both ends included.

    Parameters
    ----------
    low, high : float
    n : int
        Points to a side.
    dimension : int

    Returns
    -------
    (n,) array for one dimension, (n^dimension, dimension) otherwise
        The last coordinate fastest.

    Raises
    ------
    ValueError
        Where n or dimension is no whole number or less than one, or an end no finite number.
    """
    if not all(isinstance(count, (int, np.integer)) and count >= 1 for count in (n, dimension)):
        raise ValueError(
            f"n is {n!r} and dimension {dimension!r}; expected whole numbers, at least one point and one axis"
        )
    ends = (
        number(end, what, "a finite number", -np.inf, open=True) for end, what in ((low, "low is"), (high, "high is"))
    )
    side = np.linspace(*ends, n)
    if dimension == 1:
        return side
    return np.stack(np.meshgrid(*[side] * dimension, indexing="ij"), -1).reshape(-1, dimension)


def bumps(points: np.ndarray, weights: np.ndarray, means: np.ndarray, stds: np.ndarray, floor: float = 0.0) -> Source:
    """Source with p(x) proportional to floor + sum_b weight_b exp(-|x - mean_b|^2 / 2 std_b^2).

    The bumps are not normalised one by one; the sum over the points is.

    Parameters
    ----------
    points : (n,) or (n, k) array
    weights, stds : (b,) arrays
    means : (b,) or (b, k) array
    floor : float
        Constant >= 0.

    Returns
    -------
    Source

    Raises
    ------
    ValueError
        Where shapes disagree, or the density is negative somewhere or zero on every point.
    """
    x, centres = as_points(points, "points"), as_points(means, "means")
    stds, weights = (real_array(given, name, "(b,)") for given, name in ((stds, "stds"), (weights, "weights")))
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
