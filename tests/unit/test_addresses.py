"""Addresses as people write them."""

import pytest

from gateway.model.addresses import parse_address
from gateway.model.messages import Channel


@pytest.mark.parametrize(
    ("text", "channel", "found"),
    [
        ("+4915112345678", None, (Channel.SMS, "+4915112345678")),
        (" +49 (151) 123-45678 ", None, (Channel.SMS, "+4915112345678")),
        ("+4915112345678", Channel.WHATSAPP, (Channel.WHATSAPP, "+4915112345678")),
        ("whatsapp:+49 151 12345678", None, (Channel.WHATSAPP, "+4915112345678")),
        ("ann@example.org", None, (Channel.EMAIL, "ann@example.org")),
        ("email:ann@example.org", Channel.EMAIL, (Channel.EMAIL, "ann@example.org")),
        ("telegram:77", None, (Channel.TELEGRAM, "77")),
        ("77", Channel.TELEGRAM, (Channel.TELEGRAM, "77")),
        ("teams:29:1abc", None, (Channel.TEAMS, "29:1abc")),
    ],
)
def test_what_is_an_address(text, channel, found):
    assert parse_address(text, channel) == found


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("", None),
        ("ann", None),
        ("015112345678", None),
        ("+0151", None),
        ("sms:ann@example.org", None),
        ("ann@example.org", Channel.SMS),
        ("whatsapp:+4915112345678", Channel.SMS),
        ("email:", None),
        ("email:a b@example.org", None),
        ("telegram:7\n7", None),
        ("telegram:" + "7" * 300, None),
        ("voice:+4915112345678", None),
    ],
)
def test_what_is_none_is_refused_with_the_remedy(text, channel):
    with pytest.raises(ValueError, match=r"write it like|is an address of"):
        parse_address(text, channel)
