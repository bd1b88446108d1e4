"""Streams of trellises: exact round trips, honest bytes, named errors for every damage."""

import base64
import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

import mfrd
from mfrd.coding.container import CHECK, FRAME, checksum
from mfrd.coding.trellis_stream import PREFIX, Pieces, TrellisReader, envelope
from mfrd.problems.binning import between
from mfrd.quantisers.trellis_design import STEPS, Tables


@pytest.fixture(scope="module")
def trimodal():
    source = mfrd.bumps(mfrd.grid(-8, 8, 100), [0.25] * 3, [-5, -1, 2.5], [0.3, 0.6, 0.4], 0.015625)
    core = mfrd.Fidelity(0.05, on=abs(source.points) < 1, name="core")
    return mfrd.trellis(source, [mfrd.Fidelity(0.6), core], 8)


@pytest.fixture(scope="module")
def codec(trimodal):
    return mfrd.Codec(trimodal)


@pytest.mark.parametrize("N", [0, 1, 2, 100, STEPS, STEPS + 1, 3 * STEPS - 1, 50_000])
def test_the_bytes_hold_the_codewords_that_were_chosen(N, codec, trimodal):
    x = trimodal.source.points[mfrd.draw(trimodal.source, N, N)]
    decoded = mfrd.Codec.decode(codec.encode(x))
    assert decoded.shape == (N, 1) and decoded.dtype == np.float64
    assert (decoded[:, 0] == codec.codebook[codec.cells(x), 0]).all()
    assert np.isin(decoded[:, 0], trimodal.codebook).all()


def test_measured_bytes_are_the_rate_and_measured_distortions_the_distortions(trimodal):
    stream = mfrd.measure(trimodal, mfrd.draw(trimodal.source, 1_000_000, 5))
    assert stream.cross_entropy == pytest.approx(trimodal.rate, abs=5 * trimodal.rate_error)
    assert 0 < stream.bits - stream.cross_entropy < 0.002
    for name, value in stream.distortions.items():
        assert value == pytest.approx(trimodal.distortions[name], abs=6 * trimodal.standard_errors[name])


def test_several_frames_streamed_are_the_bytes_of_the_whole(codec):
    x = np.random.default_rng(0).normal(size=FRAME + 5000)
    data = codec.encode(x)
    chunks = np.split(x, [1, 1000, 1000, FRAME - 3, FRAME + 2])
    assert b"".join(codec.encode_stream(chunks)) == data
    pieces = [data[at : at + 7001] for at in range(0, len(data), 7001)]
    frames = list(mfrd.Codec.decode_stream(pieces))
    assert [len(frame) for frame in frames] == [FRAME, 5000]
    assert (np.concatenate(frames) == mfrd.Codec.decode(data)).all()
    assert [piece.shape for piece in mfrd.Codec.decode_stream([codec.encode([])])] == [(0, 1)]


def test_samples_off_the_alphabet_are_coded_as_they_are(codec, trimodal):
    """The path of a sample between letters is that of its own cost, at the weights of its nearest letter."""
    line, rng = trimodal.line, np.random.default_rng(1)
    x = np.concatenate([rng.uniform(-9, 9, 3000), trimodal.source.points, [-1e6, 1e6, 1e200, -1e308]])
    middles = (line.x[1:] + line.x[:-1]) / 2
    x = np.concatenate([x, middles + line.centre])
    centred = np.clip(x - line.centre, -1e30, 1e30)
    theta = (trimodal.multipliers @ line.slopes)[np.searchsorted(middles, centred)]  # of two as near the lower letter
    words = trimodal.codewords
    few = np.abs(centred) < 1e5
    cost = theta[:, None] * (centred[:, None] - words.y) ** 2 - np.log2(words.masses)  # (N, m)
    found = np.array([costs for costs, _ in codec.nearest.pieces(centred)])
    for label in range(4):
        own = words.labels == label
        expected = cost[:, own].min(axis=1) - cost[:, words.labels == 0].min(axis=1)
        assert found[label][few] == pytest.approx(expected[few], rel=1e-9, abs=1e-8)
    assert np.isfinite(found).all()
    with pytest.warns(UserWarning, match=f"4 of {len(x)} samples lie beyond the range of the trellis"):
        decoded = mfrd.Codec.decode(codec.encode(x))[:, 0]
    assert (decoded[x > 1e5] == trimodal.codebook[words.labels % 2 == 0].max()).all() or (decoded[x > 1e5] > 4).all()


