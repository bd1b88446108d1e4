"""Notebooks as they are saved: the same text whoever saves them, by the report or in JupyterLab.

As an extension of Jupyter's server, which make enables in its environment by mfrd.json, it sees each notebook of the
repository just before it is written, and its pair; those of other places it leaves alone.
"""

import re
from itertools import groupby
from pathlib import Path
from typing import Any

import nbformat

from .outputs import root

WIDGETS = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
FILTERS = ("cell_metadata_filter", "notebook_metadata_filter")  # pyproject.toml says these for all
FILTER_LINES = re.compile(rf"^#     (?:{'|'.join(FILTERS)}): .*\n", re.MULTILINE)
HEADER = re.compile(r"\A# ---\n(?:#.*\n)*?# ---\n")


def normalise(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop from `notebook`, in place, what differs between two runs of one source; returns it.

    That is papermill's record, the random cell and widget ids, the patch version of Python, and which of what a cell
    printed and what it warned of came first: they race. Widgets are numbered in the order in which the notebook made
    them, which nbclient keeps.
    """
    notebook.metadata.pop("papermill", None)
    notebook.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(notebook.cells, start=1):
        cell["id"] = f"cell-{number:03d}"
        cell.metadata.pop("papermill", None)
        if cell.metadata.get("tags") == []:
            del cell.metadata["tags"]
        if "outputs" in cell:
            cell["outputs"] = printed_first(cell.outputs)
    text = nbformat.writes(notebook, version=4)
    made = notebook.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {})
    for number, identifier in enumerate(made, start=1):
        text = text.replace(identifier, f"{number:032x}")
    return nbformat.reads(text, as_version=4)


def printed_first(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Outputs of a cell, one of each stream between two others, what was printed before what was warned of."""
    ordered: list[nbformat.NotebookNode] = []
    for stream, group in groupby(outputs, key=lambda output: output.output_type == "stream"):
        if not stream:
            ordered += group
            continue
        texts: dict[str, str] = {}
        for output in group:
            texts[output.name] = texts.get(output.name, "") + "".join(output.text)
        ordered += [
            nbformat.v4.new_output("stream", name=name, text=texts[name]) for name in sorted(texts, reverse=True)
        ]
    return ordered


def paired(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """`notebook`, changed in place, without what describes the .py and not the pair; returns it."""
    for name in ("text_representation", *FILTERS):
        notebook.metadata.get("jupytext", {}).pop(name, None)
    return notebook


def before_saving(model: dict[str, Any], path: str, contents_manager: Any, **_: Any) -> None:
    """Make the content of a model what the repository keeps, in place, where it is one of its notebooks, or a pair."""
    place = Path(contents_manager._get_os_path(path))
    if not ours(place) or model.get("content") is None:
        return
    if model["type"] == "notebook":
        notebook = nbformat.from_dict(model["content"])
        for cell in notebook.cells:
            for mark in ("trusted", "execution", "ExecuteTime"):  # what a front end keeps beside a cell it has run
                cell.metadata.pop(mark, None)
        model["content"] = paired(normalise(recounted(redrawn(notebook, place))))
    elif path.endswith(".py") and isinstance(model["content"], str):
        model["content"] = HEADER.sub(lambda head: FILTER_LINES.sub("", head[0]), model["content"])


def views(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The outputs of a notebook that show a widget, each with its model_id, in order."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return [output.data[VIEW] for output in outputs if VIEW in output.get("data", {})]


def redrawn(notebook: nbformat.NotebookNode, place: Path) -> nbformat.NotebookNode:
    """`notebook`, changed in place, with the widgets of the file where it shows as many and their state is not saved.

    A front end names widgets anew when it runs a cell, and keeps no state of them unless it is told to.
    """
    state = notebook.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {})
    if all(view.get("model_id") in state for view in views(notebook)) or not place.is_file():
        return notebook
    kept = nbformat.read(place, as_version=4)
    if len(views(kept)) == len(views(notebook)) and "widgets" in kept.metadata:
        notebook.metadata["widgets"] = kept.metadata["widgets"]
        for new, old in zip(views(notebook), views(kept)):
            new["model_id"] = old["model_id"]
    return notebook


def recounted(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """`notebook`, changed in place, counted from 1 where all its cells were run once, one after the other.

    A kernel that ran them before counts on.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    counts = [cell.get("execution_count") for cell in cells]
    if not counts or counts[0] in (None, 1) or counts != list(range(counts[0], counts[0] + len(counts))):
        return notebook
    for number, cell in enumerate(cells, start=1):
        cell["execution_count"] = number
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = number
    return notebook


def ours(path: Path) -> bool:
    """Whether a path is of the repository's notebooks/."""
    try:
        return path.resolve().parent == root() / "notebooks"
    except FileNotFoundError:
        return False


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """What Jupyter's server asks an extension for: its module."""
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Have the server call `before_saving`."""
    server.contents_manager.register_pre_save_hook(before_saving)
