"""R(D) of densities: closed forms, independent quadrature, fine discretisations, invariance, what is refused."""

import numpy as np
import pytest

import mfrd

Density, Fidelity = mfrd.Density, mfrd.Fidelity
TWO = Density.mixture([(0.5, Density.normal(-2, 0.5)), (0.5, Density.normal(1, 1))])
core = lambda D, per="joint": Fidelity(D, on=[(-0.5, 0.5)], per=per, name="core")


@pytest.mark.parametrize("D", [0.9, 0.5, 0.1, 0.01])
def test_normal_is_enclosed_about_its_closed_form(D):
    found, known = mfrd.limit(Density.normal(2, 3), Fidelity(9 * D)), 0.5 * np.log2(1 / D)
    assert found.lower_bound <= known <= found.rate and found.gap <= 1e-6 and found.status == "optimal"
    assert 9 * D * (1 - 1e-6) <= found.distortions["global"] <= 9 * D
    assert found.prices["global"] == pytest.approx(1 / (18 * D * np.log(2)), rel=1e-4)
    assert mfrd.shannon_bound(Density.normal(2, 3), 9 * D) == pytest.approx(known, abs=1e-12)


@pytest.mark.parametrize("density", [Density.uniform(), Density.laplace(), Density.exponential(), Density.logistic()])
def test_other_families_lie_between_shannons_bound_and_the_gaussian(density):
    for share in (0.3, 0.1):
        D = share * density.variance
        found = mfrd.limit(density, Fidelity(D))
        assert found.gap <= 1e-6 and found.distortions["global"] <= D
        assert mfrd.shannon_bound(density, D) <= found.rate
        assert found.rate < 0.5 * np.log2(1 / share)


def midpoints(density, cells, low, high):
    """A source on the middles of cells."""
    edges = np.linspace(low, high, cells + 1)
    p = np.diff(density.cdf(edges))
    x = (edges[1:] + edges[:-1]) / 2
    return mfrd.Source(x, p / p.sum())


def test_two_budgets_agree_with_a_fine_discretisation():
    budgets = [Fidelity(0.3), core(0.01)]
    found, fine = mfrd.limit(TWO, budgets), midpoints(TWO, 440, -5, 6)
    on = [Fidelity(0.3), Fidelity(0.01, on=abs(fine.points) < 0.5, name="core")]
    cell = 1 / 40
    assert abs(mfrd.limit(fine, on).rate - found.rate) < cell**2 and found.gap <= 1e-6
    assert found.prices["core"] > found.prices["global"] > 0


def test_a_budget_given_the_subset_is_the_joint_one_times_its_probability():
    share = Density.normal().mass(-0.5, 0.5)
    given = mfrd.limit(Density.normal(), [Fidelity(0.25), core(0.05, "subset")])
    joint = mfrd.limit(Density.normal(), [Fidelity(0.25), core(0.05 * share)])
    assert given.rate == pytest.approx(joint.rate, abs=2e-6) and given.gap <= 1e-6
    assert given.prices["core"] == pytest.approx(share * joint.prices["core"], rel=1e-3)
    assert given.distortions["core"] <= 0.05


def test_scale_and_place_change_nothing():
    plain = mfrd.limit(TWO, [Fidelity(0.3), core(0.01)])
    far = Density.mixture([(0.5, Density.normal(98 * 4, 2)), (0.5, Density.normal(101 * 4, 4))])
    moved = mfrd.limit(far, [Fidelity(0.3 * 16), Fidelity(0.01 * 16, on=[(99.5 * 4, 100.5 * 4)], name="core")])
    assert max(plain.gap, moved.gap) <= 1e-6
    assert moved.lower_bound <= plain.rate and plain.lower_bound <= moved.rate


def test_the_encoder_is_written_down_and_spends_what_it_says():
    found = mfrd.limit(TWO, [Fidelity(0.3), core(0.01)])
    x = TWO.sample(200_000, 5)
    Q = found.encoder(x)
    d = (Q * (x[:, None] - found.codebook) ** 2).sum(axis=1)
    inside = abs(x) < 0.5
    assert np.allclose(Q.sum(axis=1), 1) and abs(d.mean() - found.distortions["global"]) < 5 * d.std() / len(x) ** 0.5
    assert abs((d * inside).mean() - found.distortions["core"]) < 5 * (d * inside).std() / len(x) ** 0.5
    information = (Q * np.log2(np.maximum(Q, 1e-300) / found.weights)).sum(axis=1)
    assert abs(information.mean() - found.rate) < 5 * information.std() / len(x) ** 0.5
    beyond = found.encoder(np.array([found.window[0] - 9, found.window[1] + 9]))
    assert beyond[0, 0] == beyond[1, -1] == 1


