"""What results/ keeps of each notebook: one function a notebook, from the names of its run to places and numbers.

    path = records.save("02_duals", globals())   # the last but one cell of notebook 2

`nb` is the run: `nb.rates` is what the notebook calls rates. A key of results/ is a contract with the paper, the README
and the claims; the value of each stands here beside it, and origins.py follows it to the cell that assigned its names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..problems.distortion import squared_error
from . import outputs, parameters
from .sources import LAWS

Kept = tuple[dict[str, Any], dict[str, Any]]  # results, and {place: the answer that is proven there}


def save(notebook: str, names: Mapping[str, Any]) -> Path:
    """Write what is kept of a notebook's run, and its proofs; returns the path of the results.

    notebook: such as "02_duals"; names: globals() of the run.
    """
    results, proofs = globals()[notebook[3:]](SimpleNamespace(**names))
    used = parameters.used(notebook, names)
    return outputs.save_results(notebook, {"parameters": used, **results}, proofs)


def swept(D: Iterable[float], solutions: Iterable[Any]) -> list[dict[str, Any]]:
    """A row for each solution of a sweep, with its budget."""
    return [{"D": D_, **s.summary()} for D_, s in zip(D, solutions)]


def duals(nb: SimpleNamespace) -> Kept:
    """Of notebook 2: prices along sweeps, their differences, and Blahut-Arimoto at them."""
    of_core, of_all = nb.price["core"], nb.price["global"]
    ends = {"sweep": nb.curve, "sweep_without_core": nb.unconstrained}
    results = {
        "gaussian_1d_mixed_fidelity": {
            "budgets": {"core": nb.D_core},
            "probability_of_core": nb.probability,
            "least_D": {name: nb.problem.least(name) for name in nb.price},
            "price_core_bits": [of_core.min(), of_core.max()],
            "price_global_bits": [of_all.min(), of_all.max()],
            "price_core_nats": np.log(2) * np.array([of_core.min(), of_core.max()]),
            "price_global_nats": np.log(2) * np.array([of_all.min(), of_all.max()]),
            "smallest_price_ratio": nb.ratio,
            "distortion_where_global_goes_slack": nb.edge,
            "rate_floor_bits": nb.rates[-1],
            "price_times_distortion_bits": nb.terms,
            "finite_differences": {"D": nb.D_example, "prices": nb.example.prices, "differences": nb.differences},
            "blahut_arimoto_at_these_prices": {
                "I_bits": nb.blahut.rate,
                "conic_I_bits": nb.example.rate,
                "distortions": nb.spent,
            },
            "core_distortion_without_core_budget": nb.goes_slack,
            "sweep": swept(nb.budgets, nb.curve),
            "sweep_without_core": swept(nb.budgets, nb.unconstrained),
            "sweep_core": swept(nb.core_budgets, nb.tightened),
        }
    }
    proofs = {
        f"gaussian_1d_mixed_fidelity.{name}.{k}.I_bits": solutions[k]
        for name, solutions in ends.items()
        for k in (0, len(solutions) - 1)
    }
    return results, proofs


def mixed_fidelity_data(nb: SimpleNamespace) -> Kept:
    """Of notebook 9: files of blocks with the bound of their model, of compress, and the rivals' table."""
    results = {
        "ecg": {
            **nb.ecg_blocks.summary(),
            "beats": len(nb.beats),
            "rms_mV": nb.rms,
            "prd_percent": nb.prd,
            "uniform_same_inside_bytes": nb.ecg_everywhere.bytes,
            "lossless_bytes": min(nb.lossless.values()),
            "compress": {
                "bytes": len(nb.beats_file),
                "rms_mV": nb.rms_beats,
                "payload": nb.least.payload,
                "lower_bound_bytes": nb.least.bytes,
                "scalar_bound_bytes": nb.least.scalar_bytes,
            },
        },
        "photograph": {
            **nb.photo_blocks.summary(),
            "psnr_dB": nb.quality_of["mixed"],
            "uniform_same_inside": {"bytes": nb.photo_everywhere.bytes, "psnr_dB": nb.quality_of["same"]},
            "jpeg": {"bytes": nb.jpeg_bytes, "quality": nb.quality, "psnr_dB": nb.quality_of["jpeg"]},
            "compress": {
                "bytes": len(nb.remembered),
                "psnr_dB": nb.quality_of["compress"],
                "payload": nb.least_photo.payload,
                "lower_bound_bytes": nb.least_photo.bytes,
                "scalar_bound_bytes": nb.least_photo.scalar_bytes,
            },
        },
        "rivals": {"pictures": len(nb.rows), "won": len(nb.won), **nb.against},
    }
    return results, {}


