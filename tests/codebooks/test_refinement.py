"""Refinement, merging and Lloyd-Max."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from helpers.cases import entropy, gaussian_problem, random_problem, trimodal_source
from hypothesis import given, settings
from hypothesis import strategies as st

import mfrd
from mfrd.codebooks import refinement

START = mfrd.grid(-8, 8, 12)
CORE = abs(mfrd.grid(-8, 8, 100)) < 1


def refined(D_core=None, **options):
    core = [] if D_core is None else [mfrd.Fidelity(D_core, on=CORE, name="core")]
    problem = mfrd.Problem(trimodal_source(), START, [mfrd.Fidelity(0.6), *core])
    return mfrd.refine(problem, **{"max_iter": 40, **options})


def test_published_outcome_and_history():
    run = refined(step="centroid")
    assert run.converged and len(run.codebook) == 5
    assert run.solution.rate == pytest.approx(1.6777, abs=5e-5)
    assert run.solution.encoder.output_entropy == pytest.approx(1.7969, abs=5e-5)
    sizes = [s.codewords for s in run.history]
    assert sizes[0] == 12 and sizes[-1] == 5 and (np.diff(sizes) <= 0).all()
    last = run.history[-1]
    assert last.rate == run.solution.rate and last.distortions == run.solution.distortions
    assert all(s.output_entropy == pytest.approx(s.rate + s.conditional_entropy, abs=1e-9) for s in run.history)
    assert all(len(s.codebook) == s.codewords and s.distortions["global"] <= 0.6 * (1 + 1e-12) for s in run.history)


def test_smaller_steps_arrive_at_the_same_codebook():
    whole, half = refined(), refined(eta=0.3)
    assert half.solution.rate == pytest.approx(whole.solution.rate, abs=1e-6)


def test_priced_step_is_the_centroid_where_the_global_budget_binds_alone():
    priced, centroid = (refined(step=s) for s in ("priced", "centroid"))
    assert priced.codebook == pytest.approx(centroid.codebook, abs=1e-4)


def test_priced_step_descends_where_a_subset_budget_binds():
    priced, centroid = (refined(0.03, step=s) for s in ("priced", "centroid"))
    assert priced.converged and priced.solution.prices["core"] > 1
    assert priced.solution.rate < centroid.solution.rate - 1e-3
    for run in (priced, centroid):
        assert run.solution.distortions["core"] <= 0.03 * (1 + 1e-12)
    kept = [s.codewords for s in priced.history]
    rises = np.diff([s.rate for s in priced.history])[np.diff(kept) == 0]
    assert (rises <= 2e-8).all()


def test_a_converged_codebook_is_stationary():
    """Moving any codeword either way does not lower the rate to first order."""
    run, h = refined(0.03, merge_mass=0, tol=1e-6), 1e-3
    problem = run.solution.problem
    for j in range(problem.m):
        rates = []
        for sign in (-1, 1):
            y = problem.codebook.copy()
            y[j] += sign * h
            rates.append(mfrd.solve(mfrd.Problem(problem.source, y, problem.fidelities)).rate)
        assert abs(rates[1] - rates[0]) / (2 * h) < 1e-3


def test_not_converged_says_so():
    assert not mfrd.refine(mfrd.Problem(trimodal_source(), START, [mfrd.Fidelity(0.6)]), max_iter=1).converged


@pytest.mark.parametrize("how", ["converged", "exhausted", "stalled"])
def test_a_refinement_says_how_it_ended_and_what_it_cost(how):
    options = {
        "converged": {},
        "exhausted": {"max_iter": 2},
        "stalled": {"D_core": 0.03, "step": "centroid"},  # where the unpriced centroid is no descent direction
    }[how]
    run = refined(**{"solver": "newton", "max_iter": 40, **options})
    assert run.status == how == str(run.status) and run.converged == (how == "converged") and run.status.message
    assert run.stats.iterations == len(run.history) - 1 and run.stats.backend == run.solution.solver == "newton"
    assert run.stats.seconds > 0 and str(run.stats.seconds) not in repr(run)
    assert (how != "exhausted") or run.stats.iterations == 2


def test_a_step_that_leads_too_far_is_shortened(monkeypatch):
    """The whole centroid step breaks the core's budget or raises the rate; a part of it does neither."""
    options = {"step": "centroid", "merge_mass": 0, "merge_distance": 0, "solver": "newton"}
    halved = refined(0.05, **options)
    monkeypatch.setattr(refinement, "HALVINGS", 1)
    whole = refined(0.05, **options)
    assert halved.stats.iterations > whole.stats.iterations and halved.status == whole.status == "stalled"
    assert halved.solution.rate < whole.solution.rate - 1e-3


