"""The exact checker: what an answer says, judged in rationals and balls on the problem as given.

Floats are rationals. The pmf is that of `source.pmf` over its exact sum; budgets and matrices are their floats, a
callable measure the floats that it returns; 1/P(S) and 1/p_i are formed from these. Nothing but the public face is
read. An answer is judged in five ways:

    false       its lower bound exceeds the upper end of the dual formula at its own multipliers and potentials
    above       its lower bound exceeds the rate of an encoder, found here, that keeps every budget exactly
    over        its encoder spends more than D + 1e-12 slack + 4 ulp(D), slack = D - least, or than least + 4 ulp(D)
                where -(n + 4) ulp(D) <= slack < 0, the rounding of a least that its user computed in floats
    refused     InfeasibleFidelity, and yet an encoder keeps every budget up to that rounding
    answered    an answer, and yet none does

and a sixth, `crash`, is an exception other than the named ones. Several measures: an encoder may use the rounding of
each budget at once, and least is taken with the other budgets as given.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from flint import arb, ctx, fmpq

import mfrd

BITS = 400  # precision of the balls
ZERO, ONE = fmpq(0), fmpq(1)
SHARE = fmpq(1, 10**12)  # of its slack, by which an encoder may exceed a budget
ULPS = 4  # units in the last place of a budget, by which it may do so besides


def rational(value):
    """The fmpq of a float."""
    return fmpq(*float(value).as_integer_ratio())


def nearest_float(value):
    """The float next to an fmpq or arb, infinite where it overflows."""
    with ctx.workprec(BITS):
        return float(arb(value))


def ulp(D):
    return rational(math.ulp(D))


@dataclass(frozen=True)
class Row:
    """sum_i v_i E[d_g(x_i, Y) | X = x_i] <= D over the letters of v, {letter: p_i w_i}; name: of its fidelity."""

    name: str
    measure: int
    v: dict
    D: float


class Exact:
    """A problem as given, in rationals: p (n,), d[g][i][j], rows in the order of a solution's multipliers.

    letters: those of positive probability.
    """

    def __init__(self, problem):
        source, self.n, self.m = problem.source, len(problem.source.pmf), len(problem.codebook)
        p = [rational(value) for value in source.pmf]
        total = sum(p, ZERO)
        self.p = [value / total for value in p]
        self.letters = [i for i in range(self.n) if self.p[i]]
        x, y = source.points.reshape(self.n, -1), problem.codebook.reshape(self.m, -1)
        self.d, self.rows, seen = [], [], []
        for f in problem.fidelities:
            floats = np.asarray(f.distortion(x, y) if callable(f.distortion) else f.distortion, float)
            known = [g for g, other in enumerate(seen) if np.array_equal(other, floats)]
            measure = known[0] if known else len(seen)
            if not known:
                seen.append(floats)
                self.d.append([[rational(value) for value in row] for row in floats])
            on = [int(i) for i in np.flatnonzero(f.mask(self.n)) if self.p[i]]
            share = sum((self.p[i] for i in on), ZERO)
            if f.per == "letter":
                self.rows += [Row(f.name, measure, {i: ONE}, f.D) for i in on]
            else:
                unit = share if f.per == "subset" else ONE
                self.rows.append(Row(f.name, measure, {i: self.p[i] / unit for i in on}, f.D))
        self.D = [rational(row.D) for row in self.rows]
        self.used = sorted({row.measure for row in self.rows})  # measures that some budget has

    # --- budgets -----------------------------------------------------------------------------

    @cached_property
    def nearest(self):
        """min_j d_g(i, j), [g][i]."""
        return [[min(row) for row in d] for d in self.d]

    @cached_property
    def slack(self):
        """D_r less the least that row r reaches by itself, [r]."""
        return [
            D - sum((v * self.nearest[row.measure][i] for i, v in row.v.items()), ZERO)
            for row, D in zip(self.rows, self.D)
        ]

    def spent(self, Q):
        """sum_i v_ri sum_j Q_ij d_ij of an encoder in rationals, [r]."""
        means = [
            [sum((w * e for w, e in zip(Q[i], d[i]) if w), ZERO) if self.p[i] else ZERO for i in range(self.n)]
            for d in self.d
        ]
        return [sum((v * means[row.measure][i] for i, v in row.v.items()), ZERO) for row in self.rows]

    @cached_property
    def tolerated(self):
        """(n + 4) ulp(D_r), [r]: how far below its least a budget may lie for rounding alone."""
        return [(self.n + 4) * ulp(row.D) for row in self.rows]

    @cached_property
    def verdict(self):
        """ "feasible", "edge" (within the rounding of its budgets alone) or "infeasible"."""
        if self.interior is not None:
            return "feasible"
        if len(self.used) <= 1:
            short = max((-slack / unit for slack, unit in zip(self.slack, self.tolerated)), default=ZERO)
        else:
            short = Shortfall(self, range(len(self.rows)), self.tolerated, self.all_pairs).excess
        return "feasible" if short <= 0 else "edge" if short <= 1 else "infeasible"

    @cached_property
    def allowed(self):
        """Codewords of each letter that no row which is on its own least forbids, [i]."""
        allowed = [list(range(self.m)) for _ in range(self.n)]
        for row, slack in zip(self.rows, self.slack):
            if slack == 0:
                for i in row.v:
                    d, least = self.d[row.measure][i], self.nearest[row.measure][i]
                    allowed[i] = [j for j in allowed[i] if d[j] == least]
        return allowed

    @cached_property
    def free(self):
        """Rows with slack of their own."""
        return [r for r, slack in enumerate(self.slack) if slack > 0]

    @cached_property
    def interior(self):
        """An encoder that keeps every budget exactly, with the most room relative to each slack; None if there is none.

        With one measure the nearest codeword is that; else an exact linear program finds it.
        """
        if min(self.slack, default=ZERO) < 0 or not all(self.allowed):
            return None
        if len(self.used) == 1:
            d = self.d[self.used[0]]
            return self.deterministic([min(js, key=d[i].__getitem__) for i, js in enumerate(self.allowed)])
        if not self.free:
            return self.deterministic([js[0] for js in self.allowed])
        program = Shortfall(self, self.free, [self.slack[r] for r in self.free], self.allowed)
        return program.encoder() if program.excess <= 0 else None

    def deterministic(self, choice):
        return [[ONE if j == chosen else ZERO for j in range(self.m)] for chosen in choice]

    def least(self, r):
        """The least that row r reaches with the other budgets as given, or None where these are out of reach."""
        others = [k for k in range(len(self.rows)) if k != r]
        if len(self.used) == 1:
            return self.D[r] - self.slack[r] if all(self.slack[k] >= 0 for k in others) else None
        program = Shortfall(self, others, [ulp(max(self.rows[k].D, 1.0)) for k in others], self.all_pairs)
        return None if program.excess > 0 else program.least(r)

    @property
    def all_pairs(self):
        return [list(range(self.m))] * self.n

    # --- rates -------------------------------------------------------------------------------

    def rate(self, Q):
        """I(X;Y) of an encoder in rationals, a ball in bits."""
        with ctx.workprec(BITS):
            total = arb(0)
            for j in range(self.m):
                joint = [(self.p[i] * Q[i][j], Q[i][j]) for i in self.letters if Q[i][j]]
                q = sum((mass for mass, _ in joint), ZERO)
                for mass, share in joint:
                    total += arb(mass) * arb(share / q).log()
            return total / arb(2).log()

    def dual(self, multipliers, potentials):
        """sum_i p_i a_i - lam . D - max_j log sum_i p_i exp(a_i - sum_r lam_r w_ri d_ij), a ball in bits."""
        lam, a = [rational(value) for value in multipliers], {i: rational(potentials[i]) for i in self.letters}
        slopes = [[ZERO] * self.n for _ in self.d]  # sum_r lam_r w_ri over the rows of a measure
        for value, row in zip(lam, self.rows):
            for i, v in row.v.items():
                slopes[row.measure][i] += value * v / self.p[i]
        gain = sum((self.p[i] * a[i] for i in self.letters), ZERO) - sum((v * D for v, D in zip(lam, self.D)), ZERO)
        with ctx.workprec(BITS):
            least = arb.pos_inf()
            for j in range(self.m):
                exponents = [
                    a[i] - sum((slope[i] * d[i][j] for slope, d in zip(slopes, self.d)), ZERO) for i in self.letters
                ]
                top = max(exponents)  # what is large cancels in rationals
                mass = sum((arb(self.p[i]) * arb(x - top).exp() for i, x in zip(self.letters, exponents)), arb(0))
                least = least.min(arb(gain - top) - mass.log())
            return least / arb(2).log()

    @cached_property
    def witness(self):
        """The rate in bits, a ball, of an encoder of nearly the least rate that keeps every budget exactly, or None.

        A barrier method in floats on the reduced problem, whose excesses and slacks are exact before they are rounded,
        proposes it; rationals move it towards the interior until no budget is exceeded.
        """
        inner = self.interior
        if inner is None:
            return None
        for j in range(self.m):  # one codeword for every letter has rate zero
            if all(E <= D for E, D in zip(self.spent(self.deterministic([j] * self.n)), self.D)):
                return arb(0)
        best, proposal = inner, barrier(self, inner)
        if proposal is not None:
            room = [D - E for D, E in zip(self.D, self.spent(inner))]
            over = [E - D for D, E in zip(self.D, self.spent(proposal))]
            t = max([excess / (excess + left) for excess, left in zip(over, room) if excess > 0], default=ZERO)
            best = [[q + t * (r - q) for q, r in zip(*rows)] for rows in zip(proposal, inner)]
            if any(E > D for D, E in zip(self.D, self.spent(best))):
                raise AssertionError("the encoder moved inside exceeds a budget")
        return self.rate(best)


class Shortfall:
    """The linear program min t: E_r <= D_r + t unit_r for some rows, in rationals, over encoders on `allowed` pairs.

    .excess: that t; .encoder(): one that has it; .least(r): the least E of another row with t = 0, if t <= 0.
    """

    def __init__(self, exact, rows, units, allowed):
        self.exact = exact
        self.pairs = [(i, j) for i in exact.letters for j in allowed[i]]
        self.t = len(self.pairs) + len(rows)  # columns: pairs, slacks of the rows, t, right-hand side
        costs = [self.cost(r) for r in rows]
        start = {}
        for i in exact.letters:  # the codeword that spends least in units
            spend = {j: max((c.get((i, j), ZERO) / u for c, u in zip(costs, units)), default=ZERO) for j in allowed[i]}
            start[i] = min(spend, key=spend.get)
        self.basis = [self.pairs.index(pair) for pair in start.items()]
        self.tableau = [
            [ONE if pair[0] == i else ZERO for pair in self.pairs] + [ZERO] * (len(rows) + 1) + [ONE] for i in start
        ]
        for k, (r, c, unit) in enumerate(zip(rows, costs, units)):
            slacks = [ONE if k == other else ZERO for other in range(len(rows))]
            line = [c.get(pair, ZERO) for pair in self.pairs] + slacks + [-unit, exact.D[r]]
            for i, column in enumerate(self.basis[: len(start)]):
                subtract(line, self.tableau[i], line[column])
            self.tableau.append(line)
            self.basis.append(len(self.pairs) + k)
        worst = min(range(len(rows)), key=lambda k: self.tableau[len(start) + k][-1] / units[k])
        pivot(self.tableau, self.basis, len(start) + worst, self.t)
        objective = [ZERO] * self.t + [ONE, ZERO]
        self.excess = self.minimise(objective, free=self.t)

    def cost(self, r):
        """{(i, j): what the pair adds to row r}."""
        row = self.exact.rows[r]
        return {(i, j): row.v[i] * self.exact.d[row.measure][i][j] for i, j in self.pairs if i in row.v}

    def minimise(self, objective, free=None):
        """The least value of objective . x from the present vertex on; the variable `free` has no sign."""
        for line, column in zip(self.tableau, self.basis):
            subtract(objective, line, objective[column])
        for step in range(10_000):
            negative = [k for k in range(self.t + 1) if objective[k] < 0]
            if not negative:
                return -objective[-1]
            column = min(negative, key=objective.__getitem__) if step < 50 else negative[0]  # Bland's rule ends
            ratios = [
                (line[-1] / line[column], self.basis[k], k)
                for k, line in enumerate(self.tableau)
                if line[column] > 0 and self.basis[k] != free
            ]
            row = min(ratios)[2]
            pivot(self.tableau, self.basis, row, column)
            subtract(objective, self.tableau[row], objective[column])
        raise RuntimeError("the simplex method did not end")

    def encoder(self):
        Q = [[ZERO] * self.exact.m for _ in range(self.exact.n)]
        for line, column in zip(self.tableau, self.basis):
            if column < len(self.pairs):
                i, j = self.pairs[column]
                Q[i][j] = line[-1]
        for i in set(range(self.exact.n)) - set(self.exact.letters):
            Q[i][0] = ONE
        return Q

    def least(self, r):
        for line in self.tableau:  # from here on -t >= 0, which leaves the budgets as they are or tightens them
            line[self.t] = -line[self.t]
        k = self.basis.index(self.t)
        self.tableau[k] = [-value for value in self.tableau[k]]
        cost = self.cost(r)
        return self.minimise([cost.get(pair, ZERO) for pair in self.pairs] + [ZERO] * (self.t - len(self.pairs) + 2))


def subtract(line, other, factor):
    """line -= factor other, in place."""
    if factor:
        for k, value in enumerate(other):
            if value:
                line[k] -= factor * value


def pivot(tableau, basis, row, column):
    """Bring `column` into the basis in place of that of `row`."""
    scale = tableau[row][column]
    tableau[row] = [value / scale if value else value for value in tableau[row]]
    for k, line in enumerate(tableau):
        if k != row:
            subtract(line, tableau[row], line[column])
    basis[row] = column


def barrier(exact, inner):
    """An encoder in rationals near the least rate, by Newton's method with a logarithmic barrier, or None.

    With t growing, min t I - sum log Q_ij - sum_r log(1 - sum_ij C_rij Q_ij), C = v e / slack in floats.
    """
    pairs = [(i, j) for i in exact.letters for j in exact.allowed[i]]
    C = np.zeros((len(exact.free), len(pairs)))
    for k, r in enumerate(exact.free):
        row, slack = exact.rows[r], exact.slack[r]
        for c, (i, j) in enumerate(pairs):
            if i in row.v:
                g = row.measure
                C[k, c] = min(nearest_float(row.v[i] * (exact.d[g][i][j] - exact.nearest[g][i]) / slack), 1e100)
    p = np.array([nearest_float(exact.p[i]) for i, _ in pairs])
    of_letter = np.array([[i == letter for i, _ in pairs] for letter in exact.letters], float)
    of_codeword = np.array([[j == codeword for _, j in pairs] for codeword in range(exact.m)], float)
    x = np.array([nearest_float(inner[i][j]) for i, j in pairs])
    uniform = of_letter.T @ (1 / of_letter.sum(axis=1))
    room = 1 - C @ x
    if not (room > 0).all():
        return None  # no strict interior
    x += min(0.5, 0.5 * (room / np.maximum(C @ uniform, 1e-300)).min(initial=1.0)) * (uniform - x)
    N, n = len(pairs), len(of_letter)
    system = np.zeros((N + n, N + n))
    system[N:, :N], system[:N, N:] = of_letter, of_letter.T
    t, best = 1.0, None
    with np.errstate(all="ignore"):
        for _ in range(120):
            q, left = of_codeword @ (p * x), 1 - C @ x
            ratio = x / (of_codeword.T @ q)
            gradient = t * p * np.log(ratio) - 1 / x + C.T @ (1 / left)
            hessian = (C.T / left**2) @ C - (of_codeword.T / q) @ of_codeword * np.outer(p, p) * t
            hessian[np.arange(N), np.arange(N)] += t * p / x + 1 / x**2
            system[:N, :N] = x[:, None] * hessian * x
            system[N:, :N], system[:N, N:] = of_letter * x, (of_letter * x).T
            rhs = np.append(-x * gradient, 1 - of_letter @ x)
            try:
                step = np.linalg.solve(system, rhs)[:N]  # relative: dx = x step
            except np.linalg.LinAlgError:
                break
            if not np.isfinite(step).all():
                break
            falls = (C @ (x * step)) / left
            size = 0.9 / max(0.9, -step.min(), falls.max(initial=0.0))
            x = x * (1 + size * step)
            if not (np.isfinite(x).all() and (x > 0).all() and (C @ x < 1).all()):
                break
            best = x
            if size == 1 and abs(step).max() < 0.5:
                if t > 1e13:
                    break
                t *= 30.0
    if best is None:
        return None
    Q = [[ZERO] * exact.m for _ in range(exact.n)]
    for (i, j), share in zip(pairs, best):
        Q[i][j] = rational(share)
    for i in range(exact.n):
        total = sum(Q[i], ZERO)
        Q[i] = [share / total for share in Q[i]] if total else inner[i]
    return Q


# --- the judgement ---------------------------------------------------------------------------


@dataclass
class Judgement:
    """What an answer came to, and what is wrong with it: a number of bits, or of budgets' units, for each fault."""

    outcome: str
    faults: dict = field(default_factory=dict)


