"""Quantisers: against closed forms, against enumeration, against each other, against the bound."""

import itertools

import numpy as np
import pytest
from helpers.cases import trimodal_source as trimodal
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.special import entr
from scipy.stats import norm

import mfrd
from mfrd.codebooks.priced import Budgets, Priced
from mfrd.quantisers.cells import labels
from mfrd.quantisers.descent import Column, exchanged
from mfrd.quantisers.quantiser import exact_shares, time_share
from mfrd.solvers.certificate import potentials

CELLS_FREE = ("columns", "anneal", "random")  # the starts of ecvq that never see the dynamic program


def binned(edges, cdf, partial_mean):
    """(source of bin centroids, variance inside the bins): E|X - Y|^2 of X is exactly the sum of both."""
    p = np.diff(cdf(edges))
    x = np.diff(partial_mean(edges)) / p
    return mfrd.Source(x, p), 1 - p @ x**2


def gaussian(n=900, reach=5.5):
    inner = np.linspace(-reach, reach, n + 1)[1:-1]
    return binned(np.concatenate([[-np.inf], inner, [np.inf]]), norm.cdf, lambda x: -norm.pdf(x))


def laplacian(n=1000, reach=9.0):
    """Variance one: density sqrt(1/2) exp(-sqrt(2) |x|)."""
    a, x = np.sqrt(2), np.linspace(-reach, reach, n + 1)[1:-1]
    edges = np.concatenate([[-np.inf], x, [np.inf]])

    def cdf(x):
        return np.where(x < 0, 0.5 * np.exp(-a * abs(x)), 1 - 0.5 * np.exp(-a * abs(x)))

    def partial_mean(x):  # integral of t f(t) up to x
        size = np.where(np.isinf(x), 0.0, abs(x))
        return np.where(np.isinf(x), 0.0, -0.5 * np.exp(-a * size) * (size + 1 / a))

    return binned(edges, cdf, partial_mean)


def laplacian_closed_form(rate):
    """Least D of a dead zone and uniform thresholds beyond it, the optimal form (Sullivan 1996).

    |X| beyond the dead zone t is exponential again, so each cell of width s holds the same truncated
    exponential, and the index of the cell is geometric.
    """
    a = np.sqrt(2)

    def h(u):
        return (entr(u) + entr(1 - u)) / np.log(2)

    def entropy(t, s):
        outside, ratio = np.exp(-a * t), np.exp(-a * s)
        return h(outside) + outside * (1 + h(ratio) / (1 - ratio))

    def distortion(t, s):
        outside, ratio = np.exp(-a * t), np.exp(-a * s)
        inside = 1 - outside * (t**2 + 2 * t / a + 1)
        return inside + outside * (0.5 - s**2 * ratio / (1 - ratio) ** 2)

    def best(s):
        if (entropy(1e-9, s) - rate) * (entropy(20, s) - rate) > 0:
            return 1.0
        return distortion(brentq(lambda t: entropy(t, s) - rate, 1e-9, 20), s)

    grid = np.geomspace(0.02, 8, 200)
    s = grid[np.argmin([best(s) for s in grid])]
    return minimize_scalar(best, bounds=(s / 1.05, s * 1.05), method="bounded", options={"xatol": 1e-10}).fun


# --- ECSQ against theory ----------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0, 3.0])
def test_laplacian_matches_the_closed_form_of_sullivan(rate):
    source, within = laplacian()
    found = mfrd.ecsq(source, laplacian_closed_form(rate) - within).rate
    assert -1e-7 < found - rate < 5e-4  # thresholds at bin edges: never below, above by O(width^2)


@pytest.mark.parametrize("rate, gap", [(1.0, 0.2392), (2.0, 0.2544), (3.0, 0.2546)])
def test_gaussian_beats_the_uniform_quantiser_and_tends_to_a_quarter_bit(rate, gap):
    """Bits above R(D) = log2(1/D) / 2; the limit is log2(pi e / 6) / 2 (Gish and Pierce 1968)."""

    def uniform(step):
        edges = np.concatenate([[-np.inf], (np.arange(-80, 80) + 0.5) * step, [np.inf]])
        p, first = np.diff(norm.cdf(edges)), -np.diff(norm.pdf(edges))
        held = p > 1e-300
        return entr(p).sum() / np.log(2), 1 - np.sum(first[held] ** 2 / p[held])

    step = brentq(lambda s: uniform(s)[0] - rate, 0.2, 6)
    source, within = gaussian()
    D = uniform(step)[1]
    found = mfrd.ecsq(source, D - within).rate
    assert found < rate + 2e-4
    assert found - 0.5 * np.log2(1 / D) == pytest.approx(gap, abs=5e-4)


