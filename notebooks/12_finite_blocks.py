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
# # 12. Finite blocks: what *n* samples cost
#
# *$R(D)$ is a limit. What do $n$ samples cost, coded as one block that keeps its budget in all but a few cases?*
#
# A block code has $M$ reproductions for $n$ samples, and a share $\varepsilon$ of blocks may break the budget. What is known of its rate
# $\tfrac1n \log_2 M$ is a bound from below, an approximation and, for equally likely letters under Hamming distortion, a bound from above. With $j(x) = a(x) - \lambda \cdot D$ at the optimum, whose mean is $R$ and whose variance $V$ is the *dispersion*,
#
# $$\log M \ \ge\ u + \log\Big(P\Big[\sum_{t=1}^n j(X_t) \ge u\Big] - \varepsilon\Big) \quad \text{for every } u \text{ where that probability exceeds } \varepsilon$$
#
# is proven, with as many budgets as one likes (the *converse*); $R + \sqrt{V/n}\,z_\varepsilon$, with $z_\varepsilon$ the point that a standard normal variable exceeds with probability $\varepsilon$, is its *normal approximation*, which proves nothing; and
# for those letters random codes reach what the last curve of the left figure says.
#
# A codec as it is used has streams of varying length, and keeps its budget in the mean: such a code is bounded by $R(D)$ at every
# $n$, and by nothing on this page. To compare like with like, the codec enters here as a block code: it codes blocks of $n$ alone, and a block fails
# that takes more than $L$ bits or breaks the budget; its rate is the least $(L + 1)/n$ at which at most the share $\varepsilon$ fails, for a code of
# all streams of up to $L$ bits has fewer than $2^{L+1}$ reproductions.
#
# *In the [paper](../paper/paper.pdf): section 9, Finite blocks. Figures are numbered as there.*

# %% tags=["parameters"]
excess: float = 0.1  # the share of blocks that may break the budget
excess_coin: float = 0.01  # the same for the fair coin
n_letters: int = 100  # letters of the trimodal source
D: float = 0.6  # its budget
D_coin: float = 0.11  # Hamming distortion of a fair coin
lengths: list[int] = [10, 30, 100, 300, 1000, 3000, 10_000, 100_000, 1_000_000]  # letters a block
lengths_codec: list[int] = [100, 300, 1000, 3000]  # the same, for the codec
margins: list[float] = [0.0, 0.1, 0.2]  # shares of D that the codec's design leaves
n_blocks: int = 200  # blocks of each length that the codec is tried on
seed: int = 12  # of the blocks

# %% tags=["nbval-ignore-output"]
import numpy as np

import mfrd
from mfrd.report import outputs, parameters, plot, records, sources, tables

changed = parameters.changed("12_finite_blocks", globals())
plot.use_style()

# %% [markdown]
# ## A fair coin, where nearly all is known
#
# For a fair coin under Hamming distortion $j$ is constant, so the dispersion is zero and the general converse is $R - \tfrac1n\log_2\tfrac1{1-\varepsilon}$. There a
# ball of radius $nD$ about a codeword holds the same share of all blocks wherever it lies, which gives a better one, and the random code.

# %%
wrong = mfrd.Fidelity(D_coin, distortion=mfrd.hamming)
coin = mfrd.Problem(mfrd.Source([0, 1], [0.5, 0.5]), [0, 1], wrong)
fair = mfrd.solve(coin, "newton")
coins = [mfrd.finite_blocklength(fair, n, excess_coin) for n in lengths if n <= 10_000]

# %%
tables.show({b.n: {"at least": b.converse, "at most": b.achievable} for b in coins}, corner="n")
print(f"bits a letter; R = {fair.rate:.4f}")

# %% [markdown]
# ## The trimodal source, over all codebooks
#
# The limit's dual variables are all that is needed.

# %%
trimodal = sources.trimodal(n_letters)
limit = mfrd.limit(trimodal, [mfrd.Fidelity(D)])
bounds = [mfrd.finite_blocklength(limit, n, excess) for n in lengths]
print(f"R = {limit.rate:.5f} bits, dispersion {bounds[0].dispersion:.4f} bits^2")

# %%
rows = {b.n: {"at least": b.converse, "normal approximation": b.normal} for b in bounds}
tables.show(rows, corner="n")

