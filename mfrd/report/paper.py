"""The paper: paper/paper.typ set by Typst, numbers from results/, figures from figures/, each linked to its maker."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

from .origins import Notebook, linked
from .outputs import ReportError, write_atomic

SOURCE, TARGET = "paper/paper.typ", "paper/paper.pdf"
FOLDER = f"/{Path(SOURCE).parent}/"  # in the root that Typst is given
RELATIVE = re.compile(r'(#import |bibliography\()"(?!/)')  # paths that stand for files beside the source
Address = Callable[[str, int | None], str]


class PaperError(ReportError):
    """The paper cannot be set; the message is Typst's, with the remedy where it is known."""

    status = 1


def typeset(root: Path, address: Address | None = None) -> bytes:
    """The PDF of `root`'s paper as bytes: the same bytes from the same sources, with Typst's own fonts alone.

    address(path, cell): where its links find a file of the repository, or a cell of a notebook, counted from zero; by
    default `in_repository`.

    Raises PaperError where Typst reports an error, such as a key that results/ lacks, or a warning.
    """
    import typst

    root = Path(root).resolve()
    source = root / SOURCE
    if not source.is_file():
        raise PaperError(f"no {SOURCE} in {root}; expected the paper's source inside the repository")
    text, _ = linked(root, source.read_text(encoding="utf-8"), address or in_repository(root))
    text, at = RELATIVE.sub(rf'\1"{FOLDER}', text), cast(Any, str(root))  # by its stub of the source's type
    try:
        pdf, warnings = typst.compile_with_warnings(text.encode(), root=at, ignore_system_fonts=True, format="pdf")
    except typst.TypstError as error:
        lines = [str(error), *getattr(error, "hints", [])]
        if "dictionary does not contain key" in str(error):
            lines.append("results/ lacks that number; make it with: python -m mfrd report")
        raise PaperError(f"{SOURCE}: " + "\n".join(lines)) from error
    if warnings:
        raise PaperError(f"{SOURCE}: " + "\n".join(f"warning: {w.message}" for w in warnings))
    return pdf


def in_repository(root: Path) -> Address:
    """Addresses in the repository that CITATION.cff names as repository-code: lines of a file that make up a cell.

    Where it names none, a path relative to paper/, and of a notebook's cell the fragment by which JupyterLab finds it.
    """
    citation = Path(root) / "CITATION.cff"
    text = citation.read_text(encoding="utf-8") if citation.is_file() else ""
    found = re.search(r'^repository-code: *"?([^"\s]+)', text, re.MULTILINE)
    notebook = cache(Notebook)

    def address(path: str, cell: int | None) -> str:
        if found:
            lines = "" if cell is None else "#L{}-L{}".format(*notebook(Path(root) / path).lines_of(cell))
            return f"{found[1]}/blob/main/{path}{lines}"
        notebook_of = Path(path).with_suffix(".ipynb") if path.startswith("notebooks/") else path
        return f"../{notebook_of}" + ("" if cell is None else f"#{fragment(cell)}")

    return address


def on_site(path: str, cell: int | None) -> str:
    """Addresses in the exported pages, beside which the paper lies; what has no page is above, in the repository."""
    if path.startswith("notebooks/"):
        return f"{Path(path).stem}.html" + ("" if cell is None else f"#{fragment(cell)}")
    return "index.html" if "claims" in path else f"../{path}"


def fragment(cell: int) -> str:
    """What marks a cell, counted from zero, in JupyterLab and in the exported pages: its id, as `saved` gives it."""
    return f"cell-id=cell-{cell + 1:03d}"


def build(root: Path) -> Path:
    """Set the paper and write paper/paper.pdf; returns its path. Raises as `typeset` does."""
    return write_atomic(Path(root) / TARGET, typeset(root))
