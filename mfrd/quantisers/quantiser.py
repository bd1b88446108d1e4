"""The quantiser: deterministic encoders, time-shared so that together they meet every budget.

The distortion of a deterministic encoder and its rate H(Y) fill a discrete cloud. Giving encoder t
the share w_t of the samples reaches every point of its lower convex hull,
    rate = sum_t w_t H(Y_t),   E_r = sum_t w_t E_r(t) <= D_r,
and R budgets need at most R + 1 encoders. No time-shared quantiser beats R(D): each part has
H(Y_t) >= I(X;Y_t) >= R(E(t)), and R is convex.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import linprog

from ..problems.fidelity import InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.source import Source
from ..solvers.encoder import Encoder

ROUNDING = 1e-12  # relative; a budget is met up to this much
GIVEN = "least rate of any time-sharing of the encoders given: linear program"


@dataclass(frozen=True, eq=False)
class Quantiser:
    """Deterministic encoders of one source with the shares of the samples that they code.

    source: Source; fidelities: the budgets; parts: ((weight, Encoder), ...), weights positive and
    summing to one; safe: the Encoder of least H(Y) known to meet every budget without
    time-sharing; proven: what is known of the rate, in words; bound: a certified lower bound on
    the rate over all codebooks in bits, or an object with `.lower_bound`, or None.

    .rate = sum_t w_t H(Y_t) in bits; .distortions by fidelity name, in the unit of its budget, for
    per="letter" the largest over the letters; .distortion: that of the first fidelity;
    .lower_bound: the certified bound in bits.

    Raises ValueError where weights are not positive or do not sum to one, or a part is not
    deterministic, and TypeError where it is no Encoder.
    Source: time-sharing on the operational hull, Chou, Lookabaugh and Gray (1989).
    """

    source: Source
    fidelities: tuple
    parts: tuple
    safe: Encoder
    proven: str
    bound: Any = None

    def __post_init__(self):
        weights = np.array([weight for weight, _ in self.parts], float)
        if not len(weights) or weights.min() <= 0 or abs(weights.sum() - 1) > 1e-9:
            raise ValueError(f"weights are {weights}; expected positive shares that sum to 1")
        for encoder in (*(e for _, e in self.parts), self.safe):
            labels(encoder)
        object.__setattr__(self, "parts", tuple(self.parts))
        object.__setattr__(self, "fidelities", tuple(self.fidelities))

    @cached_property
    def rate(self):
        return sum(weight * encoder.output_entropy for weight, encoder in self.parts)

    @cached_property
    def distortions(self):
        return {f.name: float(max(sum(w * reached(f, e) for w, e in self.parts), default=0.0)) for f in self.fidelities}

    @property
    def distortion(self):
        return self.distortions[self.fidelities[0].name]

    @cached_property
    def lower_bound(self):
        """Bits that no encoder within the budgets can go below, whatever its codebook.

        Raises ValueError where the quantiser was built without a bound.
        """
        if self.bound is None:
            raise ValueError("this quantiser was built without a bound; expected bound=mfrd.limit(source, fidelities)")
        return float(getattr(self.bound, "lower_bound", self.bound))

    def deterministic(self):
        """The encoder to deploy alone: the least H(Y) known to meet every budget by itself.

        Its rate is at least `.rate`; what is lost by not time-sharing is the difference. -> Encoder
        """
        return self.safe

    def __repr__(self):
        reached = ", ".join(f"{name} {value:.6g}" for name, value in self.distortions.items())
        return f"Quantiser(rate {self.rate:.7g} bits, {reached}, {len(self.parts)} parts; {self.proven})"


def reached(fidelity, encoder):
    """sum_i p_i w_ri E[d | X = x_i] on each row of a fidelity, (rows,)."""
    p = encoder.source.p
    return fidelity.weights(p) @ (p * encoder.distortion(fidelity.distortion))


def labels(encoder):
    """The codeword index of each letter of a deterministic encoder, (n,).

    Raises ValueError where some letter is randomised, TypeError where it is no Encoder.
    """
    if not isinstance(encoder, Encoder):
        raise TypeError(
            f"encoder is {type(encoder).__name__}; expected mfrd.Encoder, "
            "as quantiser.deterministic() returns and .encoder of a solution is"
        )
    if abs(encoder.columns.max(axis=1) - 1).max() > 1e-9:
        i = int(encoder.columns.max(axis=1).argmin())
        raise ValueError(
            f"letter {i} is randomised (largest share {encoder.columns[i].max():.6g}); "
            "expected a deterministic encoder, as mfrd.ecsq, ecvq and lloyd_max return"
        )
    return encoder.support[encoder.columns.argmax(axis=1)]


def from_labels(source, cells, codebook=None):
    """The deterministic encoder that sends letter i to codeword cells_i.

    cells: (n,) integers; codebook: (m, k) or (m,), or None for the centroids E[X | cell], with
    the plain mean where a cell has probability zero. -> Encoder on the cells that are in use.
    """
    used, cells = np.unique(cells, return_inverse=True)
    if codebook is None:
        y = centroids(source.x, source.p, cells, len(used))
    else:
        y = np.asarray(codebook, float).reshape(len(codebook), -1)[used]
    shape = (len(used),) + source.points.shape[1:]
    return Encoder(source, y.reshape(shape), np.eye(len(used))[cells])


def centroids(x, mass, cells, m):
    """sum_{i in cell} mass_i x_i / sum_{i in cell} mass_i, (m, k); exact where a cell is one point."""
    total = np.bincount(cells, mass, m)
    mass = np.where(total[cells] > 0, mass, 1.0)
    total = np.maximum(np.bincount(cells, mass, m), np.finfo(float).tiny)
    y = np.column_stack([np.bincount(cells, mass * column, m) for column in x.T]) / total[:, None]
    low, high = np.full_like(y, np.inf), np.full_like(y, -np.inf)
    np.minimum.at(low, cells, x)
    np.maximum.at(high, cells, x)
    return np.clip(y, low, high)


def between(lower, upper):
    """Thresholds t with lower <= t < upper: the midpoints, also between neighbouring floats."""
    middle = (lower + upper) / 2
    return np.where(middle < upper, middle, lower)


def time_share(rates, distortions, budgets, names=None):
    """The shares w of least sum_t w_t rate_t with sum_t w_t E_tr <= D_r, and their prices.

    rates: (T,); distortions: E, (T, R); budgets: D, (R,); names: the fidelity that owns each row, (R,),
    or None for the numbers of the rows. -> (w, (T,), at most R + 1 of them positive; prices -d rate / d D, (R,)).

    Raises InfeasibleFidelity where no mixture meets the budgets.
    Source: linear programming over the found encoders; at most R + 1 positive by Caratheodory.
    """
    rates, E, D = (np.asarray(a, float) for a in (rates, distortions, budgets))
    units = np.where(D > 0, D, np.maximum(E.max(axis=0), np.finfo(float).tiny))
    program = linprog(
        rates,
        A_ub=(E / units).T,
        b_ub=D / units,
        A_eq=np.ones((1, len(rates))),
        b_eq=[1.0],
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if program.status == 2:
        raise out_of_reach(f"no mixture of {len(rates)} encoders meets the budgets {D}", E, D, names)
    if program.status != 0:
        raise RuntimeError(f"the linear program of the shares ended with: {program.message}")
    return exact_shares(program.x, E, D), np.maximum(-program.ineqlin.marginals, 0) / units


def out_of_reach(what, E, D, names):
    """The InfeasibleFidelity that says `what` and names the budget furthest below its least, or else nearest to it."""
    r = int(np.argmax(E.min(axis=0) - D))
    name, least = f"budget {r}" if names is None else names[r], float(E[:, r].min())
    alone = "" if least > D[r] else ", so not all budgets hold together"
    return InfeasibleFidelity(
        f"{what}; the least of {name} among them is {least:g}{alone}: raise it or add finer encoders",
        name=name,
        budget=float(D[r]),
        least=least,
    )


def mixture(encoders, fidelities, *, bound=None):
    """The best time-sharing of given deterministic encoders within all budgets.

    encoders: one or more deterministic Encoder of one source, such as Lloyd-Max quantisers of several
    sizes; fidelities: one or more Fidelity with distinct names; bound: what `.lower_bound` reports.
    -> Quantiser, the least sum_t w_t H(Y_t) over shares w of these encoders.

    Raises InfeasibleFidelity where no mixture, or none of the encoders alone, meets the budgets; ValueError where
    there is no encoder, one is randomised or of another source, or the fidelities do not fit them, as mfrd.Problem.
    """
    encoders = [encoders] if isinstance(encoders, Encoder) else list(encoders)
    problem = common_problem(encoders, fidelities)
    names = problem.rows.names
    rates, D = np.array([encoder.output_entropy for encoder in encoders]), problem.rows.D
    E = np.array([np.concatenate([reached(f, encoder) for f in problem.fidelities]) for encoder in encoders])
    shares, _ = time_share(rates, E, D, names)
    alone = np.flatnonzero((E <= D * (1 + ROUNDING)).all(axis=1))
    if not len(alone):
        raise out_of_reach(f"none of {len(encoders)} encoders meets the budgets {D} by itself", E, D, names)
    parts = tuple((float(w), encoder) for w, encoder in zip(shares, encoders) if w > 0)
    safe = encoders[alone[rates[alone].argmin()]]
    return Quantiser(safe.source, problem.fidelities, parts, safe, GIVEN, bound)


def common_problem(encoders, fidelities):
    """The fidelities checked against the codebook of each encoder, all of one source: the last one's Problem.

    Raises ValueError where there is no encoder, one is of another source, or a fidelity does not fit it.
    """
    if not encoders:
        raise ValueError("there are no encoders; expected one or more, as mfrd.lloyd_max and uniform_quantiser return")
    for t, encoder in enumerate(encoders):
        labels(encoder)
        source, first = encoder.source, encoders[0].source
        if not (np.array_equal(source.x, first.x) and np.array_equal(source.p, first.p)):
            raise ValueError(
                f"encoder {t} has the source {source}, encoder 0 {first}; expected encoders of one source: "
                "build all of them on the same points and pmf"
            )
        problem = Problem(source, encoder.codebook, fidelities)
        fidelities = problem.fidelities
    return problem


def exact_shares(w, E, D):
    """The vertex that a linear-program answer stands for, its tight budgets met to rounding.

    The solver is right to 1e-10; its positive shares solve the tight rows exactly. Where rounding
    still leaves a budget exceeded, a sliver of the share goes to the finest encoder.
    """
    used = np.flatnonzero(w > 1e-9)
    units = np.maximum(D, E.max(axis=0) * 1e-12) + np.finfo(float).tiny
    tight = np.flatnonzero(abs(w[used] @ E[used] - D) <= 1e-8 * units)
    rows = np.vstack([np.ones(len(used)), (E[used][:, tight] / units[tight]).T])
    solved = np.linalg.lstsq(rows, np.append(1.0, D[tight] / units[tight]), rcond=None)[0]
    exact = np.zeros(len(w))
    exact[used] = np.maximum(solved, 0) if solved.min() > -1e-9 else w[used]
    exact /= exact.sum()
    over = exact @ E - D
    if (over > ROUNDING * units).any():
        finest = int(np.argmin((E / units).max(axis=1)))
        bad = over > ROUNDING * units
        step = (over[bad] / np.maximum(over[bad] + D[bad] - E[finest][bad], 1e-300)).max()
        exact *= 1 - min(step, 1.0)
        exact[finest] += min(step, 1.0)
    return exact


def uniform_quantiser(source, step, *, offset=0.0):
    """Cubic cells of one side: letter x falls into cell round((x - offset) / step), coordinate by coordinate.

    The codeword of a cell is its centroid E[X | cell]. With an ideal entropy coder its rate is
    .output_entropy, 0.2546 bits a coordinate above R(D) for a source that samples a smooth density, and
    steps small against its scale but large against the letters' spacing.

    source: Source, any dimension; step: side of a cell, > 0, in units of x; offset: centre of
    cell 0, a number or (k,). -> Encoder, deterministic.

    Raises ValueError where step is not a positive finite number or so small that (x - offset) / step overflows, or
    offset is not finite or has another shape.
    Source: Gish and Pierce (1968).
    """
    if not (np.isscalar(step) and np.isfinite(step) and step > 0):
        raise ValueError(f"step is {step!r}; expected one positive finite number")
    centre, k = np.asarray(offset, float), source.x.shape[1]
    if centre.shape not in ((), (k,)) or not np.isfinite(centre).all():
        raise ValueError(f"offset is {offset!r}; expected finite numbers, one or ({k},), one a coordinate")
    with np.errstate(over="ignore"):
        boxes = np.floor((source.x - centre) / step + 0.5)
    if not np.isfinite(boxes).all():
        raise ValueError(
            f"step is {step!r}; expected more than {abs(source.x - centre).max() / np.finfo(float).max:g}, "
            "so that every letter is a finite number of steps from the offset: raise it"
        )
    _, cells = np.unique(boxes, axis=0, return_inverse=True)
    return from_labels(source, cells.ravel())
