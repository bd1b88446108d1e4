"""The report runs in order, publishes only what succeeded at the published defaults, and always the same bytes."""

import io
import re
from pathlib import Path

import jupytext
import nbformat
import pytest
from helpers.notebook_factory import published, quick, save, write_notebook
from jupytext.compare import compare_notebooks

from mfrd.report import execution, outputs
from mfrd.report.command import main
from mfrd.report.execution import NotebookFailed, ReportError, normalise, reads
from mfrd.report.run import (
    Schedule,
    assign_parameters,
    notebook_sources,
    outcome,
    parse_parameters,
    refresh,
    report,
    select,
)


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
        "figures/fig_01_first.svg",
        "results/01_first.json",
        "figures/fig_02_second.svg",
        "results/02_second.json",
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
    [
        ("3", 3),
        ("1e-3", 1e-3),
        (".5", 0.5),
        ("[1, 2.5]", [1, 2.5]),
        ("(1, 2)", [1, 2]),
        ("true", True),
        ("None", None),
        ("mosek", "mosek"),
        ("'a b'", "a b"),
        ("a=b", "a=b"),
        ("", ""),
    ],
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

    monkeypatch.setattr("mfrd.report.run.execute", interrupted)
    assert main(["report"]) == 130
    assert "interrupted" in capsys.readouterr().err


# --- several at once, and on after a failure ------------------------------------------------------


@pytest.mark.parametrize(
    "cell, found",
    [
        ('reads = ["01_a"]', ["01_a"]),
        ("reads = [\n    '02_b', '01_a'\n]  # both", ["02_b", "01_a"]),
        ("reads = []", []),
        ("", []),
    ],
)
def test_a_notebook_declares_what_it_reads(cell, found, tmp_path):
    for name in ("01_a", "02_b"):
        write_notebook(tmp_path, name)
    assert reads(write_notebook(tmp_path, "03_c", reads=cell)) == found


@pytest.mark.parametrize(
    "cell",
    ['reads = ["04_d"]', 'reads = ["03_c"]', "reads = names", '["01_a"]', 'reads = ["01_a"]; n = 1', "reads = 1"],
)
def test_a_declaration_of_anything_but_other_notebooks_is_an_error_before_anything_runs(cell, tmp_path):
    write_notebook(tmp_path, "01_a")
    write_notebook(tmp_path, "03_c", reads=cell)
    with pytest.raises(ReportError, match=r"03_c: its cell tagged reads is .*; expected reads = .* of other .*: 01_a$"):
        report(tmp_path, stream=io.StringIO())
    assert not (tmp_path / "runs").exists()


def test_results_that_are_read_and_not_declared_are_an_error_when_the_report_runs(tmp_path, monkeypatch):
    real = "from mfrd.report.outputs import load_results; _ = load_results({!r})"
    write_notebook(tmp_path, "01_a", real.format("03_refinement"))
    write_notebook(tmp_path, "02_b", real.format("bench"))  # no notebook makes these
    write_notebook(tmp_path, "03_refinement", quick("03_refinement"))
    write_notebook(tmp_path, "04_d", real.format("03_refinement"), reads='reads = ["03_refinement"]')
    with pytest.raises(NotebookFailed) as failure:
        report(tmp_path, keep_going=True, stream=io.StringIO())
    said = str(failure.value)
    assert "ReportError: the results of 03_refinement are read and not declared; expected '03_refinement' in" in said
    assert said.count(" failed at ") == 1 and said.startswith("01_a failed at code cell 2 of 2")
    monkeypatch.delenv(outputs.READS, raising=False)
    assert outputs.load_results("03_refinement"), "in JupyterLab nothing needs a declaration"


def test_the_notebooks_of_this_repository_read_what_they_say_they_read():
    graph = {path.stem: reads(path) for path in notebook_sources(outputs.root())}
    assert {name: others for name, others in graph.items() if others} == {"05_limit": ["03_refinement", "04_lloyd_max"]}


def starts(schedule):
    """What may start now, until nothing may."""
    started = []
    while (name := schedule.start()) is not None:
        started.append(name)
    return started


def test_a_schedule_starts_a_notebook_after_what_it_reads():
    schedule = Schedule({"a": ["d"], "b": [], "c": ["a", "elsewhere"], "d": []}, keep_going=False)
    assert starts(schedule) == ["b", "d"]
    schedule.end("b", None)
    assert starts(schedule) == []
    schedule.end("d", None)
    assert starts(schedule) == ["a"]
    schedule.end("a", None)
    assert starts(schedule) == ["c"]


