"""Makes the addresses that the configuration says belong to one person known as such."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from gateway.errors import ConfigError
from gateway.model.messages import Channel
from gateway.store.identity import address_key, caller_key
from gateway.store.people import link

_CHANNELS = {channel.value: channel for channel in Channel}
_CALLERS = frozenset({"web", "sip", "sips", "tel"})
"""What else the address of a caller may begin with."""


def key_of(address: str, country: str = "") -> str:
    """Return the key of an address written `email:ann@example.org`, `+4915123456789` or `web:ann`.

    `web:` and the subject of its token is a caller from a browser. A number without a country code is taken to be of
    `country` (two letters), as callers' are. Raises `ConfigError`.
    """
    scheme, colon, rest = address.partition(":")
    if colon and rest.strip() and scheme.lower() in _CALLERS:
        return caller_key(address, country)
    channel = _CHANNELS.get(scheme.lower()) if colon else Channel.VOICE
    if channel is None or not (rest if colon else address).strip():
        raise ConfigError(
            f"{address!r} is no address; write a number like +4915123456789 or a channel and what "
            "it is known by there, like email:ann@example.org"
        )
    if channel is Channel.VOICE:
        return caller_key(rest if colon else address, country)
    return address_key(channel, rest if colon else address)


def link_all(
    connection: Connection,
    identities: Mapping[str, Sequence[str]],
    *,
    at: float,
    country: str = "",
) -> None:
    """Link every person's addresses, within the caller's transaction; what is linked already stays so."""
    for person, addresses in identities.items():
        for address in addresses:
            link(connection, key_of(address, country), key_of(person, country), at=at)