def finite_blocks(nb: SimpleNamespace) -> Kept:
    """Of notebook 12: bounds by the length of a block, and the codec as a block code."""
    results = {
        "coin": {
            "D": nb.D_coin,
            "excess": nb.excess_coin,
            "I_bits": nb.fair.rate,
            "blocks": [{"n": b.n, "converse_bits": b.converse, "achievable_bits": b.achievable} for b in nb.coins],
        },
        "trimodal": {
            "D": nb.D,
            "excess": nb.excess,
            "rate_bits": nb.limit.rate,
            "dispersion_bits2": nb.bounds[0].dispersion,
            "blocks": [{"n": b.n, "converse_bits": b.converse, "normal_bits": b.normal} for b in nb.bounds],
            "codec": [{"n": n, **m, "bits": m["bits"] if m["bits"] < np.inf else None} for n, m in nb.measured.items()],
        },
    }
    return results, {"coin.I_bits": nb.fair, "trimodal.rate_bits": nb.limit}


def exercises(nb: SimpleNamespace) -> Kept:
    """Of notebook 11: three solutions, and the numbers that were found by hand."""
    results = {
        "binary": {**nb.solved.summary(), "by_hand_bits": nb.by_hand},
        "unequal": nb.unequal.summary(),
        "regions": nb.three.summary(),
        "idle_from": nb.most,
        "lloyd_max": {
            "D": nb.D_four,
            "H_Y_bits": nb.quantiser.output_entropy,
            "lower_bound_bits": nb.least.lower_bound,
        },
    }
    return results, {}


def streamed(stream: Any, bound: float) -> dict[str, Any]:
    """A stream as it was measured, beside the bound at its distortions."""
    return {
        "bits": stream.bits,
        "bytes": stream.bytes,
        "samples": stream.samples,
        "lower_bound_bits": bound,
        "cross_entropy_bits": stream.cross_entropy,
        "distortions": stream.distortions,
    }


def streams(nb: SimpleNamespace) -> Kept:
    """Of notebook 8: bytes of streams beside their bounds."""

    def rows(coded: Mapping[float, Any], *others: Any) -> list[dict[str, Any]]:
        return [{"D": D, **streamed(s, nb.bound_at(nb.limit(D, *others), s.distortions))} for D, s in coded.items()]

    bound = nb.limit(nb.D).lower_bound
    keys = ["trellis", "ecsq", "ecvq", "lloyd_max_time_shared", "uniform_time_shared"]
    at_D = {key: streamed(s, nb.bound_at(nb.limit(nb.D), s.distortions)) for key, s in zip(keys, nb.streams.values())}
    results = {
        "trimodal": {
            "D": nb.D,
            "states": nb.states,
            "lower_bound_bits": bound,
            **at_D,
            "plane": {"ecsq": rows(nb.exact_streams), "trellis": rows(nb.coded_streams)},
        },
        "core": {
            "D_core": nb.D_core,
            "plane": {"ecvq": rows(nb.scalar_core_streams, nb.core), "trellis": rows(nb.coded_core_streams, nb.core)},
        },
        "finite": {str(N): {name: streamed(s, bound) for name, s in both.items()} for N, both in nb.finite.items()},
        "idle": {"D": nb.D_idle, **streamed(nb.silence, nb.silent.lower_bound)},
    }
    return results, {}


def solvers(nb: SimpleNamespace) -> Kept:
    """Of notebook 6: answers of all methods, what each took on five problems, and where the primal form failed."""
    results = {
        "problems": {
            name: {
                "letters": nb.problems[name].n,
                "codewords": nb.problems[name].m,
                **{how: s.summary() for how, s in found.items()},
            }
            for name, found in nb.answers.items()
        },
        "random": {
            "problems": nb.n_random,
            "within_gaps": nb.agree,
            "largest_newton_gap_bits": nb.largest_gap["newton"],
            "largest_conic_gap_bits": nb.largest_gap["conic"],
        },
        "worst_gap_by_form_bits": nb.worst,
        "primal_failed_on": nb.failed,
    }
    return results, {}


