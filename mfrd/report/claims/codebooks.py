"""Claims of the report's sections 1, 3.3 to 5, A.2 and A.3: refinement, merging, Lloyd-Max and the conclusion."""

import numpy as np

from .rows import Row, fixed, judge, power

BINDS = 1e-6  # bits per unit: the least price of a budget that binds
NEAR = 0.10  # relative: H(Y) close to I(X;Y), a sharp fall
PRINTED = 5.1e-5  # half of the last printed digit, and rounding


def rows(results):
    """The rows, in the order of the report."""
    refinement, lloyd = results["03_refinement"], results["04_lloyd_max"]
    line, plane, spike = (refinement[k] for k in ("refine_1d", "refine_2d", "refine_spike"))
    return [
        *steps(line),
        *merging(line),
        *history(line, plane, lloyd["lloyd_spike"]),
        *binding(line),
        *modes(line, plane),
        *disc(plane),
        *zero_rate(spike),
        *overhead(line, plane, lloyd),
        *limit(results["05_limit"]["distances"], line),
        *equal_size(lloyd["lloyd_1d"]),
        *printed(lloyd),
        *control(lloyd["lloyd_1d"], spike),
        *express(results["07_compressors"]["core"]),
    ]


def steps(line):
    """The codebook step of section 3.3 and the pipeline's convexity."""
    tight = {key: run for key, run in line["binding"].items()}
    least = min(float(key.split()[0]) for key in tight)
    centroid, priced = tight[f"{least:g} centroid"], tight[f"{least:g} priced"]
    rise = centroid["I_bits"] - centroid["initial"]["I_bits"]
    alone = line["I_bits"] - line["initial"]["I_bits"]
    settled = [run["I_bits"] for run in line["merging"].values() if run["converged"]]
    apart = max(settled) - min(settled)
    return [
        Row(
            "step-centroid",
            "For squared error the codeword update is the centroid",
            "3.3",
            "y = E[X | Y = j]",
            f"D′ = {least:g} binds: the centroid step raises the rate by {fixed(rise, 4)} bits; with one budget it "
            f"lowers it by {fixed(-alone, 4)}",
            "rate must fall",
            judge(rise <= 0 and alone <= 0, "no subset budget binds" if alone <= 0 else ""),
        ),
        Row(
            "step-priced",
            "Weighted by the prices, the centroid is the update",
            "3.3",
            "—",
            f"rate {fixed(priced['initial']['I_bits'], 4)} to {fixed(priced['I_bits'], 4)} bits, below the centroid's "
            f"{fixed(centroid['I_bits'], 4)}",
            "rate must fall",
            judge(priced["I_bits"] <= min(priced["initial"]["I_bits"], centroid["I_bits"])),
            corrects="step-centroid",
        ),
        Row(
            "step-convex",
            "Each step is formulated to preserve convexity",
            "3",
            "each step",
            f"codebooks settle at rates {fixed(min(settled), 4)} and {fixed(max(settled), 4)} bits from one start: the step "
            "in the codebook has several minima",
            "equal to 10⁻⁶ bits",
            judge(apart <= 1e-6, "the codebook is fixed" if apart > 1e-6 else ""),
        ),
    ]


def merging(line):
    """Section 3.4."""
    runs = line["merging"]
    without, with_ = runs["0.0 0.0"], runs["0.001 0.001"]
    change = with_["H_Y_bits"] - without["H_Y_bits"]
    used = int((np.array(without["masses"]) > 1e-3).sum())
    return [
        Row(
            "merging-entropy",
            "Merging is crucial to bring H(Y) near I(X;Y)",
            "3.4",
            "crucial",
            f"H(Y) with and without merging differs by {power(abs(change))} bits; without it {without['codewords']} codewords "
            f"stay, {used} in use",
            "−0.01 bits",
            judge(change <= -0.01),
        ),
        Row(
            "merging-size",
            "Merging decides the size of the codebook",
            "3.4",
            "—",
            f"{without['codewords']} codewords without, {with_['codewords']} with, at the same rate within "
            f"{power(max(abs(with_['I_bits'] - without['I_bits']), 1e-9))} bits",
            "10⁻⁶ bits",
            judge(with_["codewords"] < without["codewords"] and abs(with_["I_bits"] - without["I_bits"]) <= 1e-6),
            corrects="merging-entropy",
        ),
    ]


