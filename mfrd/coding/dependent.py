"""Dependent scalar quantisation: two quantisers and eight states, chosen by parities, searched by Viterbi.

A sequence of indices k drives a machine of eight states, whose next state follows from the parity of k. Even states use
the multiples of a step, odd ones zero and the odd multiples of half a step:
    y = sign(k) (|k| - Q / 2) S,     Q = state & 1, and 0 where k = 0,
but for the first of the odd quantiser, which stands at 5 S / 8, nearer to the mean of what it stands for. The points of
both together are twice as dense as those of each: a trellis-coded quantiser with a zero in every
state (Marcellin and Fischer 1990; Schwarz, Nguyen, Marpe and Wiegand 2019). An encoder takes the path of least
squared error plus lambda bits. Every lane of a plane starts in state 0.
"""

import numpy as np

LEAST = 0.25  # steps: what is smaller becomes zero
NEXT = np.array([(0, 2), (5, 7), (1, 3), (6, 4), (2, 0), (4, 6), (3, 1), (7, 5)])  # state, parity -> state
STATES = len(NEXT)
_WAYS = [[(s, parity) for s in range(STATES) for parity in (0, 1) if NEXT[s, parity] == t] for t in range(STATES)]
FROM = np.array(_WAYS)[:, :, 0].T.copy()  # (2, states): the two states before each
CODE = 2 * (FROM & 1) + np.array(_WAYS)[:, :, 1].T  # (2, states): 2 Q + parity of the way from there


def points(k: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """Signed points of indices k with their quantisers, in sixteenths of a step."""
    half = 2 * np.abs(k) - Q
    return np.sign(k) * (8 * half + 2 * (half == 1))


def cheapest(cost: np.ndarray) -> np.ndarray:
    """The path of least cost of each lane: 2 Q + parity of each step, (steps, lanes).

    Parameters
    ----------
    cost : (steps, 4, lanes)
        What each Q and parity costs, by 2 Q + parity.
    """
    steps, _, lanes = cost.shape
    total = np.full((STATES, lanes), np.inf, cost.dtype)
    total[0] = 0
    second = np.empty((steps, STATES, lanes), bool)
    for t in range(steps):
        one = total.take(FROM[0], axis=0)
        one += cost[t].take(CODE[0], axis=0)
        two = total.take(FROM[1], axis=0)
        two += cost[t].take(CODE[1], axis=0)
        np.less(two, one, out=second[t])
        total = np.minimum(one, two)
    state, lane, codes = total.argmin(axis=0), np.arange(lanes), np.empty((steps, lanes), np.int64)
    for t in range(steps - 1, -1, -1):
        way = second[t, state, lane].astype(np.int64)
        codes[t], state = CODE[way, state], FROM[way, state]
    return codes


def quantise(
    x: np.ndarray, zero: np.ndarray, able: np.ndarray, bits: np.ndarray, beyond: np.ndarray, price: float
) -> tuple[np.ndarray, np.ndarray]:
    """(k, Q) of magnitudes x in steps, (lanes, steps): of least (x - y)^2 + price bits, the lanes along the last axis.

    Parameters
    ----------
    x : (lanes, steps)
    zero : (lanes steps, 2)
        What a zero costs with each quantiser.
    able : (N,) integers
        Places, row by row, of the magnitudes of at least LEAST.
    bits : (N, 2, K + 1)
        What each magnitude 0 .. K costs there with each quantiser, K standing for all from there on, with its sign.
    beyond : (N,) integers
        Order of the exponential Golomb code of k - K where k >= K.
    price : float
        Squared steps a bit.
    """
    top, every, some = bits.shape[-1] - 1, np.arange(len(able)), x.ravel()[able]
    cost, best = np.full((4, x.size), np.inf, np.float32), np.zeros((4, x.size), np.int64)
    for Q in (0, 1):
        cost[2 * Q] = x.ravel() ** 2 + price * zero[:, Q]
        nearest, least, chosen = np.floor(some + Q / 2).astype(np.int64), cost[:, able], best[:, able]
        for k in (nearest - 1, nearest, nearest + 1):
            asked = bits[every, Q, np.clip(k, 0, top)]
            over = k >= top
            if over.any():
                asked = asked + np.where(over, golomb_bits(np.maximum(k - top, 0), beyond), 0)
            J = (some - points(k, Q) / 16) ** 2 + price * asked
            for parity in (2 * Q, 2 * Q + 1):
                better = (k > 0) & (k & 1 == parity & 1) & (J < least[parity])
                least[parity][better], chosen[parity][better] = J[better], k[better]
        cost[:, able], best[:, able] = least, chosen
    cost, best = cost.reshape((4,) + x.shape), best.reshape((4,) + x.shape)
    k, quantiser = np.zeros(x.shape, np.int64), np.zeros(x.shape, np.int64)
    live = (x >= 0.5).any(axis=1)  # where all is below half a step, zeros are best
    if live.any():
        codes = cheapest(np.ascontiguousarray(cost[:, live].transpose(2, 0, 1))).T
        k[live] = np.take_along_axis(best[:, live], codes[None], axis=0)[0]
        quantiser[live] = codes >> 1
    return k, quantiser


def golomb_bits(over: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Bits of the exponential Golomb code of integers >= 0 at given orders."""
    return 2 * golomb_prefix(over, order) + 1 + order


def golomb_prefix(over: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The length of the unary part of that code: floor(log2((over >> order) + 1)), exact below 2^53."""
    return np.frexp(((over >> order) + 1).astype(float))[1] - 1
