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
# # 1. Validation of the convex core
#
# *Does the convex program reproduce rate–distortion functions that are known?*
#
# For a source $p_i = P(X = x_i)$ and a codebook $y_1, \dots, y_m$, the encoder $Q_{ij} = P(Y = y_j \mid X = x_i)$
# of least rate solves
#
# $$R(D) = \min_{Q \ge 0} \; \sum_{ij} p_i Q_{ij} \log_2 \frac{Q_{ij}}{\sum_l p_l Q_{lj}}
# \quad \text{s.t.} \quad \sum_j Q_{ij} = 1, \quad \sum_{ij} p_i Q_{ij}\, d(x_i, y_j) \le D .$$
#
# The objective is convex in $Q$ and the constraints are affine, so a minimum is global, and any dual point
# bounds it from below. Every value of $R(D)$ here comes with such a bound, evaluated from the dual point alone. Distortion is
# squared error. This notebook covers section 4.1 and appendix A.1 of the report (figures 2, 8 and 9) and a check of
# the core on a trimodal source, which is in its author's code alone; so are the grids and the budgets of all three sources.
#
# *In the [paper](../paper/paper.pdf): section 6.1, The core against closed forms.*

# %% tags=["parameters"]
solver = "clarabel"
n_letters, n_codewords = 50, 8  # gaussian_1d: grids on [-3, 3]
D_range, n_budgets, D_example = [0.1, 3.0], 100, 0.6
n_side, n_side_codebook = 25, 4  # gaussian_2d: points a side on [-3, 3]^2
D_range_2d, n_budgets_2d = [0.2, 5.0], 12
n_side_odd, budgets_odd = 7, [0.5, 1.0, 1.5, 1.9]
n_letters_trimodal, n_codewords_trimodal, n_budgets_trimodal = 200, 16, 50
codebook_sizes = [8, 12, 16, 32]
seed, n_pairs = 0, 400  # random pairs of encoders
nearness = [1e-1, 1e-2, 1e-3, 1e-4, 1e-6]  # shares of the second encoder in pairs that nearly coincide

# %% tags=["nbval-ignore-output"]
import numpy as np

import mfrd
from mfrd.report import outputs, parameters, plot

changed = parameters.changed("01_validation", globals())  # wrong types are refused here; {} at the published values
plot.use_style()
print("backends, in the order they are tried:", *mfrd.backends(solver))

# %% [markdown]
# ## A Gaussian on a line
#
# The source is a standard Gaussian on 50 points of $[-3, 3]$; the codebook has 8 evenly spaced points. One compiled
# program serves the whole sweep of budgets.

# %%
gaussian = mfrd.bumps(mfrd.grid(-3, 3, n_letters), [1], [0], [1])
codebook = mfrd.grid(-3, 3, n_codewords)
problem = mfrd.Problem(gaussian, codebook, [mfrd.Fidelity(D_example)])
variance = gaussian.covariance.item()
budgets = np.linspace(*D_range, n_budgets)
curve = mfrd.rd_curve(problem, "global", budgets, solver=solver)
print(f"variance {variance:.4f}, least reachable distortion {problem.least('global'):.4f}")
print(f"every certified gap below 1e-6 bits: {all(s.gap < 1e-6 for s in curve)}")

# %% [markdown]
# The closed form for a continuous Gaussian of the same variance is $\tfrac12 \log_2(\sigma^2 / D)$ for $D < \sigma^2$.
# It is also, by Shannon, what no codebook in $\mathbb{R}$ can beat for a Gaussian density under squared error; our source is not quite that
# density, so the deviation may have either sign.

# %%
rates = np.array([s.rate for s in curve])
closed_form = np.maximum(0.5 * np.log2(variance / budgets), 0)
deviation = rates - closed_form
figure, (left, middle, right) = plot.panels(3)
plot.source_1d(left, gaussian, "Source")
plot.rug(left, codebook, "convex", "codewords", 0.02)
plot.lines(middle, [(budgets, rates, "convex", f"convex, $m = {n_codewords}$"),
                    (budgets, closed_form, "closed form", r"$\frac{1}{2}\,\log_2(\sigma^2/D)$")],
           "distortion $D$", "rate (bits)", "Rate")
plot.lines(right, [(budgets, deviation, "convex", "")], "distortion $D$", "convex $-$ closed form (bits)", "Deviation")
path = outputs.save_figure(figure, "fig02_gaussian_1d")

