"""`offhook rehearse`: the bundled caller against a running gateway, as an operator runs it."""

import json
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np

from tests.interop.gateway.running_gateway import RunningGateway, entries

SCRIPT = """\
When are you open?
> nine to five
No, that is all. Goodbye.
> thank you
"""


def rehearse(gateway: RunningGateway, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", "rehearse", "--config", str(gateway.config_file)]
    return subprocess.run([*command, *options], capture_output=True, text=True, timeout=150)


def test_a_good_agent_passes_and_everything_is_recorded(
    desk: RunningGateway, tmp_path: Path
) -> None:
    script, sound, picture = (tmp_path / name for name in ("call.txt", "call.wav", "call.png"))
    script.write_text(SCRIPT)
    files = ("--record", str(sound), "--plot", str(picture))
    done = rehearse(desk, "--number", "desk", "--script", str(script), "--json", *files)

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["passed"]
    # Told from where the reader stands: the far side of this caller is the gateway.
    assert report["ended"].startswith("the gateway hung up"), report["ended"]
    heard = " ".join(line["text"] for line in report["transcript"]).lower()
    assert "monday to friday" in heard
    record = desk.record(report["call"]["call_id"])
    assert record["callee"] == "desk"
    assert entries(record, "gate_opened", reason="greeting_played")
    with wave.open(str(sound)) as recording:
        assert recording.getnchannels() == 2
        pcm = np.frombuffer(recording.readframes(recording.getnframes()), "<i2").reshape(-1, 2)
    caller, gateway = np.abs(pcm.astype(np.int32)).max(axis=0)
    assert caller > 1_000
    assert gateway > 1_000
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_wrong_answer_fails(desk: RunningGateway) -> None:
    done = rehearse(desk, "--number", "desk", "--say", "When are you open?", "--say", "> at noon")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "at noon" in done.stdout


def test_a_number_nobody_answers_is_told(desk: RunningGateway) -> None:
    done = rehearse(desk, "--number", "nobody")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "no_route" in done.stdout or "404" in done.stdout
