"""Offers over HTTP through the endpoint and two worker processes into real sessions, and back."""

import asyncio
import sys
from contextlib import AsyncExitStack

import aiohttp
import pytest

from gateway.config import AgentBase, Config, GatewaySection, GreetingSection, HttpSection
from gateway.endpoints.browser import BrowserEndpoint
from gateway.http.server import HttpServer
from gateway.http.webrtc.desk import Desk
from gateway.http.webrtc.routes import add_routes
from gateway.metrics import Metrics
from gateway.model.hangup import HangupCause
from gateway.model.line import TextTyped
from gateway.rooms.timeline import Kind
from gateway.sessions.registry import SessionRegistry
from gateway.sessions.surroundings import Surroundings
from tests.component.http.webrtc.conftest import API_TOKEN, SIGNER, a_token, error_of
from tests.component.http.webrtc.test_calls import FRAGMENT, SDP
from tests.support.fake_browser_calls import OFFER, a_fragment
from tests.support.fake_http_ports import FakeGateway
from tests.unit.sessions.bench import FakeAgent, FakeHearing, FakePhrases, FakeRecorder, not_echo

BOUND_S = 20.0


def argv(fd: int) -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.support.fake_browser_worker", f"--link-fd={fd}")


class House:
    """Sessions, endpoint and HTTP as the gateway puts them together; speech and hearing are fakes."""

    def __init__(self, config: Config) -> None:
        self.recorder = FakeRecorder()
        self.agent = FakeAgent()
        self.phrases = FakePhrases()
        self.registry = SessionRegistry(
            numbers=(),
            agents={"echo": self.agent},
            settings={"echo": AgentBase(greeting="Welcome.")},
            around=Surroundings(
                greeting=GreetingSection(),
                turns=config.turns,
                max_call_s=60,
                retry_after_s=5,
                recorder=self.recorder,
                metrics=Metrics(),
                hearing=FakeHearing(),
                phrases=self.phrases,
                is_echo=not_echo,
            ),
        )
        self.endpoint = BrowserEndpoint(
            [argv, argv], offers=self.registry, ticks=FakeHearing(), metrics=Metrics()
        )
        self.desk = Desk(config, SIGNER, self.endpoint, self)

    def states(self) -> dict[str, str]:
        return {each.offered.call_id: each.state.value for each in self.registry.sessions()}

    def causes(self) -> list[HangupCause]:
        return [cause for _, cause, _ in self.recorder.ended]

    async def until(self, condition) -> None:
        async with asyncio.timeout(BOUND_S):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
async def house(tmp_path):
    async with AsyncExitStack() as stack:
        config = Config(gateway=GatewaySection(data_dir=tmp_path))
        house = House(config)
        fake = FakeGateway()
        app = fake.app(API_TOKEN)
        add_routes(app, house.desk, {})
        server = HttpServer(HttpSection(port=0), app)
        port = await server.start()
        stack.push_async_callback(server.stop)
        stack.push_async_callback(house.phrases.close)
        stack.push_async_callback(house.registry.stop)
        stack.push_async_callback(house.endpoint.stop)
        await house.endpoint.start()
        house.port = port
        house.client = await stack.enter_async_context(
            aiohttp.ClientSession(f"http://127.0.0.1:{port}")
        )
        yield house


async def offer(house, wish: str = "-", query: str = "?agent=echo", **headers):
    body = OFFER.replace("s=-", f"s={wish}")
    return await house.client.post(f"/webrtc/calls{query}", data=body, headers={**SDP, **headers})


async def test_a_call_from_offer_to_the_end(house):
    bearer = f"Bearer {a_token('echo', name='Ann', subject='7')}"

    answer = await offer(house, Authorization=bearer)
    [session] = house.registry.sessions()
    await house.until(lambda: session.is_gate_open)
    ended = await house.client.delete(answer.headers["Location"])
    await house.until(lambda: house.causes())

    assert (answer.status, await answer.text()) == (201, "v=0\r\ns=the worker's part\r\n")
    assert answer.headers["ETag"] == '"1"'
    assert ended.status == 200
    assert house.causes() == [HangupCause.CALLER_HUNG_UP]
    assert (session.offered.caller, session.offered.caller_name) == ("web:7", "Ann")
    assert house.recorder.said()[0][:2] == ("agent", "Welcome.")
    # Only the capability tells: the screen was shown the greeting.
    assert Kind.DTMF in house.recorder.kinds()


