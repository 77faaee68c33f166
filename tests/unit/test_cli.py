"""Tests of gateway/cli.py and gateway/commands: the command line, its output and its exit codes."""

import argparse
import http.client
import importlib
import io
import json
from collections.abc import Iterator

import pytest

from gateway import __version__, cli
from gateway.access.scopes import Scope
from gateway.checks.finding import Level, fail, ok, warn
from gateway.commands import calls, rooms_options, tokens_options
from gateway.commands import check as check_command
from gateway.commands.api_client import ApiClient, gateway_url, local_url
from gateway.commands.exits import CommandFailed, Exit
from gateway.config import Config, HttpSection
from gateway.http import calls as api
from gateway.model.addresses import WRITTEN
from gateway.model.messages import Channel
from tests.support.fake_http_ports import a_call, a_line


def test_the_version_is_told(capsys):
    assert cli.main(["version"]) == Exit.OK
    assert capsys.readouterr().out == f"offhook {__version__}\n"


def test_the_example_is_printed(capsys):
    assert cli.main(["config", "example"]) == Exit.OK
    assert "[sip]" in capsys.readouterr().out


def test_a_configuration_is_shown_with_its_defaults(capsys, tmp_path):
    (tmp_path / "a.toml").write_text("http.port = 1234")

    assert cli.main(["config", "show", "--config", str(tmp_path / "a.toml")]) == Exit.OK

    shown = json.loads(capsys.readouterr().out)
    assert shown.pop("file") == str(tmp_path / "a.toml")
    assert Config.model_validate(shown).http.port == 1234


def test_every_mistake_of_a_configuration_is_one_line_on_standard_error(capsys, tmp_path):
    (tmp_path / "a.toml").write_text("[http]\nport = 99999\nhots = 1")

    assert cli.main(["config", "show", "--config", str(tmp_path / "a.toml")]) == Exit.USAGE

    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 2
    assert all(line.startswith("offhook: ") for line in printed.err.splitlines())


