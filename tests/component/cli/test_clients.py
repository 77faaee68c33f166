"""`offhook calls`, `hangup` and `token` against the real API on a real socket."""

import asyncio
import json
import time

import pytest

from gateway import api_token, cli
from gateway.commands.exits import Exit
from gateway.config import Config, GatewaySection, HttpSection
from gateway.http.server import HttpServer
from gateway.http.webrtc.desk import Desk
from gateway.http.webrtc.routes import add_routes
from gateway.http.webrtc.tokens import TokenSigner
from tests.support.fake_browser_calls import FakeBrowserCalls
from tests.support.fake_http_ports import FakeGateway, a_call, a_line

SIGNER = TokenSigner("s" * 48)


@pytest.fixture
def fake():
    return FakeGateway(
        live={"c_2": "conversing"},
        records=[a_call("c_2"), a_call("c_1", cause="caller_hung_up")],
        lines=[a_line(1), a_line(2, text="goodbye")],
    )


@pytest.fixture
async def offhook(fake, tmp_path, monkeypatch, capsys):
    """Run the command line beside a running server; returns exit code, output and complaints."""
    monkeypatch.delenv(api_token.TOKEN_VARIABLE, raising=False)
    # A proxy must not be asked for this machine, nor be shown the token.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    config = Config(gateway=GatewaySection(data_dir=tmp_path), http=HttpSection(port=0))
    app = fake.app(api_token.ensure(config))
    calls = FakeBrowserCalls()
    add_routes(app, Desk(config, SIGNER, calls, calls), {})
    server = HttpServer(config.http, app)
    port = await server.start()
    file = tmp_path / "offhook.toml"
    file.write_text(f'[gateway]\ndata_dir = "{tmp_path}"\n[http]\nport = {port}\n')

    async def run(*arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(cli.main, [*arguments, "--config", str(file)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    run.server = server
    yield run
    await server.stop()


async def test_calls_are_listed_for_people_and_for_machines(offhook):
    code, table, _ = await offhook("calls")
    assert code == Exit.OK
    assert [line.split()[:2] for line in table.splitlines()[1:]] == [
        ["c_2", "conversing"],
        ["c_1", "ended"],
    ]

    _, text, _ = await offhook("calls", "--active", "--json")
    assert [call["call_id"] for call in json.loads(text)["calls"]] == ["c_2"]


async def test_calls_are_written_as_csv(offhook):
    code, told, _ = await offhook("calls", "--csv", "--since", "2020-01-01")
    assert code == Exit.OK
    assert [line.partition(",")[0] for line in told.splitlines()] == ["call_id", "c_2", "c_1"]


async def test_a_wrong_filter_is_told_as_such(offhook):
    code, _, complained = await offhook("calls", "--csv", "--outcome", "eaten")
    assert code == Exit.FAILED
    assert "neither a hangup cause nor a group" in complained


async def test_one_call_is_told_with_its_timeline(offhook):
    code, told, _ = await offhook("calls", "c_1")

    assert code == Exit.OK
    assert told.splitlines()[-1].strip().startswith('20.0  user_said         "goodbye"')


async def test_a_call_is_hung_up(offhook, fake):
    code, told, _ = await offhook("hangup", "c_2")

    assert (code, told) == (Exit.OK, "c_2: ending\n")
    assert fake.hung_up == ["c_2"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("hangup", "c_1"), "call 'c_1' has ended already (call.ended)"),
        (("hangup", "c_9"), "no call 'c_9' (call.not_found)"),
        (("calls", "../../../metrics"), "(call.not_found)"),
    ],
)
async def test_a_refusal_is_one_line(offhook, arguments, complaint):
    code, told, complained = await offhook(*arguments)

    assert (code, told) == (Exit.FAILED, "")
    assert complaint in complained
    assert len(complained.splitlines()) == 1


async def test_a_wrong_token_is_told_as_such(offhook, monkeypatch):
    monkeypatch.setenv(api_token.TOKEN_VARIABLE, "w" * 32)

    code, _, complained = await offhook("calls")
    assert code == Exit.FAILED
    assert "a valid bearer token is needed" in complained


async def test_no_gateway_is_told_with_the_remedy(offhook):
    await offhook.server.stop()

    code, _, complained = await offhook("calls")
    assert code == Exit.UNREACHABLE
    assert "no gateway answers" in complained
    assert "offhook serve" in complained


async def test_a_token_is_printed_and_nothing_else(offhook):
    wanted = ("--agent", "echo", "--name", "Ann", "--subject", "7", "--ttl", "60")
    code, told, _ = await offhook("token", *wanted, "--max-call", "90")

    assert code == Exit.OK
    claims = SIGNER.check(told.strip(), now_s=time.time())
    assert (claims.agent, claims.name, claims.subject) == ("echo", "Ann", "7")
    assert claims.max_call_s == 90
    assert 55 < claims.exp_s - time.time() <= 60


async def test_a_token_has_defaults_and_can_be_read_by_machines(offhook):
    _, told, _ = await offhook("token", "--json")

    assert json.loads(told)["agent"] == "receptionist"


async def test_a_token_for_nobody_is_refused(offhook):
    code, told, complaint = await offhook("token", "--agent", "nobody")

    assert (code, told) == (Exit.FAILED, "")
    assert "there is no agent of this name (agent.not_found)" in complaint
