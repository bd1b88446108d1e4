"""The report: every notebook in order, its figures and numbers published only when it has succeeded."""

import ast
import json
import os
import shutil
import sys
import time
from pathlib import Path

from .execution import Progress, ReportError, execute, parameter_names, read_source, write_notebook


def notebook_sources(root):
    """The py:percent notebooks of `root`, sorted by name. Raises ReportError where there is none."""
    found = sorted((Path(root) / "notebooks").glob("*.py"))
    if not found:
        raise ReportError(f"no notebook in {Path(root) / 'notebooks'}; expected py:percent files such as 01_validation.py")
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
            raise ReportError(f"--only {name}: {found} of that name; expected the name or a unique prefix of one of: {known}")
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


def report(root, *, only=(), parameters=None, stream=None):
    """Run the selected notebooks of `root` in order; returns the published paths, relative to `root`.

    Each runs in `runs/<name>/`, where it stages `figures/` and `results/`. A run at the published defaults (no
    `parameters`) that succeeds moves them, file by file, into the root's; any other leaves those untouched.
    Lines and, on a terminal, a bar go to `stream` (standard error by default).

    Raises ReportError before anything runs for a notebook or a parameter that does not exist, and
    NotebookFailed at the first notebook that fails; later ones are not run.
    """
    root, parameters = Path(root).resolve(), parameters or {}
    sources = select(root, only)
    overrides = assign_parameters(sources, parameters)
    published = []

    def after(source, staging, executed):
        given = overrides[sources.index(source)]
        if parameters:
            said = " ".join(f"{name}={value}" for name, value in given.items()) or "no parameter of its own"
            return f"with {said}: kept in runs/{source.stem}/, figures/ and results/ untouched"
        new = _publish(staging, root)
        published.extend(new)
        return _count(new)

    _run(root, sources, overrides, root / "runs", after, stream)
    return published


def refresh(root, *, only=(), stream=None):
    """Re-execute the paired `.ipynb` of the selected notebooks from their `.py`; returns the paths written.

    Each is replaced only when its notebook succeeds. `figures/` and `results/` are left alone.
    Raises as `report` does.
    """
    root = Path(root).resolve()
    sources = select(root, only)
    written = []

    def after(source, staging, executed):
        executed.metadata.get("jupytext", {}).pop("text_representation", None)  # it describes the .py, not the pair
        written.append(write_notebook(source.with_suffix(".ipynb"), executed).relative_to(root))
        return f"refreshed {written[-1]}"

    _run(root, sources, [{}] * len(sources), root / "runs" / "refresh", after, stream)
    return written


def _run(root, sources, overrides, runs, after, stream):
    """Execute `sources` in order under `runs`, and say what `after(source, staging, executed)` answers of each."""
    stream = stream or sys.stderr
    width = max(len(path.stem) for path in sources)
    start = time.perf_counter()
    for number, (source, parameters) in enumerate(zip(sources, overrides), start=1):
        staging, began = runs / source.stem, time.perf_counter()
        if staging.exists():
            shutil.rmtree(staging)
        with Progress(f"[{number}/{len(sources)}] {source.stem}", stream) as progress:
            executed = execute(source, staging / f"{source.stem}.ipynb", parameters=parameters, on_cell=progress)
        said = after(source, staging, executed)
        print(f"{source.stem:<{width}} {time.perf_counter() - began:7.1f} s  {said}", file=stream, flush=True)
    print(f"{'total':<{width}} {time.perf_counter() - start:7.1f} s", file=stream, flush=True)


def _publish(staging, root):
    """Move staged figures, then results, into the root's, each by one atomic replacement; returns their paths."""
    moved = []
    for folder in ("figures", "results"):
        for staged in sorted((staging / folder).glob("*")):
            target = root / folder / staged.name
            target.parent.mkdir(exist_ok=True)
            os.replace(staged, target)
            moved.append(target.relative_to(root))
    return moved


def _count(paths):
    figures = sum(path.parts[0] == "figures" for path in paths)
    results = [str(path) for path in paths if path.parts[0] == "results"]
    return f"published {figures} figure{'s' * (figures != 1)}, {', '.join(results) or 'no results'}"
