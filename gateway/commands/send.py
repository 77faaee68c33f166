"""`offhook send`: has the running gateway write to somebody."""

import argparse
import json
import sys
from typing import Any

from gateway.commands.api_client import ApiClient
from gateway.commands.exits import CommandFailed, Exit

TEXT_MOST = 16_000
_BYTES_MOST = 4 * TEXT_MOST
"""In UTF-8 a character has four bytes at most."""


def run(options: argparse.Namespace) -> int:
    text = _text(options.text)
    body: dict[str, Any] = {"to": options.to, "text": text}
    wanted = {
        "channel": options.channel,
        "from": options.sender,
        "idempotency_key": options.key,
        "template": _template(options),
        "media": [{"url": url} for url in options.media],
    }
    body |= {name: value for name, value in wanted.items() if value}
    sent = ApiClient.of(options).post("/api/v1/messages", body)
    if options.json:
        print(json.dumps(sent, indent=2))
    else:
        print(told(sent))
    return Exit.OK


def told(sent: dict[str, Any]) -> str:
    """Return what became of a message, for people."""
    ids = " ".join(sent.get("message_ids", []))
    before = " (accepted before)" if sent.get("duplicate") else ""
    return (
        f"{ids} to {sent.get('to')} by {sent.get('channel')} in room {sent.get('room_id')}{before}"
    )


def _text(given: str) -> str:
    if given != "-":
        return given
    data = sys.stdin.buffer.read(_BYTES_MOST + 1)
    try:
        text = "" if len(data) > _BYTES_MOST else data.decode()
    except UnicodeDecodeError as error:
        wrong = "what comes by standard input is not text in UTF-8; convert it"
        raise CommandFailed(wrong, Exit.USAGE) from error
    if len(data) > _BYTES_MOST or len(text) > TEXT_MOST:
        raise CommandFailed(f"the text is longer than {TEXT_MOST} characters", Exit.USAGE)
    return text.strip()


def _template(options: argparse.Namespace) -> dict[str, Any] | None:
    """Return the template of `--template HX…` and `--variable name=value`."""
    if not options.template:
        if options.variable:
            raise CommandFailed("--variable is for a --template", Exit.USAGE)
        return None
    variables = {}
    for item in options.variable:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise CommandFailed(f"--variable: {item!r} is not name=value", Exit.USAGE)
        variables[name] = value
    return {"content_sid": options.template, "variables": variables}
