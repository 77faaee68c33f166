"""What a telephone number tells of a person."""

import pytest

from gateway.channels.fallback.phone_number import LineKind, number_facts


@pytest.mark.parametrize(
    ("number", "kind", "zone"),
    [
        ("+4915123456789", LineKind.MOBILE, "Europe/Berlin"),
        ("+493012345678", LineKind.LANDLINE, "Europe/Berlin"),
        ("+447911123456", LineKind.MOBILE, "Europe/London"),
        ("+12125551234", LineKind.UNKNOWN, "America/New_York"),
        ("+18002345678", LineKind.LANDLINE, "America/New_York"),
    ],
)
def test_kind_and_zone(number: str, kind: LineKind, zone: str) -> None:
    facts = number_facts(number)
    assert (facts.e164, facts.kind) == (number, kind)
    assert zone in facts.zones


@pytest.mark.parametrize(
    "address", ["", "101", "anonymous", "a@example.com", "+1", "+999123456789"]
)
def test_what_is_no_number_tells_nothing(address: str) -> None:
    facts = number_facts(address)
    assert (facts.e164, facts.kind, facts.zones) == ("", LineKind.UNKNOWN, ())
