"""What no codebook beats: the limit over all codebooks in R^k, and the supremum that proves it.

Belongs here: bounds that hold for every codebook, searches that reach them, and proofs that stand without the module.
Imports: problems, solvers, codebooks.
Begin with: supremum.py for the bound, then exchange.py for the search; for proofs checker.py and,
of densities, density_checker.py, which import nothing.
"""
