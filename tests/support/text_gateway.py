"""The written half of a gateway as a process of its own: webhooks, rooms, outbox, fallback; no telephone, no speech.

`python -m tests.support.text_gateway OPTIONS`, where OPTIONS is the JSON of `Options`. It prints its port on a
line of its own when webhooks are answered, and ends in order on SIGTERM. It is wired as the gateway is, with an agent
that repeats what it reads.
"""

import asyncio
import gc
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.app.texting import TextSide
from gateway.config import Config, HttpSection
from gateway.http.server import HttpServer, build_app
from gateway.metrics import Metrics
from gateway.model.text_agent import TextReply, TextTurn
from gateway.store.store import Store
from tests.support.fake_http_ports import FakeGateway
from tests.support.loop_watch import LoopWatch
from tests.support.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN

PUBLIC_URL = "https://voice.example.com"
AGENT = "receptionist"
"""Which the default configuration routes every number to."""
API_TOKEN = "t" * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the process is told."""

    data_dir: str
    twilio_url: str
    burst: int = 1_000
    """Messages to one person at once."""
    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Further sections of the configuration, by name."""
    watches_loop: bool = False

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        """Run it, with its log in a file."""
        command = [sys.executable, "-m", "tests.support.text_gateway", json.dumps(asdict(self))]
        with log.open("ab") as file:
            return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=file)

    def config(self) -> Config:
        """Return the configuration; the token's file is made."""
        data_dir = Path(self.data_dir)
        data_dir.mkdir(parents=True, exist_ok=True)
        token = data_dir / "token"
        token.write_text(AUTH_TOKEN)
        told: dict[str, Any] = {
            "gateway": {"data_dir": data_dir},
            "twilio": {
                "account_sid": ACCOUNT_SID,
                "auth_token_file": token,
                "api_url": self.twilio_url,
                "public_url": PUBLIC_URL,
            },
            "outbox": {"burst": self.burst},
        }
        for name, section in self.sections.items():
            told[name] = {**told.get(name, {}), **section}
        return Config.model_validate(told)


class EchoDesk:
    """A `TextAgent` that repeats what was written."""

    name = AGENT
    greeting = "Hello, this is the desk."
    apology = "Sorry."

    async def answer(self, turn: TextTurn) -> TextReply:
        return TextReply(text=f"you wrote: {turn.text}")


async def main(options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics = Metrics()
    config = options.config()
    store = Store(config.gateway.data_dir)
    texting = TextSide(config, store, {}, metrics)
    texting.agents[AGENT] = EchoDesk()
    fake = FakeGateway()
    app = build_app(
        token=API_TOKEN, live=fake, readiness=fake, archive=fake, registry=metrics.registry
    )
    texting.add_routes(app)
    watch = LoopWatch()
    if options.watches_loop:
        watch.install()
        app.router.add_get("/test/loop", _tells(watch))
    server = HttpServer(HttpSection(port=0), app)
    await store.start()
    await texting.start()
    port = await server.start()
    gc.collect()
    gc.freeze()
    await asyncio.sleep(0)
    watch.reset()
    os.write(1, f"{port}\n".encode())
    await stop.wait()
    await server.stop()
    await texting.close()
    await store.close()


def _tells(watch: LoopWatch) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def tell(_request: web.Request) -> web.StreamResponse:
        told = watch.told()
        watch.reset()
        return web.json_response(told)

    return tell


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main(Options(**json.loads(sys.argv[1]))))
