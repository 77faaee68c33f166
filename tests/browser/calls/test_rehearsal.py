"""`offhook rehearse --webrtc` against the real gateway: calls like a browser, is understood, judges, records."""

import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np

from tests.browser.calls.conftest import StartGateway
from tests.interop.gateway.conftest import SETTINGS
from tests.interop.gateway.running_gateway import RunningGateway, entries

SCRIPT = """\
> hello
When are you open?
> nine to five
keys: 5
"""


def _rehearse(gateway: RunningGateway, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", "rehearse", "--webrtc"]
    return subprocess.run(
        [*command, "--config", str(gateway.config_file), *options],
        capture_output=True,
        text=True,
        timeout=150,
    )


def test_a_rehearsal_over_webrtc(web_desk: RunningGateway, tmp_path: Path) -> None:
    script, record = tmp_path / "script.txt", tmp_path / "call.wav"
    script.write_text(SCRIPT)
    done = _rehearse(
        web_desk, "--agent", "desk", "--script", str(script), "--record", str(record), "--json"
    )

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["passed"]
    assert report["target"].endswith("/webrtc/calls?agent=desk")
    call = report["call"]
    assert call["endpoint"] == "webrtc"
    assert call["caller"].startswith("web:rehearsal-")
    assert entries(call, "greeting_played", interrupted=False)
    assert [line["facts"]["digit"] for line in entries(call, "dtmf")] == ["5"]
    with wave.open(str(record)) as opened:
        sound = np.frombuffer(opened.readframes(opened.getnframes()), "<i2")
        assert opened.getnchannels() == 2
    assert np.abs(sound[0::2]).max() > 3_000
    assert np.abs(sound[1::2]).max() > 3_000


def test_an_agent_that_is_not_there(web_desk: RunningGateway) -> None:
    done = _rehearse(web_desk, "--agent", "nobody", "--say", "Hello?", "--json")
    assert done.returncode == 1, done.stdout + done.stderr


def test_a_gateway_without_browser_calls(own_gateway: StartGateway) -> None:
    gateway = own_gateway("[webrtc]\nenabled = false\n" + SETTINGS)
    done = _rehearse(gateway, "--say", "Hello?")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