# %% [markdown]
# **Figure 2.** *Left:* the source and its codebook. *Middle:* certified rates against the closed form. *Right:* their
# difference. It is largest at $D \approx \sigma^2$, inside the range: a grid of eight has no codeword at the mean, which is what a rate of
# zero needs at that distortion. It is smaller at the lowest budget, where eight points are too coarse; in between it is slightly
# below zero, which no codebook can do to a Gaussian density and is the source's; from $D \approx 1.2$ on both rates are zero.

# %%
small, mid = deviation[0], np.interp(0.3, budgets, deviation)
print(f"deviation at D = {budgets[0]:.2f}: {small:+.4f} bits; at D = 0.30: {mid:+.4f} bits; least {deviation.min():+.4f}")
beyond = budgets > 0.5
print(f"largest beyond D = 0.5: {deviation[beyond].max():+.4f} bits, at D = {budgets[beyond][deviation[beyond].argmax()]:.2f}")
print(f"distortion of rate zero: {(gaussian.p @ problem.distortion(0)).min():.4f}, variance {variance:.4f}")

# %% [markdown]
# ## Convex in what?
#
# Convexity is in $Q$, for a fixed source: the mixture of two encoders never costs more than the mixture of their rates. It
# does not extend to the source, in which the rate is concave. Random pairs show both. Independent ones lie far apart and far from equality,
# so we add pairs that nearly coincide, $Q$ and $(1 - t)\,Q + t\,Q'$ with $t$ down to a millionth, where the excess is nearly zero.

# %%
random = np.random.default_rng(seed)
draw = lambda: random.dirichlet(0.3 * np.ones(n_codewords), n_letters)
rate = lambda p, Q: mfrd.Encoder(mfrd.Source(gaussian.points, p), codebook, Q).rate
pairs = [(draw(), draw(), random.dirichlet(np.ones(n_letters))) for _ in range(n_pairs)]
excess = lambda p, p_, Q, Q_: rate((p + p_) / 2, (Q + Q_) / 2) - (rate(p, Q) + rate(p_, Q_)) / 2
largest = {t: max(excess(gaussian.p, gaussian.p, Q, (1 - t) * Q + t * Q_) for Q, Q_, _ in pairs) for t in (1.0, *nearness)}
in_Q, in_p = max(largest.values()), max(excess(gaussian.p, p_, Q, Q) for Q, _, p_ in pairs)
print(f"rate of a mixture above the mixture of rates, largest of {n_pairs} pairs each: in p {in_p:+.4f} bits;")
print("in Q, by t:", *[f"{t:g}: {value:+.1e}" for t, value in largest.items()])

# %%
two_digits = lambda value: float(f"{value:.2g}")  # of a difference that nearly cancels
convexity = {"pairs": n_pairs * len(largest), "pairs_in_p": n_pairs, "largest_excess_in_p_bits": in_p, "shares": list(largest),
             "largest_excess_in_Q_bits": two_digits(in_Q), "in_Q_by_share_bits": [two_digits(value) for value in largest.values()]}

# %% [markdown]
# ## Where eight codewords fail
#
# At small $D$ the limit is the codebook, not the solver. Eight points cannot bring the distortion below the least
# reachable value printed above, and their rate can never exceed $\log_2 8 = 3$ bits, while the closed form is unbounded.
# Larger codebooks follow it further; what remains is the difference between fifty letters and a density.

# %%
sizes = {m: mfrd.Problem(gaussian, mfrd.grid(-3, 3, m), [mfrd.Fidelity(D_example)]) for m in codebook_sizes}
low = np.geomspace(0.02, 0.8, 20)
curves = {m: mfrd.rd_curve(sizes[m], "global", low, solver=solver) for m in sizes}
deviations = {m: np.array([s.rate for s in curves[m]]) - 0.5 * np.log2(variance / low) for m in sizes}
figure, (ax,) = plot.panels(1, width=0.34 * plot.PAGE)
plot.lines(ax, [(low, deviations[m], f"shade {k}", f"$m = {m}$") for k, m in enumerate(sizes)],
           "distortion $D$", "convex $-$ closed form (bits)", "Deviation by codebook size", log="x")
path = outputs.save_figure(figure, "fig02_codebook_size")
for m in sizes:
    refused = sum(s.status == "infeasible" for s in curves[m])
    print(f"m = {m:2d}: least reachable distortion {sizes[m].least('global'):.5f}, {refused} of {len(low)} budgets infeasible")

