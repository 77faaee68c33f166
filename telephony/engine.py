"""What the installed PJSIP build can do: for the worker's hello and for `offhook check`.

`python -m telephony.engine --json` prints it; a subprocess, because a native library that is broken takes
its process with it. Facts that pjsua2 does not tell are read from the library's own C symbols.
"""

import argparse
import ctypes
import json
import sys
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import pjsua2 as pj

from telephony.media_port import HAS_FAST_VECTORS

_UNKNOWN = "unknown"
_MORE_CALLS_THAN_ANY_BUILD_HAS = 100_000
"""What a build cannot hold it clamps, without an error; then the limit can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """One build of PJSIP."""

    version: str
    io_queue: str
    """`epoll` serves thousands of sockets, `select` a few dozen."""
    max_calls: int
    """Call slots of this build (or as configured). 0 if they cannot be read."""
    tls: str
    """Version of the TLS library, or `none`."""
    has_alsa: bool
    has_opus: bool
    has_dtls_srtp: bool
    has_fast_audio: bool
    """Whether frames are copied in one call (PJSIP 2.16 or newer)."""

    @property
    def is_server_grade(self) -> bool:
        """Whether this build can serve more than a handful of calls."""
        return self.has_fast_audio and self.io_queue == "epoll"

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "is_server_grade": self.is_server_grade}


def describe(max_calls: int) -> EngineFacts:
    """Return the facts; starts nothing. `max_calls` comes from `call_slots` or `probe`."""
    library = _library()
    return EngineFacts(
        version=_text(library, "pj_get_version") or _UNKNOWN,
        io_queue=(_text(library, "pj_ioqueue_name") or _UNKNOWN).partition("[")[0],
        max_calls=max_calls,
        tls=_tls(library),
        has_alsa=hasattr(library, "pjmedia_alsa_factory"),
        has_opus=hasattr(library, "pjmedia_codec_opus_init"),
        has_dtls_srtp=hasattr(library, "pjmedia_transport_srtp_dtls_start_nego")
        or hasattr(library, "DTLS_method"),
        has_fast_audio=HAS_FAST_VECTORS,
    )


def call_slots() -> int:
    """Return how many calls the library, now initialised, can hold (0: cannot be read)."""
    return _number(_library(), "pjsua_call_get_max_count")


def quiet() -> None:
    """Stop the library from logging what happens before it has been configured."""
    function = getattr(_library(), "pj_log_set_level", None)
    if function is not None:
        function.argtypes = [ctypes.c_int]
        function(1)


def probe() -> tuple[EngineFacts, list[str]]:
    """Return the facts and the codec ids. Creates and destroys the library: not in a worker."""
    quiet()
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.maxCalls = _MORE_CALLS_THAN_ANY_BUILD_HAS
    config.logConfig.level = 0
    config.logConfig.consoleLevel = 0
    endpoint.libInit(config)
    facts = describe(call_slots())
    codecs = [str(info.codecId) for info in endpoint.codecEnum2()]
    endpoint.libDestroy()
    return facts, codecs


@cache
def _library() -> ctypes.CDLL:
    # Our build puts the native module beside pjsua2.py, the published wheel inside a package.
    names = [name for name in sys.modules if name.rpartition(".")[2] == "_pjsua2"]
    return ctypes.CDLL(sys.modules[names[0]].__file__ or "")


def _text(library: ctypes.CDLL, symbol: str, *arguments: int) -> str:
    function = getattr(library, symbol, None)
    if function is None:
        return ""
    function.restype = ctypes.c_char_p
    value: bytes | None = function(*arguments)
    return (value or b"").decode("ascii", "replace")


def _number(library: ctypes.CDLL, symbol: str) -> int:
    function = getattr(library, symbol, None)
    if function is None:
        return 0
    function.restype = ctypes.c_uint
    return int(function())


def _tls(library: ctypes.CDLL) -> str:
    if not hasattr(library, "pj_ssl_sock_create"):
        return "none"
    # OpenSSL 1.1 renamed the function.
    return _text(library, "OpenSSL_version", 0) or _text(library, "SSLeay_version", 0) or _UNKNOWN


def main(arguments: list[str] | None = None) -> int:
    """Print the facts of the installed build."""
    parser = argparse.ArgumentParser(prog="python -m telephony.engine", description=__doc__)
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    options = parser.parse_args(arguments)
    engine, codecs = probe()
    facts = {**engine.as_dict(), "codecs": codecs}
    if options.json:
        json.dump(facts, sys.stdout)
        sys.stdout.write("\n")
    else:
        for name, value in facts.items():
            sys.stdout.write(f"{name:16} {value}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
