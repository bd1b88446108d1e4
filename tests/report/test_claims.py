"""Each verdict follows from the results that its entry declares, and can come out otherwise; a changed one fails."""

import copy as copies
import inspect
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.published_copy import change

from mfrd.report import outputs
from mfrd.report.claims import codebooks, core
from mfrd.report.claims.table import (
    ClaimError,
    Row,
    changes,
    check,
    declared,
    entries,
    examine,
    load,
    measure,
    recorded,
    table,
    tally,
)
from mfrd.report.claims.verdicts import Verdict, judge, number, ranges
from mfrd.report.command import main

ROOT = Path(__file__).parents[2]
ENTRIES = entries()
EXAMINED = [entry for entry in ENTRIES if "reason" not in entry]
RESULTS = load(ROOT)
FIELDS = {"key", "section", "paragraph", "quote", "claim"}
EXAMINED_FIELDS = FIELDS | {"results", "criterion", "measured", "why", "altered"}
OPTIONAL = {"repeated", "settings", "turns", "condition", "unlike", "remark"}
ADJECTIVES = (
    r"\b(close|closely|very small|noticeably|significantly|substantially|high-probability|quickly|sharply|precisely)\b"
)
key = lambda entry: entry["key"]


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(ROOT / "results", tmp_path / "results")
    return tmp_path


def put(node, path, value):
    """Set the value at `path`, keys with slashes between and * for each, below `node`; what is set must differ."""
    first, *rest = path
    spots = list(node if isinstance(node, dict) else range(len(node))) if first == "*" else [first]
    for spot in spots:
        spot = int(spot) if isinstance(node, list) else spot
        if rest:
            put(node[spot], rest, value)
        else:
            assert node[spot] != value
            node[spot] = value


def altered(entry, what):
    """The arguments of an entry's test with the altered values set."""
    arguments = copies.deepcopy(declared(entry, RESULTS))
    for path, value in what["set"].items():
        put(arguments, path.split("/"), value)
    return arguments


def test_entries_say_all_that_a_reader_needs():
    assert len({key(entry) for entry in ENTRIES}) == len(ENTRIES) >= 70
    for entry in ENTRIES:
        expected = FIELDS | {"reason"} if "reason" in entry else EXAMINED_FIELDS
        assert expected <= set(entry) <= expected | OPTIONAL, key(entry)
        assert all(entry[name] for name in expected), key(entry)
        assert set(entry.get("settings", {})).isdisjoint(entry.get("results", {})), key(entry)
        if "reason" not in entry and re.search(ADJECTIVES, entry["claim"]):
            assert "turns" in entry, f"{key(entry)}: its adjective has no value at which the verdict turns"


def test_every_test_of_a_claim_has_its_entry():
    tests = {
        name
        for module in (core, codebooks)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
    }
    named = {key(entry).replace("-", "_") for entry in EXAMINED}
    helpers = {"column", "certified", "over_chord", "off_gaussian", "along", "added", "meets"}
    assert tests == named | helpers


@pytest.mark.parametrize("entry", EXAMINED, ids=key)
def test_altered_results_turn_the_verdict(entry):
    published = examine(entry, declared(entry, RESULTS)).verdict
    for what in entry["altered"]:
        found = examine(entry, altered(entry, what)).verdict
        assert found == Verdict[what["gives"].upper()] != published, what


@pytest.mark.parametrize("entry", EXAMINED, ids=key)
def test_a_test_reads_what_it_declares_and_leaves_it_alone(entry):
    arguments = declared(entry, RESULTS)
    before = copies.deepcopy(arguments)
    published = examine(entry, arguments)
    assert arguments == before
    for name in entry["results"]:
        try:
            found = examine(entry, {**arguments, name: None})
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            continue
        assert found != published, f"{name} is declared and not read"


def test_what_needs_words_beside_its_verdict_has_them():
    rows = measure(ROOT)
    for row in rows:
        assert row.beside or row.verdict not in (Verdict.CONDITION, Verdict.UNLIKE, Verdict.NOT_EXAMINED), row
        assert bool(row.measured) == (row.verdict != Verdict.NOT_EXAMINED), row
        assert not re.search(r"\bnan\b|\de-\d", row.measured), row
    assert {row.verdict for row in rows} == set(Verdict)


def test_neural_compressors_are_not_examined():
    neural = [entry for entry in ENTRIES if "neural" in entry["quote"].lower() and entry["key"].startswith("neural")]
    assert len(neural) >= 2 and all("reason" in entry for entry in neural)


def test_the_record_is_what_the_code_finds():
    rows = measure(ROOT)
    assert changes(rows, recorded(ROOT)) == []
    kept = json.loads((ROOT / "results" / "claims.json").read_text())
    assert kept == {"tally": tally(rows), "rows": [row.__dict__ for row in rows]}, "run: python -m mfrd claims"
    assert sum(line["claims"] for line in kept["tally"]) == len(ENTRIES)


