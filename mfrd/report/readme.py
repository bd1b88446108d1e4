"""The parts of the README that hold numbers, written from results/: its first figure, what came out, the verdicts."""

import json
import re
from pathlib import Path

import jinja2

from .claims.table import ClaimError, load, measure, tally
from .claims.verdicts import number
from .outputs import write_atomic

PART = re.compile(r"(<!-- from results/: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "pages"), undefined=jinja2.StrictUndefined, trim_blocks=True
)
TEMPLATES.filters["number"] = number


def readme(root: Path) -> str:
    """The README of `root` with its parts written from results/, as text.

    Raises
    ------
    ClaimError
        Where a part has no block in the template, or a number is missing.
    """
    template = TEMPLATES.get_template("readme.md.jinja2")
    values = template.new_context(dict(results=load(root), tally=tally(measure(root)), first_answer=timed(root)))

    def write(match: re.Match) -> str:
        if match[2] not in template.blocks:
            raise ClaimError(f"README part {match[2]!r} is unknown; expected one of {', '.join(template.blocks)}")
        try:
            return match[1] + "".join(template.blocks[match[2]](values)) + match[3]
        except jinja2.UndefinedError as error:
            raise ClaimError(f"README part {match[2]}: {error}; make it with: python -m mfrd report") from error

    return PART.sub(write, (Path(root) / "README.md").read_text(encoding="utf-8"))


def timed(root: Path) -> dict:
    """What benchmarks/first_answer.py measured. Raises ClaimError where there is no such file."""
    path = Path(root) / "results" / "first_answer.json"
    if not path.is_file():
        raise ClaimError(f"no {path.relative_to(root)}; measure it with: python benchmarks/first_answer.py")
    return json.loads(path.read_text(encoding="utf-8"))


def update(root: Path) -> Path:
    """Write the README's parts; returns its path. Raises as `readme` does."""
    return write_atomic(Path(root) / "README.md", readme(root).encode())