def history(line, plane, spike):
    """Figure 5."""
    I, H = (np.array([step[k] for step in line["history"]]) for k in ("I_bits", "H_Y_bits"))
    D = np.array([step["distortions"]["global"] for step in line["history"]])
    third, budget = len(I) // 3 + 1, line["budgets"]["global"]
    fall_I, fall_H = 1 - I[third - 1] / I[0], 1 - H[third - 1] / H[0]
    plane_I = 1 - plane["I_bits"] / plane["initial"]["I_bits"]
    start, end = line["initial"]["codewords"], line["codewords"]
    rounds = f"line {line['rounds']}, plane {plane['rounds']}; broad source {spike['settled']['rounds']} beyond its 15"
    settled = line["converged"] and plane["converged"]
    return [
        Row(
            "size-falls",
            "The codebook falls from over sixty points to five",
            "4.3",
            "> 60 to 5",
            f"{start} to {end}",
            "exact",
            judge(start > 60 and end == 5),
        ),
        Row(
            "rate-falls",
            "I(X;Y) drops sharply in the initial iterations",
            "4.3",
            "drops sharply",
            f"by {fixed(100 * fall_I, 1)} % in the first {third - 1} rounds of {len(I) - 1} (in the plane "
            f"{fixed(100 * plane_I, 1)} % in all)",
            f"{100 * NEAR:.0f} %",
            judge(fall_I >= NEAR),
        ),
        Row(
            "entropy-falls",
            "H(Y) drops sharply in the initial iterations",
            "4.3",
            "drops sharply",
            f"by {fixed(100 * fall_H, 1)} % in the first {third - 1} rounds",
            f"{100 * NEAR:.0f} %",
            judge(fall_H >= NEAR),
        ),
        Row(
            "distortion-converges",
            "Average distortion converges to its upper bound",
            "4.3",
            "converges",
            f"within {power(abs(D - budget).max())} of D = {budget:g} from the initial codebook on",
            "10⁻⁶",
            judge(False, "convergence takes no round: it lies on the bound from the start")
            if abs(D - budget).max() <= 1e-6
            else judge(abs(D[-1] - budget) <= 1e-6),
        ),
        Row(
            "converges-quickly",
            "It converges quickly",
            "4.3",
            "quickly",
            f"rounds until nothing moves: {rounds}",
            "≤ 15",
            judge(
                settled and spike["convex"]["converged"],
                "the modes are apart; the broad source needs more" if settled and line["rounds"] <= 15 else "",
            ),
        ),
    ]


def binding(line):
    """The subset budget of the one-dimensional runs."""
    b, price = line["budgets"], line["prices_bits"]["core"]
    least = min(float(key.split()[0]) for key in line["binding"])
    tight = line["binding"][f"{least:g} priced"]
    return [
        Row(
            "subset-1d",
            "The subset budget of the refinement is met",
            "4.3",
            "D′ = 0.6 on |x| < 1",
            f"spends {fixed(line['distortions']['core'], 3)} of {b['core']:g} at price {power(round(price, 6))}: with D′ ≥ D its "
            "sum is part of the global one",
            "price > 0",
            judge(price > BINDS, "it asks nothing: a joint D′ ≥ D cannot bind" if b["core"] >= b["global"] else ""),
        ),
        Row(
            "subset-1d-binding",
            "A budget that binds is met, at a price",
            "4.3",
            "—",
            f"D′ = {least:g}: price {fixed(tight['prices_bits']['core'], 2)} bits per unit, rate {fixed(tight['I_bits'], 4)} "
            f"against {fixed(line['I_bits'], 4)} bits",
            "price > 0",
            judge(tight["prices_bits"]["core"] > BINDS and tight["distortions"]["core"] <= least * (1 + 1e-9)),
            corrects="subset-1d",
        ),
    ]


