"""Serves the console's page and its files, read once at the start, under a strict content security policy.

Nothing here is secret: the page is empty until somebody signs in.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from gateway.errors import AssetError

PAGE_PATH = "/console"
STATIC_PATH = "/console/static"
PAGE = "index.html"
FILE_MOST = 1 << 18
"""Bytes."""

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What is served; files of other kinds are not."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""No inline script or style, nothing from elsewhere, no frame around it (CSP level 3)."""

PAGE_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "microphone=(), camera=(), geolocation=(), display-capture=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Asked again each time: a gateway that was updated must not run yesterday's page.
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is served."""

    body: bytes
    content_type: str
    etag: str


def folder() -> Path:
    """Return where the page's files are installed."""
    return Path(__file__).parents[2] / "console" / "static"


def read_files(folder: Path) -> Mapping[str, StaticFile]:
    """Return the files of a folder by name. Blocks; raises `AssetError` if the page is not there."""
    try:
        files = {
            path.name: _read(path)
            for path in sorted(folder.iterdir())
            if path.suffix in TYPES and path.is_file() and path.stat().st_size <= FILE_MOST
        }
    except OSError as error:
        raise AssetError(f"the console in {folder} cannot be read: {error.strerror}") from error
    if PAGE not in files:
        raise AssetError(
            f"the console's page {folder / PAGE} is missing; install Offhook again "
            "or set console.enabled = false"
        )
    return files


def _read(path: Path) -> StaticFile:
    body = path.read_bytes()
    return StaticFile(body, TYPES[path.suffix], hashlib.sha256(body).hexdigest()[:32])


def add_routes(app: web.Application, files: Mapping[str, StaticFile]) -> None:
    """Add `/console` and `/console/static/…`; none needs a token."""

    async def page(request: web.Request) -> web.Response:
        return _answer(request, files[PAGE])

    async def static(request: web.Request) -> web.Response:
        # A name among those that were read: no path reaches the disk.
        file = files.get(request.match_info["name"])
        if file is None:
            raise web.HTTPNotFound
        return _answer(request, file)

    async def without_slash(_request: web.Request) -> web.Response:
        # The page names its files relative to here, so that a path of a proxy before it does no harm.
        return web.Response(status=308, headers={"Location": "../console", **PAGE_HEADERS})

    app.router.add_get(PAGE_PATH, page)
    app.router.add_get(PAGE_PATH + "/", without_slash)
    app.router.add_get(STATIC_PATH + "/{name}", static)


def _answer(request: web.Request, file: StaticFile) -> web.Response:
    known = {tag.value for tag in request.if_none_match or ()}
    if file.etag in known:
        response = web.Response(status=304)
    else:
        response = web.Response(body=file.body, headers={"Content-Type": file.content_type})
    response.headers["ETag"] = f'"{file.etag}"'
    response.headers.update(PAGE_HEADERS)
    return response
