# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 10. Sources as they are
#
# *Letters stand for a law. What is the rate of the law itself, and what did the letters, the codebook and the samples change?*
#
# Let $X$ have a density $f$ on the line. The bound of notebook 5 holds with integrals for sums: for prices $\lambda \ge 0$ and any function $a$,
#
# $$R \ \ge\ \int f a \,dx - \lambda \cdot D - \log \sup_y c(y), \qquad c(y) = \int f(x)\, e^{a(x) - w(x)(x - y)^2} dx, \qquad w(x) = \sum_r \lambda_r 1[x \in S_r],$$
#
# and an encoder $q_j\, e^{-w(x)(x - y_j)^2} / z(x)$ that keeps the budgets has, with $a = -\log z$, at most the rate $\int f a - \lambda \cdot E$, where $E$ is what it spends.
# `mfrd.limit(density, ...)` finds $q$, $y$ and $\lambda$ on letters and then evaluates both on the density: Gauss's rule on panels on which the integrand continues to an ellipse in the
# complex plane, which bounds the remainder; tails and rounding are counted. `.rate` is reached by the encoder that it writes down, `.lower_bound` holds for every codebook. Here the error is squared; under absolute error, with $|x - y|$ in the place of the square, it is a Laplace law's. Formulas are in nats, what is printed is in bits. All of this goes beyond the report.
#
# *In the [paper](../paper/paper.pdf): section 8, Densities and samples. Figures are numbered as there.*

# %% tags=["parameters"]
tolerance: float = 1e-6  # to which limits are certified, bits
D_normal: list[float] = [0.9, 0.5, 0.1, 0.01]  # budgets of the normal law, in units of its variance
D_laplace: list[float] = [0.5, 0.1]  # mean absolute errors of a Laplace law, in units of its scale
shares: list[float] = [0.02, 0.9]  # first and last budget of the other laws, in units of their variance
n_shares: int = 12  # budgets in that range
tolerance_sweep: float = 3e-6  # to which these and the limits of the next figure are certified, bits
n_letters: int = 50  # letters of the Gaussian of the second figure of the report
sigmas: float = 3.0  # where it ends on both sides, standard deviations
n_codewords: int = 8  # codewords of that figure
D_range: list[float] = [0.1, 1.2]  # first and last budget there
n_budgets: int = 40  # budgets in that range
D_example: float = 0.3  # where letters are counted
letters: list[int] = [25, 50, 100, 200, 400]  # how many
D: float = 0.6  # budget of the source with three modes
D_core: float = 0.02  # and of its core
core_radius: float = 1.0  # the core is |x| below this
letters_trimodal: list[int] = [48, 96, 192, 384, 768]  # letters in place of that density
pairs: list[list[float]] = [[0.3, 0.01], [0.1, 0.002], [0.05, 0.0005]]  # budgets of a mixture of two, and of its middle
middle: float = 0.5  # which is |x| below this
D_samples: float = 0.25  # budget of a normal law of which there are samples alone
estimate_from: int = 1000  # samples at first, and ten times as many three times over
repetitions: int = 50  # of the least number of samples
correlation: float = 0.9  # of neighbours in the time series
n_banana: int = 1000  # samples in the plane
D_banana: list[float] = [2.0, 0.5]  # budgets there
seed: int = 10  # of the samples

# %% tags=["nbval-ignore-output"]
import numpy as np

import mfrd
from mfrd.report import outputs, parameters, plot, records, sources, tables

changed = parameters.changed("10_sources", globals())  # {} at the published values
plot.use_style()

# %% [markdown]
# ## Where the answer is known
#
# Two closed forms: the normal law under squared error, $\tfrac12 \log_2 (\sigma^2 / D)$, and the Laplace law of scale $b$ under absolute error, $\log_2 (b / D)$. Each must lie between the two
# numbers, and does:

