"""The control socket, asked as the command line asks it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.core.errors import Unavailable
from syncd.daemon.control import LONGEST_REQUEST, ControlSocket, Mailbox, Refused

Row = dict[str, Any]
NOBODY = 65534


def answer(request: Row) -> Iterator[Row]:
    if request["command"] == "fail":
        raise Unavailable("the server is away")
    if request["command"] == "half":
        yield {"kind": "row", "row": {"n": 1}}
        raise Refused("no more")
    yield {"kind": "row", "row": request}


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    server = ControlSocket(tmp_path / "control.sock", answer)
    server.open()
    yield tmp_path / "control.sock"
    server.close()


def ask(path: Path, line: bytes) -> list[Row]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(30)
        client.connect(str(path))
        client.sendall(line)
        return [json.loads(reply) for reply in client.makefile("rb")]


def test_a_request_gets_its_rows_and_an_end(path: Path) -> None:
    """One object a line, in the order they came about."""
    assert ask(path, b'{"command":"status"}\n') == [
        {"kind": "row", "row": {"command": "status"}},
        {"kind": "end"},
    ]


def test_an_error_with_a_name_is_told_with_its_reason(path: Path) -> None:
    """Also in the middle of an answer."""
    [error] = ask(path, b'{"command":"fail"}\n')
    assert (error["kind"], error["reason"], error["message"]) == ("error", "unavailable", "the server is away")
    assert [reply["kind"] for reply in ask(path, b'{"command":"half"}\n')] == ["row", "error"]


@pytest.mark.parametrize(
    "line", [b"{\n", b"[]\n", b"{}\n", b'{"command":3}\n', b"\xff\n", b"x" * (LONGEST_REQUEST + 10)]
)
def test_nonsense_is_refused_and_the_next_one_is_served(path: Path, line: bytes) -> None:
    """Whatever comes in, the daemon lives."""
    [error] = ask(path, line)
    assert error["reason"] == "usage"
    assert ask(path, b'{"command":"status"}\n')[-1] == {"kind": "end"}


def test_the_socket_is_for_its_owner_alone(path: Path) -> None:
    """Mode 0600 from the first moment, under any umask."""
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become somebody else")
def test_another_user_is_refused_by_the_kernels_word(path: Path) -> None:
    """Even where the modes would let it in: the kernel says who asks."""
    path.chmod(0o666)
    script = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
        's.sendall(b\'{"command":"status"}\\n\'); print(s.makefile().read())'
    )
    for folder in path.parents:
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
    command = ["/usr/bin/env", "python3", "-c", script, str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, user=NOBODY, group=NOBODY, extra_groups=()
    )
    assert "only root" in done.stdout, done.stderr


def test_a_long_path_can_be_listened_at(tmp_path: Path) -> None:
    """A socket's address is short; a folder's path need not be."""
    folder = tmp_path / ("deep" * 30)
    folder.mkdir()
    server = ControlSocket(folder / "control.sock", answer)
    server.open()
    held = os.open(folder, os.O_PATH)
    try:
        assert ask(Path(f"/proc/self/fd/{held}/control.sock"), b'{"command":"status"}\n')[-1] == {"kind": "end"}
    finally:
        os.close(held)
        server.close()


def test_a_client_that_leaves_is_no_harm(path: Path) -> None:
    """It is there, says nothing, goes; others are served meanwhile and afterwards."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as silent:
        silent.connect(str(path))
        assert ask(path, b'{"command":"status"}\n')[-1] == {"kind": "end"}
    assert ask(path, b'{"command":"status"}\n')[-1] == {"kind": "end"}


def test_a_reader_that_does_not_read_delays_nobody() -> None:
    """Progress that nobody takes is dropped; the run that tells it goes on."""
    mailbox = Mailbox(3)

    def tell() -> None:
        for n in range(100):
            mailbox.put({"done": n})

    teller = threading.Thread(target=tell)
    teller.start()
    teller.join(30)
    assert not teller.is_alive()
    assert [mailbox.get(0) for _ in range(4)] == [{"done": 0}, {"done": 1}, {"done": 2}, None]


def test_a_socket_left_by_a_killed_daemon_is_replaced(tmp_path: Path) -> None:
    """The lock tells that nobody listens there."""
    script = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, tmp_path / "control.sock"], check=True)
    assert (tmp_path / "control.sock").exists()
    server = ControlSocket(tmp_path / "control.sock", answer)
    server.open()
    assert ask(tmp_path / "control.sock", b'{"command":"status"}\n')[-1] == {"kind": "end"}
    server.close()
    assert not (tmp_path / "control.sock").exists()
