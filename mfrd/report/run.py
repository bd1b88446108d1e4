"""The report: every notebook in order, its figures and numbers published only when it has succeeded."""

import ast
import contextlib
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, TextIO

import nbformat
from tqdm import tqdm

from . import requirements
from .execution import Kernels, NotebookFailed, check_kernels, execute, reads, write_notebook
from .outputs import ReportError
from .parameters import check, declared, defaults
from .publication import FOLDERS, WORK, check_folders, exclusive, mend, publish
from .saved import paired


def notebook_sources(root: Path) -> list[Path]:
    """The py:percent notebooks of `root`, sorted by name. Raises ReportError where there is none."""
    found = sorted((Path(root) / "notebooks").glob("*.py"))
    if not found:
        said = f"no notebook in {Path(root) / 'notebooks'}"
        raise ReportError(f"{said}; expected py:percent files such as 01_validation.py")
    return found


def select(root: Path, only: Iterable[str] = ()) -> list[Path]:
    """The notebooks of `root` that `only` names, each by full name or unique prefix, in their own order.

    All of them where `only` is empty. Raises ReportError for a name that fits none, or more than one.
    """
    sources = notebook_sources(root)
    chosen = set()
    for name in only or [path.stem for path in sources]:
        wanted = name[:-3] if name.endswith(".py") else name
        matches = [p for p in sources if p.stem == wanted] or [p for p in sources if p.stem.startswith(wanted)]
        if len(matches) != 1:
            found = f"{len(matches)} notebooks" if matches else "no notebook"
            said = f"--only {name}: {found} of that name; expected the name or a unique prefix of one of"
            raise ReportError(f"{said}: {', '.join(path.stem for path in matches or sources)}")
        chosen.add(matches[0])
    return [path for path in sources if path in chosen]


def parse_parameters(assignments: Iterable[str]) -> dict[str, Any]:
    """{name: value} of `name=value` strings: values are JSON or Python literals, anything else is a string.

    Raises ReportError for an assignment without name or `=`, or a name given twice.
    """
    parameters = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name.isidentifier():
            raise ReportError(f"-p {assignment}: expected name=value, such as -p n=50 or -p solver=clarabel")
        if name in parameters:
            raise ReportError(f"-p {assignment}: {name} is given twice; give it once")
        parameters[name] = _literal(text)
    return parameters


def _literal(text: str) -> Any:
    """`text` as JSON or a Python literal, a tuple as a list; itself where it is neither."""
    for parse in (json.loads, ast.literal_eval):
        with contextlib.suppress(ValueError, SyntaxError):
            value = parse(text)
            return list(value) if isinstance(value, tuple) else value
    return text


