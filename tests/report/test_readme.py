"""What the README shows must run."""

import doctest
import json
import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.published_copy import change

import mfrd
from mfrd.report.claims.table import ClaimError
from mfrd.report.claims.verdicts import Verdict
from mfrd.report.readme import readme

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_example_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    solution = names["solution"]
    assert solution.gap < 1e-6 and solution.distortions["core"] <= 0.05 * (1 + 1e-12)
    assert str(np.round(solution.rate, 3)) in capsys.readouterr().out


def test_it_fits_two_screens():
    shown = re.sub(r"<!--.*?-->\n|\]\([^)]*\)", "", README)
    assert sum(max(1, -(-len(line) // 120)) for line in shown.splitlines()) <= 100


def test_the_guide_runs_from_samples_to_bytes():
    failures, tried = doctest.testmod(mfrd)
    assert tried >= 15 and not failures
    names = {}
    exec(compile(doctest.script_from_examples(mfrd.__doc__), "mfrd", "exec"), names)
    check, decoded = names["check"], names["codec"].decode(names["data"])[:, 0]
    assert str(check).startswith("Check(20000 samples") and "of 0.1" in str(check) and "EXCEEDED" not in str(check)
    assert np.mean((names["samples"] - decoded) ** 2) <= 0.1 * (1 + 1e-9)


def test_the_benchmark_of_the_first_answer_runs_the_example_up_to_its_certificate(capsys):
    code = runpy.run_path(str(ROOT / "benchmarks" / "first_answer.py"))["example"]()
    exec(compile(code, "example", "exec"), {})
    rate, gap, solver = json.loads(capsys.readouterr().out)
    recorded = json.loads((ROOT / "results" / "first_answer.json").read_text())
    assert gap < 1e-6 and recorded["make"]["rate_bits"] == pytest.approx(rate, abs=2e-6)
    assert recorded["make"]["gap_below_1e-6_bits"] and recorded["pip"]["gap_below_1e-6_bits"]


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_notebook_is_in_the_table():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"[{path.stem}](notebooks/{path.name})" in README


def test_its_numbers_are_those_of_results():
    assert readme(ROOT) == README, "run: python -m mfrd paper"


def test_a_part_without_a_writer_is_an_error(tmp_path):
    (tmp_path / "results").symlink_to(ROOT / "results")
    (tmp_path / "README.md").write_text("<!-- from results/: weather -->\n<!-- end -->")
    with pytest.raises(
        ClaimError, match="'weather' is unknown; expected one of hero, findings, first_answer, verdicts"
    ):
        readme(tmp_path)


def test_a_missing_number_names_its_part_its_key_and_the_remedy(tmp_path):
    shutil.copytree(ROOT / "results", tmp_path / "results")
    shutil.copy(ROOT / "README.md", tmp_path)
    change(tmp_path, "03_refinement", "refine_1d/binding/0.02 centroid/rounds", None)
    with pytest.raises(ClaimError, match="part findings: .*'rounds'.*python -m mfrd report"):
        readme(tmp_path)


def test_the_tally_names_every_verdict():
    written = re.search(r"<!-- from results/: verdicts -->\n(.*?)<!-- end -->", README, re.DOTALL)[1]
    assert all(re.search(rf"\b{verdict.value}, \d+[;.]", written) for verdict in Verdict)


def test_every_figure_names_its_notebook():
    for block in re.findall(r"!\[[^]]*\]\(figures/(\w+)\.svg\)\n\n(.*?)\n\n", README + "\n\n", re.DOTALL):
        name, caption = block
        (notebook,) = re.findall(r"\(notebooks/(\w+)\.ipynb\)", caption)
        assert f'"{name}"' in (ROOT / "notebooks" / f"{notebook}.py").read_text()
