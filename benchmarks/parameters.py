"""Every notebook at other parameters: two values of each, one at a time, and ten random combinations, seeded.

    python benchmarks/parameters.py [NN ...]     these notebooks, or all; writes results/parameters.json

A run executes the code cells one after the other, without a kernel, and ends in one of three ways: well; refused, by
the cell after the parameters and in the name of one; or it died, which no run may. Sweeps take the Newton backend where
the solver is not what is varied. A notebook's widget is left out, and a warning is an error. Answers of pure functions
are kept from run to run: where one parameter is varied, most of a notebook is asked again as it was.
"""

import contextlib
import dataclasses
import functools
import hashlib
import importlib
import io
import json
import os
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

import jupytext
import matplotlib
import numpy as np

import mfrd
from mfrd.report.outputs import ReportError, root, write_atomic
from mfrd.report.parameters import defaults

COMBINATIONS, SEED = 10, 0
FILE = root() / "runs" / "parameters.csv"  # samples that 00_start_here is given besides its own
ANSWERS: list[dict] = []  # that each of the following functions has given
PURE = {
    "mfrd": "solve rd_curve refine lloyd_max limit limit_curve ecsq ecsq_hull ecvq trellis measure mixture anneal "
    "finite_blocklength uniform_quantiser blahut_arimoto shannon_bound estimate compress decompress",
    "mfrd.bounds.proof": "prove",
    "mfrd.coding.transform": "tune encode",
    "mfrd.coding.water_filling": "parallel_bound",
    "sleepecg": "detect_heartbeats",
}
BASE = {  # in place of the published values, where they are not what is varied: quick sweeps
    "00_start_here": {"solver": "newton", "bins": 300},
    "01_validation": {"solver": "newton"},
    "02_duals": {"solver": "newton"},
    "03_refinement": {
        "solver": "newton",
        "solver_beyond": "newton",
        "seeds": 2,
        "rounds": 1,
        "n_codewords": 48,
        "rounds_spike": 5,
        "n_side": 20,
    },
    "05_limit": {"solver": "newton", "n_bifurcation": 4, "D_gaussian": [0.8, 0.3], "n_plane": 3},
    "10_sources": {"n_shares": 3, "n_budgets": 5, "letters_trimodal": [48, 96], "repetitions": 3, "n_banana": 300},
    "04_lloyd_max": {
        "solver": "newton",
        "solver_beyond": "newton",
        "n_letters_spike": 101,
        "rounds_converged": 300,
        "D_plane": [0.3, 1.0, 4.0],
    },
    "07_quantisers": {
        "restarts": 0,
        "D_plane": [0.3, 1.0, 4.0],
        "D_plane_spike": [1.6, 9.0],
        "D_plane_core": [1.0],
        "lloyd_sizes": [2, 5],
        "steps": [1.6, 4.0],
        "steps_spike": [4.2],
    },
    "08_streams": {"restarts": 0, "n_samples": 20_000, "states": 4, "D_plane": [0.3, 1.0], "D_plane_core": [0.6]},
    "12_finite_blocks": {"n_blocks": 30, "lengths": [10, 100, 1000], "lengths_codec": [100, 1000]},
}
SMALL = {  # besides, where that parameter is varied: a conic solver takes seconds a round
    "00_start_here": {"solver": {"bins": 50}},
    "03_refinement": {
        "solver_beyond": {
            "n_letters": 50,
            "n_codewords": 20,
            "seeds": 1,
            "n_side": 10,
            "n_side_codebook": 5,
            "binding_1d": [0.1],
            "binding_2d": [[8.0, 0.3]],
        }
    },
    "04_lloyd_max": {
        "solver_beyond": {
            "n_letters": 30,
            "n_letters_spike": 41,
            "n_codewords_spike": 10,
            "rounds_converged": 20,
            "etas": [0.25],
            "D_plane": [1.0],
        }
    },
}
# two other values of each parameter: half, double, coarse, tight, slack, empty, one too many
OTHER = {
    "00_start_here": {
        "file": ["no_such_file.csv", f"../runs/{FILE.name}"],
        "columns": [0, "mV"],
        "bins": [50, 1],
        "unit": ["V", "arbitrary"],
        "share": [0.05, 1.5],
        "share_above": [0.002, 0.3],
        "quantile": [0.5, 0.99],
        "solver": ["auto", "clarabel"],
    },
    "01_validation": {
        "solver": ["newton", "clarabel"],
        "n_letters": [25, 100],
        "n_codewords": [5, 16],
        "D_range": [[0.05, 0.4], [0.5, 2.0]],
        "n_budgets": [5, 40],
        "D_example": [0.1, 1.2],
        "D_mid": [0.15, 0.9],
        "n_side": [12, 40],
        "n_side_codebook": [3, 5],
        "D_range_2d": [[0.3, 1.0], [1.0, 8.0]],
        "n_budgets_2d": [3, 20],
        "n_side_odd": [5, 9],
        "budgets_odd": [[1.0], [0.4, 0.8, 3.0]],
        "n_letters_trimodal": [60, 300],
        "n_codewords_trimodal": [8, 24],
        "n_budgets_trimodal": [6, 21],
        "codebook_sizes": [[4], [6, 8, 10, 12, 16, 32]],
        "seed": [1, 7],
        "n_pairs": [1, 100],
        "nearness": [[0.5], [1e-2, 1e-8]],
    },
    "02_duals": {
        "solver": ["newton", "clarabel"],
        "n_letters": [25, 51],
        "n_codewords": [9, 16],
        "D_range": [[0.3, 1.0], [0.2, 3.0]],
        "n_budgets": [7, 100],
        "core_radius": [0.2, 1.0],
        "D_core": [0.02, 0.05],
        "D_example": [0.4, 1.6],
        "step": [1e-2, 1e-4],
        "D_core_range": [[0.001, 0.01], [0.001, 0.1]],
        "n_core_budgets": [5, 30],
    },
    "03_refinement": {
        "solver": ["newton", "clarabel"],
        "solver_beyond": ["auto", "clarabel"],
        "seed": [1, 5],
        "seeds": [1, 12],
        "n_letters": [50, 150],
        "n_codewords": [24, 96],
        "D": [0.3, 2.0],
        "D_core": [0.05, 1.0],
        "core_radius": [0.5, 2.0],
        "n_letters_spike": [101, 300],
        "n_codewords_spike": [16, 48],
        "D_spike": [1.6, 12.0],
        "D_core_spike": [0.0001, 1.0],
        "core_radius_spike": [0.01, 0.5],
        "n_side": [20, 30],
        "n_side_codebook": [5, 7],
        "D_2d": [4.0, 20.0],
        "D_core_2d": [0.1, 3.0],
        "core_radius_2d": [1.0, 3.0],
        "merge_mass": [0.0, 1e-2],
        "merge_distance": [0.0, 0.1],
        "rounds": [3, 50],
        "rounds_spike": [1, 30],
        "rounds_2d": [5, 40],
        "binding_1d": [[0.05], [0.1, 0.05, 0.03, 0.02]],
        "binding_2d": [[[8.0, 0.15]], [[8.0, 0.3], [6.0, 0.2], [4.0, 0.1]]],
    },
    "04_lloyd_max": {
        "solver": ["newton", "clarabel"],
        "solver_beyond": ["auto", "clarabel"],
        "seed": [0, 3],
        "n_letters": [50, 200],
        "n_codewords": [8, 32],
        "D": [0.3, 2.0],
        "D_core": [0.05, 1.0],
        "core_radius": [0.5, 2.0],
        "n_letters_spike": [101, 300],
        "n_codewords_spike": [12, 48],
        "D_spike": [0.8, 40.0],
        "D_core_spike": [0.001, 4.0],
        "merge_mass": [0.0, 1e-2],
        "merge_distance": [0.0, 0.1],
        "rounds": [5, 50],
        "rounds_lloyd": [3, 300],
        "rounds_converged": [100, 2000],
        "etas": [[0.4], [0.3, 0.2, 0.05]],
        "D_plane": [[1.0], [0.05, 0.1, 20.0]],
        "lloyd_sizes": [[1], [3, 5, 10]],
        "n_starts": [1, 50],
    },
    "05_limit": {
        "solver": ["auto", "newton"],
        "tolerance": [1e-5, 1e-7],
        "D_gaussian": [[0.5], [1.2, 0.6, 0.05]],
        "D_bifurcation": [[0.5, 2.0], [1.0, 30.0]],
        "n_bifurcation": [2, 20],
        "D": [0.3, 2.0],
        "budgets_core": [[0.05], [0.1, 0.03]],
        "core_radius": [0.5, 2.0],
        "D_spike": [0.8, 40.0],
        "budgets_2d": [[[8.0, 1.0]], [[6.0, 0.2], [8.0, 0.15]]],
        "core_radius_2d": [1.0, 3.0],
        "D_plane": [[4.0, 1.0], [2.0, 20.0]],
        "n_plane": [2, 8],
        "tolerance_plane": [1e-4, 1e-6],
    },
    "06_solvers": {
        "solver": ["newton", "clarabel"],
        "tolerance_blahut": [1e-5, 1e-8],
        "n_random": [1, 80],
        "seed": [1, 2],
    },
    "07_quantisers": {
        "seed": [1, 2],
        "restarts": [1, 4],
        "n_letters": [50, 150],
        "n_codewords": [24, 96],
        "D": [0.3, 1.2],
        "D_core": [0.02, 0.6],
        "core_radius": [0.5, 2.0],
        "n_letters_spike": [101, 300],
        "D_plane": [[0.5], [0.2, 2.0, 30.0]],
        "D_plane_spike": [[1.0], [4.0, 40.0]],
        "D_plane_core": [[0.4], [0.3, 2.0, 30.0]],
        "lloyd_sizes": [[3], [1, 4, 12]],
        "steps": [[1.0], [0.8, 3.0, 20.0]],
        "steps_spike": [[2.5], [1.0, 5.0, 30.0]],
    },
    "08_streams": {
        "seed": [1, 2],
        "restarts": [1, 4],
        "n_samples": [1000, 200_000],
        "n_letters": [50, 150],
        "D": [0.3, 1.2],
        "D_core": [0.02, 0.6],
        "core_radius": [0.5, 2.0],
        "states": [4, 16],
        "D_plane": [[0.5], [0.2, 2.0]],
        "D_plane_core": [[0.4], [0.3, 2.0]],
        "lengths": [[10_000], [50, 500_000]],
        "D_idle": [26.0, 10.0],
    },
    "12_finite_blocks": {
        "excess": [0.02, 0.3],
        "excess_coin": [0.001, 0.1],
        "n_letters": [50, 200],
        "D": [0.3, 1.2],
        "D_coin": [0.05, 0.25],
        "lengths": [[100], [1, 20, 20_000]],
        "lengths_codec": [[50], [10, 200]],
        "margins": [[0.0], [0.05, 0.3, 0.5]],
        "n_blocks": [1, 100],
        "seed": [1, 2],
    },
    "09_mixed_fidelity_data": {
        "side_ecg": [16, 50],
        "before": [0, 36],
        "after": [10, 50],
        "rms_in": [0.005, 0.029],
        "rms_out": [0.015, 0.06],
        "side": [4, 16],
        "face": [[0, 128, 0, 128], [0, 512, 0, 512]],
        "psnr_in": [35.0, 29.0],
        "psnr_out": [25.0, 3.0],
        "fine": [8, 32],
        "shown_from": [6.0, 20.0],
        "shown_to": [13.0, 200.0],
    },
    "10_sources": {
        "tolerance": [1e-5, 1e-7],
        "D_normal": [[1.5], [0.7, 0.003]],
        "D_laplace": [[1.0], [0.3, 0.03]],
        "shares": [[0.1, 0.99], [0.9, 0.1]],
        "n_shares": [2, 6],
        "tolerance_sweep": [1e-4, 1e-6],
        "n_letters": [10, 200],
        "sigmas": [1.0, 5.0],
        "n_codewords": [2, 15],
        "D_range": [[0.3, 0.9], [0.02, 1.0]],
        "n_budgets": [2, 100],
        "D_example": [0.05, 1.0],
        "letters": [[30], [5, 50, 500]],
        "D": [0.1, 12.0],
        "D_core": [0.005, 0.5],
        "core_radius": [0.4, 3.0],
        "letters_trimodal": [[16], [50, 100, 333]],
        "pairs": [[[0.5, 0.1]], [[0.2, 0.001], [0.3, 0.3]]],
        "middle": [0.1, 2.0],
        "D_samples": [0.1, 1.5],
        "estimate_from": [100, 3000],
        "repetitions": [5, 100],
        "correlation": [0.0, 0.99],
        "n_banana": [200, 2000],
        "D_banana": [[1.0], [20.0, 0.3]],
        "seed": [0, 1],
    },
    "11_exercises": {
        "share": [0.1, 0.5],
        "D_binary": [0.01, 0.25],
        "cost": [0.5, 20.0],
        "n_letters": [40, 160],
        "n_codewords": [13, 40],
        "D": [0.1, 3.0],
        "D_core": [0.005, 0.1],
        "D_tail": [0.003, 0.5],
        "core_radius": [0.2, 2.0],
        "tail_from": [0.0, 4.0],
    },
}


