"""Offers, answers and fragments: what is taken, what is refused and why, and that nothing else happens."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import OfferRefused
from webrtc import sdp_answer, sdp_fragment, sdp_offer
from webrtc.sdp_fragment import Credentials, RemoteCandidate
from webrtc.sdp_offer import CodecName

FINGERPRINT = ":".join(["AB"] * 32)
TRANSPORT = (
    "a=ice-ufrag:Ab3/",
    "a=ice-pwd:" + "p" * 22,
    f"a=fingerprint:sha-256 {FINGERPRINT}",
    "a=setup:actpass",
)
AUDIO = (
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0 8 110 126",
    "c=IN IP4 0.0.0.0",
    "a=mid:0",
    *TRANSPORT,
    "a=sendrecv",
    "a=rtcp-mux",
    "a=rtpmap:111 opus/48000/2",
    "a=rtpmap:63 red/48000/2",
    "a=rtpmap:110 telephone-event/48000",
    "a=rtpmap:126 telephone-event/8000",
    "a=candidate:1 1 udp 2122260223 192.0.2.1 54321 typ host generation 0",
)
DATA = (
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "c=IN IP4 0.0.0.0",
    "a=mid:1",
    *TRANSPORT,
    "a=sctp-port:5001",
    "a=max-message-size:262144",
)
VIDEO = ("m=video 9 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "a=mid:2", *TRANSPORT)
SESSION = ("v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1 2")


def sdp(*sections: tuple[str, ...], session: tuple[str, ...] = SESSION) -> str:
    return "\r\n".join((*session, *(line for section in sections for line in section), ""))


GOOD = sdp(AUDIO, DATA)


def without(text: str, prefix: str) -> str:
    return "\r\n".join(line for line in text.split("\r\n") if not line.startswith(prefix))


def answer_to(text: str) -> list[str]:
    ours = sdp_answer.Ours(
        credentials=Credentials("ours", "q" * 22),
        candidates=["1 1 udp 1 127.0.0.1 5000 typ host"],
        fingerprint=FINGERPRINT,
        is_dtls_client=True,
        session_id=7,
        ssrc=9,
    )
    return sdp_answer.write(sdp_offer.read(text), ours).split("\r\n")


def test_a_browsers_offer_is_read() -> None:
    offer = sdp_offer.read(GOOD)

    assert (offer.audio, offer.data) == (0, 1)
    assert (offer.codec.name, offer.codec.payload_type) == (CodecName.OPUS, 111)
    assert set(offer.events) == {(110, 48_000), (126, 8_000)}
    assert offer.credentials == Credentials("Ab3/", "p" * 22)
    assert offer.candidates == (RemoteCandidate("1", 2122260223, "192.0.2.1", 54321, "host"),)
    assert offer.fingerprints == (("sha-256", FINGERPRINT),)
    assert (offer.sctp_port, offer.message_bytes) == (5001, 262_144)
    assert not offer.listen_only
    assert not offer.is_complete


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "x=value"),
        ("v=1\r\n", "v=0"),
        ("v=0\r\nhello\r\n", "line 2"),
        (sdp(DATA), "no audio"),
        (GOOD.replace("m=audio 9", "m=audio 0"), "no audio"),
        (GOOD.replace("m=audio 9", "m=audio nine"), "m= line"),
        (GOOD.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "SAVPF"),
        (without(GOOD, "a=rtcp-mux"), "rtcp-mux"),
        (without(GOOD, "a=group"), "BUNDLE"),
        (without(GOOD, "a=ice-pwd"), "ice-pwd"),
        (GOOD.replace("p" * 22, "p" * 21), "ice-pwd"),
        (without(GOOD, "a=fingerprint"), "fingerprint"),
        (GOOD.replace("sha-256", "md5"), "fingerprint"),
        (GOOD.replace("actpass", "holdconn"), "setup"),
        (GOOD.replace("a=sendrecv", "a=inactive"), "inactive"),
        (GOOD.replace("a=sendrecv", "a=sendonly"), "sendonly"),
        (GOOD.replace("opus", "speex").replace(" 0 8 ", " "), "codec"),
        (GOOD.replace("opus/48000", "opus/16000").replace(" 0 8 ", " "), "codec"),
        (GOOD.replace("sctp-port:5001", "sctp-port:many"), "sctp-port"),
        (sdp(*([VIDEO] * 17)), "sections"),
        (GOOD + "a=x\r\n" * 1_000, "lines"),
    ],
)
def test_an_offer_that_breaks_a_rule_is_refused_with_it(text: str, reason: str) -> None:
    with pytest.raises(OfferRefused, match=reason):
        sdp_offer.read(text)


@pytest.mark.parametrize(
    ("formats", "codec", "number"),
    [("0 111", "opus", 111), ("8 0", "PCMU", 0), ("8", "PCMA", 8), ("63 0", "PCMU", 0)],
)
def test_opus_is_preferred_then_what_there_is(formats: str, codec: str, number: int) -> None:
    offer = sdp_offer.read(GOOD.replace("111 63 0 8 110 126", formats))

    assert (offer.codec.name, offer.codec.payload_type) == (codec, number)


def test_who_only_listens_is_answered_by_one_who_only_sends() -> None:
    text = GOOD.replace("a=sendrecv", "a=recvonly")

    assert sdp_offer.read(text).listen_only
    assert "a=sendonly" in answer_to(text)


def test_the_answer_has_the_sections_of_the_offer_in_its_order() -> None:
    lines = answer_to(sdp(VIDEO, AUDIO, DATA))

    media = [line for line in lines if line.startswith("m=")]
    assert media[0] == "m=video 0 UDP/TLS/RTP/SAVPF 96"
    assert media[1].startswith("m=audio 9 UDP/TLS/RTP/SAVPF 111")
    assert media[2] == "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"
    assert "a=group:BUNDLE 0 1" in lines
    assert lines.count("a=setup:active") == 2
    assert "a=sctp-port:5001" in lines
    assert any("useinbandfec=1" in line for line in lines)


def test_a_single_section_needs_no_bundle_or_mid() -> None:
    text = without(without(sdp(AUDIO), "a=mid"), "a=group")

    assert not any(line.startswith(("a=mid", "a=group")) for line in answer_to(text))


def test_a_fragment_is_read_back() -> None:
    candidates = ["1 1 udp 1 127.0.0.1 5000 typ host"]
    text = sdp_fragment.write(
        Credentials("abcd", "w" * 22), candidates, section="m=audio 9 X 0", mid="0"
    )

    fragment = sdp_fragment.read(text)

    assert fragment.credentials == Credentials("abcd", "w" * 22)
    assert fragment.candidates == (RemoteCandidate("1", 1, "127.0.0.1", 5000, "host"),)
    assert fragment.is_complete


@pytest.mark.parametrize(
    "candidate",
    [
        "1 1 tcp 1 192.0.2.1 9 typ host tcptype active",
        "1 2 udp 1 192.0.2.1 5000 typ host",
        "1 1 udp 1 192.0.2.1 0 typ host",
        "1 1 udp 1 192.0.2.1 70000 typ host",
        "1 1 udp 1 192.0.2.1 5000 typ strange",
        "nonsense",
        "",
    ],
)
def test_candidates_that_cannot_be_used_are_passed_over(candidate: str) -> None:
    assert sdp_fragment.candidates_of([f"a=candidate:{candidate}"]) == ()


def test_candidates_are_bounded() -> None:
    line = "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host"

    assert len(sdp_fragment.candidates_of([line] * 1_000)) == sdp_fragment.CANDIDATES_LIMIT


_lines = GOOD.split("\r\n")


@given(
    st.lists(
        st.one_of(
            st.sampled_from(_lines),
            st.text(max_size=60),
            st.sampled_from(_lines).flatmap(
                lambda line: st.integers(0, len(line)).map(lambda cut: line[:cut] + line[cut + 1 :])
            ),
        ),
        max_size=60,
    )
)
def test_nonsense_is_refused_and_nothing_worse(lines: list[str]) -> None:
    for text in ("\r\n".join(lines), "\r\n".join([*_lines[:9], *lines, *_lines[9:]])):
        for read in (sdp_offer.read, sdp_fragment.read):
            with contextlib.suppress(OfferRefused):
                read(text)


@given(st.permutations([AUDIO, DATA, VIDEO]), st.booleans())
def test_every_answer_matches_its_offer(sections: list[tuple[str, ...]], complete: bool) -> None:
    text = sdp(*sections) + ("a=end-of-candidates\r\n" if complete else "")

    kinds = [line.split()[0] for line in answer_to(text) if line.startswith("m=")]

    assert kinds == [section[0].split()[0] for section in sections]