# %%
normal, laplace = mfrd.Density.normal(), mfrd.Density.laplace()
squared = {D_: mfrd.limit(normal, mfrd.Fidelity(D_), tol=tolerance) for D_ in D_normal}
within = {D_: mfrd.Fidelity(D_, distortion=mfrd.absolute_error) for D_ in D_laplace}
absolute = {D_: mfrd.limit(laplace, f, tol=max(tolerance, 1e-6)) for D_, f in within.items()}

# %%
known = [("normal", D_, found, max(0.5 * np.log2(1 / D_), 0)) for D_, found in squared.items()]
known += [("Laplace, absolute error", D_, found, max(np.log2(1 / D_), 0))
          for D_, found in absolute.items()]

# %%
tables.show({f"{name}, D = {D_:g}": {"at least": found.lower_bound, "closed form": bits,
                                     "at most": found.rate, "codewords": len(found.codebook)}
             for name, D_, found, bits in known}, ".7f")

# %% [markdown]
# The best codebook for a normal law is the whole line: at $D$ its output law is normal, of variance $\sigma^2 - D$. What is written down here is a finite codebook within a millionth of a bit of it.
#
# ## Shannon's lower bound, and how far it is from the truth
#
# For a density with differential entropy $h$, Shannon's bound under squared error is $R(D) \ge h - \tfrac12 \log_2 (2 \pi e D)$. It is met by a law that is another law plus an independent
# normal error of variance $D$, and so at every $D$ by the normal law alone; for any law that has a density, a finite differential entropy and a finite variance it is met in the limit of small $D$. How soon? With $R$ enclosed one can see it.

# %%
families = {"uniform": mfrd.Density.uniform(), "exponential": mfrd.Density.exponential(),
            "Laplace": laplace, "logistic": mfrd.Density.logistic()}
relative = np.geomspace(*shares, n_shares)  # D in units of the variance

# %%
def swept(source, budgets):
    return mfrd.limit_curve(source, mfrd.Fidelity(1.0), "global", budgets, tol=tolerance_sweep)


curves = {name: swept(law, law.variance * relative) for name, law in families.items()}

# %%
shannon = {name: np.array([mfrd.shannon_bound(law, law.variance * share) for share in relative])
           for name, law in families.items()}
excess = {name: curve.rates - shannon[name] for name, curve in curves.items()}

# %%
tables.show({name: {"at least": curve.lower_bounds[0], "at most": curve.rates[0],
                    "codewords": len(curve[0].codebook), "above Shannon": excess[name][0]}
             for name, curve in curves.items()}, ".6f", f"D = {relative[0]:.2f} of the variance")

# %%
gaussian = 0.5 * np.log2(1 / relative)  # R of the normal law
seen = {name: np.where(bits > 2 * tolerance_sweep, bits, np.nan) for name, bits in excess.items()}

# %%
figure, (left, right) = plot.panels(2, height=2.8)
unit = r"distortion over the variance, $D/\sigma^2$"
plot.lines(left, [(relative, gaussian - curve.rates, f"shade {k}", name)
                  for k, (name, curve) in enumerate(curves.items())],
           unit, "bits below the normal law", "Laws of one variance", log="x")
plot.lines(right, [(relative, bits, f"shade {k}", "") for k, bits in enumerate(seen.values())],
           unit, "bits above Shannon's bound", "What Shannon's bound leaves", log="xy")
path = outputs.save_figure(figure, "sources_shannon")

