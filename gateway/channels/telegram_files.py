"""Finds where Telegram keeps a file: https://core.telegram.org/bots/api#getfile."""

import json
from typing import Any
from urllib.parse import quote

import aiohttp

from gateway.channels.http_client import request
from gateway.config.channels import TelegramSection
from gateway.errors import ProviderRefused, ProviderUnavailable
from gateway.model.messages import SendFailed


class TelegramFiles:
    """Resolves `telegram:<file_id>`; the address that it returns holds for an hour and carries the token."""

    def __init__(self, section: TelegramSection, *, bot_token: str) -> None:
        self._section = section
        self._bot_token = bot_token

    async def resolve(self, url: str) -> str:
        """Return the file's address. Raises `ProviderRefused` or `ProviderUnavailable`."""
        api, token = self._section.api_url, self._bot_token
        try:
            async with aiohttp.ClientSession() as session:
                answer = await request(
                    session,
                    "POST",
                    f"{api}/bot{token}/getFile",
                    timeout_s=self._section.timeout_s,
                    json={"file_id": url.partition(":")[2]},
                )
        except SendFailed as error:
            # Its words could hold the address, and that the token.
            raise ProviderUnavailable(f"Telegram was not reached: {error.code}") from None
        path = _path(answer.body)
        if answer.is_good and path:
            return f"{api}/file/bot{token}/{quote(path)}"
        if answer.status == 429 or answer.status >= 500:
            raise ProviderUnavailable(f"Telegram answered {answer.status}")
        raise ProviderRefused("Telegram does not give the file")


def _path(body: bytes) -> str:
    try:
        told: Any = json.loads(body)
    except ValueError:
        return ""
    result = told.get("result") if isinstance(told, dict) else None
    path = result.get("file_path") if isinstance(result, dict) else None
    return path if isinstance(path, str) and ".." not in path else ""
