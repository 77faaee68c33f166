"""Many people write at once, as Twilio tells it: every message answered once, each person's in their order."""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from gateway.store.sqlite import DATABASE_FILE
from tests.load import processes
from tests.load.figures import percentile
from tests.load.printing import Report, ms
from tests.load.processes import Usage
from tests.support.text_gateway import PUBLIC_URL, EchoDesk, Options
from tests.support.twilio_stand_in import Taken, TwilioStandIn

OURS = "+15550100000"
SENDERS = 16
"""Webhooks at a time."""
QUIET_S = 20.0
"""So long nothing comes out: the rest is lost."""
BLOCKED_MOST_MS = 5.0
COLLECTION_MOST_MS = 20.0
"""One frame of sound: everything waits for the collector."""
MEMORY_MOST_MB = 200.0


@dataclass
class Run:
    """What was sent, and when."""

    rooms: int
    each: int
    sent_at: dict[tuple[str, str], float] = field(default_factory=dict)
    """(person, text) → when its webhook was called."""
    webhook_s: list[float] = field(default_factory=list)
    refused: int = 0

    def person(self, number: int) -> str:
        return f"+1555{2_000_000 + number:07d}"


class TimedStandIn(TwilioStandIn):
    """Notes when each message came, too."""

    def __init__(self) -> None:
        super().__init__(public_url=PUBLIC_URL)
        self.came_at: list[float] = []

    async def _create(self, request: web.Request) -> web.StreamResponse:
        self.came_at.append(time.monotonic())
        return await super()._create(request)


