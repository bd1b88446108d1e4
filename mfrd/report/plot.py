"""Figures: each function draws what it is handed and computes nothing.

One look for all: Seaborn's colour-blind safe palette, the same colour, line and mark for the same thing
everywhere, serif type that matches the paper, widths of a journal column.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib.pyplot as plt
import numpy as np
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ..bounds.density import DensityLimit
from ..codebooks.refinement import Step
from ..problems.source import Source
from ..solvers.encoder import Encoder

COLUMN, PAGE = 3.4, 7.0  # inches, one and two columns of the paper
INK, GREY, PALE = "#222222", "#8a8a8a", "#d9d9d9"
BLUE, ORANGE, GREEN, RED, PINK, BROWN, _, _, _, SKY = seaborn.color_palette("colorblind").as_hex()
LOOKS = {  # what a thing looks like, wherever it appears
    "convex": dict(color=BLUE, marker="o", linestyle="-"),
    "closed form": dict(color=INK, marker="", linestyle="--"),
    "bound": dict(color=INK, marker="", linestyle="-"),
    "unconstrained": dict(color=GREY, marker="", linestyle="-"),
    "lloyd": dict(color=RED, marker="s", linestyle=":"),
    "blahut": dict(color=INK, marker="x", linestyle="none"),
    "global": dict(color=BLUE, marker="o", linestyle="-"),
    "core": dict(color=GREEN, marker="^", linestyle="-"),
    "entropy": dict(color=PINK, marker="D", linestyle="-"),
    "noise": dict(color=ORANGE, marker="v", linestyle="-"),
    "quantiser": dict(color=SKY, marker="v", linestyle="-"),
    "trellis": dict(color=BROWN, marker="p", linestyle="-"),
    "annealed": dict(color=GREEN, marker="P", linestyle="none"),
    "measured": dict(color=INK, marker="x", linestyle="none"),
    "plain": dict(color=GREY, marker=".", linestyle="none"),
}
SHADES = seaborn.color_palette("Blues_d", 4).as_hex()  # the same thing in several sizes or forms
MARKS, DASHES = "osD^vPX*", ("-", "--", ":", "-.")
Mask: TypeAlias = np.ndarray | None
SUBSET = dict(color=GREEN, alpha=0.16, linewidth=0)


def look(kind: str) -> dict[str, Any]:
    """What a thing looks like: a key of LOOKS, or "shade k", the k-th of any number of the same thing."""
    if kind in LOOKS:
        return dict(LOOKS[kind])
    k = int(kind.removeprefix("shade "))
    return dict(color=SHADES[k % 4], marker=MARKS[k % len(MARKS)], linestyle=DASHES[k // 4 % len(DASHES)])


def use_style() -> None:
    """Set Matplotlib's parameters for every figure of this repository, whatever a matplotlibrc says."""
    plt.rcdefaults()
    plt.style.use(Path(__file__).with_name("figures.mplstyle"))


def panels(count: int, width: float = PAGE, height: float = 2.3, **options: Any) -> tuple[Figure, Sequence[Axes]]:
    """A figure with that many panels in a row: (figure, axes)."""
    figure, axes = plt.subplots(1, count, figsize=(width, height), squeeze=False, **options)
    return figure, axes[0]


def lines(
    ax: Axes, series: Sequence[tuple], xlabel: str, ylabel: str, title: str = "", log: str = "", *, direct: str = ""
) -> Axes:
    """Labelled series on one panel.

    series: (x, y, kind, label) or (x, y, kind, label, overrides), kind as in `look`;
    log: "x", "y", "xy" or "" for logarithmic axes; direct: "left" or "right", the end of each line at which its label
    is written, in place of a legend.
    """
    for x, y, kind, label, *overrides in series:
        style = look(kind)
        if len(np.atleast_1d(x)) > 40:
            style["marker"] = ""
        style.update(*overrides)
        if np.isfinite(np.ravel(np.asarray(y, float))).sum() == 1 and not style.get("marker"):
            style["marker"] = "_"  # a line through one point would not be seen
        ax.plot(x, y, label=label, **style)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    for axis in log:
        logarithmic(ax, axis)
    if direct:
        label_ends(ax, direct)
    elif any(entry[3] for entry in series):
        ax.legend()
        make_room(ax)
    return ax


