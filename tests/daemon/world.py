"""A program for the daemon to run: a real configuration and a real state, and runs that do what a test tells them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from state.store import SqlStore
from syncd.config import Config, load
from syncd.core.contact import AccountName, Side, SourceId
from syncd.core.ports import AccountRow
from syncd.daemon.asked import PlanView, ProgressEvent

WAIT = 30.0
ACME = SourceId("crm:acme")
OK: Mapping[str, Any] = {"outcome": "ok"}

TOML = """
[daemon]
interval = "{interval}"
workers = {workers}
[crm.acme]
kind = "creatio"
url = "http://127.0.0.1:9"
auth = "forms"
username = "sync"
password = {{ file = "password" }}
"""


def write_config(folder: Path, *accounts: str, interval: str = "5m", workers: int = 2) -> Path:
    """A configuration file with these accounts."""
    (folder / "password").write_text("secret")
    (folder / "password").chmod(0o400)
    tables = "".join(f'[account.{name}]\ncrm = "acme"\ntag = "Google"\n' for name in accounts)
    path = folder / "syncd.toml"
    path.write_text(TOML.format(interval=interval, workers=workers) + tables)
    return path


class Behaviour:
    """What one run does: says that it began, waits if it is to hang, shows progress, and ends as it is told."""

    def __init__(self, *ends: Mapping[str, Any] | BaseException) -> None:
        self.ends = list(ends)
        self.begun, self.let_go = threading.Event(), threading.Event()
        self.let_go.set()
        self.runs: list[bool] = []  # whether each was fresh

    def hang(self) -> Behaviour:
        """Begin, and go on only when `let_go` is set, or when told to stop."""
        self.let_go.clear()
        return self

    def next_end(self) -> Mapping[str, Any] | BaseException:
        return self.ends.pop(0) if len(self.ends) > 1 else (self.ends or [OK])[0]


class Report:
    def __init__(self, row: dict[str, Any]) -> None:
        self.row = row

    def as_json(self) -> dict[str, Any]:
        return self.row


class ScriptedApp:
    """Satisfies `syncd.daemon.App`. Keeps the account's state and failures as the engine does."""

    def __init__(self, config: Config, store: SqlStore) -> None:
        self.config, self.store = config, store
        self.behaviours: dict[str, Behaviour] = {}
        self.readings: list[tuple[SourceId, bool]] = []
        self.reading = Behaviour()
        self.closed = False
        self.deaf: set[str] = set()  # accounts whose runs do not hear that they should stop
        self._register()

    @classmethod
    def open(cls, config: Config) -> ScriptedApp:
        return cls(config, SqlStore.open(config.state.url))

    def _register(self) -> None:
        for name in self.account_names():
            if self.store.account(name) is None:
                self.store.put_account(new_account(name))

    def behaviour(self, name: str) -> Behaviour:
        return self.behaviours.setdefault(name, Behaviour())

    def account_names(self) -> tuple[AccountName, ...]:
        return tuple(AccountName(name) for name in self.config.accounts)

    def crm_sources(self) -> tuple[SourceId, ...]:
        return tuple(SourceId(f"crm:{name}") for name in self.config.crms)

    def read_crm(self, source: SourceId, *, fresh: bool = False, beat: Callable[[], None]) -> object:
        self.readings.append((source, fresh))
        self.reading.begun.set()
        assert self.reading.let_go.wait(WAIT)
        end = self.reading.next_end()
        if isinstance(end, BaseException):
            raise end
        return 1

    def run_account(
        self,
        name: AccountName,
        *,
        fresh: bool,
        progress: Callable[[ProgressEvent], None],
        stop: Callable[[], bool],
        beat: Callable[[], None],
    ) -> Report:
        behaviour = self.behaviour(name)
        behaviour.runs.append(fresh)
        progress(SimpleNamespace(account=name, phase="reading Google", done=0, total=None, message=""))
        behaviour.begun.set()
        until = time.monotonic() + WAIT
        while not behaviour.let_go.wait(0.01) and (name in self.deaf or not stop()) and time.monotonic() < until:
            beat()
        end = behaviour.next_end()
        if isinstance(end, BaseException):
            raise end
        self._remember(name, end)
        return Report({"account": name, **end})

    def _remember(self, name: AccountName, end: Mapping[str, Any]) -> None:
        import msgspec

        row = self.store.account(name)
        assert row is not None
        failures = 0 if end["outcome"] in ("ok", "held") else row.failures + 1
        state = {"busy": row.state}.get(end["outcome"], end["outcome"])
        self.store.put_account(msgspec.structs.replace(row, state=state, failures=failures))

    def plan(self, name: str) -> PlanView:
        view: PlanView = SimpleNamespace(
            steps=iter([{"contact": 1}]), tally={"create": 1}, reasons=("leavers",), missing=()
        )
        return view

    def status(self) -> list[dict[str, Any]]:
        return [{"account": row.name, "state": row.state, "level": "ok"} for row in self.store.accounts()]

    def holds(self, name: str | None = None) -> list[dict[str, Any]]:
        return [{"account": name, "subject": "7"}]

    def approve(self, name: str) -> dict[str, Any]:
        return {"account": name, "approved": 3}

    def resolve(self, name: str, subject: str, choice: Mapping[str, Any]) -> dict[str, Any]:
        return {"account": name, "subject": subject, "choice": dict(choice)}

    def reload(self, config: Config) -> None:
        self.config = config
        self._register()

    def close(self) -> None:
        self.closed = True
        self.store.close()


def new_account(name: AccountName) -> AccountRow:
    return AccountRow(name, ACME, None, "new", "", (), "", (-1, -1), 0.0, 0.0, 0, {})


def row_of(app: ScriptedApp, name: str) -> AccountRow:
    row = app.store.account(AccountName(name))
    assert row is not None
    return row


def put_due(app: ScriptedApp, name: str, due: float) -> None:
    """Set when it is due, whatever stands there."""
    app.store.set_account_due(AccountName(name), due, row_of(app, name).next_due)


def source_due(app: ScriptedApp) -> float:
    return app.store.source(ACME, Side.CRM).next_due


def config_at(path: Path) -> Config:
    return load(path, {})
