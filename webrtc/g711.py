"""Encodes and decodes G.711 (ITU-T G.711) with the change between 8 and 16 kHz; for peers without Opus."""

import numpy as np
import numpy.typing as npt

from webrtc.sdp_offer import CodecName

_Floats = npt.NDArray[np.float32]

_TAPS = 31
_HISTORY = _TAPS - 1
_QUIET_PCMU, _QUIET_PCMA = 0xFF, 0xD5


def _low_pass() -> _Floats:
    """Half-band filter, Kaiser window with beta 5: flat to 3.1 kHz, 50 dB down from 4.9 kHz."""
    distance = np.arange(_TAPS) - _TAPS // 2
    taps = 0.5 * np.sinc(distance / 2) * np.kaiser(_TAPS, 5.0)
    return np.asarray(taps / taps.sum(), dtype=np.float32)


def _mu_law() -> npt.NDArray[np.int16]:
    """Sample of every code."""
    code = ~np.arange(256) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)
    return np.where(code & 0x80, 0x84 - magnitude, magnitude - 0x84).astype(np.int16)


def _a_law() -> npt.NDArray[np.int16]:
    """Sample of every code."""
    code = np.arange(256) ^ 0x55
    exponent = (code >> 4) & 7
    mantissa = ((code & 0x0F) << 4) + 8
    magnitude = np.where(exponent == 0, mantissa, (mantissa + 0x100) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


_DECODE = {CodecName.PCMU: _mu_law(), CodecName.PCMA: _a_law()}


def _nearest(table: npt.NDArray[np.int16]) -> npt.NDArray[np.uint8]:
    """Code of every sample, by sample + 32768."""
    order = np.argsort(table, kind="stable")
    steps = table[order].astype(np.int32)
    between = (steps[1:] + steps[:-1]) // 2
    return order[np.searchsorted(between, np.arange(-32_768, 32_768))].astype(np.uint8)


_ENCODE = {name: _nearest(table) for name, table in _DECODE.items()}
_LOW_PASS = _low_pass()


class G711Encoder:
    """One call's encoder."""

    def __init__(self, name: CodecName) -> None:
        self._codes = _ENCODE[name]
        self._history = np.zeros(_HISTORY, np.float32)

    def encode(self, pcm: bytes) -> bytes:
        """Return the packet of one frame (640 bytes): 160 bytes."""
        joined = np.concatenate((self._history, np.frombuffer(pcm, "<i2").astype(np.float32)))
        self._history = joined[-_HISTORY:]
        halved = np.convolve(joined, _LOW_PASS, "valid")[::2]
        index = np.clip(np.rint(halved), -32_768, 32_767).astype(np.int32) + 32_768
        return self._codes[index].tobytes()

    def close(self) -> None:
        """Nothing is held."""


class G711Decoder:
    """One call's decoder; a lost packet becomes silence."""

    def __init__(self, name: CodecName) -> None:
        self._samples = _DECODE[name].astype(np.float32)
        self._history = np.zeros(_HISTORY, np.float32)

    def decode(self, payload: bytes) -> bytes:
        """Return the PCM of a packet, at twice its rate."""
        return self._doubled(self._samples[np.frombuffer(payload, np.uint8)])

    def conceal(self, following: bytes, samples: int) -> bytes:
        """Return silence, faded into; `following` is of no use here."""
        del following
        return self._doubled(np.zeros(samples // 2, np.float32))

    def close(self) -> None:
        """Nothing is held."""

    def _doubled(self, samples: _Floats) -> bytes:
        stuffed = np.zeros(2 * len(samples), np.float32)
        stuffed[::2] = 2 * samples
        joined = np.concatenate((self._history, stuffed))
        self._history = joined[-_HISTORY:]
        made = np.convolve(joined, _LOW_PASS, "valid")
        return np.clip(np.rint(made), -32_768, 32_767).astype("<i2").tobytes()
