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
from mfrd.report import outputs, parameters, plot, sources

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
probability = gaussian.p[inside].sum()
print(f"{inside.sum()} letters of probability {probability:.4f}; mean distortion allowed there {D_core / probability:.4f}")
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

# %% [markdown]
# ## Prices along the sweep
#
# A budget whose price cannot be told from zero does not bind, and its price is shown as zero.

# %%
def price_of(solutions, name):
    return np.array([s.prices[name] if s.binds[name] else 0.0 for s in solutions])


asked = np.linspace(*D_range, n_budgets)
swept = mfrd.rd_curve(problem, "global", asked, solver=solver)
budgets, curve = zip(*((D, s) for D, s in zip(asked, swept) if s.status == "optimal"))
print(f"{len(curve)} of {len(asked)} budgets can be met")

# %%
budgets = np.array(budgets)
alone = mfrd.Problem(gaussian, problem.codebook, [mfrd.Fidelity(1.0)])
unconstrained = mfrd.rd_curve(alone, "global", budgets, solver=solver)
reached = np.array([s.distortions["global"] for s in curve])
price = {name: price_of(curve, name) for name in ("global", "core")}
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
slack = price["global"] == 0
edge = problem.most("global")  # the budget of the core as given, R no longer falls from here on
where = f"goes slack at {edge:.3f}" + ("" if budgets[0] < edge < budgets[-1] else ", outside this range")

# %%
span = lambda values, digits=2: f"{min(values):.{digits}f} to {max(values):.{digits}f}"
print(f"core price {span(price['core'])} bits per unit ({span(np.log(2) * price['core'])} nats); global {span(price['global'], 3)}")
both = (price["core"] > 0) & ~slack
ratio = min(price["core"][both] / price["global"][both]) if both.any() else None
print(f"smallest ratio of the two, where both bind: {ratio:.1f}" if both.any() else "they nowhere bind both")
print(f"the global budget {where}")
print(f"rate at D = {budgets[-1]:g}: {rates[-1]:.4f} bits; alone, the rate is zero from D = {alone.scale[0]:.3f} on, one codeword's distortion")

# %% [markdown]
# The published figure shows nats: 13.7 rising to 14.7 for the subset, 1.0 falling to 0 for the global price, and a
# distortion that stops near 1.16. That the distortion *reached* stops where the budget goes slack is the solver's doing: on the floor the optimum is not
# unique, and encoders of that rate have various global distortions. A higher price per unit does not mean that the core dominates the rate: what its
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
# square of the step: we check both budgets. The certificates say more. The rate is convex, so the chord on the right of a budget is no steeper
# than the price, and the chord on the left no flatter; each is known to within the gaps of the solutions at its ends.

# %%
at = problem.with_budget("global", D_example)
example = mfrd.solve(at, solver)


def chords(name):
    D = at.fidelity(name).D
    h = step * D
    below, above = (mfrd.solve(at.with_budget(name, D + sign * h), solver) for sign in (-1, 1))
    return (below.rate - above.rate) / (2 * h), (example.lower_bound - above.rate) / h, (below.rate - example.lower_bound) / h


# %%
slopes = {name: chords(name) for name in ("global", "core")}
differences = {name: central for name, (central, _, _) in slopes.items()}
for name, (central, flattest, steepest) in slopes.items():
    print(f"{name:6s}  price {example.prices[name]:.5f}   finite difference {central:.5f}   certified {max(flattest, 0):.5f} to {steepest:.5f}")

# %% [markdown]
# Blahut–Arimoto takes the prices as its input and needs no other solver: with exponents $s_{ij} = \sum_k \lambda_k 1[i \in S_k]\, d(x_i, y_j)$, in
# nats, it repeats
#
# $$z_i = \sum_j q_j e^{-s_{ij}}, \qquad c_j = \sum_i p_i \frac{e^{-s_{ij}}}{z_i}, \qquad q_j \leftarrow q_j c_j$$
#
# from the uniform $q$ until no $c_j$ exceeds one by more than a tolerance: $\log \max_j c_j$ is what can still be gained. The encoder is then
# $Q_{ij} = q_j e^{-s_{ij}} / z_i$.

