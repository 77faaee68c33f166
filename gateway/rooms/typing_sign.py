"""Shows a person that an answer is being written, for as long as it is; where a channel can and nothing fails."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from gateway.model.messages import InboundMessage

log = logging.getLogger(__name__)

AGAIN_S = 4.0
"""The sign fades by itself: after five seconds in Telegram, sooner or later elsewhere."""
SIGNS_MOST = 15
BOUND_S = 3.0

ShowTyping = Callable[[InboundMessage], Awaitable[None]]
"""Shows the sign once to whoever wrote a message; may raise anything."""


@asynccontextmanager
async def typing_sign(show: ShowTyping | None, message: InboundMessage) -> AsyncIterator[None]:
    """Show the sign while this lasts; the answer never waits for it."""
    if show is None:
        yield
        return
    task = asyncio.create_task(_keep(show, message), name="typing sign")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _keep(show: ShowTyping, message: InboundMessage) -> None:
    for _ in range(SIGNS_MOST):
        try:
            async with asyncio.timeout(BOUND_S):
                await show(message)
        except Exception as error:
            # A sign that is not shown is no loss.
            log.debug("no sign of typing", extra={"reason": type(error).__name__})
            return
        await asyncio.sleep(AGAIN_S)
