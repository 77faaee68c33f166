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
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from gateway.app.texting import TextSide
from gateway.config import Config, HttpSection
from gateway.http.server import HttpServer, build_app
from gateway.metrics import Metrics
from gateway.model.events import EndpointKind, Offered
from gateway.model.hangup import HangupCause
from gateway.model.messages import InboundMessage
from gateway.model.text_agent import TextAgent, TextReply, TextTurn
from gateway.rooms.timeline import Entry, Kind, Recorder
from gateway.rooms.watched_recorder import WatchedRecorder
from gateway.store.store import Store
from tests.support.fake_http_ports import FakeGateway
from tests.support.loop_watch import LoopWatch
from tests.support.store_writer import die_before
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
    dies_before: int = 0
    """Kill the process right before so manieth statement or commit of its writer; 0: it lives."""

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


async def _no_call(_room_id: str, _message: InboundMessage) -> bool:
    return False


def text_side(config: Config, store: Store, metrics: Metrics, agent: TextAgent) -> TextSide:
    """Return the written half, with an agent for every number and no call that goes on."""
    made = TextSide(config, store, {}, metrics, in_call=_no_call, on_taken=lambda _room_id: None)
    made.agents[AGENT] = agent
    return made


def print_port(port: int) -> None:
    os.write(1, f"{port}\n".encode())


def run(options: Options, ready: Callable[[int], None] = print_port) -> None:
    """Run it in this process; `ready` gets the port."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    asyncio.run(main(options, ready))


async def main(options: Options, ready: Callable[[int], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics = Metrics()
    config = options.config()
    store = Store(config.gateway.data_dir)
    texting = text_side(config, store, metrics, EchoDesk())
    fake = FakeGateway()
    app = build_app(
        token=API_TOKEN, live=fake, readiness=fake, archive=fake, registry=metrics.registry
    )
    texting.add_routes(app)
    recorder = WatchedRecorder(store, [texting.after_calls])
    app.router.add_post("/test/calls", _ends_call(recorder, store))
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
    ready(port)
    if options.dies_before:
        # Not before: what the start has left to write would count.
        die_before(options.dies_before)
    await stop.wait()
    await server.stop()
    await texting.close()
    await store.close()


def _ends_call(
    recorder: Recorder, store: Store
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A telephone call as its session writes it down, that ended as the request tells."""

    async def end(request: web.Request) -> web.Response:
        told = await request.json()
        offered = Offered(
            call_id=told["call_id"],
            at_s=time.monotonic(),
            endpoint=EndpointKind.SIP,
            caller=told["person"],
            callee=told["number"],
        )
        room = await recorder.room_for(number=offered.callee, person=offered.caller)
        recorder.call_offered(offered, room_id=room.room_id, agent=AGENT)
        for kind in (Kind.ANSWERED, Kind.GREETING_STARTED):
            recorder.append(
                Entry(room_id=room.room_id, call_id=offered.call_id, kind=kind, offset_ms=1.0)
            )
        recorder.call_ended(
            offered.call_id, cause=HangupCause(told["cause"]), detail="", offset_ms=900.0
        )
        await store.flush()
        return web.json_response({"room_id": room.room_id})

    return end


def _tells(watch: LoopWatch) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def tell(_request: web.Request) -> web.StreamResponse:
        told = watch.told()
        watch.reset()
        return web.json_response(told)

    return tell


if __name__ == "__main__":
    run(Options(**json.loads(sys.argv[1])))
