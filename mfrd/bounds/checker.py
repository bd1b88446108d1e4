"""A checker of proofs, to be read: it shares no code with what found them, and needs python-flint alone.

    python checker.py PATH...

A proof is a line of JSON and a line with its SHA-256. It states a problem in rationals and claims L <= R <= U in bits
for the least I(X;Y) of an encoder within the budgets, over one codebook or over all codebooks in R^k, k = 1 or 2. With
prices lam >= 0, s_ij = sum_r lam_r w_ri d_r(x_i, y_j), any potentials a and any q >= 0,
    R >= sum_i p_i a_i - lam . D - log max_j sum_i p_i exp(a_i - s_ij),
    R <= log sum_j q_j - sum_i p_i log z_i - lam . E,   z_i = sum_j q_j exp(-s_ij),
where the encoder q_j exp(-s_ij) / z_i spends E <= D; an encoder may also be given as it is. Over all codebooks, with
squares (x - y)' M_g (x - y), M_g diagonal, the maximum is that of c(y) = sum_i p_i exp(a_i - (x_i - y)' W_i (x_i - y)),
W_i = sum_g theta_gi M_g. A maximiser y* lies in the box of the points, and log c(y*) <= log c(y) + (y - y*)' W (y - y*)
for every y, W = sum_g max_i theta_gi M_g. The box is bisected until c(centre) exp(h' W h) <= T at the half-sides h of
each leaf. All is decided in balls, which enclose what they stand for (Johansson 2017).
"""

import gzip
import hashlib
import json
import sys
from fractions import Fraction
from functools import cache
from pathlib import Path

from flint import arb, arb_mat, ctx, fmpq

ZERO, FORMS, BITS = fmpq(0), ("joint", "subset", "letter"), 256  # of the balls


class Refused(ValueError):
    """What does not hold, and where."""


def demand(holds: object, what: str) -> None:
    """Go on if it certainly holds."""
    if holds is not True:
        raise Refused(what)


def number(text: list | str) -> fmpq:
    """The rational "a/b"; a pair of it and the shortest decimal of that double must agree."""
    if isinstance(text, str):
        return fmpq(*map(int, text.split("/")))
    demand(number(text[0]) == fmpq(*float(text[1]).as_integer_ratio()), f"{text[1]} is not {text[0]}")
    return number(text[0])


def numbers(texts: list, count: int, what: str, signed: bool = False) -> list:
    """So many rationals, none negative unless signed."""
    values = [number(text) for text in texts]
    demand(len(values) == count, f"{what}: {len(values)} numbers, expected {count}")
    demand(signed or all(value >= 0 for value in values), f"{what}: one is negative")
    return values


