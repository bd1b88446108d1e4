"""Tests of the claims about the convex core and its prices: report, sections 1 to 4.2 and A.1.

Each function is the test of the claim with its name in claims.toml, which says what its arguments are.
"""

from collections.abc import Iterator

import numpy as np

from .verdicts import Judgement, fixed, judge, percent, power, ranges

CERTIFIED = 1e-6  # bits: the largest gap that counts as solved
ROUNDING = 1e-9  # bits: what rounding may add to a difference of rates
CLOSE = 0.01  # bits: a close match of two rates
ADJECTIVE = 0.10  # the share at which "noticeably", "sharply", "significantly", "close" are judged


def column(sweep: list, *path: str) -> np.ndarray:
    """The values at a path of keys in the optimal entries of a sweep, shape (N,)."""
    values = []
    for entry in sweep:
        if entry["status"] == "optimal":
            for key in path:
                entry = entry[key]
            values.append(entry)
    return np.array(values)


def certified(node: dict | list) -> Iterator[dict]:
    """Every solved entry below a node of results/, blahut-arimoto's witnesses left out."""
    if isinstance(node, dict):
        if "gap_bits" in node and node["solver"] != "blahut-arimoto":
            yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from certified(child)


def over_chord(D: np.ndarray, rates: np.ndarray) -> float:
    """The largest excess of a rate over the chord of its neighbours, in bits; at most zero for a convex curve."""
    share = (D[1:-1] - D[:-2]) / (D[2:] - D[:-2])
    return (rates[1:-1] - (1 - share) * rates[:-2] - share * rates[2:]).max()


def entropy_constrained(equal: dict, lloyd: dict) -> Judgement:
    """H(Y) of the program at Lloyd–Max's distortion against Lloyd–Max's."""
    over = equal["H_Y_bits"] - lloyd["H_Y_bits"]
    return judge(
        f"at D = {fixed(equal['D'], 3)} the program's H(Y) exceeds Lloyd–Max's by {fixed(over, 3)} bits",
        true=over <= ROUNDING,
        condition="the rate is I(X;Y), as the next sentence has it; the program neither bounds nor minimises H(Y)",
    )


def convex_in_Q(convexity: dict) -> Judgement:
    """The rate of a mixture of encoders against the mean of their rates."""
    excess, in_p = (convexity[f"largest_excess_in_{name}_bits"] for name in "Qp")
    return judge(
        f"rate of a mixture less mean rate, largest of {convexity['pairs']} random pairs: {fixed(excess, 4)} bits",
        f"in the source p, fixed throughout, it is not convex: +{fixed(in_p, 4)} bits",
        true=excess <= ROUNDING,
    )


def global_optimum(**notebooks: dict) -> Judgement:
    """The largest certified gap of all solved problems."""
    gaps = [entry["gap_bits"] for entry in certified(notebooks)]
    return judge(
        f"largest certified gap of {len(gaps)} solved problems: {power(max(gaps))} bits", true=max(gaps) <= CERTIFIED
    )


def constraints_convex(sweep: list, sweep_core: list) -> Judgement:
    """The rate against its chords, along the global budget and along the subset's."""
    over = [over_chord(column(s, "D"), column(s, "I_bits")) for s in (sweep, sweep_core)]
    return judge(
        f"rate over the chord of its neighbours, along D with D′ held: {fixed(over[0], 7)} bits at most; along D′: "
        f"{fixed(over[1], 7)}",
        true=max(over) <= CERTIFIED,
    )


def certified_bounds(initial: dict, refined: float, limit: float) -> Judgement:
    """The bound on one codebook against the rate on another."""
    bound = initial["I_bits"] - CERTIFIED
    return judge(
        f"bound of the first codebook {fixed(bound, 4)} bits; the refined one has rate {fixed(refined, 4)}",
        true=bound <= refined,
        condition=f"the codebook is fixed; the limit over all of them is {fixed(limit, 4)} bits",
    )


