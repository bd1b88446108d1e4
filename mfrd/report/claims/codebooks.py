"""Tests of the claims about codebooks and quantisers: report, sections 1 and 3.3 to 5, A.2 and A.3.

Each function is the test of the claim with its name in claims.toml, which says what its arguments are.
"""

import numpy as np

from .core import ADJECTIVE, CERTIFIED, ROUNDING
from .verdicts import Judgement, fixed, judge, percent, power

NEAR = 0.2  # units of x: a codeword near a mode
ENTROPY = 0.5  # bits: a difference of H(Y) that no solver's version explains
PRINTED = 5.1e-5  # half of the last printed digit, and rounding


def lloyd_local(starts: dict) -> Judgement:
    """The spread of distortions over random starts."""
    least, largest = starts["least_D"], starts["largest_D"]
    return judge(
        f"distortion from {starts['starts']} random starts: {fixed(least, 3)} to {fixed(largest, 3)}",
        true=largest - least > ADJECTIVE * least,
    )


def lloyd_heterogeneous(at: dict) -> Judgement:
    """Bits of Lloyd–Max for both budgets against those of a priced quantiser."""
    over = at["lloyd_max_bits"] / at["ecvq"]["bits"] - 1
    return judge(
        f"for both budgets its best time-sharing of sizes takes {fixed(at['lloyd_max_bits'], 3)} bits, a quantiser that knows "
        f"prices {fixed(at['ecvq']['bits'], 3)}: {percent(over)} more",
        true=over > ADJECTIVE,
    )


def unclear_distance(quantisers: list, limit: dict) -> Judgement:
    """The gap of the certified limit against the distances of Lloyd–Max to it."""
    away = [q["bits"] - q["lower_bound_bits"] for q in quantisers]
    return judge(
        f"Lloyd–Max is {fixed(min(away), 3)} to {fixed(max(away), 3)} bits above a certified limit of gap {power(limit['gap_bits'])}",
        true=limit["gap_bits"] > ADJECTIVE * min(away),
        condition="no bound is computed beside it; one that is holds for every encoder, convex or not",
    )


def variants_region(at: dict, D_core: float) -> Judgement:
    """A priced entropy-constrained quantiser against the subset's budget and the bound."""
    met = at["ecvq"]["distortions"]["core"] <= D_core * (1 + ROUNDING)
    over = at["ecvq"]["bits"] / at["ecvq"]["lower_bound_bits"] - 1
    return judge(
        f"entropy-constrained quantisation with a price for each budget: D′ {'met' if met else 'missed'}, {percent(over, 1)} above the bound",
        true=not met or over > ADJECTIVE,
        condition="the variant keeps a single multiplier; with one for each budget it imposes both",
    )


def quantisers_express(at: dict) -> Judgement:
    """Bits of three quantisers for both budgets against the bound."""
    bound = at["ecvq"]["lower_bound_bits"]
    bits = {"Lloyd–Max": at["lloyd_max_bits"], "uniform": at["uniform_bits"], "priced": at["ecvq"]["bits"]}
    over = {name: value / bound - 1 for name, value in bits.items()}
    cannot = [name for name in over if over[name] > ADJECTIVE]
    return judge(
        "above the bound at both budgets: " + ", ".join(f"{name} {percent(v)}" for name, v in over.items()),
        "a quantiser designed at the prices can" if "priced" not in cannot else "",
        true=2 * len(cannot) > len(over),
    )


def step_convex(merging: dict) -> Judgement:
    """Rates at which runs on equally many codewords settle."""
    settled = [run["I_bits"] for run in merging.values() if run["converged"] and run["codewords"] == 5]
    apart = max(settled) - min(settled)
    return judge(
        f"runs from one start settle on 5 codewords at {fixed(min(settled), 4)} and at {fixed(max(settled), 4)} bits",
        true=apart <= CERTIFIED,
        condition="the codebook is fixed: the program over Q is convex, the step in the codebook has several minima",
    )


