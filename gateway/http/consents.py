"""The API of consents: who allowed us to write, by which channel; for people who never turned to us it takes one."""

import time
from collections.abc import Callable
from typing import Annotated, Any

from aiohttp import web
from pydantic import Field
from sqlalchemy import Connection

from gateway.http.bodies import Body, bad_field, idempotency_key, person_key_of, read_body
from gateway.http.query import rfc3339, whole_number
from gateway.model.addresses import ADDRESS_LONGEST, parse_address
from gateway.model.ids import new_room_id
from gateway.model.messages import Channel
from gateway.store import lists, people
from gateway.store.lists import ConsentLine
from gateway.store.transactor import Transactor

LIST_DEFAULT, LIST_MOST = 100, 1000


class Consent(Body):
    """What a person allowed, or does not any more."""

    address: Annotated[str, Field(min_length=1, max_length=ADDRESS_LONGEST)]
    channel: Channel | None = None
    given: bool = True
    idempotency_key: str = ""


class ConsentsApi:
    """Handlers of the routes; the API's guard stands before them."""

    def __init__(self, database: Transactor, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/api/v1/consents", self.list)
        app.router.add_post("/api/v1/consents", self.choose)

    async def list(self, request: web.Request) -> web.Response:
        """The ledger, newest first; with `address` what holds for the person behind it, too."""
        limit = whole_number(request, "limit", default=LIST_DEFAULT, most=LIST_MOST)
        before = whole_number(request, "before", default=0, least=0, most=2**62)
        address = request.query.get("address", "")
        key = person_key_of("address", address) if address else ""

        def query(connection: Connection) -> tuple[list[ConsentLine], dict[Channel, bool]]:
            keys = people.person_keys(connection, key) if key else set()
            ledger = lists.consent_ledger(
                connection, limit=limit, keys=sorted(keys), before_seq=before
            )
            return ledger, people.consents_of_keys(connection, keys)

        ledger, held = await self._database.read(query)
        answer: dict[str, Any] = {
            "consents": [_line(line) for line in ledger],
            "next_before": ledger[-1].seq if len(ledger) == limit else None,
        }
        if key:
            answer["given"] = {channel.value: is_given for channel, is_given in held.items()}
        return web.json_response(answer)

    async def choose(self, request: web.Request) -> web.Response:
        """Put a consent, or its end, into the ledger; it holds for one channel and all addresses of the person."""
        body = await read_body(request, Consent)
        try:
            channel, address = parse_address(body.address, body.channel)
        except ValueError as error:
            raise bad_field("address", str(error)) from None
        key = idempotency_key(request, body.idempotency_key) or new_room_id()
        at = self._clock()
        is_new = await self._database.transact(
            lambda connection: people.record_consent(
                connection, channel, address, is_given=body.given, at=at, source=f"api:{key}"
            )
        )
        answer = {
            "address": body.address,
            "channel": channel.value,
            "given": body.given,
            "duplicate": not is_new,
        }
        return web.json_response(answer, status=201 if is_new else 200)


def _line(line: ConsentLine) -> dict[str, Any]:
    return {
        "seq": line.seq,
        "address": line.key,
        "channel": line.channel,
        "given": line.is_given,
        "at": rfc3339(line.at),
        "source": line.source,
    }