def mixed_met(budgets: dict, sweep: list) -> Judgement:
    """Distortions against both budgets, gaps and the subset's price over the sweep."""
    over = max(column(sweep, "distortions", "core").max() / budgets["core"], 0) - 1
    above = (column(sweep, "distortions", "global") / column(sweep, "D")).max() - 1
    gap, price = column(sweep, "gap_bits").max(), column(sweep, "prices_bits", "core").min()
    met = max(over, above) <= ROUNDING and gap <= CERTIFIED
    return judge(
        f"at {len(sweep)} budgets both are met within {power(max(over, above, 1e-10))} of themselves, largest gap "
        f"{power(gap)} bits, least price of D′ {fixed(price, 1)}",
        true=met and price > CERTIFIED,
        idle=met,
    )


def ba_stationary(conic: dict, ba: dict) -> Judgement:
    """Blahut–Arimoto's rate against the certified optimum."""
    apart = max(abs(conic["I_bits"] - ba["I_bits"]), ba["gap_bits"])
    return judge(
        f"from the convex optimum, and by its own certificate, {power(max(apart, 1e-10))} bits at most",
        "by convexity a stationary point is a global optimum",
        true=apart <= CERTIFIED,
    )


def ba_duals(slope: float, price: float) -> Judgement:
    """Blahut–Arimoto's slope against the dual price."""
    return judge(
        f"its slope {fixed(slope, 4)}, the dual price {fixed(price, 4)} bits per unit",
        true=abs(slope - price) > ADJECTIVE * price,
    )


def ba_mixed(two: dict) -> Judgement:
    """Blahut–Arimoto's rate at two prices against the program's."""
    apart = abs(two["I_bits"] - two["conic_I_bits"])
    return judge(
        f"run at the two prices it finds the rate within {power(apart)} bits, the core at {fixed(two['distortions']['core'], 4)}",
        true=apart > CERTIFIED,
    )


def gaussian_match(sweep: list, variance: float) -> Judgement:
    """The rate against the closed form at each budget."""
    D, rates = column(sweep, "D"), column(sweep, "I_bits")
    deviation = abs(rates - np.maximum(0.5 * np.log2(variance / D), 0))
    return judge(
        f"largest deviation {fixed(deviation.max(), 4)} bits, at D = {fixed(D[deviation.argmax()], 2)}",
        true=deviation.max() <= CLOSE,
        condition=ranges(D, deviation <= CLOSE),
    )


def gaussian_stable(at: dict, sweep: list) -> Judgement:
    """The rate printed by the author's code against the certified one, and the gaps."""
    printed = {"I_nats": 0.2438043295518, "H_Y_nats": 1.085566783851, "H_Y_given_X_nats": 0.8417624542993}
    off = {key: abs(at[key] - value) for key, value in printed.items()}
    gap = column(sweep, "gap_bits").max()
    return judge(
        f"the author's code prints I {power(off.pop('I_nats'))} nats off at D = 0.6, entropies {power(max(off.values()))}; "
        f"largest gap here {power(gap)} bits",
        true=abs(at["I_nats"] - printed["I_nats"]) <= CERTIFIED and gap <= CERTIFIED,
    )


def gaussian_formula(sweep: list, variance: float) -> Judgement:
    """The budgets against the variance, beyond which the formula is negative."""
    D, rates = column(sweep, "D"), column(sweep, "I_bits")
    beyond = rates[1.2 * variance < D]
    return judge(
        f"{(variance < D).sum()} of {len(D)} budgets exceed σ² = {fixed(variance, 4)}; there the formula is negative, down to "
        f"{fixed(0.5 * np.log2(variance / D[-1]), 2)} bits",
        true=variance >= D[-1],
        condition=f"D ≤ σ² = {fixed(variance, 3)}; beyond it R = 0"
        if not beyond.size or beyond.max() < CERTIFIED
        else "",
    )


