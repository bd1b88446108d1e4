"""A fidelity: one distortion budget, on every letter or on a subset of them."""

from dataclasses import dataclass

import numpy as np

from .distortion import squared_error
from .samples import real_array

FORMS = ("joint", "subset", "letter")


class InfeasibleFidelity(ValueError):
    """Budgets below what the codebook can reach.

    .name: the fidelity; .budget: what was asked; .least: the least value it reaches, in the same unit: by itself, or,
    where each budget is reachable alone, with the others as they are. Where the others are out of reach among
    themselves, the message names what to raise besides.
    """

    def __init__(self, message, name, budget, least):
        super().__init__(message)
        self.name, self.budget, self.least = name, budget, least


@dataclass(frozen=True, eq=False)
class Fidelity:
    """A distortion budget D on the letters S, in one of three forms.

        per="joint"     sum_{i in S} p_i E[d(x_i, Y) | X = x_i] <= D, the report's;
        per="subset"    E[d(X, Y) | X in S] <= D, the same divided by P(S);
        per="letter"    E[d(x_i, Y) | X = x_i] <= D for each i in S of positive probability.

    D: number >= 0 in units of the distortion; on: boolean mask (n,), distinct indices, or None for every
    letter; distortion: a function (n, k), (m, k) -> (n, m), or that matrix itself; name: how the price and
    the distortion are looked up ("global" or "subset" where none is given). Arrays are copied.

    >>> import numpy as np, mfrd
    >>> x = np.linspace(-1, 1, 5)
    >>> everywhere = mfrd.Fidelity(0.1)
    >>> each_positive = mfrd.Fidelity(0.02, on=x > 0, per="letter", distortion=mfrd.absolute_error, name="positive")
    >>> everywhere.name, each_positive.mask(5).tolist()
    ('global', [False, False, False, True, True])

    Raises ValueError where D is negative, not finite or no number, `per` unknown, the subset empty, or a distortion
    matrix holds what is no real number.
    """

    D: float
    on: np.ndarray | None = None
    per: str = "joint"
    distortion: object = squared_error
    name: str = "global"

    def __init__(self, D, *, on=None, per="joint", distortion=squared_error, name=None):
        name = name or ("global" if on is None else "subset")
        if not isinstance(D, (int, float, np.integer, np.floating)) or not 0 <= D < np.inf:
            raise ValueError(f"{name}: budget is {D!r}; expected one finite number >= 0")
        if per not in FORMS:
            raise ValueError(f"{name}: per={per!r}; expected one of {', '.join(FORMS)}")
        if on is not None and np.size(on) == 0:
            raise ValueError(f"{name}: the subset is empty; expected at least one source letter: widen what selects it")
        on = None if on is None else own(np.asarray(on))
        if not callable(distortion):
            distortion = own(real_array(distortion, f"{name}: distortion", "(n, m), source letters by codewords"))
        for field, value in zip(("D", "on", "per", "distortion", "name"), (float(D), on, per, distortion, name)):
            object.__setattr__(self, field, value)

    def __repr__(self):
        on = np.asarray(self.on)
        where = "" if self.on is None else f", on {on.sum() if on.dtype == bool else on.size} letters"
        return f"Fidelity({self.D:g}, per {self.per}{where}, name {self.name!r})"

    def mask(self, n):
        """Boolean (n,): the letters of the subset among n.

        Raises ValueError where the mask has another length, an index is out of range or repeats, or none is in.
        """
        if self.on is None:
            return np.ones(n, bool)
        on = np.asarray(self.on)
        if on.dtype == bool:
            if on.shape != (n,):
                raise ValueError(f"{self.name}: mask has shape {on.shape}; expected ({n},), one flag a letter")
            mask = on
        else:
            if on.dtype.kind not in "iu" or on.ndim != 1 or on.min() < -n or on.max() >= n:
                raise ValueError(
                    f"{self.name}: indices are {on!r}; expected a boolean mask ({n},) or integers from 0 to {n - 1}"
                )
            mask = np.zeros(n, bool)
            mask[on] = True
            if mask.sum() < on.size:
                raise ValueError(
                    f"{self.name}: {on.size} indices name {mask.sum()} letters, so some repeat; expected each once: "
                    "a mask must be boolean, on=mask.astype(bool)"
                )
        if not mask.any():
            raise ValueError(
                f"{self.name}: the subset is empty; expected at least one source letter: widen what selects it"
            )
        return mask

    def weights(self, pmf):
        """Rows w, (r, n), of the budgets sum_i p_i w_ri E[d | X = x_i] <= D that this one states.

        pmf: (n,). One row for "joint" and "subset", one a letter of positive probability for "letter".
        """
        mask = self.mask(len(pmf))
        if self.per == "joint":
            return mask[None, :].astype(float)
        if self.per == "subset":
            if pmf[mask].sum() == 0:
                raise ValueError(
                    f"{self.name}: the subset has probability 0, so the mean given it is undefined; "
                    'use per="joint" or a subset of positive probability'
                )
            return mask[None, :] / pmf[mask].sum()
        letters = np.flatnonzero(mask & (pmf > 0))
        rows = np.zeros((len(letters), len(pmf)))
        rows[np.arange(len(letters)), letters] = 1 / pmf[letters]
        return rows


def own(array):
    """A copy that is not written to, so that what a caller does to his array changes nothing; such a copy as it is."""
    if array.flags.owndata and not array.flags.writeable:
        return array
    array = array.copy()
    array.flags.writeable = False
    return array
