"""The supremum of c(y) by Chebyshev series on boxes, where every s_i(y) is a sum over axes.

In coordinates u with y = o + T u in which all metrics are diagonal,
    c(y) = sum_i b_i prod_a exp(-theta_ia (x_ia - u_a)^2),
values on a grid of nodes are one matrix product, and c is entire: on a box of half-sides r the interpolant p of degree
d in each variable, at the zeros of T_(d+1), is near it. On the Bernstein ellipse rho of one variable, whose half-axes
are R = r (rho + 1 / rho) / 2 and v = r (rho - 1 / rho) / 2, a term is at most exp(theta v^2 - theta g^2), with g its
distance from the ellipse's shadow [-R, R]; with M the sum of these bounds over the box,
    |c - p| <= sum_a L^(a-1) e_a,   e_a = 4 M_a rho^-d / (rho - 1),   L = 1 + (2 / pi) log(d + 1)
(Trefethen 2013, theorem 8.2; Rivlin 1974 for L at zeros; one variable after the other). Boxes where that is too much
are halved before they are evaluated, and those dropped on which the sum of the terms' maxima does not reach the best
value known.

On part of a box p has another Chebyshev series, the old one times a small matrix an axis, so that halving on costs
nothing of the n letters. Since |T_j| <= 1, p is at most the maximum of its terms of total degree two, a quadratic whose
tangent plane bounds it, plus the sum of the other coefficients' sizes: near a maximum the excess falls with the third
power of the side, and a few halvings close even what is flat.

Rounding (u = 2^-53, N = d + 1). Slopes times 1 - 4 eta make c too large by more than all that moves s_i: metrics
diagonal to within eta / 2, their sums to within (G + 9) u, and points within delta, since
(t - delta)^2 >= (1 - eta) t^2 - delta^2 / eta, whose last term is added to the exponent. Nearly singular metrics are
turned in rationals, and points that are known the worse there have a larger eta. What is computed from there:
    a box    its centre is off by 64 u (|centre| + 2 half) after sixty halvings: its half-side is enlarged by that;
    a value  b_i exp(-t), t = sum_a theta (x - u)^2, is off by 4 u t and 2 sqrt(theta t) |delta u|, with
             |delta u| <= 8 u (|centre| + half) of a node; terms of t > 64 are below n e^-64 sup c together, since
             b_i <= c(x_i) <= sup c, and so are those of b_i < e^-64 sup c: in all
             (n + 400 k) u + n e^-64 + sum_a 128 u sqrt(theta_a) (|centre| + half), or in place of 16 sqrt(theta_a)
             sum_i b_i sqrt(2 theta_ia / e) / sup c, since a term's slope is nowhere more;
    p        is off by L^k times that, and its coefficients by k (N + 4) u (4 / pi)^k sup c each;
    a part   T_n is off by (4 n^2 + 10 n + 4) u at a node; N values that are off by e add at most sqrt(2 N) e to the sum
             of the coefficients' sizes, and matrix products N (N + 4) u 4 / pi and (N + 1) u: `worn`;
    a bound  the terms of degree two by (40 k + 180) u of their sizes, an eigenvalue by 10 k u |H|.
The first of these are relative to sup c, together `rounding`, and that is resolved: sup c <= B / (1 - rounding).
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Self

import numpy as np

from ..problems.rounding import two_sum
from ..solvers.certificate import log_sum

UNIT = 2.0**-53
DEGREE = {1: 24, 2: 20, 3: 14}  # of the series in each variable
RADII = (0.6, 1.0, 1.6)  # of the Bernstein ellipses tried, in units of sqrt(2 d / theta) / r
FLAT = 64.0  # nats below which the terms of c are nothing
SHARE = 0.02  # of the tolerance, that the remainder may take
WIDE, MANY = 4.0, 32  # half-sides in widths of c above which no series serves; parts up to which they are halved unseen
AT_ONCE = 4_000_000  # numbers held at once
QUARTERS = np.array([[-0.75], [-0.25], [0.25], [0.75]])  # of a box on the line: what is wider closes nothing there
LEAST = 1e-9  # of a series' box: parts so small are not halved
ETA = 1e-13  # by which slopes shrink to cover rounding
SPREAD = 0.2  # of the largest error of a point, in widths of c, that eta is at the least
COUPLED = 1e-9  # eta of coordinates that no longer count as separating the metrics


class Separated:
    """c(y) = sum_i b_i prod_a exp(-theta_ia (x_ia - u_a)^2) from above, in coordinates where all metrics are diagonal.

    T: (k, k), y = origin + T u; x: (n, k); theta: (n, k), shrunk; log_b: (n,), raised.
    """

    def __init__(self, T: np.ndarray, x: np.ndarray, theta: np.ndarray, log_b: np.ndarray, origin: np.ndarray):
        self.T, self.x, self.theta, self.log_b, self.origin = T, x, theta, log_b, origin

    @classmethod
    def of(
        cls, metrics: np.ndarray, slopes: np.ndarray, points: np.ndarray, log_b: np.ndarray, origin: np.ndarray
    ) -> Self | None:
        """That of metrics (G, k, k), slopes (G, n), points (n, k), or None where no coordinates separate them."""
        k, seen = points.shape[1], np.isfinite(log_b)
        slopes, points, log_b = slopes[:, seen], points[seen], log_b[seen]
        if not len(metrics) or not slopes.any():
            return None
        top = np.einsum("g,gab->ab", slopes.max(axis=1), metrics)
        if not (metrics * (1 - np.eye(k))).any():
            T = np.diag(1 / np.sqrt(top.diagonal()))
        else:
            root = np.linalg.inv(np.linalg.cholesky(top))
            mixed = np.einsum("g,gab->ab", slopes.max(axis=1) * (1 + 0.618 * np.arange(len(metrics)) % 1), metrics)
            T = root.T @ np.linalg.eigh(root @ mixed @ root.T)[1]
        turned, error = T.T @ metrics @ T, 4 * k * UNIT * (abs(T.T) @ abs(metrics) @ abs(T))
        eta = coupling(turned, error)
        if not eta <= COUPLED:
            turned = np.array([exact_congruence(T, M) for M in metrics])
            eta = coupling(turned, 2 * UNIT * abs(turned))
        if not eta <= COUPLED:
            return None
        eta, mu = max(ETA, eta), np.einsum("gaa->ga", turned)
        inverse, (about, rest) = np.linalg.inv(T), two_sum(points, -origin)
        residual = (abs(np.eye(k) - inverse @ T) + 2 * (k + 1) * UNIT * abs(inverse) @ abs(T)).sum(axis=1).max()
        if residual > 0.01:
            return None
        x = about @ inverse.T
        lost = abs(about - x @ T.T) + 4 * (k + 1) * UNIT * (abs(x) @ abs(T).T + abs(about)) + abs(rest)
        delta = lost @ abs(inverse).T  # |T^-1| is at most 1 + 1.02 residual times that
        delta = 1.01 * (delta + 1.02 * residual * delta.max(axis=1, keepdims=True))
        theta = slopes.T @ mu
        eta = max(eta, SPREAD * float((np.sqrt(theta) * delta).max()))  # more lets delta^2 / eta cost less
        raised = log_b + (theta * delta**2).sum(axis=1) / eta + 8 * UNIT * abs(log_b)
        return cls(T, x, theta * (1 - 4 * eta), raised, origin)

    def codewords(self, u: np.ndarray) -> np.ndarray:
        """y of u, (m, k)."""
        return self.origin + u @ self.T.T

    def __call__(self, y: np.ndarray) -> float:
        """log c at a codeword y, (k,)."""
        u = np.linalg.solve(self.T, y - self.origin)
        return float(log_sum(self.log_b - (self.theta * (self.x - u) ** 2).sum(axis=1), axis=0))

    def box(self) -> tuple[np.ndarray, np.ndarray]:
        """(low, high) of u, (k,) each: that of the letters with a price holds a maximiser, since clipping raises c."""
        priced = self.theta.any(axis=1)
        return self.x[priced].min(axis=0), self.x[priced].max(axis=0)

    def on_grid(self, axes: list[np.ndarray]) -> np.ndarray:
        """log c on the grid of the axes, (m_1, .., m_k): a matrix product for some letters at a time."""
        shift, c = self.log_b.max(), np.zeros([len(axis) for axis in axes])
        width = max(1, AT_ONCE // max(1, c.size // max(c.shape)))
        for s in range(0, len(self.x), width):
            x, theta, b = (whole[s : s + width] for whole in (self.x, self.theta, self.log_b))
            factors = [np.exp(-t * np.subtract.outer(u, z) ** 2) for u, z, t in zip(axes, x.T, theta.T)]
            c += product(np.exp(b - shift), factors)
        with np.errstate(divide="ignore"):
            return np.log(c) + shift

    def peaks(self, spacing: float, most: int) -> np.ndarray:
        """Codewords, (m, k), where c on a grid is above its neighbours; spacing: in units of the width of c.

        Where that takes more than `most` points a side, the letters as well, near which c has its maxima then.
        """
        axes, letters = [], np.unique(self.x, axis=0)
        if all((high - low) / spacing <= most for low, high in zip(*self.box())):
            letters = letters[:0]
        for low, high in zip(*self.box()):
            axes.append(np.linspace(low, high, int(min(most, 2 + (high - low) / spacing))) if high > low else [low])
        axes = [np.asarray(axis) for axis in axes]
        values = self.on_grid(axes)
        around, top = np.pad(values, 1, constant_values=-np.inf), np.isfinite(values)
        inner = tuple(slice(1, -1) for _ in axes)
        for step in np.ndindex(*[3] * len(axes)):
            top &= values >= np.roll(around, np.array(step) - 1, tuple(range(len(axes))))[inner]
        place = np.argwhere(top)
        return self.codewords(np.vstack([np.column_stack([axis[i] for axis, i in zip(axes, place.T)]), letters]))


def coupling(turned: np.ndarray, error: np.ndarray) -> float:
    """eta of metrics in other coordinates, (G, k, k), known up to errors (G, k, k); infinite where one is no metric.

    A metric is diagonal but for eta / 2: twice the largest sum of |off-diagonal entries| of a row of the metric with
    the diagonal one.
    """
    mu = np.einsum("gaa->ga", turned)
    if not (mu > 0).all():
        return np.inf
    root, off = np.sqrt(mu), abs(turned * (1 - np.eye(turned.shape[1]))) + error
    return 2 * float((off / root[:, :, None] / root[:, None]).sum(axis=2).max())


def exact_congruence(T: np.ndarray, M: np.ndarray) -> np.ndarray:
    """T' M T, (k, k), each entry rounded once from the rational that it is.

    Where M is nearly singular, products in floats lose its condition number; T itself is off by the root of that alone.
    """
    k, t, m = range(len(T)), exact(T), exact(M)
    return np.array([[float(sum(t[c][a] * m[c][d] * t[d][b] for c in k for d in k)) for b in k] for a in k])


def exact(M: np.ndarray) -> list[list[Fraction]]:
    """The entries of a matrix as rationals."""
    return [[Fraction(v) for v in row] for row in M.tolist()]


def product(b: np.ndarray, factors: list[np.ndarray]) -> np.ndarray:
    """sum_i b_i prod_a factors[a][.., m_a, i], (.., m_1, .., m_k)."""
    first, *others = factors
    first = first * b
    if not others:
        return first.sum(axis=-1)
    for second in others[:-1]:
        first = (first[..., :, None, :] * second[..., None, :, :]).reshape(*first.shape[:-2], -1, first.shape[-1])
    last = first @ others[-1].swapaxes(-1, -2)
    return last.reshape(*last.shape[:-2], *(f.shape[-2] for f in factors))


def along(tensors: np.ndarray, mats: list[np.ndarray]) -> np.ndarray:
    """Tensors (B, N, .., N) with the matrices (B or 1, M, N) of each axis applied, (B, M, .., M)."""
    for matrix in mats:  # each turn takes the first axis and puts it last
        shape = tensors.shape
        flat = tensors.reshape(shape[0], shape[1], -1)
        tensors = np.matmul(flat.swapaxes(1, 2), matrix.swapaxes(1, 2)).reshape(shape[0], *shape[2:], -1)
    return tensors


class Series:
    """Chebyshev series of degree d: nodes, and the matrices from values and from series on a larger interval."""

    def __init__(self, d: int):
        self.d, self.N = d, d + 1
        angle = np.pi * (np.arange(self.N) + 0.5) / self.N
        self.nodes = np.cos(angle)
        self.transform = 2 / self.N * np.cos(np.outer(np.arange(self.N), angle))  # values -> coefficients
        self.transform[0] /= 2
        self.lebesgue = 1 + 2 / np.pi * np.log(self.N)
        n = np.arange(self.N)
        self.worn = (np.sqrt(2 * self.N) * (4 * n**2 + 10 * n + 4) + 1.5 * self.N * (self.N + 4) + self.N + 1) * UNIT

    def sizes(self, C: np.ndarray) -> np.ndarray:
        """What rounding may add to the bound of a part of series C, (B, N, .., N), over its matrices' norms, (B,)."""
        k = C.ndim - 1
        weight = sum(np.moveaxis(self.worn[(..., *[None] * (k - 1))], 0, a) for a in range(k))
        return 1.01 * (abs(C) * weight).reshape(len(C), -1).sum(axis=1)

    def part(self, middle: np.ndarray, half: float) -> np.ndarray:
        """Matrices to the series on [middle - half, middle + half] within [-1, 1], (m,) -> (m, N, N)."""
        t = np.clip(middle[:, None] + half * self.nodes, -1, 1)
        return np.matmul(self.transform, np.cos(np.arange(self.N) * np.arccos(t)[..., None]))


