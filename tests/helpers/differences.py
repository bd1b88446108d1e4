"""Central finite differences, against which analytic derivatives are checked."""

import numpy as np


def jacobian(function, at, step=1e-6):
    """d function / d at by central differences, (*value's shape, *shape of at)."""
    at = np.asarray(at, float)
    columns = []
    for index in np.ndindex(at.shape):
        h = np.zeros_like(at)
        h[index] = step
        columns.append((np.asarray(function(at + h)) - np.asarray(function(at - h))) / (2 * step))
    return np.stack(columns, -1).reshape(columns[0].shape + at.shape)
