# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # One random source at one pair of budgets
#
# A point of the grid that `grid.py` runs: a mixture of three Gaussian bumps drawn from `seed`, with a budget of `share`
# of its variance, and of `core_share` times that for the letters within one unit of the mean.

# %% tags=["parameters"]
seed, n_letters, n_codewords = 0, 80, 24
share, core_share = 0.3, 0.5

# %%
import numpy as np

import mfrd
from mfrd.report import outputs

rng = np.random.default_rng(seed)
x = mfrd.grid(-6, 6, n_letters)
source = mfrd.bumps(x, rng.dirichlet(np.ones(3)), rng.uniform(-5, 5, 3), rng.uniform(0.2, 1.5, 3))

# %%
D = share * source.covariance.item()
core = mfrd.Fidelity(core_share * D, on=abs(x - source.mean) < 1, per="subset", name="core")
solution = mfrd.solve(mfrd.Problem(source, mfrd.grid(-6, 6, n_codewords), [mfrd.Fidelity(D), core]), "newton")
print(f"{solution.rate:.4f} bits, prices {solution.prices}")

# %%
_ = outputs.save_results("random_source", {"D": D, **solution.summary()})
