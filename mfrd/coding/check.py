"""What a stream kept of its promises: samples coded, decoded from the bytes alone, and measured against budgets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..problems.fidelity import Fidelity
from ..problems.source import Source
from ..solvers.encoder import pairwise

EXCESS = 1e-12  # of a budget: what is measured above it counts as within it up to this, the rounding of sums


@dataclass(frozen=True, eq=False)
class Check:
    """What coding N samples took, and what it kept.

        bits = 8 bytes / N.

    Attributes
    ----------
    samples, bytes, escapes : int
        N, the length of the stream, all counted, and the samples outside the range of the design or in a gap of it,
        those that a trellis, which has no escapes, clips.
    distortions, budgets : dict
        By fidelity name, in the unit of its budget: what the decoded samples spend, and what they may. Of per="letter"
        the largest over the letters that occur, each over its samples; of a subset that no sample lies in, 0.
    bits : float
        A sample.
    kept : dict
        By fidelity name, whether the budget holds on the samples.
    """

    samples: int
    bytes: int
    escapes: int
    distortions: dict[str, float]
    budgets: dict[str, float]

    @property
    def bits(self) -> float:
        """Bits a sample, everything counted; 0 of no samples."""
        return 8 * self.bytes / self.samples if self.samples else 0.0

    @property
    def kept(self) -> dict[str, bool]:
        """Whether each budget holds on the samples."""
        return {name: spent <= self.budgets[name] * (1 + EXCESS) for name, spent in self.distortions.items()}

    def __repr__(self) -> str:
        of = lambda name, spent: (
            f"{name} {spent:.6g} of {self.budgets[name]:.6g}{'' if self.kept[name] else ', EXCEEDED'}"
        )
        spent = "; ".join(of(*pair) for pair in self.distortions.items())
        return (
            f"Check({self.samples} samples, {self.bytes} bytes, {self.bits:.6g} bits, {self.escapes} escapes; {spent})"
        )


def spent(
    source: Source, fidelities: Sequence[Fidelity], points: np.ndarray, decoded: np.ndarray, letters: Any
) -> dict[str, float]:
    """What samples, points (N, k) against decoded (N, k), spend of each fidelity stated on the letters of a source.

    letters: the function that gives the letter of each sample, (N,), of a source.
    """
    found, of = {}, {}
    y, which = np.unique(decoded, axis=0, return_inverse=True)
    for f in fidelities:
        stated = stated_on(source, f)
        if id(stated) not in of:
            of[id(stated)] = letters(stated)
        letter = of[id(stated)]
        here = f.located(points)  # a region of values holds samples, whatever their letters
        held = f.mask(len(stated.p))[letter] if here is f else here.on
        if not callable(f.distortion):
            raise ValueError(f"{f.name}: a matrix says nothing of samples; expected a distortion function")
        d = pairwise(f.distortion, points, y, which.ravel())
        if f.per == "letter":
            total, number = (np.bincount(letter[held], weights, len(stated.p)) for weights in (d[held], None))
            found[f.name] = float(np.divide(total, number, out=np.zeros(len(total)), where=number > 0).max())
        else:
            among = len(points) if f.per == "joint" else np.count_nonzero(held)
            found[f.name] = float(d[held].sum() / max(among, 1))
    return found


def stated_on(source: Source, fidelity: Fidelity) -> Source:
    """The source whose letters a fidelity names: that from which this one was cut finer, where it was."""
    if fidelity.on is None or source.binning is None or source.binning.coarse is None:
        return source
    coarse = source.binning.coarse[0]
    fits = callable(fidelity.on) or fidelity.on.dtype != bool or fidelity.on.shape == (len(coarse.p),)
    return coarse if fits else source
