"""Runs the command line as a process of its own, in a folder with a configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = """
[crm.acme]
kind = "creatio"
url = "https://acme.creatio.com"
auth = "forms"
username = "Supervisor"
password = { file = "creatio.secret" }
[account.anna]
crm = "acme"
tag = "Google"
[account.ben]
crm = "acme"
tag = "Ben"
"""


@dataclass(frozen=True)
class Shell:
    """A folder, and syncd in it."""

    folder: Path

    @property
    def environ(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("SYNCD_", "STATE_", "RUNTIME_"))
        }
        return kept | {"PYTHONPATH": str(ROOT), "TMPDIR": str(self.folder)}

    def command(self, *arguments: str, scripted: bool = False) -> list[str]:
        start = [str(Path(__file__).with_name("with_app.py"))] if scripted else ["-m", "syncd"]
        return [sys.executable, *start, *arguments]

    def syncd(self, *arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """`python -m syncd ARGUMENTS…`."""
        return self._run(self.command(*arguments), stdin, environ)

    def scripted(
        self, script: dict[str, Any], *arguments: str, stdin: str = "", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """The same with an app that answers as the script says."""
        return self._run(self.command(*arguments, scripted=True), stdin, {"SCRIPT": json.dumps(script), **environ})

    def _run(self, command: list[str], stdin: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
        env = self.environ | environ
        return subprocess.run(
            command, cwd=self.folder, env=env, input=stdin, capture_output=True, text=True, timeout=60, check=False
        )


def rows(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Standard output, every line of which must be a JSON object."""
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """syncd in a folder with a good configuration of two accounts."""
    (tmp_path / "syncd.toml").write_text(CONFIG)
    (tmp_path / "creatio.secret").write_text("x")
    (tmp_path / "creatio.secret").chmod(0o400)
    return Shell(tmp_path)
