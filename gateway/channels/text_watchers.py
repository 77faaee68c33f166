"""Tells several who watch written messages what happens to them; none can hurt the messages or another."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.model.messages import InboundMessage
from gateway.store.message_records import MessageRecord

log = logging.getLogger(__name__)


class TextWatcher(Protocol):
    """Called on the event loop; returns at once."""

    def received(self, message: InboundMessage) -> None:
        """Somebody wrote; a message that comes again is not told again."""

    def changed(self, record: MessageRecord) -> None:
        """A message of ours came to another status, or was accepted."""


class TextWatchers:
    """A `TextWatcher` for all of them."""

    def __init__(self, watchers: Sequence[TextWatcher]) -> None:
        self._watchers = tuple(watchers)

    def received(self, message: InboundMessage) -> None:
        for watcher in self._watchers:
            _guarded(lambda watcher=watcher: watcher.received(message))  # type: ignore[misc]

    def changed(self, record: MessageRecord) -> None:
        for watcher in self._watchers:
            _guarded(lambda watcher=watcher: watcher.changed(record))  # type: ignore[misc]


def _guarded(call: Callable[[], None]) -> None:
    try:
        call()
    except Exception:
        log.exception("a watcher of messages failed")


_: type[TextWatcher] = TextWatchers
