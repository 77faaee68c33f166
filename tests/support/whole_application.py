"""The HTTP application of a whole gateway as `offhook serve` builds it, without starting anything."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.app import serve as serving
from gateway.config import Config
from gateway.http.server import HttpServer


class _Built(Exception):
    """Ends `serve` when it would begin to listen."""


async def whole_application(config: Config, monkeypatch) -> web.Application:
    """Return the application that `serve` would serve for this configuration."""
    apps: list[web.Application] = []

    class Server:
        def __init__(self, _section, app: web.Application) -> None:
            apps.append(app)

        async def start(self) -> int:
            raise _Built

        async def stop(self) -> None:
            """Nothing was started."""

    monkeypatch.setattr(serving, "HttpServer", Server)
    try:
        await serving.serve(config)
    except _Built:
        return apps[0]
    raise AssertionError("serve() ended without serving")


@asynccontextmanager
async def serving_with_store(
    config: Config, monkeypatch
) -> AsyncIterator[tuple[web.Application, int]]:
    """Serve what `serve` would for this configuration, with nothing but the store started; yields app and port."""
    listening: asyncio.Future[tuple[web.Application, int]]
    listening = asyncio.get_running_loop().create_future()
    started = asyncio.Event()

    class Server(HttpServer):
        def __init__(self, section, app: web.Application) -> None:
            super().__init__(section, app)
            self._app = app

        async def start(self) -> int:
            port = await super().start()
            listening.set_result((self._app, port))
            return port

    async def start(gateway, _signals) -> bool:
        await gateway.store.start()
        gateway._stack.push_async_callback(gateway.store.close)
        started.set()
        return True

    monkeypatch.setattr(serving, "HttpServer", Server)
    monkeypatch.setattr(serving, "_start", start)
    task = asyncio.create_task(serving.serve(config))
    try:
        async with asyncio.timeout(10):
            await started.wait()
        yield listening.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


SECRETS = {
    "twilio-auth-token": "5ec4e7a1" * 4,
    "twilio-key-secret": "5ec4e7a2" * 4,
    "program": "whsec_" + "c2VjcmV0MDNzZWNyZXQwM3NlY3JldDAz",
    "telegram": "1234567:AA5ec4e704" + "b" * 25,
    "telegram-webhook": "5ec4e705" * 4,
    "email": "5ec4e706" * 4,
    "teams": "5ec4e707" * 4,
    "llm": "sk-5ec4e708" * 3,
    "api-token": "5ec4e709" * 4,
    "webrtc": "5ec4e70a" * 6,
    "turn": "5ec4e70b" * 4,
    "turn-password": "5ec4e70c" * 4,
    "trunk": "5ec4e70d" * 2,
    "events": "whsec_" + "c2VjcmV0MGVzZWNyZXQwZXNlY3JldDBl",
}
"""File → the secret in it; each can be told from every other text."""


def everything_on(folder: Path) -> dict[str, Any]:
    """Return a configuration in which every part with a secret is on, with secrets that can be found again."""
    for name, secret in SECRETS.items():
        (folder / name).write_text(secret + "\n")
        (folder / name).chmod(0o600)
    return {
        "gateway": {"data_dir": str(folder / "data"), "cache_dir": str(folder / "cache")},
        "http": {"port": 0, "api_token_file": str(folder / "api-token")},
        "sip": {"port": 0},
        "webrtc": {
            "token_secret_file": str(folder / "webrtc"),
            "turn_secret_file": str(folder / "turn"),
            "ice_servers": [
                {"urls": ["turn:turn.example.com:3478"]},
                {
                    "urls": ["turn:turn2.example.com:3478"],
                    "username": "offhook",
                    "credential_file": str(folder / "turn-password"),
                },
            ],
        },
        "twilio": {
            "account_sid": "AC" + "0" * 32,
            "auth_token_file": str(folder / "twilio-auth-token"),
            "api_key_sid": "SK" + "0" * 32,
            "api_key_secret_file": str(folder / "twilio-key-secret"),
            "public_url": "https://gateway.example.com",
        },
        "channels": {
            "webhook": {
                "url": "https://program.example.com/hook",
                "secret_file": str(folder / "program"),
            },
            "telegram": {
                "bot_token_file": str(folder / "telegram"),
                "webhook_secret_file": str(folder / "telegram-webhook"),
            },
            "email": {
                "host": "mail.example.com",
                "username": "offhook",
                "password_file": str(folder / "email"),
                "from_address": "offhook@example.com",
            },
            "teams": {"app_id": "teams-app", "app_password_file": str(folder / "teams")},
        },
        "event_webhooks": {
            "crm": {"url": "http://127.0.0.1:9/events", "secret_file": str(folder / "events")}
        },
        "trunks": {
            "carrier": {
                "host": "127.0.0.1",
                "port": 9,
                "username": "offhook",
                "password_file": str(folder / "trunk"),
                "registers": True,
                "caller_id": "+4930123456",
            }
        },
        "agents": {
            "assistant": {
                "kind": "llm",
                "base_url": "http://127.0.0.1:9/v1",
                "model": "none",
                "api_key_file": str(folder / "llm"),
            },
            "echo": {"kind": "echo"},
        },
        "numbers": [{"number": "echo", "agent": "echo"}, {"number": "*", "agent": "assistant"}],
    }


def toml_of(table: Mapping[str, Any], name: str = "") -> str:
    """Return a table of plain values as TOML; its strings are JSON's, which TOML takes."""
    tables = {key: value for key, value in table.items() if isinstance(value, dict)}
    arrays = {
        key: value
        for key, value in table.items()
        if isinstance(value, list) and value and isinstance(value[0], dict)
    }
    lines = [
        f"{key} = {json.dumps(value)}"
        for key, value in table.items()
        if key not in tables and key not in arrays
    ]
    text = "\n".join(([f"[{name}]"] if name else []) + lines) + "\n"
    for key, value in tables.items():
        text += toml_of(value, f"{name}.{key}" if name else key)
    for key, rows in arrays.items():
        whole = f"{name}.{key}" if name else key
        for row in rows:
            text += f"[[{whole}]]\n" + toml_of(row)
    return text