def limited(found: Any) -> dict[str, Any]:
    """A limit of letters with its codebook."""
    return {
        "rate_bits": found.rate,
        "lower_bound_bits": found.lower_bound,
        "gap_bits": found.gap,
        "codebook": found.codebook,
        "masses": found.encoder.output_pmf,
        "prices_bits": found.prices,
        "distortions": found.distortions,
        "codewords": len(found.codebook),
        "status": found.status,
        "I_bits": found.rate,
        "solver": "newton",
    }


def limit(nb: SimpleNamespace) -> Kept:
    """Of notebook 5: limits over all codebooks, and the distance of refined ones."""
    results = {
        "limits": {name: limited(found) for name, found in nb.certified.items()},
        "distances": {f"{name}, {how}": row for (name, how), row in nb.rows.items()},
        "gaussian_1d": [
            {"D": D, **limited(found), "eight_fixed_bits": s.rate, "closed_form_bits": c}
            for D, found, s, c in zip(nb.D_gaussian, nb.limits, nb.fixed, nb.closed)
        ],
        "bifurcation": [{"D": D, **limited(found)} for D, found in zip(nb.ladder, nb.tree)],
        "nine_codewords": {"rate_bits": nb.short.rate, "bound_on_all_codebooks_bits": nb.everywhere},
        "plane": {
            "sweep": [
                {
                    "D": D,
                    "I_bits": found.rate,
                    "lower_bound_bits": found.lower_bound,
                    "gap_bits": found.gap,
                    "codewords": len(found.codebook),
                    "prices_bits": found.prices,
                    "status": found.status,
                    "solver": "newton",
                }
                for D, found in zip(nb.curve.D, nb.curve)
            ],
            "widest_bits": nb.widest,
        },
    }
    proofs = {f"limits.{name}.rate_bits": found for name, found in nb.certified.items()}
    return results, {**proofs, "nine_codewords.rate_bits": nb.short}


def solved(solution: Any) -> dict[str, Any]:
    """The summary of a solution, with its global distortion by itself."""
    s = solution.summary()
    return {**s, "D": s["distortions"]["global"]}


def lloyd_max(nb: SimpleNamespace) -> Kept:
    """Of notebook 4: both methods at equal size, equal distortion and equal rate."""
    results = {
        "lloyd_1d": {
            "codewords": nb.m,
            "budgets": {"global": nb.D, "core": nb.D_core},
            "convex": {**solved(nb.run.solution), "converged": nb.run.converged, "codebook": nb.run.codebook},
            "lloyd_max": {
                **nb.point(nb.lloyd),
                "codebook": nb.lloyd.codebook,
                "random_starts": {"starts": nb.n_starts, "least_D": nb.ends.min(), "largest_D": nb.ends.max()},
            },
            "equal_distortion": solved(nb.same_D),
            "equal_rate": solved(nb.same_rate),
            "by_step": {
                f"{eta:g}": {**solved(r.solution), "rounds": len(r.history) - 1, "converged": r.converged}
                for eta, r in nb.by_step.items()
            },
            "refined_less_limit_bits": {
                "D": nb.D_apart,
                "I": float(f"{nb.apart['I']:.1g}"),
                "H_Y": float(f"{nb.apart['H(Y)']:.2f}"),
            },
            "saving_at_equal_distortion_bits": nb.lloyd.rate - nb.same_D.rate,
            "saving_at_equal_rate_D": nb.lloyd_D - nb.D_same_rate,
            "plane": {
                "convex": [{**solved(s), "solver": "newton"} for s in nb.plane],
                "lloyd_max": [{"m": k, **q} for k, q in zip(nb.lloyd_sizes, nb.quantisers)],
            },
        },
        "lloyd_spike": {
            "codewords": nb.m_spike,
            "budgets": {"global": nb.D_spike, "core": nb.D_core_spike},
            "convex": {
                **solved(nb.spike_run.solution),
                "converged": nb.spike_run.converged,
                "codebook": nb.spike_run.codebook,
            },
            "lloyd_max": {**nb.point(nb.spike_lloyd), "codebook": nb.spike_lloyd.codebook},
            "convex_rounded_by_argmax": nb.point(nb.rounded(nb.spike_convex)),
            "settled": {
                **solved(nb.spike_settled.solution),
                "converged": nb.spike_settled.converged,
                "rounds": len(nb.spike_settled.history) - 1,
                "convex_rounded_by_argmax": nb.point(nb.rounded(nb.settled)),
            },
        },
    }
    at = {"convex": nb.run.solution, "equal_distortion": nb.same_D, "equal_rate": nb.same_rate}
    return results, {f"lloyd_1d.{name}.I_bits": s for name, s in at.items()}


