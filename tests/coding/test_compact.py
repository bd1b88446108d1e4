"""The second version of the container: small headers, headers apart, frames that are flushed, samples that escape."""

import numpy as np
import pytest
from helpers.cases import trimodal_source as trimodal
from hypothesis import given, settings
from hypothesis import strategies as st

import mfrd
from mfrd.coding.compact import Bytes, Header, check, coded, counts_of, folded, octaves, unfolded
from mfrd.coding.container import CorruptStream
from mfrd.coding.points import State, halved, integers_of, of_integers, placed, state_of
from mfrd.coding.precision import written
from mfrd.quantisers.cells import from_labels

RNG = np.random.default_rng(0)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-(2**52), 2**52), max_size=60), st.integers(0, 52))
def test_integers_come_back_from_their_code(numbers, shift):
    values = np.array(numbers, np.int64) >> shift
    data = Bytes(coded(folded(values)) + coded(folded(values[:1])))
    assert (unfolded(data.array(len(values))) == values).all()
    assert (unfolded(data.array(min(len(values), 1))) == values[:1]).all()
    data.end()


def test_geometric_integers_cost_little_more_than_their_entropy():
    values = RNG.geometric(0.02, 5000)
    p = np.bincount(values)[1:] / 5000
    assert 8 * len(coded(values)) < 1.1 * 5000 * -(p[p > 0] @ np.log2(p[p > 0]))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 2000), st.floats(0.01, 10), st.integers(0, 10**6))
def test_counts_from_sixteenths_of_octaves_cost_a_thousandth_of_a_bit(m, concentration, seed):
    pmf = np.random.default_rng(seed).dirichlet(np.full(m, concentration))
    counts = counts_of(octaves(pmf))
    assert counts.sum() == 1 << 24 and counts.min() >= 1
    held = pmf > 0
    assert pmf[held] @ np.log2(pmf[held] * 2**24 / counts[held]) < 1e-3 + 2 * m / 2**24


@pytest.mark.parametrize("D", [3.0, 0.6, 0.1, 0.01])
def test_a_header_takes_twenty_bytes_and_two_a_codeword(D):
    codec = mfrd.Codec(mfrd.ecsq(trimodal(), D).deterministic())
    assert len(codec.header) <= 20 + 2 * len(codec.codebook)
    assert len(codec.encode([])) <= len(codec.header) + 6
    known = Header.parsed(codec.header[6:-4]) if len(codec.header) < 128 + 6 else codec.known
    assert (known.codebook == codec.codebook).all() and (counts_of(known.levels) == codec.counts).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), st.integers(1, 4), st.integers(1, 2**40), st.integers(0, 383), st.integers(0, 10**6))
def test_a_set_of_points_and_their_counts_come_back_from_a_state(m, k, most, level, seed):
    rng = np.random.default_rng(seed)
    points = rng.integers(0, rng.integers(1, most + 1, k), (m, k))  # equal ones among them
    levels, side = rng.integers(0, level + 1, m), points.max(axis=0) + 1
    order, symbols = halved(points, side)
    state = State(state_of(symbols + of_integers(levels, level)))
    assert (placed(state, m, side) == points[order]).all() and (integers_of(state, m, level) == levels).all()
    state.end()
    with pytest.raises(CorruptStream, match="does not end with its last symbol"):
        State(b"\1").end()


def test_codewords_in_space_are_told_as_a_set():
    """Their order costs nothing: log2 m! bits are saved of what their places take."""
    m, side = 300, 64
    points = RNG.integers(0, side, (m, 3))
    saved = sum(np.log2(np.arange(1, m + 1)))
    assert 8 * len(state_of(halved(points, np.full(3, side))[1])) < 1.06 * (m * 3 * 6 - saved)


def test_three_axes_of_a_seismogram_have_a_header_of_two_bytes_a_codeword():
    rng, t = np.random.default_rng(0), np.arange(4000)
    walk = np.cumsum(rng.standard_t(3, (4000, 3)), axis=0)
    still = walk - np.apply_along_axis(lambda c: np.convolve(c, np.ones(50) / 50, "same"), 0, walk)
    samples = np.rint(still * np.exp(-(((t - 1500) / 500) ** 2))[:, None] * 300)
    source = mfrd.Source.from_samples(samples, bins=16)
    D = source.p @ source.within + 0.05 * samples.var(axis=0).sum()
    codec = mfrd.Codec(mfrd.mixture([mfrd.uniform_quantiser(source, 200.0)], mfrd.Fidelity(D)).deterministic())
    assert codec.check(samples).kept["global"] and len(codec.codebook) > 150
    assert len(codec.header) < 20 + 2 * len(codec.codebook)
    far = mfrd.Codec.from_header(codec.header)
    assert (far.decode(codec.encode(samples, header=False)) == codec.decode(codec.encode(samples))).all()


