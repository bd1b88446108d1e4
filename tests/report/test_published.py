"""Every number that the report printed, against results/, to the digits printed there.

published.json holds [value, tolerance]: half of the last digit (and a rounding allowance), except
where the report's own solver erred (gaussian_1d) or had not converged (lloyd_spike).
"""

import functools
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest

from mfrd.report import parameters

ROOT = Path(__file__).parents[2]
PUBLISHED = json.loads((Path(__file__).parent / "published.json").read_text())
CASES = [
    (notebook, place, key, *number)
    for notebook, places in PUBLISHED.items()
    if notebook != "source"
    for place, numbers in places.items()
    for key, number in numbers.items()
]


def look_up(results, place):
    """The entry at a dotted place, where a name may itself hold dots (at_D_0.6)."""
    if place in results:
        return results[place]
    head = next(k for k in results if place.startswith(k + "."))
    return look_up(results[head], place[len(head) + 1 :])


@pytest.mark.parametrize("notebook, place, key, value, tolerance", CASES)
def test_published_number(notebook, place, key, value, tolerance):
    results = json.loads((ROOT / "results" / f"{notebook}.json").read_text())
    assert look_up(results, place)[key] == pytest.approx(value, abs=tolerance, rel=0)


def certified(node, place=""):
    """(place, node) of every entry with a rate and a gap below a node of results/."""
    if isinstance(node, dict):
        if "gap_bits" in node:
            yield place, node
        for key, child in node.items():
            yield from certified(child, f"{place}.{key}")
    elif isinstance(node, list):
        for k, child in enumerate(node):
            yield from certified(child, f"{place}[{k}]")


@pytest.mark.parametrize("path", sorted((ROOT / "results").glob("0[1-4]*.json")), ids=lambda p: p.stem)
def test_every_rate_is_certified(path):
    rates = list(certified(json.loads(path.read_text())))
    assert rates
    for place, entry in rates:
        gap = entry["I_bits"] - entry["lower_bound_bits"]  # each to ten digits
        assert gap - 2e-9 <= entry["gap_bits"] <= 10 * max(gap, 1e-9) + 2e-9, place  # the power of ten it lies below
        witness = entry["solver"] == "blahut-arimoto"  # an independent check, stopped at 1e-5 bits
        assert -1e-9 <= entry["gap_bits"] <= (1e-5 if witness else 1e-6), place
        assert witness or entry["solver"] in ("mosek", "clarabel", "newton"), place


def published(notebook):
    return json.loads((ROOT / "results" / f"{notebook}.json").read_text())


def start(results):
    """Both budgets are kept by a file at most a fifth of a bit a sample above the bound, which refinement gains on."""
    assert results["solution"]["I_bits"] > results["refined"]["I_bits"] > results["limit"]["lower_bound_bits"]
    assert 0 < results["file"]["bits_a_sample"] - results["limit"]["lower_bound_bits"] < 0.2
    assert all(spent <= results["budgets"][name] for name, spent in results["file"]["distortions"].items())
    assert results["without_peaks"]["times_the_budget_on_peaks"] > 10 and results["limit"]["gap_bits"] <= 1e-6


def validation(results):
    """No rate of the core's check lies below Shannon's lower bound."""
    core = results["trimodal_core"]
    assert all(s["I_bits"] >= low for s, low in zip(core["sweep"], core["shannon_bound_bits"], strict=True))
    assert max(results["gaussian_1d"]["convexity"]["in_Q_by_share_bits"]) <= 0


def duals(results):
    """Prices are slopes to a ten-thousandth, and monotone along the sweep; the core's is ten times the other."""
    results = results["gaussian_1d_mixed_fidelity"]
    there = results["finite_differences"]
    for name, difference in there["differences"].items():
        assert difference == pytest.approx(there["prices"][name], rel=1e-4), name
    swept = {name: [s["prices_bits"][name] for s in results["sweep"]] for name in ("global", "core")}
    assert all(b <= a + 1e-6 for a, b in itertools.pairwise(swept["global"]))
    assert all(b >= a - 1e-6 for a, b in itertools.pairwise(swept["core"]))
    assert all(a["I_bits"] >= b["I_bits"] - 1e-6 for a, b in zip(results["sweep"], results["sweep_without_core"]))
    assert results["smallest_price_ratio"] > 10


