"""The best contiguous cells: against the plain program over all pairs, over block edges, weights and ties."""

import itertools
import time
import tracemalloc

import numpy as np
import pytest
from helpers.all_cells import Cells, contiguous, highest
from scipy.special import entr

import mfrd
from mfrd.quantisers.cells import labels
from mfrd.quantisers.closing import Runs, closed
from mfrd.quantisers.partition import WIDTH, Constrained, measured, tolerant
from mfrd.quantisers.partition import Cells as Program
from mfrd.quantisers.quantiser import time_share


def plainly(x, mass, weight, mu):
    """The least weighted squared error + mu H of contiguous cells, over all pairs of edges."""
    value = [0.0]
    for b in range(1, len(x) + 1):
        costs = []
        for a in range(b):
            W, P = weight[a:b].sum(), mass[a:b].sum()
            mean = weight[a:b] @ x[a:b] / W if W else 0.0
            costs.append(value[a] + weight[a:b] @ (x[a:b] - mean) ** 2 + mu * entr(P))
        value.append(min(costs))
    return value[-1]


@pytest.mark.parametrize("n", [1, 2, WIDTH + 1, 2 * WIDTH + 5])
@pytest.mark.parametrize("kind", ["normal", "heavy", "lumps"])
def test_no_partition_costs_less_and_none_is_left_out(n, kind):
    rng = np.random.default_rng(n)
    x = np.sort({"normal": rng.normal(size=n), "heavy": rng.standard_t(1, n), "lumps": rng.integers(9, size=n)}[kind])
    mass = rng.dirichlet(np.full(n, 0.1 if kind == "lumps" else 1.0))
    weight = mass * rng.choice([0.0, 1.0, 50.0], n)
    slopes = np.array([1e-6, 0.01, 1.0, 30.0])
    for mu, edges in zip(slopes, Program(x * 1.0, mass, weight).best(slopes)):
        D, H = measured(x, mass, weight, edges)
        assert D + mu * H == pytest.approx(plainly(x, mass, weight, mu), rel=1e-9, abs=1e-12)