@pytest.mark.parametrize("share, bits", [(0.02, 2.3), (0.1, 1.3)])
def test_sixty_streams_of_a_second_take_little_more_than_one_of_a_minute(share, bits):
    rng, t = np.random.default_rng(0), np.arange(6000) / 100
    phase = 1.15 * t % 1
    beat = 1.2 * np.exp(-(((phase - 0.3) / 0.012) ** 2)) + 0.25 * np.exp(-(((phase - 0.55) / 0.05) ** 2))
    samples = np.round((beat + 0.1 * np.sin(1.3 * t) + 0.01 * rng.normal(size=6000)) * 200) / 200
    codec = mfrd.Codec(mfrd.ecsq(mfrd.Source.from_samples(samples), share * samples.var()).deterministic())
    assert codec.cross_entropy(samples) < bits
    streams = [codec.encode(part, header=False) for part in np.split(samples, 60)]
    assert len(codec.header) + sum(map(len, streams)) <= 1.3 * len(codec.encode(samples))
    assert (np.concatenate([codec.decode(s) for s in streams]) == codec.decode(codec.encode(samples))).all()


@pytest.mark.parametrize("N", [0, 1, 63, 64, 100, 3000])
def test_an_altered_stream_without_its_header_is_told(N):
    codec = mfrd.Codec(mfrd.ecsq(trimodal(), 0.6).deterministic())
    samples = RNG.choice(trimodal().points, N)
    data = codec.encode(samples, header=False)
    assert (data[:1] == b"m") == (N == 3000)  # no more than 256 bytes are brief
    assert (codec.decode(data) == codec.decode(codec.encode(samples))).all() and len(codec.decode(data)) == N
    for more in (b"x", bytes(300), data):
        with pytest.raises(CorruptStream):
            codec.decode(data + more)
    for i in range(len(data)):
        with pytest.raises(CorruptStream):
            codec.decode(data[:i] + bytes([data[i] ^ 1 << i % 8]) + data[i + 1 :])
        with pytest.raises(CorruptStream):
            codec.decode(data[:i])


def test_streams_without_their_header_stay_as_they_are():
    """Eight samples as they were written before brief streams were, and as they are."""
    source = mfrd.Source([-1.0, 0.0, 0.5, 2.0], [0.25, 0.5, 0.125, 0.125])
    encoder = mfrd.Encoder(source, [-1.0, 0.125, 2.0], np.array([0, 1, 1, 2]))
    codec = mfrd.Codec(encoder.keeping([mfrd.Fidelity(0.1)]))
    samples = [0.125, 0.125, -1.0, 0.125, 2.0, 0.125, 0.125, 0.125]
    assert codec.encode(samples, header=False) == bytes.fromhex("887d35e7e9")
    for data in ("6d21027d35f151", "887d35e7e9"):
        assert codec.decode(bytes.fromhex(data))[:, 0].tolist() == samples


def test_a_brief_stream_is_read_in_any_pieces_and_forged_ones_fail_by_name():
    codec = mfrd.Codec(mfrd.ecsq(trimodal(), 0.6).deterministic())
    samples = RNG.choice(trimodal().points, 90)
    data = codec.encode(samples, header=False)
    pieces = [bytearray(data[:1]), b"", *(memoryview(data[i : i + 2]) for i in range(1, len(data), 2))]
    assert (np.concatenate([*codec.decode_stream(pieces)]) == codec.decode(data)).all()
    with pytest.raises(TypeError, match="a piece is str; expected bytes"):
        [*codec.decode_stream([data[:5], "text"])]
    one = mfrd.Codec(from_labels(trimodal(), np.zeros(len(trimodal().p), int)))
    assert len(one.encode(np.zeros(60), header=False)) == 3 and len(one.decode(one.encode([0.0], header=False))) == 1
    closed = lambda coder, body: body + check(coder.header[-4:], body)[:2]
    assert len(codec.decode(closed(codec, b"\xc0\x80\x80\x01" + bytes(2)))) == 1 << 20
    for coder, body in (
        (codec, b"\x80x"),  # bytes, and no samples
        (codec, b"\x81" + bytes(13)),  # three words and more of one sample
        (codec, b"\xbf" + bytes(253)),  # more than are brief
        (codec, b"\xc1\x80\x80\x01" + bytes(2)),  # 2^20 + 1 samples
        (one, b"\x81\0"),  # a word of what costs nothing
        (codec, b"\xc0" + b"\xff" * 9),  # a number without an end
    ):
        with pytest.raises(CorruptStream, match="of .* samples in .* bytes follows byte|more than 62 bits"):
            coder.decode(closed(coder, body))


