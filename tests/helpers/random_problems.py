"""Random problems of every kind, for the tests that a solver must survive."""

import numpy as np
from hypothesis import strategies as st

import mfrd

MEASURES = ("squared", "absolute", "hamming", "matrix")


@st.composite
def problems(draw, most=60, scales=(-6, 6), letters=True):
    """A problem of n and m up to `most` with one to four budgets of any form and measure.

    Some probabilities are zero, some codewords repeated; budgets go from 1.0001 times the least reachable to half as
    much again as one codeword needs.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m, k = draw(st.integers(1, most)), draw(st.integers(1, most)), draw(st.integers(1, 2))
    unit = 10.0 ** draw(st.floats(*scales))
    x = rng.normal(size=(n, k)) * unit
    y = x[rng.integers(0, n, m)] if draw(st.booleans()) else rng.normal(size=(m, k)) * unit
    if draw(st.booleans()):
        y = y[rng.integers(0, m, m)]  # duplicate codewords
    p = rng.dirichlet(np.full(n, draw(st.sampled_from([0.1, 1.0, 10.0]))))
    if draw(st.booleans()) and n > 1:
        p[1:][rng.random(n - 1) < 0.3] = 0.0
        p = p / p.sum() if p.sum() > 0 else np.eye(n)[0]
    source = mfrd.Source(x, p)
    fidelities = [fidelity(draw, rng, source, y, f"budget {k}", letters) for k in range(draw(st.integers(1, 4)))]
    return mfrd.Problem(source, y, fidelities)


def fidelity(draw, rng, source, y, name, letters):
    """One budget on a random subset that has probability, of random form and measure."""
    n = len(source.p)
    on = rng.random(n) < rng.uniform(0.2, 1)
    on[rng.choice(n, p=source.p)] = True
    per = draw(st.sampled_from(["joint", "joint", "subset", "letter" if letters else "subset"]))
    kind = draw(st.sampled_from(MEASURES[:1] * 3 + MEASURES[1:]))
    matrix = rng.random((n, len(y))) * np.std(source.x) if n > 1 else rng.random((n, len(y)))
    measure = {
        "squared": mfrd.squared_error,
        "absolute": mfrd.absolute_error,
        "hamming": mfrd.hamming,
        "matrix": matrix,
    }[kind]
    options = dict(on=on, per=per, distortion=measure, name=name)
    alone = mfrd.Problem(source, y, [mfrd.Fidelity(1.0, **options)])
    w, d = alone.rows.weights * source.p, alone.distortion(0)
    least, enough = alone.row_least.max(), (w @ d).min(axis=1).max()
    share = draw(st.sampled_from([0.0, 1e-3, 0.03, 0.3, 0.7, 1.0, 1.5]))
    return mfrd.Fidelity(1.0001 * least + share * max(enough - 1.0001 * least, 0.0), **options)
