"""The best contiguous cells: against the plain program over all pairs, over block edges, weights and ties."""

import numpy as np
import pytest
from scipy.special import entr

import mfrd
from mfrd.quantisers.partition import WIDTH, Cells, measured


def plainly(x, mass, weight, mu):
    """The least weighted squared error + mu H of contiguous cells, over all pairs of edges."""
    value = [0.0]
    for b in range(1, len(x) + 1):
        costs = []
        for a in range(b):
            W, P = weight[a:b].sum(), mass[a:b].sum()
            mean = weight[a:b] @ x[a:b] / W if W else 0.0
            costs.append(value[a] + weight[a:b] @ (x[a:b] - mean) ** 2 + mu * entr(P))
        value.append(min(costs))
    return value[-1]


@pytest.mark.parametrize("n", [1, 2, WIDTH + 1, 2 * WIDTH + 5])
@pytest.mark.parametrize("kind", ["normal", "heavy", "lumps"])
def test_no_partition_costs_less_and_none_is_left_out(n, kind):
    rng = np.random.default_rng(n)
    x = np.sort({"normal": rng.normal(size=n), "heavy": rng.standard_t(1, n), "lumps": rng.integers(9, size=n)}[kind])
    mass = rng.dirichlet(np.full(n, 0.1 if kind == "lumps" else 1.0))
    weight = mass * rng.choice([0.0, 1.0, 50.0], n)
    slopes = np.array([1e-6, 0.01, 1.0, 30.0])
    for mu, edges in zip(slopes, Cells(x * 1.0, mass, weight).best(slopes)):
        D, H = measured(x, mass, weight, edges)
        assert D + mu * H == pytest.approx(plainly(x, mass, weight, mu), rel=1e-9, abs=1e-12)


def test_many_letters_have_neighbours_on_the_hull_to_a_ten_millionth_of_a_bit():
    """No cells lie below the chord of the two encoders that share the time, by more than that."""
    x = np.sort(np.random.default_rng(0).normal(size=2000))
    found = mfrd.ecsq(mfrd.Source(x, np.full(2000, 1 / 2000)), 0.05)
    (_, fine), (_, coarse) = found.parts
    D = [encoder.source.p @ encoder.distortion(mfrd.squared_error) for encoder in (fine, coarse)]
    slope = (D[1] - D[0]) / (fine.output_entropy - coarse.output_entropy)
    mass = np.full(2000, 1 / 2000)
    (edges,) = Cells(x, mass, mass).best(np.array([slope / np.log(2)]))
    least, H = measured(x, mass, mass, edges)
    assert abs(found.rate - (least + slope * H / np.log(2) - found.distortion) / slope) < 1e-7
    assert found.distortion == pytest.approx(0.05, rel=1e-12)
