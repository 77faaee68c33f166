"""Talks to the running gateway's API from the command line; standard library only, for a quick start."""

import argparse
import http.client
import json
import shutil
import urllib.error
import urllib.request
from contextlib import suppress
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from gateway import api_token
from gateway.commands.exits import CommandFailed, Exit
from gateway.config import Config, HttpSection
from gateway.config import file as config_file

TIMEOUT_S = 10.0

# No proxy stands between this machine and itself, and a token must not be sent through one.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ApiClient:
    """One gateway's API. Its methods raise `CommandFailed`."""

    def __init__(self, base_url: str, token: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._token = token

    @classmethod
    def of(cls, options: argparse.Namespace) -> "ApiClient":
        """The client for the gateway that the options and the configuration name."""
        config, _ = config_file.load(options.config)
        return cls(gateway_url(options.url, config.http), _token(config))

    def get(self, path: str) -> dict[str, Any]:
        return self._ask("GET", path)

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._ask("POST", path, b"" if body is None else json.dumps(body).encode())

    def copy(self, path: str, target: BinaryIO) -> None:
        """Write the body of an answer to `target` as it comes, however long it is."""
        headers = {"Authorization": f"Bearer {self._token}"}
        request = urllib.request.Request(self._base_url + path, headers=headers)
        try:
            with _DIRECT.open(request, timeout=TIMEOUT_S) as answer:
                shutil.copyfileobj(answer, target)
        except urllib.error.HTTPError as error:
            raise CommandFailed(_told_by(error)) from error
        except BrokenPipeError:
            raise  # of our own output
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> CommandFailed:
        reason = getattr(error, "reason", None) or error
        return CommandFailed(
            f"no gateway answers at {self._base_url}: {reason}; start one with `offhook serve` "
            "or name it with --url",
            Exit.UNREACHABLE,
        )

    def _ask(self, method: str, path: str, data: bytes | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if data:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(
            self._base_url + path, data=data, method=method, headers=headers
        )
        try:
            with _DIRECT.open(request, timeout=TIMEOUT_S) as answer:
                body = json.load(answer)
        except urllib.error.HTTPError as error:
            raise CommandFailed(_told_by(error)) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        if not isinstance(body, dict):
            raise CommandFailed(f"what answers at {self._base_url} is not a gateway")
        return body


def gateway_url(named: str | None, section: HttpSection) -> str:
    """Return where the gateway is that `--url` names, else the configured one. Raises `CommandFailed`."""
    if not named:
        return local_url(section)
    with suppress(ValueError):  # a port that is no number, half an IPv6 address
        parts = urlsplit(named)
        is_whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        if is_whole and named.isascii() and named.isprintable() and " " not in named:
            return named
    raise CommandFailed(
        f"--url: {named!r} is not the address of a gateway; write it like http://127.0.0.1:8080",
        Exit.USAGE,
    )


def local_url(section: HttpSection) -> str:
    """Return where this machine reaches a gateway with this section."""
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(section.host, section.host)
    return f"http://[{host}]:{section.port}" if ":" in host else f"http://{host}:{section.port}"


def _token(config: Config) -> str:
    try:
        return api_token.read(config)
    except FileNotFoundError as error:
        raise CommandFailed(
            f"there is no API token in {config.gateway.data_dir}: no gateway has run with this "
            f"configuration; start it, use its --config, or set {api_token.TOKEN_VARIABLE}",
            Exit.USAGE,
        ) from error


def _told_by(error: urllib.error.HTTPError) -> str:
    """The message of an error answer; its status if it has none."""
    try:
        told = json.load(error)["error"]
        return f"{told['message']} ({told['code']})"
    except (ValueError, KeyError, TypeError):
        return f"the gateway answers {error.code} {error.reason}"
