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
