"""Asks the other providers whether they take our keys: language models, Telegram, the mail server."""

import os
import smtplib
import ssl
from collections.abc import Iterator

from gateway.checks.asking import BOUND_S, Unreachable, ask, within
from gateway.checks.finding import Finding, fail, ok, warn
from gateway.checks.secret_files import secret_of
from gateway.config import Config, LlmAgent
from gateway.config.channels import EmailSection, SmtpSecurity

LLM_KEY_VARIABLE = "OFFHOOK_LLM_API_KEY"


def check_providers(config: Config) -> list[Finding]:
    """Return what they say; nothing of those that are not configured."""
    return [*_models(config), *_telegram(config), *_mail(config.channels.email)]


def _models(config: Config) -> Iterator[Finding]:
    for name, agent in config.agents.items():
        if not isinstance(agent, LlmAgent):
            continue
        key = secret_of(agent.api_key_file) or os.environ.get(LLM_KEY_VARIABLE, "").strip()
        yield _model(f"agents.{name}", agent.base_url, agent.model, key)
        if agent.second_base_url:
            model = agent.second_model or agent.model
            yield _model(f"agents.{name} (second)", agent.second_base_url, model, key)


def _model(agent: str, base_url: str, model: str, key: str) -> Finding:
    subject = "language model"
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        answer = ask(f"{base_url}/models", headers=headers)
    except Unreachable as error:
        return fail(
            subject,
            f"{agent}: {base_url} does not answer: {error}",
            "start it, or correct base_url",
        )
    if answer.status in (401, 403):
        return fail(
            subject,
            f"{agent}: {base_url} refuses the key ({answer.status})",
            f"put a key that is good there into api_key_file, or {LLM_KEY_VARIABLE}",
        )
    if answer.status != 200:
        # Not every server lists its models; that it answers is all that can be told.
        return ok(subject, f"{agent}: {base_url} answers ({answer.status} for its list of models)")
    rows = answer.body.get("data")
    names = (
        {str(row.get("id")) for row in rows if isinstance(row, dict)}
        if isinstance(rows, list)
        else set()
    )
    # Ollama lists `name:tag` and takes `name`.
    if names and model not in names and not any(each.startswith(f"{model}:") for each in names):
        return warn(
            subject,
            f"{agent}: {base_url} does not list the model {model!r}",
            f"set model to one of: {', '.join(sorted(names)[:8])}",
        )
    return ok(subject, f"{agent}: {base_url} takes the key and has {model!r}")


def _telegram(config: Config) -> Iterator[Finding]:
    section = config.channels.telegram
    token = secret_of(section.bot_token_file)
    if token is None:
        return
    subject = "telegram"
    # The address holds the token: it is never told.
    try:
        me = ask(f"{section.api_url}/bot{token}/getMe")
        hook = ask(f"{section.api_url}/bot{token}/getWebhookInfo")
    except Unreachable as error:
        yield fail(subject, f"{section.api_url} does not answer: {error}", "mend the way out")
        return
    if me.status != 200:
        yield fail(
            subject, f"the bot's token is refused ({me.status})", "copy it from BotFather again"
        )
        return
    yield ok(subject, "the bot's token is right")
    result = hook.body.get("result")
    told = result if isinstance(result, dict) else {}
    url = str(told.get("url", ""))
    if section.webhook_secret_file is None:
        return
    if not url.endswith("/telegram/messages"):
        yield warn(
            subject,
            f"messages to the bot go to {url[:120] or 'nobody'}",
            "call setWebhook with the public address of this gateway and /telegram/messages",
        )
    elif told.get("last_error_message"):
        yield warn(
            subject,
            f"Telegram could not deliver lately: {str(told['last_error_message'])[:120]}",
            "see whether the public address answers, and whether secret_token is that of "
            "channels.telegram.webhook_secret_file",
        )
    else:
        yield ok(subject, f"messages to the bot go to {url}")


def _mail(section: EmailSection) -> Iterator[Finding]:
    if not section.host:
        return
    subject = "e-mail"
    server = f"{section.host}:{section.port}"
    try:
        within(BOUND_S, lambda: _log_in(section, secret_of(section.password_file) or ""))
    except smtplib.SMTPAuthenticationError as error:
        yield fail(
            subject,
            f"{server} refuses the login ({error.smtp_code})",
            "correct username and password_file",
        )
    except ssl.SSLCertVerificationError as error:
        yield fail(
            subject,
            f"{server}: the certificate is refused: {error.verify_message}",
            "use the name in the certificate as host",
        )
    except (smtplib.SMTPException, OSError, Unreachable) as error:
        words = str(error) if isinstance(error, Unreachable) else type(error).__name__
        if (
            isinstance(error, OSError)
            and error.strerror
            and not isinstance(error, smtplib.SMTPException)
        ):
            words = error.strerror.lower()
        yield fail(subject, f"{server} cannot be used: {words}", "correct host, port and security")
    else:
        yield ok(subject, f"{server} takes us")


def _log_in(section: EmailSection, password: str) -> None:
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if section.security is SmtpSecurity.TLS:
        server = smtplib.SMTP_SSL(section.host, section.port, timeout=BOUND_S, context=context)
    else:
        server = smtplib.SMTP(section.host, section.port, timeout=BOUND_S)
    with server:
        if section.security is SmtpSecurity.STARTTLS:
            server.starttls(context=context)
        if section.username:
            server.login(section.username, password)
        server.noop()
