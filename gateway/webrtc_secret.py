"""The secret that signs the tokens of browser calls: from a configured file, or made at the first start."""

import os
import secrets
from pathlib import Path

from gateway.config import Config
from gateway.errors import ConfigError

SECRET_FILE = "webrtc-secret"
SHORTEST = 32
"""Characters; HS256 wants a key as long as its hash (RFC 7518 section 3.2)."""


def ensure(config: Config) -> str:
    """Return the secret, made in the data directory if there is none. Raises `ConfigError`."""
    try:
        return read(config)
    except FileNotFoundError:
        return _make(config.gateway.data_dir / SECRET_FILE)


def read(config: Config) -> str:
    """Return the secret of an installation that has started before.

    Raises `ConfigError` if it cannot be used, `FileNotFoundError` if none was made yet.
    """
    configured = config.webrtc.token_secret_file
    path = configured or config.gateway.data_dir / SECRET_FILE
    try:
        return _read(path)
    except FileNotFoundError as error:
        if configured is None:
            raise
        raise ConfigError(f"webrtc.token_secret_file {path} does not exist; create it") from error


def _make(path: Path) -> str:
    secret = secrets.token_urlsafe(48)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secret + "\n")
    except FileExistsError:
        # Another process of ours made it between our look and our try.
        return _read(path)
    except OSError as error:
        raise ConfigError(
            f"cannot make the secret for tokens {path}: {error.strerror}; give the user of the gateway "
            "write access to gateway.data_dir, or set webrtc.token_secret_file"
        ) from error
    return secret


def _read(path: Path) -> str:
    try:
        secret = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the secret for tokens {path} cannot be read; it must be ASCII text that the user of the "
            "gateway may read"
        ) from error
    if len(secret) < SHORTEST or not secret.isprintable():
        raise ConfigError(
            f"{path} does not hold a usable secret; put at least {SHORTEST} characters there, such as "
            "the output of `openssl rand -hex 32`"
        )
    return secret
