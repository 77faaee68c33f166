"""Fetches and keeps the keys that an OpenID provider signs with (OpenID Connect Discovery 1.0, RFC 7517)."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from gateway.channels.provider_session import ProviderSession
from gateway.errors import ProviderUnavailable
from gateway.model.messages import SendFailed

log = logging.getLogger(__name__)

FRESH_S = 24 * 3_600.0
"""So long keys are believed without asking again."""
AGAIN_S = 300.0
"""Least time between two questions: a forger with made-up key ids causes no more."""
RETRY_S = 10.0
"""The same while no keys are known at all."""
KEYS_MOST = 200


class OpenIdKeys:
    """The keys of one provider, by id. Belongs to the event loop; `close` it."""

    def __init__(
        self,
        metadata_url: str,
        *,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metadata_url = metadata_url
        self._clock = clock
        self._session = ProviderSession(timeout_s=timeout_s)
        self._lock = asyncio.Lock()
        self._keys: dict[str, tuple[jwt.PyJWK, frozenset[str]]] = {}
        self._fetched_at: float | None = None
        self._asked_at: float | None = None

    async def key(self, key_id: str) -> tuple[jwt.PyJWK, frozenset[str]] | None:
        """Return a key and the channels that it is endorsed for; None if the provider has no such key.

        Raises `ProviderUnavailable` if no keys are known and none can be had.
        """
        async with self._lock:
            now = self._clock()
            is_stale = self._fetched_at is None or now - self._fetched_at > FRESH_S
            pause_s = RETRY_S if self._fetched_at is None else AGAIN_S
            may_ask = self._asked_at is None or now - self._asked_at >= pause_s
            if self._fetched_at is None and not may_ask:
                raise ProviderUnavailable("the signing keys could not be had just now")
            if (is_stale or key_id not in self._keys) and may_ask:
                self._asked_at = now
                await self._fetch(now)
        return self._keys.get(key_id)

    async def close(self) -> None:
        """Release connections."""
        await self._session.close()

    async def _fetch(self, now: float) -> None:
        try:
            metadata = await self._get(self._metadata_url)
            found = _keys(await self._get(str(metadata.get("jwks_uri", ""))))
        except (SendFailed, ValueError) as error:
            if self._fetched_at is None:
                raise ProviderUnavailable(f"the signing keys cannot be had: {error}") from error
            # Old keys that are still good serve better than none.
            log.warning("the signing keys cannot be renewed", extra={"reason": str(error)})
            return
        self._keys, self._fetched_at = found, now

    async def _get(self, url: str) -> Mapping[str, Any]:
        answer = await self._session.request("GET", url)
        if not answer.is_good:
            raise ValueError(f"status {answer.status}")
        told = json.loads(answer.body)
        if not isinstance(told, dict):
            raise ValueError("the answer is no object")
        return told


def _keys(told: Mapping[str, Any]) -> dict[str, tuple[jwt.PyJWK, frozenset[str]]]:
    """Return the RSA keys of a key set; what is not understood is left out."""
    rows = told.get("keys")
    found: dict[str, tuple[jwt.PyJWK, frozenset[str]]] = {}
    for row in rows[:KEYS_MOST] if isinstance(rows, list) else ():
        if not isinstance(row, dict) or row.get("kty") != "RSA":
            continue
        key_id, endorsements = row.get("kid"), row.get("endorsements")
        try:
            key = jwt.PyJWK(row, algorithm="RS256")
        except PyJWTError:
            continue
        if isinstance(key_id, str):
            channels = endorsements if isinstance(endorsements, list) else []
            found[key_id] = (key, frozenset(str(channel) for channel in channels))
    if not found:
        raise ValueError("there are no keys")
    return found
