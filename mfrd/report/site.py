"""The executed notebooks as web pages that need no network: styles, figures and formulas are inside each file."""

import base64
import html
import io
import json
import re
import shutil
from pathlib import Path

from . import api
from .execution import ReportError
from .outputs import write_atomic

FOLDER = "site"
# a browser then sends no request for a page
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
MATH = re.compile(
    r"(?<!\\)\$\$(?P<block>.+?)(?<!\\)\$\$|(?<![\\$])\$(?!\s)(?P<inline>[^$]+?)(?<![\\\s])\$(?!\d)", re.DOTALL
)
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
WIDGET = "application/vnd.jupyter.widget-view+json"
SAVED = re.compile(r'save_figure\([\w.]+, "(\w+)"\)')

STYLE = """
:root { --ink: #222; --grey: #6b6b6b; --rule: #ddd; --link: #0173b2; }
html { font: 17.5px/1.5 STIXGeneral, "STIX Two Text", "Times New Roman", serif; color: var(--ink); background: #fff; }
body { max-width: 54rem; margin: 0 auto; padding: 1.5rem 1.2rem 4rem; }
nav { font-size: .85rem; color: var(--grey); border-bottom: 1px solid var(--rule); padding-bottom: .6rem; }
nav a { margin-right: 1rem; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
a.anchor-link { display: none; }
h1 { font-size: 1.7rem; font-weight: 600; line-height: 1.2; margin: 1.6rem 0 .6rem; }
h2 { font-size: 1.2rem; font-weight: 600; margin: 2rem 0 .4rem; }
p { margin: .7rem 0; hyphens: auto; }
pre, code { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .69rem; line-height: 1.45; }
pre { margin: 0; overflow-x: auto; }
.code_cell { margin: .8rem 0; }
.highlight { background: #f7f7f5; padding: .6rem .8rem; border-left: 2px solid var(--rule); }
.output_area pre { padding: .5rem .8rem; color: #444; }
.prompt { display: none; }
img { display: block; max-width: 100%; margin: .8rem auto; }
math[display=block] { margin: .9rem 0; overflow-x: auto; overflow-y: hidden; }
math { font-family: "STIX Two Math", STIXGeneral, math; }
table { border-collapse: collapse; font-size: .82rem; line-height: 1.35; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; }
thead th { border-top: 1.5px solid var(--ink); border-bottom: 1px solid var(--ink); }
tbody tr:last-child td { border-bottom: 1.5px solid var(--ink); }
.wide { width: min(72rem, 94vw); margin-left: 50%; transform: translateX(-50%); overflow-x: auto; }
"""


def export(root):
    """Write site/index.html, one page for each executed notebook of `root`, and api.html; returns their paths.

    Raises ReportError where there is no executed notebook, or a formula that MathML lacks.
    """
    root = Path(root)
    sources = sorted((root / "notebooks").glob("*.ipynb"))
    if not sources:
        raise ReportError(f"no executed notebook in {root / 'notebooks'}; make them with: python -m mfrd refresh")
    folder = root / FOLDER
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    pages, entries = [], []
    for source in sources:
        title, question, body = notebook_page(root, source)
        entries.append((source.stem, title, question))
        pages.append((source.stem, title, body))
    pages.append(("api", "API of mfrd", api.page()))
    links = [*((f"{stem}.html", stem[:2]) for stem, _, _ in entries), ("api.html", "API")]
    written = [write(folder / f"{stem}.html", title, body, links) for stem, title, body in pages]
    if (root / "paper" / "paper.pdf").is_file():
        shutil.copyfile(root / "paper" / "paper.pdf", folder / "paper.pdf")
    return [write(folder / "index.html", "Mixed-fidelity rate–distortion", index(root, entries), links), *written]


def write(path, title, body, links):
    """Write one page with its styles and its links to the others; returns the path."""
    bar = "".join(
        f'<a href="{target}">{html.escape(text)}</a>' for target, text in [("index.html", "Contents"), *links]
    )
    page = body + bar + title
    return write_atomic(
        path,
        (
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
            f"<title>{html.escape(title)}</title>\n<style>{fonts(page)}{STYLE}{code_style()}</style>\n</head>\n"
            f"<body>\n<nav>{bar}</nav>\n{body}\n</body>\n</html>\n"
        ).encode(),
    )


def fonts(page):
    """@font-face rules for the type of the figures, each font reduced to the characters of a page and embedded.

    Browsers set <mi> in mathematical italics, so these are kept whole.
    """
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont
    from matplotlib import get_data_path

    characters = {ord(mark) for mark in html.unescape(page)} | {
        *range(0x1D434, 0x1D468),
        *range(0x1D6E2, 0x1D71C),
        0x210E,
    }
    rules = []
    for name, look in (
        ("STIXGeneral", ""),
        ("STIXGeneralItalic", "font-style: italic;"),
        ("STIXGeneralBol", "font-weight: bold;"),
    ):
        font = TTFont(Path(get_data_path()) / "fonts" / "ttf" / f"{name}.ttf", recalcTimestamp=False)
        subsetter = Subsetter(Options(drop_tables=["FFTM"]))
        subsetter.populate(unicodes=characters)
        subsetter.subset(font)
        font.flavor, file = "woff", io.BytesIO()
        font.save(file)
        data = base64.b64encode(file.getvalue()).decode()
        rules.append(f"@font-face {{ font-family: STIXGeneral; {look} src: url(data:font/woff;base64,{data}); }}")
    return "\n".join(rules)


