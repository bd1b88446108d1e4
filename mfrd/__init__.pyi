from .annealing import AnnealingStep, anneal
from .blahut import blahut_arimoto
from .certificate import lower_bound
from .codec import Codec
from .container import CorruptStream
from .distortion import absolute_error, hamming, mahalanobis, squared_error
from .encoder import Encoder
from .fidelity import Fidelity, InfeasibleFidelity
from .limits import Limit, limit
from .lloyd import lloyd_max
from .problem import Problem
from .quantiser import Quantiser, mixture, uniform_quantiser
from .refinement import merge, refine
from .scalar import Vertex, ecsq, ecsq_hull
from .solution import NotCertified, Solution
from .solver import backends, solve
from .source import Source, bumps, grid
from .stream import Stream, draw, measure
from .supremum import lower_bound_all_codebooks
from .sweep import rd_curve, rd_surface
from .vector import ecvq

__all__ = [
    "AnnealingStep", "Codec", "CorruptStream", "Encoder", "Fidelity", "InfeasibleFidelity",
    "Limit", "NotCertified", "Problem", "Quantiser", "Solution", "Source", "Stream", "Vertex", "absolute_error",
    "anneal", "backends", "blahut_arimoto", "bumps", "draw", "ecsq", "ecsq_hull", "ecvq", "grid", "hamming",
    "limit", "lloyd_max", "lower_bound", "lower_bound_all_codebooks", "mahalanobis", "measure", "merge", "mixture",
    "rd_curve", "rd_surface", "refine", "solve", "squared_error", "uniform_quantiser",
]