@pytest.mark.parametrize("D", [0.2, 0.5, 0.8])
def test_two_letters_have_a_closed_form(D):
    """X = -1 or 1 with probability 1/2: codewords -a and a, a = sqrt(1 - D), at 1 - h((1 - a) / 2) bits."""
    source = mfrd.Source([-1.0, 1.0], [0.5, 0.5])
    run = mfrd.refine(mfrd.Problem(source, [-0.95, 0.97], mfrd.Fidelity(D)), max_iter=200, tol=1e-8, solver="newton")
    a = np.sqrt(1 - D)
    assert run.converged and run.codebook == pytest.approx(np.array([-a, a]), abs=1e-5)
    assert run.solution.rate == pytest.approx(1 - entropy([(1 - a) / 2, (1 + a) / 2]), abs=1e-7)


@pytest.mark.parametrize("start, D", [([-1.0, 0.6], 0.4), ([-1.4, 0.1, 1.2], 0.22), ([-1.6, -0.5, 0.6, 1.4], 0.14)])
def test_the_codebook_of_a_gaussian_is_symmetric(start, D):
    problem = replace(gaussian_problem(mfrd.Fidelity(D)), codebook=np.array(start))
    run = mfrd.refine(problem, max_iter=300, tol=1e-6, solver="newton")
    y, q = run.codebook, run.solution.encoder.output_pmf
    assert run.converged and len(y) == len(start)
    assert y == pytest.approx(-y[::-1], abs=1e-4) and q == pytest.approx(q[::-1], abs=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_the_priced_step_never_ends_above_its_start(seed):
    problem = random_problem(np.random.default_rng(seed), k=1 + seed % 2)
    run = mfrd.refine(problem, merge_mass=0, merge_distance=0, max_iter=8, solver="newton")
    rates = [s.rate for s in run.history]
    assert rates[-1] < rates[0] - 1e-4 and (np.diff(rates) <= 2e-8).all()


def test_merged_mass_goes_to_the_nearest_codeword_that_stays():
    source = mfrd.Source([0.0, 1.0], [0.5, 0.5])
    Q = np.array([[0.5, 0.1, 0.0, 0.4], [0.3, 0.0, 0.1, 0.6]])
    after = mfrd.merge(mfrd.Encoder(source, [0.0, 0.6, 0.4, 1.0], Q), mass=0.2, distance=0.0)
    assert after.codebook.tolist() == [0.0, 1.0]
    assert after.Q == pytest.approx(np.array([[0.5, 0.5], [0.4, 0.6]]))  # 0.6 to 1.0, 0.4 to 0.0


def gaussian_in_units(unit, m, D):
    source = mfrd.bumps(unit * mfrd.grid(-3, 3, 50), [1], [0], [unit])
    return mfrd.Problem(source, unit * mfrd.grid(-3, 3, m), mfrd.Fidelity(D * unit**2))


@pytest.mark.parametrize("step, rises", [("priced", False), ("centroid", True)])
def test_merging_that_raises_the_rate_is_said_and_not_done_with_prices(caplog, step, rises):
    problem = gaussian_in_units(1e-3, 16, 0.2)
    run = mfrd.refine(problem, step=step, merge_distance=1e-3, max_iter=30, solver="newton")  # in squared units of x
    assert (run.solution.rate > run.history[0].rate + 1e-3) == rises
    assert (run.solution.rate <= run.history[0].rate) == (not rises)
    assert [r.getMessage()[:29] for r in caplog.records] == ["refine: merging raised the ra"] * rises
    assert run.history[-1].rate == run.solution.rate


def test_refinement_knows_no_units_and_is_never_worse_than_its_start():
    rates = []
    for unit in (1.0, 1e-3, 1e-9, 1e9):
        problem = gaussian_in_units(unit, 13, 0.3)
        run = mfrd.refine(problem, solver="newton", max_iter=8)
        assert run.solution.rate <= mfrd.solve(problem, "newton").rate + 1e-12
        rates.append(run.solution.rate)
    assert max(rates) - min(rates) < 1e-7 and rates[0] < 0.8508
    few = {
        len(mfrd.refine(gaussian_in_units(u, 13, 0.3), step="centroid", max_iter=12, solver="newton").codebook)
        for u in (1e-9, 1e9)
    }
    assert few == {9}  # of 13: merged where they are near in units of the source's spread


@pytest.mark.parametrize("seed", range(4))
def test_the_priced_step_returns_no_worse_a_codebook_whatever_it_may_merge(seed):
    problem = random_problem(np.random.default_rng(seed), m=9)
    run = mfrd.refine(problem, merge_mass=0.3, merge_distance=0.5, max_iter=4, solver="newton")
    assert run.solution.rate <= run.history[0].rate and run.history[-1].rate == run.solution.rate


def test_merging_that_would_break_a_budget_is_refused():
    run = mfrd.refine(gaussian_problem(mfrd.Fidelity(0.08)), merge_mass=0.3, max_iter=3)
    assert run.solution.distortions["global"] <= 0.08 and len(run.codebook) > 1


def test_codewords_that_are_all_lighter_than_merge_mass_are_refined():
    run = mfrd.refine(gaussian_problem(mfrd.Fidelity(0.3), m=6), step="centroid", merge_mass=0.6, max_iter=5)
    assert run.history[0].codewords == 6 > len(run.codebook) and run.solution.distortions["global"] <= 0.3


@given(st.integers(0, 10**6), st.floats(0, 0.3), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_merge_keeps_mass_and_respects_thresholds(seed, mass, distance):
    rng = np.random.default_rng(seed)
    source = mfrd.Source(rng.normal(size=9), rng.dirichlet(np.ones(9)))
    before = mfrd.Encoder(source, rng.normal(size=6), rng.dirichlet(np.ones(6), size=9))
    after = mfrd.merge(before, mass, distance)
    y, q = after.codebook, after.output_pmf
    assert q.sum() == pytest.approx(1) and set(y) <= set(before.codebook)
    assert after.rate <= before.rate + 1e-12 and after.output_entropy <= before.output_entropy + 1e-12
    d = np.subtract.outer(y, y) ** 2 + np.where(np.eye(len(y)), np.inf, 0)
    assert len(y) == 1 or (d.min() >= distance and (q >= min(mass, q.max())).all())


@pytest.mark.parametrize(
    "options, said",
    [
        ({"step": "newton"}, "'newton'"),
        ({"eta": 0.7}, "0.7"),
        ({"max_iter": 0}, "0"),
        ({"merge_mass": np.nan}, "merge_mass is nan"),
        ({"merge_mass": 1.5}, "merge_mass is 1.5"),
        ({"merge_distance": np.nan}, "merge_distance is nan"),
        ({"merge_distance": -1.0}, "merge_distance is -1.0"),
    ],
)
def test_bad_options(options, said):
    with pytest.raises(ValueError, match=said):
        mfrd.refine(gaussian_problem(), **options)


def test_measures_without_a_gradient_are_refused():
    with pytest.raises(ValueError, match="squared_error or mahalanobis"):
        mfrd.refine(gaussian_problem(mfrd.Fidelity(0.6, distortion=mfrd.absolute_error)))


def test_refine_in_the_plane_with_mahalanobis():
    rng = np.random.default_rng(5)
    source = mfrd.Source(rng.normal(size=(40, 2)), np.full(40, 1 / 40))
    tilted = mfrd.mahalanobis([[1.0, 0.5], [0.5, 2.0]])
    fidelities = [mfrd.Fidelity(0.9), mfrd.Fidelity(0.8, distortion=tilted, name="tilted")]
    run = mfrd.refine(mfrd.Problem(source, rng.normal(size=(12, 2)), fidelities), max_iter=60)
    assert run.history[-1].rate < run.history[0].rate
    assert all(run.solution.distortions[f.name] <= f.D * (1 + 1e-12) for f in fidelities)


# --- Lloyd-Max ---------------------------------------------------------------------------------

MAX_1960 = {2: 0.3634, 3: 0.1902, 4: 0.1175, 5: 0.07994, 6: 0.05798, 8: 0.03454}


@pytest.mark.parametrize("m", MAX_1960)
def test_lloyd_max_against_the_table_of_max(m):
    """Minimum mean squared error of a unit Gaussian, Max (1960), table I."""
    source = mfrd.bumps(mfrd.grid(-6, 6, 4801), [1], [0], [1])
    quantiser = mfrd.lloyd_max(source, m, initial=mfrd.grid(-2.7, 2.7, m), max_iter=20000)
    D = source.p @ quantiser.distortion(mfrd.squared_error)
    assert D == pytest.approx(MAX_1960[m], rel=2e-3)
    assert quantiser.conditional_entropy == 0 and quantiser.rate == pytest.approx(quantiser.output_entropy)


def test_lloyd_max_in_the_plane_is_a_fixed_point():
    rng = np.random.default_rng(1)
    source = mfrd.Source(rng.normal(size=(200, 2)), rng.dirichlet(np.ones(200)))
    quantiser = mfrd.lloyd_max(source, 7)
    assert quantiser.codebook.shape == (7, 2)
    cells = quantiser.Q.argmax(axis=1)
    for j in range(7):
        assert source.p[cells == j] @ source.x[cells == j] / source.p[cells == j].sum() == pytest.approx(
            quantiser.codebook[j]
        )
    assert (mfrd.squared_error(source.x, quantiser.codebook).argmin(axis=1) == cells).all()


def distortion(quantiser):
    return float(quantiser.source.p @ quantiser.distortion(mfrd.squared_error))


def least_of_all_partitions(source, m):
    """The least squared error of m contiguous cells, every one of which is tried."""
    order, least = np.argsort(source.points), np.inf
    for inner in combinations(range(1, len(order)), m - 1):
        error = 0.0
        for cell in np.split(order, inner):
            x, p = source.points[cell], source.p[cell]
            error += p @ (x - p @ x / p.sum()) ** 2
        least = min(least, error)
    return least


@pytest.mark.parametrize("seed", range(30))
def test_lloyd_max_on_a_line_is_the_best_of_all_partitions(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 11))
    m, unit = int(rng.integers(1, n + 1)), 10.0 ** rng.integers(-9, 10)
    source = mfrd.Source(unit * rng.normal(size=n), rng.dirichlet(np.full(n, 0.1 if seed % 2 else 1.0)))
    found, least = distortion(mfrd.lloyd_max(source, m)), least_of_all_partitions(source, m)
    assert found == pytest.approx(least, rel=1e-9, abs=1e-24 * unit**2)


def test_lloyd_max_serves_every_letter_that_it_can():
    pairs = mfrd.Source([0, 0.01, 0.02, 0.03, 5, 5.01, 5.02, 5.03], np.full(8, 1 / 8))
    assert distortion(mfrd.lloyd_max(pairs, 8)) == 0
    assert distortion(mfrd.lloyd_max(pairs, 4)) == pytest.approx(2.5e-5, rel=1e-9)
    plane = mfrd.Source(np.column_stack([pairs.points, pairs.points[::-1]]), pairs.pmf)
    for m in (4, 8):
        quantiser = mfrd.lloyd_max(plane, m)
        assert (quantiser.output_pmf > 0).all()
        assert distortion(quantiser) == pytest.approx({4: 5e-5, 8: 0.0}[m], abs=1e-12)
    started = mfrd.lloyd_max(plane, 3, initial=[[0, 0], [0, 100], [0, 200]])  # the last two serve none at first
    assert (started.output_pmf > 0).all()


def test_lloyd_max_with_weights_sixteen_orders_apart():
    weights = np.array([1e8] * 4 + [1e-8] * 2)
    quantiser = mfrd.lloyd_max(mfrd.Source([1, 1, 5, 5, 100, 100], weights / weights.sum()), 2)
    assert quantiser.codebook == pytest.approx([1, 5])
    assert distortion(quantiser) == pytest.approx(95**2 * 1e-16 / 2, rel=1e-6)  # the letters at 100 go to 5
    near = mfrd.Source([0, 1e-12, 2e-12, 1, 1e3], [1e-14, 1e-14, 1e-14, 0.5, 0.5 - 3e-14])
    # two letters of the three at zero are one cell; a sum of squares in floats sees none of this
    assert distortion(mfrd.lloyd_max(near, 4)) == pytest.approx(1e-14 * 1e-24 / 2, rel=1e-6)


def test_lloyd_max_of_a_gaussian_on_many_letters_is_lowest_and_a_fixed_point():
    source = mfrd.bumps(mfrd.grid(-7, 7, 1000), [1], [0], [1])
    best, even = mfrd.lloyd_max(source, 8), mfrd.lloyd_max(source, 8, initial="even")
    assert distortion(best) == pytest.approx(MAX_1960[8], rel=1e-3)
    assert distortion(even) > 1.003 * distortion(best)  # a fixed point of the letters
    again = mfrd.lloyd_max(source, 8, initial=best.codebook)
    assert again.codebook == pytest.approx(best.codebook, abs=1e-12) and (np.diff(best.codebook) > 0).all()


def test_lloyd_max_in_the_plane_is_repeated_by_its_seed_and_better_with_more_starts():
    rng = np.random.default_rng(3)
    source = mfrd.Source(rng.normal(size=(150, 2)), rng.dirichlet(np.ones(150)))
    one, same, many = (mfrd.lloyd_max(source, 9, starts=starts) for starts in (1, 1, 12))
    assert (one.codebook == same.codebook).all() and distortion(many) < distortion(one)
    assert distortion(mfrd.lloyd_max(source, 9, starts=1, rng=5)) != distortion(one)


def test_lloyd_max_bad_input():
    source = trimodal_source()
    for m, initial, said in (
        (0, None, "m is 0"),
        (101, None, "1 to 100"),
        (3, [0.0, 1.0], r"\(2, 1\)"),
        (3, "odd", 'expected "even"'),
    ):
        with pytest.raises(ValueError, match=said):
            mfrd.lloyd_max(source, m, initial=initial)
    with pytest.raises(ValueError, match="starts is 0"):
        mfrd.lloyd_max(source, 3, starts=0)
