"""The API of event webhooks: what was told, what waits, what was given up, and telling it again."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from aiohttp import web

from gateway.http.errors import ApiError
from gateway.http.query import rfc3339, whole_number
from gateway.store.event_rows import EventRecord, EventState

LIST_DEFAULT, LIST_MOST = 50, 500


class Events(Protocol):
    """What is asked of the event webhooks; each method raises `StoreError`."""

    async def recent(self, *, state: EventState | None, limit: int) -> Sequence[EventRecord]:
        """Return the newest events, newest first."""

    async def counts(self) -> Mapping[str, int]:
        """Return how many events there are of each state."""

    async def replay(self, event_id: str) -> int:
        """Have an event that was given up told again; returns to how many targets."""


def add_routes(app: web.Application, events: Events) -> None:
    """Add `/api/v1/event-webhooks…`; behind the API's guard."""

    async def list_events(request: web.Request) -> web.Response:
        limit = whole_number(request, "limit", default=LIST_DEFAULT, most=LIST_MOST)
        found = await events.recent(state=_state(request), limit=limit)
        counts = await events.counts()
        return web.json_response(
            {"events": [_event(record) for record in found], "counts": dict(counts)}
        )

    async def replay(request: web.Request) -> web.Response:
        event_id = request.match_info["event_id"]
        targets = await events.replay(event_id)
        if not targets:
            raise ApiError(409, "event.not_dead", f"no event {event_id!r} was given up")
        return web.json_response({"event_id": event_id, "targets": targets}, status=202)

    app.router.add_get("/api/v1/event-webhooks", list_events)
    app.router.add_post("/api/v1/event-webhooks/{event_id}/replay", replay)


def _state(request: web.Request) -> EventState | None:
    name = request.query.get("state", "").lower()
    if not name:
        return None
    try:
        return EventState(name)
    except ValueError:
        known = ", ".join(state.value for state in EventState)
        raise ApiError(400, "http.bad_request", f"state must be one of: {known}") from None


def _event(record: EventRecord) -> dict[str, Any]:
    """Its body, which names people, stays out."""
    return {
        "event_id": record.event_id,
        "target": record.target,
        "type": record.type,
        "subject": record.subject,
        "state": record.state,
        "attempts": record.attempts,
        "error": record.error,
        "created_at": rfc3339(record.created_at),
        "next_attempt_at": rfc3339(record.next_attempt_at),
    }
