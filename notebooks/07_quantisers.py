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
# # 7. Quantisers: from prices to cells
#
# *Which encoder should be deployed, and how near does its entropy come to the certified bound?*
#
# The convex encoder minimises $I(X;Y)$. What a symbol-by-symbol code pays is $H(Y)$, and
#
# $$H(Y) = I(X;Y) + H(Y|X),$$
#
# so a randomised encoder pays for its own randomness. For a fixed codebook $H(Y)$ is concave in $Q$: its least value within the budgets
# sits at a vertex, which randomises at most as many letters as there are budgets; time-sharing *deterministic* encoders
# does at least as well. The quantiser to deploy therefore solves another problem,
#
# $$\min_{\text{quantisers}}\ \sum_t \alpha_t\, H(Y_t) \quad\text{within}\quad \sum_t \alpha_t\, \mathrm{E}[d_r(X, Y_t)] \le D_r \ \text{ for every budget } r,$$
#
# where the shares $\alpha_t$ time-share a few deterministic encoders so that the budgets are met exactly. Its rate can
# never pass below the limit over all codebooks in $\mathbb{R}$ under squared error (notebook 5). That limit is what is certified here, at
# every point shown; the certificate is one of $I(X;Y)$: it bounds $H(Y)$ from below alone, and does not say that a quantiser found by search is the best.
# A budget on a core is joint, $\mathrm{E}\,|X - Y|^2\, 1[X \in S] \le D'$, which allows a letter of the core the mean $D' / P(S)$.
# This goes beyond section 4.4 of the report, on its author's sources. Notebook 8 turns quantisers into bytes.
#
# *In the [paper](../paper/paper.pdf): section 7.1, Quantisers and trellises. Figures are numbered as there.*

# %% tags=["parameters"]
seed: int = 7  # of the random starts of the search
restarts: int = 2  # random starts of each round of the search
n_letters: int = 100  # letters of the trimodal source
n_codewords: int = 64  # evenly spaced codewords, where a codebook is fixed
D: float = 0.6  # budget on all letters
D_core: float = 0.05  # budget on the letters of the core
core_radius: float = 1.0  # the core is abs(x) < core_radius
n_letters_spike: int = 200  # letters of the spike's source
D_plane: list[float] = [0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.4, 2.0, 3.0, 4.5, 7.0]  # budgets of the trimodal plane
D_plane_spike: list[float] = [0.5, 0.7, 1.0, 1.6, 2.5, 4.0, 5.2, 6.6, 9.0, 14.0, 20.0]  # budgets of the spike's plane
D_plane_core: list[float] = [0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.4, 2.0, 3.0]  # budgets beside the core's
lloyd_sizes: list[int] = [2, 3, 4, 5, 6, 7, 8]  # codewords of Lloyd-Max
steps: list[float] = [1.6, 1.9, 2.3, 2.8, 3.3, 4.0, 4.9]  # widths of uniform cells
steps_spike: list[float] = [2.5, 3.2, 4.2, 5.5, 7.0, 9.0]  # widths of uniform cells, spike

# %% tags=["nbval-ignore-output"]
from functools import cache

import numpy as np

import mfrd
from mfrd.report import explorer, outputs, parameters, plot, records, sources, tables

changed = parameters.changed("07_quantisers", globals())
plot.use_style()

# %% [markdown]
# ## One source, one budget
#
# The trimodal source of notebooks 3 and 4, and every quantiser within one budget: the certified limit;
# the exact entropy-constrained quantiser (`ecsq`); the same searched without
# knowledge of the line (`ecvq`, with annealed starts); Lloyd–Max and uniform cells, each time-shared between the two
# sizes or steps that serve best; and the report's method, an encoder on a refined codebook, coded at its $H(Y)$.
#
# `ecsq` is exact on the lower convex hull of distortion and entropy, which is all that time-sharing needs: at each slope some quantiser of
# least $\lambda D + H(Y)$ has intervals as cells, and a dynamic program finds it. Off the hull the best single quantiser of a *discrete* source
# need not have intervals as cells, and is not claimed.

# %%
trimodal, spike = sources.trimodal(n_letters), sources.spike(n_letters_spike)
inside = abs(trimodal.points) < core_radius
core = mfrd.Fidelity(D_core, on=inside, name="core")


