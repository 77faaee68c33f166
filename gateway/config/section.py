"""What all sections of the configuration have in common."""

import ipaddress
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of every section: frozen, strict about names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def web_address(text: str) -> str:
    """Return an http(s) address without a slash at its end; raises `ValueError` with the remedy."""
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query):
        raise ValueError(f"{text!r} is not an address; write it like https://voice.example.com")
    return text.rstrip("/")


def network_of(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Return the network that `text` (CIDR) names; raises `ValueError` with the remedy."""
    try:
        return ipaddress.ip_network(text, strict=True)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is not a network: {error}; write it like 203.0.113.0/24"
        ) from error