def step_mixed(line: dict) -> Judgement:
    """Rates before and after refinement, the subset's budget slack and binding."""
    least = min(float(key.split()[0]) for key in line["binding"])
    centroid, priced = (line["binding"][f"{least:g} {step}"] for step in ("centroid", "priced"))
    rise = centroid["I_bits"] - centroid["initial"]["I_bits"]
    alone = line["I_bits"] - line["initial"]["I_bits"]
    return judge(
        f"the centroid step changes the rate by {fixed(alone, 4)} bits where D′ is slack, by +{fixed(rise, 4)} at D′ = {least:g}",
        true=rise <= CERTIFIED and alone <= CERTIFIED,
        condition="no subset budget binds; where one does, codewords need the centroid weighted by prices, which changes the "
        f"rate by {fixed(priced['I_bits'] - priced['initial']['I_bits'], 4)} bits"
        if alone <= CERTIFIED
        else "",
    )


def step_centroid(distance: float) -> Judgement:
    """The largest distance of a settled codeword to its centroid."""
    return judge(f"codewords of the settled run are within {power(distance)} of E[X | Y = j]", true=distance <= 1e-3)


def merge_mass(merging: dict) -> Judgement:
    """Sums of masses and certified gaps after merging."""
    runs = [run for key, run in merging.items() if key != "0.0 0.0"]
    off, gap = max(abs(sum(run["masses"]) - 1) for run in runs), max(run["gap_bits"] for run in runs)
    return judge(
        f"masses of {len(runs)} merged runs sum to 1 within {power(max(off, ROUNDING))}, gaps below {power(max(gap, ROUNDING))} bits",
        true=off <= 1e-8 and gap <= CERTIFIED,
    )


def merging_size(merged: int, newton: int, conic: int) -> Judgement:
    """Codewords with mass, with merging and without it on two backends."""
    return judge(
        f"masses above 10⁻⁶ after 15 rounds: {merged} with merging; without it {conic} by the conic backend, {newton} by Newton",
        true=min(conic, newton) > merged,
        condition="the solver keeps unused masses above zero, as a conic one does" if conic > merged else "",
    )


def merging_lowers(five: dict, doubled: dict) -> Judgement:
    """H(Y) and I(X;Y) with each codeword once and twice."""
    adds, moves = doubled["H_Y_bits"] - five["H_Y_bits"], abs(doubled["I_bits"] - five["I_bits"])
    return judge(
        f"each final codeword doubled: H(Y) grows by {fixed(adds, 3)} bits, I(X;Y) moves by {power(max(moves, ROUNDING))}; "
        "merging takes it back",
        true=adds > ENTROPY and moves <= 1e-8,
    )


def merging_entropy(merged: float, newton: dict, conic: dict) -> Judgement:
    """H(Y) without merging on two backends against H(Y) with it."""
    above = [run["H_Y_bits"][-1] - merged for run in (conic, newton)]
    return judge(
        f"without merging H(Y) ends higher by {fixed(above[0], 2)} bits by the conic backend, by {fixed(above[1], 2)} by Newton",
        true=min(above) > ENTROPY,
        condition="the solver keeps unused masses above zero, as a conic one does; one that prunes needs no merging"
        if above[0] > ENTROPY
        else "",
    )


def pipeline_compact(line: list, plane: list) -> Judgement:
    """Codewords and rates from round to round."""
    grows = max(np.diff([step["codewords"] for step in run]).max() for run in (line, plane))
    rises = max(np.diff([step["I_bits"] for step in run]).max() for run in (line, plane))
    return judge(
        f"in no round of line and plane do codewords grow by more than {grows} or rates by more than {fixed(rises, 6)} bits",
        true=grows <= 0 and rises <= CERTIFIED,
    )


def entropy_near_rate(line: dict, plane: dict, broad: dict) -> Judgement:
    """H(Y) against I(X;Y) of three runs."""
    over = {
        name: run["H_Y_bits"] / run["I_bits"] - 1 for name, run in (("line", line), ("plane", plane), ("broad", broad))
    }
    near = [name for name in over if over[name] <= ADJECTIVE]
    return judge(
        "H(Y) above I(X;Y): " + ", ".join(f"{name} {percent(value)}" for name, value in over.items()),
        true=len(near) == len(over),
        condition=f"the source is that of the {' or the '.join(near)}" if near else "",
    )


def fidelity_met(line: dict) -> Judgement:
    """Distortions against both budgets, and the subset's price."""
    b, spent, price = line["budgets"], line["distortions"], line["prices_bits"]["core"]
    met = all(spent[name] <= b[name] * (1 + ROUNDING) for name in b)
    return judge(
        f"{fixed(spent['global'], 4)} of D = {b['global']:g}; {fixed(spent['core'], 3)} of D′ = {b['core']:g} at price {power(round(price, 6))}",
        "a joint D′ ≥ D cannot bind: its sum is part of the global one" if b["core"] >= b["global"] else "",
        true=met and price > CERTIFIED,
        idle=met,
    )


