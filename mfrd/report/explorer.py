"""The explorer: two sliders that re-solve the problem as they move, and a picture of the answer.

Each move is one solve by Newton's method, warm from nothing but the new budgets, and one redraw in which only what
changed is drawn over a kept background. The answer is the one mfrd.solve gives: .solution, or .failure where the
budgets cannot be met.
"""

import io
import textwrap
from collections.abc import Sequence
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
from ..solvers.sweep import rd_curve
from . import plot

if TYPE_CHECKING:
    from ipywidgets import VBox
Range = tuple[float, float]


class Explorer:
    """A source on a line, a codebook and two budgets that can be moved, with a picture of the optimum at each.

    Parameters
    ----------
    source : Source
        In one dimension.
    codebook : (m,) array, optional
        By default 64 evenly spaced codewords over the source's range.
    on : (n,) array of bool, optional
        The core; by default the letters within half a standard deviation of the mean, or the one nearest to it.
    curves : list of (label, D (c,), bits (c,)), optional
        Drawn beneath the point, at most three, such as certified limits; by default the rate on the codebook with the
        global budget alone.

    Attributes
    ----------
    solution : Solution or None
        The last; None where no encoder meets the budgets, and .failure then says why.
    png : bytes
        The picture of it.

    Raises
    ------
    ValueError
        Where the source is not on a line; otherwise as `Problem`.

    Examples
    --------
    >>> import mfrd
    >>> source = mfrd.Source.from_samples([0.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0])
    >>> explorer = mfrd.Explorer(source)
    >>> solution = explorer.update(0.2, 0.02)
    >>> round(solution.rate, 3), explorer.png[1:4]
    (0.944, b'PNG')
    """

    def __init__(
        self,
        source: Source,
        codebook: np.ndarray | None = None,
        on: np.ndarray | None = None,
        curves: Sequence[tuple] | None = None,
    ) -> None:
        if source.x.shape[1] != 1:
            said = f"the source has dimension {source.x.shape[1]}"
            raise ValueError(f"{said}; expected 1, what the explorer can draw: in the plane use mfrd.report.plot")
        x = source.x[:, 0]
        away = abs(x - source.mean[0])
        on = away <= max(0.5 * np.sqrt(source.covariance.item()), away.min()) if on is None else on
        codebook = np.linspace(x.min(), x.max(), 64) if codebook is None else codebook
        self.problem = Problem(source, codebook, [Fidelity(1.0), Fidelity(1.0, on=on, name="core")])
        self.ranges = self.spans()
        if curves is None:
            D = np.geomspace(*self.ranges["global"], 25)
            alone = Problem(source, codebook, [Fidelity(1.0)])
            curves = [("global budget alone", D, [s.rate for s in rd_curve(alone, "global", D, solver="newton")])]
        self.panel = Live(source, self.problem.y[:, 0], on, curves)
        self.solution: Solution | None = None
        self.failure: InfeasibleFidelity | None = None
        self.png = b""

    def spans(self) -> dict[str, Range]:
        """What the sliders cover, {name: (low, high)}: from near the least reachable to beyond the most.

        The most is what the mean as the only codeword spends; the least is at least a thousandth of it.

        Returns
        -------
        dict of (float, float)
        """
        source, found = self.problem.source, {}
        spent = source.p * (source.x[:, 0] - source.mean[0]) ** 2
        for f, reach in zip(self.problem.fidelities, self.problem.row_least):
            most = 1.2 * max(spent[f.mask(len(spent))].sum(), 1e-3 * spent.sum(), np.finfo(float).tiny)
            least = 1.05 * float(reach)
            found[f.name] = (min(max(least, 1e-3 * most), most / 2), max(most, 2 * least))
        return found

    def update(self, D: float, D_core: float) -> Solution | None:
        """Solve at these budgets, redraw, and return the Solution, or None where no encoder meets them.

        .failure then says why.

        Parameters
        ----------
        D, D_core : float
            Budgets of all letters and of the core, in squared units of the source.

        Returns
        -------
        Solution or None
        """
        problem = self.problem.with_budget("global", D).with_budget("core", D_core)
        self.solution = self.failure = None
        try:
            self.solution = solve(problem, solver="newton")
        except InfeasibleFidelity as reason:
            self.failure = reason
        self.png = self.panel.draw(self.solution, str(self.failure))
        return self.solution

    def widget(
        self,
        D: float | None = None,
        D_core: float | None = None,
        D_range: Range | None = None,
        D_core_range: Range | None = None,
    ) -> "VBox":
        """Two sliders on logarithmic scales over the picture.

        Parameters
        ----------
        D, D_core : float, optional
            Where they stand at first; by default at the middle of their ranges.
        D_range, D_core_range : (float, float), optional
            What they cover, and the first values besides; by default what the source and the codebook suggest.

        Returns
        -------
        ipywidgets.VBox
        """
        import ipywidgets

        D_range, D_core_range = D_range or self.ranges["global"], D_core_range or self.ranges["core"]
        D, D_core = D or float(np.sqrt(np.prod(D_range))), D_core or float(np.sqrt(np.prod(D_core_range)))

        def slider(value: float, limits: Range, name: str) -> ipywidgets.FloatLogSlider:
            low, high = np.log10([min(limits[0], value), max(limits[1], value)])
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

    def __init__(self, source: Source, y: np.ndarray, on: np.ndarray, curves: Sequence[tuple]) -> None:
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
        spread = max(source.covariance.item(), np.finfo(float).tiny)  # prices are bits per unit of this kind
        price.set(xlim=(0.0115 / spread, 345 / spread), xscale="log", xlabel="price (bits per unit)", title="Prices")
        price.set_yticks([1, 0], names)
        for (label, D, bits), kind in zip(curves, ("bound", "core", "unconstrained")):
            plane.plot(D, bits, label=label, **{**plot.LOOKS[kind], "marker": "", "linewidth": 0.9})
        (self.point,) = plane.plot([], [], "o", color=plot.BLUE, markersize=7)
        plane.set(xlabel="distortion $D$", ylabel="rate (bits)", title="Rate")
        plot.logarithmic(plane, "x")
        if curves:
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
            for bar, (name, price) in zip(self.bars, solution.prices.items()):
                bar.set_width(price if solution.binds[name] and price < np.inf else 0)
            self.point.set_data([solution.distortions["global"]], [solution.rate])
            self.text.set_text(f"{solution.rate:.4f} bits, gap {solution.gap:.0e}")
        for artist in self.moving:
            artist.axes.draw_artist(artist)
        data = io.BytesIO()
        Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).save(data, "PNG", compress_level=1)
        return data.getvalue()
