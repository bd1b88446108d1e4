"""Bounds on R(D) of the law that samples came from: coverage, closed forms, the bet itself, what is refused."""

import re
from functools import cache, partial

import numpy as np
import pytest
from scipy.optimize import minimize

import mfrd
from mfrd.bounds import estimate as module
from mfrd.bounds.output_law import Letters

Density, Fidelity, estimate = mfrd.Density, mfrd.Fidelity, mfrd.estimate
core = lambda D, per="joint": Fidelity(D, on=[(-0.5, 0.5)], per=per, name="core")
TENTHS = np.arange(-60, 61) / 10


@cache
def truth(law, N):
    """R of a law below at its budget, or Shannon's lower bound on it."""
    if law == "normal":
        return 1.0
    if law == "coin":
        return mfrd.limit(mfrd.Source([0.0, 1.0], [0.5, 0.5]), Fidelity(0.05)).rate
    if law == "cauchy":
        return np.log2(4 * np.pi) - 0.5 * np.log2(2 * np.pi * np.e * 0.5)
    edges = np.append(TENTHS - 0.05, 6.05)
    p = np.diff(Density.normal().cdf(edges))
    if law == "rounded":
        return mfrd.limit(mfrd.Source(TENTHS, p / p.sum()), Fidelity(0.25)).rate
    share = 1 / N  # of an atom at 50; a finer rounding would add about 1e-3 bits
    return mfrd.limit(mfrd.Source([*TENTHS, 50.0], [*(p / p.sum() * (1 - share)), share]), Fidelity(0.25)).rate


def drawn(law, N, rng):
    """(N independent draws of a law, its budget)."""
    x = rng.standard_normal(N)
    if law == "coin":
        return rng.integers(0, 2, N).astype(float), 0.05
    if law == "cauchy":
        return rng.standard_cauchy(N), 0.5
    if law == "atom":
        return np.where(rng.random(N) < 1 / N, 50.0, x), 0.25
    return (np.round(x, 1) if law == "rounded" else x), 0.25


@pytest.mark.parametrize(
    "law, mean", [("normal", 0.88), ("coin", 0.68), ("atom", 0.88), ("cauchy", 1.6), ("rounded", 0.88)]
)
def test_the_bound_holds_as_often_as_it_says(law, mean):
    bounds = []
    for seed in range(20):
        x, D = drawn(law, 1000, np.random.default_rng([seed, 7]))
        bounds.append(estimate(x, Fidelity(D)).lower_bound)
    assert sum(bound > truth(law, 1000) for bound in bounds) <= 3  # 5 % of 20 is one
    assert np.mean(bounds) > mean


@pytest.mark.parametrize("N, mean", [(10_000, 0.96), (100_000, 0.985)])
def test_a_normal_law_within_what_theory_says(N, mean):
    found = [estimate(Density.normal().sample(N, seed), Fidelity(0.25)) for seed in range(4)]
    assert mean < np.mean([f.lower_bound for f in found]) and max(f.lower_bound for f in found) <= 1
    for f in found:
        assert f.gap < 1.5 * f.due_to_samples and abs(f.rate - 1) < 3 / np.sqrt(2 * N) / np.log(2)
        assert f.upper_bound == np.inf and f.samples == N > f.judged > N / 2
        assert f.prices["global"] == pytest.approx(2 / np.log(2), rel=0.15)


def test_two_budgets_agree_with_the_limit_of_the_density():
    x = Density.normal().sample(20_000, 3)
    for budgets in ([Fidelity(0.209), core(0.0177)], [Fidelity(0.25), core(0.05, "subset")]):
        known, found = mfrd.limit(Density.normal(), budgets), estimate(x, budgets)
        assert known.rate - 0.05 < found.lower_bound < known.rate and abs(found.rate - known.rate) < 0.03
        assert found.prices["core"] == pytest.approx(known.prices["core"], rel=0.4)


def test_heavy_tails_and_far_modes():
    rng = np.random.default_rng(5)
    assert 0.94 < estimate(rng.standard_t(3, 10_000), Fidelity(0.5)).lower_bound < 1.0115
    two = rng.standard_normal(10_000) + np.where(rng.random(10_000) < 0.5, -50, 50)
    assert 1.94 < estimate(two, Fidelity(0.25)).lower_bound < 2


