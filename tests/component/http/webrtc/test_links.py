"""One-time links: a token that leads into a room calls as whose room it is, once."""

import time

import pytest

from gateway.config import Config
from gateway.http.webrtc.desk import Desk
from gateway.http.webrtc.links import CallLinks
from gateway.http.webrtc.ports import Guest
from gateway.http.webrtc.tokens import TokenSigner
from tests.component.http.webrtc.conftest import SIGNER, error_of
from tests.support.fake_browser_calls import OFFER

GUEST = Guest(number="+493099", person="+4915112345678", agent="echo")


class Rooms:
    """Knows one room."""

    async def guest(self, room_id: str) -> Guest | None:
        return GUEST if room_id == "r_1" else None


@pytest.fixture
async def desk(calls, tmp_path):
    config = Config.model_validate(
        {"gateway": {"data_dir": tmp_path}, "webrtc": {"anonymous": "no"}}
    )
    return Desk(config, SIGNER, calls, calls, Rooms())


def link(room_id: str = "r_1", ttl_s: float = 60, signer: TokenSigner = SIGNER) -> str:
    """Return the token of a link, as the page takes it out of the fragment."""
    links = CallLinks(signer, "https://voice.example.com/", ttl_s=ttl_s)
    address, _, token = links(room_id).partition("#token=")
    assert address == "https://voice.example.com/"
    return token


async def post(client, token: str):
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
    return await client.post("/webrtc/calls", data=OFFER, headers=headers)


async def test_the_call_is_the_room_s(client, calls):
    answer = await post(client, token=link())

    assert answer.status == 201
    (offer,) = calls.offers
    assert (offer.callee, offer.caller, offer.agent) == ("+493099", "+4915112345678", "echo")


async def test_the_page_is_told_who_will_speak(client):
    headers = {"Authorization": f"Bearer {link()}"}
    answer = await client.get("/webrtc/config", headers=headers)

    told = await answer.json()
    assert (told["agents"], told["token_needed"]) == (["echo"], False)


async def test_a_link_is_good_for_one_call(client, calls):
    token = link()
    assert (await post(client, token=token)).status == 201

    assert await error_of(await post(client, token=token)) == (401, "token.replayed")
    assert len(calls.offers) == 1


async def test_a_link_of_a_room_that_is_gone(client, calls):
    assert await error_of(await post(client, token=link("r_2"))) == (404, "token.no_room")
    assert not calls.offers


async def test_an_old_link(client, calls):
    token = SIGNER.sign("", now_s=time.time() - 100, ttl_s=50, room="r_1")[0]

    assert await error_of(await post(client, token=token)) == (401, "token.expired")
    assert not calls.offers


async def test_a_link_that_somebody_else_signed(client, calls):
    token = link(signer=TokenSigner("x" * 48))

    assert await error_of(await post(client, token=token)) == (401, "token.forged")
    assert not calls.offers


async def test_a_link_names_nobody(client):
    token = link()

    claims = SIGNER.check(token, now_s=time.time())
    assert (claims.agent, claims.name, claims.subject, claims.room) == ("", "", "", "r_1")


async def test_a_token_without_room_and_agent_opens_nothing(client):
    token = SIGNER.sign("", now_s=time.time(), ttl_s=50)[0]

    assert await error_of(await post(client, token=token)) == (401, "token.malformed")
