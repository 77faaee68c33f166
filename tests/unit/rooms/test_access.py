"""Access, mute and agents of a room, honoured by conversations in writing, letters and calls."""

import pytest

from gateway.model.messages import Channel
from gateway.rooms.access import OPEN, ChannelAccess
from gateway.rooms.call_rules import CallRules
from gateway.rooms.letters import Letter, Letters
from gateway.store import people, room_access
from gateway.store.outbox_writes import Acceptance
from gateway.store.room_access import ParticipantKind
from gateway.store.schema import rooms
from tests.unit.rooms.test_text_desk import HELLO, OURS, Agent, Bench, PlainOutbox

SENDER = "+491701"


@pytest.fixture
def bench(database):
    return Bench(database)


async def first_contact(bench):
    bench.receive("hello", "SM-first")
    await bench.run(bench.desk())
    (room,) = bench.rows(rooms)
    return room.room_id


def rule(bench, room_id, channel=Channel.SMS, **rules):
    bench.database.run(
        lambda connection: room_access.set_access(
            connection, room_id, channel, ChannelAccess(**rules), at=2.0
        )
    )


@pytest.mark.parametrize("rules", [{"is_muted": True}, {"can_read": False}, {"can_write": False}])
async def test_on_a_closed_channel_what_is_written_is_kept_and_nobody_answers(bench, rules):
    room_id = await first_contact(bench)
    rule(bench, room_id, **rules)
    bench.receive("anybody there?", "SM-second")
    bench.receive("and here?", "WA-1", channel=Channel.WHATSAPP)
    await bench.run(bench.desk())
    texts = [text for _, text in bench.lines()]
    assert texts[-3:] == ["anybody there?", "and here?", "re: and here?"]
    assert bench.sent() == [f"{HELLO}\n\nre: hello", "re: and here?"]

    rule(bench, room_id)
    bench.receive("now?", "SM-third")
    await bench.run(bench.desk())
    assert bench.sent()[-1] == "re: now?"


@pytest.mark.parametrize(
    ("rules", "by", "passes"),
    [
        ({}, "agent", True),
        ({"can_read": False}, "agent", True),
        ({"can_write": False}, "agent", False),
        ({"can_write": False}, "fallback", False),
        ({"can_write": False}, "operator", True),
        ({"can_write": False}, "operator:ann", True),
        ({"is_muted": True}, "operator", False),
        ({"is_muted": True}, "fallback", False),
    ],
)
async def test_who_may_write_letters(bench, rules, by, passes):
    room_id = await first_contact(bench)
    rule(bench, room_id, **rules)
    letters = Letters(
        bench.database,
        PlainOutbox(bench.database),
        lambda _channel, text: [text],
        clock=lambda: 5.0,
    )
    letter = Letter(
        room_id=room_id,
        channel=Channel.SMS,
        sender=OURS,
        recipient=SENDER,
        text="news",
        cause="c",
        by=by,
    )
    before = len(bench.lines())
    (answer,) = await letters.write(letter)
    assert (answer.acceptance is Acceptance.ACCEPTED) == passes
    assert len(bench.lines()) - before == int(passes)
    (only,) = await letters.send_only(letter)
    assert (only.acceptance is not Acceptance.MUTED) == passes


async def test_a_room_names_its_own_agents_and_all_of_them_greet(bench):
    night = Agent()
    night.name, night.greeting = "night", "Good night."
    room_id = await first_contact(bench)
    bench.database.run(
        lambda connection: room_access.set_agents(
            connection, room_id, ["gone", "night", "night", "agent"], at=2.0
        )
    )
    bench.receive("who are you?", "SM-second")
    desk = bench.desk(agent_named={"night": night, "agent": bench.agent}.get)
    await bench.run(desk)
    assert [turn.text for turn in night.turns] == ["who are you?"]
    assert len(bench.agent.turns) == 1
    bench.database.run(lambda connection: room_access.set_agents(connection, room_id, [], at=3.0))
    bench.receive("and now?", "SM-third")
    await bench.run(desk)
    assert bench.agent.turns[-1].text == "and now?"


async def test_participants_are_told(bench):
    room_id = await first_contact(bench)

    def change(connection):
        people.link(connection, "email:ann@example.org", SENDER, at=2.0)
        room_access.set_agents(connection, room_id, ["night"], at=3.0)

    bench.database.run(change)
    found = bench.database.run(lambda connection: room_access.all_participants(connection, room_id))
    assert [(one.kind, one.key) for one in found] == [
        (ParticipantKind.PERSON, SENDER),
        (ParticipantKind.AGENT, "night"),
    ]


async def test_calls_know_the_rules_without_the_disk(bench):
    room_id = await first_contact(bench)
    rules = CallRules(bench.database)
    await rules.refresh()
    assert rules.voice(OURS, SENDER) == OPEN
    assert rules.agent(OURS, SENDER) == ""
    rule(bench, room_id, Channel.VOICE, is_muted=True)

    def change(connection):
        people.link(connection, "+4930777", SENDER, at=2.0)
        room_access.set_agents(connection, room_id, ["night"], at=3.0)

    bench.database.run(change)
    await rules.refresh()
    for number in (SENDER, f"sip:{SENDER}@example.org;user=phone", "+4930777"):
        if "@" in number:
            assert rules.agent(OURS, number) == ""  # an address of its own, unless it is linked
            continue
        assert rules.voice(OURS, number).is_muted
        assert rules.agent(OURS, number) == "night"
    assert rules.voice("+4930999", SENDER) == OPEN
