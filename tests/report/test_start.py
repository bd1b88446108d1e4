"""What a newcomer meets first: examples that run, objects that show themselves in words, in a table and in a figure."""

import doctest
import importlib
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from bs4 import BeautifulSoup

import mfrd
from mfrd.solvers.display import STEM

SVG = "{http://www.w3.org/2000/svg}"
EXAMPLES = ("Codec", "Fidelity", "Problem", "Source", "ecsq", "limit", "refine", "solve")
x = mfrd.grid(-3, 3, 50)
GAUSSIAN = mfrd.bumps(x, [1], [0], [1])
BUDGETS = [
    mfrd.Fidelity(0.5),
    mfrd.Fidelity(0.05, on=abs(x) < 0.5, name="core"),
    mfrd.Fidelity(9.0, on=x > 2, per="letter", name="<tail>"),
]


@pytest.fixture(scope="module")
def solution():
    return mfrd.solve(mfrd.Problem(GAUSSIAN, mfrd.grid(-3, 3, 13), BUDGETS), "newton")


def plane():
    source = mfrd.bumps(mfrd.grid(-8, 8, 12, 2), [1, 2], [[-4, -4], [4, 4]], [1, 1], 0.1)
    return mfrd.lloyd_max(source, 5)


def space():
    points = np.random.default_rng(0).normal(size=(40, 3))
    return mfrd.lloyd_max(mfrd.Source(points, np.full(40, 1 / 40)), 4)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_a_docstring_runs_as_it_says(name):
    thing = getattr(mfrd, name)
    tests = [
        t
        for t in doctest.DocTestFinder(recurse=True).find(thing, name, importlib.import_module(thing.__module__))
        if t.examples
    ]
    assert tests, f"{name} shows no example"
    for test in tests:
        said = []
        assert doctest.DocTestRunner().run(test, out=said.append).failed == 0, "".join(said)


def test_a_solution_is_a_table_with_a_row_for_each_budget(solution):
    soup = BeautifulSoup(solution._repr_html_(), "html.parser")
    caption = soup.caption.get_text()
    assert f"{solution.rate:.6g} bits" in caption and "newton" in caption
    bound = float(re.search(r"within (\S+) bits", caption).group(1))
    assert solution.gap <= bound <= max(10 * solution.gap, 1e-8)
    heads = [th.get_text() for th in soup.thead("th", scope="col")]
    rows = [dict(zip(heads, (cell.get_text() for cell in tr(["th", "td"])), strict=True)) for tr in soup.tbody("tr")]
    assert [row["budget"] for row in rows] == ["global", "core", "<tail>, per letter"]
    for row, f in zip(rows, BUDGETS, strict=True):
        assert float(row["bound"]) == f.D
        assert float(row["spent"]) == pytest.approx(solution.distortions[f.name], rel=1e-5)
        assert float(row["price (bits per unit)"]) == pytest.approx(solution.prices[f.name], rel=1e-3, abs=1e-5)
    assert [row["binds"] for row in rows] == ["yes", "yes", "no"]


def test_a_budget_out_of_reach_says_what_the_codebook_can_do(solution):
    (refused,) = mfrd.rd_curve(solution.problem, "global", [1e-3], solver="newton")
    cells = [td.get_text() for td in BeautifulSoup(refused._repr_html_(), "html.parser").tbody.tr("td")]
    assert cells == ["0.001", f"at least {solution.problem.row_least[0]:.6g}", "none", "out of reach"]


def test_a_budget_on_its_least_value_binds_at_any_price():
    coin = mfrd.Source([0.0, 1.0], [0.5, 0.5])
    exact = mfrd.solve(mfrd.Problem(coin, [0.0, 1.0], mfrd.Fidelity(0.0)), "newton")
    cells = [td.get_text() for td in BeautifulSoup(exact._repr_html_(), "html.parser").tbody.tr("td")]
    assert cells == ["0", "0", "inf", "yes"]


