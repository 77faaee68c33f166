"""Tests of gateway/access/token_file.py: hashes only, whole files only, closed to others."""

import json
import os

import pytest

from gateway.access import token_file
from gateway.access.scopes import Scope
from gateway.access.token_file import PREFIX, TokenFile, read_used
from gateway.access.verifier import digest_of
from gateway.errors import ConfigError


@pytest.fixture
def file(tmp_path):
    return TokenFile(tmp_path / "data", clock=lambda: 1000.0)


def test_a_token_is_shown_once_and_kept_as_its_hash(file):
    token, made = file.create("grafana", (Scope.METRICS, Scope.READ, Scope.READ))

    assert token.startswith(PREFIX)
    assert len(token) == len(PREFIX) + 43  # 256 bits
    assert token not in file.path.read_text()
    assert file.read() == (made,)
    assert made.sha256 == digest_of(token).hex()
    assert made.scopes == (Scope.READ, Scope.METRICS)


def test_only_its_owner_reads_the_file(file):
    file.create("a", (Scope.READ,))

    assert file.path.stat().st_mode & 0o077 == 0
    assert file.path.parent.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in file.path.parent.iterdir()) == [
        "api-tokens.json",
        "api-tokens.lock",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_made_by_root_it_belongs_to_the_user_of_the_gateway(file):
    file.path.parent.mkdir()
    os.chown(file.path.parent, 4711, 4712)

    file.create("a", (Scope.READ,))

    status = file.path.stat()
    assert (status.st_uid, status.st_gid) == (4711, 4712)


def test_a_token_is_revoked_and_the_others_stay(file):
    file.create("a", (Scope.READ,))
    file.create("b", (Scope.READ,))

    file.revoke("a")

    assert [token.name for token in file.read()] == ["b"]
    with pytest.raises(ConfigError, match="no token 'a'; tokens are: b"):
        file.revoke("a")


def test_a_name_is_taken_once(file):
    file.create("a", (Scope.READ,))
    with pytest.raises(ConfigError, match="revoke a` first"):
        file.create("a", (Scope.READ,))


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a" * 65, "full", "a\n", "../a"])
def test_a_name_that_would_confuse_is_refused(file, name):
    with pytest.raises(ConfigError, match="name"):
        file.create(name, (Scope.READ,))
    assert file.read() == ()


def test_tokens_are_bounded_in_number(file, monkeypatch):
    monkeypatch.setattr(token_file, "TOKENS_MOST", 2)
    file.create("a", (Scope.READ,))
    file.create("b", (Scope.READ,))
    with pytest.raises(ConfigError, match="revoke one first"):
        file.create("c", (Scope.READ,))


def test_a_token_expires(file):
    _, made = file.create("a", (Scope.READ,), days=1)

    assert made.is_good(1000.0 + 86_399)
    assert not made.is_good(1000.0 + 86_400)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"tokens": [{}]}',
        '{"tokens": [], "more": 1}',
        "\x00",
        " " * (token_file.FILE_MOST + 1),
        json.dumps({"tokens": [{"name": "a", "sha256": "xyz-secret", "scopes": ["read"]}]}),
    ],
)
def test_a_damaged_file_is_told_with_its_remedy_and_without_its_content(file, text):
    file.path.parent.mkdir()
    file.path.write_text(text)

    with pytest.raises(ConfigError, match="restore a backup, or remove it") as raised:
        file.read()
    assert "xyz-secret" not in str(raised.value)


def test_a_write_that_fails_leaves_the_old_file(file, monkeypatch):
    file.create("a", (Scope.READ,))
    monkeypatch.setattr(
        token_file.os, "fsync", lambda _fd: (_ for _ in ()).throw(OSError(28, "full"))
    )

    with pytest.raises(ConfigError, match="cannot write"):
        file.create("b", (Scope.READ,))
    assert [token.name for token in file.read()] == ["a"]
    assert len(list(file.path.parent.iterdir())) == 2


@pytest.mark.parametrize("text", ["", "[]", "no", '{"a": "x"}'])
def test_a_damaged_record_of_uses_is_no_use(tmp_path, text):
    (tmp_path / token_file.USED_FILE).write_text(text)
    assert read_used(tmp_path) == {}
