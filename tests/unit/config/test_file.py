"""Tests of gateway/config/file.py and gateway/config/problems.py: what is found, and how mistakes are told."""

import errno
import os
from pathlib import Path

import pytest

from gateway.config import Config, EchoAgent, LlmAgent
from gateway.config import file as config_file
from gateway.config.file import ConfigProblems
from gateway.errors import ConfigError


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working directory without any configuration in sight."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OFFHOOK_CONFIG", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setattr(config_file, "PLACES", (Path("offhook.toml"), tmp_path / "etc.toml"))
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


# Where the file is found -------------------------------------------------------------------------------


def test_without_any_file_the_defaults_run(place):
    assert config_file.load() == (Config(), None)


def test_the_first_place_wins(place, monkeypatch):
    etc = write(place / "etc.toml", "http.port = 1")
    assert config_file.load()[0].http.port == 1

    write(place / "offhook.toml", "http.port = 2")
    assert config_file.load()[0].http.port == 2

    monkeypatch.setenv("OFFHOOK_CONFIG", str(write(place / "named.toml", "http.port = 3")))
    assert config_file.load()[0].http.port == 3

    config, source = config_file.load(etc)
    assert (config.http.port, source) == (1, etc)


def test_a_named_file_must_exist(place, monkeypatch):
    monkeypatch.setenv("OFFHOOK_CONFIG", str(place / "nowhere.toml"))

    with pytest.raises(ConfigError, match=r"nowhere\.toml: does not exist; create it"):
        config_file.load()


def test_a_folder_is_not_read(place):
    with pytest.raises(ConfigError, match="Is a directory; name a file"):
        config_file.load(place)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"http.port = {'9' * 5_000}", "a number of too many digits"),
        (f"http.port = {'[' * 5_000}", "too many brackets"),
    ],
)
def test_what_cannot_be_read_at_all_is_told_too(text, told, place):
    with pytest.raises(ConfigProblems, match=told):
        config_file.load(write(place / "a.toml", text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[numbers]\nnumber = "5"', r"a\.toml:1: numbers = .*one table .* write \[\[numbers\]\]"),
        (
            '[sip]\n[[numbers]]\nnumber = "5"\nagent = "x"',
            r"a\.toml:2: numbers: '5' goes to agent 'x'",
        ),
        (
            '[webrtc]\nanonymous_agents = ["x"]',
            r"a\.toml:2: webrtc\.anonymous_agents: there is no agent 'x'; agents are: echo, recep",
        ),
    ],
)
def test_what_sections_must_agree_on_is_told_with_its_line(text, told, place):
    with pytest.raises(ConfigProblems, match=told):
        config_file.load(write(place / "a.toml", text))


def test_a_mistake_is_one_line_whatever_is_in_it(place):
    with pytest.raises(ConfigProblems) as refused:
        config_file.load(write(place / "a.toml", 'http.host = 5\nhttp.port = "\u2028\\n"'))

    assert len(str(refused.value).splitlines()) == 2


def test_an_empty_file_is_the_defaults(place):
    assert config_file.load(write(place / "a.toml", ""))[0] == Config()


def test_each_agent_has_the_model_of_its_kind(place):
    text = '[agents.a]\nkind = "llm"\nmodel = "m"\n[agents.echo]\nkind = "echo"\n[[numbers]]\n'
    config, _ = config_file.load(write(place / "a.toml", text + 'number = "*"\nagent = "a"'))

    assert isinstance(config.agents["a"], LlmAgent)
    assert isinstance(config.agents["echo"], EchoAgent)


def test_the_first_agent_answers_where_no_numbers_are_named(place):
    text = '[agents.b]\nkind = "receptionist"\n[agents.echo]\nkind = "echo"\n'
    config, _ = config_file.load(write(place / "a.toml", text))

    assert [(row.number, row.agent) for row in config.numbers] == [("echo", "echo"), ("*", "b")]


def test_named_numbers_are_taken_as_they_are(place):
    text = '[[numbers]]\nnumber = "5"\nagent = "echo"\n'
    config, _ = config_file.load(write(place / "a.toml", text))

    assert [(row.number, row.agent) for row in config.numbers] == [("5", "echo")]


# Paths -------------------------------------------------------------------------------------------------


def test_paths_are_relative_to_the_file(place, monkeypatch):
    folder = place / "conf"
    folder.mkdir()
    write(folder / "token", "x" * 32)
    source = write(
        folder / "a.toml", '[http]\napi_token_file = "token"\n[gateway]\ndata_dir = "state"'
    )
    monkeypatch.chdir("/")

    config, _ = config_file.load(source)

    assert config.http.api_token_file == folder / "token"
    assert config.gateway.data_dir == folder / "state"


