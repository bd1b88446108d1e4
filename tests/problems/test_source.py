"""A source from measured samples or from a file: letters, frequencies, and errors that say what to do."""

import re
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import mfrd
from mfrd.problems.binning import LETTERS
from mfrd.problems.samples import SUFFIXES

rng = np.random.default_rng(5)
LINE, PLANE = rng.normal(size=2000), rng.normal(size=(2000, 2))


def test_few_distinct_values_are_letters_as_they_are():
    source = mfrd.Source.from_samples([3, 1, 3, 7, 3])
    assert source.points.tolist() == [1, 3, 7]
    assert source.pmf == pytest.approx([0.2, 0.6, 0.2], abs=1e-15)
    for values in (256, 257, LETTERS):
        source = mfrd.Source.from_samples(np.arange(values).repeat(2))
        assert source.points.tolist() == list(range(values)) and not source.within.any()


def test_rows_of_two_dimensions_are_letters_too():
    source = mfrd.Source.from_samples([[0, 1], [0, 1], [2, 0], [0, 0]])
    assert source.points.tolist() == [[0, 0], [0, 1], [2, 0]]
    assert source.pmf.tolist() == [0.25, 0.5, 0.25]


def test_a_rule_of_numpy_cuts_numpy_s_own_bins():
    edges = np.histogram_bin_edges(LINE, "auto")
    counts, _ = np.histogram(LINE, edges)
    source = mfrd.Source.from_samples(LINE, "auto")
    assert source.pmf == pytest.approx(counts[counts > 0] / len(LINE))
    inside = np.searchsorted(source.points, edges[1:-1])  # the letters lie in the bins, in their order
    assert (np.diff(inside) == (counts > 0)[1:-1]).all()


@pytest.mark.parametrize("bins", [7, np.int64(7), "fd", np.linspace(-6, 6, 30), [[-6, -1, 1, 6]]], ids=str)
def test_binning_adds_the_variance_within_bins_and_nothing_else(bins):
    source = mfrd.Source.from_samples(LINE, bins)
    edges = np.histogram_bin_edges(LINE, bins if not isinstance(bins, list) else bins[0])
    letter = np.searchsorted(np.unique(np.digitize(LINE, edges[1:-1])), np.digitize(LINE, edges[1:-1]))
    within = np.mean((LINE - source.points[letter]) ** 2)
    assert source.mean == pytest.approx(LINE.mean(), abs=1e-12)
    assert within == pytest.approx(LINE.var() - source.covariance.item(), abs=1e-12)
    assert 0 < within <= np.diff(edges).max() ** 2 / 4
    y = np.round(source.points)[letter]  # any code that sees the bin alone
    of_source = source.pmf @ (source.points - np.round(source.points)) ** 2
    assert np.mean((LINE - y) ** 2) == pytest.approx(of_source + within)


def test_bins_an_axis_and_bins_for_all():
    source = mfrd.Source.from_samples(PLANE, bins=[3, "sturges"])
    x, y = np.histogram_bin_edges(PLANE[:, 0], 3), np.histogram_bin_edges(PLANE[:, 1], "sturges")
    counts, _, _ = np.histogram2d(*PLANE.T, bins=[x, y])
    assert source.pmf == pytest.approx(counts[counts > 0] / len(PLANE))
    assert mfrd.Source.from_samples(PLANE, bins=6).pmf.size <= 36
    same = mfrd.Source.from_samples(PLANE, bins=[x, y])
    assert np.array_equal(same.points, source.points)


@settings(max_examples=50, deadline=None)
@given(arrays.arrays(float, st.integers(1, 60), elements=st.floats(-1e3, 1e3, width=32)), st.integers(1, 9))
def test_any_samples_keep_their_mean_and_their_order(samples, bins):
    source = mfrd.Source.from_samples(samples, bins)
    assert len(source.points) <= bins and (np.diff(source.points) > 0).all()
    assert source.mean[0] == pytest.approx(samples.mean(), abs=1e-9)
    assert source.pmf.min() > 0


@pytest.mark.parametrize(
    "samples, bins, message",
    [
        ([1.0, np.nan, 2.0], None, r"samples holds \[nan\] in row 1; expected finite numbers: drop or mend"),
        ([], None, r"samples has shape \(0,\); expected"),
        (np.zeros((2, 2, 2)), None, r"samples has shape \(2, 2, 2\); expected \(n,\) or \(n, k\)"),
        (3.0, None, r"samples has shape \(\); expected"),
        (["1", "b"], None, r"samples is no array of numbers \(it holds text, such as '1': .*\); expected"),
        ([[1, 2], [3]], None, "samples is no array .*; expected rows of one length"),
        (
            np.vstack([PLANE, PLANE + 1]),
            None,
            "take 4000 distinct values in 2 dimensions; expected at most 2000, or bins: .* bins=24",
        ),
        (LINE, 0, "bins is 0 on axis 0; expected at least one bin"),
        (LINE, "nosuch", "'nosuch' do not cut axis 0 .*expected a number such as bins=100"),
        (LINE, [3, 2, 1], r"\[3, 2, 1\] do not cut axis 0 .*monotonic.*expected"),
        (LINE, 2.5, "bins is 2.5; expected a number of bins"),
        (LINE, [-1, 0, 1], "samples lie outside the edges -1 to 1 of axis 0; .* widen the edges"),
        (LINE, [-9, np.nan, 9], r"\[-9, nan, 9\] do not cut axis 0 \(an edge is nan\); expected ascending edges"),
        (np.array([1j, 2]), None, "samples is no array of numbers .*complex.*; expected real numbers"),
        (PLANE, [4, 4, 4], r"bins is \[4, 4, 4\]; expected .* a list of 2, one an axis"),
        (np.append(np.linspace(0, 1e-13, 3000), 1e13), "fd", r"bins 'fd' do not cut axis 0 .*bins=100"),
    ],
)
def test_errors_name_what_was_found_and_what_to_do(samples, bins, message):
    with pytest.raises(ValueError, match=message):
        mfrd.Source.from_samples(samples, bins)


