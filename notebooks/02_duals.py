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
# *In the [paper](../paper/paper.pdf): section 6.2, Prices of mixed fidelity.*

# %% tags=["parameters"]
solver = "clarabel"
n_letters, n_codewords = 50, 8  # grids on [-3, 3]
D_range, n_budgets = [0.5, 3.0], 30
core_radius, D_core = 0.1, 0.015  # the subset |x| < 0.1 and its budget
D_example, step = 0.8, 1e-3  # finite differences
D_core_range = [0.0126, 0.024]  # a second sweep, over the budget of the core

# %% tags=["nbval-ignore-output"]
import numpy as np

import mfrd.solvers.blahut
from mfrd.report import outputs, parameters, plot

changed = parameters.changed("02_duals", globals())  # wrong types are refused here; {} at the published values
plot.use_style()
print("backends, in the order they are tried:", *mfrd.backends(solver))

# %% [markdown]
# ## The problem
#
# The core is the two letters nearest the mean. Its budget is joint, so divided by its probability it is the mean
# distortion that a letter of the core may suffer.

# %%
gaussian = mfrd.bumps(mfrd.grid(-3, 3, n_letters), [1], [0], [1])
inside = abs(gaussian.points) < core_radius
core = mfrd.Fidelity(D_core, on=inside, name="core")
problem = mfrd.Problem(gaussian, mfrd.grid(-3, 3, n_codewords), [mfrd.Fidelity(1.0), core])
probability = gaussian.p[inside].sum()
print(f"{inside.sum()} letters of probability {probability:.4f}; mean distortion allowed there {D_core / probability:.4f}")
print(f"least reachable: global {problem.least('global'):.4f}, core {problem.least('core'):.5f}")

# %% [markdown]
# ## Prices along the sweep

# %%
budgets = np.linspace(*D_range, n_budgets)
curve = mfrd.rd_curve(problem, "global", budgets, solver=solver)
alone = mfrd.Problem(gaussian, problem.codebook, [mfrd.Fidelity(1.0)])
unconstrained = mfrd.rd_curve(alone, "global", budgets, solver=solver)
reached = np.array([s.distortions["global"] for s in curve])
price = {name: np.array([s.prices[name] for s in curve]) for name in ("global", "core")}
rates, rates_alone = (np.array([s.rate for s in sweep]) for sweep in (curve, unconstrained))

# %%
figure, (left, right) = plot.panels(2, height=2.6)
plot.lines(left, [(reached, price["core"], "core", "core, $\\lambda′$"),
                  (reached, price["global"], "global", r"global, $\lambda$")],
           "distortion reached", "price (bits per unit)", "Prices")
plot.lines(right, [(budgets, rates, "convex", "with the core's budget"),
                   (budgets, rates_alone, "unconstrained", "global budget alone")],
           "global budget $D$", "rate (bits)", "Rate")
path = outputs.save_figure(figure, "fig03_prices_and_curve")

# %% [markdown]
# **Figure 3.** *Left:* the two prices against the distortion reached. *Right:* the rate with and without the budget on
# the core. The core's price is more than ten times the global one and rises slightly as the global budget is relaxed;
# the global price falls to zero, and from there on the curve is flat and the optimum no longer uses all of $D$. The curves end apart: with
# the core's budget the rate stops on a floor, without it at zero.

# %%
slack = price["global"] < 1e-6
print(f"core price {price['core'].min():.2f} to {price['core'].max():.2f} bits per unit "
      f"({np.log(2) * price['core'].min():.2f} to {np.log(2) * price['core'].max():.2f} nats)")
print(f"global price {price['global'].max():.3f} falling to zero; smallest ratio {(price['core'] / np.maximum(price['global'], 1e-9)).min():.1f}")
print(f"the global budget goes slack where the distortion stops, at {reached[slack].mean():.3f}")
print(f"rate floor {rates[-1]:.4f} bits; alone, the rate is zero from D = {alone.scale[0]:.3f} on, one codeword's distortion")

# %% [markdown]
# The published figure shows nats: 13.7 rising to 14.7 for the subset, 1.0 falling to 0 for the global price, and a
# distortion that stops near 1.16. A higher price per unit does not mean that the core dominates the rate: what its
# budget adds is the rate with it less the rate without. That is nearly the same all along the sweep; a small part of the rate at the tight end,
# and at the loose end, where nothing else is asked, all of it.

# %%
terms = {name: price[name][0] * curve[0].distortions[name] for name in price}
print(f"at D = {budgets[0]:.2f}: the core's budget adds {rates[0] - rates_alone[0]:.3f} bits to {rates_alone[0]:.3f}, which makes {rates[0]:.3f}; "
      f"prices times distortions, global {terms['global']:.3f} and core {terms['core']:.3f}, are no shares of it")
print(f"at D = {budgets[-1]:.2f} it adds {rates[-1] - rates_alone[-1]:.3f} bits to {abs(rates_alone[-1]):.3f}")

# %% [markdown]
# ## A price is a derivative
#
# One more solve on each side of a budget gives a central difference of the rate. Where the rate is smooth it agrees with the price to the
# square of the step: we check both budgets.

# %%
def central_difference(name, h):
    at = problem.with_budget("global", D_example)
    sides = [at.with_budget(name, at.fidelity(name).D + sign * h) for sign in (-1, 1)]
    below, above = (mfrd.solve(side, solver).rate for side in sides)
    return (below - above) / (2 * h)


example = mfrd.solve(problem.with_budget("global", D_example), solver)
differences = {"global": central_difference("global", step), "core": central_difference("core", step * D_core)}
for name, value in differences.items():
    print(f"{name:6s}  price {example.prices[name]:.5f}   finite difference {value:.5f}")

