"""Every route of a running gateway's API, asked with nonsense by somebody who may: no fault, no lasting harm."""

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from gateway.http.route_scopes import ENDLESS, ROUTE_SCOPES
from tests.interop.gateway.running_gateway import RunningGateway
from tests.load import processes
from tests.support.mutations import EXAMPLES, fuzzed, mutated

ROUTES = sorted(
    (method, route)
    for method, route in ROUTE_SCOPES
    # These end the service, or answer without end.
    if not route.endswith(("/drain", "/reload")) and (method, route) not in ENDLESS
)
BODIES = [
    json.dumps(body).encode()
    for body in (
        {"to": "+15550100001", "agent": "echo", "from": "+15550100002", "ring_s": 1},
        {"to": "+15550100001", "text": "hello", "channel": "sms", "room_id": "r_x"},
        {"person": "+15550100001", "address": "email:ann@example.org", "channel": "sms"},
        {"agents": ["echo", "desk"], "may_write": True, "muted": False, "access": "all"},
        {"action": "pause", "agent": "echo", "name": "Ann", "subject": "a", "ttl_s": 60},
        {"text": "x" * 2000, "media": [{"url": "http://127.0.0.1:9/x"}], "template": {"a": 1}},
        {},
    )
]
QUERIES = [
    b"limit=5&before=3&after=2",
    b"status=failed,dead&active=true&limit=1",
    b"since=2026-01-01T00:00:00Z&until=2030-01-01T00:00:00Z&cause=no_route&channel=sms",
    b"number=%2B1555&person=x&room_id=r_1&agent=echo&q=hello",
]
NAMES = [b"c_1", b"r_1", b"m_1", b"sms", b"+15550100001", b"..", b"%00", b"a/b", b"\xff\xfe"]

quick = settings(
    fuzzed,
    max_examples=3 * EXAMPLES,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    database=None,
)
GROWTH_MOST_MB = 60


class Client:
    """One connection that is made anew when it was closed."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._port = gateway.http_port
        self._token = (gateway.data_dir / "api-token").read_text().strip()
        self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)

    def close(self) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Idempotency-Key": "k",
        }
        try:
            self._connection.request(method, path, body=body, headers=headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (http.client.HTTPException, ConnectionError):
            self._connection.close()
            return 0, b""


@pytest.fixture
def asked(tmp_path: Path, cache: Path) -> Iterator[RunningGateway]:
    with RunningGateway(tmp_path / "own", cache, '[agents.echo]\nkind = "echo"\n') as gateway:
        yield gateway


def test_every_route_with_nonsense(asked: RunningGateway) -> None:
    client = Client(asked)
    assert asked.process is not None
    pids = processes.family(asked.process.pid)
    before_mb = processes.usage(asked.process.pid).rss_mb

    @quick
    @given(
        st.sampled_from(ROUTES),
        st.lists(mutated(NAMES, most=300), min_size=2, max_size=2),
        mutated(QUERIES, most=2000),
        mutated(BODIES),
    )
    def run(route: tuple[str, str], names: list[bytes], query: bytes, body: bytes) -> None:
        method, path = route
        filled = iter([*names, *names])
        path = re.sub(r"\{\w+\}", lambda _: quote(next(filled) or b"x", safe=""), path)
        path += "?" + quote(query, safe="=&%+,:")
        status, text = client.ask(method, path, None if method == "GET" else body)
        assert status in (0, 503) or status < 500, (method, path, body, status, text)
        if status >= 400 and status != 503:
            assert set(json.loads(text)["error"]) >= {"code", "message"}, text

    run()
    client.close()
    assert asked.is_ready()
    assert processes.family(asked.process.pid) == pids
    assert processes.usage(asked.process.pid).rss_mb - before_mb < GROWTH_MOST_MB
    assert not asked.troubles()