def modes(line, plane):
    """Figures 4 and 6: where codewords are."""
    codebook, masses = np.array(line["codebook"]), np.array(line["masses"])
    nearest = [int(abs(codebook - mode).argmin()) for mode in line["modes"]]
    off, share = max(line["distance_to_modes"]), masses[nearest].sum()
    y, spacing = np.array(plane["codebook"]), plane["spacing"]
    off_2d = max(np.linalg.norm(y - mode, axis=1).min() for mode in np.array(plane["modes"]))
    centre = np.linalg.norm(np.array(plane["masses"]) @ y - np.array(plane["mean"]))
    return [
        Row(
            "modes-1d",
            "Refined codewords concentrate near the source modes",
            "4.3",
            "near the modes",
            f"{len(set(nearest))} of {len(codebook)} codewords, mass {fixed(share, 3)}, within {fixed(off, 3)} of a mode; "
            "the others serve the floor",
            "0.2, all codewords",
            judge(
                len(codebook) == len(set(nearest)) and off <= 0.2,
                f"{len(set(nearest))} of {len(codebook)} codewords are meant, mass {fixed(share, 2)}"
                if off <= 0.2
                else "",
            ),
        ),
        Row(
            "modes-2d",
            "In the plane codewords align precisely with the modes",
            "4.3",
            "precisely",
            f"{len(y)} codewords, at most {fixed(off_2d, 3)} from a mode; the grid's spacing is {fixed(spacing, 3)}",
            "half a spacing",
            judge(off_2d <= spacing / 2 and len(y) == len(plane["modes"])),
        ),
        Row(
            "mean-2d",
            "and are centred by E[X]",
            "4.3",
            "centred by E[X]",
            f"|E[Y] − E[X]| ≤ {power(max(centre, 1e-9))}",
            "10⁻⁴",
            judge(False, "codewords are centroids: then E[Y] = E[X] for any source")
            if centre <= 1e-4
            else judge(False),
        ),
    ]


def disc(plane):
    """The disc of figure 6."""
    b, price = plane["budgets"], plane["prices_bits"]["core"]
    key = next(k for k in plane["binding"] if k.startswith(f"{b['global']} ") and k.endswith("priced"))
    tight = plane["binding"][key]
    spent = plane["distortions"]["core"]
    return [
        Row(
            "disc-2d",
            "The disc's tighter requirement shapes the codebook",
            "4.3",
            "respected, shapes it",
            f"spends {fixed(spent, 3)} of {b['core']:g} at price {power(round(price, 6))}; mean allowed in the disc "
            f"D′/P(S) = {fixed(b['core'] / plane['probability_of_core'], 1)}, above D = {b['global']:g}",
            "price > 0",
            judge(price > BINDS, "it asks nothing: the disc's budget has slack" if spent < b["core"] else ""),
        ),
        Row(
            "disc-2d-binding",
            "A budget that binds does shape it",
            "4.3",
            "—",
            f"D′ = {key.split()[1]}: price {fixed(tight['prices_bits']['core'], 3)} bits per unit, {tight['codewords']} codewords "
            f"for {plane['codewords']}, {fixed(tight['I_bits'], 4)} for {fixed(plane['I_bits'], 4)} bits",
            "price > 0",
            judge(tight["prices_bits"]["core"] > BINDS),
            corrects="disc-2d",
        ),
    ]


def zero_rate(spike):
    """Figures 10 and 11."""
    D, variance, off = spike["budgets"]["global"], spike["variance"], abs(spike["heaviest_codeword"] - spike["mean"])
    return [
        Row(
            "spike-mean",
            "On the mixed distribution the codebook refines to the mean",
            "A.2",
            "at the mean of X",
            f"{spike['codewords']} codeword within {power(max(off, 1e-9))} of E[X]; D = {D:g} > variance {fixed(variance, 2)}, "
            f"rate {fixed(abs(spike['I_bits']), 1)} bits",
            "10⁻⁴",
            judge(
                off <= 1e-4 and D < variance,
                "it asks nothing: D exceeds the variance, so the rate is zero" if off <= 1e-4 and D >= variance else "",
            ),
        )
    ]


def overhead(line, plane, lloyd):
    """H(Y) against I(X;Y), and what the bound bounds."""
    cases = {"line": line, "plane": plane, "broad source": lloyd["lloyd_spike"]["convex"]}
    over = {name: case["H_Y_bits"] / case["I_bits"] - 1 for name, case in cases.items()}
    good = [name for name in over if over[name] <= NEAR]
    said = ", ".join(f"{name} {fixed(100 * v, 0)} %" for name, v in over.items())
    return [
        Row(
            "entropy-near-rate",
            "The empirical rate H(Y) stays close to the bound I(X;Y)",
            "3.4",
            "close",
            f"above it: {said}",
            f"{100 * NEAR:.0f} %",
            judge(len(good) == len(over), "the source is the " + " or the ".join(good) if good else ""),
        )
    ]


