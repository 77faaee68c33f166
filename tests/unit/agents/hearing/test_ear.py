"""One ear: what it tells the hub, and that nothing reaches its listeners once it is closed."""

import numpy as np

from agents.hearing.ear import HubEar
from agents.hearing.ring import RingMatrix
from gateway.media.hearing import SpeechStarted, SpeechStopped


class Rig:
    """An ear whose hub only writes down what it is told."""

    def __init__(self):
        self.ring = RingMatrix(3)
        self.told = []
        self.ear = HubEar(
            2,
            self.ring,
            lambda number, wanted: self.told.append(("frames", number, wanted)),
            lambda number: self.told.append(("released", number)),
        )


def test_a_closed_ear_is_released_once_and_tells_nobody_anything():
    rig = Rig()
    heard = []
    rig.ear.listen(heard.append)
    rig.ear.listen_frames(lambda *frame: heard.append(frame))

    rig.ear.close()
    rig.ear.close()
    rig.ear.on_change(SpeechStarted(at_s=1.0, start=0))
    rig.ear.on_frame(bytes(640), 0)
    rig.ear.listen_frames(lambda *frame: heard.append(frame))

    assert heard == []
    assert rig.told == [("frames", 2, True), ("frames", 2, False), ("released", 2)]


def test_whether_the_caller_speaks_is_known_without_a_listener():
    rig = Rig()

    rig.ear.on_change(SpeechStarted(at_s=1.0, start=0))
    speaking = rig.ear.is_speaking
    rig.ear.on_change(SpeechStopped(at_s=2.0, start=0, stop=640))

    assert speaking
    assert not rig.ear.is_speaking


def test_a_new_listener_replaces_the_old_one():
    rig = Rig()
    first, second = [], []
    event = SpeechStarted(at_s=1.0, start=0)

    rig.ear.listen(first.append)
    rig.ear.listen(second.append)
    rig.ear.on_change(event)
    rig.ear.listen(None)
    rig.ear.on_change(event)

    assert (first, second) == ([], [event])


def test_a_frame_listener_that_raises_is_logged(caplog):
    rig = Rig()

    def fail(_pcm, _position):
        raise ValueError("a bug in an agent")

    rig.ear.listen_frames(fail)
    rig.ear.on_frame(bytes(640), 0)

    assert "listener to frames failed" in caplog.text


def test_position_is_that_of_the_last_frame_even_after_closing():
    rig = Rig()
    rig.ring.append(np.array([2], dtype=np.int32), np.zeros((1, 320), np.int16))

    rig.ear.close()
    rig.ring.clear(2)

    assert rig.ear.position == 320
