"""Words for what is wrong in a configuration: the key, the value, what was expected, what to do about it."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails, PydanticUndefined

from gateway.config import Config

_SECRET = re.compile(r"key|token|secret|password|credential", re.IGNORECASE)
_USERINFO = re.compile(r"(\w+://)[^/\s@]+@")
_SHOWN_MOST = 60
_KEY_FIRST = re.compile(r"[a-z][\w.]*: ")

_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": 'a text in quotes, like "this"',
    "path_type": "a path in quotes",
    "tuple_type": "a list in brackets",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "greater_than": "more than {gt}",
    "less_than": "less than {lt}",
    "string_too_short": "at least {min_length} character",
    "too_short": "at least {min_length} item",
    "literal_error": "one of {expected}",
    "enum": "one of {expected}",
    "union_tag_invalid": "one of {expected_tags}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake."""

    key: str
    """Path of the key, dots between its parts; empty if it concerns the whole file."""
    wrong: str
    remedy: str
    value: str = ""
    """The offending value as it may be shown."""
    line: int = 0
    """Line in the file, from 1; 0 if not known."""

    def __str__(self) -> str:
        """What follows the name of the file: place, key, value, what is wrong, remedy."""
        return f"{self.told()}; {self.remedy}"

    def told(self) -> str:
        """The same without the remedy."""
        place = f":{self.line}" if self.line else ""
        key = f" {self.key}" if self.key else ""
        value = f" = {self.value}" if self.value else ""
        return f"{place}:{key}{value}: {self.wrong}" if key else f"{place}: {self.wrong}"


def explain(error: ErrorDetails, data: Mapping[str, Any]) -> Problem:
    """Turn one of pydantic's errors into a problem; `data` is the parsed file."""
    path = _without_tag(error["loc"])
    key = _dotted(path)
    kind, context = error["type"], error.get("ctx", {})
    value = _shown(path, error.get("input"))
    if kind == "extra_forbidden":
        known = sorted(_known_keys(path[:-1], data))
        near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
        where = f"[{_dotted(path[:-1])}]" if len(path) > 1 else "the file"
        remedy = f"did you mean {near[0]!r}?" if near else "remove it"
        if not near or len(known) <= 12:
            remedy += f" {where} knows: {', '.join(known)}"
        return Problem(key=key, value=value, wrong="unknown key", remedy=remedy)
    if kind == "missing":
        return Problem(key=key, wrong="is missing", remedy=f"add `{path[-1]} = …`")
    if kind == "union_tag_not_found":
        kinds = ", ".join(f'kind = "{name}"' for name in _agent_kinds())
        return Problem(key=f"{key}.kind", wrong="is missing", remedy=f"add one of {kinds}")
    if kind == "value_error":
        wrong, _, remedy = str(context.get("error", error["msg"])).partition("; ")
        remedy = remedy or _default_remedy(path, data)
        if not path:
            # What several sections must agree on names the key itself.
            key, _, wrong = wrong.partition(": ") if _KEY_FIRST.match(wrong) else ("", "", wrong)
        return Problem(key=key, value=value if path else "", wrong=wrong, remedy=remedy)
    if kind == "tuple_type" and isinstance(error.get("input"), Mapping):
        wrong, remedy = "is one table where a list of them belongs", f"write [[{key}]]"
        return Problem(key=key, value=value, wrong=wrong, remedy=remedy)
    if kind == "union_tag_invalid":
        key, value = f"{key}.kind", f'"{context.get("tag", "")}"'
    expected = _EXPECTED.get(kind)
    words = expected.format(**context) if expected else error["msg"].lower()
    return Problem(
        key=key, value=value, wrong=f"expected {words}", remedy=_default_remedy(path, data)
    )


def locate(problem: Problem, text: str) -> Problem:
    """Add the line of the problem's key, where the file's layout is plain enough to tell."""
    parts = re.sub(r"\[\d+\]", "", problem.key).split(".")
    for depth in range(len(parts), 0, -1):
        for number, path in _keys_by_line(text):
            if path == parts[:depth]:
                return replace(problem, line=number)
    return problem


def _keys_by_line(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line numbers with the path of the table or key that begins there (first of its kind)."""
    table: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if header := re.match(r"\[\[?([^\[\]]+)\]\]?", bare):
            table = [part.strip().strip("\"'") for part in header[1].split(".")]
            yield number, table
        elif key := re.match(r"""([\w.-]+|"[^"]+"|'[^']+')\s*=""", bare):
            yield number, [*table, *key[1].strip("\"'").split(".")]


def _dotted(path: tuple[int | str, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _without_tag(path: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Drop the agent's kind, which pydantic puts into the path of an agent's keys."""
    if len(path) > 2 and path[0] == "agents":
        return (*path[:2], *path[3:])
    return path


def _shown(path: tuple[int | str, ...], value: object) -> str:
    name = str(path[-1]) if path else ""
    if _SECRET.search(name) and not name.endswith("_file"):
        return "***"
    if isinstance(value, Mapping):
        return "{…}"
    if isinstance(value, bool):
        return str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = " ".join(_USERINFO.sub(r"\1***@", text).splitlines())
    return text if len(text) <= _SHOWN_MOST else text[:_SHOWN_MOST] + "…"


# What the models know -----------------------------------------------------------------------------------


def _models_at(path: tuple[int | str, ...], data: Any) -> list[type[BaseModel]]:
    """The models that may stand at `path`; for an agent the one of its kind, if that is known."""
    models: list[type[BaseModel]] = [Config]
    annotation: Any = Config
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
        if isinstance(part, int):
            data = None
            continue
        fields = [model.model_fields[part] for model in models if part in model.model_fields]
        if fields:
            annotation = fields[0].annotation
        models = list(_models_in(annotation))
        kind = data.get("kind") if isinstance(data, Mapping) else None
        models = [m for m in models if kind in _kinds_of(m)] or models
    return models


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType, tuple, dict):
        for inner in get_args(annotation):
            yield from _models_in(inner)


def _kinds_of(model: type[BaseModel]) -> tuple[object, ...]:
    field = model.model_fields.get("kind")
    return () if field is None else get_args(field.annotation)


def _agent_kinds() -> list[str]:
    agents = _models_in(Config.model_fields["agents"].annotation)
    return [str(kind) for model in agents for kind in _kinds_of(model)]


def _known_keys(path: tuple[int | str, ...], data: Mapping[str, Any]) -> set[str]:
    return {name for model in _models_at(path, data) for name in model.model_fields}


def _default_remedy(path: tuple[int | str, ...], data: Mapping[str, Any]) -> str:
    """Say what stands there by default, if that is short enough to help."""
    while path and isinstance(path[-1], int):
        path = path[:-1]
    if path:
        for model in _models_at(path[:-1], data):
            field = model.model_fields.get(str(path[-1]))
            if field is None or field.default in (None, PydanticUndefined):
                continue
            default = _as_toml(field.default)
            if len(default) <= 80:
                return f"correct it, or remove it for the default {default}"
    return "correct it; `offhook config example` shows every key"


def _as_toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_as_toml(item) for item in value) + "]"
    return str(value)
