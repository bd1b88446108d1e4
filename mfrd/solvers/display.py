"""What Jupyter shows of a solution and of an encoder: HTML that needs no style sheet, in light and dark themes.

Text and outlines take the colour of the page; what a mark means is said by its shape and in words beside it.
"""

from html import escape

import numpy as np

WIDTH, HEIGHT, EDGE = 360, 150, 14  # the figure and its margins, in pixels
STEM = "#2a87c4"  # at least 3:1 on white and on black
MOST_MARKS = 200  # the heaviest codewords that are drawn
SHOWN = 1e-4  # of the largest mass; lighter codewords would not be seen
COLUMNS = ("budget", "bound", "spent", "price (bits per unit)", "binds")
CELL = "text-align: left; white-space: nowrap; padding: 0.15em 0.8em 0.15em 0"
UNBOUND = 1e-6  # bits that a whole budget is worth below which it is said not to bind, as solve's tolerance


def table(solution):
    """A solution as a table: rate, certified gap and solver in its caption, a row for each budget."""
    if solution.encoder is None:
        caption = "<b>Infeasible:</b> no encoder on this codebook meets the budgets"
    else:
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


def decade(gap):
    """The power of ten that a gap lies below, at least 1e-8: below that machines differ."""
    return 10.0 ** np.ceil(np.log10(max(gap, 1e-8)))


def row(solution, k):
    """Budget k: its name and form, bound, what was spent, the price, and whether it binds."""
    f, problem = solution.problem.fidelities[k], solution.problem
    form = "" if f.per == "joint" else f", per {f.per}"
    if solution.encoder is None:
        least = problem.least[problem.rows.owner == k].max(initial=0.0)
        cells = [f"at least {least:.6g}", "none", "out of reach" if least > f.D else "unknown"]
    else:
        price = solution.prices[f.name]
        binds = price == np.inf or price * f.D > UNBOUND
        cells = [f"{solution.distortions[f.name]:.6g}", f"{price:.4g}" if binds else "0", "yes" if binds else "no"]
    values = "".join(f'<td style="{CELL}">{cell}</td>' for cell in (f"{f.D:.6g}", *cells))
    return f'<tr><th scope="row" style="{CELL}">{escape(f.name + form)}</th>{values}</tr>'


def figure(encoder):
    """An encoder as a drawing of its codewords and their masses, with a caption that says the same in words."""
    q, y = encoder.output_pmf, encoder.y
    used = np.sort(np.argsort(-q, kind="stable")[:MOST_MARKS])
    used = used[q[used] > SHOWN * q.max()]
    drawn, legend = (stems, circles)[y.shape[1] - 1](encoder, used) if y.shape[1] <= 2 else bars(encoder, used)
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


def stems(encoder, used):
    """Codewords of a line: a stem as high as its mass, over the outline of the source."""
    x, p, y, q = encoder.source.x[:, 0], encoder.source.p, encoder.y[used, 0], encoder.output_pmf[used]
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    across = scale(low, high, EDGE, WIDTH - EDGE)
    up = scale(0, q.max(), HEIGHT - 22, 18)
    order = np.argsort(x, kind="stable")
    foot, share = up(0), p[order] / p.max()
    outline = " ".join(f"{across(a):.1f},{foot - 0.8 * (foot - up(q.max())) * b:.1f}" for a, b in zip(x[order], share))
    shade = (
        f'<polygon points="{across(x.min()):.1f},{foot:.1f} {outline} {across(x.max()):.1f},{foot:.1f}" '
        'fill="currentColor" fill-opacity="0.18"/>'
    )
    marks = "".join(
        f'<line x1="{across(a):.1f}" x2="{across(a):.1f}" y1="{foot:.1f}" y2="{up(b):.1f}" stroke="{STEM}" '
        f'stroke-width="2"/><circle cx="{across(a):.1f}" cy="{up(b):.1f}" r="3.2" fill="{STEM}"/>'
        for a, b in zip(y, q)
    )
    top = text(min(max(across(y[q.argmax()]), EDGE + 14), WIDTH - EDGE - 14), 11, f"{q.max():.3g}", "middle")
    ends = text(EDGE, HEIGHT - 6, f"{low:.4g}", "start") + text(WIDTH - EDGE, HEIGHT - 6, f"{high:.4g}", "end")
    axis = f'<line x1="{EDGE}" x2="{WIDTH - EDGE}" y1="{foot:.1f}" y2="{foot:.1f}" stroke="currentColor"/>'
    return shade + marks + axis + ends + top, "Stems: mass of each codeword; shade: the source, to its own scale."


def circles(encoder, used):
    """Codewords of a plane: a circle each, its area as its mass, in the rectangle of source and codebook."""
    y, q = encoder.y[used], encoder.output_pmf[used]
    points = np.vstack([encoder.source.x, y])
    low, high = points.min(axis=0), points.max(axis=0)
    side = HEIGHT - 36
    left, right = WIDTH / 2 - side / 2, WIDTH / 2 + side / 2
    across, up = scale(low[0], high[0], left, right), scale(low[1], high[1], side + 14, 14)
    frame = f'<rect x="{left}" y="14" width="{side}" height="{side}" fill="none" stroke="currentColor"/>'
    marks = "".join(
        f'<circle cx="{across(a):.1f}" cy="{up(b):.1f}" r="{2 + 14 * np.sqrt(mass):.1f}" fill="{STEM}" '
        f'fill-opacity="0.35" stroke="{STEM}"/>'
        for (a, b), mass in zip(y, q)
    )
    ends = (
        text(left, HEIGHT - 8, f"{low[0]:.4g}", "middle")
        + text(right, HEIGHT - 8, f"{high[0]:.4g}", "middle")
        + text(left - 5, side + 14, f"{low[1]:.4g}", "end")
        + text(left - 5, 22, f"{high[1]:.4g}", "end")
    )
    return frame + marks + ends, "Circles: codewords, larger with more mass."


def bars(encoder, used):
    """Codewords of a space: their masses in descending order."""
    q = np.sort(encoder.output_pmf[used])[::-1]
    wide = (WIDTH - 2 * EDGE) / len(q)
    up = scale(0, q.max(), HEIGHT - 22, 18)
    marks = "".join(
        f'<rect x="{EDGE + wide * j:.1f}" y="{up(mass):.1f}" width="{0.8 * wide:.1f}" '
        f'height="{up(0) - up(mass):.1f}" fill="{STEM}"/>'
        for j, mass in enumerate(q)
    )
    labels = text(EDGE, 11, f"{q.max():.3g}", "start") + text(EDGE, HEIGHT - 6, f"1 to {len(q)}", "start")
    return marks + labels, "Bars: masses of the codewords, heaviest first."


def scale(low, high, start, end):
    """The linear map of [low, high] to [start, end], to the middle where low is high."""
    width = high - low
    return lambda value: start + (end - start) * ((value - low) / width if width > 0 else 0.5)


def text(x, y, words, anchor):
    """A label in the colour of the page."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{escape(words)}</text>'
