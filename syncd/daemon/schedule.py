"""Time: one tick a second begins what is due, and once a minute clock, disk and status line are looked at."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from syncd import log
from syncd.config.load import database_file
from syncd.core.contact import Side
from syncd.core.errors import Fatal, RetryLater
from syncd.core.ports import AccountRow
from syncd.daemon import delays
from syncd.daemon.asked import App
from syncd.daemon.runs import Runs

TICK = 1.0
HOUSEKEEPING = 60.0
STEP = 5.0
"""Seconds by which this machine's clock may move against its uptime in a minute before it counts as a jump."""
LOW_DISK = 100 * 2**20
"""Bytes: with less room than this nothing is begun, because what is done could perhaps not be remembered."""
COMPLAIN = 60.0
"""Seconds between two complaints about the same late job."""

_log = log.get()


@dataclass(frozen=True)
class Moment:
    """The time by the calendar and by the uptime."""

    wall: float
    uptime: float

    @classmethod
    def now(cls) -> Moment:
        return cls(time.time(), time.monotonic())


def clock_step(before: Moment, after: Moment) -> float:
    """Seconds by which the calendar jumped between the two; 0 for what an adjustment explains."""
    step = (after.wall - before.wall) - (after.uptime - before.uptime)
    return step if abs(step) > STEP else 0.0


def free_bytes(folder: Path) -> int:
    """Room on the disk that holds the folder."""
    return shutil.disk_usage(folder).free


class Schedule:
    """Calls `Runs.offer_due` every second. A state out of reach is waited for; one that is lost goes to `on_loss`."""

    def __init__(
        self,
        app: App,
        runs: Runs,
        beat: Callable[[], None],
        on_loss: Callable[[Fatal], None],
        on_minute: Callable[[], None] = lambda: None,
        free: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._app, self._runs, self._free = app, runs, free
        self._beat, self._on_loss, self._on_minute = beat, on_loss, on_minute
        self._moment = Moment.now()
        self._unreachable_since = 0.0
        self._disk_low = False
        self._complained: dict[str, float] = {}
        self._lock = threading.Lock()
        self._scheduler = _scheduler(self._heard)

    def start(self) -> None:
        self.arrange()
        self.check_disk()
        self._scheduler.add_job(self.tick, "interval", seconds=TICK, id="tick")
        self._scheduler.add_job(self.each_minute, "interval", seconds=HOUSEKEEPING, id="housekeeping")
        self._scheduler.start()

    def stop(self) -> None:
        """Begin nothing more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    # ------------------------------------------------------------------------------------------ the jobs

    def tick(self) -> None:
        """Begin what is due. The beat comes after the state has answered, so a state that hangs is noticed."""
        try:
            if not self._disk_low:
                self._runs.offer_due()
            self._reached()
        except RetryLater as error:
            self._unreached(error)
        except Fatal as error:
            self._on_loss(error)
        self._beat()

    def each_minute(self) -> None:
        try:
            self.check_clock(Moment.now())
            self.check_disk()
            self._on_minute()
        except RetryLater as error:
            self._unreached(error)
        except Fatal as error:
            self._on_loss(error)

    def check_clock(self, moment: Moment) -> None:
        """After a jump of the calendar every start is moved along with it."""
        step, self._moment = clock_step(self._moment, moment), moment
        if step:
            _log.event("CK302", seconds=round(step, 1))
            self._move(step)

    def check_disk(self) -> None:
        """Nothing begins while there is too little room to remember what was done."""
        file = database_file(self._app.config.state)
        if file is None:
            return
        free = self._free(file.parent)
        low, before = free < LOW_DISK, self._disk_low
        self._disk_low = low
        if low != before:
            _log.event("DB603" if low else "DB608", free=free)

    # ------------------------------------------------------------------------------------------ arranging

    def arrange(self) -> None:
        """At the start and after a reload: what is overdue is spread, and what is too far off comes nearer."""
        now, store = time.time(), self._app.store
        names = frozenset(self._app.account_names())
        rows = [row for row in store.accounts() if row.name in names]
        overdue = sorted((row for row in rows if _due_before(row, now)), key=lambda row: row.next_due)
        for row in overdue[self._app.config.daemon.workers :]:
            store.set_account_due(row.name, delays.caught_up(row.name, self._runs.interval, now), row.next_due)
        for row in rows:
            if row.next_due > _latest(row, self._runs.interval, now) and row.state != "needs_consent":
                store.set_account_due(row.name, delays.next_due(row.name, self._runs.interval, now), row.next_due)
        for source in self._app.crm_sources():
            if store.source(source, Side.CRM).next_due > now + max(self._runs.interval, delays.LONGEST):
                store.set_due(source, now, 0)

    def _move(self, step: float) -> None:
        store = self._app.store
        for row in store.accounts():
            if row.next_due < delays.NEVER:
                store.set_account_due(row.name, row.next_due + step, row.next_due)
        for source in self._app.crm_sources():
            found = store.source(source, Side.CRM)
            store.set_due(source, found.next_due + step, found.failures)

    # ------------------------------------------------------------------------------------------ what goes wrong

    def _unreached(self, error: RetryLater) -> None:
        with self._lock:
            first, self._unreachable_since = not self._unreachable_since, self._unreachable_since or time.monotonic()
        if first:
            _log.event("DB606", reason=error.reason, message=str(error))

    def _reached(self) -> None:
        with self._lock:
            since, self._unreachable_since = self._unreachable_since, 0.0
        if since:
            _log.event("DB607", seconds=round(time.monotonic() - since))

    def _heard(self, event: JobEvent) -> None:
        if event.code == EVENT_JOB_ERROR:
            _log.event("SD010", part=event.job_id, kind=type(event.exception).__name__, exc=event.exception)
            return
        now = time.monotonic()
        if now - self._complained.get(event.job_id, -COMPLAIN) >= COMPLAIN:
            self._complained[event.job_id] = now
            _log.event("SD011", job=event.job_id)


def _due_before(row: AccountRow, now: float) -> bool:
    return row.next_due <= now and row.last_run > 0


def _latest(row: AccountRow, interval: float, now: float) -> float:
    """Where a start set under this interval can lie at most."""
    return now + (interval if row.state == "ok" and not row.failures else max(interval, delays.LONGEST) + interval)


def _scheduler(heard: Callable[[JobEvent], None]) -> BackgroundScheduler:
    """A late start is made up for, once; two of a kind never run together. Nothing of it is stored: `next_due` is."""
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # its own lines say what `heard` says, without an id
    scheduler = BackgroundScheduler(
        jobstores={"default": MemoryJobStore()},
        executors={"default": ThreadPoolExecutor(2)},
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        timezone="UTC",
    )
    scheduler.add_listener(heard, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
    return scheduler


def status_line(rows: tuple[AccountRow, ...], names: frozenset[str], now: float) -> str:
    """Such as "3 accounts: 2 ok, 1 needs_consent; next run 14:05:20 UTC"."""
    known = [row for row in rows if row.name in names]
    states = Counter(row.state for row in known)
    told = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    due = min((row.next_due for row in known), default=delays.NEVER)
    when = "now" if due <= now else time.strftime("%H:%M:%S UTC", time.gmtime(due))
    following = "" if due >= delays.NEVER else f"; next run {when}"
    return f"{len(known)} {'account' if len(known) == 1 else 'accounts'}{': ' if told else ''}{told}{following}"
