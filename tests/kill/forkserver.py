"""Real syncd processes, forked from one that has everything loaded, that die by SIGKILL at the step they are told.

When the server process forks, it has no database open and no thread. Each child opens the program on a configuration
and syncs as often as it is asked. It counts its own steps: every commit of the state and every request of the adapters'
transport, just before each and just after, so that a new step is counted on the day it is written.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Never, Self
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
MODULES = (
    *("syncd.app", "syncd.config.load", "state.migrate", "sqlalchemy.dialects.sqlite"),
    *("sqlalchemy.dialects.postgresql", "psycopg", "googleapiclient.discovery", "phonenumbers"),
)
LONGEST = 1 << 16
"""Bytes that a pipe takes and gives at once; an order is far shorter."""
Json = dict[str, Any]


@dataclass(frozen=True)
class At:
    """The `step`-th of the steps, counted from 1.

    `every`: all of them. Otherwise only those between which something lasting happens: before each commit and before
    each request that writes. Just after one of them, and around requests that read, the world is no other.
    """

    step: int
    every: bool


@dataclass(frozen=True)
class Ran:
    """What one sync did: its reports and durable steps by name, or the step before or after which it died."""

    reports: tuple[Json, ...]
    steps: tuple[str, ...]
    died: str | None


class Crashed(Exception):
    """The child ended by itself, with this traceback."""


class ForkServer:
    """The loaded process. Close it when done."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.kill.forkserver"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    @contextlib.contextmanager
    def syncd(self, config: Path, environ: Mapping[str, str], offset: float, at: At | None) -> Iterator[Child]:
        """A syncd on this configuration whose clock is off by so much, and that dies at that step."""
        when = None if at is None else asdict(at)
        self.say({"config": str(config), "environ": dict(environ), "offset": offset, "at": when})
        child = Child(self, self.hear()["pid"])
        try:
            yield child
        finally:
            child.end()

    def warm(self, config: Path, environ: Mapping[str, str], offset: float) -> None:
        """Sync once in the server itself, so that its children find lazy modules loaded and statements compiled."""
        self.say({"warm": True, "config": str(config), "environ": dict(environ), "offset": offset, "at": None})
        told = self.hear()
        if told:
            raise Crashed(told["crashed"])

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.wait(timeout=30)

    def say(self, message: Json) -> None:
        _pipe(self._process.stdin).write(json.dumps(message).encode() + b"\n")

    def hear(self) -> Json:
        line = _pipe(self._process.stdout).readline()
        if not line:
            raise EOFError("the fork server is gone")
        told: Json = json.loads(line)
        return told

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Child:
    """One syncd process."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self._server, self.pid = server, pid
        self._ended = False

    def sync(self, meanwhile: Callable[[], None] = lambda: None) -> Ran:
        """One sync of all accounts; `meanwhile` is called when it has begun. Raises `Crashed`."""
        self._server.say({"ask": "sync"})
        meanwhile()
        last = ""
        while True:
            told = self._server.hear()
            if "reports" in told:
                return Ran(tuple(told["reports"]), tuple(told["steps"]), None)
            if "ended" in told:
                self._ended = True
                return Ran((), (), last or f"signal {-told['ended']}")
            if "crashed" in told:
                self._wait()
                raise Crashed(told["crashed"])
            last = told["dies"]

    def kill(self) -> None:
        """SIGKILL, wherever it is."""
        os.kill(self.pid, signal.SIGKILL)  # the server has not reaped it before `sync` or `end` heard so

    def end(self) -> None:
        """Let it close its state and go."""
        if not self._ended:
            self._server.say({"ask": "end"})
            self._wait()

    def _wait(self) -> None:
        while "ended" not in self._server.hear():
            pass
        self._ended = True


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise RuntimeError("the fork server has no pipes")
    return pipe


# -------------------------------------------------------------------------------------------- in the processes


class Wall:
    """This machine's clock as the processes see it. In place before anything that keeps a `time.time` is loaded."""

    def __init__(self) -> None:
        self.real, self.offset = time.time, 0.0
        time.time = self.now

    def now(self) -> float:
        return self.real() + self.offset


class Line:
    """The pipe to the test, shared by the server and the one child that lives: who waits does not read.

    Read by whole messages: a child that dies while it reads takes one with it, and never a half.
    """

    def __init__(self, hears: int, says: int) -> None:
        self._hears, self._says = hears, says
        self._waiting: list[bytes] = []

    def say(self, message: Json) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self._says, data) :]

    def hear(self) -> Json | None:
        if not self._waiting:
            self._waiting = os.read(self._hears, LONGEST).splitlines()
        return json.loads(self._waiting.pop(0)) if self._waiting else None


