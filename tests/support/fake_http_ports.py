"""The gateway as its HTTP server sees it, in memory."""

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry

from gateway.access.verifier import Verifier
from gateway.errors import CallNotFound, StoreError
from gateway.http.ports import Archive, Check, LiveCalls, Readiness
from gateway.http.server import build_app
from gateway.store.call_filter import EVERY_CALL, CallFilter
from gateway.store.records import CallRecord, TimelineLine


def a_call(
    call_id: str, *, cause: str | None = None, offered_at: float = 1_700_000_000.25
) -> CallRecord:
    """A record with something in every column."""
    return CallRecord(
        call_id=call_id,
        room_id="r_1",
        endpoint="sip",
        direction="inbound",
        caller="+4930123456",
        callee="100",
        caller_name="Ann",
        foreign_id="abc@192.0.2.1",
        source="192.0.2.1:5060",
        agent="receptionist",
        offered_at=offered_at,
        answered_ms=40.5,
        ended_ms=None if cause is None else 1234.5,
        cause=cause,
        detail="",
    )


def a_line(
    seq: int, *, call_id: str = "c_1", kind: str = "user_said", text: str = "hello"
) -> TimelineLine:
    """An entry of a room's timeline."""
    return TimelineLine(
        room_id="r_1",
        seq=seq,
        call_id=call_id,
        kind=kind,
        offset_ms=seq * 10.0,
        at=1_700_000_000.25 + seq / 100,
        role="user",
        text=text,
        facts={"recognition_ms": 12.5},
    )


@dataclass
class FakeGateway:
    """Live calls, readiness and archive in one; tests set the attributes."""

    live: dict[str, str] = field(default_factory=dict)
    records: list[CallRecord] = field(default_factory=list)
    lines: list[TimelineLine] = field(default_factory=list)
    parts: list[Check] = field(default_factory=list)
    hung_up: list[str] = field(default_factory=list)
    fails: Exception | None = None
    """What every read raises."""

    def app(self, token: str | Verifier = "t" * 40, **more: Any) -> web.Application:
        """Return the gateway's HTTP application with this behind it, for a test to add routes to."""
        registry = CollectorRegistry()
        return build_app(
            token=token, live=self, readiness=self, archive=self, registry=registry, **more
        )

    def states(self) -> dict[str, str]:
        return dict(self.live)

    def hang_up(self, call_id: str) -> None:
        if call_id not in self.live:
            raise CallNotFound(call_id)
        self.hung_up.append(call_id)

    def checks(self) -> list[Check]:
        return self.parts

    def break_store(self) -> None:
        self.fails = StoreError("cannot read: disk I/O error")

    def _maybe_fail(self) -> None:
        if self.fails is not None:
            raise self.fails

    async def calls(
        self, limit: int, *, active: bool | None = None, wanted: CallFilter = EVERY_CALL
    ) -> list[CallRecord]:
        """Of the filter, only `active` and `after` are minded."""
        self._maybe_fail()
        active = wanted.active if active is None else active
        records = self.records
        if wanted.after is not None:
            ids = [record.call_id for record in records]
            last = wanted.after[1]
            records = records[ids.index(last) + 1 :] if last in ids else []
        kept = [r for r in records if active is None or (r.cause is None) is active]
        return kept[:limit]

    async def call(self, call_id: str) -> CallRecord | None:
        self._maybe_fail()
        return next((record for record in self.records if record.call_id == call_id), None)

    async def call_timeline(self, call_id: str) -> list[TimelineLine]:
        self._maybe_fail()
        return [line for line in self.lines if line.call_id == call_id]

    async def room_timeline(
        self, room_id: str, *, after: int, limit: int
    ) -> list[TimelineLine] | None:
        self._maybe_fail()
        if not any(record.room_id == room_id for record in self.records):
            return None
        return [line for line in self.lines if line.seq > after][:limit]


_archive: type[Archive] = FakeGateway
_live: type[LiveCalls] = FakeGateway
_readiness: type[Readiness] = FakeGateway
