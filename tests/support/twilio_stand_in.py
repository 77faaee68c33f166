"""A server on loopback that takes messages, and refuses them, as Twilio does, and calls our webhooks.

The official `twilio` package signs, so it is the oracle of what a signature is.
"""

import asyncio
import base64
import hashlib
import json
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator
from yarl import URL

ACCOUNT_SID = "AC" + "0123456789abcdef" * 2
AUTH_TOKEN = "5" * 32
TAKEN_STATUSES = ("sent", "delivered")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


class Outage(StrEnum):
    """What goes wrong with the next request for a new message."""

    REFUSES = "refuses"
    """503 with Retry-After: nothing was taken."""
    LIMITS = "limits"
    """429, error 20429."""
    BREAKS_BEFORE = "breaks_before"
    """The connection breaks; nothing was taken."""
    BREAKS_AFTER = "breaks_after"
    """Taken; the connection breaks before the answer."""
    SERVER_ERROR_AFTER = "server_error_after"
    """Taken; answered with 500."""
    GARBAGE_AFTER = "garbage_after"
    """Taken; answered with a proxy's page."""
    HANGS = "hangs"
    """Taken; no answer at all."""


@dataclass(slots=True)
class Taken:
    """A message as the provider has it."""

    sid: str
    fields: dict[str, str]
    media_urls: list[str]
    created_at: float
    status: str = "queued"
    error_code: str = ""
    reported: list[str] = field(default_factory=list)

    @property
    def to(self) -> str:
        return self.fields["To"]

    @property
    def body(self) -> str:
        return self.fields.get("Body", "")