def test_a_hundred_codewords_in_space_are_small_and_what_has_no_budget_is_exact():
    plane = mfrd.Source(RNG.normal(size=(600, 3)), np.full(600, 1 / 600))
    found = mfrd.lloyd_max(plane, 120)
    loose, exact = mfrd.mixture(found, mfrd.Fidelity(0.5)).safe, mfrd.Codec(found)
    assert len(mfrd.Codec(loose).header) <= 20 + 3 * 120 < len(exact.header)
    assert (exact.codebook == found.y[exact.used]).all()
    assert len(mfrd.Codec(mfrd.ecsq(mfrd.Source.from_samples(np.arange(700) / 10), 0.0).safe).header) < 300


def test_codewords_are_rounded_only_as_far_as_every_budget_holds():
    source = trimodal()
    budgets = [mfrd.Fidelity(0.6), mfrd.Fidelity(0.02, on=abs(source.points) < 1, name="core")]
    encoder = mfrd.ecvq(source, budgets, starts="cells", rounds=3).deterministic()
    codec = mfrd.Codec(encoder)
    moved = abs(codec.codebook - encoder.y[codec.used]).max()
    assert 0 < moved < np.sqrt(0.02)
    report = codec.check(np.repeat(source.points, np.rint(source.p * 1e5).astype(int)))
    assert report.distortions["global"] < 0.6 * 1.01 and report.distortions["core"] < 0.02 * 1.01
    loose = mfrd.ecsq(source, 0.6).deterministic()  # a budget that is spent to the last place leaves no room
    tight = loose.keeping([mfrd.Fidelity(float(loose.source.p @ loose.distortion(mfrd.squared_error)))])
    off = [abs(mfrd.Codec(e).codebook - e.y[mfrd.Codec(e).used]).max() for e in (tight, loose)]
    assert off[0] < 1e-4 < 1e-2 < off[1]


def test_a_header_is_sent_once_and_apart():
    source = trimodal()
    codec, other = (mfrd.Codec(mfrd.ecsq(source, D).deterministic()) for D in (0.6, 0.5))
    far = mfrd.Codec.from_header(codec.header)
    samples = RNG.choice(source.points, 3000, p=source.p)
    for part in np.split(samples, 30):
        data = codec.encode(part, header=False)
        assert len(data) <= len(part) * codec.cross_entropy(part) / 8 + 5.25
        assert (far.decode(data) == codec.decode(codec.encode(part))).all() and (
            codec.decode(data) == far.decode(data)
        ).all()
        assert (np.concatenate([*far.decode_stream([data[:9], data[9:]])]) == far.decode(data)).all()
        with pytest.raises(CorruptStream, match="the stream has no header; expected it apart: Codec.from_header"):
            mfrd.Codec.decode(data)
        with pytest.raises(CorruptStream, match="belongs to another header"):
            other.decode(data)
    with pytest.raises(ValueError, match="made from a header and decodes alone"):
        far.encode(samples)
    for header, reason in (
        (codec.header[:-1], "ends at byte"),
        (codec.header + b"x", "bytes follow"),
        (data, "no header"),
    ):
        with pytest.raises(CorruptStream, match=reason):
            mfrd.Codec.from_header(header)


def test_frames_have_the_size_asked_for_and_go_out_at_once():
    source = trimodal()
    codec = mfrd.Codec(mfrd.ecsq(source, 0.6).deterministic())
    chunks = [RNG.choice(source.points, n) for n in (3, 0, 5, 1, 4)]
    whole = codec.decode(codec.encode(np.concatenate(chunks)))
    for frame, flush, sizes in ((4, False, [4, 4, 4, 1]), (4, True, [3, 4, 1, 1, 4]), (1 << 20, True, [3, 5, 1, 4])):
        pieces = [*codec.encode_stream(chunks, frame=frame, flush=flush)]
        decoded = [*codec.decode_stream(pieces)]
        assert [len(part) for part in decoded] == sizes and (np.concatenate(decoded) == whole).all()
    seen: list[int] = []
    sent = codec.encode_stream((seen.append(i) or chunk for i, chunk in enumerate(chunks)), flush=True)
    next(sent), next(sent)
    assert seen == [0]  # the first chunk is out before the second is asked for
    for frame in (0, 2**20 + 1, 1.5):
        with pytest.raises(ValueError, match="expected a whole number of samples from 1 to 1048576"):
            next(codec.encode_stream(chunks, frame=frame))


