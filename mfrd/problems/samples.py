"""Files of measured samples: to arrays.

A text file is read by NumPy's own reader where every cell that is wanted is a number, and else line by line, so that
what is missing is dropped on request, and what is wrong is named with its line and column.
"""

import csv
import gzip
import io
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from .values import real_array

TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
SUFFIXES = (*TEXT, ".npy", ".npz", ".wav")
MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "-", "--", "?", "<na>", "#n/a"))  # in lower case
PARTS = {"\t": "tabs", ";": "semicolons", ",": "commas", " ": "blanks"}  # in the order in which they are tried
START, HEAD = 1 << 16, 20  # characters and rows by which delimiter and quotes are told
COMMENT = re.compile(r"^[ \t]*(?!#n/a[ \t]*(?:[,;\t]|$))[#%].*\n?", re.MULTILINE | re.IGNORECASE)
SINGLE = re.compile(r"\s*'[^']*'\s*([,;\t]|$)")  # a first cell in single quotes
FLAGS = re.MULTILINE | re.IGNORECASE
GAP = re.compile(r"^[ \t]*\n", re.MULTILINE)
COUNT = re.compile(r"\s*[+-]?\.?\d")  # what a number begins with
TIME = re.compile(r"\d[\d:./T+\- Z]*")  # a time or a date, which a first row of samples may begin with
NA = ("raise", "drop")
WHOLE = 3  # columns for each that is wanted, up to which reading all is quicker than counting them line by line


def read(path: str | Path, columns: Any = None, *, header: bool | None = None, na: str = "raise") -> np.ndarray:
    """The samples of a file, (N, k), or (N,) where it is one column; arguments as mfrd.Source.from_file takes them."""
    path = Path(path)
    suffix = next((s for s in SUFFIXES if path.name.lower().endswith(s)), None)
    if suffix is None:
        raise ValueError(
            f"{path.name} ends in {path.suffix!r}; expected one of {', '.join(SUFFIXES)}: "
            "save it as such, or read it yourself and call mfrd.Source.from_samples"
        )
    if na not in NA:
        raise ValueError(f"na is {na!r}; expected one of {', '.join(NA)}: what to do with rows that miss a value")
    if header not in (None, True, False) or header is not None and suffix not in TEXT:
        raise ValueError(f"header is {header!r} of {path.name}; expected True or False, of a file of text, or None")
    if not path.is_file():
        raise FileNotFoundError(f"no file {path} seen from {Path.cwd()}; check the name, or give the whole path")
    wanted = columns if columns is None or np.iterable(columns) and not isinstance(columns, str) else [columns]
    if suffix in TEXT:
        table = Text(path.name, text_of(path), header).columns(wanted, na)
    else:
        table = side_by_side(path.name, from_wav(path) if suffix == ".wav" else from_numpy(path, wanted), wanted)
        lost = np.isnan(table).any(axis=1)
        if lost.any() and na == "raise":
            row = int(np.argmax(lost))
            said = f"{path.name} holds {table[row]} in row {row}; expected finite numbers"
            raise ValueError(f'{said}: mend that row, or leave it out by na="drop"')
        table = table[~lost]
    if not len(table):
        raise ValueError(f"{path.name} has no rows of numbers; expected one sample a row, none of its values missing")
    return table[:, 0] if table.shape[1] == 1 else table


def text_of(path: Path) -> str:
    """The text of a file, unpacked, without byte order mark and blank end, its lines ended by newlines alone."""
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix.lower() == ".gz" else data
        marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except (UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path.name} is no text ({error}); expected numbers parted by commas, in UTF-8") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    whole = text.rstrip()
    return whole + text[len(whole) :].split("\n")[0]  # a last cell may be empty


