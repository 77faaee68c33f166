"""`offhook hangup`: ends a call."""

import argparse
from urllib.parse import quote

from gateway.commands.api_client import ApiClient
from gateway.commands.exits import Exit


def run(options: argparse.Namespace) -> int:
    answer = ApiClient.of(options).post(f"/api/v1/calls/{quote(options.call_id, safe='')}/hangup")
    print(f"{answer.get('call_id')}: {answer.get('state')}")
    return Exit.OK
