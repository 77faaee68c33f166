"""Answers to whoever writes by WebSocket: shown while they are thought, kept until they are acknowledged.

Frames are JSON objects with a `type`. To the client: `start`, `chunk`, `end` of one answer (`stream` is the
message's id; `end` has the number by which it is asked for again, the whole text, which counts, and `buttons`),
`error` (what was shown of this stream does not count). The outbox's table is the mailbox: a message is sent when it
is there.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from gateway.errors import StoreError
from gateway.model.messages import (
    Accepted,
    Channel,
    ChannelCapabilities,
    InboundMessage,
    OutboundMessage,
    SendFailed,
)
from gateway.model.text_stream import TextStream
from gateway.store import mailbox_reads
from gateway.store.message_records import MessageRecord
from gateway.store.transactor import Transactor

PROVIDER = "websocket"
TEXT_LIMIT = 16_000
FRAMES_MOST = 512
"""Frames that wait for a slow client; when full it is cut off and comes back by the last id that it has."""
PAGE = FRAMES_MOST // 4
"""Missed answers that are looked up at a time; each becomes three frames."""
CLIENTS_MOST = 500
CLIENTS_OF_ONE = 5
SEEN_MOST = 2_000

Address = tuple[str, str]
"""The person's address, and ours."""


class Client:
    """One connection's outgoing side. Belongs to the event loop."""

    def __init__(self) -> None:
        self._frames: deque[dict[str, Any]] = deque()
        self._wake = asyncio.Event()
        self._seen: OrderedDict[int, str] = OrderedDict()
        """Answers that were sent whole: number → message id."""
        self._drained = asyncio.Event()
        self._held: list[dict[str, Any]] | None = []
        """Answers that came while earlier ones are looked up; None once they were."""
        self._started: set[str] = set()
        self.is_cut_off = False
        """It could not follow, or we are going away."""

    async def next_frame(self) -> dict[str, Any] | None:
        """Return the next frame; None when the connection is to be closed."""
        while not self._frames and not self.is_cut_off:
            self._drained.set()
            self._wake.clear()
            await self._wake.wait()
        return self._frames.popleft() if self._frames and not self.is_cut_off else None

    def cut_off(self) -> None:
        """Close the connection; it may come back."""
        self.is_cut_off = True
        self._frames.clear()
        self._wake.set()
        self._drained.set()

    def put(self, frame: dict[str, Any]) -> None:
        """Send a frame that is of no answer."""
        if len(self._frames) >= FRAMES_MOST:
            self.cut_off()
        if not self.is_cut_off:
            self._frames.append(frame)
            self._wake.set()

    def chunk(self, stream: str, text: str) -> None:
        """Send a piece of an answer."""
        if self._held is not None:
            # Who has just come gets the answer whole, at its end.
            return
        if stream not in self._started:
            self._started.add(stream)
            self.put({"type": "start", "stream": stream})
        if text:
            self.put({"type": "chunk", "stream": stream, "text": text})

    def failed(self, stream: str) -> None:
        """What was shown of an answer does not count."""
        if stream in self._started:
            self._started.discard(stream)
            message = "the answer failed; what was shown of it does not count"
            self.put(
                {"type": "error", "stream": stream, "code": "agent.failed", "message": message}
            )

    def end(self, seq: int, message: OutboundMessage) -> None:
        """Send the end of an answer, and before it what was not sent piece by piece."""
        frame = _end_frame(seq, message)
        if self._held is not None:
            self._held.append(frame)
            if len(self._held) > FRAMES_MOST:
                self.cut_off()
            return
        self._end(frame)

    async def missed(self, records: list[MessageRecord]) -> None:
        """Send what was missed; returns when it has gone out."""
        for record in records:
            self._end(_end_frame(record.seq, record.message))
        self._drained.clear()
        if self._frames and not self.is_cut_off:
            await self._drained.wait()

    def caught_up(self) -> None:
        """Nothing more was missed; what came meanwhile follows."""
        held, self._held = self._held or [], None
        for frame in held:
            self._end(frame)

    def message_id(self, seq: int) -> str:
        """Return the message of a number that this client was sent; empty if it was sent none."""
        return self._seen.get(seq, "")

    def _end(self, frame: dict[str, Any]) -> None:
        if frame["id"] in self._seen:
            return
        self._seen[frame["id"]] = frame["stream"]
        if len(self._seen) > SEEN_MOST:
            self._seen.popitem(last=False)
        if frame["stream"] not in self._started:
            self.put({"type": "start", "stream": frame["stream"]})
            self.put({"type": "chunk", "stream": frame["stream"], "text": frame["text"]})
        self._started.discard(frame["stream"])
        self.put(frame)


