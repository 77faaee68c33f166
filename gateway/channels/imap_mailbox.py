"""Fetches new mail from a mailbox by IMAP (RFC 3501; IDLE, RFC 2177), in a thread of its own.

A mail is marked as seen only after it is in our inbox on the disk: a crash in between fetches it once more, and
its `Message-ID` keeps it from counting twice.
"""

import asyncio
import logging
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from gateway.config.channels import ImapSection, SmtpSecurity
from gateway.errors import StoreError

log = logging.getLogger(__name__)

BATCH_MOST = 50
"""Mails of one look; the rest is fetched in the next."""
RETRY_S = 5.0
RETRY_MOST_S = 300.0
IDLE_SLICE_S = 1.0
"""How quickly a waiting thread notices that it is to stop."""
IDLE_MOST_S = 540.0
"""Servers hang up on who idles for half an hour (RFC 2177), and routers sooner."""

Take = Callable[[bytes], Awaitable[object]]
"""Puts a mail into the inbox. Raises `StoreError` if it cannot now."""


class ImapMailbox:
    """One mailbox. `run` until cancelled. Belongs to the event loop; the connection to its thread."""

    def __init__(
        self,
        section: ImapSection,
        take: Take,
        *,
        password: str,
        tls: ssl.SSLContext | None = None,
        retry_s: float = RETRY_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._section = section
        self._take = take
        self._password = password
        self._tls = tls
        self._retry_s = retry_s
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="imap")
        self._client: IMAPClient | None = None
        self._stopping = threading.Event()
        self.trouble = ""
        """Why the mailbox cannot be read now; empty while it can."""

    async def run(self) -> None:
        """Fetch what is new, for ever; outages are waited out, longer and longer."""
        wait_s = self._retry_s
        try:
            while True:
                try:
                    await self._in_thread(self._open)
                    self.trouble = ""
                    while True:
                        if not await self._look():
                            # Seen to be well only now: a server that fails at every mail is not hammered.
                            wait_s = self._retry_s
                            await self._in_thread(self._wait)
                except (IMAPClientError, OSError, ssl.SSLError, StoreError) as error:
                    self.trouble = str(error)[:200] or type(error).__name__
                    log.warning("the mailbox waits", extra={"reason": self.trouble})
                except Exception as error:
                    # Whatever a strange server makes the library do, the gateway goes on.
                    self.trouble = type(error).__name__
                    log.exception("the mailbox failed")
                await self._in_thread(self._close)
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, RETRY_MOST_S)
        finally:
            self._stopping.set()
            # Whatever the thread waits for on the socket ends with it.
            self._close()
            self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def _look(self) -> bool:
        """Take what is new, oldest first; returns whether there may be more."""
        uids: list[int] = await self._in_thread(self._unseen)
        for uid in uids[:BATCH_MOST]:
            raw: bytes | None = await self._in_thread(self._fetch, uid)
            if raw is not None:
                await self._take(raw)
            await self._in_thread(self._mark_seen, uid)
        return len(uids) > BATCH_MOST

    # In the thread ----------------------------------------------------------------------------------

    def _connected(self) -> IMAPClient:
        if self._client is None:
            raise IMAPClientError("not connected")
        return self._client

    def _open(self) -> None:
        section = self._section
        is_tls = section.security is SmtpSecurity.TLS
        context = self._tls or ssl.create_default_context()
        client = IMAPClient(
            section.host,
            port=section.port,
            ssl=is_tls,
            ssl_context=context if is_tls else None,
            timeout=section.timeout_s,
            use_uid=True,
        )
        self._client = client
        if section.security is SmtpSecurity.STARTTLS:
            client.starttls(context)
        client.login(section.username, self._password)
        client.select_folder(section.folder)

    def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            # A goodbye would wait for an answer that may never come.
            with suppress(IMAPClientError, OSError, ValueError):
                client.shutdown()

    def _unseen(self) -> list[int]:
        since = datetime.fromtimestamp(self._clock()) - timedelta(days=self._section.max_age_days)
        # By the day on which the server had it, in the server's zone (RFC 3501 section 6.4.4).
        wanted = ["UNSEEN", "UNDELETED", "SINCE", since.date()]
        return sorted(self._connected().search(wanted))

    def _fetch(self, uid: int) -> bytes | None:
        """Return the mail, cut off at the size that is taken; None if it is gone."""
        most = self._section.size_mb * 1024 * 1024
        item = f"BODY.PEEK[]<0.{most}>"
        told = self._connected().fetch([uid], [item]).get(uid, {})
        return next(
            (
                value
                for name, value in told.items()
                if name.startswith(b"BODY[]") and isinstance(value, bytes)
            ),
            None,
        )

    def _mark_seen(self, uid: int) -> None:
        self._connected().add_flags([uid], [b"\\Seen"], silent=True)

    def _wait(self) -> None:
        """Wait until something may be new: told by the server if it can, else for the time of a poll."""
        client, poll_s = self._connected(), self._section.poll_s
        if not (self._section.idle and client.has_capability("IDLE")):
            self._stopping.wait(poll_s)
            return
        client.idle()
        try:
            left_s = min(poll_s, IDLE_MOST_S)
            while left_s > 0 and not self._stopping.is_set():
                if client.idle_check(timeout=min(IDLE_SLICE_S, left_s)):
                    break
                left_s -= IDLE_SLICE_S
        finally:
            client.idle_done()
