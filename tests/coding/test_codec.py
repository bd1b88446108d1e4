"""The codec: exact round trips, named errors for every damage, rates at the entropy, bounded memory."""

import base64
import json
import pickle
import tracemalloc
from pathlib import Path

import constriction
import numpy as np
import pytest
from helpers.cases import trimodal_source as trimodal
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

import mfrd
from mfrd.coding.container import FRAME, LENGTHS, PREFIX, Writer, checksum, integer_counts
from mfrd.coding.nearest import BLOCK, nearest_letter
from mfrd.quantisers.cells import from_labels, labels


def random_encoder(rng, k, n, m):
    """Random letters, masses (some zero), cells and codewords."""
    p = rng.dirichlet(np.ones(n)) * (rng.random(n) < 0.8)
    source = mfrd.Source(rng.normal(size=(n, k)), p / p.sum() if p.sum() else np.full(n, 1 / n))
    codebook = rng.normal(size=(m, k))
    return mfrd.Encoder(source, codebook, np.eye(m)[rng.integers(m, size=n)])


# --- round trips ------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 12), st.integers(0, 300), st.integers(0, 10**6))
def test_any_encoder_returns_its_reproduction_points(k, n, m, N, seed):
    rng = np.random.default_rng(seed)
    encoder = random_encoder(rng, k, n, m)
    letters = rng.integers(n, size=N)  # also letters of probability zero
    data = mfrd.Codec(encoder).encode(encoder.source.x[letters])
    decoded = mfrd.Codec.decode(data)
    assert decoded.shape == (N, k) and decoded.dtype == np.float64
    assert (decoded == encoder.y[labels(encoder)[letters]]).all()


@pytest.mark.parametrize("k", [1, 2])
def test_samples_off_the_alphabet_go_to_the_nearest_letter(k):
    rng = np.random.default_rng(k)
    points = mfrd.grid(-2, 2, 9, k)
    source = mfrd.Source(points, rng.dirichlet(np.ones(len(points))))
    codec = mfrd.Codec(from_labels(source, rng.integers(5, size=len(points))), outside="clip")
    samples = rng.normal(size=(500, k)) * 2
    nearest = mfrd.squared_error(samples, source.x).argmin(axis=1)
    expected = codec.encoder.y[labels(codec.encoder)[nearest]]
    assert (codec.decode(codec.encode(samples)) == expected).all()
    scattered = mfrd.Source(rng.normal(size=(50, k)), np.full(50, 0.02))
    codec = mfrd.Codec(from_labels(scattered, rng.integers(5, size=50)), outside="clip")
    nearest = mfrd.squared_error(samples, scattered.x).argmin(axis=1)
    expected = codec.encoder.y[labels(codec.encoder)[nearest]]
    assert (codec.decode(codec.encode(samples)) == expected).all()


@pytest.mark.parametrize("k, n", [(2, 1), (2, 700), (3, 300), (5, 40)])
def test_scattered_letters_and_their_neighbours_go_where_all_distances_say(k, n):
    """Letters, letters moved by one rounding error, and points anywhere; one block of samples and more."""
    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, k)) * 10.0 ** rng.integers(-3, 3, n)[:, None]
    search = nearest_letter(x, np.arange(n, dtype=np.int32), np.full(n, 1 / n))
    letters = rng.integers(n, size=BLOCK + 500)
    assert (search(x[letters]) == letters).all()
    near = np.nextafter(x[letters], rng.choice([-np.inf, np.inf], (len(letters), k)))
    assert (search(near) == letters).all()
    samples = np.concatenate([x[letters[:50]], rng.normal(size=(2000, k)) * 10.0 ** rng.integers(-3, 3, 2000)[:, None]])
    assert (search(samples) == mfrd.squared_error(samples, x).argmin(axis=1)).all()


