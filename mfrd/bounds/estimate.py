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
7. Where a support is vouched for, encoders written down from one half of the samples are judged by the other: the same
   inequality, with Z_i the distortions, or the rates KL(Q_x || q) whose mean I(X;Y) does not exceed, which are bounded
   on the support. Encoders come in an order fixed beforehand, the most cautious first, up to the first that is not
   shown to keep its budgets: but for delta / 4 none that breaks them is passed, and delta / 4 is shared by the rates.

What it loses is about sqrt(2 V log(1/delta) / M), V the rate-distortion dispersion. None of this is true of samples
that depend on each other.

Rounding (u = 2^-53). Nodes and shares are exact, their sums, at most M terms each, off by (M + 4) u of themselves:
    H moves by (M + 4) u sum_i |log u_i|, and sum |log u| <= H + 2 M |log t|, since u_i >= t.
log z is off by 8 u E_Q[s + |log q|] + (m + 32) u under Q_j = q_j exp(-s_j) / z, and E_Q s <= a: 8 (a + max |log q|) u.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize

from ..problems.densities import U
from ..problems.distortion import squared_error
from ..problems.fidelity import Fidelity
from ..problems.units import NATS_PER_BIT
from ..problems.values import as_points, number
from .output_law import Letters
from .supremum import CodewordMass, supremum

FEWEST = 20  # samples
LARGEST = 1e150  # of a coordinate
BINNED = 0.005  # nats times sqrt(M): what nodes in place of samples may cost
SHARP = 0.003  # times sqrt(M): what C may exceed one by
ROUGH = 4  # times both, where nothing is proven
STEPS = (0.25, 0.1)  # of the search for prices, in their logarithm
STENCIL = 0.25  # of nodes in space, in units of 1 / sqrt(w): Lagrange's weights of six nodes an axis
CROWDED = 4  # samples of a cell from which it is given to nodes in space
DARING = (0.5, 0.35, 0.25, 0.17, 0.12, 0.08, 0.055, 0.037, 0.025, 0.016, 0.01, 0.006)  # of the budgets, left unspent
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
class Nodes:
    """Places x, (n, k), ascending on a line, that stand for samples: counts, (n,), in fractions; kind, (n,).

    charge: what a_q of the samples may be less by than interpolation says, (n,), nats.
    """

    x: np.ndarray
    counts: np.ndarray
    kind: np.ndarray
    charge: np.ndarray

    @property
    def p(self) -> np.ndarray:
        """Their shares, (n,)."""
        return self.counts / self.counts.sum()


@dataclass(frozen=True, eq=False)
class Prices:
    """lam of each budget, (K,), nats per unit distortion, with what follows for the kinds of points.

    w: (kinds,), slopes; o: (kinds,), what budgets given the subset allow, and `most` that any point can be allowed;
    joint: lam . D of the joint ones. Slopes are rounded down, the others up.
    """

    lam: np.ndarray
    w: np.ndarray
    o: np.ndarray
    most: float
    joint: float


