"""Bounds over all codebooks, judged exactly: in balls at many codewords, and against encoders that keep the budgets."""

import numpy as np
import pytest
from flint import arb, ctx, fmpq
from helpers.exact import BITS, Exact, above, rational
from helpers.hard_problems import FORMS, pmf, points

import mfrd
from mfrd.bounds.supremum import bound_over


class Everywhere(Exact):
    """Squared error to any codeword: exact squares, and the dual formula at chosen y, (m, k) floats."""

    def value(self, multipliers, potentials, y):
        """sum_i p_i a_i - lam . D - log sum_i p_i exp(a_i - s_i(y)), the least over the rows of y, a ball in bits.

        Infinite multipliers leave a letter at its own point alone.
        """
        a = {i: rational(potentials[i]) for i in self.letters}
        finite = [(rational(v) if np.isfinite(v) else fmpq(0)) for v in multipliers]
        slope, endless = dict.fromkeys(self.letters, fmpq(0)), set()
        for value, lam, row in zip(multipliers, finite, self.rows):
            for i, v in row.v.items():
                slope[i] += lam * v / self.p[i]
                if not np.isfinite(value):
                    endless.add(i)
        gain = sum((self.p[i] * a[i] for i in self.letters), fmpq(0))
        gain -= sum((lam * D for lam, D in zip(finite, self.D)), fmpq(0))
        with ctx.workprec(BITS):
            least = arb.pos_inf()
            for at in y:
                exponents = []
                for i in self.letters:
                    d = sum(((u - rational(v)) ** 2 for u, v in zip(self.x[i], at)), fmpq(0))
                    if i not in endless or d == 0:
                        exponents.append((i, a[i] - slope[i] * d))
                if exponents:
                    top = max(e for _, e in exponents)
                    mass = sum((arb(self.p[i]) * arb(e - top).exp() for i, e in exponents), arb(0))
                    least = least.min(arb(gain - top) - mass.log())
            return least / arb(2).log()

    @classmethod
    def of(cls, source, fidelities):
        exact = cls(mfrd.Problem(source, source.points[:1], fidelities))
        exact.x = [[rational(v) for v in row] for row in source.points.reshape(exact.n, -1)]
        return exact


def drawn(rng):
    """(source, fidelities): few letters on a line or in the plane, up to three budgets of squared error."""
    n, k = int(rng.integers(2, 8)), 1 + int(rng.random() < 0.25)
    x = points(rng, n, False) if k == 1 else np.column_stack([points(rng, n, False) for _ in range(k)])
    p = pmf(rng, n, False)
    source = mfrd.Source(x, p)
    variance = max(float(np.trace(source.covariance)), 1e-12)
    fidelities = []
    for r in range(rng.integers(1, 4)):
        on = rng.random(n) < 0.7
        on[rng.choice(n, p=source.pmf)] = True
        per, share = str(rng.choice(FORMS)), 10.0 ** rng.uniform(-4, 0.1)
        D = 0.0 if rng.random() < 0.1 else variance * share
        fidelities.append(mfrd.Fidelity(D, on=None if rng.random() < 0.3 else on, per=per, name=f"budget {r}"))
    return source, fidelities


def around(rng, source, y):
    """Codewords to try: y, (m, k), the letters, and some at all distances from them."""
    base = np.vstack([y, source.points.reshape(len(source.pmf), -1)])
    sizes = 10.0 ** rng.uniform(-9, 0, (4 * len(base), 1)) * (np.ptp(base, axis=0) + 1e-300)
    return np.vstack([base, np.repeat(base, 4, axis=0) + sizes * rng.normal(size=(4 * len(base), base.shape[1]))])


@pytest.mark.parametrize("part", range(2))
def test_no_bound_over_all_codebooks_is_false(part):
    blunt = 0
    for index in range(35):
        rng = np.random.default_rng([part, index])
        source, fidelities = drawn(rng)
        exact, found = Everywhere.of(source, fidelities), mfrd.limit(source, fidelities)
        tried = around(rng, source, found.codebook.reshape(len(found.codebook), -1))
        lam = np.where([row.D == 0 for row in exact.rows], np.inf, found.multipliers)
        truth = exact.value(lam, found.potentials, tried)
        assert not above(found.lower_bound, truth), index
        blunt += not above(found.lower_bound + 1e-6, truth) or found.lower_bound == 0
        on_codebook = Exact(found.solution.problem)
        assert on_codebook.witness is None or not above(found.lower_bound, on_codebook.witness), index
        # any multipliers and potentials, with a constant that costs digits
        lam = found.multipliers * 10.0 ** rng.normal(size=len(found.multipliers))
        a = found.potentials + rng.normal(size=len(found.potentials)) * 10.0 ** rng.uniform(-6, 2)
        a += rng.choice([0.0, 1e3, 1e6, 1e9])
        bound = mfrd.lower_bound_all_codebooks(source, fidelities, lam, a, tol=1e-12, max_boxes=2000)
        assert np.isfinite(bound) and not arb(bound) > exact.value(lam, a, tried), index
    assert blunt < 6  # a bound 1e-6 bits higher is false at some codeword tried, nearly always


@pytest.mark.parametrize("seed", range(200))
def test_what_a_supremum_is_worth_is_rounded_down(seed):
    """Any potentials, prices and sum of p, the supremum as given: against the same in balls."""
    rng = np.random.default_rng(seed)
    n, R = rng.integers(1, 60, 2)
    p = rng.dirichlet(np.ones(n)) * (1 + rng.choice([0.0, 1e-15, 1e-10, -1e-10]))
    a = rng.normal(size=n) * 10.0 ** rng.integers(-3, 9) + rng.choice([0.0, 1e9])
    lam, D = 10.0 ** rng.uniform(-3, 6, R), 10.0 ** rng.uniform(-3, 3, R)
    upper = float(p @ a - lam @ D) + rng.normal()
    pi, total = [rational(v) for v in p], sum(map(rational, p), fmpq(0))
    gain = sum((v * rational(x) for v, x in zip(pi, a)), fmpq(0)) / total
    exact = gain - sum((rational(v) * rational(d) for v, d in zip(lam, D)), fmpq(0)) - rational(upper)
    with ctx.workprec(BITS):
        ball = (arb(exact) + arb(total).log()) / arb(2).log()
        bound = bound_over(p, D, lam, a, upper)
        assert arb(bound) < ball
        size = float(p @ abs(a) + lam @ D) + 1
        assert ball - arb(bound) < arb(1e-9 * size)