def test_of_equal_letters_the_first_counts_and_zero_has_no_sign():
    x = np.array([[1.0, 2.0], [0.0, -0.0], [1.0, 2.0], [-0.0, 0.0], [3.0, 1.0]])
    search = nearest_letter(x, np.arange(5, dtype=np.int32), np.full(5, 0.2))
    samples = np.array([[1.0, 2.0], [0.0, 0.0], [-0.0, 0.0], [-0.0, -0.0], [3.0, 1.0], [3.1, 1.0]])
    assert (search(samples) == [0, 1, 1, 1, 4, 4]).all()


def test_letters_that_share_a_slot_of_the_table_are_still_found(monkeypatch):
    monkeypatch.setattr("mfrd.coding.nearest.SLOTS", 1 / 8)  # eight letters a slot
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    search = nearest_letter(x, np.arange(300, dtype=np.int32), rng.dirichlet(np.ones(300)))
    assert (search(x) == np.arange(300)).all()


def lattices():
    """Letters of few digits that fill no rectangle: integers in a disc, a hexagonal lattice, powers of two."""
    i, j = (side.ravel() for side in np.meshgrid(np.arange(-40.0, 41), np.arange(-40.0, 41)))
    disc = np.column_stack([i, j])[i**2 + j**2 < 1500]
    hexagons = np.column_stack([i + 0.5 * (j % 2), j * np.sqrt(0.75)])
    powers = np.column_stack([2.0**i, 2.0**j])[::2]
    return {"disc": disc, "hexagons": hexagons, "powers": powers}


@pytest.mark.parametrize("name", lattices())
def test_round_letters_rarely_share_a_slot_of_the_table(name, monkeypatch):
    asked = []

    class Counting(cKDTree):
        def query(self, x, *args, **kwargs):
            asked.append(len(x))
            return super().query(x, *args, **kwargs)

    monkeypatch.setattr("mfrd.coding.nearest.cKDTree", Counting)
    x = lattices()[name]
    search = nearest_letter(x, np.arange(len(x), dtype=np.int32), np.full(len(x), 1 / len(x)))
    assert (search(x) == np.arange(len(x))).all()
    assert sum(asked) < 0.03 * len(x)


def test_samples_far_beyond_scattered_letters_have_a_cell():
    x = np.random.default_rng(0).normal(size=(50, 2))
    search = nearest_letter(x, np.arange(50, dtype=np.int32), np.full(50, 0.02))
    far = np.array([[1e9, 0.0], [0.0, -1e9], [1e200, 0.0], [-1e308, 1e308]])
    found = search(far)
    assert (found[:2] == [x[:, 0].argmax(), x[:, 1].argmin()]).all()
    assert ((found >= 0) & (found < 50)).all()


