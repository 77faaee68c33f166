"""A gateway with a secret in every setting, used and abused: no secret is in anything that it tells anybody."""

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from twilio.request_validator import RequestValidator

from gateway.channels import webhook_signature
from gateway.http.route_scopes import ENDLESS, ROUTE_SCOPES
from tests.interop.gateway.caller import Caller
from tests.interop.gateway.conftest import StartGateway
from tests.interop.gateway.running_gateway import RunningGateway, until
from tests.support.whole_application import SECRETS, everything_on, toml_of

CLOSED = "http://127.0.0.1:9"
"""Nobody listens there: every provider is away, so that every way of failing is gone."""
GUESS = "5ec4e7ff" * 4
"""A token that somebody guesses: it may be a right one, elsewhere."""


def settings(folder: Path) -> dict[str, Any]:
    config = everything_on(folder)
    for section in ("gateway", "http", "sip"):
        del config[section]
    config["twilio"]["api_url"] = CLOSED
    config["twilio"]["timeout_s"] = 1.0
    channels = config["channels"]
    channels["webhook"]["url"] = f"{CLOSED}/hook"
    channels["telegram"]["api_url"] = CLOSED
    channels["teams"] |= {"service_url": CLOSED, "login_url": CLOSED}
    channels["email"] |= {"host": "127.0.0.1", "port": 9}
    config["fallback"] = {
        "quiet_from": "00:00",
        "quiet_to": "00:00",
        "order": ["whatsapp", "sms"],
        "senders": {"sms": "+4930123456", "whatsapp": "+4930123456"},
    }
    config["outbox"] = {"tries": 2, "first_retry_s": 0.1, "longest_retry_s": 0.1, "settle_s": 0.1}
    return config


def shapes(secret: str) -> set[str]:
    """A secret as it may be told: plain, quoted, in a basic authorization (whatever the user's name was)."""
    found = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
    for padding in ("", "a", "ab"):
        # The inner part of its base64, at each of the three places where it may begin.
        code = base64.b64encode((padding + secret).encode()).decode()
        found.add(code[4 : len(code) - 4])
    return found


