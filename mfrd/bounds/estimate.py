"""A lower bound on R(D) of the law that samples came from, true with a given confidence whatever the law.

Nats. s(x, y) = w(x) |x - y|^2, w(x) = sum_k lam_k 1[x in S_k]; z_q(x) = integral of q(dy) exp(-s(x, y)), q a law;
a_q = -log z_q >= 0; o(x) = sum of lam_k D_k 1[x in S_k] over budgets given the subset; lam . D sums the others alone.

1. A channel with output law q has I + E s >= E a_q (Gibbs), and E s <= lam . D + E o within the budgets. So, for every
   lam >= 0, R >= G - lam . D, G = inf_q E[a_q - o]. P(S) is never divided by.
2. lam and t > 0 are functions of the first part of the samples alone; given it, X_1 .. X_M, the rest, are independent.
3. For eps > 0 some fixed q_eps, of the law and lam alone, has mu = E[a - o] <= G + eps. Where t (mu + sup o) <= 1, the
   product of 1 + t (a(X_i) - o_i - mu) has factors >= 0 of mean one, so it reaches 1 / delta with probability at most
   delta. sup o is over all points that the law might show, not those seen.
4. H(q, m) = sum_i log(1 + t (a_q(X_i) - o_i - m)) falls in m. Let B be any m with inf_q H(q, m) >= log 1/delta and
   t (1 + m + sup o) <= 1. If B > G + eps, then H(q_eps, mu) >= H(q_eps, B) >= log 1/delta. With eps falling,
   P(B > G) <= delta: R >= max(0, B - lam . D) with probability 1 - delta, at all D at once.
5. z -> log(k - t log z) is convex where k - t log z >= t, which t (1 + m + sup o) <= 1 gives: H is convex in q. With
   u_i = 1 + t (a_i - o_i - m), W = sum_i t / u_i: H(q', m) >= H(q, m) - W (C - 1) for every q', with
   C = sup_y sum_i (t / u_i) exp(-s(X_i, y)) / (W z_q(X_i)), which supremum.py bounds. So m is accepted where
   H(q, m) - W max(C - 1, 0) >= log 1/delta: over all output laws at once, without a union over them.
6. On the line, a_q - w x^2 is concave on letters of one w: for x between nodes u < v, a_q(x) >= the interpolation - e,
   e = w (v - u)^2 / 4, and log(1 + t (. - m)) is concave as well: samples become fractions on nodes, and e is charged.

What it loses is about sqrt(2 V log(1/delta) / M), V the rate-distortion dispersion. None of this is true of samples
that depend on each other.

Rounding (u = 2^-53). Nodes and shares are exact, their sums, at most M terms each, off by (M + 4) u of themselves:
    H moves by (M + 4) u sum_i |log u_i|, and sum |log u| <= H + 2 M |log t|, since u_i >= t.
log z is off by 8 u E_Q[s + |log q|] + (m + 32) u under Q_j = q_j exp(-s_j) / z, and E_Q s <= a: 8 (a + max |log q|) u.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import brentq

from ..problems.densities import U
from ..problems.distortion import squared_error
from ..problems.fidelity import Fidelity
from ..problems.problem import Problem
from ..problems.source import Source, as_points
from ..problems.units import NATS_PER_BIT
from ..problems.values import number
from ..solvers.active_set import solve_on
from ..solvers.certificate import log_sum
from ..solvers.interior_point import Iterate
from ..solvers.saddle import Saddle
from .supremum import CodewordMass, supremum

FEWEST = 20  # samples
BINNED = 0.005  # nats times sqrt(M): what nodes in place of samples may cost
SHARP = 0.003  # times sqrt(M): what C may exceed one by
ROUGH = 4  # times both, where nothing is proven
ROUNDS = 20  # of the exchange of codewords
SPACING = 0.9  # codewords of the start, in units of 1 / sqrt(2 w)
NEARLY, SHARE = -0.003, 0.01  # a codeword is dropped where log c is below the one and no letter sends it the other
STEPS = (0.25, 0.1)  # of the search for prices, in their logarithm
BLOCK = 2_000_000  # entries evaluated at once


@dataclass(frozen=True, eq=False)
class Estimate:
    """What samples say of R(D) of the law they came from.

    Attributes
    ----------
    lower_bound : float
        Bits: at most R(D) of that law with the confidence, whatever the law, for independent draws.
    upper_bound : float
        Bits: at least R(D) with the confidence where the user vouches for a support; infinite otherwise, or where the
        budgets could not be shown to be kept. With a support both ends hold together with the confidence.
    rate : float
        Bits: R(D) of the samples themselves, the plug-in. It tends to R(D), from below on average, and bounds nothing.
    confidence : float
        That of the bound.
    samples, judged : int
        N, and M, how many the bound was tested on; the others chose the prices.
    prices : dict
        By fidelity name, bits per unit distortion: lower_bound + price (D - D') holds at joint budgets D' as well.
    dispersion : float
        V = Var(a - o) on the first part, bits^2.
    """

    lower_bound: float
    upper_bound: float
    rate: float
    confidence: float
    samples: int
    judged: int
    prices: dict[str, float]
    dispersion: float

    @property
    def gap(self) -> float:
        """rate - lower_bound, bits."""
        return self.rate - self.lower_bound

    @property
    def due_to_samples(self) -> float:
        """sqrt(2 V log(1 / (1 - confidence)) / M), bits: what the number of samples costs, by theory."""
        nats = -np.log1p(-self.confidence)
        return float(np.sqrt(2 * self.dispersion * nats / max(self.judged, 1)))

    def __repr__(self) -> str:
        upper = "" if np.isinf(self.upper_bound) else f" <= {self.upper_bound:.5g}"
        return (
            f"Estimate({self.lower_bound:.5g} <= R{upper} bits with confidence {self.confidence:g}, plug-in "
            f"{self.rate:.5g}, {self.samples} samples)"
        )


@dataclass(frozen=True, eq=False)
class Letters:
    """Letters x, (n, k), that stand for samples: counts, (n,), in fractions; kind, (n,), the subsets they lie in.

    charge: what a_q of the samples may be less by than interpolation says, (n,), nats.
    """

    x: np.ndarray
    counts: np.ndarray
    kind: np.ndarray
    charge: np.ndarray


@dataclass(frozen=True, eq=False)
class Prices:
    """lam of each budget, (K,), nats per unit distortion, with what follows for the kinds of letters.

    w: (kinds,), slopes; o: (kinds,), what budgets given the subset allow, and `most` that any point can be allowed;
    joint: lam . D of the joint ones. Slopes are rounded down, the others up.
    """

    lam: np.ndarray
    w: np.ndarray
    o: np.ndarray
    most: float
    joint: float


def estimate(
    samples: np.ndarray,
    fidelities: Fidelity | Sequence[Fidelity],
    *,
    confidence: float = 0.95,
    support: Any = None,
    seed: int = 20,
) -> Estimate:
    """A lower bound on R(D) of the law that independent samples came from, true with the given confidence.

        P(lower_bound > R(D)) <= 1 - confidence for every law on R^k, with bounded support or not.

    With X_1 .. X_M the part of the samples that did not choose the prices lam and the stake t, and one budget D,
        lower_bound = B - lam D,   B the largest m with t (1 + m) <= 1 and
        min_q sum_i log(1 + t (-log E_q exp(-lam |X_i - Y|^2) - m)) >= log(1 / (1 - confidence)),
    the minimum over all output laws q at once. At the true value the sum's exponential has mean one for the best q,
    whatever the law, and Markov's inequality does the rest: the module's text has the proof.

    Independent draws: the samples of a time series depend on each other, and the bound does not hold for these. Taken
    so far apart that they are nearly independent, they bound R(D) of the law of one sample, not of the series, whose
    rate per sample is lower.

    Parameters
    ----------
    samples : (N,) or (N, k) array
        At least 20, k at most 3. Where all are equal the bound is zero.
    fidelities : Fidelity or sequence of Fidelity
        Squared error, per="joint" or "subset". A subset is chosen before the samples are seen: open intervals on the
        line, or a function of the points, (N, k) -> (N,) of bool.
    confidence : float
        In (0, 1).
    support : (low, high), optional
        An interval, or a box as two (k,) arrays, that the user vouches to hold the law: then .upper_bound is proven
        too, and the confidence is that of both together.
    seed : int
        Of the permutation that parts the samples, chosen before they are seen: the best of several has less confidence.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        Where samples are fewer than 20, not finite or outside the support, a budget is per letter, of another
        distortion or zero, a subset is a mask or indices, or intervals in space, a function gives no mask, or the
        confidence is not in (0, 1).

    References
    ----------
    Ville (1939) and Waudby-Smith and Ramdas (2024) for the bet; Csiszar (1974) for the dual; Kostina and Verdu (2012)
    for the dispersion; Maurer and Pontil (2009) for the upper bound.

    Examples
    --------
    >>> import mfrd
    >>> found = mfrd.estimate(mfrd.Density.normal().sample(2000, seed=1), mfrd.Fidelity(0.25))
    >>> bool(0.85 < found.lower_bound < 1), bool(0.9 < found.rate < 1.1)  # R(0.25) is 1 bit
    (True, True)
    """
    x = as_points(samples, "samples")
    given = (fidelities,) if isinstance(fidelities, Fidelity) else tuple(fidelities)
    confidence = number(confidence, "confidence is", "a number between 0 and 1", open=True)
    if not confidence < 1:
        raise ValueError(f"confidence is {confidence:g}; expected a number between 0 and 1, such as 0.95")
    if x.shape[1] > 3:
        raise ValueError(f"samples have dimension {x.shape[1]}; expected 1, 2 or 3")
    box = None if support is None else boxed(x, support)
    member, D = membership(x, given), np.array([f.D for f in given])
    names, none = [f.name for f in given], dict.fromkeys([f.name for f in given], 0.0)
    if len(set(names)) < len(names) or not names:
        raise ValueError(f"fidelities are named {names}; expected at least one, each with a name of its own")
    N = len(x)
    if N < FEWEST:
        raise ValueError(f"{N} samples; expected at least {FEWEST}: fewer say nothing of a law")
    if (x == x[0]).all():
        return Estimate(0.0, np.inf, 0.0, confidence, N, 0, none, 0.0)
    order = np.random.default_rng(seed).permutation(N)
    first = int(min(N / 3, 1.5 * N**0.7))
    nats = -np.log((1 - confidence) / (1 if box is None else 2))
    question = Question(given, D, *kinds(member), nats, N - first)
    head, tail = order[:first], order[first:]
    lam, t, dispersion, y = question.prepared(x[head], question.kind[head])
    bound = question.bet(x[tail], question.kind[tail], lam, t, y)
    lower = max(0.0, bound - lam.joint - 8 * U * (bound + lam.joint)) / NATS_PER_BIT
    plug_in = question.at_budgets(x, question.kind, near=lam.lam)[0] / NATS_PER_BIT
    shares = member.mean(axis=1)
    per = [s if f.per == "subset" else 1.0 for f, s in zip(given, shares)]
    prices = {f.name: float(v * s / NATS_PER_BIT) for f, v, s in zip(given, lam.lam, per)}
    upper = np.inf
    if box is not None:
        upper = question.reached(x[head], question.kind[head], x[tail], question.kind[tail], box) / NATS_PER_BIT
    V = dispersion / NATS_PER_BIT**2
    return Estimate(lower, upper, plug_in, confidence, N, N - first, prices, V)


def boxed(x: np.ndarray, support: Any) -> tuple[np.ndarray, np.ndarray]:
    """(low, high), (k,) each, of a support that holds the samples x, (N, k)."""
    ends = np.asarray(support, float)
    if ends.shape not in ((2,), (2, x.shape[1])) or not np.isfinite(ends).all():
        raise ValueError(f"support is {support!r}; expected (low, high), finite numbers or points of R^{x.shape[1]}")
    low, high = (np.broadcast_to(end, x.shape[1]) for end in ends)
    if not (low < high).all():
        raise ValueError(f"support is {support!r}; expected low < high: give the lower end first")
    outside = np.flatnonzero(((x < low) | (x > high)).any(axis=1))
    if len(outside):
        raise ValueError(f"sample {outside[0]} is {x[outside[0]]}; expected all in the support {support!r}: widen it")
    return low, high


def membership(x: np.ndarray, fidelities: Sequence[Fidelity]) -> np.ndarray:
    """Which samples lie in which subset, (K, N); a ValueError where a fidelity is none for samples."""
    rows = []
    for f in fidelities:
        if f.per == "letter":
            raise ValueError(
                f'{f.name}: per="letter" bounds letters that no sample may show; expected per="joint" or "subset"'
            )
        if f.distortion is not squared_error:
            raise ValueError(f"{f.name}: samples of an unknown law take mfrd.squared_error alone")
        if f.D == 0:
            raise ValueError(f"{f.name}: budget is 0; expected a number > 0 for a law known by samples alone")
        if f.on is None:
            rows.append(np.ones(len(x), bool))
        elif callable(f.on):
            on = np.asarray(f.on(x))
            if on.dtype != bool or on.shape != (len(x),):
                raise ValueError(
                    f"{f.name}: the function gives {on.dtype} of shape {on.shape}; expected ({len(x)},) of bool"
                )
            rows.append(on)
        elif np.ndim(f.on) == 2 and x.shape[1] == 1:
            rows.append(((x > f.on[:, 0]) & (x < f.on[:, 1])).any(axis=1))
        else:
            wanted = "open intervals, on=[(a, b), ...]," if x.shape[1] == 1 else "a function of the points,"
            raise ValueError(
                f"{f.name}: the subset is {'intervals' if np.ndim(f.on) == 2 else 'a mask or indices'}; expected "
                f"{wanted} chosen before the samples are seen"
            )
    return np.array(rows)


def kinds(member: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the distinct columns of member, (K, kinds); the one of each sample, (N,))."""
    code = (2 ** np.arange(len(member))) @ member
    seen = np.flatnonzero(np.bincount(code))
    place = np.zeros(seen[-1] + 1, int)
    place[seen] = np.arange(len(seen))
    return (seen >> np.arange(len(member))[:, None]) & 1 == 1, place[code]


@dataclass(frozen=True, eq=False)
class Question:
    """Budgets on samples: table, (K, kinds), says which bear on which kind; kind, (N,); nats: log 1/delta; M judged."""

    fidelities: tuple[Fidelity, ...]
    D: np.ndarray
    table: np.ndarray
    kind: np.ndarray
    nats: float
    M: int

    def prices(self, lam: np.ndarray) -> Prices:
        """The Prices lam."""
        given = np.array([f.per == "subset" for f in self.fidelities])
        off, allowed = 2 * (len(lam) + 2) * U, lam * self.D * given
        joint, most = float((lam * self.D)[~given].sum()) * (1 + off), float(allowed.sum()) * (1 + off)
        return Prices(lam, lam @ self.table * (1 - off), allowed @ self.table * (1 + off), most, joint)

    def letters(self, x: np.ndarray, kind: np.ndarray, w: np.ndarray, charge: float) -> Letters:
        """Samples x, (n, k), as Letters: on the line, on nodes so near that interpolation costs `charge` at most."""
        parts = [
            (g, *(on_nodes(x[kind == g, 0], slope, charge) if x.shape[1] == 1 else at_points(x[kind == g])))
            for g, slope in enumerate(w)
            if (kind == g).any()
        ]
        nodes, counts, charges = (np.concatenate([part[i] for part in parts]) for i in (1, 2, 3))
        of = np.concatenate([np.full(len(part[2]), part[0]) for part in parts])
        return Letters(nodes, counts, of, charges)

    def problem(self, letters: Letters, p: np.ndarray, y: np.ndarray, D: np.ndarray | None = None) -> Problem:
        """The problem of letters of probabilities p on the codebook y."""
        budgets = np.ones(len(self.D)) if D is None else D
        on = self.table[:, letters.kind]
        given = [Fidelity(d, on=mask, name=f.name) for d, mask, f in zip(budgets, on, self.fidelities) if mask.any()]
        return Problem(Source(letters.x, p / p.sum()), y, given)

    def held(self, letters: Letters, lam: np.ndarray) -> np.ndarray:
        """lam of the budgets that bear on some letter."""
        return lam[self.table[:, letters.kind].any(axis=1)]

    # --- the least E a over output laws ----------------------------------------------------------

    def output(
        self, letters: Letters, p: np.ndarray, prices: Prices, y: np.ndarray, sharp: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """(y, q): the output law of least sum_i p_i a_q(x_i), by exchange from the codebook y, to log C <= sharp."""
        w, lam = prices.w[letters.kind], self.held(letters, prices.lam)
        for _ in range(ROUNDS):
            saddle = Saddle(self.problem(letters, p, y), np.arange(len(y)), lam)
            point = solve_on(saddle, None, 0.1 * sharp)
            q = point.q / point.q.sum()
            mass = codeword_mass(letters.x, w, np.log(p / p.sum()) - log_z(letters.x, w, y, q))
            alive = (mass(y) > NEARLY) | (used(saddle, point, SHARE))
            found = mass.ascend(self.seeds(letters, mass, y[alive]))
            values = mass(found)
            if values.max(initial=-np.inf) <= sharp:
                break
            y = distinct(np.concatenate([y[alive], found[values > 0.1 * sharp]]), 1e-4 * mass.width)
        return y, q

    def seeds(self, letters: Letters, mass: CodewordMass, y: np.ndarray) -> np.ndarray:
        """Where to climb from: letters and places beside codewords at which c is largest among their neighbours."""
        step = 0.5 * mass.width
        if letters.x.shape[1] == 1:
            at = np.unique(np.concatenate([letters.x[:, 0], *(y[:, 0] + s * step for s in (-1, -0.5, 0, 0.5, 1))]))
            low, high = letters.x.min(), letters.x.max()
            at = at[(at >= low) & (at <= high)]
            at = at[np.unique(np.floor((at - low) / (0.2 * step)), return_index=True)[1]]
            values = np.concatenate([[-np.inf], mass(at[:, None]), [-np.inf]])
            inner = values[1:-1]
            return at[(inner >= values[:-2]) & (inner >= values[2:])][:, None]
        k = letters.x.shape[1]
        moves = np.stack(np.meshgrid(*[(-step, 0.0, step)] * k, indexing="ij"), -1).reshape(-1, k)
        at = (y[:, None] + moves).reshape(-1, k)
        values = mass(at)
        return at[(values > 0) | (values == values.max())]

    def at_budgets(
        self, x: np.ndarray, kind: np.ndarray, shrink: float = 1.0, near: np.ndarray | None = None
    ) -> tuple[float, np.ndarray, Any, Any]:
        """(R nats, lam (K,), y, q) of samples at a share of the budgets; all nought where one codeword keeps them.

        near: lam to start from.
        """
        share = np.array([self.table[k, kind].mean() for k in range(len(self.D))])
        per = np.array([f.per == "subset" for f in self.fidelities])
        D = np.where(per, self.D * share, self.D) * shrink
        seen = share > 0
        guess = np.where(seen, share / (2 * np.maximum(D, 1e-300)) * x.shape[1], 0.0)
        letters = self.letters(x, kind, guess @ self.table, ROUGH * BINNED / np.sqrt(len(x)))
        p = letters.counts / letters.counts.sum()
        mean = p @ letters.x
        spent = np.array([(p * self.table[k, letters.kind]) @ ((letters.x - mean) ** 2).sum(1) for k in range(len(D))])
        lam, warm = np.zeros(len(D)), None
        if (spent <= D)[seen].all():
            return 0.0, lam, mean[None], np.ones(1)
        y, sharp = start(letters.x, (guess @ self.table)[letters.kind]), ROUGH * SHARP / np.sqrt(len(x))
        for _ in range(ROUNDS):
            problem = self.problem(letters, p, y, np.where(seen, D, 1.0))
            saddle = Saddle(problem, np.arange(len(y)))
            if saddle.D.min(initial=1.0) <= 0:
                y = distinct(np.concatenate([y, letters.x[:: max(1, len(letters.x) // 500)]]), 0.0)
                saddle = Saddle(replace(problem, codebook=y), np.arange(len(y)))
            if near is not None and (near[seen] > 0).all():
                warm = Iterate(np.ones(len(y)) / len(y), near[seen][saddle.free] * saddle.unit)
            point = solve_on(saddle, warm, 0.1 * sharp)
            q = point.q / point.q.sum()
            lam[seen] = np.maximum(saddle.multipliers(problem, point.lam), 0)
            w = (lam @ self.table)[letters.kind]
            a = -log_z(letters.x, w, y, q)
            if not w.any():
                break
            mass = codeword_mass(letters.x, w, np.log(p) + a)
            alive = (mass(y) > NEARLY) | (used(saddle, point, SHARE))
            found = mass.ascend(self.seeds(letters, mass, y[alive]))
            values = mass(found)
            if values.max(initial=-np.inf) <= sharp:
                break
            y = distinct(np.concatenate([y[alive], found[values > 0.1 * sharp]]), 1e-4 * mass.width)
        return max(0.0, float(p @ a - lam @ D)), lam, y, q

    # --- the bet ---------------------------------------------------------------------------------

    def prepared(self, x: np.ndarray, kind: np.ndarray) -> tuple[Prices, float, float, np.ndarray]:
        """(prices, t, V, a codebook) from the first part of the samples.

        The prices maximise G - lam . D - sqrt(2 V log(1/delta) / M) by a coordinate search from those at the budgets.
        """
        _, lam, y, _ = self.at_budgets(x, kind)

        def worth(lam: np.ndarray, y: np.ndarray) -> tuple[float, float, float, np.ndarray]:
            """(what the prices are worth, E[a - o], V, codebook)."""
            prices = self.prices(lam)
            if not prices.w[kind].any():
                return 0.0, 0.0, 0.0, y
            letters = self.letters(x, kind, prices.w, ROUGH * BINNED / np.sqrt(len(x)))
            p = letters.counts / letters.counts.sum()
            y, q = self.output(letters, p, prices, y, ROUGH * SHARP / np.sqrt(len(x)))
            gain = -log_z(letters.x, prices.w[letters.kind], y, q) - prices.o[letters.kind]
            mean = float(p @ gain)
            V = float(p @ (gain - mean) ** 2)
            return mean - prices.joint - np.sqrt(2 * V * self.nats / self.M), mean, V, y

        best = worth(lam, y)
        for step in STEPS:
            for k in np.flatnonzero(lam > 0):
                for sign in (1, -1):
                    moved = False
                    while True:
                        other = lam.copy()
                        other[k] *= np.exp(sign * step)
                        found = worth(other, best[3])
                        if found[0] <= best[0] + 1e-6:
                            break
                        best, lam, moved = found, other, True
                    if moved:
                        break
        prices = self.prices(lam)
        _, mean, V, y = best
        t = 0.9 / (1.05 + mean + 2 * prices.most)
        if V > 0:
            t = min(t, float(np.sqrt(2 * self.nats / (self.M * V))))
        return prices, t, V, y

    def bet(self, x: np.ndarray, kind: np.ndarray, prices: Prices, t: float, y: np.ndarray) -> float:
        """B of the second part, nats; zero where none is found."""
        if not prices.w[kind].any():
            return 0.0
        letters = self.letters(x, kind, prices.w, BINNED / np.sqrt(self.M))
        w, o = prices.w[letters.kind], prices.o[letters.kind] + letters.charge
        n, highest = letters.counts, (1 - 8 * U) / t - 1 - prices.most - letters.charge.max()
        sharp, p = SHARP / np.sqrt(self.M), letters.counts / letters.counts.sum()
        y = distinct(np.concatenate([y, start(letters.x, w)]), 0.0) if lonely(letters.x, y, w) else y
        m = 0.0
        for _ in range(8):
            y, q = self.output(letters, p, prices, y, sharp)
            gain, before = -log_z(letters.x, w, y, q) - o, m
            m = self.level(gain, n, t, highest)
            u = 1 + t * (gain - m)
            p = n / u / (n / u).sum()
            if abs(m - before) <= 0.03 * sharp:
                break
        alive = q > 0
        y, q = y[alive], q[alive] / q[alive].sum() * (1 - (len(q) + 4) * U)
        gain = -log_z(letters.x, w, y, q) - o
        for _ in range(6):
            if not 0 < m <= highest:
                return 0.0
            u = 1 + t * (gain - m)
            weights = n * t / u
            W = weights.sum()
            mass = codeword_mass(letters.x, w, np.log(weights / W) + gain + o)
            upper, at, _ = supremum(mass, 0.3 * sharp, y)
            off = rounding(letters.x, w, y, q, gain, o, m, t)
            counted = 2 * (len(x) + 4) * U * (len(x) * abs(np.log(t)) + self.nats)  # what sums of shares are off by
            slack = W * (np.expm1(max(upper + off, 0.0)) + off) + (len(x) + 16) * U * (n @ abs(np.log(u))) + counted
            left = n @ np.log(u) - slack - self.nats
            if left >= 0:
                return float(m)
            m += 1.2 * left / W  # the slack grows a little, too
        return 0.0

    def level(self, gain: np.ndarray, n: np.ndarray, t: float, highest: float) -> float:
        """The m at which sum_i n_i log(1 + t (gain_i - m)) is log 1/delta, at most `highest`."""
        H = lambda m: float(n @ np.log1p(t * (gain - m))) - self.nats
        top = min(highest, float(gain.min() + (1 - 1e-9) / t))
        low = float(gain.min()) - 2 * self.nats / (t * n.sum())
        return top if H(top) >= 0 else float(brentq(H, low, top, xtol=1e-13))

    # --- an encoder, judged ----------------------------------------------------------------------

    def reached(self, x: np.ndarray, kind: np.ndarray, rest: np.ndarray, of: np.ndarray, box: tuple) -> float:
        """A rate, nats, that an encoder fixed by the samples x reaches with confidence, budgets kept; else infinite.

        With Z in [0, b], mean Z + sqrt(2 V log(2/delta) / M) + 7 b log(2/delta) / (3 (M - 1)) is at least E Z but for
        delta (Maurer and Pontil 2009): for the rate KL(Q_x || q), and for each budget's distortion.
        """
        parts = len(self.D) + 1
        nats, M = self.nats + np.log(2.0 * parts), len(rest)
        farthest = float(((box[1] - box[0]) ** 2).sum())
        for shrink in 1 - np.geomspace(0.02, 0.6, 12):
            _, lam, y, q = self.at_budgets(x, kind, shrink)
            y = np.clip(y, *box)
            q = (q + 1e-4 / len(q)) / (q + 1e-4 / len(q)).sum()
            if self.kept(lam, y, q, x, kind, nats, M, farthest):
                break
        else:
            return np.inf
        rate, d = self.sent(lam, y, q, rest, of)
        if not all(self.kept_each(d, of, nats, farthest)):
            return np.inf
        return float(at_most(rate, -np.log(q.min()), nats))

    def sent(
        self, lam: np.ndarray, y: np.ndarray, q: np.ndarray, x: np.ndarray, kind: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(KL(Q_x || q), E_Q |x - Y|^2) of each sample, (N,) each."""
        w, rate, mean = (lam @ self.table)[kind], np.empty(len(x)), np.empty(len(x))
        for i in range(0, len(x), max(1, BLOCK // len(y))):
            part = slice(i, i + max(1, BLOCK // len(y)))
            d = squared_error(x[part], y)
            exponents = np.log(q) - w[part, None] * d
            z = log_sum(exponents, axis=1)
            Q = np.exp(exponents - z[:, None])
            mean[part] = (Q * d).sum(axis=1)
            rate[part] = -z - w[part] * mean[part]
        return np.maximum(rate, 0), mean

    def kept_each(self, d: np.ndarray, kind: np.ndarray, nats: float, farthest: float) -> list[bool]:
        """Whether each budget is shown to be kept by distortions d, (N,), of samples of these kinds."""
        kept = []
        for k, (f, D) in enumerate(zip(self.fidelities, self.D)):
            inside = self.table[k, kind]
            shift = D if f.per == "subset" else 0.0  # E[1_S (d - D)] <= 0, moved to be >= 0
            Z = inside * (d - shift) + shift
            kept.append(bool(at_most(Z, farthest + shift, nats) <= (shift if shift else D)))
        return kept

    def kept(
        self,
        lam: np.ndarray,
        y: np.ndarray,
        q: np.ndarray,
        x: np.ndarray,
        kind: np.ndarray,
        nats: float,
        M: int,
        b: float,
    ) -> bool:
        """Whether the first part lets expect that the second shows the budgets to be kept."""
        _, d = self.sent(lam, y, q, x, kind)
        for k, (f, D) in enumerate(zip(self.fidelities, self.D)):
            inside = self.table[k, kind]
            Z = inside * (d - (D if f.per == "subset" else 0.0))
            spread = Z.std() * (np.sqrt(2 * nats / M) + 2.5 / np.sqrt(M) + 2.5 / np.sqrt(len(x)))
            if Z.mean() + spread + 7 * b * nats / (3 * M) > (0.0 if f.per == "subset" else D):
                return False
        return True


def at_most(Z: np.ndarray, b: float, nats: float) -> float:
    """What E Z is at most but for exp(-nats) / 2 ... of the chances, for Z in [0, b], (N,)."""
    N = len(Z)
    wide = np.sqrt(2 * Z.var(ddof=1) * nats / N) + 7 * b * nats / (3 * (N - 1))
    return float(Z.mean() + wide) * (1 + (N + 16) * U)


def on_nodes(x: np.ndarray, w: float, charge: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(nodes (n, 1), counts, charges) of samples x, (N,), of slope w; a cell of one or two values keeps them.

    Nodes are multiples of a power of two, h, so that places and shares are exact, and counts but for their sum.
    """
    values, times = np.unique(x, return_counts=True)
    if w == 0:
        return values[:1, None], np.array([float(len(x))]), np.zeros(1)
    h = 2.0 ** np.floor(np.log2(2 * np.sqrt(charge / w)))
    whole, side = np.floor(abs(values) / h), np.where(values < 0, -1.0, 1.0)
    share, near = abs(values) / h - whole, side * whole
    _, place, size = np.unique(2 * near + side, return_inverse=True, return_counts=True)
    raw = (size[place] <= 2) | (share == 0)
    on, mass = near[~raw], times[~raw]
    ends, at = np.unique(np.concatenate([on, on + side[~raw]]), return_inverse=True)
    counts = np.bincount(at, np.concatenate([mass * (1 - share[~raw]), mass * share[~raw]]), len(ends))
    nodes = np.concatenate([ends * h, values[raw]])[:, None]
    charges = np.concatenate([np.full(len(ends), w * h**2 / 4), np.zeros(raw.sum())])
    return nodes, np.concatenate([counts, times[raw]]), charges


def at_points(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(points, counts, charges of nothing) of samples x, (N, k)."""
    points, times = np.unique(x, axis=0, return_counts=True)
    return points, times.astype(float), np.zeros(len(points))


def start(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Codewords to start from, (m, k): the means of letters in cells of SPACING / sqrt(2 w), w the largest slope."""
    cell = np.floor((x - x.min(axis=0)) * (np.sqrt(2 * w.max()) / SPACING))
    _, place = np.unique(cell, axis=0, return_inverse=True)
    place = place.reshape(-1)
    return np.column_stack([np.bincount(place, axis) for axis in x.T]) / np.bincount(place)[:, None]


def used(saddle: Saddle, point: Iterate, share: float) -> np.ndarray:
    """Which codewords some letter uses with more than that share, boolean (m,)."""
    return (point.at or saddle.at(point.q, point.lam)).largest_shares > share


def lonely(x: np.ndarray, y: np.ndarray, w: np.ndarray) -> bool:
    """Whether some letter lies more than 3 / sqrt(w) from every codeword."""
    from scipy.spatial import cKDTree

    return bool((cKDTree(y).query(x)[0] * np.sqrt(w) > 3).any())


def distinct(y: np.ndarray, distance: float) -> np.ndarray:
    """Codewords (m, k), one of those in a cell of that width; distance 0 drops copies alone."""
    key = y if distance == 0 else np.round(y / distance)
    return y[np.unique(key, axis=0, return_index=True)[1]]


def log_z(x: np.ndarray, w: np.ndarray, y: np.ndarray, q: np.ndarray) -> np.ndarray:
    """log sum_j q_j exp(-w |x - y_j|^2), (n,)."""
    out, step = np.empty(len(x)), max(1, BLOCK // len(y))
    with np.errstate(divide="ignore"):
        log_q = np.log(q)
    for i in range(0, len(x), step):
        part = slice(i, i + step)
        out[part] = log_sum(log_q - w[part, None] * squared_error(x[part], y), axis=1)
    return np.minimum(out, 0.0)


def rounding(
    x: np.ndarray, w: np.ndarray, y: np.ndarray, q: np.ndarray, gain: np.ndarray, o: np.ndarray, m: float, t: float
) -> float:
    """What rounding can add to a_q, to u / t and to the logarithm of a term of C, at most.

    log z errs by (8 T + m + 32) u, T = s + |log q| of the nearest codeword and a sum of smaller terms of weight e^-T.
    """
    T = abs(gain + o) + 2 * abs(np.log(q)).max() + 40
    return float(U * (16 * T + len(y) + 64 + 8 * (abs(o) + abs(m) + 1 / t)).max())


def codeword_mass(x: np.ndarray, w: np.ndarray, log_weights: np.ndarray) -> CodewordMass:
    """log sum_i exp(log_weights_i - w_i |x_i - y|^2)."""
    return CodewordMass(x, np.eye(x.shape[1])[None], w[None], log_weights)
