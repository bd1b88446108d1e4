"""The parts of the README that hold numbers, written from results/: its first figure, what came out, the verdicts."""

import json
import re
from pathlib import Path

from .claims.table import ClaimError, load, measure, tally
from .claims.verdicts import fixed, power
from .outputs import write_atomic

PART = re.compile(r"(<!-- from results/: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def grid(heads: tuple, rows: list[tuple]) -> str:
    """A table in Markdown."""
    return "".join(f"| {' | '.join(map(str, row))} |\n" for row in [heads, ("---",) * len(heads), *rows])


def hero(results: dict) -> str:
    """The first figure and its caption."""
    duals = results["02_duals"]["gaussian_1d_mixed_fidelity"]
    with_, without = duals["sweep"][0], duals["sweep_without_core"][0]
    return f"""\
![Prices of two budgets, and the rate with and without the budget on the core](figures/fig03_prices_and_curve.svg)

*Left: what one more unit of distortion buys, overall and in the core of a Gaussian source, as the global budget is
relaxed; the core's price is {fixed(duals["smallest_price_ratio"], 1)} times the global one or more. Right: the rate it takes; at D = {fixed(with_["D"], 1)} the core's budget
adds {fixed(with_["I_bits"] - without["I_bits"], 3)} bits to {fixed(without["I_bits"], 3)}. Notebook [02_duals](notebooks/02_duals.ipynb).*
"""


def findings(results: dict) -> str:
    """What came out, one row a finding."""
    far, tight = results["05_limit"]["distances"], results["03_refinement"]["refine_1d"]["binding"]
    lloyd, link = results["04_lloyd_max"]["lloyd_1d"], lambda name: f"[{name}](notebooks/{name}.ipynb)"
    beside, size, D = lloyd["lloyd_max"], lloyd["codewords"], fixed(lloyd["lloyd_max"]["D"], 3)

    def against(one: dict, other: dict, key: str) -> str:
        return f"{fixed(one[key], 3)} against {fixed(other[key], 3)} bits"

    return grid(
        ("finding", "measured", "from"),
        [
            (
                "three modes on a line, D = 0.6, refined: certified distance to the best of all codebooks",
                f"{power(far['trimodal, centroid']['at_most'])} bits",
                link("05_limit"),
            ),
            (
                f"the same, D' = 0.02 on the core: refined by the centroid step, stalled after {tight['0.02 centroid']['rounds']} rounds, against the priced step",
                against(tight["0.02 centroid"], tight["0.02 priced"], "I_bits"),
                link("03_refinement"),
            ),
            (
                f"three modes on a line, Lloyd–Max's {size} codewords and its D = {D}: I(X;Y) of the convex encoder against Lloyd–Max",
                against(lloyd["equal_distortion"], beside, "I_bits"),
                link("04_lloyd_max"),
            ),
            (
                "the same, H(Y), what a symbol-by-symbol code pays",
                against(lloyd["equal_distortion"], beside, "H_Y_bits"),
                link("04_lloyd_max"),
            ),
        ],
    )


def verdicts(results: dict) -> str:
    """How many claims have each verdict, and what it means."""
    return grid(
        ("claims", "verdict", "which means"), [(t["claims"], t["verdict"], t["means"]) for t in results["tally"]]
    )


def first_answer(results: dict) -> str:
    """How long it takes from a clean clone to the first certified answer, both ways."""

    def way(name: str) -> str:
        seconds = results["first_answer"][name]["seconds"]
        return f"{fixed(seconds['total'], 0)} s, of them {fixed(seconds['example'], 0)} s for the example above"

    return (
        f"From a clean clone to the first certified answer, on {results['first_answer']['cores']} cores: by `make` {way('make')};\n"
        f"by `pip install .` {way('pip')}. The rest is fetching and unpacking packages\n(`benchmarks/first_answer.py`).\n"
    )


def readme(root: Path) -> str:
    """The README of `root` with its parts written from results/, as text.

    Raises
    ------
    ClaimError
        Where a part has no writer, or a number is missing.
    """
    writers = {write.__name__: write for write in (hero, findings, first_answer, verdicts)}
    results = {**load(root), "tally": tally(measure(root)), "first_answer": timed(root)}

    def write(match: re.Match) -> str:
        if match[2] not in writers:
            raise ClaimError(f"README part {match[2]!r} is unknown; expected one of {', '.join(writers)}")
        return match[1] + writers[match[2]](results) + match[3]

    return PART.sub(write, (Path(root) / "README.md").read_text(encoding="utf-8"))


def timed(root: Path) -> dict:
    """What benchmarks/first_answer.py measured. Raises ClaimError where there is no such file."""
    path = Path(root) / "results" / "first_answer.json"
    if not path.is_file():
        raise ClaimError(f"no {path.relative_to(root)}; measure it with: python benchmarks/first_answer.py")
    return json.loads(path.read_text(encoding="utf-8"))


def update(root: Path) -> Path:
    """Write the README's parts; returns its path. Raises as `readme` does."""
    return write_atomic(Path(root) / "README.md", readme(root).encode())
