"""docs/api.md says what is so: all routes with their scopes, the query and the fields of calls, all codes of errors."""

import ast
import re
from pathlib import Path

from aiohttp.test_utils import make_mocked_request

from gateway import errors
from gateway.access.scopes import Scope
from gateway.dialling.policy import Refusal
from gateway.http.call_query import wanted_calls
from gateway.http.calls import _call
from gateway.http.dialling import _STATUS as DIAL_STATUS
from gateway.http.errors import HTTP_CODES, of_gateway_error
from gateway.http.route_scopes import ROUTE_SCOPES
from gateway.http.webrtc import tokens
from gateway.model.hangup import HangupGroup
from gateway.store.call_filter import EVERY_CALL
from tests.support.fake_http_ports import a_call

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "api.md").read_text()


def section(title: str) -> str:
    """Return what stands under a heading."""
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_route_stands_there_with_its_scope() -> None:
    rows = re.findall(r"^\| `([A-Z]+) (/\S+)` \| (\w+) \|", section("Routes"), re.MULTILINE)

    assert {(method, path): scope for method, path, scope in rows} == {
        route: scope.value for route, scope in ROUTE_SCOPES.items()
    }
    assert len(rows) == len(ROUTE_SCOPES)


def test_every_scope_is_told() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", section("Tokens and scopes"), re.MULTILINE)

    assert rows == [scope.value for scope in Scope]


def test_the_query_of_calls_is_the_one_that_is_read() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", section("Which calls"), re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    values = {
        "active": "true",
        "since": "2026-01-31",
        "until": "2026-01-31",
        "endpoint": "sip",
        "direction": "inbound",
        "outcome": "us",
        "after": "1.5~c_1",
    }
    for name in names:
        if name != "limit":
            path = f"/api/v1/calls?{name}={values.get(name, 'x')}"
            assert wanted_calls(make_mocked_request("GET", path)) != EVERY_CALL, name
    groups = re.search(r"groups of them \(([^)]*)\)", TEXT)
    assert groups is not None
    assert re.findall(r"`(\w+)`", groups[1]) == [group.value for group in HangupGroup]


def test_the_fields_of_a_call_are_those_that_it_has() -> None:
    told = re.search(r"^A call has (.*?);", TEXT, re.MULTILINE | re.DOTALL)
    assert told is not None

    assert set(re.findall(r"`(\w+)`", told[1])) == set(_call(a_call("c_1"), None))


def written() -> set[tuple[int, str]]:
    """Return status and code of the table."""
    rows = re.findall(r"^\| ([\d, ]+) \| (.*) \|$", section("Errors"), re.MULTILINE)
    return {
        (int(status), code)
        for numbers, codes in rows
        for status in numbers.split(",")
        for code in re.findall(r"\b[a-z]+\.[a-z_]+", codes)
    }


def raised() -> set[tuple[int, str]]:
    """Return status and code of every `ApiError` and every answer that the sources spell out."""
    found = set()
    for path in (ROOT / "gateway" / "http").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "ApiError",
                "error_response",
            ):
                match node.args:
                    case [ast.Constant(value=int(status)), ast.Constant(value=str(code)), *_]:
                        found.add((status, code))
    return found


def others() -> set[tuple[int, str]]:
    """Return status and code of errors that have theirs from a table."""
    ours = {
        (of_gateway_error(kind("x")).status, kind.code)
        for kind in (errors.CallNotFound, errors.CallOver, errors.OfferRefused)
    }
    kinds = (
        *(errors.IceSessionReplaced, errors.RoomNotFound, errors.OptedOut, errors.Unreachable),
        *(errors.KeyReused, errors.StoreError, errors.EndpointError, errors.DialFailed),
        errors.ProviderUnavailable,
    )
    ours |= {(of_gateway_error(kind("x")).status, kind.code) for kind in kinds}
    dial = {*(refusal.value for refusal in Refusal), "no_agent", "key_reused"}
    names = ("MISSING", "_FORGED", "_EXPIRED", "_MALFORMED", "REPLAYED")
    return {
        *ours,
        *((DIAL_STATUS.get(reason, 429), f"dial.{reason}") for reason in dial),
        *((401, getattr(tokens, name)) for name in names),
        *((403, tokens.WRONG_AGENT), (404, tokens.NO_ROOM)),
        *((400, "sdp.malformed"), (422, errors.ConfigError.code), (503, "http.busy")),
        (409, errors.RecordingNotRunning.code),
        *((status, code) for status, code in HTTP_CODES.items() if status != 409),
    }


def test_every_error_stands_there_with_its_status() -> None:
    known = raised() | others()

    assert known - written() == set()
    # Of a row for several statuses not every code is of each.
    assert {code for _, code in written()} - {code for _, code in known} == set()
