"""Which keys of a changed file take effect at once."""

from pathlib import Path

import pytest

from gateway.config import AgentBase, Config, GatewaySection
from gateway.config.changes import LIVE, compare, is_live
from gateway.config.file import parse
from gateway.errors import ConfigError

BASE = """
[sip]
allow = ["127.0.0.0/8"]
[agents.desk]
kind = "receptionist"
[agents.echo]
kind = "echo"
[[numbers]]
number = "*"
agent = "desk"
"""


def of(text: str) -> Config:
    return parse(text, Path("/etc/offhook/offhook.toml"))


def test_nothing_changed() -> None:
    changes = compare(of(BASE), of(BASE))
    assert (changes.live, changes.restart) == ((), ())
    assert changes.config == of(BASE)


def test_what_can_change_changes_and_the_rest_is_named() -> None:
    new = of(
        BASE.replace("127.0.0.0/8", "10.0.0.0/8").replace(
            'kind = "receptionist"', 'kind = "receptionist"\ngreeting = "Hi."'
        )
        + """
[[numbers]]
number = "9"
agent = "echo"
[gateway]
drain_s = 5.0
[http]
port = 9999
[speech]
workers = 3
"""
    )
    changes = compare(of(BASE), new)
    assert changes.live == ("agents.desk.greeting", "gateway.drain_s", "numbers", "sip.allow")
    assert changes.restart == ("http.port", "speech.workers")
    config = changes.config
    assert config.agents["desk"].greeting == "Hi."
    assert config.sip.allow == ("10.0.0.0/8",)
    assert config.gateway.drain_s == 5.0
    assert len(config.numbers) == 2
    assert (config.http.port, config.speech.workers) == (8080, 2)


def test_the_networks_of_a_trunk_change_and_nothing_else_of_it() -> None:
    trunk = '[trunks.main]\nhost = "192.0.2.5"\n'
    running = of(BASE + trunk)
    changes = compare(running, of(BASE + trunk + 'networks = ["203.0.113.0/24"]\nport = 5070\n'))
    assert (changes.live, changes.restart) == (("trunks.main.networks",), ("trunks.main.port",))
    assert changes.config.trunks["main"].networks == ("203.0.113.0/24",)
    assert changes.config.trunks["main"].port == running.trunks["main"].port

    gone = compare(running, of(BASE + trunk.replace("main", "other")))
    assert gone.live == ()
    assert list(gone.config.trunks) == ["main"]


def test_what_watches_the_gateway_is_named_as_needing_a_restart(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x" * 44)
    new = of(
        BASE
        + f"""
[recording]
keep_days = 7
[tracing]
otlp_url = "http://127.0.0.1:4318/v1/traces"
[event_webhooks.crm]
url = "https://crm.example.com/offhook"
secret_file = "{secret}"
"""
    )
    changes = compare(of(BASE), new)
    assert changes.live == ()
    assert changes.restart == ("event_webhooks.crm", "recording.keep_days", "tracing.otlp_url")
    assert changes.config == of(BASE)


def test_agents_come_go_and_become_others() -> None:
    new = of(
        BASE.replace("[agents.echo]", "[agents.new]").replace(
            'kind = "receptionist"', 'kind = "echo"'
        )
    )
    changes = compare(of(BASE), new)
    assert changes.restart == ()
    assert {"agents.echo", "agents.new", "agents.desk.kind"} <= set(changes.live)
    assert set(changes.config.agents) == {"desk", "new"}
    assert isinstance(changes.config.agents["desk"], AgentBase)


def test_live_keys_that_contradict_those_that_are_not_are_refused() -> None:
    running = of(BASE + '[webrtc]\nanonymous_agents = ["echo"]\n')
    new = of(BASE.replace("[agents.echo]", "[agents.parrot]"))
    with pytest.raises(ConfigError, match=r"a restart is needed.*there is no agent 'echo'"):
        compare(running, new)


@pytest.mark.parametrize("key", LIVE)
def test_every_live_key_exists(key: str) -> None:
    found = Config().model_dump()
    for name in key.split("."):
        found = found[name]
    assert is_live(key)


def test_a_key_is_live_by_its_whole_name() -> None:
    assert is_live("agents.desk.greeting")
    assert not is_live("gateway.data_dir")
    assert not is_live("sip.allow_more")
    assert "drain_s" in GatewaySection.model_fields
