"""Parameters of a notebook: what its parameters cell says, and whether a value may take the place of a default.

    -p n_letters=52        an int for an int, finite
    -p D_range=[1,2]       a list for a list, whose items may stand where the default's do

The type of a parameter is that of its default: a number with a point takes whole numbers too, None takes anything. It
is checked twice, by one function: by `python -m mfrd report` before a kernel starts, and in the second cell of a
notebook, for papermill by itself and for whoever edits the first,

    changed = parameters.changed("02_duals", globals())   # {} at the published values
"""

import ast
import contextlib
import math
import re
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from . import requirements
from .outputs import ReportError, root

CELL = re.compile(r"^# ?%%(.*)\n", re.MULTILINE)  # where a cell of a py:percent file begins
TAGS = re.compile(r"tags=\[(.*?)\]")
ITEMS = 60  # characters of a value that a message quotes


def source_text(path: Path) -> str:
    """The text of the py:percent file `path`, without a byte order mark; a ReportError where it is none."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise ReportError(f"{path}: {error}; expected a readable py:percent file in UTF-8") from error


def tagged(source: Path, tag: str) -> list[ast.stmt]:
    """The statements of the one cell of the py:percent file `source` with that tag; [] where there is none.

    Raises
    ------
    ReportError
        Where several cells have the tag, and where the cell is not plain Python.
    """
    _, *parts = CELL.split(source_text(source))
    tags = [set(re.findall(r"[\w-]+", " ".join(TAGS.findall(marker)))) for marker in parts[::2]]
    cells = [text for found, text in zip(tags, parts[1::2]) if tag in found]
    if len(cells) > 1:
        raise ReportError(f"{source.stem}: {len(cells)} cells are tagged {tag}; expected one, merge them")
    try:
        return ast.parse(cells[0]).body if cells else []
    except SyntaxError as error:
        said = f"{source.stem}: the {tag} cell is not plain Python ({error}); expected name = value"
        raise ReportError(said) from None


def declared(source: Path) -> dict[str, ast.expr | None]:
    """{name: the expression it is set to} of the parameters cell of `source`, in order; {} without such a cell.

    None stands for an expression that is not written beside its name, as in a, b = pair.
    """
    found: dict[str, ast.expr | None] = {}
    for statement in tagged(source, "parameters"):
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        for target in targets:
            one_each = isinstance(target, ast.Tuple) and isinstance(statement.value, ast.Tuple)
            pairs = zip(target.elts, statement.value.elts) if one_each else [(target, statement.value)]  # type: ignore
            for place, expression in pairs:
                own = expression if isinstance(place, ast.Name) else None
                found |= {node.id: own for node in ast.walk(place) if isinstance(node, ast.Name)}
    return found


def defaults(source: Path) -> dict[str, Any]:
    """{name: value} of the parameters of `source` whose default is a literal; what any other may be is not known."""
    found = {}
    for name, expression in declared(source).items():
        with contextlib.suppress(ValueError):
            if expression is not None:
                found[name] = ast.literal_eval(expression)
    return found


def misfit(value: Any, default: Any) -> str | None:
    """What is expected in place of `value` where it may not stand for `default`; None where it may."""
    if default is None:
        return None
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "True or False"
    if isinstance(default, (int, float)):
        whole = isinstance(default, int)
        fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        return None if fits and math.isfinite(value) else "a whole number (int)" if whole else "a finite number (float)"
    if isinstance(default, (list, tuple)):
        if not isinstance(value, (list, tuple)):
            return f"a list ({type(default).__name__})"
        wrong = [[misfit(item, like) for like in default] for item in value]
        reasons = next((tried for tried in wrong if tried and None not in tried), None)
        return f"a list whose items are each {' or '.join(dict.fromkeys(map(str, reasons)))}" if reasons else None
    return None if isinstance(value, type(default)) else f"a {type(default).__name__}"


def check(notebook: str, values: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Raise ReportError where one of `values` has not the type of its default.

    Parameters
    ----------
    notebook : str
        The name that the error begins with.
    values, known : dict
        What is given, and `defaults`; names that are not in both are passed over.

    Raises
    ------
    ReportError
        It names the parameter, what it is and its type, the type expected and the default.
    """
    for name, value in values.items():
        expected = misfit(value, known.get(name))
        if expected:
            shown = repr(value) if len(repr(value)) <= ITEMS else repr(value)[: ITEMS - 3] + "..."
            remedy = ""
            if isinstance(value, float) and value.is_integer():
                remedy = f": write {int(value)}"
            elif isinstance(value, str) and isinstance(known[name], (list, tuple)):
                remedy = f": papermill takes lists by -y '{name}: {list(known[name])}'"
            elif isinstance(known[name], str):
                remedy = f": put it in quotes, -p {name}='\"...\"'"
            raise ReportError(
                f"{notebook}: parameter {name} is {shown} ({type(value).__name__}); expected {expected}, such as its "
                f"default {known[name]!r}{remedy}"
            )


