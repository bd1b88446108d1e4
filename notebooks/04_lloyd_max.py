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
# # 4. Comparison with Lloyd–Max
#
# *Does the convex method beat the classical quantiser, and at what?*
#
# Lloyd–Max minimises distortion for a given number of codewords, with a deterministic encoder; its rate is what it turns
# out to be, $I(X;Y) = H(Y)$. The convex program minimises $I(X;Y)$ within a distortion budget, with a stochastic encoder;
# the number of codewords is what it turns out to be. The report compares the two at equal codebook size. We reproduce
# that, and then compare at equal distortion and at equal rate. This notebook covers section 4.4 and appendix A.3 of the
# report (figures 7 and 12). The numbers of the first comparison are in the report; sources, initial codebooks, budgets and
# all of the second one's numbers are in its author's code alone.
#
# *In the [paper](../paper/paper.pdf): appendix D, Against Lloyd–Max. Figures are numbered as there.*

# %% tags=["parameters"]
solver: str = "clarabel"  # of the published runs: auto, mosek, clarabel or newton
solver_beyond: str = "newton"  # of those that go beyond
seed: int = 2  # of the random initial codebook, and of Lloyd-Max's random starts
n_letters: int = 100  # letters of the source with three modes, a grid of [-8, 8]
n_codewords: int = 16  # codewords drawn there
D: float = 0.6  # global budget there
D_core: float = 0.6  # budget of the core there
core_radius: float = 1.0  # the core of both sources is |x| below this
n_letters_spike: int = 200  # letters of the broad source with a spike, a grid of [-10, 10]
n_codewords_spike: int = 32  # evenly spaced codewords there
D_spike: float = 1.6  # global budget there
D_core_spike: float = 1.6  # budget of the core there
merge_mass: float = 1e-3  # codewords with less mass are merged
merge_distance: float = 1e-3  # and those within this squared distance of a heavier one
rounds: int = 15  # of the published refinements
rounds_lloyd: int = 100  # of Lloyd-Max beside them
rounds_converged: int = 5000  # at most, where refinement goes on until nothing moves
etas: list[float] = [0.25, 0.1]  # other steps than the centroid's, which is one half
D_plane: list[float] = [0.2, 0.25, 0.3, 0.35, 0.42, 0.5, 0.6, 0.8, 1.0, 1.5, 2.5, 4.0]  # budgets of the curves in the plane
lloyd_sizes: list[int] = [2, 3, 4, 5, 6, 7, 8]  # sizes of Lloyd-Max there
n_starts: int = 20  # random starts of Lloyd-Max

# %% tags=["nbval-ignore-output"]
import numpy as np
from scipy.optimize import brentq

import mfrd
from mfrd.report import outputs, parameters, plot, records, sources, tables

changed = parameters.changed("04_lloyd_max", globals())
plot.use_style()
merging = {"merge_mass": merge_mass, "merge_distance": merge_distance}
published = {"step": "centroid", **merging, "solver": solver}
print("backends, in the order they are tried:", *mfrd.backends(solver))

# %% [markdown]
# ## Equal codebook size, as published
#
# The trimodal source of notebook 3, in the report from 16 random codewords. Lloyd–Max gets as many codewords as refinement
# leaves, evenly spaced at the start.

# %%
trimodal = sources.trimodal(n_letters)
inside = abs(trimodal.points) < core_radius
budgets = [mfrd.Fidelity(D), mfrd.Fidelity(D_core, on=inside, name="core")]
initial = sources.drawn(seed, n_codewords)  # uniform on [-8, 8], sorted
first = mfrd.Problem(trimodal, initial, budgets)

# %%
run = mfrd.refine(first, max_iter=rounds, **published)
convex, m = run.solution.encoder, len(run.codebook)
lloyd = mfrd.lloyd_max(trimodal, m, initial=np.linspace(-8, 8, m), max_iter=rounds_lloyd)

