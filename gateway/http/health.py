"""Whether the process lives (`/healthz`), whether it can take calls (`/readyz`), and its figures (`/metrics`)."""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from gateway.http.access import PEERS
from gateway.http.ports import Readiness


def add_routes(app: web.Application, readiness: Readiness, registry: CollectorRegistry) -> None:
    """Add the three to `app`; none needs a token."""

    async def healthz(_request: web.Request) -> web.Response:
        # That this runs at all says that the event loop turns.
        return web.json_response({"status": "alive"})

    async def readyz(request: web.Request) -> web.Response:
        checks = readiness.checks()
        is_near = request.app[PEERS].is_this_machine(request)
        failed = [check.name for check in checks if not check.ok]
        body = {
            "ready": not failed,
            "failed": failed,
            # Addresses, names of trunks, words of a mail server: not for everybody (`/api/v1/health` has them).
            "checks": {
                check.name: {"ok": check.ok, "detail": check.detail if is_near else ""}
                for check in checks
            },
        }
        return web.json_response(body, status=503 if failed else 200)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
