"""Which rates the paper, the README and the claims print: places in results/, as "notebook/keys"."""

import json
import re

from mfrd.report import origins, readme
from mfrd.report.claims import table, verdicts

RATE = re.compile(r"(I_bits|rate_bits|lower_bound_bits|limit_bits|truth)$")  # the names of rates in results/
SHORT = 6  # signs of a number that may be another's, such as 2.0


def at(results, place):
    """The number at a dotted place; keys may hold dots themselves."""
    if not place:
        return results
    if isinstance(results, list):
        head, _, rest = place.partition(".")
        return at(results[int(head)], rest)
    key = max((key for key in results if place == key or place.startswith(f"{key}.")), key=len)
    return at(results[key], place[len(key) + 1 :])


def in_paper(source, root):
    """The places of rates that the numbers of a paper's source read.

    A row that is searched for, filtered or mapped has a star for its number: what stands there is one of many.
    """
    env, until, found = {}, 0, set()
    for match in origins.TOKEN.finditer(source):
        name, end = match["name"], match.end()
        if match.start() < until:
            continue
        if match["bound"]:
            body = source[end : origins.end_of_statement(source, match.start())]
            direct = origins.JSON.search(body)
            read = [(direct[1], origins.keys(body[direct.end() :]))] if direct else origins.origins(body, env)
            env[match["bound"]] = read
        elif match["loop"]:
            env[match["loop"]] = origins.origins(match["over"], env)
        elif name in origins.PRINTED or name in env:
            until = origins.end_of_call(source, end)
            found |= set(places(source[match.start() + 1 : until], env, root))
    return found


def places(expression, env, root):
    """The places of rates in an expression of Typst."""
    for match in origins.CHAIN.finditer(re.sub(r'(?<!at\()"[^"]*"', '""', expression)):
        for file, path in env.get(match[1], []):
            keys, rest = path + origins.keys(match[2]), expression[match.end() :]
            method, named = keys[-1] if keys and rest[:1] == "(" else "", re.match(r"\([^()]*\)\.([\w-]+)", rest)
            if RATE.search(keys[-1] if keys else ""):
                yield f"{file}/{'.'.join(keys)}"
            elif method and named and RATE.search(named[1]):
                number = {"first": "0", "last": "-1"}.get(method, "*")
                number = rest[1:-1].partition(")")[0] if method == "at" and rest[1:2].isdigit() else number
                yield counted(f"{file}/{'.'.join(keys[:-1])}", number, named[1], root)
            elif method in ("map", "filter", "zip", "find", "at", "values"):
                for name in sorted(set(re.findall(r"\.([\w-]+)", rest))):
                    if RATE.search(name):
                        yield f"{file}/{'.'.join(keys[:-1])}.*.{name}"


def counted(rows, number, name, root):
    """The place of a row's rate, its number counted from the front."""
    if number == "-1":
        file, _, place = rows.partition("/")
        number = str(len(at(json.loads((root / "results" / f"{file}.json").read_text()), place)) - 1)
    return f"{rows}.{number}.{name}"


def rates(node, place=""):
    """(place, value) of every rate below a node of results/."""
    if isinstance(node, (dict, list)):
        for key, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from rates(child, f"{place}.{key}" if place else str(key))
    elif RATE.search(place.rpartition(".")[2]) and len(str(node)) > SHORT:
        yield place, node


def in_words(root, monkeypatch):
    """{value: places} of the rates that the claims and the README print: numbers that are exactly those of results/."""
    spoken, results = [], table.load(root)
    number = verdicts.number
    heard = lambda value, style: (spoken.append(value), number(value, style))[1]
    monkeypatch.setattr(verdicts, "number", heard)
    monkeypatch.setitem(readme.TEMPLATES.filters, "number", heard)
    readme.readme(root)  # it measures the claims
    where = {}
    for notebook, found in results.items():
        for place, value in rates(found):
            where.setdefault(value, set()).add(f"{notebook}/{place}")
    floats = {float(value) for value in spoken if isinstance(value, (int, float)) or hasattr(value, "item")}
    return {value: where[value] for value in floats & set(where)}
