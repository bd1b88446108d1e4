"""The report runs in order, publishes only what succeeded at the published defaults, and always the same bytes."""

import io

import jupytext
import nbformat
import pytest
from jupytext.compare import compare_notebooks
from notebook_factory import published, save, write_notebook

from mfrd import outputs
from mfrd.__main__ import main
from mfrd.execution import NotebookFailed, ReportError
from mfrd.report import assign_parameters, parse_parameters, refresh, report, select


@pytest.fixture
def root(tmp_path):
    write_notebook(tmp_path, "02_second", save("02_second"), parameters='n = 2\nsolver = "auto"')
    write_notebook(tmp_path, "01_first", save("01_first"))
    return tmp_path


def stems(paths):
    return [path.stem for path in paths]


def test_notebooks_run_in_order_publish_and_repeat_byte_for_byte(root):
    stream = io.StringIO()
    paths = report(root, stream=stream)
    assert [str(path) for path in paths] == [
        "figures/fig_01_first.svg", "results/01_first.json", "figures/fig_02_second.svg", "results/02_second.json",
    ]
    lines = stream.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["01_first", "02_second", "total"]
    assert "published 1 figure, results/01_first.json" in lines[0]

    first, run = published(root), root / "runs/01_first/01_first.ipynb"
    first_run = run.read_bytes()
    assert sorted(first) == sorted(map(str, paths))
    report(root, stream=stream)
    assert published(root) == first
    assert run.read_bytes() == first_run
    assert "papermill" not in run.read_text()


def test_only_takes_names_and_unique_prefixes_in_the_notebooks_own_order(root):
    assert stems(select(root)) == ["01_first", "02_second"]
    assert stems(select(root, ["02_second", "01", "01_first.py"])) == ["01_first", "02_second"]
    with pytest.raises(ReportError, match="no notebook of that name.*01_first, 02_second"):
        select(root, ["03"])
    with pytest.raises(ReportError, match="2 notebooks of that name.*01_first, 02_second"):
        select(root, ["0"])


def test_a_root_without_notebooks_is_an_error(tmp_path):
    with pytest.raises(ReportError, match="no notebook in"):
        select(tmp_path)


@pytest.mark.parametrize(
    "text, value",
    [("3", 3), ("1e-3", 1e-3), (".5", 0.5), ("[1, 2.5]", [1, 2.5]), ("(1, 2)", [1, 2]), ("true", True),
     ("None", None), ("mosek", "mosek"), ("'a b'", "a b"), ("a=b", "a=b"), ("", "")],
)
def test_parameter_values_are_literals_or_strings(text, value):
    assert parse_parameters([f"n={text}"]) == {"n": value}


@pytest.mark.parametrize("wrong", [["n"], ["=3"], ["a b=3"], ["n=1", "n=2"]])
def test_a_malformed_parameter_is_an_error(wrong):
    with pytest.raises(ReportError, match="-p "):
        parse_parameters(wrong)


def test_each_notebook_receives_only_the_parameters_it_knows(root):
    assert assign_parameters(select(root), {"n": 5, "solver": "clarabel"}) == [{"n": 5}, {"n": 5, "solver": "clarabel"}]


def test_an_unknown_parameter_lists_the_known_ones_before_anything_runs(root):
    with pytest.raises(ReportError, match="unknown parameter m; .*n, solver"):
        report(root, parameters={"m": 3})
    with pytest.raises(ReportError, match="unknown parameter solver; .*01_first: n"):
        report(root, only=["01"], parameters={"solver": "mosek"})
    assert not (root / "runs").exists()


def test_a_parameterised_run_does_not_publish(root):
    stream = io.StringIO()
    assert report(root, only=["02"], parameters={"n": 6}, stream=stream) == []
    assert published(root) == {}
    assert "with n=6: kept in runs/02_second/, figures/ and results/ untouched" in stream.getvalue()
    assert '"third": 2.0' in (root / "runs/02_second/results/02_second.json").read_text()


def test_a_failing_notebook_leaves_the_last_good_files_and_stops_the_report(root):
    report(root, stream=io.StringIO())
    good = published(root)
    write_notebook(root, "01_first", "n = 99", save("01_first"), "raise ValueError('budget below reach')")
    write_notebook(root, "02_second", "n = 99", save("02_second"))
    with pytest.raises(NotebookFailed) as failure:
        report(root, stream=io.StringIO())
    message = str(failure.value)
    assert "01_first failed at code cell 4 of 4, under 'Title of 01_first': ValueError: budget below reach" in message
    partial = root / "runs/01_first/01_first.ipynb"
    assert str(partial) in message and "budget below reach" in partial.read_text()
    assert published(root) == good


def test_a_kernel_that_dies_is_a_failure_of_its_notebook(root):
    write_notebook(root, "01_first", "import os; os._exit(3)")
    with pytest.raises(NotebookFailed, match="01_first failed at code cell 2 of 2.*died"):
        report(root, stream=io.StringIO())


def test_refresh_writes_the_pair_only_when_its_notebook_succeeds(root):
    write_notebook(root, "01_first", "print(n)", save("01_first"))
    assert [str(path) for path in refresh(root, only=["01"], stream=io.StringIO())] == ["notebooks/01_first.ipynb"]
    source, pair = root / "notebooks/01_first.py", root / "notebooks/01_first.ipynb"
    notebook = nbformat.read(pair, as_version=4)
    compare_notebooks(jupytext.read(source), notebook, fmt="py:percent")
    assert notebook.cells[2].outputs[0].text == "1\n"
    assert published(root) == {}

    before = pair.read_bytes()
    write_notebook(root, "01_first", "1 / 0")
    with pytest.raises(NotebookFailed, match="ZeroDivisionError"):
        refresh(root, only=["01"], stream=io.StringIO())
    assert pair.read_bytes() == before


def test_exit_status_of_the_command_line(root, monkeypatch, capsys):
    monkeypatch.setattr(outputs, "root", lambda: root)
    assert main(["report", "--only", "01", "--solver", "mosek"]) == 2
    assert "error: unknown parameter solver" in capsys.readouterr().err
    write_notebook(root, "01_first", "1 / 0")
    assert main(["report"]) == 1
    assert "error: 01_first failed at code cell 2 of 2" in capsys.readouterr().err

    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("mfrd.report.execute", interrupted)
    assert main(["report"]) == 130
    assert "interrupted" in capsys.readouterr().err
