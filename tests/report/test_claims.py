"""Verdicts follow from results/ alone, and a verdict that changes fails the command."""

import io
import json
import re
import shutil
from pathlib import Path

import pytest
from helpers.published_copy import change

from mfrd.report import outputs
from mfrd.report.claims.table import ClaimError, changes, check, measure, recorded, table
from mfrd.report.command import main

ROOT = Path(__file__).parents[2]
CHANGES = [  # claim, notebook, path of a value, another value, the verdict then
    ("ba-duals", "01_validation", "gaussian_1d/at_D_0.6/blahut_arimoto/prices_bits/global", 2.0, "holds"),
    ("price-ratio", "02_duals", "gaussian_1d_mixed_fidelity/smallest_price_ratio", 7.0, "does not hold"),
    ("subset-probable", "02_duals", "gaussian_1d_mixed_fidelity/probability_of_core", 0.7, "holds"),
    ("size-falls", "03_refinement", "refine_1d/codewords", 6, "does not hold"),
    ("subset-1d", "03_refinement", "refine_1d/prices_bits/core", 0.5, "holds"),
    ("spike-mean", "03_refinement", "refine_spike/budgets/global", 20.0, "holds"),
    ("lloyd-equal-D-H", "04_lloyd_max", "lloyd_1d/equal_distortion/H_Y_bits", 1.85, "does not hold"),
    ("quantisers-express", "07_compressors", "core/at_D/ecvq/distortions", {"global": 0.6, "core": 0.2}, "holds"),
    ("near-limit", "05_limit", "distances/spike, 15 rounds/at_most", 0.01, "does not hold"),
    ("printed-lloyd", "04_lloyd_max", "lloyd_1d/lloyd_max/D", 0.4172, "does not hold"),
]


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(ROOT / "results", tmp_path / "results")
    return tmp_path


def test_the_record_is_what_the_code_finds():
    rows = measure(ROOT)
    assert changes(rows, recorded(ROOT)) == []
    kept = json.loads((ROOT / "results" / "claims.json").read_text())["rows"]
    assert kept == [row.__dict__ for row in rows], "run: python -m mfrd claims"


def test_rows_are_complete():
    rows = measure(ROOT)
    keys = [row.key for row in rows]
    assert len(set(keys)) == len(keys) and sum(not row.corrects for row in rows) >= 25
    for row in rows:
        assert re.fullmatch(r"holds|holds where \S.+|does not hold", row.verdict), row
        assert all((row.claim, row.where, row.says, row.measured, row.tolerance)), row
        assert not row.corrects or row.corrects in keys[: keys.index(row.key)], row
        assert "nan" not in row.measured and "e-" not in row.measured, row


def test_what_compares_unlike_things_or_asks_nothing_is_corrected():
    rows = measure(ROOT)
    corrected = {row.corrects for row in rows}
    for row in rows:
        if "asks nothing" in row.verdict and row.where == "4.3" or "unlike" in row.verdict:
            assert row.key in corrected, row.key


@pytest.mark.parametrize("key, notebook, path, value, verdict", CHANGES, ids=[case[0] for case in CHANGES])
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


def test_a_missing_number_names_its_key_and_the_remedy(copy, monkeypatch, capsys):
    change(copy, "02_duals", "gaussian_1d_mixed_fidelity/smallest_price_ratio", None)
    with pytest.raises(ClaimError, match="smallest_price_ratio.*python -m mfrd report"):
        measure(copy)
    monkeypatch.setattr(outputs, "root", lambda: copy)
    assert main(["claims"]) == 2
    assert "error: results/ lacks 'smallest_price_ratio'" in capsys.readouterr().err


def test_a_root_without_results_is_an_error(tmp_path):
    with pytest.raises(ClaimError, match="no results in"):
        check(tmp_path, stream=io.StringIO())


def test_the_table_wraps_every_row():
    text = table(measure(ROOT))
    assert max(map(len, text.splitlines())) <= 175
    assert "└ At equal distortion H(Y)" in text
