"""Whatever ends a run, each notebook's figures and results are as they were or complete; the next run succeeds."""

import errno
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import nbformat
import psutil
import pytest
from helpers.notebook_factory import command, published, quick, write_notebook

from mfrd.report import outputs, publication
from mfrd.report.command import main
from mfrd.report.execution import NotebookFailed
from mfrd.report.outputs import ReportError
from mfrd.report.run import refresh, report

KILLS, SEED = 20, 20250611
NAMES = ("01_a", "02_b")
FILES = {name: (f"figures/{name}_a.svg", f"figures/{name}_b.svg", f"results/{name}.json") for name in NAMES}


def notebooks(root, n):
    """Two notebooks whose every file says n."""
    for name in NAMES:
        write_notebook(root, name, "print(n)", quick(name), parameters=f"n = {n}")


def whole(n):
    return f"{n}\n".encode() * 20000


def versions(root, name):
    """The n of each published file of a notebook; fails on a file that is no whole one."""
    found = {path: data for path, data in published(root).items() if path in FILES[name]}
    said = [int(data.split(b"\n", 1)[0]) for data in found.values()]
    assert [whole(n) for n in said] == list(found.values()), "a file is half written"
    return said


def pair(root, name):
    """What the paired notebook printed; fails where it is no whole notebook."""
    path = root / "notebooks" / f"{name}.ipynb"
    return int(nbformat.read(path, as_version=4).cells[2].outputs[0].text) if path.exists() else None


def strays(root):
    """Names in the published directories that no notebook publishes."""
    known = {path for files in FILES.values() for path in files}
    return sorted(set(published(root)) - known) + sorted(p.name for p in (root / "notebooks").glob(".*"))


def seconds_of(root, which):
    """How long a whole run of version 0 takes."""
    notebooks(root, 0)
    process, began = command(root, which), time.perf_counter()
    process.join()
    assert process.exitcode == 0, (root / "stderr.txt").read_text()
    return time.perf_counter() - began


def kill(process):
    """End the process group of a `command`, as a kill of the whole job does."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has no group of its own yet, or has ended
        process.kill()
    process.join()


def descendants(process):
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def assert_gone(processes):
    """All of `processes` end by themselves within the seconds that a kernel needs to see that its parent is gone."""
    _, left = psutil.wait_procs(processes, timeout=20)
    assert [each.cmdline() for each in left] == []


def test_a_run_killed_at_any_moment_leaves_each_set_as_it_was_or_complete(tmp_path):
    took = {which: seconds_of(tmp_path, which) for which in ("report", "refresh")}
    rng, kernels, killed = random.Random(SEED), [], 0
    before = {key: 0 for name in NAMES for key in (name, f"{name}.ipynb")}
    for k in range(1, 2 * KILLS):
        notebooks(tmp_path, k)
        which = "refresh" if k % 4 == 0 else "report"
        process = command(tmp_path, which)
        process.join((k % KILLS + rng.random()) / KILLS * took[which])  # over the whole run, one part after the other
        kernels += descendants(process)
        if process.exitcode is None:
            kill(process)
        killed += process.exitcode == -signal.SIGKILL
        for name in NAMES:
            assert pair(tmp_path, name) in {before[f"{name}.ipynb"], k}
            said = versions(tmp_path, name)
            assert set(said) <= {before[name], k} and len(said) == 3
            assert len(set(said)) == 1 or (tmp_path / publication.JOURNAL).exists()
        with publication.exclusive(tmp_path):
            publication.mend(tmp_path, io.StringIO())
        assert strays(tmp_path) == []
        for name in NAMES:
            (before[name],) = set(versions(tmp_path, name))
            before[f"{name}.ipynb"] = pair(tmp_path, name)
        if killed == KILLS:
            break
    assert killed == KILLS
    process = command(tmp_path, "report")
    process.join()
    assert process.exitcode == 0
    assert [versions(tmp_path, name) for name in NAMES] == [[k] * 3] * 2
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == [".lock", "01_a", "02_b", "refresh"]
    assert_gone(kernels)


def die_at_line(action, number):
    """Call `action` in a process that is killed before the given line of ours is run; returns whether it was."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = [number]

    def trace(frame, event, argument):
        if frame.f_code.co_filename not in (publication.__file__, outputs.__file__):
            return None
        left[0] -= event == "line"
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    try:
        sys.settrace(trace)
        action()
    finally:
        os._exit(0)


