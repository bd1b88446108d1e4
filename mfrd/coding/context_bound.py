"""What codes must cost that know of each coefficient the context that ours knows: a bound summed over contexts.

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

Of a picture the classes are what the networks say, in coarse steps: the logit of zero, and how sure the sign is; a
coefficient is taken with the sign that is expected. The code of pictures.py knows the logits themselves. The lowest
band counts with its error and no bits, and errors are those of coefficients in steps, before the filter.
"""

from dataclasses import dataclass

import numpy as np

from ..problems.values import real_array
from . import corrections, pictures, signals
from .networks import HALF, model
from .water_filling import ParallelBound, histogram, parallel_bound
from .wavelet import analyse_picture

FINE = 16  # bins of a histogram to a step
LOGITS = HALF // 2  # of a class of zero
CERTAIN = (HALF // 4, 3 * HALF // 4, 7 * HALF // 4)  # logits of a sign between classes


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
        Bytes of the file without header, check, and a mask that is told by itself: of a signal, or a rectangle.
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
    signal : (N,), (N, channels) or (H, W)
        What was compressed, NaN in its gaps.
    data : bytes
        The file of mfrd.compress, without a largest error.
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
        Where the signal is not of the file's shape or not finite where the file has no gap, the file has no error at
        all or holds corrections, or fine is no whole number > 0.

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
    if isinstance(fine, bool) or not isinstance(fine, (int, np.integer)) or fine < 1:
        raise ValueError(f"fine is {fine!r}; expected how many bins of a histogram a step has, 1 or more")
    if data[:2] == corrections.MAGIC:
        raise ValueError("the file holds corrections of a largest error; expected one of compress without inside_max=")
    of_picture = data[:2] == pictures.MAGIC
    contexts = in_contexts_of_picture(signal, data) if of_picture else in_contexts(signal, signals.opened(data))
    if not contexts.D > 0:
        raise ValueError("the file has no error; expected one of some error, at which a rate is finite")
    used = np.unique(contexts.classes)
    parts = [contexts.values[contexts.classes == c] for c in used]
    if not of_picture:
        parts = [np.concatenate([part, -part]) for part in parts]
    counts = [int((contexts.classes == c).sum()) for c in used]
    price = 1 / (pictures.PRICE if of_picture else signals.PRICE)
    found = parallel_bound([histogram(part, 1 / fine) for part in parts], counts, contexts.D, price=price)
    in_bytes = len(contexts.values) / 8
    bounds = in_bytes * found.lower_bound, in_bytes * found.scalar_bound
    return ContextBound(*bounds, contexts.payload, len(used), contexts.D, found)


@dataclass(frozen=True, eq=False)
class Contexts:
    """What the contexts of a file hold: .values (M,) in steps and .classes (M,) of coefficients; .D; .payload."""

    values: np.ndarray
    classes: np.ndarray
    D: float
    payload: int


def in_contexts_of_picture(picture: np.ndarray, data: bytes) -> Contexts:
    """Coefficients of a picture in steps, with the sign that is expected, and their contexts in its file."""
    held, picture = pictures.opened(data), real_array(picture, "the picture", "(H, W)")
    if isinstance(held, np.ndarray):
        raise ValueError("the file has no error, its picture is constant; expected one of some error")
    head, tap = held
    if picture.shape != head.mask.shape:
        raise ValueError(f"the picture has shape {picture.shape}; expected that of the file, {head.mask.shape}")
    if not np.isfinite(picture).all():
        raise ValueError(f"{(~np.isfinite(picture)).sum()} pixels are not finite; expected the picture of the file")
    side = pictures.Decoder(tap)
    seen: list[tuple] = []
    side.seen = seen
    pictures.walk(side, head.steps(), model())
    scale = 2.0**-head.unit
    low, bands = analyse_picture((picture - head.middle) * scale)
    values, classes, missed = [], [], 0.0
    for (level, orientation), phase, zero, sign, points, steps in seen:
        (y, x), band = pictures.PHASES[phase], bands[level][orientation]
        value = (band.T if orientation == 1 else band)[y::2, x::2].ravel() / steps
        missed += float(np.sum((value - points / 16) ** 2))
        values.append(np.where(sign > 0, -value, value))
        classes.append((zero // LOGITS) * (len(CERTAIN) + 1) + np.searchsorted(CERTAIN, np.abs(sign)))
    lowest = head.steps()[0]
    missed += float(np.sum((low / lowest - np.rint(low / lowest)) ** 2))
    count = sum(map(len, values))
    return Contexts(np.concatenate(values), np.concatenate(classes), missed / count, tap.size)


def in_contexts(signal: np.ndarray, held: signals.Opened) -> Contexts:
    """Coefficients of a signal in steps less what both ends predict, and their contexts in its file.

    Contexts: the classes of what is expected; those of the lowest frequency apart where it is told as a distance from
    the block before; one more for the frequencies that the file leaves out.
    """
    layout, signal = held.layout, real_array(signal, "the signal", "(N,) or (N, channels)")
    if signal.shape != ((layout.N,) if held.flat else (layout.N, layout.channels)):
        raise ValueError(f"the signal has shape {signal.shape}; expected that of the file, {layout.N} samples")
    rows = signal.reshape(layout.N, -1)
    if np.isinf(rows).any() or not np.array_equal(np.isnan(rows), held.gaps):
        said = f"{np.isnan(rows).sum()} samples are missing and {np.isinf(rows).sum()} infinite"
        raise ValueError(f"{said}; expected NaN in the {held.gaps.sum()} gaps of the file alone")
    x = signals.coefficients(signals.filled(rows)[0], layout) / held.steps[..., None]
    error, classes = x.copy(), np.full(x.shape, 2 * len(signals.EDGES) + 2)
    error[..., : layout.used] -= held.points / 16
    classes[..., : layout.used] = held.classes
    if layout.chained and layout.used:
        x[..., 0] -= held.offsets
        classes[..., 0] += len(signals.EDGES) + 1
    in_use = lambda plane: plane.reshape(layout.channels, -1, layout.K)[:, : layout.blocks].ravel()
    return Contexts(in_use(x), in_use(classes), float(np.mean(in_use(error) ** 2)), held.payload)
