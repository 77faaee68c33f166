"""The bearer token of the API: from a variable, from a configured file, or made at the first start."""

import os

from gateway.config import Config
from gateway.secret_file import SecretFile

TOKEN_VARIABLE = "OFFHOOK_API_TOKEN"
TOKEN_FILE = "api-token"
SHORTEST = 16
"""Characters; shorter tokens could be guessed."""


def ensure(config: Config) -> str:
    """Return the token, made in the data directory if there is none. Raises `ConfigError`."""
    return _given(config) or _file(config).ensure()


def read(config: Config) -> str:
    """Return the token of an installation that has started before.

    Raises `ConfigError` if it cannot be used, `FileNotFoundError` if none was made yet.
    """
    return _given(config) or _file(config).read()


def _given(config: Config) -> str:
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    return token and _file(config).checked(token, f"the variable {TOKEN_VARIABLE}")


def _file(config: Config) -> SecretFile:
    return SecretFile(
        what="the API token",
        key="http.api_token_file",
        configured=config.http.api_token_file,
        made=config.gateway.data_dir / TOKEN_FILE,
        shortest=SHORTEST,
    )
