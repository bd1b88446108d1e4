"""Proofs: what is called optimal is proven, what is altered is refused, and what is accepted is true."""

import ast
import json
import subprocess
import sys
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from helpers.exact import Exact
from helpers.hard_problems import hard_problems
from helpers.proofs import altered, changed, fields, moved, places, signed, untrue

import mfrd
from mfrd.bounds import checker, density_checker
from mfrd.bounds.checker import Refused, check
from mfrd.bounds.proof import Proof, prove
from mfrd.solvers.feasibility import reachable


def fair_coin():
    return mfrd.Problem(mfrd.Source([0, 1], [0.5, 0.5]), [0, 1], mfrd.Fidelity(0.11, distortion=mfrd.hamming))


def mixed():
    """Three budgets of all forms, two measures, a letter without probability."""
    source = mfrd.Source([-1.0, 0.0, 0.5, 2.0, 7.0], [0.2, 0.3, 0.3, 0.2, 0.0])
    cap = mfrd.Fidelity(0.3, on=[1, 4], per="subset", distortion=mfrd.absolute_error, name="cap")
    each = mfrd.Fidelity(0.25, on=[2, 3], per="letter", name="each")
    return mfrd.Problem(source, [-1.0, 0.2, 1.0, 2.0], [mfrd.Fidelity(0.2), cap, each])


def line():
    x = mfrd.grid(-2, 2, 21)
    return mfrd.bumps(x, [1], [0], [1]), [mfrd.Fidelity(0.3), mfrd.Fidelity(0.02, on=abs(x) < 0.5, name="core")]


def plane():
    source = mfrd.bumps(mfrd.grid(-2, 2, 3, 2), [1], [[0, 0]], [1])
    return source, [mfrd.Fidelity(0.5), mfrd.Fidelity(0.1, on=source.x[:, 0] > 1, distortion=tall(), name="right")]


def tall():
    """A measure with a diagonal matrix of its own."""
    return mfrd.mahalanobis([[1.0, 0.0], [0.0, 4.0]])


ANSWERS = {
    "coin": lambda: mfrd.solve(fair_coin(), "newton"),
    "mixed": lambda: mfrd.solve(mixed(), "newton"),
    "conic": lambda: mfrd.solve(mixed(), "clarabel"),
    "edge": lambda: mfrd.solve(
        mfrd.Problem(mfrd.Source([0, 1, 2], [0.3, 0.3, 0.4]), [0, 1, 2], mfrd.Fidelity(0.0)), "newton"
    ),
    "line": lambda: mfrd.limit(*line()),
    "plane": lambda: mfrd.limit(*plane()),
}


@pytest.fixture(scope="module")
def proofs():
    return {name: (answer := make(), prove(answer, name)) for name, make in ANSWERS.items()}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_is_certified_is_proven(proofs, name):
    answer, proof = proofs[name]
    assert name in proof.check()
    L, U = float(proof.lower), float(proof.upper)
    assert L <= answer.rate + 1e-12 and answer.lower_bound <= U
    assert U - L <= answer.gap * 1.1 + 1e-8 * isinstance(answer, mfrd.Limit) + 1e-9


def test_closed_forms_lie_between(proofs):
    entropy = lambda p: -p * np.log2(p) - (1 - p) * np.log2(1 - p)
    for name, truth in (("coin", 1 - entropy(0.11)), ("edge", -(0.6 * np.log2(0.3) + 0.4 * np.log2(0.4)))):
        proof = proofs[name][1]
        assert float(proof.lower) - 1e-14 <= truth <= float(proof.upper) + 1e-14
        assert float(proof.upper) - float(proof.lower) < 1e-11


def test_a_proof_survives_its_file(proofs, tmp_path):
    for name in ("a.json", "b.json.gz"):
        proofs["mixed"][1].save(tmp_path / name)
        assert Proof.load(tmp_path / name) == proofs["mixed"][1]
    first = (tmp_path / "b.json.gz").read_bytes()
    proofs["mixed"][1].save(tmp_path / "b.json.gz")
    assert (tmp_path / "b.json.gz").read_bytes() == first


