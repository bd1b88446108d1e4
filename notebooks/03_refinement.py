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
# # 3. Refining the codebook
#
# *How far can moving and merging codewords lower the rate, and what does the outcome depend on?*
#
# For a fixed codebook the encoder is globally optimal; the codebook is not. Refinement alternates: solve for $Q$; move each
# codeword against the gradient of the distortion it carries,
#
# $$y_j \leftarrow y_j - \eta \, \nabla_{y_j} \mathrm{E}[d(X, y_j) \mid Y = j]
# = y_j + 2\eta\,(\mathrm{E}[X \mid Y = j] - y_j),$$
#
# a whole centroid step at $\eta = \tfrac12$; merge codewords with mass below $\varepsilon$ or within squared distance
# $\delta$ of a heavier one, and solve again. That is the report's step. With a budget on a subset as well there is a better
# one. The Lagrangian, at the prices $\lambda_k$ of the budgets on the subsets $S_k$, is
#
# $$L = I(X;Y) + \sum_k \lambda_k \sum_{i \in S_k} \sum_j p_i Q_{ij} |x_i - y_j|^2
#     = I(X;Y) + \sum_j \sum_i p_i Q_{ij} w_i |x_i - y_j|^2, \qquad w_i = \sum_k \lambda_k 1[i \in S_k].$$
#
# With the encoder held, $I$ does not move, and each codeword has a sum of its own. Its derivative vanishes,
#
# $$\frac{\partial L}{\partial y_j} = -2 \sum_i p_i Q_{ij} w_i (x_i - y_j) = 0
#   \quad\Longrightarrow\quad y_j = \frac{\sum_i p_i Q_{ij} w_i\, x_i}{\sum_i p_i Q_{ij} w_i},$$
#
# at the mean of the letters that $y_j$ serves, each counted with what a unit of its distortion costs, $w_i$: the *priced centroid*. Where one
# budget binds alone $w_i$ is the same for all letters, and it is the centroid. This notebook covers section 4.3 and appendix A.2 of the report (figures 4, 5, 6, 10, 11).
#
# *In the [paper](../paper/paper.pdf): appendix C, Refining the codebook. Figures are numbered as there.*

# %% tags=["parameters"]
solver: str = "clarabel"  # of the published runs: auto, mosek, clarabel or newton
solver_beyond: str = "newton"  # of those that go beyond
seed: int = 0  # of the random codebook that is shown, on the line
seeds: int = 8  # how many draws are tried
n_letters: int = 100  # letters on the line, a grid of [-8, 8]
n_codewords: int = 64  # codewords drawn there
D: float = 0.6  # global budget there
D_core: float = 0.6  # budget of the core there
core_radius: float = 1.0  # the core is |x| below this
n_letters_spike: int = 200  # letters of the broad source with a spike, a grid of [-10, 10]
n_codewords_spike: int = 32  # evenly spaced codewords there
D_spike: float = 30.5  # global budget there
D_core_spike: float = 0.2  # budget of the core there
core_radius_spike: float = 0.1  # the core there is |x| below this
n_side: int = 40  # letters a side in the plane, a grid of [-8, 8]^2
n_side_codebook: int = 6  # codewords a side there
D_2d: float = 8.0  # global budget there
D_core_2d: float = 1.0  # budget of the disc there
core_radius_2d: float = 2.0  # radius of the disc
merge_mass: float = 1e-3  # codewords with less mass are merged
merge_distance: float = 1e-3  # and those within this squared distance of a heavier one
rounds: int = 15  # of the published run on the line
rounds_spike: int = 10  # of that on the spike
rounds_2d: int = 20  # of that in the plane
binding_1d: list[float] = [0.05, 0.02]  # budgets of the core on the line that bind
binding_2d: list[list[float]] = [[8.0, 0.15], [4.0, 0.1]]  # pairs in the plane, global and disc, of which the disc's binds

# %% tags=["nbval-ignore-output"]
import numpy as np

