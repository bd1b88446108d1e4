"""Alter proofs at random and check them, their hash made right: results/alterations.json.

    python benchmarks/alterations.py [KIND ...]

Of each kind of proof, COUNT alterations of one field each, a little or much: what the checker accepts is evaluated by
tests/helpers/proofs.py, which shares no code with it, in 400 bits. Weak duality holds at any prices and potentials, so
that many an altered proof is true; none that is accepted may be false.
"""

import json
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from helpers.proofs import altered, changed, fields, signed, untrue  # noqa: E402

import mfrd  # noqa: E402
from mfrd.bounds import checker, density_checker  # noqa: E402
from mfrd.bounds.proof import checker_of  # noqa: E402
from mfrd.report import outputs  # noqa: E402

RESULTS = ROOT / "results" / "alterations.json"
SEED, COUNT = 7, 1000


def codebook() -> mfrd.Solution:
    """Three budgets of all forms, two measures, a letter without probability."""
    source = mfrd.Source([-1.0, 0.0, 0.5, 2.0, 7.0], [0.2, 0.3, 0.3, 0.2, 0.0])
    cap = mfrd.Fidelity(0.3, on=[1, 4], per="subset", distortion=mfrd.absolute_error, name="cap")
    each = mfrd.Fidelity(0.25, on=[2, 3], per="letter", name="each")
    return mfrd.solve(mfrd.Problem(source, [-1.0, 0.2, 1.0, 2.0], [mfrd.Fidelity(0.2), cap, each]), "newton")


def edge() -> mfrd.Solution:
    """The least distortion: the encoder is stored."""
    source = mfrd.Source([0, 1, 2], [0.3, 0.3, 0.4])
    return mfrd.solve(mfrd.Problem(source, [0, 1, 2], mfrd.Fidelity(0.0)), "newton")


def line() -> mfrd.Limit:
    """All codebooks on the line, two budgets."""
    x = mfrd.grid(-2, 2, 11)
    core = mfrd.Fidelity(0.02, on=abs(x) < 0.5, name="core")
    return mfrd.limit(mfrd.bumps(x, [1], [0], [1]), [mfrd.Fidelity(0.3), core])


def plane() -> mfrd.Limit:
    """All codebooks in the plane, two measures."""
    source = mfrd.bumps(mfrd.grid(-2, 2, 3, 2), [1], [[0, 0]], [1])
    tall = mfrd.mahalanobis([[1.0, 0.0], [0.0, 4.0]])
    return mfrd.limit(source, [mfrd.Fidelity(0.5), mfrd.Fidelity(0.1, on=source.x[:, 0] > 1, distortion=tall)])


def density() -> object:
    """A density without tails."""
    return mfrd.limit(mfrd.Density.normal().truncated(-1, 1), mfrd.Fidelity(0.25), tol=1e-5)


KINDS = {kind.__name__: kind for kind in (codebook, edge, line, plane, density)}


def outcomes(name: str) -> dict:
    """How many alterations were refused, by the field altered and in all, and how many accepted, true or false."""
    proof, rng, tally, accepted = mfrd.prove(KINDS[name](), name), np.random.default_rng(SEED), Counter(), Counter()
    check, paths, false, begun = checker_of(proof.document).check, list(fields(proof.document)), [], time.process_time()
    for _ in range(COUNT):
        path = paths[rng.integers(len(paths))]
        document = altered(proof, *path, value=partial(changed, path=path, rng=rng))
        try:
            check(signed(document))
        except (checker.Refused, density_checker.Refused):
            tally["refused, what fails is said"] += 1
        except Exception:  # what no reading makes sense of
            tally["refused, it is no proof"] += 1
        else:
            wrong = untrue(document)
            tally["accepted, and true" if not wrong else "accepted, and false"] += 1
            accepted[path[:2][-1]] += 1
            false += [f"{'.'.join(map(str, path))}: {said}" for said in wrong]
    seconds = float(f"{time.process_time() - begun:.2g}")
    row = {"alterations": COUNT, **tally, "accepted_by_field": dict(accepted), "false": false, "cpu_seconds": seconds}
    print(name, row, flush=True)
    return row


def main(names: list[str]) -> None:
    """Write the table; a kind that is not named keeps what the file has."""
    unknown = set(names) - set(KINDS)
    if unknown:
        sys.exit(f"{', '.join(sorted(unknown))}: expected some of {', '.join(KINDS)}")
    for name in names or KINDS:
        row = outcomes(name)
        found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        outputs.write_atomic(RESULTS, (json.dumps({**found, name: row}, indent=1) + "\n").encode())


if __name__ == "__main__":
    main(sys.argv[1:])
