"""The HTTP connections of one transport, made when first needed and closed with it."""

from collections.abc import Mapping
from typing import Any

import aiohttp

from gateway.channels.http_client import Answer, request


class ProviderSession:
    """Makes requests; made late, because connections belong to the loop that runs then."""

    def __init__(self, *, timeout_s: float, headers: Mapping[str, str] | None = None) -> None:
        self._timeout_s = timeout_s
        self._headers = dict(headers or {})
        self._session: aiohttp.ClientSession | None = None

    async def request(self, method: str, url: str, **options: Any) -> Answer:
        """Make a request; see `http_client.request`."""
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers)
        return await request(self._session, method, url, timeout_s=self._timeout_s, **options)

    async def close(self) -> None:
        """Close every connection; may be called twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