@pytest.mark.parametrize("name", ["coin", "mixed", "line"])
def test_every_altered_field_is_damage(proofs, name):
    proof = proofs[name][1]
    line, digest = proof.text.splitlines()
    for path in places(proof.document):
        text = json.dumps(
            altered(proof, *path, value=lambda v: f"{v}1" if isinstance(v, str) else v + 1), separators=(",", ":")
        )
        with pytest.raises(Refused, match="damaged"):
            check(f"{text}\n{digest}\n")


@pytest.mark.parametrize(
    "name, path, value, said",
    [
        ("mixed", ("claim", "lower"), moved(1), "L = .*: not proven"),
        ("line", ("claim", "lower"), moved(1), "L = .*: not proven"),
        ("plane", ("claim", "lower"), moved(1), "L = .*: not proven"),
        ("mixed", ("claim", "upper"), moved(-1), "U = .*: not proven"),
        ("edge", ("claim", "upper"), moved(-1), "U = .*: not proven"),
        ("line", ("claim", "upper"), moved(-1), "U = .*: not proven"),
        ("mixed", ("problem", "budgets", 0, "level"), "1/10", "global: the encoder spends more"),
        ("mixed", ("problem", "budgets", 2, "level"), "1/10", "each: the encoder spends more"),
        ("line", ("problem", "budgets", 1, "level"), "1/1000", "core: the encoder spends more"),
        ("mixed", ("proof", "prices", 0), "-1/10", "prices: one is negative"),
        ("mixed", ("problem", "pmf", 0), "-1/10", "pmf: one is negative"),
        ("mixed", ("proof", "prices"), lambda v: v[1:], "prices: 3 numbers, expected 4"),
        ("line", ("proof", "boxes"), lambda v: v[:-1], "boxes: 1 missing"),
        ("line", ("proof", "boxes"), lambda v: v + ".", "boxes: "),
        ("line", ("proof", "boxes"), ".", "box at 0: c may exceed"),
        ("plane", ("proof", "boxes"), lambda v: v[:-1], "boxes: 1 missing"),
        ("line", ("proof", "supremum"), "999/1000", "c may exceed"),
        ("coin", ("problem", "budgets", 0, "level", 1), "0.12", "0.12 is not"),
        ("coin", ("version",), 2, "version 2, expected 1"),
        ("mixed", ("problem", "budgets", 0, "per"), "each", "measure or per"),
        ("mixed", ("problem", "budgets", 0, "letters"), [0, 9], "its letters"),
    ],
)
def test_a_falsehood_is_refused_though_its_hash_is_right(proofs, name, path, value, said):
    with pytest.raises(Refused, match=said):
        check(signed(altered(proofs[name][1], *path, value=value)))


def test_an_encoder_on_a_forbidden_pair_is_refused(proofs):
    document = proofs["edge"][1].document
    assert "encoder" in document["proof"]
    document["problem"]["measures"][0][0][0] = "inf"
    with pytest.raises(Refused, match="forbidden pair"):
        check(signed(document))


@pytest.mark.parametrize("name, count", [("coin", 400), ("mixed", 400), ("edge", 200), ("line", 60), ("plane", 60)])
def test_alterations_that_are_accepted_are_true(proofs, name, count):
    rng, accepted = np.random.default_rng(7), 0
    paths = list(fields(proofs[name][1].document))
    for _ in range(count):
        path = paths[rng.integers(len(paths))]
        document = altered(proofs[name][1], *path, value=partial(changed, path=path, rng=rng))
        try:
            check(signed(document))
        except Exception:
            continue
        accepted += 1
        assert not untrue(document)
    assert count / 20 <= accepted < count


def test_what_is_called_optimal_is_proven_to_its_gap():
    proven = 0
    for _, problem in islice(hard_problems(31, 120), 120):
        try:
            solution = mfrd.solve(problem, "newton")
        except (mfrd.InfeasibleFidelity, mfrd.NotCertified):
            continue
        if solution.on_edge:
            with pytest.raises(ValueError, match="below its least by rounding"):
                prove(solution)
            least = reachable(problem)  # the next floats that some encoder keeps
            assert (least.rows.D - problem.rows.D <= problem.rounding).all() and not (least.slack_up < 0).any()
            for f, g in zip(problem.fidelities, least.fidelities):
                below = problem.with_budget(f.name, np.nextafter(g.D, 0)) if g.D > f.D else None
                assert below is None or (below.slack_up[np.array(below.rows.names) == f.name] < 0).any()
            continue
        try:
            proof = prove(solution)
        except mfrd.NotCertified:  # what meets the budgets meets them up to rounding alone
            assert Exact(problem).verdict == "edge"
            continue
        check(proof.text)
        proven += 1
        assert float(proof.upper) - float(proof.lower) <= solution.gap + 1e-9
    assert proven >= 80


