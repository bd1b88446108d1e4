"""The supremum over all codewords in R^k of c(y), and with it a bound over all codebooks.

For multipliers lam >= 0 and potentials a, a codeword y in R^k has the mass
    c(y) = sum_i p_i exp(a_i - s_i(y)),   s_i(y) = (x_i - y)' W_i (x_i - y),   W_i = sum_r lam_r w_ri M_r,
with M_r the matrix of the quadratic distortion of row r. Weak duality (certificate.py) then holds for every
codebook at once, with sup_y log c(y) where a codebook has max_j log c_j.

Curvature. log c is a log-sum-exp of quadratics, so its Hessian is a covariance minus 2 sum_i pi_i W_i, nowhere
below -2 W with W = sum_g max_i theta_gi M_g. A maximiser y* has no gradient; hence
    log c(y*) <= log c(y0) + (y* - y0)' W (y* - y0)   for every y0,
and a box with centre y0 that cannot reach the target by this bound does not hold y*. Branch and bound (Land and
Doig 1960) halves the other boxes until none is left.

Where y* lies. If all W_i are multiples of one matrix M, projecting y on the convex hull of the points in the norm
of M brings it nearer to each of them, so c does not fall and y* may be taken in the hull. If all M_r are diagonal,
clipping y to the bounding box of the points does the same in each coordinate. Otherwise y* does no worse than the best
point x_i, c(y*) >= C, so one of the n terms of c(y*) is at least C / n: s_i(y*) <= log p_i + a_i - log(C / n) for some
i, an ellipsoid around x_i (letters without a price are taken off C, for they add the same everywhere).

Rounding (u = 2^-53). c is raised by more than what its numbers are off: weights by 8 u of their parts, slopes lowered
by (2 K + 12) u for K fidelities (certificate.py). Of an exponent w_i - s_i, computed from z = L'(x - o) with
M = L L' but for E, |L^-1 E L^-T| <= rel,
    |error_i| <= ((k + 4 G + 20) u + rel) (s_i + |w_i|) + 2 sqrt(s_i) delta + delta^2,
delta = (k + 2) u sqrt(sum_g max_i theta_gi |h_g|^2), h_g = |L_g|' (|y - o| + max_i |x_i - o|). log-sum-exp is convex,
so log c is off by at most the mean of these under gamma_i = exp(w_i - s_i) / c(y), and mean s = mean w - log c +
H(gamma) <= max w - log c + log n; the sum of n terms adds (n + 20) u.

Budgets of zero. Such a budget charges nothing at any price, so its price may be infinite: a letter within it then adds
p_i exp(a_i) to c at y = x_i and nothing elsewhere. The supremum is that of the other letters or lies on such a point.
"""

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ..codebooks.priced import TINY, frame, matrices, minimisers
from ..problems.distortion import squared_error
from ..problems.fidelity import Fidelity
from ..problems.problem import Problem
from ..problems.source import Source
from ..problems.units import NATS_PER_BIT
from ..problems.values import as_points, real_array
from ..solvers.certificate import dual_point, log_sum
from .chebyshev import UNIT, Search, Separated

BLOCK = 200_000  # entries evaluated at once: they stay in the cache
MAX_BOXES = 1_000_000  # evaluated before the bound is returned as it stands
CLIMBS = 8  # from the highest starts
GRID = {1: (0.1, 4000), 2: (0.25, 400), 3: (0.4, 64)}  # spacing, in widths of c, and points a side, for its peaks


