"""Proofs of densities: what is certified is proven, what is false is refused, what is accepted is true."""

import json
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from flint import arb, ctx
from helpers.proofs import Plain, altered, changed, fields, moved, places, signed, untrue

import mfrd
from mfrd.bounds import density_checker as checker
from mfrd.bounds.density_checker import Refused, check
from mfrd.bounds.density_proof import LOOSE, SPARE
from mfrd.bounds.proof import Proof, checker_of, prove, refused

Density, Fidelity = mfrd.Density, mfrd.Fidelity
TWO = Density.mixture([(0.5, Density.normal(-2, 0.5)), (0.5, Density.normal(1, 1))])


def core(D, per="joint"):
    return Fidelity(D, on=[(-0.5, 0.5)], per=per, name="core")


MIXED = Density.mixture([(0.25, Density.laplace(0, 0.5)), (0.75, Density.uniform(-1, 2))])
CASES = {
    "normal": (Density.normal(), Fidelity(0.5)),
    "two": (TWO, [Fidelity(1.0), core(0.03)]),
    "subset": (Density.normal(), [Fidelity(0.7), core(0.2, "subset")]),
    "truncated": (Density.normal().truncated(-1, 1), Fidelity(0.25)),
    "uniform": (Density.uniform(-1, 3), Fidelity(0.5)),
    "exponential": (Density.exponential(2.0, 1.0).truncated(1, 6), Fidelity(1.0)),
    "logistic": (Density.logistic(), Fidelity(2.2)),
    "mixed": (MIXED, Fidelity(0.5)),
    "free": (Density.normal(), Fidelity(2.0)),
}