def staged_and_published(root):
    """A published set of version 1 and a staged one of version 2; returns the staging directory."""
    shutil.rmtree(root, ignore_errors=True)
    staging = root / "runs" / "01_a"
    for place, n in ((root, 1), (staging, 2)):
        for path in FILES["01_a"]:
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(whole(n))
    (root / "notebooks").mkdir()
    return staging


def test_a_kill_before_any_line_of_publishing_or_of_its_completion_leaves_a_set_to_complete(tmp_path):
    root, lines, between, completed = tmp_path / "root", 0, 0, 0
    while True:
        staging = staged_and_published(root)
        if not die_at_line(partial(publication.publish, root, staging), lines):
            break
        lines += 1
        said, journal = set(versions(root, "01_a")), (root / publication.JOURNAL).exists()
        assert journal or len(said) == 1
        between += len(said) == 2
        die_at_line(lambda: publication.mend(root, io.StringIO()), 5 * lines % 61)  # killed again, in completing
        line = io.StringIO()
        publication.mend(root, line)
        assert set(versions(root, "01_a")) == ({2} if journal else said)
        completed += "01_a: a run was killed while it published; the set is complete now" in line.getvalue()
        assert line.getvalue().count("\n") <= 1 and strays(root) == []
        assert not (root / publication.JOURNAL).exists()
    assert lines > 30 and between >= 3 and completed >= 3
    assert set(versions(root, "01_a")) == {2}


def test_the_next_command_says_in_one_line_that_it_completes_a_set(tmp_path, monkeypatch, capsys):
    staging = staged_and_published(tmp_path / "root")
    root = tmp_path / "root"
    journal_then_stop(root, staging, monkeypatch)
    monkeypatch.setattr(outputs, "root", lambda: root)
    assert main(["html"]) == 2, "there is no executed notebook to export"
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "01_a: a run was killed while it published; the set is complete now, 2 files were missing"
    assert set(versions(root, "01_a")) == {2}


def journal_then_stop(root, staging, monkeypatch, error=None):
    """Publish, but fail at the second file."""
    replace, moved = os.replace, []

    def stop(source, target):
        if "figures" in str(target) or "results" in str(target):
            moved.append(target)
            if len(moved) == 2:
                raise error or OSError(errno.EIO, "Input/output error", str(target))
        return replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stop)
        with pytest.raises(type(error or OSError())):
            publication.publish(root, staging)


def test_an_interruption_while_a_set_is_published_is_heard_after_its_last_file(tmp_path, monkeypatch):
    staging = staged_and_published(tmp_path / "root")
    journal_then_stop(tmp_path / "root", staging, monkeypatch, KeyboardInterrupt())
    assert set(versions(tmp_path / "root", "01_a")) == {2}


def test_a_set_whose_staged_files_are_gone_names_the_command_that_makes_it_again(tmp_path, monkeypatch):
    staging, line = staged_and_published(tmp_path / "root"), io.StringIO()
    journal_then_stop(tmp_path / "root", staging, monkeypatch)
    shutil.rmtree(staging)
    publication.mend(tmp_path / "root", line)
    assert (
        "figures/01_a_b.svg, results/01_a.json is gone from runs/; make the set again with: "
        "python -m mfrd report --only 01_a" in line.getvalue()
    )


def test_a_journal_that_is_none_is_an_error(tmp_path, monkeypatch, capsys):
    notebooks(tmp_path, 1)
    (tmp_path / "runs").mkdir()
    (tmp_path / publication.JOURNAL).write_text("{")
    monkeypatch.setattr(outputs, "root", lambda: tmp_path)
    assert main(["report"]) == 2
    assert "is no record of files to publish" in capsys.readouterr().err


