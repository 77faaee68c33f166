"""A chat-completions server on loopback that streams what a test tells it to, faults included."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Answer:
    """How one request is answered; `pieces` are raw bytes, floats are pauses in seconds."""

    pieces: tuple[bytes | float, ...] = ()
    status: int = 200
    body: str = ""
    cuts_off: bool = False
    """Close the connection in the middle of the chunked body."""
    refuses_connection: bool = False
    """Close the connection before answering."""


def event(value: Any) -> bytes:
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()


def text_event(text: str) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})


def finish_event(reason: str = "stop") -> bytes:
    return event({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})


def usage_event(prompt: int, completion: int) -> bytes:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}
    return event({"choices": [], "usage": usage})


DONE = event("[DONE]")


def text_answer(*texts: str, pause_s: float = 0.0) -> Answer:
    """Answer with these pieces of text."""
    pieces: list[bytes | float] = []
    for text in texts:
        pieces += [text_event(text), pause_s]
    return Answer((*pieces, finish_event(), usage_event(11, len(texts)), DONE))


def tool_answer(name: str, arguments: str = "{}", text: str = "") -> Answer:
    """Answer with a call of one tool, its arguments in two pieces."""
    half = len(arguments) // 2

    def piece(**call: Any) -> bytes:
        delta = {"tool_calls": [{"index": 0, **call}]}
        return event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})

    return Answer(
        (
            *([text_event(text)] if text else []),
            piece(id="call_1", type="function", function={"name": name, "arguments": ""}),
            piece(function={"arguments": arguments[:half]}),
            piece(function={"arguments": arguments[half:]}),
            finish_event("tool_calls"),
            DONE,
        )
    )


@dataclass
class ChatServer:
    """Answers request n with `answers[n]`, the last one again and again."""

    answers: list[Answer]
    base_url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(await request.json())
        self.headers.append(dict(request.headers))
        assert request.transport is not None
        if answer.refuses_connection:
            request.transport.close()
            return web.Response()
        if answer.status != 200:
            return web.Response(status=answer.status, text=answer.body)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in answer.pieces:
            if isinstance(piece, float):
                await asyncio.sleep(piece)
            else:
                await response.write(piece)
        if answer.cuts_off:
            request.transport.close()
            return response
        await response.write_eof()
        return response


@asynccontextmanager
async def serve_chat(*answers: Answer) -> AsyncIterator[ChatServer]:
    """Serve on a free port of loopback until the block is left."""
    server = ChatServer(list(answers))
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.base_url = f"http://{host}:{port}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()
