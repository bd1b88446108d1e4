"""A checker of proofs of densities, to be read: it shares no code with what found them, and needs python-flint alone.

    python density_checker.py PATH...

A proof is a line of JSON and a line with its SHA-256. It states a density f on the line by families, mixtures and
truncations, with budgets E[(X - Y)^2; X in S_r] <= D_r, and claims L <= R <= U in bits over all codebooks. With prices
lam >= 0, w(x) = sum_r lam_r 1[x in S_r], z(x) = sum_j q_j exp(-w (x - y_j)^2) and any potentials a(x),
    R >= E a - lam . D - log sup_y c(y),   c(y) = E exp(a(X) - w(X) (X - y)^2),
    R <= log sum_j q_j - E log z - lam . E,
where the encoder q_j exp(-w (x - y_j)^2) / z(x) spends E <= D. Here a = -log z, of other q and y than the encoder's, on
panels between given edges, and a = 0 beyond, where c grows by at most P(beyond); there the encoder sends its first or
its last codeword. All is decided in balls, which enclose what they stand for (Johansson 2017).

Integrals. No panel x0 + t, |t| <= h, holds a break of f or w. Let F continue to the ellipse with half axes
h (rho +- 1/rho) / 2, |F| <= M there: a polynomial of degree 2 N - 1 is within 2 M rho^(1 - 2 N) / (rho - 1) of F on the
panel (Bernstein 1912), and Gauss's rule of N nodes, exact for it and of positive weights, is off by at most 4 h times
that; here N = 16, rho = 3. M is that on the ellipse's rectangle, where, with e_j = q_j exp(-w (x0 - y_j)^2) and any m,
    z(x0 + t) = exp(-w t^2 - 2 w t (x0 - m)) sum_j e_j exp(2 w t (y_j - m)):
the sum has no zero where its real part is positive. In c, |exp(-w (x + iv - y)^2)| <= exp(w v^2) at every y at once.
Beyond the panels each part of f, log-concave, lies below the exponential that touches it at their end.

Supremum. A maximiser of c on the nodes, sum_i b_i exp(-w_i (x_i - y)^2), lies between them. On a leaf of the bisection,
of half-side h, c is its Taylor polynomial below the degree N and a rest: |c(y + iv)| <= exp(W v^2) sup c, W the largest
w_i, so by Cauchy on a circle of radius sqrt(N / 2 W) the rest is at most sup c times e = exp(N / 2) v^N / (1 - v),
v = h sqrt(2 W / N) < 1. If the polynomial is at most T (1 - e) on each leaf, then sup c <= T.
"""

import gzip
import hashlib
import json
import sys
from fractions import Fraction
from pathlib import Path

from flint import acb, arb, arb_series, ctx, fmpq

BITS, NODES, REST, DEGREE, INF = 128, 16, fmpq(4, 3**31), 24, arb(float("inf"))  # REST of Gauss's rule, DEGREE of c
FAMILIES = {  # t -> density, distribution function
    "normal": (lambda t: (-t * t / 2).exp() / (2 * arb.pi()).sqrt(), lambda t: (-t / arb(2).sqrt()).erfc() / 2),
    "exponential": (lambda t: (-t).exp(), lambda t: 1 - (-t).exp()),
    "logistic": (lambda t: 1 / (2 + t.exp() + (-t).exp()), lambda t: 1 / (1 + (-t).exp())),
    "uniform": (lambda t: 0 * t + 1, lambda t: t),
}


class Refused(ValueError):
    """What does not hold, and where."""


def demand(holds: object, what: str) -> None:
    """Go on if it certainly holds."""
    if holds is not True:
        raise Refused(what)


def number(text: list | str) -> arb:
    """The number "a/b" or "inf", exactly; a pair of it and the shortest decimal of that double must agree."""
    ratio, decimal = text if isinstance(text, list) else (text, None)
    value = arb(float(ratio)) if "inf" in ratio else arb(fmpq(*map(int, ratio.split("/"))))
    demand(value.is_exact() if decimal is None else value == arb(float(decimal)), f"{text} is no float")
    return value


