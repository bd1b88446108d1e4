"""Prove what `solve` calls optimal of 2,000 random problems, and check each proof: results/proofs_random.json.

    python benchmarks/proofs_random.py [COUNT]

Problems are those of tests/helpers/hard_problems.py: offsets, tiny units, letter budgets, edges. Each is proven to its
gap + 1e-9 bits, and solved again to 1e-8 bits, proven to 1e-7, or counted by its cause. No encoder keeps a budget that
rounding puts below its least: such a problem is solved as if on the edge, and proven at the least budgets, in floats,
that some encoder keeps.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.exact import Exact  # noqa: E402
from helpers.hard_problems import hard_problems  # noqa: E402

import mfrd  # noqa: E402
from mfrd.solvers.feasibility import reachable  # noqa: E402

SEED, COUNT, TRIED = 31, 2000, 20_000  # problems that are optimal, of so many at most
ROOM = 1e-9  # bits above the gap
FINE, WIDTH = 1e-8, 1e-7  # bits: the tolerance of the second solve, and the width of its proof


def solved(problem: mfrd.Problem, tol: float = 1e-6) -> mfrd.Solution | str:
    """The optimal Solution, or the name of the error that says why there is none."""
    try:
        return mfrd.solve(problem, "newton", tol=tol)
    except (mfrd.InfeasibleFidelity, mfrd.NotCertified) as error:
        return type(error).__name__


def width(solution: mfrd.Solution) -> float | None:
    """U - L of the checked proof, bits; None where no encoder was found that keeps every budget exactly."""
    try:
        proof = mfrd.prove(solution)
    except mfrd.NotCertified:
        return None
    proof.check()
    return float(proof.upper) - float(proof.lower)


def outcome(solution: mfrd.Solution) -> str:
    """What became of a proof to the gap + ROOM."""
    where = ""
    if solution.on_edge:
        raised = solved(reachable(solution.problem))
        if isinstance(raised, str):
            return f"not proven: a budget below its least by rounding; at the least float, {raised}"
        solution, where = raised, " at the least float: a budget below its least by rounding"
    found = width(solution)
    if found is None:
        return f"not proven: {exact_cause(solution.problem)}"
    return ("proven" if found <= solution.gap + ROOM else "proven, wider than the gap") + where


def fine_outcome(problem: mfrd.Problem) -> str:
    """What became of a proof to WIDTH, solved to FINE."""
    solution = solved(reachable(problem), FINE)
    if isinstance(solution, str):
        return f"not optimal to {FINE:g}: {solution}"
    found = width(solution)
    if found is None:
        return f"not proven: {exact_cause(problem)}"
    return "proven" if found <= WIDTH else f"proven, wider than {WIDTH:g}"


def exact_cause(problem: mfrd.Problem) -> str:
    """Why no encoder was found that keeps every budget exactly: a linear program in rationals says."""
    some = Exact(problem).verdict == "feasible"
    return "an encoder that keeps all budgets exactly was not found" if some else "none keeps all budgets exactly"


def main(count: int) -> None:
    """Prove `count` problems that are optimal and write the counts."""
    begun, counts, fine, proven = time.process_time(), Counter(), Counter(), 0
    for _, problem in hard_problems(SEED, TRIED):
        solution = solved(problem)
        if isinstance(solution, str):
            counts[f"not optimal: {solution}"] += 1
            continue
        counts[outcome(solution)] += 1
        fine[fine_outcome(problem)] += 1
        proven += 1
        if proven == count:
            break
    found = {"optimal": proven, "outcomes": dict(sorted(counts.items())), "room_bits": ROOM, "seed": SEED}
    found |= {"tolerance_bits": FINE, "width_bits": WIDTH, f"outcomes_to_{WIDTH:g}": dict(sorted(fine.items()))}
    found["share_to_width"] = round(fine["proven"] / proven, 4)
    found["cpu_seconds"] = round(time.process_time() - begun)
    (ROOT / "results" / "proofs_random.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else COUNT)
