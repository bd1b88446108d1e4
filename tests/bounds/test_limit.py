"""The limit over all codebooks and the branch and bound that proves it."""

import time

import numpy as np
import pytest
from helpers.cases import entropy, four_modes, trimodal_source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mfrd
from mfrd.bounds import exchange
from mfrd.bounds.supremum import CodewordMass, supremum
from mfrd.solvers import interior_point

QUIET = dict(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
CORE = abs(mfrd.grid(-8, 8, 100)) < 1


def gaussian(n=50):
    return mfrd.bumps(mfrd.grid(-3, 3, n), [1], [0], [1])


def circle(n):
    angle = 2 * np.pi * np.arange(n) / n
    return mfrd.Source(np.column_stack([np.cos(angle), np.sin(angle)]), np.full(n, 1 / n))


def covariance(rng, k):
    root = rng.normal(size=(k, k))
    return root @ root.T + 0.1 * np.eye(k)


@settings(max_examples=40, **QUIET)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 3), st.sampled_from([0.0, 1e3]))
def test_no_sample_beats_the_branch_and_bound(seed, k, G, origin):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    x = rng.normal(size=(n, k)) + origin
    metrics = np.array([covariance(rng, k) if rng.random() < 0.7 else np.eye(k) for _ in range(G)])
    slopes = rng.exponential(10 ** rng.uniform(-1, 1), (G, n)) * (rng.random((G, n)) < 0.7)
    mass = CodewordMass(x, metrics, slopes, np.log(rng.dirichlet(np.ones(n))) + rng.normal(size=n))
    tol = 1e-5
    upper, y, value = supremum(mass, tol)
    far = x.mean(axis=0) + 5 * rng.normal(size=(3000, k))
    near = x[rng.integers(0, n, 3000)] + 0.1 * rng.normal(size=(3000, k))
    climbed = mass.ascend(np.vstack([x, far[:50]]))
    samples = np.vstack([far, near, x, climbed, y + 1e-4 * rng.normal(size=(200, k))])
    assert upper >= mass(samples).max()
    if k < 3 or G == 1:  # in space, with several matrices, the boxes may run out: then the bound is only wider
        assert upper - value <= tol + 1e-9
    if len(mass.metrics):
        assert mass(y[None])[0] == pytest.approx(value, abs=1e-12)


@settings(max_examples=20, **QUIET)
@given(st.integers(0, 2**32 - 1))
def test_the_bound_over_all_codebooks_is_below_that_of_each(seed):
    rng = np.random.default_rng(seed)
    source = mfrd.Source(rng.normal(size=(15, 2)), rng.dirichlet(np.ones(15)))
    ball = mfrd.mahalanobis(covariance(rng, 2))
    fidelities = [mfrd.Fidelity(0.5), mfrd.Fidelity(0.3, on=range(8), per="subset", distortion=ball)]
    lam, a = rng.exponential(2, 2), rng.normal(size=15)
    everywhere = mfrd.lower_bound_all_codebooks(source, fidelities, lam, a)
    for _ in range(5):
        problem = mfrd.Problem(source, rng.normal(size=(40, 2)), fidelities)
        assert everywhere <= mfrd.lower_bound(problem, lam, a) + 1e-9


def test_the_bound_over_all_codebooks_takes_any_multipliers():
    source, fidelities = gaussian(), [mfrd.Fidelity(0.6)]
    found = mfrd.limit(source, fidelities)
    again = mfrd.lower_bound_all_codebooks(source, fidelities, found.multipliers, found.potentials)
    assert again == pytest.approx(found.lower_bound, abs=1e-7) and again <= found.rate
    for factor in (0.0, 0.5, 2.0):
        bound = mfrd.lower_bound_all_codebooks(source, fidelities, factor * found.multipliers, found.potentials)
        assert bound <= found.rate
    with pytest.raises(ValueError, match=">= 0"):
        mfrd.lower_bound_all_codebooks(source, fidelities, [-1.0], found.potentials)
    with pytest.raises(ValueError, match="expected"):
        mfrd.lower_bound_all_codebooks(source, fidelities, [1.0, 1.0], found.potentials)


@pytest.mark.parametrize("D, D_core, codewords", [(0.6, 0.6, 5), (0.6, 0.05, 6), (0.6, 0.02, 6)])
def test_limit_of_the_trimodal_source(D, D_core, codewords):
    source = trimodal_source()
    fidelities = [mfrd.Fidelity(D), mfrd.Fidelity(D_core, on=CORE, name="core")]
    found = mfrd.limit(source, fidelities)
    assert found.status == "optimal" and 0 < found.gap <= 1e-6 and len(found.codebook) == codewords
    assert all(found.distortions[f.name] <= f.D * (1 + 1e-12) for f in fidelities)
    dense = mfrd.solve(mfrd.Problem(source, mfrd.grid(-8, 8, 801), fidelities), "newton")
    assert found.lower_bound <= dense.rate and found.rate <= dense.rate + 1e-6
    assert dense.rate - found.rate < 1e-3
    for name, price in dense.prices.items():
        assert found.prices[name] == pytest.approx(price, abs=0.02)