class Text:
    """A table of text: which rows are titles, and how cells are parted.

    skip: lines before the first sample; titles: of the columns; commas: whether decimals stand behind one.
    """

    def __init__(self, file: str, text: str, header: bool | None) -> None:
        self.file, self.text = file, text
        head = text[:START].split("\n")[: None if len(text) <= START else -1]
        head = [line for line in head if line.strip() and not COMMENT.match(line)][:HEAD]
        self.quote = "'" if any(SINGLE.match(line) for line in head) else '"'
        self.delimiter = delimiter(head, self.quote)
        self.commas = self.delimiter != "," and "," in text and self.decimal_commas()
        first = list(islice(((line, row) for line, row in self.rows() if row), 3))
        if not first:
            raise ValueError(f"{file} has no rows of numbers; expected one sample a row, columns parted by commas")
        self.skip, titles = first[0][0] - 1, None
        if self.titled([row for _, row in first], header):
            self.skip, titles = first[0]
            if len(first) > 1 and "number" not in map(self.kind, titles) and self.units(first[1][1]):
                self.skip = first[1][0]
        elif self.skip:  # a last line of comment may hold the titles, as numpy.savetxt writes them
            before = text.split("\n", self.skip)[self.skip - 1]
            if COMMENT.match(before):
                cells: list[str] = next(self.parted([before.lstrip("#% \t")]), [])
                titles = cells if len(cells) == len(first[0][1]) else None
        self.titles = [str(i) for i in range(len(first[0][1]))] if titles is None else [cell.strip() for cell in titles]

    def parted(self, lines: Iterable[str]) -> Any:
        """A csv.reader of lines."""
        return csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote, skipinitialspace=True)

    def rows(self, start: int = 0) -> Iterator[tuple[int, list[str]]]:
        """Yields (number of its line, cells) of each row after line `start` that is no comment; [] of a blank line."""
        reader = self.parted(io.StringIO(self.text.split("\n", start)[start]))
        try:
            for row in reader:
                cells = [cell for cell in row if cell] if self.delimiter == " " else row
                if not cells or not COMMENT.match(cells[0]):
                    yield start + reader.line_num, cells
        except csv.Error as error:
            said = f"{self.file} is no text ({error}, line {start + reader.line_num}); expected numbers"
            raise ValueError(f"{said} parted by {PARTS[self.delimiter]}, in UTF-8") from None

    def decimal_commas(self) -> bool:
        """Whether cells are numbers with a decimal comma; ValueError where others have a decimal point."""
        edge = f"(?:^|$|[{self.delimiter}{self.quote}])"
        number = [rf"{edge} *[+-]?\d*{mark}\d+(e[+-]?\d+)? *{edge}" for mark in (",", r"\.")]
        found = [re.search(pattern, self.text, FLAGS) for pattern in number]
        if all(found):
            shown = " and ".join(repr(match[0].strip(f"\n{self.delimiter}")) for match in found if match)
            raise ValueError(f"{self.file} holds {shown}; expected decimal points alone, or decimal commas alone")
        return found[0] is not None

    def kind(self, cell: str) -> str:
        """What a cell is: "number", "missing" or "text"."""
        cell = self.number(cell)
        if cell.lower() in MISSING:
            return "missing"
        try:
            float(cell)
        except ValueError:
            return "text"
        return "text" if "_" in cell else "number"

    def number(self, cell: str) -> str:
        """A cell as Python writes numbers."""
        return cell.strip().replace(",", ".") if self.commas else cell.strip()

    def units(self, row: list[str]) -> bool:
        """Whether a row below titles names units: text, and no number."""
        kinds = list(map(self.kind, row))
        return "text" in kinds and "number" not in kinds

    def titled(self, first: list[list[str]], header: bool | None) -> bool:
        """Whether the first of the first rows is of titles; ValueError where that cannot be told."""
        if header is not None:
            return header
        kinds = list(map(self.kind, first[0]))
        below = list(map(self.kind, first[1])) if len(first) > 1 and len(first[1]) == len(kinds) else kinds
        texts = [place for place, found in enumerate(kinds) if found == "text"]
        numbers = [cell for cell, found in zip(first[0], kinds) if found == "number"]
        if texts:
            stays = bool(numbers) and all(below[place] == "text" for place in texts)
            times = all(TIME.fullmatch(first[0][place].strip()) for place in texts)
            spoilt = not times and "text" not in below and all(map(COUNT.match, first[0]))
            if not spoilt and (not stays or not times and not any(re.search(r"[.,eE]", cell) for cell in numbers)):
                return True
        elif counted(first):
            pass
        elif numbers or len(kinds) == 1:
            return len(kinds) > 1 and not first[0][0].strip() and len(numbers) == len(kinds) - 1
        raise ValueError(
            f"{self.file}: its first row, {self.delimiter.join(first[0])!r}, may be titles or a sample; "
            "expected to be told which: header=True or header=False"
        )

    def columns(self, wanted: list | None, na: str) -> np.ndarray:
        """The columns, (N, k)."""
        places = positions(wanted, self.titles, self.file)
        body = self.text.split("\n", self.skip)[self.skip] if self.skip <= self.text.count("\n") else ""
        body = COMMENT.sub("", body) if "#" in body or "%" in body else body
        if not body:
            raise ValueError(f"{self.file} has no rows of numbers; expected one sample a row, columns parted by commas")
        values = None
        body = self.filled(body) if na == "drop" else body
        gaps = len(self.titles) == 1 and any(f"\n{first}" in f"\n{body}" for first in "\n \t") and GAP.search(body)
        if not gaps:
            values = self.quickly(body.replace(",", ".") if self.commas else body, places)
        if values is None or np.isinf(values).any() or na == "raise" and np.isnan(values).any():
            values = self.carefully(places, na)
        return values[~np.isnan(values).any(axis=1)]

    def filled(self, body: str) -> str:
        """The rows with nan in each cell that is missing and has no blanks around it."""
        if self.delimiter == " ":
            return body
        part, body = self.delimiter, f"\n{body}\n"
        words = {form for word in MISSING - {"", "nan"} for form in (word, word.upper(), word.capitalize())}
        ends = [("\n", "\n"), ("\n", part), (part, "\n"), (part, part)]
        for word in (self.quote * 2, *sorted(words), ""):
            if word in body:
                for a, b in ends if word or len(self.titles) == 1 else ends[1:]:
                    while a + word + b in body:  # neighbours share what parts them
                        body = body.replace(a + word + b, f"{a}nan{b}")
        return body[1:-1]

    def quickly(self, body: str, places: list[int]) -> np.ndarray | None:
        """The columns by NumPy's reader; None where a cell is no number, or rows are of several lengths."""
        cells, blanks = len(self.titles), self.delimiter == " "
        look = {"delimiter": None if blanks else self.delimiter, "quotechar": self.quote, "comments": None, "ndmin": 2}
        if blanks or cells <= WHOLE * len(places):
            try:
                values = np.loadtxt(io.StringIO(body), **look)
                return values[:, places] if values.shape[1] == cells else None
            except ValueError:  # perhaps in a column that is not wanted
                pass
        if len(places) == cells or blanks or not even(body, self.delimiter, cells):
            return None
        try:
            return np.loadtxt(io.StringIO(body), usecols=places, **look)
        except ValueError:
            return None

    def carefully(self, places: list[int], na: str) -> np.ndarray:
        """The columns cell by cell, with NaN where a value is missing and na allows it.

        Raises ValueError, with line and column, where a cell is no finite number.
        """
        found = []
        for line, row in self.rows(self.skip):
            cells = row or [""]
            if len(self.titles) > 1 and not "".join(cells).strip() and len(cells) == 1:
                continue  # a blank line
            if len(cells) != len(self.titles):
                raise ValueError(
                    f"{self.file}, line {line}: {len(cells)} cells; expected {len(self.titles)} parted by "
                    f"{PARTS[self.delimiter]}, numbers with a decimal point: mend that line"
                )
            values = []
            for at in places:
                what = self.kind(cells[at])
                value = float(self.number(cells[at])) if what == "number" else np.nan
                if not np.isfinite(value) and not (what == "missing" and na == "drop"):
                    left = 'leave out rows that miss a value by na="drop", ' if what == "missing" else ""
                    raise ValueError(
                        f"{self.file}, line {line}: column {self.titles[at]!r} holds {cells[at]!r}; expected a finite "
                        f"number: mend or drop that line, {left}or choose among the columns by columns=..."
                    )
                values.append(value)
            found.append(values)
        return np.array(found).reshape(-1, len(places))