class Told:
    """All that was told, by whom."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def add(self, source: str, text: str) -> None:
        self.texts[source] = self.texts.get(source, "") + text

    def leaks(self, secrets: dict[str, str]) -> list[str]:
        return [
            f"{name} in {source}: …{text[max(0, text.find(shape) - 80) : text.find(shape)]}"
            for source, text in self.texts.items()
            for name, secret in secrets.items()
            for shape in shapes(secret)
            if shape in text
        ]


def test_the_search_finds_every_shape():
    told = Told()
    for user in ("", "a", "ab", "abc"):
        code = base64.b64encode(f"{user}:{SECRETS['llm']}".encode()).decode()
        told.texts = {"log": f"Authorization: Basic {code}"}
        assert told.leaks(SECRETS), user
    told.texts = {"log": "nothing of the kind"}
    assert not told.leaks(SECRETS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("secrets")


@pytest.fixture(scope="module")
def guarded(folder: Path, cache: Path) -> Iterator[RunningGateway]:
    text = toml_of(settings(folder))
    data_dir = folder / "data"
    data_dir.mkdir(mode=0o700)
    # Where the API's token would be made, so that it is a secret that can be found again.
    (data_dir / "api-token").write_text(SECRETS["api-token"])
    (data_dir / "api-token").chmod(0o600)
    with RunningGateway(
        folder / "own",
        cache,
        text,
        data_dir=data_dir,
        gateway='log_level = "debug"',
        http=f"api_token_file = {json.dumps(str(data_dir / 'api-token'))}",
    ) as gateway:
        yield gateway


def request(
    gateway: RunningGateway,
    told: Told,
    method: str,
    path: str,
    *,
    token: str = "",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> int:
    """Ask, and keep the whole answer."""
    sent = {"Authorization": f"Bearer {token}"} if token else {}
    asked = urllib.request.Request(
        f"http://127.0.0.1:{gateway.http_port}{path}",
        data=body,
        method=method,
        headers={**sent, **(headers or {})},
    )
    try:
        with urllib.request.urlopen(asked, timeout=15) as answer:
            status, text, head = answer.status, answer.read(), str(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            status, text, head = error.code, error.read(), str(error.headers)
    told.add(f"{method} {path.partition('?')[0]}", head + text.decode(errors="replace"))
    return int(status)


def command(gateway: RunningGateway, told: Told, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments, "--config", str(gateway.config_file)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    told.add(f"offhook {' '.join(arguments)}", done.stdout + done.stderr)


def webhooks(gateway: RunningGateway, told: Told) -> None:
    """Each webhook, with a right and with a wrong signature; what comes in cannot be answered."""
    message = json.dumps({"from": "+491511111111", "to": "+4930123456", "text": "hello?"}).encode()
    signed = webhook_signature.sign(
        webhook_signature.key_of(SECRETS["program"]), "msg_1", message, at=time.time()
    )
    as_json = {"Content-Type": "application/json"}
    assert request(
        gateway, told, "POST", "/hooks/messages", body=message, headers={**as_json, **signed}
    ) in (200, 204)
    request(
        gateway,
        told,
        "POST",
        "/hooks/messages",
        body=message,
        headers={**as_json, **signed, "webhook-signature": f"v1,{GUESS}"},
    )
    fields = {
        "AccountSid": "AC" + "0" * 32,
        "MessageSid": "SM" + "1" * 32,
        "From": "+491522222222",
        "To": "+4930123456",
        "Body": "hello?",
        "NumMedia": "0",
    }
    form = "&".join(f"{key}={quote(value, safe='')}" for key, value in fields.items()).encode()
    signature = RequestValidator(SECRETS["twilio-auth-token"]).compute_signature(
        "https://gateway.example.com/twilio/messages", fields
    )
    as_form = {"Content-Type": "application/x-www-form-urlencoded"}
    for given in (signature, GUESS):
        request(
            gateway,
            told,
            "POST",
            "/twilio/messages",
            body=form,
            headers={**as_form, "X-Twilio-Signature": given},
        )
    update = {
        "message": {
            "message_id": 1,
            "chat": {"id": 77, "type": "private"},
            "from": {"is_bot": False, "first_name": "Ann"},
            "text": "hello?",
        }
    }
    for given in (SECRETS["telegram-webhook"], GUESS):
        request(
            gateway,
            told,
            "POST",
            "/telegram/messages",
            body=json.dumps(update).encode(),
            headers={**as_json, "X-Telegram-Bot-Api-Secret-Token": given},
        )
    request(
        gateway,
        told,
        "POST",
        "/teams/messages",
        body=b"{}",
        headers={**as_json, "Authorization": f"Bearer {GUESS}"},
    )


def test_no_secret_is_told_to_anybody(
    guarded: RunningGateway, folder: Path, tmp_path: Path
) -> None:
    told = Told()
    api = SECRETS["api-token"]
    command(guarded, told, "config", "show")
    command(guarded, told, "check", "--json")
    command(guarded, told, "check", "--live")
    command(guarded, told, "tokens", "list", "--json")

    # A call whose agent has no model to think with, messages that cannot be answered, a call that goes nowhere.
    with Caller(tmp_path, guarded.sip_port, "desk") as caller:
        record = guarded.wait_for(caller.number, "gate_opened")
        guarded.get(f"/api/v1/calls/{record['call_id']}/hangup", method="POST")
        request(
            guarded, told, "POST", f"/api/v1/calls/{record['call_id']}/hangup", token=api, body=b""
        )
        caller.expect_success()
    webhooks(guarded, told)
    request(guarded, told, "POST", "/webrtc/calls", token=GUESS, body=b"v=0\r\n")
    request(
        guarded,
        told,
        "POST",
        "/api/v1/calls",
        token=api,
        body=json.dumps({"to": "+4930999", "agent": "echo"}).encode(),
        headers={"Content-Type": "application/json"},
    )
    until(lambda: gave_up(guarded) >= {"webhook", "sms", "telegram"}, 40, "failures")

    calls = json.loads(told_by(guarded, told, "/api/v1/calls", api))["calls"]
    rooms = {call["room_id"] for call in calls if "room_id" in call}
    assert calls
    paths = {"/", "/healthz", "/readyz", "/metrics", "/webrtc/config", "/nothing", "/console"}
    for method, route in ROUTE_SCOPES:
        path = route.replace("{call_id}", calls[0]["call_id"])
        path = re.sub(r"\{[a-z_]+\}", next(iter(rooms), "x"), path)
        if (method, route) in ENDLESS:
            told.add(f"GET {path}", beginning_of(guarded, path, api))
        elif method == "GET":
            paths.add(path)
        request(guarded, told, method, path, token=GUESS, body=b"" if method != "GET" else None)
    for path in paths:
        told_by(guarded, told, path, api)
    for room in rooms:
        told_by(guarded, told, f"/api/v1/rooms/{room}/timeline", api)
    for message in json.loads(told_by(guarded, told, "/api/v1/outbox", api))["messages"]:
        told_by(guarded, told, f"/api/v1/outbox/{message['message_id']}", api)

    command(guarded, told, "calls", "--json")
    command(guarded, told, "outbox", "--json")
    assert guarded.process is not None
    told.add("process list", command_lines(guarded))
    guarded.stop()
    told.add("log", guarded.log())
    for path in (folder / "data").rglob("*"):
        if path.is_file():
            told.add(f"file {path.name}", path.read_bytes().decode(errors="replace"))

    own = {name: told.texts.pop(name) for name in list(told.texts) if name in OWN_FILES}
    assert told.leaks({**SECRETS, "guess": GUESS}) == []
    assert len(told.texts) > 30
    for name in own:
        mode = (folder / "data" / name.removeprefix("file ")).stat().st_mode
        assert mode & 0o077 == 0, name
    for path in (folder / "data").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


OWN_FILES = {"file telephony.json", "file webrtc.json", "file api-token"}
"""Files that hold what somebody of ours needs."""


def beginning_of(gateway: RunningGateway, path: str, token: str) -> str:
    """Return what an answer without end tells in its first second."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{gateway.http_port}{path}", headers={"Authorization": f"Bearer {token}"}
    )
    lines = []
    with (
        contextlib.suppress(TimeoutError, urllib.error.HTTPError),
        urllib.request.urlopen(asked, timeout=1) as answer,
    ):
        lines.append(str(answer.headers))
        while line := answer.readline():
            lines.append(line.decode(errors="replace"))
    return "".join(lines)


