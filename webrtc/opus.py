"""Encodes and decodes Opus at 16 kHz mono through libopus itself.

Neither FFmpeg's wrapper nor aiortc's codec gives what a line with losses needs: concealment, decoding of
in-band error correction, and our own rate without a resampler. PyAV's wheel carries the library.
"""

import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from gateway.errors import EndpointError
from gateway.model.frame import FRAME_SAMPLES, RATE_HZ, SAMPLE_BYTES

BITRATE = 40_000
"""Bit/s: wideband speech with room for the error correction."""
COMPLEXITY = 5
EXPECTED_LOSS_PERCENT = 10
"""How much loss the encoder arms against; without it no error correction is sent."""

_APPLICATION_VOIP = 2048
_SET_BITRATE, _SET_COMPLEXITY, _SET_INBAND_FEC = 4002, 4010, 4012
_SET_PACKET_LOSS, _SET_SIGNAL, _SIGNAL_VOICE = 4014, 4024, 3001
_PACKET_BYTES = 1_275
_LONGEST_SAMPLES = 120 * RATE_HZ // 1000
_SYSTEM_NAME = "libopus.so.0"

QUIET = b"\xf8\xff\xfe"
"""20 ms of digital silence (RFC 6716 section 3.1: CELT, fullband, mono, one frame)."""


@cache
def library() -> ctypes.CDLL:
    """Return libopus; raises `EndpointError`."""
    for name in (*_bundled(), _SYSTEM_NAME):
        try:
            return _declare(ctypes.CDLL(name))
        except OSError:
            continue
    raise EndpointError("libopus is missing; install the webrtc extra, or libopus0")


def version() -> str:
    """Return the library's name and version, for people."""
    function = library().opus_get_version_string
    function.restype = ctypes.c_char_p
    return bytes(function()).decode("ascii", "replace")


class OpusEncoder:
    """One call's encoder."""

    def __init__(self) -> None:
        self._library = library()
        error = ctypes.c_int()
        self._state = self._library.opus_encoder_create(
            RATE_HZ, 1, _APPLICATION_VOIP, ctypes.byref(error)
        )
        if not self._state:
            raise EndpointError(f"libopus made no encoder: error {error.value}")
        for request, value in (
            (_SET_BITRATE, BITRATE),
            (_SET_COMPLEXITY, COMPLEXITY),
            (_SET_INBAND_FEC, 1),
            (_SET_PACKET_LOSS, EXPECTED_LOSS_PERCENT),
            (_SET_SIGNAL, _SIGNAL_VOICE),
        ):
            self._library.opus_encoder_ctl(
                self._state, ctypes.c_int(request), ctypes.c_int32(value)
            )
        self._packet = ctypes.create_string_buffer(_PACKET_BYTES)

    def encode(self, pcm: bytes) -> bytes:
        """Return the packet of one frame (640 bytes)."""
        size = self._library.opus_encode(
            self._state, pcm, FRAME_SAMPLES, self._packet, _PACKET_BYTES
        )
        return ctypes.string_at(self._packet, size) if size > 0 else QUIET

    def close(self) -> None:
        """Free the encoder; may be called twice."""
        state, self._state = self._state, None
        if state:
            self._library.opus_encoder_destroy(state)


class OpusDecoder:
    """One call's decoder."""

    def __init__(self) -> None:
        self._library = library()
        error = ctypes.c_int()
        self._state = self._library.opus_decoder_create(RATE_HZ, 1, ctypes.byref(error))
        if not self._state:
            raise EndpointError(f"libopus made no decoder: error {error.value}")
        self._pcm = ctypes.create_string_buffer(_LONGEST_SAMPLES * SAMPLE_BYTES)

    def decode(self, payload: bytes) -> bytes:
        """Return the PCM of a packet; nothing for one that is malformed."""
        count = self._library.opus_decode(
            self._state, payload, len(payload), self._pcm, _LONGEST_SAMPLES, 0
        )
        return self._taken(count)

    def conceal(self, following: bytes, samples: int) -> bytes:
        """Return PCM in the place of a lost packet; `following`, if it is there, may carry a copy."""
        count = self._library.opus_decode(
            self._state,
            following or None,
            len(following),
            self._pcm,
            min(samples, _LONGEST_SAMPLES),
            1 if following else 0,
        )
        return self._taken(count)

    def close(self) -> None:
        """Free the decoder; may be called twice."""
        state, self._state = self._state, None
        if state:
            self._library.opus_decoder_destroy(state)

    def _taken(self, count: int) -> bytes:
        return ctypes.string_at(self._pcm, count * SAMPLE_BYTES) if count > 0 else b""


def _bundled() -> list[str]:
    """Return PyAV's own copies; the package itself is not imported for that."""
    spec = find_spec("av")
    if spec is None or spec.origin is None:
        return []
    folder = Path(spec.origin).parent.parent / "av.libs"
    return [str(path) for path in sorted(folder.glob("libopus*.so*"))]


def _declare(found: ctypes.CDLL) -> ctypes.CDLL:
    pointer, number, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    found.opus_encoder_create.restype = pointer
    found.opus_encoder_create.argtypes = [ctypes.c_int32, number, number, ctypes.POINTER(number)]
    found.opus_encoder_destroy.argtypes = [pointer]
    found.opus_encoder_destroy.restype = None
    # A variadic function: only its fixed arguments may be declared.
    found.opus_encoder_ctl.argtypes = [pointer, number]
    found.opus_encode.argtypes = [pointer, text, number, text, ctypes.c_int32]
    found.opus_encode.restype = ctypes.c_int32
    found.opus_decoder_create.restype = pointer
    found.opus_decoder_create.argtypes = [ctypes.c_int32, number, ctypes.POINTER(number)]
    found.opus_decoder_destroy.argtypes = [pointer]
    found.opus_decoder_destroy.restype = None
    found.opus_decode.argtypes = [pointer, text, ctypes.c_int32, text, number, number]
    return found