import mfrd
from mfrd.report import outputs, parameters, plot, records, sources, tables

changed = parameters.changed("03_refinement", globals())
plot.use_style()
merging = {"merge_mass": merge_mass, "merge_distance": merge_distance, "solver": solver}
published = {"step": "centroid", **merging}
beyond = {**merging, "solver": solver_beyond}
print("backends, in the order they are tried:", *mfrd.backends(solver))

# %% [markdown]
# ## Three modes on a line
#
# The source has three bumps over a constant floor,
# $p(x) \propto \tfrac1{64} + \tfrac14 \bigl[ e^{-(x + 5)^2 / 0.18} + e^{-(x + 1)^2 / 0.72} + e^{-(x - 2.5)^2 / 0.32} \bigr]$ on a grid.
# The initial codebook is points drawn uniformly on $[-8, 8]$, 64 in the report. Its budgets are $D = 0.6$ overall and $D' = 0.6$ on $|x| < 1$.

# %%
trimodal = sources.trimodal(n_letters)
inside = abs(trimodal.points) < core_radius
budgets = [mfrd.Fidelity(D), mfrd.Fidelity(D_core, on=inside, name="core")]
problem = mfrd.Problem(trimodal, sources.drawn(seed, n_codewords), budgets)

# %%
run = mfrd.refine(problem, max_iter=rounds, **published)
encoder = run.solution.encoder
print(f"{n_codewords} codewords to {len(run.codebook)} in {len(run.history) - 1} rounds: "
      f"I = {encoder.rate:.4f}, H(Y) = {encoder.output_entropy:.4f} bits")

# %%
figure, (left, right) = plot.panels(2, height=2.3)
plot.source_1d(left, trimodal, "Initial codebook", inside)
plot.rug(left, problem.codebook, "convex", "codewords", 0.03)
plot.codebook_1d(right, encoder, "convex", "codewords", "Refined codebook", inside)
path = outputs.save_figure(figure, "fig04_refine_1d")

# %% [markdown]
# **Figure 16.** *Left:* the source and 64 random codewords. *Right:* the five that remain, with their masses; the core is
# shaded. Three sit near the modes; the outer two serve the constant floor beyond them, so "at the modes" is true of
# three of five.

# %%
modes = np.array(sources.MODES)
nearest = run.codebook[abs(run.codebook[:, None] - modes).argmin(axis=0)]
print("codewords:", np.round(run.codebook, 3))
print("distance of the nearest codeword to each mode:", np.round(abs(nearest - modes), 3))
print(f"mass of the floor: {n_letters * trimodal.p.min():.3f}")

# %%
figure = plot.history(run.history)
path = outputs.save_figure(figure, "fig05_refine_1d_history")

# %% [markdown]
# **Figure 17.** Round by round. *Left:* bits of information. *Right:* the number of codewords, on a logarithmic scale. Most codewords go in the first round, and $H(Y)$ does not
# notice, for they carried next to nothing; it falls rounds later, when the last few merge. $I(X;Y)$ hardly moves, because 64 codewords
# already contain an almost optimal set and unused ones cost nothing. The global distortion lies on its budget throughout, so the figure leaves it out. The
# core spends a fraction of its own budget, and always would: its sum is part of the global one, so with $D' = D$ it cannot bind.

# %%
first, last = run.history[0], run.history[-1]
tables.show({"before": {"I(X;Y)": first.rate, "H(Y)": first.output_entropy, **first.distortions},
             "after": {"I(X;Y)": last.rate, "H(Y)": last.output_entropy, **last.distortions},
             "price at the end": {name: price * run.solution.binds[name]
                                  for name, price in run.solution.prices.items()}})

# %% [markdown]
# The report's own figure 5 has a steep first step. Its author's code records as round zero the encoder that sends each letter to the nearest of
# the 64 codewords, far below the budget; the step is from there to the first optimal encoder, before anything has moved or merged.

