"""Pictures of two fidelities: both targets, from the bytes alone, the same picture everywhere."""

import ast
import hashlib
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from skimage import data

import mfrd
from mfrd.coding import bits, contexts, dependent, networks, pictures, wavelet
from mfrd.coding.arrays import variable_lengths

CAMERA = data.camera()


def disc(h, w, radius):
    """A disc in the middle of an (h, w) mask."""
    return np.add.outer((np.arange(h) - h // 2) ** 2, (np.arange(w) - w // 2) ** 2) < radius**2


def decibels(picture, decoded, mask, peak=255):
    return 10 * np.log10(peak**2 / np.mean((decoded - picture)[mask] ** 2))


@pytest.fixture(scope="module")
def crop():
    """(picture, mask, file) of 91 x 123 pixels at 40 and 30 dB."""
    picture, mask = CAMERA[80:171, 190:313], disc(91, 123, 35)
    return picture, mask, mfrd.compress(picture, mask, inside=40, outside=30, peak=255)


# --- both targets, from the bytes alone -----------------------------------------------------------


def test_both_targets_are_met_and_hardly_exceeded(crop):
    picture, mask, file = crop
    decoded = mfrd.decompress(file)
    assert decoded.shape == picture.shape and np.all(decoded == np.rint(decoded))
    assert 0 <= decoded.min() and decoded.max() <= 255
    assert 40 <= decibels(picture, decoded, mask) <= 40.05
    assert 30 <= decibels(picture, decoded, ~mask) <= 30.05


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (37, 1), (2, 3), (17, 31), (40, 16)])
def test_any_size_in_units_of_the_signal(shape):
    rng = np.random.default_rng(0)
    picture = 1e-6 * (1e3 + np.cumsum(np.cumsum(rng.normal(size=shape), axis=0), axis=1))
    mask = rng.random(shape) < 0.4
    decoded = mfrd.decompress(mfrd.compress(picture, mask, inside=2e-7, outside=6e-7))
    assert decoded.shape == shape
    for side, rms in ((mask, 2e-7), (~mask, 6e-7)):
        assert not side.any() or np.sqrt(np.mean((decoded - picture)[side] ** 2)) <= rms


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_mask_of_all_or_none_asks_for_one_side_alone(share):
    picture, mask = CAMERA[100:164, 200:280], np.full((64, 80), bool(share))
    decoded = mfrd.decompress(mfrd.compress(picture, mask, inside=38, outside=33, peak=255))
    wanted = 38 if share else 33
    assert wanted <= decibels(picture, decoded, mask | True) <= wanted + 0.05


def test_a_rectangle_costs_its_corners_and_another_mask_its_outline():
    h, w = 200, 300
    box, round_ = np.zeros((h, w), bool), disc(h, w, 70)
    box[40:90, 100:220] = True
    assert pictures.rectangle(box) == (40, 90, 100, 220) and pictures.rectangle(round_) is None
    holes = box.copy()
    holes[50, 150] = False
    assert pictures.rectangle(holes) is None
    for mask, most in ((round_, 110), (holes, 110), (np.random.default_rng(0).random((h, w)) < 0.5, h * w / 8 * 1.02)):
        sink = bits.Sink()
        pictures.code_mask(mask, mask.shape, sink.echo)
        assert np.array_equal(pictures.code_mask(None, mask.shape, bits.Tap(sink.data()).echo), mask)
        assert len(sink.data()) <= most


@pytest.mark.parametrize("value", [0, 255, -1 / 3])
def test_a_constant_picture_is_its_value(value):
    picture = np.full((30, 28), value)
    file = mfrd.compress(picture, picture > 1, inside=60, outside=50, peak=255)
    assert np.array_equal(mfrd.decompress(file), picture) and len(file) == 17


def test_whole_numbers_come_back_exactly_where_that_is_asked(crop):
    picture, mask, _ = crop
    picture, mask = picture[:24, :20], mask[:24, :20] | True
    assert np.array_equal(mfrd.decompress(mfrd.compress(picture, mask, inside=100, outside=100, peak=255)), picture)


