"""Tests of gateway/rooms/watched_recorder.py: watchers see everything, after the recorder, and can hurt nobody."""

from gateway.model.events import EndpointKind, Offered
from gateway.model.hangup import HangupCause
from gateway.rooms.timeline import Entry, Kind, RoomView
from gateway.rooms.watched_recorder import CallEnd, WatchedRecorder

OFFERED = Offered(
    call_id="c_1",
    endpoint=EndpointKind.SIP,
    caller="+15550100001",
    callee="100",
    at_s=1.0,
)
ENTRY = Entry(room_id="r_1", call_id="c_1", kind=Kind.ANSWERED, offset_ms=10.0)
END = CallEnd(call_id="c_1", cause=HangupCause.CALLER_HUNG_UP, detail="bye", offset_ms=20.0)


class Seen:
    """A recorder and a watcher: what it was told, in a list that several share."""

    def __init__(self, name, told, *, fails=False):
        self.name, self.told, self.fails = name, told, fails

    def _note(self, what):
        self.told.append((self.name, what))
        if self.fails:
            raise RuntimeError("a fault of the watcher")

    async def room_for(self, *, number, person):
        self._note((number, person))
        return RoomView(room_id="r_1", history=())

    def call_offered(self, offered, *, room_id, agent):
        self._note((offered, room_id, agent))

    def append(self, entry):
        self._note(entry)

    appended = append


class Recorder(Seen):
    def call_ended(self, call_id, *, cause, detail, offset_ms):
        self._note(CallEnd(call_id=call_id, cause=cause, detail=detail, offset_ms=offset_ms))


class Watcher(Seen):
    def call_ended(self, end):
        self._note(end)


def tell_all(recorder):
    recorder.call_offered(OFFERED, room_id="r_1", agent="desk")
    recorder.append(ENTRY)
    recorder.call_ended("c_1", cause=END.cause, detail=END.detail, offset_ms=END.offset_ms)


def test_watchers_come_after_the_recorder_in_their_order():
    told = []
    recorder = WatchedRecorder(Recorder("store", told), [Watcher("one", told)])
    recorder.watch(Watcher("two", told))

    tell_all(recorder)

    facts = [(OFFERED, "r_1", "desk"), ENTRY, END]
    assert told == [(name, fact) for fact in facts for name in ("store", "one", "two")]


def test_a_watcher_that_fails_hurts_neither_the_call_nor_the_next(caplog):
    told = []
    broken = Watcher("one", told, fails=True)
    recorder = WatchedRecorder(Recorder("store", told), [broken, Watcher("two", told)])

    tell_all(recorder)

    assert [name for name, _ in told] == ["store", "one", "two"] * 3
    assert caplog.text.count("a watcher failed") == 3


async def test_rooms_are_the_recorders():
    told = []
    recorder = WatchedRecorder(Recorder("store", told))

    assert (await recorder.room_for(number="100", person="+1")).room_id == "r_1"
