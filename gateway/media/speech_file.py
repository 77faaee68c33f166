"""One rendered utterance as a file: a WAV that any player plays, with its words and a checksum inside.

RIFF/WAVE: 'fmt ' PCM16 mono 16 kHz · 'data' the audio · 'offh' SHA-256 (of JSON and audio), then JSON
"""

import hashlib
import json
import struct
from typing import Any

from gateway.model.frame import RATE_HZ, SAMPLE_BYTES
from gateway.model.speech import Speech, Word

_FORMAT = struct.pack("<HHIIHH", 1, 1, RATE_HZ, RATE_HZ * SAMPLE_BYTES, SAMPLE_BYTES, 16)
_DIGEST_BYTES = 32


class SpeechFileError(ValueError):
    """The bytes are not a whole utterance written by `encode`."""


def encode(speech: Speech) -> bytes:
    """Return the file's content."""
    facts = {
        "text": speech.text,
        "source": speech.source,
        "words": [[word.text, word.start_ms, word.end_ms] for word in speech.words],
    }
    written = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()
    digest = hashlib.sha256(written + speech.pcm).digest()
    body = b"WAVE" + b"".join(
        _chunk(name, content)
        for name, content in (
            (b"fmt ", _FORMAT),
            (b"data", speech.pcm),
            (b"offh", digest + written),
        )
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def decode(data: bytes) -> Speech:
    """Return the utterance; raises `SpeechFileError` for anything that is not whole."""
    chunks = _chunks(data)
    pcm, tagged = chunks.get(b"data"), chunks.get(b"offh")
    if pcm is None or tagged is None or chunks.get(b"fmt ") != _FORMAT:
        raise SpeechFileError("a chunk is missing or of another format")
    digest, written = tagged[:_DIGEST_BYTES], tagged[_DIGEST_BYTES:]
    if hashlib.sha256(written + pcm).digest() != digest:
        raise SpeechFileError("the checksum does not match")
    try:
        facts: dict[str, Any] = json.loads(written)
        words = tuple(Word(str(w[0]), float(w[1]), float(w[2])) for w in facts["words"])
        return Speech(str(facts["text"]), pcm, words, str(facts["source"]))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise SpeechFileError("the facts are not as written") from error


def _chunk(name: bytes, content: bytes) -> bytes:
    padding = b"\0" if len(content) % 2 else b""
    return name + struct.pack("<I", len(content)) + content + padding


def _chunks(data: bytes) -> dict[bytes, bytes]:
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise SpeechFileError("not a WAV file")
    chunks: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        content = data[at + 8 : at + 8 + size]
        if len(content) != size:
            raise SpeechFileError("the file is cut off")
        chunks[data[at : at + 4]] = content
        at += 8 + size + size % 2
    return chunks
