"""The native audio ports: 20 ms frames between the conference bridge and the legs' queues.

This path runs 100 times a second for each call, on the bridge's clock thread, with the port's lock held:
it only copies. Four things keep it short.

* The clock thread keeps its Python thread state. By default each callback on a thread that Python did
  not make creates one and destroys it again, which costs more than all the rest (measured with 100
  ports, both directions: 9.0 % of a core, and 2.7 % with the state kept).
* `assign_from_bytes` and `copy_to_bytearray` (PJSIP 2.16) copy a frame in one call; the element-wise
  vectors of older builds take 160 µs for the same.
* Frames go into rows that exist already (`TickBatch`).
* Ports are not made and destroyed with calls but taken from a pool. A destroyed port could still be in
  use by the clock thread, and removal from the bridge takes effect later; a port that lives on has
  neither problem.
"""

import ctypes
import logging
import threading
import time
from collections import deque
from typing import Any, Protocol

import pjsua2 as pj

from gateway.media.playout import MarkReached, PlayoutQueue
from gateway.model.frame import FRAME_MS, RATE_HZ, SILENCE
from telephony.tick_batch import TickBatch

log = logging.getLogger(__name__)

_AUDIO = pj.PJMEDIA_FRAME_TYPE_AUDIO
HAS_FAST_VECTORS = hasattr(pj.ByteVector, "assign_from_bytes")
"""Whether this build copies frames fast (PJSIP 2.16 or newer)."""
_IDLE_PORTS = 4
"""Ports kept for the next calls; even an idle port costs a callback a tick."""
_QUARANTINE_S = 0.2
"""Time for the bridge to forget what a returned port was connected to (ten ticks)."""


class MarkSink(Protocol):
    """Takes the marks that a tick reached, on the clock thread; must not block."""

    def __call__(self, leg: int, reached: list[MarkReached], at_s: float) -> None: ...


def _audio_format() -> Any:
    audio = pj.MediaFormatAudio()
    audio.type = pj.PJMEDIA_TYPE_AUDIO
    audio.init(pj.PJMEDIA_FORMAT_PCM, RATE_HZ, 1, FRAME_MS * 1000, 16)
    return audio


def destroy_port(port: Any) -> None:
    """Destroy the native port now, on this (the pj) thread, while its Python object stays alive.

    The clock thread may be inside a callback of this port: the native destructor waits for it, and the
    Python object that the callback uses must not be half freed meanwhile, as it would be if the garbage
    collector ended both at once.
    """
    if port.thisown:
        port.thisown = False
        pj.AudioMediaPort.__swig_destroy__(port)


class LegPort(pj.AudioMediaPort):  # type: ignore[misc]
    """The bridge's end of one call's audio."""

    def __init__(self, name: str, batch: TickBatch, on_marks: MarkSink) -> None:
        super().__init__()
        self._batch = batch
        self._on_marks = on_marks
        self._leg = 0
        self._bound_playout: PlayoutQueue | None = None
        self._playout: PlayoutQueue | None = None
        """What plays now; None while there is nothing to play from, or on hold."""
        self._listens = False
        self.failed_frames = 0
        self.returned_at_s = 0.0
        self.createPort(name, _audio_format())

    def bind(self, leg: int, playout: PlayoutQueue) -> None:
        """Serve this leg from now on; nothing is heard or played until `flow`."""
        self._leg = leg
        self._bound_playout = playout

    def flow(self, *, plays: bool, listens: bool) -> None:
        """Let audio through, or hold it: a held leg keeps its place in the playout queue."""
        self._playout = self._bound_playout if plays else None
        self._listens = listens

    def unbind(self) -> None:
        """Forget the leg; the port may be bound again after a quarantine."""
        self._bound_playout = None
        self._playout = None
        self._listens = False
        self._leg = 0

    # On the clock thread ---------------------------------------------------------------------

    if HAS_FAST_VECTORS:

        def onFrameRequested(self, frame: Any) -> None:
            try:
                playout = self._playout
                pcm = None
                if playout is not None:
                    with playout.lock:  # so that no clear can be reported in between
                        pcm, reached = playout.next_frame()
                        if reached:
                            self._on_marks(self._leg, reached, time.monotonic())
                frame.type = _AUDIO
                frame.buf.assign_from_bytes(pcm or SILENCE)
            except Exception:
                self._failed()

        def onFrameReceived(self, frame: Any) -> None:
            # An unconnected port gets an empty frame each tick.
            if not self._listens:
                return
            try:
                row = self._batch.row()
                if row is not None:
                    frame.buf.copy_to_bytearray(row)
                    self._batch.commit(self._leg)
            except Exception:
                self._failed()

    else:

        def onFrameRequested(self, frame: Any) -> None:
            try:
                playout = self._playout
                pcm = None
                if playout is not None:
                    with playout.lock:  # so that no clear can be reported in between
                        pcm, reached = playout.next_frame()
                        if reached:
                            self._on_marks(self._leg, reached, time.monotonic())
                frame.type = _AUDIO
                frame.buf = pj.ByteVector(pcm or SILENCE)
            except Exception:
                self._failed()

        def onFrameReceived(self, frame: Any) -> None:
            if not self._listens:
                return
            try:
                row = self._batch.row()
                if row is not None and frame.size == len(row):
                    row[:] = bytes(frame.buf)
                    self._batch.commit(self._leg)
            except Exception:
                self._failed()

    def _failed(self) -> None:
        # Without this the binding would print a traceback 50 times a second and play noise.
        self.failed_frames += 1
        if self.failed_frames == 1:
            log.exception("audio frame of a call failed")


