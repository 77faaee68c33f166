"""Tells whether a request really comes from Microsoft's Bot Connector.

https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication, "Authenticate
requests from the Bot Connector service to your bot": all of its seven conditions.
"""

import time
from collections.abc import Callable
from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from gateway.channels.openid_keys import OpenIdKeys

SKEW_S = 300.0
"""How far clocks may be apart (the documentation's five minutes)."""
TOKEN_LONGEST = 16 * 1024


class TeamsTokenCheck:
    """Checks tokens against the keys of the connector."""

    def __init__(
        self,
        keys: OpenIdKeys,
        *,
        app_id: str,
        issuer: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._app_id = app_id
        self._issuer = issuer
        self._clock = clock

    async def flaw(self, authorization: str, *, service_url: str, channel_id: str) -> str:
        """Return what is wrong with a request, empty if nothing is; both arguments are the activity's own.

        Raises `ProviderUnavailable` if the keys cannot be had.
        """
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > TOKEN_LONGEST:
            return "there is no bearer token"
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
        except (PyJWTError, ValueError):
            # The second for bytes that are no text.
            return "the token is no JWT"
        found = await self._keys.key(key_id) if isinstance(key_id, str) else None
        if found is None:
            return "the token's key is not the connector's"
        key, channels = found
        try:
            # The algorithm is ours to name: the token's own word for it could be `none`, or HMAC with a public key.
            claims: dict[str, Any] = jwt.decode(
                token,
                key=key,
                algorithms=["RS256"],
                audience=self._app_id,
                issuer=self._issuer,
                options={
                    "require": ["exp", "iss", "aud"],
                    # Below, by our clock.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except PyJWTError as error:
            return f"the token is not good: {error}"
        now = self._clock()
        if not _is_time(claims.get("exp")) or claims["exp"] + SKEW_S < now:
            return "the token has expired"
        begins = claims.get("nbf", 0)
        if not _is_time(begins) or begins - SKEW_S > now:
            return "the token is not valid yet"
        claimed = claims.get("serviceurl", claims.get("serviceUrl"))
        if not isinstance(claimed, str) or claimed.rstrip("/") != service_url.rstrip("/"):
            return "the token is for another service"
        if channels and channel_id not in channels:
            return "the token's key is not endorsed for this channel"
        return ""


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
