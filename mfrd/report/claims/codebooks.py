"""Tests of the claims about codebooks and quantisers: report, sections 1 and 3.3 to 5, A.2 and A.3.

Each function is the test of the claim with its name in claims.toml, which says what its arguments are.
"""

import numpy as np

from .core import ADJECTIVE, CERTIFIED, ROUNDING
from .verdicts import Finding

NEAR = 0.2  # units of x: a codeword near a mode
ENTROPY = 0.5  # bits: a difference of H(Y) that no solver's version explains
PRINTED = 5.1e-5  # half of the last printed digit, and rounding


def meets(spent: dict, budgets: dict) -> bool:
    """Whether each distortion is within its budget."""
    return all(spent[name] <= budgets[name] * (1 + ROUNDING) for name in budgets)


def lloyd_local(starts: dict) -> Finding:
    """The spread of distortions over random starts."""
    return Finding(starts["largest_D"] - starts["least_D"] > ADJECTIVE * starts["least_D"])


def lloyd_heterogeneous(at: dict) -> Finding:
    """Bits of Lloyd–Max for both budgets against those of a priced quantiser."""
    over = at["lloyd_max_bits"] / at["ecvq"]["bits"] - 1
    return Finding(over > ADJECTIVE, dict(over=over))


def unclear_distance(quantisers: list, limit: dict) -> Finding:
    """The gap of the certified limit against the distances of Lloyd–Max to it."""
    away = [q["bits"] - q["lower_bound_bits"] for q in quantisers]
    return Finding(limit["gap_bits"] > ADJECTIVE * min(away), dict(least=min(away), most=max(away)))


def variants_region(at: dict, D_core: float) -> Finding:
    """A priced entropy-constrained quantiser against the subset's budget and the bound."""
    met = at["ecvq"]["distortions"]["core"] <= D_core * (1 + ROUNDING)
    over = at["ecvq"]["bits"] / at["ecvq"]["lower_bound_bits"] - 1
    return Finding(not met or over > ADJECTIVE, dict(met=met, over=over))


def quantisers_express(at: dict) -> Finding:
    """Bits of three quantisers for both budgets against the bound."""
    bits = dict(lloyd=at["lloyd_max_bits"], uniform=at["uniform_bits"], priced=at["ecvq"]["bits"])
    over = {name: value / at["ecvq"]["lower_bound_bits"] - 1 for name, value in bits.items()}
    cannot = [name for name in over if over[name] > ADJECTIVE]
    return Finding(2 * len(cannot) > len(over), over, remark="priced" not in cannot)


def step_convex(merging: dict) -> Finding:
    """Rates at which runs on equally many codewords settle."""
    settled = [run["I_bits"] for run in merging.values() if run["converged"] and run["codewords"] == 5]
    least, most = min(settled), max(settled)
    return Finding(most - least <= CERTIFIED, dict(least=least, most=most))


def step_mixed(line: dict) -> Finding:
    """Changes of the rate by refinement, the subset's budget slack and binding."""
    least = min(float(key.split()[0]) for key in line["binding"])
    runs = dict(slack=line, **{step: line["binding"][f"{least:g} {step}"] for step in ("centroid", "priced")})
    rise = {name: run["I_bits"] - run["initial"]["I_bits"] for name, run in runs.items()}
    alone = rise["slack"] <= CERTIFIED
    return Finding(alone and rise["centroid"] <= CERTIFIED, dict(rise, least=least), condition=alone)


def step_centroid(distance: float) -> Finding:
    """The largest distance of a settled codeword to its centroid."""
    return Finding(distance <= 1e-3)


def merge_mass(merging: dict) -> Finding:
    """Sums of masses and certified gaps after merging."""
    runs = [run for key, run in merging.items() if key != "0.0 0.0"]
    off, gap = max(abs(sum(run["masses"]) - 1) for run in runs), max(run["gap_bits"] for run in runs)
    return Finding(off <= 1e-8 and gap <= CERTIFIED, dict(runs=len(runs), off=off, gap=gap))


def merging_size(merged: int, newton: int, conic: int) -> Finding:
    """Codewords with mass, with merging and without it on two backends."""
    return Finding(min(conic, newton) > merged, condition=conic > merged)


def merging_lowers(five: dict, doubled: dict) -> Finding:
    """H(Y) and I(X;Y) with each codeword once and twice."""
    adds, moves = doubled["H_Y_bits"] - five["H_Y_bits"], abs(doubled["I_bits"] - five["I_bits"])
    return Finding(adds > ENTROPY and moves <= 1e-8, dict(adds=adds, moves=moves))


def merging_entropy(merged: float, newton: dict, conic: dict) -> Finding:
    """H(Y) without merging on two backends against H(Y) with it."""
    above = [run["H_Y_bits"][-1] - merged for run in (conic, newton)]
    return Finding(min(above) > ENTROPY, dict(above=above), condition=above[0] > ENTROPY)


