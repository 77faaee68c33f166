"""Writes what webhooks hand over into the database, and only then tells whoever goes on with it."""

import time
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection

from gateway.channels.keywords import Keyword
from gateway.channels.reception import KeywordAnswer, Reception
from gateway.model.messages import InboundMessage, Receipt
from gateway.store import inbox, people
from gateway.store.transactor import Transactor

OnKeyword = Callable[[InboundMessage, Keyword], Awaitable[None]]
"""Answers START or HELP by rule. May be told twice: its answer's cause must be the message's id."""


class DurableReception:
    """A `Reception` on the store. A stop is in the ledger before the provider is answered."""

    def __init__(
        self,
        database: Transactor,
        *,
        on_message: Callable[[], None],
        on_receipt: Callable[[Receipt], Awaitable[object]],
        on_keyword: OnKeyword,
        on_new: Callable[[InboundMessage], None] = lambda _message: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`on_message` follows every message, `on_new` only those that were not there yet."""
        self._database = database
        self._on_message = on_message
        self._on_receipt = on_receipt
        self._on_keyword = on_keyword
        self._on_new = on_new
        self._clock = clock

    async def is_opted_out(self, message: InboundMessage) -> bool:
        """Whether the ledger says that this person has stopped."""
        return await self._database.read(
            lambda connection: people.is_opted_out(connection, message.channel, message.sender)
        )

    async def message(self, message: InboundMessage) -> None:
        """Put a message into the inbox, once."""
        at = self._clock()
        is_new = await self._database.transact(lambda connection: _keep(connection, message, at))
        if is_new:
            self._on_new(message)
        self._on_message()

    async def keyword(
        self, message: InboundMessage, keyword: Keyword, answered_by: KeywordAnswer
    ) -> None:
        """Put a stop or a start into the ledger, once; a start is a consent for its channel, too.

        A stop has no answer of ours: whoever has stopped is not written to, not even about that.
        """
        if keyword is not Keyword.HELP:
            at = self._clock()
            await self._database.transact(
                lambda connection: _record(connection, message, keyword, at)
            )
        if keyword is not Keyword.STOP and answered_by is KeywordAnswer.OURS:
            await self._on_keyword(message, keyword)

    async def receipt(self, receipt: Receipt) -> None:
        """Give a receipt to the outbox."""
        await self._on_receipt(receipt)


def _keep(connection: Connection, message: InboundMessage, at: float) -> bool:
    people.link_spelling(connection, message.channel, message.sender, at=at)
    return inbox.receive(connection, message)


def _record(connection: Connection, message: InboundMessage, keyword: Keyword, at: float) -> None:
    people.link_spelling(connection, message.channel, message.sender, at=at)
    source = f"{message.provider}:{message.provider_id}"
    is_new = people.record_opt_out(
        connection,
        message.channel,
        message.sender,
        is_out=keyword is Keyword.STOP,
        at=at,
        source=source,
        detail=keyword.value,
    )
    if is_new and keyword is Keyword.START:
        people.record_consent(
            connection, message.channel, message.sender, is_given=True, at=at, source=source
        )


_: type[Reception] = DurableReception
