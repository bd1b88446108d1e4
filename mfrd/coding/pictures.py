"""Pictures of two fidelities in one file: wavelet, two prices, dependent quantisation, contexts, a range coder.

A coefficient whose function of synthesis has the energy E_in inside the mask and E_out outside gets the step
    1 / S^2 = E_in / D_in^2 + E_out / D_out^2,
so that one price per squared step is two prices per squared error: D_in and D_out are the steps of coefficients that
lie on one side alone, and any mask will do. The encoder minimises squared error plus a price times bits over the
trellis of dependent.py and turns D_in and D_out until both targets are met. The file, all numbers little-endian:

    prefix   "mp", kind (u8: version, and what follows; of a constant picture sizes and value (f64) alone)
    numbers  height, width; exponent of the unit (i8); D_in and D_out (u16 each, where there is such a side); the peak
             where values are levels 0 .. peak, else the middle of the range (f32); top, bottom, left, right of a
             rectangle: integers of variable length where no type is said
    payload  of the range coder, words of 32 bits, the highest byte first: a mask that is no rectangle, the lowest band,
             then band after band
    check    4 bytes of BLAKE2b over all that

Decoding is sums, products and shifts of integers, and operations on single elements that IEEE 754 rounds correctly
(wavelet.py, contexts.py, networks.py): every machine decodes the same picture.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np

from . import dependent
from .arrays import variable_lengths
from .bits import EVEN, Sink, Tap
from .compact import Bytes
from .container import CorruptStream
from .contexts import FLAGS, PHASES, SIGNS, Surroundings
from .networks import BITS, MOST_LOGIT, Model, model
from .wavelet import UNIT, analyse_picture, energies, synthesise_level

MAGIC, VERSION, CHECK = b"mp", 3, 4
LEVELS, OUTSIDE, INSIDE, SHAPED = 8, 16, 32, 64  # of kind: levels 0 .. peak; which sides there are; a mask no rectangle
MANTISSA = 11  # bits of a base step after its leading one
MOST_SHIFT = 31  # octaves between the two base steps
MOST_PIXELS = 1 << 28
WINDOW = 0.05 * np.log(10) / 10  # 0.05 dB
AIM = WINDOW / 8  # a little better than the target
START = np.array([4.3, 6.1])  # base steps to a root mean square of error, at first
SLOPE = 1.1  # of the logarithm of squared error to that to base two of a step
FINEST = 18  # octaves of the finest step below the range
TRIALS, FINER, MORE = 16, 20, 24  # trials until both are in their windows, of finer steps, near the best at most
FARTHER = 1.3  # times as far goes each trial of finer steps as the one before
PIXELS = 1 << 19  # coded near the best at least
JAGS, BENDS = 0.012, 0.3  # errors of margins against a plane: always, and by the octave away from the last trial
ALONG, ACROSS = 0.5, 0.2  # how well the slopes are believed at first: of a side to its own step, and to the other
JAGGED = 4  # times as many trials where a picture is so small that its curve is jagged
SPEND = 0.4  # of what the best trial has to spare, where the next is tried
SURE, DRIFT = 0.005, 0.1  # how well margins are known before the filter: near the last ones, and more by the octave
PATIENT = 3  # trials after which the window itself will do, and not half of it
PRICE = 0.087  # squared steps a bit, the best of 0.08 .. 0.17 at 30 and 40 dB
LONGER = (63500, 62000, 59000, 52000, 38000, 22000, 11000, 5000, 2500)  # out of 2^16: see Lowest
CENTRE = 4  # of LONGER: a length equal to what the neighbours' make expected

Steps = tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray, np.ndarray]]]


# --- one phase of a band --------------------------------------------------------------------------


def orders(features: np.ndarray, phase: int) -> np.ndarray:
    """Orders (N,) of the exponential Golomb codes of large magnitudes: by the octave of the neighbours."""
    part = features[:, :8] if phase else features[:, 4:5]
    return np.clip((part.sum(axis=1).astype(np.int64) // part.shape[1] >> 4) - 6, 0, 24)


class Encoder:
    """The side that knows the coefficients: chooses indices and writes them.

    .low and .bands floats as analyse_picture returns them, in units of the file.
    """

    def __init__(self, low: np.ndarray, bands: list[tuple[np.ndarray, ...]], price: float) -> None:
        self.low, self.bands, self.price, self.sink, self.seen = low, bands, price, Sink(), None

    def lowest(self, steps: np.ndarray) -> np.ndarray:
        """Indices of the lowest band, written."""
        k = np.rint(self.low / steps).astype(np.int64)
        Lowest(k.shape).write(k, self.sink)
        return k

    def phase(self, around: Surroundings, at: tuple[int, int], phase: int, known: Model) -> np.ndarray:
        """Points, in sixteenths of a step, of one phase of the band at (level, orientation), written."""
        level, orientation = at
        (y, x), band = PHASES[phase], self.bands[level][orientation]
        c = (band.T if orientation == 1 else band)[y::2, x::2]
        planes = around.planes(phase)
        features, signed = around.magnitudes(phase, planes), around.signed(phase, planes)
        z = known.magnitudes[phase][around.diagonal].logits(features, signed).reshape(-1, 2, FLAGS) + MOST_LOGIT
        order = orders(features, phase)
        size = np.abs(c) / around.steps[y::2, x::2]
        able = np.flatnonzero(size.ravel() >= dependent.LEAST)
        s = known.signs[phase][around.diagonal].logits(signed[:, able].T) + MOST_LOGIT
        yes, no = known.costs
        bits = np.zeros((len(able), 2, FLAGS + 1), np.float32)
        np.cumsum(yes[z[able]], axis=2, out=bits[:, :, 1:])
        bits[:, :, :FLAGS] += no[z[able]]
        minus = c.ravel() < 0
        sign_bits = np.where(minus[able, None], yes[s], no[s])
        bits[:, :, 1 : SIGNS + 1] += sign_bits[:, None]
        bits[:, :, SIGNS + 1 :] += sign_bits[:, None, -1:]
        k, Q = dependent.quantise(size, no[z[:, :, 0]], able, bits, order[able], self.price)
        if self.seen is not None:
            self.seen.append((phase, around.diagonal, features, signed.T, k.ravel(), Q.ravel(), minus))
        self.write(k, Q, known.squash[z], order)
        some = k.ravel()[able] > 0
        which = np.minimum(k.ravel()[able][some], SIGNS) - 1
        self.sink.put(minus[able][some], known.squash[s[some, which]])
        return dependent.points(np.where(c < 0, -k, k), Q)

    def write(self, k: np.ndarray, Q: np.ndarray, ones: np.ndarray, order: np.ndarray) -> None:
        """Magnitudes (rows, columns) column by column, flag after flag: the order in which a decoder can ask."""
        rows, columns = k.shape
        k, Q, keys, bits, chances = k.ravel(), Q.ravel(), [], [], []
        column, row = np.indices((rows, columns)).reshape(2, -1)[::-1]
        base = column * (1 << 40) + row

        def put(where: np.ndarray, stage: np.ndarray | int, bit: np.ndarray, chance: np.ndarray | int) -> None:
            keys.append(base[where] + (np.asarray(stage, np.int64) << 24))
            bits.append(bit)
            chances.append(np.broadcast_to(chance, bit.shape))

        alive = np.arange(k.size)
        for flag in range(FLAGS):
            put(alive, flag, k[alive] > flag, ones[alive, Q[alive], flag])
            alive = alive[k[alive] > flag]
        over, order = k[alive] - FLAGS, order[alive]
        prefix = dependent.golomb_prefix(over, order)
        rest = over - ((1 << prefix) - 1 << order)
        for at in range(int(prefix.max(initial=-1)) + 1):
            here = prefix >= at
            put(alive[here], FLAGS + at, prefix[here] > at, EVEN)
        width = prefix + order
        for at in range(int(width.max(initial=0))):  # the lowest bit first
            here = width > at
            put(alive[here], FLAGS + 64 + at, rest[here] >> at & 1, EVEN)
        turn = np.argsort(np.concatenate(keys))
        self.sink.put(np.concatenate(bits)[turn], np.concatenate(chances)[turn])


class Decoder:
    """The side that reads: the same calls as an Encoder.

    .seen, where it is a list: of each phase its band and what was known of it and read: (level, orientation), phase,
    logits of zero flags, logits of signs, points, steps, each (N,).
    """

    def __init__(self, tap: Tap) -> None:
        self.tap = tap
        self.seen: list[tuple] | None = None

    def lowest(self, steps: np.ndarray) -> np.ndarray:
        """Indices of the lowest band."""
        return Lowest(steps.shape).read(self.tap)

    def phase(self, around: Surroundings, at: tuple[int, int], phase: int, known: Model) -> np.ndarray:
        """Points, in sixteenths of a step, of one phase of a band."""
        y, x = PHASES[phase]
        shape = around.steps[y::2, x::2].shape
        planes = around.planes(phase)
        features, signed = around.magnitudes(phase, planes), around.signed(phase, planes)
        z = known.magnitudes[phase][around.diagonal].logits(features, signed) + MOST_LOGIT
        ones = known.squash[z].reshape(shape + (2, FLAGS))
        k, Q = self.read(ones, orders(features, phase).reshape(shape))
        some = np.flatnonzero(k)
        s = known.signs[phase][around.diagonal].logits(signed[:, some].T)
        which = np.minimum(k.ravel()[some], SIGNS) - 1
        minus = self.tap.take(known.squash[s[np.arange(len(some)), which] + MOST_LOGIT])
        k.ravel()[some[minus > 0]] *= -1
        if self.seen is not None:
            s = known.signs[phase][around.diagonal].logits(signed.T)
            points = dependent.points(k, Q).ravel()
            self.seen.append((at, phase, z[:, 0] - MOST_LOGIT, s[:, 0], points, around.steps[y::2, x::2].ravel()))
        return dependent.points(k, Q)

    def read(self, ones: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(magnitudes, Q), (rows, columns), column by column."""
        rows, columns = order.shape
        k, Q, state = np.zeros((rows, columns), np.int64), np.zeros((rows, columns), np.int64), np.zeros(rows, np.int64)
        ones = np.ascontiguousarray(ones.transpose(1, 2, 3, 0))  # (columns, 2, flags, rows)
        for column in range(columns):
            Q[:, column] = quantiser = state & 1
            alive = np.arange(rows)
            for flag in range(FLAGS):
                alive = alive[self.tap.take(ones[column, quantiser[alive], flag, alive]) > 0]
                if not len(alive):
                    break
                k[alive, column] += 1
            if len(alive):
                k[alive, column] += self.tap.golomb(order[alive, column])
            state = dependent.NEXT[state, k[:, column] & 1]
        return k, Q


