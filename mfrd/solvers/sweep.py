"""Sweeps: one problem at many budgets, in this process, in several, or on a cluster.

A sweep is cut into runs of at most RUN neighbouring budgets. Inside a run each budget starts from the answer of the
one before, or from one compiled program; no run knows another. The runs are the same whatever `jobs` is, and each
computes with one BLAS thread, since sums of several threads round differently: so the answers are the same, bit for
bit, however many processes of one kind of machine share the work.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from ..problems.fidelity import InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.values import tolerance
from .choice import backends, certified, made
from .encoder import Encoder
from .outcome import TOLERANCE, Stats, Status
from .solution import Solution

RUN = 20  # budgets: enough to make little of a compilation, few enough to share among processes


def rd_curve(
    problem: Problem, name: str, D_values: Iterable, *, solver: str = "auto", tol: float = TOLERANCE, jobs: int = 1
) -> list[Solution]:
    """The rate-distortion curve: one Solution for each budget of the fidelity `name`.

    Parameters
    ----------
    problem : Problem
        Its other budgets stay as they are.
    name : str
        The fidelity whose budget is swept.
    D_values : iterable of float
        Budgets, in units of the distortion; one below the least reachable value gives a Solution of status
        "infeasible" with infinite rate.
    solver, tol
        As in `solve`.
    jobs : int
        Processes, -1 for one a core; within `joblib.parallel_config(backend="dask")` every number but 1 means the
        whole cluster. The answers do not depend on it. On a terminal, a sweep of more than a second shows a bar.

    Returns
    -------
    list of Solution
        In the order of D_values.

    Raises
    ------
    ValueError
        Where the name is unknown or a budget is no budget; otherwise as `solve`.
    """
    return swept(problem, [(name, D_values)], solver, tol, jobs)[0]


def rd_surface(
    problem: Problem, budgets: dict[str, Iterable], *, solver: str = "auto", tol: float = TOLERANCE, jobs: int = 1
) -> list[list[Solution]]:
    """The rate over two budgets: for each budget of the first fidelity, the curve of the second.

    Parameters
    ----------
    problem : Problem
        Its other budgets stay as they are.
    budgets : dict of iterables of float
        {name: D_values, other: D_values}, in units of their distortions.
    solver, tol, jobs
        As in `rd_curve`.

    Returns
    -------
    list of lists of Solution
        [i][j] at the i-th budget of the first and the j-th of the second.

    Raises
    ------
    ValueError
        Where `budgets` holds other than two fidelities; otherwise as `rd_curve`.
    """
    if len(budgets) != 2:
        held = f"{len(budgets)} fidelities ({', '.join(budgets)})"
        raise ValueError(f"budgets hold {held}; expected two, or rd_curve for one")
    return swept(problem, list(budgets.items()), solver, tol, jobs)


def swept(problem: Problem, budgets: list, solver: str, tol: float, jobs: int) -> list[list[Solution]]:
    """The curves of the last of `budgets`, (name, values) each, one for each value of the one before, if any."""
    from tqdm import tqdm

    names, tol = backends(solver), tolerance(tol)
    rows = [[problem]]
    for name, values in budgets:
        problem.fidelity(name)
        if not np.iterable(values) or isinstance(values, str):
            raise ValueError(f"{name}: budgets are {values!r}; expected several, as a list or an array")
    _ = problem.row_least  # computed once for all budgets
    for name, values in budgets:
        given = list(values)
        rows = [[each.with_budget(name, D) for D in given] for row in rows for each in row]
    runs = [row[k : k + RUN] for row in rows for k in range(0, len(row), RUN)]
    flat = []
    # disable=None: shown on a terminal only
    with tqdm(total=sum(map(len, runs)), unit="budget", delay=1, leave=False, disable=None) as bar:
        for solutions in answers(runs, names, tol, jobs):
            flat += solutions
            bar.update(len(solutions))
    each = iter(flat)
    return [[next(each) for _ in row] for row in rows]


def answers(runs: list, names: list[str], tol: float, jobs: int) -> Iterator[list[Solution]]:
    """The solutions of each run, in order, as they come."""
    if jobs == 1:
        yield from (solve_run(run, names, tol) for run in runs)
        return
    from joblib import Parallel, delayed

    tasks = (delayed(solve_run)(run, names, tol) for run in runs)
    solved = Parallel(n_jobs=jobs, return_as="generator")(tasks)
    for solutions, run in zip(solved, runs, strict=True):
        yield [adopted(solution, problem) for solution, problem in zip(solutions, run, strict=True)]


def solve_run(run: list[Problem], names: list[str], tol: float) -> list[Solution]:
    """One Solution for each problem of a run, each warm from the one before."""
    owned: dict[tuple, list] = {}  # backends by which budgets lie on their edges: programs are compiled for the others
    solutions = []
    with threadpool_limits(1):
        for problem in run:
            edge = tuple(problem.edges.pinned)
            try:
                solutions.append(certified(problem, owned.setdefault(edge, made(names)), tol))
            except InfeasibleFidelity:
                nothing = np.full(len(problem.rows), np.nan), np.full(problem.n, np.nan)
                solutions.append(Solution(problem, None, *nothing, Stats(backend="none"), Status.INFEASIBLE))
    return solutions


def adopted(solution: Solution, problem: Problem) -> Solution:
    """A solution that came from another process, on this process's `problem` instead of its copy."""
    e = solution.encoder
    encoder = None if e is None else Encoder(problem.source, problem.codebook, e.columns, e.support)
    return replace(solution, problem=problem, encoder=encoder)
