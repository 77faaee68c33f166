"""Reads from a raw INVITE what the gateway wants to know of a call; pure, and safe on hostile text.

PJSIP has parsed and accepted the message before; this reads only a few headers, bounds their length and
replaces what cannot be printed, because the result goes into logs, databases and JSON.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

_MAX_VALUE = 256
_MAX_X_HEADERS = 32
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_FOLD = re.compile(r"\r?\n[ \t]+")
_COMPACT = {"f": "from", "i": "call-id"}
"""RFC 3261 section 7.3.3."""
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_URI = re.compile(r"(sips?|tel):([^\s>]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteFacts:
    """What an INVITE says."""

    caller: str = ""
    """User part of From; `anonymous@` and its host if it has none, as RFC 3323 would have it."""
    caller_name: str = ""
    callee: str = ""
    """User part of the request URI."""
    sip_call_id: str = ""
    x_headers: dict[str, str] = field(default_factory=dict)
    """Headers whose name begins with `X-`, by their name as sent."""


def clean(text: str) -> str:
    """Return `text` without unprintable characters, at most 256 characters long."""
    return _UNPRINTABLE.sub("?", text)[:_MAX_VALUE]


def user_of(uri: str) -> str:
    """Return the user part of the first SIP or tel URI in `uri`, else its host, else nothing.

    User parameters (`+1555;phone-context=…`, RFC 3261 section 19.1.1) are cut off and escapes resolved.
    """
    found = _URI.search(uri)
    if found is None:
        return ""
    scheme, rest = found[1].lower(), found[2]
    if scheme == "tel":
        return clean(unquote(rest.split(";", 1)[0]))
    if "@" in rest:
        user = rest.rsplit("@", 1)[0].split(":", 1)[0]
        return clean(unquote(user.split(";", 1)[0]))
    return clean(re.split(r"[:;?]", rest, maxsplit=1)[0])


def caller_of(value: str) -> str:
    """Return who a From header value says is calling; what its display name says is not looked at.

    A trunk vouches for the address, if for anything; the name is the caller's own words.
    """
    text = value.lstrip()
    if text.startswith('"'):
        quoted = _QUOTED.match(text)
        text = text[quoted.end() :] if quoted else ""
    if "<" in text:
        text = text.split("<", 1)[1].split(">", 1)[0]
    found = _URI.match(text.strip())
    if found is None:
        return ""
    host = found[2].rsplit("@", 1)[-1]
    has_user = found[1].lower() == "tel" or ("@" in found[2] and user_of(found[0]))
    # Not the host: all who withhold their number would be one person, and told what another said.
    if not has_user:
        return clean(f"anonymous@{user_of(f'sip:{host}')}")
    # Addresses of other channels have a colon (`web:ann`), a telephone's has none (RFC 3261 section 25.1).
    return clean(user_of(found[0]).replace(":", "%3A"))


def display_name_of(value: str) -> str:
    """Return the display name of a From or To header value, without quotes and escapes."""
    text = value.lstrip()
    if text.startswith('"'):
        quoted = _QUOTED.match(text)
        return clean(re.sub(r"\\(.)", r"\1", quoted[1])) if quoted else ""
    if "<" not in text:
        return ""
    return clean(text.split("<", 1)[0].strip())


def read_invite(text: str) -> InviteFacts:
    """Read a raw INVITE; missing or broken parts come back empty."""
    head = re.split(r"\r?\n\r?\n", text, maxsplit=1)[0]
    # Not `splitlines`, which also takes characters for line ends that SIP lets stand in a name.
    lines = re.split(r"\r?\n", _FOLD.sub(" ", head))
    request = lines[0].split(" ")
    values: dict[str, str] = {}
    x_headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            continue
        name = name.strip()
        lower = _COMPACT.get(name.lower(), name.lower())
        values.setdefault(lower, value.strip())
        if lower.startswith("x-") and len(x_headers) < _MAX_X_HEADERS:
            x_headers.setdefault(clean(name), clean(value.strip()))
    sender = values.get("from", "")
    return InviteFacts(
        caller=caller_of(sender),
        caller_name=display_name_of(sender),
        callee=user_of(request[1]) if len(request) > 1 else "",
        sip_call_id=clean(values.get("call-id", "")),
        x_headers=x_headers,
    )
