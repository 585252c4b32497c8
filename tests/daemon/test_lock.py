"""One syncd serves one state."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from syncd.daemon.lock import AlreadyRunning, only_instance

HOLDER = """
import sys
from pathlib import Path
from syncd.daemon.lock import only_instance
with only_instance(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_by(folder: Path, command: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    arguments = [sys.executable, "-c", HOLDER, str(folder), command]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


def test_a_second_instance_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    """The message names the process."""
    with (
        held_by(tmp_path, "run") as holder,
        pytest.raises(AlreadyRunning, match=str(holder.pid)) as refusal,
        only_instance(tmp_path, "run", 60.0, wait=_never),
    ):
        pytest.fail("two hold the lock")
    assert refusal.value.holder.pid == holder.pid


def test_a_short_command_is_waited_for(tmp_path: Path) -> None:
    """A `syncd sync` lets go of the lock soon; the daemon starts then."""
    with held_by(tmp_path, "sync") as holder:

        def ends(_seconds: float) -> None:
            holder.kill()
            holder.wait()

        with only_instance(tmp_path, "run", 60.0, wait=ends):
            assert (tmp_path / "syncd.lock").read_text() == f"{os.getpid()} run\n"


def test_a_command_that_goes_on_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    """Patience is counted by the pauses."""
    pauses: list[float] = []
    with (
        held_by(tmp_path, "sync"),
        pytest.raises(AlreadyRunning),
        only_instance(tmp_path, "run", 1.0, wait=pauses.append),
    ):
        pytest.fail("two hold the lock")
    assert sum(pauses) == pytest.approx(1.0, abs=0.25)


def test_a_killed_holder_leaves_no_lock_behind(tmp_path: Path) -> None:
    """The kernel drops it; the file that stays says nothing."""
    with held_by(tmp_path, "run") as holder:
        holder.kill()
        holder.wait()
        with only_instance(tmp_path, "run"):
            pass


def test_the_lock_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Another user cannot take it, and so cannot keep the daemon from starting."""
    with only_instance(tmp_path / "made", "run"):
        assert (tmp_path / "made" / "syncd.lock").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700


def _never(_seconds: float) -> None:
    pytest.fail("a daemon is waited for")