def test_credentials_of_systemd_go_before_files_beside_the_configuration(place, monkeypatch):
    credentials = place / "credentials"
    credentials.mkdir()
    write(credentials / "token", "x" * 32)
    write(place / "token", "y" * 32)
    write(place / "other", "z" * 32)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    text = '[http]\napi_token_file = "token"\n[agents.receptionist]\nkind = "receptionist"\n'
    text += 'greeting_file = "other"\n[[numbers]]\nnumber = "*"\nagent = "receptionist"'

    config, _ = config_file.load(write(place / "a.toml", text))

    assert config.http.api_token_file == credentials / "token"
    assert config.agents["receptionist"].greeting_file == place / "other"


def test_commands_beside_the_service_find_what_systemd_loads_as_credentials(place, monkeypatch):
    folder = place / "credentials"
    folder.mkdir()
    write(folder / "token", "x" * 32)
    write(folder / "sales-token", "y" * 32)
    text = '[http]\napi_token_file = "token"'
    first, sales = write(place / "offhook.toml", text), write(place / "sales.toml", text)

    assert config_file.load(first)[0].http.api_token_file == folder / "token"
    assert config_file.load(sales)[0].http.api_token_file == folder / "sales-token"

    # The service itself has what systemd gave it, and nothing else.
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(place / "run"))
    with pytest.raises(ConfigProblems, match="does not exist"):
        config_file.load(first)