@pytest.mark.parametrize("D", [0.5, 0.1])
def test_laplace_under_absolute_error_is_enclosed_about_its_closed_form(D):
    found = mfrd.limit(Density.laplace(1, 2), Fidelity(2 * D, distortion=mfrd.absolute_error), tol=1e-4)
    assert found.lower_bound <= np.log2(1 / D) <= found.rate and found.gap <= 1e-4 and found.status == "optimal"
    assert found.distortions["global"] <= 2 * D
    x = Density.laplace(1, 2).sample(4000, 1)
    d = (found.encoder(x) * abs(x[:, None] - found.codebook)).sum(axis=1)
    assert abs(d.mean() - 2 * D) < 5 * d.std() / len(x) ** 0.5


def test_modes_far_apart_cost_a_bit_more():
    found = mfrd.limit(Density.mixture([(0.5, Density.normal(-50)), (0.5, Density.normal(50))]), Fidelity(0.25))
    assert found.lower_bound <= 2 <= found.rate and found.gap <= 1e-6


def test_a_budget_that_does_not_bind_has_no_price():
    found = mfrd.limit(Density.normal(), [Fidelity(0.25), core(0.25)])
    assert found.prices["core"] == 0 and found.lower_bound <= 1 <= found.rate and found.gap <= 1e-6


def test_one_codeword_where_it_keeps_every_budget():
    for D in (1.0, 1.5):
        found = mfrd.limit(Density.normal(), Fidelity(D))
        assert (found.rate, found.lower_bound, len(found.codebook), found.prices) == (0, 0, 1, {"global": 0})
    near = mfrd.limit(Density.normal(), Fidelity(0.9999))
    assert near.gap <= 1e-6 and near.lower_bound <= 0.5 * np.log2(1 / 0.9999) <= near.rate
    whole = mfrd.limit(Density.laplace(), Fidelity(1.0, distortion=mfrd.absolute_error))
    assert whole.rate == 0


def test_a_curve_of_a_density_encloses_r_between_its_budgets():
    curve = mfrd.limit_curve(Density.normal(), Fidelity(0.3), "global", [0.5, 0.2])
    D = np.array([0.2, 0.3, 0.5])
    known = 0.5 * np.log2(1 / D)
    assert (curve.lower(D) <= known).all() and (known <= curve.upper(D) + 1e-12).all()
    assert curve.upper(D)[0] - curve.lower(D)[0] < 1e-6 and [c.status for c in curve] == ["optimal"] * 2


@pytest.mark.parametrize(
    ("fidelity", "message"),
    [
        (Fidelity(0.1, per="letter"), 'global: per="letter" bounds each of uncountably many letters'),
        (Fidelity(0.1, distortion=mfrd.hamming), "global: a density takes mfrd.squared_error"),
        (Fidelity(0.1, distortion=mfrd.absolute_error), "expected one budget on a whole Laplace density"),
        (Fidelity(0.0), "global: 0 is out of reach of every finite rate of a density"),
        (Fidelity(1e-12), "more than 20000 panels"),
    ],
)
def test_what_a_density_does_not_take_is_refused_by_name(fidelity, message):
    with pytest.raises(ValueError, match=message):
        mfrd.limit(Density.normal(), fidelity)


def test_misuse_is_refused_by_name():
    with pytest.raises(ValueError, match="core: its intervals have probability 0"):
        mfrd.limit(Density.uniform(2, 3), core(0.1))
    with pytest.raises(ValueError, match="codebook, prices, rate and seconds are for a source of letters"):
        mfrd.limit(Density.normal(), Fidelity(0.5), seconds=1)
    with pytest.raises(ValueError, match="each with a name of its own"):
        mfrd.limit(Density.normal(), [Fidelity(0.5), Fidelity(0.4)])
    with pytest.raises(ValueError, match="tol is 0"):
        mfrd.limit(Density.normal(), Fidelity(0.5), tol=0)
    with pytest.raises(ValueError, match="D is 0"):
        mfrd.shannon_bound(Density.normal(), 0)
    with pytest.raises(ValueError, match="no fidelity is named 'core'"):
        mfrd.limit_curve(Density.normal(), Fidelity(0.5), "core", [0.5])


@pytest.mark.parametrize("below", [1e-2, 1e-5, 1e-9, 1e-12])
@pytest.mark.parametrize("law", ["normal", "uniform", "truncated", "two modes"])
def test_budgets_a_hair_below_the_variance_close(law, below):
    density = {
        "normal": mfrd.Density.normal(),
        "uniform": mfrd.Density.uniform(),
        "truncated": mfrd.Density.normal().truncated(-3, 3),
        "two modes": mfrd.Density.mixture([(0.5, mfrd.Density.normal(-2, 0.5)), (0.5, mfrd.Density.normal(1, 1))]),
    }[law]
    answer = mfrd.limit(density, mfrd.Fidelity((1 - below) * density.variance))
    assert answer.status == "optimal" and 0 <= answer.lower_bound <= answer.rate <= 0.75 * below + 1e-6
    if law == "normal":
        assert answer.lower_bound <= -0.5 * np.log2(1 - below) <= answer.rate
