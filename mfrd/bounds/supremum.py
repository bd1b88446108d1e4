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

Budgets of zero. Such a budget charges nothing at any price, so its price may be infinite: a letter within it then adds
p_i exp(a_i) to c at y = x_i and nothing elsewhere. The supremum is that of the other letters or lies on such a point.
"""

import numpy as np

from ..problems.problem import Problem
from ..problems.source import as_points
from ..problems.units import NATS_PER_BIT
from ..solvers.certificate import dual_point, log_sum

BLOCK = 200_000  # entries evaluated at once: they stay in the cache
ULP = 1e-15  # a few units in the last place
MAX_BOXES = 1_000_000  # evaluated before the bound is returned as it stands


class CodewordMass:
    """log c(y) for y in R^k, its gradient flow and its curvature.

    points: (n, k); metrics: (G, k, k), positive definite; slopes: theta, (G, n), nats per unit distortion;
    log_weights: log p_i + a_i, (n,); exact: (n,), the letters at an infinite price. Letters of weight zero are left
    out, and c is that of the letters that are not exact; `anchors` adds the others, on their points.
    """

    def __init__(self, points, metrics, slopes, log_weights, exact=False):
        heavy = np.isfinite(log_weights)
        seen, exact = heavy & ~np.asarray(exact), heavy & exact
        self.x, self.log_weights = points[seen], log_weights[seen]
        self.exact, self.exact_weights = points[exact], log_weights[exact]
        self.heaviest, self.span = abs(log_weights[heavy]).max(), np.ptp(points[heavy], axis=0)
        self.n, self.origin = np.count_nonzero(heavy), points[heavy].mean(axis=0)
        self.around = self.x - self.origin  # so that a far origin costs no digits
        used = (slopes[:, seen] > 0).any(axis=1)
        self.metrics, self.slopes = metrics[used], slopes[used][:, seen]
        self.roots = [np.linalg.cholesky(M) for M in self.metrics]  # M = L L'
        self.W = np.einsum("gi,gkl->ikl", self.slopes, self.metrics)
        self.curvature = np.einsum("g,gkl->kl", self.slopes.max(axis=1, initial=0.0), self.metrics)

    @property
    def width(self):
        """The distance over which log c can change by about one."""
        return 1 / np.sqrt(np.linalg.eigvalsh(self.curvature)[-1])

    def exponents(self, y):
        """log p_i + a_i - s_i(y), (n,) for each y (m, k) -> (m, n)."""
        terms = np.broadcast_to(self.log_weights, (len(y), len(self.x))).copy()
        for theta, L in zip(self.slopes, self.roots):
            u, v = self.around @ L, (y - self.origin) @ L
            d = np.subtract.outer(v[:, 0], u[:, 0])
            d *= d
            for axis in range(1, v.shape[1]):
                difference = np.subtract.outer(v[:, axis], u[:, axis])
                difference *= difference
                d += difference
            d *= theta
            terms -= d
        return terms

    def __call__(self, y):
        """log c(y), (m,) for y (m, k)."""
        if not (len(y) and len(self.x)):
            return np.full(len(y), -np.inf)
        width = max(1, BLOCK // len(self.x))
        blocks = [self.exponents(y[j : j + width]) for j in range(0, len(y), width)]
        return np.concatenate([log_sum(terms, axis=1) for terms in blocks])

    def anchors(self):
        """(the distinct points of the exact letters, (A, k); log c of all letters there, (A,))."""
        y, place = np.unique(self.exact, axis=0, return_inverse=True)
        values = self(y)
        np.logaddexp.at(values, place.reshape(-1), self.exact_weights)
        return y, values

    def ascend(self, y, steps=30, tol=1e-9):
        """Local maxima of c from each y, (m, k): Newton's step where it climbs, else the fixed point.

        The fixed point y <- (sum_i pi_i W_i)^-1 sum_i pi_i W_i x_i never descends (Dempster, Laird and Rubin 1977).
        """
        value = self(y)
        for _ in range(steps):
            pi = np.exp(self.exponents(y) - value[:, None])
            W = np.einsum("ji,ikl->jkl", pi, self.W)
            pull = np.einsum("ikl,jil->jik", self.W, self.x - y[:, None])  # W_i (x_i - y)
            half = np.einsum("ji,jik->jk", pi, pull)  # half the gradient of log c
            H = 2 * W - 4 * (np.einsum("ji,jik,jil->jkl", pi, pull, pull) - half[:, :, None] * half[:, None])
            fixed = y + np.linalg.solve(W + 1e-300 * np.eye(W.shape[1]), half[..., None])[..., 0]
            concave = np.linalg.eigvalsh(H)[:, 0] > 0
            newton = fixed.copy()
            newton[concave] = y[concave] + np.linalg.solve(H[concave], 2 * half[concave, :, None])[..., 0]
            at_newton, at_fixed = self(newton), self(fixed)
            better = at_newton >= at_fixed
            y, value = np.where(better[:, None], newton, fixed), np.maximum(at_newton, at_fixed)
            if abs(half).max() <= tol * np.sqrt(abs(self.curvature).max()):
                break
        return y

    def cube(self):
        """(T, low, high): coordinates u with y = T u in which W is the unit matrix, and a box that holds a maximiser.

        The module's text says why. Where W is diagonal so is T, and the box is the bounding box of the points.
        """
        values, vectors = np.linalg.eigh(self.curvature)
        diagonal = not (self.metrics * (1 - np.eye(len(values)))).any()
        if diagonal:
            values, vectors = self.curvature.diagonal(), np.eye(len(values))
        T = vectors / np.sqrt(values)
        u = self.x @ np.linalg.inv(T).T
        low, high = u.min(axis=0), u.max(axis=0)
        if diagonal or len(self.metrics) == 1:
            return T, low, high
        free = ~self.W.any(axis=(1, 2))  # letters without a price add the same everywhere
        C = self(self.x).max()
        rest = 1 - 1e-12 - np.exp(self.log_weights[free] - C).sum()  # of C, for the letters with a price
        least = C + np.log(max(rest, 1e-300)) - np.log(np.count_nonzero(~free))
        reach = np.maximum(self.log_weights[~free] - least, 0) * (1 + 1e-9)  # s_i(y*) <= this for some i
        widths = np.linalg.inv(T.T @ self.W[~free] @ T)
        extent = np.sqrt(reach[:, None] * np.einsum("ikk->ik", widths))
        return T, (u[~free] - extent).min(axis=0), (u[~free] + extent).max(axis=0)

    def rounding(self, value):
        """What rounding can add to log c near its maximum, nats.

        A term of relative weight pi errs by ULP (s_i + |log weight|) a few times over, and sum_i pi_i s_i is at
        most S = max log weight - log c + log n; a coordinate errs by ULP times the span, and s_i by 2 sqrt(W s_i)
        times that.
        """
        k = self.x.shape[1]
        S = self.heaviest + abs(value) + np.log(self.n) + 1
        stretch = np.sqrt(self.span @ abs(self.curvature) @ self.span) if len(self.metrics) else 0.0
        return 4 * k * max(1, len(self.metrics)) * ULP * (S + 2 * stretch * np.sqrt(S))


def supremum(mass, tol, start=None, max_boxes=MAX_BOXES):
    """(upper, y, value): log c <= upper on R^k, and log c(y) = value >= upper - tol.

    mass: CodewordMass; tol: nats; start: (m, k) codewords to climb from; max_boxes: evaluations after which
    the bound is returned though wider than tol.
    """
    if not len(mass.metrics):  # no price: c is constant but on the anchors
        best, value = highest(mass, mass.x[:1])
        return value + mass.rounding(value), best, value
    T, low, high = mass.cube()
    k, middle = len(low), (low + high) / 2
    centres, half = middle[None], (high - low) / 2 * (1 + ULP)
    y = mass.ascend(middle[None] @ T.T if start is None else np.vstack([middle @ T.T, start]))
    (best, value), upper, seen = highest(mass, y), -np.inf, 0
    sides = [(-0.5, 0.5) if h > 0 else (0.0,) for h in half]
    corners = np.stack(np.meshgrid(*sides, indexing="ij"), -1).reshape(-1, k)
    slip = abs(np.linalg.inv(T)) @ abs(T) @ (k * ULP * np.maximum(abs(low), abs(high)))  # of a centre, by rounding
    while len(centres):
        seen += len(centres)
        at = mass(centres @ T.T)
        if at.max() > value:
            climbed = mass.ascend(centres[[at.argmax()]] @ T.T)
            best, value = climbed[0], max(at.max(), mass(climbed)[0])
        bound = at + (half + slip) @ (half + slip)  # W is the unit matrix in these coordinates
        open_ = bound > value + tol
        if seen > max_boxes or (half <= slip).all():
            open_[:] = False
        upper = max(upper, bound[~open_].max(initial=-np.inf))
        half = half / 2
        centres = (centres[open_][:, None] + corners * 2 * half).reshape(-1, k)
    return max(upper, value) + mass.rounding(value), best, value


def highest(mass, y):
    """(y*, log c(y*)) of the best codeword among y (m, k) and the anchors."""
    anchors, at = mass.anchors()
    y, values = np.vstack([y, anchors]), np.append(mass(y), at)
    return y[values.argmax()], values.max()


def lower_bound_all_codebooks(
    source, fidelities, multipliers, potentials, *, tol=1e-8, start=None, max_boxes=MAX_BOXES
):
    """A lower bound in bits on I(X;Y) of every encoder into any codebook in R^k that meets the budgets.

        sum_i p_i a_i - lam . D - sup_{y in R^k} log sum_i p_i exp(a_i - s_i(y)), over log 2.

    source: Source; fidelities: one or more Fidelity with squared error or Mahalanobis; multipliers: lam >= 0, (R,),
    nats per unit distortion, one a budget row, infinite ones for budgets of zero alone, where they bound best:
    lam_r D_r is zero and exp(-lam_r d) one at d = 0, zero elsewhere; potentials: a, (n,), nats; tol: bits that the
    bound may lose in the branch and bound; start: (m, k) codewords to climb from; max_boxes: evaluations after which
    branch and bound stops and the bound may lose more.
    Valid for any such numbers, so also for those of an interrupted solve.

    Raises ValueError where shapes disagree, a multiplier is negative, no number or infinite at a budget above zero,
    `start` has another dimension than the source or holds no finite numbers, or a distortion is not quadratic.
    Source: Blahut (1972); Berger (1971), theorem 2.5.2 for arbitrary reproduction alphabets.
    """
    problem = Problem(source, source.mean[None], fidelities)
    given = np.asarray(multipliers, float)
    lam, a = dual_point(problem, np.where(given == np.inf, 0.0, given), potentials)
    if (problem.rows.D[given == np.inf] > 0).any():
        raise ValueError(f"multipliers are {given}; expected numbers >= 0, infinite at budgets of zero alone")
    _ = problem.metrics  # refuses measures that are not quadratic
    start = None if start is None else as_codewords(start, "start", source.x.shape[1])
    mass = codeword_mass(problem, given, a)
    upper, _, _ = supremum(mass, tol * NATS_PER_BIT, start, max_boxes)
    return bound_over(source.p, problem.rows.D, lam, a, upper)


def bound_over(p, budgets, multipliers, potentials, upper):
    """sum_i p_i a_i - lam . D - upper in bits, rounding taken off."""
    a = np.where(p > 0, potentials, 0.0)  # letters of probability zero have no say
    mean, charge = p @ a, multipliers @ budgets
    return float(mean - charge - upper - 8 * ULP * (p @ abs(a) + charge)) / NATS_PER_BIT


def codeword_mass(problem, multipliers, potentials):
    """The CodewordMass of a problem's source and fidelities at given dual variables, infinite multipliers too."""
    endless = multipliers == np.inf
    with np.errstate(divide="ignore"):
        log_weights = np.log(problem.source.p) + potentials
    exact = (problem.rows.weights[endless] > 0).any(axis=0)
    slopes = problem.rows.slopes(np.where(endless, 0.0, multipliers))
    return CodewordMass(problem.source.x, problem.metrics, slopes, log_weights, exact)


def as_codewords(values, what, k):
    """A finite float array (m, k) of codewords; `what` names it in the error, and k is the source's dimension."""
    y = as_points(values, what)
    if y.shape[1] != k:
        raise ValueError(f"{what} has dimension {y.shape[1]}; expected {k}, that of the source points")
    return y
