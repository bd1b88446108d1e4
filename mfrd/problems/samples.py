"""Files of measured samples: to arrays."""

import csv
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

SUFFIXES = (".csv", ".npy", ".npz")


def read(path: str | Path, columns: Any = None) -> np.ndarray:
    """The samples of a file, (N, k), or (N,) where it is one column; arguments as mfrd.Source.from_file takes them."""
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"{path.name} ends in {path.suffix!r}; expected one of {', '.join(SUFFIXES)}: "
            "save it as such, or read it yourself and call mfrd.Source.from_samples"
        )
    if not path.is_file():
        raise FileNotFoundError(f"no file {path} seen from {Path.cwd()}; check the name, or give the whole path")
    wanted = columns if columns is None or np.iterable(columns) and not isinstance(columns, str) else [columns]
    table = (from_csv if path.suffix.lower() == ".csv" else from_numpy)(path, wanted)
    return table[:, 0] if table.ndim == 2 and table.shape[1] == 1 else table


def from_csv(path: Path, wanted: list | None) -> np.ndarray:
    """Columns of a comma-separated table, (N, k); a first row without any number is its header."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, row) for row in reader if len(row) > 1 or "".join(row).strip()]  # none blank
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path.name} is no text ({error}); expected numbers parted by commas, in UTF-8") from None
    first = [cell.strip() for cell in rows[0][1]] if rows else []
    header = bool(rows) and all(number(cell) is None for cell in first)
    titles = first if header else [str(i) for i in range(len(first))]
    if len(rows) == header:
        raise ValueError(f"{path.name} has no rows of numbers; expected one sample a row, columns parted by commas")
    places = positions(wanted, titles, path.name)
    values = np.empty((len(rows) - header, len(places)))
    for t, (line, row) in enumerate(rows[header:]):
        if len(row) != len(titles):
            raise ValueError(
                f"{path.name}, line {line}: {len(row)} cells; expected {len(titles)} parted by commas, numbers with a "
                "decimal point: mend that line"
            )
        for k, at in enumerate(places):
            value = number(row[at])
            if value is None or not np.isfinite(value):
                raise ValueError(
                    f"{path.name}, line {line}: column {titles[at]!r} holds {row[at]!r}; expected a finite number: "
                    "mend or drop that line, or choose among the columns by columns=..."
                )
            values[t, k] = value
    return values


def number(cell: str) -> float | None:
    """A cell as a float, or None where it is no number."""
    try:
        return float(cell)
    except ValueError:
        return None


def from_numpy(path: Path, wanted: list | None) -> np.ndarray:
    """Columns of an .npy array, or arrays of an .npz archive side by side, (N, k)."""
    try:
        with path.open("rb") as file:  # NumPy leaves a broken archive open
            held = np.load(file, allow_pickle=False)
            if not isinstance(held, np.ndarray):
                arrays = {name: held[name] for name in held.files}
    except (ValueError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path.name} cannot be read ({error}); expected what numpy.save or numpy.savez writes"
        ) from None
    if isinstance(held, np.ndarray):
        if held.ndim not in (1, 2):
            raise ValueError(f"{path.name} holds an array of shape {held.shape}; expected (N,) or (N, k): reshape it")
        arrays = {str(i): column for i, column in enumerate(held.reshape(len(held), -1).T)}
    if wanted is None and path.suffix.lower() == ".npz" and len(arrays) > 1:
        raise ValueError(f"{path.name} holds {len(arrays)} arrays; expected columns=..., some of: {', '.join(arrays)}")
    titles = list(arrays)
    chosen = [arrays[titles[at]] for at in positions(wanted, titles, path.name)]
    if any(np.iscomplexobj(array) for array in chosen):
        raise ValueError(f"{path.name} holds complex numbers; expected real ones: save their real and imaginary parts")
    try:
        return np.column_stack([np.asarray(array, float) for array in chosen])
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path.name}: {error}; expected arrays of numbers of one length, (N,) or (N, k)") from None


def positions(wanted: list | None, titles: list[str], file: str) -> list[int]:
    """Where the wanted columns stand, each named by its title or its number from 0; all where None is wanted."""
    found = []
    for name in titles if wanted is None else wanted:
        at = titles.index(name) if name in titles else name
        if not isinstance(at, (int, np.integer)) or not 0 <= at < len(titles):
            raise ValueError(f"{file} has no column {name!r}; expected one of: {', '.join(titles)}")
        found.append(at)
    return found
