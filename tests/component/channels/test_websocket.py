"""Conversations by WebSocket: answers come piece by piece, are kept until acknowledged, and none is lost."""

import asyncio
import json
import time

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import select

from gateway.access.login_throttle import FREE
from gateway.access.verifier import Verifier
from gateway.channels.durable_reception import DurableReception
from gateway.channels.outbox.outbox import Outbox
from gateway.channels.outbox.recipient_limit import RecipientLimit
from gateway.channels.websocket import CLIENTS_OF_ONE, FRAMES_MOST, PAGE, Client, WebSocketHub
from gateway.errors import ProviderUnavailable
from gateway.http.server import build_app
from gateway.http.webrtc.tokens import TokenSigner
from gateway.http.websocket import BAD_FRAMES_MOST, PROTOCOL, TEXTS_PER_MINUTE, WebSocketDoor
from gateway.metrics import Metrics
from gateway.model.messages import Channel
from gateway.model.text_agent import TextReply
from gateway.rooms.hooks import Hooks, Point
from gateway.rooms.letters import Letter, Letters
from gateway.rooms.text_desk import TextDesk
from gateway.rooms.text_gate import GreetingMode
from gateway.store.schema import rooms, timeline
from gateway.store.schema_messages import messages
from tests.support.direct_database import DirectDatabase
from tests.support.fake_http_ports import FakeGateway

TOKEN = "t" * 40
SECRET = "s" * 40
HELLO = "Hello."


class Agent:
    name = "desk"
    greeting = HELLO
    apology = "Sorry, please try again."

    def __init__(self):
        self.pieces = ["It is ", "nine ", "o'clock."]
        self.fails_after = None
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def answer(self, turn):
        return await self.answer_streaming(turn, lambda _text: None)

    async def answer_streaming(self, turn, on_text):
        for number, piece in enumerate(self.pieces):
            if number == self.fails_after:
                raise ProviderUnavailable("no model")
            on_text(piece)
            await asyncio.sleep(0)
            await self.go_on.wait()
        return TextReply(text="".join(self.pieces))


class Rig:
    def __init__(self, mode=GreetingMode.LEAD, hooks=None):
        self.database = DirectDatabase()
        self.hub = WebSocketHub(self.database)
        self.outbox = Outbox(
            self.database, [self.hub], limit=RecipientLimit(burst=10_000, interval_s=0)
        )
        self.letters = Letters(
            self.database, self.outbox, lambda _channel, text: [text], clock=time.time
        )
        self.agent = Agent()
        self.desk = TextDesk(
            self.database,
            self.letters,
            lambda _number, _channel: self.agent,
            clock=time.time,
            mode=mode,
            hooks=hooks,
            stream_for=self.hub.stream_for,
        )
        reception = DurableReception(
            self.database,
            on_message=self.desk.look,
            on_receipt=self.outbox.receive,
            on_keyword=self._keyword,
        )
        self.signer = TokenSigner(SECRET)
        fake = FakeGateway(live={}, records=[], lines=[], parts=[])
        app = build_app(
            token=TOKEN, live=fake, readiness=fake, archive=fake, registry=Metrics().registry
        )
        door = WebSocketDoor(
            self.hub, reception, self.signer, agents=lambda: {"desk"}, default_agent=lambda: "desk"
        )
        door.add_routes(app)
        self.client = TestClient(TestServer(app))

    async def _keyword(self, message, keyword):
        """Nothing answers keywords here."""

    async def start(self):
        await self.outbox.start()
        self.running = asyncio.create_task(self.desk.run())
        await self.client.start_server()

    async def stop(self):
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        await self.outbox.close()
        await self.hub.close()
        await self.client.close()
        self.database.close()

    async def connect(self, *, token=TOKEN, **query):
        query = {"person": "ann", **query}
        socket = await self.client.ws_connect(
            "/channels/ws", params=query, headers={"Authorization": f"Bearer {token}"}
        )
        assert (await frame(socket))["type"] == "ready"
        return socket

    def rows(self, table):
        return self.database.run(lambda connection: connection.execute(select(table)).all())

    async def letter(self, text, number):
        (room,) = self.rows(rooms)
        await self.letters.write(
            Letter(
                room_id=room.room_id,
                channel=Channel.WEBSOCKET,
                sender="desk",
                recipient="web:ann",
                text=text,
                cause=f"c{number}",
                by="operator",
            )
        )


@pytest.fixture
async def rig():
    made = Rig()
    await made.start()
    yield made
    await made.stop()


async def frame(socket):
    received = await asyncio.wait_for(socket.receive(), 10)
    assert received.type is aiohttp.WSMsgType.TEXT, received
    return json.loads(received.data)


