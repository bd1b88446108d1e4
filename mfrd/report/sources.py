"""The sources of the report, each in one place: notebooks, their checks and their exercises draw on these."""

import numpy as np

from ..problems.densities import Density
from ..problems.source import Source, bumps, grid

MODES, STDS = (-5.0, -1.0, 2.5), (0.3, 0.6, 0.4)  # of the trimodal source
CORNERS = ((-4.0, -4.0), (4.0, -4.0), (-4.0, 4.0), (4.0, 4.0))  # modes of the four in the plane


def gaussian(n: int, dimension: int = 1) -> Source:
    """p(x) proportional to exp(-|x|^2 / 2) on n points a side of [-3, 3]^dimension: gaussian_1d and gaussian_2d."""
    return bumps(grid(-3, 3, n, dimension), [1], [[0.0] * dimension], [1])


def wide(n: int) -> Source:
    """Three bumps of different widths on n points of [-3, 3], the author's check of the core.

    p(x) ~ 0.3 exp(-(x + 2)^2 / 0.08) + 0.4 exp(-x^2 / 2) + 0.3 exp(-(x - 2)^2 / 0.5).
    """
    return bumps(grid(-3, 3, n), [0.3, 0.4, 0.3], [-2, 0, 2], [0.2, 1.0, 0.5])


def trimodal(n: int) -> Source:
    """Three narrow bumps over a constant floor on n points of [-8, 8]: refine_1d and lloyd_1d.

    p(x) ~ 1/64 + (exp(-(x + 5)^2 / 0.18) + exp(-(x + 1)^2 / 0.72) + exp(-(x - 2.5)^2 / 0.32)) / 4.
    """
    return bumps(grid(-8, 8, n), [0.25] * 3, MODES, STDS, floor=0.015625)


def trimodal_density() -> Density:
    """The density on (-8, 8) that `trimodal` has values of: its three bumps over its floor."""
    bump = lambda mean, std: (0.25 * std * np.sqrt(2 * np.pi), Density.normal(mean, std))
    terms = [*map(bump, MODES, STDS), (0.015625 * 16, Density.uniform(-8, 8))]
    total = sum(weight for weight, _ in terms)
    return Density.mixture([(weight / total, density) for weight, density in terms]).truncated(-8, 8)


def two_modes() -> Density:
    """0.5 N(-2, 0.5^2) + 0.5 N(1, 1)."""
    return Density.mixture([(0.5, Density.normal(-2, 0.5)), (0.5, Density.normal(1, 1))])


def midpoints(density: Density, low: float, high: float, n: int) -> Source:
    """n letters in the middle of even cells of (low, high), each of its cell's probability given the interval."""
    edges = np.linspace(low, high, n + 1)
    masses = np.diff(density.cdf(edges))
    return Source((edges[1:] + edges[:-1]) / 2, masses / masses.sum())


def spike(n: int) -> Source:
    """A narrow spike over two broad bumps on n points of [-10, 10]: refine_spike and lloyd_spike.

    p(x) ~ 0.2 exp(-x^2 / 0.08) + 0.8 exp(-(x + 4)^2 / 18) + 0.8 exp(-(x - 5)^2 / 32).
    """
    return bumps(grid(-10, 10, n), [0.2, 0.8, 0.8], [0, -4, 5], [0.2, 3, 4])


def four_modes(n: int) -> Source:
    """Four bumps and a floor on n x n points of [-8, 8]^2: refine_2d.

    p(x) ~ 1/10 + the sum over the corners c of exp(-|x - c|^2 / 2).
    """
    return bumps(grid(-8, 8, n, 2), [1] * 4, CORNERS, [1] * 4, floor=0.1)


def drawn(seed: int, m: int) -> np.ndarray:
    """m codewords drawn uniformly on [-8, 8] and sorted, (m,): where refinement of the trimodal source begins."""
    return np.sort(np.random.default_rng(seed).uniform(-8, 8, m))
