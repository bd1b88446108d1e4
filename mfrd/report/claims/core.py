"""Claims of the report's sections 1 to 4.2 and A.1: the convex core and its prices."""

import numpy as np

from .rows import Row, fixed, judge, power

CERTIFIED = 1e-6  # bits: the largest gap that counts as solved
CLOSE = 0.01  # bits: a close match of two rates
RATIO = 10.0  # an order of magnitude


def rows(results):
    """The rows, in the order of the report."""
    validation, duals = results["01_validation"], results["02_duals"]["gaussian_1d_mixed_fidelity"]
    return [
        *formulation(results, validation["gaussian_1d"]),
        *blahut(validation, duals),
        *closed_form(validation["gaussian_1d"]),
        *plane(validation["gaussian_2d"]),
        *subset(duals),
        *prices(duals),
        *curve(duals),
    ]


def column(sweep, *path):
    """The values at a path of keys in the optimal entries of a sweep."""
    values = []
    for entry in sweep:
        if entry["status"] == "optimal":
            for key in path:
                entry = entry[key]
            values.append(entry)
    return np.array(values)


def certified(node):
    """Every solved entry below a node of results/, blahut-arimoto's witnesses left out."""
    if isinstance(node, dict):
        if "gap_bits" in node and node["solver"] != "blahut-arimoto":
            yield node
        for child in node.values():
            yield from certified(child)
    elif isinstance(node, list):
        for child in node:
            yield from certified(child)


def formulation(results, gaussian):
    """Convexity and global optimality."""
    c = gaussian["convexity"]
    solved = [
        entry for n in ("01_validation", "02_duals", "03_refinement", "04_lloyd_max") for entry in certified(results[n])
    ]
    gap = max(entry["gap_bits"] for entry in solved)
    in_Q, in_p = c["largest_excess_in_Q_bits"], c["largest_excess_in_p_bits"]
    return [
        Row(
            "convex-in-Q",
            "I(X;Y) is jointly convex in the stochastic matrix Q",
            "3.2",
            "jointly convex",
            f"rate of a mixture minus mean rate, largest of {c['pairs']} random pairs: {fixed(in_Q, 4)} bits",
            "≤ 0",
            judge(in_Q <= 0),
        ),
        Row(
            "convex-in-p",
            "It is not convex in the source p, which is fixed throughout",
            "3.2",
            "—",
            f"the same for random pairs of sources: +{fixed(in_p, 4)} bits",
            "> 0",
            judge(in_p > 0),
            corrects="convex-in-Q",
        ),
        Row(
            "global-optimum",
            "The encoder is globally optimal for its codebook",
            "3.2",
            "globally optimal",
            f"largest certified gap of {len(solved)} solved problems: {power(gap)} bits",
            f"{power(CERTIFIED)} bits",
            judge(gap <= CERTIFIED),
        ),
    ]


def blahut(validation, duals):
    """What the report says of Blahut-Arimoto."""
    conic = validation["gaussian_1d"]["at_D_0.6"]
    ba = conic["blahut_arimoto"]
    apart, slope = abs(conic["I_bits"] - ba["I_bits"]), ba["prices_bits"]["global"]
    price = conic["prices_bits"]["global"]
    two = duals["blahut_arimoto_at_these_prices"]
    two_apart = abs(two["I_bits"] - two["conic_I_bits"])
    return [
        Row(
            "ba-stationary",
            "Blahut–Arimoto converges to stationary points",
            "2",
            "stationary points",
            f"from the convex optimum: at most {power(max(apart, 1e-10))} bits; its own certified gap: {power(ba['gap_bits'])} bits",
            f"{power(CERTIFIED)} bits",
            judge(
                apart > CERTIFIED,
                "stationary means globally optimal, by convexity" if max(apart, ba["gap_bits"]) <= CERTIFIED else "",
            ),
        ),
        Row(
            "ba-duals",
            "Blahut–Arimoto exposes no dual information",
            "2",
            "none",
            f"its slope {fixed(slope, 4)}, the dual price {fixed(price, 4)} bits per unit",
            "differ by 10⁻³",
            judge(abs(slope - price) > 1e-3 * price),
        ),
        Row(
            "ba-mixed",
            "Blahut–Arimoto has no mechanism for several fidelities",
            "2",
            "none",
            f"run at the two prices it finds the rate within {power(two_apart)} bits, the core's distortion "
            f"{fixed(two['distortions']['core'], 4)}",
            f"{power(CERTIFIED)} bits",
            judge(two_apart > CERTIFIED),
        ),
    ]