async def answer(socket):
    """Return the frames up to the end of the next answer."""
    frames = []
    while not frames or frames[-1]["type"] not in ("end",):
        frames.append(await frame(socket))
    return frames


async def write(socket, text="What time is it?", name="t1"):
    await socket.send_json({"type": "text", "id": name, "text": text})


async def test_an_answer_comes_piece_by_piece_and_is_the_line_in_the_timeline(rig):
    socket = await rig.connect()
    await write(socket)
    frames = await answer(socket)
    assert frames[0] == {"type": "accepted", "id": "t1"}
    pieces = [one["text"] for one in frames if one["type"] == "chunk"]
    assert pieces == [f"{HELLO}\n\n", "It is ", "nine ", "o'clock."]
    assert frames[-1]["text"] == "".join(pieces)
    (stored,) = rig.rows(messages)
    assert (stored.text, stored.message_id, stored.seq) == (
        frames[-1]["text"],
        frames[-1]["stream"],
        frames[-1]["id"],
    )
    lines = [row.text for row in sorted(rig.rows(timeline), key=lambda row: row.seq)]
    assert lines == [HELLO, "What time is it?", "It is nine o'clock."]
    await write(socket)  # the same once more: the first `accepted` was lost
    assert (await frame(socket)) == {"type": "accepted", "id": "t1"}
    await asyncio.sleep(0.05)
    assert len(rig.rows(messages)) == 1
    await socket.close()


async def test_what_was_not_acknowledged_comes_again_and_what_was_does_not(rig):
    socket = await rig.connect()
    await write(socket)
    first = (await answer(socket))[-1]
    await socket.close()
    socket = await rig.connect()
    assert [one["type"] for one in await answer(socket)] == ["start", "chunk", "end"]
    await socket.send_json({"type": "ack", "id": first["id"]})
    async with asyncio.timeout(5):
        while rig.rows(messages)[0].status != "delivered":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await socket.close()
    socket = await rig.connect()
    await write(socket, "and now?", "t2")
    assert (await answer(socket))[-1]["id"] > first["id"]
    await socket.close()
    socket = await rig.connect(after="0")
    assert (await answer(socket))[-1]["id"] == first["id"]
    await socket.close()
    socket = await rig.connect(after=str(first["id"]))
    assert (await answer(socket))[-1]["id"] > first["id"]
    await socket.close()


async def test_who_goes_in_the_middle_of_an_answer_finds_it_whole(rig):
    rig.agent.go_on.clear()
    socket = await rig.connect()
    await write(socket)
    while (await frame(socket))["type"] != "chunk":
        pass
    await socket.close()
    late = await rig.connect(after="0")
    rig.agent.go_on.set()
    frames = await answer(late)
    assert [one["type"] for one in frames] == ["start", "chunk", "end"]
    assert frames[1]["text"] == frames[2]["text"] == f"{HELLO}\n\nIt is nine o'clock."
    await late.close()


async def test_an_agent_that_fails_takes_back_what_was_shown(rig):
    rig.agent.fails_after = 1
    socket = await rig.connect()
    await write(socket)
    frames = await answer(socket)
    types = [one["type"] for one in frames]
    assert types == ["accepted", "start", "chunk", "chunk", "error", "start", "chunk", "end"]
    assert frames[4]["code"] == "agent.failed"
    assert frames[-1]["text"] == f"{HELLO}\n\nSorry, please try again."
    await socket.close()


async def test_a_hook_that_may_change_the_text_sees_it_before_anybody():
    async def shout(room_id, text):
        return text.upper()

    made = Rig(hooks=Hooks({Point.BEFORE_OUTBOUND: [shout]}))
    await made.start()
    socket = await made.connect()
    await write(socket)
    frames = await answer(socket)
    assert [one["text"] for one in frames if one["type"] == "chunk"] == [
        f"{HELLO}\n\nIT IS NINE O'CLOCK."
    ]
    await socket.close()
    await made.stop()


async def test_hundreds_of_missed_answers_come_in_order_and_once(rig):
    socket = await rig.connect()
    await write(socket)
    first = (await answer(socket))[-1]
    await socket.close()
    missed = PAGE + 50
    for number in range(missed):
        await rig.letter(f"news {number}", number)
    async with asyncio.timeout(30):
        while rig.outbox.pending:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    socket = await rig.connect(after=str(first["id"]))
    await rig.letter("last", "last")
    texts = [(await answer(socket))[-1]["text"] for _ in range(missed + 1)]
    assert texts == [f"news {number}" for number in range(missed)] + ["last"]
    await socket.close()


