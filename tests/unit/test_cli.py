"""Tests of gateway/cli.py and gateway/commands: the command line, its output and its exit codes."""

import json
import sys

import pytest

from gateway import __version__, cli
from gateway.checks.finding import Level, fail, ok, warn
from gateway.commands import calls
from gateway.commands import check as check_command
from gateway.commands.api_client import local_url
from gateway.commands.exits import Exit
from gateway.config import Config, HttpSection
from gateway.http import calls as api
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


def test_every_subcommand_has_a_target_that_exists():
    parser = cli.build_parser()

    for arguments in (
        ["serve"],
        ["check", "--json"],
        ["config", "example"],
        ["config", "show"],
        ["calls", "c_1", "--json"],
        ["hangup", "c_1"],
        ["token", "--agent", "echo", "--ttl", "60"],
        ["rehearse"],
        ["version"],
    ):
        module, _, function = parser.parse_args(arguments).target.partition(":")
        __import__(f"gateway.commands.{module}")
        assert callable(getattr(sys.modules[f"gateway.commands.{module}"], function))


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
