"""Serves the call page at `/` and its files, read once at the start, under a strict content security policy."""

import hashlib
import importlib.util
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from gateway.errors import AssetError
from gateway.http.webrtc.conditions import tags

log = logging.getLogger(__name__)

STATIC_PATH = "/webrtc/static"
PAGE = "index.html"
FILE_MOST = 1 << 20
"""Bytes; the page has no build step and no pictures that are larger."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
"""What is served; files of other kinds are not."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "worker-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""No inline script or style, nothing from elsewhere, no frame around it (CSP level 3)."""

PAGE_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), display-capture=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

SHARED_HEADERS = {
    # The widget and its modules are loaded by other people's pages; nothing secret is in them.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is served."""

    body: bytes
    content_type: str
    etag: str


def folder() -> Path:
    """Return where the page's files are installed: beside the browser worker, which is not imported."""
    spec = importlib.util.find_spec("webrtc")
    places = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(places or ("webrtc",)))) / "static"


def read_files(folder: Path) -> Mapping[str, StaticFile]:
    """Return the files of a folder by name. Blocks; raises `AssetError` if the page is not there."""
    try:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in paths
            if path.suffix in TYPES and path.stat().st_size <= FILE_MOST
        }
    except OSError as error:
        raise AssetError(f"the call page in {folder} cannot be read: {error.strerror}") from error
    if PAGE not in files:
        raise AssetError(
            f"the call page {folder / PAGE} is missing; install Offhook again or set webrtc.enabled = false"
        )
    return files


def _read(path: Path) -> StaticFile:
    body = path.read_bytes()
    return StaticFile(body, TYPES[path.suffix], hashlib.sha256(body).hexdigest()[:32])


def add_routes(app: web.Application, files: Mapping[str, StaticFile]) -> None:
    """Add `/` and `/webrtc/static/…`."""

    async def page(request: web.Request) -> web.Response:
        response = _answer(request, files[PAGE])
        response.headers.update(PAGE_HEADERS)
        return response

    async def static(request: web.Request) -> web.Response:
        # A name among those that were read: no path reaches the disk.
        file = files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        response = _answer(request, file)
        response.headers.update(PAGE_HEADERS)
        response.headers.update(SHARED_HEADERS)
        return response

    app.router.add_get("/", page)
    app.router.add_get(STATIC_PATH + "/{name:.+}", static)


def _answer(request: web.Request, file: StaticFile) -> web.Response:
    is_known = file.etag in tags(request.headers.get("If-None-Match", ""))
    response = web.Response(status=304) if is_known else web.Response(body=file.body)
    if not is_known:
        response.headers["Content-Type"] = file.content_type
    response.headers["ETag"] = f'"{file.etag}"'
    # Asked again each time: a gateway that was updated must not run yesterday's page.
    response.headers["Cache-Control"] = "no-cache"
    return response
