"""What the repository promises about itself: one list of requirements, executed pairs, typed and documented names."""

import ast
import enum
import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jupytext
import nbformat
import pytest
import yaml
from jupytext.compare import NotebookDifference, compare_notebooks
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import mfrd

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
PAIRS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODULES = sorted((ROOT / "mfrd").glob("**/*.py"))


def name_of(path):
    return path.stem


def requirements(lines):
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(each.name): each.specifier for each in parsed}


EXTRAS = PROJECT["optional-dependencies"]
EVERYTHING = requirements(PROJECT["dependencies"] + EXTRAS["report"] + EXTRAS["test"])


def git(*arguments):
    try:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")


def test_extras_ask_for_one_version_of_a_package():
    for extra, lines in EXTRAS.items():
        asked = requirements(lines)
        shared = {name: asked[name] for name in asked if name in EVERYTHING}
        assert shared == {name: EVERYTHING[name] for name in shared} and (
            shared == asked or extra in ("rivals", "bench")
        ), extra


def test_conda_environment_is_the_project_s_requirements():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    found = requirements([entry for entry in listed if isinstance(entry, str)] + [e for e in pip if e != "-e ."])
    assert str(found.pop("python")) == PROJECT["requires-python"]
    for tool in ("pip", "setuptools"):
        found.pop(tool)
    assert found == EVERYTHING


def locked(name):
    """{package: version} of a lock, which holds names and versions, each name once, and nothing else."""
    lines = (ROOT / name).read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", line)] == []
    versions = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines}
    assert len(versions) == len(lines), "a name is locked twice"
    return versions


def test_lock_covers_every_requirement():
    versions = locked("requirements.lock")
    for name, specifier in EVERYTHING.items():
        assert name in versions, f"{name} is required by pyproject.toml and not locked"
        assert versions[name] in specifier, f"{name}=={versions[name]} is locked; pyproject.toml wants {specifier}"


def test_oldest_lock_holds_the_least_version_of_every_requirement():
    versions = locked("requirements-oldest.lock")
    least = {name: specifier for name, specifier in EVERYTHING.items() if str(specifier).startswith(">=")}
    assert least == EVERYTHING
    differing = {n: versions[n] for n, s in least.items() if Version(versions[n]) != Version(str(s)[2:])}
    assert differing == {}, "run: make locks"


def test_version_is_that_of_the_changelog_the_citation_and_the_tag():
    heads = r"^## \[(\d[^\]]*)\] - (\d{4}-\d\d-\d\d)$"
    released, date = re.findall(heads, (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert released == citation["version"] == PROJECT["version"]
    assert date == citation["date-released"].isoformat()
    tags = git("tag", "--points-at", "HEAD", "v*").split()  # none in a clone without tags, and between releases
    assert set(tags) <= {f"v{PROJECT['version']}"}


def test_every_notebook_has_its_pair():
    assert [path.stem for path in SOURCES] == [path.stem for path in PAIRS], "run: make refresh"


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_pair_holds_the_source(source):
    pair = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    try:
        compare_notebooks(jupytext.read(source, fmt="py:percent"), pair, fmt="py:percent")
    except NotebookDifference as difference:
        pytest.fail(f"run: make refresh ARGS='--only {source.stem[:2]}'\n{difference}", pytrace=False)


@pytest.mark.parametrize("path", PAIRS, ids=name_of)
def test_pair_was_executed_from_top_to_bottom_without_error(path):
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), "run: make refresh"
    assert [out.ename for cell in code for out in cell.outputs if out.output_type == "error"] == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_notebook_has_one_parameters_cell(path):
    cells = jupytext.read(path, fmt="py:percent").cells
    assert sum("parameters" in cell.metadata.get("tags", []) for cell in cells) == 1


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_cell_has_at_most_fifteen_lines(path):
    """But for that of the parameters, which has a line for each, with its type and its help."""
    code = [cell for cell in jupytext.read(path, fmt="py:percent").cells if cell.cell_type == "code"]
    lines = [cell.source.split("\n") for cell in code if "parameters" not in cell.metadata.get("tags", [])]
    assert [cell[0] for cell in lines if len(cell) > 15] == []


def module_of(path):
    """`path` of a module as one imports it."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", MODULES, ids=module_of)
def test_module_asserts_nothing(path):
    assert [node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assert)] == []


def unannotated(tree, place=""):
    """The public functions and methods below a node, each with what it leaves open: arguments, or "return"."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            found |= unannotated(node, f"{node.name}.")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if node.name.startswith("_") and node.name != "__init__":
                continue
            given = node.args
            arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, [given.vararg, given.kwarg])]
            static = any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in node.decorator_list)
            arguments = arguments[1:] if place and not static else arguments  # self, cls
            found[place + node.name] = [each.arg for each in arguments if each.annotation is None]
            found[place + node.name] += ["return"] if node.returns is None and node.name != "__init__" else []
    return {name: what for name, what in found.items() if what}


