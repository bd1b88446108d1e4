"""Altered proofs: what tests and benchmarks of the checkers share."""

import json
from fractions import Fraction
from hashlib import sha256

import numpy as np
from flint import acb, arb, ctx, fmpq

TICK = Fraction(1, 10**12)  # the last place of a claim
PRECISION = 400  # bits of the separate evaluation
ROUNDING = arb(2) ** -380
CLOSE = arb(2) ** -120  # to which integrals are enclosed


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


def rational(value):
    """A number of a proof."""
    return fmpq(*map(int, (value[0] if isinstance(value, list) else value).split("/")))


def evaluated(document):
    """(dual value, rate of the encoder, its spending less the budgets) of a problem on a codebook, 400 bits, anew."""
    stated, proof = document["problem"], document["proof"]
    p = [rational(v) for v in stated["pmf"]]
    p = [v / sum(p, fmpq(0)) for v in p]
    everywhere = stated["codewords"] == "all"
    if everywhere:
        x, M = ([[rational(v) for v in at] for at in stated[key]] for key in ("points", "measures"))
        y = [[rational(v) for v in at] for at in proof["codebook"]]
        d = [[[sum(g[k] * (u[k] - v[k]) ** 2 for k in (0, 1)) for v in y] for u in x] for g in M]
    else:
        d = [[[rational(v) for v in row] for row in matrix] for matrix in stated["measures"]]
    rows = []
    for f in stated["budgets"]:
        letters = [i for i in dict.fromkeys(f["letters"]) if p[i] > 0]
        parts = [[i] for i in letters] if f["per"] == "letter" else [letters]
        for part in parts:
            share = fmpq(1) if f["per"] == "joint" else sum((p[i] for i in part), fmpq(0))
            rows.append(
                ([p[i] / share if i in part else fmpq(0) for i in range(len(p))], f["measure"], rational(f["level"]))
            )
    n, m = len(p), len(d[0][0])

    def exponents(prices):
        s = [[arb(0)] * m for _ in p]
        for price, (v, g, _) in zip(prices, rows):
            for i in range(n):
                if p[i] > 0:
                    s[i] = [a + arb(price * v[i] / p[i] * d[g][i][j]) for j, a in enumerate(s[i])]
        return s

    prices, a = [rational(v) for v in proof["prices"]], [rational(v) for v in proof["potentials"]]
    s = exponents(prices)
    c = [sum((arb(p[i]) * (arb(a[i]) - s[i][j]).exp() for i in range(n)), arb(0)) for j in range(m)]
    if everywhere:
        c = highest(x, M, slopes(rows, p, prices, len(M)), p, a)
    dual = sum((p[i] * a[i] for i in range(n)), fmpq(0)) - sum((x * row[2] for x, row in zip(prices, rows)), fmpq(0))
    dual = min((arb(dual) - value.log() for value in c), key=lambda value: float(value.mid())) / arb(2).log()
    if "encoder" in proof:
        Q = [[fmpq(0)] * m for _ in p]
        for i in range(n):
            shares = {j: rational(v) for j, v in proof["encoder"][i]}
            for j, v in shares.items():
                Q[i][j] = v / sum(shares.values(), fmpq(0))
    else:
        q, s = [rational(v) for v in proof["masses"]], exponents([rational(v) for v in proof["paid"]])
        z = [sum((q[j] * (-s[i][j]).exp() for j in range(m)), arb(0)) for i in range(n)]
        Q = [[q[j] * (-s[i][j]).exp() / z[i] for j in range(m)] for i in range(n)]
    out = [sum((arb(p[i] * 1) * Q[i][j] for i in range(n)), arb(0)) for j in range(m)]
    rate = arb(0)
    for i in range(n):
        for j in range(m):
            if p[i] > 0 and not Q[i][j] == 0:
                rate += p[i] * Q[i][j] * (arb(Q[i][j]) / out[j]).log()
    over = [sum((v[i] * Q[i][j] * d[g][i][j] for i in range(n) for j in range(m)), arb(0)) - D for v, g, D in rows]
    return dual, rate / arb(2).log(), over


def slopes(rows, p, prices, count):
    """theta[g][i] of the prices."""
    theta = [[fmpq(0)] * len(p) for _ in range(count)]
    for price, (v, g, _) in zip(prices, rows):
        theta[g] = [t + (price * u / q if q > 0 else 0) for t, u, q in zip(theta[g], v, p)]
    return theta