def refined(run: Any) -> dict[str, Any]:
    """A refinement: where it began, where it ended, and the best it passed."""
    initial = run.history[0]
    return {
        **solved(run.solution),
        "converged": run.converged,
        "rounds": len(run.history) - 1,
        "least_I_bits": min(step.rate for step in run.history),
        "codebook": run.codebook,
        "masses": run.solution.encoder.output_pmf,
        "initial": {"I_bits": initial.rate, "H_Y_bits": initial.output_entropy, "codewords": initial.codewords},
    }


def rounds(run: Any) -> list[dict[str, Any]]:
    """The rounds of a refinement."""
    return [
        {
            "I_bits": step.rate,
            "H_Y_bits": step.output_entropy,
            "H_Y_given_X_bits": step.conditional_entropy,
            "distortions": step.distortions,
            "codewords": step.codewords,
        }
        for step in run.history
    ]


def off_centroid(encoder: Any) -> float:
    """How far a codeword of a 1-D encoder stands from its centroid at the most; a word without letters has none."""
    used = encoder.output_pmf > 0
    centroids = (encoder.Q.T @ (encoder.source.p * encoder.source.points))[used] / encoder.output_pmf[used]
    return abs(centroids - encoder.codebook[used]).max()


def label(key: Iterable[Any]) -> str:
    """A key of several parts as one of results."""
    return " ".join(f"{part}" for part in key)


def refinement(nb: SimpleNamespace) -> Kept:
    """Of notebook 3: refinements on the line, of the spike and in the plane."""
    without = {
        name: {  # two digits, for an encoder's H(Y) is not what its backend certifies
            "H_Y_bits": [float(f"{step.output_entropy:.2f}") for step in r.history],
            "I_bits": float(f"{r.solution.rate:.5f}"),
            "gap_below_1e-6_bits": r.solution.gap < 1e-6,
            "masses_above_1e-6": int((r.solution.encoder.output_pmf > 1e-6).sum()),
        }
        for name, r in nb.unmerged.items()
    }
    results = {
        "refine_1d": {
            "source": asdict(LAWS["refine_1d"]),
            **refined(nb.run),
            "budgets": {"global": nb.D, "core": nb.D_core},
            "probability_of_core": nb.trimodal.p[nb.inside].sum(),
            "modes": nb.modes,
            "history": rounds(nb.run),
            "round_zero_I_bits": nb.zero.rate,
            "distance_to_modes": abs(nb.nearest - nb.modes),
            "draws": {"rates": nb.final, "codewords": nb.sizes, "least": nb.final.min(), "largest": nb.final.max()},
            "binding": {label(key): refined(r) for key, r in nb.bound.items()},
            "merging": {label(key): refined(r) for key, r in nb.ablation.items()},
            "without_merging": {
                **without,
                "doubled": {"I_bits": nb.doubled.rate, "H_Y_bits": nb.doubled.output_entropy},
            },
            "largest_distance_to_centroid": off_centroid(nb.run.solution.encoder),
        },
        "refine_spike": {
            "source": asdict(LAWS["refine_spike"]),
            **refined(nb.spike_run),
            "budgets": {"global": nb.D_spike, "core": nb.D_core_spike},
            "variance": nb.variance,
            "mean": nb.mean,
            "heaviest_codeword": nb.main,
        },
        "refine_2d": {
            "source": asdict(LAWS["refine_2d"]),
            **refined(nb.run_2d),
            "budgets": {"global": nb.D_2d, "core": nb.D_core_2d},
            "probability_of_core": nb.four.p[nb.disc].sum(),
            "mean": nb.four.mean,
            "spacing": 16 / (nb.n_side - 1),
            "modes": [[-4, -4], [-4, 4], [4, -4], [4, 4]],
            "history": rounds(nb.run_2d),
            "lloyd_started_from_the_refined_codebook": {
                "I_bits": nb.lloyd.rate,
                "H_Y_bits": nb.lloyd.output_entropy,
                "D": nb.lloyd_D,
            },
            "binding": {label(key): refined(r) for key, r in nb.bound_2d.items()},
        },
    }
    proofs = {
        "refine_1d.initial.I_bits": nb.first_solution,
        "refine_1d.I_bits": nb.run.solution,
        "refine_2d.I_bits": nb.run_2d.solution,
    }
    proofs |= {f"refine_1d.binding.{label(key)}.I_bits": r.solution for key, r in nb.bound.items()}
    proofs |= {f"refine_1d.binding.{D} centroid.initial.I_bits": s for D, s in nb.first_bound.items()}
    proofs |= {f"refine_1d.merging.{label(key)}.I_bits": r.solution for key, r in nb.ablation.items()}
    proofs |= {f"refine_2d.binding.{label(key)}.I_bits": r.solution for key, r in nb.bound_2d.items()}
    return results, proofs


