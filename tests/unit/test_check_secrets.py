"""Tests of gateway/checks/secret_files.py: every secret of the configuration is looked at, none is told."""

import os

import pytest

from gateway.access.scopes import Scope
from gateway.access.token_file import TokenFile
from gateway.checks.finding import Level
from gateway.checks.secret_files import check_secrets, secret_files, secret_of
from gateway.config import Config
from tests.support.whole_application import SECRETS, everything_on


@pytest.fixture
def config(tmp_path):
    return Config.model_validate(everything_on(tmp_path))


def bad(findings):
    return [finding for finding in findings if finding.level is not Level.OK]


def test_every_file_with_a_secret_is_known(config):
    assert {path.name for _, path in secret_files(config)} == set(SECRETS)
    assert "agents.assistant.api_key_file" in dict(secret_files(config))
    assert "webrtc.ice_servers[1].credential_file" in dict(secret_files(config))


def test_closed_files_are_in_order(config):
    findings = check_secrets(config, None)

    assert bad(findings) == []
    assert f"{len(SECRETS)} files with secrets" in findings[0].message


@pytest.mark.parametrize(
    ("mode", "level", "word"),
    [
        (0o600, None, ""),
        (0o640, None, ""),
        (0o440, None, ""),
        (0o604, Level.FAIL, "read"),
        (0o666, Level.FAIL, "changed"),
    ],
)
def test_a_secret_that_everybody_can_read_is_no_secret(config, tmp_path, mode, level, word):
    (tmp_path / "teams").chmod(mode)

    found = bad(check_secrets(config, None))

    assert [finding.level for finding in found] == ([level] if level else [])
    if level:
        assert found[0].message.startswith("channels.teams.app_password_file")
        assert f"can be {word} by everybody" in found[0].message
        assert "chmod o= " in found[0].remedy


@pytest.mark.parametrize("text", [b"", b"\n", b"a\nb", b"\xff\xfe", b"x" * 20_000])
def test_a_file_without_a_usable_secret_fails(config, tmp_path, text):
    (tmp_path / "llm").write_bytes(text)

    (found,) = bad(check_secrets(config, None))

    assert found.level is Level.FAIL
    assert "agents.assistant.api_key_file" in found.message


def test_a_file_that_is_gone_fails_with_its_key(config, tmp_path):
    (tmp_path / "email").unlink()

    (found,) = bad(check_secrets(config, None))
    assert "channels.email.password_file" in found.message
    assert "No such file" in found.message


def test_an_open_data_directory_is_judged_by_what_is_in_it(config):
    folder = config.gateway.data_dir
    folder.mkdir()
    folder.chmod(0o755)
    assert bad(check_secrets(config, None)) == []

    (folder / "offhook.db").touch(mode=0o600)
    (folder / "webrtc-secret").touch()
    (folder / "webrtc-secret").chmod(0o644)
    found = bad(check_secrets(config, None))
    assert [finding.level for finding in found] == [Level.FAIL]
    assert "webrtc-secret" in found[0].message

    folder.chmod(0o700)
    assert bad(check_secrets(config, None)) == []


def test_a_configuration_that_everybody_can_change_fails(config, tmp_path):
    file = tmp_path / "offhook.toml"
    file.touch()
    file.chmod(0o644)
    assert bad(check_secrets(config, file)) == []

    file.chmod(0o646)
    assert [finding.level for finding in bad(check_secrets(config, file))] == [Level.FAIL]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_secret_of_another_user_is_warned_of(config, tmp_path):
    os.chown(tmp_path / "llm", 4711, 0)

    assert [finding.level for finding in bad(check_secrets(config, None))] == [Level.WARN]


def test_named_tokens_are_told_by_name(config):
    TokenFile(config.gateway.data_dir).create("grafana", (Scope.METRICS,))
    assert "1: grafana" in check_secrets(config, None)[-1].message

    TokenFile(config.gateway.data_dir).path.write_text("{")
    assert bad(check_secrets(config, None))[0].subject == "api tokens"


def test_no_finding_ever_tells_a_secret(config, tmp_path):
    for name in SECRETS:
        (tmp_path / name).chmod(0o666)

    told = str(check_secrets(config, None))

    assert [secret for secret in SECRETS.values() if secret in told] == []


def test_a_secret_that_cannot_be_read_is_none(tmp_path):
    (tmp_path / "a").write_text(" x \n")
    assert secret_of(tmp_path / "a") == "x"
    assert secret_of(tmp_path / "b") is None
    assert secret_of(None) is None