class Countdown:
    """Names all steps, and dies at one of them."""

    def __init__(self, at: At | None, line: Line) -> None:
        self._at, self._line = at, line
        self._left = 0 if at is None else at.step
        self.steps: list[str] = []

    def tick(self, what: str, *, lasting: bool) -> None:
        self.steps.append(what)
        if self._at is None or not (lasting or self._at.every):
            return
        self._left -= 1
        if not self._left:
            self._line.say({"dies": what})
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Count the commits of every database and the requests of every transport of this process."""
        from adapters.http import HttpTransport
        from state.database import PostgresDatabase, SqliteDatabase

        _replace(HttpTransport, "send", self._counted_send)
        for kind in (SqliteDatabase, PostgresDatabase):
            _replace(kind, "write", self._counted_write)

    def _counted_send(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def send(transport: object, method: str, url: str, headers: object, body: bytes | None, timeout: float) -> Any:
            what = f"{method} {urlsplit(url).path}"
            self.tick(f"before {what}", lasting=_writes(method, body))
            reply = real(transport, method, url, headers, body, timeout)
            self.tick(f"after {what}", lasting=False)
            return reply

        return send

    def _counted_write(self, real: Callable[..., Any]) -> Callable[..., Any]:
        @contextlib.contextmanager
        def write(database: object) -> Iterator[Any]:
            caller = sys._getframe(2).f_code.co_name  # noqa: SLF001 - the store's method, past `contextlib`
            with real(database) as connection:
                yield connection
                self.tick(f"before the commit of {caller}", lasting=True)
            self.tick(f"after the commit of {caller}", lasting=False)

        return write


def _writes(method: str, body: bytes | None) -> bool:
    """Whether a request may change something; a batch does not where all its parts are GETs."""
    if method == "GET" or body is None:
        return False
    try:
        parts = json.loads(body).get("requests")
    except (ValueError, AttributeError):
        return True
    return parts is None or any(part["method"] != "GET" for part in parts)


def _replace(owner: type, name: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    setattr(owner, name, wrap(getattr(owner, name)))


def serve() -> None:
    """Take orders until the other end closes."""
    wall = Wall()
    line = _own_line()
    import importlib

    for name in MODULES:
        importlib.import_module(name)
    _compile_once()
    while (order := line.hear()) is not None:
        if "ask" in order:  # its child died before it could hear it
            continue
        if "warm" in order:
            line.say(_warm(order, wall))
            continue
        pid = os.fork()
        if pid == 0:
            _be_syncd(order, wall, line)
        _found, status = os.waitpid(pid, 0)
        line.say({"ended": os.waitstatus_to_exitcode(status)})


def _own_line() -> Line:
    """The pipes, moved to where nothing else writes by accident."""
    line = Line(os.dup(0), os.dup(1))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return line


def _warm(order: Json, wall: Wall) -> Json:
    """What a child does, without dying of it. Whatever it opened is closed again before the next fork."""
    from syncd.app import App
    from syncd.config import load

    try:
        wall.offset = order["offset"]
        with App.open(load(Path(order["config"]), order["environ"])) as app:
            list(app.sync())
        gc.collect()
        gc.freeze()  # what is shared with the children is not looked through, and so not copied, by each of them
    except Exception:  # noqa: BLE001 - the test must hear of it
        return {"crashed": traceback.format_exc()}
    return {}


class _Statements(dict[Any, Any]):
    """SQLAlchemy's compiled statements under keys that name the kind of the dialect, not the object of one engine."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__((type(key[0]), *key[1:]), compiled)


def _compile_once() -> None:
    """One cache of compiled statements for all engines to come, those of the children too."""
    import sqlalchemy as sa

    real, cache = sa.create_engine, _Statements()

    def create_engine(*args: Any, **how: Any) -> sa.Engine:
        return real(*args, execution_options={"compiled_cache": cache}, **how)

    sa.create_engine = create_engine


def _be_syncd(order: Json, wall: Wall, line: Line) -> Never:
    """In the child: syncd on this configuration, until it is told to end or dies."""
    code = 1
    try:
        wall.offset = order["offset"]
        random.seed()
        os.environ.clear()
        os.environ.update(order["environ"])
        line.say({"pid": os.getpid()})
        countdown = Countdown(None if order["at"] is None else At(**order["at"]), line)
        countdown.watch()
        _obey(Path(order["config"]), countdown, line)
        code = 0
    except BaseException:  # noqa: BLE001 - whatever it is, the test must hear of it
        line.say({"crashed": traceback.format_exc()})
    finally:
        os._exit(code)


def _obey(config: Path, countdown: Countdown, line: Line) -> None:
    from syncd.app import App
    from syncd.config import load

    app, told = None, 0
    while (order := line.hear()) is not None and order["ask"] == "sync":
        app = app or App.open(load(config, os.environ))
        reports = [report.as_json() for report in app.sync()]
        line.say({"reports": reports, "steps": countdown.steps[told:]})
        told = len(countdown.steps)
    if app is not None:
        app.close()


if __name__ == "__main__":
    serve()