def nats(solution: Any) -> dict[str, float]:
    """I(X;Y), H(Y) and H(Y|X) of a solution's encoder, nats."""
    e = solution.encoder
    bits = {"I_nats": e.rate, "H_Y_nats": e.output_entropy, "H_Y_given_X_nats": e.conditional_entropy}
    return {name: np.log(2) * value for name, value in bits.items()}


def validation(nb: SimpleNamespace) -> Kept:
    """Of notebook 1: curves against closed forms, and what random pairs say of convexity."""
    two_digits = {t: float(f"{value:.2g}") for t, value in nb.in_Q.items()}  # of differences that nearly cancel
    results = {
        "gaussian_1d": {
            "source": asdict(LAWS["gaussian_1d"]),
            "variance": nb.variance,
            "least_D": nb.problem.least("global"),
            f"at_D_{nb.D_example}": {
                **nb.solved.summary(),
                **nats(nb.solved),
                "blahut_arimoto": {**nb.blahut.summary(), **nats(nb.blahut)},
            },
            "deviation_bits": {
                "smallest_D": nb.smallest,
                f"at_D_{nb.D_mid}": nb.mid,
                f"largest_beyond_D_{nb.D_mid}": abs(nb.deviation[nb.beyond]).max(),
            },
            "least_D_by_codewords": {str(m): nb.by_size[m].least("global") for m in nb.by_size},
            "sweep": swept(nb.budgets, nb.curve),
            "by_codewords": {"D": nb.low, "deviation_bits": {str(m): nb.deviations[m] for m in nb.by_size}},
            "convexity": {
                "pairs": nb.n_pairs * len(nb.in_Q),
                "pairs_in_p": nb.n_pairs,
                "largest_excess_in_p_bits": nb.in_p,
                "shares": list(nb.in_Q),
                "largest_excess_in_Q_bits": max(two_digits.values()),
                "in_Q_by_share_bits": list(two_digits.values()),
            },
        },
        "gaussian_2d": {
            "source": asdict(LAWS["gaussian_2d"]),
            "variance": nb.total,
            "least_D": nb.problem_2d.least("global"),
            "sweep": swept(nb.budgets_2d, nb.curve_2d),
            f"sweep_{nb.n_side_odd}_by_{nb.n_side_odd}": swept(nb.budgets_odd, nb.curve_odd),
        },
        "trimodal_core": {
            "source": asdict(LAWS["trimodal_core"]),
            "shannon_bound_bits": nb.shannon,
            "sweep": swept(nb.budgets_3, nb.curve_3),
            "blahut_arimoto": swept(nb.witnesses, nb.check_3),
        },
    }
    return results, {f"gaussian_1d.at_D_{nb.D_example}.I_bits": nb.solved}


