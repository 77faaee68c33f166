"""The API of files that people sent: `/api/v1/rooms/{room_id}/media` and `/api/v1/media/{media_id}`."""

import asyncio
from typing import Any

from aiohttp import web

from gateway.channels.media_folder import MediaFolder
from gateway.http.errors import ApiError
from gateway.http.query import rfc3339, whole_number
from gateway.store import media
from gateway.store.media import MediaFile, MediaStatus
from gateway.store.transactor import Transactor

LIST_DEFAULT, LIST_MOST = 50, 500


def add_routes(app: web.Application, database: Transactor, folder: MediaFolder) -> None:
    """Add both routes; the API's guard stands before them."""

    async def list_files(request: web.Request) -> web.Response:
        room_id = request.match_info["room_id"]
        limit = whole_number(request, "limit", default=LIST_DEFAULT, most=LIST_MOST)
        files = await database.read(
            lambda connection: media.of_room(connection, room_id, limit=limit)
        )
        return web.json_response({"room_id": room_id, "media": [_file(file) for file in files]})

    async def serve_file(request: web.Request) -> web.Response:
        media_id = request.match_info["media_id"]
        file = await database.read(lambda connection: media.get(connection, media_id))
        if file is None:
            raise ApiError(404, "media.not_found", f"no file {media_id!r}")
        if file.status is not MediaStatus.FETCHED:
            raise ApiError(
                409, "media.not_fetched", f"file {media_id!r} is {file.status.value}: {file.error}"
            )
        try:
            data = await asyncio.to_thread(folder.read, media_id)
        except FileNotFoundError:
            raise ApiError(410, "media.gone", f"file {media_id!r} was removed") from None
        # Never shown in the browser by itself: whoever sent it may have lied about what it is.
        disposition = f'attachment; filename="{media_id}"'
        return web.Response(
            body=data,
            content_type=file.content_type,
            headers={
                "Content-Disposition": disposition,
                "ETag": f'"{file.sha256}"',
                "Content-Security-Policy": "default-src 'none'; sandbox",
            },
        )

    app.router.add_get("/api/v1/rooms/{room_id}/media", list_files)
    app.router.add_get("/api/v1/media/{media_id}", serve_file)


def _file(file: MediaFile) -> dict[str, Any]:
    return {
        "media_id": file.media_id,
        "status": file.status.value,
        "content_type": file.content_type,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "tries": file.tries,
        "error": file.error,
        "created_at": rfc3339(file.created_at),
        "url": f"/api/v1/media/{file.media_id}",
    }
