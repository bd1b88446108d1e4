"""Executing one notebook through papermill, so that the same source always gives the same bytes."""

import ast
import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_client.provisioning import KernelProvisionerBase
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError, strip_color
from papermill.execute import execute_notebook

from .kernels import environment, profile
from .outputs import READS, ReportError, remedied, write_atomic
from .parameters import source_text, tagged
from .saved import normalise

QUIET = "--IPKernelApp.log_level=50"  # no notice of TCP ports, nor of a cell cut short by Ctrl-C


class NotebookFailed(ReportError):
    """A notebook raised; the message names the notebook, its cell and the exception, and the report's its remains."""

    status = 1


class Kernels(set[KernelProvisionerBase]):
    """The kernels of notebooks that run, in any threads, so that `end` can end them."""

    ended = False

    def end(self) -> None:
        """Kill every kernel; the notebooks fail, and one whose kernel is only starting fails before its first cell."""
        self.ended = True
        for kernel in tuple(self):
            asyncio.run(kernel.kill())


def read_source(path: Path) -> nbformat.NotebookNode:
    """Notebook of the py:percent file `path`, without outputs.

    Raises
    ------
    ReportError
        Where it is no text, and where the header names no kernel, which papermill needs.
    """
    notebook = jupytext.reads(source_text(path), fmt="py:percent")
    if "kernelspec" not in notebook.metadata:
        said = f"{path}: the header has no kernelspec; expected one named python3"
        raise ReportError(f"{said}. Add it with: jupytext --set-kernel python3 {path}")
    return notebook


def check_kernels(sources: list[Path]) -> None:
    """Raise ReportError where one of the py:percent files `sources` names a kernel that is not installed."""
    installed = KernelSpecManager().find_kernel_specs()
    for path in sources:
        name = read_source(path).metadata.kernelspec.name
        if name not in installed:
            said = f"kernel {name!r} is not installed; expected one of {', '.join(sorted(installed)) or 'none'}"
            remedy = f"Install it (python -m ipykernel install --sys-prefix --name {name}), or change the header"
            raise ReportError(f"{path}: {said}. {remedy}: jupytext --set-kernel python3 {path}")


def reads(source: Path) -> list[str]:
    """Notebooks whose published results `source` reads, as its cell tagged `reads` declares; [] without such a cell.

    The cell is one assignment, such as reads = ["03_refinement", "04_lloyd_max"]. `outputs.load_results` refuses what
    it does not list.

    Raises
    ------
    ReportError
        Where the cell is anything else, and where it names no other notebook beside `source`.
    """
    text = "\n".join(map(ast.unparse, tagged(source, "reads")))
    others = sorted(path.stem for path in source.parent.glob("*.py") if path != source)
    try:
        names = ast.literal_eval(text.removeprefix("reads = ") or "[]")
    except (ValueError, SyntaxError):
        names = None
    if not text.startswith("reads = " * bool(text)) or not isinstance(names, list) or set(names) - set(others):
        said = f"expected reads = [...], names written out of other notebooks: {', '.join(others) or 'there is none'}"
        raise ReportError(f"{source.stem}: its cell tagged reads is {text!r}; {said}")
    return names