def numbers(texts: list, count: int, what: str) -> list:
    """So many numbers, finite, none negative."""
    values = [number(text) for text in texts]
    demand(len(values) == count and all(0 <= v < INF for v in values), f"{what}: expected {count}, none negative")
    return values


def parts(stated: list) -> list:
    """[(weight, low, high, family, place, scale)]: f = sum of weight density(t) / |scale|, t = (x - place) / scale."""
    kind, *given = stated
    if kind == "mixture":
        weights = numbers([w for w, _ in given], len(given), "mixture")
        return [(w / sum(weights) * v, *part) for w, (_, term) in zip(weights, given) for v, *part in parts(term)]
    if kind == "truncated":
        low, high, terms = number(given[0]), number(given[1]), parts(given[2])
        kept = [(v, a.max(low), b.min(high), *law) for v, a, b, *law in terms if a.max(low) < b.min(high)]
        return [(v / sum(map(mass, kept), arb(0)), *part) for v, *part in kept]
    place, scale = map(number, given)
    demand(-INF < place < INF and (place if kind == "uniform" else 0) < scale < INF, f"{kind}: its place or scale")
    if kind == "laplace":
        sides = (place, INF, "exponential", place, scale), (-INF, place, "exponential", place, -scale)
        return [(arb(0.5), *side) for side in sides]
    low, high = {"exponential": (place, INF), "uniform": (place, scale)}.get(kind, (-INF, INF))
    return [(arb(1), low, high, kind, place, scale - place if kind == "uniform" else scale)]


def mass(part: tuple, low: arb = -INF, high: arb = INF) -> arb:
    """The probability of a part between two places."""
    v, a, b, kind, at, s = part
    ends = a.max(low), b.min(high)
    F = [FAMILIES[kind][1]((x - at) / s) if abs(x) < INF else arb((x > 0) == (s > 0)) for x in ends]
    return v * abs(F[1] - F[0]) if ends[0] < ends[1] else arb(0)


def inside(panel: tuple, low: arb, high: arb) -> bool:
    """Whether a panel lies in an interval; else it must lie outside."""
    demand(panel[1] <= low or low <= panel[0] and panel[1] <= high or high <= panel[0], "edges: one is missing")
    return low <= panel[0] and panel[1] <= high


