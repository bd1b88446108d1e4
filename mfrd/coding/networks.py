"""Fixed networks in integers: probabilities of coefficients, and a filter of decoded pictures.

Features, weights and what the layers hand on are integers, and the sums of a layer stay below 2^24, which is checked
when it is made: a product of matrices in single precision is then exact, in any order, with fused additions or without.
What divides or cuts acts on single elements, and is rounded correctly by IEEE 754. So every machine finds the same.
The weights were trained once, on pictures that no table measures, by benchmarks/train_pictures.py.

The filter is six convolutions, five by five and five times three by three, whose input is the decoded picture in
units of the base step D of each sample, D_in inside the mask and D_out outside. The taps of the first sum to zero, so
that differences alone count:
    h_1 = cut(floor(32 (w_1 * y) / (512 D) + b_1)),   h_n = cut(floor((w_n * h_(n-1) + b_n) / 512)) for n = 2, .., 5,
    y + floor(D (w_6 * h_5 + b_6) / 2^14),
the last cut to half a step. Sums of the first stay below 2^53, in double precision.
"""

from importlib.resources import files

import numpy as np

from .contexts import MOST_SIGNED, PHASES, TOP, octaves

SCALE, HALF = 512, 256  # a weight of one; a logit of one
MOST_LOGIT = 11 * HALF
BITS = 16  # of a probability
EXACT, DOUBLE = 1 << 24, 1 << 53  # below these, sums of integers in single and in double precision are exact
STRIP = 64  # rows that are filtered at a time
ROWS = 2048  # of a product of matrices at a time, so that it stays near the processor
SHIFT = 14  # bits: a step of the last sums of the filter
CLEAR = 1 << 28  # distance of samples, in units of a file, below which the first sums of the filter are exact


class Network:
    """A fixed network of integers: layers of weights (inputs, outputs) and biases (outputs,).

    Between layers, sums are divided by SCALE, rounded down and cut to 0 .. TOP, or -TOP .. TOP where it is odd; the
    last layer gives logits in 1 / HALF. Where there are `directions` (signed features, n), the amplitudes of n weighted
    sums of signed features, in octaves, are inputs after the features.

    Raises ValueError where a sum could reach 2^24.
    """

    def __init__(
        self, layers: list[tuple[np.ndarray, np.ndarray]], *, odd: bool, directions: np.ndarray | None = None
    ) -> None:
        self.layers = [(W.astype(np.float32), b.astype(np.float32)) for W, b in layers]
        self.directions = None if directions is None else directions.astype(np.float32)
        self.least = np.float32(-TOP if odd else 0)
        sums = [np.abs(W.astype(np.int64)).sum(axis=0) * TOP + np.abs(b.astype(np.int64)) for W, b in layers]
        sums += [] if directions is None else [np.abs(directions.astype(np.int64)).sum(axis=0) * MOST_SIGNED]
        if (most := max(int(each.max()) for each in sums)) >= EXACT:
            raise ValueError(f"a sum of the network may reach {most}; expected below 2^24, where singles are exact")

    def logits(self, features: np.ndarray, signed: np.ndarray | None = None) -> np.ndarray:
        """Integers (N, outputs) within +-MOST_LOGIT of features (N, inputs), and signed ones (signed features, N)."""
        if len(features) > ROWS:
            parts = [slice(at, at + ROWS) for at in range(0, len(features), ROWS)]
            return np.concatenate(
                [self.logits(features[part], signed if signed is None else signed[:, part]) for part in parts]
            )
        at = features
        if self.directions is not None and signed is not None:
            along = octaves(np.abs(signed.T @ self.directions), np.float32(8 * SCALE))
            at = np.concatenate([features, along.astype(np.float32)], axis=1)
        for W, b in self.layers[:-1]:
            at = scaled(at @ W, b, np.float32(1 / SCALE), self.least, np.float32(TOP))
        W, b = self.layers[-1]
        # of layers in 1 / 32 and weights in 1 / 512, logits in 1 / 256: a 64th of the sums
        return scaled(at @ W, b, np.float32(1 / 64), np.float32(-MOST_LOGIT), np.float32(MOST_LOGIT)).astype(np.int32)


def scaled(sums: np.ndarray, b: np.ndarray, by: np.float32, least: np.float32, most: np.float32) -> np.ndarray:
    """Sums plus b, times a power of two, rounded down and cut, in the place of the sums."""
    sums += b
    sums *= by
    return np.clip(np.floor(sums, out=sums), least, most, out=sums)


