"""`/api/v1/calls` with filters, in pages and as CSV."""

import csv
import io

import pytest
from aiohttp import ClientError
from aiohttp.test_utils import TestClient, TestServer

from gateway.cdr import COLUMNS
from gateway.http.calls_csv import PAGE
from gateway.http.server import build_app
from gateway.metrics import Metrics
from gateway.store.call_filter import EVERY_CALL
from tests.support.fake_http_ports import FakeGateway, a_call

TOKEN = "t" * 40
MANY = 2 * PAGE + 3


class Watched(FakeGateway):
    """Remembers what was asked of the archive."""

    def __init__(self, **state) -> None:
        super().__init__(**state)
        self.asked = []
        self.breaks_after = 1_000

    async def calls(self, limit, *, active=None, wanted=EVERY_CALL):
        self.asked.append((limit, wanted))
        if len(self.asked) > self.breaks_after:
            self.break_store()
        return await super().calls(limit, active=active, wanted=wanted)


@pytest.fixture
def fake():
    ended = [a_call(f"c_{number:05}", cause="caller_hung_up") for number in range(MANY)]
    return Watched(records=ended)


@pytest.fixture
async def client(fake):
    app = build_app(
        token=TOKEN, live=fake, readiness=fake, archive=fake, registry=Metrics().registry
    )
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with TestClient(TestServer(app), headers=headers) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/api/v1/calls.csv", {}), ("/api/v1/calls", {"Accept": "text/csv"})],
)
async def test_all_calls_come_as_csv_page_by_page(client, fake, path, headers):
    answer = await client.get(path, headers=headers)
    rows = list(csv.reader(io.StringIO(await answer.text(), newline="")))

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert tuple(rows[0]) == COLUMNS
    assert [row[0] for row in rows[1:]] == [f"c_{number:05}" for number in range(MANY)]
    assert [limit for limit, _ in fake.asked] == [PAGE, PAGE, PAGE]


async def test_a_limit_bounds_the_rows(client, fake):
    answer = await client.get(f"/api/v1/calls.csv?limit={PAGE + 1}")
    assert (await answer.text()).count("\r\n") == PAGE + 2
    assert [limit for limit, _ in fake.asked] == [PAGE, 1]


async def test_json_has_pages(client):
    first = await (await client.get("/api/v1/calls?limit=2")).json()
    further = await client.get("/api/v1/calls", params={"limit": "2", "after": first["next_after"]})
    ids = [call["call_id"] for call in (await further.json())["calls"]]
    assert ids == ["c_00002", "c_00003"]


async def test_filters_reach_the_store(client, fake):
    await client.get(
        "/api/v1/calls?since=2026-01-31&until=2026-01-31T09:00:00%2B01:00&number=+4930&person=100"
        "&agent=desk&endpoint=sip&direction=outbound&outcome=busy,us&active=false"
    )
    ((_, wanted),) = fake.asked
    assert wanted.since == 1_769_817_600.0
    assert wanted.until == 1_769_846_400.0
    assert (wanted.number, wanted.person, wanted.agent) == ("+4930", "100", "desk")
    assert (wanted.endpoint, wanted.direction, wanted.active) == ("sip", "outbound", False)
    assert {"busy", "capacity", "no_route"} <= set(wanted.causes)
    assert "caller_hung_up" not in wanted.causes


@pytest.mark.parametrize(
    "query",
    [
        "since=yesterday",
        "until=99999999999-01-01",
        "outcome=eaten",
        "endpoint=pigeon",
        "direction=up",
        "active=maybe",
        "after=x",
        "after=nan~c_1",
        "after=-inf~c_1",
        "limit=0",
        "agent=" + "x" * 256,
    ],
)
async def test_what_is_wrong_is_named(client, query):
    answer = await client.get(f"/api/v1/calls?{query}")
    error = (await answer.json())["error"]
    assert (answer.status, error["code"]) == (400, "http.bad_request")
    assert query.partition("=")[0] in error["message"]


async def test_a_store_that_fails_is_an_error_and_later_a_broken_answer(client, fake):
    fake.breaks_after = 1
    with pytest.raises(ClientError):
        await (await client.get("/api/v1/calls.csv")).text()
    answer = await client.get("/api/v1/calls.csv")
    assert answer.status == 503


async def test_the_token_is_needed(client):
    answer = await client.get("/api/v1/calls.csv", headers={"Authorization": "Bearer wrong"})
    assert answer.status == 401
