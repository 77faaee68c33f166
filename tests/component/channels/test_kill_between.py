"""The written half of the gateway is killed between a call's end and its message, between a message and its answer.

Each call that failed is followed by one message, each message by one answer, whatever life of the gateway that takes.
"""

import asyncio
import multiprocessing
import random
import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp

from gateway.store.sqlite import DATABASE_FILE
from tests.support import text_gateway
from tests.support.text_gateway import PUBLIC_URL, EchoDesk, Options
from tests.support.twilio_stand_in import TwilioStandIn

OURS = "+15550100000"
TIMED_KILLS = 25
STATEMENT_KILLS = 25
LIFE_MOST_S = 0.6
STATEMENTS_MOST = 150
CALLERS = 2
"""Calls at a time, each from somebody else."""
WRITERS = 4
"""People who write again and again: their rooms see many lives."""
START_BOUND_S = 60
QUIET_BOUND_S = 60.0
MISSED = "Sorry we missed you."
SECTIONS = {
    "outbox": {"burst": 1000, "settle_s": 0.05, "first_retry_s": 0.05, "longest_retry_s": 0.2},
    "fallback": {
        "order": ["sms"],
        "quiet_from": "00:00",
        "quiet_to": "00:00",
        "texts": {"missed": MISSED},
    },
}
_MET = multiprocessing.get_context("forkserver")
"""Where everything is imported once: a life then begins within a tenth of a second."""


def _live(options: Options, to_test: Connection) -> None:
    text_gateway.run(options, to_test.send)


