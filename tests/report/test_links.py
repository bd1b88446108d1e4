"""Links lead home: each number and figure of the paper to the cell that made it, those of the README to files."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from helpers.addresses import addresses, astray

from mfrd.report import paper
from mfrd.report.origins import MAKERS, Notebook, linked, origins, sections
from mfrd.report.outputs import ReportError

ROOT = Path(__file__).parents[2]
TYPED = (ROOT / paper.SOURCE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def links():
    return addresses(paper.typeset(ROOT))


def test_every_link_of_the_paper_leads_somewhere(links):
    assert [wrong for address in links if (wrong := astray(address, ROOT / "paper"))] == []


def test_every_number_and_figure_of_the_paper_is_a_link(links):
    text, mentions = linked(ROOT, TYPED, lambda path, cell: "")
    printed = re.findall(r'(?<!"\)\[)#(?:num|order|order-up|count|Count)\([^\n]{0,20}', text)
    of_no_result = ("#order(1e-6)", "#num(calc.log(calc.pi", "#num(calc.min(..values", "#num(calc.max(..values")
    assert [call for call in printed if not call.startswith(of_no_result)] == []
    shown = sum(len(re.findall(r'"\w+"', names)) for names in re.findall(r"#(?:fig|row)\((\([^)]*\)|\"\w+\")", TYPED))
    assert text.count('homes: ("') == len(re.findall(r"#(?:fig|row)\(", TYPED)) and len(mentions) > 250 + shown
    # a link that a line or a page ends in the middle of is two
    assert len(links) >= len(mentions) and {"notebooks/" + Path(urlsplit(a).path).stem + ".py" for a in links} >= {
        one.path for one in mentions if one.path.startswith("notebooks/")
    }
    assert {one.path for one in mentions if not one.path.startswith("notebooks/")} == set(MAKERS.values())


def test_a_link_that_leads_nowhere_is_seen():
    folder = ROOT / "paper"
    for address in (
        "../notebooks/03_refinement.ipynb#cell-id=cell-999",
        "../notebooks/03_refinement.ipynb#cell-id=cell-001",  # of text
        "../notebooks/99_nothing.ipynb",
        "../../elsewhere",
        "http://example.org",
        "https://no host/",
        "../benchmarks/bench.py#cell-id=cell-002",
        "../README.md#no-such-heading",
    ):
        assert astray(address, folder), address
    assert not astray("../notebooks/03_refinement.ipynb#cell-id=cell-002", folder)


MADE = [  # an expression of the paper, and what stands in the cell that made it
    ("line1.I_bits", "run = mfrd.refine(problem"),
    ('tight.at("0.02 priced").prices_bits.core', "bound = {(D_, step): mfrd.refine("),
    ("calc.min(..unmerged.clarabel.H_Y_bits)", "unmerged = {name: mfrd.refine("),
    ("line1.draws.rates.len()", "runs = {s: mfrd.refine("),
    ("r3.refine_spike.budgets.global", "D_spike: float ="),
    ("at.prices_bits.global", "solved = mfrd.solve(problem, solver)"),
    ("-trough.above", "mfrd.rd_curve("),
    ("r2.finite_differences.differences.core", "differences = {name: (below"),
    ("lloyd.equal_distortion.I_bits", "lloyd_D"),
    ("cool.first().tau", "path_down"),
    ("gap(r8.trimodal.trellis)", "trellis of {states} states"),
    ("converse(1000).normal_bits", "bounds ="),
    ("r0.file.bytes / r0.file.lower_bound_bytes", "coded, report ="),
    ("r5.nine_codewords.bound_on_all_codebooks_bits", "everywhere"),
]


@pytest.mark.parametrize(("expression", "made"), MADE)
def test_a_number_leads_to_the_cell_that_made_it(expression, made):
    seen = []
    text = TYPED[: TYPED.index("#show: paper.with")] + "\n".join(re.findall(r"^#let .*$", TYPED, re.MULTILINE))
    linked(ROOT, f"{text}\n#num({expression}, 2)", lambda path, cell: seen.append((path, cell)) or "")
    path, cell = seen[-1]
    assert made in Notebook(ROOT / path).cells[cell]


def test_links_are_lines_of_the_repository_that_the_citation_names(tmp_path):
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    without = re.sub(r"^repository-code:.*\n", "", citation, flags=re.MULTILINE)
    (tmp_path / "CITATION.cff").write_text(without + 'repository-code: "https://example.org/mfrd"\n', encoding="utf-8")
    address = paper.in_repository(tmp_path)
    place, lines = address("notebooks/03_refinement.py", 4).split("#")
    assert place == "https://example.org/mfrd/blob/main/notebooks/03_refinement.py"
    first, last = map(int, re.findall(r"\d+", lines))
    text = (ROOT / "notebooks" / "03_refinement.py").read_text(encoding="utf-8").splitlines()
    assert text[first - 1].startswith("# %%") and text[last - 1].strip() and text[last + 1].startswith("# %%")
    assert address("benchmarks/bench.py", None) == "https://example.org/mfrd/blob/main/benchmarks/bench.py"
    (tmp_path / "CITATION.cff").write_text(without, encoding="utf-8")
    assert (
        paper.in_repository(tmp_path)("notebooks/03_refinement.py", 4)
        == "../notebooks/03_refinement.ipynb#cell-id=cell-005"
    )


def test_a_figure_or_a_notebook_that_is_not_there_is_an_error_that_names_it(tmp_path):
    nowhere = lambda path, cell: ""
    with pytest.raises(ReportError, match="03_refinement saves the figure fig99_nothing"):
        linked(ROOT, '#fig("fig99_nothing", "03_refinement")[]', nowhere)
    with pytest.raises(ReportError, match="no .*99_nothing.py; expected the notebook"):
        linked(ROOT, '#let r = json("/results/99_nothing.json")\n#num(r.x, 2)', nowhere)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_a.py").write_text("# %%\nx = 1\n")
    with pytest.raises(ReportError, match="no cell of 01_a saves results"):
        linked(tmp_path, '#let r = json("/results/01_a.json")\n#num(r.x, 2)', nowhere)


def test_what_an_expression_reads_is_found_by_its_names():
    env = {"a": [("01_a", ("x",))], "b-c": [("02_b", ())], "f": [("03_f", ("y",))]}
    assert origins('calc.max(..a.u.at("k l").v, -b-c.w) + row.a + f(2)', env) == [
        ("01_a", ("x", "u", "k l", "v")),
        ("02_b", ("w",)),
        ("03_f", ("y",)),
    ]
    assert sections("= One <sec-one>\n== Two\n= Three")["1.1"] == "" and sections("= One <sec-one>") == {"1": "sec-one"}
    assert list(sections("= One\n#show: appendices\n= Two\n== Three\n= Four")) == ["1", "A", "A.1", "B"]


def test_every_link_of_the_readme_leads_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"\]\(([^)\s]+)\)|<(https?://[^>\s]+)>", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    assert len(found) > 10
    assert [wrong for pair in found if (wrong := astray("".join(pair), ROOT))] == []
