"""Alive is said only when everything is."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from state.store import SqlStore
from syncd.daemon.lanes import Job, Lanes
from syncd.daemon.notify import Notifier
from syncd.daemon.supervisor import TICK_SILENCE, Supervisor

WAIT = 30.0


class Clock:
    """The uptime, moved by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        yield listener


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = SqlStore.open(f"sqlite:///{tmp_path / 'syncd.db'}")
    yield opened
    opened.close()


@pytest.fixture
def lanes() -> Iterator[Lanes]:
    made = Lanes(2, lambda lane, error: pytest.fail(f"{lane}: {error}"))
    yield made
    made.close()
    assert made.wait(WAIT)


def supervisor(manager: socket.socket, store: SqlStore, lanes: Lanes, clock: Clock) -> Supervisor:
    return Supervisor(store, lanes, Notifier(manager.getsockname(), 120.0), clock)


def heard(manager: socket.socket) -> bool:
    try:
        return manager.recv(100) == b"WATCHDOG=1"
    except BlockingIOError:
        return False


def test_all_parts_alive_feed_the_watchdog(manager: socket.socket, store: SqlStore, lanes: Lanes) -> None:
    """Three times within what the manager allows."""
    watch = supervisor(manager, store, lanes, Clock())
    assert watch.check()
    assert heard(manager)
    assert watch.period == 30.0


def test_a_schedule_that_is_silent_withholds_it(manager: socket.socket, store: SqlStore, lanes: Lanes) -> None:
    """Until it beats again."""
    clock = Clock()
    watch = supervisor(manager, store, lanes, clock)
    clock.ahead = TICK_SILENCE + 1
    assert not watch.check()
    assert not heard(manager)
    watch.beat()
    assert watch.check()
    assert heard(manager)


def test_a_run_that_is_silent_too_long_withholds_it(manager: socket.socket, store: SqlStore, lanes: Lanes) -> None:
    """Each job has its own patience; the name of the one that hangs is told."""
    clock, begun, let_go = Clock(), threading.Event(), threading.Event()

    def work(_job: Job) -> None:
        begun.set()
        assert let_go.wait(WAIT)

    watch = supervisor(manager, store, lanes, clock)
    lanes.offer("account anna", work, 60)
    assert begun.wait(WAIT)
    assert watch.check()
    clock.ahead = 61
    try:
        assert [late.part for late in watch.late()] == ["account anna"]
        assert not watch.check()
    finally:
        let_go.set()


def test_a_state_that_is_lost_reaches_the_caller(
    tmp_path: Path, manager: socket.socket, store: SqlStore, lanes: Lanes
) -> None:
    """A broken database is not alive; a busy one is."""
    from syncd.core.errors import Fatal

    file = tmp_path / "syncd.db"
    store.close()
    file.write_bytes(b"this is no database" * 500)
    watch = supervisor(manager, store, lanes, Clock())
    with pytest.raises(Fatal):
        watch.check()
    assert not heard(manager)