def assign_parameters(sources: list[Path], parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """For each of `sources`, those of `parameters` that its parameters cell knows, as a list of dicts.

    Raises ReportError for a name that none of them knows, and lists the known ones; and for a value that has not the
    type of its default.
    """
    known = [declared(path) for path in sources]
    every = sorted(set().union(*known))
    unknown = [name for name in parameters if name not in every]
    if unknown:
        said = f"unknown parameter {', '.join(unknown)}; expected one of those in the parameters cells of"
        places = ", ".join(path.stem for path in sources)
        raise ReportError(f"{said} {places}: {', '.join(every) or 'there is none'}")
    for path in sources:
        default = defaults(path)
        check(path.stem, parameters, default)
        if parameters:
            given = {name: parameters[name] for name in default if name in parameters}
            requirements.check(path.stem, {**default, **given})
    return [{name: value for name, value in parameters.items() if name in names} for names in known]


class Schedule:
    """Which notebook may run now: one starts when all that it reads have succeeded, the first by name before others.

    Any number at a time then gives what one after the other gives. One that reads a failed or skipped notebook is
    skipped; without `keep_going` none starts after a failure. .failed {name: what it said}, .skipped {name: the name
    it reads}.

    Parameters
    ----------
    needs : dict
        {name: names that it reads}; a name that is no key has been published before.
    keep_going : bool
        Whether the others run on after a failure.

    Raises
    ------
    ReportError
        Where notebooks read each other.
    """

    def __init__(self, needs: dict[str, list[str]], keep_going: bool) -> None:
        self._needs = {name: [other for other in others if other in needs] for name, others in needs.items()}
        self._order, self._keep_going = TopologicalSorter(self._needs), keep_going
        self._ready: list[str] = []
        self.failed: dict[str, str] = {}
        self.skipped: dict[str, str] = {}
        try:
            self._order.prepare()
        except CycleError as error:
            circle = f"notebooks read each other: {' -> '.join(reversed(error.args[1]))}"
            raise ReportError(f"{circle}; expected one to come first: change reads") from None

    def start(self) -> str | None:
        """The notebook to start now, or None where each must wait for one that runs, or none is left."""
        while self._keep_going or not self.failed:
            self._ready = sorted([*self._ready, *self._order.get_ready()])
            if not self._ready:
                break
            name = self._ready.pop(0)
            lost = [other for other in self._needs[name] if other in self.failed or other in self.skipped]
            if not lost:
                return name
            self.skipped[name] = lost[0]
            self._order.done(name)
        return None

    def end(self, name: str, failure: str | None) -> None:
        """Note that `name` has ended, with what it said where it failed."""
        self._order.done(name)
        if failure is not None:
            self.failed[name] = failure


def report(
    root: Path,
    *,
    only: Iterable[str] = (),
    parameters: dict[str, Any] | None = None,
    jobs: int = 1,
    keep_going: bool = False,
    stream: TextIO | None = None,
) -> list[Path]:
    """Run the selected notebooks of `root`; returns the published paths, relative to `root`, in the notebooks' order.

    Each runs in a directory of its own and ends in `runs/<name>/`, with its `figures/` and `results/`. A run at the
    published defaults (no `parameters`) that succeeds moves these into the root's, all or none (publication.py); any
    other leaves those untouched.

    Parameters
    ----------
    root : Path
        The repository.
    only : iterable of str, optional
        Names or unique prefixes; all notebooks where it is empty.
    parameters : dict, optional
        Values in place of those of the parameters cells.
    jobs : int, optional
        How many notebooks run at once, each after those whose results it declares to read.
    keep_going : bool, optional
        After a failure, run those that do not read what it would have published.
    stream : file, optional
        Receives a line a notebook and, on a terminal, a bar; standard error by default.

    Raises
    ------
    ReportError
        Before anything runs, for a notebook, a parameter or a kernel that does not exist, notebooks that read each
        other, a number of jobs below one, a directory that cannot be written, or another run in `root`.
    NotebookFailed
        Once those that could run have, with what each failure said and what was skipped.
    """
    root, parameters = Path(root).resolve(), parameters or {}
    sources = select(root, only)
    overrides = dict(zip(sources, assign_parameters(sources, parameters)))
    published: dict[Path, list[Path]] = {}

    def after(source: Path, staging: Path) -> str:
        if parameters:
            said = " ".join(f"{name}={value}" for name, value in overrides[source].items()) or "no parameter of its own"
            return (
                f"with {said}: kept in runs/{source.stem}/, figures/ and results/ untouched{outcome(source, staging)}"
            )
        paths = published[source] = publish(root, staging)
        figures = sum(path.parts[0] == "figures" for path in paths)
        results = ", ".join(str(path) for path in paths if path.parts[0] == "results") or "no results"
        return f"published {figures} figure{'s' * (figures != 1)}, {results}{outcome(source, staging)}"

    schedule = Schedule({source.stem: [] if parameters else reads(source) for source in sources}, keep_going)
    folders = () if parameters else FOLDERS
    _run(root, overrides, schedule, root / "runs", folders, after, jobs, stream or sys.stderr)
    return [path for source in sources for path in published.get(source, [])]


def outcome(source: Path, staging: Path) -> str:
    """What the cell tagged `outcome` of an executed notebook printed, on a line of its own; nothing where none is."""
    executed = nbformat.read(staging / f"{source.stem}.ipynb", as_version=4)
    cells = [cell for cell in executed.cells if "outcome" in cell.metadata.get("tags", [])]
    text = "".join(output.get("text", "") for cell in cells for output in cell.outputs)
    return f"\n  {text.strip()}" if text.strip() else ""


def refresh(
    root: Path, *, only: Iterable[str] = (), jobs: int = 1, keep_going: bool = False, stream: TextIO | None = None
) -> list[Path]:
    """Re-execute the paired `.ipynb` of the selected notebooks from their `.py`; returns the paths written.

    Each is replaced only when its notebook succeeds. `figures/` and `results/` are left alone, so that no notebook
    depends on another. Parameters, and what it raises: as `report`.
    """
    root = Path(root).resolve()
    sources = select(root, only)

    def after(source: Path, staging: Path) -> str:
        executed = nbformat.read(staging / f"{source.stem}.ipynb", as_version=4)
        return f"refreshed {write_notebook(source.with_suffix('.ipynb'), paired(executed)).relative_to(root)}"

    schedule = Schedule({source.stem: [] for source in sources}, keep_going)
    _run(root, dict.fromkeys(sources, {}), schedule, root / "runs/refresh", (), after, jobs, stream or sys.stderr)
    return [source.with_suffix(".ipynb").relative_to(root) for source in sources]


def _run(
    root: Path,
    overrides: dict[Path, dict],
    schedule: Schedule,
    runs: Path,
    folders: tuple[str, ...],
    after: Callable[[Path, Path], str],
    jobs: int,
    stream: TextIO,
) -> None:
    """Execute the notebooks of `overrides`, {source: parameters}; say what `after(source, staging)` answers of each.

    runs: where each has its directory; folders: those of `root` that must be able to receive what is published. Each
    notebook has a thread, which waits for its kernel; what is published comes from here. An interruption ends the
    kernels, and with them the threads.
    """
    if jobs < 1:
        raise ReportError(f"--jobs {jobs}; expected a number of notebooks at once, 1 or more")
    check_kernels(list(overrides))
    sources, kernels = {source.stem: source for source in overrides}, Kernels()
    cells: dict[str, str] = {}  # where each notebook that runs is
    running: dict[Future, tuple[str, Path]] = {}
    remains: dict[str, Path] = {}
    width, start = max(map(len, sources)), time.perf_counter()

    def run(source: Path, work: Path) -> tuple[float, str | None]:
        """Seconds that the notebook took, and what it said where it failed, else None."""

        def on_cell(i: int, n: int, heading: str) -> None:
            cells[source.stem] = f"{source.stem[:14]} {i}/{n}" + (f"  {heading:.48}" if jobs == 1 else "")

        began, failure = time.perf_counter(), None
        try:
            output = work / f"{source.stem}.ipynb"
            execute(source, output, parameters=overrides[source], on_cell=on_cell, kernels=kernels)
        except ReportError as error:
            failure = str(error)
        return time.perf_counter() - began, failure

    with exclusive(root), ThreadPoolExecutor(jobs) as pool:
        mend(root, stream)
        check_folders(root, folders)
        look = {"bar_format": "{desc} |{bar:20}| {n}/{total} {elapsed}{postfix}", "leave": False, "dynamic_ncols": True}
        with tqdm(desc=f"{jobs} at once", total=len(sources), file=stream, disable=not stream.isatty(), **look) as bar:
            try:
                while True:
                    while len(running) < jobs and (name := schedule.start()) is not None:
                        # a directory that no other run knows, so that a kernel which outlives its run harms none
                        work = runs / f"{WORK}{name}-{secrets.token_hex(8)}"
                        work.mkdir(parents=True)
                        running[pool.submit(run, sources[name], work)] = name, work
                    if not running:
                        break
                    ended, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED)
                    bar.set_postfix_str("  ".join(cells.get(name, name) for name, _ in running.values()))
                    for future in ended:
                        seconds, failure = future.result()
                        name, work = running.pop(future)
                        if (runs / name).exists():
                            shutil.rmtree(runs / name)
                        os.replace(work, runs / name)
                        said = after(sources[name], runs / name) if failure is None else "failed"
                        remains[name] = runs / name / f"{name}.ipynb"
                        schedule.end(name, failure)
                        bar.update()
                        bar.write(f"{name:<{width}} {seconds:7.1f} s  {said}", file=stream)
            finally:
                kernels.end()
    print(f"{'total':<{width}} {time.perf_counter() - start:7.1f} s", file=stream, flush=True)
    if schedule.failed:
        raise NotebookFailed(_summary(schedule, remains, list(sources)))


def _summary(schedule: Schedule, remains: dict[str, Path], names: list[str]) -> str:
    """What each failed notebook said, where its remains are, and what did not run because of it."""
    lines = []
    for name, said in schedule.failed.items():
        kept = [f"the partly executed notebook is {remains[name]}"] if remains[name].is_file() else []
        lines += [said, *kept, ""]
    if len(schedule.failed) > 1 or schedule.skipped:
        lines.append(f"failed: {', '.join(schedule.failed)}")
    lines += [f"skipped: {name}, which reads the results of {other}" for name, other in schedule.skipped.items()]
    if waiting := [name for name in names if name not in remains and name not in schedule.skipped]:
        lines.append(f"not run: {', '.join(waiting)}; --keep-going runs those that do not read what failed")
    return "\n".join(lines).rstrip("\n")
