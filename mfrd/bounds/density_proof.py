"""Proofs of a DensityLimit, for `density_checker.py`: what it states, and what proves it.

The density is stated by its families, mixtures and truncations; the bound by the prices, codewords and weights of its
potentials, the encoder by its own; the edges of panels and the boxes of the supremum are those on which the checker
itself succeeds. The encoder's prices are raised by a hair where the checker's bounds on tails need it.
"""

from typing import Any

import numpy as np

from ..problems.distortion import absolute_error
from ..problems.units import NATS_PER_BIT
from ..solvers.solution import NotCertified
from .density import DensityLimit
from .supremum import CodewordMass, supremum

ROOM = 2e-9  # nats at least, and
SHARE = 0.03  # of the limit's gap, that the supremum is rounded up by: more of it takes fewer boxes
QUADRATURE = 1e-12  # nats that a panel may be off by, of c, E log z, or E (X - Y)^2 in units of a budget
PANELS, BOXES = 2_000, 20_000  # at most
WIDEST = 0.6  # half a panel times sqrt(w), beyond which z's enclosure holds zero but where one codeword is all
HAIRS = (0.0, *2.0 ** np.arange(-40, -10, 2))  # by which shares the encoder's prices are raised
SPARE, LOOSE = 1e-8, 0.1  # bits, or share of the gap, by which its rate may then exceed the limit's


def density_proof(limit: DensityLimit) -> tuple[dict, dict, dict]:
    """(problem, claim, proof) of a document of proof; claim: L and U in bits, as balls."""
    from . import density_checker as checker

    if any(f.distortion is absolute_error for f in limit.fidelities):
        raise ValueError(
            "absolute error on a Laplace density has its R(D) in closed form, log2(scale / D), which needs no proof in "
            "balls; expected squared error"
        )
    stated = {"density": stated_density(limit.density.stated), "budgets": budgets(limit)}
    with checker.ctx.workprec(checker.BITS):
        edges = [ratio(x) for x in panels(stated, limit)]
        problem = checker.Problem(stated, edges)
        dual = {"prices": ratios(limit.multipliers), "support": ratios(limit.bound_codebook)}
        dual |= {"weights": ratios(limit.bound_weights)}
        dual |= boxes(problem, limit, dual)
        L = checker.lower(problem, dual)
        told = {"codebook": ratios(limit.codebook), "masses": ratios(limit.weights)}
        for hair in HAIRS:
            encoder = {**told, "paid": ratios(limit.encoder_multipliers * (1 + hair))}
            try:
                U = checker.upper(problem, encoder)
            except checker.Refused:  # it spends more than a budget: pay more
                continue
            if U <= limit.rate + max(SPARE, LOOSE * limit.gap):
                return stated, {"lower": L, "upper": U}, {"edges": edges, **dual, **encoder}
            break
    raise NotCertified(
        "no encoder was found that keeps every budget beyond doubt at the limit's rate; expected one: raise a budget"
    )


def ratio(value: float) -> str:
    """The rational of a float, "a/b", or "inf"."""
    if np.isinf(value):
        return str(float(value))
    above, below = float(value).as_integer_ratio()
    return f"{above}/{below}"


def ratios(values: np.ndarray) -> list[str]:
    """The rationals of floats."""
    return [ratio(value) for value in values]


def pair(value: float) -> list[str]:
    """The rational of a float, and its shortest decimal."""
    return [ratio(value), repr(float(value))]


def stated_density(stated: tuple) -> list:
    """A density's `stated` with numbers as pairs."""
    kind, *given = stated
    if kind == "mixture":
        return [kind, *([pair(w), stated_density(term)] for w, term in given)]
    if kind == "truncated":
        return [kind, pair(given[0]), pair(given[1]), stated_density(given[2])]
    return [kind, *map(pair, given)]


def budgets(limit: DensityLimit) -> list[dict]:
    """What a proof says of each fidelity."""
    line = np.array([[-np.inf, np.inf]])
    return [
        {
            "name": f.name,
            "level": pair(f.D),
            "per": f.per,
            "intervals": [[pair(a), pair(b)] for a, b in (line if f.on is None else f.on[np.argsort(f.on[:, 0])])],
        }
        for f in limit.fidelities
    ]


