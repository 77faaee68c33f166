"""`offhook reload`: has the running gateway read its configuration again, and tells what took effect."""

import argparse

from gateway.commands.api_client import ApiClient
from gateway.commands.exits import Exit


def run(options: argparse.Namespace) -> int:
    answer = ApiClient.of(options).post("/api/v1/reload")
    if answer.get("state") == "reloading":
        print("reloading goes on (new greetings are rendered); the log tells when it is done")
        return Exit.OK
    print(f"changed: {', '.join(answer.get('changed', ())) or 'nothing'}")
    if keys := answer.get("needs_restart"):
        print(f"needs a restart: {', '.join(keys)}")
    return Exit.OK
