"""Gives queued jobs to speech worker processes and keeps those processes alive.

One task per worker slot: start the process, then take jobs until it is lost; back off; start again.
A job whose worker died is tried once more; a job over its time is not (its caller has waited
enough), but its worker is killed. At most one slot runs `Urgency.AHEAD` work at a time, so with
two workers or more, turns never wait behind rendering ahead.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.speech.jobs import Job, JobQueue
from agents.speech.statistics import PoolStatistics, Tally
from agents.speech.wire import Message
from agents.speech.worker_process import WorkerLost, WorkerProcess
from gateway.errors import AssetError, GatewayError, ProviderRefused, ProviderUnavailable
from gateway.model.speech import Urgency

_log = logging.getLogger(__name__)

_MOST_ATTEMPTS = 2
_BACK_OFF_FIRST_S = 0.25
_BACK_OFF_MOST_S = 10.0
_READY_S = 60.0
"""Longest start of one worker; a cold disk reads 200 MB."""


@dataclass(eq=False, slots=True)
class PendingJob(Job):
    """A job and who waits for it."""

    reply: asyncio.Future[Message] = field(kw_only=True, repr=False)


class Dispatcher:
    """The worker slots and their queue. Lives on the event loop."""

    def __init__(
        self, command: Sequence[str], workers: int, queue_limit: int, job_timeout_s: float
    ) -> None:
        self._command = tuple(command)
        self._workers = workers
        self._job_timeout_s = job_timeout_s
        self._queue: JobQueue[PendingJob] = JobQueue(queue_limit)
        self._tally = Tally()
        self._changed = asyncio.Event()
        self._ready: set[int] = set()
        self._busy = 0
        self._ahead = 0
        self._slots: list[asyncio.Task[None]] = []
        self._accepts = False
        self._fatal: GatewayError | None = None

    async def start(self) -> None:
        """Start all workers; returns when each is ready.

        Raises:
            AssetError: a model is not installed.
            ProviderUnavailable: no worker became ready in time.
        """
        self._accepts = True
        self._slots = [
            asyncio.create_task(self._run_slot(), name=f"speech slot {number}")
            for number in range(self._workers)
        ]
        try:
            async with asyncio.timeout(_READY_S):
                while len(self._ready) < self._workers and self._fatal is None:
                    await self._change()
        except TimeoutError as error:
            if not self._ready:
                await self.stop()
                raise ProviderUnavailable("no speech worker became ready") from error
            _log.warning("%d of %d speech workers are ready", len(self._ready), self._workers)
        except BaseException:
            await self.stop()
            raise
        if self._fatal is not None:
            await self.stop()
            raise self._fatal

    async def stop(self) -> None:
        """Refuse new jobs, fail waiting ones, end the processes; may be called twice."""
        self._accepts = False
        for job in self._queue.drain():
            self._fail(job, "the speech workers are stopping")
        for slot in self._slots:
            slot.cancel()
        await asyncio.gather(*self._slots, return_exceptions=True)
        self._slots = []

    async def submit(self, job: PendingJob) -> Message:
        """Queue a job and wait for its reply. A caller that is cancelled gives up its place.

        Raises:
            ProviderUnavailable: not running, queue full, over time, or two workers died of it.
            ProviderRefused: the worker said that it can never be done.
        """
        if not self._accepts:
            raise ProviderUnavailable("the speech workers are not running")
        displaced = self._queue.offer(job)
        if displaced is not None:
            self._tally.refused += 1
            _settle(displaced, ProviderUnavailable("too many speech jobs are waiting"))
        self._notify()
        try:
            return await job.reply
        except asyncio.CancelledError:
            self._queue.discard(job)
            raise

    def statistics(self) -> PoolStatistics:
        """Return a snapshot."""
        return self._tally.snapshot(
            workers=self._workers,
            pids=tuple(sorted(self._ready)),
            busy=self._busy,
            queued=self._queue.counts(),
        )

    # One slot

    async def _run_slot(self) -> None:
        back_off_s = _BACK_OFF_FIRST_S
        while True:
            try:
                worker = await WorkerProcess.start(self._command, _READY_S)
            except AssetError as error:
                self._fatal = error
                self._notify()
                return
            except ProviderUnavailable as error:
                _log.error("%s; next try in %g s", error, back_off_s)
            else:
                began_s = time.monotonic()
                await self._keep(worker)
                self._tally.restarts += 1
                if time.monotonic() - began_s > _BACK_OFF_MOST_S:
                    back_off_s = _BACK_OFF_FIRST_S
                _log.warning("speech worker %d is lost; next in %g s", worker.pid, back_off_s)
            await asyncio.sleep(back_off_s)
            back_off_s = min(_BACK_OFF_MOST_S, back_off_s * 2)

    async def _keep(self, worker: WorkerProcess) -> None:
        """Give jobs to a worker until it is lost; its process has ended when this returns."""
        self._ready.add(worker.pid)
        worker.on_exit(self._notify)
        self._notify()
        try:
            while (job := await self._next_job(worker)) is not None:
                if not await self._do(worker, job):
                    break
        except asyncio.CancelledError:
            self._ready.discard(worker.pid)
            await worker.stop()
            raise
        finally:
            self._ready.discard(worker.pid)
        await worker.kill()

    async def _next_job(self, worker: WorkerProcess) -> PendingJob | None:
        while not worker.is_gone:
            job = self._queue.take(ahead=self._ahead == 0)
            if job is None:
                await self._change()
            elif not job.reply.done():
                return job
        return None

    async def _do(self, worker: WorkerProcess, job: PendingJob) -> bool:
        """Do one job; return whether the worker can be used further."""
        job.attempts += 1
        is_ahead = job.urgency == Urgency.AHEAD
        self._busy += 1
        self._ahead += is_ahead
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(self._job_timeout_s):
                reply = await worker.request(job.data)
        except TimeoutError:
            self._tally.timed_out += 1
            _log.error("speech worker %d hangs in %s: killed", worker.pid, job.kind.value)
            self._fail(job, f"{job.kind.value} took longer than {self._job_timeout_s:g} s")
            return False
        except WorkerLost as error:
            self._lost(job, error)
            return False
        except asyncio.CancelledError:
            self._fail(job, "the speech workers are stopping")
            raise
        except Exception as error:
            # A fault of ours must cost a job and a worker, not the slot and its caller for ever.
            _log.exception("speech dispatch failed")
            self._fail(job, f"{type(error).__name__}: {error}")
            return False
        finally:
            self._busy -= 1
            self._ahead -= is_ahead
            self._notify()
        self._finish(job, reply, began_s)
        return True

    def _lost(self, job: PendingJob, error: WorkerLost) -> None:
        if job.reply.done():
            return
        if job.attempts < _MOST_ATTEMPTS and self._accepts:
            self._queue.put_back(job)
        else:
            self._fail(job, f"the speech worker died: {error}")

    def _finish(self, job: PendingJob, reply: Message, began_s: float) -> None:
        error = reply.header.get("error")
        if error is None:
            self._tally.count_done(job.kind, began_s - job.queued_at_s, time.monotonic() - began_s)
            _settle(job, reply)
        elif reply.header.get("refused"):
            _settle(job, ProviderRefused(str(error)))
        else:
            self._fail(job, str(error))

    def _fail(self, job: PendingJob, reason: str) -> None:
        self._tally.failed += 1
        _settle(job, ProviderUnavailable(reason))

    # Wake-ups

    def _notify(self) -> None:
        self._changed.set()

    async def _change(self) -> None:
        """Wait for the next `_notify`; the caller looks again at whatever it waits for."""
        self._changed.clear()
        await self._changed.wait()


def _settle(job: PendingJob, outcome: Message | GatewayError) -> None:
    # Done already: its caller was cancelled.
    if job.reply.done():
        return
    if isinstance(outcome, Message):
        job.reply.set_result(outcome)
    else:
        job.reply.set_exception(outcome)
