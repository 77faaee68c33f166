"""The one interface of every call leg, whatever carries it.

The semantics are those of Twilio Media Streams: the gateway pushes audio ahead into the leg's playout
queue, drops marks into it and can clear it; the endpoint plays it on its own 20 ms clock and reports
how far it got. Commands never block and never raise because of what the far end did: a command to a
leg that has ended is ignored, its `Ended` event tells the story.
"""

from collections.abc import Sequence
from typing import Protocol

from gateway.model.events import Capabilities, EndpointKind, LegEvent, Offered
from gateway.model.hangup import HangupCause


class Leg(Protocol):
    """Our end of one call. Owned by the endpoint, used by one session on the event loop."""

    @property
    def call_id(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def bind_ear(self, ear: int | None) -> None:
        """Deliver the caller's audio as this row number of `AudioTick.ears` (None: to nobody)."""

    def answer(self) -> None:
        """Accept the offer. Audio may be queued before; it starts when media is up."""

    def reject(self, cause: HangupCause, *, retry_after_s: int = 0) -> None:
        """Refuse the offer with the final response that belongs to `cause`."""

    def play(self, pcm: bytes) -> None:
        """Append audio (PCM16 mono 16 kHz, any even length) to the playout queue.

        The queue holds `PLAYOUT_LIMIT_MS`; audio over that is dropped (newest first) and counted.
        """

    def mark(self, name: str) -> None:
        """Ask for a `Marked` event when all audio queued so far has been played."""

    def clear(self) -> None:
        """Stop playing now: returns all marks as cleared, then `Cleared` with the position."""

    def send_dtmf(self, digits: str) -> None:
        """Press keys (RFC 4733); unknown digits raise `ValueError` before anything is sent."""

    def send_message(self, text: str) -> None:
        """Send a text message (JSON, at most `MESSAGE_LIMIT_BYTES`); dropped if nobody takes it.

        Raises `ValueError` for a longer one. Only for legs with `Capabilities.messages`.
        """

    def hang_up(self, cause: HangupCause) -> None:
        """End the call now; queued audio is not waited for. May be called more than once."""


PLAYOUT_LIMIT_MS = 120_000
"""Most audio that may wait in one leg's playout queue."""

MARKS_LIMIT = 512
"""Most marks that may wait in one leg's playout queue; one more is returned cleared at once."""


class LegListener(Protocol):
    """Receives the events of one leg, on the event loop, in order."""

    def on_leg_event(self, event: LegEvent) -> None: ...


class OfferListener(Protocol):
    """Receives new legs; returns who listens to the leg's further events."""

    def on_offered(self, leg: Leg, offered: Offered) -> LegListener:
        """Take a new leg. Must not block; must end it by `answer`, `reject` or `hang_up`."""

    def on_refused(self, offered: Offered, cause: HangupCause) -> None:
        """Learn of an offer that the endpoint already refused by itself (capacity, draining)."""


class Endpoint(Protocol):
    """Terminates calls of one kind and makes legs of them."""

    @property
    def kind(self) -> EndpointKind: ...

    @property
    def is_ready(self) -> bool:
        """Whether calls can arrive now."""

    async def start(self) -> None:
        """Begin to take calls; returns once ready. Raises `EndpointError`."""

    async def stop(self) -> None:
        """End every leg (`Ended(DRAINING)`) and release everything. May be called twice."""

    def legs(self) -> Sequence[Leg]:
        """The legs that have not ended."""