def exponential(width, n):
    """Density exp(-x) in n bins of one width, the last one without end."""
    edges = np.append(np.arange(n) * width, np.inf)
    tail = np.exp(-edges)  # integral of t f(t) from x on: (x + 1) exp(-x)
    p, first = -np.diff(tail), -np.diff(np.append(edges[:-1] + 1, 0) * tail)
    return mfrd.Source(first / p, p), 2 - p @ (first / p) ** 2


@pytest.mark.parametrize("step", [0.4, 1.0, 3.0])
def test_exponential_source_is_cut_into_equal_cells(step):
    """The optimal quantiser of an exponential density has uniform thresholds (Sullivan 1996).

    The index of the cell is geometric, P(j) = (1 - r) r^j with r = exp(-step), and each cell holds the same truncated
    exponential: H = h(r) / (1 - r), D = 1 - step^2 r / (1 - r)^2.
    """
    r = np.exp(-step)
    rate, D = (entr(r) + entr(1 - r)) / (1 - r) / np.log(2), 1 - step**2 * r / (1 - r) ** 2
    source, within = exponential(step / 30, int(20 * 30 / step))  # thresholds on bin edges; beyond 20, 2e-9
    found = mfrd.ecsq(source, D - within)
    assert found.rate == pytest.approx(rate, abs=1e-6)
    heaviest = max(found.parts, key=lambda part: part[0])[1]
    starts = np.flatnonzero(np.diff(labels(heaviest))) + 1
    few = starts[: int(10 / step)]  # in the far tail, letters at the end of the grid
    assert (few == 30 * np.arange(1, len(few) + 1)).all()


def optimum_on_the_density(mu, m=61):
    """(D, H in bits) of the Gaussian quantiser that meets the conditions of optimality at price mu, by their iteration.

    Thresholds where (x - y_j)^2 - mu log q_j crosses that of the next cell, masses and centroids of the density.
    """
    y, q = np.linspace(-5, 5, m), np.full(m, 1 / m)
    for _ in range(5000):
        t = ((y[1:] ** 2 - y[:-1] ** 2) - mu * np.log(q[1:] / q[:-1])) / (2 * np.diff(y))
        t = np.maximum.accumulate(t)  # a cell that its neighbours cover is empty
        edges = np.concatenate([[-np.inf], t, [np.inf]])
        mass, first = np.diff(norm.cdf(edges)), -np.diff(norm.pdf(edges))
        held = mass > 1e-13
        before, y, q = y, first[held] / mass[held], mass[held]
        if len(y) == len(before) and abs(y - before).max() < 1e-11:
            break
    return 1 - (q * y**2).sum(), entr(q).sum() / np.log(2)


@pytest.mark.parametrize("mu", [0.45, 0.2, 0.1])
def test_gaussian_matches_the_optimum_on_the_density_itself(mu):
    """Conditions: Chou, Lookabaugh and Gray (1989); the best of the starts with odd and even numbers of cells."""
    D, H = min((optimum_on_the_density(mu, m) for m in (20, 21, 60, 61)), key=lambda q: q[0] + mu * q[1] * np.log(2))
    width = 13 / 1600  # thresholds at bin edges: above by O(width^2)
    source, within = gaussian(1600, 6.5)
    assert -1e-9 < mfrd.ecsq(source, D - within).rate - H < width**2


def test_gaussian_at_low_rate_tends_to_the_slope_of_the_rate_distortion_function():
    """H -> (1 - D) / (2 log 2) bits as D -> 1, as for R(D) and for two cells (Marco and Neuhoff 2006)."""
    source, within = gaussian(1600, 6.5)

    def two_cells(t):
        q = norm.sf(t)
        return norm.pdf(t) ** 2 / (q * (1 - q)), (entr(q) + entr(1 - q)) / np.log(2)

    before, margin_before = np.inf, np.inf
    for gain in (0.5, 0.1, 1e-2, 1e-3, 1e-4, 1e-5):
        rate = mfrd.ecsq(source, 1 - gain - within).rate
        t = brentq(lambda t, gain=gain: two_cells(t)[0] - gain, 0, 7)
        slope, margin = rate / gain * 2 * np.log(2), two_cells(t)[1] / rate
        assert 1 < slope < before
        assert 1 < margin < margin_before
        before, margin_before = slope, margin
    assert margin < 1.01


