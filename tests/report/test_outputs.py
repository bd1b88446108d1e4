"""Figures and results: same bytes for the same content, whole or not at all."""

import errno
import json
import math

import numpy as np
import pytest
from matplotlib.figure import Figure

from mfrd.report import outputs


@pytest.fixture
def out(tmp_path, monkeypatch):
    monkeypatch.setenv("MFRD_OUTPUT", str(tmp_path / "out"))
    return tmp_path / "out"


def line_figure():
    figure = Figure()
    figure.subplots().plot([0, 1], label="rate (bits)")
    return figure


def test_results_are_rounded_and_plain(out):
    path = outputs.save_results(
        "01_a",
        {
            "third": 1 / 3,
            "small": np.float64(1.23456789012e-20),
            "array": np.array([[1.0, np.nan], [np.inf, 2.0]]),
            "count": np.int64(3),
            "flag": np.bool_(True),
            "pair": (1, None),
        },
    )
    assert path == out / "results" / "01_a.json"
    text = path.read_text()
    assert text.startswith('{\n "third": 0.3333333333,') and text.endswith("}\n")
    assert json.loads(text) == {
        "third": 0.3333333333,
        "small": 1.23456789e-20,
        "array": [[1.0, None], [None, 2.0]],
        "count": 3,
        "flag": True,
        "pair": [1, None],
    }


@pytest.mark.parametrize(
    "results, message",
    [
        ({"curve": {0.6: 1}}, r"01_a\.curve: key 0\.6 is float; expected str"),
        ({"x": [1, {2}]}, r"01_a\.x\[1\]: value of type set"),
    ],
)
def test_results_that_json_cannot_hold_name_the_place(out, results, message):
    with pytest.raises(TypeError, match=message):
        outputs.save_results("01_a", results)
    assert not out.exists()


def test_a_failed_write_leaves_the_last_good_file(out, monkeypatch):
    path = outputs.save_results("01_a", {"n": 1})
    before = path.read_bytes()

    def full(*arguments):
        raise OSError("no space left on device")

    monkeypatch.setattr(outputs.os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        outputs.save_results("01_a", {"n": 2})
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["01_a.json"]


def test_a_full_disk_leaves_the_last_good_file_and_names_the_remedy(out, monkeypatch):
    path = outputs.save_results("01_a", {"n": 1})
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(outputs.os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left .*: .*01_a\.json; expected room .*: free some space") as error:
        outputs.save_results("01_a", {"n": 2})
    assert error.value.errno == errno.ENOSPC
    assert path.read_bytes() == before and [p.name for p in path.parent.iterdir()] == ["01_a.json"]


def test_a_file_where_a_directory_belongs_names_the_remedy(out):
    out.parent.mkdir(exist_ok=True)
    out.write_text("")
    with pytest.raises(OSError, match="move away the file that stands where a directory belongs"):
        outputs.save_results("01_a", {"n": 1})


def test_the_bytes_are_on_the_disk_before_the_name_is(out, monkeypatch):
    order, fsync, replace = [], outputs.os.fsync, outputs.os.replace
    monkeypatch.setattr(outputs.os, "fsync", lambda descriptor: order.append("bytes") or fsync(descriptor))
    monkeypatch.setattr(outputs.os, "replace", lambda *names: order.append("name") or replace(*names))
    outputs.save_results("01_a", {"n": 1})
    assert order == ["bytes", "name"]


def test_a_figure_is_the_same_bytes_every_time(out):
    path = outputs.save_figure(line_figure(), "fig02_line")
    first = path.read_bytes()
    assert path == out / "figures" / "fig02_line.svg"
    assert outputs.save_figure(line_figure(), "fig02_line").read_bytes() == first
    assert b"<dc:date>" not in first
    assert b"<text" not in first  # glyphs are paths, so no font of the reader's is needed


@pytest.mark.parametrize("name", ["fig02.svg", "../fig02", "", "a/b"])
def test_a_figure_name_is_a_bare_name(out, name):
    with pytest.raises(ValueError, match="expected a bare name"):
        outputs.save_figure(line_figure(), name)


def test_load_results_reads_the_published_file(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "root", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match="python -m mfrd report --only 01_a"):
        outputs.load_results("01_a")
    monkeypatch.setenv("MFRD_OUTPUT", str(tmp_path))
    outputs.save_results("01_a", {"x": math.pi})
    assert outputs.load_results("01_a") == {"x": 3.141592654}


def test_without_a_choice_outputs_go_to_the_ignored_lab_directory(tmp_path, monkeypatch):
    monkeypatch.delenv("MFRD_OUTPUT", raising=False)
    monkeypatch.setattr(outputs, "root", lambda: tmp_path)
    assert outputs.directory() == tmp_path / "runs" / "lab"


def test_of_a_gap_the_power_of_ten_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("MFRD_OUTPUT", str(tmp_path))
    rows = [{"gap_bits": 2.085320805e-11, "gap": 0.25}, {"largest_gap_bits": 3.1e-7, "gap_bits": float("nan")}]
    path = outputs.save_results("01_a", {"rows": rows})
    kept = [{"gap_bits": 1e-8, "gap": 0.25}, {"largest_gap_bits": 1e-6, "gap_bits": None}]
    assert json.loads(path.read_text())["rows"] == kept
