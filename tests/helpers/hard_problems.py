"""Hard random problems: what rounding, scale and edges can do to a certificate, on few letters and codewords.

Each problem draws from every list below: offsets, exact on a dyadic grid or rounding; mixed scales; tiny letters;
letters of probability zero; repeated points and codewords; up to three budgets of any form on up to three measures,
each budget loose, thin, or an ulp or some from the least that its user would compute.
"""

import numpy as np

import mfrd

FORMS = ("joint", "joint", "subset", "letter")
STEPS = (-400, -40, -12, -5, -2, -1, 0, 0, 0, 1, 2, 5, 12, 40, 400)  # ulps from the least


def hard_problem(rng, most=8):
    """One problem, from a numpy.random.Generator; n and m up to `most`."""
    n, m = rng.integers(1, most + 1, 2)
    dyadic = rng.random() < 0.3
    source = mfrd.Source(points(rng, n, dyadic), pmf(rng, n, dyadic))
    y = codebook(rng, source.points, m, dyadic)
    measures = [measure(rng, source, y, dyadic) for _ in range(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))]
    count = max(len(measures), rng.choice([1, 2, 3], p=[0.5, 0.3, 0.2]))
    tables = [distances(each, source, y) for each in measures]
    meeting = encoder(rng, tables, source.pmf) if len(measures) > 1 else None
    budgets = []
    for k in range(count):
        g = k if k < len(measures) else rng.integers(len(measures))
        budgets.append(budget(rng, source, measures[g], tables[g], meeting, dyadic, f"budget {k}"))
    return mfrd.Problem(source, y, budgets)


def hard_problems(seed, count, most=8):
    """`count` problems of one seed, each from a generator of its own: (index, problem)."""
    for index in range(count):
        yield index, hard_problem(np.random.default_rng([seed, index]), most)


def points(rng, n, dyadic):
    """(n,) numbers, some repeated, some far from the rest, or on a grid of eighths."""
    x = rng.integers(-16, 17, n) / 8 if dyadic else rng.normal(size=n) * 10.0 ** rng.choice([-3, 0, 0, 0, 3])
    if rng.random() < 0.2:
        x = x[rng.integers(0, n, n)]
    if rng.random() < 0.15:
        x[rng.integers(n)] += 10.0 ** rng.integers(2, 7)  # an outlier
    if rng.random() < 0.1:
        x = x + 10.0 ** rng.integers(2, 8)
    return x


def pmf(rng, n, dyadic):
    """(n,) probabilities: of any evenness, in 2^-10 exactly, with tiny letters or with letters of probability zero."""
    if dyadic:
        p = rng.multinomial(1024 - n, rng.dirichlet(np.ones(n))) + 1.0
    else:
        p = rng.dirichlet(np.full(n, rng.choice([0.1, 1.0, 10.0])))
    others = rng.permutation(n)[1:]
    if rng.random() < 0.25:
        tiny = others[rng.random(len(others)) < 0.5]
        p[tiny] = p.max() * 10.0 ** -rng.uniform(3, rng.choice([8, 20, 300]), len(tiny))
    if rng.random() < 0.2:
        p[others[rng.random(len(others)) < 0.3]] = 0.0
    return p / p.sum() if p.sum() > 0 else np.eye(n)[0]


def codebook(rng, x, m, dyadic):
    """(m,) codewords: letters, a sample of its own, or these repeated."""
    y = rng.choice(x, m) if rng.random() < 0.5 else points(rng, m, dyadic)
    return rng.choice(y, m) if rng.random() < 0.25 else y


