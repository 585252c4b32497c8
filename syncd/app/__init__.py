"""The composition root: the only package that names concrete adapters and the store. Wiring, no decisions."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

import msgspec

from adapters.http import HttpTransport
from state.store import SqlStore
from state.vault import Vault
from syncd import log
from syncd.app.consent import Connector, Grants
from syncd.app.remotes import Crms, crm_source_id
from syncd.app.settings import settings_of
from syncd.config import Config
from syncd.config.load import database_file
from syncd.core.contact import AccountName, ScopeId, Side, SourceId
from syncd.core.errors import ConsentRevoked, NeedsHuman, SyncError
from syncd.core.ports import AccountRow, Remote, Store
from syncd.engine import people, views
from syncd.engine.brake import RESTORED
from syncd.engine.cycle import failed_report, run_cycle
from syncd.engine.people import PlanView
from syncd.engine.pull import Wanted, covers, pull
from syncd.engine.report import Report
from syncd.engine.run import ProgressEvent, Run, Source, turn
from syncd.engine.scopes import UNPLANNED, prepare

Progress = Callable[[ProgressEvent], None]
Row = dict[str, Any]


def _quiet(_event: ProgressEvent) -> None:
    """Nobody watches."""


def _collect_rarely() -> None:
    """What a run makes lives for a page and has no cycles: looking for them often costs a quarter of a large sync.

    What start-up left is not looked at again.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


