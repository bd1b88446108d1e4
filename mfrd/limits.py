"""The limit over all codebooks: the least rate of any encoder into R^k, with a codebook that reaches it.

Exchange (Remez 1934; Gilmore and Gomory 1961): solve on a codebook, find the y with c(y) > 1 (supremum.py), add them,
drop what no letter uses, until branch and bound proves that none is left. Between, codewords that climb to one maximum
of c are one codeword, and Newton's method on codewords, masses and prices makes them exact.
"""

import logging
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from tqdm import tqdm

from .active import newton
from .certificate import dual_encoder, potentials
from .encoder import NATS_PER_BIT, Encoder
from .feasibility import interior, repair
from .fidelity import InfeasibleFidelity
from .problem import Problem
from .solution import Solution
from .stationary import Rows, stationary
from .supremum import bound_over, codeword_mass, matrices, supremum

log = logging.getLogger("mfrd")

ROUNDS = 60
SEEDS = {1: 200, 2: 24, 3: 10}  # grid points a side from which violating codewords are sought
SAME = 1e-5  # codewords nearer than this, in units of the width of c, have climbed to one maximum


@dataclass(frozen=True, eq=False)
class Limit:
    """The least rate over all codebooks: an encoder that nearly reaches it and a bound that no codebook beats.

    solution: Solution on .codebook, whose certificate knows that codebook alone; lower_bound: bits, over all
    codebooks; multipliers: lam, (R,), nats per unit distortion; potentials: a, (n,), nats: what proves it;
    status: "optimal" (gap within tolerance), "interrupted" or "stalled".

    .rate: I(X;Y) in bits; .gap = rate - lower_bound; .codebook: (m,) or (m, k), as the source's points; .encoder;
    .prices (bits per unit distortion) and .distortions by fidelity name.
    """

    solution: Solution
    lower_bound: float
    multipliers: np.ndarray
    potentials: np.ndarray
    status: str

    @property
    def encoder(self):
        return self.solution.encoder

    @property
    def codebook(self):
        return self.solution.encoder.codebook

    @property
    def rate(self):
        return self.solution.rate

    @property
    def gap(self):
        return self.rate - self.lower_bound

    @property
    def prices(self):
        return self.solution.prices

    @property
    def distortions(self):
        return self.solution.distortions

    def __repr__(self):
        return (
            f"Limit({self.status}, rate {self.rate:.7g} bits, gap {self.gap:.1e}, "
            f"{len(self.codebook)} codewords, prices {self.prices})"
        )


def limit(source, fidelities, *, tol=1e-6, codebook=None, progress=False):
    """The least I(X;Y) over all codebooks in R^k and all encoders within the budgets.

        min over y_1, y_2, ... in R^k of the rate of mfrd.solve, with a lower bound by branch and bound.

    source: Source, in one to three dimensions; fidelities: one or more Fidelity with squared error or Mahalanobis;
    tol: largest certified gap, bits; codebook: (m,) or (m, k) to start from, the source points otherwise; progress:
    show a bar with the gap. A KeyboardInterrupt ends the search and returns what it has, with its true gap and
    status "interrupted". -> Limit

    Raises ValueError where a distortion is not quadratic or the source has more than three dimensions.
    Source: Berger (1971), section 2.5; the exchange of Remez (1934).
    """
    k = source.x.shape[1]
    if k not in SEEDS:
        raise ValueError(f"source has dimension {k}; expected 1, 2 or 3: branch and bound grows with 2^k")
    points = np.unique(source.x[source.p > 0], axis=0)
    start = points if codebook is None else np.vstack([np.reshape(codebook, (-1, k)), points])
    matrices(Problem(source, points[:1], fidelities))
    return Search(source, fidelities, tol, progress).run(start)


