"""Two fidelities in one file: the public face of the codecs of pictures and signals."""

import numpy as np

from ..problems.values import number, real_array
from . import corrections, pictures, signals
from .container import CorruptStream

MOST_DECIBELS = 110.0  # below the peak
FINEST = 2.0**-42  # of the largest sample, a target: below it rounding of the samples is a thousandth of the error
UNSQUARED = 1e150  # what is larger has no square, and no scale that is coded
SCALES = 1e-30, 1e30  # between which samples and targets are coded
CHANNELS = 16  # times as many rows as columns, from which two axes are a signal of channels


def compress(
    signal: np.ndarray,
    mask: np.ndarray,
    *,
    inside: float,
    outside: float,
    peak: float | None = None,
    inside_max: float | None = None,
) -> bytes:
    """The file of a signal or a picture that is exact where a mask says so, and coarse elsewhere.

    With w = 1 / D_in^2 inside the mask and 1 / D_out^2 outside, two prices that are turned until both targets are met,
        min sum_i w_i |x_i - y_i|^2 + price bits(y),
    over the indices of a transform in trellises of eight states: of a picture a wavelet of nine and seven taps, with
    the probabilities of a fixed network of integers; of a signal a lapped cosine transform, with counts that adapt.
    Each squared error is at most its target, and at most 0.05 dB below it where steps that fine are found, as they are
    in all but small pictures and short signals and where coding nothing is better already.

    Parameters
    ----------
    signal : (N,), (N, channels) or (H, W)
        A signal of any length, NaN where it has gaps, which come back as gaps; or a picture of any size. Two axes are
        channels where there is no peak and rows are at least CHANNELS times as many as columns. With a peak, a picture
        of whole numbers from 0 to the peak is decoded to such numbers, and it is these that meet the targets.
    mask : booleans of the shape of the signal, or (N,) for all its channels
        The samples that count as inside: any shape, all, or none.
    inside, outside : float
        Without a peak, root mean square errors, in units of the signal, > 0. With one, decibels below it:
        10 log10(peak^2 / squared error).
    peak : float, optional
        Units of the signal, 255 for pictures of eight bits.
    inside_max : float, optional
        The largest error of a sample inside, > 0, in units of the signal.

    Returns
    -------
    bytes
        For mfrd.decompress.

    Raises
    ------
    ValueError
        Where the shapes do not fit, a sample is infinite, or missing from a picture, or a target is not positive,
        finer than can be coded, or of a scale that is not.
    TypeError
        Where the mask is not of booleans.

    References
    ----------
    Wavelet: Cohen, Daubechies and Feauveau (1992); lapped transform: Princen and Bradley (1986), Malvar (1992);
    dependent quantisation: Marcellin and Fischer (1990), Schwarz, Nguyen, Marpe and Wiegand (2019).

    Examples
    --------
    >>> import numpy as np
    >>> picture = np.add.outer(np.arange(60.0), np.arange(80.0))
    >>> mask = np.zeros(picture.shape, bool)
    >>> mask[20:40, 30:60] = True
    >>> data = mfrd.compress(picture, mask, inside=0.5, outside=2.0)
    >>> error = mfrd.decompress(data) - picture
    >>> bool(np.sqrt(np.mean(error[mask] ** 2)) <= 0.5 and np.sqrt(np.mean(error[~mask] ** 2)) <= 2.0)
    True
    """
    signal, mask = real_array(signal, "the signal", "(N,), (N, channels) or a picture (H, W)"), np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(f"the mask is of {mask.dtype}; expected booleans, as signal > 0 gives them")
    one = signal.ndim == 1 or signal.ndim == 2 and peak is None and len(signal) >= CHANNELS * signal.shape[1]
    if one and mask.shape == signal.shape[:1]:
        mask = np.broadcast_to(mask.reshape(-1, *[1] * (signal.ndim - 1)), signal.shape)
    if signal.ndim not in (1, 2) or mask.shape != signal.shape or not signal.size:
        said = f"a signal of shape {signal.shape} and a mask of shape {mask.shape}"
        raise ValueError(f"{said}; expected (N,), (N, channels) or (H, W), of at least one sample, and a mask of it")
    gaps = np.isnan(signal) & one
    if np.isinf(signal).any() or np.isnan(signal[~gaps]).any() or gaps.all():
        said = f"{(~np.isfinite(signal)).sum()} of {signal.size} samples are not finite"
        raise ValueError(f"{said}; expected numbers, and NaN in the gaps of a signal alone: fill the others first")
    targets = np.array([squared(inside, peak, "inside"), squared(outside, peak, "outside")])
    known = signal[~gaps]
    levels = not one and peak is not None and float(peak).is_integer() and bool(np.all((known >= 0) & (known <= peak)))
    whole = levels and bool(np.all(known == np.rint(known)))
    check_scale(float(np.abs(known).max()), np.sqrt(targets[[mask.any(), not mask.all()]]))

    def encode(factor: float) -> bytes:
        """The file at a factor of the error inside."""
        asked = targets * (factor * factor, 1.0)
        if one:
            return signals.encode(signal, mask, np.sqrt(asked))
        if signal.min() == signal.max():
            return pictures.constant(signal)
        return pictures.Search(signal, mask, asked, int(peak) if whole and peak is not None else None).run().data

    if inside_max is None:
        return encode(1.0)
    most = number(inside_max, "inside_max is", "a largest error > 0, in units of the signal", open=True)
    check_scale(float(np.abs(known).max()), np.array([most]))
    return corrections.bounded(encode, plain, signal, mask, most, whole)


