"""Which cell of a notebook made a number of the paper: from its expression to results/, and from there to the cell.

The paper's source binds names to results (`#let r3 = json("/results/03_refinement.json")`, `#let line1 = r3.refine_1d`)
and prints expressions of these names. A place in results/ is a path of keys; the notebook that saved it holds
dictionaries with these keys, and what stands there is made of variables: the cell that assigned the last of them made
the number.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .outputs import ReportError

MAKERS = {  # of what no notebook makes
    "bench": "benchmarks/bench.py",
    "trellis": "benchmarks/trellis.py",
    "density": "benchmarks/density.py",
    "rivals": "benchmarks/rivals.py",
    "region_maps": "benchmarks/region_maps.py",
    "rivals_signals": "benchmarks/rivals_signals.py",
    "parameters": "benchmarks/parameters.py",
    "alterations": "benchmarks/alterations.py",
    "claims": "mfrd/report/claims/claims.toml",
}
PRINTED = ("num", "order", "order-up", "count", "Count")  # of template.typ: numbers as type
JSON = re.compile(r'json\("/results/(\w+)\.json"\)')
CHAIN = re.compile(r'(?<![\w"])(?<!(?<!\.)\.)([A-Za-z][\w-]*)((?:\.at\("[^"]+"\)|\.[A-Za-z][\w-]*)*)')
KEY = re.compile(r'\.at\("([^"]+)"\)|\.([A-Za-z][\w-]*)')
FIGURES = re.compile(r'\((\("[^)]*\)|"\w+"), "(\w+)"')  # of a call of fig or row: their names, and the notebook
TOKEN = re.compile(  # a heading, where appendices begin, a binding, a loop, an expression, a notebook's name
    r"^(?P<appendices>#show: appendices)$|^(?P<level>=+) (?P<title>.*?)(?: <(?P<label>[\w-]+)>)?$"
    r"|^ *#let (?P<bound>[\w-]+)"
    r"|#for (?P<loop>\w+) in (?P<over>[^\[]+)|#(?P<name>[A-Za-z][\w-]*)|\bnotebook (?P<notebook>\d\d_\w+)",
    re.MULTILINE,
)
Origin = tuple[str, tuple[str, ...]]  # a file of results/, without its suffix, and the keys that lead to a number
Env = dict[str, list[Origin]]


@dataclass(frozen=True)
class Mention:
    """A number or figure of the paper: the file of the repository that made it, its cell from zero, and the section."""

    path: str
    cell: int | None
    section: str
    title: str
    label: str


def linked(root: Path, source: str, address: Callable[[str, int | None], str]) -> tuple[str, list[Mention]]:
    """(the paper's source with every number and figure linked to what made it, its mentions in order).

    address(path, cell): where a file of the repository, or a cell of it, is to be found.

    Raises
    ------
    ReportError
        Where a notebook is missing, or saves no such figure or no results.
    """
    env: Env = {}
    notebooks: dict[str, Notebook] = {}
    parts, mentions, at, numbers, here = [], [], 0, Numbering(), ("", "", "")

    def home(path: str, cell: int | None) -> str:
        mentions.append(Mention(path, cell, *here))
        return address(path, cell)

    def notebook(name: str) -> Notebook:
        if name not in notebooks:
            notebooks[name] = Notebook(Path(root) / "notebooks" / f"{name}.py")
        return notebooks[name]

    for match in TOKEN.finditer(source):
        name, end = match["name"], match.end()
        if match.start() < at:
            continue
        if match["appendices"]:
            numbers = Numbering(appendix=True)
        elif match["level"]:
            here = (numbers.next(len(match["level"])), match["title"], match["label"] or "")
        elif match["bound"]:
            body = source[end : end_of_statement(source, match.start())]
            direct = JSON.search(body)
            env[match["bound"]] = [(direct[1], keys(body[direct.end() :]))] if direct else origins(body, env)
        elif match["loop"]:
            env[match["loop"]] = origins(match["over"], env)
        elif match["notebook"]:
            written = f'#link("{home(notebook_path(match["notebook"]), None)}")[{match["notebook"]}]'
            parts += [source[at : match.start("notebook")], written]
            at = end
        elif name in ("fig", "row") and (found := FIGURES.match(source, end)):
            figures = [(figure, notebook(found[2]).figure_cell(figure)) for figure in re.findall(r'"(\w+)"', found[1])]
            homes = "".join(f'"{home(notebook_path(found[2]), cell)}", ' for _, cell in figures)
            parts += [source[at : found.end()], f", homes: ({homes})"]
            at = found.end()
        elif name in PRINTED or name in env:
            end = end_of_call(source, end)
            reads = origins(source[match.start() + 1 : end], env)
            words = name not in PRINTED and reads[:1] and reads[0][0] == "claims" and reads[0][1][-1:] != ("claims",)
            if reads and not words:
                file, path = reads[0]
                made = (MAKERS[file], None) if file in MAKERS else (notebook_path(file), notebook(file).cell_of(path))
                parts += [source[at : match.start()], f'#link("{home(*made)}")[{source[match.start() : end]}]']
                at = end
    return "".join([*parts, source[at:]]), mentions


@dataclass
class Numbering:
    """Numbers of headings in two levels: 1, 1.1, 1.2, 2 and so on; of appendices A, A.1, A.2, B."""

    appendix: bool = False
    section: int = 0
    subsection: int = 0

    def next(self, level: int) -> str:
        """The number of the next heading, of level one or two."""
        self.section, self.subsection = (self.section + 1, 0) if level == 1 else (self.section, self.subsection + 1)
        first = chr(ord("A") + self.section - 1) if self.appendix else str(self.section)
        return first if level == 1 else f"{first}.{self.subsection}"


def headings(source: str) -> Iterator[tuple[str, str, str]]:
    """(number, title, label) of each heading of the paper, the label empty where there is none."""
    numbers = Numbering()
    for match in TOKEN.finditer(source):
        if match["appendices"]:
            numbers = Numbering(appendix=True)
        elif match["level"]:
            yield numbers.next(len(match["level"])), match["title"], match["label"] or ""


def sections(source: str) -> dict[str, str]:
    """{number: label} of the paper's sections, the label empty where there is none."""
    return {number: label for number, _, label in headings(source)}


def notebook_path(name: str) -> str:
    """The path of a notebook's source in the repository."""
    return f"notebooks/{name}.py"


def end_of_call(source: str, at: int) -> int:
    """Where an expression of Typst ends that starts before `at`: after its calls and accesses."""
    while True:
        access = re.compile(r"\.[A-Za-z][\w-]*").match(source, at)
        if source[at : at + 1] == "(":
            at = closing(source, at)
        elif access and (
            source[access.end() : access.end() + 1] == "(" or not re.match(r"\s|$", source[at + 1 : at + 2])
        ):
            at = access.end()
        else:
            return at


def closing(source: str, at: int) -> int:
    """The place after the bracket that closes the one at `at`; strings count as one."""
    depth = 0
    for token in re.compile(r'"[^"]*"|[()\[\]{}]').finditer(source, at):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token[0], 0)
        if depth == 0:
            return token.end()
    return len(source)


