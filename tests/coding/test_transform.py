"""The transform codec: files that meet both fidelities, cost more than their bound, and are refused once altered."""

import numpy as np
import pytest

import mfrd
from mfrd.coding import transform, water_filling


def field(side=64, seed=0):
    """A picture with a smooth part, an edge and noise, and the map of its blocks that hold the edge."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:side, :side]
    picture = 40 * np.sin(row / 9) + 60 * (column > 30) + rng.normal(0, 5, (side, side))
    inside = np.zeros((side // 8, side // 8), bool)
    inside[:, 3:5] = True
    return picture, inside.ravel()


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


WRITTEN = bytes.fromhex(
    "4d46525401010800200000000000000000001040000000000000f03f380000000200000078da1366646104a20646065e06b201230e36"
    "4966b03283b43232323031030918174d144c0039dc9c087bb0f1d95919e16ca81100b69101373676dad1000020c63f8f1cb6315577c5"
)
DECODED = [
    0.777,
    4.52181,
    1.98833,
    -1.89666,
    6.47105,
    6.50873,
    8.30482,
    -6.65512,
    -0.777,
    -4.52181,
    -1.98833,
    1.89666,
    -6.47105,
    -6.50873,
    -8.30482,
    6.65512,
    0.98905,
    1.86702,
    3.11766,
    3.82136,
    -3.82136,
    -3.11766,
    -1.86702,
    -0.98905,
    -0.98905,
    -1.86702,
    -3.11766,
    -3.82136,
    3.82136,
    3.11766,
    1.86702,
    0.98905,
]


def test_the_format_stays_as_it_is():
    """Four blocks of eight samples as the first release wrote them, the last two in the subset."""
    first, second = np.array([0.0, 4, 1, -3, 8, 8, 9, -7]), np.array([1.0, 2, 3, 4, -4, -3, -2, -1])
    signal = np.concatenate([first, -first, second, -second])
    coded = transform.encode(signal, [False, False, True, True], (4.0, 1.0), side=8)
    assert coded.data == WRITTEN
    assert transform.decode(WRITTEN) == pytest.approx(DECODED, abs=1e-5)


@pytest.mark.parametrize("offset", [5.0, 300.0, -300.0])
def test_a_signal_far_from_zero_is_coded_too(offset):
    """Its lowest subband holds numbers of one sign alone."""
    picture, inside = field()
    coded = transform.encode(picture + offset, inside, (9.0, 3.0), side=8)
    assert np.mean((coded.signal - picture - offset) ** 2) < 9**2 / 12
    alone = transform.encode(picture, inside, (9.0, 3.0), side=8)
    assert abs(coded.payload_bits - alone.payload_bits) < 0.05 * alone.payload_bits
