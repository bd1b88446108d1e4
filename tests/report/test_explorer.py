"""The explorer: what its sliders show is what solve returns."""

import io
import time

import numpy as np
import pytest
from helpers.cases import trimodal_source
from PIL import Image

import mfrd
from mfrd.report.explorer import Explorer


def test_the_explorer_shows_what_solve_returns(capsys):
    source = trimodal_source()
    inside, codebook = abs(source.points) < 1, mfrd.grid(-8, 8, 64)
    explorer = Explorer(source, codebook, inside, [("curve", [0.2, 4.0], [2.3, 0.7])])
    explorer.update(1.0, 0.2)
    began = time.perf_counter()
    shown = explorer.update(0.6, 0.05)
    with capsys.disabled():
        print(f"\nexplorer: {1000 * (time.perf_counter() - began):.0f} ms an update, redraw included")
    budgets = [mfrd.Fidelity(0.6), mfrd.Fidelity(0.05, on=inside, name="core")]
    solved = mfrd.solve(mfrd.Problem(source, codebook, budgets), solver="newton")
    assert shown.rate == pytest.approx(solved.rate, abs=1e-9) and shown.prices == pytest.approx(solved.prices, rel=1e-5)
    first = explorer.png
    assert np.asarray(Image.open(io.BytesIO(first))).std() > 1
    assert explorer.update(0.6, 1e-6) is None and "core" in str(explorer.failure) and explorer.png != first
