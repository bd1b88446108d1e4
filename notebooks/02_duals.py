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
# # 2. Mixed fidelity and the price of a distortion
#
# *What does one more unit of distortion buy, overall and on the letters that matter?*
#
# To the global budget we add a second one on a subset $S$ of letters, stated jointly as in the report (its numbers are in its author's code alone),
#
# $$\sum_{i,j} p_i Q_{ij}\, d(x_i, y_j) \le D, \qquad \sum_{i \in S,\, j} p_i Q_{ij}\, d(x_i, y_j) \le D' .$$
#
# The optimal rate $R(D, D')$ on a fixed codebook is convex, and the multipliers of the two budgets are its slopes: where it is
# differentiable, $\lambda = -\partial R / \partial D$ and $\lambda' = -\partial R / \partial D'$, prices in bits per unit of distortion. A
# budget with slack has price zero. This notebook covers section 4.2 of the report (figure 3).
#
# *In the [paper](../paper/paper.pdf): appendix B, Prices of mixed fidelity. Figures are numbered as there.*

# %% tags=["parameters"]
solver: str = "clarabel"  # auto, mosek, clarabel or newton
n_letters: int = 50  # letters of the Gaussian, a grid of [-3, 3]
n_codewords: int = 8  # codewords there
D_range: list[float] = [0.5, 3.0]  # first and last global budget
n_budgets: int = 30  # global budgets in that range
core_radius: float = 0.1  # the subset is |x| below this
D_core: float = 0.015  # its budget
D_example: float = 0.8  # global budget where prices are compared with finite differences
step: float = 1e-3  # step of these differences, a share of the budget
D_core_range: list[float] = [0.0126, 0.024]  # first and last budget of the core in a second sweep
n_core_budgets: int = 19  # budgets in that range

# %% tags=["nbval-ignore-output"]
import numpy as np

import mfrd
from mfrd.report import outputs, parameters, plot, records, sources, tables

changed = parameters.changed("02_duals", globals())
plot.use_style()
print("backends, in the order they are tried:", *mfrd.backends(solver))

# %% [markdown]
# ## The problem
#
# The core is the letters nearest the mean, two at the published radius. Its budget is joint, so divided by its probability it is the mean
# distortion that a letter of the core may suffer.

# %%
gaussian = sources.gaussian(n_letters)
inside = abs(gaussian.points) < core_radius
core = mfrd.Fidelity(D_core, on=inside, name="core")
problem = mfrd.Problem(gaussian, mfrd.grid(-3, 3, n_codewords), [mfrd.Fidelity(1.0), core])

# %%
probability = gaussian.p[inside].sum()
mean_allowed = D_core / probability
print(f"{inside.sum()} letters of probability {probability:.4f}, "
      f"where the mean distortion may be {mean_allowed:.4f}")
print(f"least reachable: global {problem.least('global'):.4f}, core {problem.least('core'):.5f}")

# %% [markdown]
# ## Bits and nats
#
# Inside, everything is natural logarithms; what a user sees is bits, $1$ nat $= 1 / \ln 2 = 1.4427$ bits. Which is which follows one
# rule: what is *quoted* is in bits, what is handed on to *formulas* with $e^{-s}$ is in nats.
#
# | quantity | name | unit | why |
# |---|---|---|---|
# | rate, lower bound, gap, entropies | `.rate`, `.lower_bound`, `.gap`, `.output_entropy` | bits | what a code is counted in |
# | prices $-\partial R / \partial D$ | `.prices["core"]` | bits per unit of distortion | the slope of the rate as quoted |
# | multipliers $\lambda_r$ | `.multipliers` | nats per unit | exponents $s_{ij} = \sum_r \lambda_r w_{ri} d_r(x_i, y_j)$ stand in $e^{-s}$; one a budget *row* |
# | weights $w_{ri}$ | `fidelity.weights(p)` | none | what each row counts: 1, or $1 / P(S)$ where a mean given $S$ is bounded |
# | potentials $a_i$ | `.potentials` | nats | $-\log \sum_j q_j e^{-s_{ij}}$, in the same exponents |
# | tolerances `tol=` | | bits | they bound a gap |
# | budgets, distortions | `.distortions` | the unit of $d$ | squared units of $x$ |
#
# A price is its multiplier divided by $\ln 2$; for a budget on each letter, it is the sum over its rows.
#
# ## Prices along the sweep
#
# The global budget goes from tight to loose, the core's stays. Beside it, the same sweep without a budget on the core.

