"""A process with an outbox on a store; made to be killed.

`python -m tests.support.outbox_writer DATA_DIR FIRST [N]` accepts a message for each cause from number FIRST on, and
sends them, until it is killed; with N it kills itself right before the Nth statement or commit of its writer. It
prints each number whose message was accepted. `… DATA_DIR drain` sends what there is, then ends.

The provider is the file `provider.log` in DATA_DIR: a line is a message that it took.
"""

import asyncio
import itertools
import os
import random
import sys
from pathlib import Path

from gateway.channels.outbox.outbox import Outbox
from gateway.channels.outbox.recipient_limit import RecipientLimit
from gateway.channels.outbox.retry import RetryPolicy
from gateway.model.messages import (
    Accepted,
    Channel,
    ChannelCapabilities,
    OutboundMessage,
    SendFailed,
)
from gateway.store.outbox_writes import Acceptance
from gateway.store.store import Store
from tests.support.messages import outbound
from tests.support.store_writer import die_before

PEOPLE = 7
AHEAD_MOST = 40
"""Messages accepted and not sent, at most: so that the end has little left to do."""


class FileProvider:
    """Takes a message by a line in a file, which outlives this process; sometimes it is busy or hangs up."""

    provider = "file"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def capabilities(self, channel: Channel) -> ChannelCapabilities | None:
        return ChannelCapabilities(text_limit=1600)

    async def send(self, message: OutboundMessage) -> Accepted:
        await asyncio.sleep(random.uniform(0, 0.004))
        if random.random() < 0.1:
            raise SendFailed("20429", "too many requests", may_retry=True)
        os.write(self._file, f"{message.message_id} {message.cause}\n".encode())
        await asyncio.sleep(random.uniform(0, 0.004))
        if random.random() < 0.1:
            raise SendFailed("broken", "hung up", may_retry=True, is_unknown=True)
        return Accepted(provider_id=f"SM{message.message_id}")

    async def find(self, message: OutboundMessage, *, since: float) -> Accepted | None:
        lines = self._path.read_text().splitlines()
        if f"{message.message_id} {message.cause}" in lines:
            return Accepted(provider_id=f"SM{message.message_id}")
        return None

    async def close(self) -> None:
        os.close(self._file)


async def main(data_dir: Path, first: str, statement: int) -> None:
    store = Store(data_dir, gather_s=0.001)
    await store.start()
    changed = asyncio.Event()
    outbox = Outbox(
        store,
        [FileProvider(data_dir / "provider.log")],
        policy=RetryPolicy(tries_most=100, first_s=0.005, most_s=0.02, settle_s=0.01),
        limit=RecipientLimit(burst=10_000),
        on_change=lambda _record: changed.set(),
    )
    await outbox.start()
    os.write(1, b"open\n")
    if first == "drain":
        while outbox.pending:
            changed.clear()
            await changed.wait()
        await outbox.close()
        await store.close()
        return
    if statement:
        die_before(statement)
    for number in itertools.count(int(first)):
        message = outbound(
            message_id=f"m_{os.getpid()}_{number}",
            cause=f"cause:{number}",
            recipient=f"+49{number % PEOPLE}",
        )
        accepted = await outbox.accept(message)
        assert accepted.acceptance in (Acceptance.ACCEPTED, Acceptance.DUPLICATE)
        os.write(1, f"{number}\n".encode())
        while outbox.pending > AHEAD_MOST:
            changed.clear()
            await changed.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int((sys.argv[3:] or ["0"])[0])))
