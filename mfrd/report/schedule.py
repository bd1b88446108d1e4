"""Which notebook reads what another publishes, and hence which may run now: read off their code, never written down."""

import ast
import re

from IPython.core.inputtransformer2 import TransformerManager

RESULTS = re.compile(r"(?:^|/)results(?:$|/)")


def reads(notebook, names):
    """Those of `names` whose published results the code of `notebook` reads, as a set.

    These are the names it hands to `load_results`, and those in a string such as "results/03_refinement.json". Where
    the name is computed when it runs, or a cell is no Python, it may be any of them: all are returned.
    """
    found = set()
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        try:
            tree = ast.parse(TransformerManager().transform_cell(cell.source))
        except SyntaxError:
            return set(names)
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _mentions_load_results(node.func)]
        known = {id(call.func): _literal(call) for call in calls}
        for node in ast.walk(tree):
            if isinstance(known.get(id(node)), str):
                found.add(known[id(node)])
            elif _mentions_load_results(node):
                return set(names)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                inside = {name for name in names if f"{name}.json" in node.value}
                if RESULTS.search(node.value) and not inside and not node.value.endswith(".json"):
                    return set(names)
                found |= inside
    return found & set(names)


def _literal(call):
    """What a call such as outputs.load_results("03_refinement") names, where it is written there, else None."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return given[0].value if len(given) == 1 and isinstance(given[0], ast.Constant) else None


def _mentions_load_results(node):
    """Whether `node` names the function otherwise than by an import under its own name."""
    return (
        getattr(node, "attr", None) == "load_results"
        or getattr(node, "id", None) == "load_results"
        or (isinstance(node, ast.alias) and node.name == "load_results" and node.asname is not None)
        or (isinstance(node, ast.Constant) and isinstance(node.value, str) and "load_results" in node.value)
    )


class Schedule:
    """The notebooks `names`, in their order, and what each `reads`, {name: names}; says which may start.

    One that reads what an earlier one publishes starts when that one has succeeded, and is skipped when it has not; one
    whose results an earlier one still reads as they are starts when that one has ended. So any number at a time gives
    what one after the other gives. Without `keep_going` none starts after a failure.

    .failed {name: what it said}, .skipped {name: the name it reads}, .waiting: those that have not started, in order.
    """

    def __init__(self, names, reads, keep_going):
        self._order, self._reads, self._keep_going = list(names), reads, keep_going
        self.waiting, self._ended = list(names), set()
        self.failed, self.skipped = {}, {}

    def start(self):
        """The first notebook that may start now, or None where each must wait for one that runs, or none is left."""
        if self.failed and not self._keep_going:
            return None
        for name in self.waiting:
            if all(other in self._ended for other in self._before(name)):
                self.waiting.remove(name)
                return name
        return None

    def end(self, name, failure=None):
        """Note that `name` has ended, with what it said where it failed; those that need it are then skipped."""
        self._ended.add(name)
        if failure is None:
            return
        self.failed[name] = failure
        if not self._keep_going:
            return
        lost = [name]
        for later in self._order[self._order.index(name) + 1 :]:
            missing = [other for other in lost if other in self._reads[later]]
            if later in self.waiting and missing:
                self.waiting.remove(later)
                self.skipped[later] = missing[0]
                self._ended.add(later)
                lost.append(later)

    def _before(self, name):
        earlier = self._order[: self._order.index(name)]
        return [other for other in earlier if other in self._reads[name] or name in self._reads[other]]
