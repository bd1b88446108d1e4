"""MOSEK's answers without MOSEK: recorded dual points, as they are and spoilt, are judged exactly."""

from collections import Counter

import cvxpy as cp
import numpy as np
import pytest
from helpers.dual_points import problem_of, recorded, replayed
from helpers.exact import Exact, judge

from mfrd.solvers import conic


def noisy(size):
    """Every value moved by a share of its size, and by as much of one; prices and masses stay positive or do not."""

    def change(name, value):
        rng = np.random.default_rng(len(value))
        return value * (1 + size * rng.normal(size=value.shape)) + size * rng.normal(size=value.shape)

    return change


def only(which, change):
    """`change` for the values of one name."""
    return lambda name, value: change(value) if name == which else value


SPOILT = {
    "called optimal": None,
    "ninth digit": noisy(1e-9),
    "third digit": noisy(1e-3),
    "no digit": noisy(10.0),
    "prices a tenth": only("lam", lambda lam: lam / 10),
    "prices a millionfold": only("lam", lambda lam: 1e6 * lam),
    "no prices": only("lam", lambda lam: 0 * lam),
    "potentials lifted": only("a", lambda a: a + 1e9),
    "one potential lifted": only("a", lambda a: a + 1e3 * (np.arange(len(a)) == 0)),
    "masses turned": only("q", np.flip),
    "one mass": only("q", lambda q: 1.0 * (np.arange(len(q)) == q.argmax())),
    "no number": only("a", lambda a: a * np.nan),
}


@pytest.fixture(scope="module")
def points():
    """[(point, problem, Exact)]; the exact problem holds what it has once computed."""
    found = [(point, problem_of(point)) for point in recorded()]
    return [(point, problem, Exact(problem)) for point, problem in found]


def outcomes(points, change, monkeypatch):
    """How many answers built from points came to what, by MOSEK's status; an AssertionError where one is wrong."""
    monkeypatch.setattr(conic, "mosek_licence", lambda: None)
    seen, found = Counter(), {}
    for point, problem, exact in points:
        monkeypatch.setattr(cp.Problem, "solve", replayed(point, change))
        judgement = judge(problem, "mosek", exact=exact)
        seen[point["status"], judgement.outcome] += 1
        if judgement.faults:
            found[point["index"]] = judgement.faults
    assert found == {}
    return seen


def test_answers_built_from_recorded_points_are_true(points, monkeypatch):
    seen = outcomes(points, None, monkeypatch)
    assert seen["optimal", "optimal"] > 55 and seen["unknown", "not certified"] > 20
    assert not any(status != "optimal" and outcome == "optimal" for status, outcome in seen)


@pytest.mark.parametrize("how", SPOILT)
def test_answers_built_from_spoilt_points_are_true_or_none(how, points, monkeypatch):
    """Every second point that has values, those of status unknown too: as if they were called optimal."""
    having = [({**point, "status": "optimal"}, *rest) for point, *rest in points if point["a"] is not None]
    seen = outcomes(having[::2], SPOILT[how], monkeypatch)
    assert seen["optimal", "not certified"] > 5