def make_room(ax: Axes) -> None:
    """Raise the top of a panel until its legend, in its best place, covers none of the lines."""
    if ax.get_subplotspec() is not None:
        ax.figure.draw_without_rendering()  # the layout, of which the legend is a share
    renderer, scale = ax.figure.canvas.get_renderer(), ax.yaxis.get_transform()
    for _ in range(10):
        box = ax.get_legend().get_window_extent(renderer)
        paths = (line.get_transform().transform_path(line.get_path()) for line in ax.lines)
        if not any(path.intersects_bbox(box, filled=False) for path in paths):
            break
        low, high = scale.transform(ax.get_ylim())
        ax.set_ylim(top=scale.inverted().transform(high + 0.06 * (high - low)))


def label_ends(ax: Axes, side: str) -> None:
    """Write the label of each line of a panel beside its left or right end, in its colour, apart from one another."""
    at_end = 0 if side == "left" else -1
    ends = []
    for line in ax.lines:
        x, y = (np.asarray(values, float) for values in line.get_data(orig=False))
        seen = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        if len(seen) and not str(line.get_label()).startswith("_"):
            order = seen[np.argsort(x[seen], kind="stable")]
            ends.append((line, x[order[at_end]], y[order[at_end]]))
    point = ax.figure.dpi / 72  # pixels
    heights = np.array([ax.transData.transform((x, y))[1] for _, x, y in ends]) / point
    for (line, x, y), shift in zip(ends, apart(heights, 9.5) - heights):
        place = dict(xytext=(-5 if side == "left" else 5, shift), textcoords="offset points", annotation_clip=False)
        text = dict(color=line.get_color(), fontsize=8, va="center", ha="right" if side == "left" else "left")
        ax.annotate(line.get_label(), (x, y), **place, **text)


def apart(heights: np.ndarray, least: float) -> np.ndarray:
    """Heights moved as little as keeps them `least` apart in their order, about their middle."""
    order = np.argsort(heights, kind="stable")
    moved = heights[order].copy()
    for _ in range(100):
        gaps = np.diff(moved)
        short = np.maximum(least - gaps, 0) / 2
        if not (short > 1e-6).any():
            break
        moved[:-1] -= short
        moved[1:] += short
    placed = np.empty_like(moved)
    placed[order] = moved
    return placed


def plane(schemes: dict[str, list], kinds: dict[str, tuple], bound: list) -> Figure:
    """Rate against distortion over the certified bound, and beside it what each scheme lies above it.

    schemes: {name: [(D, rate, bound at that D), ...]}; kinds: {name: (key of LOOKS, label) or (key, label, overrides)}
    in the order of drawing;
    bound: [(D, bits), ...]. -> figure, one legend under both panels
    """
    figure, (left, right) = panels(2, height=2.8)
    drawn = [(*np.transpose(schemes[name]), *kinds[name]) for name in kinds if name in schemes]
    rates = [(D, rate, kind, *label) for D, rate, _, kind, *label in drawn]
    above = [(D, rate - low, kind, "", *look) for D, rate, low, kind, _, *look in drawn]
    rates.append((*np.transpose(bound), "bound", "certified bound"))
    lines(left, rates, "distortion $D$", "rate (bits a sample)", "Rate", log="x")
    lines(right, above, "distortion $D$", "rate over the bound (bits)", "Over the bound", log="x")
    right.axhline(0, **{**LOOKS["bound"], "linewidth": 1.2})
    shared_legend(figure, left)
    return figure


def shared_legend(figure: Figure, ax: Axes, ncols: int = 4) -> None:
    """The legend of one panel under all of them, where it covers no mark."""
    handles, labels = ax.get_legend_handles_labels()
    if ax.get_legend() is not None:
        ax.get_legend().remove()
    figure.legend(handles, labels, loc="outside lower center", ncols=ncols)


def level(ax: Axes, height: float, label: str = "", side: str = "right") -> None:
    """A thin grey line across a panel at a height that others are read against, with its name below its end."""
    ax.axhline(height, color=GREY, linewidth=0.6, zorder=0)
    low, high = ax.get_ylim()
    if label and height - low < 0.1 * (high - low):
        ax.set_ylim(height - 0.1 * (high - low), high)
    place = dict(xytext=(0, -2), textcoords="offset points", ha=side, va="top")
    ax.annotate(
        label,
        ({"left": 0.02, "right": 1}[side], height),
        xycoords=ax.get_yaxis_transform(),
        color=GREY,
        fontsize=8,
        **place,
    )


