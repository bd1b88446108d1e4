"""The page that solves: its answers against those of the module, in Node and in a browser, and what a reader meets."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from bs4 import BeautifulSoup
from helpers.browser import BROWSER, MISSING, Page
from mpmath import mp, mpf

import mfrd
from mfrd.report import site, sources

NODE = shutil.which("node") or shutil.which("nodejs")
SOLVER = (site.PAGES / "solver.js").read_text(encoding="utf-8")
PROBLEMS, BITS = 200, 1e-9
RUN = """
(problems) => JSON.stringify(problems.map((problem) => {
  const { Q, dual, ...answer } = solve(problem);
  if (answer.status !== "optimal") return answer;
  const [lam, b] = problem.dual || dual;
  const bounds = { bound: lowerBound(problem, lam, b), anywhere: lowerBound(problem, ...dual, true) };
  return { ...answer, lam, b: [...b], ...bounds };
}))
"""
needs_browser = pytest.mark.skipif(BROWSER is None, reason=MISSING)
needs_node = pytest.mark.skipif(NODE is None, reason="no node on the PATH; install Debian's nodejs package to run this")
needs_either = pytest.mark.skipif(not (NODE or BROWSER), reason=f"no node on the PATH, and {MISSING}")
ENGINES = [pytest.param("node", marks=needs_node), pytest.param("chromium", marks=needs_browser)]


def draw(random, kind):
    """(source, problem as the page poses it): the page's sources, and pmfs and codewords at random in several units."""
    if kind < 2:
        source = (sources.trimodal, sources.gaussian)[kind](int(random.integers(40, 121)))
    else:
        n = int(random.integers(5, 90))
        points = np.sort(random.normal(size=n)) * random.choice([0.01, 1, 100])
        source = mfrd.Source(points, random.dirichlet(np.full(n, random.choice([0.2, 1, 5]))))
    x, p, m = source.points, source.p, int(random.integers(3, 82))
    y = np.linspace(x[0], x[-1], m) if random.random() < 0.5 else np.sort(random.uniform(x[0], x[-1], m))
    on = abs(x) <= np.quantile(abs(x), random.uniform(0.1, 0.9))
    budgets = []
    for name, inside, (low, high) in (("D", np.ones(len(x), bool), (-3, 0.1)), ("D′", on, (-3, 0.6))):
        spent = (p * inside) @ (x[:, None] - y) ** 2
        least = (p * inside) @ ((x[:, None] - y) ** 2).min(axis=1)
        room = max(spent.min() - least, 1e-3 * spent.min())
        below = random.random() < 0.03
        D = least * 0.9 if below else least + room * 10 ** random.uniform(low, high)
        budgets.append(dict(name=name, D=float(D), on=inside.tolist()))
    return source, dict(x=x.tolist(), p=p.tolist(), y=y.tolist(), budgets=budgets)


@pytest.fixture(scope="module")
def posed():
    """[(problem of the module, the same as the page poses it, Solution or the error that says why there is none)]."""
    random, found = np.random.default_rng(22), []
    for k in range(PROBLEMS):
        source, asked = draw(random, k % 4)
        fidelities = [mfrd.Fidelity(f["D"], on=f["on"], name=f["name"]) for f in asked["budgets"]]
        problem = mfrd.Problem(source, np.array(asked["y"]), fidelities)
        try:
            found.append((problem, asked, mfrd.solve(problem, solver="newton")))
        except mfrd.InfeasibleFidelity as error:
            found.append((problem, asked, error))
    return found


