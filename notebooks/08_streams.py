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
# # 8. Streams: from cells to bytes
#
# *How near do real bytes come to the certified bound, and what closes the gap that scalar cells leave?*
#
# A quantiser that codes samples one by one pays $H(Y)$, and its cells, which are intervals, cost it
# $\tfrac12\log_2(2\pi e/12) \approx 0.2546$ bits a sample in the limit of high rate; at low rate they cost less or, with a budget on a core, more. A *trellis* does better and still decides one sample at a time on the decoder's side: a machine of $S$ states
# in which half of the codewords may be sent, and the one that is sent decides the next state. Its encoder is the cheapest path,
#
# $$\min_{y_1, y_2, \dots}\ \sum_t \Big[ \sum_r \lambda_r\, w_r(x_t)\, (x_t - y_t)^2 - \log_2 P(y_t \mid \text{state}_t) \Big],$$
#
# where $w_r(x)$ is one where $x$ is in the subset of budget $r$, which is joint, and else zero. One pass of the Viterbi algorithm finds it, however many budgets there are: the prices $\lambda_r$ that the convex program gives are all
# that it has to know of them. What is measured here are bytes of real streams, coded and decoded again, on samples that no design has seen. Everything counts: the header,
# the model, the codebook, the checks.
#
# A stream's distortion scatters about its budget. So what it lies above the bound is taken at the distortions $E_r$ *measured*,
#
# $$R(E) \ \ge\ R(D) + \sum_r \lambda_r (D_r - E_r),$$
#
# the tangent of the bound, which is below it everywhere since $R$ is convex.
#
# *In the [paper](../paper/paper.pdf): section 7.1, Quantisers and trellises. Figures are numbered as there.*

# %% tags=["parameters"]
seed: int = 7  # of the samples that are coded
restarts: int = 2  # random starts of each round of the search for scalar quantisers
n_samples: int = 1_000_000  # samples of a stream
n_letters: int = 100  # letters of the trimodal source
D: float = 0.6  # budget on all letters
D_core: float = 0.05  # budget on the letters of the core
core_radius: float = 1.0  # the core is abs(x) < core_radius
states: int = 8  # of the trellis
D_plane: list[float] = [0.2, 0.3, 0.45, 0.6, 1.0, 2.0]  # budgets of the plane
D_plane_core: list[float] = [0.3, 0.6, 1.0]  # budgets beside the core's
lengths: list[int] = [100, 1000, 10_000, 100_000, 1_000_000]  # samples of streams that are compared
D_idle: float = 30.5  # the budget of the report's spike, above its variance

# %% tags=["nbval-ignore-output"]
from functools import cache

import numpy as np

import mfrd
from mfrd.report import outputs, parameters, plot, records, sources, tables

changed = parameters.changed("08_streams", globals())
plot.use_style()
bench = outputs.load_results("trellis")  # by `make bench`: designs take long

# %% [markdown]
# ## One budget
#
# The trimodal source at one distortion: the quantisers of notebook 7, and a trellis.

# %%
trimodal = sources.trimodal(n_letters)
core = mfrd.Fidelity(D_core, on=abs(trimodal.points) < core_radius, name="core")
letters = mfrd.draw(trimodal, n_samples, seed)


@cache
def limit(D, *others):
    """The certified limit over all codebooks with a global budget D, and others."""
    return mfrd.limit(trimodal, [mfrd.Fidelity(D), *others])

# %% [markdown]
# The tangent of a limit, from the formula above:

# %%
def bound_at(limit, spent):
    """Bits that no code of these distortions goes below: R(D) + sum_r lambda_r (D_r - E_r)."""
    budgets = {f.name: f.D for f in limit.solution.problem.fidelities}
    saved = {name: price * (budgets[name] - spent[name]) for name, price in limit.prices.items()}
    return limit.lower_bound + sum(saved.values())

# %%
@cache
def trellis(D, *others):
    """A trellis within a global budget D, and others."""
    return mfrd.trellis(trimodal, [mfrd.Fidelity(D), *others], states, bound=limit(D, *others))

# %%
@cache
def searched(D, *others):
    """The best scalar quantiser that a search finds which is not told of contiguous cells."""
    known, budgets = limit(D, *others), [mfrd.Fidelity(D), *others]
    return mfrd.ecvq(trimodal, budgets, convex=known, bound=known, rng=seed, restarts=restarts,
                     starts=("columns", "anneal", "random"))

# %%
budget = mfrd.Fidelity(D)
sizes_tried, steps_tried = range(1, 1 + min(24, n_letters)), np.geomspace(0.2, 16, 120)
many_sizes = [mfrd.lloyd_max(trimodal, m, initial="even") for m in sizes_tried]
many_steps = [mfrd.uniform_quantiser(trimodal, step) for step in steps_tried]