def pipeline_compact(line: list, plane: list) -> Finding:
    """Codewords and rates from round to round."""
    steps = {
        key: [np.diff([step[key] for step in run]).max() for run in (line, plane)] for key in ("codewords", "I_bits")
    }
    grows, rises = (max(step) for step in steps.values())
    return Finding(grows <= 0 and rises <= CERTIFIED, dict(grows=grows, rises=rises))


def entropy_near_rate(**runs: dict) -> Finding:
    """H(Y) against I(X;Y) of three runs."""
    over = {name: run["H_Y_bits"] / run["I_bits"] - 1 for name, run in runs.items()}
    near = [name for name in over if over[name] <= ADJECTIVE]
    return Finding(len(near) == len(over), dict(over, near=" or the ".join(near)), condition=bool(near))


def practical_streams(scalar: list, trellis: list, scalar_core: list, trellis_core: list, states: int) -> Finding:
    """What streams lie above the bound, as a share of it: of scalar quantisers and of trellises."""
    ones, paths = (
        np.array([row["bits"] / row["lower_bound_bits"] - 1 for row in rows])
        for rows in (scalar + scalar_core, trellis + trellis_core)
    )
    far = [row["D"] for row, over in zip(scalar + scalar_core, ones) if over > ADJECTIVE]
    most = max((row["D"] for row in scalar if row["D"] < min(far, default=np.inf)), default=0.0)
    spans = {name: (over.min(), over.max()) for name, over in (("scalar", ones), ("trellis", paths))}
    near = {name: span[1] <= ADJECTIVE for name, span in spans.items()}
    return Finding(near["scalar"], dict(spans, states=states, most=most), condition=near["trellis"])


def fidelity_met(line: dict) -> Finding:
    """Distortions against both budgets, and the subset's price."""
    b, price, met = line["budgets"], line["prices_bits"]["core"], meets(line["distortions"], line["budgets"])
    return Finding(met and price > CERTIFIED, dict(price=round(price, 6)), idle=met, remark=b["core"] >= b["global"])


def appendix_same(spike: dict) -> Finding:
    """Codebook sizes, budget against variance, and the rate."""
    shrinks = spike["codewords"] < spike["initial"]["codewords"]
    idle = spike["budgets"]["global"] >= spike["variance"]
    return Finding(shrinks and not idle and spike["I_bits"] > CERTIFIED, idle=shrinks and idle, remark=idle)


def initial_redundant(line: dict) -> Finding:
    """How many codewords go, and what their going does to the rate."""
    start, dearer = line["initial"]["codewords"], line["I_bits"] - line["initial"]["I_bits"]
    gone = start - line["codewords"]
    return Finding(2 * gone > start and dearer <= CERTIFIED, dict(gone=gone, dearer=dearer))


def modes_1d(codebook: list, masses: list, modes: list) -> Finding:
    """The mass of the codewords near a mode."""
    near = abs(np.subtract.outer(codebook, modes)).min(axis=1) <= NEAR
    share = np.array(masses)[near].sum()
    numbers = dict(count=near.sum(), words=len(codebook), share=share, near=NEAR)
    return Finding(share >= 1 - ADJECTIVE, numbers, remark=not near.all())


def modes_2d(codebook: list, modes: list, spacing: float) -> Finding:
    """The largest distance between a codeword and its mode, either way."""
    off = np.linalg.norm(np.subtract(np.array(codebook)[:, None], modes), axis=2)
    worst = max(off.min(axis=0).max(), off.min(axis=1).max())
    return Finding(worst <= spacing / 2, dict(words=len(codebook), peaks=len(modes), worst=worst))


def disc_2d(budgets: dict, spent: float, price: float, probability: float) -> Finding:
    """The disc's distortion against its budget, and its price."""
    met = spent <= budgets["core"] * (1 + ROUNDING)
    return Finding(met and price > CERTIFIED, dict(price=round(price, 6), mean=budgets["core"] / probability), idle=met)


def mean_2d(codebook: list, masses: list, mean: list) -> Finding:
    """The mean of the codewords against that of the source."""
    off = np.linalg.norm(np.array(masses) @ np.array(codebook) - mean)
    return Finding(off <= 1e-4, dict(off=off))


def adapts_mixed(price: float, binding: dict) -> Finding:
    """The disc's price, and the two steps where its budget binds."""
    centroid, priced = (binding[f"8.0 0.15 {step}"] for step in ("centroid", "priced"))
    above, idle = centroid["I_bits"] - priced["I_bits"], price <= CERTIFIED
    settles = centroid["converged"] and above <= 1e-3
    numbers = dict(price=round(price, 6), above=above, settled=centroid["converged"])
    return Finding(settles and not idle, numbers, idle=idle)


def rate_falls(history: list, zero: float) -> Finding:
    """The share of I(X;Y) lost in the first third of the rounds, and on the step to the first from round zero."""
    step, (true, numbers, *_) = 1 - history[0]["I_bits"] / zero, entropy_falls(history, "I_bits")
    return Finding(true, {**numbers, "step": step}, condition=step >= ADJECTIVE)


