"""`[trunks.NAME]` and `[dialling]`: what is refused, and with which remedy."""

import pytest
from pydantic import ValidationError

from gateway.config import Config
from gateway.config.trunks import DiallingSection, TrunkSection


def trunk(**values) -> TrunkSection:
    return TrunkSection.model_validate({"host": "192.0.2.5", **values})


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        ({"host": ""}, "at least 1 character"),
        ({"host": "sip:example.com"}, "write it like sip.example.com"),
        ({"host": "evil.example.com;x"}, "write it like sip.example.com"),
        ({"host": "sip.example.com"}, "networks"),
        ({"networks": ["192.0.2.1/24"]}, "write it like"),
        ({"networks": ["2001:db8::/32"]}, "only IPv4"),
        ({"username": "me"}, "set both or none"),
        ({"password_file": "x"}, "set both or none"),
        ({"registers": True}, "set username and password_file"),
        ({"username": "me>", "password_file": "x"}, "use letters and digits"),
        ({"caller_id": "49 30"}, "use letters and digits"),
        ({"prefixes": ["+49x"]}, "write it like +49"),
        ({"strip": "abc"}, "use digits"),
        ({"realm": 'a"b'}, "without quotes"),
        ({"register_retry_s": 100, "register_retry_most_s": 5}, "register_retry_most_s"),
        ({"transport": "sctp"}, "udp"),
        ({"pasword_file": "x"}, "Extra inputs"),
    ],
)
def test_what_cannot_work_is_refused_with_its_remedy(values, remedy) -> None:
    with pytest.raises(ValidationError) as refused:
        trunk(**values)
    assert remedy in str(refused.value)


def test_an_address_is_its_own_network() -> None:
    assert trunk().allowed_networks == ("192.0.2.5/32",)
    named = trunk(host="sip.example.com", networks=["198.51.100.0/24"])
    assert named.allowed_networks == ("198.51.100.0/24",)


def test_who_we_are_there() -> None:
    assert trunk().user == "offhook"
    assert trunk(caller_id="+493099").user == "+493099"
    assert trunk(caller_id="+493099", username="me", password_file="x").user == "me"
    assert trunk(caller_id="+1", caller_ids=["+2", "+1"]).numbers == ("+1", "+2")


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        ({"allow": ["49-30"]}, "write it like +49"),
        ({"deny": ["sip:"]}, "write it like +49"),
        ({"country": "Germany"}, "like DE"),
        ({"ring_s": 1}, "greater than or equal to 5"),
    ],
)
def test_rules_that_are_none(values, remedy) -> None:
    with pytest.raises(ValidationError) as refused:
        DiallingSection.model_validate(values)
    assert remedy in str(refused.value)


def test_a_trunk_speaks_what_we_speak() -> None:
    told = {
        "sip": {"transports": ["udp"]},
        "trunks": {"a": {"host": "192.0.2.5", "transport": "tcp"}},
    }
    with pytest.raises(ValidationError) as refused:
        Config.model_validate(told)
    assert "sip.transports" in str(refused.value)


def test_by_default_nothing_may_be_dialled() -> None:
    assert Config().dialling.allow == ()
    assert not Config().trunks