def test_limit_is_no_more_than_a_refined_codebook_costs():
    problem = mfrd.Problem(
        trimodal_source(), mfrd.grid(-8, 8, 64), [mfrd.Fidelity(0.6), mfrd.Fidelity(0.05, on=CORE, name="core")]
    )
    refined = mfrd.refine(problem, solver="newton").solution
    found = mfrd.limit(problem.source, problem.fidelities)
    assert found.lower_bound <= refined.rate + 1e-9 and found.rate <= refined.rate + 1e-6
    from_there = mfrd.limit(problem.source, problem.fidelities, codebook=refined.encoder.codebook)
    assert from_there.rate == pytest.approx(found.rate, abs=1e-6)


def test_limit_in_the_plane_with_a_binding_core():
    problem = four_modes(8, 0.15)
    found = mfrd.limit(problem.source, problem.fidelities)
    assert found.status == "optimal" and found.gap <= 1e-6 and len(found.codebook) == 5
    assert found.prices["core"] > 0.1


@pytest.mark.parametrize("D", [0.1, 0.3, 0.7])
def test_a_fine_gaussian_reaches_its_shannon_lower_bound(D):
    source = mfrd.bumps(mfrd.grid(-6.5, 6.5, 150), [1], [0], [1])
    found = mfrd.limit(source, [mfrd.Fidelity(D)])
    exact = 0.5 * np.log2(float(source.covariance[0, 0]) / D)  # Shannon (1959): h(X) - h(N(0, D))
    assert found.gap <= 1e-6
    assert found.rate == pytest.approx(exact, abs=1e-5)
    assert found.lower_bound <= exact + 1e-7  # the grid and the tails cost less than that


def test_two_letters_leave_no_choice():
    p, D = 0.3, 0.05  # both codewords inside [0, 1]: symmetric only for p = 1/2, where the rate is known
    found = mfrd.limit(mfrd.Source([0.0, 1.0], [p, 1 - p]), [mfrd.Fidelity(D)])
    dense = mfrd.solve(
        mfrd.Problem(mfrd.Source([0.0, 1.0], [p, 1 - p]), np.linspace(0, 1, 4001), mfrd.Fidelity(D)), "newton"
    )
    assert found.rate == pytest.approx(dense.rate, abs=2e-6)


def test_rate_zero_and_budget_zero():
    source = gaussian()
    nothing = mfrd.limit(source, [mfrd.Fidelity(1.5)])
    assert nothing.status == "optimal" and nothing.rate == pytest.approx(0, abs=1e-9) and len(nothing.codebook) == 1
    just = mfrd.limit(source, [mfrd.Fidelity(float(source.covariance[0, 0]) * (1 + 1e-6))])
    assert just.rate <= 1e-6
    everything = mfrd.limit(source, [mfrd.Fidelity(0.0)])
    assert everything.status == "optimal" and everything.rate == pytest.approx(entropy(source.p), abs=1e-9)
    assert everything.prices["global"] == np.inf
    core = mfrd.limit(trimodal_source(), [mfrd.Fidelity(0.6), mfrd.Fidelity(0.0, on=CORE, name="core")])
    assert core.status == "optimal" and core.distortions["core"] == 0 and core.gap <= 1e-6


@pytest.mark.parametrize("seed, k", [(0, 1), (0, 2), (0, 3), (3, 1), (3, 2), (3, 3)])
def test_a_budget_of_zero_beside_another_is_certified(seed, k):
    rng, n = np.random.default_rng(seed), 5 + seed
    source = mfrd.Source(rng.normal(size=(n, k)), np.full(n, 1 / n))
    fidelities = [mfrd.Fidelity(0, on=[0, 3], name="exact"), mfrd.Fidelity(0.5)]
    found = mfrd.limit(source, fidelities)
    assert found.status == "optimal" and found.gap <= 1e-6 and found.distortions["exact"] == 0
    assert found.prices["exact"] == np.inf
    codebook = np.vstack([source.x, source.x.mean(axis=0) + 2 * rng.normal(size=(400, k)), found.encoder.y])
    some = mfrd.solve(mfrd.Problem(source, codebook, fidelities), "newton")
    assert found.lower_bound <= some.rate and found.rate <= some.rate + 1e-6
    endless = [np.inf, found.multipliers[1]]
    again = mfrd.lower_bound_all_codebooks(source, fidelities, endless, found.potentials)
    assert again == pytest.approx(found.lower_bound, abs=1e-6)


def test_a_budget_of_zero_takes_an_infinite_price():
    source = mfrd.Source([0.0, 0.0, 1.0, 2.5], [0.1, 0.2, 0.3, 0.4])
    zero = [mfrd.Fidelity(0.4), mfrd.Fidelity(0, on=[1, 2], name="exact")]
    a = np.array([0.3, 1.0, 0.8, 0.1])
    bounds = [mfrd.lower_bound_all_codebooks(source, zero, [0.7, price], a) for price in (0.0, 1.0, 1e6, np.inf)]
    assert bounds == sorted(bounds) and bounds[1] < bounds[2] <= bounds[3]
    y = np.linspace(-1, 3, 40001)  # the letters within the budget count on their own points alone
    c = source.p * np.exp(a) @ (np.exp(-0.7 * (source.points[:, None] - y) ** 2) * [[1], [0], [0], [1]])
    at = [source.p * np.exp(a) @ (np.exp(-0.7 * (source.points - z) ** 2) * [1, z == 0, z == 1, 1]) for z in (0, 1)]
    expected = (source.p @ a - 0.7 * 0.4 - np.log(max(c.max(), *at))) / np.log(2)
    assert bounds[-1] == pytest.approx(expected, abs=1e-7)
    with pytest.raises(ValueError, match="at budgets of zero alone"):
        mfrd.lower_bound_all_codebooks(source, zero, [np.inf, 1.0], a)


