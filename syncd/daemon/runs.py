"""Runs of accounts and readings of CRMs: begun when due or asked for, and their next start set from how they ended."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec

from syncd import log
from syncd.core.contact import AccountName, Side, SourceId
from syncd.core.errors import MissingRight, RateLimited, SyncError, TagMissing, WrongPassword
from syncd.core.ports import AccountRow
from syncd.daemon import delays
from syncd.daemon.asked import FAULT, App, Ended, Row, Verdict, ended_by, unstarted, verdict
from syncd.daemon.breaker import Breaker
from syncd.daemon.lanes import Job, Lanes, Listener

SILENCE = 160.0
"""Seconds a run or a reading may go without a beat: the longest deadline of one request, 150 s, and 10 s."""
ACCOUNT, SOURCE = "account ", "source "
TROUBLE = "trouble"
"""The fact of a source that says why its last reading failed; None after one that did not."""

_log = log.get()


class Runs:
    """Begins runs and readings, one per account and one per CRM at a time, and decides when the next are due."""

    def __init__(
        self,
        app: App,
        lanes: Lanes,
        stop: Callable[[], bool],
        now: Callable[[], float] = time.time,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._app, self._lanes, self._stop, self._now, self._dice = app, lanes, stop, now, dice
        self._breakers: dict[tuple[str, Side], Breaker] = {}
        self._expected: Counter[AccountName] = Counter()
        self._lock = threading.Lock()

    @property
    def interval(self) -> float:
        return self._app.config.daemon.interval

    # ------------------------------------------------------------------------------------------ beginning

    def offer_due(self) -> None:
        """Begin what is due, as far as there is room."""
        now = self._now()
        for source in self._app.store.due_sources(now, Side.CRM):
            self._offer_reading(source, now)
        room = self._lanes.room()
        if room == 0:
            return
        for name in self._app.store.due(now, room + len(self._lanes.occupied())):
            self._offer_account(name, now)

    def _offer_reading(self, source: SourceId, now: float) -> None:
        if source not in self._app.crm_sources():
            return self._app.store.set_due(source, delays.NEVER, 0)
        if not self._left_alone(source, now):
            self._lanes.offer(SOURCE + source, partial(self._reading, source), SILENCE)

    def _left_alone(self, source: SourceId, now: float) -> bool:
        wait = self._breaker(source, Side.CRM).wait(now)
        if wait:
            row = self._app.store.source(source, Side.CRM)
            self._app.store.set_due(source, now + wait, row.failures)
        return bool(wait)

    def _offer_account(self, name: AccountName, now: float) -> None:
        row = self._app.store.account(name)
        if row is None or self._expected[name] > 0 or ACCOUNT + name in self._lanes.occupied():
            return
        wait = max(self._breaker(name, side).wait(now) for side in Side)
        if row.state == "needs_consent" or name not in self._app.account_names():
            self._app.store.set_account_due(name, delays.NEVER, row.next_due)
        elif wait:
            self._app.store.set_account_due(name, now + wait, row.next_due)
        else:
            self._lanes.offer(ACCOUNT + name, partial(self._account, name), SILENCE)

    @contextmanager
    def expecting(self, names: Iterable[AccountName]) -> Iterator[None]:
        """Inside the block these accounts are not begun by the schedule: somebody is about to ask for them.

        A reading makes due what it touched; the run that follows is the asker's, and so is its report.
        """
        mine = list(names)
        with self._lock:
            self._expected.update(mine)
        try:
            yield
        finally:
            with self._lock:
                self._expected.subtract(mine)

    def ask_reading(self, source: SourceId) -> Job:
        """A reading that begins after this call, shared by all who ask before it begins. Raises Stopping."""
        return self._lanes.ask(SOURCE + source, partial(self._reading, source), SILENCE)

    def ask_account(self, name: AccountName, listener: Listener | None = None) -> Job:
        """A run that begins after this call, whatever stood in its way. Raises Stopping."""
        return self._lanes.ask(ACCOUNT + name, partial(self._account, name), SILENCE, listener)

    def wake(self, name: AccountName) -> None:
        """This account is due at once: somebody decided something about it."""
        row = self._app.store.account(name)
        if row is not None:
            self._app.store.set_account_due(name, self._now(), row.next_due)

    # ------------------------------------------------------------------------------------------ a reading

    def _reading(self, source: SourceId, job: Job) -> None:
        with log.bound(side=Side.CRM.value):
            try:
                self._app.read_crm(source, fresh=job.fresh, beat=job.beat)
            except SyncError as error:
                self._reading_failed(source, error)
                raise
        row = self._app.store.source(source, Side.CRM)
        self._app.store.set_due(source, delays.next_due(source, self.interval, self._now()), 0)
        if row.facts.get(TROUBLE):
            self._app.store.note(source, {TROUBLE: None})
        self._succeeded(source, Side.CRM, source)

    def _reading_failed(self, source: SourceId, error: SyncError) -> None:
        ended, now = ended_by(error), self._now()
        what = verdict(ended)
        row = self._app.store.source(source, Side.CRM)
        failures = row.failures + 1
        due = self._due(source, ended, what, failures, source)
        self._app.store.set_due(source, due, failures)
        _tell_of_source(source, error, due - now)
        if (row.facts.get(TROUBLE) or {}).get("reason") != error.reason:
            self._app.store.note(source, {TROUBLE: {"reason": error.reason, "message": str(error), "since": now}})

    # ------------------------------------------------------------------------------------------ a run

    def _account(self, name: AccountName, job: Job) -> Row:
        with log.bound(account=name):
            before = self._app.store.account(name)
            try:
                report = self._app.run_account(
                    name, fresh=job.fresh, progress=job.tell, stop=self._stop, beat=job.beat
                ).as_json()
            except Exception as error:  # noqa: BLE001  the daemon's loop: a fault in one run must not end the others
                report = self._fault(name, error)
            self._judge(name, before, msgspec.convert(report, Ended))
            return report

    def _fault(self, name: AccountName, error: Exception) -> Row:
        _log.event("SD010", part=ACCOUNT + name, kind=type(error).__name__, exc=error)
        row = self._app.store.account(name)
        if row is not None:
            self._app.store.put_account(
                msgspec.structs.replace(row, state="failed", failures=row.failures + 1, message=str(FAULT))
            )
        return unstarted(name, FAULT)

    def _judge(self, name: AccountName, before: AccountRow | None, ended: Ended) -> None:
        """Set the next start, and say what somebody should know."""
        row = self._app.store.account(name)
        if row is None or before is None:
            return
        now, what = self._now(), verdict(ended)
        due = self._due(name, ended, what, row.failures, ended.side)
        self._app.store.set_account_due(name, due, before.next_due, now)
        if what is Verdict.WELL:
            self._succeeded(name, Side.GOOGLE, row.google or "")
            self._succeeded(name, Side.CRM, row.crm)
        else:
            _tell_of_account(ended, what, due - now)
        if row.state != before.state:
            _log.event("AC412", before=before.state, after=row.state, reason=ended.reason)

    # ------------------------------------------------------------------------------------------ what follows

    def _due(self, name: str, ended: Ended, what: Verdict, failures: int, source: str) -> float:
        now = self._now()
        if what is Verdict.CONSENT:
            return delays.NEVER
        if what is Verdict.PERSON:
            return delays.next_due(name, self.interval, now, floor=delays.SLOW - self.interval)
        if what is Verdict.FAILED:
            wait = self._failed(name, Side(ended.side), source)
            return delays.next_due(name, self.interval, now, max(failures, 1), max(wait, ended.retry_after))
        return delays.next_due(name, self.interval, now, floor=ended.retry_after)

    def _breaker(self, name: str, side: Side) -> Breaker:
        with self._lock:
            return self._breakers.get((name, side), Breaker())

    def _failed(self, name: str, side: Side, source: str) -> float:
        """Seconds that this side of this account (or this CRM) is to be left alone from now on."""
        now = self._now()
        with self._lock:
            before = self._breakers.get((name, side), Breaker())
            breaker = self._breakers[name, side] = before.failed(now, self._dice())
        wait = breaker.wait(now)
        if breaker.trips > before.trips:
            _log.event("AC404", side=side.value, source=source, failures=sum(breaker.recent), retry_in=round(wait))
        return wait

    def _succeeded(self, name: str, side: Side, source: str) -> None:
        with self._lock:
            before = self._breakers.get((name, side))
            if before is None:
                return
            self._breakers[name, side] = before.succeeded()
        if before.trips:
            _log.event("AC405", side=side.value, source=source)


def _tell_of_source(source: SourceId, error: SyncError, wait: float) -> None:
    facts: dict[str, Any] = {"side": Side.CRM.value, "source": source}
    retry_in = round(wait)
    if isinstance(error, WrongPassword):
        return _log.event("AC409", reason=str(error), **facts)
    if isinstance(error, MissingRight):
        return _log.event("AC410", right=str(error), **facts)
    if isinstance(error, RateLimited):
        return _log.event("AC403", retry_in=retry_in, **facts)
    facts["fix"] = getattr(error, "fix", None)
    _log.event("SY109", reason=error.reason, message=str(error), retry_in=retry_in, **facts)


def _tell_of_account(ended: Ended, what: Verdict, wait: float) -> None:
    if what is Verdict.CONSENT:
        return _log.event("AC401", reason=ended.message)
    if ended.reason == TagMissing.reason:
        return _log.event("AC411", message=ended.message)
    if ended.reason == RateLimited.reason:
        return _log.event("AC403", side=ended.side, retry_in=round(wait))
    if what is not Verdict.LATER:
        _log.event("SY109", reason=ended.reason, message=ended.message, retry_in=round(wait))
