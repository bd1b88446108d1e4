"""What Jupyter shows of a solution and of an encoder: HTML that needs no style sheet, in light and dark themes.

Text and outlines take the colour of the page; what a mark means is said by its shape and in words beside it.
"""

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np

from .outcome import decade

WIDTH, HEIGHT, PADDING = 360, 150, 14  # the figure and its margins, in pixels
STEM = "#2a87c4"  # at least 3:1 on white and on black
MOST_MARKS = 200  # the heaviest codewords that are drawn
SHOWN = 1e-4  # of the largest mass; lighter codewords would not be seen
COLUMNS = ("budget", "bound", "spent", "price (bits per unit)", "binds")
CELL = "text-align: left; white-space: nowrap; padding: 0.15em 0.8em 0.15em 0"


def table(solution: Any) -> str:
    """A solution as a table: rate, certified gap and solver in its caption, a row for each budget."""
    caption = f"<b>Infeasible:</b> {solution.status.message}"
    if solution.encoder is not None:
        caption = (
            f"Rate <b>{solution.rate:.6g} bits</b>, certified within {decade(solution.gap):.0e} bits of the least "
            f"({escape(solution.status)}, {escape(solution.solver)})"
        )
    heads = "".join(f'<th scope="col" style="{CELL}">{name}</th>' for name in COLUMNS)
    rows = "".join(row(solution, k) for k in range(len(solution.problem.fidelities)))
    return (
        f'<table style="color: inherit"><caption style="caption-side: top; text-align: left; color: inherit">'
        f"{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def row(solution: Any, k: int) -> str:
    """Budget k: its name and form, bound, what was spent, the price, and whether it binds."""
    f, problem = solution.problem.fidelities[k], solution.problem
    form = "" if f.per == "joint" else f", per {f.per}"
    if solution.encoder is None:
        least = problem.row_least[problem.rows.owner == k].max(initial=0.0)
        cells = [f"at least {least:.6g}", "none", "out of reach" if least > f.D else "unknown"]
    else:
        price = solution.prices[f.name]
        binds = solution.binds[f.name]
        cells = [f"{solution.distortions[f.name]:.6g}", f"{price:.4g}" if binds else "0", "yes" if binds else "no"]
    values = "".join(f'<td style="{CELL}">{cell}</td>' for cell in (f"{f.D:.6g}", *cells))
    return f'<tr><th scope="row" style="{CELL}">{escape(f.name + form)}</th>{values}</tr>'


def figure(encoder: Any) -> str:
    """An encoder as a drawing of its codewords and their masses, with a caption that says the same in words."""
    q, y = encoder.output_pmf, encoder.y
    used = np.sort(np.argsort(-q, kind="stable")[:MOST_MARKS])
    used = used[q[used] > SHOWN * q.max()]
    drawn, legend = {1: stems, 2: circles}.get(y.shape[1], bars)(encoder, y[used], q[used])
    heaviest = ", ".join(f"{value:.4g}" for value in y[q.argmax()])
    words = f"Codewords and their masses: {len(used)} in use, the heaviest {q.max():.3g} at {heaviest}"
    counts = f"{len(encoder.source.p)} letters, {len(q)} codeword{'s' * (len(q) > 1)}, {len(used)} in use"
    return (
        f'<figure style="margin: 0; max-width: {WIDTH}px"><svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-label="{words}" viewBox="0 0 {WIDTH} {HEIGHT}" width="100%" '
        f'style="max-width: {WIDTH}px; font: 11px sans-serif"><title>{words}</title>{drawn}</svg>'
        f"<figcaption>Encoder: {counts}; I(X;Y) = {encoder.rate:.4f} bits, H(Y) = {encoder.output_entropy:.4f} bits. "
        f"{legend}</figcaption></figure>"
    )


def stems(encoder: Any, y: np.ndarray, q: np.ndarray) -> tuple[str, str]:
    """Codewords of a line: a stem as high as its mass, over the outline of the source."""
    x, p, y = encoder.source.x[:, 0], encoder.source.p, y[:, 0]
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    across, up = scale(low, high, PADDING, WIDTH - PADDING), scale(0, q.max(), HEIGHT - 22, 18)
    order, foot, tall = np.argsort(x, kind="stable"), up(0), 0.8 * (up(0) - up(q.max()))
    outline = " ".join(f"{across(a):.1f},{foot - tall * b:.1f}" for a, b in zip(x[order], p[order] / p.max()))
    ends = [f"{across(a):.1f},{foot:.1f}" for a in (x.min(), x.max())]
    drawn = tag("polygon", points=f"{ends[0]} {outline} {ends[1]}", fill="currentColor", fill_opacity="0.18")
    for a, b in zip(y, q):
        drawn += tag("line", x1=across(a), x2=across(a), y1=foot, y2=up(b), stroke=STEM, stroke_width="2")
        drawn += tag("circle", cx=across(a), cy=up(b), r="3.2", fill=STEM)
    drawn += tag("line", x1=PADDING, x2=WIDTH - PADDING, y1=foot, y2=foot, stroke="currentColor")
    drawn += text(PADDING, HEIGHT - 6, f"{low:.4g}", "start") + text(WIDTH - PADDING, HEIGHT - 6, f"{high:.4g}", "end")
    top = np.clip(across(y[q.argmax()]), PADDING + 14, WIDTH - PADDING - 14)
    return drawn + text(top, 11, f"{q.max():.3g}"), "Stems: mass of each codeword; shade: the source, to its own scale."


def circles(encoder: Any, y: np.ndarray, q: np.ndarray) -> tuple[str, str]:
    """Codewords of a plane: a circle each, its area as its mass, in the rectangle of source and codebook."""
    points, side = np.vstack([encoder.source.x, y]), HEIGHT - 36
    low, high, left, right = points.min(axis=0), points.max(axis=0), (WIDTH - side) / 2, (WIDTH + side) / 2
    across, up = scale(low[0], high[0], left, right), scale(low[1], high[1], side + 14, 14)
    drawn = tag("rect", x=left, y="14", width=side, height=side, fill="none", stroke="currentColor")
    for (a, b), r in zip(y, 2 + 14 * np.sqrt(q)):
        drawn += tag("circle", cx=across(a), cy=up(b), r=r, fill=STEM, fill_opacity="0.35", stroke=STEM)
    drawn += text(left, HEIGHT - 8, f"{low[0]:.4g}") + text(right, HEIGHT - 8, f"{high[0]:.4g}")
    drawn += text(left - 5, side + 14, f"{low[1]:.4g}", "end") + text(left - 5, 22, f"{high[1]:.4g}", "end")
    return drawn, "Circles: codewords, larger with more mass."


def bars(encoder: Any, y: np.ndarray, q: np.ndarray) -> tuple[str, str]:
    """Codewords of a space: their masses in descending order."""
    wide, up, drawn = (WIDTH - 2 * PADDING) / len(q), scale(0, q.max(), HEIGHT - 22, 18), ""
    for j, mass in enumerate(np.sort(q)[::-1]):
        drawn += tag("rect", x=PADDING + wide * j, y=up(mass), width=0.8 * wide, height=up(0) - up(mass), fill=STEM)
    drawn += text(PADDING, 11, f"{q.max():.3g}", "start") + text(PADDING, HEIGHT - 6, f"1 to {len(q)}", "start")
    return drawn, "Bars: masses of the codewords, heaviest first."


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """The linear map of [low, high] to [start, end], to the middle where low is high."""
    return lambda value: start + (end - start) * ((value - low) / (high - low) if high > low else 0.5)


def tag(name: str, **attributes: float | str) -> str:
    """An element of a drawing; numbers to a tenth of a pixel."""
    said = (f'{key.replace("_", "-")}="{v if isinstance(v, str) else f"{v:.1f}"}"' for key, v in attributes.items())
    return f"<{name} {' '.join(said)}/>"


def text(x: float, y: float, words: str, anchor: str = "middle") -> str:
    """A label in the colour of the page."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{escape(words)}</text>'
