"""Entropy-coded trellis quantisation: one codebook for two supersets, chosen between by a finite-state machine.

Codewords in ascending order bear the labels 0 1 2 3 0 1 2 3 ... In a state the labels of one parity may be sent, its
superset, and the label that is sent decides the next state. The index within the superset is entropy coded, so that
    bits = -log2 P(codeword | superset),
and the encoder is the cheapest path through the machine (Viterbi) by the Lagrangian
    sum_t theta(x_t) (x_t - y_t)^2 - log2 P(y_t | superset_t),   theta(x) = sum_r lam_r w_r(x) M_r,
however many budgets there are. The design alternates between paths, masses and priced centroids, and adjusts lam until
the budgets hold (Fischer and Wang 1992; Marcellin 1994; as to priced centroids, Chou, Lookabaugh and Gray 1989).
"""

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np

from ..bounds.limits import Limit, limit
from ..problems.fidelity import Fidelity, InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.source import Source
from ..problems.units import NATS_PER_BIT
from .trellis_codes import LABELS, TrellisCode

log = logging.getLogger("mfrd")

SHARES = 16  # bits of a codeword's probability within its superset: counts out of 2^16
UNSEEN = 1_000_000  # letters on which a design is judged
STEPS = 4096  # samples of a lane in what is deployed; each lane starts in state 0, which costs it a bit or two
FACTORS = (
    0.3,
    0.45,
    0.6,
    0.7,
    0.8,
    0.9,
    1.0,
    1.1,
    1.2,
    1.4,
    1.6,
    1.8,
)  # of the spacing of high resolution, from which designs start
SHIFTS = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the first codeword from the first letter, in spacings
JUDGE = 256
HEATS = (  # states, up to those asked for; starts that are kept; letters of each round of training
    (32, 32, (1 << 14,) * 8),
    (32, 10, (1 << 15,) * 5),
    (JUDGE, 5, (1 << 16,) * 6),
)
SLACK = 1.25  # how far over its budget a distortion may be while starts are compared
ROUNDS, MOVING = 8, 3  # of the last adjustment, and in how many of them the codewords move
RISES, JOIN = (
    32,
    8,
)  # rounds at most that raise multipliers of what stays exceeded; after each JOIN of them codewords join
MOST = 2.0  # codewords a letter, beyond which every letter is one of all labels


@dataclass(frozen=True, eq=False)
class Codewords:
    """Codewords of a union codebook: y (m,) about the source's mean, labels (m,) 0 .. 3, P(codeword | superset) (m,)."""

    y: np.ndarray
    labels: np.ndarray
    masses: np.ndarray


@dataclass(frozen=True, eq=False)
class Trellis:
    """An entropy-coded trellis quantiser, and what it does on letters that its design never saw.

    source: Source; fidelities: the budgets; code: TrellisCode; codebook: (m,), ascending within each label; labels:
    (m,) 0 .. 3; counts: (m,) integers, P(codeword | superset) 2^16; multipliers: lam, (R,), bits per unit distortion, one
    a budget row; rate: bits a sample that the model asks for; rate_error: its standard error; distortions,
    standard_errors: by fidelity name, in the unit of the budget, for per="letter" of the letter with the largest; row_distortions: E, (R,);
    bound: the Limit at the budgets.

    .states; .lower_bound: bits, that of the Limit; .gap: rate minus the bound at the distortions that were measured,
        lower_bound + sum_r mu_r (D_r - E_r),   mu the multipliers of the Limit in bits,
    which holds at any E since a dual value is linear in the budgets.
    """

    source: Source
    fidelities: tuple[Fidelity, ...]
    code: TrellisCode
    codebook: np.ndarray
    labels: np.ndarray
    counts: np.ndarray
    multipliers: np.ndarray
    rate: float
    rate_error: float
    distortions: dict[str, float]
    standard_errors: dict[str, float]
    row_distortions: np.ndarray
    bound: Limit

    @property
    def states(self) -> int:
        return self.code.states

    @property
    def lower_bound(self) -> float:
        return self.bound.lower_bound

    @property
    def gap(self) -> float:
        return self.rate - bound_at(self.bound, self.row_distortions)

    @property
    def prices(self) -> dict[str, float]:
        """Bits per unit of each budget: the multipliers of the encoder, summed over the rows of a fidelity."""
        return self.bound.solution.problem.rows.prices(self.multipliers * NATS_PER_BIT)

    @cached_property
    def line(self) -> "Line":
        """The distinct letters in order, with the weights of the budget rows."""
        return Line(self.source, self.fidelities)

    @property
    def codewords(self) -> Codewords:
        """Codebook, labels and masses, about the source's mean."""
        return Codewords(self.codebook - self.line.centre, self.labels, self.counts / (1 << SHARES))

    def __repr__(self) -> str:
        reached = ", ".join(f"{name} {value:.6g}" for name, value in self.distortions.items())
        return (
            f"Trellis({self.states} states, {len(self.codebook)} codewords, rate {self.rate:.5g} bits, {reached}; "
            f"{self.gap:.4f} bits above the bound)"
        )