def counted(rows: list[list[str]]) -> bool:
    """Whether the first row counts the columns from 0, as pandas titles them, over rows of fractions alone."""
    first = [cell.strip() for cell in rows[0]]
    fractions = all(re.search(r"[.,eE]", cell) for row in rows[1:] for cell in row)
    return len(rows) > 1 and first == list(map(str, range(len(first)))) and fractions


def delimiter(head: list[str], quote: str) -> str:
    """What parts the cells of the first lines of a table: the first of PARTS that gives each as many, and several."""
    for part in PARTS:
        rows = csv.reader(head, delimiter=part, quotechar=quote, skipinitialspace=True)
        sizes = {sum(map(bool, row)) if part == " " else len(row) for row in rows}
        if len(sizes) == 1 and sizes != {1} and (part != " " or re.fullmatch(r"[\d.eE+\-, ]+", head[-1])):
            return part
    return next((part for part in ",;\t" if any(part in line for line in head)), ",")


def even(body: str, part: str, cells: int) -> bool:
    """Whether each line that is not blank holds one less than `cells` of what parts them."""
    held = np.frombuffer(body.encode() + b"\n", np.uint8)
    ends = np.flatnonzero(held == 10)
    found = np.diff(np.cumsum(held == ord(part), dtype=np.int64)[ends], prepend=0)
    blank = np.diff(ends, prepend=-1) == 1
    return bool((found[~blank] == cells - 1).all())