def gaussian_codebook(deviations: dict) -> Judgement:
    """Deviations from the closed form with few codewords and with many."""
    sizes = sorted(deviations, key=int)
    few, many = (np.array([d for d in deviations[size] if d is not None]) for size in (sizes[0], sizes[-1]))
    return judge(
        f"{sizes[0]} codewords: {fixed(few.min(), 4)} to +{fixed(few.max(), 4)} bits; {sizes[-1]}: {fixed(many.min(), 4)} to "
        f"{fixed(many.max(), 4)}",
        true=abs(many).max() <= ADJECTIVE * abs(few).max() and few.min() >= -ROUNDING,
        condition="the rate lies above the closed form; where it lies below, the source's discretisation is the cause"
        if many.max() < 0 < few.max()
        else "",
    )


def plane_convex(sweep: list) -> Judgement:
    """The rate in the plane against its chords."""
    D, rates = column(sweep, "D"), column(sweep, "I_bits")
    over = over_chord(D, rates)
    return judge(
        f"rate over the chord of its neighbours at most {fixed(over, 7)} bits, {len(D)} budgets from D = {fixed(D[0], 2)}",
        true=over <= CERTIFIED,
    )


def plane_match(plane: dict, line: list, variances: float) -> Judgement:
    """The largest deviation from the closed form in the plane against that on the line."""

    def off(sweep: list, variance: float, dimension: int) -> float:
        D = column(sweep, "D")
        return abs(column(sweep, "I_bits") - np.maximum(dimension / 2 * np.log2(variance / D), 0)).max()

    flat, straight = off(plane["sweep"], plane["variance"], 2), off(line, variances, 1)
    return judge(
        f"largest deviation in the plane {fixed(flat, 3)} bits, on the line {fixed(straight, 3)}",
        f"with a codeword at the mean, 7 × 7: {fixed(off(plane['sweep_7_by_7'], plane['variance'], 2), 4)} bits",
        true=flat <= straight,
    )


def subset_probable(probability: float, letters: int, inside: int) -> Judgement:
    """The probability of the subset against one half, and against the share of its letters."""
    likelier = probability / (inside / letters)
    return judge(
        f"P(S) = {fixed(probability, 3)}, on {inside} of {letters} letters",
        true=probability >= 0.5,
        condition=f"letters are compared one by one: those of S are {fixed(likelier, 1)} times as likely as the average"
        if likelier >= 1 + ADJECTIVE
        else "",
    )


def subset_tighter(probability: float, D_core: float, sweep: list) -> Judgement:
    """The mean distortion allowed given the subset against the global budgets."""
    mean, least, most = D_core / probability, sweep[0]["D"], sweep[-1]["D"]
    return judge(
        f"joint, so the mean given S may be D′/P(S) = {fixed(mean, 3)}: {fixed(least / mean, 1)} to {fixed(most / mean, 1)} times "
        f"tighter than D, not {fixed(least / D_core, 0)} to {fixed(most / D_core, 0)}",
        true=mean < least,
    )


def subset_preserved(sweep: list, D_core: float) -> Judgement:
    """The subset's distortion over the sweep against its budget."""
    spent = column(sweep, "distortions", "core")
    return judge(
        f"core distortion {fixed(spent.min(), 4)} to {fixed(spent.max(), 4)} at {len(spent)} budgets",
        true=np.ptp(spent) <= CERTIFIED and spent.max() <= D_core * (1 + ROUNDING),
    )


def price_derivative(prices: dict, differences: dict) -> Judgement:
    """Prices against central differences of the rate."""
    error = max(abs(differences[k] / prices[k] - 1) for k in prices)
    return judge(f"price against central difference of the rate: within {power(error)}", true=error <= 1e-4)


def price_ratio(ratio: float) -> Judgement:
    """The least ratio of the two prices against ten."""
    return judge(f"smallest ratio over the sweep {fixed(ratio, 1)}", true=ratio >= 10)


