"""Bits with their probabilities, through the range coder of constriction, and exponential Golomb codes of fair bits."""

import constriction
import numpy as np

from .container import CorruptStream
from .dependent import golomb_prefix
from .networks import BITS

BERNOULLI = constriction.stream.model.Bernoulli(perfect=False)
SPARE = 7  # bytes at the end of a payload that may say nothing
EVEN = 1 << BITS - 1  # the probability of a fair bit, out of 2^BITS
MOST_PREFIX = 60  # digits of a prefix


class Sink:
    """An encoder's side: bits with their probabilities of being one, out of 2^BITS, in order."""

    def __init__(self) -> None:
        self.bits: list[np.ndarray] = []
        self.ones: list[np.ndarray] = []

    def put(self, bits: np.ndarray, ones: np.ndarray | int) -> None:
        """Append bits (N,)."""
        self.bits.append(np.asarray(bits, np.int32))
        self.ones.append(ones if isinstance(ones, np.ndarray) else np.full(self.bits[-1].shape, ones))

    def echo(self, bits: np.ndarray, ones: np.ndarray) -> np.ndarray:
        """Append bits (N,), and return them."""
        self.put(bits, ones)
        return bits

    def golomb(self, over: np.ndarray, orders: np.ndarray) -> None:
        """Append the exponential Golomb codes of integers >= 0 (N,): all prefixes digit by digit, then the digits."""
        orders = np.asarray(orders, np.int64)  # a shift of 32 bits or more is none of an int32
        prefix = golomb_prefix(over, orders)
        for at in range(int(prefix.max(initial=-1)) + 1):
            here = prefix >= at
            self.put(prefix[here] > at, EVEN)
        width, rest = prefix + orders, over - ((1 << prefix) - 1 << orders)
        for at in range(int(width.max(initial=0))):  # the lowest bit first
            here = width > at
            self.put(rest[here] >> at & 1, EVEN)

    def shortest(self) -> bytes:
        """The shortest bytes from which a Tap takes the same bits: those of `data`, cut, perhaps plus one."""
        whole = self.data()
        if not whole:
            return whole
        bits, ones = np.concatenate(self.bits), np.concatenate(self.ones)
        for size in range(max(0, len(whole) - SPARE), len(whole)):
            number = int.from_bytes(whole[:size], "big")
            for kept in {number, min(number + 1, (1 << 8 * size) - 1)}:
                try:
                    if np.array_equal(Tap(found := kept.to_bytes(size, "big")).take(ones), bits):
                        return found
                except CorruptStream:
                    continue
        return whole

    def data(self) -> bytes:
        """What the range coder makes of them, without zeros at the end."""
        coder = constriction.stream.queue.RangeEncoder()
        if self.bits:
            coder.encode(np.concatenate(self.bits), BERNOULLI, np.concatenate(self.ones) / (1 << BITS))
        return coder.get_compressed().astype(">u4").tobytes().rstrip(b"\0")


class Tap:
    """A decoder's side: bits of a payload, given their probabilities."""

    def __init__(self, payload: bytes) -> None:
        self.size = len(payload)  # bytes
        words = np.frombuffer(payload + bytes(-len(payload) % 4), ">u4").astype(np.uint32)
        self.coder = constriction.stream.queue.RangeDecoder(words)

    def take(self, ones: np.ndarray) -> np.ndarray:
        """The next bits (N,) int32."""
        try:
            return self.coder.decode(BERNOULLI, ones / (1 << BITS))
        except AssertionError as error:  # how the library reports words that no encoder writes
            raise CorruptStream(f"the payload is no output of the range coder: {error}") from error

    def echo(self, _: None, ones: np.ndarray) -> np.ndarray:
        """The next bits (N,), as Sink.echo returns them."""
        return self.take(ones)

    def golomb(self, orders: np.ndarray) -> np.ndarray:
        """The next integers >= 0 (N,) of exponential Golomb codes, as Sink.golomb appends them."""
        prefix, alive = np.zeros(len(orders), np.int64), np.arange(len(orders))
        while len(alive := alive[self.take(np.full(len(alive), EVEN)) > 0]):
            prefix[alive] += 1
            if prefix.max() > MOST_PREFIX:
                raise CorruptStream("the payload holds a magnitude of more than sixty bits")
        width, rest = prefix + orders, np.zeros(len(orders), np.int64)
        for at in range(int(width.max(initial=0))):
            here = width > at
            rest[here] |= self.take(np.full(here.sum(), EVEN)).astype(np.int64) << at
        return rest + ((1 << prefix) - 1 << orders)