# %%
rivals = {f"trellis of {states} states": trellis(D),
          "ECSQ, proven": mfrd.ecsq(trimodal, D, bound=limit(D)),
          "ECVQ, annealed starts": searched(D),
          "Lloyd–Max, time-shared": mfrd.mixture(many_sizes, [budget], bound=limit(D)),
          "uniform, time-shared": mfrd.mixture(many_steps, [budget], bound=limit(D))}
streams = {name: mfrd.measure(quantiser, letters) for name, quantiser in rivals.items()}

# %%
print(f"at D = {D} no code takes less than {limit(D).lower_bound:.4f} bits")
tables.show({name: {"model": rivals[name].rate, "measured": s.bits, "at D": s.distortion,
                    "over bound": s.bits - bound_at(limit(D), s.distortions), "bytes": s.bytes}
             for name, s in streams.items()})

# %% [markdown]
# The trellis passes the exact quantiser, which has the least $H(Y)$ of all that code sample by sample. Columns: what the model asks for, on
# letters of its own; bits of the stream and its distortion; and the bits above the bound at that distortion.
#
# ## The plane in bytes
#
# The same over a range of budgets, with the benchmark's trellis of 256 states on the same source.

# %%
def coded_by(quantisers):
    """The streams of quantisers, {budget: quantiser}."""
    return {D_: mfrd.measure(quantiser, letters) for D_, quantiser in quantisers.items()}


def placed(streams, *others):
    """(D, bits, bound at that D) of streams, {budget: stream}."""
    return [(s.distortions["global"], s.bits, bound_at(limit(D_, *others), s.distortions))
            for D_, s in streams.items()]

# %%
exact_streams = coded_by({D_: mfrd.ecsq(trimodal, D_) for D_ in D_plane})
coded_streams = coded_by({D_: trellis(D_) for D_ in D_plane})
exact, coded = placed(exact_streams), placed(coded_streams)

# %%
rows_256 = [bench["table"][f"trimodal {D_}"]["256"] for D_ in (0.3, 0.6, 1.0)]
more_states = sorted((row["distortions"]["global"], row["bits"], row["bits"] - row["gap"])
                     for row in rows_256)
schemes = {"ecsq": exact, "trellis": coded, **({} if changed else {"trellis 256": more_states})}

# %%
kinds = {"ecsq": ("quantiser", "ECSQ"), "trellis": ("trellis", f"trellis, {states} states"),
         "trellis 256": ("trellis", "trellis, 256 states", {"marker": "*", "linestyle": ":"})}
figure = plot.plane(schemes, kinds, [(D_, limit(D_).lower_bound) for D_ in D_plane])
path = outputs.save_figure(figure, "fig21_streams")

# %% [markdown]
# **Figure 6.** *Left:* bytes of real streams, in bits a sample, at the distortion measured on what was decoded. *Right:* the same less
# the certified bound at that distortion. A scalar quantiser can do no better than its hull, on which the first line lies; the trellis does, most where the scalar is worst.
#
# ## A budget that binds
#
# With a budget on the core the trellis has two prices and nothing else changes.

# %%
scalar_core_streams = coded_by({D_: searched(D_, core) for D_ in D_plane_core})
coded_core_streams = coded_by({D_: trellis(D_, core) for D_ in D_plane_core})
scalar_core, coded_core = placed(scalar_core_streams, core), placed(coded_core_streams, core)

# %%
kinds_core = {"ecvq": ("annealed", "ECVQ", {"linestyle": "-"}), "trellis": kinds["trellis"]}
figure = plot.plane({"ecvq": scalar_core, "trellis": coded_core}, kinds_core,
                    [(D_, limit(D_, core).lower_bound) for D_ in D_plane_core])
path = outputs.save_figure(figure, "fig21_streams_core")

# %%
over = {D_: bits - low for D_, (_, bits, low) in zip(coded_core_streams, coded_core)}
tables.show({D_: {"trellis (bits)": s.bits, "over the bound": over[D_],
                  "D measured": s.distortions["global"], "in the core": s.distortions["core"]}
             for D_, s in coded_core_streams.items()}, corner="D")

# %% [markdown]
# **Figure of this notebook.** As above with a budget on the core too; the distortions measured there are printed.
#
# ## How near, on which sources
#
# All of this, from one run of the benchmark, in bytes on $10^6$ fresh samples: bits a sample above the certified bound at the distortions measured, beside
# the best scalar quantiser on the same samples (`ecsq` with one budget, `ecvq` with two). *Core* is $|x| < 1$ on the trimodal source and $|x| < 1/2$ on the Gaussian.
# A row's name is its source, $D$ and the budget on the core.

