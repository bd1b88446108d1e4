"""The limit over all codebooks at many budgets: one sweep, certified between its points too.

With the other budgets as they are, R is convex in one, so that it lies below the chords between rates that encoders
reach. And the bound that multipliers lam prove at D_k, they prove at every D: L_k - price_k (D - D_k).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..problems.densities import Density
from ..problems.fidelity import Fidelity
from ..problems.problem import Problem
from ..problems.source import Source
from .density import DensityLimit
from .exchange import Limit, Warm, limit, warned

ULP = 1e-15  # a few units in the last place


@dataclass(frozen=True, eq=False)
class LimitCurve(Sequence):
    """Limits at several budgets of one fidelity, in the order given: a sequence of Limit.

    Attributes
    ----------
    name : str
        Of the fidelity.
    D : (K,) array
        Its budgets, in units of its distortion.
    limits : tuple of Limit, or of DensityLimit
        One a budget.
    rates, lower_bounds : (K,) arrays
        Bits.
    """

    name: str
    D: np.ndarray
    limits: tuple[Limit | DensityLimit, ...]

    def __len__(self) -> int:
        return len(self.limits)

    def __getitem__(self, k: Any) -> Any:  # noqa: ANN401, D105
        return self.limits[k]

    def __iter__(self) -> Iterator[Limit | DensityLimit]:
        return iter(self.limits)

    @property
    def rates(self) -> np.ndarray:
        """I(X;Y) of each encoder, (K,), bits."""
        return np.array([found.rate for found in self])

    @property
    def lower_bounds(self) -> np.ndarray:
        """What no codebook beats at each budget, (K,), bits."""
        return np.array([found.lower_bound for found in self])

    def upper(self, D: np.ndarray) -> np.ndarray:
        """Bits within which some encoder meets the budget: the lower hull of the rates.

        Infinite below the least budget of the curve; above the largest, the rate there.

        Parameters
        ----------
        D : (N,) array
            Budgets of the fidelity that varies.

        Returns
        -------
        (N,) array
        """
        order = np.lexsort((self.rates, self.D))
        hull: list[tuple[float, float]] = []
        for x, r in zip(self.D[order], self.rates[order]):
            if hull and r >= hull[-1][1]:
                continue
            while len(hull) > 1 and cross(hull[-2], hull[-1], (x, r)) <= 0:
                hull.pop()
            hull.append((x, r))
        x, r = np.array(hull).T
        bits = np.interp(D, x, r, left=np.inf)
        return bits + ULP * r[0] * ((D > x[0]) & (D < x[-1]))

    def lower(self, D: np.ndarray) -> np.ndarray:
        """Bits below which no encoder into any codebook meets the budget: the highest tangent.

        Parameters
        ----------
        D : (N,) array
            Budgets of the fidelity that varies.

        Returns
        -------
        (N,) array
        """
        D, best = np.asarray(D, float), np.zeros(np.shape(D))
        for at, found in zip(self.D, self.limits):
            price, count = slope_of(found, self.name)
            fall = price * (D - at)
            lost = (4 + count / 8) * ULP  # a sum of one price a row
            line = found.lower_bound - fall - lost * (abs(found.lower_bound) + price * (abs(D) + at))
            best = np.maximum(best, np.where(D == at, found.lower_bound, line if at > 0 else 0.0))
        return best


def slope_of(found: Limit | DensityLimit, name: str) -> tuple[float, int]:
    """(the price of that name by which the bound of a limit falls, bits per unit distortion; its rows of budgets)."""
    if isinstance(found, DensityLimit):
        return found.prices[name], len(found.fidelities)
    rows = found.solution.problem.rows
    return rows.prices(found.multipliers)[name], len(rows)


def cross(a: tuple, b: tuple, c: tuple) -> float:
    """Twice the signed area of the triangle a b c: negative or zero where b is not below the chord from a to c."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def limit_curve(
    source: Source | Density,
    fidelities: Fidelity | Sequence[Fidelity],
    name: str,
    D_values: Sequence[float] | np.ndarray,
    *,
    tol: float = 1e-6,
    progress: bool = False,
) -> LimitCurve:
    """R(D) over all codebooks: the limit at each budget of one fidelity, each search warm from its neighbour's.

    A KeyboardInterrupt ends the sweep with the limit under way; the budgets after it are left out.

    Parameters
    ----------
    source : Source or Density
        As for `limit`.
    fidelities : Fidelity or sequence of Fidelity
        As for `limit`; the budget of that name is replaced.
    name : str
        Of the fidelity whose budget varies.
    D_values : sequence of float
        Its budgets, in units of its distortion.
    tol : float
        Largest certified gap, bits.
    progress : bool
        Show a bar with the gap.

    Returns
    -------
    LimitCurve
        One Limit a budget, in the order of D_values; `.upper(D)` and `.lower(D)` certify R between them.

    Raises
    ------
    ValueError
        As `limit`, and where no fidelity has that name or D_values are no budgets.

    References
    ----------
    Berger (1971), theorem 2.5.1 for the tangents.

    Examples
    --------
    >>> import mfrd
    >>> source = mfrd.bumps(mfrd.grid(-3, 3, 50), [1], [0], [1])
    >>> curve = mfrd.limit_curve(source, mfrd.Fidelity(1.0), "global", [0.2, 0.4, 0.8])
    >>> bool(curve.lower(0.3) <= mfrd.limit(source, mfrd.Fidelity(0.3)).rate <= curve.upper(0.3))
    True
    """
    if isinstance(source, Density):
        return density_curve(source, fidelities, name, D_values, tol)
    problem = Problem(source, source.shaped(source.mean[None]), fidelities)  # type: ignore[arg-type]
    problem.fidelity(name)
    D = np.array([problem.with_budget(name, D).fidelity(name).D for D in several(name, D_values)])
    found: dict[int, Limit] = {}
    warm = Warm(problem, name, tol, progress)
    upward = source.x.shape[1] == 1  # from many codewords to few: they merge in fewer rounds than they split
    for k in np.argsort(D if upward else -D, kind="stable"):
        found[int(k)] = warm.at(float(D[k]))
        warned(found[int(k)], tol)
        if found[int(k)].status == "interrupted":
            break
    kept = sorted(found)
    return LimitCurve(name, D[kept], tuple(found[k] for k in kept))


def several(name: str, D_values: Sequence[float] | np.ndarray) -> Sequence[float] | np.ndarray:
    """The budgets of a curve, once they are several."""
    if not np.iterable(D_values) or isinstance(D_values, str):
        raise ValueError(f"{name}: budgets are {D_values!r}; expected several, as a list or an array")
    return D_values


def density_curve(
    density: Density,
    fidelities: Fidelity | Sequence[Fidelity],
    name: str,
    D_values: Sequence[float] | np.ndarray,
    tol: float,
) -> LimitCurve:
    """The LimitCurve of a density."""
    given = (fidelities,) if isinstance(fidelities, Fidelity) else tuple(fidelities)
    if name not in [f.name for f in given]:
        raise ValueError(f"no fidelity is named {name!r}; expected one of {', '.join(f.name for f in given)}")
    asked = [[replace(f, D=D) if f.name == name else f for f in given] for D in several(name, D_values)]
    budgets = np.array([f.D for fidelities in asked for f in fidelities if f.name == name])
    return LimitCurve(name, budgets, tuple(limit(density, fidelities, tol=tol) for fidelities in asked))
