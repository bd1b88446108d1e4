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
from helpers.addresses import addresses, astray, unpacked
from helpers.browser import BROWSER, MISSING, Page

import mfrd
from mfrd.report import site
from mfrd.report.outputs import ReportError
from mfrd.report.site import POLICY, export

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)


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
    assert [path.stem for path in pages] == ["index", *names, "solver", "api"]
    contents = pages[0].read_text()
    assert all(f'href="{name}.html"' in contents for name in names)
    assert contents.count("<tr") > 25 and "true under a condition" in contents


def test_every_formula_of_the_notebooks_is_in_its_page(pages):
    for page in pages[1:-2]:
        cells = nbformat.read(ROOT / "notebooks" / f"{page.stem}.ipynb", as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        formulas = re.findall(r"\$\$.+?\$\$|\$[^$]+\$", CODE.sub("", text), re.DOTALL)
        assert formulas and page.read_text().count("<math") == len(formulas), page.stem
        assert unset(page.read_text()) == [], page.stem


# what functions return; nobody builds them
RESULTS = {
    "AnnealingStep",
    "Check",
    "ContextBound",
    "DensityLimit",
    "Estimate",
    "FiniteBlocks",
    "Limit",
    "LimitCurve",
    "Solution",
    "Stream",
    "Trellis",
    "Vertex",
}


def entry(page, name):
    """The section of the page of names that is about `name`."""
    return BeautifulSoup(page.read_text(), "html.parser").find("section", id=name)


@pytest.mark.parametrize("name", mfrd.__all__)
def test_every_public_name_is_on_the_page_with_its_errors(name, pages):
    section, thing = entry(pages[-1], name), getattr(mfrd, name)
    heads = section.find_all(class_="attr")
    call, said = " ".join(head.get_text() for head in heads[: 1 + inspect.isclass(thing)]), section.get_text(" ")
    assert section.find(class_="name").get_text() == name and "0x" not in said
    error = inspect.isclass(thing) and issubclass(thing, Exception)
    assert error or all(parameter in call for parameter in inspect.signature(thing).parameters)
    assert [word for word in re.findall("[a-z]{4,}", inspect.getdoc(thing)) if word not in said] == []
    assert error or name in RESULTS or "Raises" in said


def test_the_page_of_names_lists_the_public_ones_and_no_other(pages):
    soup = BeautifulSoup(pages[-1].read_text(), "html.parser")
    assert sorted(section["id"] for section in soup("section")) == sorted(mfrd.__all__)


def test_the_page_of_names_begins_with_the_guide():
    guide, names = site.api_page().split("<h2>The names</h2>")
    assert all(f">{line}</h2>" in guide for line in re.findall(r"\n(.+)\n-{5,}\n", mfrd.__doc__)) and len(names) > len(
        guide
    )


def test_the_contents_and_the_notebooks_link_the_api(pages):
    assert all('href="api.html"' in page.read_text() for page in pages)
    soup = BeautifulSoup(pages[-1].read_text(), "html.parser")
    ids = {tag["id"] for tag in soup(id=True)}
    named = {a["href"][1:] for a in soup("a", href=re.compile("^#"))}
    assert set(mfrd.__all__) <= named <= ids


def test_the_api_page_is_the_same_in_every_process():
    code = "import sys; from mfrd.report import site; sys.stdout.reconfigure(encoding='utf-8'); print(site.api_page())"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    assert run.stdout == site.api_page() + "\n"


def test_nothing_is_loaded_from_elsewhere(pages):
    for page in pages:
        text = page.read_text()
        soup = BeautifulSoup(text, "html.parser")
        scripts = [tag.string for tag in soup("script") if not tag.get("type")]
        assert len(scripts) == 2 * (page.stem == "solver") and not soup("script", src=True), page.stem
        assert f'content="{site.policy(scripts)}"' in text and site.policy(scripts).startswith(POLICY)
        assert not soup(["iframe", "object", "embed"]), page.stem
        sources = [tag.get("src") or tag.get("href") for tag in soup(["img", "link"])]
        assert [source[:40] for source in sources if not source.startswith("data:")] == [], page.stem
        style = "".join(tag.get_text() for tag in soup("style"))
        assert set(re.findall(r"url\((\w+:[\w/]+)", style)) == {"data:font/woff"} and "@import" not in style, page.stem
        assert style.count("url(") == style.count("url(data:"), page.stem


def test_links_between_pages_lead_somewhere(pages):
    folder = pages[0].parent
    ids = {page.name: {tag["id"] for tag in BeautifulSoup(page.read_text(), "html.parser")(id=True)} for page in pages}
    pdf = (folder / "paper.pdf").read_bytes()
    found = {
        (page, a["href"]) for page in pages for a in BeautifulSoup(page.read_text(), "html.parser")("a", href=True)
    }
    found |= {(folder / "paper.pdf", address) for address in addresses(pdf)}
    for page, target in found:
        if re.match("https?:", target):
            assert not astray(target, folder), (page.stem, target)
            continue
        path, _, fragment = target.partition("#")
        name = path or page.name
        # what has no page is above, in the repository
        assert (folder / name).exists() or not astray(path, ROOT / site.FOLDER), (page.stem, target)
        known = ids.get(name) or {name.decode() for name in re.findall(rb"\((sec-[\w-]+)\)", unpacked(pdf))}
        assert not fragment or fragment in known, (page.stem, target)


def test_cells_that_the_paper_quotes_name_its_sections(pages):
    page = next(page for page in pages if page.stem == "03_refinement")
    said = BeautifulSoup(page.read_text(), "html.parser").find_all(class_="quoted")
    links = {link.get_text(): link["href"] for line in said for link in line("a")}
    assert links["section 6"] == "paper.pdf#sec-claims" and links["appendix C"] == "paper.pdf#sec-res-refine"
    both = next(line.get_text() for line in said if "appendix C" in line.get_text() and "section 6" in line.get_text())
    assert both.index("section 6") < both.index("appendix C")
    assert all('class="quoted"' in page.read_text() for page in pages[1:-2] if page.stem not in ("11_exercises",))


@pytest.mark.skipif(BROWSER is None, reason=MISSING)
def test_a_browser_shows_every_page_without_a_request(pages, tmp_path):
    with Page(tmp_path) as browser:
        for page in pages:
            browser.asked.clear()
            browser.open(page.as_uri())
            dom = browser.run("document.documentElement.outerHTML")
            assert "<body>" in dom and unset(dom) == [], page.stem
            assert dom.count("<math") == page.read_text().count("<math")
            assert [address for address in browser.asked if not address.startswith("data:")] == [page.as_uri()]
        assert browser.said == []


@pytest.mark.skipif(BROWSER is None, reason=MISSING)
def test_a_browser_refuses_what_a_page_must_not_load_and_says_so(tmp_path):
    body = '<img alt="" src="https://example.org/a.png"><script>document.title = "run"</script>'
    page = site.write(tmp_path / "page.html", "Title", body, [])
    with Page(tmp_path / "profile") as browser:
        browser.open(page.as_uri())
        assert browser.run("document.title") == "Title" and len(browser.said) == 2


def test_formulas_are_found_outside_code_and_set_upright_where_roman():
    page = site.markdown("cost `$5` of $x_i$ and\n$$\\mathrm{E}[X]$$ in\n```\n$y$\n```\nor \\$3")
    inline, block = BeautifulSoup(page, "html.parser")("math")
    assert inline["display"] == "inline" and inline.get_text() == "xi"
    assert block["display"] == "block" and "<mtext>E</mtext>" in str(block)
    assert "<code>$5</code>" in page and "$y$" in page and "or $3" in page


def test_a_formula_that_cannot_be_set_is_an_error_that_names_it(tmp_path):
    (tmp_path / "notebooks").mkdir()
    cells = [nbformat.v4.new_markdown_cell("# Title\n\n*Question?*\n\n$\\nosuchcommand x$")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks" / "05_limit.ipynb")
    with pytest.raises(ReportError, match="05_limit: formula .*nosuchcommand.*rewrite it"):
        export(tmp_path)


def test_a_root_without_executed_notebooks_is_an_error(tmp_path):
    with pytest.raises(ReportError, match="no executed notebook.*python -m mfrd refresh"):
        export(tmp_path)
