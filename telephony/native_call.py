"""What a leg needs of the SIP stack's call: the seam that lets calls be tested without pjsua2."""

from dataclasses import dataclass
from typing import Protocol

from gateway.errors import EndpointError


class NativeError(EndpointError):
    """The SIP stack refused an operation on a call, mostly because the far end was quicker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Media counters of a call, from its RTP stream."""

    packets_in: int
    packets_out: int
    packets_lost_in: int
    packets_lost_out: int
    jitter_in_ms: float
    jitter_out_ms: float
    round_trip_ms: float


class NativeCall(Protocol):
    """The SIP stack's call. Methods raise `NativeError`."""

    def answer(self) -> None: ...

    def refuse(self, status: int, retry_after_s: int) -> None: ...

    def hang_up(self) -> None: ...

    def press(self, digits: str) -> None: ...

    def packets_in(self) -> int:
        """Packets received on the present media stream (0 without one)."""

    def quality(self) -> Quality | None:
        """The counters of the call so far, or None if it never had media."""

    def codec(self) -> str: ...