def appendix_same(spike: dict) -> Judgement:
    """Codebook sizes, budget against variance, and the rate."""
    D, variance, words = (
        spike["budgets"]["global"],
        spike["variance"],
        (spike["initial"]["codewords"], spike["codewords"]),
    )
    return judge(
        f"{words[0]} codewords refine to {words[1]}, at D = {D:g} against variance {fixed(variance, 2)}: rate {fixed(abs(spike['I_bits']), 3)} bits",
        "D exceeds the variance: any codebook with a word near the mean needs no bits" if D >= variance else "",
        true=words[1] < words[0] and D < variance and spike["I_bits"] > CERTIFIED,
        idle=words[1] < words[0] and D >= variance,
    )


def initial_redundant(line: dict) -> Judgement:
    """How many codewords go, and what their going does to the rate."""
    start, end = line["initial"], line["codewords"]
    dearer = line["I_bits"] - start["I_bits"]
    return judge(
        f"{start['codewords'] - end} of {start['codewords']} go, and the rate changes by {fixed(dearer, 4)} bits",
        true=2 * end < start["codewords"] and dearer <= CERTIFIED,
    )


def modes_1d(codebook: list, masses: list, modes: list) -> Judgement:
    """The mass of the codewords near a mode."""
    near = abs(np.subtract.outer(codebook, modes)).min(axis=1) <= NEAR
    share = np.array(masses)[near].sum()
    return judge(
        f"{near.sum()} of {len(codebook)} codewords, of mass {fixed(share, 3)}, lie within {NEAR:g} of a mode",
        "the others serve the constant floor of the source" if not near.all() else "",
        true=share >= 1 - ADJECTIVE,
    )


def modes_2d(codebook: list, modes: list, spacing: float) -> Judgement:
    """The largest distance between a codeword and its mode, either way."""
    off = np.linalg.norm(np.subtract(np.array(codebook)[:, None], modes), axis=2)
    worst = max(off.min(axis=0).max(), off.min(axis=1).max())
    return judge(
        f"{len(codebook)} codewords and {len(modes)} modes, at most {fixed(worst, 3)} apart; spacing of the grid {fixed(spacing, 3)}",
        true=worst <= spacing / 2,
    )


def disc_2d(budgets: dict, spent: float, price: float, probability: float) -> Judgement:
    """The disc's distortion against its budget, and its price."""
    return judge(
        f"spends {fixed(spent, 3)} of {budgets['core']:g} at price {power(round(price, 6))}; joint, it allows a mean of "
        f"{fixed(budgets['core'] / probability, 1)} in the disc, where D = {budgets['global']:g}",
        true=spent <= budgets["core"] * (1 + ROUNDING) and price > CERTIFIED,
        idle=spent <= budgets["core"] * (1 + ROUNDING),
    )


def mean_2d(codebook: list, masses: list, mean: list) -> Judgement:
    """The mean of the codewords against that of the source."""
    off = np.linalg.norm(np.array(masses) @ np.array(codebook) - mean)
    return judge(
        f"|E[Y] − E[X]| ≤ {power(max(off, ROUNDING))}",
        "so has every codebook of centroids, for any source",
        true=off <= 1e-4,
    )


def adapts_mixed(price: float, binding: dict) -> Judgement:
    """The disc's price, and the two steps where its budget binds."""
    centroid, priced = (binding[f"8.0 0.15 {step}"] for step in ("centroid", "priced"))
    above = centroid["I_bits"] - priced["I_bits"]
    return judge(
        f"price of the disc {power(round(price, 6))}; at D′ = 0.15, which binds, the report's step stops {fixed(above, 3)} bits above "
        f"the priced one, {'settled' if centroid['converged'] else 'unsettled'}",
        idle=price <= CERTIFIED,
        true=centroid["converged"] and above <= 1e-3,
    )