def quadratic_bound(C: np.ndarray) -> np.ndarray:
    """Upper bounds, (B,), of Chebyshev series C, (B, N, .., N), over [-1, 1]^k.

    The terms of total degree two, q, lie below the tangent plane at any t* plus what curvature lifts off it,
    max(0, largest eigenvalue) |t - t*|^2 / 2; the others below the sum of their sizes, which bounds all where q is
    not concave.
    """
    B, k = len(C), C.ndim - 1
    unit = np.eye(k, dtype=int)
    at = lambda *index: C[(slice(None), *index)]
    constant = at(*([0] * k))
    g = np.stack([at(*unit[a]) for a in range(k)], -1)
    H = np.zeros((B, k, k))
    for a in range(k):
        H[:, a, a] = 4 * at(*(2 * unit[a]))
        for b in range(a):
            H[:, a, b] = H[:, b, a] = at(*(unit[a] + unit[b]))
    diagonal = np.einsum("baa->ba", H)
    low = constant - diagonal.sum(axis=1) / 4
    sizes, order = abs(C), np.indices(C.shape[1:]).sum(axis=0)
    rest = (sizes * (order > 2)).reshape(B, -1).sum(axis=1) * (1 + (order.size + 2) * UNIT)
    few = (sizes * (order <= 2)).reshape(B, -1).sum(axis=1)
    t = np.zeros((B, k))
    for _ in range(4 if k > 1 else 1):  # coordinate ascent within the box
        for a in range(k):
            slope = g[:, a] + np.einsum("bc,bc->b", H[:, a], t) - diagonal[:, a] * t[:, a]
            with np.errstate(divide="ignore", invalid="ignore"):
                inner = np.clip(-slope / diagonal[:, a], -1, 1)
            t[:, a] = np.where(diagonal[:, a] < 0, inner, np.sign(slope))
    Ht = np.einsum("bac,bc->ba", H, t)
    slope = g + Ht
    tangent = np.maximum(slope * (1 - t), -slope * (1 + t)).sum(axis=1)
    off = 10 * k * UNIT * abs(H).sum(axis=(1, 2))
    lift = np.maximum(np.linalg.eigvalsh(H)[:, -1] + off, 0) if k > 1 else np.maximum(diagonal[:, 0], 0)
    bound = low + (g * t).sum(axis=1) + (Ht * t).sum(axis=1) / 2 + tangent
    bound += lift * ((1 + abs(t)) ** 2).sum(axis=1) / 2
    return np.minimum(bound, constant + (few - abs(constant))) + (40 * k + 180) * UNIT * few + rest * (1 + 4 * UNIT)