def code_style():
    """The style sheet of highlighted code."""
    from pygments.formatters import HtmlFormatter

    rules = HtmlFormatter(style="friendly").get_style_defs(".highlight").splitlines()
    return "\n".join(rule for rule in rules if ".err" not in rule and "background" not in rule)


def notebook_page(root, path):
    """(title, question, body) of one executed notebook."""
    import nbformat
    from nbconvert import HTMLExporter

    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    formulas = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = lift_formulas(cell.source, formulas, path.stem)
        elif cell.cell_type == "code":
            cell.outputs = [
                out for out in cell.outputs if WIDGET not in out.get("data", {})
            ]  # alive in JupyterLab alone
            sharpen(root, cell)
    head = notebook.cells[0].source
    (title,) = re.findall(r"^# (.+)$", head, re.MULTILINE)
    question = re.findall(r"^\*(.+?)\*$", head, re.MULTILINE | re.DOTALL)[0]
    body, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    body = re.sub(r"\.\./paper/paper\.pdf", "paper.pdf", re.sub(r'href="(\w+)\.ipynb"', r'href="\1.html"', body))
    return title, put_back(question, formulas), put_back(body, formulas)


def lift_formulas(text, formulas, name):
    """Markdown with each formula outside code replaced by a word of letters, its MathML appended to `formulas`."""

    def lift(match):
        tex = match["block"] or match["inline"]
        formulas.append(mathml(tex, "block" if match["block"] else "inline", name))
        return f"FORMULA{len(formulas) - 1}END"

    parts, at = [], 0
    for code in CODE.finditer(text):
        parts += [MATH.sub(lift, text[at : code.start()]), code.group()]
        at = code.end()
    return "".join([*parts, MATH.sub(lift, text[at:])])


def put_back(text, formulas):
    """`text` with its formulas in place of their words."""
    return re.sub(r"FORMULA(\d+)END", lambda match: formulas[int(match[1])], text)


def mathml(tex, display, name):
    """A TeX formula as MathML.

    Raises ReportError where a command is left that MathML does not know.
    """
    from latex2mathml.converter import convert

    upright = re.sub(r"\\mathrm\{(\w)\}", r"\\text{\1}", tex)  # a single letter in <mi> would be slanted
    if display == "block":
        upright = re.sub(r"\\(max|min|sup)_", r"\\\1\\limits_", upright)
    found = convert(upright, display=display)
    if "\\" in found:
        raise ReportError(f"{name}: formula {tex!r} holds a command that has no MathML; expected plain TeX, rewrite it")
    return found


def sharpen(root, cell):
    """Put the published SVG of a cell's figure in place of its raster, for the page."""
    names = SAVED.findall(cell.source)
    figures = [out for out in cell.outputs if "image/png" in out.get("data", {})]
    for name, out in zip(names, figures):
        path = root / "figures" / f"{name}.svg"
        if path.is_file() and len(names) == len(figures):
            data = base64.b64encode(path.read_bytes()).decode()
            out["data"] = {"text/html": f'<img alt="{name}" src="data:image/svg+xml;base64,{data}">'}


def index(root, entries):
    """The body of the first page: the notebooks, the paper, and the claims with their verdicts."""
    items = "".join(
        f'<li><a href="{stem}.html">{html.escape(title)}</a><br><em>{question}</em></li>'
        for stem, title, question in entries
    )
    body = (
        "<h1>Mixed-fidelity rate–distortion</h1>\n<p>A report re-executed, checked and extended. The argument in one "
        'piece is the <a href="paper.pdf">paper</a>; what it rests on are these executed notebooks.</p>\n'
        f'<ul>{items}</ul>\n<p>The module that they call, name by name: <a href="api.html">API of mfrd</a>.</p>\n'
    )
    record = root / "results" / "claims.json"
    return body + claims(json.loads(record.read_text(encoding="utf-8"))) if record.is_file() else body


def claims(document):
    """The table of claims as HTML."""
    columns = ["section", "claim", "criterion", "measured", "verdict", "beside"]
    heads = "".join(f"<th>{name.capitalize()}</th>" for name in columns)
    rows = "".join(
        f'<tr title="{html.escape(row["quote"])}">'
        + "".join(f"<td>{html.escape(row[key])}</td>" for key in columns)
        + "</tr>\n"
        for row in document["rows"]
    )
    meanings = "".join(f"<li>{t['claims']} {t['verdict']}: {t['means']}</li>" for t in document["tally"])
    return (
        f"<h2>Every claim and its verdict</h2>\n<ul>{meanings}</ul>\n"
        f'<div class="wide"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>'
    )
