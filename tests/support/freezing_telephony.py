"""The SIP worker, with threads that a signal stops: USR1 the SIP thread, USR2 the media clock, WINCH frees them."""

import signal
import sys
import threading
from typing import Any

from telephony import __main__ as telephony_main
from telephony.tick_batch import TickBatch

_thawed = threading.Event()
_frozen_clock = threading.Event()


def _freeze_this_thread(*_: Any) -> None:
    # Handlers run on the main thread, which is the SIP thread; others run on beneath the waiting.
    _thawed.clear()
    while not _thawed.wait(0.05):
        pass


def _freeze_clock(*_: Any) -> None:
    _thawed.clear()
    _frozen_clock.set()


def _thaw(*_: Any) -> None:
    _frozen_clock.clear()
    _thawed.set()


def main() -> int:
    begin = TickBatch.begin

    def begin_unless_frozen(batch: TickBatch, now_s: float) -> None:
        if _frozen_clock.is_set():
            _thawed.wait()
        begin(batch, now_s)

    TickBatch.begin = begin_unless_frozen  # type: ignore[method-assign]
    signal.signal(signal.SIGUSR1, _freeze_this_thread)
    signal.signal(signal.SIGUSR2, _freeze_clock)
    signal.signal(signal.SIGWINCH, _thaw)
    return telephony_main.main()


if __name__ == "__main__":
    sys.exit(main())
