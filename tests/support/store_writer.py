"""A process that writes to a store and says on standard output what was acknowledged; made to be killed.

`python -m tests.support.store_writer DATA_DIR RUN [N]` writes rooms, calls and entries until it is killed; with N it
kills itself right before the Nth statement or commit of its writer. Each line it prints is a JSON array
[room_id, call_id, n]: the entries 0…n of that call are committed.
"""

import asyncio
import itertools
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

from sqlalchemy import Engine, event

from gateway.model.events import EndpointKind, Offered
from gateway.model.hangup import HangupCause
from gateway.model.line import Role
from gateway.rooms.timeline import Entry, Kind
from gateway.store.store import Store


def offered(call_id: str) -> Offered:
    return Offered(
        call_id=call_id,
        at_s=time.monotonic(),
        endpoint=EndpointKind.FAKE,
        caller="+491",
        callee="100",
    )


async def one_call(store: Store, call_id: str, person: str, dice: random.Random) -> None:
    room = await store.room_for(number="100", person=person)
    store.call_offered(offered(call_id), room_id=room.room_id, agent="echo")
    for number in range(dice.randrange(1, 12)):
        store.append(
            Entry(
                room_id=room.room_id,
                call_id=call_id,
                kind=Kind.USER_SAID,
                offset_ms=float(number),
                role=Role.USER,
                text=f"{number}:" + "x" * dice.randrange(2_000),
            )
        )
        if dice.random() < 0.4:
            await store.flush()
            # One system call, so that what the reader gets was really acknowledged.
            os.write(1, (json.dumps([room.room_id, call_id, number]) + "\n").encode())
        else:
            await asyncio.sleep(0)
    store.call_ended(call_id, cause=HangupCause.CALLER_HUNG_UP, detail="", offset_ms=99.0)


def die_before(statement: int) -> None:
    """Kill this process with SIGKILL right before the writer's `statement`th statement or commit from now."""
    left = itertools.count(statement, -1)

    def count(*_arguments: object, **_more: object) -> None:
        if threading.current_thread().name == "store writer" and next(left) == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)


async def main(data_dir: Path, run: str, statement: int) -> None:
    dice = random.Random(run)
    store = Store(data_dir, gather_s=0.001)
    await store.start()
    os.write(1, b'"open"\n')
    if statement:
        die_before(statement)
    for number in itertools.count():
        async with asyncio.TaskGroup() as group:
            for line in range(4):
                call_id = f"c_{run}_{number}_{line}"
                group.create_task(one_call(store, call_id, f"+49{line}", dice))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int((sys.argv[3:] or ["0"])[0])))
