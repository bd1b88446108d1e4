"""The sources of the report, each in one place: notebooks, their checks and their exercises draw on these."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..problems.densities import Density
from ..problems.source import Source, bumps, grid


@dataclass(frozen=True)
class Law:
    """p(x) proportional to floor + sum_b weight_b exp(-|x - mean_b|^2 / 2 std_b^2) on [-reach, reach]^k.

    weights, stds: (b,); means: (b,), or (b, k) in more dimensions than one.
    """

    reach: float
    weights: tuple[float, ...]
    means: tuple[Any, ...]
    stds: tuple[float, ...]
    floor: float = 0.0

    def on(self, n: int) -> Source:
        """Its values, scaled to sum to one, on n points a side, evenly spaced from end to end."""
        means = np.array(self.means)
        points = grid(-self.reach, self.reach, n, 1 if means.ndim == 1 else means.shape[1])
        return bumps(points, self.weights, means, self.stds, self.floor)


CORNERS = ((-4.0, -4.0), (4.0, -4.0), (-4.0, 4.0), (4.0, 4.0))
LAWS = {  # by the name of the experiment that the author's code first uses each in
    "gaussian_1d": Law(3, (1,), (0,), (1,)),
    "gaussian_2d": Law(3, (1,), ((0, 0),), (1,)),
    "trimodal_core": Law(3, (0.3, 0.4, 0.3), (-2, 0, 2), (0.2, 1.0, 0.5)),
    "refine_1d": Law(8, (0.25, 0.25, 0.25), (-5.0, -1.0, 2.5), (0.3, 0.6, 0.4), floor=1 / 64),
    "refine_spike": Law(10, (0.2, 0.8, 0.8), (0, -4, 5), (0.2, 3, 4)),
    "refine_2d": Law(8, (1, 1, 1, 1), CORNERS, (1, 1, 1, 1), floor=0.1),
}
MODES = LAWS["refine_1d"].means


def gaussian(n: int, dimension: int = 1) -> Source:
    """p(x) proportional to exp(-|x|^2 / 2) on n points a side of [-3, 3]^dimension."""
    return LAWS[f"gaussian_{dimension}d"].on(n)


def wide(n: int) -> Source:
    """Three bumps of different widths on n points of [-3, 3], the author's check of the core."""
    return LAWS["trimodal_core"].on(n)


def trimodal(n: int) -> Source:
    """Three narrow bumps over a constant floor on n points of [-8, 8]."""
    return LAWS["refine_1d"].on(n)


def trimodal_density() -> Density:
    """The density on (-8, 8) that `trimodal` has values of: its three bumps over its floor."""
    law = LAWS["refine_1d"]
    terms = [
        (weight * std * np.sqrt(2 * np.pi), Density.normal(mean, std))
        for weight, mean, std in zip(law.weights, law.means, law.stds)
    ]
    terms.append((law.floor * 2 * law.reach, Density.uniform(-law.reach, law.reach)))
    total = sum(weight for weight, _ in terms)
    return Density.mixture([(weight / total, density) for weight, density in terms]).truncated(-law.reach, law.reach)


def two_modes() -> Density:
    """0.5 N(-2, 0.5^2) + 0.5 N(1, 1)."""
    return Density.mixture([(0.5, Density.normal(-2, 0.5)), (0.5, Density.normal(1, 1))])


def midpoints(density: Density, low: float, high: float, n: int) -> Source:
    """n letters in the middle of even cells of (low, high), each of its cell's probability given the interval."""
    edges = np.linspace(low, high, n + 1)
    masses = np.diff(density.cdf(edges))
    return Source((edges[1:] + edges[:-1]) / 2, masses / masses.sum())


def spike(n: int) -> Source:
    """A narrow spike over two broad bumps on n points of [-10, 10]."""
    return LAWS["refine_spike"].on(n)


def four_modes(n: int) -> Source:
    """Four bumps over a floor on n x n points of [-8, 8]^2."""
    return LAWS["refine_2d"].on(n)


def drawn(seed: int, m: int) -> np.ndarray:
    """m codewords drawn uniformly on [-8, 8] and sorted, (m,): where refinement of the trimodal source begins."""
    return np.sort(np.random.default_rng(seed).uniform(-8, 8, m))
