"""How precisely the codewords of an encoder are written: as coarsely as its budgets allow, exactly where they do not.

A codeword moved by e adds 2 q (y - c) e + q e^2 to what its cell spends, c its centroid, q its mass. Steps are tried
from half the root of the squared error allowed, each half of the one before, until every budget holds as it is.
"""

from typing import Any

import numpy as np

from ..problems.resolution import allowed
from ..problems.rows import BudgetRows
from ..quantisers.quantiser import RELATIVE_EXCESS
from ..solvers.encoder import Encoder
from .compact import AS_SET, BINARY, DECIMAL, EXACT, FLOATS, Header, multiples, octaves, values
from .points import MOST, halved

TRIALS = 24  # steps tried
DECIMALS = 10  # digits behind the point of codewords that are decimal numbers


def written(encoder: Encoder, cells: np.ndarray, used: np.ndarray) -> tuple[Header, np.ndarray]:
    """The shortest header of a deterministic encoder, and the codeword of `used` that each of its own stands for, (m,).

    cells: (n,) the codeword of each letter, an index into used; used: (m,) indices of its codebook.
    """
    y, pmf = encoder.y[used], encoder.output_pmf[used]
    tolerance, escape = spare(encoder), EXACT
    if tolerance > 0:
        escape = int(np.clip(np.floor(np.log2(2 * tolerance / np.sqrt(y.shape[1]))), EXACT + 1, 127))
    found = [(y, FLOATS, 0), *exactly(y), *coarsely(encoder, cells, y, tolerance)]
    headers = []
    for codebook, kind, exponent in found:
        order = np.lexsort(codebook.T[::-1])
        headers.append((Header(codebook[order], octaves(pmf[order]), kind, exponent, escape), order))
        if kind != FLOATS and codebook.size <= MOST:
            whole: Any = multiples(codebook, kind, exponent)
            order = halved(whole - whole.min(axis=0), np.ptp(whole, axis=0) + 1)[0]
            headers.append((Header(codebook[order], octaves(pmf[order]), kind + AS_SET, exponent, escape), order))
    return min(headers, key=lambda pair: len(pair[0].piece))


def spare(encoder: Encoder) -> float:
    """The root of the least squared error that the budgets of an encoder allow anywhere; 0 where none are known."""
    if not encoder.fidelities or not all(callable(f.distortion) for f in encoder.fidelities):
        return 0.0
    least = float(allowed(encoder.source, BudgetRows.of(encoder.fidelities, encoder.source.p)).min())
    return np.sqrt(least) if least < np.inf else 0.0


def exactly(y: np.ndarray) -> list[tuple[np.ndarray, int, int]]:
    """The codewords as whole multiples of a power of ten or two that they are: (codebook, kind, exponent), or none."""
    places = [(DECIMAL, d) for d in range(DECIMALS + 1)] + [(BINARY, -e) for e in range(0, 60, 4)]
    for kind, exponent in places:
        whole = multiples(y, kind, exponent)
        if whole is not None and (values(whole, kind, exponent) == y).all():
            return [(y + 0.0, kind, exponent)]
    return []


def coarsely(encoder: Encoder, cells: np.ndarray, y: np.ndarray, tolerance: float) -> list[tuple[np.ndarray, int, int]]:
    """The codewords rounded as coarsely as the budgets allow: (codebook, kind, exponent), or none."""
    if not tolerance > 0:
        return []
    rows = BudgetRows.of(encoder.fidelities, encoder.source.p)
    most = rows.D * (1 + RELATIVE_EXCESS) - rows.within(encoder.source)
    first = int(np.floor(np.log2(tolerance))) - 1
    for exponent in range(max(first, -120), max(first - TRIALS, -127), -1):
        whole = multiples(y, BINARY, exponent)
        if whole is None:
            return []
        moved = values(whole, BINARY, exponent)
        if (Encoder(encoder.source, moved, cells).spent(rows) <= most).all():
            return [(moved, BINARY, exponent)]
    return []
