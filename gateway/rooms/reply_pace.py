"""Bounds how often agents answer one room in writing: two machines that answer each other would never end."""

import logging
from collections.abc import Callable

from sqlalchemy import Connection

from gateway.model.messages import InboundMessage
from gateway.model.text_agent import TextNote
from gateway.rooms import room_records, text_lines
from gateway.seldom import Seldom
from gateway.store import outbox_reads
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

HOUR_S = 3_600.0
TOO_MANY = "not_answered"
"""The name of the note in the room's timeline."""


class ReplyPace:
    """A hook of `before_inbound`: keeps a message from the agent that would be one answer too many.

    The messages of the answers are counted in the database, so that a start does not begin the count anew.
    """

    def __init__(
        self, database: Transactor, *, most_an_hour: int, clock: Callable[[], float]
    ) -> None:
        self._database = database
        self._most = most_an_hour
        self._clock = clock
        self._complaint = Seldom()

    async def __call__(self, *, room_id: str, message: InboundMessage, **_: object) -> bool:
        """Whether the message may be answered; False is written down. Raises `StoreError`."""
        since = self._clock() - HOUR_S
        written = await self._database.read(
            lambda connection: outbox_reads.written_since(
                connection, room_id, since=since, cause=text_lines.REPLY
            )
        )
        if written < self._most:
            return True
        facts: dict[str, str | int] = {"reason": "too_many_answers", "in_an_hour": written}

        def note(connection: Connection) -> None:
            notes = (TextNote(name=TOO_MANY, facts=facts),)
            room_records.put_notes(connection, room_id, message, notes, "")

        await self._database.transact(note)
        self._complaint.log(
            log, logging.WARNING, "a room is answered too often", {"room_id": room_id, **facts}
        )
        return False
