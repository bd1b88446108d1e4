"""Densities: balls against SciPy's quadrature and closed forms, truncations and mixtures, what is refused."""

import numpy as np
import pytest
from flint import acb, arb
from scipy import integrate, stats

import mfrd
from mfrd.problems.densities import BITS, Density, U, precise

FAMILIES = {
    "normal": Density.normal(1, 0.5),
    "laplace": Density.laplace(-1, 0.7),
    "exponential": Density.exponential(0.5, 1),
    "uniform": Density.uniform(-1, 2),
    "logistic": Density.logistic(0.3, 0.4),
}
FROZEN = {
    "normal": stats.norm(1, 0.5),
    "laplace": stats.laplace(-1, 0.7),
    "exponential": stats.expon(1, 0.5),
    "uniform": stats.uniform(-1, 3),
    "logistic": stats.logistic(0.3, 0.4),
}
MIXED = Density.mixture(
    [(0.3, FAMILIES["laplace"].truncated(-2, np.inf)), (0.3, FAMILIES["logistic"]), (0.4, FAMILIES["uniform"])]
)


def pieces(density, a, b):
    points = sorted({x for x in [*density.breaks, -3.0, 0.0, 1.0, 3.0] if a < x < b})
    return list(zip([a, *points], [*points, b]))


def quadrature(density, power, a, b, y=0.0):
    f = lambda x: (x - y) ** power * float(density.pdf(x))
    return sum(integrate.quad(f, *ends, epsabs=1e-13, limit=200)[0] for ends in pieces(density, a, b))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_that_of_scipy(name):
    density, frozen = FAMILIES[name], FROZEN[name]
    x = np.linspace(-4, 5, 37) + 1e-3
    f, error = density.pdf_within(x)
    np.testing.assert_allclose(f, frozen.pdf(x), rtol=1e-13, atol=1e-300)
    np.testing.assert_allclose(density.cdf(x), frozen.cdf(x), atol=1e-15)
    assert density.mean == pytest.approx(frozen.mean()) and density.variance == pytest.approx(frozen.var())
    assert (error <= 100 * U * (f + 1) * (1 + x**2)).all()
    assert mfrd.Density.of(frozen).name == density.name and float(density.entropy()) == pytest.approx(frozen.entropy())
    assert density.quantile(1e-9) == pytest.approx(frozen.ppf(1e-9)) and density.proven


@pytest.mark.parametrize("density", [*FAMILIES.values(), FAMILIES["normal"].truncated(0.5, 3), MIXED], ids=str)
def test_moments_on_intervals_are_what_quadrature_finds(density):
    for a, b in [(-np.inf, np.inf), (0.2, 1.4), (-3.0, -0.9), (1.5, np.inf)]:
        low, high = max(a, density.support[0], -30.0), min(b, density.support[1], 30.0)
        for power, ball in enumerate(density.enclosed(a, b, 0.4)):
            expected = quadrature(density, power, low, high, 0.4) if low < high else 0.0
            assert float(ball) == pytest.approx(expected, abs=3e-9)
            assert float(ball.rad()) < 1e-60


def test_a_pdf_in_floats_is_within_its_error_of_the_pdf_in_balls():
    x = np.linspace(-2, 2, 41) + 0.013
    for density in [*FAMILIES.values(), MIXED]:
        f, error = density.pdf_within(x)
        with precise():
            for at, value, wrong in zip(x, f, error):
                live = [p for p in density.parts if max(p.low, p.law.support[0]) < at < min(p.high, p.law.support[1])]
                exact = sum((p.ball * p.law.at(arb(at), at > p.law.loc) for p in live), arb(0))
                assert abs(arb(value) - exact) <= arb(wrong)


def test_a_ceiling_is_above_the_density_on_its_ellipse():
    angles = np.linspace(0, 2 * np.pi, 60)
    for density in FAMILIES.values():
        law = density.parts[0].law
        for centre, across, up in [(1.4, 0.3, 0.2), (1.9, 0.05, 0.4), (1.2, 0.15, 0.1)]:
            bound = law.ceiling(*(np.array([v]) for v in (centre, across, up)))[0] * (1 + 1e-9)
            with precise():
                for angle in angles:
                    z = acb(centre + across * np.cos(angle), up * np.sin(angle))
                    assert abs(law.at(z, True)) <= arb(bound)