def refinement(results):
    """Every draw ends at five codewords, the plane at four; priced steps end lowest; a conic backend splits masses."""
    line, plane = results["refine_1d"], results["refine_2d"]
    assert (line["codewords"], plane["codewords"]) == (5, 4) and set(line["draws"]["codewords"]) == {5}
    assert line["draws"]["largest"] - line["draws"]["least"] < 1e-6
    for binding in (line["binding"], plane["binding"]):
        for name in {key.rsplit(" ", 1)[0] for key in binding}:
            assert binding[f"{name} priced"]["I_bits"] <= binding[f"{name} centroid"]["I_bits"] + 1e-6, name
    assert line["without_merging"]["clarabel"]["H_Y_bits"][-1] > line["H_Y_bits"] + 1
    assert results["refine_spike"]["I_bits"] < 1e-9 and results["refine_spike"]["codewords"] == 1


def lloyd(results):
    """Every step ends at one rate; less than Lloyd-Max's at equal distortion, and less distortion at equal rate."""
    line = results["lloyd_1d"]
    assert all(r["converged"] for r in line["by_step"].values())
    assert all(r["I_bits"] == pytest.approx(line["convex"]["I_bits"], abs=1e-5) for r in line["by_step"].values())
    assert line["equal_distortion"]["I_bits"] < line["lloyd_max"]["I_bits"] - 0.05
    assert line["equal_rate"]["D"] < line["lloyd_max"]["D"] - 0.04
    assert line["equal_distortion"]["H_Y_bits"] > line["lloyd_max"]["H_Y_bits"]
    assert results["lloyd_spike"]["settled"]["converged"] and not results["lloyd_spike"]["convex"]["converged"]


def limits(results):
    """Limits to a millionth of a bit; what settled or is priced is there, the centroid where budgets bind is not."""
    at_most = {name: row["at_most"] for name, row in results["distances"].items()}
    assert all(l["gap_bits"] <= 1e-6 for l in [*results["limits"].values(), *results["gaussian_1d"]])
    assert all(l["gap_bits"] <= 1e-5 for l in results["plane"]["sweep"])
    there = ["trimodal, centroid", "trimodal, from 16", "spike, settled", "trimodal, core 0.02, priced"]
    assert all(at_most[name] < 1e-6 for name in there) and at_most["trimodal, core 0.02, centroid"] > 0.04
    assert 1e-5 < at_most["spike, 15 rounds"] < 1e-3 and len(at_most) == 13


def quantisers(results):
    line, annealing = results["trimodal"], results["annealing"]
    rates = [line[key]["bits"] for key in ("ecsq", "lloyd_max_time_shared")]
    assert line["lower_bound_bits"] < rates[0] < line["lower_bound_bits"] + 0.05
    assert rates[0] < rates[1] < line["report"]["H_Y_bits"]
    assert line["ecvq"]["bits"] == pytest.approx(rates[0], abs=1e-6)  # not told that cells are intervals
    assert line["limit"]["gap_bits"] <= 1e-6 and annealing[0]["H_Y_given_X_bits"] > 0.1


def streams(results):
    line, core = results["trimodal"], results["core"]
    over = {key: line[key]["bits"] - line[key]["lower_bound_bits"] for key in ("trellis", "ecsq", "ecvq")}
    assert 0 < over["trellis"] < over["ecsq"] - 0.01 and over["ecsq"] < 0.05
    for key in over:
        stream = line[key]
        assert 0 < stream["bits"] - stream["cross_entropy_bits"] < 2e-3 * stream["bits"], key
        assert stream["distortions"]["global"] == pytest.approx(line["D"], abs=0.01), key
    for plane, scalar in ((line["plane"], "ecsq"), (core["plane"], "ecvq")):
        for one, other in zip(plane["trellis"], plane[scalar], strict=True):
            assert one["bits"] - one["lower_bound_bits"] < other["bits"] - other["lower_bound_bits"], one["D"]


