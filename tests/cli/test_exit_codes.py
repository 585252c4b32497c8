"""Exit codes, and what stands on standard output and standard error."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Shell, rows

OK = {"account": "anna", "outcome": "ok"}


def report(outcome: str, reason: str = "", account: str = "anna") -> dict[str, str]:
    """A run that ended like this."""
    return {"account": account, "outcome": outcome, "reason": reason}


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("syn",),
        ("sync", "--colour"),
        ("--colour", "sync"),
        ("sync", "bob"),
        ("plan", "bob"),
        ("approve",),
        ("approve", "bob"),
        ("holds", "bob"),
        ("resolve", "anna", "7"),
        ("resolve", "anna", "7", "--create", "--leave"),
        ("connect", "anna", "--subject", "a@b.c"),
        ("connect", "anna", "--credentials", "none.json"),
        ("connect", "bob"),
        ("sandbox", "--google-port", "x"),
        ("--log-format", "xml", "status"),
        ("status", "anna"),
    ],
)
def test_wrong_usage_ends_with_64(shell: Shell, arguments: tuple[str, ...]) -> None:
    """A command that cannot be understood ends with 64, says why on standard error, and prints nothing."""
    done = shell.syncd(*arguments)
    assert (done.returncode, done.stdout) == (64, "")
    assert "Usage:" in done.stderr


@pytest.mark.parametrize("command", ["sync", "plan", "check", "holds", "run"])
def test_bad_configuration_ends_with_78_and_every_problem(shell: Shell, command: str) -> None:
    """A configuration with problems ends with 78; all of them are on standard error."""
    (shell.folder / "syncd.toml").write_text("[deamon]\n[crm.acme]\n")
    done = shell.syncd(command)
    assert (done.returncode, done.stdout) == (78, "")
    assert all(key in done.stderr for key in ("deamon", "crm.acme.kind", "crm.acme.url"))


def test_missing_configuration_ends_with_78(shell: Shell) -> None:
    """A file that is named and not there is a problem of the configuration."""
    done = shell.syncd("sync", SYNCD_CONFIG="none.toml")
    assert done.returncode == 78
    assert "none.toml" in done.stderr


@pytest.mark.parametrize(
    ("reports", "code"),
    [
        ([OK], 0),
        ([], 0),
        ([report("held", "held")], 2),
        ([report("needs_consent", "consent_revoked")], 2),
        ([report("busy", "busy")], 75),
        ([report("failed", "unavailable")], 75),
        ([report("failed", "rate_limited")], 75),
        ([report("failed", "contract_broken")], 1),
        ([report("failed", "wrong_password")], 1),
        ([report("failed", "tag_missing")], 1),
        ([report("failed", "missing_right")], 77),
        ([report("failed", "config")], 78),
        ([OK, report("busy", "busy", "ben")], 75),
        ([report("busy", "busy"), report("held", "held", "ben")], 2),
        ([report("held", "held"), report("failed", "fatal", "ben")], 1),
        ([report("failed", "fatal"), report("failed", "missing_right", "ben")], 77),
        ([report("failed", "missing_right"), report("failed", "config", "ben")], 78),
    ],
)
def test_sync_ends_with_the_first_code_that_applies(shell: Shell, reports: list[dict[str, str]], code: int) -> None:
    """Of 78, 77, 1, 2, 75 and 0 the first that applies to an account is the code; the reports are all printed."""
    done = shell.scripted({"reports": reports}, "sync", "--json")
    assert done.returncode == code
    assert [row["outcome"] for row in rows(done)] == [row["outcome"] for row in reports]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (["Unavailable", "the CRM does not answer"], 75),
        (["Busy", "somebody else is at it"], 75),
        (["CursorExpired", "read again"], 75),
        (["ConsentRevoked", "connect again"], 2),
        (["PlanHeld", "approve it"], 2),
        (["MissingRight", "grant it"], 77),
        (["WrongPassword", "correct it"], 1),
        (["StateCorrupt", "restore it"], 1),
    ],
)
def test_error_with_a_name_ends_with_its_code_and_sentence(shell: Shell, error: list[str], code: int) -> None:
    """An error that reaches the command line says its sentence on standard error, without a traceback."""
    done = shell.scripted({"open": {"raise": error}}, "sync", "--json")
    assert (done.returncode, done.stdout) == (code, "")
    assert error[1] in done.stderr
    assert "Traceback" not in done.stderr


def test_fault_of_our_own_is_one_sentence_and_a_file(shell: Shell) -> None:
    """An unexpected exception ends with 1; the traceback is in a file for its owner alone, without secrets."""
    done = shell.scripted({"open": {"raise": ["ZeroDivisionError", "refresh_token=1//0canary-secret"]}}, "sync")
    assert done.returncode == 1
    assert "fault of its own (ZeroDivisionError)" in done.stderr
    (file,) = shell.folder.glob("syncd-fault-*.txt")
    assert str(file) in done.stderr
    assert "Traceback" in file.read_text()
    assert "canary" not in file.read_text() + done.stderr
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("levels", "code"),
    [([], 0), (["ok"], 0), (["ok", "warning"], 1), (["critical", "warning"], 2), (["ok", "strange"], 3)],
)
def test_status_speaks_to_monitors(shell: Shell, levels: list[str], code: int) -> None:
    """The worst account decides: 0 ok, 1 warning, 2 critical, 3 unknown."""
    status = [{"account": f"a{n}", "level": level} for n, level in enumerate(levels)]
    done = shell.scripted({"status": status}, "status", "--json")
    assert done.returncode == code
    assert rows(done) == status


@pytest.mark.parametrize("error", [["Unavailable", "no state"], ["StateCorrupt", "damaged"], ["KeyError", "x"]])
def test_status_that_cannot_be_told_is_unknown(shell: Shell, error: list[str]) -> None:
    """A monitor must not take an error of the command for a warning about an account."""
    assert shell.scripted({"open": {"raise": error}}, "status").returncode == 3
    (shell.folder / "syncd.toml").write_text("[")
    assert shell.syncd("status").returncode == 3


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([{"ok": True}], 0),
        ([{"ok": True}, {"ok": False, "reason": "tag_missing"}], 1),
        ([{"ok": False}], 1),
        ([{"ok": False, "reason": "missing_right"}, {"ok": False, "reason": "unavailable"}], 77),
        ([{"ok": False, "reason": "unavailable"}], 75),
    ],
)
def test_check_fails_as_its_findings_do(shell: Shell, findings: list[dict[str, Any]], code: int) -> None:
    """`check` ends like the worst of its findings."""
    told = [{"what": "x", "message": "m", "fix": "mend it", **finding} for finding in findings]
    assert shell.scripted({"check": told}, "check", "--json").returncode == code
    plain = shell.scripted({"check": told}, "check")
    assert plain.returncode == code
    assert "mend it" in plain.stdout
