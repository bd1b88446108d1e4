"""What is known of a wavelet coefficient before it is decoded, and the probabilities that follow from it, in integers.

A band is coded in four phases, the positions (0, 0), (1, 1), (0, 1), (1, 0) of every square of two by two, so that
three coefficients of four see neighbours on both sides. What a coefficient may depend on:

    the band itself       neighbours that earlier phases hold
    its parent            three by three coefficients of the same orientation, one level coarser
    its siblings          three by three coefficients of each orientation of the level that is already there
    the lower band        differences of the picture decoded so far, where edges show
    all of them           sums of amplitudes over wide squares, how busy the picture is hereabouts

Magnitudes follow from amplitudes a, each against the step S of the coefficient asked about, in sixteenths of an octave
of 1 + 16 a / S, read off the bits of a single: its exponent, and its fraction as if the logarithm were linear between
powers of two. Signs follow from signed values, in eighths of a step, and so do magnitudes: the amplitudes of a few
weighted sums of them are features as well, of what the coefficient would be if it went on as its surroundings do.

Sums are of integers, and quotients and products of single elements are rounded correctly by IEEE 754: every machine
finds the same features, and from them, in networks.py, the same probabilities.
"""

import numpy as np

PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))
PAD = 3  # samples around a plane, as far as a feature looks
DOWN = 14  # of `differences`, that down at the place itself
REACH = range(-PAD, PAD + 1)
FAR = 10  # squared distance of the farthest neighbour
ONE = 0x3F800000  # the bits of 1.0 in single precision
NINE = tuple((dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1))
LEVELS = 6  # at most, of the wavelet
ORIENTATIONS = 3  # high across columns; across rows, transposed; both
MARK = 32  # a feature that says yes

WIDE = 5  # of own coefficients within 4 and 10, of the parent and of siblings within 5, of differences within 4
FLAGS = 14  # magnitude > 0, > 1, ... that have a probability of their own
SIGNS = 4  # magnitudes 1, 2, 3, more, whose signs are of different certainty
TOP = 255  # of a feature or a layer
MOST_SIGNED = 127  # of a signed feature


def known(phase: int) -> list[tuple[int, int]]:
    """Offsets of the neighbours that the phases before this one hold, the nearest first."""
    (y, x), before = PHASES[phase], PHASES[:phase]
    reach = [(dy, dx) for dy in REACH for dx in REACH if dy * dy + dx * dx <= FAR]
    held = [(dy, dx) for dy, dx in reach if ((y + dy) % 2, (x + dx) % 2) in before]
    return sorted(held, key=lambda at: at[0] ** 2 + at[1] ** 2)


KNOWN = tuple(known(phase) for phase in range(len(PHASES)))