@cache
def limit(source, D, *others):
    """The certified limit over all codebooks with a global budget D, and others."""
    return mfrd.limit(source, [mfrd.Fidelity(D), *others])

# %%
sizes_tried, steps_tried = range(1, 1 + min(24, n_letters)), np.geomspace(0.2, 16, 120)
many_sizes = [mfrd.lloyd_max(trimodal, m, initial="even") for m in sizes_tried]
many_steps = [mfrd.uniform_quantiser(trimodal, step) for step in steps_tried]


def shared(encoders, D, *others):
    """The best time-sharing of these encoders within the budgets."""
    return mfrd.mixture(encoders, [mfrd.Fidelity(D), *others], bound=limit(trimodal, D, *others))

# %%
def searched(D, *others):
    """The best quantiser of a search that is not told of contiguous cells."""
    known, budgets = limit(trimodal, D, *others), [mfrd.Fidelity(D), *others]
    return mfrd.ecvq(trimodal, budgets, convex=known, bound=known, rng=seed, restarts=restarts,
                     starts=("columns", "anneal", "random"))

# %%
at_limit = limit(trimodal, D)
bound = at_limit.lower_bound
rivals = {"ECSQ, proven": mfrd.ecsq(trimodal, D, bound=at_limit),
          "ECVQ, annealed starts": searched(D),
          "Lloyd–Max, time-shared": shared(many_sizes, D),
          "uniform, time-shared": shared(many_steps, D)}

# %% [markdown]
# The report's method starts from sixteen even codewords, or as few more as reach $D$.

# %%
even = (mfrd.Problem(trimodal, mfrd.grid(-8, 8, m), [mfrd.Fidelity(D)]) for m in range(16, 1000))
first = next(problem for problem in even if problem.row_least[0] <= D)
settled = mfrd.refine(first, merge_distance=1e-3, max_iter=1000, solver="newton")
report = settled.solution.encoder

# %%
rates = {name: quantiser.rate for name, quantiser in rivals.items()}
rates["report, at H(Y)"] = report.output_entropy
told = {"certified bound": bound, **rates}
tables.show({name: {"bits": rate, "over bound": rate - bound} for name, rate in told.items()},
            corner=f"at D = {D}")

# %% [markdown]
# At $D = 0.6$ the quantiser designed for $H(Y)$ stays within a twentieth of a bit of what *no* code of any length can beat on
# independent letters. Lloyd–Max, which never looks at the entropy, gives away more; the encoder that is optimal for $I(X;Y)$ is a poor
# thing to deploy; and uniform cells, this coarse, fall across the modes.
#
# ## The plane
#
# The same over the whole range. Lloyd–Max and uniform cells are shown as they are, a point for each size and step, beside the certified bound at
# each one's own distortion. The convex encoder whose $H(Y)$ is drawn is that of `mfrd.limit`, as in
# notebook 4: the certificate bounds its $I(X;Y)$ and leaves its $H(Y)$ open, so another encoder as good may have another curve.

# %%
def place(encoder):
    """Distortion and entropy of an encoder."""
    return encoder.mean_distortion(mfrd.squared_error), encoder.output_entropy


def plane(source, budgets, sizes, steps):
    """Distortion and bits of each scheme at these budgets, sizes and steps."""
    convex = {D_: limit(source, D_).encoder for D_ in budgets}
    return {"ecsq": [(D_, mfrd.ecsq(source, D_).rate) for D_ in budgets],
            "lloyd_max": [place(mfrd.lloyd_max(source, m, initial="even")) for m in sizes],
            "uniform": [place(mfrd.uniform_quantiser(source, step)) for step in steps],
            "convex_at_H_Y": [(D_, encoder.output_entropy) for D_, encoder in convex.items()]}

# %%
def beside_bound(source, schemes, *others):
    """The points (D, bits) of each scheme with the certified bound at that D as a third number."""
    return {name: [(D_, bits, limit(source, D_, *others).lower_bound) for D_, bits in points]
            for name, points in schemes.items()}


def bounds(source, budgets, *others):
    """The certified bound at each budget."""
    return [(D_, limit(source, D_, *others).lower_bound) for D_ in budgets]

