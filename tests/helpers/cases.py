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
    least = problem.row_least
    for f, low in zip(problem.fidelities, least):
        problem = problem.with_budget(f.name, low * rng.uniform(1.2, 3))
    return problem


def core_problem():
    """A Gaussian with a budget on the whole and one on its core, both of which bind."""
    inside = abs(mfrd.grid(-3, 3, 50)) < 0.1
    return gaussian_problem(mfrd.Fidelity(0.8), mfrd.Fidelity(0.015, on=inside, name="core"))


def mixed_problem(rng, budgets, n=30, m=9, edge=False):
    """Budgets such as "squared joint" or "matrix letter" on random letters, some of probability zero.

    Each leaves room above the least it reaches, unless `edge` puts the last on it.
    """
    masses = rng.dirichlet(np.ones(n)) * (np.arange(n) % 10 > 0)
    source = mfrd.Source(rng.normal(size=(n, 2)), masses / masses.sum())
    measures = {"squared": mfrd.squared_error, "absolute": mfrd.absolute_error, "matrix": rng.random((n, m))}
    fidelities = []
    for k, (measure, per) in enumerate(each.split() for each in budgets):
        on = rng.permutation(n)[: n if per == "letter" else n // 2]
        fidelities.append(mfrd.Fidelity(1.0, on=on, per=per, distortion=measures[measure], name=f"budget {k}"))
    problem = mfrd.Problem(source, rng.normal(size=(m, 2)), fidelities)
    for k, f in enumerate(fidelities):
        least = problem.row_least[problem.rows.owner == k].max()
        problem = problem.with_budget(f.name, least if edge and f is fidelities[-1] else 1.5 * least + 0.2)
    return problem


def hamming_problem(pmf, D):
    """(problem, rate in bits, price) of a source whose letters are its codewords, under the probability of error.

    Two letters (R = h(p) - h(D)) or a uniform source (R = log2 m - h(D) - D log2(m - 1)); Berger (1971), section 2.7.
    """
    m = len(pmf)
    source = mfrd.Source(np.arange(m), pmf)
    rate = entropy(pmf) - entropy([D, 1 - D]) - D * np.log2(m - 1)
    price = np.log2((1 - D) / D) + np.log2(m - 1)
    return mfrd.Problem(source, np.arange(m), mfrd.Fidelity(D, distortion=mfrd.hamming)), rate, price


def entropy(p):
    p = np.asarray(p, float)
    return float(-(p[p > 0] * np.log2(p[p > 0])).sum())
