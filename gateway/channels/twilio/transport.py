"""Sends through Twilio's REST interface, and looks there for messages whose answer was lost."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from gateway.channels.http_client import Answer, basic_authorization
from gateway.channels.provider_session import ProviderSession
from gateway.channels.twilio import errors
from gateway.channels.twilio.addresses import CHANNELS, to_twilio
from gateway.channels.twilio.requests import body_of, parameters
from gateway.config.twilio import TwilioSection
from gateway.model.messages import (
    Accepted,
    Channel,
    ChannelCapabilities,
    InboundMessage,
    OutboundMessage,
    SendFailed,
)

PROVIDER = "twilio"
PAGE_SIZE = 100
PAGES_MOST = 10
TRIAL_PREFIX = "Sent from your Twilio trial account - "
"""What Twilio puts before every text of an account that is not paid for."""
_CAPABILITIES = {
    # Limits: 21617; https://www.twilio.com/docs/messaging/channels
    Channel.SMS: ChannelCapabilities(text_limit=1600, media=True, receipts=True),
    # WhatsApp and Messenger: one file; Meta takes a caption of 1,024.
    Channel.WHATSAPP: ChannelCapabilities(
        text_limit=1600,
        media=True,
        media_most=1,
        caption_limit=1024,
        buttons=True,
        templates=True,
        receipts=True,
        typing=True,
    ),
    Channel.RCS: ChannelCapabilities(
        text_limit=1600, media=True, buttons=True, templates=True, receipts=True
    ),
    Channel.MESSENGER: ChannelCapabilities(
        text_limit=1600, media=True, media_most=1, receipts=True
    ),
}


class TwilioTransport:
    """A `Transport` that `CanFind`. Owns its connections; close it."""

    def __init__(
        self,
        section: TwilioSection,
        *,
        auth_token: str,
        api_key_secret: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._section = section
        self._clock = clock
        user, password = section.account_sid, auth_token
        if section.api_key_sid:
            user, password = section.api_key_sid, api_key_secret
        self._session = ProviderSession(
            timeout_s=section.timeout_s,
            headers={"Authorization": basic_authorization(user, password)},
        )
        self._messages_url = (
            f"{section.api_url}/2010-04-01/Accounts/{section.account_sid}/Messages.json"
        )

    @property
    def provider(self) -> str:
        return PROVIDER

    def capabilities(self, channel: Channel) -> ChannelCapabilities | None:
        """Return what a channel carries by Twilio."""
        found = _CAPABILITIES.get(channel)
        if found is None or not found.buttons:
            return found
        return replace(found, buttons=bool(self._section.button_templates))

    async def send(self, message: OutboundMessage) -> Accepted:
        """Hand one message over; its receipts come to `/twilio/status`. Raises `SendFailed`."""
        if message.channel not in CHANNELS:
            raise SendFailed(
                "unserved", f"Twilio has no channel {message.channel}", may_retry=False
            )
        fields = parameters(
            message,
            messaging_service_sid=self._section.messaging_service_sid,
            public_url=self._section.public_url,
            button_templates=self._section.button_templates,
        )
        answer = await self._request(
            "POST",
            self._messages_url,
            data=urlencode(fields).encode("ascii"),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        sid = _json_object(answer).get("sid")
        if not isinstance(sid, str) or not sid:
            raise SendFailed(
                "bad_answer", "Twilio's answer has no sid", may_retry=True, is_unknown=True
            )
        return Accepted(provider_id=sid)

    async def show_typing(self, message: InboundMessage) -> None:
        """Show it on WhatsApp: https://www.twilio.com/docs/whatsapp/api/typing-indicators-resource."""
        if message.channel is Channel.WHATSAPP:
            host = self._section.api_url.replace("://api.", "://messaging.", 1)
            await self._request(
                "POST",
                f"{host}/v2/Indicators/Typing.json",
                data={"messageId": message.provider_id, "channel": "whatsapp"},
            )

    async def find(self, message: OutboundMessage, *, since: float) -> Accepted | None:
        """Look for the message among those to its recipient since then, to the second.

        Twilio keeps no key of ours, so it is known by sender, recipient and text; a template's text is
        Twilio's, so the newest to this recipient counts. Raises `SendFailed` if the list cannot be had.
        """
        earliest: datetime | None = None
        body = body_of(message, self._section.button_templates)
        query = {
            "To": to_twilio(message.channel, message.recipient),
            "PageSize": str(PAGE_SIZE),
        }
        if message.sender and not self._section.messaging_service_sid:
            query["From"] = to_twilio(message.channel, message.sender)
        # Not filtered by `DateSent`: a message that is still queued has none.
        url = f"{self._messages_url}?{urlencode(query)}"
        for _ in range(PAGES_MOST):
            asked_at = self._clock()
            answer = await self._request("GET", url)
            earliest = earliest or _on_their_clock(since, asked_at, answer)
            page = _json_object(answer)
            rows = page.get("messages")
            if not isinstance(rows, list):
                raise SendFailed("bad_answer", "Twilio's list has no messages", may_retry=True)
            for row in rows:
                if not isinstance(row, dict):
                    continue
                created = _created(row)
                if created is not None and created < earliest:
                    return None  # newest first: the rest is older still
                if _is_same(row, body):
                    return Accepted(provider_id=str(row["sid"]))
            following = page.get("next_page_uri")
            if not following:
                return None
            url = urljoin(self._messages_url, str(following))
            if urlsplit(url).netloc != urlsplit(self._messages_url).netloc:
                # Our credentials go to Twilio only.
                raise SendFailed("bad_answer", "Twilio's list goes on elsewhere", may_retry=False)
        raise SendFailed("not_found", "too many messages to this recipient", may_retry=True)

    async def close(self) -> None:
        await self._session.close()

    async def _request(self, method: str, url: str, **options: Any) -> Answer:
        answer = await self._session.request(method, url, **options)
        if not answer.is_good:
            raise errors.failure(answer.status, answer.headers, answer.body)
        return answer


def _json_object(answer: Answer) -> Mapping[str, Any]:
    try:
        told = json.loads(answer.body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise SendFailed(
            "bad_answer", "Twilio's answer is not JSON", may_retry=True, is_unknown=True
        )
    return told


def _on_their_clock(at: float, asked_at: float, answer: Answer) -> datetime:
    """Return a time of ours as Twilio's clock has it, by the `Date` of its answer; never too late.

    A clock of ours that runs ahead would hide a message that was taken, and it would be sent twice.
    """
    theirs = _date(answer.headers.get("Date", ""))
    ahead_s = 0.0 if theirs is None else max(asked_at - theirs.timestamp(), 0.0)
    # Whole seconds are all that Twilio tells.
    return datetime.fromtimestamp(int(at - ahead_s), UTC)


def _created(row: Mapping[str, Any]) -> datetime | None:
    """Return when Twilio made the message."""
    return _date(str(row.get("date_created", "")))


def _date(text: str) -> datetime | None:
    """Return a date of RFC 2822, None if it is none."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None


def _is_same(row: Mapping[str, Any], body: str | None) -> bool:
    if not str(row.get("direction", "")).startswith("outbound") or not row.get("sid"):
        return False
    if body is None:
        return True
    return str(row.get("body") or "").removeprefix(TRIAL_PREFIX).strip() == body.strip()