class Search:
    """The exchange, with the best encoder and the best bound found so far."""

    def __init__(self, source, fidelities, tol, progress):
        self.source, self.fidelities, self.tol = source, fidelities, tol
        self.solution, self.bound, self.proof = None, 0.0, None
        self.progress = tqdm(total=1, disable=not progress, bar_format="{desc} {elapsed}")

    def run(self, y):
        """The Limit found from the codebook y, (m, k)."""
        status, start = "stalled", y
        try:
            with self.progress:
                for step in range(ROUNDS):
                    y = self.exchange(y, 1e-4 if step == 0 else 0.01 * self.tol)
                    if self.gap <= self.tol:
                        status = "optimal"
                        break
        except KeyboardInterrupt:
            status = "interrupted"
        return self.result(start, status)

    @property
    def gap(self):
        return np.inf if self.solution is None else self.solution.rate - self.bound

    def result(self, start, status):
        """The Limit of what has been found; before the first round that is any encoder within the budgets."""
        if self.solution is None:
            problem = Problem(self.source, self.shaped(start), self.fidelities)
            Q, support = interior(problem)
            encoder = Encoder(self.source, problem.codebook, Q, support)
            nothing = np.zeros(len(problem.budgets)), np.zeros(problem.n)
            self.solution = Solution(problem, encoder, *nothing, "exchange")
        multipliers, a = self.proof or (np.zeros(len(self.solution.problem.budgets)), np.zeros(self.source.p.shape))
        return Limit(self.solution, self.bound, multipliers, a, status)

    def exchange(self, y, tol):
        """One round: solve on y, refine what is used, look for violators; the next codebook (m, k)."""
        problem, multipliers, q, a = self.solve(y, tol)
        used = y[q > 0]
        exact = self.refined(problem, multipliers, q, a)
        try:
            refined, multipliers, q, a = self.solve(exact, min(tol, 0.01 * self.tol))
        except InfeasibleFidelity:  # codewords that merged were needed apart
            refined, exact = problem, y
        self.keep(refined, multipliers, q)
        mass = codeword_mass(refined, multipliers, a)
        found = self.violators(mass)
        if not len(found):
            found = self.prove(mass, multipliers, a, exact)
        worst = mass(np.vstack([found, exact[:1]])).max()
        self.report(worst, len(exact))
        return distinct(np.vstack([used, exact, found]), 1e-9 * np.ptp(self.source.x, axis=0).max())

    def solve(self, y, tol):
        """(problem, multipliers, q, potentials for distortions as they are) on the codebook y; tol in bits."""
        problem = Problem(self.source, self.shaped(y), self.fidelities)
        problem.check_feasible()
        multipliers, q, _ = newton(problem, tol=tol * NATS_PER_BIT)
        a = potentials(problem, multipliers, q[q > 0], np.flatnonzero(q))
        return problem, multipliers, q, a + (problem.slopes(multipliers) * problem.nearest).sum(axis=0)

    def shaped(self, y):
        """Codewords (m, k) in the form of the source's points."""
        return y[:, 0] if self.source.points.ndim == 1 else y

    def keep(self, problem, multipliers, q):
        """Remember the encoder of (multipliers, q) if its rate is the least so far."""
        support = np.flatnonzero(q)
        Q, support = repair(problem, dual_encoder(problem, multipliers, q[support], support), support)
        few = Problem(self.source, problem.codebook[support], self.fidelities)
        encoder = Encoder(self.source, few.codebook, Q)
        if self.solution is None or encoder.rate < self.solution.rate:
            a = potentials(few, multipliers, q[support]) if len(support) == (q > 0).sum() else np.zeros(problem.n)
            self.solution = Solution(few, encoder, multipliers, a, "exchange")

    def refined(self, problem, multipliers, q, a):
        """The used codewords, one for each maximum of c they climb to, made stationary where Newton succeeds."""
        mass = codeword_mass(problem, multipliers, a)
        y, q = problem.y[q > 0], q[q > 0]
        if not len(mass.metrics):
            return y
        climbed = mass.ascend(y)
        label = groups(climbed, SAME / np.sqrt(np.linalg.eigvalsh(mass.curvature)[-1]))
        merged = np.array([np.average(climbed[label == l], axis=0, weights=q[label == l]) for l in range(label.max() + 1)])
        if (problem.excess_budgets <= 0).any():
            return merged
        w, _, g = problem.rows
        binding = multipliers * problem.budgets > 1e-9
        rows = Rows(self.source.x, w[binding], matrices(problem)[g[binding]])
        exact = stationary(
            rows, self.source.p, problem.budgets[binding], np.bincount(label, q), merged, multipliers[binding]
        )
        return merged if exact is None else exact

    def violators(self, mass):
        """Local maxima of c above one, climbed to from a grid, (m, k)."""
        if not len(mass.metrics):
            return np.empty((0, self.source.x.shape[1]))
        low, high = mass.region()
        side = SEEDS[len(low)]
        axes = [np.linspace(*ends, side) for ends in zip(low, high)]
        seeds = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(low))
        over = mass(seeds) > 0.25 * self.tol * NATS_PER_BIT
        if not over.any():
            return seeds[:0]
        climbed = mass.ascend(seeds[over])
        return distinct(climbed, SAME / np.sqrt(np.linalg.eigvalsh(mass.curvature)[-1]))

    def prove(self, mass, multipliers, a, y):
        """Branch and bound: a better bound, and the maximiser of c as a codeword to add, (1, k)."""
        upper, best, _ = supremum(mass, 0.25 * self.tol * NATS_PER_BIT, y)
        bound = bound_over(self.source.p, self.solution.problem.budgets, multipliers, a, upper)
        if bound > self.bound:
            self.bound, self.proof = bound, (multipliers, a)
        return best[None]

    def report(self, worst, m):
        """One line of progress."""
        line = f"rate {self.solution.rate:.9g} bits, bound {self.bound:.9g}, {m} codewords, log max c {worst:.1e}"
        log.debug("limit: %s", line)
        self.progress.set_description_str(line)


def groups(y, distance):
    """Labels 0, 1, ... of the connected components of points nearer than `distance`, (m,)."""
    tree = cKDTree(y)
    pairs = tree.query_pairs(distance, output_type="ndarray")
    graph = sp.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (len(y), len(y)))
    return connected_components(graph, directed=False)[1]


def distinct(y, distance):
    """One of each group of points nearer than `distance`."""
    return y[np.unique(groups(y, distance), return_index=True)[1]]