def padded(plane: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A plane cut to a shape or continued by its edge, zero where there is none, and PAD samples more on all sides."""
    plane = plane[: shape[0], : shape[1]]
    more = [(PAD, PAD + size - have) for size, have in zip(shape, plane.shape)]
    return np.pad(plane, more, mode="edge" if plane.size else "constant")


def squares(plane: np.ndarray, reach: int) -> np.ndarray:
    """Sums (h, w) over the squares of 2 reach + 1 about each place of a plane (h, w), nothing beyond its ends, / 16."""
    for _ in range(2):
        total = np.pad(np.cumsum(plane, axis=0), ((1, 0), (0, 0)))
        rows = np.arange(len(plane))
        plane = (total[np.minimum(rows + reach + 1, len(plane))] - total[np.maximum(rows - reach, 0)]).T
    return plane >> 4


def octaves(amplitudes: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Sixteenths of an octave of 1 + 16 a / S, linear between powers of two: integers 0 .. 255."""
    ratio = np.float32(1) + np.float32(16) * (amplitudes.astype(np.float32) / steps)
    return np.minimum((ratio.view(np.int32) - ONE) >> 19, TOP)


def differences(low: np.ndarray) -> list[np.ndarray]:
    """Differences of a padded lower band about the place of a high coefficient, planes of its shape without the PAD.

    A coefficient of a band that is high across columns stands between low[:, j] and low[:, j + 1].
    """
    h, w = low.shape[0] - 2 * PAD, low.shape[1] - 2 * PAD
    at = lambda dy, dx: low[PAD + dy : PAD + dy + h, PAD + dx : PAD + dx + w]
    across = lambda dy, dx: at(dy, dx + 1) - at(dy, dx)
    down = lambda dy, dx: at(dy + 1, dx) - at(dy, dx)
    return [
        *(across(dy, dx) for dy, dx in NINE),
        *(at(dy, 2) - 3 * at(dy, 1) + 3 * at(dy, 0) - at(dy, -1) for dy in (-1, 0, 1)),
        *(down(dy, dx) for dy in (-1, 0) for dx in (0, 1)),
        *(at(2, dx) - 3 * at(1, dx) + 3 * at(0, dx) - at(-1, dx) for dx in (0, 1)),
        across(1, 0) - across(0, 0),
        across(0, 0) - across(-1, 0),
        across(0, 1) - across(0, 0),
        across(0, 0) - across(0, -1),
    ]


class Surroundings:
    """The planes around one band, all integers, and the features of each of its phases.

    Parameters
    ----------
    low : (h', w')
        The lower band of the level.
    parent : (h'', w'')
        Coefficients, of size zero at the coarsest level.
    siblings : two planes
        Coefficients of the other orientations, of size zero where they come later.
    steps : (h, w)
    level, orientation : int
        From the finest, and as in ORIENTATIONS.
    """

    def __init__(
        self,
        low: np.ndarray,
        parent: np.ndarray,
        siblings: list[np.ndarray],
        steps: np.ndarray,
        level: int,
        orientation: int,
    ) -> None:
        h, w = steps.shape
        self.steps, self.marks, self.diagonal = steps, (level, LEVELS + orientation), orientation == 2
        self.own = np.zeros((h + 2 * PAD, w + 2 * PAD), np.int64)
        self.parent = padded(parent, ((h + 1) // 2, (w + 1) // 2))
        self.siblings = [padded(plane, (h, w)) for plane in siblings]
        self.differences = differences(padded(low, (h, w)))
        inner = slice(PAD, -PAD)
        parents, both = np.abs(self.parent[inner, inner]), np.abs(np.stack(self.siblings)[:, inner, inner]).sum(axis=0)
        edges = np.abs(self.differences[NINE.index((0, 0))]) + np.abs(self.differences[DOWN])
        self.wide = [
            squares(parents, 5).repeat(2, axis=0).repeat(2, axis=1)[:h, :w],
            squares(both, 5),
            squares(edges, 4),
        ]

    def put(self, phase: int, values: np.ndarray) -> None:
        """Take the coefficients (rows, columns) of a phase."""
        (y, x), (h, w) = PHASES[phase], self.steps.shape
        self.own[PAD + y : PAD + h : 2, PAD + x : PAD + w : 2] = values

    def coefficients(self) -> np.ndarray:
        """The band (h, w), as far as it is there."""
        return self.own[PAD:-PAD, PAD:-PAD]

    def planes(self, phase: int) -> np.ndarray:
        """What is known, signed: (planes, rows, columns)."""
        y, x = PHASES[phase]
        rows, columns = self.steps[y::2, x::2].shape
        there = lambda plane, dy, dx: plane[PAD + y + dy :: 2, PAD + x + dx :: 2][:rows, :columns]
        planes = [there(self.own, *at) for at in KNOWN[phase]]
        planes += [self.parent[PAD + dy :, PAD + dx :][:rows, :columns] for dy, dx in NINE]
        planes += [there(plane, *at) for plane in self.siblings for at in NINE]
        planes += [plane[y::2, x::2] for plane in self.differences]
        return np.stack(planes)

    def magnitudes(self, phase: int, planes: np.ndarray) -> np.ndarray:
        """Features of the magnitudes of a phase: (rows columns, features) singles that hold 0 .. 255."""
        y, x = PHASES[phase]
        steps, k = self.steps[y::2, x::2].astype(np.float32), len(KNOWN[phase])
        near = np.abs(planes)
        sums = [near[part].sum(axis=0) for part in (slice(0, k), slice(k, k + 9), slice(k + 9, k + 27))]
        marks = np.zeros((LEVELS + ORIENTATIONS,) + steps.shape, np.int64)
        marks[list(self.marks)] = MARK
        own = np.abs(self.coefficients())
        wide = np.stack([plane[y::2, x::2] for plane in (squares(own, 4), squares(own, 10), *self.wide)])
        found = np.concatenate([octaves(near, steps), octaves(np.stack(sums), steps), marks, octaves(wide, steps)])
        return found.reshape(len(found), -1).T.astype(np.float32)

    def signed(self, phase: int, planes: np.ndarray) -> np.ndarray:
        """Signed features of a phase, in eighths of a step: (features, rows columns) singles within +-MOST_SIGNED."""
        y, x = PHASES[phase]
        values = planes.astype(np.float32) * (np.float32(8) / self.steps[y::2, x::2].astype(np.float32))
        return np.clip(np.rint(values, out=values), -MOST_SIGNED, MOST_SIGNED, out=values).reshape(len(planes), -1)