# %% [markdown]
# **Figure 36.** *Left:* how far $R$ lies below that of the normal law, the hardest of its variance; over all codebooks, certified to a few millionths of a bit. Towards small $D$ it
# tends to the difference of the entropies. *Right:* what lies above Shannon's bound. Where the
# density jumps (uniform, exponential) the distance falls as $\sqrt D$ and is felt at every practical rate; a kink (Laplace) makes it fall faster, and for the logistic law it is soon below the tolerance,
# where the line ends.
#
# ## Figure 2 of the report, taken apart
#
# The report compares eight codewords on fifty points of $[-3, 3]$ with the closed form of a Gaussian, whose variance it takes to be that of the points, and names "discretization of the codebook" as the reason for "very small deviations". Between the two
# stand four problems, and each step has a certified answer:
#
# 1. the normal law, in closed form;
# 2. the same given $|X| < 3$, a density, over all codebooks: what *truncating* does;
# 3. fifty points with probabilities in proportion to the density, over all codebooks: what *sampling* does;
# 4. the same on eight even codewords: what the *codebook* does.
#
# Last, the report subtracts not the rate of the normal law but the closed form at the points' variance, and this moves the curve as well.

# %%
budgets = np.geomspace(*D_range, n_budgets)
truncated = normal.truncated(-sigmas, sigmas)


def whole(n):
    """n points of [-sigmas, sigmas], with probabilities in proportion to the normal density."""
    return mfrd.bumps(mfrd.grid(-sigmas, sigmas, n), weights=[1], means=[0], stds=[1])


sampled = whole(n_letters)

# %%
closed = np.maximum(0.5 * np.log2(1 / budgets), 0)
density_curve, letter_curve = swept(truncated, budgets), swept(sampled, budgets)
few = mfrd.Problem(sampled, mfrd.grid(-sigmas, sigmas, n_codewords), mfrd.Fidelity(1.0))
eight = mfrd.rd_curve(few, "global", budgets, solver="newton")
print(f"variance: 1 of the law, {truncated.variance:.5f} given |x| < {sigmas:g}, "
      f"{sampled.covariance.item():.5f} on {n_letters} points")

# %% [markdown]
# Each answer is an interval, so a difference is one as well, a few millionths of a bit wide:

# %%
answers = [np.array([closed, closed])]  # (2, budgets): at least, at most
answers += [np.array([c.lower_bounds, c.rates]) for c in (density_curve, letter_curve)]
answers.append(np.array([[s.lower_bound for s in eight], [s.rate for s in eight]]))
reported = np.maximum(0.5 * np.log2(sampled.covariance.item() / budgets), 0)

# %%
causes = [f"truncating at {sigmas:g}σ", f"sampling at {n_letters} points",
          f"{n_codewords} codewords"]
steps = {cause: after - before[::-1]
         for cause, before, after in zip(causes, answers, answers[1:])}
steps["the points' variance"] = np.array([closed, closed]) - reported
steps["all together"] = answers[-1] - reported
widest = max((high - low).max() for low, high in steps.values())

# %%
at = abs(budgets - D_example).argmin()
tables.show({cause: {"least": low.min(), "most": high.max(), "from": low[at], "to": high[at]}
             for cause, (low, high) in steps.items()}, "+.5f", "bits")
print(f"least and most over all D; from and to at D = {budgets[at]:.3f}")
print(f"no interval is wider than {widest:.1e} bits")

# %% [markdown]
# The points' variance in the closed form gives back what truncating takes, less what sampling adds: these three nearly cancel. Where the deviation is large, at the smallest $D$ and next to the variance, it is therefore the codebook's, as the report says;
# in between, where the curve lies below the closed form, it is not, for a codebook never lowers a rate. What sampling does is a surprise: fifty points should be plenty. They are, but the two
# end points count in full where the trapezoidal rule would halve them, so that the source is a little wider than the density. Of the fifty points' error a quarter is left with letters in the middle of their cells, and a few per cent with the
# masses of the two end points halved:

# %%
def halved(n):
    """n sampled points of the truncated density, the two end points at half their mass."""
    masses = whole(n).pmf
    masses[[0, -1]] /= 2
    return mfrd.Source(mfrd.grid(-sigmas, sigmas, n), masses / masses.sum())


def middles(n):
    return sources.midpoints(truncated, -sigmas, sigmas, n)

