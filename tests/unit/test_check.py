"""Tests of gateway/check.py and gateway/checks: what facts mean, without asking the machine for them."""

import types

import pytest

from gateway import check
from gateway.checks import engine as engine_check
from gateway.checks import machine, speech
from gateway.checks.finding import Finding, Level, ok
from gateway.checks.network import _openness
from gateway.checks.programs import NoAnswer
from gateway.config import Config, GatewaySection, SipSection, SpeechSection

OWN_BUILD = {
    "version": "2.17",
    "io_queue": "epoll",
    "max_calls": 1024,
    "tls": "OpenSSL 3.0",
    "has_opus": True,
    "has_fast_audio": True,
    "is_server_grade": True,
    "codecs": ["PCMU/8000/1", "PCMA/8000/1", "G722/16000/1", "opus/48000/2"],
}
WHEEL = {
    "version": "2.15.1",
    "io_queue": "select",
    "max_calls": 4,
    "tls": "OpenSSL 1.0.2",
    "has_opus": False,
    "has_fast_audio": False,
    "is_server_grade": False,
    "codecs": ["PCMU/8000/1", "PCMA/8000/1", "G722/16000/1"],
}


def levels(findings) -> list[Level]:
    return [finding.level for finding in findings]


def text(findings: list[Finding]) -> str:
    return "\n".join(f"{finding.message} → {finding.remedy}" for finding in findings)


def test_our_own_build_is_in_order():
    findings = list(engine_check.judge(OWN_BUILD, SipSection()))

    assert levels(findings) == [Level.OK]
    assert "PJSIP 2.17, epoll, TLS: OpenSSL 3.0, 1024 call slots" in findings[0].message


def test_the_published_wheel_is_warned_of_with_its_limits():
    findings = list(engine_check.judge(WHEEL, SipSection()))

    assert levels(findings) == [Level.WARN] * 3
    told = text(findings)
    assert "4 calls at most; select() with few sockets; slow audio conversion; no Opus" in told
    assert "sip.max_calls is 100 but this build holds 4 calls" in told
    assert "does not have opus of sip.codecs" in told
    assert "make setup" in told


def test_a_build_without_any_configured_codec_fails():
    findings = list(engine_check.judge(WHEEL, SipSection(codecs=("opus",), max_calls=4)))

    assert levels(findings) == [Level.WARN, Level.FAIL]


def test_an_engine_that_does_not_run_fails(monkeypatch):
    def refuse(*_arguments: str) -> dict:
        raise NoAnswer("No module named 'pjsua2'")

    monkeypatch.setattr(engine_check, "ask", refuse)

    (finding,) = engine_check.check_engine(SipSection())
    assert (finding.level, "pjsua2" in finding.message) == (Level.FAIL, True)


def test_an_engine_that_is_not_wanted_is_not_looked_at():
    assert levels(engine_check.check_engine(SipSection(enabled=False))) == [Level.OK]


@pytest.mark.parametrize(
    ("voice", "second", "expected"),
    [("joe", "espeak", [Level.WARN]), ("espeak", "joe", [Level.FAIL]), ("joe", "none", [])],
)
def test_a_missing_voice_program_is_as_bad_as_it_is_needed(monkeypatch, voice, second, expected):
    monkeypatch.setattr(speech.shutil, "which", lambda _name: None)

    found = speech._espeak(SpeechSection(voice=voice, second_voice=second))
    assert levels(found) == expected


def test_missing_models_are_named_one_by_one(monkeypatch):
    answer = {"voice": "", "recognition": "whisper is not installed"}
    monkeypatch.setattr(speech, "ask", lambda *_arguments: answer)

    findings = speech._models()
    assert levels(findings) == [Level.FAIL]
    assert "recognition: whisper is not installed → run `make setup`" in text(findings)


@pytest.mark.parametrize(
    ("sip", "told"),
    [
        ({}, ""),
        ({"host": "0.0.0.0"}, "lets only this machine call"),
        ({"allow": ["192.0.2.0/24"]}, "is reached from here only"),
        ({"host": "0.0.0.0", "allow": ["0.0.0.0/0"]}, "much of the internet may call"),
        ({"host": "0.0.0.0", "allow": ["192.0.2.0/24"]}, ""),
    ],
)
def test_what_is_too_open_or_too_closed_is_told(sip, told):
    config = Config(sip=SipSection.model_validate(sip))

    findings = list(_openness(config))
    assert [Level.WARN] * bool(told) == levels(findings)
    assert told in text(findings)


def test_a_directory_that_cannot_be_used_fails(tmp_path):
    (tmp_path / "file").write_text("")

    (finding,) = machine._directory("gateway.data_dir", tmp_path / "file" / "data")
    assert finding.level is Level.FAIL
    assert "is not a directory" in finding.message
    assert "gateway.data_dir" in finding.remedy


@pytest.mark.parametrize(
    ("free", "level"),
    [(1 << 20, Level.FAIL), (200 << 20, Level.WARN), (5 << 30, Level.OK)],
)
def test_the_space_on_the_disk_is_judged(monkeypatch, tmp_path, free, level):
    usage = machine.shutil.disk_usage(tmp_path)._replace(free=free)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _path: usage)

    assert levels(machine._directory("gateway.data_dir", tmp_path)) == [level]


@pytest.mark.parametrize(("files", "left", "level"), [(0, 0, "ok"), (9999, 3, "fail")])
def test_a_disk_that_is_full_of_files_is_told(monkeypatch, tmp_path, files, left, level):
    status = types.SimpleNamespace(f_files=files, f_favail=left)
    monkeypatch.setattr(machine.os, "statvfs", lambda _path: status)
    monkeypatch.setattr(
        machine.shutil, "disk_usage", lambda _path: types.SimpleNamespace(free=1 << 40)
    )
    (finding,) = machine._directory("gateway.data_dir", tmp_path)
    assert finding.level.value == level
    assert (level == "ok") or "df -i" in finding.message


def test_too_few_open_files_are_warned_of(monkeypatch):
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _which: (1024, 4096))

    (finding,) = machine._descriptors(Config(sip=SipSection(max_calls=480)))
    assert finding.level is Level.WARN
    assert "LimitNOFILE=2176" in finding.remedy


def test_too_few_processors_are_warned_of(monkeypatch):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _pid: {0})

    (finding,) = machine._processors(Config(sip=SipSection(max_calls=400)))
    assert finding.level is Level.WARN


def test_a_file_that_is_no_database_fails(tmp_path):
    (tmp_path / "offhook.db").write_bytes(b"nothing of the kind" * 400)
    config = Config(gateway=GatewaySection(data_dir=tmp_path))

    assert levels(machine._database(config, is_running=False)) == [Level.FAIL]


def test_a_wrong_configuration_is_told_mistake_by_mistake_and_the_rest_is_still_looked_at(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(check, "check_engine", lambda section: [ok("sip engine", str(section))])
    monkeypatch.setattr(check, "check_speech", lambda _section: [ok("speech", "there")])
    (tmp_path / "a.toml").write_text("[http]\nport = 99999\nhots = 1")

    findings = check.collect(tmp_path / "a.toml")

    assert levels(findings) == [Level.FAIL, Level.FAIL, Level.OK, Level.OK]
    assert findings[0].message == f"{tmp_path}/a.toml:2: http.port = 99999: expected at most 65535"
    assert findings[1].remedy.startswith("did you mean 'host'?")