def panels(stated: dict, limit: DensityLimit) -> list[float]:
    """Edges of panels on which Gauss's rule is off by QUADRATURE at most, for the bound and for the encoder."""
    from . import density_checker as checker

    low, high = limit.window
    ends = [x for f in limit.fidelities if f.on is not None for x in f.on.ravel()]
    edges = sorted({low, high, *(float(x) for x in [*limit.density.breaks, *ends] if low < x < high)})
    problem = checker.Problem(stated, ratios(edges))
    least = min(f.D * (s if f.per == "subset" else 1.0) for f, s in zip(limit.fidelities, limit.shares))
    number = lambda values: [checker.arb(float(v)) for v in values]
    coded = [
        (None, number(limit.bound_codebook), number(limit.bound_weights), number(limit.multipliers)),
        (least, number(limit.codebook), number(limit.weights), number(limit.encoder_multipliers)),
    ]
    done: list[float] = []
    open_ = list(zip(edges, edges[1:]))[::-1]
    while open_:
        a, b = open_.pop()
        if len(done) + len(open_) > PANELS:
            raise NotCertified(f"the integrals take more than {PANELS} panels; expected fewer: prove a looser budget")
        narrow = (b - a) / 2 * steepest(limit, (a + b) / 2) < WIDEST
        if narrow and all(off(problem, a, b, *of) < QUADRATURE for of in coded):
            done.append(a)
        else:
            open_ += [((a + b) / 2, b), (a, (a + b) / 2)]
    return [*done, high]


def steepest(limit: DensityLimit, x: float) -> float:
    """sqrt(w) at x, of the encoder."""
    return float(np.sqrt(limit.slopes(np.array([x]))[0]))


def off(problem: Any, a: float, b: float, scale: float | None, *coded: list) -> float:
    """What Gauss's rule is off by on a panel at most, nats; infinite where z may vanish near it.

    Of E log z, and of c, or where a scale is given of E (X - Y)^2 in its units; coded: codewords, weights and prices.
    """
    from . import density_checker as checker

    try:
        _, log, square, _, missed = problem.on((checker.arb(a), checker.arb(b)), *coded)
    except checker.Refused:
        return np.inf
    return max(float(log.rad()), float(missed.upper()) if scale is None else float(square.rad()) / scale)


def boxes(problem: Any, limit: DensityLimit, dual: dict) -> dict:
    """The supremum of c that the checker proves, and the tree of its boxes, in preorder."""
    from . import density_checker as checker

    y, q = ([checker.number(v) for v in dual[key]] for key in ("support", "weights"))
    _, _, nodes, missed = problem.integrals(y, q, [checker.number(v) for v in dual["prices"]])
    tol = max(ROOM, SHARE * limit.gap * NATS_PER_BIT)
    x, w, b = (np.array([float(v) for v in column]) for column in zip(*nodes))
    middle = (x[0] + x[-1]) / 2
    if w.any():
        mass = CodewordMass((x - middle)[:, None], np.eye(1)[None], w[None], np.log(np.maximum(b, 1e-300)))
        top = supremum(mass, tol / 4, limit.bound_codebook[:, None] - middle)[0]
    else:
        top = np.log(b.sum())
    T = checker.arb(float(np.exp(top + tol / 2)))
    beyond = missed + sum((problem.tail(way, checker.arb(0))[0] for way in (-1, 1)), checker.arb(0))
    said = checker.number(ratio(float((T + beyond).upper()) * (1 + 1e-15)))
    T = said - beyond  # as the checker will have it
    ends = problem.edges
    signs: list[str] = []
    open_ = [((ends[0] + ends[-1]) / 2, (ends[-1] - ends[0]) / 2)]
    while open_:
        centre, half = open_.pop()
        if len(signs) > 2 * BOXES:
            raise NotCertified(f"the supremum takes more than {BOXES} boxes; expected fewer: prove a looser budget")
        leaf = checker.highest(nodes, centre, half, T) <= T
        signs.append("0" if leaf else "1")
        if not leaf:
            open_ += [(centre + half / 2, half / 2), (centre - half / 2, half / 2)]
    return {"supremum": ratio(float(said)), "boxes": "".join(signs)}