def shares(sweep: list, alone: list) -> tuple[np.ndarray, np.ndarray]:
    """Budgets, and the share of the rate that the subset's budget adds at each; both (N,)."""
    rates = column(sweep, "I_bits")
    return column(sweep, "D"), (rates - column(alone, "I_bits")) / rates


def price_dominates(sweep: list, alone: list) -> Judgement:
    """The share of the rate that the subset's budget adds against one half."""
    D, added = shares(sweep, alone)
    return judge(
        f"the subset's budget adds {percent(added[0])} of the rate at D = {fixed(D[0], 2)}, {percent(added[-1])} at {fixed(D[-1], 2)}",
        true=(added > 0.5).all(),
        condition=ranges(D, added > 0.5),
    )


def influence(sweep: list, alone: list) -> Judgement:
    """The share of the rate that the subset's budget adds against a tenth."""
    D, added = shares(sweep, alone)
    return judge(
        f"the subset's budget adds {percent(added.min())} to {percent(added.max())} of the rate",
        true=(added >= ADJECTIVE).all(),
        condition=ranges(D, added >= ADJECTIVE),
    )


def price_global_falls(sweep: list) -> Judgement:
    """The global price from budget to budget."""
    price = column(sweep, "prices_bits", "global")
    return judge(
        f"{fixed(price[0], 3)} to {fixed(price[-1], 3)} bits per unit",
        true=(np.diff(price) <= CERTIFIED).all() and price[-1] < price[0],
    )


def price_core_rises(sweep: list) -> Judgement:
    """The subset's price from budget to budget."""
    price = column(sweep, "prices_bits", "core")
    return judge(
        f"{fixed(price[0], 2)} to {fixed(price[-1], 2)} bits per unit, by {percent(price[-1] / price[0] - 1, 1)}",
        true=(np.diff(price) >= -CERTIFIED).all() and price[-1] > price[0],
    )


def figure_3(core: list, glob: list, stop: float) -> Judgement:
    """Prices in nats and the distortion at which the curves stop against those drawn."""
    off = max(abs(found - drawn) for found, drawn in zip([*core, *glob], [13.7, 14.7, 0, 1.0]))
    return judge(
        f"core {fixed(core[0], 2)} to {fixed(core[1], 2)}, global {fixed(glob[1], 2)} to {fixed(glob[0], 2)} nats; slack from "
        f"D = {fixed(stop, 3)}",
        true=off <= 0.05 and abs(stop - 1.16) <= 0.01,
    )


def curve_flatter(sweep: list, alone: list) -> Judgement:
    """Slopes of the curves with and without the subset's budget."""
    steep, steep_alone = (column(s, "prices_bits", "global") for s in (sweep, alone))
    used = np.minimum(steep, steep_alone) > 1e-3
    relative = steep[used] / steep_alone[used] - 1
    return judge(
        f"its slope against that without the subset's budget: {percent(relative.min(), 1)} to +{percent(relative.max(), 1)}",
        true=(relative <= -ADJECTIVE).all(),
        condition=ranges(column(sweep, "D")[used], relative <= -ADJECTIVE),
    )


def curve_higher(sweep: list, alone: list) -> Judgement:
    """Rates with and without the subset's budget."""
    more = column(sweep, "I_bits") - column(alone, "I_bits")
    return judge(f"by {fixed(more.min(), 3)} to {fixed(more.max(), 3)} bits", true=more.min() > CERTIFIED)


def curve_floor(sweep: list, alone: list) -> Judgement:
    """Rates at the largest budget with and without the subset's budget."""
    rate, free = column(sweep, "I_bits")[-1], abs(column(alone, "I_bits")[-1])
    return judge(
        f"at the largest budget the rate is {fixed(rate, 3)} bits, and {fixed(free, 3)} without the subset's budget",
        true=rate > 1e-3 and free <= CERTIFIED,
    )
