"""Files as instruments, spreadsheets and pandas write them: read rightly, or refused with line and column."""

import gzip
import re
import time
import warnings

import numpy as np
import pytest
from scipy.io import wavfile

import mfrd
from mfrd.problems.samples import SUFFIXES, read


@pytest.fixture
def table(tmp_path):
    """A function that reads a text, or bytes, as a file of that name."""

    def reader(text, name="x.csv", **options):
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return read(tmp_path / name, **options).tolist()

    return reader


BOM, WIDE = "\ufeff", "x;y\r\n1;2\r\n".encode("utf-16")
GOOD = {
    "a header with numbers": ("month,2020,2021\n1,5,6\n2,7,8\n", "2020", [5, 7]),
    "a header with numbers over months": ("month,2020,2021\nJan,5,6\nFeb,7,8\n", ["2020", "2021"], [[5, 6], [7, 8]]),
    "a number of a column, not its title": ("month,2020,2021\n1,5,6\n", 2, [6]),
    "an index without title, as pandas writes": (",0\n0,5\n1,7\n", "0", [5, 7]),
    "frequencies as titles": ("t,0.5,1.0\n0,3,4\n", "0.5", [3]),
    "titles and text": ("name,value\nTu,1.5\nWe,2.5\n", "value", [1.5, 2.5]),
    "no titles": ("1,2\n3,4\n", None, [[1, 2], [3, 4]]),
    "semicolons": ("x;y\n1;2\n3;4\n", "y", [2, 4]),
    "semicolons and decimal commas": ("x;y\n1,5;2\n-3;4,25e1\n", None, [[1.5, 2], [-3, 42.5]]),
    "dates, semicolons, decimal commas": ("Zeit;Wert\n01.02.2020;1,5\n02.02.2020;2,5\n", "Wert", [1.5, 2.5]),
    "tabs": ("x\ty\n1\t2\n3\t4\n", None, [[1, 2], [3, 4]]),
    "blanks": ("x   y\n1   2\n 3 4\n", "y", [2, 4]),
    "a column of decimal commas, by tabs": ("x\ty\n1,5\t2\n", "x", [1.5]),
    "titles in quotes": ('"time, s";"x"\n0;1\n1;2\n', "x", [1, 2]),
    "titles and units in single quotes": (
        "'Elapsed time','MLII'\n'seconds','mV'\n0.0,-0.1\n0.1,0.2\n",
        "MLII",
        [-0.1, 0.2],
    ),
    "times as text": ("'Elapsed time','MLII'\n'hh:mm:ss.mmm','mV'\n'0:00.000',-0.1\n'0:00.003',0.2\n", 1, [-0.1, 0.2]),
    "numbers in quotes": ('"x"\n"1.0"\n"3.0"\n', "x", [1, 3]),
    "units beside": ("x,unit\n1,mV\n2,mV\n", "x", [1, 2]),
    "comments": ("# station A, 100 Hz\nx,y\n1,2\n# gap, here\n3,4\n", "y", [2, 4]),
    "a comment and no titles": ("# fs 100\n1,2\n3,4\n", None, [[1, 2], [3, 4]]),
    "titles in a comment, as savetxt writes": ("# made today\n# volt, power\n1,2\n3,4\n", "power", [2, 4]),
    "comments of MATLAB": ("% fs = 100\n1\n2\n", None, [1, 2]),
    "a byte order mark": (BOM + "x,y\n1,2\n", "x", [1]),
    "sixteen bits": (WIDE, "y", [2]),
    "old and new ends of lines": ("x\r1\r2", None, [1, 2]),
    "blank ends and blank lines between rows": ("\n\nx,y\n1,2\n\n  \n3,4\n\n\n", "y", [2, 4]),
    "units that begin with numbers over numbers": ("t,50Hz\n0,1\n1,2\n", "50Hz", [1, 2]),
    "months as titles": ("2020-01,2020-02\n1,5\n2,6\n", "2020-02", [5, 6]),
    "whole numbers that count on": ("0,1\n1,2\n", None, [[0, 1], [1, 2]]),
    "a first sample of zero beside whole numbers": ("0\n1.5\n2\n", None, [0, 1.5, 2]),
    "words for infinity and gaps elsewhere": ("x,y\n1,\n2,inf\n", "x", [1, 2]),
    "commas inside quotes": ('x,y\n1,"a, b"\n2,"c"\n', "x", [1, 2]),
}


@pytest.mark.parametrize("text, columns, found", GOOD.values(), ids=GOOD)
def test_a_table_is_read_as_it_is_meant(table, text, columns, found):
    assert table(text, columns=columns) == found


