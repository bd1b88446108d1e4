"""Dependent scalar quantisation: two quantisers and eight states, chosen by parities, searched by Viterbi.

A sequence of indices k drives a machine of eight states, whose next state follows from the parity of k. Even states use
the multiples of a step, odd ones zero and the odd multiples of half a step:
    y = sign(k) (|k| - Q / 2) S,     Q = state & 1, and 0 where k = 0,
so that the points of both together are twice as dense as those of each: a trellis-coded quantiser with a zero in every
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


def halves(k: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """Signed points in half steps: sign(k) (2 |k| - Q), 0 where k = 0."""
    return 2 * k - np.sign(k) * Q


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


def quantise(x: np.ndarray, bits: np.ndarray, beyond: np.ndarray, price: float) -> tuple[np.ndarray, np.ndarray]:
    """(k, Q) of magnitudes x in steps, (lanes, steps): of least (x - y)^2 + price bits, the lanes along the last axis.

    Parameters
    ----------
    x : (lanes, steps)
    bits : (lanes, steps, 2, K + 1)
        What each magnitude 0 .. K costs with each quantiser, K standing for all from there on, with its sign.
    beyond : (lanes, steps) integers
        Order of the exponential Golomb code of k - K where k >= K.
    price : float
        Squared steps a bit.
    """
    top, every = bits.shape[-1] - 1, np.indices(x.shape, sparse=True)
    cost, best = np.full((4,) + x.shape, np.inf, np.float32), np.zeros((4,) + x.shape, np.int64)
    for Q in (0, 1):
        nearest = np.floor(x + Q / 2).astype(np.int64)
        for k in (np.zeros_like(nearest), np.maximum(nearest - 1, 0), nearest, nearest + 1):
            asked = bits[*every, Q, np.minimum(k, top)]
            over = k >= top
            if over.any():
                asked = asked + np.where(over, golomb_bits(np.maximum(k - top, 0), beyond), 0)
            J = (x - k + (Q / 2) * (k > 0)) ** 2 + price * asked
            for parity in (0, 1):
                better = (k & 1 == parity) & ((k == 0) | (x >= LEAST)) & (J < cost[2 * Q + parity])
                cost[2 * Q + parity][better], best[2 * Q + parity][better] = J[better], k[better]
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
