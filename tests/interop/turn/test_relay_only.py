"""The browser worker through coturn alone: our side tells no address but the relay's, and is heard."""

import asyncio
import base64
import hashlib
import hmac
import socket
import time
from pathlib import Path

import pytest

from gateway.model.events import MediaUp
from tests.browser.support.coturn import Coturn
from tests.support.browser_endpoint import browser_config
from tests.support.browser_harness import BrowserHarness
from tests.support.endpoint_harness import sounding_ms
from tests.support.fake_call import tone

SECRET = "a secret of tests"


def account() -> tuple[str, str]:
    name = f"{int(time.time()) + 600}:test"
    digest = hmac.digest(SECRET.encode(), name.encode(), hashlib.sha1)
    return name, base64.b64encode(digest).decode()


def own_address() -> str:
    """Return the address by which this machine reaches others; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_call_goes_through_the_relay_only(tmp_path: Path, transport: str) -> None:
    name, password = account()
    with Coturn(tmp_path / "turn", own_address(), secret=SECRET) as coturn:
        harness = BrowserHarness(tmp_path, browser_config())
        await harness.start()
        try:
            url = coturn.url.replace("transport=udp", f"transport={transport}")
            server = {"urls": [url], "username": name, "credential": password}
            far = await harness.offer(relay_only=True, ice={"servers": [server]})
            call = await harness.recorder.wait_offer()
            call.leg.bind_ear(1)
            call.leg.answer()
            await call.wait_for(MediaUp)
            call.leg.play(tone(400))
            await far.speak(tone(300))
            await asyncio.sleep(1.2)

            assert sounding_ms(await far.heard()) >= 300
            assert sounding_ms(bytes(harness.recorder.audio[1])) >= 240
            answer = far.peer.connection.remoteDescription.sdp
            candidates = [line for line in answer.splitlines() if "a=candidate" in line]
            assert candidates
            assert all(" typ relay" in line for line in candidates)
            assert coturn.allocations() >= 1
        finally:
            await harness.stop()


async def test_without_a_relay_a_call_that_wants_one_is_refused(tmp_path: Path) -> None:
    harness = BrowserHarness(tmp_path, browser_config())
    await harness.start()
    try:
        far = await harness.offer(relay_only=True)
        call = await harness.recorder.wait_offer()
        call.leg.answer()
        await call.wait_ended()
        await far.answered

        assert "relay" in str(far.refused)
    finally:
        await harness.stop()