@dataclass
class World:
    """What people did, and of what they know that the gateway has it."""

    dice: random.Random
    calls: int = 0
    ended: dict[str, str] = field(default_factory=dict)
    """Caller → call, of those whose end is on disk."""
    unsure: set[str] = field(default_factory=set)
    """Callers of whom nobody knows."""
    written: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Person → texts, in order; the last may not have been taken yet."""
    open: set[str] = field(default_factory=set)
    """People whose last text was not taken yet."""

    async def call(self, session: aiohttp.ClientSession, url: str) -> None:
        self.calls += 1
        person, call_id = f"+1650{2_530_000 + self.calls}", f"c_{self.calls}"
        self.unsure.add(person)
        told = {
            "call_id": call_id,
            "person": person,
            "number": OURS,
            "cause": self.dice.choice(["caller_hung_up", "caller_cancelled"]),
        }
        async with session.post(f"{url}/test/calls", json=told) as answer:
            if answer.status == 200:
                self.ended[person] = call_id
                self.unsure.discard(person)

    async def write(self, twilio: TwilioStandIn, person: str) -> None:
        texts = self.written[person]
        if person not in self.open:
            texts.append(f"{len(texts)} of {person}")
            self.open.add(person)
        text = texts[-1]
        for _ in range(self.dice.choice([1, 1, 2])):
            if await twilio.write(person, OURS, text, sid=twilio._sid(text)) == 200:
                self.open.discard(person)

    async def go_on(self, twilio: TwilioStandIn) -> None:
        """Do something until nobody answers any more."""

        async def call_on(session: aiohttp.ClientSession) -> None:
            while True:
                await self.call(session, twilio.gateway_url)

        async def write_on(person: str) -> None:
            while True:
                await self.write(twilio, person)

        async with aiohttp.ClientSession() as session:
            people = [write_on(f"+1650{2_520_000 + number}") for number in range(WRITERS)]
            calls = [call_on(session) for _ in range(CALLERS)]
            done = await asyncio.gather(*calls, *people, return_exceptions=True)
        assert all(isinstance(error, aiohttp.ClientError | OSError) for error in done), done


async def life(
    twilio: TwilioStandIn, options: Options
) -> tuple[multiprocessing.process.BaseProcess, int]:
    """Start the gateway once more; returns its process."""
    ours, theirs = _MET.Pipe(duplex=False)
    process = _MET.Process(target=_live, args=(options, theirs))
    process.start()
    theirs.close()
    assert await asyncio.to_thread(ours.poll, START_BOUND_S), "it did not start"
    port = ours.recv()
    ours.close()
    twilio.gateway_url = f"http://127.0.0.1:{port}"
    return process, port


def options(data_dir: Path, twilio: TwilioStandIn, *, dies_before: int = 0) -> Options:
    return Options(
        data_dir=str(data_dir), twilio_url=twilio.url, sections=SECTIONS, dies_before=dies_before
    )


async def test_one_message_for_each_cause_whenever_the_gateway_is_killed(tmp_path):
    _MET.set_forkserver_preload(["tests.support.text_gateway"])
    dice = random.Random(44)
    world = World(dice)
    data_dir = tmp_path / "data"
    async with TwilioStandIn(public_url=PUBLIC_URL) as twilio:
        for kill in range(TIMED_KILLS + STATEMENT_KILLS):
            is_timed = kill < TIMED_KILLS
            dies_before = 0 if is_timed else dice.randrange(1, STATEMENTS_MOST)
            process, _ = await life(twilio, options(data_dir, twilio, dies_before=dies_before))
            going_on = asyncio.create_task(world.go_on(twilio))
            if is_timed:
                await asyncio.sleep(dice.uniform(0, LIFE_MOST_S))
                process.kill()
            await asyncio.to_thread(process.join, QUIET_BOUND_S)
            assert process.exitcode == -9
            await going_on
        process, _ = await life(twilio, options(data_dir, twilio))
        for person in sorted(world.open):
            await world.write(twilio, person)
        await _until_all_is_sent(twilio, world)
        await twilio.settled()
        process.terminate()
        await asyncio.to_thread(process.join, QUIET_BOUND_S)
        assert process.exitcode == 0
    _judge(twilio, world)
    _judge_rooms(data_dir / DATABASE_FILE, twilio, world)


async def _until_all_is_sent(twilio: TwilioStandIn, world: World) -> None:
    """Wait until everything due has come and a while longer: what is doubled comes late."""
    due = len(world.ended) + sum(map(len, world.written.values()))
    still = 0
    async with asyncio.timeout(QUIET_BOUND_S):
        while still < 10:
            before = len(twilio.taken)
            await asyncio.sleep(0.1)
            is_still = before == len(twilio.taken) >= due
            still = still + 1 if is_still else 0


def _judge(twilio: TwilioStandIn, world: World) -> None:
    came: dict[str, list[str]] = defaultdict(list)
    for taken in twilio.taken:
        came[taken.to].append(taken.body)
    for person, texts in world.written.items():
        first, *others = [f"you wrote: {text}" for text in texts]
        assert came.pop(person) == [f"{EchoDesk.greeting}\n\n{first}", *others]
    for person in world.ended:
        assert came.pop(person, []) == [MISSED], person
    # Of these nobody was told that the gateway knew of their call.
    assert set(came) <= world.unsure
    # A call that the crash left open was cut, for all that is known.
    assert all(len(messages) == 1 for messages in came.values())
    # Something was going on while it was killed.
    assert len(world.ended) > CALLERS
    assert sum(map(len, world.written.values())) > TIMED_KILLS


def _judge_rooms(database: Path, twilio: TwilioStandIn, world: World) -> None:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        statuses = connection.execute(
            "SELECT status, count(*) FROM messages GROUP BY status"
        ).fetchall()
        unknown = connection.execute(
            "SELECT count(*) FROM message_attempts WHERE outcome = 'unknown'"
        ).fetchone()[0]
        rows = connection.execute(
            "SELECT room_id, kind, text FROM timeline ORDER BY room_id, seq"
        ).fetchall()
    assert sum(count for _, count in statuses) == len(twilio.taken)
    assert {status for status, _ in statuses} <= {"sent", "delivered"}
    # The kills did come between a request and its answer.
    assert unknown
    rooms: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for room_id, kind, text in rows:
        rooms[room_id].append((kind, text))
    conversations = []
    for lines in rooms.values():
        received = [text for kind, text in lines if kind == "message_received"]
        written = [text for kind, text in lines if kind == "message_written"]
        if received:
            conversations.append(received)
            assert written == [f"you wrote: {text}" for text in received]
            assert [kind for kind, _ in lines].count("text_greeting") == 1
        else:
            assert len(written) <= 1
    assert sorted(conversations) == sorted(world.written.values())
