"""Executing one notebook through papermill, so that the same source always gives the same bytes."""

import ast
import contextlib
import json
import logging
import os
import re
import threading
from pathlib import Path

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError, strip_color
from papermill.execute import execute_notebook

from .outputs import ReportError, remedied, write_atomic

# sums of several threads round differently, and notebooks that run at once would fight for the cores
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
KERNEL_ARGUMENTS = ["--IPKernelApp.log_level=50"]  # no notice of TCP ports, nor of a cell cut short by Ctrl-C


class NotebookFailed(Exception):
    """A notebook raised; the message names the notebook, its cell and the exception, and the report's its remains."""


def read_source(path):
    """Notebook of the py:percent file `path`, without outputs.

    Raises ReportError where it is no text, and where the header names no kernel, which papermill needs.
    """
    try:
        notebook = jupytext.read(path, fmt="py:percent")
    except (OSError, ValueError) as error:
        raise ReportError(f"{path}: {error}; expected a readable py:percent file in UTF-8") from error
    if "kernelspec" not in notebook.metadata:
        raise ReportError(
            f"{path}: the header has no kernelspec; expected one named python3. "
            f"Add it with: jupytext --set-kernel python3 {path}"
        )
    return notebook


def check_kernels(sources):
    """Raise ReportError where one of the py:percent files `sources` names a kernel that is not installed."""
    installed = KernelSpecManager().find_kernel_specs()
    for path in sources:
        name = read_source(path).metadata.kernelspec.name
        if name not in installed:
            raise ReportError(
                f"{path}: kernel {name!r} is not installed; expected one of {', '.join(sorted(installed)) or 'none'}. "
                f"Install it (python -m ipykernel install --sys-prefix --name {name}), or change the header: "
                f"jupytext --set-kernel python3 {path}"
            )


def parameter_names(notebook, name):
    """Names assigned at the top level of the cell tagged `parameters`, in order; none where there is no such cell."""
    cells = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    if len(cells) > 1:
        raise ReportError(f"{name}: {len(cells)} cells are tagged parameters; expected one, merge them")
    try:
        body = ast.parse(cells[0].source).body if cells else []
    except SyntaxError as error:
        raise ReportError(f"{name}: the parameters cell is not plain Python ({error}); expected name = value") from None
    names = []
    for statement in body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        for target in filter(None, targets):
            names += [node.id for node in ast.walk(target) if isinstance(node, ast.Name)]
    return names


def execute(source, output, *, parameters=None, on_cell=None):
    """Execute the py:percent file `source`, write the notebook `output`, and return it.

    The kernel starts in the directory of `source` and sees `MFRD_OUTPUT`, the directory of `output`, where
    `outputs.save_figure` and `outputs.save_results` write. `parameters` override the names of the parameters cell.
    `on_cell(i, n, heading)` is called before the i-th of n code cells, with the heading that it stands under.

    Raises NotebookFailed where a cell raises, the kernel dies or the disk is full; `output` then holds the cells
    executed so far, if it could be written.
    """
    source, output = Path(source).resolve(), Path(output).resolve()
    notebook = read_source(source)
    seen = []

    def before_cell(cells, index):
        seen[:] = _locate(cells, index)
        if on_cell is not None and cells[index].cell_type == "code":
            on_cell(*seen)

    logging.getLogger("papermill").setLevel(logging.ERROR)  # unknown parameters are an error before this point
    papermill_engines.register("mfrd", _Engine)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with _environment(_kernel_environment(source.parent.parent, output.parent)):
            executed = execute_notebook(
                notebook,
                str(output).replace("{", "{{").replace("}", "}}"),  # papermill formats its paths
                parameters=parameters,
                engine_name="mfrd",
                progress_bar=False,
                cwd=source.parent,
                before_cell=before_cell,
                record_timing=False,
                coalesce_streams=True,
                extra_arguments=list(KERNEL_ARGUMENTS),
            )
        write_notebook(output, normalise(executed))
    except PapermillExecutionError as error:
        raise NotebookFailed(_failure(source, seen, f"{error.ename}: {error.evalue}", error)) from error
    except (RuntimeError, NoSuchKernel) as error:  # DeadKernelError, a kernel that never started or is not there
        raise NotebookFailed(_failure(source, seen, f"{type(error).__name__}: {error}", None)) from error
    except OSError as error:
        raise NotebookFailed(_failure(source, seen, remedied(error, output), None)) from error
    return executed


