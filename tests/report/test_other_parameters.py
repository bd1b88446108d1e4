"""Notebooks at other parameters, a sample of `make parameters`: runs end well, and no label names what is not theirs.

A run here changes every parameter that its labels name, so that a published value in a title, a legend, a key of the
results or a row of a table is one that somebody typed.
"""

import importlib.util
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.text import Text

import mfrd
from mfrd.report import outputs, parameters
from mfrd.report.requirements import flat

ROOT = Path(__file__).parents[2]
NUMBER = re.compile(r"(?<![\w.])(?<!e[-+])\d+(?:\.\d+)?(?:e[-+]?\d+)?(?!\.?\w)")
COUNTED = re.compile(r"(?:= *(\d+)\b(?!\.)|(?<![\w.])(\d+)(?=[ -](?:rounds|letters|states|draws|random|samples)\b))")
CONSTANTS = {"0", "0.0", "0.5"}  # the step that is a centroid's
SAMPLE = {
    "00_start_here": {
        "bins": 40, "unit": "V", "share": 0.3, "share_above": 0.05, "quantile": 0.8,
    },
    "01_validation": {
        "solver": "newton", "n_letters": 26, "n_codewords": 7, "D_range": [0.45, 2.1], "n_budgets": 5,
        "D_example": 0.65, "D_mid": 0.95, "n_side": 9, "n_side_codebook": 3, "D_range_2d": [1.1, 4.4],
        "n_budgets_2d": 3, "n_side_odd": 5, "budgets_odd": [1.3], "n_letters_trimodal": 61,
        "n_codewords_trimodal": 13, "n_budgets_trimodal": 6, "codebook_sizes": [6, 9, 10, 11, 14, 33],
        "seed": 1, "n_pairs": 2, "nearness": [0.45],
    },
    "02_duals": {
        "solver": "newton", "n_letters": 51, "n_codewords": 9, "D_range": [0.35, 3.1], "n_budgets": 13,
        "core_radius": 0.3, "D_core": 0.08, "D_example": 0.45, "step": 0.002, "D_core_range": [0.07, 0.12],
        "n_core_budgets": 5,
    },
    "03_refinement": {
        "solver": "newton", "seed": 1, "seeds": 2, "n_letters": 60, "n_codewords": 33, "D": 0.7, "D_core": 0.65,
        "core_radius": 1.1, "n_codewords_spike": 21, "D_spike": 12.5, "D_core_spike": 0.25,
        "core_radius_spike": 0.1, "n_side": 14, "n_side_codebook": 5, "D_2d": 9.0, "D_core_2d": 1.25,
        "core_radius_2d": 2.5, "rounds": 3, "rounds_spike": 2, "rounds_2d": 4, "binding_1d": [0.07],
        "binding_2d": [[9.5, 0.35]],
    },
    "04_lloyd_max": {
        "solver": "newton", "seed": 3, "n_letters": 61, "n_codewords": 24, "D": 0.7, "D_core": 0.75, "core_radius": 1.1,
        "n_letters_spike": 61, "n_codewords_spike": 21, "D_spike": 1.8, "D_core_spike": 1.9, "rounds": 7,
        "rounds_lloyd": 33, "rounds_converged": 60, "etas": [0.35], "D_plane": [0.45, 2.2], "lloyd_sizes": [3, 6, 10],
        "n_starts": 5,
    },
    "05_limit": {
        "solver": "newton", "tolerance": 2e-5, "D_gaussian": [0.75], "D_bifurcation": [1.5, 9.0], "n_bifurcation": 3,
        "D": 0.7, "budgets_core": [0.07], "core_radius": 1.1, "D_spike": 1.8, "budgets_2d": [[9.0, 1.25]],
        "core_radius_2d": 2.5, "D_plane": [9.0, 6.0], "n_plane": 2, "tolerance_plane": 1e-4,
    },
    "06_solvers": {"solver": "auto", "tolerance_blahut": 1e-5, "n_random": 3, "seed": 1},
    "07_quantisers": {
        "seed": 1, "restarts": 0, "n_letters": 60, "n_codewords": 33, "D": 0.7, "D_core": 0.07, "core_radius": 1.1,
        "n_letters_spike": 80, "D_plane": [0.75, 2.2], "D_plane_spike": [1.7, 45.0], "D_plane_core": [0.9],
        "lloyd_sizes": [3, 9], "steps": [1.7], "steps_spike": [4.4],
    },
    "08_streams": {  # D, D_core, states and some of the budgets are also those of the benchmark that it shows
        "seed": 1, "restarts": 0, "n_samples": 2500, "n_letters": 48, "core_radius": 1.1, "D_plane": [0.45, 1.0],
        "D_plane_core": [0.3], "lengths": [150], "D_idle": 33.5,
    },
    "10_sources": {
        "tolerance": 1e-5, "D_normal": [0.7], "D_laplace": [0.4], "shares": [0.15, 0.75], "n_shares": 2,
        "tolerance_sweep": 1e-4, "n_letters": 31, "sigmas": 2.5, "n_codewords": 7, "D_range": [0.2, 0.85],
        "n_budgets": 3, "D_example": 0.45, "letters": [20, 35], "D": 0.7, "D_core": 0.07, "core_radius": 1.1,
        "letters_trimodal": [32, 60], "pairs": [[0.35, 0.03]], "middle": 0.4, "D_samples": 0.35,
        "estimate_from": 150, "repetitions": 2, "correlation": 0.7, "n_banana": 150, "D_banana": [3.0], "seed": 1,
    },
    "11_exercises": {
        "share": 0.15, "D_binary": 0.07, "cost": 3.5, "n_letters": 50, "n_codewords": 17, "D": 0.33, "D_core": 0.041,
        "D_tail": 0.023, "core_radius": 0.7, "tail_from": 1.9,
    },
    "12_finite_blocks": {
        "excess": 0.15, "excess_coin": 0.02, "n_letters": 60, "D": 0.7, "D_coin": 0.12, "lengths": [20, 150],
        "lengths_codec": [60], "margins": [0.15], "n_blocks": 20, "seed": 1,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def driver():
    spec = importlib.util.spec_from_file_location("driver", ROOT / "benchmarks" / "parameters.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(driver, tmp_path, monkeypatch):
    """A function that runs a notebook: (outcome, labels of its figures, keys of its results, what it printed)."""

    def run(path, given):
        labels, keys = [], []
        monkeypatch.setattr(outputs, "save_figure", lambda figure, name: labels.extend(labels_of(figure)))
        monkeypatch.setattr(outputs, "save_results", lambda name, results, *proofs: keys.extend(keys_of(results)))
        result = driver.run(path, given, str(tmp_path))
        return f"{result['outcome']} {result['said']}", labels, keys, result["printed"]

    yield run
    plt.close("all")


def labels_of(figure):
    """The texts of a figure; of its ticks those in words."""
    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    ticks = {text for axis in axes for text in axis.findobj(Text) if text is not axis.label}
    texts = [text for text in figure.findobj(Text) if text.get_text()]
    in_words = lambda text: re.search("[a-z]{3}", text.get_text().replace("mathdefault", ""))
    return [text.get_text() for text in texts if text not in ticks or in_words(text)]


def keys_of(results):
    """The keys of results, those of the parameters' record apart."""
    if isinstance(results, dict):
        return [str(key) for key in results] + [
            k for key, value in results.items() if key != "parameters" for k in keys_of(value)
        ]
    return [k for item in results for k in keys_of(item)] if isinstance(results, list) else []


def foreign(notebook, given, labels, keys, printed):
    """(text, number) of labels and printed rows that name a published value which no parameter of the run has.

    In what is printed, whole numbers count where they are said to be a parameter's: "m = 8", "15 rounds".
    """
    known = parameters.defaults(ROOT / "notebooks" / f"{notebook}.py")
    numbers_of = lambda values: (v for v in flat(list(values)) if v is not None and not isinstance(v, str))
    said = lambda values: {f"{v:{form}}" for v in numbers_of(values) for form in ("", "g")}
    theirs = said(known.values()) - said({**known, **given}.values()) - CONSTANTS
    found = [(text, number) for text in labels + keys for number in NUMBER.findall(text) if number in theirs]
    for line in printed.splitlines():
        if not line.startswith(("Not the published parameters", "The sentences below")):
            numbers = [n for n in NUMBER.findall(line) if not n.isdigit()]
            numbers += [n for pair in COUNTED.findall(line) for n in pair]
            found += [(line, number) for number in numbers if number in theirs]
    return found


def test_the_driver_varies_every_parameter_of_every_notebook(driver):
    for path in sorted((ROOT / "notebooks").glob("*.py")):
        known, other = parameters.defaults(path), driver.OTHER[path.stem]
        assert other.keys() == known.keys() and all(len(values) >= 2 for values in other.values()), path.stem
        assert [n for n in other for v in other[n] if parameters.same(v, known[n]) and n != "solver"] == [], path.stem
        runs = list(driver.settings(path.stem, known, []))
        assert len(runs) == 10 + sum(map(len, other.values())), path.stem


def test_combinations_hold_no_value_that_was_refused_alone(driver):
    known = parameters.defaults(ROOT / "notebooks" / "11_exercises.py")
    shares = lambda refused: {given["share"] for given in list(driver.settings("11_exercises", known, refused))[-10:]}
    assert shares([]) == {0.1, known["share"], 0.5} and shares([{"share": 0.1}]) == {known["share"], 0.5}


def test_answers_are_kept_by_value(driver):
    calls = []
    again = driver.kept(lambda *args, **options: calls.append(args) or len(calls))
    source = lambda p: mfrd.Source([0.0, 1.0], [p, 1 - p])
    assert [again(source(0.5), 1), again(source(0.5), 1), again(source(0.25), 1), again(source(0.5), 1.0)] == [
        1,
        1,
        2,
        3,
    ]
    encoder = lambda share: mfrd.Encoder(source(0.5), [0.0, 1.0], [[1.0, 0.0], [share, 1 - share]])
    density = lambda std: mfrd.Density.normal(std=std)
    assert [again(encoder(share)) for share in (0.5, 0.5, 0.25)] == [4, 4, 5]
    assert [again(density(std)) for std in (1.0, 1.0, 1 + 1e-15)] == [6, 6, 7]
    assert again(source(0.5), 1, tol=1e-5) == 8 and again(lambda: 0) != again(lambda: 0)


@pytest.mark.parametrize("notebook", SAMPLE)
def test_a_run_at_other_parameters_ends_well_and_names_no_published_value(notebook, run):
    outcome, *said = run(ROOT / "notebooks" / f"{notebook}.py", SAMPLE[notebook])
    assert outcome == "ended well "
    assert said[0] and said[1] and said[2].startswith("Not the published parameters: ")
    assert foreign(notebook, SAMPLE[notebook], *said) == []


def test_typed_labels_are_caught_in_titles_rows_and_keys(run, tmp_path):
    text = (ROOT / "notebooks" / "12_finite_blocks.py").read_text()
    planted = [("$D = {D}$", "$D = 0.6$"), ("$D = {D_coin}$", "$D = 0.11$")]
    planted += [
        ("R = {limit.rate:.5f} bits", "R = {limit.rate:.5f} bits at D = 0.6"),
        ('"margin": margin,', '"0.2": margin,'),
    ]
    for typed, said in planted:
        assert typed in text
        text = text.replace(typed, said)
    path = tmp_path / "12_finite_blocks.py"
    path.write_text(text)
    outcome, *found = run(path, SAMPLE["12_finite_blocks"])
    caught = [number for _, number in foreign("12_finite_blocks", SAMPLE["12_finite_blocks"], *found)]
    assert outcome == "ended well " and sorted(caught) == ["0.11", "0.2", "0.2", "0.6", "0.6"]


@pytest.mark.parametrize("printed, numbers", [("m = 8: 0.6003", []), ("8 codewords", []), ("seed = 12", ["12"])])
def test_whole_numbers_count_where_they_are_a_parameter_s(printed, numbers):
    assert [n for _, n in foreign("12_finite_blocks", {"seed": 1}, [], [], printed)] == numbers


def test_a_run_that_dies_says_so_and_one_that_is_refused_says_what(run):
    path = ROOT / "notebooks" / "12_finite_blocks.py"
    outcome, *_ = run(path, {"D": 12.0})
    assert outcome.startswith("refused ReportError: 12_finite_blocks: parameter D is 12.0; expected less than 11.1")
    outcome, *_ = run(path, {"lengths": [100], "trimodal": 0, "n_letters": 2.5})
    assert outcome.startswith("refused") and "n_letters is 2.5" in outcome