def falls(values: list) -> float:
    """The share of its first value that a quantity has lost after a third of the rounds."""
    return 1 - values[len(values) // 3] / values[0]


def rate_falls(history: list) -> Judgement:
    """The share of I(X;Y) lost in the first third of the rounds."""
    fall = falls([step["I_bits"] for step in history])
    return judge(
        f"by {percent(fall, 1)} in the first {len(history) // 3} of {len(history) - 1} rounds", true=fall >= ADJECTIVE
    )


def entropy_falls(history: list) -> Judgement:
    """The share of H(Y) lost in the first third of the rounds."""
    fall = falls([step["H_Y_bits"] for step in history])
    return judge(
        f"by {percent(fall, 1)} in the first {len(history) // 3} of {len(history) - 1} rounds", true=fall >= ADJECTIVE
    )


def falls_while_merging(history: list) -> Judgement:
    """The share of the fall of H(Y) in rounds that merge."""
    H, words = (np.diff([step[key] for step in history]) for key in ("H_Y_bits", "codewords"))
    share = H[words < 0].sum() / H.sum()
    return judge(
        f"{percent(share)} of the fall of H(Y) is in the {(words < 0).sum()} rounds that merge", true=share > 0.5
    )


def size_falls(start: int, end: int) -> Judgement:
    """The first and the last number of codewords."""
    return judge(f"{start} to {end}", true=start > 60 and end == 5)


def distortion_converges(history: list, D: float) -> Judgement:
    """The last distortion against its budget."""
    off = [abs(step["distortions"]["global"] - D) for step in history]
    return judge(
        f"the last is within {power(max(off[-1], ROUNDING))} of D = {D:g}",
        "it lies there from the first codebook on" if max(off) <= CERTIFIED else "",
        true=off[-1] <= CERTIFIED,
    )


def converges_quickly(line: dict, plane: dict, rounds: int) -> Judgement:
    """Rounds until nothing moves."""
    return judge(
        f"nothing moves any more after {line['rounds']} rounds on the line, {plane['rounds']} in the plane",
        f"the broad source of A.3 needs {rounds} beyond its 15",
        true=line["converged"] and plane["converged"] and line["rounds"] <= 15,
    )


def lloyd_positions(convex: list, lloyd: list, modes: list) -> Judgement:
    """Codewords of both methods against the modes and against each other."""
    off = max(abs(np.subtract.outer(codebook, modes)).min(axis=0).max() for codebook in (convex, lloyd))
    apart = abs(np.subtract(convex, lloyd))
    return judge(
        f"both have a codeword within {fixed(off, 3)} of each mode; they differ by {fixed(apart.min(), 3)} to {fixed(apart.max(), 3)}",
        true=off <= NEAR and apart.max() > 0.01,
    )


def lloyd_minimises(D: float, least: float) -> Judgement:
    """The published distortion of Lloyd–Max against its best from random starts."""
    return judge(
        f"D = {fixed(D, 4)} from the published start, {fixed(least, 4)} from the best of random ones",
        true=D <= least * (1 + 1e-3),
        condition="compared with codebooks near the one where it ends: the minimum is local",
    )


def method_minimises(distances: list) -> Judgement:
    """Certified distances of refined encoders to the limit over all codebooks."""
    above = [row["at_most"] for row in distances]
    return judge(
        f"I(X;Y) at most {power(above[0])} bits above the limit over all codebooks on the line, {power(above[1])} in the plane",
        true=max(above) <= CERTIFIED,
    )


def lower_rate(convex: dict, lloyd: dict, fair: dict) -> Judgement:
    """I(X;Y) and H(Y) of both methods, and whether at one distortion."""
    less = {key: 1 - convex[f"{key}_bits"] / lloyd[f"{key}_bits"] for key in ("I", "H_Y")}
    return judge(
        f"lower by {percent(less['I'])} in I and {percent(less['H_Y'])} in H(Y), at D = {fixed(convex['D'], 3)} against {fixed(lloyd['D'], 3)}",
        unlike=f"at Lloyd–Max's D the program has I = {fixed(fair['I_bits'], 4)}, lower, and H(Y) = {fixed(fair['H_Y_bits'], 4)}, "
        f"{'higher' if fair['H_Y_bits'] > lloyd['H_Y_bits'] else 'not higher'}, against {fixed(lloyd['I_bits'], 4)} bits"
        if convex["D"] - lloyd["D"] > 1e-3
        else "",
        true=min(less.values()) >= ADJECTIVE,
    )


def lloyd_distortion(convex: dict, lloyd: dict, fair: dict) -> Judgement:
    """Distortion and rate of both methods."""
    return judge(
        f"D {fixed(lloyd['D'], 4)} against {fixed(convex['D'], 4)}, I {fixed(lloyd['I_bits'], 4)} against {fixed(convex['I_bits'], 4)} bits",
        f"at Lloyd–Max's I the program reaches D = {fixed(fair['D'], 4)}",
        true=lloyd["D"] < convex["D"] and lloyd["I_bits"] > convex["I_bits"],
    )


def lloyd_cost(convex: dict, lloyd: dict, fair: dict) -> Judgement:
    """H(Y) of both methods, and whether at one distortion."""
    return judge(
        f"H(Y) {fixed(lloyd['H_Y_bits'], 4)} against {fixed(convex['H_Y_bits'], 4)} bits, at D = {fixed(lloyd['D'], 3)} against {fixed(convex['D'], 3)}",
        unlike=f"at equal D Lloyd–Max's H(Y) is {fixed(lloyd['H_Y_bits'], 4)}, the program's {fixed(fair['H_Y_bits'], 4)} bits"
        if convex["D"] - lloyd["D"] > 1e-3
        else "",
        true=lloyd["H_Y_bits"] > convex["H_Y_bits"],
    )


def printed(found: dict, I_bits: float, H_Y_bits: float, D: float) -> Judgement:
    """Three numbers printed in section 4.4 against those found."""
    off = max(abs(found["I_bits"] - I_bits), abs(found["H_Y_bits"] - H_Y_bits), abs(found["D"] - D))
    return judge(f"off by {fixed(off, 6)} at most", true=off <= PRINTED)


def printed_convex(found: dict) -> Judgement:
    """The three numbers printed for the convex method."""
    return printed(found, 1.6777, 1.7969, 0.6000)


def printed_lloyd(found: dict) -> Judgement:
    """The three numbers printed for Lloyd–Max."""
    return printed(found, 1.9099, 1.9099, 0.4170)


def pushes_to_limit(D: float, budget: float, spike: dict) -> Judgement:
    """The distortion against the budget, here and in appendix A.2."""
    spare = spike["budgets"]["global"] - spike["D"]
    return judge(
        f"here within {power(max(abs(D - budget), ROUNDING))} of D = {budget:g}; in A.2 {fixed(spare, 1)} of {spike['budgets']['global']:g} unspent",
        true=abs(D - budget) <= CERTIFIED and spare <= CERTIFIED,
        condition="the budget is below the distortion of rate zero" if abs(D - budget) <= CERTIFIED else "",
    )


def control_distortion(convex: dict, budgets: dict) -> Judgement:
    """Distortions against budgets, the global price and the gap."""
    met = all(convex["distortions"][name] <= budgets[name] * (1 + ROUNDING) for name in budgets)
    return judge(
        f"D = {fixed(convex['D'], 4)} of {budgets['global']:g} at price {fixed(convex['prices_bits']['global'], 3)} bits per unit, gap "
        f"{power(convex['gap_bits'])} bits",
        true=met and convex["prices_bits"]["global"] > CERTIFIED and convex["gap_bits"] <= CERTIFIED,
        idle=met and convex["gap_bits"] <= CERTIFIED,
    )


def lloyd_no_control(sizes: list) -> Judgement:
    """H(Y) from each size of Lloyd–Max's codebook to the next."""
    H = np.array([size["H_Y_bits"] for size in sizes])
    step = H[1:] / H[:-1] - 1
    return judge(
        f"its one setting is m: from a size to the next H(Y) grows by {percent(step.min())} to {percent(step.max())}",
        "m caps it, H(Y) ≤ log₂ m; time-sharing of two sizes meets any limit between",
        true=step.max() > ADJECTIVE,
    )


def spike_final(spike: dict) -> Judgement:
    """Whether the compared run had settled, and what it settles to."""
    at, settled = spike["convex"], spike["settled"]
    return judge(
        f"after 15 rounds {at['codewords']} codewords, H(Y) = {fixed(at['H_Y_bits'], 3)}; {settled['rounds']} rounds later, settled, "
        f"{settled['codewords']} and {fixed(settled['H_Y_bits'], 3)} bits",
        true=at["converged"],
        condition="the run is ended after 15 rounds, as in the author's code",
    )
