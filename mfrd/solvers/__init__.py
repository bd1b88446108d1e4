"""The optimal encoder of a problem on its codebook, and what proves it.

Belongs here: encoder, solution, certificate, feasibility, the backends (conic programs, interior point on the saddle,
Blahut-Arimoto), the choice among them, sweeps over budgets, and how a solution shows itself.
Imports: problems.
Begin with: certificate.py, which needs no solver, then choice.py, where `solve` is.
"""
