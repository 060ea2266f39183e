"""Threshold files: never below the truth, read as written, and refused where they are not what they should be."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_robustness.certificates import l0_thresholds, read_thresholds, write_thresholds
from pytest_robustness.errors import ConfigurationError, ParameterError

SHARES = st.fractions(0, 1)


def test_as_published(tmp_path):
    # The rows r = 1 to 5 of the file for alpha = .72 by Lee et al.; its row r = 0 is 1e-20 above 1/2.
    write_thresholds(tmp_path / "72", l0_thresholds(0.72, 5))
    assert (tmp_path / "72").read_bytes() == (
        b"0.50000000000000000000\n0.80555555555555555556\n0.92438271604938271605\n"
        b"0.92875555555555555556\n0.95887871604938271605\n0.98025215846364883402\n"
    )


def test_published_files_are_read(tmp_path):
    path = tmp_path / "96"
    path.write_text("0.50000000000000000001\n0.97916666666666666667\n\n0.99999999999999999998\n1.0")
    read = read_thresholds(str(path))
    unit = Fraction(1, 10**20)
    assert read == [Fraction(1, 2) + unit, Fraction(97916666666666666667, 10**20), 1 - 2 * unit, 1]
    assert {type(value) for value in read} == {Fraction}


def test_what_is_read_is_never_below_what_was_written(tmp_path_factory):
    path = tmp_path_factory.mktemp("thresholds") / "file"

    @given(st.lists(SHARES, min_size=1, max_size=5).map(sorted), st.integers(1, 30))
    def check(thresholds, digits):
        write_thresholds(path, thresholds, digits=digits)
        pairs = list(zip(read_thresholds(path), thresholds, strict=True))
        assert all(0 <= read - exact < Fraction(1, 10**digits) for read, exact in pairs)
        assert all(read == exact for read, exact in pairs if (exact * 10**digits).denominator == 1)

    check()


def test_thresholds_next_to_1_are_rounded_up_to_it(tmp_path):
    write_thresholds(tmp_path / "file", l0_thresholds(0.96, 20))
    assert (tmp_path / "file").read_text().splitlines()[-1] == "1.00000000000000000000"
    assert read_thresholds(tmp_path / "file")[-1] == 1


def test_a_file_is_replaced(tmp_path):
    write_thresholds(tmp_path / "file", l0_thresholds(0.8, 9))
    write_thresholds(tmp_path / "file", [Fraction(1, 3), 0.5, "7/8"], digits=2)
    assert (tmp_path / "file").read_text() == "0.34\n0.50\n0.88\n"


@pytest.mark.parametrize(
    ("thresholds", "digits", "message"),
    [
        ([], 20, "^there are no thresholds to write"),
        (
            [Fraction(1, 2), Fraction(1, 3)],
            20,
            "^the threshold of r = 1 is lower than that before it; allowed: numbers",
        ),
        ([Fraction(1, 2), Fraction(3, 2)], 20, r"^the threshold of r = 1 is out of range: got Fraction\(3, 2\)"),
        ([Fraction(1, 2)], 0, "^digits is out of range"),
    ],
)
def test_impossible_thresholds_are_not_written(tmp_path, thresholds, digits, message):
    with pytest.raises(ParameterError, match=message):
        write_thresholds(tmp_path / "file", thresholds, digits=digits)
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "^there are no thresholds in .*file; allowed: one decimal from 0 to 1 a line"),
        (b"\n \n", "^there are no thresholds in"),
        (
            b"0.5\n0.8 0.9\n",
            "^line 2 of .*file is no threshold: got '0.8 0.9'; allowed: one decimal from 0 to 1 a line",
        ),
        (b"0.5\n\n1.01\n", "^line 3 of .* is no threshold: got '1.01'"),
        (b"0.5\n-0.5\n", "^line 2 of .* is no threshold: got '-0.5'"),
        (b"nan\n", "^line 1 of .* is no threshold: got 'nan'"),
        (b"0.5\n1e-999999999\n", "^line 2 of .* is no threshold"),
        (
            b"0.5\n\n0.9\n0.8\n",
            "^line 4 of .* is lower than that before it: got '0.8'; allowed: numbers that never fall",
        ),
        (b"\x80\x03}", "^the thresholds of .* cannot be read: .*ascii"),
    ],
)
def test_malformed_files(tmp_path, text, message):
    (tmp_path / "file").write_bytes(text)
    with pytest.raises(ConfigurationError, match=message):
        read_thresholds(tmp_path / "file")


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(ConfigurationError, match=r"^the thresholds of .*missing cannot be read: .*No such file"):
        read_thresholds(tmp_path / "missing")
    with pytest.raises(ConfigurationError, match=r"^the thresholds cannot be written: .*No such file"):
        write_thresholds(tmp_path / "missing" / "file", l0_thresholds(0.8, 1))