# %%
multipliers = np.log(2) * np.array([example.prices[name] for name in ("global", "core")])  # nats per unit
weights = np.array([f.weights(gaussian.p)[0] for f in at.fidelities])  # (2, n): 1 for every letter, 1 for the core's
cost = (multipliers @ weights)[:, None] * at.distortion(0)  # s_ij, (n, m)
A, q, updates = np.exp(-cost), np.full(n_codewords, 1 / n_codewords), 0
while np.log((c := (gaussian.p / (A @ q)) @ A).max()) > 1e-9 and updates < 100_000:
    q, updates = q * c, updates + 1
unreached = np.log2(c.max())  # bits that another encoder at these prices could save at the most
blahut = mfrd.Encoder(gaussian, problem.codebook, q * A / (A @ q)[:, None])

# %%
d = blahut.distortion(mfrd.squared_error)  # (n,)
spent = {"global": gaussian.p @ d, "core": (gaussian.p * inside) @ d}
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
core_budgets = np.linspace(*D_core_range, n_core_budgets)
tightened = mfrd.rd_curve(problem.with_budget("global", D_example), "core", core_budgets, solver=solver)
feasible = [(D, s) for D, s in zip(core_budgets, tightened) if s.status == "optimal"]
D_feasible = np.array([D for D, _ in feasible])
core_price, global_price = (price_of([s for _, s in feasible], name) for name in ("core", "global"))
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
print(f"the core's budget binds below D' = {goes_slack:.4f}, what the core spends without it, and is slack beyond"
      + ("" if D_feasible[0] <= goes_slack <= D_feasible[-1] else "; that lies outside this range"))

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
results = {"parameters": parameters.used("02_duals", globals()), "gaussian_1d_mixed_fidelity": {
    "budgets": {"core": D_core}, "probability_of_core": probability, "least_D": {name: problem.least(name) for name in price},
    "price_core_bits": [price["core"].min(), price["core"].max()], "price_global_bits": [price["global"].min(), price["global"].max()],
    "price_core_nats": np.log(2) * np.array([price["core"].min(), price["core"].max()]),
    "price_global_nats": np.log(2) * np.array([price["global"].min(), price["global"].max()]),
    "smallest_price_ratio": ratio, "distortion_where_global_goes_slack": edge,
    "rate_floor_bits": rates[-1], "price_times_distortion_bits": terms,
    "finite_differences": {"D": D_example, "prices": example.prices, "differences": differences},
    "blahut_arimoto_at_these_prices": {"I_bits": blahut.rate, "conic_I_bits": example.rate, "distortions": spent},
    "core_distortion_without_core_budget": goes_slack, "sweep": sweep(budgets, curve), "sweep_without_core": sweep(budgets, unconstrained),
    "sweep_core": sweep(core_budgets, tightened)}}
ends = {"sweep": curve, "sweep_without_core": unconstrained}
proofs = {f"gaussian_1d_mixed_fidelity.{name}.{k}.I_bits": solutions[k] for name, solutions in ends.items() for k in (0, len(solutions) - 1)}

# %%
path = outputs.save_results("02_duals", results, proofs)
rounding = 1e-12  # bits, of a rate
for name, (_, flattest, steepest) in slopes.items():
    h = rounding / (step * at.fidelity(name).D)
    assert flattest - h <= example.prices[name] <= steepest + h, f"the {name} price {example.prices[name]} is no slope"
gaps, raw = np.array([(s.gap + rounding, s.prices["global"]) for s in curve]).T
assert (np.diff(raw) <= (gaps[1:] + gaps[:-1]) / np.diff(budgets)).all(), "the global price rises along the sweep"
assert all(a.rate >= b.lower_bound - rounding for a, b in zip(curve, unconstrained)), "one budget more lowers the rate"
worth = lambda distortions: sum(example.prices[name] * distortions[name] for name in spent)
assert blahut.rate + worth(spent) <= example.rate + worth(example.distortions) + unreached + 1e-9, "at its prices it is not the least"
print(f"core {example.prices['core']:.2f} and global {example.prices['global']:.3f} bits per unit at D = {D_example}, as differences say")