def measure(rng, source, y, dyadic):
    """A measure of the module, or a matrix of any scale, with an offset."""
    if rng.random() < 0.35:
        return rng.choice([mfrd.squared_error, mfrd.absolute_error, mfrd.hamming])
    shape = len(source.pmf), len(y)
    kind = rng.integers(6)
    if dyadic:
        d = rng.integers(0, 1 + 2 ** rng.integers(1, 8), shape) / 8
    elif kind == 0:
        d = rng.random(shape) * 10.0 ** rng.integers(-8, 9)
    elif kind == 1:
        d = 10.0 ** rng.uniform(-8, 8, shape)  # each entry of its own scale
    elif kind == 2:
        d = 1.0 - np.eye(*shape)
    elif kind == 3:
        d = rng.integers(0, 4, shape).astype(float)
    elif kind == 4:
        d = rng.random(shape) * 10.0 ** rng.integers(-6, 7, (shape[0], 1))  # each letter of its own scale
    else:
        d = rng.random(shape)
        d[tuple(rng.integers(shape))] = 10.0 ** rng.integers(3, 17)  # one huge entry
    if rng.random() < 0.4:  # an offset of all, or of each letter
        offset = 10.0 ** rng.integers(-3, 9)
        if dyadic:
            offset = np.ceil(offset)
        d = d + (offset if rng.random() < 0.7 else offset * rng.integers(0, 3, (shape[0], 1)))
    return d


def distances(measure, source, y):
    """(n, m) distortions."""
    return measure(source.points[:, None], y[:, None]) if callable(measure) else measure


def encoder(rng, tables, p):
    """(n, m): one that is best at random prices of the measures: its budgets lie on what is reached together."""
    prices = 10.0 ** rng.uniform(-2, 2, len(tables)) / [max(float((p @ d).max()), 1e-300) for d in tables]
    cost = sum(price * d for price, d in zip(prices, tables))
    Q = np.eye(cost.shape[1])[cost.argmin(axis=1)]
    if rng.random() < 0.4:
        t = rng.choice([1e-9, 1e-3, 0.3])
        Q = (1 - t) * Q + t / cost.shape[1]
    return Q


def budget(rng, source, measure, d, meeting, dyadic, name):
    """A Fidelity on some letters; its budget computed as a user does."""
    p, n = source.pmf, len(source.pmf)
    per = rng.choice(FORMS)
    on = np.ones(n, bool) if rng.random() < 0.5 else rng.random(n) < 0.6
    on[rng.choice(n, p=p)] = True
    least, enough = reached(p, d.min(axis=1), on, per), min(reached(p, column, on, per) for column in d.T)
    kind = rng.integers(8)
    unit = max(enough - least, 0.0)
    if meeting is not None and kind < 5:
        D = reached(p, (meeting * d).sum(axis=1), on, per)
        D = steps(D, rng.choice(STEPS)) if rng.random() < 0.5 else D + unit * 10.0 ** -rng.uniform(0, 12)
    elif kind == 0:
        D = steps(least, rng.choice(STEPS))
    elif kind == 1:
        D = least * (1 + 10.0 ** -rng.uniform(4, 12))
    elif kind == 2:
        D = least + unit * 10.0 ** -rng.uniform(2, 13)
    elif kind == 3:
        D = steps(enough, rng.choice(STEPS))
    elif kind == 4 and rng.random() < 0.3:
        D = least * (1 - 10.0 ** -rng.uniform(3, 14))  # out of reach
    else:
        D = 1.0001 * least + rng.choice([0.0, 1e-3, 0.03, 0.3, 0.7, 1.0, 1.5]) * unit
    if dyadic and rng.random() < 0.5:
        D = np.ceil(D * 1024) / 1024
    whole = bool(on.all()) and rng.random() < 0.5
    return mfrd.Fidelity(max(float(D), 0.0), on=None if whole else on, per=per, distortion=measure, name=name)


def reached(p, v, on, per):
    """What a budget of that form says of letters that have distortions v, (n,)."""
    if per == "joint":
        return float(p[on] @ v[on])
    if per == "subset":
        return float(p[on] @ v[on] / p[on].sum())
    return float(v[on & (p > 0)].max())


def steps(D, count):
    """The float `count` places above D."""
    for _ in range(abs(count)):
        D = np.nextafter(D, np.inf if count > 0 else -np.inf)
    return D