def test_scale_and_place_change_nothing():
    x = Density.laplace().sample(2000, 4)
    budgets = lambda s, a: [Fidelity(0.5 * s**2), Fidelity(0.05 * s**2, on=[(a - s, a + s)], name="core")]
    plain = estimate(x, budgets(1, 0))
    scaled = estimate(2**20 * x, budgets(2**20, 0))
    assert scaled.lower_bound == plain.lower_bound and scaled.rate == plain.rate
    assert scaled.prices["core"] == plain.prices["core"] / 2**40
    moved = estimate(3 * x + 1000, budgets(3, 1000))
    assert moved.lower_bound == pytest.approx(plain.lower_bound, abs=2e-3)
    assert moved.rate == pytest.approx(plain.rate, abs=2e-3)
    assert estimate(x, budgets(1, 0)).lower_bound == plain.lower_bound
    assert estimate(x, budgets(1, 0), seed=1).lower_bound != plain.lower_bound


def test_ties_are_a_law_too():
    digits = np.random.default_rng(6).integers(0, 10, 5000)
    known = mfrd.limit(mfrd.Source(np.arange(10.0), np.full(10, 0.1)), Fidelity(0.5)).rate
    found = estimate(digits, Fidelity(0.5))
    assert known - 0.02 < found.lower_bound < known
    counts = np.bincount(digits) / len(digits)
    assert found.rate == pytest.approx(mfrd.limit(mfrd.Source(np.arange(10.0), counts), Fidelity(0.5)).rate, abs=1e-3)


def test_no_rate_is_needed_where_one_codeword_will_do():
    x = Density.normal().sample(500, 8)
    for found in (estimate(x, Fidelity(2.0)), estimate(np.full(50, 3.0), Fidelity(0.1))):
        assert found.lower_bound == found.rate == found.prices["global"] == 0
    assert estimate(x, Fidelity(0.98)).lower_bound < 0.02
    unseen = estimate(x, [Fidelity(0.5), Fidelity(0.1, on=[(90, 91)], name="far")])  # no sample lies there
    assert unseen.lower_bound > 0.2 and unseen.prices["far"] == 0


def test_more_confidence_costs_and_fewer_samples_say_less():
    x = Density.normal().sample(3000, 9)
    sure, rough = (estimate(x, Fidelity(0.25), confidence=c) for c in (0.999, 0.8))
    assert sure.lower_bound < rough.lower_bound and sure.due_to_samples > rough.due_to_samples
    assert estimate(x[:20], Fidelity(0.25)).lower_bound < 0.5
    assert estimate(x[:25], Fidelity(0.25), confidence=1 - 1e-15).lower_bound == 0


def test_many_budgets_are_as_few_where_they_say_the_same():
    x = Density.normal().sample(300, 21)
    many = [Fidelity(9 + i, on=[(-99, 99)], name=f"wide {i}") for i in range(18)]
    few = estimate(x, [Fidelity(0.3), core(0.02)])
    assert estimate(x, [Fidelity(0.3), core(0.02), *many]).lower_bound == pytest.approx(few.lower_bound, abs=0.02)