@pytest.mark.parametrize(
    "key, notebook, path, value, verdict",
    [
        ("price-ratio", "02_duals", "gaussian_1d_mixed_fidelity/smallest_price_ratio", 7.0, "false"),
        ("spike-final", "04_lloyd_max", "lloyd_spike/convex/converged", True, "true as stated"),
    ],
)
def test_a_changed_value_flips_its_verdict_and_the_exit_status(
    copy, monkeypatch, capsys, key, notebook, path, value, verdict
):
    monkeypatch.setattr(outputs, "root", lambda: copy)
    assert main(["claims"]) == 0
    before = recorded(copy)[key]
    change(copy, notebook, path, value)
    assert main(["claims"]) == 1
    assert f"{key}: {verdict!r}, recorded as {before!r}" in capsys.readouterr().out
    assert recorded(copy)[key] == before, "a changed verdict must not be recorded by itself"
    assert main(["claims", "--record"]) == 0 and main(["claims"]) == 0
    assert recorded(copy)[key] == verdict


def test_a_row_that_came_or_went_is_a_change():
    rows = measure(ROOT)
    record = recorded(ROOT)
    first = rows[0].key
    assert changes(rows[1:], record) == [f"{first}: 'no row', recorded as {record.pop(first)!r}"]
    assert changes(rows, record) == [f"{first}: {rows[0].verdict!r}, recorded as 'no row'"]


def test_a_missing_number_names_its_claim_its_key_and_the_remedy(copy, monkeypatch, capsys):
    change(copy, "02_duals", "gaussian_1d_mixed_fidelity/smallest_price_ratio", None)
    with pytest.raises(ClaimError, match="smallest_price_ratio.*price-ratio.*python -m mfrd report"):
        measure(copy)
    monkeypatch.setattr(outputs, "root", lambda: copy)
    assert main(["claims"]) == 2
    assert "error: results/ lacks 'smallest_price_ratio'" in capsys.readouterr().err


def test_a_root_without_results_is_an_error(tmp_path):
    with pytest.raises(ClaimError, match="no results in"):
        check(tmp_path, stream=io.StringIO())


def test_what_is_printed_fits_120_columns_and_explains_its_verdicts(copy):
    stream = io.StringIO()
    assert check(copy, stream=stream)
    printed = stream.getvalue()
    assert max(map(len, printed.splitlines())) <= 120
    assert all(f"{v.value}: {v.message}" in printed for v in Verdict)
    assert all(f"[{entry['key']}]" in printed for entry in ENTRIES)
    assert table([]).count("\n") >= 1


def test_a_row_is_printed_in_columns():
    texts = dict(key="k", section="1", claim="c", criterion=8 * "word ", measured="m", verdict="false", beside="b")
    printed = table([Row(**texts, paragraph=1, quote="", why="")]).splitlines()
    first, second = (re.split(r"\s{2,}", line) for line in printed[3:5])
    assert first == ["1", "c [k]", "word word word word word word", "m", "false: b"] and second == ["", "word word"]


def test_a_remark_stands_only_where_it_applies():
    (entry,) = (entry for entry in ENTRIES if key(entry) == "fidelity-met")
    tighter = altered(entry, {"set": {"line/budgets/core": 0.599}})
    assert examine(entry, declared(entry, RESULTS)).beside == entry["remark"] and examine(entry, tighter).beside == ""


def test_the_first_outcome_given_is_the_verdict():
    assert judge("m", "remark", idle=False, true=True, condition="c") == (Verdict.TRUE, "m", "remark")
    assert judge("m", "remark", true=False, condition="c") == (Verdict.CONDITION, "m", "c")
    assert judge("m", "remark", true=False, condition="") == (Verdict.FALSE, "m", "remark")


@pytest.mark.parametrize(
    "value, style, words",
    [
        (-0.0312, ".3f", "−0.031"),
        (-0.0004, ".3f", "0.000"),
        (0.7354, ".0%", "74 %"),
        (-0.058, ".1%", "−5.8 %"),
        (1e-8, "e", "10⁻⁸"),
        (2.9e-8, "e", "3·10⁻⁸"),
        (-2.9e-8, "e", "−3·10⁻⁸"),
        (0, "e", "0"),
        (0, "e-9", "10⁻⁹"),
        (2e-7, "e-9", "2·10⁻⁷"),
        (0.6, "g", "0.6"),
        (np.bool(True), "met|missed", "met"),
        (False, "met|missed", "missed"),
    ],
)
def test_numbers_are_written_with_true_minus_signs_and_powers_of_ten(value, style, words):
    assert number(value, style) == words


def test_ranges_name_both_ends_of_a_sweep():
    D = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    mask = lambda text: np.array([c == "x" for c in text])
    assert ranges(D, mask(".x.xx")) == "0.20 ≤ D ≤ 0.20 or D ≥ 0.40"
    assert ranges(D, mask("xx.x.")) == "D ≤ 0.20 or 0.40 ≤ D ≤ 0.40"
    assert ranges(D, mask(".....")) == ""
