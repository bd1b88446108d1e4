"""What codes of a signal must cost that know of each coefficient what ours knows: a bound summed over contexts.

A file of signals.py codes each coefficient by its context, one of the classes of what is expected from neighbours that
both ends have already: its classes are known at both ends. With u = x / S, coefficients in steps of their blocks, and
1 / S^2 = s / D_in^2 + (1 - s) / D_out^2, one price per squared step is two prices per squared error. Take as model
that coefficients are independent given their contexts, those of context c with the histogram of the N_c of this
signal. Then for any price w, with certified lower bounds g_c(w) <= min I(U; V) + w E|U - V|^2 over all codebooks,
    R >= sum_c (N_c / N) g_c(w) - w D,     D = mean squared error in steps,
holds for every code of the model whose error, weighted by these two prices, is no larger, blocks of any length and
vector quantisers included. It does not cover codes that know more of a coefficient than its class (finer contexts,
another transform, another prediction), nor what a real file must carry besides: mask, header, and learning what
the histograms are.
"""

from dataclasses import dataclass

import numpy as np

from ..problems.values import real_array
from . import signals
from .water_filling import ParallelBound, histogram, parallel_bound

FINE = 16  # bins of a histogram to a step


@dataclass(frozen=True, eq=False)
class ContextBound:
    """The bound over the contexts of a file, beside what the file takes.

    Attributes
    ----------
    bytes : float
        Certified: no code of the model takes fewer.
    scalar_bytes : float
        No scalar quantisers with ideal entropy coders, one a context, take fewer.
    payload : int
        Bytes of the file without header, mask and check.
    contexts : int
        In use.
    D : float
        Squared error of the file, in steps squared a coefficient.
    parallel : ParallelBound
        In bits and squared steps a coefficient.
    """

    bytes: float
    scalar_bytes: float
    payload: int
    contexts: int
    D: float
    parallel: ParallelBound


def context_bound(signal: np.ndarray, data: bytes, *, fine: int = FINE) -> ContextBound:
    """The least bytes of codes that know the contexts of a file, at its weighted squared error.

        R >= sum_c (N_c / N) g_c(w) - w D.

    Parameters
    ----------
    signal : (N,) or (N, channels)
        What was compressed, NaN in its gaps.
    data : bytes
        The file of mfrd.compress, of a signal without a largest error.
    fine : int, optional
        Bins of a histogram to a step.

    Returns
    -------
    ContextBound

    Raises
    ------
    CorruptStream
        Where the file is damaged or of another kind.
    ValueError
        Where the signal is not of the file's shape, or the file has no error at all.

    References
    ----------
    Kolmogorov (1956); conditional rate-distortion functions: Gray (1973).

    Examples
    --------
    >>> import numpy as np, mfrd
    >>> x = np.cumsum(np.random.default_rng(0).normal(size=4000))
    >>> data = mfrd.compress(x, np.arange(4000) < 1000, inside=0.3, outside=1.0)
    >>> bound = mfrd.context_bound(x, data)
    >>> bool(0.6 * bound.payload < bound.bytes < bound.payload)
    True
    """
    values, classes, D = in_contexts(signal, held := signals.opened(data))
    if not D > 0:
        raise ValueError("the file has no error; expected one of some error, at which a rate is finite")
    used = np.unique(classes)
    parts = [values[classes == c] for c in used]
    sources = [histogram(np.concatenate([part, -part]), 1 / fine) for part in parts]
    found = parallel_bound(sources, [len(part) for part in parts], D, price=1 / signals.PRICE)
    in_bytes = len(values) / 8
    return ContextBound(in_bytes * found.lower_bound, in_bytes * found.scalar_bound, held.payload, len(used), D, found)


def in_contexts(signal: np.ndarray, held: signals.Opened) -> tuple[np.ndarray, np.ndarray, float]:
    """(coefficients (M,) in steps less what both ends predict, contexts (M,), squared error in steps a coefficient).

    Contexts: the classes of what is expected; those of the lowest frequency apart where it is told as a distance from
    the block before; one more for the frequencies that the file leaves out.
    """
    layout, signal = held.layout, real_array(signal, "the signal", "(N,) or (N, channels)")
    if signal.shape != ((layout.N,) if held.flat else (layout.N, layout.channels)):
        raise ValueError(f"the signal has shape {signal.shape}; expected that of the file, {layout.N} samples")
    x = signals.coefficients(signals.filled(signal.reshape(layout.N, -1))[0], layout) / held.steps[..., None]
    error, classes = x.copy(), np.full(x.shape, 2 * len(signals.EDGES) + 2)
    error[..., : layout.used] -= held.points / 16
    classes[..., : layout.used] = held.classes
    if layout.chained and layout.used:
        x[..., 0] -= held.offsets
        classes[..., 0] += len(signals.EDGES) + 1
    in_use = lambda plane: plane.reshape(layout.channels, -1, layout.K)[:, : layout.blocks].ravel()
    return in_use(x), in_use(classes), float(np.mean(in_use(error) ** 2))
