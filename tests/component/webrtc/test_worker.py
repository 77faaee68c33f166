"""The browser worker with what goes wrong: half calls, lost networks, full house, nonsense."""

import asyncio
import json
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from aiortc import RTCRtpSender

from gateway.errors import CallNotFound, EndpointError, IceSessionReplaced, OfferRefused
from gateway.model.browser_calls import BrowserOffer
from gateway.model.events import (
    Answered,
    Dtmf,
    Ended,
    MediaUp,
    MessageReceived,
    Statistics,
)
from gateway.model.frame import FRAME_SAMPLES
from gateway.model.hangup import HangupCause
from gateway.model.ids import new_call_id
from tests.component.webrtc.conftest import Start
from tests.support.browser_harness import BrowserFarEnd, BrowserHarness
from tests.support.browser_peer import BrowserPeer
from tests.support.endpoint_harness import sounding_ms
from tests.support.fake_browser_calls import a_fragment
from tests.support.fake_call import tone
from tests.support.leg_recorder import RecordedLeg


async def up(
    harness: BrowserHarness, peer: BrowserPeer | None = None, **facts: object
) -> tuple[RecordedLeg, BrowserFarEnd]:
    before = len(harness.recorder.legs)
    far = await harness.offer(peer, **facts)
    call = await harness.recorder.wait_offer(before + 1)
    call.leg.answer()
    await call.wait_for(MediaUp)
    await far.peer.wait_up()
    return call, far


async def until(condition: Callable[[], bool], bound_s: float = 5.0) -> None:
    async with asyncio.timeout(bound_s):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def an_offer() -> str:
    """Return the offer of a browser that is gone."""
    peer = BrowserPeer()
    try:
        return await peer.offer()
    finally:
        await peer.close()


def sockets_of(harness: BrowserHarness) -> int:
    folder = Path(f"/proc/{harness.endpoint.workers[0].pid}/fd")
    return sum("socket:" in os.readlink(item) for item in folder.iterdir())


def counter(harness: BrowserHarness, name: str) -> float:
    return harness.endpoint.workers[0].counters.get(name, -1.0)


async def test_fifty_half_open_offers_are_reaped(start: Start) -> None:
    harness = await start(connect_bound_s=2)
    sockets = sockets_of(harness)
    sdp = await an_offer()

    async def half_open() -> None:
        # Answered, and then nothing: no transport, no hang-up.
        offer = BrowserOffer(call_id=new_call_id(), sdp=sdp, agent="a", callee="a")
        await harness.endpoint.negotiate(offer)

    before = len(harness.recorder.legs)
    asking = [asyncio.create_task(half_open()) for _ in range(50)]
    await harness.recorder.wait_offer(before + 50)
    calls = harness.recorder.legs[before:]
    for call in calls:
        call.leg.answer()
    await asyncio.gather(*asking)
    assert sockets_of(harness) >= sockets + 50

    ended = await asyncio.gather(*(call.wait_ended() for call in calls))

    assert {event.cause for event in ended} == {HangupCause.NO_MEDIA}
    await until(lambda: sockets_of(harness) <= sockets)
    await until(lambda: counter(harness, "tasks") == 0)
    assert harness.endpoint.legs() == []


async def test_calls_leave_nothing_behind(start: Start) -> None:
    harness = await start()
    sockets = sockets_of(harness)
    for _ in range(3):
        call, far = await up(harness)
        call.leg.hang_up(HangupCause.AGENT_HUNG_UP)
        await call.wait_ended()
        await far.close()

    await until(lambda: sockets_of(harness) <= sockets)
    await until(lambda: counter(harness, "tasks") == 0)


async def test_a_lost_network_and_an_ice_restart_do_not_end_the_call(start: Start) -> None:
    harness = await start()
    call, far = await up(harness)
    call.leg.bind_ear(1)
    far.peer.cut()

    fragment = await far.peer.restart()
    restarted = await harness.endpoint.restart_ice(far.offer.call_id, fragment, far.etag)
    await far.peer.finish_restart(restarted.sdp)
    far.peer.heard.clear()
    call.leg.play(tone(400))
    call.leg.mark("end")
    await far.speak(tone(300))
    await call.wait_mark("end")
    await asyncio.sleep(0.6)

    assert restarted.etag != far.etag
    assert sounding_ms(bytes(far.peer.heard)) >= 300
    assert sounding_ms(bytes(harness.recorder.audio[1])) >= 240
    assert call.of(Ended) == []
    far.peer.say(type="dtmf", digit="7")
    assert (await call.wait_for(Dtmf)).digit == "7"
    with pytest.raises(IceSessionReplaced):
        await harness.endpoint.restart_ice(far.offer.call_id, fragment, far.etag)
    # Whoever never learned of the restart may have any session replaced.
    again = await harness.endpoint.restart_ice(far.offer.call_id, fragment, "*")
    assert again.etag not in (far.etag, restarted.etag)


