"""Measured samples: arrays to letters with their frequencies."""

from typing import Any

import numpy as np

FEW = 256  # distinct values up to which samples are letters as they are: a byte's worth


def letters(samples: np.ndarray, bins: Any) -> tuple[np.ndarray, np.ndarray]:
    """(letters (n, k), relative frequencies (n,)) of samples (N, k), as mfrd.Source.from_samples says."""
    if bins is None:
        values, counts = np.unique(samples, axis=0, return_counts=True)
        if len(values) <= FEW:
            return values, counts / len(samples)
        if samples.shape[1] > 1:
            raise ValueError(
                f"the samples take {len(values)} distinct values in {samples.shape[1]} dimensions; expected at most "
                f"{FEW}, or bins: say how many for each axis, such as bins=24"
            )
        bins = "auto"
    edges = [axis_edges(*given, axis) for axis, given in enumerate(zip(samples.T, per_axis(bins, samples)))]
    places = [np.clip(np.searchsorted(e, c, "right") - 1, 0, len(e) - 2) for e, c in zip(edges, samples.T)]
    _, cells = np.unique(np.transpose(places), axis=0, return_inverse=True)
    counts = np.bincount(cells.ravel())
    means = [np.bincount(cells.ravel(), column) / counts for column in samples.T]
    return np.column_stack(means), counts / len(samples)


def per_axis(bins: Any, samples: np.ndarray) -> list:
    """What each of the k axes is cut by: a number of bins, a rule's name, or edges."""
    k = samples.shape[1]
    if isinstance(bins, (str, int, np.integer)):
        return [bins] * k
    given = list(bins) if np.iterable(bins) else []
    if k == 1 and len(given) > 1 and np.ndim(given[0]) == 0:
        return [given]
    if len(given) != k:
        raise ValueError(
            f"bins is {bins!r}; expected a number of bins, a rule of numpy.histogram_bin_edges or edges"
            + (f", one for all axes or a list of {k}, one an axis" if k > 1 else "")
        )
    return given


def axis_edges(column: np.ndarray, rule: Any, axis: int) -> np.ndarray:
    """Ascending edges of the bins of one axis, first and last at or beyond the samples."""
    if isinstance(rule, (int, np.integer)) and rule < 1:
        raise ValueError(f"bins is {rule} on axis {axis}; expected at least one bin")
    try:
        edges = np.histogram_bin_edges(column, rule)
    except (ValueError, TypeError, MemoryError) as error:
        raise ValueError(
            f"bins {rule!r} do not cut axis {axis} ({error}); "
            "expected a number such as bins=100, ascending edges, or a rule such as 'auto'"
        ) from None
    if np.isnan(edges).any():
        raise ValueError(f"bins {rule!r} do not cut axis {axis} (an edge is nan); expected ascending edges: mend it")
    outside = int(np.count_nonzero((column < edges[0]) | (column > edges[-1])))
    if outside:
        raise ValueError(
            f"{outside} of {len(column)} samples lie outside the edges {edges[0]:g} to {edges[-1]:g} of axis {axis}; "
            f"expected all inside: widen the edges to {column.min():g} and {column.max():g}, or drop these samples"
        )
    return edges
