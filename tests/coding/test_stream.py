"""Streams: what a quantiser costs in bytes on drawn letters."""

import numpy as np
import pytest
from helpers.cases import trimodal_source

import mfrd


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