def execute(
    source: Path,
    output: Path,
    *,
    parameters: dict[str, Any] | None = None,
    on_cell: Callable[[int, int, str], None] = lambda *place: None,
    kernels: Kernels | None = None,
) -> Path:
    """Execute the py:percent file `source`, write the notebook `output`, and return that.

    The kernel starts in the directory of `source` and sees `MFRD_OUTPUT`, the directory of `output`, where
    `outputs.save_figure` and `outputs.save_results` write, and `MFRD_READS`, what `reads` answers. Nothing of this
    process changes, so that several threads may each execute a notebook.

    Parameters
    ----------
    source, output : Path
        The notebook, and where it goes with its outputs.
    parameters : dict, optional
        Values in place of those of the parameters cell.
    on_cell : function, optional
        Called as on_cell(i, n, heading) before the i-th of n code cells, with the heading that it stands under.
    kernels : Kernels, optional
        Holds the kernel as long as it lives.

    Raises
    ------
    NotebookFailed
        Where a cell raises, the kernel dies or the disk is full; `output` then holds the cells executed so far, if it
        could be written.
    """
    source, output, kernels = source.resolve(), output.resolve(), Kernels() if kernels is None else kernels
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")  # this environment's kernel, not the user's
    place: list = []

    def before_cell(cells: list, index: int) -> None:
        place[:] = _locate(cells, index)
        on_cell(*place)

    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        formatted = str(output).replace("{", "{{").replace("}", "}}")  # papermill formats its paths
        with profile() as directory:
            seen = environment(os.environ, source.parent.parent, directory)
            seen |= {"MFRD_OUTPUT": str(output.parent), READS: " ".join(reads(source))}
            start = {"cwd": str(source.parent), "env": seen}
            engine = dict(engine_name="mfrd", progress_bar=False, before_cell=before_cell, kernels=kernels, start=start)
            executed = execute_notebook(read_source(source), formatted, parameters=parameters, **engine)
        return write_notebook(output, normalise(executed))
    except PapermillExecutionError as error:
        trace = strip_color("\n".join(error.traceback)).splitlines()[-25:]
        said = "\n".join([f"{error.ename}: {error.evalue}", "", *(f"    {line}" for line in trace), ""])
        raise NotebookFailed(_failure(source, place, said)) from error
    except (RuntimeError, NoSuchKernel) as error:  # DeadKernelError, a kernel that never started or is not there
        raise NotebookFailed(_failure(source, place, f"{type(error).__name__}: {error}")) from error
    except OSError as error:
        raise NotebookFailed(_failure(source, place, remedied(error, output))) from error
    finally:
        if not (loop := ensure_event_loop()).is_running():  # this thread's, in which nbclient talked to the kernel
            loop.close()


class _Engine(Engine):
    """papermill's own engine, but for an environment of the kernel's own, and a word before each code cell."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Execute the cells of `nb_man.nb`, which then has its outputs. Raises RuntimeError where the kernel dies."""
        kernels, own = options["kernels"], []

        def begin(notebook: Any) -> None:
            own.append(client.km.provisioner)
            kernels.update(own)

        def cell(cell: Any, cell_index: int) -> None:
            if kernels.ended:
                raise RuntimeError("interrupted")
            options["before_cell"](nb_man.nb.cells, cell_index)

        hooks = dict(on_notebook_start=begin, on_cell_execute=cell)
        look = dict(timeout=None, record_timing=False, coalesce_streams=True, extra_arguments=[QUIET])
        client = PapermillNotebookClient(nb_man, kernel_name=kernel_name, **look, **hooks)
        try:
            client.execute(**options["start"])
        except DeadKernelError as error:
            code = asyncio.run(own[0].poll()) or 0
            how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
            said = f"{error}: it {how}; expected it to run to the end. Memory running out is the usual cause"
            raise DeadKernelError(f"{said}: use fewer --jobs") from error
        finally:
            kernels.difference_update(own)


papermill_engines.register("mfrd", _Engine)


def _locate(cells: list[nbformat.NotebookNode], index: int) -> tuple[int, int, str]:
    """(i, n, heading) of the cell at `index`: it is the i-th of n code cells, under the last heading before it."""
    code = [k for k, cell in enumerate(cells) if cell.cell_type == "code"]
    text = "\n".join(cell.source for cell in cells[:index] if cell.cell_type == "markdown")
    headings = re.findall(r"^#+\s+(.*?)\s*$", text, re.MULTILINE)
    return code.index(index) + 1, len(code), headings[-1] if headings else ""


def _failure(source: Path, place: list, what: str) -> str:
    """What the report says of a notebook that failed at `place`, [] before its first cell."""
    where = "before its first cell"
    if place:
        i, n, heading = place
        where = f"at code cell {i} of {n}" + (f", under {heading!r}" if heading else "")
    return f"{source.stem} failed {where}: {what}"


def write_notebook(path: Path, notebook: nbformat.NotebookNode) -> Path:
    """Write `notebook` to `path`, whole or not at all; returns the path."""
    return write_atomic(path, (nbformat.writes(notebook, version=4).rstrip("\n") + "\n").encode())
