"""Mixtures: the best time-sharing of encoders that are given."""

import numpy as np
import pytest
from helpers.cases import trimodal_source

import mfrd
from mfrd.quantisers.cells import from_labels


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
