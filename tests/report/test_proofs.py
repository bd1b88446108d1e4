"""The published proofs: each rate that the paper, the README or a claim prints lies where its proof says."""

import json
from pathlib import Path

import pytest
from helpers.cases import trimodal_source

import mfrd
from mfrd.bounds.proof import Proof, stated_everywhere, stated_on

ROOT = Path(__file__).parents[2]
PROOFS = {path: Proof.load(path) for path in sorted((ROOT / "results" / "proofs").glob("*.json.gz"))}
PRINTED = {  # notebook: where the rates stand that are printed as numbers
    "00_start_here": ["solution.I_bits", "refined.I_bits", "limit.lower_bound_bits"],
    "01_validation": ["gaussian_1d.at_D_0.6.I_bits"],
    "02_duals": [
        f"gaussian_1d_mixed_fidelity.{sweep}.{k}.I_bits" for sweep in ("sweep", "sweep_without_core") for k in (0, 29)
    ],
    "03_refinement": ["refine_1d.initial.I_bits", "refine_1d.I_bits", "refine_2d.I_bits"]
    + [f"refine_1d.binding.{D} {step}.I_bits" for D in (0.05, 0.02) for step in ("centroid", "priced")]
    + ["refine_1d.binding.0.02 centroid.initial.I_bits", "refine_1d.merging.0.1 0.001.I_bits"]
    + [f"refine_2d.binding.8.0 0.15 {step}.I_bits" for step in ("centroid", "priced")],
    "04_lloyd_max": [f"lloyd_1d.{name}.I_bits" for name in ("convex", "equal_distortion", "equal_rate")],
    "05_limit": ["limits.trimodal.rate_bits", "limits.trimodal, core 0.05.rate_bits", "nine_codewords.rate_bits"],
    "07_quantisers": ["trimodal.lower_bound_bits", "core.at_D.ecvq.lower_bound_bits"],
}


def at(results, place):
    """The number at a dotted place; keys may hold dots themselves."""
    if not place:
        return results
    if isinstance(results, list):
        head, _, rest = place.partition(".")
        return at(results[int(head)], rest)
    key = max((key for key in results if place == key or place.startswith(f"{key}.")), key=len)
    return at(results[key], place[len(key) + 1 :])


@pytest.mark.parametrize("path", PROOFS, ids=lambda path: path.name.removesuffix(".json.gz"))
def test_a_published_number_lies_in_its_proof(path):
    proof = PROOFS[path]
    notebook, _, place = proof.document["title"].partition("/")
    value = at(json.loads((ROOT / "results" / f"{notebook}.json").read_text()), place)
    L, U = float(proof.lower), float(proof.upper)
    rounding = 1e-9 * max(value, 1e-3)  # results keep ten digits
    assert (value <= U if "lower" in place else L - rounding <= value <= U + rounding) and U - L < 2e-6
    assert abs(value - L) < 2e-6


def test_every_printed_rate_has_a_proof():
    titles = {proof.document["title"] for proof in PROOFS.values()}
    assert titles >= {f"{notebook}/{place}" for notebook, places in PRINTED.items() for place in places}


def test_the_proofs_are_small():
    assert sum(path.stat().st_size for path in PROOFS) < 10 * 2**20


def test_a_proof_states_the_problem_that_the_notebook_built():
    of = {proof.document["title"]: proof.document["problem"] for proof in PROOFS.values()}
    source, everywhere = trimodal_source(), mfrd.Fidelity(0.6)
    core = mfrd.Fidelity(0.05, on=abs(source.points) < 1, name="core")
    for name, fidelities in (("trimodal", [everywhere]), ("trimodal, core 0.05", [everywhere, core])):
        problem = mfrd.Problem(source, [0.0], fidelities)
        assert of[f"05_limit/limits.{name}.rate_bits"] == stated_everywhere(problem)
    nine = mfrd.Problem(source, mfrd.grid(-8, 8, 9), [everywhere])
    assert of["05_limit/nine_codewords.rate_bits"] == stated_on(nine)
    gaussian = mfrd.bumps(mfrd.grid(-3, 3, 50), [1], [0], [1])
    eight = mfrd.Problem(gaussian, mfrd.grid(-3, 3, 8), [everywhere])
    assert of["01_validation/gaussian_1d.at_D_0.6.I_bits"] == stated_on(eight)


@pytest.mark.parametrize("path", [path for path in PROOFS if path.stat().st_size < 50_000], ids=lambda path: path.name)
def test_a_small_proof_holds(path):
    assert PROOFS[path].document["claim"]["lower"] in PROOFS[path].check()


def test_what_random_problems_came_to_is_recorded_and_none_is_wider_than_its_gap():
    found = json.loads((ROOT / "results" / "proofs_random.json").read_text())
    tally = {said: n for said, n in found["outcomes"].items() if not said.startswith("not optimal")}
    assert found["optimal"] == sum(tally.values()) == 2000
    proven = {said: n for said, n in tally.items() if said.startswith("proven")}
    assert tally["proven"] >= 1800 and sum(proven.values()) >= 1990 and not any("wider" in said for said in proven)
    fine = found["outcomes_to_1e-07"]
    assert sum(fine.values()) == 2000 and found["share_to_width"] == fine["proven"] / 2000 >= 0.95
