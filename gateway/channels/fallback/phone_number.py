"""What a telephone number tells of the person behind it: where they are and whether the line takes texts."""

from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import available_timezones

import phonenumbers
from phonenumbers import PhoneNumberType, timezone


class LineKind(StrEnum):
    """Whether a line can take a text, as far as its number tells."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    UNKNOWN = "unknown"
    """Both kinds share the number range (North America), or it is no telephone number."""


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """Facts of one number."""

    e164: str
    """Empty if it is not a valid number with a country code."""
    kind: LineKind
    zones: tuple[str, ...]
    """Names of the IANA time zones in which the person may be; none if not known."""


_LANDLINES = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.UAN,
        PhoneNumberType.VOICEMAIL,
    }
)
_KNOWN_ZONES = frozenset(available_timezones())


def number_facts(address: str, country: str = "") -> NumberFacts:
    """Return what a number tells; of anything else that nothing is known.

    `country` (ISO 3166, two letters) is where a number without a country code is from.
    """
    try:
        parsed = phonenumbers.parse(address, country or None)
    except phonenumbers.NumberParseException:
        return NumberFacts("", LineKind.UNKNOWN, ())
    if not phonenumbers.is_valid_number(parsed):
        return NumberFacts("", LineKind.UNKNOWN, ())
    zones = timezone.time_zones_for_number(parsed)
    return NumberFacts(
        e164=phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164),
        kind=_kind(phonenumbers.number_type(parsed)),
        # A mobile number of the United States has every zone of the country, Guam among them.
        zones=tuple(zone for zone in zones if zone in _KNOWN_ZONES),
    )


def _kind(number_type: int) -> LineKind:
    if number_type == PhoneNumberType.MOBILE:
        return LineKind.MOBILE
    if number_type in _LANDLINES:
        return LineKind.LANDLINE
    return LineKind.UNKNOWN
