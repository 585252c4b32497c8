"""The lock by which one syncd at a time serves a state on this machine. The kernel drops it with the process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from syncd.core.errors import Busy, Fatal

FILE = "syncd.lock"
DAEMON = "run"
"""The command that holds the lock for good; all others let go of it soon."""
PAUSE = 0.2


@dataclass(frozen=True)
class Holder:
    """Who holds the lock: its process, and the command it runs. `pid` 0: not known."""

    pid: int
    command: str


class AlreadyRunning(Busy):
    """Another syncd serves this state."""

    reason = "already_running"

    def __init__(self, holder: Holder) -> None:
        super().__init__(f"another syncd already serves this state: `syncd {holder.command}`, process {holder.pid}")
        self.holder = holder


@contextlib.contextmanager
def only_instance(
    folder: Path,
    command: str,
    patience: float = 0.0,
    wait: Callable[[float], object] = time.sleep,
) -> Iterator[None]:
    """Inside the block this process alone serves the state whose runtime folder this is.

    A command that holds the lock is waited for, `patience` seconds; a daemon is not. Raises AlreadyRunning.
    """
    file = _open(folder)
    try:
        _take(file, patience, wait)
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()} {command}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def _open(folder: Path) -> int:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as exc:
        raise Fatal(f"cannot open the lock {folder / FILE}: {exc.strerror}") from exc


def _take(file: int, patience: float, wait: Callable[[float], object]) -> None:
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(file)
            if patience <= 0 or holder.command == DAEMON:
                raise AlreadyRunning(holder) from None
        wait(PAUSE)
        patience -= PAUSE


def _holder(file: int) -> Holder:
    pid, _, command = os.pread(file, 200, 0).decode(errors="replace").strip().partition(" ")
    return Holder(int(pid), command) if pid.isdecimal() else Holder(0, command or "?")
