"""Tiny py:percent notebooks in a temporary root, for the tests of the machinery that runs the real ones."""

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
from mfrd.outputs import save_figure, save_results
figure = Figure()
figure.subplots().plot([0, n], label="line")
_ = save_figure(figure, "fig_{name}")
_ = save_results("{name}", {{"n": n, "third": n / 3}})
"""


def write_notebook(root, name, *cells, parameters="n = 1"):
    """Write `notebooks/<name>.py` under `root`: a title, a parameters cell, then `cells`; returns its path."""
    path = root / "notebooks" / f"{name}.py"
    path.parent.mkdir(exist_ok=True)
    text = HEADER.format(name=name, parameters=parameters) + "".join(f"\n# %%\n{cell}\n" for cell in cells)
    path.write_text(text)
    return path


def save(name):
    """Source of a cell that saves one figure and one file of results under `name`."""
    return SAVE.format(name=name)


def published(root):
    """{relative path: bytes} of everything in `figures/` and `results/` of `root`."""
    files = [path for folder in ("figures", "results") for path in (root / folder).glob("**/*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}
