"""Who a caller is, as far as rooms are concerned: one room per person and number of ours."""

import re

_SCHEME = re.compile(r"^(?:sips?|tel):", re.IGNORECASE)
_NOBODY = frozenset(
    {"", "anonymous", "unknown", "unavailable", "restricted", "private", "withheld"}
)
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
