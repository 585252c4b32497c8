"""The supervisor: says alive only while every part of the daemon says so itself and the state answers."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from syncd import log
from syncd.core.errors import RetryLater
from syncd.core.ports import Store
from syncd.daemon.lanes import Lanes
from syncd.daemon.notify import Notifier

TICK_SILENCE = 90.0
"""Seconds: a tick may wait this long for the state, whose longest transaction stores a first full reading."""
UNWATCHED = 30.0
"""Seconds between two looks where no manager watches us: the log still tells what hangs."""

_log = log.get()


@dataclass(frozen=True)
class Late:
    """A part that has been silent for longer than it may, and for how many seconds."""

    part: str
    age: float


class Supervisor:
    """`check` is called every `period` seconds, by the thread that also answers signals."""

    def __init__(
        self, store: Store, lanes: Lanes, notifier: Notifier, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._lanes, self._notifier, self._clock = store, lanes, notifier, clock
        self._beaten = clock()
        self._told: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    @property
    def period(self) -> float:
        """A third of what the manager allows, so that one look may be lost."""
        return min(self._notifier.watchdog / 3, UNWATCHED) if self._notifier.watchdog else UNWATCHED

    def beat(self) -> None:
        """The schedule is alive."""
        with self._lock:
            self._beaten = self._clock()

    def late(self) -> tuple[Late, ...]:
        now = self._clock()
        with self._lock:
            tick = now - self._beaten
        found = [Late("schedule", tick)] if tick > TICK_SILENCE else []
        jobs = ((job, now - job.beaten) for job in self._lanes.running())
        return (*found, *(Late(job.lane, age) for job, age in jobs if age > job.silence))

    def check(self) -> bool:
        """Tell the manager that all is alive, or tell the log what hangs. Raises Fatal when the state is lost."""
        late = self.late()
        for part in late:
            if part.part not in self._told:
                _log.event("SD007", part=part.part, age=round(part.age))
        self._told = frozenset(part.part for part in late)
        if late:
            return False
        with contextlib.suppress(RetryLater):  # an answer as well, if only that it cannot now; the schedule logs it
            self._store.due(0.0, 1)
        self._notifier.alive()
        return True
