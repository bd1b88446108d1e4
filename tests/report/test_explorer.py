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


def test_the_explorer_has_defaults_for_any_source_on_a_line():
    laplace = np.random.default_rng(0).laplace(scale=1e3, size=500)
    for source in (mfrd.Source.from_samples(laplace, 60), mfrd.Source([-1e-4, 3e-4], [0.9, 0.1])):
        explorer = Explorer(source)
        for (low, high), least in zip(explorer.ranges.values(), explorer.problem.row_least):
            assert 0 < low < high and low >= least
        D, D_core = ((low * high) ** 0.5 for low, high in explorer.ranges.values())
        assert explorer.update(D, D_core) is not None and np.asarray(Image.open(io.BytesIO(explorer.png))).std() > 1
    assert len(explorer.panel.figure.axes[3].lines) == 2  # the default curve and the point


def test_a_slider_begins_where_the_picture_is():
    explorer = Explorer(trimodal_source(), mfrd.grid(-8, 8, 32), curves=[])
    row, _ = explorer.widget(5.0, 0.05, D_range=(0.1, 4.0)).children
    assert [slider.value for slider in row.children] == pytest.approx([5.0, 0.05])
    assert explorer.solution.problem.fidelity("global").D == 5.0


def test_a_source_in_the_plane_is_refused():
    plane = mfrd.bumps(mfrd.grid(-1, 1, 3, 2), [1], [[0, 0]], [1])
    with pytest.raises(ValueError, match="dimension 2; expected 1, what the explorer can draw: in the plane use"):
        Explorer(plane)
