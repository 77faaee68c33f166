"""Tests of gateway/config.py: the defaults, and that nothing can be changed afterwards."""

import pytest
from pydantic import ValidationError

from gateway.config import Config, GatewaySection


def test_the_defaults_are_closed_to_the_outside():
    config = Config()

    assert config.sip.host == config.http.host == "127.0.0.1"
    assert config.sip.allow == ("127.0.0.0/8",)


def test_the_defaults_need_no_account():
    assert {agent.kind for agent in Config().agents.values()} == {"receptionist", "echo"}


def test_a_configuration_cannot_be_changed():
    config = Config()

    with pytest.raises(ValidationError):
        config.sip.port = 1


def test_directories_come_from_systemd_then_from_the_user(monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/offhook:/var/lib/other")
    monkeypatch.setenv("CACHE_DIRECTORY", "/var/cache/offhook")
    by_systemd = GatewaySection()
    for name in ("STATE_DIRECTORY", "CACHE_DIRECTORY", "OFFHOOK_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "/home/ann/data")
    monkeypatch.setenv("XDG_CACHE_HOME", "/home/ann/cache")
    by_user = GatewaySection()

    assert str(by_systemd.data_dir) == "/var/lib/offhook"
    assert str(by_systemd.cache_dir) == "/var/cache/offhook"
    assert str(by_user.data_dir) == "/home/ann/data/offhook"
    assert str(by_user.cache_dir) == "/home/ann/cache/offhook"


def test_a_worker_gets_the_same_configuration_as_json():
    config = Config()

    assert Config.model_validate_json(config.model_dump_json()) == config