def end_of_statement(source: str, at: int) -> int:
    """Where a #let ends: at the end of the first line at which its brackets are closed."""
    while True:
        stop = re.compile(r"[(\[{]|\n").search(source, at)
        if stop is None:
            return len(source)
        if stop[0] == "\n":
            return stop.start()
        at = closing(source, stop.start())


def keys(accesses: str) -> tuple[str, ...]:
    """The keys of a chain of accesses, `.refine_1d.at("0.02 priced").I_bits`, up to the first call of a method."""
    found = []
    for match in KEY.finditer(accesses):
        if accesses[match.end() : match.end() + 1] == "(":
            break
        found.append(match[1] or match[2])
    return tuple(found)


def origins(expression: str, env: Env) -> list[Origin]:
    """The places in results/ that an expression of Typst reads, in its order, by what the names in it are bound to."""
    found = []
    for match in CHAIN.finditer(re.sub(r'(?<!at\()"[^"]*"', '""', expression)):
        for file, path in env.get(match[1], []):
            found.append((file, path + keys(match[2])))
    return found


class Notebook:
    """The source of a notebook: its cells, counted from zero, and what they assign.

    Raises
    ------
    ReportError
        Where there is no such file, or no cell of it saves results.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ReportError(f"no {path}; expected the notebook that the paper reads")
        self.name, text = path.stem, path.read_text(encoding="utf-8")
        self.starts = [match.start() for match in re.finditer(r"^# %%", text, flags=re.MULTILINE)]
        self.cells = [text[a:b] for a, b in zip(self.starts, [*self.starts[1:], len(text)])]
        self.text = text
        self.assigned: dict[str, list[tuple[int, ast.expr | None]]] = {}  # (cell, what) by name, in order
        self.saved: tuple[int, ast.expr] | None = None
        for k, cell in enumerate(self.cells):
            if "[markdown]" in cell.partition("\n")[0]:
                continue
            for statement in ast.parse(cell).body:
                for name, value in assignments(statement):
                    self.assigned.setdefault(name, []).append((k, value))
                for node in ast.walk(statement):
                    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("save_results"):
                        self.saved = k, node.args[1]
                    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "records.save":
                        *gathered, kept = recorded(self.name)
                        self.saved = k, kept
                        for name, value in (pair for line in gathered for pair in assignments(line)):
                            self.assigned.setdefault(name, []).append((k, value))

    def lines_of(self, cell: int) -> tuple[int, int]:
        """The first and the last line of a cell in the file, counted from one."""
        first = self.text[: self.starts[cell]].count("\n") + 1
        return first, first + self.cells[cell].rstrip().count("\n")

    def figure_cell(self, figure: str) -> int:
        """The cell that saves a figure."""
        for k, cell in enumerate(self.cells):
            if "save_figure" in cell and f'"{figure}")' in cell:
                return k
        raise ReportError(
            f"no cell of {self.name} saves the figure {figure}; expected the notebook that the paper names"
        )

    def cell_of(self, path: tuple[str, ...]) -> int:
        """The cell that made what stands at `path` of the results: the one that saves them, where none is known."""
        if self.saved is None:
            raise ReportError(f"no cell of {self.name} saves results; expected one that calls outputs.save_results")
        at, value = self.resolve(*self.saved, path)
        return max(self.makers(at, value), default=at)

    def makers(self, at: int, value: ast.expr) -> set[int]:
        """The cells that assigned what an expression in cell `at` reads, through what only gathers it for results."""
        found: set[int] = set()
        for name in names(value):
            for k, known in self.assigned.get(name, [])[-1:]:
                row = known.elt if isinstance(known, ast.ListComp) else getattr(known, "value", known)
                gathers = k == at or isinstance(row, ast.Dict) and bool(row.keys)
                found |= self.makers(k, known) if gathers and known is not None else {k}
        return found

    def resolve(self, at: int, value: ast.expr, path: tuple[str, ...]) -> tuple[int, ast.expr]:
        """(cell, expression) that stands at `path` of a value in cell `at`, through dictionaries and names of such."""
        if isinstance(value, ast.Name):
            for k, known in reversed(self.assigned.get(value.id, [])):
                if isinstance(known, ast.Dict) and any(key is None or matches(key, path[:1]) for key in known.keys):
                    return self.resolve(k, known, path)
        if isinstance(value, ast.Dict):
            entries = list(zip(value.keys, value.values))
            for key, item in entries:
                if key is not None and matches(key, path[:1]):
                    return self.resolve(at, item, path[1:])
            for key, item in entries:
                if key is None and path:
                    return self.resolve(at, item, path)
        return at, value


class Plain(ast.NodeTransformer):
    """What records.py says of the names of a notebook, `nb.rates`, as the notebook says it, `rates`."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """The name alone, where it is one of the notebook's."""
        self.generic_visit(node)
        of_notebook = isinstance(node.value, ast.Name) and node.value.id == "nb"
        return ast.copy_location(ast.Name(node.attr, node.ctx), node) if of_notebook else node