@pytest.mark.parametrize("m, error, entropy", [(4, 0.1175, 1.911), (8, 0.03454, 2.825), (16, 0.009497, 3.765)])
def test_gaussian_beats_the_quantisers_of_max_at_their_entropy(m, error, entropy):
    """Error and entropy of the least-error quantisers from table I of Max (1960)."""
    source, within = gaussian()
    assert mfrd.ecsq(source, error - within).rate < entropy


@pytest.mark.parametrize("m", [2, 3, 5])
def test_uniform_source_is_best_cut_into_equal_cells(m):
    """At rate log2 m the optimum is m equal cells, D = 1 / (12 m^2) (Gyorgy and Linder 2000)."""
    n = 120
    source = mfrd.Source((np.arange(n) + 0.5) / n, np.full(n, 1 / n))
    within = 1 / (12 * n**2)
    quantiser = mfrd.ecsq(source, 1 / (12 * m**2) - within)
    assert quantiser.rate == pytest.approx(np.log2(m), abs=1e-9)


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_uniform_source_between_two_sizes_shares_time(m):
    """The lower hull of a uniform density has its vertices at log2 m alone (Gyorgy and Linder 2000)."""
    n = 120
    source = mfrd.Source((np.arange(n) + 0.5) / n, np.full(n, 1 / n))
    D = (1 / m**2 + 1 / (m + 1) ** 2) / 24 - 1 / (12 * n**2)
    quantiser = mfrd.ecsq(source, D)
    assert quantiser.rate == pytest.approx((np.log2(m) + np.log2(m + 1)) / 2, abs=1e-9)
    assert sorted(len(encoder.codebook) for _, encoder in quantiser.parts) == [m, m + 1]


# --- ECSQ against enumeration -----------------------------------------------------------------


def partitions(n):
    """All set partitions of n letters as restricted growth strings."""

    def grow(prefix, top):
        if len(prefix) == n:
            yield np.array(prefix)
            return
        for j in range(top + 2):
            yield from grow(prefix + [j], max(top, j))

    yield from grow([0], 0)


def contiguous(n):
    for cuts in itertools.product([0, 1], repeat=n - 1):
        yield np.concatenate([[0], np.cumsum(cuts)])


def measured(source, cells):
    mass = np.bincount(cells, source.p)
    mean = np.bincount(cells, source.p * source.x[:, 0]) / mass
    return source.p @ (source.x[:, 0] - mean[cells]) ** 2, entr(mass).sum() / np.log(2)


def lower_hull(points):
    """Vertices of the lower left hull of (D, H), by ascending D, edges of negative slope only."""
    hull = []
    for D, H in sorted(points):
        if hull and H >= hull[-1][1] - 1e-13:
            continue
        while len(hull) > 1:
            (a, b), (c, d) = hull[-2:]
            if (d - b) * (D - a) >= (H - b) * (c - a) - 1e-13:
                hull.pop()
            else:
                break
        hull.append((D, H))
    return np.array(hull)


