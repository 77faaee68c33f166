"""Tests of gateway/store/identity.py."""

import pytest

from gateway.model.messages import Channel
from gateway.store.identity import address_key, caller_key, is_nobody, normalise


@pytest.mark.parametrize(
    ("address", "known_as"),
    [
        ("+49 30 123456", "+4930123456"),
        ("sip:+4930123456", "+4930123456"),
        ("SIPS:alice@example.org;transport=tcp", "alice@example.org"),
        ("<sip:alice@example.org>", "alice@example.org"),
        ("tel:+4930123456;phone-context=x", "+4930123456"),
        ("  100 ", "100"),
        ("", ""),
        ("1" * 400, "1" * 255),
    ],
)
def test_addresses_are_known_without_scheme_spaces_and_parameters(address, known_as):
    assert normalise(address) == known_as


@pytest.mark.parametrize("person", ["", "anonymous", "Anonymous@anonymous.invalid", "unknown"])
def test_withheld_callers_are_nobody(person):
    assert is_nobody(person)


@pytest.mark.parametrize("person", ["+4930123456", "alice@example.org", "anonymous2"])
def test_others_are_somebody(person):
    assert not is_nobody(person)


def test_a_number_is_one_person_on_every_telephone_channel():
    for channel in (Channel.VOICE, Channel.SMS, Channel.WHATSAPP, Channel.RCS):
        assert address_key(channel, "+1 (415) 555-1234") == "+14155551234"
        assert address_key(channel, f"{channel}:+14155551234") == "+14155551234"


def test_other_addresses_are_known_by_channel():
    assert address_key(Channel.EMAIL, "Ann@Example.org") == "email:ann@example.org"
    assert address_key(Channel.TELEGRAM, "4711") != address_key(Channel.MESSENGER, "4711")
    assert address_key(Channel.VOICE, "sip:ann@example.org") == "ann@example.org"


@pytest.mark.parametrize(
    ("address", "country", "key"),
    [
        ("0151 12345678", "DE", "+4915112345678"),
        ("+49 151 12345678", "DE", "+4915112345678"),
        ("004915112345678", "DE", "+4915112345678"),
        ("0044 7400 123456", "DE", "+447400123456"),
        ("sip:015112345678@trunk", "DE", "015112345678@trunk"),
        ("015112345678", "", "015112345678"),
        ("100", "DE", "100"),
        ("anonymous", "DE", "anonymous"),
        ("web:ann", "DE", "web:ann"),
        ("", "DE", ""),
        ("9" * 200, "DE", "9" * 200),
    ],
)
def test_a_caller_without_country_code_is_of_the_configured_country(address, country, key):
    assert caller_key(address, country) == key