def test_without_a_peak_values_stay_between_whole_numbers():
    picture, mask = CAMERA[:30, :30] + 0.25, disc(30, 30, 9)
    decoded = mfrd.decompress(mfrd.compress(picture, mask, inside=0.05, outside=0.2))
    assert np.sqrt(np.mean((decoded - picture)[mask] ** 2)) <= 0.05 and not np.all(decoded == np.rint(decoded))


def test_bytes_of_two_crops():
    """What the codec takes today; fewer is progress."""
    found = []
    for picture in (CAMERA[104:136, 220:260], data.coins()[40:75, 40:73]):
        mask = np.zeros(picture.shape, bool)
        mask[10:25, 12:30] = True
        found.append(len(mfrd.compress(picture, mask, inside=40, outside=30, peak=255)))
    assert found == [115, 211]


# --- two prices -----------------------------------------------------------------------------------


def test_energies_are_those_of_the_functions_of_synthesis():
    mask = np.random.default_rng(1).random((67, 90)) < 0.4
    low, bands = wavelet.analyse_picture(np.zeros(mask.shape))
    found = wavelet.energies(mask)
    for level, orientation, at in (
        (0, 0, (3, 2)),
        (0, 2, (0, 0)),
        (1, 1, (7, 11)),
        (2, 2, (32, 44)),
        (None, 0, (2, 3)),
    ):
        zeros = [np.zeros(band.shape, np.int64) for band in (low, *(band for three in bands for band in three))]
        one = zeros[0] if level is None else zeros[1 + 3 * level + orientation]
        one[at] = 1 << 24
        picture = zeros[0]
        for three in zip(zeros[1::3], zeros[2::3], zeros[3::3]):
            picture = wavelet.synthesise_level(picture, three)
        energy = (found[0] if level is None else found[1][level][orientation])[at] / 2.0 ** (2 * wavelet.UNIT)
        assert energy == pytest.approx(((picture / 2.0**24)[mask] ** 2).sum(), rel=1e-4, abs=1e-6)


def test_a_step_on_one_side_alone_is_that_sides():
    inside, outside = (np.array([[1 << 40, 0]]), []), (np.array([[0, 1 << 38]]), [])
    assert pictures.steps_of(inside, outside, 3000, 7000)[0].tolist() == [[3000, 14000]]


def test_the_trellis_is_the_cheapest_of_all_paths():
    rng = np.random.default_rng(2)
    cost = rng.random((5, 4, 3)).astype(np.float32)
    codes = dependent.cheapest(cost)
    for lane in range(3):
        best = np.inf
        for path in np.ndindex(*(2,) * 5):
            state = total = 0
            for step, parity in enumerate(path):
                total += cost[step, 2 * (state & 1) + parity, lane]
                state = dependent.NEXT[state, parity]
            best = min(best, total)
        assert sum(cost[t, codes[t, lane], lane] for t in range(5)) == pytest.approx(best)


# --- the same picture everywhere ------------------------------------------------------------------


def lifted(low, high):
    """wavelet.synthesise in Python's own integers."""
    n, unit = len(low) + len(high), wavelet.FRACTION
    rounded = lambda x: int((Fraction(x) / 2**unit + Fraction(1, 2)).__floor__())
    if not high:
        return low
    line = [0] * n
    line[0::2], line[1::2] = [rounded(x * wavelet.LOW) for x in low], [rounded(x * wavelet.HIGH) for x in high]
    mirror = lambda i: -i if i < 0 else 2 * (n - 1) - i if i >= n else i
    for at in (3, 2, 1, 0):
        for i in range(1 - at % 2, n, 2):
            line[i] -= rounded(wavelet.FACTORS[at] * (line[mirror(i - 1)] + line[mirror(i + 1)]))
    return line


