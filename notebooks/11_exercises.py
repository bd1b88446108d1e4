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
# # 11. Exercises
#
# *Can you predict what the programs answer, and prove it by hand?*
#
# Eight exercises, from a coin to two regions. Each states a question, leaves room for your answer, and then solves it in a few lines; a
# cell of solutions ends by checking itself, so that it fails where the answer is wrong. Try each before you run its solution. Change the
# parameters and predict again. In all of them
#
# $$R = \min_{Q} I(X;Y) \quad\text{s.t.}\quad \sum_{i \in S_k} p_i \sum_j Q_{ij}\, d(x_i, y_j) \le D_k \ \text{ for every budget } k.$$
#
# Rates are in bits, exponents in nats (notebook 2 has the table).
#
# *In the [paper](../paper/paper.pdf): section 3, Duality and certificate.*

# %% tags=["parameters"]
share: float = 0.3  # probability of the rarer letter of the binary source
D_binary: float = 0.1  # its budget, a probability of error
cost: float = 3.0  # what one of its errors costs, where the other costs 1
n_letters: int = 80  # letters of the Laplacian
n_codewords: int = 25  # evenly spaced codewords on it
D: float = 0.4  # its budget, of a variance of about 2
D_core: float = 0.02  # budget of its core, joint
D_tail: float = 0.01  # budget of its right tail, joint
core_radius: float = 0.5  # the core is |x| below this
tail_from: float = 2.0  # the tail is x above this

# %% tags=["nbval-ignore-output"]
import numpy as np

import mfrd
from mfrd.report import outputs, parameters, plot, records, tables

changed = parameters.changed("11_exercises", globals())
plot.use_style()

# %% [markdown]
# ## 1. The binary source
#
# Letters *no* and *yes*, the second with probability $p < \tfrac12$; an error costs 1. How many bits must one send a letter, to be wrong with
# probability at most $D < p$? Show that $R = h(p) - h(D)$, $h$ the binary entropy. (Hint: $H(X|Y) \le h(P(X \ne Y))$.) What does one more error in a
# hundred buy?
#
# *Solution.* $I = H(X) - H(X|Y) \ge h(p) - h(D)$, and $Y$ with $X = Y + $ noise, independent, reaches it. The price is $-R'(D) = \log_2 \frac{1 - D}{D}$.

# %%
answer = mfrd.Source([0, 1], [1 - share, share], names=["no", "yes"])
right_or_wrong = mfrd.Fidelity(D_binary, distortion=mfrd.hamming)
binary = mfrd.Problem(answer, [0, 1], [right_or_wrong])
solved = mfrd.solve(binary, "newton", tol=1e-9)

# %%
def binary_entropy(t):
    return -t * np.log2(t) - (1 - t) * np.log2(1 - t)


by_hand = binary_entropy(share) - binary_entropy(D_binary)
price = np.log2((1 - D_binary) / D_binary)

# %%
found = solved.prices["global"]
tables.show({"the solver": {"rate (bits)": solved.rate, "price (bits an error)": found},
             "by hand": {"rate (bits)": by_hand, "price (bits an error)": price}})
assert abs(solved.rate - by_hand) < 1e-8
assert abs(found - price) < 1e-3 * price

# %% [markdown]
# ## 2. Errors that do not cost the same
#
# To miss a *yes* costs 3, a false alarm 1. Write the distortion as a matrix, letters by codewords. Before you solve it: does the rate at the same
# $D$ go up or down, and which of the two errors becomes rarer?
#
# *Solution.* No error got cheaper, so every encoder within the budget was within it before: the rate cannot fall where the cost is above 1.

# %%
costs = np.array([[0.0, 1.0], [cost, 0.0]])  # letter no, yes; codeword no, yes
dearer = mfrd.Fidelity(D_binary, distortion=costs)
unequal = mfrd.solve(mfrd.Problem(answer, [0, 1], [dearer]), "newton")
print(f"rate {unequal.rate:.4f} against {solved.rate:.4f} bits")
assert (unequal.rate - solved.rate) * np.sign(cost - 1) >= -1e-6

# %%
figure, (left, right) = plot.panels(2, width=0.6 * plot.PAGE, height=2.0)
plot.encoder(left, solved.encoder, "Errors cost the same")
plot.encoder(right, unequal.encoder, f"A missed yes costs {cost:g}")
path = outputs.save_figure(figure, "exercises_binary")

# %% [markdown]
# **Figure of this notebook.** Both encoders: how often each letter, a column, is sent to each codeword, a row. A *yes* is missed where it goes to
# codeword 0. In the second encoder that is rarer, since it costs more; the price is paid by false alarms.
#
# ## 3. Weak duality by hand
#
# Take *any* $\lambda \ge 0$ and *any* numbers $a_i$, as bad as you like. Prove that no encoder within the budget has less rate than
#
# $$\sum_i p_i a_i - \lambda D - \max_j \log c_j, \qquad c_j = \sum_i p_i e^{a_i - \lambda d_{ij}} \quad\text{(nats)} .$$
#
# *Solution.* For $t > 0$, $\log t \le t - 1$. Apply it to $t = q_j e^{a_i - \lambda d_{ij}} / (Q_{ij} c)$, $c = \max_j c_j$, and average over $p_i Q_{ij}$: the right side is at
# most $\sum_j q_j c_j / c - 1 \le 0$; the left is $-I + \sum_i p_i a_i - \lambda \mathrm{E} d - \log c$. And $\mathrm{E} d \le D$.

