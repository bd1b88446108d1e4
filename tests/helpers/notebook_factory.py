"""Tiny py:percent notebooks in a temporary root, for the tests of the machinery that runs the real ones."""

import multiprocessing
import os
import signal
import sys

from mfrd.report import outputs
from mfrd.report.command import main

HEADER = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Title of {name}

# %% tags=["parameters"]
{parameters}
"""

SAVE = """\
from matplotlib.figure import Figure
from mfrd.report.outputs import save_figure, save_results
figure = Figure()
figure.subplots().plot([0, n], label="line")
_ = save_figure(figure, "fig_{name}")
_ = save_results("{name}", {{"n": n, "third": n / 3}})
"""


def write_notebook(root, name, *cells, parameters="n = 1", reads=""):
    """Write `notebooks/<name>.py` under `root`: a title, a parameters cell, one of `reads`, then `cells`.

    Returns its path.
    """
    path = root / "notebooks" / f"{name}.py"
    path.parent.mkdir(exist_ok=True)
    declared = f'\n# %% tags=["reads"]\n{reads}\n' if reads else ""
    text = HEADER.format(name=name, parameters=parameters) + declared + "".join(f"\n# %%\n{cell}\n" for cell in cells)
    path.write_text(text)
    return path


def save(name):
    """Source of a cell that saves one figure and one file of results under `name`."""
    return SAVE.format(name=name)


def published(root):
    """{relative path: bytes} of everything in `figures/` and `results/` of `root`."""
    files = [path for folder in ("figures", "results") for path in (root / folder).glob("**/*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


QUICK = """\
import os, pathlib
for path in ("figures/{name}_a.svg", "figures/{name}_b.svg", "results/{name}.json"):
    target = pathlib.Path(os.environ["MFRD_OUTPUT"], path)
    target.parent.mkdir(exist_ok=True)
    _ = target.write_text(f"{{n}}\\n" * 20000)
"""


def quick(name):
    """Source of a cell that writes two figures and one file of results, 20000 lines of n each."""
    return QUICK.format(name=name)


def command(root, *arguments):
    """`python -m mfrd <arguments>` on `root` in a session of its own, started from a server that has imported it all.

    Returns the multiprocessing.Process; its exit code is the command's exit status.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mfrd.report.run"])
    process = context.Process(target=_command, args=(root, arguments))
    process.start()
    return process


def _command(root, arguments):
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stderr = open(root / "stderr.txt", "a")
    outputs.root = lambda: root
    sys.exit(main(list(arguments)))
