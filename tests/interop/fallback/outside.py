"""The world outside for tests that are not asynchronous: Twilio and a language model, on a thread of their own."""

import asyncio
import json
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, Self, TypeVar

from tests.interop.gateway.running_gateway import until
from tests.support.chat_server import ChatServer, serve_chat, text_answer
from tests.support.twilio_stand_in import Taken, TwilioStandIn

T = TypeVar("T")
PUBLIC_URL = "https://voice.example.com"
ANSWER = "We are open until five."
"""What the language model says to everything."""


class Outside:
    """Use as a context manager; `serve` says where webhooks go."""

    def __init__(self) -> None:
        self.twilio = TwilioStandIn(public_url=PUBLIC_URL)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="outside")
        self._stack = AsyncExitStack()
        self._chat: ChatServer | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        await self._stack.enter_async_context(self.twilio)
        self._chat = await self._stack.enter_async_context(serve_chat(text_answer(ANSWER)))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    @property
    def chat(self) -> ChatServer:
        assert self._chat is not None
        return self._chat

    def write(self, sender: str, recipient: str, body: str, **more: str) -> None:
        """Have somebody write to us; the gateway takes it."""
        assert self._run(self.twilio.write(sender, recipient, body, **more)) == 200

    def settle(self) -> None:
        """Wait until all receipts were played."""
        self._run(self.twilio.settled())

    def taken(self, address: str) -> list[Taken]:
        """Return what Twilio took for an address so far, in order."""
        return [item for item in list(self.twilio.taken) if item.to == address]

    def messages(self, address: str, count: int, bound_s: float = 30) -> list[Taken]:
        """Return the first `count` messages to an address, once they are there."""
        until(lambda: len(self.taken(address)) >= count, bound_s, f"{count} messages to {address}")
        return self.taken(address)

    def thought_of(self, words: str) -> str:
        """Return the conversation that the model was given last in which `words` occur, as JSON."""
        found = [json.dumps(request["messages"]) for request in list(self.chat.requests)]
        told = [conversation for conversation in found if words in conversation]
        assert told, f"the model was never told {words!r}"
        return told[-1]
