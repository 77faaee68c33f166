"""What a leg needs of the SIP stack's call: the seam that lets calls be tested without pjsua2."""

from typing import Protocol

from gateway.errors import EndpointError
from gateway.link.leg_reports import Quality


class NativeError(EndpointError):
    """The SIP stack refused an operation on a call, mostly because the far end was quicker."""


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
