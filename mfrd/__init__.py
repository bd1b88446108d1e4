"""Mixed-fidelity rate-distortion: certified encoders, codebooks and compressors.

source   = mfrd.Source(points, pmf)
problem  = mfrd.Problem(source, codebook, [mfrd.Fidelity(0.6), mfrd.Fidelity(0.02, on=mask)])
solution = mfrd.solve(problem)      # .rate .gap .prices .distortions .encoder
"""

import lazy_loader

# the public names are listed in __init__.pyi; each is imported at its first use
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