def changed(notebook: str | Path, namespace: MutableMapping[str, Any]) -> dict[str, Any]:
    """The parameters that a run of a notebook has at other values than its file says, {name: value}.

    Where there are any, a banner names them. A list that arrived as text becomes one in `namespace`.

    Parameters
    ----------
    notebook : str or Path
        Its name, such as "02_duals", or the path of its py:percent file.
    namespace : dict
        globals() of the run.

    Returns
    -------
    dict
        Empty where the run is the published one.

    Raises
    ------
    ReportError
        Where a name is unknown, a value has not the type of its default, or makes no sense (requirements.py).
    """
    source = notebook if isinstance(notebook, Path) else root() / "notebooks" / f"{notebook}.py"
    known = defaults(source)
    unknown = sorted(injected(namespace.get("In", ())) - set(declared(source)))
    if unknown:
        expected = f"expected one of its parameters cell: {', '.join(declared(source))}"
        raise ReportError(f"{source.stem}: unknown parameter {', '.join(unknown)}; {expected}")
    values = {name: namespace[name] for name in known if name in namespace}
    for name, value in values.items():
        if isinstance(value, str) and isinstance(known[name], list):  # papermill's -p hands lists on as text
            with contextlib.suppress(ValueError, SyntaxError):
                namespace[name] = values[name] = listed(ast.literal_eval(value))
    check(source.stem, values, known)
    requirements.check(source.stem, {**known, **values})
    found = {name: value for name, value in values.items() if not same(value, known[name])}
    if found:
        told = "; ".join(f"{name} is {value!r}, published {known[name]!r}" for name, value in found.items())
        print(f"Not the published parameters: {told}.\nThe sentences below were written for the published ones.")
    return found


def injected(cells: Iterable[str]) -> set[str]:
    """Names that papermill sets, in the cell that it puts after the parameters; cells: what IPython has run."""
    own = (ast.parse(cell) for cell in cells if cell.startswith("# Parameters\n"))
    names = (node.id for tree in own for node in ast.walk(tree) if isinstance(node, ast.Name))
    return set(names) - {"true", "false"}


def listed(value: Any) -> Any:
    """A value with lists for its tuples."""
    return [listed(item) for item in value] if isinstance(value, (list, tuple)) else value


def used(notebook: str, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a run by name, as its results keep them.

    Parameters
    ----------
    notebook : str
        Its name.
    namespace : dict
        globals() of the run.

    Returns
    -------
    dict
    """
    return {name: namespace[name] for name in defaults(root() / "notebooks" / f"{notebook}.py")}


def made_for(results: Mapping[str, Any], **own: Any) -> bool:
    """Whether results were made at these values of parameters.

    Parameters
    ----------
    results : dict
        Of another notebook, which keeps its `used`; of one that does not, nothing is known.
    **own
        The values by name.

    Returns
    -------
    bool
    """
    there = results.get("parameters", {})
    return all(name in there and same(there[name], value) for name, value in own.items())


def same(value: Any, default: Any) -> bool:
    """Whether two parameters are equal, lists as tuples."""
    if isinstance(value, (list, tuple)) and isinstance(default, (list, tuple)):
        return len(value) == len(default) and all(map(same, value, default))
    return type(value) in (int, float, type(default)) and bool(value == default)
