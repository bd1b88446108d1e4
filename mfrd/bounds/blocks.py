"""What a finite block costs: dispersion, the normal approximation, and a converse that is proven.

R(D) is a limit. A code of M codewords for blocks of N letters, each drawn from the source by itself, breaks some budget
of its block with probability `excess` at most. With the dual variables of a certificate,
    j(x) = a(x) - lam . D - log sup c   (nats),   E j(X) = the certified bound, nowhere above R,
where the price of a subset's mean stands inside, lam_r w_r(x) D_r in place of lam_r D_r, for a block's own share of the
subset is random. Markov's inequality for E exp(sum_t a(X_t) - s(X_t, y_t)) <= (sup c)^N and a union over the codewords
give (Kostina and Verdu 2012, theorem 7; any number of budgets, each held by the block as a whole)
    log M >= u + log(P[sum_t j(X_t) >= u] - excess)      for every u.
The probability is bounded from below in integers. j is rounded down to a grid of step h, and what is lost, a sum of
terms in [0, h], is with probability 1 - eta above its mean less h sqrt(N log(1 / eta) / 2) (Hoeffding 1963). Powers of
the polynomial of the grid's probabilities are taken by squaring, in fixed point rounded down, with the far tails left
out: both only lower the bound. Where it is less, Bernstein's (1924) sqrt(2 v N log(1 / eta)) + h log(1 / eta) / 3 is
taken in Hoeffding's place, v the variance of what is lost.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.special import ndtri

from ..problems.distortion import hamming
from ..problems.fidelity import InfeasibleFidelity
from ..problems.units import NATS_PER_BIT
from ..solvers.choice import solve
from ..solvers.solution import Solution
from .exchange import Limit

BINS = 2**17  # of the grid, over SIGMAS standard deviations of the sum on either side
SIGMAS = 9.0
TAIL = 45.0  # nats: what lies beyond is left out of each partial sum (Bernstein 1924)
FIXED = 100  # binary places of a probability
U = 2.0**-53  # half a unit in the last place of one
KINK = 0.02  # share by which a price may change where its budget does by STEP of itself
STEP = 1e-4


@dataclass(frozen=True)
class FiniteBlocks:
    """What blocks of n letters cost, bits a sample.

    Attributes
    ----------
    n : int
        Letters a block.
    excess : float
        The share of blocks that may break a budget.
    rate, lower_bound : float
        R of unlimited blocks: reached, and certified from below.
    dispersion : float
        V = Var j(X), bits^2.
    normal : float
        R + sqrt(V / n) Q^-1(excess), the normal approximation: no bound.
    converse : float
        No code has fewer: proven.
    achievable : float or None
        Some code has no more, by random coding: for equally likely letters under Hamming distortion, where it can be
        computed without loss; None for other sources.

    References
    ----------
    Kostina and Verdu (2012), Fixed-length lossy compression in the finite blocklength regime.
    """

    n: int
    excess: float
    rate: float
    lower_bound: float
    dispersion: float
    normal: float
    converse: float
    achievable: float | None


def finite_blocklength(answer: Solution | Limit, n: int, excess: float = 0.1) -> FiniteBlocks:
    """What blocks of n letters cost, for codes that break a budget in a share `excess` of blocks at most.

        R + sqrt(V / n) Q^-1(excess), and a proven converse

    For a Solution the converse holds for reproductions in its codebook, for a Limit for all. Codes of variable length
    that keep their budgets in the mean are another matter: R(D) bounds them at every n.

    Parameters
    ----------
    answer : Solution or Limit
        Whose dual variables are used. Joint and subset budgets, each kept by the block as a whole.
    n : int
        Letters a block, from 1 to 10^7.
    excess : float
        Between 0 and 1.

    Returns
    -------
    FiniteBlocks

    Raises
    ------
    ValueError
        Where n is no whole number from 1 to 10^7, excess is not between 0 and 1, the answer has no encoder, a budget is
        stated per letter, or R has a kink at a budget, where the dispersion is undefined.

    References
    ----------
    Kostina and Verdu (2012); Hoeffding (1963).

    Examples
    --------
    >>> import mfrd
    >>> coin = mfrd.Problem(mfrd.Source([0, 1], [0.5, 0.5]), [0, 1], mfrd.Fidelity(0.11, distortion=mfrd.hamming))
    >>> blocks = mfrd.finite_blocklength(mfrd.solve(coin, "newton"), 100, 0.01)
    >>> round(blocks.converse, 4), round(blocks.achievable, 4)
    (0.5279, 0.5501)
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n <= 10**7:
        raise ValueError(f"n is {n!r}; expected a whole number of letters a block, from 1 to 10^7")
    if not (isinstance(excess, (int, float, np.floating)) and 0 < excess < 1):
        raise ValueError(f"excess is {excess!r}; expected a share of blocks between 0 and 1, neither included")
    if not isinstance(answer, (Solution, Limit)):
        raise ValueError(
            f"{type(answer).__name__} is no answer for letters; expected a Solution or a Limit of a source"
        )
    solution = answer.solution if isinstance(answer, Limit) else answer
    if solution.encoder is None:
        raise ValueError("the solution is infeasible, so it has no rate; expected one with an encoder")
    for f in solution.problem.fidelities:
        if f.per == "letter":
            raise ValueError(f'{f.name}: per="letter" is no budget of a block; expected per="joint" or "subset"')
    check_smooth(solution)
    n, excess = int(n), float(excess)
    p, j = tilted(answer)
    dispersion = float(p @ (j - p @ j) ** 2)
    normal = float(answer.rate + math.sqrt(dispersion / n) * -ndtri(excess) / NATS_PER_BIT)
    converse, achievable = least_log_words(p, j, n, excess), None
    symmetric = alike(solution)
    if symmetric is not None:
        least, most = volumes(len(p), n, symmetric, excess)
        converse, achievable = max(converse, least), most / (n * NATS_PER_BIT)
    return FiniteBlocks(
        n,
        excess,
        answer.rate,
        answer.lower_bound,
        dispersion / NATS_PER_BIT**2,
        normal,
        max(0.0, converse) / (n * NATS_PER_BIT),
        achievable,
    )