def highest(x, M, theta, p, a):
    """[c at its highest maximum], found on a grid in floats and climbed to by the fixed point in balls."""
    n, two = len(p), (0, 1)
    W = [[sum((theta[g][i] * M[g][k] for g in range(len(M))), fmpq(0)) for k in two] for i in range(n)]
    number = lambda v: int(v.p) / int(v.q)
    at, w = np.array([[number(v) for v in u] for u in x]), np.array([[number(v) for v in u] for u in W])
    logs = np.array([np.log(number(q)) if q > 0 else -np.inf for q in p]) + np.array([number(v) for v in a])
    side = [np.linspace(at[:, k].min(), at[:, k].max(), 200 if at[:, k].any() else 1) for k in two]
    grid = np.stack(np.meshgrid(*side), axis=-1).reshape(-1, 2)
    mass = lambda y: np.exp(logs - ((at - y[:, None]) ** 2 * w).sum(axis=2))
    best = grid[np.argsort(mass(grid).sum(axis=1))[-8:]]
    for _ in range(500):
        terms = mass(best)[:, :, None] * w
        with np.errstate(invalid="ignore"):
            best = np.nan_to_num((terms * at).sum(axis=1) / terms.sum(axis=1))
    place = [fmpq(*float(v).as_integer_ratio()) for v in best[mass(best).sum(axis=1).argmax()]]
    square = lambda i: sum((W[i][k] * (x[i][k] - place[k]) ** 2 for k in two), fmpq(0))
    return [sum((arb(p[i]) * arb(a[i] - square(i)).exp() for i in range(n)), arb(0))]


def untrue(document):
    """What is not true of a document that a checker accepted, by an evaluation of its own in PRECISION bits."""
    L, U = (arb(fmpq(*Fraction(document["claim"][end]).as_integer_ratio())) for end in ("lower", "upper"))
    with ctx.workprec(PRECISION):
        dual, rate, over = (of_density if "density" in document["problem"] else evaluated)(document)
        said = [] if not L > 0 or dual + ROUNDING >= L else [f"L = {L}, but {dual}"]
        said += [] if rate - ROUNDING <= U else [f"U = {U}, but {rate}"]
        return said + [f"a budget is exceeded by {value}" for value in over if not value - ROUNDING <= 0]


def of_density(document):
    """(dual value at the highest maximum of c, rate of the encoder, spending less the budgets) of a density on panels.

    Its support is that of the panels: there are no tails.
    """
    proof, level = document["proof"], [arb(rational(f["level"])) for f in document["problem"]["budgets"]]
    values = lambda *keys: ([arb(rational(v)) for v in proof[key]] for key in keys)
    y, q, lam = values("support", "weights", "prices")
    bound = Plain(document["problem"], proof["edges"], y, q, lam)
    gain = -bound.integral(lambda x, w, z, f: f * z.log()) - sum(v * D for v, D in zip(lam, level))
    at = bound.highest()
    c = bound.integral(lambda x, w, z, f: f * (-w * (x - at) ** 2).exp() / z)
    y, q, lam = values("codebook", "masses", "paid")
    code = Plain(document["problem"], proof["edges"], y, q, lam)
    spent = [code.integral(lambda x, w, z, f: f * code.square(x, w) / z, row=r) for r in range(len(level))]
    rate = sum(q).log() - code.integral(lambda x, w, z, f: f * z.log()) - sum(v * E for v, E in zip(lam, spent))
    bits = arb(2).log()
    return (gain - c.log()) / bits, rate / bits, [E - D for E, D in zip(spent, level)]


