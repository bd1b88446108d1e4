"""The recipe for a grid of runs: every point once, whole or not at all, and one table of all of them."""

import importlib.util
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas
import pytest
from helpers.notebook_factory import write_notebook

from mfrd.report.execution import ReportError

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("grid", ROOT / "recipes" / "grid.py")
grid = importlib.util.module_from_spec(spec)
spec.loader.exec_module(grid)

LOG = """\
import os, signal
from pathlib import Path
from mfrd.report.outputs import save_results
folder = Path("..").resolve()
with open(folder / "log", "a") as log:
    _ = log.write(f"{n} {word}\\n")"""
SAVE = """_ = save_results("small", {"square": n * n, "nested": {"word": word.upper()}})"""
AXES = {"n": [1, 2, 3], "word": ["a", "b"]}
PARAMETERS = 'n, word = 0, ""'


def executed(root):
    return sorted((root / "log").read_text().splitlines())


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def whole(root):
    """The directories of the points that are there, each with all that a point has."""
    found = sorted(path for path in (root / "grid").iterdir() if not path.name.startswith("."))
    for path in found:
        assert {each.name for each in path.iterdir()} == {"small.ipynb", "results", "parameters.json"}
    return found


def expected(axes):
    return [{**p, "square": p["n"] ** 2, "nested.word": p["word"].upper()} for p in grid.points(axes)]


def test_a_grid_becomes_a_table_and_what_is_done_is_not_done_again(tmp_path):
    source = write_notebook(tmp_path, "small", LOG, SAVE, parameters=PARAMETERS)
    first = {"n": [1, 2], "word": ["a"]}
    table, failures = grid.run(source, first, tmp_path / "grid")
    assert failures == [] and table.to_dict("records") == expected(first)
    larger = {"n": [2, 1, 3], "word": ["a"]}
    table, failures = grid.run(source, larger, tmp_path / "grid", jobs=2)
    assert failures == [] and table.to_dict("records") == expected(larger)
    assert pandas.read_parquet(tmp_path / "grid.parquet").to_dict("records") == expected(larger)
    assert executed(tmp_path) == ["1 a", "2 a", "3 a"] and len(whole(tmp_path)) == 3


def test_a_killed_run_leaves_whole_points_only_and_the_next_run_does_the_rest(tmp_path):
    kill = """\
if n == 2 and not (folder / "killed").exists():
    (folder / "killed").touch()
    os.kill(os.getppid(), signal.SIGKILL)  # the process that runs the grid"""
    source = write_notebook(tmp_path, "small", LOG, kill, SAVE, parameters=PARAMETERS)
    code = f"import grid; grid.run({str(source)!r}, {AXES}, {str(tmp_path / 'grid')!r})"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "recipes", capture_output=True)
    assert run.returncode == -signal.SIGKILL
    done = {path: path.stat().st_ino for path in whole(tmp_path)}
    assert len(done) == 2 and not (tmp_path / "grid.parquet").exists()
    table, failures = grid.run(source, AXES, tmp_path / "grid")
    assert failures == [] and table.to_dict("records") == expected(AXES)
    assert executed(tmp_path) == ["1 a", "1 b", "2 a", "2 a", "2 b", "3 a", "3 b"]
    assert len(whole(tmp_path)) == 6 and all(path.stat().st_ino == inode for path, inode in done.items())


def test_a_point_that_fails_is_named_the_others_go_on_and_it_is_tried_again(tmp_path):
    fail = """assert word != "b" or (folder / "mended").exists(), "no b" """
    source = write_notebook(tmp_path, "small", LOG, fail, SAVE, parameters=PARAMETERS)
    axes = {"n": [1], "word": ["b", "c"]}
    table, failures = grid.run(source, axes, tmp_path / "grid")
    assert len(failures) == 1 and "'word': 'b'" in failures[0] and "AssertionError: no b" in failures[0]
    assert table.to_dict("records") == expected({"n": [1], "word": ["c"]})
    (tmp_path / "mended").touch()
    table, failures = grid.run(source, axes, tmp_path / "grid")
    assert failures == [] and table.to_dict("records") == expected(axes)
    assert executed(tmp_path) == ["1 b", "1 b", "1 c"]


