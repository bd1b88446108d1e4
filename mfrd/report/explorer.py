"""The explorer: two sliders that re-solve the problem as they move, and a picture of the answer.

Each move is one solve by Newton's method, warm from nothing but the new budgets, and one redraw in which only what
changed is drawn over a kept background. The answer is the one mfrd.solve gives: .solution, or .failure where the
budgets cannot be met.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..problems.fidelity import Fidelity, InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.source import Source
from ..solvers.choice import solve
from ..solvers.solution import Solution
from .live import Live

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
        self.solution = self.failure = self.png = None

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