@dataclass(frozen=True, eq=False)
class Law:
    """An output law: weights q (m,) on codewords y (m, k), at the prices lam (K,), for which it was found."""

    y: np.ndarray
    q: np.ndarray
    lam: np.ndarray


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
        Where samples are fewer than 20, not finite, beyond 1e150 or outside the support, a budget is per letter, of
        another distortion or zero, a subset is a mask or indices, or intervals in space, a function gives no mask, or
        the confidence is not in (0, 1).

    References
    ----------
    Ville (1939) and Waudby-Smith and Ramdas (2024) for the bet; Csiszar (1974) for the dual; Kostina and Verdu (2012)
    for the dispersion.

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
    if abs(x).max() > LARGEST:
        raise ValueError(
            f"a sample of size {abs(x).max():g}; expected at most {LARGEST:g}, whose square is a number: scale it"
        )
    box = None if support is None else boxed(x, support)
    member = membership(x, given)
    names = [f.name for f in given]
    if len(set(names)) < len(names) or not names:
        raise ValueError(f"fidelities are named {names}; expected at least one, each with a name of its own")
    N = len(x)
    if N < FEWEST:
        raise ValueError(f"{N} samples; expected at least {FEWEST}: fewer say nothing of a law")
    order = np.random.default_rng(seed).permutation(N)
    first = int(min(N / 3, 1.5 * N**0.7))
    nats = -np.log((1 - confidence) / (1 if box is None else 2)) * (1 + 8 * U)
    table, kind = kinds(member)
    question = Question(given, table, nats, N - first)
    head, tail = order[:first], order[first:]
    prices, t, dispersion, law = question.prepared(x[head], kind[head])
    bound = question.bet(x[tail], kind[tail], prices, t, law)
    lower = max(0.0, bound - prices.joint - 8 * U * (bound + prices.joint)) / NATS_PER_BIT * (1 - 4 * U)
    plug_in = question.at_budgets(x, kind, law=law)[0] / NATS_PER_BIT
    per = [s if f.per == "subset" else 1.0 for f, s in zip(given, member.mean(axis=1))]
    by_name = {f.name: float(v * s / NATS_PER_BIT) for f, v, s in zip(given, prices.lam, per)}
    upper = np.inf
    if box is not None:
        half = order[: N // 2], order[N // 2 :]
        upper = question.reached(x[half[0]], kind[half[0]], x[half[1]], kind[half[1]], box) / NATS_PER_BIT * (1 + 4 * U)
    V = dispersion / NATS_PER_BIT**2
    return Estimate(lower, upper, plug_in, confidence, N, N - first, by_name, V)


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
        elif callable(f.on) or np.ndim(f.on) == 2 and x.shape[1] == 1:
            rows.append(f.located(x).on)
        else:
            wanted = "open intervals, on=[(a, b), ...]," if x.shape[1] == 1 else "a function of the points,"
            raise ValueError(
                f"{f.name}: the subset is {'intervals' if np.ndim(f.on) == 2 else 'a mask or indices'}; expected "
                f"{wanted} chosen before the samples are seen"
            )
    return np.array(rows)


def kinds(member: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the distinct columns of member, (K, kinds); the one of each sample, (N,))."""
    if len(member) > 16:
        table, place = np.unique(member, axis=1, return_inverse=True)
        return table, place.reshape(-1)
    code = (2 ** np.arange(len(member))) @ member
    seen = np.flatnonzero(np.bincount(code))
    place = np.zeros(seen[-1] + 1, int)
    place[seen] = np.arange(len(seen))
    return (seen >> np.arange(len(member))[:, None]) & 1 == 1, place[code]


@dataclass(frozen=True, eq=False)
class Question:
    """Budgets on samples: table, (K, kinds), says which bear on which kind; nats: log 1/delta; M samples judge."""

    fidelities: tuple[Fidelity, ...]
    table: np.ndarray
    nats: float
    M: int

    @property
    def D(self) -> np.ndarray:
        """Budgets, (K,)."""
        return np.array([f.D for f in self.fidelities])

    @property
    def given(self) -> np.ndarray:
        """Which budgets are means given their subset, boolean (K,)."""
        return np.array([f.per == "subset" for f in self.fidelities])

    def prices(self, lam: np.ndarray) -> Prices:
        """The Prices lam."""
        off, allowed = 2 * (len(lam) + 2) * U, lam * self.D * self.given
        joint, most = float((lam * self.D)[~self.given].sum()) * (1 + off), float(allowed.sum()) * (1 + off)
        return Prices(lam, lam @ self.table * (1 - off), allowed @ self.table * (1 + off), most, joint)

    def found(self, nodes: Nodes, w: np.ndarray, p: np.ndarray, sharp: float, law: Law | None, lam: np.ndarray) -> Law:
        """The output law of least sum_i p_i a_q(x_i) at slopes w of the kinds, from another."""
        letters = Letters(nodes.x, w[nodes.kind], p)
        y, q = letters.least(sharp) if law is None else letters.least(sharp, law.y, law.q)
        return Law(y, q, lam)

    # --- the plug-in -----------------------------------------------------------------------------

    def at_budgets(
        self, x: np.ndarray, kind: np.ndarray, share: float = 1.0, law: Law | None = None
    ) -> tuple[float, Law]:
        """(R nats, its Law) of the samples x at a share of the budgets, but for ROUGH times SHARP.

        The largest of inf_q E a - lam . D over lam >= 0, whose derivative by log lam_k is lam_k (E_k - D_k).
        """
        size = np.array([self.table[k, kind].mean() for k in range(len(self.D))])
        D, seen = np.where(self.given, self.D * size, self.D) * share, size > 0
        centred = ((x - x.mean(axis=0)) ** 2).sum(axis=1)
        spent = np.array([centred[row].sum() / len(x) for row in self.table[:, kind]])
        if (spent <= D)[seen].all():
            return 0.0, Law(x.mean(axis=0)[None], np.ones(1), np.zeros(len(D)))
        guess = np.where(seen, size / (2 * D) * x.shape[1], 0.0)
        sharp = ROUGH * SHARP / np.sqrt(len(x))
        nodes = self.rough(x, kind, 2 * guess @ self.table, len(x))
        on, p, laws = self.table[:, nodes.kind], nodes.p, [] if law is None else [law]
        rates: list[float] = []

        def dual(v: np.ndarray) -> tuple[float, np.ndarray]:
            """(lam . D - inf_q E a, its derivatives by the logarithms v of prices over the guess)."""
            lam = guess * 1.0
            lam[seen] *= np.exp(v)
            w = lam @ self.table
            laws.append(self.found(nodes, w, p, sharp, laws[-1] if laws else None, lam))
            a, d = sent(nodes.x, w[nodes.kind], laws[-1])
            rates.append(float(p @ a - lam @ D))
            return -rates[-1], (lam * (D - on @ (p * d)))[seen]

        v = np.zeros(seen.sum())
        if law is not None:
            ratio = law.lam[seen] / guess[seen]
            v[ratio > 0] = np.clip(np.log(ratio[ratio > 0]), -8, 8)
        minimize(
            dual, v, jac=True, method="L-BFGS-B", bounds=[(-30, 12)] * len(v), options={"gtol": sharp, "ftol": 1e-9}
        )
        highest = int(np.argmax(rates))
        return max(0.0, rates[highest]), laws[len(laws) - len(rates) + highest]

    def rough(self, x: np.ndarray, kind: np.ndarray, w: np.ndarray, N: int) -> Nodes:
        """Nodes for searches, of which nothing is proven: near enough for bounds from N samples."""
        if x.shape[1] == 1:
            return on_line(x, kind, w, ROUGH * BINNED / np.sqrt(N))
        return in_space(x, kind, w)

    # --- the bet ---------------------------------------------------------------------------------

    def prepared(self, x: np.ndarray, kind: np.ndarray) -> tuple[Prices, float, float, Law]:
        """(prices, t, V, an output law) from the first part of the samples.

        The prices maximise G - lam . D - sqrt(2 V log(1/delta) / M) by a coordinate search from those at the budgets.
        """
        _, first = self.at_budgets(x, kind)

        def worth(lam: np.ndarray, law: Law) -> tuple[float, float, float, Law]:
            """(what the prices are worth, E[a - o], V, the output law)."""
            prices = self.prices(lam)
            if not prices.w[kind].any():
                return 0.0, 0.0, 0.0, law
            nodes = self.rough(x, kind, prices.w, len(x))
            law = self.found(nodes, prices.w, nodes.p, ROUGH * SHARP / np.sqrt(len(x)), law, lam)
            gain = Letters(nodes.x, prices.w[nodes.kind], nodes.p).potentials(law.y, law.q) - prices.o[nodes.kind]
            mean = float(nodes.p @ gain)
            V = max(0.0, float(nodes.p @ (gain - mean) ** 2))
            return mean - prices.joint - np.sqrt(2 * V * self.nats / self.M), mean, V, law

        lam, best = first.lam, worth(first.lam, first)
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
        prices, (_, mean, V, law) = self.prices(lam), best
        t = 0.9 / (1.05 + mean + 2 * prices.most)
        if V > 0:
            t = min(t, float(np.sqrt(2 * self.nats / (self.M * V))))
        return prices, t, V, law

    def bet(self, x: np.ndarray, kind: np.ndarray, prices: Prices, t: float, law: Law) -> float:
        """B of the second part, nats; zero where none is found."""
        if not prices.w[kind].any():
            return 0.0
        line = x.shape[1] == 1
        nodes = on_line(x, kind, prices.w, BINNED / np.sqrt(self.M)) if line else at_points(x, kind)
        highest = (1 - 8 * U) / t - 1 - prices.most - nodes.charge.max()
        sharp = SHARP / np.sqrt(self.M)
        law, m = self.worst(nodes if line else in_space(x, kind, prices.w), prices, t, law, highest, sharp)
        alive = law.q > 0
        y, q = law.y[alive], law.q[alive] / law.q[alive].sum() * (1 - (alive.sum() + 4) * U)
        n, w, o = nodes.counts, prices.w[nodes.kind], prices.o[nodes.kind] + nodes.charge
        gain = Letters(nodes.x, w, n).potentials(y, q) - o
        m = self.level(gain, n, t, highest)
        for _ in range(6):
            if not 0 < m <= highest:
                return 0.0
            u = 1 + t * (gain - m)
            weights = n * t / u
            W = weights.sum()
            mass = CodewordMass(nodes.x, np.eye(x.shape[1])[None], w[None], np.log(weights / W) + gain + o)
            upper, _, _ = supremum(mass, 0.3 * sharp, y)
            off = rounding(q, gain, o, m, t)
            counted = 2 * (len(x) + 4) * U * (len(x) * abs(np.log(t)) + self.nats)  # what sums of shares are off by
            slack = W * (np.expm1(max(upper + off, 0.0)) + off) + (len(x) + 16) * U * (n @ abs(np.log(u))) + counted
            left = n @ np.log(u) - slack - self.nats
            if left >= 0:
                return float(m)
            m += 1.2 * left / W  # the slack grows a little, too
        return 0.0

    def worst(
        self, nodes: Nodes, prices: Prices, t: float, law: Law, highest: float, sharp: float
    ) -> tuple[Law, float]:
        """(the output law against which the bet wins least, the m at which it still does), nothing of it proven."""
        w, o, p, m = prices.w, prices.o[nodes.kind] + nodes.charge, nodes.p, 0.0
        for _ in range(8):
            law = self.found(nodes, w, p, sharp, law, law.lam)
            gain, before = Letters(nodes.x, w[nodes.kind], p).potentials(law.y, law.q) - o, m
            m = self.level(gain, nodes.counts, t, highest)
            p = nodes.counts / (1 + t * (gain - m))
            p /= p.sum()
            if abs(m - before) <= 0.03 * sharp:
                break
        return law, m

    def level(self, gain: np.ndarray, n: np.ndarray, t: float, highest: float) -> float:
        """The m at which sum_i n_i log(1 + t (gain_i - m)) is log 1/delta, at most `highest`."""
        H = lambda m: float(n @ np.log1p(t * (gain - m))) - self.nats
        top = min(highest, float(gain.min() + (1 - 1e-9) / t))
        low = float(gain.min()) - 1.01 * float(np.expm1(self.nats / n.sum())) / t
        return top if H(top) >= 0 else float(brentq(H, low, top, xtol=1e-13))

    # --- an encoder, judged ----------------------------------------------------------------------

    def reached(self, x: np.ndarray, kind: np.ndarray, rest: np.ndarray, of: np.ndarray, box: tuple) -> float:
        """A rate, nats, at which an encoder fixed by the samples x keeps the budgets; infinite where none is shown to.

        Encoders that leave less and less of the budgets unspent are judged by the samples `rest` in that order, up to
        the first not shown to keep them: with delta / 2 for the first that does not, and delta / 2 for all rates.
        """
        keeps, rates, M = self.nats + np.log(2), self.nats + np.log(2 * len(DARING)), len(rest)
        law, least = None, np.inf
        for left in DARING:
            rate, law = self.at_budgets(x, kind, 1 - left, law)
            code = Code.of(law, self.table, box, float(self.D.min()))
            seen, judged = code.sent(x, kind), code.sent(rest, of)
            for k, (D, given) in enumerate(zip(self.D, self.given)):
                Z = [
                    self.table[k, which] * (d - given * D) - (not given) * D
                    for which, (_, d) in ((kind, seen), (of, judged))
                ]
                stake = staked(Z[0], keeps, M, code.farthest)
                if won(-stake * Z[1]) < keeps:
                    return least
            stake = staked(seen[0], rates, M, code.longest)
            least = min(least, at_most(judged[0], stake, rates, code.longest))
        return least


@dataclass(frozen=True, eq=False)
class Code:
    """An encoder q_j exp(-w |x - y_j|^2) / z that sends the nearest codeword where its distortion is above `farthest`.

    No point of the box has more from its nearest codeword, since some codewords are a lattice there; longest: -log of
    the least weight, nats, which no rate KL(Q_x || q) exceeds.
    """

    law: Law
    w: np.ndarray
    farthest: float

    @classmethod
    def of(cls, law: Law, table: np.ndarray, box: tuple[np.ndarray, np.ndarray], D: float) -> "Code":
        """That of a Law on a box, with budgets of D and more."""
        low, high = box
        k, side = len(low), high - low
        cells = np.clip(np.ceil(side / np.sqrt(16 * D / k)), 1, (1000, 30, 10)[k - 1]).astype(int)
        axes = [a + (b - a) * (np.arange(c) + 0.5) / c for a, b, c in zip(low, high, cells)]
        lattice = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, k)
        y = np.concatenate([np.clip(law.y, low, high), lattice])
        q = np.concatenate([law.q / law.q.sum(), np.full(len(lattice), 1e-4 / len(lattice))])
        farthest = max(float(((side / cells) ** 2).sum()) / 4 * (1 + 1e-9), 12 * D)
        return cls(Law(y, q / q.sum() * (1 - (len(q) + 4) * U), law.lam), law.lam @ table, farthest)

    @property
    def longest(self) -> float:
        """nats."""
        return float(-np.log(self.law.q.min())) * (1 + 4 * U)

    def sent(self, x: np.ndarray, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(KL(Q_x || q), E_Q |x - Y|^2) of each sample, (N,) each, rounded up."""
        y, q, w, log_q = self.law.y, self.law.q, self.w[kind], np.log(self.law.q)
        rate, mean, step = np.empty(len(x)), np.empty(len(x)), max(1, BLOCK // len(self.law.y))
        for i in range(0, len(x), step):
            s = slice(i, i + step)
            a, d = sent(x[s], w[s], self.law)
            off = U * (16 * (a + 2 * abs(log_q).max() + 40) + len(q) + 64)
            rate[s], mean[s] = np.maximum(a - w[s] * d, 0) + off * (1 + 2 * w[s] * d), d * (1 + 2 * off)
            far = np.flatnonzero(mean[s] > self.farthest)
            if len(far):
                each = squared_error(x[s][far], y)
                nearest = each.argmin(axis=1)
                rate[i + far], mean[i + far] = -log_q[nearest] * (1 + 4 * U), each.min(axis=1) * (1 + 8 * U)
        return np.minimum(rate, self.longest), np.minimum(mean, self.farthest)


def sent(x: np.ndarray, w: np.ndarray, law: Law) -> tuple[np.ndarray, np.ndarray]:
    """(a_q, E_Q |x - Y|^2), (n,) each, of letters x (n, k) of slopes w (n,) and Q_j = q_j exp(-w |x - y_j|^2) / z."""
    a, mean, step = np.empty(len(x)), np.empty(len(x)), max(1, BLOCK // len(law.y))
    with np.errstate(divide="ignore"):
        log_q = np.log(law.q)
    for i in range(0, len(x), step):
        s = slice(i, i + step)
        d = squared_error(x[s], law.y)
        terms = log_q - w[s, None] * d
        top = terms.max(axis=1)
        Q = np.exp(terms - top[:, None])
        z = Q.sum(axis=1)
        a[s], mean[s] = -(np.log(z) + top), (Q * d).sum(axis=1) / z
    return np.maximum(a, 0), mean


def staked(Z: np.ndarray, nats: float, M: int, most: float) -> float:
    """What is staked on M numbers like Z, (N,), being less than `most` and in the mean less than shown, for nats."""
    return min(float(np.sqrt(2 * nats / (M * max(Z.var(), 1e-300)))), 0.5 / most)


def won(gains: np.ndarray) -> float:
    """sum_i log(1 + gains_i), rounded down."""
    logs = np.log1p(gains)
    return float(logs.sum()) - (len(logs) + 16) * U * float(abs(logs).sum() + len(logs))


def at_most(Z: np.ndarray, stake: float, nats: float, most: float) -> float:
    """What E Z is at most but for exp(-nats) of the chances, for Z in [0, most], (N,), and a stake <= 1 / most.

    E Z > m has sum_i log(1 - stake (Z_i - m)) >= nats with a probability of exp(-nats) at most, by Markov's inequality.
    """
    shown = lambda m: won(-stake * (Z - m)) - nats
    if shown(most) < 0:
        return most
    return float(brentq(shown, 0.0, most, xtol=1e-12)) + 1e-11 * (1 + most)


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


def on_line(x: np.ndarray, kind: np.ndarray, w: np.ndarray, charge: float) -> Nodes:
    """Samples x, (N, 1), on nodes so near that interpolation costs `charge` at most, at slopes w of the kinds."""
    parts = [(g, *on_nodes(x[kind == g, 0], w[g], charge)) for g in np.unique(kind)]
    nodes, counts, charges = (np.concatenate([part[i] for part in parts]) for i in (1, 2, 3))
    of = np.concatenate([np.full(len(part[2]), part[0]) for part in parts])
    order = np.argsort(nodes[:, 0], kind="stable")
    return Nodes(nodes[order], counts[order], of[order], charges[order])


def at_points(x: np.ndarray, kind: np.ndarray) -> Nodes:
    """Samples x, (N, k), where they are."""
    points, times = np.unique(np.column_stack([x, kind]), axis=0, return_counts=True)
    return Nodes(points[:, :-1], times.astype(float), points[:, -1].astype(int), np.zeros(len(points)))


def in_space(x: np.ndarray, kind: np.ndarray, w: np.ndarray) -> Nodes:
    """Samples x, (N, k), on few nodes, with counts of any sign: sums of smooth functions are nearly the same."""
    parts = []
    for g in np.unique(kind):
        at = x[kind == g]
        if w[g] == 0:
            parts.append((at[:1], np.array([float(len(at))]), g))
            continue
        h = STENCIL / np.sqrt(w[g])
        cell = np.floor(at / h)
        _, place, size = np.unique(cell, axis=0, return_inverse=True, return_counts=True)
        crowded = size[place.reshape(-1)] >= (CROWDED if x.shape[1] == 2 else np.inf)
        if crowded.any():
            where, weights = stencil(at[crowded] / h, cell[crowded])
            parts.append((where * h, weights, g))
        parts.append((at[~crowded], np.ones((~crowded).sum()), g))
    nodes, counts = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    of = np.concatenate([np.full(len(part[1]), part[2]) for part in parts])
    return Nodes(nodes, counts, of, np.zeros(len(of)))


def stencil(t: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(nodes, weights) of points t, (N, 2), in cells of side one: products of Lagrange's weights, six an axis."""
    offsets = np.arange(-2.0, 4.0)
    share = t - cell
    each = np.ones((2, len(t), 6))
    for j, a in enumerate(offsets):
        for b in offsets[offsets != a]:
            each[:, :, j] *= (share.T - b) / (a - b)
    low = cell.min(axis=0) - 2
    size = (cell.max(axis=0) + 4 - low).astype(int)
    first = (cell - low).astype(int)
    weights = np.zeros(size.prod())
    for i in range(6):
        for j in range(6):
            index = (first[:, 0] + i - 2) * size[1] + first[:, 1] + j - 2
            weights += np.bincount(index, each[0, :, i] * each[1, :, j], len(weights))
    used = np.flatnonzero(weights)
    return np.column_stack([used // size[1], used % size[1]]) + low, weights[used]


def rounding(q: np.ndarray, gain: np.ndarray, o: np.ndarray, m: float, t: float) -> float:
    """What rounding can add to a_q, to u / t and to the logarithm of a term of C, as the module's text says."""
    T = (abs(gain + o) + 2 * abs(np.log(q)).max() + 40).max()
    return float(U * (16 * T + len(q) + 64 + 8 * (abs(o).max() + abs(m) + 1 / t)))
