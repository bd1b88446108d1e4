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
# # 5. The limit over all codebooks
#
# *How far is a refined codebook from the best of all codebooks, under squared error on the line and in the plane?*
#
# Let the codewords roam over $\mathbb{R}^k$; *all codebooks* means every choice of codewords there, in any number. For prices
# $\lambda \ge 0$ and potentials $a_i$, weak duality holds for every codebook at once if the mass of a codeword,
#
# $$c(y) = \sum_i p_i \exp\bigl(a_i - w_i |x_i - y|^2\bigr), \qquad w_i = \sum_r \lambda_r 1[i \in S_r],$$
#
# is at most one everywhere: then no encoder on any codebook has less rate than $\sum_i p_i a_i - \sum_r \lambda_r D_r$. Here budgets are joint, $\mathrm{E}\,|X - Y|^2\, 1[X \in S_r] \le D_r$, which allows a letter of $S_r$ the mean $D_r / P(S_r)$, and $a$ and $\lambda$ are in nats; printed are bits. For one budget
# this bound is classical; the supremum of $c$ is what has to be proved. The Hessian of $\log c$ is nowhere below $-2 \max_i w_i$ times the unit
# matrix, so a box with centre $y_0$ and half-diagonal $\rho$ cannot hold a global maximum above $\log c(y_0) + \rho^2 \max_i w_i$. Branch
# and bound drops a box once that is no more than a tolerance above the best value found, and halves it otherwise. At low distortion $c$ is
# nearly one everywhere, and that bound needs hopelessly many boxes; a Chebyshev series of $c$ on each box, with a proven remainder, closes
# boxes as wide as the codewords are apart. `mfrd.limit` alternates: solve on a codebook, add all maxima with $c(y) > 1$, drop what no
# letter uses, move codewords and masses together. It takes squared error and Mahalanobis distances, in up to three dimensions. This goes
# beyond the report.
#
# *In the [paper](../paper/paper.pdf): section 5, The limit over all codebooks. Figures are numbered as there.*

# %% tags=["parameters"]
solver: str = "clarabel"  # for the check of each limit on its own codebook: auto, mosek, clarabel or newton
tolerance: float = 1e-6  # to which limits are certified, bits
D_gaussian: list[float] = [0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07]  # budgets of the Gaussian
D_bifurcation: list[float] = [0.12, 11.5]  # first and last budget of the source with three modes
n_bifurcation: int = 60  # budgets in that range
D: float = 0.6  # global budget of that source, where codebooks are compared
budgets_core: list[float] = [0.05, 0.02]  # budgets of its core besides
core_radius: float = 1.0  # the core is |x| below this
D_spike: float = 1.6  # budget of the broad source with a spike
budgets_2d: list[list[float]] = [[8.0, 1.0], [8.0, 0.15], [4.0, 0.1]]  # pairs in the plane, global and disc
core_radius_2d: float = 2.0  # radius of the disc
D_plane: list[float] = [8.0, 0.5]  # first and last budget of the whole curve in the plane
n_plane: int = 16  # budgets of that curve
tolerance_plane: float = 1e-5  # to which each of them is certified, bits

# %% tags=["reads"]
reads = ["03_refinement", "04_lloyd_max"]

# %% tags=["nbval-ignore-output"]
import numpy as np

import mfrd
from mfrd.report import outputs, parameters, plot, records, sources, tables

changed = parameters.changed("05_limit", globals())
plot.use_style()
print("backends, in the order they are tried:", *mfrd.backends(solver))

# %% [markdown]
# ## The Gaussian, and what eight codewords cost
#
# The first source of notebook 1, on 50 letters. The closed form belongs to the continuous Gaussian; the limit belongs to
# these letters, and is the rate of their best codebook to a millionth of a bit.

# %%
gaussian = sources.gaussian(50)
limits = [mfrd.limit(gaussian, [mfrd.Fidelity(D_)], tol=tolerance) for D_ in D_gaussian]
rates = np.array([found.rate for found in limits])

# %%
eight = mfrd.Problem(gaussian, mfrd.grid(-3, 3, 8), [mfrd.Fidelity(1.0)])
fixed = mfrd.rd_curve(eight, "global", D_gaussian, solver="newton")
rates_fixed = np.array([s.rate for s in fixed])
closed = np.maximum(0.5 * np.log2(gaussian.covariance.item() / np.array(D_gaussian)), 0)

# %%
tables.show({D_gaussian[k]: {"limit": rates[k], "its codewords": len(limits[k].codebook),
                             "eight fixed": rates_fixed[k], "closed form": closed[k]}
             for k in range(0, len(limits), 3)}, ".5f", "D")

