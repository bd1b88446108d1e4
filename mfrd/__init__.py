"""Mixed-fidelity rate-distortion: certified encoders, codebooks and compressors.

An encoder, its prices, its certificate
---------------------------------------
For a source p on letters x and a codebook y, `solve` finds the encoder Q(y|x) of least I(X;Y) in bits that keeps every
budget: one on all letters and tighter ones on subsets, each with its own measure of distortion.

>>> import numpy as np
>>> import mfrd
>>> x = np.linspace(-4, 4, 80)  # letters, (n,) or (n, k)
>>> source = mfrd.Source(x, np.exp(-abs(x)) / np.exp(-abs(x)).sum())
>>> budgets = [mfrd.Fidelity(0.5), mfrd.Fidelity(0.05, on=abs(x) < 0.5, name="core")]
>>> solution = mfrd.solve(mfrd.Problem(source, np.linspace(-4, 4, 17), budgets))
>>> solution.gap < 1e-6, list(solution.prices)  # certified bits; prices are bits per unit of distortion
(True, ['global', 'core'])
>>> better = mfrd.refine(solution.problem, max_iter=200)  # move and merge the codewords
>>> better.solution.rate < solution.rate
True

A budget is stated jointly (`per="joint"`, the default: the sum of p Q d over the subset), as the mean given the subset
(`per="subset"`), or for each letter of it (`per="letter"`), with squared error, absolute error, Hamming, Mahalanobis, a
function of yours or a matrix as its measure. `limit` bounds the rate over all codebooks, `limit_curve` does so along a
sweep of budgets and between them, and `prove` writes what a rate follows from as exact rationals, which
`python -m mfrd verify` checks.

From samples to a file, and back
--------------------------------
>>> samples = np.random.default_rng(0).normal(size=20_000)  # yours: (N,) or (N, k)
>>> source = mfrd.Source.from_samples(samples)  # or Source.from_file("voltages.csv", columns="mV")
>>> quantiser = mfrd.ecsq(source, 0.1)  # on the samples; mfrd.ecvq for several budgets, mfrd.trellis for fewer bytes
>>> codec = mfrd.Codec(quantiser.deterministic())
>>> data = codec.encode(samples)  # bytes; codec.decode(data) needs them alone
>>> check = codec.check(samples)  # bits, and every budget as measured on what the bytes decode to
>>> bound = mfrd.limit(source, mfrd.Fidelity(0.1)).lower_bound  # bits a letter, certified over all codebooks
>>> bound < 8 * len(data) / len(samples) < bound + 0.35
True

`Codec` codes each sample by itself, and keeps its budgets on the samples: what binning them threw away
(`Source.within`) is counted, `split=` ends bins at the edges of a region, a sample outside the range of the design
escapes. A signal whose neighbours resemble each other takes fewer bytes by `compress(signal, mask, inside=, outside=)`:
one file of a signal (N,) or (N, channels), or of a picture, whose root mean square errors hold inside a mask of any
shape and outside it; `decompress` needs its bytes alone. `limit` of a source made from samples bounds codes for
independent draws of its letters; `estimate` bounds those for the law of independent samples, with 95 % confidence.

Solvers and MOSEK's licence
---------------------------
`solver="auto"` takes MOSEK's exponential cone where MOSEK is installed and licensed, else Clarabel where it answers in
seconds, up to 20,000 pairs of letters and codewords, and "newton", this project's own interior-point method, beyond and
where Clarabel fails; it says so in one line. "mosek", "clarabel" and "newton" ask for one. MOSEK looks for its licence
in the file or server that `MOSEKLM_LICENSE_FILE` names, then in `mosek/mosek.lic` under the home directory. Whoever
solved it, a solution is returned only if its gap, evaluated in plain NumPy from the dual variables, is below 1e-6 bits.
"""

import lazy_loader

# the public names are listed in __init__.pyi; each is imported at its first use
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
