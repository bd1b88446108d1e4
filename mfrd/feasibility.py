"""Feasibility: an encoder well inside the budgets, or the error that says why there is none."""

import numpy as np
from scipy.optimize import linprog

from .certificate import TINY_PRICE
from .fidelity import InfeasibleFidelity

LP_TOLERANCE = 1e-7  # of the linear program's own solver
ROUNDING = 1e-12


def deterministic(problem, slopes):
    """The codeword of each letter that minimises sum_g theta_gi e_g(i, j), (n,)."""
    best, choice = np.full(problem.n, np.inf), np.zeros(problem.n, int)
    for block in problem.blocks():
        cost = sum(
            theta[:, None] * problem.excess(g, block) for g, theta in enumerate(slopes)
        )
        j = cost.argmin(axis=1)
        better = cost[np.arange(problem.n), j] < best
        choice[better] = block.start + j[better]
        best = np.minimum(best, cost.min(axis=1))
    return choice


def one_hot(choice):
    """(Q, support): a deterministic encoder on the codewords it uses."""
    support, position = np.unique(choice, return_inverse=True)
    return np.eye(len(support))[position], support


def interior(problem):
    """(Q, support) of an encoder that meets all budgets with the most room.

    With one measure it is the nearest codeword. With several, minimise the largest relative
    excess t over mixtures of deterministic encoders (Dantzig and Wolfe 1960): the linear program
    over those found so far prices the budgets, and the best encoder at these prices joins them.

    Raises InfeasibleFidelity where some budget, or all of them together, cannot be met.
    """
    problem.check_feasible()
    G = len(problem.measures)
    if G == 1:
        return one_hot(deterministic(problem, np.ones((1, problem.n))))
    w, _, g = problem.rows
    units = problem.scale[g] * (w @ problem.source.p)
    choices = [deterministic(problem, np.eye(G)[h][:, None] * np.ones(problem.n)) for h in range(G)]
    room = [mean_excess(problem, c) - problem.excess_budgets for c in choices]
    units = np.maximum(units, 1e-9 * abs(np.array(room)).max(axis=0))  # entries above 1e15 defeat linprog
    shortfall = -np.inf  # weak duality: min over encoders of price . (E - D) bounds t from below
    for _ in range(500):
        A = np.column_stack([np.array(room).T / units[:, None], -np.ones(len(w))])
        program = linprog(
            np.append(np.zeros(len(room)), 1.0),
            A_ub=A, b_ub=np.zeros(len(w)),
            A_eq=[np.append(np.ones(len(room)), 0.0)], b_eq=[1.0],
            bounds=[(0, None)] * len(room) + [(None, None)],
        )
        share, price = program.x[:-1], np.maximum(-program.ineqlin.marginals, 0)
        candidate = deterministic(problem, problem.slopes(price / price.sum() / units))
        excess = mean_excess(problem, candidate) - problem.excess_budgets
        shortfall = max(shortfall, price @ (excess / units) / price.sum())
        if shortfall > program.fun - LP_TOLERANCE or shortfall > LP_TOLERANCE:
            break
        choices.append(candidate)
        room.append(excess)
    if shortfall > ROUNDING:
        names = ", ".join(f.name for f in problem.fidelities)
        r = int(np.argmax(share @ np.array(room) / units))
        f = problem.fidelities[problem.rows[1][r]]
        least = f.D + shortfall * units[r]
        raise InfeasibleFidelity(
            f"{names}: each budget is reachable alone, not all together; spreading the shortfall "
            f"evenly, {f.name} reaches {least:.10g}, above its budget {f.D:g}; raise a budget or add codewords",
            name=f.name, budget=f.D, least=float(least),
        )
    support = np.unique(choices)
    Q = np.zeros((problem.n, len(support)))
    for weight, choice in zip(share, choices):
        Q[np.arange(problem.n), np.searchsorted(support, choice)] += weight
    return Q / Q.sum(axis=1, keepdims=True), support


def mean_excess(problem, choice):
    """E_r of a deterministic encoder, (R,)."""
    Q, support = one_hot(choice)
    return problem.mean_excess(Q, support)


def repair(problem, Q, support):
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
    for own in (np.count_nonzero(problem.rows[0], axis=1) == 1, np.zeros(len(room), bool)):
        over = overshoot(problem, mixed, union)
        broken = over > 0
        steps = np.zeros(len(over))
        steps[broken] = np.minimum(1.0, (1 + 1e-9) * over[broken] / np.maximum(over + room, over)[broken])
        t = np.zeros(problem.n)
        np.maximum.at(t, problem.rows[0][own].argmax(axis=1), steps[own])
        if not own.any():
            t[:] = steps.max()
        mixed = mixed + t[:, None] * (target - mixed)
        mixed = mixed / mixed.sum(axis=1, keepdims=True)
    return mixed, union


def overshoot(problem, Q, support):
    """E_r - (D_r - least_r), (R,), zero where rounding alone leads over a budget on its least reachable value."""
    over = problem.mean_excess(Q, support) - problem.excess_budgets
    return np.where((problem.excess_budgets <= 0) & (over <= ROUNDING * problem.budgets), 0.0, over)


def pinned_prices(problem):
    """Constant prices, (R,), for budgets on their least reachable value, 0 for the others.

    Such a budget admits nearest codewords only; no finite price is optimal, and any price at which
    exp(-price x smallest excess) underflows says the same in double precision.
    """
    w, _, g = problem.rows
    prices = np.zeros(len(w))
    for r in np.flatnonzero(problem.excess_budgets <= 0):
        letters = (w[r] > 0) & (problem.source.p > 0)
        cost = w[r, letters, None] * problem.excess(g[r])[letters]
        above = cost[cost > 1e-10 * problem.scale[g[r]]]
        prices[r] = TINY_PRICE / above.min() if len(above) else 0.0
    return prices
