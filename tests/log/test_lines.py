"""Log lines: their shape, what never reaches them, and native journal entries."""

from __future__ import annotations

import io
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import syncd.log
from syncd.log.journal import JournalHandler, entry, leads_to_journal

CANARIES = {
    "ya29.a0AfB_canary-TOKEN": "token ya29.a0AfB_canary-TOKEN was refused",
    "1//0gCanaryRefresh-x_y": 'refresh "1//0gCanaryRefresh-x_y"',
    "GOCSPX-canarySecret": "GOCSPX-canarySecret",
    "canaryBearer123": "Authorization: Bearer canaryBearer123",
    "Y2FuYXJ5OmJhc2lj": "basic Y2FuYXJ5OmJhc2lj",
    "4/0AcanaryCode1234567890": "http://127.0.0.1:1/?state=x&code=4/0AcanaryCode1234567890",
    "canaryClientSecret": '{"client_secret": "canaryClientSecret", "a": 1}',
    "canaryForm": "grant_type=x&refresh_token=canaryForm&client_id=y",
    "canaryEscaped": r"{\"refresh_token\": \"canaryEscaped\"}",
    "canaryCookie": "Cookie: BPMLOADER=canaryCookie; .ASPXAUTH=1",
    "canarySet": "Set-Cookie: BPMCSRF=canarySet; path=/",
    "canaryCsrf": "BPMCSRF: canaryCsrf",
    "canaryPassword": "password=canaryPassword",
    "canaryPem": "-----BEGIN PRIVATE KEY-----\ncanaryPem\n-----END PRIVATE KEY-----",
    "canaryCut": "-----BEGIN RSA PRIVATE KEY-----\ncanaryCut",
    "canaryDb": "postgresql+psycopg://syncd:canaryDb@db/syncd",
    "eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnkiOjF9.c2ln": "id eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnkiOjF9.c2ln",
}


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Puts logging back as the test found it."""
    root, own = logging.getLogger(), logging.getLogger("syncd")
    before = (root.handlers[:], root.level, own.level, syncd.log.EventLog.strict, threading.excepthook)
    yield
    for handler in set(root.handlers) - set(before[0]):
        handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])
    syncd.log.EventLog.strict, threading.excepthook = before[3], before[4]
    logging.captureWarnings(capture=False)


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Where the log goes, as JSON from DEBUG up."""
    logging.getLogger().handlers[:] = []
    text = io.StringIO()
    syncd.log.configure(syncd.log.Format.JSON, logging.DEBUG, text)
    return text


def fail_twice(said: str) -> None:
    """An exception with a cause, both of which say it."""
    try:
        float(said)  # its error repeats what it was given
    except ValueError as exc:
        raise RuntimeError(f"again: {said}") from exc


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """What was logged."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_event_is_one_json_object_with_its_facts(stream: io.StringIO) -> None:
    """An event has time, level, id, title, what was bound, and its fields; None is left out."""
    with syncd.log.bound(account="anna", run="r1"):
        syncd.log.get().event("SY102", outcome="ok", linked=2, reason=None)
    (line,) = lines(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "event": "SY102",
        "message": "run ended",
        "account": "anna",
        "run": "r1",
        "outcome": "ok",
        "linked": 2,
    }


def test_other_libraries_speak_from_warning_up_and_carry_the_run(stream: io.StringIO) -> None:
    """A library's warning tells which run it came from; its chatter, which quotes addresses, is not heard."""
    with syncd.log.bound(account="anna", run="r1"):
        logging.getLogger("apscheduler").info("chatter")
        logging.getLogger("urllib3").warning("GET https://x/v1/people:searchContacts?query=Maria%20Okafor failed")
    (line,) = lines(stream)
    assert (line["account"], line["logger"], line["level"]) == ("anna", "urllib3", "warning")
    assert "Maria" not in line["message"]


def test_slip_in_a_running_program_is_logged_and_does_not_stop_it(stream: io.StringIO) -> None:
    """Once configured, an undeclared event is a line, not an exception."""
    syncd.log.get().event("SY999", colour="red")
    assert lines(stream)[0]["event"] == "SY999"


def test_line_breaks_and_escapes_stay_inside_one_line() -> None:
    """A hostile value can neither start a line of its own nor drive a terminal."""
    text = io.StringIO()
    syncd.log.configure(syncd.log.Format.TEXT, logging.DEBUG, text)
    syncd.log.get().event("SY109", message="a\nb\r\x1b[31mred\u2028\u202e", reason="x")
    (line,) = text.getvalue().splitlines()
    assert line.isprintable()


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize("fmt", list(syncd.log.Format))
def test_secret_reaches_no_line(canary: str, fmt: syncd.log.Format) -> None:
    """Whatever way a secret takes (message, field, arguments, exception, its cause, another library) it is masked."""
    text = io.StringIO()
    syncd.log.configure(fmt, logging.DEBUG, text)
    said = CANARIES[canary]
    syncd.log.get().event("SY109", message=said, reason=said)
    syncd.log.get().event("SY104", reasons=[said], plan="p")
    logging.getLogger("apscheduler").error("job failed: %s", said)
    try:
        fail_twice(said)
    except RuntimeError as exc:
        syncd.log.get().event("SD010", part="x", kind="y", exc=exc)
        logging.getLogger("urllib3").exception("failed")
    assert "SD010" in text.getvalue()
    assert canary not in text.getvalue()


