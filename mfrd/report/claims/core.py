"""Tests of the claims about the convex core and its prices: report, sections 1 to 4.2 and A.1.

Each function is the test of the claim with its name in claims.toml, which says what its arguments are.
"""

from collections.abc import Iterator
from functools import reduce
from operator import getitem

import numpy as np

from .verdicts import Finding, ranges

CERTIFIED = 1e-6  # bits: the largest gap that counts as solved
ROUNDING = 1e-9  # bits: what rounding may add to a difference of rates
CLOSE = 0.01  # bits: a close match of two rates
ADJECTIVE = 0.10  # the share at which "noticeably", "sharply", "significantly", "close" are judged


def column(sweep: list, *path: str) -> np.ndarray:
    """The values at a path of keys in the optimal entries of a sweep, shape (N,)."""
    return np.array([reduce(getitem, path, entry) for entry in sweep if entry["status"] == "optimal"])


def certified(node: dict | list) -> Iterator[dict]:
    """Every solved entry below a node of results/, blahut-arimoto's witnesses left out."""
    if isinstance(node, dict):
        if "gap_bits" in node and node["solver"] != "blahut-arimoto":
            yield node
        node = list(node.values())
    for child in node if isinstance(node, list) else ():
        yield from certified(child)


def over_chord(sweep: list) -> float:
    """The largest excess of a rate over the chord of its neighbours, in bits; at most zero for a convex curve."""
    D, rates = column(sweep, "D"), column(sweep, "I_bits")
    share = (D[1:-1] - D[:-2]) / (D[2:] - D[:-2])
    return (rates[1:-1] - (1 - share) * rates[:-2] - share * rates[2:]).max()


def off_gaussian(sweep: list, variance: float, dimension: int = 1) -> np.ndarray:
    """How far the rates of a sweep are from the closed form max(dimension/2 log2(variance / D), 0), in bits, (N,)."""
    return abs(column(sweep, "I_bits") - np.maximum(dimension / 2 * np.log2(variance / column(sweep, "D")), 0))


def along(D: np.ndarray, holds: np.ndarray, /, **numbers: object) -> Finding:
    """The finding of what must hold along a sweep of budgets D; both (N,). Its number `where` is the condition."""
    return Finding(holds.all(), dict(where=ranges(D, holds), **numbers))


def added(sweep: list, alone: list) -> np.ndarray:
    """The share of the rate that the subset's budget adds at each budget, (N,)."""
    return 1 - column(alone, "I_bits") / column(sweep, "I_bits")


def entropy_constrained(equal: dict, lloyd: dict) -> Finding:
    """H(Y) of the program at Lloyd–Max's distortion against Lloyd–Max's."""
    over = equal["H_Y_bits"] - lloyd["H_Y_bits"]
    return Finding(over <= ROUNDING, dict(over=over))


def convex_in_Q(convexity: dict) -> Finding:
    """The rate of a mixture of encoders against the mean of their rates."""
    return Finding(convexity["largest_excess_in_Q_bits"] <= ROUNDING)


def global_optimum(**notebooks: dict) -> Finding:
    """The largest certified gap of all solved problems."""
    gaps = [entry["gap_bits"] for entry in certified(notebooks)]
    return Finding(max(gaps) <= CERTIFIED, dict(problems=len(gaps), gap=max(gaps)))


def constraints_convex(sweep: list, sweep_core: list) -> Finding:
    """The rate against its chords, along the global budget and along the subset's."""
    over = [over_chord(sweep), over_chord(sweep_core)]
    return Finding(max(over) <= CERTIFIED, dict(over=over))


def certified_bounds(initial: dict, refined: float, limit: float) -> Finding:
    """The bound on one codebook against the rate on another; the limit stands beside them."""
    bound = initial["I_bits"] - CERTIFIED
    return Finding(bound <= refined, dict(bound=bound))


def mixed_met(budgets: dict, sweep: list) -> Finding:
    """Distortions against both budgets, gaps and the subset's price over the sweep."""
    core = max(column(sweep, "distortions", "core").max() / budgets["core"], 0) - 1
    over = max(core, (column(sweep, "distortions", "global") / column(sweep, "D")).max() - 1)
    gap, price = column(sweep, "gap_bits").max(), column(sweep, "prices_bits", "core").min()
    met = over <= ROUNDING and gap <= CERTIFIED
    return Finding(met and price > CERTIFIED, dict(budgets=len(sweep), over=over, gap=gap, price=price), idle=met)


def ba_stationary(conic: dict, ba: dict) -> Finding:
    """Blahut–Arimoto's rate against the certified optimum."""
    apart = max(abs(conic["I_bits"] - ba["I_bits"]), ba["gap_bits"])
    return Finding(apart <= CERTIFIED, dict(apart=apart))


def ba_duals(slope: float, price: float) -> Finding:
    """Blahut–Arimoto's slope against the dual price."""
    return Finding(abs(slope - price) > ADJECTIVE * price)


def ba_mixed(two: dict) -> Finding:
    """Blahut–Arimoto's rate at two prices against the program's."""
    apart = abs(two["I_bits"] - two["conic_I_bits"])
    return Finding(apart > CERTIFIED, dict(apart=apart))


def gaussian_match(sweep: list, variance: float) -> Finding:
    """The rate against the closed form at each budget."""
    D, off = column(sweep, "D"), off_gaussian(sweep, variance)
    return along(D, off <= CLOSE, largest=off.max(), at=D[off.argmax()])


def gaussian_stable(at: dict, sweep: list, printed: dict) -> Finding:
    """The numbers printed by the author's code against the certified ones, and the gaps."""
    off, gap = {key: abs(at[key] - value) for key, value in printed.items()}, column(sweep, "gap_bits").max()
    entropies = max(off["H_Y_nats"], off["H_Y_given_X_nats"])
    return Finding(off["I_nats"] <= CERTIFIED and gap <= CERTIFIED, dict(off=off, entropies=entropies, gap=gap))


