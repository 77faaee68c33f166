"""What signals ask of the gateway: SIGTERM and SIGINT to drain and end, again to hurry; SIGHUP to read anew."""

import asyncio
import signal
from collections.abc import Callable


class Signals:
    """Made on the event loop; `close` gives the signals back."""

    STOPPING = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        """The gateway is to drain and end."""
        self.hurry = asyncio.Event()
        """It was asked a second time: now."""
        self._loop = asyncio.get_running_loop()
        for number in self.STOPPING:
            self._loop.add_signal_handler(number, self._on_stop)
        # Until there is something to reload: its default would end the process during start-up.
        self._loop.add_signal_handler(signal.SIGHUP, lambda: None)

    def on_reload(self, reload: Callable[[], None]) -> None:
        """Have SIGHUP call `reload`, on the event loop."""
        self._loop.add_signal_handler(signal.SIGHUP, reload)

    def close(self) -> None:
        for number in (*self.STOPPING, signal.SIGHUP):
            self._loop.remove_signal_handler(number)

    def _on_stop(self) -> None:
        (self.hurry if self.stop.is_set() else self.stop).set()