class CodewordMass:
    """log c(y) for y in R^k, its gradient flow and its curvature.

    points: (n, k); metrics: (G, k, k), positive definite; slopes: theta, (G, n), nats per unit distortion;
    log_weights: log p_i + a_i, (n,), finite. c is that of the letters whose slopes are finite; `highest` adds the exact
    ones, those at an infinite price, on their points.
    """

    def __init__(self, points: np.ndarray, metrics: np.ndarray, slopes: np.ndarray, log_weights: np.ndarray):
        exact = np.isinf(slopes).any(axis=0)
        self.exact, self.exact_weights = points[exact], log_weights[exact]
        self.x, self.log_weights = points, np.where(exact, -np.inf, log_weights)
        self.heaviest, self.origin = abs(log_weights).max(), points.mean(axis=0)
        slopes = np.where(exact, 0.0, slopes)
        used = slopes.any(axis=1)
        self.metrics, self.slopes = metrics[used], slopes[used]
        self.roots = np.linalg.cholesky(self.metrics)  # M = L L'
        self.blur = max((relative_error(M, L) for M, L in zip(self.metrics, self.roots)), default=0.0)
        self.W = matrices(self.metrics, self.slopes.T)  # (n, k, k)
        self.curvature = matrices(self.metrics, self.slopes.max(axis=1)[None])[0]
        self.L, self.T = frame(self.metrics, self.slopes)
        self.width = 1 / np.linalg.norm(self.L, 2)  # over which log c can change by one, at the least

    def seen(self, y: np.ndarray) -> np.ndarray:
        """Codewords y, (m, k), in the coordinates in which log c can change by one over a length of one."""
        return (y - self.origin) @ self.L

    @cached_property
    def separated(self) -> Separated | None:
        """c as sums over axes, or None where no coordinates make all metrics diagonal."""
        return Separated.of(self.metrics, self.slopes, self.x, self.log_weights, self.origin)

    def exponents(self, y: np.ndarray) -> np.ndarray:
        """log p_i + a_i - s_i(y), (n,) for each y (m, k) -> (m, n)."""
        terms = np.broadcast_to(self.log_weights, (len(y), len(self.x))).copy()
        for theta, L in zip(self.slopes, self.roots):  # about the origin, so that a far one costs no digits
            terms -= theta * squared_error((y - self.origin) @ L, (self.x - self.origin) @ L)
        return terms

    def __call__(self, y: np.ndarray) -> np.ndarray:
        """log c(y), (m,) for y (m, k)."""
        width = max(1, BLOCK // len(self.x))
        blocks = [self.exponents(y[j : j + width]) for j in range(0, len(y), width)]
        return np.concatenate([log_sum(terms, axis=1) for terms in blocks])

    def highest(self, y: np.ndarray) -> tuple[np.ndarray, float]:
        """(y*, log c(y*)) of the best codeword among y (m, k) and the points of the exact letters."""
        anchors, place = np.unique(self.exact, axis=0, return_inverse=True)
        every = np.vstack([y, anchors])
        values = self(every)
        np.logaddexp.at(values, len(y) + place.reshape(-1), self.exact_weights)
        return every[values.argmax()], values.max()

    def derivatives(self, y: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(half the gradient of log c, (m, k); its Hessian turned, -Hess, (m, k, k); sum_i pi_i theta_gi, (m, G)).

        pi_i = exp(log p_i + a_i - s_i(y)) / c(y); value: log c(y), (m,).
        """
        pi = np.exp(self.exponents(y) - np.nan_to_num(value)[:, None])
        pull = np.einsum("ikl,jil->jik", self.W, self.x - y[:, None])  # W_i (x_i - y)
        half, paid = np.einsum("ji,jik->jk", pi, pull), pi @ self.slopes.T
        second = np.einsum("ji,jik,jil->jkl", pi, pull, pull)
        return half, 2 * matrices(self.metrics, paid) - 4 * (second - half[:, :, None] * half[:, None]), paid

    def ascend(self, y: np.ndarray, steps: int = 30, tol: float = 1e-9) -> np.ndarray:
        """Local maxima of c from each y, (m, k): Newton's step where it climbs, else the fixed point.

        The fixed point, the priced centroid y <- (sum_i pi_i W_i)^-1 sum_i pi_i W_i x_i, never descends
        (Dempster, Laird and Rubin 1977).
        """
        y, value = y.copy(), self(y)
        climbing = np.arange(len(y))
        for _ in range(steps):
            at, height = y[climbing], value[climbing]
            half, H, paid = self.derivatives(at, height)
            fixed = at + minimisers(self.metrics, paid, half)
            half, H = half @ self.T, self.T.T @ H @ self.T
            concave = np.linalg.eigvalsh(H)[:, 0] > 0
            newton = fixed.copy()
            step = np.linalg.solve(H[concave], 2 * half[concave, :, None])[..., 0]
            newton[concave] = at[concave] + step @ self.T.T
            reached = self(newton)
            if len(lower := np.flatnonzero(~(reached >= height))):
                at_fixed = self(fixed[lower])
                better = ~(reached[lower] >= at_fixed)
                newton[lower[better]], reached[lower[better]] = fixed[lower[better]], at_fixed[better]
            y[climbing], value[climbing] = newton, reached
            climbing = climbing[abs(half).max(axis=1) > tol]
            if not len(climbing):
                break
        return y

    def cube(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(T, low, high): coordinates u with y = T u in which W is the unit matrix, and a box that holds a maximiser.

        The module's text says why. Where W is diagonal so is T, and the box is the bounding box of the points.
        """
        values, vectors = np.linalg.eigh(self.curvature)
        diagonal = not (self.metrics * (1 - np.eye(len(values)))).any()
        if diagonal:
            values, vectors = self.curvature.diagonal(), np.eye(len(values))
        T = vectors / np.sqrt(values + TINY)  # without a price c is constant: any box will do
        u = self.x @ np.linalg.inv(T).T
        if diagonal or len(self.metrics) == 1:
            return T, u.min(axis=0), u.max(axis=0)
        free = ~self.W.any(axis=(1, 2))  # letters without a price add the same everywhere
        place = self.x[[self(self.x).argmax()]]
        best = log_sum(self.exponents(place)[:, ~free], axis=1)
        least = (best - self.rounding(place, best))[0] - np.log(
            (~free).sum()
        )  # of the largest term with a price, at y*
        reach = np.maximum(self.log_weights[~free] - least, 0) * (1 + 1e-9)  # s_i(y*) <= this for some i
        turned = T.T @ self.W[~free] @ T
        widths = np.linalg.inv(turned)
        residual = abs(turned @ widths - np.eye(len(T))).sum(axis=2).max() + 1e-12
        share = residual / (1 - residual) if residual < 1 else np.inf
        wide = np.einsum("ikk->ik", widths) + abs(widths).sum(axis=2) * share
        extent = np.sqrt(reach[:, None] * wide)
        return T, (u[~free] - extent).min(axis=0), (u[~free] + extent).max(axis=0)

    def rounding(self, y: np.ndarray, value: np.ndarray) -> np.ndarray:
        """By how much log c at y, (m, k), may exceed what was computed, value (m,): (m,), nats, proof above."""
        k, G, n = self.x.shape[1], len(self.metrics), len(self.x)
        S = np.where(np.isfinite(value), self.heaviest + abs(value) + np.log(n) + 1, 0.0)
        away, square = abs(y - self.origin) + abs(self.x - self.origin).max(axis=0), np.zeros(len(y))
        for theta, L in zip(self.slopes.max(axis=1), self.roots):
            square += theta * ((away @ abs(L)) ** 2).sum(axis=1)
        delta = (k + 2) * UNIT * np.sqrt(square)
        return 1.01 * (((k + 4 * G + 20) * UNIT + self.blur) * S + 2 * np.sqrt(S) * delta + delta**2 + (n + 20) * UNIT)


def relative_error(M: np.ndarray, L: np.ndarray) -> float:
    """r with |v' (M - L L') v| <= r v' L L' v, over 1 - r, for a computed Cholesky factor L of M, (k, k)."""
    lost = abs(M - L @ L.T) + (len(M) + 2) * UNIT * abs(L) @ abs(L.T)
    inverse = abs(np.linalg.inv(L))
    r = 2 * float((inverse @ lost @ inverse.T).sum(axis=1).max())
    return r / (1 - r) if r < 1 else np.inf


def supremum(mass: CodewordMass, tol: float, start: Sequence = (), max_boxes: int = MAX_BOXES) -> tuple:
    """(upper, y, value): log c <= upper on R^k, and log c(y) = value >= upper - tol.

    tol: nats; start: (m, k) codewords to climb from; max_boxes: evaluations after which the bound is returned though
    wider than tol.
    """
    if mass.separated is not None:
        return by_series(mass, mass.separated, tol, start, max_boxes)
    return by_curvature(mass, tol, start, max_boxes)


def by_series(mass: CodewordMass, separated: Separated, tol: float, start: Sequence, max_boxes: int) -> tuple:
    """`supremum` by Chebyshev series, where the metrics are diagonal in some coordinates."""
    first = np.reshape(start, (-1, mass.x.shape[1])) if len(start) else separated.peaks(*GRID[mass.x.shape[1]])
    y, value = mass.highest(mass.ascend(first[np.argsort(-mass(first))[:CLIMBS]], 8))
    found, seen = [(value, y)], [max(value, separated(y))]  # the second as the search sees c, raised for rounding

    def climb(u: np.ndarray) -> float:
        at = separated.codewords(u[None])
        seen.append(separated(at[0]))
        if max(mass(at)[0], seen[-1]) > max(seen[:-1]):
            at = mass.ascend(at)
            found.append((mass(at)[0], at[0]))
            seen.append(separated(at[0]))
        return max(seen)

    upper = Search(separated, tol, seen[0], climb, max_boxes).run()
    best, y = max(found, key=lambda each: each[0])
    return max(upper, best, raised_on_exact(mass, y)), y, best


def by_curvature(mass: CodewordMass, tol: float, start: Sequence, max_boxes: int) -> tuple:
    """`supremum` by the bound on curvature alone, whatever the metrics are."""
    T, low, high = mass.cube()
    k, middle, inverse = len(low), (low + high) / 2, np.linalg.inv(T)
    slip = abs(inverse) @ abs(T) @ ((4 * k + 64) * UNIT * np.maximum(abs(low), abs(high)))  # of a centre, by rounding
    slip += abs(inverse @ T - np.eye(k)) @ np.maximum(abs(low), abs(high))
    size = T.T @ mass.curvature @ T  # the unit matrix but for rounding, or without prices zero
    lift = 1.01 * UNIT * (len(mass.metrics) + 4 * k + 4) * (abs(T.T) @ abs(mass.curvature) @ abs(T)).sum(axis=1).max()
    lift += abs(size).sum(axis=1).max()
    centres, half = middle[None], (high - low) / 2
    (best, value), upper, seen = mass.highest(mass.ascend(np.vstack([middle @ T.T, *start]))), -np.inf, 0
    if not np.isfinite(half).all():  # the metrics of some letter are singular but for rounding
        return np.inf, best, value
    corners = np.stack(np.meshgrid(*[(-0.5, 0.5) if h > 0 else (0.0,) for h in half], indexing="ij"), -1).reshape(-1, k)
    while len(centres):
        seen += len(centres)
        y = centres @ T.T
        at = mass(y)
        if at.max() > value:
            climbed = mass.ascend(y[[at.argmax()]])
            best, value = climbed[0], max(at.max(), mass(climbed)[0])
        bound = at + mass.rounding(y, at) + lift * ((half + slip) @ (half + slip))
        open_ = (bound > value + tol) & (seen <= max_boxes) & (half > slip).any()
        upper = max(upper, bound[~open_].max(initial=-np.inf))
        half = half / 2
        centres = (centres[open_][:, None] + corners * 2 * half).reshape(-1, k)
    return max(upper, value, raised_on_exact(mass, best)), best, value


def raised_on_exact(mass: CodewordMass, y: np.ndarray) -> float:
    """An upper bound of log c on the points of letters at an infinite price, where there is more than c; -inf else."""
    if not len(mass.exact):
        return -np.inf
    top, value = mass.highest(y[None])
    return value + float(mass.rounding(top[None], np.array([value]))[0])


def lower_bound_all_codebooks(
    source: Source,
    fidelities: Fidelity | Sequence[Fidelity],
    multipliers: np.ndarray,
    potentials: np.ndarray,
    *,
    tol: float = 1e-8,
    start: np.ndarray | None = None,
    max_boxes: int = MAX_BOXES,
) -> float:
    """A lower bound in bits on I(X;Y) of every encoder into any codebook in R^k that meets the budgets.

        sum_i p_i a_i - lam . D - sup_{y in R^k} log sum_i p_i exp(a_i - s_i(y)), over log 2.

    Valid for any multipliers and potentials, so also for those of an interrupted solve.

    Parameters
    ----------
    source : Source
        n letters in R^k.
    fidelities : Fidelity or sequence of Fidelity
        With squared error or Mahalanobis.
    multipliers : (R,) array
        lam >= 0, nats per unit distortion, one a budget row; infinite ones for budgets of zero alone, where they bound
        best: lam_r D_r is zero and exp(-lam_r d) one at d = 0, zero elsewhere.
    potentials : (n,) array
        a, nats.
    tol : float
        Bits that the bound may lose in the branch and bound.
    start : (m,) or (m, k) array, optional
        Codewords to climb from.
    max_boxes : int
        Evaluations after which branch and bound stops, and the bound may lose more.

    Returns
    -------
    float
        Bits; negative ones say nothing.

    Raises
    ------
    ValueError
        Where shapes disagree, a multiplier is negative, no number or infinite at a budget above zero, `start` has
        another dimension than the source or holds no finite numbers, or a distortion is not quadratic.

    References
    ----------
    Blahut (1972); Berger (1971) for arbitrary reproduction alphabets.
    """
    problem, given = Problem(source, source.mean[None], fidelities), real_array(multipliers, "multipliers", "(R,)")  # type: ignore[arg-type]
    lam, a = dual_point(problem, np.where(given == np.inf, 0.0, given), potentials)
    if (problem.rows.D[given == np.inf] > 0).any():
        raise ValueError(f"multipliers are {given}; expected numbers >= 0, infinite at budgets of zero alone")
    y = as_points(problem.y if start is None else start, "start")
    if y.shape[1] != source.x.shape[1]:
        raise ValueError(f"start has dimension {y.shape[1]}; expected {source.x.shape[1]}, that of the source points")
    a = a - a[source.p.argmax()]  # what all share cancels, and costs no digits
    upper, _, _ = supremum(codeword_mass(problem, given, a), tol * NATS_PER_BIT, y, max_boxes)
    return bound_over(source.p, problem.rows.D, lam, a, upper)


def bound_over(p: np.ndarray, D: np.ndarray, multipliers: np.ndarray, potentials: np.ndarray, upper: float) -> float:
    """sum_i pi_i a_i - lam . D - upper in bits, rounded down, pi = p / sum p; upper: nats, of c with p for pi.

    A sum of n products errs by (n + 2) u times that of their sizes, and a by u |a|; p against pi counts once in the
    gain, once in log c, each time by nu = |sum p - 1| relative to what it multiplies, up to its square.
    """
    a = np.where(p > 0, potentials, 0.0)  # letters of probability zero have no say
    nu = abs(math.fsum([*p, -1.0])) * (1 + 1e-9)
    gain, charge = p @ a, multipliers @ D
    lost = ((len(p) + 9) * UNIT + 2 * nu) * (p @ abs(a)) + 2 * nu + (len(D) + 8) * UNIT * charge
    nats = gain - charge - upper - lost * (1 + 1e-9)
    nats -= 8 * UNIT * (abs(gain) + charge + abs(upper))
    return float(nats / NATS_PER_BIT - 8 * UNIT * abs(nats))


def codeword_mass(problem: Problem, multipliers: np.ndarray, potentials: np.ndarray) -> CodewordMass:
    """The CodewordMass of a problem's source and fidelities at given dual variables, infinite multipliers too.

    Its weights are rounded up (log is within 4 u of itself, a within u, and the sum within u), its slopes down.
    """
    endless, p, seen = multipliers == np.inf, problem.source.p, problem.source.p > 0
    exact = (problem.rows.weights[endless] > 0).any(axis=0)
    finite = problem.rows.slopes(np.where(endless, 0.0, multipliers)) * (1 - (2 * len(problem.fidelities) + 12) * UNIT)
    slopes = np.where(exact, np.inf, finite)
    log_p, a = np.log(p[seen]), potentials[seen]
    weights = log_p + a + 8 * UNIT * (abs(log_p) + abs(a))
    return CodewordMass(problem.source.x[seen], problem.metrics, slopes[:, seen], weights)
