"""Sources and problems that several tests share."""

import numpy as np

import mfrd


def gaussian_problem(*fidelities, m=8):
    source = mfrd.bumps(mfrd.grid(-3, 3, 50), [1], [0], [1])
    return mfrd.Problem(source, mfrd.grid(-3, 3, m), fidelities or [mfrd.Fidelity(0.6)])


def trimodal_source():
    return mfrd.bumps(mfrd.grid(-8, 8, 100), [0.25] * 3, [-5, -1, 2.5], [0.3, 0.6, 0.4], 0.015625)


def four_modes(D, D_core, side=40):
    x = mfrd.grid(-8, 8, side, 2)
    source = mfrd.bumps(x, [1] * 4, [[-4, -4], [4, -4], [-4, 4], [4, 4]], [1] * 4, 0.1)
    core = mfrd.Fidelity(D_core, on=np.hypot(*x.T) < 2, name="core")
    return mfrd.Problem(source, mfrd.grid(-8, 8, 6, 2), [mfrd.Fidelity(D), core])


def random_problem(rng, n=12, m=7, k=1, subsets=1):
    source = mfrd.Source(rng.normal(size=(n, k)), rng.dirichlet(np.ones(n)))
    codebook = rng.normal(size=(m, k))
    core = [mfrd.Fidelity(1.0, on=rng.permutation(n)[: n // 2], name=f"core {s}") for s in range(subsets)]
    problem = mfrd.Problem(source, codebook, [mfrd.Fidelity(1.0), *core])
    least = problem.least
    for f, low in zip(problem.fidelities, least):
        problem = problem.with_budget(f.name, low * rng.uniform(1.2, 3))
    return problem


def entropy(p):
    p = np.asarray(p, float)
    return float(-(p[p > 0] * np.log2(p[p > 0])).sum())
