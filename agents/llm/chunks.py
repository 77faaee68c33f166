"""What a chat-completions stream tells, out of the data of its events; sans I/O and never raising.

The peer may be any of a dozen programs: fields may be missing, null or of a wrong type. What cannot be
understood is counted, not raised; an error object becomes a `StreamFailed`.
"""

import json
from dataclasses import dataclass, field
from typing import Any

TOOL_CALLS_LIMIT = 16
ARGUMENTS_LIMIT = 20_000
"""Most characters of one tool call's arguments."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class StreamFailed:
    """The server reported an error inside the stream."""

    message: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A complete call of a tool."""

    call_id: str
    name: str
    arguments: str
    """JSON, as the model wrote it: may be invalid."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens counted by the server; 0 if it did not tell."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(slots=True)
class _Partial:
    call_id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class ChunkReader:
    """Reads the events of one stream in order; afterwards holds its tool calls and usage."""

    finish_reason: str = ""
    is_done: bool = False
    """`[DONE]` or a finish reason was seen: the answer is complete."""
    usage: Usage = field(default_factory=Usage)
    garbage: int = 0
    """Events that could not be understood."""
    _calls: dict[int, _Partial] = field(default_factory=dict)

    def read(self, data: str) -> list[TextDelta | StreamFailed]:
        """Take the data of one event."""
        if data.strip() == "[DONE]":
            self.is_done = True
            return []
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError):
            self.garbage += 1
            return []
        if not isinstance(chunk, dict):
            self.garbage += 1
            return []
        if chunk.get("error"):
            return [StreamFailed(error_text(chunk))]
        self._read_usage(chunk.get("usage"))
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return []
        choice = choices[0]
        if isinstance(reason := choice.get("finish_reason"), str) and reason:
            self.finish_reason = reason
            self.is_done = True
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return []
        self._read_tools(delta.get("tool_calls"))
        text = delta.get("content")
        return [TextDelta(text)] if isinstance(text, str) and text else []

    def tool_calls(self) -> list[ToolCall]:
        """Return the calls that have a name, in the order of their index."""
        return [
            ToolCall(call.call_id or f"call_{index}", call.name, call.arguments or "{}")
            for index, call in sorted(self._calls.items())
            if call.name
        ]

    def _read_usage(self, usage: object) -> None:
        if isinstance(usage, dict):
            self.usage = Usage(_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))

    def _read_tools(self, deltas: object) -> None:
        if not isinstance(deltas, list):
            return
        for delta in deltas:
            if not isinstance(delta, dict):
                continue
            index = delta.get("index")
            if not isinstance(index, int):
                # Some servers send whole calls without an index: a new id is a new call.
                index = self._index_of(delta.get("id"))
            if index not in self._calls and len(self._calls) >= TOOL_CALLS_LIMIT:
                self.garbage += 1
                continue
            call = self._calls.setdefault(index, _Partial())
            if isinstance(call_id := delta.get("id"), str) and call_id:
                call.call_id = call_id
            function = delta.get("function")
            if not isinstance(function, dict):
                continue
            if isinstance(name := function.get("name"), str) and name and name != call.name:
                call.name += name
            if isinstance(arguments := function.get("arguments"), str):
                call.arguments = (call.arguments + arguments)[:ARGUMENTS_LIMIT]

    def _index_of(self, call_id: object) -> int:
        for index, call in self._calls.items():
            if not call_id or call.call_id == call_id:
                return index
        return max(self._calls, default=-1) + 1


def _count(usage: dict[str, Any], key: str) -> int:
    value = usage.get(key)
    return value if isinstance(value, int) and value >= 0 else 0


def error_text(body: dict[str, Any]) -> str:
    """Return the message of an error body, in whichever of the usual shapes it came; bounded."""
    error = body.get("error")
    if isinstance(error, dict):
        error = error.get("message") or error.get("code") or "unnamed error"
    return str(error)[:300]
