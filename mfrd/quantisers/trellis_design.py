"""The design of trellis quantisers: codewords, masses and multipliers, from many starts, on letters of the source.

Each round encodes letters, counts, and moves codewords to their priced centroids (Chou, Lookabaugh and Gray 1989, with
the paths of Fischer and Wang 1992 for cells); multipliers follow the distortions. Many starts run on few states and few
letters, fewer go on with more of both. Last the budgets are met, with room for chance, by codewords as streams have
them.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from ..bounds.exchange import Limit
from ..problems.fidelity import Fidelity, InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.source import Source
from ..problems.units import NATS_PER_BIT
from .trellis_codes import LABELS, TrellisCode

log = logging.getLogger("mfrd")

SHARES = 16  # bits of a codeword's probability within its superset: counts out of 2^16
STEPS = 4096  # samples of a lane of a stream; each starts in state 0, which costs it a bit or two
UNSEEN = 1_000_000  # letters on which a design is judged
# spacings of codewords to start from, in those of high resolution; low rates want the small ones
FACTORS = (0.3, 0.45, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6, 1.8)
SHIFTS = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the first codeword from the first letter, in spacings
MOST = 2.0  # codewords a letter, beyond which every letter is one of all labels
JUDGE = 256  # states with which starts are compared last
HEATS = (  # states, up to those asked for; starts that are kept; letters of each round of training
    (32, 32, (1 << 14,) * 8),
    (32, 10, (1 << 15,) * 5),
    (JUDGE, 5, (1 << 16,) * 6),
)
TOGETHER = 8  # starts whose lanes are searched side by side
SLACK = 1.25  # how far over its budget a distortion may be while few letters compare starts
CLOSE = 1.01  # the same at the end
OWED = 5.0  # times high resolution's price of what is beyond: such codewords may not mend
END = 1 << 17, 1 << 10  # letters and steps of their lanes with which a start's budgets are met to judge it
FULL = (1 << 17,) * 6  # rounds of training of the best start with all states
ROUNDS, MOVING = 8, 3  # of the last adjustment, and in how many of them the codewords move
RISES, JOIN = 32, 8  # rounds that only raise multipliers; after each JOIN of them but the first JOIN, codewords join
ROOM = 2.5  # standard errors of the judgement by which one budget is undercut: letters of the design err as well
SCALES = 1e-30, 1e30  # of the spread of letters, whose squares single precision holds
LEAST = 1e-6  # of the price of high resolution: a multiplier that says that a budget is idle


@dataclass(frozen=True, eq=False)
class Codewords:
    """A union codebook about the source's mean: y (m,), labels (m,) from 0 to 3, masses P(codeword | superset) (m,)."""

    y: np.ndarray
    labels: np.ndarray
    masses: np.ndarray


def bound_at(bound: Limit, E: np.ndarray) -> float:
    """Bits that no encoder of distortions E, (R,), goes below: the certificate of a Limit at other budgets."""
    slack = bound.solution.problem.rows.D - E
    return float(max(0.0, bound.lower_bound + bound.multipliers @ slack / NATS_PER_BIT))


