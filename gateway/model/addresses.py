"""How people write addresses of people: `+4915123456789`, `email:ann@example.org`, `whatsapp:+4915123456789`."""

import re

from gateway.model.messages import Channel

WRITTEN = tuple(channel for channel in Channel if channel is not Channel.VOICE)
_NUMBER = re.compile(r"\+[1-9][0-9]{4,14}")
_EMAIL = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")
_NUMBER_CHANNELS = frozenset({Channel.SMS, Channel.WHATSAPP, Channel.RCS})
ADDRESS_LONGEST = 255


def parse_address(text: str, channel: Channel | None = None) -> tuple[Channel, str]:
    """Return channel and address of a text; a bare number is SMS's, what looks like it is e-mail.

    `channel` decides for a text that names none. Raises `ValueError` with the remedy.
    """
    scheme, colon, rest = text.strip().partition(":")
    named = {item.value: item for item in WRITTEN}.get(scheme.lower()) if colon else None
    address = (rest if named else text).strip()
    if named and channel and named is not channel:
        raise ValueError(f"{text!r} is an address of {named.value}, not of {channel.value}")
    found = named or channel or _guess(address)
    if found is None or not address or len(address) > ADDRESS_LONGEST or not address.isprintable():
        raise ValueError(
            f"{text!r} is no address; write it like +4915123456789 or email:ann@example.org"
        )
    if found in _NUMBER_CHANNELS:
        address = re.sub(r"[ ()./-]", "", address)
        if not _NUMBER.fullmatch(address):
            raise ValueError(
                f"{text!r} is no number with a country code; write it like +4915123456789"
            )
    if found is Channel.EMAIL and not _EMAIL.fullmatch(address):
        raise ValueError(f"{text!r} is no e-mail address; write it like ann@example.org")
    return found, address


def _guess(address: str) -> Channel | None:
    if _EMAIL.fullmatch(address):
        return Channel.EMAIL
    return Channel.SMS if address.startswith("+") else None
