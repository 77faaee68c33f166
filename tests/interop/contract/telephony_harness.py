"""A telephony worker under the endpoint contract, with a second one as the phones that call it."""

import asyncio
import sys
from pathlib import Path

from gateway.config import Config
from gateway.endpoints.worker import WorkerEndpoint
from gateway.media.tick import TickListener
from gateway.metrics import Metrics
from gateway.model.endpoint import Endpoint, Leg, LegListener, OfferListener
from gateway.model.events import Dtmf, EndpointKind, Offered
from gateway.model.hangup import HangupCause
from gateway.model.ids import new_call_id
from tests.interop.support.gateway_peer import sip_config
from tests.support.leg_recorder import LegRecorder, RecordedLeg

CALLED = "100"
CALLER = "200"


def telephony_endpoint(
    config: Config, file: Path, *, offers: OfferListener, ticks: TickListener
) -> WorkerEndpoint:
    """Return an endpoint over a real telephony worker; `file` takes its configuration."""
    file.write_text(config.model_dump_json())

    def argv(link_fd: int) -> list[str]:
        command = [sys.executable, "-m", "telephony", "--link-fd", str(link_fd)]
        return [*command, "--config-json", str(file)]

    return WorkerEndpoint(EndpointKind.SIP, argv, offers=offers, ticks=ticks, metrics=Metrics())


class TelephonyFarEnd:
    """One phone: places the call, hears with an ear of its own, and speaks by playing."""

    def __init__(self, phone: RecordedLeg, ear: int, phones: "Phones") -> None:
        self._phone = phone
        self._ear = ear
        self._phones = phones

    async def hang_up(self) -> None:
        self._phone.leg.hang_up(HangupCause.CALLER_HUNG_UP)

    async def heard(self) -> bytes:
        return bytes(self._phones.audio.get(self._ear, b""))

    async def keys_heard(self) -> str:
        return "".join(event.digit for event in self._phone.of(Dtmf))

    async def speak(self, pcm: bytes) -> None:
        self._phone.leg.play(pcm)

    async def press(self, digit: str) -> None:
        self._phone.leg.send_dtmf(digit)


class Phones(LegRecorder):
    """Listens at all phones; each gets an ear when it begins to dial."""

    def on_offered(self, leg: Leg, offered: Offered) -> LegListener:
        listener = super().on_offered(leg, offered)
        leg.bind_ear(len(self.legs))
        return listener


class TelephonyHarness:
    """Implements the contract's `EndpointHarness`."""

    def __init__(self, folder: Path) -> None:
        self.recorder = LegRecorder()
        self.phones = Phones()
        self._worker = telephony_endpoint(
            sip_config(codecs=("PCMU",)),
            folder / "worker.json",
            offers=self.recorder,
            ticks=self.recorder,
        )
        self._phone = telephony_endpoint(
            sip_config(codecs=("PCMU",)),
            folder / "phone.json",
            offers=self.phones,
            ticks=self.phones,
        )

    @property
    def endpoint(self) -> Endpoint:
        return self._worker

    @property
    def port(self) -> int:
        """Where the worker listens."""
        return int(self._worker.facts["listeners"].split()[0].rsplit(":", 1)[1])

    async def start(self) -> None:
        await asyncio.gather(self._worker.start(), self._phone.start())

    async def stop(self) -> None:
        await asyncio.gather(self._worker.stop(), self._phone.stop())

    async def offer(self) -> TelephonyFarEnd:
        before = len(self.phones.legs)
        call_id = new_call_id()
        target = f"sip:{CALLED}@127.0.0.1:{self.port}"
        assert self._phone.place(call_id, target, caller=CALLER)
        phone = await self.phones.wait_offer(before + 1)
        assert phone.leg.call_id == call_id
        return TelephonyFarEnd(phone, before + 1, self.phones)
