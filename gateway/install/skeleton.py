"""The configuration that a new installation begins with: what differs on a server, and where to read of the rest."""

_TEXT = """\
# Offhook's configuration. `offhook config example` prints every key with its default, `offhook check` tells
# what is wrong with this file, `systemctl reload offhook` has the gateway read it again.

[gateway]
data_dir = "/var/lib/offhook"
cache_dir = "/var/cache/offhook"

[sip]
# The address that your trunk and your telephones reach, and their networks. Until then only this machine may call.
host = "127.0.0.1"
allow = ["127.0.0.0/8"]

[agents.receptionist]
kind = "receptionist"
business = "Offhook"

[[numbers]]
number = "*"
agent = "receptionist"
"""


def config_text() -> str:
    """Return the file's text."""
    return _TEXT