def test_a_file_where_we_may_not_look_is_a_mistake_that_is_told(place, monkeypatch):
    real = os.stat

    def refuse(path, *arguments, **options):
        if "credentials" in str(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", refuse)
    absolute = write(place / "a.toml", '[http]\napi_token_file = "/etc/offhook/credentials/token"')
    with pytest.raises(ConfigProblems, match="cannot be looked at: Permission denied"):
        config_file.load(absolute)
    with pytest.raises(ConfigProblems, match="does not exist"):
        config_file.load(write(place / "b.toml", '[http]\napi_token_file = "token"'))


def test_a_path_in_the_home_directory_is_found(place, monkeypatch):
    monkeypatch.setenv("HOME", str(place))
    write(place / "token", "x" * 32)

    config, _ = config_file.load(write(place / "a.toml", '[http]\napi_token_file = "~/token"'))

    assert config.http.api_token_file == place / "token"


# Mistakes ----------------------------------------------------------------------------------------------

LLM = '[agents.a]\nkind = "llm"\nmodel = "m"\n'

MISTAKES = {
    "not TOML": ("[sip\n", None, "not valid TOML", "mend that line"),
    "a number in quotes": ('[sip]\nport = "5060"', "sip.port", '"5060"', "default 5060"),
    "a truth that is a number": (
        "[gateway]\nmask_pii = 1",
        "gateway.mask_pii",
        "true or false",
        "true",
    ),
    "a number that is a truth": ("[http]\nport = true", "http.port", "a whole number", "8080"),
    "a broken number": ("[sip]\nport = 5060.5", "sip.port", "a whole number", "5060"),
    "not a number": (
        "[greeting]\ngate_deadline_s = nan",
        "greeting.gate_deadline_s",
        "nan",
        "60.0",
    ),
    "text for a list": ('[sip]\nallow = "10.0.0.0/8"', "sip.allow", "a list", "127.0.0.0/8"),
    "a number for a text": ("[http]\nhost = 1", "http.host", "in quotes", "127.0.0.1"),
    "a value for a section": ("sip = 5", "sip", "a table", "offhook config example"),
    "above the range": ("[http]\nport = 70000", "http.port", "at most 65535", "8080"),
    "below the range": ("[sip]\nmax_calls = 0", "sip.max_calls", "at least 1", "100"),
    "an unknown key": ("[sip]\nallowed = []", "sip.allowed", "unknown key", "'allow'"),
    "an unknown section": ("[sipp]\nport = 1", "sipp", "unknown key", "'sip'"),
    "a key of nothing": ("[sip]\nqqqq = 1", "sip.qqqq", "unknown key", "remove it"),
    "an unknown key of an agent": (LLM + 'modle = "x"', "agents.a.modle", "unknown key", "'model'"),
    "a key of another kind": (LLM + "faq = []", "agents.a.faq", "unknown key", "remove it"),
    "an unknown codec": ('[sip]\ncodecs = ["mp3"]', "sip.codecs[0]", "'PCMU', 'PCMA'", "opus"),
    "an unknown level": ('[gateway]\nlog_level = "loud"', "gateway.log_level", "'debug'", "info"),
    "no codec": ("[sip]\ncodecs = []", "sip.codecs", "at least one", "opus"),
    "a codec twice": ('[sip]\ncodecs = ["PCMU", "PCMU"]', "sip.codecs", "twice", "opus"),
    "a bad network": ('[sip]\nallow = ["10.0.0.1/8"]', "sip.allow", "host bits", "203.0.113.0/24"),
    "not a network": ('[sip]\nallow = ["me"]', "sip.allow", "not a network", "203.0.113.0/24"),
    "a network of IPv6": ('[sip]\nallow = ["::1/128"]', "sip.allow", "only IPv4", "127.0.0.0/8"),
    "too few media ports": (
        "[sip]\nrtp_port_min = 10000\nrtp_port_max = 10100",
        "sip",
        "rtp_port_max holds 50 calls but max_calls is 100",
        "widen the range",
    ),
    "a jitter buffer inside out": (
        "[sip]\njitter_min_ms = 200\njitter_max_ms = 100",
        "sip",
        "jitter_max_ms must be above",
        "offhook config example",
    ),
    "lists of two lengths": ("[turns]\nsilence_ms = [1]", "turns", "same length", "config example"),
    "a URL without scheme": (LLM + 'base_url = "x.org"', "agents.a.base_url", "http://", "11434"),
    "an agent without a model": (
        '[agents.a]\nkind = "llm"',
        "agents.a.model",
        "is missing",
        "add `model = …`",
    ),
    "an agent without a kind": (
        '[agents.a]\ngreeting = "x"',
        "agents.a.kind",
        "is missing",
        'kind = "receptionist"',
    ),
    "an agent of no kind": (
        '[agents.a]\nkind = "bot"',
        "agents.a.kind",
        "'receptionist'",
        "example",
    ),
    "a number to nobody": (
        '[[numbers]]\nnumber = "1"\nagent = "nobody"',
        "numbers",
        "agent 'nobody', which does not exist",
        "agents are: echo, receptionist",
    ),
    "a number without agent": ('[[numbers]]\nnumber = "1"', "numbers[0].agent", "missing", "add"),
    "a token file that is not there": (
        '[http]\napi_token_file = "nope"',
        "http.api_token_file",
        "does not exist",
        "correct the path",
    ),
    "a home directory of nobody": (
        '[http]\napi_token_file = "~nobody-at-all/token"',
        "http.api_token_file",
        "a user that is not there",
        "from the root on",
    ),
    "a directory for a file": (
        '[http]\napi_token_file = "/"',
        "http.api_token_file",
        "is not a file",
        "correct the path",
    ),
    "an agent's file that is not there": (
        LLM + 'api_key_file = "nope"',
        "agents.a.api_key_file",
        "does not exist",
        "CREDENTIALS_DIRECTORY",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_file_key_and_remedy(place, mistake):
    text, key, wrong, remedy = MISTAKES[mistake]
    source = write(place / "my.toml", text)

    with pytest.raises(ConfigProblems) as caught:
        config_file.load(source)

    first = caught.value.problems[0]
    told = str(caught.value).splitlines()[0]
    assert told.startswith(str(source)), told
    assert wrong in told
    assert remedy in first.remedy
    if key is not None and key != "numbers":
        assert first.key == key
        assert f" {key}" in told
    elif key:
        assert key in told


def test_all_mistakes_are_told_at_once_with_their_lines(place):
    text = '\n[sip]\nport = 0.5\n# a comment\nmax_calls = "many"\n\n[http]\nprot = 1\n'

    with pytest.raises(ConfigProblems) as caught:
        config_file.load(write(place / "my.toml", text))

    told = {problem.key: problem.line for problem in caught.value.problems}
    assert told == {"sip.port": 3, "sip.max_calls": 5, "http.prot": 8}


def test_secrets_are_not_repeated(place):
    text = LLM + 'api_key = "sk-hunter2"\nbase_url = "ftp://user:hunter2@example.org"'

    with pytest.raises(ConfigProblems) as caught:
        config_file.load(write(place / "my.toml", text))

    assert "hunter2" not in str(caught.value)
    assert "api_key_file" in str(caught.value)


def test_a_file_that_is_not_text_is_refused(place):
    (place / "my.toml").write_bytes(b"\xff\xfe[sip]")

    with pytest.raises(ConfigError, match="not UTF-8 text; save it as UTF-8"):
        config_file.load(place / "my.toml")


def test_a_file_without_end_is_refused(place):
    (place / "my.toml").write_bytes(b"#" * (config_file.LONGEST_FILE + 1))

    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        config_file.load(place / "my.toml")


def test_the_configuration_as_data_loads_again(place):
    config, _ = config_file.load()

    assert Config.model_validate(config_file.plain(config)) == config
