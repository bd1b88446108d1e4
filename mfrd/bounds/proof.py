"""Proofs that stand alone: what a Solution or a Limit certifies, in exact rationals, for `checker.py`.

The problem is stated as given: floats are rationals, and a distortion function is the matrix of floats that it
returned; over all codebooks squared error is the exact square. The lower bound is the dual value at the answer's own
prices and potentials. The encoder is q_j exp(-s_ij) / z_i at prices raised by a hair, so that it keeps every budget
exactly, or, where that costs more than the answer's rate allows, its own rows, with a share of an encoder that has
room. L and U are the last decimals that the checker proves.
"""

import gzip
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..problems.fidelity import InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.units import NATS_PER_BIT
from ..solvers.choice import solve
from ..solvers.feasibility import reachable
from ..solvers.solution import NotCertified, Solution
from .density import DensityLimit
from .density_proof import density_proof
from .exchange import Limit
from .supremum import CodewordMass, codeword_mass

VERSION = 1
DIGITS = 12  # decimals of L and U, bits
ROOM = 2e-9  # nats at least, and
SHARE = 0.03  # of the limit's gap, that the supremum over all codebooks is rounded up by: more of it takes fewer boxes
BOXES = 300_000  # leaves at most
HAIRS = [0.0, *2.0 ** np.arange(-46, -20, 2)]  # by which shares prices are raised
SPARE = 1e-10  # bits by which the rate at raised prices may exceed the answer's
SHARES = 2.0 ** np.arange(-40, 1, 4)  # of an encoder with room
THINNER = 1e-7  # share of the slack that it leaves