def bound_at(bound: Limit, E: np.ndarray) -> float:
    """Bits that no encoder of distortions E, (R,), goes below: the certificate of a Limit at other budgets."""
    D = bound.solution.problem.rows.D
    return float(max(0.0, bound.lower_bound + bound.multipliers @ (D - E) / NATS_PER_BIT))


class Line:
    """The letters of a source in one dimension as a trellis sees them: distinct, ascending, about the mean.

    .centre; .x (n,); .p (n,) their masses; .letter: which of them each letter of the source is; .slopes (R, n):
    M_r w_ri, for letters that are one point the mean by probability; .rows: BudgetRows on the source.

    Raises ValueError where the source has another dimension or a measure is not quadratic, InfeasibleFidelity
    where a budget is zero.
    """

    def __init__(self, source: Source, fidelities: tuple[Fidelity, ...]) -> None:
        if source.x.shape[1] != 1:
            raise ValueError(f"source has dimension {source.x.shape[1]}; expected 1: use mfrd.ecvq")
        problem = Problem(source, source.mean.reshape((1,) + source.points.shape[1:]), fidelities)
        self.rows = problem.rows
        scale = problem.metrics[self.rows.measure, 0, 0]  # M_r
        for f in fidelities:
            if f.D == 0:
                raise InfeasibleFidelity(
                    f"{f.name}: budget 0; expected more, since a trellis meets budgets by finite prices: "
                    "mfrd.ecvq keeps letters exactly",
                    f.name,
                    0.0,
                    float(np.finfo(float).tiny),
                )
        self.centre = float(source.mean[0])
        x, self.letter = np.unique(source.x[:, 0] - self.centre, return_inverse=True)
        self.x, self.p = x, np.bincount(self.letter, source.p)
        among = np.bincount(self.letter)[self.letter]
        share = np.where(
            self.p[self.letter] > 0, source.p / np.maximum(self.p[self.letter], np.finfo(float).tiny), 1 / among
        )
        self.slopes = scale[:, None] * np.array([np.bincount(self.letter, share * w) for w in self.rows.weights])

    def draw(self, N: int, rng: np.random.Generator) -> np.ndarray:
        """N letters in random order, each as often as its probability says, to within one: (N,) indices."""
        counts = np.floor(self.p * N)
        fractions = self.p * N - counts
        counts[np.argsort(-fractions, kind="stable")[: N - int(counts.sum())]] += 1
        letters = np.repeat(np.arange(len(self.p)), counts.astype(int))
        rng.shuffle(letters)
        return letters


