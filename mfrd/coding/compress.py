"""Two fidelities in one file: the public face of the codecs of pictures and signals."""

import numpy as np

from ..problems.values import real_array
from . import pictures
from .container import CorruptStream

MOST_DECIBELS = 110.0  # below the peak


def compress(
    signal: np.ndarray, mask: np.ndarray, *, inside: float, outside: float, peak: float | None = None
) -> bytes:
    """The file of a picture that is exact where a mask says so, and coarse elsewhere.

    With w = 1 / D_in^2 inside the mask and 1 / D_out^2 outside, two prices that are turned until both targets are met,
        min sum_i w_i |x_i - y_i|^2 + price bits(y),
    over the indices of a wavelet of nine and seven taps, in trellises of eight states, with the probabilities of a
    fixed network of integers. Each squared error is at most its target, and at most 0.05 dB below it where steps that
    fine are found, as they are in all but small pictures and where coding nothing is better already.

    Parameters
    ----------
    signal : (H, W)
        A picture of any size. With a peak, one of whole numbers from 0 to the peak is decoded to such numbers, and it
        is these that meet the targets.
    mask : (H, W) booleans
        The samples that count as inside: any shape, all, or none.
    inside, outside : float
        Without a peak, root mean square errors, in units of the signal, > 0. With one, decibels below it:
        10 log10(peak^2 / squared error).
    peak : float, optional
        Units of the signal, 255 for pictures of eight bits.

    Returns
    -------
    bytes
        For mfrd.decompress.

    Raises
    ------
    ValueError
        Where signal and mask are no picture and its mask, a sample is not finite, or a target is not positive or finer
        than can be coded.
    TypeError
        Where the mask is not of booleans.

    References
    ----------
    Wavelet: Cohen, Daubechies and Feauveau (1992); dependent quantisation: Marcellin and Fischer (1990), Schwarz,
    Nguyen, Marpe and Wiegand (2019).

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
    signal, mask = real_array(signal, "the signal", "a picture (H, W)"), np.asarray(mask)
    if mask.dtype != bool:
        raise TypeError(f"the mask is of {mask.dtype}; expected booleans, as picture > 0 gives them")
    if signal.ndim != 2 or mask.shape != signal.shape or not signal.size:
        said = f"a signal of shape {signal.shape} and a mask of shape {mask.shape}"
        raise ValueError(f"{said}; expected a picture (H, W) and a mask of its shape, of at least one sample")
    if not np.isfinite(signal).all():
        raise ValueError(
            f"{(~np.isfinite(signal)).sum()} samples are not finite; expected numbers: fill the gaps first"
        )
    targets = np.array([squared(inside, peak, "inside"), squared(outside, peak, "outside")])
    if signal.min() == signal.max():
        return pictures.constant(signal)
    levels = peak is not None and float(peak).is_integer() and bool(np.all((signal >= 0) & (signal <= peak)))
    whole = levels and bool(np.all(signal == np.rint(signal)))
    return pictures.Search(signal, mask, targets, int(peak) if whole and peak is not None else None).run().data


def squared(target: float, peak: float | None, name: str) -> float:
    """The squared error of a target; raises ValueError where it is none."""
    if peak is None:
        if not (np.isfinite(target) and target > 0):
            raise ValueError(f"{name} is {target}; expected a root mean square error > 0, or decibels and peak=")
        return float(target) ** 2
    if not (np.isfinite(peak) and peak > 0):
        raise ValueError(f"peak is {peak}; expected a positive number, 255 for eight bits")
    if not (np.isfinite(target) and 0 < target <= MOST_DECIBELS):
        raise ValueError(f"{name} is {target}; expected decibels below the peak, above 0 and at most {MOST_DECIBELS:g}")
    return float(peak) ** 2 / 10 ** (target / 10)


def decompress(data: bytes) -> np.ndarray:
    """The picture of a file, from its bytes alone: the same on every machine.

    Parameters
    ----------
    data : bytes
        As mfrd.compress returns them.

    Returns
    -------
    (H, W) floats
        Whole numbers where the picture was of whole numbers from 0 to its peak.

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
    if data[: len(pictures.MAGIC)] == pictures.MAGIC:
        return pictures.decode(data)
    raise CorruptStream(f"{len(data)} bytes that start with {data[:4]!r}; expected a file of mfrd.compress")