# %%
nearest_word = mfrd.squared_error(trimodal.x, problem.y).argmin(axis=1)
zero = mfrd.Encoder(trimodal, problem.codebook, np.eye(n_codewords)[nearest_word])
spent = zero.mean_distortion(mfrd.squared_error)
print(f"nearest codeword: I = {zero.rate:.3f} bits at D = {spent:.4f}; "
      f"first solve: {first.rate:.3f} bits")

# %% [markdown]
# ## Does the draw matter?
#
# The same with other random codebooks, refined until nothing moves. From here on, runs that the report did not publish use
# the Newton backend, which is certified in the same way and takes milliseconds (notebook 6).

# %%
draws = {s: mfrd.Problem(trimodal, sources.drawn(s, n_codewords), budgets) for s in range(seeds)}
runs = {s: mfrd.refine(draws[s], step="centroid", max_iter=200, **beyond) for s in draws}
initial = np.array([r.history[0].rate for r in runs.values()])
final = np.array([r.solution.rate for r in runs.values()])
sizes = [len(r.codebook) for r in runs.values()]

# %%
figure, (ax,) = plot.panels(1, width=plot.COLUMN, height=2.4)
plot.lines(ax, [(list(runs), initial, "noise", "initial codebook", {"linestyle": "none"}),
                (list(runs), final, "convex", "refined", {"linestyle": "none"})],
           "draw", "rate (bits)", "Rate, draw by draw")
