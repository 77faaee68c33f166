"""The bearer token of the API: from a variable, from a configured file, or made at the first start."""

import os
import secrets
from pathlib import Path

from gateway.config import Config
from gateway.errors import ConfigError

TOKEN_VARIABLE = "OFFHOOK_API_TOKEN"
TOKEN_FILE = "api-token"
SHORTEST = 16
"""Characters; shorter tokens could be guessed."""


def ensure(config: Config) -> str:
    """Return the token, made in the data directory if there is none. Raises `ConfigError`."""
    try:
        return read(config)
    except FileNotFoundError:
        pass
    path = _made_file(config)
    token = secrets.token_urlsafe(32)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token + "\n")
    except FileExistsError:
        # Another process of ours made it between our look and our try.
        return read(config)
    except OSError as error:
        raise ConfigError(
            f"cannot make the API token {path}: {error.strerror}; give the user of the gateway "
            "write access to gateway.data_dir, or set http.api_token_file"
        ) from error
    return token


def read(config: Config) -> str:
    """Return the token of an installation that has started before.

    Raises `ConfigError` if it cannot be used, `FileNotFoundError` if none was made yet.
    """
    if token := os.environ.get(TOKEN_VARIABLE, "").strip():
        return _checked(token, f"the variable {TOKEN_VARIABLE}")
    configured = config.http.api_token_file
    path = configured or _made_file(config)
    try:
        token = path.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        if configured is None:
            raise
        raise ConfigError(f"http.api_token_file {path} does not exist; create it") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the API token {path} cannot be read; it must be ASCII text that the user running "
            "this may read (run it as the user of the gateway)"
        ) from error
    return _checked(token, str(path))


def _checked(token: str, source: str) -> str:
    if len(token) < SHORTEST or not token.isprintable() or " " in token:
        raise ConfigError(
            f"{source} does not hold a usable token; put at least {SHORTEST} characters without "
            "spaces there, such as the output of `openssl rand -hex 32`"
        )
    return token


def _made_file(config: Config) -> Path:
    return config.gateway.data_dir / TOKEN_FILE
