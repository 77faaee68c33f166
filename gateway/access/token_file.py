"""The file of named API tokens: what is written of each, and how it is read and changed.

Only the SHA-256 of a token is kept; the token itself is shown once, when it is made. The commands change
the file whole (written beside it, then renamed) under a lock; the running gateway only reads it.
"""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.access.scopes import Scope
from gateway.access.verifier import FULL, digest_of
from gateway.errors import ConfigError

TOKENS_FILE = "api-tokens.json"
USED_FILE = "api-tokens-used.json"
PREFIX = "ofk_"
"""Begins every token, so that scanners for leaked secrets can know it."""
TOKEN_BYTES = 32
TOKENS_MOST = 256
"""Each is compared at every request."""
FILE_MOST = 256 * 1024
NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"

_Name = Annotated[str, Field(pattern=NAME)]


class NamedToken(BaseModel):
    """One token as it is kept. Times are seconds since 1970."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)]
    created_at: float
    expires_at: float | None = None

    def is_good(self, at: float) -> bool:
        """Whether it has not expired."""
        return self.expires_at is None or at < self.expires_at


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: Annotated[tuple[NamedToken, ...], Field(max_length=TOKENS_MOST)] = ()


class TokenFile:
    """The file in a data directory. Blocks; raises `ConfigError` with the remedy."""

    def __init__(self, data_dir: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = data_dir / TOKENS_FILE
        self._clock = clock

    def read(self) -> tuple[NamedToken, ...]:
        """Return the tokens, oldest first; none if there is no file."""
        try:
            with self.path.open("rb") as file:
                text = file.read(FILE_MOST + 1)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise ConfigError(
                f"the API tokens in {self.path} cannot be read: {error.strerror}; "
                "run this as the user of the gateway"
            ) from error
        try:
            return _Content.model_validate_json(text).tokens if len(text) <= FILE_MOST else _wrong()
        except (ValidationError, ValueError) as error:
            # Without the cause: it quotes the file.
            raise ConfigError(
                f"{self.path} is not a file of API tokens; restore a backup, or remove it and make "
                "the tokens anew with `offhook tokens create`"
            ) from (None if isinstance(error, ValidationError) else error)

    def create(
        self, name: str, scopes: tuple[Scope, ...], *, days: int | None = None
    ) -> tuple[str, NamedToken]:
        """Make a token; returns it, which nobody can do later, and what is kept."""
        if name == FULL:
            raise ConfigError(f"the name {FULL!r} is that of http.api_token_file; take another")
        token = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        now = self._clock()
        try:
            made = NamedToken(
                name=name,
                sha256=digest_of(token).hex(),
                scopes=tuple(sorted(set(scopes), key=list(Scope).index)),
                created_at=now,
                expires_at=None if days is None else now + days * 86_400,
            )
        except ValidationError:
            raise ConfigError(
                f"{name!r} is not a name of a token; take 1 to 64 of a-z 0-9 . _ - "
                "and begin with a letter or a digit"
            ) from None
        with self._locked():
            tokens = self.read()
            if any(token.name == name for token in tokens):
                raise ConfigError(
                    f"there is a token {name!r} already; take another name, "
                    f"or `offhook tokens revoke {name}` first"
                )
            if len(tokens) >= TOKENS_MOST:
                raise ConfigError(f"there are {TOKENS_MOST} tokens already; revoke one first")
            self._write((*tokens, made))
        return token, made

    def revoke(self, name: str) -> None:
        """Take a token away for good."""
        with self._locked():
            tokens = self.read()
            rest = tuple(token for token in tokens if token.name != name)
            if len(rest) == len(tokens):
                known = ", ".join(token.name for token in tokens) or "none"
                raise ConfigError(f"there is no token {name!r}; tokens are: {known}")
            self._write(rest)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # On a file of its own: the one with the tokens is replaced.
        path = self.path.with_suffix(".lock")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, tokens: tuple[NamedToken, ...]) -> None:
        try:
            replace_file(self.path, _Content(tokens=tokens).model_dump_json(indent=2) + "\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"cannot write {self.path}: {error.strerror}; run this as the user of the gateway, "
            "or as root"
        )


def replace_file(path: Path, text: str) -> None:
    """Put a file with this text in place at once, readable by its owner only. Blocks; raises `OSError`."""
    beside = path.with_suffix(f".{os.getpid()}.new")
    beside.unlink(missing_ok=True)
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            if os.geteuid() == 0:
                # Made by root for a gateway that is not: it could not read it.
                owner = path.parent.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def read_used(data_dir: Path) -> Mapping[str, float]:
    """Return name → when it was last used, as far as the gateway has written it down."""
    try:
        used = json.loads((data_dir / USED_FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    if not isinstance(used, dict):
        return {}
    return {str(name): float(at) for name, at in used.items() if isinstance(at, int | float)}


def _wrong() -> tuple[NamedToken, ...]:
    raise ValueError("longer than any file of tokens")
