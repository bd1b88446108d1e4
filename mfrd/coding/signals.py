"""Signals of two fidelities in one file: a lapped transform, two prices, dependent quantisation, adaptive contexts.

A signal is cut into T blocks of K samples, each folded over half of its neighbours' (a sine window) and turned by the
fourth cosine transform: an orthonormal lapped transform (Princen and Bradley 1986; Malvar 1992), so that squared error
of coefficients is squared error of samples. K is the power of two that costs least. A block of which a share s of the
window lies in the mask gets the step
    1 / S^2 = s / D_in^2 + (1 - s) / D_out^2,
one price per squared step, two per squared error. Along each frequency, from block to block, runs the trellis of
dependent.py; the encoder minimises squared error plus a price times the model's bits, and turns D_in and D_out until
both targets are met.

Block after block, the frequencies divisible by four come first, then the other even ones, then the odd: three phases,
whose magnitudes are coded flag by flag (> 0, > 1, ...). A flag's probability is a count, by the class of what is
expected from neighbours in time and frequency that both sides know, and adapts as the file goes on. A long signal is
coded in several lanes, stretches of blocks that go on side by side and share the counts.

The file, all numbers little-endian:

    prefix   "ms", version (u8), kind (u8: how gaps and mask are told, and what follows)
    numbers  N, channels where there are two axes, log2 K (u8), frequencies in use, exponent of the unit, one or two
             base steps, the mean of each channel: integers of variable length
    runs     of gaps, then of the mask, where they are not all or none: lengths, or their distances from their median,
             coded (compact.py)
    payload  of the range coder: block after block, channel after channel, phase after phase
    check    4 bytes of BLAKE2b over all that

What is decoded from the payload is integers, by integer arithmetic and products, quotients and square roots that IEEE
754 rounds correctly: every machine finds the same indices. The transform back is of floats, so samples are the same
to rounding.
"""

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np
from scipy.fft import dct, idct

from . import dependent
from .arrays import variable_length, variable_lengths
from .bits import EVEN, Sink, Tap
from .compact import Bytes, coded, folded, unfolded
from .container import CorruptStream
from .networks import BITS

MAGIC, VERSION, CHECK = b"ms", 1, 4
SHORTEST, LONGEST = 3, 11  # log2 K
PHASES = ((0, 4), (2, 4), (1, 2))  # first frequency and stride
PAD = 4  # frequencies around a block, as far as a neighbour lies
SHARES = 16  # to a whole window, of what lies in the mask
MANTISSA = 8  # bits of a base step after its leading one
LANES = ((256, 16), (1024, 64))  # blocks that make a lane worth its start, of so many lanes at most
FLAGS = 14  # magnitudes > 0, > 1, ... that are counted
UNIT = 6  # bits of a fraction of a half step, in what is expected
# of classes of what is expected, nearly a third apart
EDGES = np.array([
    2, 3, 5, 6, 8, 10, 14, 18, 24, 32, 42, 55, 73, 97, 127, 168, 222, 293, 387, 511,
    674, 890, 1175, 1550, 2047, 2701, 3566, 4707, 6213, 8201,
])  # fmt: skip
ONE, FIRST, MOST = 32, 10 * 32, 600 * 32  # of a count: an event, the weight of what is thought before, where it halves
LEAST = 40  # probability out of 2^BITS
PRICE = 0.09  # squared steps a bit
FIRST_STEP = 3.5  # of a base step to begin with, in targets
EXCERPT, CLEAR = 1 << 15, 0.05  # samples on which two sizes are tried, unless one is clearly better
MOST_TRIED = 1 << 17  # samples from which the best blocks, and most of the model, are learnt
ROUNDS, TRIALS, LAST_TRIALS, MOST_TRIALS = 2, 3, 4, 80  # of model and indices in turn; of base steps
AIM, CLOSE = 0.9975, 0.0055  # of a target; logarithms below at which a search ends, 0.05 decibels
WORTH = 1 << 14  # bytes of a payload below which those at its end that say nothing are looked for
MOST_SAMPLES = 1 << 40