# %%
def bound_by_hand(source, d, D, multiplier, a):
    c = source.p @ np.exp(a[:, None] - multiplier * d)  # (m,)
    return (source.p @ a - multiplier * D - np.log(c.max())) / np.log(2)

# %%
d = mfrd.hamming(answer.x, answer.x)
random = np.random.default_rng(0)
draws = [(random.exponential(3), random.normal(size=2)) for _ in range(1000)]
guesses = [bound_by_hand(answer, d, D_binary, multiplier, a) for multiplier, a in draws]
best = bound_by_hand(answer, d, D_binary, solved.multipliers[0], solved.potentials)

# %%
print(f"the best of {len(guesses)} guesses {max(guesses):.4f}, the solver's dual point {best:.6f}, "
      f"rate {solved.rate:.6f} bits")
assert max(guesses) <= solved.rate + 1e-12 and abs(best - solved.lower_bound) < 1e-9

# %% [markdown]
# ## 4. A budget that does not bind
#
# Now a Laplacian $p(x) \propto e^{-|x|}$ on a grid, squared error, and a core $|x| <$ `core_radius`. With a joint budget on the core as large as the
# global one, what is its price? From which budget on does the *global* one become idle, the core's as given?
#
# *Solution.* The core's sum is a part of the global one, so a joint budget as large can never bind: price zero. `problem.most` answers the second.

# %%
x = mfrd.grid(-6, 6, n_letters)
laplacian = mfrd.Source(x, np.exp(-abs(x)) / np.exp(-abs(x)).sum())
codebook, core = mfrd.grid(-6, 6, n_codewords), abs(x) < core_radius
loose = [mfrd.Fidelity(D), mfrd.Fidelity(D, on=core, name="core")]
two = mfrd.Problem(laplacian, codebook, loose)

# %%
idle = mfrd.solve(two, "newton")
print(f"price of the core {idle.prices['core']:.1e}: binds {idle.binds['core']}; "
      f"it spends {idle.distortions['core']:.4f} of {D:g}")
assert not idle.binds["core"]

# %%
tight = two.with_budget("core", D_core)
most = tight.most("global")
beyond = mfrd.solve(tight.with_budget("global", 1.5 * most), "newton")
print(f"with {D_core:g} on the core, the global budget is idle from D = {most:.4f} on")
assert not beyond.binds["global"]

# %% [markdown]
# ## 5. Blahut–Arimoto beside the convex solve
#
# With the global budget alone, run the textbook's alternation at the price that the solver found,
# $q_j \leftarrow q_j \sum_i p_i e^{-\lambda d_{ij}} / z_i$, and plot its rate against the number of updates. Where does it end, and how fast?
#
# *Solution.* Any $q$ gives an encoder and a bound, both from the same exponents; the two close in on the certified rate from both sides.

# %%
alone = mfrd.Problem(laplacian, codebook, [mfrd.Fidelity(D)])
convex = mfrd.solve(alone, "newton", tol=1e-9)
lam, d = convex.multipliers[0], alone.distortion(0)
A = np.exp(-lam * d)

# %%
def both_sides(q):
    """What the encoder of q costs at the price (its Lagrangian), and the bound that q proves."""
    here = mfrd.Encoder(laplacian, codebook, q * A / (A @ q)[:, None])
    spent = here.mean_distortion(mfrd.squared_error)
    bound = bound_by_hand(laplacian, d, D, lam, -np.log(A @ q))
    return here.rate + lam * (spent - D) / np.log(2), bound

# %%
q, history = np.full(n_codewords, 1 / n_codewords), []
for _ in range(200):
    history.append(both_sides(q))
    q = q * ((laplacian.p / (A @ q)) @ A)
above, below = np.array(history).T
assert (above >= convex.lower_bound - 1e-12).all() and (below <= convex.rate + 1e-12).all()

# %%
figure, (ax,) = plot.panels(1, width=plot.COLUMN, height=2.4)
updates = 1 + np.arange(len(history))
excess, shortfall = (np.maximum(gap, 1e-12) for gap in (above - convex.rate, convex.rate - below))
plot.lines(ax, [(updates, excess, "convex", "its Lagrangian, above"),
                (updates, shortfall, "bound", "its bound, below")],
           "update", "bits from the certified rate", log="xy")
path = outputs.save_figure(figure, "exercises_blahut")

# %%
print(f"after {len(history)} updates {excess[-1]:.1e} above and {shortfall[-1]:.1e} bits below; "
      f"Newton took {convex.stats.iterations} steps")

