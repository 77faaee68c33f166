"""The written half of a gateway as a process of its own: webhooks, rooms, agents, outbox; no telephone, no speech.

`python -m tests.support.text_gateway OPTIONS`, where OPTIONS is the JSON of `Options`. It prints its port on a
line of its own when webhooks are answered, and ends in order on SIGTERM.
"""

import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from aiohttp import web

from gateway.channels.durable_reception import DurableReception
from gateway.channels.keywords import Keyword
from gateway.channels.outbox.outbox import Outbox
from gateway.channels.outbox.recipient_limit import RecipientLimit
from gateway.channels.text_parts import split
from gateway.channels.twilio.transport import TwilioTransport
from gateway.config import HttpSection
from gateway.config.twilio import TwilioSection
from gateway.http.peer import Peers
from gateway.http.server import HttpServer, build_app
from gateway.http.twilio.public_url import PublicUrl
from gateway.http.twilio.webhooks import TwilioWebhooks
from gateway.metrics import Metrics
from gateway.model.messages import InboundMessage
from gateway.model.text_agent import TextReply, TextTurn
from gateway.rooms.letters import Letters
from gateway.rooms.text_desk import TextDesk
from gateway.store.store import Store
from tests.support.fake_http_ports import FakeGateway
from tests.support.loop_watch import LoopWatch
from tests.support.twilio_stand_in import ACCOUNT_SID, AUTH_TOKEN

PUBLIC_URL = "https://voice.example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the process is told."""

    data_dir: str
    twilio_url: str
    burst: int = 10_000
    """Messages to one person at once."""
    watches_loop: bool = False

    def argv(self) -> list[str]:
        """Return the command that runs it."""
        return [sys.executable, "-m", "tests.support.text_gateway", json.dumps(asdict(self))]


class EchoDesk:
    """A `TextAgent` that repeats what was written."""

    name = "desk"
    greeting = "Hello, this is the desk."
    apology = "Sorry."

    async def answer(self, turn: TextTurn) -> TextReply:
        return TextReply(text=f"you wrote: {turn.text}")


async def _no_keywords(_message: InboundMessage, _keyword: Keyword) -> None:
    return None


async def main(options: Options) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics = Metrics()
    store = Store(Path(options.data_dir))
    await store.start()
    section = TwilioSection(
        account_sid=ACCOUNT_SID,
        auth_token_file=Path(os.devnull),
        api_url=options.twilio_url,
        public_url=PUBLIC_URL,
    )
    transport = TwilioTransport(section, auth_token=AUTH_TOKEN)
    outbox = Outbox(store, [transport], limit=RecipientLimit(burst=options.burst))
    letters = Letters(store, outbox, lambda _channel, text: split(text, 1600), clock=time.time)
    agent = EchoDesk()
    desk = TextDesk(store, letters, lambda _number, _channel: agent, clock=time.time)
    reception = DurableReception(
        store, on_message=desk.look, on_receipt=outbox.receive, on_keyword=_no_keywords
    )
    fake = FakeGateway()
    app = build_app(
        token="t" * 32, live=fake, readiness=fake, archive=fake, registry=metrics.registry
    )
    TwilioWebhooks(
        reception,
        PublicUrl(PUBLIC_URL, Peers()),
        account_sid=ACCOUNT_SID,
        auth_tokens=[AUTH_TOKEN],
    ).add_routes(app)
    watch = LoopWatch()
    if options.watches_loop:
        watch.install()
        app.router.add_get("/test/loop", _tells(watch))
    server = HttpServer(HttpSection(port=0), app)
    await outbox.start()
    answering = asyncio.create_task(desk.run())
    port = await server.start()
    watch.reset()
    os.write(1, f"{port}\n".encode())
    await stop.wait()
    await server.stop()
    answering.cancel()
    await asyncio.gather(answering, return_exceptions=True)
    await outbox.close()
    await transport.close()
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