@pytest.mark.parametrize("D", [1e-3, 1e-5, 1e-7])
def test_the_price_is_that_of_all_codebooks(D):
    source = mfrd.Source([[0.0, 0], [1, 0], [0, 1], [1, 1], [0.5, 2]], np.full(5, 0.2))
    at = lambda D: mfrd.limit(source, [mfrd.Fidelity(D, on=[0, 3], name="corners"), mfrd.Fidelity(0.5)], tol=1e-7)
    slope = (at(0.8 * D).rate - at(1.25 * D).rate) / (0.45 * D)
    assert at(D).prices["corners"] == pytest.approx(slope, rel=0.05)


def test_no_budget_is_infeasible_over_all_codebooks():
    source = mfrd.Source([0.0, 1, 2, 3], [0.5, 0.5 - 2e-20, 1e-20, 1e-20])
    found = mfrd.limit(source, mfrd.Fidelity(0.1, per="letter"))
    two = mfrd.limit(mfrd.Source([0.0, 1.0], [0.5, 0.5]), mfrd.Fidelity(0.1, per="letter"))
    assert found.status == "optimal" and found.distortions["global"] <= 0.1 * (1 + 1e-12)
    assert found.rate == pytest.approx(two.rate, abs=1e-6)


@pytest.mark.parametrize("D_core", [0.6, 0.05, 0.02])
def test_newton_on_codewords_reaches_in_few_rounds_what_the_exchange_alone_creeps_to(monkeypatch, D_core):
    """Climbing c alone leaves codewords off by the root of the tolerance: nine rounds and more to 1e-10 bits."""
    fidelities = [mfrd.Fidelity(0.6), mfrd.Fidelity(D_core, on=CORE, name="core")]
    polish, used = exchange.stationary, []
    monkeypatch.setattr(exchange, "stationary", lambda *args: used.append(polish(*args)) or used[-1])
    found = mfrd.limit(trimodal_source(), fidelities, tol=1e-10)
    assert found.status == "optimal" and found.gap <= 1e-10
    assert any(y is not None for y in used) and found.stats.iterations <= 3
    monkeypatch.setattr(exchange, "stationary", lambda *args: None)
    crept = mfrd.limit(trimodal_source(), fidelities, tol=1e-10)
    assert crept.rate == pytest.approx(found.rate, abs=2e-10) and crept.stats.iterations >= 2 * found.stats.iterations


def test_a_limit_says_what_it_cost_and_warns_where_its_gap_is_above_tolerance(monkeypatch, caplog):
    found = mfrd.limit(gaussian(), [mfrd.Fidelity(0.5)])
    assert found.stats.iterations >= 1 and found.stats.seconds > 0 and found.status.message and not caplog.records
    assert str(found.stats.seconds) not in repr(found)
    monkeypatch.setattr(exchange, "ROUNDS", 1)
    monkeypatch.setattr(exchange, "stationary", lambda *args: None)
    stalled = mfrd.limit(gaussian(), [mfrd.Fidelity(0.5)], tol=1e-9)
    assert stalled.status == "stalled" and stalled.gap > 1e-9 and stalled.stats.iterations == 1
    (record,) = caplog.records
    assert record.levelname == "WARNING" and f"stalled with a gap of {stalled.gap:.1e} bits" in record.getMessage()


def test_a_gap_within_tolerance_is_optimal(monkeypatch):
    monkeypatch.setattr(exchange, "ROUNDS", 1)
    nothing = lambda search, point: (point.y[:1], np.inf)
    monkeypatch.setattr(exchange.Exchange, "maxima", nothing)  # so that no round proves anything
    dense = mfrd.grid(-3, 3, 2000)
    found = mfrd.limit(gaussian(), [mfrd.Fidelity(0.5)], tol=1e-4, codebook=dense)
    assert found.gap <= 1e-4 and found.status == "optimal"


@pytest.mark.parametrize("per, D", [("subset", 0.05), ("letter", 0.3)])
def test_forms_of_budget(per, D):
    fidelities = [mfrd.Fidelity(0.6), mfrd.Fidelity(D, on=CORE, per=per, name="core")]
    found = mfrd.limit(trimodal_source(), fidelities)
    dense = mfrd.solve(mfrd.Problem(trimodal_source(), mfrd.grid(-8, 8, 1601), fidelities), "newton")
    assert found.status == "optimal" and found.lower_bound <= dense.rate and found.rate <= dense.rate + 1e-6
    assert found.distortions["core"] <= D * (1 + 1e-12)


def test_mahalanobis_is_squared_error_in_other_coordinates():
    rng = np.random.default_rng(3)
    x, p, C = rng.normal(size=(60, 2)), rng.dirichlet(np.ones(60)), covariance(rng, 2)
    root = np.linalg.cholesky(np.linalg.inv(C))
    ball = [mfrd.Fidelity(0.8, distortion=mfrd.mahalanobis(C))]
    tilted = mfrd.limit(mfrd.Source(x, p), ball)
    upright = mfrd.limit(mfrd.Source(x @ root, p), [mfrd.Fidelity(0.8)])
    assert tilted.gap <= 1e-6 and tilted.rate == pytest.approx(upright.rate, abs=2e-6)