def gaussian_formula(sweep: list, variance: float) -> Finding:
    """The budgets against the variance, beyond which the formula is negative."""
    D, rates = column(sweep, "D"), column(sweep, "I_bits")
    numbers = dict(beyond=(variance < D).sum(), budgets=len(D), least=0.5 * np.log2(variance / D[-1]))
    return Finding(variance >= D[-1], numbers, condition=(rates[1.2 * variance < D] < CERTIFIED).all())


def gaussian_codebook(deviations: dict) -> Finding:
    """Deviations from the closed form with few codewords and with many."""
    sizes = sorted(deviations, key=int)
    few, many = (np.array([d for d in deviations[size] if d is not None]) for size in (sizes[0], sizes[-1]))
    return Finding(
        abs(many).max() <= ADJECTIVE * abs(few).max() and few.min() >= -ROUNDING,
        dict(few=sizes[0], many=sizes[-1], off=[few.min(), few.max(), many.min(), many.max()]),
        condition=many.max() < 0 < few.max(),
    )


def plane_convex(sweep: list) -> Finding:
    """The rate in the plane against its chords."""
    D, over = column(sweep, "D"), over_chord(sweep)
    return Finding(over <= CERTIFIED, dict(over=over, budgets=len(D), D=D))


def plane_match(plane: dict, line: list, variances: float) -> Finding:
    """The largest deviation from the closed form in the plane against that on the line."""
    flat, centred = (off_gaussian(plane[key], plane["variance"], 2).max() for key in ("sweep", "sweep_7_by_7"))
    straight = off_gaussian(line, variances).max()
    return Finding(flat <= straight, dict(flat=flat, straight=straight, centred=centred))


def subset_probable(probability: float, letters: int, inside: int) -> Finding:
    """The probability of the subset against one half, and against the share of its letters."""
    likelier = probability / (inside / letters)
    return Finding(probability >= 0.5, dict(likelier=likelier), condition=likelier >= 1 + ADJECTIVE)


def subset_tighter(probability: float, D_core: float, sweep: list) -> Finding:
    """The mean distortion allowed given the subset against the global budgets."""
    mean, D = D_core / probability, np.array([sweep[0]["D"], sweep[-1]["D"]])
    return Finding(mean < D[0], dict(mean=mean, times=D / mean, joint=D / D_core))


def subset_preserved(sweep: list, D_core: float) -> Finding:
    """The subset's distortion over the sweep against its budget."""
    spent = column(sweep, "distortions", "core")
    kept = np.ptp(spent) <= CERTIFIED and spent.max() <= D_core * (1 + ROUNDING)
    return Finding(kept, dict(least=spent.min(), most=spent.max(), budgets=len(spent)))


def price_derivative(prices: dict, differences: dict) -> Finding:
    """Prices against central differences of the rate."""
    error = max(abs(differences[k] / prices[k] - 1) for k in prices)
    return Finding(error <= 1e-4, dict(error=error))


def price_ratio(ratio: float) -> Finding:
    """The least ratio of the two prices against ten."""
    return Finding(ratio >= 10)


def price_dominates(sweep: list, alone: list) -> Finding:
    """The share of the rate that the subset's budget adds against one half."""
    D, share = column(sweep, "D"), added(sweep, alone)
    return along(D, share > 0.5, D=D[[0, -1]], share=share[[0, -1]])


def influence(sweep: list, alone: list) -> Finding:
    """The share of the rate that the subset's budget adds against a tenth."""
    share = added(sweep, alone)
    return along(column(sweep, "D"), share >= ADJECTIVE, least=share.min(), most=share.max())


def price_global_falls(sweep: list) -> Finding:
    """The global price from budget to budget."""
    price = column(sweep, "prices_bits", "global")
    return Finding((np.diff(price) <= CERTIFIED).all() and price[-1] < price[0], dict(price=price[[0, -1]]))


def price_core_rises(sweep: list) -> Finding:
    """The subset's price from budget to budget."""
    price = column(sweep, "prices_bits", "core")
    rises = (np.diff(price) >= -CERTIFIED).all() and price[-1] > price[0]
    return Finding(rises, dict(price=price[[0, -1]], rise=price[-1] / price[0] - 1))


def figure_3(core: list, glob: list, stop: float, drawn: list, end: float) -> Finding:
    """Prices in nats and the distortion at which the curves stop against those drawn."""
    return Finding(abs(np.subtract([*core, *glob], drawn)).max() <= 0.05 and abs(stop - end) <= 0.01)


def curve_flatter(sweep: list, alone: list) -> Finding:
    """Slopes of the curves with and without the subset's budget."""
    steep, steep_alone = (column(s, "prices_bits", "global") for s in (sweep, alone))
    used = np.minimum(steep, steep_alone) > 1e-3
    off = steep[used] / steep_alone[used] - 1
    return along(column(sweep, "D")[used], off <= -ADJECTIVE, least=off.min(), most=off.max())


def curve_higher(sweep: list, alone: list) -> Finding:
    """Rates with and without the subset's budget."""
    more = column(sweep, "I_bits") - column(alone, "I_bits")
    return Finding(more.min() > CERTIFIED, dict(least=more.min(), most=more.max()))


def curve_floor(sweep: list, alone: list) -> Finding:
    """Rates at the largest budget with and without the subset's budget."""
    rate, free = column(sweep, "I_bits")[-1], abs(column(alone, "I_bits")[-1])
    return Finding(rate > 1e-3 and free <= CERTIFIED, dict(rate=rate, free=free))
