"""Feasibility: an encoder well inside the budgets, or the error that says why there is none."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linprog

from ..problems.fidelity import InfeasibleFidelity
from ..problems.problem import Problem
from .certificate import VANISHING

LP_TOLERANCE = 1e-7  # of the linear program's own solver
SHORTFALL = 1e-12  # in typical distortions: by how much budgets may miss each other through rounding alone
OVERSHOOT = 1e-12  # of a budget on its least reachable value: the excess that is rounding alone


def deterministic(problem: Problem, slopes: np.ndarray) -> np.ndarray:
    """The codeword of each letter that minimises sum_g theta_gi e_g(i, j), (n,)."""
    best, choice = np.full(problem.n, np.inf), np.zeros(problem.n, int)
    for block in problem.blocks():
        cost = problem.priced(slopes, block)
        j = cost.argmin(axis=1)
        better = cost[np.arange(problem.n), j] < best
        choice[better] = block.start + j[better]
        best = np.minimum(best, cost.min(axis=1))
    return choice


def one_hot(choice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(Q, support): a deterministic encoder on the codewords it uses."""
    support, position = np.unique(choice, return_inverse=True)
    return np.eye(len(support))[position], support


def interior(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """(Q, support) of an encoder that meets all budgets with the most room.

    With one measure it is the nearest codeword, with several that of `least_shortfall`.

    Raises InfeasibleFidelity where some budget, or all of them together, cannot be met.
    """
    problem.check_feasible()
    if len(problem.rows.measures) == 1:
        return one_hot(deterministic(problem, np.ones((1, problem.n))))
    share, found, shortfall, _ = least_shortfall(problem)
    if shortfall > SHORTFALL:
        raise out_of_reach(problem)
    choices = [choice for choice, _ in found]
    support = np.unique(choices)
    Q = np.zeros((problem.n, len(support)))
    for weight, choice in zip(share, choices):
        Q[np.arange(problem.n), np.searchsorted(support, choice)] += weight
    return Q / Q.sum(axis=1, keepdims=True), support


def least_shortfall(problem: Problem, found: Sequence = ()) -> tuple[np.ndarray, list, float, np.ndarray]:
    """(share, found, shortfall, price) of the encoders whose mixture has the least largest relative excess t.

    The linear program over the deterministic encoders found so far prices the budgets, and the best encoder at these
    prices joins them (Dantzig and Wolfe 1960). found: these encoders, (n,) each, beside their E, (R,), also those of
    other budgets to start from; share: of each in the mixture, if it is feasible; shortfall: a lower bound on t,
    positive where the budgets cannot be met together; price: (R,) per unit of each budget, with which
    shortfall <= sum_r price_r (E_r - D_r) for every encoder.
    """
    units = problem.units * (problem.rows.weights @ problem.source.p)
    G = len(problem.rows.measures)
    nearest = [] if found else [deterministic(problem, row[:, None] * np.ones(problem.n)) for row in np.eye(G)]
    found = [*found, *((choice, problem.mean_excess(*one_hot(choice))) for choice in nearest)]
    room = [E - problem.excess_budgets for _, E in found]
    units = np.maximum(units, 1e-9 * abs(np.array(room[:G])).max(axis=0))  # entries above 1e15 defeat linprog
    units[units == 0] = 1.0  # a budget of zero on letters of probability zero, which nothing exceeds
    shortfall, proof = -np.inf, np.zeros(len(problem.rows))
    for _ in range(500):
        A = np.column_stack([np.array(room).T / units[:, None], -np.ones(len(problem.rows))])
        t, bounds = np.arange(len(room) + 1) == len(room), [(0, None)] * len(room) + [(None, None)]
        program = linprog(1.0 * t, A, np.zeros(len(A)), A_eq=[1.0 - t], b_eq=[1.0], bounds=bounds)
        share, price = program.x[:-1], np.maximum(-program.ineqlin.marginals, 0)
        price = price / price.sum() / units
        candidate = deterministic(problem, problem.rows.slopes(price))
        E = problem.mean_excess(*one_hot(candidate))
        excess = E - problem.excess_budgets
        # weak duality: min over encoders of price . (E - D) bounds t from below
        shortfall, proof = max((shortfall, proof), (price @ excess, price), key=lambda bound: bound[0])
        if shortfall > program.fun - LP_TOLERANCE:
            break
        found.append((candidate, E))
        room.append(excess)
        if shortfall > LP_TOLERANCE:
            break
    return share, found, shortfall, proof


def together(problem: Problem, first: str | None = None) -> tuple[Problem, list[str]]:
    """(problem, names): budgets raised, one after the other, until all are met together; names: which, in order.

    Newton's method on t as a function of one budget, convex and falling: the prices say t(D + x) >= t - x sum price_r,
    summed over the rows of its fidelity, and D goes to where that line is zero, which is never too far. So where one
    name is returned, its budget is the least that its fidelity reaches with the others as they are. It is `first` or
    that of the largest price; where raising it helps no more, the next follows.
    """
    owner = problem.rows.owner
    names: list[str] = [] if first is None else [first]
    found: Sequence = ()
    for _ in range(200):
        _, found, shortfall, price = least_shortfall(problem, found)
        if shortfall <= SHORTFALL:
            break
        known = [f.name for f in problem.fidelities]
        slope, weight = (np.bincount(owner, price * unit, len(known)) for unit in (1.0, problem.units))
        if not names or weight[known.index(names[-1])] <= LP_TOLERANCE * weight.max():
            names.append(known[weight.argmax()])
        f = problem.fidelity(names[-1])
        problem = problem.with_budget(f.name, f.D + shortfall / slope[known.index(f.name)])
    return problem, list(dict.fromkeys(names))


def out_of_reach(problem: Problem) -> InfeasibleFidelity:
    """The InfeasibleFidelity of budgets that cannot be met together; it says which to raise above what."""
    raised, names = together(problem)
    levels = " and ".join(
        f"{name} from {problem.fidelity(name).D:g} above {raised.fidelity(name).D:.10g}" for name in names
    )
    f = problem.fidelity(names[0])
    return InfeasibleFidelity(
        f"{', '.join(f.name for f in problem.fidelities)}: each budget is reachable alone, not all together; "
        f"with the others as they are, raise {levels}, or add codewords",
        *(f.name, f.D, raised.fidelity(f.name).D),
    )


def on_joint_edge(problem: Problem) -> dict[str, tuple[float, float]]:
    """{name: (least, enough)}: budgets, of several measures, on the least that the others as they are leave to them.

    enough: the budget from which solvers have room.
    """
    found = {}
    for k, f in enumerate(problem.fidelities if len(problem.rows.measures) > 1 else ()):
        rows = problem.rows.owner == k
        if (problem.excess_budgets[rows] <= 0).all():
            continue  # on the least it reaches by itself, which solvers know
        raised, names = together(problem.with_budget(f.name, problem.least[rows].max()), f.name)
        least, margin = raised.fidelity(f.name).D, 1e-6 * problem.units[rows].max()
        if names == [f.name] and f.D < least + margin / 2:
            found[f.name] = least, least + margin
    return found


def repair(problem: Problem, Q: np.ndarray, support: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The encoder (Q, support), moved towards the interior one by the least steps that meet the budgets.

    Letters with a broken budget of their own step first, each by itself; then all letters by one step. The rate is
    convex, so a step t of letters of probability P costs at most t P times the rate of the interior encoder.
    """
    if (overshoot(problem, Q, support) <= 0).all():
        return Q, support
    inner, inner_support = interior(problem)
    room = problem.excess_budgets - problem.mean_excess(inner, inner_support)
    union = np.union1d(support, inner_support)
    mixed, target = np.zeros((2, problem.n, len(union)))
    mixed[:, np.searchsorted(union, support)] = Q
    target[:, np.searchsorted(union, inner_support)] = inner
    for own in (np.count_nonzero(problem.rows.weights, axis=1) == 1, np.zeros(len(room), bool)):
        over = overshoot(problem, mixed, union)
        broken = over > 0
        steps = np.zeros(len(over))
        steps[broken] = np.minimum(1.0, (1 + 1e-9) * over[broken] / np.maximum(over + room, over)[broken])
        t = np.zeros(problem.n)
        np.maximum.at(t, problem.rows.weights[own].argmax(axis=1), steps[own])
        if not own.any():
            t[:] = steps.max()
        mixed = mixed + t[:, None] * (target - mixed)
        mixed = mixed / mixed.sum(axis=1, keepdims=True)
    return mixed, union


def overshoot(problem: Problem, Q: np.ndarray, support: np.ndarray) -> np.ndarray:
    """E_r - (D_r - least_r), (R,), zero where rounding alone leads over a budget on its least reachable value."""
    over = problem.mean_excess(Q, support) - problem.excess_budgets
    return np.where((problem.excess_budgets <= 0) & (over <= OVERSHOOT * problem.rows.D), 0.0, over)


def pinned_prices(problem: Problem) -> np.ndarray:
    """Constant prices, (R,), for budgets on their least reachable value, 0 for the others.

    Such a budget admits nearest codewords only; no finite price is optimal, and any price at which
    exp(-price x smallest excess) underflows says the same in double precision.
    """
    w, g = problem.rows.weights, problem.rows.measure
    prices = np.zeros(len(problem.rows))
    for r in np.flatnonzero(problem.excess_budgets <= 0):
        letters = (w[r] > 0) & (problem.source.p > 0)
        cost = w[r, letters, None] * problem.excess(g[r])[letters]
        above = cost[cost > 1e-10 * problem.units[r]]
        prices[r] = VANISHING / above.min() if len(above) else 0.0
    return prices