# %%
def over_bound(row):
    """A row of the benchmark's table: the bound, and what each number of states lies above it."""
    by_states = {int(key): row[key]["gap"] for key in row if key.isdigit()}
    gaps = {f"{S} states": by_states[S] for S in sorted(by_states) if S in (8, 256)}
    return {"bound": row["bound"], "scalar": row["scalar"]["gap"], **gaps}


tables.show({name: over_bound(row) for name, row in bench["table"].items()})

# %% [markdown]
# Nothing here is proven but the bound. Each quantiser is the best that a search found, its gap is measured, and every budget is met to within the
# errors of the samples.
#
# ## What a doubling of the states buys
#
# One row of that table with every number of states. What a trellis saves in distortion at high rate is known as its *granular gain*, at most
# $10 \log_{10}(2\pi e / 12) = 1.53$ dB, of which each 6.02 dB are a bit.

# %%
gauss, speed = bench["table"]["Gaussian 0.25"], bench["speed"]
sizes = sorted(int(key) for key in gauss if key.isdigit())
gap = {S: gauss[str(S)]["gap"] for S in sizes}
design = {S: gauss[str(S)]["processor seconds of design"] for S in sizes}
encoding = {S: 1 / speed[str(S)]["encode"]["processor"] for S in sizes if str(S) in speed}

# %%
figure, (left, right) = plot.panels(2, height=2.5)
plot.lines(left, [(sizes, list(gap.values()), "trellis", "")],
           "states", "rate over the bound (bits)", "What it buys: Gaussian, one bit", log="x")
plot.lines(right, [(sizes, list(design.values()), "plain", "the design", {"linestyle": "--"}),
                   (list(encoding), list(encoding.values()), "trellis", "encoding $10^6$ samples")],
           "states", "processor seconds", "What it costs", log="xy")
path = outputs.save_figure(figure, "fig22_states")

# %% [markdown]
# **Figure 32.** *Left:* bits above the bound of a Gaussian source at about one bit, by the states of the trellis. *Right:* processor seconds of the design, and of
# encoding a million samples. A doubling buys less on the whole, though not each time, one and a half hundredths of a bit at first and three thousandths at the end. It costs the encoder little while NumPy does a step's states in one go, and then time in proportion; the
# decoder follows one path whatever their number. A gap over a million samples moves by a few thousandths of a bit from one draw to another, so rows here and above may differ by so much; within a row all are of one draw.

# %%
less = dict(zip(sizes[1:], -np.diff(list(gap.values()))))
tables.show({S: {"over the bound (bits)": gap[S], "less than before": less.get(S),
                 "design (s)": design[S], "encoding (s)": encoding.get(S)} for S in sizes},
            {"design (s)": ".1f", "encoding (s)": ".2f"}, "states")

# %% [markdown]
# ## Finite samples
#
# A short stream pays for its header and its model, and its distortion is that of few samples. Both fade as it grows.

# %%
shortened = {"ecsq": rivals["ECSQ, proven"], "trellis": trellis(D)}
finite = {N: {name: mfrd.measure(quantiser, letters[:N]) for name, quantiser in shortened.items()}
          for N in lengths if N <= n_samples}
tables.show({f"{N} samples, {name}": {
    "bits": s.bits, "more than the model": s.bits - s.cross_entropy, "D": s.distortion,
} for N, both in finite.items() for name, s in both.items()})

# %% [markdown]
# And with a budget that says nothing, as the report's $D = 30.5$ for its spike, of smaller variance, the bound is zero and the quantiser has one
# codeword. A container still has a header and checks, and they count.

# %%
spike = sources.spike(200)
silent = mfrd.ecsq(spike, D_idle, bound=mfrd.limit(spike, mfrd.Fidelity(D_idle)))
silence = mfrd.measure(silent, mfrd.draw(spike, n_samples, seed))
print(f"D = {D_idle}: ECSQ {silent.rate:.4f} bits, {silence.bytes} bytes for {n_samples} samples")

# %% [markdown]
# ## What this shows
#
# The last line has the bits at one budget: the bound, the trellis in bytes, and the exact scalar quantiser in bytes.

# %%
path = records.save("08_streams", globals())
points = [*exact, *coded, *scalar_core, *coded_core]
assert all(s.bits > s.cross_entropy for s in streams.values()), "a stream is below its model"
assert all(np.isfinite(low) and bits > 0 for _, bits, low in points)

# %%
by_trellis, by_cells, *_ = streams.values()
print(f"trimodal at D = {D}: bound {limit(D).lower_bound:.4f}, trellis {by_trellis.bits:.4f}, "
      f"ECSQ {by_cells.bits:.4f} bits")
