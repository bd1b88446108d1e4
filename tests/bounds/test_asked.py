"""The limit at given prices and at a given rate: closed forms, the limit at budgets, and the proof on its own."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from helpers.cases import entropy
from scipy.optimize import brentq

import mfrd
from mfrd.bounds import exchange

X = mfrd.grid(-3, 3, 50)
GAUSSIAN = mfrd.bumps(X, [1], [0], [1])
CORE = mfrd.Fidelity(0.01, on=abs(X) < 0.3, name="core")
TWO = mfrd.Source([-1.0, 1.0], [0.5, 0.5])


def rate_of_two(D):
    """R of two equally likely letters -1 and 1 in squared error: codewords -a and a, a = sqrt(1 - D)."""
    a = np.sqrt(1 - D)
    return 1 - entropy([(1 - a) / 2, (1 + a) / 2])


def slope_of_two(D):
    """-dR/dD = log2((1 + a) / (1 - a)) / (4 a)."""
    a = np.sqrt(1 - D)
    return np.log2((1 + a) / (1 - a)) / (4 * a)


@pytest.mark.parametrize("unit", [1.0, 1e-6])
@pytest.mark.parametrize("D", [0.1, 0.5, 0.9])
def test_two_letters_at_a_price_and_at_a_rate(D, unit):
    source, one = mfrd.Source(unit * TWO.points, TWO.p), mfrd.Fidelity(0.3 * unit**2)
    priced = mfrd.limit(source, one, prices={"global": slope_of_two(D) / unit**2}, tol=1e-9)
    assert priced.distortions["global"] == pytest.approx(D * unit**2, rel=1e-3)
    assert priced.lower_bound <= rate_of_two(priced.distortions["global"] / unit**2) + 1e-14
    assert priced.gap < 1e-8 and priced.prices == {"global": pytest.approx(slope_of_two(D) / unit**2, rel=1e-12)}
    inverse = mfrd.limit(source, one, rate=rate_of_two(D))
    assert inverse.rate <= rate_of_two(D) + 1e-15
    assert (
        inverse.distortion_bounds["global"] <= D * unit**2 * (1 + 1e-14) <= inverse.distortions["global"] * (1 + 2e-14)
    )
    assert inverse.distortions["global"] == pytest.approx(inverse.distortion_bounds["global"], rel=1e-5)


@pytest.mark.parametrize("names", [("global",), ("core",), ("global", "core")])
def test_prices_of_a_limit_lead_back_to_it(names):
    """Those that are not named keep their budgets."""
    fidelities = [mfrd.Fidelity(0.3), CORE]
    limit = mfrd.limit(GAUSSIAN, fidelities)
    priced = mfrd.limit(GAUSSIAN, fidelities, prices={name: limit.prices[name] for name in names})
    height = lambda found: found.rate + sum(limit.prices[name] * found.distortions[name] for name in names)
    assert height(priced) == pytest.approx(height(limit), abs=2e-6) and -1e-12 < priced.gap <= 1e-6
    assert priced.status == "optimal" and set(priced.solution.given) == set(names)
    assert {name: priced.prices[name] for name in names} == pytest.approx({n: limit.prices[n] for n in names})
    again = mfrd.limit(GAUSSIAN, priced.solution.problem.fidelities)  # budgets as spent
    assert again.rate == pytest.approx(priced.rate, abs=2e-6)
    proof = mfrd.lower_bound_all_codebooks(
        GAUSSIAN, priced.solution.problem.fidelities, priced.multipliers, priced.potentials
    )
    assert proof == pytest.approx(priced.lower_bound, abs=1e-7)


def test_a_low_price_buys_no_bits_and_a_high_one_all_of_them():
    free = mfrd.limit(GAUSSIAN, mfrd.Fidelity(0.3), prices={"global": 0.0})
    assert free.rate == 0 and len(free.codebook) == 1
    little = mfrd.limit(GAUSSIAN, mfrd.Fidelity(0.3), prices={"global": 0.1})
    assert little.distortions["global"] == pytest.approx(GAUSSIAN.covariance.item()) and little.rate < 1e-12
    three = mfrd.Source([0.0, 1.0, 5.0], [0.2, 0.3, 0.5])
    much = mfrd.limit(three, mfrd.Fidelity(0.3), prices={"global": 100.0})
    assert much.rate == pytest.approx(entropy([0.2, 0.3, 0.5]), abs=1e-6)


@pytest.mark.parametrize("bits", [0.0, 0.4, 1.3])
def test_the_rate_of_a_gaussian_leads_to_the_distortion_that_has_it(bits):
    found = mfrd.limit(GAUSSIAN, mfrd.Fidelity(1.0), rate=bits)
    reached, bound = found.distortions["global"], found.distortion_bounds["global"]
    assert found.rate <= bits + 1e-14 and 0 < bound <= reached and reached - bound < 1e-6
    if bits:
        D = brentq(lambda D: mfrd.limit(GAUSSIAN, mfrd.Fidelity(D), tol=1e-7).rate - bits, 0.05, 0.9, xtol=1e-7)
        assert reached == pytest.approx(D, abs=2e-6)
        assert bound > 2.0 ** (-2 * bits) * 0.9  # not far from Shannon's for a density
    else:
        assert reached == pytest.approx(GAUSSIAN.covariance.item(), rel=1e-9)


def test_a_rate_by_name_holds_the_other_budgets():
    found = mfrd.limit(GAUSSIAN, [mfrd.Fidelity(0.3), CORE], rate={"core": 0.9})
    reached = found.distortions["core"]
    there = mfrd.limit(GAUSSIAN, [mfrd.Fidelity(0.3), mfrd.Fidelity(reached, on=CORE.on, name="core")])
    assert there.rate == pytest.approx(0.9, abs=1e-5) and found.distortions["global"] <= 0.3 * (1 + 1e-12)
    assert found.distortion_bounds["core"] <= reached
    with pytest.raises(ValueError, match="bits is 0.5; the other budgets need 0.8506"):
        mfrd.limit(GAUSSIAN, [mfrd.Fidelity(0.3), CORE], rate={"core": 0.5})


@pytest.mark.parametrize("rounds", [0, 1, 3, 6])
@pytest.mark.parametrize("rate", [{"global": 1.0}, {"core": 0.9}])
def test_a_search_at_a_rate_that_is_interrupted_returns_what_there_is(monkeypatch, rate, rounds, caplog):
    (name,), fidelities = rate, [mfrd.Fidelity(0.3), CORE]
    whole, round_of = mfrd.limit(GAUSSIAN, fidelities, rate=rate), exchange.Exchange.exchange
    left = [rounds]

    def interrupted(self, *args):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return round_of(self, *args)

    monkeypatch.setattr(exchange.Exchange, "exchange", interrupted)
    found = mfrd.limit(GAUSSIAN, fidelities, rate=rate)
    assert found.status == "interrupted" and "interrupted" in caplog.text
    assert found.rate <= rate[name] + 1e-9 or rounds == 0  # before any is found of that rate within the other budget
    other = next(f for f in fidelities if f.name != name)
    assert found.distortions[other.name] <= other.D * (1 + 1e-12)
    reached, bound = found.distortions[name], found.distortion_bounds[name]
    assert bound <= whole.distortions[name] and (rounds == 0 or whole.distortions[name] <= reached * (1 + 1e-9))
    assert found.distortion_bounds[name] <= whole.distortion_bounds[name] + 1e-6
    monkeypatch.undo()
    there = [replace(f, D=found.distortions[f.name]) if f.name == name else f for f in fidelities]
    assert found.lower_bound <= mfrd.limit(GAUSSIAN, there).rate
    if rounds == 6 and name == "global":  # the interrupt came in the midst: two encoders share the letters
        assert found.rate == pytest.approx(rate[name], abs=1e-9) and 0.8 * reached < whole.distortions[name]


def test_absolute_error_on_the_line_at_a_price_and_at_a_rate():
    budget = mfrd.Fidelity(0.3, distortion=mfrd.absolute_error)
    letters = mfrd.Problem(GAUSSIAN, X, budget)
    priced, fixed = mfrd.limit(GAUSSIAN, budget, prices={"global": 2.0}), mfrd.solve_at_prices(letters, {"global": 2.0})
    assert priced.rate == pytest.approx(fixed.rate, abs=1e-9) and priced.gap < 1e-8
    inverse, there = mfrd.limit(GAUSSIAN, budget, rate=0.8), mfrd.distortion_at_rate(letters, "global", 0.8)
    assert inverse.distortions["global"] == pytest.approx(there.distortions["global"], rel=1e-5)


def test_in_the_plane_with_mahalanobis():
    rng = np.random.default_rng(2)
    source = mfrd.Source(1e4 * rng.normal(size=(30, 2)), rng.dirichlet(np.ones(30)))
    measure = mfrd.mahalanobis(1e8 * np.array([[1.0, 0.4], [0.4, 2.0]]))
    budget = mfrd.Fidelity(0.5, distortion=measure)
    limit = mfrd.limit(source, budget)
    priced = mfrd.limit(source, budget, prices=limit.prices)
    assert priced.rate + limit.prices["global"] * priced.distortions["global"] == pytest.approx(
        limit.rate + limit.prices["global"] * 0.5, abs=2e-6
    )
    assert limit.solution.problem.fidelities[0].distortion is measure


def test_the_bound_at_spent_budgets_is_that_of_the_multipliers(monkeypatch):
    """What is moved along the tangent is what lower_bound_all_codebooks proves there, less the rounding."""
    found = mfrd.limit(GAUSSIAN, [mfrd.Fidelity(0.3), CORE])
    for D in ([0.4, 0.01], [0.2, 0.02]):
        fidelities = [mfrd.Fidelity(D[0]), mfrd.Fidelity(D[1], on=CORE.on, name="core")]
        proof = mfrd.lower_bound_all_codebooks(GAUSSIAN, fidelities, found.multipliers, found.potentials, tol=1e-9)
        assert exchange.moved(found, np.array(D)) == pytest.approx(proof, abs=2e-7)


def test_what_is_asked_is_checked(caplog):
    one = mfrd.Fidelity(0.3)
    for options, said in (
        ({"prices": {"global": 1.0}, "rate": 1.0}, "both given"),
        ({"prices": {"core": 1.0}}, "no fidelity is named 'core'"),
        ({"prices": {"global": -1.0}}, "price is -1.0"),
        ({"rate": -1.0}, "bits is -1.0"),
        ({"rate": {}}, "rate is {}"),
        ({"rate": {"global": 1.0, "core": 2.0}}, "expected one number of bits"),
        ({"rate": {"core": 1.0}}, "no fidelity is named 'core'"),
    ):
        with pytest.raises(ValueError, match=said):
            mfrd.limit(GAUSSIAN, one, **options)
    with caplog.at_level(logging.WARNING, logger="mfrd"):
        hurried = mfrd.limit(GAUSSIAN, one, prices={"global": 5.0}, seconds=1e-3)
    assert hurried.status in ("interrupted", "optimal") and hurried.gap >= -1e-12


@pytest.mark.parametrize("names", [("global",), ("near",), ("global", "near")])
def test_prices_beside_absolute_error_lead_back_to_the_limit(names):
    near = mfrd.Fidelity(0.1, on=abs(X) < 1, distortion=mfrd.absolute_error, name="near")
    fidelities = [mfrd.Fidelity(0.3), near]
    limit = mfrd.limit(GAUSSIAN, fidelities)
    assert min(limit.prices.values()) > 0.1
    priced = mfrd.limit(GAUSSIAN, fidelities, prices={name: limit.prices[name] for name in names})
    height = lambda found: found.rate + sum(limit.prices[name] * found.distortions[name] for name in names)
    assert height(priced) == pytest.approx(height(limit), abs=2e-6) and -1e-12 < priced.gap <= 1e-6
    assert {name: priced.prices[name] for name in names} == pytest.approx({n: limit.prices[n] for n in names})
    again = mfrd.limit(GAUSSIAN, priced.solution.problem.fidelities)  # budgets as spent
    assert again.rate == pytest.approx(priced.rate, abs=3e-6)


@pytest.mark.parametrize("price", [1e6, 1e9, 1e15, 1e300])
def test_a_price_without_end_tells_the_letters_as_they_are(price):
    plane = mfrd.Source(np.random.default_rng(0).normal(size=(30, 2)), np.full(30, 1 / 30))
    beside = [mfrd.Fidelity(0.3), mfrd.Fidelity(0.5, distortion=mfrd.absolute_error, name="near")]
    for source, fidelities in ((GAUSSIAN, mfrd.Fidelity(0.3)), (plane, mfrd.Fidelity(0.3)), (GAUSSIAN, beside)):
        found = mfrd.limit(source, fidelities, prices={"global": price})
        assert found.status == "optimal" and 0 <= found.gap <= 1e-6
        assert found.rate == pytest.approx(entropy(source.p), abs=1e-6) and found.distortions["global"] < 1e-12
        assert found.prices["global"] == pytest.approx(price)
