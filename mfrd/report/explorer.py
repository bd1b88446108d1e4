"""The explorer: two sliders that re-solve the problem as they move, and a picture of the answer.

Each move is one solve by Newton's method, warm from nothing but the new budgets, and one redraw in which only what
changed is drawn over a kept background. The answer is the one mfrd.solve gives: .solution, or .failure where the
budgets cannot be met.
"""

import io
import textwrap
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..problems.fidelity import Fidelity, InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.source import Source
from ..solvers.choice import solve
from ..solvers.solution import Solution
from . import plot

if TYPE_CHECKING:
    from ipywidgets import VBox
Range = tuple[float, float]


class Explorer:
    """A source, a codebook and two budgets that can be moved.

    source: Source in one dimension; codebook: (m,); on: mask (n,) of the core; curves: [(label, D (c,), bits (c,))]
    drawn beneath the point, such as certified limits. .update(D, D_core) re-solves and redraws; .png: the picture;
    .widget(D, D_core): sliders that call it, for a notebook.
    """

    def __init__(self, source: Source, codebook: np.ndarray, on: np.ndarray, curves: list[tuple]) -> None:
        self.problem = Problem(source, codebook, [Fidelity(1.0), Fidelity(1.0, on=on, name="core")])
        self.panel = Live(source, self.problem.y[:, 0], on, curves)
        self.solution: Solution | None = None
        self.failure: InfeasibleFidelity | None = None
        self.png = b""

    def update(self, D: float, D_core: float) -> Solution | None:
        """Solve at these budgets, redraw, and return the Solution, or None where no encoder meets them.

        .failure then says why.
        """
        problem = self.problem.with_budget("global", D).with_budget("core", D_core)
        self.solution = self.failure = None
        try:
            self.solution = solve(problem, solver="newton")
        except InfeasibleFidelity as reason:
            self.failure = reason
        self.png = self.panel.draw(self.solution, str(self.failure))
        return self.solution

    def widget(self, D: float, D_core: float, D_range: Range = (0.1, 4.0), D_core_range: Range = (0.01, 0.4)) -> "VBox":
        """Two sliders on logarithmic scales over the picture."""
        import ipywidgets

        def slider(value: float, limits: Range, name: str) -> ipywidgets.FloatLogSlider:
            low, high = np.log10(limits)
            look = dict(min=low, max=high, step=(high - low) / 200, readout_format=".3f")
            return ipywidgets.FloatLogSlider(value=value, description=name, **look)

        self.update(D, D_core)
        image = ipywidgets.Image(value=self.png, format="png")
        sliders = slider(D, D_range, "D"), slider(D_core, D_core_range, "D'")

        def moved(_: dict) -> None:
            self.update(*(each.value for each in sliders))
            image.value = self.png

        for each in sliders:
            each.observe(moved, names="value")
        return ipywidgets.VBox([ipywidgets.HBox(sliders), image])


class Live:
    """The explorer's picture: encoder, codebook, prices, and the point on the curve, redrawn over a kept background.

    source: Source in one dimension; y: (m,); on: mask (n,); curves: [(label, D, bits), ...].
    .draw(solution, failure) -> PNG.
    """

    def __init__(self, source: Source, y: np.ndarray, on: np.ndarray, curves: list[tuple]) -> None:
        self.figure = Figure(figsize=(plot.PAGE, 4.2), layout="constrained")
        code, book, price, plane = self.figure.subplots(2, 2).ravel()
        x, extent = source.x[:, 0], (source.x.min(), source.x.max(), y.min(), y.max())
        look = dict(origin="lower", aspect="auto", extent=extent, vmin=0, vmax=1)
        self.image = code.imshow(np.zeros((len(y), len(x))), **look)
        code.set(xlabel="$x$", ylabel="codeword $y$", title="Encoder $Q(y|x)$")
        plot.source_1d(book, source, "Codebook", on)
        self.height = source.p.max()
        (self.stems,) = book.plot(np.repeat(y, 3), np.zeros(3 * len(y)), color=plot.BLUE, linewidth=1.2)
        names = "global", "core"
        self.bars = price.barh([1, 0], [0, 0], color=[plot.LOOKS[name]["color"] for name in names], height=0.5)
        price.set(xlim=(1e-3, 30), xscale="log", xlabel="price (bits per unit)", title="Prices")
        price.set_yticks([1, 0], names)
        for (label, D, bits), kind in zip(curves, ("bound", "core", "unconstrained")):
            plane.plot(D, bits, label=label, **{**plot.LOOKS[kind], "marker": "", "linewidth": 0.9})
        (self.point,) = plane.plot([], [], "o", color=plot.BLUE, markersize=7)
        plane.set(xlabel="distortion $D$", ylabel="rate (bits)", title="Rate")
        plot.logarithmic(plane, "x")
        plane.legend()
        self.text = plane.text(0.03, 0.04, "", transform=plane.transAxes, fontsize=8)
        self.moving = (self.image, self.stems, *self.bars, self.point, self.text)
        for artist in self.moving:
            artist.set_animated(True)
        FigureCanvasAgg(self.figure).draw()
        self.figure.set_layout_engine("none")
        self.background = self.figure.canvas.copy_from_bbox(self.figure.bbox)

    def still(self) -> Figure:
        """The picture as it stands, as a figure to save."""
        for artist in self.moving:
            artist.set_animated(False)
        return self.figure

    def draw(self, solution: Solution | None, failure: str = "") -> bytes:
        """The picture of a Solution, or of the words why there is none, as PNG bytes."""
        canvas = self.figure.canvas
        canvas.restore_region(self.background)
        for artist in self.moving:
            artist.set_visible(solution is not None)
        self.text.set(visible=True, text="\n".join(textwrap.wrap(failure, 34)))
        if solution is not None and solution.encoder is not None:
            q = solution.encoder.output_pmf
            self.image.set_data(solution.encoder.Q.T)
            self.stems.set_ydata(np.column_stack([0 * q, q / q.max() * self.height, 0 * q]).ravel())
            for bar, price in zip(self.bars, solution.prices.values()):
                bar.set_width(price)
            self.point.set_data([solution.distortions["global"]], [solution.rate])
            self.text.set_text(f"{solution.rate:.4f} bits, gap {solution.gap:.0e}")
        for artist in self.moving:
            artist.axes.draw_artist(artist)
        data = io.BytesIO()
        Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(data, "PNG", compress_level=1)
        return data.getvalue()