def closed_form(gaussian):
    """The line source against Shannon's closed form."""
    D, rates = column(gaussian["sweep"], "D"), column(gaussian["sweep"], "I_bits")
    variance, by = gaussian["variance"], gaussian["by_codewords"]
    formula = 0.5 * np.log2(variance / D)
    deviation = abs(rates - np.maximum(formula, 0))
    close = (deviation <= CLOSE) & (D < variance)
    least, most = D[close].min(), D[close].max()
    inside = close[(D >= least) & (D <= most)].all()
    few, many = (
        np.array([d for d in by["deviation_bits"][m] if d is not None])
        for m in (min(by["deviation_bits"], key=int), max(by["deviation_bits"], key=int))
    )
    sizes = sorted(by["deviation_bits"], key=int)
    at = gaussian["at_D_0.6"]
    off = abs(at["I_nats"] - 0.2438043295518)
    off_H = max(abs(at["H_Y_nats"] - 1.085566783851), abs(at["H_Y_given_X_nats"] - 0.8417624542993))
    return [
        Row(
            "gaussian-match",
            "The discrete solution closely matches the Gaussian R(D)",
            "4.1",
            "close match",
            f"largest deviation {fixed(deviation.max(), 4)} bits at D = {fixed(D[deviation.argmax()], 2)}; within "
            f"{CLOSE:g} from D = {fixed(least, 2)} to {fixed(most, 2)}",
            f"{CLOSE:g} bits",
            judge(deviation.max() <= CLOSE, f"{fixed(least, 2)} ≤ D ≤ {fixed(most, 2)}" if inside else ""),
        ),
        Row(
            "gaussian-formula",
            "R(D) = ½ log(σ²/D) over the sweep",
            "4.1",
            "½ log(σ²/D)",
            f"{int((D > variance).sum())} of {len(D)} budgets exceed σ² = {fixed(variance, 4)}, where the formula is "
            f"negative (down to {fixed(formula.min(), 2)} bits) and the rate zero",
            "formula ≥ 0",
            judge(
                (D <= variance).all(),
                f"D ≤ σ² = {fixed(variance, 3)}" if rates[D > 1.2 * variance].max() < 1e-6 else "",
            ),
        ),
        Row(
            "gaussian-codebook",
            "The deviations all come from the codebook's discretisation",
            "4.1",
            "codebook",
            f"{sizes[0]} codewords: {fixed(few.min(), 4)} to +{fixed(few.max(), 4)} bits; {sizes[-1]}: {fixed(many.min(), 4)} to "
            f"{fixed(many.max(), 4)}: what lies above goes, what lies below is the source's",
            f"gone with {sizes[-1]}",
            judge(abs(many).max() < 1e-4, "the rate lies above the closed form" if many.max() < 0 < few.max() else ""),
        ),
        Row(
            "gaussian-printed",
            "I, H(Y) and H(Y|X) printed at D = 0.6",
            "4.1",
            "0.243804, 1.085567, 0.841762 nats",
            f"off by {power(off)} nats in I, {power(off_H)} in the entropies: the error of its solver",
            "3·10⁻⁸ and 6·10⁻⁶",
            judge(off <= 3e-8 and off_H <= 6e-6),
        ),
    ]