# %% [markdown]
# Blahut–Arimoto takes the prices as its input: at these two, its own update finds the encoder with no other solver.

# %%
priced = problem.exponents(example.multipliers)  # s_ij = sum_k lam_k 1[i in S_k] d(x_i, y_j), nats
q, updates = mfrd.solvers.blahut.fixed_point(gaussian.p, priced, 1.0, 1e-9, 10**6)
blahut = mfrd.Encoder(gaussian, problem.codebook, mfrd.solvers.blahut.encoder_at(priced, q, 1.0))
d = blahut.Q * problem.distortion(0)
spent = {"global": gaussian.p @ d.sum(axis=1), "core": (gaussian.p * inside) @ d.sum(axis=1)}
print(f"rate {blahut.rate:.6f} against {example.rate:.6f} bits; spent: global {spent['global']:.4f}, core {spent['core']:.5f}")

# %% [markdown]
# The same along the whole curve, from the sweep itself: differences of neighbouring rates against the mean of their
# prices.

# %%
quotient = -np.diff(rates) / np.diff(budgets)
mean_price = (price["global"][1:] + price["global"][:-1]) / 2
figure, (ax,) = plot.panels(1, width=plot.COLUMN)
plot.lines(ax, [((budgets[1:] + budgets[:-1]) / 2, mean_price, "global", "price $\\lambda$"),
                ((budgets[1:] + budgets[:-1]) / 2, quotient, "blahut", "difference quotient of the rate")],
           "global budget $D$", "bits per unit", "Price and slope")
path = outputs.save_figure(figure, "fig03_finite_differences")

# %% [markdown]
# **Figure 3, continued.** The global price against the slope of the curve: the same function, up to the spacing of the
# sweep where the price bends. The price reaches zero continuously, so the rate has no kink where the budget goes slack.
#
# ## Where each budget binds
#
# Now the other way round: the global budget fixed, the core's tightened.

# %%
core_budgets = np.linspace(*D_core_range, 19)
tightened = mfrd.rd_curve(problem.with_budget("global", D_example), "core", core_budgets, solver=solver)
feasible = [(D, s) for D, s in zip(core_budgets, tightened) if s.status == "optimal"]
D_feasible = np.array([D for D, _ in feasible])
core_price = np.array([s.prices["core"] for _, s in feasible])
global_price = np.array([s.prices["global"] for _, s in feasible])
core_rates = np.array([s.rate for _, s in feasible])

# %%
figure, (left, right) = plot.panels(2, height=2.4)
plot.lines(left, [(D_feasible, core_price, "core", "core, $\\lambda′$"), (D_feasible, global_price, "global", r"global, $\lambda$")],
           "core budget $D′$", "price (bits per unit)", "Prices")
plot.lines(right, [(D_feasible, core_rates, "convex", "")], "core budget $D′$", "rate (bits)", f"Rate at $D = {D_example}$")
path = outputs.save_figure(figure, "fig03_core_budget")
free = mfrd.solve(alone.with_budget("global", D_example), solver).encoder.distortion(mfrd.squared_error)
goes_slack = (gaussian.p * inside) @ free
print(f"{len(core_budgets) - len(feasible)} of {len(core_budgets)} budgets infeasible (least reachable {problem.least('core'):.5f})")
print(f"the core's budget binds below D' = {goes_slack:.4f}, what the core spends without it, and is slack beyond")

# %% [markdown]
# **Figure 3, third part.** Prices and rate against the core's budget. Towards the least reachable value, where a slope need not be
# finite, the price climbs steeply; once the encoder that the global budget asks for satisfies the core anyway, it is zero.
#
# ## What this shows
#
# Prices are slopes, as finite differences confirm. The core's price is an order of magnitude above the global one, yet
# what its budget adds is a small part of the rate where the global budget is tight, and all of it where that is loose: price is not burden.

# %%
sweep = lambda D, solutions: [{"D": D_, **s.summary()} for D_, s in zip(D, solutions)]
results = {"gaussian_1d_mixed_fidelity": {
    "budgets": {"core": D_core}, "probability_of_core": probability, "least_D": {name: problem.least(name) for name in price},
    "price_core_bits": [price["core"].min(), price["core"].max()], "price_global_bits": [price["global"].min(), price["global"].max()],
    "price_core_nats": np.log(2) * np.array([price["core"].min(), price["core"].max()]),
    "price_global_nats": np.log(2) * np.array([price["global"].min(), price["global"].max()]),
    "smallest_price_ratio": (price["core"] / np.maximum(price["global"], 1e-9)).min(),
    "distortion_where_global_goes_slack": reached[slack].mean(),
    "rate_floor_bits": rates[-1], "price_times_distortion_bits": terms,
    "finite_differences": {"D": D_example, "prices": example.prices, "differences": differences},
    "blahut_arimoto_at_these_prices": {"I_bits": blahut.rate, "conic_I_bits": example.rate, "distortions": spent},
    "core_distortion_without_core_budget": goes_slack, "sweep": sweep(budgets, curve), "sweep_without_core": sweep(budgets, unconstrained),
    "sweep_core": sweep(core_budgets, tightened)}}

# %%
path = outputs.save_results("02_duals", results)
for name, value in differences.items():
    assert abs(value - example.prices[name]) < 1e-4 * example.prices[name], f"the {name} price {example.prices[name]} is no slope: {value}"
assert (np.diff(price["global"]) <= 1e-6).all() and (np.diff(price["core"]) >= -1e-6).all(), "a price is not monotone along the sweep"
assert (rates >= rates_alone - 1e-6).all(), "one budget more lowers the rate"
print(f"core {example.prices['core']:.2f} and global {example.prices['global']:.3f} bits per unit at D = {D_example}, as differences say")
