"""A set of integer points and a small integer of each, in about as many bits as they are worth.

Points in a box are told by halving it: of n points in a box, how many lie in its lower half is one of n + 1 numbers,
equally likely a priori, and so on in each half; a point alone is told by its place. Their order, which a codebook has
no use for, costs nothing, where it would take log2 m! bits. The integers follow, with counts that adapt.

All goes into one number, the state: a symbol that has f of T parts, from c on, takes state to (state div f) T + c +
(state mod f), the last symbol first, so that a reader finds the first one first (Duda 2009).
"""

import numpy as np

from .container import CorruptStream

Symbol = tuple[int, int, int]  # first part, parts, all parts
MOST = 30_000  # coordinates of points, beyond which a state takes seconds
LIKELY, HALF = 64, 8  # parts that a difference of 0 has at first, and for how many more they halve
GROWTH = 24  # parts that a symbol gains each time that it is seen, over one that it has before


def halved(points: np.ndarray, side: np.ndarray) -> tuple[np.ndarray, list[Symbol]]:
    """(the order of points (m, k) of a box from 0 to side (k,), (m,); the symbols that tell them)."""
    order: list[int] = []
    symbols: list[Symbol] = []
    stack = [(np.zeros(len(side), np.int64), side, np.arange(len(points)))]
    while stack:
        low, size, held = stack.pop()
        if len(held) == 1:
            symbols += [(int(x - a), 1, int(s)) for x, a, s in zip(points[held[0]], low, size)]
        axis = int(size.argmax())
        if len(held) == 1 or size[axis] == 1:
            order += held.tolist()
            continue
        lower, upper, behind = cut(low, size, axis)
        in_lower = points[held, axis] < behind[axis]
        symbols.append((int(in_lower.sum()), 1, len(held) + 1))
        stack += [box for box in ((behind, upper, held[~in_lower]), (low, lower, held[in_lower])) if len(box[2])]
    return np.array(order), symbols


def cut(low: np.ndarray, size: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(the sides of the lower half of a box, those of the upper one, where that begins), (k,) each."""
    lower, upper, behind = size.copy(), size.copy(), low.copy()
    lower[axis] = size[axis] // 2
    upper[axis] -= lower[axis]
    behind[axis] += lower[axis]
    return lower, upper, behind


def placed(state: "State", m: int, side: np.ndarray) -> np.ndarray:
    """The points (m, k) whose symbols a state holds, in their order."""
    found, at = np.empty((m, len(side)), np.int64), 0
    stack = [(np.zeros(len(side), np.int64), side, m)]
    while stack:
        low, size, n = stack.pop()
        axis = int(size.argmax())
        if n == 1 or size[axis] == 1:
            found[at : at + n] = low + [state.uniform(int(s)) for s in size] if n == 1 else low
            at += n
            continue
        lower, upper, behind = cut(low, size, axis)
        in_lower = state.uniform(n + 1)
        stack += [box for box in ((behind, upper, n - in_lower), (low, lower, in_lower)) if box[2]]
    return found


class Adaptive:
    """Parts of the symbols 0 .. n - 1, (n,) integers >= 1 at first, which grow with their use."""

    def __init__(self, parts: np.ndarray) -> None:
        self.parts, self.total = parts, int(parts.sum())

    def seen(self, symbol: int) -> Symbol:
        """The parts of a symbol, which it gains by being seen."""
        found = int(self.parts[:symbol].sum()), int(self.parts[symbol]), self.total
        self.parts[symbol] += GROWTH
        self.total += GROWTH
        return found

    def at(self, part: int) -> int:
        """The symbol that has a part."""
        return int(np.searchsorted(np.cumsum(self.parts), part, "right"))


class State:
    """What is left to be read of a state."""

    def __init__(self, data: bytes) -> None:
        self.number = int.from_bytes(data, "little")

    def uniform(self, total: int) -> int:
        """The next symbol, of `total` that were as likely."""
        self.number, found = divmod(self.number, total)
        return found

    def adaptive(self, model: Adaptive) -> int:
        """The next symbol of a model."""
        rest, part = divmod(self.number, model.total)
        symbol = model.at(part)
        first, parts, _ = model.seen(symbol)
        self.number = parts * rest + part - first
        return symbol

    def end(self) -> None:
        """Raise where something remains."""
        if self.number:
            raise CorruptStream("the state of a header does not end with its last symbol")


def state_of(symbols: list[Symbol]) -> bytes:
    """The bytes of the state that holds symbols."""
    number = 0
    for first, parts, total in reversed(symbols):
        rest, place = divmod(number, parts)
        number = rest * total + first + place
    return number.to_bytes(-(-number.bit_length() // 8), "little")


def of_integers(values: np.ndarray, most: int) -> list[Symbol]:
    """The symbols of integers (m,) from 0 to most: as they are, or as differences, whichever takes less."""
    whole, differences = alike(most)
    found = [
        [(0, 1, 2), *(whole.seen(int(value)) for value in values)],
        [(1, 1, 2), *(differences.seen(int(step) + most) for step in np.diff(values, prepend=0))],
    ]
    return min(found, key=lambda symbols: sum(np.log2(total) - np.log2(parts) for _, parts, total in symbols))


def integers_of(state: State, m: int, most: int) -> np.ndarray:
    """The integers (m,) of `of_integers`."""
    whole, differences = alike(most)
    if not state.uniform(2):
        return np.array([state.adaptive(whole) for _ in range(m)], np.int64)
    return np.cumsum([state.adaptive(differences) - most for _ in range(m)])


def alike(most: int) -> tuple[Adaptive, Adaptive]:
    """Models of integers from 0 to most, equally likely, and of their differences, of which small ones are likelier."""
    apart = abs(np.arange(-most, most + 1))
    return Adaptive(np.ones(most + 1, np.int64)), Adaptive(1 + (LIKELY >> np.minimum(apart // HALF, 62)))
