"""The journal's own protocol, against a socket that stands for it."""

import array
import ast
import logging
import os
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import journal, log
from gateway.config import GatewaySection

ROOT = Path(__file__).parents[3]


class StandIn:
    """A journal that keeps what it gets; reads the protocol independently of its writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(2)

    def read(self) -> dict[str, str]:
        data, ancillary, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
        for _, kind, rights in ancillary:
            assert kind == socket.SCM_RIGHTS
            (fd,) = array.array("i", rights)
            with os.fdopen(fd, "rb") as file:
                data = os.pread(file.fileno(), 1 << 24, 0)
        return parse(data)


def parse(data: bytes) -> dict[str, str]:
    fields, at = {}, 0
    while at < len(data):
        end = data.index(b"\n", at)
        line = data[at:end]
        if b"=" in line:
            name, _, value = line.partition(b"=")
            at = end + 1
        else:
            name = line
            (size,) = struct.unpack_from("<Q", data, end + 1)
            value = data[end + 9 : end + 9 + size]
            assert data[end + 9 + size : end + 10 + size] == b"\n"
            at = end + 10 + size
        fields[name.decode()] = value.decode()
    return fields


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    found = StandIn(tmp_path / "journal.socket")
    yield found
    found.socket.close()


@pytest.fixture
def logger(stand_in: StandIn) -> Iterator[logging.Logger]:
    fields = log.JournalFields(process="telephony", mask_pii=True)
    handler = journal.JournalHandler(fields.fields, str(stand_in.path))
    handler.addFilter(log._ContextFilter())
    found = logging.getLogger("test.journal")
    found.addHandler(handler)
    found.setLevel(logging.DEBUG)
    found.propagate = False
    yield found
    found.removeHandler(handler)
    handler.close()


def test_each_fact_is_a_field_and_what_is_private_is_masked(
    stand_in: StandIn, logger: logging.Logger
) -> None:
    log.for_call(logger, "c_1", "r_1").warning(
        "call offered",
        extra={
            "agent": "desk",
            "pii_caller": "+4930123456",
            "pii_words": "my card is 4111",
            "pii_digits": "4711",
        },
    )
    fields = stand_in.read()
    assert fields["MESSAGE"] == "call offered"
    assert fields["PRIORITY"] == "4"
    assert fields["SYSLOG_IDENTIFIER"] == "offhook"
    assert fields["OFFHOOK_LOGGER"] == "test.journal"
    assert fields["OFFHOOK_PROCESS"] == "telephony"
    assert (fields["OFFHOOK_CALL_ID"], fields["OFFHOOK_ROOM_ID"]) == ("c_1", "r_1")
    assert fields["OFFHOOK_AGENT"] == "desk"
    assert fields["OFFHOOK_PII_CALLER"] == "***56"
    assert fields["OFFHOOK_PII_WORDS"] == "<15 characters>"
    assert fields["OFFHOOK_PII_DIGITS"] == "***"
    assert fields["CODE_FILE"] == __file__


def test_what_a_caller_sends_makes_no_field_of_its_own(
    stand_in: StandIn, logger: logging.Logger
) -> None:
    logger.info("refused", extra={"detail": "x\nPRIORITY=0\nMESSAGE=forged", "weird name=": 1})
    fields = stand_in.read()
    assert fields["MESSAGE"] == "refused"
    assert fields["PRIORITY"] == "6"
    assert fields["OFFHOOK_DETAIL"] == "x PRIORITY=0 MESSAGE=forged"
    assert fields["OFFHOOK_WEIRD_NAME_"] == "1"


def test_a_traceback_is_part_of_the_message(stand_in: StandIn, logger: logging.Logger) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("it failed")
    message = stand_in.read()["MESSAGE"]
    assert message.startswith("it failed\nTraceback")
    assert message.endswith("ValueError: broken")


def test_a_record_too_large_for_a_datagram_arrives_whole(
    stand_in: StandIn, logger: logging.Logger
) -> None:
    logger.error("large", extra={"what": "x" * 1_000_000})
    assert len(stand_in.read()["OFFHOOK_WHAT"]) == 1_000_000


def test_a_journal_that_does_not_read_holds_nobody_up(
    stand_in: StandIn, logger: logging.Logger
) -> None:
    (handler,) = [one for one in logger.handlers if isinstance(one, journal.JournalHandler)]
    for _ in range(5_000):
        logger.info("fill")
        if handler.dropped:
            break
    assert handler.dropped


def test_a_journal_that_was_started_again_is_found_again(
    stand_in: StandIn, logger: logging.Logger
) -> None:
    logger.info("before")
    stand_in.socket.close()
    logger.info("lost")
    stand_in.path.unlink()
    again = StandIn(stand_in.path)
    logger.info("after")
    assert again.read()["MESSAGE"] == "after"
    again.socket.close()


def test_the_journal_is_known_by_device_and_inode(tmp_path: Path) -> None:
    with (tmp_path / "stderr").open("w") as stream:
        status = os.fstat(stream.fileno())
        right = f"{status.st_dev}:{status.st_ino}"
        assert journal.is_journal(stream, {"JOURNAL_STREAM": right})
        for wrong in ("", "1", "8:", f"{status.st_dev}:1", "x:y"):
            assert not journal.is_journal(stream, {"JOURNAL_STREAM": wrong})
        assert not journal.is_journal(stream, {})
    assert not journal.is_journal(stream, {"JOURNAL_STREAM": right})  # closed


def test_without_a_journal_records_go_to_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        log,
        "JournalHandler",
        lambda describe: journal.JournalHandler(describe, str(tmp_path / "no")),
    )
    section = GatewaySection.model_validate({"log_format": "journal"})
    with (tmp_path / "stderr").open("w") as stream:
        handler = log._handler(section, "", stream)
    assert isinstance(handler.formatter, log.JsonFormatter)


PRIVATE = {
    "address", "body", "callee", "caller", "caller_name", "digit", "digits", "email", "heard",
    "number", "person", "phone", "recipient", "said", "sender", "target", "text", "utterance", "words",
}  # fmt: skip
"""Names of facts that hold numbers, digits or words of people."""


def logged_facts() -> Iterator[tuple[str, int, str]]:
    """Yield file, line and name of every fact that any source logs by a literal `extra`, or by `Seldom.log`."""
    for package in ("gateway", "agents", "telephony", "webrtc"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                given = [keyword.value for keyword in node.keywords if keyword.arg == "extra"]
                if isinstance(node.func, ast.Attribute) and node.func.attr == "log":
                    given += node.args[-1:]
                for facts in given:
                    for key in facts.keys if isinstance(facts, ast.Dict) else ():
                        if isinstance(key, ast.Constant):
                            yield str(path.relative_to(ROOT)), node.lineno, str(key.value)


def test_no_source_logs_a_private_fact_under_a_plain_name() -> None:
    facts = list(logged_facts())
    assert len(facts) > 100
    assert [found for found in facts if found[2] in PRIVATE] == []


def test_messages_of_the_log_are_static() -> None:
    """What is formatted into a message escapes the masking; levels below INFO are for developers."""
    bad = []
    for package in ("gateway", "agents", "telephony", "webrtc"):
        for path in sorted((ROOT / package).rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            for found in re.finditer(
                r"\blog(?:ger)?\.(info|warning|error|exception)\(\s*f[\"']", source
            ):
                bad.append(f"{path}: {found[0]}")
    assert bad == []