def normalise(notebook):
    """Drop from `notebook`, in place, what differs between two runs of one source; returns it.

    That is papermill's record, the random cell and widget ids and the patch version of Python.
    """
    notebook.metadata.pop("papermill", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(notebook.cells, start=1):
        cell["id"] = f"cell-{number:03d}"
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.metadata.get("tags") == []:
            del cell.metadata["tags"]
    return notebook


def write_notebook(path, notebook):
    """Write `notebook` to `path`, whole or not at all; its widgets are numbered in the order of `widget_ids`."""
    text = nbformat.writes(notebook, version=4)
    numbers = {identifier: f"{number:032x}" for number, identifier in enumerate(widget_ids(notebook), start=1)}
    if numbers:
        text = re.sub("|".join(numbers), lambda found: numbers[found[0]], text)
        text = nbformat.writes(nbformat.reads(text, as_version=4), version=4)  # keys in the order of the new ids
    return write_atomic(path, (text.rstrip("\n") + "\n").encode())


def widget_ids(notebook):
    """The ids of the saved widgets in an order in which the ids have no part: as the cells, then widgets name them."""
    saved = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    state, order = saved.get("state", {}), []

    def visit(text):
        for identifier in sorted((i for i in state if i in text), key=text.find):
            if identifier not in order:
                order.append(identifier)
                visit(json.dumps(state[identifier], sort_keys=True))

    visit(json.dumps(notebook.cells, sort_keys=True))
    return order + [identifier for identifier in state if identifier not in order]


class _Engine(NBClientEngine):
    """papermill's own engine, which tells `before_cell` about each cell it starts."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, before_cell=None, **options):
        start = nb_man.cell_start

        def cell_start(cell, cell_index=None, **kwargs):
            before_cell(nb_man.nb.cells, cell_index)
            return start(cell, cell_index, **kwargs)

        nb_man.cell_start = cell_start
        return super().execute_managed_notebook(nb_man, kernel_name, **options)


def _locate(cells, index):
    """(i, n, heading) of the cell at `index`: it is the i-th of n code cells, under the last heading before it."""
    code = [k for k, cell in enumerate(cells) if cell.cell_type == "code"]
    heading = ""
    for cell in cells[: index + 1]:
        if cell.cell_type == "markdown":
            heading = (re.findall(r"^#+\s+(.*?)\s*$", cell.source, re.MULTILINE) or [heading])[-1]
    return sum(k <= index for k in code), len(code), heading


def _failure(source, seen, what, error):
    i, n, heading = seen or (0, 0, "")
    place = f"code cell {i} of {n}" + (f", under {heading!r}" if heading else "") if seen else "before its first cell"
    lines = [f"{source.stem} failed at {place}: {what}"]
    if error is not None:
        lines += ["", *(f"    {line}" for line in strip_color("\n".join(error.traceback)).splitlines()[-25:]), ""]
    return "\n".join(lines)


def _kernel_environment(root, output):
    path = os.environ.get("PYTHONPATH")
    return {
        "MFRD_OUTPUT": str(output),
        "PYTHONPATH": os.pathsep.join([str(root), *([path] if path else [])]),  # works without pip install -e .
        "PYTHONHASHSEED": "0",
        **dict.fromkeys(ONE_THREAD, "1"),
        "JUPYTER_PREFER_ENV_PATH": "1",  # this environment's kernel, not the user's
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


@contextlib.contextmanager
def _environment(values):
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class Progress:
    """A bar on a terminal that names the notebook, the cell and the heading above it; silent elsewhere.

    `label` is the notebook's name with its place in the run. Use it as a context manager and as `on_cell`.
    """

    def __init__(self, label, stream):
        self._label, self._stream, self._bar = label, stream, None
        self._done = threading.Event()

    def __enter__(self):
        if self._stream.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                desc=self._label,
                file=self._stream,
                leave=False,
                dynamic_ncols=True,
                total=1,
                bar_format="{desc} |{bar:20}| {elapsed}{postfix}",
            )
            threading.Thread(target=self._tick, args=(self._bar,), daemon=True).start()
        return self

    def __call__(self, i, n, heading):
        heading = heading if len(heading) <= 48 else heading[:47] + "…"
        self.show(i - 1, n, f"cell {i}/{n}  {heading}")

    def show(self, done, total, text):
        """`done` of `total`, and `text` behind the bar."""
        if self._bar is not None:
            self._bar.total, self._bar.n = total, done
            self._bar.set_postfix_str(text)

    def say(self, line):
        """Print `line` on the stream, above the bar."""
        if self._bar is None:
            print(line, file=self._stream, flush=True)
        else:
            self._bar.write(line, file=self._stream)

    def _tick(self, bar):
        while not self._done.wait(1):  # a long cell must not look like a hang
            bar.refresh()

    def __exit__(self, *exception):
        self._done.set()
        if self._bar is not None:
            self._bar.close()
