"""Decides by `If-Match` whether a PATCH of a call may go on (RFC 9725 section 4.3, RFC 9110 section 13.1.1)."""

import re

from gateway.http.errors import ApiError

ANY = "*"
"""Stands for whichever session there is."""

_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e]*)"\s*')


def check(if_match: str | None, etag: str) -> None:
    """Return if the header names the current ICE session, or any; else raise `ApiError` (428, 412)."""
    if if_match is None:
        raise ApiError(
            428, "http.precondition_required", "If-Match is needed, with the newest ETag or *"
        )
    if if_match.strip() == ANY:
        return
    if etag not in tags(if_match):
        raise ApiError(
            412, "http.precondition_failed", "the call's ICE session is another one by now"
        )


def tags(header: str) -> frozenset[str]:
    """Return the strong entity tags of a list; weak ones never match (RFC 9110 section 8.8.3.2)."""
    found: set[str] = set()
    for item in header.split(","):
        match = _TAG.fullmatch(item)
        if match is not None and match[1] is None:
            found.add(match[2])
    return frozenset(found)
