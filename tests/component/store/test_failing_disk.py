"""A full disk and a forbidden write, for real: the store keeps what it can, says so, and recovers by itself."""

import asyncio
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gateway.model.line import Role
from gateway.rooms.timeline import Entry, Kind
from gateway.store.store import Store

ROOT = Path(__file__).parents[3]
PATIENCE_S = 15.0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("may not mount a small file system here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def line(room_id: str, number: int, size: int) -> Entry:
    return Entry(
        room_id=room_id,
        call_id="c_1",
        kind=Kind.USER_SAID,
        offset_ms=float(number),
        role=Role.USER,
        text=f"{number}:" + "x" * size,
    )


async def until(condition) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  (it changes on the writer's thread, silently)
            await asyncio.sleep(0.02)


async def test_a_full_disk_is_told_and_outlived(small_disk):
    store = Store(small_disk, backlog_limit=5_000)
    await store.start()
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 600_000)
    room = await store.room_for(number="100", person="+491")
    for number in range(60):
        store.append(line(room.room_id, number, 10_000))

    await until(store.trouble)
    assert "full" in store.trouble()
    assert store.backlog > 0
    # What waits is still part of the conversation, and new callers still get a room.
    view = await store.room_for(number="100", person="+491")
    assert view.room_id == room.room_id
    assert view.history[-1].text.startswith("59:")
    assert (await store.room_for(number="100", person="+492")).room_id != room.room_id

    ballast.unlink()
    grow = ["mount", "-o", "remount,size=20m", str(small_disk)]
    await asyncio.to_thread(subprocess.run, grow, check=True)
    async with asyncio.timeout(PATIENCE_S):
        await store.flush()
    assert store.trouble() == ""
    assert store.lost == 0
    lines = await store.room_timeline(room.room_id, after=0, limit=100)
    assert [entry.seq for entry in lines] == list(range(1, 61))
    assert [int(entry.text.partition(":")[0]) for entry in lines] == list(range(60))
    await store.close()


def test_a_file_that_may_not_grow_is_outlived(tmp_path):
    program = textwrap.dedent(
        """
        import asyncio, resource, sys
        from pathlib import Path
        from tests.component.store.test_failing_disk import line, until
        from gateway.store.store import Store

        async def main():
            store = Store(Path(sys.argv[1]))
            await store.start()
            room = await store.room_for(number="100", person="+491")
            await store.flush()
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
            for number in range(40):
                store.append(line(room.room_id, number, 10_000))
            await until(store.trouble)
            print("trouble", store.trouble(), store.backlog > 0)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
            await asyncio.wait_for(store.flush(), 15)
            lines = await store.room_timeline(room.room_id, after=0, limit=100)
            assert [entry.seq for entry in lines] == list(range(1, 41)), lines
            assert [int(entry.text.partition(":")[0]) for entry in lines] == list(range(40))
            print("recovered", repr(store.trouble()), store.lost)
            await store.close()

        asyncio.run(main())
        """
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    trouble, recovered = done.stdout.splitlines()
    assert trouble.startswith("trouble OperationalError")
    assert trouble.endswith("True")
    assert recovered == "recovered '' 0"


async def test_a_store_closed_on_a_full_disk_ends_in_bounded_time_and_says_what_is_lost(
    small_disk, caplog
):
    store = Store(small_disk)
    await store.start()
    (small_disk / "ballast").write_bytes(b"x" * 700_000)
    for number in range(60):
        store.append(line("r_1", number, 10_000))
    await until(store.trouble)

    async with asyncio.timeout(10):
        await store.close()

    assert "writes unwritten" in caplog.text