@pytest.mark.parametrize("n, every", [(5, partitions), (7, partitions), (8, partitions), (11, contiguous)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hull_is_that_of_all_partitions(n, every, seed):
    rng = np.random.default_rng(seed)
    source = mfrd.Source(np.sort(rng.normal(size=n)), rng.dirichlet(np.ones(n)))
    expected = lower_hull([measured(source, cells) for cells in every(n)])
    found = np.array([(v.distortion, v.rate) for v in mfrd.ecsq_hull(source)])
    for D, H in expected:  # collinear vertices aside, the same hull
        assert abs(np.interp(D, found[:, 0], found[:, 1]) - H) < 1e-10
    for D, H in found:
        assert abs(np.interp(D, expected[:, 0], expected[:, 1]) - H) < 1e-10


def test_vertices_agree_with_their_encoders_and_are_found_once():
    vertices = mfrd.ecsq_hull(trimodal())
    rates = [v.rate for v in vertices]
    assert rates == sorted(rates, reverse=True) and len(set(rates)) == len(rates)
    for v in vertices[::10]:
        assert v.encoder.output_entropy == pytest.approx(v.rate, abs=1e-12)
        d = v.encoder.source.p @ v.encoder.distortion(mfrd.squared_error)
        assert d == pytest.approx(v.distortion, abs=1e-12)
        assert len(v.encoder.codebook) == len(v.thresholds) + 1


def test_ecsq_lies_on_the_hull_and_meets_its_budget():
    source = trimodal()
    vertices = mfrd.ecsq_hull(source)
    H, D = [v.rate for v in vertices], [v.distortion for v in vertices]
    for budget in (0.003, 0.1, 0.6, 3.0, 9.0):
        q = mfrd.ecsq(source, budget)
        assert q.rate == pytest.approx(np.interp(budget, D, H), abs=1e-10)
        assert q.distortion == pytest.approx(budget, rel=1e-12)
        assert len(q.parts) <= 2
        alone = q.deterministic()
        assert alone.source.p @ alone.distortion(mfrd.squared_error) <= budget
        assert alone.output_entropy >= q.rate - 1e-12


def test_ecsq_at_its_ends():
    source = trimodal()
    variance = float(source.covariance[0, 0])
    everything = mfrd.ecsq(source, variance * 1.5)
    assert everything.rate == 0 and len(everything.parts) == 1
    lossless = mfrd.ecsq(source, 0)
    assert lossless.rate == pytest.approx(entr(source.p).sum() / np.log(2), abs=1e-12)
    assert lossless.distortion == 0
    point = mfrd.ecsq(mfrd.Source([2.0], [1.0]), 0)
    assert point.rate == 0 and point.distortion == 0
    assert len(mfrd.ecsq_hull(mfrd.Source([2.0, 2.0], [0.5, 0.5]))) == 1


def test_letters_of_probability_zero_and_equal_ones_change_nothing():
    plain = mfrd.Source([0.0, 1.0, 3.0], [0.5, 0.2, 0.3])
    padded = mfrd.Source([3.0, 0.0, 2.0, 1.0, 0.0, 9.0], [0.3, 0.1, 0.0, 0.2, 0.4, 0.0])
    for D in (0.0, 0.05, 0.3, 1.0):
        assert mfrd.ecsq(padded, D).rate == pytest.approx(mfrd.ecsq(plain, D).rate, abs=1e-12)
        assert mfrd.ecsq(padded, D).distortion <= D * (1 + 1e-12)


def test_ecsq_is_invariant_to_shift_scale_and_order():
    source, rng = trimodal(), np.random.default_rng(0)
    order = rng.permutation(100)
    moved = mfrd.Source(1e6 + 3 * source.points[order], source.p[order])
    assert mfrd.ecsq(moved, 9 * 0.6).rate == pytest.approx(mfrd.ecsq(source, 0.6).rate, abs=1e-8)


def test_ecsq_refuses_what_it_cannot_do():
    plane = mfrd.Source(np.zeros((2, 2)), [0.5, 0.5])
    with pytest.raises(ValueError, match="dimension 2; expected 1"):
        mfrd.ecsq(plane, 1.0)
    with pytest.raises(ValueError, match="expected one finite number >= 0"):
        mfrd.ecsq(trimodal(), -0.1)
    with pytest.raises(ValueError, match="bound"):
        _ = mfrd.ecsq(trimodal(), 0.6).lower_bound


# --- ECVQ -------------------------------------------------------------------------------------


@pytest.mark.parametrize("D, tolerance", [(3.0, 1e-9), (0.6, 1e-9), (0.1, 0.002), (0.01, 0.005)])
def test_ecvq_reaches_ecsq_in_one_dimension_without_the_dynamic_program(D, tolerance):
    """Tolerance in bits: a search of local minima, exact where cells are few."""
    source = trimodal()
    exact = mfrd.ecsq(source, D).rate
    found = mfrd.ecvq(source, mfrd.Fidelity(D), rng=1, starts=CELLS_FREE, restarts=4)
    assert -1e-9 <= found.rate - exact <= tolerance
    with_cells = mfrd.ecvq(source, mfrd.Fidelity(D), starts=("columns", "cells"))
    assert with_cells.rate == pytest.approx(exact, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(2, 60), st.integers(2, 12), st.integers(0, 10**6))
def test_exchanged_letters_never_raise_what_is_minimised(k, n, m, seed):
    rng = np.random.default_rng(seed)
    source = mfrd.Source(rng.normal(size=(n, k)), rng.dirichlet(np.ones(n)))
    upper = source.x[:, 0] >= np.median(source.x[:, 0])
    half = mfrd.Fidelity(0.1, on=upper, distortion=mfrd.mahalanobis(np.diag(1.0 + np.arange(k))))
    budgets = Budgets(source, [mfrd.Fidelity(0.5), half])
    priced = Priced(budgets, rng.exponential(5, 2))
    cells = np.unique(rng.integers(m, size=n), return_inverse=True)[1]
    values = []
    for _ in range(6):
        size = cells.max() + 1
        values.append(Column(budgets, cells, priced.codewords(cells, size)).value(priced.multipliers))
        cells = exchanged(priced, cells)
        assert cells.max() + 1 == size == len(np.unique(cells))
    assert (np.diff(values) <= 1e-9).all()


def certificate(problem, solution):
    """(problem, prices, potentials) from the solution on another codebook of the same source."""
    q = np.concatenate([solution.encoder.output_pmf, np.zeros(problem.m - solution.problem.m)])
    return problem, solution.multipliers, potentials(problem, solution.multipliers, q)


@pytest.mark.parametrize("per, D", [("joint", 0.02), ("subset", 0.15), ("letter", 0.3)])
def test_ecvq_meets_every_budget_and_stays_above_the_certified_bound(per, D):
    """The bound is certified for a codebook that holds the letters and every codeword in use."""
    source = trimodal()
    core = abs(source.points) < 1
    fidelities = [mfrd.Fidelity(0.6), mfrd.Fidelity(D, on=core, per=per, name="core")]
    convex = mfrd.solve(mfrd.Problem(source, source.points, fidelities))
    q = mfrd.ecvq(source, fidelities, rng=0, restarts=1, rounds=12, convex=convex)
    used = np.concatenate([source.points, *(e.codebook for _, e in q.parts)])
    bound = mfrd.lower_bound(  # any prices and potentials will do: those of the letters, fitted
        *certificate(mfrd.Problem(source, used, fidelities), convex)
    )
    assert bound > 0.9 * convex.rate
    assert q.rate >= bound
    for f in fidelities:
        assert q.distortions[f.name] <= f.D * (1 + 1e-11)
    alone = q.deterministic()
    for f in fidelities:
        assert (f.weights(source.p) @ (source.p * alone.distortion(f.distortion)) <= f.D * (1 + 1e-9)).all()
    assert q.rate <= alone.output_entropy + 1e-12
    assert sum(w for w, _ in q.parts) == pytest.approx(1, abs=1e-12)
    assert q.rate > mfrd.ecsq(source, 0.6).rate - 1e-9  # more budgets cost more


def test_ecvq_with_a_slack_subset_budget_is_ecsq():
    source = trimodal()
    slack = mfrd.Fidelity(0.6, on=abs(source.points) < 1, name="core")
    q = mfrd.ecvq(source, [mfrd.Fidelity(0.6), slack], restarts=1)
    assert q.rate == pytest.approx(mfrd.ecsq(source, 0.6).rate, abs=1e-9)


def test_ecvq_in_two_dimensions_finds_the_best_partition_of_a_small_source():
    rng = np.random.default_rng(3)
    source = mfrd.Source(rng.normal(size=(7, 2)), rng.dirichlet(np.ones(7)))
    cloud = []
    for cells in partitions(7):
        mass = np.bincount(cells, source.p)
        mean = np.column_stack([np.bincount(cells, source.p * c) for c in source.x.T]) / mass[:, None]
        d = source.p @ ((source.x - mean[cells]) ** 2).sum(axis=1)
        cloud.append((d, entr(mass).sum() / np.log(2)))
    hull = lower_hull(cloud)
    for D in (0.05, 0.3, 0.8):
        q = mfrd.ecvq(source, mfrd.Fidelity(D))
        assert q.rate == pytest.approx(np.interp(D, hull[:, 0], hull[:, 1]), abs=1e-8)


def test_ecvq_on_a_product_grid_costs_at_most_two_scalar_quantisers():
    line = mfrd.bumps(mfrd.grid(-2, 2, 15), [1], [0], [0.8])
    plane = mfrd.Source(mfrd.grid(-2, 2, 15, 2), np.outer(line.p, line.p).ravel())
    q = mfrd.ecvq(plane, mfrd.Fidelity(0.4), rng=0, restarts=2)
    assert q.rate <= 2 * mfrd.ecsq(line, 0.2).rate + 1e-9


def test_mahalanobis_with_a_scaled_identity_is_squared_error():
    source = trimodal()
    scaled = mfrd.Fidelity(0.6 / 4, distortion=mfrd.mahalanobis([[4.0]]))
    assert mfrd.ecvq(source, scaled).rate == pytest.approx(mfrd.ecsq(source, 0.6).rate, abs=1e-9)


def test_two_measures_together():
    rng = np.random.default_rng(0)
    source = mfrd.Source(rng.normal(size=(60, 2)), np.full(60, 1 / 60))
    across = mfrd.Fidelity(0.05, distortion=mfrd.mahalanobis(np.diag([100.0, 1.0])), name="across")
    q = mfrd.ecvq(source, [mfrd.Fidelity(0.5), across], rng=0, restarts=2)
    assert q.distortions["global"] <= 0.5 * (1 + 1e-11)
    assert q.distortions["across"] <= 0.05 * (1 + 1e-11)
    assert q.rate >= mfrd.ecvq(source, mfrd.Fidelity(0.5), rng=0, restarts=2).rate - 0.05


def test_a_budget_of_zero_keeps_its_letters_apart():
    source = trimodal()
    core = abs(source.points) < 0.3
    q = mfrd.ecvq(source, [mfrd.Fidelity(2.0), mfrd.Fidelity(0.0, on=core, name="core")], rng=0, restarts=1)
    assert q.distortions["core"] == 0
    assert q.rate < 3
    lossless = mfrd.ecvq(source, mfrd.Fidelity(0.0))
    assert lossless.rate == pytest.approx(entr(source.p).sum() / np.log(2), abs=1e-9)


def test_ecvq_repeats_itself_from_the_same_seed():
    source = trimodal()
    f = [mfrd.Fidelity(0.6), mfrd.Fidelity(0.05, on=abs(source.points) < 1)]
    first, second = (mfrd.ecvq(source, f, rng=np.random.default_rng(5), restarts=2, rounds=4) for _ in range(2))
    assert first.rate == second.rate and first.distortions == second.distortions


def test_ecvq_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="squared_error or mahalanobis"):
        mfrd.ecvq(trimodal(), mfrd.Fidelity(1.0, distortion=mfrd.absolute_error))
    for starts in (("best",), "best", ()):
        with pytest.raises(ValueError, match="expected some of columns"):
            mfrd.ecvq(trimodal(), mfrd.Fidelity(1.0), starts=starts)
    few = mfrd.Problem(trimodal(), mfrd.grid(-8, 8, 4), [mfrd.Fidelity(1.0)])
    for convex in (mfrd.rd_curve(few, "global", [1e-3])[0], mfrd.ecsq(trimodal(), 1.0), 0.5):
        with pytest.raises(ValueError, match="convex is .*; expected a Solution with an encoder"):
            mfrd.ecvq(trimodal(), mfrd.Fidelity(1.0), convex=convex)


@pytest.mark.parametrize("start", ["columns", "cells", "anneal", "random"])
def test_one_start_may_be_given_by_its_name(start):
    source, budget = trimodal(), mfrd.Fidelity(0.6)
    alone, listed = (mfrd.ecvq(source, budget, starts=s, restarts=1, rounds=2) for s in (start, [start]))
    assert alone.rate == listed.rate < 2


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "points, pmf",
    [
        ([1.0], [1.0]),
        ([1.0, 1.0], [0.5, 0.5]),
        ([[1 / 3, 1e9]] * 3, [1 / 3] * 3),
        ([0.0, 1.0, 2.0, 3.0], [1 - 3e-12, 1e-12, 1e-12, 1e-12]),  # each codeword of the last three dies in annealing
    ],
)
def test_a_budget_of_zero_on_one_point_or_rare_letters(points, pmf):
    q = mfrd.ecvq(mfrd.Source(points, pmf), mfrd.Fidelity(0.0))
    assert q.distortion == 0 and q.rate < 1e-9


