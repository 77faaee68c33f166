"""What HTTP asks of browser calls, against workers that are played by the test."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from gateway.endpoints import browser
from gateway.endpoints.browser import BrowserEndpoint
from gateway.errors import (
    CallNotFound,
    CallOver,
    EndpointError,
    GatewayError,
    IceSessionReplaced,
    NoAgent,
    OfferRefused,
)
from gateway.link.messages import Negotiated, NegotiationRefused, Refusal
from gateway.metrics import Metrics
from gateway.model import commands
from gateway.model.browser_calls import BrowserOffer, Negotiation
from gateway.model.events import Ended, EndpointKind, Offered
from gateway.model.hangup import HangupCause
from gateway.model.texts import LongText
from tests.support.leg_recorder import LegRecorder


@dataclass
class FakeLeg:
    call_id: str


@dataclass
class FakeWorker:
    """Stands for `WorkerEndpoint`: writes down commands."""

    offers: BrowserEndpoint
    tell: Callable[[Negotiated | NegotiationRefused], None]
    is_ready: bool = True
    sent: list[commands.Command] = field(default_factory=list)
    open: list[FakeLeg] = field(default_factory=list)
    is_drained: bool = False

    def command(self, command: commands.Command) -> None:
        self.sent.append(command)

    def legs(self) -> list[FakeLeg]:
        return self.open

    def drain(self) -> None:
        self.is_drained = True

    async def stop(self) -> None:
        self.is_ready = False

    def refuse(self, call_id: str, refusal: Refusal, detail: str = "because") -> None:
        self.tell(NegotiationRefused(call_id=call_id, refusal=refusal, detail=detail))

    def answer(self, call_id: str, etag: str = "1") -> None:
        self.tell(Negotiated(call_id=call_id, sdp=LongText("answer"), etag=etag))


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[FakeWorker]:
    made: list[FakeWorker] = []

    def make(*_: object, offers: BrowserEndpoint, on_negotiation, **__: object) -> FakeWorker:
        made.append(FakeWorker(offers, on_negotiation))
        return made[-1]

    monkeypatch.setattr(browser, "WorkerEndpoint", make)
    return made


@pytest.fixture
def endpoint(workers: list[FakeWorker]) -> BrowserEndpoint:
    recorder = LegRecorder()
    return BrowserEndpoint(
        [lambda _: (), lambda _: ()], offers=recorder, ticks=recorder, metrics=Metrics()
    )


def offer(call_id: str = "c") -> BrowserOffer:
    return BrowserOffer(
        call_id=call_id,
        sdp="v=0",
        agent="a",
        callee="a",
        has_early_audio=True,
        ice={"servers": [{"urls": ["stun:x:1"]}]},
    )


def offered(call_id: str = "c") -> Offered:
    return Offered(call_id=call_id, at_s=0.0, endpoint=EndpointKind.WEBRTC, caller="", callee="a")


async def asked(endpoint: BrowserEndpoint, call_id: str = "c") -> asyncio.Task[Negotiation]:
    task = asyncio.create_task(endpoint.negotiate(offer(call_id)))
    await asyncio.sleep(0)
    return task


async def test_an_offer_goes_to_a_worker_and_its_answer_comes_back(
    endpoint: BrowserEndpoint, workers: list[FakeWorker]
) -> None:
    task = await asked(endpoint)
    workers[0].answer("c")

    assert await task == Negotiation("answer", "1")
    sent = workers[0].sent[0]
    assert isinstance(sent, commands.Negotiate)
    assert (sent.early_audio, sent.ice_servers) == (True, '[{"urls": ["stun:x:1"]}]')


async def test_calls_are_spread_and_counted_until_they_end(
    endpoint: BrowserEndpoint, workers: list[FakeWorker]
) -> None:
    tasks = [await asked(endpoint, name) for name in "abc"]
    assert [len(worker.sent) for worker in workers] == [2, 1]

    listener = endpoint.on_offered(FakeLeg("a"), offered("a"))  # type: ignore[arg-type]
    for name in "ac":
        endpoint._on_ended(name, Ended(call_id=name, at_s=0.0, cause=HangupCause.CALLER_CANCELLED))
    tasks.append(await asked(endpoint, "d"))

    assert len(workers[0].sent) == 3
    assert listener is not None
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (Refusal.BAD_SDP, OfferRefused),
        (Refusal.FAILED, EndpointError),
        (Refusal.STALE, IceSessionReplaced),
        (Refusal.UNKNOWN_CALL, CallNotFound),
    ],
)
async def test_refusals_are_errors(
    endpoint: BrowserEndpoint,
    workers: list[FakeWorker],
    refusal: Refusal,
    error: type[GatewayError],
) -> None:
    task = await asked(endpoint)
    workers[0].refuse("c", refusal)

    with pytest.raises(error):
        await task
    # Forgotten: nothing more can be asked about it.
    with pytest.raises(CallNotFound):
        await endpoint.add_candidates("c", "a=x")


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (HangupCause.NO_ROUTE, NoAgent),
        (HangupCause.CAPACITY, EndpointError),
        (HangupCause.WORKER_LOST, EndpointError),
        (HangupCause.CALLER_CANCELLED, CallOver),
    ],
)
async def test_an_end_before_the_answer_is_an_error(
    endpoint: BrowserEndpoint,
    workers: list[FakeWorker],
    cause: HangupCause,
    error: type[GatewayError],
) -> None:
    task = await asked(endpoint)
    listener = endpoint.on_offered(FakeLeg("c"), offered())  # type: ignore[arg-type]
    listener.on_leg_event(Ended(call_id="c", at_s=0.0, cause=cause))

    with pytest.raises(error):
        await task


async def test_an_offer_the_worker_refuses_by_itself_is_an_error(
    endpoint: BrowserEndpoint,
) -> None:
    task = await asked(endpoint)
    endpoint.on_refused(offered(), HangupCause.CAPACITY)

    with pytest.raises(EndpointError):
        await task


async def test_a_restart_is_asked_of_the_same_worker_and_one_at_a_time(
    endpoint: BrowserEndpoint, workers: list[FakeWorker]
) -> None:
    first = await asked(endpoint)
    workers[0].answer("c")
    await first
    restart = asyncio.create_task(endpoint.restart_ice("c", "a=x", "1"))
    await asyncio.sleep(0)
    with pytest.raises(IceSessionReplaced):
        await endpoint.restart_ice("c", "a=x", "1")
    workers[0].answer("c", "2")

    assert (await restart).etag == "2"
    await endpoint.add_candidates("c", "a=y")
    endpoint.hang_up("c")
    endpoint.hang_up("nobody")
    assert [type(item) for item in workers[0].sent[1:]] == [
        commands.RestartIce,
        commands.AddCandidates,
        commands.CallerLeft,
    ]


async def test_candidates_that_are_refused_harm_nothing(
    endpoint: BrowserEndpoint, workers: list[FakeWorker]
) -> None:
    task = await asked(endpoint)
    workers[0].answer("c")
    await task
    workers[0].refuse("c", Refusal.STALE)
    workers[0].answer("nobody")

    await endpoint.add_candidates("c", "a=x")


async def test_no_worker_takes_no_call(
    endpoint: BrowserEndpoint, workers: list[FakeWorker]
) -> None:
    workers[0].is_ready = False
    task = await asked(endpoint)
    assert len(workers[1].sent) == 1
    task.cancel()
    endpoint.drain()

    assert not endpoint.is_ready
    assert workers[0].is_drained
    with pytest.raises(EndpointError):
        await endpoint.negotiate(offer("d"))


async def test_stopping_ends_whoever_waits(endpoint: BrowserEndpoint) -> None:
    task = await asked(endpoint)
    await endpoint.stop()

    with pytest.raises(CallOver):
        await task
