"""The import contracts of pyproject.toml, each seen to break on a small house of the same plan."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tooling.conftest import CHECKOUT

HOUSE = {
    "syncd/__main__.py": "import syncd.cli.run",
    "syncd/app.py": "import adapters.memory, state.store, syncd.engine.cycle, syncd.daemon",
    "syncd/cli/__init__.py": "",
    "syncd/cli/run.py": "import syncd.app, syncd.sandbox.wire",
    "syncd/core/__init__.py": "",
    "syncd/core/merge.py": "import dataclasses, msgspec",
    "syncd/daemon.py": "import syncd.log",
    "syncd/engine/__init__.py": "",
    "syncd/engine/cycle.py": "import syncd.core.merge, syncd.events",
    "syncd/events.py": "",
    "syncd/log.py": "import logging, syncd.events",
    "syncd/sandbox/__init__.py": "",
    "syncd/sandbox/wire.py": "import socket",
    "syncd/__init__.py": "",
    "adapters/__init__.py": "",
    "adapters/memory.py": "import syncd.core.merge",
    "state/__init__.py": "",
    "state/store.py": "import sqlalchemy, syncd.core.merge",
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A tree with the planned modules in it, all importing downwards."""
    for name, text in HOUSE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    return tmp_path


def broken(house: Path) -> str:
    """Return the lines of the report that name a broken contract."""
    command = "from importlinter.cli import lint_imports_command as lint; lint(['--no-cache', '--no-logo'])"
    env = {"PATH": os.environ["PATH"], "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=house, env=env, check=False, capture_output=True, text=True
    )
    assert "Contracts: " in done.stdout, done.stdout + done.stderr
    return "\n".join(line for line in done.stdout.splitlines() if line.endswith("BROKEN") or "BROKEN (" in line)


def test_house_that_imports_downwards_breaks_no_contract(house: Path) -> None:
    """The plan itself is allowed."""
    assert broken(house) == ""


@pytest.mark.parametrize(
    ("module", "imported", "contract"),
    [
        ("syncd/app.py", "syncd.cli.run", "Imports point down"),
        ("adapters/memory.py", "state.store", "Imports point down"),
        ("adapters/memory.py", "syncd.log", "Imports point down"),
        ("state/store.py", "syncd.engine.cycle", "Imports point down"),
        ("syncd/engine/cycle.py", "syncd.daemon", "do not know each other"),
        ("syncd/events.py", "syncd.engine.cycle", "do not know each other"),
        ("syncd/engine/cycle.py", "adapters.memory", "Only the composition root"),
        ("syncd/cli/run.py", "state.store", "Only the composition root"),
        ("syncd/core/merge.py", "time", "The core is pure"),
        ("syncd/core/merge.py", "os.path", "The core is pure"),
        ("syncd/core/merge.py", "sqlalchemy.orm", "The core is pure"),
        ("syncd/core/merge.py", "syncd.events", "The core is pure"),
        ("syncd/sandbox/wire.py", "syncd.core.merge", "The sandbox"),
        ("syncd/sandbox/wire.py", "adapters.memory", "The sandbox"),
    ],
)
def test_import_against_the_plan_breaks_its_contract(house: Path, module: str, imported: str, contract: str) -> None:
    """Each rule of the house is checked, not only written down."""
    with (house / module).open("a") as file:
        file.write(f"import {imported}\n")
    assert contract in broken(house)