def limit(distances, line):
    """Refined codebooks against the limit over all codebooks."""
    published = {
        "line": "trimodal, centroid",
        "plane": "plane, 8, core 1, centroid",
        "broad source": "spike, 15 rounds",
    }
    above = {name: distances[key]["at_most"] for name, key in published.items()}
    entropy = line["H_Y_bits"] - distances[published["line"]]["limit_bits"]
    said = ", ".join(f"{name} {power(v)}" for name, v in above.items())
    worst = {
        step: max(row["at_most"] for key, row in distances.items() if "core 0." in key and key.endswith(step))
        for step in ("centroid", "priced")
    }
    return [
        Row(
            "near-limit",
            "The compressors' empirical rate closely approaches the convex lower bound",
            "1",
            "closely",
            f"above the limit over all codebooks: I(X;Y) by at most {said} bits; H(Y) on the line by {fixed(entropy, 3)}",
            "10⁻³ bits",
            judge(
                max(above.values()) <= 1e-3 and entropy <= 1e-3,
                "I(X;Y) is meant, not H(Y)" if max(above.values()) <= 1e-3 else "",
            ),
        ),
        Row(
            "near-limit-binding",
            "By priced steps I(X;Y) approaches it where a subset budget binds, too",
            "1",
            "—",
            f"at most {power(worst['priced'])} bits above by priced steps, {fixed(worst['centroid'], 4)} by centroid steps",
            "10⁻³ bits",
            judge(worst["priced"] <= 1e-3),
            corrects="near-limit",
        ),
    ]


def equal_size(lloyd):
    """Section 4.4 as published, and then at equal distortion and equal rate."""
    convex, quantiser, same_D, same_R = (lloyd[k] for k in ("convex", "lloyd_max", "equal_distortion", "equal_rate"))
    unlike = abs(convex["D"] - quantiser["D"]) > 1e-3
    difference = abs(np.array(convex["codebook"]) - np.array(quantiser["codebook"]))
    modes = [
        int(abs(np.array(c["codebook"])[:, None] - [-5, -1, 2.5]).min(axis=0).max() < 0.2) for c in (convex, quantiser)
    ]
    dH = same_D["H_Y_bits"] - quantiser["H_Y_bits"]
    lower = convex["I_bits"] < quantiser["I_bits"] and convex["H_Y_bits"] < quantiser["H_Y_bits"]
    return [
        Row(
            "lloyd-positions",
            "At m = 5 both sit near the modes but differ",
            "4.4",
            "near, not the same",
            f"both have a codeword within 0.2 of each mode; they differ by {fixed(difference.min(), 3)} to {fixed(difference.max(), 3)}",
            "0.2; > 0",
            judge(all(modes) and difference.max() > 0.01),
        ),
        Row(
            "lloyd-lower-rate",
            "I and H(Y) are substantially lower than Lloyd–Max's",
            "4.4",
            "1.6777, 1.7969 < 1.9099",
            f"{fixed(convex['I_bits'], 4)}, {fixed(convex['H_Y_bits'], 4)} at D = {fixed(convex['D'], 3)} against "
            f"{fixed(quantiser['I_bits'], 4)} at D = {fixed(quantiser['D'], 3)}",
            "at equal D",
            judge(lower and not unlike, "more distortion is allowed: unlike points are compared" if lower else ""),
        ),
        Row(
            "lloyd-equal-D-I",
            "At equal distortion I(X;Y) is lower",
            "4.4",
            "—",
            f"{fixed(same_D['I_bits'], 4)} against {fixed(quantiser['I_bits'], 4)} bits at D = {fixed(same_D['D'], 3)}",
            "> 10⁻³ bits",
            judge(quantiser["I_bits"] - same_D["I_bits"] > 1e-3),
            corrects="lloyd-lower-rate",
        ),
        Row(
            "lloyd-equal-D-H",
            "At equal distortion H(Y) is higher",
            "4.4",
            "—",
            f"{fixed(same_D['H_Y_bits'], 4)} against {fixed(quantiser['H_Y_bits'], 4)} bits at D = {fixed(same_D['D'], 3)}",
            "> 10⁻³ bits",
            judge(dH > 1e-3),
            corrects="lloyd-lower-rate",
        ),
        Row(
            "lloyd-distortion",
            "Lloyd–Max achieves lower distortion at a higher rate",
            "4.4",
            "0.4170 < 0.6000",
            f"{fixed(quantiser['D'], 4)} against {fixed(convex['D'], 4)}",
            "at equal rate",
            judge(not unlike, "more rate is spent: unlike points are compared" if quantiser["D"] < convex["D"] else ""),
        ),
        Row(
            "lloyd-equal-R-D",
            "At equal rate the convex distortion is lower",
            "4.4",
            "—",
            f"{fixed(same_R['D'], 4)} against {fixed(quantiser['D'], 4)} at I = {fixed(same_R['I_bits'], 4)} bits",
            "> 10⁻³",
            judge(quantiser["D"] - same_R["D"] > 1e-3),
            corrects="lloyd-distortion",
        ),
    ]


