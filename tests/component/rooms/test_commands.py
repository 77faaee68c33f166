"""`offhook send` and `offhook rooms` against the real API on a real socket."""

import asyncio
import json

import pytest

from gateway import api_token, cli
from gateway.commands.exits import Exit
from tests.component.rooms.house import ANN, OURS, TOKEN


@pytest.fixture
async def offhook(house, tmp_path, monkeypatch, capsys):
    """Run the command line beside the house; returns code, output and complaints."""
    monkeypatch.setenv(api_token.TOKEN_VARIABLE, TOKEN)
    file = tmp_path / "offhook.toml"
    file.write_text(f'[gateway]\ndata_dir = "{tmp_path}"\n')

    async def run(*arguments):
        argv = [*arguments, "--config", str(file), "--url", house.base_url]
        code = await asyncio.to_thread(cli.main, argv)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


async def test_send_writes_and_says_where(offhook, house):
    code, out, _ = await offhook("send", ANN, "Hello there", "--key", "k")
    assert code == Exit.OK
    assert out.startswith("m_")
    assert f"to {ANN} by sms in room r_" in out
    code, out, _ = await offhook("send", ANN, "Hello there", "--key", "k", "--json")
    assert json.loads(out)["duplicate"] is True
    assert await house.sent() == [(ANN, "Hello there")]


async def test_send_says_what_is_wrong(offhook):
    for arguments, words in (
        (("send", "nobody", "hi"), "to: 'nobody' is no address"),
        (("send", "ann@example.org", "hi"), "no provider serves email"),
        (("send", ANN, "hi", "--variable", "a=b"), "--variable is for a --template"),
    ):
        code, _, complaint = await offhook(*arguments)
        assert code in (Exit.FAILED, Exit.USAGE)
        assert words in complaint


async def test_rooms_are_a_table_and_one_is_told_in_order(offhook, house):
    room_id = await house.a_call(ANN, call_id="c_1", live=True)
    await house.ask("POST", "/api/v1/identities", {"address": "web:ann", "person": ANN})
    house.take_message(room_id, "c_1", "Call \x1b[31mme")
    await house.rooms.call_texts.send_message("c_1", {"text": "Our address: 1 Harbour Road"})

    code, out, _ = await offhook("rooms", "--address", ANN)
    assert code == Exit.OK
    header, row = out.splitlines()
    assert header.split() == ["ROOM", "LAST", "PERSON", "NUMBER", "LINES", "CALL", "WHAT"]
    assert row.split()[0] == room_id
    assert OURS in row
    assert " now " in row

    code, out, _ = await offhook("rooms", "show", room_id)
    lines = out.splitlines()
    assert lines[0] == f"room {room_id}: {ANN} at {OURS}"
    assert "also known as web:ann" in lines[1]
    assert "\x1b" not in out
    told = "\n".join(lines)
    assert told.index("message taken") < told.index('"Our address: 1 Harbour Road"')
    assert "answered" not in told
    _, out, _ = await offhook("rooms", "show", room_id, "--all")
    assert "answered" in out
    _, out, _ = await offhook("rooms", "show", room_id, "--json")
    assert [line["seq"] for line in json.loads(out)["timeline"]] == [1, 2, 3, 4]


async def test_say_speaks_in_the_call_and_writes_without_one(offhook, house):
    room_id = await house.a_call(ANN, live=True)
    code, out, _ = await offhook("rooms", "say", room_id, "Your taxi is here.")
    assert (code, out.strip()) == (Exit.OK, "spoken in call c_1")
    house.calls.live[0].lines[0].set_result(True)
    house.calls.live.clear()
    code, out, _ = await offhook("rooms", "say", room_id, "It waits.")
    assert code == Exit.OK
    assert out.startswith("written: m_")
    assert await house.sent() == [(ANN, "It waits.")]
    code, _, complaint = await offhook("rooms", "say", "r_none", "hi")
    assert (code, "no room 'r_none'" in complaint) == (Exit.FAILED, True)


async def test_no_rooms_are_no_table(offhook):
    assert (await offhook("rooms"))[1] == "no rooms\n"
