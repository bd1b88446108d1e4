"""A parameter of the wrong type is refused by name, type and default, before a kernel starts and in the second cell."""

import ast
import io

import pytest
from helpers.notebook_factory import write_notebook

from mfrd.report import outputs, parameters
from mfrd.report.outputs import ReportError
from mfrd.report.run import assign_parameters, notebook_sources, report

CELL = """\
solver, n = "auto", 50  # a comment
D: float = 0.5
D_range, sizes = [0.5, 3.0], [8, 12]
pairs = [[8.0, 0.15], [4.0, 0.1]]
columns = None
shown = True
whole = 10**6"""


@pytest.fixture
def source(tmp_path):
    return write_notebook(tmp_path, "01_first", "print(n)", parameters=CELL)


def test_names_and_defaults_are_those_of_the_cell(source):
    assert list(parameters.declared(source)) == "solver n D D_range sizes pairs columns shown whole".split()
    found = parameters.defaults(source)
    assert found["D"] == 0.5 and found["sizes"] == [8, 12] and found["columns"] is None
    assert "whole" not in found  # not a literal: what it may be is not known


@pytest.mark.parametrize(
    "given, said",
    [
        ({"n": 1e3}, r"01_first: parameter n is 1000.0 \(float\); expected a whole .*its default 50: write 1000"),
        ({"n": True}, r"n is True \(bool\); expected a whole number \(int\)"),
        ({"n": "many"}, r"n is 'many' \(str\); expected a whole number \(int\), such as its default 50"),
        ({"D": float("nan")}, r"D is nan \(float\); expected a finite number \(float\), such as its default 0.5"),
        ({"D": "nan"}, r"D is 'nan' \(str\); expected a finite number"),
        ({"D": [0.5]}, r"D is \[0.5\] \(list\); expected a finite number"),
        ({"D_range": 2.0}, r"D_range is 2.0 \(float\); expected a list \(list\), such as its default \[0.5, 3.0\]"),
        ({"D_range": "1 to 2"}, r"D_range is '1 to 2' \(str\); .*papermill takes lists by -y"),
        ({"D_range": [1, None]}, r"D_range is .*a list whose items are each a finite number"),
        ({"sizes": [8, 12.5]}, r"sizes is .*a list whose items are each a whole number"),
        ({"pairs": [8.0, 0.15]}, r"pairs is .*a list whose items are each a list"),
        ({"solver": 3}, r"solver is 3 \(int\); expected a str, such as its default 'auto': put it in quotes"),
        ({"shown": 1}, r"shown is 1 \(int\); expected True or False"),
    ],
)
def test_the_wrong_type_is_refused_by_name_type_and_default(given, said, source):
    with pytest.raises(ReportError, match=said):
        assign_parameters([source], given)
    with pytest.raises(ReportError, match=said):
        parameters.changed(source, {"n": 50, **given})


def test_the_right_type_is_taken(source):
    good = {"n": 52, "D": 1, "D_range": (1, 2.5), "sizes": [], "pairs": [[1, 2]], "columns": "mV", "whole": 1.5}
    assert assign_parameters([source], good) == [good]
    assert parameters.changed(source, good) == {name: value for name, value in good.items() if name != "whole"}
    assert parameters.changed(source, {"n": 50, "D": 0.5, "pairs": [(8.0, 0.15), [4, 0.1]], "other": 1}) == {}


def test_no_kernel_starts_for_a_wrong_type(source):
    root = source.parent.parent
    with pytest.raises(ReportError, match="parameter n is 1000.0"):
        report(root, parameters={"n": 1e3}, stream=io.StringIO())
    assert not (root / "runs").exists()


@pytest.mark.parametrize("path", notebook_sources(outputs.root()), ids=lambda path: path.stem)
def test_every_notebook_checks_its_parameters_in_the_first_cell_after_them(path):
    known = parameters.defaults(path)
    assert known and all(parameters.misfit(value, value) is None for value in known.values())
    _, *cells = parameters.CELL.split(parameters.source_text(path))
    code = [text for marker, text in zip(cells[::2], cells[1::2]) if "[markdown]" not in marker]
    second = next(text for text in code[1:] if not text.startswith("reads = "))
    calls = [node for node in ast.walk(ast.parse(second)) if isinstance(node, ast.Call)]
    asked = [call.args[0].value for call in calls if ast.unparse(call.func) == "parameters.changed"]
    assert asked == [path.stem]
    assert code[0].startswith(next(iter(known)))


def test_a_byte_order_mark_is_no_part_of_a_notebook(source):
    source.write_bytes(b"\xef\xbb\xbf" + source.read_bytes())
    report(source.parent.parent, stream=io.StringIO())
    assert parameters.defaults(source)["n"] == 50


def test_a_list_that_arrives_as_text_becomes_one(source):
    run = {"n": 50, "D_range": "[0.5, 1.0]", "pairs": "((8.0, 1), [4, 0.1])"}
    assert parameters.changed(source, run) == {"D_range": [0.5, 1.0], "pairs": [[8.0, 1], [4, 0.1]]}
    assert run["D_range"] == [0.5, 1.0]
    with pytest.raises(ReportError, match="D_range is '\\[1, \"a\"\\]'|D_range is"):
        parameters.changed(source, {"D_range": '[1, "a"]'})


def test_a_banner_names_what_differs_from_the_published(source, capsys):
    parameters.changed(source, {"n": 50, "D": 0.5})
    assert capsys.readouterr().out == ""
    parameters.changed(source, {"n": 52, "D": 0.5})
    said = capsys.readouterr().out
    assert said.startswith("Not the published parameters: n is 52, published 50.\nThe sentences below were written for")


def test_a_name_that_papermill_sets_and_the_cell_does_not_know_is_refused(source):
    ran = ["", "n = 50", "# Parameters\nn = 52\nn_lettres = 3\n", "later = 1"]
    with pytest.raises(
        ReportError, match="unknown parameter n_lettres; expected one of its parameters cell: solver, n"
    ):
        parameters.changed(source, {"In": ran, "n": 52, "n_lettres": 3})
    assert parameters.changed(source, {"In": ran[:2], "n": 50, "results": 1}) == {}
