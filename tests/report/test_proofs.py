"""The published proofs: each rate that the paper, the README or a claim prints lies where its proof says."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from helpers.cases import trimodal_source
from helpers.printed import at, in_paper, in_words

import mfrd
from mfrd.bounds.density_proof import stated_density
from mfrd.bounds.proof import Proof, stated_everywhere, stated_on
from mfrd.report import sources
from mfrd.report.claims import table

ROOT = Path(__file__).parents[2]
PAPER = (ROOT / "paper" / "paper.typ").read_text()
PROOFS = {path: Proof.load(path) for path in sorted((ROOT / "results" / "proofs").glob("*.json.gz"))}
TITLES = {proof.document["title"] for proof in PROOFS.values()}
ELSEWHERE = {  # what is printed and proven under another title
    "07_quantisers/trimodal.*.lower_bound_bits": ["07_quantisers/trimodal.lower_bound_bits"],
    "08_streams/trimodal.ecsq.lower_bound_bits": ["07_quantisers/trimodal.lower_bound_bits"],
    "10_sources/shannon.*.rate_bits": ["10_sources/shannon.exponential.0.rate_bits"],  # Laplace's: a power of ten
}
NO_LIMIT = {  # what is printed and is no R that is certified, and why
    "01_validation/gaussian_2d.sweep.*.I_bits": "the largest deviation from a closed form over a sweep",
    "01_validation/gaussian_2d.sweep_7_by_7.*.I_bits": "the largest deviation from a closed form over a sweep",
    "01_validation/gaussian_1d.sweep.30.I_bits": "a deviation from the closed form, which is zero there",
    "02_duals/gaussian_1d_mixed_fidelity.sweep.*.I_bits": "the least difference of two sweeps",
    "02_duals/gaussian_1d_mixed_fidelity.blahut_arimoto_at_these_prices.I_bits": "the power of ten of a difference",
    "02_duals/gaussian_1d_mixed_fidelity.blahut_arimoto_at_these_prices.conic_I_bits": "a difference",
    "03_refinement/refine_1d.round_zero_I_bits": "the rate of the nearest codewords, which no program minimised",
    "04_lloyd_max/lloyd_1d.by_step.pairs.*.I_bits": "the rates of Lloyd-Max, no least ones",
    "04_lloyd_max/lloyd_1d.lloyd_max.I_bits": "the rate of Lloyd-Max, no least one",
    "04_lloyd_max/lloyd_spike.convex.I_bits": "the power of ten of a difference",
    "04_lloyd_max/lloyd_spike.settled.I_bits": "the power of ten of a difference",
    "07_quantisers/annealing.0.I_bits": "the rate of an encoder that is cooled, no least one",
    "07_quantisers/annealing.sorted.I_bits": "the rate of an encoder that is cooled, no least one",
    "10_sources/banana.0.lower_bound_bits": "a bound that holds with a confidence, from samples",
    "10_sources/banana.1.lower_bound_bits": "a bound that holds with a confidence, from samples",
}


def unproven(places):
    """Of sets of places at which one number stands, those of which none has a proof or a reason."""
    known = TITLES | set(NO_LIMIT) | {place for place, titles in ELSEWHERE.items() if TITLES.issuperset(titles)}
    return sorted(sorted(where) for where in places if not where & known)


def test_every_printed_rate_has_a_proof_or_a_reason(monkeypatch):
    printed = [{place} for place in in_paper(PAPER, ROOT)] + list(in_words(ROOT, monkeypatch).values())
    assert unproven(printed) == []
    assert len(printed) > 35
    assert set().union(*printed) >= set(NO_LIMIT) | set(ELSEWHERE), "a reason for what is printed no more"


def test_a_newly_printed_rate_without_a_proof_is_found(monkeypatch):
    planted = PAPER + "\n#num(r4.lloyd_1d.random.I_bits, 3) and #num(r1.gaussian_1d.sweep.first().I_bits, 3) bits\n"
    found = unproven([{place} for place in in_paper(planted, ROOT)])
    assert found == [["01_validation/gaussian_1d.sweep.0.I_bits"], ["04_lloyd_max/lloyd_1d.random.I_bits"]]
    entries = table.entries()
    stable = next(entry for entry in entries if entry["key"] == "gaussian-stable")
    stable["measured"] = "{sweep[3][I_bits]:.4f} bits"
    monkeypatch.setattr(table, "entries", lambda: entries)
    missing = unproven(in_words(ROOT, monkeypatch).values())
    assert any("01_validation/gaussian_1d.sweep.3.I_bits" in where for where in missing)


def digits(value):
    """Half a unit of the last decimal of a number of results/."""
    return 0.5 * 10.0 ** Decimal(repr(value)).as_tuple().exponent


@pytest.mark.parametrize("path", PROOFS, ids=lambda path: path.name.removesuffix(".json.gz"))
def test_a_published_number_lies_in_its_proof(path):
    proof = PROOFS[path]
    notebook, _, place = proof.document["title"].partition("/")
    value = at(json.loads((ROOT / "results" / f"{notebook}.json").read_text()), place)
    L, U = float(proof.lower), float(proof.upper)
    rounding = max(digits(value), 1e-9 * max(value, 1e-3))  # results keep so many, or ten
    width = 3e-6 if ".shannon." in path.name else 2e-6  # that sweep's tolerance
    assert (value <= U if "lower" in place else L - rounding <= value <= U + rounding) and U - L < width
    assert abs(value - L) < width + rounding


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
    three = of["10_sources/densities.three modes, core.rate_bits"]
    assert three["density"] == json.loads(json.dumps(stated_density(sources.trimodal_density().stated)))
    assert [f["level"][1] for f in three["budgets"]] == ["0.6", "0.02"]
    assert [[b[1] for b in f["intervals"][0]] for f in three["budgets"]] == [["-inf", "inf"], ["-1.0", "1.0"]]


def small(path):
    """Whether a proof is checked in a second or so; `make verify` checks the others."""
    return path.stat().st_size < (3_000 if "density" in PROOFS[path].document["problem"] else 50_000)


@pytest.mark.parametrize("path", [path for path in PROOFS if small(path)], ids=lambda path: path.name)
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


def test_what_was_accepted_of_altered_proofs_is_true():
    found = json.loads((ROOT / "results" / "alterations.json").read_text())
    assert set(found) >= {"codebook", "edge", "line", "plane"}
    for row in found.values():
        refused = sum(n for said, n in row.items() if said.startswith("refused"))
        assert row["alterations"] == refused + row["accepted, and true"] == 1000 and row["false"] == []