def start_here(nb: SimpleNamespace) -> Kept:
    """Of notebook 0: one source, its rates, and the file."""
    results = {
        "samples": len(nb.data),
        "letters": len(nb.source.p),
        "variance": nb.variance,
        "binning_adds": nb.binning,
        "budgets": {f.name: f.D for f in nb.budgets},
        "solution": nb.solution.summary(),
        "without_peaks": {"I_bits": nb.alone.rate, "times_the_budget_on_peaks": nb.coarse / nb.budgets[1].D},
        "refined": nb.better.solution.summary(),
        "limit": {"lower_bound_bits": nb.limit.lower_bound, "gap_bits": nb.limit.gap},
        "quantiser": {"bits": nb.quantiser.rate, "alone_bits": nb.quantiser.deterministic().output_entropy},
        "file": {
            "bytes": len(nb.coded),
            "bits_a_sample": 8 * len(nb.coded) / len(nb.data),
            "lower_bound_bytes": nb.least,
            "distortions": nb.spent,
        },
    }
    proofs = {"solution.I_bits": nb.solution, "refined.I_bits": nb.better.solution, "limit.lower_bound_bits": nb.limit}
    return results, proofs


def points(schemes: Mapping[str, Iterable[tuple]]) -> dict[str, list[dict[str, float]]]:
    """The schemes of a plane, each point beside the bound at its distortion."""
    return {
        name: [{"D": D, "bits": bits, "lower_bound_bits": low} for D, bits, low in scheme]
        for name, scheme in schemes.items()
    }


def quantised(quantiser: Any) -> dict[str, Any]:
    """A quantiser with the encoders that it time-shares."""
    return {
        "bits": quantiser.rate,
        "lower_bound_bits": quantiser.lower_bound,
        "distortions": quantiser.distortions,
        "proven": quantiser.proven,
        "parts": [
            {
                "weight": weight,
                "D": e.mean_distortion(squared_error),
                "bits": e.output_entropy,
                "codewords": len(e.codebook),
            }
            for weight, e in quantiser.parts
        ],
    }


def quantisers(nb: SimpleNamespace) -> Kept:
    """Of notebook 7: quantisers beside their bounds, prices, cooling and the explorer's still."""
    keys = ["ecsq", "ecvq", "lloyd_max_time_shared", "uniform_time_shared"]
    results = {
        "trimodal": {
            "D": nb.D,
            "lower_bound_bits": nb.bound,
            "limit": {"bits": nb.at_limit.rate, "gap_bits": nb.at_limit.gap, "price": nb.at_limit.prices["global"]},
            **{key: quantised(quantiser) for key, quantiser in zip(keys, nb.rivals.values())},
            "report": {"I_bits": nb.report.rate, "H_Y_bits": nb.report.output_entropy, "lower_bound_bits": nb.bound},
            "plane": points(nb.schemes),
        },
        "spike": {"plane": points(nb.schemes_spike)},
        "core": {
            "D_core": nb.D_core,
            "plane": points(nb.schemes_core),
            "prices": {
                f"{D:g}": {name: float(np.nan_to_num(price)) for name, price in row.items()}
                for D, row in nb.prices.items()
            },
            "at_D": {
                "D": nb.D,
                "ecvq": quantised(nb.priced[nb.D]),
                "lloyd_max_bits": nb.lloyd_core[nb.D],
                "uniform_bits": nb.uniform_core[nb.D],
            },
        },
        "explorer": {"D": nb.D, "D_core": nb.D_core, **nb.solution.summary()},
        "annealing": [
            {
                "tau": step.tau,
                "I_bits": step.rate,
                "H_Y_bits": step.output_entropy,
                "H_Y_given_X_bits": step.conditional_entropy,
                "D": step.distortions["global"],
            }
            for step in nb.path_down
        ],
        "equal_size": {
            str(m): {"lloyd_max": nb.at_m[m], "hull": [(v.distortion, v.rate) for v in vertices]}
            for m, vertices in nb.of_size.items()
        },
    }
    proofs = {"trimodal.lower_bound_bits": nb.at_limit, "core.at_D.ecvq.lower_bound_bits": nb.at_limit_core}
    return results, proofs


def of_density(found: Any) -> dict[str, Any]:
    """A limit of a density."""
    return {
        "rate_bits": found.rate,
        "lower_bound_bits": found.lower_bound,
        "gap_bits": found.gap,
        "codewords": len(found.codebook),
        "prices_bits": found.prices,
        "status": found.status,
    }


def by_letters(sizes: Iterable[int], moved: Iterable[float]) -> list[dict[str, Any]]:
    """What so many letters move, a row a number of letters."""
    return [{"letters": n, "bits": bits} for n, bits in zip(sizes, moved)]