@pytest.mark.parametrize(
    "encoder, mark",
    [
        (mfrd.lloyd_max(GAUSSIAN, 6), "circle"),
        (plane(), "circle"),
        (space(), "rect"),
        (mfrd.Encoder(GAUSSIAN, [0.5], np.ones((50, 1))), "circle"),
    ],
    ids=["line", "plane", "space", "one"],
)
def test_an_encoder_is_a_figure_with_words_in_its_place(encoder, mark):
    page = encoder._repr_html_()
    assert page == encoder._repr_html_() and len(page) < 10_000
    tree = ElementTree.fromstring(page)
    svg, q = tree.find(f"{SVG}svg"), encoder.output_pmf
    words = f"{np.count_nonzero(q)} in use, the heaviest {q.max():.3g}"
    assert svg.get("role") == "img" and words in svg.get("aria-label") and words in svg.find(f"{SVG}title").text
    marks = [m for m in svg.iter(f"{SVG}{mark}") if m.get("fill") == STEM]
    assert len(marks) == len(q)
    caption = "".join(tree.find("figcaption").itertext())
    assert f"I(X;Y) = {encoder.rate:.4f} bits, H(Y) = {encoder.output_entropy:.4f} bits" in caption
    width, height = map(float, svg.get("viewBox").split()[2:])
    for m in marks:
        at = [float(m.get(a)) for a in (("cx", "cy") if mark == "circle" else ("x", "y"))]
        assert 0 <= at[0] <= width and 0 <= at[1] <= height


def test_stems_stand_at_the_codewords_as_high_as_their_masses():
    encoder = mfrd.Encoder(GAUSSIAN, [-3.0, 0.0, 3.0], np.tile([0.25, 0.5, 0.25], (50, 1)))
    svg = ElementTree.fromstring(encoder._repr_html_()).find(f"{SVG}svg")
    cx, cy = np.transpose([[float(c.get("cx")), float(c.get("cy"))] for c in svg.iter(f"{SVG}circle")])
    foot = max(float(line.get("y1")) for line in svg.iter(f"{SVG}line"))
    assert np.ptp(np.diff(cx)) == pytest.approx(0, abs=0.2)
    assert foot - cy == pytest.approx((foot - cy[1]) * np.array([0.5, 1, 0.5]), abs=0.2)


def test_colours_suit_light_and_dark_pages(solution):
    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return np.dot([0.2126, 0.7152, 0.0722], linear)

    shown = solution._repr_html_() + "".join(e._repr_html_() for e in (solution.encoder, plane(), space()))
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', shown)) | set(re.findall(r"\bcolor: ([^;\"]+)", shown))
    assert colours == {"currentColor", "none", "inherit", STEM} and "background" not in shown
    on_white, on_black = 1.05 / (luminance(STEM) + 0.05), (luminance(STEM) + 0.05) / 0.05
    assert min(on_white, on_black) >= 3  # WCAG 2.1, 1.4.11


def test_plain_representations_are_one_line(solution):
    problem = mfrd.Problem(GAUSSIAN, mfrd.grid(-3, 3, 4), mfrd.Fidelity(0.5))
    quantiser = mfrd.ecsq(GAUSSIAN, 0.5)
    things = [
        solution,
        solution.encoder,
        GAUSSIAN,
        *BUDGETS,
        mfrd.refine(problem, max_iter=1, solver="newton"),
        mfrd.limit(GAUSSIAN, mfrd.Fidelity(0.5)),
        quantiser,
        mfrd.ecsq_hull(mfrd.lloyd_max(GAUSSIAN, 3).source)[0],
    ]
    for thing in things:
        assert repr(thing).startswith(type(thing).__name__ + "(") and "\n" not in repr(thing)
        assert "array(" not in repr(thing) and "0x" not in repr(thing)
    assert repr(BUDGETS[1]) == "Fidelity(0.05, squared_error, per joint, on 8 letters, name 'core')"
    assert repr(things[6]).startswith("Refinement(not converged in 1 rounds, rate 0.4")
