"""One request to a provider, bounded in time and size, with every way it can fail told as `SendFailed`."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from gateway.model.messages import SendFailed

ANSWER_MOST = 1024 * 1024
CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered, whatever the status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


def basic_authorization(user: str, password: str) -> str:
    """Return the value of `Authorization` (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


async def request(
    session: aiohttp.ClientSession, method: str, url: str, *, timeout_s: float, **options: Any
) -> Answer:
    """Make one request, redirects not followed. Raises `SendFailed` when no answer came.

    A connection that never stood took nothing; one that broke may have.
    """
    timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(CONNECT_S, timeout_s))
    try:
        async with session.request(
            method, url, timeout=timeout, allow_redirects=False, **options
        ) as response:
            body = await response.content.read(ANSWER_MOST)
            while len(body) < ANSWER_MOST and not response.content.at_eof():
                body += await response.content.read(ANSWER_MOST - len(body))
            return Answer(response.status, response.headers.copy(), body)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise SendFailed("unreachable", str(error), may_retry=True) from error
    except aiohttp.InvalidURL as error:
        raise SendFailed("bad_url", "the provider's address is no URL", may_retry=False) from error
    except TimeoutError as error:
        raise SendFailed(
            "timeout", "the provider did not answer in time", may_retry=True, is_unknown=True
        ) from error
    except aiohttp.ClientError as error:
        raise SendFailed(
            "connection", str(error) or type(error).__name__, may_retry=True, is_unknown=True
        ) from error