def printed(lloyd):
    """Numbers printed in section 4.4 and in figure 12."""
    line, spike = lloyd["lloyd_1d"], lloyd["lloyd_spike"]
    convex = {"I_bits": 1.6777, "H_Y_bits": 1.7969, "D": 0.6000}
    quantiser = {"I_bits": 1.9099, "H_Y_bits": 1.9099, "D": 0.4170}
    off = [
        max(abs(found[k] - v) for k, v in said.items())
        for found, said in ((line["convex"], convex), (line["lloyd_max"], quantiser))
    ]
    broad = abs(spike["convex"]["H_Y_bits"] - 3.4789)
    drift = spike["convex"]["H_Y_bits"] - spike["settled"]["H_Y_bits"]
    return [
        Row(
            "printed-convex",
            "I, H(Y), D of the convex method",
            "4.4",
            "1.6777, 1.7969, 0.6000",
            f"off by {power(off[0])}",
            "5·10⁻⁵",
            judge(off[0] <= PRINTED),
        ),
        Row(
            "printed-lloyd",
            "I, H(Y), D of Lloyd–Max",
            "4.4",
            "1.9099, 1.9099, 0.4170",
            f"off by {power(off[1])}",
            "5·10⁻⁵",
            judge(off[1] <= PRINTED),
        ),
        Row(
            "printed-spike",
            "The comparison on the broad source is final",
            "A.3",
            "I 1.8806, H(Y) 3.4789",
            f"H(Y) off by {power(broad)} after 15 rounds; settled after {spike['settled']['rounds']} more it is lower by {fixed(drift, 3)} bits "
            f"on {spike['settled']['codewords']} codewords, not {spike['codewords']}",
            "10⁻³ bits",
            judge(broad <= 1e-3 and drift <= 1e-3, "the run stops unsettled, at round 15" if broad <= 1e-3 else ""),
        ),
    ]


def control(lloyd, spike):
    """What each method controls, and what neither guarantees."""
    starts, ladder = lloyd["lloyd_max"]["random_starts"], lloyd["plane"]["lloyd_max"]
    capped = all(q["H_Y_bits"] <= np.log2(q["m"]) + 1e-9 for q in ladder)
    on_budget = abs(lloyd["convex"]["D"] - lloyd["budgets"]["global"]) <= 1e-6
    spare = spike["budgets"]["global"] - spike["D"]
    return [
        Row(
            "lloyd-local",
            "Lloyd–Max has no guarantee of global optimality",
            "1",
            "none",
            f"distortion from {starts['starts']} random starts: {fixed(starts['least_D'], 3)} to {fixed(starts['largest_D'], 3)}",
            "spread > 10⁻³",
            judge(starts["largest_D"] - starts["least_D"] > 1e-3),
        ),
        Row(
            "pushes-to-limit",
            "The method pushes distortion to its upper limit",
            "4.4",
            "to its limit",
            f"D = {lloyd['budgets']['global']:g}: on it; D = {spike['budgets']['global']:g} (A.2): {fixed(spare, 1)} unspent",
            "10⁻⁶",
            judge(on_budget and spare <= 1e-6, "D is below the distortion of rate zero" if on_budget else ""),
        ),
        Row(
            "lloyd-no-control",
            "Lloyd–Max does not control the rate",
            "4.4",
            "no control",
            f"H(Y) ≤ log₂ m at each of {len(ladder)} sizes, {fixed(ladder[0]['H_Y_bits'], 2)} to {fixed(ladder[-1]['H_Y_bits'], 2)} bits: "
            "m caps it",
            "H(Y) > log₂ m",
            judge(not capped, "an exact rate is meant; m caps it" if capped else ""),
        ),
    ]


def express(core):
    """What quantisers can express, section 5."""
    priced, D = core["at_D"]["ecvq"], {"global": core["at_D"]["D"], "core": core["D_core"]}
    met = all(priced["distortions"][name] <= D[name] * (1 + 1e-9) for name in D)
    over = priced["bits"] - priced["lower_bound_bits"]
    return [
        Row(
            "quantisers-express",
            "Most quantizers cannot express distortion limits and rate efficiency",
            "5",
            "cannot",
            f"a priced quantiser meets D = {D['global']:g} and D′ = {D['core']:g} at {fixed(priced['bits'], 3)} bits, {fixed(over, 3)} above the "
            f"certified bound; Lloyd–Max needs {fixed(core['at_D']['lloyd_max_bits'], 3)}",
            "both met",
            judge(not met, "quantisers know no prices" if met else ""),
        )
    ]