# %% [markdown]
# **Figure 2, continued.** Deviation from the closed form by codebook size. A curve starts where its codebook begins to
# reach the budget; budgets below are marked infeasible, not dropped.
#
# ## The same number twice
#
# Blahut–Arimoto shares no algorithm with the conic solver, but the certificate. At $D = 0.6$ both must give the same rate within
# their certified gaps. The values that the report's code printed, in nats as here, carry the error of its solver. The certificate is one of
# $I(X;Y)$; that $H(Y)$ agrees as well says that on this fixed codebook the optimal encoder is unique to these digits.

# %%
conic = mfrd.solve(problem, solver)
blahut = mfrd.blahut_arimoto(problem, tol=1e-9)
published = {"I_nats": 0.2438043295518, "H_Y_nats": 1.085566783851, "H_Y_given_X_nats": 0.8417624542993}
nats = lambda e: np.log(2) * np.array([e.rate, e.output_entropy, e.conditional_entropy])
for name, ours, check, theirs in zip(published, nats(conic.encoder), nats(blahut.encoder), published.values()):
    print(f"{name:17s} conic {ours:.7f}   Blahut-Arimoto {check:.7f}   report's code {theirs:.7f} (off by {theirs - check:+.1e})")

# %% [markdown]
# ## A Gaussian in the plane
#
# Nothing in the program knows the dimension. The codebook is a $4 \times 4$ grid on $[-3, 3]^2$; the two smallest budgets of
# the report's sweep lie below what these sixteen points can reach.

