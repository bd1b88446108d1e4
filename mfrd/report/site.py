"""The executed notebooks as web pages that need no network: styles, figures and formulas are inside each file.

nbconvert's basic template makes a notebook's body, pdoc that of the public names, and pages/ holds the rest. The
whole pages of nbconvert load scripts that set the formulas; ours hold them as MathML, and a policy under which a
browser sends no request.
"""

import base64
import hashlib
import html
import io
import json
import re
import shutil
import types
from collections.abc import Iterable, Sequence
from pathlib import Path

import jinja2
import nbformat
import numpy as np
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from ..problems.source import Source
from . import paper
from .origins import Mention, linked
from .outputs import ReportError, write_atomic
from .sources import gaussian, trimodal

FOLDER, PAGES = "site", Path(__file__).parent / "pages"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
SOLVER = ("solver.js", "drawing.js")  # the scripts of the page that solves
WIDGET = "application/vnd.jupyter.widget-view+json"
SAVED = re.compile(r'save_figure\([\w.]+, "(\w+)"\)')
ITALICS = {*range(0x1D434, 0x1D468), *range(0x1D6E2, 0x1D71C), 0x210E}  # in which browsers set <mi>
FACES = {"STIXGeneral": "", "STIXGeneralItalic": "font-style: italic;", "STIXGeneralBol": "font-weight: bold;"}
TEMPLATES = jinja2.Environment(loader=jinja2.FileSystemLoader(PAGES), autoescape=True, trim_blocks=True)


def export(root: Path) -> list[Path]:
    """Write site/index.html, a page for each executed notebook of `root`, solver.html and api.html; returns the paths.

    Raises
    ------
    ReportError
        Where there is no executed notebook, or a formula that MathML lacks.
    """
    root = Path(root)
    sources = sorted((root / "notebooks").glob("*.ipynb"))
    if not sources:
        raise ReportError(f"no executed notebook in {root / 'notebooks'}; make them with: python -m mfrd refresh")
    record, typed = root / "results" / "claims.json", root / paper.SOURCE
    text = typed.read_text(encoding="utf-8") if typed.is_file() else ""
    _, mentions = linked(root, text, paper.on_site)
    entries = {source.stem: notebook_page(root, source, mentions) for source in sources}
    contents = TEMPLATES.get_template("contents.html.jinja2").render(
        entries=[(name, title, question) for name, (title, question, _) in entries.items()],
        claims=json.loads(record.read_text(encoding="utf-8")) if record.is_file() else None,
    )
    pages = [("index", "Mixed-fidelity rate–distortion", contents)]
    pages += [(name, title, body) for name, (title, _, body) in entries.items()]
    pages += [("solver", "The solver, live", solver_page()), ("api", "API of mfrd", api_page())]
    links = [("index.html", "Contents"), *((f"{name}.html", name[:2]) for name in entries)]
    links += [("solver.html", "Solver"), ("api.html", "API")]
    folder = root / FOLDER
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    if text:
        write_atomic(folder / "paper.pdf", paper.typeset(root, paper.on_site))
    return [
        write(folder / f"{name}.html", title, body, links, SOLVER if name == "solver" else ())
        for name, title, body in pages
    ]


def write(path: Path, title: str, body: str, links: list[tuple[str, str]], names: Iterable[str] = ()) -> Path:
    """Write one page with its styles, its (target, text) links to the others, and scripts of pages/; returns the path.

    The page's policy names each script by its digest, so that a browser runs these and no other.
    """
    from pygments.formatters import HtmlFormatter

    rules = HtmlFormatter(style="friendly").get_style_defs(".highlight").splitlines()
    code = "\n".join(rule for rule in rules if ".err" not in rule and "background" not in rule)
    scripts = [(PAGES / name).read_text(encoding="utf-8") for name in names]
    face = fonts(title + body + "".join(scripts) + "".join(text for _, text in links))
    styles = "\n".join([face, (PAGES / "site.css").read_text(), code])
    page = TEMPLATES.get_template("page.html.jinja2")
    look = dict(policy=policy(scripts), title=title, styles=styles, links=links, body=body, scripts=scripts)
    return write_atomic(path, page.render(look).encode())