def tilted(answer: Solution | Limit) -> tuple[np.ndarray, np.ndarray]:
    """(p, j): the probabilities that are not zero, and j(x) rounded down, nats, (n,) each."""
    problem = answer.solution.problem if isinstance(answer, Limit) else answer.problem
    live = problem.source.p > 0
    p, a, lam = problem.source.p[live], answer.potentials[live], answer.multipliers
    inside = np.zeros(len(p))
    for r, k in enumerate(problem.rows.owner):
        if problem.fidelities[k].per == "subset":
            charge = lam[r] * problem.rows.D[r]
            inside += charge - charge * problem.rows.weights[r, live]
    j = a + inside
    proven = answer.lower_bound if isinstance(answer, Limit) else answer.certificate
    j = j - p @ j + proven * NATS_PER_BIT
    size = abs(a) + abs(inside)
    return p, j - 4 * U * ((len(p) + 16) * (p @ size) + 4 * size + abs(j))


def least_log_words(p: np.ndarray, j: np.ndarray, n: int, excess: float) -> float:
    """A lower bound on log M, nats: the most of u + log(P[sum j >= u] - excess) over the points u of a grid."""
    if np.ptp(j) <= 1e-12 * (1 + abs(j).max()):  # one value, but for rounding
        return n * j.min() + math.log1p(-excess)
    h = 2 * SIGMAS * math.sqrt(n * float(p @ (j - p @ j) ** 2)) / BINS
    place = np.floor((j - j.min()) / h).astype(int)
    lost = j - j.min() - h * place
    first, weights = power(p, place, n)
    above = np.cumsum(weights[::-1])[::-1]  # P[sum of places >= first + k], rounded down
    best = -math.inf
    for eta in excess * np.array([1e-1, 1e-2, 1e-3, 1e-4]):
        L, variance = math.log(1 / eta), float(p @ (lost - p @ lost) ** 2)
        short = min(h * math.sqrt(n * L / 2), math.sqrt(2 * variance * n * L) + h * L / 3)
        slack = n * (p @ lost) * (1 - (len(p) + 8) * U) - short * (1 + (len(p) + 16) * U)
        margin = above - eta - excess
        u = n * j.min() + h * (first + np.arange(len(above))) + slack
        good = margin > 0
        if good.any():
            best = max(best, float((u[good] + np.log(margin[good])).max()))
    return best - 16 * U * (abs(best) + n * abs(j).max())


