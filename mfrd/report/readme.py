"""The parts of the README that hold numbers, written from results/: its first figure and what came out."""

import json
import re
from pathlib import Path

from .claims.rows import fixed, power
from .claims.table import ClaimError, load, measure, tally
from .outputs import write_atomic

PART = re.compile(r"(<!-- from results/: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def hero(results, count):
    """The first figure and its caption."""
    duals = results["02_duals"]["gaussian_1d_mixed_fidelity"]
    with_, without = duals["sweep"][0], duals["sweep_without_core"][0]
    return f"""\
![Prices of two budgets, and the rate with and without the budget on the core](figures/fig03_prices_and_curve.svg)

*Left: what one more unit of distortion buys, overall and in the core of a Gaussian source, as the global budget is
relaxed; the core's price is {fixed(duals["smallest_price_ratio"], 1)} times the global one or more. Right: the rate it takes; at D = {fixed(with_["D"], 1)} the core's budget
adds {fixed(with_["I_bits"] - without["I_bits"], 3)} bits to {fixed(without["I_bits"], 3)}. Notebook [02_duals](notebooks/02_duals.ipynb).*
"""


def findings(results, count):
    """What came out, one row a finding."""
    far, line = results["05_limit"]["distances"], results["03_refinement"]["refine_1d"]
    lloyd, tight = results["04_lloyd_max"]["lloyd_1d"], line["binding"]
    rows = [
        (
            f"{count['claims']} claims of the report, judged by code",
            f"{count['hold']} hold, {count['hold_where']} under a condition, {count['do_not_hold']} do not",
            "`python -m mfrd claims`",
        ),
        (
            "three modes on a line, D = 0.6, refined: certified distance to the best of all codebooks",
            f"{power(far['trimodal, centroid']['at_most'])} bits",
            "[05_limit](notebooks/05_limit.ipynb)",
        ),
        (
            f"the same, D' = 0.02 on the core: refined by the centroid step, stalled after {tight['0.02 centroid']['rounds']} rounds, "
            "against the priced step",
            f"{fixed(tight['0.02 centroid']['I_bits'], 3)} against {fixed(tight['0.02 priced']['I_bits'], 3)} bits",
            "[03_refinement](notebooks/03_refinement.ipynb)",
        ),
        (
            f"three modes on a line, Lloyd–Max's {lloyd['codewords']} codewords and its D = {fixed(lloyd['lloyd_max']['D'], 3)}: I(X;Y) of the "
            "convex encoder against Lloyd–Max",
            f"{fixed(lloyd['equal_distortion']['I_bits'], 3)} against {fixed(lloyd['lloyd_max']['I_bits'], 3)} bits",
            "[04_lloyd_max](notebooks/04_lloyd_max.ipynb)",
        ),
        (
            "the same, H(Y), what a symbol-by-symbol code pays",
            f"{fixed(lloyd['equal_distortion']['H_Y_bits'], 3)} against {fixed(lloyd['lloyd_max']['H_Y_bits'], 3)} bits",
            "[04_lloyd_max](notebooks/04_lloyd_max.ipynb)",
        ),
    ]
    return "| finding | measured | from |\n|---|---|---|\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def first_answer(results, count):
    """How long it takes from a clean clone to the first certified answer, both ways."""
    measured = results["first_answer"]

    def way(name):
        seconds = measured[name]["seconds"]
        return f"{fixed(seconds['total'], 0)} s, of them {fixed(seconds['example'], 0)} s for the example above"

    return (
        f"From a clean clone to the first certified answer, on {measured['cores']} cores: by `make` {way('make')};\n"
        f"by `pip install .` {way('pip')}. The rest is fetching and unpacking packages\n"
        "(`benchmarks/first_answer.py`).\n"
    )


def readme(root):
    """The README of `root` with its parts written from results/, as text.

    Raises ClaimError where a part has no writer, or a number is missing.
    """
    results, count = load(root), tally(measure(root))
    results["first_answer"] = timed(root)
    writers = {"hero": hero, "findings": findings, "first_answer": first_answer}

    def write(match):
        if match[2] not in writers:
            raise ClaimError(f"README part {match[2]!r} is unknown; expected one of {', '.join(writers)}")
        return match[1] + writers[match[2]](results, count) + match[3]

    return PART.sub(write, (Path(root) / "README.md").read_text(encoding="utf-8"))


def timed(root):
    """What benchmarks/first_answer.py measured. Raises ClaimError where there is no such file."""
    path = Path(root) / "results" / "first_answer.json"
    if not path.is_file():
        raise ClaimError(f"no {path.relative_to(root)}; measure it with: python benchmarks/first_answer.py")
    return json.loads(path.read_text(encoding="utf-8"))


def update(root):
    """Write the README's parts; returns its path. Raises as `readme` does."""
    return write_atomic(Path(root) / "README.md", readme(root).encode())