# %% [markdown]
# The codec is that of the exact scalar quantiser: one set of cells that keeps the budget or, since where it keeps $D$ exactly half of all blocks
# break it, one somewhat below. Its header is sent once and not counted. One set of blocks chooses among the designs; on another $L$ is read off and the share that fails is counted.

# %%
designs = [mfrd.ecsq(trimodal, (1 - margin) * D).deterministic() for margin in margins]
codecs = {margin: mfrd.Codec(design) for margin, design in zip(margins, designs)}


def blocks_of(n, stream):
    """n_blocks blocks of n samples, (n_blocks, n)."""
    return trimodal.points[mfrd.draw(trimodal, n_blocks * n, [seed, stream])].reshape(n_blocks, n)

# %%
def coded(codec, blocks):
    """(bits of each block, whether what is decoded from them breaks the budget)."""
    streams = [codec.encode(block, header=False) for block in blocks]
    decoded = [codec.decode(stream)[:, 0] for stream in streams]
    spent = np.mean((np.array(decoded) - blocks) ** 2, axis=1)
    return np.array([8 * len(stream) for stream in streams]), spent > D

# %% [markdown]
# $L$ is the bits of the longest block that must succeed:

# %%
def least_bits(bits, broken):
    """The least L with which at most the share `excess` fails; infinite where too many break D."""
    kept = np.sort(bits[~broken])
    needed = int(np.ceil((1 - excess) * len(bits)))
    return kept[needed - 1] if len(kept) >= needed else np.inf

# %%
measured = {}
for n in lengths_codec:
    first, second = blocks_of(n, 0), blocks_of(n, 1)
    tried = {margin: least_bits(*coded(codecs[margin], first)) for margin in margins}
    margin = min(tried, key=tried.get)
    bits, broken = coded(codecs[margin], second)
    rate = (least_bits(bits, broken) + 1) / n
    measured[n] = {"margin": margin, "bits": rate, "broken": broken.mean()}

# %%
tables.show(measured, {"margin": ".2f", "broken": ".1%"}, corner="n")

# %%
figure, (left, right) = plot.panels(2, height=2.7)
sizes = [b.n for b in coins]
plot.lines(left, [(sizes, [b.converse for b in coins], "bound", "no code has less"),
                  (sizes, [b.achievable for b in coins], "convex", "random codes reach")],
           "letters a block, $n$", "rate (bits a letter)", f"Fair coin, $D = {D_coin}$", log="x")
plot.level(left, fair.rate, "$R(D)$")
plot.lines(right, [(lengths, [b.converse for b in bounds], "bound", "no code has less"),
                   (lengths, [b.normal for b in bounds], "closed form", "normal approximation"),
                   (lengths_codec, [m["bits"] for m in measured.values()],
                    "quantiser", "scalar cells as a block code", {"linestyle": "none"})],
           "letters a block, $n$", "rate (bits a sample)", f"Three modes, $D = {D}$", log="x")
plot.level(right, limit.rate, "$R(D)$")
path = outputs.save_figure(figure, "finite_blocks")

# %% [markdown]
# **Figure 9.** *Left:* a fair coin; between the two curves lies the best block code. *Right:* the trimodal source; the grey line is $R(D)$. The
# converse approaches it from above once $n$ is in the hundreds, and meets the normal approximation. The codec pays for a margin from a ladder of three, which at some lengths is more than nine blocks of ten need, for the longest of the blocks that it keeps, in whole bytes, and for cells that are intervals.
#
# ## What this shows
#
# What a short block costs at the least is proven by the same dual variables that certify $R(D)$.

# %%
path = records.save("12_finite_blocks", globals())

# %% [markdown]
# The share of blocks that fail was measured, not known. Except once in a million at each $n$ it is at most the share seen plus the root below, whatever $L$ was read off the same blocks
# (Dvoretzky, Kiefer and Wolfowitz 1956; Massart 1990); at that larger share the converse must lie below what the codec took.

# %%
unseen = excess + np.sqrt(np.log(1e6) / (2 * n_blocks))
for n in measured:
    least = mfrd.finite_blocklength(limit, n, float(unseen)).converse if unseen < 1 else 0
    assert measured[n]["bits"] >= least, "a code of ours is below the converse"
assert all(b.converse <= b.achievable + 1e-12 for b in coins), "a converse lies above a code"

# %%
distance = bounds[-1].normal - bounds[-1].converse
print(f"at n = {bounds[-1].n} the converse is within {distance:.1e} bits "
      f"of the normal approximation")
