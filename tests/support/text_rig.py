"""The written half of a gateway in the test's own process, with Twilio before and behind it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from gateway.http.server import build_app
from gateway.metrics import Metrics
from gateway.model.events import EndpointKind, Offered
from gateway.model.hangup import HangupCause
from gateway.rooms.timeline import Entry, Kind
from gateway.rooms.watched_recorder import WatchedRecorder
from gateway.store.schema import timeline
from gateway.store.schema_messages import messages
from gateway.store.store import Store
from tests.support.fake_http_ports import FakeGateway
from tests.support.text_gateway import AGENT, API_TOKEN, PUBLIC_URL, EchoDesk, Options, text_side
from tests.support.twilio_stand_in import Taken, TwilioStandIn

BOUND_S = 20.0


class TextRig:
    """`async with` it. `sections` are those of the configuration, by name; nights are not quiet unless they say so."""

    def __init__(self, data_dir: Path, sections: Mapping[str, Mapping[str, Any]] | None = None):
        self._data_dir = data_dir
        self._sections = dict(sections or {})
        self._sections["fallback"] = {
            "quiet_from": "00:00",
            "quiet_to": "00:00",
            **self._sections.get("fallback", {}),
        }
        self.twilio = TwilioStandIn(public_url=PUBLIC_URL)
        self.agent = EchoDesk()
        self._calls = 0

    async def __aenter__(self) -> Self:
        await self.twilio.__aenter__()
        options = Options(
            data_dir=str(self._data_dir), twilio_url=self.twilio.url, sections=self._sections
        )
        self.store = Store(self._data_dir, gather_s=0.001)
        self.metrics = Metrics()
        self.texting = text_side(options.config(), self.store, self.metrics, self.agent)
        fake = FakeGateway()
        app = build_app(
            token=API_TOKEN,
            live=fake,
            readiness=fake,
            archive=self.store,
            registry=CollectorRegistry(),
        )
        self.texting.add_routes(app)
        self._server = TestServer(app)
        self.recorder = WatchedRecorder(self.store, [self.texting.after_calls])
        await self.store.start()
        await self.texting.start()
        await self._server.start_server()
        self.twilio.gateway_url = str(self._server.make_url("")).rstrip("/")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.twilio.settled()
        await self._server.close()
        await self.texting.close()
        await self.store.close()
        await self.twilio.__aexit__()

    async def call(self, person: str, ours: str, cause: HangupCause) -> str:
        """Have a call end that was answered and not talked in; returns its room."""
        self._calls += 1
        offered = Offered(
            call_id=f"c_{self._calls}",
            at_s=time.monotonic(),
            endpoint=EndpointKind.SIP,
            caller=person,
            callee=ours,
        )
        room = await self.recorder.room_for(number=ours, person=person)
        self.recorder.call_offered(offered, room_id=room.room_id, agent=AGENT)
        self.recorder.append(
            Entry(
                room_id=room.room_id,
                call_id=offered.call_id,
                kind=Kind.ANSWERED,
                offset_ms=1.0,
            )
        )
        self.recorder.call_ended(offered.call_id, cause=cause, detail="", offset_ms=900.0)
        return room.room_id

    async def until(self, ask: Callable[[], Any], what: str) -> None:
        """Wait until `ask` answers truly."""
        try:
            async with asyncio.timeout(BOUND_S):
                while True:
                    if ask():
                        return
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{what}: not within {BOUND_S} s") from None

    async def decisions(self, room_id: str, count: int) -> list[str]:
        """Return what the fallback decided in a room, channels and reasons, once there are so many."""
        found: list[str] = []
        async with asyncio.timeout(BOUND_S):
            while len(found) < count:
                await asyncio.sleep(0.02)
                found = await self._decisions(room_id)
        return found

    async def _decisions(self, room_id: str) -> list[str]:
        query = (
            select(timeline.c.facts)
            .where(timeline.c.room_id == room_id, timeline.c.kind == Kind.FALLBACK.value)
            .order_by(timeline.c.seq)
        )
        found = await self.store.read(lambda c: c.execute(query).scalars().all())
        return [str(facts.get("channel") or facts["reason"]) for facts in found]

    async def rows(self, room_id: str) -> list[Any]:
        """Return the outbox's rows of a room, in order."""
        query = select(messages).where(messages.c.room_id == room_id).order_by(messages.c.seq)
        return list(await self.store.read(lambda c: c.execute(query).all()))

    async def rows_of(self, recipient: str) -> list[Any]:
        """Return the outbox's rows of one recipient, in order."""
        query = select(messages).where(messages.c.recipient == recipient).order_by(messages.c.seq)
        return list(await self.store.read(lambda c: c.execute(query).all()))

    async def lines(self, room_id: str) -> list[Any]:
        """Return a room's timeline."""
        query = select(timeline).where(timeline.c.room_id == room_id).order_by(timeline.c.seq)
        return list(await self.store.read(lambda c: c.execute(query).all()))

    def taken(self, address: str) -> list[Taken]:
        """Return what Twilio took for an address."""
        return [item for item in self.twilio.taken if item.to == address]
