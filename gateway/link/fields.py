"""Turns dataclasses into JSON objects and back; checks every name, type and size on the way in."""

import dataclasses
import math
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import get_args, get_origin, get_type_hints

from gateway.errors import LinkProtocolError
from gateway.model.texts import LONG_TEXT_LIMIT, LongText

TEXT_LIMIT = 1_024
"""Most characters of one string. Longer ones (headers from the network) are cut on sending."""
ENTRIES_LIMIT = 32
"""Most entries of one mapping; more are left out on sending."""
INTEGER_LIMIT = 2**53
"""Integers beyond this lose digits in other JSON readers; none of ours comes near."""

_Encode = Callable[[object], object]
_Decode = Callable[[object], object]


def _encode_text(value: object, limit: int = TEXT_LIMIT) -> str:
    text = str(value)[:limit]
    if not text.isascii():
        # Text from the network may hold lone surrogates, which no UTF-8 writer takes.
        text = text.encode("utf-8", "replace").decode("utf-8")
    return text


def _decode_text(value: object, limit: int = TEXT_LIMIT) -> str:
    if not isinstance(value, str) or len(value) > limit:
        raise LinkProtocolError(f"expected a string of at most {limit} characters")
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise LinkProtocolError("a string holds a lone surrogate")
    return value


def _decode_bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise LinkProtocolError("expected true or false")
    return value


def _decode_int(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > INTEGER_LIMIT:
        raise LinkProtocolError("expected an integer")
    return value


def _encode_float(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _decode_float(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise LinkProtocolError("expected a number")
    if isinstance(value, int) and abs(value) > INTEGER_LIMIT:
        raise LinkProtocolError("expected a smaller number")
    if not math.isfinite(value):
        raise LinkProtocolError("expected a finite number")
    return float(value)


def _mapping_codec(item: tuple[_Encode, _Decode]) -> tuple[_Encode, _Decode]:
    encode_item, decode_item = item

    def encode(value: object) -> object:
        assert isinstance(value, dict)
        pairs = list(value.items())[:ENTRIES_LIMIT]
        return {_encode_text(key): encode_item(entry) for key, entry in pairs}

    def decode(value: object) -> object:
        if not isinstance(value, dict) or len(value) > ENTRIES_LIMIT:
            raise LinkProtocolError(f"expected an object of at most {ENTRIES_LIMIT} entries")
        return {_decode_text(key): decode_item(entry) for key, entry in value.items()}

    return encode, decode


def _same(value: object) -> object:
    return value


_PLAIN: dict[object, tuple[_Encode, _Decode]] = {
    str: (_encode_text, _decode_text),
    LongText: (
        partial(_encode_text, limit=LONG_TEXT_LIMIT),
        partial(_decode_text, limit=LONG_TEXT_LIMIT),
    ),
    bool: (_same, _decode_bool),
    int: (_same, _decode_int),
    float: (_encode_float, _decode_float),
}


def _enum_decoder(kind: type[StrEnum]) -> _Decode:
    values = {member.value: member for member in kind}

    def decode(value: object) -> object:
        if not isinstance(value, str) or value not in values:
            raise LinkProtocolError(f"expected a {kind.__name__}")
        return values[value]

    return decode


def _codec_of(hint: object) -> tuple[_Encode, _Decode]:
    if plain := _PLAIN.get(hint):
        return plain
    if get_origin(hint) is dict and get_args(hint)[0] is str:
        return _mapping_codec(_codec_of(get_args(hint)[1]))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return str, _enum_decoder(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        nested = RecordCodec(hint)
        return nested.to_wire, nested.from_wire
    raise TypeError(f"no wire form for {hint!r}")


class RecordCodec:
    """Writes and reads one dataclass; on the wire all its fields are present, and no other."""

    def __init__(self, kind: type) -> None:
        self.kind = kind
        hints = get_type_hints(kind)
        names = [each.name for each in dataclasses.fields(kind)]
        self._fields = [(name, *_codec_of(hints[name])) for name in names]
        self._names = frozenset(names)

    def to_wire(self, record: object) -> dict[str, object]:
        """Return the JSON object; long strings and large mappings are cut to their limits."""
        return {name: encode(getattr(record, name)) for name, encode, _ in self._fields}

    def from_wire(self, wire: object) -> object:
        """Return the dataclass; raises `LinkProtocolError` naming what is wrong."""
        if not isinstance(wire, dict) or wire.keys() != self._names:
            raise LinkProtocolError(f"not the fields of {self.kind.__name__}")
        values = {}
        for name, _, decode in self._fields:
            try:
                values[name] = decode(wire[name])
            except LinkProtocolError as error:
                raise LinkProtocolError(f"{self.kind.__name__}.{name}: {error}") from None
        return self.kind(**values)
