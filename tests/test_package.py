"""The package by itself: a light import of the names it lists."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import mfrd

ROOT = Path(__file__).resolve().parent.parent
LISTED = ast.parse((ROOT / "mfrd" / "__init__.pyi").read_text()).body
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def run(code):
    """What `code` prints in a Python of its own, which coverage does not slow down."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=alone, check=True, capture_output=True, text=True).stdout


def test_import_loads_nothing_slow_and_first_use_no_solver_and_no_report():
    use = "mfrd.solve, mfrd.refine, mfrd.limit, mfrd.Codec"
    loaded = run(f"import sys, mfrd; print(*sys.modules); {use}; print(*sys.modules)")
    at_import, at_use = ({name.partition(".")[0] for name in line.split()} for line in loaded.splitlines())
    report = {Requirement(line).name.replace("-", "_") for line in PROJECT["optional-dependencies"]["report"]}
    slow = report | {"cvxpy", "clarabel", "joblib", "IPython", "jupyter_client"}
    assert at_import & (slow | {"numpy", "scipy"}) == set()
    assert at_use & slow == set() and "numpy" in at_use


def test_import_and_a_first_solution_take_at_most_six_tenths_of_a_second_without_cvxpy():
    # seconds of this process alone, since other tests run beside it
    first = (
        "import sys, time; start = time.process_time(); import mfrd; imported = time.process_time() - start;"
        "source = mfrd.bumps(mfrd.grid(-3, 3, 50), [1], [0], [1]);"
        "solution = mfrd.solve(mfrd.Problem(source, mfrd.grid(-3, 3, 8), [mfrd.Fidelity(0.6)]), 'newton');"
        "print(imported, time.process_time() - start, solution.gap, 'cvxpy' in sys.modules)"
    )
    runs = [run(first).split() for _ in range(3)]
    assert {line[3] for line in runs} == {"False"} and all(float(line[2]) < 1e-9 for line in runs)
    assert min(float(line[0]) for line in runs) < 0.1
    assert min(float(line[1]) for line in runs) <= 0.6


def test_public_names_are_those_listed_and_each_is_where_the_list_says():
    exported = next(ast.literal_eval(s.value) for s in LISTED if isinstance(s, ast.Assign))
    homes = {alias.name: s.module for s in LISTED if isinstance(s, ast.ImportFrom) for alias in s.names}
    assert sorted(mfrd.__all__) == sorted(exported) == sorted(homes) == dir(mfrd)
    for name, home in homes.items():
        assert getattr(mfrd, name).__module__ == f"mfrd.{home}"


def test_an_unknown_name_is_an_error():
    with pytest.raises(AttributeError, match="nothing"):
        _ = mfrd.nothing
