"""The quantiser: deterministic encoders, time-shared so that together they meet every budget.

The distortion of a deterministic encoder and its rate H(Y) fill a discrete cloud. Giving encoder t
the share w_t of the samples reaches every point of its lower convex hull,
    rate = sum_t w_t H(Y_t),   E_r = sum_t w_t E_r(t) <= D_r,
and R budgets need at most R + 1 encoders. No time-shared quantiser beats R(D): each part has
H(Y_t) >= I(X;Y_t) >= R(E(t)), and R is convex.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np
from numpy import ndarray as Array
from scipy.optimize import linprog

from ..problems.fidelity import Fidelity, InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.resolution import refuse
from ..problems.rows import BudgetRows
from ..problems.source import Source
from ..problems.values import number, real_array
from ..solvers.encoder import Encoder
from ..solvers.outcome import Stats, Status
from .cells import from_labels, labels

Names = Sequence[str] | None
RELATIVE_EXCESS = 1e-12  # of a budget: what is spent above D counts as within D up to D times this
PRECISE = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
GIVEN = "least rate of any time-sharing of the encoders given: linear program"


@dataclass(frozen=True, eq=False)
class Quantiser:
    """Deterministic encoders of one source with the shares of the samples that they code.

        rate = sum_t w_t H(Y_t),    E_r = sum_t w_t E_r(t).

    Parameters
    ----------
    source : Source
    fidelities : sequence of Fidelity
        The budgets.
    parts : sequence of (weight, Encoder)
        Weights positive and summing to one, encoders deterministic.
    safe : Encoder
        The one of least H(Y) known to meet every budget without time-sharing.
    proven : str
        What is known of the rate, in words.
    bound : float or object with `.lower_bound`, optional
        A certified lower bound on the rate over all codebooks, bits.
    status : Status, optional
        `proven` in one word: "exact" where nothing of the kind searched has a lower rate, else "found".
    stats : Stats, optional
        What the answer cost.

    Attributes
    ----------
    rate : float
        sum_t w_t H(Y_t), bits.
    distortions : dict
        What is spent, by fidelity name, in the unit of its budget; for per="letter" the largest over the letters. On a
        source of samples it is that of the samples: what their bins add is part of it.
    distortion : float
        That of the first fidelity.
    lower_bound : float
        The certified bound, bits.

    Raises
    ------
    ValueError
        Where weights are not positive or do not sum to one, or a part is not deterministic.
    TypeError
        Where a part is no Encoder.

    References
    ----------
    Time-sharing on the operational hull: Chou, Lookabaugh and Gray (1989).
    """

    source: Source
    fidelities: Sequence[Fidelity]
    parts: Sequence[tuple[float, Encoder]]
    safe: Encoder
    proven: str
    bound: Any = None
    status: Status = Status.FOUND
    stats: Stats = field(default=Stats(), repr=False)

    def __post_init__(self) -> None:
        weights = np.array([weight for weight, _ in self.parts], float)
        if not len(weights) or weights.min() <= 0 or abs(weights.sum() - 1) > 1e-9:
            raise ValueError(f"weights are {weights}; expected positive shares that sum to 1")
        for encoder in (*(e for _, e in self.parts), self.safe):
            labels(encoder)
        object.__setattr__(self, "parts", tuple(self.parts))
        object.__setattr__(self, "fidelities", tuple(self.fidelities))
        object.__setattr__(self, "safe", self.safe.keeping(self.fidelities))

    @cached_property
    def rate(self) -> float:
        """sum_t w_t H(Y_t), bits."""
        return sum(weight * encoder.output_entropy for weight, encoder in self.parts)

    @cached_property
    def distortions(self) -> dict[str, float]:
        """What each budget spends, by fidelity name; for per="letter" the largest over the letters."""
        rows = BudgetRows.of(self.fidelities, self.source.p)
        letters = np.sum([weight * encoder.spent(rows) for weight, encoder in self.parts], axis=0)
        return rows.largest(letters + rows.within(self.source))

    @property
    def distortion(self) -> float:
        """What the first budget spends."""
        return self.distortions[self.fidelities[0].name]

    @cached_property
    def lower_bound(self) -> float:
        """Bits that no encoder within the budgets can go below, whatever its codebook.

        Raises
        ------
        ValueError
            Where the quantiser was built without a bound.
        """
        if self.bound is None:
            raise ValueError("this quantiser was built without a bound; expected bound=mfrd.limit(source, fidelities)")
        return float(getattr(self.bound, "lower_bound", self.bound))

    def deterministic(self) -> Encoder:
        """The encoder to deploy alone: the least H(Y) known to meet every budget by itself.

        Its rate is at least `.rate`; what is lost by not time-sharing is the difference.
        """
        return self.safe

    def __repr__(self) -> str:
        spent = ", ".join(f"{name} {value:.6g}" for name, value in self.distortions.items())
        return f"Quantiser(rate {self.rate:.7g} bits, {spent}, {len(self.parts)} parts; {self.proven})"


def time_share(rates: Array, distortions: Array, budgets: Array, names: Names = None) -> tuple[Array, Array]:
    """The shares w of least sum_t w_t rate_t with sum_t w_t E_tr <= D_r, and their prices.

    rates: (T,); distortions: E, (T, R); budgets: D, (R,); names: the fidelity that owns each row, (R,),
    or None for the numbers of the rows. -> (w, (T,), at most R + 1 of them positive; prices -d rate / d D, (R,)).

    Raises InfeasibleFidelity where no mixture meets the budgets.
    Source: linear programming over the found encoders; at most R + 1 positive by Caratheodory.
    """
    rates, E, D = (np.asarray(a, float) for a in (rates, distortions, budgets))
    units = np.where(D > 0, D, np.maximum(E.max(axis=0), np.finfo(float).tiny))
    program = linprog(rates, (E / units).T, D / units, np.ones((1, len(rates))), [1.0], options=PRECISE)
    if program.status == 2:
        raise out_of_reach(f"no mixture of {len(rates)} encoders meets the budgets {D}", E, D, names)
    if program.status != 0:
        raise RuntimeError(f"the linear program of the shares ended with: {program.message}")
    return exact_shares(program.x, E, D), np.maximum(-program.ineqlin.marginals, 0) / units


def exact_shares(w: Array, E: Array, D: Array) -> Array:
    """The vertex that a linear-program answer w, (T,), stands for, its tight budgets met to rounding, (T,).

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
    bad = over > RELATIVE_EXCESS * units
    if bad.any():
        finest = int(np.argmin((E / units).max(axis=1)))
        step = min(1.0, (over[bad] / np.maximum(over[bad] + D[bad] - E[finest][bad], 1e-300)).max())
        exact *= 1 - step
        exact[finest] += step
    return exact