def judge(problem, solver="newton", witness=True, exact=None, **options):
    """The Judgement of what mfrd.solve says of `problem`.

    witness: whether the bound is compared with an encoder; exact: the problem's Exact, where it has been made.
    """
    exact = Exact(problem) if exact is None else exact
    try:
        solution = mfrd.solve(problem, solver, **options)
    except mfrd.InfeasibleFidelity as error:
        refused = exact.verdict != "infeasible"
        return Judgement("infeasible", {"refused": str(error)} if refused else {})
    except mfrd.NotCertified:
        return Judgement("not certified")
    except Exception as error:  # what must not be
        return Judgement("crash", {"crash": f"{type(error).__name__}: {error}"})
    return Judgement("optimal", faults(exact, solution, witness))


def faults(exact, solution, witness=True):
    """{fault: size} of an answer: `false` and `above` in bits, `over` by name, in units of the budget's distortion."""
    found = {}
    excess = above(solution.lower_bound, exact.dual(solution.multipliers, solution.potentials))
    if excess:
        found["false"] = excess
    if witness and exact.witness is not None:
        excess = above(solution.lower_bound, exact.witness)
        if excess:
            found["above"] = excess
    if exact.verdict == "infeasible":
        found["answered"] = "no encoder keeps the budgets"
    else:
        over = exceeded(exact, solution.encoder.Q)
        if over:
            found["over"] = over
    return found


