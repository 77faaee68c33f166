"""`offhook tokens`: makes, lists and revokes the named tokens of the API; needs no running gateway."""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gateway.access.scopes import Scope
from gateway.access.token_file import NamedToken, TokenFile, read_used
from gateway.commands.columns import date_and_time, in_columns
from gateway.commands.exits import Exit
from gateway.config import file as config_file

_COLUMNS = ("NAME", "SCOPES", "CREATED", "EXPIRES", "LAST USED")


def run_create(options: argparse.Namespace) -> int:
    config, _ = config_file.load(options.config)
    scopes = tuple(Scope(name) for name in options.scope)
    file = TokenFile(config.gateway.data_dir)
    token, made = file.create(options.name, scopes, days=options.days)
    if options.json:
        print(json.dumps({"token": token, **plain(made, None, time.time())}, indent=2))
    else:
        print(token)
    return Exit.OK


def run_list(options: argparse.Namespace) -> int:
    config, _ = config_file.load(options.config)
    tokens = TokenFile(config.gateway.data_dir).read()
    used = read_used(config.gateway.data_dir)
    rows = [plain(token, used.get(token.name), time.time()) for token in tokens]
    print(json.dumps({"tokens": rows}, indent=2) if options.json else table(rows))
    return Exit.OK


def run_revoke(options: argparse.Namespace) -> int:
    config, _ = config_file.load(options.config)
    TokenFile(config.gateway.data_dir).revoke(options.name)
    print(f"revoked {options.name}; a running gateway refuses it within a second")
    return Exit.OK


def plain(token: NamedToken, used_at: float | None, at: float) -> dict[str, Any]:
    """Return what may be shown of a token: not its hash. `at` is now, seconds since 1970."""
    return {
        "name": token.name,
        "scopes": [scope.value for scope in token.scopes],
        "created_at": _time(token.created_at),
        "expires_at": _time(token.expires_at),
        "is_expired": not token.is_good(at),
        "last_used_at": _time(used_at),
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the tokens for people."""
    if not rows:
        return "no named tokens; make one with `offhook tokens create NAME --scope read`"
    return in_columns(
        _COLUMNS,
        [
            (
                row["name"],
                ",".join(row["scopes"]),
                date_and_time(row["created_at"]),
                "expired" if row["is_expired"] else date_and_time(row["expires_at"]) or "never",
                date_and_time(row["last_used_at"]) or "never",
            )
            for row in rows
        ],
    )


def _time(at: float | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