class Plain:
    """The integrals of a density's proof by acb.integral, region by region, from its formulas written again."""

    def __init__(self, stated, edges, y, q, lam):
        number = lambda v: fmpq(*map(int, (v[0] if isinstance(v, list) else v).split("/")))
        ends = lambda v: float(v[0] if isinstance(v, list) else v) if "inf" in v[0] else arb(number(v))
        self.y, self.q = y, q
        self.terms = self.laws(stated["density"], arb(1), (-np.inf, np.inf), ends)
        self.total = [(f["per"], [(ends(a), ends(b)) for a, b in f["intervals"]]) for f in stated["budgets"]]
        self.lam, self.edges = lam, [arb(number(v)) for v in edges]

    def laws(self, stated, weight, limits, ends):
        """[(weight, low, high, f)] with f of a complex ball."""
        kind, *given = stated
        if kind == "mixture":
            total = sum(ends(w) for w, _ in given)
            return [term for w, law in given for term in self.laws(law, weight * ends(w) / total, limits, ends)]
        if kind == "truncated":
            low, high = ends(given[0]), ends(given[1])
            parts = self.laws(given[2], arb(1), (max(low, limits[0]), min(high, limits[1])), ends)
            parts = [part for part in parts if part[1] < part[2]]
            mass = sum(v * self.between(f, a, b) for v, a, b, f in parts)
            return [(weight * v / mass, a, b, f) for v, a, b, f in parts]
        at, s = ends(given[0]), ends(given[1])
        shape = {
            "normal": [(-np.inf, np.inf, lambda x: (-(((x - at) / s) ** 2) / 2).exp() / (s * (2 * arb.pi()).sqrt()))],
            "exponential": [(at, np.inf, lambda x: ((at - x) / s).exp() / s)],
            "laplace": [
                (-np.inf, at, lambda x: ((x - at) / s).exp() / (2 * s)),
                (at, np.inf, lambda x: ((at - x) / s).exp() / (2 * s)),
            ],
            "logistic": [(-np.inf, np.inf, lambda x: 1 / (s * (((x - at) / (2 * s)).cosh() * 2) ** 2))],
            "uniform": [(at, s, lambda x: 0 * x + 1 / (s - at))],
        }[kind]
        return [(weight, max(a, limits[0]), min(b, limits[1]), f) for a, b, f in shape]

    def between(self, f, a, b):
        """The integral of f."""
        a, b = (x if not isinstance(x, float) else arb(np.clip(x, -60, 60)) for x in (a, b))
        return acb.integral(lambda x, _: f(x), a, b, rel_tol=CLOSE, abs_tol=CLOSE).real

    def square(self, x, w):
        return sum(q * (x - y) ** 2 * (-w * (x - y) ** 2).exp() for y, q in zip(self.y, self.q))

    def integral(self, F, row=None):
        """The integral of F(x, w, z, f) over the panels, or over those of a budget."""
        found = arb(0)
        for a, b in zip(self.edges, self.edges[1:]):
            middle = (a + b) / 2
            held = [any(u < middle and middle < v for u, v in on) for _, on in self.total]
            w = sum((v for v, on in zip(self.lam, held) if on), arb(0))
            live = [(v, f) for v, low, high, f in self.terms if low < middle and middle < high]

            def integrand(x, _, w=w, live=live):
                z = sum(q * (-w * (x - y) ** 2).exp() for y, q in zip(self.y, self.q))
                return F(x, w, z, sum((v * f(x) for v, f in live), acb(0)))

            if row is None or held[row]:
                found += acb.integral(integrand, a, b, rel_tol=CLOSE, abs_tol=CLOSE).real
        return found

    def beyond(self, way, y):
        """(P, E (X - y)^2) on one side of the panels."""
        end, moments = self.edges[0 if way < 0 else -1], [arb(0), arb(0)]
        for v, low, high, f in self.terms:
            a, b = (low, min(high, end)) if way < 0 else (max(low, end), high)
            if a < b:
                for k in (0, 1):
                    moments[k] += v * self.between(lambda x, f=f, k=k: f(x) * (x - y) ** (2 * k), a, b)
        return moments

    def highest(self):
        """Where c is highest, in floats, by Gauss's rule and a grid."""
        t, v = np.polynomial.legendre.leggauss(20)
        edges, y, q = (np.array([float(u) for u in values]) for values in (self.edges, self.y, self.q))
        middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
        x, W = middle[:, None] + half[:, None] * t, half[:, None] * v
        held = np.array([[any(u < at and at < w for u, w in on) for _, on in self.total] for at in middle])
        w = np.repeat((held @ np.array([float(price) for price in self.lam]))[:, None], len(t), axis=1)
        f = np.array(
            [
                [
                    float(sum((u * g(acb(at)) for u, a, b, g in self.terms if a < at and at < b), acb(0)).real)
                    for at in row
                ]
                for row in x
            ]
        )
        b = W * f / (q * np.exp(-w[..., None] * (x[..., None] - y) ** 2)).sum(axis=2)
        low, high = edges[0], edges[-1]
        for _ in range(4):
            grid = np.linspace(low, high, 400)
            best = grid[(b * np.exp(-w * (x - grid[:, None, None]) ** 2)).sum(axis=(1, 2)).argmax()]
            low, high = best - (high - low) / 100, best + (high - low) / 100
        return arb(best)