def test_two_matrices_at_once():
    rng = np.random.default_rng(4)
    source = mfrd.Source(rng.normal(size=(40, 2)), rng.dirichlet(np.ones(40)))
    fidelities = [mfrd.Fidelity(0.8), mfrd.Fidelity(0.9, distortion=mfrd.mahalanobis(covariance(rng, 2)), name="ball")]
    found = mfrd.limit(source, fidelities)
    assert found.status == "optimal"
    dense = mfrd.solve(mfrd.Problem(source, mfrd.grid(-3, 3, 60, 2), fidelities), "newton")
    assert found.lower_bound <= dense.rate and found.rate <= dense.rate + 1e-6


def test_a_matrix_whose_budget_does_not_bind_costs_no_proof():
    """Its price, of rounding's size, left c no coordinates in which it separates: in space the boxes ran out."""
    rng = np.random.default_rng(86)
    x = 0.1 * rng.normal(size=(11, 3)) + 3 * rng.normal(size=(4, 3))[rng.integers(0, 4, 11)]
    source = mfrd.Source(x, rng.dirichlet(np.ones(11)))
    D = 3e-4 * float(np.trace(source.covariance))
    slack = mfrd.Fidelity(
        0.4 * D, on=[0, 1, 2], distortion=mfrd.mahalanobis(covariance(rng, 3) + 3 * np.eye(3)), name="slack"
    )
    found = mfrd.limit(source, [mfrd.Fidelity(D), slack])
    assert found.status == "optimal" and found.prices["slack"] == 0
    assert found.rate == pytest.approx(mfrd.limit(source, mfrd.Fidelity(D)).rate, abs=2e-6)


def test_limit_in_space():
    source = mfrd.bumps(mfrd.grid(-2, 2, 6, 3), [1, 1], [[-1, -1, 0], [1, 1, 0]], [0.5, 0.5])
    found = mfrd.limit(source, [mfrd.Fidelity(1.0)], tol=1e-5)
    assert found.status == "optimal" and found.gap <= 1e-5
    dense = mfrd.solve(mfrd.Problem(source, mfrd.grid(-2, 2, 12, 3), [mfrd.Fidelity(1.0)]), "newton")
    assert found.lower_bound <= dense.rate and found.rate <= dense.rate + 1e-5


def test_rate_ignores_origin_and_unit():
    source, rate = gaussian(), mfrd.limit(gaussian(), [mfrd.Fidelity(0.3)]).rate
    for shift, unit in ((1024.0, 1.0), (0.0, 1e-6), (0.0, 1e6), (0.0, 1e-100), (0.0, 1e100)):
        moved = mfrd.Source((source.points + shift) * unit, source.p)
        assert mfrd.limit(moved, [mfrd.Fidelity(0.3 * unit**2)]).rate == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize("rounds", [0, 1])
def test_an_interrupt_returns_what_there_is(monkeypatch, rounds):
    round_of, calls = exchange.Exchange.exchange, []

    def interrupted(search, y, tol):
        calls.append(1)
        if len(calls) > rounds:
            raise KeyboardInterrupt
        return round_of(search, y, tol)

    monkeypatch.setattr(exchange.Exchange, "exchange", interrupted)
    source, fidelities = gaussian(), [mfrd.Fidelity(0.05)]
    found = mfrd.limit(source, fidelities)
    assert found.status == "interrupted" and found.stats.iterations == rounds
    assert found.distortions["global"] <= 0.05
    monkeypatch.undo()
    truth = mfrd.limit(source, fidelities)
    assert found.lower_bound <= truth.rate <= truth.lower_bound + 1e-6 <= found.rate + 1e-6
    assert found.lower_bound > 1.9 and found.rate < 3 < entropy(source.p)  # before a round, too
    if rounds:
        assert found.lower_bound > truth.rate - 1e-3


@pytest.mark.parametrize(
    "source, fidelity, said",
    [
        (circle(5), mfrd.Fidelity(0.5, distortion=mfrd.absolute_error), "absolute_error"),
        (mfrd.Source(np.eye(4), np.full(4, 0.25)), mfrd.Fidelity(0.5), "dimension 4"),
    ],
)
def test_what_the_limit_cannot_do(source, fidelity, said):
    with pytest.raises(ValueError, match=said):
        mfrd.limit(source, [fidelity])


@pytest.mark.parametrize(
    "options, said",
    [
        ({"codebook": [0, 1, 2, 3]}, "codebook has dimension 1; expected 2"),
        ({"codebook": np.zeros((2, 4))}, "codebook has dimension 4; expected 2"),
        ({"codebook": [[0, np.nan]]}, "codebook holds"),
        ({"tol": np.nan}, "tol is nan; expected a number > 0"),
        ({"tol": -1}, "tol is -1; expected a number > 0"),
        ({"tol": 0}, "tol is 0; expected a number > 0"),
    ],
)
def test_what_the_limit_is_asked_is_checked(options, said):
    source = mfrd.Source(np.eye(2), [0.5, 0.5])
    with pytest.raises(ValueError, match=said):
        mfrd.limit(source, [mfrd.Fidelity(0.1)], **options)


def test_where_the_bound_starts_is_checked():
    bound = lambda start: mfrd.lower_bound_all_codebooks(
        gaussian(), [mfrd.Fidelity(0.5)], [1.0], np.zeros(50), start=start
    )
    assert bound([0.0, 1.0]) == pytest.approx(bound(None), abs=1e-7)
    for start, said in (([[np.nan]], "start holds"), ([[0.0, 1.0]], "start has dimension 2; expected 1")):
        with pytest.raises(ValueError, match=said):
            bound(start)