def test_a_client_without_a_gateway_is_told_what_to_do(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("OFFHOOK_API_TOKEN", raising=False)
    (tmp_path / "a.toml").write_text(f'[gateway]\ndata_dir = "{tmp_path}"')

    assert cli.main(["calls", "--config", str(tmp_path / "a.toml")]) == Exit.USAGE
    assert "no API token" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["nothing"], ["hangup"], ["calls", "--limit", "0"], ["config"]]
)
def test_wrong_usage_ends_with_its_own_code(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    assert ended.value.code == Exit.USAGE
    assert "usage: offhook" in capsys.readouterr().err


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers that end in a command."""
    if parser.get_default("target"):
        yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from leaves(inner)


def test_every_subcommand_has_a_target_that_exists():
    targets = {parser.get_default("target") for parser in leaves(cli.build_parser())}

    assert len(targets) >= 20
    for target in targets:
        module, _, function = target.partition(":")
        assert callable(getattr(importlib.import_module(f"gateway.commands.{module}"), function))


def test_the_options_take_what_the_gateway_takes():
    assert set(rooms_options.WRITTEN) == {channel.value for channel in WRITTEN}
    assert rooms_options.VOICE == Channel.VOICE
    assert list(tokens_options.SCOPES) == [scope.value for scope in Scope]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
        ("192.0.2.7", "http://192.0.2.7:8080"),
    ],
)
def test_the_gateway_is_reached_where_it_listens(host, url):
    assert local_url(HttpSection(host=host)) == url


@pytest.mark.parametrize(
    "url",
    ["localhost:8080", "ftp://localhost", "http://", "http://[::1", "http://a b/", "http://a:0"],
)
def test_what_is_no_address_of_a_gateway_is_refused(url):
    with pytest.raises(CommandFailed, match=r"^--url: .* write it like http://127") as refused:
        gateway_url(url, HttpSection())

    assert refused.value.code is Exit.USAGE


def test_a_gateway_elsewhere_is_named_by_its_url():
    url = "https://voice.example.com/offhook"
    assert gateway_url(url, HttpSection()) == url
    assert gateway_url(None, HttpSection()) == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "error", [http.client.BadStatusLine("SSH-2.0"), http.client.IncompleteRead(b"{")]
)
def test_an_answer_that_is_no_http_is_no_gateway(error, monkeypatch):
    class NoHttp:
        def open(self, *_, **__):
            raise error

    monkeypatch.setattr("gateway.commands.api_client._DIRECT", NoHttp())

    with pytest.raises(CommandFailed, match="no gateway answers at http://a") as failed:
        ApiClient("http://a", "token").get("/api/v1/calls")
    assert failed.value.code is Exit.UNREACHABLE


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("calls", "--limit", "many"), "--limit: 'many' is not a whole number, from 1 to 500"),
        (("rooms", "--limit", "-5"), "--limit: '-5' is not a whole number, from 1 to 500"),
        (("token", "--ttl", "0"), "--ttl: '0' is not a whole number, 1 or more"),
        (("drain", "--deadline", "nan"), "--deadline: 'nan' is not a number of seconds, 0 or more"),
        (
            ("tokens", "create", "a", "--scope", "read", "--days", "1.5"),
            "--days: '1.5' is not a whole number, from 1 to 3660",
        ),
    ],
)
def test_a_wrong_number_is_told_with_those_that_are_taken(arguments, complaint, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)

    assert ended.value.code == Exit.USAGE
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (b"\xff\xfe", "not text in UTF-8"),
        ("ä".encode() * 16_001, "longer than 16000 characters"),
        ("€".encode() * 40_000, "longer than 16000 characters"),
    ],
)
def test_what_cannot_be_a_message_is_not_sent(given, complaint, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given), "utf-8"))

    assert cli.main(["send", "+4930123", "-"]) == Exit.USAGE
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--record", "nowhere/call.wav"), "--record: nowhere/call.wav cannot be written"),
        (("--plot", "."), "--plot: . cannot be written"),
        (("--target", "127.0.0.1:99999"), "--target: '99999' is not a port"),
        (("--webrtc", "--url", "localhost"), "--url: 'localhost' is not the address of a gateway"),
    ],
)
def test_a_rehearsal_that_cannot_be_done_is_refused_before_the_call(
    arguments, complaint, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)

    assert cli.main(["rehearse", *arguments]) == Exit.USAGE
    assert complaint in capsys.readouterr().err


def test_a_gateway_without_sip_is_not_phoned_by_sip(capsys, tmp_path):
    (tmp_path / "a.toml").write_text("sip.enabled = false")

    assert cli.main(["rehearse", "--config", str(tmp_path / "a.toml")]) == Exit.USAGE
    assert "sip.enabled is false; use --webrtc" in capsys.readouterr().err


# What people read --------------------------------------------------------------------------------------


def test_calls_are_a_table():
    rows = [api._call(a_call("c_1"), "ringing"), api._call(a_call("c_2", cause="busy"), None)]

    lines = calls.table(rows).splitlines()

    assert lines[0].split() == list(calls._COLUMNS)
    assert lines[1].split()[:2] == ["c_1", "ringing"]
    assert lines[2].split()[-1] == "busy"
    assert "0:01" in lines[2]
    assert len({line.index("+49") for line in lines[1:]}) == 1


def test_no_calls_are_no_table():
    assert calls.table([]) == "no calls"


def test_a_call_that_is_not_written_yet_is_in_the_table():
    assert "c_3" in calls.table([{"call_id": "c_3", "state": "ringing", "cause": None}])


def test_a_call_is_told_line_by_line_and_cannot_act_on_the_terminal():
    call = api._call(a_call("c_1", cause="caller_hung_up"), None)
    call["timeline"] = [api.line_json(a_line(1)), api.line_json(a_line(2, text="a\x1b[31m\nb"))]

    lines = calls.describe(call).splitlines()

    assert lines[0] == "call c_1 in room r_1"
    assert "cause: caller_hung_up" in lines[1]
    assert '10.0  user_said         "hello"  recognition_ms=12.5' in lines[3]
    assert len(lines) == 5
    assert "\x1b" not in lines[4]


def test_the_report_has_the_worst_last_and_its_remedy():
    findings = [fail("ports", "taken", "free it"), ok("disk", "fine"), warn("memory", "low", "add")]

    lines = check_command.report(findings).splitlines()

    assert [line.split()[0] for line in lines] == ["ok", "warn", "→", "fail", "→", "1"]
    assert lines[4].strip() == "→ free it"
    assert lines[-1] == "1 failed, 1 warnings, 1 ok"


@pytest.mark.parametrize(
    ("findings", "level"),
    [
        ([], Level.OK),
        ([ok("a", "b"), warn("a", "b", "c")], Level.WARN),
        ([fail("a", "b", "c"), ok("a", "b")], Level.FAIL),
    ],
)
def test_the_worst_finding_decides(findings, level):
    assert check_command.worst(findings) is level
