"""Call detail records: columns, times, and cells that no spreadsheet takes for a formula."""

import csv
import io
from dataclasses import replace

import pytest

from gateway.cdr import COLUMNS, csv_lines, record_of
from tests.support.fake_http_ports import a_call


def test_a_record_tells_times_and_durations() -> None:
    record = record_of(a_call("c_1", cause="caller_hung_up"))
    assert tuple(record) == COLUMNS
    assert record["offered_at"] == "2023-11-14T22:13:20.250Z"
    assert record["answered_at"] == "2023-11-14T22:13:20.290Z"
    assert record["ended_at"] == "2023-11-14T22:13:21.484Z"
    assert (record["ring_s"], record["talk_s"]) == (0.041, 1.194)
    assert (record["cause"], record["group"]) == ("caller_hung_up", "caller")


def test_a_call_that_was_never_answered_rang_until_its_end_and_talked_never() -> None:
    record = record_of(replace(a_call("c_1", cause="capacity"), answered_ms=None, ended_ms=2000.0))
    assert (record["ring_s"], record["talk_s"], record["answered_at"]) == (2.0, None, None)
    assert record["group"] == "us"


def test_a_cause_of_another_version_has_no_group() -> None:
    assert record_of(replace(a_call("c_1"), cause="eaten"))["group"] is None


@pytest.mark.parametrize(
    ("caller", "cell"),
    [
        ('=HYPERLINK("http://evil","x")', '\'=HYPERLINK("http://evil","x")'),
        ("+4930123456", "+4930123456"),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("  =1+1", "'  =1+1"),
        ("\n=1", "'\n=1"),
        ("\N{FULLWIDTH EQUALS SIGN}1", "'\N{FULLWIDTH EQUALS SIGN}1"),
        (" Ann", " Ann"),
        ('Ann, "the"\r\nboss', 'Ann, "the"\r\nboss'),
        ("", ""),
    ],
)
def test_what_a_caller_chose_begins_no_formula(caller: str, cell: str) -> None:
    text = csv_lines([record_of(replace(a_call("c_1"), caller_name=caller))], header=True)
    header, row = csv.reader(io.StringIO(text, newline=""))
    assert tuple(header) == COLUMNS
    assert row[COLUMNS.index("caller_name")] == cell
