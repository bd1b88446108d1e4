"""Trellis quantisers: the cheapest path is the cheapest, the codes are what they are said to be, budgets hold."""

import heapq

import numpy as np
import pytest

import mfrd
from mfrd.quantisers.trellis_codes import POLYNOMIALS, TrellisCode
from mfrd.quantisers.trellis_design import STEPS, Codewords, Line, Tables, bound_at, shares_of

STATES = sorted(POLYNOMIALS)


def normal_source(n=200):
    return mfrd.bumps(mfrd.grid(-4, 4, n), [1], [0], [1])


def trimodal_source():
    return mfrd.bumps(mfrd.grid(-8, 8, 100), [0.25] * 3, [-5, -1, 2.5], [0.3, 0.6, 0.4], 0.015625)


# --- codes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("states", STATES)
def test_labels_of_a_path_satisfy_the_parity_check(states):
    code, rng = TrellisCode.of(states), np.random.default_rng(states)
    costs = rng.random((60, 4, 3)).astype(np.float32)
    labels = np.vstack([np.zeros((16, 3), int), code.search(costs)])  # the path before the start is all zero
    taps = [[h >> i & 1 for i in range(16)] for h in (code.h0, code.h1)]
    for t in range(16, len(labels)):
        past = labels[t - 15 : t + 1][::-1]  # of delay 0 .. 15
        assert (((past & 1).T @ taps[0] + (past >> 1).T @ taps[1]) % 2 == 0).all()


@pytest.mark.parametrize("states", STATES)
def test_the_search_finds_the_least_of_all_paths(states):
    """All 2^14 paths of 14 steps, which pass each other in every machine; infinite costs too."""
    code, rng, T = TrellisCode.of(states), np.random.default_rng(states), 14
    costs = rng.exponential(size=(T, 4, 5)).astype(np.float32)
    costs[rng.random(costs.shape) < 0.02] = np.inf
    state, total = np.zeros(1, int), np.zeros((1, 5))
    for cost in costs:
        labels = np.concatenate([2 * z1 + (state & 1) for z1 in (0, 1)])
        total = np.tile(total, (2, 1)) + cost[labels]
        state = (np.tile(state, 2) >> 1) ^ code.moves[labels]
    labels = code.search(costs)
    chosen = np.take_along_axis(costs, labels[:, None].astype(int), axis=1)[:, 0].sum(axis=0)
    assert chosen == pytest.approx(total.min(axis=0), rel=1e-5)
    state = np.zeros(5, int)
    for label in labels:
        assert (label & 1 == state & 1).all()  # a state allows the labels of its parity alone
        state = (state >> 1) ^ code.moves[label]


def free_distance(code):
    """The least squared distance of paths that part and meet, from label differences 1, 2, 3 of squares 1, 4, 1."""
    weight = (0, 1, 4, 1)  # by the exclusive or of two labels, which says how far they are apart
    start = int(code.moves[2])
    queue, done = [(4, start)], set()
    while queue:
        distance, state = heapq.heappop(queue)
        if state == 0:
            return min(distance, 16)  # two codewords of one label are four apart
        if state in done:
            continue
        done.add(state)
        for z1 in (0, 1):
            label = 2 * z1 + (state & 1)
            heapq.heappush(queue, (distance + weight[label], int((state >> 1) ^ code.moves[label])))


@pytest.mark.parametrize("states, distance", [(4, 9), (8, 10), (16, 11), (32, 13), (64, 14), (128, 16), (256, 16)])
def test_squared_free_distances_are_those_of_the_literature(states, distance):
    """Ungerboeck (1982), Table I, and (1987)."""
    assert free_distance(TrellisCode.of(states)) == distance


