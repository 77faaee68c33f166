"""Tests of gateway/access/token_table.py: what the running gateway knows of tokens made beside it."""

import logging

import pytest

from gateway.access import token_table
from gateway.access.scopes import Scope
from gateway.access.token_file import TokenFile, read_used
from gateway.access.token_table import LOOK_EVERY_S, TokenTable
from gateway.access.verifier import digest_of


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def file(tmp_path, clock):
    return TokenFile(tmp_path, clock=clock)


@pytest.fixture
def table(tmp_path, clock):
    return TokenTable(tmp_path, clock=clock)


def test_a_token_made_later_is_known_and_a_revoked_one_is_not(file, table, clock):
    table.load()
    token, _ = file.create("a", (Scope.READ, Scope.CALLS))

    assert table.find(digest_of(token)) == ("a", frozenset({Scope.READ, Scope.CALLS}))

    file.revoke("a")
    clock.at += LOOK_EVERY_S
    assert table.find(digest_of(token)) is None


def test_an_expired_token_is_refused(file, table, clock):
    token, _ = file.create("a", (Scope.READ,), days=1)
    assert table.find(digest_of(token)) is not None

    clock.at += 86_400
    assert table.find(digest_of(token)) is None


def test_a_damaged_file_closes_the_door_and_a_good_one_opens_it(file, table, clock, caplog):
    token, _ = file.create("a", (Scope.READ,))
    content = file.path.read_text()
    table.load()
    file.path.write_text("{")

    clock.at += LOOK_EVERY_S
    with caplog.at_level(logging.ERROR):
        assert table.find(digest_of(token)) is None
        assert table.find(digest_of(token)) is None
    assert len(caplog.records) == 1

    file.path.write_text(content)
    clock.at += LOOK_EVERY_S
    assert table.find(digest_of(token)) is not None


def test_the_last_use_is_written_down_and_outlives_the_process(file, table, clock, tmp_path):
    token, _ = file.create("a", (Scope.READ,))
    file.create("b", (Scope.READ,))
    clock.at = 2000.0
    table.find(digest_of(token))

    assert read_used(tmp_path) == {}
    table.write_used()
    assert read_used(tmp_path) == {"a": 2000.0}

    again = TokenTable(tmp_path, clock=clock)
    again.load()
    again.find(digest_of("nothing"))
    again.write_used()
    assert read_used(tmp_path) == {"a": 2000.0}


def test_a_full_disk_is_told_and_tried_again(file, table, tmp_path, monkeypatch, caplog):
    token, _ = file.create("a", (Scope.READ,))
    table.find(digest_of(token))

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(token_table, "replace_file", full)
        table.write_used()
    assert "cannot be written" in caplog.text

    table.write_used()
    assert set(read_used(tmp_path)) == {"a"}
