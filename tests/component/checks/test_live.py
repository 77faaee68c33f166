"""`offhook check --live` against providers on loopback: right and wrong keys, webhooks that go elsewhere, silence."""

import asyncio
import base64
import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.checks import clock, public_url
from gateway.checks.asking import Unreachable, ask
from gateway.checks.finding import Finding
from gateway.checks.live_providers import check_providers
from gateway.checks.live_twilio import check_twilio, messaging_url
from gateway.config import Config
from tests.support.smtp_stand_in import SmtpStandIn

SID = "AC" + "0123456789abcdef" * 2
KEY_SID = "SK" + "0" * 32
SERVICE = "MG" + "0" * 32
TOKEN, KEY = "5" * 32, "6" * 32
PUBLIC = "https://gateway.example.com"
OURS = PUBLIC + "/twilio/messages"


class Provider:
    """A server that answers each path as a test says; keeps what it was sent."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, str]] = {}
        self.users: dict[str, str] = {}
        """Paths that want basic authentication → `user:password`."""
        self.date = ""
        self.url = ""
        self.asked: list[tuple[str, str]] = []

    def answer(self, path: str, authorization: str) -> tuple[int, str]:
        self.asked.append((path, authorization))
        wanted = self.users.get(path)
        if wanted is not None:
            expected = "Basic " + base64.b64encode(wanted.encode()).decode()
            if authorization != expected:
                return 401, '{"code": 20003}'
        return self.answers.get(path, (404, "{}"))


@contextmanager
def serving(provider: Provider) -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = provider.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response_only(status)
            self.send_header("Date", provider.date or self.date_time_string())
            self.send_header("Content-Length", str(len(body)))
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_arguments: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    provider.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def provider() -> Iterator[Provider]:
    with serving(Provider()) as made:
        yield made


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level.value for finding in findings]


# Twilio ---------------------------------------------------------------------------------------------------


class Account:
    """Twilio with one account, and a gateway configured for it."""

    def __init__(self, provider: Provider, folder: Path) -> None:
        self.provider = provider
        self.folder = folder
        self.path = f"/2010-04-01/Accounts/{SID}"
        self.numbers = f"{self.path}/IncomingPhoneNumbers.json?PageSize=100"
        self.service = f"/v1/Services/{SERVICE}"
        for path in (f"{self.path}.json", self.numbers, self.service):
            provider.users[path] = f"{SID}:{TOKEN}"
        provider.users[f"{self.path}/Messages.json?PageSize=1"] = f"{KEY_SID}:{KEY}"
        provider.answers[f"{self.path}.json"] = 200, '{"status": "active", "type": "Full"}'
        provider.answers[f"{self.path}/Messages.json?PageSize=1"] = 200, "{}"
        self.has_numbers(("+15550001", OURS))

    def has_numbers(self, *numbers: tuple[str, str]) -> None:
        rows = ", ".join(
            f'{{"phone_number": "{number}", "sms_url": "{url}", "sms_method": "POST"}}'
            for number, url in numbers
        )
        self.provider.answers[self.numbers] = 200, f'{{"incoming_phone_numbers": [{rows}]}}'

    def check(self, token: str = TOKEN, key: str = KEY, **more: object) -> list[Finding]:
        (self.folder / "token").write_text(token)
        (self.folder / "key").write_text(key)
        fallback = more.pop("fallback", {})
        config = Config.model_validate(
            {
                "twilio": {
                    "account_sid": SID,
                    "auth_token_file": self.folder / "token",
                    "api_key_sid": KEY_SID,
                    "api_key_secret_file": self.folder / "key",
                    "api_url": self.provider.url,
                    "public_url": PUBLIC,
                    **more,
                },
                "fallback": fallback,
            }
        )
        findings = check_twilio(config)
        assert not any(secret in str(findings) for secret in (TOKEN, KEY))
        return findings


@pytest.fixture
def account(provider: Provider, tmp_path: Path) -> Account:
    return Account(provider, tmp_path)


def test_an_account_in_order(account):
    findings = account.check()

    assert levels(findings) == ["ok"] * 3
    assert f"messages to 1 numbers come to {OURS}" in findings[-1].message


def test_wrong_keys_are_told_apart(account):
    wrong = account.check(token="7" * 32)
    assert levels(wrong) == ["fail"]
    assert "account_sid and auth_token_file do not belong together" in wrong[0].message

    assert levels(account.check(key="7" * 32)) == ["ok", "fail", "ok"]


@pytest.mark.parametrize(
    ("body", "level"),
    [('{"status": "suspended"}', "fail"), ('{"status": "active", "type": "Trial"}', "warn")],
)
def test_an_account_that_cannot_do_all_is_told(account, body, level):
    account.provider.answers[f"{account.path}.json"] = 200, body
    assert levels(account.check())[0] == level


def test_numbers_that_call_somebody_else_are_named(account):
    account.has_numbers(("+15550001", OURS), ("+15550002", "https://demo.twilio.com/reply"))

    findings = account.check()

    (warning,) = [finding for finding in findings if finding.level == "warn"]
    assert "+15550002 go to https://demo.twilio.com/reply" in warning.message
    assert OURS in warning.remedy


def test_only_our_numbers_are_judged_where_the_configuration_names_them(account):
    account.has_numbers(("+15550001", OURS), ("+15550002", "https://demo.twilio.com/reply"))

    assert levels(account.check(fallback={"senders": {"sms": "+15550001"}})) == ["ok"] * 3
    missing = account.check(fallback={"senders": {"sms": "+15550009"}})
    assert "+15550009 is configured as a sender but is no number" in str(missing)


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        ((200, f'{{"inbound_request_url": "{OURS}"}}'), "ok"),
        ((200, '{"inbound_request_url": null}'), "warn"),
        ((200, '{"use_inbound_webhook_on_number": true}'), "ok"),
        ((404, "{}"), "fail"),
    ],
)
def test_a_messaging_service_is_looked_at(account, answer, level):
    account.provider.answers[account.service] = answer
    assert levels(account.check(messaging_service_sid=SERVICE))[-1] == level


@pytest.mark.parametrize(
    ("api", "expected"),
    [
        ("https://api.twilio.com", "https://messaging.twilio.com"),
        ("https://api.dublin.ie1.twilio.com", "https://messaging.dublin.ie1.twilio.com"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
    ],
)
def test_where_messaging_services_are(api, expected):
    assert messaging_url(api) == expected


@pytest.mark.parametrize(
    "body", ["", "[]", "null", '{"incoming_phone_numbers": {"a": 1}}', "<html>"]
)
def test_nonsense_from_a_provider_breaks_nothing(account, body):
    account.provider.answers[account.numbers] = 200, body
    assert levels(account.check())[:2] == ["ok", "ok"]


def test_a_provider_that_is_away_fails_in_time(account):
    assert levels(account.check(api_url="http://127.0.0.1:9")) == ["fail"]


def test_secrets_do_not_follow_a_redirect(account):
    account.provider.answers[f"{account.path}.json"] = 302, ""
    account.check()
    assert [path for path, _ in account.provider.asked] == [f"{account.path}.json"]


# The others -----------------------------------------------------------------------------------------------


def model_config(provider: Provider, tmp_path: Path, model: str = "llama3.2") -> Config:
    (tmp_path / "key").write_text("sk-secret-1234")
    agent = {
        "kind": "llm",
        "base_url": f"{provider.url}/v1",
        "model": model,
        "api_key_file": str(tmp_path / "key"),
    }
    return Config.model_validate(
        {"agents": {"a": agent}, "numbers": [{"number": "*", "agent": "a"}]}
    )


@pytest.mark.parametrize(
    ("answer", "model", "level"),
    [
        ((200, '{"data": [{"id": "llama3.2"}]}'), "llama3.2", "ok"),
        ((200, '{"data": [{"id": "llama3.2:latest"}]}'), "llama3.2", "ok"),
        ((200, '{"data": [{"id": "other"}]}'), "llama3.2", "warn"),
        ((200, "no JSON"), "llama3.2", "ok"),
        ((404, ""), "llama3.2", "ok"),
        ((401, "{}"), "llama3.2", "fail"),
    ],
)
def test_a_language_model_is_asked(provider, tmp_path, answer, model, level):
    provider.answers["/v1/models"] = answer

    findings = check_providers(model_config(provider, tmp_path, model))

    assert levels(findings) == [level]
    assert provider.asked == [("/v1/models", "Bearer sk-secret-1234")]
    assert "sk-secret" not in str(findings)


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        (f'{{"url": "{PUBLIC}/telegram/messages"}}', ["ok", "ok"]),
        ('{"url": ""}', ["ok", "warn"]),
        (f'{{"url": "{PUBLIC}/telegram/messages", "last_error_message": "502"}}', ["ok", "warn"]),
    ],
)
def test_telegram_is_asked_where_it_delivers(provider, tmp_path, hook, expected):
    token = "1:AAsecret"
    (tmp_path / "bot").write_text(token)
    (tmp_path / "hook").write_text("s" * 20)
    telegram = {
        "bot_token_file": tmp_path / "bot",
        "webhook_secret_file": tmp_path / "hook",
        "api_url": provider.url,
    }
    config = Config.model_validate({"channels": {"telegram": telegram}})
    provider.answers[f"/bot{token}/getMe"] = 200, "{}"
    provider.answers[f"/bot{token}/getWebhookInfo"] = 200, f'{{"result": {hook}}}'

    findings = check_providers(config)

    assert levels(findings) == expected
    assert token not in str(findings)

    provider.answers[f"/bot{token}/getMe"] = 401, "{}"
    assert levels(check_providers(config)) == ["fail"]
    away = config.model_copy(
        update={
            "channels": config.channels.model_copy(
                update={
                    "telegram": config.channels.telegram.model_copy(
                        update={"api_url": "http://127.0.0.1:9"}
                    )
                }
            )
        }
    )
    gone = check_providers(away)
    assert levels(gone) == ["fail"]
    assert token not in str(gone)


@pytest.mark.parametrize(
    ("answers", "security", "level", "told"),
    [
        ({}, "none", "ok", "takes us"),
        ({"": "554 go away"}, "none", "fail", "SMTPConnectError"),
        ({}, "starttls", "fail", "SMTPNotSupportedError"),
    ],
)
async def test_the_mail_server_is_asked(answers, security, level, told):
    async with SmtpStandIn() as server:
        server.answers.update(answers)
        email = {
            "host": "127.0.0.1",
            "port": server.port,
            "security": security,
            "from_address": "a@example.org",
        }
        config = Config.model_validate({"channels": {"email": email}})

        findings = await asyncio.to_thread(check_providers, config)

    assert levels(findings) == [level]
    assert told in findings[0].message


# Clock and certificate ------------------------------------------------------------------------------------


def test_the_clock_is_compared_with_a_provider(account, tmp_path):
    config = Config.model_validate(
        {
            "twilio": {
                "account_sid": SID,
                "auth_token_file": tmp_path / "token",
                "api_url": account.provider.url,
            }
        }
    )
    assert levels(list(clock._drift(config))) == ["ok"]

    account.provider.date = "Tue, 15 Nov 1994 08:12:31 GMT"
    (found,) = clock._drift(config)
    assert (found.level.value, "ahead of" in found.message) == ("fail", True)

    account.provider.date = "yesterday"
    assert list(clock._drift(config)) == []


@contextmanager
def tls_server(folder: Path, *, days: int) -> Iterator[int]:
    """A TLS server for `localhost` whose certificate ends in so many days, and is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=90))
        .not_valid_after(now + datetime.timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (folder / "authority.pem").write_bytes(pem)
    (folder / "server.pem").write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            with raw:
                raw.settimeout(5)
                try:
                    with context.wrap_socket(raw, server_side=True) as wrapped:
                        wrapped.recv(1)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize(("days", "level"), [(90, "ok"), (5, "warn"), (-2, "fail")])
def test_a_certificate_is_looked_at(tmp_path, monkeypatch, days, level):
    with tls_server(tmp_path, days=days) as port:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        findings = list(public_url._certificate("url", "localhost", port))
    assert levels(findings) == [level]


def test_a_certificate_nobody_vouches_for_and_silence_fail(tmp_path, monkeypatch):
    with tls_server(tmp_path, days=90) as port:
        (stranger,) = public_url._certificate("url", "localhost", port)
    assert "the certificate is refused" in stranger.message

    (closed,) = public_url._certificate("url", "127.0.0.1", 9)
    assert "connection refused" in closed.message

    monkeypatch.setattr(public_url, "CONNECT_BOUND_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        (silence,) = public_url._certificate("url", "127.0.0.1", silent.getsockname()[1])
    assert silence.level == "fail"


def test_who_answers_at_the_public_url_is_told(provider):
    provider.answers["/healthz"] = 200, '{"status": "alive"}'
    assert levels(list(public_url._answers("url", provider.url))) == ["ok"]
    provider.answers["/healthz"] = 502, "<html>"
    assert levels(list(public_url._answers("url", provider.url))) == ["warn"]
    assert levels(list(public_url._answers("url", "http://127.0.0.1:9"))) == ["fail"]


def test_a_server_that_trickles_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(Unreachable):
            ask(url, bound_s=0.2)