def real_data(results):
    """Uniform fidelity costs half as much again at least, lossless more; JPEG of no more bytes is far off inside."""
    ecg, photo = results["ecg"], results["photograph"]
    bounds = [ecg["lower_bound_bytes"], ecg["scalar_bound_bytes"], ecg["bytes"], ecg["uniform_same_inside_bytes"]]
    assert bounds == sorted(bounds) and bounds[-1] > 1.5 * ecg["bytes"] and bounds[-1] < ecg["lossless_bytes"]
    assert photo["lower_bound_bytes"] < photo["scalar_bound_bytes"] < photo["bytes"]
    assert photo["bytes"] < photo["uniform_same_inside"]["bytes"] / 3 and photo["jpeg"]["bytes"] <= photo["bytes"]
    assert photo["psnr_dB"]["inside"] > photo["jpeg"]["psnr_dB"]["inside"] + 3
    assert ecg["compress"]["bytes"] <= 14_000 and ecg["compress"]["bytes"] < 0.9 * ecg["bytes"]
    assert ecg["compress"]["rms_mV"]["inside"] <= 0.010 and ecg["compress"]["rms_mV"]["outside"] <= 0.030
    assert photo["compress"]["bytes"] < 0.6 * photo["bytes"] and photo["compress"]["bytes"] < photo["lower_bound_bytes"]
    rivals = results["rivals"]
    less, *others = sorted(rivals["one_price_less_inside_dB"].values())
    assert rivals["pictures"] == 12 and rivals["won"] >= 10 and less > 0 and min(others) > 4
    assert len(rivals["pairs"]) == 5 and sum(each < 0 for each in rivals["mean_difference"].values()) >= 11
    assert photo["compress"]["lower_bound_bytes"] < photo["compress"]["payload"] < photo["compress"]["bytes"]


def finite_blocks(results):
    """No block code of ours is below the converse, and each has a margin; nor is the random code of the coin."""
    line = results["trimodal"]
    low = {b["n"]: b["converse_bits"] for b in line["blocks"]}
    assert all(m["bits"] >= low[m["n"]] for m in line["codec"]) and line["codec"]
    assert all(m["margin"] > 0 for m in line["codec"]), "half of all blocks break a budget that is kept on average"
    assert all(b["converse_bits"] <= b["achievable_bits"] for b in results["coin"]["blocks"])


HEADLINES = {
    "00_start_here": start,
    "01_validation": validation,
    "02_duals": duals,
    "03_refinement": refinement,
    "04_lloyd_max": lloyd,
    "05_limit": limits,
    "07_quantisers": quantisers,
    "08_streams": streams,
    "09_mixed_fidelity_data": real_data,
    "12_finite_blocks": finite_blocks,
}
ALTERED = [
    ("00_start_here", ["refined", "I_bits"], 1.2),
    ("00_start_here", ["file", "distortions", "peaks"], 0.004),
    ("01_validation", ["trimodal_core", "sweep", 7, "I_bits"], 0.1),
    ("02_duals", ["gaussian_1d_mixed_fidelity", "finite_differences", "differences", "core"], 20.3),
    ("02_duals", ["gaussian_1d_mixed_fidelity", "sweep", 7, "prices_bits", "global"], 2.0),
    ("03_refinement", ["refine_1d", "codewords"], 6),
    ("03_refinement", ["refine_1d", "draws", "codewords", 3], 6),
    ("03_refinement", ["refine_1d", "binding", "0.02 priced", "I_bits"], 1.84),
    ("03_refinement", ["refine_2d", "binding", "8.0 0.15 priced", "I_bits"], 1.78),
    ("03_refinement", ["refine_1d", "without_merging", "clarabel", "H_Y_bits", -1], 1.8),
    ("04_lloyd_max", ["lloyd_1d", "by_step", "0.1", "converged"], False),
    ("04_lloyd_max", ["lloyd_1d", "by_step", "0.25", "I_bits"], 1.678),
    ("04_lloyd_max", ["lloyd_1d", "equal_distortion", "I_bits"], 1.92),
    ("04_lloyd_max", ["lloyd_1d", "equal_rate", "D"], 0.42),
    ("05_limit", ["distances", "trimodal, centroid", "at_most"], 2e-6),
    ("05_limit", ["distances", "trimodal, core 0.02, priced", "at_most"], 0.001),
    ("05_limit", ["plane", "sweep", 3, "gap_bits"], 1e-4),
    ("07_quantisers", ["trimodal", "ecsq", "bits"], 1.75),
    ("08_streams", ["trimodal", "trellis", "bits"], 1.73),
    ("09_mixed_fidelity_data", ["photograph", "jpeg", "psnr_dB", "inside"], 38.0),
    ("09_mixed_fidelity_data", ["photograph", "compress", "bytes"], 12000),
    ("09_mixed_fidelity_data", ["ecg", "compress", "bytes"], 15_000),
    ("09_mixed_fidelity_data", ["ecg", "compress", "rms_mV", "inside"], 0.011),
    ("09_mixed_fidelity_data", ["rivals", "won"], 6),
    ("09_mixed_fidelity_data", ["rivals", "one_price_less_inside_dB", "moon"], 0.4),
    ("12_finite_blocks", ["trimodal", "codec", 0, "bits"], 1.7),
]


