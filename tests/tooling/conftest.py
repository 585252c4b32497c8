"""A tiny checkout in a folder with spaces, in which bin/syncd and bin/test run for real and without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
BASE_PYTHON = os.path.realpath(sys.executable)  # outside any virtual environment
NO_PACKAGES = "# no packages\n"
MAIN = """\
import json, os, sys
import state, syncd
print(json.dumps({"args": sys.argv[1:], "cwd": os.getcwd(), "syncd": syncd.__file__, "state": state.__file__}))
"""


@dataclass
class Tree:
    """A checkout with the real scripts and next to nothing else; `env` is what its scripts are started with."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def site(self) -> Path:
        return next(self.venv.glob("lib/python3.*/site-packages"))

    def start(self, script: str, *args: str, cwd: Path | None = None, **env: str) -> subprocess.Popen[str]:
        """Start `bin/<script>` and return at once."""
        command = [shutil.which("dash") or "sh", str(self.root / "bin" / script), *args]
        return subprocess.Popen(
            command,
            cwd=cwd or self.root,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, script: str, *args: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        """Run `bin/<script>` to its end."""
        with self.start(script, *args, cwd=cwd, **env) as process:
            out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def make_environment(self) -> None:
        """What a developer does by hand, less pip, which the scripts then borrow from the interpreter."""
        subprocess.run([BASE_PYTHON, "-m", "venv", "--without-pip", str(self.venv)], check=True)


def make_tree(folder: Path) -> Tree:
    """Write a tree into `folder`, which gets a blank and a quote in its name."""
    root = folder / "it's a tree"
    shutil.copytree(CHECKOUT / "bin", root / "bin")
    for package in ("syncd", "state"):
        (root / package).mkdir()
        (root / package / "__init__.py").touch()
    (root / "syncd" / "__main__.py").write_text(MAIN)
    for lock in ("requirements.lock", "requirements-dev.lock"):
        (root / lock).write_text(NO_PACKAGES)
    home = folder / "home"
    home.mkdir()
    return Tree(
        root,
        {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "SYNCD_PYTHON": BASE_PYTHON,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A tree that has never run."""
    return make_tree(tmp_path)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A tree after its first run."""
    tree = make_tree(tmp_path_factory.mktemp("installed"))
    first = tree.run("syncd")
    assert first.returncode == 0, first.stderr
    return tree