def logarithmic(ax: Axes, axis: str) -> None:
    """A logarithmic scale; one of less than three decades is labelled 1, 2, 5 in plain numbers."""
    getattr(ax, f"set_{axis}scale")("log")
    low, high = ax.get_xlim() if axis == "x" else ax.get_ylim()
    if high / low < 1e3:
        scale = ax.xaxis if axis == "x" else ax.yaxis
        scale.set_major_locator(LogLocator(subs=(1, 2, 5)))
        scale.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        scale.set_minor_formatter(NullFormatter())


def source_1d(ax: Axes, source: Source, title: str = "", on: Mask = None) -> Axes:
    """The pmf of a 1-D source as a filled outline, the subset `on` shaded."""
    x, p = source.x[:, 0], source.p
    ax.fill_between(x, p, color=PALE, linewidth=0, step="mid")
    ax.step(x, p, color=GREY, linewidth=0.7, where="mid")
    if on is not None:
        ax.axvspan(x[on].min(), x[on].max(), **SUBSET)
    ax.set(xlabel="$x$", ylabel="$p(x)$", title=title, ylim=(0, None), xlim=(x.min(), x.max()))
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 4, 5, 10]))
    return ax


def density_1d(ax: Axes, limit: DensityLimit, ends: tuple[float, float], kind: str = "bound", title: str = "") -> Axes:
    """A density as a filled outline under the codebook of its limit, the intervals of subset budgets shaded.

    A stem is as high as the weight of a codeword, or of several that are nearer than a hundredth of the panel's width.
    """
    x, y, q = np.linspace(*ends, 801), limit.codebook, limit.weights
    f = limit.density.pdf(x)
    ax.fill_between(x, f, color=PALE, linewidth=0)
    ax.plot(x, f, color=GREY, linewidth=0.7)
    for fidelity in limit.fidelities:
        for low, high in () if fidelity.on is None else fidelity.on:
            ax.axvspan(low, high, **SUBSET)
    ax.set(xlabel="$x$", ylabel="$f(x)$", title=title, ylim=(0, None), xlim=ends)
    first = np.flatnonzero(np.diff(y, prepend=-np.inf) > (ends[1] - ends[0]) / 100)  # of each run of near ones
    height = np.add.reduceat(q, first)
    place = np.add.reduceat(q * y, first) / height
    seen = height > 1e-3 * height.max()
    stems, style = ax.twinx(), look(kind)
    stems.vlines(place[seen], 0, height[seen], color=style["color"], linewidth=1.0)
    stems.plot(place[seen], height[seen], style["marker"] or "o", color=style["color"], markersize=2.8)
    stems.set(ylim=(0, 1.12 * height.max()))
    stems.set_ylabel("output mass $q_j$", color=style["color"])
    stems.spines["right"].set_visible(True)
    return stems


def codebook_1d(
    ax: Axes, encoder: Encoder, kind: str, label: str, title: str = "", on: Mask = None, highest: float | None = None
) -> Axes:
    """A codebook over its source: a stem at each codeword as high as its mass, on a second scale up to `highest`."""
    source_1d(ax, encoder.source, title, on)
    stems = ax.twinx()
    y, q, look = encoder.y[:, 0], encoder.output_pmf, LOOKS[kind]
    stems.vlines(y, 0, q, color=look["color"], linewidth=1.0)
    stems.plot(y, q, look["marker"], color=look["color"], label=label)
    stems.set(ylim=(0, 1.12 * (q.max() if highest is None else highest)))
    stems.set_ylabel("output mass $q_j$", color=look["color"])
    stems.spines["right"].set_visible(True)
    return stems


