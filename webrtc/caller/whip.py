"""Speaks WHIP's manners (RFC 9725) as a client: posts an offer, takes the answer, ends the call."""

import json
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin

import aiohttp

from gateway.errors import EndpointError

ANSWER_BOUND_S = 40.0
"""Longer than the gateway lets an offer wait for its answer."""
END_BOUND_S = 3.0
_DETAIL_MOST = 300


class CallRefused(EndpointError):
    """The gateway did not take the call; `status` is its HTTP status, 0 if it could not be asked."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True, slots=True)
class Accepted:
    """A call that was answered."""

    sdp: str
    resource: str
    """URL of the call; a DELETE of it ends it."""
    etag: str


class WhipClient:
    """One gateway's door for calls. `target` is the URL to post to; its fragment, if any, is a token.

    A fragment is never sent to a server, so the token goes where it belongs, into a header.
    """

    def __init__(self, target: str, *, origin: str = "") -> None:
        self._url, token = urldefrag(target)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if origin:
            headers["Origin"] = origin
        # No proxy stands between this machine and itself: trust_env stays off.
        self._session = aiohttp.ClientSession(headers=headers)

    async def offer(self, sdp: str) -> Accepted:
        """Post an offer and return its answer. Raises `CallRefused`."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_BOUND_S)
        headers = {"Content-Type": "application/sdp"}
        try:
            async with self._session.post(
                self._url, data=sdp.encode(), headers=headers, timeout=timeout
            ) as answer:
                body = await answer.text()
                if answer.status != 201:
                    raise CallRefused(answer.status, f"{answer.status} {_told(body)}")
                return Accepted(
                    body,
                    urljoin(self._url, answer.headers.get("Location", "")),
                    answer.headers.get("ETag", "").strip('"'),
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CallRefused(0, f"{self._url}: {error or type(error).__name__}") from error

    async def end(self, resource: str) -> bool:
        """End a call; whether the gateway said so in time."""
        timeout = aiohttp.ClientTimeout(total=END_BOUND_S)
        try:
            async with self._session.delete(resource, timeout=timeout) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def close(self) -> None:
        await self._session.close()


def _told(body: str) -> str:
    """Return the message of an error answer, or what there is instead."""
    try:
        error = json.loads(body)["error"]
        return f"{error['message']} ({error['code']})"[:_DETAIL_MOST]
    except (ValueError, KeyError, TypeError):
        return body[:_DETAIL_MOST]
