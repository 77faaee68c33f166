"""Tests of gateway/channels/telegram_files.py against a server that speaks as Telegram does."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.channels.telegram_files import TelegramFiles
from gateway.config.channels import TelegramSection
from gateway.errors import ProviderRefused, ProviderUnavailable

TOKEN = "42:secret"


class Telegram:
    def __init__(self):
        self.answer = (
            200,
            {"ok": True, "result": {"file_id": "abc", "file_path": "photos/a 1.jpg"}},
        )
        self.asked = []

    async def get_file(self, request):
        assert request.match_info["token"] == TOKEN
        self.asked.append(await request.json())
        status, told = self.answer
        return web.json_response(told, status=status)


@pytest.fixture
async def telegram():
    made = Telegram()
    app = web.Application()
    app.router.add_post("/bot{token}/getFile", made.get_file)
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


def files(telegram):
    return TelegramFiles(TelegramSection(api_url=telegram.url), bot_token=TOKEN)


async def test_an_id_becomes_an_address(telegram):
    found = await files(telegram).resolve("telegram:abc")
    assert found == f"{telegram.url}/file/bot{TOKEN}/photos/a%201.jpg"
    assert telegram.asked == [{"file_id": "abc"}]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            (400, {"ok": False, "error_code": 400, "description": "file is too big"}),
            ProviderRefused,
        ),
        ((200, {"ok": True, "result": {"file_path": "../../etc/passwd"}}), ProviderRefused),
        ((200, []), ProviderRefused),
        ((429, {"ok": False}), ProviderUnavailable),
        ((502, "bad gateway"), ProviderUnavailable),
    ],
)
async def test_what_is_no_address_is_an_error(telegram, answer, error):
    telegram.answer = answer
    with pytest.raises(error):
        await files(telegram).resolve("telegram:abc")


async def test_an_unreachable_telegram_never_shows_the_token():
    section = TelegramSection(api_url="http://127.0.0.1:1")
    with pytest.raises(ProviderUnavailable) as caught:
        await TelegramFiles(section, bot_token=TOKEN).resolve("telegram:abc")
    assert "secret" not in str(caught.value)
