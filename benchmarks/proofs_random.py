"""Prove what `solve` calls optimal of 2,000 random problems, and check each proof: results/proofs_random.json.

    python benchmarks/proofs_random.py [COUNT]

Problems are those of tests/helpers/hard_problems.py: offsets, tiny units, letter budgets, edges. Each is proven to its
gap + 1e-9 bits, or listed with its cause.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.hard_problems import hard_problems  # noqa: E402

import mfrd  # noqa: E402

SEED, COUNT, TRIED = 31, 2000, 20_000  # problems that are optimal, of so many at most
ROOM = 1e-9  # bits above the gap


def outcome(problem: mfrd.Problem) -> str:
    """What became of a problem: "proven", or why not."""
    try:
        solution = mfrd.solve(problem, "newton")
    except (mfrd.InfeasibleFidelity, mfrd.NotCertified) as error:
        return f"not optimal: {type(error).__name__}"
    if solution.on_edge:
        return "not proven: a budget below its least by rounding"
    try:
        proof = mfrd.prove(solution)
    except mfrd.NotCertified:
        return "not proven: no encoder found that keeps every budget exactly"
    proof.check()
    wide = float(proof.upper) - float(proof.lower) > solution.gap + ROOM
    return "proven, wider than the gap" if wide else "proven"


def main(count: int) -> None:
    """Prove `count` problems that are optimal and write the counts."""
    begun, counts, proven = time.process_time(), Counter(), 0
    for _, problem in hard_problems(SEED, TRIED):
        said = outcome(problem)
        counts[said] += 1
        proven += not said.startswith("not optimal")
        if proven == count:
            break
    found = {"optimal": proven, "outcomes": dict(sorted(counts.items())), "room_bits": ROOM, "seed": SEED}
    found["cpu_seconds"] = round(time.process_time() - begun)
    (ROOT / "results" / "proofs_random.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else COUNT)