# %%
figure, (ax,) = plot.panels(1, width=0.62 * plot.PAGE, height=2.5)
plot.lines(ax, [(D_gaussian, rates_fixed - rates, "convex", "eight fixed codewords"),
                (D_gaussian, closed - rates, "closed form", "closed form")],
           "distortion $D$", "bits above the limit", "Distance to the limit", log="x")
plot.level(ax, 0)
path = outputs.save_figure(figure, "limit_gaussian")

# %% [markdown]
# **Figure 23.** What the rate on eight fixed codewords, and the closed form, lie above the limit over all codebooks. The closed
# form lies a little above because the letters are not quite Gaussian. Eight fixed points lose most where they are too few, at the smallest $D$, and next most
# where they have no codeword at the mean, near $D = \sigma^2$.
#
# ## How codewords appear
#
# At $D \ge \sigma^2$ one codeword at the mean suffices. As $D$ falls, codewords split, one after another. The optimal
# codebook for the report's trimodal source, from coarse to fine:

# %%
trimodal = sources.trimodal(100)
ladder = np.geomspace(*D_bifurcation, n_bifurcation)
tree = [mfrd.limit(trimodal, [mfrd.Fidelity(D_)], tol=1e-5) for D_ in ladder]
count = np.array([len(found.codebook) for found in tree])