# %%
drawn = plane(trimodal, D_plane, lloyd_sizes, steps)
drawn["ecvq"] = [(D_, searched(D_).rate) for D_ in D_plane[::2]]
schemes = beside_bound(trimodal, drawn)

# %%
dots = {"linestyle": "none"}
kinds = {"convex_at_H_Y": ("entropy", "the limit's encoder at $H(Y)$"),
         "uniform": ("noise", "uniform cells", dots), "lloyd_max": ("lloyd", "Lloyd–Max", dots),
         "ecsq": ("quantiser", "ECSQ hull"), "ecvq": ("annealed", "ECVQ, annealed")}
figure = plot.plane(schemes, kinds, bounds(trimodal, D_plane))
path = outputs.save_figure(figure, "fig13_plane")

# %% [markdown]
# **Figure 26.** *Left:* rate against distortion for the trimodal source. *Right:* the same less the certified bound at
# each point's own distortion: what a quantiser gives away. ECVQ, which is not told that cells are intervals, ends on the line of the exact
# quantiser at all budgets but the largest, where it stops short of it. $H(Y)$ is that of the limit's encoder. What the
# figure does not show: codes of long blocks, which alone could close the last gap; notebook 8 has some.

# %%
excess = {name: [bits - low for _, bits, low in points] for name, points in schemes.items()}
tables.show({name: {"least": min(over), "largest": max(over)} for name, over in excess.items()},
            corner="bits over the bound")
exactly = dict(drawn["ecsq"])
short = {D_: rate - exactly[D_] for D_, rate in drawn["ecvq"]}
print("ECVQ over ECSQ, bits:",
      ", ".join(f"{max(bits, 0):.4f} at {D_}" for D_, bits in short.items()))
largest = max(limit(trimodal, D_).gap for D_ in D_plane)
print("largest gap of a certified limit below 1e-6 bits:", bool(largest < 1e-6))

# %% [markdown]
# ## The spike
#
# The second source, broad, with a spike in the middle.

# %%
schemes_spike = beside_bound(spike, plane(spike, D_plane_spike, lloyd_sizes, steps_spike))
figure = plot.plane(schemes_spike, kinds, bounds(spike, D_plane_spike))
path = outputs.save_figure(figure, "fig13_plane_spike")

# %% [markdown]
# **Figure 27.** The spike. On this broad source a good scalar quantiser at small $D$ lies near a quarter of a bit from the bound:
# 0.2546 bits at high rate, the price of cells that are intervals instead of balls in many dimensions, and less where
# the rate is small. Uniform cells are nearly as good while the step is small, as theory says of smooth densities, and lose a
# tenth of a bit and more against ECSQ where it is not; Lloyd–Max stays near the best throughout, for this density varies slowly. On the trimodal
# source, whose letters crowd at three places, neither did.
#
# ## Why equal size misleads
#
# The report compares at an equal number of codewords $m$. With an entropy coder behind the quantiser $m$ is no
# resource: a codeword that is seldom used costs almost nothing.

# %%
hull = mfrd.ecsq_hull(trimodal)
of_size = {m: [v for v in hull if len(v.thresholds) + 1 == m] for m in lloyd_sizes}
at_m = {m: place(mfrd.lloyd_max(trimodal, m, initial="even")) for m in lloyd_sizes}

# %%
def of_lloyd(D_, rate):
    return {"Lloyd–Max D": D_, "bits": rate, "over bound": rate - limit(trimodal, D_).lower_bound}


def of_hull(vertices):
    if not vertices:
        return {}
    fine, coarse = vertices[0], vertices[-1]
    return {"D from": fine.distortion, "to": coarse.distortion,
            "bits from": fine.rate, "down to": coarse.rate}


tables.show({m: {**of_lloyd(*at_m[m]), "hull's vertices": len(of_size[m]), **of_hull(of_size[m])}
             for m in lloyd_sizes}, ".3f", "m")

# %%
best = [(m, v.rate, v.distortion) for m, vertices in of_size.items() for v in vertices]
m, hull_rates, hull_D = zip(*best) if best else ((), (), ())
lloyd_D, lloyd_rates = zip(*at_m.values())
panels = (("rate (bits)", "Rate", "", hull_rates, lloyd_rates),
          ("distortion $D$", "Distortion", "y", hull_D, lloyd_D))