@pytest.fixture
def files(tmp_path):
    table = np.column_stack([LINE, LINE**2])
    np.savetxt(tmp_path / "bare.csv", table, delimiter=",", fmt="%.17g")
    np.savetxt(tmp_path / "titled.csv", table, delimiter=",", fmt="%.17g", header="volt, power", comments="")
    np.save(tmp_path / "table.npy", table)
    np.save(tmp_path / "line.npy", LINE)
    np.savez(tmp_path / "one.npz", volt=LINE)
    np.savez(tmp_path / "two.npz", volt=LINE, power=LINE**2, short=LINE[:5])
    return tmp_path


@pytest.mark.parametrize(
    "name, columns",
    [
        ("bare.csv", 0),
        ("bare.csv", "0"),
        ("titled.csv", "volt"),
        ("titled.csv", 0),
        ("titled.csv", ["volt"]),
        ("table.npy", 0),
        ("table.npy", np.int64(0)),
        ("line.npy", None),
        ("one.npz", None),
        ("two.npz", "volt"),
    ],
)
def test_a_column_of_a_file_is_the_source_of_its_samples(files, name, columns):
    found, wanted = mfrd.Source.from_file(files / name, columns=columns, bins=40), mfrd.Source.from_samples(LINE, 40)
    assert np.array_equal(found.points, wanted.points) and np.array_equal(found.pmf, wanted.pmf)


@pytest.mark.parametrize(
    "name, columns",
    [
        ("bare.csv", None),
        ("titled.csv", ["volt", "power"]),
        ("table.npy", None),
        ("table.npy", [0, 1]),
        ("two.npz", ["volt", "power"]),
    ],
)
def test_columns_of_a_file_are_dimensions_in_the_order_asked_for(files, name, columns):
    found = mfrd.Source.from_file(str(files / name), columns=columns, bins=9)
    wanted = mfrd.Source.from_samples(np.column_stack([LINE, LINE**2]), 9)
    assert np.array_equal(found.points, wanted.points) and np.array_equal(found.pmf, wanted.pmf)