BAD = {
    "a mark of a missing value in a first row of numbers": (
        "1,NA\n2,3\n",
        None,
        "line 1: column '1' holds 'NA'; .*na=",
    ),
    "an empty cell there": ("1,\n2,3\n", 1, "line 1: column '1' holds ''; expected a finite number"),
    "a blank in one column, as pandas writes it": (
        'x\n1.0\n""\n3.0\n',
        None,
        "line 3: column 'x' holds ''.*na=\"drop\"",
    ),
    "a blank line in one column": ("x\n1.0\n\n3.0\n", None, "line 3: column 'x' holds ''"),
    "a blank line below the title": ("x\n\n1.0\n3.0\n", None, "line 2: column 'x' holds ''"),
    "a blank first row": ('""\n1\n2\n', None, "line 1: column '0' holds ''"),
    "a dash": ("x,y\n1,2\n3,-\n", "y", "line 3: column 'y' holds '-'; expected .*na="),
    "infinity": ("x\n1\ninf\n", None, "line 3: column 'x' holds 'inf'; expected a finite number"),
    "beyond float64": ("x\n1\n1e400\n", None, "line 3: column 'x' holds '1e400'"),
    "an underscore": ("x\n1\n1_000\n", None, "line 3: column 'x' holds '1_000'"),
    "a line after a comment": ("# a\nx\n# b\n1\nbad\n", None, "line 5: column 'x' holds 'bad'"),
    "a row too long, its column there": ("x,y\n1,2\n1,5,3\n", "x", "line 3: 3 cells; expected 2 parted by commas"),
    "long and short rows that even out": ("x,y\n1,2\n1,5,3\n4\n", "x", "line 3: 3 cells; expected 2"),
    "decimal commas in one column": ("x\n1,5\n2,5\n", None, "line 2: 2 cells; expected 1 .*decimal point"),
    "commas and points": ("x;y\n1,5;2.5\n", None, "'1,5' and '2.5'; expected decimal points alone, or decimal commas"),
    "a first row that may be a sample": (
        "2020-01-01,1.5\n2020-01-02,2.5\n",
        1,
        "first row, '2020-01-01,1.5', may be titles",
    ),
    "a label that may be one": ("Tu,1.5\nWe,2.5\n", 1, "may be titles or a sample; .*header=True or header=False"),
    "a number with something behind it": ("1.5x\n2.5\n", None, "first row, '1.5x', may be titles or a sample"),
    "a remark behind numbers": ("1,2 # c\n3,4\n", None, "first row, '1,2 # c', may be titles"),
    "columns that are counted, as pandas titles them": ("0,1\n0.5,1.5\n2.0,3.5\n", None, "first row, '0,1', may be"),
    "one that is counted": ("0\n0.5\n1.5\n", None, "first row, '0', may be titles or a sample; .*header="),
    "a first row of gaps": (",\n1,2\n", None, "may be titles or a sample"),
    "two columns of a name": ("x,x\n1,2\n", "x", "2 columns 'x'; expected one: name it by its number"),
    "nothing but titles": ("x,y\n", None, "no rows of numbers"),
    "nothing but comments": ("# x\n", None, "no rows of numbers"),
    "titles and a comment": ("x,y\n# none\n", None, "no rows of numbers"),
}


@pytest.mark.parametrize("text, columns, said", BAD.values(), ids=BAD)
def test_what_is_wrong_or_doubtful_is_named(table, text, columns, said):
    with pytest.raises(ValueError, match=f"x.csv.*{said}"):
        table(text, columns=columns)


def test_header_tells_what_the_first_row_is(table):
    days = "2020-01-01,1.5\n2020-01-02,2.5\n"
    assert table(days, columns=1, header=False) == [1.5, 2.5]
    assert table(days, columns="1.5", header=True) == [2.5]
    assert table("2020,2021\n1,2\n", columns="2021", header=True) == [2]
    assert table(",\n1,2\n", header=True) == [[1, 2]]
    with pytest.raises(ValueError, match="line 1: column '0' holds 'x'"):
        table("x\n1\n", header=False)
    for wrong in (2, "x"):
        with pytest.raises(ValueError, match="header is .*; expected True or False"):
            table("1\n", header=wrong)


@pytest.mark.parametrize(
    "text, found",
    [
        ('x,y\n1,2\nNA,3\n4,\n"",5\n6,7\nnan,8\n', [[1, 2], [6, 7]]),
        ("x,y\n1,2\nnan,3\n4,5\n", [[1, 2], [4, 5]]),
        ('x\n1.0\n""\n\n3.0\n', [1, 3]),
        ("1,-\n2,3\n", [[2, 3]]),
    ],
)
def test_rows_that_miss_a_value_are_dropped_on_request(table, text, found):
    assert table(text, na="drop") == found


def test_dropping_leaves_wrong_cells_wrong(table, tmp_path):
    for cell in ("bad", "inf"):
        with pytest.raises(ValueError, match=f"line 3: column 'y' holds '{cell}'"):
            table(f"x,y\n1,2\n,{cell}\n", na="drop")
    with pytest.raises(ValueError, match="no rows of numbers"):
        table("x\nNA\n", na="drop")
    with pytest.raises(ValueError, match="na is 'ignore'; expected one of raise, drop"):
        table("x\n1\n", na="ignore")
    np.save(tmp_path / "x.npy", [[1, 2], [np.nan, 3]])
    with pytest.raises(ValueError, match=r"x.npy holds \[nan  3.\] in row 1; .*na=\"drop\""):
        read(tmp_path / "x.npy")
    assert read(tmp_path / "x.npy", na="drop").tolist() == [[1, 2]]