# %%
figure, axes = plot.panels(2, height=2.5)
for ax, (unit, title, log, of_vertices, of_rival) in zip(axes, panels):
    plot.lines(ax, [(lloyd_sizes, of_rival, "lloyd", "Lloyd–Max"),
                    (m, of_vertices, "quantiser", "hull vertices of this size",
                     {"linestyle": "none", "marker": "_", "markersize": 9})],
               "codewords $m$", unit, title, log=log)
path = outputs.save_figure(figure, "fig14_equal_size")

# %% [markdown]
# **Figure 28.** Every vertex of the exact hull by its number of cells, with Lloyd–Max of the same size. Quantisers
# that are *all optimal* share one $m$ and differ in rate and distortion, widely where $m$ is small, so a comparison at
# equal $m$ can be made to favour either side. Lloyd–Max lies beyond the end of each column: at equal size it has less
# distortion than every vertex of the hull and pays more bits for it. The figure says nothing of how far each is from the bound; figure 26
# does.
#
# ## Cooling an encoder
#
# From the convex optimum to a quantiser in one motion: at fixed prices minimise $\mathrm{E}[s] + H(Y) - \tau H(Y|X)$,
# with $s$ the priced distortion, and let $\tau$ fall from 1, the convex problem, to 0, the quantiser. At each $\tau$ shares $Q$ and codewords
# alternate until the masses rest. At $\tau = 1$ they rest at once, for the path starts from an optimum, but the codewords take a step to their
# centroids: the path's first point has the shares of the encoder that is optimal on the grid, and less distortion. Nearly all of the fall of $H(Y)$ comes
# within a hundredth of that start, so temperatures are dense there.

# %%
even = mfrd.Problem(trimodal, mfrd.grid(-8, 8, n_codewords), [mfrd.Fidelity(D)])
start = mfrd.solve(even, solver="newton")
cooler = 1 - np.geomspace(1e-3, 0.1, 13)
path_down = mfrd.anneal(start, [1.0, *cooler, *np.geomspace(0.88, 0.02, 24), 0.0])

# %%
cooling = [1 - step.tau for step in path_down[1:]]
bits = {name: [getattr(step, name) for step in path_down]
        for name in ("output_entropy", "rate", "conditional_entropy")}
drift = [step.distortions["global"] for step in path_down]
around = np.linspace(max(min(drift) - 0.02, min(drift) / 2), max(drift) + 0.02, 9)

# %%
figure, (left, right) = plot.panels(2, height=2.6)
plot.lines(left, [(cooling, bits["output_entropy"][1:], "entropy", "$H(Y)$"),
                  (cooling, bits["rate"][1:], "convex", "$I(X;Y)$"),
                  (cooling, bits["conditional_entropy"][1:], "noise", "$H(Y|X)$")],
           "$1 - \\tau$, by which the path has cooled", "bits", "Along the path", log="x")
plot.lines(right, [(drift, bits["output_entropy"], "entropy", "$H(Y)$ on the path"),
                   (drift, bits["rate"], "convex", "$I(X;Y)$ on the path"),
                   (around, [mfrd.ecsq(trimodal, d).rate for d in around], "quantiser", "ECSQ hull",
                    {"marker": ""}),
                   (*zip(*bounds(trimodal, around)), "bound", "certified bound")],
           "distortion $D$", "bits", "The path in the plane")
right.set_ylim(bound - 0.02, mfrd.ecsq(trimodal, min(drift)).rate + 0.08)
path = outputs.save_figure(figure, "fig15_annealing")

# %% [markdown]
# **Figure 29.** *Left:* entropies against how far the path has cooled, on a logarithmic scale that starts at $\tau = 0.999$. $H(Y)$ falls by nine tenths of a bit on the way to $\tau = 0.99$;
# it is nearly level from there on, and $H(Y|X)$ goes to zero. $I(X;Y)$ rises to meet $H(Y)$.
# *Right:* the same path in the plane. It starts near the bound with $I(X;Y)$ and far above the panel with $H(Y)$, and
# both end at one quantiser, on the hull of the exact ones. Prices are held, so the distortion drifts, down on the whole; `ecvq` moves the prices
# until the budget is met again. The path is a heuristic: that it ends on the hull here is shown by the exact program,
# not promised by the method.