# %%
example = mfrd.Fidelity(D_example)
itself = mfrd.limit(truncated, example, tol=tolerance)
ways = {"end points in full": whole, "middles of cells": middles, "end points halved": halved}
found = {way: [mfrd.limit(make(n), example, tol=tolerance).rate for n in letters]
         for way, make in ways.items()}
moved = {way: [rate - itself.lower_bound for rate in rates] for way, rates in found.items()}

# %%
for way, moved_by in moved.items():
    print(f"{way:20s}", *(f"{n:4d}: {b:+.6f}" for n, b in zip(letters, moved_by)))

# %%
figure, (left, right) = plot.panels(2, height=2.8)
kinds = dict(zip(steps, ("noise", "core", "convex", "entropy", "bound")))
plot.lines(left, [(budgets, steps[cause].mean(axis=0), kind, cause, {"marker": ""})
                  for cause, kind in kinds.items()],
           "distortion $D$", "bits added to the rate", "The report's figure 2", log="x")
plot.level(left, 0)
dashes = zip(("-", "--", ":"), moved.items())
plot.lines(right, [(letters, np.abs(moved_by), "core", way, {"linestyle": dash})
                   for dash, (way, moved_by) in dashes],
           "letters", "bits from the truncated density", f"What sampling does, $D = {D_example}$",
           log="xy")
path = outputs.save_figure(figure, "sources_figure2")

# %% [markdown]
# **Figure 37.** *Left:* what each step adds to the rate; the intervals are narrower than the lines. Truncating takes two hundredths of a bit at every $D$ up to the variance, about $\tfrac12 \log_2 1/\sigma^2$ for the variance $\sigma^2$ that it
# leaves; the points' variance in the closed form gives most of it back; eight codewords cost most where they have no word at the mean, next to $D = 1$, and where they are too coarse, at small $D$. *Right:* sampling the density with its end points in full is wrong in proportion
# to $1/n$; in the middles of cells, or with the end points halved, in proportion to $1/n^2$.
#
# ## The density behind the three modes
#
# The report's source for refinement is 100 points of a density on $[-8, 8]$: three bumps over a floor. The density has two places where letters can go wrong: its own ends, and those of the core, $|x| < 1$, for a letter
# is inside or outside while its cell may be cut in two. First the limits of densities themselves, that one and a mixture of two bumps:

# %%
three, two = sources.trimodal_density(), sources.two_modes()


def within_core(D_, c, radius):
    return [mfrd.Fidelity(D_), mfrd.Fidelity(c, on=[(-radius, radius)], name="core")]


both = within_core(D, D_core, core_radius)
asked = {"three modes": (three, mfrd.Fidelity(D)), "three modes, core": (three, both)}
asked |= {f"two modes, {D_:g} and {c:g}": (two, within_core(D_, c, middle)) for D_, c in pairs}
limits = {name: mfrd.limit(*what, tol=tolerance) for name, what in asked.items()}

# %%
tables.show({name: {"at least": e.lower_bound, "at most": e.rate, "codewords": len(e.codebook)}
             for name, e in limits.items()}, ".7f")
tables.show({name: e.prices for name, e in limits.items()}, ".3f", "bits per unit")

# %% [markdown]
# Three ways to put letters in the place of the density with three modes: points as in the report, the middles of cells, and the middles of cells of which some end where the core does.

# %%
def beyond(limit, source):
    """Bits by which R of letters exceeds that of the density of a limit at its budgets."""
    on = [None if f.on is None else abs(source.points) < f.on[0, 1] for f in limit.fidelities]
    rows = [mfrd.Fidelity(f.D, on=mask, name=f.name) for f, mask in zip(limit.fidelities, on)]
    return mfrd.limit(source, rows, tol=tolerance).rate - limit.lower_bound


of_core = limits["three modes, core"]

