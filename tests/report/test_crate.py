"""The record of what made what: complete, of files that exist, the same bytes from the same files."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from rocrate.rocrate import ROCrate

from mfrd.report import command, crate

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def text():
    return crate.record(ROOT)


@pytest.fixture(scope="module")
def graph(text):
    return {entity["@id"]: entity for entity in json.loads(text)["@graph"]}


def ids(value):
    """The identifiers that a property refers to."""
    return [each["@id"] for each in (value if isinstance(value, list) else [value])]


def actions(graph):
    return [entity for entity in graph.values() if entity["@type"] == "CreateAction"]


def test_it_is_the_same_twice_and_the_one_committed(text):
    assert text == crate.record(ROOT)
    assert text == (ROOT / crate.FILE).read_text(encoding="utf-8"), "run: python -m mfrd paper"


def test_its_one_date_is_the_citation_s_and_its_names_are_paths(text, graph):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert set(re.findall(r"\d{4}-\d\d-\d\d", text)) == {citation["date-released"].isoformat()}
    for identifier in graph:
        assert re.match(r"#[\w.-]+$|https://", identifier) or (ROOT / identifier).exists(), identifier
    referred = re.findall(r'"@id": "([^"]+)"', text)
    assert {identifier for identifier in referred if not identifier.startswith("https://")} <= set(graph)
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text), "a random identifier"


@pytest.mark.parametrize("folder", ["figures", "results"])
def test_each_result_was_made_by_one_action(folder, graph):
    made = [identifier for action in actions(graph) for identifier in ids(action["result"])]
    there = [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()]
    assert there and [path for path in there if made.count(path) != 1] == []


def test_a_notebook_reads_and_makes_what_it_says(graph):
    run = graph["#run-04_lloyd_max"]
    assert set(ids(run["instrument"])) == {"notebooks/04_lloyd_max.py", "mfrd/"}
    assert {"notebooks/04_lloyd_max.ipynb", "results/04_lloyd_max.json", "figures/fig07_lloyd_1d.svg"} <= set(
        ids(run["result"])
    )
    assert "results/03_refinement.json" in ids(graph["#run-05_limit"]["object"])
    assert ids(graph["#paper"]["result"]) == ["paper/paper.pdf"] and "results/bench.json" in ids(
        graph["#paper"]["object"]
    )


def test_a_reader_of_crates_reads_it(text, tmp_path):
    (tmp_path / crate.FILE).write_text(text, encoding="utf-8")
    read = ROCrate(tmp_path)
    assert read.name.startswith("mfrd") and {e.id for e in read.get_by_type("CreateAction")} > {"#paper", "#claims"}


def test_a_result_that_nothing_makes_and_a_new_notebook_are_seen(tmp_path):
    for folder in ("notebooks", "results", "figures", "paper", "benchmarks"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for name in ("CITATION.cff", "pyproject.toml", "README.md", "LICENSE", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "mfrd" / "report" / "claims").mkdir(parents=True)
    shutil.copy(ROOT / "mfrd" / "report" / "claims" / "claims.toml", tmp_path / "mfrd" / "report" / "claims")
    (tmp_path / "notebooks" / "99_new.py").write_text('# %%\noutputs.save_figure(figure, "new")\n')
    (tmp_path / "figures" / "new.svg").write_text("<svg/>")
    (tmp_path / "results" / "stray.json").write_text("{}")
    path = crate.write(tmp_path)
    found = {entity["@id"]: entity for entity in json.loads(path.read_text(encoding="utf-8"))["@graph"]}
    assert ids(found["#run-99_new"]["result"]) == ["figures/new.svg"]
    made = [identifier for action in actions(found) for identifier in ids(action["result"])]
    assert "results/stray.json" not in made


def test_the_paper_s_command_writes_it(monkeypatch):
    written = []
    monkeypatch.setattr("mfrd.report.claims.table.check", lambda *arguments, **options: True)
    monkeypatch.setattr("mfrd.report.readme.update", lambda root: root)
    monkeypatch.setattr("mfrd.report.paper.build", lambda root: root / "paper" / "paper.pdf")
    monkeypatch.setattr("mfrd.report.crate.write", lambda root: written.append(root) or root / crate.FILE)
    assert command.main(["paper"]) == 0 and written == [ROOT]


def test_containers_start_jupyterlab_on_the_notebooks_with_what_is_locked():
    """Of the development container and of Binder: Python's version, the lock, the server extension, the first page."""
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    make = (ROOT / "Makefile").read_text(encoding="utf-8")
    (version,) = re.findall(r"--python-version (\S+)", make)
    assert container["image"].rpartition(":")[2] == version
    targets = [re.match(r"make (\S+)", container[step])[1] for step in ("postCreateCommand", "postAttachCommand")]
    assert targets == [".venv/.ready", "lab"] and all(
        re.search(rf"^{re.escape(t)}:", make, re.MULTILINE) for t in targets
    )
    port = re.search(r"--port=(\d+)", container["postAttachCommand"])[1]
    assert container["forwardPorts"] == [int(port)] and list(container["portsAttributes"]) == [port]
    assert container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"] == ".venv/bin/python"
    binder = ROOT / "binder"
    assert (binder / "runtime.txt").read_text() == f"python-{version}\n"
    (lock,) = re.findall(r"^-r (.*)$", (binder / "requirements.txt").read_text(), re.MULTILINE)
    assert (binder / lock).resolve() == ROOT / "requirements.lock"
    (page,) = re.findall(r"--LabApp.default_url=(\S+)", make)
    assert json.loads((binder / "jupyter_lab_config.json").read_text()) == {"LabApp": {"default_url": page}}


def test_binder_s_last_step_puts_the_settings_where_jupyter_looks(tmp_path):
    """It runs, with a pip that installs nothing; both files lie where `jupyter lab` of that environment reads them."""
    tools, prefix = tmp_path / "bin", tmp_path / "prefix"
    tools.mkdir()
    (tools / "python").write_text('#!/bin/sh\necho "$@" > "$ASKED"\n')
    (tools / "python").chmod(0o755)
    env = {"PATH": f"{tools}:/usr/bin:/bin", "NB_PYTHON_PREFIX": str(prefix), "ASKED": str(tmp_path / "asked")}
    subprocess.run([ROOT / "binder" / "postBuild"], cwd=ROOT, env=env, check=True)
    assert (tmp_path / "asked").read_text().split()[-3:] == ["--no-deps", "-e", "."]
    folder = prefix / "etc" / "jupyter"
    server, lab = folder / "jupyter_server_config.d" / "mfrd.json", folder / "jupyter_lab_config.json"
    assert json.loads(server.read_text()) == {"ServerApp": {"jpserver_extensions": {"mfrd.report.saved": True}}}
    assert json.loads(lab.read_text()) == {"LabApp": {"default_url": "/lab/tree/notebooks"}}