@dataclass(frozen=True)
class Layout:
    """What the header says: N samples of several channels in blocks of 2^size samples, `used` frequencies each.

    chained : whether the lowest frequency of a block is told as its distance from that of the block before;
    unit : exponent of two, by which base steps and means are told; base : codes of D_in and D_out, see `base_step`;
    means (channels,), in units.
    """

    N: int
    channels: int
    size: int
    used: int
    chained: bool
    unit: int
    base: tuple[int, int]
    means: tuple[int, ...]

    @property
    def K(self) -> int:
        """Samples of a block."""
        return 1 << self.size

    @property
    def lanes(self) -> int:
        """Stretches that are coded side by side."""
        return max(1, *(min(most, self.blocks // lane) for lane, most in LANES))

    @property
    def blocks(self) -> int:
        """Blocks of the signal."""
        return -(-self.N // self.K)

    @property
    def turns(self) -> int:
        """Blocks of a lane, the last of which may be empty."""
        return -(-self.blocks // self.lanes)


# --- the transform --------------------------------------------------------------------------------


def lapped(x: np.ndarray, K: int) -> np.ndarray:
    """Coefficients (T, K) of samples (T K,): each boundary folded, each block turned."""
    y = x.reshape(-1, K).copy()
    fold(y, 1.0)
    return dct(y, type=4, norm="ortho", axis=1)


def unlapped(C: np.ndarray) -> np.ndarray:
    """Samples (T K,) of coefficients (T, K)."""
    y = idct(C, type=4, norm="ortho", axis=1)
    fold(y, -1.0)
    return y.ravel()


def fold(y: np.ndarray, sense: float) -> None:
    """Turn the two sides of each boundary between blocks (T, K) into one another, in place; back with sense -1."""
    K = y.shape[1]
    angle = np.pi / 4 * (1 + (np.arange(K // 2) + 0.5) / (K // 2))
    s, c = np.sin(angle), sense * np.cos(angle)
    right, left = y[1:, : K // 2].copy(), y[:-1, : K // 2 - 1 : -1].copy()
    y[1:, : K // 2] = s * right + c * left
    y[:-1, : K // 2 - 1 : -1] = s * left - c * right


def whole(x: np.ndarray, K: int) -> np.ndarray:
    """Samples (N,) continued to whole blocks, falling to zero."""
    more = -len(x) % K
    return np.concatenate([x, x[-1] * (0.5 + 0.5 * np.cos(np.pi * np.arange(1, more + 1) / (more + 1)))])


# --- steps ----------------------------------------------------------------------------------------


def base_step(code: int) -> float:
    """The base step of a code: (2^8 + its last 8 bits) 2^(the others - 8)."""
    return float(np.ldexp(float((1 << MANTISSA) + (code & (1 << MANTISSA) - 1)), (code >> MANTISSA) - MANTISSA))


def step_code(step: float) -> int:
    """The code of the base step nearest below."""
    fraction, exponent = np.frexp(step)
    return int(exponent - 1 << MANTISSA) + min(int((fraction * 2 - 1) * (1 << MANTISSA)), (1 << MANTISSA) - 1)


def table_of_steps(base: tuple[int, int]) -> np.ndarray:
    """The step of a block by its share of the mask, (SHARES + 1,)."""
    s = np.arange(SHARES + 1) / SHARES
    D_in, D_out = map(base_step, base)
    return 1.0 / np.sqrt(s / (D_in * D_in) + (1.0 - s) / (D_out * D_out))


def shares(mask: np.ndarray, K: int) -> np.ndarray:
    """How much of each block's window lies in the mask, (T,), in 1 / SHARES, rounded to the nearest but 0 and all."""
    T = -(-len(mask) // K)
    inside = np.zeros((T + 2) * K, np.int64)
    inside[K : K + len(mask)] = mask
    ramp = 2 * np.arange(K, dtype=np.int64) + 1  # the square of the window, as if it rose linearly
    window = np.concatenate([ramp, ramp[::-1]])
    total = np.zeros(T, np.int64)
    for part in range(4):  # the window of a block starts half a block before it
        start = K // 2 + part * (K // 2)
        blocks = inside[start : start + T * K].reshape(T, K)[:, : K // 2]
        total += blocks @ window[part * (K // 2) : (part + 1) * (K // 2)]
    full = int(window.sum())
    share = (2 * SHARES * total + full) // (2 * full)
    return np.where(total == 0, 0, np.where(total == full, SHARES, np.clip(share, 1, SHARES - 1)))


def shared(inside: np.ndarray, layout: Layout) -> np.ndarray:
    """The `shares` of a mask (N, channels), (channels, lanes, turns), none of blocks that are empty."""
    found = np.zeros((layout.channels, layout.lanes * layout.turns), np.int64)
    for share, mask in zip(found, inside.T):
        share[: layout.blocks] = shares(mask, layout.K)
    return found.reshape(layout.channels, layout.lanes, layout.turns)


# --- what is expected, and its probabilities ------------------------------------------------------

# of each phase, in 1 / 64: the slow mean; the block before at the frequency, beside it, two off; the one before that,
# and beside; then of the block itself two off (phase 1), or beside and three off (phase 2); of the channel before
WEIGHTS = np.array([[30, 14, 5, 2, 5, 1, 0, 0, 0], [22, 11, 4, 1, 4, 1, 7, 0, 0], [18, 8, 2, 1, 3, 1, 9, 3, 0]])
NEAR = ((), (2,), (1, 3))  # offsets in the block itself, by phase
CROSS = (40, 24)  # of 64: what the block itself says, and what the channel before says


def thought() -> np.ndarray:
    """Counts before anything is known, (2, CLASSES, FLAGS, 2): no and yes, of geometric magnitudes of the mean."""
    middle = np.concatenate([EDGES[:1] // 2 + 1, EDGES]).astype(np.int64)
    counts = np.empty((2, len(middle), FLAGS, 2), np.int64)
    for Q in (0, 1):
        first = middle + (16 if Q else 0)
        grow = np.stack([first] + [middle + 24] * (FLAGS - 1), axis=1)
        counts[Q, :, :, 1] = np.maximum(1, FIRST * grow // (grow + (2 << UNIT)))
    counts[..., 0] = np.maximum(1, FIRST - counts[..., 1])
    return counts


class Counts:
    """Adaptive counts of flags by quantiser, class and flag: .held (2 CLASSES FLAGS, 2), no and yes."""

    def __init__(self) -> None:
        self.held = thought().reshape(-1, 2)

    def ones(self, at: np.ndarray) -> np.ndarray:
        """The probabilities of a yes, out of 2^BITS."""
        held = self.held[at]
        yes = held[:, 1]
        return np.minimum(np.maximum((yes << BITS) // (held[:, 0] + yes), LEAST), (1 << BITS) - LEAST)

    def take(self, at: np.ndarray, bits: np.ndarray) -> None:
        """Count bits (N,) at places (N,)."""
        seen = np.bincount(2 * at + bits, minlength=self.held.size)
        self.held += ONE * seen.reshape(self.held.shape)
        while (full := self.held[:, 0] + self.held[:, 1] > MOST).any():
            self.held[full] = (self.held[full] + 1) >> 1

    def bits(self) -> np.ndarray:
        """What each magnitude 0 .. FLAGS costs, its sign included, (2, CLASSES, FLAGS + 1) singles."""
        p = (self.ones(np.arange(len(self.held))) / (1 << BITS)).reshape(2, -1, FLAGS)
        yes, no = -np.log2(p), -np.log2(1 - p)
        cost = np.concatenate([np.zeros(p.shape[:2] + (1,)), np.cumsum(yes, axis=2) + 1], axis=2)
        cost[:, :, :FLAGS] += no
        return cost.astype(np.float32)


class Expected:
    """The half steps of one channel that both sides know, and the class of each coefficient that comes next.

    All integers, half steps in 1 / 2^UNIT; rows are lanes.
    """

    def __init__(self, lanes: int, K: int) -> None:
        self.K, self.rows = K, np.arange(lanes)
        self.before, self.earlier, self.own, self.mean = np.zeros((4, lanes, K + 2 * PAD), np.int64)
        self.means, self.side = np.zeros((2, lanes, K + 2 * PAD), np.int64), np.zeros(lanes, np.int64)

    def turn(self, scale: np.ndarray, side: np.ndarray, to_side: np.ndarray, from_side: np.ndarray) -> None:
        """Go on to the next block.

        scale (lanes, 1): 256 times the last step over the next; side (lanes,): 1 where the next block lies inside;
        to_side: 256 times the last step over that of its side; from_side: that of the next side over the next step.
        """
        slow = self.means[self.side, self.rows]
        self.means[self.side, self.rows] = slow + (((self.own * to_side >> 8) - slow + 4) >> 3)
        self.mean, self.side = self.means[side, self.rows] * from_side >> 8, side
        self.earlier, self.before = self.before * scale >> 8, self.own * scale >> 8
        self.own = np.zeros_like(self.own)

    def expected(self, phase: int, other: np.ndarray | None) -> np.ndarray:
        """What is expected of a phase, (lanes, places), given the same block of the channel before."""
        first, stride = PHASES[phase]
        part = slice(PAD + first, PAD + self.K, stride)
        at = lambda plane, k: plane[:, part.start + k : part.stop + k : stride]
        w = WEIGHTS[phase]
        found = w[0] * at(self.mean, 0) + w[1] * at(self.before, 0) + w[4] * at(self.earlier, 0)
        for k, weight in ((1, w[2]), (2, w[3])):
            found += weight * (at(self.before, k) + at(self.before, -k))
        found += w[5] * (at(self.earlier, 1) + at(self.earlier, -1))
        for k, weight in zip(NEAR[phase], w[6:]):
            found += weight * (at(self.own, k) + at(self.own, -k))
        if other is not None:
            found = (CROSS[0] * found + CROSS[1] * (16 * (at(other, 1) + at(other, -1)) + 32 * at(other, 0))) >> 6
        return found >> 6

    def put(self, phase: int, points: np.ndarray) -> None:
        """Take the points of a phase, (lanes, places), in sixteenths of a step."""
        first, stride = PHASES[phase]
        self.own[:, PAD + first : PAD + self.K : stride] = np.abs(points) << UNIT - 3


def classes_of(expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(classes, orders of the exponential Golomb codes of large magnitudes) by what is expected."""
    orders = np.maximum(np.frexp((expected >> UNIT + 1).astype(float))[1] - 3, 0)
    return np.searchsorted(EDGES, expected, side="right"), orders


def walk(side: Any, layout: Layout, share: np.ndarray) -> np.ndarray:
    """Points in sixteenths of a step, (channels, lanes, turns, used), in the order in which both sides see them.

    side.phase(Q, classes, orders, offset, at) -> k, of the coefficients at = (channel, turn, phase), (lanes, places)
    each, told as k - offset; share is of each block, (channels, lanes, turns).
    """
    C, G, T, K = layout.channels, layout.lanes, layout.turns, layout.used
    found = np.zeros((C, G, T, K), np.int64)
    known, states = [Expected(G, K) for _ in range(C)], np.zeros((C, G, K), np.int64)
    table, before = table_of_steps(layout.base), lambda plane: np.concatenate([plane[..., :1], plane[..., :-1]], axis=2)
    inside = (2 * share > SHARES).astype(np.int64)
    steps, pure = table[share], table[inside * SHARES]
    ratio = lambda one, other: np.rint(np.clip(256.0 * one / other, 1.0, 65536.0)).astype(int)[..., None]
    scales, to_side, from_side = ratio(before(steps), steps), ratio(before(steps), before(pure)), ratio(pure, steps)
    for t in range(T):
        for c in range(C):
            known[c].turn(scales[c, :, t], inside[c, :, t], to_side[c, :, t], from_side[c, :, t])
            link = found[c, :, t - 1, 0] * scales[c, :, t, 0] >> 8 if layout.chained and t and K else np.zeros(G, int)
            for phase, (first, stride) in enumerate(PHASES):
                state = states[c, :, first::stride]
                if not state.size:
                    continue
                expected = known[c].expected(phase, known[c - 1].own if c else None)
                classes, orders = classes_of(expected)
                offset = np.zeros(state.shape, np.int64)
                if phase == 0:
                    offset[:, 0] = np.sign(link) * (np.abs(link) + 8 * (state[:, 0] & 1) + 8 >> 4)
                k = side.phase(state & 1, classes, orders, offset, (c, t, phase))
                points = dependent.points(k, state & 1)
                known[c].put(phase, np.where(offset == 0, points, 16 * (k - offset)))
                found[c, :, t, first::stride] = points
                states[c, :, first::stride] = dependent.NEXT[state, k & 1]
    return found


class Writer:
    """The encoder's side of `walk`: writes signed indices k (channels, lanes, turns, used), and keeps their classes."""

    def __init__(self, k: np.ndarray) -> None:
        self.k, self.sink, self.counts = k, Sink(), Counts()
        self.classes, self.orders = np.zeros(k.shape, np.uint8), np.zeros(k.shape, np.uint8)

    def phase(
        self, Q: np.ndarray, classes: np.ndarray, orders: np.ndarray, offset: np.ndarray, at: tuple[int, int, int]
    ) -> np.ndarray:
        """The indices of a phase, written."""
        c, t, phase = at
        part = (c, slice(None), t, slice(PHASES[phase][0], None, PHASES[phase][1]))
        signed = self.k[part] - offset
        self.classes[part], self.orders[part] = classes, orders
        k = np.abs(signed).ravel()
        flag = np.arange(min(int(k.max()) + 1, FLAGS))[:, None]  # of each flag the indices that reach it, flag by flag
        reached = np.flatnonzero(k >= flag)
        at = ((Q * (len(EDGES) + 1) + classes).ravel() * FLAGS + flag).ravel()[reached]
        bits = (k > flag).ravel()[reached]
        self.sink.put(bits, self.counts.ones(at))
        self.counts.take(at, bits)
        large = np.flatnonzero(k >= FLAGS)
        if len(large):
            self.sink.golomb(k[large] - FLAGS, orders.ravel()[large])
        some = np.flatnonzero(k)
        if len(some):
            self.sink.put(signed.ravel()[some] < 0, EVEN)
        return signed + offset


class Reader:
    """The decoder's side of `walk`: reads indices, and keeps the classes and offsets of what it has read."""

    def __init__(self, tap: Tap, layout: Layout) -> None:
        self.tap, self.counts = tap, Counts()
        shape = (layout.channels, layout.lanes, layout.turns, layout.used)
        self.classes, self.offsets = np.zeros(shape, np.uint8), np.zeros(shape[:3], np.int64)

    def phase(
        self, Q: np.ndarray, classes: np.ndarray, orders: np.ndarray, offset: np.ndarray, at: tuple[int, int, int]
    ) -> np.ndarray:
        """The indices of a phase, read."""
        c, t, phase = at
        self.classes[c, :, t, PHASES[phase][0] :: PHASES[phase][1]] = classes
        if phase == 0:
            self.offsets[c, :, t] = offset[:, 0]
        k, seen = np.zeros(Q.size, np.int64), []
        where, alive = (Q * (len(EDGES) + 1) + classes).ravel() * FLAGS, np.arange(Q.size)
        for _ in range(FLAGS):
            bits = self.tap.take(self.counts.ones(where))
            seen.append((where, bits))
            above = np.flatnonzero(bits)
            alive, where = alive[above], where[above] + 1
            k[alive] += 1
            if not len(alive):
                break
        else:
            k[alive] += self.tap.golomb(orders.ravel()[alive])
        self.counts.take(*(np.concatenate(each) for each in zip(*seen)))
        some = np.flatnonzero(k)
        minus = self.tap.take(np.full(len(some), EVEN)) > 0
        k[some[minus]] *= -1
        return k.reshape(Q.shape) + offset


# --- the encoder ----------------------------------------------------------------------------------


@dataclass
class Trial:
    """Signed indices k at two base steps, by their codes, and the errors on both sides."""

    base: tuple[int, int]
    k: np.ndarray
    errors: np.ndarray


class Search:
    """The base steps at which both targets are met, and the indices there.

    Parameters
    ----------
    x : (N, channels)
        Samples without gaps.
    inside, outside : (N, channels) booleans
        Which samples count on either side; gaps on neither.
    targets : (2,)
        Root mean square errors inside and outside, in units of x.
    size : int, optional
        log2 K; the one of least cost where it is None.
    """

    def __init__(
        self, x: np.ndarray, inside: np.ndarray, outside: np.ndarray, targets: np.ndarray, size: int | None = None
    ) -> None:
        self.sides, self.targets, counted = (inside, outside), np.asarray(targets, float), inside | outside
        self.asked = np.array([at.any() for at in self.sides])
        unit = int(np.frexp(min(self.targets[self.asked]))[1]) - 1
        self.means = tuple(
            int(np.rint(x[at, c].mean() / 2.0**unit)) if at.any() else 0 for c, at in enumerate(counted.T)
        )
        self.x = x - 2.0**unit * np.array(self.means, float)
        self.start = FIRST_STEP * np.where(self.asked, self.targets, self.targets[::-1])
        if size is None:
            size = self.best_size()
        N, channels = x.shape
        self.layout = Layout(N, channels, size, 1 << size, False, unit, (0, 0), self.means)
        self.planes = coefficients(x, self.layout)
        self.share = shared(inside, self.layout)
        steps = self.steps(self.codes(self.start))
        gain = sum(link_gain(lane) for channel in self.planes[..., 0] / steps for lane in channel)
        self.layout = replace(self.layout, chained=bool(gain < 0))

    def best_size(self) -> int:
        """log2 K of the fewest bytes of an excerpt, of the two sizes that seem to cost least."""
        costs = {size: self.cost(size) for size in range(SHORTEST, LONGEST + 1)}
        two = sorted(costs, key=costs.__getitem__)[:2]
        if costs[two[1]] > (1 + CLEAR) * costs[two[0]]:
            return two[0]
        return min(two, key=lambda size: len(self.excerpt(EXCERPT, size).run(True)))

    def excerpt(self, most: int, size: int) -> "Search":
        """A search over at most so many samples, from four stretches."""
        if len(self.x) <= most:
            return Search(self.x, *self.sides, self.targets, size)
        at = np.concatenate([np.arange(most // 4) + part * (len(self.x) // 4) for part in range(4)])
        inside, outside = (side[at] for side in self.sides)
        if not (inside | outside).any():  # gaps alone
            inside = ~inside
        return Search(self.x[at], inside, outside, self.targets, size)

    def cost(self, size: int) -> float:
        """What blocks of 2^size samples cost at the first base steps: squared error over PRICE, and bits.

        Of whole steps, their bits those of geometric magnitudes of the mean of their neighbours; of the first samples.
        """
        K, total, table = 1 << size, 0.0, table_of_steps(self.codes(self.start))
        for channel, mask in zip(self.x[:MOST_TRIED].T, self.sides[0][:MOST_TRIED].T):
            q = lapped(whole(channel, K), K) / table[shares(mask, K)][:, None]
            a = np.floor(np.abs(q) + 0.35)
            near = np.pad(a, 1)
            mean = (
                2 * near[:-2, 1:-1] + near[1:-1, :-2] + near[1:-1, 2:]
            ) / 4 + 0.02  # of what comes before and beside
            total += ((np.abs(q) - a) ** 2).sum() / PRICE + geometric_bits(a, mean).sum()
            total += min(0.0, link_gain(q[:, 0]))
        return float(total)

    def steps(self, base: tuple[int, int]) -> np.ndarray:
        """Steps of the blocks, (channels, lanes, turns)."""
        return table_of_steps(base)[self.share]

    @staticmethod
    def codes(D: np.ndarray) -> tuple[int, int]:
        """The codes of two base steps."""
        return step_code(float(D[0])), step_code(float(D[1]))

    def rms(self, error: np.ndarray) -> np.ndarray:
        """Root mean squares (2,) of what counts on both sides, zero where nothing does."""
        return np.array([np.sqrt(np.mean(error[at] ** 2)) if at.any() else 0.0 for at in self.sides])

    def trial(self, D: np.ndarray, bits: np.ndarray, seen: tuple[np.ndarray, np.ndarray] | None) -> Trial:
        """The indices of least squared error plus price at base steps, given what magnitudes cost by class."""
        base = self.codes(D)
        steps = self.steps(base)
        classes, orders = first_guess(self.planes, steps) if seen is None else seen
        k, points = quantised(self.planes, steps, classes, orders, bits, free=self.layout.chained)
        return Trial(base, k, self.rms(self.x - samples(points, steps, self.layout)))

    def written(self, trial: Trial) -> tuple["Writer", Layout]:
        """A writer that has written a trial, and the layout."""
        used = int(np.flatnonzero(trial.k.any(axis=(0, 1, 2))).max(initial=-1)) + 1
        layout = replace(self.layout, used=used, base=trial.base)
        writer = Writer(trial.k[..., :used])
        walk(writer, layout, self.share)
        return writer, layout

    def learnt(self, writer: "Writer") -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """(bits, (classes, orders)) for the next trial, classes of the lowest for frequencies that were not used."""
        seen = tuple(np.zeros(self.planes.shape, np.uint8) for _ in range(2))
        for plane, part in zip(seen, (writer.classes, writer.orders)):
            plane[..., : part.shape[3]] = part
        return writer.counts.bits(), (seen[0], seen[1])

    def first(self) -> np.ndarray:
        """Base steps (2,) to begin with: so large that nothing is coded for a side that needs nothing."""
        silent = self.asked & (self.rms(self.x) <= self.targets)
        return np.where(silent, 4 * np.abs(self.planes).max() + self.targets, self.start)

    def learn(self, turn: "Turn", bits: np.ndarray, rounds: int, trials: int) -> tuple[np.ndarray, tuple | None]:
        """(bits, (classes, orders)) after rounds of trials, each round closed by writing; the base steps turned."""
        seen = None
        for _ in range(rounds):
            for _ in range(trials):
                trial = self.trial(turn.D, bits, seen)
                turn.take(trial.errors)
            bits, seen = self.learnt(self.written(trial)[0])
        return bits, seen

    def run(self, flat: bool) -> bytes:
        """The file, which decodes to (N,) where flat; raises ValueError where no base steps meet both targets."""
        turn, bits = Turn(self.first(), self.targets, self.asked), Counts().bits()
        if len(self.x) > MOST_TRIED:  # most is learnt from a part
            part = self.excerpt(MOST_TRIED, self.layout.size)
            bits, _ = part.learn(turn, bits, ROUNDS, TRIALS)
            turn.forget()
            bits, seen = self.learn(turn, bits, 1, 1)
        else:
            bits, seen = self.learn(turn, bits, ROUNDS, TRIALS)
        best: Trial | None = None
        trials = max(LAST_TRIALS, min(16, 4 * MOST_TRIED // len(self.x)))
        for tried in range(MOST_TRIALS):
            trial = self.trial(turn.D, bits, seen)
            turn.take(trial.errors)
            meets = (trial.errors <= self.targets)[self.asked].all()
            if meets and (best is None or self.slack(trial) < self.slack(best)):
                best = trial
            if best is not None and (tried >= trials or self.slack(best) < CLOSE):
                break
            if tried >= trials:
                turn.D = turn.D * np.where(trial.errors > self.targets, 0.9, 1.0)
        if best is None:
            raise ValueError(
                f"no base steps were found for errors of {self.targets[self.asked]}; expected targets above the "
                f"rounding of a signal of size {np.abs(self.x).max():.3g}: raise them"
            )
        writer, layout = self.written(best)
        return written_file(writer, layout, self.sides, flat)

    def slack(self, trial: Trial) -> float:
        """How far the errors of a trial lie below their targets at most, in logarithms."""
        errors = np.maximum(trial.errors, 1e-3 * self.targets)
        return float(np.log(self.targets / errors)[self.asked].max())


class Turn:
    """Base steps .D (2,), turned towards their targets by secants of the logarithms."""

    def __init__(self, D: np.ndarray, targets: np.ndarray, asked: np.ndarray) -> None:
        self.D, self.targets, self.asked = D, targets, asked
        self.past: tuple[np.ndarray, np.ndarray] | None = None

    def forget(self) -> None:
        """Begin again from here."""
        self.past = None

    def take(self, errors: np.ndarray) -> None:
        """Turn the base steps after a trial of them that had these errors (2,)."""
        e, at = np.log(np.maximum(errors, 1e-12 * self.targets)), np.log(self.D)
        slope = np.full(2, 0.8)
        if self.past is not None:
            moved = at - self.past[0]
            with np.errstate(divide="ignore", invalid="ignore"):
                slope = np.where(np.abs(moved) > 1e-3, np.clip((e - self.past[1]) / moved, 0.25, 1.3), slope)
        self.past = at, e
        step = np.clip((np.log(AIM * self.targets) - e) / slope, -1.4, 1.4)
        enough = (errors <= self.targets) & (errors <= 1e-12 * self.targets) | ~self.asked
        step = np.where(enough, 0.0, step)
        self.D = np.exp(at + step)
        if not self.asked.all():
            self.D = np.where(self.asked, self.D, self.D[::-1])


def geometric_bits(a: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Bits of magnitudes, signs included, as if geometric."""
    return a * np.log2(1 + 1 / mean) + np.log2(1 + mean) + (a > 0)


def link_gain(q: np.ndarray) -> float:
    """Bits that coefficients (T,) in steps cost more as distances from one another than as they are."""
    bits = []
    for a in (np.rint(np.abs(np.diff(q, prepend=0.0))), np.rint(np.abs(q))):
        near = np.pad(a, 2)
        mean = (near[:-4] + near[1:-3] + near[3:-1] + near[4:]) / 4 + 0.1
        bits.append(float(geometric_bits(a, mean).sum()))
    return bits[0] - bits[1]


def samples(points: np.ndarray, steps: np.ndarray, layout: Layout) -> np.ndarray:
    """Samples (N, channels) of points (channels, lanes, turns, used), without their means."""
    planes = np.zeros(points.shape[:3] + (layout.K,))
    planes[..., : points.shape[3]] = points * (steps[..., None] / 16)
    blocks = planes.reshape(layout.channels, -1, layout.K)[:, : layout.blocks]
    return np.stack([unlapped(C)[: layout.N] for C in blocks], axis=1)


def first_guess(planes: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(classes, orders) before any index is there, from the coefficients around each."""
    a = np.minimum(2 * np.abs(planes) / steps[..., None], 1e9)
    near = np.pad(np.where(a < 1.2, 0.0, a), ((0, 0), (0, 0), (1, 1), (1, 1)))
    mean = (near[:, :, :-2, 1:-1] + near[:, :, 2:, 1:-1] + near[:, :, 1:-1, :-2] + near[:, :, 1:-1, 2:]) / 4
    return classes_of((mean * (1 << UNIT)).astype(np.int64))


def quantised(
    planes: np.ndarray, steps: np.ndarray, classes: np.ndarray, orders: np.ndarray, bits: np.ndarray, *, free: bool
) -> tuple[np.ndarray, np.ndarray]:
    """(k signed, points) of least squared error plus PRICE bits, (channels, lanes, turns, K) each.

    free: the lowest frequency is of least squared error alone, as what it costs hangs on the block before.
    """
    along = lambda plane: np.swapaxes(plane, 2, 3).reshape(-1, plane.shape[2])
    x = along(np.abs(planes) / steps[..., None])
    k, Q = np.zeros(x.shape, np.int64), np.zeros(x.shape, np.int64)
    live = np.flatnonzero((x >= 0.5).any(axis=1))
    classes, orders, most = along(classes)[live], along(orders)[live], max(1, MOST_TRIED // x.shape[1])
    for start in range(0, len(live), most):
        part = live[start : start + most]
        own, over = classes[start : start + most].ravel(), orders[start : start + most].ravel()
        able = np.flatnonzero(x[part].ravel() >= dependent.LEAST)
        cost = bits[:, own].transpose(1, 0, 2)
        if free:
            cost = np.where(np.repeat(part % planes.shape[3] == 0, x.shape[1])[:, None, None], np.float32(0), cost)
        orders_there = over[able].astype(np.int64)
        k[part], Q[part] = dependent.quantise(x[part], cost[:, :, 0], able, cost[able], orders_there, PRICE)
    back = lambda plane: np.swapaxes(plane.reshape(planes.shape[:2] + (planes.shape[3], planes.shape[2])), 2, 3)
    signed = np.where(planes < 0, -back(k), back(k))
    return signed, dependent.points(signed, back(Q))


# --- files ----------------------------------------------------------------------------------------


def signed(*numbers: int) -> bytes:
    """Integers of either sign as variable-length ones."""
    return variable_lengths(*folded(np.array(numbers, np.int64)).tolist())


def unsigned(fields: Bytes) -> int:
    """The next integer that `signed` wrote."""
    return int(unfolded(np.int64(fields.number())))


def runs(mask: np.ndarray) -> bytes:
    """Booleans (N,): the first one and how lengths are told, how many runs there are, lengths of either kind apart."""
    edges = np.flatnonzero(np.diff(mask)) + 1
    lengths = np.diff(np.concatenate([[0], edges, [len(mask)]])) - 1
    (one, first), (other, second) = about(lengths[::2]), about(lengths[1::2])
    return bytes([bool(mask[0]) + 2 * one + 4 * other]) + variable_length(len(lengths)) + first + second


def about(lengths: np.ndarray) -> tuple[bool, bytes]:
    """(whether they are told as distances from their median, the shorter bytes of the two) of lengths (N,)."""
    plain = coded(lengths)
    if not len(lengths):
        return False, plain
    middle = int(np.median(lengths))
    near = variable_length(middle) + coded(folded(lengths - middle))
    return (True, near) if len(near) < len(plain) else (False, plain)


def from_runs(fields: Bytes, N: int) -> np.ndarray:
    """What `runs` wrote, (N,)."""
    how, count = fields.take(1)[0], fields.number()
    if not 0 < count <= N:
        raise CorruptStream(f"{count} runs of {N} samples; expected 1 to {N}")
    lengths = np.empty(count, np.int64)
    for kind, size in enumerate((-(-count // 2), count // 2)):
        if how >> 1 + kind & 1:
            middle = fields.number()
            lengths[kind::2] = middle + unfolded(fields.array(size))
        else:
            lengths[kind::2] = fields.array(size)
    if int((lengths + 1).sum()) != N or lengths.min() < 0:
        raise CorruptStream(f"runs of {int((lengths + 1).sum())} samples in all; expected {N}")
    return np.repeat((np.arange(count) + (how & 1)) % 2 == 1, lengths + 1)


ALL, NONE, SHARED, EACH = range(4)  # how a mask is told: all, none, one for all channels, one a channel


def told(mask: np.ndarray) -> tuple[int, bytes]:
    """(how, bytes) of a mask (N, channels)."""
    if mask.all() or not mask.any():
        return (ALL if mask.all() else NONE), b""
    if (mask == mask[:, :1]).all():
        return SHARED, runs(mask[:, 0])
    return EACH, b"".join(runs(channel) for channel in mask.T)


def heard(how: int, fields: Bytes, N: int, channels: int) -> np.ndarray:
    """What `told` told, (N, channels)."""
    if how in (ALL, NONE):
        return np.full((N, channels), how == ALL)
    if how == SHARED:
        return np.repeat(from_runs(fields, N)[:, None], channels, axis=1)
    return np.stack([from_runs(fields, N) for _ in range(channels)], axis=1)


def written_file(writer: Writer, layout: Layout, sides: tuple[np.ndarray, np.ndarray], flat: bool) -> bytes:
    """The file of a writer's payload."""
    gaps = ~(sides[0] | sides[1])
    (how, region), (missing, holes) = told(sides[0]), told(gaps)
    one = how in (ALL, NONE) or layout.base[0] == layout.base[1]
    kind = how + 4 * missing + 16 * one + 32 * (not flat) + 64 * layout.chained
    D = (layout.base[how != ALL],) if one else layout.base
    body = MAGIC + bytes([VERSION, kind]) + variable_length(layout.N)
    body += b"" if flat else variable_length(layout.channels)
    body += bytes([layout.size]) + variable_length(layout.used) + signed(layout.unit)
    body += signed(*(code - (layout.unit << MANTISSA) for code in D), *layout.means) + holes + region
    payload = writer.sink.data()
    whole_file = body + (writer.sink.shortest() if len(payload) < WORTH else payload)
    return whole_file + blake2b(whole_file, digest_size=CHECK).digest()


@dataclass(frozen=True)
class Opened:
    """What a file holds.

    layout : as the header says; flat : whether the signal is (N,), not (N, channels);
    gaps, inside : (N, channels) booleans; share (channels, lanes, turns) of each block, see `shares`;
    points (channels, lanes, turns, used) in sixteenths of a step; classes of the same shape, from 0 to len(EDGES);
    offsets (channels, lanes, turns) : of the lowest frequency of a block, in steps; payload : bytes of the payload.
    """

    layout: Layout
    flat: bool
    gaps: np.ndarray
    inside: np.ndarray
    share: np.ndarray
    points: np.ndarray
    classes: np.ndarray
    offsets: np.ndarray
    payload: int

    @property
    def steps(self) -> np.ndarray:
        """Steps of the blocks, (channels, lanes, turns), in units of the signal."""
        return table_of_steps(self.layout.base)[self.share]


def opened(data: bytes) -> Opened:
    """What a file holds; raises CorruptStream where it is damaged."""
    if len(data) < 12 or blake2b(data[:-CHECK], digest_size=CHECK).digest() != data[-CHECK:]:
        raise CorruptStream(f"the check of {len(data)} bytes does not hold: they are cut short or altered")
    if data[2] != VERSION:
        raise CorruptStream(f"version {data[2]} of the file of a signal; expected {VERSION}: decode it by a newer mfrd")
    fields = Bytes(data[4:-CHECK])
    how, missing, one, several = data[3] & 3, data[3] >> 2 & 3, data[3] >> 4 & 1, data[3] >> 5 & 1
    N = fields.number()
    channels = fields.number() if several else 1
    size, used, unit = fields.take(1)[0], fields.number(), unsigned(fields)
    fits = 0 < N and 0 < channels and N * channels <= MOST_SAMPLES and SHORTEST <= size <= LONGEST and used <= 1 << size
    if not fits or abs(unit) > 1100:
        raise CorruptStream(
            f"{N} samples of {channels} channels in blocks of 2^{size}, {used} frequencies: no such file"
        )
    D = [unsigned(fields) + (unit << MANTISSA) for _ in range(1 if one else 2)]
    means = tuple(unsigned(fields) for _ in range(channels))
    layout = Layout(N, channels, size, used, bool(data[3] >> 6 & 1), unit, (D[0], D[-1]), means)
    gaps = heard(missing, fields, N, channels) if missing != NONE else np.zeros((N, channels), bool)
    inside = heard(how, fields, N, channels)
    share = shared(inside, layout)
    payload = data[4 + fields.at : -CHECK]
    reader = Reader(Tap(payload), layout)
    points = walk(reader, layout, share)
    held = (gaps, inside, share, points, reader.classes, reader.offsets)
    return Opened(layout, not several, *held, len(payload))


def decode(data: bytes) -> np.ndarray:
    """The signal of a file, (N,) or (N, channels), gaps NaN; raises CorruptStream where the file is damaged."""
    held = opened(data)
    means = np.ldexp(np.array(held.layout.means, float), held.layout.unit)
    found = np.where(held.gaps, np.nan, samples(held.points, held.steps, held.layout) + means)
    return found[:, 0] if held.flat else found


def coefficients(signal: np.ndarray, layout: Layout) -> np.ndarray:
    """The coefficients (channels, lanes, turns, K) of a signal (N, channels) without gaps, less its means."""
    planes = np.zeros((layout.channels, layout.lanes, layout.turns, layout.K))
    for plane, channel, mean in zip(planes, signal.T, layout.means):
        C = lapped(whole(channel - np.ldexp(float(mean), layout.unit), layout.K), layout.K)
        plane.reshape(-1, layout.K)[: len(C)] = C
    return planes


def filled(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(samples (N, channels) with gaps bridged by straight lines, gaps) of a signal (N, channels), NaN in its gaps."""
    gaps, found = np.isnan(signal), signal.copy()
    for channel, hole in zip(found.T, gaps.T):
        channel[hole] = np.interp(np.flatnonzero(hole), np.flatnonzero(~hole), channel[~hole]) if not hole.all() else 0
    return found, gaps


def encode(signal: np.ndarray, mask: np.ndarray, targets: np.ndarray) -> bytes:
    """The file of a signal (N,) or (N, channels), NaN in its gaps, a mask of its shape, at root mean square errors."""
    x, region = (each.reshape(len(signal), -1) for each in (signal, mask))
    found, gaps = filled(x)
    return Search(found, region & ~gaps, ~region & ~gaps, targets).run(flat=signal.ndim == 1)