@pytest.mark.parametrize("n", [1, 2, 3, 8, 13])
def test_synthesis_is_that_of_exact_integers(n):
    rng = np.random.default_rng(n)
    low, high = (rng.integers(-(1 << 30), 1 << 30, size) for size in ((n + 1) // 2, n // 2))
    assert wavelet.synthesise(low, high).tolist() == lifted(low.tolist(), high.tolist())


@pytest.mark.parametrize("diagonal", [False, True])
def test_logits_are_those_of_exact_integers(diagonal):
    rng = np.random.default_rng(3)
    network = networks.model().magnitudes[2][diagonal]
    signed = rng.integers(-127, 128, (len(network.directions), 20)) * rng.choice([0, 1], (len(network.directions), 20))
    sums = np.abs(signed.T @ network.directions.astype(np.int64))
    ways = contexts.octaves(sums, np.full(sums.shape, 8 * networks.SCALE, np.float32))
    features = rng.integers(0, 256, (20, len(network.layers[0][0]) - ways.shape[1]))
    at = np.concatenate([features, ways], axis=1)
    for W, b in network.layers[:-1]:
        at = np.clip((at @ W.astype(np.int64) + b.astype(np.int64)) // networks.SCALE, 0, contexts.TOP)
    W, b = network.layers[-1]
    exact = (at @ W.astype(np.int64) + b.astype(np.int64)) // 64
    exact = np.clip(exact, -networks.MOST_LOGIT, networks.MOST_LOGIT)
    assert np.array_equal(network.logits(features.astype(np.float32), signed.astype(np.float32)), exact)


def test_the_signed_features_of_the_two_kinds_of_bands_have_weights_of_their_own():
    model = networks.model()
    for straight, diagonal in zip(model.signs, model.signs[1:]):
        assert straight[0].layers[0][0].shape[0] < diagonal[0].layers[0][0].shape[0]  # more is known in later phases
    for straight, diagonal in [*model.signs, *model.magnitudes]:
        firsts = [
            each.directions if each.directions is not None else each.layers[0][0] for each in (straight, diagonal)
        ]
        assert firsts[0].shape == firsts[1].shape and np.any(firsts[0] != firsts[1])
        assert np.array_equal(straight.layers[-1][0], diagonal.layers[-1][0])


def test_networks_whose_sums_could_be_rounded_are_refused():
    W, b = np.full((66, 1), 1000), np.zeros(1)
    with pytest.raises(ValueError, match=r"may reach 16830000; expected below 2\^24"):
        networks.Network([(W, b)], odd=False)
    with pytest.raises(ValueError, match=r"may reach 25400000; expected below 2\^24"):
        networks.Network([(W * 0, b)], odd=False, directions=np.full((20, 1), 10000))


def test_octaves_are_bytes_of_a_logarithm():
    a = np.array([0, 1, 16, 160, 10**9])
    assert contexts.octaves(a, np.full(5, 16, np.float32)).tolist() == [0, 16, 65, 116, 255]


@pytest.mark.parametrize("reach", [1, 4])
def test_wide_sums_are_those_over_squares(reach):
    plane = np.random.default_rng(6).integers(0, 1 << 20, (5, 11))
    near = lambda at, n: slice(max(0, at - reach), min(n, at + reach + 1))
    expected = [[plane[near(i, 5), near(j, 11)].sum() // 16 for j in range(11)] for i in range(5)]
    assert contexts.squares(plane, reach).tolist() == expected


PROGRAM = """
import sys, hashlib, mfrd
print(hashlib.sha256(mfrd.decompress(sys.stdin.buffer.read()).tobytes()).hexdigest())
"""


def test_without_the_processors_special_units_the_same_picture(crop):
    """NumPy's vector units off, linear algebra of an old processor: other orders of summation, no fused additions."""
    features = np._core._multiarray_umath.__cpu_features__
    off = " ".join(name for name in ("AVX2", "FMA3", "AVX512F", "AVX512_SKX", "AVX512_ICL") if features.get(name))
    environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": off, "OPENBLAS_CORETYPE": "Prescott"}
    environment["PYTHONPATH"] = str(Path(mfrd.__file__).parents[1])
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM], input=crop[2], env=environment, capture_output=True
    )
    assert run.stdout.decode().strip() == hashlib.sha256(mfrd.decompress(crop[2]).tobytes()).hexdigest(), run.stderr


def test_nothing_on_the_way_of_a_decoder_is_rounded_as_a_machine_likes():
    """Means, logarithms and exponentials of floats occur on the encoder's way alone."""
    free = {"Encoder", "Trial", "Search", "quantise", "golomb_bits", "analyse", "analyse_picture", "Model", "WINDOW"}
    rounded = {"log", "log2", "exp", "exp2", "mean", "dot", "einsum", "power"}
    names = lambda node: (
        {getattr(node, "name", None)} | {each.id for each in getattr(node, "targets", ())[:1] if hasattr(each, "id")}
    )
    seen = set()
    for module in (pictures, contexts, networks, wavelet, dependent, bits):
        tree = ast.parse(Path(module.__file__).read_text())
        for node in tree.body:
            called = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)} & rounded
            seen |= names(node) & free if called else set()
            assert not called or names(node) & free, (module, node)
    assert {"Model", "Search", "WINDOW"} <= seen


# --- damage and misuse ----------------------------------------------------------------------------


def test_damaged_files_are_refused(crop):
    file = crop[2]
    for at in range(0, len(file), 97):
        with pytest.raises(mfrd.CorruptStream):
            mfrd.decompress(file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :])
        with pytest.raises(mfrd.CorruptStream):
            mfrd.decompress(file[:at])
    with pytest.raises(mfrd.CorruptStream, match="the check of a file"):
        mfrd.decompress(file + b"\0")
    with pytest.raises(mfrd.CorruptStream, match="expected a file of mfrd.compress"):
        mfrd.decompress(b"MFRD" + file[4:])