ax.set(xlim=(-0.5, seeds - 0.5), xticks=range(0, seeds, 1 + seeds // 10))
path = outputs.save_figure(figure, "fig04_draws")

# %% [markdown]
# **Figure of this notebook.** The rate on each random codebook and after its refinement. All draws end at one rate, on the same five codewords. That says that this source has one deep basin, not
# that refinement finds the best codebook; the certified limit over all codebooks is the subject of notebook 05.

# %%
print(f"{seeds} draws: rates {final.min():.5f} to {final.max():.5f} bits; "
      f"spread below 1e-6 bits: {bool(np.ptp(final) < 1e-6)}")
print("codewords:", sizes, "converged:", all(r.converged for r in runs.values()))
apart = max(np.ptp([r.codebook for r in runs.values()], axis=0)) if len(set(sizes)) == 1 else np.nan
print(f"the same codeword of two draws is at most {apart:.3f} apart")

# %% [markdown]
# ## Budgets that bind
#
# The published subset budgets are slack. Here is the same source with the core held to $D' = 0.05$ and $0.02$, and both
# codebook steps.
#
# Think of a codeword at the edge of the core, which serves letters on both sides. A unit of distortion outside costs $\lambda$ bits, one inside
# $\lambda + \lambda'$. The centroid counts both alike. It will give up one unit inside for a little more than one outside, and that exchange
# loses bits as soon as $\lambda' > 0$. The priced centroid, derived at the top, makes the exchange at the going rates.
#
# So with a budget that binds on a subset, the centroid's step can *raise* the rate. `refine` refuses a step that does, unless the same round
# merges codewords. A run with the centroid therefore rises as long as it merges. Then it stops, where no part of the step helps. This is the
# failure to remember: it can end above the rate it started from, and above the best codebook it passed.

# %%
tight = {D_: problem.with_budget("core", D_) for D_ in binding_1d}
bound = {(D_, step): mfrd.refine(tight[D_], step=step, max_iter=200, **beyond)
         for D_ in tight for step in ("centroid", "priced")}

# %%
def ending(r):
    """Where a refinement began, the least that it passed, and where and how it ended."""
    rates, s = [step.rate for step in r.history], r.solution
    price = s.prices["core"] * s.binds["core"]
    return {"from": rates[0], "least": min(rates), "to (bits)": s.rate,
            "codewords": len(r.codebook), "rounds": len(rates) - 1,
            "price of the core": price, "status": str(r.status)}


tables.show({f"D' = {D_}, {step}": ending(r) for (D_, step), r in bound.items()})

# %%
figure, axes = plot.panels(len(binding_1d), height=2.3)
for ax, D_ in zip(axes, binding_1d):
    binding = bound[D_, "priced"].solution.binds["core"]
    plot.source_1d(ax, trimodal, f"$D′ = {D_:g}$, {'binding' if binding else 'slack'}", inside)
    plot.rug(ax, bound[D_, "centroid"].codebook, "noise", "centroid step", 0.62)
    plot.rug(ax, bound[D_, "priced"].codebook, "core", "priced step", 0.5)
plot.shared_legend(figure, axes[-1])
path = outputs.save_figure(figure, "fig04_binding")

# %% [markdown]
# **Figure 5.** Refined codebooks where the core's budget binds. Near the edge of the core a cell mixes cheap
# and dear letters: the priced step draws its codeword towards the dear ones and ends at the lower rate. The centroid's codebooks are
# where it stopped; the figure does not show the rates, printed above.
#
# ## A spike on a broad source
#
# The appendix's second source: a narrow spike over two broad bumps, evenly spaced codewords, in the report 32 and $D = 30.5$.

# %%
spike = sources.spike(n_letters_spike)
inside_spike = abs(spike.points) < core_radius_spike
budgets_spike = [mfrd.Fidelity(D_spike), mfrd.Fidelity(D_core_spike, on=inside_spike, name="core")]
spike_problem = mfrd.Problem(spike, mfrd.grid(-10, 10, n_codewords_spike), budgets_spike)
spike_run = mfrd.refine(spike_problem, max_iter=rounds_spike, **published)

# %%
spike_encoder = spike_run.solution.encoder
mean, variance = spike.mean.item(), spike.covariance.item()
main = spike_encoder.codebook[spike_encoder.output_pmf.argmax()]
print(f"variance {variance:.3f}, D = {D_spike}; rate {abs(spike_run.solution.rate):.6f} bits")
print(f"{len(spike_run.codebook)} codeword(s), the heaviest at {main:.4f}; E[X] = {mean:.4f}")

# %%
figure, (ax,) = plot.panels(1, width=plot.COLUMN)
plot.source_1d(ax, spike, "Initial codebook", inside_spike)
plot.rug(ax, spike_problem.codebook, "convex", "", 0.03)
path = outputs.save_figure(figure, "fig10_spike_initial")

# %%
figure, (ax,) = plot.panels(1, width=plot.COLUMN)
plot.codebook_1d(ax, spike_encoder, "convex", "", "Refined codebook", inside_spike)
path = outputs.save_figure(figure, "fig11_spike_refined")

# %% [markdown]
# **Figures of this notebook**, as figures 10 and 11 of the report. The source with its initial codebook, and what refinement leaves. The budget exceeds the variance,
# so the rate is zero for any codebook with a word near the mean, and the encoder need not look at the source. That the
# remaining codeword sits at the mean is a consequence of the budget, not of the spike.
#
# ## Four modes in the plane
#
# Four bumps and a floor on a square grid; in the report forty points a side, a $6 \times 6$ codebook, $D = 8$, and $D' = 1$ on the disc $|x| < 2$.

# %%
four = sources.four_modes(n_side)
disc = np.hypot(*four.points.T) < core_radius_2d
square = mfrd.grid(-8, 8, n_side_codebook, 2)
budgets_2d = [mfrd.Fidelity(D_2d), mfrd.Fidelity(D_core_2d, on=disc, name="core")]
problem_2d = mfrd.Problem(four, square, budgets_2d)

# %%
run_2d = mfrd.refine(problem_2d, max_iter=rounds_2d, **published)
solution_2d = run_2d.solution
lloyd = mfrd.lloyd_max(four, len(run_2d.codebook), initial=run_2d.codebook)
lloyd_D = lloyd.mean_distortion(mfrd.squared_error)

# %%
ours, spent = solution_2d.encoder, solution_2d.distortions
core_price = solution_2d.prices["core"] * solution_2d.binds["core"]
tables.show({"refined": {"I(X;Y)": ours.rate, "H(Y)": ours.output_entropy,
                         "D": spent["global"]},
             "Lloyd-Max from there": {"H(Y)": lloyd.output_entropy, "D": lloyd_D}})
print(f"{len(run_2d.codebook)} codewords; core: {spent['core']:.3f} of {D_core_2d}, "
      f"at a price of {core_price:.3f}")

# %% [markdown]
# Again the published budget of the disc is slack. We add two runs in which it binds, each with both steps.

# %%
bound_2d = {}
for D_, D_core_ in binding_2d:
    binding = problem_2d.with_budget("global", D_).with_budget("core", D_core_)
    for step in ("centroid", "priced"):
        bound_2d[D_, D_core_, step] = mfrd.refine(binding, step=step, max_iter=200, **beyond)
tables.show({f"D = {D_:g}, D' = {c:g}, {step}": ending(r) for (D_, c, step), r in bound_2d.items()})

# %%
shown = [(D_2d, D_core_2d, run_2d), *((D_, c, bound_2d[D_, c, "priced"]) for D_, c in binding_2d)]
figure, axes = plot.panels(len(shown), height=2.6)
for ax, (D_, c, r) in zip(axes, shown):
    title = f"$D = {D_:g}$, $D′ = {c:g}$: {'binding' if r.solution.binds['core'] else 'slack'}"
    plot.codebook_2d(ax, r.solution.encoder, "convex", "", title, core_radius_2d)
path = outputs.save_figure(figure, "fig06_refine_2d")

# %% [markdown]
# **Figure 19.** Refined codebooks in the plane, area in proportion to mass; the disc is outlined. *Left:* the published
# budgets, four codewords at the modes, the disc without effect. *Middle and right:* budgets that bind.
# In the middle a codeword is drawn in to serve the disc; at half the distortion, right, the floor has codewords of its own, four of them
# in the disc with or without its budget, which barely binds.

# %%
figure = plot.history(run_2d.history)
path = outputs.save_figure(figure, "fig05_refine_2d_history")

# %% [markdown]
# **Figure of this notebook.** The same quantities as in figure 17 for the published run in the plane.
#
# ## What the merging decides
#
# First the report's own settings, the centroid step for as many rounds, with no merging at all, by both backends. $I(X;Y)$ comes
# out the same. $H(Y)$ does not: by Newton it is that of the run which merges, by the conic backend it first falls and then climbs.

# %% tags=["nbval-ignore-output"]
bare = {"step": "centroid", "merge_mass": 0.0, "merge_distance": 0.0, "max_iter": rounds}
unmerged = {name: mfrd.refine(problem, solver=name, **bare) for name in ("newton", "clarabel")}
for name, r in unmerged.items():
    masses = (r.solution.encoder.output_pmf > 1e-6).sum()
    print(f"{name}: I = {r.solution.rate:.4f} bits on {masses} masses above 1e-6; "
          "H(Y) =", *(f"{s.output_entropy:.2f}" for s in r.history))

# %% [markdown]
# The certificate speaks of $I(X;Y)$, and of $I$ alone: no bound on $H(Y)$ comes with it. Where codewords coincide, $I$ does not
# fix $H(Y)$ at all. Split a codeword of mass $q$ into two at the same place, with shares $t$ and $1 - t$ for every letter: the
# ratios $Q_{ij} / q_j$ stay, so $I$ and all distortions stay, while $H(Y)$ grows by $q\,h(t)$, $h$ the binary entropy. Doubling each
# codeword of the refined codebook is that with $t = \tfrac12$ everywhere: one bit.

# %%
twice = np.repeat(encoder.Q, 2, axis=1) / 2
doubled = mfrd.Encoder(trimodal, np.repeat(run.codebook, 2), twice)
tables.show({name: {"I(X;Y)": e.rate, "H(Y)": e.output_entropy}
             for name, e in ((f"{len(run.codebook)} codewords", encoder), ("each twice", doubled))})

# %%
conic = unmerged["clarabel"].solution.encoder
curves = [(run, "convex", "merged"), (unmerged["newton"], "unconstrained", "not merged, Newton"),
          (unmerged["clarabel"], "entropy", "not merged, conic")]
entropies = [(range(len(r.history)), [s.output_entropy for s in r.history], kind, name)
             for r, kind, name in curves]

# %%
figure, (left, right) = plot.panels(2, height=2.4)
plot.lines(left, entropies, "round", "$H(Y)$ (bits)", "Entropy without merging")
plot.whole_numbers(left)
open_marks = {"linestyle": "none", "markerfacecolor": "none", "marker": "D"}
plot.lines(right, [(conic.codebook, conic.output_pmf, "entropy", "not merged, conic", open_marks),
                   (run.codebook, encoder.output_pmf, "convex", "merged", {"linestyle": "none"})],
           "$y$", "mass", "Codewords after the last round", log="y")
path = outputs.save_figure(figure, "fig05_no_merging")

# %% [markdown]
# **Figure 18.** *Left:* $H(Y)$ by round, each curve the optimal encoder of its round as that backend returned it. *Right:*
# the last encoders of the two conic runs, masses on a logarithmic scale: most codewords of the run without merging stand in five
# heaps, over the five of the run that merges. An interior-point
# method for cones keeps every mass above zero. The centroid step then moves a word of mass $10^{-5}$ as far as any other, uphill to
# the mode whose letters it serves; there it stands beside the word that was there first, at no cost in $I$, and the solver, which
# sees no difference, splits the mass among them. Newton's method here sets masses that the dual prices out to zero, so it prunes by
# itself. With a conic backend, the report's, merging is what keeps $H(Y)$ near $I(X;Y)$; with one that prunes, it only tidies up.
#
# The thresholds matter less. Five pairs of them on the draw shown, by Newton: a mass threshold of a hundredth or a tenth
# removes codewords that matter, and the rate pays for it, though little.

# %%
thresholds = [(0.0, 0.0), (1e-3, 1e-3), (1e-3, 0.3), (1e-2, 1e-3), (1e-1, 1e-3)]
ablation = {(mass, distance): mfrd.refine(problem, merge_mass=mass, merge_distance=distance,
                                          max_iter=200, solver=solver_beyond)
            for mass, distance in thresholds}

# %%
def left_over(e):
    return {"codewords": len(e.codebook), "I(X;Y)": e.rate, "H(Y)": e.output_entropy}


tables.show({f"mass {mass:g}, distance {distance:g}": left_over(r.solution.encoder)
             for (mass, distance), r in ablation.items()})

# %% [markdown]
# ## What this shows
#
# Refinement removes codewords while the rate falls slightly, and every draw of the published problem ends at the same five.
# A certified rate leaves $H(Y)$ open wherever codewords stand close together; merging, or a solver that prunes, closes it.
# The published subset budgets of this notebook are slack; in the four problems where one binds, the step that knows the prices ends
# at least as low.
#
# The rates where refinement began are proven as well, so they are solved once more, as they were in the first round:

# %%
first_solution = mfrd.solve(problem, solver)
first_bound = {D_: mfrd.solve(at, solver_beyond) for D_, at in tight.items()}
path = records.save("03_refinement", globals())

# %%
every = [run, spike_run, run_2d, *runs.values(), *bound.values(), *bound_2d.values(),
         *ablation.values(), *unmerged.values()]
assert max(r.solution.gap for r in every) <= 1e-6, "a rate is not certified"
for s in (r.solution for r in every):
    assert all(s.distortions[f.name] <= f.D * (1 + 1e-9) for f in s.problem.fidelities)

# %%
assert abs(doubled.rate - encoder.rate) < 1e-12
assert abs(doubled.output_entropy - encoder.output_entropy - 1) < 1e-12
print(f"{len(every)} refinements, each certified to 1e-6 bits; "
      f"I = {run.solution.rate:.4f} and {run_2d.solution.rate:.4f} bits")
