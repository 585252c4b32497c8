"""`syncd demo` as its audience meets it: the story comes out as told, it notices when it does not, nothing stays."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 100.0

pytestmark = pytest.mark.slow


def environ(folder: Path) -> dict[str, str]:
    """The environment of a story whose traces are all in or about this folder."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SYNCD_", "STATE_", "RUNTIME_"))}
    return clean | {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def left_running(folder: Path) -> list[str]:
    """Processes that were started with this folder in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(folder) in (place / "environ").read_bytes():
                found.append(f"{place.name}: {(place / 'cmdline').read_bytes()!r}")
        except OSError:
            continue
    return found


def played(folder: Path, *command: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, JSON lines and standard error of a whole story."""
    done = subprocess.run(
        [sys.executable, *command], env=environ(folder), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@contextmanager
def playing(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A story in a process group of its own, as a terminal starts it."""
    command = [sys.executable, "-m", "syncd", "demo", *options]
    with subprocess.Popen(
        command,
        env=environ(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """The line of its output that has this text."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    pytest.fail(f"the story ended before {text!r}")


def interrupt(process: subprocess.Popen[str]) -> int:
    """Press Ctrl-C: the terminal sends SIGINT to the whole group; the exit code."""
    os.killpg(process.pid, signal.SIGINT)
    return process.wait(PATIENCE)


def test_whole_story_comes_out_as_told_and_leaves_nothing(tmp_path: Path) -> None:
    """Every check of every scene holds, no contact was deleted by syncd, and no process or file is left."""
    code, rows, errors = played(tmp_path, "-m", "syncd", "demo", "--json")
    *scenes, summary = rows
    failed = [
        (row["scene"], row.get("trouble"), [c for c in row["checks"] if not c["ok"]]) for row in scenes if not row["ok"]
    ]
    assert (failed, code, errors) == ([], 0, "")
    assert [row["scene"] for row in scenes] == list(range(1, 12))
    assert all(row["checks"] for row in scenes)
    assert summary["ok"]
    assert summary["deleted"] == {"crm": 0, "google": 0}
    assert min(summary["requests"].values()) > 0
    assert list(tmp_path.iterdir()) == []
    assert left_running(tmp_path) == []


def test_story_that_goes_wrong_says_so_goes_on_and_fails(tmp_path: Path) -> None:
    """Twins made behind syncd's back are noticed in their scene; the next one is played; the exit code is 1."""
    code, rows, _errors = played(tmp_path, str(Path(__file__).with_name("meddled.py")))
    *scenes, summary = rows
    assert [row["ok"] for row in scenes] == [True, True, False, True]
    assert [c["claim"] for c in scenes[2]["checks"] if not c["ok"]][-1] == "she is there once, and there is no twin"
    assert (summary["ok"], summary["failed"], code) == (False, [3], 1)
    assert left_running(tmp_path) == []


@pytest.mark.parametrize("moment", ["syncd connect anna", " 3  Contacts moved", "adds Chidi"])
def test_ctrl_c_leaves_nothing_running(tmp_path: Path, moment: str) -> None:
    """Stopped while it connects, between runs, or inside a request that hangs: exit 130, no process, no folder."""
    with playing(tmp_path) as process:
        read_until(process, moment)
        assert interrupt(process) == 130
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_kept_stage_can_be_played_on_until_ctrl_c(tmp_path: Path) -> None:
    """With --keep an edit crosses over the addresses it printed; Ctrl-C then ends servers and daemon, code 0."""
    with playing(tmp_path, "--keep", "--json") as process:
        places = json.loads(read_until(process, '"config"'))
        for page in ("google", "crm"):
            assert b"Maria Okafor" in urllib.request.urlopen(places[page], timeout=PATIENCE).read()
        dump = json.load(urllib.request.urlopen(places["google"] + "_sandbox/dump", timeout=PATIENCE))
        person = next(p for u in dump["users"] for p in u["contacts"] if p["names"][0]["displayName"] == "Maria Okafor")
        number = "+1 202 555 0190"
        body = {"email": "anna@example.com", "resourceName": person["resourceName"]}
        edit = json.dumps(body | {"fields": {"phoneNumbers": [{"value": number, "type": "mobile"}]}}).encode()
        urllib.request.urlopen(places["google"] + "_sandbox/contacts/edit", edit, timeout=PATIENCE).close()
        synced = [sys.executable, "-m", "syncd", "--config", places["config"], "sync", "anna"]
        subprocess.run(synced, env=environ(tmp_path), capture_output=True, timeout=PATIENCE, check=True)
        assert number.encode() in urllib.request.urlopen(places["crm"] + "dump", timeout=PATIENCE).read()
        assert interrupt(process) == 0
    assert left_running(tmp_path) == []
    assert Path(places["log"]).exists()
    for page in ("google", "crm"):
        address = urlsplit(places[page])
        with (
            pytest.raises(ConnectionRefusedError),
            socket.create_connection((address.hostname or "", address.port or 0)),
        ):
            pass


def test_output_without_unicode_is_still_whole(tmp_path: Path) -> None:
    """Where standard output has no check marks, words and plain signs stand in, and nothing fails."""
    code = (
        "from syncd.cli.demo.telling import Page, Told\nfrom syncd.cli.demo.sight import Sight\n"
        "page = Page()\npage.scene(Told(1, 'Zoë', 'arrives'))\n"
        "now = Sight('contact', ('CRM',), {'Zoë': ('tagged',)})\n"
        "page.sight('after', now, Sight('contact', ('CRM',), {}))\npage.check('she is there', ok=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environ(tmp_path) | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
    )
    assert b"> tagged" in done.stdout
    assert b"  ok she is there" in done.stdout
    assert b"\x1b" not in done.stdout