def plane(gaussian):
    """The Gaussian in the plane."""
    D, rates = column(gaussian["sweep"], "D"), column(gaussian["sweep"], "I_bits")
    closed = lambda D: np.maximum(np.log2(gaussian["variance"] / D), 0)
    refused = len(gaussian["sweep"]) - len(D)
    bends = np.diff(np.diff(rates) / np.diff(D)).min()
    off = (rates - closed(D)).max()
    D7, rates7 = column(gaussian["sweep_7_by_7"], "D"), column(gaussian["sweep_7_by_7"], "I_bits")
    off7 = abs(rates7 - closed(D7)).max()
    return [
        Row(
            "plane-convex",
            "The two-dimensional curve is convex",
            "A.1",
            "verified convex",
            f"smallest change of slope {power(max(bends, 0))} or more over {len(D)} budgets; {refused} of "
            f"{len(gaussian['sweep'])} budgets are infeasible",
            "≥ −10⁻⁶",
            judge(
                bends >= -1e-6 and not refused,
                f"D ≥ {fixed(gaussian['least_D'], 3)}, the least reachable" if bends >= -1e-6 else "",
            ),
        ),
        Row(
            "plane-match",
            "The plane conveys the same as the line: a close match",
            "4.1",
            "similar conclusion",
            f"4 × 4 codebook: up to {fixed(off, 3)} bits above log(2σ²/D)",
            f"{CLOSE:g} bits",
            judge(off <= CLOSE),
        ),
        Row(
            "plane-match-odd",
            "With a codeword at the mean the plane matches too",
            "A.1",
            "—",
            f"7 × 7 codebook: within {fixed(off7, 4)} bits at {len(D7)} budgets",
            f"{CLOSE:g} bits",
            judge(off7 <= CLOSE),
            corrects="plane-match",
        ),
    ]


def subset(duals):
    """The subset and its budget."""
    P, D_core = duals["probability_of_core"], duals["budgets"]["core"]
    least = duals["sweep"][0]["D"]
    spent = column(duals["sweep"], "distortions", "core")
    return [
        Row(
            "subset-probable",
            "The subset S is a high-probability one",
            "4.2",
            "high-probability",
            f"P(S) = {fixed(P, 3)}",
            "P(S) ≥ 0.5",
            judge(P >= 0.5, "each letter is meant, not the subset" if P < 0.5 else ""),
        ),
        Row(
            "subset-tighter",
            "D′ = 0.015 is the tighter budget",
            "4.2",
            "tighter",
            f"joint, so the mean given S may be D′/P(S) = {fixed(D_core / P, 3)}: {fixed(least * P / D_core, 1)} to "
            f"{fixed(duals['sweep'][-1]['D'] * P / D_core, 1)} times tighter than D, not "
            f"{fixed(least / D_core, 0)} to {fixed(duals['sweep'][-1]['D'] / D_core, 0)} times",
            "D′/P(S) < D",
            judge(D_core / P < least),
        ),
        Row(
            "subset-preserved",
            "The core keeps its accuracy as the global budget grows",
            "4.2",
            "preserved",
            f"core distortion {fixed(spent.min(), 4)} to {fixed(spent.max(), 4)} at all {len(spent)} budgets",
            f"D′ = {D_core:g}",
            judge(np.ptp(spent) < 1e-6 and spent.max() <= D_core * (1 + 1e-9)),
        ),
    ]


