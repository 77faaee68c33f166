"""Every route of the whole gateway: those of the API have a scope each, and only bearers of it pass."""

import aiohttp
import pytest

from gateway.access.login_throttle import FREE
from gateway.access.scopes import Scope
from gateway.access.token_file import TokenFile, read_used
from gateway.access.token_table import TokenTable
from gateway.access.verifier import Verifier
from gateway.config import Config, HttpSection
from gateway.http import access
from gateway.http.route_scopes import API_PREFIX, ROUTE_SCOPES, scope_of
from gateway.http.server import HttpServer
from tests.support.fake_http_ports import FakeGateway, a_call
from tests.support.whole_application import everything_on, whole_application

OPEN = {
    "/",
    "/channels/ws",
    "/healthz",
    "/readyz",
    "/metrics",
    "/hooks/mail",
    "/hooks/messages",
    "/hooks/status",
    "/teams/messages",
    "/telegram/messages",
    "/console",
    "/console/",
    "/console/static/{name}",
    "/twilio/messages",
    "/twilio/status",
    "/webrtc/calls",
    "/webrtc/calls/{resource}",
    "/webrtc/config",
    "/webrtc/static/{name}",
}
"""Routes outside the API: health, pages, and those with a signature or a token of their own."""


async def routes(tmp_path, monkeypatch) -> set[tuple[str, str]]:
    config = Config.model_validate(everything_on(tmp_path))
    app = await whole_application(config, monkeypatch)
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None
    }


async def test_every_route_of_the_api_has_a_scope_and_no_scope_is_of_a_route_that_is_gone(
    tmp_path, monkeypatch
):
    found = await routes(tmp_path, monkeypatch)

    of_api = {
        (method, path) for method, path in found if path.startswith(API_PREFIX) and method != "HEAD"
    }
    assert of_api - set(ROUTE_SCOPES) == set(), "add them to gateway/http/route_scopes.py"
    assert set(ROUTE_SCOPES) - of_api == set()


async def test_nothing_is_open_that_is_not_meant_to_be(tmp_path, monkeypatch):
    found = await routes(tmp_path, monkeypatch)

    outside = {path for _, path in found if not path.startswith(API_PREFIX)}
    assert outside - OPEN == set(), "is it meant to be open? Then name it here, with its own guard"


def test_what_nobody_thought_of_is_for_the_administrator():
    assert scope_of("POST", "/api/v1/nobody/thought/of/this") is Scope.ADMIN
    assert scope_of("HEAD", "/api/v1/calls") is Scope.READ


# Bearers ------------------------------------------------------------------------------------------------


class Api:
    """A server with named tokens, and sessions that bear them."""

    def __init__(self, data_dir) -> None:
        self.file = TokenFile(data_dir)
        self.table = TokenTable(data_dir)
        self.section = HttpSection(port=0, metrics_need_token=True)
        fake = FakeGateway(live={"c_2": "conversing"}, records=[a_call("c_2")])
        app = fake.app(Verifier("f" * 40, self.table), section=self.section)
        access.keep_use(app, self.table)
        self.server = HttpServer(self.section, app)
        self.port = 0

    async def ask(self, method: str, path: str, token: str = "") -> aiohttp.ClientResponse:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{self.port}", headers=headers) as session,
            session.request(method, path) as answer,
        ):
            await answer.read()
            return answer

    async def status(self, method: str, path: str, token: str = "") -> int:
        return (await self.ask(method, path, token)).status


@pytest.fixture
async def api(tmp_path):
    made = Api(tmp_path)
    made.port = await made.server.start()
    yield made
    await made.server.stop()


async def test_a_token_opens_what_its_scopes_name_and_nothing_else(api):
    reader, _ = api.file.create("reader", (Scope.READ,))
    operator, _ = api.file.create("operator", (Scope.CALLS,))

    assert await api.status("GET", "/api/v1/calls", reader) == 200
    assert await api.status("HEAD", "/api/v1/calls", reader) == 200
    assert await api.status("POST", "/api/v1/calls/c_2/hangup", reader) == 403
    assert await api.status("GET", "/api/v1/calls", operator) == 403
    assert await api.status("POST", "/api/v1/calls/c_2/hangup", operator) == 202
    assert await api.status("GET", "/api/v1/nothing", reader) == 404


async def test_who_lacks_a_scope_is_told_which(api):
    reader, _ = api.file.create("reader", (Scope.READ,))

    answer = await api.ask("POST", "/api/v1/calls/c_2/hangup", reader)

    assert 'error="insufficient_scope", scope="calls"' in answer.headers["WWW-Authenticate"]


async def test_the_full_token_and_an_administrator_open_everything(api):
    admin, _ = api.file.create("admin", (Scope.ADMIN,))

    for token in ("f" * 40, admin):
        assert await api.status("GET", "/api/v1/calls", token) == 200
        assert await api.status("GET", "/metrics", token) == 200


async def test_metrics_are_for_who_may_read_them_if_the_operator_says_so(api):
    scraper, _ = api.file.create("scraper", (Scope.METRICS,))

    assert await api.status("GET", "/metrics") == 401
    assert await api.status("GET", "/metrics", scraper) == 200
    assert await api.status("GET", "/api/v1/calls", scraper) == 403
    assert await api.status("GET", "/healthz") == 200


async def test_an_address_that_guesses_is_told_to_wait_and_others_are_not(api):
    statuses = [await api.status("GET", "/api/v1/calls", "guess") for _ in range(FREE + 2)]
    assert statuses == [401] * (FREE + 1) + [429]

    late = await api.ask("GET", "/api/v1/calls", "f" * 40)
    assert late.status == 429
    assert int(late.headers["Retry-After"]) >= 1
    # What needs no token is not closed with it.
    assert await api.status("GET", "/healthz") == 200


async def test_the_last_use_is_written_down_when_the_server_stops(api, tmp_path):
    reader, _ = api.file.create("reader", (Scope.READ,))
    await api.status("GET", "/api/v1/calls", reader)

    await api.server.stop()

    assert set(read_used(tmp_path)) == {"reader"}