def encoder(ax: Axes, encoder: Encoder, title: str = "") -> Axes:
    """The encoder as a map of Q(y|x): a column a letter, a row a codeword, dark where the letter goes often.

    On a line, letters and codewords in ascending order; in the plane, in their own. Names of letters are written
    where the source has them, and the shares themselves in a map of at most sixteen.
    """
    source, n, m = encoder.source, len(encoder.source.p), len(encoder.y)
    on_line = source.x.shape[1] == 1
    rows = np.argsort(encoder.y[:, 0], kind="stable") if on_line else np.arange(m)
    columns = np.argsort(source.x[:, 0], kind="stable") if on_line else np.arange(n)
    shares = encoder.Q.T[np.ix_(rows, columns)]
    ax.imshow(shares, origin="lower", aspect="auto", vmin=0, vmax=1, interpolation="nearest")
    for (j, i), share in np.ndenumerate(shares if n * m <= 16 else np.zeros((0, 0))):
        ax.text(i, j, f"{share:.3f}", ha="center", va="center", color="white" if share > 0.5 else INK)
    letters = source.names or [f"{x:.3g}" if on_line else str(i) for i, x in enumerate(source.x[:, 0])]
    codewords = [f"{y:.3g}" if on_line else str(j) for j, y in enumerate(encoder.y[:, 0])]
    for axis, count, order, labels in ((ax.xaxis, n, columns, letters), (ax.yaxis, m, rows, codewords)):
        shown = np.unique(np.linspace(0, count - 1, min(count, 7)).round().astype(int))
        shown = np.arange(n) if axis is ax.xaxis and source.names else shown
        axis.set_ticks(shown, [labels[order[k]] for k in shown])
    ax.set(xlabel="letter $x$", ylabel="codeword $y$", title=title)
    return ax


def cells(ax: Axes, encoder: Encoder, title: str = "", kind: str = "convex") -> Axes:
    """A codebook with its cells: where each codeword is the likeliest, in alternating shades, and the codewords.

    On a line over the outline of the source, stems as high as the masses, both to the scale of the largest; on a square
    grid of the plane as a map, codewords with area in proportion to the mass.
    """
    source, likeliest = encoder.source, encoder.Q.argmax(axis=1)
    q, look_ = encoder.output_pmf, look(kind)
    used = q > 1e-4 * q.max()
    if source.x.shape[1] == 2:
        side = int(round(np.sqrt(len(source.p))))
        place = np.argsort(np.argsort(encoder.y @ [1.0, 0.618], kind="stable"))[likeliest]  # neighbours differ in shade
        grid = np.column_stack([source.x, place % 3]).T.reshape(3, side, side)
        ax.pcolormesh(*grid, shading="nearest", rasterized=True, vmin=-0.5, vmax=5)
        marks = dict(facecolor="none", edgecolor=look_["color"], marker=look_["marker"] or "o", linewidth=1.2)
        ax.scatter(*encoder.y[used].T, s=20 + 300 * q[used], **marks)
        ax.set(xlabel="$x_1$", ylabel="$x_2$", title=title, aspect="equal")
        return ax
    order = np.argsort(source.x[:, 0], kind="stable")
    x, p, cell = source.x[order, 0], source.p[order], likeliest[order]
    starts = np.flatnonzero(np.r_[True, cell[1:] != cell[:-1]])
    edges = np.r_[x[0], (x[starts[1:]] + x[starts[1:] - 1]) / 2, x[-1]]
    for k, (left, right) in enumerate(zip(edges, edges[1:])):
        ax.axvspan(left, right, color=look_["color"], alpha=(0.08, 0.2)[k % 2], linewidth=0)
    ax.step(x, p / p.max(), color=GREY, linewidth=0.7, where="mid")
    ax.vlines(encoder.y[used, 0], 0, q[used] / q.max(), color=look_["color"], linewidth=1.2)
    ax.plot(encoder.y[used, 0], q[used] / q.max(), look_["marker"] or "o", color=look_["color"])
    ax.set(xlabel="$x$", ylabel="mass, to the largest", title=title, ylim=(0, 1.1), xlim=(x[0], x[-1]))
    return ax


def curve(ax: Axes, solutions: Sequence[Any], name: str = "global", label: str = "", kind: str = "convex") -> Axes:
    """The rates of a sweep over a budget, with their certified band: what is shaded holds the least rate.

    solutions: of `rd_curve` or `limit_curve`, name: the fidelity that was swept; budgets out of reach leave a gap.
    The band is drawn at least as wide as a line, for most are narrower than any.
    """
    D = [
        s.problem.fidelity(name).D if hasattr(s, "problem") else s.solution.problem.fidelity(name).D for s in solutions
    ]
    rates = np.array([s.rate if np.isfinite(s.rate) else np.nan for s in solutions])
    low = np.array([s.lower_bound if np.isfinite(s.lower_bound) else np.nan for s in solutions])
    line = lines(ax, [(D, rates, kind, label)], f"budget $D$, {name}", "rate (bits)")
    ax.fill_between(D, low, rates, color=look(kind)["color"], alpha=0.3, linewidth=1.0)
    return line


