"""Trellis codes: finite-state machines whose states allow half of four labels, and the search for the cheapest path.

A rate-1/2 systematic feedback code with parity polynomials h0, h1 ties its label bits z0, z1 by
    sum_i h0_i z0(t - i) + h1_i z1(t - i) = 0 mod 2,   h0_0 = h0_v = 1,  h1_0 = h1_v = 0,
so that z1 is free and the state s of v bits says z0 = s mod 2 (Ungerboeck 1982). In observer form the next state is
    s' = floor(s / 2) + z0 floor(h0 / 2) + z1 floor(h1 / 2),   sums without carry,
and the label is 2 z1 + z0. A state allows the two labels of its parity, its superset (Marcellin and Fischer 1990).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

# octal h0, h1: Ungerboeck (1982, 1987) to 256 states; above, the best granular gain among hundreds of random codes
POLYNOMIALS = {
    4: (0o5, 0o2),
    8: (0o13, 0o4),
    16: (0o23, 0o4),
    32: (0o45, 0o10),
    64: (0o103, 0o24),
    128: (0o235, 0o126),
    256: (0o515, 0o362),
    512: (0o1177, 0o742),
    1024: (0o2541, 0o1726),
    2048: (0o6455, 0o3776),
    4096: (0o10325, 0o6472),
}
LABELS = 4
RENEWAL = 32  # steps after which the least path cost of a lane becomes zero again, so that single precision suffices
CACHE = 1 << 15  # path costs searched together: states by lanes
LEAST_LANES = 64  # fewer make the rows of an array shorter than the cost of visiting them


@dataclass(frozen=True)
class TrellisCode:
    """The machine of two parity polynomials.

    h0, h1: integers whose bits are the coefficients, as in the formula above; .states = 2^v.

    Raises ValueError where they are no parity polynomials of 4 to 4096 states.
    """

    h0: int
    h1: int

    def __post_init__(self) -> None:
        v = self.h0.bit_length() - 1
        if not (2 <= v <= 12 and self.h0 & 1 and 0 < self.h1 < 1 << v and not self.h1 & 1):
            said = f"polynomials are {self.h0:o} and {self.h1:o} (octal)"
            raise ValueError(f"{said}; expected h0 odd of degree 2 to 12, h1 even of less")

    @classmethod
    def of(cls, states: int) -> "TrellisCode":
        """The code of this module with so many states.

        Raises ValueError where states is no power of two from 4 to 4096.
        """
        if not isinstance(states, (int, np.integer)) or int(states) not in POLYNOMIALS:
            raise ValueError(
                f"states is {states!r}; expected a power of two from 4 to 4096: 8 for speed, 256 as a rule"
            )
        return cls(*POLYNOMIALS[int(states)])

    @property
    def states(self) -> int:
        """2^v."""
        return 1 << (self.h0.bit_length() - 1)

    @cached_property
    def moves(self) -> np.ndarray:
        """(4,): s' = (s >> 1) ^ moves[label]."""
        return np.array([(label & 1) * (self.h0 >> 1) ^ (label >> 1) * (self.h1 >> 1) for label in range(LABELS)])

    @cached_property
    def predecessors(self) -> np.ndarray:
        """(states, 2): the states from which z1 = 0 and z1 = 1 lead to each."""
        states = np.arange(self.states)
        back = np.empty((self.states, 2), np.intp)
        for z1 in (0, 1):
            back[(states >> 1) ^ self.moves[2 * z1 + (states & 1)], z1] = states
        return back

    def search(self, costs: np.ndarray) -> np.ndarray:
        """The labels of the cheapest path of each lane from state 0, the end free, (T, L) uint8.

            min over paths of sum_t costs[t, label_t, lane]

        costs: (T, 4, L) float32, infinite where no codeword has the label. Of equal paths one; the same each time.
        Memory: T states min(L, ...) / 8 bytes for decisions, some lanes at a time.
        Source: Viterbi (1967).
        """
        T, _, L = costs.shape
        width = min(L, max(LEAST_LANES, CACHE // self.states))
        labels = np.empty((T, L), np.uint8)
        for first in range(0, L, width):
            lanes = slice(first, min(first + width, L))
            labels[:, lanes] = self._lanes(np.ascontiguousarray(costs[:, :, lanes]))
        return labels

    def _lanes(self, costs: np.ndarray) -> np.ndarray:
        """The labels (T, L) of the cheapest paths of lanes that are searched together."""
        T, _, L = costs.shape
        S, (from0, from1) = self.states, np.ascontiguousarray(self.predecessors.T)
        total = np.full((S, L), np.inf, np.float32)
        total[0] = 0
        with0, with1, best0, best1 = np.empty((4, S, L), np.float32)
        second = np.empty((S, L), bool)
        decisions = np.empty((T, S, (L + 7) // 8), np.uint8)
        pairs = [array.reshape(S // 2, 2 * L) for array in (total, with0, with1)]  # of states that share all but z0
        for t, (cost0, cost1) in enumerate(costs.reshape(T, 2, 2 * L)):  # z1, then z0 by lane
            np.add(pairs[0], cost0, out=pairs[1])
            np.add(pairs[0], cost1, out=pairs[2])
            with0.take(from0, axis=0, out=best0, mode="clip")
            with1.take(from1, axis=0, out=best1, mode="clip")
            np.less(best1, best0, out=second)
            decisions[t] = np.packbits(second, axis=1)
            np.minimum(best0, best1, out=total)
            if t % RENEWAL == RENEWAL - 1:
                total -= total.min(axis=0)
        return self._traced(total.argmin(axis=0), decisions)

    def _traced(self, state: np.ndarray, decisions: np.ndarray) -> np.ndarray:
        """The labels (T, L) of the paths that end in `state` (L,), back along the packed decisions."""
        T, S, width = decisions.shape
        lane = np.arange(len(state))
        byte, shift = lane >> 3, (7 - (lane & 7)).astype(np.uint8)
        back = self.predecessors.ravel()
        path = np.empty((T + 1, len(state)), np.intp)
        choice = np.empty((T, len(state)), np.uint8)
        path[T] = state
        for t, decided in enumerate(decisions.reshape(T, S * width)[::-1], 1):
            state = path[T + 1 - t]
            z1 = decided.take(state * width + byte) >> shift & 1
            choice[T - t] = z1
            back.take(2 * state + z1, out=path[T - t], mode="clip")
        return 2 * choice + (path[:T] & 1).astype(np.uint8)