def sources(nb: SimpleNamespace) -> Kept:
    """Of notebook 10: limits of densities, what letters and samples change."""
    results = {
        "samples": {
            "truth_bits": nb.truth,
            "misses": nb.misses,
            "repetitions": nb.repetitions,
            "by_N": [{"N": e.samples, "lower_bound_bits": e.lower_bound, "plug_in_bits": e.rate} for e in nb.told],
        },
        "banana": [
            {"D": D, "shannon_bits": nb.shannon_banana[D], "lower_bound_bits": e.lower_bound, "plug_in_bits": e.rate}
            for D, e in nb.plane.items()
        ],
        "closed_forms": [
            {"law": name, "D": D, "closed_form_bits": bits, **of_density(found)} for name, D, found, bits in nb.known
        ],
        "shannon": {
            name: [
                {"share": share, "shannon_bits": s, **of_density(found)}
                for share, s, found in zip(nb.relative, nb.shannon[name], curve)
            ]
            for name, curve in nb.curves.items()
        },
        "figure_2": {
            "D": nb.D_example,
            "causes": nb.causes,
            "variance": nb.truncated.variance,
            "variance_sampled": nb.sampled.covariance.item(),
            "widest_bits": nb.widest,
            "steps": {
                cause: [{"D": D, "least_bits": low, "most_bits": high} for D, low, high in zip(nb.budgets, *interval)]
                for cause, interval in nb.steps.items()
            },
            "letters": {way: by_letters(nb.letters, bits) for way, bits in nb.moved.items()},
        },
        "densities": {name: of_density(found) for name, found in nb.limits.items()},
        "letters": {way: by_letters(*row) for way, row in nb.bits.items()},
        "hundred_points_bits": nb.hundred,
    }
    proofs = {
        f"closed_forms.{k}.rate_bits": found for k, (name, _, found, _) in enumerate(nb.known) if name == "normal"
    }
    proofs["shannon.exponential.0.rate_bits"] = nb.curves["exponential"][0]
    proofs |= {f"densities.{name}.rate_bits": found for name, found in nb.limits.items()}
    return results, proofs


def ended(names: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """{(case, how): row of results} of what notebooks 3 and 4 ended with, where they were run at these parameters.

    names: globals() of notebook 5; a case is named as its `cases` are.
    """
    nb = SimpleNamespace(**names)
    r3, r4 = map(outputs.load_results, nb.reads)
    made, of3, of4 = parameters.made_for, r3["parameters"], r4["parameters"]
    found: dict[tuple[str, str], dict[str, Any]] = {}
    if made(r3, n_letters=100, D=nb.D) and of3["D_core"] >= nb.D:
        found["trimodal", "centroid"] = r3["refine_1d"]
    if made(r4, n_letters=100, D=nb.D) and of4["D_core"] >= nb.D:
        found["trimodal", f"from {of4['n_codewords']}"] = r4["lloyd_1d"]["convex"]
    if made(r4, n_letters_spike=200, D_spike=nb.D_spike) and of4["D_core_spike"] >= nb.D_spike:
        found["spike", f"{of4['rounds']} rounds"] = r4["lloyd_spike"]["convex"]
        found["spike", "settled"] = r4["lloyd_spike"]["settled"]
    of_disc = made(r3, n_side=40, core_radius_2d=nb.core_radius_2d)
    if of_disc and [of3["D_2d"], of3["D_core_2d"]] in nb.budgets_2d:
        found[f"plane, {of3['D_2d']:g}, core {of3['D_core_2d']:g}", "centroid"] = r3["refine_2d"]
    line = {f"{c} ": f"trimodal, core {c}" for c in nb.budgets_core}
    plane = {f"{D} {c} ": f"plane, {D:g}, core {c:g}" for D, c in nb.budgets_2d}
    tried = (("refine_1d", made(r3, n_letters=100, D=nb.D, core_radius=nb.core_radius), line),)
    for place, same, cases in (*tried, ("refine_2d", of_disc, plane)):
        for key, case in cases.items() if same else ():
            for step in ("centroid", "priced"):
                if key + step in r3[place]["binding"]:
                    found[case, step] = r3[place]["binding"][key + step]
    return found