def test_a_truncated_mixture_integrates_to_one_and_its_samples_follow_it():
    low = MIXED.truncated(-0.5, 1.7)
    assert abs(low.enclosed()[0] - 1) < arb(2) ** (20 - BITS)
    x = low.sample(20_000, 1)
    assert x.min() > -0.5 and x.max() < 1.7
    assert stats.kstest(x, low.cdf).pvalue > 1e-3


def test_the_entropy_of_a_mixture_is_what_quadrature_finds():
    two = Density.mixture([(0.5, Density.normal(-2, 0.5)), (0.5, Density.normal(1, 1))])
    f = lambda x: -float(two.pdf(x)) * np.log(float(two.pdf(x)))
    expected = sum(integrate.quad(f, *ends, epsabs=1e-13)[0] for ends in [(-6, -2), (-2, 1), (1, 9)])
    assert float(two.entropy()) == pytest.approx(expected, abs=1e-10)
    assert float(FAMILIES["uniform"].truncated(0, 1).entropy()) == pytest.approx(0, abs=1e-12)


def test_other_distributions_are_labelled_and_enter_no_proof():
    student = Density.of(stats.t(3))
    assert not student.proven and "not proven" in repr(student)
    assert student.variance == pytest.approx(3) and student.mass(-1, 1) == pytest.approx(stats.t(3).cdf(1) * 2 - 1)
    for call in (
        student.enclosed,
        student.entropy,
        lambda: student.truncated(0, 1),
        lambda: mfrd.limit(student, mfrd.Fidelity(0.5)),
    ):
        with pytest.raises(ValueError, match="t is not proven; expected Density.normal"):
            call()


class Negative(stats.rv_continuous):
    def _pdf(self, x):
        return 1.5 - x


class Half(stats.rv_continuous):
    def _pdf(self, x):
        return 0.5 * np.ones_like(x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Density.normal(0, -1), "normal: scale is -1; expected a number > 0"),
        (lambda: Density.normal(np.nan, 1), "normal: location is nan; expected one finite number"),
        (lambda: Density.uniform(2, 1), "uniform: from 2 to 1; expected low < high"),
        (lambda: Density.mixture([(0.5, Density.normal())]), "weights are .0.5.; expected numbers >= 0 of sum 1"),
        (lambda: Density.normal().truncated(1, 0), "expected a < b"),
        (lambda: Density.uniform().truncated(2, 3), "hardly meets; expected probability"),
        (lambda: Density.of(3), "3 is no frozen continuous distribution"),
        (lambda: Density.of(Negative(a=0, b=2, name="negative")()), "negative: its pdf takes the value -0"),
        (lambda: Density.of(Half(a=0, b=1, name="half")()), "half: its pdf integrates to 0.5; expected 1"),
    ],
)
def test_what_is_no_density_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("on", "message"),
    [
        ([(0.5, 0.5)], r"interval \(0.5, 0.5\); expected ends a < b"),
        ([(1, 0)], r"interval \(1, 0\); expected ends a < b"),
        ([(0, 1), (0.5, 2)], r"\(0, 1\) and \(0.5, 2\) overlap; expected disjoint"),
        ([(0, np.nan)], "expected ends a < b"),
    ],
)
def test_intervals_that_are_none_are_refused(on, message):
    with pytest.raises(ValueError, match=message):
        mfrd.Fidelity(0.1, on=on)


def test_intervals_and_masks_do_not_stand_for_each_other():
    letters, interval = mfrd.Source([0.0, 1.0], [0.5, 0.5]), mfrd.Fidelity(0.1, on=[(2, 3), (-1, 0.5)], name="core")
    assert interval.on.tolist() == [[-1, 0.5], [2, 3]] and "(-1, 0.5) (2, 3)" in repr(interval)
    with pytest.raises(ValueError, match="core: the subset is intervals, for densities and samples; expected a mask"):
        mfrd.limit(letters, interval)
    function = mfrd.Fidelity(0.1, on=lambda x: x[:, 0] > 0, name="core")
    assert "on a function" in repr(function)
    with pytest.raises(ValueError, match="core: the subset is a function"):
        mfrd.limit(letters, function)
    for on in (np.array([True, False]), [0]):
        with pytest.raises(ValueError, match="core: the subset is a mask or indices of letters; expected open"):
            mfrd.limit(Density.normal(), mfrd.Fidelity(0.1, on=on, name="core"))