def test_many_letters_have_neighbours_on_the_hull_to_a_ten_millionth_of_a_bit():
    """No cells lie below the chord of the two encoders that share the time, by more than that."""
    x = np.sort(np.random.default_rng(0).normal(size=2000))
    found = mfrd.ecsq(mfrd.Source(x, np.full(2000, 1 / 2000)), 0.05)
    (_, fine), (_, coarse) = found.parts
    D = [encoder.source.p @ encoder.distortion(mfrd.squared_error) for encoder in (fine, coarse)]
    slope = (D[1] - D[0]) / (fine.output_entropy - coarse.output_entropy)
    mass = np.full(2000, 1 / 2000)
    (edges,) = Program(x, mass, mass).best(np.array([slope / np.log(2)]))
    least, H = measured(x, mass, mass, edges)
    assert abs(found.rate - (least + slope * H / np.log(2) - found.distortion) / slope) < 1e-7
    assert found.distortion == pytest.approx(0.05, rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_tolerant_cells_are_the_best_of_all_contiguous_ones(seed):
    """Against every partition of nine letters, the codeword of each cell found by a fine search of its interval."""
    rng = np.random.default_rng(seed)
    n = 9
    x, mass = np.sort(rng.normal(size=n)), rng.dirichlet(np.ones(n))
    radius, weight = rng.choice([0.2, 0.6, np.inf], n), mass * rng.choice([0.0, 3.0], n)
    least = np.inf
    for cuts in itertools.product((False, True), repeat=n - 1):
        edges = np.concatenate([[0], np.flatnonzero(cuts) + 1, [n]])
        cost = 0.0
        for a, b in zip(edges[:-1], edges[1:]):
            low, high = (x[a:b] - radius[a:b]).max(), (x[a:b] + radius[a:b]).min()
            y = np.linspace(max(low, x[a]), min(high, x[b - 1]), 4001) if low <= high else np.zeros(0)
            errors = weight[a:b] @ (x[a:b, None] - y) ** 2 if len(y) else [np.inf]
            cost += np.min(errors) + entr(mass[a:b].sum())
        least = min(least, cost)
    edges, y = tolerant(x, mass, weight, radius)
    cell = np.repeat(np.arange(len(y)), np.diff(edges))
    assert (abs(x - y[cell]) <= radius * (1 + 1e-12)).all()
    H = entr(np.bincount(cell, mass)).sum()
    assert least - 1e-4 < weight @ (x - y[cell]) ** 2 + H <= least + 1e-9


def test_largest_errors_on_a_region_cost_no_more_than_uniform_cells_there():
    x = mfrd.grid(-4, 4, 400)
    source = mfrd.bumps(x, [1], [0], [1])
    budgets = [mfrd.Fidelity(0.05), mfrd.Fidelity(0.01, on=x > 1, per="letter", name="high")]
    found = mfrd.ecvq(source, budgets)
    alone = found.deterministic()
    # 2.7431 for cells of 0.2 and one step elsewhere
    assert found.rate <= 2.53 and alone.output_entropy < 2.6235
    for parts in (found.parts, ((1.0, alone),)):
        errors = sum(weight * (x - encoder.codebook[labels(encoder)]) ** 2 for weight, encoder in parts)
        assert source.p @ errors <= 0.05 * (1 + 1e-9) and errors[x > 1].max() <= 0.01 * (1 + 1e-9)


def test_no_cells_whatever_keep_largest_errors_on_a_region_in_fewer_bits():
    """The potentials of contiguous cells are those of all: none, with gaps or without, gains more than it costs."""
    x = mfrd.grid(-4, 4, 400)
    source = mfrd.bumps(x, [1], [0], [1])
    cells = Cells.of(x, source.p, np.ones((1, 400)), np.array([0.05]), np.where(x > 1, 0.1, np.inf), fine=4)
    prices = np.array([8.5])
    least = cells.bound(contiguous(cells, prices)[0], prices) / np.log(2)
    alone = mfrd.ecvq(source, [mfrd.Fidelity(0.05), mfrd.Fidelity(0.01, on=x > 1, per="letter", name="high")]).safe
    assert 2.6208 < least < alone.output_entropy < least + 0.003


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_over_all_cells_is_that_of_every_partition(seed):
    """Five letters: of any time-sharing of their 52 partitions."""
    rng = np.random.default_rng(seed)
    x, p, w = np.sort(rng.normal(size=5)), rng.dirichlet(np.ones(5)), rng.uniform(0.2, 5, (1, 5))
    D = 0.3 * (w * p) @ x**2
    rates, spent = [], []
    for cells in itertools.product(range(5), repeat=5):
        cells = np.array(cells)
        if all(cells[i] <= cells[:i].max(initial=-1) + 1 for i in range(5)):
            y = np.bincount(cells, w[0] * p * x) / np.bincount(cells, w[0] * p)
            rates.append(entr(np.bincount(cells, p)).sum())
            spent.append([w[0] * p @ (x - y[cells]) ** 2])
    assert len(rates) == 52
    least = time_share(rates, spent, D)[0] @ rates
    cells = Cells.of(x, p, w, D, fine=400)
    assert least - 0.02 < highest(cells, least - 1e-3, rounds=12) < least
    u, lam = p * rng.uniform(0, 5, 5), rng.uniform(0.5, 3, 1)
    kappa = -np.inf
    for inside in itertools.product((False, True), repeat=5):
        C = np.flatnonzero(inside)
        if len(C):
            gain = u[C].sum() - lam @ cells.spent(C, w[0, C] * p[C] @ x[C] / (w[0, C] @ p[C])) - entr(p[C].sum())
            kappa = max(kappa, gain / p[C].sum())
    assert u.sum() - lam @ D - kappa - 1e-3 < cells.bound(u, lam) < min(u.sum() - lam @ D - kappa, least)


UNEVEN = np.random.default_rng(1).uniform(0.005, 0.1, 32)


@pytest.mark.parametrize("D, limit, alone", [(np.full(32, 0.05), 2.1615, 2.82), (UNEVEN, 2.2682, 2.78)])
def test_many_budgets_on_disjoint_subsets_are_met_near_the_limit(D, limit, alone):
    """limit: mfrd.limit of these budgets, to 1e-3 bits."""
    x = mfrd.grid(-4, 4, 400)
    source, part = mfrd.bumps(x, [1], [0], [1]), np.arange(400) * 32 // 400
    budgets = [mfrd.Fidelity(D[j], on=part == j, per="subset", name=str(j)) for j in range(32)]
    found = mfrd.ecvq(source, budgets)
    assert limit < found.rate < limit + 0.3
    error = (x - found.safe.codebook[labels(found.safe)]) ** 2
    assert found.safe.output_entropy < alone
    for j in range(32):
        assert source.p[part == j] @ error[part == j] / source.p[part == j].sum() <= D[j] * (1 + 1e-9)
        assert found.distortions[str(j)] <= D[j] * (1 + 1e-9)


def test_no_cells_whatever_meet_budgets_that_alternate_near_the_limit():
    """Budgets of 0.005 and 0.1 in turn, limit 2.4255 bits: what contiguous cells and their descendants find is near."""
    x, part, D = mfrd.grid(-4, 4, 400), np.arange(400) * 32 // 400, np.where(np.arange(32) % 2, 0.1, 0.005)
    source = mfrd.bumps(x, [1], [0], [1])
    budgets = [mfrd.Fidelity(D[j], on=part == j, per="subset", name=str(j)) for j in range(32)]
    weights = (part == np.arange(32)[:, None]) / np.bincount(part, source.p)[:, None]
    least = highest(Cells.of(x, source.p, weights, D), enough=2.8 * np.log(2)) / np.log(2)
    assert 2.4255 + 0.37 < least < mfrd.ecvq(source, budgets).rate < 2.91  # least 2.8976 by more linear programs


@pytest.mark.parametrize("seed", range(24))
def test_cells_alone_have_the_least_entropy_of_all_that_keep_the_budgets_of_runs(seed):
    """Against every partition of nine letters; a cell across runs has the codeword that the prices choose."""
    rng = np.random.default_rng(seed)
    n = 9
    x, mass = np.sort(rng.normal(size=n)), rng.dirichlet(np.ones(n))
    run = np.sort(rng.integers(3, size=n)) if seed % 2 else np.zeros(n, int)
    run = np.unique(run, return_inverse=True)[1]
    share = mass * rng.uniform(0.5, 2.0, n)
    D, prices = rng.uniform(0.02, 0.2, run[-1] + 1) * rng.choice([0.3, 1.0], run[-1] + 1), np.ones(3)
    radius = rng.choice([0.4, np.inf], n)
    best, kept = np.inf, None
    for cuts in itertools.product((False, True), repeat=n - 1):
        edges = np.concatenate([[0], np.flatnonzero(cuts) + 1, [n]])
        cells = np.repeat(np.arange(len(edges) - 1), np.diff(edges))
        low, high = np.maximum.reduceat(x - radius, edges[:-1]), np.minimum.reduceat(x + radius, edges[:-1])
        y = np.clip(np.bincount(cells, share * x) / np.bincount(cells, share), low, np.maximum(low, high))
        E = np.bincount(run, share * (x - y[cells]) ** 2)
        H = entr(np.bincount(cells, mass)).sum()
        if (low <= high).all() and (E <= D).all() and H < best:
            best, kept = H, edges
    runs = Runs(x, mass, share, run, D, radius)
    edges, y = closed(runs, prices[: len(D)], np.inf)
    assert edges.tolist() == kept.tolist()
    assert entr(np.add.reduceat(mass, edges[:-1])).sum() == pytest.approx(best, rel=1e-12)
    spent = np.bincount(run, share * (x - np.repeat(y, np.diff(edges))) ** 2)
    assert (spent <= D).all() and (abs(x - np.repeat(y, np.diff(edges))) <= radius * (1 + 1e-12)).all()
    assert closed(runs, prices[: len(D)], best * (1 - 1e-12)) is None
    for scale in (0.1, 1.0, 4.0):  # from a rate a hair above, all but the best path may be dropped, at any prices
        again = closed(runs, scale * prices[: len(D)], best * (1 + 1e-9))
        assert again is not None and again[0].tolist() == kept.tolist()


def test_a_run_inside_a_cell_keeps_its_budget_too():
    third = np.full(3, 1 / 3)
    runs = Runs(np.array([0.0, 1.0, 10.0]), third, third, np.arange(3), np.array([1e3, 0.01, 1e3]), np.full(3, np.inf))
    edges, _ = closed(runs, np.ones(3), np.inf)
    assert edges.tolist() != [0, 3]


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_one_scalar_quantiser_alone_costs_little_more_than_time_sharing(share):
    samples = np.rint(np.random.default_rng(3).standard_t(3, 3000) * 60)
    source, D = mfrd.Source.from_samples(samples), share * samples.var()
    found = mfrd.ecsq(source, D)
    alone = found.deterministic()
    assert source.p @ alone.distortion(mfrd.squared_error) <= D
    assert found.rate <= alone.output_entropy < found.rate + 0.01
    other = mfrd.ecvq(source, mfrd.Fidelity(D), starts=("cells", "columns"), rounds=4)
    assert alone.output_entropy <= other.deterministic().output_entropy
    assert found.parts[0][1].output_entropy > alone.output_entropy + 1e-4  # the finer of the two that share the time


def test_edges_descend_within_the_budgets():
    x = mfrd.grid(-4, 4, 100)
    source = mfrd.bumps(x, [1], [0], [1])
    rows, D = np.array([np.ones(100), x > 0]), np.array([0.1, 0.02])
    edges = np.arange(0, 101, 4)
    moving = Constrained(x, source.p, source.p * rows, D, source.p * (1 + (x > 0)), np.full(100, 1.0))
    found, y = moving.descended(edges)
    cell = np.repeat(np.arange(len(y)), np.diff(found))
    assert ((source.p * rows) @ (x - y[cell]) ** 2 <= D).all() and abs(x - y[cell]).max() <= 1
    entropy = lambda edges: entr(np.add.reduceat(source.p, edges[:-1])).sum()
    assert entropy(found) < entropy(edges) - 0.5


@pytest.mark.parametrize("D, rate", [(None, 0.972), (0.1, 2.2925)])  # 0.9687 and 2.2920 by full searches
def test_ten_thousand_letters_with_a_region_take_seconds_and_little_memory(D, rate):
    x = np.sort(np.random.default_rng(0).normal(size=10_000))
    source = mfrd.Source(x, np.full(10_000, 1e-4))
    core = mfrd.Fidelity(0.01, on=abs(x) < 0.5, per="subset", name="core")
    budgets = [core] if D is None else [mfrd.Fidelity(D), core]
    tracemalloc.start()
    began = time.process_time()
    found = mfrd.ecvq(source, budgets, restarts=1, rounds=2 if D is None else 12, patience=1)
    seconds, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.rate < rate and seconds < 12 and peak < 3e8
    error = sum(weight * (x - encoder.codebook[labels(encoder)]) ** 2 for weight, encoder in found.parts)
    assert error[abs(x) < 0.5].mean() <= 0.01 * (1 + 1e-9) and len(found.source.p) == 10_000
    assert D is None or error.mean() <= D * (1 + 1e-9)
    alone = (x - found.safe.codebook[labels(found.safe)]) ** 2
    assert alone[abs(x) < 0.5].mean() <= 0.01 * (1 + 1e-9)
    assert found.distortions["core"] == pytest.approx(error[abs(x) < 0.5].mean())


def test_no_rate_jumps_where_samples_are_cut_into_bins():
    """10,001 values are bins, 10,000 would be letters, of which the rates are known: 2.79 and 7.20 bits."""
    samples = np.random.default_rng(1).laplace(size=10_001)
    for D, rate in ((0.05, 2.79), (1e-4, 7.20)):
        assert mfrd.ecsq(mfrd.Source.from_samples(samples), D).rate == pytest.approx(rate, abs=0.02)
