"""The exported pages: every formula set, nothing loaded from anywhere, links that lead somewhere."""

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

import mfrd
from mfrd.report import api
from mfrd.report.execution import ReportError
from mfrd.report.site import POLICY, export, lift_formulas, put_back

ROOT = Path(__file__).parents[2]
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    root = tmp_path_factory.mktemp("site")
    for folder in ("notebooks", "figures", "results", "paper"):
        shutil.copytree(ROOT / folder, root / folder)
    return export(root)


def text_of(dom):
    """What a reader reads of a page, apart from code and formulas."""
    soup = BeautifulSoup(dom, "html.parser")
    for tag in soup(["pre", "code", "style", "script", "math", "title"]):
        tag.decompose()
    return soup.get_text(" ")


def unset(dom):
    """Remains of formulas in the text of a page."""
    return re.findall(r"\$|\\[A-Za-z]+|FORMULA\d*|\^\{|_\{", text_of(dom))


def test_a_page_for_each_notebook_and_an_index(pages):
    names = [path.stem for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    assert [path.stem for path in pages] == ["index", *names, "api"]
    contents = pages[0].read_text()
    assert all(f'href="{name}.html"' in contents for name in names)
    assert (pages[0].parent / "paper.pdf").read_bytes() == (ROOT / "paper" / "paper.pdf").read_bytes()
    assert contents.count("<tr") > 25 and "true under a condition" in contents


def test_every_formula_of_the_notebooks_is_in_its_page(pages):
    for page in pages[1:-1]:
        cells = nbformat.read(ROOT / "notebooks" / f"{page.stem}.ipynb", as_version=4).cells
        formulas = []
        for cell in cells:
            if cell.cell_type == "markdown":
                lift_formulas(cell.source, formulas, page.stem)
        assert formulas and page.read_text().count("<math") >= len(formulas), page.stem
        assert unset(page.read_text()) == [], page.stem


RESULTS = {"AnnealingStep", "Limit", "Solution", "Stream", "Vertex"}  # what functions return; nobody builds them


@pytest.mark.parametrize("name", mfrd.__all__)
def test_every_public_name_is_on_the_page_with_its_errors(name, pages):
    entry, thing = api.entry(name), getattr(mfrd, name)
    assert entry in pages[-1].read_text() and f'<h3 id="{name}">' in entry
    soup = BeautifulSoup(entry, "html.parser")
    call, said = soup.h3.get_text(), soup.get_text(" ")
    assert call.startswith(f"mfrd.{name}(") and "0x" not in call
    error = inspect.isclass(thing) and issubclass(thing, Exception)
    assert error or all(parameter in call for parameter in inspect.signature(thing).parameters)
    assert [word for word in re.findall("[a-z]{4,}", inspect.getdoc(thing)) if word not in said] == []
    assert error or name in RESULTS or "Raises " in said


def test_the_contents_and_the_notebooks_link_the_api(pages):
    assert all('href="api.html"' in page.read_text() for page in pages)
    named = BeautifulSoup(pages[-1].read_text(), "html.parser").find_all("a", href=re.compile("^#"))
    assert {a["href"][1:] for a in named} == set(mfrd.__all__)


def test_the_api_page_is_the_same_in_every_process():
    code = "import sys; from mfrd.report import api; sys.stdout.reconfigure(encoding='utf-8'); print(api.page())"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    assert run.stdout == api.page() + "\n"


@pytest.mark.parametrize(
    "text, shown",
    [
        ("R >= sum_i p_i Q_ij", "R ≥ ∑<sub>i</sub> p<sub>i</sub> Q<sub>ij</sub>"),
        ("|x_i - y|^2 <= D_r -> lam, (R,)", "|x<sub>i</sub> - y|<sup>2</sup> ≤ D<sub>r</sub> → <i>λ</i>, (R,)"),
        ("sum_{i in S} p_i", "∑<sub>i in S</sub> p<sub>i</sub>"),
        ("as `mfrd.solve` and rd_curve.", "as <code>mfrd.solve</code> and <code>rd_curve</code>."),
        ("Raises ValueError where a < b & c", "<b>Raises</b> ValueError where a &lt; b &amp; c"),
    ],
)
def test_prose_of_a_docstring_is_set_as_text(text, shown):
    assert api.prose(text) == shown


def test_nothing_is_loaded_from_elsewhere(pages):
    for page in pages:
        text = page.read_text()
        assert f'content="{POLICY}"' in text
        soup = BeautifulSoup(text, "html.parser")
        assert not soup(["script", "iframe", "object", "embed"]), page.stem
        sources = [tag.get("src") or tag.get("href") for tag in soup(["img", "link"])]
        assert [source[:40] for source in sources if not source.startswith("data:")] == [], page.stem
        style = "".join(tag.get_text() for tag in soup("style"))
        assert set(re.findall(r"url\((\w+:[\w/]+)", style)) == {"data:font/woff"} and "@import" not in style, page.stem
        assert style.count("url(") == style.count("url(data:"), page.stem


def test_links_between_pages_lead_somewhere(pages):
    for page in pages:
        for target in {a["href"] for a in BeautifulSoup(page.read_text(), "html.parser")("a", href=True)}:
            if not re.match(r"https?:|#", target):
                assert (page.parent / target.partition("#")[0]).exists(), (page.stem, target)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on the PATH; install Debian's chromium package to run this")
def test_a_browser_shows_every_page_without_a_request(pages, tmp_path):
    for page in pages:
        command = [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / page.stem}", "--dump-dom", page.as_uri()]
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert run.returncode == 0 and "<body>" in run.stdout, run.stderr[-2000:]
        assert unset(run.stdout) == [], page.stem
        assert run.stdout.count("<math") == page.read_text().count("<math")
        assert not re.search(r"Refused to|CONSOLE", run.stderr), run.stderr[-2000:]


def test_formulas_are_found_outside_code_and_set_upright_where_roman():
    formulas = []
    text = lift_formulas("cost `$5` of $x_i$ and\n$$\\mathrm{E}[X]$$ in ```\n$y$\n``` or \\$3", formulas, "a")
    assert text == "cost `$5` of FORMULA0END and\nFORMULA1END in ```\n$y$\n``` or \\$3"
    assert "<mtext>E</mtext>" in formulas[1] and 'display="block"' in formulas[1]
    assert "FORMULA" not in put_back(text, formulas)


def test_a_formula_that_cannot_be_set_is_an_error_that_names_it():
    with pytest.raises(ReportError, match="05_limit: formula .*nosuchcommand.*rewrite it"):
        lift_formulas(r"$\nosuchcommand x$", [], "05_limit")


def test_a_root_without_executed_notebooks_is_an_error(tmp_path):
    with pytest.raises(ReportError, match="no executed notebook.*python -m mfrd refresh"):
        export(tmp_path)