# %%
asked = np.linspace(*D_range, n_budgets)
swept = mfrd.rd_curve(problem, "global", asked, solver=solver)
curve = [s for s in swept if s.status == "optimal"]
budgets = np.array([D for D, s in zip(asked, swept) if s.status == "optimal"])
print(f"{len(curve)} of {len(asked)} budgets can be met")

# %%
alone = mfrd.Problem(gaussian, problem.codebook, [mfrd.Fidelity(1.0)])
unconstrained = mfrd.rd_curve(alone, "global", budgets, solver=solver)
rates = np.array([s.rate for s in curve])
rates_alone = np.array([s.rate for s in unconstrained])
reached = np.array([s.distortions["global"] for s in curve])

# %% [markdown]
# A budget whose price cannot be told from zero does not *bind*, and its price is shown as zero.

# %%
def price_of(solutions, name):
    return np.array([s.prices[name] if s.binds[name] else 0.0 for s in solutions])


price = {name: price_of(curve, name) for name in ("global", "core")}

# %%
figure, (left, right) = plot.panels(2, height=2.0)
plot.lines(left, [(reached, price["core"], "core", "core, $\\lambda′$"),
                  (reached, price["global"], "global", r"global, $\lambda$")],
           "global distortion reached", "price (bits per unit)", "Two prices", direct="right")
plot.lines(right, [(budgets, rates, "convex", "with the core's budget"),
                   (budgets, rates_alone, "unconstrained", "global budget alone")],
           "global budget $D$", "rate (bits)", "Rate")
path = outputs.save_figure(figure, "fig03_prices_and_curve")

# %% [markdown]
# **Figure 4.** *Left:* the two prices against the distortion reached. *Right:* the rate with and without the budget on
# the core. The core's price is more than ten times the global one and rises slightly as the global budget is relaxed;
# the global price falls to zero, and from there on the curve is flat and the optimum no longer uses all of $D$. The curves end apart: with
# the core's budget the rate stops on a floor, without it at zero.

# %%
log2 = np.log(2)  # nats in a bit
for name, digits in (("core", 2), ("global", 3)):
    low, high = price[name].min(), price[name].max()
    print(f"price of {name}: {low:.{digits}f} to {high:.{digits}f} bits per unit, "
          f"{log2 * low:.{digits}f} to {log2 * high:.{digits}f} nats")

# %%
both = (price["core"] > 0) & (price["global"] > 0)
ratio = min(price["core"][both] / price["global"][both]) if both.any() else None
told = f"{ratio:.1f}" if both.any() else "nowhere"
print(f"smallest ratio of the two, where both bind: {told}")
edge = problem.most("global")  # the budget of the core as given, R no longer falls from here on
within = budgets[0] < edge < budgets[-1]
print(f"the global budget goes slack at {edge:.3f}{'' if within else ', outside this range'}")

# %%
print(f"rate at D = {budgets[-1]:g}: {rates[-1]:.4f} bits")
print(f"alone, the rate is zero from D = {alone.scale[0]:.3f} on, one codeword's distortion")

# %% [markdown]
# The published figure shows nats: 13.7 rising to 14.7 for the subset, 1.0 falling to 0 for the global price, and a
# distortion that stops near 1.16. That the distortion *reached* stops where the budget goes slack is the solver's doing: on the floor the optimum is not
# unique, and encoders of that rate have various global distortions. A higher price per unit does not mean that the core dominates the rate: what its
# budget adds is the rate with it less the rate without. That is nearly the same all along the sweep; a small part of the rate at the tight end,
# and at the loose end, where nothing else is asked, all of it.