def free_pair() -> int:
    """Return a port of loopback that is free, as is the next."""
    while True:
        with (
            socket.socket(type=socket.SOCK_DGRAM) as one,
            socket.socket(type=socket.SOCK_DGRAM) as two,
        ):
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            with suppress(OSError):
                two.bind(("127.0.0.1", port + 1))
                return port


async def test_a_restart_for_which_there_was_no_port_can_be_tried_again(start: Start) -> None:
    port = free_pair()
    harness = await start(max_calls=1, port_min=port, port_max=port + 1)
    call, far = await up(harness)
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        for other in (port, port + 1):
            with suppress(OSError):
                taken.bind(("127.0.0.1", other))
        fragment = await far.peer.restart()
        with pytest.raises(EndpointError):
            await harness.endpoint.restart_ice(far.offer.call_id, fragment, far.etag)

    far.peer.cut()
    restarted = await harness.endpoint.restart_ice(far.offer.call_id, fragment, far.etag)
    await far.peer.finish_restart(restarted.sdp)
    far.peer.heard.clear()
    call.leg.play(tone(400))
    call.leg.mark("end")
    await call.wait_mark("end")
    await asyncio.sleep(0.6)

    assert restarted.etag != far.etag
    assert sounding_ms(bytes(far.peer.heard)) >= 300
    assert call.of(Ended) == []


async def test_a_network_that_stays_away_ends_the_call_after_the_grace(start: Start) -> None:
    harness = await start(grace_s=1)
    call, far = await up(harness)
    far.peer.cut()
    await asyncio.sleep(6)
    call.leg.play(tone(100))
    call.leg.mark("never")

    async with asyncio.timeout(6):
        while not call.of(Ended):  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    assert call.of(Ended)[0].cause is HangupCause.NO_MEDIA


async def test_early_audio_comes_first_and_in_order(start: Start) -> None:
    harness = await start()
    before = len(harness.recorder.legs)
    far = await harness.offer(has_early_audio=True)
    call = await harness.recorder.wait_offer(before + 1)
    call.leg.bind_ear(1)
    call.leg.answer()
    await far.peer.wait_up()
    # Live speech is there before the early audio: it must wait its turn.
    live = level(4_000, 30)
    await far.speak(live)
    assert far.peer.channel is not None
    for index in range(5):
        pcm = b"".join(level(1_000 * (index + 1) + 4_000, 10) for _ in range(1))
        far.peer.channel.send(struct.pack("<BI", 1, index * 200) + pcm)
        await asyncio.sleep(0.05)
    far.peer.say(type="early_end", ms=1_000)
    await asyncio.sleep(1.5)

    heard = np.frombuffer(bytes(harness.recorder.audio[1]), "<i2").reshape(-1, FRAME_SAMPLES)
    levels = [round(np.abs(row).mean() / 1_000) for row in heard.astype(np.int32)]
    sounding = [item for item in levels if item]
    early = [item for item in range(5, 10) for _ in range(10)]
    assert sounding[:50] == early
    # The live frames follow, all of them, through the codec.
    assert len(sounding) - 50 >= 27


def level(height: int, frames: int) -> bytes:
    """Return a square wave of 200 Hz."""
    wave = np.where(np.arange(FRAME_SAMPLES * frames) % 80 < 40, height, -height)
    return wave.astype("<i2").tobytes()


async def test_a_peer_that_only_listens_is_served(start: Start) -> None:
    harness = await start()
    call, far = await up(harness, BrowserPeer(has_audio=False))
    call.leg.bind_ear(1)
    call.leg.play(tone(300))
    call.leg.mark("end")
    await call.wait_mark("end")
    await asyncio.sleep(0.4)

    assert call.offered.capabilities.listen_only
    assert sounding_ms(bytes(far.peer.heard)) >= 240
    assert set(harness.recorder.audio[1]) == {0}


async def test_a_peer_that_knows_only_g711_is_served(start: Start) -> None:
    harness = await start()
    peer = BrowserPeer()
    known = RTCRtpSender.getCapabilities("audio").codecs
    peer.connection.getTransceivers()[0].setCodecPreferences(
        [codec for codec in known if codec.mimeType == "audio/PCMA"]
    )
    call, far = await up(harness, peer)
    call.leg.bind_ear(1)
    call.leg.play(tone(300))
    await far.speak(tone(300))
    await asyncio.sleep(1.0)

    assert call.of(MediaUp)[0].codec == "PCMA/8000"
    assert sounding_ms(bytes(far.peer.heard)) >= 240
    assert sounding_ms(bytes(harness.recorder.audio[1])) >= 240


async def test_a_peer_without_a_channel_is_served(start: Start) -> None:
    harness = await start()
    call, _ = await up(harness, BrowserPeer(has_channel=False))
    call.leg.send_message('{"type":"state","state":"x"}')
    call.leg.send_dtmf("1")
    call.leg.mark("m")

    await call.wait_mark("m")

    assert not call.offered.capabilities.messages


