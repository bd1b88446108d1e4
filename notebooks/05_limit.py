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
# is at most one everywhere: then no encoder on any codebook has less rate than $\sum_i p_i a_i - \sum_r \lambda_r D_r$. For one budget
# this bound is classical; the supremum of $c$ is what has to be proved. The Hessian of $\log c$ is nowhere below $-2 \max_i w_i$ times the unit
# matrix, so a box with centre $y_0$ and half-diagonal $\rho$ cannot hold a global maximum above $\log c(y_0) + \rho^2 \max_i w_i$. Branch
# and bound drops a box once that is no more than a tolerance above the best value found, and halves it otherwise. At low distortion $c$ is
# nearly one everywhere, and that bound needs hopelessly many boxes; a Chebyshev series of $c$ on each box, with a proven remainder, closes
# boxes as wide as the codewords are apart. `mfrd.limit` alternates: solve on a codebook, add all maxima with $c(y) > 1$, drop what no
# letter uses, move codewords and masses together. It takes squared error and Mahalanobis distances, in up to three dimensions. This goes
# beyond the report.
#
# *In the [paper](../paper/paper.pdf): section 6.5, Distance to the best codebook.*

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
from mfrd.report import outputs, parameters, plot, sources
from mfrd.solvers.certificate import log_codeword_masses

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
eight = mfrd.Problem(gaussian, mfrd.grid(-3, 3, 8), [mfrd.Fidelity(1.0)])
fixed = mfrd.rd_curve(eight, "global", D_gaussian, solver="newton")
rates = np.array([l.rate for l in limits])
closed = np.maximum(0.5 * np.log2(gaussian.covariance.item() / np.array(D_gaussian)), 0)
for D_, l, s, c in zip(D_gaussian[::3], limits[::3], fixed[::3], closed[::3]):
    print(f"D = {D_:.2f}: limit {l.rate:.5f} bits on {len(l.codebook):2d} codewords, eight fixed {s.rate:.5f}, closed form {c:.5f}")

# %%
figure, (left, right) = plot.panels(2, height=2.4)
plot.lines(left, [(D_gaussian, [s.rate for s in fixed], "convex", "eight fixed codewords"),
                  (D_gaussian, rates, "bound", "limit over all codebooks")], "distortion $D$", "rate (bits)", "Gaussian", log="x")
plot.lines(right, [(D_gaussian, [s.rate - r for s, r in zip(fixed, rates)], "convex", "eight fixed codewords"),
                   (D_gaussian, closed - rates, "closed form", "closed form")],
           "distortion $D$", "bits above the limit", "Distance to the limit", log="x")
path = outputs.save_figure(figure, "limit_gaussian")

# %% [markdown]
# **Limit, first figure.** *Left:* the two curves can hardly be told apart. *Right:* their difference, and that of the closed
# form, which lies above the limit because the letters are not quite Gaussian. Eight fixed points lose most where they have no
# codeword at the mean, near $D = \sigma^2$, and next most where they are too few.
#
# ## How codewords appear
#
# At $D \ge \sigma^2$ one codeword at the mean suffices. As $D$ falls, codewords split, one after another. The optimal
# codebook for the report's trimodal source, from coarse to fine:

# %%
trimodal = sources.trimodal(100)
ladder = np.geomspace(*D_bifurcation, n_bifurcation)
tree = [mfrd.limit(trimodal, [mfrd.Fidelity(D_)], tol=1e-5) for D_ in ladder]
count = np.array([len(l.codebook) for l in tree])
print(f"variance {trimodal.covariance.item():.3f}; codewords at D = {ladder[-1]:.1f}, {ladder[n_bifurcation // 2]:.2f}, {ladder[0]:.2f}:",
      count[-1], count[n_bifurcation // 2], count[0])

# %%
figure, (left, right) = plot.panels(2, height=3.0)
plot.branches(left, ladder, [l.encoder for l in tree], "distortion $D$", "codewords $y_j$", "Codewords of the best codebook")
plot.lines(right, [(ladder, count, "bound", "")], "distortion $D$", "number of codewords", "How many", log="x").locator_params(axis="y", integer=True)
path = outputs.save_figure(figure, "limit_bifurcation")

# %% [markdown]
# **Limit, second figure.** *Left:* the codewords of the best codebook against $D$; area grows with mass. From right
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
curve = mfrd.limit_curve(four, mfrd.Fidelity(1.0), "global", np.geomspace(*D_plane, n_plane), tol=tolerance_plane)
words = np.array([len(l.codebook) for l in curve])
between = np.unique(np.append(curve.D, np.geomspace(*D_plane, 20 * n_plane)))
lower, upper = curve.lower(between), curve.upper(between)
print(f"{n_plane} budgets from {curve.D[0]:g} to {curve.D[-1]:g}: {words[0]} to {words[-1]} codewords, "
      f"each within {tolerance_plane:g} bits: {all(l.gap <= tolerance_plane for l in curve)}")
print(f"between them R is known to {(upper - lower).max():.4f} bits or better")

# %%
figure, (left, middle, right) = plot.panels(3, height=2.5)
plot.lines(left, [(between, upper, "convex", "some encoder", {"marker": ""}), (between, lower, "bound", "no codebook beats"),
                  (curve.D, curve.rates, "measured", "budgets of the sweep")], "distortion $D$", "rate (bits)", "All codebooks", log="x")
plot.lines(middle, [(between, np.maximum(upper - lower, 1e-9), "bound", "")], "distortion $D$", "bits between the two", "Certified width", log="xy")
plot.lines(right, [(curve.D, words, "convex", "")], "distortion $D$", "number of codewords", "How many", log="xy")
path = outputs.save_figure(figure, "limit_plane")

# %% [markdown]
# **Limit in the plane.** *Left:* the least rate over all codebooks of the source with four modes, enclosed from both sides at every $D$.
# *Middle:* the width of the enclosure, which is the tolerance at the budgets of the sweep and widest halfway between. *Right:* the number of
# codewords of an encoder that is within the tolerance of it: it grows faster than $1/D$, the count of a lattice whose spacing is a fixed
# share of $\sqrt{D}$.
#
# ## What the proof looks like
#
# At the optimum $c(y)$ is one at each codeword and at most one elsewhere.

# %%
best = mfrd.limit(trimodal, [mfrd.Fidelity(D)], tol=tolerance)
line = np.linspace(-8, 8, 1601)
even = (mfrd.Problem(trimodal, mfrd.grid(-8, 8, m), [mfrd.Fidelity(D)]) for m in range(9, 1000))
few = next(problem for problem in even if problem.row_least[0] <= D)  # nine codewords, or as few more as reach D
short = mfrd.solve(few, "newton")
every = mfrd.Problem(trimodal, line, [mfrd.Fidelity(D)])  # each y of the line as a codeword
mass_of = lambda result: np.exp(log_codeword_masses(every, result.multipliers, result.potentials))
figure, (ax,) = plot.panels(1, width=0.62 * plot.PAGE, height=2.5)
plot.lines(ax, [(line, mass_of(best), "bound", "at the limit"), (line, mass_of(short), "convex", f"{few.m} evenly spaced codewords")],
           "$y$", r"codeword mass $c(y)$")
plot.rug(ax, best.codebook, "bound", "", 0.03)
path = outputs.save_figure(figure, "limit_certificate")

# %% [markdown]
# **Limit, third figure.** The mass of a codeword at $y$, at the limit (its codewords are marked below) and for the dual point
# of an evenly spaced codebook. Where the second exceeds one, a codeword is missing: the highest such $y$ is the next column to add. The
# logarithm of its highest peak is what separates its rate from the bound over all codebooks that this dual point proves:

# %%
everywhere = mfrd.lower_bound_all_codebooks(trimodal, [mfrd.Fidelity(D)], short.multipliers, short.potentials)
print(f"{few.m} codewords: rate {short.rate:.5f}, bound on that codebook {short.lower_bound:.5f}, on all codebooks {everywhere:.5f} bits")
print(f"the limit: {best.rate:.5f} bits, gap below {tolerance:g}: {best.gap <= tolerance}")

# %% [markdown]
# ## Distance of the refined codebooks
#
# Each codebook that notebooks 3 and 4 ended with, against the certified limit for the same source and the same budgets. Where their results
# are not of these parameters, a codebook is refined here, from evenly spaced codewords.

# %%
inside = abs(trimodal.points) < core_radius
spike = sources.spike(200)
disc = np.hypot(*four.points.T) < core_radius_2d
core = lambda D_, on: mfrd.Fidelity(D_, on=on, name="core")
cases = {"trimodal": (trimodal, [mfrd.Fidelity(D)]), "spike": (spike, [mfrd.Fidelity(D_spike)])}
cases |= {f"trimodal, core {c}": (trimodal, [mfrd.Fidelity(D), core(c, inside)]) for c in budgets_core}
cases |= {f"plane, {D_:g}, core {c:g}": (four, [mfrd.Fidelity(D_), core(c, disc)]) for D_, c in budgets_2d}
certified = {name: mfrd.limit(source, fidelities, tol=tolerance) for name, (source, fidelities) in cases.items()}

# %%
r3, r4 = map(outputs.load_results, reads)
made = parameters.made_for
refined = {}  # what those notebooks ended with, where they were run at these parameters
if made(r3, n_letters=100, D=D) and r3["parameters"]["D_core"] >= D:
    refined["trimodal", "centroid"] = r3["refine_1d"]
if made(r4, n_letters=100, D=D) and r4["parameters"]["D_core"] >= D:
    refined["trimodal", f"from {r4['parameters']['n_codewords']}"] = r4["lloyd_1d"]["convex"]
if made(r4, n_letters_spike=200, D_spike=D_spike) and r4["parameters"]["D_core_spike"] >= D_spike:
    refined["spike", f"{r4['parameters']['rounds']} rounds"] = r4["lloyd_spike"]["convex"]
    refined["spike", "settled"] = r4["lloyd_spike"]["settled"]
if made(r3, n_side=40, core_radius_2d=core_radius_2d) and [r3["parameters"][n] for n in ("D_2d", "D_core_2d")] in budgets_2d:
    D_, c = (r3["parameters"][n] for n in ("D_2d", "D_core_2d"))
    refined[f"plane, {D_:g}, core {c:g}", "centroid"] = r3["refine_2d"]

# %%
line, plane = made(r3, n_letters=100, D=D, core_radius=core_radius), made(r3, n_side=40, core_radius_2d=core_radius_2d)
for step in ("centroid", "priced"):
    found = {f"trimodal, core {c}": r3["refine_1d"]["binding"].get(f"{c} {step}") for c in budgets_core if line}
    found |= {f"plane, {D_:g}, core {c:g}": r3["refine_2d"]["binding"].get(f"{D_} {c} {step}") for D_, c in budgets_2d if plane}
    refined |= {(name, step): row for name, row in found.items() if row is not None}

# %%
for name in cases.keys() - {name for name, _ in refined}:
    source, fidelities = cases[name]
    side, k = abs(source.x).max(), source.x.shape[1]
    start = mfrd.Problem(source, mfrd.grid(-side, side, {1: 64, 2: 9}[k], k), fidelities)
    if not (start.excess_budgets < 0).any():
        run = mfrd.refine(start, max_iter=200, solver="newton")
        refined[name, f"refined here, {run.status}"] = {"I_bits": run.solution.rate, "codewords": len(run.codebook)}
refined = dict(sorted(refined.items(), key=lambda pair: list(cases).index(pair[0][0])))

# %%
rows = {key: {"limit_bits": certified[key[0]].rate, "rate_bits": row["I_bits"], "at_least": row["I_bits"] - certified[key[0]].rate,
              "at_most": row["I_bits"] - certified[key[0]].lower_bound, "codewords": row["codewords"],
              "codewords_at_limit": len(certified[key[0]].codebook)} for key, row in refined.items()}
print(f"{'':36s} {'limit':>9s} {'refined':>9s} {'distance':>9s}  codewords")
for (name, how), row in rows.items():
    print(f"{name + ', ' + how:36s} {row['limit_bits']:9.5f} {row['rate_bits']:9.5f} {max(row['at_most'], 0):9.5f}"
          f"  {row['codewords']:3d} at the limit {row['codewords_at_limit']}")

# %% [markdown]
# The distance is certified: the true one lies between the refined rate less the limit's rate and less its lower bound,
# which differ by at most $10^{-6}$ bits. It is a distance in $I(X;Y)$; of $H(Y)$ the certificate says nothing, and encoders that share a row's
# rate to a millionth of a bit may differ in it by tenths (notebook 4). Where only the global budget binds, refinement that has settled is
# optimal to all digits shown, on all three sources; after its published 15 rounds the spike is not yet there. Where a subset budget binds, the priced step
# gets there or stops short by little, and the unpriced centroid stops short by far more; on the plane with $D = 4$ both stop at the same
# distance. The other centroid rows with a binding budget are where refinement stalled, not the best codebook it passed.

# %%
titles = {"trimodal": f"line, $D = {D}$", "spike": f"spike, $D = {D_spike}$"}
titles |= {f"trimodal, core {c}": f"line, $D = {D}$, $D′ = {c}$" for c in budgets_core}
titles |= {f"plane, {D_:g}, core {c:g}": f"plane, $D = {D_:g}$, $D′ = {c:g}$" for D_, c in budgets_2d}
names = [f"{titles[name]}: {how}" for name, how in rows]
figure, (ax,) = plot.panels(1, width=0.85 * plot.PAGE, height=2.8)
plot.bars(ax, names, [row["at_most"] for row in rows.values()], "certified distance to the limit (bits)", 1e-8, tolerance)
path = outputs.save_figure(figure, "limit_distances")

# %% [markdown]
# **Limit, fourth figure.** Certified distance of each refined codebook to the best codebook, on a logarithmic scale that
# starts at $10^{-8}$; for what ends before the dashed line, the tolerance of the limit, the certificate does not tell it from zero.
#
# ## The same rate from a conic solver
#
# The limit's codebook, handed to the conic backend as a fixed one, must give the limit's rate.

# %%
def conic_rate(name):
    source, fidelities = cases[name]
    return mfrd.solve(mfrd.Problem(source, certified[name].codebook, fidelities), solver)


checked = [name for name in cases if not name.startswith("plane")]
checks = {name: conic_rate(name) for name in checked}
for name, s in checks.items():
    print(f"{name:22s} limit {certified[name].rate:.6f}  conic {s.rate:.6f} bits")

# %% [markdown]
# ## What this shows
#
# The optimum over all codebooks is, on these sources, a small codebook, and provable. On the report's source its refinement had already found
# it to within a millionth of a bit; what a subset budget adds is a reason to move codewords by price.

# %%
def keep(limit):
    return {"rate_bits": limit.rate, "lower_bound_bits": limit.lower_bound, "gap_bits": limit.gap, "codebook": limit.codebook,
            "masses": limit.encoder.output_pmf, "prices_bits": limit.prices, "distortions": limit.distortions,
            "codewords": len(limit.codebook), "status": limit.status, "I_bits": limit.rate, "solver": "newton"}

# %%
results = {
    "parameters": parameters.used("05_limit", globals()),
    "limits": {name: keep(l) for name, l in certified.items()}, "distances": {f"{n}, {h}": row for (n, h), row in rows.items()},
    "gaussian_1d": [{"D": D_, **keep(l), "eight_fixed_bits": s.rate, "closed_form_bits": c}
                    for D_, l, s, c in zip(D_gaussian, limits, fixed, closed)],
    "bifurcation": [{"D": D_, **keep(l)} for D_, l in zip(ladder, tree)],
    "nine_codewords": {"rate_bits": short.rate, "bound_on_all_codebooks_bits": everywhere},
    "plane": {"sweep": [{"D": D_, "I_bits": l.rate, "lower_bound_bits": l.lower_bound, "gap_bits": l.gap, "codewords": len(l.codebook),
                         "prices_bits": l.prices, "status": l.status, "solver": "newton"} for D_, l in zip(curve.D, curve)],
              "widest_bits": (upper - lower).max()},
}

# %%
proofs = {f"limits.{name}.rate_bits": l for name, l in certified.items()} | {"nine_codewords.rate_bits": short}
path = outputs.save_results("05_limit", results, proofs)
assert (lower <= upper).all(), "the whole curve's bounds cross"
asked = [*limits, *certified.values()]
print(f"{sum(l.gap <= tolerance for l in asked)} of {len(asked)} limits certified to {tolerance:g} bits")
assert all(row["at_most"] > -1e-9 for row in rows.values()), "a codebook beats the limit over all"
for name, s in checks.items():  # on the limit's own codebook: no less than the bound, no more than the limit's encoder
    assert certified[name].lower_bound - 1e-9 <= s.rate <= certified[name].rate + s.gap + 1e-9, name
for name in ("trimodal", *(f"trimodal, core {c}" for c in budgets_core[-1:])):
    told = [f"{how} {row['at_most']:.6f}" for (case, how), row in rows.items() if case == name]
    print(f"{name}: bits from the best there is: {', '.join(told)}")