@pytest.mark.parametrize(
    "body, said",
    [
        (b"mp\x07", "kind is 7"),
        (b"mp\x32", "kind is 50; this module reads version 3"),
        (b"mp\x23", "ends inside a field"),
        (b"mp\x23" + b"\xff" * 10, "more than 62 bits"),
        (b"mp\x23" + variable_lengths(1 << 20, 1 << 20), "expected 1 to"),
        (b"mp\x23" + variable_lengths(0, 5), "a picture of 0 x 5"),
        (b"mp\x03" + variable_lengths(4, 5), "ends inside a field of 8"),
    ],
)
def test_files_with_a_check_and_without_sense_are_refused(body, said):
    with pytest.raises(mfrd.CorruptStream, match=said):
        mfrd.decompress(body + pictures.check_of(body))


def test_payloads_that_no_encoder_writes_end(crop):
    rng = np.random.default_rng(4)
    for _ in range(3):
        body = crop[2][:20] + rng.bytes(60)
        try:
            assert mfrd.decompress(body + pictures.check_of(body)).shape == crop[0].shape
        except mfrd.CorruptStream:
            pass


PICTURE, MASK, RAMP = np.zeros((4, 5)), np.ones((4, 5), bool), np.arange(20.0).reshape(4, 5)


@pytest.mark.parametrize(
    "picture, mask, targets, error, said",
    [
        (PICTURE, MASK[:3], {}, ValueError, r"shape \(4, 5\) and a mask of shape \(3, 5\)"),
        (PICTURE[None], MASK[None], {}, ValueError, r"expected \(N,\), \(N, channels\) or \(H, W\)"),
        (np.zeros((0, 5)), np.ones((0, 5), bool), {}, ValueError, "at least one sample"),
        (PICTURE, MASK.astype(int), {}, TypeError, "the mask is of int"),
        (PICTURE * np.nan, MASK, {}, ValueError, "20 samples are not finite"),
        (PICTURE, MASK, {"inside": 0}, ValueError, "inside is 0; expected a root mean square"),
        (PICTURE, MASK, {"outside": np.inf}, ValueError, "outside is inf"),
        (PICTURE, MASK, {"peak": 255, "inside": 300}, ValueError, "inside is 300; expected decibels"),
        (PICTURE, MASK, {"peak": 0}, ValueError, "peak is 0"),
        (RAMP, MASK, {"inside": 1e-9}, ValueError, "are not reached"),
    ],
)
def test_misuse_is_named(picture, mask, targets, error, said):
    with pytest.raises(error, match=said):
        mfrd.compress(picture, mask, **{"inside": 1.0, "outside": 1.0, **targets})


