"""A recorded call: the file has what went over the wire, both ways and in time, and outlives a kill."""

import signal
import time
import urllib.request
import wave

import numpy as np

from gateway.media.resample import resample
from tests.interop.gateway.caller import Samples
from tests.interop.gateway.conftest import ASK_HOURS, HOURS, SETTINGS, Call, StartGateway, Words
from tests.interop.gateway.matching import find, loud_part
from tests.interop.gateway.running_gateway import RunningGateway, entries, tell

RECORDED = SETTINGS.replace(
    'number = "desk"\nagent = "desk"', 'number = "desk"\nagent = "desk"\nrecording = "announce"'
)
RATE_HZ = 8_000


def tracks(path: object, *, skip: int = 0) -> tuple[Samples, Samples]:
    """Both tracks at the rate of the line, from a sample of the file on."""
    with wave.open(str(path)) as file:
        both = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)[skip:]
    left, right = (resample(np.ascontiguousarray(both[:, i]), 16_000, RATE_HZ) for i in (0, 1))
    return left.astype(np.float64), right.astype(np.float64)


def test_the_file_has_what_both_sides_said_when_they_said_it(
    own_gateway: StartGateway, call: Call, words: Words, rendered: Words
) -> None:
    gateway = own_gateway(RECORDED)
    caller = call(gateway)
    gateway.wait_for(caller.number, "gate_opened", reason="greeting_played")
    question = words(ASK_HOURS)
    caller.say(question)
    record = gateway.wait_for_words(caller.number, "nine to five")
    time.sleep(1)
    heard = caller.heard()
    status, listed = gateway.get("/api/v1/recordings")
    assert (status, listed["recordings"][0]["state"]) == (200, "running")
    gateway.get(f"/api/v1/calls/{record['call_id']}/hangup", method="POST")
    caller.expect_success()
    record = gateway.wait_until_ended(caller.number)

    (greeting,) = entries(record, "agent_said", greeting=True)
    assert greeting["text"].startswith("This call is recorded.")
    begun, stopped = entries(record, "recording")
    assert (begun["facts"]["state"], stopped["facts"]["state"]) == ("started", "stopped")
    file = gateway.data_dir / "recordings" / f"{record['call_id']}.wav"
    left, right = tracks(file)
    length_s = (stopped["offset_ms"] - begun["offset_ms"]) / 1000
    assert abs(len(left) / RATE_HZ - length_s) < 0.1
    # The caller is on the left. The jitter buffer may stretch it once: its first half second is whole, or its last.
    spoken = loud_part(question)
    begin, end = spoken[: RATE_HZ // 2], spoken[-RATE_HZ // 2 :]
    asked = find(end, left)
    assert max(find(begin, left).correlation, asked.correlation) > 0.8, tell(record)
    # The agent is on the right, to the frame where its playout began.
    whole = rendered(HOURS)
    # It may begin between two samples of the line, for the file has twice as many.
    phases = (right, tracks(file, skip=1)[1])
    answered = max((find(loud_part(whole), phase) for phase in phases), key=lambda m: m.correlation)
    assert answered.correlation > 0.99, tell(record)
    assert find(loud_part(whole), heard).correlation > 0.9
    quiet_s = float(np.flatnonzero(np.abs(whole) > 0.02 * np.abs(whole).max())[0]) / RATE_HZ
    (turn,) = [line for line in entries(record, "agent_said") if "nine to five" in line["text"]]
    started_s = (turn["facts"]["started_ms"] - begun["offset_ms"]) / 1000
    assert abs(answered.start_s - started_s - quiet_s) < 0.03, (answered, turn, quiet_s)
    # What lies between question and answer is what the caller waited for.
    if asked.correlation > 0.8:
        waited_s = answered.start_s - asked.start_s - len(end) / RATE_HZ - quiet_s
        assert abs(waited_s - turn["facts"]["response_ms"] / 1000) < 0.2, tell(record)


def test_a_recording_is_downloaded_deleted_and_survives_a_kill(
    own_gateway: StartGateway, call: Call
) -> None:
    gateway = own_gateway(RECORDED)
    caller = call(gateway)
    record = gateway.wait_for(caller.number, "recording", state="started")
    path = f"/api/v1/calls/{record['call_id']}/recording"
    assert gateway.get(path)[0] == 409
    time.sleep(3)
    gateway.signal(signal.SIGKILL)
    caller.expect_success()

    gateway.start()
    (listed,) = gateway.get("/api/v1/recordings")[1]["recordings"]
    assert (listed["call_id"], listed["state"]) == (record["call_id"], "finished")
    body = download(gateway, path)
    (gateway.directory / "got.wav").write_bytes(body)
    left, _ = tracks(gateway.directory / "got.wav")
    assert 1 < len(left) / RATE_HZ < 4
    assert gateway.get(path, method="DELETE")[0] == 204
    assert gateway.get(path)[0] == 404
    assert list((gateway.data_dir / "recordings").iterdir()) == []


def download(gateway: RunningGateway, path: str) -> bytes:
    token = (gateway.data_dir / "api-token").read_text().strip()
    request = urllib.request.Request(
        f"http://127.0.0.1:{gateway.http_port}{path}",
        headers={"Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.headers["Content-Type"] == "audio/wav"
        body: bytes = answer.read()
        return body