def entropy_falls(history: list, quantity: str = "H_Y_bits") -> Finding:
    """The share of a quantity, H(Y) or I(X;Y), lost in the first third of the rounds."""
    third = len(history) // 3
    fall = 1 - history[third][quantity] / history[0][quantity]
    return Finding(fall >= ADJECTIVE, dict(fall=fall, third=third, rounds=len(history) - 1))


def falls_while_merging(history: list) -> Finding:
    """The share of the fall of H(Y) in rounds that merge."""
    H, words = (np.diff([step[key] for step in history]) for key in ("H_Y_bits", "codewords"))
    share = H[words < 0].sum() / H.sum()
    return Finding(share > 0.5, dict(share=share, rounds=(words < 0).sum()))


def size_falls(start: int, end: int) -> Finding:
    """The first and the last number of codewords."""
    return Finding(start > 60 and end == 5)


def distortion_converges(history: list, D: float) -> Finding:
    """The last distortion against its budget."""
    off = [abs(step["distortions"]["global"] - D) for step in history]
    return Finding(off[-1] <= CERTIFIED, dict(off=off[-1]), remark=max(off) <= CERTIFIED)


def converges_quickly(line: dict, plane: dict, rounds: int) -> Finding:
    """Rounds until nothing moves; those of the broad source stand beside them."""
    return Finding(line["converged"] and plane["converged"] and line["rounds"] <= 15)


def lloyd_positions(convex: list, lloyd: list, modes: list) -> Finding:
    """Codewords of both methods against the modes and against each other."""
    off = max(abs(np.subtract.outer(codebook, modes)).min(axis=0).max() for codebook in (convex, lloyd))
    apart = abs(np.subtract(convex, lloyd))
    return Finding(off <= NEAR and apart.max() > 0.01, dict(off=off, least=apart.min(), most=apart.max()))


def lloyd_minimises(D: float, least: float) -> Finding:
    """The published distortion of Lloyd–Max against its best from random starts."""
    return Finding(D <= least * (1 + 1e-3))


def method_minimises(distances: list) -> Finding:
    """Certified distances of refined encoders to the limit over all codebooks."""
    return Finding(max(row["at_most"] for row in distances) <= CERTIFIED)


def lower_rate(convex: dict, lloyd: dict, fair: dict) -> Finding:
    """I(X;Y) and H(Y) of both methods, and whether at one distortion."""
    I, H = (1 - convex[key] / lloyd[key] for key in ("I_bits", "H_Y_bits"))
    numbers = dict(I=I, H=H, higher=fair["H_Y_bits"] > lloyd["H_Y_bits"])
    return Finding(min(I, H) >= ADJECTIVE, numbers, unlike=convex["D"] - lloyd["D"] > 1e-3)


def lloyd_distortion(convex: dict, lloyd: dict, fair: dict) -> Finding:
    """Distortion and rate of both methods; what the program has at Lloyd–Max's rate stands beside them."""
    return Finding(lloyd["D"] < convex["D"] and lloyd["I_bits"] > convex["I_bits"])


def lloyd_cost(convex: dict, lloyd: dict, fair: dict) -> Finding:
    """H(Y) of both methods, and whether at one distortion."""
    return Finding(lloyd["H_Y_bits"] > convex["H_Y_bits"], unlike=convex["D"] - lloyd["D"] > 1e-3)


def printed_convex(found: dict, **printed: float) -> Finding:
    """Three numbers printed in section 4.4 against those found."""
    off = max(abs(found[key] - value) for key, value in printed.items())
    return Finding(off <= PRINTED, dict(off=off))


printed_lloyd = printed_convex


def pushes_to_limit(D: float, budget: float, spike: dict) -> Finding:
    """The distortion against the budget, here and in appendix A.2."""
    off, spare = abs(D - budget), spike["budgets"]["global"] - spike["D"]
    return Finding(max(off, spare) <= CERTIFIED, dict(off=off, spare=spare), condition=off <= CERTIFIED)


def control_distortion(convex: dict, budgets: dict) -> Finding:
    """Distortions against budgets, the global price and the gap."""
    met = meets(convex["distortions"], budgets) and convex["gap_bits"] <= CERTIFIED
    return Finding(met and convex["prices_bits"]["global"] > CERTIFIED, idle=met)


def lloyd_no_control(sizes: list) -> Finding:
    """H(Y) from each size of Lloyd–Max's codebook to the next."""
    H = np.array([size["H_Y_bits"] for size in sizes])
    step = H[1:] / H[:-1] - 1
    return Finding(step.max() > ADJECTIVE, dict(least=step.min(), most=step.max()))


def spike_final(spike: dict) -> Finding:
    """Whether the compared run had settled; what it settles to stands beside it."""
    return Finding(spike["convex"]["converged"])