def test_bad_files_are_refused_by_name(proofs, tmp_path, capsys):
    text = proofs["coin"][1].text
    bad = {
        "empty": b"",
        "no json": b"{\n" + sha256(b"{").hexdigest().encode(),
        "cut": text[: len(text) // 2].encode(),
        "binary": bytes(range(256)),
        "gzip cut": proofs["coin"][1].compressed()[:50],
        "letters": signed(altered(proofs["coin"][1], "proof", "prices", 0, value="a/b")).encode(),
        "zero": signed(altered(proofs["coin"][1], "proof", "prices", 0, value="1/0")).encode(),
        "nothing": signed({}).encode(),
    }
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
        assert checker.refused(tmp_path / name)
    assert checker.refused(tmp_path / "not there")
    said = capsys.readouterr().out.splitlines()
    assert len(said) == len(bad) + 1 and all(line.startswith("REFUSED") for line in said)


def test_what_cannot_be_proven_is_said(proofs):
    source = mfrd.bumps(mfrd.grid(-1, 1, 3, 3), [1], [[0, 0, 0]], [1])
    with pytest.raises(ValueError, match="dimension 3; expected 1 or 2"):
        prove(mfrd.limit(source, [mfrd.Fidelity(0.5)]))
    with pytest.raises(ValueError, match="expected one line"):
        prove(proofs["coin"][0], "two\nlines")
    with pytest.raises(ValueError, match="int has no proof in rationals; expected a Solution"):
        prove(1)
    infeasible = mfrd.rd_curve(fair_coin(), "global", [0.1, 0.2])[0]
    assert check(prove(infeasible).text)


CHECKERS = {"mixed": Path(checker.__file__), "density": Path(density_checker.__file__)}


@pytest.mark.parametrize("name", CHECKERS)
def test_a_checker_stands_alone(proofs, name, tmp_path):
    program = CHECKERS[name]
    proof = proofs[name][1] if name in proofs else prove(mfrd.limit(mfrd.Density.uniform(), mfrd.Fidelity(0.07)))
    tree = ast.parse(program.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names) | {"flint"}
    assert not any(node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    texts = [node.body[0] for node in ast.walk(tree) if isinstance(node, documented) and ast.get_docstring(node)]
    said = {number for text in texts for number in range(text.lineno, text.end_lineno + 1)}
    lines = enumerate(program.read_text().splitlines(), start=1)
    assert sum(bool(line.strip()) and number not in said for number, line in lines) <= 150
    proof.save(tmp_path / "good")
    (tmp_path / "bad").write_text(proof.text.replace("1", "2", 1))
    run = lambda *names: subprocess.run(
        [sys.executable, "-I", program, *(tmp_path / name for name in names)], capture_output=True, text=True
    )
    assert (good := run("good")).returncode == 0 and good.stdout.startswith("proven")
    assert (both := run("bad", "good")).returncode == 1
    assert [line.split()[0] for line in both.stdout.splitlines()] == ["REFUSED", "proven"]


def test_the_command_checks_files_and_folders(proofs, tmp_path):
    (tmp_path / "proofs").mkdir()
    for name in ("coin", "line"):
        proofs[name][1].save(tmp_path / "proofs" / f"{name}.json.gz")
    run = lambda *paths: subprocess.run(
        [sys.executable, "-m", "mfrd", "verify", *paths], capture_output=True, text=True
    )
    done = run(tmp_path / "proofs")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 2, done.stderr
    (tmp_path / "empty").mkdir()
    none = run(tmp_path / "empty")
    assert none.returncode == 2 and "no proofs in" in none.stderr