# %%
adds = rates - rates_alone  # bits, of the core's budget
tables.show({f"D = {budgets[k]:.2f}": {"alone": rates_alone[k], "the core's budget adds": adds[k],
                                       "together (bits)": rates[k]} for k in (0, -1)}, ".3f")

# %% [markdown]
# Prices times distortions are no shares of the rate:

# %%
terms = {name: price[name][0] * curve[0].distortions[name] for name in price}
print(f"at D = {budgets[0]:.2f}: global {terms['global']:.3f}, core {terms['core']:.3f} bits")

# %% [markdown]
# ## A price is a derivative
#
# One more solve on each side of a budget gives a central difference of the rate. Where the rate is smooth it agrees with the price to the
# square of the step: we check both budgets. The certificates say more. The rate is convex, so the chord on the right of a budget is no steeper
# than the price, and the chord on the left no flatter; each is known to within the gaps of the solutions at its ends.

# %%
at = problem.with_budget("global", D_example)
example = mfrd.solve(at, solver)
width = {f.name: step * f.D for f in at.fidelities}  # of each step

# %%
def rate_at(name, D):
    return mfrd.solve(at.with_budget(name, D), solver).rate


below = {f.name: rate_at(f.name, f.D - width[f.name]) for f in at.fidelities}
above = {f.name: rate_at(f.name, f.D + width[f.name]) for f in at.fidelities}

# %%
differences = {name: (below[name] - above[name]) / (2 * h) for name, h in width.items()}
flattest = {name: (example.lower_bound - above[name]) / h for name, h in width.items()}
steepest = {name: (below[name] - example.lower_bound) / h for name, h in width.items()}
tables.show({name: {"price": example.prices[name], "finite difference": differences[name],
                    "certified from": max(flattest[name], 0), "to": steepest[name]}
             for name in width}, ".5f", "bits per unit")

# %% [markdown]
# Blahut–Arimoto takes the prices as its input and needs no other solver: with exponents $s_{ij} = \sum_k \lambda_k 1[i \in S_k]\, d(x_i, y_j)$, in
# nats, it repeats
#
# $$z_i = \sum_j q_j e^{-s_{ij}}, \qquad c_j = \sum_i p_i \frac{e^{-s_{ij}}}{z_i}, \qquad q_j \leftarrow q_j c_j$$
#
# from the uniform $q$ until no $c_j$ exceeds one by more than a tolerance: $\log \max_j c_j$ is what can still be gained. The encoder is then
# $Q_{ij} = q_j e^{-s_{ij}} / z_i$.

# %%
multipliers = log2 * np.array([example.prices[f.name] for f in at.fidelities])  # nats per unit
weights = np.array([f.weights(gaussian.p)[0] for f in at.fidelities])  # (2, n), 1 where it counts
A = np.exp(-(multipliers @ weights)[:, None] * at.distortion(0))  # exp(-s_ij), (n, m)

# %%
q = np.full(n_codewords, 1 / n_codewords)
for _ in range(20_000):
    c = (gaussian.p / (A @ q)) @ A
    q = q * c
unreached = np.log2(c.max())  # bits that another encoder at these prices could save at the most
blahut = mfrd.Encoder(gaussian, problem.codebook, q * A / (A @ q)[:, None])

# %%
d = blahut.distortion(mfrd.squared_error)  # (n,)
spent = {"global": gaussian.p @ d, "core": (gaussian.p * inside) @ d}
tables.show({"Blahut–Arimoto": {"rate (bits)": blahut.rate, **spent},
             "certified": {"rate (bits)": example.rate, **example.distortions}}, ".6f")

# %% [markdown]
# The same along the whole curve, from the sweep itself: differences of neighbouring rates against the mean of their
# prices.

# %%
quotient = -np.diff(rates) / np.diff(budgets)
mean_price = (price["global"][1:] + price["global"][:-1]) / 2
middles = (budgets[1:] + budgets[:-1]) / 2

