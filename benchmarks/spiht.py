"""SPIHT of one-dimensional signals with an arithmetic coder, after Lu, Kim and Pearlman (2000), who code ECGs by it.

A signal is transformed by the wavelet of nine and seven taps; magnitudes in steps T are coded plane of bits by plane.
A coefficient of a level has two children in the next finer one, and whole trees that hold nothing of a plane take one
bit (Said and Pearlman 1996): of each coefficient the set D of its descendants and, once that is significant, the set L
of those below its children. Every bit but a sign goes through a range coder by counts of its kind, level and
neighbours, bit after bit. T takes the place of a cut of the stream: the last plane is coded whole.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pywt

from mfrd.coding.bits import EVEN, Sink, Tap
from mfrd.coding.networks import BITS

WAVELET = "bior4.4"  # nine and seven taps
SHIFTS = (0.05, 0.1, 0.15)  # of what stands for a magnitude, from the middle of its interval towards zero
HEADER = 12  # bytes: samples, T, shift, levels, planes
ALIKE = 256  # contexts of a level
KINDS = ("own", "D", "L", "finer")


@dataclass(frozen=True)
class Plan:
    """Levels of a signal of N samples: sizes[0] of the approximation, then of details from the coarsest on."""

    N: int
    levels: int

    @property
    def sizes(self) -> list[int]:
        """Coefficients of each band."""
        root = -(-self.N // (1 << self.levels))
        return [root] + [root << k for k in range(self.levels)]

    def forward(self, x: np.ndarray) -> list[np.ndarray]:
        """Bands of samples (N,), which are continued by their mirror image."""
        whole = np.pad(x, (0, (self.sizes[0] << self.levels) - self.N), mode="symmetric")
        return pywt.wavedec(whole, WAVELET, "periodization", self.levels)

    def back(self, bands: list[np.ndarray]) -> np.ndarray:
        """Samples (N,) of bands."""
        return pywt.waverec(bands, WAVELET, "periodization")[: self.N]


class Encoder:
    """Puts bits into a sink, each by the counts (KT) of its context so far."""

    def __init__(self) -> None:
        self.sink, self.counts = Sink(), np.full((1 << 16, 2), 0.5)

    def __call__(self, contexts: np.ndarray, bits: np.ndarray) -> np.ndarray:
        """The bits (N,) of contexts (N,), coded."""
        order = np.argsort(contexts, kind="stable")
        c, b = contexts[order], bits[order].astype(np.int64)
        first = np.flatnonzero(np.diff(c, prepend=-1))
        run = np.repeat(first, np.diff(np.append(first, len(c))))
        ones = np.cumsum(b) - b
        before = np.arange(len(c)) - run
        yes = self.counts[c, 1] + ones - ones[run]
        p = np.empty(len(c))
        p[order] = yes / (self.counts[c].sum(axis=1) + before)
        self.sink.put(bits.astype(np.int32), rounded(p))
        np.add.at(self.counts, (contexts, bits.astype(int)), 1)
        return bits

    def plain(self, bits: np.ndarray) -> np.ndarray:
        """Fair bits, coded."""
        self.sink.put(bits.astype(np.int32), EVEN)
        return bits


class Decoder:
    """Takes the bits that an Encoder has put."""

    def __init__(self, data: bytes) -> None:
        self.tap, self.counts = Tap(data), np.full((1 << 16, 2), 0.5)

    def __call__(self, contexts: np.ndarray, _: np.ndarray | None) -> np.ndarray:
        """The bits (N,) of contexts (N,)."""
        bits = np.zeros(len(contexts), bool)
        for at, c in enumerate(contexts):
            held = self.counts[c]
            bits[at] = self.tap.take(rounded(held[1:] / held.sum()))[0]
            held[int(bits[at])] += 1
        return bits

    def plain(self, bits: np.ndarray) -> np.ndarray:
        """As many fair bits as are asked for."""
        return self.tap.take(np.full(len(bits), EVEN)) > 0


def rounded(p: np.ndarray) -> np.ndarray:
    """Probabilities out of 2^BITS."""
    return np.clip(np.rint(p * (1 << BITS)).astype(np.int64), 1, (1 << BITS) - 1)


def passes(coder: Encoder | Decoder, sizes: list[int], planes: int, q: list[np.ndarray] | None) -> list[np.ndarray]:
    """The signed integers of bands of such sizes, coded from q or, where it is None, decoded."""
    K = len(sizes)
    truth = q or [np.zeros(size, np.int64) for size in sizes]
    top = lambda a: np.where(a > 0, np.floor(np.log2(np.maximum(a, 1))).astype(int), -1)
    own = [top(np.abs(each)) for each in truth]
    D = [np.full(size, -1) for size in sizes]  # the highest plane of descendants
    L = [np.full(size, -1) for size in sizes]  # and of those below the children
    for k in range(K - 2, 0, -1):
        L[k] = D[k + 1].reshape(-1, 2).max(axis=1)
        D[k] = np.maximum(own[k + 1].reshape(-1, 2).max(axis=1), L[k])
    found = {kind: [np.full(size, -1) for size in sizes] for kind in ("own", "D", "L")}
    value = [np.zeros(size, np.int64) for size in sizes]
    signs = [np.zeros(size, bool) for size in sizes]

    def test(kind: str, k: int, open_: np.ndarray, plane: int, highest: np.ndarray) -> np.ndarray:
        """Which of the open ones, not found so far, are significant at this plane: coded; and found from now on."""
        known = found[kind][k] >= 0
        at = np.flatnonzero(open_ & ~known)
        beside = np.pad(found["own" if kind == "own" else "D"][k] >= 0, 1).astype(int)
        near = (beside[:-2] + beside[2:])[at]
        above = found["own"][k - 1][at >> 1] >= 0 if k > 1 else np.zeros(len(at), bool)
        contexts = (KINDS.index(kind) * 64 + k) * ALIKE + near * 2 + above
        hit = at[coder(contexts, highest[at] == plane)]
        found[kind][k][hit] = plane
        return hit

    for plane in range(planes - 1, -1, -1):
        for k in range(K):
            finer = np.flatnonzero(found["own"][k] > plane)
            all_ = np.ones(sizes[k], bool)
            reached = np.repeat(found["D"][k - 1] >= 0, 2) if k > 1 else all_
            hit = test("own", k, reached, plane, own[k])
            signs[k][hit] = coder.plain(truth[k][hit] < 0)
            value[k][hit] = 1 << plane
            if 0 < k < K - 1:
                test("D", k, np.repeat(found["L"][k - 1] >= 0, 2) if k > 1 else all_, plane, D[k])
            if 0 < k < K - 2:
                test("L", k, found["D"][k] >= 0, plane, L[k])
            since = np.minimum(found["own"][k][finer] - plane, 3)
            bits = coder((KINDS.index("finer") * 64 + k) * ALIKE + since, np.abs(truth[k][finer]) >> plane & 1 > 0)
            value[k][finer] |= bits.astype(np.int64) << plane
    return [np.where(minus, -v, v) for minus, v in zip(signs, value)]


def quantised(bands: list[np.ndarray], T: float, weights: list[np.ndarray]) -> list[np.ndarray]:
    """Signed magnitudes in steps T, rounded towards zero, of coefficients times their weights."""
    return [np.fix(band * w / T).astype(np.int64) for band, w in zip(bands, weights)]


def restored(q: list[np.ndarray], T: float, shift: float, weights: list[np.ndarray]) -> list[np.ndarray]:
    """Coefficients of signed magnitudes."""
    return [np.sign(each) * (np.abs(each) + 0.5 - shift) * T / w * (each != 0) for each, w in zip(q, weights)]


def decoded(bands: list[np.ndarray], plan: Plan, T: float, shift: float, weights: list[np.ndarray]) -> np.ndarray:
    """The samples that a file of these parameters holds."""
    return plan.back(restored(quantised(bands, T, weights), T, shift, weights))


def largest(met: Callable[[float], bool], low: float, high: float, steps: int = 18) -> float:
    """The largest T between low and high at which a condition holds, which small ones meet."""
    for _ in range(steps):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if met(middle) else (low, middle)
    return low


def file_of(
    x: np.ndarray,
    targets: list[tuple[np.ndarray, float]],
    levels: int,
    scale: float = 1.0,
    region: np.ndarray | None = None,
) -> tuple[bytes, np.ndarray]:
    """(file, samples) of the fewest bytes whose root mean square error is at most each target where its mask holds.

    scale : of the coefficients at least half of whose interval of samples lies in the region, before their bits are
    cut; the mean of the samples, a whole number, is sent apart.
    """
    plan, mean = Plan(len(x), levels), float(np.rint(x.mean()))
    bands, near = plan.forward(x - mean), shares(np.zeros(len(x), bool) if region is None else region, plan)
    weights = [np.where(share >= 0.5, scale, 1.0) for share in near]
    largest_rms = max(rms for _, rms in targets)

    def meets(T: float, shift: float) -> bool:
        off = (decoded(bands, plan, T, shift, weights) - (x - mean)) ** 2
        return all(np.mean(off[mask]) <= rms * rms for mask, rms in targets)

    best: tuple[bytes, np.ndarray] | None = None
    for shift in SHIFTS:
        T = largest(lambda T: meets(T, shift), largest_rms / 30, largest_rms * 20 * scale)
        data = coded(quantised(bands, T, weights), plan.sizes)
        if best is None or len(data) < len(best[0]):
            best = data, mean + decoded(bands, plan, T, shift, weights)
    assert best is not None
    return best


def coded(q: list[np.ndarray], sizes: list[int]) -> bytes:
    """The file of signed magnitudes, HEADER bytes of zeros in place of its numbers."""
    planes = int(max(np.abs(each).max() for each in q)).bit_length()
    encoder = Encoder()
    passes(encoder, sizes, planes, q)
    return bytes(HEADER) + encoder.sink.shortest()


def shares(mask: np.ndarray, plan: Plan) -> list[np.ndarray]:
    """How much of the interval of each coefficient lies in the mask, band by band."""
    whole = np.pad(mask, (0, (plan.sizes[0] << plan.levels) - len(mask))).astype(float)
    return [whole.reshape(size, -1).mean(axis=1) for size in plan.sizes]
