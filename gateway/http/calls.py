"""The API of calls and rooms: list (also as CSV), show with timeline, hang up."""

from dataclasses import replace
from typing import Any

from aiohttp import web

from gateway.errors import CallNotFound
from gateway.http.call_query import cursor_of, wanted_calls
from gateway.http.calls_csv import MOST as CSV_MOST
from gateway.http.calls_csv import csv_of, wants_csv
from gateway.http.errors import ApiError
from gateway.http.ports import Archive, LiveCalls
from gateway.http.query import rfc3339, whole_number
from gateway.store.call_filter import EVERY_CALL
from gateway.store.records import CallRecord, TimelineLine

LIST_DEFAULT, LIST_MOST = 50, 500
PAGE_DEFAULT, PAGE_MOST = 200, 1000


def add_routes(app: web.Application, live: LiveCalls, archive: Archive) -> None:
    """Add `/api/v1/calls…` and `/api/v1/rooms/…`."""

    async def list_calls(request: web.Request) -> web.Response:
        wanted = wanted_calls(request)
        if wants_csv(request):
            most = whole_number(request, "limit", default=CSV_MOST, most=CSV_MOST)
            return await csv_of(archive, wanted, most)
        limit = whole_number(request, "limit", default=LIST_DEFAULT, most=LIST_MOST)
        states = live.states()
        records = await archive.calls(limit, wanted=wanted)
        calls = [_call(record, states.get(record.call_id)) for record in records]
        next_after = cursor_of(records[-1]) if len(records) == limit else None
        if replace(wanted, active=None) == EVERY_CALL and wanted.active is not False:
            # A store that cannot write does not hide the calls that are there.
            known = {record.call_id for record in records}
            missing = [call_id for call_id in states if call_id not in known]
            if len(records) < limit:
                calls = [_unwritten(call_id, states[call_id]) for call_id in missing] + calls
        return web.json_response({"calls": calls[:limit], "next_after": next_after})

    async def show_call(request: web.Request) -> web.Response:
        call_id = request.match_info["call_id"]
        state = live.states().get(call_id)
        record = await archive.call(call_id)
        if record is None:
            if state is None:
                raise CallNotFound(call_id)
            return web.json_response({**_unwritten(call_id, state), "timeline": []})
        lines = await archive.call_timeline(call_id)
        return web.json_response(
            {**_call(record, state), "timeline": [line_json(line) for line in lines]}
        )

    async def hang_up(request: web.Request) -> web.Response:
        call_id = request.match_info["call_id"]
        try:
            live.hang_up(call_id)
        except CallNotFound:
            record = await archive.call(call_id)
            if record is None:
                raise
            raise ApiError(409, "call.ended", f"call {call_id!r} has ended already") from None
        return web.json_response({"call_id": call_id, "state": "ending"}, status=202)

    async def room_timeline(request: web.Request) -> web.Response:
        room_id = request.match_info["room_id"]
        after = whole_number(request, "after", default=0, least=0, most=2**62)
        limit = whole_number(request, "limit", default=PAGE_DEFAULT, most=PAGE_MOST)
        lines = await archive.room_timeline(room_id, after=after, limit=limit)
        if lines is None:
            raise ApiError(404, "room.not_found", f"no room {room_id!r}")
        return web.json_response(
            {
                "room_id": room_id,
                "timeline": [line_json(line) for line in lines],
                "next_after": lines[-1].seq if len(lines) == limit else None,
            }
        )

    app.router.add_get("/api/v1/calls", list_calls)
    app.router.add_get("/api/v1/calls.csv", list_calls)
    app.router.add_get("/api/v1/calls/{call_id}", show_call)
    app.router.add_post("/api/v1/calls/{call_id}/hangup", hang_up)
    app.router.add_get("/api/v1/rooms/{room_id}/timeline", room_timeline)


def _call(record: CallRecord, state: str | None) -> dict[str, Any]:
    return {
        "call_id": record.call_id,
        "room_id": record.room_id,
        "state": state or ("ended" if record.cause else "ending"),
        "endpoint": record.endpoint,
        "direction": record.direction,
        "caller": record.caller,
        "callee": record.callee,
        "caller_name": record.caller_name,
        "foreign_id": record.foreign_id,
        "source": record.source,
        "agent": record.agent,
        "offered_at": rfc3339(record.offered_at),
        "answered_ms": record.answered_ms,
        "ended_ms": record.ended_ms,
        "cause": record.cause,
        "detail": record.detail,
    }


def _unwritten(call_id: str, state: str) -> dict[str, Any]:
    """A live call whose record is not written yet: with every field, so that nobody trips over one."""
    return dict.fromkeys(_UNWRITTEN) | {"call_id": call_id, "state": state}


_UNWRITTEN = (
    *("call_id", "room_id", "state", "endpoint", "direction", "caller", "callee", "caller_name"),
    *("foreign_id", "source", "agent", "offered_at", "answered_ms", "ended_ms", "cause", "detail"),
)
"""The fields of a call, as `_call` tells them."""


def line_json(line: TimelineLine) -> dict[str, Any]:
    """Return an entry of a timeline as the API tells it."""
    return {
        "seq": line.seq,
        "call_id": line.call_id,
        "kind": line.kind,
        "offset_ms": line.offset_ms,
        "at": rfc3339(line.at),
        "role": line.role,
        "text": line.text,
        "facts": dict(line.facts),
    }
