"""An outbox killed with SIGKILL at fifty points sends one message for each cause: none lost, none twice."""

import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

TIMED_KILLS = 32
STATEMENTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 16, 19, 23, 31, 47, 90)
"""Right before these statements or commits of the writer's thread."""
ROOT = Path(__file__).parents[3]


def run_until_killed(data_dir: Path, first: int, *, lives_s=None, statement=0) -> int:
    """Return the first cause whose message was not acknowledged."""
    argv = [sys.executable, "-m", "tests.support.outbox_writer"]
    argv += [str(data_dir), str(first), str(statement)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        if lives_s is not None:
            time.sleep(lives_s)
            process.kill()
        output = process.stdout.read()
    assert process.returncode == -9
    # The last line may be cut: then it was never acknowledged.
    acknowledged = [line for line in output.splitlines(keepends=True) if line.endswith(b"\n")]
    return first + len(acknowledged)


def drain(data_dir: Path) -> None:
    argv = [sys.executable, "-m", "tests.support.outbox_writer", str(data_dir), "drain"]
    subprocess.run(argv, cwd=ROOT, check=True, timeout=60, stdout=subprocess.DEVNULL)


def test_each_cause_has_one_delivery_however_often_the_process_is_killed(tmp_path):
    dice = random.Random(4)
    unacknowledged = 0
    for kill in range(TIMED_KILLS + len(STATEMENTS)):
        if kill < TIMED_KILLS:
            lives_s = dice.uniform(0.0, 0.15)
            unacknowledged = run_until_killed(tmp_path, unacknowledged, lives_s=lives_s)
        else:
            statement = STATEMENTS[kill - TIMED_KILLS]
            unacknowledged = run_until_killed(tmp_path, unacknowledged, statement=statement)

    drain(tmp_path)

    taken = (tmp_path / "provider.log").read_text().splitlines()
    causes = [line.partition(" ")[2] for line in taken]
    assert len(causes) == len(set(causes)), "something was sent twice"
    missing = {f"cause:{number}" for number in range(unacknowledged)} - set(causes)
    assert not missing
    assert unacknowledged > TIMED_KILLS
    database = sqlite3.connect(tmp_path / "offhook.db")
    rows = database.execute("SELECT cause, status FROM messages ORDER BY seq").fetchall()
    unknown = database.execute(
        "SELECT count(*) FROM message_attempts WHERE outcome = 'unknown'"
    ).fetchone()
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
    assert sorted(rows) == sorted((cause, "sent") for cause in causes)
    # The kills did come between a request and its answer.
    assert unknown[0] > 0