def convolved(planes: np.ndarray, W: np.ndarray) -> np.ndarray:
    """(rows, columns, outputs): sums of planes (rows + 2 r, columns + 2 r, inputs) times taps (.., inputs, outputs)."""
    size, flat = W.shape[0], W.reshape(-1, W.shape[-1])
    windows = np.lib.stride_tricks.sliding_window_view(planes, (size, size), axis=(0, 1))  # (.., inputs, size, size)
    rows, columns = windows.shape[:2]
    windows, found = windows.transpose(0, 1, 3, 4, 2), np.empty((rows, columns, W.shape[-1]), W.dtype)
    few = max(1, ROWS // columns)
    for top in range(0, rows, few):
        part = windows[top : top + few]
        found[top : top + few] = (part.reshape(-1, len(flat)) @ flat).reshape(len(part), columns, -1)
    return found


class Filter:
    """The filter of weights W (taps, taps, inputs, outputs) and biases b (outputs,), integers, of its layers.

    Raises ValueError where a sum could reach what is exact, or the first taps do not sum to zero.
    """

    def __init__(self, layers: list[tuple[np.ndarray, np.ndarray]]) -> None:
        (W, b), *rest = layers
        self.first = W.astype(float), b.astype(float)
        self.rest = [(W.astype(np.float32), b.astype(np.float32)) for W, b in rest]
        if W.astype(np.int64).sum(axis=(0, 1, 2)).any():
            raise ValueError("the taps of the first layer of the filter do not sum to zero")
        sums = [np.abs(W.astype(np.int64)).sum(axis=(0, 1, 2)) * TOP + np.abs(b.astype(np.int64)) for W, b in rest]
        if max(int(each.max()) for each in sums) >= EXACT or np.abs(W).sum() * CLEAR >= DOUBLE:
            raise ValueError("a sum of the filter may reach 2^24; expected below, where singles are exact")

    def __call__(self, picture: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Filtered integers (H, W) of a picture (H, W) and the base steps of its samples (H, W)."""
        if int(np.abs(picture - picture.flat[0]).max(initial=0)) >= CLEAR:
            return picture  # too many steps apart for exact sums: so fine that a filter has nothing to mend
        height, reach = picture.shape[0], len(self.rest) + 2
        edged = np.pad(picture - picture.flat[0], reach, mode="symmetric").astype(float)
        D = np.pad(steps, reach - 2, mode="symmetric").astype(float)
        found = picture.copy()
        for top in range(0, height, STRIP):
            rows = min(STRIP, height - top)
            W, b = self.first
            at = convolved(edged[top : top + rows + 2 * reach, :, None], W) * (32 / SCALE)
            at = np.clip(np.floor(at / D[top : top + rows + 2 * (reach - 2), :, None] + b), 0, TOP).astype(np.float32)
            for W, b in self.rest[:-1]:
                at = scaled(convolved(at, W), b, np.float32(1 / SCALE), np.float32(0), np.float32(TOP))
            W, b = self.rest[-1]
            last = np.clip((convolved(at, W) + b)[..., 0], -(1 << SHIFT - 1), 1 << SHIFT - 1).astype(np.int64)
            found[top : top + rows] += last * steps[top : top + rows] >> SHIFT
        return found


class Model:
    """The networks of the package and their table of probabilities.

    .magnitudes and .signs: for each phase a network of the bands that are high along one axis, and one of those along
    both, whose signed features have weights of their own; .filter; .squash (2 MOST_LOGIT + 1,) integers out of 2^BITS;
    .costs: bits of a yes, and of a no, of each logit.
    """

    def __init__(self, stored: dict[str, np.ndarray]) -> None:
        layers = lambda name: [
            (stored[f"{name}W{at}"], stored[f"{name}b{at}"])
            for at in range(sum(key.startswith(f"{name}W") for key in stored))
        ]
        halves = lambda weights: (weights[: len(weights) // 2], weights[len(weights) // 2 :])
        self.magnitudes, self.signs = [], []
        for phase in range(len(PHASES)):
            size, ((W, b), *rest) = layers(f"m{phase}"), layers(f"s{phase}")
            ways = halves(stored[f"m{phase}V"])
            self.magnitudes.append([Network(size, odd=False, directions=V) for V in ways])
            self.signs.append([Network([(half, b), *rest], odd=True) for half in halves(W)])
        count = sum(key.startswith("fW") for key in stored)
        self.filter = Filter([(stored[f"fW{at}"], stored[f"fb{at}"]) for at in range(count)])
        half = stored["squash"].astype(np.int64)  # of the logits from 0 on
        self.squash = np.concatenate([(1 << BITS) - half[:0:-1], half])
        self.costs = tuple(
            -np.log2(p / (1 << BITS)).astype(np.float32) for p in (self.squash, (1 << BITS) - self.squash)
        )


_held: list[Model] = []


def model() -> Model:
    """The model of the package, read once."""
    if not _held:
        with files(__package__).joinpath("pictures.npz").open("rb") as stored:
            _held.append(Model(dict(np.load(stored))))
    return _held[0]