def test_a_table_saved_by_a_spreadsheet_is_read(tmp_path):
    (tmp_path / "x.CSV").write_bytes("\ufeffday,value\r\nMo,1\r\n\r\n  \r\nTu, 2\r\nWe,1\r\n".encode())
    source = mfrd.Source.from_file(tmp_path / "x.CSV", columns="value")
    assert source.points.tolist() == [1, 2] and source.pmf == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize(
    "text, columns, message",
    [
        ("a,b\n1,2\n3,x\n", None, "x.csv, line 3: column 'b' holds 'x'; expected a finite number: mend .*columns="),
        ("a,b\n1,2\n\n3,\n", "b", "x.csv, line 4: column 'b' holds ''; expected a finite number"),
        ("a,b\n1,2\n,\n3,4\n", None, "x.csv, line 3: column 'a' holds ''; expected a finite number"),
        ("a\nnan\n", None, "x.csv, line 2: column 'a' holds 'nan'; expected a finite number"),
        ("1,2\n3\n", None, "x.csv, line 2: 1 cells; expected 2 parted by commas, numbers with a decimal point: mend"),
        ("1;2\n3;4,x\n", None, "x.csv, line 2: column '1' holds '4,x'; expected a finite number"),
        ("", None, "x.csv has no rows of numbers; expected one sample a row"),
        ("a,b\n", None, "x.csv has no rows of numbers"),
        ("a,b\n1,2\n", "c", "x.csv has no column 'c'; expected one of: a, b"),
        ("a,b\n1,2\n", 2, "x.csv has no column 2; expected one of: a, b"),
        (b"\xff\xfe\x00", None, "x.csv is no text .*; expected numbers parted by commas, in UTF-8"),
    ],
)
def test_a_table_that_cannot_be_read_says_where_and_why(tmp_path, text, columns, message):
    (tmp_path / "x.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=message):
        mfrd.Source.from_file(tmp_path / "x.csv", columns=columns)


@pytest.mark.parametrize(
    "name, columns, message",
    [
        ("two.npz", None, "two.npz holds 3 arrays; expected columns=..., some of: volt, power, short"),
        ("two.npz", ["volt", "short"], "two.npz: .*; expected arrays of numbers of one length"),
        ("two.npz", "current", "two.npz has no column 'current'; expected one of: volt, power, short"),
        ("table.npy", 2, "table.npy has no column 2; expected one of: 0, 1"),
        ("text.npy", None, "text.npy: column .0. is no array of numbers .it holds text, such as .a.*; expected"),
        ("broken.npy", None, r"broken.npy cannot be read \(.*\); expected what numpy.save or numpy.savez writes"),
        ("broken.npz", None, r"broken.npz cannot be read \(.*\); expected what numpy.save or numpy.savez writes"),
        ("object.npy", None, r"object.npy cannot be read \(.*\); expected what numpy.save"),
        ("number.npy", None, r"number.npy holds an array of shape \(\); expected \(N,\) or \(N, k\): reshape it"),
        ("cube.npy", None, r"cube.npy holds an array of shape \(4, 2, 3\); expected \(N,\) or \(N, k\): reshape it"),
        ("complex.npy", None, "complex.npy: column .0. is no array of numbers .it is complex.*; expected real numbers"),
        ("table.npy", 1.0, "table.npy has no column 1.0; expected one of: 0, 1"),
    ],
)
def test_an_array_that_cannot_be_read_says_why(files, name, columns, message):
    np.save(files / "text.npy", np.array(["a", "b"]))
    np.save(files / "object.npy", np.array([None, 3], object))
    np.save(files / "number.npy", 3.0)
    np.save(files / "cube.npy", np.zeros((4, 2, 3)))
    np.save(files / "complex.npy", np.arange(4) * 1j)
    (files / "broken.npy").write_bytes(b"\x93NUMPY")
    (files / "broken.npz").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(ValueError, match=message):
        mfrd.Source.from_file(files / name, columns=columns)


def test_a_missing_file_and_an_unknown_suffix(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file .*x.csv seen from .*; check the name, or give the whole path"):
        mfrd.Source.from_file(tmp_path / "x.csv")
    (tmp_path / "x.xlsx").write_bytes(b"")
    with pytest.raises(ValueError, match=re.escape(f"ends in '.xlsx'; expected one of {', '.join(SUFFIXES)}: save it")):
        mfrd.Source.from_file(tmp_path / "x.xlsx")


def test_a_source_says_what_it_is_in_one_line():
    source = mfrd.Source([-1.0, 1.0], [0.5, 0.5])
    assert repr(source) == "Source(2 letters in R^1, mean [0.], variance 1)"
    assert repr(mfrd.Problem(source, [0.0], mfrd.Fidelity(1.5))) == (
        "Problem(2 letters, 1 codewords, Fidelity(1.5, squared_error, per joint, name 'global'))"
    )


@pytest.mark.parametrize("bins", ["auto", 10, np.linspace(0, 1e4, 50)], ids=["auto", "10", "edges"])
def test_one_bin_that_holds_nearly_all_samples_is_said(bins):
    samples = np.append(rng.random(6545), 1e4)
    with pytest.warns(UserWarning, match="one of 2 bins holds 99.98% of the samples, which differ; .* far off"):
        mfrd.Source.from_samples(samples, bins)
    mfrd.Source.from_samples(samples)  # of its own accord it takes no such bins
    mfrd.Source.from_samples(samples, 1)  # asked for
    mfrd.Source.from_samples(np.append(np.zeros(6545), 1e4), bins)  # letters as they are


def test_letters_have_names():
    weather = mfrd.Source([0, 1, 2], [0.6, 0.3, 0.1], names=["sun", "rain", "snow"])
    assert weather.names == ("sun", "rain", "snow") and weather.mask("snow", "sun").tolist() == [True, False, True]
    with pytest.raises(ValueError, match="no letter is named hail; known: sun, rain, snow"):
        weather.mask("sun", "hail")
    with pytest.raises(ValueError, match="known: none, give it names="):
        mfrd.Source([0, 1], [0.5, 0.5]).mask("sun")


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", 1]])
def test_names_are_one_a_letter_and_distinct(names):
    with pytest.raises(ValueError, match="expected 2 distinct strings, one a letter"):
        mfrd.Source([0, 1], [0.5, 0.5], names=names)


def test_a_million_samples_become_a_source_in_a_few_sorts():
    samples = np.random.default_rng(0).standard_normal(10**6)

    def seconds(call):
        start = time.process_time()
        call(samples)
        return time.process_time() - start

    sort, source = (min(seconds(call) for _ in range(3)) for call in (np.sort, mfrd.Source.from_samples))
    assert source < 8 * sort


@pytest.mark.parametrize("scale", [1e-150, 1e-165, 1e-300])
def test_a_spread_too_small_to_square_is_refused(scale):
    with pytest.raises(ValueError, match="points spread over .*; expected a square of at least 1e-292"):
        mfrd.Source(scale * np.arange(4.0), np.full(4, 0.25))
    mfrd.Source(np.full(4, scale), np.full(4, 0.25))  # one place spreads over nothing
