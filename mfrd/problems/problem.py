"""The problem: a source, a codebook and fidelities, checked once and compiled into budget rows.

Row r of its budgets (rows.py) asks sum_i p_i w_ri E[d_g(x_i, Y) | X = x_i] <= D_r, with g the measure of r.
Solvers work with the excess e_ij = d_ij - min_j d_ij over the nearest codeword and the excess budget
D_r - sum_i p_i w_ri min_j d_ij: the same problem shifted by constants, exact near the least reachable budget, and
feasible, for one measure, exactly where every excess budget is >= 0. What is asked are the floats as they are, of
probabilities p_i / sum p, and the least is formed in integers: certificates charge D_r less that, rounded up, and
nothing else. A budget below its least by no more than the rounding of a user who computes it, (n + 4) ulp(D_r), is
solved as if it lay on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np

from .distortion import called, metric
from .edges import Edges
from .fidelity import Fidelity, InfeasibleFidelity
from .rounding import exact_dot, exact_sum, two_sum, up
from .rows import BudgetRows
from .source import Source
from .values import as_points, real_array

BLOCK = 500_000  # entries of a distortion block: 4 MB stay in the cache, twice as fast as 32
ALL = slice(None)
Columns: TypeAlias = slice | np.ndarray  # which codewords


def at_the_mean(source: Source, fidelities: Fidelity | Sequence[Fidelity]) -> "Problem":
    """The problem of one codeword, the mean, where codewords are to be chosen; raises ValueError of matrices."""
    given = [fidelities] if isinstance(fidelities, Fidelity) else fidelities
    if isinstance(given, Sequence):
        check_quadratic([f for f in given if isinstance(f, Fidelity) and not callable(f.distortion)], source.x.shape[1])
        given = [f.located(source.x) if isinstance(f, Fidelity) else f for f in given]
    return Problem(source, source.shaped(source.mean[None]), given)


def check_quadratic(fidelities: Sequence[Fidelity], k: int) -> None:
    """Raise ValueError where a measure of points in R^k is neither squared error nor Mahalanobis."""
    for f in fidelities:
        if metric(f.distortion, k) is None:
            raise ValueError(
                f"{f.name}: distortion {called(f.distortion)} is not quadratic in all coordinates; "
                "free codewords need squared_error or mahalanobis: solve this measure on a fixed codebook"
            )


@dataclass(frozen=True, eq=False, repr=False)
class Problem:
    """min I(X;Y) over encoders of `source` into `codebook`, subject to `fidelities`.

    `mfrd.solve(problem)` solves it; `.with_budget(name, D)` is the same with another budget.

    Parameters
    ----------
    source : Source
        n letters in R^k.
    codebook : (m,) or (m, k) array, or None
        Kept as given; .y is (m, k). None where a distortion is a matrix: its codewords, numbered from 0.
    fidelities : Fidelity, or a sequence of them
        With distinct names.

    Raises
    ------
    ValueError
        Where shapes disagree, names repeat, or a distortion matrix holds a number that is negative or NaN; of a
        distortion function, where its values are first needed.

    Examples
    --------
    >>> import mfrd
    >>> source = mfrd.Source([-1.0, 0.0, 1.0], [0.25, 0.5, 0.25])
    >>> problem = mfrd.Problem(source, [-1.0, 0.0, 1.0], mfrd.Fidelity(0.1))
    >>> problem.n, problem.m, round(mfrd.solve(problem).rate, 3)
    (3, 3, 0.969)
    """

    source: Source
    codebook: Any
    fidelities: Sequence[Fidelity]
    y: np.ndarray = field(init=False)  # the codebook, (m, k)
    rows: BudgetRows = field(init=False)  # R rows, G distinct measures
    n: int = field(init=False)  # letters
    m: int = field(init=False)  # codewords

    def __post_init__(self) -> None:
        if not isinstance(self.source, Source):
            raise ValueError(f"source is {self.source!r}; expected an mfrd.Source of points and probabilities")
        given = self.fidelities
        fidelities = (given,) if isinstance(given, Fidelity) else tuple(given) if np.iterable(given) else ()
        if not fidelities or not all(isinstance(f, Fidelity) for f in fidelities):
            raise ValueError(f"fidelities are {given!r}; expected one or more mfrd.Fidelity")
        if self.codebook is None:
            self.__dict__.update(codebook=self.source.shaped(numbered(fidelities, self.source.x.shape[1])))
        y, k = as_points(self.codebook, "codebook"), self.source.x.shape[1]
        if y.shape[1] != k:
            raise ValueError(f"codebook has dimension {y.shape[1]}; expected {k}, that of the source points")
        names = [f.name for f in fidelities]
        if len(set(names)) < len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two fidelities are named {repeated!r}; expected distinct names")
        rows = BudgetRows.of(fidelities, self.source.p)
        self.__dict__.update(codebook=np.array(self.codebook, float), fidelities=fidelities)
        self.__dict__.update(y=y, rows=rows, n=len(self.source.p), m=len(y))
        for f in fidelities:
            if not callable(f.distortion):
                self.checked(f.name, f.distortion, np.arange(self.m), "matrix has")

    # --- the pieces solvers need -------------------------------------------------------------

    def __repr__(self) -> str:
        return f"Problem({self.n} letters, {self.m} codewords, {', '.join(map(repr, self.fidelities))})"

    @cached_property
    def metrics(self) -> np.ndarray:
        """The matrix M_g of each measure (x - y)' M_g (x - y), (G, k, k).

        Raises ValueError where a measure is neither squared error nor Mahalanobis.
        """
        k = self.source.x.shape[1]
        check_quadratic(self.fidelities, k)
        return np.array([metric(d, k) for d in self.rows.measures])

    def distortion(self, g: int, columns: Columns = ALL) -> np.ndarray:
        """d_g on the chosen codewords, (n, columns), finite and >= 0; not to be written to.

        Infinite ones are the least of their letter instead: they mean what `never` says, and nothing elsewhere.

        Parameters
        ----------
        g : int
            The measure.
        columns : slice or array of int, optional
            Which codewords; all where none are named.

        Returns
        -------
        (n, columns) array
        """
        d = self._given(g, columns)
        return np.where(np.isinf(d), self.nearest[g][:, None], d) if self._extremes[3][g] else d

    def _given(self, g: int, columns: Columns) -> np.ndarray:
        """d_g on the chosen codewords as given, with its infinities."""
        return self._whole[g][:, columns] if self.n * self.m <= BLOCK else self._measured(g, columns)

    @property
    def never(self) -> np.ndarray | None:
        """The pairs that no encoder within the budgets uses, whatever the budgets: boolean (n, m), None without any.

        Those of infinite distortion by some measure, of a letter of positive probability that one of its rows weighs.
        Elsewhere nothing times infinity is nothing.
        """
        return self._extremes[2]

    @cached_property
    def _whole(self) -> list[np.ndarray]:
        """The distortions of a problem of one block, which are kept."""
        return [self._measured(g, ALL) for g in range(len(self.rows.measures))]

    def _measured(self, g: int, columns: Columns) -> np.ndarray:
        measure = self.rows.measures[g]
        if not callable(measure):
            return measure[:, columns]
        name = self.rows.names[np.argmax(self.rows.measure == g)]
        returned = measure(self.source.x, self.y[columns])
        d = real_array(returned, f"{name}: distortion returned", "(n, m), source letters by codewords")
        return self.checked(name, d, np.arange(self.m)[columns], "returned")

    def checked(self, name: str, d: np.ndarray, columns: np.ndarray, how: str) -> np.ndarray:
        """The distortions d of the codewords `columns`, (n, columns); a ValueError where they are none.

        Parameters
        ----------
        name : str
            The fidelity that the error names.
        d : array
            Distortions.
        columns : array of int
            Their codewords.
        how : str
            What has that shape, for the error.

        Returns
        -------
        (n, columns) array
        """
        if d.shape != (self.n, len(columns)):
            raise ValueError(
                f"{name}: distortion {how} shape {d.shape}; expected ({self.n}, {len(columns)}), "
                "source letters by codewords"
            )
        if not d.min(initial=0) >= 0:
            i, j = np.argwhere(~(d >= 0))[0]
            raise ValueError(
                f"{name}: distortion of letter {i} and codeword {columns[j]} is {d[i, j]:g}; expected numbers >= 0, "
                "infinite for a pair that is forbidden: mend that entry, or the function that gave it"
            )
        return d

    def blocks(self) -> list[slice]:
        """Slices of the codebook whose distortion matrices have at most BLOCK entries."""
        width = max(1, BLOCK // self.n)
        return [slice(j, min(j + width, self.m)) for j in range(0, self.m, width)]

    @cached_property
    def _extremes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
        """(nearest, scale, never, infinite).

        min_j d_g(i, j), (G, n), zero where all are infinite; the least mean distortion > 0 of one codeword, (G,), of
        those that all letters may use, if any; what `never` answers; which measures have infinities, (G,).
        """
        nearest = np.full((len(self.rows.measures), self.n), np.inf)
        scale, infinite = np.full((2, len(nearest)), np.inf), np.zeros(len(nearest), bool)
        never = None
        for g in range(len(nearest)):
            of_g = self.rows.weights[self.rows.measure == g]
            counts = (of_g > 0).any(axis=0) & (self.source.p > 0)
            for block in self.blocks():
                d, free = self._given(g, block), slice(None)
                np.minimum(nearest[g], d.min(axis=1), out=nearest[g])
                if d.max() == np.inf:
                    infinite[g], barred = True, np.isinf(d) & counts[:, None]
                    never = np.zeros((self.n, self.m), bool) if never is None else never
                    never[:, block] |= barred
                    d, free = np.where(np.isinf(d), 0.0, d), ~barred.any(axis=0)
                means = self.source.p @ d
                for k, of in enumerate((means[free], means)):
                    scale[k, g] = min(scale[k, g], of[of > 0].min(initial=np.inf))
        nearest[np.isinf(nearest)] = 0.0
        typical = np.where(scale[0] < np.inf, scale[0], scale[1])
        typical[np.isinf(typical)] = 1.0
        return nearest, typical, never if never is not None and never.any() else None, infinite

    @property
    def nearest(self) -> np.ndarray:
        """min_j d_g(x_i, y_j), (G, n)."""
        return self._extremes[0]

    @property
    def scale(self) -> np.ndarray:
        """A typical distortion of each measure, (G,): that of the best single codeword which has any."""
        return self._extremes[1]

    @property
    def units(self) -> np.ndarray:
        """A typical distortion of the measure of each row, (R,)."""
        return self.scale[self.rows.measure]

    def excess(self, g: int, columns: Columns = ALL) -> np.ndarray:
        """e_ij = d_ij - min_j d_ij >= 0 on the chosen codewords, (n, columns).

        Parameters
        ----------
        g : int
            The measure.
        columns : slice or array of int, optional
            Which codewords; all where none are named.

        Returns
        -------
        (n, columns) array
        """
        return self.distortion(g, columns) - self.nearest[g][:, None]

    @cached_property
    def floors(self) -> np.ndarray:
        """w_ri min_j d_g(i, j), g = measure of r: what each letter adds to a row at the least, (R, n)."""
        return self.rows.weights * self.nearest[self.rows.measure]

    @cached_property
    def exact_least(self) -> list[Fraction | None]:
        """sum_i p_i w_ri min_j d_ij / sum p of each fidelity, exact; None where it has a row a letter."""
        p, total = self.source.p, exact_sum(self.source.p.tolist())
        found: list[Fraction | None] = []
        for k, f in enumerate(self.fidelities):
            if f.per == "letter":
                found.append(None)
                continue
            on = f.mask(self.n)
            nearest = self.nearest[self.rows.measure[np.argmax(self.rows.owner == k)]]
            share = exact_sum(p[on].tolist()) if f.per == "subset" else total
            found.append(exact_dot(p[on], nearest[on]) / share)
        return found

    @cached_property
    def row_least(self) -> np.ndarray:
        """The least each row can reach by itself, sum_i p_i w_ri min_j d_ij, (R,)."""
        letter = self.rows.weights.argmax(axis=1)
        exact = [self.exact_least[k] for k in self.rows.owner]
        nearest = self.nearest[self.rows.measure, letter]
        return np.array([own if least is None else float(least) for own, least in zip(nearest, exact)])

    @cached_property
    def slack_up(self) -> np.ndarray:
        """D_r - least_r, exact and then rounded up, (R,): what a certificate charges."""
        slack, rest = two_sum(self.rows.D, -self.row_least)
        slack = np.where(rest > 0, np.nextafter(slack, np.inf), slack)  # of letters, whose least is a float
        for r, k in enumerate(self.rows.owner):
            least = self.exact_least[k]
            if least is not None:
                slack[r] = up(Fraction(self.rows.D[r]) - least)
        return slack

    @property
    def rounding(self) -> np.ndarray:
        """(n + 4) ulp(D_r), (R,): how far below its least a budget may lie for rounding alone."""
        return (self.n + 4) * np.spacing(self.rows.D)

    @cached_property
    def excess_budgets(self) -> np.ndarray:
        """D_r - least_r, (R,), zero where rounding alone puts the budget below its least: what solvers go by."""
        slack = self.slack_up
        return np.where((slack < 0) & (slack >= -self.rounding), 0.0, slack)

    @cached_property
    def edges(self) -> Edges:
        """The budgets on the least they reach, and the pairs they forbid."""
        return Edges.of(self)

    def offset(self, multipliers: np.ndarray) -> np.ndarray:
        """sum_r lam_r w_ri min_j d_ij, (n,): by how much exponents fall short of those in d, nats.

        Parameters
        ----------
        multipliers : (R,) array
            lam, nats per unit distortion.

        Returns
        -------
        (n,) array
        """
        return multipliers @ self.floors

    def exponents(self, multipliers: np.ndarray, columns: Columns = ALL) -> np.ndarray:
        """s_ij = sum_g theta_gi e_g(i, j) on the chosen codewords, (n, columns), nats; infinite on forbidden pairs.

        Parameters
        ----------
        multipliers : (R,) array
            lam, nats per unit distortion.
        columns : slice or array of int, optional
            Which codewords; all where none are named.

        Returns
        -------
        (n, columns) array
        """
        return self.priced(self.rows.slopes(multipliers), columns)

    def priced(self, slopes: np.ndarray, columns: Columns = ALL) -> np.ndarray:
        """sum_g theta_gi e_g(i, j) at slopes theta, (G, n), on the chosen codewords, (n, columns); infinite on `never`.

        Parameters
        ----------
        slopes : (G, n) array
            theta, what a unit of each measure costs a letter.
        columns : slice or array of int, optional
            Which codewords; all where none are named.

        Returns
        -------
        (n, columns) array
        """
        first, *others = slopes
        s = first[:, None] * self.excess(0, columns)
        for g, theta in enumerate(others, start=1):
            s += theta[:, None] * self.excess(g, columns)
        if self.never is not None:
            s[self.never[:, columns]] = np.inf
        return s

    def mean_excess(self, columns_Q: np.ndarray, columns: Columns = ALL) -> np.ndarray:
        """E_r = sum_i p_i w_ri sum_j Q_ij e_ij of an encoder on the chosen codewords, (R,).

        Parameters
        ----------
        columns_Q : (n, columns) array
            The encoder.
        columns : slice or array of int, optional
            Which codewords; all where none are named.

        Returns
        -------
        (R,) array
        """
        means = [(columns_Q * self.excess(h, columns)).sum(axis=1) for h in range(len(self.rows.measures))]
        return self.rows.means(np.array(means), self.source.p)

    def with_budget(self, name: str, D: float) -> "Problem":
        """The same problem with another budget for one fidelity; what was computed of it is kept.

        Parameters
        ----------
        name : str
            The fidelity.
        D : float
            Its budget, in units of its distortion.

        Returns
        -------
        Problem

        Raises
        ------
        ValueError
            Where the name is unknown, or D no budget.
        """
        asked = replace(self.fidelity(name), D=D)
        problem = replace(self, fidelities=[asked if f.name == name else f for f in self.fidelities])
        kept = ("metrics", "_extremes", "_whole", "floors", "exact_least", "row_least")
        problem.__dict__.update({key: value for key, value in self.__dict__.items() if key in kept})
        return problem

    def least(self, name: str) -> float:
        """The least budget of a fidelity that some encoder keeps, the other budgets as given.

        Parameters
        ----------
        name : str
            The fidelity.

        Returns
        -------
        float
            In units of its distortion; for per="letter" what the worst letter needs.

        Raises
        ------
        InfeasibleFidelity
            Where the other budgets cannot be met.
        ValueError
            Where the name is unknown.

        Examples
        --------
        >>> import mfrd
        >>> source = mfrd.Source([-1.0, 0.0, 1.0], [0.25, 0.5, 0.25])
        >>> problem = mfrd.Problem(source, [-1.0, 1.0], mfrd.Fidelity(0.6))
        >>> problem.least("global"), problem.most("global")
        (0.5, 1.5)
        """
        return answers().least(self, name)

    def most(self, name: str) -> float:
        """The budget of a fidelity from which the rate no longer falls and it goes slack, the others as given.

        Parameters
        ----------
        name : str
            The fidelity.

        Returns
        -------
        float
            In units of its distortion: the least that an encoder spends which is optimal without this budget.

        Raises
        ------
        InfeasibleFidelity
            Where the other budgets cannot be met.
        NotCertified
            Where the optimum without this budget is not certified.
        ValueError
            Where the name is unknown.
        """
        return answers().most(self, name)

    def fidelity(self, name: str) -> Fidelity:
        """The fidelity of that name; a ValueError lists the known names otherwise.

        Parameters
        ----------
        name : str

        Returns
        -------
        Fidelity
        """
        for f in self.fidelities:
            if f.name == name:
                return f
        known = ", ".join(f.name for f in self.fidelities)
        raise ValueError(f"no fidelity is named {name!r}; known: {known}")

    def _forbidden(self, letter: int) -> InfeasibleFidelity:
        """The error of a letter to which every codeword is forbidden."""
        barred = [np.isinf(self._given(g, ALL)[letter]) for g in range(len(self.rows.measures))]
        measure = [int(self.rows.measure[np.argmax(self.rows.owner == k)]) for k in range(len(self.fidelities))]
        by = [f for f, g in zip(self.fidelities, measure) if barred[g].any() and f.mask(self.n)[letter]]
        x = ", ".join(map(str, self.source.x[letter].tolist()))
        return InfeasibleFidelity(
            f"{', '.join(f.name for f in by)}: letter {letter} ({x}) has infinite distortion from every codeword; no "
            "budget is enough: add a codeword that it may be sent to, or make one of its distortions finite",
            by[0].name,
            by[0].D,
            np.inf,
        )

    def check_feasible(self) -> None:
        """Raise InfeasibleFidelity where a budget lies below what the codebook can reach by itself.

        So it does where every codeword is forbidden to a letter of positive probability.
        """
        stuck = np.zeros(0, int) if self.never is None else np.flatnonzero(self.never.all(axis=1))
        if len(stuck):
            raise self._forbidden(int(stuck[0]))
        short = np.flatnonzero(self.excess_budgets < 0)
        if not len(short):
            return
        worst = short[np.argmax((self.row_least - self.rows.D)[short])]
        f, least = self.fidelities[self.rows.owner[worst]], float(self.row_least[worst])
        where = "" if f.per != "letter" else f" for letter {np.argmax(self.rows.weights[worst])}"
        raise InfeasibleFidelity(
            f"{f.name}: budget {f.D:g} < {least:.10g}, the least this codebook reaches{where}; "
            "raise the budget or add codewords near its letters",
            *(f.name, f.D, least),
        )


def numbered(fidelities: Sequence[Fidelity], k: int) -> np.ndarray:
    """Codewords 0, 1, ..., (m, k), as many as the first distortion matrix has; ValueError where there is none."""
    for f in fidelities:
        if not callable(f.distortion) and f.distortion.ndim == 2:
            return np.arange(f.distortion.shape[1])[:, None] * np.ones(k)
    raise ValueError("codebook is None and no distortion is a matrix; expected a codebook, (m,) or (m, k)")


def answers() -> Any:
    """The module of the solvers' room that answers what a problem is asked of its budgets, when it is first asked."""
    return import_module("..solvers.tangent", __package__)
