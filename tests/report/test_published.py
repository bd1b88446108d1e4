"""Every number that the report printed, against results/, to the digits printed there.

published.json holds [value, tolerance]: half of the last digit (and a rounding allowance), except
where the report's own solver erred (gaussian_1d) or had not converged (lloyd_spike).
"""

import json
from pathlib import Path

import pytest

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


def test_what_the_notebook_on_quantisers_concludes():
    line, annealing = published("07_quantisers")["trimodal"], published("07_quantisers")["annealing"]
    rates = [line[key]["bits"] for key in ("ecsq", "lloyd_max_time_shared")]
    assert line["lower_bound_bits"] < rates[0] < line["lower_bound_bits"] + 0.05
    assert rates[0] < rates[1] < line["report"]["H_Y_bits"]
    assert line["ecvq"]["bits"] == pytest.approx(rates[0], abs=1e-6)  # not told that cells are intervals
    assert line["limit"]["gap_bits"] <= 1e-6 and annealing[0]["H_Y_given_X_bits"] > 0.1


def test_what_the_notebook_on_streams_concludes():
    line, core = (published("08_streams")[name] for name in ("trimodal", "core"))
    over = {key: line[key]["bits"] - line[key]["lower_bound_bits"] for key in ("trellis", "ecsq", "ecvq")}
    assert 0 < over["trellis"] < over["ecsq"] - 0.01 and over["ecsq"] < 0.05
    for key in over:
        stream = line[key]
        assert 0 < stream["bits"] - stream["cross_entropy_bits"] < 2e-3 * stream["bits"], key
        assert stream["distortions"]["global"] == pytest.approx(line["D"], abs=0.01), key
    for plane, scalar in ((line["plane"], "ecsq"), (core["plane"], "ecvq")):
        for one, other in zip(plane["trellis"], plane[scalar], strict=True):
            assert one["bits"] - one["lower_bound_bits"] < other["bits"] - other["lower_bound_bits"], one["D"]


def test_what_the_notebook_on_real_data_concludes():
    """Uniform fidelity costs half as much again at least, lossless more; JPEG of no more bytes is far off inside."""
    ecg, photo = (published("09_mixed_fidelity_data")[name] for name in ("ecg", "photograph"))
    bounds = [ecg["lower_bound_bytes"], ecg["scalar_bound_bytes"], ecg["bytes"], ecg["uniform_same_inside_bytes"]]
    assert bounds == sorted(bounds) and bounds[-1] > 1.5 * ecg["bytes"] and bounds[-1] < ecg["lossless_bytes"]
    assert photo["lower_bound_bytes"] < photo["scalar_bound_bytes"] < photo["bytes"]
    assert photo["bytes"] < photo["uniform_same_inside"]["bytes"] / 3 and photo["jpeg"]["bytes"] <= photo["bytes"]
    assert photo["psnr_dB"]["inside"] > photo["jpeg"]["psnr_dB"]["inside"] + 3