def rug(ax: Axes, y: np.ndarray, kind: str, label: str, level: float) -> None:
    """Codewords as a row of marks at a fraction `level` of the panel's height."""
    place = dict(transform=ax.get_xaxis_transform(), clip_on=False)
    marker = LOOKS[kind]["marker"] or "o"
    ax.plot(np.ravel(y), np.full(np.size(y), level), marker, color=LOOKS[kind]["color"], label=label, **place)


def branches(
    ax: Axes, D: Sequence[float], encoders: Sequence[Encoder], xlabel: str, ylabel: str, title: str = ""
) -> Axes:
    """Codewords of 1-D encoders against a distortion each; area grows with mass, so that the least stay visible."""
    for D_, encoder in zip(D, encoders):
        y = encoder.y[:, 0]
        ax.scatter(np.full_like(y, D_), y, s=1 + 40 * encoder.output_pmf, color=INK, linewidth=0)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    logarithmic(ax, "x")
    return ax


def dots(
    ax: Axes, rows: Sequence[str], groups: dict[str, tuple], xlabel: str, title: str = "", *, start: float = 0.0
) -> Axes:
    """A dot in each row for each group that has a value there, the first row on top, on a logarithmic scale.

    groups: {label: (key of LOOKS, {row: value})}, side by side within a row; start: what lies below it is drawn there.
    """
    offsets = np.linspace(-0.16, 0.16, len(groups)) if len(groups) > 1 else [0.0]
    for (label, (kind, values)), offset in zip(groups.items(), offsets):
        style = {**look(kind), "linestyle": "none", "markersize": 5.0, "clip_on": False}
        seen = [row for row in rows if row in values]
        heights = [rows.index(row) + offset for row in seen]
        ax.plot([max(values[row], start) for row in seen], heights, label=label, **style)
    ax.set_yticks(range(len(rows)), rows)
    ax.set(xlabel=xlabel, xscale="log", title=title, ylim=(len(rows) - 0.5, -0.5))
    ax.tick_params(axis="y", length=0)
    for row in range(len(rows)):
        ax.axhline(row, color=PALE, linewidth=0.6, zorder=0)
    if start:
        ax.set_xlim(left=start)
    logarithmic(ax, "x")
    return ax


def spans(ax: Axes, rows: Sequence[Sequence[float]]) -> None:
    """In each row of `dots` a line from the least to the largest of its values."""
    ax.hlines(range(len(rows)), [min(row) for row in rows], [max(row) for row in rows], color=GREY, zorder=1)
    ax.autoscale_view(scaley=False)


def beyond_reach(ax: Axes, end: float, label: str) -> None:
    """A grey band from the left of a panel to `end`, with what is not known there written in it."""
    ax.axvspan(ax.get_xlim()[0], end, color=PALE, alpha=0.6, linewidth=0, zorder=0)
    place = dict(xytext=(-3, 3), textcoords="offset points", ha="right", va="bottom")
    ax.annotate(label, (end, 0), xycoords=ax.get_xaxis_transform(), color=GREY, fontsize=8, **place)


def source_2d(ax: Axes, source: Source, title: str = "", subset: float | None = None) -> Axes:
    """The pmf of a 2-D source on a square grid as a map; `subset` is a radius drawn as a circle."""
    side = int(round(np.sqrt(len(source.p))))
    grid = np.column_stack([source.x, source.p]).T.reshape(3, side, side)
    ax.pcolormesh(*grid, shading="nearest", rasterized=True, vmin=0, vmax=1.5 * source.p.max())
    if subset is not None:
        ax.add_patch(plt.Circle((0, 0), subset, fill=False, color=SUBSET["color"], linewidth=1.2))
    ax.set(xlabel="$x_1$", ylabel="$x_2$", title=title, aspect="equal")
    return ax


