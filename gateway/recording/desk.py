"""All recording of a gateway: which calls, by whom they are written, how long files are kept."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from gateway.config import Config, NumberSection
from gateway.config.recording import RecordingMode
from gateway.errors import RecordingFailed, RecordingNotRunning
from gateway.media.hearing import Ear
from gateway.metrics import Metrics
from gateway.model.events import Direction, Offered
from gateway.recording.call_tape import CallTape, told_greeting
from gateway.recording.files import SUFFIXES, check_format
from gateway.recording.library import Library, RecordingFile
from gateway.recording.tape import NoTape, Note, Tape
from gateway.recording.writer import TapeWriter
from gateway.sessions.routing import row_of

log = logging.getLogger(__name__)

PRUNE_EVERY_S = 3600.0
STOP_S = 5.0


class RecordingDesk:
    """Implements `Tapes`, and what the API asks. One per gateway, on the event loop."""

    def __init__(self, config: Config, metrics: Metrics) -> None:
        """Raises `ConfigError` when the format cannot be written here."""
        self._section = config.recording
        self._numbers: Sequence[NumberSection] = config.numbers
        self._metrics = metrics
        check_format(self._section.format)
        folder = self._section.files_dir or config.gateway.data_dir / "recordings"
        self._library = Library(folder)
        self._writer = TapeWriter(
            self._section.format, min_free_bytes=self._section.min_free_mb * 1024 * 1024
        )
        self._tapes: dict[str, CallTape] = {}
        self._pruning: asyncio.Task[None] | None = None

    # Life ---------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Make the folder, finish what a crash left, begin to prune. Raises `GatewayError`."""
        try:
            repaired = await asyncio.to_thread(self._library.prepare)
        except RecordingFailed:
            if any(row.recording is not RecordingMode.OFF for row in self._numbers):
                raise
            repaired = 0  # nothing is recorded that would need the folder
        if repaired:
            log.warning("recordings that a crash left are finished", extra={"files": repaired})
        self._writer.start()
        self._pruning = asyncio.create_task(self._prune(), name="prune recordings")

    async def stop(self) -> None:
        """Write what waits, bounded; may be called twice."""
        if self._pruning is not None:
            self._pruning.cancel()
            with suppress(asyncio.CancelledError):
                await self._pruning
            self._pruning = None
        if not await asyncio.to_thread(self._writer.stop, STOP_S):
            log.error("recordings are not all written", extra={"after_s": STOP_S})

    async def _prune(self) -> None:
        while True:
            try:
                deleted = await asyncio.to_thread(
                    self._library.prune, keep_days=self._section.keep_days, now=time.time()
                )
                if deleted:
                    log.info("old recordings deleted", extra={"files": deleted})
            except OSError as error:
                log.error("old recordings cannot be deleted", extra={"reason": str(error)})
            await asyncio.sleep(PRUNE_EVERY_S)

    def replace(self, config: Config) -> None:
        """Take up other numbers; calls that go on keep their recording."""
        self._numbers = config.numbers

    # For sessions -------------------------------------------------------------------------------------

    def open(self, offered: Offered, ear: Ear, note: Note) -> Tape:
        ours = offered.caller if offered.direction is Direction.OUTBOUND else offered.callee
        row = row_of(self._numbers, ours)
        if row is None or row.recording is RecordingMode.OFF:
            return NoTape()
        call_id = offered.call_id

        def over(outcome: str) -> None:
            self._tapes.pop(call_id, None)
            self._metrics.recordings_active.set(len(self._tapes))
            self._metrics.recordings.labels(outcome).inc()

        tape = CallTape(
            offered,
            ear,
            note,
            mode=row.recording,
            section=self._section,
            path=self._library.folder / f"{call_id}{SUFFIXES[self._section.format]}",
            writer=self._writer,
            on_over=over,
        )
        self._tapes[call_id] = tape
        self._metrics.recordings_active.set(len(self._tapes))
        return tape

    def phrases(self, config: Config) -> list[str]:
        """Return the greetings of a configuration that are to be rendered ahead."""
        texts = []
        for row in config.numbers:
            greeting = config.agents[row.agent].greeting
            told = told_greeting(row.recording, self._section, greeting)
            if told != greeting:
                texts.append(told)
        return texts

    # For the API and agents ---------------------------------------------------------------------------

    def states(self) -> Mapping[str, str]:
        """Return call id → state of its recording, for every live call that has one."""
        return {call_id: tape.state.value for call_id, tape in self._tapes.items()}

    def pause(self, call_id: str) -> None:
        """Write silence from now on. Raises `RecordingNotRunning`."""
        self._tape(call_id).pause()

    def resume(self, call_id: str) -> None:
        """Go on with a recording. Raises `RecordingNotRunning`."""
        self._tape(call_id).resume()

    def _tape(self, call_id: str) -> CallTape:
        tape = self._tapes.get(call_id)
        if tape is None:
            raise RecordingNotRunning("this call is not being recorded")
        return tape

    async def pause_for_agent(self, call_id: str, _arguments: Mapping[str, Any]) -> str:
        """The tool `pause_recording`."""
        return self._for_agent(call_id, is_pause=True)

    async def resume_for_agent(self, call_id: str, _arguments: Mapping[str, Any]) -> str:
        """The tool `resume_recording`."""
        return self._for_agent(call_id, is_pause=False)

    def _for_agent(self, call_id: str, *, is_pause: bool) -> str:
        try:
            (self.pause if is_pause else self.resume)(call_id)
        except RecordingNotRunning as error:
            return f"nothing to do: {error}"
        return "paused" if is_pause else "recording goes on"

    async def files(self) -> list[RecordingFile]:
        """Return all recordings, newest first. Raises `OSError`, as all that follow."""
        if not self._library.folder.is_dir():
            return []
        return await asyncio.to_thread(self._library.files)

    async def find(self, call_id: str) -> RecordingFile | None:
        """Return a call's recording."""
        return await asyncio.to_thread(self._library.find, call_id)

    async def delete(self, call_id: str) -> bool:
        """Delete a finished recording; False if there is none."""
        return await asyncio.to_thread(self._library.delete, call_id)