def test_many_cells_and_cells_that_are_not_contiguous():
    rng = np.random.default_rng(0)
    points = np.sort(rng.normal(size=400))
    source = mfrd.Source(points, rng.dirichlet(np.ones(400)))
    for cells in (np.arange(400), rng.integers(3, size=400), np.arange(400) % 2, np.arange(400) // 5):
        codec = mfrd.Codec(from_labels(source, cells))
        drawn = rng.integers(400, size=3000)
        decoded = codec.decode(codec.encode(points[drawn]))[:, 0]
        assert (decoded == codec.encoder.codebook[labels(codec.encoder)[drawn]]).all()


def test_letters_one_rounding_error_apart_stay_apart():
    points = [1.0]
    for _ in range(40):
        points.append(np.nextafter(points[-1], 2))
    source = mfrd.Source(np.array(points), np.full(41, 1 / 41))
    encoder = mfrd.ecsq(source, 0).deterministic()
    assert (labels(encoder) == np.arange(41)).all()
    codec = mfrd.Codec(encoder)
    assert (codec.decode(codec.encode(points))[:, 0] == points).all()
    assert (codec.cells([-1e308, 1e308]) == [0, 40]).all()


def test_empty_input_one_codeword_and_a_single_sample():
    source = trimodal()
    one = mfrd.Codec(mfrd.ecsq(source, 100.0).deterministic())
    assert mfrd.Codec.decode(one.encode([])).shape == (0, 1)
    assert (one.decode(one.encode(np.zeros(10**6))) == one.codebook[0]).all()
    assert len(one.encode(np.zeros(10**6))) < 100
    plane = mfrd.Source(mfrd.grid(-1, 1, 3, 2), np.full(9, 1 / 9))
    codec = mfrd.Codec(from_labels(plane, np.arange(9)))
    assert codec.decode(codec.encode(np.zeros((0, 2)))).shape == (0, 2)
    assert (codec.decode(codec.encode([[1.0, -1.0]])) == [[1.0, -1.0]]).all()
    assert codec.cross_entropy(np.zeros((0, 2))) == 0


def kinds_of_letters():
    """Encoders on a line with few and many thresholds, with letters too near for bins, on a grid, and scattered."""
    rng, square = np.random.default_rng(0), mfrd.Source(mfrd.grid(-1, 1, 12, 2), np.full(144, 1 / 144))
    near = mfrd.Source(np.append(1 + np.arange(40) * 2.0**-50, 9.0), np.full(41, 1 / 41))
    scattered = mfrd.Source(rng.normal(size=(200, 3)), rng.dirichlet(np.ones(200)))
    return {
        "few": mfrd.ecsq(trimodal(), 0.6).deterministic(),
        "many": from_labels(trimodal(), np.arange(100)),
        "near": from_labels(near, np.arange(41)),
        "grid": mfrd.uniform_quantiser(square, 0.5),
        "scattered": from_labels(scattered, rng.integers(9, size=200)),
    }


@pytest.mark.parametrize("kind", kinds_of_letters())
def test_a_codec_through_pickle_writes_the_same_bytes(kind):
    encoder = kinds_of_letters()[kind]
    x = encoder.source.x[np.random.default_rng(1).integers(len(encoder.source.p), size=500)]
    samples = np.concatenate([x, x + 0.3])
    codec = mfrd.Codec(encoder)
    sent = pickle.loads(pickle.dumps(codec))
    assert sent.encode(samples) == codec.encode(samples)
    assert (sent.codebook == codec.codebook).all() and (sent.used == codec.used).all()


WRITTEN = bytes.fromhex(
    "4d465244010100030000000ba7d898def66edc000040000000a00000002000000000000000f0bf000000000000c03f000000000000004"
    "09f81d47e44e88212080000000100000000f4e77c097a58315a3b23d100000000000000000800000000000000f1e0027acd2793ee"
)


def test_version_1_of_the_format_is_read():
    """Eight samples as the first release wrote them, and more streams of that time."""
    samples = [0.125, 0.125, -1.0, 0.125, 2.0, 0.125, 0.125, 0.125]
    assert mfrd.Codec.decode(WRITTEN)[:, 0].tolist() == samples
    for name, held in json.loads((Path(__file__).parent / "streams_version_1.json").read_text()).items():
        assert mfrd.Codec.decode(base64.b64decode(held["stream"])).tolist() == held["decoded"], name
    source = mfrd.Source([-1.0, 0.0, 0.5, 2.0], [0.25, 0.5, 0.125, 0.125])
    codec = mfrd.Codec(mfrd.Encoder(source, [-1.0, 0.125, 2.0], np.eye(3)[[0, 1, 1, 2]]), outside="clip")
    data = codec.encode([0.0, 0.6, -3.0, 1.0, 9.0, 0.2, 0.0, -0.4])
    assert mfrd.Codec.decode(data)[:, 0].tolist() == samples and len(data) < len(WRITTEN) / 2


WRITTEN_2 = bytes.fromhex("4d465244020f010301fdff04f804cfc007340aac900758f0e323047d340ad0060500680278d0f2dca936")


def test_version_2_of_the_format_stays_as_it_is():
    """The same eight samples, two of which escape: the same bytes, and the same samples back."""
    source = mfrd.Source([-1.0, 0.0, 0.5, 2.0], [0.25, 0.5, 0.125, 0.125])
    budget = mfrd.Fidelity(0.1)
    codec = mfrd.Codec(mfrd.Encoder(source, [-1.0, 0.125, 2.0], np.array([0, 1, 1, 2])).keeping([budget]))
    assert codec.encode([0.0, 0.6, -3.0, 1.0, 9.0, 0.2, 0.0, -0.4]) == WRITTEN_2
    assert mfrd.Codec.decode(WRITTEN_2)[:, 0].tolist() == [0.125, 0.125, -3.0, 0.125, 9.0, 0.125, 0.125, 0.125]


def test_streams_are_the_same_however_they_are_cut():
    rng = np.random.default_rng(0)
    source = trimodal()
    codec = mfrd.Codec(mfrd.ecsq(source, 0.6).deterministic())
    samples = rng.choice(source.points, FRAME + 12345, p=source.p)
    whole = codec.encode(samples)
    cuts = np.sort(rng.integers(len(samples), size=7))
    assert b"".join(codec.encode_stream(np.split(samples, cuts))) == whole
    pieces = [whole[a:b] for a, b in zip(range(0, len(whole), 997), range(997, len(whole) + 997, 997))]
    assert (np.concatenate(list(mfrd.Codec.decode_stream(pieces))) == codec.decode(whole)).all()


def test_samples_and_encoders_that_are_refused():
    source = trimodal()
    codec = mfrd.Codec(mfrd.ecsq(source, 0.6).deterministic())
    with pytest.raises(ValueError, match="expected finite numbers"):
        codec.encode([0.0, np.nan])
    with pytest.raises(ValueError, match=r"expected \(N, 1\) or \(N,\)"):
        codec.encode(np.zeros((3, 2)))
    with pytest.raises(TypeError, match="expected bytes"):
        codec.decode("text")
    for number in (lambda: codec.encode(0.3), lambda: list(codec.encode_stream(source.points))):
        with pytest.raises(ValueError, match=r"one number; expected \(N, k\) or \(N,\)"):
            number()
    with pytest.raises(TypeError, match="a piece is int; expected bytes: pass a list"):
        list(codec.decode_stream(codec.encode([0.0])))
    soft = mfrd.Encoder(mfrd.Source([0.0, 1.0], [0.5, 0.5]), [0.0, 1.0], [[0.5, 0.5], [0.0, 1.0]])
    with pytest.raises(ValueError, match="randomised"):
        mfrd.Codec(soft)
    for other in (mfrd.ecsq(source, 0.6), mfrd.solve(mfrd.Problem(source, [0.0], mfrd.Fidelity(100.0)))):
        with pytest.raises(TypeError, match="expected mfrd.Encoder, as quantiser.deterministic"):
            mfrd.Codec(other)


@pytest.mark.parametrize("points", [[0.0, 1.0, -0.0], [[0.0, 2.0], [1.0, 5.0], [0.0, 2.0]]])
def test_equal_letters_in_different_cells_are_refused(points):
    source = mfrd.Source(points, [0.3, 0.4, 0.3])
    with pytest.raises(ValueError, match="letters 0 and 2 are the same point.*merge them"):
        mfrd.Codec(mfrd.Encoder(source, source.points[:2], [[1, 0], [1, 0], [0, 1]]))
    codec = mfrd.Codec(from_labels(source, [1, 0, 1]))
    assert (codec.encoder.y[codec.used][codec.cells(points)] == codec.encoder.y[[1, 0, 1]]).all()


# --- rates ------------------------------------------------------------------------------------


@pytest.mark.parametrize("D", [0.6, 0.1, 0.02])
def test_a_million_samples_cost_their_cross_entropy_within_a_thousandth(D):
    """All bytes counted: header, codebook, checks and payload."""
    source, rng = trimodal(), np.random.default_rng(0)
    codec = mfrd.Codec(mfrd.ecsq(source, D).deterministic())
    samples = rng.choice(source.points, 10**6, p=source.p)
    bits = 8 * len(codec.encode(samples)) / 10**6
    assert codec.cross_entropy(samples) <= bits <= 1.001 * codec.cross_entropy(samples)
    assert codec.cross_entropy(samples) == pytest.approx(codec.encoder.output_entropy, rel=5e-3)


def test_skewed_masses_keep_the_payload_at_its_cross_entropy():
    rng = np.random.default_rng(0)
    p = np.array([0.999, 0.0009, 0.0001 - 1e-7, 1e-7, 0.0])
    codec = mfrd.Codec(from_labels(mfrd.Source(np.arange(5.0), p), np.arange(5)))
    samples = rng.choice(5, 10**6, p=p).astype(float)
    ideal = codec.cross_entropy(samples) * 10**6
    payload = 8 * (len(codec.encode(samples)) - len(codec.encode([])))
    assert payload <= 1.001 * ideal + 8 * 16 + 128  # lengths and check of one frame, the coder's last words


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3000), st.floats(0.001, 10), st.integers(0, 10**6))
def test_counts_are_a_model_of_24_bits(m, concentration, seed):
    pmf = np.random.default_rng(seed).dirichlet(np.full(m, concentration))
    counts = integer_counts(pmf)
    assert counts.sum() == 1 << 24 and counts.min() >= 1
    plenty = pmf * 2**24 > 10 * m
    assert (abs(counts - pmf * 2**24) <= 2 * m + 1)[plenty].all()


