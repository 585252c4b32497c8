"""The life of the daemon: lock, state, socket, schedule; then signals and supervision until it is told to stop."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import asdict
from types import FrameType

from syncd import log
from syncd.config import Config
from syncd.core.errors import ConfigError, MissingRight, Problem, Replan, RetryLater, StateCorrupt, SyncError
from syncd.daemon.asked import App, Row
from syncd.daemon.commands import Commands
from syncd.daemon.control import ControlSocket
from syncd.daemon.lanes import Lanes, Stopping
from syncd.daemon.lock import DAEMON, AlreadyRunning, only_instance
from syncd.daemon.notify import Notifier
from syncd.daemon.runs import Runs
from syncd.daemon.schedule import Schedule, status_line
from syncd.daemon.supervisor import Supervisor

OK, FAILED, LATER, NO_RIGHT, CONFIGURATION = 0, 1, 75, 77, 78
DRAIN = 30.0
"""Seconds for runs to come to the end of their current call. What is cut off then is recovered as after a kill."""
LOOK = 0.1
LOCK_PATIENCE = 60.0
"""Seconds a command that works on the same state is waited for."""

_log = log.get()


def serve(
    config: Config,
    load: Callable[[], Config],
    open_app: Callable[[Config], App],
    environ: Mapping[str, str] = os.environ,
) -> int:
    """The daemon, from its lock to its last word; returns the exit code. For the main thread of a process.

    `load` reads the configuration anew (SIGHUP); `open_app` opens the state and wires everything.
    Leaves the process where a run does not stop in time: a thread cannot be ended from outside.
    """
    notifier, inbox = Notifier.of(environ), Inbox()
    began = time.monotonic()
    with inbox.signals():
        code, abandoned = _guarded(config, load, open_app, notifier, inbox)
    _log.event("SD006", code=code, seconds=round(time.monotonic() - began))
    if abandoned:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _guarded(
    config: Config, load: Callable[[], Config], open_app: Callable[[Config], App], notifier: Notifier, inbox: Inbox
) -> tuple[int, bool]:
    """Run it; an early end is an event and a code. Also whether runs were left behind."""
    try:
        with only_instance(config.runtime_folder, DAEMON, LOCK_PATIENCE):
            notifier.status("opening the state")
            with notifier.slow_start():
                app = open_app(config)
            service = Service(app, load, notifier, inbox)
            with contextlib.closing(app):
                return service.run(), service.abandoned
    except AlreadyRunning as error:
        _log.event("SD008", pid=error.holder.pid)
        return LATER, False
    except SyncError as error:
        return _refused(error), False


def _refused(error: SyncError) -> int:
    """The start failed: say why, and the code by which the service manager knows whether to try again."""
    if isinstance(error, StateCorrupt):  # damaged, or of a newer version: trying again changes nothing
        _log.event("DB602", reason=str(error))
        return CONFIGURATION
    fix = getattr(error, "fix", None)
    _log.event("SD015", reason=error.reason, message=str(error), fix=fix)
    if isinstance(error, ConfigError):
        return CONFIGURATION
    if isinstance(error, MissingRight):
        return NO_RIGHT
    return LATER if isinstance(error, (RetryLater, Replan)) else FAILED


class Inbox:
    """What reaches the main thread: signals, requests to reload, a lost state."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[signal.Signals | Future[Row] | SyncError] = queue.SimpleQueue()

    def put(self, message: signal.Signals | Future[Row] | SyncError) -> None:
        self._queue.put(message)

    def wait(self, seconds: float) -> signal.Signals | Future[Row] | SyncError | None:
        try:
            return self._queue.get(timeout=seconds)
        except queue.Empty:
            return None

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Within the block SIGTERM, SIGINT and SIGHUP land here."""
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = {number: signal.signal(number, self._signalled) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        self._queue.put(signal.Signals(number))  # SimpleQueue may be put to from a signal handler, by its manual


class Service:
    """The parts, wired, and the loop of the main thread."""

    def __init__(self, app: App, load: Callable[[], Config], notifier: Notifier, inbox: Inbox) -> None:
        self._app, self._load, self._notifier, self._inbox = app, load, notifier, inbox
        self._stopping = False
        self.abandoned = False
        self._lanes = Lanes(app.config.daemon.workers, _fault)
        self._runs = Runs(app, self._lanes, lambda: self._stopping)
        self._supervisor = Supervisor(app.store, self._lanes, notifier)
        self._schedule = Schedule(app, self._runs, self._supervisor.beat, inbox.put, self._show_status)
        commands = Commands(app, self._runs, self._ask_reload)
        self._control = ControlSocket(app.config.control_socket, commands.answer)

    def run(self) -> int:
        """Serve until told to stop; the exit code."""
        self._control.open()
        code, why = FAILED, "fault"
        try:
            self._schedule.start()
            self._notifier.ready(self._status())
            _log.event("SD002", accounts=len(self._app.account_names()), pid=os.getpid())
            code, why = self._loop()
        finally:
            self._drain(why)
        return code

    def _loop(self) -> tuple[int, str]:
        """Supervise and answer until it is time to stop: the exit code, and why."""
        due = 0.0
        while True:
            if time.monotonic() >= due:
                self._supervise()
                due = time.monotonic() + self._supervisor.period
            message = self._inbox.wait(max(0.0, due - time.monotonic()))
            if isinstance(message, SyncError):
                _log.event("DB602", reason=str(message))
                return FAILED, message.reason
            if isinstance(message, Future):
                message.set_result(self._reload())
            elif message is signal.SIGHUP:
                self._reload()
            elif message is not None:
                return OK, message.name

    def _supervise(self) -> None:
        try:
            self._supervisor.check()
        except SyncError as error:
            self._inbox.put(error)

    # ------------------------------------------------------------------------------------------ reload

    def _ask_reload(self) -> Row:
        """Called by a request: the main thread reloads, and this one waits for what came of it."""
        if self._stopping:
            raise Stopping
        done: Future[Row] = Future()
        self._inbox.put(done)
        return done.result(timeout=DRAIN)

    def _reload(self) -> Row:
        """Take the new configuration whole, or keep the old one whole; either is said."""
        self._notifier.reloading()
        before = self._app.config
        try:
            config = self._load()
            _same_state(before, config)
            self._app.reload(config)
            self._lanes.resize(config.daemon.workers)
            self._schedule.arrange()
            status = self._status()
        except SyncError as error:
            problems = error.problems if isinstance(error, ConfigError) else (Problem(error.reason, str(error)),)
            first = f"{problems[0].key}: {problems[0].message}"
            _log.event("SD004", problems=len(problems), first=first)
            self._notifier.ready(f"new configuration refused, the old one stays: {first}")
            return {"reloaded": False, "problems": [asdict(problem) for problem in problems]}
        changed = _changed(before, config)
        _log.event("SD003", accounts=len(config.accounts), changed=changed)
        self._notifier.ready(status)
        return {"reloaded": True, "accounts": len(config.accounts), "changed": changed}

    # ------------------------------------------------------------------------------------------ status and stop

    def _status(self) -> str:
        return status_line(self._app.store.accounts(), frozenset(self._app.account_names()), time.time())

    def _show_status(self) -> None:
        self._notifier.status(self._status())

    def _drain(self, why: str) -> None:
        """Begin nothing more, let every run come to the end of its call, and let go of the socket."""
        self._stopping = True
        waiting = len(self._lanes.running())
        self._notifier.stopping(f"stopping: {waiting} runs finish what they are at")
        _log.event("SD005", reason=why, waiting=waiting)
        self._schedule.stop()
        self._lanes.close()
        self.abandoned = not self._emptied(time.monotonic() + DRAIN)
        self._control.close()

    def _emptied(self, until: float) -> bool:
        """Whether all runs ended in time. Told a second time, they are left at their next durable step."""
        hurried = None
        while not self._lanes.wait(LOOK):
            if time.monotonic() >= until:
                return False
            self._notifier.alive()  # for as long as this may last, and no longer
            message = self._inbox.wait(0)
            if isinstance(message, Future):
                message.set_exception(Stopping())
            elif message in (signal.SIGTERM, signal.SIGINT):
                hurried = hurried or time.monotonic()
            if hurried and all(job.beaten > hurried for job in self._lanes.running()):
                return not self._lanes.running()
        return True


def _fault(lane: str, error: BaseException) -> None:
    _log.event("SD010", part=lane, kind=type(error).__name__, exc=error)


def _same_state(before: Config, after: Config) -> None:
    """The state stays open over a reload. Raises ConfigError where another one is asked for."""
    if before.state != after.state:
        raise ConfigError((Problem("state", "cannot be changed while the daemon runs", "restart it"),))


def _changed(before: Config, after: Config) -> int:
    """How many accounts are new, gone, or written differently."""
    names = before.accounts.keys() | after.accounts.keys()
    return sum(before.accounts.get(name) != after.accounts.get(name) for name in names)
