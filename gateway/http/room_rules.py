"""The API of who takes part in a room and what may pass there: `/api/v1/rooms/{room_id}/channels`, `…/agents`,
`…/participants`."""

import json
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection

from gateway.http.errors import ApiError
from gateway.http.query import rfc3339
from gateway.model.messages import Channel
from gateway.rooms.access import OPEN, ChannelAccess
from gateway.store import room_access
from gateway.store.transactor import Transactor

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

AGENTS_MOST = 8


class _Rules(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    read: bool | None = None
    write: bool | None = None
    muted: bool | None = None


class _Agents(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    agents: tuple[str, ...] = Field(max_length=AGENTS_MOST)


def add_routes(
    app: web.Application,
    database: Transactor,
    *,
    agents: Callable[[], Collection[str]],
    on_change: Callable[[], Awaitable[None]],
    clock: Callable[[], float] = time.time,
) -> None:
    """Add the routes; the API's guard stands before them. `agents` are the names that a room may be given."""

    async def show_channels(request: web.Request) -> web.Response:
        room_id = request.match_info["room_id"]
        rules = await _of_room(
            database, room_id, lambda connection: room_access.all_access(connection, room_id)
        )
        return web.json_response(
            {
                "room_id": room_id,
                "channels": {one.value: _access(rules.get(one, OPEN)) for one in Channel},
            }
        )

    async def put_channel(request: web.Request) -> web.Response:
        room_id, channel = request.match_info["room_id"], _channel(request)
        told = await _read(request, _Rules)
        at = clock()

        def work(connection: Connection) -> ChannelAccess | None:
            if not room_access.exists(connection, room_id):
                return None
            old = room_access.access(connection, room_id, channel)
            new = ChannelAccess(
                can_read=old.can_read if told.read is None else told.read,
                can_write=old.can_write if told.write is None else told.write,
                is_muted=old.is_muted if told.muted is None else told.muted,
            )
            room_access.set_access(connection, room_id, channel, new, at=at)
            return new

        changed = await database.transact(work)
        if changed is None:
            raise _no_room(room_id)
        await on_change()
        return web.json_response({"room_id": room_id, "channel": channel.value, **_access(changed)})

    async def show_agents(request: web.Request) -> web.Response:
        room_id = request.match_info["room_id"]
        names = await _of_room(
            database, room_id, lambda connection: room_access.agents(connection, room_id)
        )
        return web.json_response({"room_id": room_id, "agents": list(names)})

    async def put_agents(request: web.Request) -> web.Response:
        room_id = request.match_info["room_id"]
        told = await _read(request, _Agents)
        known = agents()
        for name in told.agents:
            if name not in known:
                raise ApiError(
                    400,
                    "http.bad_request",
                    f"agents: there is no agent {name!r}; agents are: {', '.join(sorted(known))}",
                )
        at = clock()

        def work(connection: Connection) -> tuple[str, ...] | None:
            if not room_access.exists(connection, room_id):
                return None
            room_access.set_agents(connection, room_id, told.agents, at=at)
            return room_access.agents(connection, room_id)

        names = await database.transact(work)
        if names is None:
            raise _no_room(room_id)
        await on_change()
        return web.json_response({"room_id": room_id, "agents": list(names)})

    async def show_participants(request: web.Request) -> web.Response:
        room_id = request.match_info["room_id"]
        found = await _of_room(
            database, room_id, lambda connection: room_access.all_participants(connection, room_id)
        )
        return web.json_response(
            {
                "room_id": room_id,
                "participants": [
                    {
                        "kind": one.kind.value,
                        "key": one.key,
                        "name": one.name,
                        "joined_at": rfc3339(one.joined_at),
                    }
                    for one in found
                ],
            }
        )

    app.router.add_get("/api/v1/rooms/{room_id}/channels", show_channels)
    app.router.add_put("/api/v1/rooms/{room_id}/channels/{channel}", put_channel)
    app.router.add_get("/api/v1/rooms/{room_id}/agents", show_agents)
    app.router.add_put("/api/v1/rooms/{room_id}/agents", put_agents)
    app.router.add_get("/api/v1/rooms/{room_id}/participants", show_participants)


async def _of_room(database: Transactor, room_id: str, query: Callable[[Connection], T]) -> T:
    def work(connection: Connection) -> T | None:
        return query(connection) if room_access.exists(connection, room_id) else None

    found = await database.read(work)
    if found is None:
        raise _no_room(room_id)
    return found


async def _read(request: web.Request, kind: type[M]) -> M:
    try:
        return kind.model_validate(json.loads(await request.read()))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ApiError(400, "http.bad_request", f"{where}: {first['msg']}".lstrip(": ")) from error
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "http.bad_request", "the body is not JSON") from error


def _channel(request: web.Request) -> Channel:
    name = request.match_info["channel"]
    try:
        return Channel(name)
    except ValueError:
        known = ", ".join(one.value for one in Channel)
        raise ApiError(
            404, "room.no_channel", f"no channel {name!r}; channels are: {known}"
        ) from None


def _no_room(room_id: str) -> ApiError:
    return ApiError(404, "room.not_found", f"no room {room_id!r}")


def _access(rules: ChannelAccess) -> dict[str, Any]:
    return {"read": rules.can_read, "write": rules.can_write, "muted": rules.is_muted}
