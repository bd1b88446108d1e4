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


@pytest.mark.parametrize("notebook", requirements.REQUIREMENTS)
def test_papermill_lists_every_parameter_with_its_type_and_its_help(notebook):
    cells = jupytext.read(NOTEBOOKS[notebook], fmt="py:percent").cells
    (cell,) = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    found = PythonTranslator.inspect(cell)
    assert [p.name for p in found] == list(parameters.defaults(NOTEBOOKS[notebook]))
    assert [p.name for p in found if not p.help or p.inferred_type_name == "None"] == []
