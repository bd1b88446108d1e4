"""Densities on the line: named families, their mixtures and truncations, in floats and in balls.

A ball is a number of python-flint with a proven radius (Johansson 2017). What enters a proof is
    E[(X - y)^k; a < X < b], k = 0, 1, 2,   in balls, from closed forms,
    f(x)   in floats, with a bound on their error,
    |f(x + iv)| on an ellipse around x in the plane of complex numbers, from above.
A family has the density exp(-h(t)) / (C scale) in t = (x - loc) / scale. Its upper moments T_k(c) = E[t^k; t > c] are
closed forms, those below zero of a symmetric family by T_k(c) = T_k(-inf) - (-1)^k T_k(-c).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import integrate, special

from .values import number

U = 2.0**-53  # half a unit in the last place of one
BITS = 320  # of the balls: tails cancel to less than a double shows
TINY = 1e-290  # what underflow can hide of a density
UNPROVEN = (
    "the density {} is not proven; expected Density.normal, laplace, uniform, exponential, logistic, or mixtures and "
    "truncations of these: write it as one, or ask mfrd.limit of Source.from_samples(its samples)"
)


@dataclass(frozen=True)
class Law:
    """A family in standard form, its place and its scale; `of` says which, as its class does the rest."""

    loc: float
    scale: float

    low, symmetric = -np.inf, True  # of the support, in units of t
    C = 1.0  # of the standard density exp(-h) / C

    @property
    def ball_scale(self) -> Any:
        """The scale as a ball."""
        from flint import arb

        return arb(self.scale)

    @property
    def support(self) -> tuple[float, float]:
        """The least interval of probability one."""
        return self.loc if self.low == 0 else -np.inf, np.inf

    @property
    def breaks(self) -> tuple[float, ...]:
        """Where the density is not analytic."""
        return () if self.low < 0 else (self.loc,)

    def t(self, x: np.ndarray) -> np.ndarray:
        """(x - loc) / scale."""
        return (x - self.loc) / self.scale

    def h(self, t: np.ndarray) -> np.ndarray:
        """-log of the standard density but for log C; infinite outside the support."""
        raise NotImplementedError

    def below(self, t: np.ndarray) -> np.ndarray:
        """P(T <= t), a float."""
        raise NotImplementedError

    def tails(self, c: Any) -> tuple:
        """(T_0, T_1, T_2) of a finite ball c, not below zero where the family is symmetric."""
        raise NotImplementedError

    def ceiling(self, centre: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:
        """A bound on |f| on the ellipses around `centre` with half axes `across` and `up`, but for 1e-9 of it."""
        nearest = np.maximum(abs(centre - self.loc) - across, 0) / self.scale
        return np.exp(-self.h(nearest)) / (self.C * self.scale)

    def enclosed(self, a: float, b: float) -> list:
        """[E[T^k; a < X < b] for k = 0, 1, 2] in balls, T = (X - loc) / scale."""
        from flint import arb

        a, b = max(a, self.support[0]), min(b, self.support[1])
        if not a < b:
            return [arb(0)] * 3
        ends = [(arb(x) - arb(self.loc)) / self.ball_scale if np.isfinite(x) else x for x in (a, b)]
        if self.symmetric and b <= self.loc:
            low, high = (self.upper(-x) for x in reversed(ends))
            return [(-1) ** k * (s - t) for k, (s, t) in enumerate(zip(low, high))]
        return [s - t for s, t in zip(*(self.upper(x) for x in ends))]

    def upper(self, c: Any) -> tuple:
        """(T_0, T_1, T_2) of any ball c or infinite float."""
        from flint import arb

        if isinstance(c, float):
            return (arb(0), arb(0), arb(0)) if c > 0 else self.totals
        if not self.symmetric:
            return self.tails(c.max(arb(0)))
        if c >= 0:
            return self.tails(c)
        return tuple(all_ - (-1) ** k * t for k, (all_, t) in enumerate(zip(self.totals, self.tails(-c))))

    @property
    def totals(self) -> tuple:
        """(1, E T, E T^2) in balls."""
        raise NotImplementedError

    def entropy(self) -> Any:
        """The differential entropy in nats, a ball."""
        raise NotImplementedError

    def at(self, z: Any, right: bool) -> Any:
        """f(z) of a complex ball, continued from the right or the left of loc."""
        t = (z - self.loc) / self.ball_scale
        return self.standard(t if right or not self.symmetric else -t) / self.ball_scale

    def standard(self, t: Any) -> Any:
        """exp(-h(t)) / C of a complex ball, continued from t > 0."""
        raise NotImplementedError


class Normal(Law):
    """exp(-t^2 / 2) / sqrt(2 pi)."""

    C = np.sqrt(2 * np.pi)

    def h(self, t: np.ndarray) -> np.ndarray:  # noqa: D102
        return t**2 / 2

    def below(self, t: np.ndarray) -> np.ndarray:  # noqa: D102
        return special.ndtr(t)

    def tails(self, c: Any) -> tuple:  # noqa: D102
        from flint import arb

        beyond, height = (c / arb(2).sqrt()).erfc() / 2, (-c * c / 2).exp() / (2 * arb.pi()).sqrt()
        return beyond, height, c * height + beyond

    def ceiling(self, centre: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:  # noqa: D102
        return super().ceiling(centre, across, up) * np.exp((up / self.scale) ** 2 / 2)

    @property
    def totals(self) -> tuple:  # noqa: D102
        from flint import arb

        return arb(1), arb(0), arb(1)

    def entropy(self) -> Any:  # noqa: D102
        from flint import arb

        return self.ball_scale.log() + ((2 * arb.pi()).log() + 1) / 2

    def standard(self, t: Any) -> Any:  # noqa: D102
        return (-t * t / 2).exp() / (2 * type(t).pi()).sqrt()


class Laplace(Law):
    """exp(-|t|) / 2."""

    C = 2.0

    @property
    def breaks(self) -> tuple[float, ...]:  # noqa: D102
        return (self.loc,)

    def h(self, t: np.ndarray) -> np.ndarray:  # noqa: D102
        return abs(t)

    def below(self, t: np.ndarray) -> np.ndarray:  # noqa: D102
        return np.where(t < 0, np.exp(-abs(t)) / 2, 1 - np.exp(-abs(t)) / 2)

    def tails(self, c: Any) -> tuple:  # noqa: D102
        from flint import arb

        e = (-c).exp() / arb(2)
        return e, (c + 1) * e, (c * c + 2 * c + 2) * e

    def ceiling(self, centre: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:  # noqa: D102
        nearest = (abs(centre - self.loc) - across) / self.scale  # negative where continued beyond the middle
        return np.exp(-nearest) / (2 * self.scale)

    @property
    def totals(self) -> tuple:  # noqa: D102
        from flint import arb

        return arb(1), arb(0), arb(2)

    def entropy(self) -> Any:  # noqa: D102
        return (2 * self.ball_scale).log() + 1

    def standard(self, t: Any) -> Any:  # noqa: D102
        return (-t).exp() / 2


class Exponential(Law):
    """exp(-t) for t > 0."""

    low, symmetric = 0.0, False

    def h(self, t: np.ndarray) -> np.ndarray:  # noqa: D102
        return np.where(t >= 0, t, np.inf)

    def below(self, t: np.ndarray) -> np.ndarray:  # noqa: D102
        return -np.expm1(-np.maximum(t, 0))

    def tails(self, c: Any) -> tuple:  # noqa: D102
        e = (-c).exp()
        return e, (c + 1) * e, (c * c + 2 * c + 2) * e

    def ceiling(self, centre: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:  # noqa: D102
        least = self.t(centre) - across / self.scale
        return np.where(centre > self.loc, np.exp(-least) / self.scale, 0.0)

    @property
    def totals(self) -> tuple:  # noqa: D102
        from flint import arb

        return arb(1), arb(1), arb(2)

    def entropy(self) -> Any:  # noqa: D102
        return self.ball_scale.log() + 1

    def standard(self, t: Any) -> Any:  # noqa: D102
        return (-t).exp()


class Uniform(Law):
    """One on (0, 1); loc and scale + loc are its ends, `end` the upper one as it was given."""

    low, symmetric, end = 0.0, False, 1.0

    @classmethod
    def between(cls, low: float, high: float) -> "Uniform":
        """The law on (low, high)."""
        law = cls(low, high - low)
        law.__dict__["end"] = high
        return law

    @property
    def ball_scale(self) -> Any:  # noqa: D102
        from flint import arb

        return arb(self.end) - arb(self.loc)

    @property
    def support(self) -> tuple[float, float]:  # noqa: D102
        return self.loc, self.end

    @property
    def breaks(self) -> tuple[float, ...]:  # noqa: D102
        return self.loc, self.end

    def h(self, t: np.ndarray) -> np.ndarray:  # noqa: D102
        return np.where((t >= 0) & (t <= 1), 0.0, np.inf)

    def below(self, t: np.ndarray) -> np.ndarray:  # noqa: D102
        return np.clip(t, 0, 1)

    def tails(self, c: Any) -> tuple:  # noqa: D102
        from flint import arb

        c = c.min(arb(1))
        return 1 - c, (1 - c**2) / 2, (1 - c**3) / 3

    def ceiling(self, centre: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:  # noqa: D102
        return np.where((centre > self.loc) & (centre < self.end), 1 / self.scale, 0.0)

    @property
    def totals(self) -> tuple:  # noqa: D102
        from flint import arb

        return arb(1), arb(1) / 2, arb(1) / 3

    def entropy(self) -> Any:  # noqa: D102
        return self.ball_scale.log()

    def standard(self, t: Any) -> Any:  # noqa: D102
        return type(t)(1)


class Logistic(Law):
    """1 / (exp(t / 2) + exp(-t / 2))^2."""

    def h(self, t: np.ndarray) -> np.ndarray:  # noqa: D102
        return abs(t) + 2 * np.log1p(np.exp(-abs(t)))

    def below(self, t: np.ndarray) -> np.ndarray:  # noqa: D102
        return special.expit(t)

    def tails(self, c: Any) -> tuple:  # noqa: D102
        e = (-c).exp()
        beyond, excess = e / (1 + e), (1 + e).log()  # integral of P(T > t) from c on
        first = c * beyond + excess
        return beyond, first, -2 * (-e).polylog(2) + 2 * c * first - c * c * beyond

    def ceiling(self, centre: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:  # noqa: D102
        # |1 + e^-(t + iv)|^2 >= 1 + e^-2t >= (1 + e^-t)^2 / 2 for |v| <= pi / 2
        return np.where(up <= 1.57 * self.scale, 2 * super().ceiling(centre, across, up), np.inf)

    @property
    def totals(self) -> tuple:  # noqa: D102
        from flint import arb

        return arb(1), arb(0), arb.pi() ** 2 / 3

    def entropy(self) -> Any:  # noqa: D102
        return self.ball_scale.log() + 2

    def standard(self, t: Any) -> Any:  # noqa: D102
        return (-t).exp() / (1 + (-t).exp()) ** 2


@dataclass(frozen=True, eq=False)
class Part:
    """weight f(x) 1[low < x < high]: a term of a density. weight: a ball, and its midpoint as a float."""

    ball: Any
    law: Law
    low: float
    high: float

    @cached_property
    def weight(self) -> float:
        """The weight, rounded."""
        return float(self.ball)

    def moments(self, a: float, b: float, y: Any) -> list:
        """[weight E[(X - y)^k; a < X < b] for k = 0, 1, 2] in balls; y: a ball."""
        from flint import arb

        M, s = self.law.enclosed(max(a, self.low), min(b, self.high)), self.law.ball_scale
        d = arb(self.law.loc) - y
        return [self.ball * m for m in (M[0], s * M[1] + d * M[0], s * s * M[2] + 2 * s * d * M[1] + d * d * M[0])]


@dataclass(frozen=True, eq=False, repr=False)
class Density:
    """The law of a number X with a density f: one of the named families, a mixture, or a truncation.

        Density.normal(mean, std)    Density.laplace(mean, scale)    Density.logistic(mean, scale)
        Density.uniform(low, high)   Density.exponential(scale, low)
        Density.mixture([(w, density), ...])    density.truncated(a, b)    Density.of(scipy.stats.norm(0, 1))

    These are exact: what `mfrd.limit` says of them is proven. Any other distribution of SciPy is kept as it is,
    labelled `.proven` False, and refused where a proof is wanted.

    Parameters
    ----------
    parts : tuple of Part
        Terms of f; empty where not proven.
    name : str
        What it was made from.
    frozen : frozen SciPy distribution, optional
        What f is where not proven.
    stated : tuple
        What it was made from, exactly: ("normal", mean, std), ("uniform", low, high), ("exponential", low, scale),
        ("mixture", (w, stated), ...), ("truncated", a, b, stated), ...; empty where not proven.

    Attributes
    ----------
    proven : bool
        Whether its integrals are.
    support : (float, float)
        The least interval of probability one.
    mean, variance : float
        Rounded; infinite or no number where they do not exist.

    Examples
    --------
    >>> import mfrd
    >>> two = mfrd.Density.mixture([(0.5, mfrd.Density.normal(-2, 0.5)), (0.5, mfrd.Density.normal(1, 1))])
    >>> two.mean, two.variance, round(two.mass(-0.5, 0.5), 4)
    (-0.5, 2.875, 0.1222)
    """

    parts: tuple[Part, ...]
    name: str
    frozen: Any = None
    stated: tuple = ()

    @staticmethod
    def normal(mean: float = 0.0, std: float = 1.0) -> "Density":
        """N(mean, std^2).

        Parameters
        ----------
        mean : float
            Its place.
        std : float
            > 0, in units of x.


        Returns
        -------
        Density

        Raises
        ------
        ValueError
            Where a number is not finite or the scale not above zero.
        """
        return one(Normal, "normal", mean, std)

    @staticmethod
    def laplace(mean: float = 0.0, scale: float = 1.0) -> "Density":
        """exp(-|x - mean| / scale) / (2 scale), of variance 2 scale^2.

        Parameters
        ----------
        mean : float
            Its place.
        scale : float
            > 0, in units of x.


        Returns
        -------
        Density

        Raises
        ------
        ValueError
            Where a number is not finite or the scale not above zero.
        """
        return one(Laplace, "laplace", mean, scale)

    @staticmethod
    def exponential(scale: float = 1.0, low: float = 0.0) -> "Density":
        """exp(-(x - low) / scale) / scale for x > low, of variance scale^2.

        Parameters
        ----------
        scale : float
            > 0, in units of x.
        low : float
            Where it begins.


        Returns
        -------
        Density

        Raises
        ------
        ValueError
            Where a number is not finite or the scale not above zero.
        """
        return one(Exponential, "exponential", low, scale)

    @staticmethod
    def logistic(mean: float = 0.0, scale: float = 1.0) -> "Density":
        """1 / (4 scale cosh^2((x - mean) / (2 scale))), of variance (pi scale)^2 / 3.

        Parameters
        ----------
        mean : float
            Its place.
        scale : float
            > 0, in units of x.


        Returns
        -------
        Density

        Raises
        ------
        ValueError
            Where a number is not finite or the scale not above zero.
        """
        return one(Logistic, "logistic", mean, scale)

    @staticmethod
    def uniform(low: float = 0.0, high: float = 1.0) -> "Density":
        """1 / (high - low) for low < x < high.

        Parameters
        ----------
        low, high : float
            Its ends.


        Returns
        -------
        Density

        Raises
        ------
        ValueError
            Where a number is not finite or the ends are not in order.
        """
        from flint import arb

        low, high = finite(low, "uniform: low"), finite(high, "uniform: high")
        if not low < high:
            raise ValueError(f"uniform: from {low:g} to {high:g}; expected low < high: give the lower end first")
        part = Part(arb(1), Uniform.between(low, high), -np.inf, np.inf)
        return Density((part,), f"uniform({low:g}, {high:g})", stated=("uniform", low, high))

    @staticmethod
    def mixture(terms: Sequence[tuple[float, "Density"]]) -> "Density":
        """sum_i w_i f_i.

        Parameters
        ----------
        terms : sequence of (weight, Density)
            Weights >= 0 that sum to one within 1e-9; their exact sum is divided out.

        Returns
        -------
        Density

        Raises
        ------
        ValueError
            Where there is none, a weight is negative or no number, the sum is another, or a term is not proven.
        """
        terms = list(terms)
        weights = [finite(w, f"mixture: weight {i}") for i, (w, _) in enumerate(terms)]
        if not weights or min(weights) < 0 or abs(sum(weights) - 1) > 1e-9:
            raise ValueError(
                f"mixture: weights are {weights}; expected numbers >= 0 of sum 1 (within 1e-9): divide by their sum"
            )
        with precise() as arb:
            total = sum(map(arb, weights), arb(0))
            parts = [
                Part(arb(w) / total * part.ball, part.law, part.low, part.high)
                for w, density in zip(weights, (d.checked() for _, d in terms))
                if w > 0
                for part in density.parts
            ]
        names = " + ".join(f"{w:g} {d.name}" for w, (_, d) in zip(weights, terms))
        stated = ("mixture", *((w, d.stated) for w, (_, d) in zip(weights, terms) if w > 0))
        return Density(tuple(parts), names, stated=stated)

    @staticmethod
    def of(frozen: Any) -> "Density":
        """The density of a frozen SciPy distribution.

        norm, laplace, uniform, expon, logistic, truncnorm and truncexpon become the exact ones; any other is labelled
        not proven.

        Parameters
        ----------
        frozen : frozen distribution, such as scipy.stats.norm(0, 2)

        Returns
        -------
        Density

        Raises
        ------
        ValueError
            Where it is no frozen continuous distribution, or its pdf is negative, not integrable or of another integral
            than one.
        """
        family: Any = getattr(frozen, "dist", None)
        if not all(hasattr(family, name) for name in ("_parse_args", "pdf")):
            raise ValueError(
                f"{frozen!r} is no frozen continuous distribution; expected such as scipy.stats.norm(0, 2)"
            )
        shapes, loc, scale = family._parse_args(*frozen.args, **frozen.kwds)
        loc, scale = float(loc), float(scale)
        exact = {
            "norm": lambda: Density.normal(loc, scale),
            "laplace": lambda: Density.laplace(loc, scale),
            "logistic": lambda: Density.logistic(loc, scale),
            "expon": lambda: Density.exponential(scale, loc),
            "uniform": lambda: Density.uniform(loc, loc + scale),
            "truncnorm": lambda: Density.normal(loc, scale).truncated(*(loc + scale * float(s) for s in shapes)),
            "truncexpon": lambda: Density.exponential(scale, loc).truncated(loc, loc + scale * float(shapes[0])),
        }
        if family.name in exact:
            return exact[family.name]()
        a, b = frozen.support()
        with np.errstate(all="ignore"):
            at = frozen.pdf(np.linspace(max(a, -50 * scale + loc), min(b, 50 * scale + loc), 4001)[1:-1])
        if not (at >= 0).all():
            worst = at[~(at >= 0)][0]
            raise ValueError(f"{family.name}: its pdf takes the value {worst:g}; expected numbers >= 0: mend the pdf")
        total = sum(integrate.quad(frozen.pdf, *ends, limit=200)[0] for ends in cut(a, b, loc, scale))
        if not abs(total - 1) < 1e-6:
            raise ValueError(f"{family.name}: its pdf integrates to {total:.8g}; expected 1: divide it by that")
        return Density((), family.name, frozen)

    def truncated(self, a: float, b: float) -> "Density":
        """The law of X given a < X < b.

        Parameters
        ----------
        a, b : float
            The interval; infinite ends leave that side as it is.

        Returns
        -------
        Density

        Raises
        ------
        ValueError
            Where the interval is reversed or empty, has no probability, or the density is not proven.
        """
        if not a < b:
            raise ValueError(f"truncated to ({a}, {b}); expected a < b: give the lower end first")
        self.checked()
        with precise():
            mass = self.enclosed(a, b)[0]
            if not mass > 0:
                raise ValueError(f"truncated to ({a:g}, {b:g}), which {self.name} hardly meets; expected probability")
            parts = [Part(p.ball / mass, p.law, max(a, p.low), min(b, p.high)) for p in self.parts]
        kept = tuple(p for p in parts if max(p.low, p.law.support[0]) < min(p.high, p.law.support[1]))
        stated = ("truncated", float(a), float(b), self.stated)
        return Density(kept, f"{self.name} on ({a:g}, {b:g})", stated=stated)

    @property
    def proven(self) -> bool:
        """Whether its integrals are proven."""
        return bool(self.parts)

    def checked(self) -> "Density":
        """Itself, where it is proven.

        Returns
        -------
        Density

        Raises
        ------
        ValueError
            Where it is not.
        """
        if not self.proven:
            raise ValueError(UNPROVEN.format(self.name))
        return self

    @property
    def support(self) -> tuple[float, float]:
        """The least interval of probability one."""
        if not self.proven:
            low, high = self.frozen.support()
            return float(low), float(high)
        ends = [(max(p.low, p.law.support[0]), min(p.high, p.law.support[1])) for p in self.parts]
        return min(low for low, _ in ends), max(high for _, high in ends)

    @property
    def breaks(self) -> list[float]:
        """Where f is not analytic, ascending."""
        points = {x for p in self.parts for x in (*p.law.breaks, p.low, p.high) if np.isfinite(x)}
        low, high = self.support
        return sorted(x for x in points if low <= x <= high)

    def pdf(self, x: np.ndarray) -> np.ndarray:
        """f(x), per unit of x.

        Parameters
        ----------
        x : array of any shape

        Returns
        -------
        array of that shape
        """
        return self.pdf_within(x)[0]

    def pdf_within(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(f(x), a bound on its error).

        t = (x - loc) / scale is within 3 u, so that exp(-h(t)) is within (8 h + 16) u of itself.

        Parameters
        ----------
        x : array of any shape

        Returns
        -------
        two arrays of that shape
        """
        x = np.asarray(x, float)
        if not self.proven:
            return self.frozen.pdf(x), np.full(x.shape, np.inf)
        total, wrong = np.zeros(x.shape), np.full(x.shape, TINY)
        with np.errstate(invalid="ignore"):
            for p in self.parts:
                inside = (x >= max(p.low, p.law.support[0])) & (x <= min(p.high, p.law.support[1]))
                h = p.law.h(p.law.t(x[inside]))
                term = p.weight * np.exp(-h) / (p.law.C * p.law.scale)
                total[inside] += term
                wrong[inside] += U * term * (8 * h + 16 + len(self.parts))
        return total, wrong

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """P(X <= x).

        Parameters
        ----------
        x : array of any shape

        Returns
        -------
        array of that shape
        """
        x = np.asarray(x, float)
        if not self.proven:
            return self.frozen.cdf(x)
        F = lambda law, x: law.below(law.t(x))
        return sum(p.weight * (F(p.law, np.clip(x, p.low, p.high)) - F(p.law, np.array(p.low))) for p in self.parts)

    def enclosed(self, a: float = -np.inf, b: float = np.inf, y: Any = 0.0) -> list:
        """[E[(X - y)^k; a < X < b] for k = 0, 1, 2] in balls.

        Parameters
        ----------
        a, b : float
            The interval.
        y : float or ball

        Returns
        -------
        list of three balls of python-flint

        Raises
        ------
        ValueError
            Where the density is not proven.
        """
        self.checked()
        with precise() as arb:
            terms = [p.moments(float(a), float(b), arb(y)) for p in self.parts]
            return [sum(column, arb(0)) for column in zip(*terms)]

    def mass(self, a: float, b: float) -> float:
        """P(a < X < b), rounded.

        Parameters
        ----------
        a, b : float
            The interval.

        Returns
        -------
        float
        """
        if self.proven:
            return float(self.enclosed(a, b)[0])
        return float(self.frozen.cdf(b) - self.frozen.cdf(a))

    @property
    def mean(self) -> float:
        """E X."""
        return float(self.enclosed()[1]) if self.proven else float(self.frozen.mean())

    @property
    def variance(self) -> float:
        """Var X."""
        if not self.proven:
            return float(self.frozen.var())
        with precise():
            _, first, second = self.enclosed()
            return float(second - first * first)

    def entropy(self) -> Any:
        """The differential entropy in nats, a ball; of a mixture with infinite tails its lower end alone is proven.

            h = -integral of f log f; beyond a window, -f log f >= -f log sup f.

        Returns
        -------
        ball of python-flint

        Raises
        ------
        ValueError
            Where the density is not proven.
        """
        self.checked()
        with precise() as arb:
            if len(self.parts) == 1 and not np.isfinite([self.parts[0].low, self.parts[0].high]).any():
                return self.parts[0].law.entropy()
            share, (low, high) = 1e-15, self.support
            low = low if np.isfinite(low) else self.quantile(share)
            high = high if np.isfinite(high) else self.quantile(1 - share)
            h = arb(0)
            for a, b in zip([low, *self.breaks, high], [*self.breaks, high]):
                if a < b:
                    h += self.entropy_within(a, b)
            highest = sum((p.ball / p.law.ball_scale for p in self.parts), arb(0))  # above every f(x)
            for ends in ((-np.inf, low), (high, np.inf)):
                mass = self.enclosed(*ends)[0]
                if mass > 0:
                    h -= mass * highest.log().max(arb(0))
            return h

    def entropy_within(self, a: float, b: float) -> Any:
        """-integral of f log f over an interval without breaks, a ball.

        Parameters
        ----------
        a, b : float
            The interval.

        Returns
        -------
        ball of python-flint
        """
        from flint import acb, ctx

        middle = (a + b) / 2
        live = [p for p in self.parts if max(p.low, p.law.support[0]) < middle < min(p.high, p.law.support[1])]

        def integrand(z: Any, analytic: bool) -> Any:
            f = sum((p.ball * p.law.at(z, middle > p.law.loc) for p in live), acb(0))
            return -f * f.log(analytic=analytic)

        kept, ctx.prec = ctx.prec, 64
        try:
            return acb.integral(integrand, a, b, rel_tol=2.0**-50, abs_tol=2.0**-50).real if live else acb(0).real
        finally:
            ctx.prec = kept

    def quantile(self, share: float) -> float:
        """The x with P(X <= x) = share, by halving.

        Parameters
        ----------
        share : float
            In (0, 1).

        Returns
        -------
        float
        """
        low, high = self.support
        if not self.proven:
            return float(self.frozen.ppf(share))
        reach = max(p.law.scale for p in self.parts)
        low = low if np.isfinite(low) else min(p.law.loc for p in self.parts) - 800 * reach
        high = high if np.isfinite(high) else max(p.law.loc for p in self.parts) + 800 * reach
        upper = lambda x: sum(p.weight * beyond(p, x) for p in self.parts)
        for _ in range(200):
            middle = (low + high) / 2
            above = self.cdf(np.array(middle)) >= share if share <= 0.5 else upper(middle) <= 1 - share
            low, high = (low, middle) if above else (middle, high)
        return high

    def sample(self, N: int, seed: int) -> np.ndarray:
        """Independent draws, (N,), by the inverse of each part's cdf.

        Parameters
        ----------
        N : int
            How many.
        seed : int
            Of numpy.random.default_rng.

        Returns
        -------
        (N,) array
        """
        rng = np.random.default_rng(seed)
        if not self.proven:
            return self.frozen.rvs(N, random_state=rng)
        weights = np.array([p.weight * (beyond(p, p.low)) for p in self.parts])
        of, share = rng.choice(len(weights), N, p=weights / weights.sum()), rng.random(N)
        x = np.empty(N)
        for k, p in enumerate(self.parts):
            low, high = (p.law.below(np.asarray(p.law.t(end))) for end in (p.low, p.high))
            x[of == k] = p.law.loc + p.law.scale * inverse(p.law, low + (high - low) * share[of == k])
        return x

    def __repr__(self) -> str:
        said = "" if self.proven else ", not proven"
        return f"Density({self.name}, mean {self.mean:.6g}, variance {self.variance:.6g}{said})"