def test_streams_without_their_header_have_frames_and_escapes_too():
    source = trimodal()
    codec = mfrd.Codec(mfrd.ecsq(source, 0.6).deterministic())
    far = mfrd.Codec.from_header(codec.header)
    inside, outside = RNG.choice(source.points, 90), np.array([0.0, 99.0, 1.0])
    for chunks, extra in (([inside], 11), ([inside, inside[:1], outside, inside], 32), ([outside], 17), ([[], []], 3)):
        samples = np.concatenate(chunks)
        data = b"".join(codec.encode_stream(chunks, header=False, flush=True))
        assert (far.decode(data) == codec.decode(codec.encode(samples))).all()
        assert (far.decode(codec.encode(samples, header=False)) == far.decode(data)).all()
        assert len(data) <= len(samples) * codec.cross_entropy(samples) / 8 + extra
        for i in range(len(data)):
            with pytest.raises(CorruptStream):
                far.decode(data[:i])


@pytest.mark.parametrize("k", [1, 2])
def test_what_lies_outside_escapes_is_refused_or_is_clipped_by_choice(k):
    points = mfrd.grid(-2, 2, 17, k)
    source = mfrd.Source(points, np.full(len(points), 1 / len(points)))
    encoder = mfrd.mixture(mfrd.uniform_quantiser(source, 0.5), mfrd.Fidelity(0.1)).deterministic()
    samples = RNG.standard_t(2, size=(4000, k))
    outside = (abs(samples) > 2.125).any(axis=1)
    error = {
        how: ((mfrd.Codec.decode(mfrd.Codec(encoder, outside=how).encode(samples)) - samples) ** 2).sum(axis=1)
        for how in ("escape", "clip")
    }
    assert 0 < outside.sum() < 2000
    assert error["escape"][outside].max() <= 0.1 < error["clip"][outside].max()
    assert (error["escape"] == error["clip"])[~outside].all()
    assert mfrd.Codec(encoder).check(samples).escapes == outside.sum()
    first = np.flatnonzero(outside)[0]
    with pytest.raises(ValueError, match=rf"{outside.sum()} of 4000 samples lie outside .* in row {first},.*escape"):
        mfrd.Codec(encoder, outside="refuse").encode(samples)
    exact = mfrd.Codec(mfrd.uniform_quantiser(source, 0.5))  # no budget is known: as they are
    assert (exact.decode(exact.encode(samples)) == samples)[outside].all()
    far = np.array([[1e300] * k, [5e-324 - 3] * k])
    assert ((mfrd.Codec(encoder).decode(mfrd.Codec(encoder).encode(far)) - far) ** 2).max() < 0.1
    with pytest.raises(ValueError, match="outside is 'drop'; expected one of escape, refuse, clip"):
        mfrd.Codec(encoder, outside="drop")


def test_bodies_forged_with_valid_checks_fail_by_name():
    """Random bodies of headers and frames whose checks hold: an error by name, or samples, never anything else."""
    codec = mfrd.Codec(mfrd.ecsq(trimodal(), 0.6).deterministic())
    rng, failed = np.random.default_rng(1), 0
    for _ in range(500):
        body = bytearray(codec.header[6:-4])
        for _ in range(rng.integers(1, 4)):
            body[rng.integers(len(body))] = rng.integers(256)
        start = b"MFRD\2" + bytes([len(body)]) + bytes(body)
        N, words, escapes = int(rng.integers(0, 20)), rng.bytes(rng.integers(12)), rng.bytes(rng.integers(20))
        frame = bytes([4 * N + 3, len(words)]) + words + bytes([len(escapes)]) + escapes
        for header in (start + check(b"", start), codec.header):
            try:
                mfrd.Codec.decode(header + frame + check(header[-4:], frame))
            except CorruptStream:
                failed += 1
    assert failed > 900


def test_zero_probability_and_one_codeword_have_headers_too():
    source = mfrd.Source(np.arange(3.0), [0.5, 0.5, 0.0])
    codec = mfrd.Codec(from_labels(source, np.arange(3)))
    assert codec.decode(codec.encode([2.0, 0.0, 2.0]))[:, 0].tolist() == [2, 0, 2]
    one = mfrd.Codec(from_labels(source, np.zeros(3, int)))
    assert len(one.encode(np.zeros(1000))) < 40
    header, order = written(from_labels(source, np.arange(3)), np.arange(3), np.arange(3))
    assert (header.codebook[:, 0] == source.points[order]).all()
