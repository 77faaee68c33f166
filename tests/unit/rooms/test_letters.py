"""What messages a letter becomes: texts, files and buttons, as much of each as the channel carries."""

import pytest

from gateway.channels.text_parts import split
from gateway.model.messages import Channel, ChannelCapabilities, Media, Template
from gateway.rooms.letters import Letter, Letters
from gateway.store.schema_messages import messages
from tests.unit.rooms.test_text_desk import Bench, PlainOutbox

A, B, C = (Media(url=f"https://x.example/{name}.png", content_type="image/png") for name in "abc")
ONE = ChannelCapabilities(text_limit=20, media=True, media_most=1, caption_limit=10)
TWO = ChannelCapabilities(text_limit=20, media=True, media_most=2)


@pytest.fixture
def bench(database):
    return Bench(database)


async def written(bench, capabilities, text, media, **more):
    letters = Letters(
        bench.database,
        PlainOutbox(bench.database),
        lambda _channel, whole: split(whole, 20),
        clock=lambda: 5.0,
        has_buttons=lambda _channel: True,
        capabilities=lambda _channel: capabilities,
    )
    letter = Letter(
        room_id="r_1",
        channel=Channel.TELEGRAM,
        sender="1",
        recipient="2",
        text=text,
        cause="c",
        by="agent",
        media=media,
        **more,
    )
    for _ in range(2):
        await letters.write(letter)
    rows = sorted(bench.rows(messages), key=lambda row: row.seq)
    names = [[file["url"][-5] for file in row.media] for row in rows]
    return [(row.text, "".join(found)) for row, found in zip(rows, names, strict=True)], rows


@pytest.mark.parametrize(
    ("capabilities", "text", "media", "becomes"),
    [
        (None, "Two", (A, B), [("Two", "ab")]),
        (TWO, "Three", (A, B, C), [("Three", "ab"), ("", "c")]),
        (ONE, "Two", (A, B), [("Two", "a"), ("", "b")]),
        (ONE, "", (A, B), [("", "a"), ("", "b")]),
        (ONE, "Longer than ten", (A,), [("Longer than ten", ""), ("", "a")]),
        (ONE, "👍" * 6, (A,), [("👍" * 6, ""), ("", "a")]),
        (TWO, "One two three. Four five.", (A, B, C), None),
        (ONE, "Text alone", (), [("Text alone", "")]),
    ],
)
async def test_files_go_as_the_channel_carries_them(bench, capabilities, text, media, becomes):
    becomes = becomes or [("One two three.", "ab"), ("Four five.", ""), ("", "c")]
    assert (await written(bench, capabilities, text, media))[0] == becomes


async def test_buttons_are_under_the_last_words(bench):
    text = "One two three. Four five."
    _, rows = await written(bench, ONE, text, (A, B), buttons=("Yes", "No"))
    assert [tuple(row.buttons) for row in rows] == [(), ("Yes", "No"), (), ()]


async def test_a_template_is_one_message(bench):
    template = Template(content_sid="HX1")
    found, _ = await written(bench, ONE, "One two three. Four five.", (), template=template)
    assert found == [("One two three. Four five.", "")]
