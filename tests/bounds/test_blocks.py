"""Finite blocks: closed forms, exact tails, codes found by trying all of them, and what is refused."""

from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import binom

import mfrd
from mfrd.bounds import blocks


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """A coarser grid: the converse is as true, and a little lower."""
    monkeypatch.setattr(blocks, "BINS", 2**15)


def bernoulli(p, D):
    source = mfrd.Source([0, 1], [p, 1 - p])
    return mfrd.solve(mfrd.Problem(source, [0, 1], mfrd.Fidelity(D, distortion=mfrd.hamming)), "newton", tol=1e-9)


@pytest.mark.parametrize("p, D", [(0.2, 0.05), (0.3, 0.11), (0.45, 0.2)])
def test_dispersion_of_bernoulli(p, D):
    """V = p (1 - p) log^2((1 - p) / p), whatever D is."""
    found = mfrd.finite_blocklength(bernoulli(p, D), 100).dispersion
    assert abs(found - p * (1 - p) * np.log2((1 - p) / p) ** 2) < 1e-6


def test_dispersion_of_a_gaussian():
    """V = 1/2 nats^2 below the variance."""
    found = mfrd.limit(mfrd.bumps(mfrd.grid(-6, 6, 200), [1], [0], [1]), [mfrd.Fidelity(0.25)])
    assert abs(mfrd.finite_blocklength(found, 100).dispersion * np.log(2) ** 2 - 0.5) < 1e-4


def test_a_fair_coin():
    """The volume of a ball: 0.5279 bits at n = 100; the general converse is R - log2(1 / (1 - excess)) / n."""
    found = mfrd.finite_blocklength(bernoulli(0.5, 0.11), 100, 0.01)
    assert abs(found.converse - 0.5279) < 5e-5 and found.dispersion < 1e-12
    share = binom.cdf(11, 100, 0.5)
    words = np.exp2(100 * found.achievable)
    assert np.exp(words * np.log1p(-share)) == pytest.approx(0.01, rel=1e-6)
    other = mfrd.Problem(mfrd.Source([0, 1], [0.5, 0.5]), [0, 1], mfrd.Fidelity(0.11, distortion=1.0 - np.eye(2)))
    solution = mfrd.solve(other, "newton", tol=1e-9)  # a matrix, so that the ball is not seen
    found = mfrd.finite_blocklength(solution, 100, 0.01)
    assert abs(found.converse - (solution.rate + np.log2(0.99) / 100)) < 1e-9 and found.achievable is None


@pytest.mark.parametrize("n, excess", [(10, 0.3), (100, 0.01), (3000, 0.1)])
def test_the_converse_is_nearly_that_of_the_exact_tail(n, excess):
    """Of two values of j the sum is binomial: the most of u + log(P[S >= u] - excess), never above it."""
    p, solution = 0.2, bernoulli(0.2, 0.05)
    j = np.log(1 / np.array([p, 1 - p])) + 0.05 * np.log(0.05) + 0.95 * np.log(0.95)  # h(D) nats below -log p
    k = np.arange(n + 1)
    u, tail = n * j[1] + k * (j[0] - j[1]), binom.sf(k - 1, n, p)
    over = tail > excess
    exact = (u[over] + np.log(tail[over] - excess)).max() / (n * np.log(2))
    found = mfrd.finite_blocklength(solution, n, excess).converse
    assert found <= max(exact, 0) + 1e-9 and found >= exact - 2e-3


def test_no_code_of_small_blocks_is_below_the_converse():
    """All codes of up to four words for four letters: the least share of blocks without a word within D."""
    n, p, D = 4, 0.3, 0.25
    every = np.array(list(product([0, 1], repeat=n)))
    weights = np.prod(np.where(every == 0, p, 1 - p), axis=1)
    near = (every[:, None] != every[None]).sum(axis=2) <= n * D
    solution, compared = bernoulli(p, D), 0
    for words in (1, 2, 3, 4):
        covered = max(weights[near[:, list(chosen)].any(axis=1)].sum() for chosen in combinations(range(16), words))
        if covered < 1:
            compared += 1
            converse = mfrd.finite_blocklength(solution, n, 1 - covered).converse
            assert converse <= np.log2(words) / n + 1e-12
    assert compared >= 3