class App:
    """syncd as a whole, for the command line and the daemon. Thread-safe; close it when done."""

    def __init__(self, config: Config, store: SqlStore, grants: Grants) -> None:
        _collect_rarely()
        self.config = config
        self.store: Store = store
        self._sql = store
        self._grants = grants
        self._crms = Crms(config)
        self._google_http = HttpTransport()
        self._readings: dict[SourceId, _Shared] = {}
        self._google_turns: dict[SourceId, threading.RLock] = {}
        self._lock = threading.Lock()
        self._register()

    @classmethod
    def open(cls, config: Config) -> App:
        """Open the state (migrated, its key ready) and wire everything. Raises the classes of `core.errors`."""
        store = _state(config)
        return cls(config, store, Grants(config, store))

    @classmethod
    def open_alone(cls, config: Config) -> App:
        """`open` for the daemon, once it holds the lock of its state.

        Nobody else writes to a state in a file then, so what a killed daemon had leased is free at once.
        """
        store = _state(config)
        if database_file(config.state) is not None:
            store.free_leases()
        app = cls(config, store, Grants(config, store))
        app._begin()
        return app

    def _begin(self) -> None:
        """A new generation of the state. One that is older than the last is read afresh, and shows its plans first."""
        if self._sql.restored():
            self._sql.forget_cursors()
            for row in self.store.accounts():
                known = {**row.facts, RESTORED: True}
                self.store.put_account(msgspec.structs.replace(row, planned=UNPLANNED, facts=known))
            log.get().event("DB609", accounts=len(self.store.accounts()))
        self._sql.begin_generation()

    def close(self) -> None:
        self._crms.close()
        self._sql.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -------------------------------------------------------------------------------------------- who there is

    def account_names(self) -> tuple[AccountName, ...]:
        return tuple(AccountName(n) for n in self.config.accounts)

    def crm_sources(self) -> tuple[SourceId, ...]:
        used = dict.fromkeys(a.crm for a in self.config.accounts.values())
        return tuple(crm_source_id(n) for n in used)

    def reload(self, config: Config) -> None:
        """Take a new configuration: connections are made anew, the state stays open."""
        self._crms.close()
        self.config, self._crms = config, Crms(config)
        self._grants.config = config
        self._register()

    def _register(self) -> None:
        """A row for every account of the configuration, and for the CRMs they use."""
        for name, account in self.config.accounts.items():
            source = crm_source_id(account.crm)
            self.store.source(source, Side.CRM)
            row = self.store.account(AccountName(name))
            if row is None:
                self.store.put_account(_new_account(AccountName(name), source))
            elif row.crm != source:
                self.store.put_account(msgspec.structs.replace(row, crm=source, pairs=(), planned=(-1, -1)))

    # -------------------------------------------------------------------------------------------- running

    def read_crm(self, source: SourceId, *, fresh: bool = False, beat: Callable[[], None] = lambda: None) -> int:
        """One reading of one CRM for all its accounts; callers waiting while one begins share it. Returns requests."""
        shared = self._shared(source)
        asked = time.monotonic()
        with shared.lock:
            if shared.began >= asked and (shared.fresh or not fresh):
                return 0
            shared.began, shared.fresh = time.monotonic(), fresh
            crm = self._crms.reader(source.partition(":")[2])
            before = crm.remote.requests
            with turn(self.store, crm, f"reading-{shared.began}", time.time, time.sleep, beat) as lease:
                pull(self.store, crm, lease, self._wanted(source), time.time(), fresh=fresh, each=lambda _page: beat())
            return crm.remote.requests - before

    def _shared(self, source: SourceId) -> _Shared:
        with self._lock:
            return self._readings.setdefault(source, _Shared())

    def run_account(
        self,
        name: AccountName,
        *,
        fresh: bool = False,
        progress: Progress = _quiet,
        stop: Callable[[], bool] = lambda: False,
        beat: Callable[[], None] = lambda: None,
    ) -> Report:
        """One run. Every early end is in the report; nothing is raised but what no caller can mend."""
        try:
            run = self._run(name, fresh=fresh, progress=progress, stop=stop, beat=beat)
            prepare(run)
            wanted = {side: self._wanted(run.source(side).id) for side in Side}
            first = (
                0 if covers(self.store.source(run.crm.id, Side.CRM), wanted[Side.CRM]) else self.read_crm(run.crm.id)
            )
        except SyncError as error:
            return failed_report(self.store, name, error, time.time())
        with log.bound(account=name, run=run.id):
            report = run_cycle(run, wanted)
        report.requests.crm += first
        return report

    def sync(self, names: Sequence[str] | None = None, progress: Progress = _quiet) -> Iterator[Report]:
        """Run these accounts now (None: all): each CRM is read once, from the start of this call on."""
        accounts = [AccountName(n) for n in (names or self.account_names())]
        broken: dict[SourceId, SyncError] = {}
        requests: dict[SourceId, int] = {}
        ready = [n for n in accounts if self._prepared(n)]
        for source in dict.fromkeys(self._source_of(n) for n in ready):
            progress(ProgressEvent("", "reading the CRM", 0, None, source))
            try:
                requests[source] = self.read_crm(source, fresh=True)
            except SyncError as error:
                broken[source] = error
        for name in accounts:
            source = self._source_of(name)
            if source in broken and name in ready:
                yield failed_report(self.store, name, broken[source], time.time())
                continue
            report = self.run_account(name, fresh=True, progress=progress)
            report.requests.crm += requests.pop(source, 0)
            yield report

    def _prepared(self, name: AccountName) -> bool:
        """Tags and groups are known before the CRM is read: one reading serves all. Failures show in the run."""
        try:
            prepare(self._run(name))
        except SyncError:
            return False
        return True

    def _run(self, name: AccountName, **how: Any) -> Run:
        account = self.config.accounts[name]
        row = self._row(name)
        crm = self._crms.source(account)
        google = self._google(row)
        settings = settings_of(self.config, name, crm.remote.capabilities, google.remote.capabilities)
        return Run(settings, self.store, crm, google, time.time, tell=log.get().event, **how)

    def _google(self, row: AccountRow) -> Source:
        if row.google is None:
            msg = f"{row.name} is not connected to Google yet."
            raise ConsentRevoked(msg, f"Run `syncd connect {row.name}`.")
        with self._lock:
            lock = self._google_turns.setdefault(row.google, threading.RLock())
        return Source(row.google, self._grants.remote(row, self._google_http), lock)

    def _row(self, name: AccountName) -> AccountRow:
        row = self.store.account(name)
        if row is None:
            msg = f"there is no account {name} in the state"
            raise LookupError(msg)
        return row

    def _source_of(self, name: AccountName) -> SourceId:
        return crm_source_id(self.config.accounts[name].crm)

    def _wanted(self, source: SourceId) -> Wanted:
        """What all accounts of this source together want read."""
        scopes: dict[ScopeId, None] = {}
        custom: dict[str, None] = {}
        full_every = []
        for row in self.store.accounts():
            account = self.config.accounts.get(row.name)
            if account is None or source not in (row.crm, row.google):
                continue
            on_crm = source == row.crm
            scopes.update(dict.fromkeys(tag if on_crm else group for tag, group in row.pairs))
            custom.update(dict.fromkeys(r.crm if on_crm else r.google for r in account.map))
            full_every.append(account.full_every)
        return Wanted(tuple(scopes), tuple(custom), min(full_every, default=86_400.0))

    # -------------------------------------------------------------------------------------------- people

    def plan(self, name: str) -> PlanView:
        """What a sync would do now. Both sides are read; nothing is written to either."""
        run = self._run(AccountName(name), fresh=True)
        missing = prepare(run, make=False)
        self.read_crm(run.crm.id, fresh=True)
        view = people.preview(run, {side: self._wanted(run.source(side).id) for side in Side})
        view.missing = missing
        return view

    def approve(self, name: str) -> Row:
        return people.approve(self.store, AccountName(name), time.time())

    def holds(self, name: str | None = None) -> list[Row]:
        return list(views.holds(self.store, None if name is None else AccountName(name)))

    def resolve(self, name: str, subject: str, choice: Mapping[str, Any]) -> Row:
        return people.resolve(self.store, AccountName(name), subject, choice, time.time())

    def status(self) -> list[Row]:
        rows = [r for n in self.account_names() if (r := self.store.account(n)) is not None]
        return [self._status_row(row) for row in rows]

    def _status_row(self, row: AccountRow) -> Row:
        trouble = self.store.source(row.crm, Side.CRM).facts.get("trouble")
        plan = self.store.kept_plan(row.name)
        return views.status_row(row, self.store.counts(row.name), plan, trouble, time.time())

    def connector(self, name: str) -> Connector:
        return Connector(self._grants, AccountName(name), self._google_http)

    def disconnect(self, name: str) -> Row:
        return self.connector(name).disconnect()

    def check(self, *, offline: bool) -> Iterator[Row]:
        """Each connection tried, one finding after the other: what, whether it is well, and how to mend it."""
        yield {"what": "configuration", "ok": True, "message": str(self.config.path), "fix": ""}
        yield {"what": "state", "ok": True, "message": "opened, and its schema is current", "fix": ""}
        if offline:
            return
        for source in self.crm_sources():
            name = source.partition(":")[2]
            yield _tried(f"crm.{name}", partial(self._crm_remote, name))
        for account in self.account_names():
            yield _tried(f"account.{account}", partial(self._google_remote, account))
            yield self._tag_found(account)

    def _crm_remote(self, name: str) -> Remote:
        return self._crms.reader(name).remote

    def _google_remote(self, name: AccountName) -> Remote:
        return self._google(self._row(name)).remote

    def _tag_found(self, name: AccountName) -> Row:
        what = f"account.{name}.tag"
        try:
            crm = self._crms.source(self.config.accounts[name])
            google = self._google(self._row(name)).remote
            settings = settings_of(self.config, name, crm.remote.capabilities, google.capabilities)
            for tag, _group in settings.pairs:
                crm.remote.resolve(tag, make=False)
        except SyncError as error:
            return _finding(what, error)
        return {"what": what, "ok": True, "message": "found", "fix": ""}


def _state(config: Config) -> SqlStore:
    key = config.state.key
    vault = Vault.from_credential(key.credential) if key.file is None else Vault.from_file(key.file)
    return SqlStore.open(config.state.url, vault=vault)


class _Shared:
    """The reading of one CRM that several callers may share: when the last one began, and how thorough it was."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.began = float("-inf")
        self.fresh = False


def _tried(what: str, connect: Callable[[], Remote]) -> Row:
    try:
        identity = connect().identity()
    except SyncError as error:
        return _finding(what, error)
    return {
        "what": what,
        "ok": True,
        "message": f"signed in as {identity.name or identity.email or identity.id}",
        "fix": "",
    }


def _finding(what: str, error: SyncError) -> Row:
    fix = error.fix if isinstance(error, NeedsHuman) else ""
    return {"what": what, "ok": False, "message": str(error), "fix": fix, "reason": error.reason}


def _new_account(name: AccountName, crm: SourceId) -> AccountRow:
    return AccountRow(
        name=name,
        crm=crm,
        google=None,
        state="new",
        message="",
        pairs=(),
        fingerprint="",
        planned=(-1, -1),
        next_due=0.0,
        last_run=0.0,
        failures=0,
        facts={},
    )
