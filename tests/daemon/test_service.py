"""The daemon as a process: what it tells systemd, what it answers, how it reloads and how it stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.world import write_config

ROOT = Path(__file__).parents[2]
WAIT = 60.0
Row = dict[str, Any]

pytestmark = pytest.mark.slow


class Daemon:
    """A running daemon: its process, the lines it logs, and what systemd hears of it."""

    def __init__(self, folder: Path, *accounts: str, **environ: str) -> None:
        self.folder = folder
        self.config = write_config(folder, *accounts, interval="1h")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(WAIT)
        self.events: list[Row] = []
        self.process = self.begin(**environ)

    def begin(self, **environ: str) -> subprocess.Popen[str]:
        known = {"NOTIFY_SOCKET": str(self.folder / "notify"), "PYTHONPATH": str(ROOT), **environ}
        command = [sys.executable, "-m", "tests.daemon.scripted_daemon", str(self.config)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, **known}, text=True)

    def restart(self) -> None:
        """Once it has ended: another one on the same folder."""
        self.close()
        self.process = self.begin()

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def heard(self, *wanted: str) -> str:
        """The next message to systemd that begins with one of these."""
        while True:
            message = self.manager.recv(4096).decode()
            if message.startswith(wanted or ("READY=1",)):
                return message

    def event(self, id: str) -> Row:
        """The next event of this id."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == id:
                return self.events[-1]
        pytest.fail(f"{id} never came; there were {self.events}")

    def ask(self, **request: Any) -> list[Row]:
        return list(self.replies(**request))

    def replies(self, **request: Any) -> Iterator[Row]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(WAIT)
            client.connect(str(self.folder / "control.sock"))
            client.sendall(json.dumps(request).encode() + b"\n")
            for line in client.makefile("rb"):
                yield json.loads(line)

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def code(self) -> int:
        """The exit code, once it has ended; the rest of its log is read."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
        return self.process.wait(WAIT)

    def end(self) -> None:
        self.manager.close()
        self.close()


Start = Callable[..., Daemon]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Daemon] = []

    def begin(*accounts: str, **environ: str) -> Daemon:
        started.append(Daemon(tmp_path, *accounts, **environ))
        return started[-1]

    yield begin
    for daemon in started:
        daemon.end()


def test_ready_is_said_when_everything_is(start: Start) -> None:
    """By then the socket answers, the lock is held and the state is open; the status line says how it is."""
    daemon = start("anna")
    assert daemon.heard("EXTEND_TIMEOUT_USEC=") == "EXTEND_TIMEOUT_USEC=60000000"
    assert "STATUS=1 account" in daemon.heard("READY=1")
    assert daemon.ask(command="status")[-1] == {"kind": "end"}
    assert (daemon.folder / "syncd.lock").read_text().startswith(f"{daemon.process.pid} run")


def test_what_is_due_runs_without_being_asked(start: Start) -> None:
    """A new account is due at once; its state changes with its first run."""
    daemon = start("anna")
    assert daemon.event("AC412")["account"] == "anna"


def test_the_watchdog_is_fed(start: Start) -> None:
    """Three times within what systemd allows."""
    daemon = start("anna", WATCHDOG_USEC="600000")
    for _time in range(3):
        assert daemon.heard("WATCHDOG=1") == "WATCHDOG=1"


def test_sigterm_ends_it_well(start: Start) -> None:
    """STOPPING, no socket left behind, exit code 0."""
    daemon = start("anna")
    daemon.heard("READY=1")
    daemon.tell(signal.SIGTERM)
    assert daemon.heard("STOPPING=1").startswith("STOPPING=1\nSTATUS=")
    assert daemon.code() == 0
    assert [event["event"] for event in daemon.events][-2:] == ["SD005", "SD006"]
    assert not (daemon.folder / "control.sock").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_under_way_comes_to_its_end(start: Start, number: signal.Signals) -> None:
    """It is told to stop after its current call; who asked for it gets its report."""
    daemon = start("hangs")
    daemon.heard("READY=1")
    replies = daemon.replies(command="sync", accounts=["hangs"])
    while next(replies).get("phase") != "reading Google":
        pass
    daemon.tell(number)
    assert [reply["row"]["outcome"] for reply in replies if reply["kind"] == "row"] == ["ok"]
    assert daemon.code() == 0
    assert next(event for event in daemon.events if event["event"] == "SD005")["waiting"] == 1


def test_a_second_signal_leaves_at_the_next_durable_step(start: Start) -> None:
    """A run that does not hear is left where it beats; the kernel frees the rest."""
    daemon = start("stuck")
    daemon.heard("READY=1")
    replies = daemon.replies(command="sync", accounts=["stuck"])
    while next(replies).get("phase") != "reading Google":
        pass
    daemon.tell(signal.SIGTERM)
    daemon.heard("STOPPING=1")
    daemon.tell(signal.SIGTERM)
    assert daemon.code() == 0


def test_sighup_takes_a_new_configuration(start: Start) -> None:
    """RELOADING with its time, then READY; the new account runs."""
    daemon = start("anna")
    daemon.heard("READY=1")
    write_config(daemon.folder, "anna", "bob")
    daemon.tell(signal.SIGHUP)
    assert daemon.heard("RELOADING=1").startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert "STATUS=2 accounts" in daemon.heard("READY=1")
    assert daemon.event("SD003")["changed"] == 1
    while daemon.event("AC412")["account"] != "bob":
        pass


def test_a_wrong_configuration_is_refused_and_the_old_one_stays(start: Start) -> None:
    """The status line and the event name the first problem; the daemon goes on as it was."""
    daemon = start("anna")
    daemon.heard("READY=1")
    daemon.config.write_text("[daemon]\ninterval = 5\n")
    daemon.tell(signal.SIGHUP)
    assert "refused" in daemon.heard("READY=1")
    assert daemon.event("SD004")["first"].startswith("daemon.interval")
    assert daemon.ask(command="status")[0]["row"]["account"] == "anna"


def test_another_state_needs_a_restart(start: Start) -> None:
    """A state cannot be swapped under running accounts."""
    daemon = start("anna")
    daemon.heard("READY=1")
    daemon.config.write_text('[state]\nurl = "sqlite:///other.db"\n' + daemon.config.read_text())
    [reply, end] = daemon.ask(command="reload")
    assert reply["row"]["reloaded"] is False
    assert reply["row"]["problems"][0]["suggestion"] == "restart it"
    assert end == {"kind": "end"}


def test_a_second_daemon_gives_up(start: Start) -> None:
    """At once, with the number of the first, and a code that is no configuration error."""
    first = start("anna")
    first.heard("READY=1")
    command = [sys.executable, "-m", "tests.daemon.scripted_daemon", str(first.config)]
    second = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=WAIT, check=False
    )
    assert second.returncode == 75
    assert json.loads(second.stdout.splitlines()[0])["pid"] == first.process.pid
    assert first.ask(command="status")[-1] == {"kind": "end"}


def test_after_kill_9_the_next_one_starts(start: Start) -> None:
    """The lock went with the process; the socket it left is replaced."""
    daemon = start("anna")
    daemon.heard("READY=1")
    daemon.tell(signal.SIGKILL)
    daemon.process.wait(WAIT)
    assert (daemon.folder / "control.sock").exists()
    daemon.restart()
    daemon.heard("READY=1")
    assert daemon.ask(command="status")[-1] == {"kind": "end"}


def _newer(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE installation SET version = 99, min_reader = 99")
    connection.close()


def _damaged(file: Path) -> None:
    file.write_bytes(b"no database" * 1000)


@pytest.mark.parametrize(("break_state", "event"), [(_newer, "DB602"), (_damaged, "DB602")])
def test_a_state_that_cannot_be_trusted_is_not_tried_again(
    start: Start, break_state: Callable[[Path], None], event: str
) -> None:
    """Newer, or damaged: 78, which the unit does not restart on."""
    daemon = start("anna")
    daemon.heard("READY=1")
    daemon.tell(signal.SIGTERM)
    assert daemon.code() == 0
    for companion in daemon.folder.glob("syncd.db-*"):
        companion.unlink()
    break_state(daemon.folder / "syncd.db")
    daemon.restart()
    assert daemon.code() == 78
    assert event in [line["event"] for line in daemon.events]


# ---------------------------------------------------------------------------------------------- what can be asked


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One daemon for all who only ask."""
    daemon = Daemon(tmp_path_factory.mktemp("asked"), "anna", "bob")
    daemon.heard("READY=1")
    yield daemon
    daemon.end()