# --- the lowest band and the mask -----------------------------------------------------------------


class Lowest:
    """The lowest band: residuals of a median predictor, each by its length in bits, the expected length its context.

    A length grows by one with the probability LONGER at the length less the expected one.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.k, self.rest = (
            np.zeros((shape[0] + 1, shape[1] + 2), np.int64),
            np.full((shape[0] + 1, shape[1] + 2), 1 << 9),
        )

    def places(self) -> Iterator[tuple[int, int, int, int]]:
        """Yields (row, column, prediction, expected length) in order, once what came before is in place."""
        rows, columns = self.k.shape[0], self.k.shape[1] - 1
        for i in range(1, rows):
            for j in range(1, columns):
                w, n, d = int(self.k[i, j - 1]), int(self.k[i - 1, j]), int(self.k[i - 1, j - 1])
                w, n, d = (n, n, n) if j == 1 and i > 1 else (w, w, w) if i == 1 else (w, n, d)
                middle = sorted((w, n, w + n - d))[1]
                near = [int(self.rest[i, j - 1]), int(self.rest[i - 1, j]), int(self.rest[i - 1, j + 1])]
                near = near[:1] if i == 1 else near[1:2] if j == 1 else near
                yield i, j, middle, (sum(near) // len(near)).bit_length()

    @staticmethod
    def chance(length: int, expected: int) -> int:
        """The probability that a length grows beyond this one."""
        return LONGER[max(0, min(len(LONGER) - 1, length - expected + CENTRE))]

    def write(self, k: np.ndarray, sink: Sink) -> None:
        """Write indices (rows, columns)."""
        for i, j, middle, expected in self.places():
            self.k[i, j] = k[i - 1, j - 1]
            r = int(self.k[i, j]) - middle
            self.rest[i, j] = abs(r)
            length = abs(r).bit_length()
            sink.put([1] * length + [0], [self.chance(at, expected) for at in range(length + 1)])
            sink.put([abs(r) >> at & 1 for at in range(length - 1)] + [r < 0] * (r != 0), EVEN)

    def read(self, tap: Tap) -> np.ndarray:
        """Indices (rows, columns)."""
        for i, j, middle, expected in self.places():
            length = 0
            while tap.take(np.array([self.chance(length, expected)]))[0]:
                length += 1
                if length > 60:
                    raise CorruptStream("the payload holds an index of more than sixty bits")
            r = 0
            if length:
                low = tap.take(np.full(length, EVEN))
                r = (1 << length - 1) + sum(int(bit) << at for at, bit in enumerate(low[:-1]))
                r = -r if low[-1] else r
            self.k[i, j], self.rest[i, j] = middle + r, abs(r)
        return self.k[1:, 1:-1]


def code_mask(mask: np.ndarray | None, shape: tuple[int, int], code: Callable) -> np.ndarray:
    """A mask of any shape through code(bits or None, ones) -> bits (N,): coarse to fine, from neighbours known.

    Counts adapt after each phase, by the ones among the four neighbours and by the majority of four farther ones.
    """
    h, w = shape
    found, stride = np.zeros((h, w), np.int64), 1 << max(h, w).bit_length()
    counts = np.array([[[60, 1], [20, 4], [8, 8], [4, 20], [1, 60]]] * 3).transpose(1, 0, 2).copy()  # (5, 3, no or yes)
    found[:1, :1] = np.reshape(code(None if mask is None else mask[:1, :1].ravel(), np.full(1, EVEN)), (1, 1))
    while stride > 1:
        half = stride // 2
        for y, x in ((half, half), (0, half), (half, 0)):
            rows, columns = np.arange(y, h, stride), np.arange(x, w, stride)
            if not (len(rows) and len(columns)):
                continue
            offsets = (
                np.array(((-1, -1), (-1, 1), (1, -1), (1, 1)) if y and x else ((-1, 0), (1, 0), (0, -1), (0, 1))) * half
            )
            ones = [
                sum(found[np.ix_(within(rows, dy, h), within(columns, dx, w))] for dy, dx in far * offsets).ravel()
                for far in (1, 3)
            ]
            context = ones[0], np.sign(ones[1] - 2) + 1
            no, yes = np.moveaxis(counts[context], -1, 0)
            own = None if mask is None else mask[y::stride, x::stride].ravel().astype(np.int64)
            bits = code(own, np.clip((yes << BITS) // (no + yes), 1, (1 << BITS) - 1))
            np.add.at(counts, (*context, bits), 1)
            found[y::stride, x::stride] = bits.reshape(len(rows), len(columns))
        stride = half
    return found.astype(bool)


def within(places: np.ndarray, offset: int, n: int) -> np.ndarray:
    """Places moved by an offset, by its opposite where that leaves 0 .. n - 1, or not at all."""
    there, back = places + offset, places - offset
    inside = lambda at: (at >= 0) & (at < n)
    return np.where(inside(there), there, np.where(inside(back), back, places))


# --- files ----------------------------------------------------------------------------------------


def walk(side: Encoder | Decoder, steps: Steps, known: Model) -> np.ndarray:
    """The picture (H, W), integers in units of the file, as both sides see it."""
    low_steps, bands = steps
    low = side.lowest(low_steps) * low_steps
    none = np.zeros((0, 0), np.int64)
    parents: list[np.ndarray] = [none] * 3
    for level, three in enumerate(bands):
        found: list[np.ndarray] = []
        for orientation, S in enumerate(three):
            turn = np.transpose if orientation == 1 else np.asarray
            siblings = [turn(each) for each in found] + [none] * (2 - len(found))
            fine = len(bands) - 1 - level
            around = Surroundings(turn(low), turn(parents[orientation]), siblings, turn(S), fine, orientation)
            for phase, (y, x) in enumerate(PHASES):
                if (own := around.steps[y::2, x::2]).size:
                    around.put(phase, side.phase(around, (level, orientation), phase, known) * own >> 4)
            found.append(turn(around.coefficients()))
        parents, low = found, synthesise_level(low, (found[0], found[1], found[2]))
    return low


def steps_of(inside: Steps, outside: Steps, D_in: float, D_out: float) -> Steps:
    """Steps of all coefficients, integers: 1 / S^2 = E_in / D_in^2 + E_out / D_out^2."""

    def step(E_in: np.ndarray, E_out: np.ndarray) -> np.ndarray:
        share = E_in / (D_in * D_in) + E_out / (D_out * D_out)
        return np.maximum(np.rint((1 << UNIT) / np.sqrt(share)), 1).astype(np.int64)

    bands = [tuple(map(step, *both)) for both in zip(inside[1], outside[1])]
    return step(inside[0], outside[0]), bands


@dataclass(frozen=True, eq=False)
class Head:
    """What a file says before its payload.

    .mask (H, W); .unit the exponent of the unit; .codes of the base steps, inside and outside, as base_step reads them;
    .peak where values are levels 0 .. peak, or None; .middle of the range of other values, which is coded apart.
    """

    mask: np.ndarray
    unit: int
    codes: tuple[int, int]
    peak: int | None
    middle: float

    def steps(self) -> Steps:
        """The steps of all coefficients."""
        inside, outside = energies(self.mask), energies(~self.mask)
        return steps_of(inside, outside, *map(base_step, self.codes))

    def signal(self, picture: np.ndarray) -> np.ndarray:
        """The picture (H, W), floats, of integers in units of the file, filtered."""
        inside, outside = map(base_step, self.codes)
        return self.range(model().filter(picture, np.where(self.mask, inside, outside)))

    def range(self, picture: np.ndarray) -> np.ndarray:
        """Integers in units of the file as floats of the signal, levels where it has levels."""
        found = np.ldexp(picture.astype(float), self.unit)
        return found + self.middle if self.peak is None else np.clip(np.rint(found), 0, self.peak)

    def pack(self) -> tuple[bytes, bool]:
        """(prefix and numbers, whether the payload begins with the mask)."""
        box = rectangle(self.mask)
        sides = (INSIDE * bool(self.mask.any())) | (OUTSIDE * bool(not self.mask.all()))
        shaped = sides == INSIDE | OUTSIDE and box is None
        kind = VERSION | sides | (LEVELS * (self.peak is not None)) | (SHAPED * shaped)
        body = MAGIC + bytes([kind]) + variable_lengths(*self.mask.shape) + struct.pack("<b", self.unit)
        body += b"".join(struct.pack("<H", code) for code, side in zip(self.codes, (INSIDE, OUTSIDE)) if sides & side)
        body += struct.pack("<f", self.middle) if self.peak is None else variable_lengths(self.peak)
        return body + variable_lengths(*(box if sides == INSIDE | OUTSIDE and box else ())), shaped


def constant(picture: np.ndarray) -> bytes:
    """The file of a picture of one value."""
    body = MAGIC + bytes([VERSION]) + variable_lengths(*picture.shape) + struct.pack("<d", picture.flat[0])
    return body + check_of(body)


def base_step(code: int) -> int:
    """The integer of a code: MANTISSA bits after a leading one, and octaves above."""
    return (1 << MANTISSA) + (code & (1 << MANTISSA) - 1) << (code >> MANTISSA)


def rectangle(mask: np.ndarray) -> tuple[int, ...] | None:
    """(top, bottom, left, right) of a mask that is a rectangle, else None."""
    edges = [
        (int(at[0]), int(at[-1]) + 1) for at in map(np.flatnonzero, (mask.any(axis=1), mask.any(axis=0))) if len(at)
    ]
    if len(edges) < 2 or not mask[slice(*edges[0]), slice(*edges[1])].all():
        return None
    return edges[0] + edges[1]


def check_of(body: bytes) -> bytes:
    """The check of a file, CHECK bytes."""
    return blake2b(body, digest_size=CHECK).digest()


def opened(data: bytes) -> tuple[Head, Tap] | np.ndarray:
    """What a file says before its payload, and the payload after its mask; a constant picture itself.

    CorruptStream where they are no whole file.
    """
    body = bytes(data[:-CHECK])
    if body[:2] != MAGIC or len(body) < 3:
        raise CorruptStream(f"{len(data)} bytes that start with {bytes(data[:2])!r}; expected a file of mfrd.compress")
    if check_of(body) != bytes(data[-CHECK:]):
        raise CorruptStream(f"the check of a file of {len(data)} bytes fails")
    numbers = Bytes(body[2:])
    kind = numbers.value("<B")
    if kind & LEVELS - 1 != VERSION or kind >= 2 * SHAPED:
        raise CorruptStream(f"kind is {kind}; this module reads version {VERSION}")
    shape = numbers.number(), numbers.number()
    if not 0 < shape[0] * shape[1] <= MOST_PIXELS:
        raise CorruptStream(f"a picture of {shape[0]} x {shape[1]}; expected 1 to {MOST_PIXELS} samples")
    if not kind & (INSIDE | OUTSIDE):
        return np.full(shape, numbers.value("<d"))
    unit = numbers.value("<b")
    codes = tuple(numbers.value("<H") if kind & side else 0 for side in (INSIDE, OUTSIDE))
    peak, middle = (numbers.number(), 0.0) if kind & LEVELS else (None, numbers.value("<f"))
    mask, both = np.full(shape, bool(kind & INSIDE)), kind & INSIDE and kind & OUTSIDE
    if both and not kind & SHAPED:
        top, bottom, left, right = (numbers.number() for _ in range(4))
        mask[:] = False
        mask[top:bottom, left:right] = True
    tap = Tap(numbers.data[numbers.at :])
    if kind & SHAPED:
        mask = code_mask(None, shape, tap.echo)
    return Head(mask, unit, (codes[0], codes[1]), peak, middle), tap


def decode(data: bytes) -> np.ndarray:
    """The picture (H, W) of a file, from its bytes alone; CorruptStream where they are no whole file."""
    held = opened(data)
    if isinstance(held, np.ndarray):
        return held
    head, tap = held
    return head.signal(walk(Decoder(tap), head.steps(), model()))


# --- both targets ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Trial:
    """A file, and how far it is within its targets: log(target / squared error) inside and outside.

    Margins of a file that cannot be the best are those before the filter and what the filter gained before.
    """

    head: bytes
    sink: Sink
    logs: np.ndarray  # (2,) log2 of the base steps
    margins: np.ndarray  # (2,)
    data: bytes

    @property
    def rank(self) -> tuple[float, bool, int]:
        """The less the better: feasible, near the targets, short."""
        far = bool(np.any((self.margins > WINDOW) & np.isfinite(self.margins)))
        return max(0.0, -float(self.margins.min())), far, len(self.data)


class Search:
    """The files of one picture.

    Parameters
    ----------
    picture : (H, W) floats
    mask : (H, W) booleans
    targets : (2,)
        Squared errors a sample that may not be exceeded, inside and outside.
    peak : int or None
        Of a picture of levels 0 .. peak.
    """

    def __init__(self, picture: np.ndarray, mask: np.ndarray, targets: np.ndarray, peak: int | None) -> None:
        self.picture, self.mask, self.targets, self.peak = picture, mask, np.asarray(targets, float), peak
        self.sides = [mask, ~mask]
        self.there = np.array([side.any() for side in self.sides])
        self.middle = 0.0 if peak is not None else float(np.float32(picture.min() / 2 + picture.max() / 2))
        self.low, self.bands = analyse_picture(picture - self.middle)
        self.energies = energies(mask), energies(~mask)
        self.trials: dict[tuple, Trial] = {}
        self.gained: tuple[np.ndarray, np.ndarray] | None = None  # of the last picture filtered: logs; margins gained

    def margins(self, found: np.ndarray) -> np.ndarray:
        """log(target / squared error) inside and outside, (2,), of a decoded picture."""
        error = (found - self.picture) ** 2
        mean = np.array([error[own].mean() if own.any() else 0.0 for own in self.sides])
        with np.errstate(divide="ignore"):
            return np.log(self.targets / mean)

    def trial(self, logs: np.ndarray, price: float = PRICE) -> Trial:
        """The file at base steps of these logarithms to base two."""
        unit = int(np.floor(logs[self.there].min())) - MANTISSA
        exact = np.rint(np.exp2(np.clip(logs - unit, MANTISSA, MANTISSA + MOST_SHIFT)))
        codes = [code_of(step) if there else 0 for step, there in zip(exact, self.there)]
        if (unit, *codes) in self.trials:
            return self.trials[unit, *codes]
        head = Head(self.mask, unit, (codes[0], codes[1]), self.peak, self.middle)
        scale = 2.0**-unit
        side = Encoder(self.low * scale, [tuple(band * scale for band in three) for three in self.bands], price)
        body, shaped = head.pack()
        if shaped:
            code_mask(self.mask, self.mask.shape, side.sink.echo)
        steps = steps_of(*self.energies, *map(base_step, head.codes))
        walked, whole = walk(side, steps, model()), body + side.sink.data()
        margins = plain = self.margins(head.range(walked))
        sure = 0.0
        if self.gained is not None:
            margins, sure = plain + self.gained[1], SURE + DRIFT * np.abs(logs - self.gained[0])[self.there].max()
        if self.gained is None or self.hopeful(margins + sure, len(whole) + CHECK):
            margins = self.margins(head.signal(walked))
            both = np.isfinite(margins) & np.isfinite(plain)
            self.gained = logs, np.where(both, margins, 0) - np.where(both, plain, 0)
        logs = np.log2([float(base_step(code)) for code in codes]) + unit
        found = Trial(body, side.sink, logs, margins, whole + check_of(whole))
        self.trials[unit, *codes] = found
        return found

    def hopeful(self, margins: np.ndarray, size: int) -> bool:
        """Whether a trial of at most such margins and of a size may be the best."""
        best = self.best()
        return bool(margins.min() > 0) and (best.rank[:2] > (0.0, False) or size < len(best.data))

    def best(self) -> Trial:
        """The best trial so far."""
        return min(self.trials.values(), key=lambda trial: trial.rank)

    def run(self) -> Trial:
        """The shortest file found that meets both targets.

        By planes through the margins of the trials so far; at last, where the file is small and its curve jagged, steps
        near the best.

        Raises ValueError where no step is fine enough.
        """
        spread = float(np.ptp(self.picture)) + float(np.sqrt(self.targets.max()))
        least, most = np.log2(spread) - FINEST, np.log2(spread) + 8
        logs = np.clip(np.log2(START * np.sqrt(self.targets)), least, most)
        rng, count = np.random.default_rng(0), int(np.clip(PIXELS / self.picture.size, 0, MORE))
        width = 0.004 + 0.8 / np.sqrt(self.picture.size)
        for number in range(TRIALS + count * (JAGGED if count == MORE else 1)):
            before = len(self.trials)
            trial = self.trial(logs)
            if before == len(self.trials):  # seen before, since curves are jagged
                trial = self.trial(np.clip(logs + rng.uniform(-width, width, 2), least, most))
            enough = WINDOW / (2 if number < PATIENT else 1)
            inside = (trial.margins >= 0) & ((trial.margins <= enough) | (trial.logs >= most - 1e-3))
            if np.all(inside | ~self.there):
                break
            logs = np.clip(self.proposed(trial, AIM if number < PATIENT else WINDOW / 2), least, most)
        for _ in range(count):
            near = self.best()
            spare = np.where(self.there, np.clip(near.margins, 0, WINDOW), 0) / SLOPE
            self.trial(np.clip(near.logs + SPEND * spare + rng.uniform(-width, width, 2), least, most))
        for number in range(FINER):  # farther each time, since the best may stay
            if (best := self.best()).margins.min() >= 0:
                whole = best.head + best.sink.shortest()
                return replace(best, data=whole + check_of(whole))
            worse = np.where(best.margins < 0, np.clip(-best.margins, 0.005, 2), 0)
            self.trial(np.clip(best.logs - FARTHER**number * worse, least, most))
        said = f"squared errors of {self.targets} inside and outside are not reached"
        raise ValueError(f"{said}; expected targets that steps of 2^-{FINEST} of the range meet")

    def proposed(self, last: Trial, aim: float) -> np.ndarray:
        """Logarithms of base steps (2,) whose margins should be `aim`, by planes through the margins of all trials.

        Least squares: a trial weighs the more, the nearer it is to the last one, and the slope is -SLOPE until trials
        say otherwise.
        """
        known = list(self.trials.values())
        away = np.array([each.logs - last.logs for each in known]) * self.there
        margins = np.clip([each.margins for each in known], -5, 5)
        terms = np.column_stack([np.ones(len(known)), away]) / (JAGS + BENDS * np.abs(away).max(axis=1))[:, None]
        middle, slopes = np.zeros(2), np.zeros((2, 2))
        for side in np.flatnonzero(self.there):
            believed, spread = np.zeros(3), np.array([np.inf, ACROSS, ACROSS])
            believed[1 + side], spread[1 + side] = -SLOPE, ALONG
            weighed = margins[:, side] * terms[:, 0]
            system = terms.T @ terms + np.diag(spread**-2.0)
            middle[side], *slopes[side] = np.linalg.solve(system, terms.T @ weighed + believed * spread**-2.0)
        at = np.ix_(self.there, self.there)
        found = last.logs.copy()
        found[self.there] += np.clip(np.linalg.solve(slopes[at], (aim - middle)[self.there]), -2, 2)
        return found


def code_of(step: float) -> int:
    """The code of base_step nearest to a step of at least 2^MANTISSA."""
    octave = int(np.frexp(step)[1]) - 1 - MANTISSA
    return (octave << MANTISSA) + min(int(np.rint(step / 2**octave)) - (1 << MANTISSA), (1 << MANTISSA) - 1)
