"""What changes nothing of a problem changes no certificate: intervals [lower bound, rate] keep meeting.

A problem in other units, with letters and codewords in another order, a letter split in two, a codeword twice, or a
constant more in a measure and its budgets, has the same R(D), so that intervals which hold it meet. What is done here
to floats rounds nothing: powers of two, permutations, halves, and constants on a dyadic grid. Where a constant rounds,
the problem is another, and the exact checker judges it by itself.

A rate may lie below R(D) by what its encoder may spend above D, 1e-12 slack + 4 ulp(D) of each budget: with any
multipliers lam, R(D + e) >= bound(D) - lam . e.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from helpers.exact import SHARE, ULPS, judge
from helpers.hard_problems import distances, hard_problems

import mfrd

ROUNDING = 1e-13  # bits: of a rate in floats
SPENT = float(SHARE)  # of its slack, by which an encoder may exceed a budget


@dataclass
class Form:
    """A form of a problem: matrices d, (n, m) a budget; p (n,); D, one a budget; unit: of each budget, of another form.

    letters, codewords: where its own come from among those of the problem.
    """

    problem: mfrd.Problem
    d: list
    p: np.ndarray
    D: np.ndarray
    unit: np.ndarray
    letters: np.ndarray
    codewords: np.ndarray

    @classmethod
    def of(cls, problem):
        d = [distances(f.distortion, problem.source, problem.codebook) for f in problem.fidelities]
        D = np.array([f.D for f in problem.fidelities])
        n, m = d[0].shape
        return cls(problem, d, problem.source.pmf, D, np.ones(len(D)), np.arange(n), np.arange(m))

    def built(self):
        """The mfrd.Problem of this form."""
        i, j = self.letters, self.codewords
        source = mfrd.Source(self.problem.source.points[i], self.p)
        source.__dict__["pmf"] = self.p  # divided by its sum once more it would be another
        budgets = [
            mfrd.Fidelity(D, on=f.mask(len(self.problem.source.pmf))[i], per=f.per, distortion=d, name=f.name)
            for f, D, d in zip(self.problem.fidelities, self.D, self.d)
        ]
        return mfrd.Problem(source, self.problem.codebook[j], budgets)

    def measures(self):
        """The first budget that has the measure of each, [k]."""
        return [next(g for g in range(len(self.d)) if np.array_equal(self.d[g], each)) for each in self.d]

    # --- what changes nothing ----------------------------------------------------------------

    def scaled(self, rng):
        """Each measure and its budgets in another unit."""
        c = 2.0 ** rng.integers(-20, 21, len(self.d))[self.measures()]
        self.d, self.D, self.unit = [unit * each for unit, each in zip(c, self.d)], c * self.D, c * self.unit

    def permuted(self, rng):
        """Letters and codewords in another order."""
        i, j = rng.permutation(len(self.letters)), rng.permutation(len(self.codewords))
        self.p, self.letters, self.codewords = self.p[i], self.letters[i], self.codewords[j]
        self.d = [each[np.ix_(i, j)] for each in self.d]

    def split(self, rng):
        """One letter in two of half its probability each."""
        i = np.append(np.arange(len(self.letters)), rng.integers(len(self.letters)))
        self.p, self.letters, self.d = self.p[i], self.letters[i], [each[i] for each in self.d]
        self.p[[i[-1], -1]] /= 2

    def duplicated(self, rng):
        """One codeword twice."""
        j = np.append(np.arange(len(self.codewords)), rng.integers(len(self.codewords)))
        self.codewords, self.d = self.codewords[j], [each[:, j] for each in self.d]

    def shifted(self, rng):
        """A constant more in each measure, 1e-3 to 1e8 and a multiple of 1/1024, and in its budgets; whether exactly.

        A joint budget has it times P(S): S is then all letters, or probabilities are multiples of 1/1024.
        """
        c = np.ceil(1024 * 10.0 ** rng.uniform(-3, 8, len(self.d))[self.measures()]) / 1024
        masks = [f.mask(len(self.p)) for f in self.problem.fidelities]
        share = np.array(
            [1.0 if f.per != "joint" or on.all() else self.p[on].sum() for f, on in zip(self.problem.fidelities, masks)]
        )
        coarse = (self.p * 1024 % 1 == 0).all() and self.p.sum() == 1
        d, D = [each + b for each, b in zip(self.d, c)], self.D + share * c
        exact = all((new - b == old).all() for new, b, old in zip(d, c, self.d)) and (D - share * c == self.D).all()
        self.d, self.D = d, D
        return exact and (coarse or (share == 1).all())


def on_a_grid(form):
    """The form with distortions, budgets and probabilities in multiples of 2^-10, as far as they leave something."""
    form.d = [np.minimum(np.round(each * 1024), 2**24) / 1024 for each in form.d]
    form.D = np.minimum(np.ceil(form.D * 1024), 2**24) / 1024
    form.p = np.where(form.p > 0, np.maximum(np.floor(form.p * 1024), 1), 0) / 1024
    form.p[form.p.argmax()] += 1 - form.p.sum()
    return form


def answer(problem):
    """The Solution, or "infeasible" or "not certified"."""
    try:
        return mfrd.solve(problem, "newton")
    except mfrd.InfeasibleFidelity:
        return "infeasible"
    except mfrd.NotCertified:
        return "not certified"


def meet(one, other, unit):
    """Assert that two answers agree; unit: of the budgets of `other`, in those of `one`, (K,).

    Returns a word, and the bits that rounded budgets leave open.
    """
    found = {type(each) is str and each for each in (one, other)}
    if found != {False}:
        edge = any(type(each) is not str and each.on_edge for each in (one, other))
        assert found != {False, "infeasible"} or edge
        return "refused", 0.0
    if one.on_edge or other.on_edge:  # nothing keeps those budgets
        return "on edge", 0.0
    most = 0.0
    for a, b, c in ((one, other, unit), (other, one, 1 / unit)):
        rows = b.problem.rows
        e = rows.largest(SPENT * np.maximum(b.problem.slack_up, 0) + ULPS * np.spacing(rows.D))
        prices = a.problem.rows.prices(a.multipliers)
        open_ = sum(prices[f.name] * e[f.name] / c[k] for k, f in enumerate(a.problem.fidelities))
        assert a.lower_bound - open_ <= b.rate + ROUNDING
        most = max(most, open_)
    return "met", most


@pytest.mark.parametrize("part", range(2))
def test_intervals_meet_whatever_changes_nothing(part):
    seen, opened = Counter(), {"moved": [], "shifted": []}
    for index, problem in hard_problems(2000 + part, 500):
        rng = np.random.default_rng([part, index])
        form = Form.of(problem)
        given = answer(form.built())
        for change in rng.permutation([Form.scaled, Form.permuted, Form.split, Form.duplicated]):
            change(form, rng)
        word, bits = meet(given, answer(form.built()), form.unit)
        seen["moved", word] += 1
        opened["moved"].append(bits)
        form = Form.of(problem)
        if not form.shifted(np.random.default_rng([part, index])):
            seen["rounded"] += 1
            assert judge(form.built(), witness=False).faults == {}, index
            form = on_a_grid(Form.of(problem))
            given = answer(form.built())
            if not form.shifted(rng):
                continue
        word, bits = meet(given, answer(form.built()), form.unit)
        seen["shifted", word] += 1
        opened["shifted"].append(bits)
    assert seen["moved", "met"] > 300 and seen["shifted", "met"] > 350 and seen["rounded"] > 250
    assert (
        max(np.quantile(bits, 0.8) for bits in opened.values()) < 1e-9
    )  # what rounded budgets leave open is nothing, nearly always