# %%
last = path_down[-1]
dip = path_down[int(np.argmin(bits["output_entropy"]))]
shown = [path_down[0], *(step for step in path_down if 0.985 < step.tau < 0.995)][:2] + [dip, last]
tables.show({f"{step.tau:.3f}": {"I(X;Y)": step.rate, "H(Y)": step.output_entropy,
                                 "H(Y|X)": step.conditional_entropy,
                                 "D": step.distortions["global"]}
             for step in shown}, corner="tau")

# %%
print(f"optimum on the grid: I = {start.rate:.4f}, H(Y) = {start.encoder.output_entropy:.4f} bits, "
      f"D = {D:.4f}")
print(f"at the end's D: ECSQ {mfrd.ecsq(trimodal, drift[-1]).rate:.4f}, "
      f"bound {limit(trimodal, drift[-1]).lower_bound:.4f} bits")

# %% [markdown]
# ## A budget that binds
#
# Now the core has a budget of its own. Intervals as cells are no longer proven optimal at any slope, so the quantiser is the
# best found; the bound stays certified. Lloyd–Max and uniform cells know nothing of the core: they meet its budget where
# they are fine everywhere.

# %%
budgets_core = sorted({*D_plane_core, D})
priced = {D_: searched(D_, core) for D_ in budgets_core}
lloyd_core = {D_: shared(many_sizes, D_, core).rate for D_ in budgets_core}
uniform_core = {D_: shared(many_steps, D_, core).rate for D_ in budgets_core}
at_limit_core = limit(trimodal, D, core)

# %%
random_core = [(D_, limit(trimodal, D_, core).encoder.output_entropy) for D_ in budgets_core]
rates_core = {"ecvq": [(D_, q.rate) for D_, q in priced.items()],
              "lloyd_max": list(lloyd_core.items()), "uniform": list(uniform_core.items()),
              "convex_at_H_Y": random_core}
schemes_core = beside_bound(trimodal, rates_core, core)

# %%
joined = {name: (*kinds[name][:2], {"linestyle": "-"}) for name in rates_core}
figure = plot.plane(schemes_core, joined, bounds(trimodal, budgets_core, core))
path = outputs.save_figure(figure, "fig16_plane_core")

# %% [markdown]
# **Figure 30.** As figure 26, with $D' = 0.05$ on the core; all are time-shared to meet both budgets. Lloyd–Max
# must be fine everywhere to be fine in the core, and a looser global budget saves it half of what it saves the bound. Uniform cells are fine
# enough for the core already, up to $D$ of about one. The priced quantiser stays nearest to the bound, closest about $D = 0.6$. The rates of
# Lloyd–Max and of uniform cells without the core's budget are printed here.

# %%
tables.show({D_: {"bound": limit(trimodal, D_, core).lower_bound, "ECVQ": priced[D_].rate,
                  "Lloyd–Max": lloyd_core[D_], "without core": shared(many_sizes, D_).rate,
                  "uniform": uniform_core[D_], "without core ": shared(many_steps, D_).rate}
             for D_ in budgets_core}, corner="D")

# %% [markdown]
# ## What a bit buys where
#
# Prices are slopes: $\lambda = -\partial R/\partial D$ and $\lambda' = -\partial R/\partial D'$ in bits per unit of
# distortion. So one more bit for every hundred samples lowers the global distortion by $0.01/\lambda$, or the core's
# by $0.01/\lambda'$, to first order. The slope of the exact hull is the same price for a quantiser that is deployed.

# %%
def priced_at(limit):
    """Prices of a limit by name; NaN, which a figure leaves out, where a budget does not bind."""
    binds = limit.solution.binds
    return {name: price if binds[name] else np.nan for name, price in limit.prices.items()}


prices = {D_: priced_at(limit(trimodal, D_, core)) for D_ in budgets_core}
alone = [priced_at(limit(trimodal, D_))["global"] for D_ in D_plane]

# %%
hull_slopes = [(b.distortion, (a.rate - b.rate) / (b.distortion - a.distortion))
               for a, b in zip(hull, hull[1:])]
in_range = [pair for pair in hull_slopes if min(D_plane) < pair[0] < max(D_plane)]
stairs = zip(*(in_range or [(np.nan, np.nan)]))