def icosahedron():
    g = (1 + np.sqrt(5)) / 2
    x = np.array([[0, a, b * g] for a in (-1, 1) for b in (-1, 1)]) / np.hypot(1, g)
    return mfrd.Source(np.vstack([x, x[:, [1, 2, 0]], x[:, [2, 0, 1]]]), np.full(12, 1 / 12))


def on_scaled_copy(source, D):
    """(bits, their bound) of the best codebook r x at the budget D, by symmetry one orbit: least over r, and dual."""
    from scipy.optimize import minimize_scalar

    rate = lambda r: mfrd.solve(mfrd.Problem(source, r * source.points, mfrd.Fidelity(D)), "newton", tol=1e-9).rate
    return minimize_scalar(rate, bounds=(1 - D + 1e-3, 1.0), method="bounded", options={"xatol": 1e-7}).fun


@pytest.mark.parametrize("source, D", [(circle(24), 0.5), (circle(16), 0.5), (icosahedron(), 0.5)])
def test_a_regular_source_is_served_by_a_smaller_copy_of_itself(source, D):
    """Where one orbit serves, rotated encoders mix to no gain: the least rate is that of its best radius."""
    found = mfrd.limit(source, mfrd.Fidelity(D))
    exact = on_scaled_copy(source, D)
    assert found.status == "optimal" and found.lower_bound <= exact + 1e-9
    assert found.rate == pytest.approx(exact, abs=2e-6)
    if len(source.p) == 24:
        assert found.rate == pytest.approx(0.851896, abs=2e-6)


def test_a_regular_source_that_is_nearly_all_noise_closes():
    found = mfrd.limit(icosahedron(), mfrd.Fidelity(0.9))
    assert found.status == "optimal" and found.gap <= 1e-6
    assert found.rate == pytest.approx(on_scaled_copy(icosahedron(), 0.9), abs=2e-6)


def test_degenerate_sources_have_the_limit_of_what_they_are():
    t = np.linspace(-1, 1, 21)
    line = mfrd.limit(mfrd.Source(t * np.sqrt(5), np.full(21, 1 / 21)), mfrd.Fidelity(0.3))
    tilted = mfrd.limit(mfrd.Source(np.column_stack([t, 2 * t]), np.full(21, 1 / 21)), mfrd.Fidelity(0.3))
    assert line.status == tilted.status == "optimal" and tilted.rate == pytest.approx(line.rate, abs=2e-6)
    square = np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]])
    once = mfrd.limit(mfrd.Source(square, np.full(4, 0.25)), mfrd.Fidelity(0.2))
    for noise in (0.0, 1e-9):
        x = np.repeat(square, 5, axis=0) + noise * np.random.default_rng(0).normal(size=(20, 2))
        often = mfrd.limit(mfrd.Source(x, np.full(20, 0.05)), mfrd.Fidelity(0.2))
        assert often.status == "optimal" and often.rate == pytest.approx(once.rate, abs=2e-6)


def test_two_hundred_codewords_close_and_agree_with_a_fine_codebook():
    source = mfrd.bumps(mfrd.grid(-3, 3, 15, 2), [1], [[0, 0]], [1])
    found = mfrd.limit(source, mfrd.Fidelity(0.5))
    assert found.status == "optimal" and found.gap <= 1e-6
    dense = mfrd.solve(mfrd.Problem(source, mfrd.grid(-3, 3, 31, 2), mfrd.Fidelity(0.5)), "newton")
    assert found.lower_bound <= dense.rate and found.rate <= dense.rate + 1e-6


def test_time_is_kept_and_a_search_goes_on_from_what_it_returned():
    from time import perf_counter

    problem, fidelity = four_modes(0.7, 1, side=28), mfrd.Fidelity(0.7)
    begun = perf_counter()
    found = mfrd.limit(problem.source, fidelity, seconds=1.0)
    assert perf_counter() - begun < 1.0 + 1.0 + 2.0  # two for machines that do several things
    assert found.status == "interrupted" and 0 <= found.lower_bound < found.rate - 1e-6
    assert found.distortions["global"] <= 0.7 * (1 + 1e-12)
    again = mfrd.limit(problem.source, fidelity, codebook=found.codebook, tol=1e-2)
    assert again.status == "optimal" and again.rate <= found.rate + 1e-2
    whole = mfrd.limit(gaussian(), mfrd.Fidelity(0.5), seconds=60.0)
    assert whole.status == "optimal"


@pytest.mark.parametrize("seconds", [0, -1, np.nan, "1"])
def test_seconds_are_checked(seconds):
    with pytest.raises(ValueError, match="seconds"):
        mfrd.limit(gaussian(), mfrd.Fidelity(0.5), seconds=seconds)


