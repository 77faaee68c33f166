"""Stands between endpoints and sessions and looks on: sound, media reports and the end of every call.

It changes nothing that it passes on. What it keeps is bounded: `LIVE_MOST` calls that go on and the last
`ENDED_MOST` that are over, each at most some 30 kB.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from gateway.console.envelope import BUCKET_MS
from gateway.console.tapped_leg import TappedLeg
from gateway.console.watched_call import WatchedCall
from gateway.media.tick import AudioTick, TickListener
from gateway.model.endpoint import Leg, LegListener, OfferListener
from gateway.model.events import Ended, LegEvent, MediaUp, Offered, Statistics
from gateway.model.hangup import HangupCause
from gateway.rooms.timeline import Entry

LIVE_MOST = 1_024
ENDED_MOST = 256
EARS_MOST = 4_096
"""Rows of hearing that are looked at."""

_BUCKET_S = BUCKET_MS / 1000


class CallWatch:
    """Implements `OfferListener` and `TickListener`, in front of the real ones. On the event loop."""

    def __init__(
        self,
        offers: OfferListener,
        ticks: TickListener,
        *,
        is_speaking: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`is_speaking` tells of a live call whether voice activity is found in it now."""
        self._offers = offers
        self._ticks = ticks
        self._is_speaking = is_speaking
        self._clock = clock
        self._live: OrderedDict[str, WatchedCall] = OrderedDict()
        self._ended: OrderedDict[str, WatchedCall] = OrderedDict()
        self._peaks = np.zeros(EARS_MOST, dtype=np.int32)
        self._bucket = 0

    def call(self, call_id: str) -> WatchedCall | None:
        """Return what is known of a call that goes on, or that ended not long ago."""
        return self._live.get(call_id) or self._ended.get(call_id)

    def written(self, entry: Entry) -> None:
        """An entry was added to a call's timeline."""
        if (call := self._live.get(entry.call_id)) is not None:
            call.written(entry)

    # OfferListener ----------------------------------------------------------------------------------

    def on_offered(self, leg: Leg, offered: Offered) -> LegListener:
        call = WatchedCall(offered.call_id, offered.at_s)
        self._live[offered.call_id] = call
        if len(self._live) > LIVE_MOST:
            # Only if ends were not reported; the oldest is the likeliest to be gone.
            self._live.popitem(last=False)
        return _Listener(self._offers.on_offered(TappedLeg(leg, call), offered), call, self)

    def on_refused(self, offered: Offered, cause: HangupCause) -> None:
        self._offers.on_refused(offered, cause)

    def saw(self, call: WatchedCall, event: LegEvent) -> None:
        """An event of a watched leg was passed on."""
        match event:
            case MediaUp():
                call.codec = event.codec
                call.playing.media_up(event.at_s)
            case Statistics():
                call.reported(event)
            case Ended():
                call.ended(event.at_s)
                if self._live.get(call.call_id) is call:
                    del self._live[call.call_id]
                self._ended[call.call_id] = call
                if len(self._ended) > ENDED_MOST:
                    self._ended.popitem(last=False)

    # TickListener -----------------------------------------------------------------------------------

    def on_tick(self, tick: AudioTick) -> None:
        self._ticks.on_tick(tick)
        if len(tick.ears):
            loudest = np.maximum(tick.pcm.max(axis=1), -tick.pcm.min(axis=1).astype(np.int32))
            known = (tick.ears >= 0) & (tick.ears < EARS_MOST)
            ears = tick.ears[known]
            self._peaks[ears] = np.maximum(self._peaks[ears], loudest[known])
        now_s = self._clock()
        bucket = int(now_s / _BUCKET_S)
        if bucket != self._bucket:
            self._bucket = bucket
            self._listen(now_s)

    def _listen(self, now_s: float) -> None:
        for call in self._live.values():
            peak = 0 if call.ear is None or call.ear >= EARS_MOST else int(self._peaks[call.ear])
            call.listen(now_s, peak, is_speaking=self._is_speaking(call.call_id))
        self._peaks[:] = 0


class _Listener:
    """Passes a leg's events on, and shows them to the watch."""

    def __init__(self, listener: LegListener, call: WatchedCall, watch: CallWatch) -> None:
        self._listener = listener
        self._call = call
        self._watch = watch

    def on_leg_event(self, event: LegEvent) -> None:
        self._listener.on_leg_event(event)
        self._watch.saw(self._call, event)
