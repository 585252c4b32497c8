"""Starts syncd processes quickly: one process has the program's modules loaded and forks a child for each command.

A child is a process like any other, with its own arguments, environment, files and end; only the loading is shared.
Nothing of syncd has run before the fork.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MODULES = (
    *("syncd.app", "syncd.daemon.service", "syncd.cli.service", "syncd.cli.sync", "syncd.cli.accounts"),
    *("syncd.cli.holds", "state.migrate", "alembic.command", "sqlalchemy.dialects.sqlite", "googleapiclient.discovery"),
)
FAULT = 70
FILE_LIMIT = "_NURSERY_FILE_LIMIT"
"""In a command's environment: the size in bytes beyond which no file of it may grow."""


class Nursery:
    """The loaded process. Close it when done."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.e2e.nursery"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, args: Sequence[str], env: Mapping[str, str], stdout: Path, stderr: Path, stdin: Path | None) -> int:
        """A new `syncd ARGS…`; its process id."""
        order = {"args": list(args), "env": dict(env), "stdout": str(stdout), "stderr": str(stderr)}
        return int(self._ask(order | {"stdin": str(stdin or os.devnull)}))

    def ended(self, pid: int) -> int | None:
        """The exit code of a child (minus the signal that ended it), None while it lives."""
        code: int | None = self._ask({"ended": pid})
        return code

    def wait(self, pid: int, seconds: float) -> int:
        """Wait for its end. Raises TimeoutError."""
        until = time.monotonic() + seconds
        while (code := self.ended(pid)) is None:
            if time.monotonic() > until:
                raise TimeoutError(f"process {pid} did not end within {seconds} s")
            time.sleep(0.01)
        return code

    def close(self) -> None:
        if self._process.stdin is not None and self._process.stdout is not None:
            self._process.stdin.close()
            self._process.wait(timeout=30)
            self._process.stdout.close()

    def _ask(self, order: Mapping[str, Any]) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the nursery has no pipes")
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        return json.loads(stdout.readline())


def serve() -> None:
    """Take orders until the other end closes."""
    import importlib

    for name in MODULES:
        importlib.import_module(name)
    codes: dict[int, int] = {}
    for line in sys.stdin:
        order = json.loads(line)
        if "ended" in order:
            _say(_look_after(order["ended"], codes))
            continue
        pid = os.fork()
        if pid == 0:
            _become(order)
        _say(pid)


def _say(answer: int | None) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _look_after(pid: int, codes: dict[int, int]) -> int | None:
    if pid not in codes:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            codes[pid] = os.waitstatus_to_exitcode(status)
    return codes.get(pid)


def _become(order: dict[str, Any]) -> None:
    """In the child: be that command, and nothing of the process it came from."""
    code = FAULT
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, name, flags in (
            (0, "stdin", os.O_RDONLY),
            (1, "stdout", os.O_WRONLY | os.O_CREAT | os.O_APPEND),
            (2, "stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        ):
            os.dup2(os.open(order[name], flags, 0o600), number)
        os.environ.clear()
        os.environ.update(order["env"])
        _limit_files(os.environ.pop(FILE_LIMIT, ""))
        random.seed()
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - the child's own, until its end
        sys.argv = ["syncd", *order["args"]]
        from syncd.__main__ import main

        code = main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else FAULT
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _limit_files(size: str) -> None:
    """Let no file grow beyond this: to SQLite that is a full disk."""
    if size:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))


if __name__ == "__main__":
    serve()
