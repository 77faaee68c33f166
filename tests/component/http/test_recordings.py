"""The API of recordings, with files and a live call."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.errors import RecordingNotRunning
from gateway.http import recordings as routes
from gateway.http.server import build_app
from gateway.metrics import Metrics
from gateway.recording.library import Library
from tests.support.fake_http_ports import FakeGateway

TOKEN = "t" * 40


class Desk:
    """A recording desk with real files and one live call, `c_live`."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.state = "running"

    def states(self):
        return {"c_live": self.state}

    def pause(self, call_id):
        self._change(call_id, "running", "paused")

    def resume(self, call_id):
        self._change(call_id, "paused", "running")

    def _change(self, call_id, before, after):
        if call_id != "c_live" or self.state != before:
            raise RecordingNotRunning("no")
        self.state = after

    async def files(self):
        return self._library.files()

    async def find(self, call_id):
        return self._library.find(call_id)

    async def delete(self, call_id):
        return self._library.delete(call_id)


@pytest.fixture
async def client(tmp_path):
    (tmp_path / "c_live.wav.part").write_bytes(b"live")
    (tmp_path / "c_done.wav").write_bytes(b"RIFF sound")
    fake = FakeGateway()
    app = build_app(
        token=TOKEN, live=fake, readiness=fake, archive=fake, registry=Metrics().registry
    )
    routes.add_routes(app, Desk(Library(tmp_path)))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with TestClient(TestServer(app), headers=headers) as client:
        yield client


async def test_files_are_listed_with_their_state(client):
    body = await (await client.get("/api/v1/recordings")).json()
    assert body["total"] == 2
    assert {file["call_id"]: file["state"] for file in body["recordings"]} == {
        "c_live": "running",
        "c_done": "finished",
    }
    page = await (await client.get("/api/v1/recordings?limit=1&offset=1")).json()
    assert len(page["recordings"]) == 1


async def test_download_in_parts_then_delete(client):
    path = "/api/v1/calls/c_done/recording"
    answer = await client.get(path)
    assert (answer.status, await answer.read()) == (200, b"RIFF sound")
    assert answer.headers["Content-Type"] == "audio/wav"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="c_done.wav"'
    assert answer.headers["Cache-Control"] == "no-store"
    part = await client.get(path, headers={"Range": "bytes=5-"})
    assert (part.status, await part.read()) == (206, b"sound")
    assert (await client.delete(path)).status == 204
    assert (await client.get(path)).status == 404


@pytest.mark.parametrize(
    ("method", "call_id", "status"),
    [
        ("GET", "c_live", 409),
        ("DELETE", "c_live", 409),
        ("GET", "c_none", 404),
        ("GET", "..%2f..%2fetc%2fpasswd", 404),
        ("GET", "c_done.wav", 404),
    ],
)
async def test_what_is_not_there_or_goes_on(client, method, call_id, status):
    answer = await client.request(method, f"/api/v1/calls/{call_id}/recording")
    assert answer.status == status


async def test_a_live_recording_pauses_and_goes_on(client):
    path = "/api/v1/calls/c_live/recording"
    assert (await (await client.post(path, json={"action": "pause"})).json())["state"] == "paused"
    assert (await client.post(path, json={"action": "pause"})).status == 409
    assert (await (await client.post(path, json={"action": "resume"})).json())["state"] == "running"
    for body in ("[]", "{}", "not json", "[" * 60_000, '{"action": "erase"}'):
        assert (await client.post(path, data=body)).status == 400
    path = "/api/v1/calls/c_done/recording"
    assert (await client.post(path, json={"action": "pause"})).status == 409


async def test_the_token_is_needed(client):
    for path in ("/api/v1/recordings", "/api/v1/calls/c_done/recording"):
        answer = await client.get(path, headers={"Authorization": "Bearer wrong"})
        assert answer.status == 401