def _end_frame(seq: int, message: OutboundMessage) -> dict[str, Any]:
    frame = {"type": "end", "stream": message.message_id, "id": seq, "text": message.text}
    return frame | ({"buttons": list(message.buttons)} if message.buttons else {})


class WebSocketHub:
    """A `Transport` of the channel `websocket`, and all of its clients. Belongs to the event loop."""

    def __init__(self, database: Transactor) -> None:
        self._database = database
        self._clients: dict[Address, list[Client]] = {}
        self._count = 0

    @property
    def provider(self) -> str:
        return PROVIDER

    @property
    def clients(self) -> int:
        """Connections now."""
        return self._count

    def capabilities(self, channel: Channel) -> ChannelCapabilities | None:
        """Return what the channel carries."""
        if channel is not Channel.WEBSOCKET:
            return None
        return ChannelCapabilities(
            text_limit=TEXT_LIMIT, buttons=True, receipts=True, typing=True, streaming=True
        )

    async def send(self, message: OutboundMessage) -> Accepted:
        """Give a message to whoever is there; it waits in the store for whoever is not. Raises `SendFailed`."""
        clients = self._clients.get((message.recipient, message.sender), ())
        if clients:
            try:
                seq = await self._database.read(
                    lambda connection: mailbox_reads.seq_of(connection, message.message_id)
                )
            except StoreError as error:
                raise SendFailed("store", str(error), may_retry=True) from error
            for client in tuple(self._clients.get((message.recipient, message.sender), ())):
                client.end(seq, message)
        return Accepted(provider_id=message.message_id)

    async def close(self) -> None:
        """Cut every client off."""
        for clients in tuple(self._clients.values()):
            for client in tuple(clients):
                client.cut_off()

    # Clients ----------------------------------------------------------------------------------------

    def enter(self, address: Address) -> Client | None:
        """Return a new client; None if there are too many. It holds answers back until it has caught up."""
        clients = self._clients.get(address, [])
        if self._count >= CLIENTS_MOST or len(clients) >= CLIENTS_OF_ONE:
            return None
        client = Client()
        self._clients.setdefault(address, []).append(client)
        self._count += 1
        return client

    async def catch_up(self, address: Address, client: Client, after_seq: int | None) -> None:
        """Send a client what it missed. Raises `StoreError`."""
        seq, is_unread_only = after_seq or 0, after_seq is None
        while not client.is_cut_off:
            found = await self._page(address, seq, is_unread_only)
            await client.missed(found)
            if len(found) < PAGE:
                break
            seq = found[-1].seq
        client.caught_up()

    async def _page(
        self, address: Address, after_seq: int, is_unread_only: bool
    ) -> list[MessageRecord]:
        person, ours = address
        return await self._database.read(
            lambda connection: mailbox_reads.sent_to(
                connection,
                Channel.WEBSOCKET,
                person,
                ours,
                after_seq=after_seq,
                is_unread_only=is_unread_only,
                limit=PAGE,
            )
        )

    def leave(self, address: Address, client: Client) -> None:
        """Forget a client."""
        clients = self._clients.get(address, [])
        if client in clients:
            clients.remove(client)
            self._count -= 1
        if not clients:
            self._clients.pop(address, None)

    def stream_for(self, message: InboundMessage, message_id: str) -> TextStream | None:
        """Return where the answer to a message can be shown while it is thought."""
        if message.channel is not Channel.WEBSOCKET:
            return None
        address = (message.sender, message.recipient)
        return _Stream(lambda: tuple(self._clients.get(address, ())), message_id)


class _Stream:
    """One answer on its way to all clients of a person."""

    def __init__(self, clients: Callable[[], tuple[Client, ...]], message_id: str) -> None:
        self._clients = clients
        self._message_id = message_id
        # Who comes in the middle would see a piece without its beginning.
        self._watching = clients()
        for client in self._watching:
            client.chunk(message_id, "")

    def chunk(self, text: str) -> None:
        here = self._clients()
        for client in self._watching:
            if client in here:
                client.chunk(self._message_id, text)

    def fail(self) -> None:
        for client in self._watching:
            client.failed(self._message_id)