async def test_messages_go_both_ways_and_the_last_one_arrives(start: Start) -> None:
    harness = await start()
    call, far = await up(harness)
    text = json.dumps({"type": "line", "id": 1, "who": "agent", "text": "Grüße 🙂", "final": True})
    call.leg.send_message(text)
    far.peer.say(type="text", text="hello", id="a")
    assert far.peer.channel is not None
    for nonsense in ("", "{", "[1]", '{"type":7}', '{"type":"dtmf","digit":"99"}', "x" * 20_000):
        far.peer.channel.send(nonsense)
    received = await call.wait_for(MessageReceived)
    call.leg.send_message('{"type":"ended","cause":"agent_hung_up"}')
    call.leg.hang_up(HangupCause.AGENT_HUNG_UP)
    await call.wait_ended()
    await until(lambda: bool(far.peer.of_type("ended")))

    assert json.loads(received.text) == {"type": "text", "text": "hello", "id": "a"}
    assert far.peer.of_type("line")[0]["text"] == "Grüße 🙂"
    assert len(call.of(MessageReceived)) == 1


async def test_the_page_hangs_up_over_the_channel_or_by_closing(start: Start) -> None:
    harness = await start()
    over, far = await up(harness)
    far.peer.say(type="hangup")
    closed, other = await up(harness)
    await other.peer.connection.close()

    assert (await over.wait_ended()).cause is HangupCause.CALLER_HUNG_UP
    assert (await closed.wait_ended()).cause is HangupCause.CALLER_HUNG_UP


async def test_a_full_worker_refuses_and_so_does_a_draining_one(start: Start) -> None:
    harness = await start(max_calls=1)
    await up(harness)
    second = await harness.offer()
    await second.answered

    assert isinstance(second.refused, EndpointError)
    assert harness.recorder.refused[-1][1] is HangupCause.CAPACITY
    harness.endpoint.drain()
    assert not harness.endpoint.is_ready


async def test_descriptions_that_cannot_be_used_are_refused_with_a_reason(start: Start) -> None:
    harness = await start()
    call, far = await up(harness)
    good = await an_offer()
    for sdp, words in (
        ("hello", "x=value"),
        (good.replace("m=audio", "m=video"), "no audio"),
        (good.replace("a=rtcp-mux\r\n", ""), "rtcp-mux"),
        (good.replace("opus", "speex").replace("PCM", "XCM").replace(" 0 8", ""), "codec"),
    ):
        offer = BrowserOffer(call_id=new_call_id(), sdp=sdp, agent="a", callee="a")
        with pytest.raises(OfferRefused, match=words):
            await harness.endpoint.negotiate(offer)

    with pytest.raises(CallNotFound):
        await harness.endpoint.restart_ice("nobody", a_fragment(), "1")
    with pytest.raises(OfferRefused):
        await harness.endpoint.restart_ice(far.offer.call_id, "a=nonsense", far.etag)
    await harness.endpoint.add_candidates(far.offer.call_id, a_fragment())
    call.leg.mark("alive")
    await call.wait_mark("alive")


async def test_mangled_offers_never_hurt_the_worker(start: Start) -> None:
    harness = await start(connect_bound_s=2)
    good = await an_offer()
    random = np.random.default_rng(7)
    tried = []
    for _ in range(120):
        data = bytearray(good.encode())
        for _ in range(int(random.integers(1, 12))):
            place = int(random.integers(0, len(data)))
            match int(random.integers(0, 3)):
                case 0:
                    data[place] = int(random.integers(32, 127))
                case 1:
                    del data[place : place + int(random.integers(1, 60))]
                case _:
                    data[place:place] = data[place : place + 40]
        offer = BrowserOffer(call_id=new_call_id(), sdp=data.decode(), agent="a", callee="a")
        tried.append(asyncio.create_task(harness.endpoint.negotiate(offer)))
    pid = harness.endpoint.workers[0].pid
    answered = 0
    while not all(task.done() for task in tried):
        for call in harness.recorder.legs[answered:]:
            call.leg.answer()
            answered += 1
        await asyncio.sleep(0.05)
    await asyncio.gather(*tried, return_exceptions=True)
    call, _ = await up(harness)

    assert call.of(Answered)
    assert harness.endpoint.workers[0].pid == pid
    refused = [task for task in tried if task.exception() is not None]
    assert len(refused) > 20
    kinds = {type(task.exception()) for task in refused}
    assert kinds <= {OfferRefused, EndpointError}


async def test_statistics_are_reported(start: Start) -> None:
    harness = await start()
    call, far = await up(harness)
    await asyncio.sleep(5.5)

    told = await call.wait_for(Statistics)
    assert told.packets_in > 100
    assert told.packets_out > 200
    assert far.peer.of_type("quality")


async def test_each_call_is_placed_on_the_least_loaded_worker(start: Start) -> None:
    harness = await start(workers=2)
    for _ in range(4):
        await up(harness)

    assert [len(worker.legs()) for worker in harness.endpoint.workers] == [2, 2]