# %%
ends = letters_trimodal  # numbers of which some cells end with the core
cut = [n + 4 for n in ends]  # and of which none do
points = {n: sources.trimodal(n) for n in cut}
cells = {n: sources.midpoints(three, -8, 8, n) for n in (*ends, *cut)}
bits = {"as in the report": (cut, [beyond(of_core, points[n]) for n in cut]),
        "middles of cells": (cut, [beyond(of_core, cells[n]) for n in cut]),
        "cells end with the core": (ends, [beyond(of_core, cells[n]) for n in ends])}

# %%
for way, (sizes, moved_by) in bits.items():
    print(f"{way:24s}", *(f"{n:4d}: {b:+.6f}" for n, b in zip(sizes, moved_by)))
hundred = beyond(limits["three modes"], sources.trimodal(100))
print(f"without the core's budget, 100 points as in the report: {hundred:+.6f} bits")

# %%
figure, (left, centre, right) = plot.panels(3, height=2.6, width_ratios=[1, 1, 1.25])
D_, c = pairs[0]
name = f"Two modes, $D = {D_}$, $D′ = {c}$"
plot.density_1d(left, limits[f"two modes, {D_:g} and {c:g}"], (-4.6, 5.0), title=name)
plot.density_1d(centre, of_core, (-8, 8), title=f"Three modes, $D = {D}$, $D′ = {D_core}$")
dashes = zip(("-", "-.", "--"), bits.items())
plot.lines(right, [(sizes, np.abs(moved_by), "core", way, {"linestyle": dash})
                   for dash, (way, (sizes, moved_by)) in dashes],
           "letters", "bits from the density", "Letters for three modes", log="xy")
path = outputs.save_figure(figure, "sources_mixture")

# %% [markdown]
# **Figure of this notebook.** *Left, middle:* two densities with the codebook of an encoder within a millionth of a bit of the limit; the core is shaded, and stems are as high as codewords are likely. Where
# the budget is tight, on the core, codewords stand closer. *Right:* what letters put in the place of the density with three modes change. Points as in the report have the weight of its ends in full, which without the core's budget is a larger error, and cut the core too narrow: with it the two partly cancel. In the middles of
# cells the core is a little too wide or narrow, which at a hundred letters matters more than that they are letters. Where cells end with the core the error is of second order, and a hundred letters do.
#
# ## Samples, and the law they came from
#
# Often there is no density, only samples. The rate of the samples themselves, the *plug-in*, bounds nothing. `mfrd.estimate` gives a number that is at most $R(D)$ of their law with 95 % confidence, whatever the law is: on a part of the
# samples it chooses prices and a stake, and bets on the rest against every output law at once (the section From samples of the paper has the proof). The normal law at a quarter of its variance, 1 bit:

# %%
quarter = mfrd.Fidelity(D_samples)
lengths = [estimate_from * 10**k for k in range(4)]
told = [mfrd.estimate(normal.sample(N, seed=seed), quarter) for N in lengths]
truth = max(0.5 * np.log2(1 / D_samples), 0)

# %%
tables.show({e.samples: {"at least": e.lower_bound, "plug-in": e.rate,
                         "samples cost": e.due_to_samples} for e in told}, corner="N")

# %% [markdown]
# (What *samples cost* is what theory says of the distance from the bound to the truth.) Does it hold? Here are many repetitions at the least $N$, beside as many stretches of a time series $X_t = \rho X_{t-1} + \sqrt{1 - \rho^2}\, \varepsilon_t$, each of whose samples has the same normal law. They depend on each other, so the
# promise does not cover them: a stretch that wanders far looks like a wider law. Taken so far apart that they are nearly independent, samples of a series bound $R(D)$ of the law of one of them, never of the series, whose rate is lower.

# %%
def series(random, N, warm=300):
    """N successive samples of the series, (N,)."""
    x = np.zeros(N + warm)
    for t, noise in enumerate(random.standard_normal(N + warm)):
        x[t] = correlation * x[t - 1] + np.sqrt(1 - correlation**2) * noise
    return x[warm:]


def independent(random, N):
    return random.standard_normal(N)