class Problem:
    """The parts of a density, panels between edges, and rows of budgets (name, level, intervals).

    A subset's mean on S within D is E[(X - Y)^2; X in S] <= P(S) D.
    """

    def __init__(self, stated: dict, edges: list):
        self.parts, self.rows, self.edges = parts(stated["density"]), [], [number(x) for x in edges]
        self.panels, ctx.cap = list(zip(self.edges, self.edges[1:])), DEGREE  # of power series
        demand(self.parts != [], "density: it has no part")
        demand(self.panels != [] and all(-INF < a < b < INF for a, b in self.panels), "edges: not ascending")
        for f in stated["budgets"]:
            name, level, on = f["name"], number(f["level"]), [tuple(map(number, ends)) for ends in f["intervals"]]
            ascending = all(u <= v for u, v in zip(sum(on, ()), sum(on, ())[1:]))
            demand(f["per"] in ("joint", "subset") and on != [] and ascending, f"{name}: its intervals or per")
            share = sum(mass(part, *ends) for part in self.parts for ends in on) if f["per"] == "subset" else arb(1)
            self.rows.append((name, share * level, on))

    def tail(self, way: int, y: arb) -> tuple:
        """(P, E (X - y)^2) beyond the panels on one side, -1 or 1, at most."""
        share, spent, place = arb(0), arb(0), self.edges[0 if way < 0 else -1]
        for v, a, b, kind, at, s in self.parts:
            if (a < place) if way < 0 else (place < b):
                f, away = FAMILIES[kind][0]((arb_series([place, way]) - at) / s), way * (place - y)
                k, height = -f[1] / f[0], v / abs(s) * f[0]
                demand(k > 0, "edges: a part does not fall beyond them")
                share, spent = share + height / k, spent + height * (away**2 + 2 * away / k + 2 / k**2) / k
        return share, spent

    def on(self, panel: tuple, y: list, q: list, prices: list) -> tuple:
        """Of a panel: which rows bear on it, E log z, E (X - Y)^2, [(x, w, W f / z) at nodes], what they miss of c."""
        held = [any([inside(panel, *ends) for ends in on]) for _, _, on in self.rows]
        w, x0, h = sum((v for v, on in zip(prices, held) if on), arb(0)), sum(panel) / 2, (panel[1] - panel[0]) / 2
        e = [v * (-w * (x0 - u) ** 2).exp() for u, v in zip(y, q)]
        m = (sum(u * v for u, v in zip(y, e)) / sum(e)).mid()
        live = [(v / abs(s), kind, at, s) for v, low, high, kind, at, s in self.parts if inside(panel, low, high)]

        def integrands(t: arb | acb) -> tuple:
            """f log z, f E_Q (x - Y)^2, f / z at x0 + t."""
            terms, x, tilt = [v * (2 * w * t * (u - m)).exp() for u, v in zip(y, e)], x0 + t, w * t * (t + 2 * (x0 - m))
            z, f = sum(terms), sum((v * FAMILIES[kind][0]((x - at) / s) for v, kind, at, s in live), 0 * t)
            demand((z if isinstance(z, arb) else z.real) > 0, "edges: z may vanish near a panel")
            return f * (z.log() - tilt), f * sum(v * (x - u) ** 2 for u, v in zip(y, terms)) / z, f * tilt.exp() / z

        M = [abs(F).upper() for F in integrands(acb(arb(0, 5 * h / 3), arb(0, 4 * h / 3)))]
        rule = (arb.legendre_p_root(NODES, k, weight=True) for k in range(NODES))
        found = [(x0 + h * t, h * v, integrands(h * t)) for t, v in rule]
        log, square = (sum(v * F[g] for _, v, F in found) + arb(0, REST * h * M[g]) for g in (0, 1))
        return held, log, square, [(x, w, v * F[2]) for x, v, F in found], REST * h * M[2] * (16 * w * h * h / 9).exp()

    def integrals(self, y: list, q: list, prices: list) -> tuple:
        """(E log z, [E (X - Y)^2 on each budget's panels], nodes, what they miss of c at most)."""
        held, logs, squares, nodes, missed = zip(*(self.on(panel, y, q, prices) for panel in self.panels))
        spent = [sum((E for E, on in zip(squares, held) if on[r]), arb(0)) for r in range(len(self.rows))]
        return sum(logs), spent, sum(nodes, []), sum(missed)


def lower(problem: Problem, proof: dict) -> arb:
    """The dual value at the proof's prices and potentials, bits."""
    y, prices = [number(v) for v in proof["support"]], numbers(proof["prices"], len(problem.rows), "prices")
    logs, _, nodes, missed = problem.integrals(y, numbers(proof["weights"], len(y), "weights"), prices)
    T, beyond = number(proof["supremum"]), sum(problem.tail(way, arb(0))[0] for way in (-1, 1))
    bounded(problem.edges, nodes, T - missed - beyond, proof["boxes"])
    return (-logs - sum(v * row[1] for v, row in zip(prices, problem.rows)) - T.log()) / arb(2).log()


def bounded(edges: list, nodes: list, T: arb, tree: str) -> None:
    """Demand c <= T everywhere: the tree halves the window, 1 a cut, 0 a leaf, in preorder."""
    boxes = [((edges[0] + edges[-1]) / 2, (edges[-1] - edges[0]) / 2)]
    for place, sign in enumerate(tree):
        demand(sign in "01" and boxes != [], f"boxes: {sign} at {place}")
        centre, half = boxes.pop()
        boxes += [(centre + half / 2, half / 2), (centre - half / 2, half / 2)] if sign == "1" else []
        demand(sign == "1" or highest(nodes, centre, half, T) <= T, f"box at {place}: c may exceed its supremum there")
    demand(not boxes, f"boxes: {len(boxes)} missing")