# %%
def point(encoder):
    """Where an encoder lies in the plane of rate and distortion."""
    D = encoder.mean_distortion(mfrd.squared_error)
    return {"I_bits": encoder.rate, "H_Y_bits": encoder.output_entropy, "D": D}


tables.show({f"convex, {m} codewords": point(convex), f"Lloyd-Max, {m} codewords": point(lloyd)})

# %%
figure, axes = plot.panels(2, height=2.3)
highest = max(convex.output_pmf.max(), lloyd.output_pmf.max())  # one scale in both panels
plot.codebook_1d(axes[0], convex, "convex", "convex", "Convex", inside, highest=highest)
plot.codebook_1d(axes[1], lloyd, "lloyd", "Lloyd–Max", "Lloyd–Max", highest=highest)
path = outputs.save_figure(figure, "fig07_lloyd_1d")

# %%
print("codewords, convex:   ", np.round(run.codebook, 3))
print("codewords, Lloyd-Max:", np.round(lloyd.codebook, 3))

# %% [markdown]
# **Figure 20.** Codewords and masses of both, five each; the core is shaded. Both put one codeword at each mode and one on each flank; they
# differ most on the flanks, where the convex codewords are rarer and farther out. The table shows two different points
# of the plane: less rate *and* more distortion. Neither dominates the other, so equal size decides nothing.
#
# Lloyd–Max is a descent without a certificate: from random starts it ends in different places.

# %%
random = np.random.default_rng(seed)
starts = [np.sort(random.uniform(-8, 8, m)) for _ in range(n_starts)]
tried = [mfrd.lloyd_max(trimodal, m, initial=start, max_iter=1000) for start in starts]
ends = np.array([point(encoder)["D"] for encoder in tried])

# %%
print(f"distortion from {n_starts} random starts: {ends.min():.4f} to {ends.max():.4f}; "
      f"evenly spaced {point(lloyd)['D']:.4f}")

# %% [markdown]
# ## Other step sizes
#
# The report's step has a size $\eta > 0$, for which it gives no value; its code takes the centroid itself, which is $\eta = \tfrac12$.
# With one budget that binds, a shorter step descends as well, more slowly. The same codebook and budgets, until nothing moves:

# %%
converging = {**published, "solver": solver_beyond, "max_iter": rounds_converged}
by_step = {eta: mfrd.refine(first, eta=eta, **converging) for eta in (0.5, *etas)}
tables.show({eta: {"I (bits)": r.solution.rate, "codewords": len(r.codebook),
                   "rounds": len(r.history) - 1, "converged": r.converged}
             for eta, r in by_step.items()}, ".6f", "eta")

# %% [markdown]
# ## The spike
#
# The second source, in the report at $D = 1.6$ from 32 evenly spaced codewords.

# %%
spike = sources.spike(n_letters_spike)
inside_spike = abs(spike.points) < core_radius
budgets_spike = [mfrd.Fidelity(D_spike), mfrd.Fidelity(D_core_spike, on=inside_spike, name="core")]
spike_problem = mfrd.Problem(spike, mfrd.grid(-10, 10, n_codewords_spike), budgets_spike)

# %%
spike_run = mfrd.refine(spike_problem, max_iter=rounds, **published)
spike_convex, m_spike = spike_run.solution.encoder, len(spike_run.codebook)
evenly = np.linspace(-10, 10, m_spike)
spike_lloyd = mfrd.lloyd_max(spike, m_spike, initial=evenly, max_iter=rounds_lloyd)

# %% [markdown]
# After its published 15 rounds refinement has not settled: $I$ is
# final to three digits after the point, but $H(Y)$ still moves, and with it the quantiser that rounds the encoder to its likeliest codeword.
# So we also go on from there until nothing moves, with the Newton backend. The table has both: the report's rows, and below them those
# of the refinement that was left to settle.

# %%
spike_settled = mfrd.refine(spike_run.solution.problem, **converging)
settled, m_settled = spike_settled.solution.encoder, len(spike_settled.codebook)


