"""What the caller reads out of answers: the codec, and why a call was refused."""

import pytest

from webrtc.caller.line import codec_of
from webrtc.caller.whip import _told


@pytest.mark.parametrize(
    ("section", "codec"),
    [
        ("m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=rtpmap:111 opus/48000/2\r\n", "opus/48000"),
        (
            "m=audio 9 UDP/TLS/RTP/SAVPF 8\r\na=rtpmap:111 opus/48000/2\r\n"
            "a=rtpmap:8 PCMA/8000\r\n",
            "PCMA/8000",
        ),
        ("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", "PCMU/8000"),
        ("m=audio 9 UDP/TLS/RTP/SAVPF 101\r\n", ""),
        ("m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", ""),
    ],
)
def test_the_first_codec_of_the_answer_is_named(section: str, codec: str) -> None:
    assert codec_of(f"v=0\r\n{section}") == codec


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ('{"error": {"code": "webrtc.full", "message": "all busy"}}', "all busy (webrtc.full)"),
        ("<html>nginx</html>", "<html>nginx</html>"),
        ('{"error": "text"}', '{"error": "text"}'),
        ("[]", "[]"),
        ("x" * 1_000, "x" * 300),
    ],
)
def test_a_refusal_is_told_in_a_line(body: str, told: str) -> None:
    assert _told(body) == told
