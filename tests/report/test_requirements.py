"""Parameters whose problems make no sense are refused by name, before anything is computed."""

import jupytext
import pytest
from papermill.translators import PythonTranslator

from mfrd.report import outputs, parameters, requirements
from mfrd.report.outputs import ReportError

NOTEBOOKS = {path.stem: path for path in sorted((outputs.root() / "notebooks").glob("*.py"))}

REFUSED = [
    (
        "01_validation",
        {"D_mid": 0.01},
        r"D_mid is 0.01; expected at least 0.0599[0-9]*, the least that the codebook reach",
    ),
    ("01_validation", {"D_mid": 3.0}, "D_mid is 3.0; expected less than 3, where D_range ends: lower it, or raise"),
    (
        "01_validation",
        {"D_range": [0.01, 0.05]},
        "D_range is .*; expected at least 0.0599[0-9]* for global = 0.05, the",
    ),
    (
        "01_validation",
        {"D_range": [2.0, 1.0]},
        r"D_range is \[2.0, 1.0\]; expected \[low, high\] with 0 < low < high: ex",
    ),
    ("01_validation", {"codebook_sizes": []}, "codebook_sizes is .*; expected at least one number: put one into"),
    ("01_validation", {"nearness": [0.5, 1.0]}, "nearness is .*; expected shares above 0 and below 1"),
    ("01_validation", {"solver": "simplex"}, "solver is 'simplex'; expected one of auto, mosek, clarabel, newton"),
    ("01_validation", {"seed": -1}, "seed is -1; expected a whole number of at least 0"),
    ("02_duals", {"core_radius": 0.05}, "core_radius is 0.05; expected more than 0.0612245, where the letter nearest"),
    (
        "02_duals",
        {"D_core": 0.001},
        "D_core is 0.001; expected at least 0.0131882, the least .*: raise it, n_codewords, or",
    ),
    (
        "02_duals",
        {"step": 0.2},
        "step is 0.2; expected at least 0.0131882 for core = 0.012, .*: lower it, or raise D_core",
    ),
    ("00_start_here", {"file": "none.csv"}, "file is 'none.csv'; expected a file that is there, its path as seen from"),
    ("00_start_here", {"bins": 1}, "bins is 1; expected None or a whole number of at least 2: raise it"),
    (
        "00_start_here",
        {"bins": 3},
        "share is 0.2; expected more than 0.318[0-9]*, which the bins alone take: raise it or",
    ),
    (
        "00_start_here",
        {"file": "../LICENSE"},
        "file is '../LICENSE'; expected samples that can be read: LICENSE ends in",
    ),
    (
        "00_start_here",
        {"file": "../mfrd/coding/pictures.npz", "columns": "mV"},
        "columns is 'mV'; expected samples that can be read: pictures.npz has no column 'mV'; expected one of: squash",
    ),
    ("00_start_here", {"solver": "clarabel"}, "solver is 'clarabel'; expected a solver that certifies every codebook"),
    ("00_start_here", {"quantile": 1.0}, "quantile is 1.0; expected a share above 0 and below 1"),
    *(
        (
            name,
            {"solver_beyond": "clarabel"},
            "solver_beyond is 'clarabel'; expected a solver that certifies every codeb",
        )
        for name in ("03_refinement", "04_lloyd_max")
    ),
    ("06_solvers", {"solver": "newton"}, "solver is 'newton'; expected a conic solver, since Newton's method is what"),
    ("07_quantisers", {"D": 12.0}, "D is 12.0; expected less than 11.1375, the variance, at which no bits are needed"),
    ("07_quantisers", {"D": 0.01}, "D is 0.01; expected at least 0.034[0-9]*, what the finest uniform cells"),
    (
        "07_quantisers",
        {"D_plane_core": [0.01]},
        r"D_plane_core is \[0.01\]; expected at least 0.03[0-9]*, what the fin",
    ),
    ("07_quantisers", {"lloyd_sizes": [101]}, r"lloyd_sizes is \[101\]; expected sizes of at most 100, the letters"),
    ("08_streams", {"states": 12}, "states is 12; expected a power of two from 4 to 4096: 8 for speed, 256 as a rule"),
    ("08_streams", {"D_idle": 25.0}, "D_idle is 25.0; expected at least 25.6119, the variance of the spike's source"),
    ("08_streams", {"n_samples": 50}, r"lengths is \[.*\]; expected one of at most n_samples, 50: lower one, or raise"),
    ("12_finite_blocks", {"D_coin": 0.5}, "D_coin is 0.5; expected less than 0.5, at which a fair coin needs no bits"),
    ("12_finite_blocks", {"lengths": [20_000]}, r"lengths is \[20000\]; expected one of at most 10000, the most that"),
    ("12_finite_blocks", {"margins": [1.0]}, r"margins is \[1.0\]; expected shares of D from 0 and below 1"),
    ("09_mixed_fidelity_data", {"side_ecg": 7}, "side_ecg is 7; expected a number that divides 108000, .*: take 6"),
    ("09_mixed_fidelity_data", {"side_ecg": 3000}, "side_ecg is 3000; expected some block outside every complex"),
    ("09_mixed_fidelity_data", {"before": 0, "after": 0}, "after is 0; expected complexes of at least one sample"),
    ("09_mixed_fidelity_data", {"rms_in": 0.03}, "rms_in is 0.03; expected less than rms_out, 0.03"),
    ("09_mixed_fidelity_data", {"rms_out": 1.0}, "rms_out is 1.0; expected from 0.001443, .* less than 0.5"),
    ("09_mixed_fidelity_data", {"face": [0, 512, 0, 512]}, r"face is .*; expected a block of 8 x 8 pixels outside"),
    ("09_mixed_fidelity_data", {"face": [9, 9, 0, 5]}, "face is .*; expected 0 <= top < bottom <= 512"),
    (
        "09_mixed_fidelity_data",
        {"psnr_out": 3.0},
        "psnr_out is 3.0; expected more than 4.66, at which the rate is zero",
    ),
    ("09_mixed_fidelity_data", {"shown_to": 400.0}, "shown_to is 400.0; expected more than shown_from and at most 300"),
]


@pytest.mark.parametrize("notebook, given, said", REFUSED)
def test_what_makes_no_sense_is_refused_by_name(notebook, given, said):
    known = parameters.defaults(NOTEBOOKS[notebook])
    with pytest.raises(ReportError, match=f"{notebook}: parameter {said}"):
        requirements.check(notebook, {**known, **given})


@pytest.mark.parametrize("notebook", requirements.REQUIREMENTS)
def test_the_published_parameters_make_sense(notebook):
    requirements.check(notebook, parameters.defaults(NOTEBOOKS[notebook]))


def test_no_parameter_has_the_name_of_a_question():
    """Given.name would be the method that asks, not the value."""
    names = {name for path in NOTEBOOKS.values() for name in parameters.defaults(path)}
    assert names & set(dir(requirements.Given)) == set()


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_papermill_lists_every_parameter_with_its_type_and_its_help(notebook):
    cells = jupytext.read(NOTEBOOKS[notebook], fmt="py:percent").cells
    (cell,) = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    found = PythonTranslator.inspect(cell)
    assert [p.name for p in found] == list(parameters.defaults(NOTEBOOKS[notebook]))
    assert [p.name for p in found if not p.help or p.inferred_type_name == "None"] == []
