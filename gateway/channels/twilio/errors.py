"""Judges Twilio's refusals: whether to try again, when, and whether the message may have been taken.

https://www.twilio.com/docs/api/errors and https://www.twilio.com/docs/usage/twilios-response.
"""

import json
from collections.abc import Mapping

from gateway.model.messages import SendFailed

_LATER = frozenset({"20429", "14107", "20503"})
"""Limits of the interface and outages that come with other statuses than 429 and 503."""
_NOT_TAKEN_STATUSES = frozenset({429, 503})
"""Refused before it was looked at."""
RETRY_AFTER_MOST_S = 3600.0
_DETAIL_MOST = 300


def failure(status: int, headers: Mapping[str, str], body: bytes) -> SendFailed:
    """Return what an answer other than 2xx to a new message means."""
    code, detail = _told(body)
    code = code or f"http_{status}"
    detail = detail or f"status {status}"
    if status in _NOT_TAKEN_STATUSES or code in _LATER:
        return SendFailed(code, detail, may_retry=True, retry_after_s=_retry_after_s(headers))
    if status >= 500:
        # A gateway of theirs may have lost an answer that was good.
        return SendFailed(
            code,
            detail,
            may_retry=True,
            retry_after_s=_retry_after_s(headers),
            is_unknown=True,
        )
    if status == 408:
        return SendFailed(code, detail, may_retry=True, is_unknown=True)
    return SendFailed(code, detail, may_retry=False)


def _told(body: bytes) -> tuple[str, str]:
    """Return code and words of a JSON error; empty where the answer is another's (a proxy's page)."""
    try:
        told = json.loads(body)
    except ValueError:
        return "", ""
    if not isinstance(told, dict):
        return "", ""
    code = told.get("code")
    return (str(code) if isinstance(code, int) else ""), str(told.get("message", ""))[:_DETAIL_MOST]


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return seconds of `Retry-After` (RFC 9110 section 10.2.3); a date is not believed to the second."""
    text = headers.get("Retry-After", "").strip()
    # 14107 and 429 come with seconds; `isdecimal` alone would take other scripts' digits too.
    return min(float(text), RETRY_AFTER_MOST_S) if text.isascii() and text.isdecimal() else None