def cheapest_alone(rates: Array, E: Array, D: Array, names: Names = None) -> int:
    """The index of the least of the rates, (T,), among those that meet every budget by themselves.

    Raises InfeasibleFidelity where there is none.
    """
    alone = np.flatnonzero((E <= D * (1 + RELATIVE_EXCESS)).all(axis=1))
    if not len(alone):
        raise out_of_reach(f"none of {len(rates)} encoders meets the budgets {D} by itself", E, D, names)
    return int(alone[rates[alone].argmin()])


def out_of_reach(what: str, E: Array, D: Array, names: Names) -> InfeasibleFidelity:
    """The InfeasibleFidelity that says `what` and names the budget furthest below its least, or else nearest to it."""
    r = int(np.argmax(E.min(axis=0) - D))
    name, least = f"budget {r}" if names is None else names[r], float(E[:, r].min())
    alone = "" if least > D[r] else ", so not all budgets hold together"
    said = f"{what}; the least of {name} among them is {least:g}{alone}: raise it or add finer encoders"
    return InfeasibleFidelity(said, name, float(D[r]), least)


def mixture(
    encoders: Encoder | Sequence[Encoder], fidelities: Fidelity | Sequence[Fidelity], *, bound: Any = None
) -> Quantiser:
    """The best time-sharing of given deterministic encoders within all budgets.

        min sum_t w_t H(Y_t)  s.t.  sum_t w_t E_r(t) <= D_r,  sum_t w_t = 1,  w >= 0.

    Parameters
    ----------
    encoders : Encoder or iterable of Encoder
        Deterministic, of one source, such as Lloyd-Max quantisers of several sizes.
    fidelities : Fidelity or iterable of Fidelity
        Budgets with distinct names.
    bound : float or object with `.lower_bound`, optional
        What `.lower_bound` reports, bits.

    Returns
    -------
    Quantiser
        Of status "exact": no other shares of these encoders have a lower rate.

    Raises
    ------
    InfeasibleFidelity
        Where no mixture, or none of the encoders alone, meets the budgets.
    ValueError
        Where there is no encoder, one is randomised or of another source, or the fidelities do not fit them, as
        mfrd.Problem.

    References
    ----------
    Chou, Lookabaugh and Gray (1989) for time-sharing; the linear program is Dantzig's.
    """
    began, encoders = perf_counter(), [encoders] if isinstance(encoders, Encoder) else list(encoders)
    problem = common_problem(encoders, fidelities)
    names, D = problem.rows.names, problem.rows.D
    rates = np.array([encoder.output_entropy for encoder in encoders])
    refuse(problem.source, problem.rows)
    E = np.array([encoder.spent(problem.rows) for encoder in encoders]) + problem.rows.within(problem.source)
    shares, _ = time_share(rates, E, D, names)
    safe = encoders[cheapest_alone(rates, E, D, names)]
    parts = tuple((float(w), encoder) for w, encoder in zip(shares, encoders) if w > 0)
    stats = Stats(1, perf_counter() - began, backend="linear program")
    return Quantiser(safe.source, problem.fidelities, parts, safe, GIVEN, bound, Status.EXACT, stats)


