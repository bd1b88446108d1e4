"""What can be deployed: deterministic encoders, time-shared to meet every budget, at the least H(Y).

Belongs here: quantisers and what designs them (dynamic programs, entropy-constrained descent, annealing).
Imports: problems, solvers, codebooks, bounds.
Begin with: cells.py and quantiser.py, then scalar.py for one dimension and vector.py for any.
"""
