"""Writes to people: the line in the room first, then the messages it becomes, so that both say the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy import Connection

from gateway.channels.choices import listed, usable
from gateway.channels.outbox.outbox import Acknowledgement
from gateway.channels.text_parts import utf16_length
from gateway.errors import StoreError
from gateway.model.messages import Channel, ChannelCapabilities, Media, OutboundMessage, Template
from gateway.rooms import text_lines
from gateway.store import room_access, room_lines
from gateway.store.outbox_writes import Acceptance
from gateway.store.people import is_opted_out
from gateway.store.transactor import Transactor

Split = Callable[[Channel, str], Sequence[str]]
"""Cuts a text into what fits into one message of a channel each."""


class Accepts(Protocol):
    """The outbox, as far as writing is concerned."""

    async def accept(
        self, message: OutboundMessage, *, not_before: float | None = None
    ) -> Acknowledgement:
        """Take a message over, durably. Raises `StoreError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What is to be written to one address."""

    room_id: str
    channel: Channel
    sender: str
    recipient: str
    text: str
    cause: str
    """For one cause there is one letter, whoever writes it and however often."""
    by: str
    """The agent, `operator` (or `operator:` and a name) or `fallback`."""
    opening: str = ""
    """Sent before the text in the same message; stands in the timeline already."""
    template: Template | None = None
    media: tuple[Media, ...] = ()
    buttons: tuple[str, ...] = ()
    subject: str = ""
    reply_to: str = ""
    """The provider's id of the message that it answers."""
    not_before: float | None = None
    not_after: float | None = None


class Letters:
    """Writes letters. A crash at any point is made good by writing the same letter again."""

    def __init__(
        self,
        database: Transactor,
        outbox: Accepts,
        split: Split,
        *,
        clock: Callable[[], float],
        has_buttons: Callable[[Channel], bool] = lambda _channel: False,
        capabilities: Callable[[Channel], ChannelCapabilities | None] = lambda _channel: None,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._split = split
        self._clock = clock
        self._has_buttons = has_buttons
        self._capabilities = capabilities

    async def text_of(self, cause: str) -> str | None:
        """Return what was written for a cause; None if nothing was yet. Raises `StoreError`."""
        line_id = f"o_{text_lines.digest('written', cause)}"
        return await self._database.read(
            lambda connection: room_lines.line_text(connection, line_id)
        )

    async def write(self, letter: Letter) -> tuple[Acknowledgement, ...]:
        """Write a letter; of one cause the first text holds. Raises `StoreError`, also for a full outbox."""
        buttons = usable(letter.buttons)
        if buttons and not self._has_buttons(letter.channel):
            # In the timeline, too: the agent must know what "2" answers.
            letter, buttons = replace(letter, text=listed(letter.text, buttons)), ()
        letter = replace(letter, buttons=buttons)
        line_id, entry = text_lines.written(
            letter.room_id,
            letter.text,
            letter.channel,
            at=self._clock(),
            cause=letter.cause,
            by=letter.by,
        )

        def put_down(connection: Connection) -> str | Acceptance:
            # The timeline must not tell of what the outbox will refuse.
            if is_opted_out(connection, letter.channel, letter.recipient):
                return Acceptance.OPTED_OUT
            if not _may_write(connection, letter):
                return Acceptance.MUTED
            room_lines.append_line(connection, entry, entry_id=line_id)
            return room_lines.line_text(connection, line_id) or ""

        text = await self._database.transact(put_down)
        if isinstance(text, Acceptance):
            return (Acknowledgement(acceptance=text, message_id=""),)
        return await self._send(letter, text)

    async def send_only(self, letter: Letter) -> tuple[Acknowledgement, ...]:
        """Send what stands in the timeline already. Raises `StoreError`."""
        if not await self._database.read(lambda connection: _may_write(connection, letter)):
            return (Acknowledgement(acceptance=Acceptance.MUTED, message_id=""),)
        return await self._send(letter, letter.text)

    async def _send(self, letter: Letter, text: str) -> tuple[Acknowledgement, ...]:
        whole = f"{letter.opening}\n\n{text}" if letter.opening else text
        parts = [whole] if letter.template else list(self._split(letter.channel, whole))
        capabilities = None if letter.template else self._capabilities(letter.channel)
        answers = []
        for number, (part, media) in enumerate(_with_media(parts, letter.media, capabilities)):
            # The first has the cause itself as its key: so it is found again by it.
            cause = letter.cause if number == 0 else f"{letter.cause}/{number}"
            message = OutboundMessage(
                message_id=message_id(cause),
                room_id=letter.room_id,
                channel=letter.channel,
                sender=letter.sender,
                recipient=letter.recipient,
                text=part,
                cause=cause,
                template=letter.template,
                media=media,
                not_after=letter.not_after,
                # Under the last words, where the question is.
                buttons=letter.buttons if number == max(len(parts) - 1, 0) else (),
                subject=letter.subject,
                reply_to=letter.reply_to,
            )
            answer = await self._outbox.accept(message, not_before=letter.not_before)
            if answer.acceptance is Acceptance.FULL:
                raise StoreError("the outbox is full")
            answers.append(answer)
        return tuple(answers)


def _with_media(
    parts: Sequence[str], media: Sequence[Media], capabilities: ChannelCapabilities | None
) -> list[tuple[str, tuple[Media, ...]]]:
    """Return the messages that texts and files become: texts first, the files with the first if they can be."""
    most = len(media) if capabilities is None else capabilities.media_most
    files = [tuple(media[at : at + most]) for at in range(0, len(media), max(most, 1))]
    caption_limit = None if capabilities is None else capabilities.caption_limit
    beside: tuple[Media, ...] = ()
    if files and parts and (caption_limit is None or utf16_length(parts[0]) <= caption_limit):
        beside = files.pop(0)
    texts = [(part, () if number else beside) for number, part in enumerate(parts)]
    return [*texts, *(("", group) for group in files)]


def message_id(cause: str) -> str:
    """Return the id of the message for a cause: the same however often it is written."""
    return f"m_{text_lines.digest('message', cause)}"


def _may_write(connection: Connection, letter: Letter) -> bool:
    return room_access.access(connection, letter.room_id, letter.channel).may_write(letter.by)
