"""What a rehearsal dials, and what of it may be shown."""

from pathlib import Path

import pytest

from gateway.config import Codec, Config
from gateway.errors import ConfigError
from gateway.rehearsal import script
from gateway.rehearsal.perform import Plan, caller_config


def plan(**options: object) -> Plan:
    wanted = {
        "host": "127.0.0.1",
        "port": 5060,
        "number": "100",
        "script": script.parse(script.DEFAULT_TEXT, "test"),
        "codec": Codec.PCMU,
    }
    return Plan(**(wanted | options))  # type: ignore[arg-type]


def test_sip_is_dialled_by_uri() -> None:
    assert plan().target == "sip:100@127.0.0.1:5060"
    assert plan(tcp=True).target == "sip:100@127.0.0.1:5060;transport=tcp"
    assert plan().dialled == plan().target


def test_webrtc_is_dialled_by_url() -> None:
    made = plan(page_url="http://127.0.0.1:8080/", agent="front desk")
    assert made.is_webrtc
    assert made.target == "http://127.0.0.1:8080/webrtc/calls?agent=front%20desk"
    assert plan(page_url="http://[::1]:8080").target == "http://[::1]:8080/webrtc/calls"


def test_the_token_is_dialled_but_not_shown() -> None:
    made = plan(page_url="http://127.0.0.1:8080", token="aaa.bbb.ccc")
    assert made.dialled == "http://127.0.0.1:8080/webrtc/calls#aaa.bbb.ccc"
    assert "aaa" not in made.target


def test_the_callers_worker_keeps_out_of_the_gateways_directory(tmp_path: Path) -> None:
    made = plan(page_url="http://127.0.0.1:8080")
    assert caller_config(Config(), made, tmp_path).gateway.data_dir == tmp_path


def test_a_gateway_is_named_by_its_address(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="IPv4"):
        caller_config(Config(), plan(host="gateway.example"), tmp_path)
