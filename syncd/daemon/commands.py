"""What the running daemon can be asked for, and the replies: `progress` and `row`, as the command line prints them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from syncd.core.contact import AccountName, SourceId
from syncd.core.errors import SyncError
from syncd.daemon.asked import FAULT, App, ProgressEvent, Row, unstarted
from syncd.daemon.control import Mailbox, Refused
from syncd.daemon.lanes import Job
from syncd.daemon.runs import Runs

LOOK = 0.5
"""Seconds between two looks at runs that say nothing."""


class Commands:
    """Answers requests. `reload` reads the configuration anew, in the thread that owns it."""

    def __init__(self, app: App, runs: Runs, reload: Callable[[], Row]) -> None:
        self._app, self._runs, self._reload = app, runs, reload
        self._known: dict[str, Callable[[Row], Iterator[Row]]] = {
            "sync": self._sync,
            "status": lambda _request: map(_row, self._app.status()),
            "holds": lambda request: map(_row, self._app.holds(request.get("account"))),
            "plan": self._plan,
            "approve": self._approve,
            "resolve": self._resolve,
            "reload": lambda _request: iter((_row(self._reload()),)),
        }

    def answer(self, request: Row) -> Iterator[Row]:
        """The replies, as they come about. Raises the classes of `core.errors`."""
        command = self._known.get(request["command"])
        if command is None:
            raise Refused(f"the daemon knows no command {request['command']!r}")
        return command(request)

    def _names(self, request: Row) -> list[AccountName]:
        """The accounts asked for, each once; all where none is named. Raises Refused for a stranger."""
        configured = self._app.account_names()
        asked = request.get("accounts") or configured
        if not isinstance(asked, (list, tuple)):
            raise Refused("accounts must be a list of names")
        return [_known_account(name, configured) for name in dict.fromkeys(map(str, asked))]

    def _account(self, request: Row) -> AccountName:
        return _known_account(str(request.get("account", "")), self._app.account_names())

    # ------------------------------------------------------------------------------------------ sync

    def _sync(self, request: Row) -> Iterator[Row]:
        """Readings of the CRMs that begin from now on, then the runs; reports in the order in which runs end."""
        sources = {name: self._source_of(name) for name in self._names(request)}
        yield from (_progress("", "reading the CRM", message=source) for source in dict.fromkeys(sources.values()))
        mailbox, runs = Mailbox(), {}
        with self._runs.expecting(sources):
            readings = {source: self._runs.ask_reading(source) for source in dict.fromkeys(sources.values())}
            for name, source in sources.items():
                error = _trouble(readings[source])
                if error is not None:
                    yield _row(unstarted(name, error))
                else:
                    runs[name] = self._runs.ask_account(name, lambda event: mailbox.put(_shown(event)))
        yield from _followed(runs, mailbox)

    def _source_of(self, name: AccountName) -> SourceId:
        row = self._app.store.account(name)
        if row is None:
            raise Refused(f"account {name} is not in the state")
        return row.crm

    # ------------------------------------------------------------------------------------------ the others

    def _plan(self, request: Row) -> Iterator[Row]:
        for name in self._names(request):
            plan = self._app.plan(name)
            for step in plan.steps:
                yield _row({"account": name, "step": step})
            yield _row(
                {
                    "account": name,
                    "tally": dict(plan.tally),
                    "reasons": list(plan.reasons),
                    "missing": list(plan.missing),
                }
            )

    def _approve(self, request: Row) -> Iterator[Row]:
        name = self._account(request)
        yield _row(self._app.approve(name))
        self._runs.wake(name)

    def _resolve(self, request: Row) -> Iterator[Row]:
        name, choice = self._account(request), request.get("choice")
        if not isinstance(choice, dict):
            raise Refused("choice must be an object")
        yield _row(self._app.resolve(name, str(request.get("subject", "")), choice))
        self._runs.wake(name)


def _known_account(name: str, configured: tuple[AccountName, ...]) -> AccountName:
    if name not in configured:
        raise Refused(f"there is no account {name!r}; reload the daemon if it is new")
    return AccountName(name)


def _followed(runs: dict[AccountName, Job], mailbox: Mailbox) -> Iterator[Row]:
    """Progress as it comes, and each report once its run has ended."""
    for job in runs.values():
        job.result.add_done_callback(lambda _done: mailbox.put(None))
    while runs:
        reply = mailbox.get(LOOK)
        if reply is not None:
            yield reply
            continue
        for name in [name for name, job in runs.items() if job.result.done()]:
            yield _row(_report(name, runs.pop(name)))


def _report(name: AccountName, job: Job) -> Row:
    error = _trouble(job)
    if error is not None:
        return unstarted(name, error)
    report: Row = job.result.result()
    return report


def _trouble(job: Job) -> SyncError | None:
    """Wait for its end; what ended it early. What has no name is in the log already."""
    error = job.result.exception()
    return error if error is None or isinstance(error, SyncError) else FAULT


def _row(row: Row) -> Row:
    return {"kind": "row", "row": row}


def _shown(event: ProgressEvent) -> Row:
    return _progress(event.account, event.phase, event.done, event.total, event.message)


def _progress(account: str, phase: str, done: int = 0, total: int | None = None, message: str = "") -> dict[str, Any]:
    return {"kind": "progress", "account": account, "phase": phase, "done": done, "total": total, "message": message}