# %%
plane = mfrd.bumps(mfrd.grid(-3, 3, n_side, 2), [1], [[0, 0]], [1])
problem_2d = mfrd.Problem(plane, mfrd.grid(-3, 3, n_side_codebook, 2), [mfrd.Fidelity(D_range_2d[1])])
budgets_2d = np.linspace(*D_range_2d, n_budgets_2d)
curve_2d = mfrd.rd_curve(problem_2d, "global", budgets_2d, solver=solver)
middle_2d = curve_2d[n_budgets_2d // 3].encoder
figure, (left, right) = plot.panels(2, width=0.63 * plot.PAGE, height=2.4)
plot.source_2d(left, plane, "Source")
plot.codebook_2d(right, middle_2d, "convex", "", f"Optimal masses, $D = {budgets_2d[n_budgets_2d // 3]:.2f}$")
path = outputs.save_figure(figure, "fig08_gaussian_2d")

# %% [markdown]
# **Figure 8.** *Left:* the source. *Right:* the codewords that the optimal encoder uses, each mark with area in proportion to its
# mass; the others get none.

# %%
fine = np.linspace(0.4, D_range_2d[1], 200)
total = np.trace(plane.covariance)
closed_2d = np.maximum(np.log2(total / fine), 0)
odd = mfrd.Problem(plane, mfrd.grid(-3, 3, n_side_odd, 2), [mfrd.Fidelity(D_range_2d[1])])
curve_odd = mfrd.rd_curve(odd, "global", budgets_odd, solver=solver)
rates_2d = np.array([s.rate for s in curve_2d])
figure, (ax,) = plot.panels(1, width=0.34 * plot.PAGE, height=2.4)
plot.lines(ax, [(budgets_2d, rates_2d, "convex", "convex, $4 \\times 4$"),
                (budgets_odd, [s.rate for s in curve_odd], "shade 1", "convex, $7 \\times 7$"),
                (fine, closed_2d, "closed form", r"$\log_2(2\sigma^2/D)$")],
           "distortion $D$", "rate (bits)", "Rate")
path = outputs.save_figure(figure, "fig09_gaussian_2d_curve")
print("infeasible budgets:", *[f"{D:.3f}" for D, s in zip(budgets_2d, curve_2d) if s.status == "infeasible"],
      f"(least reachable {problem_2d.least('global'):.3f})")

# %% [markdown]
# **Figure 9.** The rate–distortion curve in the plane, with the closed form for two independent components,
# $\log_2(2\sigma^2/D)$ for the sum of both distortions up to $2\sigma^2$. The $4 \times 4$ grid is far above it for two reasons: its points are two
# apart, too coarse at small $D$, and it has no codeword at the mean, which counts near $D = 2\sigma^2$. A $7 \times 7$ grid has a
# codeword at the mean and points one apart, and closes nearly all of the distance at the four budgets tried. Convexity can be checked:
# successive slopes must not decrease.

# %%
feasible = np.isfinite(rates_2d)
slopes = np.diff(rates_2d[feasible]) / np.diff(budgets_2d[feasible])
print("slopes (bits per unit):", np.round(slopes, 4))

# %% [markdown]
# ## A trimodal source
#
# The last check of the core has no closed form: three bumps of different widths on 200 letters, 16 codewords.
# Blahut–Arimoto is the independent witness. For a density Shannon's lower bound is $h(X) - \tfrac12 \log_2 (2 \pi e D)$; with $h$
# of the density that is constant about each letter it guides the eye, and bounds the letters only while $D$ is far above
# their squared spacing, as it is here.

# %%
trimodal = mfrd.bumps(mfrd.grid(-3, 3, n_letters_trimodal), [0.3, 0.4, 0.3], [-2, 0, 2], [0.2, 1.0, 0.5])
problem_3 = mfrd.Problem(trimodal, mfrd.grid(-3, 3, n_codewords_trimodal), [mfrd.Fidelity(D_example)])
budgets_3 = np.linspace(*D_range, n_budgets_trimodal)
curve_3 = mfrd.rd_curve(problem_3, "global", budgets_3, solver=solver)
witnesses = budgets_3[::7]
check_3 = [mfrd.blahut_arimoto(problem_3.with_budget("global", D), tol=1e-5) for D in witnesses]

# %%
spacing = 6 / (n_letters_trimodal - 1)
entropy = -(trimodal.p @ np.log2(trimodal.p / spacing))
shannon = np.maximum(entropy - 0.5 * np.log2(2 * np.pi * np.e * budgets_3), 0)
figure, (left, right) = plot.panels(2, width=0.63 * plot.PAGE)
plot.source_1d(left, trimodal, "Source")
plot.lines(right, [(budgets_3, [s.rate for s in curve_3], "convex", "convex, $m = 16$"),
                   (witnesses, [s.rate for s in check_3], "blahut", "Blahut–Arimoto"),
                   (budgets_3, shannon, "bound", "Shannon lower bound")],
           "distortion $D$", "rate (bits)", "Rate")
path = outputs.save_figure(figure, "fig02_trimodal_core")

# %% [markdown]
# **Figure 2, third part.** The trimodal source, its certified curve, and Blahut–Arimoto at every seventh budget. Shannon's
# lower bound is not tight for a source with three modes; the figure does not say how much of the distance to it a
# better codebook would win. Notebook 05 answers that for other sources.

# %%
conic_3 = np.array([curve_3[i].rate for i in range(0, n_budgets_trimodal, 7)])
blahut_3 = np.array([s.rate for s in check_3])
allowed = np.array([s.gap for s in check_3]) + max(s.gap for s in curve_3)
print(f"the two agree within their gaps at all {len(check_3)} budgets: {bool((abs(conic_3 - blahut_3) <= allowed).all())}")

# %% [markdown]
# ## What this shows
#
# The core reproduces the closed form where the codebook can, and the certificate, not the solver's word, says that what
# remains is not the solver's. What lies below the closed form is the source's; what lies above it shrinks as the codebook grows.

# %%
sweep = lambda D, solutions: [{"D": D_, **s.summary()} for D_, s in zip(D, solutions)]
at_example = {**conic.summary(), **dict(zip(published, nats(conic.encoder)))}
at_example["blahut_arimoto"] = {**blahut.summary(), **dict(zip(published, nats(blahut.encoder)))}
results = {
    "gaussian_1d": {"variance": variance, "least_D": problem.least("global"), f"at_D_{D_example}": at_example,
                    "deviation_bits": {"smallest_D": small, "at_D_0.3": mid,
                                       "largest_beyond_D_0.5": abs(deviation[beyond]).max()},
                    "least_D_by_codewords": {str(m): sizes[m].least("global") for m in sizes}, "sweep": sweep(budgets, curve),
                    "by_codewords": {"D": low, "deviation_bits": {str(m): deviations[m] for m in sizes}},
                    "convexity": convexity},
    "gaussian_2d": {"variance": total, "least_D": problem_2d.least("global"), "sweep": sweep(budgets_2d, curve_2d),
                    "sweep_7_by_7": sweep(budgets_odd, curve_odd)},
    "trimodal_core": {"shannon_bound_bits": shannon, "sweep": sweep(budgets_3, curve_3),
                      "blahut_arimoto": sweep(witnesses, check_3)},
}

# %%
path = outputs.save_results("01_validation", results)
gaps = [s.gap for s in [*curve, *curve_2d, *curve_3] if s.status == "optimal"]
assert max(gaps) < 1e-6
assert abs(conic.rate - blahut.rate) <= conic.gap + blahut.gap
assert (np.diff(slopes) > -1e-6).all() and in_Q <= 1e-12 < in_p
print(f"{len(gaps)} certified rates, every gap below 1e-6 bits; I(X;Y) at D = {D_example} is {conic.rate:.6f} bits")
