"""Figures draw what they are handed: the numbers on the axes are those given, and each line has its name."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers.cases import four_modes, gaussian_problem
from matplotlib.colors import same_color

import mfrd
from mfrd.report import plot


@pytest.fixture(autouse=True)
def closed():
    plot.use_style()
    yield
    plt.close("all")


@pytest.fixture
def ax():
    return plot.panels(1)[1][0]


@pytest.fixture(scope="module")
def encoder():
    return mfrd.solve(gaussian_problem(), "newton").encoder


@pytest.fixture(scope="module")
def encoder_2d():
    return mfrd.solve(four_modes(8, 0.5), "newton").encoder


def names(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_plane_has_the_schemes_over_the_bound_and_beside_it_what_they_lie_above_it():
    schemes = {"one": [(0.1, 2.0, 1.5), (0.2, 1.0, 0.75)], "two": [(0.1, 1.6, 1.5)], "left out": [(0.1, 9.0, 1.5)]}
    kinds = {"two": ("lloyd", "second"), "one": ("convex", "first", {"linestyle": ":"})}
    figure = plot.plane(schemes, kinds, [(0.1, 1.5), (0.2, 0.75)])
    left, right = figure.axes
    drawn = [line.get_xydata().tolist() for line in left.lines]
    assert drawn == [[[0.1, 1.6]], [[0.1, 2.0], [0.2, 1.0]], [[0.1, 1.5], [0.2, 0.75]]]
    above = [line.get_ydata().tolist() for line in right.lines[:2]]
    assert np.allclose(above[0], [0.1]) and np.allclose(above[1], [0.5, 0.25])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["second", "first", "certified bound"]
    assert left.get_legend() is None and left.lines[1].get_linestyle() == ":"


def test_long_series_have_no_marks(ax):
    long = np.linspace(1, 2, 50)
    plot.lines(ax, [(long, long, "convex", "long"), ([1, 2], [1, 2], "convex", "short")], "x", "y", log="xy")
    assert [line.get_marker() for line in ax.lines] == ["", plot.LOOKS["convex"]["marker"]]
    assert (ax.get_xscale(), ax.get_yscale(), names(ax)) == ("log", "log", ["long", "short"])


def test_a_line_through_one_point_has_a_mark(ax):
    plot.lines(
        ax,
        [
            ([1.0], [2.0], "bound", "one"),
            ([1.0, 2.0], [np.nan, 2.0], "bound", "left"),
            ([1, 2], [1, 2], "bound", "two"),
        ],
        "x",
        "y",
    )
    assert [line.get_marker() for line in ax.lines] == ["_", "_", ""]


def test_codebook_1d_has_a_stem_as_high_as_its_mass(ax, encoder):
    stems = plot.codebook_1d(ax, encoder, "convex", "codebook", "title", on=abs(encoder.source.x[:, 0]) < 1)
    assert stems.lines[0].get_xydata() == pytest.approx(np.column_stack([encoder.y[:, 0], encoder.output_pmf]))
    assert ax.get_title("left") == "title" and len(ax.patches) == 1


def test_rug_and_branches(encoder):
    _, (rug, branches) = plot.panels(2)
    plot.rug(rug, encoder.codebook, "convex", "codewords", 0.9)
    assert rug.lines[0].get_ydata().tolist() == [0.9] * 8
    plot.branches(branches, [0.5, 0.6], [encoder, encoder], "D", "y")
    assert [np.unique(dots.get_offsets()[:, 0]).tolist() for dots in branches.collections] == [[0.5], [0.6]]
    assert branches.collections[0].get_sizes() == pytest.approx(1 + 40 * encoder.output_pmf)


def test_codebook_2d_shows_the_codewords_in_use_over_the_source(ax, encoder_2d):
    plot.codebook_2d(ax, encoder_2d, "convex", "codebook", subset=2)
    used = encoder_2d.output_pmf > 1e-4
    mesh, marks, _ = ax.collections
    assert 0 < used.sum() < len(used) and np.asarray(marks.get_offsets()) == pytest.approx(encoder_2d.y[used])
    assert np.asarray(mesh.get_array()).ravel() == pytest.approx(encoder_2d.source.p)
    assert ax.patches[0].get_radius() == 2
    assert names(ax) == ["codebook"]


def test_history_has_a_value_a_round():
    run = mfrd.refine(gaussian_problem(mfrd.Fidelity(0.6)), solver="newton", max_iter=3)
    rates, sizes = plot.history(run.history).axes
    assert [text.get_text() for text in rates.texts] == ["$H(Y)$", "$I(X;Y)$", "$H(Y|X)$"]
    assert rates.lines[1].get_ydata().tolist() == [step.rate for step in run.history]
    assert sizes.lines[0].get_ydata().tolist() == [step.codewords for step in run.history]


def test_pictures_and_their_box():
    images = [np.arange(12).reshape(3, 4), np.zeros((3, 4))]
    figure = plot.pictures(images, ["a", "b"], box=(0, 2, 1, 3))
    assert [ax.get_title("left") for ax in figure.axes] == ["a", "b"]
    assert (figure.axes[0].images[0].get_array() == images[0]).all()
    assert figure.axes[0].patches[0].get_bbox().bounds == (0.5, -0.5, 2, 2)


def test_traces_share_time_and_shade_the_subset():
    t = np.arange(5.0)
    rows = [("mV", [(t, "plain", "signal"), (2 * t, "convex", "decoded")]), ("bits", [(t**2, "convex", "")])]
    upper, lower = plot.traces(t, rows, t > 2, "s").axes
    assert [line.get_ydata().tolist() for line in (*upper.lines, *lower.lines)] == [list(t), list(2 * t), list(t**2)]
    assert names(upper) == ["signal", "decoded"] and lower.get_legend() is None and lower.get_xlabel() == "s"
    assert same_color(upper.collections[0].get_facecolor()[0][:3], plot.SUBSET["color"])


def test_any_number_of_the_same_thing_can_be_told_apart(ax):
    plot.lines(ax, [([1, 2], [k, k], f"shade {k}", f"{k}") for k in range(12)], "x", "y")
    looks = [(line.get_color(), line.get_marker(), line.get_linestyle()) for line in ax.lines]
    assert len(set(looks)) == 12


def test_an_encoder_is_a_map_of_letters_to_codewords_in_their_order(ax):
    weather = mfrd.Source([2.0, 0.0, 1.0], [0.2, 0.5, 0.3], names=["snow", "sun", "rain"])
    Q = np.array([[0.9, 0.1], [0.0, 1.0], [0.5, 0.5]])
    plot.encoder(ax, mfrd.Encoder(weather, [1.5, 0.5], Q), "title")
    assert ax.images[0].get_array().tolist() == [[1.0, 0.5, 0.1], [0.0, 0.5, 0.9]]  # codeword 0.5 below, sun first
    assert [label.get_text() for label in ax.get_xticklabels()] == ["sun", "rain", "snow"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["0.5", "1.5"]


def test_cells_end_where_the_likeliest_codeword_changes(ax):
    line = mfrd.Source(np.arange(4.0), [0.1, 0.4, 0.4, 0.1])
    Q = np.array([[1.0, 0], [0.8, 0.2], [0.3, 0.7], [0, 1]])
    plot.cells(ax, mfrd.Encoder(line, [0.5, 2.5], Q))
    spans = [patch.get_bbox().intervalx.tolist() for patch in ax.patches]
    assert spans == [[0.0, 1.5], [1.5, 3.0]] and ax.patches[0].get_alpha() != ax.patches[1].get_alpha()
    assert ax.lines[-1].get_xdata().tolist() == [0.5, 2.5] and max(ax.lines[-1].get_ydata()) == 1


def test_cells_of_the_plane_are_a_map(ax, encoder_2d):
    plot.cells(ax, encoder_2d)
    shades = np.asarray(ax.collections[0].get_array()).ravel()
    likeliest = encoder_2d.Q.argmax(axis=1)
    for j in np.unique(likeliest):
        assert len(set(shades[likeliest == j])) == 1
    assert len(set(shades)) > 1 and len(ax.collections[1].get_offsets()) == (encoder_2d.output_pmf > 1e-4).sum()


def test_a_curve_has_its_certified_band_and_a_gap_where_nothing_is_feasible(ax):
    sweep = mfrd.rd_curve(gaussian_problem(), "global", [1e-4, 0.5, 1.0], solver="newton")
    plot.curve(ax, sweep, label="eight codewords")
    (line,), (band,) = ax.lines, ax.collections
    assert np.isnan(line.get_ydata()[0]) and line.get_ydata()[1:].tolist() == [s.rate for s in sweep[1:]]
    assert line.get_xdata().tolist() == [1e-4, 0.5, 1.0] and names(ax) == ["eight codewords"]
    corners = band.get_paths()[0].vertices
    for s, D in zip(sweep[1:], (0.5, 1.0)):
        assert {s.rate, s.lower_bound} <= set(corners[corners[:, 0] == D, 1])


def test_a_density_has_the_codebook_of_its_limit_over_it(ax):
    core = mfrd.Fidelity(0.01, on=[(-0.5, 0.5)], name="core")
    limit = mfrd.limit(mfrd.Density.normal(), [mfrd.Fidelity(0.3), core])
    stems = plot.density_1d(ax, limit, (-4, 4))
    x, f = ax.lines[0].get_data()
    assert np.allclose(f, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi))
    places, heights = stems.lines[0].get_data()
    assert len(places) < len(limit.codebook) and heights.sum() == pytest.approx(
        1, abs=0.02
    )  # near ones are drawn as one
    assert (heights * places).sum() == pytest.approx((limit.weights * limit.codebook).sum(), abs=0.01)
    (shade,) = ax.patches
    assert np.allclose(shade.get_extents().transformed(ax.transData.inverted()).intervalx, [-0.5, 0.5])


def test_dots_stand_in_the_row_of_their_name_side_by_side(ax):
    groups = {"one": ("convex", {"a": 1e-3, "b": 1e-9}), "two": ("noise", {"b": 1e-5})}
    plot.dots(ax, ["a", "b"], groups, "bits", start=1e-8)
    marks = [line for line in ax.lines if line.get_linestyle() == "None"]
    assert [line.get_xdata().tolist() for line in marks] == [[1e-3, 1e-8], [1e-5]]
    assert [np.round(line.get_ydata()).tolist() for line in marks] == [[0, 1], [1]]
    assert marks[0].get_ydata()[1] != marks[1].get_ydata()[0] and ax.get_xscale() == "log"
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"] and ax.yaxis_inverted()


def test_labels_stand_at_the_ends_of_their_lines_and_apart(ax):
    series = [
        ([1, 2], [0, 1.0], "convex", "up"),
        ([1, 2], [0, 1.01], "core", "also"),
        ([1, 2], [1, 0], "noise", "down"),
    ]
    plot.lines(ax, series, "x", "y", direct="right")
    ends = {text.get_text(): text for text in ax.texts}
    assert set(ends) == {"up", "also", "down"} and ax.get_legend() is None
    assert [ends[name].xy for name in ("up", "down")] == [(2, 1.0), (2, 0)]
    assert all(same_color(ends[name].get_color(), plot.LOOKS[kind]["color"]) for _, _, kind, name in series)
    height = {
        name: ax.transData.transform(text.xy)[1] * 72 / ax.figure.dpi + text.xyann[1] for name, text in ends.items()
    }
    assert height["also"] - height["up"] >= 9.4 and height["up"] > height["down"]


@pytest.mark.parametrize("counts", [[4, 6, 5], [3, 4, 4], [1, 300, 20]])
def test_counts_have_whole_numbers_at_their_ticks(ax, counts):
    plot.lines(ax, [([1.0, 2.0, 3.0], counts, "bound", "")], "", "", log="y")
    plot.whole_numbers(ax, "y")
    ax.figure.canvas.draw()
    low, high = ax.get_ylim()
    shown = [tick for tick in ax.get_yticks() if low <= tick <= high]
    assert len(shown) >= 2 and all(float(tick).is_integer() for tick in shown)


@pytest.mark.parametrize("log", ["", "y"])
def test_a_legend_covers_no_line(ax, log):
    scaled = lambda y: 10.0 ** np.array(y) if log else np.array(y)
    up, down, between = [1.0, 9.0, 9.1, 9.2, 9.0, 1.0], [9.0, 1.0, 1.1, 1.0, 1.2, 9.1], [5.0] * 6
    rows = zip((up, down, between), ("core", "convex", "bound"), ("up", "down", "between"))
    plot.lines(ax, [(np.arange(6.0), scaled(y), kind, label) for y, kind, label in rows], "", "", log=log)
    ax.figure.canvas.draw()
    box = ax.get_legend().get_window_extent()
    paths = [ax.transData.transform_path(line.get_path()) for line in ax.lines]
    assert not any(path.intersects_bbox(box, filled=False) for path in paths)
    assert ax.get_ylim()[0] < scaled(1.0) and scaled(9.2) < ax.get_ylim()[1] < scaled(15.0)  # no more room than that


def test_a_level_has_its_name_at_the_right(ax):
    plot.level(ax, 0.5, "R")
    assert list(ax.lines[0].get_ydata()) == [0.5, 0.5] and [text.get_text() for text in ax.texts] == ["R"]


def test_a_small_encoder_has_its_shares_written_and_a_large_one_not(ax, encoder):
    plot.encoder(ax, mfrd.Encoder(mfrd.Source([0.0, 1.0], [0.5, 0.5]), [0.0, 1.0], [[0.9, 0.1], [0.25, 0.75]]))
    assert sorted(text.get_text() for text in ax.texts) == ["0.100", "0.250", "0.750", "0.900"]
    assert not plot.encoder(plot.panels(1)[1][0], encoder).texts
