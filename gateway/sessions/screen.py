"""Shows the caller what happens on the call: state, gate and transcript, as messages beside the audio."""

import json
from collections.abc import Mapping

from gateway.model.endpoint import Leg
from gateway.model.hangup import HangupCause
from gateway.sessions.gate import OpenReason
from gateway.sessions.ledger import Finished
from gateway.sessions.state import BEFORE_ANSWER, SessionState

LINE_LIMIT = 3_000
"""Characters of one line; with four bytes each they still fit a message."""

_UNSEEN = frozenset({*BEFORE_ANSWER, SessionState.ANSWERING, SessionState.ENDED})
"""States in which there is nobody to be told."""


class Screen:
    """Owned by one session. Does nothing for a leg that takes no messages.

    Lines of the transcript carry an id; the same id again replaces the line: text that is not final
    grows or is corrected to what was really heard.
    """

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._last_id = 0
        self._playbacks: dict[int, int] = {}
        """Playback ids that are being heard, to the ids of their lines."""
        self._hearing: tuple[int, str] | None = None
        """Id and newest text of the caller's line that is not final."""

    def state(self, state: SessionState) -> None:
        if state not in _UNSEEN:
            self._send({"type": "state", "state": state.value})

    def gate(self, reason: OpenReason) -> None:
        self._send({"type": "gate", "reason": reason.value})

    def ended(self, cause: HangupCause) -> None:
        """We end the call; a leg whose far end hung up takes no more messages."""
        self._send({"type": "ended", "cause": cause.value})

    # The agent --------------------------------------------------------------------------------------

    def agent_says(self, playback_id: int, text: str) -> None:
        """Something begins to sound; its words are shown before it is known how many are heard."""
        if text:
            self._playbacks[playback_id] = self._new_id()
            self._line(self._playbacks[playback_id], "agent", text, is_final=False)

    def agent_said(self, end: Finished) -> None:
        """A playback is over; what never began is not shown."""
        number = self._playbacks.pop(end.playback_id, None)
        if number is not None:
            self._line(number, "agent", end.heard, is_final=True, interrupted=end.interrupted)

    # The caller -------------------------------------------------------------------------------------

    def hearing(self, text: str) -> None:
        """Show what was understood so far; empty: the turn came to nothing, what is shown stays."""
        number, shown = self._hearing or (0, "")
        if not text:
            self._hearing = None
            if number:
                self._line(number, "caller", shown, is_final=True)
        elif text != shown:
            number = number or self._new_id()
            self._hearing = (number, text)
            self._line(number, "caller", text, is_final=False)

    def caller_said(self, text: str) -> None:
        """A turn is over and counts."""
        number = self._hearing[0] if self._hearing else self._new_id()
        self._hearing = None
        if text:
            self._line(number, "caller", text, is_final=True)

    def caller_wrote(self, text: str, line_id: str) -> None:
        """Confirm a typed line under the id that the far end gave it, if it gave one."""
        self._line(line_id or self._new_id(), "caller", text, is_final=True)

    # Inside -----------------------------------------------------------------------------------------

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _line(
        self,
        number: int | str,
        who: str,
        text: str,
        *,
        is_final: bool,
        interrupted: bool = False,
    ) -> None:
        self._send(
            {
                "type": "line",
                "id": number,
                "who": who,
                "text": text[:LINE_LIMIT],
                "final": is_final,
                "interrupted": interrupted,
            }
        )

    def _send(self, message: Mapping[str, object]) -> None:
        if self._leg.capabilities.messages:
            self._leg.send_message(json.dumps(message, ensure_ascii=False))
