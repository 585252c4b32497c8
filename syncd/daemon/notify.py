"""What the daemon tells systemd: ready, status, reloading, stopping, alive. The protocol of sd_notify, by hand."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Self

MICRO = 1_000_000
EXTENSION = 60.0
"""Seconds asked for at a time while the start takes long."""
LONGEST_START = 3600.0
"""Seconds: no start is granted more, so that one that hangs is noticed."""


class Notifier:
    """Sends to the service manager; says nothing where there is none. Never raises: a deaf manager stops no work."""

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog = watchdog
        """Seconds of silence after which the manager restarts us; None where it does not watch."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """As the environment of a service tells it."""
        mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        given = environ.get("WATCHDOG_USEC", "")
        watchdog = int(given) / MICRO if mine and given.isdecimal() and int(given) else None
        return cls(environ.get("NOTIFY_SOCKET", ""), watchdog)

    def ready(self, status: str) -> None:
        """Up, or done with reloading."""
        self._send("READY=1", _status(status))

    def status(self, text: str) -> None:
        self._send(_status(text))

    def reloading(self) -> None:
        """The time stamp is not optional: without it newer systemds wait for the reload until they time out."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self, status: str) -> None:
        self._send("STOPPING=1", _status(status))

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def _extend(self, seconds: float) -> None:
        self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * MICRO)}")

    @contextlib.contextmanager
    def slow_start(self) -> Iterator[None]:
        """Within the block (the state is being migrated) the manager is asked for more time, again and again."""
        over = threading.Event()

        def ask() -> None:
            until = time.monotonic() + LONGEST_START
            self._extend(EXTENSION)
            while not over.wait(EXTENSION / 3) and time.monotonic() < until:
                self._extend(EXTENSION)

        asking = threading.Thread(target=ask, name="slow start", daemon=True)
        asking.start()
        try:
            yield
        finally:
            over.set()
            asking.join()

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock,
        ):
            sock.connect(self._address)
            sock.sendall("\n".join(lines).encode())


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}"