@pytest.mark.parametrize("key", ["refresh_token", "password", "Authorization", "cookie", "client_secret"])
def test_value_under_a_telling_name_is_masked(stream: io.StringIO, key: str) -> None:
    """A secret without a tell-tale shape is masked by the name it stands under."""
    syncd.log.get().event("SY109", message={key: "plain-canary", "n": 1})
    assert "plain-canary" not in stream.getvalue()


@pytest.mark.parametrize(
    "text", ["status code: 404", "exit_code=1", "https://a.b/c/1//2", "barcode=55", "2026-11-22T04:00:00Z"]
)
def test_harmless_text_stays(text: str) -> None:
    """Masking does not eat what a reader of logs needs."""
    assert syncd.log.redact(text) == text


def test_fault_of_a_thread_is_an_event(stream: io.StringIO) -> None:
    """A thread that dies says so in the log, not on a bare standard error."""
    thread = threading.Thread(target=lambda: 1 / 0, name="worker-1")
    thread.start()
    thread.join()
    (line,) = lines(stream)
    assert (line["event"], line["part"], line["kind"]) == ("SD010", "worker-1", "ZeroDivisionError")


def parsed(datagram: bytes) -> dict[str, str]:
    """The fields of a native journal entry, read as journald reads them."""
    fields = {}
    while datagram:
        line, _, datagram = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = int.from_bytes(datagram[:8], "little")
            value, datagram = datagram[8 : 8 + size], datagram[9 + size :]
        fields[name.decode()] = value.decode()
    return fields


@pytest.fixture
def journal() -> Iterator[tuple[socket.socket, Path]]:
    """A stand-in for journald's socket."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        path = Path(folder) / "socket"
        listening.bind(str(path))
        listening.settimeout(10)
        yield listening, path


def test_journal_gets_each_fact_as_a_field(journal: tuple[socket.socket, Path]) -> None:
    """Under systemd every field can be searched for; the message id finds all events of a kind."""
    listening, path = journal
    handler = JournalHandler(io.StringIO(), path)
    handler.setFormatter(logging.Formatter("%(message)s"))
    line = {
        "time": "t",
        "level": "error",
        "event": "SY104",
        "message": "held by the brake",
        "account": "anna",
        "leavers": 11,
    }
    handler.emit(logging.makeLogRecord({"msg": json.dumps(line)}))
    handler.close()
    fields = parsed(listening.recv(65536))
    assert fields["PRIORITY"] == "3"
    assert fields["SYSLOG_IDENTIFIER"] == "syncd"
    assert len(fields["MESSAGE_ID"]) == 32
    assert (fields["SYNCD_EVENT"], fields["SYNCD_ACCOUNT"], fields["SYNCD_LEAVERS"]) == ("SY104", "anna", "11")
    assert fields["MESSAGE"] == "SY104 held by the brake account=anna leavers=11"


def test_value_cannot_forge_a_journal_field() -> None:
    """A line break in a value does not begin a field of its own."""
    fields = parsed(entry({"level": "info", "message": "x\nPRIORITY=0\n_UID=0", "na me\n": "y"}))
    assert fields["PRIORITY"] == "6"
    assert "_UID" not in fields
    assert fields["MESSAGE"].startswith("x\nPRIORITY=0\n_UID=0")


def test_line_goes_to_the_stream_when_the_journal_is_away(tmp_path: Path) -> None:
    """Without a journal that listens, nothing is lost."""
    stream = io.StringIO()
    handler = JournalHandler(stream, tmp_path / "none")
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.emit(logging.makeLogRecord({"msg": '{"message": "x"}'}))
    handler.close()
    assert stream.getvalue() == '{"message": "x"}\n'


def test_journal_is_only_used_by_the_stream_that_leads_there(tmp_path: Path) -> None:
    """$JOURNAL_STREAM is inherited by programs whose output goes elsewhere; the file numbers decide."""
    with (tmp_path / "a").open("w") as mine, (tmp_path / "b").open("w") as other:
        status = os.fstat(mine.fileno())
        value = f"{status.st_dev}:{status.st_ino}"
        assert leads_to_journal(mine, value)
        assert not leads_to_journal(other, value)
        assert not leads_to_journal(mine, None)
        assert not leads_to_journal(io.StringIO(), value)


def test_warnings_of_python_are_lines_too() -> None:
    """What a library warns of at run time is logged in the same shape as all else."""
    code = "import syncd.log, warnings; syncd.log.configure(); warnings.warn('old\\nway')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stderr)["logger"] == "py.warnings"