def common_problem(encoders: Sequence[Encoder], fidelities: Any) -> Problem:
    """The fidelities checked against the codebook of each encoder, all of one source: the last one's Problem.

    Raises ValueError where there is no encoder, one is of another source, or a fidelity does not fit it.
    """
    if not encoders:
        raise ValueError("there are no encoders; expected one or more, as mfrd.lloyd_max and uniform_quantiser return")
    for t, encoder in enumerate(encoders):
        labels(encoder)
        source, first = encoder.source, encoders[0].source
        if not (np.array_equal(source.x, first.x) and np.array_equal(source.p, first.p)):
            said = f"encoder {t} has the source {source}, encoder 0 {first}; expected encoders of one source"
            raise ValueError(f"{said}: build all of them on the same points and pmf")
        problem = Problem(source, encoder.codebook, fidelities)
        fidelities = problem.fidelities
    return problem


def uniform_quantiser(source: Source, step: float, *, offset: float | np.ndarray = 0.0) -> Encoder:
    """Cubic cells of one side: letter x falls into cell round((x - offset) / step), coordinate by coordinate.

    The codeword of a cell is its centroid E[X | cell]. With an ideal entropy coder its rate is
    .output_entropy, 0.2546 bits a coordinate above R(D) for a source that samples a smooth density, and
    steps small against its scale but large against the letters' spacing.

    Parameters
    ----------
    source : Source
        Any dimension k.
    step : float
        Side of a cell, > 0, in units of x.
    offset : float or (k,), optional
        Centre of cell 0, in units of x.

    Returns
    -------
    Encoder
        Deterministic.

    Raises
    ------
    ValueError
        Where step is not a positive finite number or so small that (x - offset) / step overflows, or offset is not
        finite or has another shape.

    References
    ----------
    Gish and Pierce (1968).
    """
    step = number(step, "step is", "one positive finite number", open=True)
    centre, k = real_array(offset, "offset", "one or (k,), one a coordinate"), source.x.shape[1]
    if centre.shape not in ((), (k,)) or not np.isfinite(centre).all():
        raise ValueError(f"offset is {offset!r}; expected finite numbers, one or ({k},), one a coordinate")
    with np.errstate(over="ignore"):
        boxes = np.floor((source.x - centre) / step + 0.5)
    if not np.isfinite(boxes).all():
        said = f"step is {step!r}; expected more than {abs(source.x - centre).max() / np.finfo(float).max:g}"
        raise ValueError(f"{said}, so that every letter is a finite number of steps from the offset: raise it")
    return from_labels(source, np.unique(boxes, axis=0, return_inverse=True)[1].ravel())
