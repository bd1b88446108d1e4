"""Addresses that files link to, and whether each leads somewhere in this repository."""

import json
import re
import zlib
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[2]


def unpacked(pdf):
    """A PDF with its compressed streams as they read, bytes."""
    parts, at = [], 0
    for start in re.finditer(rb"stream\r?\n", pdf):
        if start.end() >= at:
            stream = zlib.decompressobj()
            try:
                parts += [pdf[at : start.end()], stream.decompress(pdf[start.end() :])]
            except zlib.error:  # not compressed, or the end of one that was
                continue
            at = len(pdf) - len(stream.unused_data)
    return b"\n".join([*parts, pdf[at:]])


def addresses(pdf):
    """The addresses that a PDF links to, one for each link on a page."""
    found = re.findall(rb"/URI\s*\(((?:\\.|[^)\\])*)\)", unpacked(pdf))
    return [re.sub(r"\\(.)", r"\1", address.decode()) for address in found]


@cache
def cell_ids(path):
    """The ids of a notebook's cells of code."""
    return {cell["id"] for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"}


def astray(address, folder):
    """What is wrong with a link of a file in `folder`, or "" where it leads somewhere."""
    parts = urlsplit(address)
    if parts.scheme:
        well_formed = parts.scheme == "https" and re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", parts.netloc)
        return "" if well_formed and not re.search(r"\s", address) else f"{address}: expected https and a host"
    path = (folder / unquote(parts.path)).resolve()
    if not path.is_relative_to(ROOT) or not path.exists():
        return f"{address}: no such file in the repository"
    if path.suffix == ".ipynb" and parts.fragment:
        return "" if parts.fragment.removeprefix("cell-id=") in cell_ids(path) else f"{address}: no such cell of code"
    if path.suffix == ".md" and parts.fragment:
        heads = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        known = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
        return "" if parts.fragment in known else f"{address}: no such heading"
    return "" if not parts.fragment else f"{address}: a fragment of what has none"