class Tables:
    """The best codeword of each label for each letter, at multipliers lam (R,) in bits.

    .best (4, n): its index; .costs (4, n): theta (x - y)^2 - log2 P, less the least of the letter, infinite where no codeword has the
    label; .bits (4, n), .errors (4, n): its -log2 P and (x - y)^2, zero there.
    """

    def __init__(self, line: Line, multipliers: np.ndarray, words: Codewords) -> None:
        self.line, self.words, self.theta = line, words, multipliers @ line.slopes
        n = len(line.x)
        self.best, self.costs = np.zeros((LABELS, n), np.intp), np.full((LABELS, n), np.inf)
        surprise = -np.log2(words.masses)
        for label in range(LABELS):
            own = np.flatnonzero(words.labels == label)
            if len(own):
                cost = self.theta[:, None] * (line.x[:, None] - words.y[own]) ** 2 + surprise[own]  # (n, own)
                least = cost.argmin(axis=1)
                self.best[label], self.costs[label] = own[least], cost[np.arange(n), least]
        held = np.isfinite(self.costs)
        self.bits = np.where(held, surprise[self.best], 0.0)
        self.errors = np.where(held, (line.x - words.y[self.best]) ** 2, 0.0)
        self.costs = (self.costs - self.costs.min(axis=0)).astype(np.float32)

    def coded(self, code: TrellisCode, letters: np.ndarray, steps: int) -> np.ndarray:
        """The label of each of N letters on the cheapest paths of lanes of so many steps, (N,)."""
        return search(code, self.costs, letters, steps)

    def shares(self, letters: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """How often each letter bore each label, (4, n), of sum one."""
        n = len(self.line.x)
        pairs = np.bincount(labels * np.intp(n) + letters, minlength=LABELS * n).reshape(LABELS, n)
        return pairs / len(letters)

    def distortions(self, shares: np.ndarray) -> np.ndarray:
        """E_r, (R,)."""
        return self.line.slopes @ (shares * self.errors).sum(axis=0)

    def updated(self, shares: np.ndarray) -> Codewords:
        """Codewords that were used, at their priced centroids, with their masses."""
        words, m = self.words, len(self.words.y)
        cell, share = self.best.ravel(), shares.ravel()
        weight = np.tile(self.theta, LABELS) * share
        used, pull = np.bincount(cell, share, m), np.bincount(cell, weight, m)
        moment = np.bincount(cell, weight * np.tile(self.line.x, LABELS), m)
        y = np.where(pull > 0, moment / np.where(pull > 0, pull, 1.0), words.y)
        idle = np.bincount(words.labels & 1, used, 2) == 0  # a superset that no path visits stays as it is
        used = np.where(idle[words.labels & 1], words.masses, used)
        kept = used > 0
        total = np.bincount(words.labels & 1, used, 2)[words.labels & 1]
        return Codewords(y[kept], words.labels[kept], (used / np.where(kept, total, 1.0))[kept])


def search(code: TrellisCode, costs: np.ndarray, letters: np.ndarray, steps: int) -> np.ndarray:
    """The labels (N,) of the cheapest paths of samples at costs[label, letters], costs (4, n): sample i is of lane i mod L."""
    N = len(letters)
    L = -(-N // steps)
    T = -(-N // L)
    slab, padded = np.empty((T, LABELS, L), np.float32), np.zeros(T * L, np.float32)
    for label in range(LABELS):
        padded[:N] = costs[label].take(letters)
        slab[:, label] = padded.reshape(T, L)
    return code.search(slab).ravel()[:N]


def trellis(
    source: Source,
    fidelities: Fidelity | tuple | list | None = None,
    states: int = 64,
    *,
    rate: float | None = None,
    rng: int | np.random.Generator = 0,
    bound: Limit | None = None,
) -> Trellis:
    """An entropy-coded trellis quantiser within all budgets, or of the least distortion found at `rate` bits.

    source: Source of one dimension; fidelities: one or more Fidelity with squared error or Mahalanobis, of any form and
    budgets above zero; states: a power of two from 4 to 4096, each doubling about halving the speed of the encoder; rate: bits a sample, in place
    of fidelities; rng: numpy Generator or integer seed, the same seed gives the same quantiser; bound: the result of mfrd.limit for these
    budgets, where it is known. -> Trellis

    >>> import mfrd
    >>> source = mfrd.bumps(mfrd.grid(-4, 4, 200), [1], [0], [1])
    >>> quantiser = mfrd.trellis(source, mfrd.Fidelity(0.25), states=8)
    >>> bool(quantiser.distortions["global"] <= 0.25 + 2 * quantiser.standard_errors["global"]), bool(quantiser.gap < 0.09)
    (True, True)

    Raises ValueError where states is no such power, the source has another dimension, a distortion is not quadratic, or neither or both of
    fidelities and rate are given; InfeasibleFidelity where a budget is zero.
    Source: Fischer and Wang (1992), Marcellin (1994).
    """
    code = TrellisCode.of(states)
    if (fidelities is None) == (rate is None):
        raise ValueError("expected either fidelities, the budgets, or rate=, the bits a sample: one of the two")
    if rate is not None:
        if not 0 < rate < np.inf:
            raise ValueError(f"rate is {rate!r}; expected a number of bits a sample > 0")
        bound = limit_at_rate(source, rate)
        fidelities = bound.solution.problem.fidelities
    fidelities = (fidelities,) if isinstance(fidelities, Fidelity) else tuple(fidelities)
    line = Line(source, fidelities)
    bound = limit(source, fidelities) if bound is None else bound
    return Design(source, fidelities, line, code, bound, rate, np.random.default_rng(rng)).run()


def limit_at_rate(source: Source, rate: float) -> Limit:
    """The Limit whose rate is near `rate` bits, for one budget on all letters, by secants on log D."""
    variance = float(np.trace(source.covariance))
    u, found = np.log(variance) - 2 * NATS_PER_BIT * rate, None
    for _ in range(8):
        found = limit(source, Fidelity(float(np.exp(u))))
        miss = found.rate - rate
        if abs(miss) < 0.002:
            break
        slope = max(found.multipliers[0] * np.exp(u) / NATS_PER_BIT, 0.05)  # -dR / du, bits
        u = min(u + miss / slope, np.log(variance * 0.999))
    return found


@dataclass(frozen=True, eq=False)
class Trial:
    """Codewords and multipliers tried: tables, shares (4, n), E (R,), score in bits above the bound at E, and the logarithms

    by which distortions, or the rate, miss what is aimed at (R,), with how near will do (R,).
    """

    tables: Tables
    shares: np.ndarray
    E: np.ndarray
    score: float
    miss: np.ndarray
    near: np.ndarray


class Design:
    """The search for codewords and multipliers."""

    def __init__(
        self,
        source: Source,
        fidelities: tuple[Fidelity, ...],
        line: Line,
        code: TrellisCode,
        bound: Limit,
        rate: float | None,
        rng: np.random.Generator,
    ) -> None:
        self.source, self.fidelities, self.line, self.code = source, fidelities, line, code
        self.bound, self.rate = bound, rate
        self.rng, self.fresh = rng.spawn(2)
        self.D = line.rows.D
        probable = (line.rows.weights > 0) @ source.p
        self.natural = np.maximum(probable, 1e-9) / (2 * NATS_PER_BIT * self.D)  # prices of high resolution
        self.start = np.maximum(bound.multipliers / NATS_PER_BIT, 0.01 * self.natural)
        self.letters: dict = {}

    def run(self) -> Trellis:
        """The best design, judged on letters that it never saw."""
        if not (self.bound.multipliers > 0).any():  # one codeword does
            y = np.ravel(self.bound.codebook)[[np.argmax(self.bound.encoder.output_pmf)] * 2] - self.line.centre
            return self.judged(self.deployed(Codewords(y, np.array([0, 1]), np.ones(2))), self.start * 0)
        found = [(0.0, words, self.start) for words in self.starts()]
        for states, kept, sizes in HEATS:
            code = TrellisCode.of(min(states, self.code.states))
            found = [self.trained(code, *start[1:], sizes) for start in found]
            different = {
                self.looks(end[1]): end for end in sorted(found, key=lambda end: -end[0])
            }  # of those alike the best
            found = sorted(different.values(), key=lambda end: end[0])[:kept]
        judge, ends = TrellisCode.of(min(JUDGE, self.code.states)), []
        for _, words, multipliers in found:
            words, multipliers = self.tuned(judge, words, multipliers, 1 << 17)
            trial = self.trial(judge, words, multipliers, 1 << 17)
            ends.append((trial.score + self.owed(trial.E, 1.01), words, multipliers))
            log.debug("trellis: a start ends %.5f bits above the bound", ends[-1][0])
        _, words, multipliers = min(ends, key=lambda end: end[0])
        _, words, multipliers = self.trained(self.code, words, multipliers, (1 << 17,) * 6)
        return self.judged(*self.tuned(self.code, words, multipliers, 1 << (19 if self.code.states <= JUDGE else 18)))

    def starts(self):
        """Codebooks to start from, with density proportional to the root of the priced weight."""
        line = self.line
        theta = self.start @ line.slopes
        x, p = line.x[line.p > 0], line.p[line.p > 0]
        theta = theta[line.p > 0]
        if len(x) == 1:
            yield Codewords(np.repeat(x, 2), np.array([0, 1]), np.ones(2))
            return
        edges = np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]])
        density = np.sqrt(
            theta * NATS_PER_BIT / 1.5
        )  # the inverse of half the scalar step sqrt(6 / (theta ln 2)), by letter
        reached = np.append(0.0, np.cumsum(density * np.diff(edges)))
        layouts = [np.interp((np.arange(4) + 0.5) * reached[-1] / 4, reached, edges)]
        for factor, shift in product(FACTORS, SHIFTS):
            m = int(np.ceil(reached[-1] / factor - shift))
            if 3 <= m <= MOST * len(x):
                layouts.append(np.interp((np.arange(m) + shift) * factor, reached, edges))
        if reached[-1] > MOST * len(x) * min(FACTORS) or len(x) <= LABELS:
            layouts.append(np.repeat(x, LABELS))
        atoms = np.sort(np.ravel(self.bound.codebook)) - line.centre
        layouts += [
            np.repeat(atoms, copies) for copies in (1, 2, LABELS) if LABELS <= copies * len(atoms) <= MOST * len(x)
        ]
        for y in layouts:
            near = np.searchsorted((y[1:] + y[:-1]) / 2, x)
            mass = np.convolve(np.bincount(near, p, len(y)), (0.25, 0.5, 0.25), "same") + 1e-6
            for offset in (0, 1):
                labels = (np.arange(len(y)) + offset) % LABELS
                total = np.bincount(labels & 1, mass, 2)
                yield Codewords(y, labels, mass / total[labels & 1])

    def looks(self, words: Codewords) -> tuple:
        """What starts that end at nearly the same codewords have in common: how many each label has, up to a swap, and where."""
        used = words.masses > 2e-4
        sizes = np.bincount(words.labels[used], minlength=LABELS)
        width = np.sqrt(self.line.p @ self.line.x**2) / 6
        swapped = max(tuple(sizes), tuple(sizes[[2, 1, 0, 3]]), tuple(sizes[[0, 3, 2, 1]]), tuple(sizes[[2, 3, 0, 1]]))
        return (*swapped, *np.rint(np.sort(words.y[used]) / width).astype(int).tolist())

    def trained(self, code: TrellisCode, words: Codewords, multipliers: np.ndarray, sizes: tuple) -> tuple:
        """(bits above the bound, codewords, multipliers) after one round of so many letters each."""
        score = np.inf
        for at, N in enumerate(sizes):
            tables = Tables(self.line, multipliers, words)
            letters = self.training(N, at % 4)
            shares = tables.shares(letters, tables.coded(code, letters, max(128, N >> 8)))
            E, R = tables.distortions(shares), float((shares * tables.bits).sum())
            score = R - bound_at(self.bound, E) + self.owed(E, SLACK) + 3 * max(0.0, self.bound.lower_bound - R)
            words, multipliers = tables.updated(shares), self.repriced(multipliers, E, R)
        return score, words, multipliers

    def owed(self, E: np.ndarray, slack: float) -> float:
        """A multiple of the bits that distortions above `slack` budgets would cost to mend at high resolution: some codebooks cannot."""
        if self.rate is not None:
            return 0.0
        return float(5 * self.natural * self.D @ np.log(np.maximum(E / (slack * self.D), 1.0)))

    def repriced(self, multipliers: np.ndarray, E: np.ndarray, R: float) -> np.ndarray:
        """The multipliers of the next round: those of exceeded budgets rise, as prices of high resolution would."""
        if self.rate is not None:
            return multipliers * np.clip(4.0 ** (self.rate - R), 0.7, 1.4)
        return np.maximum(multipliers * np.clip(E / self.D, 0.7, 1.4), 1e-6 * self.natural)

    def training(self, N: int, which: int) -> np.ndarray:
        """One of the sequences of N letters that the design sees."""
        if (N, which) not in self.letters:
            self.letters[N, which] = self.line.draw(N, self.rng)
        return self.letters[N, which]

    def deployed(self, words: Codewords) -> Codewords:
        """The codewords as a stream carries them: in single precision about the mean, masses in counts out of 2^16."""
        order = np.lexsort((words.y, words.labels))
        y, labels, masses = words.y[order], words.labels[order], words.masses[order]
        counts = np.empty(len(y), np.int64)
        for superset in (0, 1):
            own = np.flatnonzero(labels & 1 == superset)
            counts[own] = shares_of(masses[own], 1 << SHARES)
        y = y.astype(np.float32).astype(float)
        return Codewords(y, labels, counts / (1 << SHARES))

    def tuned(
        self, code: TrellisCode, words: Codewords, multipliers: np.ndarray, N: int
    ) -> tuple[Codewords, np.ndarray]:
        """Codewords as deployed and multipliers that meet the budgets on the same N letters each time, with room for chance.

        First the codewords move too, as some budgets heed them alone; then they stay, and each multiplier takes its own
        secant step, on logarithms. For budgets that stay exceeded multipliers only rise; where few codewords are near, as for
        rare letters, codewords join at these letters.
        """
        u, gain = np.log(np.maximum(multipliers, 1e-6 * self.natural)), np.full(len(self.D), 1.5)
        before, best, words = None, None, self.deployed(words)
        for at in range(ROUNDS + RISES):
            trial = self.trial(code, words, np.exp(u), N)
            miss, near = trial.miss, trial.near
            idle = np.exp(u) < 1e-3 * self.natural
            size = np.maximum(
                miss / near, np.where(idle, 0.0, -miss / (5 * near))
            ).max()  # too little is worse than too much
            if best is None or size < best[0]:
                best = size, words, np.exp(u)
            if size <= 1 or (at >= ROUNDS and (miss <= near).all()):
                return words, np.exp(u)
            if at == ROUNDS - 1:
                if best[0] <= 5:  # nothing is exceeded
                    break
                words, u = best[1], np.log(best[2])
            elif at >= ROUNDS:
                u = np.where(miss > near, u + np.clip(2 * miss, 0.03, 1.0), u)
                if at - ROUNDS < JOIN:
                    words = self.deployed(trial.tables.updated(trial.shares))
                elif (at - ROUNDS) % JOIN == JOIN - 1:
                    words = self.deployed(self.joined(words, trial))
            else:
                if before is not None:
                    change = miss - before[1]
                    secant = (before[0] - u) / np.where(change == 0, 1.0, change)
                    gain = np.where(np.abs(change) > near, np.clip(secant, 0.5, 6.0), gain)
                moving = at < MOVING
                before = None if moving else (u, miss)
                u = np.maximum(u + np.clip(miss if moving else gain * miss, -1.0, 1.0), np.log(1e-6 * self.natural))
                if moving:
                    words = self.deployed(trial.tables.updated(trial.shares))
        return best[1:]

    def joined(self, words: Codewords, trial: "Trial") -> Codewords:
        """The codewords with one more in each superset at the letter that spends most of each exceeded budget."""
        spent = self.line.slopes[trial.miss > trial.near] * (trial.shares * trial.tables.errors).sum(axis=0)
        x, p = (values[np.unique(spent.argmax(axis=1))] for values in (self.line.x, self.line.p))
        gaps = np.abs(x[:, None] - words.y)
        away = [gaps[:, words.labels == label].min(axis=1, initial=np.inf) for label in range(LABELS)]
        parts = [(words.y, words.labels, words.masses)]
        for parity in (0, 1):
            labels = np.where(away[parity] > away[parity + 2], parity, parity + 2)
            parts.append((x, labels, np.maximum(p, 2.0 ** (1 - SHARES))))
        y, labels, masses = (np.concatenate(values) for values in zip(*parts, strict=True))
        return Codewords(y, labels, masses / np.bincount(labels & 1, masses, 2)[labels & 1])

    def trial(self, code: TrellisCode, words: Codewords, multipliers: np.ndarray, N: int) -> "Trial":
        """What codewords and multipliers do on N letters of the design."""
        letters, tables = self.training(N, 0), Tables(self.line, multipliers, words)
        labels = tables.coded(code, letters, STEPS)
        shares = tables.shares(letters, labels)
        E, R = tables.distortions(shares), float((shares * tables.bits).sum())
        log.debug("trellis: multipliers %s, distortions over budgets %s, %.5f bits", multipliers, E / self.D, R)
        if self.rate is not None:
            miss, near = np.array([2 * NATS_PER_BIT * (self.rate - R)]), np.array([1e-3])
        else:
            errors = lane_errors(self.per_row(tables, letters, labels), STEPS) * np.sqrt(N / UNSEEN)
            room = 1 + np.sqrt(2 * np.log(len(self.D)))  # standard errors of the judgement
            miss = np.log(np.maximum(E, 1e-300) / np.maximum(self.D - room * errors, 0.5 * self.D))
            near = np.maximum(0.2 * errors / self.D, 1e-9)
        return Trial(tables, shares, E, R - bound_at(self.bound, E), miss, near)

    def per_row(self, tables: Tables, letters: np.ndarray, labels: np.ndarray) -> list:
        """For each budget row the distortion of each sample, as functions to be called: they are large."""
        flat = (labels * np.intp(len(self.line.x)) + letters).astype(np.intp)
        return [lambda w=w: (w * tables.errors).ravel().take(flat) for w in self.line.slopes]

    def judged(self, words: Codewords, multipliers: np.ndarray) -> Trellis:
        """The trellis, with what it does on letters that the design never saw."""
        line = self.line
        letters = self.fresh.choice(len(line.p), UNSEEN, p=line.p / line.p.sum())
        tables = Tables(line, multipliers, words)
        labels = tables.coded(self.code, letters, STEPS)
        shares = tables.shares(letters, labels)
        E, R = tables.distortions(shares), float((shares * tables.bits).sum())
        flat = (labels * np.intp(len(line.x)) + letters).astype(np.intp)
        errors = lane_errors([*self.per_row(tables, letters, labels), lambda: tables.bits.ravel().take(flat)], STEPS)
        owner = line.rows.owner
        largest = {f.name: np.flatnonzero(owner == k)[E[owner == k].argmax()] for k, f in enumerate(self.fidelities)}
        bound, fidelities = self.bound, self.fidelities
        if self.rate is not None:
            fidelities = (replace_budget(fidelities[0], float(E[0])),)
            bound = limit(self.source, fidelities)
        return Trellis(
            self.source,
            fidelities,
            self.code,
            line.centre + words.y,
            words.labels,
            np.rint(words.masses * (1 << SHARES)).astype(np.int64),
            multipliers,
            R,
            float(errors[-1]),
            {name: float(E[r]) for name, r in largest.items()},
            {name: float(errors[r]) for name, r in largest.items()},
            E,
            bound,
        )


def replace_budget(f: Fidelity, D: float) -> Fidelity:
    """The same fidelity with another budget."""
    return Fidelity(D, on=f.on, per=f.per, distortion=f.distortion, name=f.name)


def lane_errors(values: list, steps: int) -> np.ndarray:
    """Standard errors of the means of sample values (N,), from the sums of lanes, which are independent."""
    found = []
    for value in values:
        v = value()
        L = -(-len(v) // steps)
        sums = np.bincount(np.arange(len(v)) % L, v, L) if L > 1 else v
        found.append(np.std(sums, ddof=1) * np.sqrt(len(sums)) / len(v))
    return np.array(found)


def shares_of(masses: np.ndarray, total: int) -> np.ndarray:
    """Counts (m,), each at least 1, of that total, nearest to masses by largest remainders."""
    counts = np.maximum(np.floor(masses / masses.sum() * total), 1).astype(np.int64)
    short = total - int(counts.sum())
    if short > 0:
        counts[np.argsort(counts - masses / masses.sum() * total, kind="stable")[:short]] += 1
    while short < 0:
        counts[counts.argmax()] += max(short, 1 - counts.max())
        short = total - int(counts.sum())
    return counts