def test_a_schedule_starts_the_first_by_name_of_those_that_may():
    schedule = Schedule({"a": [], "b": ["a"], "c": [], "d": []}, keep_going=False)
    order = []
    while (name := schedule.start()) is not None:
        order.append(name)
        schedule.end(name, None)
        assert schedule.failed == schedule.skipped == {}
    assert order == ["a", "b", "c", "d"]


def test_a_schedule_skips_what_reads_a_failure_and_what_reads_that():
    needs = {"a": [], "b": ["a"], "c": ["b"], "d": [], "e": ["f", "a"], "f": ["g"], "g": []}
    schedule = Schedule(needs, keep_going=True)
    assert starts(schedule) == ["a", "d", "g"]
    schedule.end("a", "failed")
    schedule.end("g", None)
    assert starts(schedule) == ["f"]
    assert schedule.skipped == {"b": "a", "c": "b"}
    schedule.end("f", None)
    assert starts(schedule) == []
    assert schedule.skipped == {"b": "a", "c": "b", "e": "a"} and schedule.failed == {"a": "failed"}


def test_notebooks_that_read_each_other_are_an_error_before_anything_runs(tmp_path):
    write_notebook(tmp_path, "01_a", reads='reads = ["02_b"]')
    write_notebook(tmp_path, "02_b", reads='reads = ["01_a"]')
    with pytest.raises(ReportError, match="notebooks read each other: .*01_a.*02_b.*; expected one to come first"):
        report(tmp_path, stream=io.StringIO())
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def failing(tmp_path):
    """01 fails, 03 reads it, 04 reads 03; 02 and 05 are on their own."""
    write_notebook(tmp_path, "01_fails", "raise ValueError('budget below reach')", quick("01_fails"))
    write_notebook(tmp_path, "02_alone", quick("02_alone"))
    write_notebook(tmp_path, "03_reads", quick("03_reads"), reads='reads = ["01_fails"]')
    write_notebook(tmp_path, "04_reads", quick("04_reads"), reads='reads = ["03_reads"]')
    write_notebook(tmp_path, "05_alone", quick("05_alone"))
    return tmp_path


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_keep_going_runs_what_does_not_read_a_failure_and_lists_the_rest(jobs, failing, monkeypatch, capsys):
    monkeypatch.setattr(outputs, "root", lambda: failing)
    assert main(["report", "--keep-going", "--jobs", jobs]) == 1
    said = capsys.readouterr().err
    assert sorted(path for path in published(failing) if path.startswith("results")) == [
        "results/02_alone.json",
        "results/05_alone.json",
    ]
    assert "error: 01_fails failed at code cell 2 of 3, under 'Title of 01_fails': ValueError: budget below" in said
    partial = failing / "runs/01_fails/01_fails.ipynb"
    assert f"the partly executed notebook is {partial}" in said and "budget below reach" in partial.read_text()
    assert said.endswith(
        "failed: 01_fails\nskipped: 03_reads, which reads the results of 01_fails\n"
        "skipped: 04_reads, which reads the results of 03_reads\n"
    )
    assert not (failing / "runs/03_reads").exists()


def test_without_keep_going_a_failure_ends_the_run_and_says_what_did_not_run(failing, monkeypatch, capsys):
    monkeypatch.setattr(outputs, "root", lambda: failing)
    assert main(["report"]) == 1
    assert published(failing) == {}
    assert "not run: 02_alone, 03_reads, 04_reads, 05_alone; --keep-going runs those" in capsys.readouterr().err


def test_a_refresh_publishes_nothing_so_that_none_of_it_depends_on_another(failing):
    with pytest.raises(NotebookFailed, match="01_fails failed") as failure:
        refresh(failing, only=["01", "02"], keep_going=True, stream=io.StringIO())
    assert "skipped" not in str(failure.value)
    assert [path.name for path in (failing / "notebooks").glob("*.ipynb")] == ["02_alone.ipynb"]


