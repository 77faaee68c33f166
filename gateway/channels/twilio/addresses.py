"""Translates between our addresses and Twilio's, which carry the channel as a prefix."""

from gateway.model.messages import Channel

_PREFIXES = {
    Channel.SMS: "",
    Channel.WHATSAPP: "whatsapp:",
    Channel.RCS: "rcs:",
    Channel.MESSENGER: "messenger:",
}
CHANNELS = tuple(_PREFIXES)


def to_twilio(channel: Channel, address: str) -> str:
    """Return the address as Twilio writes it; raises `KeyError` for a channel that it does not serve."""
    return _PREFIXES[channel] + address


def from_twilio(address: str) -> tuple[Channel, str]:
    """Return channel and bare address; without a prefix it is a telephone number or a short code."""
    prefix, colon, rest = address.strip().partition(":")
    if not colon:
        return Channel.SMS, prefix
    for channel, known in _PREFIXES.items():
        if known == f"{prefix.lower()}:":
            return channel, rest.strip()
    raise ValueError(f"Twilio's channel {prefix!r} is not known")