@pytest.fixture(scope="module")
def proofs():
    return {name: (limit := mfrd.limit(*case, tol=1e-5), prove(limit, name)) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
def test_what_is_certified_is_proven(proofs, name):
    limit, proof = proofs[name]
    assert f"{name} (a density, global" in proof.check()
    L, U = float(proof.lower), float(proof.upper)
    assert L <= limit.rate and limit.lower_bound <= U
    assert abs(L - limit.lower_bound) < 0.1 * limit.gap + 3e-7
    assert U - limit.rate < max(SPARE, LOOSE * limit.gap) + 1e-12


def test_closed_forms_lie_between(proofs):
    assert Fraction(proofs["normal"][1].lower) <= 0.5 <= Fraction(proofs["normal"][1].upper)
    assert proofs["free"][1].upper == proofs["free"][1].lower == "0.000000000000"


def test_the_right_checker_reads_a_file(proofs, tmp_path, capsys):
    proofs["truncated"][1].save(tmp_path / "density.json.gz")
    prove(mfrd.limit(mfrd.Source([0.0, 1.0], [0.5, 0.5]), Fidelity(0.1)), "letters").save(tmp_path / "letters.json")
    (tmp_path / "neither").write_text("[]\n")
    assert not refused(tmp_path / "density.json.gz") and not refused(tmp_path / "letters.json")
    assert refused(tmp_path / "neither") and refused(tmp_path / "nothing")
    said = capsys.readouterr().out.splitlines()
    assert "(a density, global 0.25)" in said[0] and "2 letters" in said[1] and "damaged" in said[2]
    assert checker_of(proofs["normal"][1].document) is checker
    assert Proof.load(tmp_path / "density.json.gz") == proofs["truncated"][1]


def infinite(value):
    return ["inf", "inf"] if value else value


@pytest.mark.parametrize(
    "name, path, value, said",
    [
        ("two", ("claim", "lower"), moved(1), "L = .*: not proven"),
        ("uniform", ("claim", "lower"), moved(1), "L = .*: not proven"),
        ("two", ("claim", "upper"), moved(-1), "U = .*: not proven"),
        ("free", ("claim", "lower"), "0.1", "L = 0.1: not proven"),
        ("two", ("problem", "budgets", 1, "level"), "1/128", "core: the encoder spends more"),
        ("normal", ("problem", "budgets", 0, "level"), "1/4", "global: the encoder spends more"),
        ("subset", ("problem", "budgets", 1, "per"), "joint", "L = .*: not proven"),
        ("subset", ("problem", "budgets", 1, "per"), "letter", "core: its intervals or per"),
        ("two", ("problem", "budgets", 1, "intervals", 0, 0), "-1/4", "edges: one is missing"),
        ("two", ("problem", "budgets", 1, "intervals", 0), lambda v: v[::-1], "core: its intervals or per"),
        ("two", ("problem", "budgets", 0, "intervals"), [], "global: its intervals or per"),
        ("two", ("problem", "density", 1, 0), ["3/4", "0.5"], "is no float"),
        ("two", ("problem", "density", 1, 0), "-1/2", "mixture: expected 2, none negative"),
        ("two", ("problem", "density"), lambda v: v[:2], "not proven|spends more|c may"),
        ("normal", ("problem", "density", 2), "0/1", "normal: its place or scale"),
        ("normal", ("problem", "density", 1), infinite, "normal: its place or scale"),
        ("uniform", ("problem", "density", 2), "2097153/1048576", "edges: one is missing"),
        ("uniform", ("problem", "density", 2), "4/1", "edges: a part does not fall|edges: one is missing"),
        ("truncated", ("problem", "density", 1), "4/1", "density: it has no part"),
        ("exponential", ("proof", "edges"), lambda v: v[5:], "a part does not fall|edges|not proven|spends more"),
        ("normal", ("proof", "edges"), lambda v: [v[0], v[-1]], "edges: z may vanish near a panel"),
        ("normal", ("proof", "edges"), lambda v: v[::2], "not proven|z may vanish"),
        ("normal", ("proof", "edges"), lambda v: v[::-1], "edges: not ascending"),
        ("normal", ("proof", "edges"), lambda v: v[:1], "edges: not ascending"),
        ("normal", ("proof", "edges"), lambda v: v[4:-4], "not proven|spends more|c may"),
        ("two", ("proof", "boxes"), lambda v: v[:-1], "boxes: 1 missing"),
        ("two", ("proof", "boxes"), lambda v: v + "0", "boxes: 0 at"),
        ("two", ("proof", "boxes"), "0", "box at 0: c may exceed"),
        ("two", ("proof", "supremum"), "999/1024", "c may exceed"),
        ("two", ("proof", "supremum"), "1/3", "is no float"),
        ("two", ("proof", "prices", 0), "-1/8", "prices: expected 2, none negative"),
        ("two", ("proof", "paid"), lambda v: v[1:], "paid: expected 2, none negative"),
        ("two", ("proof", "masses", 0), "0/1", "U = .*: not proven|spends more"),
        ("two", ("proof", "weights"), lambda v: v[1:], "weights: expected"),
        ("two", ("proof", "weights"), lambda v: ["0/1"] * len(v), "z may vanish"),
        ("two", ("version",), 2, "version 2, expected 1"),
    ],
)
def test_a_falsehood_is_refused_though_its_hash_is_right(proofs, name, path, value, said):
    with pytest.raises(Refused, match=said):
        check(signed(altered(proofs[name][1], *path, value=value)))


def test_every_altered_field_is_damage(proofs):
    line, digest = proofs["subset"][1].text.splitlines()
    for path in list(places(proofs["subset"][1].document))[::7]:
        document = altered(proofs["subset"][1], *path, value=lambda v: f"{v}1" if isinstance(v, str) else v + 1)
        with pytest.raises(Refused, match="damaged"):
            check(f"{json.dumps(document, separators=(',', ':'))}\n{digest}\n")


def test_what_quadrature_and_tails_miss_is_taken_off_the_supremum(proofs, monkeypatch):
    document, given = proofs["normal"][1].document, []
    monkeypatch.setattr(checker, "bounded", lambda edges, nodes, T, tree: given.append(T))
    with ctx.workprec(128):
        edges = document["proof"]["edges"]
        problem = checker.Problem(document["problem"], edges)
        monkeypatch.setattr(problem, "integrals", lambda *coded: (arb(0), [], [], arb(0.25)))
        checker.lower(problem, document["proof"])
        tails = sum(problem.tail(way, arb(0))[0] for way in (-1, 1))
        assert tails > 0 and abs(given[0] + tails + 0.25 - checker.number(document["proof"]["supremum"])) < 1e-30


def test_a_pole_near_a_panel_is_seen():
    """The logistic density has poles at pi i: a panel so wide that its ellipse holds them is refused."""
    problem = checker.Problem({"density": ["logistic", "0/1", "1/1"], "budgets": []}, ["-20/1", "-4/1", "4/1", "20/1"])
    with ctx.workprec(128):
        one = [arb(0)], [arb(1)], []
        assert not problem.on((arb(-4), arb(4)), *one)[2].is_finite()
        assert problem.on((arb(-0.5), arb(0.5)), *one)[2].rad() < 1e-12


def test_integrals_agree_with_another_rule(proofs):
    """E log z, the squares and c(y) of panels and tails against adaptive quadrature of the formulas as they stand."""
    for name in ("truncated", "exponential"):
        document = proofs[name][1].document
        with ctx.workprec(128):
            proof, problem = document["proof"], checker.Problem(document["problem"], document["proof"]["edges"])
            y, q, lam = ([checker.number(v) for v in proof[key]] for key in ("support", "weights", "prices"))
            logs, spent, nodes, missed = problem.integrals(y, q, lam)
            plain = Plain(document["problem"], proof["edges"], y, q, lam)
            assert logs.overlaps(plain.integral(lambda x, w, z, f: f * z.log()))
            for r, E in enumerate(spent):
                found = plain.integral(lambda x, w, z, f, of=plain: f * of.square(x, w) / z, row=r)
                assert E.overlaps(found) and E.rad() < 1e-10
            for at in (y[0], y[len(y) // 2] + 0.1):
                c = sum(b * (-w * (x - at) ** 2).exp() for x, w, b in nodes) + arb(0, missed)
                assert c.overlaps(plain.integral(lambda x, w, z, f, at=at: f * (-w * (x - at) ** 2).exp() / z))
            for way in (-1, 1):
                share, far = problem.tail(way, y[0])
                mass, square = plain.beyond(way, y[0])
                assert mass <= share + 1e-30 and square <= far + 1e-30 and share < 1.5 * mass + 1e-30


def test_alterations_that_are_accepted_are_true(proofs):
    """Of random alterations each that the checker accepts keeps its claim, evaluated anew."""
    rng, accepted, tried = np.random.default_rng(3), 0, 30
    proof = proofs["truncated"][1]
    paths = list(fields(proof.document))
    for _ in range(tried):
        path = paths[rng.integers(len(paths))]
        document = altered(proof, *path, value=partial(changed, path=path, rng=rng))
        try:
            check(signed(document))
        except Exception:
            continue
        accepted += 1
        assert not untrue(document)
    assert 3 <= accepted < tried


def test_what_cannot_be_proven_is_said():
    absolute = mfrd.limit(Density.laplace(), Fidelity(0.5, distortion=mfrd.absolute_error), tol=1e-3)
    with pytest.raises(ValueError, match="absolute error on a Laplace density has its R"):
        prove(absolute)
    with pytest.raises(mfrd.NotCertified, match="no encoder was found that keeps every budget beyond doubt"):
        prove(mfrd.limit(Density.normal(), Fidelity(1.0)))  # spent to the last bit: the tails decide
    with pytest.raises(ValueError, match="expected one line"):
        prove(absolute, "two\nlines")
