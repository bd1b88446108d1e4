"""What no codebook beats: the limit over all codebooks in R^k, and the supremum that proves it.

Belongs here: bounds that hold for every codebook, and searches that reach them.
Imports: problems, solvers, codebooks.
Begin with: supremum.py for the proof, then exchange.py for the search.
"""
