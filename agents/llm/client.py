"""Asks a chat-completions URL and streams the answer, with bounds on every wait and a second URL."""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from agents.llm.chunks import ChunkReader, StreamFailed, TextDelta, ToolCall, Usage, error_text
from agents.llm.sse import SseOverflow, SseParser
from gateway.errors import ProviderError, ProviderRefused, ProviderUnavailable
from gateway.model.remote_models import ModelHealth, ModelState

log = logging.getLogger(__name__)

CONNECT_BOUND_S = 3.0
"""Longest wait for a connection."""

BETWEEN_BOUND_S = 8.0
"""Longest wait for the next token once the answer has begun."""

ANSWER_LIMIT = 20_000
"""Most characters of one answer; nobody listens longer on the telephone."""

ERROR_BODY_LIMIT = 4_096

Message = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One URL to ask."""

    base_url: str
    model: str
    api_key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the model is to answer."""

    temperature: float
    max_tokens: int
    first_token_bound_s: float


@dataclass(slots=True)
class Completion:
    """What came of one request; filled while it streams."""

    text: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    finish_reason: str = ""
    model: str = ""
    target: int = 0
    """0: the first URL answered, 1: the second."""
    first_token_ms: float = 0.0
    total_ms: float = 0.0


@dataclass(slots=True)
class _Tally:
    """What came of the requests to one target."""

    state: ModelState = ModelState.UNASKED
    answered: int = 0
    failed: int = 0

    def note(self, *, is_good: bool) -> None:
        self.state = ModelState.UP if is_good else ModelState.FAILING
        self.answered += is_good
        self.failed += not is_good


class ChatClient:
    """Asks the targets in order. Shared by all calls of an agent; `close` it on the same loop."""

    def __init__(self, targets: Sequence[Target], sampling: Sampling) -> None:
        if not targets:
            raise ValueError("at least one URL is needed")
        self._targets = tuple(targets)
        self._tallies = tuple(_Tally() for _ in self._targets)
        self._sampling = sampling
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close idle connections; the next request opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def models(self) -> Sequence[ModelHealth]:
        """Return how each target fares, in order."""
        return [
            ModelHealth(
                host=urlsplit(target.base_url).hostname or "",
                model=target.model,
                state=tally.state,
                answered=tally.answered,
                failed=tally.failed,
            )
            for target, tally in zip(self._targets, self._tallies, strict=True)
        ]

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_BOUND_S)
            # Calls come in bursts; an idle connection saves the handshake of the next turn.
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=75)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=connector)
        return self._session

    async def stream(
        self, messages: Sequence[Message], tools: Sequence[Message], completion: Completion
    ) -> AsyncGenerator[str, None]:
        """Yield the answer's text as it comes and fill `completion`.

        Before the first token a failed connection is tried once more, then the second URL is asked.
        Raises `ProviderRefused` (the request itself is wrong) or `ProviderUnavailable`; after the first
        token nothing is tried again, as the caller has heard it.
        """
        last: ProviderError | None = None
        for index, target in enumerate(self._targets):
            for attempt in range(2):
                try:
                    async for text in self._attempt(target, messages, tools, completion):
                        completion.target = index
                        yield text
                    completion.target = index
                    self._tallies[index].note(is_good=True)
                    return
                except ProviderError as error:
                    self._tallies[index].note(is_good=False)
                    if completion.text or completion.tool_calls:
                        raise
                    last = error
                    log.warning(
                        "language model failed",
                        extra={"url": target.base_url, "attempt": attempt, "reason": str(error)},
                    )
                    if not isinstance(error.__cause__, aiohttp.ClientConnectionError):
                        break
        assert last is not None
        raise last

    async def _attempt(
        self,
        target: Target,
        messages: Sequence[Message],
        tools: Sequence[Message],
        completion: Completion,
    ) -> AsyncGenerator[str, None]:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        completion.model = target.model
        reader = ChunkReader()
        deadline_s = begun_s + self._sampling.first_token_bound_s
        try:
            async with asyncio.timeout_at(deadline_s):
                response = await self._http().post(
                    f"{target.base_url}/chat/completions",
                    json=self._body(target, messages, tools),
                    headers=_headers(target),
                    allow_redirects=False,  # a redirect would carry the key elsewhere
                )
            async with response:
                if response.status != 200:
                    async with asyncio.timeout_at(deadline_s):
                        await _refuse(response)
                async for text in self._read(response, reader, deadline_s):
                    if not completion.text:
                        completion.first_token_ms = (loop.time() - begun_s) * 1000
                    completion.text += text
                    yield text
                    if len(completion.text) > ANSWER_LIMIT:
                        reader.is_done = True
                        break
        except TimeoutError as error:
            waited_s = loop.time() - begun_s
            raise ProviderUnavailable(f"{target.base_url} was silent ({waited_s:.1f} s)") from error
        except (aiohttp.ClientError, OSError, SseOverflow) as error:
            raise ProviderUnavailable(f"{target.base_url}: {error!r}") from error
        if not reader.is_done:
            raise ProviderUnavailable(f"{target.base_url}: the stream broke off")
        completion.tool_calls = reader.tool_calls()
        completion.usage = reader.usage
        completion.finish_reason = reader.finish_reason
        completion.total_ms = (loop.time() - begun_s) * 1000

    async def _read(
        self, response: aiohttp.ClientResponse, reader: ChunkReader, first_deadline_s: float
    ) -> AsyncGenerator[str, None]:
        """Yield text until the stream ends; each wait is bounded, also against endless comments."""
        loop = asyncio.get_running_loop()
        parser = SseParser()
        deadline_s = first_deadline_s
        is_ended = False
        while not is_ended:
            async with asyncio.timeout_at(deadline_s):
                chunk = await response.content.readany()
            is_ended = not chunk
            for data in parser.end() if is_ended else parser.feed(chunk):
                for piece in reader.read(data):
                    if isinstance(piece, StreamFailed):
                        raise ProviderUnavailable(f"the stream reports: {piece.message}")
                    assert isinstance(piece, TextDelta)
                    yield piece.text
                # Anything that is understood shows life; comments do not.
                deadline_s = loop.time() + BETWEEN_BOUND_S
                if data.strip() == "[DONE]":
                    return

    def _body(
        self, target: Target, messages: Sequence[Message], tools: Sequence[Message]
    ) -> Message:
        body: Message = {
            "model": target.model,
            "messages": list(messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": self._sampling.temperature,
            "max_tokens": self._sampling.max_tokens,
        }
        if tools:
            body["tools"] = list(tools)
        return body


def _headers(target: Target) -> dict[str, str]:
    headers = {"Accept": "text/event-stream"}
    if target.api_key:
        headers["Authorization"] = f"Bearer {target.api_key}"
    return headers


async def _refuse(response: aiohttp.ClientResponse) -> None:
    """Raise what a status other than 200 means; 408, 409, 429 and 5xx may work elsewhere or later."""
    raw = await response.content.read(ERROR_BODY_LIMIT)
    try:
        body = json.loads(raw)
        detail = error_text(body) if isinstance(body, dict) else str(body)[:300]
    except ValueError:
        detail = raw[:200].decode("utf-8", errors="replace")
    message = f"{response.url.origin()} answered {response.status}: {detail}"
    if response.status in (408, 409, 425, 429) or response.status >= 500:
        raise ProviderUnavailable(message)
    raise ProviderRefused(message)
