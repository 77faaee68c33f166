"""The written side of a gateway with its API, on a real store and a provider's stand-in; calls are pretended."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from gateway.app.rooms import RoomSide
from gateway.app.texting import TextSide
from gateway.config import Config
from gateway.errors import CallNotFound
from gateway.http.server import HttpServer, build_app
from gateway.metrics import Metrics
from gateway.model import events
from gateway.model.hangup import HangupCause
from gateway.model.messages import InboundMessage
from gateway.rooms.timeline import Entry, Kind
from gateway.store.store import Store
from tests.support.fake_http_ports import FakeGateway
from tests.support.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN, TwilioStandIn

TOKEN = "t" * 40
OURS = "+493012345678"
ANN = "+4915112345678"
BOB = "+4915187654321"
LANDLINE = "+493087654321"


@dataclass
class PretendedCall:
    """A live call; `ends_with` is what becomes of a line, when it is known."""

    call_id: str
    room_id: str | None
    agent_name: str = "desk"
    said: list[tuple[str, ...]] = field(default_factory=list)
    lines: list[asyncio.Future[bool]] = field(default_factory=list)

    def say(self, parts: Sequence[str], *, by: str) -> asyncio.Future[bool]:
        assert by == "operator"
        self.said.append(tuple(parts))
        self.lines.append(asyncio.get_running_loop().create_future())
        return self.lines[-1]


class PretendedCalls:
    """Implements what `RoomSide` asks of `RunningCalls`."""

    def __init__(self) -> None:
        self.live: list[PretendedCall] = []

    def in_room(self, room_id: str) -> PretendedCall | None:
        return next((call for call in self.live if call.room_id == room_id), None)

    def calls_in_room(self, room_id: str) -> list[str]:
        return [call.call_id for call in self.live if call.room_id == room_id]

    def call(self, call_id: str) -> PretendedCall:
        for call in self.live:
            if call.call_id == call_id:
                return call
        raise CallNotFound(call_id)

    async def answers(self, _room_id: str, _message: InboundMessage) -> bool:
        return False


@dataclass
class House:
    """Everything a test needs; `ask` talks to the API as a client does."""

    config: Config
    store: Store
    texting: TextSide
    rooms: RoomSide
    calls: PretendedCalls
    twilio: TwilioStandIn
    client: aiohttp.ClientSession
    base_url: str

    async def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, Any]:
        """Return status and body of an answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.client.request(
            method, self.base_url + path, json=body, headers=named
        ) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def a_call(
        self,
        caller: str = ANN,
        *,
        call_id: str = "c_1",
        live: bool = False,
        text: str = "",
        cause: HangupCause = HangupCause.CALLER_HUNG_UP,
        is_ours: bool = False,
    ) -> str:
        """Have somebody call (or be called by us), and hang up unless it is `live`; returns the room."""
        loop = asyncio.get_running_loop()
        view = await self.store.room_for(number=OURS, person=caller)
        offered = events.Offered(
            call_id=call_id,
            at_s=loop.time(),
            endpoint=events.EndpointKind.FAKE,
            caller=OURS if is_ours else caller,
            callee=caller if is_ours else OURS,
            direction=events.Direction.OUTBOUND if is_ours else events.Direction.INBOUND,
        )
        self.store.call_offered(offered, room_id=view.room_id, agent="desk")
        for kind, said in ((Kind.OFFERED, ""), (Kind.ANSWERED, ""), (Kind.USER_SAID, text)):
            if said or kind is not Kind.USER_SAID:
                self.store.append(
                    Entry(
                        room_id=view.room_id,
                        call_id=call_id,
                        kind=kind,
                        offset_ms=10.0,
                        text=said,
                        role=None,
                    )
                )
        if live:
            self.calls.live.append(PretendedCall(call_id, view.room_id))
        else:
            self.store.call_ended(call_id, cause=cause, detail="", offset_ms=20.0)
        await self.store.flush()
        return view.room_id

    def take_message(self, room_id: str, call_id: str, text: str = "Call me") -> None:
        """An agent takes a message in a call."""
        entry = Entry(
            room_id=room_id,
            call_id=call_id,
            kind=Kind.MESSAGE_TAKEN,
            offset_ms=15.0,
            facts={"name": "Ann", "number": ANN, "text": text, "confirmed": 1},
        )
        self.store.append(entry)
        self.rooms.taken.appended(entry)

    async def sent(self, count: int = 1) -> list[tuple[str, str]]:
        """Return recipient and text of all that the provider took, once there are `count`."""
        await until(lambda: len(self.twilio.taken) >= count)
        return [(item.to, item.body) for item in self.twilio.taken]

    async def kinds(self, room_id: str, count: int) -> list[str]:
        """Return the kinds of a room's timeline once it has `count` lines."""
        async with asyncio.timeout(5):
            while len(lines := await self.lines(room_id)) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return [line["kind"] for line in lines]

    async def lines(self, room_id: str) -> list[dict[str, Any]]:
        """Return a room's timeline."""
        _, told = await self.ask("GET", f"/api/v1/rooms/{room_id}/timeline")
        found: list[dict[str, Any]] = told["timeline"]
        return found


async def until(condition: Callable[[], object]) -> None:
    """Wait, bounded, until it holds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def a_house(tmp_path: Path, **sections: Any) -> AsyncIterator[House]:
    """Run it; `sections` are added to the configuration."""
    secret = tmp_path / "twilio-token"
    secret.write_text(AUTH_TOKEN)
    async with TwilioStandIn() as twilio, aiohttp.ClientSession() as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        values: dict[str, Any] = {
            "gateway": {"data_dir": tmp_path / "data", "cache_dir": tmp_path / "cache"},
            "http": {"port": 0},
            "twilio": {
                "account_sid": ACCOUNT_SID,
                "auth_token_file": secret,
                "api_url": twilio.url,
            },
            "fallback": {"senders": {"sms": OURS, "whatsapp": OURS}},
            "agents": {"desk": {"kind": "receptionist", **sections.pop("desk", {})}},
            "numbers": [{"number": "*", "agent": "desk"}],
        }
        config = Config.model_validate(values | sections)
        store = Store(config.gateway.data_dir, gather_s=0.01, country=config.fallback.country)
        calls = PretendedCalls()
        texting = TextSide(
            config,
            store,
            {},
            Metrics(),
            in_call=calls.answers,
            on_taken=lambda room_id: rooms.taken.look(room_id),
        )
        rooms = RoomSide(config, store, texting, calls)  # type: ignore[arg-type]
        fake = FakeGateway()
        app = build_app(
            token=TOKEN, live=fake, readiness=fake, archive=store, registry=Metrics().registry
        )
        texting.add_routes(app)
        rooms.add_routes(app)
        server = HttpServer(config.http, app)
        await store.start()
        await texting.start()
        rooms.start()
        try:
            url = f"http://127.0.0.1:{await server.start()}"
            yield House(config, store, texting, rooms, calls, twilio, client, url)
        finally:
            await rooms.close()
            await texting.close()
            await server.stop()
            await store.close()