def rounded(encoder):
    """The quantiser that sends each letter to its likeliest codeword."""
    choice = np.eye(len(encoder.codebook))[encoder.Q.argmax(axis=1)]
    return mfrd.Encoder(encoder.source, encoder.codebook, choice)

# %%
taken, more = len(spike_run.history) - 1, len(spike_settled.history) - 1
how = "settled" if spike_settled.converged else f"{taken + more} rounds"
tables.show({f"convex, {taken} rounds, {m_spike} codewords": point(spike_convex),
             "  rounded to the likeliest": point(rounded(spike_convex)),
             f"convex, {how}, {m_settled} codewords": point(settled),
             "  rounded to the likeliest ": point(rounded(settled)),
             f"Lloyd-Max, {m_spike} codewords": point(spike_lloyd)})
print(f"{spike_run.status} after {taken} rounds, {spike_settled.status} after {more} more")

# %%
figure, axes = plot.panels(2, height=2.3)
highest = max(spike_convex.output_pmf.max(), spike_lloyd.output_pmf.max())
name = f"Convex, {taken} rounds"
plot.codebook_1d(axes[0], spike_convex, "convex", "convex", name, inside_spike, highest=highest)
plot.codebook_1d(axes[1], spike_lloyd, "lloyd", "Lloyd–Max", "Lloyd–Max", highest=highest)
path = outputs.save_figure(figure, "fig12_lloyd_spike")

# %% [markdown]
# **Figure 22.** The same comparison on the spike. Two codebooks of equal size, at distortions that differ by a factor of
# almost seven. The gap between $I(X;Y)$ and $H(Y)$ of the convex encoder is wide: a coder of $Y$ alone would pay $H(Y)$.
#
# ## Equal distortion, equal rate
#
# To compare like with like, give the convex method Lloyd–Max's distortion as its budget; then search for the budget at which
# its rate equals Lloyd–Max's. Only the global budget is kept, since Lloyd–Max knows no other. It starts from evenly spaced codewords and, where these
# are too coarse for that budget, from Lloyd–Max's besides.

# %%
def on(codebook, D):
    return mfrd.Problem(trimodal, codebook, [mfrd.Fidelity(D)])


lloyd_D, even = point(lloyd)["D"], mfrd.grid(-8, 8, n_codewords)
coarse = on(even, lloyd_D).least("global") > lloyd_D
start = np.union1d(even, lloyd.codebook) if coarse else even

# %%
def refined(D):
    """The refinement from these codewords within one budget."""
    settings = {"merge_distance": merge_distance, "max_iter": 1000, "solver": solver_beyond}
    return mfrd.refine(on(start, D), **settings).solution


same_D = refined(lloyd_D)

# %% [markdown]
# The rate falls with the budget, so the budget of equal rate lies below Lloyd–Max's distortion, where the convex rate is the lower one. From there budgets are
# lowered until the rate is above, and a root is sought between.

# %%
def excess_rate(D):
    return refined(D).rate - lloyd.rate


least = on(start, lloyd_D).least("global")
lowered = [D_ for k in range(1, 8) if (D_ := lloyd_D * 0.55**k) > least]
low = next((D_ for D_ in lowered if excess_rate(D_) > 0), least)

# %%
D_same_rate = low
if excess_rate(lloyd_D) >= 0:
    D_same_rate = lloyd_D
elif excess_rate(low) > 0:
    D_same_rate = brentq(excess_rate, low, lloyd_D, xtol=1e-5)
same_rate = refined(D_same_rate)

# %%
tables.show({f"Lloyd-Max, {m} codewords": point(lloyd),
             "convex at equal distortion": point(same_D.encoder),
             "convex at equal rate": point(same_rate.encoder)})
print(f"at equal distortion I(X;Y) is {lloyd.rate - same_D.rate:+.4f} bits lower; "
      f"at equal rate D is {lloyd_D - D_same_rate:+.4f} lower")