# %%
print(f"variance {trimodal.covariance.item():.3f}")
tables.show({f"D = {ladder[k]:.2f}": {"codewords": count[k]} for k in (-1, n_bifurcation // 2, 0)})

# %%
figure, (left, right) = plot.panels(2, height=3.0, width_ratios=[1.5, 1])
encoders = [found.encoder for found in tree]
plot.branches(left, ladder, encoders, "distortion $D$", "codewords $y_j$", "The best codebook")
plot.lines(right, [(ladder, count, "bound", "", {"drawstyle": "steps-mid"})],
           "distortion $D$", "number of codewords", "How many", log="xy")
plot.whole_numbers(right, "y")
path = outputs.save_figure(figure, "limit_bifurcation")

# %% [markdown]
# **Figure 24.** *Left:* the codewords of the best codebook against $D$; area grows with mass. From right
# to left one codeword splits and the branches settle at the modes; later ones are born on the flanks with no mass
# at first. *Right:* their number. The figure is certified to $10^{-5}$ bits; a codeword of very small mass may be missing
# or doubled within that, so the exact place of a birth is not.
#
# ## R(D) over all codebooks, in the plane
#
# The report's source with four modes, in one sweep from coarse to fine, each search warm from the one before. Between two budgets $R$ is
# certified as well: it is convex, so it lies below the chords of the rates, and what the prices $\lambda_k$ prove at $D_k$ they prove at every $D$:
#
# $$R(D) \ge L_k - \lambda_k (D - D_k).$$

# %%
four = sources.four_modes(40)
ladder_2d = np.geomspace(*D_plane, n_plane)
curve = mfrd.limit_curve(four, mfrd.Fidelity(1.0), "global", ladder_2d, tol=tolerance_plane)
words = np.array([len(found.codebook) for found in curve])

# %%
between = np.unique(np.append(curve.D, np.geomspace(*D_plane, 20 * n_plane)))
lower, upper = curve.lower(between), curve.upper(between)
widest = (upper - lower).max()

# %%
kept = all(found.gap <= tolerance_plane for found in curve)
print(f"{n_plane} budgets from {curve.D[0]:g} to {curve.D[-1]:g}: "
      f"{words[0]} to {words[-1]} codewords, each within {tolerance_plane:g} bits: {kept}")
print(f"between them R is known to {widest:.4f} bits or better")

# %%
figure, (left, middle, right) = plot.panels(3, height=2.1)
plot.lines(left, [(curve.D, curve.rates, "convex", "")],
           "distortion $D$", "rate (bits)", "All codebooks", log="x")
plot.lines(middle, [(between, np.maximum(upper - lower, 1e-9), "bound", "")],
           "distortion $D$", "bits between the two", "Certified width", log="xy")
plot.lines(right, [(curve.D, words, "convex", "")],
           "distortion $D$", "number of codewords", "How many", log="xy")
plot.whole_numbers(right, "y")
path = outputs.save_figure(figure, "limit_plane")

# %% [markdown]
# **Figure 3.** *Left:* the least rate over all codebooks of the source with four modes; dots are the budgets of the sweep, and the line
# between them is where some encoder is. *Middle:* how far at most $R$ may lie below that line: the tolerance at the budgets of the sweep, and most halfway between.
# *Right:* the number of codewords of an encoder that is within the tolerance of the limit: it grows faster than $1/D$, the count of a lattice whose
# spacing is a fixed share of $\sqrt{D}$.
#
# ## What the proof looks like
#
# At the optimum $c(y)$ is one at each codeword and at most one elsewhere. Beside it the dual point of evenly spaced codewords, nine, or as few more as
# reach $D$:

# %%
best = mfrd.limit(trimodal, [mfrd.Fidelity(D)], tol=tolerance)
even = (mfrd.Problem(trimodal, mfrd.grid(-8, 8, m), [mfrd.Fidelity(D)]) for m in range(9, 1000))
few = next(problem for problem in even if problem.row_least[0] <= D)
short = mfrd.solve(few, "newton")

# %%
line = np.linspace(-8, 8, 1601)


def c(dual, y):
    """The mass of a codeword at each y, by the formula at the top."""
    d = mfrd.squared_error(trimodal.x, y[:, None])  # (n, points)
    return trimodal.p @ np.exp(dual.potentials[:, None] - dual.multipliers[0] * d)


own = c(short, np.linspace(-8, 8, few.m)).max()  # at the codewords of the even codebook

# %%
figure, (ax,) = plot.panels(1, width=0.62 * plot.PAGE, height=2.5)
plot.lines(ax, [(line, c(best, line), "bound", "at the limit"),
                (line, c(short, line) / own, "convex", f"{few.m} evenly spaced codewords")],
           "$y$", r"codeword mass $c(y)$")
plot.level(ax, 1.0)
plot.rug(ax, best.codebook, "bound", "", 0.03)
path = outputs.save_figure(figure, "limit_certificate")

# %% [markdown]
# **Figure 1.** The mass of a codeword at $y$, at the limit (its codewords are marked below) and for the dual point
# of an evenly spaced codebook, scaled to one at the largest of its own codewords. Where the second exceeds one, a codeword is missing: the highest such $y$ is the next column to add. The
# logarithm of its highest peak is what separates its rate from the bound over all codebooks that this dual point proves:

# %%
everywhere = mfrd.lower_bound_all_codebooks(trimodal, [mfrd.Fidelity(D)],
                                            short.multipliers, short.potentials)
print(f"{few.m} codewords: rate {short.rate:.5f}, bound on that codebook {short.lower_bound:.5f}, "
      f"on all codebooks {everywhere:.5f} bits")
print(f"the limit: {best.rate:.5f} bits, gap below {tolerance:g}: {best.gap <= tolerance}")

# %% [markdown]
# ## Distance of the refined codebooks
#
# Each codebook that notebooks 3 and 4 ended with, against the certified limit for the same source and the same budgets. Where their results
# are not of these parameters, a codebook is refined here, from evenly spaced codewords.

# %%
spike = sources.spike(200)
inside = abs(trimodal.points) < core_radius
disc = np.hypot(*four.points.T) < core_radius_2d


def budgets(D, D_core, on):
    return [mfrd.Fidelity(D), mfrd.Fidelity(D_core, on=on, name="core")]

# %%
cases = {"trimodal": (trimodal, [mfrd.Fidelity(D)]), "spike": (spike, [mfrd.Fidelity(D_spike)])}
for D_core in budgets_core:
    cases[f"trimodal, core {D_core}"] = trimodal, budgets(D, D_core, inside)
for D_, D_core in budgets_2d:
    cases[f"plane, {D_:g}, core {D_core:g}"] = four, budgets(D_, D_core, disc)

# %%
certified = {name: mfrd.limit(source, fidelities, tol=tolerance)
             for name, (source, fidelities) in cases.items()}
refined = records.ended(globals())  # {(case, how): row of their results}
missing = [name for name in cases if name not in {case for case, _ in refined}]

# %%
for name in missing:
    source, fidelities = cases[name]
    side, k = abs(source.x).max(), source.x.shape[1]
    start = mfrd.Problem(source, mfrd.grid(-side, side, {1: 64, 2: 9}[k], k), fidelities)
    if not (start.excess_budgets < 0).any():
        run = mfrd.refine(start, max_iter=200, solver="newton")
        row = {"I_bits": run.solution.rate, "codewords": len(run.codebook)}
        how = "settled" if run.converged else f"{len(run.history) - 1} rounds"
        refined[name, f"priced here, {how}"] = row

# %%
def distance(case, row):
    """How far a refined codebook is from the limit of its case, at the least and at the most."""
    best, rate = certified[case], row["I_bits"]
    return {"limit_bits": best.rate, "rate_bits": rate, "at_least": rate - best.rate,
            "at_most": rate - best.lower_bound, "codewords": row["codewords"],
            "codewords_at_limit": len(best.codebook)}

# %%
ordered = [key for name in cases for key in refined if key[0] == name]
rows = {key: distance(key[0], refined[key]) for key in ordered}
tables.show({", ".join(key): {"limit": row["limit_bits"], "refined": row["rate_bits"],
                              "distance": max(row["at_most"], 0), "codewords": row["codewords"],
                              "at the limit": row["codewords_at_limit"]}
             for key, row in rows.items()}, ".5f")

# %% [markdown]
# The distance is certified: the true one lies between the refined rate less the limit's rate and less its lower bound,
# which differ by at most $10^{-6}$ bits. It is a distance in $I(X;Y)$; $H(Y)$ it bounds from below alone, and encoders that share a row's
# rate to a millionth of a bit may differ in it by tenths (notebook 4). Where only the global budget binds, refinement that has settled is
# optimal to all digits shown, on all three sources; after its published 15 rounds the spike is not yet there. Where a subset budget binds, the priced step
# gets there or stops short by little, and the unpriced centroid stops short by far more; on the plane with $D = 4$ both stop at the same
# distance. The other centroid rows with a binding budget are where refinement stalled, not the best codebook it passed.

# %%
titles = {"trimodal": f"line, $D = {D}$", "spike": f"spike, $D = {D_spike}$"}
titles |= {f"trimodal, core {D_core}": f"line, $D = {D}$, $D′ = {D_core}$"
           for D_core in budgets_core}
titles |= {f"plane, {D_:g}, core {D_core:g}": f"plane, $D = {D_:g}$, $D′ = {D_core:g}$"
           for D_, D_core in budgets_2d}


def title(case, how):
    return titles[case] if how in ("centroid", "priced") else f"{titles[case]}, {how}"

# %%
at_most = {key: row["at_most"] for key, row in rows.items()}
priced = {title(*key): bits for key, bits in at_most.items() if key[1].startswith("priced")}
centroid = {title(*key): bits for key, bits in at_most.items() if not key[1].startswith("priced")}
groups = {"centroid step": ("noise", centroid), "priced step": ("core", priced)}
groups = {step: (kind, bits) for step, (kind, bits) in groups.items() if bits}

# %%
figure, (ax,) = plot.panels(1, width=plot.PAGE, height=2.3)
plot.dots(ax, list(dict.fromkeys([*centroid, *priced])), groups,
          "certified distance to the limit (bits)", start=1e-8)
plot.beyond_reach(ax, tolerance, "not told from zero")
plot.shared_legend(figure, ax)
path = outputs.save_figure(figure, "limit_distances")

# %% [markdown]
# **Figure 2.** Certified distance of each refined codebook to the best codebook, on a logarithmic scale, by the step that moved its
# codewords. What lies in the grey band, below the tolerance of the limit, the certificate does not tell from zero.
#
# ## The same rate from a conic solver
#
# The limit's codebook, handed to the conic backend as a fixed one, must give the limit's rate.

# %%
checks = {}
for name in (name for name in cases if not name.startswith("plane")):
    source, fidelities = cases[name]
    fixed_there = mfrd.Problem(source, certified[name].codebook, fidelities)
    checks[name] = mfrd.solve(fixed_there, solver)
tables.show({name: {"limit": certified[name].rate, "conic": s.rate}
             for name, s in checks.items()}, ".6f")

# %% [markdown]
# ## What this shows
#
# The optimum over all codebooks is provable. At the budgets compared here a few codewords come within a millionth of a bit of it, and their number grows as $D$ falls. On the report's source its refinement had already found
# such a codebook; what a subset budget adds is a reason to move codewords by price.

# %%
path = records.save("05_limit", globals())

# %% [markdown]
# What holds at any parameters: bounds do not cross, no codebook beats the limit, and the conic solver's rate on the limit's own codebook lies between
# its bound and its encoder's rate.

# %%
assert (lower <= upper).all(), "the whole curve's bounds cross"
assert all(row["at_most"] > -1e-9 for row in rows.values()), "a codebook beats the limit over all"
for name, s in checks.items():
    low, high = certified[name].lower_bound - 1e-9, certified[name].rate + s.gap + 1e-9
    assert low <= s.rate <= high, name

# %%
asked = [*limits, *certified.values()]
print(f"{sum(found.gap <= tolerance for found in asked)} of {len(asked)} limits "
      f"certified to {tolerance:g} bits")
for name in ("trimodal", *(f"trimodal, core {D_core}" for D_core in budgets_core[-1:])):
    told = [f"{how} {row['at_most']:.6f}" for (case, how), row in rows.items() if case == name]
    print(f"{name}: bits from the best there is: {', '.join(told)}")
