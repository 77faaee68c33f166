"""A writing process killed with SIGKILL at random moments loses nothing that it had acknowledged."""

import json
import random
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

KILLS = 30
ROOT = Path(__file__).parents[3]


def write_until_killed(data_dir: Path, run: str, lives_s: float) -> list[tuple[str, str, int]]:
    """Return what the writer had acknowledged when it was killed."""
    argv = [sys.executable, "-m", "tests.support.store_writer", str(data_dir), run]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b'"open"\n'
        time.sleep(lives_s)
        process.kill()
        output = process.stdout.read()
    # The last line may be cut: then it was never acknowledged.
    return [
        tuple(json.loads(line)) for line in output.splitlines(keepends=True) if line[-1:] == b"\n"
    ]


def test_what_was_acknowledged_survives_thirty_kills(tmp_path):
    dice = random.Random(20)
    acknowledged: dict[str, tuple[str, int]] = {}

    for kill in range(KILLS):
        for room_id, call_id, last in write_until_killed(
            tmp_path, str(kill), dice.uniform(0.005, 0.15)
        ):
            acknowledged[call_id] = (room_id, last)

        with sqlite3.connect(tmp_path / "offhook.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
            rows = database.execute(
                "SELECT room_id, seq, call_id, kind, text FROM timeline ORDER BY room_id, seq"
            ).fetchall()
            people = database.execute("SELECT number, person FROM rooms").fetchall()
        database.close()

        by_room, by_call = defaultdict(list), defaultdict(list)
        for room_id, seq, call_id, kind, text in rows:
            by_room[room_id].append(seq)
            if kind == "user_said":
                by_call[room_id, call_id].append(int(text.partition(":")[0]))
        for room_id, numbers in by_room.items():
            assert numbers == list(range(1, len(numbers) + 1)), f"gap or double in {room_id}"
        for numbers in by_call.values():
            assert numbers == list(range(len(numbers)))
        for call_id, (room_id, last) in acknowledged.items():
            assert by_call[room_id, call_id][-1:] >= [last], call_id
        assert len(people) == len(set(people)) <= 4

    assert len(acknowledged) > 4 * KILLS
