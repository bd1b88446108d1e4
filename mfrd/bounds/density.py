"""R(D) of a density itself: an encoder that reaches a rate, and a bound that no codebook beats.

With prices lam >= 0, slopes w(x) = sum_k lam_k 1[x in S_k], a codebook y_j with weights q_j and
    z(x) = sum_j q_j exp(-w(x) (x - y_j)^2),
weak duality (Berger 1971, theorem 2.5.2 for densities) gives, with a = -log z on [L, R] and a = 0 beyond,
    R >= E a - sum_k lam_k D_k - log sup_y c(y),   c(y) = E exp(a(X) - w(X) (X - y)^2) <= c on [L, R] + P(X < L or > R).
The encoder q_j exp(-w (x - y_j)^2) / z(x) on [L, R], the first or the last codeword beyond, has at most the rate
    E[-log z - w E[(X - Y)^2 | X]; L < X < R] - log q_first P(X < L) - log q_last P(X > R),
for KL(Q_x || q) is on average I(X;Y) plus KL(output || q). Both meet where the prices are right.

Integrals. Between breaks, f and w are those of one formula, and z continues to complex x0 + t with
    z(x0 + t) = z(x0) exp(-w t^2 - 2 w t (x0 - m)) (1 + theta),   m = E_Q Y at x0,
    |theta| <= delta = E_Q[exp(k |Y - m|) - 1 - k |Y - m|] + k |E_Q Y - m|,   k = 2 w |t|:
where delta < 1, z has no zero, and the integrands have bounds M on the ellipse with foci at the ends of a panel and
half axes r (rho + 1/rho) / 2 and r (rho - 1/rho) / 2. A polynomial of degree 2 N - 1 is within
2 M rho^(1 - 2N) / (rho - 1) of such an integrand (Bernstein 1912), and Gauss's rule of N nodes is exact for it with
positive weights of sum 2 r: the remainder is at most 8 r M rho^(1 - 2N) / (rho - 1). Panels are halved until that is
small, or 4 r times the largest value is. A node in floats, and less the origin that c is written about, is off by
8 u (|x0| + r), over which an integrand changes by M / (distance to the ellipse) times that (Cauchy).

Rounding, u = 2^-53. A term exp(-T), T = s - log q, errs by (8 T + 8) u; sums of m positive terms by (m + 2) u.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np

from ..problems.densities import TINY, Density, Laplace, U, precise
from ..problems.distortion import absolute_error, squared_error
from ..problems.fidelity import Fidelity, InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.source import Source
from ..problems.units import NATS_PER_BIT
from ..problems.values import number, tolerance
from ..solvers.active_set import solve_on
from ..solvers.certificate import log_sum
from ..solvers.outcome import Stats, Status
from ..solvers.saddle import Saddle
from ..solvers.solution import NotCertified
from .absolute import laplace_encoder
from .supremum import CodewordMass, supremum

NODES, ROUGH = 16, 8  # of Gauss's rule on a panel: for the proof, for the start
RHOS = (2.5, 3.0, 4.0, 6.0)  # ellipses that are tried
REMAINDER = 1e-13  # of a panel, nats
ROUNDS = 40  # of the exchange
HALVINGS = 3  # of the panels of the start, until what is optimal there is so on the density
FLOOR = 0.2  # share of the tolerance that codewords are given beside what they have, so that none is missing
SAME = 1e-4  # codewords nearer than this, in units of the width of c, are one
BESIDE = (250, 500, 1000)  # codewords on each side of a Laplace density under absolute error, until the gap is small
FINEST = 20_000  # panels at most
BEYOND = 0.05  # share of the tolerance that the tails may cost, at TAIL_NATS
TAIL_NATS = 40.0  # about -log of a tail's probability
SPACING = 0.9  # codewords of the start, in units of the local root of the distortion
RARE = 1e-25  # probability below which the search sees no letter
DEAR = 1.5  # times the price of the bound, from which an encoder needs other codewords beside its own
IDLE = 1e-9  # nats: a budget worth less does not bind
SAFE = 1e-9  # share of a budget kept free at first
BLOCK = 2_000_000  # entries evaluated at once


@dataclass(frozen=True, eq=False)
class Budget:
    """E[(X - Y)^2; X in S] <= D, with D between two floats; on: open intervals (r, 2), or None for the line."""

    name: str
    on: np.ndarray | None
    low: float
    high: float
    share: float  # P(S), rounded

    def parts(self, a: float, b: float) -> list[tuple[float, float]]:
        """The intervals of S within (a, b)."""
        if self.on is None:
            return [(a, b)]
        return [(max(a, c), min(b, d)) for c, d in self.on if max(a, c) < min(b, d)]

    def holds(self, x: np.ndarray) -> np.ndarray:
        """Whether x, (n,), is in S."""
        if self.on is None:
            return np.ones(len(x), bool)
        return ((x[:, None] > self.on[:, 0]) & (x[:, None] < self.on[:, 1])).any(axis=1)


@dataclass(frozen=True, eq=False)
class DensityLimit:
    """R(D) of a density, enclosed: an encoder that is written down, and a bound over all codebooks.

    Attributes
    ----------
    density : Density
    fidelities : tuple of Fidelity
    codebook, weights : (m,) arrays
        y_j, ascending, and q_j.
    rate, lower_bound, gap : float
        Bits: what the encoder reaches at most, what no encoder within the budgets goes below, the difference. Both are
        proven, tails, quadrature and rounding included.
    distortions : dict
        By fidelity name, what the encoder spends at most, in squared units of x.
    multipliers : (K,) array
        lam of the bound, nats per unit distortion of the joint form, one a fidelity.
    encoder_multipliers : (K,) array
        lam of the encoder, a hair above.
    prices : dict
        By fidelity name, bits per unit distortion.
    shares : tuple of float
        P(S), rounded, one a fidelity.
    window : (float, float)
        L, R: beyond, the encoder sends the first or the last codeword.
    status : Status
        "optimal" (gap within tolerance) or "stalled".
    bound_codebook, bound_weights : (m',) arrays
        y_j and q_j of the z whose -log z are the potentials of the bound.
    stats : Stats
        Rounds and seconds.
    """

    density: Density
    fidelities: tuple[Fidelity, ...]
    codebook: np.ndarray
    weights: np.ndarray
    multipliers: np.ndarray
    encoder_multipliers: np.ndarray
    rate: float
    lower_bound: float
    distortions: dict[str, float]
    shares: tuple[float, ...]
    window: tuple[float, float]
    status: Status
    bound_codebook: np.ndarray
    bound_weights: np.ndarray
    stats: Stats = Stats()

    @property
    def gap(self) -> float:
        """rate - lower_bound, bits."""
        return self.rate - self.lower_bound

    @property
    def prices(self) -> dict[str, float]:
        """Bits per unit distortion of each fidelity, by name."""
        terms = zip(self.fidelities, self.multipliers, self.shares)
        return {f.name: float(v * (s if f.per == "subset" else 1.0) / NATS_PER_BIT) for f, v, s in terms}

    def slopes(self, x: np.ndarray) -> np.ndarray:
        """w(x) = sum_k lam_k 1[x in S_k] of the encoder, nats per unit distortion, (N,) -> (N,).

        Parameters
        ----------
        x : (N,) array

        Returns
        -------
        (N,) array
        """
        budgets = [Budget(f.name, f.on, 0.0, 0.0, 1.0) for f in self.fidelities]
        return summed(self.encoder_multipliers, np.array([b.holds(x) for b in budgets]))

    def encoder(self, x: np.ndarray) -> np.ndarray:
        """The encoder: P(Y = y_j | X = x).

        Parameters
        ----------
        x : (N,) array
            Values of X.

        Returns
        -------
        (N, m) array
            Rows of sum one.
        """
        x = np.asarray(x, float)
        d = self.fidelities[0].distortion(x[:, None], self.codebook[:, None])  # the same for all
        exponents = np.log(self.weights) - self.slopes(x)[:, None] * d
        Q = np.exp(exponents - exponents.max(axis=1, keepdims=True))
        Q /= Q.sum(axis=1, keepdims=True)
        for beyond, j in ((x < self.window[0], 0), (x > self.window[1], -1)):
            Q[beyond] = 0.0
            Q[beyond, j] = 1.0
        return Q

    def __repr__(self) -> str:
        m = len(self.codebook)
        return (
            f"DensityLimit({self.status}, rate {self.rate:.7g} bits, gap {self.gap:.1e}, {m} codewords, "
            f"prices {self.prices})"
        )


@dataclass(frozen=True, eq=False)
class Coded:
    """A codebook y (m,) with weights q, and prices lam, (K,): what an encoder and a bound are made of."""

    y: np.ndarray
    q: np.ndarray
    lam: np.ndarray

    def beside(self, y: np.ndarray, nats: float) -> "Coded":
        """The same with the codewords y, (n,), added, which share the weight `nats` evenly.

        Where optimal weights are less, c is below one though codewords are missing; E log z falls by `nats` at most.
        """
        weights = np.concatenate([self.q * (1 - nats), np.full(len(y), nats / len(y))])
        return coded(np.concatenate([self.y, y]), weights, self.lam)

    def log_z(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        """log sum_j q_j exp(-w (x - y_j)^2), (n,), for x and w, (n,)."""
        return log_sum(np.log(self.q) - w[:, None] * (x[:, None] - self.y) ** 2, axis=1)


@dataclass(frozen=True, eq=False)
class Tables:
    """At nodes x of weights W, (n,), in the regions `region`: what the integrals are sums of, with bounds on its error.

    mass: W f and its error; log_z and its error; d: E_Q (x - Y)^2, its error, and its variance.
    """

    x: np.ndarray
    region: np.ndarray
    w: np.ndarray
    mass: np.ndarray
    mass_error: np.ndarray
    log_z: np.ndarray
    log_z_error: np.ndarray
    d: np.ndarray
    d_error: np.ndarray
    variance: np.ndarray


def density_limit(density: Density, fidelities: Fidelity | Sequence[Fidelity], tol: float) -> DensityLimit:
    """The DensityLimit of a density under squared error, or of a Laplace density under absolute error."""
    begun = perf_counter()
    given = (fidelities,) if isinstance(fidelities, Fidelity) else tuple(fidelities)
    if any(f.distortion is absolute_error for f in given):
        return replace(laplace_limit(density.checked(), given, tolerance(tol)), stats=Stats(1, perf_counter() - begun))
    question = Question.of(density, given, tolerance(tol))
    free = question.free_of_charge()
    if free is not None:
        return replace(free, stats=Stats(0, perf_counter() - begun, backend="one codeword"))
    best, rounds = question.search()
    if best is None:
        raise NotCertified(f"no codebook was found within {tol:.1e} bits on letters; expected one: raise tol")
    stats = Stats(rounds, perf_counter() - begun, backend="exchange")
    return replace(best, status=Status.OPTIMAL if best.gap <= tol else Status.STALLED, stats=stats)


@dataclass(frozen=True, eq=False)
class Question:
    """A density with budgets: the window [L, R], the regions between breaks and the ends of subsets.

    edges: (G + 1,), of the regions; member: (K, G), which budgets bear on which.
    """

    density: Density
    fidelities: tuple[Fidelity, ...]
    budgets: list[Budget]
    tol: float
    edges: np.ndarray
    member: np.ndarray

    @classmethod
    def of(cls, density: Density, given: tuple[Fidelity, ...], tol: float) -> "Question":
        """The Question, with everything checked."""
        density.checked()
        budgets = [budget(density, f) for f in given]
        names = [f.name for f in given]
        if not given or len(set(names)) < len(names):
            raise ValueError(f"fidelities are named {names}; expected at least one, each with a name of its own")
        share = max(BEYOND * tol * NATS_PER_BIT / TAIL_NATS, 1e-300)
        ends = [x for b in budgets if b.on is not None for x in b.on.ravel() if np.isfinite(x)]
        low, high = density.support
        low = low if np.isfinite(low) else min([density.quantile(share), *ends])
        high = high if np.isfinite(high) else max([density.quantile(1 - share), *ends])
        edges = np.unique([low, high, *(x for x in [*density.breaks, *ends] if low < x < high)])
        middle = (edges[1:] + edges[:-1]) / 2
        return cls(density, given, budgets, tol, edges, np.array([b.holds(middle) for b in budgets]))

    @property
    def window(self) -> tuple[float, float]:
        """(L, R)."""
        return float(self.edges[0]), float(self.edges[-1])

    @property
    def tails(self) -> list[tuple[float, float]]:
        """The intervals below L and above R."""
        return [(-np.inf, self.window[0]), (self.window[1], np.inf)]

    def free_of_charge(self) -> DensityLimit | None:
        """The limit of rate zero, where one codeword meets every budget beyond doubt; else None."""
        spent = np.array([self.density.enclosed(*ends) for b in self.budgets for ends in b.parts(-np.inf, np.inf)])
        places = {float(m[1] / m[0]) for m in spent if m[0] > 0} | {self.density.mean}
        for y in sorted(places):
            totals = [total(self.density, b, -np.inf, np.inf, y) for b in self.budgets]
            if all(E <= b.low for E, b in zip(totals, self.budgets)):
                one, upper = np.ones(1), [upper_end(E) for E in totals]
                coder = Coded(np.array([y]), one, np.zeros(len(upper)))
                return self.result(coder, coder, 0.0, 0.0, upper, Status.OPTIMAL)
        return None

    def result(
        self, coded: Coded, prover: Coded, rate: float, bound: float, spent: Sequence[float], status: Status
    ) -> DensityLimit:
        """The DensityLimit of an encoder and a bound; rate and bound in nats, spent in the joint form."""
        shares = tuple(b.share for b in self.budgets)
        per = [s if f.per == "subset" else 1.0 for f, s in zip(self.fidelities, shares)]
        spent_by = {f.name: float(E / s) for f, E, s in zip(self.fidelities, spent, per)}
        rate, bound = float(rate / NATS_PER_BIT), float(bound / NATS_PER_BIT)
        kept = self.fidelities, coded.y, coded.q, prover.lam, coded.lam
        said = rate, bound, spent_by, shares, self.window
        return DensityLimit(self.density, *kept, *said, status, prover.y, prover.q)

    # --- proposals ---------------------------------------------------------------------------

    def search(self) -> tuple[DensityLimit | None, int]:
        """(the best DensityLimit of the exchange on letters, its rounds).

        It starts from an even codebook, fine enough where the optimal output law is smooth; where that is discrete, the
        maxima of c are added and codewords without use dropped. What is optimal on letters is judged on the density.
        """
        best, halvings, letters = None, 0, self.letters(0)
        y = everywhere = self.even()
        spare, enough = FLOOR * self.tol * NATS_PER_BIT, 0.3 * self.tol * NATS_PER_BIT
        ends = np.concatenate([self.window[:1], everywhere, self.window[1:]])
        seeds = np.interp(np.arange(0, len(ends) - 0.9, 0.25), np.arange(len(ends)), ends)[:, None] - self.origin
        rounds, kept = 0, 1 - SAFE
        while rounds < ROUNDS:
            rounds += 1
            (x, region, p), problem = letters, self.on_letters(letters, y, kept)
            if short(problem):
                y = apart(np.concatenate([y, everywhere]), 0.0)
                problem = replace(problem, codebook=y)
                problem.check_feasible()
            saddle = Saddle(problem, np.arange(len(y)))
            point = solve_on(saddle, None, 0.002 * self.tol * NATS_PER_BIT)
            alive, lam = point.q > spare / len(everywhere), saddle.multipliers(problem, point.lam)
            lam = np.where(lam * [b.high for b in self.budgets] > IDLE, lam, 0.0)
            coder = coded(y[alive], point.q[alive], lam)
            prover = coder.beside(everywhere, spare)
            w = self.slopes(lam)[region]
            mass = self.codeword_mass(x, w, np.log(p) - prover.log_z(x, w))
            between = (np.diff(np.sort(coder.y)) / 2 + np.sort(coder.y)[:-1])[:, None] - self.origin  # where c is flat
            starts = np.sort(np.concatenate([seeds, between]), axis=0)
            climbed = mass.ascend(starts[peaks(mass(starts))])
            found = mass(climbed)
            y = apart(np.concatenate([climbed[found > 0, 0] + self.origin, y[alive]]), SAME * mass.width)
            if found.max() > enough:
                continue
            judged, missing = self.judged(coder, prover, kept)
            if best is None or judged.gap < best.gap:
                best = judged
            if best.gap <= self.tol or halvings == HALVINGS:
                break
            halvings, kept = halvings + 1, 1 - 30 * (1 - kept)
            letters, y = self.letters(halvings), apart(np.append(y, missing), SAME * mass.width)
        return best, rounds

    def letters(self, halvings: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(x, region, p): nodes of Gauss's rule on panels, (n,), as letters with probabilities."""
        x, region, W = nodes(self.rough(self.widths() / 2**halvings), ROUGH)
        p = W * self.density.pdf(x)
        seen = p > RARE
        return x[seen], region[seen], p[seen] / p.sum()

    def on_letters(self, letters: tuple, y: np.ndarray, kept: float) -> Problem:
        """The problem of letters (x, region, p) on the codebook y: a share `kept` of budgets less what tails spend."""
        (x, region, p), left = letters, []
        for b, f, on in zip(self.budgets, self.fidelities, self.member):
            beyond = sum(float(total(self.density, b, *ends, self.near(ends))) for ends in self.tails)
            if b.low * kept <= beyond:
                raise unreachable(f)
            left.append(Fidelity(b.low * kept - beyond, on=on[region], name=b.name))
        return Problem(Source(x, p), y, left)

    def even(self) -> np.ndarray:
        """An even codebook on each region, (m,)."""
        cells = zip(self.edges, self.edges[1:], SPACING * self.widths())
        return np.concatenate(
            [a + (b - a) * (np.arange(n) + 0.5) / n for a, b, s in cells for n in [int(1 + (b - a) / s)]]
        )

    @property
    def origin(self) -> float:
        """Where c is written about: the middle of the window."""
        return float(self.edges[0] + self.edges[-1]) / 2

    def codeword_mass(self, x: np.ndarray, w: np.ndarray, log_weights: np.ndarray) -> CodewordMass:
        """log sum_i exp(log_weights_i - w_i (x_i - y)^2) as a function of y - origin."""
        return CodewordMass((x - self.origin)[:, None], np.eye(1)[None], w[None], log_weights)

    def near(self, tail: tuple[float, float]) -> float:
        """The end of the window next to a tail."""
        return tail[0] if np.isfinite(tail[0]) else tail[1]

    def widths(self) -> np.ndarray:
        """The root of the distortion that the budgets leave to a letter of each region, (G,), at most the spread."""
        spread = (self.window[1] - self.window[0]) ** 2 / 12
        for b, f in zip(self.budgets, self.fidelities):
            if b.low <= 0:
                raise unreachable(f)
        D = np.array([min(b.low / b.share, spread) for b in self.budgets])
        local = np.where(self.member, D[:, None], spread)
        return np.sqrt(local.min(axis=0))

    def rough(self, width: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Panels (left, right, region) for the start, no wider than 1.6 widths, or than parts of the density there."""
        left, right, region = self.edges[:-1], self.edges[1:], np.arange(len(width))
        done: list[tuple] = []
        while len(left):
            if sum(len(d[0]) for d in done) + len(left) > FINEST:
                raise ValueError(TOO_FINE.format(FINEST))
            widest = 1.6 * width[region]
            for part in self.density.parts:
                outside = np.maximum(left - part.law.loc, part.law.loc - right) > 8 * part.law.scale
                widest = np.where(outside, widest, np.minimum(widest, 2.5 * part.law.scale))
            fine = right - left <= widest
            done.append((left[fine], right[fine], region[fine]))
            left, right, region = halved(left[~fine], right[~fine], region[~fine])
        return sorted_panels(done)

    # --- the proof ---------------------------------------------------------------------------

    def judged(self, coder: Coded, prover: Coded, kept: float) -> tuple[DensityLimit, float]:
        """(the DensityLimit of a proposal, the y of largest c).

        The encoder's prices are raised until every budget is kept beyond doubt.
        """
        goal, rate = np.array([b.low for b in self.budgets]) * kept, np.inf
        for _ in range(6):
            panels = self.fine(coder, encodes=True)
            raised = self.priced(coder, panels, goal)
            if (raised.lam > DEAR * prover.lam + IDLE / goal).any():  # codewords so near one another hardly spend less
                raised = self.priced(replace(prover, lam=coder.lam), panels, goal)
            coder = raised
            tables, errors = self.tables(coder, nodes(panels, NODES)), self.remainders(coder, panels)
            spent = self.spent(coder, tables, errors)
            over = np.array([E - b.low for E, b in zip(spent, self.budgets)])
            if (over <= 0).all():
                rate = self.rate(coder, tables, errors)
                break
            goal = goal - np.where(over > 0, 2 * over, 0.0)
        panels = self.fine(prover, encodes=False)
        bound, missing = self.bound(prover, self.tables(prover, nodes(panels, NODES)), self.remainders(prover, panels))
        return self.result(coder, prover, rate, max(bound, 0.0), spent, Status.STALLED), missing

    def slopes(self, lam: np.ndarray) -> np.ndarray:
        """w of each region, (G,)."""
        return summed(lam, self.member)

    def priced(self, coded: Coded, panels: tuple, goal: np.ndarray) -> Coded:
        """The same codebook and weights at prices at which the budgets that bind spend `goal`, by Newton's method."""
        at, lam = nodes(panels, NODES), coded.lam.copy()
        beyond = np.array([self.tail_spent(coded, b) for b in self.budgets])
        for _ in range(12):
            now = self.tables(replace(coded, lam=lam), at)
            inside = self.member[:, now.region] * now.mass
            E = inside @ now.d + beyond
            live = (lam > 0) | (E > goal)
            if not live.any() or (abs(E - goal)[live] <= 0.2 * SAFE * goal[live]).all():
                break
            V = (inside * now.variance) @ self.member[:, now.region].T
            step = np.zeros(len(lam))
            try:
                step[live] = np.linalg.solve(V[np.ix_(live, live)], (E - goal)[live])
            except np.linalg.LinAlgError:
                break
            lam = np.maximum(lam + np.clip(step, -0.5 * lam, np.maximum(lam, 1 / goal)), 0)
        return replace(coded, lam=lam)

    def fine(self, coded: Coded, *, encodes: bool) -> tuple:
        """Panels (left, right, region) on which Gauss's rule has small remainders, for an encoder or for a bound."""
        left, right, region = self.edges[:-1], self.edges[1:], np.arange(len(self.edges) - 1)
        scale = np.array(
            [min([b.low for b, m in zip(self.budgets, self.member[:, g]) if m], default=1.0) for g in region]
        )
        done: list[tuple] = []
        while len(left):
            if sum(len(d[0]) for d in done) + len(left) > FINEST:
                raise ValueError(TOO_FINE.format(FINEST))
            errors = self.remainder(coded, left, right, region)
            worst = np.maximum(errors[1], errors[2] / scale[region] if encodes else errors[0])
            fine = (worst <= REMAINDER) | (right - left <= 8 * U * np.maximum(abs(left), abs(right)))
            done.append((left[fine], right[fine], region[fine]))
            left, right, region = halved(left[~fine], right[~fine], region[~fine])
        return sorted_panels(done)

    def remainders(self, coded: Coded, panels: tuple) -> np.ndarray:
        """(3, G): what quadrature and nodes in floats can be off by, region by region: c, -log z, d."""
        left, right, region = panels
        errors = self.remainder(coded, left, right, region, True)
        return np.array([np.bincount(region, e, len(self.edges) - 1) for e in errors]) * (1 + 1e-6)

    def remainder(
        self, coded: Coded, left: np.ndarray, right: np.ndarray, region: np.ndarray, floats: bool = False
    ) -> np.ndarray:
        """Bounds (3, P) on the remainders of f exp(-s_y) / z, -f log z, f d on panels; floats: with that of nodes."""
        x0, r, w = (left + right) / 2, (right - left) / 2, self.slopes(coded.lam)[region]
        d = x0[:, None] - coded.y
        exponents = np.log(coded.q) - w[:, None] * d**2
        log_z = log_sum(exponents, axis=1)
        log_Q = exponents - log_z[:, None]
        Q = np.exp(log_Q)
        turn = -(Q * d).sum(axis=1)  # m - x0
        away, off = abs(d + turn[:, None]), 1e-12 * (Q * abs(d)).sum(axis=1)
        with np.errstate(all="ignore"):  # integrand and rule both lie between zero and the largest value
            least = -log_z + w * r**2 + 2 * w * r * abs(turn)  # -log z at most: log z + w x^2 is convex
            ceiling = self.ceiling(x0, r, 0 * r)
            farthest = (abs(d).max(axis=1) + r) ** 2
            best = 4 * r * ceiling * np.array([np.exp(least), least + 1e-12, farthest])
        for rho in RHOS:
            A, B = r * (rho + 1 / rho) / 2, r * (rho - 1 / rho) / 2
            k = 2 * w * A
            with np.errstate(all="ignore"):
                t = k[:, None] * away
                grown = np.exp(log_Q + t)  # Q exp(k |y - m|)
                delta = np.where(t < 1, Q * (np.expm1(np.minimum(t, 1)) - t), grown).sum(axis=1) + k * off + 1e-12
                sure = delta < 0.9
                loss = -np.log1p(-np.where(sure, delta, 0.5))
                ceiling = self.ceiling(x0, A, B)
                rise = w * A**2 + k * abs(turn)
                M = np.array(
                    [
                        ceiling * np.exp(rise - log_z + loss),
                        ceiling * (abs(log_z) + rise + loss),
                        ceiling * (grown * (abs(d) + A[:, None]) ** 2).sum(axis=1) * np.exp(loss),
                    ]
                )
                error = 8 * r * M * rho ** (1 - 2 * NODES) / (rho - 1)
                if floats:
                    error = error + 2 * r * M / (A - r) * 8 * U * (abs(x0) + r)
            error[:, ~sure] = np.inf
            error[~np.isfinite(error)] = np.inf
            best[~np.isfinite(best)] = np.inf
            better = error.max(axis=0) < best.max(axis=0)
            best[:, better] = error[:, better]
        return best * (1 + 1e-6)

    def ceiling(self, centre: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:
        """A bound on |f| on ellipses."""
        bound = np.zeros(len(centre))
        for part in self.density.parts:
            inside = (centre > part.low) & (centre < part.high)
            bound += np.where(inside, part.weight * part.law.ceiling(centre, across, up), 0.0)
        return bound + TINY

    def tables(self, coded: Coded, at: tuple) -> Tables:
        """The Tables at nodes (x, region, W)."""
        x, region, W = at
        w, f, wrong = self.slopes(coded.lam)[region], *self.density.pdf_within(x)
        mass_error = W * (wrong + 8 * U * f)
        m, log_q, out = len(coded.y), np.log(coded.q), np.empty((5, len(x)))
        for i in range(0, len(x), max(1, BLOCK // m)):
            part = slice(i, i + max(1, BLOCK // m))
            d = (x[part, None] - coded.y) ** 2
            T = w[part, None] * d - log_q
            least = T.min(axis=1)
            Q = np.exp(least[:, None] - T)
            z = Q.sum(axis=1)
            Q /= z[:, None]
            T += 2 * abs(log_q)  # s + |log q|
            mean = (Q * d).sum(axis=1)
            log_z = np.log(z) - least
            log_error = U * ((Q * T).sum(axis=1) * 8 + m + 32 + 8 * abs(log_z) + 8 * abs(least))
            d_error = U * ((Q * d * T).sum(axis=1) * 8 + (m + 32) * mean) + mean * log_error
            spread = (Q * (d - mean[:, None]) ** 2).sum(axis=1)
            out[:, part] = log_z, 1.1 * log_error, mean, 1.1 * d_error, spread
        return Tables(x, region, w, W * f, mass_error, *out)

    def tail_spent(self, coded: Coded, b: Budget) -> float:
        """What the first and the last codeword spend of a budget beyond the window, rounded up."""
        return sum(
            upper_end(total(self.density, b, *ends, y)) for ends, y in zip(self.tails, (coded.y[0], coded.y[-1]))
        )

    def by_region(self, tables: Tables, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(E[d; region], its error), (G,) each."""
        G, terms = len(self.edges) - 1, tables.mass * tables.d
        wrong = tables.mass_error * tables.d + terms * (len(terms) + 4) * U + tables.mass * tables.d_error
        return np.bincount(tables.region, terms, G), 1.01 * np.bincount(tables.region, wrong, G) + errors[2]

    def spent(self, coded: Coded, tables: Tables, errors: np.ndarray) -> list[float]:
        """What the encoder spends at most of each budget."""
        E, wrong = self.by_region(tables, errors)
        most = (E + wrong) * (1 + 16 * U)
        inside = [float(most[on].sum()) * (1 + (len(most) + 2) * U) for on in self.member]
        return [(s + self.tail_spent(coded, b)) * (1 + 4 * U) for s, b in zip(inside, self.budgets)]

    def rate(self, coded: Coded, tables: Tables, errors: np.ndarray) -> float:
        """The rate of the encoder at most, nats."""
        w = self.slopes(coded.lam)
        E, wrong = self.by_region(tables, errors)
        gain, off = self.gain(tables, errors)
        spare = float(w @ E)
        spare_off = float(w @ wrong) + (len(w) + 8) * U * spare
        tails = [upper_end(self.density.enclosed(*ends)[0]) for ends in self.tails]
        cost = sum(-np.log(q) * mass for q, mass in zip((coded.q[0], coded.q[-1]), tails))
        excess = coded.q.sum() - 1  # weights of another sum: log of it is what the rate is off by
        return (gain + off - spare + spare_off + cost + abs(excess) * 1.01) * (1 + 16 * U) + 16 * U * (
            abs(gain) + spare
        )

    def gain(self, tables: Tables, errors: np.ndarray) -> tuple[float, float]:
        """(E[-log z; window], its error), nats."""
        terms = -tables.mass * tables.log_z
        wrong = tables.mass_error @ abs(tables.log_z) + (len(terms) + 4) * U * abs(terms).sum()
        wrong += tables.mass @ tables.log_z_error
        return float(terms.sum()), float(1.01 * wrong + errors[1].sum())

    def bound(self, coded: Coded, tables: Tables, errors: np.ndarray) -> tuple[float, float]:
        """(what no encoder within the budgets goes below, nats; the y of largest c)."""
        gain, off = self.gain(tables, errors)
        seen = tables.mass_error < 1e-6 * tables.mass
        log_weights = np.log(tables.mass[seen]) - tables.log_z[seen]
        relative = float((tables.mass_error[seen] / tables.mass[seen] + tables.log_z_error[seen]).max()) + 16 * U * (
            abs(log_weights).max() + 1
        )
        mass = self.codeword_mass(tables.x[seen], tables.w[seen], log_weights)
        upper, at, _ = supremum(mass, 0.02 * self.tol * NATS_PER_BIT, coded.y[:, None] - self.origin)
        tails = sum(upper_end(self.density.enclosed(*ends)[0]) for ends in self.tails)
        rest = ~seen
        hidden = 1.01 * np.exp(np.log(tables.mass + tables.mass_error) - tables.log_z + tables.log_z_error)[rest].sum()
        c = np.exp(upper + 1.01 * relative + 8 * U) + errors[0].sum() + tails + hidden
        charge = float(coded.lam @ np.array([b.high for b in self.budgets]))
        bound = gain - off - charge - float(np.log(c)) - 16 * U * (abs(gain) + charge + abs(np.log(c)) + 1)
        return bound, float(at[0]) + self.origin


def laplace_limit(density: Density, fidelities: tuple[Fidelity, ...], tol: float) -> DensityLimit:
    """The DensityLimit of a Laplace density under one absolute error (absolute.py)."""
    law, f = density.parts[0].law, fidelities[0]
    if (
        not (len(density.parts) == len(fidelities) == 1 and isinstance(law, Laplace) and f.on is None)
        or np.isfinite(density.support).any()
    ):
        raise ValueError(
            f"{f.name}: absolute error on {density.name}; expected one budget on a whole Laplace density, whose R(D) "
            "is known: use mfrd.squared_error, or mfrd.limit of a source of letters"
        )
    if f.per == "letter":
        raise ValueError(LETTER.format(f.name))
    if f.D == 0:
        raise unreachable(f)
    b, one = law.scale, np.ones(1)
    kept = lambda y, q, lam, rate, bound, spent, reach, status: DensityLimit(
        density,
        fidelities,
        y,
        q,
        lam,
        lam,
        rate,
        bound,
        {f.name: spent},
        (1.0,),
        (law.loc - reach, law.loc + reach),
        status,
        y,
        q,
    )
    if f.D >= b:  # E |X - mean| is b
        return kept(np.array([law.loc]), one, np.zeros(1), 0.0, 0.0, b, np.inf, Status.OPTIMAL)
    with precise() as arb:
        bound = lower_end((arb(b) / arb(f.D)).log() / arb(2).log())
    for beside in BESIDE:
        shift = 8 * U * (abs(law.loc) + 30 * b)  # of a codeword by rounding
        found = laplace_encoder(b, f.D - shift, beside, gauss(NODES))
        rate = (found.rate + 2 * found.price * shift) / NATS_PER_BIT
        if rate - bound <= tol:
            break
    status = Status.OPTIMAL if rate - bound <= tol else Status.STALLED
    y, lam = law.loc + found.y, np.array([found.price])
    return kept(y, found.q, lam, rate, bound, found.spent + shift, found.reach, status)


def shannon_bound(density: Density, D: float) -> float:
    """Shannon's lower bound on R(D) of a density under squared error, bits.

        R(D) >= h(X) - 1/2 log2(2 pi e D), or 0 where that is negative; rounded down.

    Reached as D tends to zero, and by a normal density at every D up to its variance.

    Parameters
    ----------
    density : Density
    D : float
        Bound on E (X - Y)^2, in squared units of x, > 0.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        Where D is no number > 0 or the density is not proven.

    References
    ----------
    Shannon (1959); Linkov (1965) for small D.

    Examples
    --------
    >>> import mfrd
    >>> round(mfrd.shannon_bound(mfrd.Density.laplace(), 0.1), 6)
    2.056627
    """
    D = number(D, "D is", "a number > 0, a bound on the mean squared error", open=True)
    with precise() as arb:
        bits = (density.entropy() - ((2 * arb.pi() * D).log() + 1) / 2) / arb(2).log()
        return max(0.0, lower_end(bits))


LETTER = '{}: per="letter" bounds each of uncountably many letters; expected per="joint" or "subset"'
TOO_FINE = (
    "the budgets are so small that the integrals need more than {} panels; expected larger ones: at such rates "
    "mfrd.shannon_bound is nearly reached"
)


def summed(lam: np.ndarray, member: np.ndarray) -> np.ndarray:
    """sum_k lam_k member_kg, (G,), rounded down, so that c is not below what it is for lam itself."""
    return (lam @ member) * (1 - 2 * (len(lam) + 1) * U)


def budget(density: Density, f: Fidelity) -> Budget:
    """The Budget of a Fidelity on a density, checked."""
    if f.per == "letter":
        raise ValueError(LETTER.format(f.name))
    if f.distortion is not squared_error:
        raise ValueError(
            f"{f.name}: a density takes mfrd.squared_error, or mfrd.absolute_error of a Laplace density alone"
        )
    if f.on is not None and (callable(f.on) or np.ndim(f.on) != 2):
        raise ValueError(
            f"{f.name}: the subset is a {'function' if callable(f.on) else 'mask or indices of letters'}; expected "
            "open intervals for a density: on=[(a, b), ...]"
        )
    line = Budget(f.name, f.on, 0.0, 0.0, 1.0)
    with precise() as arb:
        masses = [density.enclosed(a, b)[0] for a, b in line.parts(-np.inf, np.inf)]
        share = sum(masses, arb(0))
        if not share > 0:
            raise ValueError(f"{f.name}: its intervals have probability 0; expected some: widen them")
        D = arb(f.D) * (share if f.per == "subset" else 1)
        return Budget(f.name, f.on, lower_end(D), upper_end(D), float(share))


def unreachable(f: Fidelity) -> InfeasibleFidelity:
    """The error of a budget that no encoder of finite rate keeps."""
    said = f"{f.name}: {f.D:g} is out of reach of every finite rate of a density; raise D above 0"
    return InfeasibleFidelity(said, f.name, f.D, 0.0)


def total(density: Density, b: Budget, low: float, high: float, y: float) -> Any:
    """E[(X - y)^2; X in S, low < X < high], a ball."""
    with precise() as arb:
        return sum((density.enclosed(*ends, y)[2] for ends in b.parts(low, high)), arb(0))


def upper_end(ball: Any) -> float:
    """A float not below a ball; that of an exact float is itself."""
    return -lower_end(-ball)


def lower_end(ball: Any) -> float:
    """A float not above a ball; that of an exact float is itself."""
    value = float(ball.lower())
    return value if ball.lower() == type(ball)(value) else float(np.nextafter(value, -np.inf))


def coded(y: np.ndarray, q: np.ndarray, lam: np.ndarray) -> Coded:
    """Codewords, ascending, with weights over their sum, and prices."""
    order = np.argsort(y)
    return Coded(y[order], q[order] / q.sum(), lam)


def short(problem: Problem) -> bool:
    """Whether the codebook of a problem keeps not all of its budgets."""
    try:
        problem.check_feasible()
    except InfeasibleFidelity:
        return True
    return False


def peaks(values: np.ndarray) -> np.ndarray:
    """Which of values, (n,), are not below their neighbours, boolean (n,)."""
    low = np.concatenate([[-np.inf], values, [-np.inf]])
    return (values >= low[:-2]) & (values >= low[2:])


def apart(y: np.ndarray, distance: float) -> np.ndarray:
    """Ascending codewords, one of each run of neighbours nearer than `distance`."""
    y = np.sort(y)
    return y[np.append(True, np.diff(y) > distance)]


def halved(left: np.ndarray, right: np.ndarray, region: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each panel cut in the middle."""
    middle = (left + right) / 2
    return np.concatenate([left, middle]), np.concatenate([middle, right]), np.concatenate([region, region])


def sorted_panels(done: list[tuple]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(left, right, region) of all, ascending."""
    left, right, region = (np.concatenate(column) for column in zip(*done))
    order = np.argsort(left)
    return left[order], right[order], region[order]


def nodes(panels: tuple, N: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(x, region, W) of Gauss's rule of N nodes on every panel, (P N,) each."""
    left, right, region = panels
    t, v = gauss(N)
    x0, r = (left + right) / 2, (right - left) / 2
    return (x0[:, None] + r[:, None] * t).ravel(), np.repeat(region, N), (r[:, None] * v).ravel()


def gauss(N: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss's rule on (-1, 1), (N,), each within an ulp."""
    with precise() as arb:
        pairs = [arb.legendre_p_root(N, k, weight=True) for k in range(N)]
        return np.array([float(t) for t, _ in pairs]), np.array([float(v) for _, v in pairs])
