"""Sweeps: one problem at many budgets, in this process, in several, or on a cluster.

A sweep is cut into runs of at most RUN neighbouring budgets. Inside a run each budget starts from the answer of the
one before, or from one compiled program; no run knows another. The runs are the same whatever `jobs` is, and each
computes with one BLAS thread, since sums of several threads round differently: so the answers are the same, bit for
bit, however many processes of one kind of machine share the work.
"""

from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from ..problems.fidelity import InfeasibleFidelity
from .choice import TOLERANCE, backends, certified, check
from .encoder import Encoder
from .solution import Solution

RUN = 20  # budgets: enough to make little of a compilation, few enough to share among processes


def rd_curve(problem, name, D_values, *, solver="auto", tol=TOLERANCE, jobs=1):
    """The rate-distortion curve: one Solution for each budget of the fidelity `name`.

    D_values: budgets, in units of the distortion; one below the least reachable value gives a Solution of status
    "infeasible" with infinite rate. jobs: processes, -1 for one a core; within
    `joblib.parallel_config(backend="dask")` every number but 1 means the whole cluster. The answers do not depend
    on it. On a terminal, a sweep of more than a second shows a bar.
    -> list of Solution, in the order of D_values.

    Raises as `solve`, and ValueError for an unknown name or a budget that is no budget.
    """
    order = backends(solver)
    problem.fidelity(name)
    _ = problem.least  # computed once for all budgets
    curve = [problem.with_budget(name, D) for D in listed(name, D_values)]
    return _sweep([curve], order, tol, jobs)[0]


def rd_surface(problem, budgets, *, solver="auto", tol=TOLERANCE, jobs=1):
    """The rate over two budgets: for each budget of the first fidelity, the curve of the second.

    budgets: {name: D_values, other: D_values}, in units of their distortions; the rest as in `rd_curve`.
    -> list of lists of Solution, [i][j] at the i-th budget of the first and the j-th of the second.

    Raises as `rd_curve`, and ValueError where `budgets` holds other than two fidelities.
    """
    order = backends(solver)
    if len(budgets) != 2:
        held = f"{len(budgets)} fidelities ({', '.join(budgets)})"
        raise ValueError(f"budgets hold {held}; expected two, or rd_curve for one")
    for name in budgets:
        problem.fidelity(name)
    (first, rows), (second, columns) = ((name, listed(name, values)) for name, values in budgets.items())
    _ = problem.least
    surface = [[problem.with_budget(first, D).with_budget(second, E) for E in columns] for D in rows]
    return _sweep(surface, order, tol, jobs)


def listed(name, values):
    """The budgets of the fidelity `name` as a list, which can be gone through again."""
    if not np.iterable(values) or isinstance(values, str):
        raise ValueError(f"{name}: budgets are {values!r}; expected several, as a list or an array")
    return list(values)


def _sweep(rows, order, tol, jobs):
    """Solutions of rows of problems, as lists of the same lengths; warm starts stay within a row."""
    from tqdm import tqdm

    runs = [row[k : k + RUN] for row in rows for k in range(0, len(row), RUN)]
    flat = []
    # disable=None: shown on a terminal only
    with tqdm(total=sum(map(len, runs)), unit="budget", delay=1, leave=False, disable=None) as bar:
        for solutions in _answers(runs, order, tol, jobs):
            flat += solutions
            bar.update(len(solutions))
    answers = iter(flat)
    return [[next(answers) for _ in row] for row in rows]


def _answers(runs, order, tol, jobs):
    """The solutions of each run, in order, as they come."""
    if jobs == 1:
        yield from (_solve_run(run, order, tol) for run in runs)
        return
    from joblib import Parallel, delayed

    tasks = (delayed(_solve_run)(run, order, tol) for run in runs)
    answers = Parallel(n_jobs=jobs, return_as="generator")(tasks)
    for solutions, run in zip(answers, runs, strict=True):
        yield [_adopt(solution, problem) for solution, problem in zip(solutions, run, strict=True)]


def _solve_run(run, order, tol):
    """One Solution for each problem of a run, each warm from the one before."""
    kept: dict = {}
    solutions = []
    with threadpool_limits(1):
        for problem in run:
            try:
                check(problem, order)
                edge = tuple(problem.excess_budgets <= 0)  # a program is compiled for the budgets that are free
                solutions.append(certified(problem, order, tol, kept.setdefault(edge, {})))
            except InfeasibleFidelity:
                solutions.append(_infeasible(problem))
    return solutions


def _infeasible(problem):
    """The entry of a sweep at budgets that no encoder meets."""
    nothing = np.full(len(problem.rows), np.nan)
    return Solution(problem, None, nothing, np.full(problem.n, np.nan), "none", "infeasible")


def _adopt(solution, problem):
    """A solution that came from another process, on this process's `problem` instead of its copy."""
    if solution.encoder is None:
        return replace(solution, problem=problem)
    Q, support = solution.encoder.columns, solution.encoder.support
    return replace(solution, problem=problem, encoder=Encoder(problem.source, problem.codebook, Q, support))