def run(report: Report, directory: Path, *, messages: int, rooms: int) -> None:
    """Have `rooms` people write `messages` in all and print what became of each."""
    report.title(f"{messages} messages from {rooms} people, signed webhooks in, answers out")
    asyncio.run(_run(report, directory, Run(rooms, messages // rooms)))


async def _run(report: Report, directory: Path, plan: Run) -> None:
    total = plan.rooms * plan.each
    async with TimedStandIn() as twilio, _gateway(directory, twilio) as (url, process):
        pid = process.pid
        twilio.gateway_url = url
        before, began_s = processes.usage(pid), time.monotonic()
        await _write(twilio, plan)
        taken_in_s = time.monotonic() - began_s
        await _until_quiet(twilio, total)
        await twilio.settled()
        elapsed_s = time.monotonic() - began_s
        after = processes.usage(pid)
        async with aiohttp.ClientSession() as session, session.get(f"{url}/test/loop") as answer:
            loop: dict[str, Any] = await answer.json()
    _tell(report, plan, twilio, before, after, taken_in_s, elapsed_s)
    report.say(
        f"event loop: busy {loop['busy_s'] / elapsed_s:.0%}, longest callback "
        f"{loop['longest_ms']:.1f} ms of processor time ({loop['longest_wall_ms']:.1f} ms by the clock)"
    )
    report.promise(
        "messages: garbage collection takes at most",
        f"{COLLECTION_MOST_MS:.0f} ms",
        ms(loop["longest_collection_ms"]),
        loop["longest_collection_ms"] <= COLLECTION_MOST_MS,
    )
    for name, count in loop["long"].items():
        report.say(f"longer than {BLOCKED_MOST_MS:.0f} ms: {name}, {count} times")
    report.promise(
        "messages: event loop held at most",
        f"{BLOCKED_MOST_MS:.0f} ms",
        ms(loop["longest_ms"]),
        loop["longest_ms"] <= BLOCKED_MOST_MS,
    )
    _judge(report, plan, twilio.taken, directory)


async def _write(twilio: TwilioStandIn, plan: Run) -> None:
    """Everybody writes side by side; who writes twice waits until the first was taken, as a network does."""
    waiting = asyncio.Queue[int]()
    for number in range(plan.rooms):
        waiting.put_nowait(number)
    sent: dict[int, int] = defaultdict(int)

    async def sender() -> None:
        while not waiting.empty():
            number = waiting.get_nowait()
            person, text = plan.person(number), f"{sent[number]} of room {number}"
            sent[number] += 1
            began_s = plan.sent_at[person, text] = time.monotonic()
            status = await twilio.write(person, OURS, text)
            plan.webhook_s.append(time.monotonic() - began_s)
            plan.refused += status != 200
            if sent[number] < plan.each:
                waiting.put_nowait(number)

    await asyncio.gather(*(sender() for _ in range(SENDERS)))


async def _until_quiet(twilio: TwilioStandIn, total: int) -> None:
    came, quiet_since_s = -1, time.monotonic()
    while len(twilio.taken) < total and time.monotonic() - quiet_since_s < QUIET_S:
        if len(twilio.taken) != came:
            came, quiet_since_s = len(twilio.taken), time.monotonic()
        await asyncio.sleep(0.1)


def _tell(
    report: Report,
    plan: Run,
    twilio: TimedStandIn,
    before: Usage,
    after: Usage,
    taken_in_s: float,
    elapsed_s: float,
) -> None:
    total = plan.rooms * plan.each
    cpu_s = after.cpu_s - before.cpu_s
    delays_s = [
        at - plan.sent_at[taken.to, _asked(taken)]
        for at, taken in zip(twilio.came_at, twilio.taken, strict=False)
        if (taken.to, _asked(taken)) in plan.sent_at
    ]
    report.table(
        ("messages", "in", "answered", "rate", "processor", "each", "memory before", "after"),
        [
            (
                str(total),
                f"{taken_in_s:.1f} s",
                f"{elapsed_s:.1f} s",
                f"{total / elapsed_s:.0f}/s",
                f"{cpu_s / elapsed_s:.2f} cores",
                f"{1000 * cpu_s / total:.2f} ms",
                f"{before.rss_mb:.0f} MB",
                f"{after.rss_mb:.0f} MB",
            )
        ],
    )
    for name, values in (("webhook answered", plan.webhook_s), ("answer at Twilio", delays_s)):
        p50, p95, most = (ms(1000 * percentile(values, share)) for share in (0.5, 0.95, 1.0))
        report.say(f"{name} after: half {p50}, 95 % {p95}, all {most}")
    grown_mb = after.rss_mb - before.rss_mb
    report.promise(
        "messages: memory grown",
        f"< {MEMORY_MOST_MB:.0f} MB",
        f"{grown_mb:+.0f} MB",
        grown_mb < MEMORY_MOST_MB,
    )


def _asked(taken: Taken) -> str:
    return taken.body.rpartition("you wrote: ")[2]


def _judge(report: Report, plan: Run, taken: list[Taken], directory: Path) -> None:
    answers: dict[str, list[str]] = defaultdict(list)
    for item in taken:
        answers[item.to].append(item.body)
    lost = doubled = disordered = 0
    for number in range(plan.rooms):
        wanted = [f"you wrote: {n} of room {number}" for n in range(plan.each)]
        # The first answer is led by the greeting, in the same message.
        wanted[0] = f"{EchoDesk.greeting}\n\n{wanted[0]}"
        found = answers.pop(plan.person(number), [])
        lost += len(set(wanted) - set(found))
        doubled += len(found) - len(set(found))
        disordered += found != wanted
    strangers = sum(len(found) for found in answers.values())
    report.promise("messages: webhooks refused", "0", str(plan.refused), not plan.refused)
    report.promise("messages: lost", "0", str(lost), not lost)
    report.promise("messages: doubled", "0", str(doubled + strangers), not doubled + strangers)
    report.promise("messages: rooms out of order", "0", str(disordered), not disordered)
    _judge_rooms(report, plan, directory / "data" / DATABASE_FILE)


def _judge_rooms(report: Report, plan: Run, database: Path) -> None:
    """The timelines must say the same as the wire."""
    with closing(sqlite3.connect(database)) as connection:
        lines = connection.execute(
            "SELECT room_id, kind, text FROM timeline ORDER BY room_id, seq"
        ).fetchall()
        statuses = connection.execute(
            "SELECT status, count(*) FROM messages GROUP BY status"
        ).fetchall()
    rooms: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for room_id, kind, text in lines:
        rooms[room_id].append((kind, text))
    wrong = 0
    for found in rooms.values():
        received = [text for kind, text in found if kind == "message_received"]
        written = [text for kind, text in found if kind == "message_written"]
        wrong += written != [f"you wrote: {text}" for text in received]
        wrong += received != sorted(received, key=lambda text: int(text.split()[0]))
        wrong += len(received) != plan.each or found[0] != ("text_greeting", EchoDesk.greeting)
    report.promise(
        "messages: timelines that differ from what was sent",
        "0",
        f"{wrong} of {len(rooms)}",
        not wrong and len(rooms) == plan.rooms,
    )
    total = plan.rooms * plan.each
    report.promise(
        "messages: receipts counted",
        f"{total} delivered",
        ", ".join(f"{count} {status}" for status, count in statuses),
        statuses == [("delivered", total)],
    )


@asynccontextmanager
async def _gateway(
    directory: Path, twilio: TwilioStandIn
) -> AsyncIterator[tuple[str, subprocess.Popen[bytes]]]:
    data_dir = directory / "data"
    options = Options(data_dir=str(data_dir), twilio_url=twilio.url, watches_loop=True)
    process = options.start(directory / "gateway.log")
    try:
        assert process.stdout is not None
        line = await asyncio.to_thread(process.stdout.readline)
        if not line:
            raise RuntimeError((directory / "gateway.log").read_text()[-3000:])
        yield f"http://127.0.0.1:{int(line)}", process
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)
        assert process.stdout is not None
        process.stdout.close()


def main() -> None:
    """Run it alone: `python -m tests.load.messages DIRECTORY MESSAGES ROOMS`."""
    report = Report()
    Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    run(report, Path(sys.argv[1]), messages=int(sys.argv[2]), rooms=int(sys.argv[3]))
    sys.exit(1 if report.summary() else 0)


if __name__ == "__main__":
    main()