class Line:
    """The letters of a source in one dimension as a trellis sees them: distinct, ascending, about the mean.

    .centre; .x (n,); .p (n,) their masses; .letter: which of them each letter of the source is; .slopes (R, n):
    M_r w_ri, for letters that are one point the mean by probability; .rows: BudgetRows on the source.

    Raises ValueError where the source has another dimension or scale or a measure is not quadratic, InfeasibleFidelity
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
                said = f"{f.name}: budget 0; expected more, since a trellis meets budgets by finite prices"
                raise InfeasibleFidelity(f"{said}: mfrd.ecvq keeps letters exactly", f.name, 0.0, np.finfo(float).tiny)
        low, high = SCALES
        spread = float(np.ptp(source.x))
        if spread and not low <= spread <= high:
            raise ValueError(f"letters spread over {spread:.3g}; expected {low:g} to {high:g}: scale them")
        self.centre = float(source.mean[0])
        self.x, self.letter = np.unique(source.x[:, 0] - self.centre, return_inverse=True)
        self.p = np.bincount(self.letter, source.p)
        total, among = self.p[self.letter], np.bincount(self.letter)[self.letter]
        share = np.where(total > 0, source.p / np.where(total > 0, total, 1.0), 1 / among)
        self.slopes = scale[:, None] * np.array([np.bincount(self.letter, share * w) for w in self.rows.weights])

    def draw(self, N: int, rng: np.random.Generator) -> np.ndarray:
        """N letters in random order, (N,) indices: each interval as often as its probability says, to within one.

        Taken at even steps of the cumulative masses, so that letters too rare to be drawn alone stand for their tail.
        """
        reached = np.cumsum(self.p)
        letters = np.searchsorted(reached, (np.arange(N) + rng.random()) / N * reached[-1], side="right")
        letters = np.minimum(letters, np.flatnonzero(self.p)[-1])
        rng.shuffle(letters)
        return letters


class Tables:
    """The best codeword of each label for each letter, at multipliers lam (R,) in bits.

    .best (4, n): its index; .costs (4, n): theta (x - y)^2 - log2 P, less the least of the letter, infinite where no
    codeword has the label; .bits (4, n), .errors (4, n): its -log2 P and (x - y)^2, zero there.
    """

    def __init__(self, line: Line, multipliers: np.ndarray, words: Codewords) -> None:
        self.line, self.words, self.multipliers = line, words, multipliers
        self.theta = multipliers @ line.slopes
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

    def lanes(self, letters: np.ndarray, steps: int) -> np.ndarray:
        """The costs of letters (N,) in L = ceil(N / steps) lanes, letter i in lane i mod L: (T, 4, L), zero past N."""
        N = len(letters)
        L = -(-N // steps)
        slab, padded = np.empty((-(-N // L), LABELS, L), np.float32), np.zeros(-(-N // L) * L, np.float32)
        for label in range(LABELS):
            padded[:N] = self.costs[label].take(letters)
            slab[:, label] = padded.reshape(-1, L)
        return slab

    def coded(self, code: TrellisCode, letters: np.ndarray, steps: int) -> np.ndarray:
        """The labels (N,) of letters on the cheapest paths of their lanes."""
        return code.search(self.lanes(letters, steps)).ravel()[: len(letters)]

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


@dataclass(frozen=True, eq=False)
class Trial:
    """What codewords and multipliers did on letters of the design.

    tables: Tables; shares: (4, n), how often each letter bore each label; E: (R,); score: bits above the bound at E;
    miss: (R,), logarithms by which distortions, or the rate, miss what is aimed at; near: (R,), how near will do.
    """

    tables: Tables
    shares: np.ndarray
    E: np.ndarray
    score: float
    miss: np.ndarray
    near: np.ndarray

    @property
    def moved(self) -> Codewords:
        """The codewords of the next round."""
        return self.tables.updated(self.shares)


Start = tuple[float, Codewords, np.ndarray]  # bits above the bound and what is owed, codewords, multipliers (R,)


class Design:
    """The search for codewords and multipliers: .run(), then .judged(...).

    line: Line; code: TrellisCode; bound: Limit at the budgets; rate: bits a sample in their place, or None.
    """

    def __init__(
        self, line: Line, code: TrellisCode, bound: Limit, rate: float | None, rng: np.random.Generator
    ) -> None:
        self.line, self.code, self.bound, self.rate = line, code, bound, rate
        self.rng, self.fresh = rng.spawn(2)
        self.D = line.rows.D
        mass = (line.slopes > 0) @ line.p
        self.natural = np.maximum(mass, 1e-9) / (2 * NATS_PER_BIT * self.D)  # prices of high resolution, bits
        self.start = np.maximum(bound.multipliers / NATS_PER_BIT, 0.01 * self.natural)
        self.letters: dict[tuple[int, int], np.ndarray] = {}

    def run(self) -> tuple[Codewords, np.ndarray]:
        """The best codewords found, as a stream carries them, and their multipliers (R,)."""
        if not (self.bound.multipliers > 0).any():  # one codeword does
            y = np.ravel(self.bound.codebook)[[np.argmax(self.bound.encoder.output_pmf)] * 2] - self.line.centre
            return self.deployed(Codewords(y, np.array([0, 1]), np.ones(2))), np.zeros(len(self.D))
        found: list[Start] = [(0.0, words, self.start) for words in self.starts()]
        for states, kept, sizes in HEATS:
            code = TrellisCode.of(min(states, self.code.states))
            parts = [found[at : at + TOGETHER] for at in range(0, len(found), TOGETHER)]
            found = [end for part in parts for end in self.trained(code, part, sizes)]
            different = {self.looks(end[1]): end for end in sorted(found, key=lambda end: -end[0])}  # the best of each
            found = sorted(different.values(), key=lambda end: end[0])[:kept]
        found = [self.ended(TrellisCode.of(min(JUDGE, self.code.states)), *start[1:]) for start in found]
        best = min(found, key=lambda end: end[0])
        [(_, words, multipliers)] = self.trained(self.code, [best], FULL)
        return self.tuned(self.code, words, multipliers, 1 << (19 if self.code.states <= JUDGE else 18), STEPS)

    def starts(self) -> Iterator[Codewords]:
        """Codebooks to start from.

        Most have their codewords at a density proportional to the root of theta(x), with spacings of FACTORS times half
        the scalar step of high resolution sqrt(6 / (theta ln 2)); some are the codewords of the bound.
        """
        x, p = self.line.x[self.line.p > 0], self.line.p[self.line.p > 0]
        theta = (self.start @ self.line.slopes)[self.line.p > 0]
        if len(x) == 1:
            yield Codewords(np.repeat(x, 2), np.array([0, 1]), np.ones(2))
            return
        edges = np.concatenate([x[:1], (x[1:] + x[:-1]) / 2, x[-1:]])
        reached = np.append(0.0, np.cumsum(np.sqrt(theta * NATS_PER_BIT / 1.5) * np.diff(edges)))  # in spacings
        layouts = [np.interp((np.arange(4) + 0.5) * reached[-1] / 4, reached, edges)]
        for factor, shift in product(FACTORS, SHIFTS):
            m = int(np.ceil(reached[-1] / factor - shift))
            if 3 <= m <= MOST * len(x):
                layouts.append(np.interp((np.arange(m) + shift) * factor, reached, edges))
        if reached[-1] > MOST * len(x) * min(FACTORS) or len(x) <= LABELS:
            layouts.append(np.repeat(x, LABELS))
        atoms = np.sort(np.ravel(self.bound.codebook)) - self.line.centre
        sizes = [copies for copies in (1, 2, LABELS) if LABELS <= copies * len(atoms) <= MOST * len(x)]
        layouts += [np.repeat(atoms, copies) for copies in sizes]
        for y in layouts:
            near = np.searchsorted((y[1:] + y[:-1]) / 2, x)
            mass = np.convolve(np.bincount(near, p, len(y)), (0.25, 0.5, 0.25), "same") + 1e-6
            for offset in (0, 1):
                labels = (np.arange(len(y)) + offset) % LABELS
                yield Codewords(y, labels, mass / np.bincount(labels & 1, mass, 2)[labels & 1])

    def looks(self, words: Codewords) -> tuple:
        """What starts that end at nearly the same codewords share: how many each label has, up to swaps, and where."""
        used = words.masses > 2e-4
        sizes = np.bincount(words.labels[used], minlength=LABELS)
        width = np.sqrt(self.line.p @ self.line.x**2) / 6
        swapped = max(tuple(sizes), tuple(sizes[[2, 1, 0, 3]]), tuple(sizes[[0, 3, 2, 1]]), tuple(sizes[[2, 3, 0, 1]]))
        return (*swapped, *np.rint(np.sort(words.y[used]) / width).astype(int).tolist())

    def trained(self, code: TrellisCode, starts: list[Start], sizes: tuple[int, ...]) -> list[Start]:
        """Where starts lead in rounds of so many letters each, searched side by side."""
        for at, N in enumerate(sizes):
            letters, steps = self.training(N, at % 4), max(128, N >> 8)
            tables = [Tables(self.line, multipliers, words) for _, words, multipliers in starts]
            labels = code.search(np.concatenate([each.lanes(letters, steps) for each in tables], axis=2))
            parts = np.split(labels, len(tables), axis=1)
            starts = [self.stepped(each, letters, part.ravel()[:N]) for each, part in zip(tables, parts, strict=True)]
        return starts

    def stepped(self, tables: Tables, letters: np.ndarray, labels: np.ndarray) -> Start:
        """What one round made of a start: its score before, codewords and multipliers after."""
        shares = tables.shares(letters, labels)
        E, R = tables.distortions(shares), float((shares * tables.bits).sum())
        short = 3 * max(0.0, self.bound.lower_bound - R)  # fewer bits than the budgets need are no merit
        score = R - bound_at(self.bound, E) + self.owed(E, SLACK) + short
        return score, tables.updated(shares), self.repriced(tables.multipliers, E, R)

    def ended(self, code: TrellisCode, words: Codewords, multipliers: np.ndarray) -> Start:
        """Where a start ends once its budgets are nearly met; bits for distortions below them are no merit there."""
        words, multipliers = self.tuned(code, words, multipliers, *END, rises=0)
        trial = self.trial(code, words, multipliers, *END)
        spare = max(0.0, bound_at(self.bound, trial.E) - self.bound.lower_bound) if self.rate is None else 0.0
        return trial.score + spare + self.owed(trial.E, CLOSE), words, multipliers

    def owed(self, E: np.ndarray, slack: float) -> float:
        """Bits that count against distortions E, (R,), for what exceeds `slack` times the budgets."""
        if self.rate is not None:
            return 0.0
        return float(OWED * self.natural * self.D @ np.log(np.maximum(E / (slack * self.D), 1.0)))

    def repriced(self, multipliers: np.ndarray, E: np.ndarray, R: float) -> np.ndarray:
        """The multipliers of the next round: those of exceeded budgets rise, as prices of high resolution would."""
        if self.rate is not None:
            return multipliers * np.clip(4.0 ** (self.rate - R), 0.7, 1.4)
        return np.maximum(multipliers * np.clip(E / self.D, 0.7, 1.4), LEAST * self.natural)

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
        self, code: TrellisCode, words: Codewords, multipliers: np.ndarray, N: int, steps: int, rises: int = RISES
    ) -> tuple[Codewords, np.ndarray]:
        """Codewords as streams have them, and multipliers that meet the budgets on N letters with room for chance.

        First the codewords move too, as some budgets heed them alone; then they stay, and each multiplier takes its own
        secant step, on logarithms. For budgets that stay exceeded multipliers only rise, in at most `rises` rounds;
        where few codewords are near, as for rare letters, codewords join at these letters.
        """
        floor = np.log(LEAST * self.natural)
        u, gain = np.maximum(np.log(multipliers), floor), np.full(len(self.D), 1.5)
        before, best, words = None, (np.inf, np.inf, words, multipliers), self.deployed(words)
        for at in range(ROUNDS + rises):
            trial = self.trial(code, words, np.exp(u), N, steps)
            miss, near = trial.miss, trial.near
            idle = np.exp(u) < 1e-3 * self.natural
            size = np.maximum(miss, np.where(idle, 0.0, -miss / 5)) / near  # too much is better than too little
            if size.max() < best[0]:
                best = float(size.max()), float((miss / near).max()), words, np.exp(u)
            if best[0] <= 1 or (at >= ROUNDS and (miss <= near).all()):
                return words, np.exp(u)
            if at < ROUNDS - 1:
                if before is not None:
                    change = miss - before[1]
                    secant = (before[0] - u) / np.where(change == 0, 1.0, change)
                    gain = np.where(np.abs(change) > near, np.clip(secant, 0.5, 6.0), gain)
                moving = at < MOVING
                before = None if moving else (u, miss)
                u = np.maximum(u + np.clip(miss if moving else gain * miss, -1.0, 1.0), floor)
                words = self.deployed(trial.moved) if moving else words
            elif at == ROUNDS - 1:
                if best[1] <= 2.5:  # nothing is exceeded by more than half a standard error, which ROOM can spare
                    break
                words, u = best[2], np.log(best[3])
            else:
                u = np.where(miss > near, u + np.clip(2 * miss, 0.03, 1.0), u)
                if at < ROUNDS + JOIN:
                    words = self.deployed(trial.moved)
                elif (at - ROUNDS) % JOIN == JOIN - 1:
                    words = self.deployed(self.joined(words, trial))
        return best[2:]

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

    def trial(self, code: TrellisCode, words: Codewords, multipliers: np.ndarray, N: int, steps: int) -> Trial:
        """What codewords and multipliers do on N letters that the design sees."""
        tables = Tables(self.line, multipliers, words)
        R, E, errors, shares = self.measured(code, tables, self.training(N, 0), steps)
        log.debug("trellis: multipliers %s, distortions over budgets %s, %.5f bits", multipliers, E / self.D, R)
        if self.rate is not None:
            miss, near = np.array([2 * NATS_PER_BIT * (self.rate - R)]), np.array([1e-3])
        else:
            errors = errors[:-1] * np.sqrt(N / UNSEEN)
            room = ROOM + np.sqrt(2 * np.log(len(self.D)))  # standard errors of the judgement
            miss = np.log(np.maximum(E, 1e-300) / np.maximum(self.D - room * errors, 0.5 * self.D))
            near = np.maximum(0.2 * errors / self.D, 1e-9)
        return Trial(tables, shares, E, R - bound_at(self.bound, E), miss, near)

    def judged(self, words: Codewords, multipliers: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """(R in bits, E (R,), their standard errors (R + 1,), the rate's last) on letters that no design sees."""
        letters = self.fresh.choice(len(self.line.p), UNSEEN, p=self.line.p / self.line.p.sum())
        return self.measured(self.code, Tables(self.line, multipliers, words), letters, STEPS)[:3]

    def measured(
        self, code: TrellisCode, tables: Tables, letters: np.ndarray, steps: int
    ) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        """(R in bits, E (R,), their standard errors (R + 1,), the rate's last; shares (4, n)) on letters, in lanes."""
        labels = tables.coded(code, letters, steps)
        shares = tables.shares(letters, labels)
        flat = labels * np.intp(len(self.line.x)) + letters
        values = (*(slopes * tables.errors for slopes in self.line.slopes), tables.bits)
        errors = np.array([lane_error(value.ravel().take(flat), steps) for value in values])
        return float((shares * tables.bits).sum()), tables.distortions(shares), errors, shares


def lane_error(values: np.ndarray, steps: int) -> float:
    """The standard error of the mean of sample values (N,), from the sums of lanes, which are independent."""
    L = -(-len(values) // steps)
    sums = np.bincount(np.arange(len(values)) % L, values, L) if L > 1 else values
    return float(np.std(sums, ddof=1) * np.sqrt(len(sums)) / len(values))


def shares_of(masses: np.ndarray, total: int) -> np.ndarray:
    """Counts (m,), each at least 1, of that total, nearest to masses by largest remainders."""
    ideal = masses / masses.sum() * total
    counts = np.maximum(np.floor(ideal), 1).astype(np.int64)
    short = total - int(counts.sum())
    counts[np.argsort(counts - ideal, kind="stable")[: max(short, 0)]] += 1
    while short < 0:  # what the codewords below 1 took, from the largest
        counts[counts.argmax()] += max(short, -(counts.max() // 2))
        short = total - int(counts.sum())
    return counts
