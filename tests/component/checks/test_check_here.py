"""The checks against this machine: real ports, a real running gateway's lock, real processes."""

import socket

import pytest

from gateway.checks.finding import Level
from gateway.checks.machine import check_machine, is_running
from gateway.checks.network import check_network
from gateway.checks.programs import NoAnswer, ask
from gateway.config import Config, GatewaySection, HttpSection, SipSection
from gateway.store.store import Store


def a_config(tmp_path, *, http_port: int = 0, sip_port: int = 0, host: str = "127.0.0.1") -> Config:
    return Config(
        gateway=GatewaySection(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache"),
        http=HttpSection(port=http_port, host=host),
        sip=SipSection(port=sip_port),
    )


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_in_use_fails_with_its_key(tmp_path, kind):
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        findings = check_network(
            a_config(tmp_path, sip_port=other.getsockname()[1]), is_running=False
        )

    (failed,) = [finding for finding in findings if finding.level is Level.FAIL]
    assert ("udp" if kind is socket.SOCK_DGRAM else "tcp") in failed.message
    assert "set sip.port" in failed.remedy


def test_an_address_of_another_machine_fails(tmp_path):
    findings = check_network(a_config(tmp_path, host="192.0.2.1"), is_running=False)

    (failed,) = [finding for finding in findings if finding.level is Level.FAIL]
    assert "set http.host to an address of this machine" in failed.remedy


async def test_a_running_gateway_is_noticed_and_its_ports_left_alone(tmp_path):
    config = a_config(tmp_path)
    assert not is_running(config)
    store = Store(config.gateway.data_dir)
    await store.start()

    assert is_running(config)
    findings = [
        *check_network(config, is_running=True),
        *check_machine(config, is_running=True),
    ]
    await store.close()

    assert not is_running(config)
    assert Level.FAIL not in {finding.level for finding in findings}
    assert "in use by a running gateway" in str(findings)


def test_a_fresh_machine_is_in_order_and_is_left_as_it_was(tmp_path):
    config = a_config(tmp_path)

    findings = [
        *check_network(config, is_running=False),
        *check_machine(config, is_running=False),
    ]

    assert Level.FAIL not in {finding.level for finding in findings}
    assert list(tmp_path.iterdir()) == []


def test_a_module_that_is_not_there_gives_no_answer():
    with pytest.raises(NoAnswer, match="No module named gateway"):
        ask("gateway.nowhere")


def test_a_module_that_prints_no_object_gives_no_answer():
    with pytest.raises(NoAnswer):
        ask("gateway", "version")


def test_this_kernel_tells_whether_tcp_can_be_filtered():
    facts = ask("gateway.checks.tcp_filter")

    assert set(facts) == {"may", "may_without"}
    # Nobody may more for having given a capability away.
    assert facts["may"] or not facts["may_without"]