def in_node(script, problems):
    """The answers of the page's script to problems, by Node."""
    code = f"{script}\nprocess.stdout.write(({RUN.strip()})(JSON.parse(require('fs').readFileSync(0))))"
    run = subprocess.run([NODE, "-e", code], input=json.dumps(problems), capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


def in_chromium(script, problems, folder):
    """The same by a browser, from a page with the script in it."""
    path = folder / "solver.html"
    path.write_text(f"<!doctype html><meta charset=utf-8><script>{script}</script>", encoding="utf-8")
    with Page(folder / "profile") as page:
        page.open(path.as_uri())
        return json.loads(page.run(f"({RUN.strip()})({json.dumps(problems)})"))


def anywhere(script, problems, folder):
    """The same by Node, or, where there is none, by a browser."""
    return in_node(script, problems) if NODE else in_chromium(script, problems, folder)


def disagreements(posed, answers):
    """What of the answers is not as the module has it, a line each."""
    found = []
    for k, ((_, asked, expected), answer) in enumerate(zip(posed, answers, strict=True)):
        if isinstance(expected, mfrd.InfeasibleFidelity):
            right = answer["status"] == "infeasible" and answer["name"] == expected.name
            if not right or abs(answer["least"] - expected.least) > 1e-12 * expected.least:
                found.append(f"{k}: {answer['status']}, expected {expected}")
            continue
        if answer["status"] != "optimal":
            found.append(f"{k}: {answer}, expected {expected}")
            continue
        rate, bound, levels = answer["rate"], answer["lowerBound"], [f["D"] for f in asked["budgets"]]
        misses = {
            "rate": abs(rate - expected.rate) > BITS,
            "bound": not rate - BITS <= bound <= min(rate, expected.rate),
            "gap": answer["gap"] != rate - bound,
            "spent": any(spent > D * (1 + 1e-12) for spent, D in zip(answer["spent"], levels)),
            "anywhere": not 0 <= answer["anywhere"] <= bound + 1e-13,
            "mass": abs(sum(answer["q"].values()) - 1) > 1e-12,
        }
        found += [f"{k}: {name}, {answer['rate']} against {expected}" for name, wrong in misses.items() if wrong]
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_its_answers_agree_with_the_module(engine, posed, tmp_path):
    problems = [asked for _, asked, _ in posed]
    answers = in_node(SOLVER, problems) if engine == "node" else in_chromium(SOLVER, problems, tmp_path)
    assert disagreements(posed, answers) == []
    kinds = [e.name if isinstance(e, mfrd.InfeasibleFidelity) else e.rate > 0 for _, _, e in posed]
    assert {"D", "D′", True, False} == set(kinds) and kinds.count(True) > 0.8 * PROBLEMS
    idle = [s for _, _, s in posed if isinstance(s, mfrd.Solution) and s.rate > 0 and not s.binds["D′"]]
    assert len(idle) > 10


PLANTED = {  # a text of the script, and what stands there by mistake
    "an encoder that is not the optimum": ("const MERIT = 1e-12;", "const MERIT = 1e-4;"),
    "rates in nats": ("/ NATS_PER_BIT };\n}", "};\n}"),
    "a bound that forgets the budget": ("lam[r] * (budgets[r].D - least[r])", "0"),
    "a bound that forgets a codeword": ("worst = y.reduce(", "worst = y.slice(-1).reduce("),
    "a subset that is everything": ("inside = (i) => !on || on[i]", "inside = (i) => true"),
    "a least that forgets probabilities": ("(inside(i) ? p[i] * (x[i] - y", "(inside(i) ? (x[i] - y"),
}


@needs_either
@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_error_is_seen(planted, posed, tmp_path):
    right, wrong = PLANTED[planted]
    few = posed[:24]
    assert SOLVER.count(right) == 1
    assert disagreements(few, anywhere(SOLVER.replace(right, wrong), [asked for _, asked, _ in few], tmp_path))


@needs_either
def test_its_certificate_holds_at_any_prices_and_potentials(posed, tmp_path):
    """Weak duality at prices of no optimum: the exact value is not below the page's bound, nor far above."""
    random, chosen = np.random.default_rng(3), []
    for _, asked, expected in posed:
        if isinstance(expected, mfrd.Solution) and len(asked["x"]) < 60 and expected.rate > 0 and len(chosen) < 12:
            lam = [float(price * random.uniform(0.95, 1.05)) for price in expected.multipliers]
            b = expected.potentials - expected.problem.offset(expected.multipliers)
            b = (b + random.normal(scale=0.01, size=len(b))).tolist()
            chosen.append({**asked, "dual": [lam, b]})
    for asked, answer in zip(chosen, anywhere(SOLVER, chosen, tmp_path)):
        exact = value_of(asked, answer["lam"], answer["b"])
        assert exact - 1e-9 <= answer["bound"] <= max(exact, 0)


def value_of(asked, lam, b):
    """The dual value in bits with 40 digits, the squares as the floats that they are."""
    with mp.workdps(40):
        x, y, on = np.array(asked["x"]), np.array(asked["y"]), [f["on"] for f in asked["budgets"]]
        d, p = (x[:, None] - y) ** 2, [mpf(v) for v in asked["p"]]
        total, n = sum(p), len(x)
        near = [mpf(v) for v in d.min(axis=1)]
        theta = [sum(mpf(price) for price, inside in zip(lam, on) if inside[i]) for i in range(n)]
        left = [mpf(f["D"]) - sum(p[i] * near[i] for i in range(n) if f["on"][i]) / total for f in asked["budgets"]]
        masses = [
            sum(p[i] * mp.exp(mpf(b[i]) - theta[i] * (mpf(d[i, j]) - near[i])) for i in range(n)) / total
            for j in range(len(y))
        ]
        gain = sum(p[i] * mpf(b[i]) for i in range(n)) / total
        return float((gain - sum(mpf(v) * t for v, t in zip(lam, left)) - mp.log(max(masses))) / mp.log(2))


@needs_either
def test_its_bound_for_any_codebook_is_below_the_limit(tmp_path):
    source = sources.trimodal(100)
    on = abs(source.points) < 1
    cases = [(0.6, 0.02), (0.6, 0.05), (0.1, 0.02), (5.0, 0.1)]
    problems = [
        dict(
            x=source.points.tolist(),
            p=source.p.tolist(),
            y=np.linspace(-8, 8, 81).tolist(),
            budgets=[dict(name="D", D=D), dict(name="D′", D=D_core, on=on.tolist())],
        )
        for D, D_core in cases
    ]
    for (D, D_core), answer in zip(cases, anywhere(SOLVER, problems, tmp_path)):
        limit = mfrd.limit(source, [mfrd.Fidelity(D), mfrd.Fidelity(D_core, on=on, name="core")])
        assert limit.rate - 0.01 < answer["anywhere"] <= limit.rate


def test_its_solver_stays_small():
    assert len(SOLVER.splitlines()) < 300 and max(map(len, SOLVER.splitlines())) <= 120


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The page as a file."""
    folder = tmp_path_factory.mktemp("page")
    return site.write(folder / "solver.html", "The solver, live", site.solver_page(), [], site.SOLVER)


def test_every_control_has_a_label_and_every_picture_a_text(written):
    soup = BeautifulSoup(written.read_text(encoding="utf-8"), "html.parser")
    labelled = {label.get("for") for label in soup("label")} | {
        i["id"] for label in soup("label") for i in label("input")
    }
    assert {tag["id"] for tag in soup("input")} == labelled - {None} and len(labelled - {None}) == 5
    ids = {tag["id"] for tag in soup(id=True)}
    assert all(svg["role"] == "img" and svg["aria-labelledby"] in ids for svg in soup("svg")) and len(soup("svg")) == 2


@needs_browser
def test_a_reader_moves_the_sliders_by_keys(written, tmp_path):
    """In a browser: each state shown is the module's answer, within 50 ms; nothing is requested, nothing overflows."""
    with Page(tmp_path) as page:
        text = lambda name: page.run(f"document.getElementById('{name}').textContent")
        answer = lambda: json.loads(page.run("document.getElementById('numbers').dataset.answer"))
        page.open(written.as_uri())
        assert text("rate").startswith("1.788") and text("status") == ""
        times = []
        for slider, key in (("D", "ArrowRight"), ("Dcore", "ArrowLeft"), ("edge", "ArrowRight")) * 4:
            page.run(f"document.getElementById('{slider}').focus()")
            page.press(key, 3)
            times.append(int(text("time").split()[0]))
            assert_as_the_module(sources.trimodal(100), 81, answer())
        assert sorted(times)[len(times) // 3] < 50, times
        assert answer()["D"] > 0.6 and answer()["Dcore"] < 0.02 and answer()["edge"] > 1
        page.run("document.getElementById('D').focus()")
        page.press("Home")
        assert "No encoder: D =" in text("status") and "on all letters. Raise D." in text("status")
        assert text("rate") == "—" and answer()["status"] == "infeasible"
        page.open(f"{written.as_uri()}#source=gaussian&D=1.2&Dcore=0.4&edge=0.5")
        assert text("status").endswith("the rate is zero.") and text("bound") == "0.000000"
        page.open(f"{written.as_uri()}#source=gaussian&D=0.2&Dcore=0.2&edge=0.5")
        assert "budget is idle" in text("status") and text("price-1") == "0, idle"
        assert_as_the_module(sources.gaussian(100), 61, answer())
        page.send("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
        assert page.run("document.documentElement.scrollWidth") == 360
        assert page.said == []


def assert_as_the_module(source, m, answer):
    """The answer that the page shows is the module's for what its sliders say."""
    on = abs(source.points) < answer["edge"]
    fidelities = [mfrd.Fidelity(answer["D"]), mfrd.Fidelity(answer["Dcore"], on=on, name="core")]
    problem = mfrd.Problem(source, np.linspace(source.points[0], source.points[-1], m), fidelities)
    solution = mfrd.solve(problem, solver="newton")
    assert abs(answer["rate"] - solution.rate) < BITS and abs(answer["lowerBound"] - solution.lower_bound) < BITS
    assert answer["prices"] == pytest.approx(list(solution.prices.values()), rel=1e-4, abs=1e-6)