class TwilioStandIn:
    """`async with` it; `url` is the base URL of the REST interface."""

    def __init__(self, *, public_url: str = "", clock: Callable[[], float] = time.time) -> None:
        self.gateway_url = ""
        """Where webhooks are really sent; they are signed for `public_url`."""
        self.public_url = public_url
        self.taken: list[Taken] = []
        self.requests = 0
        self.outages: deque[Outage | None] = deque()
        """For the next requests for a new message, in order."""
        self.refusals: dict[str, tuple[int, int]] = {}
        """Recipient → HTTP status and error code, answered at once."""
        self.failures: dict[str, int] = {}
        """Recipient → error code, reported later as `undelivered`."""
        self.closed_windows: set[str] = set()
        """Recipients to whom only templates go (63016)."""
        self.opted_out: set[str] = set()
        self.retry_after_s = 7
        self.plays_receipts = True
        self.receipt_copies = 1
        self.receipts_backwards = False
        self.receipt_delay_s = 0.0
        self.webhook_answers: list[int] = []
        self.media: dict[str, tuple[str, bytes]] = {}
        self.media_redirects: dict[str, str] = {}
        self.media_delay_s = 0.0
        self.is_media_chunked = False
        self.page_most = 100
        self.next_page_host = ""
        self.clock = clock
        self.url = ""
        self._validator = RequestValidator(AUTH_TOKEN)
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "TwilioStandIn":
        app = web.Application()
        messages = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
        app.router.add_post(messages, self._create)
        app.router.add_get(messages, self._list)
        app.router.add_get("/media/{name}", self._media)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._session is not None
        assert self._runner is not None
        await self._session.close()
        await self._runner.cleanup()

    async def settled(self) -> None:
        """Wait until every receipt was played."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def write(
        self, sender: str, recipient: str, body: str, *, sid: str | None = None, **more: str
    ) -> int:
        """Have somebody write to us; returns the status that the gateway answered."""
        sid = sid or self._sid(f"in {len(self.webhook_answers)} {sender} {body}")
        fields = {
            "AccountSid": ACCOUNT_SID,
            "ApiVersion": "2010-04-01",
            "MessageSid": sid,
            "SmsMessageSid": sid,
            "From": sender,
            "To": recipient,
            "Body": body,
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsStatus": "received",
            **more,
        }
        return await self.call_form("/twilio/messages", fields)

    async def call_form(
        self, target: str, fields: Mapping[str, str], *, headers: Mapping[str, str] | None = None
    ) -> int:
        """Call a webhook as a form, signed."""
        signature = self._validator.compute_signature(self.public_url + target, dict(fields))
        return await self._post(
            target,
            urlencode(fields).encode(),
            {
                "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
                "X-Twilio-Signature": signature,
                **(headers or {}),
            },
        )

    async def call_json(
        self, target: str, told: object, *, headers: Mapping[str, str] | None = None
    ) -> int:
        """Call a webhook with JSON, signed."""
        body = json.dumps(told).encode()
        joint = "&" if "?" in target else "?"
        target += f"{joint}bodySHA256={hashlib.sha256(body).hexdigest()}"
        signature = self._validator.compute_signature(self.public_url + target, {})
        return await self._post(
            target,
            body,
            {
                "Content-Type": "application/json",
                "X-Twilio-Signature": signature,
                **(headers or {}),
            },
        )

    async def _post(self, target: str, body: bytes, headers: Mapping[str, str]) -> int:
        assert self._session is not None
        # Letter by letter: what is signed is what must arrive.
        url = URL(self.gateway_url + target, encoded=True)
        async with self._session.post(url, data=body, headers=headers) as response:
            await response.read()
        self.webhook_answers.append(response.status)
        return response.status

    async def _create(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        outage = self.outages.popleft() if self.outages else None
        if not self._is_ours(request):
            return _error(401, 20003, "Authenticate")
        if outage is Outage.REFUSES:
            headers = {"Retry-After": str(self.retry_after_s)}
            return web.Response(status=503, headers=headers, text="Unavailable")
        if outage is Outage.LIMITS:
            return _error(429, 20429, "Too Many Requests")
        if outage is Outage.BREAKS_BEFORE:
            return _break(request)
        pairs = parse_qsl((await request.read()).decode(), keep_blank_values=True)
        fields = dict(pairs)
        media_urls = [value for name, value in pairs if name == "MediaUrl"]
        refusal = self._refusal(fields, media_urls)
        if refusal is not None:
            return _error(*refusal)
        sid = self._sid(f"out {len(self.taken)}")
        taken = Taken(sid, fields, media_urls, self.clock())
        self.taken.append(taken)
        if self.plays_receipts:
            task = asyncio.create_task(self._play(taken))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if outage is Outage.BREAKS_AFTER:
            return _break(request)
        if outage is Outage.SERVER_ERROR_AFTER:
            return _error(500, 20500, "Internal Server Error")
        if outage is Outage.GARBAGE_AFTER:
            return web.Response(status=502, text="<html>Bad Gateway</html>")
        if outage is Outage.HANGS:
            await asyncio.sleep(3600)
        return web.json_response(self._row(taken), status=201)

    def _refusal(self, fields: Mapping[str, str], media: list[str]) -> tuple[int, int, str] | None:
        """Return status, code and words, if Twilio would refuse this at once."""
        to, sender = fields.get("To", ""), fields.get("From", "")
        if to in self.refusals:
            status, code = self.refusals[to]
            return status, code, "as the test wants"
        if not to:
            return 400, 21604, "A 'To' phone number is required."
        if not _is_address(to):
            return 400, 21211, f"Invalid 'To' Phone Number: {to}"
        if not sender and not fields.get("MessagingServiceSid"):
            return 400, 21603, "A 'From' phone number is required."
        if sender and not _is_address(sender) and not sender.isalnum():
            return 400, 21212, "Invalid From Number"
        if sender and sender.partition(":")[0] != to.partition(":")[0] and ":" in sender + to:
            return 400, 63007, "Twilio could not find a Channel with the specified From address"
        body, content = fields.get("Body", ""), fields.get("ContentSid", "")
        if not body and not content and not media:
            return 400, 21602, "Message body is required."
        if content and not re.fullmatch(r"HX[0-9a-f]{32}", content):
            return 400, 21655, "The ContentSid is Invalid"
        if content and (body or media):
            return 400, 21655, "Body and ContentSid exclude one another"
        if len(body.encode("utf-16-le")) // 2 > 1600:
            return 400, 21617, "The concatenated message body exceeds the 1600 character limit."
        if to in self.opted_out:
            return 400, 21610, "Attempt to send to unsubscribed recipient"
        return None

    async def _play(self, taken: Taken) -> None:
        """Call back as Twilio does: signed, without the first status, not always once, nor in order."""
        target = taken.fields.get("StatusCallback", "")
        code = self.failures.get(taken.to)
        if taken.to in self.closed_windows and "ContentSid" not in taken.fields:
            code = 63016
        steps = ["sent", "undelivered"] if code else list(TAKEN_STATUSES)
        if self.receipts_backwards:
            steps.reverse()
        taken.status = "undelivered" if code else "delivered"
        taken.error_code = str(code or "")
        if not target or not self.gateway_url:
            return
        await asyncio.sleep(self.receipt_delay_s)
        assert target.startswith(self.public_url)
        target = target.removeprefix(self.public_url)
        for status in steps:
            fields = {
                "AccountSid": ACCOUNT_SID,
                "MessageSid": taken.sid,
                "SmsSid": taken.sid,
                "MessageStatus": status,
                "SmsStatus": status,
                "To": taken.to,
                "From": taken.fields.get("From", ""),
            }
            if status == "undelivered":
                fields["ErrorCode"] = taken.error_code
            for _ in range(self.receipt_copies):
                try:
                    await self.call_form(target, fields)
                except (aiohttp.ClientError, OSError):
                    continue  # nobody is there: Twilio does not come again
                taken.reported.append(status)

    async def _list(self, request: web.Request) -> web.Response:
        if not self._is_ours(request):
            return _error(401, 20003, "Authenticate")
        query = request.query
        rows = [
            self._row(taken)
            for taken in reversed(self.taken)
            if query.get("To", taken.to) == taken.to
            and query.get("From", taken.fields.get("From")) == taken.fields.get("From")
        ]
        size = min(int(query.get("PageSize", "50")), self.page_most)
        start = int(query.get("Page", "0")) * size
        page: dict[str, Any] = {"messages": rows[start : start + size], "next_page_uri": None}
        if start + size < len(rows):
            following = {**query, "Page": str(start // size + 1)}
            page["next_page_uri"] = f"{self.next_page_host}{request.path}?{urlencode(following)}"
        return web.json_response(page, headers={"Date": formatdate(self.clock(), usegmt=True)})

    async def _media(self, request: web.Request) -> web.Response:
        if not self._is_ours(request):
            return _error(401, 20003, "Authenticate")
        await asyncio.sleep(self.media_delay_s)
        name = request.match_info["name"]
        if name in self.media_redirects:
            return web.Response(status=307, headers={"Location": self.media_redirects[name]})
        found = self.media.get(name)
        if found is None:
            return _error(404, 20404, "not found")
        response = web.Response(body=found[1], content_type=found[0])
        if self.is_media_chunked:
            response.enable_chunked_encoding()
        return response

    def _row(self, taken: Taken) -> dict[str, Any]:
        return {
            "sid": taken.sid,
            "account_sid": ACCOUNT_SID,
            "to": taken.to,
            "from": taken.fields.get("From"),
            "body": taken.body,
            "status": taken.status,
            "error_code": int(taken.error_code) if taken.error_code else None,
            "direction": "outbound-api",
            "date_created": formatdate(taken.created_at, usegmt=False).replace("-0000", "+0000"),
        }

    def _sid(self, of: str) -> str:
        return "SM" + hashlib.md5(of.encode("utf-8", "surrogatepass")).hexdigest()

    def _is_ours(self, request: web.Request) -> bool:
        wanted = base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
        return request.headers.get("Authorization") == f"Basic {wanted}"


def _is_address(text: str) -> bool:
    prefix, colon, rest = text.partition(":")
    if not colon:
        return bool(_E164.fullmatch(text)) or (text.isdecimal() and 3 <= len(text) <= 6)
    if prefix == "whatsapp":
        return bool(_E164.fullmatch(rest))
    return prefix in ("rcs", "messenger") and bool(rest)


def _error(status: int, code: int, message: str) -> web.Response:
    more_info = f"https://www.twilio.com/docs/errors/{code}"
    told = {"code": code, "message": message, "more_info": more_info, "status": status}
    return web.json_response(told, status=status)


def _break(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
