"""Calls a person back, as a transport of the outbox: the message is the call's greeting, its receipt the answer.

So a call back is as durable as a message: once for each cause, tried again, and told to have failed.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection

from gateway.dialling.dialler import DialledNews, Dialler, DialRequest
from gateway.dialling.policy import Refusal
from gateway.errors import DialFailed, DialRefused, StoreError
from gateway.model.messages import (
    Accepted,
    CanFind,
    Channel,
    ChannelCapabilities,
    MessageStatus,
    OutboundMessage,
    Receipt,
    SendFailed,
    Transport,
)
from gateway.store import dialled
from gateway.store.dialled import MESSAGE_CAUSE
from gateway.store.transactor import Transactor

log = logging.getLogger(__name__)

PROVIDER = "voice"
GREETING_MOST = 1_000
"""Characters; a longer message is no greeting."""
BUSY_RETRY_S = 20.0
LEFT_S = 2 * 86_400.0
"""So far back calls of an earlier life are looked for whose message was not told of."""
CLOSE_S = 2.0
SKEW_S = 60.0

ReceiveReceipt = Callable[[Receipt], Awaitable[object]]


class VoiceTransport:
    """A `Transport` that `CanFind`. Belongs to the event loop."""

    def __init__(
        self,
        dialler: Dialler,
        database: Transactor,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._dialler = dialler
        self._database = database
        self._clock = clock
        self._receive: ReceiveReceipt | None = None
        self._telling: set[asyncio.Task[None]] = set()
        dialler.watch(self._on_news)

    async def start(self, receive: ReceiveReceipt) -> None:
        """Begin to tell what becomes of calls, those of an earlier life first. Raises `StoreError`."""
        self._receive = receive
        since = self._clock() - LEFT_S
        left = await self._database.read(
            lambda connection: dialled.outcomes(connection, cause_prefix=MESSAGE_CAUSE, since=since)
        )
        for call in left:
            if call.why is not None:
                # Told before, it changes nothing.
                await receive(
                    self._receipt(
                        call.call_id, call.cause, call.why, was_answered=call.was_answered
                    )
                )

    # Transport --------------------------------------------------------------------------------------

    @property
    def provider(self) -> str:
        return PROVIDER

    def capabilities(self, channel: Channel) -> ChannelCapabilities | None:
        """Return what a call back carries; None without a trunk."""
        if channel is not Channel.VOICE or not self._dialler.has_trunks:
            return None
        return ChannelCapabilities(text_limit=GREETING_MOST, receipts=True)

    async def send(self, message: OutboundMessage) -> Accepted:
        """Place the call. What dialling refuses for good fails, and the next channel has its turn."""
        request = DialRequest(
            to=message.recipient, caller_id=message.sender, greeting=message.text[:GREETING_MOST]
        )
        try:
            placed = await self._dialler.dial(
                request, key=message.message_id, cause=f"{MESSAGE_CAUSE}{message.message_id}"
            )
        except DialRefused as error:
            # A line that is taken is free again soon; a day's budget is not.
            is_soon = error.reason == Refusal.TOO_MANY_AT_ONCE.value
            raise SendFailed(
                f"dial_{error.reason}",
                str(error),
                may_retry=is_soon,
                retry_after_s=BUSY_RETRY_S if is_soon else None,
            ) from error
        except (DialFailed, StoreError) as error:
            raise SendFailed("dial_failed", str(error), may_retry=True) from error
        return Accepted(provider_id=placed.call_id)

    async def find(self, message: OutboundMessage, *, since: float) -> Accepted | None:
        """Return the call that was placed for a message. One that never left is forgotten, to be placed anew.

        Raises `SendFailed` when the store cannot tell.
        """

        def look(connection: Connection) -> dialled.Outcome | None:
            cause = f"{MESSAGE_CAUSE}{message.message_id}"
            found = dialled.outcomes(connection, cause_prefix=cause, since=since - SKEW_S)
            mine = next((call for call in found if call.cause == cause), None)
            if mine is not None and not mine.has_record and not self._dialler.is_live(mine.call_id):
                dialled.release(connection, mine.call_id)
                return None
            return mine

        try:
            call = await self._database.transact(look)
        except StoreError as error:
            raise SendFailed("dial_failed", str(error), may_retry=True) from error
        if call is None:
            return None
        if call.why is None:
            return Accepted(provider_id=call.call_id)
        receipt = self._receipt(call.call_id, call.cause, call.why, was_answered=call.was_answered)
        if receipt.status is MessageStatus.FAILED:
            self._tell_soon(receipt)
        return Accepted(provider_id=call.call_id)

    async def close(self) -> None:
        if self._telling:
            await asyncio.wait(self._telling, timeout=CLOSE_S)

    # Inside -----------------------------------------------------------------------------------------

    def _on_news(self, news: DialledNews) -> None:
        if news.cause.startswith(MESSAGE_CAUSE):
            why = "" if news.why is None else news.why.value
            self._tell_soon(
                self._receipt(news.call_id, news.cause, why, was_answered=news.was_answered)
            )

    def _receipt(self, call_id: str, cause: str, why: str, *, was_answered: bool) -> Receipt:
        return Receipt(
            provider=PROVIDER,
            provider_id=call_id,
            status=MessageStatus.DELIVERED if was_answered else MessageStatus.FAILED,
            at=self._clock(),
            error_code="" if was_answered else f"voice_{why}",
            message_id=cause.removeprefix(MESSAGE_CAUSE),
        )

    def _tell_soon(self, receipt: Receipt) -> None:
        task = asyncio.create_task(self._tell(receipt), name=f"receipt of {receipt.provider_id}")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, receipt: Receipt) -> None:
        if self._receive is None:
            return
        try:
            await self._receive(receipt)
        except StoreError as error:
            # Told again at the next start: the call's own record has it.
            log.warning(
                "what became of a call back is not written down",
                extra={"call_id": receipt.provider_id, "reason": str(error)},
            )


_: type[Transport] = VoiceTransport
__: type[CanFind] = VoiceTransport
