"""Tests of the checks of addresses, public URL, clock and kernel: what facts mean, without the network."""

import datetime

import pytest

from gateway import check
from gateway.checks import addresses, clock, kernel, public_url
from gateway.checks.asking import Unreachable, within
from gateway.checks.finding import Level, ok
from gateway.checks.kernel import check_kernel
from gateway.commands.check import exit_code
from gateway.commands.exits import Exit
from gateway.config import Config

SID = "AC" + "0" * 32


def levels(findings):
    return [finding.level.value for finding in findings]


def nobody(_host: str) -> list[str]:
    raise Unreachable("name or service not known")


# Addresses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sip", "machine", "expected", "told"),
    [
        ({}, "10.0.0.5", ["ok"], "callers are told is where"),
        ({"host": "0.0.0.0", "allow": ["198.51.100.0/24"]}, "10.0.0.5", ["ok"], "in order"),
        ({"host": "0.0.0.0", "allow": ["8.8.8.0/24"]}, "10.0.0.5", ["warn"], "10.0.0.5"),
        ({"host": "10.0.0.5", "allow": ["0.0.0.0/0"]}, "", ["warn"], "set sip.public_address"),
        ({"host": "0.0.0.0", "allow": ["8.8.8.0/24"]}, "9.9.9.9", ["ok"], ""),
        ({"public_address": "9.9.9.9", "host": "10.0.0.5"}, "", ["ok"], "callers are told 9.9.9.9"),
        ({"public_address": "9.9.9.9", "host": "9.9.9.9"}, "", ["ok"], "this machine's own"),
        ({"public_address": "127.0.0.1"}, "", ["fail"], "no address that a caller could reach"),
        ({"public_address": "0.0.0.0"}, "", ["fail"], "no address that a caller could reach"),
        (
            {"public_address": "192.168.1.2", "allow": ["8.8.8.0/24"]},
            "",
            ["warn"],
            "is a private address",
        ),
        ({"public_address": "nowhere.invalid"}, "", ["fail"], "does not resolve"),
        ({"public_address": "1.2.3.4", "enabled": False}, "", ["ok"], ""),
    ],
)
def test_what_callers_are_told_is_judged(monkeypatch, sip, machine, expected, told):
    monkeypatch.setattr(addresses, "outgoing_address", lambda: machine)
    monkeypatch.setattr(addresses, "resolve", nobody)

    findings = addresses.check_addresses(Config.model_validate({"sip": sip}))

    assert levels(findings) == expected
    if told != "in order":
        assert told in str(findings)


@pytest.mark.parametrize(
    ("trunk", "host", "found", "expected"),
    [
        ({"host": "192.0.2.5"}, "0.0.0.0", [], []),
        ({"host": "192.0.2.5"}, "127.0.0.1", [], ["fail"]),
        ({"host": "127.0.0.1"}, "127.0.0.1", [], []),
        ({"host": "sip.example.com", "networks": ["192.0.2.0/24"]}, "0.0.0.0", ["192.0.2.7"], []),
        (
            {"host": "sip.example.com", "networks": ["192.0.2.0/24"]},
            "0.0.0.0",
            ["198.51.100.7"],
            ["warn"],
        ),
        (
            {"host": "sip.example.com", "networks": ["192.0.2.0/24"]},
            "0.0.0.0",
            ["198.51.100.7", "192.0.2.7"],
            [],
        ),
        ({"host": "sip.example.com", "networks": ["192.0.2.0/24"]}, "0.0.0.0", None, ["fail"]),
    ],
)
def test_where_a_trunk_is_is_judged(monkeypatch, trunk, host, found, expected):
    monkeypatch.setattr(addresses, "resolve", nobody if found is None else lambda _host: found)
    config = Config.model_validate({"sip": {"host": host}, "trunks": {"carrier": trunk}})

    assert levels(list(addresses._trunks(config))) == expected


# Public URL -----------------------------------------------------------------------------------------------


def of_url(url: str, *, live: bool = False):
    config = Config.model_validate(
        {"twilio": {"account_sid": SID, "auth_token_file": "/nowhere", "public_url": url}}
    )
    return public_url.check_public_url(config, live=live)


def test_a_public_url_that_is_missing_is_warned_of_where_one_is_needed():
    assert levels(of_url("")) == ["warn"]
    assert public_url.check_public_url(Config(), live=True) == []


