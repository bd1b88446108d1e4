"""The problem: a source, a codebook and fidelities, checked once and compiled into budget rows.

Row r of its budgets (rows.py) asks sum_i p_i w_ri E[d_g(x_i, Y) | X = x_i] <= D_r, with g the measure of r.
Solvers work with the excess e_ij = d_ij - min_j d_ij over the nearest codeword and the excess budget
D_r - sum_i p_i w_ri min_j d_ij: the same problem shifted by constants, exact near the least reachable budget, and
feasible, for one measure, exactly where every excess budget is >= 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .distortion import metric
from .fidelity import Fidelity, InfeasibleFidelity
from .rows import BudgetRows
from .source import Source, as_points

BLOCK = 500_000  # entries of a distortion block: 4 MB stay in the cache, twice as fast as 32
EDGE = 1e-11  # a budget this near its least reachable value, relatively, is on it


@dataclass(frozen=True, eq=False)
class Problem:
    """min I(X;Y) over encoders of `source` into `codebook`, subject to `fidelities`.

    source: Source (n letters in R^k); codebook: (m,) or (m, k); fidelities: one or more Fidelity
    with distinct names. `mfrd.solve(problem)` solves it; `.with_budget(name, D)` is the same with another budget.

    >>> import mfrd
    >>> source = mfrd.Source([-1.0, 0.0, 1.0], [0.25, 0.5, 0.25])
    >>> problem = mfrd.Problem(source, [-1.0, 0.0, 1.0], mfrd.Fidelity(0.1))
    >>> problem.n, problem.m, round(mfrd.solve(problem).rate, 3)
    (3, 3, 0.969)

    Raises ValueError where shapes disagree, names repeat, or a distortion matrix holds a number negative or not
    finite; of a distortion function, where its values are first needed.
    """

    source: Source
    codebook: np.ndarray
    fidelities: Sequence[Fidelity]

    def __post_init__(self):
        if not isinstance(self.source, Source):
            raise ValueError(f"source is {self.source!r}; expected an mfrd.Source of points and probabilities")
        y = as_points(self.codebook, "codebook")
        if y.shape[1] != self.source.x.shape[1]:
            raise ValueError(
                f"codebook has dimension {y.shape[1]}; expected {self.source.x.shape[1]}, that of the source points"
            )
        given = self.fidelities
        fidelities = (given,) if isinstance(given, Fidelity) else tuple(given) if np.iterable(given) else ()
        if not fidelities or not all(isinstance(f, Fidelity) for f in fidelities):
            raise ValueError(f"fidelities are {given!r}; expected one or more mfrd.Fidelity")
        names = [f.name for f in fidelities]
        if len(set(names)) < len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two fidelities are named {repeated!r}; expected distinct names")
        object.__setattr__(self, "codebook", np.array(self.codebook, float))
        object.__setattr__(self, "fidelities", fidelities)
        for f in fidelities:
            f.weights(self.source.p)  # checks the subset against the source
            if callable(f.distortion):
                continue
            d = np.asarray(f.distortion)
            if d.shape != (len(self.source.p), len(y)):
                raise ValueError(
                    f"{f.name}: distortion matrix has shape {d.shape}; expected "
                    f"({len(self.source.p)}, {len(y)}), source letters by codewords"
                )
            check_distortion(f.name, d)

    # --- the pieces solvers need -------------------------------------------------------------

    @property
    def n(self):
        return len(self.source.p)

    @property
    def m(self):
        return len(self.codebook)

    def __repr__(self):
        return f"Problem({self.n} letters, {self.m} codewords, {', '.join(map(repr, self.fidelities))})"

    @property
    def y(self):
        """The codebook as (m, k)."""
        return self.codebook.reshape(self.m, -1)

    @cached_property
    def rows(self) -> BudgetRows:
        """The rows of the budgets, R of them, with G distinct measures."""
        return BudgetRows.of(self.fidelities, self.source.p)

    @cached_property
    def metrics(self) -> np.ndarray:
        """The matrix M_g of each measure (x - y)' M_g (x - y), (G, k, k).

        Raises ValueError where a measure is neither squared error nor Mahalanobis.
        """
        for f in self.fidelities:
            if metric(f.distortion, self.source.x.shape[1]) is None:
                raise ValueError(
                    f"{f.name}: distortion {getattr(f.distortion, '__name__', 'matrix')} is not quadratic; "
                    "free codewords need squared_error or mahalanobis: solve this measure on a fixed codebook"
                )
        return np.array([metric(d, self.source.x.shape[1]) for d in self.rows.measures])

    def distortion(self, g, columns=slice(None)):
        """d_g on the chosen codewords, (n, columns), finite and >= 0; not to be written to."""
        if self.n * self.m <= BLOCK:
            return self._whole[g][:, columns]
        return self._measured(g, columns)

    @cached_property
    def _whole(self):
        """The distortions of a problem of one block, which are kept."""
        return [self._measured(g, slice(None)) for g in range(len(self.rows.measures))]

    def _measured(self, g, columns):
        measure = self.rows.measures[g]
        if not callable(measure):
            d = measure[:, columns]
        else:
            y = self.y[columns]
            d = np.asarray(measure(self.source.x, y), float)
            name = self.rows.names[np.argmax(self.rows.measure == g)]
            if d.shape != (self.n, len(y)):
                raise ValueError(
                    f"{name}: distortion returned shape {d.shape}; expected ({self.n}, {len(y)}), "
                    "source letters by codewords"
                )
            check_distortion(name, d, np.arange(self.m)[columns])
        return d

    def blocks(self):
        """Slices of the codebook whose distortion matrices have at most BLOCK entries."""
        width = max(1, BLOCK // self.n)
        return [slice(j, min(j + width, self.m)) for j in range(0, self.m, width)]

    @cached_property
    def _extremes(self):
        """(nearest, scale): min_j d_g(i, j), (G, n), and the least mean distortion > 0 of one codeword, (G,)."""
        nearest = np.full((len(self.rows.measures), self.n), np.inf)
        scale = np.full(len(self.rows.measures), np.inf)
        for g in range(len(self.rows.measures)):
            for block in self.blocks():
                d = self.distortion(g, block)
                np.minimum(nearest[g], d.min(axis=1), out=nearest[g])
                means = self.source.p @ d
                scale[g] = min(scale[g], means[means > 0].min(initial=np.inf))
        return nearest, np.where(scale < np.inf, scale, 1.0)

    @property
    def nearest(self):
        """min_j d_g(x_i, y_j), (G, n)."""
        return self._extremes[0]

    @property
    def units(self) -> np.ndarray:
        """A typical distortion of the measure of each row, (R,)."""
        return self.scale[self.rows.measure]

    @property
    def scale(self):
        """A typical distortion of each measure, (G,): that of the best single codeword which has any."""
        return self._extremes[1]

    def excess(self, g, columns=slice(None)):
        """e_ij = d_ij - min_j d_ij >= 0 on the chosen codewords, (n, columns)."""
        return self.distortion(g, columns) - self.nearest[g][:, None]

    @cached_property
    def floors(self):
        """w_ri min_j d_g(i, j), g = measure of r: what each letter adds to a row at the least, (R, n)."""
        return self.rows.weights * self.nearest[self.rows.measure]

    @cached_property
    def least(self):
        """The least each row can reach by itself, sum_i p_i w_ri min_j d_ij, (R,)."""
        return self.floors @ self.source.p

    @cached_property
    def excess_budgets(self):
        """D_r - least_r, (R,), zero where the budget is on its least reachable value."""
        slack = self.rows.D - self.least
        return np.where(abs(slack) <= EDGE * self.least, 0.0, slack)

    def offset(self, multipliers):
        """sum_r lam_r w_ri min_j d_ij, (n,): by how much exponents fall short of those in d, nats."""
        return multipliers @ self.floors

    def exponents(self, multipliers, columns=slice(None)):
        """s_ij = sum_g theta_gi e_g(i, j) on the chosen codewords, (n, columns), nats."""
        first, *others = self.rows.slopes(multipliers)
        s = first[:, None] * self.excess(0, columns)
        for g, theta in enumerate(others, start=1):
            s += theta[:, None] * self.excess(g, columns)
        return s

    def mean_excess(self, columns_Q, columns=slice(None)):
        """E_r = sum_i p_i w_ri sum_j Q_ij e_ij of an encoder on the chosen codewords, (R,)."""
        means = [(columns_Q * self.excess(h, columns)).sum(axis=1) for h in range(len(self.rows.measures))]
        return self.rows.means(np.array(means), self.source.p)

    def with_budget(self, name, D):
        """The same problem with another budget for one fidelity; what was computed of it is kept."""
        self.fidelity(name)
        fidelities = tuple(
            Fidelity(D, on=f.on, per=f.per, distortion=f.distortion, name=name) if f.name == name else f
            for f in self.fidelities
        )
        problem = replace(self, fidelities=fidelities)
        if "rows" in self.__dict__:
            problem.__dict__["rows"] = self.rows.with_fidelities(fidelities)
        for key in ("metrics", "_extremes", "_whole", "floors", "least"):
            if key in self.__dict__:
                problem.__dict__[key] = self.__dict__[key]
        return problem

    def fidelity(self, name):
        """The fidelity of that name; a ValueError lists the known names otherwise."""
        for f in self.fidelities:
            if f.name == name:
                return f
        known = ", ".join(f.name for f in self.fidelities)
        raise ValueError(f"no fidelity is named {name!r}; known: {known}")

    def check_feasible(self):
        """Raise InfeasibleFidelity where a budget lies below what the codebook can reach by itself."""
        short = np.flatnonzero(self.excess_budgets < 0)
        if not len(short):
            return
        worst = short[np.argmax((self.least - self.rows.D)[short])]
        f, least = self.fidelities[self.rows.owner[worst]], self.least[worst]
        where = "" if f.per != "letter" else f" for letter {np.argmax(self.rows.weights[worst])}"
        raise InfeasibleFidelity(
            f"{f.name}: budget {f.D:g} < {least:.10g}, the least this codebook reaches{where}; "
            "raise the budget or add codewords near its letters",
            name=f.name,
            budget=f.D,
            least=float(least),
        )


def check_distortion(name, d, columns=None):
    """Raise ValueError where an entry of the distortions d, (n, columns), is negative or not finite."""
    if d.min(initial=0) >= 0 and d.max(initial=0) < np.inf:
        return
    i, j = np.argwhere(~((d >= 0) & (d < np.inf)))[0]
    column = j if columns is None else columns[j]
    raise ValueError(
        f"{name}: distortion of letter {i} and codeword {column} is {d[i, j]:g}; expected finite numbers >= 0: "
        "mend that entry, or the function that gave it"
    )
