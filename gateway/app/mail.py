"""Makes what takes mail in: from a mailbox, and from the operator's own program."""

from gateway.app.transports import read_secret
from gateway.channels.imap_mailbox import ImapMailbox
from gateway.channels.mail_intake import MailIntake
from gateway.channels.media_folder import MediaFolder
from gateway.channels.reception import Reception
from gateway.config import Config

MIB = 1024 * 1024


def build_mail_intake(
    config: Config, reception: Reception, folder: MediaFolder
) -> MailIntake | None:
    """Return what takes mails; None if there is no e-mail."""
    section = config.channels.email
    if not section.from_address:
        return None
    routed = {row.number.lower() for row in config.numbers if "@" in row.number}
    return MailIntake(
        reception,
        folder,
        our_address=section.from_address,
        is_ours=routed.__contains__,
        authserv_id=section.authserv_id,
    )


def build_mailbox(config: Config, intake: MailIntake | None) -> ImapMailbox | None:
    """Return the mailbox, not running; None if none is configured. Raises `ConfigError`."""
    section = config.channels.email.imap
    if not section.host or intake is None:
        return None
    password = read_secret(section.password_file, "channels.email.imap.password_file")
    return ImapMailbox(section, intake.take, password=password)