# %%
figure, (left, right) = plot.panels(2, height=2.4)
plot.lines(left, [(D_plane, alone, "bound", "bound"),
                  (*stairs, "quantiser", "ECSQ hull", {"drawstyle": "steps-pre", "marker": ""})],
           "distortion $D$", "price (bits per unit)", "One budget", log="xy")
plot.lines(right, [(budgets_core, [row[name] for row in prices.values()], name, name)
                   for name in ("global", "core")],
           "distortion $D$", "price (bits per unit)", f"With $D′ = {D_core}$ on the core",
           log="xy", direct="right")
path = outputs.save_figure(figure, "fig17_prices")

# %% [markdown]
# **Figure 31.** *Left:* the price of distortion at the bound, and along the quantiser's hull, where it is a staircase:
# on a long step two distant quantisers are time-shared, mostly of different size. *Right:* both prices with the core's budget; a
# letter of the core pays their sum. The core's price rises while the global budget keeps the core fine anyway, peaks, and falls again
# as the global budget is relaxed. Prices are marginal: they say where the next bit should go, not what the first ones bought.
#
# What a hundredth of a bit buys, blank where a budget is idle:

# %%
tables.show({D_: {"price of D": row["global"], "0.01 bit buys": 0.01 / row["global"],
                  "price of D'": row["core"], "0.01 bit buys ": 0.01 / row["core"]}
             for D_, row in prices.items()}, corner="D")

# %% [markdown]
# ## The explorer
#
# One pair of budgets in detail, on the report's letters and evenly spaced codewords, first as a still picture;
# then with a slider for each budget, where every move solves the problem again.

# %%
curves = [("bound, global budget alone", *zip(*bounds(trimodal, D_plane))),
          (f"with $D′ = {D_core}$", *zip(*bounds(trimodal, budgets_core, core)))]
explored = explorer.Explorer(trimodal, mfrd.grid(-8, 8, n_codewords), inside, curves)
solution = explored.update(D, D_core)

# %%
figure = explored.panel.still()
path = outputs.save_figure(figure, "fig20_explorer")
figure

# %% [markdown]
# **Figure of this notebook.** The optimum at $D = 0.6$, $D' = 0.05$. *Row by row:* which codeword each letter is sent to, and how
# often; the masses of the codewords over the source, to the scale of the heaviest, the core shaded; both prices; the rate over the
# certified bounds of all codebooks, a little above them because these codewords may not move.

# %%
price = {name: value * solution.binds[name] for name, value in solution.prices.items()}
print(f"I = {solution.rate:.4f} bits on the grid, "
      f"at least {at_limit_core.lower_bound:.4f} on any codebook; "
      f"prices {price['global']:.4f} and {price['core']:.4f} bits per unit")

# %% tags=["nbval-skip"]
explored.widget(D, D_core)

# %% [markdown]
# ## What this shows
#
# The last line below has the numbers for the trimodal source at one budget: certified bound, exact quantiser, and Lloyd–Max
# time-shared to the same distortion. A quantiser designed for its entropy
# lies there a few hundredths of a bit from a bound that holds for every code of independent letters, and at the worst of the budgets above, and with the core's, less than two tenths. The convex program does not deliver
# the encoder to deploy; it delivers prices to search it from, and the proof of how little is left to find.

# %%
path = records.save("07_quantisers", globals())

# %% [markdown]
# What is mathematics must hold for any parameters: nothing lies below the bound, the cold end of the path is deterministic, so that
# its $I(X;Y)$ is its $H(Y)$, and an exact quantiser has no rival among those that share scalar cells.

# %%
exact, lloyd = rivals["ECSQ, proven"].rate, rivals["Lloyd–Max, time-shared"].rate
assert all(gap > -1e-9 for gaps in excess.values() for gap in gaps), "a scheme is below the bound"
assert exact <= min(rates[name] for name in rivals) + 1e-9, "the exact quantiser has a rival"
assert last.conditional_entropy < 1e-9 and abs(last.rate - last.output_entropy) < 1e-9
print(f"trimodal at D = {D}: bound {bound:.4f}, ECSQ {exact:.4f}, Lloyd–Max {lloyd:.4f} bits")