async def test_a_browsers_token_says_who_comes_and_whom_he_meets(rig):
    token, _ = rig.signer.sign("desk", now_s=time.time(), ttl_s=60, name="Ann", subject="ann-7")
    socket = await rig.client.ws_connect("/channels/ws", protocols=(PROTOCOL, f"bearer.{token}"))
    assert socket.protocol == PROTOCOL
    ready = await frame(socket)
    assert (ready["person"], ready["agent"]) == ("web:ann-7", "desk")
    await write(socket)
    await answer(socket)
    (room,) = rig.rows(rooms)
    # As a call from the same page has it.
    assert (room.number, room.person) == ("desk", "web:ann-7")
    await socket.close()


@pytest.mark.parametrize(
    ("token", "query", "status"),
    [
        ("", {"person": "ann"}, 401),
        ("wrong", {"person": "ann"}, 401),
        ("a.b.c", {"person": "ann"}, 401),
        (TOKEN, {}, 400),
        (TOKEN, {"person": "x" * 65}, 400),
        (TOKEN, {"person": "ann", "agent": "nobody"}, 404),
        (TOKEN, {"person": "ann", "after": "x"}, 400),
    ],
)
async def test_nobody_else_comes_in(rig, token, query, status):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await rig.client.ws_connect(
            "/channels/ws", params=query, headers={"Authorization": f"Bearer {token}"}
        )
    assert refused.value.status == status
    assert rig.hub.clients == 0


async def test_guessing_is_slowed_down_and_told_to_fail2ban(rig, caplog):
    statuses = []
    for _ in range(FREE + 2):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await rig.connect(token="a guess")
        statuses.append(refused.value.status)

    assert statuses == [401] * (FREE + 1) + [429]
    assert int(refused.value.headers["Retry-After"]) >= 1
    assert "source rejected: 127.0.0.1 (http: wrong_token)" in caplog.messages


@pytest.mark.parametrize("by_us", [True, False])
async def test_a_token_that_is_taken_away_ends_its_connections(rig, monkeypatch, by_us):
    socket = await rig.connect()
    await write(socket)
    await answer(socket)
    monkeypatch.setattr(Verifier, "holds", lambda *_: None)

    if by_us:
        await rig.letter("Still there?", 1)
    else:
        await write(socket, "And now?", "t2")

    received = await asyncio.wait_for(socket.receive(), 10)
    assert (received.type, received.data) == (aiohttp.WSMsgType.CLOSE, 1008)
    assert "And now?" not in [row.text for row in rig.rows(timeline)]


async def test_a_plain_request_is_told_to_upgrade(rig):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with rig.client.get("/channels/ws?person=ann", headers=headers) as told:
        assert told.status == 426


async def test_connections_of_one_person_are_bounded_and_given_back(rig):
    sockets = [await rig.connect() for _ in range(CLIENTS_OF_ONE)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await rig.connect()
    assert refused.value.status == 503
    for socket in sockets:
        await socket.close()
    async with asyncio.timeout(5):
        while rig.hub.clients:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await (await rig.connect()).close()


@pytest.mark.parametrize(
    "bad",
    [
        "no json",
        "[]",
        '{"type": "dance"}',
        '{"type": "text", "text": "x"}',
        '{"type": "text", "id": "a b", "text": "x"}',
        '{"type": "text", "id": "a", "text": ""}',
        '{"type": "text", "id": "a", "text": 5}',
        '{"type": "ack", "id": 99}',
        '{"type": "ack", "id": true}',
        "[" * 5_000,
    ],
)
async def test_bad_frames_are_told_and_in_the_end_close_the_connection(rig, bad):
    socket = await rig.connect()
    for _ in range(BAD_FRAMES_MOST):
        await socket.send_str(bad)
    assert (await frame(socket))["code"] == "frame.bad"
    async with asyncio.timeout(5):
        while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
    assert socket.closed
    assert not rig.rows(messages)


async def test_a_giant_frame_ends_the_connection(rig):
    socket = await rig.connect()
    await socket.send_str("x" * 100_000)
    assert (await socket.receive()).type is not aiohttp.WSMsgType.TEXT
    assert socket.closed


async def test_a_flood_of_texts_is_told_to_wait(rig):
    socket = await rig.connect()
    for number in range(TEXTS_PER_MINUTE + 5):
        await write(socket, f"text {number}", f"t{number}")
    codes = []
    while len(codes) < 5:
        told = await frame(socket)
        if told["type"] == "error":
            codes.append(told["code"])
    assert codes == ["text.too_many"] * 5
    await socket.close()


async def test_a_slow_client_is_cut_off_and_not_waited_for():
    client = Client()
    client.caught_up()
    for number in range(FRAMES_MOST + 1):
        client.chunk("m_1", f"{number}")
    assert client.is_cut_off
    assert await client.next_frame() is None


async def test_the_end_of_the_gateway_closes_connections(rig):
    socket = await rig.connect()
    await rig.hub.close()
    received = await asyncio.wait_for(socket.receive(), 5)
    assert received.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
