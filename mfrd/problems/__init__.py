"""What is asked: a source, a codebook, distortion measures and budgets, checked once.

Belongs here: what states the problem and what follows from the statement alone (least reachable distortions, the rows
of budgets). Nothing here solves anything.
Imports: NumPy, SciPy, nothing of mfrd outside this room.
Begin with: problem.py, then rows.py, which says what a row of budgets is.
"""