def prices(duals):
    """Figure 3, left."""
    D = column(duals["sweep"], "D")
    core, glob = (column(duals["sweep"], "prices_bits", name) for name in ("core", "global"))
    d = duals["finite_differences"]
    error = max(abs(d["differences"][k] / d["prices"][k] - 1) for k in d["prices"])
    ratio = duals["smallest_price_ratio"]
    rates, alone = column(duals["sweep"], "I_bits"), column(duals["sweep_without_core"], "I_bits")
    added = (rates - alone) / rates
    dominates = added > 0.5
    nats, stop = duals["price_core_nats"], duals["distortion_where_global_goes_slack"]
    return [
        Row(
            "price-derivative",
            "Dual variables are marginal prices of distortion",
            "3.2",
            "marginal price",
            f"price against central difference of the rate: within {power(error)}",
            "10⁻⁴, relative",
            judge(error <= 1e-4),
        ),
        Row(
            "price-ratio",
            "The subset's price is an order of magnitude larger",
            "4.2",
            "×10 throughout",
            f"smallest ratio over the sweep {fixed(ratio, 1)}",
            "≥ 10",
            judge(ratio >= RATIO),
        ),
        Row(
            "price-global-falls",
            "The global price falls as its budget is relaxed",
            "4.2",
            "1.0 to 0 nats",
            f"{fixed(duals['price_global_nats'][1], 3)} nats to 0, slack from D = {fixed(stop, 2)}",
            "monotone",
            judge((np.diff(glob) <= 1e-6).all()),
        ),
        Row(
            "price-core-rises",
            "The subset's price rises meanwhile",
            "4.2",
            "13.7 to 14.7 nats",
            f"{fixed(nats[0], 2)} to {fixed(nats[1], 2)} nats: by {fixed(100 * (nats[1] / nats[0] - 1), 1)} %",
            "monotone",
            judge((np.diff(core) >= -1e-6).all()),
        ),
        Row(
            "distortion-stops",
            "The distortion reached stops near 1.16",
            "4.2",
            "1.16",
            f"{fixed(stop, 4)}",
            "0.01",
            judge(abs(stop - 1.16) <= 0.01),
        ),
        Row(
            "price-dominates",
            "The subset dominates the rate cost",
            "4.2",
            "dominates",
            f"its budget adds {fixed(100 * added[0], 0)} % of the rate at D = {fixed(D[0], 2)}, "
            f"{fixed(100 * added[-1], 0)} % at D = {fixed(D[-1], 2)}",
            "> 50 %",
            judge(
                dominates.all(),
                f"D ≥ {fixed(D[dominates.argmax()], 2)}"
                if dominates.any() and dominates[dominates.argmax() :].all()
                else "",
            ),
        ),
        Row(
            "core-cost",
            "What the core's budget adds to the rate",
            "4.2",
            "—",
            f"{fixed(rates[0] - alone[0], 3)} of {fixed(rates[0], 3)} bits at D = {fixed(D[0], 2)}; "
            f"{fixed(rates[-1] - alone[-1], 3)} of {fixed(rates[-1], 3)} at D = {fixed(D[-1], 2)}",
            "> 0",
            judge((rates - alone >= 1e-6).all()),
            corrects="price-dominates",
        ),
    ]


def curve(duals):
    """Figure 3, right."""
    D = column(duals["sweep"], "D")
    rates, alone = column(duals["sweep"], "I_bits"), column(duals["sweep_without_core"], "I_bits")
    steep, steep_alone = (column(duals[k], "prices_bits", "global") for k in ("sweep", "sweep_without_core"))
    used = np.minimum(steep, steep_alone) > 1e-3
    relative = steep[used] / steep_alone[used] - 1
    return [
        Row(
            "curve-flatter",
            "The mixed-fidelity curve is noticeably flatter",
            "4.2",
            "noticeably flatter",
            f"its slope against that without the core's budget: {fixed(100 * relative.min(), 1)} to "
            f"+{fixed(100 * relative.max(), 1)} % where both fall",
            "−10 % everywhere",
            judge(
                (relative <= -0.1).all(),
                f"D ≥ {fixed(D[used][(relative <= -0.1).argmax()], 2)}" if (relative <= -0.1).any() else "",
            ),
        ),
        Row(
            "curve-higher",
            "Its rate is higher for a given global distortion",
            "4.2",
            "higher",
            f"by {fixed((rates - alone).min(), 3)} to {fixed((rates - alone).max(), 3)} bits",
            "> 0",
            judge((rates > alone).all()),
        ),
        Row(
            "curve-floor",
            "It prevents aggressive rate reduction",
            "4.2",
            "cannot collapse",
            f"the rate stops at {fixed(rates[-1], 3)} bits, not at 0, for every D ≥ "
            f"{fixed(duals['distortion_where_global_goes_slack'], 2)}",
            "> 10⁻³ bits",
            judge(rates[-1] > 1e-3),
        ),
    ]
