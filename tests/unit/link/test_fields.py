"""Dataclasses to JSON objects and back."""

from dataclasses import dataclass, field

import pytest

from gateway.errors import LinkProtocolError
from gateway.link.fields import ENTRIES_LIMIT, TEXT_LIMIT, RecordCodec
from gateway.model.hangup import HangupCause
from gateway.model.texts import LONG_TEXT_LIMIT, LongText


@dataclass(frozen=True)
class Inner:
    flag: bool


@dataclass(frozen=True)
class Outer:
    text: str
    number: float
    cause: HangupCause
    inner: Inner
    numbers: dict[str, float] = field(default_factory=dict)
    page: LongText = field(default=LongText(""))


CODEC = RecordCodec(Outer)
RECORD = Outer("a", 1, HangupCause.BUSY, Inner(flag=True), {"x": 2.5})
WIRE = {
    "text": "a",
    "number": 1.0,
    "cause": "busy",
    "inner": {"flag": True},
    "numbers": {"x": 2.5},
    "page": "",
}


def test_a_record_has_all_its_fields_on_the_wire() -> None:
    assert CODEC.to_wire(RECORD) == WIRE
    assert CODEC.from_wire(WIRE) == RECORD


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("text", 1, "string"),
        ("text", "x" * (TEXT_LIMIT + 1), "string"),
        ("page", "x" * (LONG_TEXT_LIMIT + 1), "string"),
        ("number", "1", "number"),
        ("number", True, "number"),
        ("number", 10**400, "smaller"),
        ("cause", "boredom", "HangupCause"),
        ("cause", ["busy"], "HangupCause"),
        ("inner", None, "Inner"),
        ("inner", {"flag": 1}, "true or false"),
        ("numbers", {"x": "y"}, "number"),
        ("numbers", {str(index): 1.0 for index in range(ENTRIES_LIMIT + 1)}, "entries"),
    ],
)
def test_a_wrong_field_is_refused_by_name(name: str, value: object, reason: str) -> None:
    with pytest.raises(LinkProtocolError, match=rf"Outer\.{name}.*{reason}"):
        CODEC.from_wire({**WIRE, name: value})


def test_missing_and_unknown_fields_are_refused() -> None:
    short = {name: value for name, value in WIRE.items() if name != "text"}

    wires: tuple[object, ...] = (short, {**WIRE, "more": 1}, [], None)
    for wire in wires:
        with pytest.raises(LinkProtocolError, match="fields of Outer"):
            CODEC.from_wire(wire)


def test_a_type_without_a_wire_form_is_refused_when_the_table_is_built() -> None:
    @dataclass
    class Bad:
        data: bytes

    with pytest.raises(TypeError, match="bytes"):
        RecordCodec(Bad)
