"""What systemd hears, on a real datagram socket."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.daemon.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What listens at $NOTIFY_SOCKET."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(10)
        yield listener


def said(manager: socket.socket) -> list[str]:
    return manager.recv(4096).decode().split("\n")


def notifier(manager: socket.socket, **environ: str) -> Notifier:
    return Notifier.of({"NOTIFY_SOCKET": manager.getsockname(), **environ})


def test_ready_comes_with_a_status_of_one_line(manager: socket.socket) -> None:
    """A line break in the status cannot become another message."""
    notifier(manager).ready("2 accounts: ok\nREADY=0")
    assert said(manager) == ["READY=1", "STATUS=2 accounts: ok READY=0"]


def test_reloading_carries_the_monotonic_time(manager: socket.socket) -> None:
    """Without it a reload hangs until it times out; the time is not before the call."""
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier(manager).reloading()
    word, stamp = said(manager)
    assert word == "RELOADING=1"
    assert stamp.startswith("MONOTONIC_USEC=")
    assert int(stamp.partition("=")[2]) >= before


def test_a_slow_start_asks_for_more_time(manager: socket.socket) -> None:
    """At once, in microseconds, and no more after the block."""
    with notifier(manager).slow_start():
        assert said(manager) == ["EXTEND_TIMEOUT_USEC=60000000"]
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(4096)


def test_an_abstract_socket_is_understood() -> None:
    """`@name` is systemd's way to write it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0syncd-test-{os.getpid()}")
        listener.settimeout(10)
        Notifier.of({"NOTIFY_SOCKET": f"@syncd-test-{os.getpid()}"}).alive()
        assert said(listener) == ["WATCHDOG=1"]


def test_nobody_there_is_no_error(tmp_path: Path) -> None:
    """Outside systemd, or when its socket has gone, work goes on."""
    Notifier.of({}).alive()
    Notifier.of({"NOTIFY_SOCKET": str(tmp_path / "gone")}).alive()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "120000000"}, 120.0),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": str(os.getpid())}, 120.0),
        ({"WATCHDOG_USEC": "120000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_only(environ: dict[str, str], seconds: float | None) -> None:
    """A watchdog that is meant for another process, or none, is not fed."""
    assert Notifier.of(environ).watchdog == seconds