@pytest.mark.parametrize("per", ["joint", "subset", "letter"])
def test_equal_points_share_a_codeword_whatever_their_budgets(per):
    """So the codec delivers what is promised; and letters split in two, with their budgets, change nothing."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        points = rng.integers(4, size=(9, 2)).astype(float)
        source = mfrd.Source(points, rng.dirichlet(np.ones(9)))
        core = mfrd.Fidelity(0.05 * np.trace(source.covariance), on=rng.permutation(9)[:4], per=per, name="core")
        q = mfrd.ecvq(source, [mfrd.Fidelity(0.4), core], restarts=1, rounds=3)
        assert all(q.distortions[f.name] <= f.D * (1 + 1e-11) for f in q.fidelities)
        for _, encoder in q.parts:
            codec = mfrd.Codec(encoder)
            assert (codec.used[codec.cells(points)] == labels(encoder)).all()
    plain = mfrd.Source([0.0, 1.0, 2.5], [0.5, 0.2, 0.3])
    doubled = mfrd.Source([0.0, 2.5, 1.0, 0.0], [0.1, 0.3, 0.2, 0.4])
    rates = [
        mfrd.ecvq(source, [mfrd.Fidelity(0.3), mfrd.Fidelity(0.01, on=source.x[:, 0] > 2, per=per)]).rate
        for source in (plain, doubled)
    ]
    assert rates[0] == pytest.approx(rates[1], abs=1e-12)


# --- how they say they ended ------------------------------------------------------------------


def test_quantisers_say_how_they_ended_and_what_it_cost():
    source = trimodal()
    exact, found = (
        mfrd.ecsq(source, 0.6),
        mfrd.ecvq(source, mfrd.Fidelity(0.6), starts=CELLS_FREE, restarts=1, rounds=2),
    )
    mixed = mfrd.mixture([mfrd.lloyd_max(source, m) for m in (2, 8)], mfrd.Fidelity(0.6))
    assert (exact.status, found.status, mixed.status) == ("exact", "found", "exact")
    backends = ("dynamic program", "column search", "linear program")
    assert tuple(q.stats.backend for q in (exact, found, mixed)) == backends
    assert found.stats.iterations == 5  # rounds of prices: three that are guessed, and two
    assert found.stats.attempts > 5 * 3 and exact.stats.attempts == mixed.stats.attempts == 1
    assert 1 < exact.stats.iterations < 20 and mfrd.ecsq(source, 100.0).stats.iterations == 0
    for q in (exact, found, mixed):
        assert 0 < q.stats.seconds < 60 and "seconds" not in repr(q) and q.proven in repr(q)


# --- annealing, time-sharing, uniform ---------------------------------------------------------


def test_annealing_drives_the_conditional_entropy_to_zero():
    source = trimodal()
    solution = mfrd.solve(mfrd.Problem(source, mfrd.grid(-8, 8, 33), [mfrd.Fidelity(0.6)]))
    steps = mfrd.anneal(solution)
    assert steps[0].tau == 1 and steps[-1].tau == 0
    assert steps[0].conditional_entropy > 0.1
    assert steps[-1].conditional_entropy == 0
    assert steps[-1].rate == pytest.approx(steps[-1].output_entropy, abs=1e-12)
    falls = np.diff([s.conditional_entropy for s in steps])
    assert (falls < 1e-3).all()
    lam = solution.multipliers[0]
    objective = [  # E[s] + H(Y) - tau H(Y|X) at tau = 1: the optimum of all codebooks is the least
        lam * s.distortions["global"] + s.rate * np.log(2) for s in steps
    ]
    assert objective[0] <= lam * 0.6 + solution.rate * np.log(2) + 1e-9
    last = lam * steps[-1].distortions["global"] + steps[-1].output_entropy * np.log(2)
    exact = min(lam * v.distortion + v.rate * np.log(2) for v in mfrd.ecsq_hull(source))
    assert exact - 1e-9 <= last <= exact + 0.1


def test_annealing_refuses_what_it_cannot_do():
    source = trimodal()
    solution = mfrd.solve(mfrd.Problem(source, mfrd.grid(-8, 8, 9), [mfrd.Fidelity(3.0)]))
    for temperatures in ([0.1, 0.5], [1.0, np.nan, 0.0]):
        with pytest.raises(ValueError, match="falling"):
            mfrd.anneal(solution, temperatures)
    with pytest.raises(ValueError, match="max_iter is 0; expected at least 1"):
        mfrd.anneal(solution, max_iter=0)
    with pytest.raises(TypeError, match="solution is Limit; expected mfrd.Solution, as .solution"):
        mfrd.anneal(mfrd.limit(source, mfrd.Fidelity(10.0)))
    table = mfrd.Fidelity(3.0, distortion=abs(source.points[:, None] - np.arange(-8, 9)))
    priced = mfrd.solve(mfrd.Problem(source, np.arange(-8.0, 9.0), table), "newton")
    for search in (lambda: mfrd.anneal(priced), lambda: mfrd.ecvq(source, table), lambda: mfrd.refine(priced.problem)):
        with pytest.raises(ValueError, match=r"distortion matrix \d+ x 17 is not quadratic .*; free codewords need"):
            search()


def test_annealing_from_a_limit_counts_what_bins_add_in_every_unit():
    x, spent = np.random.default_rng(0).normal(size=300), []
    for unit in (1.0, 1000.0):  # the first is that in which a limit is searched
        source = mfrd.Source.from_samples(unit * x, 12)
        found = mfrd.limit(source, mfrd.Fidelity(0.15 * unit**2)).solution
        assert found.problem.source.within is not None
        spent.append(mfrd.anneal(found)[-1].distortions["global"] / unit**2)
    assert spent[0] == pytest.approx(spent[1], rel=1e-6)


def test_annealing_where_a_budget_bounds_letters_of_probability_zero_alone():
    source = mfrd.Source([0.0, 1.0, 2.0], [0.5, 0.5, 0.0])
    never = mfrd.Fidelity(0.1, on=[2], per="letter", name="never")
    steps = mfrd.anneal(mfrd.solve(mfrd.Problem(source, [0.0, 1.0], [mfrd.Fidelity(0.1), never])))
    assert steps[-1].distortions["never"] == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(2, 30), st.integers(0, 10**6))
def test_time_sharing_meets_every_budget_to_rounding(R, T, seed):
    rng = np.random.default_rng(seed)
    E, rates = rng.random((T, R)) * 10.0 ** rng.integers(-6, 6, R), rng.random(T)
    budgets = E.T @ rng.dirichlet(np.ones(T))
    w, prices = time_share(rates, E, budgets)
    assert (w >= 0).all() and w.sum() == pytest.approx(1, abs=1e-14)
    assert (w @ E <= budgets * (1 + 1e-11)).all()
    assert np.count_nonzero(w) <= R + 2
    assert (prices >= 0).all()
    bound = min(rates + E @ prices) - budgets @ prices  # weak duality
    assert w @ rates == pytest.approx(bound, abs=1e-6)


def test_shares_of_a_rough_answer_are_those_of_the_vertex():
    """What a linear program returns to 1e-10 is moved to the vertex where the budget is spent to the last digit."""
    E, D = np.array([[0.2], [1.7], [0.9]]), np.array([0.8])
    rough = np.array([0.6 + 3e-10, 0.4 - 3e-10, 0.0])
    exact = exact_shares(rough, E, D)
    assert exact == pytest.approx([0.6, 0.4, 0.0], abs=1e-15) and exact @ E == pytest.approx(D, rel=1e-15)


def test_shares_that_spend_too_much_give_a_sliver_to_the_finest():
    E, D = np.array([[0.2], [1.7], [0.9]]), np.array([0.8 * (1 - 1e-6)])
    exact = exact_shares(np.array([0.6, 0.4, 0.0]), E, D)
    assert exact.sum() == pytest.approx(1, abs=1e-15) and exact @ E == pytest.approx(D, rel=1e-12)
    assert exact[0] > 0.6 and exact[2] == 0


def test_time_sharing_out_of_reach_says_so():
    with pytest.raises(mfrd.InfeasibleFidelity, match="no mixture"):
        time_share([1.0, 2.0], [[1.0], [2.0]], [0.5])


def test_uniform_quantiser_approaches_the_high_resolution_gap():
    source, _ = gaussian(4000, 6)
    encoder = mfrd.uniform_quantiser(source, 0.25)
    D = source.p @ encoder.distortion(mfrd.squared_error)
    gap = encoder.output_entropy + 0.5 * np.log2(D)
    assert gap == pytest.approx(0.2546, abs=2e-3)
    square = mfrd.uniform_quantiser(mfrd.Source(mfrd.grid(0, 3, 4, 2), np.full(16, 1 / 16)), 2.0, offset=0.5)
    assert len(square.codebook) == 4
    with pytest.raises(ValueError, match="positive finite"):
        mfrd.uniform_quantiser(source, 0)
    with pytest.raises(ValueError, match="step is 1e-320; expected more than 3.*raise it"):
        mfrd.uniform_quantiser(source, 1e-320)
    for offset in (np.nan, np.inf, [1.0, 2.0], source.points):
        with pytest.raises(ValueError, match=r"expected finite numbers, one or \(1,\)"):
            mfrd.uniform_quantiser(source, 0.25, offset=offset)


def test_a_randomised_part_is_refused():
    source = mfrd.Source([0.0, 1.0], [0.5, 0.5])
    soft = mfrd.Encoder(source, [0.0, 1.0], [[0.5, 0.5], [0.0, 1.0]])
    with pytest.raises(ValueError, match="randomised"):
        labels(soft)
    with pytest.raises(ValueError, match="randomised"):
        mfrd.Quantiser(source, [mfrd.Fidelity(1.0)], [(1.0, soft)], soft, "nothing")


def test_a_row_of_the_letter_at_the_mean_spends_nothing_on_one_codeword():
    """Warnings are errors: in units of what it spends there, what others spend is beyond floats."""
    source = mfrd.Source([-1.0, 0.0, 1.0], np.full(3, 1 / 3))
    row = mfrd.Fidelity(0.1, on=source.points == 0, per="subset", name="row")
    found = mfrd.ecvq(source, [mfrd.Fidelity(0.2), row], restarts=1, rounds=2, patience=1)
    assert found.distortions["row"] <= 0.1 * (1 + 1e-12) and found.distortions["global"] <= 0.2 * (1 + 1e-12)
