"""Integer arrays to bytes and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mfrd
from mfrd.coding import arrays

LISTS = st.lists(st.lists(st.integers(-3000, 3000), max_size=80), max_size=6)


@given(LISTS)
@settings(max_examples=60, deadline=None)
def test_integer_arrays_come_back(lists):
    given_arrays = [np.array(each, np.int64) for each in lists]
    back = arrays.unpack(arrays.pack(given_arrays))
    assert len(back) == len(given_arrays) and all(map(np.array_equal, back, given_arrays))


WRITTEN = bytes.fromhex("210000000100000078da6361656464646060666060e463b9c9729d05c81905a380ea801100643701ddd4e8607d")


def test_the_format_stays_as_it_is():
    """Four arrays as the first release wrote them."""
    lists = [np.array([3, -1, 3, 3, 0]), np.zeros(0, int), np.full(4, 7), np.array([300, -300])]
    assert arrays.pack(lists) == WRITTEN
    assert all(map(np.array_equal, arrays.unpack(WRITTEN), lists))


def test_narrow_integers_do_not_overflow():
    values = np.array([-128, 127, 0], np.int8)
    (back,) = arrays.unpack(arrays.pack([values]))
    assert (back == values).all()


def test_a_list_with_words_too_many_or_cut_is_refused():
    data = arrays.pack([np.random.default_rng(0).integers(-50, 50, 400)])
    size, words = arrays.LENGTHS.unpack_from(data)
    longer = arrays.LENGTHS.pack(size, words + 3) + data[arrays.LENGTHS.size :] + bytes(range(12))
    with pytest.raises(mfrd.CorruptStream, match="words remain"):
        arrays.unpack(longer)
    for end in range(len(data)):
        with pytest.raises(mfrd.CorruptStream, match="not the length"):
            arrays.unpack(data[:end])
