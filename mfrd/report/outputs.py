"""Where a notebook puts what it makes: figures as SVG, numbers as JSON, each written whole or not at all."""

import errno
import io
import json
import math
import os
from pathlib import Path

import numpy as np

READS = "MFRD_READS"  # names the notebooks that the one which runs declares to read
SIGNIFICANT_DIGITS = 10
REMEDIES = {  # of a write that fails
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "raise the limit on file sizes",
    errno.EACCES: "make it writable",
    errno.EPERM: "make it writable",
    errno.EROFS: "make it writable",
    errno.ENOTDIR: "move away the file that stands where a directory belongs",
    errno.EEXIST: "move away the file that stands where a directory belongs",
}


class ReportError(Exception):
    """What was asked for cannot be run; the message names what was found, what was expected and the remedy."""

    status = 2  # of the command that it ends


def root():
    """Root of the repository: the directory that holds both `mfrd/` and `notebooks/`.

    Raises FileNotFoundError where there is no `notebooks/` beside the module, as in an install that copied it.
    """
    here = Path(__file__).resolve().parents[2]
    if not (here / "notebooks").is_dir():
        raise FileNotFoundError(
            f"no notebooks/ in {here}; expected the mfrd module inside its repository. "
            "Clone the repository and install it in place: pip install -e ."
        )
    return here


def directory():
    """Directory that receives `figures/` and `results/`: $MFRD_OUTPUT if set, else `runs/lab` of the repository.

    Only `python -m mfrd report` moves files from there to the published `figures/` and `results/`, so a notebook
    opened in JupyterLab, or executed by the tests, never overwrites them.
    """
    chosen = os.environ.get("MFRD_OUTPUT")
    return Path(chosen) if chosen else root() / "runs" / "lab"


def write_atomic(path, data):
    """Write the bytes `data` to `path` by way of a temporary file beside it, and return `path`.

    A reader sees the old file or the new one, never a part. Parent directories are made.
    Raises OSError, with the remedy, where the disk is full or the directory cannot be written; the old file stays.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # the bytes are on the disk before the name is
            os.replace(temporary, path)
        finally:
            if temporary.exists():
                temporary.unlink()
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        raise OSError(error.errno, remedied(error, path)) from error
    return path


def remedied(error, path):
    """What an OSError met in writing `path` says, with the remedy where it is known."""
    if error.errno is None or "; expected" in error.strerror:  # all said where it was raised, as by write_atomic
        return error.strerror or str(error)
    found = f"{error.strerror}: {error.filename or path}"
    if error.errno not in REMEDIES:
        return found
    return f"{found}; expected room and permission to write there: {REMEDIES[error.errno]}, then run it again"


def save_figure(figure, name):
    """Write a matplotlib figure to `figures/<name>.svg` of `directory()`; the same figure gives the same bytes.

    `name` is a bare file name without suffix, such as "fig02_validation". Returns the path written.
    Raises ValueError for a name with a directory or a suffix.
    """
    import matplotlib

    _check_name(name, "figure", example="fig02_validation")
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "mfrd", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return write_atomic(directory() / "figures" / f"{name}.svg", buffer.getvalue())


def save_results(notebook, results):
    """Write `results` to `results/<notebook>.json` of `directory()`, and return the path.

    NumPy scalars and arrays become numbers and lists, floats keep 10 significant digits, and NaN and the
    infinities, which JSON lacks, become null. Raises TypeError for a key that is not a string and for a value
    that is none of dict, list, tuple, array, number, string, bool or None; it names the place.
    """
    _check_name(notebook, "notebook", example="01_validation")
    text = json.dumps(_plain(results, notebook), indent=1, ensure_ascii=False, allow_nan=False)
    return write_atomic(directory() / "results" / f"{notebook}.json", (text + "\n").encode())


def load_results(notebook):
    """Published numbers of a notebook, `results/<notebook>.json` of the repository, as `save_results` wrote them.

    Raises FileNotFoundError, naming the command that makes the file, where there is none.
    """
    path, declared = root() / "results" / f"{notebook}.json", os.environ.get(READS)
    if (
        declared is not None
        and notebook not in declared.split()
        and (root() / "notebooks" / f"{notebook}.py").is_file()
    ):
        raise ReportError(
            f"the results of {notebook} are read and not declared; expected {notebook!r} in the cell tagged reads, "
            f"which lists {declared or 'none'}: add it there, so that {notebook} runs first"
        )
    if not path.is_file():
        raise FileNotFoundError(f"no results/{notebook}.json; make it with: python -m mfrd report --only {notebook}")
    return json.loads(path.read_text(encoding="utf-8"))


def _check_name(name, what, example):
    if not isinstance(name, str) or not name or any(mark in name for mark in "/\\."):
        raise ValueError(f"{what} name {name!r}; expected a bare name without directory or suffix, such as {example!r}")


def _plain(value, place):
    """`value` in JSON's own types; `place` is its dotted address, for the error message."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(
                    f"results of {place}: key {key!r} is {type(key).__name__}; expected str, write it as a string"
                )
        return {str(key): _plain(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist(), place)
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{place}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, np.generic):
        return _plain(value.item(), place)
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None
    raise TypeError(
        f"results of {place}: value of type {type(value).__name__}; expected dict, list, array, number, string, "
        "bool or None: convert it first"
    )
