"""coturn takes the accounts that are made for a call, and only those, and only in their time."""

import asyncio
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aioice import turn
from aioice.stun import TransactionError

from gateway.http.webrtc.ice_servers import turn_account

SECRET = "a-shared-secret"
PROGRAM = "turnserver"

pytestmark = pytest.mark.skipif(
    shutil.which(PROGRAM) is None and not os.environ.get("REQUIRE_INTEROP"),
    reason=f"{PROGRAM} is not installed",
)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[tuple[str, int]]:
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        "-n",
        "--listening-ip=127.0.0.1",
        f"--listening-port={port}",
        "--use-auth-secret",
        f"--static-auth-secret={SECRET}",
        "--realm=offhook.test",
        "--no-tls",
        "--no-dtls",
        "--no-cli",
        "--allow-loopback-peers",
        f"--log-file={tmp_path / 'turn.log'}",
        f"--userdb={tmp_path / 'turn.db'}",
        f"--pidfile={tmp_path / 'turn.pid'}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    yield "127.0.0.1", port
    process.terminate()
    await process.wait()


async def allocate(server: tuple[str, int], account: tuple[str, str]) -> None:
    """Ask for a relay with this account; raises `TransactionError` if the server refuses."""
    username, password = account
    # STUN repeats the request until the server is up (RFC 8489 section 6.2.1).
    transport, _ = await turn.create_turn_endpoint(
        asyncio.DatagramProtocol,
        server_addr=server,
        username=username,
        password=password,
        transport="udp",
    )
    transport.close()


async def test_an_account_gets_a_relay(server: tuple[str, int]) -> None:
    await allocate(server, turn_account(SECRET, "c_1", now_s=time.time(), ttl_s=60))


@pytest.mark.parametrize(("secret", "ttl_s"), [("another", 60), (SECRET, -10)])
async def test_a_wrong_or_expired_account_gets_none(
    server: tuple[str, int], secret: str, ttl_s: int
) -> None:
    with pytest.raises(TransactionError):
        await allocate(server, turn_account(secret, "c_1", now_s=time.time(), ttl_s=ttl_s))
