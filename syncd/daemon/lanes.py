"""A bounded pool in which every lane (an account, a CRM) has one job at a time. Knows nothing of what jobs do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from syncd.core.errors import SyncError, Unavailable

QUEUE = 2
"""Jobs that may wait for each worker: enough to keep it busy between two ticks."""

Listener = Callable[[Any], None]


class Stopping(Unavailable):
    """The daemon stops, so this was not begun."""

    reason = "stopping"

    def __init__(self) -> None:
        super().__init__("the daemon is stopping")


@dataclass(eq=False)
class Job:
    """One piece of work. `fresh`: a person asked for it. Silent for more than `silence` seconds it counts as hung."""

    lane: str
    work: Callable[[Job], Any]
    silence: float
    fresh: bool = False
    result: Future[Any] = field(default_factory=Future)
    listeners: list[Listener] = field(default_factory=list)
    started: bool = False
    beaten: float = 0.0

    def beat(self) -> None:
        """It is alive: it has just come to a durable step, or is about to make a request."""
        self.beaten = time.monotonic()

    def tell(self, event: Any) -> None:
        """Show everybody who asked for this how far it is."""
        self.beat()
        for listener in tuple(self.listeners):
            listener(event)


class Lanes:
    """At most one job per lane runs, at most one waits. Who asks for what already waits shares it."""

    def __init__(self, workers: int, on_fault: Callable[[str, BaseException], None]) -> None:
        self._on_fault = on_fault
        self._workers = workers
        self._pool = _pool(workers)
        self._changed = threading.Condition(threading.RLock())
        self._current: dict[str, Job] = {}
        self._next: dict[str, Job] = {}
        self._closed = False

    def offer(self, lane: str, work: Callable[[Job], Any], silence: float) -> bool:
        """Begin this soon if the lane is empty; else it is being done anyway."""
        with self._changed:
            if self._closed or lane in self._current:
                return False
            self._start(Job(lane, work, silence))
            return True

    def ask(self, lane: str, work: Callable[[Job], Any], silence: float, listener: Listener | None = None) -> Job:
        """A job of this lane that begins after this call: a new one, or the one that waits. Raises Stopping."""
        with self._changed:
            if self._closed:
                raise Stopping
            job = self._waiting(lane) or self._queue(Job(lane, work, silence))
            job.fresh = True
            if listener is not None:
                job.listeners.append(listener)
            return job

    def _waiting(self, lane: str) -> Job | None:
        current = self._current.get(lane)
        return current if current is not None and not current.started else self._next.get(lane)

    def _queue(self, job: Job) -> Job:
        if job.lane in self._current:
            self._next[job.lane] = job
        else:
            self._start(job)
        return job

    def _start(self, job: Job) -> None:
        self._current[job.lane] = job
        self._pool.submit(self._do, job).add_done_callback(partial(self._over, job))

    def _do(self, job: Job) -> Any:
        with self._changed:
            job.started = True
            job.beat()
        return job.work(job)

    def _over(self, job: Job, done: Future[Any]) -> None:
        error = Stopping() if done.cancelled() else done.exception()
        with self._changed:
            self._current.pop(job.lane, None)
            following = self._next.pop(job.lane, None)
            if following is not None and not self._closed:
                self._start(following)
            self._changed.notify_all()
        if error is None:
            return job.result.set_result(done.result())
        job.result.set_exception(error)
        if not isinstance(error, SyncError):
            self._on_fault(job.lane, error)

    # ------------------------------------------------------------------------------------------ looking at it

    def occupied(self) -> frozenset[str]:
        """The lanes in which something runs or waits."""
        with self._changed:
            return frozenset(self._current)

    def room(self) -> int:
        """How many more jobs may be offered now."""
        with self._changed:
            return max(0, self._workers * (1 + QUEUE) - len(self._current))

    def running(self) -> tuple[Job, ...]:
        with self._changed:
            return tuple(job for job in self._current.values() if job.started)

    # ------------------------------------------------------------------------------------------ changing it

    def resize(self, workers: int) -> None:
        """From the next job on so many at a time; what runs goes on."""
        with self._changed:
            if workers != self._workers and not self._closed:
                self._workers = workers
                old, self._pool = self._pool, _pool(workers)
                old.shutdown(wait=False)

    def close(self) -> None:
        """Begin nothing more; what waits ends with Stopping. What runs is not touched."""
        with self._changed:
            self._closed = True
            waiting = list(self._next.values())
            self._next.clear()
        for job in waiting:
            job.result.set_exception(Stopping())
        self._pool.shutdown(wait=False, cancel_futures=True)

    def wait(self, seconds: float) -> bool:
        """Wait until nothing runs; False when something still does."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._current, seconds)


def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="worker")
