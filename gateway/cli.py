"""The `offhook` command line: which subcommands there are, and how failures end the process.

Exit codes: 0 done; 1 failed, or a check failed; 2 wrong usage or configuration; 3 no gateway answers.
Everything heavier than argparse is imported by the subcommand that needs it.
"""

import argparse
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway import __version__
from gateway.commands import rehearse_options, rooms_options, systemd_options, tokens_options
from gateway.commands.exits import CommandFailed, Exit
from gateway.commands.numbers import seconds, whole

_LIMIT = whole(1, 500)
_EXIT_CODES = (
    "exit codes: 0 done, 1 failed or a check failed, 2 wrong usage or configuration, "
    "3 no gateway answers"
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="offhook",
        description="A self-hosted telephony gateway for AI agents.",
        epilog=_EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=f"offhook {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(
        name: str, does: str, target: str, *, config: bool = True, of: object = commands
    ) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = of.add_parser(  # type: ignore[attr-defined]
            name, help=does, description=does[0].upper() + does[1:] + ".", epilog=_EXIT_CODES
        )
        made.set_defaults(target=target)
        if config:
            made.add_argument(
                "--config", type=Path, metavar="FILE", help="configuration file (TOML)"
            )
        return made

    command("serve", "run the gateway", "serve:run")

    check = command("check", "tell what is wrong here and what to do about it", "check:run")
    check.add_argument("--json", action="store_true", help="for machines")
    check.add_argument(
        "--live", action="store_true", help="also ask the configured providers (keys, webhooks)"
    )
    check.add_argument("--strict", action="store_true", help="exit 1 for warnings too")

    config = commands.add_parser(
        "config",
        help="print configuration",
        description="Print configuration.",
        epilog=_EXIT_CODES,
    )
    parts = config.add_subparsers(dest="part", metavar="WHAT", required=True)
    command(
        "example",
        "print every key, commented, with its default",
        "config:run_example",
        config=False,
        of=parts,
    )
    command("show", "print what a file comes to, as JSON", "config:run_show", of=parts)

    calls = command("calls", "list the newest calls, or tell one call's timeline", "calls:run")
    calls.add_argument("call_id", nargs="?", metavar="ID", help="tell this call's timeline")
    calls.add_argument("--active", action="store_true", help="only calls that go on")
    calls.add_argument("--limit", type=_LIMIT, metavar="N", help="at most so many (50; CSV: all)")
    calls.add_argument("--since", metavar="TIME", help="offered at this time (RFC 3339) or later")
    calls.add_argument("--until", metavar="TIME", help="offered before this time")
    calls.add_argument("--number", help="only calls of this number of ours")
    calls.add_argument("--person", metavar="NUMBER", help="only calls with this other side")
    calls.add_argument("--outcome", metavar="CAUSE", help="ended so, or by a group: normal, us, …")
    calls.add_argument("--csv", action="store_true", help="all of them as CSV, for spreadsheets")
    calls.add_argument("--json", action="store_true", help="for machines")

    call = command("call", "call a number, and follow the call to its end", "call:run")
    call.add_argument("number", metavar="NUMBER", help="whom to call, with country code: +4930123")
    call.add_argument(
        "--from", dest="caller", metavar="NUMBER", help="which of our numbers to show"
    )
    call.add_argument("--agent", metavar="NAME", help="who speaks (default: who has our number)")
    call.add_argument("--trunk", metavar="NAME", help="which way (default: by the number)")
    call.add_argument("--greeting", metavar="TEXT", help="said first, instead of the agent's own")
    call.add_argument("--purpose", metavar="TEXT", help="why, for the agent")
    call.add_argument("--key", metavar="KEY", help="the same key never calls twice")
    call.add_argument("--no-wait", action="store_true", help="only print the call's id")
    call.add_argument("--json", action="store_true", help="for machines")

    hangup = command("hangup", "end a call", "hangup:run")
    hangup.add_argument("call_id", metavar="ID", help="the call, as `offhook calls` shows it")

    outbox = command("outbox", "list messages to people, or tell of one", "outbox:run")
    outbox.add_argument("message_id", nargs="?", metavar="ID", help="tell of this message")
    outbox.add_argument("--replay", action="store_true", help="send message ID again")
    outbox.add_argument("--dead", action="store_true", help="only those that failed for good")
    outbox.add_argument("--limit", type=_LIMIT, default=50, metavar="N", help="at most so many")
    outbox.add_argument("--json", action="store_true", help="for machines")

    token = command("token", "print a token that lets a browser call once", "token:run")
    token.add_argument("--agent", metavar="NAME", help="whom it may call (default: the first)")
    token.add_argument("--name", metavar="TEXT", help="the caller's name, for the agent")
    token.add_argument(
        "--subject", metavar="ID", help="who calls; later calls of the same ID share one room"
    )
    token.add_argument("--ttl", type=whole(1), metavar="S", help="seconds it is good for")
    token.add_argument("--max-call", type=whole(1), metavar="S", help="longest call in seconds")
    token.add_argument("--json", action="store_true", help="for machines")

    drain = command("drain", "take no new calls and let the running ones end", "drain:run")
    drain.add_argument("--wait", action="store_true", help="return when no call is left")
    drain.add_argument(
        "--deadline", type=seconds, metavar="S", help="goodbyes after S seconds (default: drain_s)"
    )

    reload = command("reload", "have the gateway read its configuration again", "reload:run")

    systemd_options.add_command(commands, _EXIT_CODES)

    tokens_options.add_commands(commands, command, _EXIT_CODES)

    rooms_options.add_commands(command)

    for client in (calls, call, hangup, outbox, token, drain, reload):
        client.add_argument("--url", metavar="URL", help="the gateway, if not the configured one")

    rehearse = command(
        "rehearse", "have a bundled caller phone the running gateway", "rehearse:run"
    )
    rehearse_options.add_options(rehearse)

    command("version", "print the version", "version:run", config=False)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that is not for Unicode shows a question mark for what it has not.
        sys.stdout.reconfigure(errors="replace")
    try:
        return _run(build_parser().parse_args(arguments))
    except CommandFailed as error:
        _complain(str(error))
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`offhook calls | head`): that is no error.
        _give_up_output()
        return Exit.OK
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _complain(f"{error.filename or 'the output'}: no space is left to write it; make room")
        _give_up_output()
        return Exit.FAILED


def _give_up_output() -> None:
    """Keep the interpreter from trying again, at its end, to write what it could not."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(options: argparse.Namespace) -> int:
    module, _, function = options.target.partition(":")
    # Not at the top of the file: --help would pay for all of them.
    from gateway.errors import ConfigError, GatewayError

    try:
        run = getattr(importlib.import_module(f"gateway.commands.{module}"), function)
        code: int = run(options)
        sys.stdout.flush()
    except ConfigError as error:
        for line in str(error).splitlines():
            _complain(line)
        return Exit.USAGE
    except GatewayError as error:
        _complain(str(error))
        return Exit.FAILED
    return code


def _complain(line: str) -> None:
    print(f"offhook: {' '.join(line.split())}", file=sys.stderr)