@pytest.mark.parametrize("notebook", HEADLINES)
def test_what_a_notebook_concludes_of_the_published_run(notebook):
    HEADLINES[notebook](published(notebook))


@pytest.mark.parametrize("notebook, place, value", ALTERED)
def test_no_notebook_would_conclude_it_of_other_results(notebook, place, value):
    results = published(notebook)
    functools.reduce(lambda node, key: node[key], place[:-1], results)[place[-1]] = value
    with pytest.raises(AssertionError):
        HEADLINES[notebook](results)


def evaluated(law, n):
    """(points (n^k, k), pmf) of a law in results/, by its formula."""
    means = np.array(law["means"], float).reshape(len(law["means"]), -1)
    side = np.linspace(-law["reach"], law["reach"], n)
    points = np.stack(np.meshgrid(*[side] * means.shape[1], indexing="ij"), -1).reshape(-1, means.shape[1])
    bumps = [
        w * np.exp(-((points - m) ** 2).sum(1) / (2 * s**2)) for w, m, s in zip(law["weights"], means, law["stds"])
    ]
    density = law["floor"] + np.sum(bumps, axis=0)
    return points, density / density.sum()


def test_the_laws_that_the_paper_lists_are_those_of_the_runs():
    """By their formulas: variances and probabilities of subsets as the notebooks have them."""
    first, refined = published("01_validation"), published("03_refinement")
    for of, key, n in ((first, "gaussian_1d", 50), (first, "gaussian_2d", 25), (refined, "refine_spike", 200)):
        x, p = evaluated(of[key]["source"], n)
        assert p @ ((x - p @ x) ** 2).sum(1) == pytest.approx(of[key]["variance"], rel=1e-8), key
    for key, n, radius in (("refine_1d", 100, 1), ("refine_2d", 40, 2)):
        x, p = evaluated(refined[key]["source"], n)
        inside = np.sqrt((x**2).sum(1)) < radius
        assert p[inside].sum() == pytest.approx(refined[key]["probability_of_core"], rel=1e-8), key


def test_what_the_notebook_on_sources_concludes():
    found = published("10_sources")
    for row in found["closed_forms"]:
        assert row["lower_bound_bits"] - 1e-9 <= row["closed_form_bits"] <= row["rate_bits"] + 1e-9, row["law"]
    truncated, sampled, coarse = (found["figure_2"]["steps"][cause] for cause in found["figure_2"]["causes"])
    amounts = [[(row["least_bits"] + row["most_bits"]) / 2 for row in rows] for rows in (truncated, sampled, coarse)]
    assert -0.0225 < min(amounts[0]) < -0.0215 and 0.003 < max(amounts[1]) < 0.004 and 0.025 < max(amounts[2]) < 0.035
    assert found["figure_2"]["widest_bits"] < 1e-5
    whole, halved = (
        found["figure_2"]["letters"][way][1]["bits"] for way in ("end points in full", "end points halved")
    )
    assert whole > 20 * abs(halved)
    aligned, cut = (abs(found["letters"][way][1]["bits"]) for way in ("cells end with the core", "middles of cells"))
    assert cut > 10 * aligned
    samples, (coarse, fine) = found["samples"], found["banana"]
    assert all(row["lower_bound_bits"] < samples["truth_bits"] for row in samples["by_N"])
    assert samples["misses"]["independent"] <= 5 < samples["misses"]["a time series"]
    assert coarse["lower_bound_bits"] > coarse["shannon_bits"] and fine["lower_bound_bits"] < fine["shannon_bits"]


def test_no_run_at_other_parameters_died():
    """The table of `make parameters`: each run ended well or was refused by the name of one of its parameters."""
    for notebook, row in json.loads((ROOT / "results" / "parameters.json").read_text()).items():
        assert row["died"] == 0 and row["runs"] == row["ended well"] + row["refused"] > 10, notebook
        assert len(row["not_ended_well"]) == row["refused"], notebook
        for run in row["not_ended_well"]:
            name = re.match(rf"ReportError: {notebook}: parameter (\w+) is .*; expected ", run["said"])
            assert name and name[1] in parameters.defaults(ROOT / "notebooks" / f"{notebook}.py"), run["said"]