# %%
laws = {"independent": independent, "a time series": series}
stretches = {kind: [law(np.random.default_rng([seed, k]), lengths[0]) for k in range(repetitions)]
             for kind, law in laws.items()}
drawn = {kind: [mfrd.estimate(x, quarter).lower_bound for x in those]
         for kind, those in stretches.items()}
misses = {kind: int(np.sum(np.array(bounds) > truth)) for kind, bounds in drawn.items()}
print(f"above the truth, of {repetitions}: {misses}; one in twenty is allowed")

# %%
figure, (left, right) = plot.panels(2, height=2.7)
plot.lines(left, [(lengths, [e.rate for e in told], "entropy", "plug-in", {"linestyle": "none"}),
                  (lengths, [e.lower_bound for e in told], "convex", "bound, 95 %")],
           "samples $N$", "rate (bits)", f"Normal law, $D = {D_samples}$", log="x")
plot.level(left, truth, "$R(D)$ of the law", side="left")
rank = (np.arange(repetitions) + 0.5) / repetitions
plot.lines(right, [(np.sort(bounds), rank, kind, name, {"marker": ""})
                   for kind, (name, bounds) in zip(("convex", "noise"), drawn.items())],
           "lower bound (bits)", "share of repetitions", f"$N = {lengths[0]}$")
right.axvline(truth, color=plot.INK, linestyle="--", linewidth=0.8)
path = outputs.save_figure(figure, "sources_samples")

# %% [markdown]
# **Figure 8.** *Left:* the bound from below and the plug-in, one draw a length. *Right:* the bound over repetitions, sorted; what lies right of the dashed line, the truth, is a miss. Two hundred repetitions of five
# laws at several $N$, a coin and Cauchy's among them, are a benchmark's (`make bench`); the paper quotes them.
#
# ## In the plane: the banana
#
# A source of the literature on sandwich bounds (Yang and Mandt 2022, after Ballé et al. 2021): a normal law of standard deviations 3 and ½ bent along a parabola, $(u, v - u^2/10)$, turned and shifted, which changes no rate. Bending keeps areas, so its entropy is
# that of the normal law and Shannon's bound is $\log_2 (3/D)$ bits for the squared error of both coordinates together. Nothing but samples enters here:

# %%
u, v = np.random.default_rng(seed).standard_normal((n_banana, 2)).T * [[3], [0.5]]
banana = np.column_stack([u, v - u**2 / 10])
plane = {D_: mfrd.estimate(banana, mfrd.Fidelity(D_)) for D_ in D_banana}
shannon_banana = {D_: max(np.log2(3 / D_), 0) for D_ in D_banana}

# %%
tables.show({D_: {"Shannon's bound": shannon_banana[D_], "from samples": e.lower_bound,
                  "plug-in": e.rate} for D_, e in plane.items()}, corner="D")

# %% [markdown]
# At the smaller budget the bound from samples, which knows neither the law nor its shape, comes near Shannon's, which needs the density. At the larger one it lies far above: there Shannon's bound says little, since it charges
# each direction alike and the banana is thin.
#
# ## What this shows
#
# The deviation of figure 2 is not "discretization of the codebook" alone: truncating, sampling and the variance in the closed form move the curve as well, each by an amount that is proven. That they nearly cancel leaves the codebook where the deviation is large.

# %%
path = records.save("10_sources", globals())

# %%
assert all(e.lower_bound <= exact <= e.rate for _, _, e, exact in known), "outside its enclosure"
assert all((shannon[name] <= curve.rates).all() for name, curve in curves.items()), "below Shannon"
assert (steps[causes[0]][0] <= 0).all(), "truncating raises the rate"
assert (steps[causes[2]][1] >= 0).all(), "a codebook lowers the rate"

# %%
moved_at = {cause: interval.mean(axis=0)[at] for cause, interval in steps.items()}
print(f"at D = {budgets[at]:.2f}: "
      + ", ".join(f"{cause} {bits_:+.4f} bits" for cause, bits_ in moved_at.items()))
