"""The conversation as it was really heard, for whoever thinks about the next answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.model.line import Role, Said


@dataclass(slots=True)
class _Entry:
    said: Said
    serial: int
    playback_id: int | None = None
    """Set while the line is queued or playing; its text is then what is meant to be said."""


class History:
    """Lines of both sides, oldest first, bounded: the oldest are forgotten. One per conversation.

    A line of the agent is entered when it is queued and corrected when its playback ends, so a line
    nobody heard disappears and a cut one keeps the words that were heard.
    """

    def __init__(self, lines: Sequence[Said], limit: int) -> None:
        self._limit = max(2, limit)
        self._serial = 0
        self._entries: list[_Entry] = []
        for said in lines:
            self._append(said, None)

    def _append(self, said: Said, playback_id: int | None) -> int:
        self._serial += 1
        self._entries.append(_Entry(said, self._serial, playback_id))
        del self._entries[: -self._limit]
        return self._serial

    def user_said(self, text: str) -> int:
        """Enter what the caller said; returns the line's serial number."""
        return self._append(Said(Role.USER, text), None)

    def saying(self, playback_id: int, text: str) -> None:
        """Enter what has been queued for the caller."""
        self._append(Said(Role.AGENT, text), playback_id)

    def heard(self, playback_id: int, text: str, interrupted: bool) -> None:
        """Correct a queued line to what was heard of it; unknown ids are ignored."""
        for index, entry in enumerate(self._entries):
            if entry.playback_id == playback_id:
                if text:
                    entry.said = replace(entry.said, text=text, interrupted=interrupted)
                    entry.playback_id = None
                else:
                    del self._entries[index]
                return

    def lines(self) -> tuple[Said, ...]:
        """Return all lines; what is still queued or playing stands with its full text."""
        return tuple(entry.said for entry in self._entries)

    def numbered(self) -> tuple[tuple[int, Said], ...]:
        """Return all lines with their serial numbers, which rise and are never reused."""
        return tuple((entry.serial, entry.said) for entry in self._entries)
