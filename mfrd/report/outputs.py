"""Where a notebook puts what it makes: figures as SVG, numbers as JSON, each written whole or not at all."""

import errno
import io
import json
import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..solvers.outcome import decade

if TYPE_CHECKING:
    from matplotlib.figure import Figure

READS = "MFRD_READS"  # names the notebooks that the one which runs declares to read
SIGNIFICANT_DIGITS = 10
# what helps where a write fails
REMEDIES = dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some space")
REMEDIES |= dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "make it writable")
REMEDIES |= dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "move away the file that stands where a directory belongs")
REMEDIES[errno.EFBIG] = "raise the limit on file sizes"


class ReportError(Exception):
    """What was asked for cannot be run; the message names what was found, what was expected and the remedy."""

    status = 2  # of the command that it ends


def root() -> Path:
    """Root of the repository: the directory that holds both `mfrd/` and `notebooks/`.

    Raises FileNotFoundError where there is no `notebooks/` beside the module, as in an install that copied it.
    """
    here = Path(__file__).resolve().parents[2]
    if not (here / "notebooks").is_dir():
        said = f"no notebooks/ in {here}; expected the mfrd module inside its repository"
        raise FileNotFoundError(f"{said}. Clone the repository and install it in place: pip install -e .")
    return here


def directory() -> Path:
    """Directory that receives `figures/` and `results/`: $MFRD_OUTPUT if set, else `runs/lab` of the repository.

    Only `python -m mfrd report` moves files from there to the published `figures/` and `results/`, so a notebook
    opened in JupyterLab, or executed by the tests, never overwrites them.
    """
    chosen = os.environ.get("MFRD_OUTPUT")
    return Path(chosen) if chosen else root() / "runs" / "lab"


def write_atomic(path: Path, data: bytes) -> Path:
    """Write the bytes `data` to `path` by way of a temporary file beside it, and return `path`.

    A reader sees the old file or the new one, never a part. Parent directories are made.
    Raises OSError, with the remedy, where the disk is full or the directory cannot be written; the old file stays.
    """
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
            temporary.unlink(missing_ok=True)
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        raise OSError(error.errno, remedied(error, path)) from error
    return path


def remedied(error: OSError, path: Path | str) -> str:
    """What an OSError met in writing `path` says, with the remedy where it is known."""
    if error.errno is None or "; expected" in (
        error.strerror or ""
    ):  # all said where it was raised, as by write_atomic
        return error.strerror or str(error)
    found = f"{error.strerror}: {error.filename or path}"
    if error.errno not in REMEDIES:
        return found
    return f"{found}; expected room and permission to write there: {REMEDIES[error.errno]}, then run it again"


def save_figure(figure: "Figure", name: str) -> Path:
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


def save_results(notebook: str, results: dict[str, Any], proofs: dict[str, Any] | None = None) -> Path:
    """Write `results` to `results/<notebook>.json` of `directory()`, and return the path.

    NumPy scalars and arrays become numbers and lists, floats keep 10 significant digits, and NaN and the
    infinities, which JSON lacks, become null. Of a gap, a name that ends in gap_bits, the power of ten above it is
    kept: its digits are those of one machine. `proofs` are the answers whose rates stand at the places that are their
    keys; each becomes a file of `results/proofs/`. Raises TypeError for a key that is not a string and for a value that
    is none of dict, list, tuple, array, number, string, bool or None; it names the place.
    """
    _check_name(notebook, "notebook", example="01_validation")
    kept = _plain(results, notebook)
    for place, answer in (proofs or {}).items():
        save_proof(notebook, place, answer)
    text = json.dumps(kept, indent=1, ensure_ascii=False, allow_nan=False)
    return write_atomic(directory() / "results" / f"{notebook}.json", (text + "\n").encode())


def save_proof(notebook: str, place: str, answer: Any) -> Path:
    """Write the proof of an answer, a Solution or a Limit, to `results/proofs/` of `directory()`; returns its path.

    `place` is where the rate stands in the notebook's results, such as "refine_1d.I_bits": the proof's title, with the
    notebook's name before it, and the name of its file.
    """
    from ..bounds.proof import prove

    _check_name(notebook, "notebook", example="01_validation")
    title = f"{notebook}/{place}"
    name = re.sub(r"[^\w.-]+", "_", f"{notebook}.{place}")
    return write_atomic(directory() / "results" / "proofs" / f"{name}.json.gz", prove(answer, title).compressed())


def load_results(notebook: str) -> dict[str, Any]:
    """Published numbers of a notebook, `results/<notebook>.json` of the repository, as `save_results` wrote them.

    Raises FileNotFoundError, naming the command that makes the file, where there is none.
    """
    path, declared = root() / "results" / f"{notebook}.json", os.environ.get(READS)
    source = root() / "notebooks" / f"{notebook}.py"
    if declared is not None and notebook not in declared.split() and source.is_file():
        raise ReportError(
            f"the results of {notebook} are read and not declared; expected {notebook!r} in the cell tagged reads, "
            f"which lists {declared or 'none'}: add it there, so that {notebook} runs first"
        )
    if not path.is_file():
        raise FileNotFoundError(f"no results/{notebook}.json; make it with: python -m mfrd report --only {notebook}")
    return json.loads(path.read_text(encoding="utf-8"))


def _check_name(name: str, what: str, example: str) -> None:
    """Raise ValueError where `name` is no bare file name."""
    if not isinstance(name, str) or not name or any(mark in name for mark in "/\\."):
        raise ValueError(f"{what} name {name!r}; expected a bare name without directory or suffix, such as {example!r}")


def _plain(value: Any, place: str) -> Any:
    """`value` in JSON's own types; `place` is its dotted address, for the error message."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{place}[{i}]") for i, item in enumerate(value)]
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        value = decade(value) if place.endswith("gap_bits") and math.isfinite(value) else value
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None
    if not isinstance(value, dict):
        said = f"results of {place}: value of type {type(value).__name__}; expected dict, list, array, number, string"
        raise TypeError(f"{said}, bool or None: convert it first")
    for key in value:
        if not isinstance(key, str):
            said = f"results of {place}: key {key!r} is {type(key).__name__}; expected str, write it as a string"
            raise TypeError(said)
    return {str(key): _plain(item, f"{place}.{key}") for key, item in value.items()}
