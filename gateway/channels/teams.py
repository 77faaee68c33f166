"""Sends as a bot in Microsoft Teams by the Bot Connector's REST interface.

https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-send-and-receive-messages
A recipient is the id of a conversation.
"""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from gateway.channels.http_client import Answer
from gateway.channels.provider_session import ProviderSession
from gateway.config.channels import TeamsSection
from gateway.errors import StoreError
from gateway.model.messages import (
    Accepted,
    Channel,
    ChannelCapabilities,
    InboundMessage,
    OutboundMessage,
    SendFailed,
)

PROVIDER = "teams"
TEXT_LIMIT = 14_000
"""Teams takes about 28 KB, counted in UTF-16."""
SCOPE = "https://api.botframework.com/.default"
RENEW_S = 120.0
"""A token is renewed so long before it ends."""


class TeamsTransport:
    """A `Transport`. Fetches and keeps the bot's access token (OAuth 2.0 client credentials)."""

    def __init__(
        self,
        section: TeamsSection,
        *,
        app_password: str,
        service_url_of: Callable[[str], Awaitable[str]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._section = section
        self._service_url_of = service_url_of
        self._app_password = app_password
        self._clock = clock
        self._session = ProviderSession(timeout_s=section.timeout_s)
        self._token = ""
        self._token_until = 0.0

    @property
    def provider(self) -> str:
        return PROVIDER

    def capabilities(self, channel: Channel) -> ChannelCapabilities | None:
        """Return what a bot can send; lengths are UTF-16 units."""
        if channel is not Channel.TEAMS:
            return None
        return ChannelCapabilities(text_limit=TEXT_LIMIT, media=True, buttons=True, typing=True)

    async def send(self, message: OutboundMessage) -> Accepted:
        """Add an activity to the conversation. Raises `SendFailed`."""
        token = await self._access_token()
        activity: dict[str, object] = {
            "type": "message",
            "textFormat": "plain",
            "text": message.text,
            "attachments": [
                {"contentType": m.content_type, "contentUrl": m.url} for m in message.media
            ],
        }
        if message.buttons:
            actions = [{"type": "imBack", "title": one, "value": one} for one in message.buttons]
            activity["suggestedActions"] = {"to": [], "actions": actions}
        if message.sender:
            activity["from"] = {"id": message.sender}
        conversation = quote(message.recipient, safe="")
        answer = await self._session.request(
            "POST",
            f"{await self._service_url(message.recipient)}/v3/conversations/{conversation}/activities",
            json=activity,
            headers={"Authorization": f"Bearer {token}"},
        )
        told = _object(answer)
        if answer.is_good:
            return Accepted(provider_id=str(told.get("id") or message.message_id))
        if answer.status == 401:
            # It was revoked, or the application's password was changed: ask anew at the next attempt.
            self._token = ""
            raise SendFailed("teams_401", "the token was refused", may_retry=True)
        raise _failure(answer, told)

    async def show_typing(self, message: InboundMessage) -> None:
        """Add a typing activity to the conversation. Raises `SendFailed`."""
        token = await self._access_token()
        conversation = quote(message.sender, safe="")
        await self._session.request(
            "POST",
            f"{await self._service_url(message.sender)}/v3/conversations/{conversation}/activities",
            json={"type": "typing", "from": {"id": message.recipient}},
            headers={"Authorization": f"Bearer {token}"},
        )

    async def close(self) -> None:
        await self._session.close()

    async def _service_url(self, conversation: str) -> str:
        """Return where the conversation is: each region has its own service."""
        own = ""
        if self._service_url_of is not None:
            try:
                own = await self._service_url_of(conversation)
            except StoreError as error:
                raise SendFailed("store", str(error), may_retry=True) from error
        return own or self._section.service_url

    async def _access_token(self) -> str:
        if self._token and self._clock() < self._token_until - RENEW_S:
            return self._token
        asked_at = self._clock()
        try:
            answer = await self._session.request(
                "POST",
                f"{self._section.login_url}/{self._section.tenant}/oauth2/v2.0/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": self._section.app_id,
                    "client_secret": self._app_password,
                    "scope": SCOPE,
                },
            )
        except SendFailed as error:
            # Nothing of the message was sent yet, whatever became of this request.
            raise SendFailed(error.code, error.detail, may_retry=True) from error
        told = _object(answer)
        token, lasts_s = told.get("access_token"), told.get("expires_in")
        if not answer.is_good or not isinstance(token, str) or not isinstance(lasts_s, int):
            raise SendFailed(
                "teams_login",
                str(told.get("error", f"status {answer.status}"))[:100],
                may_retry=answer.status == 429 or answer.status >= 500,
            )
        self._token, self._token_until = token, asked_at + lasts_s
        return token


def _failure(answer: Answer, told: dict[str, Any]) -> SendFailed:
    error = told.get("error")
    words = error.get("message", "") if isinstance(error, dict) else ""
    after = answer.headers.get("Retry-After", "")
    return SendFailed(
        f"teams_{answer.status}",
        str(words)[:300] or f"status {answer.status}",
        may_retry=answer.status in (408, 412, 429) or answer.status >= 500,
        retry_after_s=float(after) if after.isascii() and after.isdecimal() else None,
        is_unknown=answer.status >= 500 and answer.status != 503,
    )


def _object(answer: Answer) -> dict[str, Any]:
    try:
        told = json.loads(answer.body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
