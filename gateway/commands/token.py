"""`offhook token`: has the running gateway sign a token for one browser call, and prints it."""

import argparse
import json

from gateway.commands.api_client import ApiClient
from gateway.commands.exits import Exit


def run(options: argparse.Namespace) -> int:
    wanted = {
        "agent": options.agent,
        "name": options.name,
        "subject": options.subject,
        "ttl_s": options.ttl,
        "max_call_s": options.max_call,
    }
    body = {key: value for key, value in wanted.items() if value not in (None, "")}
    made = ApiClient.of(options).post("/api/v1/webrtc/tokens", body)
    print(json.dumps(made, indent=2) if options.json else made.get("token", ""))
    return Exit.OK
