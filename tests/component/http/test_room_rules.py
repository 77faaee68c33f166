"""Channels, agents and participants of a room over HTTP."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from gateway.http import room_rules
from gateway.model.messages import Channel
from gateway.rooms.call_rules import CallRules
from gateway.store import room_lines
from tests.support.direct_database import DirectDatabase
from tests.support.fake_http_ports import FakeGateway

TOKEN = "t" * 40


class Rig:
    def __init__(self):
        self.database = DirectDatabase()
        self.rules = CallRules(self.database)
        self.room_id = self.database.run(
            lambda connection: room_lines.room_of(
                connection, Channel.SMS, number="+4930100", address="+491701", at=1.0
            )
        )
        fake = FakeGateway(live={}, records=[], lines=[], parts=[])
        app = fake.app(TOKEN)
        room_rules.add_routes(
            app, self.database, agents=lambda: {"desk", "night"}, on_change=self.rules.refresh
        )
        self.client = TestClient(TestServer(app), headers={"Authorization": f"Bearer {TOKEN}"})

    async def get(self, path):
        async with self.client.get(f"/api/v1/rooms/{path}") as answer:
            return answer.status, await answer.json()

    async def put(self, path, told):
        data = told if isinstance(told, bytes) else None
        json = None if isinstance(told, bytes) else told
        async with self.client.put(f"/api/v1/rooms/{path}", json=json, data=data) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def rig():
    made = Rig()
    await made.client.start_server()
    yield made
    await made.client.close()
    made.database.close()


async def test_a_mute_holds_from_the_next_call_on(rig):
    status, told = await rig.put(f"{rig.room_id}/channels/voice", {"muted": True})
    assert (status, told["muted"], told["read"]) == (200, True, True)
    assert rig.rules.voice("+4930100", "+491701").is_muted
    await rig.put(f"{rig.room_id}/channels/voice", {"write": False})
    _, told = await rig.get(f"{rig.room_id}/channels")
    assert told["channels"]["voice"] == {"read": True, "write": False, "muted": True}
    assert told["channels"]["sms"] == {"read": True, "write": True, "muted": False}
    await rig.put(f"{rig.room_id}/channels/voice", {"muted": False, "write": True})
    assert rig.rules.voice("+4930100", "+491701").may_converse


async def test_agents_are_given_and_taken_back(rig):
    status, told = await rig.put(f"{rig.room_id}/agents", {"agents": ["night", "desk"]})
    assert (status, told["agents"]) == (200, ["night", "desk"])
    assert rig.rules.agent("+4930100", "+491701") == "night"
    assert (await rig.get(f"{rig.room_id}/agents"))[1]["agents"] == ["night", "desk"]
    _, told = await rig.get(f"{rig.room_id}/participants")
    assert {one["key"] for one in told["participants"]} == {"+491701", "night", "desk"}
    await rig.put(f"{rig.room_id}/agents", {"agents": []})
    assert rig.rules.agent("+4930100", "+491701") == ""


@pytest.mark.parametrize(
    ("path", "told", "status", "words"),
    [
        ("{}/agents", {"agents": ["nobody"]}, 400, "agents are: desk, night"),
        ("{}/agents", {"agents": ["desk"] * 9}, 400, "agents"),
        ("{}/agents", {}, 400, "agents"),
        ("{}/agents", b"nonsense", 400, "not JSON"),
        ("{}/channels/voice", {"mutd": True}, 400, "mutd"),
        ("{}/channels/voice", {"muted": "yes"}, 400, "muted"),
        ("{}/channels/pigeon", {"muted": True}, 404, "channels are: voice"),
        ("r_none/channels/voice", {"muted": True}, 404, "no room"),
        ("r_none/agents", {"agents": ["desk"]}, 404, "no room"),
    ],
)
async def test_what_is_wrong_is_named(rig, path, told, status, words):
    answered, body = await rig.put(path.format(rig.room_id), told)
    assert answered == status
    assert words in body["error"]["message"]


@pytest.mark.parametrize("path", ["channels", "agents", "participants"])
async def test_a_room_that_is_not_there_is_404(rig, path):
    assert (await rig.get(f"r_none/{path}"))[0] == 404