@dataclass(frozen=True)
class Proof:
    """L <= R <= U in bits, with all that proves it; `python -m mfrd verify` checks it, and so does checker.py alone.

    Parameters
    ----------
    text : str
        A line of JSON and a line with its SHA-256.
    """

    text: str

    @cached_property
    def document(self) -> dict:
        """What the text states, claims and proves."""
        return json.loads(self.text.splitlines()[0])

    @property
    def lower(self) -> str:
        """L, bits, a decimal."""
        return self.document["claim"]["lower"]

    @property
    def upper(self) -> str:
        """U, bits, a decimal."""
        return self.document["claim"]["upper"]

    @property
    def sha256(self) -> str:
        """The hash that the text ends with."""
        return self.text.split()[-1]

    def check(self) -> str:
        """What the checker proves, in a line.

        Raises
        ------
        ValueError
            Where something does not hold: `Refused` of checker.py or, for a density, of density_checker.py.
        """
        return checker_of(self.document).check(self.text)

    def save(self, path: str | Path) -> None:
        """Write the proof to a file, compressed where its name ends in .gz; the same bytes each time.

        Parameters
        ----------
        path : str or Path
        """
        path = Path(path)
        path.write_bytes(self.compressed() if path.suffix == ".gz" else self.text.encode())

    def compressed(self) -> bytes:
        """The text in gzip, without a date."""
        return gzip.compress(self.text.encode(), 9, mtime=0)

    @classmethod
    def load(cls, path: str | Path) -> "Proof":
        """The proof in a file, unchecked.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        Proof
        """
        data = Path(path).read_bytes()
        return cls((gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode())


def checker_of(document: Any) -> Any:
    """The module that checks a document: `density_checker` where it states a density, else `checker`."""
    from . import checker, density_checker

    problem = document.get("problem") if isinstance(document, dict) else None
    return density_checker if isinstance(problem, dict) and "density" in problem else checker


def refused(path: Path) -> bool:
    """Have the right checker read a file and print a line; whether it does not hold."""
    document = None
    with suppress(Exception):  # what is no proof is refused by name
        document = Proof.load(path).document
    return checker_of(document).refused(path)


def prove(answer: Solution | Limit | DensityLimit, title: str = "R") -> Proof:
    """A self-contained proof of L <= R <= U for a Solution, or for a limit over all codebooks.

    Parameters
    ----------
    answer : Solution, Limit or DensityLimit
        A Limit of one or two dimensions, whose measures have diagonal matrices; the limit of a density under squared
        error.
    title : str
        What R is, for the reader of the proof; one line.

    Returns
    -------
    Proof

    Raises
    ------
    ValueError
        Where the answer is none of these, it has no encoder, a budget lies below its least by rounding, so that no
        encoder keeps it, or the measures of a Limit are not diagonal, or its dimension is three, or a budget of zero
        has an infinite price, or the limit of a density is that of absolute error.
    NotCertified
        Where no encoder was found that keeps every budget exactly, or the proof takes too many boxes or panels.

    References
    ----------
    Johansson (2017) for ball arithmetic.

    Examples
    --------
    >>> import mfrd
    >>> fair = mfrd.Problem(mfrd.Source([0, 1], [0.5, 0.5]), [0, 1], mfrd.Fidelity(0.11, distortion=mfrd.hamming))
    >>> proof = mfrd.prove(mfrd.solve(fair, "newton"), "a fair coin")
    >>> proof.lower[:8], proof.upper[:8]
    ('0.500084', '0.500084')
    """
    from . import checker

    if "\n" in title:
        raise ValueError(f"title is {title!r}; expected one line")
    if isinstance(answer, DensityLimit):
        stated, claimed, proof = density_proof(answer)
        return written(title, stated, claimed["lower"], claimed["upper"], proof)
    if not isinstance(answer, (Solution, Limit)):
        raise ValueError(
            f"{type(answer).__name__} has no proof in rationals; expected a Solution, a Limit, or that of a density"
        )
    over_all = isinstance(answer, Limit)
    solution = answer.solution if isinstance(answer, Limit) else answer
    if solution.encoder is None:
        raise ValueError("the solution is infeasible, so it has no rate to prove; expected one with an encoder")
    if solution.on_edge:
        least = reachable(solution.problem)
        short = [f"{name}: {solution.problem.fidelity(name).D!r}" for name in solution.on_edge]
        needed = " and ".join(f"{name}: {least.fidelity(name).D!r}" for name in solution.on_edge)
        raise ValueError(
            f"budget of {', '.join(short)} lies below its least by rounding, so that no encoder keeps it; expected "
            f"{needed}, or more"
        )
    stated = stated_everywhere(solution.problem) if over_all else stated_on(solution.problem)
    dual = dual_of(answer)
    with checker.ctx.workprec(checker.BITS):
        problem = checker.Problem(stated)
        L = checker.lower(problem, dual)
        encoder, U = best_encoder(problem, solution, over_all)
        return written(title, stated, L, U, {**dual, **encoder})


def written(title: str, stated: dict, L: Any, U: Any, proof: dict) -> Proof:
    """The Proof of L <= R <= U, balls in bits, with its hash."""
    claim = {"lower": decimal(L, -1), "upper": decimal(U, 1)}
    document = {"version": VERSION, "title": title, "problem": stated, "claim": claim, "proof": proof}
    line = json.dumps(document, separators=(",", ":"), ensure_ascii=True)
    return Proof(f"{line}\n{hashlib.sha256(line.encode()).hexdigest()}\n")


def decimal(ball: Any, way: int) -> str:
    """The last decimal of DIGITS places below (way -1) or above (way 1) all of a ball; no lower bound is below zero."""
    end = (ball.lower() if way < 0 else ball.upper()) * 10**DIGITS
    ticks = int((end.floor() if way < 0 else end.ceil()).unique_fmpz())
    ticks = max(ticks, 0)
    return f"{ticks // 10**DIGITS}.{ticks % 10**DIGITS:0{DIGITS}d}"


def ratio(value: float) -> str:
    """The rational of a float, "a/b"."""
    above, below = float(value).as_integer_ratio()
    return f"{above}/{below}"


def pair(value: float) -> list[str]:
    """The rational of a float, and its shortest decimal."""
    return [ratio(value), repr(float(value))]


def budgets(problem: Problem) -> list[dict]:
    """What a proof says of each fidelity."""
    return [
        {
            "name": f.name,
            "level": pair(f.D),
            "per": f.per,
            "measure": int(problem.rows.measure[np.argmax(problem.rows.owner == k)]),
            "letters": np.flatnonzero(f.mask(problem.n)).tolist(),
        }
        for k, f in enumerate(problem.fidelities)
    ]


def stated_on(problem: Problem) -> dict:
    """A problem on its codebook, with the matrices of its measures."""
    measures = [problem.distortion(g) for g in range(len(problem.rows.measures))]
    matrices = [[["inf" if v == np.inf else ratio(v) for v in row] for row in d] for d in measures]
    pmf = [pair(p) for p in problem.source.p]
    return {"pmf": pmf, "codewords": problem.m, "budgets": budgets(problem), "measures": matrices}


def plane(points: np.ndarray) -> list:
    """Points (n, k), k <= 2, as pairs; on the line the second is zero."""
    return [[pair(v) for v in (*point, 0.0)[:2]] for point in points]


def stated_everywhere(problem: Problem) -> dict:
    """A problem over all codebooks, with the diagonals of its matrices."""
    k = problem.source.x.shape[1]
    if k > 2:
        raise ValueError(f"the source has dimension {k}; expected 1 or 2: prove the solution on the limit's codebook")
    if (problem.metrics * (1 - np.eye(k))).any():
        raise ValueError("a measure's matrix is not diagonal; expected squared error, or weights on coordinates")
    diagonals = [[pair(v) for v in (*np.diag(M), 1.0)[:2]] for M in problem.metrics]
    stated = {"pmf": [pair(p) for p in problem.source.p], "codewords": "all", "points": plane(problem.source.x)}
    return {**stated, "budgets": budgets(problem), "measures": diagonals}


def dual_of(answer: Solution | Limit) -> dict:
    """Prices and potentials, and over all codebooks the supremum of c with the boxes that prove it."""
    lam, a = answer.multipliers, np.where(answer.potentials > -np.inf, answer.potentials, 0.0)
    if not np.isfinite(lam).all():
        raise ValueError(
            "a budget of zero has an infinite price; expected finite prices: prove the solution on a codebook"
        )
    dual = {"prices": [ratio(v) for v in lam], "potentials": [ratio(v) for v in a]}
    if isinstance(answer, Solution):
        return dual
    mass = codeword_mass(answer.solution.problem, lam, a)
    room = max(ROOM, SHARE * answer.gap * NATS_PER_BIT)
    level, tree = boxes(mass, answer.solution.problem.source.x, answer.encoder.y, room)
    return {**dual, "supremum": ratio(np.exp(level)), "boxes": tree}


def boxes(mass: CodewordMass, x: np.ndarray, start: np.ndarray, room: float) -> tuple[float, str]:
    """(log T, tree): c <= T everywhere by the bisection of the box of the points x, (n, k), written in preorder.

    A box is a leaf where log c(centre) + h' W h is certainly below log T; else it is halved along its longest side,
    which the tree says by 0 or 1. start: codewords (m, k), the maxima as far as they are known; room: nats from the
    highest maximum to log T.
    """
    k = x.shape[1]
    W = np.append(mass.slopes.max(axis=1, initial=0.0) @ mass.metrics.diagonal(axis1=1, axis2=2), 0.0)[:2]
    low, high = (np.append(end, 0.0)[:2] for end in (x.min(axis=0), x.max(axis=0)))
    top = mass(start).max()
    signs: dict[int, str] = {}
    name, centre, half = [1], ((low + high) / 2)[None], ((high - low) / 2)[None]  # box v has the halves 2 v and 2 v + 1
    while name:
        if len(signs) > 2 * BOXES:
            raise NotCertified(f"the supremum takes more than {BOXES} boxes; expected fewer: prove a looser budget")
        value = mass(centre[:, :k])
        if value.max() > top:
            higher = mass.ascend(centre[[value.argmax()], :k])
            if mass(higher)[0] > top + room / 8:
                return boxes(mass, x, higher, room)
        leaf = value + half**2 @ W <= top + room / 2
        axis = (half * np.sqrt(W)).argmax(axis=1)
        signs.update((v, "." if done else str(along)) for v, done, along in zip(name, leaf, axis))
        name = [part for v, done in zip(name, leaf) if not done for part in (2 * v, 2 * v + 1)]
        centre, half, axis = centre[~leaf], half[~leaf], axis[~leaf]
        half = half / np.where(np.arange(2) == axis[:, None], 2.0, 1.0)
        step = np.where(np.arange(2) == axis[:, None], half, 0.0)
        centre = np.stack([centre - step, centre + step], axis=1).reshape(-1, 2)
        half = np.repeat(half, 2, axis=0)
    order, tree = [1], []
    while order:
        v = order.pop()
        tree.append(signs[v])
        if signs[v] != ".":
            order += [2 * v + 1, 2 * v]
    return top + room, "".join(tree)


def best_encoder(problem: Any, solution: Solution, everywhere: bool) -> tuple[dict, Any]:
    """(what a proof says of an encoder that keeps every budget, its rate in bits as a ball)."""
    from .checker import Refused, upper

    told = {"codebook": plane(solution.encoder.y)} if everywhere else {}
    masses = [ratio(v) for v in solution.encoder.output_pmf]
    for hair in HAIRS:
        proof = {**told, "paid": [ratio(v) for v in solution.multipliers * (1 + hair)], "masses": masses}
        try:
            rate = upper(problem, proof)
        except Refused:  # it spends more than a budget: pay more
            continue
        if rate <= solution.rate + SPARE:
            return proof, rate
        break
    own, room = solution.encoder.Q, None
    for share in (0.0, *SHARES):
        room = roomy(solution) if share and room is None else room
        Q = (1 - share) * own + share * room if share else own
        proof = {**told, "encoder": [[[int(j), ratio(row[j])] for j in np.flatnonzero(row)] for row in Q]}
        with suppress(Refused):
            return proof, upper(problem, proof)
    raise NotCertified("no encoder was found that keeps every budget exactly; expected one: raise a budget by a hair")


def roomy(solution: Solution) -> np.ndarray:
    """Q of an encoder into the same codebook that leaves a share of each budget's slack, (n, m)."""
    problem = solution.problem
    slack = problem.slack_up
    for k, f in enumerate(problem.fidelities):
        least = slack[problem.rows.owner == k].min(initial=np.inf)
        if 0 < least < np.inf:
            problem = problem.with_budget(f.name, f.D - THINNER * least)
    try:
        return solve(problem, "newton").encoder.Q
    except (InfeasibleFidelity, NotCertified):
        return solution.encoder.Q