def test_a_sweep_is_certified_at_its_points_and_between():
    source, D = trimodal_source(), np.geomspace(0.05, 3, 12)
    core = mfrd.Fidelity(0.02, on=CORE, name="core")
    curve = mfrd.limit_curve(source, [mfrd.Fidelity(1.0), core], "global", D[::-1])
    assert len(curve) == 12 and [found.solution.problem.fidelity("global").D for found in curve] == list(D[::-1])
    assert all(found.status == "optimal" for found in curve)
    alone = mfrd.limit(source, [mfrd.Fidelity(D[4]), core])
    assert curve[7].rate == pytest.approx(alone.rate, abs=2e-6)
    between = np.sqrt(D[1:] * D[:-1])
    lower, upper = curve.lower(between), curve.upper(between)
    true = mfrd.limit_curve(source, [mfrd.Fidelity(1.0), core], "global", between)
    assert (lower <= true.rates + 1e-12).all() and (true.lower_bounds <= upper + 1e-12).all()
    assert (upper - lower < 0.15).all() and (upper - lower > 1e-4).any()
    assert curve.upper(D)[::-1] == pytest.approx(curve.rates, abs=1e-6)
    assert (curve.lower(D)[::-1] >= curve.lower_bounds - 1e-12).all()
    assert np.isinf(curve.upper(np.array([0.01]))).all() and curve.lower(np.array([0.0]))[0] > curve.rates[-1]
    with pytest.raises(ValueError, match="no fidelity is named"):
        mfrd.limit_curve(source, mfrd.Fidelity(1.0), "core", D)
    with pytest.raises(ValueError, match="expected several"):
        mfrd.limit_curve(source, mfrd.Fidelity(1.0), "global", 0.5)


def test_a_solve_of_a_sweep_takes_few_steps(monkeypatch):
    """A budget met to within its tolerance is met: its last digits take the interior point as many steps again."""
    solves, steps = [], []
    solve_dual, factorise = exchange.solve_dual, interior_point.factorise
    monkeypatch.setattr(
        exchange, "solve_dual", lambda *args, **options: solves.append(1) or solve_dual(*args, **options)
    )
    monkeypatch.setattr(interior_point, "factorise", lambda *args: steps.append(1) or factorise(*args))
    curve = mfrd.limit_curve(trimodal_source(), mfrd.Fidelity(1.0), "global", np.geomspace(0.02, 0.04, 4))
    assert {found.status for found in curve} == {"optimal"}
    assert len(steps) <= 9 * len(solves)


def test_letter_budgets_by_the_hundred_take_seconds():
    rng = np.random.default_rng(0)
    x, on = np.sort(rng.normal(size=300)), np.zeros(300, bool)
    on[rng.permutation(300)[:100]] = True
    fidelities = [mfrd.Fidelity(0.2), mfrd.Fidelity(0.05, on=on, per="letter", name="each")]
    found = mfrd.limit(mfrd.Source(x, np.full(300, 1 / 300)), fidelities)
    assert found.status == "optimal" and found.distortions["each"] <= 0.05 * (1 + 1e-12) and found.stats.seconds < 30
    dense = mfrd.solve(mfrd.Problem(found.solution.problem.source, np.linspace(-3.5, 3.5, 701), fidelities), "newton")
    assert found.lower_bound <= dense.rate and found.rate <= dense.rate + 1e-6


def test_a_measure_that_nearly_ignores_a_coordinate_is_that_of_the_other():
    rng = np.random.default_rng(1)
    v = rng.normal(size=100)
    p, x = np.full(100, 0.01), np.column_stack([v, (v > 0) * 1.0])
    nearly = mfrd.Fidelity(0.1, distortion=mfrd.mahalanobis([[1, 0], [0, 1e8]]))
    plane, line = mfrd.limit(mfrd.Source(x, p), nearly), mfrd.limit(mfrd.Source(v, p), mfrd.Fidelity(0.1))
    assert plane.status == "optimal" and plane.rate == pytest.approx(line.rate, abs=2e-6)


@pytest.mark.parametrize("D, thin", [(0.5, 1e-4), (0.02, 1e-4), (0.5, 1e-6)])
def test_points_near_a_line_under_their_own_covariance_are_whitened_ones(D, thin):
    """Seen in raw coordinates, codewords a width of c apart are one, and the search takes a hundred times as long."""
    rng = np.random.default_rng(1)
    v, p = rng.normal(size=120), np.full(120, 1 / 120)
    x = np.column_stack([v, 2 * v + thin * rng.normal(size=120)])
    x -= x.mean(axis=0)
    ball = mfrd.mahalanobis(np.cov(x.T))
    found = mfrd.limit(mfrd.Source(x, p), mfrd.Fidelity(D, distortion=ball))
    white = mfrd.limit(mfrd.Source(x @ np.linalg.cholesky(ball.metric), p), mfrd.Fidelity(D))
    assert found.status == "optimal" and found.stats.iterations < 25
    assert found.rate == pytest.approx(white.rate, abs=2e-6 + 1e-15 * thin**-2)


def test_prices_do_not_drift_from_their_codewords_where_each_letter_has_one():
    """A descent at fixed prices, then prices at fixed codewords: the two ran apart, and the search stalled at 4e-4."""
    x, p = np.random.default_rng(1).normal(size=(212, 2)), np.full(212, 1 / 212)
    found = mfrd.limit(mfrd.Source(x, p), mfrd.Fidelity(0.1, distortion=mfrd.mahalanobis([[1, 0], [0, 1e-8]])))
    assert found.status == "optimal" and found.stats.iterations <= 8 and len(found.codebook) > 200
    flags = np.column_stack([x[:, 0], (x[:, 0] > 0) + 1e-3 * x[:, 1]])
    ball = mfrd.mahalanobis([[1, 1 - 1e-8], [1 - 1e-8, 1]])
    assert mfrd.limit(mfrd.Source(flags, p), mfrd.Fidelity(0.1, distortion=ball)).status == "optimal"


