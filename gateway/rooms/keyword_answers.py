"""Answers START and HELP by rule, once for each message, in the room of whoever sent it."""

from collections.abc import Callable

from gateway.channels.keywords import Keyword
from gateway.model.messages import InboundMessage
from gateway.rooms import text_lines
from gateway.rooms.letters import Letter, Letters
from gateway.store import room_lines
from gateway.store.transactor import Transactor

BY = "rule"


class KeywordAnswers:
    """What to say; an empty text is not sent."""

    def __init__(
        self,
        database: Transactor,
        letters: Letters,
        *,
        help_text: str,
        start_text: str,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._letters = letters
        self._texts = {Keyword.HELP: help_text, Keyword.START: start_text}
        self._clock = clock

    async def answer(self, message: InboundMessage, keyword: Keyword) -> None:
        """Answer a keyword. Raises `StoreError`; may be told twice."""
        text = self._texts.get(keyword, "")
        if not text:
            return
        at = self._clock()
        room_id = await self._database.transact(
            lambda connection: room_lines.room_of_message(connection, message, at=at)
        )
        await self._letters.write(
            Letter(
                room_id=room_id,
                channel=message.channel,
                sender=message.recipient,
                recipient=message.sender,
                text=text,
                cause=f"keyword:{text_lines.turn_id(message)}",
                by=BY,
            )
        )
