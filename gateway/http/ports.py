"""What the HTTP server asks of the gateway."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.store.call_filter import EVERY_CALL, CallFilter
from gateway.store.records import CallRecord, TimelineLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Whether one part of the gateway can do its work."""

    name: str
    """`sip`, `speech`, `store`, `hearing`, …"""
    ok: bool
    detail: str = ""
    """What is wrong, or a figure worth showing."""


class LiveCalls(Protocol):
    """The calls that go on now. Methods are for the event loop and return at once."""

    def states(self) -> Mapping[str, str]:
        """Return call id → state of the session, for every live call."""

    def hang_up(self, call_id: str) -> None:
        """Begin to end a call. Raises `CallNotFound` if it is not live."""


class Readiness(Protocol):
    """Whether new calls can be served."""

    def checks(self) -> Sequence[Check]:
        """Return the state of every part, from what is known already; asks nobody, returns at once."""


class Archive(Protocol):
    """What is kept of calls and rooms. Each method raises `StoreError` when it cannot read."""

    async def calls(
        self, limit: int, *, active: bool | None = None, wanted: CallFilter = EVERY_CALL
    ) -> list[CallRecord]: ...

    async def call(self, call_id: str) -> CallRecord | None: ...

    async def call_timeline(self, call_id: str) -> list[TimelineLine]: ...

    async def room_timeline(
        self, room_id: str, *, after: int, limit: int
    ) -> list[TimelineLine] | None: ...
