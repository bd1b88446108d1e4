"""Altered proofs: what tests and benchmarks of the checkers share."""

import json
from fractions import Fraction
from hashlib import sha256

TICK = Fraction(1, 10**12)  # the last place of a claim


def signed(document):
    """The text of an altered proof, with the hash of what it says now."""
    text = json.dumps(document, separators=(",", ":"))
    return f"{text}\n{sha256(text.encode()).hexdigest()}\n"


def altered(proof, *path, value):
    """The document of a proof with another value at a place."""
    document = json.loads(proof.text.splitlines()[0])
    at = document
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value(at[path[-1]]) if callable(value) else value
    return document


def moved(ticks):
    return lambda text: f"{float(Fraction(text)):.12f}" if not ticks else decimal(Fraction(text) + ticks * TICK)


def decimal(value):
    whole, part = divmod(value.numerator * 10**12 // value.denominator, 10**12)
    return f"{whole}.{part:012d}"


def places(value, path=()):
    """The path of every leaf of a document."""
    if isinstance(value, (dict, list)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(part, (*path, key))
    else:
        yield path


def fields(document):
    """The path of every leaf, a number with its decimal beside it being one; the title says nothing that is checked."""
    for path in places(document):
        at = document
        for key in path[:-1]:
            at = at[key]
        whole = isinstance(at, list) and len(at) == 2 and all(isinstance(v, str) for v in at) and "/" in at[0]
        if whole and ("." in at[1] or "e" in at[1]):
            if path[-1] == 0:
                yield path[:-1]
        elif path != ("title",):
            yield path


def changed(value, path, rng):
    """Another value of the same kind, a little or much away."""
    if path[0] == "claim":
        return decimal(max(Fraction(value) + int(rng.integers(-5, 6)) * TICK, Fraction(0)))
    if path[-1] == "boxes":
        at = int(rng.integers(len(value)))
        return value[:at] + str(rng.choice(["", "0", "1", ".", "00", "1."])) + value[at + 1 :]
    if isinstance(value, int):
        return int(value + rng.integers(-2, 3))
    if isinstance(value, list):
        number = float(Fraction(changed(value[0], path, rng)))
        return ["{}/{}".format(*number.as_integer_ratio()), repr(number)]
    try:
        exact = Fraction(value)
    except ValueError:
        return str(rng.choice(["joint", "subset", "letter", "coin", "inf"]))
    by = float(rng.choice([1e-3, -1e-3, 1e-14, -1e-14, 1.0, -2.0]))
    numerator, denominator = float(exact * (1 + Fraction(by))).as_integer_ratio()
    return f"{numerator}/{denominator}"
