"""What made what, for machines: ro-crate-metadata.json, an RO-Crate that describes the repository as it stands.

Files are named by their paths, what made them (a notebook run, a benchmark, the paper's setting) by a fragment; the
one date is that of CITATION.cff, so that the same files give the same bytes.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from .execution import reads
from .origins import MAKERS
from .outputs import write_atomic

FILE, VERSION = "ro-crate-metadata.json", "1.2"  # of the specification
SAVED = re.compile(r'save_figure\([\w.]+, f?"(\w+)"\)')
FORMATS = {
    ".py": "text/x-python",
    ".ipynb": "application/x-ipynb+json",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".gz": "application/gzip",
    ".pdf": "application/pdf",
    ".md": "text/markdown",
    ".toml": "application/toml",
}


def record(root: Path) -> str:
    """The RO-Crate metadata of the repository `root`, JSON-LD: its files, and for each result the action that made it.

    Raises
    ------
    ReportError
        Where a notebook's cell tagged reads is none.

    References
    ----------
    Soiland-Reyes et al. (2022), Packaging research artefacts with RO-Crate; specification 1.2.
    """
    from rocrate.model.contextentity import ContextEntity
    from rocrate.rocrate import ROCrate

    root = Path(root)
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    crate, known = ROCrate(version=VERSION), {}

    def file(path: str, **properties: Any) -> Any:
        if path not in known:
            kind = ["File", "SoftwareSourceCode"] if path.endswith((".py", ".typ")) else "File"
            form = {"encodingFormat": FORMATS.get(Path(path).suffix, "text/plain")}
            known[path] = crate.add_file(
                root / path, path, properties={"@type": kind, "name": path, **form, **properties}
            )
        return known[path]

    def context(identifier: str, **properties: Any) -> Any:
        return crate.add(ContextEntity(crate, identifier, properties=properties))

    def files(*patterns: str) -> list[Any]:
        paths = {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}
        return [file(path.relative_to(root).as_posix()) for path in sorted(paths)]

    module = crate.add_dataset(root / "mfrd", "mfrd", properties={"name": "mfrd", "version": project["version"]})
    authors = [
        context(f"#author-{k}", **{"@type": "Organization", "name": author["name"]})
        for k, author in enumerate(citation["authors"], 1)
    ]
    work = {"@type": "CreativeWork"}
    about = {
        "name": citation["title"],
        "description": project["description"],
        "version": citation["version"],
        "datePublished": citation["date-released"].isoformat(),
        "keywords": citation["keywords"],
        "author": authors,
        "license": context(f"https://spdx.org/licenses/{citation['license']}", **work, name=citation["license"]),
        "citation": [
            context(each.get("url") or each["repository-code"], **work, name=each["title"])
            for each in citation["references"]
        ],
    }
    if "repository-code" in citation:
        about["codeRepository"] = citation["repository-code"]
    for key, value in about.items():
        crate.root_dataset[key] = value
    files("README.md", "LICENSE", "CITATION.cff", "requirements.lock")

    def made(name: str, by: list[Any], out_of: list[Any], results: list[Any]) -> None:
        if results:
            crate.add_action(by, f"#{name}", object=out_of, result=results, properties={"name": name})

    for source in sorted((root / "notebooks").glob("*.py")):
        name, text = source.stem, source.read_text(encoding="utf-8")
        figures = files(*(f"figures/{figure}.svg" for figure in SAVED.findall(text)))
        results = files(f"notebooks/{name}.ipynb", f"results/{name}.json", f"results/proofs/{name}.*")
        read = files(*(f"results/{other}.json" for other in reads(source)))
        made(f"run-{name}", [file(f"notebooks/{name}.py"), module], read, [*figures, *results])
    for script in sorted((root / "benchmarks").glob("*.py")):
        results = files(f"results/{script.stem}.json", f"results/proofs/{script.stem}.*")
        if results:
            made(f"benchmark-{script.stem}", [file(f"benchmarks/{script.name}"), module], [], results)
    numbers = files("results/*.json")
    claims = [each for each in numbers if each.id == "results/claims.json"]
    made("claims", [file(MAKERS["claims"]), module], [each for each in numbers if each not in claims], claims)
    typed = files("paper/*.typ", "paper/refs.bib")
    made("paper", [*typed, module], [*numbers, *files("figures/*.svg")], files("paper/paper.pdf"))
    return json.dumps(crate.metadata.generate(), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def write(root: Path) -> Path:
    """Write ro-crate-metadata.json; returns its path. Raises as `record` does."""
    return write_atomic(Path(root) / FILE, record(root).encode())