def recorded(notebook: str) -> tuple[Any, ...]:
    """What records.py keeps of a notebook: the statements that gather it, and at last the results' expression."""
    tree = ast.parse(Path(__file__).with_name("records.py").read_text(encoding="utf-8"))
    (function,) = (f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name == notebook[3:])
    *body, last = Plain().visit(function).body
    return *body[1:], last.value.elts[0]


def assignments(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """(name, value) of what a statement of a cell assigns, parameters included; functions make no number."""
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield statement.target.id, statement.value
    elif isinstance(statement, ast.Assign | ast.AugAssign) and not isinstance(statement.value, ast.Lambda):
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            value = statement.value if isinstance(target, ast.Name) else None
            stored = (
                node for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            )
            yield from ((node.id, value) for node in stored)
    elif isinstance(statement, ast.For | ast.With | ast.If):
        for inner in statement.body:
            yield from assignments(inner)


def matches(key: ast.expr, path: tuple[str, ...]) -> bool:
    """Whether a key's expression gives the first key of a path: of an f-string, with anything for its values."""
    if isinstance(key, ast.JoinedStr) and path:
        pieces = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in key.values]
        return re.fullmatch("".join(pieces), path[0]) is not None
    return isinstance(key, ast.Constant) and (key.value,) == path


def names(value: ast.expr) -> set[str]:
    """The names that an expression reads and does not bind itself."""
    found = [node for node in ast.walk(value) if isinstance(node, ast.Name)]
    own = {node.id for node in found if isinstance(node.ctx, ast.Store)}
    return {node.id for node in found} - own
