"""A gateway that may dial one trunk, a trunk made of SIPp, and what the API says of calls placed there."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.interop.gateway.running_gateway import Record, RunningGateway, until
from tests.interop.support.rtp import RtpSocket
from tests.interop.support.sipp import Sipp, start_sipp

NUMBER, OURS = "+4930123456", "+493099"
GREETING = "Hello, thank you for calling. How can I help you?"
TRUNK_NOWHERE = 9
"""SIPp as a trunk only answers: it is not told where we are."""


def settings(directory: Path, port: int, **dialling: Any) -> str:
    """Return the configuration of a gateway with a trunk on this port of loopback."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "trunk-password").write_text("right-horse\n")
    values = {"allow": ["+49"], "calls_per_number": 50, **dialling}
    rules = "\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items())
    return f"""
[trunks.provider]
host = "127.0.0.1"
port = {port}
username = "offhook"
password_file = "trunk-password"
domain = "trunk.example"
caller_id = "{OURS}"
[dialling]
{rules}
[agents.desk]
kind = "receptionist"
greeting = "{GREETING}"
[[numbers]]
number = "{OURS}"
agent = "desk"
"""


def start_trunk(scenario: str, directory: Path, rtp: RtpSocket, **options: Any) -> Sipp:
    """Start SIPp as the trunk; `stop` it."""
    keys = {"rtp_port": str(rtp.port)}
    return start_sipp(scenario, TRUNK_NOWHERE, directory, keys=keys, **options)


def post(
    gateway: RunningGateway, path: str, body: Mapping[str, Any] | None = None, **headers: str
) -> tuple[int, Any]:
    """Return status and body of a POST to the API."""
    token = (gateway.data_dir / "api-token").read_text().strip()
    request = urllib.request.Request(
        f"http://127.0.0.1:{gateway.http_port}{path}",
        data=json.dumps(body or {}).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def dial(gateway: RunningGateway, **body: Any) -> str:
    """Place a call; returns its id."""
    status, placed = post(gateway, "/api/v1/calls", {"to": NUMBER, **body})
    assert status == 201, placed
    call_id: str = placed["call_id"]
    return call_id


def wait_for(gateway: RunningGateway, call_id: str, kind: str, bound_s: float = 15) -> Record:
    """Return a call once its timeline has an entry of this kind."""

    def told() -> Record | None:
        status, record = gateway.get(f"/api/v1/calls/{call_id}")
        lines = record.get("timeline", []) if status == 200 else []
        return record if any(line["kind"] == kind for line in lines) else None

    found = until(told, bound_s, f"{kind} of {call_id}")
    assert found is not None
    return found


def wait_until_ended(gateway: RunningGateway, call_id: str, bound_s: float = 20) -> Record:
    """Return a call once its record is closed."""

    def ended() -> Record | None:
        status, record = gateway.get(f"/api/v1/calls/{call_id}")
        return record if status == 200 and record.get("cause") else None

    found = until(ended, bound_s, f"the end of {call_id}")
    assert found is not None
    return found
