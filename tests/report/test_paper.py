"""The paper: numbers from results/ alone, figures from figures/, the same bytes from two builds, no warning."""

import re
import shutil
from pathlib import Path

import pytest
from helpers.published_copy import change

from mfrd.report import command
from mfrd.report.origins import headings
from mfrd.report.paper import PaperError, build, typeset

ROOT = Path(__file__).parents[2]
PAPER = (ROOT / "paper" / "paper.typ").read_text()
UNITS = r"(?:pt|em|in|fr|%)"


@pytest.fixture
def copy(tmp_path):
    for folder in ("paper", "results", "figures", "notebooks"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def without_calls(text):
    """`text` without its code: #name(...) and #name.name(...).name, with balanced parentheses, and #(...)."""
    kept, at = [], 0
    for match in re.finditer(r"#[A-Za-z][\w.-]*|#(?=\()", text):
        if match.start() < at:
            continue
        end = match.end()
        while end < len(text) and (text[end] == "(" or re.match(r"\.[a-z]", text[end:])):
            if text[end] == ".":
                end += re.match(r"\.[\w-]+(?:\.[\w-]+)*", text[end:]).end()
                continue
            depth = 0
            for end in range(end, len(text)):  # noqa: B020
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                if depth == 0:
                    break
            end += 1
        kept.append(text[at : match.start()])
        at = end
    return "".join([*kept, text[at:]])


def typed_numbers(source):
    """Lines of a Typst source with a number that was typed: outside code, equations, strings, labels and lengths."""
    text = re.sub(r"^//.*$", "", source, flags=re.MULTILINE)
    text = re.sub(r'"[^"\n]*"', '""', text)
    literal = re.findall(rf"\b(?:num|order|count|Count)\(\s*-?[\d.]+\s*[,)]|(?<![\w.])\d+\.\d+(?!\s*{UNITS}|\d)", text)
    text = re.sub(r"^#(?:let|import|set) .*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"<[\w-]+>|@[\w-]+|\b\d\d_[a-z_]+", "", without_calls(text))
    text = re.sub(r"\$[^$]*\$", "", text)
    return literal + [line.strip() for line in text.splitlines() if re.search(r"\d", line)]


def test_no_number_is_typed_by_hand():
    assert typed_numbers(PAPER) == []


def test_the_scan_for_typed_numbers_finds_them():
    for line in (
        "It takes 3 rounds.",
        "a rate of $R = 0.35$ bits",
        "#num(0.352, 3) bits",
        "#num(3, 0)",
        "within 1.2 per cent",
        "#num(r.x, 3) and 0.25",
    ):
        assert typed_numbers(line), line
    for line in (
        '#num(r.at("D_0.6").x, 3) bits',
        "$sum_(i = 1)^n 2 x_i$",
        "// 2019",
        "@shannon1959 in @sec-2",
        "#num(calc.max(..r.map(s => s.x - 1)), 2)\nbits",
        "#table(inset: 0.35em)",
        "notebook 02_duals",
    ):
        assert not typed_numbers(line), line


def test_two_builds_are_the_same_bytes_and_those_committed():
    pdf = typeset(ROOT)
    assert pdf == typeset(ROOT)
    assert pdf == (ROOT / "paper" / "paper.pdf").read_bytes(), "run: python -m mfrd paper"


def test_a_changed_result_changes_the_paper(copy):
    before = typeset(copy)
    change(copy, "02_duals", "gaussian_1d_mixed_fidelity/smallest_price_ratio", 99.5)
    after = typeset(copy)
    assert after != before
    change(copy, "claims", "tally", [{"verdict": "false", "means": "it does not pass", "claims": 3}])
    assert typeset(copy) != after
    assert build(copy).read_bytes() != before


def test_a_missing_number_fails_the_build_with_its_name_and_the_remedy(copy):
    change(copy, "04_lloyd_max", "lloyd_1d/saving_at_equal_rate_D", None)
    with pytest.raises(PaperError, match=r'key "saving_at_equal_rate_D"(.|\n)*python -m mfrd report'):
        typeset(copy)


def test_a_missing_figure_and_a_warning_fail_the_build(copy):
    (copy / "figures" / "fig07_plane.svg").rename(copy / "figures" / "elsewhere.svg")
    with pytest.raises(PaperError, match="fig07_plane"):
        typeset(copy)
    (copy / "figures" / "elsewhere.svg").rename(copy / "figures" / "fig07_plane.svg")
    source = copy / "paper" / "paper.typ"
    source.write_text('#set text(font: "No Such Face")\n' + source.read_text())
    with pytest.raises(PaperError, match="warning: unknown font family"):
        typeset(copy)


def test_a_root_without_a_paper_is_an_error(tmp_path):
    with pytest.raises(PaperError, match="no paper/paper.typ"):
        typeset(tmp_path)


NOTEBOOK_ONLY = {
    **dict.fromkeys(("exercises_binary", "exercises_blahut", "exercises_cells", "exercises_regions"), "of exercises"),
    **dict.fromkeys(
        ("fig10_spike_initial", "fig11_spike_refined"), "one word is left, at the mean, which a sentence says"
    ),
    "fig18_water": "the two water levels behind the bound, which sentences name",
    "fig04_draws": "eight draws end at one rate to all digits shown, which a sentence says",
    "fig05_refine_2d_history": "the plane's rounds look as those of the line do, which the paper shows",
    "fig19_whole": "at the size of a page it shows no more than the region of interest, which the paper has",
    "fig21_streams_core": "the paper says in numbers what it shows: the gaps beside a core's budget",
    "sources_mixture": "what a subset's ends do to letters, which the paper says in numbers",
    "fig20_explorer": "a still of an interactive widget, which says nothing that other figures do not",
}


def test_every_figure_is_in_the_paper_or_is_left_to_its_notebook_and_names_it():
    shown = re.findall(r'#(?:fig\("([\w]+)"|row\(\(([^)]*)\)), "(\w+)"', PAPER)
    notebook_of = {
        name: notebook
        for single, several, notebook in shown
        for name in ([single] if single else re.findall(r'"(\w+)"', several))
    }
    assert sorted([*notebook_of, *NOTEBOOK_ONLY]) == sorted(path.stem for path in (ROOT / "figures").glob("*.svg"))
    for name, notebook in notebook_of.items():
        assert f'"{name}"' in (ROOT / "notebooks" / f"{notebook}.py").read_text(), (name, notebook)


def swallowed(text):
    """Semicolons of prose that Typst takes as the end of the expression before them, each with that expression."""
    nested = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
    return re.findall(rf"(?m)^(?! *#(?:let|set|show)).*#[\w-]+{nested};.*$", text)


def test_no_semicolon_of_the_prose_is_swallowed():
    assert swallowed("is #num(r.last().bits, 3); at")
    assert not swallowed("(is #num(r.last().bits, 3)); at")
    assert swallowed(PAPER) == []


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.py")), ids=lambda path: path.stem)
def test_each_notebook_links_its_section(path):
    ((number, title),) = re.findall(
        r"\[paper\]\(\.\./paper/paper\.pdf\): (?:section|appendix) ([\dA-Z.]+), (.*?)\."
        r"(?: Figures are numbered as there\.)?\*",
        path.read_text(),
    )
    assert {number: title for number, title, _ in headings(PAPER)}[number] == title


def test_every_reference_is_cited_and_every_citation_exists():
    keys = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "paper" / "refs.bib").read_text(), re.MULTILINE))
    cited = {key for key in re.findall(r"@([\w-]+)", PAPER) if not re.match(r"(?:sec|fig|tab|eq|prop|lem)-", key)}
    assert cited == keys


def test_a_whole_report_at_the_published_defaults_ends_with_the_paper(monkeypatch):
    ends = []
    monkeypatch.setattr("mfrd.report.run.report", lambda *arguments, **options: [])
    monkeypatch.setattr(command, "_paper", lambda options: ends.append("paper") or 0)
    for arguments in (["--only", "01"], ["--solver", "newton"], ["-p", "n_codewords=9"]):
        assert command.main(["report", *arguments]) == 0
    assert ends == []
    assert command.main(["report"]) == 0
    assert ends == ["paper"]
