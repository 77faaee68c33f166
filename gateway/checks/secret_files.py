"""Whether every file with a secret is there, holds something, and is closed to others on this machine."""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import BaseModel

from gateway.access.token_file import TOKENS_FILE, TokenFile
from gateway.api_token import TOKEN_FILE
from gateway.checks.finding import Finding, fail, ok, warn
from gateway.checks.service_user import may_read, service_user
from gateway.config import Config
from gateway.config.file import CREDENTIALS
from gateway.errors import ConfigError
from gateway.store.sqlite import DATABASE_FILE
from gateway.webrtc_secret import SECRET_FILE

SUBJECT = "secrets"
NOT_SECRET = frozenset({"greeting_file"})
"""Keys of files that may be read by everybody."""
SECRET_MOST = 16 * 1024
OWN_FILES = (TOKEN_FILE, TOKENS_FILE, SECRET_FILE, DATABASE_FILE)
"""In the data directory; the database holds what people said."""


def check_secrets(config: Config, source: Path | None) -> list[Finding]:
    """Return what is to be said of secrets; `source` is the configuration file."""
    named = dict(secret_files(config))
    found = [
        *(finding for key, path in named.items() for finding in _file(key, path)),
        *_own(config),
        *_configuration(source),
        *_for_service(config, source, named),
        *_tokens(config),
    ]
    if any(finding.subject == SUBJECT for finding in found):
        return found
    count = f"{len(named)} files with secrets" if named else "no files with secrets are configured"
    return [ok(SUBJECT, f"{count}; what is there is closed to others"), *found]


def secret_files(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, Path]]:
    """Yield key and path of every configured file with a secret: all keys that end with `_file`."""
    for name in type(model).model_fields:
        yield from _within(f"{prefix}{name}", name, getattr(model, name))


def secret_of(path: Path | None) -> str | None:
    """Return what a file holds; None without a file, or if it cannot be read (which is told elsewhere)."""
    try:
        return path.read_bytes()[:SECRET_MOST].decode().strip() if path is not None else None
    except (OSError, UnicodeDecodeError):
        return None


def _within(key: str, name: str, value: object) -> Iterator[tuple[str, Path]]:
    if isinstance(value, BaseModel):
        yield from secret_files(value, f"{key}.")
    elif isinstance(value, dict):
        for part, item in value.items():
            yield from _within(f"{key}.{part}", "", item)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _within(f"{key}[{index}]", "", item)
    elif isinstance(value, Path) and name.endswith("_file") and name not in NOT_SECRET:
        yield key, value


def _file(key: str, path: Path) -> Iterator[Finding]:
    try:
        text = path.read_bytes()[: SECRET_MOST + 1].decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        remedy = "make it readable for the user of the gateway, or correct the path"
        yield fail(SUBJECT, f"{key} {path} cannot be read: {reason}", remedy)
        return
    if not text or len(text) > SECRET_MOST or not text.isprintable():
        remedy = "put the secret alone on one line there"
        yield fail(SUBJECT, f"{key} {path} holds no usable secret", remedy)
    yield from _closed(f"{key} {path}", path)


def _closed(what: str, path: Path) -> Iterator[Finding]:
    """Tell if others on this machine can read or change a file."""
    try:
        status = path.stat()
    except OSError:
        return
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o007:
        done = "changed" if mode & 0o002 else "read" if mode & 0o004 else "used"
        yield fail(
            SUBJECT,
            f"{what} can be {done} by everybody on this machine (mode {mode:04o})",
            f"`chmod o= {path}`, and replace the secret if strangers had access",
        )
    elif status.st_uid not in (0, os.geteuid()):
        yield warn(
            SUBJECT,
            f"{what} belongs to another user (uid {status.st_uid})",
            f"`chown` {path} to root or to the user of the gateway",
        )


def _own(config: Config) -> Iterator[Finding]:
    folder = config.gateway.data_dir
    try:
        mode = stat.S_IMODE(folder.stat().st_mode)
    except OSError:
        return  # made at the first start, closed
    if not mode & 0o007:
        return  # what is in it is closed with it
    for name in OWN_FILES:
        yield from _closed(str(folder / name), folder / name)
    if mode & 0o002:
        yield fail(
            SUBJECT,
            f"gateway.data_dir {folder} can be changed by everybody (mode {mode:04o})",
            f"`chmod o= {folder}`",
        )


def _configuration(source: Path | None) -> Iterator[Finding]:
    if source is None:
        return
    try:
        mode = stat.S_IMODE(source.stat().st_mode)
    except OSError:
        return
    # It holds no secrets, but whoever changes it commands the gateway.
    if mode & 0o002:
        yield fail(
            SUBJECT,
            f"{source} can be changed by everybody (mode {mode:04o})",
            f"`chmod o-w {source}`",
        )


def _for_service(
    config: Config, source: Path | None, named: Mapping[str, Path]
) -> Iterator[Finding]:
    """Tell what root can read and the service could not: it would not start."""
    user = service_user(config, source)
    if user is None:
        return
    files = {"the configuration": source, **named} if source is not None else dict(named)
    # These systemd reads for it.
    loaded = {os.environ.get("CREDENTIALS_DIRECTORY", "")}
    loaded |= {str(source.absolute().parent / CREDENTIALS)} if source is not None else set()
    for key, path in files.items():
        if path is None or str(path.parent) in loaded or may_read(path, user):
            continue
        yield fail(
            SUBJECT,
            f"{key} {path} cannot be read by {user.pw_name}, who runs the gateway",
            f"`chgrp {user.pw_name} {path} && chmod g+r {path}` (and g+x for its folder), or load it as "
            "a credential (LoadCredential in the unit)",
        )


def _tokens(config: Config) -> Iterator[Finding]:
    try:
        tokens = TokenFile(config.gateway.data_dir).read()
    except ConfigError as error:
        wrong, _, remedy = str(error).partition("; ")
        yield fail("api tokens", wrong, remedy)
        return
    if tokens:
        yield ok("api tokens", f"{len(tokens)}: {', '.join(token.name for token in tokens)}")
