"""Resolution: how finely samples must be cut so that a budget on letters is a budget on the samples.

A row r asks sum_i p_i w_ri (E[d | X = x_i] + within_i) <= D_r. Where within_i <= t_i with
    t_i = min over the rows r that count letter i of  D_r / (|M_g| sum_i p_i w_ri),
the bins alone spend no more than any budget. Cells of a quantiser at high resolution are sqrt(12 t_i) wide: bins an
eighth of that leave it free to choose its edges.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .binning import LETTERS, Binning, between, companded, extents, finer, gathered
from .distortion import metric
from .fidelity import Fidelity, InfeasibleFidelity
from .rows import BudgetRows
from .source import Source

SHARE = 1 / 8  # of the width of a cell that a bin may have
MOST = 1 << 20  # letters of any source cut finer: as many codewords as a stream can hold
MANY = 2_500  # letters of a line from which a search with several budgets gathers them
FEW, FEW_AT_MOST = 1_000, 5_000  # letters to aim at, and the most, where each may be a budget row of its own


def allowed(source: Source, rows: BudgetRows) -> np.ndarray:
    """t, the squared error that each letter may have if all that a row counts have the same, (n,); inf where none."""
    t, k = np.full(len(source.p), np.inf), source.x.shape[1]
    for w, g, D in zip(rows.weights, rows.measure, rows.D):
        M = metric(rows.measures[g], k)
        if M is not None:
            counted = (w > 0) & (source.p > 0)
            t[counted] = np.minimum(t[counted], D / max(np.linalg.eigvalsh(M)[-1] * (w @ source.p), 1e-300))
    return t


def resolved(
    source: Source, fidelities: Sequence[Fidelity], most: int = LETTERS
) -> tuple[Source, tuple[Fidelity, ...]]:
    """The source of samples cut as finely as its budgets ask, and these budgets on its letters; others as they are.

    most: letters to aim at, which more are where cells are more.

    Raises InfeasibleFidelity where the bins spend more than a budget and may not be cut finer.
    """
    fidelities = tuple(fidelities)
    rows, binning = BudgetRows.of(fidelities, source.p), source.binning
    if binning is None or not source.within.any():
        return source, fidelities
    warn_of_straddling(binning, len(source.p), fidelities)
    if binning.values is None:
        refuse(source, rows)
        return source, fidelities
    rows.within(source)  # measures under which it is unknown are refused
    t, extent = allowed(source, rows), extents(binning)
    cell = np.sqrt(12 * np.minimum(t, extent.max() ** 2 + 1))
    each = any(f.per == "letter" for f in fidelities)
    most = FEW if each else most
    parts = np.divide(extent, cell, out=np.zeros(len(t)), where=cell > 0)
    share = min(max(SHARE, parts.sum() / most), 1.0)  # several bins a cell, if that many letters can be designed for
    while True:
        fine, letter = cut(source, binning, share * cell)
        there = tuple(carried(f, len(t), letter) for f in fidelities)
        if each and len(fine.p) > FEW_AT_MOST:
            said = f"{len(fine.p)} letters are asked for, each with a budget; expected at most {FEW_AT_MOST}"
            raise ValueError(f"{said}: raise the budgets per letter, or state them per subset")
        rows = BudgetRows.of(there, fine.p)
        if (rows.within(fine) <= rows.D).all():
            return fine, there
        share *= 0.7  # below 0.57, where no bin can add more than it may, at the latest


def grouped(source: Source, fidelities: Sequence[Fidelity]) -> tuple[Source, list[Fidelity]] | None:
    """Letters of a line gathered as bins that end where subsets do and may be cut finer, and the budgets on them.

    None where letters are bins already, or few, or a budget is zero or one of each letter.
    """
    masks = np.array([f.mask(len(source.p)) for f in fidelities])
    each = any(f.per == "letter" or f.D == 0 for f in fidelities)
    if len(source.p) <= MANY or source.x.shape[1] > 1 or source.binning is not None or each:
        return None
    values, first, which = np.unique(source.x[:, 0], return_index=True, return_inverse=True)
    counts = np.bincount(which.ravel(), source.p)
    edges = np.flatnonzero((masks[:, first[1:]] != masks[:, first[:-1]]).any(axis=0)) + 1
    if (masks != masks[:, first][:, which.ravel()]).any() or len(edges) > FEW or not counts.all():
        return None
    starts = np.unique(np.append(companded(values, counts), edges))
    thresholds = between(values[starts - 1], values[starts])
    x, p, binning = gathered(values, counts, starts, thresholds, tuple(thresholds.tolist()), None, refined=True)
    begin = first[np.append(0, starts)]
    there = [f if f.on is None else replace(f, on=mask[begin]) for f, mask in zip(fidelities, masks)]
    return Source(x[:, 0], p, binning=binning), there


def refuse(source: Source, rows: BudgetRows) -> None:
    """Raise InfeasibleFidelity where the bins of a source of samples spend more than a budget by themselves."""
    spent = rows.within(source)
    over = spent - rows.D
    if over.max() > 0:
        r = int(over.argmax())
        said = f"{rows.names[r]}: {rows.D[r]:g} < {spent[r]:g}, what the bins of the samples add by themselves"
        said = f"{said}; raise D, or give more bins, or none, so that they follow the budget"
        raise InfeasibleFidelity(said, rows.names[r], float(rows.D[r]), float(spent[r]))


def cut(source: Source, binning: Binning, widths: np.ndarray) -> tuple[Source, np.ndarray]:
    """The source with bins at most widths (n,) wide, and the letter that each was part of; ValueError beyond MOST."""
    x, p, fine, letter = finer(binning, widths)
    if len(p) > MOST:
        said = f"the budgets ask for {len(p)} letters; expected at most {MOST}, what a stream can hold: raise them"
        raise ValueError(said)
    return Source(source.shaped(x), p, binning=replace(fine, coarse=(source, letter))), letter


def carried(fidelity: Fidelity, n: int, letter: np.ndarray) -> Fidelity:
    """A fidelity on n letters, on finer ones of which each was part of a letter, (fine,) indices."""
    if fidelity.on is None:
        return fidelity
    return replace(fidelity, on=fidelity.mask(n)[letter])


def warn_of_straddling(binning: Binning, n: int, fidelities: Sequence[Fidelity]) -> None:
    """Warn of each subset whose edge lies between bins that were not cut there on request."""
    for f in fidelities:
        edges = np.zeros(0) if f.on is None else binning.straddled(f.mask(n))
        if len(edges):
            said = (
                f"{f.name}: the subset ends between two bins of samples, at {edges[0]:.6g}, which is no value of split="
            )
            said = f"{said}; expected bins cut at the region's edges: Source.from_samples(samples, split=edges)"
            warnings.warn(said, UserWarning, stacklevel=4)