@pytest.mark.parametrize("path", MODULES, ids=module_of)
def test_public_functions_and_methods_are_annotated(path):
    assert unannotated(ast.parse(path.read_text())) == {}


def test_what_lacks_an_annotation_is_seen():
    bare = "class A:\n    def f(self, x, *, y: int): ...\n    def _g(self, x): ...\ndef h(*, z=0) -> None: ...\n"
    assert unannotated(ast.parse(bare)) == {"A.f": ["x", "return"], "h": ["z"]}


def public_callables():
    """Every public function, class, and public method of a public class, by its name; a class stands for what it takes.

    Enumerations, and exceptions that take what every exception takes, have nothing to document.
    """
    found = {}
    for name in mfrd.__all__:
        value = getattr(mfrd, name)
        if not inspect.isclass(value):
            found[name] = value
            continue
        if "__init__" in vars(value) and not issubclass(value, enum.Enum):
            found[name] = value
        methods = {key: getattr(value, key) for key in vars(value) if not key.startswith("_")}
        found |= {f"{name}.{k}": m for k, m in methods.items() if inspect.isfunction(m) or inspect.ismethod(m)}
    return found


CALLABLES = public_callables()


def described(docstring):
    """The names of parameters and attributes that the underlined sections of a docstring describe."""
    parts = re.split(r"^([A-Z][\w ]*)\n-{3,}$", inspect.cleandoc(docstring), flags=re.MULTILINE)
    told = dict(zip(parts[1::2], parts[2::2], strict=True))
    text = "".join(told.get(title, "") for title in ("Parameters", "Other Parameters", "Attributes"))
    entries = re.findall(r"^(\S.*?)(?: ?:.*)?$", text, re.MULTILINE)
    return {name.strip().lstrip("*") for entry in entries for name in entry.split(",")}


@pytest.mark.parametrize("name", sorted(CALLABLES))
def test_public_docstring_describes_every_parameter(name):
    takes = [p for p in inspect.signature(CALLABLES[name]).parameters if p != "self" and not p.startswith("_")]
    assert set(takes) - described(inspect.getdoc(CALLABLES[name]) or "") == set()


def test_what_a_docstring_leaves_out_is_seen():
    docstring = """One line: formula.

    Parameters
    ----------
    x, y : np.ndarray
        Points, (n, k): z is none of them.
    **options
        More.
    """
    assert described(docstring) == {"x", "y", "options"}


TOOLS = [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]]


@pytest.mark.parametrize("tool", TOOLS, ids=["ruff", "format", "mypy"])
def test_tool_finds_nothing(tool):
    run = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def committed_files():
    return [ROOT / name for name in git("ls-files", "-z").split("\0") if name and (ROOT / name).is_file()]


def machine_patterns():
    """What only one machine has: home and temporary directories, this tree, this interpreter, a package index."""
    places = {str(ROOT), str(Path.home()), sys.prefix} - {"/", "/usr", "/usr/local", "/root"}
    return [
        r"(?<![\w.~])/(?:home|Users|root)/[\w.-]+",
        r"(?<![\w.~])/tmp/ipykernel_\d+",
        r"[A-Z]:\\+Users\\",
        r"(?:extra-)?index[-]url|find[-]links|://[^\s\"']*/simple\b|pypi[.]org|pythonhosted[.]org|anaconda[.]org",
        r"\bfile[:]//",
        *(rf"(?<![\w.~:/-]){re.escape(place)}(?![\w-])" for place in sorted(places)),
    ]


def test_no_committed_file_holds_a_path_of_a_machine_or_a_package_index():
    found = []
    for path in committed_files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        hits = {match.group() for pattern in machine_patterns() for match in re.finditer(pattern, text)}
        if hits:
            found.append(f"{path.relative_to(ROOT)}: {sorted(hits)}")
    assert found == []
