"""The exchange: the search for the best codebook in R^k, and for the bound that no codebook beats.

Exchange (Remez 1934; Gilmore and Gomory 1961): solve on a codebook, find the y with c(y) > 1 (supremum.py), add them,
drop what no letter uses, until branch and bound proves that none is left. Between, codewords that climb to one maximum
of c are one codeword, and Newton's method on codewords, masses and prices makes them exact.
"""

import logging
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from tqdm import tqdm

from ..codebooks.stationary import Rows, stationary
from ..problems.fidelity import InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.units import NATS_PER_BIT
from ..solvers.active_set import newton
from ..solvers.certificate import dual_encoder, potentials
from ..solvers.encoder import Encoder
from ..solvers.feasibility import interior, repair
from ..solvers.solution import Solution
from .supremum import bound_over, codeword_mass, supremum

log = logging.getLogger("mfrd")

ROUNDS = 60
SEEDS = {1: 200, 2: 24, 3: 10}  # grid points a side from which violating codewords are sought
SAME = 1e-5  # codewords nearer than this, in units of the width of c, have climbed to one maximum


class Search:
    """The exchange, with the best encoder and the best bound found so far."""

    def __init__(self, source, fidelities, tol, progress):
        self.source, self.fidelities, self.tol = source, fidelities, tol
        self.solution: Any = None  # a Solution after the first round
        self.bound, self.proof = 0.0, None
        exact = [f.mask(len(source.p)) for f in fidelities if f.D == 0]
        anchored = np.any(exact, axis=0) & (source.p > 0) if exact else []
        self.anchors = np.unique(source.x[anchored], axis=0) if exact else source.x[:0]
        self.progress = tqdm(total=1, disable=not progress, bar_format="{desc} {elapsed}")

    def run(self, y):
        """(solution, bound, multipliers, potentials, status) found from the codebook y, (m, k): what a Limit holds."""
        status, start = "stalled", y
        try:
            with self.progress:
                for step in range(ROUNDS):
                    y = self.exchange(y, 1e-4 if step == 0 else 0.01 * self.tol)
                    if self.gap <= self.tol:
                        status = "optimal"
                        self.tidy()
                        break
        except KeyboardInterrupt:
            status = "interrupted"
        if self.solution is not None and self.gap > self.tol:
            self.prove(self.kept)
            if status == "stalled" and self.gap <= self.tol:
                status = "optimal"
        return *self.result(start), status

    @property
    def gap(self):
        return np.inf if self.solution is None else self.solution.rate - self.bound

    def result(self, start):
        """What has been found and what proves it; before the first round that is any encoder within the budgets."""
        if self.solution is None:
            problem = Problem(self.source, self.shaped(start), self.fidelities)
            Q, support = interior(problem)
            encoder = Encoder(self.source, problem.codebook, Q, support)
            nothing = np.zeros(len(problem.rows)), np.zeros(problem.n)
            self.solution = Solution(problem, encoder, *nothing, "exchange")
        multipliers, a = self.proof or (np.zeros(len(self.solution.problem.rows)), np.zeros(self.source.p.shape))
        return self.solution, self.bound, multipliers, a

    def exchange(self, y, tol):
        """One round: solve on y, refine what is used, look for violators; the next codebook (m, k)."""
        try:
            rough = self.solve(y, tol)
            self.keep(rough)
        except InfeasibleFidelity:  # what was dropped is needed; the best encoder's codewords meet every budget
            rough = self.solve(np.vstack([self.solution.problem.y, y]), tol)
            self.keep(rough)
        exact = self.anchored(self.refined(rough))
        candidates = [rough]
        try:
            candidates.append(self.solve(exact, min(tol, 0.01 * self.tol)))
            self.keep(candidates[-1])
        except InfeasibleFidelity:
            log.debug("limit: codewords that climb to one maximum are needed apart")
        tried = [(candidate, *self.violators(candidate)) for candidate in candidates]
        best, found, worst = min(tried, key=lambda t: t[2] - t[0].dual)
        if worst <= 0.25 * self.tol * NATS_PER_BIT:
            found = self.prove(best)
        self.report(worst, len(best.y))
        span = np.ptp(self.source.x, axis=0).max()
        return self.anchored(distinct(np.vstack([rough.y, exact, found]), 1e-9 * span))

    def anchored(self, y):
        """The codewords y, (m, k), with the letters of budgets of zero, which bear no near copy, as codewords."""
        if not len(self.anchors):
            return y
        far = cKDTree(self.anchors).query(y)[0] > 1e-4 * np.ptp(self.source.x, axis=0).max()
        return np.vstack([self.anchors, y[far]])

    def solve(self, y, tol):
        """The Point of the optimum on the codebook y, (m, k); tol in bits."""
        problem = Problem(self.source, self.shaped(y), self.fidelities)
        problem.check_feasible()
        multipliers, q, _ = newton(problem, tol=tol * NATS_PER_BIT)
        used = np.flatnonzero(q)
        return Point(problem, multipliers, q[used], used)

    def shaped(self, y):
        """Codewords (m, k) in the form of the source's points."""
        return y[:, 0] if self.source.points.ndim == 1 else y

    def keep(self, point):
        """Remember a point if the rate of its encoder is the least so far."""
        solution = self.encoder_of(point)
        if self.solution is None or solution.rate < self.solution.rate:
            self.solution, self.kept = solution, point

    def encoder_of(self, point):
        """The Solution of a point, on the codewords that its encoder uses."""
        problem, used = point.problem, point.used
        Q, support = repair(problem, dual_encoder(problem, point.multipliers, point.q, used)[0], used)
        few = Problem(self.source, problem.codebook[support], self.fidelities)
        q = np.zeros(problem.m)
        q[used] = point.q
        a = potentials(few, point.multipliers, q[support])
        return Solution(few, Encoder(self.source, few.codebook, Q), point.multipliers, a, "exchange")

    def tidy(self):
        """Replace the codewords by fewer, where codewords near each other are one and the gap stays within tol."""
        point = self.kept
        for near in (0.1, 0.03, 0.01):
            label = groups(point.y, near * point.mass.width) if len(point.mass.metrics) else np.arange(len(point.y))
            if label.max() + 1 == len(point.y) or len(self.anchors):
                return
            try:
                solution = self.encoder_of(self.solve(self.settled(point, point.y, label), 0.01 * self.tol))
            except InfeasibleFidelity:
                log.debug("limit: codewords within %g widths of each other are needed apart", near)
                continue
            if solution.rate - self.bound <= self.tol:
                self.solution = solution
                return

    def refined(self, point):
        """The used codewords, one for each maximum of c they climb to, made stationary where Newton succeeds."""
        if not len(point.mass.metrics):
            return point.y
        anchored = (point.y[:, None] == self.anchors).all(axis=2).any(axis=1)  # these stay
        climbed = np.where(anchored[:, None], point.y, point.mass.ascend(point.y))
        return self.settled(point, climbed, groups(climbed, SAME * point.mass.width))

    def settled(self, point, y, label):
        """The stationary codewords near the means of the groups `label` of y, or these means."""
        problem, multipliers = point.problem, point.multipliers
        parts = [label == l for l in range(label.max() + 1)]
        merged = np.array([np.average(y[part], axis=0, weights=point.q[part]) for part in parts])
        if (problem.excess_budgets <= 0).any():
            return merged
        D = problem.rows.D
        binding = multipliers * D > 1e-9
        rows = Rows(self.source.x, problem.rows.weights[binding], problem.metrics[problem.rows.measure[binding]])
        q = np.bincount(label, point.q)
        exact = stationary(rows, self.source.p, D[binding], q, merged, multipliers[binding])
        return merged if exact is None else exact

    def violators(self, point):
        """(local maxima of c above one, (m, k), climbed to from a grid and the codewords; largest log c)."""
        mass = point.mass
        if not len(mass.metrics):
            return point.y[:0], 0.0
        T, low, high = mass.cube()
        axes = [np.linspace(*ends, SEEDS[len(low)]) for ends in zip(low, high)]
        seeds = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(low)) @ T.T
        over = mass(seeds) > 0.25 * self.tol * NATS_PER_BIT
        climbed = mass.ascend(np.vstack([seeds[over], point.y]))
        return distinct(climbed, SAME * mass.width), mass(climbed).max()

    def prove(self, point):
        """Branch and bound: a better bound, and the maximiser of c as a codeword to add, (1, k)."""
        upper, best, _ = supremum(point.mass, 0.1 * self.tol * NATS_PER_BIT, point.y)
        bound = bound_over(self.source.p, point.problem.rows.D, point.multipliers, point.a, upper)
        if bound > self.bound:
            self.bound, self.proof = bound, (point.multipliers, point.a)
        return best[None]

    def report(self, worst, m):
        """One line of progress."""
        line = f"rate {self.solution.rate:.9g} bits, bound {self.bound:.9g}, {m} codewords, log max c {worst:.1e}"
        log.debug("limit: %s", line)
        self.progress.set_description_str(line)


class Point:
    """The optimum on one codebook: its used codewords y (m, k) of mass q, and what proves it.

    a: (n,), potentials; mass: c(y) over R^k; dual: sum_i p_i a_i - lam . D, nats.
    """

    def __init__(self, problem, multipliers, q, used):
        self.problem, self.multipliers, self.q, self.used = problem, multipliers, q, used
        self.y = problem.y[used]
        self.a = potentials(problem, multipliers, q, used)
        self.mass = codeword_mass(problem, np.where(problem.rows.D == 0, np.inf, multipliers), self.a)
        p = problem.source.p
        self.dual = p @ np.where(p > 0, self.a, 0.0) - multipliers @ problem.rows.D


def groups(y, distance):
    """Labels 0, 1, ... of the connected components of points nearer than `distance`, (m,)."""
    tree = cKDTree(y)
    pairs = tree.query_pairs(distance, output_type="ndarray")
    graph = sp.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (len(y), len(y)))
    return connected_components(graph, directed=False)[1]


def distinct(y, distance):
    """One of each group of points nearer than `distance`."""
    return y[np.unique(groups(y, distance), return_index=True)[1]]