def highest(nodes: list, centre: arb, half: arb, T: arb) -> arb:
    """A bound on c within `half` of a centre, if it is nowhere above T."""
    c = sum(b * arb_series([-w * (x - centre) ** 2, 2 * w * (x - centre), -w], DEGREE).exp() for x, w, b in nodes)
    v = half * (2 * max(w.upper() for _, w, _ in nodes) / DEGREE).sqrt()
    e = (arb(DEGREE) / 2).exp() * v**DEGREE / (1 - v) if v < 1 else INF
    top = abs(c[1]) * half + c[2].max(arb(0)) * half**2
    vertex = -(c[1] ** 2) / (4 * c[2]) if c[2] < 0 else INF  # no parabola exceeds it
    return c[0] + top.min(vertex) + sum(abs(c[k]) * half**k for k in range(3, DEGREE)) + e * T


def upper(problem: Problem, proof: dict) -> arb:
    """The rate of the proof's encoder, which keeps every budget, bits."""
    y, prices = [number(v) for v in proof["codebook"]], numbers(proof["paid"], len(problem.rows), "paid")
    q = numbers(proof["masses"], len(y), "masses")
    logs, spent, _, _ = problem.integrals(y, q, prices)
    rate = sum(q).log() - logs - sum(v * E for v, E in zip(prices, spent))
    for way, j in ((-1, 0), (1, -1)):
        (share, far), end = problem.tail(way, y[j]), problem.edges[j]
        rate -= arb(0).union(share) * q[j].log()
        reach = [on[0][0] < end if way < 0 else end < on[-1][1] for _, _, on in problem.rows]
        spent = [E + far * reaches for E, reaches in zip(spent, reach)]
    for E, (name, level, _) in zip(spent, problem.rows):
        demand(E <= level, f"{name}: the encoder spends more than {float(level)}")
    return rate / arb(2).log()


def check(text: str) -> str:
    """What a proof's text proves, in a line; Refused where it does not."""
    line, _, digest = text.rstrip("\n").rpartition("\n")
    demand(hashlib.sha256(line.encode()).hexdigest() == digest, "damaged: its text has another SHA-256")
    stated = json.loads(line)
    demand(stated["version"] == 1, f"version {stated['version']}, expected 1")
    (L, U), proof = (Fraction(stated["claim"][end]) for end in ("lower", "upper")), stated["proof"]
    with ctx.workprec(BITS):
        problem = Problem(stated["problem"], proof["edges"])
        demand(L <= 0 or lower(problem, proof) >= fmpq(L.numerator, L.denominator), f"L = {float(L)}: not proven")
        demand(upper(problem, proof) <= fmpq(U.numerator, U.denominator), f"U = {float(U)}: not proven")
    said = ", ".join(f"{f['name']} {float(number(f['level']))}" for f in stated["problem"]["budgets"])
    claim = f"{stated['claim']['lower']} <= R <= {stated['claim']['upper']}  {float(U - L):.1e}"
    return f"{digest[:12]}  {claim}  {stated['title']} (a density, {said})"


def refused(path: Path) -> bool:
    """Check a file, print a line, and say whether it does not hold."""
    try:
        data = path.read_bytes()
        print("proven ", check((gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()), flush=True)
    except Exception as error:  # Refused, or whatever a file that is no proof makes Python say
        why = error if isinstance(error, Refused) else f"it is no proof ({type(error).__name__}: {error})"
        print(f"REFUSED {path}: {why}", flush=True)
        return True
    return False


if __name__ == "__main__":
    sys.exit(any([refused(Path(name)) for name in sys.argv[1:]]))
