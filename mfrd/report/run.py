"""The report: every notebook in order, its figures and numbers published only when it has succeeded."""

import ast
import contextlib
import json
import os
import secrets
import shutil
import sys
import time
from pathlib import Path

import nbformat

from . import processes
from .execution import NotebookFailed, Progress, check_kernels, execute, parameter_names, read_source, write_notebook
from .outputs import ReportError
from .publication import WORK, check_folders, exclusive, mend, publish
from .schedule import Schedule, reads


def notebook_sources(root):
    """The py:percent notebooks of `root`, sorted by name. Raises ReportError where there is none."""
    found = sorted((Path(root) / "notebooks").glob("*.py"))
    if not found:
        raise ReportError(
            f"no notebook in {Path(root) / 'notebooks'}; expected py:percent files such as 01_validation.py"
        )
    return found


def select(root, only=()):
    """The notebooks of `root` that `only` names, each by full name or unique prefix, in their own order.

    All of them where `only` is empty. Raises ReportError for a name that fits none, or more than one.
    """
    sources = notebook_sources(root)
    chosen = set()
    for name in only or [path.stem for path in sources]:
        wanted = name[:-3] if name.endswith(".py") else name
        matches = [p for p in sources if p.stem == wanted] or [p for p in sources if p.stem.startswith(wanted)]
        if len(matches) != 1:
            found = "no notebook" if not matches else f"{len(matches)} notebooks"
            known = ", ".join(path.stem for path in matches or sources)
            raise ReportError(
                f"--only {name}: {found} of that name; expected the name or a unique prefix of one of: {known}"
            )
        chosen.add(matches[0])
    return [path for path in sources if path in chosen]


def parse_parameters(assignments):
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


def _literal(text):
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError):
            continue
        return list(value) if isinstance(value, tuple) else value
    return text


def assign_parameters(sources, parameters):
    """For each of `sources`, those of `parameters` that its parameters cell knows, as a list of dicts.

    Raises ReportError for a name that none of them knows; it lists the known ones.
    """
    known = [parameter_names(read_source(path), path.stem) for path in sources]
    every = sorted(set().union(*known))
    unknown = [name for name in parameters if name not in every]
    if unknown:
        raise ReportError(
            f"unknown parameter {', '.join(unknown)}; expected one of those in the parameters cells of "
            f"{', '.join(path.stem for path in sources)}: {', '.join(every) or 'there is none'}"
        )
    return [{name: value for name, value in parameters.items() if name in names} for names in known]


def report(root, *, only=(), parameters=None, jobs=1, keep_going=False, stream=None):
    """Run the selected notebooks of `root`; returns the published paths, relative to `root`, in the notebooks' order.

    Each runs in a directory of its own and ends in `runs/<name>/`, with its `figures/` and `results/`. A run at the
    published defaults (no `parameters`) that succeeds moves these into the root's, all or none (publication.py); any
    other leaves those untouched. jobs: how many notebooks run at once, each after those whose results it reads;
    keep_going: after a failure, run those that do not read what it would have published.
    Lines and, on a terminal, a bar go to `stream` (standard error by default).

    Raises ReportError before anything runs for a notebook, a parameter or a kernel that does not exist, a number of
    jobs below one, a directory that cannot be written, or another run in `root`; NotebookFailed once those that
    could run have, with what each failure said and what was skipped.
    """
    root, parameters, stream = Path(root).resolve(), parameters or {}, stream or sys.stderr
    sources = select(root, only)
    overrides = assign_parameters(sources, parameters)
    published = {}

    def after(source, staging):
        if parameters:
            given = overrides[sources.index(source)]
            said = " ".join(f"{name}={value}" for name, value in given.items()) or "no parameter of its own"
            return f"with {said}: kept in runs/{source.stem}/, figures/ and results/ untouched"
        published[source] = publish(root, staging)
        return _count(published[source])

    _check(sources, jobs)
    with exclusive(root):
        mend(root, stream)
        if not parameters:
            check_folders(root)
        needs = _needs(sources, publishing=not parameters)
        _run(sources, overrides, root / "runs", after, stream, Schedule(list(needs), needs, keep_going), jobs)
    return [path for source in sources for path in published[source]] if published else []


def refresh(root, *, only=(), jobs=1, keep_going=False, stream=None):
    """Re-execute the paired `.ipynb` of the selected notebooks from their `.py`; returns the paths written.

    Each is replaced only when its notebook succeeds. `figures/` and `results/` are left alone, so that no notebook
    depends on another. jobs, keep_going, stream, and what it raises: as `report`.
    """
    root, stream = Path(root).resolve(), stream or sys.stderr
    sources = select(root, only)

    def after(source, staging):
        executed = nbformat.read(staging / f"{source.stem}.ipynb", as_version=4)
        for name in ("text_representation", "cell_metadata_filter", "notebook_metadata_filter"):
            executed.metadata.get("jupytext", {}).pop(name, None)  # they describe the .py, not the pair
        return f"refreshed {write_notebook(source.with_suffix('.ipynb'), executed).relative_to(root)}"

    _check(sources, jobs)
    with exclusive(root):
        mend(root, stream)
        needs = _needs(sources, publishing=False)
        schedule = Schedule(list(needs), needs, keep_going)
        _run(sources, [{}] * len(sources), root / "runs" / "refresh", after, stream, schedule, jobs)
    return [source.with_suffix(".ipynb").relative_to(root) for source in sources]