def test_an_edited_notebook_is_another_grid(tmp_path):
    source = write_notebook(tmp_path, "small", SAVE, parameters=PARAMETERS)
    one, other = {"n": 1, "word": "a"}, {"n": 2, "word": "a"}
    before = grid.place(tmp_path, source, one)
    assert grid.place(tmp_path, source, dict(reversed(one.items()))) == before
    assert grid.place(tmp_path, source, other) != before
    source.write_text(source.read_text().replace("n * n", "n ** 2"))
    assert grid.place(tmp_path, source, one) != before


@pytest.mark.parametrize("value, values", [([1, 2], [1, 2]), ("3..5", [3, 4, 5]), (0.5, [0.5]), ("newton", ["newton"])])
def test_values_of_an_axis(value, values):
    assert grid.axis(value) == values


@pytest.mark.parametrize("value", ["0.1..0.3", "1..", "a..c"])
def test_a_range_of_anything_but_whole_numbers_is_refused(value):
    with pytest.raises(ReportError, match="expected a range of whole numbers such as 0..9, or a list"):
        grid.axis(value)


def test_a_point_given_twice_runs_once_and_another_run_of_the_folder_is_refused(tmp_path):
    source = write_notebook(tmp_path, "small", LOG, SAVE, parameters=PARAMETERS)
    table, failures = grid.run(source, {"n": [1, 1], "word": ["a"]}, tmp_path / "grid")
    assert failures == [] and table.to_dict("records") == expected({"n": [1], "word": ["a"]})
    with grid.exclusive(tmp_path / "grid", ".lock"), pytest.raises(ReportError, match="expected one run at a time"):
        grid.run(source, {"n": [2], "word": ["a"]}, tmp_path / "grid")
    assert executed(tmp_path) == ["1 a"]


def test_a_worker_that_outlives_a_killed_run_and_the_next_run_both_succeed(tmp_path):
    wait = """\
import time
(folder / f"started{os.getppid()}").touch()
while not (folder / "go").exists():
    time.sleep(0.05)"""
    source = write_notebook(tmp_path, "small", LOG, wait, SAVE, parameters=PARAMETERS)
    axes = {"n": [1, 2], "word": ["a"]}
    code = f"import grid; grid.run({str(source)!r}, {axes}, {str(tmp_path / 'grid')!r}, jobs=2)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT / "recipes", stderr=subprocess.DEVNULL) as run:
        wait_for(lambda: len(list(tmp_path.glob("started*"))) == 2)
        run.kill()
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(grid.run, source, axes, tmp_path / "grid")
        wait_for(lambda: len(list(tmp_path.glob("started*"))) == 3)
        (tmp_path / "go").touch()
        table, failures = second.result(60)
    assert failures == [] and table.to_dict("records") == expected(axes) and len(whole(tmp_path)) == 2


def test_a_wrong_request_is_refused(tmp_path, monkeypatch, capsys):
    source = write_notebook(tmp_path, "small", SAVE, parameters=PARAMETERS)
    with pytest.raises(ReportError, match="unknown parameter m; expected one of .*: n, word"):
        grid.run(source, {"m": [1]}, tmp_path / "grid")
    monkeypatch.setattr(grid, "root", lambda: tmp_path)
    for arguments, said in (
        (["-p", "n"], "-p n: expected name=value"),
        (["-p", "n=[]"], "n has no values"),
        (["-p", "n=3..1"], "n has no values"),
        (["-p", "n=1", "--jobs", "0"], "jobs is 0"),
    ):
        assert grid.main([str(source), *arguments]) == 2
        assert f"error: {said}" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_the_command_line_runs_the_recipe_s_notebook(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(grid, "root", lambda: tmp_path)
    assert grid.main([str(ROOT / "recipes" / "random_source.py"), "-p", "seed=4..4", "-p", "share=0.4"]) == 0
    assert "1 points in runs/grid/random_source.parquet, 0 failed" in capsys.readouterr().out
    (row,) = pandas.read_parquet(tmp_path / "runs" / "grid" / "random_source.parquet").to_dict("records")
    assert row["seed"] == 4 and row["share"] == 0.4 and row["status"] == "optimal" and row["gap_bits"] < 1e-6
    assert row["distortions.global"] <= row["D"] * (1 + 1e-9)
