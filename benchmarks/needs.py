"""Whether the packages of an extra of pyproject.toml are installed: python benchmarks/needs.py rivals.

Says which are missing or too old, and how they come, and ends with 1; says nothing where all are there.
"""

import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def missing(extra: str) -> list[str]:
    """What of an extra is not there, each with what was found."""
    found = []
    for each in map(Requirement, tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"][extra]):
        try:
            held = version(each.name)
        except PackageNotFoundError:
            held = "not installed"
        if held == "not installed" or not each.specifier.contains(held, prereleases=True):
            found.append(f"{each} ({held})")
    return found


if __name__ == "__main__":
    (extra,) = sys.argv[1:]
    if short := missing(extra):
        sys.exit(
            f"the extra {extra} is not all there: {', '.join(short)}; expected its packages: "
            f"{sys.executable} -m pip install -e '.[{extra}]'"
        )
