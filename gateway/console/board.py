"""The live calls as the console shows them, and the task that shows them a few times a second while anybody watches."""

import asyncio
import base64
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from gateway.console import quality
from gateway.console.bus import EventBus
from gateway.console.watch import CallWatch
from gateway.console.watched_call import WatchedCall
from gateway.model.events import Offered, Statistics
from gateway.sessions.state import SessionState

SHOW_EVERY_S = 0.25
LATEST = 24
"""Levels of each side that a view of all calls carries: more than pass until the next, so that one may be lost."""


class LiveSession(Protocol):
    """A session as the board looks at it."""

    @property
    def offered(self) -> Offered: ...

    @property
    def state(self) -> SessionState: ...

    @property
    def room_id(self) -> str | None: ...

    @property
    def agent_name(self) -> str: ...

    @property
    def is_gate_open(self) -> bool: ...


class CallBoard:
    """Reads sessions and the watch; on the event loop."""

    def __init__(
        self, sessions: Callable[[], Sequence[LiveSession]], watch: CallWatch, bus: EventBus
    ) -> None:
        self._sessions = sessions
        self._watch = watch
        self._bus = bus
        self._last_shown = 0

    def calls(self) -> list[dict[str, Any]]:
        """Return every live call, newest first; returns at once."""
        now_s = time.monotonic()
        return [self._call(session, now_s) for session in reversed(self._sessions())]

    def media(self, call_id: str) -> dict[str, Any] | None:
        """Return a call's levels from its beginning and its media reports; None if they are not kept (any more)."""
        call = self._watch.call(call_id)
        if call is None:
            return None
        return {
            "call_id": call_id,
            "codec": call.codec,
            "bucket_ms": call.envelope.bucket_ms,
            "caller": _text(call.envelope.caller),
            "agent": _text(call.envelope.agent),
            "quality": _quality(call),
            "reports": [_report(call, report) for report in call.reports],
        }

    async def run(self) -> None:
        """Show the live calls until cancelled."""
        while True:
            await asyncio.sleep(SHOW_EVERY_S)
            if not self._bus.is_watched:
                continue
            calls = self.calls()
            if calls or self._last_shown:
                self._bus.show("live", {"calls": calls})
            self._last_shown = len(calls)

    def _call(self, session: LiveSession, now_s: float) -> dict[str, Any]:
        offered = session.offered
        shown: dict[str, Any] = {
            "call_id": offered.call_id,
            "room_id": session.room_id,
            "state": session.state.value,
            "is_gate_open": session.is_gate_open,
            "agent": session.agent_name,
            "endpoint": offered.endpoint.value,
            "direction": offered.direction.value,
            "caller": offered.caller,
            "caller_name": offered.caller_name,
            "callee": offered.callee,
            "age_ms": round((now_s - offered.at_s) * 1000),
        }
        call = self._watch.call(offered.call_id)
        if call is None:
            return shown
        first = max(0, len(call.envelope) - LATEST)
        return shown | {
            "gate_reason": call.gate_reason,
            "is_caller_speaking": call.is_speaking,
            "is_agent_speaking": call.is_agent_heard,
            "codec": call.codec,
            "responses_ms": list(call.responses_ms),
            "quality": _quality(call),
            "levels": {
                "bucket_ms": call.envelope.bucket_ms,
                "first": first,
                "caller": _text(call.envelope.caller[first:]),
                "agent": _text(call.envelope.agent[first:]),
            },
        }


def _text(levels: bytearray) -> str:
    return base64.b64encode(levels).decode("ascii")


def _quality(call: WatchedCall) -> dict[str, Any] | None:
    if call.report is None or call.heard_by_us is None or call.heard_by_them is None:
        return None
    return {
        "round_trip_ms": round(call.report.round_trip_ms, 1),
        "frames_dropped": call.report.frames_dropped,
        "in": _direction(call.heard_by_us),
        "out": _direction(call.heard_by_them),
    }


def _direction(found: quality.Quality) -> dict[str, Any]:
    return {
        "mos": found.mos,
        "jitter_ms": found.jitter_ms,
        "loss_percent": found.loss_percent,
        "packets": found.packets,
    }


def _report(call: WatchedCall, report: Statistics) -> dict[str, Any]:
    return {
        "offset_ms": round(call.offset_ms(report.at_s)),
        "jitter_ms": round(report.jitter_in_ms, 1),
        "lost": report.packets_lost_in,
        "packets": report.packets_in,
        "mos": quality.heard_by_us(report).mos,
    }