def gave_up(gateway: RunningGateway) -> set[str]:
    """Return the channels by which a message could not be sent."""
    messages = gateway.get("/api/v1/outbox?limit=200")[1]["messages"]
    return {message["channel"] for message in messages if message["error_code"]}


def told_by(gateway: RunningGateway, told: Told, path: str, token: str) -> str:
    source = f"GET {path.partition('?')[0]}"
    told.texts.pop(source, None)
    request(gateway, told, "GET", path, token=token)
    return told.texts[source].rpartition("\n\n")[2]


def command_lines(gateway: RunningGateway) -> str:
    """What everybody on this machine sees of our processes."""
    assert gateway.process is not None
    group = [gateway.process.pid]
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if parent == gateway.process.pid:
                group.append(int(folder.name))
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ") for pid in group]
    assert len(lines) > 2
    return b"\n".join(lines).decode() + "".join(
        os.readlink(f"/proc/{pid}/cwd") for pid in group if Path(f"/proc/{pid}").exists()
    )


def test_a_token_is_told_once_and_kept_nowhere(own_gateway: StartGateway) -> None:
    gateway = own_gateway(gateway='log_level = "debug"')
    told = Told()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gateway", "tokens", "create", "a", "--scope", "read"),
            *("--config", str(gateway.config_file)),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    token = done.stdout.strip()
    assert request(gateway, told, "GET", "/api/v1/calls", token=token) == 200
    assert request(gateway, told, "POST", "/api/v1/calls/c_x/hangup", token=token, body=b"") == 403
    command(gateway, told, "tokens", "list")
    assert "read" in told.texts["offhook tokens list"]
    command(gateway, told, "tokens", "revoke", "a")
    until(lambda: request(gateway, told, "GET", "/api/v1/calls", token=token) == 401, 5, "refusal")
    gateway.stop()
    told.add("log", gateway.log())
    for path in gateway.data_dir.rglob("*"):
        if path.is_file():
            told.add(f"file {path.name}", path.read_bytes().decode(errors="replace"))
    assert told.leaks({"token": token}) == []
