"""The API of rooms: list and search, one with its calls, read live, and a supervisor's line."""

import asyncio
import json
import logging
import math
from collections.abc import Sequence
from typing import Annotated, Any, Protocol

from aiohttp import web
from pydantic import Field
from sqlalchemy import Connection

from gateway.errors import RoomNotFound, StoreError
from gateway.http.access import may_go_on
from gateway.http.bodies import Body, bad_field, idempotency_key, person_key_of, read_body
from gateway.http.calls import line_json
from gateway.http.errors import ApiError
from gateway.http.query import rfc3339, whole_number
from gateway.model.messages import Channel
from gateway.rooms.operator import Sent
from gateway.store import lists, people
from gateway.store.lists import RoomRecord
from gateway.store.reader import lines_after
from gateway.store.records import TimelineLine
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

LIST_DEFAULT, LIST_MOST = 50, 500
PAGE = 200
CALLS_SHOWN = 20
LINE_MOST = 2_000
"""Characters of a supervisor's line: two minutes of speech."""
READERS_MOST = 32
"""Rooms read live at a time."""
LOOK_EVERY_S = 0.5
BEAT_EVERY_S = 15.0
"""A comment this often keeps proxies from closing the stream."""


class NewLine(Body):
    """A supervisor's line."""

    text: Annotated[str, Field(min_length=1, max_length=LINE_MOST)]
    channel: Channel | None = None
    """Write it there, even while a call goes on; `voice`: say it or nothing."""
    idempotency_key: str = ""


class Says(Protocol):
    """Who says and writes what an operator wants."""

    async def say(
        self, room_id: str, text: str, *, channel: Channel | None = None, key: str = ""
    ) -> Sent:
        """Raises `RoomNotFound`, `CallOver`, `MessageError` or `StoreError`."""


class Live(Protocol):
    """The calls that go on."""

    def calls_in_room(self, room_id: str) -> Sequence[str]:
        """Return the ids of a room's live calls; returns at once."""


