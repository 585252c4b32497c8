"""The help page: complete, and cheap because it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from syncd.cli import COMMANDS
from tests.cli.conftest import Shell

HEAVY = (
    "google", "googleapiclient", "sqlalchemy", "alembic", "pydantic", "rich", "structlog", "cryptography",
    "apscheduler", "requests", "urllib3", "phonenumbers", "syncd.app", "syncd.daemon", "state", "adapters",
)  # fmt: skip


def loaded(code: str) -> set[str]:
    """The modules that are there after the code ran."""
    probe = f"import sys\n{code}\nprint('\\nMODULES', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("MODULES ")[2].split())


@pytest.mark.parametrize("arguments", [["--help"], ["sync", "--help"], ["--version"], ["nonsense"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """Help, version and mistakes cost no library that talks to the world."""
    modules = loaded(f"from syncd.cli import run\nrun({arguments!r})")
    assert "syncd.cli" in modules
    assert modules & set(HEAVY) == set()


def test_search_for_heavy_modules_finds_them() -> None:
    """The probe above does see what a command loads."""
    assert "pydantic" in loaded("import syncd.config")


def test_help_names_every_command(shell: Shell) -> None:
    """The page lists all commands, each with a whole sentence."""
    done = shell.syncd("--help")
    assert done.returncode == 0
    for name in COMMANDS:
        assert f"\n  {name} " in done.stdout
    assert "..." not in done.stdout.partition("Commands:")[2]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_and_json(shell: Shell, name: str) -> None:
    """Each command explains itself, and each that prints has --json; only the daemon, which logs, has not."""
    done = shell.syncd(name, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: syncd {name}")
    assert ("--json" in done.stdout) == (name != "run")


def test_unknown_command_suggests_a_near_one(shell: Shell) -> None:
    """A slip of the finger is answered with the word that was meant."""
    assert "'status'" in shell.syncd("statsu").stderr
