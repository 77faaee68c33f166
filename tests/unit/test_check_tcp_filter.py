"""What it means for SIP over TCP that a kernel asks for CAP_NET_ADMIN."""

import types

import pytest

from gateway.checks import tcp_filter
from gateway.checks.programs import NoAnswer
from gateway.config import Config

BOTH = Config()
UDP_ONLY = Config.model_validate({"sip": {"transports": ["udp"]}})
NO_SIP = Config.model_validate({"sip": {"enabled": False}})


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        # An older kernel: nothing to tell.
        ({"may": True, "may_without": True, "user": "offhook", "is_granted": False}, []),
        # The gateway's user asks, and has it not.
        ({"may": False, "may_without": False, "user": "", "is_granted": False}, ["warn"]),
        # Root asks: the gateway is root, or another, who was given it or not.
        ({"may": True, "may_without": False, "user": "", "is_granted": False}, ["ok"]),
        ({"may": True, "may_without": False, "user": "offhook", "is_granted": False}, ["warn"]),
        ({"may": True, "may_without": False, "user": "offhook", "is_granted": True}, ["ok"]),
    ],
)
def test_what_the_kernel_asks_for_is_judged(facts, expected):
    found = list(tcp_filter.judge(**facts))
    assert [finding.level.value for finding in found] == expected
    if expected == ["warn"]:
        assert "UDP only" in found[0].message
        assert 'sip.transports = ["udp"]' in found[0].remedy


@pytest.mark.parametrize("config", [UDP_ONLY, NO_SIP])
def test_without_tcp_nobody_is_asked(monkeypatch, config):
    monkeypatch.setattr(tcp_filter, "ask", lambda *_: pytest.fail("asked"))
    assert tcp_filter.check_tcp_filter(config, None) == []


def test_a_kernel_that_does_not_tell_is_a_warning(monkeypatch):
    def broken(*_arguments):
        raise NoAnswer("capget")

    monkeypatch.setattr(tcp_filter, "ask", broken)
    (finding,) = tcp_filter.check_tcp_filter(BOTH, None)
    assert finding.level.value == "warn"
    assert "capget" in finding.message


def test_systemd_is_asked_for_the_units_capabilities(monkeypatch):
    monkeypatch.setattr(tcp_filter, "ask", lambda *_: {"may": True, "may_without": False})
    somebody = types.SimpleNamespace(pw_name="offhook")
    monkeypatch.setattr(tcp_filter, "service_user", lambda *_: somebody)
    for told, expected in (("cap_net_admin\n\n", "ok"), ("\n", "warn")):
        monkeypatch.setattr(tcp_filter, "_is_granted", lambda told=told: "cap_net" in told)
        (finding,) = tcp_filter.check_tcp_filter(BOTH, None)
        assert finding.level.value == expected