def _check(sources, jobs):
    if jobs < 1:
        raise ReportError(f"--jobs {jobs}; expected a number of notebooks at once, 1 or more")
    check_kernels(sources)


def _needs(sources, publishing):
    """{name: names of those of `sources` whose results it reads}: none where nothing is published on the way."""
    names = [path.stem for path in sources]
    return {path.stem: reads(read_source(path), names) if publishing else set() for path in sources}


def _run(sources, overrides, runs, after, stream, schedule, jobs):
    """Execute `sources` under `runs` as `schedule` allows, and say what `after(source, staging)` answers of each.

    Raises NotebookFailed at the end where one failed.
    """
    tasks = {source.stem: (source, parameters) for source, parameters in zip(sources, overrides)}
    width, began = max(map(len, tasks)), time.perf_counter()
    remains = {}
    run = _in_turn(tasks, runs, stream, schedule) if jobs == 1 else _at_once(tasks, runs, stream, schedule, jobs)
    with contextlib.closing(run) as outcomes:  # closed early, it stops what still runs
        for name, work, seconds, failure, say in outcomes:
            staging = _settle(work, runs / name)
            said = after(tasks[name][0], staging) if failure is None else "failed"
            remains[name] = staging / f"{name}.ipynb"
            schedule.end(name, failure)
            say(f"{name:<{width}} {seconds:7.1f} s  {said}")
    print(f"{'total':<{width}} {time.perf_counter() - began:7.1f} s", file=stream, flush=True)
    if schedule.failed:
        raise NotebookFailed(_summary(schedule, remains))


def _in_turn(tasks, runs, stream, schedule):
    """Execute the tasks one after the other, here; yields (name, directory, seconds, failure or None, say) of each."""
    number = 0
    while (name := schedule.start()) is not None:
        (source, parameters), work, began, failure = tasks[name], _work(runs, name), time.perf_counter(), None
        number += 1
        with Progress(f"[{number}/{len(tasks)}] {name}", stream) as progress:
            try:
                execute(source, work / f"{name}.ipynb", parameters=parameters, on_cell=progress)
            except NotebookFailed as error:
                failure = str(error)
        yield name, work, time.perf_counter() - began, failure, progress.say


def _at_once(tasks, runs, stream, schedule, jobs):
    """Execute up to `jobs` tasks at once, each in a process of its own; yields as `_in_turn`."""
    running, done = [], 0
    with Progress(f"{jobs} at once", stream) as progress:

        def show():
            cells = (f"{each.name[:14]} {each.cell[0]}/{each.cell[1]}" for each in running)
            progress.show(done, len(tasks), "  ".join(cells))

        try:
            while True:
                while len(running) < jobs and (name := schedule.start()) is not None:
                    running.append(processes.launch(name, tasks[name][0], _work(runs, name), tasks[name][1]))
                if not running:
                    return
                show()
                for each, failure in processes.ended(running, show):
                    running.remove(each)
                    done += 1
                    yield each.name, each.work, time.perf_counter() - each.began, failure, progress.say
        finally:
            processes.stop(running)


def _work(runs, name):
    """A directory that no other run of the notebook knows, so that a kernel which outlives its run harms none."""
    work = runs / f"{WORK}{name}-{secrets.token_hex(8)}"
    work.mkdir(parents=True)
    return work


def _settle(work, place):
    """Give a directory of `_work`, once its run has ended, the place where it is looked for; returns that."""
    if place.exists():
        shutil.rmtree(place)
    os.replace(work, place)
    return place


def _summary(schedule, remains):
    """What each failed notebook said, where its remains are, and what did not run because of it."""
    lines = []
    for name, said in schedule.failed.items():
        kept = [f"the partly executed notebook is {remains[name]}"] if remains[name].is_file() else []
        lines += [said, *kept, ""]
    if len(schedule.failed) > 1 or schedule.skipped:
        lines.append(f"failed: {', '.join(schedule.failed)}")
    lines += [f"skipped: {name}, which reads the results of {other}" for name, other in schedule.skipped.items()]
    if schedule.waiting:
        lines.append(f"not run: {', '.join(schedule.waiting)}; --keep-going runs those that do not read what failed")
    return "\n".join(lines).rstrip("\n")


def _count(paths):
    figures = sum(path.parts[0] == "figures" for path in paths)
    results = [str(path) for path in paths if path.parts[0] == "results"]
    return f"published {figures} figure{'s' * (figures != 1)}, {', '.join(results) or 'no results'}"