class RoomsApi:
    """Handlers of the routes; the API's guard stands before them."""

    def __init__(self, database: Transactor, says: Says, live: Live) -> None:
        self._database = database
        self._says = says
        self._live = live
        self._readers = 0
        self._closing = asyncio.Event()

    def add_routes(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/api/v1/rooms", self.list)
        app.router.add_get("/api/v1/rooms/{room_id}", self.show)
        app.router.add_get("/api/v1/rooms/{room_id}/live", self.follow, allow_head=False)
        app.router.add_post("/api/v1/rooms/{room_id}/messages", self.say)
        app.on_shutdown.append(self._shut_down)

    async def _shut_down(self, _app: web.Application) -> None:
        self._closing.set()

    async def list(self, request: web.Request) -> web.Response:
        """Rooms, those in which something happened last first."""
        limit = whole_number(request, "limit", default=LIST_DEFAULT, most=LIST_MOST)
        address = request.query.get("address", "").strip()
        if address:
            address = _search_key(address)
        before = _cursor(request.query.get("before", ""))
        number = request.query.get("number", "").strip()
        found = await self._database.read(
            lambda connection: lists.list_rooms(
                connection, limit=limit, address=address, number=number, before=before
            )
        )
        last = found[-1] if len(found) == limit else None
        return web.json_response(
            {
                "rooms": [self._room(room) for room in found],
                "next_before": None if last is None else f"{last.last_at!r},{last.room_id}",
            }
        )

    async def show(self, request: web.Request) -> web.Response:
        """One room, with its person's addresses, whether they stopped messages, and its last calls."""
        room_id = request.match_info["room_id"]

        def query(
            connection: Connection,
        ) -> tuple[RoomRecord, list[str], people.OptOut | None] | None:
            room = lists.one_room(connection, room_id)
            if room is None:
                return None
            call_ids = lists.calls_of_room(connection, room_id, limit=CALLS_SHOWN)
            return room, call_ids, people.opt_out_of_keys(connection, set(room.addresses))

        found = await self._database.read(query)
        if found is None:
            raise RoomNotFound(room_id)
        room, call_ids, opt_out = found
        return web.json_response(
            {
                **self._room(room),
                "addresses": list(room.addresses),
                "opted_out": opt_out is not None and opt_out.is_out,
                "calls": call_ids,
            }
        )

    def _room(self, room: RoomRecord) -> dict[str, Any]:
        return {
            "room_id": room.room_id,
            "number": room.number,
            "person": room.person,
            "created_at": rfc3339(room.created_at),
            "last_at": rfc3339(room.last_at),
            "last_kind": room.last_kind,
            "last_text": room.last_text,
            "lines": room.lines,
            "live_calls": list(self._live.calls_in_room(room.room_id)),
        }

    async def say(self, request: web.Request) -> web.Response:
        """A supervisor's line: spoken by the agent while a call goes on, written otherwise."""
        room_id = request.match_info["room_id"]
        body = await read_body(request, NewLine)
        text = body.text.strip()
        if not text:
            raise bad_field("text", "is blank")
        key = idempotency_key(request, body.idempotency_key)
        sent = await self._says.say(room_id, text, channel=body.channel, key=key)
        return web.json_response(
            {
                "room_id": room_id,
                "delivery": "spoken" if sent.call_id else "written",
                "call_id": sent.call_id or None,
                "message_ids": list(sent.message_ids),
                "duplicate": sent.is_duplicate,
            },
            status=202,
        )

    # Read live --------------------------------------------------------------------------------------

    async def follow(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events (WHATWG HTML 9.2): each line of the timeline as it is written, until either side ends.

        From now on, or after `after` or the header `Last-Event-ID`, by which a browser goes on where it was.
        """
        room_id = request.match_info["room_id"]
        seen = await self._begin_at(request, room_id)
        if self._readers >= READERS_MOST:
            raise ApiError(
                503,
                "http.too_many_readers",
                f"{READERS_MOST} rooms are read live already",
                headers={"Retry-After": "5"},
            )
        self._readers += 1
        try:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            response.headers["X-Accel-Buffering"] = "no"  # nginx hands each line on at once
            await response.prepare(request)
            await self._stream(request, response, room_id, seen)
        except ConnectionError:
            log.debug("a reader has gone", extra={"room_id": room_id})
        finally:
            self._readers -= 1
        return response

    async def _begin_at(self, request: web.Request, room_id: str) -> int:
        room = await self._database.read(lambda connection: lists.one_room(connection, room_id))
        if room is None:
            raise RoomNotFound(room_id)
        last_id = request.headers.get("Last-Event-ID", "")
        if last_id.isascii() and last_id.isdigit() and len(last_id) < 19:
            return int(last_id)
        return whole_number(request, "after", default=room.lines, least=0, most=2**62)

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, room_id: str, seen: int
    ) -> None:
        loop = asyncio.get_running_loop()
        beat_s = loop.time()
        await response.write(b": the room's timeline\n\n")
        while not self._closing.is_set() and may_go_on(request):
            try:
                lines = await self._lines_now(room_id, seen)
            except StoreError as error:
                log.warning("a room cannot be read live", extra={"reason": str(error)})
                lines = []
            for line in lines:
                seen = line.seq
                data = json.dumps(line_json(line), ensure_ascii=False)
                await response.write(f"id: {seen}\nevent: line\ndata: {data}\n\n".encode())
            if lines:
                beat_s = loop.time()
            elif loop.time() - beat_s >= BEAT_EVERY_S:
                beat_s = loop.time()
                await response.write(b": still here\n\n")
            if len(lines) < PAGE:
                await self._wait()

    async def _lines_now(self, room_id: str, seen: int) -> Sequence[TimelineLine]:
        # Not by the archive, which first has everything written: a reader must not hurry the disk.
        return await self._database.read(
            lambda connection: lines_after(connection, room_id, seen, limit=PAGE)
        )

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await self._closing.wait()
        except TimeoutError:
            return


def _search_key(address: str) -> str:
    """Return an address as rooms know it, or as it is, if it is only a part of one."""
    try:
        return person_key_of("address", address)
    except ApiError:
        return address


def _cursor(text: str) -> tuple[float, str] | None:
    """Return where a page begins: time and room of the last line of the page before."""
    if not text:
        return None
    at, _, room_id = text.partition(",")
    try:
        moment = float(at)
    except ValueError:
        moment = math.nan
    if not math.isfinite(moment):
        raise bad_field("before", "is not what `next_before` told")
    return moment, room_id
