"""The API of recordings: list, download, delete, pause and go on."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from aiohttp import web

from gateway.errors import RecordingNotRunning
from gateway.http.bodies import read_object
from gateway.http.errors import ApiError
from gateway.http.query import rfc3339, whole_number
from gateway.recording.library import RecordingFile

LIST_DEFAULT, LIST_MOST = 50, 500
_ACTIONS = ("pause", "resume")
_HINT = '; send {"action": "pause"} or {"action": "resume"}'


class Recordings(Protocol):
    """What is asked of the recording desk."""

    def states(self) -> Mapping[str, str]:
        """Return call id → state of its recording, for every live call that has one."""

    def pause(self, call_id: str) -> None:
        """Raises `RecordingNotRunning`."""

    def resume(self, call_id: str) -> None:
        """Raises `RecordingNotRunning`."""

    async def files(self) -> Sequence[RecordingFile]:
        """Return all recordings, newest first."""

    async def find(self, call_id: str) -> RecordingFile | None:
        """Return a call's recording."""

    async def delete(self, call_id: str) -> bool:
        """Delete a finished recording; False if there is none."""


def add_routes(app: web.Application, recordings: Recordings) -> None:
    """Add `/api/v1/recordings` and `/api/v1/calls/{call_id}/recording`; behind the API's guard."""

    async def list_files(request: web.Request) -> web.Response:
        limit = whole_number(request, "limit", default=LIST_DEFAULT, most=LIST_MOST)
        after = whole_number(request, "offset", default=0, least=0, most=10**9)
        files = await recordings.files()
        states = recordings.states()
        shown = [_file(file, states) for file in files[after : after + limit]]
        return web.json_response({"recordings": shown, "total": len(files)})

    async def download(request: web.Request) -> web.StreamResponse:
        file = await _finished(request, recordings)
        name = os.path.basename(file.path)
        return web.FileResponse(
            file.path,
            headers={
                "Content-Type": file.content_type,
                "Content-Disposition": f'attachment; filename="{name}"',
            },
        )

    async def delete(request: web.Request) -> web.Response:
        file = await _finished(request, recordings)
        await recordings.delete(file.call_id)
        return web.Response(status=204)

    async def act(request: web.Request) -> web.Response:
        call_id = request.match_info["call_id"]
        action = await _action(request)
        try:
            (recordings.pause if action == "pause" else recordings.resume)(call_id)
        except RecordingNotRunning as error:
            raise ApiError(409, error.code, str(error)) from None
        return web.json_response({"call_id": call_id, "state": recordings.states().get(call_id)})

    app.router.add_get("/api/v1/recordings", list_files)
    app.router.add_get("/api/v1/calls/{call_id}/recording", download)
    app.router.add_delete("/api/v1/calls/{call_id}/recording", delete)
    app.router.add_post("/api/v1/calls/{call_id}/recording", act)


async def _finished(request: web.Request, recordings: Recordings) -> RecordingFile:
    call_id = request.match_info["call_id"]
    file = await recordings.find(call_id)
    if file is None:
        raise ApiError(404, "recording.not_found", f"no recording of call {call_id!r}")
    if file.is_running:
        raise ApiError(409, "recording.running", "the recording goes on; wait for the call to end")
    return file


async def _action(request: web.Request) -> str:
    action = (await read_object(request, hint=_HINT)).get("action")
    if action not in _ACTIONS:
        raise ApiError(400, "http.bad_request", f"action is neither pause nor resume{_HINT}")
    return str(action)


def _file(file: RecordingFile, states: Mapping[str, str]) -> dict[str, Any]:
    return {
        "call_id": file.call_id,
        "state": states.get(file.call_id, "running") if file.is_running else "finished",
        "content_type": file.content_type,
        "size_bytes": file.size_bytes,
        "ended_at": None if file.is_running else rfc3339(file.ended_at),
    }