class TickPort(pj.AudioMediaPort):  # type: ignore[misc]
    """The permanent first port of the bridge: its callback is the beginning of each tick.

    Connected to itself, because the bridge asks only ports for audio that somebody listens to. Made
    before all others, it has the lowest slot, and the bridge serves slots in order.
    """

    def __init__(self, batch: TickBatch) -> None:
        super().__init__()
        self._batch = batch
        self._thread = 0
        self.createPort("tick", _audio_format())
        self.startTransmit(self)

    def onFrameRequested(self, _frame: Any) -> None:
        if threading.get_ident() != self._thread:
            self._thread = threading.get_ident()
            _keep_thread_state()
        self._batch.begin(time.monotonic())

    def onFrameReceived(self, _frame: Any) -> None:
        """Its own silence comes back; ignored."""


def _keep_thread_state() -> None:
    """Keep this native thread's Python thread state until the thread ends.

    One PyGILState_Ensure without its Release: the counter of the state never comes down to nought, so
    the callbacks' own Ensure and Release only take and give back the interpreter's lock.
    """
    ctypes.pythonapi.PyGILState_Ensure()


class PortPool:
    """Makes, lends and takes back leg ports. Lives on the pj thread."""

    def __init__(self, batch: TickBatch, on_marks: MarkSink) -> None:
        self._batch = batch
        self._on_marks = on_marks
        self._idle: deque[LegPort] = deque()
        self._lent: set[LegPort] = set()
        self._made = 0

    def lend(self, leg: int, playout: PlayoutQueue) -> LegPort:
        """Return a port for the leg; raises `pj.Error` if the bridge is full."""
        if self._idle and time.monotonic() - self._idle[0].returned_at_s >= _QUARANTINE_S:
            port = self._idle.popleft()
        else:
            self._made += 1
            port = LegPort(f"leg-port-{self._made}", self._batch, self._on_marks)
        self._lent.add(port)
        port.bind(leg, playout)
        return port

    def give_back(self, port: LegPort) -> None:
        """Take a port back; may be called twice."""
        if port not in self._lent:
            return
        self._lent.discard(port)
        port.unbind()
        port.returned_at_s = time.monotonic()
        self._idle.append(port)

    def trim(self) -> None:
        """Destroy idle ports beyond the few that are kept; called once in a while."""
        now_s = time.monotonic()
        while len(self._idle) > _IDLE_PORTS:
            if now_s - self._idle[0].returned_at_s < _QUARANTINE_S:
                return
            destroy_port(self._idle.popleft())

    def close(self) -> None:
        """Destroy all ports; before the library is destroyed."""
        for port in (*self._idle, *self._lent):
            destroy_port(port)
        self._idle.clear()
        self._lent.clear()