@pytest.mark.parametrize("name", ["x.csv.gz", "x.TXT", "x.tsv", "x.tsv.gz"])
def test_packed_and_other_names_of_text(table, name):
    assert table("x\ty\n1\t2\n", name, columns="y") == [2]


def test_what_is_no_text_is_refused(table, tmp_path):
    for broken in (b"x\n1\n", gzip.compress(b"x\n1\n")[:-9]):
        (tmp_path / "x.csv.gz").write_bytes(broken)
        with pytest.raises(ValueError, match="x.csv.gz is no text"):
            read(tmp_path / "x.csv.gz")
    with pytest.raises(ValueError, match="x.csv is no text .*; expected numbers parted by commas, in UTF-8"):
        table(b"x\n\xb5V\n")


@pytest.mark.parametrize("kind", ["u1", "i2", "i4", "f4"])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_is_read_in_its_own_units(tmp_path, kind, channels):
    samples = np.arange(40).reshape(-1, channels).astype(kind)
    wavfile.write(tmp_path / "x.wav", 100, samples)
    assert np.array_equal(read(tmp_path / "x.wav").reshape(-1, channels), samples)
    assert np.array_equal(read(tmp_path / "x.wav", channels - 1), samples[:, -1])


def test_a_broken_or_empty_sound_says_so(tmp_path):
    wavfile.write(tmp_path / "x.wav", 100, np.zeros(0, np.int16))
    with pytest.raises(ValueError, match="x.wav is empty"):
        read(tmp_path / "x.wav")
    for data in (b"", b"RIFF", b"no sound at all, only text"):
        (tmp_path / "x.wav").write_bytes(data)
        with pytest.raises(ValueError, match="x.wav cannot be read"), warnings.catch_warnings(action="error"):
            read(tmp_path / "x.wav")


def test_arrays_that_are_empty_missing_or_have_fields(tmp_path):
    for shape in ((0,), (0, 3), (3, 0)):
        np.save(tmp_path / "x.npy", np.zeros(shape))
        with pytest.raises(ValueError, match=re.escape(f"x.npy is empty, of shape {shape}")):
            read(tmp_path / "x.npy")
    np.savez(tmp_path / "x.npz")
    with pytest.raises(ValueError, match="x.npz is empty"):
        read(tmp_path / "x.npz")
    np.save(tmp_path / "x.npy", np.array([(1.0, 2), (3.0, 4)], [("volt", float), ("n", int)]))
    assert read(tmp_path / "x.npy", "volt").tolist() == [1, 3]
    np.save(tmp_path / "x.npy", np.array([5, "NaT", 7], "m8[s]"))
    with pytest.raises(ValueError, match=r"x.npy holds \[nan\] in row 1"):
        read(tmp_path / "x.npy")


def test_a_source_of_a_file_takes_all_this(tmp_path):
    (tmp_path / "x.csv").write_text("# 100 Hz\nt;x\n0:00;1,5\n0:01;NA\n0:02;1,5\n")
    source = mfrd.Source.from_file(tmp_path / "x.csv", columns="x", na="drop", header=True)
    assert source.points.tolist() == [1.5] and ".csv.gz" in SUFFIXES


def test_a_long_table_takes_little_more_than_numpy_s_reader(tmp_path):
    path, x = tmp_path / "x.csv", np.round(np.random.default_rng(0).normal(size=150_000), 4)
    path.write_text("t,x\n" + "\n".join(f"{t},{v}" for t, v in enumerate(x)) + "\n")
    taken = {}
    for name, reader in (
        ("numpy", lambda: np.loadtxt(path, delimiter=",", skiprows=1)),
        ("all", lambda: read(path)),
        ("one", lambda: read(path, "x")),
    ):
        spent = []
        for _ in range(3):
            start = time.process_time()
            found = reader()
            spent.append(time.process_time() - start)
        taken[name] = min(spent)
        assert np.array_equal(found if name == "one" else found[:, 1], x)
    assert max(taken["all"], taken["one"]) < 4 * taken["numpy"]  # cell by cell it is twenty times


def test_a_missing_value_with_a_number_sign_is_no_comment_and_what_is_missing_is_dropped_quickly(tmp_path, monkeypatch):
    """Cells that are missing are filled, and the rows read by NumPy's reader, never cell by cell."""
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("x\n1.5\n#N/A\n\n2.5\n# N/A is missing\n3\n")
    two.write_text('a;b;c\n1,5;;x\n;2;y\n#N/A;3;\n2,5;NULL;y\n4;"";\n5;6;NA\n7;8;9\n# N/A, a comment\n')
    with pytest.raises(ValueError, match="line 3: column 'x' holds '#N/A'"):
        read(one)
    monkeypatch.setattr("mfrd.problems.samples.Text.carefully", None)
    assert read(one, na="drop").tolist() == [1.5, 2.5, 3]
    assert read(two, ["a", "b"], na="drop").tolist() == [[5, 6], [7, 8]]
    assert read(two, ["b", "a"], na="drop").tolist() == [[6, 5], [8, 7]]