def test_absolute_error_on_the_line_is_served_by_letters():
    rng = np.random.default_rng(2)
    source = mfrd.Source(rng.normal(size=30), rng.dirichlet(np.ones(30)))
    fidelities = [
        mfrd.Fidelity(0.3, distortion=mfrd.absolute_error),
        mfrd.Fidelity(0.1, on=range(8), per="subset", distortion=mfrd.absolute_error, name="core"),
    ]
    found = mfrd.limit(source, fidelities)
    assert found.status == "optimal" and 0 <= found.gap <= 1e-6 and np.isin(found.codebook, source.points).all()
    for seed in range(3):  # neither letters with other codewords beside them nor others alone do better
        more = np.append(source.points, np.random.default_rng(seed).normal(size=200))
        some = mfrd.solve(mfrd.Problem(source, more, fidelities), "newton")
        assert some.rate >= found.lower_bound and some.rate == pytest.approx(found.rate, abs=2e-6)
    between = np.linspace(source.points.min(), source.points.max(), 5001)
    c = (
        np.exp(
            found.potentials
            - found.multipliers @ found.solution.problem.rows.weights * abs(np.subtract.outer(between, source.points))
        )
        @ source.p
    )
    assert c.max() <= 1 + 1e-6


def beside(seed, n=25):
    """(source, fidelities): squared error, and absolute error that binds as well on some letters."""
    rng = np.random.default_rng(seed)
    source = mfrd.Source(rng.normal(size=n), rng.dirichlet(np.ones(n)))
    alone = mfrd.limit(source, mfrd.Fidelity(0.3))
    near = np.abs(np.subtract.outer(source.points, alone.codebook))
    spent = source.p[:8] @ (alone.encoder.Q * near)[:8].sum(axis=1)
    tight = mfrd.Fidelity(0.8 * spent, on=range(8), distortion=mfrd.absolute_error, name="near")
    return source, [mfrd.Fidelity(0.3), tight]


@pytest.mark.parametrize("seed", range(3))
def test_absolute_error_beside_squared_error_closes(seed):
    source, fidelities = beside(seed)
    found = mfrd.limit(source, fidelities)
    assert found.status == "optimal" and found.gap <= 1e-6 and min(found.prices.values()) > 0.1
    assert all(found.distortions[f.name] <= f.D * (1 + 1e-12) for f in fidelities)
    assert not np.isin(found.codebook, source.points).all()
    every = np.union1d(source.points, np.linspace(source.points.min(), source.points.max(), 2001))
    dense = mfrd.solve(mfrd.Problem(source, every, fidelities), "newton")
    assert found.lower_bound <= dense.rate and found.rate <= dense.rate + 1e-6 and dense.rate - found.rate < 1e-5
    curve = mfrd.limit_curve(source, fidelities, "near", [fidelities[1].D, 2 * fidelities[1].D])
    assert curve[0].rate == pytest.approx(found.rate, abs=2e-6) and curve[1].rate < found.rate


@pytest.mark.parametrize("rounds", [0, 1])
def test_an_interrupt_beside_absolute_error_returns_what_there_is(monkeypatch, rounds):
    round_of, calls = exchange.Beside.exchange, []

    def interrupted(search, y, tol):
        calls.append(1)
        if len(calls) > rounds:
            raise KeyboardInterrupt
        return round_of(search, y, tol)

    monkeypatch.setattr(exchange.Beside, "exchange", interrupted)
    source, fidelities = beside(0)
    found = mfrd.limit(source, fidelities)
    assert found.status == "interrupted" and found.distortions["near"] <= fidelities[1].D
    monkeypatch.undo()
    truth = mfrd.limit(source, fidelities)
    assert 0.2 < found.lower_bound <= truth.rate <= found.rate + 1e-6
    assert (found.rate < truth.rate + 1e-3) == (rounds == 1)


