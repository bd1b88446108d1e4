"""Cells: a deterministic encoder is a partition of the letters, with one codeword a cell."""

import numpy as np

from ..problems.source import Source
from ..solvers.encoder import Encoder


def labels(encoder: Encoder) -> np.ndarray:
    """The codeword index of each letter of a deterministic encoder, (n,).

    Raises ValueError where some letter is randomised, TypeError where it is no Encoder.
    """
    if not isinstance(encoder, Encoder):
        said = f"encoder is {type(encoder).__name__}; expected mfrd.Encoder"
        raise TypeError(f"{said}, as quantiser.deterministic() returns and .encoder of a solution is")
    if encoder.cells is not None:
        return encoder.cells
    largest = encoder.columns.max(axis=1)
    if abs(largest - 1).max() > 1e-9:
        i = int(largest.argmin())
        said = f"letter {i} is randomised (largest share {largest[i]:.6g}); expected a deterministic encoder"
        raise ValueError(f"{said}, as mfrd.ecsq, ecvq and lloyd_max return")
    return encoder.support[encoder.columns.argmax(axis=1)]


def from_labels(source: Source, cells: np.ndarray, codebook: np.ndarray | None = None) -> Encoder:
    """The deterministic encoder that sends letter i to codeword cells_i.

    cells: (n,) integers; codebook: (m, k) or (m,), or None for the centroids E[X | cell], with
    the plain mean where a cell has probability zero. -> Encoder on the cells that are in use.
    """
    used, cells = np.unique(cells, return_inverse=True)
    y = centroids(source.x, source.p, cells, len(used)) if codebook is None else np.asarray(codebook, float)[used]
    return Encoder(source, y.reshape((len(used),) + source.points.shape[1:]), cells)


def centroids(x: np.ndarray, mass: np.ndarray, cells: np.ndarray, m: int) -> np.ndarray:
    """sum_{i in cell} mass_i x_i / sum_{i in cell} mass_i, (m, k); exact where a cell is one point."""
    mass = np.where(np.bincount(cells, mass, m)[cells] > 0, mass, 1.0)
    total = np.maximum(np.bincount(cells, mass, m), np.finfo(float).tiny)
    y = np.column_stack([np.bincount(cells, mass * column, m) for column in x.T]) / total[:, None]
    return np.clip(y, *extent(x, cells, m))


def extent(x: np.ndarray, cells: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest coordinates of the points of each cell, (m, k) both."""
    low, high = np.full((m, x.shape[1]), np.inf), np.full((m, x.shape[1]), -np.inf)
    np.minimum.at(low, cells, x)
    np.maximum.at(high, cells, x)
    return low, high


def snap(x: np.ndarray, cells: np.ndarray, y: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Codewords, (m, k), with those that must be exact put on their letter.

    A cell that is one point has it as its codeword; so has a cell with one point among the letters of
    `exact`, (n,) flags, whose budget is zero: there the priced centroid only tends to it.
    """
    for counted in (np.ones(len(x), bool), exact):
        low, high = extent(x[counted], cells[counted], len(y))
        y = np.where((low == high).all(axis=1)[:, None], low, y)
    return y