@pytest.mark.parametrize("url", ["https://localhost", "http://127.0.0.1:8080", "https://[::1]"])
def test_this_machine_only_is_no_public_url(url):
    assert levels(of_url(url)) == ["fail"]


def test_a_name_that_does_not_resolve_fails(monkeypatch):
    monkeypatch.setattr(public_url, "resolve", nobody)
    assert "mend the DNS" in str(of_url("https://gateway.example.com"))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (["9.9.9.9"], ["warn"]),
        (["10.0.0.1"], ["warn", "warn"]),
        (["10.0.0.1", "9.9.9.9"], ["warn"]),
    ],
)
def test_where_the_name_points_to_is_judged(monkeypatch, found, expected):
    monkeypatch.setattr(public_url, "resolve", lambda _host: found)
    # One warning is for the missing TLS.
    assert levels(of_url("http://gateway.example.com")) == expected


@pytest.mark.parametrize(
    ("days", "level"), [(-1, Level.FAIL), (0, Level.WARN), (13, Level.WARN), (14, Level.OK)]
)
def test_the_end_of_a_certificate_is_judged(days, level):
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    ends = now + datetime.timedelta(days=days, hours=1)
    assert public_url.judge_expiry("x", ends, now).level is level


# Clock ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead_s", "level"),
    [(0.4, Level.OK), (-4.9, Level.OK), (5, Level.WARN), (-60, Level.WARN), (-300, Level.FAIL)],
)
def test_a_drift_is_judged(ahead_s, level):
    finding = clock.judge_drift(ahead_s)
    assert finding.level is level
    if level is not Level.OK:
        assert ("behind" if ahead_s > 0 else "ahead of") in finding.message


@pytest.mark.parametrize(("says", "level"), [(True, "ok"), (False, "warn"), (None, "ok")])
def test_an_unsynchronized_clock_is_warned_of(monkeypatch, says, level):
    monkeypatch.setattr(clock, "is_synchronized", lambda: says)
    assert levels(clock.check_clock(Config(), live=False)) == [level]


def test_the_kernel_tells_something():
    assert clock._kernel_says() in (True, False, None)


# Kernel ---------------------------------------------------------------------------------------------------


def test_small_buffers_and_core_files_are_warned_of(monkeypatch, tmp_path):
    monkeypatch.setattr(kernel, "NET", tmp_path)
    monkeypatch.setattr(kernel.resource, "getrlimit", lambda _which: (0, 0))
    (tmp_path / "rmem_default").write_text("65536\n")
    (tmp_path / "rmem_max").write_text("212992\n")
    (tmp_path / "wmem_max").write_text("no number")

    findings = check_kernel(Config())

    assert levels(findings) == ["warn", "warn"]
    assert "net.core.rmem_default = 212992" in findings[0].remedy
    assert "0 threads" in findings[1].message

    monkeypatch.setattr(kernel.resource, "getrlimit", lambda _which: (-1, -1))
    assert "core files" in check_kernel(Config())[-1].message


# The whole ------------------------------------------------------------------------------------------------


def test_a_question_is_bounded_in_time_and_its_errors_come_back():
    import threading

    never = threading.Event()
    with pytest.raises(Unreachable, match="no answer within"):
        within(0.01, never.wait)
    never.set()
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0)
    assert within(5, lambda: 7) == 7


def test_a_check_that_fails_itself_hides_nothing_and_tells_no_secret(monkeypatch, tmp_path):
    (tmp_path / "a.toml").write_text("")

    def broken(*_arguments, **_more):
        raise ValueError("a secret")

    for name in ("check_engine", "check_speech", "check_network"):
        monkeypatch.setattr(check, name, lambda *_arguments, **_more: [ok("x", "y")])
    monkeypatch.setattr(check, "check_kernel", broken)

    findings = check.collect(tmp_path / "a.toml")

    failed = [finding for finding in findings if finding.subject == "check"]
    assert len(failed) == 1
    assert "ValueError in test_check_more.py" in failed[0].message
    assert "a secret" not in str(findings)
    assert any(finding.subject == "clock" for finding in findings)


@pytest.mark.parametrize(
    ("level", "is_strict", "code"),
    [
        (Level.OK, True, Exit.OK),
        (Level.WARN, False, Exit.OK),
        (Level.WARN, True, Exit.FAILED),
        (Level.FAIL, False, Exit.FAILED),
    ],
)
def test_the_exit_code_tells_the_worst(level, is_strict, code):
    assert exit_code(level, is_strict=is_strict) is code
