"""Answers START and HELP by rule, once for each message, in the room of whoever sent it.

A START of somebody who never stopped is how a conversation begins where a button says so (Telegram): it is greeted.
"""

from collections.abc import Callable

from sqlalchemy import Connection

from gateway.channels.keywords import Keyword
from gateway.model.messages import Channel, InboundMessage
from gateway.rooms import text_lines
from gateway.rooms.letters import Letter, Letters
from gateway.rooms.text_gate import Greeting, GreetingMode
from gateway.store import people, room_access, room_lines
from gateway.store.transactor import Transactor

BY = "rule"

GreetingFor = Callable[[str, Channel], Greeting | None]
"""With which greeting a conversation at an address of ours begins; None: with none that is sent."""


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
        greeting_for: GreetingFor = lambda _number, _channel: None,
    ) -> None:
        self._database = database
        self._letters = letters
        self._texts = {Keyword.HELP: help_text, Keyword.START: start_text}
        self._clock = clock
        self._greeting_for = greeting_for

    async def answer(self, message: InboundMessage, keyword: Keyword) -> None:
        """Answer a keyword. Raises `StoreError`; may be told twice."""
        if keyword is Keyword.HELP and not self._texts[keyword]:
            return
        at = self._clock()
        room_id, greeting = await self._database.transact(
            lambda connection: self._begin(connection, message, keyword, at)
        )
        text = greeting or self._texts.get(keyword, "")
        if not text:
            return
        letter = Letter(
            room_id=room_id,
            channel=message.channel,
            sender=message.recipient,
            recipient=message.sender,
            text=text,
            cause=f"keyword:{text_lines.turn_id(message)}",
            by=BY,
        )
        if greeting:
            await self._letters.send_only(letter)
        else:
            await self._letters.write(letter)

    def _begin(
        self, connection: Connection, message: InboundMessage, keyword: Keyword, at: float
    ) -> tuple[str, str]:
        """Return the room, and the greeting that stands in it if this message begins the conversation."""
        room_id = room_lines.room_of_message(connection, message, at=at)
        told_before = room_lines.line_text(connection, text_lines.greeting_id(message, 0))
        if told_before:
            return room_id, told_before
        greeting = self._greeting_for(message.recipient, message.channel)
        if (
            greeting is None
            or keyword is not Keyword.START
            or room_lines.was_greeted(connection, room_id)
            or people.has_ever_stopped(connection, message.channel, message.sender)
        ):
            return room_id, ""
        line_id, entry = text_lines.greeted(room_id, greeting, GreetingMode.SEND, message, 0)
        room_lines.append_line(connection, entry, entry_id=line_id)
        room_access.joined(connection, room_id, message)
        return room_id, greeting.text
