"""What notebook 9 sets beside mfrd.compress."""

import numpy as np
import pytest

from mfrd.coding import transform
from mfrd.report import two_fidelities


@pytest.fixture(scope="module")
def picture():
    y, x = np.mgrid[:32, :48]
    return np.rint(128 + 90 * np.sin(x / 3) * np.cos(y / 5) + np.random.default_rng(0).normal(0, 6, (32, 48)))


def test_a_picture_in_blocks_keeps_both_errors(picture):
    mask = np.zeros(picture.shape, bool)
    mask[9:15, 17:30] = True
    found = two_fidelities.in_blocks(picture, mask, 4.0, 50.0, 8, 16)
    assert found.inside.sum() == 2 and found.mask.sum() == 2 * 64 and found.mask[mask].all()
    error = two_fidelities.rms(found.decoded - picture, found.mask)
    assert 3.0 < error["inside"] ** 2 <= 4.0 and 45.0 < error["outside"] ** 2 <= 50.0
    assert np.array_equal(transform.decode(found.file.data), found.decoded)
    assert found.least() <= found.least("scalar_bound") < found.file.bytes < found.everywhere(picture).bytes
    kept = found.summary()
    of_groups = [kept["groups"][name]["lower_bound_bits"] for name in ("in", "out")]
    assert kept["lower_bound_bytes"] == pytest.approx(picture.size / 8 * np.average(of_groups, weights=[2, 22]))
    assert sum(kept["prices_bits"].values()) == pytest.approx(kept["groups"]["in"]["price_bits"])


def test_a_signal_in_blocks():
    rng = np.random.default_rng(1)
    signal, mask = np.cumsum(rng.normal(size=256)), np.zeros(256, bool)
    mask[40:70] = True
    found = two_fidelities.in_blocks(signal, mask, 0.01, 0.1, 16, 16)
    assert np.flatnonzero(found.inside).tolist() == [2, 3, 4]
    energy = two_fidelities.energies(signal, found)
    total = energy["in"].sum() * 3 + energy["out"].sum() * 13
    assert total == pytest.approx(np.sum(signal**2))  # an orthonormal transform


def test_the_finest_jpeg_within_a_size(picture):
    quality, size, decoded = two_fidelities.jpeg_within(picture, 900)
    assert size <= 900 and decoded.shape == picture.shape
    assert two_fidelities.jpeg_within(picture, size - 1)[0] < quality
    assert two_fidelities.jpeg_within(picture, 10)[0] == 1
    finer = two_fidelities.jpeg_within(picture, 1400)[2]
    whole = [two_fidelities.decibels(each, picture, picture > 128)["whole"] for each in (decoded, finer)]
    assert whole[0] < whole[1]


def test_decibels_of_a_known_error():
    mask = np.arange(4) < 1
    found = two_fidelities.decibels(np.array([1.0, 2.0, 2.0, 2.0]), np.zeros(4), mask)
    assert [found[name] for name in ("inside", "outside")] == pytest.approx([48.1308, 48.1308 - 6.0206], abs=1e-4)
    assert two_fidelities.squared(found["whole"]) == pytest.approx(13 / 4)


def test_differences_of_a_ramp_cost_nothing():
    sizes = two_fidelities.of_differences(np.arange(5000) * 7)
    assert sizes[1] < 100 and sizes[2] < 100


def test_against_rivals():
    def row(ours, jpeg, avif, inside=40.0, outside=30.0):
        reached = {"inside_dB": inside + 0.1, "outside_dB": outside}
        bytes_of = {"ours": ours, "JPEG": jpeg, "AVIF": avif}
        found = {name: {"bytes": size, **reached} for name, size in bytes_of.items()}
        found["ours"]["one_price"] = {"inside_dB": 33.1}
        return found

    bench = {"rivals": ["JPEG", "AVIF"], "inside_dB": 40.0, "outside_dB": 30.0, "pairs": [[40.0, 30.0], [34.0, 26.0]]}
    bench["pictures"] = {
        "one": {**row(90, 100, 120), "pairs": {"34/26": row(40, 60, 50, 34.0, 26.0)}},
        "other": {**row(90, 80, 60), "pairs": {"34/26": row(50, 60, 50, 34.0, 26.0)}},
    }
    found = two_fidelities.against_rivals(bench)
    assert found["share_of_best"] == {"one": 0.9, "other": 1.5} and found["best"] == {"one": "JPEG", "other": "AVIF"}
    assert found["one_price_less_inside_dB"]["one"] == pytest.approx(7.0)
    assert found["pairs"] == {"40/30": {"one": 0.9, "other": 1.5}, "34/26": {"one": 0.8, "other": 1.0}}
    assert found["mean_difference"] == pytest.approx({"one": np.log(0.72) / 2, "other": np.log(1.5) / 2})
    assert two_fidelities.missed(bench) == []
    bench["pictures"]["other"]["pairs"]["34/26"]["AVIF"]["inside_dB"] = 33.9
    assert two_fidelities.missed(bench) == ["other"]
    bench["pictures"]["one"]["JPEG"]["outside_dB"] = 29.9
    assert two_fidelities.missed(bench) == ["one", "other"]