class Problem:
    """p (n,), d[g][i][j], and rows of budgets (name, level, measure, {letter: w_i}) over letters with p_i > 0."""

    def __init__(self, stated: dict):
        n, self.m, measures = len(stated["pmf"]), stated["codewords"], stated["measures"]
        weights = numbers(stated["pmf"], n, "pmf")
        total = sum(weights, ZERO)
        self.p = [value / total for value in weights]
        self.live, self.rows = [i for i in range(n) if self.p[i] > 0], []
        for f in stated["budgets"]:
            level, per, g, letters = number(f["level"]), f["per"], f["measure"], f["letters"]
            demand(all(type(i) is int and 0 <= i < n for i in letters), f"{f['name']}: its letters")
            demand(type(g) is int and 0 <= g < len(measures) and per in FORMS, f"{f['name']}: its measure or per")
            on = sorted({i for i in letters if self.p[i] > 0})
            for group in [[i] for i in on] if per == "letter" else [on]:
                share = sum((self.p[i] for i in group), ZERO) if per != "joint" else fmpq(1)
                self.rows.append((f["name"], level, g, {i: 1 / share for i in group}))
        self.held = [{i for row in self.rows if row[2] == g for i in row[3]} for g in range(len(measures))]
        if self.m != "all":
            demand(all(len(d) == n and {*map(len, d)} == {self.m} for d in measures), "measures: their shape")
            self.d = [[[None if v == "inf" else number(v) for v in row] for row in d] for d in measures]
            return
        self.points = [tuple(numbers(x, 2, "point", True)) for _, x in zip(self.p, stated["points"], strict=True)]
        self.M = [numbers(diagonal, 2, "diagonal") for diagonal in measures]  # on the line x_1 = y_1 = 0

    def squares(self, codebook: list) -> list:
        """d[g][i][j] = (x_i - y_j)' M_g (x_i - y_j) on a codebook."""
        square = lambda M, x, y: M[0] * (x[0] - y[0]) ** 2 + M[1] * (x[1] - y[1]) ** 2
        return [[[square(M, x, y) for y in codebook] for x in self.points] for M in self.M]

    def slopes(self, prices: list) -> list:
        """theta[g][i] = sum_r lam_r w_ri over the rows of measure g."""
        theta = [[ZERO] * len(self.p) for _ in self.held]
        for price, (_, _, g, w) in zip(prices, self.rows):
            for i in w:
                theta[g][i] += price * w[i]
        return theta

    def weights(self, d: list, prices: list) -> dict:
        """{i: {j: exp(-s_ij)}} over letters with p_i > 0 and the pairs that no budget forbids."""
        theta = [[arb(value) for value in row] for row in self.slopes(prices)]
        of = {i: [(theta[g][i], d[g][i]) for g, held in enumerate(self.held) if i in held] for i in self.live}
        allowed = {i: [j for j in range(len(d[0][i])) if all(e[j] is not None for _, e in of[i])] for i in of}
        return {i: {j: (-sum((t * e[j] for t, e in of[i]), arb(0))).exp() for j in allowed[i]} for i in of}


def lower(problem: Problem, proof: dict) -> arb:
    """The dual value at the proof's prices and potentials, bits."""
    prices = numbers(proof["prices"], len(problem.rows), "prices")
    a = numbers(proof["potentials"], len(problem.p), "potentials", signed=True)
    gain = sum((problem.p[i] * a[i] for i in problem.live), ZERO)
    charge = sum((price * row[1] for price, row in zip(prices, problem.rows)), ZERO)
    b, worst = {i: problem.p[i] * arb(a[i]).exp() for i in problem.live}, arb(0)
    if problem.m == "all":
        worst = arb(number(proof["supremum"]))
        bounded(problem, problem.slopes(prices), b, worst, proof["boxes"])
    else:
        e = problem.weights(problem.d, prices)
        for j in range(problem.m):
            worst = worst.max(sum((b[i] * e[i][j] for i in e if j in e[i]), arb(0)))
    return (gain - charge - worst.log()) / arb(2).log()


def bounded(problem: Problem, theta: list, b: dict, T: arb, tree: str) -> None:
    """Demand c <= T everywhere: the tree halves the box of the points, 0 and 1 an axis, a point a leaf, in preorder."""
    groups: dict = {}  # letters of one W_i, on a grid: c is a product of matrices
    for i in b:
        w = tuple(sum((t[i] * M[k] for t, M in zip(theta, problem.M)), ZERO) for k in (0, 1))
        at = groups.setdefault(w, {})
        at[problem.points[i]] = at.get(problem.points[i], arb(0)) + b[i]
    grids = {w: [sorted({x[k] for x in at}) for k in (0, 1)] for w, at in groups.items()}
    mass = {w: arb_mat([[groups[w].get((u, v), arb(0)) for v in g[1]] for u in g[0]]) for w, g in grids.items()}
    grids = {w: [[arb(x) for x in side] for side in grid] for w, grid in grids.items()}
    W = [sum((max(t) * M[k] for t, M in zip(theta, problem.M)), ZERO) for k in (0, 1)]
    boxes = [[((min(x) + max(x)) / 2, (max(x) - min(x)) / 2) for x in zip(*problem.points)]]  # (centre, half) an axis

    @cache
    def kernel(w: tuple, k: int, centre: fmpq) -> list:
        """exp(-w_k (x - centre)^2) at the k-th coordinates x of the grid of w."""
        y, slope = arb(centre), -arb(w[k])
        return [(slope * (x - y) ** 2).exp() for x in grids[w][k]]

    for place, sign in enumerate(tree):
        demand(sign in "01." and bool(boxes), f"boxes: {sign} at {place}")
        box = boxes.pop()
        if sign != ".":
            centre, half = box[int(sign)]
            parts = [(centre + half / 2, half / 2), (centre - half / 2, half / 2)]
            boxes += [[part, box[1]] if sign == "0" else [box[0], part] for part in parts]
            continue
        c = arb(0)
        for w in grids:
            e, f = (kernel(w, k, box[k][0]) for k in (0, 1))
            c += (arb_mat([e]) * mass[w] * arb_mat([[v] for v in f]))[0, 0]
        reach = arb(sum(W[k] * box[k][1] ** 2 for k in (0, 1))).exp()
        demand(c * reach <= T, f"box at {place}: c may exceed its supremum there")
    demand(not boxes, f"boxes: {len(boxes)} missing")