def test_several_budgets_and_a_mean_of_a_subset():
    """A subset's price stands inside j: on average that changes nothing, and it changes the dispersion."""
    x = mfrd.grid(-3, 3, 31)
    source, on = mfrd.bumps(x, [1], [0], [1]), abs(x) < 0.5
    share = source.p[on].sum()
    make = lambda D, per: [mfrd.Fidelity(0.3), mfrd.Fidelity(D, on=on, per=per, name="core")]
    joint, mean = mfrd.limit(source, make(0.02, "joint")), mfrd.limit(source, make(0.02 / share, "subset"))
    assert abs(joint.rate - mean.rate) < 1e-6
    one, other = (mfrd.finite_blocklength(found, 1000) for found in (joint, mean))
    price, D = mean.prices["core"], 0.02 / share
    a = joint.potentials / np.log(2)
    varied = source.p @ (a - price * D * on / share - source.p @ (a - price * D * on / share)) ** 2
    assert abs(other.dispersion - varied) < 1e-3 and abs(one.dispersion - varied) > 1e-2
    assert one.converse < joint.rate + one.dispersion and 0 < other.converse < other.normal


def test_more_letters_cost_less():
    solution = bernoulli(0.2, 0.05)
    found = [mfrd.finite_blocklength(solution, n, 0.1) for n in (100, 10_000, 1_000_000)]
    above = [each.converse - solution.rate for each in found]
    assert above[0] > above[1] > above[2] > 0 and abs(found[2].converse - found[2].normal) < 1e-3


@pytest.mark.parametrize(
    "options, said",
    [
        (dict(n=0), "n is 0; expected a whole number"),
        (dict(n=1.5), "n is 1.5; expected"),
        (dict(n=True), "n is True; expected"),
        (dict(n=10, excess=0), "excess is 0; expected"),
        (dict(n=10, excess=1.0), "excess is 1.0; expected"),
        (dict(n=10, excess=float("nan")), "excess is nan; expected"),
    ],
)
def test_bad_numbers_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        mfrd.finite_blocklength(bernoulli(0.2, 0.05), **options)


def test_what_is_undefined_is_named():
    with pytest.raises(ValueError, match="DensityLimit is no answer for letters; expected a Solution or a Limit"):
        mfrd.finite_blocklength(mfrd.limit(mfrd.Density.normal(), mfrd.Fidelity(2.0)), 10)
    source = mfrd.Source([0.0, 1.0, 2.0], [0.3, 0.3, 0.4])
    each = mfrd.solve(mfrd.Problem(source, [0, 1, 2], mfrd.Fidelity(0.2, per="letter")), "newton")
    with pytest.raises(ValueError, match="no budget of a block"):
        mfrd.finite_blocklength(each, 10)
    zero = mfrd.solve(mfrd.Problem(source, [0, 1, 2], mfrd.Fidelity(0.0)), "newton")
    with pytest.raises(ValueError, match="kink at 0, where its price falls from inf"):
        mfrd.finite_blocklength(zero, 10)
    with pytest.raises(ValueError, match="kink at 0.3, where its price falls from 1.22"):
        mfrd.finite_blocklength(bernoulli(0.3, 0.3), 10)
    assert mfrd.finite_blocklength(bernoulli(0.3, 0.4), 10).converse == 0
    infeasible = mfrd.rd_curve(mfrd.Problem(source, [0, 2], mfrd.Fidelity(1.0)), "global", [0.01])[0]
    with pytest.raises(ValueError, match="infeasible"):
        mfrd.finite_blocklength(infeasible, 10)


def test_the_normal_approximation_holds_for_shares_that_one_less_does_not_tell_from_one():
    coin = mfrd.Problem(mfrd.Source([0, 1], [0.89, 0.11]), [0, 1], mfrd.Fidelity(0.05, distortion=mfrd.hamming))
    answer = mfrd.solve(coin, "newton")
    normal = {excess: mfrd.finite_blocklength(answer, 100, excess).normal for excess in (1e-16, 1e-17, 1e-30)}
    assert normal[1e-16] == pytest.approx(0.98949, abs=1e-5) and normal[1e-17] == pytest.approx(1.01514, abs=1e-5)
    assert normal[1e-17] < normal[1e-30] < np.inf
    fair = mfrd.Problem(mfrd.Source([0, 1], [0.5, 0.5]), [0, 1], mfrd.Fidelity(0.05, distortion=mfrd.hamming))
    flat = mfrd.solve(fair, "newton")
    assert mfrd.finite_blocklength(flat, 20, 1e-17).normal == pytest.approx(flat.rate)
