"""One call that lives in a worker process: turns the session's commands into link messages."""

from typing import Protocol

from gateway.link.fields import TEXT_LIMIT
from gateway.model import commands
from gateway.model.endpoint import LegListener
from gateway.model.events import Capabilities, Offered
from gateway.model.frame import SAMPLE_BYTES
from gateway.model.hangup import HangupCause
from gateway.model.texts import MESSAGE_LIMIT_BYTES, LongText

DTMF_DIGITS = frozenset("0123456789*#ABCD")
"""RFC 4733 section 3.2, as Offhook writes them."""


class LegHost(Protocol):
    """What a leg needs of its endpoint."""

    def command(self, command: commands.Command) -> None:
        """Send a command to the worker."""

    def play(self, leg: int, pcm: bytes) -> None:
        """Send audio to the worker."""

    def bind(self, leg: int, ear: int | None) -> None:
        """Send the leg's inbound audio to an ear, or to nobody."""


class WorkerLeg:
    """Implements `gateway.model.endpoint.Leg`; made and ended by `WorkerEndpoint`."""

    def __init__(self, host: LegHost, number: int, offered: Offered) -> None:
        self._host = host
        self._offered = offered
        self.number = number
        self.listener: LegListener | None = None
        self.is_ended = False

    @property
    def call_id(self) -> str:
        return self._offered.call_id

    @property
    def capabilities(self) -> Capabilities:
        return self._offered.capabilities

    def bind_ear(self, ear: int | None) -> None:
        if not self.is_ended:
            self._host.bind(self.number, ear)

    def answer(self) -> None:
        self._command(commands.Answer(leg=self.number))

    def reject(self, cause: HangupCause, *, retry_after_s: int = 0) -> None:
        self._command(commands.Reject(leg=self.number, cause=cause, retry_after_s=retry_after_s))

    def play(self, pcm: bytes) -> None:
        if len(pcm) % SAMPLE_BYTES:
            raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples")
        if not self.is_ended and pcm:
            self._host.play(self.number, pcm)

    def mark(self, name: str) -> None:
        if len(name) > TEXT_LIMIT:
            raise ValueError(f"a mark's name has at most {TEXT_LIMIT} characters")
        self._command(commands.Mark(leg=self.number, name=name))

    def clear(self) -> None:
        self._command(commands.Clear(leg=self.number))

    def send_dtmf(self, digits: str) -> None:
        if unknown := set(digits) - DTMF_DIGITS:
            raise ValueError(f"not keys of a telephone: {''.join(sorted(unknown))!r}")
        if digits:
            self._command(commands.SendDtmf(leg=self.number, digits=digits))

    def send_message(self, text: str) -> None:
        if len(text.encode("utf-8", "replace")) > MESSAGE_LIMIT_BYTES:
            raise ValueError(f"a message has at most {MESSAGE_LIMIT_BYTES} bytes")
        if self.capabilities.messages:
            self._command(commands.SendMessage(leg=self.number, text=LongText(text)))

    def hang_up(self, cause: HangupCause) -> None:
        self._command(commands.HangUp(leg=self.number, cause=cause))

    def _command(self, command: commands.Command) -> None:
        if not self.is_ended:
            self._host.command(command)