def squared(target: float, peak: float | None, name: str) -> float:
    """The squared error of a target; raises ValueError where it is none."""
    if peak is None:
        expected = "a root mean square error > 0, or decibels and peak="
        return min(number(target, f"{name} is", expected, open=True), UNSQUARED) ** 2
    peak = number(peak, "peak is", "a positive number, 255 for eight bits", open=True)
    expected = f"decibels below the peak, above 0 and at most {MOST_DECIBELS:g}"
    decibels = number(target, f"{name} is", expected, open=True)
    if decibels > MOST_DECIBELS:
        raise ValueError(f"{name} is {decibels:g}; expected {expected}")
    return min(peak, UNSQUARED) ** 2 / 10 ** (decibels / 10)


def check_scale(largest: float, errors: np.ndarray) -> None:
    """Raise ValueError where root mean square errors (N,) or the largest sample are of no scale that can be coded."""
    low, high = SCALES
    for error in errors:
        if not low <= error <= high or largest > high:
            said = f"errors of {error:.3g} and samples up to {largest:.3g}"
            raise ValueError(
                f"{said}; expected errors from {low:g} to {high:g} and no larger samples: scale the signal"
            )
        if error < FINEST * largest:
            said = f"an error of {error:.3g} is asked of samples up to {largest:.3g}"
            raise ValueError(
                f"{said}; expected at least {FINEST * largest:.3g}, above their rounding: take out an offset"
            )


def decompress(data: bytes) -> np.ndarray:
    """The signal or picture of a file, from its bytes alone: a picture the same on every machine, a signal to rounding.

    Parameters
    ----------
    data : bytes
        As mfrd.compress returns them.

    Returns
    -------
    floats of the shape that was compressed
        NaN in the gaps of a signal; whole numbers where a picture was of whole numbers from 0 to its peak.

    Raises
    ------
    CorruptStream
        Where they are cut short, altered or foreign.
    TypeError
        Where data is not bytes.

    References
    ----------
    Range coding: Martin (1979).

    Examples
    --------
    >>> import numpy as np
    >>> data = mfrd.compress(np.full((5, 7), 3.0), np.ones((5, 7), bool), inside=0.1, outside=0.1)
    >>> mfrd.decompress(data).shape
    (5, 7)
    """
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"data is {type(data).__name__}; expected bytes, as mfrd.compress returns them")
    data = bytes(data)
    return corrections.corrected(data, plain) if data[:2] == corrections.MAGIC else plain(data)


def plain(data: bytes) -> np.ndarray:
    """What a file without corrections holds."""
    for codec in (pictures, signals):
        if data[:2] == codec.MAGIC:
            return codec.decode(data)
    raise CorruptStream(f"{len(data)} bytes that start with {data[:4]!r}; expected a file of mfrd.compress")