def codebook_2d(
    ax: Axes, encoder: Encoder, kind: str, label: str, title: str = "", subset: float | None = None
) -> Axes:
    """A codebook over its 2-D source: marks with area in proportion to the mass."""
    source_2d(ax, encoder.source, title, subset)
    used, marker, color = encoder.output_pmf > 1e-4, LOOKS[kind]["marker"], LOOKS[kind]["color"]
    look = dict(marker=marker, facecolor="none", edgecolor=color, linewidth=1.2, label=label)
    ax.scatter(*encoder.y[used].T, s=300 * encoder.output_pmf[used], **look)
    ax.scatter(*encoder.y[used].T, s=3, color=color)
    if label:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))
    return ax


def history(steps: Sequence[Step]) -> Figure:
    """The refinement round by round: information, with its names at the right, and the size of the codebook.

    steps: the history of a Refinement. -> figure
    """
    figure, (rates, sizes) = panels(2, height=2.3)
    rounds = np.arange(len(steps))
    named = (
        ("output_entropy", "entropy", "H(Y)"),
        ("rate", "convex", "I(X;Y)"),
        ("conditional_entropy", "noise", "H(Y|X)"),
    )
    bits = [(rounds, [getattr(s, name) for s in steps], kind, f"${label}$") for name, kind, label in named]
    rates.set_ylim(0, 1.05 * max(s.output_entropy for s in steps) or 1)
    lines(rates, bits, "round", "bits", "Information", direct="right")
    sizes.step(rounds, [s.codewords for s in steps], where="mid", color=INK)
    sizes.set(xlabel="round", ylabel="codewords", title="Codebook size")
    logarithmic(sizes, "y")
    for ax, axis in ((rates, "x"), (sizes, "x"), (sizes, "y")):
        whole_numbers(ax, axis)
    return figure


def whole_numbers(ax: Axes, axis: str = "x") -> None:
    """Ticks of an axis of a panel at whole numbers alone; of a logarithmic one of a decade and more as they are."""
    scale, (low, high) = (ax.xaxis, ax.get_xlim()) if axis == "x" else (ax.yaxis, ax.get_ylim())
    if scale.get_scale() == "linear" or high < 10 * low:
        scale.set_major_locator(MaxNLocator("auto", integer=True))


def pictures(images: list[np.ndarray], titles: list[str], box: tuple | None = None, width: float = PAGE) -> Figure:
    """Grey pictures side by side, one to one; `box` (top, bottom, left, right) is outlined in the subset's colour."""
    height, across = images[0].shape
    figure, axes = panels(len(images), width, width / len(images) * height / across + 0.3)
    for ax, image, title in zip(axes, images, titles, strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        if box is not None:
            top, bottom, left, right = box
            outline = (left - 0.5, top - 0.5), right - left, bottom - top
            ax.add_patch(plt.Rectangle(*outline, fill=False, color=SUBSET["color"], linewidth=1.0))
        ax.set(title=title)
        ax.set_axis_off()
    return figure


def traces(t: np.ndarray, rows: list[tuple], inside: np.ndarray, xlabel: str, height: float = 3.4) -> Figure:
    """Signals over one time axis, panel under panel, the subset shaded.

    t: (N,); rows: [(ylabel, [(signal, kind, label), ...]), ...], after the signals (N,) of where lines stand at plus
    and minus so much, if any do; inside: (N,) booleans. -> figure
    """
    figure, axes = plt.subplots(len(rows), 1, figsize=(PAGE, height), sharex=True)
    for ax, (ylabel, signals, *about) in zip(axes, rows, strict=True):
        for edge in about:
            for sign in (-1, 1):
                ax.plot(t, sign * edge, color=INK, linewidth=0.7, linestyle="--", drawstyle="steps-mid", zorder=3)
        for signal, kind, label in signals:
            ax.plot(t, signal, label=label, **{**LOOKS[kind], "marker": "", "linestyle": "-", "linewidth": 0.9})
        ax.fill_between(t, 0, 1, where=inside, transform=ax.get_xaxis_transform(), **SUBSET)
        ax.set(ylabel=ylabel, xlim=(t[0], t[-1]))
        if any(label for _, _, label in signals):
            ax.legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=len(signals))
    axes[-1].set_xlabel(xlabel)
    return figure