# %% [markdown]
# The convex rate wins at equal distortion and at equal rate, but what it counts is $I(X;Y)$, which a code of long blocks
# approaches and a symbol-by-symbol code does not. Its own $H(Y)$ at equal distortion is *above* Lloyd–Max's in the report's problem, as the table shows.
#
# That $H(Y)$ is the refined codebook's encoder's. The certificate speaks of $I(X;Y)$ and says nothing of $H(Y)$: encoders within a few
# millionths of a bit of each other in $I$ can lie tenths of a bit apart in $H(Y)$. For the whole plane we take one encoder that can be named, that of
# `mfrd.limit`, optimal over all codebooks in $\mathbb{R}$ (notebook 5); notebook 7 draws the same one.

# %%
plane = [mfrd.limit(trimodal, mfrd.Fidelity(D_)).solution for D_ in D_plane]
D_apart = next((D_ for D_ in D_plane if D_ > least), None)  # the first that the refinement reaches
apart = {"I": np.nan, "H(Y)": np.nan}

# %%
if D_apart is not None:
    ours, best = refined(D_apart).encoder, plane[D_plane.index(D_apart)].encoder
    apart = {"I": ours.rate - best.rate, "H(Y)": ours.output_entropy - best.output_entropy}
    print(f"at D = {D_apart:g} the refined codebook's encoder less the limit's: "
          f"I {apart['I']:+.0e} bits, H(Y) {apart['H(Y)']:+.2f} bits")

# %%
by_size = [mfrd.lloyd_max(trimodal, k, initial=np.linspace(-8, 8, k)) for k in lloyd_sizes]
quantisers = [point(encoder) for encoder in by_size]
entropies = [s.encoder.output_entropy for s in plane]
sizes = f"{min(lloyd_sizes)} to {max(lloyd_sizes)} codewords"

# %%
figure, (ax,) = plot.panels(1, width=0.6 * plot.PAGE, height=3.0)
plot.lines(ax, [(D_plane, entropies, "entropy", "limit's encoder, $H(Y)$"),
                (D_plane, [s.rate for s in plane], "convex", "limit's encoder, $I(X;Y)$"),
                ([q["D"] for q in quantisers], [q["H_Y_bits"] for q in quantisers],
                 "lloyd", f"Lloyd–Max, {sizes}")],
           "distortion $D$", "bits", log="x")
path = outputs.save_figure(figure, "fig07_plane")

# %% [markdown]
# **Figure 21.** The plane of rate and distortion; both convex curves belong to the encoder of `mfrd.limit`. Lloyd–Max's points lie
# above its $I(X;Y)$ and below its $H(Y)$. The first says that block coding could save bits; the second that an encoder
# designed for $I$ is a poor scalar quantiser. The certificate holds for $I$ alone: another encoder, as good to a
# millionth of a bit, may draw another curve $H(Y)$. Entropy-constrained quantisers, which are designed for $H(Y)$, come in
# notebook 7.
#
# ## What this shows
#
# The published tables are reproduced, the spike's entropies within a thousandth of a bit, and compare unlike things.
# At equal distortion the convex method needs fewer bits of mutual information; whether those bits can be had depends on the code, not on the optimisation.

# %%
path = records.save("04_lloyd_max", globals())

# %%
refinements = [run, spike_run, spike_settled, *by_step.values()]
certified = [same_D, same_rate, *plane, *(r.solution for r in refinements)]
assert max(s.gap for s in certified) <= 1e-6, "a rate is not certified"
bound = mfrd.limit(trimodal, mfrd.Fidelity(lloyd_D)).lower_bound
assert bound <= min(lloyd.rate, same_D.rate) + 1e-12, "an encoder beats the limit"

# %%
tossed = [abs(e.rate - e.output_entropy) for e in (*by_size, lloyd)]
assert max(tossed) < 1e-12, "a quantiser tosses coins"
print(f"equal size: {convex.rate:.4f} bits at D = {D:.4f} "
      f"against {lloyd.rate:.4f} at {lloyd_D:.4f}; equal distortion: {same_D.rate:.4f}")
