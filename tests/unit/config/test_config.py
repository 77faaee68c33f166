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


# Calls from browsers -------------------------------------------------------------------------------


def test_by_default_browsers_of_this_machine_may_call_and_no_others():
    section = Config().webrtc

    assert (section.enabled, section.anonymous, section.origins) == (True, "loopback", ())


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"hosts": ["here"]}, "not an IP address"),
        ({"public_address": "example.com"}, "not an IP address"),
        ({"origins": ["https://shop.example.com/"]}, "not an origin"),
        ({"origins": ["HTTPS://shop.example.com"]}, "lower case"),
        ({"origins": ["*"]}, "not an origin"),
        ({"origins": ["null"]}, "not an origin"),
        ({"port_min": 20_000, "port_max": 20_050}, "widen the range"),
        ({"relay_only": True}, "needs a TURN server"),
        ({"ice_servers": [{"urls": ["turn:a.example"]}]}, "wants credentials"),
        ({"ice_servers": [{"urls": ["http://a.example"]}]}, "not the address of an ICE server"),
        ({"ice_servers": [{"urls": ['stun:a">;x']}]}, "not the address of an ICE server"),
        ({"ice_servers": [{"urls": ["stun:a.example"], "username": "u"}]}, "go together"),
    ],
)
def test_a_section_that_cannot_work_is_refused_with_the_remedy(section, words):
    with pytest.raises(ValidationError, match=words):
        Config.model_validate({"webrtc": section})


def test_anonymous_agents_must_exist():
    with pytest.raises(ValidationError, match="there is no agent 'nobody'"):
        Config.model_validate({"webrtc": {"anonymous_agents": ["nobody"]}})


def test_trusted_proxies_are_networks():
    with pytest.raises(ValidationError, match="not a network"):
        Config.model_validate({"http": {"trusted_proxies": ["proxy"]}})