def beyond(part: Part, x: float) -> float:
    """P(X > x) of a part but for its weight, with the digits of a small number."""
    law = part.law
    F = lambda x: law.below(np.asarray(law.t(x)))
    G = (lambda x: F(2 * law.loc - x)) if law.symmetric else (lambda x: 1 - F(x))
    if isinstance(law, Exponential):
        G = lambda x: np.exp(-max(law.t(x), 0.0))
    return float(G(min(max(x, part.low), part.high)) - G(part.high))


def one(family: type[Law], name: str, loc: float, scale: float) -> Density:
    """The density of one family."""
    from flint import arb

    loc, scale = finite(loc, f"{name}: location"), finite(scale, f"{name}: scale")
    if not scale > 0:
        raise ValueError(f"{name}: scale is {scale:g}; expected a number > 0")
    part = Part(arb(1), family(loc, scale), -np.inf, np.inf)
    return Density((part,), f"{name}({loc:g}, {scale:g})", stated=(name, loc, scale))


def finite(value: Any, what: str) -> float:
    """`value` as a finite float; `what` names it in the error."""
    return number(value, f"{what} is", "one finite number", -np.finfo(float).max)


def inverse(law: Law, share: np.ndarray) -> np.ndarray:
    """t with P(T <= t) = share, (N,)."""
    if isinstance(law, Normal):
        return special.ndtri(share)
    if isinstance(law, Laplace):
        return np.where(share < 0.5, np.log(2 * share), -np.log(2 * (1 - share)))
    if isinstance(law, Logistic):
        return special.logit(share)
    return share if isinstance(law, Uniform) else -np.log1p(-share)


def cut(a: float, b: float, loc: float, scale: float) -> list[tuple[float, float]]:
    """Intervals of (a, b) in which quadrature finds the mass: around loc, and beyond."""
    points = [a, *(x for x in (loc - 10 * scale, loc, loc + 10 * scale) if a < x < b), b]
    return list(zip(points, points[1:]))


class precise:
    """The context in which balls have BITS bits; it gives the class of balls."""

    def __enter__(self) -> Any:
        from flint import arb, ctx

        self.kept, ctx.prec = ctx.prec, BITS
        return arb

    def __exit__(self, *_: Any) -> None:
        from flint import ctx

        ctx.prec = self.kept