def from_numpy(path: Path, wanted: list | None) -> dict[str, np.ndarray]:
    """The columns of an .npy array, or the arrays of an .npz archive, by title."""
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
        if not held.size:
            raise ValueError(f"{path.name} is empty, of shape {held.shape}; expected at least one sample")
        if held.dtype.names and held.ndim == 1:
            return {name: held[name] for name in held.dtype.names}
        return {str(i): column for i, column in enumerate(held.reshape(len(held), -1).T)}
    if not arrays:
        raise ValueError(f"{path.name} is empty; expected at least one array")
    if wanted is None and len(arrays) > 1:
        raise ValueError(f"{path.name} holds {len(arrays)} arrays; expected columns=..., some of: {', '.join(arrays)}")
    return arrays


def from_wav(path: Path) -> dict[str, np.ndarray]:
    """The channels of a .wav file, by number, in the units of its integers, or of its floats."""
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings(action="ignore", category=wavfile.WavFileWarning):  # chunks that hold no samples
            held = wavfile.read(path)[1]
    except (ValueError, EOFError, OSError, struct.error, UnboundLocalError) as error:  # all that SciPy dies of
        raise ValueError(f"{path.name} cannot be read ({error}); expected a .wav file of PCM or float") from None
    if not held.size:
        raise ValueError(f"{path.name} is empty, of shape {held.shape}; expected at least one sample")
    return {str(i): channel for i, channel in enumerate(held.reshape(len(held), -1).T)}


def side_by_side(file: str, arrays: dict[str, np.ndarray], wanted: list | None) -> np.ndarray:
    """The wanted ones of arrays by title, (N,) or (N, k) each, side by side."""
    titles = list(arrays)
    chosen = [titles[at] for at in positions(wanted, titles, file)]
    columns = [real_array(arrays[title], f"{file}: column {title!r}", "of one length") for title in chosen]
    try:
        return np.column_stack(columns)
    except ValueError as error:
        raise ValueError(f"{file}: {error}; expected arrays of numbers of one length, (N,) or (N, k)") from None


def positions(wanted: list | None, titles: list[str], file: str) -> list[int]:
    """Where the wanted columns stand, each named by its title or its number from 0; all where None is wanted."""
    found = []
    for name in range(len(titles)) if wanted is None else wanted:
        at = titles.index(name) if name in titles else int(name) if isinstance(name, str) and name.isdecimal() else name
        if isinstance(name, str) and titles.count(name) > 1:
            raise ValueError(f"{file} has {titles.count(name)} columns {name!r}; expected one: name it by its number")
        if not isinstance(at, (int, np.integer)) or isinstance(at, bool) or not 0 <= at < len(titles):
            raise ValueError(f"{file} has no column {name!r}; expected one of: {', '.join(titles)}")
        found.append(int(at))
    return found
