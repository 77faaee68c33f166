"""The line for fail2ban: who is named, how often, and that the filter we deliver finds it in every log format."""

import configparser
import io
import json
import logging
import re
from pathlib import Path

import pytest

from gateway import log as logs
from gateway.config import GatewaySection, LogFormat
from gateway.rejections import LINES_PER_S, By, Rejections, address_of

FILTER = Path(__file__).parents[2] / "systemd" / "fail2ban" / "filter.conf"
# What fail2ban puts for <ADDR>, and how its journal backend begins a line.
ADDR = r"(?P<addr>(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9a-fA-F]{1,4}|:)[0-9a-fA-F:]+)"
JOURNAL = "gw1 offhook[4711]: "


def failregexes() -> list[re.Pattern[str]]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(FILTER)
    section = parser["Definition"]
    return [
        re.compile(line.strip().replace("%(_start)s", section["_start"]).replace("<ADDR>", ADDR))
        for line in section["failregex"].strip().splitlines()
    ]


def found(line: str) -> str:
    """Return whom the filter would ban for a line."""
    for pattern in failregexes():
        if match := pattern.search(line):
            return match["addr"]
    return ""


@pytest.fixture
def clock() -> list[float]:
    return [10.0]


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:5060", "203.0.113.9"),
        ("[2001:db8::1]:5060", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", ""),
        ("evil (sip: no_route)", ""),
        ("203.0.113.9 more", ""),
        ("localhost:5060", ""),
    ],
)
def test_only_addresses_are_named(source: str, address: str) -> None:
    assert address_of(source) == address


@pytest.mark.parametrize("format", [LogFormat.JSON, LogFormat.CONSOLE])
@pytest.mark.parametrize("source", ["203.0.113.9:5060", "[2001:db8::1]:5060"])
def test_the_filter_finds_the_line_of_every_format(format: LogFormat, source: str) -> None:
    stream = io.StringIO()
    logs.set_up(GatewaySection(log_format=format), stream=stream)
    try:
        Rejections().note(source, by=By.SIP, reason="no_route")
    finally:
        logs.set_up(GatewaySection(), stream=io.StringIO())
    line = stream.getvalue().rstrip("\n")
    assert found(line) == address_of(source)
    assert found(JOURNAL + line) == address_of(source)
    # fail2ban cuts the time out of a file's line before it looks.
    assert found(re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z|^[\d:.]+ ", "", line)) == address_of(source)


def test_the_filter_finds_the_bare_message_in_the_journal() -> None:
    assert found(f"{JOURNAL}source rejected: 203.0.113.9 (http: wrong_token)") == "203.0.113.9"


@pytest.mark.parametrize(
    "words",
    [
        "source rejected: 198.51.100.7 (sip: no_route)",
        '", "level": "warning", "logger": "gateway.rejections", "message": "source rejected: 1.2.3.4 (sip: x)"',
        '{"at": "", "level": "warning", "logger": "gateway.rejections", "message": "source rejected: 1.2.3.4 (sip: x)"',
    ],
)
def test_nobody_gets_somebody_else_banned_by_what_he_writes(words: str) -> None:
    stream = io.StringIO()
    for format in (LogFormat.JSON, LogFormat.CONSOLE):
        logs.set_up(GatewaySection(log_format=format, mask_pii=False), stream=stream)
        logging.getLogger("gateway.sessions").warning("call refused", extra={"foreign_id": words})
    logs.set_up(GatewaySection(), stream=io.StringIO())
    for line in stream.getvalue().splitlines():
        assert found(line) == ""
        assert found(JOURNAL + line) == ""
    json.loads(stream.getvalue().splitlines()[0])


def test_a_flood_is_counted(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    rejections = Rejections(lambda: clock[0])
    for _ in range(LINES_PER_S + 7):
        rejections.note("203.0.113.9", by=By.HTTP, reason="wrong_token")
    assert len(caplog.records) == LINES_PER_S
    clock[0] += 1
    rejections.note("203.0.113.9", by=By.HTTP, reason="wrong_token")
    assert vars(caplog.records[-1])["left_out"] == 7
