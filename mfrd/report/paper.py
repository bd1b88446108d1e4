"""The paper: paper/paper.typ set by Typst, every number from results/ and every figure from figures/."""

from pathlib import Path

from .outputs import ReportError, write_atomic

SOURCE, TARGET = "paper/paper.typ", "paper/paper.pdf"


class PaperError(ReportError):
    """The paper cannot be set; the message is Typst's, with the remedy where it is known."""

    status = 1


def typeset(root: Path) -> bytes:
    """The PDF of `root`'s paper as bytes: the same bytes from the same sources, with Typst's own fonts alone.

    Raises PaperError where Typst reports an error, such as a key that results/ lacks, or a warning.
    """
    import typst

    source = Path(root).resolve() / SOURCE
    if not source.is_file():
        raise PaperError(f"no {SOURCE} in {root}; expected the paper's source inside the repository")
    try:
        pdf, warnings = typst.compile_with_warnings(
            str(source), root=str(Path(root).resolve()), ignore_system_fonts=True, format="pdf"
        )
    except typst.TypstError as error:
        lines = [str(error), *getattr(error, "hints", [])]
        if "dictionary does not contain key" in str(error):
            lines.append("results/ lacks that number; make it with: python -m mfrd report")
        raise PaperError(f"{SOURCE}: " + "\n".join(lines)) from error
    if warnings:
        raise PaperError(f"{SOURCE}: " + "\n".join(f"warning: {w.message}" for w in warnings))
    return pdf


def build(root: Path) -> Path:
    """Set the paper and write paper/paper.pdf; returns its path. Raises as `typeset` does."""
    return write_atomic(Path(root) / TARGET, typeset(root))
