"""Every checkable claim of the report, measured from results/ and judged by code.

A row says what the report claims, where, what we measure and within which tolerance. Its verdict is `holds`,
`holds where ...` with the condition, or `does not hold`, and follows from the measured values alone. Where a claim
is vacuous at the published settings, or compares unlike things, the next row `corrects` it.
"""

import json
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path

from ..outputs import write_atomic
from . import codebooks, core

RECORD = "results/claims.json"
WIDTHS = {"claim": 40, "where": 5, "says": 26, "measured": 40, "tolerance": 22, "verdict": 30}


class ClaimError(Exception):
    """The claims cannot be judged; the message names what is missing and the command that makes it."""


def load(root):
    """{notebook: its results} of every numbered file in results/.

    Raises ClaimError where there is none.
    """
    found = sorted((Path(root) / "results").glob("[0-9][0-9]_*.json"))
    if not found:
        raise ClaimError(f"no results in {Path(root) / 'results'}; make them with: python -m mfrd report")
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in found}


def measure(root):
    """The rows of all claims, measured from results/ of `root`.

    Raises ClaimError where a number that a claim needs is missing; it names the key.
    """
    results = load(root)
    try:
        rows = core.rows(results) + codebooks.rows(results)
    except KeyError as error:
        raise ClaimError(
            f"results/ lacks {error}, which a claim needs; expected what the notebooks save. Run: python -m mfrd report"
        ) from error
    return rows


def recorded(root):
    """{key: verdict} of the committed record, empty where there is none."""
    path = Path(root) / RECORD
    if not path.is_file():
        return {}
    return {row["key"]: row["verdict"] for row in json.loads(path.read_text(encoding="utf-8"))["rows"]}


def changes(rows, record):
    """Lines that say which verdict differs from the record, which row is new and which is gone."""
    found = {row.key: row.verdict for row in rows}
    lines = [
        f"{key}: {verdict!r}, recorded as {record.get(key, 'no row')!r}"
        for key, verdict in found.items()
        if verdict != record.get(key)
    ]
    return lines + [f"{key}: no row, recorded as {record[key]!r}" for key in record if key not in found]


def tally(rows):
    """How many claims there are of each verdict, corrections apart."""
    claims = [row for row in rows if not row.corrects]
    hold = sum(row.verdict == "holds" for row in claims)
    where = sum(row.verdict.startswith("holds where") for row in claims)
    return {
        "claims": len(claims),
        "hold": hold,
        "hold_where": where,
        "do_not_hold": len(claims) - hold - where,
        "corrections": len(rows) - len(claims),
    }


def check(root, *, record=False, stream=None):
    """Print the table and compare its verdicts with the record; returns True where they agree.

    Where they agree, or `record` is set, the record is written again, so that its measured values stay current.
    """
    stream = stream or sys.stdout
    rows = measure(root)
    print(table(rows), file=stream)
    count = tally(rows)
    print(
        f"{count['claims']} claims: {count['hold']} hold, {count['hold_where']} hold where a condition is met, "
        f"{count['do_not_hold']} do not hold; {count['corrections']} corrected claims",
        file=stream,
    )
    differences = [] if record else changes(rows, recorded(root))
    if differences:
        print(
            "\nverdicts that are not the recorded ones (accept them with --record):",
            *differences,
            sep="\n  ",
            file=stream,
        )
        return False
    document = {"tally": count, "rows": [asdict(row) for row in rows]}
    write_atomic(Path(root) / RECORD, (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
    return True


def table(rows, widths=WIDTHS):
    """The rows as text, one block of wrapped columns each."""

    def block(cells):
        wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths.values())]
        height = max(map(len, wrapped))
        for column in wrapped:
            column += [""] * (height - len(column))
        return "\n".join(
            "  ".join(line.ljust(width) for line, width in zip(lines, widths.values())).rstrip()
            for lines in zip(*wrapped)
        )

    rule = "  ".join("-" * width for width in widths.values())
    body = [
        block([("└ " if row.corrects else "") + row.claim, *(getattr(row, k) for k in list(widths)[1:])])
        for row in rows
    ]
    return "\n".join([block([name for name in widths]), rule, ("\n").join(f"{text}\n" for text in body)])
