"""Tables of numbers as a notebook prints them: plain text in columns, the same on every machine."""

import math
from collections.abc import Mapping
from typing import Any


def show(rows: Mapping[Any, Mapping[str, Any]], formats: str | Mapping[str, str] = ".4f", corner: str = "") -> None:
    """Print a table, a line a row, with the names of the rows on the left and those of the columns on top.

    Parameters
    ----------
    rows : dict
        {name: {column: value}}; columns stand in the order in which they first appear, and what a row lacks, or has as
        None or NaN, is left blank.
    formats : str or dict, optional
        How numbers with a point are written: one format for all, or {column: format}, ".4f" where a column has none.
    corner : str, optional
        What stands over the names.
    """
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    form = {column: formats if isinstance(formats, str) else formats.get(column, ".4f") for column in columns}
    lines = [[corner, *columns]]
    lines += [
        [str(name), *(written(row.get(column), form[column]) for column in columns)] for name, row in rows.items()
    ]
    widths = [max(map(len, column)) for column in zip(*lines)]
    for first, *others in lines:
        right = (text.rjust(width) for text, width in zip(others, widths[1:]))
        print("  ".join([first.ljust(widths[0]), *right]).rstrip())


def written(value: Any, form: str) -> str:
    """A value as a cell of a table: zero without a sign, and nothing for what is not known."""
    if isinstance(value, (bool, str)):
        return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else value
    if value is None or math.isnan(value):
        return ""
    if float(value).is_integer() and not isinstance(value, float):
        return str(int(value))
    text = f"{value:{form}}"
    return text.removeprefix("-") if float(text.rstrip("%")) == 0 else text