def distinct_sides(centres: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(the distinct coordinates of centres (B, k), (U,); which of them each box has, (B,)) of each axis."""
    return [np.unique(axis, return_inverse=True) for axis in centres.T]


def ladder(theta: np.ndarray) -> np.ndarray:
    """The largest of the slopes theta, (n,), and quarters of them that are far below the one before: (1 to 4,)."""
    steps = np.quantile(theta, (1.0, 0.75, 0.5, 0.25), method="higher")
    return steps[np.append(True, (steps[1:] < 0.1 * steps[:-1]) & (steps[1:] > 0))]


def children(half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(offsets of the children's centres, (2^s, k); their half-sides), in a box's: its longer sides are halved."""
    split = half >= 0.5 * half.max()
    offsets = np.meshgrid(*[(-0.5, 0.5) if s else (0.0,) for s in split], indexing="ij")
    return np.stack(offsets, -1).reshape(-1, len(half)), np.where(split, 0.5, 1.0)


class Search:
    """Branch and bound on c(u) exp(-shift) over the box of a Separated mass, for a bound within tol of the best value.

    best: log c of the best codeword known; climb: u (k,) -> log c of the maximum above it; boxes: how many may still
    be looked at; upper: the largest bound of a closed box; rounding: the largest relative error of a value.
    """

    def __init__(self, mass: Separated, tol: float, best: float, climb: Callable, boxes: int):
        low, high = mass.box()
        self.kept, self.low, self.climb, self.tol, self.boxes = high > low, low, climb, tol, boxes
        self.best, self.shift = best, max(best, mass.log_b.max())
        self.x, self.theta = mass.x[:, self.kept], mass.theta[:, self.kept]
        flat = (mass.theta[:, ~self.kept] * (mass.x[:, ~self.kept] - low[~self.kept]) ** 2).sum(axis=1)
        self.b, (self.n, self.k) = np.exp(mass.log_b - self.shift - flat), self.x.shape
        self.middle, self.half = (low + high)[self.kept] / 2, (high - low)[self.kept] / 2
        self.upper = self.rounding = 0.0

    def run(self) -> float:
        """An upper bound of log c over R^k."""
        if self.k:
            self.series = Series(DEGREE[self.k])
            self.slip = 64 * UNIT * (abs(self.middle) + 2 * self.half)  # of a box's sides, by rounding
            self.halve(*self.parts())
        else:
            self.close(np.array([self.b.sum() * (1 + (self.n + 4) * UNIT)]))
        upper = max(self.upper, np.exp(self.best - self.shift))
        return float(np.log(upper / (1 - self.rounding)) + self.shift + 8 * UNIT * (abs(self.shift) + 1))

    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """(centres, half-sides) of equal parts of the box, (B, k) and (k,), as long as none could be a last one."""
        centres, half = self.middle[None], self.half
        while half.max() > WIDE and len(centres) < MANY:
            offsets, share = children(half)
            centres, half = (centres[:, None] + offsets * half).reshape(-1, self.k), half * share
        return centres, half

    @property
    def target(self) -> float:
        """The bound at which a box is closed."""
        return np.exp(self.best - self.shift + self.tol)

    def close(self, bounds: np.ndarray) -> None:
        """Boxes of these bounds are not looked at again."""
        self.upper = max(self.upper, bounds.max(initial=0.0))

    def climb_from(self, u: np.ndarray) -> None:
        """Climb from u in the axes that are kept."""
        whole = self.low.copy()
        whole[self.kept] = u
        self.best = max(self.best, self.climb(whole))

    def halve(self, centres: np.ndarray, half: np.ndarray) -> None:
        """Halve boxes until a series serves on each, or no letter reaches the best value there."""
        while len(centres):
            self.boxes -= len(centres)
            wide = half + self.slip
            crude, rest = self.terms(centres, wide)
            known = np.exp(self.best - self.shift)
            done = (crude <= known) if self.boxes > 0 else np.ones(len(centres), bool)
            self.close(crude[done])
            serves = ~done & (rest <= SHARE * self.tol * known)
            if serves.any():
                self.descend(centres[serves], wide, rest[serves])
            offsets, share = children(half)
            centres = (centres[~done & ~serves][:, None] + offsets * half).reshape(-1, self.k)
            half = half * share

    def terms(self, centres: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(sum of the terms' maxima, the series' remainder) on boxes, (B,) each."""
        axes, d = distinct_sides(centres), self.series.d
        real: list[np.ndarray] = []
        ellipses: list[list[tuple[float, np.ndarray]]] = []
        for (c, _), x, theta, r in zip(axes, self.x.T, self.theta.T, half):
            away = abs(np.subtract.outer(c, x))  # (U, n)
            real.append(np.exp(-theta * np.maximum(away - r, 0) ** 2))
            ellipses.append([])
            for radius in np.outer(RADII, 1 / np.sqrt(ladder(theta))).ravel():
                rho = max(1.5, radius * np.sqrt(2 * d) / r)
                shadow, v = r * (rho + 1 / rho) / 2, r * (rho - 1 / rho) / 2
                with np.errstate(over="ignore"):
                    on_ellipse = np.exp(theta * (v**2 - np.maximum(away - shadow, 0) ** 2))
                ellipses[-1].append((4 * rho ** -float(d) / (rho - 1), on_ellipse))
        crude, rest, width = np.zeros(len(centres)), np.zeros(len(centres)), max(1, AT_ONCE // (self.n * (self.k + 2)))
        for s in range(0, len(centres), width):
            part = slice(s, s + width)
            at = [which[part] for _, which in axes]
            each = [factor[rows] for factor, rows in zip(real, at)]
            crude[part] = self.b @ np.prod(each, axis=0).T
            for a in range(self.k):
                weighted = self.b * np.prod([np.ones_like(each[a]), *each[:a], *each[a + 1 :]], axis=0)
                with np.errstate(over="ignore", invalid="ignore"):
                    e = [factor * np.einsum("bi,bi->b", on[at[a]], weighted) for factor, on in ellipses[a]]
                rest[part] += self.series.lebesgue**a * np.fmin.reduce(e)
        return crude * (1 + (self.n + 400 * self.k) * UNIT), rest * 1.01

    def coefficients(self, centres: np.ndarray, half: np.ndarray) -> np.ndarray:
        """The series of c on boxes, (B, N, .., N), by one matrix product a box."""
        axes, k, N = distinct_sides(centres), self.k, self.series.N
        factors = [
            np.exp(-theta * ((c[:, None] + r * self.series.nodes)[..., None] - x) ** 2)  # (U, N, n)
            for (c, _), x, theta, r in zip(axes, self.x.T, self.theta.T, half)
        ]
        width = max(1, AT_ONCE // (self.n * N ** max(1, k - 1)))
        parts = [slice(s, s + width) for s in range(0, len(centres), width)]
        values = [product(self.b, [f[which[p]] for f, (_, which) in zip(factors, axes)]) for p in parts]
        return along(np.concatenate(values), [self.series.transform[None]] * k)

    def descend(self, centres: np.ndarray, half: np.ndarray, rest: np.ndarray) -> None:
        """Close boxes on which a series serves, up to `rest`, halving them on the series alone."""
        series, k, N = self.series, self.k, self.series.N
        C = self.coefficients(centres, half)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # where the best value known underflows
            each = 1.01 * self.b @ np.sqrt(2 / np.e * self.theta) / np.exp(self.best - self.shift)
        steep = np.fmin(2 * np.sqrt(FLAT * self.theta.max(axis=0)), each)
        pulls = steep @ (8 * UNIT * (abs(centres).max(axis=0) + half))
        evaluated = (self.n + 400 * k) * UNIT + pulls + self.n * np.exp(-FLAT)
        self.rounding = max(self.rounding, series.lebesgue**k * evaluated + (1.3 * N) ** k * k * (N + 4) * UNIT)
        sizes = series.sizes(C)
        first = QUARTERS if k == 1 else np.zeros((1, k))
        owner, place = np.repeat(np.arange(len(C)), len(first)), np.tile(first, (len(C), 1))
        size = np.full(k, 1 / len(first))
        while len(owner):
            self.boxes -= len(owner)
            axes = distinct_sides(place)
            matrices = [series.part(c, r) for (c, _), r in zip(axes, size)]
            stretch = np.prod([abs(m).sum(axis=1).max() for m in matrices])
            bounds, width = np.empty(len(owner)), max(1, AT_ONCE // N**k)
            for s in range(0, len(owner), width):
                p = slice(s, s + width)
                within = along(C[owner[p]], [m[which[p]] for m, (_, which) in zip(matrices, axes)])
                bounds[p] = quadratic_bound(within) + rest[owner[p]] + stretch * sizes[owner[p]]
            widest = bounds.argmax()
            if bounds[widest] > self.target:
                self.climb_from(centres[owner[widest]] + place[widest] * half)
            finer = self.boxes > 0 and size.max() > LEAST and self.rounding < self.tol
            open_ = (bounds * (1 + self.rounding) > self.target) & finer
            self.close(bounds[~open_])
            offsets, share = children(size * half)
            place = (place[open_][:, None] + offsets * size).reshape(-1, k)  # exact, in binary fractions
            owner, size = np.repeat(owner[open_], len(offsets)), size * share
