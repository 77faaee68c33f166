"""A `WorkerEndpoint` over a fake worker process, with the test at the far end."""

from pathlib import Path

from gateway.endpoints.worker import WorkerEndpoint
from gateway.metrics import Metrics
from gateway.model.endpoint import Endpoint
from gateway.model.events import EndpointKind
from tests.support.fake_worker_control import FakeWorkerControl
from tests.support.leg_recorder import LegRecorder


class WorkerFarEnd:
    """The far end of one call in the fake worker."""

    def __init__(self, control: FakeWorkerControl, leg: int) -> None:
        self._control = control
        self._leg = leg

    async def hang_up(self) -> None:
        await self._control.order("hang_up", leg=self._leg)

    async def heard(self) -> bytes:
        return await self._control.hear(self._leg)

    async def keys_heard(self) -> str:
        keys: str = (await self._control.order("hear", leg=self._leg))["keys"]
        return keys

    async def speak(self, pcm: bytes) -> None:
        await self._control.speak(self._leg, pcm)

    async def press(self, digit: str) -> None:
        await self._control.order("press", leg=self._leg, digit=digit)


class WorkerHarness:
    """Implements the contract's `EndpointHarness`."""

    def __init__(self, folder: Path) -> None:
        self.recorder = LegRecorder()
        self.metrics = Metrics()
        self.control = FakeWorkerControl(folder / "control.sock")
        self.worker = WorkerEndpoint(
            EndpointKind.FAKE,
            self.control.argv,
            offers=self.recorder,
            ticks=self.recorder,
            metrics=self.metrics,
        )

    @property
    def endpoint(self) -> Endpoint:
        return self.worker

    async def start(self) -> None:
        await self.control.start()
        await self.worker.start()

    async def stop(self) -> None:
        await self.worker.stop()
        await self.control.stop()

    async def offer(self) -> WorkerFarEnd:
        return WorkerFarEnd(self.control, (await self.control.order("offer"))["leg"])