# --- damage -----------------------------------------------------------------------------------


def mutation(rng, data, other):
    """A random alteration of a stream: bits, bytes, lengths, order, or pieces of another stream."""
    data, n = bytearray(data), len(data)
    at, size = int(rng.integers(n)), int(rng.integers(1, 40))
    kind = rng.integers(9)
    if kind == 0:
        data[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        data[at] = int(rng.integers(256))
    elif kind == 2:
        del data[at:]
    elif kind == 3:
        del data[at : at + size]
    elif kind == 4:
        data[at:at] = rng.bytes(size)
    elif kind == 5:
        data += rng.bytes(size)
    elif kind == 6:
        to = int(rng.integers(n))
        data[to : to + size] = data[at : at + size]
    elif kind == 7:
        data[at:] = other[at:]
    else:
        data[at : at + size] = rng.bytes(len(data[at : at + size]))
    return bytes(data)


def test_ten_thousand_mutations_are_all_caught():
    rng, source = np.random.default_rng(0), trimodal()
    codec = mfrd.Codec(mfrd.ecsq(source, 0.6).deterministic())
    samples = rng.choice(source.points, 1000, p=source.p)
    data, other = codec.encode(samples), codec.encode(samples[::-1])
    caught = 0
    while caught < 10_000:
        mutant = mutation(rng, data, other)
        if mutant in (data, other):
            continue
        with pytest.raises(mfrd.CorruptStream):
            mfrd.Codec.decode(mutant)
        caught += 1


def test_every_truncation_and_every_bit_is_caught():
    codec = mfrd.Codec(mfrd.ecsq(trimodal(), 3.0).deterministic())
    data = codec.encode(codec.encoder.source.points)
    for end in range(len(data)):
        with pytest.raises(mfrd.CorruptStream, match="ends at byte"):
            codec.decode(data[:end])
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(mfrd.CorruptStream):
            codec.decode(bytes(flipped))


@pytest.mark.parametrize("data, reason", [(b"", "ends at byte 0"), (b"\x89PNG\r\n\x1a\n" * 9, "starts with")])
def test_foreign_bytes_are_named(data, reason):
    with pytest.raises(mfrd.CorruptStream, match=reason):
        mfrd.Codec.decode(data)
    assert issubclass(mfrd.CorruptStream, ValueError)


def test_frames_of_other_streams_and_other_orders_are_caught():
    """Each frame's check holds in its own place only."""
    source, rng = trimodal(), np.random.default_rng(0)
    codec = mfrd.Codec(mfrd.ecsq(source, 3.0).deterministic())
    cells = [codec.cells(rng.choice(source.points, 50, p=source.p)) for _ in range(3)]
    writer = Writer(codec.counts, codec.codebook)
    start, frames, end = writer.start(), [writer.frame(c) for c in cells], writer.end()
    assert len(mfrd.Codec.decode(start + b"".join(frames) + end)) == 150
    for order in ([1, 0, 2], [0, 1], [1, 2], [0, 0, 1, 2], []):
        with pytest.raises(mfrd.CorruptStream):
            mfrd.Codec.decode(start + b"".join(frames[i] for i in order) + end)


class Forger(Writer):
    """Writes bodies of its own with checks that hold."""

    def forged(self, N, words):
        return self.sealed(LENGTHS.pack(N, len(words)) + np.asarray(words, "<u4").tobytes())


def test_streams_forged_with_valid_checks_fail_by_name():
    codec = mfrd.Codec(mfrd.ecsq(trimodal(), 0.6).deterministic())
    rng, outcomes = np.random.default_rng(0), []
    for _ in range(300):
        writer = Forger(codec.counts, codec.codebook)
        N, words = int(rng.integers(1, 100)), rng.integers(2**32, size=rng.integers(0, 9))
        data = writer.start() + writer.forged(N, words) + writer.end()
        try:
            outcomes.append(len(codec.decode(data)))  # words that happen to decode to N samples ...
        except mfrd.CorruptStream:
            outcomes.append(None)
    assert outcomes.count(None) == 300  # ... are refused: the end says how many there were
    for counts in (codec.counts * 2, np.append(codec.counts[:-1], 0)):
        with pytest.raises(mfrd.CorruptStream, match="counts sum"):
            mfrd.Codec.decode(Forger.start(stamped(Writer(codec.counts, codec.codebook), counts)))
    state = checksum(b"", PREFIX.pack(b"MFRD", 9, 1, 1))
    with pytest.raises(mfrd.CorruptStream, match="version is 9"):
        mfrd.Codec.decode(PREFIX.pack(b"MFRD", 9, 1, 1) + state)


def stamped(writer, counts):
    writer.counts = counts
    return writer


# --- memory -----------------------------------------------------------------------------------


def peak(action):
    """Largest memory in use during an action, bytes."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_lengths_that_lie_allocate_nothing():
    codec = mfrd.Codec(mfrd.ecsq(trimodal(), 0.6).deterministic())
    writer = Forger(codec.counts, codec.codebook)
    start = writer.start()
    lies = [
        start + LENGTHS.pack(2**32 - 1, 2**32 - 1),
        start + LENGTHS.pack(FRAME, FRAME),
        start + LENGTHS.pack(1, 2**31),
        PREFIX.pack(b"MFRD", 1, 65535, 2**32 - 1) + bytes(100),
        PREFIX.pack(b"MFRD", 1, 65535, 2**20) + checksum(b"", PREFIX.pack(b"MFRD", 1, 65535, 2**20)),
    ]

    def decode_all():
        for lie in lies:
            with pytest.raises(mfrd.CorruptStream):
                mfrd.Codec.decode(lie)

    decode_all()  # once outside, so that what pytest itself keeps is not counted
    assert peak(decode_all) < 2_000_000


def test_streaming_memory_does_not_grow_with_the_stream():
    source = trimodal()
    codec = mfrd.Codec(mfrd.ecsq(source, 0.6).deterministic())
    chunk = np.random.default_rng(0).choice(source.points, 1 << 18, p=source.p)
    counted = []

    def through(chunks):
        pieces = codec.encode_stream(chunk for _ in range(chunks))
        counted.append(sum(len(y) for y in mfrd.Codec.decode_stream(pieces)))

    short, long = peak(lambda: through(8)), peak(lambda: through(40))
    assert counted == [8 << 18, 40 << 18]
    assert long < 1.1 * short < 60_000_000  # a frame of 2^20 samples and its symbols


def test_the_model_in_the_coder_is_the_counts():
    """Bits of one long run of the rarest symbol: log2 of 2^24 / count each."""
    counts = integer_counts(np.array([0.9, 0.1 - 1e-5, 1e-5]))
    coder = constriction.stream.queue.RangeEncoder()
    coder.encode(np.full(10_000, 2, np.int32), Writer(counts, np.zeros((3, 1))).model)
    bits = 32 * len(coder.get_compressed()) / 10_000
    assert bits == pytest.approx(24 - np.log2(counts[2]), abs=64 / 10_000)
