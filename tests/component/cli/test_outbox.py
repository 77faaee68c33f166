"""`offhook outbox` against the real API on a real socket."""

import asyncio
import json

import pytest

from gateway import api_token, cli
from gateway.channels.outbox.outbox import Outbox
from gateway.commands.exits import Exit
from gateway.config import Config, GatewaySection, HttpSection
from gateway.http import outbox as routes
from gateway.http.server import HttpServer
from tests.support.direct_database import DirectDatabase
from tests.support.fake_http_ports import FakeGateway
from tests.support.fake_transport import REFUSED, FakeTransport
from tests.support.messages import outbound


@pytest.fixture
async def offhook(tmp_path, monkeypatch, capsys):
    """Run the command line beside a server whose outbox has one message sent and one refused."""
    monkeypatch.delenv(api_token.TOKEN_VARIABLE, raising=False)
    database = DirectDatabase()
    outbox = Outbox(database, [FakeTransport([None, REFUSED], takes_s=0.0)])
    await outbox.start()
    for number in (1, 2):
        await outbox.accept(outbound(number))
    await settled(outbox)
    config = Config(gateway=GatewaySection(data_dir=tmp_path), http=HttpSection(port=0))
    fake = FakeGateway(live={}, records=[], lines=[])
    app = fake.app(api_token.ensure(config))
    routes.add_routes(app, outbox)
    server = HttpServer(config.http, app)
    port = await server.start()
    file = tmp_path / "offhook.toml"
    file.write_text(f'[gateway]\ndata_dir = "{tmp_path}"\n[http]\nport = {port}\n')

    async def run(*arguments: str) -> tuple[int, str, str]:
        argv = ["outbox", *arguments, "--config", str(file)]
        code = await asyncio.to_thread(cli.main, argv)
        await settled(outbox)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    yield run
    await server.stop()
    await outbox.close()
    database.close()


async def settled(outbox):
    async with asyncio.timeout(5):
        while outbox.pending:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_messages_are_a_table_with_sums(offhook):
    code, out, _ = await offhook()

    header, second, first, sums = out.splitlines()
    assert code == Exit.OK
    assert header.split() == ["MESSAGE", "STATUS", "ACCEPTED", "CHANNEL", "TO", "ERROR", "TEXT"]
    assert second.split()[:2] == ["m_2", "failed"]
    assert first.endswith("text 1")
    assert sums == "1 failed, 1 sent"


async def test_a_dead_letter_is_found_told_and_sent_again(offhook):
    _, out, _ = await offhook("--dead", "--json")
    (dead,) = json.loads(out)["messages"]

    _, told, _ = await offhook(dead["message_id"])
    assert "m_2 in room r_1: failed (21211 no such number)" in told
    assert "by fake: refused" in told

    code, _, _ = await offhook("m_2", "--replay")
    assert code == Exit.OK
    assert (await offhook("--dead"))[1] == "no messages (2 sent)\n"


async def test_a_message_that_has_not_failed_is_not_sent_again(offhook):
    code, _, complaint = await offhook("m_1", "--replay")

    assert code != Exit.OK
    assert "has not failed" in complaint


async def test_what_to_send_again_must_be_named(offhook):
    code, _, complaint = await offhook("--replay")

    assert code == Exit.USAGE
    assert "needs the ID" in complaint
