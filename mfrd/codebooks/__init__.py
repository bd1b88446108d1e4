"""Where codewords go: refinement and merging, stationary points, Lloyd-Max.

Belongs here: what moves, merges or places codewords for a given source and budgets.
Imports: problems, solvers.
Begin with: refinement.py.
"""