def test_jobs_give_the_bytes_of_a_serial_run(tmp_path):
    def make(root, number):
        write_notebook(root, "01_read", quick("01_read"), parameters=f"n = {number}")
        write_notebook(root, "02_quick", quick("02_quick"), parameters=f"n = {number}")
        own = quick("03_reads") + "print(open('../results/01_read.json').read())"
        write_notebook(root, "03_reads", own, parameters=f"n = {number}", reads='reads = ["01_read"]')

    serial, parallel, bytes_of, said = tmp_path / "serial", tmp_path / "parallel", {}, io.StringIO()
    for root, jobs in ((serial, 1), (parallel, 2)):
        root.mkdir()
        make(root, 7)
        paths = report(root, jobs=jobs, stream=said)
        refreshed = refresh(root, jobs=jobs, stream=said)
        bytes_of[root] = [(str(path), (root / path).read_bytes()) for path in (*paths, *refreshed)]
        runs = [root / "runs" / name / f"{name}.ipynb" for name in ("01_read", "02_quick", "03_reads")]
        bytes_of[root] += [(path.name, path.read_bytes()) for path in runs]
    assert bytes_of[serial] == bytes_of[parallel]
    lines = [line.split()[0] for line in said.getvalue().splitlines()]
    assert lines[:4] == ["01_read", "02_quick", "03_reads", "total"]
    assert sorted(lines[8:12]) == ["01_read", "02_quick", "03_reads", "total"]
    assert lines[8:12].index("01_read") < lines[8:12].index("03_reads"), "what it reads is published before it starts"


def test_a_process_that_is_killed_is_a_failure_of_its_notebook_alone(tmp_path):
    write_notebook(tmp_path, "01_killed", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    write_notebook(tmp_path, "02_alone", quick("02_alone"))
    with pytest.raises(NotebookFailed, match="01_killed failed at code cell 2 of 2.*was killed by signal 9; expected"):
        report(tmp_path, jobs=2, keep_going=True, stream=io.StringIO())
    assert "results/02_alone.json" in published(tmp_path)


@pytest.mark.parametrize("jobs", ["0", "-2"])
def test_a_number_of_jobs_below_one_is_an_error(jobs, root, monkeypatch, capsys):
    monkeypatch.setattr(outputs, "root", lambda: root)
    assert main(["report", "--jobs", jobs]) == 2
    assert f"--jobs {jobs}; expected" in capsys.readouterr().err


def test_one_bar_names_the_notebooks_that_run(tmp_path):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    write_notebook(tmp_path, "01_a", quick("01_a"))
    write_notebook(tmp_path, "02_b", quick("02_b"))
    screen = Terminal()
    report(tmp_path, jobs=2, stream=screen)
    assert "2 at once" in screen.getvalue() and re.search(r"01_a \d/\d  02_b \d/\d", screen.getvalue())
    assert "01_a     " in screen.getvalue() and "published 2 figures, results/02_b.json" in screen.getvalue()


def test_a_notebook_is_the_same_bytes_whatever_ids_its_widgets_drew(tmp_path):
    cell = """import ipywidgets
sliders = [ipywidgets.IntSlider(value=n, description=str(n)) for n in range(3)]
ipywidgets.VBox([ipywidgets.HBox(sliders), ipywidgets.Image(value=b"x")])"""
    source, drawn = write_notebook(tmp_path, "01_a", cell), set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution, "normalise", lambda notebook: drawn.update(state_of(notebook)) or normalise(notebook))
        first, second = (execution.execute(source, tmp_path / n / "a.ipynb").read_bytes() for n in "12")
    saved = nbformat.reads(first.decode(), as_version=4)
    numbers = sorted(state_of(saved))
    assert first == second and len(numbers) > 10 and len(drawn) == 2 * len(numbers) and not drawn & set(numbers)
    assert numbers == [f"{k:032x}" for k in range(1, len(numbers) + 1)]
    view = saved.cells[-1].outputs[0].data["application/vnd.jupyter.widget-view+json"]
    assert state_of(saved)[view["model_id"]]["model_name"] == "VBoxModel"
    assert not any(identifier in first.decode() for identifier in drawn)


def state_of(notebook):
    """The saved widgets of a notebook, {id: state}."""
    return notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]


def test_what_the_cell_tagged_outcome_printed_is_said_on_the_terminal(tmp_path):
    printed = nbformat.v4.new_output("stream", text="every budget holds\n")
    cells = [
        nbformat.v4.new_code_cell(tags, outputs=[printed], metadata={"tags": [tags]}) for tags in ("other", "outcome")
    ]
    for kept, said in ((cells, "\n  every budget holds"), (cells[:1], "")):
        nbformat.write(nbformat.v4.new_notebook(cells=kept), tmp_path / "01_some.ipynb")
        assert outcome(Path("notebooks/01_some.py"), tmp_path) == said
