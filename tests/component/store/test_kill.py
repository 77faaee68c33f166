"""A writing process killed with SIGKILL loses nothing that it had acknowledged, whenever it is killed."""

import json
import random
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

KILLS = 30
STATEMENTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14, 18, 23, 40)
"""The first transaction of a fresh database statement by statement, then later ones."""
ROOT = Path(__file__).parents[3]

Acknowledged = dict[str, tuple[str, int]]
"""Call id → its room, and the last of its entries that was acknowledged."""


def write_until_killed(
    data_dir: Path, run: str, *, lives_s: float | None = None, statement: int = 0
) -> Acknowledged:
    """Return what the writer had acknowledged when it was killed."""
    argv = [sys.executable, "-m", "tests.support.store_writer", str(data_dir), run, str(statement)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b'"open"\n'
        if lives_s is not None:
            time.sleep(lives_s)
            process.kill()
        output = process.stdout.read()
    assert process.returncode == -9
    # The last line may be cut: then it was never acknowledged.
    lines = [line for line in output.splitlines(keepends=True) if line.endswith(b"\n")]
    return {call_id: (room_id, last) for room_id, call_id, last in map(json.loads, lines)}


def assert_whole(data_dir: Path, acknowledged: Acknowledged) -> None:
    """Assert that the database opens clean, without gaps or doubles, and has all that was acknowledged."""
    database = sqlite3.connect(data_dir / "offhook.db")
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


def test_what_was_acknowledged_survives_kills_at_any_moment(tmp_path):
    dice = random.Random(20)
    acknowledged: Acknowledged = {}

    for kill in range(KILLS):
        lives_s = dice.uniform(0.005, 0.15)
        acknowledged |= write_until_killed(tmp_path, str(kill), lives_s=lives_s)
        assert_whole(tmp_path, acknowledged)

    assert len(acknowledged) > KILLS


def test_what_was_acknowledged_survives_kills_between_any_two_statements(tmp_path):
    acknowledged: Acknowledged = {}

    for statement in STATEMENTS:
        acknowledged |= write_until_killed(tmp_path, f"s{statement}", statement=statement)
        assert_whole(tmp_path, acknowledged)

    assert acknowledged
