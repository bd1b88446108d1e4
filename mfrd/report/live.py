"""The explorer's picture: draws what it is handed, computes nothing, and redraws only what changed."""

import io
import textwrap

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..problems.source import Source
from ..solvers.solution import Solution
from . import plot


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
        for (label, D, bits), look in zip(curves, ("bound", "core", "unconstrained")):
            plane.plot(D, bits, label=label, **{**plot.LOOKS[look], "marker": "", "linewidth": 0.9})
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
        if solution is not None:
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
