"""Feasibility: an encoder well inside the budgets, or the error that says why there is none."""

import numpy as np
import scipy.sparse as sp
from scipy.optimize import linprog

from ..problems.fidelity import InfeasibleFidelity
from ..problems.problem import Problem
from .certificate import U
from .outcome import SolverFailed

LP_TOLERANCE = 1e-7  # of the linear program's own solver
SHORTFALL = 1e-12  # of what a budget leaves: by how much budgets may miss each other through rounding alone
ENORMOUS = 1e9  # times what a budget leaves: entries above 1e15 defeat linprog
ROOM = 0.5  # of the most room there is, relative to what budgets leave, that is enough
ULPS = 2  # of its budget: what an encoder may spend beyond it without being mended


def deterministic(problem: Problem, slopes: np.ndarray) -> np.ndarray:
    """The codeword of each letter that minimises sum_g theta_gi e_g(i, j) over the allowed pairs, (n,)."""
    best, choice = np.full(problem.n, np.inf), np.zeros(problem.n, int)
    for block in problem.blocks():
        cost = problem.edges.allow(problem.priced(slopes, block), block, np.inf)
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

    With one measure it is the nearest codeword, with several that of `least_shortfall`, which may exceed budgets that
    are together on the least they reach.

    Raises InfeasibleFidelity where it is proven that some budget, or all of them together, cannot be met.
    """
    problem.check_feasible()
    if len(problem.rows.measures) == 1:
        return one_hot(deterministic(problem, np.ones((1, problem.n))))
    pairs, share, shortfall, price = least_shortfall(problem)
    if shortfall > 0 and unreachable(problem, problem.edges.multipliers(problem, price, bare=True)):
        raise out_of_reach(problem)
    support, column = np.unique(pairs[share > 0] % problem.m, return_inverse=True)
    Q = np.zeros((problem.n, len(support)))
    Q[pairs[share > 0] // problem.m, column] = share[share > 0]
    return Q / Q.sum(axis=1, keepdims=True), support


def unreachable(problem: Problem, price: np.ndarray) -> bool:
    """Whether prices >= 0, (R,), prove that no encoder meets all budgets, each raised by the rounding of its least.

    Each would have sum_i pi_i min_j t_ij <= sum_i pi_i sum_j Q_ij t_ij <= price . (slack + rounding): sums of numbers
    not below zero, whose rounding is a factor (certificate.py counts it).
    """
    p, slopes, K = problem.source.p, problem.rows.slopes(price), len(problem.fidelities)
    least = np.min([problem.priced(slopes, block).min(axis=1) for block in problem.blocks()], axis=0)
    slip = (2 * len(price) + 2 * K + 2 * problem.n + 40) * U
    return bool(p @ least * (1 - slip) > price @ (problem.slack_up + problem.rounding) * (1 + slip))


def least_shortfall(
    problem: Problem, pairs: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
    """(pairs, share, shortfall, price) of the encoder with the least largest excess t.

    Rows on their least forbid pairs and leave the program; t is relative to what the allowed pairs leave to each other
    row. The linear program over the pairs so far of letters and codewords prices the budgets, and the best codeword of
    each letter at these prices joins it (Gilmore and Gomory 1961), until one bound is known to be near the other, or
    nothing to be out of reach. pairs: i m + j, (P,), also those of other budgets to start from; share: Q_ij, (P,);
    shortfall: a lower bound on t, positive where the budgets cannot be met together; price: (R,) per unit of each
    budget, with which shortfall <= sum_r price_r (E_r - D_r) for every encoder.

    Raises SolverFailed where the linear program ends without an answer.
    """
    w, g, n, m = problem.rows.weights, problem.rows.measure, problem.n, problem.m
    rows, measures, left = np.flatnonzero(~problem.edges.pinned), range(len(problem.rows.measures)), problem.edges.left
    proof, shortfall = np.zeros(len(w)), -np.inf
    if pairs is None:
        unit_slopes = np.eye(len(measures))[:, :, None] * np.ones(n)
        pairs = np.unique([np.arange(n) * m + deterministic(problem, slopes) for slopes in unit_slopes])
    if not len(rows):
        return np.arange(n) * m + deterministic(problem, np.zeros((len(measures), n))), np.ones(n), shortfall, proof
    units = np.where(left[rows] == 0, 1.0, abs(left[rows]))
    budget = problem.excess_budgets[rows] / units
    weights = sp.csc_array(w[rows] * problem.source.p / units[:, None])
    while True:
        i, (support, column) = pairs // m, np.unique(pairs % m, return_inverse=True)
        excess = np.array([problem.excess(h, support)[i, column] for h in measures])
        below, P = spends(weights, g[rows], i, excess), len(pairs)
        rows_of_Q = sp.csc_array((np.ones(P), i, np.append(np.arange(P + 1), P)), (n, P + 1))
        t = np.arange(P + 1) == P
        bounds = np.column_stack([np.where(t, -np.inf, 0.0), np.full(P + 1, np.inf)])
        program = linprog(1.0 * t, below, budget, rows_of_Q, np.ones(n), bounds)
        if program.status != 0 or program.x is None:
            raise SolverFailed(f"the linear program of feasibility ended with status {program.status}")
        weight, price = np.maximum(-program.ineqlin.marginals, 0), np.zeros(len(w))
        weight = weight / weight.sum()
        price[rows] = weight / units
        choice = deterministic(problem, problem.rows.slopes(price))
        # weak duality: min over encoders of price . (E - D) bounds t from below
        bound = weight @ (problem.mean_excess(*one_hot(choice))[rows] / units - budget)
        shortfall, proof = max((shortfall, proof), (bound, price), key=lambda pair: pair[0])
        known, pairs = len(pairs), np.union1d(pairs, np.arange(n) * m + choice)
        far = shortfall < program.fun - LP_TOLERANCE and program.fun > ROOM * shortfall and shortfall < LP_TOLERANCE
        if not far or len(pairs) == known:
            share = np.zeros(len(pairs))
            share[np.searchsorted(pairs, i * m + support[column])] = program.x[:-1]
            return pairs, share, shortfall, proof


def spends(weights: sp.csc_array, measure: np.ndarray, letter: np.ndarray, excess: np.ndarray) -> sp.csc_array:
    """What pairs add to rows, and -1 for t: (R, P + 1).

    weights: of a letter in each row, (R, n); measure: of each row, (R,); letter: of each pair, (P,); excess: of each
    pair by each measure, (G, P).
    """
    sizes = np.diff(weights.indptr)[letter]
    ends = np.cumsum(sizes)
    at = np.arange(ends[-1]) + np.repeat(weights.indptr[letter] - ends + sizes, sizes)  # entries, pair by pair
    row, pair, R = weights.indices[at], np.repeat(np.arange(len(letter)), sizes), len(measure)
    data = np.minimum(weights.data[at] * excess[measure[row], pair], ENORMOUS)
    starts = np.concatenate([[0], ends, [ends[-1] + R]])
    return sp.csc_array((np.append(data, -np.ones(R)), np.append(row, np.arange(R)), starts), (R, len(letter) + 1))


def together(problem: Problem, first: str | None = None) -> tuple[Problem, list[str]]:
    """(problem, names): budgets raised, one after the other, until all are met together; names: which, in order.

    Newton's method on t as a function of one budget, convex and falling: the prices say t(D + x) >= t - x sum price_r,
    summed over the rows of its fidelity, and D goes to where that line is zero, which is never too far. So where one
    name is returned, its budget is the least that its fidelity reaches with the others as they are. It is `first` or
    that of the largest price; where raising it helps no more, the next follows.
    """
    owner = problem.rows.owner
    names: list[str] = [] if first is None else [first]
    pairs = None
    for _ in range(200):
        pairs, _, shortfall, price = least_shortfall(problem, pairs)
        if shortfall <= (SHORTFALL if names else 0.0):  # what is proven out of reach is raised once at least
            break
        known = [f.name for f in problem.fidelities]
        slope, weight = (np.bincount(owner, price * unit, len(known)) for unit in (1.0, problem.units))
        if not names or weight[known.index(names[-1])] <= LP_TOLERANCE * weight.max():
            names.append(known[weight.argmax()])
        f = problem.fidelity(names[-1])
        raised = max(f.D + shortfall / slope[known.index(f.name)], np.nextafter(f.D, np.inf))
        problem = problem.with_budget(f.name, float(raised))
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
        raised, names = together(problem.with_budget(f.name, problem.row_least[rows].max()), f.name)
        least, margin = raised.fidelity(f.name).D, 1e-6 * problem.units[rows].max()
        if names == [f.name] and f.D < least + margin / 2:
            found[f.name] = least, least + margin
    return found


def reachable(problem: Problem) -> Problem:
    """The problem whose budgets below what they reach by themselves are the least floats that are not."""
    for k, f in enumerate(problem.fidelities):
        while (short := problem.slack_up[problem.rows.owner == k].min(initial=0.0)) < 0:
            D = problem.fidelity(f.name).D
            problem = problem.with_budget(f.name, max(float(np.nextafter(D, np.inf)), float(D - short)))
    return problem


def repair(problem: Problem, Q: np.ndarray, support: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The encoder (Q, support) without forbidden pairs, moved towards the interior one until it meets the budgets.

    Letters with a broken budget of their own step first, each by itself; then those that broken budgets weigh, which
    may break others; then all letters by one step, each the least that does. The rate is convex, so a step t of letters
    of probability P costs at most t P times the rate of the interior encoder.
    """
    if problem.edges.forbidden is not None:
        Q = problem.edges.allow(Q.copy(), support, 0.0)
        total = Q.sum(axis=1, keepdims=True)
        Q = np.where(total > 0, Q / np.where(total > 0, total, 1.0), 1 / len(support))  # to be mended
        lost = np.flatnonzero(total[:, 0] == 0) if problem.never is not None else ()
        if len(lost):  # budgets do not see the pairs of infinite distortion
            inner, inner_support = interior(problem)
            union = np.union1d(support, inner_support)
            whole, target = np.zeros((2, problem.n, len(union)))
            whole[:, np.searchsorted(union, support)] = Q
            target[:, np.searchsorted(union, inner_support)] = inner
            whole[lost] = target[lost]
            Q, support = whole, union
    over, allowed = overshoot(problem, Q, support), ULPS * np.spacing(problem.rows.D)
    if (over <= allowed).all():
        return Q, support
    inner, inner_support = interior(problem)
    room = -overshoot(problem, inner, inner_support)
    union = np.union1d(support, inner_support)
    mixed, target = np.zeros((2, problem.n, len(union)))
    mixed[:, np.searchsorted(union, support)] = Q
    target[:, np.searchsorted(union, inner_support)] = inner
    weighed = problem.rows.weights > 0
    for stage in ("own", "weighed", "all"):
        over = overshoot(problem, mixed, union)
        broken = over > allowed
        if stage == "own":
            broken &= weighed.sum(axis=1) == 1
        steps = np.zeros(len(over))
        steps[broken] = np.minimum(1.0, (1 + 1e-9) * over[broken] / np.maximum(over + room, over)[broken])
        t = np.full(problem.n, steps.max()) if stage == "all" else (weighed * steps[:, None]).max(axis=0)
        mixed = mixed + t[:, None] * (target - mixed)
        mixed = mixed / mixed.sum(axis=1, keepdims=True)
    return mixed, union


def overshoot(problem: Problem, Q: np.ndarray, support: np.ndarray) -> np.ndarray:
    """E_r - (D_r - least_r), (R,)."""
    return problem.mean_excess(Q, support) - problem.excess_budgets
