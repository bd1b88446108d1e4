from .bounds.blocks import FiniteBlocks, finite_blocklength
from .bounds.curve import LimitCurve, limit_curve
from .bounds.density import DensityLimit, shannon_bound
from .bounds.estimate import Estimate, estimate
from .bounds.exchange import Limit, limit
from .bounds.proof import Proof, prove
from .bounds.supremum import lower_bound_all_codebooks
from .codebooks.lloyd import lloyd_max
from .codebooks.refinement import merge, refine
from .coding.check import Check
from .coding.codec import Codec
from .coding.compress import compress, decompress
from .coding.container import CorruptStream
from .coding.context_bound import ContextBound, context_bound
from .coding.stream import Stream, draw, measure
from .problems.densities import Density
from .problems.distortion import absolute_error, coordinate, erasure, hamming, mahalanobis, squared_error, weighted
from .problems.fidelity import Fidelity, InfeasibleFidelity
from .problems.problem import Problem
from .problems.source import Source, bumps, grid
from .quantisers.annealing import AnnealingStep, anneal
from .quantisers.quantiser import Quantiser, mixture, uniform_quantiser
from .quantisers.scalar import Vertex, ecsq, ecsq_hull
from .quantisers.trellis import Trellis, trellis
from .quantisers.vector import ecvq
from .report.explorer import Explorer
from .solvers.blahut import blahut_arimoto
from .solvers.certificate import lower_bound
from .solvers.choice import backends, solve
from .solvers.encoder import Encoder
from .solvers.inverse import distortion_at_rate
from .solvers.solution import NotCertified, Solution
from .solvers.sweep import rd_curve, rd_surface
from .solvers.tangent import solve_at_prices

__all__ = [
    "AnnealingStep",
    "Check",
    "Codec",
    "ContextBound",
    "CorruptStream",
    "Density",
    "DensityLimit",
    "Encoder",
    "Estimate",
    "Explorer",
    "Fidelity",
    "FiniteBlocks",
    "InfeasibleFidelity",
    "Limit",
    "LimitCurve",
    "NotCertified",
    "Problem",
    "Proof",
    "Quantiser",
    "Solution",
    "Source",
    "Stream",
    "Trellis",
    "Vertex",
    "absolute_error",
    "anneal",
    "backends",
    "blahut_arimoto",
    "bumps",
    "compress",
    "context_bound",
    "coordinate",
    "decompress",
    "distortion_at_rate",
    "draw",
    "ecsq",
    "ecsq_hull",
    "ecvq",
    "erasure",
    "estimate",
    "finite_blocklength",
    "grid",
    "hamming",
    "limit",
    "limit_curve",
    "lloyd_max",
    "lower_bound",
    "lower_bound_all_codebooks",
    "mahalanobis",
    "measure",
    "merge",
    "mixture",
    "prove",
    "rd_curve",
    "rd_surface",
    "refine",
    "shannon_bound",
    "solve",
    "solve_at_prices",
    "squared_error",
    "trellis",
    "uniform_quantiser",
    "weighted",
]