def test_an_interrupt_at_once_has_a_bound_in_every_form(monkeypatch):
    """Three forms of rows, two matrices, a budget of zero, held prices; the true gap is finite and not huge."""
    rng = np.random.default_rng(3)
    plane, line = (
        mfrd.Source(rng.normal(size=(40, 2)), np.full(40, 1 / 40)),
        mfrd.Source(rng.normal(size=40), np.full(40, 1 / 40)),
    )
    ball = mfrd.mahalanobis(covariance(rng, 2))
    near = mfrd.Fidelity(0.1, on=range(8), distortion=mfrd.absolute_error, name="near")
    cases = [
        (plane, [mfrd.Fidelity(0.4), mfrd.Fidelity(0.3, on=range(9), per="subset", name="s")], None),
        (plane, [mfrd.Fidelity(0.4), mfrd.Fidelity(0.5, on=range(9), per="letter", name="each")], None),
        (plane, [mfrd.Fidelity(0.4), mfrd.Fidelity(0.4, distortion=ball, name="ball")], None),
        (plane, [mfrd.Fidelity(0.4), mfrd.Fidelity(0.0, on=[1, 2], name="exact")], None),
        (plane, [mfrd.Fidelity(0.4), mfrd.Fidelity(0.4, distortion=ball, name="ball")], {"global": 2.0}),
        (line, [mfrd.Fidelity(0.2), near], {"near": 3.0}),
    ]
    for source, fidelities, prices in cases:
        truth = mfrd.limit(source, fidelities, prices=prices)
        with monkeypatch.context() as patch:
            for kind in (exchange.Exchange, exchange.Beside):
                patch.setattr(kind, "exchange", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            found = mfrd.limit(source, fidelities, prices=prices)
        assert found.status == "interrupted" and 0 < found.gap < truth.rate
        if prices is None:
            assert 0.5 * truth.rate < found.lower_bound <= truth.rate
            assert all(found.distortions[f.name] <= f.D * (1 + 1e-12) for f in fidelities)
        again = mfrd.lower_bound_all_codebooks if source is plane and prices is None else None
        if again:
            lam = np.where(found.solution.problem.rows.D == 0, np.inf, found.multipliers)
            assert again(source, fidelities, lam, found.potentials) == pytest.approx(found.lower_bound, abs=0.03)


def test_an_interrupt_at_once_has_a_bound_where_few_codewords_prove_nothing(monkeypatch):
    """Of 2,000 letters in the plane, at a rate near 5 bits."""

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(exchange.Exchange, "exchange", interrupt)
    source = mfrd.Source(np.random.default_rng(0).normal(size=(2000, 2)), np.full(2000, 1 / 2000))
    found = mfrd.limit(source, mfrd.Fidelity(0.05))
    assert found.status == "interrupted" and 4.5 < found.lower_bound < found.rate < np.log2(2000)


@pytest.mark.parametrize("seed", range(3))
def test_budgets_of_zero_beside_absolute_error(seed):
    rng = np.random.default_rng(seed)
    source = mfrd.Source(rng.normal(size=20), rng.dirichlet(np.ones(20)))
    away = lambda D, name, **on: mfrd.Fidelity(D, distortion=mfrd.absolute_error, name=name, **on)
    few = dict(on=range(4))
    for fidelities in (
        [mfrd.Fidelity(0.2), away(0.0, "exact", **few)],
        [mfrd.Fidelity(0.0, name="exact", **few), away(0.3, "near")],
        [mfrd.Fidelity(0.0, name="exact", **few), away(0.1, "near", on=range(2, 12)), mfrd.Fidelity(0.15, name="far")],
        [mfrd.Fidelity(0.2), away(0.0, "exact", per="letter", **few)],
    ):
        found = mfrd.limit(source, fidelities)
        assert found.status == "optimal" and found.gap <= 1e-6
        assert found.distortions["exact"] == 0 and found.prices["exact"] == np.inf
        every = np.unique(np.concatenate([source.points, np.linspace(-3, 3, 1501), found.codebook]))
        dense = mfrd.solve(mfrd.Problem(source, every, fidelities), "newton")
        assert found.lower_bound <= dense.rate + 1e-12 and found.rate <= dense.rate + 1e-6
    everything = mfrd.limit(source, [mfrd.Fidelity(0.0), away(0.3, "near")])
    assert everything.rate == pytest.approx(entropy(source.p), abs=1e-9) and everything.gap <= 1e-6


def test_letters_that_a_first_proof_suffices_for_end_as_few_codewords():
    found = mfrd.limit(trimodal_source(), mfrd.Fidelity(10.64419478), tol=1e-5)  # c is nearly flat, below the variance
    assert len(found.codebook) == 2 and found.gap <= 1e-5


@pytest.mark.parametrize("D", [1e-12, 1e-16, 1e-30, 1e-100])
def test_a_budget_next_to_zero_has_the_entropy_as_its_bound(D):
    x = np.linspace(-4, 4, 80)
    p = np.exp(-abs(x)) / np.exp(-abs(x)).sum()
    found = mfrd.limit(mfrd.Source(x, p), mfrd.Fidelity(D))
    assert found.gap <= 1e-6 and found.rate == pytest.approx(entropy(p), abs=1e-8)


def test_a_rare_letter_far_away_keeps_its_price():
    p = np.array([1 - 1e-6, 1e-6])
    source = mfrd.Source([0.0, 1.0], p)
    found = mfrd.limit(source, mfrd.Fidelity(3e-8 * source.covariance.item()))
    assert 0 <= found.gap <= 1e-6 and found.lower_bound == pytest.approx(entropy(p), rel=0.05)


@pytest.mark.parametrize("seed", [244, 321, 392, 797, 1243])
def test_prices_that_a_codebook_leaves_open_are_settled(seed):
    rng = np.random.default_rng(seed)  # of some two thousand problems, those that stalled
    k, n = rng.choice([1, 1, 1, 2, 2]), int(rng.integers(1, 40))
    x = rng.normal(size=(n, k)) if rng.random() < 0.7 else rng.integers(-5, 6, size=(n, k)).astype(float)
    x = x * 10 ** rng.uniform(-6, 6) if rng.random() < 0.2 else x
    source = mfrd.Source(x, rng.dirichlet(np.full(n, 10 ** rng.uniform(-1, 1))))
    variance = np.trace(source.covariance)
    loose = mfrd.Fidelity(variance * 10 ** rng.uniform(-14 if rng.random() < 0.4 else -3, 0.3))
    assert rng.random() < 0.5
    on, D = rng.random(n) < 0.4, variance * 10 ** rng.uniform(-10, 0)
    tight = mfrd.Fidelity(D, on=on, name="core", per=str(rng.choice(["joint", "subset"])))
    found = mfrd.limit(source, [loose, tight])
    assert found.status == "optimal" and found.gap <= 1e-6


def test_points_of_one_place_are_one_group_however_many():
    rng = np.random.default_rng(0)
    y = np.repeat(rng.normal(size=(40, 2)), 2000, axis=0) + 1e-9 * rng.normal(size=(80_000, 2))
    start = time.process_time()
    label = exchange.groups(y, 1e-5)
    assert time.process_time() - start < 5, "as many pairs as points squared"
    assert len(np.unique(label)) == 40 and (label.reshape(40, 2000) == label[::2000, None]).all()
