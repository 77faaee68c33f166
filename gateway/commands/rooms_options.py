"""The command line of `offhook send` and `offhook rooms`."""

import argparse
from typing import Protocol

from gateway.commands.numbers import whole

VOICE = "voice"
WRITTEN = (
    *("sms", "whatsapp", "rcs", "messenger", "email", "telegram", "teams", "webhook"),
    "websocket",
)
"""As in `gateway/model/addresses.py`, which the command line does not import: --help would pay for it."""


class _Command(Protocol):
    def __call__(
        self, name: str, does: str, target: str, *, of: object = ...
    ) -> argparse.ArgumentParser: ...


def add_commands(command: _Command) -> None:
    """Add `send`, and `rooms` with `show` and `say`; `command` adds one subcommand."""
    send = command("send", "write to somebody", "send:run")
    send.add_argument("to", metavar="TO", help="+4915123456789, ann@example.org, telegram:7, …")
    send.add_argument("text", metavar="TEXT", help="what to write; - reads it from standard input")
    send.add_argument("--channel", choices=WRITTEN, help="how (default: as TO looks, SMS)")
    send.add_argument("--from", dest="sender", metavar="ADDRESS", help="our number or address")
    send.add_argument("--template", metavar="SID", help="send this approved template (HX…)")
    send.add_argument(
        "--variable",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one of its variables; may be repeated",
    )
    send.add_argument(
        "--media", action="append", default=[], metavar="URL", help="a file; may be repeated"
    )
    send.add_argument("--key", metavar="TEXT", help="for the same key it is sent only once")
    _shared(send)

    rooms = command("rooms", "list conversations, or show one, or speak in one", "rooms:run_list")
    rooms.add_argument("--address", metavar="TEXT", help="only of this person, or with this in it")
    rooms.add_argument(
        "--limit", type=whole(1, 500), default=50, metavar="N", help="at most so many"
    )
    _shared(rooms)
    parts = rooms.add_subparsers(dest="part", metavar="[show ID | say ID TEXT]")
    show = command("show", "tell one conversation, in order", "rooms:run_show", of=parts)
    show.add_argument("room_id", metavar="ID", help="the room, as `offhook rooms` shows it")
    show.add_argument("--all", action="store_true", help="every event, not only what was said")
    say = command("say", "have the agent say a line, or write it", "rooms:run_say", of=parts)
    say.add_argument("room_id", metavar="ID", help="the room, as `offhook rooms` shows it")
    say.add_argument("text", metavar="TEXT", help="spoken while a call goes on, written otherwise")
    say.add_argument(
        "--channel",
        choices=(VOICE, *WRITTEN),
        help="write it there, call or no call; voice: say it, or nothing",
    )
    for part in (show, say):
        _shared(part)


def _shared(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.add_argument("--url", metavar="URL", help="the gateway, if not the configured one")
