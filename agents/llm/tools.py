"""The tools a language model may call on the telephone: their declarations and what they do."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.llm.chunks import ToolCall

END_CALL = "end_call"

NOT_AVAILABLE = "not available on this line yet; tell the caller so and offer something else"
"""Answered for a tool that is declared but that nothing carries out."""

Capability = Callable[[str, Mapping[str, Any]], Awaitable[str]]
"""Carries out a tool: (call id, arguments) → what to tell the model. Raises `GatewayError`."""

_NO_ARGUMENTS: dict[str, Any] = {
    "type": "object",
    "properties": {},
    "required": [],
    "additionalProperties": False,
}

_DECLARATIONS: dict[str, dict[str, Any]] = {
    END_CALL: {
        "description": "End the call. Call this only after you have said goodbye, or together with it.",
        "parameters": {
            "type": "object",
            "properties": {"reason": {"type": "string", "description": "Why the call ends."}},
            "required": [],
            "additionalProperties": False,
        },
    },
    "send_message": {
        "description": "Send the caller a text message (SMS or WhatsApp) on the number they are calling from.",
        "parameters": {
            "type": "object",
            "properties": {
                "text": {"type": "string", "description": "The message, at most 480 characters."}
            },
            "required": ["text"],
            "additionalProperties": False,
        },
    },
    "transfer_call": {
        "description": "Hand the caller over to a person or a department.",
        "parameters": {
            "type": "object",
            "properties": {
                "destination": {"type": "string", "description": "Who should take the call."},
                "summary": {
                    "type": "string",
                    "description": "What the caller wants, in one sentence.",
                },
            },
            "required": ["destination"],
            "additionalProperties": False,
        },
    },
    "pause_recording": {
        "description": "Pause the recording of this call. Call this before you ask for a card number "
        "or anything else that must not be recorded.",
        "parameters": _NO_ARGUMENTS,
    },
    "resume_recording": {
        "description": "Go on with the recording of this call after you paused it.",
        "parameters": _NO_ARGUMENTS,
    },
}


def declarations(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the `tools` of a request for the tools of these names."""
    return [
        {"type": "function", "function": {"name": name, **_DECLARATIONS[name]}} for name in names
    ]


@dataclass(frozen=True, slots=True)
class ParsedCall:
    """A tool call after checking it against its declaration."""

    name: str
    arguments: Mapping[str, Any]
    problem: str = ""
    """Why it cannot be carried out, in words for the model; empty if it can."""


def parse_call(call: ToolCall, allowed: Sequence[str]) -> ParsedCall:
    """Check name and arguments; never raises, as models write anything."""
    if call.name not in allowed:
        return ParsedCall(call.name[:60], {}, f"there is no tool {call.name[:60]!r}")
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return ParsedCall(call.name, {}, "the arguments are not valid JSON")
    if not isinstance(arguments, dict):
        return ParsedCall(call.name, {}, "the arguments must be a JSON object")
    parameters = _DECLARATIONS[call.name]["parameters"]
    for key in parameters["required"]:
        if not isinstance(arguments.get(key), str) or not arguments[key].strip():
            return ParsedCall(
                call.name, {}, f"the argument {key!r} must be a text that is not empty"
            )
    known = {key: arguments[key] for key in parameters["properties"] if key in arguments}
    return ParsedCall(call.name, known)