def power(p: np.ndarray, place: np.ndarray, n: int) -> tuple[int, np.ndarray]:
    """(first, weights): P[sum of n places = first + k], rounded down, by squaring; far tails are left out."""
    from flint import fmpz_poly

    one, total = 1 << FIXED, sum(map(Fraction, p.tolist()))
    exact = [0] * (int(place.max()) + 1)
    for weight, k in zip(p.tolist(), place.tolist()):
        exact[k] += math.floor(Fraction(weight) / total * one)
    mean, variance, most = p @ place, p @ (place - p @ place) ** 2, abs(place - p @ place).max()

    def product(left: tuple, right: tuple) -> tuple:
        """(first, polynomial, letters) of a sum of both, without its far tails."""
        letters, start = left[2] + right[2], left[0] + right[0]
        values = (left[1] * right[1]).coeffs()
        reach = math.sqrt(2 * TAIL * variance * letters) + 2 * TAIL * most / 3 + 1
        low = max(0, math.floor(letters * mean - reach) - start)
        high = max(low, math.ceil(letters * mean + reach) - start)
        return start + low, fmpz_poly([value >> FIXED for value in values[low : high + 1]]), letters

    factor, result = (0, fmpz_poly(exact), 1), (0, fmpz_poly([one]), 0)
    while n:
        if n & 1:
            result = product(result, factor)
        n >>= 1
        if n:
            factor = product(factor, factor)
    weights = np.array([float(int(value)) for value in result[1].coeffs()]) / float(one)
    return result[0], weights * (1 - (len(weights) + 8) * U)


def alike(solution: Solution) -> float | None:
    """D of a single Hamming budget on all of equally likely letters, each a codeword; None for other problems."""
    problem, p = solution.problem, solution.problem.source.p
    f, *others = problem.fidelities
    if others or f.distortion is not hamming or not f.mask(problem.n).all() or (p != p[0]).any():
        return None
    letters = np.unique(problem.source.x, axis=0)
    same = len(letters) == problem.n and np.array_equal(letters, np.unique(problem.y, axis=0))
    return f.D if same else None


def volumes(q: int, n: int, D: float, excess: float) -> tuple[float, float]:
    """(least, most) log M, nats, for n equally likely letters of q and Hamming distortion D, from the ball's share.

    B = q^-n sum_{k <= n D} C(n, k) (q - 1)^k of all blocks lies within D of a codeword: 1 - excess <= M B, and M
    codewords drawn at random leave a share (1 - B)^M of blocks without one.
    """
    k = math.floor(Fraction(D) * n)
    term, ball = 1, 1
    for i in range(1, k + 1):
        term = term * (n - i + 1) * (q - 1) // i
        ball += term
    log_share = log_of(ball) - n * math.log(q)
    least = math.log1p(-excess) - log_share
    if log_share > -30:
        share = math.exp(log_share)
        words = math.ceil(math.log(excess) / math.log1p(-share)) if share < 1 else 1
        return least - 1e-12 * n, math.log(words) + 1e-12 * n
    return least - 1e-12 * n, math.log(-math.log(excess)) - log_share + 1e-9 + 1e-12 * n  # M + 1 words at most


def log_of(value: int) -> float:
    """log of a whole number of any size."""
    shift = max(value.bit_length() - 64, 0)
    return math.log(value >> shift) + shift * math.log(2)


def check_smooth(solution: Solution) -> None:
    """A ValueError where a price jumps at its budget: R has a kink there, its price is not unique, nor is V."""
    for f in solution.problem.fidelities:
        near = [solution.problem.with_budget(f.name, f.D * (1 + step)) for step in (-STEP, STEP)]
        try:
            steep, flat = (solve(problem, "newton").prices[f.name] for problem in near)
        except InfeasibleFidelity:
            steep, flat = np.inf, 0.0
        if not np.isfinite(steep) or steep - flat > KINK * steep:
            raise ValueError(
                f"{f.name}: R has a kink at {f.D:g}, where its price falls from {steep:.4g} to {flat:.4g} bits a unit; "
                "expected a budget beside it: at a kink the dispersion is undefined"
            )
