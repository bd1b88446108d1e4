"""Notebooks read as lessons: short cells, lines that fit a screen, no lambdas, nothing of the module's inside."""

import ast
import json
import re
import statistics
from pathlib import Path

import pytest
import typst

from mfrd.report import origins, records

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
MEDIAN, LONGEST, WIDEST = 5, 15, 100  # lines, lines, characters
ROOMS = {"mfrd", "mfrd.report", "mfrd.problems", "mfrd.coding"}  # whose names a notebook may import
MODULES = {"samples"}  # and the modules it may, of the rooms below
named = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)


def code_cells(text):
    """The code cells of a py:percent file but that of its parameters."""
    parts = re.split(r"^# %%(.*)\n", text, flags=re.MULTILINE)[1:]
    cells = [(marker, body.strip("\n")) for marker, body in zip(parts[::2], parts[1::2])]
    return [body for marker, body in cells if "[markdown]" not in marker and '"parameters"' not in marker]


def inside(tree):
    """What code uses of the inside of mfrd: private names, and modules that are no notebook's to import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "mfrd":
            names = {alias.name for alias in node.names}
            below = node.module in ROOMS - {"mfrd", "mfrd.report"} and not names <= MODULES
            if node.module not in ROOMS or below or any(name.startswith("_") for name in names):
                yield ast.unparse(node)
        elif isinstance(node, ast.Import) and any(alias.name.startswith("mfrd.") for alias in node.names):
            yield ast.unparse(node)
        elif isinstance(node, ast.Attribute) and re.match("_[^_]", node.attr):
            yield ast.unparse(node)


def faults(text):
    """What of a notebook's source is against the measures, in words."""
    cells = code_cells(text)
    lengths = [len(cell.splitlines()) for cell in cells]
    if statistics.median(lengths) > MEDIAN:
        yield f"its cells have a median of {statistics.median(lengths)} lines"
    yield from (f"a cell of {n} lines" for n in lengths if n > LONGEST)
    for cell in cells:
        tree = ast.parse(cell)
        yield from (f"wide: {line}" for line in cell.splitlines() if len(line) > WIDEST)
        yield from (f"lambda: {ast.unparse(node)}" for node in ast.walk(tree) if isinstance(node, ast.Lambda))
        yield from (f"inside: {used}" for used in inside(tree))


@named
def test_a_notebook_keeps_its_measures(path):
    assert list(faults(path.read_text(encoding="utf-8"))) == []


@named
def test_results_are_written_by_one_call(path):
    text = path.read_text(encoding="utf-8")
    calls = [cell for cell in code_cells(text) if "save_results" in cell or "records.save" in cell]
    (call,) = calls
    assert f'records.save("{path.stem}", globals())' in call


@pytest.mark.parametrize(
    "cell, said",
    [
        ("\n".join("x = 1" for _ in range(6)), "median"),
        ("\n".join("x = 1" for _ in range(16)), "a cell of 16 lines"),
        ("x = " + "1 + " * 30 + "1", "wide"),
        ("square = lambda t: t * t", "lambda"),
        ("from mfrd.solvers.certificate import log_codeword_masses", "inside"),
        ("from mfrd.coding import transform", "inside"),
        ("import mfrd.bounds.search", "inside"),
        ("y = problem._rows", "inside"),
    ],
)
def test_the_measures_can_be_broken(cell, said):
    assert list(faults("# %%\nimport mfrd\n\n# %%\nimport numpy as np\n")) == []
    assert any(fault.startswith(said) or said in fault for fault in faults(f"# %%\n{cell}\n"))


def numbers_of_figures():
    """{file: "Figure 3" or "Figure 3, left"} in the order of the paper's source, tables apart."""
    found, number = {}, 0
    source = (ROOT / "paper/paper.typ").read_text(encoding="utf-8")
    for kind, rest in re.findall(r"^#(fig|row|figure)\((.*(?:\n.*)?)", source, flags=re.MULTILINE):
        if kind == "figure" and "table(" in rest:
            continue
        number += 1
        names = re.findall(r'"(\w+)"', re.split(r"\),|,", rest)[0] if kind == "fig" else rest.split("),")[0])
        sides = [""] if len(names) == 1 else [", left", ", right"]
        found |= {name: f"Figure {number}{side}" for name, side in zip(names, sides)} if kind != "figure" else {}
    return found


@named
def test_captions_number_figures_as_the_paper_does(path):
    numbers, cells = numbers_of_figures(), re.split(r"^(?=# %%)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    drawn = [(at, re.search(r'save_figure\(.*?"(\w+)"\)', cell)) for at, cell in enumerate(cells)]
    for at, name in [(at, match[1]) for at, match in drawn if match]:
        caption = next(cell for cell in cells[at + 1 :] if "[markdown]" in cell.partition("\n")[0])
        expected = numbers.get(name, r"Figures? of this notebook")
        assert re.match(rf"# %% \[markdown\]\n# \*\*{expected}\b[.]?\*\*", caption), (name, expected, caption[:60])


def test_the_paper_has_as_many_figures_as_are_counted():
    pdf = typst.query(ROOT / "paper/paper.typ", "figure.where(kind: image)", root=ROOT)
    drawn = {int(re.search(r"\d+", number)[0]) for number in numbers_of_figures().values()}
    assert len(set(range(1, len(json.loads(pdf)) + 1)) - drawn) == 1  # the pipeline, which no notebook draws


def test_what_records_keep_is_made_of_the_notebook_s_names():
    """A name of records.py that were one of the notebook's besides would lead the paper's numbers astray."""
    tree = ast.parse(Path(records.__file__).read_text(encoding="utf-8"))
    of_notebooks = {path.stem[3:]: path for path in SOURCES}
    functions = [f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name in of_notebooks]
    assert len(functions) >= 5
    for function in functions:
        attributes = [node for node in ast.walk(function) if isinstance(node, ast.Attribute)]
        read = {a.attr for a in attributes if isinstance(a.value, ast.Name) and a.value.id == "nb"}
        own = {name for line in function.body for name, _ in origins.assignments(line)}
        assert not read & own, (function.name, read & own)
        assert "results" in own
        made = set(origins.Notebook(of_notebooks[function.name]).assigned)
        code = ast.parse("\n".join(code_cells(of_notebooks[function.name].read_text(encoding="utf-8"))))
        made |= {node.name for node in ast.walk(code) if isinstance(node, ast.FunctionDef)}
        assert read <= made, (function.name, read - made)