def bet(x, budgets):
    """(the second part of x and its kinds, prices, t, B, log 1/delta) as `estimate` has them."""
    table, kind = module.kinds(module.membership(x, budgets))
    question = module.Question(tuple(budgets), table, np.log(20), len(x) * 2 // 3)
    head, tail = np.arange(len(x) // 3), np.arange(len(x) // 3, len(x))
    prices, t, _, law = question.prepared(x[head], kind[head])
    return x[tail], kind[tail], prices, t, question.bet(x[tail], kind[tail], prices, t, law), question.nats


@pytest.mark.parametrize("law, off", [("normal", 0), ("rounded", 0), ("cauchy", 0), ("normal", 0.3), ("rounded", 0.3)])
def test_the_bet_is_won_against_every_output_law(law, off, monkeypatch):
    worst = module.Question.worst

    def searched(*args):
        """What a search finds whose masses are off by that share: the certificate makes up for it."""
        found, m = worst(*args)
        return module.Law(found.y, found.q * (1 + off * np.cos(7 * np.arange(len(found.q)))), found.lam), m

    monkeypatch.setattr(module.Question, "worst", searched)
    rng = np.random.default_rng(11)
    x = drawn(law, 600, rng)[0][:, None]
    x, kind, prices, t, B, nats = bet(x, [Fidelity(0.3), core(0.02, "subset")])
    w, o = prices.w[kind], prices.o[kind]
    assert t * (1 + B + prices.most) <= 1

    def won(places, v):
        """(H(q, B) on the samples themselves, its gradient) for q the softmax of v."""
        K, q = np.exp(-w[:, None] * (x - places) ** 2), np.exp(v - v.max()) / np.exp(v - v.max()).sum()
        z = np.maximum(K @ q, 1e-300)
        u = 1 + t * (-np.log(z) - o - B)
        g = -(t / (u * z)) @ K
        return np.log(u).sum(), q * (g - q @ g)

    H = []
    for shift in range(4):  # the worst output law on codewords that the bound has never seen
        places = np.unique(np.round(x / 0.3)) * 0.3 + 0.07 * shift
        H.append(minimize(partial(won, places), 0 * places, jac=True, method="L-BFGS-B").fun)
    assert B > 0.5 and nats <= min(H) < nats + (60 if off else 1)  # none beats it, and not by much


def test_what_no_sample_shows_is_bet_against_as_well():
    x = np.random.default_rng(12).standard_normal((400, 1))
    left = Fidelity(0.1, on=[(-9, 0)], per="subset", name="left")
    budgets = [left, Fidelity(0.2, on=[(0, 9)], per="subset", name="right")]
    table, kind = module.kinds(module.membership(x, budgets))
    question = module.Question(tuple(budgets), table, np.log(20), 300)
    prices, t, _, law = question.prepared(x[:100], kind[:100])
    both = (prices.lam * [0.1, 0.2]).sum()  # of a point in both, had the subsets one
    assert prices.most >= both > prices.o.max()
    high = 1 / (1.1 + both)  # a stake with which the bet may be for 0.1 at most, else it could be lost beyond all
    assert question.bet(x[100:], kind[100:], prices, t, law) > 0.5
    assert 0 < question.bet(x[100:], kind[100:], prices, high, law) <= 0.1


def test_nodes_have_the_mass_and_the_mean_of_the_samples():
    x = np.concatenate([Density.normal(3, 2).sample(20_000, 13), np.full(50, 0.3), [-1e9, 1e-30, -1e-30, 0.0]])
    nodes, counts, charges = module.on_nodes(x, 2.0, 1e-4)
    assert counts.sum() == pytest.approx(len(x), rel=1e-12) and counts @ nodes[:, 0] == pytest.approx(
        x.sum(), rel=1e-12
    )
    assert -1e9 in nodes and not set(nodes[charges > 0, 0] * 128 % 1) - {0.0} and 0 < charges.max() <= 1e-4
    spread = counts @ nodes[:, 0] ** 2 - (x**2).sum()
    assert 0 < 2 * spread <= counts @ charges + 1e-12 * x.max() ** 2 + 1e3  # 1e18 is held to within 1e2


def test_in_the_plane_a_subset_is_a_function_of_the_point():
    x = np.random.default_rng(14).standard_normal((300, 2))
    near = Fidelity(0.02, on=lambda x: (x**2).sum(axis=1) < 0.5, name="near")
    alone, both = estimate(x, Fidelity(0.5)), estimate(x, [Fidelity(0.5), near])
    assert 1.5 < alone.lower_bound < 2 < both.rate and alone.lower_bound < both.lower_bound
    assert both.prices["near"] > 0


NORMAL = Density.normal().sample(100, 15)
BAD = [
    (np.append(NORMAL, np.nan), Fidelity(0.5), "finite numbers"),
    (np.append(NORMAL, np.inf), Fidelity(0.5), "finite numbers"),
    (1e160 * NORMAL, Fidelity(0.5), "expected at most 1e+150"),
    (NORMAL[:19], Fidelity(0.5), "19 samples; expected at least 20"),
    ([], Fidelity(0.5), "n, k >= 1"),
    (np.zeros((30, 4)), Fidelity(0.5), "dimension 4"),
    (NORMAL, Fidelity(0.5, per="letter"), 'per="letter"'),
    (NORMAL, Fidelity(0.5, distortion=mfrd.absolute_error), "mfrd.squared_error alone"),
    (NORMAL, Fidelity(0.0), "budget is 0"),
    (NORMAL, Fidelity(0.5, on=NORMAL > 0), "mask or indices; expected open intervals"),
    (NORMAL, Fidelity(0.5, on=[1, 2]), "mask or indices; expected open intervals"),
    (np.zeros((30, 2)), Fidelity(0.5, on=[(0, 1)]), "intervals; expected a function"),
    (np.zeros((30, 2)), Fidelity(0.5, on=np.ones(30, bool)), "expected a function of the points"),
    (np.zeros((30, 2)), Fidelity(0.5, on=lambda x: x[:, 0]), "the function of the subset returns float64"),
    (NORMAL, [Fidelity(0.5), Fidelity(0.4)], "a name of its own"),
    (NORMAL, [], "at least one"),
]


@pytest.mark.parametrize("samples, fidelities, said", BAD)
def test_what_is_refused_says_why(samples, fidelities, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        estimate(samples, fidelities)


def test_wrong_confidence_and_support_are_refused():
    for confidence in (0, 1, 1.5, np.nan):
        with pytest.raises(ValueError, match="confidence is"):
            estimate(NORMAL, Fidelity(0.5), confidence=confidence)
    for support, said in [
        ((0, 1), "expected all in the support"),
        ((9, -9), "low < high"),
        (3, "expected"),
        ((0, np.inf), "finite"),
    ]:
        with pytest.raises(ValueError, match=said):
            estimate(NORMAL, Fidelity(0.5), support=support)


def test_a_support_gives_an_upper_bound_as_well():
    known = mfrd.limit(Density.uniform(), Fidelity(0.01)).rate
    for seed in range(4):
        x = Density.uniform().sample(10_000, seed)
        found = estimate(x, Fidelity(0.01), support=(0, 1))
        assert known - 0.03 < found.lower_bound < known < found.upper_bound < known + 0.12
    assert "<=" in repr(found) and found.upper_bound > found.rate
    budgets = [Fidelity(0.02), Fidelity(0.004, on=[(0.4, 0.6)], per="subset", name="middle")]
    both, known = estimate(x, budgets, support=(0, 1)), mfrd.limit(Density.uniform(), budgets).rate
    assert known - 0.04 < both.lower_bound < known < both.upper_bound < known + 0.25
    assert estimate(x[:50], Fidelity(0.01), support=(-9, 9)).upper_bound == np.inf  # nothing is shown to be kept
    assert estimate(np.full(5000, 0.5), Fidelity(0.1), support=(0, 1)).upper_bound < 0.1


def test_an_encoder_that_breaks_its_budget_is_not_passed(monkeypatch):
    x = Density.uniform().sample(10_000, 0)
    monkeypatch.setattr(module, "DARING", (-0.02, -0.1))  # what these leave unspent
    assert estimate(x, Fidelity(0.01), support=(0, 1)).upper_bound == np.inf


def test_what_a_mean_is_at_most_is_missed_as_seldom_as_said():
    rng, missed = np.random.default_rng(17), 0
    for _ in range(200):
        Z = (rng.random(150) < 0.02) * 1.0  # mean 0.02
        missed += module.at_most(Z, 0.9, np.log(10), 1.0) < 0.02
    assert 0 < missed <= 33  # 10 % of 200 are 20


def test_letters_far_apart_are_a_band():
    rng = np.random.default_rng(18)
    x = np.sort(rng.standard_cauchy(1500))[:, None]
    letters = Letters(x, np.full(1500, 1.5), np.full(1500, 1 / 1500))
    y, q = letters.least(1e-4)
    a, every = letters.potentials(y, q), np.exp(-1.5 * (x - y[:, 0]) ** 2)
    assert a == pytest.approx(-np.log(every @ q), abs=1e-9)
    c = letters.masses(y, a)
    assert c == pytest.approx(np.exp(a) @ every / 1500, rel=1e-9) and len(list(letters.tiles(y))) > 2
    places = np.linspace(x.min(), x.max(), 20_000)[:, None]
    assert max(c.max(), letters.masses(places, a).max()) < 1 + 2e-4
    assert abs(q @ c - 1) < 1e-4


def test_the_output_law_is_that_of_the_limit_at_prices():
    rng = np.random.default_rng(19)
    x, p, w = rng.standard_normal((60, 2)), rng.dirichlet(np.ones(60)), 1.3
    letters = Letters(x, np.full(60, w), p)
    y, q = letters.least(1e-6)
    D = p @ module.sent(x, letters.w, module.Law(y, q, np.array([w])))[1]
    known = mfrd.limit(mfrd.Source(x, p), Fidelity(D))
    assert p @ letters.potentials(y, q) - w * D == pytest.approx(known.rate * np.log(2), abs=5e-6)
    assert known.prices["global"] * np.log(2) == pytest.approx(w, rel=2e-3)


def test_nodes_in_space_keep_the_sums_of_smooth_functions():
    x, kind = np.random.default_rng(20).standard_normal((20_000, 2)), np.zeros(20_000, int)
    nodes = module.in_space(x, kind, np.array([2.0]))
    f = lambda x: np.exp(-2 * ((x - [0.3, -0.2]) ** 2).sum(axis=1)) + np.cos(x[:, 0])
    assert len(nodes.x) < 4000 and nodes.counts @ f(nodes.x) == pytest.approx(f(x).sum(), rel=1e-6)
