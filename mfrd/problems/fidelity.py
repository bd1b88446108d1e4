"""A fidelity: one distortion budget, on every letter or on a subset of them."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from math import fsum
from typing import Any

import numpy as np

from .distortion import called, squared_error
from .values import number, plain, real_array

FORMS = ("joint", "subset", "letter")
EMPTY = "the subset is empty; expected at least one source letter: widen what selects it"


class InfeasibleFidelity(ValueError):
    """Budgets below what the codebook can reach.

    Where the others are out of reach among themselves, the message names what to raise besides.

    Attributes
    ----------
    message : str
        What it says.
    name : str
        The fidelity.
    budget : float
        What was asked.
    least : float
        The least value it reaches, in the same unit: by itself, or, where each budget is reachable alone, with the
        others as they are.
    """

    def __init__(self, message: str, name: str, budget: float, least: float) -> None:
        super().__init__(message)
        self.name, self.budget, self.least = name, budget, least


@dataclass(frozen=True, eq=False, repr=False)
class Fidelity:
    """A distortion budget D on the letters S, in one of three forms.

        per="joint"     sum_{i in S} p_i E[d(x_i, Y) | X = x_i] <= D, the report's;
        per="subset"    E[d(X, Y) | X in S] <= D, the same divided by P(S);
        per="letter"    E[d(x_i, Y) | X = x_i] <= D for each i in S of positive probability.

    Parameters
    ----------
    D : float
        The budget, >= 0, in units of the distortion.
    on : array, optional
        Of a source of letters: a boolean mask (n,) or distinct indices. Of a density, or of samples on the line: open
        intervals, (r, 2), that do not overlap, such as [(-0.5, 0.5)]. Of samples: a function (N, k) -> (N,) of bool.
        `ecvq` reads the last two as the mask of the letters there, `Codec.check` as that of the samples themselves;
        `solve` and `limit` of letters take masks alone. None is everything. Arrays are copied.
    per : str
        "joint", "subset" or "letter".
    distortion : function (n, k), (m, k) -> (n, m), or that matrix itself
        Infinite for pairs that are forbidden: never, for a letter of positive probability in the subset; elsewhere
        nothing times infinity is nothing.
    name : str, optional
        How the price and the distortion are looked up: "global" or "subset" where none is given.

    Raises
    ------
    ValueError
        Where D is negative, not finite or no number, `per` unknown, the subset empty, intervals reversed or
        overlapping, or a distortion matrix holds what is no real number.

    Examples
    --------
    >>> import numpy as np, mfrd
    >>> x = np.linspace(-1, 1, 5)
    >>> everywhere = mfrd.Fidelity(0.1)
    >>> each_positive = mfrd.Fidelity(0.02, on=x > 0, per="letter", distortion=mfrd.absolute_error, name="positive")
    >>> everywhere.name, each_positive.mask(5).tolist()
    ('global', [False, False, False, True, True])
    """

    D: float
    _: KW_ONLY
    on: Any = None
    per: str = "joint"
    distortion: Callable | np.ndarray = squared_error
    name: str = ""

    def __post_init__(self) -> None:
        name, D, on, d = self.name or ("global" if self.on is None else "subset"), self.D, self.on, self.distortion
        D = number(D, f"{name}: budget is", "one finite number >= 0")
        if self.per not in FORMS:
            raise ValueError(f"{name}: per={self.per!r}; expected one of {', '.join(FORMS)}")
        if on is not None and np.size(on) == 0:
            raise ValueError(f"{name}: {EMPTY}")
        if on is not None and not callable(on):
            on = plain(on, f"{name}: on")
            on = own(disjoint(on, name) if on.ndim == 2 and on.shape[1] == 2 and on.dtype != bool else on)
        if not callable(d):
            d = own(real_array(d, f"{name}: distortion", "(n, m), source letters by codewords"))
        self.__dict__.update(D=D, on=on, distortion=d, name=name)

    def __repr__(self) -> str:
        on = self.on
        if on is None or callable(on):
            where = "" if on is None else ", on a function"
        elif on.ndim == 2:
            where = ", on " + " ".join(f"({a:g}, {b:g})" for a, b in on)
        else:
            where = f", on {on.sum() if on.dtype == bool else on.size} letters"
        return f"Fidelity({self.D:g}, {called(self.distortion)}, per {self.per}{where}, name {self.name!r})"

    def mask(self, n: int) -> np.ndarray:
        """The letters of the subset among n, boolean (n,).

        Parameters
        ----------
        n : int
            Letters of the source.

        Returns
        -------
        (n,) array of bool

        Raises
        ------
        ValueError
            Where the mask has another length, an index is out of range or repeats, or none is in.
        """
        if self.on is None:
            return np.ones(n, bool)
        on = mask = self.on
        if callable(on) or on.ndim == 2 and on.dtype != bool:
            kind = "a function" if callable(on) else "intervals"
            raise ValueError(
                f"{self.name}: the subset is {kind}, for densities and samples; expected a mask or indices of the "
                "letters of this source: on=(x > a) & (x < b)"
            )
        if on.dtype == bool and on.shape != (n,):
            raise ValueError(
                f"{self.name}: mask has shape {on.shape}; expected ({n},), one flag a letter: a subset is stated on "
                "the values that samples take; a stretch of time is coded with a codec of its own"
            )
        if on.dtype != bool:
            if on.dtype.kind not in "iu" or on.ndim != 1 or on.min() < -n or on.max() >= n:
                raise ValueError(
                    f"{self.name}: indices are {np.array2string(on, threshold=8)}; expected a boolean mask ({n},) or "
                    f"integers from 0 to {n - 1}, of letters: not of samples, nor of moments in time"
                )
            mask = np.zeros(n, bool)
            mask[on] = True
            if mask.sum() < on.size:
                raise ValueError(
                    f"{self.name}: {on.size} indices name {mask.sum()} letters, so some repeat; expected each once: "
                    "a mask must be boolean, on=mask.astype(bool)"
                )
        if not mask.any():
            raise ValueError(f"{self.name}: {EMPTY}")
        return mask

    def located(self, points: np.ndarray) -> "Fidelity":
        """The same fidelity, with intervals or a function as the mask of points, (n, k).

        Parameters
        ----------
        points : (n, k) array

        Returns
        -------
        Fidelity

        Raises
        ------
        ValueError
            Where intervals meet points of several dimensions, or the function returns no flags (n,).
        """
        on: Any = self.on
        if callable(on):
            mask = np.asarray(on(points))
            if mask.shape != (len(points),) or mask.dtype != bool:
                said = f"{self.name}: the function of the subset returns {mask.dtype} of shape {mask.shape}"
                raise ValueError(f"{said}; expected ({len(points)},) bool, one a point of shape (n, {points.shape[1]})")
        elif on is not None and on.ndim == 2 and on.dtype != bool:
            if points.shape[1] != 1:
                said = f"{self.name}: the subset is intervals and points have {points.shape[1]} dimensions"
                raise ValueError(f"{said}; expected a function (n, {points.shape[1]}) -> (n,) of bool")
            mask = ((points > on[:, 0]) & (points < on[:, 1])).any(axis=1)
        else:
            return self
        return replace(self, on=mask)

    def weights(self, pmf: np.ndarray) -> np.ndarray:
        """Rows w, (r, n), of the budgets sum_i p_i w_ri E[d | X = x_i] <= D sum p that this one states.

        Parameters
        ----------
        pmf : (n,) array

        Returns
        -------
        (r, n) array
            One row for "joint" and "subset", one a letter of positive probability for "letter".
        """
        mask = self.mask(len(pmf))
        if self.per == "joint":
            return mask[None, :].astype(float)
        if self.per == "subset":
            share = fsum(pmf[mask])
            if share == 0:
                raise ValueError(
                    f"{self.name}: the subset has probability 0, so the mean given it is undefined; "
                    'use per="joint" or a subset of positive probability'
                )
            return mask[None, :] * (fsum(pmf) / share)
        letters = np.flatnonzero(mask & (pmf > 0))
        rows = np.zeros((len(letters), len(pmf)))
        rows[np.arange(len(letters)), letters] = fsum(pmf) / pmf[letters]
        return rows


def disjoint(on: np.ndarray, name: str) -> np.ndarray:
    """Intervals (r, 2) as ascending floats; a ValueError where they are reversed, empty or overlap."""
    given = real_array(on, f"{name}: on", "(r, 2), the ends of open intervals")
    wrong = given[~(given[:, 0] < given[:, 1])]
    if len(wrong):
        raise ValueError(
            f"{name}: interval ({wrong[0, 0]:g}, {wrong[0, 1]:g}); expected ends a < b: give the lower first"
        )
    given = given[np.argsort(given[:, 0])]
    for (a, b), (c, d) in zip(given, given[1:]):
        if c < b:
            raise ValueError(
                f"{name}: ({a:g}, {b:g}) and ({c:g}, {d:g}) overlap; expected disjoint intervals: join them"
            )
    return given


def own(array: np.ndarray) -> np.ndarray:
    """A copy that is not written to, so that what a caller does to his array changes nothing; such a copy as it is."""
    if array.flags.owndata and not array.flags.writeable:
        return array
    array = array.copy()
    array.flags.writeable = False
    return array
