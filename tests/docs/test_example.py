"""`gateway/example.toml` names every key, and says as default what is the default."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from gateway.commands.config import example_text
from gateway.config import AgentBase, Config, LlmAgent
from gateway.config import file as config_file

TEXT = example_text()
UNCOMMENTED = re.sub(r"^#: ", "", TEXT, flags=re.MULTILINE)
"""The example with its optional keys switched on."""


def models(annotation: Any) -> set[type[BaseModel]]:
    """Every model that a configuration can hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        inner = [models(field.annotation) for field in annotation.model_fields.values()]
        return {annotation}.union(*inner)
    if get_origin(annotation) in (Annotated, Union, tuple, dict) or get_args(annotation):
        return set().union(*(models(part) for part in get_args(annotation)))
    return set()


def test_the_example_loads_and_is_the_defaults(tmp_path):
    (tmp_path / "offhook.toml").write_text(TEXT)

    config, _ = config_file.load(tmp_path / "offhook.toml")

    assert config == Config()


def test_the_optional_keys_load_too(tmp_path):
    for name in re.findall(r'_file = "(.+?)"', UNCOMMENTED):
        (tmp_path / name).write_text("x" * 32)
    (tmp_path / "offhook.toml").write_text(UNCOMMENTED)

    config, _ = config_file.load(tmp_path / "offhook.toml")

    assert isinstance(config.agents["assistant"], LlmAgent)
    assert config.http.api_token_file == tmp_path / "api-token"
    assert config.webrtc.ice_servers[1].credential_file == tmp_path / "turn-password"


@pytest.mark.parametrize(
    ("model", "field"),
    [
        pytest.param(model, field, id=f"{model.__name__}.{field}")
        for model in sorted(models(Config), key=lambda model: model.__name__)
        for field in model.model_fields
        if not (field in AgentBase.model_fields and model is not AgentBase)
    ],
)
def test_every_key_is_named_with_its_default(model, field):
    data = tomllib.loads(UNCOMMENTED)
    tables = [table for table in every_table(data) if table_is(table, model, data)]

    values = [table[field] for table in tables if field in table]

    assert values, f"example.toml does not name {field} of {model.__name__}"
    default = model.model_fields[field].default
    if default is not None and default is not PydanticUndefined:
        assert plain(default) in values


def test_every_key_of_all_agents_is_named():
    receptionist = tomllib.loads(UNCOMMENTED)["agents"]["receptionist"]

    assert set(AgentBase.model_fields) <= set(receptionist)


def every_table(data: Any):
    if isinstance(data, dict):
        yield data
        for value in data.values():
            yield from every_table(value)
    elif isinstance(data, list):
        for value in data:
            yield from every_table(value)


def table_is(table: dict[str, Any], model: type[BaseModel], data: dict[str, Any]) -> bool:
    """Whether a table of the example describes this model: none of its keys is strange to it."""
    if model is Config:
        return table is data
    return set(table) <= set(model.model_fields)


def plain(value: Any) -> Any:
    """A default as TOML has it."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


def test_no_line_is_longer_than_a_terminal_takes():
    assert [line for line in TEXT.splitlines() if len(line) > 120] == []


def test_the_example_is_package_data():
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert "example.toml" in pyproject["tool"]["setuptools"]["package-data"]["gateway"]
