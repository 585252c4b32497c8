"""Commands beside a running daemon: they ask it over its socket and leave the state alone."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Shell, rows

NEVER = {"open": {"raise": ["AssertionError", "the state was opened beside the daemon"]}}
END = {"kind": "end"}
REPORT = {"account": "anna", "outcome": "ok", "requests": {"crm": 3, "google": 1}}
Daemon = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def daemon(shell: Shell) -> Iterator[Daemon]:
    """Starts a daemon's socket that gives these replies to every request; returns the requests as they come."""
    with ExitStack() as stack:

        def start(*replies: dict[str, Any], path: Path | None = None) -> list[dict[str, Any]]:
            listening = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            path = path or shell.folder / "control.sock"
            folder = os.open(path.parent, os.O_PATH)
            listening.bind(f"/proc/self/fd/{folder}/{path.name}")
            os.close(folder)
            listening.listen()
            requests: list[dict[str, Any]] = []
            threading.Thread(target=serve, args=(listening, replies, requests), daemon=True).start()
            return requests

        yield start


def serve(listening: socket.socket, replies: tuple[dict[str, Any], ...], requests: list[dict[str, Any]]) -> None:
    """Answer until the socket is closed."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        with connection, connection.makefile("rwb") as stream:
            if line := stream.readline():
                requests.append(json.loads(line))
                for reply in replies:
                    stream.write(json.dumps(reply).encode() + b"\n")


def row(content: dict[str, Any]) -> dict[str, Any]:
    """A reply that holds a row."""
    return {"kind": "row", "row": content}


def test_sync_asks_the_daemon_and_shows_its_reports(shell: Shell, daemon: Daemon) -> None:
    """With a daemon, `sync` opens no state: the daemon runs, and its reports are printed as our own would be."""
    progress = {"kind": "progress", "account": "anna", "phase": "reading", "done": 1, "total": None, "message": ""}
    requests = daemon(progress, row(REPORT), row({"account": "ben", "outcome": "held"}), END)
    done = shell.scripted(NEVER, "sync", "anna", "--json")
    assert done.returncode == 2
    assert rows(done)[0] == REPORT
    assert requests == [{"command": "sync", "accounts": ["anna"]}]


@pytest.mark.parametrize(
    ("arguments", "request_sent"),
    [
        (["approve", "anna"], {"command": "approve", "account": "anna"}),
        (
            ["resolve", "anna", "42", "--link", "a"],
            {"command": "resolve", "account": "anna", "subject": "42", "choice": {"link": "a"}},
        ),
        (["holds", "anna"], {"command": "holds", "account": "anna"}),
        (["plan", "anna"], {"command": "plan", "accounts": ["anna"]}),
        (["status"], {"command": "status"}),
    ],
)
def test_command_is_passed_to_the_daemon(
    shell: Shell, daemon: Daemon, arguments: list[str], request_sent: dict[str, Any]
) -> None:
    """Decisions and questions go to the daemon, and its rows come out."""
    requests = daemon(row({"account": "anna", "level": "ok", "step": {}}), END)
    done = shell.scripted(NEVER, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    assert rows(done)[0]["account"] == "anna"
    assert requests == [request_sent]


@pytest.mark.parametrize(
    ("reply", "code", "sentence"),
    [
        ({"kind": "error", "reason": "missing_right", "message": "no right", "fix": "grant it"}, 77, "grant it"),
        ({"kind": "error", "reason": "needs_human", "message": "no plan is held", "fix": ""}, 1, "no plan is held"),
        ({"kind": "error", "reason": "busy", "message": "later", "fix": ""}, 75, "later"),
    ],
)
def test_error_of_the_daemon_is_ours(
    shell: Shell, daemon: Daemon, reply: dict[str, Any], code: int, sentence: str
) -> None:
    """What the daemon cannot do ends with the same code and sentence as here."""
    daemon(reply)
    done = shell.scripted(NEVER, "approve", "anna")
    assert done.returncode == code
    assert sentence in done.stderr


def test_answer_cut_short_is_temporary(shell: Shell, daemon: Daemon) -> None:
    """A daemon that dies in the middle is not taken for one that has finished."""
    daemon(row(REPORT))
    done = shell.scripted(NEVER, "sync")
    assert done.returncode == 75
    assert "before its answer was whole" in done.stderr


def test_socket_without_a_daemon_is_no_daemon(shell: Shell) -> None:
    """A socket that a killed daemon left behind does not keep the command from working."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(shell.folder / "control.sock"))
    done = shell.scripted({"reports": [{"account": "anna", "outcome": "ok"}]}, "sync", "--json")
    assert done.returncode == 0, done.stderr


def test_socket_in_the_runtime_folder_is_found_however_long_its_path(shell: Shell, daemon: Daemon) -> None:
    """$RUNTIME_DIRECTORY says where the socket is; a path too long for an address is no obstacle."""
    folder = shell.folder / ("x" * 120)
    folder.mkdir()
    requests = daemon(END, path=folder / "control.sock")
    assert shell.scripted(NEVER, "status", RUNTIME_DIRECTORY=str(folder)).returncode == 0
    assert requests == [{"command": "status"}]