def test_decompress_takes_bytes():
    with pytest.raises(TypeError, match="data is str; expected bytes"):
        mfrd.decompress("mp")


# --- the filter of decoded pictures ---------------------------------------------------------------


def test_the_filter_is_that_of_exact_integers():
    rng = np.random.default_rng(5)
    picture, steps = rng.integers(-2000, 2000, (7, 45)), rng.choice((2100, 9000), (7, 45))
    layers = [
        (W.astype(np.int64), b.astype(np.int64))
        for W, b in [networks.model().filter.first, *networks.model().filter.rest]
    ]

    def correlate(planes, W):
        size = len(W)
        rows, columns = (n - size + 1 for n in planes.shape[:2])
        cut = lambda i, j: planes[i : i + rows, j : j + columns]
        return sum(cut(i, j) @ W[i, j] for i in range(size) for j in range(size))

    at = correlate(np.pad(picture, len(layers) + 1, mode="symmetric")[..., None], layers[0][0]) * 32 / 512
    at = np.clip(
        np.floor(at / np.pad(steps, len(layers) - 1, mode="symmetric")[..., None] + layers[0][1]), 0, 255
    ).astype(np.int64)
    for W, b in layers[1:-1]:
        at = np.clip(correlate(at, W) + b >> 9, 0, 255)
    last = np.clip((correlate(at, layers[-1][0]) + layers[-1][1])[..., 0], -(1 << 13), 1 << 13)
    assert np.abs(last).max() > 100
    assert np.array_equal(networks.model().filter(picture, steps), picture + (last * steps >> 14))


def test_the_filter_moves_with_the_level():
    values, steps = 100 * CAMERA[80:120, 190:240].astype(np.int64), np.full((40, 50), 3000)
    filtered = networks.model().filter
    assert np.any(filtered(values, steps) != values)
    assert np.array_equal(filtered(values + 10**7, steps), filtered(values, steps) + 10**7)


def test_filters_whose_sums_could_be_rounded_are_refused():
    small = [(np.zeros((3, 3, 2, 2), int), np.zeros(2, int))] * 2 + [(np.zeros((3, 3, 2, 1), int), np.zeros(1, int))]
    first = np.zeros((5, 5, 1, 2), int)
    first[0, 0], first[1, 1] = 1, -1
    networks.Filter([(first, np.zeros(2, int)), *small])
    with pytest.raises(ValueError, match="do not sum to zero"):
        networks.Filter([(np.abs(first), np.zeros(2, int)), *small])
    with pytest.raises(ValueError, match=r"may reach 2\^24"):
        networks.Filter([(first, np.zeros(2, int)), (np.full((3, 3, 2, 2), 4000), np.zeros(2, int)), *small[1:]])


@pytest.mark.parametrize("most", [None, 1])
def test_no_target_between_two_that_are_reached_is_out_of_reach(most):
    rng = np.random.default_rng(7)
    picture = np.add.outer(np.arange(2.0), 2.0 * np.arange(100)) + rng.normal(size=(2, 100))
    picture, mask = np.clip(np.rint(picture), 0, 255), np.arange(200).reshape(2, 100) < 100
    for inside in (45, 48, 50):
        found = mfrd.decompress(mfrd.compress(picture, mask, inside=inside, outside=30, peak=255, inside_max=most))
        for target, at in ((inside, mask), (30, ~mask)):
            assert np.mean((found - picture)[at] ** 2) <= 255**2 / 10 ** (target / 10)