def test_sync_reads_the_crm_anew_and_reports_each_account(asked: Daemon) -> None:
    """Progress first, then one row per account; the daemon's log says who asked."""
    replies = asked.ask(command="sync")
    assert replies[0]["phase"] == "reading the CRM"
    rows = [reply["row"] for reply in replies if reply["kind"] == "row"]
    assert sorted((row["account"], row["outcome"]) for row in rows) == [("anna", "ok"), ("bob", "ok")]
    assert replies[-1] == {"kind": "end"}
    while asked.event("SD012")["command"] != "sync":
        pass
    assert asked.events[-1]["uid"] == os.getuid()


@pytest.mark.parametrize(
    ("request_", "row"),
    [
        ({"command": "approve", "account": "anna"}, {"account": "anna", "approved": 3}),
        ({"command": "holds", "account": "anna"}, {"account": "anna", "subject": "7"}),
        (
            {"command": "resolve", "account": "anna", "subject": "7", "choice": {"leave": True}},
            {"account": "anna", "subject": "7", "choice": {"leave": True}},
        ),
        ({"command": "plan", "accounts": ["anna"]}, {"account": "anna", "step": {"contact": 1}}),
    ],
)
def test_what_people_decide_goes_through_the_daemon(asked: Daemon, request_: Row, row: Row) -> None:
    """The same answers as without a daemon."""
    replies = asked.ask(**request_)
    assert replies[0] == {"kind": "row", "row": row}
    assert replies[-1] == {"kind": "end"}


@pytest.mark.parametrize(
    "request_",
    [
        {"command": "sync", "accounts": ["nobody"]},
        {"command": "sync", "accounts": "anna"},
        {"command": "approve"},
        {"command": "resolve", "account": "anna", "subject": "7"},
        {"command": "erase"},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(asked: Daemon, request_: Row) -> None:
    """With a reason; nothing happens."""
    [reply] = asked.ask(**request_)
    assert (reply["kind"], reply["reason"]) == ("error", "usage")
    assert asked.event("SD013")["reason"] == reply["message"]
