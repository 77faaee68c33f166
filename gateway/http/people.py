"""The API of people: which addresses are one person, and who wants no messages."""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Protocol

from aiohttp import web
from pydantic import Field
from sqlalchemy import Connection

from gateway.http.bodies import Body, bad_field, idempotency_key, person_key_of, read_body
from gateway.http.errors import ApiError
from gateway.http.query import rfc3339, whole_number
from gateway.model.addresses import ADDRESS_LONGEST, parse_address
from gateway.model.ids import new_room_id
from gateway.model.messages import Channel
from gateway.store import lists, people
from gateway.store.lists import OptOutLine
from gateway.store.transactor import Transactor

LIST_DEFAULT, LIST_MOST = 100, 1000
Address = Annotated[str, Field(min_length=1, max_length=ADDRESS_LONGEST)]


class Link(Body):
    """Two addresses of one person."""

    address: Address
    person: Address


class Choice(Body):
    """What a person wants, told to the operator and not by message."""

    address: Address
    opted_out: bool = True
    note: Annotated[str, Field(max_length=500)] = ""
    idempotency_key: str = ""


class Links(Protocol):
    """The store, as far as people are concerned. Both raise `StoreError`."""

    async def link(self, key: str, person: str) -> None:
        """Say that two addresses are one person."""

    async def unlink(self, key: str) -> bool:
        """Make an address a person of its own; False if it was linked with none."""


async def _nothing() -> None:
    return None


class PeopleApi:
    """Handlers of the routes; the API's guard stands before them."""

    def __init__(
        self,
        links: Links,
        database: Transactor,
        *,
        country: str = "",
        on_change: Callable[[], Awaitable[None]] = _nothing,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`country` (two letters) is where numbers without a country code are from; `on_change` follows each link."""
        self._links = links
        self._database = database
        self._country = country
        self._on_change = on_change
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/api/v1/identities", self.list_links)
        app.router.add_post("/api/v1/identities", self.link)
        app.router.add_delete("/api/v1/identities/{address}", self.unlink)
        app.router.add_get("/api/v1/opt-outs", self.list_opt_outs)
        app.router.add_post("/api/v1/opt-outs", self.choose)

    async def list_links(self, request: web.Request) -> web.Response:
        """All linked addresses by their keys, or with `address` the one person's."""
        address = request.query.get("address", "")
        if address:
            key = self._key("address", address)
            return web.json_response(await self._person(key))
        limit = whole_number(request, "limit", default=LIST_DEFAULT, most=LIST_MOST)
        after = request.query.get("after", "")
        found = await self._database.read(
            lambda connection: lists.linked(connection, limit=limit, after=after)
        )
        return web.json_response(
            {
                "identities": [
                    {"address": key, "person": person, "linked_at": rfc3339(at)}
                    for key, person, at in found
                ],
                "next_after": found[-1][0] if len(found) == limit else None,
            }
        )

    async def link(self, request: web.Request) -> web.Response:
        """Link an address with a person; their next call or message is in one room."""
        body = await read_body(request, Link)
        key = self._key("address", body.address)
        person = self._key("person", body.person)
        if key == person:
            raise bad_field("person", "is the same address")
        await self._links.link(key, person)
        await self._on_change()
        return web.json_response(await self._person(key), status=201)

    async def unlink(self, request: web.Request) -> web.Response:
        """Take an address away from its person."""
        address = request.match_info["address"]
        if not await self._links.unlink(self._key("address", address)):
            raise ApiError(
                404, "identity.not_found", f"{address!r} is linked with nobody, or others with it"
            )
        await self._on_change()
        return web.Response(status=204)

    async def _person(self, key: str) -> dict[str, Any]:
        person, keys = await self._database.read(
            lambda connection: (
                people.person_key(connection, key),
                people.person_keys(connection, key),
            )
        )
        return {"person": person, "addresses": sorted(keys)}

    async def list_opt_outs(self, request: web.Request) -> web.Response:
        """The ledger, newest first; with `address` what holds for the person behind it, too."""
        limit = whole_number(request, "limit", default=LIST_DEFAULT, most=LIST_MOST)
        before = whole_number(request, "before", default=0, least=0, most=2**62)
        address = request.query.get("address", "")
        key = self._key("address", address) if address else ""

        def query(connection: Connection) -> tuple[list[OptOutLine], people.OptOut | None]:
            keys = people.person_keys(connection, key) if key else set()
            ledger = lists.opt_out_ledger(
                connection, limit=limit, keys=sorted(keys), before_seq=before
            )
            return ledger, people.opt_out_of_keys(connection, keys) if key else None

        ledger, held = await self._database.read(query)
        answer: dict[str, Any] = {
            "opt_outs": [_line(line) for line in ledger],
            "next_before": ledger[-1].seq if len(ledger) == limit else None,
        }
        if key:
            answer["opted_out"] = held is not None and held.is_out
        return web.json_response(answer)

    async def choose(self, request: web.Request) -> web.Response:
        """Put a stop or a start into the ledger; it holds for every channel and address of the person."""
        body = await read_body(request, Choice)
        channel, address = self._person_address(body.address)
        key = idempotency_key(request, body.idempotency_key) or new_room_id()
        at = self._clock()
        is_new = await self._database.transact(
            lambda connection: people.record_opt_out(
                connection,
                channel,
                address,
                is_out=body.opted_out,
                at=at,
                source=f"api:{key}",
                detail=body.note,
            )
        )
        answer = {"address": body.address, "opted_out": body.opted_out, "duplicate": not is_new}
        return web.json_response(answer, status=201 if is_new else 200)

    def _person_address(self, text: str) -> tuple[Channel, str]:
        """Return an address as the ledger takes it; a caller's own, such as `web:ann`, is voice's."""
        key = self._key("address", text)
        try:
            return parse_address(text)
        except ValueError:
            return Channel.VOICE, key

    def _key(self, name: str, address: str) -> str:
        return person_key_of(name, address, self._country)


def _line(line: OptOutLine) -> dict[str, Any]:
    return {
        "seq": line.seq,
        "address": line.key,
        "opted_out": line.is_out,
        "channel": line.channel,
        "at": rfc3339(line.at),
        "source": line.source,
        "note": line.detail,
    }
