"""Every checkable claim of the report, read from claims.toml, measured from results/ and judged by its test."""

import itertools
import json
import sys
import textwrap
import tomllib
from dataclasses import asdict, dataclass
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import IO, Any

from ..outputs import ReportError, write_atomic
from . import codebooks, core
from .verdicts import Judgement, Sentence, Verdict, judge

RECORD = "results/claims.json"
WIDTHS = {"sec.": 4, "claim": 27, "criterion": 29, "measured": 28, "verdict": 24}  # 120 columns with the gaps


class ClaimError(ReportError):
    """The claims cannot be judged; the message names what is missing and the command that makes it."""


@dataclass(frozen=True)
class Row:
    """A claim as the record has it: claims.toml says what the fields of the report are, verdicts.py the last three."""

    key: str
    section: str
    paragraph: int | str
    quote: str
    claim: str
    criterion: str
    why: str
    verdict: str
    measured: str
    beside: str


def load(root: Path) -> dict:
    """{notebook: its results} of every numbered file in results/.

    Raises
    ------
    ClaimError
        Where there is none.
    """
    found = sorted((Path(root) / "results").glob("[0-9][0-9]_*.json"))
    if not found:
        raise ClaimError(f"no results in {Path(root) / 'results'}; make them with: python -m mfrd report")
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in found}


def entries() -> list[dict]:
    """The entries of claims.toml, in the order of the report."""
    return tomllib.loads(Path(__file__).with_name("claims.toml").read_text(encoding="utf-8"))["claim"]


def declared(entry: dict, results: dict) -> dict:
    """{name: value} of the results and settings that an entry declares; nothing else reaches its test."""

    def value(path: list | str) -> Any:
        return [value(each) for each in path] if isinstance(path, list) else reduce(getitem, path.split("/"), results)

    return {name: value(path) for name, path in entry["results"].items()} | entry.get("settings", {})


def examine(entry: dict, arguments: dict) -> Judgement:
    """The judgement of an entry's test, the function of its name, of what it is handed, in the entry's words."""
    name = entry["key"].replace("-", "_")
    found = (getattr(core, name, None) or getattr(codebooks, name))(**arguments)
    values = {**arguments, **found.numbers}
    words = ("measured", "remark", "condition", "unlike")
    measured, remark, condition, unlike = (Sentence().vformat(entry.get(name, ""), (), values) for name in words)
    outcomes = dict(unlike=found.unlike and unlike, true=found.true, idle=found.idle)
    return judge(measured, remark if found.remark else "", **outcomes, condition=found.condition and condition)


def row(entry: dict, results: dict) -> Row:
    """The row of an entry. Raises KeyError for a result that is missing."""
    if "reason" in entry:
        found, criterion = Judgement(Verdict.NOT_EXAMINED, "", entry["reason"]), ""
    else:
        found = examine(entry, declared(entry, results))
        criterion = entry["criterion"] + (f" Turns at: {entry['turns']}." if "turns" in entry else "")
    report = {name: entry[name] for name in ("key", "section", "paragraph", "quote", "claim")}
    outcome = {"verdict": found.verdict.value, "measured": found.measured, "beside": found.beside}
    return Row(**report, criterion=criterion, why=entry.get("why", ""), **outcome)


def measure(root: Path) -> list[Row]:
    """The rows of all claims, measured from results/ of `root`.

    Raises
    ------
    ClaimError
        Where a number that a claim needs is missing; it names the claim and the key.
    """
    results, rows = load(root), []
    for entry in entries():
        try:
            rows.append(row(entry, results))
        except KeyError as error:
            raise ClaimError(
                f"results/ lacks {error}, which the claim {entry['key']} needs; expected what the notebooks save. "
                "Run: python -m mfrd report"
            ) from error
    return rows


def recorded(root: Path) -> dict:
    """{key: verdict} of the committed record, empty where there is none."""
    path = Path(root) / RECORD
    if not path.is_file():
        return {}
    return {row["key"]: row["verdict"] for row in json.loads(path.read_text(encoding="utf-8"))["rows"]}


def changes(rows: list[Row], record: dict) -> list[str]:
    """Lines that say which verdict differs from the record, which row is new and which is gone."""
    found = {row.key: row.verdict for row in rows}
    return [
        f"{key}: {found.get(key, 'no row')!r}, recorded as {record.get(key, 'no row')!r}"
        for key in {**found, **record}
        if found.get(key) != record.get(key)
    ]


def tally(rows: list[Row]) -> list[dict]:
    """The verdicts in their order: what each is called and means, and how many claims have it."""
    return [{"verdict": v.value, "means": v.message, "claims": sum(row.verdict == v for row in rows)} for v in Verdict]


def check(root: Path, *, record: bool = False, stream: IO[str] | None = None) -> bool:
    """Print the table and compare its verdicts with the record; returns True where they agree.

    Where they agree, or `record` is set, the record is written again, so that its measured values stay current.
    """
    stream = stream or sys.stdout
    rows = measure(root)
    print(table(rows), *(f"{t['claims']:3d} {t['verdict']}: {t['means']}" for t in tally(rows)), sep="\n", file=stream)
    differences = [] if record else changes(rows, recorded(root))
    if differences:
        heading = "\nverdicts that are not the recorded ones (accept them with --record):"
        print(heading, *differences, sep="\n  ", file=stream)
        return False
    document = {"tally": tally(rows), "rows": [asdict(row) for row in rows]}
    write_atomic(Path(root) / RECORD, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
    return True


def table(rows: list[Row]) -> str:
    """The rows as text of 120 columns, wrapped."""

    def block(*cells: str) -> str:
        wrapped = (textwrap.wrap(cell, width, break_on_hyphens=False) for cell, width in zip(cells, WIDTHS.values()))
        lines = itertools.zip_longest(*wrapped, fillvalue="")
        padded = ("  ".join(map(str.ljust, line, WIDTHS.values())).rstrip() for line in lines)
        return "\n".join(padded)

    verdicts = [": ".join(filter(None, (r.verdict, r.beside))) for r in rows]
    body = [block(r.section, f"{r.claim} [{r.key}]", r.criterion, r.measured, v) for r, v in zip(rows, verdicts)]
    return "\n\n".join([block(*WIDTHS) + "\n" + "  ".join("-" * width for width in WIDTHS.values()), *body, ""])
