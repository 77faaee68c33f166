"""A speech file is whole or it is not one."""

import io
import wave

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.media.speech_file import SpeechFileError, decode, encode
from gateway.model.speech import Speech, Word

SPEECH = Speech(
    "Grüß Gott, wie geht's?",
    b"\x01\x02" * 801,
    (Word("Grüß", 0.0, 120.5), Word("Gott", 130, 200.25)),
    "joe",
)


def test_what_is_written_is_read() -> None:
    assert decode(encode(SPEECH)) == SPEECH


def test_any_player_can_play_it() -> None:
    with wave.open(io.BytesIO(encode(SPEECH))) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (
            16_000,
            1,
            2,
        )
        assert reader.readframes(10_000) == SPEECH.pcm


@settings(deadline=None)
@given(st.data())
def test_a_flipped_bit_or_a_cut_is_noticed(data: st.DataObject) -> None:
    whole = encode(SPEECH)
    at = data.draw(st.integers(8, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for broken in (bytes(flipped), whole[:at]):
        try:
            assert decode(broken) == SPEECH  # a bit of padding may be anything
        except SpeechFileError:
            continue


@pytest.mark.parametrize(
    "data", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", bytes(100), b"not a wav at all"]
)
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(SpeechFileError):
        decode(data)
