"""`POST /twilio/messages` and `POST /twilio/status`: checked, written down, answered; processed after.

An answer takes one write to the database, so Twilio's 15 seconds are never near. 403 without a good
signature, 400 for what cannot be read, 503 while the store cannot write.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import parse_qsl

from aiohttp import web

from gateway.channels.keywords import keyword
from gateway.channels.reception import KeywordAnswer, Reception
from gateway.http.errors import ApiError
from gateway.http.twilio import forms
from gateway.http.twilio.public_url import PublicUrl
from gateway.http.twilio.signature import is_form_genuine, is_json_genuine
from gateway.model.messages import Channel
from gateway.seldom import Seldom

log = logging.getLogger(__name__)

FIELDS_MOST = 200
EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'
FORM = "application/x-www-form-urlencoded"


class TwilioWebhooks:
    """Handlers of both routes."""

    def __init__(
        self,
        reception: Reception,
        public_url: PublicUrl,
        *,
        account_sid: str,
        auth_tokens: Sequence[str],
        twilio_answers_keywords: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reception = reception
        self._public_url = public_url
        self._account_sid = account_sid
        self._auth_tokens = tuple(auth_tokens)
        self._refused = Seldom()
        self._twilio_answers_keywords = twilio_answers_keywords
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Add both routes."""
        app.router.add_post("/twilio/messages", self.messages)
        app.router.add_post("/twilio/status", self.status)

    async def messages(self, request: web.Request) -> web.Response:
        """An inbound message, on any of Twilio's channels."""
        fields = await self._genuine(request)
        try:
            message = forms.inbound(fields, at=self._clock())
        except ValueError as error:
            raise ApiError(400, "http.bad_request", f"not a message: {error}") from error
        told = forms.opt_out_type(fields)
        word = told or keyword(message.text)
        if word is None and keyword(message.text, is_opted_out=True) is not None:
            is_out = await self._reception.is_opted_out(message)
            word = keyword(message.text, is_opted_out=is_out)
        if word is None:
            await self._reception.message(message)
        else:
            is_answered = told is not None or (
                self._twilio_answers_keywords and message.channel is Channel.SMS
            )
            answered_by = KeywordAnswer.PROVIDERS if is_answered else KeywordAnswer.OURS
            await self._reception.keyword(message, word, answered_by)
        return web.Response(text=EMPTY_TWIML, content_type="text/xml")

    async def status(self, request: web.Request) -> web.Response:
        """A receipt."""
        fields = await self._genuine(request)
        message_id = request.query.get("message_id", "")[:128]
        try:
            receipt = forms.receipt(fields, message_id=message_id, at=self._clock())
        except ValueError as error:
            raise ApiError(400, "http.bad_request", f"not a receipt: {error}") from error
        if receipt is None:
            log.info("a receipt with a status that is not known is left out")
        else:
            await self._reception.receipt(receipt)
        return web.Response(status=204)

    async def _genuine(self, request: web.Request) -> Mapping[str, str]:
        """Return the fields of a request that Twilio signed for our account; raises `ApiError`."""
        body = await request.read()
        url = self._public_url.of(request)
        signature = request.headers.get("X-Twilio-Signature", "")
        if request.content_type == "application/json":
            is_genuine = is_json_genuine(self._auth_tokens, url, body, signature)
            fields = _json_fields(body) if is_genuine else {}
        else:
            pairs = _pairs(body) if request.content_type in (FORM, "") else []
            is_genuine = is_form_genuine(self._auth_tokens, url, pairs, signature)
            fields = dict(pairs)
        if not is_genuine:
            self._refused.log(
                log,
                logging.WARNING,
                "a webhook without Twilio's signature is refused; if it is Twilio's, set "
                "twilio.public_url to the address that is configured there",
                {"path": request.path},
            )
            raise ApiError(403, "http.forbidden", "the signature is not Twilio's")
        if fields.get("AccountSid", self._account_sid) != self._account_sid:
            raise ApiError(403, "http.forbidden", "this is for another account")
        return fields


def _pairs(body: bytes) -> list[tuple[str, str]]:
    """Return the fields of a form; empty values count, they are signed too."""
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=FIELDS_MOST,
            errors="surrogateescape",
        )
    except ValueError as error:
        raise ApiError(400, "http.bad_request", "the body is not a form") from error


def _json_fields(body: bytes) -> dict[str, str]:
    """Return the fields of a JSON object as a form would have them."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "http.bad_request", "the body is not JSON") from error
    if not isinstance(told, dict):
        raise ApiError(400, "http.bad_request", "the body is not a JSON object")
    return {key: str(value) for key, value in told.items() if isinstance(value, str | int)}
