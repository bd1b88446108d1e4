"""Bytes: a quantiser's samples through a range coder and back, and what real streams cost.

Belongs here: codecs, containers, models, transforms of signals, and the bound on what they can reach.
Imports: problems, solvers, codebooks, bounds, quantisers.
Begin with: codec.py, then container.py for the format.
"""
