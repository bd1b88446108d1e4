"""Tables of notebooks: columns line up, what is not known is blank, and nothing is a negative zero."""

import numpy as np

from mfrd.report import tables


def printed(capsys, *arguments, **options):
    tables.show(*arguments, **options)
    return capsys.readouterr().out.splitlines()


def test_columns_stand_under_their_names_in_the_order_of_their_first_row(capsys):
    rows = {"one": {"bits": 1.5, "words": 12}, "another": {"words": np.int64(3), "bits": 22.25, "proven": True}}
    assert printed(capsys, rows, ".2f", "name") == [
        "name      bits  words  proven",
        "one       1.50     12",
        "another  22.25      3     yes",
    ]


def test_each_column_has_its_format_and_the_others_four_digits(capsys):
    rows = {8: {"gap": 1.234e-7, "rate": 0.5, "share": 0.125, "seconds": None, "x": np.nan, "said": "none"}}
    assert printed(capsys, rows, {"gap": ".0e", "share": ".1%"}, corner="m") == [
        "m    gap    rate  share  seconds  x  said",
        "8  1e-07  0.5000  12.5%              none",
    ]


def test_nothing_is_a_negative_zero():
    assert tables.written(-1e-17, ".4f") == "0.0000" and tables.written(-0.001, ".1%") == "-0.1%"
    assert tables.written(-1e-9, ".1%") == "0.0%" and tables.written(False, ".1f") == "no"
    assert tables.written(np.inf, ".2f") == "inf" and tables.written(np.float64(3.0), ".1f") == "3.0"