# %%
figure, (ax,) = plot.panels(1, width=plot.COLUMN)
plot.lines(ax, [(middles, mean_price, "global", r"price $\lambda$", {"marker": ""}),
                (middles, quotient, "measured", "slope of the rate, by differences")],
           "global budget $D$", "bits per unit", "Price and slope")
path = outputs.save_figure(figure, "fig03_finite_differences")

# %% [markdown]
# **Figure 13.** The global price, a line, and the slope of the curve, crosses: the same function, up to the spacing of the
# sweep where the price bends. The price reaches zero continuously, so the rate has no kink where the budget goes slack.
#
# ## Where each budget binds
#
# Now the other way round: the global budget fixed, the core's tightened.

# %%
core_budgets = np.linspace(*D_core_range, n_core_budgets)
tightened = mfrd.rd_curve(at, "core", core_budgets, solver=solver)
feasible = [s for s in tightened if s.status == "optimal"]
D_feasible = np.array([D for D, s in zip(core_budgets, tightened) if s.status == "optimal"])
core_rates = np.array([s.rate for s in feasible])

# %%
figure, (left, right) = plot.panels(2, height=2.4)
core_price = [s.prices["core"] if s.binds["core"] else np.nan for s in feasible]
plot.lines(left, [(D_feasible, core_price, "core", "core, $\\lambda′$"),
                  (D_feasible, price_of(feasible, "global"), "global", r"global, $\lambda$")],
           "core budget $D′$", "price (bits per unit)", "Prices", log="y")
plot.lines(right, [(D_feasible, core_rates, "convex", "")],
           "core budget $D′$", "rate (bits)", f"Rate at $D = {D_example}$")
path = outputs.save_figure(figure, "fig03_core_budget")

# %%
free = mfrd.solve(alone.with_budget("global", D_example), solver)
goes_slack = (gaussian.p * inside) @ free.encoder.distortion(mfrd.squared_error)
print(f"{len(core_budgets) - len(feasible)} of {len(core_budgets)} budgets infeasible")
print(f"the core's budget binds below D' = {goes_slack:.4f}, what the core spends without it")

# %% [markdown]
# **Figure 14.** Prices and rate against the core's budget. Towards the least reachable value, where a slope need not be
# finite, the core's price climbs steeply; its line ends where the encoder that the global budget asks for satisfies the core anyway, for
# from there on that price is zero. The global price hardly moves.
#
# ## What this shows
#
# Prices are slopes, as finite differences confirm. The core's price is an order of magnitude above the global one, yet
# what its budget adds is a small part of the rate where the global budget is tight, and all of it where that is loose: price is not burden.

# %%
path = records.save("02_duals", globals())

# %% [markdown]
# What is mathematics holds at any parameters: a price lies between the two chords, the global price does not rise along the sweep, one budget more
# does not lower the rate, and Blahut–Arimoto ends at the least of rate and priced distortion.

# %%
rounding = 1e-12  # bits, of a rate
for name, h in width.items():
    slack = rounding / h
    price_at = example.prices[name]
    assert flattest[name] - slack <= price_at <= steepest[name] + slack, f"{name}: no slope"

# %%
gaps = np.array([s.gap + rounding for s in curve])
rise = np.diff([s.prices["global"] for s in curve])
least = np.array([s.lower_bound for s in unconstrained])
assert (rise <= (gaps[1:] + gaps[:-1]) / np.diff(budgets)).all(), "the global price rises"
assert (rates >= least - rounding).all(), "a budget more lowers the rate"

# %%
surplus = sum(example.prices[name] * (spent[name] - example.distortions[name]) for name in spent)
assert blahut.rate + surplus <= example.rate + unreached + 1e-9, "at its prices it is not the least"
print(f"core {example.prices['core']:.2f} and global {example.prices['global']:.3f} bits per unit "
      f"at D = {D_example}, as differences say")