def key_of(value: Any) -> Any:
    """What equals that of another value only where the two are equal; TypeError where that is not known."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return type(value).__name__, repr(value)
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype != object:
        return "array", value.dtype.str, value.shape, hashlib.sha256(value.tobytes()).digest()
    if isinstance(value, (list, tuple)):
        return type(value).__name__, *map(key_of, value)
    if isinstance(value, dict):
        return "dict", *((key_of(k), key_of(v)) for k, v in value.items())
    if isinstance(value, mfrd.Encoder):
        return "Encoder", *map(key_of, (value.source, value.codebook, value.Q, value.fidelities))
    if type(value).__name__ == "arb":  # of a density
        return "arb", str(value.mid().man_exp()), str(value.rad().man_exp())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, *(key_of(getattr(value, f.name)) for f in dataclasses.fields(value))
    if callable(value) and getattr(value, "__module__", "").startswith("mfrd.") and "<" not in value.__qualname__:
        return value.__module__, value.__qualname__
    raise TypeError(type(value).__name__)


def kept(function: Callable) -> Callable:
    """The function, which remembers its answers until ANSWERS are cleared."""
    answers: dict[bytes, Any] = {}
    ANSWERS.append(answers)

    @functools.wraps(function)
    def again(*args: Any, **options: Any) -> Any:
        try:
            key = hashlib.sha256(repr((key_of(args), key_of(options))).encode()).digest()
        except TypeError:
            return function(*args, **options)
        if key not in answers:
            answers[key] = function(*args, **options)
        return answers[key]

    return again


def write_samples() -> None:
    """Write FILE: 3,000 seeded samples of a skewed law, in one column with a header."""
    x = np.random.default_rng(SEED).gamma(2.0, size=3000)
    write_atomic(FILE, ("mV\n" + "".join(f"{value:.3f}\n" for value in x)).encode())


def keep_answers() -> None:
    """Let the pure functions that notebooks call remember their answers."""
    for module, names in PURE.items():
        home = importlib.import_module(module)
        for name in names.split():
            setattr(home, name, kept(getattr(home, name)))


def settings(notebook: str, known: dict, refused: list[dict]) -> Iterator[dict]:
    """What each run of a notebook sets, {name: value}; known: its published parameters.

    A value that was refused where it alone was varied, in `refused` when combinations are drawn, is in none of them.
    """
    other = OTHER[notebook]
    base, small = BASE.get(notebook, {}), SMALL.get(notebook, {})
    for name, values in other.items():
        yield from ({**base, **small.get(name, {}), name: value} for value in values)
    draw = random.Random(SEED)
    for _ in range(COMBINATIONS):
        free = {name: [known[name], *values] for name, values in other.items() if name not in base}
        sensible = {name: [v for v in values if {**base, name: v} not in refused] for name, values in free.items()}
        yield {**base, **{name: draw.choice(values) for name, values in sensible.items()}}


def run(path: Path, given: dict, folder: str) -> dict:
    """One run of the notebook `path`: {outcome, said, seconds, printed}."""
    import matplotlib.pyplot as plt

    code = [cell for cell in jupytext.read(path, fmt="py:percent").cells if cell.cell_type == "code"]
    code = [cell for cell in code if "nbval-skip" not in cell.metadata.get("tags", [])]
    own = [index for index, cell in enumerate(code) if "parameters" in cell.metadata.get("tags", [])][0]
    namespace, printed, start, index = {"__name__": "__main__"}, io.StringIO(), time.process_time(), 0
    os.environ["MFRD_OUTPUT"] = folder
    outcome, said = "ended well", ""
    try:
        with contextlib.redirect_stdout(printed), contextlib.chdir(path.parent), warnings.catch_warnings():
            warnings.simplefilter("error")
            for index, cell in enumerate(code):
                exec(compile(cell.source, f"cell {index}", "exec"), namespace)
                namespace.update(given if index == own else {})
    except Exception as error:
        asks = next(k for k in range(own + 1, len(code)) if "reads" not in code[k].metadata.get("tags", []))
        refused = isinstance(error, ReportError) and index == asks and "parameter " in str(error)
        outcome, said = "refused" if refused else "died", f"{type(error).__name__}: {error}"
        if not refused:
            at = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith("cell ")][-1:]
            said += "".join(f" (line {f.lineno} of {f.filename})" for f in at)
    finally:
        plt.close("all")
    return dict(outcome=outcome, said=said, seconds=time.process_time() - start, printed=printed.getvalue())


def main(wanted: list[str]) -> int:
    """Run the notebooks whose names begin with one of `wanted`; 1 where a run died."""
    matplotlib.use("Agg")
    keep_answers()
    write_samples()
    record, died = root() / "results" / "parameters.json", False
    print(f"{'':24s} {'runs':>5s} {'ended well':>10s} {'refused':>8s} {'died':>5s} {'CPU s':>7s}")
    for path in sorted((root() / "notebooks").glob("*.py")):
        if path.stem not in OTHER or not any(path.stem.startswith(name) for name in wanted or [""]):
            continue
        known, runs, refused = defaults(path), [], []
        for answers in ANSWERS:
            answers.clear()
        assert OTHER[path.stem].keys() == known.keys(), set(OTHER[path.stem]) ^ set(known)
        with tempfile.TemporaryDirectory() as folder:
            for given in settings(path.stem, known, refused):
                runs.append({"given": given, **run(path, given, folder)})
                if runs[-1]["outcome"] == "refused":
                    refused.append(given)
                if runs[-1]["outcome"] == "died":
                    print(f"  died with {given}: {runs[-1]['said']}", flush=True)
        count = {word: sum(r["outcome"] == word for r in runs) for word in ("ended well", "refused", "died")}
        seconds = sum(r["seconds"] for r in runs)
        told = " ".join(f"{count[word]:>{width}d}" for word, width in (("ended well", 10), ("refused", 8), ("died", 5)))
        print(f"{path.stem:24s} {len(runs):5d} {told} {seconds:7.0f}", flush=True)
        kept = [{"given": r["given"], "said": r["said"]} for r in runs if r["outcome"] != "ended well"]
        table = json.loads(record.read_text()) if record.is_file() else {}  # with what others have written by now
        table[path.stem] = {"runs": len(runs), **count, "not_ended_well": kept}
        write_atomic(record, (json.dumps(table, indent=1, ensure_ascii=False) + "\n").encode())
        died = died or count["died"] > 0
    return int(died)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