# %% [markdown]
# **Figure of this notebook.** What the alternation's encoder costs at that price, above the certified rate, and what its bound lies below
# it, on logarithmic scales. It is quick at first and slow where codewords fade out.
#
# ## 6. The step of the codebook
#
# Move every codeword to the mean of the letters it serves, and solve again. Then half of that way ($\eta = \tfrac14$). Must the rate fall? What do you
# measure after twenty rounds of each?
#
# *Solution.* With one budget the step lowers the Lagrangian at the given price, so the rate at the given budget falls too, or stays.

# %%
settings = {"step": "centroid", "merge_mass": 0.0, "merge_distance": 0.0, "solver": "newton"}
steps = {eta: mfrd.refine(alone, eta=eta, **settings) for eta in (0.5, 0.25)}
after = {eta: run.solution.rate for eta, run in steps.items()}
rows = {eta: {"before": convex.rate, "after": rate} for eta, rate in after.items()}
tables.show(rows, ".5f", "eta")
assert max(after.values()) <= convex.rate + 1e-6

# %% [markdown]
# ## 7. Lloyd–Max of a Laplacian
#
# The best quantiser of four codewords: where are its codewords, and how far is its rate $H(Y)$ from what the convex program needs at the same
# distortion, and from what *no* codebook can go below?
#
# *Solution.* Its cells end halfway between codewords, and each codeword is the mean of its cell; `limit` certifies the last.

# %%
quantiser = mfrd.lloyd_max(laplacian, 4)
D_four = quantiser.mean_distortion(mfrd.squared_error)
least = mfrd.limit(laplacian, mfrd.Fidelity(D_four))
print(f"codewords {np.round(quantiser.codebook, 3)}, D = {D_four:.4f}, "
      f"H(Y) = {quantiser.output_entropy:.4f}; no codebook below {least.lower_bound:.4f} bits")

# %%
weights = laplacian.p[:, None] * quantiser.Q  # (n, 4): the joint pmf of letter and codeword
assert np.allclose(x @ weights / weights.sum(axis=0), quantiser.codebook)
assert least.lower_bound <= quantiser.output_entropy

# %%
figure, (ax,) = plot.panels(1, width=plot.COLUMN, height=2.2)
plot.cells(ax, quantiser, "Four cells of the Laplacian", kind="lloyd")
path = outputs.save_figure(figure, "exercises_cells")

# %% [markdown]
# **Figure of this notebook.** The cells and their codewords over the source: narrow where the density is high.
#
# ## 8. Two regions
#
# Hold the core to `D_core` and the right tail $x >$ `tail_from` to `D_tail`, besides the global budget. Predict the order of the three prices. What does a unit of
# distortion cost a letter of the tail? Check one price by a difference quotient, and say how far the two may be apart.
#
# *Solution.* A letter pays the prices of all budgets it stands in. The chord to a larger budget is no steeper than the price, the one to a smaller no flatter.

# %%
in_core = mfrd.Fidelity(D_core, on=core, name="core")
in_tail = mfrd.Fidelity(D_tail, on=x > tail_from, name="tail")
regions = mfrd.Problem(laplacian, codebook, [mfrd.Fidelity(D), in_core, in_tail])
three = mfrd.solve(regions, "newton", tol=1e-9)
paid = {name: three.prices[name] * three.binds[name] for name in three.prices}

# %%
tables.show({name: {"price (bits per unit)": price} for name, price in paid.items()}, ".3f")
print(f"a unit on a letter of the tail costs {paid['global'] + paid['tail']:.3f} bits")

# %%
h = 1e-3 * D_tail
down = mfrd.solve(regions.with_budget("tail", D_tail - h), "newton", tol=1e-9)
up = mfrd.solve(regions.with_budget("tail", D_tail + h), "newton", tol=1e-9)
flattest, steepest = (three.lower_bound - up.rate) / h, (down.rate - three.lower_bound) / h

# %%
print(f"price of the tail {three.prices['tail']:.4f}, "
      f"certified {max(flattest, 0):.4f} to {steepest:.4f}")
assert flattest - 1e-9 <= three.prices["tail"] <= steepest + 1e-9

# %%
lowest = max(1.02 * regions.least("tail"), 0.01 * D_tail)
sweep = mfrd.rd_curve(regions, "tail", np.geomspace(lowest, 4 * D_tail, 25), solver="newton")
figure, (ax,) = plot.panels(1, width=plot.COLUMN, height=2.2)
plot.curve(ax, sweep, "tail", "certified rate")
path = outputs.save_figure(figure, "exercises_regions")

# %% [markdown]
# **Figure of this notebook.** The rate against the budget of the tail, the other two as given, with its certified band, thinner than the line. It falls,
# bends, and is level from where that budget no longer binds.
#
# ## What this shows
#
# Every answer has a proof of a few lines, and a number beside it that a solver found without knowing the proof.

# %%
path = records.save("11_exercises", globals())
gaps = [s.gap for s in (solved, unequal, idle, convex, three)]
assert max(gaps) <= 1e-6, "a rate is not certified"
print(f"binary source: {solved.rate:.6f} bits, by hand {by_hand:.6f}; "
      f"two regions: {three.rate:.4f} bits")