def policy(scripts: list[str]) -> str:
    """The Content-Security-Policy of a page: no request at all, and no script but these."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    return "; script-src ".join([POLICY, *([" ".join(f"'sha256-{digest}'" for digest in digests)] if digests else [])])


def solver_page() -> str:
    """The body of the page that solves in the browser, with the letters, probabilities and codewords of its sources."""
    letters = 100
    shown = {
        "trimodal": ("Three modes", trimodal(letters), 81, dict(D=0.6, Dcore=0.02, edge=1.0, step=0.1)),
        "gaussian": ("Gaussian", gaussian(letters), 61, dict(D=0.3, Dcore=0.02, edge=0.5, step=0.05)),
    }
    data = {
        name: dict(x=source.points.tolist(), p=source.p.tolist(), y=codewords(source, m).tolist(), **start)
        for name, (_, source, m, start) in shown.items()
    }
    sliders = [
        ("D", "Budget on all letters, <i>D</i>"),
        ("Dcore", "Budget in the subset, <i>D</i>′"),
        ("edge", "The subset: |<i>x</i>| below"),
    ]
    look = dict(letters=letters, sources=[(name, label) for name, (label, *_) in shown.items()], sliders=sliders)
    return TEMPLATES.get_template("solver.html.jinja2").render(data=json.dumps(data), **look)


def codewords(source: Source, m: int) -> np.ndarray:
    """m evenly spaced codewords over the letters of a source on the line, (m,)."""
    return np.linspace(source.points.min(), source.points.max(), m)


def fonts(page: str) -> str:
    """@font-face rules for the type of the figures, each font reduced to the characters of a page and embedded."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont
    from matplotlib import get_data_path

    rules = []
    for name, look in FACES.items():
        font = TTFont(Path(get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", recalcTimestamp=False)
        subsetter = Subsetter(Options(drop_tables=["FFTM"]))
        subsetter.populate(unicodes={*map(ord, html.unescape(page)), *ITALICS})
        subsetter.subset(font)
        font.flavor, file = "woff", io.BytesIO()
        font.save(file)
        data = base64.b64encode(file.getvalue()).decode()
        rules.append(f"@font-face {{ font-family: STIXGeneral; {look} src: url(data:font/woff;base64,{data}); }}")
    return "\n".join(rules)


def api_page() -> str:
    """The body of the page of every public name, from the docstrings, by pdoc."""
    import pdoc.doc
    import pdoc.render

    import mfrd

    face = types.ModuleType("mfrd", mfrd.__doc__)  # mfrd itself finds its names only when asked
    vars(face).update({name: getattr(mfrd, name) for name in mfrd.__all__}, __all__=list(mfrd.__all__))
    pdoc.render.configure(docformat="numpy", show_source=False, search=False, template_directory=PAGES)
    module = pdoc.doc.Module(face)
    return pdoc.render.html_module(module, {"mfrd": module})


def notebook_page(root: Path, path: Path, mentions: Sequence[Mention] = ()) -> tuple[str, str, str]:
    """(title, question, body) of one executed notebook, the last two as HTML.

    mentions: what of it the paper has, which a line over each cell says with its sections.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            # widgets are alive in JupyterLab alone
            cell.outputs = [out for out in cell.outputs if WIDGET not in out.get("data", {})]
            sharpen(root, cell)
    head = notebook.cells[0].source
    (title,) = re.findall(r"^# (.+)$", head, re.MULTILINE)
    question = re.findall(r"^\*.+?\*$", head, re.MULTILINE | re.DOTALL)[0]
    notebook.metadata.pop("widgets", None)
    try:
        exporter = HTMLExporter(template_name="basic", filters={"markdown2html": markdown})
        body, _ = exporter.from_notebook_node(notebook)
        body = re.sub(r'href="(\w+)\.ipynb"', r'href="\1.html"', body).replace("../paper/paper.pdf", "paper.pdf")
        for cell, line in quoted(path.stem, mentions).items():
            place = f'id="{paper.fragment(cell)}">'
            body = body.replace(place, place + line)
        return title, re.sub("</?p>", "", markdown(question)), body
    except ReportError as error:
        raise ReportError(f"{path.stem}: {error}") from error


def quoted(name: str, mentions: Sequence[Mention]) -> dict[int, str]:
    """{cell: a line that links the sections of the paper with a number or figure which it made} of a notebook."""
    found: dict[int, dict[str, str]] = {}
    for one in mentions:
        if one.path == f"notebooks/{name}.py" and one.cell is not None and one.section:
            found.setdefault(one.cell, {})[one.section] = one.label
    template = TEMPLATES.get_template("quoted.html.jinja2")
    return {cell: template.render(sections=sorted(those.items(), key=order)) for cell, those in found.items()}


def order(section: tuple[str, str]) -> list[tuple[int, str]]:
    """What sorts (number, label) of sections: 6.2 before 6.10, and all before appendix A."""
    return [(len(part) if part.isdigit() else 9, part) for part in section[0].split(".")]


class _Formulas(IPythonRenderer):
    """nbconvert's HTML of Markdown, its formulas as MathML."""

    def block_math(self, body: str) -> str:
        """A formula on lines of its own."""
        return mathml(body, "block")

    def inline_math(self, body: str) -> str:
        """A formula in a line."""
        return mathml(body, "inline")


def markdown(source: str) -> str:
    """Markdown as HTML, its formulas as MathML. Raises ReportError for one that MathML lacks."""
    return MarkdownWithMath(renderer=_Formulas(escape=False, exclude_anchor_links=True)).render(source)


TEMPLATES.filters["markdown"] = markdown


def mathml(tex: str, display: str) -> str:
    """A TeX formula as MathML, display "block" or "inline".

    Raises
    ------
    ReportError
        Where a command is left that MathML does not know.
    """
    from latex2mathml.converter import convert

    upright = re.sub(r"\\mathrm\{(\w)\}", r"\\text{\1}", tex)  # a single letter in <mi> would be slanted
    if display == "block":
        upright = re.sub(r"\\(max|min|sup)_", r"\\\1\\limits_", upright)
    found = convert(upright, display=display)
    if "\\" in found:
        raise ReportError(f"formula {tex!r} holds a command that has no MathML; expected plain TeX, rewrite it")
    return found


def sharpen(root: Path, cell: nbformat.NotebookNode) -> None:
    """Put the published SVG of a cell's figure in place of its raster, for the page."""
    names = SAVED.findall(cell.source)
    figures = [out for out in cell.outputs if "image/png" in out.get("data", {})]
    for name, out in zip(names, figures):
        path = root / "figures" / f"{name}.svg"
        if path.is_file() and len(names) == len(figures):
            data = base64.b64encode(path.read_bytes()).decode()
            out["data"] = {"text/html": f'<img alt="{name}" src="data:image/svg+xml;base64,{data}">'}
