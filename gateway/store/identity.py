"""Who a caller is, as far as rooms are concerned: one room per person and number of ours."""

import re

import phonenumbers

from gateway.model.messages import Channel

_SCHEME = re.compile(r"^(?:sips?|tel):", re.IGNORECASE)
_NOBODY = frozenset(
    {"", "anonymous", "unknown", "unavailable", "restricted", "private", "withheld"}
)
_PUNCTUATED_NUMBER = re.compile(r"\+?[0-9()./-]+")
_NUMBER_CHANNELS = frozenset({Channel.VOICE, Channel.SMS, Channel.WHATSAPP, Channel.RCS})
LONGEST = 255
"""Characters kept of an address; the columns are no wider."""


def normalise(address: str) -> str:
    """Return a number or address in the form rooms are known by: no scheme, no spaces, `+` kept."""
    bare = _SCHEME.sub("", address.strip().strip("<>"))
    return "".join(bare.partition(";")[0].split())[:LONGEST]


def is_nobody(person: str) -> bool:
    """Whether the network withheld who calls (RFC 3323: `anonymous@anonymous.invalid`).

    Such callers never share a room: one would be told what another said.
    """
    return person.partition("@")[0].lower() in _NOBODY


def caller_key(address: str, country: str = "") -> str:
    """Return the key of a caller. A number without a country code is taken to be of `country` (two letters).

    So a trunk that tells `0151 12345678` and a text from `+4915112345678` are one person; what is no valid number
    there, such as an extension, stays as it is.
    """
    key = address_key(Channel.VOICE, address)
    if not country or not key.isdigit():
        return key
    try:
        parsed = phonenumbers.parse(key, country)
    except phonenumbers.NumberParseException:
        return key
    if not phonenumbers.is_valid_number(parsed):
        return key
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def address_key(channel: Channel, address: str) -> str:
    """Return the key by which an address is known across channels.

    A telephone number is the same person by voice, SMS, WhatsApp or RCS, and is the key itself; elsewhere the
    channel is part of it, because two providers may give one id to different people.
    """
    bare = normalise(address.removeprefix(f"{channel.value}:"))
    if channel in _NUMBER_CHANNELS:
        if _PUNCTUATED_NUMBER.fullmatch(bare):
            return re.sub(r"[^0-9+]", "", bare)
        return bare
    if channel is Channel.WEBSOCKET:
        # Whoever writes from a web page is whoever calls from it.
        return f"web:{bare.removeprefix('web:')}"
    if channel is Channel.EMAIL:
        bare = bare.lower()
    return f"{channel.value}:{bare}"
