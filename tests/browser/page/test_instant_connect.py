"""Nothing said after the click is lost and nothing is heard twice, to the sample."""

import numpy as np
import pytest

from tests.browser.support.chromium import Chromium, call, until
from tests.browser.support.far_end import FarEnd
from tests.browser.support.microphone import HEARD_HZ, SpokenWav, place_of

WINDOW = HEARD_HZ // 1000
PIECE = HEARD_HZ // 10
FIT = 0.4
"""A place is certain from there: by chance a piece fits no better than 0.25, even while the echo canceller settles."""
TOLERANCE_MS = 20
"""Opus smears the onset by which the live track's beginning is found over a few milliseconds."""


async def _hear_for(far_end: FarEnd, seconds: float) -> None:
    await until(lambda: sum(map(len, far_end.heard)) >= seconds * HEARD_HZ, 15)


def _onset(sound: np.ndarray) -> int:
    """Return where sound begins: the first window that is a quarter as loud as the loudest."""
    windows = sound[: len(sound) // WINDOW * WINDOW].reshape(-1, WINDOW).astype(np.float64)
    loudness = np.sqrt(np.mean(windows**2, axis=1))
    start = int(np.argmax(loudness > 100))
    return WINDOW * (
        start + int(np.argmax(loudness[start:] > loudness[start : start + 24].max() / 4))
    )


@pytest.mark.parametrize("answer_after_s", [0.4, 1.5])
async def test_early_audio_and_live_track_are_one_sound(
    far_end: FarEnd, chromium: Chromium, spoken: SpokenWav, answer_after_s: float
) -> None:
    far_end.answer_after_s = answer_after_s
    opened = await chromium.open(far_end.url)
    await call(opened)
    await _hear_for(far_end, 2.5)

    assert far_end.requests[0].query.get("early") == "1"
    [end] = far_end.of_type("early_end")
    offsets = [offset for offset, _ in far_end.early]
    sizes_ms = [len(pcm) // 32 for _, pcm in far_end.early]
    assert all(size % 20 == 0 and size <= 200 for size in sizes_ms)
    for (offset, size), following in zip(
        zip(offsets, sizes_ms, strict=True), [*offsets[1:], end["ms"]], strict=True
    ):
        assert abs(offset + size - following) <= 1, "without a gap from the first to the last"
    early = far_end.early_pcm()
    assert len(early) >= answer_after_s * HEARD_HZ

    # Where in the microphone's sound the early audio ends, the live track begins.
    tail_at, tail_fit = place_of(early[-PIECE:], spoken.heard)
    live = far_end.heard_pcm()
    first = _onset(live)
    piece_at = first + HEARD_HZ // 10
    head_at, head_fit = place_of(live[piece_at : piece_at + PIECE], spoken.heard)
    assert min(tail_fit, head_fit) > FIT, (tail_fit, head_fit)
    early_ends = tail_at + PIECE
    live_begins = head_at - HEARD_HZ // 10
    assert abs(live_begins - early_ends) <= TOLERANCE_MS * HEARD_HZ // 1000
    assert chromium.complaints == []


async def test_a_gateway_without_early_audio_gets_none(far_end: FarEnd, chromium: Chromium) -> None:
    far_end.settings["early_audio"] = False
    opened = await chromium.open(far_end.url)
    await call(opened)
    await _hear_for(far_end, 0.5)
    assert "early" not in far_end.requests[0].query
    assert far_end.early == []
    assert far_end.of_type("early_end") == []
    assert np.abs(far_end.heard_pcm()).max() > 300


async def test_muted_from_the_start_nothing_is_heard_at_all(
    far_end: FarEnd, chromium: Chromium
) -> None:
    far_end.answer_after_s = 0.8
    opened = await chromium.open(far_end.url)
    await opened.click(".call-button")
    await opened.click(".round-mute")
    await opened.wait_for_selector(".panel[data-state=in_call]")
    await _hear_for(far_end, 1.0)
    assert np.abs(far_end.early_pcm()[-HEARD_HZ // 4 :]).max() == 0
    assert np.abs(far_end.heard_pcm()).max() <= 2