async def test_words_that_are_typed_behind_the_gate_reach_the_agent(house):
    await offer(house, "write When are you open?")
    await house.until(lambda: house.agent.heard(TextTyped))

    assert [event.text for event in house.agent.heard(TextTyped)] == ["When are you open?"]
    said = house.recorder.one(Kind.USER_SAID)
    assert (said.text, said.facts["typed"], said.facts["held"]) == (
        "When are you open?",
        True,
        True,
    )


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("refuse", (400, "sdp.refused")),
        ("full", (503, "endpoint.failed")),
        ("die", (503, "endpoint.failed")),
    ],
)
async def test_an_offer_of_which_nothing_comes(house, wish, expected):
    answer = await offer(house, wish)

    assert await error_of(answer) == expected
    assert house.states() == {}
    assert house.desk.resources.waiting == 0


async def test_a_worker_that_says_nothing_costs_the_caller_a_bounded_time(house, monkeypatch):
    monkeypatch.setattr("gateway.http.webrtc.calls.ANSWER_BOUND_S", 0.3)

    answer = await offer(house, "ignore")

    assert await error_of(answer) == (503, "http.timeout")
    assert house.desk.resources.waiting == 0


async def test_calls_are_placed_on_both_workers(house):
    answers = [await offer(house) for _ in range(4)]

    assert [answer.status for answer in answers] == [201] * 4
    assert [len(worker.legs()) for worker in house.endpoint.workers] == [2, 2]


async def test_a_client_that_leaves_while_the_phone_rings_is_hung_up(house):
    house.phrases.first_voice.delay_s = house.phrases.second_voice.delay_s = 10.0
    body = OFFER.encode()
    _, writer = await asyncio.open_connection("127.0.0.1", house.port)
    head = f"POST /webrtc/calls?agent=echo HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\n"
    head += f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await house.until(lambda: "preparing" in house.states().values())
    writer.close()
    await writer.wait_closed()
    await house.until(lambda: house.causes())

    assert house.causes() == [HangupCause.CALLER_CANCELLED]
    assert house.endpoint.legs() == []
    assert len(house.desk.resources) == 0


async def test_delete_at_any_moment_ends_the_call_once(house):
    for pause_s in (0.0, 0.05, 0.3, 1.5):
        answer = await offer(house)
        await asyncio.sleep(pause_s)
        again = await asyncio.gather(
            *(house.client.delete(answer.headers["Location"]) for _ in range(3))
        )
        assert [each.status for each in again] == [200] * 3
    await house.until(lambda: len(house.causes()) == 4)

    await house.until(lambda: house.states() == {})
    assert house.causes() == [HangupCause.CALLER_HUNG_UP] * 4


async def test_restarts_go_to_the_calls_own_worker(house):
    locations = [(await offer(house)).headers["Location"] for _ in range(2)]

    for location in locations:
        headers = {**FRAGMENT, "If-Match": "*"}
        for etag in ("2", "3"):
            body = a_fragment(f"New{etag}", "n" * 24)
            answer = await house.client.patch(location, data=body, headers=headers)
            assert (answer.status, answer.headers["ETag"]) == (200, f'"{etag}"')
            assert await answer.text() == "a=ice-ufrag:ours\r\n"


async def test_a_draining_gateway_takes_no_offers_and_keeps_its_calls(house):
    location = (await offer(house)).headers["Location"]
    house.endpoint.drain()

    refused = await offer(house)

    assert refused.headers["Retry-After"] == "5"
    assert await error_of(refused) == (503, "webrtc.not_ready")
    headers = {**FRAGMENT, "If-Match": '"1"'}
    assert (await house.client.patch(location, data=a_fragment(), headers=headers)).status == 204


async def test_a_gateway_that_stops_answers_who_waits(house):
    house.phrases.first_voice.delay_s = house.phrases.second_voice.delay_s = 10.0
    waiting = asyncio.create_task(offer(house))
    await house.until(lambda: "preparing" in house.states().values())

    await house.endpoint.stop()
    answer = await waiting

    assert answer.status in (409, 503)
    await house.until(lambda: not house.states())


async def test_a_caller_with_less_time_than_others(house):
    bearer = f"Bearer {a_token('echo', max_call_s=10)}"
    await offer(house, Authorization=bearer)

    [session] = house.registry.sessions()

    assert session.offered.max_call_s == 10
