"""Streams, mixtures, the transform codec, the bound of parallel sources and the explorer."""

import io
import time

import numpy as np
import pytest
from helpers.cases import trimodal_source
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import mfrd
from mfrd.coding import arrays, transform, water_filling
from mfrd.quantisers.quantiser import from_labels
from mfrd.report.explorer import Explorer

LISTS = st.lists(st.lists(st.integers(-3000, 3000), max_size=80), max_size=6)


def field(side=64, seed=0):
    """A picture with a smooth part, an edge and noise, and the map of its blocks that hold the edge."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:side, :side]
    picture = 40 * np.sin(row / 9) + 60 * (column > 30) + rng.normal(0, 5, (side, side))
    inside = np.zeros((side // 8, side // 8), bool)
    inside[:, 3:5] = True
    return picture, inside.ravel()


def test_a_measured_stream_costs_its_cross_entropy_and_meets_the_budgets():
    source = trimodal_source()
    core = mfrd.Fidelity(0.05, on=abs(source.points) < 1, name="core")
    limit = mfrd.limit(source, [mfrd.Fidelity(0.6), core])
    quantiser = mfrd.ecvq(source, [mfrd.Fidelity(0.6), core], convex=limit, bound=limit, restarts=2)
    stream = mfrd.measure(quantiser, mfrd.draw(source, 400_000, 1))
    assert 0 < stream.bits - stream.cross_entropy < 0.01
    assert stream.cross_entropy == pytest.approx(quantiser.rate, rel=0.01) and quantiser.rate > limit.lower_bound
    assert stream.distortions["global"] == pytest.approx(0.6, rel=0.02)
    assert stream.distortions["core"] == pytest.approx(0.05, rel=0.03)


def test_a_mixture_is_on_the_hull_of_what_it_was_given():
    source = trimodal_source()
    encoders = [mfrd.lloyd_max(source, m) for m in range(1, 9)]
    mixed = mfrd.mixture(encoders, [mfrd.Fidelity(0.6)])
    assert mixed.distortion == pytest.approx(0.6) and len(mixed.parts) == 2
    assert mfrd.ecsq(source, 0.6).rate <= mixed.rate <= mixed.deterministic().output_entropy
    with pytest.raises(mfrd.InfeasibleFidelity):
        mfrd.mixture(encoders[:2], [mfrd.Fidelity(0.6)])
    assert mfrd.mixture(encoders, mfrd.Fidelity(0.6)).rate == mixed.rate  # one fidelity needs no list, nor one encoder
    assert mfrd.mixture(encoders[5], mfrd.Fidelity(0.6)).rate == encoders[5].output_entropy


@pytest.mark.parametrize(
    "D, partitions, said",
    [
        (0.05, [[0, 0, 1, 1]] * 2, "no mixture of 2.*the least of high among them is 0.125: raise it"),
        (0.05, [[0, 1, 2, 2], [0, 0, 1, 2]], "no mixture of 2.*the least of high among them is 0, so not all"),
        (0.1, [[0, 1, 2, 2], [0, 0, 1, 2]], "none of 2.*the least of high among them is 0, so not all"),
    ],
)
def test_a_mixture_out_of_reach_names_the_fidelity(D, partitions, said):
    """A pair of letters in one cell adds 1/8 to its distortion."""
    source = mfrd.Source([0.0, 1.0, 10.0, 11.0], [0.25] * 4)
    per_pair = [mfrd.Fidelity(D, on=on, name=name) for name, on in (("high", [2, 3]), ("low", [0, 1]))]
    with pytest.raises(mfrd.InfeasibleFidelity, match=said) as error:
        mfrd.mixture([from_labels(source, cells) for cells in partitions], [mfrd.Fidelity(9.0), *per_pair])
    assert error.value.name == "high" and error.value.budget == D


def test_mixtures_of_what_does_not_belong_together_are_refused():
    source = trimodal_source()
    encoder, narrow = mfrd.lloyd_max(source, 8), mfrd.lloyd_max(mfrd.Source(source.points / 10, source.p), 8)
    budget, matrix = mfrd.Fidelity(1.0), mfrd.Fidelity(1.0, distortion=np.ones((100, 3)))
    for encoders, fidelities, said in (
        ([encoder, narrow], budget, "encoder 1 has the source"),
        ([], budget, "no encoders"),
        ([encoder], [], "expected one or more mfrd.Fidelity"),
        ([encoder], [budget, budget], "'global'; expected"),
        ([encoder], matrix, r"\(100, 3\); expected \(100, 8\)"),
    ):
        with pytest.raises(ValueError, match=said):
            mfrd.mixture(encoders, fidelities)
    copy = mfrd.Source(source.x, source.p)  # equal points and pmf are one source
    assert mfrd.mixture([encoder, mfrd.lloyd_max(copy, 2)], mfrd.Fidelity(1.0)).distortion <= 1 + 1e-12


def test_a_stream_is_measured_by_a_distortion_matrix_too():
    source = trimodal_source()
    fine = mfrd.lloyd_max(source, 4)
    encoder = mfrd.Encoder(source, np.append(9.0, fine.codebook), np.insert(fine.Q, 0, 0, axis=1))  # 9 is never used
    matrix = mfrd.absolute_error(source.x, encoder.y)
    letters, streams = mfrd.draw(source, 900, 0), []
    for measure in (matrix, mfrd.absolute_error):
        streams.append(mfrd.measure(mfrd.mixture([encoder], mfrd.Fidelity(9.0, distortion=measure)), letters))
    assert streams[0].distortion == streams[1].distortion > 0


def test_streams_of_what_is_no_quantiser_or_no_letters_are_refused():
    source = trimodal_source()
    quantiser = mfrd.ecsq(source, 0.6)
    with pytest.raises(TypeError, match=r"quantiser is Encoder; expected mfrd.Quantiser, as mfrd.mixture"):
        mfrd.measure(quantiser.deterministic(), [0])
    for letters in (source.points, [-1, 2], [100], np.ones(100, bool), 5, [[1], [2]]):
        with pytest.raises(ValueError, match=r"expected \(N,\) integers from 0 to 99, as mfrd.draw"):
            mfrd.measure(quantiser, letters)
    short = np.arange(100, dtype=np.int8)  # letters by codewords exceed its range
    assert mfrd.measure(quantiser, short).distortion == mfrd.measure(quantiser, np.arange(100)).distortion
    for N in (-1, 2.5):
        with pytest.raises(ValueError, match="expected an integer >= 0"):
            mfrd.draw(source, N, 0)


@given(LISTS)
@settings(max_examples=60, deadline=None)
def test_integer_arrays_come_back(lists):
    given_arrays = [np.array(each, np.int64) for each in lists]
    back = arrays.unpack(arrays.pack(given_arrays))
    assert len(back) == len(given_arrays) and all(map(np.array_equal, back, given_arrays))


@pytest.mark.parametrize("shape, side", [((96,), 8), ((32, 48), 8)])
def test_blocks_keep_energy_and_come_back(shape, side):
    signal = np.random.default_rng(0).normal(size=shape)
    coefficients = transform.to_blocks(signal, side)
    assert (coefficients**2).sum() == pytest.approx((signal**2).sum())
    assert np.allclose(transform.from_blocks(coefficients, shape, side), signal, atol=1e-12)
    with pytest.raises(ValueError, match="divides"):
        transform.to_blocks(signal[1:], side)


def test_a_file_meets_both_fidelities_costs_more_than_its_bound_and_decodes_to_the_bit():
    picture, inside = field()
    x, D = transform.to_blocks(picture, 8), (20.0, 3.0)
    steps = [transform.tune(x[group], each) for group, each in zip((~inside, inside), D)]
    coded = transform.encode(picture, inside, steps, side=8)
    decoded = transform.decode(coded.data)
    assert np.array_equal(decoded, coded.signal)
    mask = transform.spread_blocks(inside, picture.shape, 8)
    for m, each in zip((~mask, mask), D):
        assert 0.97 * each < np.mean((decoded - picture)[m] ** 2) <= each * (1 + 1e-9)
    bounds = [
        water_filling.parallel_bound([water_filling.histogram(b, s / 8) for b in x[g].T], [g.sum()] * 64, each)
        for g, s, each in zip((~inside, inside), steps, D)
    ]
    bits = sum(g.sum() * 64 * b.lower_bound for g, b in zip((~inside, inside), bounds))
    assert 0.5 * coded.payload_bits < bits < coded.payload_bits < 8 * coded.bytes
    assert bounds[0].price < bounds[1].price and all(b.lower_bound <= b.scalar_bound for b in bounds)


def test_altered_files_are_refused():
    picture, inside = field()
    data = transform.encode(picture, inside, (9.0, 3.0), side=8).data
    rng = np.random.default_rng(0)
    for _ in range(300):
        altered = bytearray(data)
        altered[rng.integers(len(data))] ^= int(rng.integers(1, 256))
        with pytest.raises(mfrd.CorruptStream):
            transform.decode(bytes(altered))
    for cut in (0, 3, 20, len(data) - 1):
        with pytest.raises(mfrd.CorruptStream):
            transform.decode(data[:cut])


def test_the_bound_of_parallel_gaussians_is_reverse_water_filling():
    letters = mfrd.grid(-6, 6, 241)
    variances, D = np.array([4.0, 1.0, 0.04]), 0.15
    sources = [mfrd.bumps(letters * np.sqrt(v), [1], [0], [np.sqrt(v)]) for v in variances]
    water = (3 * D - 0.04) / 2  # the third subband lies under the water
    bound = water_filling.parallel_bound(sources, [1, 1, 1], D)
    expected = np.log2(variances[:2] / water).sum() / 2 / 3
    assert bound.lower_bound == pytest.approx(expected, abs=2e-3) and bound.lower_bound <= bound.scalar_bound
    assert bound.price == pytest.approx(1 / (2 * water * np.log(2)), rel=0.02)


def test_the_explorer_shows_what_solve_returns(capsys):
    source = trimodal_source()
    inside, codebook = abs(source.points) < 1, mfrd.grid(-8, 8, 64)
    explorer = Explorer(source, codebook, inside, [("curve", [0.2, 4.0], [2.3, 0.7])])
    explorer.update(1.0, 0.2)
    began = time.perf_counter()
    shown = explorer.update(0.6, 0.05)
    with capsys.disabled():
        print(f"\nexplorer: {1000 * (time.perf_counter() - began):.0f} ms an update, redraw included")
    budgets = [mfrd.Fidelity(0.6), mfrd.Fidelity(0.05, on=inside, name="core")]
    solved = mfrd.solve(mfrd.Problem(source, codebook, budgets), solver="newton")
    assert shown.rate == pytest.approx(solved.rate, abs=1e-9) and shown.prices == pytest.approx(solved.prices, rel=1e-5)
    first = explorer.png
    assert np.asarray(Image.open(io.BytesIO(first))).std() > 1
    assert explorer.update(0.6, 1e-6) is None and "core" in str(explorer.failure) and explorer.png != first
