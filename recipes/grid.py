"""A notebook over a grid of parameters, and one table of what it saved; a run that was cut short goes on.

    python recipes/grid.py recipes/random_source.py -p seed=0..99 -p share=[0.1,0.2,0.4] --jobs 2

runs the notebook through papermill once for each of the 300 points, in `runs/grid/random_source/`, and gathers the
results of these points into `runs/grid/random_source.parquet`, one row a point: the parameters, then every number that
the notebook gave to `save_results`, nested names joined by dots. A point has a directory, named after the text of the
notebook and the parameters, that appears only when the point is whole: what is done is not done again, unless the
notebook changes. A point that fails is reported, the others go on, and it is tried again at the next run. After a
change of mfrd itself, remove the directory to start afresh. On a cluster, call `run` inside
`joblib.parallel_config(backend="dask")`, with `folder` on a file system that its machines share.
"""

import argparse
import hashlib
import io
import itertools
import json
import os
import re
import shutil
import sys
from pathlib import Path

import joblib
import pandas
from tqdm import tqdm

from mfrd.report.execution import NotebookFailed, ReportError, execute
from mfrd.report.outputs import root, write_atomic
from mfrd.report.publication import alive, exclusive
from mfrd.report.run import assign_parameters, parse_parameters


def points(axes):
    """The grid as a list of {name: value}: every combination of the values in `axes` once, the last name fastest.

    Raises ReportError for a parameter without values.
    """
    for name, values in axes.items():
        if not values:
            raise ReportError(f"{name} has no values; expected a list such as [0.1,0.2], a range such as 0..9, or one")
    grid = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    return list({json.dumps(point, sort_keys=True): point for point in grid}.values())


def place(folder, source, parameters):
    """The directory of a point: the same for the same text of the notebook and the same parameters."""
    text = json.dumps([source.read_text(encoding="utf-8"), parameters], sort_keys=True)
    return folder / hashlib.sha256(text.encode()).hexdigest()[:20]


def table_path(folder):
    """Where the table of `folder` is: beside it."""
    return folder.with_name(f"{folder.name}.parquet")


def run_point(source, parameters, done):
    """Run one point in a hidden directory and rename that to `done`; returns what went wrong, or None.

    A worker outlives a run that is killed, and may end the same point first.
    """
    staging = done.with_name(f".{done.name}.{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        execute(source, staging / f"{source.stem}.ipynb", parameters=parameters)
    except NotebookFailed as error:
        return f"{parameters}: {error}"
    write_atomic(staging / "parameters.json", json.dumps(parameters).encode())
    try:
        staging.rename(done)
    except OSError:
        if not done.exists():
            raise
        shutil.rmtree(staging)
    return None


def clear(folder):
    """Remove what killed runs left half done in `folder`, but for what a worker of theirs is still at."""
    for abandoned in folder.glob(".*.*"):
        if not alive(int(abandoned.suffix[1:])):
            shutil.rmtree(abandoned)


def run(source, axes, folder, *, jobs=1):
    """Run every point that is not done yet in `folder`, and write `<folder>.parquet`; returns (table, failures).

    source: a py:percent notebook; axes: {parameter: values}; jobs: processes, -1 for one a core.
    Raises ReportError for a parameter that the notebook does not have or that has no values, for jobs=0, and where
    another run holds the folder.
    """
    source, folder = Path(source).resolve(), Path(folder).resolve()
    if jobs == 0:
        raise ReportError("jobs is 0; expected a number of processes, or -1 for one a core")
    grid = points(axes)
    for point in grid:
        assign_parameters([source], point)
    with exclusive(folder, ".lock"):
        clear(folder)
        return finish(source, grid, folder, jobs)


def finish(source, grid, folder, jobs):
    """`run` for points checked and a folder held."""
    places = [place(folder, source, parameters) for parameters in grid]
    missing = [k for k, done in enumerate(places) if not done.exists()]
    tasks = (joblib.delayed(run_point)(source, grid[k], places[k]) for k in missing)
    answers = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(tasks)
    shown = tqdm(answers, total=len(grid), initial=len(grid) - len(missing), unit="point", disable=None)
    failures = [failure for failure in shown if failure]
    table = gather([done for done in places if done.exists()])
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_atomic(table_path(folder), buffer.getvalue())
    return table, failures


def gather(places):
    """One row a point: its parameters, then its results, as a pandas DataFrame."""
    rows = []
    for done in places:
        row = json.loads((done / "parameters.json").read_text())
        for path in sorted((done / "results").glob("*.json")):
            row |= json.loads(path.read_text(encoding="utf-8"))
        rows.append(row)
    return pandas.json_normalize(rows)


def axis(value):
    """The values of one parameter: a list as it is, first..last as whole numbers, anything else as the only one.

    Raises ReportError for a range that is none of whole numbers.
    """
    if isinstance(value, str) and ".." in value:
        whole = re.fullmatch(r"(-?\d+)\.\.(-?\d+)", value)
        if not whole:
            raise ReportError(f"{value}: expected a range of whole numbers such as 0..9, or a list such as [0.1,0.2]")
        return list(range(int(whole[1]), int(whole[2]) + 1))
    return value if isinstance(value, list) else [value]


def main(arguments=None):
    """The command line; the exit status is 1 where a point failed, 2 for a wrong request, 130 where interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebook", type=Path)
    parser.add_argument(
        "-p",
        dest="axes",
        metavar="name=values",
        action="append",
        default=[],
        help="[0.1,0.2], 0..99 or one value; again for each parameter",
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes; -1 for one a core")
    options = parser.parse_args(arguments)
    folder = root() / "runs" / "grid" / options.notebook.stem
    try:
        axes = {name: axis(value) for name, value in parse_parameters(options.axes).items()}
        table, failures = run(options.notebook, axes, folder, jobs=options.jobs)
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the points that are whole stay, and the next run does the rest", file=sys.stderr)
        return 130
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    print(f"{len(table)} points in {table_path(folder).relative_to(root())}, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
