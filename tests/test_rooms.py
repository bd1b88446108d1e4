"""The rooms of the house: imports run down, each room says what belongs in it, and the tests mirror them."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
HOUSE = TESTS.parent / "mfrd"
ROOMS = ("problems", "solvers", "codebooks", "bounds", "quantisers", "coding", "report")  # each imports those before it
FILES = {".".join(path.relative_to(HOUSE).with_suffix("").parts): path for path in sorted(HOUSE.rglob("*.py"))}


FACE = ast.parse((HOUSE / "__init__.pyi").read_text()).body
HOMES = {alias.name: node.module for node in FACE if isinstance(node, ast.ImportFrom) for alias in node.names}


def imported(name, tree):
    """The modules of mfrd that the module `name` imports, also inside functions, as dotted names within mfrd."""
    package = name.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wanted = [alias.name.removeprefix("mfrd.") for alias in node.names if alias.name.startswith("mfrd.")]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else (node.module or "").split(".")[1:]
            if not node.level and (node.module or "").split(".")[0] != "mfrd":
                continue
            inside = [*base, *(node.module.split(".") if node.level and node.module else [])]
            wanted = [".".join([*inside, alias.name]) for alias in node.names]
            wanted = [each if each in FILES or f"{each}.__init__" in FILES else ".".join(inside) for each in wanted]
        else:
            continue
        yield from (each for each in wanted if each)


GRAPH = {name: set(imported(name, ast.parse(path.read_text()))) for name, path in FILES.items()}


def runs_up(graph):
    """The imports of a room by one that stands before it, as (module, what it imports)."""
    floor = {room: at for at, room in enumerate(ROOMS)}
    return [
        (name, other)
        for name, others in graph.items()
        for other in others
        if floor.get(name.split(".")[0], len(ROOMS)) < floor.get(other.split(".")[0], -1)
    ]


def circle(graph):
    """A circle of imports as a list of modules, or []."""
    done, path = set(), []

    def visit(name):
        if name in path:
            return path[path.index(name) :]
        if name in done:
            return []
        path.append(name)
        found = next(filter(None, map(visit, sorted(graph.get(name, ())))), [])
        path.pop()
        done.add(name)
        return found

    return next(filter(None, map(visit, sorted(graph))), [])


def test_every_module_has_a_room():
    assert {name.split(".")[0] for name in FILES if "." in name} == set(ROOMS)
    assert {name for name in FILES if "." not in name} == {"__init__", "__main__"}


def test_imports_run_down():
    assert sum(map(len, GRAPH.values())) > 100, "imports are no longer seen"
    assert runs_up(GRAPH) == []
    assert runs_up({**GRAPH, "solvers.saddle": {"bounds.supremum"}}) == [("solvers.saddle", "bounds.supremum")]


def test_no_circle_of_imports():
    assert circle(GRAPH) == []
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_says_what_belongs_there_what_it_may_import_and_where_to_begin(room):
    page = ast.get_docstring(ast.parse((HOUSE / room / "__init__.py").read_text()))
    for part in ("Belongs here:", "Imports:", "Begin with:"):
        assert part in page
    files = [word.rstrip(".,") for word in page.partition("Begin with:")[2].split() if ".py" in word]
    assert files and all((HOUSE / room / name).is_file() for name in files)


def test_contributing_gives_a_line_to_each_room():
    text = (TESTS.parent / "CONTRIBUTING.md").read_text()
    lines = re.findall(r"^\| `(\w+)` \|.*\| `(\w+\.py)` \|$", text, re.MULTILINE)
    assert [room for room, _ in lines] == list(ROOMS)
    assert [line for line in lines if not (HOUSE / line[0] / line[1]).is_file()] == []


def misplaced(paths):
    """Those test files, as paths within tests/, that mirror no room: expected ROOM/test_*.py, or one of the house's."""
    house = {"test_package.py", "test_repository.py", "test_rooms.py"}
    return [
        path
        for path in map(Path, paths)
        if str(path) not in house
        and not (len(path.parts) == 2 and path.parts[0] in ROOMS and path.name.startswith("test_"))
    ]


def test_tests_mirror_the_rooms():
    files = [path.relative_to(TESTS) for path in TESTS.rglob("*.py") if path.parent != TESTS / "helpers"]
    assert misplaced(files) == []
    assert {path.parts[0] for path in files if len(path.parts) == 2} == set(ROOMS), "a room without tests"
    wrong = ["test_new.py", "cellar/test_new.py", "solvers/deep/test_new.py", "solvers/new.py"]
    assert list(map(str, misplaced([*wrong, "solvers/test_new.py"]))) == wrong


def used(tree):
    """The modules of mfrd that the code of a test imports, or uses by a public name such as mfrd.solve."""
    names = (
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "mfrd"
    )
    return {*imported("", tree), *(HOMES[name] for name in names if name in HOMES)}


def untested(graph, by_tests):
    """The modules that no test imports; those of the report may be reached through another of the report."""
    reached, ahead = set(), list(by_tests)
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += [other for other in graph.get(name, ()) if name[:7] == other[:7] == "report."]
    return sorted(name for name in graph if "__" not in name and name not in reached)


def test_every_module_is_imported_by_a_test():
    by_tests = set().union(*(used(ast.parse(path.read_text())) for path in TESTS.rglob("*.py")))
    assert untested(GRAPH, by_tests) == []
    assert untested({**GRAPH, "solvers.new": set(), "report.new": set()}, by_tests) == ["report.new", "solvers.new"]