def upper(problem: Problem, proof: dict) -> arb:
    """The rate of the proof's encoder, which keeps every budget, bits."""
    y = [numbers(point, 2, "codeword", signed=True) for point in proof.get("codebook", [])]
    d = problem.squares(y) if problem.m == "all" else problem.d
    p, m, by_rows = problem.p, len(d[0][0]), "encoder" in proof
    if by_rows:  # shares in rationals
        Q = {i: {j: number(v) for j, v in proof["encoder"][i]} for i in problem.live}
        demand(all(0 <= j < m and v > 0 for row in Q.values() for j, v in row.items()), "encoder: shares above zero")
        Q = {i: {j: v / sum(row.values(), ZERO) for j, v in row.items()} for i, row in Q.items()}
        q = [arb(sum((p[i] * Q[i].get(j, ZERO) for i in Q), ZERO)) for j in range(m)]
        rate = sum((p[i] * v * (v / q[j]).log() for i, row in Q.items() for j, v in row.items()), arb(0))
    else:
        prices, q = numbers(proof["paid"], len(problem.rows), "paid"), numbers(proof["masses"], m, "masses")
        e = problem.weights(d, prices)
        z = {i: sum((q[j] * v for j, v in row.items()), arb(0)) for i, row in e.items()}
        Q = {i: {j: q[j] * v / z[i] for j, v in row.items() if q[j] > 0} for i, row in e.items()}
        rate = arb(sum(q, ZERO)).log() - sum((p[i] * z[i].log() for i in z), arb(0))
    for r, (name, level, g, w) in enumerate(problem.rows):
        pairs = [(p[i] * w[i], v, d[g][i][j]) for i in w for j, v in Q[i].items()]
        demand(all(e is not None for _, _, e in pairs), f"{name}: the encoder uses a forbidden pair")
        spent = sum((share * v * e for share, v, e in pairs), ZERO)
        demand(spent <= level, f"{name}: the encoder spends more than {float(arb(level))}")
        rate -= 0 if by_rows else prices[r] * spent
    return rate / arb(2).log()


def check(text: str) -> str:
    """What a proof's text proves, in a line; Refused where it does not."""
    line, _, digest = text.rstrip("\n").rpartition("\n")
    demand(hashlib.sha256(line.encode()).hexdigest() == digest, "damaged: its text has another SHA-256")
    stated = json.loads(line)
    demand(stated["version"] == 1, f"version {stated['version']}, expected 1")
    L, U = (Fraction(stated["claim"][end]) for end in ("lower", "upper"))
    with ctx.workprec(BITS):
        problem, proof = Problem(stated["problem"]), stated["proof"]
        demand(L <= 0 or lower(problem, proof) >= fmpq(L.numerator, L.denominator), f"L = {float(L)}: not proven")
        demand(upper(problem, proof) <= fmpq(U.numerator, U.denominator), f"U = {float(U)}: not proven")
        budgets = ", ".join(f"{f['name']} {float(arb(number(f['level'])))}" for f in stated["problem"]["budgets"])
    said = f"{stated['title']} ({len(problem.p)} letters, {problem.m} codewords, {budgets})"
    return f"{digest[:12]}  {stated['claim']['lower']} <= R <= {stated['claim']['upper']}  {float(U - L):.1e}  {said}"


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
