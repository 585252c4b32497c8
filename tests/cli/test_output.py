"""What commands print, for people and for programs."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from syncd.cli.render import moment, safe
from tests.cli.conftest import Shell, rows

HELD = [{"account": "anna", "subject": "42", "reason": "several_candidates", "candidates": ["a", "b"]}]
COMMANDS: list[tuple[list[str], dict[str, Any], int]] = [
    (["sync"], {"reports": [{"account": "anna", "outcome": "ok"}]}, 1),
    (["plan", "anna"], {"plan": [{"action": "update", "name": "x"}, {"action": "link", "name": "y"}]}, 3),
    (["approve", "anna"], {"approve": {"account": "anna", "steps": 3}}, 1),
    (["holds"], {"holds": HELD}, 1),
    (["resolve", "anna", "42", "--link", "a"], {}, 1),
    (["status"], {"status": [{"account": "anna", "level": "ok"}]}, 1),
    (["check"], {"check": [{"what": "state", "ok": True, "message": "m", "fix": ""}]}, 1),
    (["disconnect", "anna"], {"disconnect": {"revoked": True}}, 1),
    (["connect", "anna", "--credentials", "creatio.secret"], {}, 1),
    (["connect", "anna", "--service-account", "creatio.secret", "--subject", "a@b.c"], {}, 1),
    (["check", "--unit"], {}, 1),
]


@pytest.mark.parametrize(("command", "script", "count"), COMMANDS)
def test_json_is_alone_on_standard_output(shell: Shell, command: list[str], script: dict[str, Any], count: int) -> None:
    """With --json every line of standard output is one object."""
    done = shell.scripted(script, *command, "--json")
    assert done.returncode == 0, done.stderr
    assert len(rows(done)) == count


@pytest.mark.parametrize(("command", "script", "count"), COMMANDS)
def test_people_get_text(shell: Shell, command: list[str], script: dict[str, Any], count: int) -> None:
    """Without --json there is text, and no colours where nobody looks."""
    done = shell.scripted(script, *command)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_report_has_the_documented_shape(shell: Shell) -> None:
    """`sync --json` prints what the manual shows."""
    (row,) = rows(shell.scripted({"reports": [{"account": "anna", "outcome": "ok"}]}, "sync", "--json"))
    assert {"account", "outcome", "run", "full", "crm", "google", "linked", "conflicts", "held", "rejected"} <= set(row)
    assert row["crm"] == {"created": 0, "updated": 0, "tagged": 0, "untagged": 0}
    assert row["google"] == {"created": 0, "updated": 0, "grouped": 0, "ungrouped": 0}
    assert row["requests"] == {"crm": 0, "google": 0}


@pytest.mark.parametrize(
    ("option", "choice"),
    [(("--link", "a"), {"link": "a"}), (("--create",), {"create": True}), (("--leave",), {"leave": True})],
)
def test_decision_is_passed_on_as_made(shell: Shell, option: tuple[str, ...], choice: dict[str, Any]) -> None:
    """Each option of `resolve` is one decision."""
    (row,) = rows(shell.scripted({}, "resolve", "anna", "42", *option, "--json"))
    assert row == {"account": "anna", "subject": "42", "choice": choice}


def test_hostile_values_cannot_drive_the_terminal(shell: Shell) -> None:
    """Control characters are spelt out, markup is text, wide characters stay."""
    name = "\x1b[31m[bold]山田　太郎[/bold]\u202e\r\n"
    done = shell.scripted({"holds": [{"account": "anna", "subject": name}]}, "holds")
    assert done.returncode == 0
    assert "\\x1b[31m[bold]山田　太郎[/bold]\\u202e\\r\\n" in done.stdout
    (row,) = rows(shell.scripted({"holds": [{"subject": name}]}, "holds", "--json"))
    assert row["subject"] == name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Зоя 👩‍👩‍👧", "Зоя 👩‍👩‍👧"),
        ("a\tb", "a\\tb"),
        ("\u2066x", "\\u2066x"),
        (None, ""),
        (5, "5"),
        ("\x9b31m", "\\x9b31m"),
    ],
)
def test_safe_text(text: object, shown: str) -> None:
    """Scripts and emoji pass; whatever moves or turns does not."""
    assert safe(text) == shown


def test_progress_is_silent_when_nobody_looks(shell: Shell) -> None:
    """Piped, a run says nothing on standard error."""
    done = shell.scripted({"reports": [{"account": "anna", "outcome": "ok"}]}, "sync", "--json")
    assert done.stderr == ""


def on_terminal(code: str, term: str) -> str:
    """What a terminal shows while the code runs with it as standard error."""
    main, other = pty.openpty()
    env = os.environ | {"TERM": term, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", code], stderr=other, stdout=subprocess.PIPE, env=env) as child:
        os.close(other)
        shown = b""
        try:
            while piece := os.read(main, 65536):
                shown += piece
        except OSError:  # the other end is closed
            pass
        assert child.wait(60) == 0
    os.close(main)
    return shown.decode()


PROGRESS = """
import syncd.cli.render as render
render.PATIENCE_SECONDS = {patience}
with render.Progress() as progress:
    for done in range(3):
        progress.show("anna", "reading", done, 3)
"""


def test_progress_moves_on_a_terminal() -> None:
    """On a terminal a bar shows account and phase."""
    shown = on_terminal(PROGRESS.format(patience=0), "xterm")
    assert "anna: reading" in shown
    assert "\x1b[" in shown


def test_progress_is_plain_lines_on_a_terminal_that_cannot_move() -> None:
    """A dumb terminal gets one line per phase."""
    shown = on_terminal(PROGRESS.format(patience=0), "dumb")
    assert shown.strip() == "anna: reading"


def test_progress_of_a_short_run_is_not_shown() -> None:
    """What is over within the patience of a person does not flicker."""
    assert on_terminal(PROGRESS.format(patience=3600), "xterm") == ""


def test_reader_that_goes_away_is_no_fault(shell: Shell) -> None:
    """`syncd holds | head -1` ends without a traceback."""
    held = [{"account": "anna", "subject": "x" * 1500} for _ in range(70)]
    (shell.folder / "script").write_text(json.dumps({"holds": held}))
    command = shlex.join(shell.command("holds", "--json", scripted=True))
    line = f'SCRIPT="$(cat script)"; export SCRIPT; {command} | head -n 1 >/dev/null'
    script = shell.folder / "run.sh"
    script.write_text(line)
    done = subprocess.run(
        ["sh", str(script)], cwd=shell.folder, env=shell.environ, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("value", "shown"), [(None, ""), (0, ""), (1e12, "never"), (float("inf"), "never"), ("x", "x")]
)
def test_moment_that_is_no_date(value: object, shown: str) -> None:
    """No time, the end of time and what is no time at all can all be shown."""
    assert moment(value) == shown
