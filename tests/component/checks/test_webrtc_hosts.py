"""Which addresses of `webrtc.hosts` are this machine's."""

import pytest

from gateway.checks import webrtc
from gateway.checks.finding import Level
from gateway.config import Config


@pytest.mark.parametrize(
    ("host", "levels"),
    [("127.0.0.1", []), ("192.0.2.77", [Level.FAIL]), ("2001:db8::77", [Level.FAIL])],
)
def test_an_address_of_another_machine_fails(host, levels):
    findings = list(webrtc._hosts(Config.model_validate({"webrtc": {"hosts": [host]}})))

    assert [finding.level for finding in findings] == levels
    assert all(host in finding.message for finding in findings)
