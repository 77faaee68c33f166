"""Checks `X-Twilio-Signature`: https://www.twilio.com/docs/usage/security#validating-requests.

A form is signed as URL followed by its fields in order of name; JSON as URL alone, whose `bodySHA256`
vouches for the body. Twilio has signed URLs with and without the port, so both are tried.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl

_DEFAULT_PORTS = {"https": 443, "http": 80}
SIGNATURE_LENGTH = 28
"""Base64 of 20 bytes."""


def sign(token: str, url: str, fields: Iterable[tuple[str, str]] = ()) -> str:
    """Return the signature of a request; a field that is given twice with one value counts once."""
    text = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.digest(token.encode(), text.encode("utf-8", "surrogateescape"), hashlib.sha1)
    return base64.b64encode(digest).decode("ascii")


def is_form_genuine(
    tokens: Sequence[str], url: str, fields: Sequence[tuple[str, str]], signature: str
) -> bool:
    """Whether one of the tokens (two while they are rotated) signed this form."""
    return _is_signed(tokens, url, fields, signature)


def is_json_genuine(tokens: Sequence[str], url: str, body: bytes, signature: str) -> bool:
    """Whether one of the tokens signed the URL, and the URL names this body."""
    query = url.partition("?")[2]
    named = [value for name, value in parse_qsl(query) if name == "bodySHA256"]
    if len(named) != 1:
        return False
    is_body = hmac.compare_digest(
        hashlib.sha256(body).hexdigest().encode(), named[0].lower().encode("utf-8", "replace")
    )
    return _is_signed(tokens, url, (), signature) and is_body


def _is_signed(
    tokens: Sequence[str], url: str, fields: Sequence[tuple[str, str]], signature: str
) -> bool:
    if len(signature) != SIGNATURE_LENGTH or not tokens:
        return False
    given = signature.encode("utf-8", "surrogateescape")
    is_good = False
    for token in tokens:
        for candidate in _with_and_without_port(url):
            wanted = sign(token, candidate, fields).encode("ascii")
            # All are compared, so that the time taken tells nothing.
            is_good |= hmac.compare_digest(wanted, given)
    return is_good


def _with_and_without_port(url: str) -> tuple[str, ...]:
    """Return the URL as it came and with its port left out or put in; nothing else may change."""
    scheme, _, rest = url.partition("://")
    match = re.match(r"[^/?#]*", rest)
    host, path = (match[0], rest[match.end() :]) if match else ("", rest)
    bare = re.sub(r":[0-9]+$", "", host)
    full = host if bare != host else f"{host}:{_DEFAULT_PORTS.get(scheme, 443)}"
    return tuple(dict.fromkeys((url, f"{scheme}://{bare}{path}", f"{scheme}://{full}{path}")))
