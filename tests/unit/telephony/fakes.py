"""A native call without a SIP stack, and a sink that keeps events."""

from collections.abc import Callable

from gateway.link.leg_reports import Quality
from gateway.model import events
from gateway.model.hangup import HangupCause
from telephony.native_call import NativeError


def quality(packets_in: int = 0, packets_out: int = 0) -> Quality:
    return Quality(
        packets_in=packets_in,
        packets_out=packets_out,
        packets_lost_in=1,
        packets_lost_out=2,
        jitter_in_ms=3.0,
        jitter_out_ms=4.0,
        round_trip_ms=5.0,
    )


class FakeNative:
    """Records what it is told; packets and faults are set by the test."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.packets = 0
        self.fails = False
        self.during_answer: Callable[[], None] | None = None

    def _do(self, what: str) -> None:
        self.done.append(what)
        if self.fails:
            raise NativeError("gone")

    def answer(self) -> None:
        self._do("200")
        if self.during_answer is not None:
            self.during_answer()

    def refuse(self, status: int, retry_after_s: int) -> None:
        self._do(f"{status} {retry_after_s}")

    def hang_up(self) -> None:
        self._do("BYE")

    def press(self, digits: str) -> None:
        self._do(f"keys {digits}")

    def packets_in(self) -> int:
        return self.packets

    def quality(self) -> Quality | None:
        return quality(packets_in=self.packets)

    def codec(self) -> str:
        return "PCMU/8000"


class Sink:
    """Keeps what would go to the gateway."""

    def __init__(self) -> None:
        self.events: list[tuple[int, events.Event]] = []
        self.refused: list[tuple[events.Offered, HangupCause]] = []

    def send_event(self, leg: int, event: events.Event) -> None:
        self.events.append((leg, event))

    def send_refused(self, offered: events.Offered, cause: HangupCause) -> None:
        self.refused.append((offered, cause))

    def kinds(self) -> list[str]:
        return [type(event).__name__ for _, event in self.events]

    def ends(self) -> list[events.Ended]:
        return [event for _, event in self.events if isinstance(event, events.Ended)]