def above(bound, ball):
    """By how many bits a bound > 0 exceeds the upper end of a ball, as a float, 0 where it does not."""
    if bound <= 0 or not arb(bound) > ball:
        return 0.0
    return max(nearest_float(arb(bound) - ball.upper()), 5e-324)


def exceeded(exact, columns):
    """{name: by how much} of the budgets that an encoder, (n, m) floats, exceeds beyond what is allowed."""
    Q = [[rational(share) for share in row] for row in columns]
    Q = [[share / sum(row, ZERO) for share in row] for row in Q]
    found = {}
    for r, (row, E) in enumerate(zip(exact.rows, exact.spent(Q))):
        allowance = exact.D[r] + ULPS * ulp(row.D)
        if E <= allowance:
            continue
        if E <= allowance + SHARE * max(exact.slack[r], ZERO) and exact.verdict == "feasible":
            allowance += SHARE * (exact.D[r] - exact.least(r))  # its own slack is at least what the others leave
        elif exact.verdict == "edge":
            least = exact.D[r] - exact.slack[r] if len(exact.used) == 1 else exact.D[r] + exact.tolerated[r]
            allowance = max(exact.D[r], least) + ULPS * ulp(row.D)
        if E > allowance:
            found[row.name] = max(found.get(row.name, 0.0), nearest_float(E - exact.D[r]))
    return found