def test_letters_and_samples_at_letters_cost_the_same(codec, trimodal):
    line = trimodal.line
    tables = Tables(line, trimodal.multipliers, trimodal.codewords)
    found = np.array([costs for costs, _ in codec.nearest.pieces(line.x)])
    assert found - found.min(axis=0) == pytest.approx(tables.costs, abs=1e-5)


def test_moving_samples_to_letters_first_would_distort_more(codec, trimodal):
    rng = np.random.default_rng(2)
    x = np.repeat(trimodal.source.points[mfrd.draw(trimodal.source, 100_000, 2)], 1)
    off = x + rng.uniform(-0.08, 0.08, len(x))
    as_they_are = np.mean((off - mfrd.Codec.decode(codec.encode(off))[:, 0]) ** 2)
    moved = np.mean((off - mfrd.Codec.decode(codec.encode(x))[:, 0]) ** 2)
    assert as_they_are < moved


def test_ten_thousand_mutations_never_give_wrong_samples(codec, trimodal):
    rng = np.random.default_rng(0)
    x = trimodal.source.points[mfrd.draw(trimodal.source, 300, 0)]
    data = codec.encode(x)
    right = mfrd.Codec.decode(data)
    caught = 0
    for _ in range(10_000):
        broken = bytearray(data)
        kind = rng.integers(5)
        at = int(rng.integers(len(broken)))
        if kind == 0:
            broken[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            broken[at : at + int(rng.integers(1, 9))] = rng.bytes(int(rng.integers(1, 9)))
        elif kind == 2:
            del broken[at : at + int(rng.integers(1, 40))]
        elif kind == 3:
            broken[at:at] = rng.bytes(int(rng.integers(1, 9)))
        else:
            broken += rng.bytes(int(rng.integers(1, 9)))
        try:
            assert (mfrd.Codec.decode(bytes(broken)) == right).all()  # only where the mutation changed nothing
            assert bytes(broken) == data
        except mfrd.CorruptStream:
            caught += 1
    assert caught > 9900


def resealed(data, at, replacement):
    """The stream with bytes replaced in its prefix and the checks of prefix and model made anew."""
    head = bytearray(data[: PREFIX.size])
    head[at : at + len(replacement)] = replacement
    m = sum(PREFIX.unpack(head)[4:8])
    model = data[PREFIX.size + CHECK :][: 6 * m]
    first = checksum(b"", bytes(head))
    return bytes(head) + first + model + checksum(first, model)


@pytest.mark.parametrize(
    "at, replacement, match",
    [
        (0, b"XFRT", "starts with b'XFRT'"),
        (4, b"\x09", "version is 9; this module reads version 1"),
        (5, struct.pack("<H", 6), "expected h0 odd of degree 2 to 12"),
        (17, struct.pack("<d", np.nan), "finite codewords"),
    ],
)
def test_prefixes_that_hold_but_say_what_cannot_be_are_refused(at, replacement, match, codec):
    with pytest.raises(mfrd.CorruptStream, match=match):
        TrellisReader([resealed(codec.encode([]), at, replacement)])


def test_streams_that_are_none_are_named(codec):
    data = codec.encode(np.zeros(100))
    for broken, match in (
        (data[:-1], "ends at byte"),
        (data + b"\0", "bytes follow the end"),
        (data[:30], "inside the prefix"),
        (b"", "ends at byte 0"),
        (b"XFRT" + data[4:], "starts with b'XFRT'"),
        (b"MFRD" + data[4:], "the check of the prefix"),
    ):
        with pytest.raises(mfrd.CorruptStream, match=match):
            mfrd.Codec.decode(broken)
    with pytest.raises(TypeError, match="data is str; expected bytes"):
        mfrd.Codec.decode("MFRT")


@pytest.mark.parametrize(
    "samples, match",
    [([np.nan], "expected finite numbers"), (np.zeros((3, 2)), r"expected \(N, 1\) or \(N,\)"), (1.0, "one number")],
)
def test_samples_that_are_none_are_refused(samples, match, codec):
    with pytest.raises(ValueError, match=match):
        codec.encode(samples)


def test_streams_of_both_kinds_are_told_apart_however_they_are_cut(codec):
    cells = mfrd.Codec(mfrd.ecsq(codec.encoder.source, 0.6).deterministic())
    x = codec.encoder.source.points[:50]
    for one, other in ((codec, cells), (cells, codec)):
        data = one.encode(x)
        bytewise = [data[at : at + 1] for at in range(len(data))]
        assert (np.concatenate(list(other.decode_stream(bytewise))) == one.decode(data)).all()
    with pytest.raises(TypeError, match="a piece is int; expected bytes"):
        list(mfrd.Codec.decode_stream([7]))


def test_a_codec_of_a_trellis_can_be_pickled(codec):
    x = codec.encoder.source.points
    assert pickle.loads(pickle.dumps(codec)).encode(x) == codec.encode(x)


def test_nothing_is_spent_on_what_one_codeword_says():
    source = mfrd.bumps(mfrd.grid(-3, 3, 30), [1], [0], [1])
    codec = mfrd.Codec(mfrd.trellis(source, mfrd.Fidelity(3.0), 8))
    data = codec.encode(source.points)
    assert len(data) - len(codec.encode([])) == 16  # lengths and check of a frame
    assert (mfrd.Codec.decode(data) == codec.codebook[0, 0]).all()


def test_the_lower_envelope_of_lines():
    rng = np.random.default_rng(0)
    for _ in range(200):
        slopes, levels = rng.integers(-5, 6, 8).astype(float), rng.normal(size=8)
        cuts = envelope(slopes, levels)
        x = np.concatenate([[-50.0], (cuts[1:] + cuts[:-1]) / 2, [50.0]]) if len(cuts) else np.zeros(1)
        best = (np.outer(x, slopes) + levels).argmin(axis=1)
        assert (np.diff(best) != 0).all() and (np.diff(cuts) > 0).all()
        at = np.sort(rng.uniform(-50, 50, 300))
        lowest = (np.outer(at, slopes) + levels).min(axis=1)
        chosen = best[np.searchsorted(cuts, at)] if len(cuts) else np.full(300, best[0])
        assert slopes[chosen] * at + levels[chosen] == pytest.approx(lowest)


def test_pieces_know_labels_without_codewords(trimodal):
    source = mfrd.bumps(mfrd.grid(-3, 3, 30), [1], [0], [1])
    codec = mfrd.Codec(mfrd.trellis(source, mfrd.Fidelity(3.0), 8))
    middles = between(codec.encoder.line.x[:-1], codec.encoder.line.x[1:])
    found = np.array([costs for costs, _ in Pieces(middles, np.ones(30), codec.nearest.layout)(np.zeros(3))])
    assert np.isinf(found[2:]).all() and np.isfinite(found[:2]).all()


def test_streams_of_version_1_stay_readable():
    """A stream of 400 samples of the trimodal source that version 1 wrote with 8 states, and what it held."""
    held = json.loads((Path(__file__).parent / "streams_trellis_1.json").read_text())
    decoded = mfrd.Codec.decode(base64.b64decode(held["stream"]))
    assert decoded[:, 0].tolist() == [held["codebook"][j] for j in held["decoded"]]