def test_temporaries_of_processes_that_are_gone_are_removed_and_those_of_others_kept(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for folder in ("figures", "results", "notebooks", "runs"):
        (tmp_path / folder).mkdir()
    stale = [tmp_path / folder / f".x.svg.{gone.pid}.tmp" for folder in ("figures", "results", "notebooks", ".")]
    alive = tmp_path / "results" / f".bench.json.{os.getpid()}.tmp"
    for path in (*stale, alive):
        path.touch()
    publication.mend(tmp_path, io.StringIO())
    assert not any(path.exists() for path in stale) and alive.exists()


ORPHAN = """\
import os, subprocess, sys
code = '''
import contextlib, os, pathlib, time
target = pathlib.Path(os.environ["MFRD_OUTPUT"], "results/01_a.json")
with open({fifo!r}, "w") as fifo:
    print(os.getpid(), file=fifo)
while True:
    with contextlib.suppress(OSError):  # the next run removes the directory between the two
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("poison")
    time.sleep(0.002)
'''
_ = subprocess.run([sys.executable, "-c", code], start_new_session=True)
"""


def test_what_outlives_a_killed_run_does_not_reach_the_next(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    notebooks(tmp_path, 3)
    write_notebook(tmp_path, "01_a", ORPHAN.format(fifo=str(fifo)))
    process = command(tmp_path, "report")
    orphan = int(fifo.read_text())  # waits for it
    try:
        kill(process)
        notebooks(tmp_path, 4)
        process = command(tmp_path, "report")
        process.join()
        assert psutil.pid_exists(orphan) and process.exitcode == 0
        assert [versions(tmp_path, name) for name in NAMES] == [[4] * 3] * 2
    finally:
        os.kill(orphan, signal.SIGKILL)


WAIT = """\
with open({fifo!r}, "w") as fifo:
    print("here", file=fifo)
import signal; signal.pause()
"""


@pytest.mark.parametrize("end, status", [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_ending_a_run_with_jobs_ends_its_processes_and_kernels(end, status, tmp_path):
    for name in NAMES:
        os.mkfifo(tmp_path / name)
        write_notebook(tmp_path, name, quick(name), WAIT.format(fifo=str(tmp_path / name)))
    process = command(tmp_path, "report", "--jobs", "2")
    assert [(tmp_path / name).read_text() for name in NAMES] == ["here\n"] * 2  # both run at the same time
    below = descendants(process)
    assert sum("ipykernel_launcher" in " ".join(each.cmdline()) for each in below) == 2
    os.kill(process.pid, end)
    process.join(60)
    if process.exitcode is None:
        kill(process)
    assert process.exitcode == status and published(tmp_path) == {}
    assert_gone(below)
    said = (tmp_path / "stderr.txt").read_text()
    assert "Traceback" not in said and ("interrupted; " in said) == (end == signal.SIGINT)


def test_a_module_without_its_repository_is_an_error_without_a_traceback(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(outputs, "__file__", str(tmp_path / "mfrd" / "report" / "outputs.py"))
    for arguments in (["report"], ["claims"]):
        assert main(arguments) == 1
        assert capsys.readouterr().err.startswith("error: no notebooks/ in ")


def test_one_run_at_a_time(tmp_path, monkeypatch, capsys):
    notebooks(tmp_path, 1)
    monkeypatch.setattr(outputs, "root", lambda: tmp_path)
    with publication.exclusive(tmp_path):
        assert main(["report"]) == 2
    assert f"error: process {os.getpid()} is running notebooks of" in capsys.readouterr().err


# --- the disk, the directories, the kernel -------------------------------------------------------


def mounted(tmp_path, *options):
    """A mount point under tmp_path, or a skip where this user cannot mount."""
    place = tmp_path / "mounted"
    place.mkdir(exist_ok=True)
    if shutil.which("mount") is None or subprocess.run(["mount", *options, str(place)], capture_output=True).returncode:
        pytest.skip("mounting needs a privileged user")
    return place


@pytest.mark.parametrize(
    "cell",
    [
        "from mfrd.report.outputs import write_atomic, directory\n"
        "write_atomic(directory() / 'figures/01_a_a.svg', bytes(2**21))",
        "print('a line of many\\n' * 2**17)",
    ],
    ids=["a figure", "the notebook"],
)
def test_a_full_disk_is_an_error_that_leaves_the_last_good_files(cell, tmp_path, monkeypatch, capsys):
    root = mounted(tmp_path, "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    try:
        for path in FILES["01_a"]:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(whole(1))
        good = published(root)
        write_notebook(root, "01_a", cell)
        monkeypatch.setattr(outputs, "root", lambda: root)
        assert main(["report"]) == 1
        said = capsys.readouterr().err
        assert "01_a failed at code cell 2 of 2" in said and "No space left on device" in said
        assert "free some space, then run it again" in said
        assert published(root) == good
    finally:
        subprocess.run(["umount", "-l", str(root)], check=True)


def test_a_limit_on_file_sizes_is_an_error_of_the_cell(tmp_path):
    cell = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "from mfrd.report.outputs import save_results; save_results('01_a', {'x': list(range(9999))})"
    )
    write_notebook(tmp_path, "01_a", cell)
    with pytest.raises(NotebookFailed, match="File too large: .*; expected room .*: raise the limit on file sizes"):
        report(tmp_path, stream=io.StringIO())
    assert published(tmp_path) == {} and list((tmp_path / "runs/01_a/results").iterdir()) == []


@pytest.fixture
def executed(monkeypatch):
    """Notebooks are not executed: each "writes" its files of version 2."""

    def execute(source, output, **options):
        for path in FILES[source.stem]:
            outputs.write_atomic(output.parent / path, whole(2))
        return outputs.write_atomic(output, nbformat.writes(nbformat.v4.new_notebook()).encode())

    monkeypatch.setattr("mfrd.report.run.execute", execute)


@pytest.mark.parametrize("number, remedy", [(errno.ENOSPC, "free some space"), (errno.EROFS, "make it writable")])
def test_a_disk_that_fails_while_a_set_is_published(number, remedy, tmp_path, executed, monkeypatch, capsys):
    notebooks(tmp_path, 1)
    monkeypatch.setattr(outputs, "root", lambda: tmp_path)
    replace, moved = os.replace, []

    def fail(source, target):
        if target.parent == tmp_path / "figures":
            moved.append(target)
            if len(moved) == 2:
                raise OSError(number, os.strerror(number), str(source), None, str(target))
        return replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        assert main(["report", "--only", "01"]) == 1
    said = capsys.readouterr().err
    assert os.strerror(number) in said and remedy in said and "Traceback" not in said
    assert main(["report", "--only", "02"]) == 0
    assert "the set is complete now, 2 files were missing" in capsys.readouterr().err
    assert versions(tmp_path, "01_a") == [2] * 3


def test_a_disk_that_is_full_when_the_pair_is_written_leaves_the_pair(tmp_path, executed, monkeypatch, capsys):
    notebooks(tmp_path, 1)
    monkeypatch.setattr(outputs, "root", lambda: tmp_path)
    (tmp_path / "notebooks/01_a.ipynb").write_text("as before")
    fsync, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if os.readlink(f"/proc/self/fd/{descriptor}").startswith(str(tmp_path / "notebooks")):
            raise OSError(errno.ENOSPC, "No space left on device")
        return fsync(descriptor)

    if not os.path.exists("/proc/self/fd"):
        pytest.skip("no /proc here")
    monkeypatch.setattr(os, "fsync", full)
    assert main(["refresh", "--only", "01"]) == 1
    said = capsys.readouterr().err
    assert "error: No space left on device: " in said and "01_a.ipynb; expected room" in said
    assert (tmp_path / "notebooks/01_a.ipynb").read_text() == "as before" and strays(tmp_path) == []


@pytest.mark.parametrize("folder", ["figures", "results"])
def test_a_file_where_a_directory_belongs_is_an_error_before_anything_runs(folder, tmp_path, monkeypatch, capsys):
    notebooks(tmp_path, 1)
    (tmp_path / folder).write_text("")
    monkeypatch.setattr(outputs, "root", lambda: tmp_path)
    assert main(["report"]) == 2
    assert f"{folder} is a file; expected a directory: move it away" in capsys.readouterr().err
    assert not (tmp_path / "runs/01_a").exists()


def test_a_directory_that_cannot_be_written_is_an_error_before_anything_runs(tmp_path):
    notebooks(tmp_path, 1)
    (tmp_path / "elsewhere").mkdir()
    place = mounted(tmp_path, "-o", "bind,ro", str(tmp_path / "elsewhere"))
    try:
        (tmp_path / "figures").symlink_to(place)
        with pytest.raises(ReportError, match="figures: Read-only file system; expected a directory to write to"):
            report(tmp_path, stream=io.StringIO())
        assert not (tmp_path / "runs/01_a").exists()
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_figures_on_another_file_system_is_an_error_before_anything_runs(tmp_path):
    notebooks(tmp_path, 1)
    place = mounted(tmp_path, "-t", "tmpfs", "-o", "size=64k", "tmpfs")
    try:
        (tmp_path / "figures").symlink_to(place)
        with pytest.raises(ReportError, match="figures and .*runs are on two file systems"):
            report(tmp_path, stream=io.StringIO())
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("run", [report, refresh])
def test_a_kernel_that_is_not_installed_is_an_error_before_anything_runs(run, tmp_path):
    notebooks(tmp_path, 1)
    source = tmp_path / "notebooks/02_b.py"
    source.write_text(source.read_text().replace("name: python3", "name: julia-9"))
    with pytest.raises(ReportError, match="02_b.py: kernel 'julia-9' is not installed; expected one of .*python3"):
        run(tmp_path, stream=io.StringIO())
    assert not (tmp_path / "runs").exists()
