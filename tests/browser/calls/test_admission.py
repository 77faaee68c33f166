"""Who may not call, what is no offer, and calls that never connect: the real gateway, without a browser."""

import base64
import json
import os
import threading
import time
from collections.abc import Callable

import pytest

from gateway.http.webrtc.tokens import CLOCK_SKEW_S
from tests.browser.calls.conftest import WEB, StartGateway
from tests.interop.gateway.conftest import ASK_HOURS, SETTINGS, WideWords
from tests.interop.gateway.running_gateway import RunningGateway, entries, until
from tests.interop.support.web_caller import Answer, WebCaller, ask, offer_sdp
from webrtc.caller.whip import CallRefused

WebCall = Callable[..., WebCaller]
SDP = {"Content-Type": "application/sdp"}
HALF_OPEN = 50
REFUSED_MOST_BYTES = 1_000
"""An answer that refuses tells a reason, not a story."""


def _offer(gateway: RunningGateway, body: bytes, token: str = "", **headers: str) -> Answer:
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    return ask(
        gateway.web_url("desk"), method="POST", body=body, headers={**SDP, **bearer, **headers}
    )


def _leaks_nothing(answer: Answer) -> None:
    assert len(answer.body) < REFUSED_MOST_BYTES
    for secret in ("Traceback", ".py", "aiortc", "Exception", "/home", "/root", "site-packages"):
        assert secret not in answer.body


def test_a_call_without_a_browser(
    web_desk: RunningGateway, web_call: WebCall, wide_words: WideWords
) -> None:
    token = web_desk.mint("desk", "plain")
    caller = web_call(web_desk, token=token).call()
    web_desk.wait_for("web:plain", "gate_opened", reason="greeting_played")
    caller.say(wide_words(ASK_HOURS))
    web_desk.wait_for_words("web:plain", "nine to five")
    caller.until(lambda: bool(caller.told("line")), "lines over the data channel")
    caller.hang_up()
    record = web_desk.wait_until_ended("web:plain")
    assert record["cause"] == "caller_hung_up"


def test_a_token_is_good_for_one_call(web_desk: RunningGateway, web_call: WebCall) -> None:
    token = web_desk.mint("desk", "once")
    web_call(web_desk, token=token).call().hang_up()
    with pytest.raises(CallRefused) as refused:
        web_call(web_desk, token=token).call()
    assert refused.value.status == 401
    assert "token.replayed" in str(refused.value)


def test_expired_and_forged_tokens_are_refused(web_desk: RunningGateway) -> None:
    sdp = offer_sdp().encode()
    minted_s, short = time.monotonic(), web_desk.mint("desk", "late", ttl_s=5)
    head, _, signature = web_desk.mint("desk", "forger").split(".")
    claims = {"agent": "echo", "exp": int(time.time()) + 60, "jti": "x" * 22}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()

    for forged in (f"{head}.{body}.{signature}", f"{unsigned}.{body}.", "nonsense", "a.b.c"):
        answer = _offer(web_desk, sdp, forged)
        assert answer.status == 401, (forged, answer)
        assert answer.code in ("token.forged", "token.malformed")
        _leaks_nothing(answer)
    time.sleep(max(0.0, minted_s + 5 + CLOCK_SKEW_S + 0.5 - time.monotonic()))
    answer = _offer(web_desk, sdp, short)
    assert (answer.status, answer.code) == (401, "token.expired")


def test_a_token_for_one_agent_calls_no_other(web_desk: RunningGateway) -> None:
    token = web_desk.mint("echo", "wrong")
    answer = _offer(web_desk, offer_sdp().encode(), token)
    assert (answer.status, answer.code) == (403, "token.wrong_agent")


def test_a_page_of_another_origin_may_not_call(web_desk: RunningGateway) -> None:
    sdp = offer_sdp().encode()
    before = len(web_desk.calls())
    answer = _offer(web_desk, sdp, Origin="https://evil.example")
    assert (answer.status, answer.code) == (403, "webrtc.origin")
    assert "Access-Control-Allow-Origin" not in answer.headers
    # Nor with a token that was meant for somebody.
    token = web_desk.mint("desk", "stolen")
    assert _offer(web_desk, sdp, token, Origin="https://evil.example").status == 403
    assert len(web_desk.calls()) == before


def test_what_is_no_offer_is_refused_with_a_reason(web_desk: RunningGateway) -> None:
    good = offer_sdp()
    audio = good.index("m=audio")
    bodies = {
        "nothing": b"",
        "no sdp": b"hello",
        "binary": bytes(range(256)) * 8,
        "cut off": good[: audio + 30].encode(),
        "no audio": (good[:audio] + good[good.index("m=application") :]).encode(),
        "no fingerprint": "\r\n".join(
            line for line in good.splitlines() if "fingerprint" not in line
        ).encode(),
        "no credentials": "\r\n".join(
            line for line in good.splitlines() if "ice-pwd" not in line
        ).encode(),
        "unknown codecs": good.replace("opus/48000/2", "evrc/8000")
        .replace("PCMU/8000", "evrc/8000")
        .replace("PCMA/8000", "evrc/8000")
        .encode(),
        "plain rtp": good.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP").encode(),
    }
    for name, body in bodies.items():
        answer = _offer(web_desk, body)
        assert answer.status == 400, (name, answer)
        assert answer.code.startswith("sdp."), (name, answer)
        assert json.loads(answer.body)["error"]["message"]
        _leaks_nothing(answer)
    answer = _offer(web_desk, good.encode() + b"a=x:" + b"y" * 300_000)
    assert answer.status == 413
    _leaks_nothing(answer)
    answer = ask(web_desk.web_url("desk"), method="POST", body=b"{}", headers={})
    assert answer.status == 415
    # It still takes calls.
    assert _offer(web_desk, good.encode()).status == 201


def test_nobody_at_that_name(web_desk: RunningGateway) -> None:
    answer = ask(web_desk.web_url("nobody"), method="POST", body=offer_sdp().encode(), headers=SDP)
    assert answer.status == 404
    _leaks_nothing(answer)


def test_half_open_calls_are_all_reaped(own_gateway: StartGateway, web_call: WebCall) -> None:
    gateway = own_gateway(WEB + "connect_bound_s = 4\n" + SETTINGS)
    sdp = offer_sdp().encode()
    (worker,) = gateway.pids("webrtc")
    web_call(gateway).call().hang_up()
    until(lambda: gateway.metric("offhook_calls_active") == 0, 10, "the first call's end")
    sockets = _sockets(worker)
    answers: list[Answer] = []
    askers = [
        threading.Thread(target=lambda: answers.append(_offer(gateway, sdp)))
        for _ in range(HALF_OPEN)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(60)

    assert [answer.status for answer in answers] == [201] * HALF_OPEN
    until(lambda: gateway.metric("offhook_calls_active") == 0, 30, "the end of all of them")
    until(lambda: _sockets(worker) <= sockets, 10, "their sockets closed")
    ended = [gateway.record(call["call_id"]) for call in gateway.calls()[:HALF_OPEN]]
    assert {record["cause"] for record in ended} == {"no_media"}
    assert not any(entries(record, "greeting_started") for record in ended)
    # Whose calls they were is over as well, and the next one is taken.
    location = answers[0].headers["Location"]
    url = f"http://127.0.0.1:{gateway.http_port}{location}"
    assert ask(url, method="DELETE").status in (200, 404)
    web_call(gateway).call().hang_up()
    assert gateway.pids("webrtc") == [worker]
    assert not gateway.troubles()


def _sockets(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))