def granular_gain(code, N=1_000_000):
    """Decibels over the scalar quantiser of one bit, on a uniform source modulo 4 with the integers as codewords."""
    x = 4 * np.random.default_rng(0).random((STEPS, 1, -(-N // STEPS)), np.float32)
    away = np.abs(x - np.arange(4, dtype=np.float32)[:, None])
    costs = np.minimum(away, 4 - away) ** 2
    labels = code.search(costs)
    return 10 * np.log10(1 / 3 / np.take_along_axis(costs, labels[:, None].astype(int), axis=1).mean(dtype=float))


@pytest.mark.parametrize("states, gain", [(4, 0.99), (16, 1.15), (64, 1.26)])
def test_granular_gains(states, gain):
    """Marcellin and Fischer (1990); the benchmark has them for all codes."""
    assert granular_gain(TrellisCode.of(states)) == pytest.approx(gain, abs=0.02)


@pytest.mark.parametrize("states", [2, 12, 8192, 8.0, "8", None])
def test_other_numbers_of_states_are_refused(states):
    with pytest.raises(ValueError, match="expected a power of two from 4 to 4096"):
        TrellisCode.of(states)


@pytest.mark.parametrize("h0, h1", [(0o4, 0o2), (0o5, 0o1), (0o5, 0), (0o5, 0o4), (0o3, 0o2), (0o20001, 0o2)])
def test_polynomials_that_are_none_are_refused(h0, h1):
    with pytest.raises(ValueError, match="expected h0 odd of degree 2 to 12"):
        TrellisCode(h0, h1)


# --- design -----------------------------------------------------------------------------------


def fresh(quantiser, seed=1):
    """(bits, distortions (R,)) of a trellis on 10^6 other letters, by the paths themselves."""
    line = quantiser.line
    letters = line.letter[mfrd.draw(quantiser.source, 1_000_000, seed)]
    tables = Tables(line, quantiser.multipliers, quantiser.codewords)
    shares = tables.shares(letters, tables.coded(quantiser.code, letters, STEPS))
    return float((shares * tables.bits).sum()), tables.distortions(shares)


@pytest.fixture(scope="module")
def quantisers():
    """Designs of several kinds of budgets, with what their gaps may be."""
    normal, line = normal_source(), trimodal_source()
    core = mfrd.Fidelity(0.05, on=abs(line.points) < 1, name="core")
    tails = mfrd.Fidelity(0.1, on=abs(normal.points) > 2, per="subset", name="tails")
    return {
        "low rate": (mfrd.trellis(normal, mfrd.Fidelity(0.7), 8), 0.07),
        "one budget": (mfrd.trellis(normal, mfrd.Fidelity(0.25), 32), 0.055),
        "a core": (mfrd.trellis(line, [mfrd.Fidelity(0.6), core], 8), 0.045),
        "a subset": (mfrd.trellis(normal, [mfrd.Fidelity(0.3), tails], 8), 0.1),
    }


KINDS = ("low rate", "one budget", "a core", "a subset")


@pytest.mark.parametrize("kind", KINDS)
def test_budgets_hold_on_letters_that_the_design_never_saw(kind, quantisers):
    quantiser, _ = quantisers[kind]
    for f in quantiser.fidelities:
        assert quantiser.distortions[f.name] <= f.D + 2 * quantiser.standard_errors[f.name]
        assert 0 < quantiser.standard_errors[f.name] < 0.02 * f.D


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_trellis_says_of_itself_is_seen_again(kind, quantisers):
    quantiser, _ = quantisers[kind]
    bits, E = fresh(quantiser)
    assert bits == pytest.approx(quantiser.rate, abs=5 * quantiser.rate_error)
    for f, e in zip(quantiser.fidelities, E, strict=True):
        assert e == pytest.approx(quantiser.distortions[f.name], abs=6 * quantiser.standard_errors[f.name])


@pytest.mark.parametrize("kind", KINDS)
def test_the_gap_is_small_and_taken_at_the_distortions_measured(kind, quantisers):
    quantiser, most = quantisers[kind]
    assert 0 < quantiser.gap < most
    scale = quantiser.row_distortions / quantiser.line.rows.D
    budgets = [mfrd.Fidelity(f.D * r, on=f.on, per=f.per, name=f.name) for f, r in zip(quantiser.fidelities, scale)]
    there = mfrd.limit(quantiser.source, budgets)
    assert bound_at(quantiser.bound, quantiser.row_distortions) <= there.rate
    assert quantiser.rate - quantiser.gap == pytest.approx(there.lower_bound, abs=2e-4)
    assert quantiser.lower_bound == quantiser.bound.lower_bound


def test_a_trellis_beats_every_scalar_quantiser(quantisers):
    quantiser, _ = quantisers["one budget"]
    scalar = mfrd.ecsq(quantiser.source, 0.25)
    assert quantiser.rate < scalar.rate - 0.15


def test_the_same_seed_gives_the_same_quantiser():
    first, second = (mfrd.trellis(normal_source(50), mfrd.Fidelity(0.3), 4, rng=3) for _ in range(2))
    assert (first.codebook == second.codebook).all() and (first.counts == second.counts).all()
    assert first.rate == second.rate and first.distortions == second.distortions


def test_units_and_whitening_change_nothing_but_scale():
    source = normal_source(60)
    wide = mfrd.Source(1000 * source.points + 5e5, source.pmf)
    plain = mfrd.trellis(source, mfrd.Fidelity(0.3), 4)
    scaled = mfrd.trellis(wide, mfrd.Fidelity(0.3e6), 4)
    white = mfrd.trellis(wide, mfrd.Fidelity(0.3, distortion=mfrd.mahalanobis([[1e6]])), 4)
    for other in (scaled, white):
        assert other.rate == pytest.approx(plain.rate, abs=0.005)
        assert (other.codebook - 5e5) / 1000 == pytest.approx(plain.codebook, abs=0.05)
    assert white.distortions["global"] == pytest.approx(0.3, rel=0.01)


def test_budgets_on_each_letter():
    source = normal_source(21)
    each = mfrd.Fidelity(0.08, on=abs(source.points) > 1.5, per="letter", name="each")
    quantiser = mfrd.trellis(source, [mfrd.Fidelity(0.4), each], 8)
    assert quantiser.distortions["each"] <= 0.08 + 2 * quantiser.standard_errors["each"]
    assert quantiser.distortions["global"] <= 0.4 + 2 * quantiser.standard_errors["global"]


def test_the_least_distortion_at_a_rate():
    quantiser = mfrd.trellis(normal_source(), rate=1.0, states=8)
    assert quantiser.rate == pytest.approx(1.0, abs=4 * quantiser.rate_error + 0.002)
    assert quantiser.distortions["global"] == pytest.approx(0.25 * 4**0.074, rel=0.02)
    assert 0 < quantiser.gap < 0.085


def test_budgets_above_the_variance_and_a_single_letter_cost_nothing():
    for source, D in ((normal_source(40), 3.0), (mfrd.Source([2.5], [1.0]), 0.1)):
        quantiser = mfrd.trellis(source, mfrd.Fidelity(D), 8)
        assert quantiser.rate == 0 and quantiser.gap == 0
        assert quantiser.distortions["global"] <= D


def test_letters_that_are_one_point_are_one_letter():
    twice = mfrd.Source([-1.0, 0.0, 0.0, 1.0, 2.0], [0.2, 0.1, 0.3, 0.2, 0.2])
    line = Line(twice, (mfrd.Fidelity(0.1), mfrd.Fidelity(0.1, on=[1], name="first")))
    assert line.x + line.centre == pytest.approx([-1, 0, 1, 2]) and line.p == pytest.approx([0.2, 0.4, 0.2, 0.2])
    assert line.slopes == pytest.approx(np.array([[1, 1, 1, 1], [0, 0.25, 0, 0]]))


def test_letters_of_the_design_keep_their_tails():
    """No letter of the tail is drawn half of the time, yet all together are as often as their mass says."""
    x = mfrd.grid(-5, 5, 2001)
    line, N = Line(mfrd.Source(x, np.exp(-(x**2) / 2) / np.exp(-(x**2) / 2).sum()), (mfrd.Fidelity(0.1),)), 1 << 14
    letters = line.draw(N, np.random.default_rng(0))
    far = line.x > 2.7
    assert (line.p[far] * N < 0.5).any() and 20 < line.p[far].sum() * N < 90
    assert abs(np.isin(letters, np.flatnonzero(far)).sum() - line.p[far].sum() * N) <= 1
    for value in (line.x, line.x**2, line.x**4):
        assert value[letters].mean() == pytest.approx(line.p @ value, abs=4e-3)
    counts = np.bincount(letters, minlength=len(line.p))
    assert abs(counts - line.p * N).max() <= 1 and (np.diff(letters) < 0).any()
    rare = Line(mfrd.Source([0.0, 1.0, 2.0], [0.0, 1.0, 0.0]), (mfrd.Fidelity(0.1),))
    assert (rare.draw(9, np.random.default_rng(0)) == 1).all()


def test_tables_hold_the_cheapest_codeword_of_each_label():
    source, rng = normal_source(30), np.random.default_rng(0)
    line = Line(source, (mfrd.Fidelity(0.1),))
    words = Codewords(rng.normal(size=9), np.array([0, 0, 0, 1, 1, 2, 2, 2, 2]), rng.dirichlet(np.ones(9)))
    tables = Tables(line, np.array([3.0]), words)
    costs = 3 * (line.x[:, None] - words.y) ** 2 - np.log2(words.masses)
    for label in range(3):
        own = words.labels == label
        assert tables.costs[label] == pytest.approx(costs[:, own].min(axis=1) - costs.min(axis=1), abs=1e-4)
        assert (words.labels[tables.best[label]] == label).all()
    assert np.isinf(tables.costs[3]).all()


@pytest.mark.parametrize(
    "arguments, error, match",
    [
        ((normal_source(9), mfrd.Fidelity(0.2), 100), ValueError, "power of two from 4 to 4096"),
        ((normal_source(9), mfrd.Fidelity(0.0), 8), mfrd.InfeasibleFidelity, "global: budget 0; .* mfrd.ecvq"),
        ((normal_source(9), None, 8), ValueError, "one of the two"),
        (
            (mfrd.Source(np.eye(2), [0.5, 0.5]), mfrd.Fidelity(0.1), 8),
            ValueError,
            "dimension 2; expected 1: use mfrd.ecvq",
        ),
        ((normal_source(9), mfrd.Fidelity(0.1, distortion=mfrd.hamming), 8), ValueError, "hamming is not quadratic"),
    ],
)
def test_refusals_name_the_remedy(arguments, error, match):
    with pytest.raises(error, match=match):
        mfrd.trellis(*arguments)


def test_a_bound_of_other_budgets_is_refused():
    source = normal_source(9)
    with pytest.raises(ValueError, match="bound is one for budgets .0.2.; expected .0.1."):
        mfrd.trellis(source, mfrd.Fidelity(0.1), bound=mfrd.limit(source, mfrd.Fidelity(0.2)))


@pytest.mark.parametrize("masses", [[1.0], [0.5, 0.5, 1e-9], [1 - 3e-9, 1e-9, 1e-9, 1e-9], np.full(1000, 1e-3)])
def test_shares_are_whole_positive_and_near(masses):
    shares = shares_of(np.array(masses), 1 << 16)
    assert shares.sum() == 1 << 16 and shares.min() >= 1
    assert shares == pytest.approx(np.array(masses) * (1 << 16), abs=len(masses))


@pytest.mark.parametrize("D", [0.8, 0.9])
def test_rates_near_zero_are_no_cliff(D):
    """A codebook of one codeword costs nothing and meets nothing: the search must not end there, nor far from it."""
    source = normal_source(80)
    quantiser = mfrd.trellis(source, mfrd.Fidelity(D), 16)
    assert quantiser.distortions["global"] == pytest.approx(D, rel=0.03)
    assert 0 < quantiser.gap < 0.05


def test_a_rate_at_which_every_letter_would_be_exact_is_refused():
    with pytest.raises(ValueError, match="rate is 2 bits a sample; expected less than 2, .*: mfrd.ecvq"):
        mfrd.trellis(mfrd.Source([0.0, 1.0, 2.0, 4.0], np.full(4, 0.25)), rate=2.0)


@pytest.mark.parametrize("rate", [0, -1.0, np.inf, np.nan])
def test_rates_that_are_none_are_refused(rate):
    with pytest.raises(ValueError, match="expected a number of bits a sample > 0"):
        mfrd.trellis(normal_source(9), rate=rate)


def test_a_scale_that_single_precision_does_not_hold_is_refused():
    x, p = mfrd.grid(-3, 3, 40), gaussian_pmf(40)
    for scale in (1e40, 1e-60):
        with pytest.raises(ValueError, match="letters spread over .*; expected 1e-30 to 1e"):
            mfrd.trellis(mfrd.Source(scale * x, p), mfrd.Fidelity(0.3 * scale**2), 8)
    for scale in (1e-29, 1e28):
        found = mfrd.trellis(mfrd.Source(scale * x, p), mfrd.Fidelity(0.3 * scale**2), 8)
        assert 0 < found.gap < 0.15 and found.distortions["global"] < 0.31 * scale**2


def gaussian_pmf(n):
    masses = np.exp(-(mfrd.grid(-3, 3, n) ** 2) / 2)
    return masses / masses.sum()
